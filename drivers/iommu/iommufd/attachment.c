// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching devices to page tables: none to X, X to none, X to Y.
 *
 * The IOMMU tells apart isolation groups, not devices. All attached devices of
 * a group share a table; the first one switches the hardware, and a replace
 * moves all of them.
 *
 * Lock order:
 *
 *	iommufd_group.lock		the attachment
 *	  iommufd_ioas.attach_lock	finding or making an automatic table
 *	    the locks of mapping.h
 */
#include <linux/err.h>
#include <linux/iommu-doorbell.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"

/**
 * struct attach_answer - how the caller of an attach is told the number
 * @tell: called with it before anything changes; what it returns other than 0
 *        is a failure. May touch user memory. NULL for none
 * @data: for @tell
 */
struct attach_answer {
	int (*tell)(void *data, u32 pt_id);
	void *data;
};

static bool idev_is_attached(struct iommufd_device *idev)
{
	lockdep_assert_held(&idev->group->lock);
	return !list_empty(&idev->attached_link);
}

/*
 * Keep mappings of @ioas out of what the IOMMU driver reserves. The regions of
 * the whole group: the hardware attaches all of its devices, and 6.1 reports
 * them for a group.
 */
static int idev_reserve(struct iommufd_device *idev,
			struct iommufd_ioas *ioas)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int ret;

	lockdep_assert_held(&idev->group->lock);
	/* Some may be there also after a failure. */
	ret = iommu_get_group_resv_regions(idev->group->iommu_group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		/* Mapped by firmware for its own use, not needed any more. */
		if (!ret && region->type != IOMMU_RESV_DIRECT_RELAXABLE)
			ret = mapped_space_reserve(&ioas->space, region->start,
						   region->start +
						   region->length - 1, idev);
		kfree(region);
	}
	if (ret)
		mapped_space_unreserve(&ioas->space, idev);
	return ret;
}

static void idev_unreserve(struct iommufd_device *idev,
			   struct iommufd_ioas *ioas)
{
	lockdep_assert_held(&idev->group->lock);
	mapped_space_unreserve(&ioas->space, idev);
}

static struct mapped_space *hwpt_space(struct iommufd_hwpt *hwpt)
{
	return hwpt ? &hwpt->ioas->space : NULL;
}

static int hwpt_attach_group(struct iommufd_hwpt *hwpt,
			     struct iommufd_group *group)
{
	lockdep_assert_held_write(&hwpt_space(hwpt)->tables_lock);
	return iommu_attach_group(hwpt->table.domain, group->iommu_group);
}

static void hwpt_detach_group(struct iommufd_hwpt *hwpt,
			      struct iommufd_group *group)
{
	lockdep_assert_held_write(&hwpt_space(hwpt)->tables_lock);
	iommu_detach_group(hwpt->table.domain, group->iommu_group);
}

/* 6.1 attaches only a group that is not attached. */
static int group_switch_hardware(struct iommufd_group *group,
				 struct iommufd_hwpt *old,
				 struct iommufd_hwpt *new)
{
	int ret;

	if (old)
		hwpt_detach_group(old, group);
	if (!new)
		return 0;
	ret = hwpt_attach_group(new, group);
	if (ret && old)
		WARN_ON(hwpt_attach_group(old, group));
	return ret;
}

/*
 * The interrupts of the group go with it: as a write of a device an interrupt
 * may have to be translated, too.
 */
static int group_switch_locked(struct iommufd_group *group,
			       struct iommufd_hwpt *old,
			       struct iommufd_hwpt *new)
{
	struct iommu_doorbell_table *table = new ? &new->doorbells : NULL;
	int ret = iommu_doorbell_begin_move(&group->doorbells, table);

	if (ret)
		return ret;
	ret = group_switch_hardware(group, old, new);
	iommu_doorbell_end_move(&group->doorbells, table, !ret);
	return ret;
}

/*
 * Switch the hardware from @old to @new, either of which may be NULL for no
 * table: DMA is blocked then, and in a replace for a moment. After a failure
 * @old is in force. Nobody maps or unmaps in the tables meanwhile: mapping.h
 * says which driver wants that. Both are held from the beginning, so that the
 * moment does not grow by waiting for a map.
 */
static int group_switch(struct iommufd_group *group, struct iommufd_hwpt *old,
			struct iommufd_hwpt *new)
{
	int ret;

	lockdep_assert_held(&group->lock);
	mapped_spaces_lock(hwpt_space(old), hwpt_space(new));
	ret = group_switch_locked(group, old, new);
	mapped_spaces_unlock(hwpt_space(old), hwpt_space(new));
	return ret;
}

/* What can still fail, before the hardware is switched. */
static int attach_answer(const struct attach_answer *answer,
			 struct iommufd_hwpt *hwpt)
{
	return answer->tell ? answer->tell(answer->data, hwpt->object.id) : 0;
}

/* none to X */
static int idev_join(struct iommufd_device *idev, struct iommufd_hwpt *hwpt,
		     const struct attach_answer *answer)
{
	struct iommufd_group *group = idev->group;
	int ret;

	lockdep_assert_held(&idev->group->lock);
	if (group->hwpt && group->hwpt != hwpt)
		return -EINVAL;
	ret = idev_reserve(idev, hwpt->ioas);
	if (ret)
		return ret;
	ret = attach_answer(answer, hwpt);
	if (!ret && !group->hwpt)
		ret = group_switch(group, NULL, hwpt);
	if (ret) {
		idev_unreserve(idev, hwpt->ioas);
		return ret;
	}
	group->hwpt = hwpt;
	iommufd_object_hold(&hwpt->object);
	list_add_tail(&idev->attached_link, &group->attached);
	return 0;
}

/* X to none */
static void idev_leave(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt *hwpt = group->hwpt;

	lockdep_assert_held(&idev->group->lock);
	list_del_init(&idev->attached_link);
	if (list_empty(&group->attached)) {
		group_switch(group, hwpt, NULL);
		group->hwpt = NULL;
	}
	idev_unreserve(idev, hwpt->ioas);
	iommufd_object_put(&hwpt->object);
}

/* The regions of all attached devices in @ioas, or none of them. */
static int group_reserve(struct iommufd_group *group, struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev;
	int ret;

	lockdep_assert_held(&group->lock);
	list_for_each_entry(idev, &group->attached, attached_link) {
		ret = idev_reserve(idev, ioas);
		if (ret)
			goto err_unreserve;
	}
	return 0;

err_unreserve:
	list_for_each_entry_continue_reverse(idev, &group->attached,
					     attached_link)
		idev_unreserve(idev, ioas);
	return ret;
}

static void group_unreserve(struct iommufd_group *group,
			    struct iommufd_ioas *ioas)
{
	struct iommufd_device *idev;

	lockdep_assert_held(&group->lock);
	list_for_each_entry(idev, &group->attached, attached_link)
		idev_unreserve(idev, ioas);
}

/* X to Y */
static int group_replace(struct iommufd_group *group,
			 struct iommufd_hwpt *hwpt,
			 const struct attach_answer *answer)
{
	struct iommufd_hwpt *old = group->hwpt;
	struct iommufd_device *idev;
	int ret;

	lockdep_assert_held(&group->lock);
	if (hwpt == old)
		return attach_answer(answer, hwpt);
	if (hwpt->ioas != old->ioas) {
		ret = group_reserve(group, hwpt->ioas);
		if (ret)
			return ret;
	}
	ret = attach_answer(answer, hwpt);
	if (!ret)
		ret = group_switch(group, old, hwpt);
	if (ret) {
		if (hwpt->ioas != old->ioas)
			group_unreserve(group, hwpt->ioas);
		return ret;
	}
	group->hwpt = hwpt;
	if (hwpt->ioas != old->ioas)
		group_unreserve(group, old->ioas);

	/* The caller has a reference on @old as well: this is not its end. */
	list_for_each_entry(idev, &group->attached, attached_link) {
		iommufd_object_hold(&hwpt->object);
		iommufd_object_put(&old->object);
	}
	return 0;
}

/**
 * struct attach_request - one call of iommufd_attach_device()
 * @idev: what is attached
 * @object: to what, an IOAS or a HWPT
 * @pt_id: as there
 * @answer: as there
 */
struct attach_request {
	struct iommufd_device *idev;
	struct iommufd_object *object;
	u32 *pt_id;
	struct attach_answer answer;
};

/* The caller has a reference on @hwpt. */
static int attach_to_hwpt(const struct attach_request *request,
			  struct iommufd_hwpt *hwpt)
{
	struct iommufd_device *idev = request->idev;

	if (!iommufd_hwpt_suits(hwpt, idev))
		return -EINVAL;
	if (idev_is_attached(idev))
		return group_replace(idev->group, hwpt, &request->answer);
	return idev_join(idev, hwpt, &request->answer);
}

/*
 * Attach to an automatic table that is there. Return: the table; NULL when none
 * suits; an errno.
 */
static struct iommufd_hwpt *attach_to_existing(const struct attach_request *request,
					       struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt *hwpt;

	/* None of the list ends meanwhile. */
	lockdep_assert_held(&ioas->attach_lock);
	list_for_each_entry(hwpt, &ioas->automatic, link) {
		int ret;

		ret = attach_to_hwpt(request, hwpt);
		if (!ret)
			return hwpt;
		/* Not compatible: another one may be. */
		if (ret != -EINVAL)
			return ERR_PTR(ret);
	}
	return NULL;
}

/*
 * Attach to @new, which becomes an automatic table. Return: it; NULL when it is
 * needed and not there; an errno.
 */
static struct iommufd_hwpt *attach_to_new(const struct attach_request *request,
					  struct iommufd_hwpt *new)
{
	struct iommufd_device *idev = request->idev;
	int ret;

	/* A group has one table: nothing that could be made now would fit. */
	if (idev->group->hwpt && !idev_is_attached(idev))
		return ERR_PTR(-EINVAL);
	if (!new)
		return NULL;
	ret = attach_to_hwpt(request, new);
	if (ret)
		return ERR_PTR(ret);
	iommufd_hwpt_publish_automatic(new);
	return new;
}

/* Return: the table in use now; NULL when @new is needed and not there. */
static struct iommufd_hwpt *attach_to_ioas(const struct attach_request *request,
					   struct iommufd_ioas *ioas,
					   struct iommufd_hwpt *new)
{
	struct iommufd_hwpt *hwpt = request->idev->group->hwpt;
	int ret;

	/* The group's own table is the right one, not merely one that fits. */
	if (hwpt && hwpt->automatic && hwpt->ioas == ioas) {
		ret = attach_to_hwpt(request, hwpt);
		return ret ? ERR_PTR(ret) : hwpt;
	}
	if (mutex_lock_killable(&ioas->attach_lock))
		return ERR_PTR(-EINTR);
	hwpt = attach_to_existing(request, ioas);
	if (!hwpt)
		hwpt = attach_to_new(request, new);
	mutex_unlock(&ioas->attach_lock);
	return hwpt;
}

static struct iommufd_hwpt *attach_to_object(const struct attach_request *request,
					     struct iommufd_hwpt *new)
{
	struct iommufd_object *object = request->object;
	struct iommufd_hwpt *hwpt;
	int ret;

	if (object->ops == &iommufd_ioas_ops)
		return attach_to_ioas(request,
				      container_of(object, struct iommufd_ioas,
						   object), new);
	if (object->ops != &iommufd_hwpt_ops)
		return ERR_PTR(-EINVAL);
	hwpt = container_of(object, struct iommufd_hwpt, object);
	ret = attach_to_hwpt(request, hwpt);
	return ret ? ERR_PTR(ret) : hwpt;
}

/*
 * Attach with the table @new, if that is not NULL and needed, and set the
 * number. Return: the table in use now, which need not be any more; else as
 * attach_to_object().
 */
static struct iommufd_hwpt *attach_locked(const struct attach_request *request,
					  struct iommufd_hwpt *new)
{
	struct iommufd_device *idev = request->idev;
	struct iommufd_hwpt *hwpt, *old;

	if (mutex_lock_killable(&idev->group->lock))
		return ERR_PTR(-EINTR);
	old = idev->group->hwpt;
	if (old)
		iommufd_object_hold(&old->object);
	hwpt = attach_to_object(request, new);
	/* It has a reference as long as the device is attached to it. */
	if (!IS_ERR_OR_NULL(hwpt))
		*request->pt_id = hwpt->object.id;
	if (old)
		iommufd_object_put(&old->object);
	mutex_unlock(&idev->group->lock);
	return hwpt;
}

/*
 * The IOAS has no table that suits. One is made with no lock held, as it waits
 * for the pages of all mappings; there may be another one then.
 */
static int attach_with_new(const struct attach_request *request)
{
	struct iommufd_ioas *ioas = container_of(request->object,
						 struct iommufd_ioas, object);
	struct iommufd_hwpt *new = iommufd_hwpt_create(ioas, request->idev);
	struct iommufd_hwpt *hwpt;

	if (IS_ERR(new))
		return PTR_ERR(new);
	hwpt = attach_locked(request, new);
	if (hwpt != new)
		iommufd_object_discard(&new->object);
	return PTR_ERR_OR_ZERO(hwpt);
}

/**
 * iommufd_attach_device() - Let a device do DMA through a page table
 * @idev: the device; when it is attached already, its table is replaced, and
 *        that of all attached devices of its iommu_group
 * @pt_id: number of an IOAS or of a HWPT; set to the number of the HWPT that is
 *         in use now. For an IOAS one is found or made
 * @answer: called with that number before anything changes; what it returns other
 *          than 0 is a failure. May touch user memory. NULL for none
 * @data: for @answer
 *
 * A failure leaves everything as it was. The IOMMU driver may yet fail after
 * @answer has succeeded, and @answer may be called again then for another
 * table: so only success tells that the last answer was right. 6.1 drivers cannot
 * change tables without blocking DMA for a moment.
 *
 * Context: may sleep, for as long as user memory takes, but killably, with no lock
 * held that another context needs; pins memory, when the table is the IOAS's first.
 * Return: 0; what @answer returned; -ENOENT when @pt_id names nothing; -EINVAL
 * when it names something else, the table does not suit the device's IOMMU, or
 * another device of the group is attached elsewhere; -EADDRINUSE when a mapping
 * is where the device or its IOMMU cannot have one; -EFAULT, -ENOMEM, -EINTR from
 * pinning; -EINTR also from waiting; an errno of the IOMMU driver.
 */
int iommufd_attach_device(struct iommufd_device *idev, u32 *pt_id,
			  int (*answer)(void *data, u32 pt_id), void *data)
{
	struct attach_request request = {
		.idev = idev,
		.pt_id = pt_id,
		.answer = { .tell = answer, .data = data },
	};
	struct iommufd_hwpt *hwpt;
	int ret;

	request.object = iommufd_object_get(idev->object.ictx, *pt_id, NULL);
	if (IS_ERR(request.object))
		return PTR_ERR(request.object);
	hwpt = attach_locked(&request, NULL);
	if (hwpt)
		ret = PTR_ERR_OR_ZERO(hwpt);
	else
		ret = attach_with_new(&request);
	iommufd_object_put(request.object);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_attach_device);

/**
 * iommufd_detach_device() - Block a device's DMA
 * @idev: the device; nothing happens when it is not attached
 *
 * DMA stays possible while other devices of its iommu_group are attached.
 *
 * Context: may sleep, for as long as the user memory takes that an attach of
 * the group or a map waits for: no lock that others need is held.
 */
void iommufd_detach_device(struct iommufd_device *idev)
{
	mutex_lock(&idev->group->lock);
	if (idev_is_attached(idev))
		idev_leave(idev);
	mutex_unlock(&idev->group->lock);
}
EXPORT_SYMBOL_GPL(iommufd_detach_device);

/**
 * iommufd_detach_device_killable() - The same on behalf of a user
 * @idev: the device; nothing happens when it is not attached
 *
 * Context: as iommufd_detach_device(), but what waits for an attach of the group
 * can be killed.
 * Return: 0; -EINTR, and nothing has changed.
 */
int iommufd_detach_device_killable(struct iommufd_device *idev)
{
	if (mutex_lock_killable(&idev->group->lock))
		return -EINTR;
	if (idev_is_attached(idev))
		idev_leave(idev);
	mutex_unlock(&idev->group->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_detach_device_killable);
