// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of pinned pages.
 *
 * A run is one 64-bit word: the page frame number in the upper 44 bits, the
 * count in the lower 20. Memory in 2 MiB pages costs 8 bytes per 2 MiB, memory
 * with no two pages adjacent 8 bytes per page, as much as the IOMMU page table
 * that it fills. A run is thus shorter than 4 GiB, which a scatterlist
 * entry can carry.
 *
 * Runs are only appended, never changed, except that the newest one grows
 * while the pages that follow it are its neighbours. Each chunk knows the
 * index of its first page, so that any index is found by bisection of the
 * chunks and a walk through one.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "page_runs.h"

#define RUN_COUNT_BITS PAGE_RUN_COUNT_BITS
#define RUN_COUNT_MAX (BIT(RUN_COUNT_BITS) - 1)

struct page_runs_chunk {
	unsigned long first;
	u32 nr_runs;
	u32 max_runs;
	u64 run[];
};

/* The first chunk starts small: many records have only a few runs. */
#define CHUNK_MIN_RUNS 6
#define CHUNK_MAX_RUNS \
	((PAGE_SIZE - sizeof(struct page_runs_chunk)) / sizeof(u64))

static u64 run_pack(unsigned long pfn, unsigned long nr_pages)
{
	return (u64)pfn << RUN_COUNT_BITS | nr_pages;
}

static struct page_run run_unpack(u64 word)
{
	return (struct page_run){
		.pfn = word >> RUN_COUNT_BITS,
		.nr_pages = word & RUN_COUNT_MAX,
	};
}

void page_runs_init(struct page_runs *runs)
{
	*runs = (struct page_runs){};
}

/* Leaves an empty record behind. */
void page_runs_destroy(struct page_runs *runs)
{
	unsigned int i;

	for (i = 0; i != runs->nr_chunks; i++)
		kfree(runs->chunks[i]);
	kvfree(runs->chunks);
	page_runs_init(runs);
}

static struct page_runs_chunk *chunk_alloc(unsigned long first, u32 max_runs)
{
	struct page_runs_chunk *chunk;

	chunk = kmalloc(struct_size(chunk, run, max_runs), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;
	chunk->first = first;
	chunk->nr_runs = 0;
	chunk->max_runs = max_runs;
	return chunk;
}

static int runs_add_chunk(struct page_runs *runs, u32 max_runs)
{
	struct page_runs_chunk *chunk;

	if (runs->nr_chunks == runs->max_chunks) {
		unsigned int max_chunks = max(1U, 2 * runs->max_chunks);
		struct page_runs_chunk **chunks;

		chunks = kvmalloc_array(max_chunks, sizeof(*chunks),
					GFP_KERNEL_ACCOUNT);
		if (!chunks)
			return -ENOMEM;
		if (runs->nr_chunks)
			memcpy(chunks, runs->chunks,
			       array_size(runs->nr_chunks, sizeof(*chunks)));
		kvfree(runs->chunks);
		runs->chunks = chunks;
		runs->max_chunks = max_chunks;
	}

	chunk = chunk_alloc(runs->nr_pages, max_runs);
	if (!chunk)
		return -ENOMEM;
	runs->chunks[runs->nr_chunks++] = chunk;
	return 0;
}

/* A chunk below full size is always the first and only one. */
static int runs_grow_chunk(struct page_runs *runs, struct page_runs_chunk *chunk)
{
	u32 max_runs = min_t(u32, 4 * chunk->max_runs, CHUNK_MAX_RUNS);
	struct page_runs_chunk *larger = chunk_alloc(chunk->first, max_runs);

	if (!larger)
		return -ENOMEM;
	larger->nr_runs = chunk->nr_runs;
	memcpy(larger->run, chunk->run,
	       array_size(chunk->nr_runs, sizeof(u64)));
	runs->chunks[0] = larger;
	kfree(chunk);
	return 0;
}

/* The newest run, which may still grow; there is one. */
static u64 *runs_newest(struct page_runs *runs)
{
	struct page_runs_chunk *chunk;

	if (!runs->nr_chunks)
		return &runs->only;
	chunk = runs->chunks[runs->nr_chunks - 1];
	return &chunk->run[chunk->nr_runs - 1];
}

/* Make room for one more run. Changes nothing that a reader can see. */
static int runs_make_room(struct page_runs *runs)
{
	struct page_runs_chunk *chunk;
	int ret;

	if (!runs->nr_chunks) {
		ret = runs_add_chunk(runs, CHUNK_MIN_RUNS);
		if (ret)
			return ret;
		chunk = runs->chunks[0];
		chunk->first = 0;
		chunk->run[0] = runs->only;
		chunk->nr_runs = 1;
		return 0;
	}

	chunk = runs->chunks[runs->nr_chunks - 1];
	if (chunk->nr_runs < chunk->max_runs)
		return 0;
	if (chunk->max_runs < CHUNK_MAX_RUNS)
		return runs_grow_chunk(runs, chunk);
	return runs_add_chunk(runs, CHUNK_MAX_RUNS);
}

static int runs_append_new(struct page_runs *runs, unsigned long pfn,
			   unsigned long nr_pages)
{
	struct page_runs_chunk *chunk;
	int ret;

	if (!runs->nr_pages) {
		runs->only = run_pack(pfn, nr_pages);
		return 0;
	}
	ret = runs_make_room(runs);
	if (ret)
		return ret;
	chunk = runs->chunks[runs->nr_chunks - 1];
	chunk->run[chunk->nr_runs++] = run_pack(pfn, nr_pages);
	return 0;
}

/**
 * page_runs_append() - Add neighbouring pages behind all others
 * @runs: the record
 * @pfn: the first page frame
 * @nr_pages: how many, at least 1
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM, then part of the pages may have been added: @runs->nr_pages
 * tells how many the record holds.
 */
int page_runs_append(struct page_runs *runs, unsigned long pfn,
		     unsigned long nr_pages)
{
	if (runs->nr_pages) {
		u64 *newest = runs_newest(runs);
		struct page_run run = run_unpack(*newest);
		unsigned long more = min(nr_pages, RUN_COUNT_MAX - run.nr_pages);

		if (pfn == run.pfn + run.nr_pages) {
			*newest += more;
			runs->nr_pages += more;
			pfn += more;
			nr_pages -= more;
		}
	}

	while (nr_pages) {
		unsigned long count = min(nr_pages, RUN_COUNT_MAX);
		int ret = runs_append_new(runs, pfn, count);

		if (ret)
			return ret;
		runs->nr_pages += count;
		pfn += count;
		nr_pages -= count;
	}
	return 0;
}

/* Take the run at the iterator's slot, less @skip pages, at most what is left. */
static void iter_load(struct page_runs_iter *iter, unsigned long skip)
{
	const struct page_runs *runs = iter->runs;
	u64 word = runs->nr_chunks ?
			   runs->chunks[iter->chunk]->run[iter->slot] :
			   runs->only;

	iter->run = run_unpack(word);
	iter->run.pfn += skip;
	iter->run.nr_pages = min(iter->run.nr_pages - skip, iter->left);
	iter->left -= iter->run.nr_pages;
}

/**
 * page_runs_first() - Start to walk a part of the record
 * @iter: set to the first run of that part
 * @runs: the record
 * @index: of the first page
 * @nr_pages: how many; all of them are in the record
 *
 * Return: false when @nr_pages is 0.
 */
bool page_runs_first(struct page_runs_iter *iter, const struct page_runs *runs,
		     unsigned long index, unsigned long nr_pages)
{
	unsigned int low = 0, high = runs->nr_chunks;
	const struct page_runs_chunk *chunk;

	iter->runs = runs;
	iter->left = nr_pages;
	iter->chunk = 0;
	iter->slot = 0;
	if (!nr_pages || WARN_ON(index + nr_pages > runs->nr_pages))
		return false;
	if (!runs->nr_chunks) {
		iter_load(iter, index);
		return true;
	}

	/* The last chunk that begins at @index or below. */
	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (runs->chunks[middle]->first <= index)
			low = middle;
		else
			high = middle;
	}
	chunk = runs->chunks[low];
	index -= chunk->first;
	while (index >= run_unpack(chunk->run[iter->slot]).nr_pages)
		index -= run_unpack(chunk->run[iter->slot++]).nr_pages;
	iter->chunk = low;
	iter_load(iter, index);
	return true;
}

/* Go to the next run. Return: false when the walk is over. */
bool page_runs_next(struct page_runs_iter *iter)
{
	if (!iter->left)
		return false;
	if (++iter->slot == iter->runs->chunks[iter->chunk]->nr_runs) {
		iter->chunk++;
		iter->slot = 0;
	}
	iter_load(iter, 0);
	return true;
}
