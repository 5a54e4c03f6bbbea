// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning user memory.
 *
 * The mapper pins its own memory most of the time, and then the lockless walk
 * of pin_user_pages_fast() does it; anyone else, say the process that attaches
 * a device later, has to go the slow way through the mapper's mm.
 *
 * A device that only reads must still see what the process sees. In this
 * kernel a long-term pin for reading does not break copy-on-write, so the
 * process would write to another page than the one the device reads. Asking
 * for a forced write pin breaks it. Memory that cannot be written even by
 * force is a shared mapping; there is no copy then and a plain pin is right.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "user_memory.h"

/* Page pointers per call of the page walker: one page of them. */
#define PIN_BATCH (PAGE_SIZE / sizeof(struct page *))
/* Small memory does without allocating the batch. */
#define PIN_BATCH_SMALL 16

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

/**
 * user_memory_create() - Name memory of the current process
 * @address: user address, any alignment
 * @length: bytes, at least 1; @address + @length does not wrap
 * @writable: devices may write to it
 *
 * Nothing is looked at or pinned yet.
 *
 * Return: the memory, to be given back with user_memory_put(); -ENOMEM.
 */
struct user_memory *user_memory_create(unsigned long address,
				       unsigned long length, bool writable)
{
	struct user_memory *memory;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return ERR_PTR(-ENOMEM);
	kref_init(&memory->refs);
	mutex_init(&memory->lock);
	memory_charge_init(&memory->charge);
	memory->address = address & PAGE_MASK;
	memory->nr_pages = ((address + length - 1) >> PAGE_SHIFT) -
			   (address >> PAGE_SHIFT) + 1;
	memory->writable = writable;
	page_runs_init(&memory->runs);
	return memory;
}

static void memory_release(struct kref *refs)
{
	struct user_memory *memory = container_of(refs, struct user_memory,
						  refs);

	WARN_ON(memory->nr_pins);
	memory_charge_destroy(&memory->charge);
	mutex_destroy(&memory->lock);
	kfree(memory);
}

void user_memory_put(struct user_memory *memory)
{
	kref_put(&memory->refs, memory_release);
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
	mmap_read_lock(mm);
	ret = pin_user_pages_remote(mm, address, nr_pages, flags, batch->pages,
				    NULL, NULL);
	mmap_read_unlock(mm);
	return ret;
}

/* Pages from @address to the end of its VMA, at most @nr_pages. */
static unsigned long pages_in_vma(struct mm_struct *mm, unsigned long address,
				  unsigned long nr_pages)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, address);
	if (vma)
		nr_pages = min(nr_pages,
			       (vma->vm_end - address) >> PAGE_SHIFT);
	mmap_read_unlock(mm);
	return nr_pages;
}

/* Pin from @address on. Return: pages pinned, at least 1, or an errno. */
static long pin_next(struct user_memory *memory, struct pin_batch *batch,
		     unsigned long address, unsigned long nr_pages)
{
	long ret;

	nr_pages = min_t(unsigned long, nr_pages, batch->max_pages);
	ret = pin_pages(memory, batch, address, nr_pages,
			FOLL_LONGTERM | FOLL_WRITE |
			(memory->writable ? 0 : FOLL_FORCE));
	if (ret == -EFAULT && !memory->writable) {
		/* Only this VMA: the next one may be private again. */
		nr_pages = pages_in_vma(memory->charge.mm, address, nr_pages);
		ret = pin_pages(memory, batch, address, nr_pages,
				FOLL_LONGTERM);
	}
	return ret ?: -EFAULT;
}

/*
 * Put the pages of @batch into the record. The walker returns the pages of a
 * large folio one by one; and one folio may be mapped in any order, so each
 * page is compared with the one before.
 */
static int record_pages(struct user_memory *memory, struct pin_batch *batch,
			unsigned long nr_pages)
{
	struct page **pages = batch->pages;
	unsigned long done = memory->runs.nr_pages;
	unsigned long first = 0;

	while (first != nr_pages) {
		unsigned long pfn = page_to_pfn(pages[first]);
		unsigned long next = first + 1;
		int ret;

		while (next != nr_pages &&
		       page_to_pfn(pages[next]) == pfn + (next - first))
			next++;
		ret = page_runs_append(&memory->runs, pfn, next - first);
		if (ret) {
			done = memory->runs.nr_pages - done;
			unpin_user_pages(pages + done, nr_pages - done);
			return ret;
		}
		first = next;
	}
	return 0;
}

static int pin_all(struct user_memory *memory, struct pin_batch *batch)
{
	struct page_runs *runs = &memory->runs;

	while (runs->nr_pages != memory->nr_pages) {
		long nr_pages;
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		nr_pages = pin_next(memory, batch, memory->address +
				    (runs->nr_pages << PAGE_SHIFT),
				    memory->nr_pages - runs->nr_pages);
		if (nr_pages < 0)
			return nr_pages;
		ret = record_pages(memory, batch, nr_pages);
		if (ret)
			return ret;
	}
	return 0;
}

/* Let go of every page in the record. */
static void unpin_all(struct user_memory *memory)
{
	struct page_runs_iter iter;
	bool more;

	for_each_page_run(&iter, &memory->runs, 0, memory->runs.nr_pages, more) {
		unpin_user_page_range_dirty_lock(pfn_to_page(iter.run.pfn),
						 iter.run.nr_pages,
						 memory->writable);
		cond_resched();
	}
	page_runs_destroy(&memory->runs);
}

static int pin_first(struct user_memory *memory)
{
	struct mm_struct *mm = memory->charge.mm;
	struct pin_batch batch = {
		.pages = batch.small,
		.max_pages = ARRAY_SIZE(batch.small),
		.remote = mm != current->mm,
	};
	int ret;

	if (batch.remote && !mmget_not_zero(mm))
		return -EFAULT;
	ret = memory_charge_add(&memory->charge, memory->nr_pages);
	if (ret)
		goto out_mmput;
	if (memory->nr_pages > ARRAY_SIZE(batch.small)) {
		batch.pages = kmalloc_array(PIN_BATCH, sizeof(*batch.pages),
					    GFP_KERNEL);
		batch.max_pages = PIN_BATCH;
		ret = batch.pages ? 0 : -ENOMEM;
		if (ret)
			goto out_uncharge;
	}

	ret = pin_all(memory, &batch);
	if (ret)
		unpin_all(memory);
	if (batch.pages != batch.small)
		kfree(batch.pages);
out_uncharge:
	if (ret)
		memory_charge_sub(&memory->charge, memory->nr_pages);
out_mmput:
	if (batch.remote)
		mmput(mm);
	return ret;
}

/**
 * user_memory_pin() - Hold the pages in place for DMA
 * @memory: the memory
 *
 * Context: may sleep, takes mmap_lock of the mapper. A fatal signal ends it.
 * Return: 0; -EFAULT when a page is not mapped, not writable as asked, device
 * memory, or the process is gone; -ENOMEM, also when over the limit; -EINTR.
 */
int user_memory_pin(struct user_memory *memory)
{
	int ret = 0;

	mutex_lock(&memory->lock);
	if (!memory->nr_pins)
		ret = pin_first(memory);
	if (!ret)
		memory->nr_pins++;
	mutex_unlock(&memory->lock);
	return ret;
}

/**
 * user_memory_unpin() - Undo one user_memory_pin()
 * @memory: the memory
 *
 * No device can reach the pages any more: their translations are gone and
 * flushed.
 */
void user_memory_unpin(struct user_memory *memory)
{
	mutex_lock(&memory->lock);
	if (!--memory->nr_pins) {
		unpin_all(memory);
		memory_charge_sub(&memory->charge, memory->nr_pages);
	}
	mutex_unlock(&memory->lock);
}
