#!/bin/bash
# Usage: vmm.sh OUT KERNEL INITRAMFS
# Boot a guest that runs unmodified VMMs, and judge what they say. VARIANT=prefix runs only
# what has a name that begins so. The last line is the count.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
here=$(cd "$(dirname "$0")/.." && pwd)

# The emulated CPU confuses the two sides of VMRUN, once in about a hundred second-level
# guests. It takes an interrupt before KVM has the host's GS back, though GIF is clear; or it
# runs the host's code as the guest's, until the stack of QEMU's thread is full.
emulator_erred()
{
	[ -e "$out/console.log" ] &&
		awk '/RIP: 0010:__svm_vcpu_run\+/ && last ~ / asm_(sysvec_|common_interrupt)/ { found = 1 }
			/BUG: TASK stack guard page was hit/ { seen = 1 }
			/Comm: / && seen == 1 { seen = /Comm: ld\.so / ? 2 : 0 }
			/RIP: 0010:error_entry\+/ && seen == 2 { found = 1 }
			{ last = $0 }
			END { exit !found }' "$out/console.log"
}

# Runs in a process of its own. The QEMUs are in the memory of the guest.
boot()
{
	export MEMORY=${MEMORY:-3G} TIMEOUT=${TIMEOUT:-2400}
	exec "$here/boot.sh" "$out" "$kernel" "$initramfs" MODE=test ONLY="${VARIANT:-}"
}

# Such an error ends the run: what comes after it says nothing about ours.
boot_unless_erred()
{
	local guest

	rm -f "$out/console.log"
	boot &
	guest=$!
	while kill -0 "$guest" 2>/dev/null && ! emulator_erred; do
		sleep 2
	done
	! emulator_erred || kill "$guest" 2>/dev/null || true
	wait "$guest" || true
	! emulator_erred
}

rm -f "$out"/console.erred.*.log
[ "${DRY_RUN:-0}" != 1 ] || boot
for try in 1 2 3; do
	if boot_unless_erred || [ "$try" = 3 ]; then
		break
	fi
	mv "$out/console.log" "$out/console.erred.$try.log"
	echo "vmm: the emulated CPU confused host and guest, see $out/console.erred.$try.log; all once more"
done
touch "$out"/{verdict,console}.log
echo "full output: $out/verdict.log, console: $out/console.log"
exec "$here/judge.sh" "$out/console.log" "$out/verdict.log"
