/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A range of a process's memory that can be pinned for DMA.
 *
 * Mappings hold a reference while they exist, and a pin while an IOMMU page
 * table translates them. The first pin takes the pages, the last one lets them
 * go: in between they are in the record of runs, which is the only place that
 * knows them. The page tables are never read back.
 */
#ifndef __IOMMUFD_USER_MEMORY_H
#define __IOMMUFD_USER_MEMORY_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "memory_charge.h"
#include "page_runs.h"

/**
 * struct user_memory - pages of one process
 * @refs: mappings of this memory
 * @lock: serialises pin and unpin; outside of mmap_lock
 * @charge: whose memory, and who pays; immutable
 * @address: user address of the first page; immutable
 * @nr_pages: immutable
 * @writable: the device may write, so the pages must be writable and become
 *            dirty; immutable
 * @nr_pins: how many want the pages pinned; under @lock
 * @runs: the pages, while @nr_pins is not 0. Changed under @lock; whoever has a
 *        pin may read it without
 */
struct user_memory {
	struct kref refs;
	struct mutex lock;
	struct memory_charge charge;
	unsigned long address;
	unsigned long nr_pages;
	bool writable;
	unsigned int nr_pins;
	struct page_runs runs;
};

struct user_memory *user_memory_create(unsigned long address,
				       unsigned long length, bool writable);
void user_memory_put(struct user_memory *memory);
int user_memory_pin(struct user_memory *memory);
void user_memory_unpin(struct user_memory *memory);

#endif
