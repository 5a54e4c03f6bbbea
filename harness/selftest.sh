#!/bin/bash
# Usage: selftest.sh
# Test on the host what decides over the guest: console_filter.sh and judge.sh. A judge
# that lets a splat or a missing verdict pass would make every other test worthless. And
# bench/table.py, which makes what the guests of `make bench` counted into ratios; and see
# that only devices are spoken of that guest/devices.list has.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0

result()
{
	count=$((count + 1))
	if [ "$1" = "$2" ]; then
		printf 'ok %d %s\n' "$count" "$3"
	else
		printf 'not ok %d %s: got "%s", not "%s"\n' "$count" "$3" "$1" "$2"
		failed=1
	fi
}

clean_console()
{
	cat <<-'END'
	[    0.000000] Linux version 6.1.0 (root@host) (gcc (Debian 12.2.0-14) 12.2.0)
	[    0.002102] kasan: KernelAddressSanitizer initialized
	[    0.004000] ACPI: [Firmware Bug]: BIOS _OSI(Linux) query ignored
	[    0.310000] kmemleak: Kernel memory leak detector initialized (mem pool available: 39650)
	[    0.311000] DMAR: IOMMU enabled
	[    7.120000] DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0x2000000 [fault reason 0x05] PTE Write access is not set
	[    8.120000] FAULT_INJECTION: forcing a failure.
	[    8.120010] Call Trace:
	[    8.120020]  dump_stack_lvl+0x34/0x48
	[    9.000000] vfio-pci 0000:00:04.0: Relaying device request to user (#0)
	[    9.100000] WARNING: CPU: 1 PID: 321 at include/linux/fs.h:509 hugetlb_split+0x97/0xc0
	[    9.900000] reboot: Power down
	END
}

filter_finds()
{
	local what=$1 status=0

	{ clean_console; printf '[    5.000000] %s\n' "$2"; clean_console; } >"$work/console"
	"$here/console_filter.sh" "$work/console" >"$work/found" || status=$?
	result "$status$(grep -cF -- "$2" "$work/found")" 11 "console_filter finds $what"
}

test_filter()
{
	local status=0

	clean_console >"$work/console"
	"$here/console_filter.sh" "$work/console" >"$work/found" || status=$?
	result "$status$(cat "$work/found")" 0 "console_filter passes a clean console"

	filter_finds "a warning" 'WARNING: CPU: 1 PID: 77 at drivers/vfio/vfio_main.c:270 vfio_device_put+0x11/0x20'
	filter_finds "a KASAN report" 'BUG: KASAN: use-after-free in iommufd_fops_release+0x32/0x90'
	filter_finds "a null pointer" 'BUG: kernel NULL pointer dereference, address: 0000000000000010'
	filter_finds "a protection fault" 'general protection fault, probably for non-canonical address 0xdffffc0000000000: 0000 [#1] PREEMPT SMP KASAN'
	filter_finds "an oops" 'Oops: 0002 [#1] PREEMPT SMP'
	filter_finds "a BUG_ON" 'kernel BUG at mm/gup.c:100!'
	filter_finds "a panic" 'Kernel panic - not syncing: Attempted to kill init!'
	filter_finds "a lock order" 'WARNING: possible circular locking dependency detected'
	filter_finds "a lock state" 'inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage; inconsistent lock state'
	filter_finds "a lock taken to user space" 'WARNING: lock held when returning to user space!'
	filter_finds "a sleep in atomic context" 'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580'
	filter_finds "a schedule in atomic context" 'BUG: scheduling while atomic: cdev_test/80/0x00000002'
	filter_finds "an RCU misuse" 'WARNING: suspicious RCU usage'
	filter_finds "an RCU stall" 'rcu: INFO: rcu_preempt self-detected stall on CPU'
	filter_finds "a soft lockup" 'watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cdev_test:81]'
	filter_finds "a hung task" 'INFO: task cdev_test:82 blocked for more than 120 seconds.'
	filter_finds "undefined behaviour" 'UBSAN: shift-out-of-bounds in drivers/iommu/iommufd/ioas.c:12:3'
	filter_finds "a leak" 'kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)'
	filter_finds "a leak detector that gave up" 'kmemleak: Kernel memory leak detector disabled'
	filter_finds "a reference count" 'refcount_t: underflow; use-after-free.'
	filter_finds "a broken list" 'list_del corruption. prev->next should be ffff888, but was 0'
	filter_finds "a live object freed" 'ODEBUG: free active (active state 0) object type: work_struct'
	filter_finds "a bad page" 'BUG: Bad page state in process cdev_test  pfn:1234'
	filter_finds "a huge allocation" 'map_test: page allocation failure: order:9, mode:0xcc0'
	filter_finds "a module that does not fit" 'vfio_pci: Unknown symbol iommufd_bind_device (err -2)'
}

# judges WHAT EXPECTED-STATUS-AND-LAST-LINE: the verdict is on stdin.
judges()
{
	local status=0

	cat >"$work/verdict"
	"$here/judge.sh" "$work/console" "$work/verdict" >"$work/judged" || status=$?
	result "$status: $(tail -n 1 "$work/judged")" "$2" "judge: $1"
}

test_judge()
{
	clean_console >"$work/console"
	judges "all passed" "0: 2 passed, 0 failed, 1 skipped" <<-'END'
	@@ begin a
	1..3
	ok 1 one
	ok 2 two
	ok 3 # SKIP no such device
	@@ end a 0
	@@ done
	END
	judges "a whole program skipped" "0: 0 passed, 0 failed, 1 skipped" <<-'END'
	@@ begin a
	1..0 # SKIP no device
	@@ end a 4
	@@ done
	END
	judges "a failed case" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	not ok 2 two
	@@ end a 1
	@@ done
	END
	judges "an empty program" "1: 0 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	@@ end a 0
	@@ done
	END
	judges "a crash" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	@@ end a 139
	@@ done
	END
	judges "fewer results than planned" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	1..2
	ok 1 one
	@@ end a 0
	@@ done
	END
	judges "a program without an end" "1: 2 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	@@ begin b
	ok 1 one
	ok 2 two
	@@ end b 0
	@@ done
	END
	judges "a guest that stopped half way" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	@@ end a 0
	END
	judges "a finding" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	@@ end a 0
	@@ bad a: 3 pages are still pinned
	@@ done
	END
	judges "no verdict at all" "1: 0 passed, 2 failed, 0 skipped" </dev/null
	echo 'WARNING: CPU: 0 PID: 1 at x.c:1' >>"$work/console"
	judges "a splat under passing tests" "1: 1 passed, 1 failed, 0 skipped" <<-'END'
	@@ begin a
	ok 1 one
	@@ end a 0
	@@ done
	END
}

# The names and variables of the list
list_devices()
{
	awk '!/^#/ && NF && $2 != "-" { match($4, /id=[^,]*/); print substr($4, RSTART + 3, RLENGTH - 3), $2 }' \
		"$here/guest/devices.list" | LC_ALL=C sort -u
}

# Those of the table in README.md, where a row may have several
list_described()
{
	sed -n '/^| name | address/,/^$/p' "$here/README.md" | tail -n +3 | tr -d '` $' |
		awk -F'|' 'NF { n = split($2, name, ","); split($3, variable, ","); for (i = 1; i <= n; i++) print name[i], variable[i] }' |
		LC_ALL=C sort -u
}

# What the lists of tests want: names in brackets, and variables
list_wanted()
{
	sed 's/#.*//' "$@" | grep -oE '\[[^]]*\]|\$[A-Z0-9_]+' | tr -d '[]$' | tr ',' '\n' | LC_ALL=C sort -u
}

test_devices()
{
	local lists=()

	for list in "$here"/guest/*.list "$here"/vmm/*.list; do
		[ "${list##*/}" = devices.list ] || lists+=("$list")
	done
	result "$(list_described)" "$(list_devices)" "README.md describes the devices of the guest"
	result "$(LC_ALL=C comm -23 <(list_wanted "${lists[@]}") <(list_devices | tr ' ' '\n' | LC_ALL=C sort -u))" '' \
		"tests want devices that the guest has"
}

# The calls of /dev/iommu and operations of the mock, those that a header has
list_calls()
{
	grep -ohE 'IOMMU_[A-Z0-9_]+ (\\$|_IO\()|IOMMU_TEST_OP_[A-Z_]+ =' "$1/include/uapi/linux/iommufd.h" \
		"$1/drivers/iommu/iommufd/iommufd_test.h" | cut -d' ' -f1 | LC_ALL=C sort -u
}

test_fuzzer()
{
	local root=$here/..

	[ -d "$root/tools/testing/selftests/iommu/fuzz" ] || return 0
	result "$(list_calls "$root" | grep -vx IOMMU_TEST_CMD | while read -r name; do
		grep -qw "$name" "$root"/tools/testing/selftests/iommu/fuzz/calls_*.c || echo "$name"
	done)" '' "the fuzzer has every call"
}

# bench_report COLUMN LINE...: what the program printed on the kernel of that column
bench_report()
{
	mkdir -p "$work/logs"
	printf '%s\r\n' '# one instruction is 1.000' "${@:2}" end 'status 0' >"$work/logs/$1.log"
}

bench_reports()
{
	rm -rf "$work/logs"
	bench_report old 'row map page 400.00 a map' 'row copy page - a copy' 'row both times 1.00 threads'
	bench_report later 'row map page 200.00 a map' 'row copy page 80.00 a copy' 'row both times 1.60 threads'
	bench_report mine 'row map page 50.00 a map' 'row copy page 20.00 a copy' 'row both times 2.00 threads'
}

# tabulates WHAT EXPECTED: the status, and the rows of bench.csv without their texts
tabulates()
{
	local status=0

	printf '%s\n' '# NAME KERNEL INTERFACE AGAINST TITLE' 'old o type1 - old one' \
		'later l iommufd - later one' 'mine m iommufd old,later mine' >"$work/columns"
	rm -f "$work/bench.csv"
	"$here/bench/table.py" "$work" "$work/columns" >"$work/table" 2>&1 || status=$?
	result "$status $(sed 1d "$work/bench.csv" 2>/dev/null | cut -d, -f1,4- | tr '\n' ' ')" "$2" "table: $1"
}

test_table()
{
	bench_reports
	tabulates "ratios to the best peer" \
		"0 map,400.0,200.0,50.0,0.2500 copy,,80.0,20.0,0.2500 both,1.0,1.6,2.0,1.2500 "
	result "$(tail -n 1 "$work/bench.md")" "| threads | times | 1.00 | 1.60 | 2.00 | 1.250 |" "table: Markdown"
	rm "$work/logs/later.log"
	tabulates "a column that was not run is empty" \
		"0 map,400.0,,50.0,0.1250 copy,,,20.0, both,1.0,,2.0,2.0000 "
	bench_reports
	bench_report mine 'row map page 50.00 a map' 'row both times 2.00 threads'
	tabulates "a row that a report lacks" "1 "
	result "$(cat "$work/table")" "table: mine has no row copy" "table: which row it is"
	bench_reports
	sed -i /^end/d "$work/logs/old.log"
	tabulates "a report without an end" "1 "
	bench_reports
	sed -i 's/is 1.000/is 2.500/' "$work/logs/old.log"
	tabulates "a clock that does not count instructions" "1 "
	rm -rf "$work/logs"
	tabulates "no report" "1 "
}

test_filter
test_judge
test_devices
test_fuzzer
test_table
printf '1..%d\n' "$count"
exit "$failed"
