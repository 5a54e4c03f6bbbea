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
 *
 * What a driver does not unmap it may still translate. Such a mapping, and those
 * above it that were to go with the same call, become stuck: their pages stay
 * pinned and their IOVA taken, and nothing tries again, since it is not known any
 * more what of them is mapped. They end when the IOAS has no table any more:
 * nobody is attached to a table that is freed, so nothing is translated by it.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "mapped_client.h"
#include "mapping.h"
#include "mapping_removal.h"

/* How many mappings are removed together. Bounds the time others see EBUSY. */
#define REMOVAL_BATCH 256

/*
 * Take a range of whole mappings, or what a failed map left of one, out of
 * @table, and flush. Return: the bytes from @start on that are gone; when that
 * is less than @length nothing is known of the rest.
 */
static u64 table_unmap(struct mapped_space *space, struct mapped_table *table,
		       u64 start, u64 length)
{
	u64 done = 0;

	lockdep_assert_held(&space->tables_lock);
	while (done != length) {
		u64 iova = start + done;
		u64 part = min(length - done, table_call_room(iova));
		u64 unmapped = iommu_unmap(table->domain, iova, part);

		WARN_ONCE(unmapped > part, "iommufd: IOMMU driver unmapped %llu of %llu bytes\n",
			  unmapped, part);
		done += min(unmapped, part);
		if (unmapped < part) {
			pr_warn_ratelimited("iommufd: the IOMMU does not let go of IOVA 0x%llx to 0x%llx, whose pages stay pinned\n",
					    start + done, start + length - 1);
			break;
		}
		cond_resched();
	}
	return done;
}

static void mapping_set_stuck(struct mapped_space *space,
			      struct mapping *mapping)
{
	mutex_lock(&space->lock);
	mapping_set_state(mapping, IOVA_AREA_STUCK);
	mutex_unlock(&space->lock);
}

/**
 * mapping_unmap() - Take a mapping out of a table that it was just put into
 * @space: where it was placed
 * @table: one of its tables
 * @mapping: in state building, or stuck; stuck afterwards when that fails
 * @length: bytes, from its start, that the table has; may be 0
 *
 * Context: tables_lock is held.
 */
void mapping_unmap(struct mapped_space *space, struct mapped_table *table,
		   struct mapping *mapping, u64 length)
{
	lockdep_assert_held(&space->tables_lock);
	if (table_unmap(space, table, mapping->area.start, length) != length)
		mapping_set_stuck(space, mapping);
}

/**
 * mappings_set_stuck_aside() - Let a creator or remover go on without them
 * @space: takes them
 * @mappings: a list of mappings; those in state stuck leave it, pinned
 *
 * Context: tables_lock is held, so that there is a table.
 * Return: whether there were any.
 */
bool mappings_set_stuck_aside(struct mapped_space *space,
			      struct list_head *mappings)
{
	struct mapping *mapping, *next;
	bool any = false;

	lockdep_assert_held(&space->tables_lock);
	mutex_lock(&space->lock);
	list_for_each_entry_safe(mapping, next, mappings, link) {
		if (mapping->area.state == IOVA_AREA_STUCK) {
			list_move_tail(&mapping->link, &space->stuck);
			any = true;
		}
		cond_resched();
	}
	mutex_unlock(&space->lock);
	return any;
}

/**
 * mappings_claim_stuck() - Take over what no table translates any more
 * @space: has no table, and those that it had are attached to nothing
 * @mappings: an empty list; the stuck ones, in state going
 *
 * Context: tables_lock is held exclusively.
 */
void mappings_claim_stuck(struct mapped_space *space,
			  struct list_head *mappings)
{
	struct mapping *mapping;

	lockdep_assert_held_write(&space->tables_lock);
	mutex_lock(&space->lock);
	list_splice_init(&space->stuck, mappings);
	list_for_each_entry(mapping, mappings, link) {
		mapping_set_state(mapping, IOVA_AREA_GOING);
		cond_resched();
	}
	mutex_unlock(&space->lock);
}

/* What comes after a step of a removal */
enum removal_next {
	/* another step */
	REMOVAL_STEP,
	/* waiting for the users of removal.in_use */
	REMOVAL_DRAIN,
	/* nothing: removal.ret is the result */
	REMOVAL_END,
};

/**
 * struct removal - removing mappings from a range
 * @first: first IOVA
 * @start: what is left of the range, first IOVA
 * @last: last IOVA
 * @batch: mappings in state going
 * @drained: a mapping in state draining that is ready to be removed
 * @in_use: a mapping in state draining that has users; NULL for none
 * @removed: bytes that are gone
 * @ret: 0, or an errno, which ends the removal
 */
struct removal {
	u64 first;
	u64 start;
	u64 last;
	struct list_head batch;
	struct mapping *drained;
	struct mapping *in_use;
	u64 removed;
	int ret;
};

static int removal_refuse(struct mapped_space *space,
			  const struct mapping *mapping, int ret,
			  const char *why)
{
	return reason_refuse(space->reason, ret,
			     "the mapping 0x%llx..0x%llx %s",
			     mapping->area.start, mapping->area.last, why);
}

/* Did a mapping that begins below come while those there were removed? */
static bool removal_is_too_late_for(const struct removal *removal,
				    const struct iova_area *area)
{
	return area->start < removal->start &&
	       removal->start != removal->first;
}

/* Return: 0 when @mapping may be removed now; -EAGAIN when it has users. */
static int removal_claim(struct mapped_space *space, struct removal *removal,
			 struct mapping *mapping)
{
	lockdep_assert_held_read(&space->tables_lock);
	lockdep_assert_held(&space->lock);
	if (mapping->area.start < removal->start ||
	    mapping->area.last > removal->last)
		return removal_refuse(space, mapping, -ENOENT,
				      "is only in part in the range to unmap, and goes as a whole or not at all");
	if (mapping != removal->drained) {
		if (mapping->area.state == IOVA_AREA_STUCK)
			return removal_refuse(space, mapping, -EIO,
					      "was not let go of by the IOMMU, and stays until the last page table of the IOAS is gone");
		if (mapping->area.state != IOVA_AREA_LIVE)
			return removal_refuse(space, mapping, -EBUSY,
					      "is being mapped or unmapped by another thread");
		if (atomic_read(&mapping->nr_users)) {
			/* First those below, which nobody has to be asked for. */
			if (list_empty(&removal->batch)) {
				mapping_set_state(mapping, IOVA_AREA_DRAINING);
				removal->in_use = mapping;
			}
			return -EAGAIN;
		}
	}
	mapping_set_state(mapping, IOVA_AREA_GOING);
	return 0;
}

/*
 * Claim the next mappings. Return: 0, with an empty batch when there are no
 * more; -ENOENT for one that is only partly inside; -EBUSY for one that
 * somebody else works on; -EIO for one that is stuck. With an errno the batch
 * holds the mappings below.
 */
static int removal_collect(struct mapped_space *space, struct removal *removal)
{
	struct iova_area *area;
	unsigned int nr = 0;
	int ret = 0;

	lockdep_assert_held_read(&space->tables_lock);
	removal->in_use = NULL;
	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, removal->start, removal->last) {
		if (removal_is_too_late_for(removal, area))
			continue;
		ret = removal_claim(space, removal, mapping_of(area));
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

/* Those of the batch that reach into a range, the rest of a run */
static void removal_set_stuck(struct mapped_space *space,
			      struct list_head *batch, u64 start, u64 last)
{
	struct mapping *mapping;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(mapping, batch, link)
		if (mapping->area.last >= start && mapping->area.start <= last)
			mapping_set_stuck(space, mapping);
}

/* A run of neighbours out of all tables. Return: whether all of it went. */
static bool removal_unmap_run(struct mapped_space *space,
			      struct list_head *batch, u64 start, u64 last)
{
	u64 length = last - start + 1;
	struct mapped_table *table;
	u64 gone = length;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link)
		gone = min(gone, table_unmap(space, table, start, length));
	if (gone == length)
		return true;
	removal_set_stuck(space, batch, start + gone, last);
	return false;
}

/*
 * Take the batch out of all tables, neighbours together. Return: 0; -EIO when
 * some of it did not go. That is not in the batch any more.
 */
static int removal_unmap(struct mapped_space *space, struct list_head *batch)
{
	struct mapping *mapping, *next;
	bool all_gone = true;
	u64 start = 0;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(mapping, batch, link) {
		if (list_is_first(&mapping->link, batch))
			start = mapping->area.start;
		next = list_next_entry(mapping, link);
		if (!list_entry_is_head(next, batch, link)) {
			if (next->area.start == mapping->area.last + 1)
				continue;
		}
		all_gone &= removal_unmap_run(space, batch, start,
					      mapping->area.last);
		if (!list_entry_is_head(next, batch, link))
			start = next->area.start;
		cond_resched();
	}
	if (all_gone)
		return 0;
	mappings_set_stuck_aside(space, batch);
	return reason_refuse(space->reason, -EIO,
			     "the IOMMU did not let go of all of it: what it kept stays pinned until the last page table of the IOAS is gone");
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

/* Remove the next batch. */
static enum removal_next removal_step(struct mapped_space *space,
				      struct removal *removal)
{
	struct mapping *highest;
	u64 done;
	int ret;

	down_read(&space->tables_lock);
	ret = removal_collect(space, removal);
	removal->ret = removal_unmap(space, &removal->batch) ?: ret;
	up_read(&space->tables_lock);
	if (list_empty(&removal->batch))
		return removal->in_use ? REMOVAL_DRAIN : REMOVAL_END;

	highest = list_last_entry(&removal->batch, struct mapping, link);
	done = highest->area.last;
	removal->removed += removal_finish(space, &removal->batch);
	/* What appears below meanwhile is not ours to remove. */
	removal->start = done + 1;
	return removal->ret || done >= removal->last ? REMOVAL_END :
						       REMOVAL_STEP;
}

/* Users of the mapping are asked to let go, with no lock held. */
static enum removal_next removal_drain(struct mapped_space *space,
				       struct removal *removal)
{
	removal->ret = mapping_drain(space, removal->in_use);
	if (!removal->ret) {
		/*
		 * It was the lowest. What appears below meanwhile is not ours
		 * to remove, and must not come before it now.
		 */
		removal->start = removal->in_use->area.start;
		removal->drained = removal->in_use;
		return REMOVAL_STEP;
	}
	mutex_lock(&space->lock);
	removal_refuse(space, removal->in_use, removal->ret,
		       "is pinned by the driver of an emulated device, which does not let go of it");
	mapping_set_state(removal->in_use, IOVA_AREA_LIVE);
	mutex_unlock(&space->lock);
	return REMOVAL_END;
}

/**
 * mapping_remove_range() - Remove every mapping inside a range
 * @space: where
 * @start: first IOVA
 * @last: last IOVA
 * @removed: set to the bytes removed, also when the call fails
 *
 * Works upwards and stops at the first mapping that it cannot remove: those
 * below are gone then. A batch that some of does not go is the end as well.
 *
 * Context: may call back into drivers that pin.
 * Return: 0, also when nothing was there; -ENOENT for a mapping partly inside;
 * -EBUSY for one that another thread is making or removing; -EDEADLK when a
 * kernel user does not let go of one; -EIO for one that is stuck, now or before.
 */
int mapping_remove_range(struct mapped_space *space, u64 start, u64 last,
			 u64 *removed)
{
	struct removal removal = {
		.first = start,
		.start = start,
		.last = last,
		.batch = LIST_HEAD_INIT(removal.batch),
	};
	enum removal_next next;

	do {
		next = removal_step(space, &removal);
		if (next == REMOVAL_DRAIN)
			next = removal_drain(space, &removal);
	} while (next == REMOVAL_STEP);
	*removed = removal.removed;
	return removal.ret;
}
