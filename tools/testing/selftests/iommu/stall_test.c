// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that does not come: who waits for it, and who must not. A call that
 * waits for a page of the stalling file runs in a process of its own, and so
 * does whatever might wait for that call. The page comes in the end.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"
#include "lib/stalling_file.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define OTHER (MOCK_APERTURE + 0x200000)
#define SLOW (MOCK_APERTURE + 0x300000)
/* 10 ms each: a call that waits for nothing takes much less */
#define WAITS_MAX 2000

FIXTURE(stall)
{
	struct space space;
	struct mock mock;
	/* without a table */
	__u32 bare;
	int access;
	char *memory;
	struct stalling_file file;
	char *pages;
	/* a process whose memory is mapped, 0 for none */
	pid_t mapper;
	unsigned long pins;
	/* shared with the processes: what their calls tell */
	struct shared {
		int ret;
		struct mock mock;
		__u32 hwpt_id;
	} *shared;
};

FIXTURE_SETUP(stall)
{
	need(mock_exists(), "the mock IOMMU");
	need(stalling_files_exist(), "FUSE");
	self->pins = machine_pins();
	space_open_mock(&self->space, &self->mock);
	must(ioas_alloc(self->space.iommufd, &self->bare));
	self->access = must(access_create_pinning(self->space.iommufd,
						  self->bare));
	self->memory = memory_alloc(PAGE_SIZE);
	stalling_file_open(&self->file);
	self->pages = stalling_file_map(&self->file);
	self->shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(self->shared == MAP_FAILED ? -errno : 0);
	self->mapper = 0;
}

FIXTURE_TEARDOWN(stall)
{
	stalling_file_answer(&self->file);
	if (self->mapper) {
		must(errno_of(kill(self->mapper, SIGKILL)));
		must(errno_of(waitpid(self->mapper, NULL, 0)));
	}
	must(errno_of(close(self->access)));
	space_close(&self->space);
	EXPECT_EQ(self->pins, machine_pins());
	memory_free(self->pages, STALLING_FILE_LENGTH);
	stalling_file_close(&self->file);
}

typedef int (*call_t)(FIXTURE_DATA(stall) * self);

static pid_t begin(FIXTURE_DATA(stall) * self, call_t call)
{
	pid_t child = must(errno_of(fork()));

	if (!child) {
		stalling_file_forked(&self->file);
		_exit(-call(self));
	}
	return child;
}

/* Return: whether it does so in time; then @ret is what its call returned. */
static bool ends(FIXTURE_DATA(stall) * self, pid_t child, int *ret)
{
	unsigned int waits;
	int status;

	for (waits = 0; waits < WAITS_MAX; waits++) {
		if (must(errno_of(waitpid(child, &status, WNOHANG)))) {
			*ret = -WEXITSTATUS(status);
			return WIFEXITED(status);
		}
		usleep(10000);
	}
	return false;
}

/* A call that must not wait for the one that stalls. Return: its result. */
static int run(FIXTURE_DATA(stall) * self, call_t call)
{
	int ret;

	return ends(self, begin(self, call), &ret) ? ret : -ETIMEDOUT;
}

static int map_pages(FIXTURE_DATA(stall) * self, __u32 ioas_id, __u64 length)
{
	__u64 iova = SLOW;

	return ioas_map_flags(self->space.iommufd, ioas_id,
			      IOMMU_IOAS_MAP_READABLE |
				      IOMMU_IOAS_MAP_FIXED_IOVA,
			      self->pages, length, &iova);
}

static int map_slowly(FIXTURE_DATA(stall) * self)
{
	return map_pages(self, self->space.ioas_id, PAGE_SIZE);
}

static int map_two_bare(FIXTURE_DATA(stall) * self)
{
	int ret = map_pages(self, self->bare, 2 * PAGE_SIZE);

	/* Its memory has to stay. */
	self->shared->ret = ret;
	if (!ret)
		pause();
	return ret;
}

/* The same, but the second of them cannot be pinned. */
static int map_one_bare(FIXTURE_DATA(stall) * self)
{
	int ret = map_pages(self, self->bare, 2 * PAGE_SIZE);

	must(errno_of(munmap(self->pages + PAGE_SIZE, PAGE_SIZE)));
	self->shared->ret = ret;
	if (!ret)
		pause();
	return ret;
}

static int map_other_bare(FIXTURE_DATA(stall) * self)
{
	return ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			      PAGE_SIZE, OTHER);
}

/* A part of the slow memory, into the space with a table */
static int copy_part(FIXTURE_DATA(stall) * self, __u64 offset, __u64 length)
{
	__u64 iova = IOVA + offset;

	return ioas_copy_flags(self->space.iommufd,
			       IOMMU_IOAS_MAP_READABLE |
				       IOMMU_IOAS_MAP_FIXED_IOVA,
			       self->space.ioas_id, &iova, self->bare,
			       SLOW + offset, length);
}

static int copy_both(FIXTURE_DATA(stall) * self)
{
	return copy_part(self, 0, 2 * PAGE_SIZE);
}

static int copy_second(FIXTURE_DATA(stall) * self)
{
	return copy_part(self, PAGE_SIZE, PAGE_SIZE);
}

static int unmap(FIXTURE_DATA(stall) * self)
{
	return ioas_unmap(self->space.iommufd, self->space.ioas_id, IOVA,
			  PAGE_SIZE, NULL);
}

static int unmap_second(FIXTURE_DATA(stall) * self)
{
	return ioas_unmap(self->space.iommufd, self->space.ioas_id,
			  IOVA + PAGE_SIZE, PAGE_SIZE, NULL);
}

static int unmap_bare(FIXTURE_DATA(stall) * self)
{
	return ioas_unmap(self->space.iommufd, self->bare, IOVA, PAGE_SIZE,
			  NULL);
}

static int unmap_slow_bare(FIXTURE_DATA(stall) * self)
{
	return ioas_unmap(self->space.iommufd, self->bare, SLOW, 2 * PAGE_SIZE,
			  NULL);
}

static int attach(FIXTURE_DATA(stall) * self)
{
	return mock_create(self->space.iommufd, self->space.ioas_id,
			   &self->shared->mock);
}

static int attach_bare(FIXTURE_DATA(stall) * self)
{
	return mock_create(self->space.iommufd, self->bare,
			   &self->shared->mock);
}

static int move_to_bare(FIXTURE_DATA(stall) * self)
{
	return mock_replace(self->space.iommufd, &self->mock, self->bare);
}

static int make_table(FIXTURE_DATA(stall) * self)
{
	__u32 hwpt_id;

	return hwpt_alloc(self->space.iommufd, self->mock.dev_id,
			  self->space.ioas_id, &hwpt_id);
}

static int detach(FIXTURE_DATA(stall) * self)
{
	return iommufd_destroy(self->space.iommufd, self->mock.id);
}

static int look_at_table(FIXTURE_DATA(stall) * self)
{
	return mock_translates(self->space.iommufd, self->mock.hwpt_id,
			       self->pages, PAGE_SIZE, SLOW);
}

static int pin_by_driver(FIXTURE_DATA(stall) * self)
{
	__u32 item;
	int ret = access_pin(self->space.iommufd, self->access, SLOW, PAGE_SIZE,
			     NULL, 0, &item);

	return ret ? ret : access_unpin(self->space.iommufd, self->access,
					item);
}

/* Long enough for a call that does not wait to have ended */
static bool still_waits(pid_t child)
{
	usleep(300000);
	return !must(errno_of(waitpid(child, NULL, WNOHANG)));
}

/* Return: whether a call that waits ends with a fatal signal. */
static bool can_be_killed(FIXTURE_DATA(stall) * self, pid_t child)
{
	int ret;

	must(errno_of(kill(child, SIGKILL)));
	/* By the signal, so it does not exit; but it is gone. */
	ends(self, child, &ret);
	return kill(child, 0) && errno == ESRCH;
}

/* A process maps two slow pages where that alone does not wait for them. */
static bool mapper_begin(FIXTURE_DATA(stall) * self, call_t call)
{
	unsigned int waits;

	self->shared->ret = -EINPROGRESS;
	self->mapper = begin(self, call);
	for (waits = 0; waits < WAITS_MAX; waits++) {
		if (__atomic_load_n(&self->shared->ret, __ATOMIC_RELAXED) !=
		    -EINPROGRESS)
			break;
		usleep(10000);
	}
	return !self->shared->ret;
}

/* The second page is there already when the file begins to stall. */
static void second_page_read(FIXTURE_DATA(stall) * self)
{
	char byte;

	stalling_file_answer(&self->file);
	must(errno_of(pread(self->file.fd, &byte, 1, PAGE_SIZE)));
	pthread_mutex_lock(&self->file.lock);
	self->file.answers = false;
	pthread_mutex_unlock(&self->file.lock);
}

/* The attach is the one who wants the lock for himself, as all have it now. */
TEST_F_TIMEOUT(stall, map_keeps_neither_attach_nor_unmap, TEST_SECONDS)
{
	pid_t map;
	int ret;

	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, PAGE_SIZE, IOVA));
	map = begin(self, map_slowly);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, attach));
	EXPECT_EQ(0, mock_translates(self->space.iommufd,
				     self->shared->mock.hwpt_id, self->memory,
				     PAGE_SIZE, IOVA));
	EXPECT_EQ(0, run(self, unmap));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, map, &ret));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, mock_translates(self->space.iommufd,
				     self->shared->mock.hwpt_id, self->pages,
				     PAGE_SIZE, SLOW));
}

TEST_F_TIMEOUT(stall, map_does_not_keep_the_last_table, TEST_SECONDS)
{
	pid_t map;
	int ret;

	map = begin(self, map_slowly);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, detach));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, map, &ret));
	ASSERT_EQ(0, ret);
	/* There is no table any more for which it would be pinned. */
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_EQ(0, ioas_unmap(self->space.iommufd, self->space.ioas_id, SLOW,
				PAGE_SIZE, NULL));
}

TEST_F_TIMEOUT(stall, attach_keeps_neither_map_nor_unmap, TEST_SECONDS)
{
	pid_t attach;
	int ret;

	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    PAGE_SIZE, IOVA));
	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	attach = begin(self, attach_bare);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, map_other_bare));
	EXPECT_EQ(0, run(self, unmap_bare));
	/* The very mapping that is waited for */
	EXPECT_EQ(0, run(self, unmap_slow_bare));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, attach, &ret));
	ASSERT_EQ(0, ret);
	/* That of the map, whose process has ended */
	EXPECT_EQ(self->pins + 1, machine_pins());
	EXPECT_EQ(0, ioas_unmap(self->space.iommufd, self->bare, OTHER,
				PAGE_SIZE, NULL));
	EXPECT_EQ(self->pins, machine_pins());
}

TEST_F_TIMEOUT(stall, attach_ends_with_what_is_mapped_then, TEST_SECONDS)
{
	pid_t attach;
	int ret;

	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	attach = begin(self, attach_bare);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    PAGE_SIZE, IOVA));
	EXPECT_EQ(1, pages_pinned());
	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, attach, &ret));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, mock_translates(self->space.iommufd,
				     self->shared->mock.hwpt_id, self->memory,
				     PAGE_SIZE, IOVA));
	EXPECT_EQ(0, mock_translates(self->space.iommufd,
				     self->shared->mock.hwpt_id, self->pages,
				     2 * PAGE_SIZE, SLOW));
	EXPECT_EQ(self->pins + 3, machine_pins());
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd,
				     self->shared->mock.id));
	EXPECT_EQ(self->pins, machine_pins());
}

TEST_F_TIMEOUT(stall, replace_does_not_keep_the_device, TEST_SECONDS)
{
	pid_t replace;
	int ret;

	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, PAGE_SIZE, IOVA));
	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	replace = begin(self, move_to_bare);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, make_table));
	/* It is where it was. */
	EXPECT_EQ(0, mock_translates(self->space.iommufd, self->mock.hwpt_id,
				     self->memory, PAGE_SIZE, IOVA));
	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, replace, &ret));
	EXPECT_EQ(0, ret);
}

/* Another page of the same memory is asked for, in another space. */
TEST_F_TIMEOUT(stall, pin_of_a_driver_keeps_no_copy, TEST_SECONDS)
{
	__u64 iova = IOVA;
	pid_t pin;
	int ret;

	second_page_read(self);
	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	must(ioas_copy_flags(self->space.iommufd,
			     IOMMU_IOAS_MAP_READABLE |
				     IOMMU_IOAS_MAP_FIXED_IOVA,
			     self->space.ioas_id, &iova, self->bare,
			     SLOW + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(self->pins + 1, machine_pins());
	pin = begin(self, pin_by_driver);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, attach));
	EXPECT_EQ(0, run(self, unmap));
	EXPECT_EQ(self->pins, machine_pins());

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, pin, &ret));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(self->pins, machine_pins());
}

/* The page of another pin of the same memory may take as long as it likes. */
TEST_F_TIMEOUT(stall, pin_keeps_no_pin_of_other_pages, TEST_SECONDS)
{
	pid_t pin;
	int ret;

	second_page_read(self);
	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	pin = begin(self, pin_by_driver);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, copy_second));
	EXPECT_EQ(self->pins + 1, machine_pins());
	EXPECT_EQ(0, mock_translates(self->space.iommufd, self->mock.hwpt_id,
				     self->pages + PAGE_SIZE, PAGE_SIZE,
				     IOVA + PAGE_SIZE));
	EXPECT_EQ(0, run(self, unmap_second));
	EXPECT_EQ(self->pins, machine_pins());

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, pin, &ret));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(self->pins, machine_pins());
}

/* A page is pinned once, for whoever asks while it does not come. */
TEST_F_TIMEOUT(stall, pins_of_the_same_pages_wait_for_one, TEST_SECONDS)
{
	pid_t copy, pin;
	int ret;

	ASSERT_TRUE(mapper_begin(self, map_two_bare));
	copy = begin(self, copy_both);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	pin = begin(self, pin_by_driver);
	EXPECT_TRUE(still_waits(pin));
	EXPECT_TRUE(can_be_killed(self, pin));
	pin = begin(self, pin_by_driver);
	EXPECT_TRUE(still_waits(pin));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, pin, &ret));
	EXPECT_EQ(0, ret);
	ASSERT_TRUE(ends(self, copy, &ret));
	EXPECT_EQ(self->pins + 2, machine_pins());
	EXPECT_EQ(0, mock_translates(self->space.iommufd, self->mock.hwpt_id,
				     self->pages, 2 * PAGE_SIZE, IOVA));
}

/* Who waits for a pin that fails does it himself. */
TEST_F_TIMEOUT(stall, pin_that_fails_leaves_its_pages_to_others, TEST_SECONDS)
{
	pid_t copy, pin;
	int ret;

	ASSERT_TRUE(mapper_begin(self, map_one_bare));
	copy = begin(self, copy_both);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	pin = begin(self, pin_by_driver);
	EXPECT_TRUE(still_waits(pin));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, copy, &ret));
	EXPECT_EQ(-EFAULT, ret);
	ASSERT_TRUE(ends(self, pin, &ret));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(self->pins, machine_pins());
}

/* Not a leftover that nobody knows, and that keeps everything pinned */
TEST_F_TIMEOUT(stall, automatic_table_ends_with_the_call_that_looks_at_it,
	       TEST_SECONDS)
{
	pid_t look;
	int ret;

	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, PAGE_SIZE, IOVA));
	look = begin(self, look_at_table);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	ASSERT_EQ(0, run(self, detach));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->space.iommufd,
					  self->mock.hwpt_id));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, look, &ret));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->space.iommufd,
					   self->mock.hwpt_id));
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd, self->space.ioas_id));
}

/* Its bitmap is in pages that do not come. */
static int read_dirty(FIXTURE_DATA(stall) * self)
{
	void *bitmap = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE, self->file.fd, 0);

	if (bitmap == MAP_FAILED)
		return -errno;
	return hwpt_dirty(self->space.iommufd, self->shared->hwpt_id, 0, IOVA,
			  PAGE_SIZE, PAGE_SIZE, bitmap);
}

static int read_dirty_soon(FIXTURE_DATA(stall) * self)
{
	__u8 bits;

	return hwpt_dirty(self->space.iommufd, self->shared->hwpt_id, 0, IOVA,
			  PAGE_SIZE, PAGE_SIZE, &bits);
}

TEST_F_TIMEOUT(stall, dirty_bitmap_keeps_nobody, TEST_SECONDS)
{
	pid_t read;
	int ret;

	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, PAGE_SIZE, IOVA));
	must(hwpt_alloc_flags(self->space.iommufd,
			      IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			      self->mock.dev_id, self->space.ioas_id,
			      &self->shared->hwpt_id));
	must(hwpt_track(self->space.iommufd, self->shared->hwpt_id, true));
	read = begin(self, read_dirty);
	ASSERT_TRUE(stalling_file_is_awaited(&self->file));
	EXPECT_EQ(0, run(self, attach));
	EXPECT_EQ(0, run(self, read_dirty_soon));
	EXPECT_EQ(0, run(self, unmap));

	stalling_file_answer(&self->file);
	ASSERT_TRUE(ends(self, read, &ret));
	EXPECT_EQ(0, ret);
}

TEST_HARNESS_MAIN
