// SPDX-License-Identifier: GPL-2.0
/*
 * An IOMMU that does not unmap, or not all of it: what a table may still
 * translate stays pinned and in its place, until there is no table any more.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
/* Mappings side by side, each of some pages */
#define MAPPINGS 4
#define PAGES 4
#define LENGTH (PAGES * PAGE_SIZE)
#define ALL (MAPPINGS * LENGTH)

FIXTURE(stuck)
{
	struct space space;
	struct mock mock;
	char *memory;
};

FIXTURE_SETUP(stuck)
{
	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&self->space, &self->mock);
	self->memory = memory_alloc(ALL);
}

FIXTURE_TEARDOWN(stuck)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static __u64 iova_of(unsigned int nr)
{
	return IOVA + nr * LENGTH;
}

static char *memory_of(FIXTURE_DATA(stuck) * self, unsigned int nr)
{
	return self->memory + nr * LENGTH;
}

static int map(FIXTURE_DATA(stuck) * self, unsigned int nr)
{
	return ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			      memory_of(self, nr), LENGTH, iova_of(nr));
}

static void map_all(FIXTURE_DATA(stuck) * self)
{
	unsigned int i;

	for (i = 0; i < MAPPINGS; i++)
		must(map(self, i));
}

static int unmap(FIXTURE_DATA(stuck) * self, unsigned int nr)
{
	return ioas_unmap(self->space.iommufd, self->space.ioas_id,
			  iova_of(nr), LENGTH, NULL);
}

static int unmap_all(FIXTURE_DATA(stuck) * self)
{
	return ioas_unmap_all(self->space.iommufd, self->space.ioas_id, NULL);
}

static int refuse(FIXTURE_DATA(stuck) * self, __u64 map_iova, __u64 unmap_iova)
{
	return mock_refuse(self->space.iommufd, self->mock.hwpt_id, map_iova,
			   unmap_iova);
}

static bool pinned(FIXTURE_DATA(stuck) * self, unsigned int nr)
{
	return !mock_pinned(self->space.iommufd, memory_of(self, nr), LENGTH,
			    1);
}

static bool free_of_pins(FIXTURE_DATA(stuck) * self, unsigned int nr)
{
	return !mock_pinned(self->space.iommufd, memory_of(self, nr), LENGTH,
			    0);
}

/* One call for all of them: those that it did not come to stay as well. */
TEST_F_TIMEOUT(stuck, what_is_not_unmapped_stays_pinned, TEST_SECONDS)
{
	map_all(self);
	must(refuse(self, MOCK_NOWHERE, iova_of(2)));
	EXPECT_EQ(-EIO, unmap_all(self));
	EXPECT_TRUE(free_of_pins(self, 0));
	EXPECT_TRUE(free_of_pins(self, 1));
	EXPECT_TRUE(pinned(self, 2));
	EXPECT_TRUE(pinned(self, 3));
}

TEST_F_TIMEOUT(stuck, half_a_mapping_stays_pinned_whole, TEST_SECONDS)
{
	must(map(self, 0));
	must(refuse(self, MOCK_NOWHERE, iova_of(0) + 2 * PAGE_SIZE));
	EXPECT_EQ(-EIO, unmap(self, 0));
	EXPECT_TRUE(pinned(self, 0));
}

TEST_F_TIMEOUT(stuck, its_place_stays_taken, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	const __u32 ioas_id = self->space.ioas_id;
	int access = must(access_create_pinning(iommufd, ioas_id));
	char byte;

	must(map(self, 1));
	must(refuse(self, MOCK_NOWHERE, iova_of(1)));
	EXPECT_EQ(-EIO, unmap(self, 1));
	/* The IOMMU does again what it is told, but who knows what it has? */
	must(refuse(self, MOCK_NOWHERE, MOCK_NOWHERE));
	EXPECT_EQ(-EIO, unmap(self, 1));
	EXPECT_EQ(-EEXIST, map(self, 1));
	EXPECT_EQ(-ENOENT, ioas_copy_fixed(iommufd, ioas_id, iova_of(3),
					   ioas_id, iova_of(1), LENGTH));
	EXPECT_EQ(-EINVAL, access_read(iommufd, access, iova_of(1), &byte, 1));
	EXPECT_EQ(-EINVAL, access_pin(iommufd, access, iova_of(1), PAGE_SIZE,
				      NULL, 0, NULL));
	EXPECT_TRUE(pinned(self, 1));
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(stuck, others_come_and_go_beside_it, TEST_SECONDS)
{
	map_all(self);
	must(refuse(self, MOCK_NOWHERE, iova_of(1)));
	EXPECT_EQ(-EIO, unmap(self, 1));
	EXPECT_EQ(0, unmap(self, 0));
	EXPECT_EQ(0, unmap(self, 3));
	EXPECT_EQ(0, map(self, 0));
	EXPECT_EQ(0, mock_translates(self->space.iommufd, self->mock.hwpt_id,
				     memory_of(self, 0), LENGTH, iova_of(0)));
	/* Up to the first that does not go */
	EXPECT_EQ(-EIO, unmap_all(self));
	EXPECT_TRUE(free_of_pins(self, 0));
	EXPECT_TRUE(pinned(self, 1));
	EXPECT_TRUE(pinned(self, 2));
	EXPECT_EQ(0, unmap(self, 2));
	EXPECT_TRUE(free_of_pins(self, 2));
}

TEST_F_TIMEOUT(stuck, end_of_the_table_releases_it, TEST_SECONDS)
{
	struct space *space = &self->space;

	map_all(self);
	must(refuse(self, MOCK_NOWHERE, iova_of(1)));
	EXPECT_EQ(-EIO, unmap_all(self));
	EXPECT_TRUE(pinned(self, 1));
	must(iommufd_destroy(space->iommufd, self->mock.id));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(free_of_pins(self, 1));
	EXPECT_EQ(-ENOENT, unmap(self, 1));
	EXPECT_EQ(0, map(self, 1));
	must(mock_create(space->iommufd, space->ioas_id, &self->mock));
	EXPECT_EQ(0, mock_translates(space->iommufd, self->mock.hwpt_id,
				     memory_of(self, 1), LENGTH, iova_of(1)));
	EXPECT_EQ(0, unmap(self, 1));
}

/* The other one did unmap it: which of them is the last does not matter. */
TEST_F_TIMEOUT(stuck, last_table_releases_it, TEST_SECONDS)
{
	struct space *space = &self->space;
	struct mock other;
	__u32 hwpt_id;

	must(hwpt_alloc(space->iommufd, self->mock.dev_id, space->ioas_id,
			&hwpt_id));
	must(mock_create(space->iommufd, hwpt_id, &other));
	must(map(self, 0));
	must(refuse(self, MOCK_NOWHERE, iova_of(0)));
	EXPECT_EQ(-EIO, unmap(self, 0));
	EXPECT_EQ(-EINVAL, mock_translates(space->iommufd, hwpt_id,
					   memory_of(self, 0), LENGTH,
					   iova_of(0)));
	must(iommufd_destroy(space->iommufd, self->mock.id));
	EXPECT_TRUE(pinned(self, 0));
	EXPECT_EQ(-EEXIST, map(self, 0));
	must(iommufd_destroy(space->iommufd, other.id));
	must(iommufd_destroy(space->iommufd, hwpt_id));
	EXPECT_TRUE(free_of_pins(self, 0));
	EXPECT_EQ(0, map(self, 0));
}

/* A new table does not get it, and its end changes nothing. */
TEST_F_TIMEOUT(stuck, new_table_does_without_it, TEST_SECONDS)
{
	struct space *space = &self->space;
	__u32 hwpt_id;

	must(map(self, 0));
	must(map(self, 2));
	must(refuse(self, MOCK_NOWHERE, iova_of(0)));
	EXPECT_EQ(-EIO, unmap(self, 0));
	must(hwpt_alloc(space->iommufd, self->mock.dev_id, space->ioas_id,
			&hwpt_id));
	EXPECT_EQ(-EINVAL, mock_translates(space->iommufd, hwpt_id,
					   memory_of(self, 0), LENGTH,
					   iova_of(0)));
	EXPECT_EQ(0, mock_translates(space->iommufd, hwpt_id,
				     memory_of(self, 2), LENGTH, iova_of(2)));
	must(iommufd_destroy(space->iommufd, hwpt_id));
	EXPECT_TRUE(pinned(self, 0));
}

/* Nothing of the map that failed is left when the IOMMU lets go of it. */
TEST_F_TIMEOUT(stuck, failed_map_is_undone, TEST_SECONDS)
{
	must(refuse(self, iova_of(0) + 2 * PAGE_SIZE, MOCK_NOWHERE));
	EXPECT_EQ(-ENOSPC, map(self, 0));
	EXPECT_TRUE(free_of_pins(self, 0));
	must(refuse(self, MOCK_NOWHERE, MOCK_NOWHERE));
	EXPECT_EQ(0, map(self, 0));
}

/* Page by page, so that the table has the first ones when the next is refused */
TEST_F_TIMEOUT(stuck, failed_map_that_stays_stays_pinned, TEST_SECONDS)
{
	must(option_set(self->space.iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->space.ioas_id, 0));
	must(refuse(self, iova_of(0) + 2 * PAGE_SIZE, iova_of(0)));
	EXPECT_EQ(-EIO, map(self, 0));
	EXPECT_TRUE(pinned(self, 0));
	EXPECT_EQ(-EIO, unmap(self, 0));
	must(refuse(self, MOCK_NOWHERE, MOCK_NOWHERE));
	EXPECT_EQ(-EEXIST, map(self, 0));
	must(iommufd_destroy(self->space.iommufd, self->mock.id));
	EXPECT_TRUE(free_of_pins(self, 0));
	EXPECT_EQ(0, map(self, 0));
}

/* The second mapping fails, and the first cannot be taken back. */
TEST_F_TIMEOUT(stuck, failed_copy_that_stays_stays_pinned, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	const __u32 ioas_id = self->space.ioas_id;
	__u32 source;

	must(ioas_alloc(iommufd, &source));
	must(ioas_map_fixed(iommufd, source, memory_of(self, 0), LENGTH,
			    iova_of(0)));
	must(ioas_map_fixed(iommufd, source, memory_of(self, 1), LENGTH,
			    iova_of(1)));
	must(refuse(self, iova_of(1), iova_of(0)));
	EXPECT_EQ(-EIO, ioas_copy_fixed(iommufd, ioas_id, iova_of(0), source,
					iova_of(0), 2 * LENGTH));
	EXPECT_TRUE(pinned(self, 0));
	EXPECT_TRUE(free_of_pins(self, 1));
	must(refuse(self, MOCK_NOWHERE, MOCK_NOWHERE));
	EXPECT_EQ(-EEXIST, map(self, 0));
	EXPECT_EQ(0, map(self, 1));
	EXPECT_EQ(0, iommufd_destroy(iommufd, source));
	EXPECT_TRUE(pinned(self, 0));
}

TEST_F_TIMEOUT(stuck, process_that_ends_leaves_nothing, TEST_SECONDS)
{
	map_all(self);
	must(refuse(self, MOCK_NOWHERE, iova_of(0)));
	EXPECT_EQ(-EIO, unmap_all(self));
	EXPECT_LT(0, pages_pinned());
}

TEST_HARNESS_MAIN
