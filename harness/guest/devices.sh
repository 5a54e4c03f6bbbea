# shellcheck shell=sh
# The PCI devices of the guest by name, and who drives them. boot.sh puts each at a
# fixed place; what is behind a port or a bridge gets its bus number from the firmware.

PCI=/sys/bus/pci/devices

# behind BRIDGE SLOT
behind()
{
	find "$PCI/$1/" -maxdepth 1 -name "0000:*:$2" -exec basename {} \;
}

# isolate_ports: with a device tree 6.1 knows of an IOMMU only when the first driver finds
# its device, after it has set up the ports. One that does not keep apart what is below it
# is of the same group, and loses its own interrupts, of hotplug, when that is attached. So
# this does as the kernel had done: ACS source validation, redirection of requests and
# completions, upstream forwarding, in the register of QEMU's root port.
isolate_ports()
{
	for port in 07 08 0b; do
		printf '\035\000' | dd of="$PCI/0000:00:$port.0/config" bs=1 seek=334 conv=notrunc 2>/dev/null
	done
}

# find_devices SLOT SLOT: those of the pair below its bridge or port
find_devices()
{
	export EDU=0000:00:04.0
	export NVME=0000:00:05.0
	export E1000E=0000:00:06.0
	export EDU_TWO=0000:00:09.0
	export EDU_TWIN_A=0000:00:0a.0
	export EDU_TWIN_B=0000:00:0a.1
	export EDU_PLUG EDU_PAIR_A EDU_PAIR_B
	EDU_PLUG=$(behind 0000:00:07.0 00.0)
	EDU_PAIR_A=$(behind 0000:00:08.0 "$1")
	EDU_PAIR_B=$(behind 0000:00:08.0 "$2")
	export EDU_RESET NIC_RESET BARE
	EDU_RESET=$(behind 0000:00:0b.0 00.0)
	NIC_RESET=$(behind 0000:00:0b.0 01.0)
	BARE=$(behind 0000:40:00.0 01.0)
}

address_of()
{
	case $1 in
	edu)	echo "$EDU" ;;
	nvme)	echo "$NVME" ;;
	e1000e)	echo "$E1000E" ;;
	edu_plug) echo "$EDU_PLUG" ;;
	edu_pair_a) echo "$EDU_PAIR_A" ;;
	edu_pair_b) echo "$EDU_PAIR_B" ;;
	edu_two) echo "$EDU_TWO" ;;
	edu_twin_a) echo "$EDU_TWIN_A" ;;
	edu_twin_b) echo "$EDU_TWIN_B" ;;
	edu_reset) echo "$EDU_RESET" ;;
	nic_reset) echo "$NIC_RESET" ;;
	*)	echo "unknown" ;;
	esac
}

# set_driver ADDRESS [DRIVER]: without one, whichever driver is native
set_driver()
{
	[ ! -e "$PCI/$1/driver" ] || echo "$1" >"$PCI/$1/driver/unbind"
	echo "${2:-}" >"$PCI/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

devices_release()
{
	for device; do
		address=$(address_of "$device")
		[ ! -e "$PCI/$address/driver" ] || echo "$address" >"$PCI/$address/driver/unbind"
	done
}

# The kernel of `make run` has none, one whose /dev/vfio/vfio is an iommufd has no type1.
load_modules()
{
	[ -d /lib/modules ] || return 0
	type1=vfio_iommu_type1
	! grep -q '^iommufd vfio/vfio ' "/lib/modules/$(uname -r)/modules.devname" || type1=''
	kvm=''
	[ "$(uname -m)" != x86_64 ] || kvm=kvm_amd
	for module in iommufd $type1 vfio_pci $kvm; do
		modprobe "$module" || echo "@@ bad $module does not load"
	done
}

to_vfio()
{
	address=$(address_of "$1")
	[ -e "$PCI/$address" ] || { echo "# harness: no device $1 at $address"; return 1; }
	set_driver "$address" vfio-pci
	[ "$(basename "$(readlink "$PCI/$address/driver")")" = vfio-pci ] ||
		{ echo "# harness: vfio-pci did not take $1 at $address"; return 1; }
}

devices_to_vfio()
{
	# A test may have unloaded them.
	load_modules
	for device; do
		to_vfio "$device" || return 1
	done
}

devices_to_native()
{
	for device; do
		address=$(address_of "$device")
		[ ! -e "$PCI/$address" ] || set_driver "$address"
	done
}
