// SPDX-License-Identifier: GPL-2.0
/*
 * RLIMIT_MEMLOCK against what is pinned: which account pays, how much, when,
 * and that it gets everything back. As a user who has no other locked memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/edu.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define FAR (MOCK_APERTURE + 0x4000000)
#define LIMIT 16
#define MEMORY_LENGTH (4 * LIMIT * PAGE_SIZE)
/* More than the kernel charges in one operation, and no multiple of that */
#define LARGE_LIMIT 1300
/* How often two processes try at the same time */
#define ROUNDS 200
/* 100 ms each: what the log was not told lately, it will be within seconds. */
#define TELLS_MAX 300
/* Far more requests than may be told within any time that they take */
#define RETRIES 1000

FIXTURE(limit)
{
	int iommufd;
	/* the user may not open another one */
	int spare;
	/* with a table */
	__u32 attached;
	/* without one */
	__u32 bare;
	struct mock mock;
	char *memory;
	int file;
};

FIXTURE_VARIANT(limit)
{
	/* of IOMMU_OPTION_RLIMIT_MODE */
	__u64 mode;
};

FIXTURE_VARIANT_ADD(limit, of_the_user) {
	.mode = 0,
};

FIXTURE_VARIANT_ADD(limit, of_the_process) {
	.mode = 1,
};

FIXTURE_SETUP(limit)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	self->spare = must(iommufd_open());
	must(option_set(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, 0,
			variant->mode));
	must(option_set(self->spare, IOMMU_OPTION_RLIMIT_MODE, 0,
			variant->mode));
	must(ioas_alloc(self->iommufd, &self->attached));
	must(ioas_alloc(self->iommufd, &self->bare));
	must(mock_create(self->iommufd, self->attached, &self->mock));
	self->memory = memory_alloc(MEMORY_LENGTH);
	self->file = must(errno_of(memfd_create("limit_test", MFD_CLOEXEC)));
	must(errno_of(ftruncate(self->file, MEMORY_LENGTH)));
	become_limited_user(LIMIT);
}

FIXTURE_TEARDOWN(limit)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, close(self->spare));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

static int map(FIXTURE_DATA(limit) * self, __u32 ioas_id, unsigned int pages,
	       __u64 iova)
{
	return ioas_map_fixed(self->iommufd, ioas_id, self->memory,
			      pages * PAGE_SIZE, iova);
}

static int map_file(FIXTURE_DATA(limit) * self, __u32 ioas_id,
		    unsigned int pages, __u64 iova)
{
	return ioas_map_file_fixed(self->iommufd, ioas_id, self->file, 0,
				   pages * PAGE_SIZE, iova);
}

static int unmap(FIXTURE_DATA(limit) * self, __u32 ioas_id, unsigned int pages,
		 __u64 iova)
{
	return ioas_unmap(self->iommufd, ioas_id, iova, pages * PAGE_SIZE,
			  NULL);
}

/* Exactly @pages are left of the limit: one more is refused. */
static bool leaves(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	if (map(self, self->attached, pages + 1, FAR) != -ENOMEM)
		return false;
	if (!pages)
		return true;
	if (map(self, self->attached, pages, FAR))
		return false;
	must(unmap(self, self->attached, pages, FAR));
	return true;
}

TEST_F_TIMEOUT(limit, is_for_pages_that_are_pinned, TEST_SECONDS)
{
	EXPECT_EQ(0, map(self, self->bare, 2 * LIMIT, IOVA));
	EXPECT_TRUE(leaves(self, LIMIT));
	EXPECT_EQ(-ENOMEM, map(self, self->attached, LIMIT + 1, IOVA));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map(self, self->attached, LIMIT, IOVA));
	EXPECT_EQ(LIMIT, pages_pinned());
	EXPECT_EQ(-ENOMEM, map(self, self->attached, 1, FAR));
	EXPECT_TRUE(leaves(self, 0));
	must(unmap(self, self->attached, LIMIT, IOVA));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT));
}

/* VmPin tells in either mode; VmLck is the account of the process. */
TEST_F_TIMEOUT(limit, account_shows_in_the_status, TEST_SECONDS)
{
	EXPECT_EQ(0, pages_locked());
	must(map(self, self->attached, 5, IOVA));
	EXPECT_EQ(5, pages_pinned());
	EXPECT_EQ(variant->mode ? 5 : 0, pages_locked());
	must(map_file(self, self->attached, 3, FAR));
	EXPECT_EQ(8, pages_pinned());
	EXPECT_EQ(variant->mode ? 8 : 0, pages_locked());
	must(unmap(self, self->attached, 5, IOVA));
	EXPECT_EQ(3, pages_pinned());
	EXPECT_EQ(variant->mode ? 3 : 0, pages_locked());
}

/* They pin nothing that would stay: beyond the limit, and where some is pinned. */
TEST_F_TIMEOUT(limit, is_not_for_copies, TEST_SECONDS)
{
	int copying = must(access_create(self->iommufd, self->bare));
	int pinning = must(access_create_pinning(self->iommufd, self->bare));
	char *buffer = memory_alloc(MEMORY_LENGTH);

	must(map(self, self->bare, MEMORY_LENGTH / PAGE_SIZE, IOVA));
	memory_fill(buffer, MEMORY_LENGTH, 1);
	ASSERT_EQ(0, access_write(self->iommufd, copying, IOVA, buffer,
				  MEMORY_LENGTH));
	EXPECT_TRUE(memory_matches(self->memory, MEMORY_LENGTH, 1));
	EXPECT_EQ(0, pages_pinned());

	must(access_pin(self->iommufd, pinning, IOVA + 3 * PAGE_SIZE,
			2 * PAGE_SIZE, self->memory + 3 * PAGE_SIZE, 0, NULL));
	must(access_pin(self->iommufd, pinning, IOVA + 9 * PAGE_SIZE,
			(LIMIT - 2) * PAGE_SIZE, self->memory + 9 * PAGE_SIZE,
			0, NULL));
	memory_fill(self->memory, MEMORY_LENGTH, 2);
	ASSERT_EQ(0, access_read(self->iommufd, copying, IOVA + 1, buffer + 1,
				 MEMORY_LENGTH - 2));
	EXPECT_EQ(0, memcmp(buffer + 1, self->memory + 1, MEMORY_LENGTH - 2));
	EXPECT_EQ(LIMIT, pages_pinned());
	EXPECT_TRUE(leaves(self, 0));
	must(errno_of(close(pinning)));
	EXPECT_TRUE(leaves(self, LIMIT));
	must(errno_of(close(copying)));
}

/* Half of a page is a page, and each mapping of memory is memory of its own. */
TEST_F_TIMEOUT(limit, counts_pages_of_every_mapping, TEST_SECONDS)
{
	must(ioas_map_fixed(self->iommufd, self->attached,
			    self->memory + MOCK_PAGE_SIZE, PAGE_SIZE, IOVA));
	EXPECT_EQ(2, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT - 2));
	must(ioas_map_fixed(self->iommufd, self->attached, self->memory,
			    MOCK_PAGE_SIZE, IOVA + PAGE_SIZE));
	EXPECT_EQ(3, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT - 3));
}

TEST_F_TIMEOUT(limit, copies_are_charged_once, TEST_SECONDS)
{
	struct mock other;
	__u64 iova;

	must(mock_create(self->iommufd, self->bare, &other));
	must(map(self, self->attached, LIMIT, IOVA));
	ASSERT_EQ(0, ioas_copy(self->iommufd, self->bare, &iova, self->attached,
			       IOVA, LIMIT * PAGE_SIZE));
	ASSERT_EQ(0, ioas_copy(self->iommufd, self->attached, &iova,
			       self->attached, IOVA + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(LIMIT, pages_pinned());
	EXPECT_TRUE(leaves(self, 0));
	must(unmap(self, self->attached, LIMIT, IOVA));
	EXPECT_TRUE(leaves(self, 0));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
	EXPECT_EQ(1, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT - 1));
}

TEST_F_TIMEOUT(limit, tables_and_accesses_share_the_charge, TEST_SECONDS)
{
	int access = must(access_create_pinning(self->iommufd, self->attached));
	__u32 hwpt_id;

	must(map(self, self->attached, LIMIT, IOVA));
	ASSERT_EQ(0, hwpt_alloc(self->iommufd, self->mock.dev_id,
				self->attached, &hwpt_id));
	ASSERT_EQ(0, access_pin(self->iommufd, access, IOVA, LIMIT * PAGE_SIZE,
				NULL, MOCK_FLAGS_ACCESS_WRITE, NULL));
	EXPECT_EQ(LIMIT, pages_pinned());
	/* The access is the last that has them. */
	must(iommufd_destroy(self->iommufd, hwpt_id));
	must(iommufd_destroy(self->iommufd, self->mock.id));
	EXPECT_EQ(LIMIT, pages_pinned());
	EXPECT_EQ(variant->mode ? LIMIT : 0, pages_locked());
	must(errno_of(close(access)));
	EXPECT_EQ(0, pages_pinned());
	must(ioas_unmap_all(self->iommufd, self->attached, NULL));
	must(mock_create(self->iommufd, self->attached, &self->mock));
	EXPECT_TRUE(leaves(self, LIMIT));
}

TEST_F_TIMEOUT(limit, everything_is_given_back_at_the_end, TEST_SECONDS)
{
	/* by the IOAS */
	must(map(self, self->attached, LIMIT, IOVA));
	must(iommufd_destroy(self->iommufd, self->mock.id));
	EXPECT_EQ(0, pages_pinned());
	must(iommufd_destroy(self->iommufd, self->attached));
	self->attached = self->bare;
	must(mock_create(self->iommufd, self->attached, &self->mock));
	EXPECT_TRUE(leaves(self, LIMIT));

	/* by the context */
	must(map(self, self->attached, LIMIT, IOVA));
	must(errno_of(close(self->iommufd)));
	self->iommufd = must(errno_of(dup(self->spare)));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
	must(ioas_alloc(self->iommufd, &self->attached));
	must(mock_create(self->iommufd, self->attached, &self->mock));
	EXPECT_TRUE(leaves(self, LIMIT));
}

/* A step that needs @pages of the account, on things that are prepared. */
struct step {
	const char *name;
	void (*prepare)(FIXTURE_DATA(limit) * self, unsigned int pages);
	int (*run)(FIXTURE_DATA(limit) * self, unsigned int pages);
	void (*undo)(FIXTURE_DATA(limit) * self, unsigned int pages);
};

static void prepare_nothing(FIXTURE_DATA(limit) * self, unsigned int pages)
{
}

static int run_map(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return map(self, self->attached, pages, FAR);
}

static int run_map_file(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return map_file(self, self->attached, pages, FAR);
}

static void undo_map(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(unmap(self, self->attached, pages, FAR));
}

static void prepare_bare(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(map(self, self->bare, pages, FAR));
}

/* In two mappings: the first fits where the second does not. */
static void prepare_bare_twice(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(map(self, self->bare, 1, FAR));
	must(map(self, self->bare, pages - 1, FAR + PAGE_SIZE));
}

static int run_copy(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return ioas_copy_fixed(self->iommufd, self->attached, FAR, self->bare,
			       FAR, pages * PAGE_SIZE);
}

static void undo_copy(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(ioas_unmap(self->iommufd, self->attached, FAR, pages * PAGE_SIZE,
			NULL));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
}

static struct mock step_mock;

static int run_attach(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return mock_create(self->iommufd, self->bare, &step_mock);
}

static void undo_attach(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(iommufd_destroy(self->iommufd, step_mock.id));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
}

static __u32 step_hwpt;

static int run_hwpt_alloc(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return hwpt_alloc(self->iommufd, self->mock.dev_id, self->bare,
			  &step_hwpt);
}

static void undo_hwpt_alloc(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(iommufd_destroy(self->iommufd, step_hwpt));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
}

/* The device comes from an IOAS without mappings, so nothing is given back. */
static __u32 step_ioas;

static void prepare_replace(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(ioas_alloc(self->iommufd, &step_ioas));
	must(mock_create(self->iommufd, step_ioas, &step_mock));
	must(map(self, self->bare, pages, FAR));
}

static int run_replace(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return mock_replace(self->iommufd, &step_mock, self->bare);
}

static void undo_replace(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(iommufd_destroy(self->iommufd, step_mock.id));
	must(iommufd_destroy(self->iommufd, step_ioas));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
}

static int step_access;

static void prepare_access(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	step_access = must(access_create_pinning(self->iommufd, self->bare));
	must(map(self, self->bare, pages, FAR));
}

static int run_pin(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	return access_pin(self->iommufd, step_access, FAR, pages * PAGE_SIZE,
			  NULL, MOCK_FLAGS_ACCESS_WRITE, NULL);
}

static void undo_access(FIXTURE_DATA(limit) * self, unsigned int pages)
{
	must(errno_of(close(step_access)));
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
}

static const struct step steps[] = {
	{ "map", prepare_nothing, run_map, undo_map },
	{ "map of a file", prepare_nothing, run_map_file, undo_map },
	{ "copy", prepare_bare, run_copy, undo_copy },
	{ "copy of two", prepare_bare_twice, run_copy, undo_copy },
	{ "attach", prepare_bare, run_attach, undo_attach },
	{ "attach with two", prepare_bare_twice, run_attach, undo_attach },
	{ "HWPT_ALLOC", prepare_bare, run_hwpt_alloc, undo_hwpt_alloc },
	{ "replace", prepare_replace, run_replace, undo_replace },
	{ "pin", prepare_access, run_pin, undo_access },
};

/*
 * Whatever is used of the limit already: a step succeeds exactly when there is
 * enough left, changes nothing when there is not, and then succeeds with room.
 */
TEST_F_TIMEOUT(limit, ends_every_step_in_the_same_way, TEST_SECONDS)
{
	const unsigned int pages = 5;
	unsigned int used;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		for (used = 1; used <= LIMIT; used++) {
			const bool fits = used + pages <= LIMIT;

			must(map(self, self->attached, used, IOVA));
			steps[i].prepare(self, pages);
			EXPECT_EQ(fits ? 0 : -ENOMEM,
				  steps[i].run(self, pages))
			{
				TH_LOG("%s with %u used", steps[i].name, used);
			}
			EXPECT_EQ(used + (fits ? pages : 0), pages_pinned())
			{
				TH_LOG("%s with %u used", steps[i].name, used);
			}
			EXPECT_EQ(variant->mode ? pages_pinned() : 0,
				  pages_locked());
			must(unmap(self, self->attached, used, IOVA));
			if (!fits)
				must(steps[i].run(self, pages));
			EXPECT_EQ(pages, pages_pinned());
			steps[i].undo(self, pages);
			ASSERT_EQ(0, pages_pinned())
			{
				TH_LOG("%s with %u used", steps[i].name, used);
			}
		}
	}
	EXPECT_TRUE(leaves(self, LIMIT));
}

TEST_F_TIMEOUT(limit, failed_replace_leaves_the_attachment, TEST_SECONDS)
{
	must(map(self, self->attached, 4, IOVA));
	must(map(self, self->bare, LIMIT + 1, IOVA));
	EXPECT_EQ(-ENOMEM,
		  mock_replace(self->iommufd, &self->mock, self->bare));
	EXPECT_EQ(0, mock_translates(self->iommufd, self->mock.hwpt_id,
				     self->memory, 4 * PAGE_SIZE, IOVA));
	EXPECT_TRUE(leaves(self, LIMIT - 4));
}

TEST_F_TIMEOUT(limit, fault_gives_the_charge_back, TEST_SECONDS)
{
	unsigned int missing;
	__u64 iova;

	for (missing = 0; missing < LIMIT; missing++) {
		char *memory = memory_alloc(LIMIT * PAGE_SIZE);

		memory_free(memory + missing * PAGE_SIZE, PAGE_SIZE);
		EXPECT_EQ(-EFAULT, ioas_map(self->iommufd, self->attached,
					    memory, LIMIT * PAGE_SIZE, &iova));
		munmap(memory, LIMIT * PAGE_SIZE);
	}
	EXPECT_EQ(-EINVAL, ioas_map_file(self->iommufd, self->attached,
					 self->file, MEMORY_LENGTH - PAGE_SIZE,
					 2 * PAGE_SIZE, &iova));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
	EXPECT_TRUE(leaves(self, LIMIT));
}

/* What is no memory is a fault, however much of it, and wherever it begins. */
TEST_F_TIMEOUT(limit, is_not_for_what_cannot_be_pinned, TEST_SECONDS)
{
	const size_t length = 64 * LIMIT * PAGE_SIZE;
	char *memory = memory_hole(length);
	__u64 iova;

	EXPECT_EQ(-EFAULT, ioas_map(self->iommufd, self->attached, memory,
				    length, &iova));
	memory = memory_alloc(length);
	memory_free(memory + LIMIT * PAGE_SIZE, length - LIMIT * PAGE_SIZE);
	EXPECT_EQ(-EFAULT, ioas_map(self->iommufd, self->attached, memory,
				    length, &iova));
	memory_free(memory, LIMIT * PAGE_SIZE);
	EXPECT_EQ(-EINVAL,
		  ioas_map_file(self->iommufd, self->attached, self->file,
				MEMORY_LENGTH, length, &iova));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
	EXPECT_TRUE(leaves(self, LIMIT));
}

/* Memory, and then none: the call fails, again and again. */
static void fail_for_ever(FIXTURE_DATA(limit) * self)
{
	char *memory = memory_alloc(LIMIT * PAGE_SIZE);
	__u64 iova;

	must(errno_of(prctl(PR_SET_PDEATHSIG, SIGKILL)));
	memory_free(memory + (LIMIT - 1) * PAGE_SIZE, PAGE_SIZE);
	for (;;)
		must(ioas_map(self->iommufd, self->attached, memory,
			      LIMIT * PAGE_SIZE, &iova) == -EFAULT ?
			     0 : -EPROTO);
}

TEST_F_TIMEOUT(limit, is_all_there_while_others_fail, TEST_SECONDS)
{
	pid_t child = must(errno_of(fork()));
	unsigned int round, refused = 0;
	int status;

	if (!child)
		fail_for_ever(self);
	for (round = 0; round < ROUNDS; round++) {
		__u64 iova;
		int ret = ioas_map(self->iommufd, self->attached, self->memory,
				   LIMIT * PAGE_SIZE, &iova);

		refused += ret == -ENOMEM;
		if (!ret)
			must(ioas_unmap(self->iommufd, self->attached, iova,
					LIMIT * PAGE_SIZE, NULL));
	}
	EXPECT_EQ(0, refused);
	must(errno_of(kill(child, SIGKILL)));
	must(errno_of(waitpid(child, &status, 0)));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_TRUE(leaves(self, LIMIT));
}

/* More than is charged at once is undone as a whole. */
TEST_F_TIMEOUT(limit, far_exceeded_leaves_nothing, TEST_SECONDS)
{
	const size_t length = LARGE_LIMIT * PAGE_SIZE;
	char *memory = memory_alloc(length);
	__u64 iova;

	must(errno_of(ftruncate(self->file, length)));
	must(map(self, self->attached, 3, IOVA));
	memory_fill(memory, length, 1);
	EXPECT_EQ(-ENOMEM, ioas_map(self->iommufd, self->attached, memory,
				    length, &iova));
	EXPECT_EQ(-ENOMEM, ioas_map_file(self->iommufd, self->attached,
					 self->file, 0, length, &iova));
	EXPECT_EQ(3, pages_pinned());
	EXPECT_EQ(variant->mode ? 3 : 0, pages_locked());
	EXPECT_TRUE(leaves(self, LIMIT - 3));
	memory_free(memory, length);
}

/* mlock() has the account of the process too. */
TEST_F_TIMEOUT(limit, locked_memory_of_the_process_counts, TEST_SECONDS)
{
	char *memory = memory_alloc(4 * PAGE_SIZE);

	must(errno_of(mlock(memory, 4 * PAGE_SIZE)));
	EXPECT_EQ(4, pages_locked());
	EXPECT_TRUE(leaves(self, variant->mode ? LIMIT - 4 : LIMIT));
	must(map(self, self->attached, LIMIT - 4, IOVA));
	EXPECT_EQ(variant->mode ? LIMIT : 4, pages_locked());
	EXPECT_EQ(variant->mode ? -ENOMEM : 0,
		  errno_of(mlock(self->memory, 4 * PAGE_SIZE)));
	must(unmap(self, self->attached, LIMIT - 4, IOVA));
	memory_free(memory, 4 * PAGE_SIZE);
	must(errno_of(munlock(self->memory, 4 * PAGE_SIZE)));
}

/* Two processes of one user share an account, or have one each. */
TEST_F_TIMEOUT(limit, second_process_has_what_its_account_has, TEST_SECONDS)
{
	const unsigned int used = LIMIT - 4;
	pid_t child;
	int status;

	must(map(self, self->attached, used, IOVA));
	child = must(errno_of(fork()));
	if (!child) {
		const unsigned int left = variant->mode ? LIMIT : LIMIT - used;
		bool right = !pages_pinned() && leaves(self, left) &&
			     !map(self, self->attached, 3, FAR) &&
			     pages_pinned() == 3;

		_exit(!right);
	}
	must(errno_of(waitpid(child, &status, 0)));
	EXPECT_EQ(0, status);
	/* What the child mapped is still there, and still charged to it. */
	EXPECT_EQ(used, pages_pinned());
	must(unmap(self, self->attached, 3, FAR));
	EXPECT_EQ(used, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT - used));
}

/* Whoever makes the pin: the account is that of the mapper. */
TEST_F_TIMEOUT(limit, mapper_pays_for_what_others_pin, TEST_SECONDS)
{
	pid_t child;
	int status;

	must(map(self, self->bare, 8, IOVA));
	child = must(errno_of(fork()));
	if (!child) {
		must(mock_create(self->iommufd, self->bare, &step_mock));
		_exit(pages_pinned() != 0);
	}
	must(errno_of(waitpid(child, &status, 0)));
	EXPECT_EQ(0, status);
	EXPECT_EQ(8, pages_pinned());
	EXPECT_TRUE(leaves(self, LIMIT - 8));
}

/* Up to the last page, where many are charged together */
static void expect_exact(struct __test_metadata *_metadata, __u64 mode)
{
	const size_t length = LARGE_LIMIT * PAGE_SIZE;
	char *memory = memory_alloc(length + PAGE_SIZE);
	int file = must(errno_of(memfd_create("limit_test", MFD_CLOEXEC)));
	struct space space;
	struct mock mock;
	__u64 iova;

	need(mock_exists(), "the mock IOMMU");
	must(errno_of(ftruncate(file, length + PAGE_SIZE)));
	space_open(&space);
	must(iommufd_destroy(space.iommufd, space.ioas_id));
	must(option_set(space.iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, mode));
	must(ioas_alloc(space.iommufd, &space.ioas_id));
	must(mock_create(space.iommufd, space.ioas_id, &mock));
	become_limited_user(LARGE_LIMIT);
	EXPECT_TRUE(space_locks_exactly(&space, LARGE_LIMIT));
	EXPECT_EQ(-ENOMEM, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
					 length + PAGE_SIZE, &iova));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, ioas_map_file(space.iommufd, space.ioas_id, file, 0,
				   length, &iova));
	EXPECT_EQ(LARGE_LIMIT, pages_pinned());
	EXPECT_EQ(mode ? LARGE_LIMIT : 0, pages_locked());
	EXPECT_EQ(-ENOMEM, ioas_map(space.iommufd, space.ioas_id, memory,
				    PAGE_SIZE, &iova));
	must(ioas_unmap_all(space.iommufd, space.ioas_id, NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
	space_close(&space);
}

TEST(large_limit_of_the_user_is_exact)
{
	expect_exact(_metadata, 0);
}

TEST(large_limit_of_the_process_is_exact)
{
	expect_exact(_metadata, 1);
}

/* A program that maps all it has tells device memory by this. */
TEST(device_memory_is_a_fault_whatever_the_limit)
{
	struct bound_device bound;
	struct edu_list list;
	struct space space;
	struct mock mock;
	struct edu edu;
	__u64 iova;

	need(mock_exists(), "the mock IOMMU");
	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	bound_device_open(&bound, edu_alone(&list, 0)->bdf);
	must(edu_start(&edu, bound.device));
	space_open_mock(&space, &mock);
	become_limited_user(LIMIT);
	EXPECT_EQ(-EFAULT, ioas_map(space.iommufd, space.ioas_id,
				    edu.registers, EDU_BAR_SIZE, &iova));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(space_locks_exactly(&space, LIMIT));
	edu_stop(&edu);
	space_close(&space);
	bound_device_close(&bound);
}

/* What the kernel has logged since then, of this process over its limit */
static unsigned int log_lines(int log, char *last, size_t size)
{
	char record[1024], who[64];
	unsigned int lines = 0;
	ssize_t length;

	snprintf(who, sizeof(who), "iommufd: limit_test[%d] ", getpid());
	for (;;) {
		length = errno_of(read(log, record, sizeof(record) - 1));
		/* overwritten by newer ones: go on with those */
		if (length == -EPIPE)
			continue;
		if (length == -EAGAIN)
			return lines;
		record[must(length)] = '\0';
		if (!strstr(record, who))
			continue;
		lines++;
		snprintf(last, size, "%s", strstr(record, who) + strlen(who));
	}
}

/* Why a map is ENOMEM is in the log, but not for each that is. */
TEST(limit_exceeded_is_told_in_the_log)
{
	int log = must(errno_of(open("/dev/kmsg", O_RDONLY | O_NONBLOCK |
				     O_CLOEXEC)));
	char expected[128], last[128] = "";
	unsigned int i, lines = 0;
	struct space space;
	struct mock mock;
	char *memory;
	__u64 iova;

	need(mock_exists(), "the mock IOMMU");
	memory = memory_alloc(MEMORY_LENGTH);
	space_open_mock(&space, &mock);
	must(errno_of(lseek(log, 0, SEEK_END)));
	must(errno_of(prctl(PR_SET_NAME, "limit_test")));
	become_limited_user(LIMIT);
	for (i = 0; !lines && i < TELLS_MAX; i++) {
		ASSERT_EQ(-ENOMEM, ioas_map(space.iommufd, space.ioas_id,
					    memory, MEMORY_LENGTH, &iova));
		lines = log_lines(log, last, sizeof(last));
		if (!lines)
			usleep(100000);
	}
	EXPECT_EQ(1, lines);
	snprintf(expected, sizeof(expected),
		 "exceeds RLIMIT_MEMLOCK of %llu bytes: wants %llu bytes pinned\n",
		 LIMIT * PAGE_SIZE, MEMORY_LENGTH);
	EXPECT_STREQ(expected, last);
	for (i = 0; i < RETRIES; i++)
		must(ioas_map(space.iommufd, space.ioas_id, memory,
			      MEMORY_LENGTH, &iova) == -ENOMEM ? 0 : -EPROTO);
	EXPECT_GT(RETRIES / 10, log_lines(log, last, sizeof(last)));
	space_close(&space);
	must(errno_of(close(log)));
}

TEST_HARNESS_MAIN
