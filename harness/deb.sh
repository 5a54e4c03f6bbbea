#!/bin/bash
# Usage: deb.sh BUILD [CONFIG]
# Build installable kernel packages from the composed tree, in BUILD/deb, with the kernel's
# own rules. CONFIG is a kernel configuration, by default that of the running kernel; an
# option that it does not know yet gets its default, so that VFIO brings the character
# devices, and those iommufd.
set -euo pipefail

build=$(cd "$1" && pwd)
config=${2:-/boot/config-$(uname -r)}
linux=$build/linux
out=$build/deb/kernel
log=$build/deb/deb.log

kbuild()
{
	"$(dirname "$0")/kbuild.sh" "$linux" "$out" "$@" >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; echo "deb: failed; see $log" >&2; exit 1; }
}

mkdir -p "$out"
: >"$log"
rm -f "$build"/deb/*.{deb,buildinfo,changes}
if [ -r "$config" ]; then
	cp "$config" "$out/.config"
elif [ $# -lt 2 ] && [ -r /proc/config.gz ]; then
	zcat /proc/config.gz >"$out/.config"
else
	echo "deb: no configuration $config; give one with CONFIG=file" >&2
	exit 1
fi
# A distribution's own certificates are not in its source package.
"$linux/scripts/config" --file "$out/.config" --set-str SYSTEM_TRUSTED_KEYS '' --set-str SYSTEM_REVOCATION_KEYS ''
kbuild olddefconfig
grep -E '^CONFIG_(IOMMUFD|VFIO|VFIO_DEVICE_CDEV)=' "$out/.config" ||
	{ echo "deb: $config has no VFIO" >&2; exit 1; }
kbuild LOCALVERSION="${LOCALVERSION:--iommufd}" bindeb-pkg
ls -sh "$build"/deb/*.deb
