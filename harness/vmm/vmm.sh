#!/bin/bash
# Usage: vmm.sh OUT KERNEL INITRAMFS
# Boot a guest that runs unmodified VMMs, and judge what they say. VARIANT=prefix runs only
# what has a name that begins so. The last line is the count.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
here=$(cd "$(dirname "$0")/.." && pwd)

boot()
{
	# The QEMUs are in the memory of the guest.
	MEMORY=${MEMORY:-3G} TIMEOUT=${TIMEOUT:-2400} \
		"$here/boot.sh" "$out" "$kernel" "$initramfs" MODE=test ONLY="${VARIANT:-}" || true
}

# KVM clears GIF before VMRUN and sets it when the host's GS is back; no CPU takes an
# interrupt in between. QEMU 7.2 did once in about a hundred second-level guests, as soon
# as VMRUN had ended. The kernel dies of it, whatever ran.
emulator_erred()
{
	awk '/RIP: 0010:__svm_vcpu_run\+/ && last ~ / asm_(sysvec_|common_interrupt)/ { found = 1 }
		{ last = $0 }
		END { exit !found }' "$out/console.log"
}

boot
[ "${DRY_RUN:-0}" != 1 ] || exit 0
if emulator_erred; then
	mv "$out/console.log" "$out/console.erred.log"
	echo "vmm: the emulated CPU took an interrupt while GIF was clear, see $out/console.erred.log; all once more"
	boot
fi
touch "$out"/{verdict,console}.log
echo "full output: $out/verdict.log, console: $out/console.log"
exec "$here/judge.sh" "$out/console.log" "$out/verdict.log"
