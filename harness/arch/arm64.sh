# shellcheck shell=bash disable=SC2034
# A guest with arm64, built by clang: gcc for it excludes gcc-multilib, which the 32-bit
# tests of x86 need. x86.sh says what the names mean.

image=arch/arm64/boot/Image
target=Image
config=harness/config/arm64.config
kbuild='LLVM=1'
clang='clang --target=aarch64-linux-gnu -fuse-ld=lld'
clang+=' -Wno-gnu-variable-sized-type-not-at-end -Wno-unused-command-line-argument'
program_options="CC=\"$clang\" AR=llvm-ar TESTS32= HOST="
packages='packages-arm64.txt'
list=arm64.list
again='virtio:iommus.list:movablecore=256M v2m:v2m.list:iommufd.allow_unsafe_interrupts=1 incoherent:incoherent.list none:none.list'

qemu='qemu-system-aarch64'
gic="gic-version=3,its=on"
smmu=",iommu=smmuv3"
console=ttyAMA0
append=
more=()

# The SMMU serves the whole root bus. A device's interrupts are told apart by the ITS.
iommu=${IOMMU:-smmuv3}
case $iommu in
smmuv3)	;;
v2m)	# a GIC to which a device can write the interrupts of all
	gic="gic-version=2" ;;
incoherent) # an SMMU of which the device tree says that caches are not kept coherent
	more=(-dtb "${out:-}/board.dtb") ;;
virtio)	smmu='' more=(-device virtio-iommu-pci) ;;
none)	smmu='' ;;
*)	echo "boot: no IOMMU is called $iommu" >&2; exit 1 ;;
esac
board=(-M "virt,$gic$smmu" "${more[@]}")

# The emulator's own device tree, without the property. It gets what a boot adds by itself. dtc is
# the kernel's, and makes it small: none above 2 MiB is taken.
# prepare_board KERNEL
prepare_board()
{
	local dtc=${1%/arch/*}/scripts/dtc/dtc tree=$out/board.dtb

	[ "$iommu" = incoherent ] || return 0
	"$qemu" -M "virt,$gic$smmu,dumpdtb=$tree.own" -cpu max -smp 2 -m "${MEMORY:-2G}" -display none 2>/dev/null
	"$dtc" -q -I dtb -O dts "$tree.own" | sed '/dma-coherent;/d' | "$dtc" -q -I dts -O dtb -o "$tree"
}

# The console is the board's own. A card has the others as ttyS1 and ttyS2.
ports=(
	-serial chardev:console
	-chardev "null,id=unused"
	-device "pci-serial-4x,chardev1=unused,chardev2=verdict,chardev3=control,addr=0e"
)
