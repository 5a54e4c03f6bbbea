// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL in the middle of a call that pins: the call ends, and leaves nothing
 * mapped, pinned or charged. The calls are long enough that the pins of the
 * machine, which the parent watches, tell when one is under way.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define SIZE (64UL << 20)
#define LENGTH (24 * SIZE)
/* An access takes no more at once. */
#define ACCESS_LENGTH (16UL << 20)
#define PAGES (LENGTH / PAGE_SIZE)
/* Far from the beginning, and from the end */
#define SOME (PAGES / 16)
/* 10 ms each: only a hang takes this long */
#define WAITS_MAX 20000
#define USER 123456
#define LIMIT 16

FIXTURE(kill)
{
	struct space space;
	struct mock mock;
	/* without a table */
	__u32 bare;
	int access;
	char *memory;
	char *buffer;
	int file;
	unsigned long pins;
};

FIXTURE_SETUP(kill)
{
	need(mock_exists(), "the mock IOMMU");
	self->pins = machine_pins();
	space_open_mock(&self->space, &self->mock);
	must(ioas_alloc(self->space.iommufd, &self->bare));
	self->access = must(access_create_pinning(self->space.iommufd,
						  self->bare));
	self->file = file_scattered(SIZE);
	self->memory = memory_repeated(self->file, SIZE, LENGTH);
	self->buffer = memory_alloc(ACCESS_LENGTH);
}

/* The account of the user who was killed is empty. */
static void check_limit(struct __test_metadata *_metadata)
{
	struct space space;
	struct mock mock;
	pid_t child;
	int status;

	space_open_mock(&space, &mock);
	child = must(errno_of(fork()));
	if (!child) {
		become_limited(USER, LIMIT);
		_exit(!space_locks_exactly(&space, LIMIT));
	}
	must(errno_of(waitpid(child, &status, 0)));
	EXPECT_EQ(0, status);
	space_close(&space);
}

FIXTURE_TEARDOWN(kill)
{
	must(errno_of(close(self->access)));
	space_close(&self->space);
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_EQ(0, pages_pinned());
	check_limit(_metadata);
}

/*
 * Run @call in a process of USER, kill that when it has pinned @pages, and wait
 * for it. Return: whether it came to that.
 */
static bool kill_during(FIXTURE_DATA(kill) * self,
			void (*call)(FIXTURE_DATA(kill) * self),
			unsigned long pages)
{
	unsigned long start = machine_pins_ever();
	unsigned int waits = 0;
	pid_t child;
	int status;

	child = must(errno_of(fork()));
	if (!child) {
		become_limited(USER, 2 * PAGES);
		call(self);
		_exit(0);
	}
	while (machine_pins_ever() - start < pages && waits++ < WAITS_MAX) {
		if (waitpid(child, &status, WNOHANG) == child)
			return false;
		usleep(10000);
	}
	must(errno_of(kill(child, SIGKILL)));
	must(errno_of(waitpid(child, &status, 0)));
	return waits < WAITS_MAX && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

/* A call that was not stopped would have left its mapping. */
static bool is_empty(FIXTURE_DATA(kill) * self, __u32 ioas_id)
{
	__u64 removed;

	must(ioas_unmap_all(self->space.iommufd, ioas_id, &removed));
	return !removed;
}

static void map_attached(FIXTURE_DATA(kill) * self)
{
	ioas_map_fixed(self->space.iommufd, self->space.ioas_id, self->memory,
		       LENGTH, IOVA);
}

TEST_F_TIMEOUT(kill, stops_a_map, TEST_SECONDS)
{
	ASSERT_TRUE(kill_during(self, map_attached, SOME));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_TRUE(is_empty(self, self->space.ioas_id));
}

/* When all is pinned the table is being filled. */
TEST_F_TIMEOUT(kill, stops_a_map_that_fills_the_table, TEST_SECONDS)
{
	ASSERT_TRUE(kill_during(self, map_attached, PAGES));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_TRUE(is_empty(self, self->space.ioas_id));
}

TEST_F_TIMEOUT(kill, stops_a_map_page_by_page, TEST_SECONDS)
{
	must(option_set(self->space.iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->space.ioas_id, 0));
	ASSERT_TRUE(kill_during(self, map_attached, PAGES));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_TRUE(is_empty(self, self->space.ioas_id));
}

static void copy(FIXTURE_DATA(kill) * self)
{
	ioas_copy_fixed(self->space.iommufd, self->space.ioas_id, IOVA,
			self->bare, IOVA, LENGTH);
}

TEST_F_TIMEOUT(kill, stops_a_copy, TEST_SECONDS)
{
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    LENGTH, IOVA));
	ASSERT_TRUE(kill_during(self, copy, SOME));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_TRUE(is_empty(self, self->space.ioas_id));
	EXPECT_FALSE(is_empty(self, self->bare));
}

static void attach(FIXTURE_DATA(kill) * self)
{
	struct mock mock;

	mock_create(self->space.iommufd, self->bare, &mock);
}

/* Who maps pays: here not the one who is killed. */
TEST_F_TIMEOUT(kill, stops_an_attach, TEST_SECONDS)
{
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    LENGTH, IOVA));
	ASSERT_TRUE(kill_during(self, attach, SOME));
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_FALSE(is_empty(self, self->bare));
	/* No table and no device holds it. */
	must(errno_of(close(self->access)));
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd, self->bare));
	must(ioas_alloc(self->space.iommufd, &self->bare));
	self->access = must(access_create(self->space.iommufd, self->bare));
}

static void replace(FIXTURE_DATA(kill) * self)
{
	mock_replace(self->space.iommufd, &self->mock, self->bare);
}

TEST_F_TIMEOUT(kill, stops_a_replace, TEST_SECONDS)
{
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    LENGTH, IOVA));
	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->buffer, PAGE_SIZE, IOVA));
	ASSERT_TRUE(kill_during(self, replace, SOME));
	EXPECT_EQ(self->pins + 1, machine_pins());
	/* The device is where it was. */
	EXPECT_EQ(0, mock_translates(self->space.iommufd, self->mock.hwpt_id,
				     self->buffer, PAGE_SIZE, IOVA));
}

static void pin_again_and_again(FIXTURE_DATA(kill) * self)
{
	__u32 item;

	for (;;) {
		must(access_pin(self->space.iommufd, self->access, IOVA,
				ACCESS_LENGTH, NULL, 0, &item));
		must(access_unpin(self->space.iommufd, self->access, item));
	}
}

TEST_F_TIMEOUT(kill, stops_a_driver_that_pins, TEST_SECONDS)
{
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    LENGTH, IOVA));
	ASSERT_TRUE(kill_during(self, pin_again_and_again, SOME));
	/* It may have had them at that moment, and gives them back when told. */
	EXPECT_FALSE(is_empty(self, self->bare));
	EXPECT_EQ(self->pins, machine_pins());
}

static void read_again_and_again(FIXTURE_DATA(kill) * self)
{
	for (;;)
		must(access_read(self->space.iommufd, self->access, IOVA,
				 self->buffer, ACCESS_LENGTH));
}

TEST_F_TIMEOUT(kill, stops_a_driver_that_reads, TEST_SECONDS)
{
	must(ioas_map_fixed(self->space.iommufd, self->bare, self->memory,
			    LENGTH, IOVA));
	ASSERT_TRUE(kill_during(self, read_again_and_again, SOME));
	EXPECT_EQ(self->pins, machine_pins());
}

TEST_HARNESS_MAIN
