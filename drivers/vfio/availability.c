// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has a device: the attribute "availability" of vfio-dev/vfioX, for whoever
 * chooses a device and must not open it to find out.
 *
 * It asks what VFIO_DEVICE_BIND_IOMMUFD asks, in the same order, by the same
 * functions, all but what the caller brings along: the VF token, the cookie and
 * the iommufd. It takes none of the locks under which a bind asks, as a read must
 * not wait for the user of another device; nor is there a reason to, since the
 * answer may be old when it is read. Everybody may read it, so it has no process
 * in it.
 *
 * The attribute goes before the driver of the device does, and is waited for. So
 * the device, its VFIO group and its iommu_group stay as long as one reads.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/sysfs.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/* By words: they are stable, and more of them may follow */
static ssize_t emit_owned(char *buf, const char *words,
			  const struct iommu_dma_report *report)
{
	if (!report->owner_number)
		return sysfs_emit(buf, "%s\n", words);
	return sysfs_emit(buf, "%s iommufd-ctx=%u\n", words,
			  report->owner_number);
}

static ssize_t emit_group(char *buf, struct vfio_group *group,
			  const struct iommu_dma_report *report)
{
	if (READ_ONCE(group->container))
		return emit_owned(buf, "taken by=group through=container",
				  report);
	if (READ_ONCE(group->iommufd))
		return emit_owned(buf, "taken by=group through=iommufd",
				  report);
	return emit_owned(buf, "taken by=group", report);
}

/* Nobody has the device itself. */
static ssize_t emit_obstacle(char *buf, enum iommufd_bind_obstacle obstacle,
			     const struct iommu_dma_report *report)
{
	switch (obstacle) {
	case IOMMUFD_BIND_POSSIBLE:
		return sysfs_emit(buf, "free\n");
	case IOMMUFD_BIND_OWNED:
		if (report->owner_number)
			return emit_owned(buf, "shared", report);
		return sysfs_emit(buf, "blocked by=owner\n");
	case IOMMUFD_BIND_DRIVEN:
		return sysfs_emit(buf, "blocked by=driver device=%s driver=%s\n",
				  report->device, report->driver);
	case IOMMUFD_BIND_ATTACHED:
		return sysfs_emit(buf, "blocked by=domain\n");
	case IOMMUFD_BIND_INTERRUPTS:
		return sysfs_emit(buf, "blocked by=interrupts\n");
	case IOMMUFD_BIND_NOT_COHERENT:
	case IOMMUFD_BIND_NO_GROUP:
		break;
	}
	return sysfs_emit(buf, "blocked by=iommu\n");
}

static ssize_t availability_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct vfio_device *device = container_of(dev, struct vfio_device,
						  device);
	enum iommufd_bind_obstacle obstacle = IOMMUFD_BIND_POSSIBLE;
	bool group_open = vfio_group_is_open(device->group);
	bool open = vfio_device_is_open(device);
	struct iommu_dma_report report = {};

	if (device->iommufd_ops->obstacle)
		obstacle = device->iommufd_ops->obstacle(device, &report);
	if (!device->iommufd_ops->attach)
		return sysfs_emit(buf, "blocked by=no-iommu\n");
	if (!vfio_iommufd_attachable(device))
		return sysfs_emit(buf, "blocked by=vfio-driver\n");
	if (group_open)
		return emit_group(buf, device->group, &report);
	if (open)
		return emit_owned(buf, "taken by=device", &report);
	return emit_obstacle(buf, obstacle, &report);
}

static DEVICE_ATTR_RO(availability);

static struct attribute *availability_attrs[] = {
	&dev_attr_availability.attr,
	NULL
};
static const struct attribute_group availability_group = {
	.attrs = availability_attrs,
};

const struct attribute_group *vfio_availability_groups[] = {
	&availability_group,
	NULL
};
