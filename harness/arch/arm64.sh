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
again=

qemu='qemu-system-aarch64'
board=(-M "virt,gic-version=3,its=on")
console=ttyAMA0
append=

# The SMMU serves the whole root bus. A device's interrupts are told apart by the ITS.
iommu=${IOMMU:-smmuv3}
case $iommu in
smmuv3)	board=(-M "virt,gic-version=3,its=on,iommu=smmuv3") ;;
virtio)	board+=(-device virtio-iommu-pci) ;;
*)	echo "boot: no IOMMU is called $iommu" >&2; exit 1 ;;
esac

# The console is the board's own. A card has the others as ttyS1 and ttyS2.
ports=(
	-serial chardev:console
	-chardev "null,id=unused"
	-device "pci-serial-4x,chardev1=unused,chardev2=verdict,chardev3=control,addr=0e"
)
