// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP: which pages devices
 * wrote to through a table.
 *
 * A table is read step by step. A step has tables_lock exclusively, so that nobody
 * frees a table that the driver is walking, and is so short that maps and unmaps do
 * not notice. From one step to the next mappings may come and go. What is not mapped
 * costs nothing: a step begins at the next mapping.
 *
 * Nothing is lost: a page becomes clean in the step in which it is seen to be dirty,
 * after all of its bits were set, in memory of the caller that is pinned, so that this
 * cannot fail. Whatever ends a call, an errno or a signal, comes between two steps.
 * What a device writes meanwhile is in the bitmap when the call ends:
 *
 *	device                      this call
 *	                            sees the page dirty, sets the bits
 *	writes: dirty already
 *	                            the page is clean
 *	writes, by an entry of
 *	the TLB that says dirty
 *	                            the TLB is flushed
 *	writes: dirty again         the next call reports that
 *
 * Two calls at the same time may both report a page, or one of them. The other one
 * saw it clean: then it is in the bitmap of the first, whose call has not ended
 * before the flush.
 */
#include <linux/err.h>
#include <linux/iommu-dirty.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "dirty_bitmap.h"
#include "dirty_tracking.h"
#include "ioas.h"
#include "mapped_space.h"
#include "mapping.h"
#include "paging_hwpt.h"

/* How much of a table is read in a step, in bytes and in mappings */
#define STEP_MAX ((u64)SZ_128M)
#define STEP_MAPPINGS 1024

/**
 * struct dirty_read - reading dirty pages of a table
 * @reader: what the driver knows of it
 * @bitmap: where they are reported; not used by who forgets them
 * @keep: they stay dirty
 */
struct dirty_read {
	struct iommu_dirty_reader reader;
	struct dirty_bitmap bitmap;
	bool keep;
};

static bool read_report(struct iommu_dirty_reader *reader, unsigned long iova,
			size_t size)
{
	struct dirty_read *read = container_of(reader, struct dirty_read,
					       reader);

	return dirty_bitmap_note(&read->bitmap, iova, iova + (size - 1)) &&
	       !read->keep;
}

static bool forget_report(struct iommu_dirty_reader *reader,
			  unsigned long iova, size_t size)
{
	return true;
}

/*
 * The mappings from @start to @last, or their parts, as many as a step takes. Return:
 * the last IOVA that was read.
 */
static u64 step_read(struct paging_hwpt *paging,
		     struct iommu_dirty_reader *reader, u64 start, u64 last)
{
	struct mapped_space *space = paging->hwpt.space;
	unsigned int nr;

	lockdep_assert_held_write(&space->tables_lock);
	for (nr = 0; nr != STEP_MAPPINGS; nr++) {
		u64 part_last = last;

		if (!mapping_find_filled(space, &start, &part_last))
			return last;
		iommu_dirty_read(paging->hwpt.domain, start,
				 part_last - start + 1, reader);
		if (part_last == last)
			return last;
		start = part_last + 1;
	}
	return start - 1;
}

static int step_lock(struct mapped_space *space)
{
	if (fatal_signal_pending(current) ||
	    down_write_killable(&space->tables_lock))
		return -EINTR;
	return 0;
}

/* Let the pages from @start on be reported, as far as a step goes: to *@last. */
static int read_step(struct paging_hwpt *paging, struct dirty_read *read,
		     u64 start, u64 *last)
{
	struct mapped_space *space = paging->hwpt.space;
	int ret;

	ret = dirty_bitmap_open(&read->bitmap, start);
	if (ret)
		return ret;
	*last = min(*last, read->bitmap.page_last);
	ret = step_lock(space);
	if (ret)
		return ret;
	if (paging->is_tracking)
		*last = step_read(paging, &read->reader, start, *last);
	up_write(&space->tables_lock);
	return 0;
}

/* Make them all clean. */
static int forget_step(struct paging_hwpt *paging, struct dirty_read *read,
		       u64 start, u64 *last)
{
	struct mapped_space *space = paging->hwpt.space;
	int ret = step_lock(space);

	if (ret)
		return ret;
	*last = step_read(paging, &read->reader, start, *last);
	up_write(&space->tables_lock);
	return 0;
}

typedef int (*dirty_step_t)(struct paging_hwpt *paging,
			    struct dirty_read *read, u64 start, u64 *last);

/* What is mapped of a range, in steps. Return: 0; an errno of @step. */
static int read_range(struct paging_hwpt *paging, struct dirty_read *read,
		      u64 start, u64 last, dirty_step_t step)
{
	struct mapped_space *space = paging->hwpt.space;
	u64 step_last = last;
	int ret;

	/* A guess, for who maps there now. The step looks itself. */
	while (mapping_find_filled(space, &start, &step_last)) {
		step_last = start + min(last - start, STEP_MAX - 1);
		ret = step(paging, read, start, &step_last);
		if (ret)
			return ret;
		if (step_last == last)
			break;
		start = step_last + 1;
		step_last = last;
		cond_resched();
	}
	return 0;
}

static int read_bitmap(struct paging_hwpt *paging, struct dirty_read *read,
		       const struct iommu_hwpt_get_dirty_bitmap *arg, u64 last)
{
	int ret;

	read->keep = arg->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
	ret = dirty_bitmap_init(&read->bitmap, arg->iova, last,
				ilog2(arg->page_size), arg->data);
	if (ret)
		return ret;
	ret = read_range(paging, read, arg->iova, last, read_step);
	dirty_bitmap_close(&read->bitmap);
	return ret;
}

/* The range, in the order of what the errnos are. */
static int check_range(const struct iommu_hwpt_get_dirty_bitmap *arg,
		       u32 alignment, u64 *last)
{
	if (!arg->length)
		return -EINVAL;
	if (check_add_overflow(arg->iova, arg->length - 1, last))
		return -EOVERFLOW;
	if ((arg->iova | arg->length) & (alignment - 1))
		return -EINVAL;
	if (!is_power_of_2(arg->page_size) ||
	    (arg->iova | arg->length) & (arg->page_size - 1))
		return -EINVAL;
	return 0;
}

static int get_bitmap(struct paging_hwpt *paging,
		      const struct iommu_hwpt_get_dirty_bitmap *arg)
{
	struct dirty_read read = { .reader.report = read_report };
	u64 last;
	int ret;

	ret = check_range(arg, READ_ONCE(paging->ioas->space.iova.alignment),
			  &last);
	if (ret)
		return ret;
	if (!paging->hwpt.domain->tracking_ops)
		return -EOPNOTSUPP;
	return read_bitmap(paging, &read, arg, last);
}

/* IOMMU_HWPT_GET_DIRTY_BITMAP */
int iommufd_dirty_get_bitmap(struct iommufd_command *command)
{
	const struct iommu_hwpt_get_dirty_bitmap *arg = command->argument;
	struct paging_hwpt *paging;
	int ret;

	paging = paging_hwpt_get(command->ictx, arg->hwpt_id);
	if (IS_ERR(paging))
		return PTR_ERR(paging);
	ret = get_bitmap(paging, arg);
	iommufd_object_put(&paging->hwpt.object);
	return ret;
}

static int set_tracking(struct paging_hwpt *paging, bool enable)
{
	struct mapped_space *space = paging->hwpt.space;
	int ret;

	if (down_write_killable(&space->tables_lock))
		return -EINTR;
	ret = iommu_dirty_set_tracking(paging->hwpt.domain, enable);
	if (!ret)
		paging->is_tracking = enable;
	up_write(&space->tables_lock);
	return ret;
}

/* What was dirty before is forgotten. */
static int start_tracking(struct paging_hwpt *paging)
{
	struct dirty_read read = { .reader.report = forget_report };
	int ret = read_range(paging, &read, 0, U64_MAX, forget_step);

	return ret ?: set_tracking(paging, true);
}

/* IOMMU_HWPT_SET_DIRTY_TRACKING */
int iommufd_dirty_set_tracking(struct iommufd_command *command)
{
	const struct iommu_hwpt_set_dirty_tracking *arg = command->argument;
	struct paging_hwpt *paging;
	int ret;

	paging = paging_hwpt_get(command->ictx, arg->hwpt_id);
	if (IS_ERR(paging))
		return PTR_ERR(paging);
	if (!paging->hwpt.domain->tracking_ops)
		ret = -EOPNOTSUPP;
	else if (arg->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
		ret = start_tracking(paging);
	else
		ret = set_tracking(paging, false);
	iommufd_object_put(&paging->hwpt.object);
	return ret;
}
