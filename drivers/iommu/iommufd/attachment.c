// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a group is attached to.
 *
 * The IOMMU tells apart isolation groups, not devices: all attached devices of a
 * group share a table. An attachment is there from the first of them to the last.
 * It has one step, from its table to another one: either may be none, and they
 * may be the same, which is how a second device comes. An attach, a replace and a
 * detach are this step with different ends.
 *
 * Each device that is attached has a part in the attachment, which goes with it,
 * and through which it uses the table. What is there because of it is filed under
 * the address of the part: what it keeps reserved in the IOAS.
 */
#include <linux/device.h>
#include <linux/iommu-doorbell.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "attachment.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"

/**
 * struct iommufd_attachment - a group and its table
 * @group: which; immutable
 * @hwpt: the table that the hardware uses; NULL only within a step
 * @devices: struct attached_device.link; empty only within a step
 *
 * All of it is under iommufd_group.lock.
 */
struct iommufd_attachment {
	struct iommufd_group *group;
	struct hwpt *hwpt;
	struct list_head devices;
};

/**
 * struct attached_device - the part of one device in an attachment
 * @attachment: in which; immutable
 * @idev: the device; immutable
 * @link: in iommufd_attachment.devices
 * @hwpt: the table it is in, with a reference; that of the attachment, and NULL
 *        before the first step
 *
 * The owner of what is reserved for the device in the IOAS of @hwpt.
 */
struct attached_device {
	struct iommufd_attachment *attachment;
	struct iommufd_device *idev;
	struct list_head link;
	struct hwpt *hwpt;
};

static struct mapped_space *hwpt_space(struct hwpt *hwpt)
{
	return hwpt ? hwpt->space : NULL;
}

/* What a region is reserved for */
static const char *region_use(const struct iommu_resv_region *region)
{
	switch (region->type) {
	case IOMMU_RESV_MSI:
	case IOMMU_RESV_SW_MSI:
		return "interrupts";
	case IOMMU_RESV_DIRECT:
		return "memory that its firmware uses";
	default:
		return "addresses that do not reach memory";
	}
}

static int attached_reserve_region(struct attached_device *attached,
				   struct mapped_space *space,
				   const struct iommu_resv_region *region)
{
	u64 start = region->start;
	u64 last = start + region->length - 1;
	int ret = mapped_space_reserve(space, start, last, attached);

	if (ret == -EADDRINUSE &&
	    mapped_space_find_occupied(space, &start, &last))
		reason_refuse(space->reason, ret,
			      "0x%llx..0x%llx is mapped or allowed, where %s has its %s",
			      start, last, dev_name(attached->idev->dev),
			      region_use(region));
	return ret;
}

/*
 * Keep mappings out of what the IOMMU driver reserves. The regions of the whole
 * group: the hardware attaches all of its devices, and 6.1 reports them for a
 * group.
 */
static int attached_reserve(struct attached_device *attached,
			    struct mapped_space *space)
{
	struct iommufd_group *group = attached->attachment->group;
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int ret;

	lockdep_assert_held(&group->lock);
	/* Some may be there also after a failure. */
	ret = iommu_get_group_resv_regions(group->iommu_group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		/* Mapped by firmware for its own use, not needed any more. */
		if (!ret && region->type != IOMMU_RESV_DIRECT_RELAXABLE)
			ret = attached_reserve_region(attached, space, region);
		kfree(region);
	}
	return ret;
}

/* What can fail before a device may use @hwpt. */
static int attached_prepare(struct attached_device *attached,
			    struct hwpt *hwpt)
{
	lockdep_assert_held(&attached->attachment->group->lock);
	if (hwpt_space(attached->hwpt) == hwpt_space(hwpt))
		return 0;
	return attached_reserve(attached, hwpt_space(hwpt));
}

/* Forget @from, which it does not use while it uses @to: either may be NULL. */
static void attached_forget(struct attached_device *attached,
			    struct hwpt *from, struct hwpt *to)
{
	lockdep_assert_held(&attached->attachment->group->lock);
	if (from && hwpt_space(from) != hwpt_space(to))
		mapped_space_unreserve(hwpt_space(from), attached);
}

/* It uses @hwpt from now on, or nothing. */
static void attached_commit(struct attached_device *attached,
			    struct hwpt *hwpt)
{
	struct hwpt *old = attached->hwpt;

	lockdep_assert_held(&attached->attachment->group->lock);
	if (hwpt == old)
		return;
	attached_forget(attached, old, hwpt);
	if (hwpt) {
		iommufd_object_hold(&hwpt->object);
		atomic_inc(&hwpt->nr_devices);
	}
	attached->hwpt = hwpt;
	WRITE_ONCE(attached->idev->hwpt_id, hwpt ? hwpt->object.id : 0);
	if (old) {
		atomic_dec(&old->nr_devices);
		iommufd_object_put(&old->object);
	}
}

static int group_switch_hardware(struct iommufd_group *group,
				 struct hwpt *old, struct hwpt *new)
{
	int ret;

	lockdep_assert_held(&group->lock);
	if (!new) {
		old->kind->detach(old, group);
		return 0;
	}
	ret = new->kind->attach(new, group, old);
	if (ret)
		reason_refuse(&new->object.ictx->reason, ret,
			      "the driver of the IOMMU did not attach group %d to page table %u",
			      iommu_group_id(group->iommu_group),
			      new->object.id);
	return ret;
}

/*
 * The interrupts of the group go with it: as a write of a device an interrupt
 * may have to be translated, too.
 */
static int group_switch(struct iommufd_group *group, struct hwpt *old,
			struct hwpt *new)
{
	struct iommu_doorbell_table *table = new ? new->doorbells : NULL;
	int ret;

	lockdep_assert_held(&group->lock);
	ret = iommu_doorbell_begin_move(&group->doorbells, table);
	if (ret)
		return ret;
	ret = group_switch_hardware(group, old, new);
	iommu_doorbell_end_move(&group->doorbells, table, !ret);
	return ret;
}

/*
 * Switch the hardware to @hwpt, from none or to none, which is NULL: DMA is
 * blocked then. After a failure the old table is in force. Nobody maps or unmaps
 * in the tables meanwhile: mapped_space.h says which driver wants that. Both are
 * held from the beginning, so that where a driver blocks DMA in a replace that does
 * not take longer by waiting for a map.
 */
static int attachment_switch(struct iommufd_attachment *attachment,
			     struct hwpt *hwpt)
{
	struct hwpt *old = attachment->hwpt;
	int ret;

	lockdep_assert_held(&attachment->group->lock);
	if (hwpt == old)
		return 0;
	mapped_spaces_lock(hwpt_space(old), hwpt_space(hwpt));
	ret = group_switch(attachment->group, old, hwpt);
	if (!ret)
		attachment->hwpt = hwpt;
	mapped_spaces_unlock(hwpt_space(old), hwpt_space(hwpt));
	return ret;
}

/* All devices, or some of them, which attachment_cancel() undoes. */
static int attachment_prepare(struct iommufd_attachment *attachment,
			      struct hwpt *hwpt)
{
	struct attached_device *attached;
	int ret = 0;

	lockdep_assert_held(&attachment->group->lock);
	list_for_each_entry(attached, &attachment->devices, link) {
		ret = attached_prepare(attached, hwpt);
		if (ret)
			break;
	}
	return ret;
}

static void attachment_cancel(struct iommufd_attachment *attachment,
			      struct hwpt *hwpt)
{
	struct attached_device *attached;

	lockdep_assert_held(&attachment->group->lock);
	list_for_each_entry(attached, &attachment->devices, link)
		attached_forget(attached, hwpt, attached->hwpt);
}

static void attachment_commit(struct iommufd_attachment *attachment,
			      struct hwpt *hwpt)
{
	struct attached_device *attached;

	lockdep_assert_held(&attachment->group->lock);
	list_for_each_entry(attached, &attachment->devices, link)
		attached_commit(attached, hwpt);
}

static int attach_answer(const struct attach_answer *answer,
			 struct hwpt *hwpt)
{
	return answer->tell ? answer->tell(answer->data, hwpt->object.id) : 0;
}

/* The step. Moves all devices to @hwpt, or none. */
static int attachment_move(struct iommufd_attachment *attachment,
			   struct hwpt *hwpt,
			   const struct attach_answer *answer)
{
	int ret;

	lockdep_assert_held(&attachment->group->lock);
	ret = attachment_prepare(attachment, hwpt);
	if (!ret)
		ret = attach_answer(answer, hwpt);
	if (!ret)
		ret = attachment_switch(attachment, hwpt);
	if (ret)
		attachment_cancel(attachment, hwpt);
	else
		attachment_commit(attachment, hwpt);
	return ret;
}

static struct iommufd_attachment *
attachment_create(struct iommufd_group *group)
{
	struct iommufd_attachment *attachment;

	attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	if (!attachment)
		return NULL;
	attachment->group = group;
	INIT_LIST_HEAD(&attachment->devices);
	return attachment;
}

/* In no table yet: a step is next. */
static int attachment_add(struct iommufd_device *idev)
{
	struct iommufd_group *group = idev->group;
	struct attached_device *attached;

	lockdep_assert_held(&group->lock);
	attached = kzalloc(sizeof(*attached), GFP_KERNEL_ACCOUNT);
	if (!attached)
		return -ENOMEM;
	if (!group->attachment)
		group->attachment = attachment_create(group);
	if (!group->attachment) {
		kfree(attached);
		return -ENOMEM;
	}
	attached->attachment = group->attachment;
	attached->idev = idev;
	list_add_tail(&attached->link, &group->attachment->devices);
	idev->attached = attached;
	return 0;
}

/* In no table any more. The last one ends the attachment. */
static void attachment_remove(struct iommufd_device *idev)
{
	struct iommufd_attachment *attachment = idev->attached->attachment;

	lockdep_assert_held(&idev->group->lock);
	list_del(&idev->attached->link);
	kfree(idev->attached);
	idev->attached = NULL;
	if (!list_empty(&attachment->devices))
		return;
	idev->group->attachment = NULL;
	kfree(attachment);
}

/* What the group of @idev is attached to; NULL when it is not. */
struct hwpt *iommufd_attachment_hwpt(struct iommufd_device *idev)
{
	lockdep_assert_held(&idev->group->lock);
	return idev->group->attachment ? idev->group->attachment->hwpt : NULL;
}

/* -EINVAL: a group has one table, and another device of it is in that. */
int iommufd_attachment_refuse_group(struct iommufd_device *idev)
{
	struct hwpt *hwpt = iommufd_attachment_hwpt(idev);

	return reason_refuse(&idev->object.ictx->reason, -EINVAL,
			     "another device of group %d is attached to page table %u, and a group has one",
			     iommu_group_id(idev->group->iommu_group),
			     hwpt->object.id);
}

static int refuse_unsuitable(struct iommufd_device *idev, struct hwpt *hwpt)
{
	return reason_refuse(&idev->object.ictx->reason, -EINVAL,
			     "page table %u was made for another IOMMU than that of %s",
			     hwpt->object.id, dev_name(idev->dev));
}

/**
 * iommufd_attachment_enter() - Attach a device, or replace the table of its group
 * @idev: the device
 * @hwpt: the table; the caller has a reference on it, and one on the table that
 *        the group is attached to
 * @answer: tells the caller when nothing but the hardware can fail
 *
 * A failure leaves everything as it was.
 *
 * Return: 0; -EINVAL when the table does not suit the device, or another device of
 * the group is attached elsewhere; what @answer returned; an errno of
 * mapped_space_reserve() or of the IOMMU driver; -ENOMEM.
 */
int iommufd_attachment_enter(struct iommufd_device *idev,
			     struct hwpt *hwpt,
			     const struct attach_answer *answer)
{
	struct hwpt *now = iommufd_attachment_hwpt(idev);
	int ret;

	if (!hwpt_suits(hwpt, idev))
		return refuse_unsuitable(idev, hwpt);
	if (idev->attached)
		return attachment_move(idev->attached->attachment, hwpt, answer);
	if (now && now != hwpt)
		return iommufd_attachment_refuse_group(idev);
	ret = attachment_add(idev);
	if (ret)
		return ret;
	ret = attachment_move(idev->attached->attachment, hwpt, answer);
	if (ret)
		attachment_remove(idev);
	return ret;
}

/**
 * iommufd_attachment_leave() - Detach a device
 * @idev: nothing happens when it is not attached
 *
 * The hardware stays where it is as long as another device of the group is
 * attached.
 */
void iommufd_attachment_leave(struct iommufd_device *idev)
{
	struct attached_device *attached = idev->attached;

	lockdep_assert_held(&idev->group->lock);
	if (!attached)
		return;
	if (list_is_singular(&attached->attachment->devices))
		WARN_ON(attachment_switch(attached->attachment, NULL));
	attached_commit(attached, NULL);
	attachment_remove(idev);
}
