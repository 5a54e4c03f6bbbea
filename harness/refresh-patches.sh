#!/bin/bash
# Usage: refresh-patches.sh [DIR [PATH...]]
# Bring edits that were made in a kernel tree back into this repository. DIR is
# that tree (default: build/linux), PATH one or more of its files (default: every
# file that differs from the packaged source).
#
# A file that the packaged source has becomes PATH.patch; a file that this
# repository stores whole is copied back. A patch whose file no longer differs is
# reported, not removed: DIR may hold only a part of the work. A patch that still makes
# the file what it is stays as it is, also where diff would word it otherwise. What was
# changed here after the tree was is named and kept, and the exit status is 1.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
source=$repo/build/source
tree=$(cd "${1:-$repo/build/linux}" && pwd)
[ $# -eq 0 ] || shift
[ -d "$source" ] || { echo "refresh-patches: run 'make tree' first" >&2; exit 1; }

# By time and size first: comparing the content of 80,000 files takes minutes.
list_candidates()
{
	rsync -rtn --existing --out-format=%n "$tree/" "$source/" | sed '/\/$/d'
	cd "$repo"
	git ls-files --cached --others --exclude-standard | while IFS= read -r path; do
		[ -d "$source/${path%%/*}" ] || [[ $path == *.patch ]] || continue
		printf '%s\n' "${path%.patch}"
	done
}

# What the packaged source becomes with the patch of PATH
apply_patch()
{
	[ -f "$repo/$1.patch" ] || return 0
	patch -p1 --fuzz=0 -s -r - -o - "$source/$1" <"$repo/$1.patch" 2>/dev/null || true
}

# keep PATH FILE: is FILE of this repository newer than PATH of the tree?
keep()
{
	[ "$repo/$2" -nt "$tree/$1" ] || return 1
	echo "kept: $2 is newer here; to have the other one, touch $tree/$1" >&2
	refused=1
}

refresh_patch()
{
	local path=$1 new

	if cmp -s "$source/$path" "$tree/$path"; then
		[ ! -e "$repo/$path.patch" ] || echo "same as the source, yet has a patch: $path.patch"
		return 0
	fi
	! cmp -s <(apply_patch "$path") "$tree/$path" || return 0
	! keep "$path" "$path.patch" || return 0
	new=$(diff -up --label "a/$path" --label "b/$path" "$source/$path" "$tree/$path" || true)
	mkdir -p "$repo/$(dirname "$path")"
	printf '%s\n' "$new" >"$repo/$path.patch"
	echo "patch: $path.patch"
}

refresh_file()
{
	local path=$1

	[ -f "$repo/$path" ] && [ -f "$tree/$path" ] || return 0
	! cmp -s "$tree/$path" "$repo/$path" || return 0
	! keep "$path" "$path" || return 0
	cp "$tree/$path" "$repo/$path"
	echo "file: $path"
}

if [ $# -gt 0 ]; then
	printf '%s\n' "$@"
else
	list_candidates | LC_ALL=C sort -u
fi | {
	refused=0
	while IFS= read -r path; do
		if [ -f "$source/$path" ] && [ -f "$tree/$path" ]; then
			refresh_patch "$path"
		else
			refresh_file "$path"
		fi
	done
	exit "$refused"
}
