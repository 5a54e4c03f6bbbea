/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that a test has in place of user memory, and how many are pinned */
#ifndef TEST_LINUX_HIGHMEM_H
#define TEST_LINUX_HIGHMEM_H

#include <linux/mm.h>
#include <linux/types.h>

#define FOLL_WRITE 1
#define offset_in_page(address) ((unsigned long)(address) & ~PAGE_MASK)

struct page;

static int nr_pinned;

/* By its address, the one after it nowhere near */
static struct page *test_page(unsigned long address);

static inline int pin_user_pages_fast(unsigned long address, int nr, int flags,
				      struct page **pages)
{
	*pages = test_page(address);
	nr_pinned += nr;
	return nr;
}

static inline void unpin_user_pages_dirty_lock(struct page **pages, int nr,
					       bool dirty)
{
	nr_pinned -= nr;
}

#define kmap_local_page(page) ((void *)(page))
#define kunmap_local(address) ((void)(address))

#endif
