// SPDX-License-Identifier: GPL-2.0
/*
 * Resets that hit several devices: who is told what about the others, and who
 * may do it. A device opened by its cdev names the others by their IDs, one
 * opened by its group by their groups.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define DRIVER "vfio-pci"
#define IOVA 0x100000ULL
#define LENGTH (4 * PAGE_SIZE)
#define DEV_ID VFIO_PCI_HOT_RESET_FLAG_DEV_ID
#define OWNED VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
/* What no ID is, to tell an entry that is missing from every answer */
#define MISSING (-2)

/* What the user of @device is told about @bdf */
static int devid(int device, const char *bdf)
{
	const struct vfio_pci_dependent_device *entry;
	struct hot_reset_info info;

	must(vfio_hot_reset_info(device, &info));
	entry = hot_reset_find(&info, bdf);
	return entry ? (int)entry->devid : MISSING;
}

static __u32 info_flags(int device)
{
	struct hot_reset_info info;

	must(vfio_hot_reset_info(device, &info));
	return info.header.flags;
}

static int hot_reset(int device)
{
	return vfio_hot_reset(device, NULL, 0);
}

static int hot_reset_arg(int device, __u32 argsz, __u32 flags, __u32 count)
{
	struct {
		struct vfio_pci_hot_reset header;
		__s32 fds[4];
	} arg = {
		.header = { .argsz = argsz, .flags = flags, .count = count },
	};

	return errno_of(ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, &arg));
}

/* A register of the network card that keeps what is written until a reset */
#define NIC_REGISTER 0x3800
#define NIC_VALUE 0x5a5a0

static off_t nic_register(int nic)
{
	struct vfio_region_info bar;

	must(vfio_region(nic, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	return bar.offset + NIC_REGISTER;
}

static void nic_mark(int nic)
{
	__u32 value = NIC_VALUE;

	must(errno_of(pwrite(nic, &value, sizeof(value), nic_register(nic))));
}

static bool nic_was_reset(int nic)
{
	__u32 value;

	must(errno_of(pread(nic, &value, sizeof(value), nic_register(nic))));
	return value != NIC_VALUE;
}

/* An edu and a network card: two groups, one reset */
FIXTURE(two_groups)
{
	const char *edu_bdf, *nic_bdf;
	int iommufd;
	int edu, nic;
	__u32 edu_id, nic_id;
};

FIXTURE_SETUP(two_groups)
{
	self->edu_bdf = getenv("EDU_RESET");
	self->nic_bdf = getenv("NIC_RESET");
	need(self->edu_bdf && pci_driver_is(self->edu_bdf, DRIVER),
	     "EDU_RESET on vfio-pci");
	need(self->nic_bdf && pci_driver_is(self->nic_bdf, DRIVER),
	     "NIC_RESET on vfio-pci");
	self->iommufd = must(iommufd_open());
	self->edu = must(vfio_cdev_open(self->edu_bdf));
	self->nic = must(vfio_cdev_open(self->nic_bdf));
	must(vfio_bind(self->edu, self->iommufd, &self->edu_id));
}

FIXTURE_TEARDOWN(two_groups)
{
	close(self->edu);
	close(self->nic);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

static int group_of(const char *bdf)
{
	char name[32];

	must(pci_link(bdf, "iommu_group", name, sizeof(name)));
	return atoi(name);
}

TEST_F_TIMEOUT(two_groups, bound_devices_are_named_by_their_ids, TEST_SECONDS)
{
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	EXPECT_EQ(self->edu_id, devid(self->edu, self->edu_bdf));
	EXPECT_EQ(self->nic_id, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(self->edu_id, devid(self->nic, self->edu_bdf));
	EXPECT_EQ(self->nic_id, devid(self->nic, self->nic_bdf));
	EXPECT_EQ(DEV_ID | OWNED, info_flags(self->edu));
	EXPECT_EQ(DEV_ID | OWNED, info_flags(self->nic));
}

TEST_F_TIMEOUT(two_groups, reset_reaches_both_devices, TEST_SECONDS)
{
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	nic_mark(self->nic);
	ASSERT_FALSE(nic_was_reset(self->nic));
	EXPECT_EQ(0, hot_reset(self->edu));
	EXPECT_TRUE(nic_was_reset(self->nic));
	nic_mark(self->nic);
	EXPECT_EQ(0, hot_reset(self->nic));
	EXPECT_TRUE(nic_was_reset(self->nic));
}

TEST_F_TIMEOUT(two_groups, device_asleep_is_reset_along, TEST_SECONDS)
{
	need(pci_power_is_managed(self->nic_bdf), "CONFIG_PM");
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	nic_mark(self->nic);
	must(vfio_low_power_entry(self->nic));
	ASSERT_TRUE(pci_power_comes_to(self->nic_bdf, "suspended"));
	EXPECT_EQ(0, hot_reset(self->edu));
	EXPECT_TRUE(nic_was_reset(self->nic));
	EXPECT_TRUE(pci_power_comes_to(self->nic_bdf, "suspended"));
	/* and the other way about, by who sleeps itself */
	EXPECT_EQ(0, hot_reset(self->nic));
	must(vfio_low_power_exit(self->nic));
}

TEST_F_TIMEOUT(two_groups, dma_goes_on_after_a_reset, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	struct edu edu;
	__u32 ioas_id;

	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(self->edu, ioas_id));
	must(edu_start(&edu, self->edu));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	EXPECT_EQ(0, hot_reset(self->nic));
	/* through the same mapping of the registers, which was revoked */
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	edu_stop(&edu);
}

TEST_F_TIMEOUT(two_groups, device_nobody_bound_is_not_owned, TEST_SECONDS)
{
	EXPECT_EQ(self->edu_id, devid(self->edu, self->edu_bdf));
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(DEV_ID, info_flags(self->edu));
	EXPECT_EQ(-EINVAL, hot_reset(self->edu));
}

TEST_F_TIMEOUT(two_groups, device_of_another_context_is_not_owned, TEST_SECONDS)
{
	int other = must(iommufd_open());

	must(vfio_bind(self->nic, other, &self->nic_id));
	nic_mark(self->nic);
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->nic, self->edu_bdf));
	EXPECT_EQ(self->nic_id, devid(self->nic, self->nic_bdf));
	EXPECT_EQ(DEV_ID, info_flags(self->edu));
	EXPECT_EQ(DEV_ID, info_flags(self->nic));
	EXPECT_EQ(-EINVAL, hot_reset(self->edu));
	EXPECT_EQ(-EINVAL, hot_reset(self->nic));
	EXPECT_FALSE(nic_was_reset(self->nic));
	close(other);
}

TEST_F_TIMEOUT(two_groups, device_of_a_container_is_not_owned, TEST_SECONDS)
{
	int group = must(vfio_group_open(group_of(self->nic_bdf)));
	int container = vfio_container_open();
	int device;

	need(container >= 0, "/dev/vfio/vfio");
	must(vfio_group_set_container(group, container));
	must(errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	device = must(vfio_group_device(group, self->nic_bdf));
	nic_mark(device);
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(-EINVAL, hot_reset(self->edu));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(self->edu, &group, 1));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(device, &group, 1));
	EXPECT_FALSE(nic_was_reset(device));
	close(device);
	close(group);
	close(container);
}

/* On the same iommufd it has an ID, though its file is another kind of file */
TEST_F_TIMEOUT(two_groups, group_on_the_iommufd_is_owned_by_it, TEST_SECONDS)
{
	int group = must(vfio_group_open(group_of(self->nic_bdf)));
	struct hot_reset_info info;
	int device;

	must(vfio_group_set_container(group, self->iommufd));
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	device = must(vfio_group_device(group, self->nic_bdf));
	EXPECT_LT(0, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(DEV_ID | OWNED, info_flags(self->edu));
	nic_mark(device);
	EXPECT_EQ(0, hot_reset(self->edu));
	EXPECT_TRUE(nic_was_reset(device));

	ASSERT_EQ(0, vfio_hot_reset_info(device, &info));
	EXPECT_EQ(0, info.header.flags);
	EXPECT_EQ(-EINVAL, hot_reset(device));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(device, &group, 1));
	close(device);
	close(group);
}

TEST_F_TIMEOUT(two_groups, device_of_another_driver_is_not_owned, TEST_SECONDS)
{
	close(self->nic);
	must(pci_driver_write(DRIVER, "unbind", self->nic_bdf));
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(DEV_ID, info_flags(self->edu));
	EXPECT_EQ(-EINVAL, hot_reset(self->edu));
	must(pci_driver_write(DRIVER, "bind", self->nic_bdf));
	self->nic = must(vfio_cdev_open(self->nic_bdf));
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	EXPECT_EQ(self->nic_id, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(0, hot_reset(self->edu));
}

TEST_F_TIMEOUT(two_groups, closed_device_is_not_owned_any_more, TEST_SECONDS)
{
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	EXPECT_EQ(0, hot_reset(self->edu));
	close(self->nic);
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED, devid(self->edu, self->nic_bdf));
	EXPECT_EQ(-EINVAL, hot_reset(self->edu));
	self->nic = must(vfio_cdev_open(self->nic_bdf));
}

TEST_F_TIMEOUT(two_groups, info_needs_room_for_all, TEST_SECONDS)
{
	const size_t header = sizeof(struct vfio_pci_hot_reset_info);
	const size_t entry = sizeof(struct vfio_pci_dependent_device);
	struct hot_reset_info info;
	__u32 argsz;

	for (argsz = 0; argsz < header + 2 * entry; argsz++) {
		memset(&info, 0xa5, sizeof(info));
		info.header.argsz = argsz;
		if (argsz < header) {
			EXPECT_EQ(-EINVAL,
				  vfio_hot_reset_info_arg(self->edu, &info));
			EXPECT_EQ(0xa5a5a5a5, info.header.count);
			continue;
		}
		EXPECT_EQ(-ENOSPC, vfio_hot_reset_info_arg(self->edu, &info));
		EXPECT_EQ(2, info.header.count);
		EXPECT_EQ(0, info.header.flags);
		EXPECT_EQ(0xa5a5a5a5, info.devices[0].devid);
	}
	memset(&info, 0xa5, sizeof(info));
	info.header.argsz = argsz;
	EXPECT_EQ(0, vfio_hot_reset_info_arg(self->edu, &info));
	EXPECT_EQ(2, info.header.count);
	EXPECT_EQ(argsz, info.header.argsz);
	EXPECT_EQ(0xa5a5a5a5, info.devices[2].devid);
}

TEST_F_TIMEOUT(two_groups, unwritable_answer_faults, TEST_SECONDS)
{
	struct hot_reset_info info = { .header.argsz = sizeof(info) };

	EXPECT_EQ(-EFAULT, vfio_hot_reset_info_arg(self->edu, NULL));
	EXPECT_EQ(-EFAULT,
		  vfio_hot_reset_info_arg(self->edu,
					  memory_readonly_copy(&info,
							       sizeof(info))));
	EXPECT_EQ(-EFAULT, errno_of(ioctl(self->edu, VFIO_DEVICE_PCI_HOT_RESET,
					  NULL)));
}

TEST_F_TIMEOUT(two_groups, wrong_arguments_reset_nothing, TEST_SECONDS)
{
	const __u32 size = sizeof(struct vfio_pci_hot_reset);
	int event = must(iommufd_open());
	__u32 argsz;

	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	nic_mark(self->nic);
	for (argsz = 0; argsz < size; argsz++)
		EXPECT_EQ(-EINVAL, hot_reset_arg(self->edu, argsz, 0, 0));
	EXPECT_EQ(-EINVAL, hot_reset_arg(self->edu, size, 1, 0));
	EXPECT_EQ(-EINVAL, hot_reset_arg(self->edu, size, 1U << 31, 0));
	/* fds are for devices of groups, whatever they are */
	EXPECT_EQ(-EINVAL, hot_reset_arg(self->edu, size + 4, 0, 1));
	EXPECT_EQ(-EINVAL, hot_reset_arg(self->edu, size + 4, 0, ~0U));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(self->edu, &event, 1));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(self->edu, &self->edu, 1));
	EXPECT_FALSE(nic_was_reset(self->nic));
	EXPECT_EQ(0, hot_reset_arg(self->edu, size, 0, 0));
	EXPECT_TRUE(nic_was_reset(self->nic));
	close(event);
}

TEST_F_TIMEOUT(two_groups, unbound_file_tells_and_resets_nothing, TEST_SECONDS)
{
	struct hot_reset_info info;

	EXPECT_EQ(-EINVAL, vfio_hot_reset_info(self->nic, &info));
	EXPECT_EQ(-EINVAL, hot_reset(self->nic));
}

/* The programs that know no IDs: as it ever was */
TEST_F_TIMEOUT(two_groups, groups_reset_with_their_files, TEST_SECONDS)
{
	const struct vfio_pci_dependent_device *entry;
	struct hot_reset_info info;
	int devices[2], files[3];
	int container;

	container = vfio_container_open();
	need(container >= 0, "/dev/vfio/vfio");
	close(self->edu);
	close(self->nic);
	files[0] = must(vfio_group_open(group_of(self->edu_bdf)));
	files[1] = must(vfio_group_open(group_of(self->nic_bdf)));
	files[2] = files[0];
	must(vfio_group_set_container(files[0], container));
	must(errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	must(vfio_group_set_container(files[1], container));
	devices[0] = must(vfio_group_device(files[0], self->edu_bdf));
	devices[1] = must(vfio_group_device(files[1], self->nic_bdf));

	ASSERT_EQ(0, vfio_hot_reset_info(devices[0], &info));
	EXPECT_EQ(2, info.header.count);
	EXPECT_EQ(0, info.header.flags);
	entry = hot_reset_find(&info, self->edu_bdf);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(group_of(self->edu_bdf), entry->group_id);
	entry = hot_reset_find(&info, self->nic_bdf);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(group_of(self->nic_bdf), entry->group_id);

	nic_mark(devices[1]);
	EXPECT_EQ(-EINVAL, vfio_hot_reset(devices[0], NULL, 0));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(devices[0], files, 1));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(devices[0], files, 3));
	EXPECT_EQ(-EINVAL, vfio_hot_reset(devices[0], devices, 2));
	EXPECT_FALSE(nic_was_reset(devices[1]));
	EXPECT_EQ(0, vfio_hot_reset(devices[0], files, 2));
	EXPECT_TRUE(nic_was_reset(devices[1]));

	files[2] = files[1];
	files[1] = 1000;
	EXPECT_EQ(-EBADF, vfio_hot_reset(devices[0], files, 2));
	close(devices[0]);
	close(devices[1]);
	close(files[0]);
	close(files[2]);
	close(container);
	self->edu = must(vfio_cdev_open(self->edu_bdf));
	self->nic = must(vfio_cdev_open(self->nic_bdf));
}

/*
 * The user of the edu asks and resets while the other device comes and goes,
 * with its file and with its driver.
 */
#define RACE_ROUNDS 40

struct reset_race {
	const char *nic_bdf;
	int iommufd;
	int edu;
	__u32 edu_id;
	atomic_bool stop;
	unsigned int resets, refusals, surprises;
};

static bool info_is_sound(const struct hot_reset_info *info,
			  const struct reset_race *race)
{
	const struct vfio_pci_dependent_device *entry;
	bool all = true;
	unsigned int i;

	for (i = 0; i < info->header.count; i++)
		all = all && (int)info->devices[i].devid !=
				     VFIO_PCI_DEVID_NOT_OWNED;
	/*
	 * While it is being closed it is not bound any more, but its DMA still
	 * belongs to the iommufd.
	 */
	entry = hot_reset_find(info, race->nic_bdf);
	return info->header.count == 2 && entry &&
	       entry->devid != race->edu_id &&
	       info->header.flags == (all ? DEV_ID | OWNED : DEV_ID);
}

static void *reset_forever(void *data)
{
	struct reset_race *race = data;

	while (!atomic_load(&race->stop)) {
		struct hot_reset_info info;
		int ret;

		if (vfio_hot_reset_info(race->edu, &info) ||
		    !info_is_sound(&info, race))
			race->surprises++;
		ret = hot_reset(race->edu);
		if (!ret)
			race->resets++;
		else if (ret == -EINVAL || ret == -EBUSY)
			race->refusals++;
		else
			race->surprises++;
	}
	return NULL;
}

TEST_F_TIMEOUT(two_groups, resets_race_with_bind_and_close, TEST_SECONDS)
{
	struct reset_race race = {
		.nic_bdf = self->nic_bdf,
		.iommufd = self->iommufd,
		.edu = self->edu,
		.edu_id = self->edu_id,
	};
	int other = must(iommufd_open());
	unsigned int i;
	pthread_t thread;

	must(-pthread_create(&thread, NULL, reset_forever, &race));
	for (i = 0; i < RACE_ROUNDS; i++) {
		int ret = vfio_bind(self->nic, i % 3 ? self->iommufd : other,
				    &self->nic_id);

		EXPECT_EQ(0, ret);
		close(self->nic);
		if (i % 8 == 7) {
			EXPECT_EQ(0, pci_driver_write(DRIVER, "unbind",
						      self->nic_bdf));
			EXPECT_EQ(0, pci_driver_write(DRIVER, "bind",
						      self->nic_bdf));
		}
		self->nic = must(vfio_cdev_open(self->nic_bdf));
	}
	atomic_store(&race.stop, true);
	must(-pthread_join(thread, NULL));
	TH_LOG("%u resets, %u refused", race.resets, race.refusals);
	EXPECT_EQ(0, race.surprises);
	must(vfio_bind(self->nic, self->iommufd, &self->nic_id));
	nic_mark(self->nic);
	EXPECT_EQ(0, hot_reset(self->edu));
	EXPECT_TRUE(nic_was_reset(self->nic));
	close(other);
}

/* Two devices of one group */
FIXTURE(one_group)
{
	struct pci_device pci[2];
	int iommufd;
	int device;
	__u32 id;
};

FIXTURE_SETUP(one_group)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	for (i = 0; i < 2; i++)
		self->pci[i] = *edu_in_pair(&list, i);
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci[0].bdf));
	must(vfio_bind(self->device, self->iommufd, &self->id));
}

FIXTURE_TEARDOWN(one_group)
{
	close(self->device);
	close(self->iommufd);
}

TEST_F_TIMEOUT(one_group, unbound_device_is_owned_with_its_group, TEST_SECONDS)
{
	EXPECT_EQ(self->id, devid(self->device, self->pci[0].bdf));
	EXPECT_EQ(VFIO_PCI_DEVID_OWNED, devid(self->device, self->pci[1].bdf));
	EXPECT_EQ(DEV_ID | OWNED, info_flags(self->device));
	EXPECT_EQ(0, hot_reset(self->device));
}

TEST_F_TIMEOUT(one_group, bound_device_has_its_id, TEST_SECONDS)
{
	int second = must(vfio_cdev_open(self->pci[1].bdf));
	__u32 id;

	/* an open file is no claim yet */
	EXPECT_EQ(VFIO_PCI_DEVID_OWNED, devid(self->device, self->pci[1].bdf));
	must(vfio_bind(second, self->iommufd, &id));
	EXPECT_EQ(id, devid(self->device, self->pci[1].bdf));
	EXPECT_EQ(0, hot_reset(self->device));
	EXPECT_EQ(0, hot_reset(second));
	close(second);
	EXPECT_EQ(VFIO_PCI_DEVID_OWNED, devid(self->device, self->pci[1].bdf));
	EXPECT_EQ(0, hot_reset(self->device));
}

/* Nobody else can use it, but nobody says that it may be reset, either. */
TEST_F_TIMEOUT(one_group, device_without_driver_is_not_owned, TEST_SECONDS)
{
	must(pci_driver_write(DRIVER, "unbind", self->pci[1].bdf));
	EXPECT_EQ(VFIO_PCI_DEVID_NOT_OWNED,
		  devid(self->device, self->pci[1].bdf));
	EXPECT_EQ(DEV_ID, info_flags(self->device));
	EXPECT_EQ(-EINVAL, hot_reset(self->device));
	must(pci_driver_write(DRIVER, "bind", self->pci[1].bdf));
	EXPECT_EQ(0, hot_reset(self->device));
}

/* A device that is reset alone, by its slot or its bus, or not at all */
FIXTURE(alone)
{
	int iommufd;
};

FIXTURE_SETUP(alone)
{
	self->iommufd = must(iommufd_open());
}

FIXTURE_TEARDOWN(alone)
{
	close(self->iommufd);
}

TEST_F_TIMEOUT(alone, device_in_a_slot_is_reset_by_it, TEST_SECONDS)
{
	const char *bdf = getenv("EDU_PLUG");
	struct hot_reset_info info;
	__u32 id;
	int fd;

	need(bdf && pci_driver_is(bdf, DRIVER), "EDU_PLUG on vfio-pci");
	fd = must(vfio_cdev_open(bdf));
	must(vfio_bind(fd, self->iommufd, &id));
	ASSERT_EQ(0, vfio_hot_reset_info(fd, &info));
	EXPECT_EQ(1, info.header.count);
	EXPECT_EQ(DEV_ID | OWNED, info.header.flags);
	EXPECT_EQ(id, devid(fd, bdf));
	EXPECT_EQ(0, hot_reset(fd));
	close(fd);
}

TEST_F_TIMEOUT(alone, device_of_the_root_bus_has_no_such_reset, TEST_SECONDS)
{
	const char *bdf = getenv("EDU");
	struct hot_reset_info info;
	__u32 id;
	int fd;

	need(bdf && pci_driver_is(bdf, DRIVER), "EDU on vfio-pci");
	fd = must(vfio_cdev_open(bdf));
	must(vfio_bind(fd, self->iommufd, &id));
	EXPECT_EQ(-ENODEV, vfio_hot_reset_info(fd, &info));
	EXPECT_EQ(-ENODEV, hot_reset(fd));
	EXPECT_EQ(-ENODEV, vfio_hot_reset(fd, &fd, 1));
	close(fd);
}

TEST_HARNESS_MAIN
