/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of the locks of iommufd, which stands here and nowhere else.
 *
 * A kernel that proves locking is taught the order before the first lock is taken.
 * So the first thread that takes two locks the other way round is reported, and
 * not only two that meet.
 */
#ifndef __IOMMUFD_LOCK_ORDER_H
#define __IOMMUFD_LOCK_ORDER_H

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

/**
 * enum lock_place - where a lock is in the order, from the outside in
 * @PLACE_SHOW: iommufd_ctx.show_lock. Reading fdinfo, one at a time
 * @PLACE_PROCESS: iommufd_ctx.process_lock. Moving accounts to another process
 * @PLACE_ACCESS: iommufd_access.lock. Attach and detach of an access
 * @PLACE_CLIENTS: mapped_space.clients_lock. Calling a driver because of a removal;
 *                 what the driver locks in its unmap callback is inside
 * @PLACE_ACCESS_IOAS: iommufd_access.ioas_lock. Shared: pin, unpin or copy in
 *                     progress
 * @PLACE_FAULT_READ: dma_fault_queue.read_lock. One reader at a time, also while it
 *                    waits for a fault
 * @PLACE_PAGES: no lock, but waiting for pages, for as long as another process
 *               likes: whoever has one of the locks below must not do that
 * @PLACE_GROUP: iommufd_group.lock. What a group is attached to
 * @PLACE_ATTACH: iommufd_ioas.attach_lock. Finding an automatic HWPT, or adding one
 * @PLACE_TABLES: mapped_space.tables_lock. The set of tables, and what is attached
 *                to them; of two IOAS in the order of addresses. Shared: filling
 *                and unmapping. The locks of the IOMMU core, its drivers and the
 *                doorbells are inside
 * @PLACE_MEMORY: user_memory.lock. Which pages are pinned
 * @PLACE_MMAP: mmap_lock of the mapper, or of whoever calls. Whoever touches user
 *              memory may take it, so that is not done with one of those below
 * @PLACE_COMPAT: iommufd_ctx.compat_lock. VFIO groups, and which IOAS they use
 * @PLACE_DEVICES: iommufd_ctx.device_lock. Bind and unbind, cookies, groups; the
 *                 IOMMU core's claim of DMA is inside
 * @PLACE_SPACE: mapped_space.lock. Ranges, states and pins of mappings
 * @PLACE_OBJECTS: the xa_lock of iommufd_ctx.objects. Numbers and references
 * @PLACE_REASON: reason.lock. Why a call is refused; a leaf
 * @PLACE_FAULTS: iommufd_ctx.dma_fault_lock. Records of DMA faults; a leaf, taken in
 *                interrupts
 * @LOCK_PLACES: how many there are
 *
 * Whoever has a lock takes none that comes before it. Neighbours of which nobody
 * has both could stand the other way round; that they have an order keeps it so
 * that they may be taken together one day.
 */
enum lock_place {
	PLACE_SHOW,
	PLACE_PROCESS,
	PLACE_ACCESS,
	PLACE_CLIENTS,
	PLACE_ACCESS_IOAS,
	PLACE_FAULT_READ,
	PLACE_PAGES,
	PLACE_GROUP,
	PLACE_ATTACH,
	PLACE_TABLES,
	PLACE_MEMORY,
	PLACE_MMAP,
	PLACE_COMPAT,
	PLACE_DEVICES,
	PLACE_SPACE,
	PLACE_OBJECTS,
	PLACE_REASON,
	PLACE_FAULTS,
	LOCK_PLACES
};

#ifdef CONFIG_PROVE_LOCKING
void lock_order_set_map(struct lockdep_map *map, enum lock_place place);
void lock_order_await_pages(void);
void lock_order_teach(void);

/* A lock that was just made */
#define lock_order_set(lock, place) lock_order_set_map(&(lock)->dep_map, place)
#else
#define lock_order_set(lock, place) do { } while (0)

static inline void lock_order_await_pages(void)
{
}

static inline void lock_order_teach(void)
{
}
#endif

#define lock_order_mutex_init(lock, place)	\
do {						\
	mutex_init(lock);			\
	lock_order_set(lock, place);		\
} while (0)

#define lock_order_spin_init(lock, place)	\
do {						\
	spin_lock_init(lock);			\
	lock_order_set(lock, place);		\
} while (0)

#define lock_order_raw_spin_init(lock, place)	\
do {						\
	raw_spin_lock_init(lock);		\
	lock_order_set(lock, place);		\
} while (0)

#define lock_order_rwsem_init(lock, place)	\
do {						\
	init_rwsem(lock);			\
	lock_order_set(lock, place);		\
} while (0)

#endif
