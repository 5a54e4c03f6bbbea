#!/bin/bash
# Usage: image.sh OUT.cpio INITRAMFS VMM PROGRAM
# Pack the guest's file system of `make vmm`: INITRAMFS, and over it our list of tests and
# what they need, below /vmm: the QEMUs that VMM has, the second-level guest's kernel, and
# its initramfs, of which PROGRAM is the init.
set -euo pipefail

out=$1 initramfs=$2 vmm=$3 program=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$out.root

pack()
{
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
}

rm -rf "$root" "$out.inner"
mkdir -p "$out.inner"/{proc,sys,dev} "$root"/{harness,tests/vmm,vmm/inner}
cp "$program" "$out.inner/init"
pack "$out.inner" >"$root/vmm/inner/initramfs.cpio"
strip -o "$root/vmm/inner/vmlinux" "$vmm/inner/vmlinux"
for qemu in qemu10 qemu11; do
	if [ -e "$vmm/$qemu" ]; then
		cp -rL "$vmm/$qemu" "$root/vmm/"
	else
		cp "$vmm/$qemu.missing" "$root/vmm/"
	fi
done
cp "$here/vmm_test" "$root/tests/vmm/"
cp "$here/vmm.list" "$root/harness/tests.list"
# Of a file that is in both archives the later wins.
{ cat "$initramfs"; pack "$root"; } >"$out"
