#!/bin/bash
# Usage: unchanged.sh BUILD
# Compare drivers/vfio with IOMMUFD off and that of the kernel as packaged, object by object
# and function by function, by name and size. unchanged.txt has what may differ, with the
# reason; anything else fails, and so does a line there that nothing needs.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
out=$build/unchanged

# compile NAME SOURCE
compile()
{
	mkdir -p "$out"
	grep -vE 'IOMMUFD|GVT' "$here/config/users.config" >"$out/users.config"
	printf 'CONFIG_VFIO_DEVICE_CDEV=n\n' >"$out/off.config"
	"$here/config.sh" "$2" "$out/$1" "$here/config/base.config" "$out/users.config" "$out/off.config"
	"$here/kbuild.sh" "$2" "$out/$1" drivers/vfio/ >"$out/$1.log" 2>&1 ||
		{ tail -n 15 "$out/$1.log" >&2; exit 1; }
	(cd "$out/$1/drivers/vfio" && find . -name '*.o' ! -name '*.mod.o' | LC_ALL=C sort) |
		while IFS= read -r object; do
			# Of objects that are linked from others, those are looked at.
			[ -e "$2/drivers/vfio/${object%.o}.c" ] || continue
			nm -S "$out/$1/drivers/vfio/$object" |
				awk -v object="${object#./}" 'NF == 4 && $4 !~ /^(__|\.L|_rs|_note_)/ {
					sub(/\.([0-9]|cold|part|isra|constprop).*/, "", $4)
					print object, $4, $3, $2
				}'
		done | LC_ALL=C sort >"$out/$1.symbols"
}

compile old "$build/source"
compile new "$build/linux"
{ diff <(cut -d' ' -f1,2,4 "$out/old.symbols") <(cut -d' ' -f1,2,4 "$out/new.symbols") || true; } |
	sed -n 's/^[<>] \([^ ]* [^ ]*\) .*/\1/p' | LC_ALL=C sort -u >"$out/differences"
grep -vE '^(#|$)' "$here/release/unchanged.txt" | LC_ALL=C sort >"$out/expected"
unexplained=$(LC_ALL=C comm -23 "$out/differences" "$out/expected")
needless=$(LC_ALL=C comm -13 "$out/differences" "$out/expected")
[ -z "$unexplained" ] || printf 'unchanged: %s differs, and unchanged.txt does not say why\n' "${unexplained//$'\n'/, }" >&2
[ -z "$needless" ] || printf 'unchanged: %s does not differ, but is in unchanged.txt\n' "${needless//$'\n'/, }" >&2
[ -z "$unexplained$needless" ] || exit 1
echo "unchanged: $(wc -l <"$out/new.symbols") symbols, $(wc -l <"$out/differences") differ for a reason"
