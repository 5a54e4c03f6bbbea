#!/bin/bash
# Usage: initramfs.sh OUT.cpio PROGRAMS [MODULES]
# Pack the guest's file system: busybox, our init, the programs, and the lib/modules
# below MODULES. BUSYBOX is another busybox than this machine's.
set -euo pipefail

out=$1 programs=$2 modules=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$out.root

rm -rf "$root"
mkdir -p "$root"/{bin,sbin,harness,tests,samples} "$(dirname "$out")"
cp "${BUSYBOX:-$(command -v busybox)}" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
ln -s /bin/busybox "$root/sbin/modprobe"
cp "$here/guest/init" "$root/init"
cp "$here/guest/hotplug" "$root/bin/hotplug"
cp "$here"/guest/{*.sh,*.list} "$root/harness/"
[ ! -d "$programs/tests" ] || cp -r "$programs/tests/." "$root/tests/"
[ ! -d "$programs/samples" ] || cp -r "$programs/samples/." "$root/samples/"
if [ -n "$modules" ]; then
	mkdir -p "$root/lib"
	cp -r "$modules/lib/modules" "$root/lib/"
fi

(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
