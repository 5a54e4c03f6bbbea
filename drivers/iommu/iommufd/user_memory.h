/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that can be pinned for DMA. Its source, be that a process or a file,
 * finds the pages.
 *
 * Whoever needs pages in place pins a range of them: a mapping while an IOMMU
 * page table translates it, others for as long as they like. Ranges overlap
 * freely; a page is pinned and charged once, by the first who needs it, and let
 * go by the last. What is pinned is in records of runs, which are the only
 * place that knows the pages. The page tables are never read back.
 *
 * index   of a page, counted from the first page of the memory
 * span    pages that were pinned together and have the same holders
 */
#ifndef __IOMMUFD_USER_MEMORY_H
#define __IOMMUFD_USER_MEMORY_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rbtree_types.h>
#include <linux/types.h>

#include "memory_charge.h"
#include "page_runs.h"

struct file;
struct pinning;
struct user_memory;

/**
 * struct memory_source - where the pages of a memory come from
 * @pin: pin all pages that @pinning lacks, in order, and hand them over by
 *       pinning_add() or pinning_add_run(); 0, or an errno
 * @release: the memory ends; NULL for nothing to do
 * @any_process_pays: the pages are no part of the process that mapped them, so
 *                    another one can take over the charge
 */
struct memory_source {
	int (*pin)(struct pinning *pinning);
	void (*release)(struct user_memory *memory);
	bool any_process_pays;
};

/**
 * struct user_memory - pages of one source
 * @refs: mappings of this memory
 * @refused: an errno if the mapper may not have devices use the file so, which is
 *           for mappings to say; 0 otherwise; immutable
 * @lock: protects @spans; outside of the locks of the IOMMU, and of mmap_lock
 *        to account. Nobody awaits a page with it
 * @charge: whose memory, and who pays; immutable, but for memory for which any
 *          process can pay under @lock
 * @nr_charged: pages that are charged, those of pins under way included, if any
 *              process can pay; under @lock
 * @source: immutable
 * @file: that of the source, if it has one, by file_pin_get(); immutable
 * @address: user address, or offset in the file, of the first page; immutable
 * @writable: devices may write, so the pages must be writable and become
 *            dirty; immutable
 * @nr_ended: records that are made or failed, and that somebody waited for;
 *            changes under @lock
 * @spans: struct pinned_span, disjoint, in order of index; under @lock
 */
struct user_memory {
	struct kref refs;
	int refused;
	struct mutex lock;
	struct memory_charge charge;
	unsigned long nr_charged;
	const struct memory_source *source;
	struct file *file;
	u64 address;
	bool writable;
	unsigned int nr_ended;
	struct rb_root spans;
};

/**
 * struct page_range - some pages of a memory
 * @first: index of the first
 * @last: index of the last
 */
struct page_range {
	unsigned long first;
	unsigned long last;
};

/* May a mapping be made of it? 0, or an errno. */
static inline int user_memory_permits(const struct user_memory *memory,
				      bool write)
{
	if (memory->refused)
		return memory->refused;
	/* A later device must not write through what was mapped for reading. */
	return write && !memory->writable ? -EPERM : 0;
}

/* For the source */
struct user_memory *user_memory_create(const struct memory_source *source,
				       u64 address, bool writable,
				       struct ledger *ledger);
void user_memory_get(struct user_memory *memory);
void user_memory_put(struct user_memory *memory);
int user_memory_pin(struct user_memory *memory, struct page_range range);
void user_memory_unpin(struct user_memory *memory, struct page_range range);
int user_memory_split_pin(struct user_memory *memory, unsigned long index);
int user_memory_swap_charge(struct user_memory *memory,
			    struct memory_charge *charge, bool force);
bool user_memory_survey(struct user_memory *memory, struct page_range range,
			int (*visit)(const struct page_run *run, void *data),
			void *data, struct memory_payer *payer);
int user_memory_walk(struct user_memory *memory, struct page_range range,
		     int (*visit)(const struct page_run *run, void *data),
		     void *data);
int user_memory_look(struct user_memory *memory, struct page_range range,
		     int (*visit)(const struct page_run *run, void *data),
		     void *data);

#endif
