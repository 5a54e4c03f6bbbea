// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bitmap of IOMMU_HWPT_GET_DIRTY_BITMAP.
 *
 * It is in memory that another process may keep from us for as long as it likes, and
 * bits are set while nobody may map. So one page of it at a time is pinned, before
 * the first lock is taken, and nothing but the pinned page is touched then: a bit that
 * could not be set shows before the hardware is asked, and one that is set stands in
 * the caller's memory, whatever becomes of the caller. With bits for 4 KiB each, a
 * page is 128 MiB of IOVA.
 *
 * Others may set bits of the same page at the same time, the caller's threads with
 * another range, or with the same one. So each bit is set atomically, and no byte is
 * written that was read before.
 *
 * A page of the IOMMU may be of more bits than a page of the bitmap has. It is noted
 * in parts then, and only after the last one it may become clean, see
 * dirty_bitmap_note().
 */
#include <linux/bitops.h>
#include <linux/highmem.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "dirty_bitmap.h"

/**
 * dirty_bitmap_init() - Describe the caller's bitmap
 * @bitmap: set
 * @first: IOVA that bit 0 stands for, a multiple of 1 << @shift
 * @last: last IOVA of the range; @last + 1 is such a multiple, too
 * @shift: log2 of the bytes that a bit stands for
 * @address: of the bitmap; it need not be aligned
 *
 * Return: 0; -EFAULT when it cannot be memory of the caller.
 */
int dirty_bitmap_init(struct dirty_bitmap *bitmap, u64 first, u64 last,
		      unsigned int shift, u64 address)
{
	u64 bytes = ((last - first) >> shift) / BITS_PER_BYTE + 1;

	if (address > ULONG_MAX || bytes > ULONG_MAX ||
	    !access_ok(u64_to_user_ptr(address), bytes))
		return -EFAULT;
	*bitmap = (struct dirty_bitmap){
		.first = first,
		.last = last,
		.shift = shift,
		.address = address,
	};
	return 0;
}

/* From the bit of @iova on, as many as the page at @offset in it has. */
static void bitmap_set_page(struct dirty_bitmap *bitmap, struct page *page,
			    unsigned int offset, u64 iova)
{
	u64 bit = (iova - bitmap->first) >> bitmap->shift;
	u64 nr;

	bitmap->page = page;
	bitmap->page_bit = offset * BITS_PER_BYTE + bit % BITS_PER_BYTE;
	bitmap->page_first = bitmap->first + (bit << bitmap->shift);
	nr = PAGE_SIZE * BITS_PER_BYTE - bitmap->page_bit;
	if ((bitmap->last - bitmap->page_first) >> bitmap->shift < nr)
		bitmap->page_last = bitmap->last;
	else
		bitmap->page_last = bitmap->page_first +
				    (nr << bitmap->shift) - 1;
}

/**
 * dirty_bitmap_open() - Get hold of the page that has a bit
 * @bitmap: which
 * @iova: what the bit stands for; not below what was asked for before
 *
 * Bits of IOVA from @iova to &dirty_bitmap.page_last can be noted then.
 *
 * Context: may wait for the page as long as another process likes; no lock is held.
 * Return: 0; -EFAULT when it cannot be written; another errno of
 * pin_user_pages_fast().
 */
int dirty_bitmap_open(struct dirty_bitmap *bitmap, u64 iova)
{
	u64 bit = (iova - bitmap->first) >> bitmap->shift;
	unsigned long address = bitmap->address + bit / BITS_PER_BYTE;
	struct page *page;
	int ret;

	if (bitmap->page && iova <= bitmap->page_last)
		return 0;
	dirty_bitmap_close(bitmap);
	ret = pin_user_pages_fast(address & PAGE_MASK, 1, FOLL_WRITE, &page);
	if (ret != 1)
		return ret ?: -EFAULT;
	bitmap_set_page(bitmap, page, offset_in_page(address), iova);
	return 0;
}

/* Let go of the page, if there is one. */
void dirty_bitmap_close(struct dirty_bitmap *bitmap)
{
	if (bitmap->page)
		unpin_user_pages_dirty_lock(&bitmap->page, 1, true);
	bitmap->page = NULL;
}

/* In an array of bytes, whatever the byte order of the CPU. */
static void bits_set(u8 *bytes, unsigned int bit, unsigned int last)
{
	while (bit <= last) {
		if (bit % BITS_PER_BYTE || last - bit < BITS_PER_BYTE - 1) {
			set_bit_le(bit++, bytes);
		} else {
			WRITE_ONCE(bytes[bit / BITS_PER_BYTE], 0xff);
			bit += BITS_PER_BYTE;
		}
	}
}

static void page_set_bits(struct dirty_bitmap *bitmap, u64 first, u64 last)
{
	u8 *bytes = kmap_local_page(bitmap->page);

	bits_set(bytes,
		 bitmap->page_bit +
			 ((first - bitmap->page_first) >> bitmap->shift),
		 bitmap->page_bit +
			 ((last - bitmap->page_first) >> bitmap->shift));
	kunmap_local(bytes);
}

/**
 * dirty_bitmap_note() - Set the bits of a page of the IOMMU
 * @bitmap: which
 * @first: IOVA of that page; it may begin before the page of the bitmap
 * @last: last IOVA; it may end after that. A part of it has bits there
 *
 * All of the page stands in the bitmap when its bits were set by this call, and by
 * those before for the pages of the bitmap before, without a gap. Of a page that is
 * part of the range only, that is never so: what is outside of it has no bit, and
 * would never be reported if the page became clean.
 *
 * Context: does not sleep.
 * Return: whether all of it stands in the bitmap.
 */
bool dirty_bitmap_note(struct dirty_bitmap *bitmap, u64 first, u64 last)
{
	u64 from = max(first, bitmap->page_first);
	u64 to = min(last, bitmap->page_last);
	u64 start = from - bitmap->first;
	u64 end = to - bitmap->first + 1;

	page_set_bits(bitmap, from, to);
	if (start < bitmap->noted_start || start > bitmap->noted_end) {
		bitmap->noted_start = start;
		bitmap->noted_end = end;
	}
	bitmap->noted_end = max(bitmap->noted_end, end);
	return first >= bitmap->first &&
	       bitmap->noted_start <= first - bitmap->first &&
	       bitmap->noted_end > last - bitmap->first;
}
