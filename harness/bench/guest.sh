#!/bin/bash
# Usage: guest.sh LOG KERNEL INITRAMFS NAME=VALUE...
# Boot one guest of `make bench` and wait until it powers off. LOG gets what its program
# printed, LOG.console what the kernel did. NAME=VALUE goes to the guest's init.
#
# Its clock is the number of executed instructions, on one processor, so that whatever else
# this machine does changes nothing. With MODE=real-time there are two processors instead, and
# a clock like any other. TIMEOUT=seconds limits the run (3600). QEMU_OPTIONS are more
# of them.
set -euo pipefail

log=$1 kernel=$2 initramfs=$3
shift 3
clock=(-smp 1 -accel "tcg,thread=single" -icount "shift=0,sleep=off")
case " $* " in
*" MODE=real-time "*) clock=(-smp 2 -accel "tcg,thread=multi") ;;
esac

mkdir -p "$(dirname "$log")"
rm -f "$log" "$log.console" "$log.qemu"
status=0
# shellcheck disable=SC2086
timeout -k 5 "${TIMEOUT:-3600}" qemu-system-x86_64 \
	-M "q35,kernel-irqchip=split" -cpu max -m 2G "${clock[@]}" \
	-nodefaults -display none -no-reboot \
	-device "intel-iommu,intremap=on" \
	-device "edu,addr=04" -device "edu,addr=05" \
	-chardev "file,id=console,path=$log.console" -device "isa-serial,index=0,chardev=console" \
	-chardev "file,id=report,path=$log" -device "isa-serial,index=1,chardev=report" \
	-kernel "$kernel" -initrd "$initramfs" ${QEMU_OPTIONS:-} \
	-append "console=ttyS0 panic=-1 mitigations=off no_timer_check tsc=reliable $*" \
	</dev/null >"$log.qemu" 2>&1 || status=$?
if [ "$status" -ne 0 ] || ! grep -q '^status 0' "$log"; then
	echo "bench: the guest did not get through ($status); the end of $log:" >&2
	tail -n 5 "$log.qemu" "$log" >&2 || true
	exit 1
fi
