// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that open, bind, attach and reset devices in no order, and leave
 * in the middle of it: 500 rounds, several at a time. No call is wrong here,
 * and most may fail, since others use the same devices. Afterwards every
 * device binds and does DMA as if nothing had been.
 *
 * STORM_SEED repeats a run, as far as the order of processes allows.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define ROUNDS 250
#define PROCESSES 8
#define STEPS 12
#define FILES 3
#define WAIT_MS 60000
#define IOVA 0x100000ULL
#define LENGTH (16 * PAGE_SIZE)

/* What one process has. Of each kind one, or several; -1 and 0 for none. */
struct visitor {
	const struct edu_list *list;
	const struct pci_device *pci;
	char *memory;
	int iommufd;
	int device[FILES];
	int group;
	__u32 ioas_id;
	__u32 dev_id;
};

static int *any_device(struct visitor *visitor)
{
	return &visitor->device[random_below(FILES)];
}

static void step_open(struct visitor *visitor)
{
	int *device = any_device(visitor);

	close(*device);
	*device = vfio_cdev_open(visitor->pci->bdf);
}

static void step_bind(struct visitor *visitor)
{
	vfio_bind(*any_device(visitor), visitor->iommufd, &visitor->dev_id);
}

static void step_bind_cookie(struct visitor *visitor)
{
	vfio_bind_cookie(*any_device(visitor), visitor->iommufd,
			 random_below(3), &visitor->dev_id);
}

static void step_ioas(struct visitor *visitor)
{
	if (random_below(4))
		ioas_alloc(visitor->iommufd, &visitor->ioas_id);
	else
		iommufd_destroy(visitor->iommufd, visitor->ioas_id);
}

static void step_map(struct visitor *visitor)
{
	__u64 pages = random_below(LENGTH / PAGE_SIZE);

	ioas_map_fixed(visitor->iommufd, visitor->ioas_id, visitor->memory,
		       LENGTH - pages * PAGE_SIZE, IOVA + pages * PAGE_SIZE);
}

static void step_unmap(struct visitor *visitor)
{
	ioas_unmap_all(visitor->iommufd, visitor->ioas_id, NULL);
}

static void step_attach(struct visitor *visitor)
{
	vfio_attach_to(*any_device(visitor), visitor->ioas_id);
}

static void step_table(struct visitor *visitor)
{
	__u32 hwpt_id;

	if (!hwpt_alloc(visitor->iommufd, visitor->dev_id, visitor->ioas_id,
			&hwpt_id))
		vfio_attach_to(*any_device(visitor), hwpt_id);
}

static void step_detach(struct visitor *visitor)
{
	vfio_detach(*any_device(visitor));
}

/* The transfer ends somewhere or nowhere. */
static void step_dma(struct visitor *visitor)
{
	struct edu edu;

	if (edu_start(&edu, *any_device(visitor)))
		return;
	edu_dma_write(&edu, IOVA, 0, 64);
	if (random_below(2))
		edu_stop(&edu);
}

static void step_interrupt(struct visitor *visitor)
{
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));

	vfio_irq_to_eventfd(*any_device(visitor), VFIO_PCI_MSI_IRQ_INDEX,
			    event);
	close(event);
}

static void step_reset(struct visitor *visitor)
{
	int device = *any_device(visitor);
	struct hot_reset_info info;

	if (random_below(2)) {
		ioctl(device, VFIO_DEVICE_RESET);
		return;
	}
	vfio_hot_reset_info(device, &info);
	vfio_hot_reset(device, NULL, 0);
}

static void step_group(struct visitor *visitor)
{
	int *device = any_device(visitor);

	if (visitor->group < 0)
		visitor->group = vfio_group_open(visitor->pci->group);
	vfio_group_set_container(visitor->group, visitor->iommufd);
	close(*device);
	*device = vfio_group_device(visitor->group, visitor->pci->bdf);
}

static void step_leave_group(struct visitor *visitor)
{
	if (random_below(2))
		vfio_group_unset_container(visitor->group);
	close(visitor->group);
	visitor->group = -1;
}

/*
 * Often the first one: it is on the root bus, where closing a device does not
 * reset the bus, which takes a second.
 */
static void step_other_device(struct visitor *visitor)
{
	const struct edu_list *list = visitor->list;

	visitor->pci = &list->devices[random_below(2) ?
				      random_below(list->count) : 0];
}

static void step_other_iommufd(struct visitor *visitor)
{
	close(visitor->iommufd);
	visitor->iommufd = must(iommufd_open());
	visitor->ioas_id = 0;
}

/* Somebody else has the files a little longer. */
static void step_child(struct visitor *visitor)
{
	if (fork())
		return;
	step_map(visitor);
	_exit(0);
}

static void (*const steps[])(struct visitor *visitor) = {
	step_open,	   step_bind,	     step_bind_cookie,
	step_ioas,	   step_map,	     step_unmap,
	step_attach,	   step_table,	     step_detach,
	step_dma,	   step_interrupt,   step_reset,
	step_group,	   step_leave_group, step_other_device,
	step_other_iommufd, step_child,
};

/* So that a round gets somewhere: bound and attached, if nobody else is. */
static void arrive(struct visitor *visitor)
{
	step_other_device(visitor);
	visitor->iommufd = must(iommufd_open());
	visitor->device[0] = vfio_cdev_open(visitor->pci->bdf);
	if (!random_below(4))
		return;
	vfio_bind(visitor->device[0], visitor->iommufd, &visitor->dev_id);
	ioas_alloc(visitor->iommufd, &visitor->ioas_id);
	step_map(visitor);
	vfio_attach_to(visitor->device[0], visitor->ioas_id);
}

static void visit(const struct edu_list *list, __u64 seed)
{
	struct visitor visitor = {
		.list = list,
		.memory = memory_alloc(LENGTH),
		.device = { -1, -1, -1 },
		.group = -1,
	};
	unsigned int i;

	random_seed(seed);
	arrive(&visitor);
	for (i = random_below(STEPS); i; i--)
		steps[random_below(ARRAY_SIZE(steps))](&visitor);
	if (random_below(2))
		kill(getpid(), SIGKILL);
	_exit(0);
}

FIXTURE(storm)
{
	struct edu_list list;
	/* Whoever is left has the one end: its end is the end of all. */
	int left[2];
};

FIXTURE_SETUP(storm)
{
	edu_list_read(&self->list);
	need(self->list.count >= 2, "two edu devices on vfio-pci");
	must(errno_of(pipe(self->left)));
}

FIXTURE_TEARDOWN(storm)
{
}

/* The files of a process that is gone are closed a little later. */
static int bind_soon(int device, int iommufd)
{
	unsigned int ms;
	__u32 dev_id;
	int ret;

	for (ms = 0; ms < WAIT_MS; ms++) {
		ret = vfio_bind(device, iommufd, &dev_id);
		if (ret != -EINVAL && ret != -EBUSY && ret != -EPERM)
			break;
		usleep(1000);
	}
	return ret;
}

/* Bind all to one context, attach, transfer */
static void all_work(struct __test_metadata *_metadata,
		     const struct edu_list *list)
{
	char *memory = memory_alloc(LENGTH);
	int iommufd = must(iommufd_open());
	int device[PCI_DEVICES_MAX];
	__u32 ioas_id;
	struct edu edu;
	unsigned int i;

	must(ioas_alloc(iommufd, &ioas_id));
	must(ioas_map_fixed(iommufd, ioas_id, memory, LENGTH, IOVA));
	for (i = 0; i < list->count; i++) {
		device[i] = must(vfio_cdev_open(list->devices[i].bdf));
		ASSERT_EQ(0, bind_soon(device[i], iommufd))
		{
			TH_LOG("%s", list->devices[i].bdf);
		}
		ASSERT_EQ(0, vfio_attach_to(device[i], ioas_id));
		ASSERT_EQ(0, edu_start(&edu, device[i]));
		EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
		edu_stop(&edu);
	}
	for (i = 0; i < list->count; i++)
		close(device[i]);
	close(iommufd);
	memory_free(memory, LENGTH);
}

TEST_F_TIMEOUT(storm, devices_are_as_before, 3 * TEST_SECONDS)
{
	__u64 seed = random_start("STORM_SEED");
	unsigned int running = 0, crashed = 0, i;
	int status;
	char byte;

	for (i = 0; i < ROUNDS; i++) {
		pid_t pid;

		if (running == PROCESSES) {
			must(errno_of(wait(&status)));
			ASSERT_TRUE(WIFEXITED(status) ?
					    !WEXITSTATUS(status) :
					    WTERMSIG(status) == SIGKILL);
			crashed += WIFSIGNALED(status);
			running--;
		}
		pid = must(errno_of(fork()));
		if (!pid)
			visit(&self->list, seed + i + 1);
		running++;
		/* Some are not even asked */
		if (!random_below(8))
			kill(pid, SIGKILL);
	}
	while (running--) {
		must(errno_of(wait(&status)));
		crashed += WIFSIGNALED(status);
	}
	close(self->left[1]);
	EXPECT_EQ(0, read(self->left[0], &byte, 1));
	TH_LOG("%u of %u crashed", crashed, ROUNDS);
	EXPECT_LT(0, crashed);
	all_work(_metadata, &self->list);
	EXPECT_EQ(0, pages_pinned());
}

TEST_HARNESS_MAIN
