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
	echo "$version"
	cat "$headers"/linux/{iommufd,vfio,version}.h "$linux/drivers/iommu/iommufd/iommufd_test.h" \
		"$linux/$selftests/iommu/lib/test_env.h" "$here/mainline_alarm.c" "$0" | sha256sum
}

mkdir -p "$work" "$out"
rm -rf "${out:?}"/*
cp "$here"/guest/mainline_* "$out/"

version=$("$here/optional.sh" "$package" "$work/apt.log" 2>"$work/missing") || {
	sed 's/^/mainline: /' "$work/missing" >&2
	[ -z "${CI:-}" ] || exit 1
	cp "$work/missing" "$out/missing"
	exit 0
}

inputs=$(describe_inputs)
if [ "$(cat "$work/inputs" 2>/dev/null)" != "$inputs" ]; then
	rm -f "$work/inputs"
	echo "mainline: building the tests of $package $version"
	extract
	compile
	printf '%s\n' "$inputs" >"$work/inputs"
fi
cp "$work"/bin/* "$out/"
