// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: described, placed and pinned.
 *
 * A creator works on a list: one mapping for user memory, and for a copy one
 * for each mapping of the source. They are placed side by side and succeed or
 * fail together.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mapping.h"

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
			break;
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
	return reason_refuse(space->reason, -ENOENT,
			     "of the source 0x%llx..0x%llx nothing is mapped at 0x%llx, or not any more",
			     start, last, next);
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

	lockdep_assert_held(&space->lock);
	list_for_each_entry(mapping, mappings, link) {
		u64 length = iova_area_length(&mapping->area);
		int ret;

		mapping_set_state(mapping, IOVA_AREA_BUILDING);
		ret = iova_space_add(&space->iova, &mapping->area, iova, length);
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

static int refuse_misaligned(struct mapped_space *space, u64 address,
			     u64 length)
{
	return reason_refuse(space->reason, -EINVAL,
			     "address 0x%llx and length 0x%llx have to be multiples of %u, and the length not 0",
			     address, length, space->iova.alignment);
}

/* Why iova_space_check() says @ret of @length bytes at @iova */
static int place_refuse_fixed(struct mapped_space *space, u64 iova, u64 length,
			      int ret)
{
	u64 last = iova + length - 1;
	u64 from = iova, to = last;

	lockdep_assert_held(&space->lock);
	if (ret == -EEXIST &&
	    iova_space_find_occupied(&space->iova, &from, &to))
		return reason_refuse(space->reason, ret,
				     "0x%llx..0x%llx is mapped already: 0x%llx..0x%llx",
				     iova, last, from, to);
	if (ret != -EINVAL)
		return ret;
	if (!length || (iova | length) & (space->iova.alignment - 1))
		return refuse_misaligned(space, iova, length);
	if (!iova_space_find_reserved(&space->iova, &from, &to))
		return ret;
	return reason_refuse(space->reason, ret,
			     "0x%llx..0x%llx lies in 0x%llx..0x%llx, which a device or its page table cannot have: IOAS_IOVA_RANGES tells what they can",
			     iova, last, from, to);
}

/* Why iova_space_choose() says @ret of @length bytes of memory at @address */
static int place_refuse_chosen(struct mapped_space *space, u64 address,
			       u64 length, int ret)
{
	lockdep_assert_held(&space->lock);
	if (ret == -EINVAL)
		return refuse_misaligned(space, address, length);
	if (ret == -ENOSPC)
		return reason_refuse(space->reason, ret,
				     "no 0x%llx bytes in one piece are free, usable and allowed",
				     length);
	return ret;
}

static int place_find(struct mapped_space *space, u64 address, u64 length,
		      struct mapping_place *place)
{
	int ret;

	lockdep_assert_held(&space->lock);
	if (place->fixed) {
		ret = iova_space_check(&space->iova, place->iova, length);
		if (ret)
			place_refuse_fixed(space, place->iova, length, ret);
	} else {
		ret = iova_space_choose(&space->iova, address, length,
					&place->iova);
		if (ret)
			place_refuse_chosen(space, address, length, ret);
	}
	return ret;
}

static int place_locked(struct mapped_space *space, struct list_head *mappings,
			struct mapping_place *place)
{
	struct mapping *first = list_first_entry(mappings, struct mapping,
						 link);
	int ret;

	lockdep_assert_held(&space->lock);
	ret = place_find(space, first->memory->address + first->offset,
			 mappings_length(mappings), place);
	if (ret)
		return ret;
	ret = mappings_permitted(mappings);
	if (ret)
		return reason_refuse(space->reason, ret,
				     "devices are to write to memory that was mapped for reading, or to use a file that the caller has not opened for that, or that is sealed against it");
	ret = mappings_add(space, mappings, place->iova);
	if (ret == -EINVAL)
		refuse_misaligned(space, first->offset, mappings_length(mappings));
	return ret;
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

/* In state building. Return: 0; an errno of user_memory_pin(). */
int mappings_pin(struct list_head *mappings)
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

static int count_run(const struct page_run *run, void *data)
{
	++*(unsigned long *)data;
	cond_resched();
	return 0;
}

/*
 * Physically contiguous pieces of @mappings, in state ready, for traces. The last table
 * may go meanwhile, and then the pins do.
 */
unsigned long mappings_count_runs(struct list_head *mappings)
{
	struct mapping *mapping;
	unsigned long runs = 0;

	list_for_each_entry(mapping, mappings, link) {
		if (READ_ONCE(mapping->pinned))
			user_memory_walk(mapping->memory,
					 mapping_pages(mapping), count_run,
					 &runs);
		mappings_pause(mapping, mappings);
	}
	return runs;
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

/**
 * mapping_find_filled() - Find the first part of a range that tables translate
 * @space: which
 * @start: of the range; set to the first IOVA of that part
 * @last: likewise the last one; both stay as they are when there is none
 *
 * Return: whether there is one. It stays so while tables_lock is held.
 */
bool mapping_find_filled(struct mapped_space *space, u64 *start, u64 *last)
{
	struct iova_area *area;

	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, *start, *last) {
		if (mapping_is_filled(mapping_of(area)))
			break;
		cond_resched();
	}
	if (area) {
		*start = max(*start, area->start);
		*last = min(*last, area->last);
	}
	mutex_unlock(&space->lock);
	return area;
}

/**
 * mappings_visit() - Look at all mappings of a space
 * @space: which
 * @visit: for each, in whatever state, from the lowest on; does not wait
 * @data: for @visit
 *
 * Context: @visit runs with mapped_space.lock held.
 * Return: 0, or what @visit returned when that was not 0, which ends the walk.
 */
int mappings_visit(struct mapped_space *space,
		   int (*visit)(struct mapping *mapping, void *data),
		   void *data)
{
	struct iova_area *area;
	int ret = 0;

	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, 0, U64_MAX) {
		ret = visit(mapping_of(area), data);
		if (ret)
			break;
		cond_resched();
	}
	mutex_unlock(&space->lock);
	return ret;
}
