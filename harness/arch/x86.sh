# shellcheck shell=bash disable=SC2034
# A guest with x86-64: what the Makefile, test.sh and boot.sh have of it. The same names
# are in the file of each architecture beside this one.

# Kernel: what is built, and the configuration that comes after the others
image=arch/x86/boot/bzImage
target=bzImage
config=
# Tools: variables for the kernel's make, and for programs.mk
kbuild=
program_options=
packages=
# Tests: the list, and the IOMMUs behind which some run again
list=tests.list
other_iommus='amd virtio'

qemu='qemu-system-x86_64'
board=(-M "q35,kernel-irqchip=split")
console=ttyS0
append="mitigations=off no_timer_check"

# virtio-iommu translates memory only: with it a device can raise any interrupt.
unsafe="iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1"
case ${IOMMU:-intel} in
intel)	board+=(-device "intel-iommu,intremap=on") ;;
wide)	# tables of 48 bits, an edu that reaches all of them, and for 16 TiB of address
	# space in little memory a page of 1 GiB
	board+=(-device "intel-iommu,intremap=on,aw-bits=48") edu=,dma_mask=0xffffffffffff
	append+=" hugepagesz=1G hugepages=1" MEMORY=${MEMORY:-4G} ;;
amd)	board+=(-device "amd-iommu,intremap=on") ;;
virtio)	board+=(-device virtio-iommu-pci) append+=" $unsafe" ;;
*)	echo "boot: no IOMMU is called $IOMMU" >&2; exit 1 ;;
esac

# Two edus that share the one requester ID of a conventional bridge
pair=(
	-device "pcie-pci-bridge,id=bridge,addr=08"
	-device "edu,id=edu_pair_a,bus=bridge,addr=01"
	-device "edu,id=edu_pair_b,bus=bridge,addr=02"
)

# An edu on a host bridge that the IOMMU leaves out. 6.1's driver of the AMD IOMMU looks
# beyond its table for a bus that firmware left out. Neither bridge nor device has an
# interrupt pin: to find out where one of this bus leads, the debug kernel interprets ACPI
# code until that times out, which takes 30 seconds.
bare=()
[[ ${IOMMU:-intel} != @(intel|wide) ]] || bare=(
	-device "pxb-pcie,id=bare,bus_nr=64,bypass_iommu=on,addr=0c"
	-device "i82801b11-bridge,id=bare_bridge,bus=bare,addr=00"
	-device "pci-testdev,id=bare_device,bus=bare_bridge,addr=01"
)

# The console is the first serial port. The third has an interrupt of its own: by default
# it would share the console's.
ports=(
	-device "isa-serial,index=0,chardev=console"
	-device "isa-serial,index=1,chardev=verdict"
	-device "isa-serial,index=2,irq=5,chardev=control"
)
