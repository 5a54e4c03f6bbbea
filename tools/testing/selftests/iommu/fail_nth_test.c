// SPDX-License-Identifier: GPL-2.0
/*
 * Every call while, one after the other, each allocation and each copy from or
 * to the user that it makes fails.
 *
 * A call that fails leaves nothing pinned and nothing charged, and succeeds
 * when it is made again. Needs CONFIG_FAULT_INJECTION with failslab and the
 * others, and /proc/self/task/TID/fail-nth.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define FAR (MOCK_APERTURE + 0x4000000)
#define PAGES 40
#define LENGTH (PAGES * PAGE_SIZE)
#define DEBUGFS "/sys/kernel/debug"
/* No call has more sites; one that never ends must not pass. */
#define SITES_MAX 2000
#define SWEEP_SECONDS 240

/* A context of three IOASes: with a table, without, and with nothing mapped */
struct scene {
	int iommufd;
	__u32 attached;
	__u32 bare;
	__u32 empty;
	struct mock mock;
	struct mock other;
	int access;
	int file;
	char *memory;
	/* of the step */
	__u32 id;
	int fd;
};

struct step {
	const char *name;
	/* the call; once more after it failed */
	int (*run)(struct scene *scene);
	/* may be NULL */
	void (*prepare)(struct scene *scene);
	void (*undo)(struct scene *scene);
	/* The reply comes last: a call whose reply fails has done its work. */
	bool reply_is_last;
	/* then the next one says this */
	int repeated;
};

static void write_setting(const char *directory, const char *name,
			  const char *value)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", directory, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	must(errno_of(write(fd, value, strlen(value))));
	must(errno_of(close(fd)));
}

/* Every fail* directory: quiet, and also where the kernel may wait. */
static void prepare_injection(void)
{
	DIR *debugfs = opendir(DEBUGFS);
	struct dirent *entry;

	must(debugfs ? 0 : -errno);
	while ((entry = readdir(debugfs))) {
		if (strncmp(entry->d_name, "fail", 4))
			continue;
		write_setting(entry->d_name, "verbose", "0");
		write_setting(entry->d_name, "ignore-gfp-wait", "N");
		write_setting(entry->d_name, "ignore-gfp-highmem", "N");
		write_setting(entry->d_name, "min-order", "0");
	}
	closedir(debugfs);
}

static int open_fail_nth(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth",
		 syscall(SYS_gettid));
	return open(path, O_RDWR | O_CLOEXEC);
}

static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	/* What is armed still may strike here. */
	while (pwrite(fd, text, length, 0) != length)
		must(errno == EFAULT || errno == ENOMEM ? 0 : -errno);
}

/* Was the site reached? Disarms. */
static bool has_failed(int fd)
{
	char text[16] = { 0 };
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	/* Not by the call but by this one: the copy of what it reads failed. */
	if (length < 0)
		return false;
	fail_nth(fd, 0);
	return !strcmp(text, "0\n");
}

static int map(struct scene *scene, __u32 ioas_id, __u64 iova)
{
	return ioas_map_fixed(scene->iommufd, ioas_id, scene->memory, LENGTH,
			      iova);
}

static void unmap_far(struct scene *scene)
{
	must(ioas_unmap(scene->iommufd, scene->attached, FAR, LENGTH, NULL));
}

static int run_open(struct scene *scene)
{
	scene->fd = iommufd_open();
	return scene->fd;
}

static void close_fd(struct scene *scene)
{
	must(errno_of(close(scene->fd)));
}

static int run_ioas_alloc(struct scene *scene)
{
	return ioas_alloc(scene->iommufd, &scene->id);
}

static void destroy_id(struct scene *scene)
{
	must(iommufd_destroy(scene->iommufd, scene->id));
}

static int run_ranges(struct scene *scene)
{
	struct iommu_iova_range ranges[4];
	__u32 count = ARRAY_SIZE(ranges);
	__u64 alignment;

	return ioas_iova_ranges(scene->iommufd, scene->attached, ranges, &count,
				&alignment);
}

static int run_allow(struct scene *scene)
{
	const struct iommu_iova_range ranges[] = {
		{ IOVA, IOVA + LENGTH },
		{ FAR, FAR + LENGTH },
		{ FAR + 2 * LENGTH, FAR + 3 * LENGTH },
	};

	return ioas_allow_iovas(scene->iommufd, scene->attached, ranges,
				ARRAY_SIZE(ranges));
}

static void undo_allow(struct scene *scene)
{
	must(ioas_allow_iovas(scene->iommufd, scene->attached, NULL, 0));
}

static int run_map(struct scene *scene)
{
	return map(scene, scene->attached, FAR);
}

static int run_map_bare(struct scene *scene)
{
	return map(scene, scene->bare, FAR);
}

static void undo_map_bare(struct scene *scene)
{
	must(ioas_unmap(scene->iommufd, scene->bare, FAR, LENGTH, NULL));
}

/* The pages are not there yet. */
static int run_map_new(struct scene *scene)
{
	must(errno_of(madvise(scene->memory, LENGTH, MADV_DONTNEED)));
	return map(scene, scene->attached, FAR);
}

static int run_map_file(struct scene *scene)
{
	return ioas_map_file_fixed(scene->iommufd, scene->attached, scene->file,
				   0, LENGTH, FAR);
}

static void undo_map_file(struct scene *scene)
{
	unmap_far(scene);
	must(errno_of(ftruncate(scene->file, 0)));
	must(errno_of(ftruncate(scene->file, LENGTH)));
}

static int run_copy(struct scene *scene)
{
	return ioas_copy_fixed(scene->iommufd, scene->attached, FAR,
			       scene->bare, IOVA, LENGTH);
}

/* Cuts what is pinned already in three. */
static int run_copy_part(struct scene *scene)
{
	return ioas_copy_fixed(scene->iommufd, scene->attached, FAR,
			       scene->attached, IOVA + 5 * PAGE_SIZE,
			       7 * PAGE_SIZE);
}

static void undo_copy_part(struct scene *scene)
{
	must(ioas_unmap(scene->iommufd, scene->attached, FAR, 7 * PAGE_SIZE,
			NULL));
}

static void prepare_far(struct scene *scene)
{
	must(map(scene, scene->attached, FAR));
}

static int run_unmap(struct scene *scene)
{
	return ioas_unmap(scene->iommufd, scene->attached, FAR, LENGTH, NULL);
}

static int run_option(struct scene *scene)
{
	return option_set(scene->iommufd, IOMMU_OPTION_HUGE_PAGES, scene->bare,
			  1);
}

static int run_vfio_ioas(struct scene *scene)
{
	return vfio_ioas_get(scene->iommufd, &scene->id);
}

static int run_hw_info(struct scene *scene)
{
	struct iommu_test_hw_info info;
	__u32 length = sizeof(info), type;

	return device_hw_info(scene->iommufd, scene->mock.dev_id, &info,
			      &length, &type);
}

static int run_hwpt_alloc(struct scene *scene)
{
	return hwpt_alloc(scene->iommufd, scene->mock.dev_id, scene->attached,
			  &scene->id);
}

static int run_hwpt_alloc_bare(struct scene *scene)
{
	return hwpt_alloc(scene->iommufd, scene->mock.dev_id, scene->bare,
			  &scene->id);
}

static int run_attach(struct scene *scene)
{
	return mock_create(scene->iommufd, scene->bare, &scene->other);
}

static int run_attach_same(struct scene *scene)
{
	return mock_create(scene->iommufd, scene->attached, &scene->other);
}

static void destroy_other(struct scene *scene)
{
	must(iommufd_destroy(scene->iommufd, scene->other.id));
}

static void prepare_other(struct scene *scene)
{
	must(mock_create(scene->iommufd, scene->empty, &scene->other));
}

static int run_replace(struct scene *scene)
{
	return mock_replace(scene->iommufd, &scene->other, scene->bare);
}

static void prepare_id(struct scene *scene)
{
	must(ioas_alloc(scene->iommufd, &scene->id));
	must(ioas_map_fixed(scene->iommufd, scene->id, scene->memory, LENGTH,
			    IOVA));
}

static int run_destroy(struct scene *scene)
{
	return iommufd_destroy(scene->iommufd, scene->id);
}

static int run_reserve(struct scene *scene)
{
	return mock_reserve(scene->iommufd, scene->bare, FAR, PAGE_SIZE);
}

static int run_access_create(struct scene *scene)
{
	scene->fd = access_create_pinning(scene->iommufd, scene->attached);
	return scene->fd;
}

static int run_access_move(struct scene *scene)
{
	return access_move(scene->iommufd, scene->access, scene->empty);
}

static void undo_access_move(struct scene *scene)
{
	must(access_move(scene->iommufd, scene->access, scene->bare));
}

static int run_pin(struct scene *scene)
{
	return access_pin(scene->iommufd, scene->access, IOVA + PAGE_SIZE,
			  LENGTH - 2 * PAGE_SIZE, NULL, MOCK_FLAGS_ACCESS_WRITE,
			  &scene->id);
}

static void undo_pin(struct scene *scene)
{
	must(access_unpin(scene->iommufd, scene->access, scene->id));
}

static int run_read(struct scene *scene)
{
	static char data[3 * 4096];

	return access_read(scene->iommufd, scene->access, IOVA + 5, data,
			   sizeof(data));
}

static int run_write(struct scene *scene)
{
	static char data[3 * 4096];

	return access_write(scene->iommufd, scene->access, IOVA + 5, data,
			    sizeof(data));
}

/* Needs that only memory of files is mapped. */
static void prepare_change(struct scene *scene)
{
	must(ioas_unmap_all(scene->iommufd, scene->attached, NULL));
	must(ioas_unmap_all(scene->iommufd, scene->bare, NULL));
	must(run_map_file(scene));
}

static int run_change(struct scene *scene)
{
	return ioas_change_process(scene->iommufd);
}

static void undo_change(struct scene *scene)
{
	unmap_far(scene);
	must(map(scene, scene->attached, IOVA));
	must(map(scene, scene->bare, IOVA));
}

/* The container is the IOAS without a table; here it is one of small pages. */
static void prepare_container(struct scene *scene)
{
	must(ioas_alloc(scene->iommufd, &scene->id));
	must(vfio_ioas_set(scene->iommufd, scene->id));
	must(errno_of(ioctl(scene->iommufd, VFIO_SET_IOMMU,
			    VFIO_TYPE1_IOMMU)));
	must(mock_create(scene->iommufd, scene->id, &scene->other));
}

static void undo_container(struct scene *scene)
{
	must(iommufd_destroy(scene->iommufd, scene->other.id));
	must(iommufd_destroy(scene->iommufd, scene->id));
	must(vfio_ioas_set(scene->iommufd, scene->bare));
}

static int run_container_map(struct scene *scene)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)scene->memory,
		.iova = IOVA,
		.size = LENGTH,
	};

	return errno_of(ioctl(scene->iommufd, VFIO_IOMMU_MAP_DMA, &map));
}

static void prepare_container_map(struct scene *scene)
{
	prepare_container(scene);
	must(run_container_map(scene));
}

/* Of the middle: cut twice. */
static int run_container_unmap(struct scene *scene)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA + 5 * PAGE_SIZE,
		.size = 7 * PAGE_SIZE,
	};

	return errno_of(ioctl(scene->iommufd, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

static int run_container_info(struct scene *scene)
{
	struct {
		struct vfio_iommu_type1_info info;
		__u8 rest[200];
	} reply = { .info.argsz = sizeof(reply) };

	return errno_of(ioctl(scene->iommufd, VFIO_IOMMU_GET_INFO, &reply));
}

static const struct step steps[] = {
	{ "open", run_open, NULL, close_fd },
	{ "IOAS_ALLOC", run_ioas_alloc, NULL, destroy_id },
	{ "IOVA_RANGES", run_ranges },
	{ "ALLOW_IOVAS", run_allow, NULL, undo_allow },
	{ "MAP", run_map, NULL, unmap_far },
	{ "MAP without a table", run_map_bare, NULL, undo_map_bare },
	{ "MAP of new pages", run_map_new, NULL, unmap_far },
	{ "MAP_FILE", run_map_file, NULL, undo_map_file },
	{ "COPY", run_copy, NULL, unmap_far },
	{ "COPY of a part", run_copy_part, NULL, undo_copy_part },
	{ "UNMAP", run_unmap, prepare_far, NULL, true, -ENOENT },
	{ "OPTION", run_option },
	{ "VFIO_IOAS", run_vfio_ioas },
	{ "GET_HW_INFO", run_hw_info },
	{ "HWPT_ALLOC", run_hwpt_alloc, NULL, destroy_id },
	{ "HWPT_ALLOC that pins", run_hwpt_alloc_bare, NULL, destroy_id },
	{ "attach", run_attach, NULL, destroy_other },
	{ "attach to what is attached", run_attach_same, NULL, destroy_other },
	{ "replace", run_replace, prepare_other, destroy_other, true },
	{ "DESTROY", run_destroy, prepare_id },
	{ "reserve", run_reserve },
	{ "access", run_access_create, NULL, close_fd },
	{ "access to another IOAS", run_access_move, NULL, undo_access_move },
	{ "pin", run_pin, NULL, undo_pin },
	{ "read", run_read },
	{ "write", run_write },
	{ "CHANGE_PROCESS", run_change, prepare_change, undo_change },
	{ "MAP_DMA", run_container_map, prepare_container, undo_container },
	{ "UNMAP_DMA", run_container_unmap, prepare_container_map,
	  undo_container, true },
	{ "GET_INFO", run_container_info },
};

static void scene_open(struct scene *scene)
{
	scene->iommufd = must(iommufd_open());
	must(option_set(scene->iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	must(ioas_alloc(scene->iommufd, &scene->attached));
	must(ioas_alloc(scene->iommufd, &scene->bare));
	must(ioas_alloc(scene->iommufd, &scene->empty));
	must(vfio_ioas_set(scene->iommufd, scene->bare));
	must(mock_create(scene->iommufd, scene->attached, &scene->mock));
	scene->access = must(access_create_pinning(scene->iommufd,
						   scene->bare));
	scene->file = must(errno_of(memfd_create("fail_nth_test", 0)));
	must(errno_of(ftruncate(scene->file, LENGTH)));
	scene->memory = memory_alloc(LENGTH);
	/* With a limit, VmLck tells what is charged. */
	limit_locked_pages(10 * PAGES);
	must(map(scene, scene->attached, IOVA));
	must(map(scene, scene->bare, IOVA));
}

FIXTURE(fail_nth)
{
	struct scene scene;
	int fail_nth;
};

FIXTURE_SETUP(fail_nth)
{
	need(mock_exists(), "the mock IOMMU");
	self->fail_nth = open_fail_nth();
	need(self->fail_nth >= 0 && !access(DEBUGFS "/failslab", F_OK),
	     "fault injection");
	prepare_injection();
	scene_open(&self->scene);
}

FIXTURE_TEARDOWN(fail_nth)
{
	must(errno_of(close(self->scene.access)));
	EXPECT_EQ(0, close(self->scene.iommufd));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

/* One site. Return: 1 when it was reached, 0 when not; an errno */
static int fail_site(struct scene *scene, int fd, const struct step *step,
		     unsigned int n)
{
	unsigned long pinned, locked;
	bool failed;
	int ret;

	if (step->prepare)
		step->prepare(scene);
	pinned = pages_pinned();
	locked = pages_locked();
	fail_nth(fd, n);
	ret = step->run(scene);
	failed = has_failed(fd);
	if (ret < 0) {
		if (!failed)
			return ret;
		if (!step->reply_is_last &&
		    (pages_pinned() != pinned || pages_locked() != locked))
			return -ENOTRECOVERABLE;
		ret = step->run(scene);
		if (ret < 0 && ret != step->repeated)
			return ret;
	}
	if (step->undo)
		step->undo(scene);
	return failed;
}

/* Return: how many sites there are; an errno when one of them is not right */
static int fail_sites(struct scene *scene, int fd, const struct step *step)
{
	unsigned int n;

	for (n = 1; n < SITES_MAX; n++) {
		int ret = fail_site(scene, fd, step, n);

		if (ret <= 0)
			return ret ? ret : (int)n - 1;
	}
	return -ELOOP;
}

TEST_F_TIMEOUT(fail_nth, every_call_recovers, SWEEP_SECONDS)
{
	const unsigned long pinned = pages_pinned();
	unsigned int all = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		int sites = fail_sites(&self->scene, self->fail_nth, &steps[i]);

		EXPECT_LT(0, sites)
		{
			TH_LOG("%s: %s", steps[i].name, strerror(-sites));
		}
		printf("# %s: %d faults\n", steps[i].name, sites);
		all += sites > 0 ? sites : 0;
		ASSERT_EQ(pinned, pages_pinned())
		{
			TH_LOG("%s", steps[i].name);
		}
	}
	printf("# %u faults in all\n", all);
	fflush(stdout);
}

TEST_HARNESS_MAIN
