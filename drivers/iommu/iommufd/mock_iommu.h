/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An IOMMU and devices behind it that are made of memory, for tests.
 *
 * The devices sit on a bus of their own, whose IOMMU this is, beside whatever
 * IOMMU the machine has.
 */
#ifndef __IOMMUFD_MOCK_IOMMU_H
#define __IOMMUFD_MOCK_IOMMU_H

#include <linux/types.h>

struct device;
struct iommu_domain;
struct iommu_fault_report;
struct xarray;

struct device *mock_device_create(u32 flags);
void mock_device_destroy(struct device *dev);
bool mock_device_look(struct device *dev, struct iommu_domain *domain,
		      unsigned int *nr_gaps);
void mock_device_fault(struct device *dev,
		       const struct iommu_fault_report *report);
bool mock_device_check_cache(struct device *dev, u32 index, u32 value);
bool mock_domain_is(struct iommu_domain *domain);
struct xarray *mock_domain_tracked(struct iommu_domain *domain);
void mock_domain_refuse(struct iommu_domain *domain, u64 map_iova,
			u64 unmap_iova);

int mock_iommu_init(void);
void mock_iommu_exit(void);

#endif
