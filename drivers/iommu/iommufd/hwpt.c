// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables: what all kinds have in common.
 *
 * A kind makes its tables with hwpt_create(), then a domain and what is behind it.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "context.h"
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

/* As 4K,2M,1G */
static void show_page_sizes(struct seq_file *m, unsigned long sizes)
{
	static const char units[] = "KMGTPE";
	const char *separator = "";
	unsigned int bit;

	for_each_set_bit(bit, &sizes, BITS_PER_LONG) {
		if (bit < 10)
			seq_printf(m, "%s%lu", separator, 1UL << bit);
		else
			seq_printf(m, "%s%lu%c", separator, 1UL << (bit % 10),
				   units[bit / 10 - 1]);
		separator = ",";
	}
}

static void hwpt_show(struct iommufd_object *object, struct seq_file *m)
{
	struct hwpt *hwpt = hwpt_of(object);

	seq_printf(m, "iommufd-hwpt:\tid=%u", object->id);
	if (hwpt->kind->show)
		hwpt->kind->show(hwpt, m);
	if (hwpt->iommu_name[0]) {
		seq_puts(m, " iommu=");
		seq_escape(m, hwpt->iommu_name, " \t\n\\");
	}
	if (hwpt->domain) {
		seq_puts(m, " page-sizes=");
		show_page_sizes(m, hwpt->domain->pgsize_bitmap);
	}
	seq_printf(m, " devices=%d\n", atomic_read(&hwpt->nr_devices));
}

const struct iommufd_object_ops iommufd_hwpt_ops = {
	.name = "page table",
	.destroy = hwpt_destroy,
	.unlink = hwpt_unlink,
	.show = hwpt_show,
};

/*
 * 6.1 drivers share a table between IOMMU instances of different abilities
 * without care: widths and page sizes change under its users. And what a device
 * writes that cannot be tracked would be missing in what is told of the table.
 */
bool hwpt_suits(const struct hwpt *hwpt, const struct iommufd_device *idev)
{
	if (hwpt->domain->tracking_ops &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_TRACK_DIRTY))
		return false;
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
	if (hwpt->iommu->dev)
		strscpy(hwpt->iommu_name, dev_name(hwpt->iommu->dev),
			sizeof(hwpt->iommu_name));

	/* The table may outlive every device that keeps the driver loaded. */
	hwpt->driver = dev_iommu_ops(idev->dev)->owner;
	if (!try_module_get(hwpt->driver)) {
		iommufd_object_abort(object);
		return ERR_PTR(reason_refuse(&idev->object.ictx->reason,
					     -ENODEV,
					     "the driver of the IOMMU is being removed"));
	}
	return hwpt;
}

/* The end of a table that has nothing behind it yet, or not any more. */
void hwpt_abort(struct hwpt *hwpt)
{
	hwpt_release(hwpt);
	iommufd_object_abort(&hwpt->object);
}
