#!/bin/bash
# Usage: coverage.sh OBJDIR LINUX OUT KERNEL INITRAMFS PROGRAMS
# Run the tests on a kernel that counts (test.sh), then show which lines of ours they
# reached. Each guest leaves what its kernel counted on its disk, as a tar archive.
set -euo pipefail

objdir=$1 linux=$2
shift 2
out=$1
here=$(cd "$(dirname "$0")" && pwd)

if [ "${DRY_RUN:-0}" = 1 ]; then
	exec "$here/test.sh" "$@"
fi

# The kernel names a file of counts by where its object was built; gcov wants the notes
# that the compiler made there beside it.
unpack_counts()
{
	local counts

	mkdir -p "$2"
	tar -xf "$1" -C "$2" 2>/dev/null || { echo "coverage: no counts on $1" >&2; exit 1; }
	(cd "$2" && find . -name '*.gcda' -printf '%P\n') | while IFS= read -r counts; do
		cp "/${counts%.gcda}.gcno" "$2/${counts%.gcda}.gcno"
	done
}

# What is left of an earlier run must not be taken for this one's.
rm -rf "$out"/disk.img "$out"/*/disk.img "$out/counts"
status=0
"$here/test.sh" "$@" || status=$?

folders=()
for disk in "$out"/disk.img "$out"/*/disk.img; do
	[ -e "$disk" ] || continue
	folder=$out/counts/${#folders[@]}
	unpack_counts "$disk" "$folder"
	folders+=("$folder$(realpath "$objdir")")
done
[ ${#folders[@]} -gt 0 ] || { echo "coverage: no guest ran" >&2; exit 1; }
"$here/coverage_report.py" "$linux" "${folders[@]}" >"$out/report.txt"
sed '/^$/,$d' "$out/report.txt"
echo "lines and branches never reached: $out/report.txt"
exit "$status"
