// SPDX-License-Identifier: GPL-2.0
/*
 * A device that no IOMMU translates for: to be had through its group by who may
 * do everything anyway, and in no other way.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/capability.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/kernel_log.h"
#include "../iommu/lib/vfio_device.h"

#define DRIVER "vfio-pci"
#define UNSAFE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

static int allow_unsafe(const char *yes)
{
	int fd, ret;

	fd = errno_of(open(UNSAFE, O_WRONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	ret = errno_of(write(fd, yes, 1));
	close(fd);
	return ret < 0 ? ret : 0;
}

/* VFIO made a group for the device itself. */
static bool others_have_groups(void)
{
	glob_t groups;
	bool have = !glob("/sys/bus/pci/devices/*/iommu_group", 0, NULL,
			  &groups) &&
		    groups.gl_pathc > 1;

	globfree(&groups);
	return have;
}

FIXTURE(noiommu)
{
	const char *bdf;
	char node[64];
};

FIXTURE_SETUP(noiommu)
{
	char group[32];

	self->bdf = getenv("BARE");
	need(self->bdf && *self->bdf, "BARE, a pci-testdev without an IOMMU");
	need(!access(UNSAFE, W_OK), UNSAFE);
	must(allow_unsafe("Y"));
	must(pci_driver_set(self->bdf, DRIVER));
	ASSERT_TRUE(pci_driver_is(self->bdf, DRIVER));
	must(pci_link(self->bdf, "iommu_group", group, sizeof(group)));
	snprintf(self->node, sizeof(self->node), "/dev/vfio/noiommu-%s", group);
}

FIXTURE_TEARDOWN(noiommu)
{
	EXPECT_EQ(0, pci_driver_set(self->bdf, ""));
	EXPECT_EQ(0, allow_unsafe("N"));
}

static int group_open(const char *node)
{
	return errno_of(open(node, O_RDWR | O_CLOEXEC));
}

/*
 * QEMU's pci-testdev: what is written first selects a test, whose name is then
 * to be read.
 */
static bool device_works(int device)
{
	struct vfio_region_info bar;
	char test = 0, name = 0;

	return !vfio_region(device, VFIO_PCI_BAR0_REGION_INDEX, &bar) &&
	       pwrite(device, &test, 1, bar.offset) == 1 &&
	       pread(device, &name, 1, bar.offset + 16) == 1 && name == 'm';
}

static int extension(int container, unsigned long number)
{
	return errno_of(ioctl(container, VFIO_CHECK_EXTENSION, number));
}

static int set_iommu(int container, unsigned long type)
{
	return errno_of(ioctl(container, VFIO_SET_IOMMU, type));
}

TEST_F_TIMEOUT(noiommu, device_has_no_node_of_its_own, TEST_SECONDS)
{
	char name[64], path[128];

	ASSERT_EQ(0, vfio_cdev_name(self->bdf, name, sizeof(name)));
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	EXPECT_NE(0, access(path, F_OK));
	EXPECT_EQ(-ENOENT, vfio_cdev_open(self->bdf));
}

TEST_F_TIMEOUT(noiommu, group_needs_the_capability, TEST_SECONDS)
{
	int group = group_open(self->node);

	ASSERT_LE(0, group);
	close(group);
	drop_capability(CAP_SYS_RAWIO);
	EXPECT_EQ(-EPERM, group_open(self->node));
}

TEST_F_TIMEOUT(noiommu, device_works_through_its_group, TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int container = vfio_container_open();
	__u32 dev_id;
	int device;

	need(container >= 0 && !vfio_container_is_iommufd(container),
	     "the container of VFIO");
	EXPECT_EQ(-EINVAL, vfio_group_device(group, self->bdf));
	ASSERT_EQ(0, vfio_group_set_container(group, container));
	EXPECT_EQ(-ENODEV, set_iommu(container, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, set_iommu(container, VFIO_NOIOMMU_IOMMU));
	device = vfio_group_device(group, self->bdf);
	ASSERT_LE(0, device);
	EXPECT_TRUE(device_works(device));
	EXPECT_EQ(-EINVAL, vfio_bind(device, container, &dev_id));
	EXPECT_EQ(-ENOTTY, vfio_detach(device));
	close(device);
	EXPECT_EQ(0, vfio_group_unset_container(group));
	close(group);
	close(container);
}

/* An iommufd in place of a container: one that translates nothing. */
TEST_F_TIMEOUT(noiommu, device_works_through_its_group_on_an_iommufd,
	       TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int iommufd = must(iommufd_open());
	__u32 ioas_id, flags;
	int device;

	ASSERT_EQ(0, vfio_group_set_container(group, iommufd));
	ASSERT_EQ(0, vfio_group_status(group, &flags));
	EXPECT_TRUE(flags & VFIO_GROUP_FLAGS_CONTAINER_SET);
	EXPECT_EQ(-ENODEV, vfio_ioas_get(iommufd, &ioas_id));
	EXPECT_EQ(0, extension(iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, extension(iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, extension(iommufd, VFIO_UNMAP_ALL));
	EXPECT_EQ(1, extension(iommufd, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-ENODEV, set_iommu(iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, set_iommu(iommufd, VFIO_NOIOMMU_IOMMU));

	device = vfio_group_device(group, self->bdf);
	ASSERT_LE(0, device);
	EXPECT_TRUE(device_works(device));
	EXPECT_EQ(-EINVAL, vfio_bind(device, iommufd, &flags));
	EXPECT_EQ(-ENOTTY, vfio_detach(device));
	EXPECT_EQ(0, vfio_group_unset_container(group));
	close(iommufd);
	EXPECT_TRUE(device_works(device));
	close(device);
	close(group);
}

TEST_F_TIMEOUT(noiommu, open_is_shared_on_the_same_terms, TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int iommufd = must(iommufd_open());
	int container = vfio_container_open();
	int device, again;

	must(vfio_group_set_container(group, iommufd));
	device = must(vfio_group_device(group, self->bdf));
	again = must(vfio_group_device(group, self->bdf));
	close(device);
	EXPECT_TRUE(device_works(again));

	need(container >= 0 && !vfio_container_is_iommufd(container),
	     "the container of VFIO");
	must(vfio_group_unset_container(group));
	must(vfio_group_set_container(group, container));
	must(set_iommu(container, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-EINVAL, vfio_group_device(group, self->bdf));
	close(again);
	device = vfio_group_device(group, self->bdf);
	EXPECT_LE(0, device);
	close(device);
	close(group);
	close(container);
	close(iommufd);
}

/* Who maps memory must not take the device for one that is confined to it. */
TEST_F_TIMEOUT(noiommu, groups_of_both_kinds_do_not_mix, TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int iommufd = must(iommufd_open());
	struct edu_list list;
	__u32 ioas_id;
	int other;

	edu_list_read(&list);
	if (!others_have_groups())
		SKIP(return, "there is no IOMMU at all");
	need(edu_alone(&list, 0), "an edu device alone in its group");
	other = must(vfio_group_open(edu_alone(&list, 0)->group));

	EXPECT_EQ(1, extension(iommufd, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-EINVAL, set_iommu(iommufd, VFIO_NOIOMMU_IOMMU));
	must(vfio_group_set_container(other, iommufd));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(group, iommufd));
	EXPECT_EQ(1, extension(iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EINVAL, vfio_group_device(group, self->bdf));
	/* The other group counts, not what it is attached to. */
	must(vfio_ioas_get(iommufd, &ioas_id));
	must(vfio_ioas_clear(iommufd));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(group, iommufd));
	must(vfio_ioas_set(iommufd, ioas_id));
	must(vfio_group_unset_container(other));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(group, iommufd));
	close(iommufd);

	iommufd = must(iommufd_open());
	must(vfio_group_set_container(group, iommufd));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(other, iommufd));
	must(vfio_group_unset_container(group));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(other, iommufd));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(iommufd, &ioas_id));
	must(ioas_alloc(iommufd, &ioas_id));
	must(vfio_ioas_set(iommufd, ioas_id));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(other, iommufd));
	must(vfio_ioas_clear(iommufd));
	EXPECT_EQ(0, vfio_group_set_container(group, iommufd));
	close(iommufd);
	close(group);
	close(other);
}

TEST_F_TIMEOUT(noiommu, iommufd_needs_the_capability, TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int iommufd = must(iommufd_open());
	int other = must(iommufd_open());

	must(vfio_group_set_container(group, iommufd));
	drop_capability(CAP_SYS_RAWIO);
	EXPECT_EQ(-EPERM, set_iommu(iommufd, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-EPERM, vfio_group_device(group, self->bdf));
	must(vfio_group_unset_container(group));
	EXPECT_EQ(-EPERM, vfio_group_set_container(group, other));
	EXPECT_EQ(1, extension(other, VFIO_TYPE1v2_IOMMU));
	close(other);
	close(iommufd);
	close(group);
}

TEST_F_TIMEOUT(noiommu, nothing_of_it_without_permission, TEST_SECONDS)
{
	int log = kernel_log_open();

	must(pci_driver_set(self->bdf, ""));
	must(allow_unsafe("N"));
	/* says that somebody was asked, not that somebody took it */
	must(pci_driver_set(self->bdf, DRIVER));
	EXPECT_FALSE(pci_driver_is(self->bdf, DRIVER));
	EXPECT_TRUE(kernel_log_has(log, KERNEL_LOG_INFO, self->bdf,
				   "no IOMMU translates"));
	EXPECT_NE(0, access(self->node, F_OK));
}

TEST_HARNESS_MAIN
