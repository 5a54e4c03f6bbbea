#!/bin/bash
# Usage: bench.sh OUT
# Run the benchmark on each kernel of columns.list that is in OUT, and make a table and a
# picture of it. BENCH=prefix runs only rows whose name begins so. JOBS guests run
# side by side, except for those in real time.
#
# PROFILE=1 says instead which functions executed the instructions, in OUT/profile.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath "$1")
image=arch/x86/boot/bzImage
row=${BENCH:-}
logs=$out/logs
[ -z "${PROFILE:-}" ] || logs=$out/profile

list_columns()
{
	grep -v '^#' "$here/columns.list" | while read -r name kernel interface _; do
		[ ! -e "$out/kernel-$kernel/$image" ] || echo "$name" "$kernel" "$interface"
	done
}

address_of()
{
	nm "$out/bench" | awk -v name="$1" '$3 == name { print $1 }'
}

# Options of QEMU to profile what is written to a log
profile_options()
{
	[ -z "${PROFILE:-}" ] ||
		echo "-plugin $out/profile.so,start=$(address_of stopwatch_start),stop=$(address_of stopwatch_stop),out=$1.window"
}

# run_guest LOG KERNEL INTERFACE [MODE=real-time]
run_guest()
{
	QEMU_OPTIONS=$(profile_options "$1") "$here/guest.sh" "$1" "$out/kernel-$2/$image" \
		"$out/initramfs.cpio" INTERFACE="$3" ROW="$row" "${@:4}"
}

# run_all JOBS SUFFIX [MODE=real-time]: a guest for each column
run_all()
{
	local name kernel interface pid status=0
	local -a pids=()

	while read -r name kernel interface; do
		while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n || true; done
		echo "bench: $name${3:+, in real time}"
		run_guest "$logs/$name$2" "$kernel" "$interface" "${@:3}" &
		pids+=($!)
	done < <(list_columns)
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	return "$status"
}

show_profiles()
{
	local name kernel interface

	while read -r name kernel interface; do
		"$here/profile.py" "$logs/$name.log" "$out/kernel-$kernel/System.map" >"$logs/$name.txt"
		echo "bench: $logs/$name.txt"
	done < <(list_columns)
}

rm -rf "$logs"
mkdir -p "$logs"
run_all "${JOBS:-$(nproc)}" .log
if [ -n "${PROFILE:-}" ]; then
	show_profiles
	exit
fi
rm -f "$out"/bench.{csv,md,svg,dat}
if [[ threads == "$row"* ]]; then
	run_all 1 .time.log MODE=real-time
fi
"$here/table.py" "$out" "$here/columns.list"
# It shows pages only, which not every choice of rows has.
if [ "$(wc -l <"$out/bench.dat")" -gt 1 ]; then
	gnuplot -e "out='$out/bench.svg'; data='$out/bench.dat'" "$here/picture.gnuplot"
fi
echo "bench: $out/bench.csv, bench.md, bench.svg"
