// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: made two of one, for an unmap that ends inside.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/mm.h>

#include "mapping.h"
#include "mapping_cut.h"
#include "space_pinning.h"
#include "user_memory.h"

/* The mapping that goes on across @iova; NULL when there is none. */
static struct mapping *cut_find(struct mapped_space *space, u64 iova)
{
	struct iova_area *area;

	lockdep_assert_held(&space->lock);
	area = iova_space_first(&space->iova, iova, iova);
	return area && area->start != iova ? mapping_of(area) : NULL;
}

static int cut_claim(struct mapped_space *space, struct mapping *mapping,
		     u64 iova)
{
	lockdep_assert_held_read(&space->tables_lock);
	lockdep_assert_held(&space->lock);
	if (iova & (space->iova.alignment - 1) ||
	    (space->large_pages && !list_empty(&space->tables)) ||
	    atomic_read(&mapping->nr_users))
		return reason_refuse(space->reason, -EINVAL,
				     "the mapping 0x%llx..0x%llx cannot be cut at 0x%llx: that is misaligned, a driver has pages of it, or it may be in large pages",
				     mapping->area.start, mapping->area.last,
				     iova);
	if (mapping->area.state == IOVA_AREA_STUCK)
		return -EIO;
	if (mapping->area.state != IOVA_AREA_LIVE)
		return reason_refuse(space->reason, -EBUSY,
				     "the mapping 0x%llx..0x%llx is being mapped or unmapped by another thread",
				     mapping->area.start, mapping->area.last);
	mapping_set_state(mapping, IOVA_AREA_GOING);
	return 0;
}

/* @lower is claimed; @upper becomes the part from @iova on. */
static void cut_apply(struct mapped_space *space, struct mapping *lower,
		      struct mapping *upper, u64 iova)
{
	u64 last = lower->area.last;

	lockdep_assert_held_read(&space->tables_lock);
	mutex_lock(&space->lock);
	iova_space_remove(&space->iova, &lower->area);
	iova_space_add(&space->iova, &lower->area, lower->area.start,
		       iova - lower->area.start);
	iova_space_add(&space->iova, &upper->area, iova, last - iova + 1);
	mapping_set_state(lower, IOVA_AREA_LIVE);
	mapping_set_state(upper, IOVA_AREA_LIVE);
	mutex_unlock(&space->lock);
}

/* Make two of @lower, which is claimed. */
static int cut_split(struct mapped_space *space, struct mapping *lower,
		     u64 iova)
{
	u64 offset = lower->offset + (iova - lower->area.start);
	struct mapping *upper;
	LIST_HEAD(mappings);
	int ret;

	lockdep_assert_held_read(&space->tables_lock);
	ret = mapping_create(&mappings, lower->memory, offset,
			     lower->area.last - iova + 1, lower->prot);
	if (ret)
		return ret;
	if (lower->pinned)
		ret = user_memory_split_pin(lower->memory,
					    offset >> PAGE_SHIFT);
	if (ret) {
		mappings_free(&mappings);
		return ret;
	}
	upper = list_first_entry(&mappings, struct mapping, link);
	upper->pinned = lower->pinned;
	cut_apply(space, lower, upper, iova);
	return 0;
}

/* The same, or it is live again. */
static int cut_claimed(struct mapped_space *space, struct mapping *mapping,
		       u64 iova)
{
	int ret;

	lockdep_assert_held_read(&space->tables_lock);
	ret = cut_split(space, mapping, iova);
	if (ret) {
		mutex_lock(&space->lock);
		mapping_set_state(mapping, IOVA_AREA_LIVE);
		mutex_unlock(&space->lock);
	}
	return ret;
}

/**
 * mapping_cut() - Make two mappings of the one that goes on across an address
 * @space: where
 * @iova: where the upper one begins. Nothing happens when no mapping, or a
 *        whole one, begins there
 *
 * Tables and pins stay as they are: that needs tables without large pages.
 *
 * Return: 0; -EINVAL when @iova is misaligned, or the mapping has kernel users
 * or may be in large pages; -EBUSY when another thread is making or removing
 * it; -EIO when it is stuck; -ENOMEM.
 */
int mapping_cut(struct mapped_space *space, u64 iova)
{
	struct mapping *mapping;
	bool pinned = false;
	int ret = 0;

	down_read(&space->tables_lock);
	mutex_lock(&space->lock);
	mapping = cut_find(space, iova);
	if (mapping)
		ret = cut_claim(space, mapping, iova);
	mutex_unlock(&space->lock);
	if (mapping && !ret) {
		pinned = mapping->pinned;
		ret = cut_claimed(space, mapping, iova);
	}
	up_read(&space->tables_lock);
	/* Who removed the last table has passed over what was claimed. */
	if (pinned)
		mapped_space_unpin(space);
	return ret;
}
