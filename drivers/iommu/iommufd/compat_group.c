// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO groups that have a context in place of a container.
 *
 * A program that knows containers puts a group into one, asks which IOVA it
 * may use, maps, and opens a device last. Here a device is attached when it is
 * opened, and the attach is what reserves the ranges that the device or its
 * IOMMU cannot use: what the program was told before would be wrong, and what
 * it mapped could keep it from opening the device. So all that the attach
 * depends on is looked up when the group comes, and reserved in the
 * compatibility IOAS until the group leaves.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "compat_group.h"
#include "context.h"
#include "mapped_space.h"

/**
 * struct iommufd_compat_group - one VFIO group
 * @link: in iommufd_ctx.compat_groups; under its compat_lock
 * @regions: struct iommu_resv_region.list: reserved for the group; immutable
 * @aperture: what a table for the group translates; immutable
 * @page_sizes: that such a table can use, a bit for each; immutable
 * @coherent: such a table can enforce coherency; immutable
 *
 * The owner of what it reserves. All of it is looked up once: IOMMU_VFIO_IOAS
 * can then reserve it elsewhere while devices come and go.
 */
struct iommufd_compat_group {
	struct list_head link;
	struct list_head regions;
	struct iommu_domain_geometry aperture;
	unsigned long page_sizes;
	bool coherent;
};

static int device_is_coherent(struct device *dev, void *data)
{
	bool *coherent = data;

	/* An emulated device does without. */
	if (dev->iommu)
		*coherent &= device_iommu_capable(dev,
						  IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	return 0;
}

/*
 * A group is behind one IOMMU: any device of it tells what a table can do. Where
 * the driver cannot make one for a device the core needs the group's DMA. Who has
 * that may be a device of this very group, which another context opened: then
 * nothing is known, and the attach will tell.
 */
static struct iommu_domain *group_alloc_domain(struct iommu_group *iommu_group)
{
	struct iommu_domain *domain = iommu_group_domain_alloc(iommu_group, 0);

	if (PTR_ERR(domain) != -EOPNOTSUPP ||
	    iommu_group_claim_dma_owner(iommu_group, &domain))
		return domain;
	domain = iommu_group_domain_alloc(iommu_group, 0);
	iommu_group_release_dma_owner(iommu_group);
	return domain;
}

static int group_try_table(struct iommufd_compat_group *group,
			   struct iommu_group *iommu_group)
{
	struct iommu_domain *domain = group_alloc_domain(iommu_group);
	int ret = PTR_ERR_OR_ZERO(domain);

	/* No IOMMU, or one that does not tell now */
	if (ret == -ENODEV || ret == -EOPNOTSUPP)
		ret = 0;
	if (!IS_ERR(domain)) {
		group->aperture = domain->geometry;
		group->page_sizes = domain->pgsize_bitmap;
		iommu_domain_free(domain);
	}
	group->coherent = true;
	iommu_group_for_each_dev(iommu_group, &group->coherent,
				 device_is_coherent);
	return ret;
}

/**
 * compat_group_create() - Look up what a group cannot use
 * @iommu_group: has a device, which its VFIO driver keeps
 *
 * Return: the description, of which no context knows yet; -ENOMEM; an errno of
 * the IOMMU driver for a table that the group could not be attached to.
 */
struct iommufd_compat_group *compat_group_create(struct iommu_group *iommu_group)
{
	struct iommufd_compat_group *group;
	int ret;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&group->regions);
	group->aperture.aperture_end = U64_MAX;
	group->page_sizes = ULONG_MAX;

	/* Some may be there also after a failure. */
	ret = iommu_get_group_resv_regions(iommu_group, &group->regions);
	if (!ret)
		ret = group_try_table(group, iommu_group);
	if (ret) {
		compat_group_destroy(group);
		return ERR_PTR(ret);
	}
	return group;
}

/* Nothing is reserved for @group any more. */
void compat_group_destroy(struct iommufd_compat_group *group)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, &group->regions, list)
		kfree(region);
	kfree(group);
}

/* What type1 calls must be multiples of, so that a device can be attached. */
static void groups_update_mask(struct iommufd_ctx *ictx)
{
	struct iommufd_compat_group *group;
	u64 mask = 0;

	lockdep_assert_held(&ictx->compat_lock);
	list_for_each_entry(group, &ictx->compat_groups, link)
		mask |= (1UL << __ffs(group->page_sizes)) - 1;
	WRITE_ONCE(ictx->compat_mask, min_t(u64, mask, ~PAGE_MASK));
}

void compat_groups_add(struct iommufd_ctx *ictx,
		       struct iommufd_compat_group *group)
{
	lockdep_assert_held(&ictx->compat_lock);
	list_add_tail(&group->link, &ictx->compat_groups);
	groups_update_mask(ictx);
}

void compat_groups_remove(struct iommufd_ctx *ictx,
			  struct iommufd_compat_group *group)
{
	lockdep_assert_held(&ictx->compat_lock);
	list_del(&group->link);
	groups_update_mask(ictx);
}

/* What is common to all groups of @ictx: without any of them, everything. */
void compat_groups_limits(struct iommufd_ctx *ictx,
			  struct compat_limits *limits)
{
	struct iommufd_compat_group *group;

	limits->page_sizes = U64_MAX;
	limits->coherent = true;
	mutex_lock(&ictx->compat_lock);
	list_for_each_entry(group, &ictx->compat_groups, link) {
		limits->page_sizes &= group->page_sizes;
		limits->coherent &= group->coherent;
	}
	mutex_unlock(&ictx->compat_lock);
}

static int compat_reserve_range(struct iommufd_compat_group *group,
				struct mapped_space *space, u64 start, u64 last)
{
	int ret = iova_space_reserve(&space->iova, start, last, group);

	lockdep_assert_held(&space->lock);
	if (ret == -EADDRINUSE &&
	    iova_space_find_occupied(&space->iova, &start, &last))
		reason_refuse(space->reason, ret,
			      "0x%llx..0x%llx is mapped or allowed, which the devices of a group cannot have",
			      start, last);
	return ret;
}

static int reserve_regions(struct iommufd_compat_group *group,
			   struct mapped_space *space)
{
	struct iommu_resv_region *region;
	int ret;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(region, &group->regions, list) {
		/* As for an attach: firmware does not need it any more. */
		if (region->type == IOMMU_RESV_DIRECT_RELAXABLE)
			continue;
		ret = compat_reserve_range(group, space, region->start,
					   region->start + region->length - 1);
		if (ret)
			return ret;
	}
	return 0;
}

static int reserve_beyond_aperture(struct iommufd_compat_group *group,
				   struct mapped_space *space)
{
	u64 start = group->aperture.aperture_start;
	u64 end = group->aperture.aperture_end;
	int ret = 0;

	lockdep_assert_held(&space->lock);
	if (start)
		ret = compat_reserve_range(group, space, 0, start - 1);
	if (!ret && end != U64_MAX)
		ret = compat_reserve_range(group, space, end + 1, U64_MAX);
	return ret;
}

/*
 * All of it or nothing. The set of tables does not change, so that the leaf lock
 * is enough: nobody waits here for a map that is waiting for a page.
 */
int compat_group_reserve(struct iommufd_compat_group *group,
			 struct mapped_space *space)
{
	int ret;

	mutex_lock(&space->lock);
	ret = reserve_regions(group, space);
	if (!ret)
		ret = reserve_beyond_aperture(group, space);
	if (ret)
		iova_space_unreserve(&space->iova, group);
	mutex_unlock(&space->lock);
	return ret;
}

void compat_group_unreserve(struct iommufd_compat_group *group,
			    struct mapped_space *space)
{
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, group);
	mutex_unlock(&space->lock);
}

/* For all groups of @ictx or for none: @space has nothing of them yet. */
int compat_groups_reserve(struct iommufd_ctx *ictx, struct mapped_space *space)
{
	struct iommufd_compat_group *group;
	int ret;

	lockdep_assert_held(&ictx->compat_lock);
	list_for_each_entry(group, &ictx->compat_groups, link) {
		ret = compat_group_reserve(group, space);
		if (ret) {
			compat_groups_unreserve(ictx, space);
			return ret;
		}
	}
	return 0;
}

void compat_groups_unreserve(struct iommufd_ctx *ictx,
			     struct mapped_space *space)
{
	struct iommufd_compat_group *group;

	lockdep_assert_held(&ictx->compat_lock);
	list_for_each_entry(group, &ictx->compat_groups, link)
		compat_group_unreserve(group, space);
}
