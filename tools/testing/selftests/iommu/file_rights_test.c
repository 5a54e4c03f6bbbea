// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_MAP_FILE: what devices may do with a file is what its opener may,
 * and what its seals leave, pinned or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/fs.h>

#include "../kselftest_harness.h"
#include "lib/memory_file.h"
#include "lib/mock.h"

#define IOVA FILE_ENV_IOVA

FIXTURE(rights)
{
	struct file_env env;
};

FIXTURE_VARIANT(rights)
{
	enum file_kind kind;
};

FIXTURE_VARIANT_ADD(rights, memfd) {
	.kind = FILE_MEMFD,
};

FIXTURE_VARIANT_ADD(rights, hugetlb) {
	.kind = FILE_HUGETLB,
};

FIXTURE_VARIANT_ADD(rights, shmem) {
	.kind = FILE_SHMEM,
};

FIXTURE_SETUP(rights)
{
	const char *missing = file_env_open(&self->env, variant->kind);

	need(!missing, missing);
}

FIXTURE_TEARDOWN(rights)
{
	file_env_close(&self->env);
	EXPECT_EQ(0, pages_pinned());
}

/* With READABLE only, at @iova */
static int map_read_only(FIXTURE_DATA(rights) * self, __u32 ioas_id, int file,
			 __u64 iova)
{
	return ioas_map_file_flags(self->env.space.iommufd, ioas_id,
				   IOMMU_IOAS_MAP_FIXED_IOVA |
					   IOMMU_IOAS_MAP_READABLE,
				   file, 0, self->env.length, &iova);
}

static int seal(int file, unsigned int seals)
{
	return errno_of(fcntl(file, F_ADD_SEALS, seals));
}

/* Files of a file system have none, and get none. */
static bool has_seals(FIXTURE_DATA(rights) * self)
{
	return errno_of(fcntl(self->env.file, F_GET_SEALS)) == 0;
}

/* One byte, as a device would */
static void write_byte(FIXTURE_DATA(rights) * self, char byte)
{
	must(access_write(self->env.space.iommufd, self->env.access, IOVA + 7,
			  &byte, 1));
}

static char read_byte(FIXTURE_DATA(rights) * self)
{
	char byte;

	must(access_read(self->env.space.iommufd, self->env.access, IOVA + 7,
			 &byte, 1));
	return byte;
}

TEST_F_TIMEOUT(rights, seals_against_other_things_do_not_matter, TEST_SECONDS)
{
	if (has_seals(self))
		must(seal(self->env.file,
			  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	write_byte(self, 'x');
	EXPECT_EQ('x', read_byte(self));
}

static void expect_sealed(struct __test_metadata *_metadata,
			  FIXTURE_DATA(rights) * self, unsigned int seals)
{
	const __u32 flags = IOMMU_IOAS_MAP_FIXED_IOVA |
			    IOMMU_IOAS_MAP_WRITEABLE;
	__u64 iova = IOVA;
	__u32 bare;

	must(file_env_map(&self->env, 0, self->env.length));
	write_byte(self, 'x');
	must(file_env_unmap(&self->env, self->env.length));
	if (!has_seals(self)) {
		EXPECT_EQ(-EPERM, seal(self->env.file, seals));
		return;
	}
	must(seal(self->env.file, seals));
	must(ioas_alloc(self->env.space.iommufd, &bare));
	EXPECT_EQ(-EPERM, file_env_map(&self->env, 0, self->env.length));
	EXPECT_EQ(-EPERM, ioas_map_file_fixed(self->env.space.iommufd, bare,
					      self->env.file, 0,
					      self->env.length, IOVA));
	EXPECT_EQ(-EPERM,
		  ioas_map_file_flags(self->env.space.iommufd,
				      self->env.space.ioas_id, flags,
				      self->env.file, 0, self->env.length,
				      &iova));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, map_read_only(self, self->env.space.ioas_id,
				   self->env.file, IOVA));
	EXPECT_EQ('x', read_byte(self));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	EXPECT_EQ(-EPERM, ioas_copy_fixed(self->env.space.iommufd, bare, IOVA,
					  self->env.space.ioas_id, IOVA,
					  self->env.length));
}

TEST_F_TIMEOUT(rights, sealed_against_writing_is_for_reading, TEST_SECONDS)
{
	expect_sealed(_metadata, self, F_SEAL_WRITE);
}

TEST_F_TIMEOUT(rights, sealed_against_new_writers_is_for_reading,
	       TEST_SECONDS)
{
	expect_sealed(_metadata, self, F_SEAL_FUTURE_WRITE);
}

/* Pinned or not: a device that is attached later would write. */
TEST_F_TIMEOUT(rights, cannot_be_sealed_while_devices_may_write, TEST_SECONDS)
{
	const int iommufd = self->env.space.iommufd;
	__u32 bare;

	if (!has_seals(self)) {
		EXPECT_EQ(-EPERM, seal(self->env.file, F_SEAL_WRITE));
		return;
	}
	must(ioas_alloc(iommufd, &bare));
	must(file_env_map(&self->env, 0, self->env.length));
	EXPECT_EQ(-EBUSY, seal(self->env.file, F_SEAL_WRITE));
	must(ioas_copy_fixed(iommufd, bare, IOVA, self->env.space.ioas_id, IOVA,
			     PAGE_SIZE));
	must(file_env_unmap(&self->env, self->env.length));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(-EBUSY, seal(self->env.file, F_SEAL_WRITE));
	must(ioas_unmap_all(iommufd, bare, NULL));
	EXPECT_EQ(0, seal(self->env.file, F_SEAL_WRITE));
}

/* A call that failed is no writer. */
TEST_F_TIMEOUT(rights, can_be_sealed_after_maps_that_failed, TEST_SECONDS)
{
	__u64 iova;

	if (!has_seals(self)) {
		EXPECT_EQ(-EPERM, seal(self->env.file, F_SEAL_WRITE));
		return;
	}
	EXPECT_EQ(-EINVAL,
		  file_env_map(&self->env, 0, self->env.length + PAGE_SIZE));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, 1000, PAGE_SIZE));
	must(map_read_only(self, self->env.space.ioas_id, self->env.file,
			   IOVA));
	EXPECT_EQ(-EEXIST, file_env_map(&self->env, 0, self->env.length));
	EXPECT_EQ(-EPERM,
		  ioas_copy(self->env.space.iommufd, self->env.space.ioas_id,
			    &iova, self->env.space.ioas_id, IOVA, PAGE_SIZE));
	must(file_env_unmap(&self->env, self->env.length));
	EXPECT_EQ(0, seal(self->env.file, F_SEAL_WRITE));
}

/* Whoever seals cannot tell for what a page is pinned. */
TEST_F_TIMEOUT(rights, can_be_sealed_when_no_page_is_pinned, TEST_SECONDS)
{
	__u32 bare;

	if (!has_seals(self)) {
		EXPECT_EQ(-EPERM, seal(self->env.file, F_SEAL_WRITE));
		return;
	}
	must(ioas_alloc(self->env.space.iommufd, &bare));
	must(map_read_only(self, bare, self->env.file, IOVA));
	must(map_read_only(self, self->env.space.ioas_id, self->env.file,
			   IOVA));
	EXPECT_EQ(-EBUSY, seal(self->env.file, F_SEAL_WRITE));
	must(file_env_unmap(&self->env, self->env.length));
	EXPECT_EQ(0, seal(self->env.file, F_SEAL_WRITE));
}

/* The seal is made for this: one goes on writing, no other begins. */
TEST_F_TIMEOUT(rights, seal_against_new_writers_leaves_the_old, TEST_SECONDS)
{
	const int iommufd = self->env.space.iommufd;
	struct mock mock;
	__u32 other;

	if (!has_seals(self)) {
		EXPECT_EQ(-EPERM, seal(self->env.file, F_SEAL_WRITE));
		return;
	}
	must(file_env_map(&self->env, 0, self->env.length));
	EXPECT_EQ(0, seal(self->env.file, F_SEAL_FUTURE_WRITE));
	write_byte(self, 'x');
	EXPECT_EQ('x', read_byte(self));
	must(ioas_alloc(iommufd, &other));
	EXPECT_EQ(-EPERM, ioas_map_file_fixed(iommufd, other, self->env.file, 0,
					      PAGE_SIZE, IOVA));
	EXPECT_EQ(0,
		  ioas_copy_fixed(iommufd, other, IOVA, self->env.space.ioas_id,
				  IOVA, self->env.length));
	EXPECT_EQ(0, mock_create(iommufd, other, &mock));
}

/* A device is no way to write what one may only read, or the reverse. */
TEST_F_TIMEOUT(rights, mode_of_the_descriptor_is_kept, TEST_SECONDS)
{
	static const __u32 rights[] = {
		IOMMU_IOAS_MAP_READABLE,
		IOMMU_IOAS_MAP_WRITEABLE,
		IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
	};
	int readable = must(file_reopen(self->env.file, O_RDONLY));
	int writable = must(file_reopen(self->env.file, O_WRONLY));
	__u32 ioas_ids[2];
	size_t i, j;

	ioas_ids[0] = self->env.space.ioas_id;
	must(ioas_alloc(self->env.space.iommufd, &ioas_ids[1]));
	for (i = 0; i < ARRAY_SIZE(ioas_ids); i++) {
		for (j = 0; j < ARRAY_SIZE(rights); j++) {
			bool write = rights[j] & IOMMU_IOAS_MAP_WRITEABLE;
			__u64 iova = 0;

			EXPECT_EQ(write ? -EACCES : 0,
				  ioas_map_file_flags(self->env.space.iommufd,
						      ioas_ids[i], rights[j],
						      readable, 0, PAGE_SIZE,
						      &iova));
			EXPECT_EQ(-EACCES,
				  ioas_map_file_flags(self->env.space.iommufd,
						      ioas_ids[i], rights[j],
						      writable, 0, PAGE_SIZE,
						      &iova));
		}
	}
	EXPECT_EQ(1, pages_pinned());
	must(errno_of(close(readable)));
	must(errno_of(close(writable)));
}

/* The rest of the arguments is judged first, as kernels do that ask no mode. */
TEST_F_TIMEOUT(rights, mode_of_the_descriptor_is_asked_last, TEST_SECONDS)
{
	int file = must(file_reopen(self->env.file, O_RDONLY));
	const struct {
		__u64 start, length, iova;
		int expected;
	} cases[] = {
		{ 0, 0, IOVA, -EINVAL },
		{ -PAGE_SIZE, 2 * PAGE_SIZE, IOVA, -EOVERFLOW },
		{ 0, PAGE_SIZE, IOVA + 1, -EINVAL },
		{ 0, PAGE_SIZE, 0, -EINVAL },
		{ 0, PAGE_SIZE, IOVA, -EEXIST },
		{ 0, PAGE_SIZE, IOVA + self->env.length, -EACCES },
		/* what shows when pages are pinned */
		{ self->env.length, PAGE_SIZE, IOVA + self->env.length,
		  -EACCES },
	};
	size_t i;

	must(file_env_map(&self->env, 0, self->env.length));
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_EQ(cases[i].expected,
			  ioas_map_file_fixed(self->env.space.iommufd,
					      self->env.space.ioas_id, file,
					      cases[i].start, cases[i].length,
					      cases[i].iova));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	must(errno_of(close(file)));
}

/* What is written there, a device could change. */
TEST(file_that_may_only_be_appended_to_is_for_reading)
{
	int file = file_open(FILE_SHMEM), flags = FS_APPEND_FL;
	struct space space;
	struct mock mock;
	__u64 iova = 0;

	need(mock_exists(), "the mock IOMMU");
	need(file >= 0, "a file system in memory");
	must(errno_of(ftruncate(file, PAGE_SIZE)));
	need(!ioctl(file, FS_IOC_SETFLAGS, &flags), "attributes of files");
	space_open_mock(&space, &mock);
	EXPECT_EQ(-EACCES, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
					 PAGE_SIZE, &iova));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, ioas_map_file_flags(space.iommufd, space.ioas_id,
					 IOMMU_IOAS_MAP_READABLE, file, 0,
					 PAGE_SIZE, &iova));
	space_close(&space);
	must(errno_of(close(file)));
}

TEST_HARNESS_MAIN
