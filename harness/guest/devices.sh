# shellcheck shell=sh
# The PCI devices of the guest by name, as devices.list has them, and who drives them.

PCI=/sys/bus/pci/devices

# behind BRIDGE SLOT
behind()
{
	find "$PCI/$1/" -maxdepth 1 -name "0000:*:$2" -exec basename {} \;
}

# places [DRIVER]: the devices of devices.list that this architecture has and tests use, or
# those of the driver: variable, name, and address, or BRIDGE/SLOT
places()
{
	case $(uname -m) in
	aarch64) arch=arm64 ;;
	*)	arch=x86 ;;
	esac
	awk -v arch=$arch -v wanted="${1:-}" '
		/^(#|$)/ || $3 != "-device" || ($1 ~ /^(x86|arm64)$/ && $1 != arch) { next }
		{
			split("", has)
			for (i = split($4, properties, ","); i > 1; i--) {
				at = index(properties[i], "=")
				has[substr(properties[i], 1, at - 1)] = substr(properties[i], at + 1)
			}
			slot = has["addr"] (has["addr"] ~ /\./ ? "" : ".0")
			if (!("bus" in has))
				place[has["id"]] = "0000:00:" slot
			else if (has["bus"] in number)
				place[has["id"]] = sprintf("0000:%02x:%s", number[has["bus"]], slot)
			else
				place[has["id"]] = place[has["bus"]] "/" slot
			if ("bus_nr" in has)
				number[has["id"]] = has["bus_nr"]
			if ((wanted == "" ? $2 != "-" : properties[1] == wanted) && !seen[has["id"]]++)
				print $2, has["id"], place[has["id"]]
		}
	' /harness/devices.list
}

# With a device tree 6.1 knows of an IOMMU only when the first driver finds its device, after
# it has set up the ports. One that does not keep apart what is below it is of the same group,
# and loses its own interrupts, of hotplug, when that is attached. So this does as the kernel
# had done: ACS source validation, redirection of requests and completions, upstream
# forwarding, in the register of QEMU's root port.
isolate_ports()
{
	for port in $(places pcie-root-port | awk '{ print $3 }'); do
		printf '\035\000' | dd of="$PCI/$port/config" bs=1 seek=334 conv=notrunc 2>/dev/null
	done
}

# Every device has its address in its own variable, and GUEST_DEVICES has all of them. The
# list has some that are there behind another IOMMU only.
find_devices()
{
	export GUEST_DEVICES=''
	while read -r variable name place; do
		case $place in
		*/*)	place=$(behind "${place%/*}" "${place#*/}") ;;
		esac
		if [ -z "$place" ] || [ ! -e "$PCI/$place" ]; then
			continue
		fi
		export "$variable=$place"
		GUEST_DEVICES="$GUEST_DEVICES $name=$place"
	done <<-END
	$(places)
	END
}

address_of()
{
	for device_place in $GUEST_DEVICES; do
		case $device_place in
		"$1="?*) echo "${device_place#*=}"; return ;;
		esac
	done
	echo "unknown"
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
	# On PREEMPT_RT it wants a TSC that is constant, which the emulated processor does not call its own.
	! grep -qs 1 /sys/kernel/realtime || grep -qw constant_tsc /proc/cpuinfo || kvm=''
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
