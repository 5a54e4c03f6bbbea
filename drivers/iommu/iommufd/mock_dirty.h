/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty bits in a table of the mock IOMMU. A page of 1 MiB is many entries there, of
 * which the first has the dirty bit.
 */
#ifndef __IOMMUFD_MOCK_DIRTY_H
#define __IOMMUFD_MOCK_DIRTY_H

#include <linux/bits.h>
#include <linux/types.h>

struct iommu_dirty_reader;
struct xarray;

/* An entry that is part of a page of MOCK_HUGE_PAGE_SIZE */
#define ENTRY_HUGE BIT_ULL(59)

bool mock_dirty_write(struct xarray *pages, u64 iova);
void mock_dirty_read(struct xarray *pages, u64 iova, size_t size,
		     struct iommu_dirty_reader *reader);

#endif
