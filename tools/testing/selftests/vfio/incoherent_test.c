// SPDX-License-Identifier: GPL-2.0
/*
 * A device whose DMA bypasses the caches, as the firmware of a board says. A program
 * cannot bring the caches up to date, so VFIO has nothing to do with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/kernel_log.h"
#include "../iommu/lib/vfio_device.h"

#define DRIVER "vfio-pci"
#define UNSAFE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

FIXTURE(incoherent)
{
	const char *bdf;
};

FIXTURE_SETUP(incoherent)
{
	self->bdf = getenv("EDU");
	need(self->bdf && *self->bdf, "EDU, a device");
}

FIXTURE_TEARDOWN(incoherent)
{
	EXPECT_EQ(0, pci_driver_set(self->bdf, ""));
}

static bool is_taken(const char *bdf)
{
	must(pci_driver_set(bdf, DRIVER));
	return pci_driver_is(bdf, DRIVER);
}

TEST_F_TIMEOUT(incoherent, driver_does_not_take_it_and_says_why, TEST_SECONDS)
{
	int log = kernel_log_open();
	char group[32], node[64];

	EXPECT_FALSE(is_taken(self->bdf));
	EXPECT_TRUE(kernel_log_has(log, KERNEL_LOG_INFO, self->bdf,
				   "bypasses the caches"));
	must(pci_link(self->bdf, "iommu_group", group, sizeof(group)));
	snprintf(node, sizeof(node), "/dev/vfio/%s", group);
	EXPECT_NE(0, access(node, F_OK));
	EXPECT_EQ(-ENOENT, vfio_cdev_open(self->bdf));
}

/* That is for devices without an IOMMU, and this one has one. */
TEST_F_TIMEOUT(incoherent, permission_to_do_without_is_another, TEST_SECONDS)
{
	need(!access(UNSAFE, W_OK), UNSAFE);
	must(file_write(UNSAFE, "Y"));
	EXPECT_FALSE(is_taken(self->bdf));
	must(file_write(UNSAFE, "N"));
}

TEST_HARNESS_MAIN
