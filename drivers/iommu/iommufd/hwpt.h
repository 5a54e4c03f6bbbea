/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HWPT: one page table that devices are attached to. What is behind it is for
 * its kind to say; whoever has a table does without knowing that.
 */
#ifndef __IOMMUFD_HWPT_H
#define __IOMMUFD_HWPT_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "object.h"

struct hwpt;
struct iommu_device;
struct iommu_domain;
struct iommu_doorbell_table;
struct iommufd_device;
struct iommufd_group;
struct mapped_space;
struct module;
struct seq_file;

/**
 * struct hwpt_kind - what is behind a table
 * @size: of the structure that begins with struct hwpt
 * @attach: lead the DMA of a group to the table, from the one that it is in, or
 *          NULL; 0, or an errno of the IOMMU driver, and it is where it was. Each
 *          transfer finds one of both, where the driver can do that
 * @detach: lead it to none: the group's DMA is blocked
 * @unlink: of a table that ends with its last device: see iommufd_object_ops
 * @end: let go of what is behind the table; its domain is freed next
 * @show: what fdinfo tells of that, as iommufd_object_ops.show; NULL for nothing
 *
 * @attach and @detach have the tables_lock of each hwpt.space exclusively.
 */
struct hwpt_kind {
	size_t size;
	int (*attach)(struct hwpt *hwpt, struct iommufd_group *group,
		      struct hwpt *old);
	void (*detach)(struct hwpt *hwpt, struct iommufd_group *group);
	void (*unlink)(struct hwpt *hwpt);
	void (*end)(struct hwpt *hwpt);
	void (*show)(struct hwpt *hwpt, struct seq_file *m);
};

/**
 * struct hwpt - the object, first member of every kind
 * @object: its base
 * @kind: immutable
 * @domain: what the IOMMU driver has of it; immutable once published
 * @space: what a group's reserved regions are kept out of while it is attached,
 *         and whose tables_lock its attach has; outlives the table; immutable
 *         once published
 * @doorbells: where interrupts of attached groups are translated; immutable once
 *             published
 * @iommu: the IOMMU instance it was made for; immutable
 * @iommu_name: its name in sysfs, empty if it has none: the instance may go, when
 *              no device is left; immutable
 * @nr_devices: how many are attached
 * @driver: the IOMMU driver; immutable
 */
struct hwpt {
	struct iommufd_object object;
	const struct hwpt_kind *kind;
	struct iommu_domain *domain;
	struct mapped_space *space;
	struct iommu_doorbell_table *doorbells;
	struct iommu_device *iommu;
	char iommu_name[32];
	atomic_t nr_devices;
	struct module *driver;
};

extern const struct iommufd_object_ops iommufd_hwpt_ops;

bool hwpt_suits(const struct hwpt *hwpt, const struct iommufd_device *idev);

/* For the kinds */
struct hwpt *hwpt_create(struct iommufd_device *idev,
			 const struct hwpt_kind *kind);
void hwpt_abort(struct hwpt *hwpt);

#endif
