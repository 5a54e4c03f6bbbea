// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of user_pages.c: only what was looked at is recorded as one run.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/page-flags.h>

#include "user_pages.h"

#define ORDER 4
#define NR_PAGES BIT(ORDER)

/**
 * struct folios - two large pages, and what a walk has returned of them
 * @first: the one that is looked at
 * @second: the one that comes in between
 * @walk: the result of a walk
 */
struct folios {
	struct page *first;
	struct page *second;
	struct page *walk[2 * NR_PAGES];
};

static int folios_init(struct kunit *test)
{
	struct folios *folios = kunit_kzalloc(test, sizeof(*folios),
					      GFP_KERNEL);

	if (!folios)
		return -ENOMEM;
	test->priv = folios;
	folios->first = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	folios->second = alloc_pages(GFP_KERNEL | __GFP_COMP, ORDER);
	return folios->first && folios->second ? 0 : -ENOMEM;
}

/* Also after an init that failed */
static void folios_exit(struct kunit *test)
{
	struct folios *folios = test->priv;

	if (!folios)
		return;
	if (folios->first)
		__free_pages(folios->first, ORDER);
	if (folios->second)
		__free_pages(folios->second, ORDER);
}

/* Entry @entry of the walk and those after it are of @page and its neighbours. */
static void walk_finds(struct folios *folios, unsigned int entry,
		       struct page *page)
{
	unsigned int i;

	for (i = 0; i != NR_PAGES; i++)
		folios->walk[entry + i] = nth_page(page, i);
}

static unsigned long neighbours(struct folios *folios, unsigned int entry,
				unsigned long nr_pages)
{
	return user_pages_neighbours(folios->walk + entry, nr_pages);
}

static void large_page_is_one_run(struct kunit *test)
{
	struct folios *folios = test->priv;

	walk_finds(folios, 0, folios->first);
	KUNIT_EXPECT_EQ(test, NR_PAGES, neighbours(folios, 0, NR_PAGES));
	KUNIT_EXPECT_EQ(test, NR_PAGES - 3,
			neighbours(folios, 3, NR_PAGES - 3));
	KUNIT_EXPECT_EQ(test, 1, neighbours(folios, 0, 1));
}

static void run_ends_where_the_pages_are_others(struct kunit *test)
{
	struct folios *folios = test->priv;
	unsigned int cut;

	for (cut = 1; cut != NR_PAGES; cut++) {
		walk_finds(folios, 0, folios->first);
		walk_finds(folios, cut, folios->second);
		KUNIT_EXPECT_EQ(test, cut, neighbours(folios, 0, NR_PAGES));
	}
}

#ifdef CONFIG_HUGETLB_PAGE
/* As if it were of hugetlbfs, which is all that the walk could be asked. */
static void hugetlb_page_that_was_exchanged_is_no_run(struct kunit *test)
{
	struct folios *folios = test->priv;
	unsigned long nr;

	walk_finds(folios, 0, folios->first);
	walk_finds(folios, 5, nth_page(folios->second, 5));
	set_compound_page_dtor(folios->first, HUGETLB_PAGE_DTOR);
	nr = neighbours(folios, 0, NR_PAGES);
	set_compound_page_dtor(folios->first, COMPOUND_PAGE_DTOR);
	KUNIT_EXPECT_EQ(test, 5, nr);
}
#endif

static struct kunit_case user_pages_cases[] = {
	KUNIT_CASE(large_page_is_one_run),
	KUNIT_CASE(run_ends_where_the_pages_are_others),
#ifdef CONFIG_HUGETLB_PAGE
	KUNIT_CASE(hugetlb_page_that_was_exchanged_is_no_run),
#endif
	{}
};

static struct kunit_suite user_pages_suite = {
	.name = "iommufd_user_pages",
	.init = folios_init,
	.exit = folios_exit,
	.test_cases = user_pages_cases,
};

kunit_test_suite(user_pages_suite);
