// SPDX-License-Identifier: GPL-2.0-only
/*
 * The space of an IOAS: its ranges, and what all of its tables have in common.
 */
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "lock_order.h"
#include "mapped_space.h"

/* @reason outlives @space. */
void mapped_space_init(struct mapped_space *space, struct reason *reason)
{
	space->reason = reason;
	iova_space_init(&space->iova);
	lock_order_mutex_init(&space->lock, PLACE_SPACE);
	lock_order_rwsem_init(&space->tables_lock, PLACE_TABLES);
	INIT_LIST_HEAD(&space->tables);
	INIT_LIST_HEAD(&space->new_tables);
	INIT_LIST_HEAD(&space->stuck);
	space->large_pages = true;
	lock_order_rwsem_init(&space->clients_lock, PLACE_CLIENTS);
}

/* Everything mapped and every table is gone already. */
void mapped_space_destroy(struct mapped_space *space)
{
	WARN_ON(space->nr_tables);
	WARN_ON(!list_empty(&space->stuck));
	iova_space_destroy(&space->iova);
	mutex_destroy(&space->lock);
}

/* What the tables need, @large_pages, and users that pin. */
u32 mapped_space_alignment(struct mapped_space *space, bool large_pages)
{
	u32 alignment = large_pages && !space->nr_pinning_clients ? 1 :
								    PAGE_SIZE;
	struct mapped_table *table;

	lockdep_assert_held_write(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link)
		alignment = max(alignment, mapped_table_alignment(table));
	list_for_each_entry(table, &space->new_tables, link)
		alignment = max(alignment, mapped_table_alignment(table));
	return alignment;
}

/*
 * Two IOAS at a time, in the order of their addresses: whoever wants both takes
 * them with this.
 */
void mapped_spaces_lock(struct mapped_space *a, struct mapped_space *b)
{
	if (a > b)
		swap(a, b);
	if (a)
		down_write(&a->tables_lock);
	if (b && b != a)
		down_write_nested(&b->tables_lock, SINGLE_DEPTH_NESTING);
}

void mapped_spaces_unlock(struct mapped_space *a, struct mapped_space *b)
{
	if (a)
		up_write(&a->tables_lock);
	if (b && b != a)
		up_write(&b->tables_lock);
}

/* iova_space_reserve() with the locks; -EINTR after a fatal signal. */
int mapped_space_reserve(struct mapped_space *space, u64 start, u64 last,
			 void *owner)
{
	int ret;

	if (down_write_killable(&space->tables_lock))
		return -EINTR;
	mutex_lock(&space->lock);
	ret = iova_space_reserve(&space->iova, start, last, owner);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
	return ret;
}

/* iova_space_find_occupied() with the lock */
bool mapped_space_find_occupied(struct mapped_space *space, u64 *start,
				u64 *last)
{
	bool found;

	mutex_lock(&space->lock);
	found = iova_space_find_occupied(&space->iova, start, last);
	mutex_unlock(&space->lock);
	return found;
}

void mapped_space_unreserve(struct mapped_space *space, void *owner)
{
	down_write(&space->tables_lock);
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, owner);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
}

/* iova_space_swap_allowed() with the lock */
int mapped_space_swap_allowed(struct mapped_space *space,
			      struct rb_root_cached *intervals)
{
	int ret;

	mutex_lock(&space->lock);
	ret = iova_space_swap_allowed(&space->iova, intervals);
	if (ret)
		reason_refuse(space->reason, ret,
			      "a range of the list has IOVA that a device or its page table cannot have: IOAS_IOVA_RANGES tells what they can");
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * mapped_space_next_usable() - Step through what can be mapped or is
 * @space: which
 * @range: zero, or what this set before; set to the next range
 *
 * Context: no lock is held from one step to the next.
 * Return: whether there is one.
 */
bool mapped_space_next_usable(struct mapped_space *space,
			      struct usable_range *range)
{
	u64 from = 0;
	bool found;

	if (range->is_set) {
		if (range->last == IOVA_SPACE_LAST)
			return false;
		from = range->last + 1;
	}
	mutex_lock(&space->lock);
	found = iova_space_next_usable(&space->iova, from, &range->start,
				       &range->last);
	mutex_unlock(&space->lock);
	range->is_set = true;
	return found;
}

/* iova_space_set_alignment(), with a reason */
int mapped_space_set_alignment(struct mapped_space *space, u32 alignment)
{
	int ret;

	lockdep_assert_held(&space->lock);
	ret = iova_space_set_alignment(&space->iova, alignment);
	if (ret)
		reason_refuse(space->reason, ret,
			      "a mapping has an IOVA, a length or memory that is no multiple of %u, which it would have to be",
			      alignment);
	return ret;
}

static int set_large_pages(struct mapped_space *space, bool large_pages)
{
	int ret;

	lockdep_assert_held_write(&space->tables_lock);
	lockdep_assert_held(&space->lock);
	if (large_pages == space->large_pages)
		return 0;
	/* What is in a table already may be a large page. */
	if (!large_pages && !list_empty(&space->tables) &&
	    iova_space_first(&space->iova, 0, U64_MAX))
		return reason_refuse(space->reason, -EINVAL,
				     "what is mapped may be in large pages of a page table: it has to be unmapped before");
	ret = mapped_space_set_alignment(space,
					 mapped_space_alignment(space, large_pages));
	if (!ret)
		space->large_pages = large_pages;
	return ret;
}

/**
 * mapped_space_set_large_pages() - May tables use pages larger than the CPU's?
 * @space: which
 * @large_pages: for mappings to come
 *
 * Return: 0; -EINVAL when a table has mappings already; -EADDRINUSE when a
 * mapping is not page aligned; -EINTR after a fatal signal.
 */
int mapped_space_set_large_pages(struct mapped_space *space, bool large_pages)
{
	int ret;

	if (down_write_killable(&space->tables_lock))
		return -EINTR;
	mutex_lock(&space->lock);
	ret = set_large_pages(space, large_pages);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
	return ret;
}

/**
 * mapped_space_count_pinning() - A client that pins comes or goes
 * @space: whose mappings it pins
 * @change: 1 or -1
 *
 * Return: 0; -EADDRINUSE when a mapping is not page aligned; -EINTR after a
 * fatal signal. Not for -1: a smaller alignment always fits.
 */
int mapped_space_count_pinning(struct mapped_space *space, int change)
{
	u32 alignment;
	int ret;

	if (change < 0)
		down_write(&space->tables_lock);
	else if (down_write_killable(&space->tables_lock))
		return -EINTR;
	mutex_lock(&space->lock);
	space->nr_pinning_clients += change;
	alignment = mapped_space_alignment(space, space->large_pages);
	ret = mapped_space_set_alignment(space, alignment);
	if (ret)
		space->nr_pinning_clients -= change;
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
	return ret;
}

/**
 * mapped_space_page_sizes() - Sizes that every table can use
 * @space: which
 *
 * Return: a bit for each size that is at least the CPU's page and the
 * alignment; all of them when there is no table.
 */
u64 mapped_space_page_sizes(struct mapped_space *space)
{
	struct mapped_table *table;
	u64 sizes = U64_MAX;

	down_read(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link)
		sizes &= table->domain->pgsize_bitmap;
	up_read(&space->tables_lock);
	/* Smaller pages make up one of the CPU's. */
	return (sizes & PAGE_MASK) | PAGE_SIZE;
}

/* No table lets DMA bypass the CPU's caches; true also without tables. */
bool mapped_space_is_coherent(struct mapped_space *space)
{
	struct mapped_table *table;
	bool coherent = true;

	down_read(&space->tables_lock);
	list_for_each_entry(table, &space->tables, link)
		coherent &= table->coherent;
	up_read(&space->tables_lock);
	return coherent;
}
