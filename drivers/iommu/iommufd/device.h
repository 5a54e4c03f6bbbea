/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that drivers bound to a context, and the isolation groups that own
 * their DMA.
 */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include <linux/iommu-doorbell.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "cookie.h"
#include "dma_fault_source.h"
#include "object.h"

struct attached_device;
struct device;
struct iommu_group;
struct iommufd_attachment;
struct iommufd_command;

/**
 * struct iommufd_group - what the context has of one iommu_group
 * @link: in struct iommufd_ctx.groups; under its device_lock
 * @iommu_group: holds a reference; its DMA is owned by this struct
 * @devices: struct iommufd_device.group_link, at least one; under
 *           iommufd_ctx.device_lock
 * @lock: the attachment of the group
 * @attachment: to a table; NULL when none of its devices is attached; under @lock
 * @doorbells: of the interrupts of its devices
 *
 * 6.1 lets one owner claim a group once. Several devices of a group may be
 * bound to one context, so the claim is here, and lasts as long as one is.
 */
struct iommufd_group {
	struct list_head link;
	struct iommu_group *iommu_group;
	struct list_head devices;
	struct mutex lock;
	struct iommufd_attachment *attachment;
	struct iommu_doorbell_group doorbells;
};

/**
 * struct iommufd_device - a bound device
 * @object: its base; one user more than its number, which is the driver
 * @dev: holds a reference; immutable
 * @group: immutable
 * @group_link: in struct iommufd_group.devices; under iommufd_ctx.device_lock
 * @cookie: the name that the user chose; under iommufd_ctx.device_lock
 * @attached: its part in the attachment; NULL when it is not attached; under
 *            iommufd_group.lock
 * @hwpt_id: number of the table it is in, for who looks without a lock; 0 when it
 *           is not attached; written under iommufd_group.lock
 * @faults: DMA of the device that was stopped, from the bind to the revoke
 */
struct iommufd_device {
	struct iommufd_object object;
	struct device *dev;
	struct iommufd_group *group;
	struct list_head group_link;
	struct iommufd_cookie cookie;
	struct attached_device *attached;
	u32 hwpt_id;
	struct dma_fault_source faults;
};

extern const struct iommufd_object_ops iommufd_device_ops;

struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ictx, u32 id);
struct iommufd_device *iommufd_device_create(struct iommufd_ctx *ictx,
					     struct device *dev,
					     const u64 *cookie);
void iommufd_device_remove(struct iommufd_device *idev);

int iommufd_device_hw_info(struct iommufd_command *command);

#endif
