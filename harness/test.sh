#!/bin/bash
# Usage: test.sh OUT KERNEL INITRAMFS PROGRAMS [NODE_KERNEL NODE_INITRAMFS]
# Run the tests: on the host those of the harness itself and PROGRAMS/host, then those of
# the guest, in two parts, then some again in guests with other IOMMUs, and on NODE_KERNEL,
# whose /dev/vfio/vfio is an iommufd. Two guests run side by side. TEST=prefix runs only what
# has a name that begins so, TEST=name:test of the program of that name only the test.
# TESTS_LIST=file runs that list in place of tests.list. The last line is the count.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3 programs=$4
here=$(cd "$(dirname "$0")" && pwd)
only=${TEST:-}
# shellcheck source=harness/arch/x86.sh
. "$here/arch/${ARCH:-x86}.sh"
parameters=(MODE=test ONLY="$only")
# A list of its own has its own reason, which another IOMMU would not add to.
[ -z "${TESTS_LIST:-}" ] || { list=$TESTS_LIST again=''; }

# The names, or the programs, of the tests in a list, or in a part of it: "iommu" is the
# programs of iommufd alone, "vfio" are the others.
list_guest()
{
	sed '/^#/d; /^$/d' "$here/guest/$2" |
		awk -v column="$1" -v part="${3:-}" '
			part == "" || part == ($2 ~ /^iommu/ ? "iommu" : "vfio") { print $column }' |
		LC_ALL=C sort -u
}

# Is one of the names on stdin that of a test to run?
wanted()
{
	case $only in
	*:*)	grep -x "${only%%:*}" ;;
	*)	grep "^$only" ;;
	esac >/dev/null
}

# run_host NAME COMMAND...
run_host()
{
	local name=$1 status=0
	shift

	[[ $name == "$only"* ]] || return 0
	echo "@@ begin $name"
	"$@" 2>&1 || status=$?
	echo "@@ end $name $status"
}

# For a program that says by its exit status alone how it went. Not every kernel lets
# 32-bit programs run.
as_one_case()
{
	local name status=0

	name=$(basename "$1")
	"$1" || status=$?
	if [ "$status" -eq 126 ] && [[ $name == *_32_test ]]; then
		echo "ok 1 $name # SKIP the kernel of this machine runs no 32-bit programs"
		return 0
	fi
	[ "$status" -eq 0 ] || printf 'not '
	echo "ok 1 $name"
	return "$status"
}

# A test that nobody lists would never run, one that is listed and gone never fail.
compare_list()
{
	{ diff <(for names in {tests,distribution,wide,incoherent}.list; do list_guest 2 "$names"; done |
			LC_ALL=C sort -u) \
		<(cd "$programs/tests" && find . -name '*_test' -printf '%P\n' | LC_ALL=C sort -u) || true; } |
		sed -n -e 's/^< /@@ bad tests.list names what was not built: /p' \
			-e 's/^> /@@ bad tests.list lacks /p'
}

run_host_tests()
{
	local program

	run_host harness "$here/selftest.sh"
	for program in "$programs"/host/*_test; do
		[ -x "$program" ] || continue
		run_host "$(basename "$program" _test)" as_one_case "$program"
	done
	[ -n "$only" ] || [ "$list" != tests.list ] || compare_list
	echo "@@ done"
}

if [ "${DRY_RUN:-0}" = 1 ]; then
	exec "$here/boot.sh" "$out" "$kernel" "$initramfs" "${parameters[@]}"
fi

mkdir -p "$out"
rm -f "$out"/*.log
verdicts=("$out/host.log")
run_host_tests >"$out/host.log"

consoles=()
# run_guest OUT LIST [PREFIX [PART [PARAMETER...]]]: begin it, when no more than one other
# runs. What became of the guest is in its logs; a status alone decides nothing.
run_guest()
{
	list_guest 1 "$2" "${4:-}" | sed "s/^/${3:-}/" | wanted || return 0
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
	verdicts+=("$1/verdict.log") consoles+=("$1/console.log")
	(
		TIMEOUT=${TIMEOUT:-3600} "$here/boot.sh" "$1" "$kernel" "$initramfs" \
			"${parameters[@]}" LIST="$2" PREFIX="${3:-}" PART="${4:-}" "${@:5}" || true
		touch "$1/verdict.log" "$1/console.log"
	) &
}

run_guest "$out" "$list" '' iommu
run_guest "$out/vfio" "$list" '' vfio
for guest in $again; do
	IFS=: read -r iommu names parameter <<<"$guest"
	IOMMU=$iommu run_guest "$out/$iommu" "$names" "${iommu}_" '' ${parameter:+"$parameter"}
done
[ -z "${PACKAGED:-}" ] || IOMMU=numa run_guest "$out/numa" distribution.list '' '' movablecore=1G
if [ $# -gt 4 ]; then
	kernel=$5 initramfs=$6
	run_guest "$out/node" node.list node_
fi
wait
cat /dev/null "${consoles[@]}" >"$out/consoles.log"
echo "full output: ${verdicts[*]} ${consoles[*]}"
exec "$here/judge.sh" "$out/consoles.log" "${verdicts[@]}"
