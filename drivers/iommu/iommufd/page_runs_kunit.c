// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of page_runs.c: pages go in as runs, and come out as runs that
 * are as long as they can be, from any index on.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "page_runs.h"

/* More runs than one chunk of any size has */
#define MANY 2000

static int runs_init(struct kunit *test)
{
	struct page_runs *runs = kunit_kzalloc(test, sizeof(*runs), GFP_KERNEL);

	if (!runs)
		return -ENOMEM;
	page_runs_init(runs);
	test->priv = runs;
	return 0;
}

static void runs_exit(struct kunit *test)
{
	if (test->priv)
		page_runs_destroy(test->priv);
}

/* The part of the record has exactly these runs. */
static void expect_runs(struct kunit *test, unsigned long index,
			const struct page_run *expected, unsigned int nr_runs)
{
	struct page_runs_iter iter;
	unsigned long nr_pages = 0;
	unsigned int i;
	bool more;

	for (i = 0; i != nr_runs; i++)
		nr_pages += expected[i].nr_pages;
	i = 0;
	for_each_page_run(&iter, (struct page_runs *)test->priv, index,
			  nr_pages, more) {
		KUNIT_ASSERT_LT(test, i, nr_runs);
		KUNIT_EXPECT_EQ(test, expected[i].pfn, iter.run.pfn);
		KUNIT_EXPECT_EQ(test, expected[i].nr_pages, iter.run.nr_pages);
		i++;
	}
	KUNIT_EXPECT_EQ(test, nr_runs, i);
}

static void empty_record_has_no_runs(struct kunit *test)
{
	struct page_runs *runs = test->priv;

	KUNIT_EXPECT_EQ(test, 0, runs->nr_pages);
	expect_runs(test, 0, NULL, 0);
}

static void neighbours_are_one_run(struct kunit *test)
{
	const struct page_run whole = { 100, 12 };
	const struct page_run middle = { 103, 5 };
	struct page_runs *runs = test->priv;

	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 100, 1));
	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 101, 1));
	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 102, 10));
	KUNIT_EXPECT_EQ(test, 12, runs->nr_pages);
	expect_runs(test, 0, &whole, 1);
	expect_runs(test, 3, &middle, 1);
}

static void pages_apart_are_runs_apart(struct kunit *test)
{
	static const struct page_run whole[] = {
		{ 100, 4 }, { 50, 4 }, { 55, 1 }, { 54, 1 },
	};
	static const struct page_run part[] = { { 102, 2 }, { 50, 3 } };
	struct page_runs *runs = test->priv;
	unsigned int i;

	for (i = 0; i != ARRAY_SIZE(whole); i++)
		KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, whole[i].pfn,
							  whole[i].nr_pages));
	expect_runs(test, 0, whole, ARRAY_SIZE(whole));
	expect_runs(test, 2, part, ARRAY_SIZE(part));
	expect_runs(test, 9, &whole[3], 1);
}

/* Wherever a chunk ends, the run before and behind it are right. */
static void any_index_is_found_among_many_runs(struct kunit *test)
{
	struct page_runs *runs = test->priv;
	struct page_run around[3];
	unsigned int i, j;

	for (i = 0; i != MANY; i++)
		KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 10 * i, 3));
	KUNIT_EXPECT_EQ(test, 3 * MANY, runs->nr_pages);
	for (i = 0; i != MANY - 2; i++) {
		for (j = 0; j != 3; j++) {
			around[j].pfn = 10 * (i + j);
			around[j].nr_pages = 3;
		}
		expect_runs(test, 3 * i, around, 3);
		around[0].pfn += 2;
		around[0].nr_pages = 1;
		around[2].nr_pages = 1;
		expect_runs(test, 3 * i + 2, around, 3);
	}
}

/* A run counts up to 2^20 - 1 pages; more become several. */
static void long_runs_are_cut(struct kunit *test)
{
	const unsigned long most = BIT(20) - 1;
	const struct page_run cut[] = {
		{ 7, most }, { 7 + most, most }, { 7 + 2 * most, 5 },
	};
	const struct page_run joint[] = { { 7 + most - 1, 1 }, { 7 + most, 1 } };
	struct page_runs *runs = test->priv;

	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 7, 3));
	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 10, 2 * most + 2));
	KUNIT_EXPECT_EQ(test, 2 * most + 5, runs->nr_pages);
	expect_runs(test, 0, cut, ARRAY_SIZE(cut));
	expect_runs(test, most - 1, joint, ARRAY_SIZE(joint));
}

static void highest_page_frame_is_kept(struct kunit *test)
{
	/* Of 44 bits, or of as many as a word has. */
	const struct page_run run = {
		min_t(u64, BIT_ULL(44) - 1, ULONG_MAX), 1
	};
	struct page_runs *runs = test->priv;

	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, run.pfn, 1));
	expect_runs(test, 0, &run, 1);
}

static void destroyed_record_is_empty(struct kunit *test)
{
	const struct page_run run = { 1, 1 };
	struct page_runs *runs = test->priv;
	unsigned int i;

	for (i = 0; i != MANY; i++)
		KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 2 * i, 1));
	page_runs_destroy(runs);
	KUNIT_EXPECT_EQ(test, 0, runs->nr_pages);
	KUNIT_ASSERT_EQ(test, 0, page_runs_append(runs, 1, 1));
	expect_runs(test, 0, &run, 1);
}

static struct kunit_case page_runs_cases[] = {
	KUNIT_CASE(empty_record_has_no_runs),
	KUNIT_CASE(neighbours_are_one_run),
	KUNIT_CASE(pages_apart_are_runs_apart),
	KUNIT_CASE(any_index_is_found_among_many_runs),
	KUNIT_CASE(long_runs_are_cut),
	KUNIT_CASE(highest_page_frame_is_kept),
	KUNIT_CASE(destroyed_record_is_empty),
	{}
};

static struct kunit_suite page_runs_suite = {
	.name = "iommufd_page_runs",
	.init = runs_init,
	.exit = runs_exit,
	.test_cases = page_runs_cases,
};

kunit_test_suite(page_runs_suite);
