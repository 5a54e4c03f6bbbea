// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_IOAS_MAP_FILE: memory of a file, which belongs to no process.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/memory_file.h"
#include "lib/mock.h"

#define IOVA FILE_ENV_IOVA
#define GRANULE ((__u64)MOCK_PAGE_SIZE)
/* A map that takes long; the signal comes after it now and then. */
#define LONG_LENGTH 0x4000000ULL
#define ROUNDS_MAX 10
#define SIGNAL_ROUNDS 20
#define HOLE_ROUNDS 200
/* Each of them clears some megabytes. */
#define HUGE_HOLE_ROUNDS 50

FIXTURE(map_file)
{
	struct file_env env;
	/* the file as a process sees it */
	char *memory;
};

FIXTURE_VARIANT(map_file)
{
	enum file_kind kind;
};

FIXTURE_VARIANT_ADD(map_file, memfd) {
	.kind = FILE_MEMFD,
};

FIXTURE_VARIANT_ADD(map_file, hugetlb) {
	.kind = FILE_HUGETLB,
};

FIXTURE_VARIANT_ADD(map_file, shmem) {
	.kind = FILE_SHMEM,
};

/* Memory that a file takes, in units of 512 bytes */
static __u64 file_blocks(int file)
{
	struct stat status;

	must(errno_of(fstat(file, &status)));
	return status.st_blocks;
}

FIXTURE_SETUP(map_file)
{
	const char *missing = file_env_open(&self->env, variant->kind);

	need(!missing, missing);
	self->memory = mmap(NULL, self->env.length, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->env.file, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(map_file)
{
	file_env_close(&self->env);
	EXPECT_EQ(0, pages_pinned());
}

/* Does a device at @iova see what the file has from @start on? */
static bool shows(FIXTURE_DATA(map_file) * self, __u64 iova, __u64 start,
		  __u64 length)
{
	return !mock_translates(self->env.space.iommufd, self->env.mock.hwpt_id,
				self->memory + start, length, iova);
}

/* Does a driver at @iova read what was filled in with @seed? */
static bool reads(FIXTURE_DATA(map_file) * self, __u64 iova, __u64 length,
		  unsigned int seed)
{
	char *data = memory_alloc(length);
	bool same;

	must(access_read(self->env.space.iommufd, self->env.access, iova, data,
			 length));
	same = memory_matches(data, length, seed);
	memory_free(data, length);
	return same;
}

TEST_F_TIMEOUT(map_file, is_the_memory_that_processes_see, TEST_SECONDS)
{
	memory_fill(self->memory, self->env.length, 1);
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	EXPECT_TRUE(shows(self, IOVA, 0, self->env.length));
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 1));
	memory_fill(self->memory, self->env.length, 2);
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 2));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	ASSERT_EQ(0, file_env_unmap(&self->env, self->env.length));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map_file, missing_pages_are_made, TEST_SECONDS)
{
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	EXPECT_TRUE(shows(self, IOVA, 0, self->env.length));
	/* and are zero */
	EXPECT_EQ(0, self->memory[0]);
	EXPECT_EQ(0, self->memory[self->env.length - 1]);
	must(access_write(self->env.space.iommufd, self->env.access, IOVA + 7,
			  "x", 1));
	EXPECT_EQ('x', self->memory[7]);
}

/* A pinned page cannot be moved out of the way, so it must not be in it. */
TEST_F_TIMEOUT(map_file, pages_leave_movable_memory, TEST_SECONDS)
{
	if (!movable_zone_exists())
		SKIP(return, "no movable zone: movablecore=256M");
	memory_fill(self->memory, self->env.length, 5);
	/* Where huge pages are depends on when the pool got them. */
	if (variant->kind != FILE_HUGETLB)
		ASSERT_LT(0, pages_in_movable_zone(self->memory,
						   self->env.length));
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	EXPECT_TRUE(memory_matches(self->memory, self->env.length, 5));
	EXPECT_EQ(0, pages_in_movable_zone(self->memory, self->env.length));
	EXPECT_TRUE(shows(self, IOVA, 0, self->env.length));
	ASSERT_EQ(0, file_env_unmap(&self->env, self->env.length));
}

/* How often this thread has waited */
static unsigned long waits(void)
{
	struct rusage usage;

	must(errno_of(getrusage(RUSAGE_THREAD, &usage)));
	return usage.ru_nvcsw;
}

/*
 * Before a page is moved every processor is waited for: not for each page.
 */
TEST(pages_leave_movable_memory_together)
{
	const unsigned long pages = 1024;
	const __u64 length = pages * PAGE_SIZE;
	unsigned long before;
	struct space space;
	struct mock mock;
	char *memory;
	int file;

	need(mock_exists(), "the mock IOMMU");
	if (!movable_zone_exists())
		SKIP(return, "no movable zone: movablecore=256M");
	file = must(errno_of(memfd_create("map_file_test", MFD_CLOEXEC)));
	must(errno_of(ftruncate(file, length)));
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		      0);
	ASSERT_NE(MAP_FAILED, memory);
	memory_fill(memory, length, 6);
	ASSERT_LT(pages / 2, pages_in_movable_zone(memory, length));
	space_open_mock(&space, &mock);
	before = waits();
	ASSERT_EQ(0, ioas_map_file_fixed(space.iommufd, space.ioas_id, file, 0,
					 length, IOVA));
	EXPECT_GT(pages / 8, waits() - before);
	EXPECT_EQ(0, pages_in_movable_zone(memory, length));
	EXPECT_TRUE(memory_matches(memory, length, 6));
	EXPECT_EQ(0, mock_translates(space.iommufd, mock.hwpt_id, memory,
				     length, IOVA));
	space_close(&space);
	memory_free(memory, length);
	must(errno_of(close(file)));
}

TEST_F_TIMEOUT(map_file, any_part_may_be_mapped, TEST_SECONDS)
{
	const struct {
		__u64 start, length;
	} parts[] = {
		{ 0, PAGE_SIZE },
		{ PAGE_SIZE, PAGE_SIZE },
		{ self->env.length - PAGE_SIZE, PAGE_SIZE },
		{ self->env.length / 2 - PAGE_SIZE, 2 * PAGE_SIZE },
		{ GRANULE, PAGE_SIZE },
		{ GRANULE, GRANULE },
		{ 3 * GRANULE, self->env.length - 3 * GRANULE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const __u64 start = parts[i].start, length = parts[i].length;
		const __u64 last = start + length - 1;

		ASSERT_EQ(0, file_env_map(&self->env, start, length));
		EXPECT_TRUE(shows(self, IOVA, start, length));
		EXPECT_EQ(last / PAGE_SIZE - start / PAGE_SIZE + 1,
			  pages_pinned());
		ASSERT_EQ(0, file_env_unmap(&self->env, length));
		EXPECT_EQ(0, pages_pinned());
	}
}

TEST_F_TIMEOUT(map_file, kernel_may_choose_where, TEST_SECONDS)
{
	__u64 iova;

	ASSERT_EQ(0, ioas_map_file(self->env.space.iommufd,
				   self->env.space.ioas_id, self->env.file,
				   GRANULE, PAGE_SIZE, &iova));
	EXPECT_EQ(GRANULE, iova % PAGE_SIZE);
	EXPECT_LE(MOCK_APERTURE, iova);
	EXPECT_TRUE(shows(self, iova, GRANULE, PAGE_SIZE));
}

TEST_F_TIMEOUT(map_file, end_of_the_file_is_the_end, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL,
		  file_env_map(&self->env, self->env.length, PAGE_SIZE));
	EXPECT_EQ(-EINVAL,
		  file_env_map(&self->env, 0, self->env.length + PAGE_SIZE));
	EXPECT_EQ(-EINVAL,
		  file_env_map(&self->env, self->env.length - PAGE_SIZE,
			       2 * PAGE_SIZE));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, 1ULL << 62, PAGE_SIZE));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, -2 * PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, file_env_map(&self->env, self->env.length - PAGE_SIZE,
				  PAGE_SIZE));
}

/* The IOVA is chosen before it shows that the file is not that long. */
TEST_F_TIMEOUT(map_file, refused_mapping_leaves_its_argument_as_it_was,
	       TEST_SECONDS)
{
	__u64 iova = IOVA + 1;

	EXPECT_EQ(-EINVAL, ioas_map_file_flags(self->env.space.iommufd,
					       self->env.space.ioas_id, MAP_RW,
					       self->env.file, self->env.length,
					       PAGE_SIZE, &iova));
	EXPECT_EQ(IOVA + 1, iova);
}

/* @file has three pages, which are parts of a large one. */
static void expect_three_pages(struct __test_metadata *_metadata, int file)
{
	const __u64 length = 3 * PAGE_SIZE;
	struct space space;
	struct mock mock;
	__u64 iova;

	space_open_mock(&space, &mock);
	EXPECT_EQ(0, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
				   length, &iova));
	EXPECT_EQ(3, pages_pinned());
	EXPECT_EQ(-EINVAL, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
					 length + PAGE_SIZE, &iova));
	EXPECT_EQ(-EINVAL, ioas_map_file(space.iommufd, space.ioas_id, file,
					 length, PAGE_SIZE, &iova));
	EXPECT_EQ(3, pages_pinned());
	space_close(&space);
}

TEST(end_of_the_file_is_the_end_inside_a_huge_page)
{
	int file;

	need(mock_exists(), "the mock IOMMU");
	need(huge_pages_reserve(), "huge pages");
	file = file_open(FILE_HUGETLB);
	/* ftruncate() would insist on whole ones. */
	must(errno_of(fallocate(file, 0, 0, 3 * PAGE_SIZE)));
	expect_three_pages(_metadata, file);
	must(errno_of(close(file)));
}

/* A page of the page cache is as large as it likes, also at the end. */
TEST(end_of_the_file_is_the_end_inside_a_large_page)
{
	char directory[] = "/tmp/map_file_test.XXXXXX";
	bool is_large;
	char byte = 1;
	int file;

	need(mock_exists(), "the mock IOMMU");
	file = tmpfs_file(directory, "huge=always,size=8m");
	if (file == -EINVAL)
		SKIP(return, "no large pages in tmpfs: no TRANSPARENT_HUGEPAGE");
	need(file >= 0, "tmpfs");
	must(errno_of(ftruncate(file, 3 * PAGE_SIZE)));
	must(errno_of(pwrite(file, &byte, 1, 0)));
	is_large = file_blocks(file) == HUGE_PAGE / 512;
	if (is_large)
		expect_three_pages(_metadata, file);
	must(errno_of(close(file)));
	tmpfs_end(directory);
	if (!is_large)
		SKIP(return, "no large pages in tmpfs: CONFIG_BASE_FULL");
}

TEST_F_TIMEOUT(map_file, bad_arguments_are_refused, TEST_SECONDS)
{
	const int iommufd = self->env.space.iommufd;
	const __u32 ioas_id = self->env.space.ioas_id;
	__u64 iova = UINT64_MAX;

	EXPECT_EQ(-EINVAL, file_env_map(&self->env, 0, 0));
	EXPECT_EQ(-EOVERFLOW, file_env_map(&self->env, 0, UINT64_MAX));
	EXPECT_EQ(-EOVERFLOW,
		  file_env_map(&self->env, -PAGE_SIZE, 2 * PAGE_SIZE));
	EXPECT_EQ(-EOVERFLOW,
		  ioas_map_file_flags(iommufd, ioas_id, MAP_RW, self->env.file,
				      0, PAGE_SIZE, &iova));
	EXPECT_EQ(-EINVAL,
		  ioas_map_file_flags(iommufd, ioas_id, 0, self->env.file, 0,
				      PAGE_SIZE, &(__u64){ 0 }));
	EXPECT_EQ(-EOPNOTSUPP,
		  ioas_map_file_flags(iommufd, ioas_id, MAP_RW | 1 << 3,
				      self->env.file, 0, PAGE_SIZE,
				      &(__u64){ 0 }));
	EXPECT_EQ(-ENOENT, ioas_map_file(iommufd, 0, -1, 0, 0, &iova));
	EXPECT_EQ(-ENOENT, ioas_map_file(iommufd, self->env.mock.hwpt_id,
					 self->env.file, 0, PAGE_SIZE, &iova));
	/* the range is judged before the file */
	EXPECT_EQ(-EINVAL, ioas_map_file(iommufd, ioas_id, -1, 0, 0, &iova));
	EXPECT_EQ(-EOVERFLOW,
		  ioas_map_file(iommufd, ioas_id, -1, -PAGE_SIZE, 2 * PAGE_SIZE,
				&iova));
	EXPECT_EQ(-EBADF,
		  ioas_map_file(iommufd, ioas_id, -1, 0, PAGE_SIZE, &iova));
	EXPECT_EQ(-EBADF,
		  ioas_map_file(iommufd, ioas_id, 1000, 0, PAGE_SIZE, &iova));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, 0, 1000));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, 1000, PAGE_SIZE));
	EXPECT_EQ(-EINVAL, ioas_map_file(iommufd, ioas_id, self->env.file, 1000,
					 PAGE_SIZE, &iova));
	EXPECT_EQ(0, file_env_map(&self->env, 0, PAGE_SIZE));
	EXPECT_EQ(-EEXIST, file_env_map(&self->env, 0, PAGE_SIZE));
	EXPECT_EQ(1, pages_pinned());
}

TEST_F_TIMEOUT(map_file, end_of_all_files_is_no_overflow, TEST_SECONDS)
{
	/* Where nothing is pinned nothing is looked at. */
	int iommufd = self->env.space.iommufd;
	__u32 bare;

	must(ioas_alloc(iommufd, &bare));
	EXPECT_EQ(0, ioas_map_file_fixed(iommufd, bare, self->env.file,
					 -PAGE_SIZE, PAGE_SIZE, IOVA));
	EXPECT_EQ(-EINVAL, file_env_map(&self->env, -PAGE_SIZE, PAGE_SIZE));
}

TEST_F_TIMEOUT(map_file, truncation_takes_nothing_away, TEST_SECONDS)
{
	memory_fill(self->memory, self->env.length, 5);
	must(file_env_map(&self->env, 0, self->env.length));
	must(errno_of(ftruncate(self->env.file, 0)));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 5));
	/* a later mapping is of the file as it is then */
	EXPECT_EQ(-EINVAL,
		  ioas_map_file_fixed(self->env.space.iommufd,
				      self->env.space.ioas_id, self->env.file,
				      0, PAGE_SIZE, IOVA + self->env.length));
	must(errno_of(ftruncate(self->env.file, self->env.length)));
	ASSERT_EQ(0,
		  ioas_map_file_fixed(self->env.space.iommufd,
				      self->env.space.ioas_id, self->env.file,
				      0, PAGE_SIZE, IOVA + self->env.length));
	EXPECT_FALSE(shows(self, IOVA, 0, PAGE_SIZE));
	EXPECT_TRUE(shows(self, IOVA + self->env.length, 0, PAGE_SIZE));
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 5));
	EXPECT_EQ(0, file_env_unmap(&self->env, self->env.length));
}

TEST_F_TIMEOUT(map_file, hole_takes_nothing_away, TEST_SECONDS)
{
	const __u64 half = self->env.length / 2;

	memory_fill(self->memory, self->env.length, 6);
	must(file_env_map(&self->env, 0, self->env.length));
	must(errno_of(fallocate(self->env.file,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				half)));
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 6));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	/* The file has other pages there now, and the rest as before. */
	EXPECT_EQ(0, self->memory[0]);
	EXPECT_FALSE(shows(self, IOVA, 0, half));
	EXPECT_TRUE(shows(self, IOVA + half, half, half));
	must(file_env_unmap(&self->env, self->env.length));
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	EXPECT_TRUE(shows(self, IOVA, 0, self->env.length));
}

TEST_F_TIMEOUT(map_file, outlives_descriptor_and_mapper, TEST_SECONDS)
{
	pid_t child = must(errno_of(fork()));
	int status;

	if (!child) {
		memory_fill(self->memory, self->env.length, 7);
		_exit(file_env_map(&self->env, 0, self->env.length) ||
		      pages_pinned() != self->env.length / PAGE_SIZE);
	}
	must(errno_of(waitpid(child, &status, 0)));
	ASSERT_EQ(0, status);
	memory_free(self->memory, self->env.length);
	must(errno_of(close(self->env.file)));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(reads(self, IOVA, self->env.length, 7));
	EXPECT_EQ(0, file_env_unmap(&self->env, self->env.length));
}

/* Pinned for the first time when the process that mapped it is gone */
TEST_F_TIMEOUT(map_file, is_pinned_later_without_the_mapper, TEST_SECONDS)
{
	const int iommufd = self->env.space.iommufd;
	struct mock mock;
	int status;
	pid_t child;
	__u32 bare;

	must(ioas_alloc(iommufd, &bare));
	child = must(errno_of(fork()));
	if (!child)
		_exit(ioas_map_file_fixed(iommufd, bare, self->env.file, 0,
					  self->env.length, IOVA));
	must(errno_of(waitpid(child, &status, 0)));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, mock_create(iommufd, bare, &mock));
	EXPECT_EQ(0, mock_translates(iommufd, mock.hwpt_id, self->memory,
				     self->env.length, IOVA));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(map_file, may_be_copied, TEST_SECONDS)
{
	const int iommufd = self->env.space.iommufd;
	__u64 iova;

	must(file_env_map(&self->env, 0, self->env.length));
	ASSERT_EQ(0, ioas_copy(iommufd, self->env.space.ioas_id, &iova,
			       self->env.space.ioas_id, IOVA + PAGE_SIZE,
			       self->env.length - PAGE_SIZE));
	EXPECT_EQ(self->env.length / PAGE_SIZE, pages_pinned());
	must(file_env_unmap(&self->env, self->env.length));
	EXPECT_TRUE(shows(self, iova, PAGE_SIZE, self->env.length - PAGE_SIZE));
	EXPECT_EQ(self->env.length / PAGE_SIZE - 1, pages_pinned());
}

TEST_F_TIMEOUT(map_file, permissions_hold, TEST_SECONDS)
{
	const __u32 flags = IOMMU_IOAS_MAP_FIXED_IOVA |
			    IOMMU_IOAS_MAP_READABLE;
	__u64 iova = IOVA, copy;
	char byte = 0;

	ASSERT_EQ(0,
		  ioas_map_file_flags(self->env.space.iommufd,
				      self->env.space.ioas_id, flags,
				      self->env.file, 0, self->env.length,
				      &iova));
	EXPECT_EQ(0, access_read(self->env.space.iommufd, self->env.access,
				 IOVA, &byte, 1));
	EXPECT_EQ(-EPERM, access_write(self->env.space.iommufd,
				       self->env.access, IOVA, &byte, 1));
	EXPECT_EQ(-EPERM,
		  ioas_copy(self->env.space.iommufd, self->env.space.ioas_id,
			    &copy, self->env.space.ioas_id, IOVA, PAGE_SIZE));
}

TEST_F_TIMEOUT(map_file, pins_are_those_of_the_file, TEST_SECONDS)
{
	must(file_env_map(&self->env, 0, self->env.length));
	must(ioas_map_file_fixed(self->env.space.iommufd,
				 self->env.space.ioas_id, self->env.file, 0,
				 PAGE_SIZE, IOVA + self->env.length));
	EXPECT_EQ(self->env.length / PAGE_SIZE + 1, pages_pinned());
	/* of huge pages it always says yes */
	EXPECT_EQ(0, mock_pinned(self->env.space.iommufd, self->memory,
				 PAGE_SIZE, 2));
	EXPECT_EQ(0,
		  mock_pinned(self->env.space.iommufd, self->memory + PAGE_SIZE,
			      self->env.length - PAGE_SIZE, 1));
	must(ioas_unmap_all(self->env.space.iommufd, self->env.space.ioas_id,
			    NULL));
	EXPECT_EQ(0, mock_pinned(self->env.space.iommufd, self->memory,
				 self->env.length, 0));
}

/* A mapping that kept the context would be kept by it. */
TEST(context_that_is_mapped_in_itself_ends)
{
	char *memory = memory_alloc(PAGE_SIZE);
	struct space space;
	struct mock mock;
	__u32 bare;

	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&space, &mock);
	must(ioas_map_fixed(space.iommufd, space.ioas_id, memory, PAGE_SIZE,
			    IOVA));
	must(ioas_alloc(space.iommufd, &bare));
	EXPECT_EQ(0, ioas_map_file_fixed(space.iommufd, bare, space.iommufd, 0,
					 PAGE_SIZE, IOVA));
	EXPECT_EQ(1, pages_pinned());
	space_close(&space);
	EXPECT_EQ(0, pages_pinned());
	memory_free(memory, PAGE_SIZE);
}

static sig_atomic_t nr_signals;

static void count_signal(int signal)
{
	nr_signals++;
}

/* Huge pages are made one by one, and a signal may come in between. */
TEST(signal_does_not_end_a_map_of_huge_pages)
{
	const struct itimerspec often = {
		.it_interval.tv_nsec = 5000000,
		.it_value.tv_nsec = 5000000,
	};
	const struct sigaction action = { .sa_handler = count_signal };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1,
	};
	unsigned int round;
	timer_t timer;
	struct space space;
	struct mock mock;

	need(mock_exists(), "the mock IOMMU");
	need(huge_pages_reserve(), "huge pages");
	space_open_mock(&space, &mock);
	must(errno_of(sigaction(SIGUSR1, &action, NULL)));
	must(errno_of(timer_create(CLOCK_MONOTONIC, &event, &timer)));
	must(errno_of(timer_settime(timer, 0, &often, NULL)));
	for (round = 0; round != SIGNAL_ROUNDS || !nr_signals; round++) {
		int file = must(errno_of(memfd_create("map_file_test",
						      MFD_CLOEXEC |
						      MFD_HUGETLB)));

		must(errno_of(ftruncate(file, 4 * HUGE_PAGE)));
		EXPECT_EQ(0, ioas_map_file_fixed(space.iommufd, space.ioas_id,
						 file, 0, 4 * HUGE_PAGE, IOVA));
		must(ioas_unmap_all(space.iommufd, space.ioas_id, NULL));
		must(errno_of(close(file)));
	}
	must(errno_of(timer_delete(timer)));
	space_close(&space);
}

/* Where the memory of files ends, ENOSPC would say that IOVA did. */
static void expect_no_memory(struct __test_metadata *_metadata, int file,
			     __u64 length)
{
	struct space space;
	struct mock mock;
	__u32 bare;
	__u64 iova;

	space_open_mock(&space, &mock);
	must(ioas_alloc(space.iommufd, &bare));
	EXPECT_EQ(-ENOMEM, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
					 length, &iova));
	must(ioas_map_file_fixed(space.iommufd, bare, file, 0, length, IOVA));
	EXPECT_EQ(-ENOMEM, mock_create(space.iommufd, bare, &mock));
	EXPECT_EQ(0, pages_pinned());
	space_close(&space);
	must(errno_of(close(file)));
}

TEST(file_of_more_huge_pages_than_there_are_is_no_memory)
{
	__u64 length;
	int file;

	need(mock_exists(), "the mock IOMMU");
	need(huge_pages_reserve(), "huge pages");
	length = (huge_pages_exist() + 1) * HUGE_PAGE;
	file = must(errno_of(memfd_create("map_file_test",
					  MFD_CLOEXEC | MFD_HUGETLB)));
	must(errno_of(ftruncate(file, length)));
	expect_no_memory(_metadata, file, length);
}

TEST(file_beyond_its_file_system_is_no_memory)
{
	char directory[] = "/tmp/map_file_test.XXXXXX";
	int file;

	need(mock_exists(), "the mock IOMMU");
	file = tmpfs_file(directory, "size=64k");
	need(file >= 0, "tmpfs");
	must(errno_of(ftruncate(file, 64 * PAGE_SIZE)));
	expect_no_memory(_metadata, file, 64 * PAGE_SIZE);
	tmpfs_end(directory);
}

struct puncher {
	int file;
	__u64 length;
	bool stop;
};

/* Take the pages out of the file as fast as they come. */
static void *punch_holes(void *data)
{
	struct puncher *puncher = data;

	while (!__atomic_load_n(&puncher->stop, __ATOMIC_RELAXED))
		must(errno_of(fallocate(puncher->file, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0,
					puncher->length)));
	return NULL;
}

/* There is memory for all pages, wherever those before went. */
TEST_F_TIMEOUT(map_file, works_while_holes_are_punched, TEST_SECONDS)
{
	struct puncher puncher = {
		.file = self->env.file,
		.length = self->env.length,
	};
	const unsigned int rounds = variant->kind == FILE_HUGETLB ?
					    HUGE_HOLE_ROUNDS : HOLE_ROUNDS;
	pthread_t thread;
	unsigned int i;
	int ret = 0;

	must(-pthread_create(&thread, NULL, punch_holes, &puncher));
	for (i = 0; i < rounds && !ret; i++) {
		ret = file_env_map(&self->env, 0, self->env.length);
		if (!ret)
			must(file_env_unmap(&self->env, self->env.length));
	}
	__atomic_store_n(&puncher.stop, true, __ATOMIC_RELAXED);
	must(-pthread_join(thread, NULL));
	EXPECT_EQ(0, ret)
	{
		TH_LOG("in round %u", i);
	}
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, file_env_map(&self->env, 0, self->env.length));
	EXPECT_TRUE(shows(self, IOVA, 0, self->env.length));
}

/* What is no memory is refused when it should be pinned, and only then. */
TEST(file_that_is_no_memory_is_refused)
{
	static const char *const paths[] = { "/dev/zero", "/proc/self/status",
					     "/dev", "/dev/iommu" };
	struct space space;
	struct mock mock;
	int pipes[2];
	__u32 bare;
	__u64 iova;
	size_t i;

	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&space, &mock);
	must(ioas_alloc(space.iommufd, &bare));
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = must(errno_of(open(paths[i], O_RDONLY | O_CLOEXEC)));

		EXPECT_EQ(-EINVAL, ioas_map_file(space.iommufd, space.ioas_id,
						 fd, 0, PAGE_SIZE, &iova));
		EXPECT_EQ(0, ioas_map_file_fixed(space.iommufd, bare, fd, 0,
						 PAGE_SIZE,
						 IOVA + i * PAGE_SIZE));
		must(errno_of(close(fd)));
	}
	must(errno_of(pipe(pipes)));
	EXPECT_EQ(-EINVAL, ioas_map_file(space.iommufd, space.ioas_id, pipes[0],
					 0, PAGE_SIZE, &iova));
	/* The first of the mappings stops the table. */
	EXPECT_EQ(-EINVAL, mock_create(space.iommufd, bare, &mock));
	space_close(&space);
	EXPECT_EQ(0, pages_pinned());
}

/* The first pages are charged long before the last are pinned. */
static void *kill_when_charged(void *unused)
{
	while (!pages_pinned())
		;
	must(errno_of(kill(getpid(), SIGKILL)));
	return NULL;
}

static void map_and_be_killed(struct space *space, int file)
{
	pthread_t killer;

	must(-pthread_create(&killer, NULL, kill_when_charged, NULL));
	must(ioas_map_file_fixed(space->iommufd, space->ioas_id, file, 0,
				 LONG_LENGTH, IOVA));
	pause();
}

/* Return: whether the signal came before the mapping was there */
static bool kill_during_map(struct space *space, int file)
{
	pid_t child = must(errno_of(fork()));
	__u64 removed;
	int status;

	if (!child)
		map_and_be_killed(space, file);
	must(errno_of(waitpid(child, &status, 0)));
	must(WTERMSIG(status) == SIGKILL ? 0 : -EPROTO);
	must(ioas_unmap_all(space->iommufd, space->ioas_id, &removed));
	return !removed;
}

TEST(fatal_signal_ends_a_long_map)
{
	bool ended = false;
	struct space space;
	unsigned int round;
	struct mock mock;

	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&space, &mock);
	for (round = 0; round < ROUNDS_MAX && !ended; round++) {
		int file = must(errno_of(memfd_create("map_file_test", 0)));
		void *memory;

		must(errno_of(ftruncate(file, LONG_LENGTH)));
		ended = kill_during_map(&space, file);
		memory = mmap(NULL, LONG_LENGTH, PROT_READ, MAP_SHARED, file,
			      0);
		EXPECT_EQ(0, mock_pinned(space.iommufd, memory, LONG_LENGTH,
					 0));
		memory_free(memory, LONG_LENGTH);
		must(errno_of(close(file)));
	}
	EXPECT_TRUE(ended);
	space_close(&space);
}

TEST_HARNESS_MAIN
