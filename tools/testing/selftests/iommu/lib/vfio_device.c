// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "vfio_device.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PCI_DRIVERS "/sys/bus/pci/drivers"
#define POWER_WAIT_MS 60000
#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

static long pci_number(const char *bdf, const char *attribute)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attribute);
	if (file_read(path, text, sizeof(text)))
		return -1;
	return strtol(text, NULL, 0);
}

int pci_link(const char *bdf, const char *link, char *name, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, link);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	snprintf(name, size, "%s", basename(target));
	return 0;
}

bool pci_iommu_is_virtio(const char *bdf)
{
	char name[64];

	return !pci_link(bdf, "iommu/device", name, sizeof(name)) &&
	       !strncmp(name, "virtio", 6);
}

static int pci_group(const char *bdf)
{
	char name[32];
	int ret;

	ret = pci_link(bdf, "iommu_group", name, sizeof(name));
	return ret ?: atoi(name);
}

bool pci_driver_is(const char *bdf, const char *driver)
{
	char name[64];

	return !pci_link(bdf, "driver", name, sizeof(name)) &&
	       !strcmp(name, driver);
}

int pci_write(const char *bdf, const char *attribute, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf, attribute);
	return file_write(path, text);
}

int pci_driver_write(const char *driver, const char *attribute, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DRIVERS "/%s/%s", driver, attribute);
	return file_write(path, bdf);
}

pid_t pci_driver_unbind_apart(const char *driver, const char *bdf)
{
	pid_t pid = must(errno_of(fork()));

	if (pid)
		return pid;
	must(errno_of(syscall(SYS_close_range, 3, ~0U, 0)));
	_exit(pci_driver_write(driver, "unbind", bdf) != 0);
}

int pci_driver_set(const char *bdf, const char *driver)
{
	int ret;

	ret = pci_write(bdf, "driver/unbind", bdf);
	if (ret && ret != -ENOENT)
		return ret;
	/* An empty line takes the override away. */
	ret = pci_write(bdf, "driver_override", *driver ? driver : "\n");
	return ret ?: file_write("/sys/bus/pci/drivers_probe", bdf);
}

static bool is_edu(const char *bdf)
{
	return pci_number(bdf, "vendor") == EDU_VENDOR &&
	       pci_number(bdf, "device") == EDU_DEVICE;
}

static int compare_bdf(const void *a, const void *b)
{
	const struct pci_device *left = a, *right = b;

	return strcmp(left->bdf, right->bdf);
}

static void count_groups(struct edu_list *list)
{
	unsigned int i, j;

	for (i = 0; i < list->count; i++)
		for (j = 0; j < list->count; j++)
			list->devices[i].in_group += list->devices[i].group ==
						     list->devices[j].group;
}

int edu_list_read(struct edu_list *list)
{
	struct dirent *entry;
	DIR *dir;

	memset(list, 0, sizeof(*list));
	dir = opendir(PCI_DRIVERS "/vfio-pci");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)) && list->count < PCI_DEVICES_MAX) {
		struct pci_device *device = &list->devices[list->count];

		if (strlen(entry->d_name) >= sizeof(device->bdf) ||
		    !is_edu(entry->d_name))
			continue;
		strcpy(device->bdf, entry->d_name);
		device->group = pci_group(device->bdf);
		if (device->group >= 0)
			list->count++;
	}
	closedir(dir);
	qsort(list->devices, list->count, sizeof(list->devices[0]),
	      compare_bdf);
	count_groups(list);
	return list->count;
}

const struct pci_device *edu_alone(const struct edu_list *list, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < list->count; i++)
		if (list->devices[i].in_group == 1 && n-- == 0)
			return &list->devices[i];
	return NULL;
}

const struct pci_device *edu_in_pair(const struct edu_list *list,
				     unsigned int n)
{
	int group = -1;
	unsigned int i;

	for (i = 0; i < list->count; i++) {
		if (list->devices[i].in_group < 2)
			continue;
		if (group < 0)
			group = list->devices[i].group;
		if (list->devices[i].group == group && n-- == 0)
			return &list->devices[i];
	}
	return NULL;
}

int pci_interrupt_window(const struct pci_device *device, __u64 *start,
			 __u64 *last)
{
	char path[PATH_MAX], type[32];
	unsigned long long from, to;
	int ret = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions", device->group);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (ret && fscanf(file, "%llx %llx %31s", &from, &to, type) == 3) {
		if (strcmp(type, "msi"))
			continue;
		*start = from;
		*last = to;
		ret = 0;
	}
	fclose(file);
	return ret;
}

int pci_native_device(struct pci_device *device, char *driver, size_t size)
{
	static const char *const drivers[] = { "nvme", "e1000e" };
	struct dirent *entry;
	int ret = -ENODEV;
	DIR *dir;

	dir = opendir(PCI_DEVICES);
	if (!dir)
		return -errno;
	while (ret && (entry = readdir(dir))) {
		unsigned int i;

		if (strlen(entry->d_name) >= sizeof(device->bdf) ||
		    pci_group(entry->d_name) < 0)
			continue;
		for (i = 0; i < ARRAY_SIZE(drivers); i++) {
			if (!pci_driver_is(entry->d_name, drivers[i]))
				continue;
			strcpy(device->bdf, entry->d_name);
			device->group = pci_group(entry->d_name);
			device->in_group = 1;
			snprintf(driver, size, "%s", drivers[i]);
			ret = 0;
		}
	}
	closedir(dir);
	return ret;
}

bool pci_power_is(const char *bdf, const char *status)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/power/runtime_status",
		 bdf);
	return !file_read(path, text, sizeof(text)) &&
	       !strncmp(text, status, strlen(status));
}

bool pci_power_comes_to(const char *bdf, const char *status)
{
	unsigned int ms;

	for (ms = 0; ms < POWER_WAIT_MS; ms++) {
		if (pci_power_is(bdf, status))
			return true;
		usleep(1000);
	}
	return false;
}

bool pci_power_is_managed(const char *bdf)
{
	return pci_power_is(bdf, "active") || pci_power_is(bdf, "suspend");
}

static int cdev_name(const char *sysfs, char *name, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vfio-dev", sysfs);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (ret && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(name, size, "%s", entry->d_name);
		ret = 0;
	}
	closedir(dir);
	return ret;
}

int vfio_cdev_name(const char *bdf, char *name, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	return cdev_name(path, name, size);
}

int vfio_cdev_open(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	return vfio_cdev_open_sysfs(path);
}

/* Open by name, and make sure that the node is the one sysfs means. */
int vfio_cdev_open_sysfs(const char *sysfs)
{
	unsigned int major_nr, minor_nr;
	char path[PATH_MAX], text[32];
	struct stat st;
	char name[64];
	int fd, ret;

	ret = cdev_name(sysfs, name, sizeof(name));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/vfio-dev/%s/dev", sysfs, name);
	ret = file_read(path, text, sizeof(text));
	if (ret)
		return ret;
	if (sscanf(text, "%u:%u", &major_nr, &minor_nr) != 2)
		return -EINVAL;

	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = errno_of(open(path, O_RDWR | O_CLOEXEC));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || st.st_rdev != makedev(major_nr, minor_nr)) {
		close(fd);
		return -ENXIO;
	}
	return fd;
}

int vfio_bind_arg(int device, struct vfio_device_bind_iommufd *arg)
{
	return errno_of(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, arg));
}

int vfio_bind(int device, int iommufd, __u32 *dev_id)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = iommufd,
	};
	int ret;

	ret = vfio_bind_arg(device, &arg);
	if (!ret)
		*dev_id = arg.out_devid;
	return ret;
}

int vfio_bind_cookie(int device, int iommufd, __u64 cookie, __u32 *dev_id)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_COOKIE,
		.iommufd = iommufd,
		.dev_cookie = cookie,
	};
	int ret;

	ret = vfio_bind_arg(device, &arg);
	if (!ret)
		*dev_id = arg.out_devid;
	return ret;
}

int vfio_attach(int device, __u32 *pt_id)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.pt_id = *pt_id,
	};
	int ret;

	ret = errno_of(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg));
	if (!ret)
		*pt_id = arg.pt_id;
	return ret;
}

int vfio_attach_to(int device, __u32 pt_id)
{
	return vfio_attach(device, &pt_id);
}

int vfio_detach(int device)
{
	struct vfio_device_detach_iommufd_pt arg = {
		.argsz = sizeof(arg),
	};

	return errno_of(ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg));
}

int vfio_group_open(int group)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	return errno_of(open(path, O_RDWR | O_CLOEXEC));
}

int vfio_container_open(void)
{
	return errno_of(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
}

bool vfio_container_is_iommufd(int container)
{
	__u64 mode;

	return !option_get(container, IOMMU_OPTION_RLIMIT_MODE, 0, &mode);
}

int vfio_container_set_iommu(int container)
{
	return errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

int vfio_container_map(int container, const void *memory, __u64 length,
		       __u64 iova)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = length,
	};

	return errno_of(ioctl(container, VFIO_IOMMU_MAP_DMA, &arg));
}

int vfio_group_set_container(int group, int container)
{
	return errno_of(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
}

int vfio_group_unset_container(int group)
{
	return errno_of(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
}

int vfio_group_status(int group, __u32 *flags)
{
	struct vfio_group_status status = {
		.argsz = sizeof(status),
	};
	int ret;

	ret = errno_of(ioctl(group, VFIO_GROUP_GET_STATUS, &status));
	*flags = status.flags;
	return ret;
}

int vfio_group_device(int group, const char *bdf)
{
	return errno_of(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf));
}

int vfio_region(int device, __u32 index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return errno_of(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info));
}

int vfio_device_info(int device, struct vfio_device_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	return errno_of(ioctl(device, VFIO_DEVICE_GET_INFO, info));
}

int vfio_bus_master(int device)
{
	struct vfio_region_info config;
	__u16 command;
	off_t where;
	int ret;

	ret = vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (ret)
		return ret;
	where = config.offset + PCI_COMMAND;
	if (pread(device, &command, sizeof(command), where) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(device, &command, sizeof(command), where) != sizeof(command))
		return -EIO;
	return 0;
}

int vfio_map_registers(int device, size_t size, void **registers)
{
	struct vfio_region_info bar;
	int ret;

	ret = vfio_region(device, VFIO_PCI_BAR0_REGION_INDEX, &bar);
	if (ret)
		return ret;
	if (bar.size != size)
		return -ENODEV;
	ret = vfio_bus_master(device);
	if (ret)
		return ret;
	*registers = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  device, bar.offset);
	if (*registers == MAP_FAILED)
		return -errno;
	/* The registers keep the device open, which a child need not do. */
	if (madvise(*registers, size, MADV_DONTFORK)) {
		ret = -errno;
		munmap(*registers, size);
	}
	return ret;
}

int vfio_irq_to_eventfd(int device, __u32 index, int event)
{
	struct {
		struct vfio_irq_set set;
		__s32 event;
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
		.event = event,
	};

	return errno_of(ioctl(device, VFIO_DEVICE_SET_IRQS, &arg));
}

int vfio_feature(int device, __u32 flags)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg),
		.flags = flags,
	};

	return errno_of(ioctl(device, VFIO_DEVICE_FEATURE, &arg));
}

int vfio_low_power_entry(int device)
{
	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
}

int vfio_low_power_exit(int device)
{
	return vfio_feature(device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
}

static int irq_set(int device, __u32 index, __u32 flags, __u32 count)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | flags,
		.index = index,
		.count = count,
	};

	return errno_of(ioctl(device, VFIO_DEVICE_SET_IRQS, &set));
}

int vfio_irq_disable(int device, __u32 index)
{
	return irq_set(device, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}

int vfio_irq_unmask(int device, __u32 index)
{
	return irq_set(device, index, VFIO_IRQ_SET_ACTION_UNMASK, 1);
}

int vfio_hot_reset_info_arg(int device, struct hot_reset_info *info)
{
	return errno_of(ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			      &info->header));
}

int vfio_hot_reset_info(int device, struct hot_reset_info *info)
{
	memset(info, 0, sizeof(*info));
	info->header.argsz = sizeof(*info);
	return vfio_hot_reset_info_arg(device, info);
}

const struct vfio_pci_dependent_device *
hot_reset_find(const struct hot_reset_info *info, const char *bdf)
{
	unsigned int i;

	for (i = 0; i < info->header.count && i < HOT_RESET_MAX; i++) {
		const struct vfio_pci_dependent_device *entry =
			&info->devices[i];
		char name[16];

		snprintf(name, sizeof(name), "%04x:%02x:%02x.%x",
			 entry->segment, entry->bus, entry->devfn >> 3,
			 entry->devfn & 7);
		if (!strcmp(name, bdf))
			return entry;
	}
	return NULL;
}

int vfio_hot_reset(int device, const int *groups, unsigned int count)
{
	struct {
		struct vfio_pci_hot_reset header;
		__s32 groups[HOT_RESET_MAX];
	} arg = {
		.header = {
			.argsz = sizeof(arg),
			.count = count,
		},
	};

	memcpy(arg.groups, groups, count * sizeof(*groups));
	return errno_of(ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, &arg));
}

void bound_device_open(struct bound_device *bound, const char *bdf)
{
	snprintf(bound->bdf, sizeof(bound->bdf), "%s", bdf);
	bound->iommufd = must(iommufd_open());
	bound->device = must(vfio_cdev_open(bdf));
	must(vfio_bind(bound->device, bound->iommufd, &bound->dev_id));
	must(ioas_alloc(bound->iommufd, &bound->ioas_id));
}

void bound_device_close(struct bound_device *bound)
{
	close(bound->device);
	close(bound->iommufd);
}
