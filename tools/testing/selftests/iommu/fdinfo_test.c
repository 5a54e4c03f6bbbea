// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc/PID/fdinfo/FD tells of an iommufd: each line and each of its values,
 * and that looking at it disturbs nobody.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/fdinfo.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x200000)
#define PAGES 8
#define LENGTH (PAGES * PAGE_SIZE)
#define KIB (LENGTH / 1024)
#define LARGE 0x200000ULL
#define MANY 500
/* Objects that come and go while they are looked at */
#define ROUNDS 400

FIXTURE(fdinfo)
{
	int iommufd;
	__u32 ioas_id;
	char *memory;
};

FIXTURE_SETUP(fdinfo)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(fdinfo)
{
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

static long long ioas_number(FIXTURE_DATA(fdinfo) * self, const char *name)
{
	return fdinfo_number(self->iommufd, "iommufd-ioas", self->ioas_id,
			     name);
}

static int map(FIXTURE_DATA(fdinfo) * self)
{
	return ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
			      LENGTH, IOVA);
}

/* Lines of a key, a colon, a tab and a value, ours after those of procfs */
TEST_F_TIMEOUT(fdinfo, every_line_has_a_key_and_a_value, TEST_SECONDS)
{
	char *text, *line, *next;
	unsigned int lines = 0;

	iommufd_destroy(self->iommufd, 1000);
	text = fdinfo_read(0, self->iommufd);
	for (line = text; *line; line = next, lines++) {
		next = strchr(line, '\n');
		ASSERT_NE(NULL, next);
		*next++ = '\0';
		EXPECT_NE(NULL, strstr(line, ":\t"));
		EXPECT_EQ(strlen(line), strspn(line, "\t !\"#$%&'()*+,-./0123456789:;<=>?@"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
					       "abcdefghijklmnopqrstuvwxyz{|}~"));
		/* it comes last */
		EXPECT_EQ(!*next, !strncmp(line, "last-error:", 11));
	}
	/* pos, flags, mnt_id, ino; context, accounting, IOAS, refusals, error */
	EXPECT_EQ(9, lines);
	free(text);
}

TEST_F_TIMEOUT(fdinfo, contexts_have_different_numbers, TEST_SECONDS)
{
	char one[FDINFO_LINE_MAX], other[FDINFO_LINE_MAX];
	int second = must(iommufd_open());

	must(fdinfo_value(self->iommufd, "iommufd-ctx", one));
	must(fdinfo_value(second, "iommufd-ctx", other));
	EXPECT_LT(0, atoi(one));
	EXPECT_LT(atoi(one), atoi(other));
	close(second);
	/* nor is one used again at once */
	second = must(iommufd_open());
	must(fdinfo_value(second, "iommufd-ctx", one));
	EXPECT_LT(atoi(other), atoi(one));
	close(second);
}

TEST_F_TIMEOUT(fdinfo, accounting_is_the_option, TEST_SECONDS)
{
	char value[FDINFO_LINE_MAX];
	int iommufd = must(iommufd_open());

	must(fdinfo_value(iommufd, "iommufd-accounting", value));
	EXPECT_STREQ("user", value);
	must(option_set(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	must(fdinfo_value(iommufd, "iommufd-accounting", value));
	EXPECT_STREQ("process", value);
	close(iommufd);
}

TEST_F_TIMEOUT(fdinfo, without_a_table_nothing_is_pinned, TEST_SECONDS)
{
	EXPECT_EQ(0, ioas_number(self, "mappings"));
	EXPECT_EQ(0, ioas_number(self, "mapped-kib"));
	EXPECT_EQ(1, ioas_number(self, "alignment"));
	EXPECT_EQ(1, ioas_number(self, "large-pages"));
	must(map(self));
	EXPECT_EQ(1, ioas_number(self, "mappings"));
	EXPECT_EQ((long long)KIB, ioas_number(self, "mapped-kib"));
	EXPECT_EQ(0, ioas_number(self, "pinned-kib"));
	EXPECT_EQ(-1, ioas_number(self, "charged-kib"));
	EXPECT_EQ(-1, ioas_number(self, "payer"));
	EXPECT_EQ(-1, ioas_number(self, "large-percent"));
	must(option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id,
			0));
	EXPECT_EQ(0, ioas_number(self, "large-pages"));
	EXPECT_EQ((long long)PAGE_SIZE, ioas_number(self, "alignment"));
}

TEST_F_TIMEOUT(fdinfo, what_a_table_needs_is_pinned, TEST_SECONDS)
{
	struct mock mock;

	must(map(self));
	must(mock_create(self->iommufd, self->ioas_id, &mock));
	EXPECT_EQ((long long)KIB, ioas_number(self, "pinned-kib"));
	/* root may lock as much as it likes */
	EXPECT_EQ(-1, ioas_number(self, "charged-kib"));
	EXPECT_EQ((long long)PAGE_SIZE / 2, ioas_number(self, "alignment"));
	must(ioas_unmap_all(self->iommufd, self->ioas_id, NULL));
	EXPECT_EQ(0, ioas_number(self, "pinned-kib"));
	EXPECT_EQ(0, ioas_number(self, "mappings"));
}

/* The pages are pinned once, and are those of each of the two. */
TEST_F_TIMEOUT(fdinfo, copy_counts_twice, TEST_SECONDS)
{
	struct mock mock;

	must(mock_create(self->iommufd, self->ioas_id, &mock));
	must(map(self));
	must(ioas_copy_fixed(self->iommufd, self->ioas_id, IOVA + LARGE,
			     self->ioas_id, IOVA, LENGTH));
	EXPECT_EQ(2, ioas_number(self, "mappings"));
	EXPECT_EQ(2 * (long long)KIB, ioas_number(self, "pinned-kib"));
	EXPECT_EQ(PAGES, pages_pinned());
}

TEST_F_TIMEOUT(fdinfo, pages_of_a_driver_are_counted, TEST_SECONDS)
{
	int access = must(access_create_pinning(self->iommufd, self->ioas_id));
	__u32 item;

	must(map(self));
	must(access_pin(self->iommufd, access, IOVA, 2 * PAGE_SIZE,
			self->memory, 0, &item));
	EXPECT_EQ(2 * (long long)PAGE_SIZE / 1024,
		  ioas_number(self, "pinned-kib"));
	EXPECT_EQ(-1, ioas_number(self, "large-percent"));
	must(access_unpin(self->iommufd, access, item));
	EXPECT_EQ(0, ioas_number(self, "pinned-kib"));
	close(access);
}

TEST_F_TIMEOUT(fdinfo, user_pays, TEST_SECONDS)
{
	struct mock mock;
	char user[32];

	must(mock_create(self->iommufd, self->ioas_id, &mock));
	become_limited_user(PAGES);
	snprintf(user, sizeof(user), "user:%u", getuid());
	must(map(self));
	EXPECT_EQ((long long)KIB, ioas_number(self, "charged-kib"));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-ioas", self->ioas_id,
				"payer", user));
}

TEST_F_TIMEOUT(fdinfo, process_pays, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	char process[32];
	struct mock mock;
	__u32 ioas_id;

	must(option_set(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	must(ioas_alloc(iommufd, &ioas_id));
	must(mock_create(iommufd, ioas_id, &mock));
	limit_locked_pages(PAGES);
	snprintf(process, sizeof(process), "process:%d", getpid());
	must(ioas_map_fixed(iommufd, ioas_id, self->memory, LENGTH, IOVA));
	EXPECT_EQ((long long)KIB, fdinfo_number(iommufd, "iommufd-ioas",
						ioas_id, "charged-kib"));
	EXPECT_TRUE(fdinfo_says(iommufd, "iommufd-ioas", ioas_id, "payer",
				process));
	close(iommufd);
}

/* One of root, which pays nothing, and one of each of two users */
TEST_F_TIMEOUT(fdinfo, several_pay, TEST_SECONDS)
{
	struct mock mock;
	int status;
	pid_t pid;

	must(mock_create(self->iommufd, self->ioas_id, &mock));
	must(map(self));
	pid = must(errno_of(fork()));
	if (!pid) {
		become_limited_user(PAGES);
		must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
				    LENGTH, IOVA + LARGE));
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ((long long)KIB, ioas_number(self, "charged-kib"));
	become_limited_user(PAGES);
	must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory, LENGTH,
			    IOVA + 2 * LARGE));
	EXPECT_EQ(2 * (long long)KIB, ioas_number(self, "charged-kib"));
	EXPECT_EQ(3 * (long long)KIB, ioas_number(self, "pinned-kib"));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-ioas", self->ioas_id,
				"payer", "several"));
}

/* Two huge pages of memory, of which one is where the table has large ones, too */
TEST_F_TIMEOUT(fdinfo, share_of_large_pages, TEST_SECONDS)
{
	struct mock mock;
	char *memory;

	memory = memory_alloc(3 * LARGE);
	memory += -(unsigned long)memory & (LARGE - 1);
	must(errno_of(madvise(memory, 2 * LARGE, MADV_HUGEPAGE)));
	memset(memory, 1, 2 * LARGE);
	must(mock_create_flags(self->iommufd, self->ioas_id,
			       MOCK_FLAGS_DEVICE_HUGE_IOVA, &mock));
	must(ioas_map_fixed(self->iommufd, self->ioas_id, memory, LARGE, IOVA));
	if (ioas_number(self, "large-percent") != 100)
		SKIP(return, "the kernel had no huge page");
	must(ioas_map_fixed(self->iommufd, self->ioas_id, memory + LARGE, LARGE,
			    IOVA + 2 * LARGE + PAGE_SIZE / 2));
	EXPECT_EQ(50, ioas_number(self, "large-percent"));
	must(ioas_unmap(self->iommufd, self->ioas_id, IOVA, LARGE, NULL));
	EXPECT_EQ(0, ioas_number(self, "large-percent"));
}

TEST_F_TIMEOUT(fdinfo, table_and_devices, TEST_SECONDS)
{
	struct mock one, other;
	__u32 hwpt_id;

	must(mock_create(self->iommufd, self->ioas_id, &one));
	must(mock_create(self->iommufd, self->ioas_id, &other));
	ASSERT_EQ(one.hwpt_id, other.hwpt_id);
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-hwpt", one.hwpt_id,
				"kind", "automatic"));
	EXPECT_EQ(self->ioas_id, fdinfo_number(self->iommufd, "iommufd-hwpt",
					       one.hwpt_id, "ioas"));
	EXPECT_EQ(2, fdinfo_number(self->iommufd, "iommufd-hwpt", one.hwpt_id,
				   "devices"));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-hwpt", one.hwpt_id,
				"page-sizes", "2K"));
	EXPECT_EQ(one.hwpt_id, fdinfo_number(self->iommufd, "iommufd-device",
					     one.dev_id, "hwpt"));

	must(hwpt_alloc(self->iommufd, one.dev_id, self->ioas_id, &hwpt_id));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-hwpt", hwpt_id, "kind",
				"user"));
	EXPECT_EQ(0, fdinfo_number(self->iommufd, "iommufd-hwpt", hwpt_id,
				   "devices"));
	must(mock_replace(self->iommufd, &one, hwpt_id));
	EXPECT_EQ(1, fdinfo_number(self->iommufd, "iommufd-hwpt", hwpt_id,
				   "devices"));
	EXPECT_EQ(hwpt_id, fdinfo_number(self->iommufd, "iommufd-device",
					 one.dev_id, "hwpt"));
	must(iommufd_destroy(self->iommufd, other.id));
	EXPECT_EQ(-1, fdinfo_number(self->iommufd, "iommufd-hwpt",
				    other.hwpt_id, "devices"));
	EXPECT_EQ(1, fdinfo_count(self->iommufd, "iommufd-device"));
}

TEST_F_TIMEOUT(fdinfo, queue_of_faults, TEST_SECONDS)
{
	struct mock mock;
	__u32 queue_id;
	int queue;

	must(mock_create(self->iommufd, self->ioas_id, &mock));
	EXPECT_EQ(0, fdinfo_number(self->iommufd, "iommufd-device",
				   mock.dev_id, "faults"));
	queue = must(dma_fault_queue(self->iommufd, 4, &queue_id));
	EXPECT_EQ(4, fdinfo_number(self->iommufd, "iommufd-dma-fault-queue",
				   queue_id, "depth"));
	must(mock_dma_fault(self->iommufd, &mock, IOVA, 1, 0, 0, NULL));
	EXPECT_EQ(1, fdinfo_number(self->iommufd, "iommufd-device",
				   mock.dev_id, "faults"));
	EXPECT_EQ(1, fdinfo_number(self->iommufd, "iommufd-dma-fault-queue",
				   queue_id, "waiting"));
	close(queue);
}

TEST_F_TIMEOUT(fdinfo, access_says_where_it_is, TEST_SECONDS)
{
	char value[FDINFO_LINE_MAX], expected[64];
	int access = must(access_create(self->iommufd, self->ioas_id));

	must(fdinfo_value(self->iommufd, "iommufd-access", value));
	snprintf(expected, sizeof(expected), " ioas=%u", self->ioas_id);
	EXPECT_NE(NULL, strstr(value, expected));
	close(access);
	EXPECT_EQ(0, fdinfo_count(self->iommufd, "iommufd-access"));
}

/* More than a page of text */
TEST_F_TIMEOUT(fdinfo, each_of_many_objects_has_a_line, TEST_SECONDS)
{
	unsigned int i;
	__u32 id;

	for (i = 1; i < MANY; i++)
		must(ioas_alloc(self->iommufd, &id));
	EXPECT_EQ(MANY, fdinfo_count(self->iommufd, "iommufd-ioas"));
	EXPECT_EQ(1, fdinfo_count(self->iommufd, "refusals"));
}

TEST_F_TIMEOUT(fdinfo, other_process_can_look, TEST_SECONDS)
{
	char *text;
	pid_t pid;

	pid = must(errno_of(fork()));
	if (!pid) {
		pause();
		_exit(0);
	}
	text = fdinfo_read(pid, self->iommufd);
	EXPECT_NE(NULL, strstr(text, "\niommufd-ioas:\tid=1 "));
	free(text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Read as long as the other threads work. */
struct watch {
	int fd;
	atomic_bool done;
	unsigned long reads;
};

static void *watch_thread(void *data)
{
	struct watch *watch = data;

	while (!watch->done) {
		free(fdinfo_read(0, watch->fd));
		watch->reads++;
	}
	return NULL;
}

static void watch_begin(struct watch *watch, int fd, pthread_t threads[2])
{
	int i;

	*watch = (struct watch){ .fd = fd };
	for (i = 0; i < 2; i++)
		must(-pthread_create(&threads[i], NULL, watch_thread, watch));
}

static void watch_end(struct watch *watch, pthread_t threads[2])
{
	int i;

	watch->done = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* Who looks is no user of what he looks at. */
TEST_F_TIMEOUT(fdinfo, nobody_who_looks_makes_an_object_busy, TEST_SECONDS)
{
	pthread_t threads[2];
	struct watch watch;
	int i;

	watch_begin(&watch, self->iommufd, threads);
	for (i = 0; i < ROUNDS; i++) {
		__u32 ioas_id;

		must(ioas_alloc(self->iommufd, &ioas_id));
		must(ioas_map_fixed(self->iommufd, ioas_id, self->memory,
				    LENGTH, IOVA));
		EXPECT_EQ(0, iommufd_destroy(self->iommufd, ioas_id));
	}
	watch_end(&watch, threads);
	EXPECT_LT(0, watch.reads);
}

TEST_F_TIMEOUT(fdinfo, devices_and_mappings_come_and_go_meanwhile, TEST_SECONDS)
{
	pthread_t threads[2];
	struct watch watch;
	int i;

	watch_begin(&watch, self->iommufd, threads);
	for (i = 0; i < ROUNDS / 4; i++) {
		struct mock mock;
		__u32 hwpt_id;
		int access;

		must(map(self));
		must(mock_create(self->iommufd, self->ioas_id, &mock));
		must(hwpt_alloc(self->iommufd, mock.dev_id, self->ioas_id,
				&hwpt_id));
		must(mock_replace(self->iommufd, &mock, hwpt_id));
		access = must(access_create(self->iommufd, self->ioas_id));
		close(access);
		EXPECT_EQ(0, iommufd_destroy(self->iommufd, mock.id));
		EXPECT_EQ(0, iommufd_destroy(self->iommufd, hwpt_id));
		EXPECT_EQ(0, ioas_unmap_all(self->iommufd, self->ioas_id,
					    NULL));
	}
	watch_end(&watch, threads);
	EXPECT_LT(0, watch.reads);
}

TEST_HARNESS_MAIN
