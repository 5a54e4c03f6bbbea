// SPDX-License-Identifier: GPL-2.0
/*
 * Emulated devices on an iommufd: the sample drivers for mediated devices, each
 * through its character device and through its group.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/fdinfo.h"

#define PARENTS "/sys/class/mdev_bus"
#define DEVICES "/sys/bus/mdev/devices"
#define COOKIE 0xc0ffee00c0ffeeULL
#define UUID_LENGTH 36

/* A kind of device, and the PCI vendor by which it is recognised */
struct mdev_kind {
	const char *module;
	const char *type;
	__u16 vendor;
};

struct mdev {
	char uuid[UUID_LENGTH + 1];
	char sysfs[PATH_MAX];
};

static bool module_load(const char *name)
{
	char command[64], path[64];

	snprintf(path, sizeof(path), PARENTS "/%s", name);
	snprintf(command, sizeof(command), "modprobe %s", name);
	return !system(command) && !access(path, F_OK);
}

static int module_remove(const char *name)
{
	return errno_of(syscall(SYS_delete_module, name, O_NONBLOCK));
}

/* The UUID has the process in it: a test that ends early is in nobody's way. */
static int mdev_create(struct mdev *mdev, const struct mdev_kind *kind,
		       unsigned int number)
{
	char path[PATH_MAX];

	snprintf(mdev->uuid, sizeof(mdev->uuid),
		 "6d646576-0000-4000-8000-%08x%04x", getpid(), number);
	snprintf(mdev->sysfs, sizeof(mdev->sysfs), DEVICES "/%s", mdev->uuid);
	snprintf(path, sizeof(path), PARENTS "/%s/mdev_supported_types/%s/create",
		 kind->module, kind->type);
	return file_write(path, mdev->uuid);
}

static int mdev_remove(const struct mdev *mdev)
{
	char path[PATH_MAX + sizeof("/remove")];

	snprintf(path, sizeof(path), "%s/remove", mdev->sysfs);
	return file_write(path, "1");
}

static int mdev_group_open(const struct mdev *mdev)
{
	char path[PATH_MAX + sizeof("/iommu_group")], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s/iommu_group", mdev->sysfs);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	return vfio_group_open(atoi(basename(target)));
}

static bool works(int device, const struct mdev_kind *kind)
{
	struct vfio_region_info config;
	struct vfio_device_info info;
	__u16 vendor;

	return !vfio_device_info(device, &info) &&
	       info.flags & VFIO_DEVICE_FLAGS_PCI &&
	       !vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &config) &&
	       pread(device, &vendor, 2, config.offset) == 2 &&
	       vendor == kind->vendor;
}

/* Two devices of a kind, and two spaces of one context */
FIXTURE(mdev)
{
	struct mdev mdev[2];
	int iommufd;
	int device;
	__u32 ioas_id[2];
};

FIXTURE_VARIANT(mdev)
{
	struct mdev_kind kind;
};

FIXTURE_VARIANT_ADD(mdev, mtty)
{
	.kind = { "mtty", "mtty-1", 0x4348 },
};

FIXTURE_VARIANT_ADD(mdev, mdpy)
{
	.kind = { "mdpy", "mdpy-vga", 0x1b36 },
};

FIXTURE_VARIANT_ADD(mdev, mbochs)
{
	.kind = { "mbochs", "mbochs-small", 0x1234 },
};

FIXTURE_SETUP(mdev)
{
	need(module_load(variant->kind.module), "a sample driver for mdev");
	must(mdev_create(&self->mdev[0], &variant->kind, 0));
	must(mdev_create(&self->mdev[1], &variant->kind, 1));
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id[0]));
	must(ioas_alloc(self->iommufd, &self->ioas_id[1]));
	self->device = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
}

FIXTURE_TEARDOWN(mdev)
{
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, mdev_remove(&self->mdev[0]));
	EXPECT_EQ(0, mdev_remove(&self->mdev[1]));
	EXPECT_EQ(0, module_remove(variant->kind.module));
	/* Others may use it. */
	module_remove("mdev");
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(mdev, unbound_file_accepts_nothing_but_bind, TEST_SECONDS)
{
	struct vfio_device_info info;
	char byte = 0;

	EXPECT_EQ(-EINVAL, errno_of(pread(self->device, &byte, 1, 0)));
	EXPECT_EQ(-EINVAL, errno_of(pwrite(self->device, &byte, 1, 0)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
				   self->device, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, vfio_device_info(self->device, &info));
	EXPECT_EQ(-EINVAL, vfio_attach_to(self->device, self->ioas_id[0]));
	EXPECT_EQ(-EINVAL, vfio_detach(self->device));
}

TEST_F_TIMEOUT(mdev, bound_device_works_before_attach, TEST_SECONDS)
{
	__u32 dev_id = 0;

	ASSERT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(works(self->device, &variant->kind));
	/* the number is of an object that only the device can take away */
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, dev_id));
	close(self->device);
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, dev_id));
	self->device = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
}

TEST_F_TIMEOUT(mdev, fdinfo_names_the_device, TEST_SECONDS)
{
	char state[FDINFO_LINE_MAX];
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-access", dev_id, "name",
				self->mdev[0].uuid));
	must(vfio_attach_to(self->device, self->ioas_id[1]));
	EXPECT_EQ(self->ioas_id[1],
		  fdinfo_number(self->iommufd, "iommufd-access", dev_id,
				"ioas"));
	must(fdinfo_value(self->device, "state", state));
	EXPECT_STREQ("attached", state);
}

TEST_F_TIMEOUT(mdev, device_is_bound_once, TEST_SECONDS)
{
	int second = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(second, self->iommufd, &dev_id));
	EXPECT_TRUE(works(self->device, &variant->kind));
	close(second);
}

TEST_F_TIMEOUT(mdev, refused_bind_changes_nothing, TEST_SECONDS)
{
	static const __u8 token[16];
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN |
			 VFIO_DEVICE_BIND_FLAG_COOKIE,
		.iommufd = self->iommufd,
		.token_uuid_ptr = (uintptr_t)token,
		.dev_cookie = COOKIE,
	};
	void *readonly;
	__u32 dev_id;

	/* no emulated device has virtual functions, hence none knows tokens */
	EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	arg.flags = VFIO_DEVICE_BIND_FLAG_COOKIE;
	readonly = memory_readonly_copy(&arg, sizeof(arg));
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, readonly));
	EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &dev_id));
	EXPECT_EQ(0, vfio_bind_arg(self->device, &arg));
	EXPECT_TRUE(works(self->device, &variant->kind));
}

TEST_F_TIMEOUT(mdev, cookie_finds_the_device, TEST_SECONDS)
{
	int second = must(vfio_cdev_open_sysfs(self->mdev[1].sysfs));
	int other = must(iommufd_open());
	__u32 dev_id, found;

	EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &found));
	ASSERT_EQ(0, vfio_bind_cookie(self->device, self->iommufd, COOKIE,
				      &dev_id));
	ASSERT_EQ(0, device_find(self->iommufd, COOKIE, &found));
	EXPECT_EQ(dev_id, found);
	/* one name, one device, in one context */
	EXPECT_EQ(-EEXIST, vfio_bind_cookie(second, self->iommufd, COOKIE,
					    &found));
	EXPECT_EQ(-ENOENT, device_find(other, COOKIE, &found));
	ASSERT_EQ(0, vfio_bind_cookie(second, other, COOKIE, &dev_id));
	ASSERT_EQ(0, device_find(other, COOKIE, &found));
	EXPECT_EQ(dev_id, found);
	close(second);
	EXPECT_EQ(-ENOENT, device_find(other, COOKIE, &found));
	EXPECT_EQ(0, device_find(self->iommufd, COOKIE, &found));
	close(other);
}

TEST_F_TIMEOUT(mdev, cookies_are_shared_with_real_devices, TEST_SECONDS)
{
	struct edu_list list;
	__u32 dev_id, found;
	int edu;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	edu = must(vfio_cdev_open(edu_alone(&list, 0)->bdf));
	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &dev_id));
	EXPECT_EQ(-EEXIST,
		  vfio_bind_cookie(edu, self->iommufd, COOKIE, &found));
	must(vfio_bind_cookie(edu, self->iommufd, COOKIE + 1, &found));
	close(self->device);
	self->device = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
	EXPECT_EQ(-EEXIST, vfio_bind_cookie(self->device, self->iommufd,
					    COOKIE + 1, &found));
	EXPECT_EQ(0, vfio_bind_cookie(self->device, self->iommufd, COOKIE,
				      &dev_id));
	close(edu);
}

TEST_F_TIMEOUT(mdev, attach_to_ioas_makes_it_busy, TEST_SECONDS)
{
	__u32 dev_id, pt_id = self->ioas_id[0];
	char *memory = memory_alloc(PAGE_SIZE);

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_map_fixed(self->iommufd, self->ioas_id[0], memory, PAGE_SIZE,
			    0));
	ASSERT_EQ(0, vfio_attach(self->device, &pt_id));
	EXPECT_EQ(self->ioas_id[0], pt_id);
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	/* there is no page table that would need the memory to stay */
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, vfio_attach(self->device, &pt_id));
	EXPECT_EQ(self->ioas_id[0], pt_id);
	EXPECT_EQ(0, ioas_unmap(self->iommufd, self->ioas_id[0], 0, PAGE_SIZE,
				NULL));
	EXPECT_TRUE(works(self->device, &variant->kind));
}

/* The samples do not pin, so that nothing has to consist of pages. */
TEST_F_TIMEOUT(mdev, unaligned_mapping_is_in_nobodys_way, TEST_SECONDS)
{
	char *memory = memory_alloc(PAGE_SIZE);
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_map_fixed(self->iommufd, self->ioas_id[0], memory + 3, 100,
			    7));
	EXPECT_EQ(0, vfio_attach_to(self->device, self->ioas_id[0]));
	EXPECT_EQ(0, ioas_map_fixed(self->iommufd, self->ioas_id[0],
				    memory + 1, 100, 1001));
}

TEST_F_TIMEOUT(mdev, attach_moves_the_device, TEST_SECONDS)
{
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(vfio_attach_to(self->device, self->ioas_id[0]));
	ASSERT_EQ(0, vfio_attach_to(self->device, self->ioas_id[1]));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id[1]));
	/* a failure leaves it where it is */
	EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, self->ioas_id[0]));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id[1]));
	EXPECT_TRUE(works(self->device, &variant->kind));
}

TEST_F_TIMEOUT(mdev, attach_takes_nothing_but_an_ioas, TEST_SECONDS)
{
	struct edu_list list;
	__u32 dev_id, edu_id, hwpt_id;
	unsigned int pass;
	int edu;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	edu = must(vfio_cdev_open(edu_alone(&list, 0)->bdf));
	must(vfio_bind(edu, self->iommufd, &edu_id));
	must(hwpt_alloc(self->iommufd, edu_id, self->ioas_id[0], &hwpt_id));
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	for (pass = 0; pass < 2; pass++) {
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, hwpt_id));
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, edu_id));
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, dev_id));
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, 0));
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, UINT32_MAX));
		if (!pass)
			must(vfio_attach_to(self->device, self->ioas_id[1]));
	}
	/* nor is an access a device that a table could be made for */
	EXPECT_EQ(-ENOENT, hwpt_alloc(self->iommufd, dev_id, self->ioas_id[0],
				      &hwpt_id));
	close(edu);
}

TEST_F_TIMEOUT(mdev, detach_lets_go_of_the_ioas, TEST_SECONDS)
{
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(0, vfio_detach(self->device));
	must(vfio_attach_to(self->device, self->ioas_id[0]));
	EXPECT_EQ(0, vfio_detach(self->device));
	EXPECT_EQ(0, vfio_detach(self->device));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	EXPECT_TRUE(works(self->device, &variant->kind));
	EXPECT_EQ(0, vfio_attach_to(self->device, self->ioas_id[1]));
}

TEST_F_TIMEOUT(mdev, closed_device_needs_no_detach, TEST_SECONDS)
{
	__u32 dev_id;

	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &dev_id));
	must(vfio_attach_to(self->device, self->ioas_id[0]));
	close(self->device);
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &dev_id));
	self->device = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
}

TEST_F_TIMEOUT(mdev, device_lives_on_without_the_iommufd_fd, TEST_SECONDS)
{
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(vfio_attach_to(self->device, self->ioas_id[0]));
	close(self->iommufd);
	EXPECT_TRUE(works(self->device, &variant->kind));
	EXPECT_EQ(0, vfio_attach_to(self->device, self->ioas_id[1]));
	self->iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(mdev, open_file_keeps_the_module, TEST_SECONDS)
{
	EXPECT_EQ(-EAGAIN, module_remove(variant->kind.module));
}

TEST_F_TIMEOUT(mdev, group_and_cdev_exclude_each_other, TEST_SECONDS)
{
	int group = mdev_group_open(&self->mdev[0]);
	__u32 dev_id;

	ASSERT_LE(0, group);
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	close(group);
	ASSERT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EBUSY, mdev_group_open(&self->mdev[0]));
	/* the other device has a group of its own */
	group = mdev_group_open(&self->mdev[1]);
	EXPECT_LE(0, group);
	close(group);
	close(self->device);
	group = mdev_group_open(&self->mdev[0]);
	EXPECT_LE(0, group);
	close(group);
	self->device = must(vfio_cdev_open_sysfs(self->mdev[0].sysfs));
}

TEST_F_TIMEOUT(mdev, group_opens_the_device_on_an_iommufd, TEST_SECONDS)
{
	int group = must(mdev_group_open(&self->mdev[0]));
	int device, second;
	__u32 dev_id;

	must(vfio_ioas_set(self->iommufd, self->ioas_id[0]));
	ASSERT_EQ(0, vfio_group_set_container(group, self->iommufd));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[1]));
	device = vfio_group_device(group, self->mdev[0].uuid);
	ASSERT_LE(0, device);
	EXPECT_TRUE(works(device, &variant->kind));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	EXPECT_EQ(-EINVAL, vfio_bind(device, self->iommufd, &dev_id));
	second = vfio_group_device(group, self->mdev[0].uuid);
	ASSERT_LE(0, second);
	close(device);
	close(group);
	EXPECT_TRUE(works(second, &variant->kind));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, self->ioas_id[0]));
	close(second);
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[0]));
}

TEST_F_TIMEOUT(mdev, group_needs_the_compatibility_ioas, TEST_SECONDS)
{
	int group = must(mdev_group_open(&self->mdev[0]));

	must(vfio_group_set_container(group, self->iommufd));
	must(vfio_ioas_clear(self->iommufd));
	EXPECT_EQ(-ENODEV, vfio_group_device(group, self->mdev[0].uuid));
	close(group);
}

TEST_F_TIMEOUT(mdev, container_works_as_ever, TEST_SECONDS)
{
	int group = must(mdev_group_open(&self->mdev[0]));
	int container = must(vfio_container_open());
	int device;

	must(vfio_group_set_container(group, container));
	must(errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	device = vfio_group_device(group, self->mdev[0].uuid);
	ASSERT_LE(0, device);
	EXPECT_TRUE(works(device, &variant->kind));
	close(device);
	close(group);
	close(container);
}

/* The serial port sends what it was sent back. */
static bool sends_back(int device, const char *text)
{
	struct vfio_region_info port;
	__u8 byte;
	size_t i;

	if (vfio_region(device, VFIO_PCI_BAR0_REGION_INDEX, &port))
		return false;
	for (i = 0; text[i]; i++)
		if (pwrite(device, &text[i], 1, port.offset + UART_TX) != 1)
			return false;
	for (i = 0; text[i]; i++) {
		if (pread(device, &byte, 1, port.offset + UART_LSR) != 1 ||
		    !(byte & UART_LSR_DR) ||
		    pread(device, &byte, 1, port.offset + UART_RX) != 1 ||
		    byte != (__u8)text[i])
			return false;
	}
	return pread(device, &byte, 1, port.offset + UART_LSR) == 1 &&
	       !(byte & UART_LSR_DR);
}

FIXTURE(serial)
{
	struct mdev_kind kind;
	struct mdev mdev;
	int iommufd;
	int device;
};

FIXTURE_SETUP(serial)
{
	self->kind = (struct mdev_kind){ "mtty", "mtty-2", 0x4348 };
	need(module_load(self->kind.module), "a sample driver for mdev");
	must(mdev_create(&self->mdev, &self->kind, 0));
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open_sysfs(self->mdev.sysfs));
}

FIXTURE_TEARDOWN(serial)
{
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, mdev_remove(&self->mdev));
	EXPECT_EQ(0, module_remove(self->kind.module));
	module_remove("mdev");
}

TEST_F_TIMEOUT(serial, works_from_bind_to_close, TEST_SECONDS)
{
	__u32 dev_id, ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(sends_back(self->device, "bound"));
	must(vfio_attach_to(self->device, ioas_id));
	EXPECT_TRUE(sends_back(self->device, "attached"));
	must(vfio_detach(self->device));
	EXPECT_TRUE(sends_back(self->device, "detached"));
}

TEST_F_TIMEOUT(serial, works_through_the_group, TEST_SECONDS)
{
	int group = must(mdev_group_open(&self->mdev));
	int device;

	must(vfio_group_set_container(group, self->iommufd));
	device = must(vfio_group_device(group, self->mdev.uuid));
	EXPECT_TRUE(sends_back(device, "group"));
	close(group);
	EXPECT_TRUE(sends_back(device, "device"));
	close(device);
}

TEST_HARNESS_MAIN
