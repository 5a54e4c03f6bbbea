// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers and devices that go while their files are open, and modules that
 * must not.
 *
 * Whoever takes a device away waits for its files, so that part happens in a
 * process of its own. Nothing here depends on how long anything takes: that
 * the other process still waits is certain as long as the file is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/kernel_log.h"

#define DRIVER "vfio-pci"
#define IOVA 0x100000ULL
#define LENGTH (4 * PAGE_SIZE)
#define WAIT_MS 120000

/* Is it ever so that check(bdf) is @wanted? */
static bool comes_to(bool (*check)(const char *bdf), const char *bdf,
		     bool wanted)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS; ms++) {
		if (check(bdf) == wanted)
			return true;
		usleep(1000);
	}
	return false;
}

static bool pci_exists(const char *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	return !access(path, F_OK);
}

static bool cdev_exists(const char *bdf)
{
	char name[64];

	return !vfio_cdev_name(bdf, name, sizeof(name));
}

static bool works(int device)
{
	struct vfio_device_info info;

	return !vfio_device_info(device, &info);
}

static bool is_running(pid_t pid)
{
	return !must(errno_of(waitpid(pid, NULL, WNOHANG)));
}

static bool ends_well(pid_t pid)
{
	int status;

	must(errno_of(waitpid(pid, &status, 0)));
	return !status;
}

/* An eventfd that tells that somebody wants the device back */
static int request_event(int device)
{
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));

	must(vfio_irq_to_eventfd(device, VFIO_PCI_REQ_IRQ_INDEX, event));
	return event;
}

static bool is_requested(int event)
{
	struct pollfd pollfd = { .fd = event, .events = POLLIN };

	return poll(&pollfd, 1, WAIT_MS) == 1;
}

/* How many lines since then have both words in them? */
static unsigned int log_count(int log, const char *first, const char *second)
{
	unsigned int count = 0;
	char line[1024];
	ssize_t length;

	for (;;) {
		length = errno_of(read(log, line, sizeof(line) - 1));
		if (length == -EPIPE)
			continue;
		if (length == -EAGAIN)
			break;
		must(length);
		line[length] = '\0';
		count += strstr(line, first) && strstr(line, second);
	}
	close(log);
	return count;
}

/* Was it said once that @pid, a process of this program, has the device? */
static bool is_reported(int log, const char *bdf, pid_t pid)
{
	char process[64];

	snprintf(process, sizeof(process), "process %d (lifecycle_test)", pid);
	return log_count(log, bdf, process) == 1;
}

/* Wait for that: a process that is gone has no name any more. */
static bool comes_to_be_reported(int log, const char *bdf, pid_t pid)
{
	unsigned int ms = 0;
	char process[64];
	bool found;

	snprintf(process, sizeof(process), "process %d (lifecycle_test)", pid);
	do {
		found = kernel_log_has(log, KERNEL_LOG_WARNING, bdf, process);
		if (!found)
			usleep(10000);
		ms += 10;
	} while (!found && ms < WAIT_MS);
	close(log);
	return found;
}

FIXTURE(driver)
{
	struct pci_device pci;
	int iommufd;
	int device;
};

FIXTURE_SETUP(driver)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

FIXTURE_TEARDOWN(driver)
{
	close(self->device);
	close(self->iommufd);
	if (!pci_driver_is(self->pci.bdf, DRIVER))
		EXPECT_EQ(0, pci_driver_write(DRIVER, "bind", self->pci.bdf));
	EXPECT_TRUE(cdev_exists(self->pci.bdf));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(driver, unbind_waits_for_a_bound_file, TEST_SECONDS)
{
	int log = kernel_log_open();
	__u32 dev_id;
	int event;
	pid_t pid;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	event = request_event(self->device);
	pid = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
	ASSERT_TRUE(is_requested(event));
	EXPECT_TRUE(comes_to(cdev_exists, self->pci.bdf, false));
	EXPECT_TRUE(is_running(pid));
	EXPECT_TRUE(works(self->device));
	close(self->device);
	EXPECT_TRUE(ends_well(pid));
	EXPECT_TRUE(is_reported(log, self->pci.bdf, getpid()));
	EXPECT_FALSE(pci_driver_is(self->pci.bdf, DRIVER));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, dev_id));
	close(event);
}

TEST_F_TIMEOUT(driver, dma_works_until_the_file_is_closed, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u32 dev_id, ioas_id;
	struct edu edu;
	int event;
	pid_t pid;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, ioas_id));
	must(edu_start(&edu, self->device));
	event = request_event(self->device);
	pid = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
	ASSERT_TRUE(is_requested(event));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	close(self->iommufd);
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	edu_stop(&edu);
	close(self->device);
	EXPECT_TRUE(ends_well(pid));
	EXPECT_EQ(0, pages_pinned());
	close(event);
}

/* The file would be kept by the context, and the context by the device. */
TEST_F_TIMEOUT(driver, device_mapped_in_its_own_context_is_closed, TEST_SECONDS)
{
	__u32 dev_id, ioas_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_file_fixed(self->iommufd, ioas_id, self->device, 0,
				 PAGE_SIZE, IOVA));
	close(self->iommufd);
	close(self->device);
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
}

TEST_F_TIMEOUT(driver, unbind_waits_for_an_unbound_file, TEST_SECONDS)
{
	int log = kernel_log_open();
	char path[64];
	__u32 dev_id;
	pid_t pid;

	pid = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
	ASSERT_TRUE(comes_to(cdev_exists, self->pci.bdf, false));
	EXPECT_TRUE(is_running(pid));
	EXPECT_EQ(-ENODEV, vfio_bind(self->device, self->iommufd, &dev_id));
	/* the inode is there for whoever has it, the device is not */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->device);
	EXPECT_EQ(-ENODEV, errno_of(open(path, O_RDWR | O_CLOEXEC)));
	EXPECT_TRUE(is_running(pid));
	close(self->device);
	EXPECT_TRUE(ends_well(pid));
	EXPECT_TRUE(is_reported(log, self->pci.bdf, getpid()));
}

TEST_F_TIMEOUT(driver, free_device_goes_without_a_word, TEST_SECONDS)
{
	int log = kernel_log_open();
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	close(self->device);
	ASSERT_TRUE(ends_well(pci_driver_unbind_apart(DRIVER, self->pci.bdf)));
	EXPECT_EQ(0, log_count(log, self->pci.bdf, "In use"));
}

TEST_F_TIMEOUT(driver, process_that_has_the_device_is_named, TEST_SECONDS)
{
	int ready[2], log = kernel_log_open(), waiting = kernel_log_open();
	pid_t user, remover;
	char byte;

	close(self->device);
	must(errno_of(pipe(ready)));
	user = must(errno_of(fork()));
	if (!user) {
		__u32 dev_id;

		self->device = must(vfio_cdev_open(self->pci.bdf));
		must(vfio_bind(self->device, self->iommufd, &dev_id));
		must(errno_of(write(ready[1], "", 1)));
		pause();
		_exit(0);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	remover = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
	ASSERT_TRUE(comes_to(cdev_exists, self->pci.bdf, false));
	EXPECT_TRUE(is_running(remover));
	EXPECT_TRUE(comes_to_be_reported(waiting, self->pci.bdf, user));
	must(errno_of(kill(user, SIGKILL)));
	must(errno_of(waitpid(user, NULL, 0)));
	EXPECT_TRUE(ends_well(remover));
	EXPECT_TRUE(is_reported(log, self->pci.bdf, user));
	close(ready[0]);
	close(ready[1]);
}

TEST_F_TIMEOUT(driver, unbind_waits_for_the_file_of_a_group, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	int log = kernel_log_open();
	int device, event;
	pid_t pid;

	must(vfio_group_set_container(group, self->iommufd));
	close(self->device);
	device = must(vfio_group_device(group, self->pci.bdf));
	event = request_event(device);
	pid = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
	ASSERT_TRUE(is_requested(event));
	EXPECT_TRUE(is_running(pid));
	EXPECT_TRUE(works(device));
	close(device);
	close(group);
	EXPECT_TRUE(ends_well(pid));
	EXPECT_TRUE(is_reported(log, self->pci.bdf, getpid()));
	close(event);
}

TEST_F_TIMEOUT(driver, driver_that_comes_back_serves_again, TEST_SECONDS)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		__u32 dev_id;
		pid_t pid;

		close(self->device);
		pid = pci_driver_unbind_apart(DRIVER, self->pci.bdf);
		ASSERT_TRUE(ends_well(pid));
		EXPECT_FALSE(cdev_exists(self->pci.bdf));
		ASSERT_EQ(0, pci_driver_write(DRIVER, "bind", self->pci.bdf));
		self->device = must(vfio_cdev_open(self->pci.bdf));
		ASSERT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
		EXPECT_TRUE(works(self->device));
	}
}

/* Modules by their own system call; modprobe(8) only to load them again */
static int module_remove(const char *name)
{
	return errno_of(syscall(SYS_delete_module, name, O_NONBLOCK));
}

static bool module_is_loaded(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	return !access(path, F_OK);
}

TEST_F_TIMEOUT(driver, module_in_use_is_not_removed, TEST_SECONDS)
{
	__u32 dev_id;

	need(module_is_loaded("vfio_pci"), "vfio-pci as a module");
	EXPECT_EQ(-EAGAIN, module_remove("vfio_pci"));
	EXPECT_EQ(-EAGAIN, module_remove("vfio"));
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EAGAIN, module_remove("vfio_pci"));
	EXPECT_EQ(-EAGAIN, module_remove("vfio"));
	EXPECT_EQ(-EAGAIN, module_remove("iommufd"));
	close(self->iommufd);
	EXPECT_EQ(-EAGAIN, module_remove("iommufd"));
	EXPECT_TRUE(works(self->device));
	self->iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(driver, modules_come_and_go, TEST_SECONDS)
{
	/* users before those they use */
	static const char *const modules[] = {
		"vfio_pci",    "vfio_pci_core", "vfio_iommu_type1",
		"vfio_virqfd", "vfio",		"iommufd",
	};
	size_t i, j;

	need(module_is_loaded("vfio_pci"), "vfio-pci as a module");
	for (i = 0; i < 3; i++) {
		__u32 dev_id;

		close(self->device);
		close(self->iommufd);
		for (j = 0; j < ARRAY_SIZE(modules); j++) {
			if (!module_is_loaded(modules[j]))
				continue;
			ASSERT_EQ(0, module_remove(modules[j]))
			{
				TH_LOG("%s", modules[j]);
			}
		}
		EXPECT_FALSE(cdev_exists(self->pci.bdf));
		EXPECT_EQ(-ENOENT, iommufd_open());
		ASSERT_EQ(0, system("modprobe vfio-pci"));
		ASSERT_TRUE(comes_to(cdev_exists, self->pci.bdf, true));
		self->iommufd = must(iommufd_open());
		self->device = must(vfio_cdev_open(self->pci.bdf));
		ASSERT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
		EXPECT_TRUE(works(self->device));
	}
}

/*
 * A device that is pulled out. The host does that when the program "hotplug"
 * asks it to.
 */
#define PLUG "hotplug plug edu_plug"
#define UNPLUG "hotplug unplug edu_plug"

FIXTURE(unplug)
{
	char bdf[16];
	int iommufd;
	int device;
};

static int ask_host(const char *command)
{
	return system(command) ? -EIO : 0;
}

static int plug_in(const char *bdf)
{
	int ret;

	ret = ask_host(PLUG);
	if (ret)
		return ret;
	if (!comes_to(pci_exists, bdf, true))
		return -ETIMEDOUT;
	ret = pci_driver_set(bdf, DRIVER);
	if (ret)
		return ret;
	return comes_to(cdev_exists, bdf, true) ? 0 : -ETIMEDOUT;
}

FIXTURE_SETUP(unplug)
{
	const char *bdf = getenv("EDU_PLUG");

	need(bdf && pci_driver_is(bdf, DRIVER), "EDU_PLUG on vfio-pci");
	need(!system("command -v hotplug >/dev/null"), "hotplug");
	snprintf(self->bdf, sizeof(self->bdf), "%s", bdf);
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->bdf));
}

FIXTURE_TEARDOWN(unplug)
{
	close(self->device);
	close(self->iommufd);
	EXPECT_TRUE(comes_to(pci_exists, self->bdf, false));
	EXPECT_EQ(0, plug_in(self->bdf));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(unplug, device_in_use_is_asked_for_and_then_goes, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	int log = kernel_log_open();
	__u32 dev_id, ioas_id;
	int event;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, ioas_id));
	event = request_event(self->device);
	ASSERT_EQ(0, ask_host(UNPLUG));
	ASSERT_TRUE(is_requested(event));
	EXPECT_TRUE(pci_exists(self->bdf));
	EXPECT_TRUE(works(self->device));
	close(self->device);
	EXPECT_TRUE(comes_to(pci_exists, self->bdf, false));
	EXPECT_TRUE(is_reported(log, self->bdf, getpid()));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, dev_id));
	EXPECT_EQ(0, pages_pinned());
	/* what the device used is still good for another one */
	EXPECT_EQ(0, ioas_unmap(self->iommufd, ioas_id, IOVA, LENGTH, NULL));
	close(event);
}

TEST_F_TIMEOUT(unplug, device_asleep_is_asked_for_and_then_goes, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u32 dev_id, ioas_id;
	int event;

	need(pci_power_is_managed(self->bdf), "CONFIG_PM");
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, ioas_id));
	event = request_event(self->device);
	must(vfio_low_power_entry(self->device));
	EXPECT_TRUE(pci_power_comes_to(self->bdf, "suspended"));
	ASSERT_EQ(0, ask_host(UNPLUG));
	ASSERT_TRUE(is_requested(event));
	EXPECT_TRUE(works(self->device));
	close(self->device);
	EXPECT_TRUE(comes_to(pci_exists, self->bdf, false));
	EXPECT_EQ(0, pages_pinned());
	close(event);
}

TEST_F_TIMEOUT(unplug, unbound_file_of_a_device_that_goes_is_dead, TEST_SECONDS)
{
	__u32 dev_id;

	ASSERT_EQ(0, ask_host(UNPLUG));
	ASSERT_TRUE(comes_to(cdev_exists, self->bdf, false));
	EXPECT_EQ(-ENODEV, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(pci_exists(self->bdf));
}

TEST_F_TIMEOUT(unplug, attached_table_outlives_the_device, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u32 dev_id, ioas_id, hwpt_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(hwpt_alloc(self->iommufd, dev_id, ioas_id, &hwpt_id));
	must(vfio_attach_to(self->device, hwpt_id));
	ASSERT_EQ(0, ask_host(UNPLUG));
	close(self->device);
	ASSERT_TRUE(comes_to(pci_exists, self->bdf, false));
	EXPECT_EQ(0,
		  ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	EXPECT_EQ(0, ioas_unmap(self->iommufd, ioas_id, IOVA, LENGTH, NULL));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, hwpt_id));
}

TEST_HARNESS_MAIN
