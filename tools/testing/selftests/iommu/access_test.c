// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel drivers that reach mapped memory with the CPU: they pin pages, read
 * and write bytes, and are told before a mapping goes.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define MEMORY_PAGES 32
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)
#define GRANULE ((__u64)MOCK_PAGE_SIZE)
#define WRITE MOCK_FLAGS_ACCESS_WRITE

/* With and without a page table that has the pages pinned as well */
FIXTURE(access)
{
	int iommufd;
	__u32 ioas_id;
	struct mock mock;
	int access;
	char *memory;
};

FIXTURE_VARIANT(access)
{
	bool attached;
};

FIXTURE_VARIANT_ADD(access, without_table) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(access, with_table) {
	.attached = true,
};

FIXTURE_SETUP(access)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	if (variant->attached)
		must(mock_create(self->iommufd, self->ioas_id, &self->mock));
	self->access = must(access_create_pinning(self->iommufd,
						  self->ioas_id));
	self->memory = memory_alloc(MEMORY_LENGTH);
	memory_fill(self->memory, MEMORY_LENGTH, 1);
}

FIXTURE_TEARDOWN(access)
{
	if (self->access >= 0)
		must(errno_of(close(self->access)));
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static int map(FIXTURE_DATA(access) * self, const void *memory, __u64 length,
	       __u64 iova)
{
	return ioas_map_fixed(self->iommufd, self->ioas_id, memory, length,
			      iova);
}

static int unmap(FIXTURE_DATA(access) * self, __u64 iova, __u64 length)
{
	return ioas_unmap(self->iommufd, self->ioas_id, iova, length, NULL);
}

static int pin(FIXTURE_DATA(access) * self, __u64 iova, __u64 length,
	       __u32 *item)
{
	return access_pin(self->iommufd, self->access, iova, length, NULL,
			  WRITE, item);
}

static int unpin(FIXTURE_DATA(access) * self, __u32 item)
{
	return access_unpin(self->iommufd, self->access, item);
}

static int map_for(FIXTURE_DATA(access) * self, __u32 permission)
{
	__u64 iova = IOVA;

	return ioas_map_flags(self->iommufd, self->ioas_id,
			      IOMMU_IOAS_MAP_FIXED_IOVA | permission,
			      self->memory, MEMORY_LENGTH, &iova);
}

TEST_F_TIMEOUT(access, pins_the_pages_behind_the_iova, TEST_SECONDS)
{
	const struct {
		__u64 start, length;
	} ranges[] = {
		{ 0, MEMORY_LENGTH },
		{ 0, 1 },
		{ 1, 1 },
		{ PAGE_SIZE - 1, 2 },
		{ 3 * PAGE_SIZE + 7, 5 * PAGE_SIZE },
		{ MEMORY_LENGTH - 1, 1 },
	};
	size_t i;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		const __u64 start = ranges[i].start;
		const __u64 last = start + ranges[i].length - 1;
		__u32 item;

		ASSERT_EQ(0, access_pin(self->iommufd, self->access,
					IOVA + start, ranges[i].length,
					self->memory + start, WRITE, &item));
		EXPECT_EQ(variant->attached ? MEMORY_PAGES :
					      last / PAGE_SIZE -
						      start / PAGE_SIZE + 1,
			  pages_pinned());
		EXPECT_EQ(0, mock_pinned(self->iommufd,
					 self->memory + start / PAGE_SIZE *
								PAGE_SIZE,
					 PAGE_SIZE, 1));
		ASSERT_EQ(0, unpin(self, item));
	}
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(access, pins_of_a_page_count_once, TEST_SECONDS)
{
	__u32 items[8];
	unsigned int i;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	for (i = 0; i < ARRAY_SIZE(items); i++)
		must(pin(self, IOVA + i / 2 * PAGE_SIZE, 4 * PAGE_SIZE,
			 &items[i]));
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 7, pages_pinned());
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory, 7 * PAGE_SIZE,
				 1));
	/* from the middle */
	for (i = 0; i < ARRAY_SIZE(items); i++)
		must(unpin(self, items[(i + 4) % ARRAY_SIZE(items)]));
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(-ENOENT, unpin(self, items[0]));
}

TEST_F_TIMEOUT(access, pins_across_mappings, TEST_SECONDS)
{
	__u32 item;

	must(map(self, self->memory, PAGE_SIZE, IOVA));
	must(map(self, self->memory + PAGE_SIZE, 3 * PAGE_SIZE,
		 IOVA + PAGE_SIZE));
	must(map(self, self->memory + 4 * PAGE_SIZE, PAGE_SIZE,
		 IOVA + 4 * PAGE_SIZE));
	ASSERT_EQ(0, access_pin(self->iommufd, self->access, IOVA,
				5 * PAGE_SIZE, self->memory, WRITE, &item));
	EXPECT_EQ(5, pages_pinned());
	ASSERT_EQ(0, unpin(self, item));
	EXPECT_EQ(variant->attached ? 5 : 0, pages_pinned());

	must(unmap(self, IOVA + PAGE_SIZE, 3 * PAGE_SIZE));
	EXPECT_EQ(-ENOENT, pin(self, IOVA, 5 * PAGE_SIZE, NULL));
	EXPECT_EQ(-ENOENT, pin(self, IOVA + PAGE_SIZE, PAGE_SIZE, NULL));
	EXPECT_EQ(variant->attached ? 2 : 0, pages_pinned());
}

TEST_F_TIMEOUT(access, pin_of_a_bad_range_is_refused, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EINVAL, pin(self, IOVA, 0, NULL));
	EXPECT_EQ(-EOVERFLOW, pin(self, -PAGE_SIZE, 2 * PAGE_SIZE, NULL));
	EXPECT_EQ(-ENOENT, pin(self, 0, PAGE_SIZE, NULL));
	EXPECT_EQ(-ENOENT, pin(self, IOVA - 1, 1, NULL));
	EXPECT_EQ(-ENOENT, pin(self, IOVA - PAGE_SIZE, 2 * PAGE_SIZE, NULL));
	EXPECT_EQ(-ENOENT, pin(self, IOVA + MEMORY_LENGTH, 1, NULL));
	EXPECT_EQ(-ENOENT, pin(self, IOVA, MEMORY_LENGTH + 1, NULL));
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(access, pin_needs_memory_that_is_there, TEST_SECONDS)
{
	must(errno_of(munmap(self->memory + 4 * PAGE_SIZE, PAGE_SIZE)));
	/* a table needs it at once */
	EXPECT_EQ(variant->attached ? -EFAULT : 0,
		  map(self, self->memory, MEMORY_LENGTH, IOVA));
	if (variant->attached)
		return;
	EXPECT_EQ(-EFAULT, pin(self, IOVA, MEMORY_LENGTH, NULL));
	EXPECT_EQ(-EFAULT, pin(self, IOVA + 4 * PAGE_SIZE, 1, NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pin(self, IOVA, 4 * PAGE_SIZE, NULL));
}

TEST_F_TIMEOUT(access, permission_of_the_mapping_counts, TEST_SECONDS)
{
	char byte = 0;

	must(map_for(self, IOMMU_IOAS_MAP_READABLE));
	EXPECT_EQ(0, access_pin(self->iommufd, self->access, IOVA, 1, NULL, 0,
				NULL));
	EXPECT_EQ(-EPERM, pin(self, IOVA, 1, NULL));
	EXPECT_EQ(0, access_read(self->iommufd, self->access, IOVA, &byte, 1));
	EXPECT_EQ(-EPERM,
		  access_write(self->iommufd, self->access, IOVA, &byte, 1));
	must(unmap(self, IOVA, MEMORY_LENGTH));

	must(map_for(self, IOMMU_IOAS_MAP_WRITEABLE));
	EXPECT_EQ(-EPERM, access_pin(self->iommufd, self->access, IOVA, 1, NULL,
				     0, NULL));
	EXPECT_EQ(0, pin(self, IOVA, 1, NULL));
	EXPECT_EQ(-EPERM,
		  access_read(self->iommufd, self->access, IOVA, &byte, 1));
	EXPECT_EQ(0, access_write(self->iommufd, self->access, IOVA, &byte, 1));
}

/* The second mapping refuses; what the first one gave is given back. */
TEST_F_TIMEOUT(access, pin_is_all_or_nothing, TEST_SECONDS)
{
	__u64 iova = IOVA + PAGE_SIZE;

	must(map(self, self->memory, PAGE_SIZE, IOVA));
	must(ioas_map_flags(self->iommufd, self->ioas_id,
			    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			    self->memory + PAGE_SIZE, PAGE_SIZE, &iova));
	EXPECT_EQ(-EPERM, pin(self, IOVA, 2 * PAGE_SIZE, NULL));
	EXPECT_EQ(variant->attached ? 2 : 0, pages_pinned());
	EXPECT_EQ(0, unmap(self, IOVA, 2 * PAGE_SIZE));
}

TEST_F_TIMEOUT(access, other_pages_than_expected_show, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EBADE, access_pin(self->iommufd, self->access, IOVA,
				     PAGE_SIZE, self->memory + PAGE_SIZE, WRITE,
				     NULL));
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(access, unmap_takes_the_pins_away, TEST_SECONDS)
{
	__u32 items[3], other;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(map(self, self->memory, PAGE_SIZE, IOVA + MEMORY_LENGTH));
	must(pin(self, IOVA, MEMORY_LENGTH, &items[0]));
	must(pin(self, IOVA + PAGE_SIZE, 1, &items[1]));
	must(pin(self, IOVA + MEMORY_LENGTH - 1, 2, &items[2]));
	must(pin(self, IOVA + MEMORY_LENGTH, 1, &other));
	ASSERT_EQ(0, unmap(self, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-ENOENT, unpin(self, items[0]));
	EXPECT_EQ(-ENOENT, unpin(self, items[1]));
	EXPECT_EQ(-ENOENT, unpin(self, items[2]));
	EXPECT_EQ(1, pages_pinned());
	EXPECT_EQ(0, unpin(self, other));
	EXPECT_EQ(0, map(self, self->memory, MEMORY_LENGTH, IOVA));
}

TEST_F_TIMEOUT(access, unmap_of_everything_takes_the_pins_away, TEST_SECONDS)
{
	__u64 unmapped = 0;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		must(map(self, self->memory, PAGE_SIZE, IOVA + i * PAGE_SIZE));
		if (i % 3 == 0)
			must(pin(self, IOVA + i * PAGE_SIZE, 1, NULL));
	}
	ASSERT_EQ(0, ioas_unmap_all(self->iommufd, self->ioas_id, &unmapped));
	EXPECT_EQ(300 * PAGE_SIZE, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(access, every_access_is_told, TEST_SECONDS)
{
	int second = must(access_create_pinning(self->iommufd, self->ioas_id));
	__u32 item;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(pin(self, IOVA, 1, NULL));
	must(access_pin(self->iommufd, second, IOVA, PAGE_SIZE, NULL, WRITE,
			&item));
	ASSERT_EQ(0, unmap(self, IOVA, MEMORY_LENGTH));
	EXPECT_EQ(-ENOENT, access_unpin(self->iommufd, second, item));
	EXPECT_EQ(0, pages_pinned());
	must(errno_of(close(second)));
}

TEST_F_TIMEOUT(access, end_gives_the_pins_back, TEST_SECONDS)
{
	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(pin(self, IOVA, 4 * PAGE_SIZE, NULL));
	must(pin(self, IOVA + PAGE_SIZE, 4 * PAGE_SIZE, NULL));
	must(errno_of(close(self->access)));
	self->access = -1;
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 0, pages_pinned());
	EXPECT_EQ(0, unmap(self, IOVA, MEMORY_LENGTH));
}

TEST_F_TIMEOUT(access, keeps_its_ioas_busy, TEST_SECONDS)
{
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id));
	must(errno_of(close(self->access)));
	self->access = -1;
	if (variant->attached)
		must(iommufd_destroy(self->iommufd, self->mock.id));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
}

TEST_F_TIMEOUT(access, outlives_the_descriptor_of_its_context, TEST_SECONDS)
{
	char data[16] = { 0 };
	int other;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(pin(self, IOVA, PAGE_SIZE, NULL));
	must(errno_of(close(self->iommufd)));
	self->iommufd = must(iommufd_open());
	EXPECT_EQ(variant->attached ? MEMORY_PAGES : 1, pages_pinned());

	/* The call names the access by its descriptor alone. */
	other = self->iommufd;
	EXPECT_EQ(0, access_read(other, self->access, IOVA, data, 16));
	EXPECT_EQ(0, memcmp(data, self->memory, 16));
	must(errno_of(close(self->access)));
	self->access = -1;
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(access, table_that_comes_or_goes_keeps_the_pins, TEST_SECONDS)
{
	struct mock other;
	__u32 item;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(access_pin(self->iommufd, self->access, IOVA + PAGE_SIZE,
			2 * PAGE_SIZE, self->memory + PAGE_SIZE, WRITE, &item));
	must(mock_create(self->iommufd, self->ioas_id, &other));
	EXPECT_EQ(0, mock_translates(self->iommufd, other.hwpt_id, self->memory,
				     MEMORY_LENGTH, IOVA));
	EXPECT_EQ(MEMORY_PAGES, pages_pinned());
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory, MEMORY_LENGTH,
				 1));
	must(iommufd_destroy(self->iommufd, other.id));
	if (variant->attached)
		must(iommufd_destroy(self->iommufd, self->mock.id));
	EXPECT_EQ(2, pages_pinned());
	EXPECT_EQ(0, mock_pinned(self->iommufd, self->memory + PAGE_SIZE,
				 2 * PAGE_SIZE, 1));
	EXPECT_EQ(0, unpin(self, item));
	EXPECT_EQ(0, pages_pinned());
}

/* Driver, device and process see one and the same page. */
TEST_F_TIMEOUT(access, pinned_page_stays_whatever_the_process_does,
	       TEST_SECONDS)
{
	char data[PAGE_SIZE];
	char *page;

	must(map(self, self->memory, MEMORY_LENGTH, IOVA));
	must(pin(self, IOVA, PAGE_SIZE, NULL));
	page = mmap(self->memory, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(page, self->memory);
	memory_fill(self->memory, PAGE_SIZE, 9);
	must(access_read(self->iommufd, self->access, IOVA, data, PAGE_SIZE));
	EXPECT_TRUE(memory_matches(data, PAGE_SIZE, 1));
}

TEST_F_TIMEOUT(access, reads_and_writes_any_bytes, TEST_SECONDS)
{
	const __u64 span = 3 * PAGE_SIZE;
	__u64 start, length;
	char data[64];

	must(map(self, self->memory, 2 * PAGE_SIZE, IOVA));
	must(map(self, self->memory + 2 * PAGE_SIZE, PAGE_SIZE,
		 IOVA + 2 * PAGE_SIZE));
	for (start = PAGE_SIZE - 33; start < span - 64; start += 31) {
		length = 1 + start % 63;
		memset(data, 0, sizeof(data));
		ASSERT_EQ(0, access_read(self->iommufd, self->access,
					 IOVA + start, data, length));
		ASSERT_EQ(0, memcmp(data, self->memory + start, length));
		memory_fill(data, length, start);
		ASSERT_EQ(0, access_write(self->iommufd, self->access,
					  IOVA + start, data, length));
		ASSERT_TRUE(memory_matches(self->memory + start, length,
					   start));
		memory_fill(self->memory, span, start + 1);
	}
	EXPECT_EQ(variant->attached ? 3 : 0, pages_pinned());
}

TEST_F_TIMEOUT(access, reads_and_writes_much_at_once, TEST_SECONDS)
{
	char *data = memory_alloc(MEMORY_LENGTH);
	unsigned int i;

	for (i = 0; i < MEMORY_PAGES; i++)
		must(map(self, self->memory + i * PAGE_SIZE, PAGE_SIZE,
			 IOVA + i * PAGE_SIZE));
	must(access_read(self->iommufd, self->access, IOVA + 1, data,
			 MEMORY_LENGTH - 2));
	EXPECT_EQ(0, memcmp(data, self->memory + 1, MEMORY_LENGTH - 2));
	memory_fill(data, MEMORY_LENGTH, 7);
	must(access_write(self->iommufd, self->access, IOVA, data,
			  MEMORY_LENGTH));
	EXPECT_TRUE(memory_matches(self->memory, MEMORY_LENGTH, 7));
}

TEST_F_TIMEOUT(access, copy_of_a_bad_range_is_refused, TEST_SECONDS)
{
	char data[16];

	must(map(self, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EINVAL,
		  access_read(self->iommufd, self->access, IOVA, data, 0));
	EXPECT_EQ(-EOVERFLOW,
		  access_read(self->iommufd, self->access, -8ULL, data, 16));
	EXPECT_EQ(-ENOENT, access_read(self->iommufd, self->access, 0, data,
				       1));
	EXPECT_EQ(-ENOENT,
		  access_read(self->iommufd, self->access, IOVA - 1, data, 2));
	EXPECT_EQ(-ENOENT, access_write(self->iommufd, self->access,
					IOVA + PAGE_SIZE - 1, data, 2));
}

/* The memory of another process, and of one that is gone */
TEST_F_TIMEOUT(access, reaches_the_memory_of_another_process, TEST_SECONDS)
{
	char data[64] = { 0 };
	int to_parent[2], to_child[2], status;
	char byte = 0;
	pid_t child;

	must(errno_of(pipe(to_parent)));
	must(errno_of(pipe(to_child)));
	child = must(errno_of(fork()));
	if (!child) {
		memory_fill(self->memory, MEMORY_LENGTH, 5);
		must(map(self, self->memory, MEMORY_LENGTH, IOVA));
		must(errno_of(write(to_parent[1], &byte, 1)));
		must(errno_of(read(to_child[0], &byte, 1)));
		_exit(!memory_matches(self->memory, 64, 6));
	}
	must(errno_of(read(to_parent[0], &byte, 1)));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0,
		  access_read(self->iommufd, self->access, IOVA, data, 64));
	EXPECT_TRUE(memory_matches(data, 64, 5));
	memory_fill(data, 64, 6);
	ASSERT_EQ(0,
		  access_write(self->iommufd, self->access, IOVA, data, 64));
	must(errno_of(write(to_child[1], &byte, 1)));
	must(errno_of(waitpid(child, &status, 0)));
	EXPECT_EQ(0, status);

	/* A table has the pages still; without one they went with it. */
	EXPECT_EQ(variant->attached ? 0 : -EFAULT,
		  access_read(self->iommufd, self->access, IOVA, data, 64));
	EXPECT_EQ(variant->attached ? 0 : -EFAULT, pin(self, IOVA, 1, NULL));
	EXPECT_EQ(0, unmap(self, IOVA, MEMORY_LENGTH));
}

TEST_F_TIMEOUT(access, moves_to_another_ioas, TEST_SECONDS)
{
	__u32 other, item;
	char byte;

	must(ioas_alloc(self->iommufd, &other));
	must(map(self, self->memory, PAGE_SIZE, IOVA));
	must(ioas_map_fixed(self->iommufd, other, self->memory + PAGE_SIZE,
			    PAGE_SIZE, IOVA + PAGE_SIZE));
	must(pin(self, IOVA, PAGE_SIZE, &item));
	ASSERT_EQ(0, access_move(self->iommufd, self->access, other));
	EXPECT_EQ(-ENOENT, unpin(self, item));
	EXPECT_EQ(variant->attached ? 1 : 0, pages_pinned());
	EXPECT_EQ(-ENOENT,
		  access_read(self->iommufd, self->access, IOVA, &byte, 1));
	EXPECT_EQ(0, access_pin(self->iommufd, self->access, IOVA + PAGE_SIZE,
				PAGE_SIZE, self->memory + PAGE_SIZE, WRITE,
				NULL));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, other));
	if (variant->attached)
		must(iommufd_destroy(self->iommufd, self->mock.id));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
}

TEST_F_TIMEOUT(access, stays_when_it_cannot_move, TEST_SECONDS)
{
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	__u32 other, item;
	size_t i;

	must(map(self, self->memory, PAGE_SIZE, IOVA));
	must(pin(self, IOVA, PAGE_SIZE, &item));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(-ENOENT, access_move(self->iommufd, self->access,
					       ids[i]));
	if (variant->attached)
		EXPECT_EQ(-ENOENT, access_move(self->iommufd, self->access,
					       self->mock.hwpt_id));
	/* pins are of pages */
	must(ioas_alloc(self->iommufd, &other));
	must(ioas_map_fixed(self->iommufd, other, self->memory, 1, IOVA));
	EXPECT_EQ(-EADDRINUSE, access_move(self->iommufd, self->access, other));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, other));
	EXPECT_EQ(0, unpin(self, item));
}

/* Of a device, one context may have it, once. */
TEST_F_TIMEOUT(access, its_driver_has_no_second_one, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 item;

	EXPECT_EQ(-EBUSY, access_create_again(self->iommufd, self->access));
	EXPECT_EQ(-EBUSY, access_create_again(other, self->access));
	must(map(self, self->memory, PAGE_SIZE, IOVA));
	EXPECT_EQ(0, pin(self, IOVA, PAGE_SIZE, &item));
	EXPECT_EQ(0, unpin(self, item));
	close(other);
}

TEST_F_TIMEOUT(access, that_pins_needs_mappings_of_pages, TEST_SECONDS)
{
	struct iommu_iova_range range;
	__u32 count = 1;
	__u64 alignment;

	must(ioas_iova_ranges(self->iommufd, self->ioas_id, &range, &count,
			      &alignment));
	EXPECT_EQ(PAGE_SIZE, alignment);
	EXPECT_EQ(-EINVAL, map(self, self->memory, GRANULE, IOVA));
	EXPECT_EQ(-EINVAL, map(self, self->memory, PAGE_SIZE, IOVA + GRANULE));
	EXPECT_EQ(-EINVAL, map(self, self->memory + GRANULE, PAGE_SIZE, IOVA));
	must(errno_of(close(self->access)));
	self->access = -1;
	EXPECT_EQ(0, map(self, self->memory, GRANULE, IOVA));
	EXPECT_EQ(-EADDRINUSE,
		  access_create_pinning(self->iommufd, self->ioas_id));
	self->access = access_create(self->iommufd, self->ioas_id);
	EXPECT_LE(0, self->access);
}

TEST_F_TIMEOUT(access, that_copies_takes_mappings_of_any_bytes, TEST_SECONDS)
{
	char data[2 * GRANULE];
	int access;

	must(errno_of(close(self->access)));
	self->access = -1;
	access = must(access_create(self->iommufd, self->ioas_id));
	/* in the middle of two pages, at an IOVA at the start of one */
	must(map(self, self->memory + GRANULE, 2 * GRANULE, IOVA));
	must(map(self, self->memory + 4 * GRANULE, GRANULE,
		 IOVA + 2 * GRANULE));
	must(access_read(self->iommufd, access, IOVA + 5, data, GRANULE + 7));
	EXPECT_EQ(0, memcmp(data, self->memory + GRANULE + 5, GRANULE + 7));
	memory_fill(data, sizeof(data), 8);
	must(access_write(self->iommufd, access, IOVA + 2 * GRANULE - 3, data,
			  6));
	EXPECT_EQ(0, memcmp(data, self->memory + 3 * GRANULE - 3, 3));
	EXPECT_EQ(0, memcmp(data + 3, self->memory + 4 * GRANULE, 3));
	EXPECT_EQ(-EOPNOTSUPP, access_pin(self->iommufd, access, IOVA, 1, NULL,
					  WRITE, NULL));
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(access, bad_descriptors_are_refused, TEST_SECONDS)
{
	const int bad[] = { -1, 1000, self->iommufd, 0 };
	char byte = 0;
	size_t i;

	must(map(self, self->memory, PAGE_SIZE, IOVA));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EBADFD, access_pin(self->iommufd, bad[i], IOVA, 1,
					      NULL, WRITE, NULL));
		EXPECT_EQ(-EBADFD, access_unpin(self->iommufd, bad[i], 0));
		EXPECT_EQ(-EBADFD,
			  access_read(self->iommufd, bad[i], IOVA, &byte, 1));
		EXPECT_EQ(-EBADFD,
			  access_move(self->iommufd, bad[i], self->ioas_id));
	}
	EXPECT_EQ(-ENOENT, access_create(self->iommufd, 0));
	EXPECT_EQ(-ENOENT, access_create_pinning(self->iommufd, 1000));
	EXPECT_EQ(-EOPNOTSUPP, access_pin(self->iommufd, self->access, IOVA, 1,
					  NULL, 1 << 5, NULL));
	EXPECT_EQ(-ENOMEM, pin(self, IOVA, (16 << 20) + 1, NULL));
}

TEST_HARNESS_MAIN
