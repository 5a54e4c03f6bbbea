#!/bin/bash
# Usage: compose.sh [BUILD]
# Lay this repository over the distribution's kernel source: BUILD/source is
# linux-source-6.1 as packaged, BUILD/linux the same with our files and patches.
#
# Only files whose content changes are written, so that make rebuilds no more
# than it must. BUILD/linux.stamp is newer than every change, BUILD/kconfig.stamp
# newer than every change to a Kconfig file.
#
# With REALTIME=1 the source has the distribution's patches of PREEMPT_RT, too.
#
# It stops, by name, at: a patch that needs fuzz or no longer applies; a patch for
# a file that is whole in this repository; a whole file that the source already
# has; a composed file that was edited in BUILD/linux and would be lost.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$repo/build}
package=linux-source-6.1
tarball=/usr/src/$package.tar.xz

fail()
{
	echo "compose: $*" >&2
	exit 1
}

# The archive replaces the package with each 6.1.y, so its version is the key of
# everything that was built from it.
unpack_source()
{
	local version=$1

	[ "$(cat source.version 2>/dev/null)" != "$version" ] || return 0
	echo "tree: unpacking $package $version"
	rm -rf source source.version linux linux.stamp linux.manifest kconfig.stamp headers arm64 rt \
		kernel kernel-{debug,container,coverage,debian,debian-container} bench/kernel-{stock,ours,calls}
	mkdir source
	tar -xf "$tarball" -C source --strip-components=1
	[ -z "${REALTIME:-}" ] || "$repo/harness/realtime.sh" source "$version"
	cp -a source linux
	printf '%s\n' "$version" >source.version
}

# A top-level folder that the kernel source has too is kernel; of the files beside
# them only patches are.
list_overlay()
{
	local path

	git -C "$repo" ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' path; do
			[ -f "$repo/$path" ] || continue
			case $path in
			*/*)	[ -d "source/${path%%/*}" ] || continue ;;
			*)	[[ $path == *.patch ]] || continue ;;
			esac
			printf '%s\n' "$path"
		done | LC_ALL=C sort -u
}

stage_patch()
{
	local path=$1 target=${1%.patch} headers output

	[ ! -e "$repo/$target" ] || fail "$path: $target is stored whole as well"
	[ -f "source/$target" ] || fail "$path: the kernel source has no $target"
	headers=$(grep -E '^(--- a/|\+\+\+ b/)' "$repo/$path" | cut -f1)
	[ "$headers" = "$(printf -- '--- a/%s\n+++ b/%s' "$target" "$target")" ] ||
		fail "$path: must change a/$target to b/$target and nothing else"

	mkdir -p "$stage/$(dirname "$target")"
	output=$(patch -p1 --fuzz=0 -s -r - -o "$stage/$target" "source/$target" <"$repo/$path" 2>&1) ||
		fail "$path does not apply to $package $version:"$'\n'"$output"
	chmod --reference="source/$target" "$stage/$target"
}

stage_overlay()
{
	local path
	local -a whole=()

	for path in "${overlay[@]}"; do
		case $path in
		*.patch)
			stage_patch "$path" ;;
		*)
			[ ! -e "source/$path" ] || fail "$path: the kernel source has this file; store a patch"
			whole+=("$path") ;;
		esac
	done
	[ ${#whole[@]} -eq 0 ] || (cd "$repo" && cp --parents --preserve=mode -t "$stage" -- "${whole[@]}")
	echo "tree: ${#whole[@]} files and $((${#overlay[@]} - ${#whole[@]})) patches on $package $version"
}

# linux.manifest has the checksum of everything that was composed before.
check_manifest()
{
	cd linux
	sha256sum --check --quiet ../linux.manifest 2>/dev/null || true
}

refuse_to_lose_edits()
{
	local path

	[ -s linux.manifest ] || return 0
	check_manifest |
		sed -n 's/: FAILED$//p' |
		while IFS= read -r path; do
			cmp -s "linux/$path" "$stage/$path" ||
				fail "$build/linux/$path was edited there; keep it with harness/refresh-patches.sh, or delete it"
		done
}

# Prints what changed. Files of the source get a new time when they come back, or
# make would not see that they changed.
install_stage()
{
	local path

	rsync -rcp --out-format=%n "$stage/" linux/ | sed '/\/$/d'
	[ -s linux.manifest ] || return 0
	sed 's/^[^ ]*  //' linux.manifest | while IFS= read -r path; do
		[ ! -e "$stage/$path" ] || continue
		if [ -e "source/$path" ]; then
			cp --preserve=mode "source/$path" "linux/$path"
		else
			rm -f "linux/$path"
		fi
		printf '%s\n' "$path"
	done
}

mkdir -p "$build"
cd "$build"
build=$PWD
version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null) || fail "package $package is not installed"
unpack_source "$version"

stage=$(mktemp -d stage.XXXXXX)
stage=$build/$stage
trap 'rm -rf "$stage"' EXIT
list_overlay >"$stage.list"
mapfile -t overlay <"$stage.list"
rm "$stage.list"
stage_overlay
refuse_to_lose_edits

# An interrupted run leaves no stamp, hence is taken for a change next time.
if [ -e linux.stamp ]; then mv linux.stamp linux.stamp.old; fi
changed=$(install_stage)
(cd "$stage" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum) >linux.manifest

if [ -n "$changed" ] || [ ! -e linux.stamp.old ]; then
	# After unpacking everything is a change.
	if [ -e linux.stamp.old ]; then printf '%s\n' "$changed" | sed '/^$/d; s/^/tree: changed /'; fi
	if grep -q 'Kconfig[^/]*$' <<<"$changed" || [ ! -e kconfig.stamp ] || [ ! -e linux.stamp.old ]; then
		touch kconfig.stamp
	fi
	touch linux.stamp
	rm -f linux.stamp.old
else
	mv linux.stamp.old linux.stamp
fi
