# Usage: gnuplot -e "out='FILE.svg'; data='bench.dat'" picture.gnuplot
# A line for each row of the table, a dot for each column: how many instructions a page costs.
# The further left, the better; each vertical line is ten times the one before.

stats data skip 1 using 0 nooutput
rows = STATS_records
set terminal svg size 1000, 150 + 22 * rows font 'sans-serif,13' background '#ffffff'
set output out
set title 'Instructions for each page of 4 KiB: the further left, the better' font ',15' offset graph -0.4
set logscale x
set xrange [0.1:20000]
set yrange [-1:rows]
set format x '%h'
set grid x y linecolor '#dddddd' linetype 1
set tics scale 0
set border 0
set key at screen 0.97, screen 0.015 right bottom maxrows 2
set bmargin 6

plot data using 2:0:yticlabels(1) title columnheader(2) with points pointtype 6 pointsize 1 linewidth 2 linecolor '#999999', \
     data using 3:0 title columnheader(3) with points pointtype 4 pointsize 1 linewidth 2 linecolor '#999999', \
     data using 4:0 title columnheader(4) with points pointtype 8 pointsize 1.2 linewidth 2 linecolor '#555555', \
     data using 7:0 title columnheader(7) with points pointtype 1 pointsize 1 linewidth 2 linecolor '#88aadd', \
     data using 6:0 title columnheader(6) with points pointtype 7 pointsize 0.8 linecolor '#88aadd', \
     data using 5:0 title columnheader(5) with points pointtype 7 pointsize 1.1 linecolor '#c03020'
