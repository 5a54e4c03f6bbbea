#!/bin/bash
# Usage: docs.sh LINUX OUT
# Make HTML of the pages that this repository adds to the kernel's documentation or changes,
# with the kernel's own Sphinx, in OUT. The whole documentation of the kernel takes half an
# hour; so OUT.tree is a kernel tree of links whose Documentation has these pages only. A
# warning is a failure.
set -euo pipefail

linux=$(realpath "$1") out=$(realpath -m "$2")
repo=$(cd "$(dirname "$0")/.." && pwd)
tree=$out.tree

# The pages below Documentation, but for tables of contents, which name others.
list_pages()
{
	git -C "$repo" ls-files --cached --others --exclude-standard 'Documentation/*.rst' 'Documentation/*.rst.patch' |
		sed -e 's/\.patch$//' -e '/index\.rst$/d' -e 's|^Documentation/||' | LC_ALL=C sort
}

link_tree()
{
	local path page

	rm -rf "$tree"
	mkdir -p "$tree/Documentation"
	for path in "$linux"/*; do
		[ "${path##*/}" = Documentation ] || ln -s "$path" "$tree/"
	done
	for path in Makefile conf.py docutils.conf sphinx sphinx-static ABI; do
		ln -s "$linux/Documentation/$path" "$tree/Documentation/"
	done
	# Every build makes what the pages of media need, which are not here.
	mkdir -p "$tree/Documentation/userspace-api/media"
	echo 'html:;@:' >"$tree/Documentation/userspace-api/media/Makefile"
	for page in "$@"; do
		mkdir -p "$tree/Documentation/$(dirname "$page")"
		ln -s "$linux/Documentation/$page" "$tree/Documentation/$page"
	done
}

write_contents()
{
	printf '%s\n' 'iommufd and the VFIO device cdev' '================================' '' \
		'.. toctree::' '   :maxdepth: 2' ''
	printf '   %s\n' "${@%.rst}"
}

mapfile -t pages < <(list_pages)
link_tree "${pages[@]}"
write_contents "${pages[@]}" >"$tree/Documentation/index.rst"

rm -rf "$out"
mkdir -p "$out"
log=$out.log
PYTHONDONTWRITEBYTECODE=1 make -s -C "$tree" BUILDDIR="$out" htmldocs >"$log" 2>&1 ||
	{ cat "$log" >&2; echo "docs: failed" >&2; exit 1; }
# The kernel checks how old Sphinx is, and says so about each.
if grep -E 'WARNING|ERROR|: warning:|: error:' "$log" >&2; then
	echo "docs: has warnings, see $log" >&2
	exit 1
fi
echo "docs: $out/index.html, ${#pages[@]} pages"
