// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers call to attach and detach devices, and which table that is.
 *
 * A HWPT is the table that it is. For an IOAS one is found that an attach made
 * before, or made, with no lock held.
 *
 * iommufd_group.lock is for the attachment; inside of it iommufd_ioas.attach_lock
 * for finding an automatic table, or adding one.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>

#include "attachment.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "lock_order.h"
#include "paging_hwpt.h"
#include "trace.h"

/* How a try to attach ended */
enum attach_result {
	/* attach_request.hwpt is in use */
	ATTACH_DONE,
	/* for the reason in attach_request.ret */
	ATTACH_FAILED,
	/* the IOAS has no table that suits: to be tried again with a new one */
	ATTACH_NEEDS_TABLE,
};

/**
 * struct attach_request - one call of iommufd_attach_device()
 * @idev: what is attached
 * @object: to what, an IOAS or a HWPT
 * @new: a table of that IOAS, made for this call; NULL before it is needed
 * @answer: as there
 * @former: number of the table that @idev was attached to before; 0 for none
 * @hwpt: the table that is in use, when done. It has a reference as long as the
 *        device is attached to it, and need not be in use any more without
 *        iommufd_group.lock
 * @ret: an errno, when it failed
 */
struct attach_request {
	struct iommufd_device *idev;
	struct iommufd_object *object;
	struct hwpt *new;
	struct attach_answer answer;
	u32 former;
	struct hwpt *hwpt;
	int ret;
};

static enum attach_result attach_fail(struct attach_request *request, int ret)
{
	request->ret = ret;
	return ATTACH_FAILED;
}

static struct reason *attach_reason(const struct attach_request *request)
{
	return &request->idev->object.ictx->reason;
}

static enum attach_result attach_to_hwpt(struct attach_request *request,
					 struct hwpt *hwpt)
{
	int ret;

	lockdep_assert_held(&request->idev->group->lock);
	ret = iommufd_attachment_enter(request->idev, hwpt, &request->answer);
	if (ret)
		return attach_fail(request, ret);
	request->hwpt = hwpt;
	return ATTACH_DONE;
}

/* Attach to an automatic table that is there. */
static enum attach_result attach_to_existing(struct attach_request *request,
					     struct iommufd_ioas *ioas)
{
	struct paging_hwpt *paging;

	/* None of the list ends meanwhile. */
	lockdep_assert_held(&ioas->attach_lock);
	list_for_each_entry(paging, &ioas->automatic, link) {
		if (attach_to_hwpt(request, &paging->hwpt) == ATTACH_DONE)
			return ATTACH_DONE;
		/* Not compatible: another one may be. */
		if (request->ret != -EINVAL)
			return ATTACH_FAILED;
	}
	return ATTACH_NEEDS_TABLE;
}

/* Attach to the new table, which becomes an automatic one. */
static enum attach_result attach_to_new(struct attach_request *request)
{
	struct iommufd_device *idev = request->idev;
	enum attach_result result;

	/* A group has one table: nothing that could be made now would fit. */
	if (iommufd_attachment_hwpt(idev) && !idev->attached)
		return attach_fail(request,
				   iommufd_attachment_refuse_group(idev));
	if (!request->new)
		return ATTACH_NEEDS_TABLE;
	result = attach_to_hwpt(request, request->new);
	if (result == ATTACH_DONE)
		paging_hwpt_publish_automatic(request->new);
	return result;
}

static enum attach_result attach_to_ioas(struct attach_request *request,
					 struct iommufd_ioas *ioas)
{
	struct hwpt *hwpt = iommufd_attachment_hwpt(request->idev);
	enum attach_result result;

	/* The group's own table is the right one, not merely one that fits. */
	if (hwpt && paging_hwpt_is_automatic(hwpt, ioas))
		return attach_to_hwpt(request, hwpt);
	if (mutex_lock_killable(&ioas->attach_lock))
		return attach_fail(request, -EINTR);
	result = attach_to_existing(request, ioas);
	if (result == ATTACH_NEEDS_TABLE)
		result = attach_to_new(request);
	mutex_unlock(&ioas->attach_lock);
	return result;
}

static enum attach_result attach_to_object(struct attach_request *request)
{
	struct iommufd_object *object = request->object;

	if (object->ops == &iommufd_ioas_ops)
		return attach_to_ioas(request,
				      container_of(object, struct iommufd_ioas,
						   object));
	if (object->ops == &iommufd_hwpt_ops)
		return attach_to_hwpt(request,
				      container_of(object, struct hwpt,
						   object));
	return attach_fail(request, reason_refuse(attach_reason(request),
						  -EINVAL,
						  "object %u is a %s: devices attach to an IOAS or a page table",
						  object->id, object->ops->name));
}

/* Attach, with the new table if there is one and it is needed; set the number. */
static enum attach_result attach_locked(struct attach_request *request,
					u32 *pt_id)
{
	struct iommufd_device *idev = request->idev;
	enum attach_result result;
	struct hwpt *old;

	if (mutex_lock_killable(&idev->group->lock))
		return attach_fail(request, -EINTR);
	old = iommufd_attachment_hwpt(idev);
	if (old)
		iommufd_object_hold(&old->object);
	request->former = idev->attached ? old->object.id : 0;
	result = attach_to_object(request);
	if (result == ATTACH_DONE)
		*pt_id = request->hwpt->object.id;
	if (old)
		iommufd_object_put(&old->object);
	mutex_unlock(&idev->group->lock);
	return result;
}

/*
 * The IOAS has no table that suits. One is made with no lock held, as it waits
 * for the pages of all mappings; there may be another one then.
 */
static enum attach_result attach_with_new(struct attach_request *request,
					  u32 *pt_id)
{
	struct iommufd_ioas *ioas = container_of(request->object,
						 struct iommufd_ioas, object);
	struct hwpt *new = paging_hwpt_create(ioas, request->idev, 0);
	enum attach_result result;

	if (IS_ERR(new))
		return attach_fail(request, PTR_ERR(new));
	request->new = new;
	result = attach_locked(request, pt_id);
	if (result != ATTACH_DONE || request->hwpt != new)
		iommufd_object_discard(&new->object);
	return result;
}

static u64 trace_begin_attach(void)
{
	return trace_begin(iommufd_attach) ?: trace_begin(iommufd_replace);
}

/* @pt_id is what the caller named, @table what the device is attached to now. */
static void trace_end_attach(const struct attach_request *request, u32 pt_id,
			     u32 table, u64 begun)
{
	const struct iommufd_device *idev = request->idev;
	const u64 *cookie = iommufd_cookie_chosen(&idev->cookie);

	if (request->former)
		trace_end(iommufd_replace, idev->object.ictx->number,
			  idev->object.id, dev_name(idev->dev), cookie, pt_id,
			  table, request->former, trace_took(begun),
			  request->ret);
	else
		trace_end(iommufd_attach, idev->object.ictx->number,
			  idev->object.id, dev_name(idev->dev), cookie, pt_id,
			  table, request->former, trace_took(begun),
			  request->ret);
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
 * table: so only success tells that the last answer was right. When a table is
 * replaced no DMA is lost, where the IOMMU driver can switch from the one to the
 * other; else DMA is blocked for a moment.
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
		.answer = { .tell = answer, .data = data },
	};
	u64 begun = trace_begin_attach();
	enum attach_result result;
	u32 named = *pt_id;

	lock_order_await_pages();
	request.object = iommufd_object_get(idev->object.ictx, *pt_id, NULL);
	if (IS_ERR(request.object))
		return PTR_ERR(request.object);
	result = attach_locked(&request, pt_id);
	if (result == ATTACH_NEEDS_TABLE)
		result = attach_with_new(&request, pt_id);
	iommufd_object_put(request.object);
	if (result == ATTACH_DONE) {
		/* Tables may have been tried before. */
		request.ret = 0;
		reason_forget(attach_reason(&request));
	}
	trace_end_attach(&request, named,
			 request.ret ? request.former : *pt_id, begun);
	return request.ret;
}
EXPORT_SYMBOL_GPL(iommufd_attach_device);

static void detach_locked(struct iommufd_device *idev, u64 begun)
{
	u32 former;

	if (!idev->attached)
		return;
	former = iommufd_attachment_hwpt(idev)->object.id;
	iommufd_attachment_leave(idev);
	trace_end(iommufd_detach, idev->object.ictx->number, idev->object.id,
		  dev_name(idev->dev), iommufd_cookie_chosen(&idev->cookie), 0,
		  0, former, trace_took(begun), 0);
}

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
	u64 begun = trace_begin(iommufd_detach);

	lock_order_await_pages();
	mutex_lock(&idev->group->lock);
	detach_locked(idev, begun);
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
	u64 begun = trace_begin(iommufd_detach);

	lock_order_await_pages();
	if (mutex_lock_killable(&idev->group->lock))
		return -EINTR;
	detach_locked(idev, begun);
	mutex_unlock(&idev->group->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_detach_device_killable);
