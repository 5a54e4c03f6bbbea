#!/bin/bash
# Usage: cross.sh BUILD [ARCHITECTURE...]
# Compile our code and its users where the kernel differs from x86: arm64 with the IOMMUs and
# buses it has, arm and i386 for their 32 bits, s390 for its byte order and its two drivers.
# Warnings in our files and changes stop it, errors anywhere. The logs are in BUILD/cross.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
linux=$build/linux
out=$build/cross

# clang compiles for all of them, for s390 from version 15 on. The gcc packages for other
# architectures exclude gcc-multilib, which the 32-bit tests need.
compile()
{
	local architecture=$1 status=0
	local -a tools=(ARCH="$1" LLVM=1) targets=(drivers/iommu/ drivers/vfio/ mm/file_pin.o)

	case $architecture in
	i386)	targets+=(samples/vfio-mdev/) ;;
	s390)	tools=(ARCH=s390 CC=clang-15 LLVM_IAS=0 CROSS_COMPILE=s390x-linux-gnu-)
		targets+=(drivers/s390/cio/ drivers/s390/crypto/) ;;
	esac
	env "${tools[@]}" "$here/config.sh" "$linux" "$out/$architecture" \
		"$here/config/cross.config" "$here/config/cross-$architecture.config"
	"$here/kbuild.sh" "$linux" "$out/$architecture" "${tools[@]}" W=1 "${targets[@]}" \
		>"$out/$architecture.log" 2>&1 || status=$?
	! "$here/check_ours.py" "$build" <"$out/$architecture.log" | grep . || status=1
	if [ "$status" -ne 0 ]; then
		tail -n 15 "$out/$architecture.log" >&2
		echo "cross: $architecture failed; see $out/$architecture.log" >&2
		return 1
	fi
	echo "cross: $architecture, $(grep -cE '^  CC' "$out/$architecture.log") objects, without a warning in ours"
}

mkdir -p "$out"
[ $# -gt 0 ] || set -- arm64 arm i386 s390
for architecture; do
	compile "$architecture"
done
