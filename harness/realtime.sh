#!/bin/bash
# Usage: realtime.sh SOURCE VERSION
# Apply to SOURCE, which is linux-source-6.1 of that VERSION, the patches of PREEMPT_RT that
# the distribution builds its kernels of the flavour rt with. Its source package has them, from
# the mirror that this machine's apt uses. A mirror may lack that of the newest version: then
# those of the newest one that it has, as long as all apply.
set -euo pipefail
# shellcheck source=harness/apt.sh
. "$(dirname "$0")/apt.sh"

tree=$(realpath "$1") version=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "realtime: $*" >&2
	exit 1
}

# Where this machine gets its own release and its security updates from
list_sources()
{
	local release uri

	apt_list_mirrors | LC_ALL=C sort -u | while read -r release uri; do
		case $release in
		"$1" | "$1-security") apt_source deb-src "$uri" "$release" ;;
		esac
	done
}

# The newest first, none newer than the source
list_versions()
{
	local known

	apt_run apt-cache showsrc linux | sed -n 's/^Version: //p' | LC_ALL=C sort -u |
		while read -r known; do
			! dpkg --compare-versions "$known" le "$version" || printf '%s\n' "$known"
		done | sort -rV
}

fetch()
{
	local candidate

	apt_begin "$work" < <(list_sources "$(apt_codename)")
	apt_run apt-get update || fail "$(apt_error)"
	while read -r candidate; do
		(cd "$work" && apt_run apt-get source --download-only --diff-only "linux=$candidate" >/dev/null) || continue
		echo "realtime: patches of $candidate"
		return
	done < <(list_versions)
	fail "the source package linux cannot be had: $(grep '^E:' "$work/apt.log" | tail -n 1)"
}

fetch
tar -xJf "$work"/linux_*.debian.tar.xz -C "$work" --wildcards 'debian/patches-rt/*'
cd "$work/debian/patches-rt"
sed '/^#/d; /^$/d' series | while read -r name; do
	patch -d "$tree" -p1 -s --fuzz=0 --no-backup-if-mismatch <"$name" >"$work/patch.log" 2>&1 ||
		fail "$name does not apply to $version: $(head -n 1 "$work/patch.log")"
done
