// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_UNMAP: what goes, what stays, and what is refused.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/space.h"

#define IOVA 0x100000ULL
#define MEMORY_PAGES 64
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)

FIXTURE(unmap)
{
	struct space space;
	char *memory;
};

FIXTURE_VARIANT(unmap)
{
	bool attached;
};

FIXTURE_VARIANT_ADD(unmap, without_table) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(unmap, with_table) {
	.attached = true,
};

FIXTURE_SETUP(unmap)
{
	struct edu_list list;

	edu_list_read(&list);
	if (variant->attached) {
		need(edu_alone(&list, 0), "an edu device alone in its group");
		space_open_attached(&self->space, edu_alone(&list, 0)->bdf);
	} else {
		space_open(&self->space);
	}
	self->memory = memory_alloc(MEMORY_LENGTH);
}

FIXTURE_TEARDOWN(unmap)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static int map(struct space *space, const void *memory, __u64 length,
	       __u64 iova)
{
	return ioas_map_fixed(space->iommufd, space->ioas_id, memory, length,
			      iova);
}

static int unmap(struct space *space, __u64 iova, __u64 length)
{
	return ioas_unmap(space->iommufd, space->ioas_id, iova, length, NULL);
}

TEST_F_TIMEOUT(unmap, everything_may_be_nothing, TEST_SECONDS)
{
	__u64 unmapped = 1;

	EXPECT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F_TIMEOUT(unmap, everything_is_summed_up, TEST_SECONDS)
{
	__u64 unmapped = 0;

	must(map(&self->space, self->memory, PAGE_SIZE, 0));
	must(map(&self->space, self->memory, MEMORY_LENGTH, IOVA));
	must(map(&self->space, self->memory, 2 * PAGE_SIZE, 0xf0000000ULL));
	EXPECT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    &unmapped));
	EXPECT_EQ(MEMORY_LENGTH + 3 * PAGE_SIZE, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(unmap, all_ones_otherwise_overflow, TEST_SECONDS)
{
	must(map(&self->space, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, UINT64_MAX, PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, UINT64_MAX, UINT64_MAX));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, 1, UINT64_MAX));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, IOVA, UINT64_MAX));
	EXPECT_EQ(0, unmap(&self->space, IOVA, PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, no_length_is_invalid, TEST_SECONDS)
{
	must(map(&self->space, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EINVAL, unmap(&self->space, IOVA, 0));
	EXPECT_EQ(-EINVAL, unmap(&self->space, 0, 0));
	EXPECT_EQ(0, unmap(&self->space, IOVA, PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, wrapping_range_overflows, TEST_SECONDS)
{
	must(map(&self->space, self->memory, PAGE_SIZE, 0));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, UINT64_MAX - 1, PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, -PAGE_SIZE, 2 * PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW, unmap(&self->space, PAGE_SIZE, UINT64_MAX - 1));
	EXPECT_EQ(0, unmap(&self->space, 0, PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, empty_range_is_not_found, TEST_SECONDS)
{
	must(map(&self->space, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(-ENOENT, unmap(&self->space, 0, 1));
	EXPECT_EQ(-ENOENT, unmap(&self->space, 0, IOVA));
	EXPECT_EQ(-ENOENT, unmap(&self->space, IOVA + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(-ENOENT, unmap(&self->space, -PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(0, unmap(&self->space, IOVA, PAGE_SIZE));
	EXPECT_EQ(-ENOENT, unmap(&self->space, IOVA, PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, unknown_ioas_is_not_found, TEST_SECONDS)
{
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		EXPECT_EQ(-ENOENT, ioas_unmap(self->space.iommufd, ids[i], IOVA,
					      PAGE_SIZE, NULL));
		EXPECT_EQ(-ENOENT,
			  ioas_unmap_all(self->space.iommufd, ids[i], NULL));
	}
}

/* Mappings are never cut. */
TEST_F_TIMEOUT(unmap, part_of_a_mapping_is_refused, TEST_SECONDS)
{
	const struct {
		__u64 start, length;
	} parts[] = {
		{ IOVA, 1 },
		{ IOVA, PAGE_SIZE },
		{ IOVA, 3 * PAGE_SIZE },
		{ IOVA, 4 * PAGE_SIZE - 1 },
		{ IOVA + 1, 4 * PAGE_SIZE - 1 },
		{ IOVA + PAGE_SIZE, 2 * PAGE_SIZE },
		{ IOVA + 3 * PAGE_SIZE, PAGE_SIZE },
		{ IOVA + 3 * PAGE_SIZE, 4 * PAGE_SIZE },
		{ IOVA - PAGE_SIZE, 2 * PAGE_SIZE },
		{ 0, IOVA + 1 },
	};
	size_t i;

	must(map(&self->space, self->memory, 4 * PAGE_SIZE, IOVA));
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		EXPECT_EQ(-ENOENT,
			  unmap(&self->space, parts[i].start, parts[i].length))
		{
			TH_LOG("%#llx, %#llx bytes", parts[i].start,
			       parts[i].length);
		}
	}
	EXPECT_EQ(variant->attached ? 4 : 0, pages_pinned());
	EXPECT_EQ(0, unmap(&self->space, IOVA, 4 * PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, range_may_be_larger_and_have_holes, TEST_SECONDS)
{
	__u64 unmapped = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		must(map(&self->space, self->memory, (i + 1) * PAGE_SIZE,
			 IOVA + 16 * i * PAGE_SIZE));
	ASSERT_EQ(0, ioas_unmap(self->space.iommufd, self->space.ioas_id,
				IOVA - PAGE_SIZE, 200 * PAGE_SIZE, &unmapped));
	EXPECT_EQ(36 * PAGE_SIZE, unmapped);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(-ENOENT, unmap(&self->space, 0, 0xf0000000ULL));
}

TEST_F_TIMEOUT(unmap, neighbours_stay, TEST_SECONDS)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		must(map(&self->space, self->memory, PAGE_SIZE,
			 IOVA + i * PAGE_SIZE));
	EXPECT_EQ(0, unmap(&self->space, IOVA + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(variant->attached ? 2 : 0, pages_pinned());
	EXPECT_EQ(-EEXIST, map(&self->space, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EEXIST, map(&self->space, self->memory, PAGE_SIZE,
			       IOVA + 2 * PAGE_SIZE));
	EXPECT_EQ(0,
		  map(&self->space, self->memory, PAGE_SIZE, IOVA + PAGE_SIZE));
}

/* Work goes upwards and is not taken back when a cut mapping ends it. */
TEST_F_TIMEOUT(unmap, mappings_below_a_cut_one_are_gone, TEST_SECONDS)
{
	must(map(&self->space, self->memory, PAGE_SIZE, IOVA));
	must(map(&self->space, self->memory, PAGE_SIZE, IOVA + PAGE_SIZE));
	must(map(&self->space, self->memory, 4 * PAGE_SIZE,
		 IOVA + 4 * PAGE_SIZE));
	EXPECT_EQ(-ENOENT, unmap(&self->space, IOVA, 6 * PAGE_SIZE));
	EXPECT_EQ(variant->attached ? 4 : 0, pages_pinned());
	EXPECT_EQ(-ENOENT, unmap(&self->space, IOVA, 2 * PAGE_SIZE));
	EXPECT_EQ(0, unmap(&self->space, IOVA + 4 * PAGE_SIZE, 4 * PAGE_SIZE));
}

TEST_F_TIMEOUT(unmap, iova_is_free_again_at_once, TEST_SECONDS)
{
	unsigned int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0,
			  map(&self->space, self->memory, MEMORY_LENGTH, IOVA));
		ASSERT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
	}
}

/*
 * Two threads for each of two overlapping places. Whatever the order, a map
 * succeeds or finds the place taken, an unmap succeeds, finds nothing, or
 * finds the other call at work.
 */
#define ROUNDS 300

struct mapper {
	struct space *space;
	void *memory;
	__u64 iova;
	__u64 length;
	unsigned int mapped;
	unsigned int surprises;
};

static void *map_and_unmap(void *data)
{
	struct mapper *mapper = data;
	unsigned int i;
	int ret;

	for (i = 0; i < ROUNDS; i++) {
		ret = map(mapper->space, mapper->memory, mapper->length,
			  mapper->iova);
		mapper->mapped += !ret;
		mapper->surprises += ret && ret != -EEXIST;
		ret = unmap(mapper->space, mapper->iova, mapper->length);
		mapper->surprises += ret && ret != -ENOENT && ret != -EBUSY;
	}
	return NULL;
}

TEST_F_TIMEOUT(unmap, threads_do_not_disturb_each_other, TEST_SECONDS)
{
	struct mapper mappers[4];
	pthread_t threads[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		mappers[i] = (struct mapper){
			.space = &self->space,
			.memory = self->memory,
			.iova = IOVA + i / 2 * 4 * PAGE_SIZE,
			.length = 8 * PAGE_SIZE,
		};
		must(-pthread_create(&threads[i], NULL, map_and_unmap,
				     &mappers[i]));
	}
	for (i = 0; i < 4; i++)
		must(-pthread_join(threads[i], NULL));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, mappers[i].surprises);
	EXPECT_LT(0, mappers[0].mapped + mappers[1].mapped + mappers[2].mapped +
			     mappers[3].mapped);
	EXPECT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map(&self->space, self->memory, MEMORY_LENGTH, IOVA));
}

/* Of several maps of one place exactly one succeeds. */
static void *map_once(void *data)
{
	struct mapper *mapper = data;
	int ret;

	ret = map(mapper->space, mapper->memory, mapper->length, mapper->iova);
	mapper->mapped = !ret;
	mapper->surprises = ret && ret != -EEXIST;
	return NULL;
}

TEST_F_TIMEOUT(unmap, one_of_many_maps_of_a_place_wins, TEST_SECONDS)
{
	unsigned int round, i;

	for (round = 0; round < 50; round++) {
		struct mapper mappers[4];
		pthread_t threads[4];
		unsigned int won = 0;

		for (i = 0; i < 4; i++) {
			mappers[i] = (struct mapper){
				.space = &self->space,
				.memory = self->memory,
				.iova = IOVA,
				.length = MEMORY_LENGTH,
			};
			must(-pthread_create(&threads[i], NULL, map_once,
					     &mappers[i]));
		}
		for (i = 0; i < 4; i++) {
			must(-pthread_join(threads[i], NULL));
			won += mappers[i].mapped;
			EXPECT_EQ(0, mappers[i].surprises);
		}
		ASSERT_EQ(1, won);
		ASSERT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
	}
}

TEST_HARNESS_MAIN
