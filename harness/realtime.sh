#!/bin/bash
# Usage: realtime.sh SOURCE VERSION
# Apply to SOURCE, which is linux-source-6.1 of that VERSION, the patches of PREEMPT_RT that
# the distribution builds its kernels of the flavour rt with. Its source package has them, from
# the mirror that this machine's apt uses; apt's own lists stay as they are. A mirror may lack
# that of the newest version: then those of the newest one that it has, as long as all apply.
set -euo pipefail

tree=$(realpath "$1") version=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "realtime: $*" >&2
	exit 1
}

# apt with lists, status and cache of its own
run_apt()
{
	local command=$1
	shift

	"$command" -o Dir::State="$work" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
		-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -qq "$@" 2>>"$work/apt.log"
}

# Where this machine gets its own release and its security updates from
list_sources()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | LC_ALL=C sort -u |
		sed -n "s|^[^ ]* ${1}\\(-security\\)\\?\$|deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & main|p"
}

# The newest first, none newer than the source
list_versions()
{
	local known

	run_apt apt-cache showsrc linux | sed -n 's/^Version: //p' | LC_ALL=C sort -u |
		while read -r known; do
			! dpkg --compare-versions "$known" le "$version" || printf '%s\n' "$known"
		done | sort -rV
}

fetch()
{
	local candidate

	mkdir -p "$work"/{lists,cache/archives}/partial
	touch "$work/status"
	list_sources "$(. /etc/os-release && echo "$VERSION_CODENAME")" >"$work/sources.list"
	run_apt apt-get update || fail "$(grep '^E:' "$work/apt.log" | head -n 1)"
	while read -r candidate; do
		(cd "$work" && run_apt apt-get source --download-only --diff-only "linux=$candidate" >/dev/null) || continue
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
