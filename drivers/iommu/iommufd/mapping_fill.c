// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: put into every page table, and given to everybody.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "mapping.h"
#include "mapping_fill.h"
#include "mapping_removal.h"
#include "space_pinning.h"
#include "user_memory.h"

/* Runs for one call of the IOMMU driver. */
#define FILL_BATCH (PAGE_SIZE / sizeof(struct iommu_phys_range))
/* Memory of few runs does without allocating the batch. */
#define FILL_BATCH_SMALL 4

/**
 * struct table_fill - a mapping on its way into a table
 * @table: the table
 * @prot: of the mapping
 * @iova: where @batch will begin
 * @length: bytes in @batch
 * @offset: of the first byte in its page; 0 after the first run
 * @left: bytes to come, not counting @batch
 * @batch: for the IOMMU driver
 * @nr: entries used
 * @max: entries there are
 */
struct table_fill {
	struct mapped_table *table;
	int prot;
	u64 iova;
	u64 length;
	u64 offset;
	u64 left;
	struct iommu_phys_range *batch;
	unsigned int nr;
	unsigned int max;
};

/* Between two calls of the IOMMU driver. */
static int fill_pause(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int fill_flush(struct table_fill *fill)
{
	size_t mapped;
	int ret = iommu_map_ranges(fill->table->domain, fill->iova,
				   fill->batch, fill->nr, fill->prot, &mapped);

	fill->iova += mapped;
	if (ret)
		return ret;
	fill->length = 0;
	fill->nr = 0;
	return fill_pause();
}

/* Memory that is not cut at the end of a call */
static int fill_add(struct table_fill *fill, phys_addr_t start, u64 length)
{
	struct iommu_phys_range *range = &fill->batch[fill->nr++];

	range->start = start;
	range->length = length;
	fill->length += length;
	fill->left -= length;
	if (fill->nr != fill->max && fill->left &&
	    table_call_room(fill->iova + fill->length) != TABLE_CALL_MAX)
		return 0;
	return fill_flush(fill);
}

static int fill_visit(const struct page_run *run, void *data)
{
	struct table_fill *fill = data;
	phys_addr_t start = PFN_PHYS(run->pfn) + fill->offset;
	u64 length = min(((u64)run->nr_pages << PAGE_SHIFT) - fill->offset,
			 fill->left);

	fill->offset = 0;
	while (length) {
		u64 part = min(length,
			       table_call_room(fill->iova + fill->length));
		int ret = fill_add(fill, start, part);

		if (ret)
			return ret;
		start += part;
		length -= part;
	}
	return 0;
}

/*
 * Without large pages: the IOMMU gets each page in a call of its own, so that
 * it cannot join them. Everything is page aligned then.
 */
static int fill_visit_single(const struct page_run *run, void *data)
{
	struct table_fill *fill = data;
	unsigned long i;

	for (i = 0; i != run->nr_pages; i++) {
		int ret;

		fill->batch->start = PFN_PHYS(run->pfn + i);
		fill->batch->length = PAGE_SIZE;
		fill->length = PAGE_SIZE;
		fill->nr = 1;
		ret = fill_flush(fill);
		if (ret)
			return ret;
	}
	return 0;
}

/* The memory is pinned. A failure leaves in the table what @fill is past. */
static int table_map_walk(struct mapping *mapping, struct table_fill *fill,
			  int (*visit)(const struct page_run *run, void *data))
{
	fill->prot = mapping->prot;
	fill->iova = mapping->area.start;
	fill->offset = offset_in_page(mapping->offset);
	fill->left = iova_area_length(&mapping->area);
	return user_memory_walk(mapping->memory, mapping_pages(mapping), visit,
				fill);
}

/**
 * mapping_fill_table() - Put a mapping into one table
 * @space: where it was placed
 * @table: which
 * @mapping: has its pin
 * @mapped: set to how much of it the table has, also after a failure
 *
 * Context: tables_lock is held.
 * Return: 0; -ENOMEM; -EINTR; an errno of the IOMMU driver.
 */
int mapping_fill_table(struct mapped_space *space, struct mapped_table *table,
		       struct mapping *mapping, u64 *mapped)
{
	struct page_range range = mapping_pages(mapping);
	struct iommu_phys_range small[FILL_BATCH_SMALL];
	struct table_fill fill = {
		.table = table,
		.batch = small,
		.max = FILL_BATCH_SMALL,
	};
	int ret;

	lockdep_assert_held(&space->tables_lock);
	*mapped = 0;
	if (space->large_pages &&
	    range.last - range.first >= FILL_BATCH_SMALL) {
		fill.batch = (void *)__get_free_page(GFP_KERNEL);
		fill.max = FILL_BATCH;
		if (!fill.batch)
			return -ENOMEM;
	}
	ret = table_map_walk(mapping, &fill, space->large_pages ?
			     fill_visit : fill_visit_single);
	*mapped = fill.iova - mapping->area.start;
	if (fill.batch != small)
		free_page((unsigned long)fill.batch);
	return ret;
}

/*
 * Into every table, or none. What cannot be undone is in state stuck afterwards.
 */
static int fill_one(struct mapped_space *space, struct mapping *mapping)
{
	struct mapped_table *table;
	u64 mapped;
	int ret;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link) {
		ret = mapping_fill_table(space, table, mapping, &mapped);
		if (ret)
			goto err_unmap;
	}
	return 0;

err_unmap:
	mapping_unmap(space, table, mapping, mapped);
	list_for_each_entry_continue_reverse(table, &space->tables, link)
		mapping_unmap(space, table, mapping,
			      iova_area_length(&mapping->area));
	return ret;
}

/* Take a mapping out of all tables. */
static void clear_one(struct mapped_space *space, struct mapping *mapping)
{
	struct mapped_table *table;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link)
		mapping_unmap(space, table, mapping,
			      iova_area_length(&mapping->area));
}

/*
 * All into every table, or none. Return: 0; an errno; -EIO when some are stuck,
 * which are not in the list any more.
 */
static int fill_all(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;
	int ret;

	lockdep_assert_held_read(&space->tables_lock);
	list_for_each_entry(mapping, mappings, link) {
		ret = fill_one(space, mapping);
		if (ret)
			goto err_clear;
		mappings_pause(mapping, mappings);
	}
	return 0;

err_clear:
	list_for_each_entry_continue_reverse(mapping, mappings, link) {
		clear_one(space, mapping);
		mappings_pause(mapping, mappings);
	}
	return mappings_set_stuck_aside(space, mappings) ? -EIO : ret;
}

/*
 * Pin @mappings if there are tables, or are to be, and take tables_lock shared.
 * Who does not pin holds the lock while there is no table.
 */
static int pin_and_lock(struct mapped_space *space, struct list_head *mappings)
{
	bool pinned = false;
	int ret;

	for (;;) {
		/* A guess, which is checked below. */
		if (!pinned && READ_ONCE(space->nr_tables)) {
			ret = mappings_pin(mappings);
			if (ret)
				return ret;
			pinned = true;
		}
		if (down_read_killable(&space->tables_lock))
			return -EINTR;
		if (pinned || !space->nr_tables)
			return 0;
		up_read(&space->tables_lock);
	}
}

/**
 * mappings_fill() - Make new mappings reachable for devices
 * @space: where they were placed
 * @mappings: in state building; ready afterwards
 *
 * The caller goes on with mappings_release() or mappings_clear().
 *
 * Context: a fatal signal ends it.
 * Return: 0; an errno of user_memory_pin() or of the IOMMU driver, then no
 * table has any of it, and mappings_displace() unpins what was pinned; -EIO when
 * the driver did not undo some, which are stuck and not in the list any more.
 */
int mappings_fill(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;
	int ret;

	ret = pin_and_lock(space, mappings);
	if (ret)
		return ret;
	ret = fill_all(space, mappings);
	if (ret)
		goto out_unlock;
	list_for_each_entry(mapping, mappings, link) {
		/* The pin is not ours alone any more: see mapping_is_filled(). */
		mapping_set_state(mapping, IOVA_AREA_READY);
		mappings_pause(mapping, mappings);
	}
out_unlock:
	up_read(&space->tables_lock);
	return ret;
}

/**
 * mappings_clear() - Undo mappings_fill()
 * @space: where they were filled
 * @mappings: in state ready; building afterwards, but for those that are stuck
 *	      and not in the list any more
 *
 * Return: 0; -EIO when some are stuck.
 */
int mappings_clear(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;
	int ret;

	down_read(&space->tables_lock);
	mutex_lock(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		mapping_set_state(mapping, IOVA_AREA_BUILDING);
		mappings_pause(mapping, mappings);
	}
	mutex_unlock(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		clear_one(space, mapping);
		mappings_pause(mapping, mappings);
	}
	ret = mappings_set_stuck_aside(space, mappings) ? -EIO : 0;
	up_read(&space->tables_lock);
	return ret;
}

/**
 * mappings_release() - Give new mappings to everybody
 * @space: where they were filled
 * @mappings: in state ready; live afterwards, and not in the list any more
 *
 * From now on another thread may remove them.
 */
void mappings_release(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;
	bool pinned = false;

	mutex_lock(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		pinned |= mapping->pinned;
		mapping_set_state(mapping, IOVA_AREA_LIVE);
		mappings_pause(mapping, mappings);
	}
	INIT_LIST_HEAD(mappings);
	/* The last table went while they were building. */
	pinned &= !space->nr_tables;
	mutex_unlock(&space->lock);
	if (pinned)
		mapped_space_unpin(space);
}
