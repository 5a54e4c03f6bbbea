// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers call to attach and detach devices, and which table that is.
 *
 * A HWPT is the table that it is. For an IOAS one is found that an attach made
 * before, or made, with no lock held.
 *
 * Lock order:
 *
 *	iommufd_group.lock		the attachment
 *	  iommufd_ioas.attach_lock	finding or making an automatic table
 *	    the locks of mapped_space.h
 */
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>

#include "attachment.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "paging_hwpt.h"

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

static int attach_to_hwpt(const struct attach_request *request,
			  struct hwpt *hwpt)
{
	return iommufd_attachment_enter(request->idev, hwpt, &request->answer);
}

/*
 * Attach to an automatic table that is there. Return: the table; NULL when none
 * suits; an errno.
 */
static struct hwpt *attach_to_existing(const struct attach_request *request,
					       struct iommufd_ioas *ioas)
{
	struct paging_hwpt *paging;

	/* None of the list ends meanwhile. */
	lockdep_assert_held(&ioas->attach_lock);
	list_for_each_entry(paging, &ioas->automatic, link) {
		int ret;

		ret = attach_to_hwpt(request, &paging->hwpt);
		if (!ret)
			return &paging->hwpt;
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
static struct hwpt *attach_to_new(const struct attach_request *request,
					  struct hwpt *new)
{
	struct iommufd_device *idev = request->idev;
	int ret;

	/* A group has one table: nothing that could be made now would fit. */
	if (iommufd_attachment_hwpt(idev) && !idev->attached)
		return ERR_PTR(-EINVAL);
	if (!new)
		return NULL;
	ret = attach_to_hwpt(request, new);
	if (ret)
		return ERR_PTR(ret);
	paging_hwpt_publish_automatic(new);
	return new;
}

/* Return: the table in use now; NULL when @new is needed and not there. */
static struct hwpt *attach_to_ioas(const struct attach_request *request,
					   struct iommufd_ioas *ioas,
					   struct hwpt *new)
{
	struct hwpt *hwpt = iommufd_attachment_hwpt(request->idev);
	int ret;

	/* The group's own table is the right one, not merely one that fits. */
	if (hwpt && paging_hwpt_is_automatic(hwpt, ioas)) {
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

static struct hwpt *attach_to_object(const struct attach_request *request,
					     struct hwpt *new)
{
	struct iommufd_object *object = request->object;
	struct hwpt *hwpt;
	int ret;

	if (object->ops == &iommufd_ioas_ops)
		return attach_to_ioas(request,
				      container_of(object, struct iommufd_ioas,
						   object), new);
	if (object->ops != &iommufd_hwpt_ops)
		return ERR_PTR(-EINVAL);
	hwpt = container_of(object, struct hwpt, object);
	ret = attach_to_hwpt(request, hwpt);
	return ret ? ERR_PTR(ret) : hwpt;
}

/*
 * Attach with the table @new, if that is not NULL and needed, and set the
 * number. Return: the table in use now, which need not be any more; else as
 * attach_to_object().
 */
static struct hwpt *attach_locked(const struct attach_request *request,
					  struct hwpt *new)
{
	struct iommufd_device *idev = request->idev;
	struct hwpt *hwpt, *old;

	if (mutex_lock_killable(&idev->group->lock))
		return ERR_PTR(-EINTR);
	old = iommufd_attachment_hwpt(idev);
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
	struct hwpt *new = paging_hwpt_create(ioas, request->idev);
	struct hwpt *hwpt;

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
	struct hwpt *hwpt;
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
	iommufd_attachment_leave(idev);
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
	iommufd_attachment_leave(idev);
	mutex_unlock(&idev->group->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_detach_device_killable);
