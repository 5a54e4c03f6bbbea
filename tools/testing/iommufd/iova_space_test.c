// SPDX-License-Identifier: GPL-2.0-only
/*
 * iova_space.c against a model that is too simple to be wrong: one byte for
 * each of 2048 pages of a small window, at the bottom or at the very top of
 * what can be mapped. The same random operations go to both.
 */
#include <errno.h>
#include <string.h>
#include <linux/types.h>

#include "test.h"
#include "../../../drivers/iommu/iommufd/iova_space.c"

#define MODEL_PAGES 2048
#define MODEL_OWNERS 4

struct model {
	u64 base;
	struct iova_area *mapped[MODEL_PAGES];
	/* a bit for each owner */
	u8 reserved[MODEL_PAGES];
	bool allowed[MODEL_PAGES];
	bool restricted;
};

static struct iova_space space;
static struct model model;
static char owners[MODEL_OWNERS];

static int add_at(struct iova_area *area, u64 start, u64 length)
{
	int ret = iova_space_check(&space, start, length);

	return ret ?: iova_space_add(&space, area, start, length);
}

static int add_somewhere(struct iova_area *area, u64 address, u64 length)
{
	u64 start;
	int ret = iova_space_choose(&space, address, length, &start);

	return ret ?: iova_space_add(&space, area, start, length);
}

static u64 page_address(unsigned int page)
{
	return model.base + (u64)page * PAGE_SIZE;
}

static unsigned int page_of(u64 iova)
{
	return (iova - model.base) / PAGE_SIZE;
}

static bool model_has_mapped(unsigned int page, unsigned int pages)
{
	while (pages--)
		if (model.mapped[page++])
			return true;
	return false;
}

static bool model_has_reserved(unsigned int page, unsigned int pages)
{
	while (pages--)
		if (model.reserved[page++])
			return true;
	return false;
}

/* It does not matter how many intervals allow it. */
static bool model_is_allowed(unsigned int page, unsigned int pages)
{
	while (model.restricted && pages--)
		if (!model.allowed[page++])
			return false;
	return true;
}

static void model_take(struct iova_area *area, unsigned int page,
		       unsigned int pages)
{
	while (pages--)
		model.mapped[page++] = area;
}

static void check_tree(struct rb_node *node)
{
	struct iova_area *area = area_of(node);
	u64 largest = area->hole;

	if (node->rb_left) {
		check_tree(node->rb_left);
		largest = max(largest, area_of(node->rb_left)->subtree_hole);
	}
	if (node->rb_right) {
		check_tree(node->rb_right);
		largest = max(largest, area_of(node->rb_right)->subtree_hole);
	}
	CHECK(area->subtree_hole == largest);
}

/* Order, holes, and every page against the model. */
static void check_all(void)
{
	struct iova_area *area, *below = NULL;
	unsigned int page, seen = 0, expected = 0;

	for_each_iova_area(area, &space, 0, U64_MAX) {
		CHECK(!below || below->last < area->start);
		CHECK(area->hole == area->start -
		      (below ? below->last + 1 : 0));
		for (page = page_of(area->start); page <= page_of(area->last);
		     page++, seen++)
			CHECK(model.mapped[page] == area);
		below = area;
	}
	for (page = 0; page < MODEL_PAGES; page++)
		expected += !!model.mapped[page];
	CHECK(seen == expected);
	if (space.areas.rb_node)
		check_tree(space.areas.rb_node);
}

static void add_fixed(void)
{
	unsigned int page = random_below(MODEL_PAGES);
	unsigned int pages = 1 + random_below(min(MODEL_PAGES - page, 24U));
	struct iova_area *area = calloc(1, sizeof(*area));
	int expected = 0;
	int ret;

	if (model_has_reserved(page, pages))
		expected = -EINVAL;
	else if (model_has_mapped(page, pages))
		expected = -EEXIST;
	ret = add_at(area, page_address(page), pages * PAGE_SIZE);
	CHECK(ret == expected);
	if (ret)
		free(area);
	else
		model_take(area, page, pages);
}

/* The lowest place that fits, as section 4.5 of the interface has it. */
static int model_choose(u64 granule, unsigned int pages)
{
	unsigned int page;

	for (page = 0; page + pages <= MODEL_PAGES; page++) {
		u64 iova = page_address(page);

		if (iova < PAGE_SIZE || iova & (granule - 1) ||
		    iova + pages * PAGE_SIZE - 1 > IOVA_SPACE_LAST - PAGE_SIZE)
			continue;
		if (model_is_allowed(page, pages) &&
		    !model_has_mapped(page, pages) &&
		    !model_has_reserved(page, pages))
			return page;
	}
	return -1;
}

static void add_anywhere(void)
{
	unsigned int pages = 1 + random_below(24);
	u64 address = random_below(2) ? PAGE_SIZE << random_below(12) : 0;
	struct iova_area *area = calloc(1, sizeof(*area));
	u64 granule = PAGE_SIZE;
	int page, ret;

	while (granule < pages * PAGE_SIZE)
		granule *= 2;
	if (address)
		granule = min(granule, address);
	page = model_choose(granule, pages);
	ret = add_somewhere(area, address, pages * PAGE_SIZE);
	CHECK(ret == (page < 0 ? -ENOSPC : 0));
	if (ret) {
		free(area);
		return;
	}
	CHECK(area->start == page_address(page));
	CHECK(iova_area_length(area) == pages * PAGE_SIZE);
	model_take(area, page, pages);
}

static void remove_some(void)
{
	unsigned int page = random_below(MODEL_PAGES);
	struct iova_area *area;

	area = iova_space_first(&space, page_address(page),
				page_address(page) + PAGE_SIZE - 1);
	CHECK(area == model.mapped[page]);
	if (!area)
		return;
	model_take(NULL, page_of(area->start),
		   page_of(area->last) - page_of(area->start) + 1);
	iova_space_remove(&space, area);
	free(area);
}

static void reserve_some(void)
{
	unsigned int page = random_below(MODEL_PAGES);
	unsigned int pages = 1 + random_below(min(MODEL_PAGES - page, 6U));
	unsigned int owner = random_below(MODEL_OWNERS);
	bool fail = random_below(4) == 0;
	int expected = 0;
	unsigned int i;
	int ret;

	for (i = page; model.restricted && i < page + pages; i++)
		if (model.allowed[i])
			expected = -EADDRINUSE;
	if (model_has_mapped(page, pages))
		expected = -EADDRINUSE;
	else if (fail && !expected)
		expected = -ENOMEM;
	fail_in = fail;
	ret = iova_space_reserve(&space, page_address(page),
				 page_address(page) + pages * PAGE_SIZE - 1,
				 &owners[owner]);
	fail_in = 0;
	CHECK(ret == expected);
	while (!ret && pages--)
		model.reserved[page++] |= 1 << owner;
}

static void unreserve_some(void)
{
	unsigned int owner = random_below(MODEL_OWNERS);
	unsigned int page;

	iova_space_unreserve(&space, &owners[owner]);
	for (page = 0; page < MODEL_PAGES; page++)
		model.reserved[page] &= ~(1 << owner);
}

/* Up to three intervals, some of which touch, or none; they may be refused. */
static void allow_some(void)
{
	struct rb_root_cached intervals = RB_ROOT_CACHED;
	bool allowed[MODEL_PAGES] = {};
	unsigned int i, number = random_below(4);
	unsigned int end = MODEL_PAGES;
	int expected = 0;
	int ret;

	for (i = 1; i <= number; i++) {
		unsigned int page = end < MODEL_PAGES && random_below(2) ?
					    end : random_below(MODEL_PAGES);
		unsigned int pages = 1 + random_below(min(MODEL_PAGES - page,
							  400U));
		bool overlap = false;
		unsigned int j;

		end = page + pages;
		for (j = page; j < end; j++)
			overlap |= allowed[j];
		ret = iova_intervals_add(&intervals, page_address(page),
					 page_address(page) +
					 pages * PAGE_SIZE - 1);
		CHECK(ret == (overlap ? -EINVAL : 0));
		if (!ret)
			memset(allowed + page, true, pages);
	}
	for (i = 0; i < MODEL_PAGES; i++)
		if (allowed[i] && model.reserved[i])
			expected = -EADDRINUSE;
	ret = iova_space_swap_allowed(&space, &intervals);
	CHECK(ret == expected);
	iova_intervals_free(&intervals);
	if (!ret) {
		memcpy(model.allowed, allowed, sizeof(allowed));
		model.restricted = number;
	}
}

static void check_usable(void)
{
	u64 from = 0, start, last;
	unsigned int page = 0;

	while (iova_space_next_usable(&space, from, &start, &last)) {
		CHECK(start <= last && start >= from);
		/* Pages between the last range and this one are reserved. */
		for (; page < MODEL_PAGES && page_address(page) < start; page++)
			CHECK(model.reserved[page]);
		for (; page < MODEL_PAGES && page_address(page) <= last; page++)
			CHECK(!model.reserved[page]);
		if (last == IOVA_SPACE_LAST)
			break;
		from = last + 1;
	}
	for (; page < MODEL_PAGES; page++)
		CHECK(model.reserved[page]);
}

static void check_alignment(void)
{
	struct rb_root_cached intervals = RB_ROOT_CACHED;
	struct iova_area odd = { .page_offset = 2048 };

	iova_space_init(&space);
	CHECK(!iova_space_set_alignment(&space, 2048));
	CHECK(add_at(&odd, 1024, 2048) == -EINVAL);
	CHECK(add_at(&odd, 2048, 1024) == -EINVAL);
	CHECK(add_at(&odd, 2048, 0) == -EINVAL);
	CHECK(add_at(&odd, U64_MAX - 2047, 4096) ==
	      -EOVERFLOW);
	CHECK(!add_at(&odd, 2048, 2048));
	CHECK(iova_space_set_alignment(&space, 4096) == -EADDRINUSE);
	CHECK(space.alignment == 2048);
	iova_space_remove(&space, &odd);
	CHECK(!iova_space_set_alignment(&space, 4096));
	CHECK(add_at(&odd, 0, 4096) == -EINVAL);

	/* The memory is worse aligned than the space asks for. */
	CHECK(add_somewhere(&odd, 2048, 4096) == -EINVAL);
	CHECK(add_somewhere(&odd, 0, 0) == -EINVAL);
	CHECK(add_somewhere(&odd, 0, 1ULL << 63) ==
	      -EOVERFLOW);
	CHECK(iova_intervals_add(&intervals, 7, 7) == -EINVAL);
	/* Neither the first nor the last page is chosen. */
	odd.page_offset = 0;
	CHECK(!add_somewhere(&odd, 0, 4096));
	CHECK(odd.start == 4096);
	iova_space_remove(&space, &odd);
	CHECK(!add_at(&odd, 0, IOVA_SPACE_LAST - 4095));
	odd.hole = 0;
	CHECK(add_somewhere(&(struct iova_area){}, 0, 4096) ==
	      -ENOSPC);
	if (IOVA_SPACE_LAST != U64_MAX) {
		CHECK(add_at(&odd, IOVA_SPACE_LAST + 1, 4096) == -EINVAL);
		CHECK(add_at(&odd, IOVA_SPACE_LAST - 4095, 8192) == -EINVAL);
		CHECK(!iova_intervals_add(&intervals, 4096,
					  IOVA_SPACE_LAST + 1));
		CHECK(iova_space_swap_allowed(&space, &intervals) ==
		      -EADDRINUSE);
		iova_intervals_free(&intervals);
	}
	iova_space_remove(&space, &odd);
	iova_space_destroy(&space);
}

static void run(u64 base, unsigned int rounds)
{
	unsigned int page;

	memset(&model, 0, sizeof(model));
	model.base = base;
	iova_space_init(&space);
	/* All but the window, so that a choice falls inside. */
	if (base)
		CHECK(!iova_space_reserve(&space, 0, base - 1, &space));
	if (page_address(MODEL_PAGES))
		CHECK(!iova_space_reserve(&space, page_address(MODEL_PAGES),
					  U64_MAX, &space));

	while (rounds--) {
		switch (random_below(16)) {
		case 0 ... 4:
			add_fixed();
			break;
		case 5 ... 8:
			add_anywhere();
			break;
		case 9 ... 13:
			remove_some();
			break;
		case 14:
			reserve_some();
			break;
		default:
			if (random_below(4) == 0)
				unreserve_some();
			if (random_below(8) == 0)
				allow_some();
		}
		if (rounds % 64 == 0) {
			check_all();
			check_usable();
		}
	}

	for (page = 0; page < MODEL_PAGES; page++) {
		struct iova_area *area = model.mapped[page];

		if (!area)
			continue;
		model_take(NULL, page_of(area->start),
			   page_of(area->last) - page_of(area->start) + 1);
		iova_space_remove(&space, area);
		free(area);
	}
	iova_space_destroy(&space);
}

int main(void)
{
	test_seed();
	printf("iova_space: seed %#llx\n", (unsigned long long)seed);
	check_alignment();
	run(0, 100000);
	run(IOVA_SPACE_LAST + 1 - MODEL_PAGES * PAGE_SIZE, 100000);
	run(1ULL << (BITS_PER_LONG - 8), 100000);
	printf("iova_space: ok\n");
	return 0;
}
