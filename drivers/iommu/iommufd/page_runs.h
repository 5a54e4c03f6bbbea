/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A record of pages as physically contiguous runs, eight bytes each, in the
 * order in which they were appended. Whatever needs to know which pages are
 * pinned reads it here: filling an IOMMU page table, and letting the pages go.
 *
 * Knows no IOMMU and no user memory, takes no lock.
 *
 * run     neighbouring page frames: start and count
 * chunk   a block of the record, at most a page in size
 * index   position of a page in the record, counted from 0
 */
#ifndef __IOMMUFD_PAGE_RUNS_H
#define __IOMMUFD_PAGE_RUNS_H

#include <linux/types.h>

struct page_runs_chunk;

/* A run has less than 1 << PAGE_RUN_COUNT_BITS pages. */
#define PAGE_RUN_COUNT_BITS 20

/**
 * struct page_run - neighbouring page frames
 * @pfn: the first page frame
 * @nr_pages: how many
 */
struct page_run {
	unsigned long pfn;
	unsigned long nr_pages;
};

/**
 * struct page_runs - the record
 * @nr_pages: pages in all runs
 * @only: private: the packed run while there is just one; most mappings have
 *        no more when their memory is large pages or a single page
 * @nr_chunks: private: used entries of @chunks
 * @max_chunks: private: allocated entries of @chunks
 * @chunks: private: chunks in order of index
 */
struct page_runs {
	unsigned long nr_pages;
	u64 only;
	unsigned int nr_chunks;
	unsigned int max_chunks;
	struct page_runs_chunk **chunks;
};

/**
 * struct page_runs_iter - a position in the record
 * @run: the run at this position, cut to the range that was asked for
 * @runs: private: the record
 * @left: private: pages after @run
 * @chunk: private: index into the chunks
 * @slot: private: index into the runs of that chunk
 */
struct page_runs_iter {
	struct page_run run;
	const struct page_runs *runs;
	unsigned long left;
	unsigned int chunk;
	unsigned int slot;
};

void page_runs_init(struct page_runs *runs);
void page_runs_destroy(struct page_runs *runs);
int page_runs_append(struct page_runs *runs, unsigned long pfn,
		     unsigned long nr_pages);
bool page_runs_first(struct page_runs_iter *iter, const struct page_runs *runs,
		     unsigned long index, unsigned long nr_pages);
bool page_runs_next(struct page_runs_iter *iter);

/* @more is a bool that the caller supplies. */
#define for_each_page_run(iter, runs, index, nr_pages, more) \
	for (more = page_runs_first(iter, runs, index, nr_pages); more; \
	     more = page_runs_next(iter))

#endif
