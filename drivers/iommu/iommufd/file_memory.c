// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning what is at an offset of a file. It needs no walker: pages are found by
 * their index, a folio at a time.
 */
#include <linux/err.h>
#include <linux/file_pin.h>
#include <linux/limits.h>
#include <linux/mm_types.h>

#include "file_memory.h"
#include "reason.h"
#include "user_memory.h"
#include "user_pages.h"

static int file_memory_pin(struct pinning *pinning)
{
	struct user_memory *memory = pinning->memory;
	u64 index = (memory->address >> PAGE_SHIFT) + pinning->first;

	/* No file is so long that its pages have no index. */
	if (index + pinning->nr_pages > ULONG_MAX)
		return -EINVAL;
	while (pinning_left(pinning)) {
		struct page *first;
		long pinned;
		int ret;

		ret = pinning_pause();
		if (ret)
			return ret;
		pinned = file_pin_pages(memory->file,
					index + pinning_done(pinning),
					pinning_left(pinning), &first);
		if (pinned == -EBUSY)
			reason_refuse(memory->charge.ledger->reason, -EBUSY,
				      "page %llu of the file is where pinned pages may not be, and others use it",
				      index + pinning_done(pinning));
		if (pinned == -EINVAL)
			reason_refuse(memory->charge.ledger->reason, -EINVAL,
				      "the file ends before page %llu, counted from 0",
				      index + pinning_done(pinning));
		if (pinned < 0)
			return pinned;
		ret = pinning_add_run(pinning, first, pinned);
		if (ret)
			return ret;
	}
	return 0;
}

static void file_memory_release(struct user_memory *memory)
{
	file_pin_put(memory->file, memory->writable);
}

static const struct memory_source file_memory = {
	.pin = file_memory_pin,
	.release = file_memory_release,
	.any_process_pays = true,
};

/* That it cannot be pinned shows when it is to be. */
static int unpinnable_pin(struct pinning *pinning)
{
	return reason_refuse(pinning->memory->charge.ledger->reason, -EINVAL,
			     "the file is not of a kind whose pages can be pinned, as those of memfd_create(), tmpfs and hugetlbfs are");
}

static const struct memory_source unpinnable_file = {
	.pin = unpinnable_pin,
	.any_process_pays = true,
};

/**
 * file_memory_create() - Name memory of a file
 * @file: a reference is taken if it can be pinned
 * @offset: of the first byte, any alignment
 * @writable: devices may write to it
 * @ledger: of the context, which outlives the memory
 *
 * Whether it is a file that can be pinned shows when it is; whether its opener
 * may have it used so, when it is mapped: user_memory_permits().
 *
 * Return: the memory, to be given back with user_memory_put(); -ENOMEM.
 */
struct user_memory *file_memory_create(struct file *file, u64 offset,
				       bool writable, struct ledger *ledger)
{
	struct user_memory *memory;

	memory = user_memory_create(&unpinnable_file, offset, writable, ledger);
	if (IS_ERR(memory))
		return memory;
	/*
	 * Others may themselves keep the memory: the file of the context, or of
	 * a device that is bound to it. Neither would ever be closed.
	 */
	if (!file_can_pin(file))
		return memory;
	memory->refused = file_pin_get(file, writable);
	if (!memory->refused) {
		memory->file = file;
		memory->source = &file_memory;
	}
	return memory;
}
