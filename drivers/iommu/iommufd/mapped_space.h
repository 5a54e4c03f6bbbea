/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOAS maps, and the page tables that translate it.
 *
 * mapping   a range of IOVA and the user memory behind it
 * table     one IOMMU page table (an iommu_domain) of the IOAS
 *
 * Whatever holds between calls: every mapping that is live, or ready to be, is
 * translated by every table, completely; it has a pin on its memory if there is
 * a table, and none if there is none. A mapping is always removed from a table
 * with one whole unmap.
 *
 * What 6.1's IOMMU drivers expect of whoever owns a domain, and where it is
 * kept:
 *
 * - Nobody uses a domain while a group is attached to it or detached from it, or
 *   switched from or to it.
 *   VT-d walks its record of the IOMMUs of the domain in each flush, and frees
 *   it in a detach; an attach may take levels off the table. virtio-iommu asks
 *   whether there is an endpoint, and sends or does not send. AMD and SMMUv3
 *   have locks of their own. Uses are map, unmap and iova_to_phys:
 *   attachment_switch() has tables_lock exclusively, they have it shared.
 *   Without it the doorbell of a new interrupt is mapped, where no driver minds:
 *   in the table that the device's group is in and stays in (iommu-doorbell.c).
 * - Uses at the same time are of different ranges: a range belongs to one
 *   mapping, and that has one creator or remover.
 * - An unmap covers whole maps, all of it mapped. VT-d removes the neighbours
 *   of a hole, SMMUv3 warns, virtio-iommu removes nothing.
 * - A call has a bound, which is TABLE_CALL_MAX. AMD and virtio-iommu visit
 *   each page and each map, SMMUv3 without range invalidation gives the IOMMU a
 *   command for each page, all of them without a chance for others to run; and
 *   whoever counts the pages of a flush in an int, as VT-d did, has room.
 * - A map is not taken apart by the unmap of a part, which virtio-iommu refuses.
 *   So it ends where unmaps are cut.
 * - What an unmap did not report as unmapped may still be translated.
 * - A domain is freed when no group is attached to it. That needs no unmap.
 *
 * The locks, which lock_order.h has in their order: clients_lock is for asking
 * drivers to let go, tables_lock for the set of tables and for filling them, lock
 * for ranges, states and pins of mappings.
 *
 * A map holds tables_lock shared while it fills the tables, so that maps run
 * side by side; adding and removing a table takes it exclusively, and so does
 * attaching a group to a table. Nobody has it while memory is pinned or let go:
 * a page may take as long as another process likes. Hence a map pins before it
 * takes the lock, and who adds a table announces that, and pins what there is,
 * before it fills the table. An unmap unpins when it has given the lock back.
 *
 * Nobody waits for a mapping that another thread is building or removing: lock
 * is only held to look and to change states.
 */
#ifndef __IOMMUFD_MAPPED_SPACE_H
#define __IOMMUFD_MAPPED_SPACE_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>

#include "iova_space.h"
#include "page_runs.h"
#include "reason.h"

/*
 * A call of an IOMMU driver stays between two multiples of this. No page of a
 * table goes across one, since a page is as aligned as it is long, and no longer
 * than a run of the record.
 */
#define TABLE_CALL_MAX ((u64)PAGE_SIZE << PAGE_RUN_COUNT_BITS)

/**
 * struct mapped_space - mappings and tables of one IOAS
 * @iova: the ranges; under @lock
 * @lock: a leaf
 * @tables_lock: see above
 * @tables: struct mapped_table.link; under @tables_lock
 * @new_tables: those that have been announced, and are not filled yet; under
 *              @tables_lock
 * @stuck: struct mapping.link, those in state stuck; under @lock
 * @nr_tables: how many there are of both: when not 0 mappings are pinned.
 *             Changes under @tables_lock, exclusively, and @lock
 * @large_pages: tables may use pages larger than the CPU's; under @tables_lock
 * @clients_lock: shared while a client is called because of a removal. A client
 *                that has let go of everything takes it once, and is not called
 *                after that
 * @nr_pinning_clients: how many clients pin; under @tables_lock
 * @reason: where it is said what something is refused for; immutable
 */
struct mapped_space {
	struct iova_space iova;
	struct mutex lock;
	struct rw_semaphore tables_lock;
	struct list_head tables;
	struct list_head new_tables;
	struct list_head stuck;
	unsigned int nr_tables;
	bool large_pages;
	struct rw_semaphore clients_lock;
	unsigned int nr_pinning_clients;
	struct reason *reason;
};

/**
 * struct mapped_table - one IOMMU page table, embedded in its owner
 * @link: in mapped_space.tables, or new_tables
 * @domain: the page table; its page sizes and aperture are final
 * @coherent: DMA through it cannot bypass the CPU's caches
 */
struct mapped_table {
	struct list_head link;
	struct iommu_domain *domain;
	bool coherent;
};

/**
 * struct usable_range - a step of mapped_space_next_usable()
 * @start: first IOVA
 * @last: last IOVA
 * @is_set: it is a range, not the beginning
 */
struct usable_range {
	u64 start;
	u64 last;
	bool is_set;
};

/* How much a call that begins at @iova may cover */
static inline u64 table_call_room(u64 iova)
{
	return TABLE_CALL_MAX - (iova & (TABLE_CALL_MAX - 1));
}

static inline u32 mapped_table_alignment(const struct mapped_table *table)
{
	return 1UL << __ffs(table->domain->pgsize_bitmap);
}

void mapped_space_init(struct mapped_space *space, struct reason *reason);
void mapped_space_destroy(struct mapped_space *space);

void mapped_spaces_lock(struct mapped_space *a, struct mapped_space *b);
void mapped_spaces_unlock(struct mapped_space *a, struct mapped_space *b);

u32 mapped_space_alignment(struct mapped_space *space, bool large_pages);
int mapped_space_set_alignment(struct mapped_space *space, u32 alignment);
bool mapped_space_find_occupied(struct mapped_space *space, u64 *start,
				u64 *last);
int mapped_space_reserve(struct mapped_space *space, u64 start, u64 last,
			 void *owner);
void mapped_space_unreserve(struct mapped_space *space, void *owner);
int mapped_space_swap_allowed(struct mapped_space *space,
			      struct rb_root_cached *intervals);
bool mapped_space_next_usable(struct mapped_space *space,
			      struct usable_range *range);
int mapped_space_set_large_pages(struct mapped_space *space, bool large_pages);
bool mapped_space_is_coherent(struct mapped_space *space);
u64 mapped_space_page_sizes(struct mapped_space *space);
int mapped_space_count_pinning(struct mapped_space *space, int change);

#endif
