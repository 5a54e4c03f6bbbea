#!/bin/bash
# Usage: quilt.sh BUILD
# The series as a distribution's kernel package takes it: BUILD/quilt/patches has the patches
# and the file "series" for debian/patches. Each has the fields of DEP-3 that a mail lacks.
# It is tried out on the files that it changes.
set -euo pipefail

build=$(cd "$1" && pwd)
patches=$build/quilt/patches
folder=features/all/iommufd

rm -rf "$build/quilt"
mkdir -p "$patches/$folder"
for mail in "$build"/series/0*.patch; do
	name=$(basename "$mail")
	[ "$name" != 0000-cover-letter.patch ] || continue
	# The first line is for mail programs.
	sed -e 1d -e '0,/^Date: /s/^Date: .*/&\nForwarded: not-needed/' "$mail" >"$patches/$folder/$name"
	printf '%s/%s\n' "$folder" "$name" >>"$patches/series"
done

tree=$build/quilt/tree
mkdir "$tree"
git -C "$build/series/git" archive base | tar -x -C "$tree"
if command -v quilt >/dev/null; then
	(cd "$tree" && QUILT_PATCHES=$patches quilt --quiltrc=- push -a -q --fuzz=0) >"$build/quilt/push.log" 2>&1 ||
		{ tail -n 20 "$build/quilt/push.log" >&2; exit 1; }
else
	while read -r name; do
		patch -d "$tree" -p1 --fuzz=0 -s <"$patches/$name"
	done <"$patches/series"
fi
rm -rf "$tree/.pc"
git -C "$build/series/git" --work-tree="$tree" diff --exit-code --stat series ||
	{ echo "quilt: the patches do not end in the composed tree" >&2; exit 1; }
rm -rf "$tree"
echo "quilt: $(wc -l <"$patches/series") patches in $patches"
