/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HWPT: one hardware page table (an iommu_domain) of an IOAS. It translates
 * all that the IOAS maps, from its creation on, and devices are attached to it.
 */
#ifndef __IOMMUFD_HWPT_H
#define __IOMMUFD_HWPT_H

#include <linux/iommu-doorbell.h>

#include "mapped_space.h"
#include "object.h"

struct iommu_device;
struct module;
struct iommufd_command;
struct iommufd_device;
struct iommufd_ioas;

/**
 * struct iommufd_hwpt - the object
 * @object: its base
 * @table: the page table, in the IOAS's list
 * @doorbells: of the interrupts of attached groups, in @table beside what the
 *             IOAS maps
 * @ioas: holds a reference; immutable
 * @iommu: the IOMMU instance it was made for; immutable
 * @driver: the IOMMU driver; immutable
 * @automatic: made by an attach, not by the user, so the object is transient;
 *             immutable once published
 * @link: in struct iommufd_ioas.automatic; under its attach_lock, under which
 *        each table in the list has a reference
 */
struct iommufd_hwpt {
	struct iommufd_object object;
	struct mapped_table table;
	struct iommu_doorbell_table doorbells;
	struct iommufd_ioas *ioas;
	struct iommu_device *iommu;
	struct module *driver;
	bool automatic;
	struct list_head link;
};

extern const struct iommufd_object_ops iommufd_hwpt_ops;

struct iommufd_hwpt *iommufd_hwpt_create(struct iommufd_ioas *ioas,
					 struct iommufd_device *idev);
bool iommufd_hwpt_suits(const struct iommufd_hwpt *hwpt,
			const struct iommufd_device *idev);
void iommufd_hwpt_publish_automatic(struct iommufd_hwpt *hwpt);

int iommufd_hwpt_alloc(struct iommufd_command *command);

#endif
