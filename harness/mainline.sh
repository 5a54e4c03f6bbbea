#!/bin/bash
# Usage: mainline.sh LINUX HEADERS WORK PROGRAMS
# Build mainline's own iommufd tests for the guest: those of linux-source-6.12, unmodified,
# against the kernel headers in HEADERS and the test header of the composed tree LINUX. They
# go to PROGRAMS/tests/mainline, with guest/mainline_test, which runs them. WORK is scratch.
#
# Where the package cannot be had, the tests are skipped, with the reason. CI=anything makes
# that an error.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "$0")" && pwd)
linux=$(realpath "$1") headers=$(realpath "$2") work=$3 out=$4/tests/mainline
package="linux-source-6.12"
tarball=/usr/src/$package.tar.xz
selftests=tools/testing/selftests
programs=(iommufd iommufd_fail_nth)

installed_version()
{
	# shellcheck disable=SC2016
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$package" 2>/dev/null |
		sed -n 's/^installed //p'
}

# Prints why, when the package is missing afterwards.
fetch_package()
{
	[ -z "$(installed_version)" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "$package is not installed, and only root can do that"
		return
	fi
	export DEBIAN_FRONTEND=noninteractive
	{
		apt-get install -y -qq --no-install-recommends "$package" ||
			{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package"; }
	} >"$work/apt.log" 2>&1 || true
	[ -n "$(installed_version)" ] || echo "$package cannot be installed: $(tail -n 1 "$work/apt.log")"
}

extract()
{
	local file files=()

	for file in kselftest.h kselftest_harness.h iommu/iommufd_utils.h "${programs[@]/#/iommu/}"; do
		[[ $file == *.h ]] || file=$file.c
		files+=("$package/$selftests/$file")
	done
	rm -rf "$work/source"
	mkdir -p "$work/source/drivers"
	tar -xf "$tarball" -C "$work/source" --strip-components=1 "${files[@]}"
	# The programs include our test header from four levels up.
	ln -s "$linux/drivers/iommu" "$work/source/drivers/iommu"
}

compile()
{
	local program

	mkdir -p "$work/bin"
	for program in "${programs[@]}"; do
		"${CC:-gcc}" -O2 -w -D_GNU_SOURCE -I"$headers" -I"$linux/$selftests" -static -s -Wl,--wrap=alarm \
			-o "$work/bin/$program" "$work/source/$selftests/iommu/$program.c" "$here/mainline_alarm.c"
	done
}

# What the programs are built from, in one line.
describe_inputs()
{
	installed_version
	cat "$headers"/linux/{iommufd,vfio,version}.h "$linux/drivers/iommu/iommufd/iommufd_test.h" \
		"$linux/$selftests/iommu/lib/test_env.h" "$here/mainline_alarm.c" "$0" | sha256sum
}

mkdir -p "$work" "$out"
rm -rf "${out:?}"/*
cp "$here"/guest/mainline_* "$out/"

missing=$(fetch_package)
if [ -n "$missing" ]; then
	echo "mainline: $missing" >&2
	[ -z "${CI:-}" ] || exit 1
	printf '%s\n' "$missing" >"$out/missing"
	exit 0
fi

inputs=$(describe_inputs)
if [ "$(cat "$work/inputs" 2>/dev/null)" != "$inputs" ]; then
	rm -f "$work/inputs"
	echo "mainline: building the tests of $package $(installed_version)"
	extract
	compile
	printf '%s\n' "$inputs" >"$work/inputs"
fi
cp "$work"/bin/* "$out/"
