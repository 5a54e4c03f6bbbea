// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_ALLOC: what the user asks for, and which kind of table that is.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "hwpt_alloc.h"
#include "ioas.h"
#include "paging_hwpt.h"

/* A table of an IOAS */
static struct hwpt *alloc_paging(const struct iommu_hwpt_alloc *arg,
				 struct iommufd_ioas *ioas,
				 struct iommufd_device *idev)
{
	struct reason *reason = &idev->object.ictx->reason;
	u32 flags = 0;

	if (arg->flags & ~IOMMU_HWPT_ALLOC_DIRTY_TRACKING ||
	    arg->data_type != IOMMU_HWPT_DATA_NONE)
		return ERR_PTR(reason_refuse(reason, -EOPNOTSUPP,
					     "this kernel has page tables of an IOAS that may track dirty pages, and no others"));
	if (arg->flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING) {
		if (!device_iommu_capable(idev->dev, IOMMU_CAP_TRACK_DIRTY))
			return ERR_PTR(reason_refuse(reason, -EOPNOTSUPP,
						     "the IOMMU of %s cannot track dirty pages",
						     dev_name(idev->dev)));
		flags |= IOMMU_DOMAIN_FLAG_TRACK_DIRTY;
	}
	return paging_hwpt_create(ioas, idev, flags);
}

/* What is to be behind the table decides the kind. */
static struct hwpt *alloc_on(const struct iommu_hwpt_alloc *arg,
			     struct iommufd_object *parent,
			     struct iommufd_device *idev)
{
	struct reason *reason = &idev->object.ictx->reason;

	if (parent->ops == &iommufd_ioas_ops)
		return alloc_paging(arg, container_of(parent,
						      struct iommufd_ioas,
						      object), idev);
	if (parent->ops == &iommufd_hwpt_ops)
		return ERR_PTR(reason_refuse(reason, -EOPNOTSUPP,
					     "no IOMMU driver of this kernel nests page tables"));
	return ERR_PTR(reason_refuse(reason, -EINVAL,
				     "object %u is a %s: a page table is made of an IOAS",
				     parent->id, parent->ops->name));
}

static int hwpt_alloc(struct iommufd_command *command,
		      struct iommufd_device *idev)
{
	struct iommu_hwpt_alloc *arg = command->argument;
	struct iommufd_object *parent;
	struct hwpt *hwpt;

	parent = iommufd_object_get(command->ictx, arg->pt_id, NULL);
	if (IS_ERR(parent))
		return reason_refuse(&command->ictx->reason, -EINVAL,
				     "no object has the number %u, of pt_id",
				     arg->pt_id);
	hwpt = alloc_on(arg, parent, idev);
	iommufd_object_put(parent);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	arg->out_hwpt_id = hwpt->object.id;
	command->created = &hwpt->object;
	return 0;
}

/* IOMMU_HWPT_ALLOC */
int iommufd_hwpt_alloc(struct iommufd_command *command)
{
	struct iommu_hwpt_alloc *arg = command->argument;
	bool has_data = arg->data_type != IOMMU_HWPT_DATA_NONE;
	struct iommufd_device *idev;
	int ret;

	if (has_data != !!arg->data_len)
		return reason_refuse(&command->ictx->reason, -EINVAL,
				     "data_len and data_type do not go together: without data both are 0");
	idev = iommufd_device_get(command->ictx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	ret = hwpt_alloc(command, idev);
	iommufd_object_put(&idev->object);
	return ret;
}
