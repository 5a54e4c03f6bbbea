/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bitmap of IOMMU_HWPT_GET_DIRTY_BITMAP: the user's memory, in which a bit is set
 * for each part of a range that was written to.
 */
#ifndef __IOMMUFD_DIRTY_BITMAP_H
#define __IOMMUFD_DIRTY_BITMAP_H

#include <linux/types.h>

struct page;

/**
 * struct dirty_bitmap - the bitmap, and the page of it that is in use
 * @first: IOVA that bit 0 stands for
 * @last: last IOVA that a bit stands for
 * @shift: a bit stands for 1 << @shift bytes
 * @address: of bit 0, in the address space of the caller
 * @page: pinned for writing; NULL for none
 * @page_first: IOVA of the first bit that is used of @page
 * @page_last: last IOVA of its last bit, at most @last
 * @page_bit: the number in @page of the bit of @page_first
 * @noted_start: of the latest range all of whose bits are set, bytes from @first
 * @noted_end: likewise; a range that grows with each page that is noted next to it
 */
struct dirty_bitmap {
	u64 first;
	u64 last;
	unsigned int shift;
	u64 address;
	struct page *page;
	u64 page_first;
	u64 page_last;
	unsigned int page_bit;
	u64 noted_start;
	u64 noted_end;
};

int dirty_bitmap_init(struct dirty_bitmap *bitmap, u64 first, u64 last,
		      unsigned int shift, u64 address);
int dirty_bitmap_open(struct dirty_bitmap *bitmap, u64 iova);
void dirty_bitmap_close(struct dirty_bitmap *bitmap);
bool dirty_bitmap_note(struct dirty_bitmap *bitmap, u64 first, u64 last);

#endif
