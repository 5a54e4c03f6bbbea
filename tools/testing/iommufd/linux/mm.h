/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEST_LINUX_MM_H
#define TEST_LINUX_MM_H

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <linux/bits.h>
#include <asm/bug.h>
#include <linux/err.h>
#include <linux/kernel.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PMD_SIZE (1UL << 21)

#ifndef U64_MAX
#define U64_MAX UINT64_MAX
#endif
#ifndef S64_MAX
#define S64_MAX INT64_MAX
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((__unused__))
#endif

#define IS_ENABLED(option) 1

#ifndef swap
#define swap(a, b) \
	do { typeof(a) swapped = (a); (a) = (b); (b) = swapped; } while (0)
#endif

static inline int fls64(uint64_t x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

#endif
