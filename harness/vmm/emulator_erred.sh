#!/bin/bash
# Usage: emulator_erred.sh CONSOLE
# Succeeds if the kernel in the guest died because the emulated CPU confused the two sides of
# VMRUN, which it does once in about a hundred second-level guests. It takes an interrupt
# before KVM has the host's GS back, though GIF is clear; or it runs the host's code as the
# guest's, until the stack of QEMU's thread is full.
set -euo pipefail

[ -e "$1" ] || exit 1
exec awk '
	/RIP: 0010:__svm_vcpu_run\+/ && last ~ / asm_(sysvec_|common_interrupt)/ { found = 1 }
	/BUG: TASK stack guard page was hit/ { seen = 1 }
	/Comm: / && seen == 1 { seen = /Comm: ld\.so / ? 2 : 0 }
	/RIP: 0010:error_entry\+/ && seen == 2 { found = 1 }
	{ last = $0 }
	END { exit !found }
' "$1"
