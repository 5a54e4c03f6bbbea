// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning what is at an address of a process.
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
#include <linux/err.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "process_memory.h"
#include "reason.h"
#include "user_memory.h"
#include "user_pages.h"

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

static int refuse_fault(struct user_memory *memory, unsigned long address)
{
	return reason_refuse(memory->charge.ledger->reason, -EFAULT,
			     "the memory at 0x%lx is not mapped, may not be %s, or is that of a device",
			     address, memory->writable ? "written" : "read");
}

static int pin_range(struct pinning *pinning, struct pin_batch *batch)
{
	struct user_memory *memory = pinning->memory;
	unsigned long address = memory->address + (pinning->first << PAGE_SHIFT);

	while (pinning_left(pinning)) {
		unsigned long next = address +
				     (pinning_done(pinning) << PAGE_SHIFT);
		long pinned;
		int ret;

		ret = pinning_pause();
		if (ret)
			return ret;
		pinned = pin_next(memory, batch, next, pinning_left(pinning));
		if (pinned == -EFAULT)
			refuse_fault(memory, next);
		if (pinned < 0)
			return pinned;
		ret = pinning_add(pinning, batch->pages, pinned);
		if (ret)
			return ret;
	}
	return 0;
}

/* The mm lives. */
static int pin_in_batches(struct pinning *pinning)
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

static int process_memory_pin(struct pinning *pinning)
{
	struct mm_struct *mm = pinning->memory->charge.mm;
	int ret;

	if (!mmget_not_zero(mm))
		return reason_refuse(pinning->memory->charge.ledger->reason,
				     -EFAULT,
				     "the process that mapped the memory at 0x%llx is gone",
				     pinning->memory->address);
	ret = pin_in_batches(pinning);
	mmput(mm);
	return ret;
}

static const struct memory_source process_memory = {
	.pin = process_memory_pin,
};

/**
 * process_memory_create() - Name memory of the current process
 * @address: user address, any alignment
 * @writable: devices may write to it
 * @ledger: of the context, which outlives the memory
 *
 * Nothing is looked at or pinned yet.
 *
 * Return: the memory, to be given back with user_memory_put(); -ENOMEM.
 */
struct user_memory *process_memory_create(unsigned long address, bool writable,
					  struct ledger *ledger)
{
	return user_memory_create(&process_memory, address, writable, ledger);
}
