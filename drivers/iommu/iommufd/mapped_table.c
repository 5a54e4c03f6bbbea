// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of an IOAS come and go.
 *
 * A table that comes needs what is there pinned, and waits for that without a
 * lock: it is announced, so that from then on every map pins; then each mapping
 * gets its pin, which is made for its memory and given to it if it is still
 * there; then, with tables_lock, the table is filled, unless a map that began
 * before came without a pin. When the last table goes the pins go likewise, one
 * by one.
 */
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "mapped_space.h"
#include "mapped_table.h"
#include "mapping.h"
#include "mapping_fill.h"
#include "mapping_removal.h"
#include "space_pinning.h"

/*
 * The tree of areas may change while it is walked: creators add and destroy
 * areas in state building under the leaf lock alone. Those that tables have
 * stay.
 */
static struct mapping *live_next(struct mapped_space *space, u64 from)
{
	struct iova_area *area;

	lockdep_assert_held_write(&space->tables_lock);
	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, from, U64_MAX) {
		if (mapping_is_filled(mapping_of(area)))
			break;
		cond_resched();
	}
	mutex_unlock(&space->lock);
	return area ? mapping_of(area) : NULL;
}

/* What the table cannot translate must not be mapped. */
static int table_reserve_range(struct mapped_space *space,
			       struct mapped_table *table, u64 start, u64 last)
{
	int ret;

	lockdep_assert_held(&space->lock);
	ret = iova_space_reserve(&space->iova, start, last, table);
	if (ret == -EADDRINUSE &&
	    iova_space_find_occupied(&space->iova, &start, &last))
		reason_refuse(space->reason, ret,
			      "0x%llx..0x%llx is mapped or allowed, and the page table translates 0x%llx..0x%llx only",
			      start, last,
			      (u64)table->domain->geometry.aperture_start,
			      (u64)table->domain->geometry.aperture_end);
	return ret;
}

/*
 * Count @table, claim for it what it cannot translate, and the alignment it
 * needs. All of that is undone by table_unreserve(), also after a failure.
 */
static int table_reserve(struct mapped_space *space, struct mapped_table *table)
{
	struct iommu_domain_geometry *geometry = &table->domain->geometry;
	u32 alignment = max(mapped_space_alignment(space, space->large_pages),
			    mapped_table_alignment(table));
	int ret;

	lockdep_assert_held_write(&space->tables_lock);
	mutex_lock(&space->lock);
	space->nr_tables++;
	ret = mapped_space_set_alignment(space, alignment);
	if (!ret && geometry->aperture_start)
		ret = table_reserve_range(space, table, 0,
					  geometry->aperture_start - 1);
	if (!ret && geometry->aperture_end != U64_MAX)
		ret = table_reserve_range(space, table,
					  geometry->aperture_end + 1, U64_MAX);
	mutex_unlock(&space->lock);
	return ret;
}

static void table_unreserve(struct mapped_space *space,
			    struct mapped_table *table)
{
	lockdep_assert_held_write(&space->tables_lock);
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, table);
	/* A smaller alignment always fits. */
	iova_space_set_alignment(&space->iova,
				 mapped_space_alignment(space, space->large_pages));
	space->nr_tables--;
	mutex_unlock(&space->lock);
}

#define for_each_live_mapping(mapping, space) \
	for (mapping = live_next(space, 0); mapping; \
	     mapping = mapping->area.last == U64_MAX ? NULL : \
		       live_next(space, mapping->area.last + 1))

/* Everything live into @table, pinned as it is. */
static int table_map_all(struct mapped_space *space, struct mapped_table *table)
{
	struct mapping *mapping;
	u64 mapped;
	int ret;

	lockdep_assert_held_write(&space->tables_lock);
	for_each_live_mapping(mapping, space) {
		ret = mapping_fill_table(space, table, mapping, &mapped);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/* From now on what is mapped is pinned, and fits the table. */
static int table_announce(struct mapped_space *space,
			  struct mapped_table *table)
{
	int ret;

	if (down_write_killable(&space->tables_lock))
		return -EINTR;
	ret = table_reserve(space, table);
	if (ret)
		table_unreserve(space, table);
	else
		list_add_tail(&table->link, &space->new_tables);
	up_write(&space->tables_lock);
	return ret;
}

/*
 * Pin all that is mapped, and take tables_lock. A map that began before the
 * table was announced may come without a pin: again then.
 */
static int table_pin_and_lock(struct mapped_space *space)
{
	for (;;) {
		int ret = mapped_space_pin(space);

		if (ret)
			return ret;
		if (down_write_killable(&space->tables_lock))
			return -EINTR;
		if (mapped_space_is_pinned(space))
			return 0;
		up_write(&space->tables_lock);
	}
}

static int table_add(struct mapped_space *space, struct mapped_table *table)
{
	int ret = table_pin_and_lock(space);

	if (ret)
		return ret;
	ret = table_map_all(space, table);
	if (!ret)
		list_move_tail(&table->link, &space->tables);
	up_write(&space->tables_lock);
	return ret;
}

/**
 * mapped_table_add() - Make a new table translate all that is mapped
 * @space: where
 * @table: no device uses it yet
 *
 * Narrows the usable IOVA to what the table can translate. When it fails the
 * table may hold some translations: its owner frees it.
 *
 * Context: may wait for pages of user memory, with no lock of @space held.
 * Return: 0; -EADDRINUSE when a mapping does not fit the table; -EINVAL when
 * the table's smallest page is larger than the CPU's; an errno of
 * user_memory_pin() or of the IOMMU driver; -EINTR after a fatal signal.
 */
int mapped_table_add(struct mapped_space *space, struct mapped_table *table)
{
	int ret;

	if (__ffs(table->domain->pgsize_bitmap) > PAGE_SHIFT)
		return reason_refuse(space->reason, -EINVAL,
				     "the smallest page of the IOMMU, %u bytes, is larger than that of the CPU",
				     mapped_table_alignment(table));

	ret = table_announce(space, table);
	if (ret)
		return ret;
	ret = table_add(space, table);
	if (ret)
		mapped_table_remove(space, table);
	return ret;
}

/**
 * mapped_table_remove() - Forget a table
 * @space: where it was added
 * @table: no device can reach it any more, and its owner frees it next
 *
 * Nothing is unmapped one by one: freeing the table does that. With the last one
 * what was stuck goes.
 */
void mapped_table_remove(struct mapped_space *space,
			 struct mapped_table *table)
{
	LIST_HEAD(stuck);
	bool last;

	down_write(&space->tables_lock);
	list_del(&table->link);
	table_unreserve(space, table);
	last = !space->nr_tables;
	if (last)
		mappings_claim_stuck(space, &stuck);
	up_write(&space->tables_lock);
	if (!last)
		return;
	mapped_space_unpin(space);
	mappings_displace(space, &stuck);
	mappings_free(&stuck);
}
