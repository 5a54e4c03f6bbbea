// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts that more than one process uses: what one maps and another removes,
 * what is left of a process that is gone, and IOMMU_IOAS_CHANGE_PROCESS.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define FAR (MOCK_APERTURE + 0x4000000)
#define PAGES 16
#define LENGTH (PAGES * PAGE_SIZE)

FIXTURE(process)
{
	struct space space;
	struct mock mock;
	char *memory;
	int file;
};

FIXTURE_SETUP(process)
{
	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&self->space, &self->mock);
	self->memory = memory_alloc(LENGTH);
	self->file = must(errno_of(memfd_create("process_test", MFD_CLOEXEC)));
	must(errno_of(ftruncate(self->file, LENGTH)));
}

FIXTURE_TEARDOWN(process)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

static int map(FIXTURE_DATA(process) * self, __u64 iova)
{
	return ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			      self->memory, LENGTH, iova);
}

static int map_file(FIXTURE_DATA(process) * self, __u64 iova)
{
	return ioas_map_file_fixed(self->space.iommufd, self->space.ioas_id,
				   self->file, 0, LENGTH, iova);
}

static int unmap(FIXTURE_DATA(process) * self, __u64 iova)
{
	return ioas_unmap(self->space.iommufd, self->space.ioas_id, iova,
			  LENGTH, NULL);
}

static bool child_succeeded(pid_t child)
{
	int status;

	must(errno_of(waitpid(child, &status, 0)));
	return !status;
}

TEST_F_TIMEOUT(process, mapping_of_another_can_be_removed, TEST_SECONDS)
{
	pid_t child;

	must(map(self, IOVA));
	child = must(errno_of(fork()));
	if (!child)
		_exit(pages_pinned() || unmap(self, IOVA));
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(-ENOENT, unmap(self, IOVA));
}

/* Table and pins are there as long as the IOAS, whoever has left. */
TEST_F_TIMEOUT(process, mapping_outlives_its_mapper, TEST_SECONDS)
{
	int access = must(access_create(self->space.iommufd,
					self->space.ioas_id));
	pid_t child = must(errno_of(fork()));
	char *data = memory_alloc(LENGTH);
	__u64 unmapped = 0;

	if (!child) {
		memory_fill(self->memory, LENGTH, 3);
		_exit(map(self, IOVA));
	}
	ASSERT_TRUE(child_succeeded(child));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, access_read(self->space.iommufd, access, IOVA, data,
				 LENGTH));
	EXPECT_TRUE(memory_matches(data, LENGTH, 3));

	/* A copy shares the pages; more tables and other places are possible */
	ASSERT_EQ(0, ioas_copy_fixed(self->space.iommufd, self->space.ioas_id,
				     FAR, self->space.ioas_id, IOVA, LENGTH));
	ASSERT_EQ(0, unmap(self, IOVA));
	ASSERT_EQ(0, access_read(self->space.iommufd, access, FAR, data,
				 LENGTH));
	EXPECT_TRUE(memory_matches(data, LENGTH, 3));
	ASSERT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    &unmapped));
	EXPECT_EQ(LENGTH, unmapped);
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(process, memory_of_one_that_is_gone_cannot_be_pinned,
	       TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	struct mock mock;
	pid_t child;
	__u32 bare;

	must(ioas_alloc(iommufd, &bare));
	child = must(errno_of(fork()));
	if (!child)
		_exit(ioas_map_fixed(iommufd, bare, self->memory, LENGTH,
				     IOVA));
	ASSERT_TRUE(child_succeeded(child));
	EXPECT_EQ(-EFAULT, mock_create(iommufd, bare, &mock));
	EXPECT_EQ(-EFAULT, mock_replace(iommufd, &self->mock, bare));
	EXPECT_EQ(-EFAULT, hwpt_alloc(iommufd, self->mock.dev_id, bare,
				      &mock.hwpt_id));
	must(ioas_unmap_all(iommufd, bare, NULL));
	EXPECT_EQ(0, mock_create(iommufd, bare, &mock));
}

/* Whoever attaches: the memory is that of the process that mapped it. */
TEST_F_TIMEOUT(process, memory_of_another_is_pinned_when_needed, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	int go[2], done[2], access;
	char data[64] = { 0 }, byte = 0;
	struct mock mock;
	pid_t child;
	__u32 bare;

	must(ioas_alloc(iommufd, &bare));
	must(errno_of(pipe(go)));
	must(errno_of(pipe(done)));
	child = must(errno_of(fork()));
	if (!child) {
		memory_fill(self->memory, LENGTH, 4);
		must(ioas_map_fixed(iommufd, bare, self->memory, LENGTH, IOVA));
		must(errno_of(write(done[1], &byte, 1)));
		must(errno_of(read(go[0], &byte, 1)));
		_exit(pages_pinned() != PAGES ||
		      mock_pinned(iommufd, self->memory, LENGTH, 1));
	}
	must(errno_of(read(done[0], &byte, 1)));
	ASSERT_EQ(0, mock_create(iommufd, bare, &mock));
	EXPECT_EQ(0, pages_pinned());
	access = must(access_create(iommufd, bare));
	ASSERT_EQ(0, access_read(iommufd, access, IOVA, data, sizeof(data)));
	EXPECT_TRUE(memory_matches(data, sizeof(data), 4));
	must(errno_of(write(go[1], &byte, 1)));
	EXPECT_TRUE(child_succeeded(child));
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(process, killed_mapper_leaves_a_context_that_works, TEST_SECONDS)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		pid_t child = must(errno_of(fork()));
		int status;

		if (!child)
			for (;;)
				if (!map(self, IOVA))
					must(unmap(self, IOVA));
		usleep(20000);
		must(errno_of(kill(child, SIGKILL)));
		must(errno_of(waitpid(child, &status, 0)));
		ASSERT_TRUE(WIFSIGNALED(status));
		must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    NULL));
		ASSERT_EQ(0, map(self, IOVA));
		ASSERT_EQ(0, unmap(self, IOVA));
	}
}

TEST_F_TIMEOUT(process, change_moves_the_account, TEST_SECONDS)
{
	pid_t child;

	must(map_file(self, IOVA));
	must(map_file(self, FAR));
	EXPECT_EQ(2 * PAGES, pages_pinned());
	child = must(errno_of(fork()));
	if (!child)
		_exit(pages_pinned() ||
		      ioas_change_process(self->space.iommufd) ||
		      pages_pinned() != 2 * PAGES || unmap(self, FAR) ||
		      pages_pinned() != PAGES);
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_EQ(0, pages_pinned());

	/* and back, from a process that is gone */
	ASSERT_EQ(0, ioas_change_process(self->space.iommufd));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, unmap(self, IOVA));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(process, change_of_all_ioases_counts_shared_memory_once,
	       TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	__u32 other, bare;
	struct mock mock;
	pid_t child;

	must(ioas_alloc(iommufd, &other));
	must(ioas_alloc(iommufd, &bare));
	must(mock_create(iommufd, other, &mock));
	must(map_file(self, IOVA));
	must(ioas_copy_fixed(iommufd, other, IOVA, self->space.ioas_id, IOVA,
			     LENGTH));
	must(ioas_copy_fixed(iommufd, bare, IOVA, self->space.ioas_id, IOVA,
			     LENGTH));
	must(ioas_map_file_fixed(iommufd, bare, self->file, 0, LENGTH, FAR));
	EXPECT_EQ(PAGES, pages_pinned());
	child = must(errno_of(fork()));
	if (!child)
		_exit(ioas_change_process(iommufd) || pages_pinned() != PAGES);
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_EQ(0, pages_pinned());
	/* What was not pinned then is charged as it was moved, too. */
	must(ioas_change_process(iommufd));
	must(mock_create(iommufd, bare, &mock));
	EXPECT_EQ(2 * PAGES, pages_pinned());
}

TEST_F_TIMEOUT(process, change_twice_is_as_once, TEST_SECONDS)
{
	must(map_file(self, IOVA));
	EXPECT_EQ(0, ioas_change_process(self->space.iommufd));
	EXPECT_EQ(0, ioas_change_process(self->space.iommufd));
	EXPECT_EQ(PAGES, pages_pinned());
}

TEST_F_TIMEOUT(process, change_of_nothing_succeeds, TEST_SECONDS)
{
	EXPECT_EQ(0, ioas_change_process(self->space.iommufd));
}

TEST_F_TIMEOUT(process, change_is_refused_for_memory_of_a_process, TEST_SECONDS)
{
	pid_t child;
	__u32 bare;

	must(map_file(self, IOVA));
	must(ioas_alloc(self->space.iommufd, &bare));
	must(ioas_map_fixed(self->space.iommufd, bare, self->memory, PAGE_SIZE,
			    IOVA));
	child = must(errno_of(fork()));
	if (!child)
		_exit(ioas_change_process(self->space.iommufd) != -EINVAL ||
		      pages_pinned());
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_EQ(PAGES, pages_pinned());
	must(ioas_unmap_all(self->space.iommufd, bare, NULL));
	EXPECT_EQ(0, ioas_change_process(self->space.iommufd));
}

TEST_F_TIMEOUT(process, change_with_reserved_field_is_not_supported,
	       TEST_SECONDS)
{
	struct iommu_ioas_change_process change = {
		.size = sizeof(change),
		.__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->space.iommufd,
					    IOMMU_IOAS_CHANGE_PROCESS,
					    &change));
}

/* The account stays in its class: it moves between processes or users. */
FIXTURE(limited_process)
{
	struct space space;
	struct mock mock;
	int file;
};

FIXTURE_VARIANT(limited_process)
{
	__u64 mode;
};

FIXTURE_VARIANT_ADD(limited_process, account_of_the_user) {
	.mode = 0,
};

FIXTURE_VARIANT_ADD(limited_process, account_of_the_process) {
	.mode = 1,
};

FIXTURE_SETUP(limited_process)
{
	need(mock_exists(), "the mock IOMMU");
	self->space.device = -1;
	self->space.iommufd = must(iommufd_open());
	must(option_set(self->space.iommufd, IOMMU_OPTION_RLIMIT_MODE, 0,
			variant->mode));
	must(ioas_alloc(self->space.iommufd, &self->space.ioas_id));
	must(mock_create(self->space.iommufd, self->space.ioas_id,
			 &self->mock));
	self->file = must(errno_of(memfd_create("process_test", MFD_CLOEXEC)));
	must(errno_of(ftruncate(self->file, 4 * LENGTH)));
}

FIXTURE_TEARDOWN(limited_process)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

/* A mapping of its own for each part: some could move where others cannot. */
static void map_parts(struct space *space, int file, unsigned int parts)
{
	unsigned int i;

	for (i = 0; i < parts; i++)
		must(ioas_map_file_fixed(space->iommufd, space->ioas_id, file,
					 i * LENGTH, LENGTH,
					 IOVA + i * LENGTH));
}

static int become_and_change(struct space *space, unsigned long limit)
{
	become_limited_user(limit);
	return ioas_change_process(space->iommufd);
}

TEST_F_TIMEOUT(limited_process, change_moves_the_charge, TEST_SECONDS)
{
	pid_t child;

	limit_locked_pages(4 * PAGES);
	map_parts(&self->space, self->file, 4);
	EXPECT_EQ(4 * PAGES, pages_pinned());
	EXPECT_EQ(variant->mode ? 4 * PAGES : 0, pages_locked());
	child = must(errno_of(fork()));
	if (!child)
		_exit(become_and_change(&self->space, 4 * PAGES) ||
		      pages_pinned() != 4 * PAGES ||
		      pages_locked() != (variant->mode ? 4 * PAGES : 0) ||
		      ioas_map_file_fixed(self->space.iommufd,
					  self->space.ioas_id, self->file, 0,
					  PAGE_SIZE, FAR) != -ENOMEM);
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

TEST_F_TIMEOUT(limited_process, change_beyond_the_limit_changes_nothing,
	       TEST_SECONDS)
{
	unsigned long limit;

	limit_locked_pages(4 * PAGES);
	map_parts(&self->space, self->file, 4);
	for (limit = 0; limit < 4 * PAGES; limit += PAGES / 2) {
		pid_t child = must(errno_of(fork()));

		if (!child)
			_exit(become_and_change(&self->space, limit) !=
				      -ENOMEM ||
			      pages_pinned() || pages_locked());
		EXPECT_TRUE(child_succeeded(child));
		EXPECT_EQ(4 * PAGES, pages_pinned());
		EXPECT_EQ(variant->mode ? 4 * PAGES : 0, pages_locked());
	}
}

/* More than are charged together */
#define MANY 1536
#define CHANGES 40

struct change_race {
	bool over;
	unsigned int nr_changes;
};

/* Return: an exit status. Nothing is pinned any more when the race is over. */
static int change_until_over(struct space *space, struct change_race *race)
{
	while (!__atomic_load_n(&race->over, __ATOMIC_ACQUIRE)) {
		if (ioas_change_process(space->iommufd))
			return 1;
		__atomic_add_fetch(&race->nr_changes, 1, __ATOMIC_RELAXED);
	}
	return pages_pinned() || pages_locked();
}

/* What is charged to one account is not given back to the other. */
TEST_F_TIMEOUT(limited_process, change_meets_pins_under_way, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	struct change_race *race;
	unsigned int i;
	__u32 bare, item;
	pid_t child;
	int access;

	limit_locked_pages(4 * MANY);
	must(errno_of(ftruncate(self->file, MANY * PAGE_SIZE)));
	must(ioas_alloc(iommufd, &bare));
	must(ioas_map_file_fixed(iommufd, bare, self->file, 0, MANY * PAGE_SIZE,
				 IOVA));
	access = must(access_create_pinning(iommufd, bare));
	race = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(race == MAP_FAILED ? -errno : 0);
	child = must(errno_of(fork()));
	if (!child)
		_exit(change_until_over(&self->space, race));
	for (i = 0; i < CHANGES; i++) {
		EXPECT_EQ(0, access_pin(iommufd, access, IOVA, MANY * PAGE_SIZE,
					NULL, 0, &item));
		EXPECT_EQ(0, ioas_change_process(iommufd));
		EXPECT_EQ(0, access_unpin(iommufd, access, item));
	}
	__atomic_store_n(&race->over, true, __ATOMIC_RELEASE);
	EXPECT_TRUE(child_succeeded(child));
	EXPECT_GT(race->nr_changes, 0);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
	must(errno_of(close(access)));
}

TEST_HARNESS_MAIN
