// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning pages: what the source of a memory finds goes into a record of page
 * frames, and is charged.
 */
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>

#include "user_memory.h"
#include "user_pages.h"

/* Pages that are charged together, at least: one operation for as many. */
#define CHARGE_BATCH PIN_BATCH

/* A negative @nr_pages for those that were let go. */
static void count_pinned(struct user_memory *memory, long nr_pages)
{
	ledger_add(memory->charge.ledger, LEDGER_PAGES_PINNED, nr_pages);
}

static void pinning_charge_later(struct pinning *pinning)
{
	pinning->charge_at = min(pinning->charged + CHARGE_BATCH,
				 pinning->nr_pages);
}

static int charge_add(struct pinning *pinning, unsigned long nr_pages)
{
	struct memory_charge *charge = &pinning->memory->charge;
	int ret = memory_charge_add(charge, nr_pages);

	if (ret == -ENOMEM)
		memory_charge_exceeded(charge, pinning->charged,
				       pinning->nr_pages);
	return ret;
}

/* The same when the account may change: it has what is counted, always. */
static int charge_add_locked(struct pinning *pinning, unsigned long nr_pages)
{
	struct user_memory *memory = pinning->memory;
	int ret;

	mutex_lock(&memory->lock);
	ret = charge_add(pinning, nr_pages);
	if (!ret)
		memory->nr_charged += nr_pages;
	mutex_unlock(&memory->lock);
	return ret;
}

static void charge_sub(struct user_memory *memory, unsigned long nr_pages)
{
	lockdep_assert_held(&memory->lock);
	memory_charge_sub(&memory->charge, nr_pages);
	if (memory->source->any_process_pays)
		memory->nr_charged -= nr_pages;
}

/*
 * Charge what is pinned and not charged yet, in batches and in the end. What
 * cannot be pinned is thus never charged, and who asks for more than the limit
 * gets hardly more pinned than that.
 */
static int pinning_charge(struct pinning *pinning)
{
	unsigned long pinned = pinning_done(pinning);
	unsigned long more = pinned - pinning->charged;
	int ret;

	if (pinned < pinning->charge_at)
		return 0;
	if (pinning->memory->source->any_process_pays)
		ret = charge_add_locked(pinning, more);
	else
		ret = charge_add(pinning, more);
	if (ret)
		return ret;
	pinning->charged = pinned;
	pinning_charge_later(pinning);
	return 0;
}

/**
 * user_pages_neighbours() - How many pages are neighbours of the first
 * @pages: as the walker returned them, one by one also those of a large one
 * @nr_pages: how many, at least 1
 *
 * Every page is looked at. That the first is a part of a large one says nothing
 * about the next: a folio may be mapped in any order, and one that is mapped by
 * several entries, as hugetlbfs does on arm64, may have been exchanged between
 * the walk of one entry and that of another.
 *
 * Return: how many, the first included; at least 1.
 */
unsigned long user_pages_neighbours(struct page **pages, unsigned long nr_pages)
{
	struct page *next = pages[0];
	unsigned long nr = 0;

	do {
		next = nth_page(next, 1);
		nr++;
	} while (nr != nr_pages && pages[nr] == next);
	return nr;
}

/* Put @pages into the record, and let go of what does not get there. */
static int record_pages(struct pinning *pinning, struct page **pages,
			unsigned long nr_pages)
{
	struct page_runs *runs = pinning->runs;
	unsigned long first = 0;

	while (first != nr_pages) {
		unsigned long nr = user_pages_neighbours(pages + first,
							 nr_pages - first);
		unsigned long before = runs->nr_pages;
		int ret;

		ret = page_runs_append(runs, page_to_pfn(pages[first]), nr);
		first += runs->nr_pages - before;
		if (ret) {
			unpin_user_pages(pages + first, nr_pages - first);
			count_pinned(pinning->memory, first - nr_pages);
			return ret;
		}
	}
	return 0;
}

/**
 * pinning_add() - Take pages over from a source
 * @pinning: what is under way
 * @pages: the next ones, each pinned
 * @nr_pages: how many, no more than are left
 *
 * Context: may charge, so takes mmap_lock of the mapper.
 * Return: 0; an errno, when the pages are let go, now or with those before.
 */
int pinning_add(struct pinning *pinning, struct page **pages,
		unsigned long nr_pages)
{
	int ret;

	count_pinned(pinning->memory, nr_pages);
	ret = record_pages(pinning, pages, nr_pages);
	return ret ?: pinning_charge(pinning);
}

/* Put a run into the record, and let go of what does not get there. */
static int record_run(struct pinning *pinning, struct page *first,
		      unsigned long nr_pages)
{
	struct page_runs *runs = pinning->runs;
	unsigned long done = runs->nr_pages;
	int ret = page_runs_append(runs, page_to_pfn(first), nr_pages);

	if (ret) {
		done = runs->nr_pages - done;
		unpin_user_page_range_dirty_lock(nth_page(first, done),
						 nr_pages - done, false);
		count_pinned(pinning->memory, done - nr_pages);
	}
	return ret;
}

/**
 * pinning_add_run() - The same for pages that are neighbours
 * @pinning: what is under way
 * @first: the first of them
 * @nr_pages: how many, no more than are left
 *
 * Context: as pinning_add().
 * Return: as pinning_add().
 */
int pinning_add_run(struct pinning *pinning, struct page *first,
		    unsigned long nr_pages)
{
	int ret;

	count_pinned(pinning->memory, nr_pages);
	ret = record_run(pinning, first, nr_pages);
	return ret ?: pinning_charge(pinning);
}

/**
 * user_pages_return() - Let go of a part of what was borrowed
 * @memory: the memory
 * @runs: a record of its pages
 * @offset: of the first page in @runs
 * @nr_pages: how many
 */
void user_pages_return(struct user_memory *memory, struct page_runs *runs,
		       unsigned long offset, unsigned long nr_pages)
{
	struct page_runs_iter iter;
	bool more;

	for_each_page_run(&iter, runs, offset, nr_pages, more) {
		unpin_user_page_range_dirty_lock(pfn_to_page(iter.run.pfn),
						 iter.run.nr_pages,
						 memory->writable);
		cond_resched();
	}
	count_pinned(memory, -nr_pages);
}

/* All, or none. */
static int pin_source(struct pinning *pinning)
{
	int ret = pinning->memory->source->pin(pinning);

	if (ret)
		user_pages_return(pinning->memory, pinning->runs, 0,
				  pinning_done(pinning));
	return ret;
}

/* To be charged nothing, unless the caller says when. */
static struct pinning pinning_of(struct user_memory *memory,
				 struct page_runs *runs,
				 struct page_range range)
{
	return (struct pinning) {
		.memory = memory,
		.runs = runs,
		.first = range.first,
		.nr_pages = range.last - range.first + 1,
		.charge_at = ULONG_MAX,
	};
}

/**
 * user_pages_borrow() - Pin pages for as long as they are looked at
 * @memory: the memory
 * @runs: an empty record; all pages of @range, or none
 * @range: which pages
 *
 * Nothing is charged.
 *
 * Context: may sleep, takes mmap_lock of the mapper.
 * Return: 0; -ENOMEM, -EINTR, and what else the source returns.
 */
int user_pages_borrow(struct user_memory *memory, struct page_runs *runs,
		      struct page_range range)
{
	struct pinning pinning = pinning_of(memory, runs, range);

	return pin_source(&pinning);
}

/**
 * user_pages_unpin() - Undo user_pages_pin(), or a part of it
 * @memory: the memory
 * @runs: a record of its pages
 * @offset: of the first page in @runs
 * @nr_pages: how many
 *
 * Context: the memory is locked. May take mmap_lock of the mapper.
 */
void user_pages_unpin(struct user_memory *memory, struct page_runs *runs,
		      unsigned long offset, unsigned long nr_pages)
{
	user_pages_return(memory, runs, offset, nr_pages);
	charge_sub(memory, nr_pages);
}

/**
 * user_pages_pin() - Pin pages, and charge them
 * @memory: the memory
 * @runs: an empty record; all pages of @range, or none
 * @range: which pages
 *
 * Context: may sleep, takes mmap_lock of the mapper, and locks the memory where
 * the account may change.
 * Return: as user_pages_borrow(); -ENOMEM also when over the limit.
 */
int user_pages_pin(struct user_memory *memory, struct page_runs *runs,
		   struct page_range range)
{
	struct pinning pinning = pinning_of(memory, runs, range);
	int ret;

	pinning_charge_later(&pinning);
	ret = pin_source(&pinning);
	if (ret && pinning.charged) {
		mutex_lock(&memory->lock);
		charge_sub(memory, pinning.charged);
		mutex_unlock(&memory->lock);
	}
	return ret;
}
