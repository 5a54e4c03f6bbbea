// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_TEST_CMD itself: that its checks can fail, and what it refuses. A mock
 * that says yes to everything would make the other tests worthless.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define PAGES 8
#define LENGTH (PAGES * PAGE_SIZE)
/* An access takes no more at once. */
#define TOO_LONG (16ULL * 1024 * 1024 + 1)

FIXTURE(mock)
{
	struct space space;
	struct mock mock;
	char *memory;
	int access;
};

FIXTURE_SETUP(mock)
{
	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&self->space, &self->mock);
	self->memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, LENGTH, IOVA));
	self->access = must(access_create_pinning(self->space.iommufd,
						  self->space.ioas_id));
}

FIXTURE_TEARDOWN(mock)
{
	must(errno_of(close(self->access)));
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static int test_call(FIXTURE_DATA(mock) * self, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return iommufd_call(self->space.iommufd, IOMMU_TEST_CMD, cmd);
}

/* The reply cannot be written. */
static int test_call_readonly(FIXTURE_DATA(mock) * self,
			      struct iommu_test_cmd *cmd)
{
	void *arg;
	int ret;

	cmd->size = sizeof(*cmd);
	arg = memory_readonly_copy(cmd, sizeof(*cmd));
	ret = iommufd_call(self->space.iommufd, IOMMU_TEST_CMD, arg);
	memory_free(arg, sizeof(*cmd));
	return ret;
}

static int translates(FIXTURE_DATA(mock) * self, const char *memory,
		      __u64 length, __u64 iova)
{
	return mock_translates(self->space.iommufd, self->mock.hwpt_id, memory,
			       length, iova);
}

TEST_F_TIMEOUT(mock, wrong_translation_shows, TEST_SECONDS)
{
	char *other = memory_alloc(LENGTH);

	EXPECT_EQ(0, translates(self, self->memory, LENGTH, IOVA));
	EXPECT_EQ(-EINVAL, translates(self, self->memory + PAGE_SIZE,
				      LENGTH - PAGE_SIZE, IOVA));
	EXPECT_EQ(-EINVAL, translates(self, self->memory, LENGTH,
				      IOVA + MOCK_PAGE_SIZE));
	EXPECT_EQ(-EINVAL, translates(self, other, LENGTH, IOVA));
	EXPECT_EQ(-EINVAL, translates(self, self->memory, 1, IOVA));
	EXPECT_EQ(-EINVAL, translates(self, memory_hole(PAGE_SIZE), PAGE_SIZE,
				      IOVA));
	EXPECT_EQ(-EINVAL, translates(self, self->memory, -PAGE_SIZE, IOVA));
	EXPECT_EQ(-ENOENT, mock_translates(self->space.iommufd,
					   self->space.ioas_id, self->memory,
					   LENGTH, IOVA));
	must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id, NULL));
	EXPECT_EQ(-EINVAL, translates(self, self->memory, LENGTH, IOVA));
}

TEST_F_TIMEOUT(mock, wrong_number_of_pins_shows, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;

	EXPECT_EQ(0, mock_pinned(iommufd, self->memory, LENGTH, 1));
	EXPECT_EQ(-EIO, mock_pinned(iommufd, self->memory, LENGTH, 0));
	EXPECT_EQ(-EIO, mock_pinned(iommufd, self->memory, LENGTH, 2));
	EXPECT_EQ(-EINVAL, mock_pinned(iommufd, self->memory + 1, LENGTH, 1));
	EXPECT_EQ(-EINVAL, mock_pinned(iommufd, self->memory, 1, 1));
	EXPECT_EQ(-EINVAL, mock_pinned(iommufd, self->memory, -PAGE_SIZE, 1));
	EXPECT_EQ(-EFAULT, mock_pinned(iommufd, memory_hole(PAGE_SIZE),
				       PAGE_SIZE, 0));
	must(ioas_unmap_all(iommufd, self->space.ioas_id, NULL));
	EXPECT_EQ(0, mock_pinned(iommufd, self->memory, LENGTH, 0));
	EXPECT_EQ(-EIO, mock_pinned(iommufd, self->memory, LENGTH, 1));
}

static int check_cache(FIXTURE_DATA(mock) * self, __u32 dev_id, __u32 index,
		       __u32 value)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DEV_CHECK_CACHE,
		.id = dev_id,
		.check_dev_cache.id = index,
		.check_dev_cache.cache = value,
	};

	return test_call(self, &cmd);
}

TEST_F_TIMEOUT(mock, wrong_content_of_a_cache_shows, TEST_SECONDS)
{
	const __u32 value = IOMMU_TEST_DEV_CACHE_DEFAULT;
	const __u32 dev_id = self->mock.dev_id;
	__u32 i;

	for (i = 0; i < MOCK_DEV_CACHE_NUM; i++) {
		EXPECT_EQ(0, check_cache(self, dev_id, i, value));
		EXPECT_EQ(-EINVAL, check_cache(self, dev_id, i, value + 1));
	}
	EXPECT_EQ(-EINVAL, check_cache(self, dev_id, i, value));
	EXPECT_EQ(-ENOENT, check_cache(self, self->mock.id, 0, value));
}

TEST_F_TIMEOUT(mock, unknown_flag_is_refused, TEST_SECONDS)
{
	struct iommu_test_cmd create = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = self->space.ioas_id,
		.create_access.flags = 2,
	};
	struct iommu_test_cmd pin = {
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = self->access,
		.access_pages.flags = 2,
		.access_pages.iova = IOVA,
		.access_pages.length = PAGE_SIZE,
	};
	struct iommu_test_cmd copy = {
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = self->access,
		.access_rw.flags = 2,
		.access_rw.iova = IOVA,
		.access_rw.length = 1,
		.access_rw.uptr = (uintptr_t)self->memory,
	};

	EXPECT_EQ(-EOPNOTSUPP, test_call(self, &create));
	EXPECT_EQ(-EOPNOTSUPP, test_call(self, &pin));
	EXPECT_EQ(-EOPNOTSUPP, test_call(self, &copy));
}

TEST_F_TIMEOUT(mock, access_has_bounds, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	int copying = must(access_create(iommufd, self->space.ioas_id));
	void *hole = memory_hole(PAGE_SIZE);

	EXPECT_EQ(-EOPNOTSUPP, access_pin(iommufd, copying, IOVA, PAGE_SIZE,
					  NULL, 0, NULL));
	EXPECT_EQ(-ENOMEM, access_pin(iommufd, self->access, IOVA, TOO_LONG,
				      NULL, 0, NULL));
	EXPECT_EQ(-ENOMEM, access_read(iommufd, self->access, IOVA,
				       self->memory, TOO_LONG));
	EXPECT_EQ(-EFAULT, access_read(iommufd, self->access, IOVA, hole, 1));
	EXPECT_EQ(-EFAULT, access_write(iommufd, self->access, IOVA, hole, 1));
	EXPECT_EQ(-ENOENT, access_unpin(iommufd, self->access, 1000));
	EXPECT_EQ(-ENOENT, access_create(iommufd, self->mock.id));
	must(errno_of(close(copying)));
}

TEST_F_TIMEOUT(mock, what_cannot_be_reported_is_not_made, TEST_SECONDS)
{
	struct iommu_test_cmd create = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = self->space.ioas_id,
	};
	struct iommu_test_cmd pin = {
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = self->access,
		.access_pages.iova = IOVA,
		.access_pages.length = PAGE_SIZE,
	};
	struct iommu_test_cmd device = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = self->space.ioas_id,
	};
	int next = must(errno_of(dup(self->access)));

	must(errno_of(close(next)));
	EXPECT_EQ(-EFAULT, test_call_readonly(self, &create));
	EXPECT_EQ(next, errno_of(dup(self->access)));
	must(errno_of(close(next)));
	EXPECT_EQ(-EFAULT, test_call_readonly(self, &device));
	EXPECT_EQ(-EFAULT, test_call_readonly(self, &pin));
	/* Neither device nor pin is in the way. */
	must(iommufd_destroy(self->space.iommufd, self->mock.id));
	EXPECT_EQ(0, pages_pinned());
	must(mock_create(self->space.iommufd, self->space.ioas_id,
			 &self->mock));
}

TEST_F_TIMEOUT(mock, memory_limit_has_a_minimum, TEST_SECONDS)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.memory_limit.limit = 11,
	};

	EXPECT_EQ(-EINVAL, test_call(self, &cmd));
	cmd.memory_limit.limit = 12;
	EXPECT_EQ(0, test_call(self, &cmd));
}

TEST_HARNESS_MAIN
