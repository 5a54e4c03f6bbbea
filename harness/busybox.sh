#!/bin/bash
# Usage: busybox.sh ARCHITECTURE OUT
# Get Debian's static busybox of another architecture from the mirror that this machine's
# apt uses, as the file OUT. Nothing is installed. It is done once.
set -euo pipefail
# shellcheck source=harness/apt.sh
. "$(dirname "$0")/apt.sh"

architecture=$1 out=$2
[ ! -x "$out" ] || exit 0
mkdir -p "$(dirname "$out")"
work=$(realpath "$(mktemp -d "$out.XXXXXX")")
trap 'rm -rf "$work"' EXIT

fail()
{
	echo "busybox: $*" >&2
	exit 1
}

run_apt()
{
	apt_run apt-get -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" "$@" >/dev/null ||
		fail "$(apt_error)"
}

mirror=$(apt_find_mirror)
[ -n "$mirror" ] || fail "apt knows no mirror of this machine's release"
apt_begin "$work" <<<"$(apt_source deb "$mirror" "$(apt_codename)")"
run_apt update
(cd "$work" && run_apt download busybox-static)
dpkg-deb -x "$work"/busybox-static_*.deb "$work/files"
mv "$work/files/bin/busybox" "$out"
