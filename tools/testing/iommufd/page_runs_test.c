// SPDX-License-Identifier: GPL-2.0-only
/*
 * page_runs.c against a plain array of page frame numbers, with allocations
 * that fail in between.
 */
#include <errno.h>
#include <string.h>
#include <linux/types.h>

#include "test.h"
#include "../../../drivers/iommu/iommufd/page_runs.c"

#define MODEL_PAGES 40000

static unsigned long model[MODEL_PAGES];
static struct page_runs runs;

/* Every page of a part, and that the runs of the part are as long as they go. */
static void check_part(unsigned long index, unsigned long nr_pages)
{
	struct page_runs_iter iter;
	unsigned long end = index + nr_pages;
	unsigned long before = 0;
	bool more;

	for_each_page_run(&iter, &runs, index, nr_pages, more) {
		unsigned long i;

		CHECK(iter.run.nr_pages);
		CHECK(before != iter.run.pfn);
		CHECK(iter.run.nr_pages <= end - index);
		for (i = 0; i < iter.run.nr_pages; i++)
			CHECK(model[index + i] == iter.run.pfn + i);
		index += i;
		before = iter.run.pfn + i;
	}
	CHECK(index == end);
}

static void fill(unsigned int longest, bool failing)
{
	unsigned long next = 1000;
	unsigned int i;

	page_runs_init(&runs);
	while (runs.nr_pages < MODEL_PAGES) {
		unsigned long done = runs.nr_pages;
		unsigned long count = 1 + random_below(longest);
		int ret;

		count = min(count, MODEL_PAGES - done);
		/* Now and then the neighbour of what came before. */
		if (random_below(3))
			next += 1 + random_below(5);
		for (i = 0; i < count; i++)
			model[done + i] = next + i;
		fail_in = failing ? random_below(3) : 0;
		ret = page_runs_append(&runs, next, count);
		fail_in = 0;
		CHECK(!ret || (ret == -ENOMEM && failing));
		CHECK(ret ? runs.nr_pages <= done + count :
			    runs.nr_pages == done + count);
		next += runs.nr_pages - done;
	}

	check_part(0, MODEL_PAGES);
	check_part(0, 0);
	for (i = 0; i < 2000; i++) {
		unsigned long index = random_below(MODEL_PAGES);

		check_part(index, 1 + random_below(MODEL_PAGES - index));
		check_part(index, 1);
	}
	page_runs_destroy(&runs);
	CHECK(!runs.nr_pages && !runs.nr_chunks);
}

/* A run that is longer than its count can tell. */
static void fill_long(void)
{
	const unsigned long count = 3 * (RUN_COUNT_MAX + 1) + 17;
	struct page_runs_iter iter;
	unsigned long pfn = 1UL << 43;
	bool more;

	page_runs_init(&runs);
	CHECK(!page_runs_append(&runs, pfn, 5));
	CHECK(!page_runs_append(&runs, pfn + 5, count - 5));
	CHECK(runs.nr_pages == count);
	for_each_page_run(&iter, &runs, 0, count, more) {
		CHECK(iter.run.pfn == pfn);
		CHECK(iter.run.nr_pages <= RUN_COUNT_MAX);
		pfn += iter.run.nr_pages;
	}
	CHECK(pfn == (1UL << 43) + count);
	page_runs_destroy(&runs);
}

int main(void)
{
	test_seed();
	printf("page_runs: seed %#llx\n", (unsigned long long)seed);
	fill(1, false);
	fill(1, true);
	fill(7, true);
	fill(600, false);
	fill(MODEL_PAGES, false);
	fill_long();
	printf("page_runs: ok\n");
	return 0;
}
