// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin pages of a file in memory for DMA, without mapping them anywhere.
 *
 * For shmem and hugetlbfs files, whose page cache is the memory itself. What
 * get_user_pages() does for a virtual address is done here for an offset: find
 * the page or make it, see that it may stay where it is for long, pin it. New
 * pages are made where they may stay.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/file_pin.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memfd.h>
#include <linux/memory_hotplug.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include "internal.h"

/* How often a page is moved out of memory that must stay movable. */
#define MOVE_TRIES 5
/* How many pages are looked at for those that can be moved with it. */
#define MOVE_BATCH 512UL

/* What the page cache has, with a reference; hugetlbfs counts in huge pages. */
static struct folio *file_folio_find(struct file *file, pgoff_t index)
{
	if (is_file_hugepages(file))
		index >>= huge_page_order(hstate_file(file));
	return filemap_get_folio(file->f_mapping, index);
}

/* With a reference, in memory and up to date; the page of @index. */
static struct page *shmem_page_get(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);
	unsigned int flags;
	struct page *page;

	if (folio) {
		if (folio_test_uptodate(folio) && !folio_test_hwpoison(folio))
			return folio_file_page(folio, index);
		folio_put(folio);
	}
	/* Absent, in swap, or allocated and never written. */
	flags = memalloc_pin_save();
	page = shmem_read_mapping_page_gfp(mapping, index,
					   mapping_gfp_mask(mapping));
	memalloc_pin_restore(flags);
	return page;
}

/*
 * Not vfs_fallocate(): nobody changes what the file reads as. The pool of huge
 * pages may have nothing left but pages in memory that must stay movable, which
 * serve as well: they are moved before they are pinned.
 */
static long hugetlb_page_make(struct file *file, loff_t offset, loff_t size)
{
	unsigned int flags = memalloc_pin_save();
	long ret = file->f_op->fallocate(file, FALLOC_FL_KEEP_SIZE, offset,
					 size);

	memalloc_pin_restore(flags);
	if (ret == -ENOSPC)
		ret = file->f_op->fallocate(file, FALLOC_FL_KEEP_SIZE, offset,
					    size);
	/* It gives up for any signal. Only those that kill are to end a pin. */
	if (ret == -EINTR && !fatal_signal_pending(current))
		ret = -ERESTARTNOINTR;
	return ret;
}

/* Return: as file_page_get(). */
static struct page *hugetlb_page_get(struct file *file, pgoff_t index)
{
	struct hstate *h = hstate_file(file);
	struct folio *folio = file_folio_find(file, index);

	if (!folio) {
		pgoff_t huge_index = index >> huge_page_order(h);
		loff_t offset = (loff_t)huge_index << huge_page_shift(h);

		return ERR_PTR(hugetlb_page_make(file, offset,
						 huge_page_size(h)));
	}
	if (folio_test_hwpoison(folio)) {
		folio_put(folio);
		return ERR_PTR(-EIO);
	}
	return folio_page(folio, index & (pages_per_huge_page(h) - 1));
}

#ifdef CONFIG_MIGRATION
static void isolate(struct folio *folio, struct list_head *list)
{
	if (folio_test_hugetlb(folio)) {
		folio_isolate_hugetlb(&folio->page, list);
		return;
	}
	if (folio_isolate_lru(folio))
		return;
	list_add_tail(&folio->lru, list);
	node_stat_mod_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio),
			    folio_nr_pages(folio));
}

/* What must stay movable of a batch of pages of the file, from @index on */
static void pages_isolate(struct file *file, pgoff_t index,
			  unsigned long nr_pages, struct list_head *list)
{
	pgoff_t end = index + min(nr_pages, MOVE_BATCH);

	while (index < end) {
		struct folio *folio = file_folio_find(file, index);

		cond_resched();
		if (!folio) {
			index++;
			continue;
		}
		/* One that is in use elsewhere is left to its own call. */
		if (!folio_is_longterm_pinnable(folio))
			isolate(folio, list);
		index = round_up(index + 1, folio_nr_pages(folio));
		folio_put(folio);
	}
}

/*
 * Move the page of @index to where it may be pinned for long, and with it those
 * after it that are going to be: emptying the lists of all processors and
 * migrating cost as much for one page as for many.
 */
static int pages_move(struct file *file, pgoff_t index, unsigned long nr_pages)
{
	struct migration_target_control target = {
		.nid = NUMA_NO_NODE,
		.gfp_mask = GFP_USER | __GFP_NOWARN,
	};
	unsigned int flags;
	LIST_HEAD(list);
	int ret;

	if (!is_file_hugepages(file))
		lru_add_drain_all();
	pages_isolate(file, index, nr_pages, &list);
	if (list_empty(&list))
		return -EBUSY;
	flags = memalloc_pin_save();
	ret = migrate_pages(&list, alloc_migration_target, NULL,
			    (unsigned long)&target, MIGRATE_SYNC,
			    MR_LONGTERM_PIN, NULL);
	memalloc_pin_restore(flags);
	if (ret) {
		putback_movable_pages(&list);
		return -EBUSY;
	}
	return 0;
}
#else
static int pages_move(struct file *file, pgoff_t index, unsigned long nr_pages)
{
	return -EBUSY;
}
#endif

/*
 * Return: the page, with a reference; NULL when it has been made, and has to be
 * looked up: somebody may have punched a hole there meanwhile.
 */
static struct page *file_page_get(struct file *file, pgoff_t index)
{
	struct page *page;

	if (is_file_hugepages(file))
		page = hugetlb_page_get(file, index);
	else
		page = shmem_page_get(file->f_mapping, index);
	/* No huge page left, or no room on a tmpfs: no memory, both. */
	return page == ERR_PTR(-ENOSPC) ? ERR_PTR(-ENOMEM) : page;
}

/* How many pages the file has from @index on */
static unsigned long file_pages_left(struct file *file, pgoff_t index)
{
	pgoff_t end = DIV_ROUND_UP_ULL(i_size_read(file_inode(file)),
				       PAGE_SIZE);

	return index < end ? end - index : 0;
}

/* Consumes a reference. Return: pages pinned; 0 when they must stay movable. */
static long page_pin(struct page *page, unsigned long nr_pages)
{
	struct folio *folio = page_folio(page);
	unsigned long rest = folio_nr_pages(folio) - folio_page_idx(folio, page);

	nr_pages = min(nr_pages, rest);
	if (!try_grab_folio(page, nr_pages, FOLL_PIN | FOLL_LONGTERM))
		nr_pages = 0;
	folio_put(folio);
	return nr_pages;
}

/**
 * file_can_pin() - Is a file memory?
 * @file: any file
 *
 * Return: whether file_pin_pages() works on it.
 */
bool file_can_pin(struct file *file)
{
	return shmem_file(file) || is_file_hugepages(file);
}
EXPORT_SYMBOL_GPL(file_can_pin);

/* Be counted among the shared mappings that may write to the file. */
static int file_map_writable(struct file *file)
{
	int ret;

	if (!(file->f_mode & FMODE_WRITE) || IS_APPEND(file_inode(file)))
		return -EACCES;
	/* Refused by F_SEAL_WRITE, which from now on is refused itself. */
	ret = mapping_map_writable(file->f_mapping);
	if (ret)
		return ret;
	if (memfd_file_seals(file) & F_SEAL_FUTURE_WRITE) {
		mapping_unmap_writable(file->f_mapping);
		return -EPERM;
	}
	return 0;
}

/**
 * file_pin_get() - Take a file whose pages are going to be pinned
 * @file: one that file_can_pin(); a reference is taken
 * @writable: its pages will be written to
 *
 * What mmap() refuses to map shared is refused. As there, F_SEAL_FUTURE_WRITE
 * does not end what is there already, and F_SEAL_WRITE is EBUSY until
 * file_pin_put(), also while no page is pinned.
 *
 * Return: 0; -EACCES when @file was not opened for reading or, if @writable,
 * not for writing, or may only be appended to; -EPERM when it is sealed against
 * writing.
 */
int file_pin_get(struct file *file, bool writable)
{
	int ret;

	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (writable) {
		ret = file_map_writable(file);
		if (ret)
			return ret;
	}
	get_file(file);
	return 0;
}
EXPORT_SYMBOL_GPL(file_pin_get);

/**
 * file_pin_put() - Undo file_pin_get()
 * @file: the file; no page of it is pinned any more
 * @writable: the same as then
 */
void file_pin_put(struct file *file, bool writable)
{
	if (writable)
		mapping_unmap_writable(file->f_mapping);
	fput(file);
}
EXPORT_SYMBOL_GPL(file_pin_put);

/**
 * file_pin_pages() - Pin neighbouring pages of a file for long
 * @file: taken with file_pin_get()
 * @index: of the first page in the file
 * @nr_pages: how many, at least 1; no more than that are pinned
 * @first: set to the first page
 *
 * Pages that the file does not have yet are made, also for who only reads.
 *
 * To be given back with unpin_user_page_range_dirty_lock().
 *
 * Context: may sleep.
 * Return: how many were pinned, from @first on, at least 1 and all of one
 * folio; -EINVAL when @index lies beyond the end of the file; -EBUSY when the
 * page is where long pins are not allowed, and cannot be moved; -ENOMEM, also
 * when the pool of huge pages or the file system is full; -EINTR for a fatal
 * signal; -ERESTARTNOINTR, which makes the system call begin anew, when another
 * signal came while a huge page was made; -EIO and others from reading a page.
 */
long file_pin_pages(struct file *file, pgoff_t index, unsigned long nr_pages,
		    struct page **first)
{
	unsigned int moves = 0;
	int error = -EBUSY;

	for (;;) {
		long pinned;

		/* A large page at the end of the file may go beyond it. */
		nr_pages = min(nr_pages, file_pages_left(file, index));
		if (!nr_pages)
			return -EINVAL;
		*first = file_page_get(file, index);
		if (IS_ERR(*first))
			return PTR_ERR(*first);
		if (!*first) {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			continue;
		}
		pinned = page_pin(*first, nr_pages);
		if (pinned)
			return pinned;
		if (moves++ == MOVE_TRIES)
			return error ?: -EBUSY;
		error = pages_move(file, index, nr_pages);
	}
}
EXPORT_SYMBOL_GPL(file_pin_pages);
