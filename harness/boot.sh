#!/bin/bash
# Usage: boot.sh OUT KERNEL INITRAMFS [NAME=VALUE...]
# Boot one guest and wait until it powers off. OUT/console.log is what the kernel
# said, OUT/verdict.log what the guest's programs reported on a port of their own.
# NAME=VALUE goes to the guest's init.
#
# ARCH=x86 or arm64 is the guest's architecture (x86), IOMMU=intel, wide, numa, scalable, amd,
# virtio, smmuv3, v2m, incoherent or none what its devices are behind; harness/arch/ has them.
# TIMEOUT=seconds limits the run (600), MEMORY the guest (2G). KVM=1 uses KVM in place
# of emulation. SHELL_GUEST=1 puts the console on this terminal. STOP_IF=program ends the
# guest as soon as that succeeds when given console.log. DRY_RUN=1 prints the QEMU command
# and does not run it.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
accel=tcg
[ "${KVM:-0}" != 1 ] || accel=kvm

# What the architecture has of it, the IOMMU included
# shellcheck source=harness/arch/x86.sh
. "$here/arch/${ARCH:-x86}.sh"

# The IOMMU translates for devices that are named after it only.
machine=(
	"${board[@]}" -accel "$accel" -cpu max -smp 2 -m "${MEMORY:-2G}"
	-nodefaults -display none -no-reboot
)
while read -r where _ option argument; do
	case ,$where, in
	*,all,*|*,"${ARCH:-x86}",*|*,"$iommu",*) machine+=("$option" "${argument/OUT/$out}") ;;
	esac
done < <(grep -vE '^(#|$)' "$here/guest/devices.list")
# A port has one slot, and the kernel looks for no second one unless told to.
append="console=$console ignore_loglevel panic=-1 $append pci=pcie_scan_all"

# ttyS1 is the verdict, ttyS2 asks the host to plug and unplug.
ports+=(
	-chardev "file,id=verdict,path=$out/verdict.log"
	-chardev "socket,id=control,path=$out/control.sock,server=on,wait=off"
	-qmp "unix:$out/qmp.sock,server=on,wait=off"
)
if [ "${SHELL_GUEST:-0}" = 1 ]; then
	ports+=(-chardev "stdio,id=console,mux=on,signal=off" -mon console)
else
	ports+=(-chardev "file,id=console,path=$out/console.log")
fi

command=(
	"$qemu" "${machine[@]}" "${ports[@]}"
	-kernel "$kernel" -initrd "$initramfs"
	-append "$append $*"
)

print_command()
{
	local word

	for word in "${command[@]}"; do
		[[ $word =~ ^[A-Za-z0-9_.,:=/-]+$ ]] || word=${word@Q}
		printf '%s ' "$word"
	done
	printf '\n'
}

if [ "${DRY_RUN:-0}" = 1 ]; then
	print_command
	exit 0
fi

mkdir -p "$out"
rm -f "$out"/{console.log,verdict.log,qemu.log,hotplug.log,control.sock,qmp.sock}
truncate -s 16M "$out/disk.img"
# An architecture may have something to make first.
[ -z "$(type -t prepare_board)" ] || prepare_board "$kernel"
print_command >"$out/command"

helper=
start_helper()
{
	python3 "$here/hotplug.py" "$out/qmp.sock" "$out/control.sock" >"$out/hotplug.log" 2>&1 &
	helper=$!
}

if [ "${SHELL_GUEST:-0}" = 1 ]; then
	trap '[ -z "$helper" ] || kill "$helper" 2>/dev/null || true' EXIT
	start_helper
	"${command[@]}"
	exit
fi

timeout -k 5 "${TIMEOUT:-600}" "${command[@]}" </dev/null >"$out/qemu.log" 2>&1 &
qemu=$!
trap '[ -z "$helper" ] || kill "$helper" 2>/dev/null || true; kill "$qemu" 2>/dev/null || true' EXIT
start_helper

# On a terminal the line moves; in a log it appears when there is something new.
shown='' next=0
while kill -0 "$qemu" 2>/dev/null; do
	sleep 0.2
	[ -z "${STOP_IF:-}" ] || ! "$STOP_IF" "$out/console.log" || kill "$qemu" 2>/dev/null || true
	running=$(grep -a '^@@ begin' "$out/verdict.log" 2>/dev/null | tail -n 1 | cut -d' ' -f3- || true)
	running=${running:-booting}
	if [ -t 1 ]; then
		printf '\rguest: %-40s %4d s' "$running" "$SECONDS"
	elif [ "$running" != "$shown" ] || [ "$SECONDS" -ge "$next" ]; then
		printf 'guest: %s, %d s\n' "$running" "$SECONDS"
		shown=$running next=$((SECONDS + 30))
	fi
done
[ ! -t 1 ] || printf '\r%60s\r' ''

status=0
wait "$qemu" || status=$?
case $status in
0)	;;
124|137) echo "boot: the guest did not finish within ${TIMEOUT:-600} s" >&2 ;;
*)	echo "boot: QEMU ended with status $status:" >&2; tail -n 5 "$out/qemu.log" >&2 ;;
esac
exit "$status"
