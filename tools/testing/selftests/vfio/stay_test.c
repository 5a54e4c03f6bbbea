// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel that merges equal pages, moves pages between nodes and gives memory
 * back to the machine leaves alone what a device reads and writes. Each test
 * shows first that the kernel does so with memory that no device uses.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
#define KSM "/sys/kernel/mm/ksm/"
#define MEMORY_BLOCKS "/sys/devices/system/memory/"
/* 100 ms each, for what the kernel does now and then */
#define TRIES_MAX 300
/* After so many looks at all memory nothing is left to be merged. */
#define SCANS 3
/* Long enough to move the pages of a block, and to try again */
#define OFFLINE_SECONDS 30
/* Enough to have pages of more than one block, of which one in so many is looked at */
#define MUCH (400 * STEP)
#define STEP 0x100000UL

FIXTURE(stay)
{
	struct bound_device bound;
	struct edu edu;
	/* two pages, apart */
	char *page;
	char *twin;
};

FIXTURE_SETUP(stay)
{
	need(edu_open_attached(&self->edu, &self->bound),
	     "an edu device alone in its group");
	self->page = memory_alloc(PAGE_SIZE);
	self->twin = memory_alloc(PAGE_SIZE);
	memory_fill(self->page, PAGE_SIZE, 1);
	memory_fill(self->twin, PAGE_SIZE, 1);
}

FIXTURE_TEARDOWN(stay)
{
	edu_close(&self->edu, &self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static void map(FIXTURE_DATA(stay) * self)
{
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->page, PAGE_SIZE, IOVA));
}

static void unmap(FIXTURE_DATA(stay) * self)
{
	must(ioas_unmap(self->bound.iommufd, self->bound.ioas_id, IOVA,
			PAGE_SIZE, NULL));
}

static bool device_reaches(FIXTURE_DATA(stay) * self)
{
	return edu_reaches(&self->edu, IOVA, self->page, EDU_DMA_MAX);
}

static unsigned long long number_read(const char *path, int base)
{
	char text[32];

	must(file_read(path, text, sizeof(text)));
	return strtoull(text, NULL, base);
}

/* Have the kernel look for equal pages as fast as it can. */
static void ksm_start(void)
{
	must(file_write(KSM "pages_to_scan", "10000"));
	must(file_write(KSM "sleep_millisecs", "1"));
	must(file_write(KSM "run", "1"));
}

static bool ksm_exists(void)
{
	return !access(KSM "run", W_OK);
}

static void ksm_stop(void)
{
	must(file_write(KSM "run", "2"));
}

static void mergeable(char *page)
{
	must(errno_of(madvise(page, PAGE_SIZE, MADV_MERGEABLE)));
}

static bool comes_to_be_merged(const char *page, const char *twin)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		if (page_frame(page) == page_frame(twin))
			return true;
		usleep(100000);
	}
	return false;
}

/* All memory was looked at several times from now on. */
static bool ksm_scans(void)
{
	unsigned long long goal = number_read(KSM "full_scans", 10) + SCANS;

	for (int i = 0; i < TRIES_MAX; i++) {
		if (number_read(KSM "full_scans", 10) >= goal)
			return true;
		usleep(100000);
	}
	return false;
}

TEST_F_TIMEOUT(stay, merged_page_is_parted_before_a_device_writes, TEST_SECONDS)
{
	need(ksm_exists(), "CONFIG_KSM");
	ksm_start();
	mergeable(self->page);
	mergeable(self->twin);
	ASSERT_TRUE(comes_to_be_merged(self->page, self->twin));
	map(self);
	EXPECT_NE(page_frame(self->page), page_frame(self->twin));
	EXPECT_TRUE(memory_matches(self->page, PAGE_SIZE, 1));
	EXPECT_TRUE(device_reaches(self));
	EXPECT_TRUE(memory_matches(self->twin, PAGE_SIZE, 1));
	ksm_stop();
}

TEST_F_TIMEOUT(stay, page_of_a_device_is_not_merged, TEST_SECONDS)
{
	char *third = memory_alloc(PAGE_SIZE);
	unsigned long frame;

	need(ksm_exists(), "CONFIG_KSM");
	memory_fill(third, PAGE_SIZE, 1);
	map(self);
	frame = page_frame(self->page);
	ksm_start();
	mergeable(self->page);
	mergeable(self->twin);
	mergeable(third);
	ASSERT_TRUE(comes_to_be_merged(third, self->twin));
	ASSERT_TRUE(ksm_scans());
	EXPECT_EQ(frame, page_frame(self->page));
	EXPECT_TRUE(device_reaches(self));
	EXPECT_TRUE(memory_matches(self->twin, PAGE_SIZE, 1));
	ksm_stop();
}

static bool two_nodes(void)
{
	return !access("/sys/devices/system/node/node1", F_OK);
}

/* The node that the page is on afterwards, or a negative errno */
static int node_move(void *page, int node)
{
	int status = -EIO;

	must(errno_of(syscall(SYS_move_pages, 0, 1UL, &page, &node, &status,
			      MPOL_MF_MOVE)));
	return status;
}

static int node_of(void *page)
{
	int status = -EIO;

	must(errno_of(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status,
			      MPOL_MF_MOVE)));
	return status;
}

TEST_F_TIMEOUT(stay, page_of_a_device_does_not_change_nodes, TEST_SECONDS)
{
	unsigned long frame;
	int node;

	need(two_nodes(), "two nodes");
	node = node_of(self->page);
	ASSERT_EQ(!node, node_move(self->page, !node));
	ASSERT_EQ(node, node_move(self->page, node));
	map(self);
	frame = page_frame(self->page);
	EXPECT_GT(0, node_move(self->page, !node));
	EXPECT_EQ(frame, page_frame(self->page));
	EXPECT_TRUE(device_reaches(self));

	unmap(self);
	EXPECT_EQ(!node, node_move(self->page, !node));
	EXPECT_NE(frame, page_frame(self->page));
}

/* Where the block of memory that has the page says whether it is there */
static void block_path(const char *page, char *path, size_t size)
{
	snprintf(path, size, MEMORY_BLOCKS "memory%llu/state",
		 page_frame(page) * PAGE_SIZE /
			 number_read(MEMORY_BLOCKS "block_size_bytes", 16));
}

static void interrupted(int signal)
{
}

/* The kernel tries until a signal comes: one that alarm() would not bring. */
static int block_offline(const char *path, unsigned int seconds)
{
	struct sigaction action = { .sa_handler = interrupted };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1 };
	struct itimerspec once = { .it_value.tv_sec = seconds };
	timer_t timer;
	int ret;

	must(errno_of(sigaction(SIGUSR1, &action, NULL)));
	must(errno_of(timer_create(CLOCK_MONOTONIC, &event, &timer)));
	must(errno_of(timer_settime(timer, 0, &once, NULL)));
	ret = file_write(path, "offline");
	must(errno_of(timer_delete(timer)));
	return ret;
}

TEST_F_TIMEOUT(stay, memory_of_a_device_does_not_go_offline, TEST_SECONDS)
{
	char path[128], state[32];
	unsigned long frame;

	need(!access(MEMORY_BLOCKS "block_size_bytes", R_OK),
	     "CONFIG_MEMORY_HOTPLUG");
	map(self);
	frame = page_frame(self->page);
	block_path(self->page, path, sizeof(path));
	EXPECT_GT(0, block_offline(path, 5));
	must(file_read(path, state, sizeof(state)));
	EXPECT_EQ(0, strncmp(state, "online", 6));
	EXPECT_EQ(frame, page_frame(self->page));
	EXPECT_TRUE(device_reaches(self));
}

/* The device has a page of it while the block goes offline, if it does. */
static bool block_goes_offline(FIXTURE_DATA(stay) * self, const char *path)
{
	char state[32];
	int ret;

	map(self);
	ret = block_offline(path, OFFLINE_SECONDS);
	must(file_read(path, state, sizeof(state)));
	if (!ret && !strncmp(state, "offline", 7) && device_reaches(self)) {
		must(file_write(path, "online_movable"));
		return true;
	}
	unmap(self);
	return false;
}

/* New pages of this process come from @node while that has some. */
static void node_prefer(unsigned int node)
{
	unsigned long nodes = 1UL << node;

	must(errno_of(syscall(SYS_set_mempolicy, MPOL_PREFERRED, &nodes,
			      8 * sizeof(nodes))));
}

/*
 * The pages of a device have left such a block before they were pinned. What the
 * kernel put there when it booted keeps one or another of them online.
 */
TEST_F_TIMEOUT(stay, movable_memory_goes_offline_beside_a_device, TEST_SECONDS)
{
	char path[128], before[128] = "";
	bool offline = false;
	char *memory;

	need(two_nodes() && movable_zone_exists(), "a node with movable memory");
	node_prefer(1);
	memory = memory_alloc(MUCH);
	memory_fill(memory, MUCH, 1);
	for (size_t i = 0; i < MUCH && !offline; i += STEP) {
		self->page = memory + i;
		if (!pages_in_movable_zone(self->page, PAGE_SIZE))
			continue;
		block_path(self->page, path, sizeof(path));
		if (!strcmp(path, before))
			continue;
		strcpy(before, path);
		offline = block_goes_offline(self, path);
	}
	EXPECT_TRUE(offline);
}

TEST_HARNESS_MAIN
