#!/bin/bash
# Usage: vmm.sh OUT KERNEL INITRAMFS
# Boot a guest that runs unmodified VMMs, and judge what they say. VARIANT=prefix runs only
# what has a name that begins so. The last line is the count.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
here=$(cd "$(dirname "$0")/.." && pwd)
emulator_erred=$here/vmm/emulator_erred.sh

boot()
{
	# The QEMUs are in the memory of the guest.
	MEMORY=${MEMORY:-3G} TIMEOUT=${TIMEOUT:-2400} STOP_IF=$emulator_erred \
		"$here/boot.sh" "$out" "$kernel" "$initramfs" MODE=test ONLY="${VARIANT:-}" || true
}

rm -f "$out"/console.erred.*.log
boot
[ "${DRY_RUN:-0}" != 1 ] || exit 0
# What comes after such an error says nothing about ours.
for again in 1 2; do
	"$emulator_erred" "$out/console.log" || break
	mv "$out/console.log" "$out/console.erred.$again.log"
	echo "vmm: the emulated CPU confused host and guest, see $out/console.erred.$again.log; all once more"
	boot
done
touch "$out"/{verdict,console}.log
echo "full output: $out/verdict.log, console: $out/console.log"
exec "$here/judge.sh" "$out/console.log" "$out/verdict.log"
