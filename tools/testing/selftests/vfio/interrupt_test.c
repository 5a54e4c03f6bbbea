// SPDX-License-Identifier: GPL-2.0
/*
 * Where nothing keeps a device from raising the interrupts of others, who
 * administers the machine has to permit that it is bound.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/kernel_log.h"

#define UNSAFE "/sys/module/iommufd/parameters/allow_unsafe_interrupts"

/* Only x86 and Arm tell a program. */
static bool isolation_is_known(void)
{
	struct utsname name;

	must(errno_of(uname(&name)));
	return strstr(name.machine, "86") || strstr(name.machine, "aarch64");
}

/*
 * What delivers an interrupt is named after the remapping that it uses, or, on
 * Arm, after the ITS, which tells devices apart.
 */
static bool interrupts_are_isolated(void)
{
	return interrupts_name(" IR-") || interrupts_name(" ITS-");
}

FIXTURE(interrupt)
{
	struct pci_device pci;
	char former[8];
	/* What a bind without permission answers */
	int unpermitted;
	int iommufd;
	int device;
	int log;
};

FIXTURE_SETUP(interrupt)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	need(!access(UNSAFE, W_OK), UNSAFE);
	need(isolation_is_known(), "an x86");
	self->pci = *edu_alone(&list, 0);
	self->unpermitted = interrupts_are_isolated() ? 0 : -EPERM;
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
	self->log = kernel_log_open();
	must(file_read(UNSAFE, self->former, sizeof(self->former)));
}

FIXTURE_TEARDOWN(interrupt)
{
	EXPECT_EQ(0, file_write(UNSAFE, self->former));
	close(self->log);
	close(self->device);
	close(self->iommufd);
}

/* Whether it is refused or permitted, the log says so. */
static bool log_is_right(FIXTURE_DATA(interrupt) * self)
{
	return kernel_log_has(self->log, KERNEL_LOG_WARNING, self->pci.bdf,
			      "nterrupts") == !!self->unpermitted;
}

static int bind(FIXTURE_DATA(interrupt) * self, const char *setting)
{
	__u32 dev_id;

	must(file_write(UNSAFE, setting));
	return vfio_bind(self->device, self->iommufd, &dev_id);
}

TEST_F_TIMEOUT(interrupt, free_ones_need_permission, TEST_SECONDS)
{
	EXPECT_EQ(self->unpermitted, bind(self, "N"));
	EXPECT_TRUE(log_is_right(self));
}

TEST_F_TIMEOUT(interrupt, permission_suffices, TEST_SECONDS)
{
	EXPECT_EQ(0, bind(self, "Y"));
	EXPECT_TRUE(log_is_right(self));
}

TEST_F_TIMEOUT(interrupt, file_that_was_refused_may_try_again, TEST_SECONDS)
{
	if (bind(self, "N"))
		EXPECT_EQ(0, bind(self, "Y"));
	EXPECT_EQ(-EINVAL, bind(self, "Y"));
}

TEST_F_TIMEOUT(interrupt, permission_that_ends_leaves_the_bound, TEST_SECONDS)
{
	struct vfio_device_info info;

	ASSERT_EQ(0, bind(self, "Y"));
	must(file_write(UNSAFE, "N"));
	EXPECT_EQ(0, vfio_device_info(self->device, &info));
	close(self->device);
	self->device = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(self->unpermitted, bind(self, "N"));
}

static int group_device(FIXTURE_DATA(interrupt) * self, int group,
			const char *setting)
{
	int device;

	must(file_write(UNSAFE, setting));
	device = vfio_group_device(group, self->pci.bdf);
	if (device < 0)
		return device;
	close(device);
	return 0;
}

TEST_F_TIMEOUT(interrupt, group_needs_permission_as_well, TEST_SECONDS)
{
	int group;

	close(self->device);
	group = must(vfio_group_open(self->pci.group));
	must(vfio_group_set_container(group, self->iommufd));
	EXPECT_EQ(self->unpermitted, group_device(self, group, "N"));
	EXPECT_TRUE(log_is_right(self));
	EXPECT_EQ(0, group_device(self, group, "Y"));
	EXPECT_TRUE(log_is_right(self));
	close(group);
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

TEST_HARNESS_MAIN
