# shellcheck shell=sh
# What must hold after the tests, whatever they printed. A line "@@ bad ..." fails the
# run.

DEBUG=/sys/kernel/debug

# Injected failures are expected; a stack dump for each would bury the rest.
quiet_fault_injection()
{
	for capability in failslab fail_page_alloc fail_usercopy; do
		[ ! -e "$DEBUG/$capability/verbose" ] || echo 0 >"$DEBUG/$capability/verbose"
	done
}

vmstat()
{
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
}

# A program that has ended holds no pin. Files are closed a little after the program is
# gone, so this waits for a while.
check_pins()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		pinned=$(($(vmstat nr_foll_pin_acquired) - $(vmstat nr_foll_pin_released)))
		[ "$pinned" -ne 0 ] || return 0
		sleep 0.5
	done
	echo "@@ bad $1: $pinned pages are still pinned"
}

# The kernel's own tests ran when iommufd came up.
check_kunit()
{
	[ -d $DEBUG/kunit ] || return 0
	for suite in iommufd_iova_space iommufd_page_runs iommufd_pinned_span iommufd_user_pages; do
		grep -q '^ok ' "$DEBUG/kunit/$suite/results" || {
			echo "@@ bad KUnit: $suite"
			cat "$DEBUG/kunit/$suite/results"
		}
	done
}

# Nobody's leak but the boot's.
forget_boot_leaks()
{
	[ -e $DEBUG/kmemleak ] || return 0
	echo scan >$DEBUG/kmemleak
	echo clear >$DEBUG/kmemleak
}

# An object must be some seconds old and found without a reference in two scans.
check_leaks()
{
	[ -e $DEBUG/kmemleak ] || return 0
	for _ in 1 2; do
		sleep 6
		echo scan >$DEBUG/kmemleak || { echo "@@ bad kmemleak gave up"; return; }
	done
	[ -n "$(cat $DEBUG/kmemleak)" ] || return 0
	echo "@@ bad kmemleak: $(grep -c '^unreferenced object' $DEBUG/kmemleak) objects leaked"
	cat $DEBUG/kmemleak
}

# Lockdep turns itself off at its first report or when it is out of tables: from there on
# it proves nothing. Taints: bad page 32, oops 128, warning 512, soft lockup 16384.
check_kernel_state()
{
	if [ -e /proc/lockdep_stats ] && ! grep -q 'debug_locks: *1' /proc/lockdep_stats; then
		echo "@@ bad lockdep turned itself off"
	fi
	taint=$(($(cat /proc/sys/kernel/tainted) & (32 | 128 | 512 | 16384)))
	# The one warning that console_filter.sh lets pass taints too. That no other came before
	# is for the filter to say.
	! dmesg | grep -q 'WARNING: .* hugetlb_split+0x' || taint=$((taint & ~512))
	[ "$taint" -eq 0 ] || echo "@@ bad kernel is tainted: $taint"
}
