// SPDX-License-Identifier: GPL-2.0
/*
 * Every call on a VFIO device that has to do with iommufd, through its cdev and
 * through its group, while its allocations fail, see fault_injection.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/fault_injection.h"

#define IOVA 0x100000ULL
#define PAGES 40
#define LENGTH (PAGES * PAGE_SIZE)
#define COOKIE 0xc0ffee00c0ffeeULL

struct scene {
	struct pci_device pci;
	int iommufd;
	/* with something to pin */
	__u32 ioas_id;
	/* of the step */
	int group;
	int device;
};

static int run_open(struct scene *scene)
{
	scene->device = vfio_cdev_open(scene->pci.bdf);
	return scene->device < 0 ? scene->device : 0;
}

static void prepare_open(struct scene *scene)
{
	must(run_open(scene));
}

static void close_device(struct scene *scene)
{
	must(errno_of(close(scene->device)));
}

static int run_bind(struct scene *scene)
{
	__u32 dev_id;

	return vfio_bind_cookie(scene->device, scene->iommufd, COOKIE, &dev_id);
}

static void prepare_bind(struct scene *scene)
{
	prepare_open(scene);
	must(run_bind(scene));
}

static int run_attach(struct scene *scene)
{
	return vfio_attach_to(scene->device, scene->ioas_id);
}

static int run_group_open(struct scene *scene)
{
	scene->group = vfio_group_open(scene->pci.group);
	return scene->group < 0 ? scene->group : 0;
}

static void close_group(struct scene *scene)
{
	must(errno_of(close(scene->group)));
}

static void prepare_group(struct scene *scene)
{
	must(run_group_open(scene));
	must(vfio_ioas_clear(scene->iommufd));
}

static int run_group_set(struct scene *scene)
{
	return vfio_group_set_container(scene->group, scene->iommufd);
}

/* The IOAS was made by the call. */
static void undo_group_set(struct scene *scene)
{
	__u32 ioas_id;

	must(vfio_ioas_get(scene->iommufd, &ioas_id));
	close_group(scene);
	must(iommufd_destroy(scene->iommufd, ioas_id));
}

static void prepare_group_set(struct scene *scene)
{
	must(vfio_ioas_set(scene->iommufd, scene->ioas_id));
	must(run_group_open(scene));
	must(run_group_set(scene));
}

static int run_group_device(struct scene *scene)
{
	scene->device = vfio_group_device(scene->group, scene->pci.bdf);
	return scene->device < 0 ? scene->device : 0;
}

static void close_both(struct scene *scene)
{
	close_device(scene);
	close_group(scene);
}

/*
 * Without DETACH and replace: the IOMMU drivers of 6.1 need memory to block a
 * device's DMA, and the IOMMU core warns when there is none.
 */
static const struct fault_step steps[] = {
	{ "open", run_open, NULL, close_device },
	{ "BIND", run_bind, prepare_open, close_device },
	{ "ATTACH", run_attach, prepare_bind, close_device },
	{ "open of the group", run_group_open, NULL, close_group },
	{ "SET_CONTAINER", run_group_set, prepare_group, undo_group_set },
	{ "GET_DEVICE_FD", run_group_device, prepare_group_set, close_both },
};

/*
 * Count the device as enabled while no driver has it, so that its driver has
 * nothing to enable: the ACPI interpreter of 6.1 uses what it has freed when
 * it runs out of memory.
 */
static void enable(const char *bdf, const char *value)
{
	must(pci_driver_write("vfio-pci", "unbind", bdf));
	must(pci_write(bdf, "enable", value));
	must(pci_driver_set(bdf, "vfio-pci"));
}

FIXTURE(sweep)
{
	struct scene scene;
	int faults;
};

FIXTURE_SETUP(sweep)
{
	struct scene *scene = &self->scene;
	struct edu_list list;
	char *memory;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	need(faults_exist(), "fault injection");
	self->faults = must(faults_open());
	scene->pci = *edu_alone(&list, 0);
	enable(scene->pci.bdf, "1");
	scene->iommufd = must(iommufd_open());
	must(ioas_alloc(scene->iommufd, &scene->ioas_id));
	memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(scene->iommufd, scene->ioas_id, memory, LENGTH,
			    IOVA));
}

FIXTURE_TEARDOWN(sweep)
{
	EXPECT_EQ(0, close(self->scene.iommufd));
	EXPECT_EQ(0, pages_pinned());
	enable(self->scene.pci.bdf, "0");
}

TEST_F_TIMEOUT(sweep, every_call_recovers, 2 * TEST_SECONDS)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		int sites = faults_sweep(self->faults, &self->scene, &steps[i]);

		EXPECT_LT(0, sites)
		{
			TH_LOG("%s: %s", steps[i].name, strerror(-sites));
		}
		printf("# %s: %d faults\n", steps[i].name, sites);
		fflush(stdout);
		ASSERT_EQ(0, pages_pinned())
		{
			TH_LOG("%s", steps[i].name);
		}
	}
}

TEST_HARNESS_MAIN
