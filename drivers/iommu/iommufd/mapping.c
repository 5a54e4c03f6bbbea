// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: made, and put into every page table.
 *
 * The life of a mapping is its area's state:
 *
 *	building  mappings_place() took the range; only the creator knows it
 *	ready     mappings_fill() filled all tables, for which it pinned the memory;
 *	          tables that come get it too. The creator may take it back
 *	live      mappings_release() gave it to everybody
 *	draining  a remover waits until kernel users have let go
 *	going     a remover owns it
 *	stuck     the IOMMU driver did not unmap it; mapping_removal.c has more
 *
 * A creator works on a list: one mapping for user memory, and for a copy one
 * for each mapping of the source. They are placed side by side and succeed or
 * fail together.
 *
 * A table that comes needs what is there pinned, and waits for that without a
 * lock: it is announced, so that from then on every map pins; then each mapping
 * gets its pin, which is made for its memory and given to it if it is still
 * there; then, with tables_lock, the table is filled, unless a map that began
 * before came without a pin. When the last table goes the pins go likewise, one
 * by one.
 */
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mapping.h"
#include "user_memory.h"

/* Runs for one call of the IOMMU driver. */
#define FILL_BATCH (PAGE_SIZE / sizeof(struct iommu_phys_range))
/* Memory of few runs does without allocating the batch. */
#define FILL_BATCH_SMALL 4

void mapped_space_init(struct mapped_space *space)
{
	iova_space_init(&space->iova);
	mutex_init(&space->lock);
	init_rwsem(&space->tables_lock);
	INIT_LIST_HEAD(&space->tables);
	INIT_LIST_HEAD(&space->new_tables);
	INIT_LIST_HEAD(&space->stuck);
	space->large_pages = true;
	init_rwsem(&space->clients_lock);
}

/* Everything mapped and every table is gone already. */
void mapped_space_destroy(struct mapped_space *space)
{
	WARN_ON(space->nr_tables);
	WARN_ON(!list_empty(&space->stuck));
	iova_space_destroy(&space->iova);
	mutex_destroy(&space->lock);
}

/**
 * mapping_create() - Describe a mapping that is to be
 * @mappings: the new one becomes the last of this list
 * @memory: what is mapped; a reference is taken
 * @offset: of the first byte from the start of @memory
 * @length: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE: what devices may do
 *
 * Return: 0; -ENOMEM.
 */
int mapping_create(struct list_head *mappings, struct user_memory *memory,
		   u64 offset, u64 length, int prot)
{
	struct mapping *mapping;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return -ENOMEM;
	user_memory_get(memory);
	ledger_add(memory->charge.ledger, LEDGER_MAPPINGS, 1);
	mapping->memory = memory;
	mapping->offset = offset;
	mapping->prot = prot | IOMMU_CACHE;
	mapping->pins = RB_ROOT;
	mapping->area.page_offset = offset_in_page(offset);
	/* Just the length, until it gets its place. */
	mapping->area.last = length - 1;
	list_add_tail(&mapping->link, mappings);
	return 0;
}

/* Those in the list are in no space. */
void mappings_free(struct list_head *mappings)
{
	struct mapping *mapping, *next;

	list_for_each_entry_safe(mapping, next, mappings, link) {
		ledger_add(mapping->memory->charge.ledger, LEDGER_MAPPINGS, -1);
		user_memory_put(mapping->memory);
		kfree(mapping);
		cond_resched();
	}
	INIT_LIST_HEAD(mappings);
}

static int create_copies(struct list_head *mappings, struct mapped_space *space,
			 u64 start, u64 last, int prot)
{
	struct iova_area *area;
	u64 next = start;

	lockdep_assert_held(&space->lock);
	for_each_iova_area(area, &space->iova, start, last) {
		u64 end = min(area->last, last);
		int ret;

		if (area->start > next || area->state != IOVA_AREA_LIVE)
			return -ENOENT;
		ret = mapping_create(mappings, mapping_of(area)->memory,
				     mapping_of(area)->offset +
				     (next - area->start), end - next + 1,
				     prot);
		if (ret || end == last)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		next = end + 1;
	}
	return -ENOENT;
}

/**
 * mapping_create_copies() - Describe mappings of what is mapped already
 * @mappings: an empty list; one for each mapping of the source
 * @space: the source
 * @start: first IOVA
 * @last: last IOVA
 * @prot: what devices may do
 *
 * Return: 0; -ENOENT when the range is not wholly mapped; -ENOMEM; -EINTR.
 */
int mapping_create_copies(struct list_head *mappings,
			  struct mapped_space *space, u64 start, u64 last,
			  int prot)
{
	int ret;

	mutex_lock(&space->lock);
	ret = create_copies(mappings, space, start, last, prot);
	mutex_unlock(&space->lock);
	if (ret)
		mappings_free(mappings);
	return ret;
}

/* Between two of a list others may run; a map has one, and loses nothing. */
static void mappings_pause(const struct mapping *mapping,
			   const struct list_head *mappings)
{
	if (!list_is_last(&mapping->link, mappings))
		cond_resched();
}

static u64 mappings_length(struct list_head *mappings)
{
	struct mapping *mapping;
	u64 length = 0;

	list_for_each_entry(mapping, mappings, link) {
		length += iova_area_length(&mapping->area);
		mappings_pause(mapping, mappings);
	}
	return length;
}

static int mappings_permitted(struct list_head *mappings)
{
	struct mapping *mapping;
	int ret = 0;

	list_for_each_entry(mapping, mappings, link) {
		ret = user_memory_permits(mapping->memory,
					  mapping->prot & IOMMU_WRITE);
		if (ret)
			break;
		mappings_pause(mapping, mappings);
	}
	return ret;
}

/* All of them, at @iova and above, which is free. */
static int mappings_add(struct mapped_space *space, struct list_head *mappings,
			u64 iova)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, mappings, link) {
		u64 length = iova_area_length(&mapping->area);
		int ret = iova_space_add(&space->iova, &mapping->area, iova,
					 length);

		if (ret) {
			list_for_each_entry_continue_reverse(mapping, mappings,
							     link)
				iova_space_remove(&space->iova, &mapping->area);
			return ret;
		}
		iova += length;
		mappings_pause(mapping, mappings);
	}
	return 0;
}

static int place_locked(struct mapped_space *space, struct list_head *mappings,
			struct mapping_place *place)
{
	struct mapping *first = list_first_entry(mappings, struct mapping,
						 link);
	u64 length = mappings_length(mappings);
	int ret;

	if (place->fixed)
		ret = iova_space_check(&space->iova, place->iova, length);
	else
		ret = iova_space_choose(&space->iova,
					first->memory->address + first->offset,
					length, &place->iova);
	if (ret)
		return ret;
	ret = mappings_permitted(mappings);
	return ret ?: mappings_add(space, mappings, place->iova);
}

/**
 * mappings_place() - Take IOVA for new mappings
 * @space: where
 * @mappings: in state building afterwards
 * @place: given or chosen
 *
 * Return: 0; an errno of iova_space_check() or iova_space_choose(), or of
 * user_memory_permits(): what devices must not do with this memory; -EINVAL when
 * one of the mappings is misaligned. Then @mappings are in no space.
 */
int mappings_place(struct mapped_space *space, struct list_head *mappings,
		   struct mapping_place *place)
{
	int ret;

	mutex_lock(&space->lock);
	ret = place_locked(space, mappings, place);
	mutex_unlock(&space->lock);
	return ret;
}

/* The pages that a mapping uses, the first and last maybe in part. */
static struct page_range mapping_pages(const struct mapping *mapping)
{
	u64 last = mapping->offset + iova_area_length(&mapping->area) - 1;

	return (struct page_range){
		.first = mapping->offset >> PAGE_SHIFT,
		.last = last >> PAGE_SHIFT,
	};
}

/* In state building. Return: 0; an errno of user_memory_pin(). */
static int mappings_pin(struct list_head *mappings)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, mappings, link) {
		int ret = user_memory_pin(mapping->memory,
					  mapping_pages(mapping));

		if (ret)
			return ret;
		mapping->pinned = true;
		mappings_pause(mapping, mappings);
	}
	return 0;
}

/* On their way out, when no table translates them any more. */
void mappings_unpin(struct list_head *mappings)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, mappings, link) {
		if (mapping->pinned)
			user_memory_unpin(mapping->memory,
					  mapping_pages(mapping));
		mappings_pause(mapping, mappings);
	}
}

/* Undo mappings_place(). No table knows the mappings. */
void mappings_displace(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;

	mappings_unpin(mappings);
	mutex_lock(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		iova_space_remove(&space->iova, &mapping->area);
		mappings_pause(mapping, mappings);
	}
	mutex_unlock(&space->lock);
}

/* Tables have it, and its pin is under mapped_space.lock. */
static bool area_is_filled(const struct iova_area *area)
{
	/* Pairs with the release in mappings_fill(), which has no space->lock. */
	switch (smp_load_acquire(&area->state)) {
	case IOVA_AREA_READY:
	case IOVA_AREA_LIVE:
	case IOVA_AREA_DRAINING:
		return true;
	default:
		return false;
	}
}

/**
 * struct pin_step - a mapping that gets its pin, or loses it, with no lock held
 * @from: the next one begins there or above
 * @memory: its memory, with a reference
 * @range: its pages
 */
struct pin_step {
	u64 from;
	struct user_memory *memory;
	struct page_range range;
};

/* Find the next mapping that has a pin, or has not. */
static struct mapping *pin_step_find(struct mapped_space *space,
				     struct pin_step *step, bool pinned)
{
	struct mapping *mapping;
	struct iova_area *area;

	lockdep_assert_held(&space->lock);
	for_each_iova_area(area, &space->iova, step->from, U64_MAX) {
		mapping = mapping_of(area);
		if (area_is_filled(area) && mapping->pinned == pinned) {
			step->from = area->start;
			step->memory = mapping->memory;
			step->range = mapping_pages(mapping);
			user_memory_get(step->memory);
			return mapping;
		}
		cond_resched();
	}
	return NULL;
}

/*
 * Unpin what is pinned although there is no table any more. Ends where one is
 * announced: it needs the rest.
 */
static void space_unpin(struct mapped_space *space)
{
	struct pin_step step = {};

	for (;;) {
		struct mapping *mapping = NULL;

		mutex_lock(&space->lock);
		if (!space->nr_tables)
			mapping = pin_step_find(space, &step, true);
		if (mapping)
			mapping->pinned = false;
		mutex_unlock(&space->lock);
		if (!mapping)
			return;
		user_memory_unpin(step.memory, step.range);
		user_memory_put(step.memory);
		cond_resched();
	}
}

/*
 * Give the pin, if it was @pinned, to the mapping that it is for. Return:
 * whether that is still there and has none.
 */
static bool pin_step_end(struct mapped_space *space,
			 const struct pin_step *step, bool pinned)
{
	struct mapping *mapping;
	struct iova_area *area;
	struct page_range range;
	bool match = false;

	mutex_lock(&space->lock);
	area = iova_space_first(&space->iova, step->from, step->from);
	if (area && area_is_filled(area)) {
		mapping = mapping_of(area);
		range = mapping_pages(mapping);
		match = mapping->memory == step->memory && !mapping->pinned &&
			range.first == step->range.first &&
			range.last == step->range.last;
		if (match)
			mapping->pinned = pinned;
	}
	mutex_unlock(&space->lock);
	return match;
}

/*
 * Pin what is not pinned. A table was announced, so what is mapped from now on
 * brings its pin along.
 *
 * While pages are awaited nothing holds the mapping. It may be removed, as an
 * unmap must not wait for them, or be cut in two.
 */
static int space_pin(struct mapped_space *space)
{
	struct pin_step step = {};

	for (;;) {
		struct mapping *mapping;
		bool there;
		int ret;

		mutex_lock(&space->lock);
		mapping = pin_step_find(space, &step, false);
		mutex_unlock(&space->lock);
		if (!mapping)
			return 0;
		ret = user_memory_pin(step.memory, step.range);
		there = pin_step_end(space, &step, !ret);
		if (!ret && !there)
			user_memory_unpin(step.memory, step.range);
		user_memory_put(step.memory);
		/* It does not matter what happens to what is not mapped now. */
		if (ret && there)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

static bool space_is_pinned(struct mapped_space *space)
{
	struct pin_step step = {};
	struct mapping *mapping;

	mutex_lock(&space->lock);
	mapping = pin_step_find(space, &step, false);
	mutex_unlock(&space->lock);
	if (mapping)
		user_memory_put(step.memory);
	return !mapping;
}

/*
 * The tree of areas may change while it is walked: creators add and destroy
 * areas in state building under the leaf lock alone. Those that tables have
 * stay.
 */
static struct mapping *live_next(struct mapped_space *space, u64 from)
{
	struct iova_area *area;

	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, from, U64_MAX) {
		if (area_is_filled(area))
			break;
		cond_resched();
	}
	mutex_unlock(&space->lock);
	return area ? mapping_of(area) : NULL;
}

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

/* @mapped is set to how much of it the table has, also after a failure. */
static int table_map(struct mapped_space *space, struct mapped_table *table,
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
 * Into every table, or none. The caller has tables_lock shared. What cannot be
 * undone is in state stuck afterwards.
 */
static int mapping_fill(struct mapped_space *space, struct mapping *mapping)
{
	struct mapped_table *table;
	u64 mapped;
	int ret;

	list_for_each_entry(table, &space->tables, link) {
		ret = table_map(space, table, mapping, &mapped);
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

/* Take a mapping out of all tables. The caller has tables_lock shared. */
static void mapping_clear(struct mapped_space *space, struct mapping *mapping)
{
	struct mapped_table *table;

	list_for_each_entry(table, &space->tables, link)
		mapping_unmap(space, table, mapping,
			      iova_area_length(&mapping->area));
}

/*
 * All into every table, or none. The caller has tables_lock shared. Return: 0;
 * an errno; -EIO when some are stuck, which are not in the list any more.
 */
static int fill_all(struct mapped_space *space, struct list_head *mappings)
{
	struct mapping *mapping;
	int ret;

	list_for_each_entry(mapping, mappings, link) {
		ret = mapping_fill(space, mapping);
		if (ret)
			goto err_clear;
		mappings_pause(mapping, mappings);
	}
	return 0;

err_clear:
	list_for_each_entry_continue_reverse(mapping, mappings, link) {
		mapping_clear(space, mapping);
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
		/* The pin is not ours alone any more: see area_is_filled(). */
		smp_store_release(&mapping->area.state, IOVA_AREA_READY);
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
		mapping->area.state = IOVA_AREA_BUILDING;
		mappings_pause(mapping, mappings);
	}
	mutex_unlock(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		mapping_clear(space, mapping);
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
		mapping->area.state = IOVA_AREA_LIVE;
		mappings_pause(mapping, mappings);
	}
	INIT_LIST_HEAD(mappings);
	/* The last table went while they were building. */
	pinned &= !space->nr_tables;
	mutex_unlock(&space->lock);
	if (pinned)
		space_unpin(space);
}

/* Claim the mapping that goes on across @iova. NULL when there is none. */
static struct mapping *cut_claim(struct mapped_space *space, u64 iova)
{
	struct mapping *mapping = NULL;
	struct iova_area *area;
	int ret = 0;

	mutex_lock(&space->lock);
	area = iova_space_first(&space->iova, iova, iova);
	if (!area || area->start == iova)
		goto out_unlock;
	mapping = mapping_of(area);
	if (iova & (space->iova.alignment - 1) ||
	    (space->large_pages && !list_empty(&space->tables)) ||
	    atomic_read(&mapping->nr_users))
		ret = -EINVAL;
	else if (area->state != IOVA_AREA_LIVE)
		ret = area->state == IOVA_AREA_STUCK ? -EIO : -EBUSY;
	else
		area->state = IOVA_AREA_GOING;
out_unlock:
	mutex_unlock(&space->lock);
	return ret ? ERR_PTR(ret) : mapping;
}

/* @lower is claimed; @upper becomes the part from @iova on. */
static void cut_apply(struct mapped_space *space, struct mapping *lower,
		      struct mapping *upper, u64 iova)
{
	u64 last = lower->area.last;

	mutex_lock(&space->lock);
	iova_space_remove(&space->iova, &lower->area);
	iova_space_add(&space->iova, &lower->area, lower->area.start,
		       iova - lower->area.start);
	iova_space_add(&space->iova, &upper->area, iova, last - iova + 1);
	lower->area.state = IOVA_AREA_LIVE;
	upper->area.state = IOVA_AREA_LIVE;
	mutex_unlock(&space->lock);
}

static int cut_claimed(struct mapped_space *space, struct mapping *lower,
		       u64 iova)
{
	u64 offset = lower->offset + (iova - lower->area.start);
	struct mapping *upper;
	LIST_HEAD(mappings);
	int ret;

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
	mapping = cut_claim(space, iova);
	if (IS_ERR(mapping)) {
		ret = PTR_ERR(mapping);
	} else if (mapping) {
		pinned = mapping->pinned;
		ret = cut_claimed(space, mapping, iova);
		if (ret) {
			mutex_lock(&space->lock);
			mapping->area.state = IOVA_AREA_LIVE;
			mutex_unlock(&space->lock);
		}
	}
	up_read(&space->tables_lock);
	/* Who removed the last table has passed over what was claimed. */
	if (pinned)
		space_unpin(space);
	return ret;
}

static u32 table_alignment(const struct mapped_table *table)
{
	return 1UL << __ffs(table->domain->pgsize_bitmap);
}

/* What the tables need, @large_pages, and users that pin. */
static u32 space_alignment(struct mapped_space *space, bool large_pages)
{
	u32 alignment = large_pages && !space->nr_pinning_clients ? 1 :
								    PAGE_SIZE;
	struct mapped_table *table;

	list_for_each_entry(table, &space->tables, link)
		alignment = max(alignment, table_alignment(table));
	list_for_each_entry(table, &space->new_tables, link)
		alignment = max(alignment, table_alignment(table));
	return alignment;
}

/*
 * Count @table, claim for it what it cannot translate, and the alignment it
 * needs. All of that is undone by table_unreserve(), also after a failure.
 */
static int table_reserve(struct mapped_space *space, struct mapped_table *table)
{
	struct iommu_domain_geometry *geometry = &table->domain->geometry;
	u32 alignment = max(space_alignment(space, space->large_pages),
			    table_alignment(table));
	int ret;

	mutex_lock(&space->lock);
	space->nr_tables++;
	ret = iova_space_set_alignment(&space->iova, alignment);
	if (!ret && geometry->aperture_start)
		ret = iova_space_reserve(&space->iova, 0,
					 geometry->aperture_start - 1, table);
	if (!ret && geometry->aperture_end != U64_MAX)
		ret = iova_space_reserve(&space->iova,
					 geometry->aperture_end + 1, U64_MAX,
					 table);
	mutex_unlock(&space->lock);
	return ret;
}

static void table_unreserve(struct mapped_space *space,
			    struct mapped_table *table)
{
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, table);
	/* A smaller alignment always fits. */
	iova_space_set_alignment(&space->iova,
				 space_alignment(space, space->large_pages));
	space->nr_tables--;
	mutex_unlock(&space->lock);
}

/* The caller has tables_lock exclusively. */
#define for_each_live_mapping(mapping, space) \
	for (mapping = live_next(space, 0); mapping; \
	     mapping = mapping->area.last == U64_MAX ? NULL : \
		       live_next(space, mapping->area.last + 1))

/* Everything live into @table, pinned as it is. */
static int table_fill(struct mapped_space *space, struct mapped_table *table)
{
	struct mapping *mapping;
	u64 mapped;
	int ret;

	for_each_live_mapping(mapping, space) {
		ret = table_map(space, table, mapping, &mapped);
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

/* Return: 0; -EAGAIN when a mapping is not pinned; another errno. */
static int table_add(struct mapped_space *space, struct mapped_table *table)
{
	int ret = -EAGAIN;

	if (down_write_killable(&space->tables_lock))
		return -EINTR;
	if (space_is_pinned(space)) {
		ret = table_fill(space, table);
		if (!ret)
			list_move_tail(&table->link, &space->tables);
	}
	up_write(&space->tables_lock);
	return ret;
}

/**
 * mapped_space_add_table() - Make a new table translate all that is mapped
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
int mapped_space_add_table(struct mapped_space *space,
			   struct mapped_table *table)
{
	int ret;

	if (__ffs(table->domain->pgsize_bitmap) > PAGE_SHIFT)
		return -EINVAL;

	ret = table_announce(space, table);
	if (ret)
		return ret;
	/* A map that began before may come without a pin: again then. */
	do {
		ret = space_pin(space);
		if (ret)
			break;
		ret = table_add(space, table);
	} while (ret == -EAGAIN);
	if (ret)
		mapped_space_remove_table(space, table);
	return ret;
}

/**
 * mapped_space_remove_table() - Forget a table
 * @space: where it was added
 * @table: no device can reach it any more, and its owner frees it next
 *
 * Nothing is unmapped one by one: freeing the table does that. With the last one
 * what was stuck goes.
 */
void mapped_space_remove_table(struct mapped_space *space,
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
	space_unpin(space);
	mappings_displace(space, &stuck);
	mappings_free(&stuck);
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

void mapped_space_unreserve(struct mapped_space *space, void *owner)
{
	down_write(&space->tables_lock);
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, owner);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
}

static int set_large_pages(struct mapped_space *space, bool large_pages)
{
	int ret;

	if (large_pages == space->large_pages)
		return 0;
	/* What is in a table already may be a large page. */
	if (!large_pages && !list_empty(&space->tables) &&
	    iova_space_first(&space->iova, 0, U64_MAX))
		return -EINVAL;
	ret = iova_space_set_alignment(&space->iova,
				       space_alignment(space, large_pages));
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
	int ret;

	if (change < 0)
		down_write(&space->tables_lock);
	else if (down_write_killable(&space->tables_lock))
		return -EINTR;
	mutex_lock(&space->lock);
	space->nr_pinning_clients += change;
	ret = iova_space_set_alignment(&space->iova,
				       space_alignment(space,
						       space->large_pages));
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
