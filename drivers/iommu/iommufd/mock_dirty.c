// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's dirty bits: a mark of the entry.
 */
#include <linux/iommu-dirty.h>
#include <linux/math.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "iommufd_test.h"
#include "mock_dirty.h"

#define MARK_DIRTY XA_MARK_0
#define HUGE_ENTRIES (MOCK_HUGE_PAGE_SIZE / MOCK_PAGE_SIZE)

static bool entry_is_huge(void *entry)
{
	return xa_to_value(entry) & ENTRY_HUGE;
}

/**
 * mock_dirty_write() - Do with the dirty bit what a write of a device does
 * @pages: the table
 * @iova: where it writes
 *
 * Return: whether something is mapped there.
 */
bool mock_dirty_write(struct xarray *pages, u64 iova)
{
	unsigned long index = iova / MOCK_PAGE_SIZE;
	void *entry;

	xa_lock(pages);
	entry = xa_load(pages, index);
	if (entry) {
		if (entry_is_huge(entry))
			index = round_down(index, HUGE_ENTRIES);
		__xa_set_mark(pages, index, MARK_DIRTY);
	}
	xa_unlock(pages);
	return entry;
}

/* A page that is dirty and does not end before @first */
static void dirty_report(struct xarray *pages, unsigned long index, void *entry,
			 unsigned long first, struct iommu_dirty_reader *reader)
{
	unsigned long nr = entry_is_huge(entry) ? HUGE_ENTRIES : 1;

	if (index + nr <= first)
		return;
	if (iommu_dirty_report(reader, index * MOCK_PAGE_SIZE,
			       nr * MOCK_PAGE_SIZE))
		xa_clear_mark(pages, index, MARK_DIRTY);
}

/**
 * mock_dirty_read() - What struct iommu_tracking_ops wants of read
 * @pages: the table
 * @iova: of the range
 * @size: of the range
 * @reader: is told
 */
void mock_dirty_read(struct xarray *pages, u64 iova, size_t size,
		     struct iommu_dirty_reader *reader)
{
	unsigned long first = iova / MOCK_PAGE_SIZE;
	unsigned long last = (iova + size - 1) / MOCK_PAGE_SIZE;
	/* A page may have begun before the range. */
	unsigned long index = round_down(first, HUGE_ENTRIES);
	void *entry = xa_find(pages, &index, last, MARK_DIRTY);

	while (entry) {
		dirty_report(pages, index, entry, first, reader);
		entry = xa_find_after(pages, &index, last, MARK_DIRTY);
		cond_resched();
	}
}
