/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VFIO devices as tests use them: found in sysfs, opened through their
 * character device or their group, bound and attached. Functions return 0, an
 * fd or a count, or a negative errno; must(call) is the asserting form.
 */
#ifndef __IOMMU_VFIO_DEVICE_H
#define __IOMMU_VFIO_DEVICE_H

#include <linux/vfio.h>

#include "iommufd_calls.h"

#define PCI_DEVICES_MAX 16

struct pci_device {
	/* domain:bus:device.function, as sysfs spells it */
	char bdf[16];
	/* number of its iommu_group, and how many listed devices share it */
	int group;
	unsigned int in_group;
};

/* The edu devices of the machine that vfio-pci drives */
struct edu_list {
	struct pci_device devices[PCI_DEVICES_MAX];
	unsigned int count;
};

int edu_list_read(struct edu_list *list);
/* The @n-th device that has its group to itself, NULL if there are fewer */
const struct pci_device *edu_alone(const struct edu_list *list, unsigned int n);
/* One of two devices that share a group (@n is 0 or 1), NULL if none do */
const struct pci_device *edu_in_pair(const struct edu_list *list,
				     unsigned int n);
/* A device of another kind that a native driver uses and that has a group */
int pci_native_device(struct pci_device *device, char *driver, size_t size);

/* Is the device driven by @driver now? */
bool pci_driver_is(const char *bdf, const char *driver);
/* The addresses to which the devices of a group write their interrupts */
int pci_interrupt_window(const struct pci_device *device, __u64 *start,
			 __u64 *last);
/* Write "bdf" to an attribute of a driver: bind, unbind */
int pci_driver_write(const char *driver, const char *attribute,
		     const char *bdf);
/*
 * Unbind the device from @driver in a process that has no file open, as unbinding
 * waits for files. It exits with 0 if that worked.
 */
pid_t pci_driver_unbind_apart(const char *driver, const char *bdf);
/* Give the device to @driver, or to its native one if that is "" */
int pci_driver_set(const char *bdf, const char *driver);
/* Write to an attribute of a device. */
int pci_write(const char *bdf, const char *attribute, const char *text);
/* The last component of what a link of a device points to */
int pci_link(const char *bdf, const char *link, char *name, size_t size);
/*
 * Is the device behind a virtio-iommu? That has no tables in memory: its driver
 * tells it each mapping, and all of them when the first device is attached.
 */
bool pci_iommu_is_virtio(const char *bdf);

/*
 * Does runtime power management say @status of the device, "active" or
 * "suspended", or come to say so? It says nothing without CONFIG_PM.
 */
bool pci_power_is(const char *bdf, const char *status);
bool pci_power_comes_to(const char *bdf, const char *status);
bool pci_power_is_managed(const char *bdf);

int vfio_cdev_name(const char *bdf, char *name, size_t size);
int vfio_cdev_open(const char *bdf);
/* The same for a device on any bus, by its directory in sysfs */
int vfio_cdev_open_sysfs(const char *sysfs);

/* The argument as long as argsz says, then the usual forms */
int vfio_bind_arg(int device, struct vfio_device_bind_iommufd *arg);
int vfio_bind(int device, int iommufd, __u32 *dev_id);
int vfio_bind_cookie(int device, int iommufd, __u64 cookie, __u32 *dev_id);
/* In *pt_id an IOAS or HWPT, out the HWPT now used */
int vfio_attach(int device, __u32 *pt_id);
int vfio_attach_to(int device, __u32 pt_id);
int vfio_detach(int device);

int vfio_group_open(int group);
int vfio_container_open(void);
/* Does an iommufd serve it? */
bool vfio_container_is_iommufd(int container);
/* The two calls of a container that a program needs, on whatever serves it */
int vfio_container_set_iommu(int container);
int vfio_container_map(int container, const void *memory, __u64 length,
		       __u64 iova);
int vfio_group_set_container(int group, int container);
int vfio_group_unset_container(int group);
int vfio_group_status(int group, __u32 *flags);
int vfio_group_device(int group, const char *bdf);

int vfio_region(int device, __u32 index, struct vfio_region_info *info);
/* Does any ioctl of an open device work? */
int vfio_device_info(int device, struct vfio_device_info *info);
/* Let a PCI device be reached by the CPU, and reach memory itself. */
int vfio_bus_master(int device);
/*
 * Map BAR 0 of a PCI device and let it master the bus; -ENODEV if it is not of
 * @size. The registers keep the device open until they are unmapped.
 */
int vfio_map_registers(int device, size_t size, void **registers);
/* Signal @event for vector 0 of an interrupt index */
int vfio_irq_to_eventfd(int device, __u32 index, int event);
/* Free all vectors of an interrupt index */
int vfio_irq_disable(int device, __u32 index);
/* After an interrupt by wire */
int vfio_irq_unmask(int device, __u32 index);

/* A feature without data; then the two that let a device sleep, and wake up */
int vfio_feature(int device, __u32 flags);
int vfio_low_power_entry(int device);
int vfio_low_power_exit(int device);

#define HOT_RESET_MAX 16

struct hot_reset_info {
	struct vfio_pci_hot_reset_info header;
	struct vfio_pci_dependent_device devices[HOT_RESET_MAX];
};

/* With header.argsz as it is, then with room for all */
int vfio_hot_reset_info_arg(int device, struct hot_reset_info *info);
int vfio_hot_reset_info(int device, struct hot_reset_info *info);
/* The entry of a device, NULL if it is not affected */
const struct vfio_pci_dependent_device *
hot_reset_find(const struct hot_reset_info *info, const char *bdf);
/* With the files of @count groups, none for a device opened by its cdev */
int vfio_hot_reset(int device, const int *groups, unsigned int count);

/* A device bound to a context of its own, with an IOAS, not attached */
struct bound_device {
	char bdf[16];
	int iommufd;
	int device;
	__u32 dev_id;
	__u32 ioas_id;
};

void bound_device_open(struct bound_device *bound, const char *bdf);
void bound_device_close(struct bound_device *bound);

#endif
