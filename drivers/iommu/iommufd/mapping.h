/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapping: user memory at a range of IOVA.
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
 */
#ifndef __IOMMUFD_MAPPING_H
#define __IOMMUFD_MAPPING_H

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>
#include <linux/sched.h>

#include "iova_space.h"
#include "mapped_space.h"
#include "user_memory.h"

/**
 * struct mapping - user memory at a range of IOVA
 * @area: the range; under mapped_space.lock
 * @memory: what is mapped; holds a reference
 * @offset: of the first byte from the start of @memory, in bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @pinned: it has a pin on @memory. In states building and going its owner's;
 *          else under mapped_space.lock. Stays in state stuck
 * @nr_users: kernel users. Raised under mapped_space.lock in state live; nobody
 *            removes the mapping before it is 0
 * @pins: struct client_pin.rb; under mapped_space.lock
 * @link: in the list of its creator, in states building and ready, or of its
 *        remover, in state going, or in mapped_space.stuck
 */
struct mapping {
	struct iova_area area;
	struct user_memory *memory;
	u64 offset;
	int prot;
	bool pinned;
	atomic_t nr_users;
	struct rb_root pins;
	struct list_head link;
};

/**
 * struct mapping_place - where new mappings go
 * @fixed: at @iova
 * @iova: set when it is chosen
 */
struct mapping_place {
	bool fixed;
	u64 iova;
};

static inline struct mapping *mapping_of(struct iova_area *area)
{
	return container_of(area, struct mapping, area);
}

/*
 * The one place that does. By the owner in states building and going, else under
 * mapped_space.lock.
 */
static inline void mapping_set_state(struct mapping *mapping,
				     enum iova_area_state state)
{
	/* Pairs with mapping_is_filled(). */
	smp_store_release(&mapping->area.state, state);
}

/* Tables have it, and its pin is under mapped_space.lock. */
static inline bool mapping_is_filled(const struct mapping *mapping)
{
	/* mappings_fill() sets it without mapped_space.lock. */
	switch (smp_load_acquire(&mapping->area.state)) {
	case IOVA_AREA_READY:
	case IOVA_AREA_LIVE:
	case IOVA_AREA_DRAINING:
		return true;
	default:
		return false;
	}
}

/* The pages that a mapping uses, the first and last maybe in part. */
static inline struct page_range mapping_pages(const struct mapping *mapping)
{
	u64 last = mapping->offset + iova_area_length(&mapping->area) - 1;

	return (struct page_range){
		.first = mapping->offset >> PAGE_SHIFT,
		.last = last >> PAGE_SHIFT,
	};
}

/* Between two of a list others may run; a map has one, and loses nothing. */
static inline void mappings_pause(const struct mapping *mapping,
				  const struct list_head *mappings)
{
	if (!list_is_last(&mapping->link, mappings))
		cond_resched();
}

int mapping_create(struct list_head *mappings, struct user_memory *memory,
		   u64 offset, u64 length, int prot);
int mapping_create_copies(struct list_head *mappings,
			  struct mapped_space *space, u64 start, u64 last,
			  int prot);
void mappings_free(struct list_head *mappings);
int mappings_place(struct mapped_space *space, struct list_head *mappings,
		   struct mapping_place *place);
void mappings_displace(struct mapped_space *space, struct list_head *mappings);
int mappings_pin(struct list_head *mappings);
unsigned long mappings_count_runs(struct list_head *mappings);
bool mapping_find_filled(struct mapped_space *space, u64 *start, u64 *last);
int mappings_visit(struct mapped_space *space,
		   int (*visit)(struct mapping *mapping, void *data),
		   void *data);
void mappings_unpin(struct list_head *mappings);

#endif
