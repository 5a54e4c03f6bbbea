#!/bin/bash
# Usage: config.sh LINUX OBJDIR FRAGMENT...
# Configure OBJDIR for the kernel source LINUX: tinyconfig plus the fragments, of
# which a later one wins. Kconfig drops a request it cannot meet without a word, so
# each is checked afterwards; the dropped ones are named and stop the build.
#
# All requests are made in one step. Merging them onto a finished tinyconfig would
# switch on every "default y" below an option that tinyconfig lacks: input devices,
# a hundred network vendors, six decompressors.
#
# ARCH, LLVM and CC choose another architecture and compiler, PACKAGED=flavour a kernel of
# the distribution ("none_cloud-amd64"), whose configuration is there in place of tinyconfig.
set -euo pipefail

linux=$1 objdir=$2
shift 2
mkdir -p "$objdir"
objdir=$(cd "$objdir" && pwd)
log=$objdir.config.log

kbuild()
{
	"$(dirname "$0")/kbuild.sh" "$linux" "$objdir" ${CC:+CC="$CC"} "$@" >>"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		exit 1
	}
}

# NAME=value for each request; "n" also for the "is not set" form.
list_requests()
{
	sed -n -e 's/^# CONFIG_\(.*\) is not set$/\1=n/p' -e 's/^CONFIG_//p' "$@" |
		awk -F= '{ value[$1] = $0 } END { for (name in value) print value[name] }' | sort
}

is_met()
{
	case $1 in
	*=n)	! grep -q "^CONFIG_${1%=n}=" "$objdir/.config" ;;
	*)	grep -qxF "CONFIG_$1" "$objdir/.config" ;;
	esac
}

: >"$log"
base=("$linux"/kernel/configs/tiny{-base,}.config "$linux/arch/x86/configs/tiny.config")
[ -z "${PACKAGED:-}" ] || base=("/usr/src/linux-config-6.1/config.amd64_$PACKAGED.xz")
for file in "${base[@]}" "$@"; do
	case $file in
	*.xz)	xz -dc "$file" ;;
	*)	cat "$file" ;;
	esac
done >"$objdir.requests"
kbuild allnoconfig KCONFIG_ALLCONFIG="$objdir.requests"

dropped=0
while read -r request; do
	is_met "$request" || { echo "config: CONFIG_$request did not survive the merge" >&2; dropped=1; }
done < <(list_requests "$@")
if [ "$dropped" -ne 0 ]; then
	mv "$objdir/.config" "$objdir/.config.rejected"
	exit 1
fi
