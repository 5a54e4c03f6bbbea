// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware page tables.
 *
 * 6.1 makes a domain without knowing the device, and what the domain can do,
 * its page sizes and its aperture, is final only once the driver has seen a
 * device. The table has to be filled before a device uses it, so it is shown
 * to the driver first: by the driver's domain_prepare operation, or, where
 * there is none, by an attach of the empty domain that is undone at once.
 * DMA of an unattached group is blocked before, during and after.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "mapped_table.h"

static void hwpt_destroy(struct iommufd_object *object)
{
	struct iommufd_hwpt *hwpt = container_of(object, struct iommufd_hwpt,
						 object);
	struct iommufd_ioas *ioas = hwpt->ioas;

	mapped_table_remove(&ioas->space, &hwpt->table);
	iommu_domain_free(hwpt->table.domain);
	module_put(hwpt->driver);
	iommufd_object_put(&ioas->object);
}

static void hwpt_unlink(struct iommufd_object *object)
{
	list_del(&container_of(object, struct iommufd_hwpt, object)->link);
}

const struct iommufd_object_ops iommufd_hwpt_ops = {
	.destroy = hwpt_destroy,
	.unlink = hwpt_unlink,
};

/*
 * 6.1 drivers share a table between IOMMU instances of different abilities
 * without care: widths and page sizes change under its users.
 */
bool iommufd_hwpt_suits(const struct iommufd_hwpt *hwpt,
			const struct iommufd_device *idev)
{
	return hwpt->iommu == idev->dev->iommu->iommu_dev;
}

/* Let other devices find the table, which one is attached to. */
void iommufd_hwpt_publish_automatic(struct iommufd_hwpt *hwpt)
{
	struct iommufd_ioas *ioas = hwpt->ioas;

	lockdep_assert_held(&ioas->attach_lock);
	hwpt->automatic = true;
	list_add_tail(&hwpt->link, &ioas->automatic);
	iommufd_object_publish_transient(&hwpt->object, &ioas->attach_lock);
}

/* Without domain_prepare. See the top of this file. */
static int domain_prepare_by_attach(struct iommu_domain *domain,
				    struct iommufd_group *group)
{
	int ret;

	/* Not while the group's DMA runs through another table. */
	if (iommufd_group_is_attached(group))
		return -EOPNOTSUPP;
	ret = iommu_attach_group(domain, group->iommu_group);
	if (!ret)
		iommu_detach_group(domain, group->iommu_group);
	return ret;
}

static int hwpt_prepare(struct iommufd_hwpt *hwpt, struct iommufd_device *idev)
{
	const struct iommu_ops *ops = dev_iommu_ops(idev->dev);
	struct iommu_domain *domain = hwpt->table.domain;

	lockdep_assert_held(&idev->group->lock);

	/* It counts for entries that are written later: now is the time. */
	if (device_iommu_capable(idev->dev,
				 IOMMU_CAP_ENFORCE_CACHE_COHERENCY))
		hwpt->table.coherent =
			domain->ops->enforce_cache_coherency(domain);
	if (ops->domain_prepare)
		return ops->domain_prepare(domain, idev->dev);
	return domain_prepare_by_attach(domain, idev->group);
}

/**
 * iommufd_hwpt_create() - Make a table that translates all an IOAS maps
 * @ioas: which
 * @idev: a device that can be attached to it
 *
 * Context: takes the lock of the device's group, but not while it waits for
 * pages of user memory; no lock that others need may be held.
 * Return: the table, not published; an errno of mapped_table_add() or of
 * the IOMMU driver.
 */
struct iommufd_hwpt *iommufd_hwpt_create(struct iommufd_ioas *ioas,
					 struct iommufd_device *idev)
{
	const struct iommu_ops *ops = dev_iommu_ops(idev->dev);
	struct iommufd_hwpt *hwpt;
	int ret;

	hwpt = iommufd_object_create(idev->object.ictx, struct iommufd_hwpt,
				     &iommufd_hwpt_ops);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->iommu = idev->dev->iommu->iommu_dev;

	/* The table may outlive every device that keeps the driver loaded. */
	hwpt->driver = ops->owner;
	if (!try_module_get(hwpt->driver)) {
		ret = -ENODEV;
		goto err_abort;
	}
	hwpt->table.domain = iommu_domain_alloc(idev->dev->bus);
	if (!hwpt->table.domain) {
		ret = -ENOMEM;
		goto err_put_driver;
	}
	iommu_doorbell_init(&hwpt->doorbells, hwpt->table.domain);
	ret = mutex_lock_killable(&idev->group->lock);
	if (ret)
		goto err_free_domain;
	ret = hwpt_prepare(hwpt, idev);
	mutex_unlock(&idev->group->lock);
	if (ret)
		goto err_free_domain;
	ret = mapped_table_add(&ioas->space, &hwpt->table);
	if (ret)
		goto err_free_domain;
	hwpt->ioas = ioas;
	iommufd_object_hold(&ioas->object);
	return hwpt;

err_free_domain:
	iommu_domain_free(hwpt->table.domain);
err_put_driver:
	module_put(hwpt->driver);
err_abort:
	iommufd_object_abort(&hwpt->object);
	return ERR_PTR(ret);
}

static int hwpt_alloc(struct iommufd_command *command,
		      struct iommufd_device *idev, struct iommufd_ioas *ioas)
{
	struct iommu_hwpt_alloc *arg = command->argument;
	struct iommufd_hwpt *hwpt;

	hwpt = iommufd_hwpt_create(ioas, idev);
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
	struct iommufd_object *object;
	struct iommufd_device *idev;
	int ret;

	if (has_data != !!arg->data_len)
		return -EINVAL;
	idev = iommufd_device_get(command->ictx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	object = iommufd_object_get(command->ictx, arg->pt_id, NULL);
	if (IS_ERR(object)) {
		ret = -EINVAL;
		goto out_put_device;
	}

	if (object->ops != &iommufd_ioas_ops && object->ops != &iommufd_hwpt_ops)
		ret = -EINVAL;
	else if (object->ops == &iommufd_hwpt_ops || arg->flags || has_data)
		/* No driver of this kernel nests tables or tracks dirty pages. */
		ret = -EOPNOTSUPP;
	else
		ret = hwpt_alloc(command, idev,
				 container_of(object, struct iommufd_ioas,
					      object));
	iommufd_object_put(object);
out_put_device:
	iommufd_object_put(&idev->object);
	return ret;
}
