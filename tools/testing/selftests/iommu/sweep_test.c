// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of /dev/iommu, and of drivers on it, while its allocations fail,
 * see fault_injection.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "lib/fault_injection.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define FAR (MOCK_APERTURE + 0x4000000)
#define PAGES 40
#define LENGTH (PAGES * PAGE_SIZE)
/* More runs than the kernel records in a page */
#define SCATTERED 600

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
	char *scattered;
	/* of the step */
	__u32 id;
	int fd;
};

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

/* The first object of a context: the number takes memory, too. */
static void prepare_first(struct scene *scene)
{
	must(run_open(scene));
}

static int run_first(struct scene *scene)
{
	return ioas_alloc(scene->fd, &scene->id);
}

static void destroy_id(struct scene *scene)
{
	must(iommufd_destroy(scene->iommufd, scene->id));
}

static int run_dma_fault_queue(struct scene *scene)
{
	scene->fd = dma_fault_queue(scene->iommufd, 100, &scene->id);
	return scene->fd < 0 ? scene->fd : 0;
}

static void undo_dma_fault_queue(struct scene *scene)
{
	close_fd(scene);
	destroy_id(scene);
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

/* No two of the pages are neighbours. */
static int run_map_scattered(struct scene *scene)
{
	return ioas_map_fixed(scene->iommufd, scene->attached, scene->scattered,
			      SCATTERED * PAGE_SIZE, FAR);
}

static void undo_map_scattered(struct scene *scene)
{
	must(ioas_unmap(scene->iommufd, scene->attached, FAR,
			SCATTERED * PAGE_SIZE, NULL));
}

static void prepare_second_table(struct scene *scene)
{
	must(hwpt_alloc(scene->iommufd, scene->mock.dev_id, scene->attached,
			&scene->id));
}

static void undo_second_table(struct scene *scene)
{
	unmap_far(scene);
	must(iommufd_destroy(scene->iommufd, scene->id));
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

/* Three mappings side by side */
static void prepare_several(struct scene *scene)
{
	unsigned int i;

	must(ioas_alloc(scene->iommufd, &scene->id));
	for (i = 0; i < 3; i++)
		must(map(scene, scene->id, IOVA + i * LENGTH));
}

static int run_copy_several(struct scene *scene)
{
	return ioas_copy_fixed(scene->iommufd, scene->attached, FAR, scene->id,
			       IOVA, 3 * LENGTH);
}

static void undo_copy_several(struct scene *scene)
{
	must(ioas_unmap(scene->iommufd, scene->attached, FAR, 3 * LENGTH,
			NULL));
	must(iommufd_destroy(scene->iommufd, scene->id));
}

static int run_attach_several(struct scene *scene)
{
	return mock_create(scene->iommufd, scene->id, &scene->other);
}

static void undo_attach_several(struct scene *scene)
{
	must(iommufd_destroy(scene->iommufd, scene->other.id));
	must(iommufd_destroy(scene->iommufd, scene->id));
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

static int run_hwpt_alloc_tracking(struct scene *scene)
{
	return hwpt_alloc_flags(scene->iommufd, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				scene->mock.dev_id, scene->attached,
				&scene->id);
}

static int run_track(struct scene *scene)
{
	return hwpt_track(scene->iommufd, scene->id, true);
}

static void prepare_tracking(struct scene *scene)
{
	must(run_hwpt_alloc_tracking(scene));
}

static void prepare_dirty(struct scene *scene)
{
	const __u8 bits = 0xa5;

	prepare_tracking(scene);
	must(run_track(scene));
	must(mock_write(scene->iommufd, scene->id, IOVA, 8 * PAGE_SIZE,
			PAGE_SIZE, &bits) == 4 ? 0 : -EIO);
}

/* A call that failed has set no bit, or all of them. */
static int run_dirty(struct scene *scene)
{
	static __u8 bits;
	int ret = hwpt_dirty(scene->iommufd, scene->id, 0, IOVA, 8 * PAGE_SIZE,
			     PAGE_SIZE, &bits);

	if (!ret && bits != 0xa5)
		return -EIO;
	return ret;
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

/* Of three mappings, the one in the middle as a whole */
static void prepare_pin_several(struct scene *scene)
{
	must(map(scene, scene->bare, IOVA + LENGTH));
	must(map(scene, scene->bare, IOVA + 2 * LENGTH));
}

static int run_pin_several(struct scene *scene)
{
	return access_pin(scene->iommufd, scene->access,
			  IOVA + LENGTH - PAGE_SIZE, LENGTH + 2 * PAGE_SIZE,
			  NULL, MOCK_FLAGS_ACCESS_WRITE, &scene->id);
}

static void undo_pin_several(struct scene *scene)
{
	must(access_unpin(scene->iommufd, scene->access, scene->id));
	must(ioas_unmap(scene->iommufd, scene->bare, IOVA + LENGTH, 2 * LENGTH,
			NULL));
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

static const struct fault_step steps[] = {
	{ "open", run_open, NULL, close_fd },
	{ "IOAS_ALLOC", run_ioas_alloc, NULL, destroy_id },
	{ "DMA_FAULT_QUEUE", run_dma_fault_queue, NULL, undo_dma_fault_queue },
	{ "the first IOAS_ALLOC", run_first, prepare_first, close_fd },
	{ "IOVA_RANGES", run_ranges },
	{ "ALLOW_IOVAS", run_allow, NULL, undo_allow },
	{ "MAP", run_map, NULL, unmap_far },
	{ "MAP without a table", run_map_bare, NULL, undo_map_bare },
	{ "MAP of new pages", run_map_new, NULL, unmap_far },
	{ "MAP of scattered pages", run_map_scattered, NULL,
	  undo_map_scattered },
	{ "MAP into two tables", run_map, prepare_second_table,
	  undo_second_table },
	{ "MAP_FILE", run_map_file, NULL, undo_map_file },
	{ "COPY", run_copy, NULL, unmap_far },
	{ "COPY of a part", run_copy_part, NULL, undo_copy_part },
	{ "COPY of several", run_copy_several, prepare_several,
	  undo_copy_several },
	{ "UNMAP", run_unmap, prepare_far, NULL, true, -ENOENT },
	{ "OPTION", run_option },
	{ "VFIO_IOAS", run_vfio_ioas },
	{ "GET_HW_INFO", run_hw_info },
	{ "HWPT_ALLOC", run_hwpt_alloc, NULL, destroy_id },
	{ "HWPT_ALLOC that pins", run_hwpt_alloc_bare, NULL, destroy_id },
	{ "HWPT_ALLOC that tracks", run_hwpt_alloc_tracking, NULL, destroy_id },
	{ "SET_DIRTY_TRACKING", run_track, prepare_tracking, destroy_id },
	{ "GET_DIRTY_BITMAP", run_dirty, prepare_dirty, destroy_id },
	{ "attach", run_attach, NULL, destroy_other },
	{ "attach to what is attached", run_attach_same, NULL, destroy_other },
	{ "attach to several mappings", run_attach_several, prepare_several,
	  undo_attach_several },
	{ "replace", run_replace, prepare_other, destroy_other, true },
	{ "DESTROY", run_destroy, prepare_id },
	{ "reserve", run_reserve },
	{ "access", run_access_create, NULL, close_fd },
	{ "access to another IOAS", run_access_move, NULL, undo_access_move },
	{ "pin", run_pin, NULL, undo_pin },
	{ "pin across mappings", run_pin_several, prepare_pin_several,
	  undo_pin_several },
	{ "read", run_read },
	{ "write", run_write },
	{ "CHANGE_PROCESS", run_change, prepare_change, undo_change },
	{ "MAP_DMA", run_container_map, prepare_container, undo_container },
	{ "UNMAP_DMA", run_container_unmap, prepare_container_map,
	  undo_container, true },
	{ "GET_INFO", run_container_info },
};

/* Pages of a file in reverse */
static char *memory_scattered(void)
{
	const int fd = must(errno_of(memfd_create("sweep_test", 0)));
	char *memory = memory_alloc(SCATTERED * PAGE_SIZE);
	unsigned int i;

	must(errno_of(ftruncate(fd, SCATTERED * PAGE_SIZE)));
	for (i = 0; i < SCATTERED; i++)
		must(mmap(memory + i * PAGE_SIZE, PAGE_SIZE,
			  PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
			  (SCATTERED - 1 - i) * PAGE_SIZE) == MAP_FAILED ?
			     -errno : 0);
	must(errno_of(close(fd)));
	return memory;
}

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
	scene->file = must(errno_of(memfd_create("sweep_test", 0)));
	must(errno_of(ftruncate(scene->file, LENGTH)));
	scene->memory = memory_alloc(LENGTH);
	scene->scattered = memory_scattered();
	/* With a limit, VmLck tells what is charged. */
	limit_locked_pages(10 * PAGES + SCATTERED);
	must(map(scene, scene->attached, IOVA));
	must(map(scene, scene->bare, IOVA));
}

FIXTURE(sweep)
{
	struct scene scene;
	int faults;
};

FIXTURE_SETUP(sweep)
{
	need(mock_exists(), "the mock IOMMU");
	need(faults_exist(), "fault injection");
	self->faults = must(faults_open());
	scene_open(&self->scene);
}

FIXTURE_TEARDOWN(sweep)
{
	must(errno_of(close(self->scene.access)));
	EXPECT_EQ(0, close(self->scene.iommufd));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, pages_locked());
}

TEST_F_TIMEOUT(sweep, every_call_recovers, 2 * TEST_SECONDS)
{
	const unsigned long pinned = pages_pinned();
	unsigned int all = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		int sites = faults_sweep(self->faults, &self->scene,
					 &steps[i]);

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
