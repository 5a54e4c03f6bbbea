// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel needs for a mapping, the tables of the IOMMU included, and the
 * memory that a map brings into being, is charged to the memory control group of
 * the caller, who cannot go beyond its limit by mapping.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/edu.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define MAPS 4096
/* At the least, a mapping has its range, its memory, and its pages. */
#define BYTES_PER_MAP 256
/* What the kernel charges in advance, and for the process */
#define SLACK (256 << 10)
#define LIMIT (4 << 20)
#define LENGTH (8UL << 20)
/* Pages this far apart have no table of the last level in common. */
#define TABLE_REACH (2UL << 20)
#define TABLES 512
/* What a virtio-iommu has in place of tables: a note of each mapping, here pages */
#define NOTES 16384
#define BYTES_PER_NOTE 64
#define CHUNK (256 * PAGE_SIZE)

/* Where the hierarchy is mounted */
static int cgroup_root(char *path)
{
	FILE *mounts = fopen("/proc/mounts", "r");
	char line[PATH_MAX];
	bool found = false;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		found = sscanf(line, "cgroup2 %99s cgroup2 ", path) == 1;
	if (mounts)
		fclose(mounts);
	return found ? 0 : -ENOENT;
}

static int cgroup_write(const char *cgroup, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	file = fopen(path, "w");
	if (!file)
		return -errno;
	ret = fputs(text, file) < 0 ? -errno : 0;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

/* Bytes, as memory.stat says under @name */
static long cgroup_stat(const char *cgroup, const char *name)
{
	char path[PATH_MAX], word[64];
	long value, found = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	file = fopen(path, "r");
	must(file ? 0 : -errno);
	while (found < 0 && fscanf(file, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	fclose(file);
	return must(found);
}

/* All that is charged, in bytes */
static unsigned long cgroup_current(const char *cgroup)
{
	char path[PATH_MAX];
	unsigned long value;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	file = fopen(path, "r");
	must(file ? 0 : -errno);
	must(fscanf(file, "%lu", &value) == 1 ? 0 : -ENODATA);
	fclose(file);
	return value;
}

static void cgroup_join(const char *cgroup)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	must(cgroup_write(cgroup, "cgroup.procs", text));
}

FIXTURE(memcg)
{
	struct space space;
	struct mock mock;
	struct bound_device bound;
	char cgroup[PATH_MAX];
	char *memory;
	unsigned long pins;
};

FIXTURE_SETUP(memcg)
{
	char root[100];

	need(mock_exists(), "the mock IOMMU");
	need(!cgroup_root(root), "a mounted cgroup2");
	need(!cgroup_write(root, "cgroup.subtree_control", "+memory"),
	     "the memory controller");
	snprintf(self->cgroup, sizeof(self->cgroup), "%s/iommufd_test.%d", root,
		 getpid());
	must(errno_of(mkdir(self->cgroup, 0755)));
	self->pins = machine_pins();
	self->memory = memory_alloc(LENGTH);
	space_open_mock(&self->space, &self->mock);
}

FIXTURE_TEARDOWN(memcg)
{
	space_close(&self->space);
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_EQ(0, errno_of(rmdir(self->cgroup)));
}

/* In a child, which joins the group. Return: its wait status. */
static int run_in_group(FIXTURE_DATA(memcg) * self,
			int (*run)(FIXTURE_DATA(memcg) * self))
{
	pid_t child = must(errno_of(fork()));
	int status;

	if (!child) {
		cgroup_join(self->cgroup);
		_exit(run(self));
	}
	must(errno_of(waitpid(child, &status, 0)));
	return status;
}

/* The same page again and again, so that only the kernel's memory grows */
static int map_pages(FIXTURE_DATA(memcg) * self, unsigned long pages)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < pages && !ret; i++)
		ret = ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
				     self->memory, PAGE_SIZE,
				     IOVA + i * PAGE_SIZE);
	return ret;
}

static int map_many(FIXTURE_DATA(memcg) * self)
{
	return map_pages(self, MAPS) ? 1 : 0;
}

TEST_F_TIMEOUT(memcg, mapper_is_charged_for_the_mapping, TEST_SECONDS)
{
	long before = cgroup_stat(self->cgroup, "kernel");

	ASSERT_EQ(0, run_in_group(self, map_many));
	EXPECT_LE(before + MAPS * BYTES_PER_MAP,
		  cgroup_stat(self->cgroup, "kernel"));
	/* Refunded, whoever unmaps. */
	must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id, NULL));
	EXPECT_GT(before + SLACK, cgroup_stat(self->cgroup, "kernel"));
}

static int map_far_apart(FIXTURE_DATA(memcg) * self)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < TABLES && !ret; i++)
		ret = ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
				     self->memory, PAGE_SIZE,
				     IOVA + i * TABLE_REACH);
	return ret ? 1 : 0;
}

static void expect_charge_for_tables(struct __test_metadata *_metadata,
				     FIXTURE_DATA(memcg) * self,
				     bool large_pages)
{
	long before = cgroup_stat(self->cgroup, "kernel");
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	if (pci_iommu_is_virtio(edu_alone(&list, 0)->bdf))
		SKIP(return, "an IOMMU without tables");
	bound_device_open(&self->bound, edu_alone(&list, 0)->bdf);
	must(option_set(self->bound.iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->bound.ioas_id, large_pages));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, run_in_group(self, map_far_apart));
	EXPECT_LE(before + TABLES * (BYTES_PER_MAP + PAGE_SIZE),
		  cgroup_stat(self->cgroup, "kernel"));
	bound_device_close(&self->bound);
	EXPECT_GT(before + SLACK, cgroup_stat(self->cgroup, "kernel"));
}

TEST_F_TIMEOUT(memcg, mapper_is_charged_for_the_tables, TEST_SECONDS)
{
	expect_charge_for_tables(_metadata, self, true);
}

TEST_F_TIMEOUT(memcg, mapper_is_charged_for_tables_of_small_pages, TEST_SECONDS)
{
	expect_charge_for_tables(_metadata, self, false);
}

static int map_repeated(FIXTURE_DATA(memcg) * self)
{
	char *memory = memory_repeated(file_scattered(CHUNK), CHUNK,
				       NOTES * PAGE_SIZE);

	return ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id, memory,
			      NOTES * PAGE_SIZE, IOVA) ? 1 : 0;
}

TEST_F_TIMEOUT(memcg, mapper_is_charged_for_notes_of_mappings, TEST_SECONDS)
{
	long before = cgroup_stat(self->cgroup, "kernel");
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	if (!pci_iommu_is_virtio(edu_alone(&list, 0)->bdf))
		SKIP(return, "an IOMMU with tables");
	bound_device_open(&self->bound, edu_alone(&list, 0)->bdf);
	must(option_set(self->bound.iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->bound.ioas_id, 0));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, run_in_group(self, map_repeated));
	EXPECT_LE(before + NOTES * BYTES_PER_NOTE,
		  cgroup_stat(self->cgroup, "kernel"));
	bound_device_close(&self->bound);
	EXPECT_GT(before + SLACK, cgroup_stat(self->cgroup, "kernel"));
}

static int map_in_own_context(FIXTURE_DATA(memcg) * self)
{
	long before = cgroup_stat(self->cgroup, "kernel");
	struct space space = self->space;
	int ret;

	space_open_mock(&self->space, &self->mock);
	ret = map_pages(self, MAPS);
	if (ret || cgroup_stat(self->cgroup, "kernel") <
			   before + MAPS * BYTES_PER_MAP)
		return 1;
	space_close(&self->space);
	self->space = space;
	return cgroup_stat(self->cgroup, "kernel") > before + SLACK;
}

TEST_F_TIMEOUT(memcg, close_refunds_all, TEST_SECONDS)
{
	EXPECT_EQ(0, run_in_group(self, map_in_own_context));
}

static int map_file(FIXTURE_DATA(memcg) * self)
{
	int file = must(errno_of(memfd_create("memcg_test", MFD_CLOEXEC)));

	must(errno_of(ftruncate(file, LENGTH)));
	return ioas_map_file_fixed(self->space.iommufd, self->space.ioas_id,
				   file, 0, LENGTH, IOVA) ? 1 : 0;
}

/* The mapping keeps the file when its last user is gone. */
TEST_F_TIMEOUT(memcg, mapper_is_charged_for_pages_of_a_file, TEST_SECONDS)
{
	ASSERT_EQ(0, run_in_group(self, map_file));
	EXPECT_LE(LENGTH, cgroup_stat(self->cgroup, "shmem"));
	must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id, NULL));
	EXPECT_EQ(0, cgroup_stat(self->cgroup, "shmem"));
}

static int map_anonymous(FIXTURE_DATA(memcg) * self)
{
	char *memory = memory_alloc(LENGTH);

	return ioas_map_fixed(self->space.iommufd, self->space.ioas_id, memory,
			      LENGTH, IOVA) ? 1 : 0;
}

/* They stay when the process is gone, and nobody has them in a page table. */
TEST_F_TIMEOUT(memcg, mapper_is_charged_for_pages_of_its_own, TEST_SECONDS)
{
	ASSERT_EQ(0, run_in_group(self, map_anonymous));
	EXPECT_LE(LENGTH, cgroup_current(self->cgroup));
	must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id, NULL));
	EXPECT_GT(LENGTH, cgroup_current(self->cgroup));
}

static int map_without_end(FIXTURE_DATA(memcg) * self)
{
	return map_pages(self, ULONG_MAX) == -ENOMEM ? 0 : 1;
}

/* It runs out of memory, or is killed for it: what there is stays whole. */
TEST_F_TIMEOUT(memcg, mapper_stays_within_its_limit, TEST_SECONDS)
{
	char limit[16];
	__u64 removed;
	int status;

	snprintf(limit, sizeof(limit), "%d", LIMIT);
	must(cgroup_write(self->cgroup, "memory.max", limit));
	status = run_in_group(self, map_without_end);
	EXPECT_TRUE(!status ||
		    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	EXPECT_GE(LIMIT, cgroup_stat(self->cgroup, "kernel"));
	must(ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
			    &removed));
	EXPECT_LT(0, removed);
	EXPECT_EQ(self->pins, machine_pins());
	EXPECT_GT(SLACK, cgroup_stat(self->cgroup, "kernel"));
}

TEST_HARNESS_MAIN
