// SPDX-License-Identifier: GPL-2.0
/*
 * The attribute availability: each answer that it has, next to what a bind meets.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/capability.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/vfio_device.h"

#define VFIO_DRIVER "vfio-pci"
/* Uses the DMA API for all the kernel knows, and takes any device */
#define OTHER_DRIVER "uio_pci_generic"
#define UNSAFE_INTERRUPTS "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
#define UNSAFE_NOIOMMU "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* What "cat" says, without the end of the line */
static int availability_read(const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "/sys/class/vfio-dev/%s/availability", name);
	ret = file_read(path, text, size);
	if (!ret)
		text[strcspn(text, "\n")] = '\0';
	return ret;
}

/* Of a PCI device, in a buffer that the next call uses again */
static const char *availability(const char *bdf)
{
	static char text[4096];
	char name[32];

	must(vfio_cdev_name(bdf, name, sizeof(name)));
	must(availability_read(name, text, sizeof(text)));
	return text;
}

static bool begins(const char *text, const char *words)
{
	return !strncmp(text, words, strlen(words));
}

/* The number of the context in the answer; 0 without one */
static unsigned long answer_context(const char *text)
{
	const char *word = strstr(text, " iommufd-ctx=");

	return word ? strtoul(strchr(word, '=') + 1, NULL, 10) : 0;
}

FIXTURE(alone)
{
	struct pci_device pci;
	int iommufd;
};

FIXTURE_SETUP(alone)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->iommufd = must(iommufd_open());
}

FIXTURE_TEARDOWN(alone)
{
	close(self->iommufd);
}

TEST_F_TIMEOUT(alone, free_device_can_be_bound, TEST_SECONDS)
{
	__u32 dev_id;
	int device;

	EXPECT_STREQ("free", availability(self->pci.bdf));
	device = must(vfio_cdev_open(self->pci.bdf));
	/* Open is not bound. */
	EXPECT_STREQ("free", availability(self->pci.bdf));
	EXPECT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	close(device);
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

TEST_F_TIMEOUT(alone, bound_device_is_taken, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci.bdf));
	int other = must(vfio_cdev_open(self->pci.bdf));
	__u32 dev_id;

	ASSERT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	EXPECT_TRUE(begins(availability(self->pci.bdf),
			   "taken by=device iommufd-ctx="));
	EXPECT_NE(0, answer_context(availability(self->pci.bdf)));
	EXPECT_EQ(-EINVAL, vfio_bind(other, self->iommufd, &dev_id));
	close(other);
	close(device);
}

TEST_F_TIMEOUT(alone, open_group_takes_the_device, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci.bdf));
	int group = must(vfio_group_open(self->pci.group));
	__u32 dev_id, ioas_id;

	EXPECT_STREQ("taken by=group", availability(self->pci.bdf));
	EXPECT_EQ(-EBUSY, vfio_bind(device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	must(vfio_group_set_container(group, self->iommufd));
	EXPECT_STREQ("taken by=group through=iommufd",
		     availability(self->pci.bdf));
	must(vfio_group_unset_container(group));
	close(group);
	EXPECT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	close(device);
}

TEST_F_TIMEOUT(alone, device_of_a_group_on_an_iommufd_has_its_context,
	       TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	int device;
	__u32 ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	must(vfio_group_set_container(group, self->iommufd));
	device = must(vfio_group_device(group, self->pci.bdf));
	EXPECT_NE(0, answer_context(availability(self->pci.bdf)));
	close(device);
	close(group);
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

TEST_F_TIMEOUT(alone, container_takes_the_device, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci.bdf));
	int container = must(vfio_container_open());
	int group = must(vfio_group_open(self->pci.group));
	bool iommufd = vfio_container_is_iommufd(container);
	__u32 dev_id;

	must(vfio_group_set_container(group, container));
	EXPECT_STREQ(iommufd ? "taken by=group through=iommufd" :
			       "taken by=group through=container",
		     availability(self->pci.bdf));
	EXPECT_EQ(-EBUSY, vfio_bind(device, self->iommufd, &dev_id));
	close(group);
	close(container);
	close(device);
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

/* It says nothing of a process, so that it need not ask who reads. */
TEST_F_TIMEOUT(alone, everybody_may_read_it, TEST_SECONDS)
{
	char path[PATH_MAX], name[32];
	struct stat status;

	must(vfio_cdev_name(self->pci.bdf, name, sizeof(name)));
	snprintf(path, sizeof(path), "/sys/class/vfio-dev/%s/availability", name);
	ASSERT_EQ(0, stat(path, &status));
	EXPECT_EQ(0444, status.st_mode & 07777);
	must(errno_of(setuid(65534)));
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

/* Where the platform does not isolate interrupts a module parameter decides. */
TEST_F_TIMEOUT(alone, interrupts_that_are_not_isolated, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci.bdf));
	char former[8];
	__u32 dev_id;
	int ret;

	ASSERT_EQ(0, file_read(UNSAFE_INTERRUPTS, former, sizeof(former)));
	ASSERT_EQ(0, file_write(UNSAFE_INTERRUPTS, "N"));
	ret = vfio_bind(device, self->iommufd, &dev_id);
	if (ret) {
		EXPECT_EQ(-EPERM, ret);
		EXPECT_STREQ("blocked by=interrupts",
			     availability(self->pci.bdf));
	}
	EXPECT_EQ(0, file_write(UNSAFE_INTERRUPTS, former));
	close(device);
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

/* Reads it without an end, until there is nothing to read. */
struct reader {
	char name[32];
	unsigned long reads;
	bool done;
};

static void *read_on(void *data)
{
	struct reader *reader = data;
	char text[256];

	while (!__atomic_load_n(&reader->done, __ATOMIC_RELAXED)) {
		availability_read(reader->name, text, sizeof(text));
		reader->reads++;
	}
	return NULL;
}

/* The device is bound and closed, given to no driver and back, in the reader's sight. */
TEST_F_TIMEOUT(alone, reading_while_the_device_comes_and_goes, TEST_SECONDS)
{
	struct reader reader = {};
	pthread_t thread;
	int i;

	must(vfio_cdev_name(self->pci.bdf, reader.name, sizeof(reader.name)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_on, &reader));
	for (i = 0; i != 10; i++) {
		int device = must(vfio_cdev_open(self->pci.bdf));
		__u32 dev_id;

		must(vfio_bind(device, self->iommufd, &dev_id));
		close(device);
		must(pci_driver_write(VFIO_DRIVER, "unbind", self->pci.bdf));
		must(pci_driver_write(VFIO_DRIVER, "bind", self->pci.bdf));
	}
	__atomic_store_n(&reader.done, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_LT(0, reader.reads);
	EXPECT_STREQ("free", availability(self->pci.bdf));
}

FIXTURE(pair)
{
	struct pci_device pci[2];
	int iommufd;
};

FIXTURE_SETUP(pair)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_in_pair(&list, 0), "two edu devices in one group");
	self->pci[0] = *edu_in_pair(&list, 0);
	self->pci[1] = *edu_in_pair(&list, 1);
	self->iommufd = must(iommufd_open());
}

FIXTURE_TEARDOWN(pair)
{
	close(self->iommufd);
}

TEST_F_TIMEOUT(pair, device_of_a_bound_group_is_shared, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci[0].bdf));
	int second = must(vfio_cdev_open(self->pci[1].bdf));
	int other = must(iommufd_open());
	unsigned long context;
	__u32 dev_id;

	ASSERT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	context = answer_context(availability(self->pci[0].bdf));
	EXPECT_TRUE(begins(availability(self->pci[1].bdf), "shared "));
	EXPECT_EQ(context, answer_context(availability(self->pci[1].bdf)));
	EXPECT_EQ(-EPERM, vfio_bind(second, other, &dev_id));
	EXPECT_EQ(0, vfio_bind(second, self->iommufd, &dev_id));
	EXPECT_TRUE(begins(availability(self->pci[1].bdf), "taken by=device "));
	EXPECT_EQ(context, answer_context(availability(self->pci[1].bdf)));
	close(other);
	close(second);
	close(device);
	EXPECT_STREQ("free", availability(self->pci[1].bdf));
}

TEST_F_TIMEOUT(pair, open_group_takes_all_of_it, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci[0].group));

	EXPECT_STREQ("taken by=group", availability(self->pci[0].bdf));
	EXPECT_STREQ("taken by=group", availability(self->pci[1].bdf));
	close(group);
}

TEST_F_TIMEOUT(pair, driver_of_the_group_is_named, TEST_SECONDS)
{
	char expected[128];
	__u32 dev_id;
	int device;

	need(!system("modprobe " OTHER_DRIVER), "CONFIG_UIO_PCI_GENERIC");
	must(pci_driver_set(self->pci[1].bdf, OTHER_DRIVER));
	ASSERT_TRUE(pci_driver_is(self->pci[1].bdf, OTHER_DRIVER));
	snprintf(expected, sizeof(expected),
		 "blocked by=driver device=%s driver=" OTHER_DRIVER,
		 self->pci[1].bdf);
	EXPECT_STREQ(expected, availability(self->pci[0].bdf));
	device = must(vfio_cdev_open(self->pci[0].bdf));
	EXPECT_EQ(-EPERM, vfio_bind(device, self->iommufd, &dev_id));
	must(pci_driver_set(self->pci[1].bdf, VFIO_DRIVER));
	EXPECT_STREQ("free", availability(self->pci[0].bdf));
	EXPECT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	close(device);
}

/* The other way about: the owner keeps that driver out. */
TEST_F_TIMEOUT(pair, driver_that_is_refused_is_not_named, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci[0].bdf));
	__u32 dev_id;

	need(!system("modprobe " OTHER_DRIVER), "CONFIG_UIO_PCI_GENERIC");
	ASSERT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	pci_driver_set(self->pci[1].bdf, OTHER_DRIVER);
	EXPECT_FALSE(pci_driver_is(self->pci[1].bdf, OTHER_DRIVER));
	EXPECT_TRUE(begins(availability(self->pci[0].bdf), "taken by=device "));
	close(device);
	EXPECT_STREQ("free", availability(self->pci[0].bdf));
	must(pci_driver_set(self->pci[1].bdf, VFIO_DRIVER));
	EXPECT_STREQ("free", availability(self->pci[1].bdf));
}

TEST(device_without_an_iommu_is_blocked)
{
	const char *bdf = getenv("BARE");
	char former[8];

	need(bdf && *bdf, "BARE, a pci-testdev without an IOMMU");
	need(!access(UNSAFE_NOIOMMU, W_OK), UNSAFE_NOIOMMU);
	ASSERT_EQ(0, file_read(UNSAFE_NOIOMMU, former, sizeof(former)));
	must(file_write(UNSAFE_NOIOMMU, "Y"));
	must(pci_driver_set(bdf, VFIO_DRIVER));
	EXPECT_STREQ("blocked by=no-iommu", availability(bdf));
	must(pci_driver_set(bdf, ""));
	must(file_write(UNSAFE_NOIOMMU, former));
}

/* One that does no DMA */
TEST(emulated_device)
{
	static const char sysfs[] = "/sys/bus/platform/devices/vfio_test.0";
	int iommufd, device;
	char name[32];
	char text[64];
	__u32 dev_id;
	FILE *list;

	need(!system("modprobe vfio_test"), "CONFIG_VFIO_TEST");
	list = popen("ls /sys/bus/platform/devices/vfio_test.0/vfio-dev", "r");
	ASSERT_NE(NULL, list);
	ASSERT_EQ(1, fscanf(list, "%31s", name));
	pclose(list);
	ASSERT_EQ(0, availability_read(name, text, sizeof(text)));
	EXPECT_STREQ("free", text);
	iommufd = must(iommufd_open());
	device = must(vfio_cdev_open_sysfs(sysfs));
	ASSERT_EQ(0, vfio_bind(device, iommufd, &dev_id));
	ASSERT_EQ(0, availability_read(name, text, sizeof(text)));
	EXPECT_STREQ("taken by=device", text);
	close(device);
	close(iommufd);
	ASSERT_EQ(0, availability_read(name, text, sizeof(text)));
	EXPECT_STREQ("free", text);
	EXPECT_EQ(0, system("rmmod vfio_test"));
}

TEST_HARNESS_MAIN
