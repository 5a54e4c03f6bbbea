// SPDX-License-Identifier: GPL-2.0
/*
 * Unmaps of more than an IOMMU driver takes at once: all that a page table can
 * translate, more pages than a flush can count, one mapping of many GiB. Much is
 * made of one huge page that is mapped again and again.
 *
 * Where the edu device reaches all addresses the DMA is tried, too.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/edu.h"
#include "lib/memory_file.h"
#include "lib/mock.h"

#define HUGE_2M 21
#define HUGE_1G 30
#define GIB (1ULL << 30)
#define TIB (1ULL << 40)
/* Mappings of one batch of a removal */
#define BATCH 256

FIXTURE(limit)
{
	struct bound_device bound;
	/* A page table that nobody is attached to, and how many bits it has */
	__u32 hwpt_id;
	unsigned int width;
	/* One huge page, and how large it is */
	int file;
	unsigned long huge;
};

static int huge_file(unsigned int shift)
{
	int file = errno_of(memfd_create("unmap_limit",
					 MFD_CLOEXEC | MFD_HUGETLB |
						 shift << MAP_HUGE_SHIFT));
	void *memory;

	if (file < 0)
		return file;
	must(errno_of(ftruncate(file, 1UL << shift)));
	memory = mmap(NULL, 1UL << shift, PROT_READ | PROT_WRITE, MAP_SHARED,
		      file, 0);
	if (memory == MAP_FAILED) {
		close(file);
		return -ENOMEM;
	}
	memory_free(memory, 1UL << shift);
	return file;
}

/* Without a device in it an IOAS is as wide as its table. */
static unsigned int table_width(const struct bound_device *bound)
{
	struct iommu_iova_range range;
	__u64 alignment;
	__u32 count = 1;

	must(ioas_iova_ranges(bound->iommufd, bound->ioas_id, &range, &count,
			      &alignment));
	must(range.start ? -ERANGE : 0);
	return range.last == UINT64_MAX ? 64 : __builtin_ctzll(range.last + 1);
}

FIXTURE_SETUP(limit)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->huge = 1UL << HUGE_1G;
	self->file = huge_file(HUGE_1G);
	if (self->file < 0) {
		need(huge_pages_reserve(), "huge pages");
		self->huge = 1UL << HUGE_2M;
		self->file = huge_file(HUGE_2M);
	}
	need(self->file >= 0, "a huge page");
	bound_device_open(&self->bound, edu_alone(&list, 0)->bdf);
	must(hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			self->bound.ioas_id, &self->hwpt_id));
	self->width = table_width(&self->bound);
}

FIXTURE_TEARDOWN(limit)
{
	close(self->file);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static int map(FIXTURE_DATA(limit) * self, void *memory, __u64 length,
	       __u64 iova)
{
	return ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id, memory,
			      length, iova);
}

static int unmap(FIXTURE_DATA(limit) * self, __u64 iova, __u64 length)
{
	return ioas_unmap(self->bound.iommufd, self->bound.ioas_id, iova,
			  length, NULL);
}

/* @nr mappings of @length bytes side by side, @nr a power of two */
static void fill(FIXTURE_DATA(limit) * self, __u64 iova, __u64 length,
		 unsigned int nr)
{
	void *memory = memory_repeated(self->file, self->huge, length);
	__u64 done;

	must(map(self, memory, length, iova));
	for (done = length; done < nr * length; done *= 2)
		must(ioas_copy_fixed(self->bound.iommufd, self->bound.ioas_id,
				     iova + done, self->bound.ioas_id, iova,
				     done));
	memory_free(memory, length);
}

/* The page table still works. */
static bool table_works(FIXTURE_DATA(limit) * self)
{
	char *memory = memory_alloc(PAGE_SIZE);
	struct edu edu;
	bool works;

	must(map(self, memory, PAGE_SIZE, 0));
	must(vfio_attach_to(self->bound.device, self->hwpt_id));
	must(edu_start(&edu, self->bound.device));
	works = edu_reaches(&edu, 0, memory, PAGE_SIZE);
	edu_stop(&edu);
	must(vfio_detach(self->bound.device));
	return works && !unmap(self, 0, PAGE_SIZE);
}

/* One mapping, and the neighbours that go with it, in as many calls as needed */
TEST_F_TIMEOUT(limit, no_call_covers_more_than_a_driver_takes, 2 * TEST_SECONDS)
{
	const __u64 call = PAGE_SIZE << 20, iova = 4 * call;
	const __u64 length = call + call / 4;
	struct watched_unmap watched = { 0 };

	need(mock_exists(), "IOMMU_TEST_CMD");
	fill(self, iova, length, 2);
	EXPECT_EQ(0, table_watch_unmap(self->bound.iommufd, self->hwpt_id,
				       iova, 2 * length, &watched));
	EXPECT_EQ(3, watched.flushes);
	EXPECT_EQ(call, watched.longest);
	EXPECT_EQ(0, pages_pinned());
}

/* So many large pages fit into this machine's tables, and into the time. */
static bool can_fill(FIXTURE_DATA(limit) * self, __u64 length)
{
	return length / self->huge <= 1UL << 20;
}

/* QEMU's edu device was given as many bits as the tables. */
static bool edu_is_wide(FIXTURE_DATA(limit) * self)
{
	return self->width > 39;
}

/* Do DMA writes to @iova reach the memory at @offset of the file? */
static bool edu_reaches_file(FIXTURE_DATA(limit) * self, struct edu *edu,
			     __u64 iova, off_t offset)
{
	char *memory = mmap(NULL, self->huge, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->file, 0);
	bool reached;

	must(memory == MAP_FAILED ? -errno : 0);
	reached = edu_reaches(edu, iova, memory + offset, PAGE_SIZE);
	memory_free(memory, self->huge);
	return reached;
}

/*
 * One call for all addresses that the table has took its root away, and the
 * next map or attach found none.
 */
TEST_F_TIMEOUT(limit, table_survives_an_unmap_of_everything, 2 * TEST_SECONDS)
{
	const __u64 all = 1ULL << self->width;

	need(can_fill(self, all), "huge pages that are large enough");
	fill(self, 0, all / BATCH, BATCH);
	EXPECT_EQ(0, ioas_unmap_all(self->bound.iommufd, self->bound.ioas_id,
				    NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(table_works(self));
}

/*
 * 16 TiB are no page in the int in which VT-d counted those of a flush, and one
 * page more was one page: all others stayed in the IOTLB. A narrow table has a
 * quarter of itself flushed.
 */
TEST_F_TIMEOUT(limit, all_pages_are_flushed_however_many, 2 * TEST_SECONDS)
{
	const __u64 base = edu_is_wide(self) ? TIB : 1ULL << (self->width - 1);
	const __u64 length = edu_is_wide(self) ? 16 * TIB : base / 2;
	char *memory = memory_alloc(PAGE_SIZE);
	unsigned int more;
	struct edu edu;

	need(can_fill(self, length), "huge pages that are large enough");
	must(vfio_attach_to(self->bound.device, self->hwpt_id));
	must(edu_start(&edu, self->bound.device));
	for (more = 0; more < 2; more++) {
		fill(self, base, length / 128, 128);
		if (more)
			must(map(self, memory, PAGE_SIZE, base + length));
		if (edu_is_wide(self))
			EXPECT_TRUE(edu_reaches_file(self, &edu,
						     base + length / 2, 0));
		EXPECT_EQ(0, unmap(self, base, length + more * PAGE_SIZE));
		EXPECT_FALSE(edu_reaches_file(self, &edu, base + length / 2,
					      0));
		EXPECT_EQ(0, pages_pinned());
	}
	edu_stop(&edu);
	memory_free(memory, PAGE_SIZE);
}

/*
 * One mapping that is cut for the driver, in large pages and in small ones, with
 * neighbours that stay
 */
TEST_F_TIMEOUT(limit, neighbours_of_a_large_mapping_stay, 2 * TEST_SECONDS)
{
	const __u64 iova = 16 * GIB - PAGE_SIZE, length = 5 * GIB;
	const __u64 inside = 20 * GIB, last = iova + length;
	char *memory = memory_repeated(self->file, self->huge,
				       length + self->huge);
	char *small = memory_alloc(PAGE_SIZE);
	__u64 step;
	struct edu edu;

	must(vfio_attach_to(self->bound.device, self->hwpt_id));
	must(edu_start(&edu, self->bound.device));
	must(map(self, small, PAGE_SIZE, iova - PAGE_SIZE));
	must(map(self, small, PAGE_SIZE, last));
	/* In step with the pages of the memory, and one behind */
	for (step = 0; step <= PAGE_SIZE; step += PAGE_SIZE) {
		must(map(self, memory + self->huge - PAGE_SIZE - step, length,
			 iova));
		if (edu_is_wide(self))
			EXPECT_TRUE(edu_reaches_file(self, &edu, inside,
						     -step & (self->huge - 1)));
		EXPECT_EQ(0, unmap(self, iova, length));
		EXPECT_EQ(2, pages_pinned());
		EXPECT_FALSE(edu_reaches_file(self, &edu, inside,
					      -step & (self->huge - 1)));
		if (!edu_is_wide(self))
			continue;
		EXPECT_TRUE(edu_reaches(&edu, iova - PAGE_SIZE, small,
					PAGE_SIZE));
		EXPECT_TRUE(edu_reaches(&edu, last, small, PAGE_SIZE));
	}
	EXPECT_EQ(0, unmap(self, iova - PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(0, unmap(self, last, PAGE_SIZE));
	edu_stop(&edu);
	memory_free(memory, length + self->huge);
	memory_free(small, PAGE_SIZE);
}

/*
 * A page and then a table full of pages: the flush of the page must not free the
 * table, which the flush after it is for.
 */
TEST_F_TIMEOUT(limit, tables_are_freed_after_their_own_flush, TEST_SECONDS)
{
	const __u64 table = 512 * PAGE_SIZE, length = table + PAGE_SIZE;
	const __u64 iova = GIB + table - PAGE_SIZE;
	struct watched_unmap watched = { 0 };
	int file = file_scattered(length);
	char *memory;

	need(mock_exists(), "IOMMU_TEST_CMD");
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		      0);
	must(memory == MAP_FAILED ? -errno : 0);
	must(map(self, memory, length, iova));
	EXPECT_EQ(0, table_watch_unmap(self->bound.iommufd, self->hwpt_id,
				       iova, length, &watched));
	EXPECT_EQ(2, watched.flushes);
	EXPECT_EQ(0, watched.tables[0]);
	EXPECT_EQ(1, watched.tables[1]);
	memory_free(memory, length);
	close(file);
}

TEST_HARNESS_MAIN
