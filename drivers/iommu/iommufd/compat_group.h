/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO groups that have a context in place of a container: what the devices of
 * each will not be able to use, known before the first of them is opened.
 */
#ifndef __IOMMUFD_COMPAT_GROUP_H
#define __IOMMUFD_COMPAT_GROUP_H

#include <linux/types.h>

struct iommu_group;
struct iommufd_compat_group;
struct iommufd_ctx;
struct mapped_space;

/**
 * struct compat_limits - what all groups of a context have in common
 * @page_sizes: a bit for each size that every IOMMU has
 * @coherent: every IOMMU can keep DMA from bypassing the CPU's caches
 */
struct compat_limits {
	u64 page_sizes;
	bool coherent;
};

struct iommufd_compat_group *compat_group_create(struct iommu_group *iommu_group);
void compat_group_destroy(struct iommufd_compat_group *group);

void compat_groups_add(struct iommufd_ctx *ictx,
		       struct iommufd_compat_group *group);
void compat_groups_remove(struct iommufd_ctx *ictx,
			  struct iommufd_compat_group *group);
void compat_groups_limits(struct iommufd_ctx *ictx,
			  struct compat_limits *limits);

int compat_group_reserve(struct iommufd_compat_group *group,
			 struct mapped_space *space);
void compat_group_unreserve(struct iommufd_compat_group *group,
			    struct mapped_space *space);
int compat_groups_reserve(struct iommufd_ctx *ictx, struct mapped_space *space);
void compat_groups_unreserve(struct iommufd_ctx *ictx,
			     struct mapped_space *space);

#endif
