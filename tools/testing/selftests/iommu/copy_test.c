// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_COPY: the same memory in a second place, pinned and charged once.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define COPY (MOCK_APERTURE + 0x4000000)
#define MEMORY_PAGES 32
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)
#define FIXED (MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define GRANULE ((__u64)MOCK_PAGE_SIZE)

/* Each side is with or without a page table. */
FIXTURE(copy)
{
	int iommufd;
	__u32 source;
	__u32 target;
	/* hwpt_id is 0 without one */
	struct mock source_mock;
	struct mock target_mock;
	char *memory;
};

FIXTURE_VARIANT(copy)
{
	bool source_attached;
	bool target_attached;
};

FIXTURE_VARIANT_ADD(copy, without_table) {
	.source_attached = false,
	.target_attached = false,
};

FIXTURE_VARIANT_ADD(copy, from_table) {
	.source_attached = true,
	.target_attached = false,
};

FIXTURE_VARIANT_ADD(copy, to_table) {
	.source_attached = false,
	.target_attached = true,
};

FIXTURE_VARIANT_ADD(copy, between_tables) {
	.source_attached = true,
	.target_attached = true,
};

FIXTURE_SETUP(copy)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->source));
	must(ioas_alloc(self->iommufd, &self->target));
	if (variant->source_attached)
		must(mock_create(self->iommufd, self->source,
				 &self->source_mock));
	if (variant->target_attached)
		must(mock_create(self->iommufd, self->target,
				 &self->target_mock));
	self->memory = memory_alloc(MEMORY_LENGTH);
	memory_fill(self->memory, MEMORY_LENGTH, 1);
}

FIXTURE_TEARDOWN(copy)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static bool pinned(const FIXTURE_VARIANT(copy) * variant)
{
	return variant->source_attached || variant->target_attached;
}

static int map(FIXTURE_DATA(copy) * self, const void *memory, __u64 length,
	       __u64 iova)
{
	return ioas_map_fixed(self->iommufd, self->source, memory, length,
			      iova);
}

static int copy_to(FIXTURE_DATA(copy) * self, __u64 dst_iova, __u64 src_iova,
		   __u64 length)
{
	return ioas_copy_fixed(self->iommufd, self->target, dst_iova,
			       self->source, src_iova, length);
}

static int unmap(FIXTURE_DATA(copy) * self, __u32 ioas_id, __u64 iova,
		 __u64 length)
{
	return ioas_unmap(self->iommufd, ioas_id, iova, length, NULL);
}

/* What the CPU of a driver and, if there is a table, a device finds at @iova */
static bool shows(FIXTURE_DATA(copy) * self, const void *memory, __u64 length,
		  __u64 iova)
{
	int access = must(access_create(self->iommufd, self->target));
	void *data = memory_alloc(length);
	bool same;

	must(access_read(self->iommufd, access, iova, data, length));
	same = !memcmp(data, memory, length);
	memory_free(data, length);
	must(errno_of(close(access)));
	if (self->target_mock.hwpt_id)
		same = same && !mock_translates(self->iommufd,
						self->target_mock.hwpt_id,
						memory, length, iova);
	return same;
}

TEST_F_TIMEOUT(copy, is_of_the_same_memory, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	ASSERT_EQ(0, copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
	memory_fill(self->memory, MEMORY_LENGTH, 2);
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
}

TEST_F_TIMEOUT(copy, pins_each_page_once, TEST_SECONDS)
{
	unsigned int i;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (i = 0; i < 4; i++)
		must(copy_to(self, COPY + i * MEMORY_LENGTH, IOVA,
			     MEMORY_LENGTH));
	EXPECT_EQ(pinned(variant) ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory, MEMORY_LENGTH,
				 pinned(variant)));
	must(ioas_unmap_all(self->iommufd, self->source, NULL));
	must(ioas_unmap_all(self->iommufd, self->target, NULL));
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory, MEMORY_LENGTH,
				 0));
}

TEST_F_TIMEOUT(copy, outlives_the_mapping_it_was_made_of, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	must(unmap(self, self->source, IOVA, MEMORY_LENGTH));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
	EXPECT_EQ(variant->target_attached ? MEMORY_PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(copy, outlives_the_ioas_it_was_made_of, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	if (variant->source_attached)
		must(iommufd_destroy(self->iommufd, self->source_mock.id));
	must(iommufd_destroy(self->iommufd, self->source));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
	EXPECT_EQ(variant->target_attached ? MEMORY_PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(copy, removal_leaves_the_source, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	must(unmap(self, self->target, COPY, MEMORY_LENGTH));
	EXPECT_EQ(variant->source_attached ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(0, copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
}

TEST_F_TIMEOUT(copy, of_a_copy_is_of_the_same_memory, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	must(ioas_copy_fixed(self->iommufd, self->target, COPY + MEMORY_LENGTH,
			     self->target, COPY + PAGE_SIZE,
			     MEMORY_LENGTH - PAGE_SIZE));
	must(unmap(self, self->source, IOVA, MEMORY_LENGTH));
	must(unmap(self, self->target, COPY, MEMORY_LENGTH));
	EXPECT_TRUE(shows(self, self->memory + PAGE_SIZE,
			  MEMORY_LENGTH - PAGE_SIZE, COPY + MEMORY_LENGTH));
	EXPECT_EQ(variant->target_attached ? MEMORY_PAGES - 1 : 0,
		  pages_pinned());
}

TEST_F_TIMEOUT(copy, may_stay_in_the_ioas, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	ASSERT_EQ(0, ioas_copy_fixed(self->iommufd, self->source, COPY,
				     self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EEXIST,
		  ioas_copy_fixed(self->iommufd, self->source, IOVA + PAGE_SIZE,
				  self->source, IOVA, MEMORY_LENGTH));
	must(unmap(self, self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(0, copy_to(self, COPY, COPY, MEMORY_LENGTH));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, COPY));
}

TEST_F_TIMEOUT(copy, may_be_of_any_part, TEST_SECONDS)
{
	__u64 first, length;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (first = 0; first < 5 * GRANULE; first += GRANULE) {
		for (length = GRANULE; length <= 5 * GRANULE;
		     length += GRANULE) {
			ASSERT_EQ(0, copy_to(self, COPY, IOVA + first, length));
			EXPECT_TRUE(shows(self, self->memory + first, length,
					  COPY));
			must(unmap(self, self->target, COPY, length));
		}
	}
	ASSERT_EQ(0, copy_to(self, COPY, IOVA + MEMORY_LENGTH - GRANULE,
			     GRANULE));
	EXPECT_TRUE(shows(self, self->memory + MEMORY_LENGTH - GRANULE, GRANULE,
			  COPY));
}

/* Only the pages of the part: half of a page is a page. */
TEST_F_TIMEOUT(copy, of_a_part_pins_its_pages_only, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA + GRANULE, PAGE_SIZE));
	must(unmap(self, self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(variant->target_attached ? 2 : 0, pages_pinned());
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory, 2 * PAGE_SIZE,
				 variant->target_attached));
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory + 2 * PAGE_SIZE,
				 MEMORY_LENGTH - 2 * PAGE_SIZE, 0));
}

TEST_F_TIMEOUT(copy, may_span_mappings, TEST_SECONDS)
{
	char *other = memory_alloc(MEMORY_LENGTH);

	memory_fill(other, MEMORY_LENGTH, 3);
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(map(self, other, MEMORY_LENGTH, IOVA + MEMORY_LENGTH));
	ASSERT_EQ(0, copy_to(self, COPY, IOVA + PAGE_SIZE,
			     MEMORY_LENGTH + PAGE_SIZE));
	EXPECT_TRUE(shows(self, self->memory + PAGE_SIZE,
			  MEMORY_LENGTH - PAGE_SIZE, COPY));
	EXPECT_TRUE(shows(self, other, 2 * PAGE_SIZE,
			  COPY + MEMORY_LENGTH - PAGE_SIZE));

	/* A mapping for each of the source, never to be cut. */
	EXPECT_EQ(-ENOENT, unmap(self, self->target, COPY, MEMORY_LENGTH));
	EXPECT_EQ(-ENOENT, unmap(self, self->target, COPY, PAGE_SIZE));
	EXPECT_EQ(0, unmap(self, self->target,
			   COPY + MEMORY_LENGTH - PAGE_SIZE, 2 * PAGE_SIZE));
}

TEST_F_TIMEOUT(copy, of_what_is_not_all_mapped_is_not_found, TEST_SECONDS)
{
	const struct {
		__u64 start, length;
	} ranges[] = {
		{ IOVA - PAGE_SIZE, PAGE_SIZE },
		{ IOVA - PAGE_SIZE, 2 * PAGE_SIZE },
		{ IOVA, 3 * PAGE_SIZE },
		{ IOVA + PAGE_SIZE, 2 * PAGE_SIZE },
		{ IOVA + 2 * PAGE_SIZE, PAGE_SIZE },
		{ IOVA + 2 * PAGE_SIZE, 2 * PAGE_SIZE },
		{ IOVA, 8 * PAGE_SIZE },
		{ IOVA + 3 * PAGE_SIZE, 8 * PAGE_SIZE },
		{ 0, 1 },
		{ 0, UINT64_MAX - 1 },
		{ -PAGE_SIZE, PAGE_SIZE },
	};
	size_t i;

	must(map(self, self->memory, 2 * PAGE_SIZE, IOVA));
	must(map(self, self->memory, 2 * PAGE_SIZE, IOVA + 3 * PAGE_SIZE));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(-ENOENT, copy_to(self, COPY, ranges[i].start,
					   ranges[i].length))
		{
			TH_LOG("%#llx, %#llx bytes", ranges[i].start,
			       ranges[i].length);
		}
	}
	EXPECT_EQ(variant->source_attached ? 4 : 0, pages_pinned());
	EXPECT_EQ(-ENOENT, unmap(self, self->target, 0, UINT64_MAX - 1));
}

TEST_F_TIMEOUT(copy, kernel_may_choose_where, TEST_SECONDS)
{
	__u64 first, second;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	ASSERT_EQ(0, ioas_copy(self->iommufd, self->target, &first,
			       self->source, IOVA, MEMORY_LENGTH));
	ASSERT_EQ(0, ioas_copy(self->iommufd, self->target, &second,
			       self->source, IOVA, MEMORY_LENGTH));
	EXPECT_LE(PAGE_SIZE, first);
	EXPECT_LE(first + MEMORY_LENGTH, second);
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, first));
	EXPECT_TRUE(shows(self, self->memory, MEMORY_LENGTH, second));
}

TEST_F_TIMEOUT(copy, chooses_permissions_anew, TEST_SECONDS)
{
	int access = must(access_create(self->iommufd, self->target));
	__u64 iova = COPY;
	char byte = 0;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	ASSERT_EQ(0, ioas_copy_flags(self->iommufd,
				     IOMMU_IOAS_MAP_FIXED_IOVA |
					     IOMMU_IOAS_MAP_READABLE,
				     self->target, &iova, self->source, IOVA,
				     MEMORY_LENGTH));
	EXPECT_EQ(0, access_read(self->iommufd, access, COPY, &byte, 1));
	EXPECT_EQ(-EPERM, access_write(self->iommufd, access, COPY, &byte, 1));

	iova = COPY + MEMORY_LENGTH;
	ASSERT_EQ(0, ioas_copy_flags(self->iommufd,
				     IOMMU_IOAS_MAP_FIXED_IOVA |
					     IOMMU_IOAS_MAP_WRITEABLE,
				     self->target, &iova, self->source, IOVA,
				     MEMORY_LENGTH));
	EXPECT_EQ(-EPERM, access_read(self->iommufd, access, iova, &byte, 1));
	EXPECT_EQ(0, access_write(self->iommufd, access, iova, &byte, 1));

	/* The memory counts, not the mapping. */
	EXPECT_EQ(0, ioas_copy_fixed(self->iommufd, self->target,
				     COPY + 2 * MEMORY_LENGTH, self->target,
				     COPY, MEMORY_LENGTH));
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(copy, does_not_write_to_memory_mapped_to_be_read, TEST_SECONDS)
{
	const __u32 readable = IOMMU_IOAS_MAP_FIXED_IOVA |
			       IOMMU_IOAS_MAP_READABLE;
	__u64 iova = IOVA;

	must(ioas_map_flags(self->iommufd, self->source, readable, self->memory,
			    MEMORY_LENGTH, &iova));
	must(map(self, self->memory, MEMORY_LENGTH, IOVA + MEMORY_LENGTH));
	EXPECT_EQ(-EPERM, copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EPERM, copy_to(self, COPY, IOVA, 2 * MEMORY_LENGTH));
	EXPECT_EQ(-EPERM, ioas_copy(self->iommufd, self->target, &iova,
				    self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-ENOENT, unmap(self, self->target, 0, UINT64_MAX - 1));
	iova = COPY;
	EXPECT_EQ(0, ioas_copy_flags(self->iommufd, readable, self->target,
				     &iova, self->source, IOVA,
				     2 * MEMORY_LENGTH));
}

TEST_F_TIMEOUT(copy, no_permission_is_invalid, TEST_SECONDS)
{
	__u64 iova = COPY;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EINVAL,
		  ioas_copy_flags(self->iommufd, 0, self->target, &iova,
				  self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EINVAL,
		  ioas_copy_flags(self->iommufd, IOMMU_IOAS_MAP_FIXED_IOVA,
				  self->target, &iova, self->source, IOVA,
				  MEMORY_LENGTH));
	/* judged before either IOAS is looked for */
	EXPECT_EQ(-EINVAL, ioas_copy_flags(self->iommufd, 0, 0, &iova, 0, IOVA,
					   MEMORY_LENGTH));
}

/* Bit 16 belongs to the test code of kernels that have it. */
TEST_F_TIMEOUT(copy, unknown_flag_is_not_supported, TEST_SECONDS)
{
	unsigned int bit;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (bit = 3; bit < 32; bit++) {
		__u64 iova = COPY;

		if (bit == 16)
			continue;
		EXPECT_EQ(-EOPNOTSUPP,
			  ioas_copy_flags(self->iommufd, FIXED | 1U << bit,
					  self->target, &iova, self->source,
					  IOVA, MEMORY_LENGTH));
		/* judged before everything else */
		iova = UINT64_MAX;
		EXPECT_EQ(-EOPNOTSUPP,
			  ioas_copy_flags(self->iommufd, 1U << bit, 0, &iova, 0,
					  UINT64_MAX, UINT64_MAX));
	}
}

TEST_F_TIMEOUT(copy, all_ones_overflow, TEST_SECONDS)
{
	__u64 iova = UINT64_MAX;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, UINT64_MAX, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, COPY, UINT64_MAX, MEMORY_LENGTH));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, COPY, IOVA, UINT64_MAX));
	/* also where the kernel is to choose, and before permissions */
	EXPECT_EQ(-EOVERFLOW,
		  ioas_copy_flags(self->iommufd, 0, self->target, &iova,
				  self->source, IOVA, MEMORY_LENGTH));
}

TEST_F_TIMEOUT(copy, wrapping_range_overflows, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, COPY, -PAGE_SIZE, 2 * PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, COPY, IOVA, UINT64_MAX - 1));
	EXPECT_EQ(-EOVERFLOW, copy_to(self, -PAGE_SIZE, IOVA, 2 * PAGE_SIZE));
}

TEST_F_TIMEOUT(copy, no_length_is_invalid, TEST_SECONDS)
{
	__u64 iova;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EINVAL, copy_to(self, COPY, IOVA, 0));
	EXPECT_EQ(-EINVAL, ioas_copy(self->iommufd, self->target, &iova,
				     self->source, IOVA, 0));
}

TEST_F_TIMEOUT(copy, unknown_ioas_is_not_found, TEST_SECONDS)
{
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	struct mock mock;
	size_t i;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		EXPECT_EQ(-ENOENT,
			  ioas_copy_fixed(self->iommufd, ids[i], COPY,
					  self->source, IOVA, MEMORY_LENGTH));
		EXPECT_EQ(-ENOENT,
			  ioas_copy_fixed(self->iommufd, self->target, COPY,
					  ids[i], IOVA, MEMORY_LENGTH));
		/* judged before the range of the source */
		EXPECT_EQ(-ENOENT,
			  ioas_copy_fixed(self->iommufd, self->target, COPY,
					  ids[i], IOVA, 0));
	}
	must(mock_create(self->iommufd, self->target, &mock));
	EXPECT_EQ(-ENOENT, ioas_copy_fixed(self->iommufd, mock.hwpt_id, COPY,
					   self->source, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-ENOENT, ioas_copy_fixed(self->iommufd, self->target, COPY,
					   mock.dev_id, IOVA, MEMORY_LENGTH));
}

TEST_F_TIMEOUT(copy, over_a_mapping_exists_already, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EEXIST, copy_to(self, COPY, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-EEXIST, copy_to(self, COPY - PAGE_SIZE, IOVA,
				   2 * PAGE_SIZE));
	EXPECT_EQ(-EEXIST, copy_to(self, COPY + MEMORY_LENGTH - PAGE_SIZE, IOVA,
				   2 * PAGE_SIZE));
	EXPECT_EQ(0, copy_to(self, COPY - PAGE_SIZE, IOVA, PAGE_SIZE));
}

TEST_F_TIMEOUT(copy, to_reserved_iova_is_invalid, TEST_SECONDS)
{
	__u64 iova;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(mock_reserve(self->iommufd, self->target, COPY, PAGE_SIZE));
	EXPECT_EQ(-EINVAL, copy_to(self, COPY, IOVA, PAGE_SIZE));
	EXPECT_EQ(-EINVAL, copy_to(self, COPY - PAGE_SIZE, IOVA,
				   MEMORY_LENGTH));
	EXPECT_EQ(0, copy_to(self, COPY + PAGE_SIZE, IOVA, PAGE_SIZE));
	must(ioas_copy(self->iommufd, self->target, &iova, self->source, IOVA,
		       MEMORY_LENGTH));
	EXPECT_TRUE(iova + MEMORY_LENGTH <= COPY || iova >= COPY + PAGE_SIZE);
}

TEST_F_TIMEOUT(copy, reply_that_cannot_be_written_leaves_nothing, TEST_SECONDS)
{
	const struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = FIXED,
		.dst_ioas_id = self->target,
		.src_ioas_id = self->source,
		.length = MEMORY_LENGTH,
		.dst_iova = COPY,
		.src_iova = IOVA,
	};
	void *arg = memory_readonly_copy(&copy, sizeof(copy));

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd, IOMMU_IOAS_COPY, arg));
	EXPECT_EQ(variant->source_attached ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(0, copy_to(self, COPY, IOVA, MEMORY_LENGTH));
}

/* The IOVA is chosen before it shows that there is no memory. */
TEST_F_TIMEOUT(copy, refused_copy_leaves_its_argument_as_it_was, TEST_SECONDS)
{
	const struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = MAP_RW,
		.dst_ioas_id = self->target,
		.src_ioas_id = self->source,
		.length = PAGE_SIZE,
		.dst_iova = COPY + 1,
		.src_iova = IOVA,
	};
	struct iommu_ioas_copy arg = copy;

	/* Otherwise the memory is looked at before, or never. */
	if (variant->source_attached || !variant->target_attached)
		return;
	must(map(self, memory_hole(PAGE_SIZE), PAGE_SIZE, IOVA));
	EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd, IOMMU_IOAS_COPY, &arg));
	EXPECT_EQ(0, memcmp(&arg, &copy, sizeof(copy)));
}

/* Each part has to fit the alignment, not only all of them together. */
TEST_F_TIMEOUT(copy, misaligned_part_is_invalid, TEST_SECONDS)
{
	const __u64 length = PAGE_SIZE + GRANULE;

	must(option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES, self->target,
			0));
	must(map(self, self->memory, length, IOVA));
	must(map(self, self->memory, length, IOVA + length));
	EXPECT_EQ(-EINVAL, copy_to(self, COPY, IOVA, 2 * length));
	EXPECT_EQ(-ENOENT, unmap(self, self->target, 0, UINT64_MAX - 1));
	EXPECT_EQ(0, copy_to(self, COPY, IOVA, PAGE_SIZE));
}

/* Nothing is translated without a table: any byte may be copied. */
FIXTURE(copy_bytes)
{
	struct space space;
	int access;
	char *memory;
};

FIXTURE_SETUP(copy_bytes)
{
	need(mock_exists(), "the mock IOMMU");
	space_open(&self->space);
	self->access = must(access_create(self->space.iommufd,
					  self->space.ioas_id));
	self->memory = memory_alloc(MEMORY_LENGTH);
	memory_fill(self->memory, MEMORY_LENGTH, 4);
	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, MEMORY_LENGTH, IOVA));
}

FIXTURE_TEARDOWN(copy_bytes)
{
	must(errno_of(close(self->access)));
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(copy_bytes, any_bytes_may_be_copied, TEST_SECONDS)
{
	static const __u64 starts[] = { 0, 1, 4094, 4095, 4096, 4097 };
	static const __u64 lengths[] = { 1, 2, 3, 4095, 4096, 4097, 8193 };
	const int iommufd = self->space.iommufd;
	const __u32 ioas_id = self->space.ioas_id;
	char data[8193];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			const __u64 length = lengths[j];

			ASSERT_EQ(0, ioas_copy_fixed(iommufd, ioas_id, COPY + i,
						     ioas_id, IOVA + starts[i],
						     length));
			must(access_read(iommufd, self->access, COPY + i, data,
					 length));
			EXPECT_EQ(0, memcmp(data, self->memory + starts[i],
					    length));
			must(ioas_unmap(iommufd, ioas_id, COPY + i, length,
					NULL));
		}
	}
}

/*
 * Copies that overlap in a page, with a table that takes them in half pages.
 * Whatever the pattern of pins, a page is pinned exactly while a copy has it.
 */
#define GRANULES (MEMORY_LENGTH / MOCK_PAGE_SIZE)
#define COPIES 48

struct part {
	__u64 iova;
	__u64 first;
	__u64 length;
};

FIXTURE(copy_pins)
{
	int iommufd;
	__u32 source;
	__u32 target;
	struct mock mock;
	char *memory;
	struct part parts[COPIES];
	unsigned int nr_parts;
	unsigned int uses[MEMORY_PAGES];
};

FIXTURE_SETUP(copy_pins)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->source));
	must(ioas_alloc(self->iommufd, &self->target));
	must(mock_create(self->iommufd, self->target, &self->mock));
	self->memory = memory_alloc(MEMORY_LENGTH);
	must(ioas_map_fixed(self->iommufd, self->source, self->memory,
			    MEMORY_LENGTH, IOVA));
	random_start("COPY_SEED");
}

FIXTURE_TEARDOWN(copy_pins)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static void part_count(FIXTURE_DATA(copy_pins) * self, const struct part *part,
		       int change)
{
	__u64 page;

	for (page = part->first / PAGE_SIZE;
	     page <= (part->first + part->length - 1) / PAGE_SIZE; page++)
		self->uses[page] += change;
}

static void part_add(FIXTURE_DATA(copy_pins) * self)
{
	struct part *part = &self->parts[self->nr_parts++];
	const __u64 first = random_below(GRANULES);

	part->first = first * MOCK_PAGE_SIZE;
	part->length = (1 + random_below(GRANULES - first)) * MOCK_PAGE_SIZE;
	must(ioas_copy(self->iommufd, self->target, &part->iova, self->source,
		       IOVA + part->first, part->length));
	part_count(self, part, 1);
}

static void part_remove(FIXTURE_DATA(copy_pins) * self)
{
	const unsigned int i = random_below(self->nr_parts);
	struct part part = self->parts[i];

	must(ioas_unmap(self->iommufd, self->target, part.iova, part.length,
			NULL));
	part_count(self, &part, -1);
	self->parts[i] = self->parts[--self->nr_parts];
}

static bool parts_translated(FIXTURE_DATA(copy_pins) * self)
{
	unsigned int i;

	for (i = 0; i < self->nr_parts; i++)
		if (mock_translates(self->iommufd, self->mock.hwpt_id,
				    self->memory + self->parts[i].first,
				    self->parts[i].length, self->parts[i].iova))
			return false;
	return true;
}

static bool pages_pinned_as_used(FIXTURE_DATA(copy_pins) * self)
{
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < MEMORY_PAGES; i++) {
		used += !!self->uses[i];
		if (mock_pinned(self->iommufd, self->memory + i * PAGE_SIZE,
				PAGE_SIZE, !!self->uses[i]))
			return false;
	}
	return used == pages_pinned();
}

TEST_F_TIMEOUT(copy_pins, random_copies_pin_what_they_use, TEST_SECONDS)
{
	unsigned int round, limit;

	for (round = 0; round < 12; round++) {
		limit = 1 + random_below(COPIES);
		while (self->nr_parts < limit)
			part_add(self);
		ASSERT_TRUE(parts_translated(self));
		ASSERT_TRUE(pages_pinned_as_used(self));
		limit = random_below(limit);
		while (self->nr_parts > limit)
			part_remove(self);
		ASSERT_TRUE(parts_translated(self));
		ASSERT_TRUE(pages_pinned_as_used(self));
	}
	while (self->nr_parts)
		part_remove(self);
	EXPECT_TRUE(pages_pinned_as_used(self));
	EXPECT_EQ(0, pages_pinned());
}

/* The same when the table comes and goes while the copies stay. */
TEST_F_TIMEOUT(copy_pins, random_copies_survive_their_table, TEST_SECONDS)
{
	unsigned int round;

	for (round = 0; round < 6; round++) {
		while (self->nr_parts < COPIES / 2)
			part_add(self);
		must(iommufd_destroy(self->iommufd, self->mock.id));
		ASSERT_EQ(0, pages_pinned());
		while (self->nr_parts > COPIES / 4)
			part_remove(self);
		must(mock_create(self->iommufd, self->target, &self->mock));
		ASSERT_TRUE(parts_translated(self));
		ASSERT_TRUE(pages_pinned_as_used(self));
	}
}

/* The destination pins, so what goes wrong with the memory shows there. */
TEST_F_TIMEOUT(copy_pins, of_memory_that_is_not_there_faults, TEST_SECONDS)
{
	__u64 iova;

	must(errno_of(munmap(self->memory + 5 * PAGE_SIZE, PAGE_SIZE)));
	EXPECT_EQ(-EFAULT,
		  ioas_copy(self->iommufd, self->target, &iova, self->source,
			    IOVA, MEMORY_LENGTH));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, ioas_copy(self->iommufd, self->target, &iova, self->source,
			       IOVA, 5 * PAGE_SIZE));
	EXPECT_EQ(0, ioas_copy(self->iommufd, self->target, &iova, self->source,
			       IOVA + 6 * PAGE_SIZE, PAGE_SIZE));
	/* What is pinned already stays, whatever is around it. */
	EXPECT_EQ(-EFAULT,
		  ioas_copy(self->iommufd, self->target, &iova, self->source,
			    IOVA + PAGE_SIZE, MEMORY_LENGTH - PAGE_SIZE));
	EXPECT_EQ(6, pages_pinned());
}

/* All parts or none: the second mapping of the source is a hole. */
TEST_F_TIMEOUT(copy_pins, of_several_mappings_is_all_or_nothing, TEST_SECONDS)
{
	__u64 iova;

	must(ioas_map_fixed(self->iommufd, self->source,
			    memory_hole(MEMORY_LENGTH), MEMORY_LENGTH,
			    IOVA + MEMORY_LENGTH));
	EXPECT_EQ(-EFAULT,
		  ioas_copy(self->iommufd, self->target, &iova, self->source,
			    IOVA, 2 * MEMORY_LENGTH));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(-ENOENT,
		  ioas_unmap(self->iommufd, self->target, MOCK_APERTURE,
			     MOCK_APERTURE_LAST - MOCK_APERTURE, NULL));
}

TEST_F_TIMEOUT(copy_pins, smaller_parts_than_the_table_has_are_invalid,
	       TEST_SECONDS)
{
	static const __u64 odd[] = { 1, 8, 1024, 2047, 2049, 3072 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		__u64 iova;

		EXPECT_EQ(-EINVAL,
			  ioas_copy_fixed(self->iommufd, self->target, COPY,
					  self->source, IOVA, odd[i]));
		EXPECT_EQ(-EINVAL,
			  ioas_copy_fixed(self->iommufd, self->target,
					  COPY + odd[i], self->source, IOVA,
					  PAGE_SIZE));
		EXPECT_EQ(-EINVAL,
			  ioas_copy_fixed(self->iommufd, self->target, COPY,
					  self->source, IOVA + odd[i],
					  PAGE_SIZE));
		EXPECT_EQ(-EINVAL,
			  ioas_copy(self->iommufd, self->target, &iova,
				    self->source, IOVA, odd[i]));
		EXPECT_EQ(-EINVAL,
			  ioas_copy(self->iommufd, self->target, &iova,
				    self->source, IOVA + odd[i], PAGE_SIZE));
	}
	EXPECT_EQ(0, pages_pinned());
}

/* 300 pages next to each other need more than one batch of anything. */
TEST_F_TIMEOUT(copy_pins, lengths_across_every_batch_are_right, TEST_SECONDS)
{
	static const unsigned int batches[] = { 4, 16, 128, 256, 512, 1024 };
	const size_t length = 1025 * PAGE_SIZE;
	char *memory = memory_alloc(length);
	size_t i;
	int by;

	must(ioas_map_fixed(self->iommufd, self->source, memory, length, COPY));
	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		for (by = -1; by <= 1; by++) {
			const __u64 part = (batches[i] + by) * PAGE_SIZE;
			__u64 iova;

			ASSERT_EQ(0, ioas_copy(self->iommufd, self->target,
					       &iova, self->source, COPY,
					       part));
			EXPECT_EQ(part / PAGE_SIZE, pages_pinned());
			EXPECT_EQ(0, mock_translates(self->iommufd,
						     self->mock.hwpt_id, memory,
						     part, iova));
			must(ioas_unmap(self->iommufd, self->target, iova, part,
					NULL));
		}
	}
}

TEST_HARNESS_MAIN
