// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: taken out of the page tables, and let go.
 *
 * Removal works in batches: mark some mappings as going, unmap each run of
 * neighbours with one call for each table, so that they are flushed together,
 * then unpin, with no lock held, then give the ranges back. The translation is
 * always gone and flushed before the first page is released.
 *
 * A call covers at most TABLE_CALL_MAX bytes. A longer run, or a longer mapping,
 * is cut at multiples of that, which no map goes across either.
 */
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "mapping.h"

/* How many mappings are removed together. Bounds the time others see EBUSY. */
#define REMOVAL_BATCH 256

/* Take a range of whole mappings, or of what was just mapped, out of @table. */
void table_unmap(struct mapped_table *table, u64 start, u64 length)
{
	while (length) {
		u64 part = min(length, table_call_room(start));
		size_t unmapped = iommu_unmap(table->domain, start, part);

		WARN_ONCE(unmapped != part, "iommufd: IOMMU driver unmapped %zu of %llu bytes\n",
			  unmapped, part);
		start += part;
		length -= part;
		cond_resched();
	}
}

/**
 * struct removal - removing mappings from a range
 * @start: what is left of the range, first IOVA
 * @last: last IOVA
 * @batch: mappings in state going
 * @drained: a mapping in state draining that is ready to be removed
 * @in_use: a mapping that has users: drain it and try again
 */
struct removal {
	u64 start;
	u64 last;
	struct list_head batch;
	struct mapping *drained;
	struct mapping *in_use;
};

/* Return: 0 when @mapping may be removed now. */
static int removal_claim(struct removal *removal, struct mapping *mapping)
{
	if (mapping->area.start < removal->start ||
	    mapping->area.last > removal->last)
		return -ENOENT;
	if (mapping != removal->drained) {
		if (mapping->area.state != IOVA_AREA_LIVE)
			return -EBUSY;
		if (atomic_read(&mapping->nr_users)) {
			/* First those below, which nobody has to be asked for. */
			if (list_empty(&removal->batch)) {
				mapping->area.state = IOVA_AREA_DRAINING;
				removal->in_use = mapping;
			}
			return -EAGAIN;
		}
	}
	mapping->area.state = IOVA_AREA_GOING;
	return 0;
}

/*
 * Claim the next mappings. Return: 0, with an empty batch when there are no
 * more; -ENOENT for one that is only partly inside; -EBUSY for one that
 * somebody else works on. With an errno the batch holds the mappings below.
 */
static int removal_collect(struct mapped_space *space, struct removal *removal)
{
	struct iova_area *area;
	unsigned int nr = 0;
	int ret = 0;

	removal->in_use = NULL;
	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, removal->start, removal->last) {
		ret = removal_claim(removal, mapping_of(area));
		if (ret)
			break;
		list_add_tail(&mapping_of(area)->link, &removal->batch);
		if (++nr == REMOVAL_BATCH)
			break;
	}
	mutex_unlock(&space->lock);
	removal->drained = NULL;
	return ret == -EAGAIN ? 0 : ret;
}

/* Take the batch out of all tables, neighbours together. */
static void removal_unmap(struct mapped_space *space, struct list_head *batch)
{
	struct mapping *mapping, *next;
	struct mapped_table *table;
	u64 start = 0;

	list_for_each_entry(mapping, batch, link) {
		if (list_is_first(&mapping->link, batch))
			start = mapping->area.start;
		next = list_next_entry(mapping, link);
		if (!list_entry_is_head(next, batch, link)) {
			if (next->area.start == mapping->area.last + 1)
				continue;
		}
		list_for_each_entry(table, &space->tables, link)
			table_unmap(table, start,
				    mapping->area.last - start + 1);
		if (!list_entry_is_head(next, batch, link))
			start = next->area.start;
		cond_resched();
	}
}

/* Return: bytes removed. */
static u64 removal_finish(struct mapped_space *space, struct list_head *batch)
{
	struct mapping *mapping;
	u64 removed = 0;

	mappings_unpin(batch);
	mutex_lock(&space->lock);
	list_for_each_entry(mapping, batch, link) {
		removed += iova_area_length(&mapping->area);
		iova_space_remove(&space->iova, &mapping->area);
	}
	mutex_unlock(&space->lock);

	mappings_free(batch);
	return removed;
}

/* Remove the next batch. Return: whether there may be more. */
static bool removal_step(struct mapped_space *space, struct removal *removal,
			 u64 *removed, int *ret)
{
	struct mapping *highest;
	u64 done;

	down_read(&space->tables_lock);
	*ret = removal_collect(space, removal);
	removal_unmap(space, &removal->batch);
	up_read(&space->tables_lock);
	if (list_empty(&removal->batch))
		return false;

	highest = list_last_entry(&removal->batch, struct mapping, link);
	done = highest->area.last;
	*removed += removal_finish(space, &removal->batch);
	/* What appears below meanwhile is not ours to remove. */
	removal->start = done + 1;
	return !*ret && done < removal->last;
}

/* Users of the mapping are asked to let go, with no lock held. */
static int removal_drain(struct mapped_space *space, struct removal *removal)
{
	int ret = mapping_drain(space, removal->in_use);

	if (!ret) {
		/*
		 * It was the lowest. What appears below meanwhile is not ours
		 * to remove, and must not come before it now.
		 */
		removal->start = removal->in_use->area.start;
		removal->drained = removal->in_use;
		return 0;
	}
	mutex_lock(&space->lock);
	removal->in_use->area.state = IOVA_AREA_LIVE;
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * mapping_remove_range() - Remove every mapping inside a range
 * @space: where
 * @start: first IOVA
 * @last: last IOVA
 * @removed: set to the bytes removed, also when the call fails
 *
 * Works upwards and stops at the first mapping that it cannot remove: those
 * below are gone then.
 *
 * Context: may call back into drivers that pin.
 * Return: 0, also when nothing was there; -ENOENT for a mapping partly inside;
 * -EBUSY for one that another thread is making or removing; -EDEADLK when a
 * kernel user does not let go of one.
 */
int mapping_remove_range(struct mapped_space *space, u64 start, u64 last,
			 u64 *removed)
{
	struct removal removal = {
		.start = start,
		.last = last,
		.batch = LIST_HEAD_INIT(removal.batch),
	};
	bool more;
	int ret;

	*removed = 0;
	do {
		more = removal_step(space, &removal, removed, &ret);
		if (removal.in_use) {
			ret = removal_drain(space, &removal);
			more = !ret;
		}
	} while (more);
	return ret;
}

/* Remove all mappings. Return: 0 or -EBUSY, as mapping_remove_range(). */
int mapping_remove_all(struct mapped_space *space, u64 *removed)
{
	return mapping_remove_range(space, 0, U64_MAX, removed);
}
