/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a range of a memory to a record of the page frames that it has, each
 * pinned, and back.
 *
 * pin     with a charge, for as long as anybody needs the pages in place
 * borrow  without one, for the time of a look at them
 */
#ifndef __IOMMUFD_USER_PAGES_H
#define __IOMMUFD_USER_PAGES_H

#include <linux/errno.h>
#include <linux/sched/signal.h>

#include "page_runs.h"

struct page;
struct page_range;
struct user_memory;

/*
 * Page pointers per call of a page walker, in which the process cannot change its
 * mappings: no more of them where a page is larger than 4 KiB.
 */
#define PIN_BATCH 512UL

/**
 * struct pinning - a range of a memory on its way into a record
 * @memory: the memory
 * @runs: the record, of what is pinned by now
 * @first: index of the first page in @memory
 * @nr_pages: how many are to be pinned
 * @charged: how many are charged by now
 * @charge_at: how many have to be pinned before more are; beyond @nr_pages if
 *             none is to be charged
 */
struct pinning {
	struct user_memory *memory;
	struct page_runs *runs;
	unsigned long first;
	unsigned long nr_pages;
	unsigned long charged;
	unsigned long charge_at;
};

/* How many pages the record has by now */
static inline unsigned long pinning_done(const struct pinning *pinning)
{
	return pinning->runs->nr_pages;
}

/* How many it lacks */
static inline unsigned long pinning_left(const struct pinning *pinning)
{
	return pinning->nr_pages - pinning->runs->nr_pages;
}

/* For the source of the memory, before each step: 0; -EINTR after a fatal signal */
static inline int pinning_pause(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

int pinning_add(struct pinning *pinning, struct page **pages,
		unsigned long nr_pages);
int pinning_add_run(struct pinning *pinning, struct page *first,
		    unsigned long nr_pages);

int user_pages_pin(struct user_memory *memory, struct page_runs *runs,
		   struct page_range range);
void user_pages_unpin(struct user_memory *memory, struct page_runs *runs,
		      unsigned long offset, unsigned long nr_pages);
int user_pages_borrow(struct user_memory *memory, struct page_runs *runs,
		      struct page_range range);
void user_pages_return(struct user_memory *memory, struct page_runs *runs,
		       unsigned long offset, unsigned long nr_pages);
/* For its test */
unsigned long user_pages_neighbours(struct page **pages,
				    unsigned long nr_pages);

#endif
