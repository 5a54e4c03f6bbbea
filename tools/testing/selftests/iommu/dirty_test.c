// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty tracking: which pages devices wrote to. What is reported, to which bitmap, and
 * what is not reported yet when a call fails or is killed. On the mock IOMMU, whose
 * device says what it writes.
 *
 * DIRTY_SEED repeats the choices of a run.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/memory_file.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x1000000)
#define PAGES 1024
#define LENGTH (PAGES * PAGE_SIZE)
/* Entries of the mock's table, of which a page has two */
#define ENTRIES (2 * PAGES)
#define BITMAP_LENGTH (ENTRIES / CHAR_BIT)
#define NO_CLEAR IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR
/* A large page of the mock's table */
#define LARGE ((__u64)MOCK_HUGE_PAGE_SIZE)

static bool bit_is_set(const __u8 *bitmap, __u64 bit)
{
	return bitmap[bit / CHAR_BIT] >> bit % CHAR_BIT & 1;
}

static void bit_set(__u8 *bitmap, __u64 bit)
{
	bitmap[bit / CHAR_BIT] |= 1 << bit % CHAR_BIT;
}

static unsigned long bits_count(const __u8 *bitmap, size_t bytes)
{
	unsigned long nr = 0;

	while (bytes--)
		nr += __builtin_popcount(*bitmap++);
	return nr;
}

/* A device that writes through a table which tracks that, and a bitmap */
FIXTURE(dirty)
{
	int iommufd;
	__u32 ioas_id;
	__u32 hwpt_id;
	struct mock mock;
	int file;
	char *memory;
	__u8 written[BITMAP_LENGTH];
	__u8 bitmap[BITMAP_LENGTH];
};

FIXTURE_VARIANT(dirty)
{
	__u32 flags;
	enum file_kind kind;
};

FIXTURE_VARIANT_ADD(dirty, small)
{
	.flags = 0,
	.kind = FILE_MEMFD,
};

/* Large pages of the table need memory that is in large pages. */
FIXTURE_VARIANT_ADD(dirty, large)
{
	.flags = MOCK_FLAGS_DEVICE_HUGE_IOVA,
	.kind = FILE_HUGETLB,
};

/* The device is in no other table of @ioas_id. */
static void track(int iommufd, __u32 ioas_id, __u32 flags, struct mock *mock,
		  __u32 *hwpt_id)
{
	__u32 other;

	must(ioas_alloc(iommufd, &other));
	must(mock_create_flags(iommufd, other, flags, mock));
	must(hwpt_alloc_flags(iommufd, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			      mock->dev_id, ioas_id, hwpt_id));
	must(mock_replace(iommufd, mock, *hwpt_id));
	must(iommufd_destroy(iommufd, other));
}

FIXTURE_SETUP(dirty)
{
	need(mock_exists(), "the mock IOMMU");
	need(variant->kind != FILE_HUGETLB || huge_pages_reserve(),
	     "huge pages");
	random_start("DIRTY_SEED");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	track(self->iommufd, self->ioas_id, variant->flags, &self->mock,
	      &self->hwpt_id);
	self->file = must(file_open(variant->kind));
	must(errno_of(ftruncate(self->file, LENGTH)));
	self->memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->file, 0);
	must(self->memory == MAP_FAILED ? -errno : 0);
	must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory, LENGTH,
			    IOVA));
	must(hwpt_track(self->iommufd, self->hwpt_id, true));
	ASSERT_EQ(ENTRIES, LENGTH / MOCK_PAGE_SIZE);
	memset(self->written, 0, BITMAP_LENGTH);
	memset(self->bitmap, 0, BITMAP_LENGTH);
}

FIXTURE_TEARDOWN(dirty)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static long write_pages(FIXTURE_DATA(dirty) * self, const void *bitmap)
{
	return mock_write(self->iommufd, self->hwpt_id, IOVA, LENGTH,
			  MOCK_PAGE_SIZE, bitmap);
}

static void write_one(FIXTURE_DATA(dirty) * self, __u64 iova)
{
	const __u8 bit = 1;

	must(mock_write(self->iommufd, self->hwpt_id, iova, MOCK_PAGE_SIZE,
			MOCK_PAGE_SIZE, &bit) == 1 ? 0 : -EIO);
}

/* Some pages, which differ from call to call */
static unsigned long write_some(FIXTURE_DATA(dirty) * self)
{
	unsigned int i;

	memset(self->written, 0, BITMAP_LENGTH);
	for (i = 0; i < ENTRIES / 16; i++)
		bit_set(self->written, random_below(ENTRIES));
	return must(write_pages(self, self->written));
}

static int dirty_read(FIXTURE_DATA(dirty) * self, __u32 flags, void *bitmap)
{
	return hwpt_dirty(self->iommufd, self->hwpt_id, flags, IOVA, LENGTH,
			  MOCK_PAGE_SIZE, bitmap);
}

static bool is_clean(FIXTURE_DATA(dirty) * self)
{
	memset(self->bitmap, 0, BITMAP_LENGTH);
	must(dirty_read(self, NO_CLEAR, self->bitmap));
	return !bits_count(self->bitmap, BITMAP_LENGTH);
}

/* What a bitmap has to say of an entry of the table */
static bool is_reported(__u32 flags, const __u8 *written, __u64 entry)
{
	__u64 i, per_page = LARGE / MOCK_PAGE_SIZE;

	if (!(flags & MOCK_FLAGS_DEVICE_HUGE_IOVA))
		return bit_is_set(written, entry);
	entry -= entry % per_page;
	for (i = 0; i < per_page; i++)
		if (bit_is_set(written, entry + i))
			return true;
	return false;
}

static bool reports(FIXTURE_DATA(dirty) * self, __u32 flags)
{
	__u64 i;

	for (i = 0; i < ENTRIES; i++)
		if (bit_is_set(self->bitmap, i) !=
		    is_reported(flags, self->written, i))
			return false;
	return true;
}

TEST_F_TIMEOUT(dirty, what_was_written_is_reported_once, TEST_SECONDS)
{
	EXPECT_TRUE(is_clean(self));
	EXPECT_EQ(write_some(self), bits_count(self->written, BITMAP_LENGTH));
	EXPECT_EQ(0, dirty_read(self, 0, self->bitmap));
	EXPECT_TRUE(reports(self, variant->flags));
	EXPECT_TRUE(is_clean(self));
	write_some(self);
	memset(self->bitmap, 0, BITMAP_LENGTH);
	EXPECT_EQ(0, dirty_read(self, 0, self->bitmap));
	EXPECT_TRUE(reports(self, variant->flags));
}

TEST_F_TIMEOUT(dirty, what_is_not_cleared_is_reported_again, TEST_SECONDS)
{
	unsigned int i;

	write_some(self);
	for (i = 0; i < 3; i++) {
		memset(self->bitmap, 0, BITMAP_LENGTH);
		EXPECT_EQ(0, dirty_read(self, NO_CLEAR, self->bitmap));
		EXPECT_TRUE(reports(self, variant->flags));
	}
	EXPECT_FALSE(is_clean(self));
	EXPECT_EQ(0, dirty_read(self, 0, self->bitmap));
	EXPECT_TRUE(is_clean(self));
}

TEST_F_TIMEOUT(dirty, a_start_forgets, TEST_SECONDS)
{
	write_some(self);
	EXPECT_EQ(0, hwpt_track(self->iommufd, self->hwpt_id, true));
	EXPECT_TRUE(is_clean(self));
	write_some(self);
	EXPECT_EQ(0, hwpt_track(self->iommufd, self->hwpt_id, false));
	EXPECT_TRUE(is_clean(self));
	EXPECT_EQ(0, hwpt_track(self->iommufd, self->hwpt_id, false));
	EXPECT_EQ(-EINVAL, write_pages(self, self->written));
	EXPECT_EQ(0, hwpt_track(self->iommufd, self->hwpt_id, true));
	EXPECT_TRUE(is_clean(self));
}

/* At every offset that a byte of it can have in a word, and across a page */
TEST_F_TIMEOUT(dirty, bitmap_may_be_anywhere, TEST_SECONDS)
{
	__u8 *place = memory_alloc(3 * PAGE_SIZE);
	unsigned int offset;

	for (offset = PAGE_SIZE - BITMAP_LENGTH - 9;
	     offset < PAGE_SIZE + 9; offset++) {
		__u8 *bitmap = place + offset;

		if (offset > PAGE_SIZE - BITMAP_LENGTH + 9 &&
		    offset < PAGE_SIZE - 9)
			continue;
		memset(place, 0, 3 * PAGE_SIZE);
		write_some(self);
		ASSERT_EQ(0, dirty_read(self, 0, bitmap));
		memcpy(self->bitmap, bitmap, BITMAP_LENGTH);
		ASSERT_TRUE(reports(self, variant->flags));
		/* Nothing before it, nothing behind it */
		memset(bitmap, 0, BITMAP_LENGTH);
		ASSERT_EQ(0, bits_count(place, 3 * PAGE_SIZE));
	}
	memory_free(place, 3 * PAGE_SIZE);
}

/* Less than a byte, and what is behind it in that byte stays as it is. */
TEST_F_TIMEOUT(dirty, bits_are_set_only, TEST_SECONDS)
{
	__u8 bitmap[2] = { 0x50, 0xa5 };

	memset(self->written, 0xff, BITMAP_LENGTH);
	must(write_pages(self, self->written));
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, NO_CLEAR, IOVA,
				3 * PAGE_SIZE, PAGE_SIZE, bitmap));
	EXPECT_EQ(0x57, bitmap[0]);
	EXPECT_EQ(0xa5, bitmap[1]);
	must(dirty_read(self, 0, self->bitmap));
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, IOVA,
				3 * PAGE_SIZE, PAGE_SIZE, bitmap));
	EXPECT_EQ(0x57, bitmap[0]);
}

/* Each size of a bit, for one byte that was written in each half of the range */
TEST_F_TIMEOUT(dirty, bit_may_stand_for_any_power_of_two, TEST_SECONDS)
{
	const __u64 places[] = { 0x1f800, LENGTH / 2 + 0x3000 };
	const __u64 page = variant->flags ? LARGE : MOCK_PAGE_SIZE;
	__u8 *bitmap = memory_alloc(LENGTH / CHAR_BIT);
	__u64 size;
	size_t i;

	for (size = 1; size <= LENGTH; size *= 2) {
		const __u64 each = page > size ? page / size : 1;

		for (i = 0; i < ARRAY_SIZE(places); i++)
			write_one(self, IOVA + places[i]);
		memset(bitmap, 0, LENGTH / CHAR_BIT);
		ASSERT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, IOVA,
					LENGTH, size, bitmap));
		for (i = 0; i < ARRAY_SIZE(places); i++) {
			const __u64 start = places[i] - places[i] % page;

			EXPECT_TRUE(bit_is_set(bitmap, start / size));
			EXPECT_TRUE(bit_is_set(bitmap,
					       start / size + each - 1));
		}
		EXPECT_EQ((size == LENGTH ? 1 : 2) * each,
			  bits_count(bitmap, LENGTH / CHAR_BIT))
		{
			TH_LOG("with bits for %llu bytes", size);
		}
		EXPECT_TRUE(is_clean(self));
	}
	memory_free(bitmap, LENGTH / CHAR_BIT);
}

/* The rest of it would never be reported. */
TEST_F_TIMEOUT(dirty, page_that_is_reported_in_part_stays_dirty, TEST_SECONDS)
{
	const __u64 part = IOVA + LARGE - PAGE_SIZE;
	__u8 byte = 0;

	write_one(self, part);
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, part,
				2 * PAGE_SIZE, PAGE_SIZE, &byte));
	EXPECT_EQ(1, byte);
	EXPECT_EQ(!variant->flags, is_clean(self));
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, IOVA,
				LARGE, LARGE, &byte));
	EXPECT_TRUE(is_clean(self));
}

TEST_F_TIMEOUT(dirty, holes_are_clean, TEST_SECONDS)
{
	const __u64 behind = IOVA + LENGTH;
	__u8 byte = 0;

	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, behind,
				LENGTH, LENGTH, &byte));
	EXPECT_EQ(0, byte);
	/* All of the lower half of the addresses, and the very last ones */
	write_one(self, IOVA);
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, 0, 1ULL << 63,
				1ULL << 63, &byte));
	EXPECT_EQ(1, byte);
	EXPECT_TRUE(is_clean(self));
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, -PAGE_SIZE,
				PAGE_SIZE, PAGE_SIZE, &byte));
	/* Nothing is mapped at what the device wants to write. */
	byte = 1;
	EXPECT_EQ(0, mock_write(self->iommufd, self->hwpt_id, behind,
				PAGE_SIZE, PAGE_SIZE, &byte));
}

TEST_F_TIMEOUT(dirty, what_is_unmapped_is_forgotten, TEST_SECONDS)
{
	write_some(self);
	must(ioas_unmap_all(self->iommufd, self->ioas_id, NULL));
	EXPECT_TRUE(is_clean(self));
	must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory, LENGTH,
			    IOVA));
	EXPECT_TRUE(is_clean(self));
	write_some(self);
	EXPECT_EQ(0, dirty_read(self, 0, self->bitmap));
	EXPECT_TRUE(reports(self, variant->flags));
}

TEST_F_TIMEOUT(dirty, table_keeps_its_record_without_the_device, TEST_SECONDS)
{
	__u32 other;

	must(ioas_alloc(self->iommufd, &other));
	write_some(self);
	must(mock_replace(self->iommufd, &self->mock, other));
	EXPECT_EQ(0, dirty_read(self, 0, self->bitmap));
	EXPECT_TRUE(reports(self, variant->flags));
}

TEST_F_TIMEOUT(dirty, wrong_argument_is_refused, TEST_SECONDS)
{
	const struct iommu_hwpt_get_dirty_bitmap good = {
		.size = sizeof(good),
		.hwpt_id = self->hwpt_id,
		.iova = IOVA,
		.length = LENGTH,
		.page_size = PAGE_SIZE,
		.data = (uintptr_t)self->bitmap,
	};
	struct {
		const char *what;
		int ret;
		struct iommu_hwpt_get_dirty_bitmap arg;
	} cases[] = {
		{ "nothing", 0, good },
		{ "flag", -EOPNOTSUPP, good },
		{ "reserved", -EOPNOTSUPP, good },
		{ "no object", -ENOENT, good },
		{ "IOAS", -ENOENT, good },
		{ "device", -ENOENT, good },
		{ "length 0", -EINVAL, good },
		{ "wrap", -EOVERFLOW, good },
		{ "iova not aligned", -EINVAL, good },
		{ "length not aligned", -EINVAL, good },
		{ "page size 0", -EINVAL, good },
		{ "no power of two", -EINVAL, good },
		{ "iova within a page", -EINVAL, good },
		{ "length within a page", -EINVAL, good },
		{ "no bitmap", -EFAULT, good },
		{ "bitmap beyond user space", -EFAULT, good },
		{ "bitmap that wraps", -EFAULT, good },
	};
	size_t i;

	cases[1].arg.flags = 2;
	cases[2].arg.__reserved = 1;
	cases[3].arg.hwpt_id = 0;
	cases[4].arg.hwpt_id = self->ioas_id;
	cases[5].arg.hwpt_id = self->mock.dev_id;
	cases[6].arg.length = 0;
	cases[7].arg.length = -PAGE_SIZE;
	cases[8].arg.iova += MOCK_PAGE_SIZE / 2;
	cases[8].arg.page_size = MOCK_PAGE_SIZE / 2;
	cases[9].arg.length -= MOCK_PAGE_SIZE / 2;
	cases[9].arg.page_size = MOCK_PAGE_SIZE / 2;
	cases[10].arg.page_size = 0;
	cases[11].arg.page_size = 3 * PAGE_SIZE;
	cases[11].arg.iova -= IOVA % (3 * PAGE_SIZE);
	cases[11].arg.length = 9 * PAGE_SIZE;
	cases[12].arg.page_size = LENGTH;
	cases[12].arg.iova += PAGE_SIZE;
	cases[13].arg.page_size = 2 * PAGE_SIZE;
	cases[13].arg.length -= PAGE_SIZE;
	cases[14].arg.data = 0;
	cases[15].arg.data = 1ULL << 63;
	cases[16].arg.data = -8ULL;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret,
			  iommufd_call(self->iommufd,
				       IOMMU_HWPT_GET_DIRTY_BITMAP,
				       &cases[i].arg))
		{
			TH_LOG("%s", cases[i].what);
		}
	}
}

TEST_F_TIMEOUT(dirty, table_without_tracking_has_none, TEST_SECONDS)
{
	struct iommu_hwpt_set_dirty_tracking set = {
		.size = sizeof(set),
		.hwpt_id = self->hwpt_id,
		.flags = 2,
		.__reserved = 1,
	};
	__u32 plain;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->iommufd,
					    IOMMU_HWPT_SET_DIRTY_TRACKING,
					    &set));
	set.flags = 0;
	EXPECT_EQ(0, iommufd_call(self->iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING,
				  &set));
	EXPECT_EQ(-ENOENT, hwpt_track(self->iommufd, self->ioas_id, true));
	EXPECT_EQ(-ENOENT, hwpt_track(self->iommufd, 0, true));
	must(hwpt_alloc(self->iommufd, self->mock.dev_id, self->ioas_id,
			&plain));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_track(self->iommufd, plain, true));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_track(self->iommufd, plain, false));
	EXPECT_EQ(-EOPNOTSUPP,
		  hwpt_dirty(self->iommufd, plain, 0, IOVA, LENGTH, PAGE_SIZE,
			     self->bitmap));
	/* What is wrong with the range comes first. */
	EXPECT_EQ(-EINVAL, hwpt_dirty(self->iommufd, plain, 0, IOVA, 0,
				      PAGE_SIZE, self->bitmap));
}

static bool can_track(int iommufd, const struct mock *mock)
{
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = mock->dev_id,
	};

	must(iommufd_call(iommufd, IOMMU_GET_HW_INFO, &info));
	return info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING;
}

TEST_F_TIMEOUT(dirty, device_without_the_ability_is_kept_out, TEST_SECONDS)
{
	const __u32 lacking[] = { MOCK_FLAGS_DEVICE_NO_DIRTY,
				  MOCK_FLAGS_DEVICE_PLAIN_DRIVER };
	__u32 other, hwpt_id;
	struct mock mock;
	size_t i;

	EXPECT_TRUE(can_track(self->iommufd, &self->mock));
	must(ioas_alloc(self->iommufd, &other));
	for (i = 0; i < ARRAY_SIZE(lacking); i++) {
		EXPECT_EQ(-EINVAL, mock_create_flags(self->iommufd,
						     self->hwpt_id, lacking[i],
						     &mock));
		must(mock_create_flags(self->iommufd, other, lacking[i],
				       &mock));
		EXPECT_FALSE(can_track(self->iommufd, &mock));
		EXPECT_EQ(-EINVAL, mock_replace(self->iommufd, &mock,
						self->hwpt_id));
		EXPECT_EQ(-EOPNOTSUPP,
			  hwpt_alloc_flags(self->iommufd,
					   IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					   mock.dev_id, other, &hwpt_id));
		must(iommufd_destroy(self->iommufd, mock.id));
	}
	/* Attached to the IOAS it does not get into the table that tracks. */
	must(mock_create(self->iommufd, self->ioas_id, &mock));
	EXPECT_NE(self->hwpt_id, mock.hwpt_id);
}

TEST_F_TIMEOUT(dirty, wrong_write_is_refused, TEST_SECONDS)
{
	const int iommufd = self->iommufd;
	const __u8 bits = 0xff;

	EXPECT_EQ(2, mock_write(iommufd, self->hwpt_id, IOVA, 2 * PAGE_SIZE,
				PAGE_SIZE, &bits));
	EXPECT_EQ(-EINVAL, mock_write(iommufd, self->hwpt_id, IOVA, PAGE_SIZE,
				      0, &bits));
	EXPECT_EQ(-EINVAL, mock_write(iommufd, self->hwpt_id, IOVA, 0,
				      PAGE_SIZE, &bits));
	EXPECT_EQ(-EINVAL, mock_write(iommufd, self->hwpt_id, IOVA + 1,
				      PAGE_SIZE, PAGE_SIZE, &bits));
	EXPECT_EQ(-EINVAL, mock_write(iommufd, self->hwpt_id, IOVA,
				      PAGE_SIZE + 1, PAGE_SIZE, &bits));
	EXPECT_EQ(-EINVAL, mock_write(iommufd, self->hwpt_id, IOVA, PAGE_SIZE,
				      PAGE_SIZE, NULL));
	EXPECT_EQ(-EFAULT, mock_write(iommufd, self->hwpt_id, IOVA, PAGE_SIZE,
				      PAGE_SIZE, memory_hole(PAGE_SIZE)));
	EXPECT_EQ(-EOVERFLOW, mock_write(iommufd, self->hwpt_id, 0, 1ULL << 28,
					 1, &bits));
	EXPECT_EQ(-ENOENT, mock_write(iommufd, self->ioas_id, IOVA, PAGE_SIZE,
				      PAGE_SIZE, &bits));
}

/* More of them than are read at once */
TEST_F_TIMEOUT(dirty, mappings_may_be_many_and_small, TEST_SECONDS)
{
	const __u64 nr = 1200, gap = 2 * MOCK_PAGE_SIZE;
	const __u64 start = IOVA + 2 * LENGTH;
	const __u64 length = nr * gap;
	__u8 *bitmap = memory_alloc(length / MOCK_PAGE_SIZE);
	__u8 *written = memory_alloc(length / MOCK_PAGE_SIZE);
	__u64 i;

	for (i = 0; i < nr; i++)
		must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
				    MOCK_PAGE_SIZE, start + i * gap));
	memset(written, 0xff, length / MOCK_PAGE_SIZE);
	EXPECT_EQ(nr, mock_write(self->iommufd, self->hwpt_id, start, length,
				 MOCK_PAGE_SIZE, written));
	EXPECT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, start, length,
				MOCK_PAGE_SIZE, bitmap));
	memset(written, 0x55, length / MOCK_PAGE_SIZE / CHAR_BIT);
	EXPECT_EQ(0, memcmp(written, bitmap,
			    length / MOCK_PAGE_SIZE / CHAR_BIT));
	memory_free(bitmap, length / MOCK_PAGE_SIZE);
	memory_free(written, length / MOCK_PAGE_SIZE);
}

/*
 * A bitmap of which one page cannot be written: what stands in the others is not
 * reported again, the rest is. A bit for a byte makes it long enough.
 */
TEST_F_TIMEOUT(dirty, what_cannot_be_reported_stays_dirty, TEST_SECONDS)
{
	const size_t length = LENGTH / CHAR_BIT;
	__u8 *bitmap = memory_alloc(length);
	size_t bad, i;

	for (bad = 0; bad < length / PAGE_SIZE; bad += 5) {
		__u8 *page = bitmap + bad * PAGE_SIZE;

		memset(bitmap, 0, length);
		write_some(self);
		must(errno_of(mprotect(page, PAGE_SIZE, PROT_READ)));
		ASSERT_EQ(-EFAULT, hwpt_dirty(self->iommufd, self->hwpt_id, 0,
					      IOVA, LENGTH, 1, bitmap));
		must(errno_of(mprotect(page, PAGE_SIZE,
				       PROT_READ | PROT_WRITE)));
		ASSERT_EQ(0, bits_count(page, length - bad * PAGE_SIZE));
		ASSERT_EQ(0, hwpt_dirty(self->iommufd, self->hwpt_id, 0, IOVA,
					LENGTH, 1, bitmap));
		memset(self->bitmap, 0, BITMAP_LENGTH);
		for (i = 0; i < ENTRIES; i++)
			if (bit_is_set(bitmap, i * MOCK_PAGE_SIZE))
				bit_set(self->bitmap, i);
		ASSERT_TRUE(reports(self, variant->flags));
		ASSERT_TRUE(is_clean(self));
	}
	memory_free(bitmap, length);
}

/* Every page that was written is in one of the two. */
static bool covers(FIXTURE_DATA(dirty) * self, const __u8 *written,
		   const __u8 *one, const __u8 *other)
{
	size_t i;

	for (i = 0; i < BITMAP_LENGTH; i++)
		if (written[i] & ~(one[i] | other[i]))
			return false;
	return true;
}

static __u8 *bitmap_share(void)
{
	void *bitmap = mmap(NULL, BITMAP_LENGTH, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(bitmap == MAP_FAILED ? -errno : 0);
	return bitmap;
}

TEST_F_TIMEOUT(dirty, kill_loses_nothing, TEST_SECONDS)
{
	__u8 *shared = bitmap_share();
	unsigned int i;
	pid_t child;

	for (i = 0; i < 20; i++) {
		write_some(self);
		child = must(errno_of(fork()));
		if (!child) {
			for (;;)
				must(dirty_read(self, 0, shared));
		}
		usleep(random_below(3000));
		must(errno_of(kill(child, SIGKILL)));
		must(errno_of(waitpid(child, NULL, 0)));
		memset(self->bitmap, 0, BITMAP_LENGTH);
		must(dirty_read(self, 0, self->bitmap));
		EXPECT_TRUE(covers(self, self->written, shared, self->bitmap));
		memset(shared, 0, BITMAP_LENGTH);
	}
	must(errno_of(munmap(shared, BITMAP_LENGTH)));
}

/* Threads that write, read, map and unmap, for a number of rounds */
#define ROUNDS 2000

struct party {
	FIXTURE_DATA(dirty) *self;
	__u64 seed;
	/* of a reader */
	__u8 *bitmap;
	bool *ended;
	int ret;
};

/* The device: each page is known as written before it is. */
static void *party_write(void *data)
{
	struct party *party = data;
	unsigned int i;

	random_seed(party->seed);
	for (i = 0; i < ROUNDS; i++) {
		const __u64 entry = random_below(ENTRIES);

		bit_set(party->self->written, entry);
		write_one(party->self, IOVA + entry * MOCK_PAGE_SIZE);
	}
	__atomic_store_n(party->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A range of whole bytes of the bitmap, and whole pages of the table */
static void *party_read(void *data)
{
	struct party *party = data;
	const __u64 most = LENGTH / LARGE;

	random_seed(party->seed);
	while (!__atomic_load_n(party->ended, __ATOMIC_ACQUIRE)) {
		const __u64 first = random_below(most);
		const __u64 nr = 1 + random_below(most - first);
		const __u64 start = first * LARGE;

		party->ret |=
			hwpt_dirty(party->self->iommufd, party->self->hwpt_id,
				   random_below(8) ? 0 : NO_CLEAR,
				   IOVA + start, nr * LARGE,
				   MOCK_PAGE_SIZE,
				   party->bitmap +
					   start / MOCK_PAGE_SIZE / CHAR_BIT);
	}
	return NULL;
}

/*
 * Neighbours come and go, in the same tables of the table. Memory and IOVA agree, so that
 * it is unmapped in the pages in which it was mapped.
 */
static void *party_map(void *data)
{
	struct party *party = data;
	FIXTURE_DATA(dirty) *self = party->self;

	random_seed(party->seed);
	while (!__atomic_load_n(party->ended, __ATOMIC_ACQUIRE)) {
		const __u64 length = (1 + random_below(PAGES)) * PAGE_SIZE;
		const bool is_below = random_below(2);
		const __u64 iova = is_below ? IOVA - length : IOVA + LENGTH;
		const char *memory = self->memory +
				     (is_below ? LENGTH - length : 0);

		party->ret |= ioas_map_fixed(self->iommufd, self->ioas_id,
					     memory, length, iova);
		party->ret |= ioas_unmap(self->iommufd, self->ioas_id, iova,
					 length, NULL);
	}
	return NULL;
}

/*
 * Random writes, random reads: in the end the bitmaps have every page that was
 * written. Two of the readers have one bitmap.
 */
TEST_F_TIMEOUT(dirty, no_write_is_lost, TEST_SECONDS)
{
	const __u64 seed = random_below(UINT32_MAX);
	void *(*const runs[])(void *) = { party_write, party_read, party_read,
					  party_read, party_map };
	struct party parties[ARRAY_SIZE(runs)];
	pthread_t threads[ARRAY_SIZE(runs)];
	__u8 *one = memory_alloc(BITMAP_LENGTH);
	__u8 *two = memory_alloc(BITMAP_LENGTH);
	bool ended = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		parties[i] = (struct party){
			.self = self,
			.seed = seed + i,
			.bitmap = i == 1 ? one : two,
			.ended = &ended,
		};
		must(-pthread_create(&threads[i], NULL, runs[i], &parties[i]));
	}
	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		must(-pthread_join(threads[i], NULL));
		EXPECT_EQ(0, parties[i].ret);
	}
	must(dirty_read(self, 0, two));
	EXPECT_TRUE(covers(self, self->written, one, two));
	EXPECT_TRUE(is_clean(self));
}

/* More than a page of the bitmap has bits for, and more than is read in a step */
TEST(much_is_read_at_once)
{
	const size_t length = 160UL << 20, size = 16UL << 20;
	const size_t bytes = length / MOCK_PAGE_SIZE / CHAR_BIT;
	char *memory = memory_repeated(file_scattered(size), size, length);
	__u8 *written = memory_alloc(bytes), *bitmap = memory_alloc(bytes);
	__u32 ioas_id, hwpt_id;
	struct mock mock;
	int iommufd;

	need(mock_exists(), "the mock IOMMU");
	iommufd = must(iommufd_open());
	must(ioas_alloc(iommufd, &ioas_id));
	track(iommufd, ioas_id, 0, &mock, &hwpt_id);
	must(ioas_map_fixed(iommufd, ioas_id, memory, length, IOVA));
	must(hwpt_track(iommufd, hwpt_id, true));
	memset(written, 0xff, bytes);
	EXPECT_EQ(length / MOCK_PAGE_SIZE,
		  mock_write(iommufd, hwpt_id, IOVA, length, MOCK_PAGE_SIZE,
			     written));
	EXPECT_EQ(0, hwpt_dirty(iommufd, hwpt_id, 0, IOVA, length,
				MOCK_PAGE_SIZE, bitmap));
	EXPECT_EQ(0, memcmp(written, bitmap, bytes));
	memset(bitmap, 0, bytes);
	EXPECT_EQ(0, hwpt_dirty(iommufd, hwpt_id, 0, IOVA, length,
				MOCK_PAGE_SIZE, bitmap));
	EXPECT_EQ(0, bits_count(bitmap, bytes));
	EXPECT_EQ(0, close(iommufd));
	EXPECT_EQ(0, pages_pinned());
}

TEST_HARNESS_MAIN
