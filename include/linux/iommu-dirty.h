/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages devices wrote to through a domain.
 *
 * A domain that was made with IOMMU_DOMAIN_FLAG_TRACK_DIRTY has a dirty bit for
 * each page of its table, whatever the size of that page, and @tracking_ops to read
 * them. A page becomes clean only when whoever reads has taken note of it:
 *
 *	reader                      driver, device
 *	                            a device writes: the page is dirty
 *	                            read: sees that
 *	report: takes note
 *	                            the page becomes clean; the TLB is flushed
 *
 * What a device writes between the first and the last of these may not make the page
 * dirty again: its entry is in a TLB, or dirty still. The reader has it noted already.
 * So what was written is looked at when the read has ended, not when it is reported.
 *
 * Context: as for a map or unmap of the same range; nobody maps there, unmaps, or
 * attaches or detaches a device at the same time. Other readers may be there.
 */
#ifndef __LINUX_IOMMU_DIRTY_H
#define __LINUX_IOMMU_DIRTY_H

#include <linux/iommu.h>

/**
 * struct iommu_dirty_reader - who wants to know of dirty pages
 * @report: called for each, while it is still dirty, with the first IOVA and the size
 *          of the page, which may begin before the range that is read, and end after
 *          it. Return: whether the page is to become clean. Must not sleep
 * @gather: private: pages that became clean
 */
struct iommu_dirty_reader {
	bool (*report)(struct iommu_dirty_reader *reader, unsigned long iova,
		       size_t size);
	struct iommu_iotlb_gather gather;
};

/**
 * struct iommu_tracking_ops - of a domain that knows its dirty pages
 * @set_tracking: begin or end to mark pages dirty. What is dirty stays so
 * @read: hand each dirty page of a range to iommu_dirty_report(), and when that says
 *        so, make it clean, without losing a mark that comes meanwhile. Pages that are
 *        not mapped are clean
 */
struct iommu_tracking_ops {
	int (*set_tracking)(struct iommu_domain *domain, bool enable);
	void (*read)(struct iommu_domain *domain, unsigned long iova,
		     size_t size, struct iommu_dirty_reader *reader);
};

/* For drivers: is the page to become clean? */
static inline bool iommu_dirty_report(struct iommu_dirty_reader *reader,
				      unsigned long iova, size_t size)
{
	if (!reader->report(reader, iova, size))
		return false;
	iommu_iotlb_gather_add_range(&reader->gather, iova, size);
	return true;
}

int iommu_dirty_set_tracking(struct iommu_domain *domain, bool enable);
void iommu_dirty_read(struct iommu_domain *domain, unsigned long iova,
		      size_t size, struct iommu_dirty_reader *reader);

#endif
