/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEST_LINUX_BITOPS_H
#define TEST_LINUX_BITOPS_H

#include <linux/types.h>

#define BITS_PER_BYTE 8

/* No other thread is there. */
static inline void set_bit_le(unsigned int bit, u8 *bytes)
{
	bytes[bit / BITS_PER_BYTE] |= 1 << bit % BITS_PER_BYTE;
}

#endif
