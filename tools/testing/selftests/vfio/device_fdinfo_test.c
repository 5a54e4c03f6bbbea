// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc/PID/fdinfo/FD tells of a file of a device: what the device is, how far
 * the file is, and why the last call on it was refused.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/fdinfo.h"

#define COOKIE 0xc0ffee00c0ffeeULL
#define COOKIE_TEXT "0x00c0ffee00c0ffee"
#define NOBODY 1000
/* One that has no use for a device, and does not say that it leaves its DMA alone */
#define NATIVE_DRIVER "pci-pf-stub"
#define ROUNDS 60
/* A user without any rights */
#define STRANGER 54321

FIXTURE(device_fdinfo)
{
	struct edu_list list;
	struct pci_device pci;
	int iommufd;
	int device;
	__u32 ioas_id;
};

FIXTURE_SETUP(device_fdinfo)
{
	edu_list_read(&self->list);
	need(edu_alone(&self->list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&self->list, 0);
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

FIXTURE_TEARDOWN(device_fdinfo)
{
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* Is that the value of the line? */
static bool line_is(int fd, const char *key, const char *expected)
{
	char value[FDINFO_LINE_MAX];

	if (fdinfo_value(fd, key, value))
		return !expected;
	return expected && !strcmp(value, expected);
}

static bool line_is_number(int fd, const char *key, __u32 expected)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", expected);
	return line_is(fd, key, text);
}

TEST_F_TIMEOUT(device_fdinfo, path_is_that_of_the_device, TEST_SECONDS)
{
	char path[PATH_MAX], link[64];
	__u32 dev_id;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s", self->pci.bdf);
	ASSERT_NE(NULL, realpath(link, path));
	EXPECT_TRUE(line_is(self->device, "vfio-device-syspath", path));
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(line_is(self->device, "vfio-device-syspath", path));
}

TEST_F_TIMEOUT(device_fdinfo, unbound_file_has_no_context, TEST_SECONDS)
{
	EXPECT_TRUE(line_is(self->device, "state", "bind-only"));
	EXPECT_TRUE(line_is(self->device, "iommufd-ctx", NULL));
	EXPECT_TRUE(line_is(self->device, "device-id", NULL));
	EXPECT_TRUE(line_is(self->device, "cookie", NULL));
	EXPECT_TRUE(line_is(self->device, "refusals", "0"));
	EXPECT_TRUE(line_is(self->device, "last-error", NULL));
}

TEST_F_TIMEOUT(device_fdinfo, bound_and_attached, TEST_SECONDS)
{
	char number[FDINFO_LINE_MAX];
	__u32 dev_id, hwpt_id = self->ioas_id;

	must(fdinfo_value(self->iommufd, "iommufd-ctx", number));
	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &dev_id));
	EXPECT_TRUE(line_is(self->device, "state", "bound"));
	EXPECT_TRUE(line_is(self->device, "iommufd-ctx", number));
	EXPECT_TRUE(line_is_number(self->device, "device-id", dev_id));
	EXPECT_TRUE(line_is(self->device, "cookie", COOKIE_TEXT));

	must(vfio_attach(self->device, &hwpt_id));
	EXPECT_TRUE(line_is(self->device, "state", "attached"));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-device", dev_id,
				"name", self->pci.bdf));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-device", dev_id,
				"cookie", COOKIE_TEXT));
	EXPECT_EQ(hwpt_id, fdinfo_number(self->iommufd, "iommufd-device",
					 dev_id, "hwpt"));
	EXPECT_EQ(1, fdinfo_number(self->iommufd, "iommufd-hwpt", hwpt_id,
				   "devices"));
	must(vfio_detach(self->device));
	EXPECT_TRUE(line_is(self->device, "state", "bound"));
	EXPECT_EQ(-1, fdinfo_number(self->iommufd, "iommufd-device", dev_id,
				    "hwpt"));
}

TEST_F_TIMEOUT(device_fdinfo, table_names_its_iommu, TEST_SECONDS)
{
	__u32 dev_id, hwpt_id = self->ioas_id;
	char path[128], iommu[64];

	snprintf(path, sizeof(path), "iommu");
	if (pci_link(self->pci.bdf, path, iommu, sizeof(iommu)))
		SKIP(return, "the driver of the IOMMU has nothing in sysfs");
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-1, fdinfo_number(self->iommufd, "iommufd-device", dev_id,
				    "cookie"));
	must(vfio_attach(self->device, &hwpt_id));
	EXPECT_TRUE(fdinfo_says(self->iommufd, "iommufd-hwpt", hwpt_id, "iommu",
				iommu));
}

TEST_F_TIMEOUT(device_fdinfo, file_of_a_group_on_an_iommufd, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	int device;

	must(vfio_group_set_container(group, self->iommufd));
	device = must(vfio_group_device(group, self->pci.bdf));
	EXPECT_TRUE(line_is(device, "state", "attached"));
	EXPECT_FALSE(line_is(device, "device-id", NULL));
	close(device);
	close(group);
}

TEST_F_TIMEOUT(device_fdinfo, file_of_a_group_on_a_container, TEST_SECONDS)
{
	int container = vfio_container_open();
	int group, device;

	need(container >= 0, "/dev/vfio/vfio");
	if (vfio_container_is_iommufd(container))
		SKIP(return, "an iommufd serves /dev/vfio/vfio");
	group = must(vfio_group_open(self->pci.group));
	must(vfio_group_set_container(group, container));
	must(vfio_container_set_iommu(container));
	device = must(vfio_group_device(group, self->pci.bdf));
	EXPECT_TRUE(line_is(device, "state", "container"));
	EXPECT_TRUE(line_is(device, "iommufd-ctx", NULL));
	close(device);
	close(group);
	close(container);
}

static int bind_arg(FIXTURE_DATA(device_fdinfo) * self, __u32 argsz,
		    __u32 flags, int iommufd)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = argsz,
		.flags = flags,
		.iommufd = iommufd,
	};

	return vfio_bind_arg(self->device, &arg);
}

TEST_F_TIMEOUT(device_fdinfo, argument_of_bind, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, bind_arg(self, 12, 0, self->iommufd));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL", "argsz is 12"));
	EXPECT_EQ(-EINVAL, bind_arg(self, 16, 64, self->iommufd));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL", "the flags 0x40"));
	EXPECT_EQ(-EINVAL, bind_arg(self, 16, VFIO_DEVICE_BIND_FLAG_COOKIE,
				    self->iommufd));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL",
			    "argsz is 16, and with these flags the structure has 32"));
	EXPECT_EQ(-EINVAL, bind_arg(self, 16, 0, -2));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL",
			    "-2 is no file descriptor"));
	EXPECT_EQ(-EBADF, bind_arg(self, 16, 0, NOBODY));
	EXPECT_TRUE(refused(self->device, "BIND EBADF", "1000 is not open"));
	EXPECT_EQ(-EBADFD, bind_arg(self, 16, 0, self->device));
	EXPECT_TRUE(refused(self->device, "BIND EBADFD", "is no iommufd"));
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, NULL));
	EXPECT_TRUE(refused(self->device, "BIND EFAULT", "cannot be read"));
	EXPECT_TRUE(line_is(self->device, "refusals", "7"));
	/* none of it is of the iommufd */
	EXPECT_TRUE(line_is(self->iommufd, "refusals", "0"));
}

TEST_F_TIMEOUT(device_fdinfo, calls_out_of_order, TEST_SECONDS)
{
	struct vfio_device_info info;
	__u32 dev_id;

	EXPECT_EQ(-EINVAL, vfio_device_info(self->device, &info));
	EXPECT_TRUE(refused(self->device, "GET_INFO EINVAL",
			    "VFIO_DEVICE_BIND_IOMMUFD comes first"));
	EXPECT_EQ(-EINVAL, vfio_attach_to(self->device, self->ioas_id));
	EXPECT_TRUE(refused(self->device, "ATTACH EINVAL", "comes first"));
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL", "bound already"));
}

TEST_F_TIMEOUT(device_fdinfo, device_is_open, TEST_SECONDS)
{
	int other = must(vfio_cdev_open(self->pci.bdf));
	char expected[64];
	__u32 dev_id;

	snprintf(expected, sizeof(expected), "is open by process %d (",
		 getpid());
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(other, self->iommufd, &dev_id));
	EXPECT_TRUE(refused(other, "BIND EINVAL", expected));
	/* it says the same where the iommufd is looked at, and nothing here */
	EXPECT_TRUE(refused(self->iommufd, "BIND EINVAL", expected));
	EXPECT_TRUE(line_is(self->device, "last-error", NULL));
	close(other);
	/* an entry of a file that is closed is not that of the next one */
	other = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_TRUE(line_is(other, "last-error", NULL));
	close(other);
}

TEST_F_TIMEOUT(device_fdinfo, group_is_open, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	char expected[64];
	__u32 dev_id;

	snprintf(expected, sizeof(expected), "group %d is open by process %d (",
		 self->pci.group, getpid());
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(refused(self->device, "BIND EBUSY", expected));
	close(group);
	must(vfio_bind(self->device, self->iommufd, &dev_id));
}

/* With the group held by a process that says something else about itself */
static pid_t hold_group(int number, const char *name)
{
	int ready[2];
	pid_t pid;
	char byte;

	must(errno_of(pipe(ready)));
	pid = must(errno_of(fork()));
	if (!pid) {
		must(errno_of(prctl(PR_SET_NAME, name)));
		must(vfio_group_open(number));
		must(errno_of(write(ready[1], "x", 1)));
		pause();
		_exit(0);
	}
	must(errno_of(read(ready[0], &byte, 1)));
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F_TIMEOUT(device_fdinfo, name_of_a_process_makes_no_line, TEST_SECONDS)
{
	pid_t pid = hold_group(self->pci.group, "a\nstate:\t\\x\x1b[1m");
	char expected[64];
	__u32 dev_id;

	snprintf(expected, sizeof(expected),
		 "by process %d (a\\012state:\\011\\134x\\033[1m)", pid);
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(refused(self->device, "BIND EBUSY", expected));
	EXPECT_EQ(1, fdinfo_count(self->device, "state"));
	EXPECT_TRUE(line_is(self->device, "state", "bind-only"));
	end_process(pid);
}

TEST_F_TIMEOUT(device_fdinfo, processes_of_others_are_not_named, TEST_SECONDS)
{
	pid_t pid = hold_group(self->pci.group, "secret");
	int status;
	pid_t child;

	child = must(errno_of(fork()));
	if (!child) {
		char value[FDINFO_LINE_MAX];
		__u32 dev_id;

		must(errno_of(setresuid(STRANGER, STRANGER, STRANGER)));
		must(errno_of(prctl(PR_SET_DUMPABLE, 1)));
		if (vfio_bind(self->device, self->iommufd, &dev_id) != -EBUSY)
			_exit(1);
		must(fdinfo_value(self->device, "last-error", value));
		printf("# %s\n", value);
		_exit(!strstr(value, "a process of another user") ||
		      strstr(value, "secret"));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	end_process(pid);
}

TEST_F_TIMEOUT(device_fdinfo, cookie_is_taken, TEST_SECONDS)
{
	const struct pci_device *pci = edu_alone(&self->list, 1);
	char expected[64];
	__u32 dev_id, other_id;
	int other;

	need(pci, "a second edu device alone in its group");
	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &dev_id));
	other = must(vfio_cdev_open(pci->bdf));
	snprintf(expected, sizeof(expected),
		 "the cookie " COOKIE_TEXT " is that of object %u", dev_id);
	EXPECT_EQ(-EEXIST, vfio_bind_cookie(other, self->iommufd, COOKIE,
					    &other_id));
	EXPECT_TRUE(refused(other, "BIND EEXIST", expected));
	close(other);
}

TEST_F_TIMEOUT(device_fdinfo, group_belongs_to_another, TEST_SECONDS)
{
	int one, other, iommufd = must(iommufd_open());
	__u32 dev_id, one_hwpt, ioas_id;
	char expected[64];

	need(edu_in_pair(&self->list, 1), "two edu devices in one group");
	one = must(vfio_cdev_open(edu_in_pair(&self->list, 0)->bdf));
	other = must(vfio_cdev_open(edu_in_pair(&self->list, 1)->bdf));
	must(vfio_bind(one, self->iommufd, &dev_id));
	EXPECT_EQ(-EPERM, vfio_bind(other, iommufd, &dev_id));
	snprintf(expected, sizeof(expected), "the DMA of group %d, which %s",
		 edu_in_pair(&self->list, 1)->group,
		 edu_in_pair(&self->list, 1)->bdf);
	EXPECT_TRUE(refused(other, "BIND EPERM", expected));
	must(vfio_bind(other, self->iommufd, &dev_id));
	one_hwpt = self->ioas_id;
	must(vfio_attach(one, &one_hwpt));
	must(ioas_alloc(self->iommufd, &ioas_id));
	snprintf(expected, sizeof(expected),
		 "another device of group %d is attached to page table %u",
		 edu_in_pair(&self->list, 1)->group, one_hwpt);
	EXPECT_EQ(-EINVAL, vfio_attach_to(other, ioas_id));
	EXPECT_TRUE(refused(other, "ATTACH EINVAL", expected));
	close(other);
	close(one);
	close(iommufd);
}

TEST_F_TIMEOUT(device_fdinfo, group_has_a_native_driver, TEST_SECONDS)
{
	const struct pci_device *user = edu_in_pair(&self->list, 0);
	const struct pci_device *native = edu_in_pair(&self->list, 1);
	char expected[96];
	__u32 dev_id;
	int device;

	need(native, "two edu devices in one group");
	need(!system("modprobe " NATIVE_DRIVER), NATIVE_DRIVER);
	must(pci_driver_set(native->bdf, NATIVE_DRIVER));
	device = must(vfio_cdev_open(user->bdf));
	snprintf(expected, sizeof(expected),
		 "%s of the same group is driven by " NATIVE_DRIVER,
		 native->bdf);
	EXPECT_EQ(-EPERM, vfio_bind(device, self->iommufd, &dev_id));
	EXPECT_TRUE(refused(device, "BIND EPERM", expected));
	must(pci_driver_set(native->bdf, "vfio-pci"));
	EXPECT_EQ(0, vfio_bind(device, self->iommufd, &dev_id));
	close(device);
}

TEST_F_TIMEOUT(device_fdinfo, token_that_nobody_asked_for, TEST_SECONDS)
{
	__u8 token[16] = { 1 };
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = self->iommufd,
		.token_uuid_ptr = (uintptr_t)token,
	};
	char expected[64];

	snprintf(expected, sizeof(expected),
		 "a VF token is given, and %s has none", self->pci.bdf);
	EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	EXPECT_TRUE(refused(self->device, "BIND EINVAL", expected));
}

TEST_F_TIMEOUT(device_fdinfo, attach, TEST_SECONDS)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = 4 };
	__u64 start, last;
	char expected[128];
	void *memory;
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, NOBODY));
	EXPECT_TRUE(refused(self->device, "ATTACH ENOENT",
			    "no object has the number 1000"));
	EXPECT_EQ(-EINVAL, vfio_attach_to(self->device, dev_id));
	EXPECT_TRUE(refused(self->device, "ATTACH EINVAL",
			    "is a device: devices attach to an IOAS or a page table"));
	EXPECT_EQ(-EINVAL,
		  errno_of(ioctl(self->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				 &arg)));
	EXPECT_TRUE(refused(self->device, "ATTACH EINVAL", "argsz is 4"));
	EXPECT_TRUE(refused(self->iommufd, "ATTACH EINVAL", "argsz is 4"));

	need(!pci_interrupt_window(&self->pci, &start, &last),
	     "a window for interrupts");
	memory = memory_alloc(PAGE_SIZE);
	must(ioas_map_fixed(self->iommufd, self->ioas_id, memory, PAGE_SIZE,
			    start));
	snprintf(expected, sizeof(expected),
		 "0x%llx..0x%llx is mapped or allowed, where %s has its interrupts",
		 start, start + PAGE_SIZE - 1, self->pci.bdf);
	EXPECT_EQ(-EADDRINUSE, vfio_attach_to(self->device, self->ioas_id));
	EXPECT_TRUE(refused(self->device, "ATTACH EADDRINUSE", expected));
	EXPECT_TRUE(line_is(self->device, "state", "bound"));
}

/* Looked at while the file becomes what it was not, and goes */
struct watch {
	atomic_int fd;
	atomic_bool done;
	unsigned long seen;
};

static void *watch_thread(void *data)
{
	struct watch *watch = data;
	char path[64], text[4096];

	while (!watch->done) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
			 (int)watch->fd);
		if (!file_read(path, text, sizeof(text)))
			watch->seen++;
	}
	return NULL;
}

/* Who reads keeps the file that was closed: its device is free a moment later. */
static int bind_when_free(FIXTURE_DATA(device_fdinfo) * self)
{
	__u32 dev_id;
	int ret;

	do {
		ret = vfio_bind(self->device, self->iommufd, &dev_id);
	} while (ret == -EBUSY || ret == -EINVAL);
	return ret;
}

TEST_F_TIMEOUT(device_fdinfo, file_may_change_and_go_meanwhile, TEST_SECONDS)
{
	struct watch watch = { .fd = self->device };
	pthread_t thread;
	int i;

	must(-pthread_create(&thread, NULL, watch_thread, &watch));
	for (i = 0; i < ROUNDS; i++) {
		__u32 dev_id;

		EXPECT_EQ(-EBADF, vfio_bind(self->device, NOBODY, &dev_id));
		must(bind_when_free(self));
		must(vfio_attach_to(self->device, self->ioas_id));
		EXPECT_EQ(-ENOENT, vfio_attach_to(self->device, NOBODY));
		close(self->device);
		self->device = must(vfio_cdev_open(self->pci.bdf));
		watch.fd = self->device;
	}
	watch.done = true;
	pthread_join(thread, NULL);
	EXPECT_LT(0, watch.seen);
}

TEST_HARNESS_MAIN
