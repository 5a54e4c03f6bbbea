// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning pages: from a range of a memory to a record of page frames.
 *
 * The mapper pins its own memory most of the time, and then the lockless walk
 * of pin_user_pages_fast() does it; anyone else, say the process that attaches
 * a device later, has to go the slow way through the mapper's mm.
 *
 * A device that only reads must still see what the process sees. In this
 * kernel a long-term pin for reading does not break copy-on-write, so the
 * process would write to another page than the one the device reads. A write
 * pin of private memory breaks it, forced where the process may only read. A
 * shared mapping has no copy, and a plain pin is right. hugetlbfs refuses the
 * force: of a private mapping that was never writable it gives the file's page.
 */
#include <linux/file_pin.h>
#include <linux/hugetlb_inline.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "user_memory.h"
#include "user_pages.h"

/* Page pointers per call of the page walker: one page of them. */
#define PIN_BATCH (PAGE_SIZE / sizeof(struct page *))
/* Small memory does without allocating the batch. */
#define PIN_BATCH_SMALL 16

/* Pages that are charged together, at least: one operation for as many. */
#define CHARGE_BATCH PIN_BATCH

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

/**
 * struct pin_batch - the pages that one call of the page walker returned
 * @pages: the array
 * @max_pages: its size
 * @remote: not the memory of the current task
 * @small: the array of small memory
 */
struct pin_batch {
	struct page **pages;
	unsigned int max_pages;
	bool remote;
	struct page *small[PIN_BATCH_SMALL];
};

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

/*
 * Charge what is pinned and not charged yet, in batches and in the end. What
 * cannot be pinned is thus never charged, and who asks for more than the limit
 * gets hardly more pinned than that.
 */
static int pinning_charge(struct pinning *pinning)
{
	struct memory_charge *charge = &pinning->memory->charge;
	unsigned long pinned = pinning->runs->nr_pages;
	int ret;

	if (pinned < pinning->charge_at)
		return 0;
	ret = memory_charge_add(charge, pinned - pinning->charged);
	if (ret == -ENOMEM)
		memory_charge_exceeded(charge, pinning->nr_pages);
	if (ret)
		return ret;
	pinning->charged = pinned;
	pinning_charge_later(pinning);
	return 0;
}

static long pin_pages(struct user_memory *memory, struct pin_batch *batch,
		      unsigned long address, unsigned long nr_pages,
		      unsigned int flags)
{
	struct mm_struct *mm = memory->charge.mm;
	long ret;

	if (!batch->remote)
		return pin_user_pages_fast(address, nr_pages, flags,
					   batch->pages);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = pin_user_pages_remote(mm, address, nr_pages, flags, batch->pages,
				    NULL, NULL);
	mmap_read_unlock(mm);
	return ret;
}

/*
 * How to pin memory that devices only read, see the top of this file. It
 * depends on the VMA, so @nr_pages is cut to its end.
 */
static int read_pin_flags(struct mm_struct *mm, unsigned long address,
			  unsigned long *nr_pages, unsigned int *flags)
{
	struct vm_area_struct *vma;
	int ret = -EFAULT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, address);
	/* A forced pin would ignore that reading is not permitted. */
	if (vma && vma->vm_flags & VM_READ) {
		*nr_pages = min(*nr_pages,
				(vma->vm_end - address) >> PAGE_SHIFT);
		if (is_cow_mapping(vma->vm_flags)) {
			if (vma->vm_flags & VM_WRITE)
				*flags |= FOLL_WRITE;
			else if (!is_vm_hugetlb_page(vma))
				*flags |= FOLL_WRITE | FOLL_FORCE;
		}
		ret = 0;
	}
	mmap_read_unlock(mm);
	return ret;
}

/* Pin from @address on. Return: pages pinned, at least 1, or an errno. */
static long pin_next(struct user_memory *memory, struct pin_batch *batch,
		     unsigned long address, unsigned long nr_pages)
{
	unsigned int flags = FOLL_LONGTERM;
	long ret;

	nr_pages = min_t(unsigned long, nr_pages, batch->max_pages);
	if (memory->writable) {
		flags |= FOLL_WRITE;
	} else {
		ret = read_pin_flags(memory->charge.mm, address, &nr_pages,
				     &flags);
		if (ret)
			return ret;
	}
	ret = pin_pages(memory, batch, address, nr_pages, flags);
	return ret ?: -EFAULT;
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

/* Put the pages of @batch into @runs, and let go of what does not get there. */
static int record_pages(struct user_memory *memory, struct page_runs *runs,
			struct pin_batch *batch, unsigned long nr_pages)
{
	struct page **pages = batch->pages;
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
			count_pinned(memory, first - nr_pages);
			return ret;
		}
	}
	return 0;
}

static int pin_range(struct pinning *pinning, struct pin_batch *batch)
{
	struct user_memory *memory = pinning->memory;
	unsigned long address = memory->address + (pinning->first << PAGE_SHIFT);
	struct page_runs *runs = pinning->runs;

	while (runs->nr_pages != pinning->nr_pages) {
		long pinned;
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		pinned = pin_next(memory, batch,
				  address + (runs->nr_pages << PAGE_SHIFT),
				  pinning->nr_pages - runs->nr_pages);
		if (pinned < 0)
			return pinned;
		count_pinned(memory, pinned);
		ret = record_pages(memory, runs, batch, pinned);
		if (!ret)
			ret = pinning_charge(pinning);
		if (ret)
			return ret;
	}
	return 0;
}

/* Pin from page @index of the file on, at least one, and at most one folio. */
static int pin_file_next(struct pinning *pinning, pgoff_t index)
{
	struct user_memory *memory = pinning->memory;
	struct page_runs *runs = pinning->runs;
	unsigned long done = runs->nr_pages;
	struct page *first;
	long pinned;
	int ret;

	pinned = file_pin_pages(memory->file, index, pinning->nr_pages - done,
				&first);
	if (pinned < 0)
		return pinned;
	count_pinned(memory, pinned);
	ret = page_runs_append(runs, page_to_pfn(first), pinned);
	if (ret) {
		done = runs->nr_pages - done;
		unpin_user_page_range_dirty_lock(nth_page(first, done),
						 pinned - done, false);
		count_pinned(memory, done - pinned);
	}
	return ret;
}

/* A file needs no walker: its pages are found by their offset, by the folio. */
static int pin_file_range(struct pinning *pinning)
{
	struct user_memory *memory = pinning->memory;
	u64 index = (memory->address >> PAGE_SHIFT) + pinning->first;

	/* No file is so long that its pages have no index. */
	if (!memory->file || index + pinning->nr_pages > ULONG_MAX)
		return -EINVAL;
	while (pinning->runs->nr_pages != pinning->nr_pages) {
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = pin_file_next(pinning, index + pinning->runs->nr_pages);
		if (!ret)
			ret = pinning_charge(pinning);
		if (ret)
			return ret;
	}
	return 0;
}

/* The mm lives. */
static int pin_mm_range(struct pinning *pinning)
{
	struct pin_batch batch;
	int ret;

	/* The array of small memory needs no initialization. */
	batch.remote = pinning->memory->charge.mm != current->mm;
	batch.pages = batch.small;
	batch.max_pages = ARRAY_SIZE(batch.small);
	if (pinning->nr_pages > ARRAY_SIZE(batch.small)) {
		batch.pages = kmalloc_array(PIN_BATCH, sizeof(*batch.pages),
					    GFP_KERNEL);
		if (!batch.pages)
			return -ENOMEM;
		batch.max_pages = PIN_BATCH;
	}
	ret = pin_range(pinning, &batch);
	if (batch.pages != batch.small)
		kfree(batch.pages);
	return ret;
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
	struct mm_struct *mm = pinning->memory->charge.mm;
	int ret = -EFAULT;

	if (pinning->memory->of_file) {
		ret = pin_file_range(pinning);
	} else if (mmget_not_zero(mm)) {
		ret = pin_mm_range(pinning);
		mmput(mm);
	}
	if (ret)
		user_pages_return(pinning->memory, pinning->runs, 0,
				  pinning->runs->nr_pages);
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
 * Return: 0; -EFAULT, -EINVAL, -ENOMEM, -EINTR and others of file_pin_pages().
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
 * Context: may take mmap_lock of the mapper.
 */
void user_pages_unpin(struct user_memory *memory, struct page_runs *runs,
		      unsigned long offset, unsigned long nr_pages)
{
	user_pages_return(memory, runs, offset, nr_pages);
	memory_charge_sub(&memory->charge, nr_pages);
}

/**
 * user_pages_pin() - Pin pages, and charge them
 * @memory: the memory
 * @runs: an empty record; all pages of @range, or none
 * @range: which pages
 *
 * Context: may sleep, takes mmap_lock of the mapper.
 * Return: as user_pages_borrow(); -ENOMEM also when over the limit.
 */
int user_pages_pin(struct user_memory *memory, struct page_runs *runs,
		   struct page_range range)
{
	struct pinning pinning = pinning_of(memory, runs, range);
	int ret;

	pinning_charge_later(&pinning);
	ret = pin_source(&pinning);
	if (ret && pinning.charged)
		memory_charge_sub(&memory->charge, pinning.charged);
	return ret;
}
