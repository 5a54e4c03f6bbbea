// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations on address spaces, against a model of them.
 *
 * The model knows the rules of the interface and nothing of how the kernel
 * keeps them: arrays, searched from end to end. Each result has to be what the
 * model says, and from time to time so have the ranges and the translations.
 *
 * MODEL_SEED repeats a run; MODEL_STEPS makes it longer.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define STEPS 4000
#define IOASES 2
#define MOCKS 3
#define AREAS 256
#define WINDOWS 4
#define RESERVED 16
#define MEMORY_PAGES 32
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)
#define GRANULE ((__u64)MOCK_PAGE_SIZE)
#define HUGE_PAGE 0x200000ULL
#define ALL (~0ULL)

/* Where operations take place: the first MiB that the mock translates */
#define ARENA MOCK_APERTURE
#define ARENA_LENGTH 0x100000ULL

struct area {
	__u64 start;
	__u64 length;
	/* of the memory */
	__u64 offset;
	bool writable_memory;
};

struct interval {
	__u64 start;
	__u64 last;
};

struct model {
	__u32 id;
	struct area areas[AREAS];
	unsigned int nr_areas;
	struct interval windows[WINDOWS];
	unsigned int nr_windows;
	struct interval reserved[RESERVED];
	unsigned int nr_reserved;
	bool large_pages;
};

struct attached {
	struct mock mock;
	bool exists;
	/* index of the IOAS */
	unsigned int at;
};

struct world {
	int iommufd;
	char *memory;
	struct model models[IOASES];
	struct attached mocks[MOCKS];
};

static bool overlap(__u64 a, __u64 a_last, __u64 b, __u64 b_last)
{
	return a <= b_last && b <= a_last;
}

static unsigned int tables_of(const struct world *world, unsigned int index)
{
	unsigned int i, nr = 0;

	for (i = 0; i < MOCKS; i++)
		nr += world->mocks[i].exists && world->mocks[i].at == index;
	return nr;
}

static __u64 alignment_of(const struct world *world, unsigned int index)
{
	if (!world->models[index].large_pages)
		return PAGE_SIZE;
	return tables_of(world, index) ? GRANULE : 1;
}

/* Outside of what a table translates is reserved, as long as there is one. */
static bool is_reserved(const struct world *world, unsigned int index,
			__u64 start, __u64 last)
{
	const struct model *model = &world->models[index];
	unsigned int i;

	if (tables_of(world, index) &&
	    (start < MOCK_APERTURE_START || last > MOCK_APERTURE_LAST))
		return true;
	for (i = 0; i < model->nr_reserved; i++)
		if (overlap(start, last, model->reserved[i].start,
			    model->reserved[i].last))
			return true;
	return false;
}

static bool is_mapped(const struct model *model, __u64 start, __u64 last)
{
	unsigned int i;

	for (i = 0; i < model->nr_areas; i++)
		if (overlap(start, last, model->areas[i].start,
			    model->areas[i].start + model->areas[i].length - 1))
			return true;
	return false;
}

static bool is_allowed(const struct model *model, __u64 start, __u64 last)
{
	unsigned int i;

	for (i = 0; i < model->nr_windows; i++)
		if (overlap(start, last, model->windows[i].start,
			    model->windows[i].last))
			return true;
	return false;
}

static void area_add(struct model *model, __u64 start, __u64 length,
		     __u64 offset, bool writable_memory)
{
	must(model->nr_areas == AREAS ? -E2BIG : 0);
	model->areas[model->nr_areas++] = (struct area){
		.start = start,
		.length = length,
		.offset = offset,
		.writable_memory = writable_memory,
	};
}

static int check_fixed(const struct world *world, unsigned int index,
		       __u64 iova, __u64 length)
{
	const __u64 alignment = alignment_of(world, index);

	if (!length || length % alignment || iova % alignment)
		return -EINVAL;
	if (iova + length - 1 < iova)
		return -EOVERFLOW;
	if (is_reserved(world, index, iova, iova + length - 1))
		return -EINVAL;
	if (is_mapped(&world->models[index], iova, iova + length - 1))
		return -EEXIST;
	return 0;
}

static __u64 granule_of(const struct world *world, __u64 address, __u64 length)
{
	__u64 granule = 1;

	while (granule < length)
		granule *= 2;
	if (granule > HUGE_PAGE)
		granule = HUGE_PAGE;
	while (address % granule)
		granule /= 2;
	return granule;
}

static bool fits(const struct world *world, unsigned int index, __u64 start,
		 __u64 length, __u64 window_last)
{
	return start + length - 1 >= start &&
	       start + length - 1 <= window_last &&
	       !is_reserved(world, index, start, start + length - 1) &&
	       !is_mapped(&world->models[index], start, start + length - 1);
}

/*
 * The lowest place in a window. It is the first above the beginning of the
 * window or the end of something that has the offset of the memory within a
 * page, or the alignment of memory that begins with a page: try all of these.
 */
static __u64 choose_in(const struct world *world, unsigned int index,
		       struct interval window, __u64 address, __u64 length)
{
	const __u64 stride = address % PAGE_SIZE ?
				     PAGE_SIZE :
				     granule_of(world, address, length);
	const struct model *model = &world->models[index];
	__u64 candidates[AREAS + RESERVED + 2];
	unsigned int nr = 0, i;
	__u64 best = ALL;

	candidates[nr++] = window.start;
	if (tables_of(world, index))
		candidates[nr++] = MOCK_APERTURE_START;
	for (i = 0; i < model->nr_areas; i++)
		candidates[nr++] = model->areas[i].start +
				   model->areas[i].length;
	for (i = 0; i < model->nr_reserved; i++)
		candidates[nr++] = model->reserved[i].last + 1;

	for (i = 0; i < nr; i++) {
		__u64 start = candidates[i];

		if (start < window.start || start > window.last)
			continue;
		start += (address - start) % stride;
		if (start < best &&
		    fits(world, index, start, length, window.last))
			best = start;
	}
	return best;
}

static int window_order(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* In order, those that touch as one. Return: how many there are then. */
static unsigned int windows_join(struct interval *windows, unsigned int nr)
{
	unsigned int i, joined = 0;

	qsort(windows, nr, sizeof(*windows), window_order);
	for (i = 0; i < nr; i++) {
		if (joined && windows[joined - 1].last + 1 == windows[i].start)
			windows[joined - 1].last = windows[i].last;
		else
			windows[joined++] = windows[i];
	}
	return joined;
}

static int choose(const struct world *world, unsigned int index, __u64 address,
		  __u64 length, __u64 *iova)
{
	const struct interval whole = { PAGE_SIZE, -PAGE_SIZE - 1 };
	const struct model *model = &world->models[index];
	const __u64 alignment = alignment_of(world, index);
	struct interval windows[WINDOWS];
	unsigned int nr, i;

	if (!length || length % alignment ||
	    granule_of(world, address, length) < alignment)
		return -EINVAL;
	*iova = ALL;
	if (!model->nr_windows)
		*iova = choose_in(world, index, whole, address, length);
	memcpy(windows, model->windows, sizeof(windows));
	nr = windows_join(windows, model->nr_windows);
	for (i = 0; i < nr && *iova == ALL; i++)
		*iova = choose_in(world, index, windows[i], address, length);
	return *iova == ALL ? -ENOSPC : 0;
}

/*
 * Bytes in any position now and then; else multiples of what every space
 * takes, so that most operations succeed.
 */
static __u64 random_multiple(__u64 limit)
{
	switch (random_below(8)) {
	case 0:
		return random_below(limit);
	case 1:
		return random_below(limit / GRANULE) * GRANULE;
	default:
		return random_below(limit / PAGE_SIZE) * PAGE_SIZE;
	}
}

static struct area random_memory(void)
{
	struct area memory = {
		.start = ARENA + random_multiple(ARENA_LENGTH),
		.offset = random_multiple(MEMORY_LENGTH),
	};

	memory.length = random_multiple(16 * PAGE_SIZE);
	if (memory.length > MEMORY_LENGTH - memory.offset)
		memory.length = MEMORY_LENGTH - memory.offset;
	memory.writable_memory = random_below(4);
	return memory;
}

static __u64 address_of(const struct world *world, __u64 offset)
{
	return (uintptr_t)world->memory + offset;
}

/* Refusals alone would prove little. */
static unsigned long nr_succeeded;

/* Return: whether the kernel answers as the model. */
static bool agree(const char *what, int expected, int ret)
{
	nr_succeeded += !ret;
	if (expected == ret)
		return true;
	printf("# %s: %d expected, %d seen\n", what, expected, ret);
	return false;
}

static bool agree_value(const char *what, int ret, __u64 expected, __u64 value)
{
	if (ret || expected == value)
		return true;
	printf("# %s: %#llx expected, %#llx seen\n", what, expected, value);
	return false;
}

static bool step_map(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	const bool fixed = random_below(2);
	struct area memory = random_memory();
	__u64 address = address_of(world, memory.offset);
	__u64 iova = memory.start, chosen = memory.start;
	__u32 flags = IOMMU_IOAS_MAP_READABLE;
	int expected, ret;

	if (memory.writable_memory)
		flags |= IOMMU_IOAS_MAP_WRITEABLE;
	if (fixed)
		flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
	if (!memory.length)
		expected = -EINVAL;
	else if (fixed)
		expected = check_fixed(world, index, iova, memory.length);
	else
		expected = choose(world, index, address, memory.length,
				  &chosen);
	if (!expected && address % alignment_of(world, index))
		expected = -EINVAL;

	ret = ioas_map_flags(world->iommufd, model->id, flags,
			     world->memory + memory.offset, memory.length,
			     &iova);
	if (!ret)
		area_add(model, iova, memory.length, memory.offset,
			 memory.writable_memory);
	return agree(fixed ? "map" : "map anywhere", expected, ret) &&
	       agree_value("map anywhere", ret, chosen, iova);
}

/* The part of an area that is copied, as an area that is to be */
static bool copy_part(const struct model *source, __u64 start, __u64 last,
		      struct area *part)
{
	unsigned int i;

	for (i = 0; i < source->nr_areas; i++) {
		const struct area *area = &source->areas[i];
		const __u64 area_last = area->start + area->length - 1;

		if (start < area->start || start > area_last)
			continue;
		*part = *area;
		part->offset += start - area->start;
		part->length = (last < area_last ? last : area_last) - start + 1;
		return true;
	}
	return false;
}

static int copy_parts(const struct model *source, __u64 start, __u64 length,
		      struct area *parts, unsigned int *nr)
{
	const __u64 last = start + length - 1;

	*nr = 0;
	while (start <= last) {
		if (!copy_part(source, start, last, &parts[*nr]))
			return -ENOENT;
		start += parts[(*nr)++].length;
	}
	return 0;
}

/* @start is where the first of @parts will be; they get their places. */
static int check_parts(const struct world *world, unsigned int index,
		       struct area *parts, unsigned int nr, bool write,
		       __u64 start)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (write && !parts[i].writable_memory)
			return -EPERM;
	for (i = 0; i < nr; i++) {
		parts[i].start = start;
		start += parts[i].length;
		if ((parts[i].start | parts[i].length |
		     address_of(world, parts[i].offset)) %
		    alignment_of(world, index))
			return -EINVAL;
	}
	return 0;
}

static bool step_copy(struct world *world, unsigned int index)
{
	const struct model *source = &world->models[random_below(IOASES)];
	struct model *target = &world->models[index];
	const bool fixed = random_below(2), write = random_below(2);
	static struct area parts[AREAS];
	struct area from = random_memory();
	__u64 iova, chosen;
	unsigned int nr, i;
	int expected, ret;

	/* Most ranges at random are not mapped: begin where one is. */
	if (source->nr_areas && random_below(8)) {
		i = random_below(source->nr_areas);
		from.start = source->areas[i].start;
		if (random_below(2))
			from.length = source->areas[i].length;
	}
	iova = ARENA + random_multiple(ARENA_LENGTH);
	chosen = iova;
	if (target->nr_areas > AREAS / 2)
		return true;

	if (!from.length)
		expected = -EINVAL;
	else
		expected = copy_parts(source, from.start, from.length, parts,
				      &nr);
	if (!expected && fixed)
		expected = check_fixed(world, index, iova, from.length);
	else if (!expected)
		expected = choose(world, index,
				  address_of(world, parts[0].offset),
				  from.length, &chosen);
	if (!expected)
		expected = check_parts(world, index, parts, nr, write, chosen);

	ret = ioas_copy_flags(world->iommufd,
			      (fixed ? IOMMU_IOAS_MAP_FIXED_IOVA : 0) |
				      (write ? IOMMU_IOAS_MAP_WRITEABLE : 0) |
				      IOMMU_IOAS_MAP_READABLE,
			      target->id, &iova, source->id, from.start,
			      from.length);
	for (i = 0; !ret && !expected && i < nr; i++)
		area_add(target, parts[i].start, parts[i].length,
			 parts[i].offset, parts[i].writable_memory);
	return agree(fixed ? "copy" : "copy anywhere", expected, ret) &&
	       agree_value("copy anywhere", ret, chosen, iova);
}

/* Upwards until one is in the range in part only. */
static int unmap_model(struct model *model, __u64 start, __u64 last,
		       __u64 *removed)
{
	*removed = 0;
	for (;;) {
		struct area *lowest = NULL;
		unsigned int i;

		for (i = 0; i < model->nr_areas; i++) {
			struct area *area = &model->areas[i];

			if (overlap(start, last, area->start,
				    area->start + area->length - 1) &&
			    (!lowest || area->start < lowest->start))
				lowest = area;
		}
		if (!lowest)
			return *removed ? 0 : -ENOENT;
		if (lowest->start < start ||
		    lowest->start + lowest->length - 1 > last)
			return -ENOENT;
		*removed += lowest->length;
		*lowest = model->areas[--model->nr_areas];
	}
}

static bool step_unmap(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	struct area range = random_memory();
	__u64 removed, unmapped = 0;
	unsigned int i;
	int expected;

	if (model->nr_areas && random_below(8)) {
		i = random_below(model->nr_areas);
		range.start = model->areas[i].start;
		range.length = model->areas[i].length;
		if (!random_below(4))
			range.length += random_multiple(32 * PAGE_SIZE);
	}
	if (!range.length)
		expected = -EINVAL;
	else
		expected = unmap_model(model, range.start,
				       range.start + range.length - 1,
				       &removed);
	return agree("unmap", expected,
		     ioas_unmap(world->iommufd, model->id, range.start,
				range.length, &unmapped)) &&
	       agree_value("unmap", expected, removed, unmapped);
}

static bool step_unmap_all(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	__u64 removed, unmapped = 0;

	/* Otherwise nothing would ever become crowded. */
	if (random_below(8))
		return true;
	unmap_model(model, 0, ALL, &removed);
	return agree("unmap of all", 0,
		     ioas_unmap_all(world->iommufd, model->id, &unmapped)) &&
	       agree_value("unmap of all", 0, removed, unmapped);
}

static int check_windows(const struct world *world, unsigned int index,
			 const struct interval *windows, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		if (windows[i].start >= windows[i].last)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (overlap(windows[i].start, windows[i].last,
				    windows[j].start, windows[j].last))
				return -EINVAL;
	}
	for (i = 0; i < nr; i++)
		if (is_reserved(world, index, windows[i].start,
				windows[i].last))
			return -EADDRINUSE;
	return 0;
}

static bool step_allow(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	struct interval windows[WINDOWS];
	unsigned int nr = random_below(WINDOWS + 1), i;
	int expected;

	for (i = 0; i < nr; i++) {
		windows[i].start = i && random_below(2) ?
					   windows[i - 1].last + 1 :
					   ARENA + random_multiple(ARENA_LENGTH);
		windows[i].last = windows[i].start +
				  random_multiple(ARENA_LENGTH / 4) - 1;
	}
	expected = check_windows(world, index, windows, nr);
	if (!expected) {
		memcpy(model->windows, windows, sizeof(windows));
		model->nr_windows = nr;
	}
	return agree("allow", expected,
		     ioas_allow_iovas(world->iommufd, model->id,
				      (struct iommu_iova_range *)windows, nr));
}

static bool step_reserve(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	const __u64 start = ARENA + random_multiple(ARENA_LENGTH);
	const __u64 length = random_multiple(8 * PAGE_SIZE);
	int expected = 0;

	if (model->nr_reserved == RESERVED)
		return true;
	if (!length)
		expected = -EINVAL;
	else if (is_mapped(model, start, start + length - 1) ||
		 is_allowed(model, start, start + length - 1))
		expected = -EADDRINUSE;
	else
		model->reserved[model->nr_reserved++] =
			(struct interval){ start, start + length - 1 };
	return agree("reserve", expected,
		     mock_reserve(world->iommufd, model->id, start, length));
}

/* Would every area fit @alignment? */
static bool areas_fit(const struct world *world, const struct model *model,
		      __u64 alignment)
{
	unsigned int i;

	for (i = 0; i < model->nr_areas; i++)
		if ((model->areas[i].start | model->areas[i].length |
		     address_of(world, model->areas[i].offset)) %
		    alignment)
			return false;
	return true;
}

static bool step_option(struct world *world, unsigned int index)
{
	struct model *model = &world->models[index];
	const bool large_pages = random_below(3);
	int expected = 0;

	if (!large_pages && model->large_pages) {
		if (tables_of(world, index) && model->nr_areas)
			expected = -EINVAL;
		else if (!areas_fit(world, model, PAGE_SIZE))
			expected = -EADDRINUSE;
	}
	if (!expected)
		model->large_pages = large_pages;
	return agree("option", expected,
		     option_set(world->iommufd, IOMMU_OPTION_HUGE_PAGES,
				model->id, large_pages));
}

/* What keeps a table out: everything that it does not translate, and sizes */
static int check_table(const struct world *world, unsigned int index)
{
	const struct model *model = &world->models[index];
	const __u64 below = MOCK_APERTURE_START - 1;
	const __u64 above = MOCK_APERTURE_LAST + 1ULL;

	if (tables_of(world, index))
		return 0;
	if (!areas_fit(world, model, GRANULE) || is_mapped(model, 0, below) ||
	    is_mapped(model, above, ALL) || is_allowed(model, 0, below) ||
	    is_allowed(model, above, ALL))
		return -EADDRINUSE;
	return 0;
}

static bool step_mock(struct world *world, unsigned int index)
{
	struct attached *attached = &world->mocks[random_below(MOCKS)];
	const int expected = check_table(world, index);
	int ret;

	if (attached->exists && random_below(2)) {
		attached->exists = false;
		return agree("destroy", 0,
			     iommufd_destroy(world->iommufd,
					     attached->mock.id));
	}
	if (attached->exists) {
		ret = mock_replace(world->iommufd, &attached->mock,
				   world->models[index].id);
		if (!ret)
			attached->at = index;
		return agree("replace", expected, ret);
	}
	ret = mock_create(world->iommufd, world->models[index].id,
			  &attached->mock);
	if (!ret) {
		attached->exists = true;
		attached->at = index;
	}
	return agree("attach", expected, ret);
}

/* Now and then an IOAS is made anew: reserved intervals go no other way. */
static bool step_ioas(struct world *world, unsigned int index)
{
	const bool used = tables_of(world, index);
	struct model *model = &world->models[index];

	if (model->nr_reserved < RESERVED / 2)
		return true;
	if (!agree("destroy of the IOAS", used ? -EBUSY : 0,
		   iommufd_destroy(world->iommufd, model->id)))
		return false;
	if (used)
		return true;
	memset(model, 0, sizeof(*model));
	model->large_pages = true;
	return agree("IOAS_ALLOC", 0, ioas_alloc(world->iommufd, &model->id));
}

static bool translations_agree(const struct world *world, unsigned int index)
{
	const struct model *model = &world->models[index];
	unsigned int i, j;

	for (i = 0; i < MOCKS; i++) {
		if (!world->mocks[i].exists || world->mocks[i].at != index)
			continue;
		for (j = 0; j < model->nr_areas; j++)
			if (mock_translates(world->iommufd,
					    world->mocks[i].mock.hwpt_id,
					    world->memory +
						    model->areas[j].offset,
					    model->areas[j].length,
					    model->areas[j].start))
				return false;
	}
	return true;
}

/* Each byte of the arena is usable or reserved, as the model says. */
static bool ranges_agree(const struct world *world, unsigned int index)
{
	const struct model *model = &world->models[index];
	struct iommu_iova_range ranges[RESERVED + 2];
	__u32 count = ARRAY_SIZE(ranges), i;
	__u64 alignment, next = 0;

	if (ioas_iova_ranges(world->iommufd, model->id, ranges, &count,
			     &alignment) ||
	    alignment != alignment_of(world, index))
		return false;
	for (i = 0; i < count; i++) {
		if (is_reserved(world, index, ranges[i].start, ranges[i].last))
			return false;
		/* What is left out is reserved, from end to end. */
		if (ranges[i].start > next &&
		    (!is_reserved(world, index, next, next) ||
		     !is_reserved(world, index, ranges[i].start - 1,
				  ranges[i].start - 1)))
			return false;
		next = ranges[i].last + 1;
	}
	return true;
}

/* Is there a mapping that a table translates? Only those are pinned. */
static bool is_translated(const struct world *world)
{
	unsigned int i;

	for (i = 0; i < IOASES; i++)
		if (tables_of(world, i) && world->models[i].nr_areas)
			return true;
	return false;
}

static bool world_agrees(const struct world *world)
{
	unsigned int i;

	for (i = 0; i < IOASES; i++)
		if (!translations_agree(world, i) || !ranges_agree(world, i))
			return false;
	return is_translated(world) == !!pages_pinned();
}

static bool (*const steps[])(struct world *world, unsigned int index) = {
	step_map, step_map, step_map, step_map, step_copy, step_copy, step_copy,
	step_unmap, step_unmap, step_unmap, step_unmap_all, step_allow,
	step_reserve, step_option, step_mock, step_ioas,
};

static void world_open(struct world *world)
{
	unsigned int i;

	world->iommufd = must(iommufd_open());
	world->memory = memory_alloc(MEMORY_LENGTH);
	for (i = 0; i < IOASES; i++) {
		world->models[i].large_pages = true;
		must(ioas_alloc(world->iommufd, &world->models[i].id));
	}
}

TEST(kernel_and_model_agree)
{
	const char *more = getenv("MODEL_STEPS");
	unsigned long nr = more ? strtoul(more, NULL, 0) : STEPS, i;
	static struct world world;

	need(mock_exists(), "the mock IOMMU");
	random_start("MODEL_SEED");
	world_open(&world);
	for (i = 0; i < nr; i++) {
		const unsigned int step = random_below(ARRAY_SIZE(steps));

		ASSERT_TRUE(steps[step](&world, random_below(IOASES)))
		{
			TH_LOG("step %lu", i);
		}
		if (i % 64 == 0) {
			ASSERT_TRUE(world_agrees(&world))
			{
				TH_LOG("after step %lu", i);
			}
		}
	}
	ASSERT_TRUE(world_agrees(&world));
	EXPECT_LT(nr / 8, nr_succeeded);
	must(errno_of(close(world.iommufd)));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, mock_pinned(must(iommufd_open()), world.memory,
				 MEMORY_LENGTH, 0));
}

TEST_HARNESS_MAIN
