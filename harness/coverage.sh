#!/bin/bash
# Usage: coverage.sh OBJDIR LINUX OUT KERNEL INITRAMFS PROGRAMS
# Run the tests on a kernel that counts (test.sh), then show which lines of ours they
# reached. Such a guest leaves what the kernel counted on its disk, as a tar archive.
set -euo pipefail

objdir=$1 linux=$2
shift 2
out=$1
here=$(cd "$(dirname "$0")" && pwd)

if [ "${DRY_RUN:-0}" = 1 ]; then
	exec "$here/test.sh" "$@"
fi

# What is left of an earlier run must not be taken for this one's.
rm -rf "$out/disk.img" "$out/counts"
status=0
"$here/test.sh" "$@" || status=$?

mkdir -p "$out/counts"
tar -xf "$out/disk.img" -C "$out/counts" 2>/dev/null ||
	{ echo "coverage: the guest left no counts on $out/disk.img" >&2; exit 1; }
# The kernel names a file of counts by where its object was built; gcov wants the notes
# that the compiler made there beside it.
(cd "$out/counts" && find . -name '*.gcda' -printf '%P\n') | while IFS= read -r counts; do
	cp "/${counts%.gcda}.gcno" "$out/counts/${counts%.gcda}.gcno"
done
"$here/coverage_report.py" "$linux" "$out/counts$(realpath "$objdir")" >"$out/report.txt"
sed '/^$/,$d' "$out/report.txt"
echo "lines and branches never reached: $out/report.txt"
exit "$status"
