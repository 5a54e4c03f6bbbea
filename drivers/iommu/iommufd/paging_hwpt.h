/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kind of table that has an IOAS behind it: it translates all that the IOAS
 * maps, from its creation on.
 */
#ifndef __IOMMUFD_PAGING_HWPT_H
#define __IOMMUFD_PAGING_HWPT_H

#include <linux/iommu-doorbell.h>

#include "hwpt.h"
#include "mapped_space.h"

struct iommufd_ctx;
struct iommufd_ioas;

/**
 * struct paging_hwpt - a table of an IOAS
 * @hwpt: its base
 * @table: the page table, in the IOAS's list; has the domain of @hwpt
 * @doorbells: of the interrupts of attached groups, in @table beside what the
 *             IOAS maps
 * @ioas: holds a reference; immutable
 * @automatic: made by an attach, not by the user, so the object is transient;
 *             immutable once published
 * @link: in struct iommufd_ioas.automatic; under its attach_lock, under which
 *        each table in the list has a reference
 * @is_tracking: the dirty bits of the domain are kept and told; under tables_lock
 */
struct paging_hwpt {
	struct hwpt hwpt;
	struct mapped_table table;
	struct iommu_doorbell_table doorbells;
	struct iommufd_ioas *ioas;
	bool automatic;
	struct list_head link;
	bool is_tracking;
};

struct hwpt *paging_hwpt_create(struct iommufd_ioas *ioas,
				struct iommufd_device *idev, u32 flags);
struct paging_hwpt *paging_hwpt_get(struct iommufd_ctx *ictx, u32 id);
void paging_hwpt_publish_automatic(struct hwpt *hwpt);
bool paging_hwpt_is_automatic(const struct hwpt *hwpt,
			      const struct iommufd_ioas *ioas);

#endif
