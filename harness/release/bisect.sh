#!/bin/bash
# Usage: bisect.sh BUILD
# Prove each step of BUILD/series: the kernel builds without a warning and boots, with
# IOMMUFD off, as a module and built in; the drivers that use the code compile.
#
# The three kernels share one source, BUILD/bisect/linux, which goes from step to step;
# only what changed is built, and what two of them compile alike, once. A step that changes
# nothing of the kernel is passed over. FROM=n begins with step n. QUICK=1 compiles the
# folders that change, and boots nothing.
# The logs are in BUILD/bisect.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
out=$build/bisect
linux=$out/linux
users=(drivers/vfio/ samples/vfio-mdev/ drivers/gpu/drm/i915/gvt/kvmgt.o)
touched=(drivers/iommu/ drivers/vfio/)
export GIT_DIR=$out/git/.git GIT_WORK_TREE=$linux
export KBUILD_BUILD_TIMESTAMP=none KBUILD_BUILD_VERSION=1 CCACHE_DIR=$out/ccache

fail()
{
	echo "bisect: step $step, $*" >&2
	exit 1
}

copy_source()
{
	mkdir -p "$out"
	if ! cmp -s "$build/source.version" "$out/source.version"; then
		rm -rf "${out:?}"/*
		cp -a "$build/source" "$linux"
		cp "$build/source.version" "$out/source.version"
	fi
	rm -rf "$out/git"
	env -u GIT_DIR -u GIT_WORK_TREE git clone -q --no-checkout "$build/series/git" "$out/git"
	# What a run before this one left goes, also where base has no such file.
	git checkout -q -f --detach origin/series
	git checkout -q -f base
}

# The kernel without the series serves all three configurations. objtool's own build has
# absolute paths in its commands; were it built again all objects would be, which depend on it.
copy_build()
{
	rm -rf "${out:?}/$1"
	cp -a "$out/n" "$out/$1"
	find "$out/$1/tools" -name '.*.cmd' -exec sed -i "s|$out/n/|$out/$1/|g" {} +
}

requests()
{
	local fragments=("$here/config/bisect.config")

	case $1 in
	n)	printf 'CONFIG_VFIO=y\nCONFIG_VFIO_PCI=y\n' ;;
	y)	printf 'CONFIG_IOMMUFD=y\nCONFIG_IOMMUFD_TEST=y\nCONFIG_IOMMUFD_KUNIT_TEST=y\n'
		printf 'CONFIG_VFIO=y\nCONFIG_VFIO_CONTAINER=y\nCONFIG_VFIO_DEVICE_CDEV=y\nCONFIG_VFIO_PCI=y\n' ;;
	m)	printf 'CONFIG_IOMMUFD=m\nCONFIG_IOMMUFD_TEST=y\nCONFIG_IOMMUFD_KUNIT_TEST=y\n'
		printf 'CONFIG_VFIO=m\nCONFIG_VFIO_CONTAINER=y\nCONFIG_VFIO_DEVICE_CDEV=y\nCONFIG_VFIO_PCI=m\n' ;;
	users)	fragments=("$here/config/base.config" "$here/config/users.config") ;;
	esac
	cat "$linux"/kernel/configs/tiny{-base,}.config "$linux/arch/x86/configs/tiny.config" "${fragments[@]}"
}

kbuild()
{
	"$here/kbuild.sh" "$linux" "$out/$1" CC='ccache gcc' "${@:2}"
}

# Requests that a step does not know yet are dropped. Most steps change no Kconfig file.
configure()
{
	local config=$1 sums

	mkdir -p "$out/$config"
	requests "$config" >"$out/$config.requests"
	sums=$(cat "$out/$config.requests" <(git ls-files -s '*Kconfig*') | sha256sum)
	[ "$sums" != "$(cat "$out/$config/.configured" 2>/dev/null)" ] || return 0
	rm -f "$out/$config/.configured"
	kbuild "$config" allnoconfig KCONFIG_ALLCONFIG="$out/$config.requests" || return
	printf '%s\n' "$sums" >"$out/$config/.configured"
}

# compile CONFIG TARGET...
compile()
{
	local config=$1 log=$out/$1.log

	shift
	if ! configure "$config" >"$log" 2>&1 || ! kbuild "$config" "$@" >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		fail "IOMMUFD=$config does not build; see $log"
	fi
	! grep -E 'warning:|WARNING:' "$log" >&2 || fail "IOMMUFD=$config builds with a warning; see $log"
}

# What a step leaves as it was, to the byte, has booted before.
boot()
{
	local config=$1 guest=$out/boot-$1 modules='' sums

	if [ "$config" = m ]; then
		modules=$out/m.modules
		rm -rf "$modules"
		compile m modules_install INSTALL_MOD_PATH="$modules" INSTALL_MOD_STRIP=1 DEPMOD=/sbin/depmod
	fi
	"$here/initramfs.sh" "$guest.cpio" "$out/no-programs" "$modules"
	sums=$(
		sha256sum "$out/$config/arch/x86/boot/bzImage"
		[ -z "$modules" ] || find "$modules" -name '*.ko' -exec sha256sum {} + | sort
	)
	[ "$sums" != "$(cat "$guest.sums" 2>/dev/null)" ] || return 0
	rm -f "$guest.sums"
	TIMEOUT=${TIMEOUT:-300} "$here/boot.sh" "$guest" "$out/$config/arch/x86/boot/bzImage" \
		"$guest.cpio" MODE=boot >"$guest.log" 2>&1 || fail "IOMMUFD=$config does not boot; see $guest"
	"$here/console_filter.sh" "$guest/console.log" >&2 || fail "IOMMUFD=$config: splat in $guest/console.log"
	grep -q '^@@ end boot 0' "$guest/verdict.log" || fail "IOMMUFD=$config: $(tr -d '\r' <"$guest/verdict.log")"
	printf '%s\n' "$sums" >"$guest.sums"
}

# The nodes at the end are those that the configuration promises.
check_nodes()
{
	local nodes

	nodes=$(tr -d '\r' <"$out/boot-$1/verdict.log" | sed -n 's/^nodes: *\(.*[^ ]\) *$/\1/p')
	case $1 in
	n)	[ "$nodes" = '/dev/vfio/vfio' ] ;;
	*)	[ "$nodes" = '/dev/iommu /dev/vfio/devices/vfio0 /dev/vfio/vfio' ] ;;
	esac || fail "IOMMUFD=$1 has these nodes: $nodes"
}

changes_kernel()
{
	git diff --name-only "$1~" "$1" |
		grep -qvE '^(Documentation|tools|samples/iommufd)/|^MAINTAINERS$|/\.(kunitconfig|gitignore)$'
}

step=0
copy_source
mapfile -t commits < <(git rev-list --reverse base..origin/series)
if [ "${QUICK:-0}" != 1 ] && [ ! -e "$out/n/vmlinux" ]; then
	echo "bisect: building the kernel without the series"
	compile n bzImage modules
	copy_build m
	copy_build y
	echo "bisect: done in $SECONDS s"
fi

mkdir -p "$out/no-programs"
last=0
for step in "${!commits[@]}"; do
	commit=${commits[$step]} begun=$SECONDS
	step=$((step + 1))
	git checkout -q -f "$commit"
	if [ "$step" -lt "${FROM:-1}" ] || ! changes_kernel "$commit"; then
		continue
	fi
	boots=()
	for config in n m y; do
		if [ "${QUICK:-0}" = 1 ]; then
			pin=
			[ ! -e "$linux/drivers/iommu/iommufd/Kconfig" ] || [ "$config" = n ] || pin=mm/file_pin.o
			compile "$config" "${touched[@]}" ${pin:+"$pin"}
		else
			compile "$config" bzImage modules
			# A guest and a linker have one core each to do with.
			boot "$config" &
			boots+=($!)
		fi
	done
	compile users "${users[@]}"
	for boot in "${boots[@]}"; do
		wait "$boot"
	done
	last=$step
	printf 'bisect: %2d/%d %-66s %3d s\n' "$step" ${#commits[@]} "$(git log -1 --format=%s "$commit")" $((SECONDS - begun))
done

[ "$last" -ne 0 ] || fail "nothing was built"
if [ "${QUICK:-0}" = 1 ]; then
	echo "bisect: ${#commits[@]} steps compile with IOMMUFD=n, m and y, $SECONDS s"
	exit
fi
for config in n m y; do
	check_nodes "$config"
done
echo "bisect: ${#commits[@]} steps build and boot with IOMMUFD=n, m and y, $SECONDS s"
