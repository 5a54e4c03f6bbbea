// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of iova_space.c: what lies where, what is next to it, and where
 * there is room. The property test of tools/testing/iommufd tries all of it
 * together; here each rule can be read.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>

#include "iova_space.h"

#define NR_AREAS 200

/* Reset for each case, so cases can leave areas where they are. */
struct fixture {
	struct iova_space space;
	struct iova_area areas[NR_AREAS];
	unsigned int nr_areas;
};

static int fixture_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture),
						GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	iova_space_init(&fixture->space);
	test->priv = fixture;
	return 0;
}

static void fixture_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct iova_area *area;

	if (!fixture)
		return;
	while ((area = iova_space_first(&fixture->space, 0, U64_MAX)))
		iova_space_remove(&fixture->space, area);
	iova_space_destroy(&fixture->space);
}

/* As a fixed mapping: check, then take. */
static int take(struct kunit *test, u64 start, u64 length)
{
	struct fixture *fixture = test->priv;
	int ret = iova_space_check(&fixture->space, start, length);

	KUNIT_ASSERT_LT(test, fixture->nr_areas, NR_AREAS);
	return ret ?: iova_space_add(&fixture->space,
				     &fixture->areas[fixture->nr_areas++],
				     start, length);
}

/* Where an automatic mapping goes; 0, which is never chosen, for nowhere */
static u64 choose(struct kunit *test, u64 address, u64 length)
{
	struct fixture *fixture = test->priv;
	u64 start;

	return iova_space_choose(&fixture->space, address, length, &start) ?
		       0 : start;
}

static int allow(struct kunit *test, u64 start, u64 last)
{
	struct fixture *fixture = test->priv;
	struct rb_root_cached intervals = RB_ROOT_CACHED;
	int ret = 0;

	if (last)
		ret = iova_intervals_add(&intervals, start, last);
	ret = ret ?: iova_space_swap_allowed(&fixture->space, &intervals);
	iova_intervals_free(&intervals);
	return ret;
}

static int reserve(struct kunit *test, u64 start, u64 last, void *owner)
{
	struct fixture *fixture = test->priv;

	return iova_space_reserve(&fixture->space, start, last, owner);
}

static void areas_never_overlap(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, take(test, 100, 10));
	KUNIT_EXPECT_EQ(test, -EEXIST, take(test, 100, 10));
	KUNIT_EXPECT_EQ(test, -EEXIST, take(test, 109, 1));
	KUNIT_EXPECT_EQ(test, -EEXIST, take(test, 0, 101));
	KUNIT_EXPECT_EQ(test, -EEXIST, take(test, 0, IOVA_SPACE_LAST));
	KUNIT_EXPECT_EQ(test, 0, take(test, 99, 1));
	KUNIT_EXPECT_EQ(test, 0, take(test, 110, 1));
}

static void whole_space_can_be_taken(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 0, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, take(test, U64_MAX, 2));
	KUNIT_ASSERT_EQ(test, 0, take(test, 0, IOVA_SPACE_LAST));
	KUNIT_ASSERT_EQ(test, 0, take(test, IOVA_SPACE_LAST, 1));
	KUNIT_EXPECT_EQ(test, -EEXIST, take(test, IOVA_SPACE_LAST, 1));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, 1));
}

static void areas_are_found_in_order(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct iova_area *area;
	unsigned int nr = 0;

	/* from the middle outwards, to turn the tree */
	while (nr != 100) {
		KUNIT_ASSERT_EQ(test, 0, take(test, 5000 + 20 * nr, 10));
		KUNIT_ASSERT_EQ(test, 0, take(test, 4980 - 20 * nr, 10));
		nr++;
	}
	nr = 0;
	for_each_iova_area(area, &fixture->space, 4000, 6009) {
		KUNIT_EXPECT_EQ(test, 4000 + 20 * nr, area->start);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, 101, nr);
	KUNIT_EXPECT_NULL(test, iova_space_first(&fixture->space, 4010, 4019));
	area = iova_space_first(&fixture->space, 4009, 4020);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, 4000, area->start);
	KUNIT_EXPECT_NULL(test, iova_space_next(area, 4019));
	KUNIT_EXPECT_NOT_NULL(test, iova_space_next(area, 4020));
}

static void lowest_hole_that_fits_is_chosen(struct kunit *test)
{
	const u64 start = 16 * PAGE_SIZE;

	KUNIT_EXPECT_EQ(test, PAGE_SIZE, choose(test, 0, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, take(test, 0, start));
	KUNIT_ASSERT_EQ(test, 0, take(test, start + PAGE_SIZE, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, take(test, start + 4 * PAGE_SIZE, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, start, choose(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, start + 2 * PAGE_SIZE,
			choose(test, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, start + 5 * PAGE_SIZE,
			choose(test, PAGE_SIZE, 4 * PAGE_SIZE));
}

static void holes_of_removed_areas_are_found(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i != NR_AREAS; i++)
		KUNIT_ASSERT_EQ(test, 0, take(test, i * PAGE_SIZE, PAGE_SIZE));
	for (i = NR_AREAS - 1; i > 1; i--) {
		iova_space_remove(&fixture->space, &fixture->areas[i]);
		KUNIT_EXPECT_EQ(test, i * PAGE_SIZE,
				choose(test, 0, PAGE_SIZE));
		KUNIT_ASSERT_EQ(test, 0, iova_space_add(&fixture->space,
							&fixture->areas[i],
							i * PAGE_SIZE,
							PAGE_SIZE));
	}
	/* Each second one: no hole has room for two. */
	for (i = 0; i != NR_AREAS; i += 2)
		iova_space_remove(&fixture->space, &fixture->areas[i]);
	KUNIT_EXPECT_EQ(test, 2 * PAGE_SIZE, choose(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, NR_AREAS * PAGE_SIZE,
			choose(test, 0, 2 * PAGE_SIZE));
}

static void iova_has_the_low_bits_of_the_memory(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PAGE_SIZE + 0x123,
			choose(test, 0x7f0000000123, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, PAGE_SIZE,
			choose(test, PAGE_SIZE, 4 * PAGE_SIZE));
	/* Wherever in a page there is room */
	KUNIT_ASSERT_EQ(test, 0, take(test, 0, 0x1dcd));
	KUNIT_EXPECT_EQ(test, 0x1dd3, choose(test, 0xdd3, 9));
	KUNIT_ASSERT_EQ(test, 0, take(test, 0x1dcd, 7));
	KUNIT_EXPECT_EQ(test, 0x2dd3, choose(test, 0xdd3, 9));
}

/* So that the IOMMU can use large pages where the CPU does */
static void choice_is_aligned_like_huge_pages(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PMD_SIZE, choose(test, 0, PMD_SIZE));
	KUNIT_EXPECT_EQ(test, PMD_SIZE, choose(test, PMD_SIZE, 4 * PMD_SIZE));
	KUNIT_EXPECT_EQ(test, 4 * PAGE_SIZE, choose(test, 0, 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 2 * PAGE_SIZE,
			choose(test, 2 * PAGE_SIZE, 4 * PAGE_SIZE));
}

static void rounding_never_wraps(struct kunit *test)
{
	const u64 top = U64_MAX - PAGE_SIZE + 1;
	const u64 start = top - 2 * PAGE_SIZE + 8;

	/* The last page is left out, and the first one that is left is cut. */
	KUNIT_ASSERT_EQ(test, 0, take(test, 0, start));
	KUNIT_EXPECT_EQ(test, top - PAGE_SIZE, choose(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, start, choose(test, 8, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, PAGE_SIZE + 8));
	KUNIT_ASSERT_EQ(test, 0, take(test, start, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, 16));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, S64_MAX));
}

static void reserved_ranges_take_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	char first, second;

	KUNIT_ASSERT_EQ(test, 0, take(test, 1000, 10));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, reserve(test, 0, 1000, &first));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, reserve(test, 1009, 1009, &first));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 0, 999, &first));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 500, 999, &second));
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 999, 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 0, 1));
	iova_space_unreserve(&fixture->space, &first);
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 999, 1));
	KUNIT_EXPECT_EQ(test, 0, take(test, 0, 500));
	iova_space_unreserve(&fixture->space, &second);
	KUNIT_EXPECT_EQ(test, 0, take(test, 999, 1));
}

/* A reserved interval parts the hole, and only above it is room. */
static void each_range_of_a_hole_is_tried(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, take(test, 0, 0x10f2e));
	KUNIT_ASSERT_EQ(test, 0, take(test, 0x10fb1, 0x10000));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 0x10f30, 0x10f7f, NULL));
	KUNIT_EXPECT_EQ(test, 0x10fad, choose(test, 0xfad, 3));
	KUNIT_EXPECT_EQ(test, 0x10fad, choose(test, 0xfad, 4));
	KUNIT_EXPECT_EQ(test, 0x21fad, choose(test, 0xfad, 5));
}

static void usable_ranges_are_between_reserved_ones(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u64 start, last;

	KUNIT_ASSERT_TRUE(test, iova_space_next_usable(&fixture->space, 0,
						       &start, &last));
	KUNIT_EXPECT_EQ(test, 0, start);
	KUNIT_EXPECT_EQ(test, IOVA_SPACE_LAST, last);

	/* touching, overlapping, and at either end */
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 0, 9, NULL));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 10, 19, NULL));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 100, 199, NULL));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, 150, U64_MAX, NULL));
	KUNIT_ASSERT_TRUE(test, iova_space_next_usable(&fixture->space, 0,
						       &start, &last));
	KUNIT_EXPECT_EQ(test, 20, start);
	KUNIT_EXPECT_EQ(test, 99, last);
	KUNIT_EXPECT_FALSE(test, iova_space_next_usable(&fixture->space, 100,
							&start, &last));
}

static void choice_stays_in_what_is_allowed(struct kunit *test)
{
	const u64 window = 64 * PAGE_SIZE;

	KUNIT_EXPECT_EQ(test, -EINVAL, allow(test, window, window));
	KUNIT_ASSERT_EQ(test, 0, allow(test, window, window + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, window, choose(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, take(test, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			reserve(test, window + PAGE_SIZE, U64_MAX, NULL));
	KUNIT_ASSERT_EQ(test, 0, allow(test, 0, 0));
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, choose(test, 0, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, reserve(test, window, window, NULL));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE, allow(test, 0, window));
}

static void allowed_intervals_that_touch_are_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct rb_root_cached intervals = RB_ROOT_CACHED;
	const u64 window = 64 * PAGE_SIZE;
	int ret;

	ret = iova_intervals_add(&intervals, window + PAGE_SIZE,
				 window + 2 * PAGE_SIZE - 1);
	ret = ret ?: iova_intervals_add(&intervals, window,
					window + PAGE_SIZE - 1);
	ret = ret ?: iova_space_swap_allowed(&fixture->space, &intervals);
	iova_intervals_free(&intervals);
	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_EXPECT_EQ(test, window, choose(test, 0, 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 0, 4 * PAGE_SIZE));
}

static void alignment_is_kept(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct iova_space *space = &fixture->space;
	struct iova_area odd = { .page_offset = 8 };

	KUNIT_ASSERT_EQ(test, 0, take(test, 2048, 2048));
	KUNIT_EXPECT_EQ(test, -EADDRINUSE,
			iova_space_set_alignment(space, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, iova_space_set_alignment(space, 2048));
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 8192, 1024));
	KUNIT_EXPECT_EQ(test, -EINVAL, take(test, 9216, 2048));
	KUNIT_EXPECT_EQ(test, -EINVAL, iova_space_add(space, &odd, 8192, 2048));
	KUNIT_EXPECT_EQ(test, 0, choose(test, 1024, 2048));
	KUNIT_EXPECT_EQ(test, 0, take(test, 8192, 2048));
	KUNIT_ASSERT_EQ(test, 0, iova_space_set_alignment(space, 1));
	KUNIT_EXPECT_EQ(test, 0, take(test, 1, 1));
}

static struct kunit_case iova_space_cases[] = {
	KUNIT_CASE(areas_never_overlap),
	KUNIT_CASE(whole_space_can_be_taken),
	KUNIT_CASE(areas_are_found_in_order),
	KUNIT_CASE(lowest_hole_that_fits_is_chosen),
	KUNIT_CASE(holes_of_removed_areas_are_found),
	KUNIT_CASE(iova_has_the_low_bits_of_the_memory),
	KUNIT_CASE(choice_is_aligned_like_huge_pages),
	KUNIT_CASE(rounding_never_wraps),
	KUNIT_CASE(reserved_ranges_take_nothing),
	KUNIT_CASE(each_range_of_a_hole_is_tried),
	KUNIT_CASE(usable_ranges_are_between_reserved_ones),
	KUNIT_CASE(choice_stays_in_what_is_allowed),
	KUNIT_CASE(allowed_intervals_that_touch_are_one),
	KUNIT_CASE(alignment_is_kept),
	{}
};

static struct kunit_suite iova_space_suite = {
	.name = "iommufd_iova_space",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = iova_space_cases,
};

kunit_test_suite(iova_space_suite);
