// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a device that is attached, replaced and detached. Where the
 * IOMMU translates them like other writes, as on Arm, they need a mapping in
 * each table that the device gets; elsewhere nothing of this matters.
 *
 * While a device is detached its interrupts may be lost or not. Once it is
 * attached none may be, whenever it was set up.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define MSI VFIO_PCI_MSI_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX
/* Only a lost interrupt takes this long. */
#define WAIT_MS 10000
/* Nothing that was raised before takes as long. */
#define QUIET_MS 200
#define ROUNDS 40

/* An edu, and the event that its interrupt signals */
struct device {
	struct pci_device pci;
	struct edu edu;
	__u32 dev_id;
	int fd;
	int event;
};

static void device_open(struct device *device, const struct pci_device *pci,
			int iommufd)
{
	device->pci = *pci;
	device->fd = must(vfio_cdev_open(pci->bdf));
	must(vfio_bind(device->fd, iommufd, &device->dev_id));
	must(edu_start(&device->edu, device->fd));
	device->event = must(errno_of(eventfd(0, EFD_CLOEXEC)));
}

static void device_close(struct device *device)
{
	edu_stop(&device->edu);
	close(device->fd);
	close(device->event);
}

static int arm(struct device *device)
{
	return vfio_irq_to_eventfd(device->fd, MSI, device->event);
}

/*
 * Forget what was raised while nothing was said about its arrival. It may be on its
 * way to another processor.
 */
static void drain(struct device *device)
{
	struct pollfd pollfd = { .fd = device->event, .events = POLLIN };
	__u64 count;

	edu_interrupt_ack(&device->edu);
	while (poll(&pollfd, 1, QUIET_MS) == 1)
		must(errno_of(read(device->event, &count, sizeof(count))));
}

static bool arrives(struct device *device)
{
	struct pollfd pollfd = { .fd = device->event, .events = POLLIN };
	bool arrived;
	__u64 count;

	edu_interrupt_raise(&device->edu);
	arrived = must(errno_of(poll(&pollfd, 1, WAIT_MS))) == 1;
	edu_interrupt_ack(&device->edu);
	return arrived &&
	       read(device->event, &count, sizeof(count)) == sizeof(count) &&
	       count == 1;
}

/* Two devices of two groups, two spaces, and a table of each space */
FIXTURE(msi)
{
	struct device device[2];
	int iommufd;
	__u32 space[2];
	__u32 table[2];
};

FIXTURE_SETUP(msi)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices alone in their groups");
	self->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++) {
		device_open(&self->device[i], edu_alone(&list, i),
			    self->iommufd);
		must(ioas_alloc(self->iommufd, &self->space[i]));
		must(hwpt_alloc(self->iommufd, self->device[0].dev_id,
				self->space[i], &self->table[i]));
	}
}

FIXTURE_TEARDOWN(msi)
{
	device_close(&self->device[0]);
	device_close(&self->device[1]);
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static int attach(struct device *device, __u32 pt_id)
{
	return vfio_attach_to(device->fd, pt_id);
}

TEST_F_TIMEOUT(msi, armed_after_attach_arrives, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	must(attach(device, self->space[0]));
	ASSERT_EQ(0, arm(device));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, armed_before_attach_arrives, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	ASSERT_EQ(0, arm(device));
	must(attach(device, self->space[0]));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, armed_before_attach_takes_another_event, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	ASSERT_EQ(0, arm(device));
	must(attach(device, self->space[0]));
	ASSERT_EQ(0, arm(device));
	EXPECT_TRUE(arrives(device));
	ASSERT_EQ(0, vfio_irq_to_eventfd(device->fd, MSI, -1));
	ASSERT_EQ(0, arm(device));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, disabled_and_armed_again_arrives, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	ASSERT_EQ(0, arm(device));
	must(attach(device, self->space[0]));
	ASSERT_EQ(0, vfio_irq_disable(device->fd, MSI));
	ASSERT_EQ(0, arm(device));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, detach_and_attach_keep_it, TEST_SECONDS)
{
	struct device *device = &self->device[0];
	unsigned int i;

	must(attach(device, self->space[0]));
	must(arm(device));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vfio_detach(device->fd));
		edu_interrupt_raise(&device->edu);
		drain(device);
		ASSERT_EQ(0, attach(device, self->space[i & 1]));
		drain(device);
		EXPECT_TRUE(arrives(device));
	}
}

TEST_F_TIMEOUT(msi, detach_and_attach_to_the_same_table_keep_it, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	must(attach(device, self->table[0]));
	must(arm(device));
	must(vfio_detach(device->fd));
	must(attach(device, self->table[0]));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, armed_between_two_attachments_arrives, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	must(attach(device, self->space[0]));
	must(vfio_detach(device->fd));
	ASSERT_EQ(0, arm(device));
	must(attach(device, self->space[1]));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, replace_keeps_it, TEST_SECONDS)
{
	struct device *device = &self->device[0];
	const __u32 to[] = {
		self->space[1], self->table[1], self->table[0], self->space[0],
		self->table[0], self->space[1], self->table[1],
	};
	unsigned int i;

	must(attach(device, self->space[0]));
	must(arm(device));
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		ASSERT_EQ(0, attach(device, to[i]));
		EXPECT_TRUE(arrives(device));
	}
}

TEST_F_TIMEOUT(msi, replace_by_another_device_s_table_keeps_both, TEST_SECONDS)
{
	must(attach(&self->device[1], self->space[1]));
	must(arm(&self->device[1]));
	must(attach(&self->device[0], self->space[0]));
	must(arm(&self->device[0]));
	ASSERT_EQ(0, attach(&self->device[0], self->space[1]));
	EXPECT_TRUE(arrives(&self->device[0]));
	EXPECT_TRUE(arrives(&self->device[1]));
}

/* The table stays for the other one, whichever of the two leaves. */
TEST_F_TIMEOUT(msi, who_stays_keeps_it, TEST_SECONDS)
{
	unsigned int leaver;

	must(arm(&self->device[0]));
	must(arm(&self->device[1]));
	for (leaver = 0; leaver < 2; leaver++) {
		must(attach(&self->device[0], self->table[0]));
		must(attach(&self->device[1], self->table[0]));
		EXPECT_TRUE(arrives(&self->device[0]));
		must(vfio_detach(self->device[leaver].fd));
		EXPECT_TRUE(arrives(&self->device[!leaver]));
		must(attach(&self->device[leaver], self->space[1]));
		EXPECT_TRUE(arrives(&self->device[leaver]));
		must(vfio_detach(self->device[!leaver].fd));
		EXPECT_TRUE(arrives(&self->device[leaver]));
		must(vfio_detach(self->device[leaver].fd));
	}
}

TEST_F_TIMEOUT(msi, closed_and_opened_device_starts_anew, TEST_SECONDS)
{
	struct pci_device pci = self->device[0].pci;

	must(attach(&self->device[0], self->table[0]));
	must(arm(&self->device[0]));
	EXPECT_TRUE(arrives(&self->device[0]));
	device_close(&self->device[0]);
	device_open(&self->device[0], &pci, self->iommufd);
	must(attach(&self->device[0], self->table[0]));
	must(arm(&self->device[0]));
	EXPECT_TRUE(arrives(&self->device[0]));
}

static int map_window(FIXTURE_DATA(msi) * self, __u32 ioas_id, void *memory)
{
	__u64 start, last;

	must(pci_interrupt_window(&self->device[0].pci, &start, &last));
	return ioas_map_fixed(self->iommufd, ioas_id, memory, PAGE_SIZE, start);
}

TEST_F_TIMEOUT(msi, refused_attachment_keeps_it, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	must(map_window(self, self->space[1], memory_alloc(PAGE_SIZE)));
	must(arm(device));
	ASSERT_EQ(-EADDRINUSE, attach(device, self->space[1]));
	must(attach(device, self->space[0]));
	ASSERT_EQ(-EADDRINUSE, attach(device, self->space[1]));
	ASSERT_EQ(-EADDRINUSE, attach(device, self->table[1]));
	EXPECT_TRUE(arrives(device));
}

/* No table translates an interrupt where user space may map something. */
TEST_F_TIMEOUT(msi, its_window_is_free_once_the_device_left, TEST_SECONDS)
{
	struct device *device = &self->device[0];
	char *memory = memory_alloc(PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		must(attach(device, self->table[0]));
		must(arm(device));
		EXPECT_TRUE(arrives(device));
		EXPECT_EQ(-EINVAL, map_window(self, self->space[0], memory));
		if (i)
			must(attach(device, self->table[1]));
		else
			must(vfio_detach(device->fd));
		ASSERT_EQ(0, map_window(self, self->space[0], memory));
		EXPECT_EQ(-EADDRINUSE, attach(device, self->table[0]));
		must(ioas_unmap_all(self->iommufd, self->space[0], NULL));
	}
	must(attach(device, self->table[0]));
	EXPECT_TRUE(arrives(device));
}

TEST_F_TIMEOUT(msi, interrupt_by_wire_is_kept, TEST_SECONDS)
{
	struct device *device = &self->device[0];

	must(attach(device, self->space[0]));
	must(vfio_irq_to_eventfd(device->fd, INTX, device->event));
	EXPECT_TRUE(arrives(device));
	must(vfio_irq_unmask(device->fd, INTX));
	must(attach(device, self->space[1]));
	EXPECT_TRUE(arrives(device));
}

/* A thread that moves a device until it is told to stop, attached at the end */
struct mover {
	struct device *device;
	const __u32 *spaces;
	pthread_t thread;
	bool stop;
	int ret;
};

static void *move_again_and_again(void *argument)
{
	struct mover *mover = argument;
	int fd = mover->device->fd;

	while (!mover->ret && !__atomic_load_n(&mover->stop, __ATOMIC_ACQUIRE)) {
		mover->ret = vfio_attach_to(fd, mover->spaces[0]) ?:
			     vfio_attach_to(fd, mover->spaces[1]) ?:
			     vfio_detach(fd) ?:
			     vfio_attach_to(fd, mover->spaces[1]);
	}
	return NULL;
}

static void mover_start(struct mover *mover, struct device *device,
			const __u32 *spaces)
{
	*mover = (struct mover){ .device = device, .spaces = spaces };
	must(-pthread_create(&mover->thread, NULL, move_again_and_again,
			     mover));
}

static int mover_stop(struct mover *mover)
{
	__atomic_store_n(&mover->stop, true, __ATOMIC_RELEASE);
	must(-pthread_join(mover->thread, NULL));
	return mover->ret;
}

/*
 * The tables are made and freed by the kernel while interrupts are set up for
 * them, and at the end the one does not have less than the other. After a loss
 * this goes on: a table that is used when it is freed already is for the
 * checkers of the kernel to find.
 */
TEST_F_TIMEOUT(msi, armed_in_the_middle_of_a_move_arrives, TEST_SECONDS)
{
	struct device *device = &self->device[0];
	struct mover mover;
	bool lost = false;
	unsigned int i, j;

	must(arm(device));
	for (i = 0; i < ROUNDS; i++) {
		mover_start(&mover, device, self->space);
		for (j = 0; j < 10; j++) {
			EXPECT_EQ(0, vfio_irq_disable(device->fd, MSI));
			EXPECT_EQ(0, arm(device));
		}
		ASSERT_EQ(0, mover_stop(&mover));
		must(attach(device, self->space[i & 1]));
		drain(device);
		lost = lost || !arrives(device);
	}
	EXPECT_FALSE(lost);
}

/* Two devices that the IOMMU cannot tell apart are moved together. */
FIXTURE(msi_group)
{
	struct device device[2];
	int iommufd;
	__u32 space[2];
};

FIXTURE_SETUP(msi_group)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	self->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++) {
		device_open(&self->device[i], edu_in_pair(&list, i),
			    self->iommufd);
		must(ioas_alloc(self->iommufd, &self->space[i]));
	}
}

FIXTURE_TEARDOWN(msi_group)
{
	device_close(&self->device[0]);
	device_close(&self->device[1]);
	EXPECT_EQ(0, close(self->iommufd));
}

TEST_F_TIMEOUT(msi_group, replace_keeps_those_of_all, TEST_SECONDS)
{
	must(arm(&self->device[0]));
	must(attach(&self->device[0], self->space[0]));
	must(attach(&self->device[1], self->space[0]));
	must(arm(&self->device[1]));
	ASSERT_EQ(0, attach(&self->device[1], self->space[1]));
	EXPECT_TRUE(arrives(&self->device[0]));
	EXPECT_TRUE(arrives(&self->device[1]));
}

/* The hardware attaches the group, not the device. */
TEST_F_TIMEOUT(msi_group, member_that_never_attached_has_them, TEST_SECONDS)
{
	must(arm(&self->device[1]));
	must(attach(&self->device[0], self->space[0]));
	EXPECT_TRUE(arrives(&self->device[1]));
	must(attach(&self->device[0], self->space[1]));
	EXPECT_TRUE(arrives(&self->device[1]));
}

TEST_HARNESS_MAIN
