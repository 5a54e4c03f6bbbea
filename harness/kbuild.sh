#!/bin/bash
# Usage: kbuild.sh LINUX OBJDIR ARGUMENT...
# Run make for the kernel source LINUX in OBJDIR, with JOBS compilers. Kbuild takes variables
# of an outer make, of git and KVM, which says how to boot, for its own.
set -euo pipefail

linux=$1 objdir=$2
shift 2
exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u KVM -u GIT_DIR -u GIT_WORK_TREE \
	nice make -C "$linux" O="$objdir" -j"${JOBS:-$(nproc)}" "$@"
