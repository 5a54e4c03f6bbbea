#!/bin/bash
# Usage: initramfs.sh OUT.cpio PROGRAM
# Pack the file system of a guest of `make bench`: busybox, the init beside this file, and
# the program.
set -euo pipefail

out=$1 program=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$out.root

rm -rf "$root"
mkdir -p "$root/bin"
cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
cp "$here/init" "$root/init"
cp "$program" "$root/bench"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
