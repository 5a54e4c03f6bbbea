// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages devices wrote to: the calls of whoever owns a domain. What is between
 * a reader and a driver is in the header.
 */
#include <linux/export.h>
#include <linux/iommu-dirty.h>
#include <linux/iommu.h>

/**
 * iommu_dirty_set_tracking() - Begin or end to track what devices write
 * @domain: has tracking_ops
 * @enable: begin
 *
 * What is dirty already stays so.
 *
 * Context: nobody uses @domain, nor attaches or detaches a device. May sleep.
 * Return: 0; an errno of the driver.
 */
int iommu_dirty_set_tracking(struct iommu_domain *domain, bool enable)
{
	might_sleep();
	return domain->tracking_ops->set_tracking(domain, enable);
}
EXPORT_SYMBOL_GPL(iommu_dirty_set_tracking);

/**
 * iommu_dirty_read() - Report dirty pages, and make them clean
 * @domain: has tracking_ops
 * @iova: first of the range
 * @size: bytes
 * @reader: is told
 *
 * Once this returns, a write to a page that was made clean marks it dirty again.
 *
 * Context: nobody maps or unmaps in the range, nor attaches a device to @domain or
 * detaches one.
 */
void iommu_dirty_read(struct iommu_domain *domain, unsigned long iova,
		      size_t size, struct iommu_dirty_reader *reader)
{
	struct iommu_iotlb_gather *gather = &reader->gather;

	iommu_iotlb_gather_init(gather);
	domain->tracking_ops->read(domain, iova, size, reader);
	if (gather->start <= gather->end)
		iommu_iotlb_sync(domain, gather);
}
EXPORT_SYMBOL_GPL(iommu_dirty_read);
