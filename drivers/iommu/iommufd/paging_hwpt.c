// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that an IOAS is behind.
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
#include <linux/lockdep.h>

#include "device.h"
#include "ioas.h"
#include "mapped_table.h"
#include "paging_hwpt.h"

static struct paging_hwpt *paging_of(struct hwpt *hwpt)
{
	return container_of(hwpt, struct paging_hwpt, hwpt);
}

static int paging_attach(struct hwpt *hwpt, struct iommufd_group *group)
{
	lockdep_assert_held_write(&hwpt->space->tables_lock);
	return iommu_attach_group(hwpt->domain, group->iommu_group);
}

static void paging_detach(struct hwpt *hwpt, struct iommufd_group *group)
{
	lockdep_assert_held_write(&hwpt->space->tables_lock);
	iommu_detach_group(hwpt->domain, group->iommu_group);
}

static void paging_unlink(struct hwpt *hwpt)
{
	list_del(&paging_of(hwpt)->link);
}

static void paging_end(struct hwpt *hwpt)
{
	struct paging_hwpt *paging = paging_of(hwpt);

	mapped_table_remove(hwpt->space, &paging->table);
	iommufd_object_put(&paging->ioas->object);
}

static const struct hwpt_kind paging_kind = {
	.size = sizeof(struct paging_hwpt) +
		BUILD_BUG_ON_ZERO(offsetof(struct paging_hwpt, hwpt)),
	.attach = paging_attach,
	.detach = paging_detach,
	.unlink = paging_unlink,
	.end = paging_end,
};

/* Let other devices find the table, which one is attached to. */
void paging_hwpt_publish_automatic(struct hwpt *hwpt)
{
	struct paging_hwpt *paging = paging_of(hwpt);
	struct iommufd_ioas *ioas = paging->ioas;

	lockdep_assert_held(&ioas->attach_lock);
	paging->automatic = true;
	list_add_tail(&paging->link, &ioas->automatic);
	iommufd_object_publish_transient(&hwpt->object, &ioas->attach_lock);
}

/* Is it one that an attach to @ioas made? @hwpt is of any kind. */
bool paging_hwpt_is_automatic(const struct hwpt *hwpt,
			      const struct iommufd_ioas *ioas)
{
	const struct paging_hwpt *paging;

	if (hwpt->kind != &paging_kind)
		return false;
	paging = container_of(hwpt, const struct paging_hwpt, hwpt);
	return paging->automatic && paging->ioas == ioas;
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

static int paging_prepare(struct paging_hwpt *paging,
			  struct iommufd_device *idev)
{
	const struct iommu_ops *ops = dev_iommu_ops(idev->dev);
	struct iommu_domain *domain = paging->hwpt.domain;

	lockdep_assert_held(&idev->group->lock);

	/* It counts for entries that are written later: now is the time. */
	if (device_iommu_capable(idev->dev,
				 IOMMU_CAP_ENFORCE_CACHE_COHERENCY))
		paging->table.coherent =
			domain->ops->enforce_cache_coherency(domain);
	if (ops->domain_prepare)
		return ops->domain_prepare(domain, idev->dev);
	return domain_prepare_by_attach(domain, idev->group);
}

/* An empty domain whose page sizes and aperture are final */
static int paging_create_domain(struct paging_hwpt *paging,
				struct iommufd_device *idev)
{
	struct hwpt *hwpt = &paging->hwpt;
	int ret;

	hwpt->domain = iommu_domain_alloc(idev->dev->bus);
	if (!hwpt->domain)
		return -ENOMEM;
	paging->table.domain = hwpt->domain;
	iommu_doorbell_init(&paging->doorbells, hwpt->domain);
	hwpt->doorbells = &paging->doorbells;
	ret = mutex_lock_killable(&idev->group->lock);
	if (ret)
		return ret;
	ret = paging_prepare(paging, idev);
	mutex_unlock(&idev->group->lock);
	return ret;
}

/**
 * paging_hwpt_create() - Make a table that translates all an IOAS maps
 * @ioas: which
 * @idev: a device that can be attached to it
 *
 * Context: takes the lock of the device's group, but not while it waits for
 * pages of user memory; no lock that others need may be held.
 * Return: the table, not published; an errno of hwpt_create(), of
 * mapped_table_add() or of the IOMMU driver.
 */
struct hwpt *paging_hwpt_create(struct iommufd_ioas *ioas,
				struct iommufd_device *idev)
{
	struct hwpt *hwpt = hwpt_create(idev, &paging_kind);
	struct paging_hwpt *paging;
	int ret;

	if (IS_ERR(hwpt))
		return hwpt;
	paging = paging_of(hwpt);
	ret = paging_create_domain(paging, idev);
	if (!ret)
		ret = mapped_table_add(&ioas->space, &paging->table);
	if (ret) {
		hwpt_abort(hwpt);
		return ERR_PTR(ret);
	}
	hwpt->space = &ioas->space;
	paging->ioas = ioas;
	iommufd_object_hold(&ioas->object);
	return hwpt;
}
