#!/bin/bash
# Usage: deb.sh BUILD [CONFIG]
# Build installable kernel packages from the composed tree, in BUILD/deb, with the kernel's
# own rules. CONFIG is a kernel configuration, by default that of the running kernel; an
# option that it does not know yet gets its default, so that VFIO brings the character
# devices, and those iommufd. CONFIG "small" is that of config/small.config, to try it out.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
config=${2:-/boot/config-$(uname -r)}
linux=$build/linux
out=$build/deb/kernel
log=$build/deb/deb.log

kbuild()
{
	"$here/kbuild.sh" "$linux" "$out" "$@" >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; echo "deb: failed; see $log" >&2; exit 1; }
}

# Built without an error, a package may still lack what it is for: each file is to be in one
# whose name begins so. BUILD/deb/contents.txt has all of them.
check_contents()
{
	local contents=$build/deb/contents.txt package option
	local -a wanted=(
		linux-image:/boot/vmlinuz- linux-image:/boot/config-
		linux-libc-dev:/usr/include/linux/iommufd.h
	)

	for package in "$build"/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -t | sed "s|^\.|$(basename "$package"):|"
	done >"$contents"
	for option in IOMMUFD:iommufd VFIO:vfio VFIO_PCI:vfio-pci; do
		! grep -qx "CONFIG_${option%:*}=m" "$out/.config" || wanted+=("linux-image:/${option#*:}.ko")
	done
	! grep -qx CONFIG_MODULES=y "$out/.config" || wanted+=(linux-headers:/include/linux/iommufd.h)
	for package in "${wanted[@]}"; do
		grep -q "^${package%:*}.*:.*${package#*:}" "$contents" ||
			{ echo "deb: no ${package%:*} package has ${package#*:}" >&2; exit 1; }
	done
}

mkdir -p "$out"
: >"$log"
rm -f "$build"/deb/*.{deb,buildinfo,changes}
if [ "$config" = small ]; then
	"$here/config.sh" "$linux" "$out" "$here"/config/{base,small}.config
elif [ -r "$config" ]; then
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
check_contents
ls -sh "$build"/deb/*.deb
