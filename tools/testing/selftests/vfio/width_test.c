// SPDX-License-Identifier: GPL-2.0
/*
 * IOVA of all widths: a device reaches what is mapped at the far end of its space,
 * and across each power of two below that, until it is unmapped. What an IOMMU keeps
 * of a mapping is invalidated by commands for one page, or for a number of them.
 */
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

/* An edu of the packaged emulator's making reaches below that. */
#define NEAR_BITS 28
#define RANGES_MAX 64
#define HALF (EDU_DMA_MAX / 2)
/* An entry of the second level stands for as many pages of 4 KiB, and some more */
#define MANY_PAGES 600

FIXTURE(width)
{
	struct bound_device bound;
	struct edu edu;
	char *memory;
	struct iommu_iova_range ranges[RANGES_MAX];
	__u32 count;
};

static int map(FIXTURE_DATA(width) * self, __u64 length, __u64 iova)
{
	return ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			      self->memory, length, iova);
}

static int unmap(FIXTURE_DATA(width) * self, __u64 iova, __u64 length)
{
	return ioas_unmap(self->bound.iommufd, self->bound.ioas_id, iova,
			  length, NULL);
}

static bool is_usable(const FIXTURE_DATA(width) * self, __u64 iova,
		      __u64 length)
{
	__u32 i;

	for (i = 0; i < self->count; i++)
		if (iova >= self->ranges[i].start &&
		    iova + length - 1 <= self->ranges[i].last)
			return true;
	return false;
}

/* The device writes what is in its buffer: did it come to the memory at @offset? */
static bool write_arrives(FIXTURE_DATA(width) * self, __u64 iova,
			  unsigned long offset, unsigned int seed)
{
	char *at = self->memory + offset;

	memset(at, 0, EDU_DMA_MAX);
	return !edu_dma_write(&self->edu, iova + offset, 0, EDU_DMA_MAX) &&
	       memory_matches(at, EDU_DMA_MAX, seed);
}

static void fill_buffer(FIXTURE_DATA(width) * self, unsigned int seed)
{
	memory_fill(self->memory, EDU_DMA_MAX, seed);
	must(map(self, PAGE_SIZE, PAGE_SIZE));
	must(edu_dma_read(&self->edu, PAGE_SIZE, 0, EDU_DMA_MAX));
	must(unmap(self, PAGE_SIZE, PAGE_SIZE));
}

FIXTURE_SETUP(width)
{
	__u64 alignment;

	need(edu_open_attached(&self->edu, &self->bound),
	     "an edu device alone in its group");
	self->memory = memory_alloc(MANY_PAGES * PAGE_SIZE);
	self->count = RANGES_MAX;
	must(ioas_iova_ranges(self->bound.iommufd, self->bound.ioas_id,
			      self->ranges, &self->count, &alignment));
	fill_buffer(self, 1);
	must(map(self, PAGE_SIZE, 1ULL << NEAR_BITS));
	need(write_arrives(self, 1ULL << NEAR_BITS, 0, 1),
	     "an edu that has more than 28 address bits");
	must(unmap(self, 1ULL << NEAR_BITS, PAGE_SIZE));
}

FIXTURE_TEARDOWN(width)
{
	edu_close(&self->edu, &self->bound);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(width, each_power_of_two_can_be_crossed, TEST_SECONDS)
{
	unsigned int bit, widest = 0;

	for (bit = NEAR_BITS; bit < 63; bit++) {
		__u64 iova = (1ULL << bit) - PAGE_SIZE;

		if (!is_usable(self, iova, 2 * PAGE_SIZE))
			continue;
		widest = bit;
		must(map(self, 2 * PAGE_SIZE, iova));
		EXPECT_TRUE(write_arrives(self, iova, PAGE_SIZE - HALF, 1));
		must(unmap(self, iova, 2 * PAGE_SIZE));
		EXPECT_FALSE(write_arrives(self, iova, PAGE_SIZE - HALF, 1));
	}
	/* 4 GiB, at which a driver would cut an address of 32 bits */
	EXPECT_LE(32, widest);
}

TEST_F_TIMEOUT(width, ends_of_each_range_are_reached, TEST_SECONDS)
{
	__u32 i;

	for (i = 0; i < self->count; i++) {
		__u64 first = self->ranges[i].start;
		__u64 last = self->ranges[i].last + 1 - PAGE_SIZE;

		must(map(self, PAGE_SIZE, first));
		must(map(self, PAGE_SIZE, last));
		EXPECT_TRUE(write_arrives(self, first, 0, 1));
		EXPECT_TRUE(write_arrives(self, last, 0, 1));
		must(unmap(self, first, PAGE_SIZE));
		must(unmap(self, last, PAGE_SIZE));
		EXPECT_FALSE(write_arrives(self, first, 0, 1));
		EXPECT_FALSE(write_arrives(self, last, 0, 1));
	}
}

/* The first page, the last, and one between */
static unsigned long touched(unsigned long pages, unsigned int i)
{
	return (pages - 1) * i / 2 * PAGE_SIZE;
}

TEST_F_TIMEOUT(width, any_number_of_pages_is_out_of_reach_at_once, TEST_SECONDS)
{
	static const unsigned int counts[] = { 1, 3, 32, 33, 511, 512, MANY_PAGES };
	const __u64 iova = 1ULL << 32;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		must(map(self, counts[i] * PAGE_SIZE, iova));
		for (j = 0; j < 3; j++)
			EXPECT_TRUE(write_arrives(self, iova,
						  touched(counts[i], j), 1));
		must(unmap(self, iova, counts[i] * PAGE_SIZE));
		for (j = 0; j < 3; j++)
			EXPECT_FALSE(write_arrives(self, iova,
						   touched(counts[i], j), 1));
	}
}

TEST_HARNESS_MAIN
