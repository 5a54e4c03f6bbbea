// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device of the mock IOMMU that writes: what becomes dirty by that. Its data are of
 * no interest.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "hwpt.h"
#include "iommufd_test.h"
#include "mock_dirty.h"
#include "mock_iommu.h"
#include "test_dirty.h"

/* One call takes no more bits. */
#define BITS_MAX BIT_ULL(27)

/* What the bits of one byte of the bitmap say. Return: how many hit something. */
static unsigned int write_byte(struct xarray *pages, u64 iova, u64 page_size,
			       u8 bits)
{
	unsigned int nr = 0;

	for (; bits; bits >>= 1, iova += page_size)
		if (bits & 1)
			nr += mock_dirty_write(pages, iova);
	return nr;
}

static int write_bitmap(struct xarray *pages, struct iommu_test_cmd *arg,
			u64 nr_bits)
{
	u8 __user *user = u64_to_user_ptr(arg->dirty.uptr);
	u64 bit;
	u8 bits;

	arg->dirty.out_nr_dirty = 0;
	for (bit = 0; bit < nr_bits; bit += BITS_PER_BYTE) {
		if (get_user(bits, user++))
			return -EFAULT;
		if (nr_bits - bit < BITS_PER_BYTE)
			bits &= BIT(nr_bits - bit) - 1;
		arg->dirty.out_nr_dirty +=
			write_byte(pages,
				   arg->dirty.iova + bit * arg->dirty.page_size,
				   arg->dirty.page_size, bits);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * test_dirty_mark() - IOMMU_TEST_OP_DIRTY
 * @hwpt: the table that the device writes through
 * @arg: where, one bit for each page_size bytes
 *
 * Return: 0, and out_nr_dirty is how many of the bits are mapped; an errno, after
 * which some of them may be dirty.
 */
int test_dirty_mark(struct hwpt *hwpt, struct iommu_test_cmd *arg)
{
	u64 page_size = arg->dirty.page_size;
	u64 length = arg->dirty.length;
	struct xarray *pages;
	u64 nr_bits, rest, offset;

	if (!page_size || !length || !arg->dirty.uptr)
		return -EINVAL;
	nr_bits = div64_u64_rem(length, page_size, &rest);
	div64_u64_rem(arg->dirty.iova, page_size, &offset);
	if (rest || offset)
		return -EINVAL;
	if (nr_bits > BITS_MAX)
		return -EOVERFLOW;
	if (!mock_domain_is(hwpt->domain))
		return -EINVAL;
	pages = mock_domain_tracked(hwpt->domain);
	return pages ? write_bitmap(pages, arg, nr_bits) : -EINVAL;
}
