// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_ALLOW_IOVAS, what is reserved, and the IOVA that the kernel
 * chooses between the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define MEMORY_PAGES 16
#define MEMORY_LENGTH (MEMORY_PAGES * PAGE_SIZE)
#define HUGE_PAGE 0x200000ULL
#define LAST(start, length) ((start) + (length) - 1)
/* A list that takes long to read */
#define MANY 0x100000U
#define MANY_IN_A_PAGE (PAGE_SIZE / sizeof(struct iommu_iova_range))

FIXTURE(allow)
{
	int iommufd;
	__u32 ioas_id;
	char *memory;
};

FIXTURE_SETUP(allow)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	/* aligned, as alignment is the only thing that counts of it */
	self->memory = memory_alloc(2 * MEMORY_LENGTH);
	self->memory += -(uintptr_t)self->memory & (MEMORY_LENGTH - 1);
}

FIXTURE_TEARDOWN(allow)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static int allow(FIXTURE_DATA(allow) * self, __u64 start, __u64 last)
{
	struct iommu_iova_range range = { start, last };

	return ioas_allow_iovas(self->iommufd, self->ioas_id, &range, 1);
}

static int map(FIXTURE_DATA(allow) * self, __u64 length, __u64 *iova)
{
	return ioas_map(self->iommufd, self->ioas_id, self->memory, length,
			iova);
}

static int map_fixed(FIXTURE_DATA(allow) * self, __u64 length, __u64 iova)
{
	return ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
			      length, iova);
}

static int reserve(FIXTURE_DATA(allow) * self, __u64 start, __u64 length)
{
	return mock_reserve(self->iommufd, self->ioas_id, start, length);
}

TEST_F_TIMEOUT(allow, kernel_chooses_inside, TEST_SECONDS)
{
	__u64 iova;

	ASSERT_EQ(0, allow(self, IOVA, LAST(IOVA, 4 * PAGE_SIZE)));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA, iova);
	ASSERT_EQ(0, map(self, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + 2 * PAGE_SIZE, iova);
	/* What is left has the size, but not the alignment. */
	EXPECT_EQ(-ENOSPC, map(self, 2 * PAGE_SIZE, &iova));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + PAGE_SIZE, iova);
	EXPECT_EQ(-ENOSPC, map(self, PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(allow, fixed_mappings_may_be_outside, TEST_SECONDS)
{
	ASSERT_EQ(0, allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	EXPECT_EQ(0, map_fixed(self, PAGE_SIZE, IOVA - PAGE_SIZE));
	EXPECT_EQ(0, map_fixed(self, PAGE_SIZE, 0));
	EXPECT_EQ(0, map_fixed(self, MEMORY_LENGTH, IOVA));
}

TEST_F_TIMEOUT(allow, nothing_in_the_list_allows_everything, TEST_SECONDS)
{
	__u64 iova;

	must(allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	ASSERT_EQ(0, ioas_allow_iovas(self->iommufd, self->ioas_id, NULL, 0));
	ASSERT_EQ(0, map(self, MEMORY_LENGTH, &iova));
	EXPECT_GT(IOVA, iova);
}

TEST_F_TIMEOUT(allow, new_list_replaces_the_former_one, TEST_SECONDS)
{
	__u64 iova;

	must(allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	must(allow(self, IOVA + MEMORY_LENGTH,
		   LAST(IOVA + MEMORY_LENGTH, PAGE_SIZE)));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + MEMORY_LENGTH, iova);
	EXPECT_EQ(-ENOSPC, map(self, PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(allow, lowest_window_with_room_is_taken, TEST_SECONDS)
{
	/* in any order */
	const struct iommu_iova_range windows[] = {
		{ 4 * HUGE_PAGE, LAST(4 * HUGE_PAGE, HUGE_PAGE) },
		{ HUGE_PAGE, LAST(HUGE_PAGE, PAGE_SIZE) },
		{ 2 * HUGE_PAGE, LAST(2 * HUGE_PAGE, 4 * PAGE_SIZE) },
	};
	__u64 iova;

	must(ioas_allow_iovas(self->iommufd, self->ioas_id, windows, 3));
	ASSERT_EQ(0, map(self, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(2 * HUGE_PAGE, iova);
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(HUGE_PAGE, iova);
	ASSERT_EQ(0, map(self, 8 * PAGE_SIZE, &iova));
	EXPECT_EQ(4 * HUGE_PAGE, iova);
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(2 * HUGE_PAGE + 2 * PAGE_SIZE, iova);
}

TEST_F_TIMEOUT(allow, windows_that_touch_are_one, TEST_SECONDS)
{
	const struct iommu_iova_range windows[] = {
		{ IOVA + PAGE_SIZE, LAST(IOVA + PAGE_SIZE, PAGE_SIZE) },
		{ IOVA, LAST(IOVA, PAGE_SIZE) },
		{ IOVA + 2 * PAGE_SIZE, LAST(IOVA + 2 * PAGE_SIZE, 2) },
	};
	__u64 iova;

	ASSERT_EQ(0, ioas_allow_iovas(self->iommufd, self->ioas_id, windows,
				      ARRAY_SIZE(windows)));
	EXPECT_EQ(-ENOSPC, map(self, 3 * PAGE_SIZE, &iova));
	ASSERT_EQ(0, map(self, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA, iova);
	EXPECT_EQ(-ENOSPC, map(self, PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(allow, windows_a_byte_apart_are_two, TEST_SECONDS)
{
	const struct iommu_iova_range windows[] = {
		{ IOVA, LAST(IOVA, PAGE_SIZE) - 1 },
		{ IOVA + PAGE_SIZE, LAST(IOVA + PAGE_SIZE, PAGE_SIZE) },
	};
	__u64 iova;

	ASSERT_EQ(0, ioas_allow_iovas(self->iommufd, self->ioas_id, windows,
				      ARRAY_SIZE(windows)));
	EXPECT_EQ(-ENOSPC, map(self, 2 * PAGE_SIZE, &iova));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + PAGE_SIZE, iova);
}

TEST_F_TIMEOUT(allow, page_zero_is_not_chosen_although_allowed, TEST_SECONDS)
{
	__u64 iova;

	must(allow(self, 0, LAST(0, 2 * PAGE_SIZE)));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(PAGE_SIZE, iova);
	EXPECT_EQ(-ENOSPC, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(0, map_fixed(self, PAGE_SIZE, 0));
}

TEST_F_TIMEOUT(allow, interval_has_two_bytes_at_least, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, allow(self, IOVA, IOVA));
	EXPECT_EQ(-EINVAL, allow(self, IOVA, IOVA - 1));
	EXPECT_EQ(-EINVAL, allow(self, UINT64_MAX, UINT64_MAX));
	EXPECT_EQ(-EINVAL, allow(self, UINT64_MAX, 0));
	EXPECT_EQ(0, allow(self, IOVA, IOVA + 1));
	EXPECT_EQ(0, allow(self, 0, UINT64_MAX));
}

TEST_F_TIMEOUT(allow, overlap_is_invalid_and_changes_nothing, TEST_SECONDS)
{
	struct iommu_iova_range windows[] = {
		{ 2 * HUGE_PAGE, 4 * HUGE_PAGE },
		{ 0, 0 },
	};
	static const struct iommu_iova_range overlaps[] = {
		{ 2 * HUGE_PAGE, 4 * HUGE_PAGE },
		{ HUGE_PAGE, 2 * HUGE_PAGE },
		{ 4 * HUGE_PAGE, 5 * HUGE_PAGE },
		{ HUGE_PAGE, 5 * HUGE_PAGE },
		{ 3 * HUGE_PAGE, 3 * HUGE_PAGE + 1 },
	};
	__u64 iova;
	size_t i;

	must(allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	for (i = 0; i < ARRAY_SIZE(overlaps); i++) {
		windows[1] = overlaps[i];
		EXPECT_EQ(-EINVAL,
			  ioas_allow_iovas(self->iommufd, self->ioas_id,
					   windows, 2));
	}
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA, iova);
}

TEST_F_TIMEOUT(allow, reserved_iova_is_in_use, TEST_SECONDS)
{
	__u64 iova;

	must(allow(self, 8 * HUGE_PAGE, LAST(8 * HUGE_PAGE, PAGE_SIZE)));
	must(reserve(self, IOVA, 4 * PAGE_SIZE));
	EXPECT_EQ(-EADDRINUSE, allow(self, 0, UINT64_MAX));
	EXPECT_EQ(-EADDRINUSE, allow(self, IOVA - 1, IOVA));
	EXPECT_EQ(-EADDRINUSE, allow(self, LAST(IOVA, 4 * PAGE_SIZE),
				     LAST(IOVA, 4 * PAGE_SIZE) + 1));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(8 * HUGE_PAGE, iova);
	EXPECT_EQ(0, allow(self, IOVA - 2, IOVA - 1));
	EXPECT_EQ(0, allow(self, IOVA + 4 * PAGE_SIZE, UINT64_MAX));
}

TEST_F_TIMEOUT(allow, what_is_allowed_cannot_be_reserved, TEST_SECONDS)
{
	must(allow(self, IOVA, LAST(IOVA, MEMORY_LENGTH)));
	EXPECT_EQ(-EADDRINUSE, reserve(self, IOVA, 1));
	EXPECT_EQ(-EADDRINUSE, reserve(self, IOVA - PAGE_SIZE, 2 * PAGE_SIZE));
	EXPECT_EQ(0, reserve(self, IOVA - PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(0, reserve(self, IOVA + MEMORY_LENGTH, PAGE_SIZE));
	must(ioas_allow_iovas(self->iommufd, self->ioas_id, NULL, 0));
	EXPECT_EQ(0, reserve(self, IOVA, 1));
}

/* The mock IOMMU translates from 16 MiB to 2 GiB. */
TEST_F_TIMEOUT(allow, table_that_cannot_reach_it_all_is_refused, TEST_SECONDS)
{
	struct mock mock;
	__u64 iova;

	must(allow(self, IOVA, 1ULL << 40));
	EXPECT_EQ(-EADDRINUSE,
		  mock_create(self->iommufd, self->ioas_id, &mock));
	must(allow(self, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EADDRINUSE,
		  mock_create(self->iommufd, self->ioas_id, &mock));
	must(allow(self, MOCK_APERTURE_START, MOCK_APERTURE_LAST));
	ASSERT_EQ(0, mock_create(self->iommufd, self->ioas_id, &mock));
	EXPECT_EQ(-EADDRINUSE, allow(self, IOVA, 1ULL << 40));
	EXPECT_EQ(0, map(self, MEMORY_LENGTH, &iova));
	EXPECT_EQ(0, mock_translates(self->iommufd, mock.hwpt_id, self->memory,
				     MEMORY_LENGTH, iova));
}

TEST_F_TIMEOUT(allow, existing_mappings_do_not_matter, TEST_SECONDS)
{
	__u64 iova;

	must(map_fixed(self, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(0, allow(self, IOVA, LAST(IOVA, 2 * MEMORY_LENGTH)));
	ASSERT_EQ(0, map(self, MEMORY_LENGTH, &iova));
	EXPECT_EQ(IOVA + MEMORY_LENGTH, iova);
	EXPECT_EQ(0, allow(self, 8 * HUGE_PAGE, 9 * HUGE_PAGE));
}

TEST_F_TIMEOUT(allow, ranges_are_told_as_before, TEST_SECONDS)
{
	struct iommu_iova_range range;
	__u32 count = 1;
	__u64 alignment;

	must(allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	ASSERT_EQ(0, ioas_iova_ranges(self->iommufd, self->ioas_id, &range,
				      &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0, range.start);
	EXPECT_EQ(UINT64_MAX, range.last);
}

TEST_F_TIMEOUT(allow, list_that_cannot_be_read_faults, TEST_SECONDS)
{
	char *page = memory_alloc(2 * PAGE_SIZE);
	struct iommu_iova_range *windows;
	__u64 iova;

	must(allow(self, IOVA, LAST(IOVA, PAGE_SIZE)));
	EXPECT_EQ(-EFAULT,
		  ioas_allow_iovas(self->iommufd, self->ioas_id, NULL, 1));
	memory_free(page + PAGE_SIZE, PAGE_SIZE);
	windows = (struct iommu_iova_range *)(page + PAGE_SIZE) - 1;
	windows->start = 8 * HUGE_PAGE;
	windows->last = 9 * HUGE_PAGE;
	EXPECT_EQ(-EFAULT, ioas_allow_iovas(self->iommufd, self->ioas_id,
					    windows, 2));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA, iova);
}

TEST_F_TIMEOUT(allow, bad_arguments_are_refused, TEST_SECONDS)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg),
		.ioas_id = self->ioas_id,
		.__reserved = 1,
	};
	static const __u32 ids[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	size_t i;

	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->iommufd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(-ENOENT,
			  ioas_allow_iovas(self->iommufd, ids[i], NULL, 1));
}

TEST_F_TIMEOUT(allow, thousands_of_windows_are_possible, TEST_SECONDS)
{
	const unsigned int count = 3000;
	struct iommu_iova_range *windows;
	unsigned int i;
	__u64 iova;

	windows = memory_alloc(count * sizeof(*windows));
	for (i = 0; i < count; i++) {
		windows[i].start = IOVA + 2 * i * PAGE_SIZE;
		windows[i].last = LAST(windows[i].start, PAGE_SIZE);
	}
	ASSERT_EQ(0, ioas_allow_iovas(self->iommufd, self->ioas_id, windows,
				      count));
	EXPECT_EQ(-ENOSPC, map(self, 2 * PAGE_SIZE, &iova));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
		ASSERT_EQ(windows[i].start, iova);
	}
}

/* What is reserved, in front of, inside and behind the hole that is searched */
TEST_F_TIMEOUT(allow, kernel_chooses_around_what_is_reserved, TEST_SECONDS)
{
	__u64 iova;

	must(allow(self, IOVA, LAST(IOVA, 8 * PAGE_SIZE)));
	must(ioas_allow_iovas(self->iommufd, self->ioas_id, NULL, 0));
	must(reserve(self, 0, IOVA));
	must(reserve(self, IOVA + 2 * PAGE_SIZE, 1));
	must(reserve(self, IOVA + 2 * PAGE_SIZE, PAGE_SIZE));
	must(reserve(self, IOVA + 4 * PAGE_SIZE, PAGE_SIZE));
	must(reserve(self, IOVA + 8 * PAGE_SIZE, -(IOVA + 8 * PAGE_SIZE)));
	ASSERT_EQ(0, map(self, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA, iova);
	ASSERT_EQ(0, map(self, 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + 6 * PAGE_SIZE, iova);
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + 3 * PAGE_SIZE, iova);
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + 5 * PAGE_SIZE, iova);
	EXPECT_EQ(-ENOSPC, map(self, PAGE_SIZE, &iova));
}

TEST_F_TIMEOUT(allow, rounding_at_the_top_does_not_wrap, TEST_SECONDS)
{
	__u64 iova;

	must(reserve(self, 0, -2 * PAGE_SIZE - 1));
	EXPECT_EQ(-ENOSPC, map(self, 2 * PAGE_SIZE, &iova));
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_EQ(-2 * PAGE_SIZE, iova);
}

TEST_F_TIMEOUT(allow, reserving_is_refused_where_it_makes_no_sense,
	       TEST_SECONDS)
{
	must(map_fixed(self, MEMORY_LENGTH, IOVA));
	EXPECT_EQ(-EINVAL, reserve(self, IOVA, 0));
	EXPECT_EQ(-EOVERFLOW, reserve(self, -PAGE_SIZE, PAGE_SIZE + 1));
	EXPECT_EQ(0, reserve(self, -PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(-EADDRINUSE, reserve(self, IOVA, 1));
	EXPECT_EQ(-EADDRINUSE,
		  reserve(self, LAST(IOVA, MEMORY_LENGTH), PAGE_SIZE));
	EXPECT_EQ(0, reserve(self, IOVA + MEMORY_LENGTH, PAGE_SIZE));
	EXPECT_EQ(-ENOENT, mock_reserve(self->iommufd, 0, IOVA, PAGE_SIZE));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
}

/*
 * A buffer that could be in huge pages is placed so that the IOMMU can use
 * them, and bytes in a page keep their offset.
 */
TEST_F_TIMEOUT(allow, alignment_of_the_memory_counts, TEST_SECONDS)
{
	char *reserve = memory_hole(8 * HUGE_PAGE);
	char *aligned = reserve + (-(uintptr_t)reserve & (HUGE_PAGE - 1));
	__u64 offset, iova;

	must(map_fixed(self, PAGE_SIZE, PAGE_SIZE));
	for (offset = PAGE_SIZE; offset < HUGE_PAGE; offset *= 2) {
		ASSERT_EQ(0, ioas_map(self->iommufd, self->ioas_id,
				      aligned + offset, 2 * HUGE_PAGE, &iova));
		EXPECT_EQ(0, iova % offset);
		must(ioas_unmap(self->iommufd, self->ioas_id, iova,
				2 * HUGE_PAGE, NULL));
	}
	for (offset = 1; offset < PAGE_SIZE; offset = 2 * offset + 1) {
		ASSERT_EQ(0, ioas_map(self->iommufd, self->ioas_id,
				      aligned + offset, PAGE_SIZE, &iova));
		EXPECT_EQ(offset, iova % PAGE_SIZE);
		must(ioas_unmap(self->iommufd, self->ioas_id, iova, PAGE_SIZE,
				NULL));
	}
}

static void fill_windows(struct iommu_iova_range *windows, unsigned int first,
			 unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		windows[i].start = IOVA + 2 * (first + i) * PAGE_SIZE;
		windows[i].last = LAST(windows[i].start, PAGE_SIZE);
	}
}

/* Nobody has touched the page yet: whoever reads it first has to wait. */
static int catch_fault(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register region = {
		.range.start = (uintptr_t)page,
		.range.len = PAGE_SIZE,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = must(errno_of(syscall(SYS_userfaultfd, O_CLOEXEC)));

	must(errno_of(ioctl(fd, UFFDIO_API, &api)));
	must(errno_of(ioctl(fd, UFFDIO_REGISTER, &region)));
	return fd;
}

/* Let the call that waits for its first page go on, and end it. */
static void *kill_when_reading(void *fault)
{
	struct iommu_iova_range *page = memory_alloc(PAGE_SIZE);
	struct uffdio_copy copy = {
		.src = (uintptr_t)page,
		.len = PAGE_SIZE,
	};
	struct uffd_msg message;

	fill_windows(page, 0, MANY_IN_A_PAGE);
	must(errno_of(read(*(int *)fault, &message, sizeof(message))));
	copy.dst = message.arg.pagefault.address & ~(PAGE_SIZE - 1);
	must(errno_of(ioctl(*(int *)fault, UFFDIO_COPY, &copy)));
	must(errno_of(kill(getpid(), SIGKILL)));
	return NULL;
}

static void allow_many(int iommufd, __u32 ioas_id)
{
	struct iommu_iova_range *windows = memory_alloc(MANY * sizeof(*windows));
	int fault = catch_fault(windows);
	pthread_t killer;

	fill_windows(windows + MANY_IN_A_PAGE, MANY_IN_A_PAGE,
		     MANY - MANY_IN_A_PAGE);
	must(-pthread_create(&killer, NULL, kill_when_reading, &fault));
	must(ioas_allow_iovas(iommufd, ioas_id, windows, MANY));
	pause();
}

TEST_F_TIMEOUT(allow, fatal_signal_ends_a_long_list, TEST_SECONDS)
{
	int status, fd = errno_of(syscall(SYS_userfaultfd, O_CLOEXEC));
	pid_t child;
	__u64 iova;

	need(fd >= 0, "userfaultfd");
	must(errno_of(close(fd)));
	child = must(errno_of(fork()));
	if (!child)
		allow_many(self->iommufd, self->ioas_id);
	must(errno_of(waitpid(child, &status, 0)));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	/* Everything is allowed still. */
	ASSERT_EQ(0, map(self, PAGE_SIZE, &iova));
	EXPECT_GT(IOVA, iova);
}

TEST_HARNESS_MAIN
