// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins of what is mapped already, when the first table comes or the last has gone.
 */
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "mapping.h"
#include "space_pinning.h"
#include "user_memory.h"

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
		if (mapping_is_filled(mapping_of(area)) && mapping->pinned == pinned) {
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
void mapped_space_unpin(struct mapped_space *space)
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
	if (area && mapping_is_filled(mapping_of(area))) {
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
int mapped_space_pin(struct mapped_space *space)
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

bool mapped_space_is_pinned(struct mapped_space *space)
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
