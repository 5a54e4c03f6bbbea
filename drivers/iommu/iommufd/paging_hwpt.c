// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that an IOAS is behind.
 *
 * A table is filled before a device uses it, so what its domain can do, page sizes
 * and aperture, has to be final before that: it is made for the device.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/seq_file.h>

#include "context.h"
#include "device.h"
#include "ioas.h"
#include "mapped_table.h"
#include "paging_hwpt.h"

static struct paging_hwpt *paging_of(struct hwpt *hwpt)
{
	return container_of(hwpt, struct paging_hwpt, hwpt);
}

static int paging_attach(struct hwpt *hwpt, struct iommufd_group *group,
			 struct hwpt *old)
{
	lockdep_assert_held_write(&hwpt->space->tables_lock);
	if (!old)
		return iommu_attach_group(hwpt->domain, group->iommu_group);
	lockdep_assert_held_write(&old->space->tables_lock);
	return iommu_switch_group(old->domain, hwpt->domain,
				  group->iommu_group);
}

static void paging_detach(struct hwpt *hwpt, struct iommufd_group *group)
{
	lockdep_assert_held_write(&hwpt->space->tables_lock);
	iommu_detach_group(hwpt->domain, group->iommu_group);
}

static void paging_unlink(struct hwpt *hwpt)
{
	struct paging_hwpt *paging = paging_of(hwpt);

	lockdep_assert_held(&paging->ioas->attach_lock);
	list_del(&paging->link);
}

static void paging_end(struct hwpt *hwpt)
{
	struct paging_hwpt *paging = paging_of(hwpt);

	mapped_table_remove(hwpt->space, &paging->table);
	iommufd_object_put(&paging->ioas->object);
}

static void paging_show(struct hwpt *hwpt, struct seq_file *m)
{
	struct paging_hwpt *paging = paging_of(hwpt);

	seq_printf(m, " ioas=%u kind=%s", paging->ioas->object.id,
		   paging->automatic ? "automatic" : "user");
}

static const struct hwpt_kind paging_kind = {
	.size = sizeof(struct paging_hwpt) +
		BUILD_BUG_ON_ZERO(offsetof(struct paging_hwpt, hwpt)),
	.attach = paging_attach,
	.detach = paging_detach,
	.unlink = paging_unlink,
	.end = paging_end,
	.show = paging_show,
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

/* A table by the number that the user knows, with a reference on its object */
struct paging_hwpt *paging_hwpt_get(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *object;
	struct hwpt *hwpt;

	object = iommufd_object_get(ictx, id, &iommufd_hwpt_ops);
	if (IS_ERR(object))
		return ERR_CAST(object);
	hwpt = container_of(object, struct hwpt, object);
	if (hwpt->kind != &paging_kind) {
		iommufd_object_put(object);
		return ERR_PTR(-ENOENT);
	}
	return paging_of(hwpt);
}

static int paging_refuse_domain(struct iommufd_device *idev, int ret)
{
	const char *when = ret == -EOPNOTSUPP ?
		"; it makes none while the device is attached to another one" : "";

	return reason_refuse(&idev->object.ictx->reason, ret,
			     "the driver of the IOMMU made no page table for %s%s",
			     dev_name(idev->dev), when);
}

/*
 * Coherent, where the IOMMU can see to that. It counts for entries as they are
 * written, so it cannot be changed later.
 */
static int paging_alloc_domain(struct paging_hwpt *paging,
			       struct iommufd_device *idev, u32 flags)
{
	bool coherent = device_iommu_capable(idev->dev,
					     IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
	struct hwpt *hwpt = &paging->hwpt;
	struct iommu_domain *domain;

	if (coherent)
		flags |= IOMMU_DOMAIN_FLAG_COHERENT;
	domain = iommu_domain_alloc_for(idev->dev, flags);
	if (IS_ERR(domain))
		return paging_refuse_domain(idev, PTR_ERR(domain));
	hwpt->domain = domain;
	paging->table.domain = domain;
	paging->table.coherent = coherent;
	iommu_doorbell_init(&paging->doorbells, domain);
	hwpt->doorbells = &paging->doorbells;
	return 0;
}

/**
 * paging_hwpt_create() - Make a table that translates all an IOAS maps
 * @ioas: which
 * @idev: a device that can be attached to it
 * @flags: IOMMU_DOMAIN_FLAG_*, what the table has to have
 *
 * Context: may wait for pages of user memory; no lock that others need may be
 * held.
 * Return: the table, not published; an errno of hwpt_create(), of
 * mapped_table_add() or of the IOMMU driver.
 */
struct hwpt *paging_hwpt_create(struct iommufd_ioas *ioas,
				struct iommufd_device *idev, u32 flags)
{
	struct hwpt *hwpt = hwpt_create(idev, &paging_kind);
	struct paging_hwpt *paging;
	int ret;

	if (IS_ERR(hwpt))
		return hwpt;
	paging = paging_of(hwpt);
	ret = paging_alloc_domain(paging, idev, flags);
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
