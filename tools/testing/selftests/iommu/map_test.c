// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_MAP: where a mapping goes, which memory it takes, and what it
 * refuses. Every test ends with nothing pinned.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/edu.h"
#include "lib/memory_file.h"
#include "lib/space.h"

#define IOVA 0x100000ULL
#define FIXED (MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)

/* Every test of this fixture runs on both kinds of space. */
FIXTURE(map)
{
	struct space space;
	char *memory;
};

#define MEMORY_PAGES 64
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)

FIXTURE_VARIANT(map)
{
	bool attached;
};

FIXTURE_VARIANT_ADD(map, without_table) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(map, with_table) {
	.attached = true,
};

static void setup_attached(struct __test_metadata *_metadata,
			   struct space *space)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	space_open_attached(space, edu_alone(&list, 0)->bdf);
}

FIXTURE_SETUP(map)
{
	if (variant->attached)
		setup_attached(_metadata, &self->space);
	else
		space_open(&self->space);
	self->memory = memory_alloc(MEMORY_LENGTH);
}

FIXTURE_TEARDOWN(map)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static int map_fixed(struct space *space, const void *memory, __u64 length,
		     __u64 iova)
{
	return ioas_map_fixed(space->iommufd, space->ioas_id, memory, length,
			      iova);
}

static int map_auto(struct space *space, const void *memory, __u64 length,
		    __u64 *iova)
{
	return ioas_map(space->iommufd, space->ioas_id, memory, length, iova);
}

static int unmap(struct space *space, __u64 iova, __u64 length)
{
	return ioas_unmap(space->iommufd, space->ioas_id, iova, length, NULL);
}

static int map_address(struct space *space, __u64 address, __u64 length,
		       __u64 iova)
{
	return ioas_map_address(space->iommufd, space->ioas_id, FIXED, address,
				length, &iova);
}

TEST_F_TIMEOUT(map, fixed_mapping_lies_where_asked, TEST_SECONDS)
{
	__u64 iova = IOVA, unmapped = 0;

	ASSERT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    FIXED, self->memory, MEMORY_LENGTH, &iova));
	EXPECT_EQ(IOVA, iova);
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
	ASSERT_EQ(0, ioas_unmap(self->space.iommufd, self->space.ioas_id, IOVA,
				MEMORY_LENGTH, &unmapped));
	EXPECT_EQ(MEMORY_LENGTH, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map, fixed_mapping_may_use_page_zero, TEST_SECONDS)
{
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE, 0));
}

TEST_F_TIMEOUT(map, each_permission_may_be_alone, TEST_SECONDS)
{
	__u64 iova = 0;

	EXPECT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    IOMMU_IOAS_MAP_READABLE, self->memory,
				    PAGE_SIZE, &iova));
	iova = 0;
	EXPECT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    IOMMU_IOAS_MAP_WRITEABLE, self->memory,
				    PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(map, no_permission_is_invalid, TEST_SECONDS)
{
	__u64 iova = IOVA;

	EXPECT_EQ(-EINVAL,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id, 0,
				 self->memory, PAGE_SIZE, &iova));
	EXPECT_EQ(-EINVAL,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				 IOMMU_IOAS_MAP_FIXED_IOVA, self->memory,
				 PAGE_SIZE, &iova));
	/* judged before the IOAS is looked for */
	EXPECT_EQ(-EINVAL, ioas_map_flags(self->space.iommufd, 0, 0,
					  self->memory, PAGE_SIZE, &iova));
}

/* Bit 16 belongs to the test code of kernels that have it. */
TEST_F_TIMEOUT(map, unknown_flag_is_not_supported, TEST_SECONDS)
{
	unsigned int bit;

	for (bit = 3; bit < 32; bit++) {
		__u64 iova = IOVA;

		if (bit == 16)
			continue;
		EXPECT_EQ(-EOPNOTSUPP,
			  ioas_map_flags(self->space.iommufd,
					 self->space.ioas_id,
					 MAP_RW | 1U << bit, self->memory,
					 PAGE_SIZE, &iova));
		/* judged before everything else */
		iova = UINT64_MAX;
		EXPECT_EQ(-EOPNOTSUPP,
			  ioas_map_flags(self->space.iommufd, 0, 1U << bit,
					 self->memory, UINT64_MAX, &iova));
	}
}

TEST_F_TIMEOUT(map, reserved_field_is_not_supported, TEST_SECONDS)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = FIXED,
		.ioas_id = self->space.ioas_id,
		.__reserved = 1,
		.user_va = (uintptr_t)self->memory,
		.length = PAGE_SIZE,
		.iova = IOVA,
	};

	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->space.iommufd, IOMMU_IOAS_MAP, &map));
}

TEST_F_TIMEOUT(map, all_ones_overflow, TEST_SECONDS)
{
	__u64 iova = UINT64_MAX;

	EXPECT_EQ(-EOVERFLOW,
		  map_fixed(&self->space, self->memory, PAGE_SIZE, UINT64_MAX));
	EXPECT_EQ(-EOVERFLOW,
		  map_fixed(&self->space, self->memory, UINT64_MAX, IOVA));
	/* the field counts although the kernel is to choose */
	EXPECT_EQ(-EOVERFLOW,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				 MAP_RW, self->memory, PAGE_SIZE, &iova));
	/* judged before permissions and before the IOAS is looked for */
	iova = UINT64_MAX;
	EXPECT_EQ(-EOVERFLOW, ioas_map_flags(self->space.iommufd, 0, 0,
					     self->memory, PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(map, unknown_ioas_is_not_found, TEST_SECONDS)
{
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(-ENOENT,
			  ioas_map_fixed(self->space.iommufd, ids[i],
					 self->memory, PAGE_SIZE, IOVA));
}

TEST_F_TIMEOUT(map, length_that_cannot_be_memory_is_invalid, TEST_SECONDS)
{
	__u64 iova;

	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, 0, IOVA));
	EXPECT_EQ(-EINVAL, map_auto(&self->space, self->memory, 0, &iova));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, NULL, UINT64_MAX - 1, 0));
	EXPECT_EQ(-EINVAL,
		  map_fixed(&self->space, NULL, UINT64_MAX - PAGE_SIZE + 2, 0));
}

TEST_F_TIMEOUT(map, wrapping_memory_overflows, TEST_SECONDS)
{
	EXPECT_EQ(-EOVERFLOW,
		  map_address(&self->space, -PAGE_SIZE, 2 * PAGE_SIZE, IOVA));
	EXPECT_EQ(-EOVERFLOW, map_fixed(&self->space, self->memory,
					UINT64_MAX - PAGE_SIZE + 1, 0));
	EXPECT_EQ(-EOVERFLOW,
		  map_address(&self->space, UINT64_MAX, 1ULL << 62, IOVA));
}

TEST_F_TIMEOUT(map, wrapping_iova_overflows, TEST_SECONDS)
{
	EXPECT_EQ(-EOVERFLOW, map_fixed(&self->space, self->memory,
					2 * PAGE_SIZE, -PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW, map_fixed(&self->space, NULL, 1ULL << 63,
					(1ULL << 63) + PAGE_SIZE));
}

TEST_F_TIMEOUT(map, kernel_does_not_choose_for_half_the_space, TEST_SECONDS)
{
	__u64 iova;

	EXPECT_EQ(-EOVERFLOW, map_auto(&self->space, NULL, 1ULL << 63, &iova));
	EXPECT_EQ(-EOVERFLOW, map_auto(&self->space, NULL, 3ULL << 62, &iova));
}

TEST_F_TIMEOUT(map, mapping_over_a_mapping_exists_already, TEST_SECONDS)
{
	const struct {
		__u64 start, length;
	} ranges[] = {
		{ IOVA, 4 * PAGE_SIZE },
		{ IOVA, PAGE_SIZE },
		{ IOVA + PAGE_SIZE, PAGE_SIZE },
		{ IOVA + 3 * PAGE_SIZE, PAGE_SIZE },
		{ IOVA + 3 * PAGE_SIZE, 8 * PAGE_SIZE },
		{ IOVA - PAGE_SIZE, 2 * PAGE_SIZE },
		{ IOVA - PAGE_SIZE, 8 * PAGE_SIZE },
	};
	size_t i;

	must(map_fixed(&self->space, self->memory, 4 * PAGE_SIZE, IOVA));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(-EEXIST, map_fixed(&self->space, self->memory,
					     ranges[i].length, ranges[i].start))
		{
			TH_LOG("%#llx, %#llx bytes", ranges[i].start,
			       ranges[i].length);
		}
	}
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
			       IOVA - PAGE_SIZE));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
			       IOVA + 4 * PAGE_SIZE));
	EXPECT_EQ(variant->attached ? 6 : 0, pages_pinned());
}

TEST_F_TIMEOUT(map, same_memory_may_be_mapped_often, TEST_SECONDS)
{
	unsigned int i;
	__u64 iova;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, map_auto(&self->space, self->memory, MEMORY_LENGTH,
				      &iova));
}

TEST_F_TIMEOUT(map, thousands_of_mappings_are_possible, TEST_SECONDS)
{
	__u64 unmapped = 0;
	unsigned int i;

	for (i = 0; i < 3000; i++)
		ASSERT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
				       IOVA + 2 * i * PAGE_SIZE));
	EXPECT_EQ(variant->attached ? 3000 : 0, pages_pinned());
	ASSERT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    &unmapped));
	EXPECT_EQ(3000 * PAGE_SIZE, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map, chosen_iovas_are_apart_and_never_in_page_zero, TEST_SECONDS)
{
	__u64 iovas[64];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		const __u64 length = (i % 7 + 1) * PAGE_SIZE;

		ASSERT_EQ(0, map_auto(&self->space, self->memory, length,
				      &iovas[i]));
		EXPECT_LE(PAGE_SIZE, iovas[i]);
		for (j = 0; j < i; j++)
			EXPECT_TRUE(iovas[i] + length <= iovas[j] ||
				    iovas[j] + (j % 7 + 1) * PAGE_SIZE <=
					    iovas[i]);
	}
}

/*
 * Otherwise a large IOMMU page could not be used, also where the CPU has none.
 */
TEST_F_TIMEOUT(map, chosen_iova_is_aligned_like_its_length, TEST_SECONDS)
{
	const __u64 span = 4 * HUGE_PAGE;
	char *reserve = memory_alloc(span);
	char *aligned;
	__u64 length;

	aligned = reserve + (-(uintptr_t)reserve & (HUGE_PAGE - 1));
	for (length = PAGE_SIZE; length <= HUGE_PAGE; length *= 2) {
		__u64 iova;

		ASSERT_EQ(0, map_auto(&self->space, aligned, length, &iova));
		EXPECT_EQ(0, iova % length);
		ASSERT_EQ(0, unmap(&self->space, iova, length));
	}
	memory_free(reserve, span);
}

TEST_F_TIMEOUT(map, reply_that_cannot_be_written_leaves_nothing, TEST_SECONDS)
{
	const struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = FIXED,
		.ioas_id = self->space.ioas_id,
		.user_va = (uintptr_t)self->memory,
		.length = PAGE_SIZE,
		.iova = IOVA,
	};
	void *arg = memory_readonly_copy(&map, sizeof(map));

	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->space.iommufd, IOMMU_IOAS_MAP, arg));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE, IOVA));
}

/* The IOVA is chosen before it shows that there is no memory. */
TEST_F_TIMEOUT(map, refused_mapping_leaves_its_argument_as_it_was, TEST_SECONDS)
{
	void *hole = memory_hole(PAGE_SIZE);
	const struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_RW,
		.ioas_id = self->space.ioas_id,
		.user_va = (uintptr_t)hole,
		.length = PAGE_SIZE,
		.iova = IOVA + 1,
	};
	struct iommu_ioas_map arg = map;

	/* Without a table the memory is not looked at. */
	ASSERT_EQ(variant->attached ? -EFAULT : 0,
		  iommufd_call(self->space.iommufd, IOMMU_IOAS_MAP, &arg));
	EXPECT_EQ(variant->attached, arg.iova == map.iova);
}

/* A call that fails must not occupy the IOVA it asked for. */
TEST_F_TIMEOUT(map, refused_mapping_leaves_the_iova_free, TEST_SECONDS)
{
	__u64 iova = IOVA;

	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, 0, IOVA));
	EXPECT_EQ(-EOVERFLOW,
		  map_address(&self->space, -PAGE_SIZE, 2 * PAGE_SIZE, IOVA));
	EXPECT_EQ(-EINVAL,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				 IOMMU_IOAS_MAP_FIXED_IOVA, self->memory,
				 PAGE_SIZE, &iova));
	EXPECT_EQ(-ENOENT, unmap(&self->space, IOVA, PAGE_SIZE));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE, IOVA));
}

TEST_F_TIMEOUT(map, mapping_outlives_the_memory, TEST_SECONDS)
{
	char *memory = memory_alloc(MEMORY_LENGTH);

	must(map_fixed(&self->space, memory, MEMORY_LENGTH, IOVA));
	memory_free(memory, MEMORY_LENGTH);
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
}

/* Nothing is translated without a table: any byte and any address will do. */
FIXTURE(map_without_table)
{
	struct space space;
	char *memory;
};

FIXTURE_SETUP(map_without_table)
{
	space_open(&self->space);
	self->memory = memory_alloc(MEMORY_LENGTH);
}

FIXTURE_TEARDOWN(map_without_table)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map_without_table, bytes_may_be_mapped, TEST_SECONDS)
{
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, 1, IOVA));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory + 3, 5, IOVA + 1));
	EXPECT_EQ(-EEXIST, map_fixed(&self->space, self->memory, 1, IOVA + 5));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, 1, IOVA + 6));
	EXPECT_EQ(0, unmap(&self->space, IOVA + 1, 5));
}

TEST_F_TIMEOUT(map_without_table, memory_is_not_looked_at, TEST_SECONDS)
{
	EXPECT_EQ(0, map_fixed(&self->space, memory_hole(MEMORY_LENGTH),
			       MEMORY_LENGTH, IOVA));
	EXPECT_EQ(0, map_fixed(&self->space, NULL, PAGE_SIZE, 0));
	EXPECT_EQ(0, map_address(&self->space, -4 * PAGE_SIZE, PAGE_SIZE,
				 0x80000000ULL));
}

TEST_F_TIMEOUT(map_without_table, limit_does_not_count_yet, TEST_SECONDS)
{
	limit_locked_pages(4);
	EXPECT_EQ(0,
		  map_fixed(&self->space, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map_without_table, last_page_of_the_space_may_be_mapped,
	       TEST_SECONDS)
{
	EXPECT_EQ(0,
		  map_fixed(&self->space, self->memory, PAGE_SIZE, -PAGE_SIZE));
	EXPECT_EQ(-EEXIST,
		  map_fixed(&self->space, self->memory, 1, UINT64_MAX - 1));
	EXPECT_EQ(0, unmap(&self->space, -PAGE_SIZE, PAGE_SIZE));
}

TEST_F_TIMEOUT(map_without_table, chosen_iova_keeps_the_offset_in_the_page,
	       TEST_SECONDS)
{
	__u64 iova;

	ASSERT_EQ(0, map_auto(&self->space, self->memory + 2048, PAGE_SIZE,
			      &iova));
	EXPECT_EQ(2048, iova % PAGE_SIZE);
}

TEST_F_TIMEOUT(map_without_table, full_space_has_no_room, TEST_SECONDS)
{
	const __u64 length = -2 * PAGE_SIZE;
	__u64 iova;

	ASSERT_EQ(0, map_fixed(&self->space, NULL, length, PAGE_SIZE));
	EXPECT_EQ(-ENOSPC,
		  map_auto(&self->space, self->memory, PAGE_SIZE, &iova));
	EXPECT_EQ(-ENOSPC,
		  map_auto(&self->space, self->memory, MEMORY_LENGTH, &iova));
	ASSERT_EQ(0, unmap(&self->space, PAGE_SIZE, length));
	EXPECT_EQ(0, map_auto(&self->space, self->memory, PAGE_SIZE, &iova));
}

/* The last hole is big enough, but not once its start is rounded up. */
TEST_F_TIMEOUT(map_without_table, rounding_up_at_the_top_does_not_wrap,
	       TEST_SECONDS)
{
	const __u64 hole = -3 * PAGE_SIZE + 1;
	__u64 iova;

	ASSERT_EQ(0,
		  map_fixed(&self->space, NULL, hole - PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(-ENOSPC, map_auto(&self->space, NULL, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(0, map_auto(&self->space, NULL, PAGE_SIZE, &iova));
	EXPECT_EQ(-2 * PAGE_SIZE, iova);
}

/* With a table the memory is pinned and translated before the call ends. */
FIXTURE(map_with_table)
{
	struct space space;
	char *memory;
};

FIXTURE_SETUP(map_with_table)
{
	setup_attached(_metadata, &self->space);
	self->memory = memory_alloc(MEMORY_LENGTH);
}

FIXTURE_TEARDOWN(map_with_table)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map_with_table, parts_of_pages_are_invalid, TEST_SECONDS)
{
	const __u64 odd[] = { 1, 8, 2048, PAGE_SIZE - 1, PAGE_SIZE + 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		__u64 iova;

		EXPECT_EQ(-EINVAL,
			  map_fixed(&self->space, self->memory, odd[i], IOVA));
		EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory,
					     PAGE_SIZE, IOVA + odd[i]));
		EXPECT_EQ(-EINVAL,
			  map_fixed(&self->space, self->memory + odd[i],
				    PAGE_SIZE, IOVA));
		EXPECT_EQ(-EINVAL,
			  map_auto(&self->space, self->memory, odd[i], &iova));
		EXPECT_EQ(-EINVAL, map_auto(&self->space, self->memory + odd[i],
					    PAGE_SIZE, &iova));
	}
}

TEST_F_TIMEOUT(map_with_table, interrupt_window_is_invalid, TEST_SECONDS)
{
	struct edu_list list;
	__u64 start, last;

	edu_list_read(&list);
	must(pci_interrupt_window(edu_alone(&list, 0), &start, &last));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, PAGE_SIZE,
				     start));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, PAGE_SIZE,
				     last + 1 - PAGE_SIZE));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, 2 * PAGE_SIZE,
				     start - PAGE_SIZE));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, 2 * PAGE_SIZE,
				     last + 1 - PAGE_SIZE));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
			       start - PAGE_SIZE));
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
			       last + 1));
}

TEST_F_TIMEOUT(map_with_table, outside_the_aperture_is_invalid, TEST_SECONDS)
{
	struct iommu_iova_range ranges[64];
	__u32 count = ARRAY_SIZE(ranges);
	__u64 alignment, last;

	must(ioas_iova_ranges(self->space.iommufd, self->space.ioas_id, ranges,
			      &count, &alignment));
	last = ranges[count - 1].last;
	if (last == UINT64_MAX) {
		/* Some translate everything. */
		EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
				       -PAGE_SIZE));
		return;
	}
	ASSERT_GT(-PAGE_SIZE, last);
	EXPECT_EQ(0, map_fixed(&self->space, self->memory, PAGE_SIZE,
			       last - PAGE_SIZE + 1));
	EXPECT_EQ(-EINVAL,
		  map_fixed(&self->space, self->memory, PAGE_SIZE, last + 1));
	EXPECT_EQ(-EINVAL, map_fixed(&self->space, self->memory, 2 * PAGE_SIZE,
				     last - PAGE_SIZE + 1));
	EXPECT_EQ(-EINVAL,
		  map_fixed(&self->space, self->memory, PAGE_SIZE, -PAGE_SIZE));
	EXPECT_EQ(-EINVAL,
		  map_fixed(&self->space, self->memory, PAGE_SIZE, 1ULL << 63));
}

/* Past what is mapped, the middle, the first page: nothing may stay pinned. */
TEST_F_TIMEOUT(map_with_table, memory_that_is_not_there_faults, TEST_SECONDS)
{
	static const unsigned int missing[] = { 0, 1, 31, 32, 62, 63 };
	size_t i;

	EXPECT_EQ(-EFAULT, map_fixed(&self->space, memory_hole(PAGE_SIZE),
				     PAGE_SIZE, IOVA));
	EXPECT_EQ(-EFAULT, map_fixed(&self->space, NULL, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EFAULT,
		  map_address(&self->space, -4 * PAGE_SIZE, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EFAULT,
		  map_address(&self->space, 1ULL << 63, PAGE_SIZE, IOVA));
	for (i = 0; i < ARRAY_SIZE(missing); i++) {
		char *memory = memory_alloc(MEMORY_LENGTH);

		memory_free(memory + missing[i] * PAGE_SIZE, PAGE_SIZE);
		EXPECT_EQ(-EFAULT,
			  map_fixed(&self->space, memory, MEMORY_LENGTH, IOVA))
		{
			TH_LOG("page %u is missing", missing[i]);
		}
		EXPECT_EQ(0, pages_pinned());
		munmap(memory, MEMORY_LENGTH);
	}
	EXPECT_EQ(0,
		  map_fixed(&self->space, self->memory, MEMORY_LENGTH, IOVA));
}

/* Whether it is the address that wraps or the page that is missing is open. */
TEST_F_TIMEOUT(map_with_table, memory_at_the_top_is_refused, TEST_SECONDS)
{
	int ret = map_address(&self->space, -PAGE_SIZE, PAGE_SIZE, IOVA);

	EXPECT_TRUE(ret == -EFAULT || ret == -EOVERFLOW);
}

TEST_F_TIMEOUT(map_with_table, access_beyond_protection_faults, TEST_SECONDS)
{
	__u64 iova = IOVA;

	must(errno_of(mprotect(self->memory, MEMORY_LENGTH, PROT_READ)));
	EXPECT_EQ(-EFAULT,
		  map_fixed(&self->space, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    IOMMU_IOAS_MAP_READABLE |
					    IOMMU_IOAS_MAP_FIXED_IOVA,
				    self->memory, MEMORY_LENGTH, &iova));
	EXPECT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
	must(errno_of(mprotect(self->memory, MEMORY_LENGTH, PROT_NONE)));
	EXPECT_EQ(-EFAULT,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				 IOMMU_IOAS_MAP_READABLE |
					 IOMMU_IOAS_MAP_FIXED_IOVA,
				 self->memory, MEMORY_LENGTH, &iova));
	EXPECT_EQ(0, pages_pinned());
}

static int memfd_of(const void *data, size_t length)
{
	int fd = must(errno_of(memfd_create("map_test", MFD_CLOEXEC)));

	must(errno_of(ftruncate(fd, length)));
	must(write(fd, data, length) == (ssize_t)length ? 0 : -EIO);
	return fd;
}

TEST_F_TIMEOUT(map_with_table, shared_file_may_be_mapped, TEST_SECONDS)
{
	int fd = memfd_of(self->memory, MEMORY_LENGTH);
	void *file = mmap(NULL, MEMORY_LENGTH, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(0, map_fixed(&self->space, file, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(MEMORY_PAGES, pages_pinned());
}

/* A driver is not asked for a part of what it got in one piece. */
TEST_F_TIMEOUT(map_with_table, large_page_across_4_gib_goes_whole, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	const __u64 iova = (4ULL << 30) - HUGE_PAGE / 2;
	int file = must(file_open(FILE_HUGETLB));
	__u64 unmapped = 0;

	need(huge_pages_reserve(), "huge pages");
	must(errno_of(ftruncate(file, HUGE_PAGE)));
	ASSERT_EQ(0, ioas_map_file_fixed(iommufd, self->space.ioas_id, file, 0,
					 HUGE_PAGE, iova));
	EXPECT_EQ(0, ioas_unmap(iommufd, self->space.ioas_id, iova, HUGE_PAGE,
				&unmapped));
	EXPECT_EQ(HUGE_PAGE, unmapped);
	close(file);
}

TEST_F_TIMEOUT(map_with_table, private_file_may_be_mapped_to_read, TEST_SECONDS)
{
	int fd = memfd_of(self->memory, MEMORY_LENGTH);
	void *file = mmap(NULL, MEMORY_LENGTH, PROT_READ, MAP_PRIVATE, fd, 0);
	__u64 iova = 0;

	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    IOMMU_IOAS_MAP_READABLE, file,
				    MEMORY_LENGTH, &iova));
	EXPECT_EQ(-EFAULT, map_fixed(&self->space, file, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(MEMORY_PAGES, pages_pinned());
}

TEST_F_TIMEOUT(map_with_table, shared_file_without_write_access_may_be_read,
	       TEST_SECONDS)
{
	int fd = memfd_of(self->memory, MEMORY_LENGTH);
	__u64 iova = 0;
	char path[64];
	void *file;
	int readonly;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = must(errno_of(open(path, O_RDONLY | O_CLOEXEC)));
	file = mmap(NULL, MEMORY_LENGTH, PROT_READ, MAP_SHARED, readonly, 0);
	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(0, ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				    IOMMU_IOAS_MAP_READABLE, file,
				    MEMORY_LENGTH, &iova));
	EXPECT_EQ(-EFAULT, map_fixed(&self->space, file, MEMORY_LENGTH, IOVA));
}

TEST_F_TIMEOUT(map_with_table, end_of_file_faults, TEST_SECONDS)
{
	int fd = memfd_of(self->memory, MEMORY_LENGTH / 2);
	void *file = mmap(NULL, MEMORY_LENGTH, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(-EFAULT, map_fixed(&self->space, file, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map_fixed(&self->space, file, MEMORY_LENGTH / 2, IOVA));
}

TEST_F_TIMEOUT(map_with_table, registers_of_a_device_fault, TEST_SECONDS)
{
	__u64 iova = IOVA;
	struct edu edu;

	ASSERT_EQ(0, edu_start(&edu, self->space.device));
	EXPECT_EQ(-EFAULT,
		  map_fixed(&self->space, edu.registers, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EFAULT,
		  map_fixed(&self->space, edu.registers, EDU_BAR_SIZE, IOVA));
	EXPECT_EQ(-EFAULT,
		  ioas_map_flags(self->space.iommufd, self->space.ioas_id,
				 IOMMU_IOAS_MAP_READABLE, edu.registers,
				 PAGE_SIZE, &iova));
	EXPECT_EQ(0, pages_pinned());
	edu_stop(&edu);
}

TEST_F_TIMEOUT(map_with_table, limit_of_locked_memory_holds, TEST_SECONDS)
{
	char *memory = memory_alloc(MEMORY_LENGTH + PAGE_SIZE);

	limit_locked_pages(MEMORY_PAGES);
	EXPECT_EQ(-ENOMEM, map_fixed(&self->space, memory,
				     MEMORY_LENGTH + PAGE_SIZE, IOVA));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map_fixed(&self->space, memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-ENOMEM, map_fixed(&self->space, memory, PAGE_SIZE,
				     IOVA + MEMORY_LENGTH));
	EXPECT_EQ(MEMORY_PAGES, pages_pinned());
	EXPECT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
	EXPECT_TRUE(space_locks_exactly(&self->space, MEMORY_PAGES));
}

/* What a failing call charged on its way must have been given back. */
TEST_F_TIMEOUT(map_with_table, failures_give_the_charge_back, TEST_SECONDS)
{
	unsigned int i;

	limit_locked_pages(MEMORY_PAGES);
	for (i = 0; i < MEMORY_PAGES; i += 9) {
		char *memory = memory_alloc(MEMORY_LENGTH);

		memory_free(memory + i * PAGE_SIZE, PAGE_SIZE);
		EXPECT_EQ(-EFAULT,
			  map_fixed(&self->space, memory, MEMORY_LENGTH, IOVA));
		munmap(memory, MEMORY_LENGTH);
	}
	must(errno_of(mprotect(self->memory, MEMORY_LENGTH, PROT_READ)));
	EXPECT_EQ(-EFAULT,
		  map_fixed(&self->space, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_TRUE(space_locks_exactly(&self->space, MEMORY_PAGES));
}

/* The capability is looked at when the mapping is made, not when it goes. */
TEST_F_TIMEOUT(map_with_table, privileged_mapping_is_never_charged,
	       TEST_SECONDS)
{
	must(map_fixed(&self->space, self->memory, MEMORY_LENGTH, IOVA));
	limit_locked_pages(8);
	EXPECT_TRUE(space_locks_exactly(&self->space, 8));
	EXPECT_EQ(0, unmap(&self->space, IOVA, MEMORY_LENGTH));
	EXPECT_TRUE(space_locks_exactly(&self->space, 8));
}

TEST_F_TIMEOUT(map_with_table, detach_and_destroy_give_the_charge_back,
	       TEST_SECONDS)
{
	struct space *space = &self->space;

	limit_locked_pages(MEMORY_PAGES);
	must(map_fixed(space, self->memory, MEMORY_LENGTH, IOVA));
	must(vfio_detach(space->device));
	EXPECT_EQ(0, pages_pinned());
	must(iommufd_destroy(space->iommufd, space->ioas_id));
	must(ioas_alloc(space->iommufd, &space->ioas_id));
	must(vfio_attach_to(space->device, space->ioas_id));
	EXPECT_TRUE(space_locks_exactly(space, MEMORY_PAGES));
}

TEST_HARNESS_MAIN
