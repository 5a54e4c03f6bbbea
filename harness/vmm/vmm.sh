#!/bin/bash
# Usage: vmm.sh OUT KERNEL INITRAMFS
# Boot a guest that runs unmodified VMMs, and judge what they say. VARIANT=prefix runs only
# what has a name that begins so. The last line is the count.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
here=$(cd "$(dirname "$0")/.." && pwd)

# The QEMUs are in the memory of the guest.
MEMORY=${MEMORY:-3G} TIMEOUT=${TIMEOUT:-2400} \
	"$here/boot.sh" "$out" "$kernel" "$initramfs" MODE=test ONLY="${VARIANT:-}" || true
[ "${DRY_RUN:-0}" != 1 ] || exit 0
touch "$out"/{verdict,console}.log
echo "full output: $out/verdict.log, console: $out/console.log"
exec "$here/judge.sh" "$out/console.log" "$out/verdict.log"
