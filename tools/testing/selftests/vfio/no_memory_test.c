// SPDX-License-Identifier: GPL-2.0
/*
 * What takes memory away from a device must not need memory: an unmap, a
 * detach and a close are complete while none is to be had. What gives some to
 * it may fail, also because the IOMMU refuses it, and leaves everything as it
 * was. What the IOMMU does not take away stays pinned.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/fault_injection.h"

#define IOVA 0x100000ULL
#define PAGES 16
#define LENGTH (PAGES * PAGE_SIZE)
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000
/* More than any call makes of a virtio-iommu */
#define REQUESTS_MAX (4 * PAGES)

struct scene {
	struct bound_device bound;
	struct edu edu;
	/* mapped at the same address there, and in bound.ioas_id */
	__u32 other_id;
	char *other;
	char *memory;
};

FIXTURE(no_memory)
{
	struct scene scene;
};

FIXTURE_SETUP(no_memory)
{
	struct scene *scene = &self->scene;

	need(faults_exist(), "fault injection");
	need(edu_open_attached(&scene->edu, &scene->bound),
	     "an edu device alone in its group");
	must(ioas_alloc(scene->bound.iommufd, &scene->other_id));
	scene->memory = memory_alloc(LENGTH);
	scene->other = memory_alloc(LENGTH);
	must(ioas_map_fixed(scene->bound.iommufd, scene->other_id, scene->other,
			    LENGTH, IOVA));
}

FIXTURE_TEARDOWN(no_memory)
{
	edu_close(&self->scene.edu, &self->scene.bound);
	EXPECT_EQ(0, pages_pinned());
}

static int map(struct scene *scene, unsigned int page, unsigned int pages)
{
	return ioas_map_fixed(scene->bound.iommufd, scene->bound.ioas_id,
			      scene->memory + page * PAGE_SIZE,
			      pages * PAGE_SIZE, IOVA + page * PAGE_SIZE);
}

static int unmap(struct scene *scene, unsigned int page, unsigned int pages)
{
	int ret;

	faults_short_of_memory(true);
	ret = ioas_unmap(scene->bound.iommufd, scene->bound.ioas_id,
			 IOVA + page * PAGE_SIZE, pages * PAGE_SIZE, NULL);
	faults_short_of_memory(false);
	return ret;
}

static bool page_is_reached(struct scene *scene, unsigned int page)
{
	return edu_reaches(&scene->edu, IOVA + page * PAGE_SIZE,
			   scene->memory + page * PAGE_SIZE, PAGE_SIZE);
}

/* The device writes to each page, or some of them, and @memory stays the same. */
static bool nothing_arrives_at(struct scene *scene, char *memory,
			       unsigned int step)
{
	unsigned int i;

	memory_fill(memory, LENGTH, UNTOUCHED);
	for (i = 0; i < PAGES; i += step)
		if (edu_dma_write(&scene->edu, IOVA + i * PAGE_SIZE, 0,
				  EDU_DMA_MAX))
			return false;
	return memory_matches(memory, LENGTH, UNTOUCHED);
}

static bool nothing_arrives(struct scene *scene, char *memory)
{
	return nothing_arrives_at(scene, memory, 1);
}

/*
 * To switch tables most IOMMU drivers of 6.1 need some, and the IOMMU core
 * warns when there is none. Not so that of the virtio-iommu.
 */
#define need_no_memory(bdf)                                            \
	do {                                                           \
		if (!pci_iommu_is_virtio(bdf))                         \
			SKIP(return, "the IOMMU driver needs memory"); \
	} while (0)

TEST_F_TIMEOUT(no_memory, unmapped_page_is_out_of_reach, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		must(map(scene, 0, PAGES));
		EXPECT_TRUE(page_is_reached(scene, PAGES - 1));
		EXPECT_EQ(0, unmap(scene, 0, PAGES));
		EXPECT_TRUE(nothing_arrives(scene, scene->memory));
		EXPECT_EQ(0, pages_pinned());
	}
}

TEST_F_TIMEOUT(no_memory, neighbours_of_an_unmapped_page_stay, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		must(map(scene, i, 1));
	EXPECT_EQ(0, unmap(scene, 5, 6));
	memory_fill(scene->memory, LENGTH, UNTOUCHED);
	for (i = 5; i < 11; i++)
		EXPECT_EQ(0, edu_dma_write(&scene->edu, IOVA + i * PAGE_SIZE, 0,
					   EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(scene->memory, LENGTH, UNTOUCHED));
	EXPECT_TRUE(page_is_reached(scene, 4));
	EXPECT_TRUE(page_is_reached(scene, 11));
	EXPECT_EQ(PAGES - 6, pages_pinned());
	/* The addresses are free, for the next one to have. */
	must(map(scene, 5, 6));
	EXPECT_TRUE(page_is_reached(scene, 5));
	EXPECT_EQ(0, unmap(scene, 0, PAGES));
	EXPECT_TRUE(nothing_arrives(scene, scene->memory));
}

TEST_F_TIMEOUT(no_memory, unmap_of_all_is_complete, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	unsigned int i;
	int ret;

	for (i = 0; i < PAGES; i += 2)
		must(map(scene, i, 1));
	faults_short_of_memory(true);
	ret = ioas_unmap_all(scene->bound.iommufd, scene->bound.ioas_id, NULL);
	faults_short_of_memory(false);
	EXPECT_EQ(0, ret);
	EXPECT_TRUE(nothing_arrives(scene, scene->memory));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(no_memory, detached_device_reaches_nothing, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	int ret;

	need_no_memory(self->scene.bound.bdf);
	must(map(scene, 0, PAGES));
	EXPECT_TRUE(page_is_reached(scene, 0));
	faults_short_of_memory(true);
	ret = vfio_detach(scene->bound.device);
	faults_short_of_memory(false);
	EXPECT_EQ(0, ret);
	EXPECT_TRUE(nothing_arrives(scene, scene->memory));
	EXPECT_EQ(0, pages_pinned());
	must(vfio_attach_to(scene->bound.device, scene->bound.ioas_id));
	EXPECT_TRUE(page_is_reached(scene, PAGES - 1));
}

TEST_F_TIMEOUT(no_memory, device_moves_from_table_to_table, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	int device = scene->bound.device;
	int ret[2];

	need_no_memory(self->scene.bound.bdf);
	must(map(scene, 0, PAGES));
	faults_short_of_memory(true);
	ret[0] = vfio_attach_to(device, scene->other_id);
	faults_short_of_memory(false);
	EXPECT_EQ(0, ret[0]);
	EXPECT_TRUE(edu_reaches(&scene->edu, IOVA, scene->other, LENGTH));
	EXPECT_TRUE(nothing_arrives(scene, scene->memory));
	faults_short_of_memory(true);
	ret[0] = vfio_detach(device);
	ret[1] = vfio_attach_to(device, scene->bound.ioas_id);
	faults_short_of_memory(false);
	EXPECT_EQ(0, ret[0]);
	EXPECT_EQ(0, ret[1]);
	EXPECT_TRUE(page_is_reached(scene, 0));
	EXPECT_TRUE(nothing_arrives(scene, scene->other));
}

TEST_F_TIMEOUT(no_memory, closed_device_is_free_for_the_next, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	__u32 dev_id;
	int ret;

	need_no_memory(self->scene.bound.bdf);
	must(map(scene, 0, PAGES));
	edu_stop(&scene->edu);
	faults_short_of_memory(true);
	ret = close(scene->bound.device);
	faults_short_of_memory(false);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, pages_pinned());
	scene->bound.device = must(vfio_cdev_open(scene->bound.bdf));
	must(vfio_bind(scene->bound.device, scene->bound.iommufd, &dev_id));
	must(vfio_attach_to(scene->bound.device, scene->bound.ioas_id));
	must(edu_start(&scene->edu, scene->bound.device));
	EXPECT_TRUE(page_is_reached(scene, 0));
}

static void prepare_attached(struct scene *scene)
{
	must(vfio_attach_to(scene->bound.device, scene->bound.ioas_id));
}

static int run_detach(struct scene *scene)
{
	return vfio_detach(scene->bound.device);
}

/* Either there or where it was */
static int run_replace(struct scene *scene)
{
	int ret = vfio_attach_to(scene->bound.device, scene->other_id);

	if (ret && !edu_reaches(&scene->edu, IOVA, scene->memory, LENGTH))
		return -ENODATA;
	return ret;
}

static const struct fault_step steps[] = {
	{ "DETACH", run_detach, prepare_attached },
	{ "replace", run_replace, prepare_attached },
};

/* Here every allocation may fail, those that may wait as well. */
TEST_F_TIMEOUT(no_memory, every_call_recovers, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	int faults = must(faults_open());
	unsigned int i;

	need_no_memory(self->scene.bound.bdf);
	must(map(scene, 0, PAGES));
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		int sites = faults_sweep(faults, scene, &steps[i]);

		EXPECT_LE(0, sites)
		{
			TH_LOG("%s: %s", steps[i].name, strerror(-sites));
		}
		printf("# %s: %d faults\n", steps[i].name, sites);
		fflush(stdout);
	}
	EXPECT_TRUE(edu_reaches(&scene->edu, IOVA, scene->other, LENGTH));
}

/* A page at a time: the device is told of each of them. */
static void map_pages(struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		must(map(scene, i, 1));
}

TEST_F_TIMEOUT(no_memory, refused_attach_leaves_the_device_detached,
	       TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	int device = scene->bound.device;
	unsigned int n;
	bool refused;
	int ret;

	need_no_memory(self->scene.bound.bdf);
	need(faults_refusal_exists(), "refusals of the virtio-iommu");
	map_pages(scene);
	for (n = 0; n < REQUESTS_MAX; n++) {
		must(vfio_detach(device));
		faults_refuse(n);
		ret = vfio_attach_to(device, scene->bound.ioas_id);
		refused = faults_refused();
		if (!refused)
			break;
		EXPECT_GT(0, ret);
		EXPECT_TRUE(nothing_arrives_at(scene, scene->memory, PAGES / 3));
		EXPECT_EQ(0, pages_pinned());
		ret = vfio_attach_to(device, scene->bound.ioas_id);
		EXPECT_EQ(0, ret);
		EXPECT_TRUE(page_is_reached(scene, n % PAGES));
	}
	EXPECT_EQ(0, ret);
	EXPECT_FALSE(refused);
	/* The attach itself, and the pages */
	EXPECT_LT(PAGES, n);
}

TEST_F_TIMEOUT(no_memory, refused_mapping_is_not_there, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	unsigned int n;
	bool refused;
	int ret;

	need_no_memory(self->scene.bound.bdf);
	need(faults_refusal_exists(), "refusals of the virtio-iommu");
	/* A request for each page */
	must(option_set(scene->bound.iommufd, IOMMU_OPTION_HUGE_PAGES,
			scene->bound.ioas_id, 0));
	for (n = 0; n < REQUESTS_MAX; n++) {
		faults_refuse(n);
		ret = map(scene, 0, PAGES);
		refused = faults_refused();
		if (!refused)
			break;
		EXPECT_GT(0, ret);
		EXPECT_EQ(0, pages_pinned());
		EXPECT_TRUE(nothing_arrives_at(scene, scene->memory, PAGES / 3));
	}
	EXPECT_EQ(0, ret);
	EXPECT_EQ(PAGES, n);
	EXPECT_TRUE(page_is_reached(scene, 0));
	EXPECT_TRUE(page_is_reached(scene, PAGES - 1));
}

/* A device that may still reach memory does no harm while that is pinned. */
TEST_F_TIMEOUT(no_memory, refused_unmap_leaves_the_memory_pinned, TEST_SECONDS)
{
	struct scene *scene = &self->scene;
	int device = scene->bound.device;
	int ret;

	need_no_memory(self->scene.bound.bdf);
	need(faults_refusal_exists(), "refusals of the virtio-iommu");
	must(map(scene, 0, PAGES));
	faults_refuse(0);
	ret = ioas_unmap(scene->bound.iommufd, scene->bound.ioas_id, IOVA,
			 LENGTH, NULL);
	EXPECT_TRUE(faults_refused());
	EXPECT_EQ(-EIO, ret);
	EXPECT_TRUE(page_is_reached(scene, PAGES - 1));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(-EIO, unmap(scene, 0, PAGES));
	EXPECT_EQ(-EEXIST, map(scene, 0, PAGES));
	must(vfio_detach(device));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(nothing_arrives(scene, scene->memory));
	must(vfio_attach_to(device, scene->bound.ioas_id));
	must(map(scene, 0, PAGES));
	EXPECT_TRUE(page_is_reached(scene, PAGES - 1));
}

TEST_HARNESS_MAIN
