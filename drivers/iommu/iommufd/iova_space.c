// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of I/O virtual addresses.
 *
 * Two questions have to be quick: "what is mapped here?" and "where is room
 * for that many bytes?". Areas never overlap, so one tree ordered by start
 * answers the first. For the second each area knows the hole just below
 * it, and each node the largest such hole of its subtree: a search skips
 * every subtree without room and visits only holes that are large enough.
 *
 * Example, bytes mapped at 0x1000-0x1fff and 0x5000-0x5fff: the areas have
 * holes of 0x1000 and 0x3000 bytes; the hole above the last area belongs to
 * no area and is looked at when the tree has nothing.
 *
 * Reserved intervals are few, one or two for each device; of allowed ones there
 * are as many as the user likes. They are interval trees because reserved
 * intervals of different owners overlap.
 *
 * How many there are of anything is up to the user, so whatever walks from one
 * to the next lets others run. The owner's lock is one that can sleep.
 */
#include <linux/interval_tree_generic.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iova_space.h"

struct iova_interval {
	struct rb_node rb;
	u64 start;
	u64 last;
	u64 subtree_last;
	void *owner;
};

#define INTERVAL_START(interval) ((interval)->start)
#define INTERVAL_LAST(interval) ((interval)->last)

INTERVAL_TREE_DEFINE(struct iova_interval, rb, u64, subtree_last,
		     INTERVAL_START, INTERVAL_LAST, static __maybe_unused,
		     interval)

#define AREA_HOLE(area) ((area)->hole)

RB_DECLARE_CALLBACKS_MAX(static, area_callbacks, struct iova_area, rb, u64,
			 subtree_hole, AREA_HOLE)

#define area_of(node) rb_entry_safe(node, struct iova_area, rb)

void iova_space_init(struct iova_space *space)
{
	space->areas = RB_ROOT;
	space->reserved = RB_ROOT_CACHED;
	space->allowed = RB_ROOT_CACHED;
	space->alignment = 1;
}

void iova_intervals_free(struct rb_root_cached *intervals)
{
	struct iova_interval *interval, *next;

	rbtree_postorder_for_each_entry_safe(interval, next,
					     &intervals->rb_root, rb) {
		kfree(interval);
		cond_resched();
	}
	*intervals = RB_ROOT_CACHED;
}

/* Areas belong to whoever embeds them and have to be gone already. */
void iova_space_destroy(struct iova_space *space)
{
	WARN_ON(!RB_EMPTY_ROOT(&space->areas));
	iova_intervals_free(&space->reserved);
	iova_intervals_free(&space->allowed);
}

/* The lowest area that ends at @start or above, whatever its own start. */
static struct iova_area *area_find(struct iova_space *space, u64 start)
{
	struct rb_node *node = space->areas.rb_node;
	struct iova_area *found = NULL;

	while (node) {
		struct iova_area *area = area_of(node);

		if (area->last < start) {
			node = node->rb_right;
		} else {
			found = area;
			node = node->rb_left;
		}
	}
	return found;
}

/* The lowest area that touches @start to @last. */
struct iova_area *iova_space_first(struct iova_space *space,
				   u64 start, u64 last)
{
	struct iova_area *area = area_find(space, start);

	return area && area->start <= last ? area : NULL;
}

/* The area above @area, if it begins at @last or below. */
struct iova_area *iova_space_next(struct iova_area *area, u64 last)
{
	struct iova_area *next = area_of(rb_next(&area->rb));

	return next && next->start <= last ? next : NULL;
}

static void area_set_hole(struct iova_area *area, struct iova_area *below)
{
	area->hole = below ? area->start - below->last - 1 : area->start;
	area_callbacks.propagate(&area->rb, NULL);
}

static void area_insert(struct iova_space *space,
			struct iova_area *area)
{
	struct rb_node **link = &space->areas.rb_node;
	struct iova_area *below = NULL, *above = NULL;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		if (area_of(parent)->start > area->start) {
			above = area_of(parent);
			link = &parent->rb_left;
		} else {
			below = area_of(parent);
			link = &parent->rb_right;
		}
	}
	rb_link_node(&area->rb, parent, link);
	area->subtree_hole = 0;
	area_set_hole(area, below);
	rb_insert_augmented(&area->rb, &space->areas, &area_callbacks);
	if (above)
		area_set_hole(above, area);
}

/* Never fails and never allocates: removal has to work under any pressure. */
void iova_space_remove(struct iova_space *space,
		       struct iova_area *area)
{
	struct iova_area *above = area_of(rb_next(&area->rb));
	struct iova_area *below = area_of(rb_prev(&area->rb));

	rb_erase_augmented(&area->rb, &space->areas, &area_callbacks);
	if (above)
		area_set_hole(above, below);
}

/*
 * The next area above @area, or @area itself when @inclusive, that has a hole
 * of @size bytes below it.
 */
static struct iova_area *hole_next(struct iova_area *area, u64 size,
				   bool inclusive)
{
	struct rb_node *node = &area->rb;

	if (inclusive && area->hole >= size)
		return area;
	for (;;) {
		struct rb_node *parent;

		if (node->rb_right &&
		    area_of(node->rb_right)->subtree_hole >= size) {
			node = node->rb_right;
			while (node->rb_left &&
			       area_of(node->rb_left)->subtree_hole >= size)
				node = node->rb_left;
		} else {
			while ((parent = rb_parent(node)) &&
			       node == parent->rb_right)
				node = parent;
			if (!parent)
				return NULL;
			node = parent;
		}
		if (area_of(node)->hole >= size)
			return area_of(node);
	}
}

/*
 * The lowest hole of at least @size bytes that ends at @from or above.
 * Cost: one descent, then only subtrees that contain such a hole.
 */
static bool hole_find(struct iova_space *space, u64 from, u64 size,
		      u64 *start, u64 *last)
{
	struct iova_area *area = NULL;
	struct rb_node *node = space->areas.rb_node;

	/* The lowest area above @from: the hole that ends at @from is below. */
	while (node) {
		if (area_of(node)->start > from) {
			area = area_of(node);
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	if (area)
		area = hole_next(area, size, true);
	if (area) {
		*start = area->start - area->hole;
		*last = area->start - 1;
		return true;
	}

	area = area_of(rb_last(&space->areas));
	if (area && area->last == U64_MAX)
		return false;
	*start = area ? area->last + 1 : 0;
	*last = U64_MAX;
	return *last - *start >= size - 1;
}

/**
 * struct room_search - room that agrees with an address modulo a stride
 * @length: bytes
 * @address: which
 * @stride: a power of two
 * @iova: set to the lowest place
 */
struct room_search {
	u64 length;
	u64 address;
	u64 stride;
	u64 *iova;
};

/* Inside @start to @last */
static bool range_place(const struct room_search *room, u64 start, u64 last)
{
	u64 skip = (room->address - start) & (room->stride - 1);

	if (check_add_overflow(start, skip, room->iova))
		return false;
	return *room->iova <= last && last - *room->iova >= room->length - 1;
}

/* In what is free between @first and @last */
static bool window_search(struct iova_space *space,
			  const struct room_search *room, u64 first, u64 last)
{
	u64 from = first;
	u64 start, range_last;

	while (hole_find(space, from, room->length, &start, &range_last)) {
		struct iova_interval *reserved;
		u64 free_last;

		start = max(start, from);
		range_last = min(range_last, last);
		if (start > range_last)
			return false;
		reserved = interval_iter_first(&space->reserved, start,
					       range_last);
		free_last = reserved ? reserved->start - 1 : range_last;
		if (!(reserved && reserved->start <= start) &&
		    range_place(room, start, free_last))
			return true;
		if (reserved)
			range_last = reserved->last;
		if (range_last >= last)
			return false;
		from = range_last + 1;
		cond_resched();
	}
	return false;
}

/*
 * Allowed intervals that touch are one window. Return: the interval that begins
 * the next one.
 */
static struct iova_interval *window_end(struct iova_interval *window,
					u64 highest, u64 *last)
{
	do {
		cond_resched();
		*last = min(window->last, highest);
		window = interval_iter_next(window, 0, highest);
	} while (window && window->start == *last + 1);
	return window;
}

/**
 * iova_space_choose() - Find room
 * @space: where
 * @address: of the memory; the IOVA has the same offset within a page, and is
 *           aligned like it where that helps the IOMMU to use large pages
 * @length: bytes
 * @start: set to the lowest IOVA that does
 *
 * Page zero is never chosen, so that a program can take 0 for "none"; neither
 * is the last page, so that start + length does not wrap.
 *
 * A kernel without transparent huge pages, such as one with PREEMPT_RT, can have
 * others: hugetlbfs, or pages that happen to be neighbours.
 *
 * Return: 0; -EINVAL when misaligned or empty; -EOVERFLOW when longer than any
 * range; -ENOSPC when there is no room.
 */
int iova_space_choose(struct iova_space *space, u64 address, u64 length,
		      u64 *start)
{
	const u64 lowest = PAGE_SIZE;
	const u64 highest = IOVA_SPACE_LAST - PAGE_SIZE;
	struct room_search room = {
		.length = length,
		.address = address,
		.iova = start,
	};
	struct iova_interval *window;
	u64 granule, last;

	if (!length || length & (space->alignment - 1))
		return -EINVAL;
	if (length >= S64_MAX)
		return -EOVERFLOW;

	granule = min_t(u64, 1ULL << fls64(length - 1), PMD_SIZE);
	if (address)
		granule = min(granule, address & -address);
	if (granule < space->alignment)
		return -EINVAL;
	room.stride = address & ~PAGE_MASK ? PAGE_SIZE : granule;

	if (RB_EMPTY_ROOT(&space->allowed.rb_root))
		return window_search(space, &room, lowest, highest) ? 0 :
								      -ENOSPC;

	window = interval_iter_first(&space->allowed, lowest, highest);
	while (window) {
		u64 first = max(window->start, lowest);

		window = window_end(window, highest, &last);
		if (window_search(space, &room, first, last))
			return 0;
	}
	return -ENOSPC;
}

/**
 * iova_space_check() - Is a given range free?
 * @space: where
 * @start: first IOVA
 * @length: bytes
 *
 * Return: 0; -EINVAL when misaligned, empty or reserved; -EOVERFLOW when the
 * range wraps; -EEXIST when part of it is taken.
 */
int iova_space_check(struct iova_space *space, u64 start, u64 length)
{
	u64 last = start + length - 1;

	if (!length || length & (space->alignment - 1) ||
	    start & (space->alignment - 1))
		return -EINVAL;
	if (last < start)
		return -EOVERFLOW;
	if (last > IOVA_SPACE_LAST ||
	    interval_iter_first(&space->reserved, start, last))
		return -EINVAL;
	if (iova_space_first(space, start, last))
		return -EEXIST;
	return 0;
}

/**
 * iova_space_add() - Take a range
 * @space: where
 * @area: becomes part of @space; its page_offset and its state are set by the
 *        caller
 * @start: first IOVA; the range lies in one that was checked or chosen
 * @length: bytes, not 0
 *
 * Return: 0; -EINVAL when misaligned.
 */
int iova_space_add(struct iova_space *space, struct iova_area *area, u64 start,
		   u64 length)
{
	if ((start | length | area->page_offset) & (space->alignment - 1))
		return -EINVAL;
	area->start = start;
	area->last = start + length - 1;
	area_insert(space, area);
	return 0;
}

/**
 * iova_space_reserve() - Keep areas out of a range
 * @space: where
 * @start: first IOVA
 * @last: last IOVA
 * @owner: for iova_space_unreserve()
 *
 * Return: 0; -EADDRINUSE when an area or an allowed interval is there already;
 * -ENOMEM.
 */
int iova_space_reserve(struct iova_space *space, u64 start,
		       u64 last, void *owner)
{
	struct iova_interval *interval;

	if (iova_space_first(space, start, last) ||
	    interval_iter_first(&space->allowed, start, last))
		return -EADDRINUSE;

	interval = kzalloc(sizeof(*interval), GFP_KERNEL_ACCOUNT);
	if (!interval)
		return -ENOMEM;
	interval->start = start;
	interval->last = last;
	interval->owner = owner;
	interval_insert(interval, &space->reserved);
	return 0;
}

/* Give up all that @owner reserved. */
void iova_space_unreserve(struct iova_space *space, void *owner)
{
	struct iova_interval *interval, *next;

	for (interval = interval_iter_first(&space->reserved, 0, U64_MAX);
	     interval; interval = next) {
		cond_resched();
		next = interval_iter_next(interval, 0, U64_MAX);
		if (interval->owner != owner)
			continue;
		interval_remove(interval, &space->reserved);
		kfree(interval);
	}
}

/**
 * iova_intervals_add() - Make a set of intervals for iova_space_swap_allowed()
 * @intervals: the set, RB_ROOT_CACHED to begin with
 * @start: first IOVA
 * @last: last IOVA
 *
 * Return: 0; -EINVAL when it has less than two bytes or overlaps another one;
 * -ENOMEM.
 */
int iova_intervals_add(struct rb_root_cached *intervals, u64 start, u64 last)
{
	struct iova_interval *interval;

	if (start >= last || interval_iter_first(intervals, start, last))
		return -EINVAL;
	interval = kzalloc(sizeof(*interval), GFP_KERNEL_ACCOUNT);
	if (!interval)
		return -ENOMEM;
	interval->start = start;
	interval->last = last;
	interval_insert(interval, intervals);
	return 0;
}

/**
 * iova_space_swap_allowed() - Change where automatic choices have to stay
 * @space: where
 * @intervals: the new set, and then the former one
 *
 * Return: 0; -EADDRINUSE when a new interval touches a reserved one, then
 * nothing changed.
 */
int iova_space_swap_allowed(struct iova_space *space,
			    struct rb_root_cached *intervals)
{
	struct iova_interval *interval;

	for (interval = interval_iter_first(intervals, 0, U64_MAX); interval;
	     interval = interval_iter_next(interval, 0, U64_MAX)) {
		if (interval->last > IOVA_SPACE_LAST ||
		    interval_iter_first(&space->reserved, interval->start,
					interval->last))
			return -EADDRINUSE;
		cond_resched();
	}
	swap(space->allowed, *intervals);
	return 0;
}

/*
 * The lowest reserved interval that touches the range @start to @last, which is set
 * to it. Return: whether there is one.
 */
bool iova_space_find_reserved(struct iova_space *space, u64 *start, u64 *last)
{
	struct iova_interval *interval = interval_iter_first(&space->reserved,
							     *start, *last);

	if (!interval)
		return false;
	*start = interval->start;
	*last = interval->last;
	return true;
}

/* The same for what cannot become reserved: an area, or an allowed interval. */
bool iova_space_find_occupied(struct iova_space *space, u64 *start, u64 *last)
{
	struct iova_area *area = iova_space_first(space, *start, *last);
	struct iova_interval *allowed = interval_iter_first(&space->allowed,
							    *start, *last);

	if (area) {
		*start = area->start;
		*last = area->last;
	} else if (allowed) {
		*start = allowed->start;
		*last = allowed->last;
	}
	return area || allowed;
}

/*
 * The lowest range without reserved intervals that begins at @from or above.
 * @from has to be 0, or one above the last byte of the range before.
 */
bool iova_space_next_usable(struct iova_space *space, u64 from,
			    u64 *start, u64 *last)
{
	struct iova_interval *interval;

	for (interval = interval_iter_first(&space->reserved, from, U64_MAX);
	     interval && interval->start <= from;
	     interval = interval_iter_first(&space->reserved, from, U64_MAX)) {
		if (interval->last >= IOVA_SPACE_LAST)
			return false;
		from = interval->last + 1;
		cond_resched();
	}
	*start = from;
	*last = IOVA_SPACE_LAST;
	if (interval)
		*last = min(*last, interval->start - 1);
	return true;
}

/**
 * iova_space_set_alignment() - Change what every area is a multiple of
 * @space: where
 * @alignment: bytes, a power of two, at most PAGE_SIZE
 *
 * Return: 0; -EADDRINUSE when an area does not fit the new alignment.
 */
int iova_space_set_alignment(struct iova_space *space, u32 alignment)
{
	struct iova_area *area;

	if (alignment > space->alignment)
		for_each_iova_area(area, space, 0, U64_MAX) {
			if ((area->start | iova_area_length(area) |
			     area->page_offset) & (alignment - 1))
				return -EADDRINUSE;
			cond_resched();
		}
	space->alignment = alignment;
	return 0;
}
