// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teaching lockdep the order of the locks.
 *
 * lockdep takes for the order what it sees first. Rules about locks that are never
 * taken together, such as that nobody who has tables_lock awaits a page, it would
 * not see at all. So it is shown all locks at once, one inside the other, when
 * nobody has any yet. It knows them by class: each place in the order has one, which
 * is that of all locks that are made for the place.
 */
#include <linux/irqflags.h>
#include <linux/mm_types.h>
#include <linux/sched.h>

#include "lock_order.h"

/**
 * struct lock_class_info - what lockdep knows of a place
 * @name: in its reports
 * @spins: else whoever waits for the lock sleeps
 * @interrupts: are off; it spins on every kernel
 * @pairs: two of them are taken together, the second as SINGLE_DEPTH_NESTING
 */
struct lock_class_info {
	const char *name;
	bool spins;
	bool interrupts;
	bool pairs;
};

/* lockdep wants one address for all names of a class. */
static const char page_wait[] = "waiting for pages";

static const struct lock_class_info classes[LOCK_PLACES] = {
	[PLACE_SHOW] = { "iommufd_ctx.show_lock" },
	[PLACE_PROCESS] = { "iommufd_ctx.process_lock" },
	[PLACE_ACCESS] = { "iommufd_access.lock" },
	[PLACE_CLIENTS] = { "mapped_space.clients_lock" },
	[PLACE_ACCESS_IOAS] = { "iommufd_access.ioas_lock" },
	[PLACE_FAULT_READ] = { "dma_fault_queue.read_lock" },
	[PLACE_PAGES] = { page_wait },
	[PLACE_GROUP] = { "iommufd_group.lock" },
	[PLACE_ATTACH] = { "iommufd_ioas.attach_lock" },
	[PLACE_TABLES] = { "mapped_space.tables_lock", .pairs = true },
	[PLACE_MEMORY] = { "user_memory.lock" },
	/* Not ours: it has a class. */
	[PLACE_MMAP] = { },
	[PLACE_COMPAT] = { "iommufd_ctx.compat_lock" },
	[PLACE_DEVICES] = { "iommufd_ctx.device_lock" },
	[PLACE_SPACE] = { "mapped_space.lock" },
	[PLACE_OBJECTS] = { "iommufd_ctx.objects.xa_lock", .spins = true },
	[PLACE_REASON] = { "reason.lock", .spins = true },
	[PLACE_FAULTS] = { "iommufd_ctx.dma_fault_lock", .interrupts = true },
};

static struct lock_class_key keys[LOCK_PLACES];

/* Of no lock: nothing is locked while lockdep is taught. */
static struct lockdep_map maps[LOCK_PLACES];

/**
 * lock_order_set_map() - Give a lock its place
 * @map: what lockdep has of the lock, which nobody has taken yet
 * @place: in the order
 */
void lock_order_set_map(struct lockdep_map *map, enum lock_place place)
{
	lockdep_init_map_type(map, classes[place].name, &keys[place], 0,
			      map->wait_type_inner, map->wait_type_outer,
			      map->lock_type);
}

/* Pages may be waited for from here on. */
void lock_order_await_pages(void)
{
	static struct lockdep_map map =
		STATIC_LOCKDEP_MAP_INIT(page_wait, &keys[PLACE_PAGES]);

	lock_map_acquire(&map);
	lock_map_release(&map);
}

/* NULL for mmap_lock where there is none: iommufd is built in. */
static struct lockdep_map *place_map(enum lock_place place)
{
	if (place != PLACE_MMAP)
		return &maps[place];
	return current->mm ? &current->mm->mmap_lock.dep_map : NULL;
}

static short class_wait_type(const struct lock_class_info *class)
{
	if (class->interrupts)
		return LD_WAIT_SPIN;
	return class->spins ? LD_WAIT_CONFIG : LD_WAIT_SLEEP;
}

static void place_acquire(enum lock_place place)
{
	const struct lock_class_info *class = &classes[place];
	struct lockdep_map *map = place_map(place);

	if (!map)
		return;
	if (class->name)
		lockdep_init_map_wait(map, class->name, &keys[place], 0,
				      class_wait_type(class));
	if (class->interrupts)
		local_irq_disable();
	lock_acquire_exclusive(map, 0, 0, NULL, _THIS_IP_);
	if (class->pairs)
		lock_acquire_exclusive(map, SINGLE_DEPTH_NESTING, 0, NULL,
				       _THIS_IP_);
}

static void place_release(enum lock_place place)
{
	struct lockdep_map *map = place_map(place);

	if (!map)
		return;
	if (classes[place].pairs)
		lock_release(map, _THIS_IP_);
	lock_release(map, _THIS_IP_);
	if (classes[place].interrupts)
		local_irq_enable();
}

/*
 * Before the first lock is made. Not __init: a report names where an order was seen
 * first, which is here, and would name what took the place of freed code.
 */
void lock_order_teach(void)
{
	int place;

	for (place = 0; place != LOCK_PLACES; place++)
		place_acquire(place);
	while (place--)
		place_release(place);
}
