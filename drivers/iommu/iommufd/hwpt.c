// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables: what all kinds have in common.
 *
 * A kind makes its tables with hwpt_create(), then a domain and what is behind it.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/module.h>

#include "device.h"
#include "hwpt.h"

static struct hwpt *hwpt_of(struct iommufd_object *object)
{
	return container_of(object, struct hwpt, object);
}

static void hwpt_release(struct hwpt *hwpt)
{
	if (hwpt->domain)
		iommu_domain_free(hwpt->domain);
	module_put(hwpt->driver);
}

static void hwpt_destroy(struct iommufd_object *object)
{
	struct hwpt *hwpt = hwpt_of(object);

	hwpt->kind->end(hwpt);
	hwpt_release(hwpt);
}

static void hwpt_unlink(struct iommufd_object *object)
{
	struct hwpt *hwpt = hwpt_of(object);

	hwpt->kind->unlink(hwpt);
}

const struct iommufd_object_ops iommufd_hwpt_ops = {
	.destroy = hwpt_destroy,
	.unlink = hwpt_unlink,
};

/*
 * 6.1 drivers share a table between IOMMU instances of different abilities
 * without care: widths and page sizes change under its users.
 */
bool hwpt_suits(const struct hwpt *hwpt, const struct iommufd_device *idev)
{
	return hwpt->iommu == idev->dev->iommu->iommu_dev;
}

/**
 * hwpt_create() - Begin a table
 * @idev: a device that can be attached to it
 * @kind: what will be behind it
 *
 * Return: zeroed memory of @kind, without a domain, until hwpt_abort(); -ENODEV
 * when the IOMMU driver is going; an errno of iommufd_object_create().
 */
struct hwpt *hwpt_create(struct iommufd_device *idev,
			 const struct hwpt_kind *kind)
{
	struct iommufd_object *object;
	struct hwpt *hwpt;

	BUILD_BUG_ON(offsetof(struct hwpt, object));
	object = __iommufd_object_create(idev->object.ictx, kind->size,
					 &iommufd_hwpt_ops);
	if (IS_ERR(object))
		return ERR_CAST(object);
	hwpt = hwpt_of(object);
	hwpt->kind = kind;
	hwpt->iommu = idev->dev->iommu->iommu_dev;

	/* The table may outlive every device that keeps the driver loaded. */
	hwpt->driver = dev_iommu_ops(idev->dev)->owner;
	if (!try_module_get(hwpt->driver)) {
		iommufd_object_abort(object);
		return ERR_PTR(-ENODEV);
	}
	return hwpt;
}

/* The end of a table that has nothing behind it yet, or not any more. */
void hwpt_abort(struct hwpt *hwpt)
{
	hwpt_release(hwpt);
	iommufd_object_abort(&hwpt->object);
}
