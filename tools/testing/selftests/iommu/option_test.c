// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_OPTION: what it tells, what it changes, and what it refuses.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/capability.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define LENGTH (16 * PAGE_SIZE)
#define GRANULE ((__u64)MOCK_PAGE_SIZE)

FIXTURE(option)
{
	int iommufd;
	void *memory;
};

FIXTURE_SETUP(option)
{
	self->iommufd = must(iommufd_open());
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(option)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static int rlimit_mode_set(int iommufd, __u64 mode)
{
	return option_set(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, mode);
}

static __u64 rlimit_mode(int iommufd)
{
	__u64 mode;

	must(option_get(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, &mode));
	return mode;
}

static int large_pages_set(int iommufd, __u32 ioas_id, __u64 on)
{
	return option_set(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas_id, on);
}

static __u64 large_pages(int iommufd, __u32 ioas_id)
{
	__u64 on;

	must(option_get(iommufd, IOMMU_OPTION_HUGE_PAGES, ioas_id, &on));
	return on;
}

static __u64 alignment(int iommufd, __u32 ioas_id)
{
	__u64 alignment;
	__u32 count = 0;
	int ret;

	ret = ioas_iova_ranges(iommufd, ioas_id, NULL, &count, &alignment);
	must(ret == -EMSGSIZE ? 0 : -EINVAL);
	return alignment;
}

TEST_F_TIMEOUT(option, unknown_one_is_not_supported, TEST_SECONDS)
{
	static const __u32 options[] = { 2, 3, 1000, UINT32_MAX };
	__u32 ioas_id;
	size_t i;

	must(ioas_alloc(self->iommufd, &ioas_id));
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		__u64 value;

		EXPECT_EQ(-EOPNOTSUPP,
			  option_get(self->iommufd, options[i], 0, &value));
		EXPECT_EQ(-EOPNOTSUPP,
			  option_set(self->iommufd, options[i], ioas_id, 0));
	}
}

TEST_F_TIMEOUT(option, unknown_operation_is_not_supported, TEST_SECONDS)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
	};
	__u32 ioas_id, op;

	must(ioas_alloc(self->iommufd, &ioas_id));
	for (op = 2; op <= UINT16_MAX; op = 2 * op + 1) {
		arg.op = op;
		arg.option_id = IOMMU_OPTION_RLIMIT_MODE;
		arg.object_id = 0;
		EXPECT_EQ(-EOPNOTSUPP,
			  iommufd_call(self->iommufd, IOMMU_OPTION, &arg));
		arg.option_id = IOMMU_OPTION_HUGE_PAGES;
		arg.object_id = ioas_id;
		EXPECT_EQ(-EOPNOTSUPP,
			  iommufd_call(self->iommufd, IOMMU_OPTION, &arg));
		/* the object is looked for first */
		arg.object_id = 0;
		EXPECT_EQ(-ENOENT,
			  iommufd_call(self->iommufd, IOMMU_OPTION, &arg));
	}
}

TEST_F_TIMEOUT(option, reserved_field_is_not_supported, TEST_SECONDS)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_GET,
		.__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->iommufd, IOMMU_OPTION, &arg));
}

TEST_F_TIMEOUT(option, rlimit_mode_is_per_user_at_first, TEST_SECONDS)
{
	EXPECT_EQ(0, rlimit_mode(self->iommufd));
}

TEST_F_TIMEOUT(option, rlimit_mode_can_be_chosen, TEST_SECONDS)
{
	ASSERT_EQ(0, rlimit_mode_set(self->iommufd, 1));
	EXPECT_EQ(1, rlimit_mode(self->iommufd));
	ASSERT_EQ(0, rlimit_mode_set(self->iommufd, 0));
	EXPECT_EQ(0, rlimit_mode(self->iommufd));
}

TEST_F_TIMEOUT(option, rlimit_mode_has_two_values, TEST_SECONDS)
{
	static const __u64 values[] = { 2, 3, 1ULL << 32, UINT64_MAX };
	size_t i;

	must(rlimit_mode_set(self->iommufd, 1));
	for (i = 0; i < ARRAY_SIZE(values); i++)
		EXPECT_EQ(-EINVAL, rlimit_mode_set(self->iommufd, values[i]));
	EXPECT_EQ(1, rlimit_mode(self->iommufd));
}

/* What is charged already would be given back to another account. */
TEST_F_TIMEOUT(option, rlimit_mode_stays_while_there_are_objects, TEST_SECONDS)
{
	__u32 ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	EXPECT_EQ(-EBUSY, rlimit_mode_set(self->iommufd, 1));
	EXPECT_EQ(-EBUSY, rlimit_mode_set(self->iommufd, 0));
	/* judged before the value */
	EXPECT_EQ(-EBUSY, rlimit_mode_set(self->iommufd, 2));
	EXPECT_EQ(0, rlimit_mode(self->iommufd));
	must(iommufd_destroy(self->iommufd, ioas_id));
	EXPECT_EQ(0, rlimit_mode_set(self->iommufd, 1));
}

TEST_F_TIMEOUT(option, rlimit_mode_is_for_the_privileged, TEST_SECONDS)
{
	__u32 ioas_id;

	drop_capability(CAP_SYS_RESOURCE);
	EXPECT_EQ(-EPERM, rlimit_mode_set(self->iommufd, 1));
	EXPECT_EQ(-EPERM, rlimit_mode_set(self->iommufd, 2));
	must(ioas_alloc(self->iommufd, &ioas_id));
	EXPECT_EQ(-EPERM, rlimit_mode_set(self->iommufd, 1));
	EXPECT_EQ(0, rlimit_mode(self->iommufd));
}

TEST_F_TIMEOUT(option, rlimit_mode_is_of_no_object, TEST_SECONDS)
{
	__u32 ioas_id;
	__u64 value;

	EXPECT_EQ(-EOPNOTSUPP,
		  option_set(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, 1, 1));
	must(ioas_alloc(self->iommufd, &ioas_id));
	EXPECT_EQ(-EOPNOTSUPP,
		  option_get(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, ioas_id,
			     &value));
}

TEST_F_TIMEOUT(option, each_iommufd_has_its_own, TEST_SECONDS)
{
	int other = must(iommufd_open());

	must(rlimit_mode_set(self->iommufd, 1));
	EXPECT_EQ(0, rlimit_mode(other));
	must(errno_of(close(other)));
}

TEST_F_TIMEOUT(option, large_pages_are_on_at_first, TEST_SECONDS)
{
	__u32 ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	EXPECT_EQ(1, large_pages(self->iommufd, ioas_id));
	EXPECT_EQ(1, alignment(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(option, large_pages_belong_to_an_ioas, TEST_SECONDS)
{
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	__u32 first, second;
	size_t i;

	must(ioas_alloc(self->iommufd, &first));
	must(ioas_alloc(self->iommufd, &second));
	must(large_pages_set(self->iommufd, first, 0));
	EXPECT_EQ(1, large_pages(self->iommufd, second));
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		__u64 value;

		EXPECT_EQ(-ENOENT, large_pages_set(self->iommufd, ids[i], 0));
		EXPECT_EQ(-ENOENT,
			  option_get(self->iommufd, IOMMU_OPTION_HUGE_PAGES,
				     ids[i], &value));
	}
}

TEST_F_TIMEOUT(option, large_pages_have_two_values, TEST_SECONDS)
{
	static const __u64 values[] = { 2, 3, 1ULL << 32, UINT64_MAX };
	__u32 ioas_id;
	size_t i;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(large_pages_set(self->iommufd, ioas_id, 0));
	for (i = 0; i < ARRAY_SIZE(values); i++)
		EXPECT_EQ(-EINVAL, large_pages_set(self->iommufd, ioas_id,
						   values[i]));
	EXPECT_EQ(0, large_pages(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(option, without_large_pages_all_is_in_pages, TEST_SECONDS)
{
	__u32 ioas_id;
	__u64 iova;

	must(ioas_alloc(self->iommufd, &ioas_id));
	ASSERT_EQ(0, large_pages_set(self->iommufd, ioas_id, 0));
	EXPECT_EQ(0, large_pages(self->iommufd, ioas_id));
	EXPECT_EQ(PAGE_SIZE, alignment(self->iommufd, ioas_id));
	EXPECT_EQ(-EINVAL,
		  ioas_map(self->iommufd, ioas_id, self->memory, 1, &iova));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->iommufd, ioas_id, self->memory,
					  PAGE_SIZE, IOVA + GRANULE));
	EXPECT_EQ(0, ioas_map(self->iommufd, ioas_id, self->memory, LENGTH,
			      &iova));
	/* off is off */
	EXPECT_EQ(0, large_pages_set(self->iommufd, ioas_id, 0));
	ASSERT_EQ(0, large_pages_set(self->iommufd, ioas_id, 1));
	EXPECT_EQ(1, alignment(self->iommufd, ioas_id));
	EXPECT_EQ(0,
		  ioas_map(self->iommufd, ioas_id, self->memory, 1, &iova));
}

TEST_F_TIMEOUT(option, bytes_that_are_mapped_need_large_pages, TEST_SECONDS)
{
	const struct {
		__u64 iova, length;
		unsigned int offset;
	} odd[] = {
		{ IOVA, 1, 0 },
		{ IOVA + 1, PAGE_SIZE, 0 },
		{ IOVA, PAGE_SIZE, 1 },
		{ IOVA + GRANULE, PAGE_SIZE, GRANULE },
	};
	__u32 ioas_id;
	size_t i;

	must(ioas_alloc(self->iommufd, &ioas_id));
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		must(ioas_map_fixed(self->iommufd, ioas_id,
				    self->memory + odd[i].offset, odd[i].length,
				    odd[i].iova));
		EXPECT_EQ(-EADDRINUSE,
			  large_pages_set(self->iommufd, ioas_id, 0));
		EXPECT_EQ(1, large_pages(self->iommufd, ioas_id));
		EXPECT_EQ(1, alignment(self->iommufd, ioas_id));
		must(ioas_unmap_all(self->iommufd, ioas_id, NULL));
	}
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, PAGE_SIZE,
			    IOVA));
	EXPECT_EQ(0, large_pages_set(self->iommufd, ioas_id, 0));
}

TEST_F_TIMEOUT(option, tables_with_mappings_keep_large_pages, TEST_SECONDS)
{
	struct mock mock;
	__u32 ioas_id;

	need(mock_exists(), "the mock IOMMU");
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(mock_create(self->iommufd, ioas_id, &mock));
	EXPECT_EQ(GRANULE, alignment(self->iommufd, ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    IOVA));
	EXPECT_EQ(-EINVAL, large_pages_set(self->iommufd, ioas_id, 0));
	EXPECT_EQ(0, large_pages_set(self->iommufd, ioas_id, 1));
	must(ioas_unmap_all(self->iommufd, ioas_id, NULL));

	ASSERT_EQ(0, large_pages_set(self->iommufd, ioas_id, 0));
	EXPECT_EQ(PAGE_SIZE, alignment(self->iommufd, ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    IOVA));
	EXPECT_EQ(0, mock_translates(self->iommufd, mock.hwpt_id, self->memory,
				     LENGTH, IOVA));
	EXPECT_EQ(0, large_pages_set(self->iommufd, ioas_id, 0));
	EXPECT_EQ(0, large_pages_set(self->iommufd, ioas_id, 1));
	EXPECT_EQ(GRANULE, alignment(self->iommufd, ioas_id));
	EXPECT_EQ(0, ioas_unmap_all(self->iommufd, ioas_id, NULL));
}

/* A table that comes later is filled as the option says. */
TEST_F_TIMEOUT(option, alignment_follows_the_tables, TEST_SECONDS)
{
	struct mock mock;
	__u32 ioas_id;

	need(mock_exists(), "the mock IOMMU");
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    IOVA));
	must(large_pages_set(self->iommufd, ioas_id, 0));
	must(mock_create(self->iommufd, ioas_id, &mock));
	EXPECT_EQ(PAGE_SIZE, alignment(self->iommufd, ioas_id));
	EXPECT_EQ(0, mock_translates(self->iommufd, mock.hwpt_id, self->memory,
				     LENGTH, IOVA));
	must(large_pages_set(self->iommufd, ioas_id, 1));
	EXPECT_EQ(GRANULE, alignment(self->iommufd, ioas_id));
	must(iommufd_destroy(self->iommufd, mock.id));
	EXPECT_EQ(1, alignment(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(option, value_that_cannot_be_written_faults, TEST_SECONDS)
{
	const struct iommu_option get = {
		.size = sizeof(get),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_GET,
	};

	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->iommufd, IOMMU_OPTION,
			       memory_readonly_copy(&get, sizeof(get))));
}

/* A call that fails has changed nothing. */
TEST_F_TIMEOUT(option, value_that_cannot_be_confirmed_is_not_set, TEST_SECONDS)
{
	struct iommu_option set = {
		.size = sizeof(set),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};
	__u64 value;

	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->iommufd, IOMMU_OPTION,
			       memory_readonly_copy(&set, sizeof(set))));
	must(option_get(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);

	must(ioas_alloc(self->iommufd, &set.object_id));
	set.option_id = IOMMU_OPTION_HUGE_PAGES;
	set.val64 = 0;
	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->iommufd, IOMMU_OPTION,
			       memory_readonly_copy(&set, sizeof(set))));
	must(option_get(self->iommufd, IOMMU_OPTION_HUGE_PAGES, set.object_id,
			&value));
	EXPECT_EQ(1, value);
}

TEST_HARNESS_MAIN
