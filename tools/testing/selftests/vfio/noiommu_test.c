// SPDX-License-Identifier: GPL-2.0
/*
 * A device that no IOMMU translates for: to be had through its group by who may
 * do everything anyway, and in no other way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/capability.h>

#include "../iommu/edu.h"
#include "../kselftest_harness.h"

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

FIXTURE(noiommu)
{
	const char *bdf;
	char node[64];
};

FIXTURE_SETUP(noiommu)
{
	char group[32];

	self->bdf = getenv("EDU_BARE");
	need(self->bdf && *self->bdf, "EDU_BARE, which has no IOMMU");
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
	struct vfio_device_info info;
	struct edu edu;
	__u32 dev_id;
	int device;

	need(container >= 0 && !vfio_container_is_iommufd(container),
	     "the container of VFIO");
	EXPECT_EQ(-EINVAL, vfio_group_device(group, self->bdf));
	ASSERT_EQ(0, vfio_group_set_container(group, container));
	EXPECT_EQ(-ENODEV, errno_of(ioctl(container, VFIO_SET_IOMMU,
					  VFIO_TYPE1v2_IOMMU)));
	ASSERT_EQ(0, errno_of(ioctl(container, VFIO_SET_IOMMU,
				    VFIO_NOIOMMU_IOMMU)));
	device = vfio_group_device(group, self->bdf);
	ASSERT_LE(0, device);
	EXPECT_EQ(0, vfio_device_info(device, &info));
	EXPECT_EQ(0, edu_start(&edu, device));
	edu_stop(&edu);
	EXPECT_EQ(-EINVAL, vfio_bind(device, container, &dev_id));
	EXPECT_EQ(-ENOTTY, vfio_detach(device));
	close(device);
	EXPECT_EQ(0, vfio_group_unset_container(group));
	close(group);
	close(container);
}

/* There is nothing that an I/O address space could mean for it. */
TEST_F_TIMEOUT(noiommu, group_is_not_put_on_an_iommufd, TEST_SECONDS)
{
	int group = must(group_open(self->node));
	int iommufd = must(iommufd_open());
	__u32 ioas_id;

	EXPECT_EQ(-EINVAL, vfio_group_set_container(group, iommufd));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(iommufd, &ioas_id));
	EXPECT_EQ(-EINVAL, vfio_group_device(group, self->bdf));
	close(iommufd);
	close(group);
}

TEST_F_TIMEOUT(noiommu, nothing_of_it_without_permission, TEST_SECONDS)
{
	must(pci_driver_set(self->bdf, ""));
	must(allow_unsafe("N"));
	/* says that somebody was asked, not that somebody took it */
	must(pci_driver_set(self->bdf, DRIVER));
	EXPECT_FALSE(pci_driver_is(self->bdf, DRIVER));
	EXPECT_NE(0, access(self->node, F_OK));
}

TEST_HARNESS_MAIN
