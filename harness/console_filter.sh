#!/bin/bash
# Usage: console_filter.sh CONSOLE
# Print every splat in a kernel console log, each with the lines that follow it. Exit
# status 1 when there is one.
#
# Not splats: faults that the IOMMU reports ("DMAR: [DMA Write ..."), which tests cause
# on purpose, and the stack dumps of fault injection. Nor is a mistake of 6.1 itself: since
# "mm/hugetlb: unshare page tables during VMA split, not before" an munmap() of a part of a
# hugetlb mapping calls hugetlb_split() before it takes the lock that hugetlb_split() then misses.
set -euo pipefail

splats=(
	'WARNING:' '(^|[^A-Z])BUG[: ]' 'Oops' 'Kernel panic'
	'KASAN' 'UBSAN:' 'ODEBUG:' 'refcount_t:' 'kmemleak: .*suspected'
	'Kernel memory leak detector disabled' 'unreferenced object'
	'possible (recursive|circular|irq|nested).*(lock|depend)' 'inconsistent lock state'
	'bad unlock balance' 'held lock freed' 'lock held when returning'
	'suspicious RCU' 'invalid wait context' 'DEBUG_LOCKS_WARN_ON' 'INFO: trying to register'
	'sleeping function called' 'scheduling while atomic'
	'rcu.*stall' 'soft lockup' 'hard LOCKUP' 'blocked for more than'
	'general protection fault' 'unable to handle' 'double fault' 'divide error' 'invalid opcode'
	'list_(add|del) corruption' 'Bad page (state|map)' 'Bad rss-counter'
	'page allocation failure' 'Out of memory: Killed'
	'irq [0-9]+: nobody cared' 'DMAR: ERROR' 'Unknown symbol'
)

known='WARNING: .* hugetlb_split\\+0x'
pattern=$(IFS='|'; printf '%s' "${splats[*]}")
LC_ALL=C awk -v pattern="$pattern" -v known="$known" -v context=24 '
	$0 ~ pattern && $0 !~ known { last = NR + context; found = 1 }
	NR <= last { printf "%d: %s\n", NR, $0 }
	END { exit found }
' "$1"
