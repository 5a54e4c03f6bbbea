#!/bin/bash
# Usage: busybox.sh ARCHITECTURE OUT
# Get Debian's static busybox of another architecture from the mirror that this machine's
# apt uses, as the file OUT. Nothing is installed, and apt's own lists stay as they are. It
# is done once.
set -euo pipefail

architecture=$1 out=$2
[ ! -x "$out" ] || exit 0
mkdir -p "$(dirname "$out")"
work=$(realpath "$(mktemp -d "$out.XXXXXX")")
trap 'rm -rf "$work"' EXIT

# apt with lists, status and cache of its own
run_apt()
{
	apt-get -o Dir::State="$work" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
		-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -qq "$@" >>"$work/apt.log" 2>&1 || {
		echo "busybox: $(grep '^E:' "$work/apt.log" | head -n 1)" >&2
		exit 1
	}
}

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2>/dev/null | sed -n "s/^$codename //p" | head -n 1)
[ -n "$mirror" ] || { echo "busybox: apt knows no mirror of this machine's release" >&2; exit 1; }

mkdir -p "$work"/{lists,cache/archives}/partial
touch "$work/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $codename main" >"$work/sources.list"
run_apt update
(cd "$work" && run_apt download busybox-static)
dpkg-deb -x "$work"/busybox-static_*.deb "$work/files"
mv "$work/files/bin/busybox" "$out"
