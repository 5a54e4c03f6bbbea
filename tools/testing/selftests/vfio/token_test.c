// SPDX-License-Identifier: GPL-2.0
/*
 * The VF token at bind. Who drives a PF can read along with its VFs, so the
 * two users have to know a common secret before the VF is opened.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/fdinfo.h"
#include "../iommu/lib/vfio_device.h"

#define DRIVER "vfio-pci"
#define ENABLE_SRIOV "/sys/module/vfio_pci/parameters/enable_sriov"

static const __u8 secret[16] = "the common token";
static const __u8 guess[16] = "another token...";

static int bind_token(int device, int iommufd, const __u8 *token)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
		.iommufd = iommufd,
		.token_uuid_ptr = (uintptr_t)token,
	};

	return vfio_bind_arg(device, &arg);
}

/* The only PF there is: EDU has none, NVME has one VF. */
static const char *pf_address(void)
{
	const char *bdf = getenv("NVME");

	return bdf && pci_driver_is(bdf, DRIVER) ? bdf : NULL;
}

/*
 * Both on vfio-pci, which takes the VFs of its PFs by itself. Opening a PF
 * resets it, and the emulated one loses its VFs in a reset: they are made
 * afterwards, and unmade before the PF is closed.
 */
FIXTURE(token)
{
	char vf_bdf[16];
	const char *pf_bdf;
	int iommufd;
	int pf, vf;
};

FIXTURE_SETUP(token)
{
	self->pf_bdf = pf_address();
	need(self->pf_bdf, "NVME with a VF, on vfio-pci");
	must(file_write(ENABLE_SRIOV, "1"));
	self->iommufd = must(iommufd_open());
	self->pf = must(vfio_cdev_open(self->pf_bdf));
	self->vf = -1;
}

FIXTURE_TEARDOWN(token)
{
	close(self->vf);
	EXPECT_EQ(0, pci_write(self->pf_bdf, "sriov_numvfs", "0"));
	close(self->pf);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

static int make_vf(const char *pf_bdf, char *vf_bdf, size_t size)
{
	must(pci_write(pf_bdf, "sriov_numvfs", "1"));
	must(pci_link(pf_bdf, "virtfn0", vf_bdf, size));
	return vfio_cdev_open(vf_bdf);
}

TEST_F_TIMEOUT(token, vf_needs_the_token_of_its_pf, TEST_SECONDS)
{
	char expected[64];

	/* A PF without VFs in use takes any token, and it is the one then. */
	ASSERT_EQ(0, bind_token(self->pf, self->iommufd, secret));
	self->vf =
		must(make_vf(self->pf_bdf, self->vf_bdf, sizeof(self->vf_bdf)));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, NULL));
	snprintf(expected, sizeof(expected), "VF token needed, PF %s",
		 self->pf_bdf);
	EXPECT_TRUE(refused(self->vf, "BIND EACCES", expected));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, guess));
	EXPECT_TRUE(refused(self->vf, "BIND EACCES", "not the VF token"));
	EXPECT_EQ(0, bind_token(self->vf, self->iommufd, secret));
}

/* Who does not know it is told nothing else. */
TEST_F_TIMEOUT(token, wrong_token_is_refused_before_all_else, TEST_SECONDS)
{
	int other;

	ASSERT_EQ(0, bind_token(self->pf, self->iommufd, secret));
	self->vf =
		must(make_vf(self->pf_bdf, self->vf_bdf, sizeof(self->vf_bdf)));
	EXPECT_EQ(-EACCES, bind_token(self->vf, 1000, guess));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->pf, guess));
	EXPECT_EQ(-EACCES, bind_token(self->vf, 1000, NULL));
	EXPECT_EQ(-EBADF, bind_token(self->vf, 1000, secret));
	EXPECT_EQ(-EBADFD, bind_token(self->vf, self->pf, secret));
	/* in use by another file */
	ASSERT_EQ(0, bind_token(self->vf, self->iommufd, secret));
	other = must(vfio_cdev_open(self->vf_bdf));
	EXPECT_EQ(-EACCES, bind_token(other, self->iommufd, guess));
	EXPECT_EQ(-EACCES, bind_token(other, 1000, NULL));
	EXPECT_EQ(-EINVAL, bind_token(other, self->iommufd, secret));
	close(other);
}

TEST_F_TIMEOUT(token, token_that_nobody_chose_is_not_known, TEST_SECONDS)
{
	static const __u8 zeros[16];

	/* leaves the token as it was: a random one */
	ASSERT_EQ(0, bind_token(self->pf, self->iommufd, NULL));
	self->vf =
		must(make_vf(self->pf_bdf, self->vf_bdf, sizeof(self->vf_bdf)));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, NULL));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, guess));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, zeros));
}

TEST_F_TIMEOUT(token, vf_needs_a_token_also_while_its_pf_is_unused,
	       TEST_SECONDS)
{
	self->vf =
		must(make_vf(self->pf_bdf, self->vf_bdf, sizeof(self->vf_bdf)));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, NULL));
	EXPECT_EQ(-EACCES, bind_token(self->vf, self->iommufd, guess));
}

/* The token stays when the PF is closed. It is refused before it is reset. */
TEST_F_TIMEOUT(token, pf_needs_the_token_while_a_vf_is_used, TEST_SECONDS)
{
	must(bind_token(self->pf, self->iommufd, secret));
	close(self->pf);
	self->pf = must(vfio_cdev_open(self->pf_bdf));
	self->vf =
		must(make_vf(self->pf_bdf, self->vf_bdf, sizeof(self->vf_bdf)));
	ASSERT_EQ(0, bind_token(self->vf, self->iommufd, secret));
	EXPECT_EQ(-EACCES, bind_token(self->pf, self->iommufd, NULL));
	EXPECT_EQ(-EACCES, bind_token(self->pf, self->iommufd, guess));
}

TEST_F_TIMEOUT(token, unreadable_token_faults, TEST_SECONDS)
{
	EXPECT_EQ(-EFAULT,
		  bind_token(self->pf, self->iommufd, memory_hole(PAGE_SIZE)));
	EXPECT_EQ(0, bind_token(self->pf, self->iommufd, NULL));
}

/* The PF with the driver of the kernel, the VF with us: no secret to share */
FIXTURE(native_pf)
{
	char vf_bdf[16];
	const char *pf_bdf;
	int iommufd;
	int vf;
};

FIXTURE_SETUP(native_pf)
{
	self->pf_bdf = pf_address();
	need(self->pf_bdf, "NVME with a VF, on vfio-pci");
	must(pci_driver_set(self->pf_bdf, ""));
	must(pci_write(self->pf_bdf, "sriov_drivers_autoprobe", "0"));
	must(pci_write(self->pf_bdf, "sriov_numvfs", "1"));
	must(pci_link(self->pf_bdf, "virtfn0", self->vf_bdf,
		      sizeof(self->vf_bdf)));
	must(pci_driver_set(self->vf_bdf, DRIVER));
	self->iommufd = must(iommufd_open());
	self->vf = must(vfio_cdev_open(self->vf_bdf));
}

FIXTURE_TEARDOWN(native_pf)
{
	close(self->vf);
	close(self->iommufd);
	EXPECT_EQ(0, pci_write(self->pf_bdf, "sriov_numvfs", "0"));
	EXPECT_EQ(0, pci_write(self->pf_bdf, "sriov_drivers_autoprobe", "1"));
	EXPECT_EQ(0, pci_driver_set(self->pf_bdf, DRIVER));
}

TEST_F_TIMEOUT(native_pf, token_has_no_meaning, TEST_SECONDS)
{
	ASSERT_FALSE(pci_driver_is(self->pf_bdf, DRIVER));
	EXPECT_EQ(-EINVAL, bind_token(self->vf, self->iommufd, secret));
	EXPECT_EQ(0, bind_token(self->vf, self->iommufd, NULL));
}

TEST_HARNESS_MAIN
