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
# Tests: the list, and what runs again elsewhere, each as IOMMU:LIST[:PARAMETER of the kernel]
list=tests.list
again='amd:iommus.list:movablecore=256M virtio:iommus.list:movablecore=256M wide:wide.list'

qemu='qemu-system-x86_64'
board=(-M "q35,kernel-irqchip=split")
console=ttyS0
append="mitigations=off no_timer_check"

# virtio-iommu translates memory only: with it a device can raise any interrupt.
unsafe="iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1"
iommu=${IOMMU:-intel}
case $iommu in
intel)	board+=(-device "intel-iommu,intremap=on") ;;
wide)	# tables of 48 bits, and for 16 TiB of address space in little memory a page of 1 GiB
	board+=(-device "intel-iommu,intremap=on,aw-bits=48")
	append+=" hugepagesz=1G hugepages=1" MEMORY=${MEMORY:-4G} ;;
numa)	# two nodes, the second without processors
	board+=(
		-device "intel-iommu,intremap=on"
		-object "memory-backend-ram,id=near,size=1G" -numa "node,memdev=near,cpus=0-1"
		-object "memory-backend-ram,id=far,size=1G" -numa "node,memdev=far"
	) ;;
scalable) # tables are found by the PASID table; QEMU 7.2 has second-stage ones only
	board+=(-device "intel-iommu,intremap=on,x-scalable-mode=on") append+=" intel_iommu=on,sm_on" ;;
amd)	board+=(-device "amd-iommu,intremap=on") ;;
virtio)	board+=(-device virtio-iommu-pci) append+=" $unsafe" ;;
*)	echo "boot: no IOMMU is called $iommu" >&2; exit 1 ;;
esac

# The console is the first serial port. The third has an interrupt of its own: by default
# it would share the console's.
ports=(
	-device "isa-serial,index=0,chardev=console"
	-device "isa-serial,index=1,chardev=verdict"
	-device "isa-serial,index=2,irq=5,chardev=control"
)
