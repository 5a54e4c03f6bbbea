#!/bin/bash
# Usage: fetch.sh SUITE OUT
# Get the QEMU of SUITE ("trixie-backports") from the mirror that this machine's apt uses,
# with the libraries of that distribution. Nothing is installed: OUT has the program, its
# loader, lib/, and the firmware in share/. It is done once; OUT/version says what it is.
#
# Where that cannot be done OUT.missing says why, and with CI set it is an error.
set -euo pipefail
# shellcheck source=harness/apt.sh
. "$(dirname "$0")/../apt.sh"

suite=$1 out=$2
program=qemu-system-x86_64
firmware=(bios-256k.bin kvmvapic.bin linuxboot_dma.bin pvh.bin)
libraries=lib/x86_64-linux-gnu

fail()
{
	echo "fetch: $suite: $*" >&2
	printf '%s\n' "$*" >"$out.missing"
	[ -z "${CI:-}" ] || exit 1
	exit 0
}

run_apt()
{
	apt_run apt-get -o APT::Default-Release="$suite" "$@" >/dev/null || fail "$(apt_error)"
}

download()
{
	local mirror name

	mirror=$(apt_find_mirror)
	[ -n "$mirror" ] || fail "apt knows no mirror of this machine's release"
	apt_begin "$work" < <(for name in "${suite%-backports}" "$suite"; do
		apt_source deb "$mirror" "$name"
	done)
	run_apt update
	run_apt install -y --download-only --no-install-recommends qemu-system-x86
}

# The program's libraries, as its own loader finds them
list_libraries()
{
	"$work/root/ld.so" --library-path "$work/root/$libraries:$work/root/usr/$libraries" \
		--list "$work/root/usr/bin/$program" | awk '$2 == "=>" { print $3 }'
}

unpack()
{
	local package file
	local -a found

	for package in "$work"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$work/root"
	done
	cp -L "$work/root/$libraries/ld-linux-x86-64.so.2" "$work/root/ld.so" 2>/dev/null ||
		cp -L "$work/root/usr/$libraries/ld-linux-x86-64.so.2" "$work/root/ld.so"
	mapfile -t found < <(list_libraries)
	mkdir -p "$out"/{lib,share}
	cp -L -t "$out/lib" "${found[@]}"
	cp -t "$out" "$work/root/ld.so" "$work/root/usr/bin/$program"
	for file in "${firmware[@]}"; do
		cp "$work"/root/usr/share/*/"$file" "$out/share/"
	done
}

[ ! -e "$out/version" ] || exit 0
rm -rf "$out" "$out.missing"
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$(realpath "$(dirname "$out")")/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "vmm: fetching the QEMU of $suite"
download
unpack
"$out/ld.so" --library-path "$out/lib" "$out/$program" --version | sed -n '1s/.*version //p' >"$out/version"
echo "vmm: QEMU $(cat "$out/version")"
