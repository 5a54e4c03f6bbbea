// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VFIO device to iommufd: the parts of bind, open, close and unbind
 * that the character device and the group share.
 *
 * What differs between kinds of devices is in their struct vfio_iommufd_ops:
 * physical.c, emulated.c and bare.c. A device has the one of its kind from
 * its registration on.
 *
 * dev_set->lock is taken by users of other devices, and must not be held while
 * anything waits for user memory: so not in attach and detach, which iommufd
 * serialises, and not in unbind, which waits for ioctls that use the device. Hence
 * closing has two steps. In the first, under the lock, the driver closes the
 * device, and it ceases to be one that is open. In the second, without it,
 * iommufd lets go of it. In between nobody else can have it: iommufd refuses to
 * bind a device again before it has let go.
 */
#include <linux/device.h>
#include <linux/iommufd.h>
#include <linux/pm_runtime.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/**
 * vfio_iommufd_register() - give a device what its kind does on an iommufd
 * @device: the device, which has its group
 */
void vfio_iommufd_register(struct vfio_device *device)
{
	static const struct vfio_iommufd_ops *const kinds[] = {
		[VFIO_IOMMU]		= &vfio_iommufd_physical_ops,
		[VFIO_EMULATED_IOMMU]	= &vfio_iommufd_emulated_ops,
		[VFIO_NO_IOMMU]		= &vfio_iommufd_bare_ops,
	};

	device->iommufd_ops = kinds[device->group->type];
}

/**
 * vfio_iommufd_attachable() - can a user bind and attach a device?
 * @device: a registered device
 *
 * Return: true if its kind can be attached, and its driver lets it be bound.
 */
bool vfio_iommufd_attachable(struct vfio_device *device)
{
	return device->iommufd_ops->attach && device->ops->bind_iommufd;
}

/**
 * vfio_iommufd_is_open() - is an open device on an iommufd?
 * @device: a device that is open or about to be; else it is on a container
 *
 * Return: true if it is.
 */
bool vfio_iommufd_is_open(struct vfio_device *device)
{
	return device->iommufd_ops->is_open(device);
}

/**
 * vfio_iommufd_describe() - what can be told of an open device
 * @device: an open device, which its file keeps so
 * @binding: zeroed; filled in, if the device is bound to an iommufd
 */
void vfio_iommufd_describe(struct vfio_device *device,
			   struct iommufd_binding *binding)
{
	if (device->iommufd_ops->describe &&
	    device->iommufd_ops->is_open(device))
		device->iommufd_ops->describe(device, binding);
}

/**
 * vfio_iommufd_coherent() - can DMA on an iommufd not bypass the CPU's caches?
 * @device: a registered device
 *
 * Asked before the device is attached, and not again when it moves. What the
 * IOMMU of the device can enforce it enforces in every table of the device.
 *
 * Return: true if that is so whatever the device is attached to.
 */
bool vfio_iommufd_coherent(struct vfio_device *device)
{
	return device->iommufd_ops->coherent(device);
}

/**
 * vfio_iommufd_driver_bind() - bind as the driver says
 * @device: the device
 * @bind: what to bind it to
 *
 * For use as &vfio_iommufd_ops.bind.
 *
 * Return: 0, or the error of the driver; %-EOPNOTSUPP if it has no bind_iommufd.
 */
int vfio_iommufd_driver_bind(struct vfio_device *device,
			     struct vfio_iommufd_bind *bind)
{
	if (!device->ops->bind_iommufd)
		return -EOPNOTSUPP;
	return device->ops->bind_iommufd(device, bind);
}

/**
 * vfio_iommufd_attach() - let a bound device reach memory
 * @device: the device; if it is attached already, it changes over
 * @pt_id: ID of an IOAS or, for a device with DMA, of a page table
 * @answer: called with the ID of the page table that will be used, if there is
 *          one, while the attach can still fail, and fails it. Or NULL
 * @data: for @answer
 *
 * Context: no lock is held that others need: may wait for user memory. The
 * caller keeps the device open.
 * Return: 0, or the errors of iommufd_attach_device() and
 * iommufd_access_attach(). Then it is attached as before.
 */
int vfio_iommufd_attach(struct vfio_device *device, u32 pt_id,
			int (*answer)(void *data, u32 pt_id), void *data)
{
	return device->iommufd_ops->attach(device, pt_id, answer, data);
}

/**
 * vfio_iommufd_detach() - undo vfio_iommufd_attach()
 * @device: the device, which need not be attached
 *
 * Context: as vfio_iommufd_attach().
 * Return: 0; %-EINTR, and it is attached as before.
 */
int vfio_iommufd_detach(struct vfio_device *device)
{
	return device->iommufd_ops->detach(device);
}

/* The first half of an unbind */
static struct vfio_iommufd_bound take_bound(struct vfio_device *device)
{
	struct vfio_iommufd_bound bound = {
		.ops = device->iommufd_ops,
	};

	lockdep_assert_held(&device->dev_set->lock);

	bound.ops->release(device, &bound);
	return bound;
}

/**
 * vfio_iommufd_open() - bind a device to an iommufd and open it
 * @device: the device, not open
 * @bind: what to bind it to
 * @bound: set to what the caller gives to vfio_iommufd_unbind() after a failure,
 *         when it has dropped the lock
 *
 * Binding comes first: the DMA must be ours before the driver touches or
 * resets the hardware.
 *
 * Context: device->dev_set->lock is held, device->open_count is 1 already, as
 * open_device() expects.
 * Return: 0, or an error with the device not open.
 */
int vfio_iommufd_open(struct vfio_device *device,
		      struct vfio_iommufd_bind *bind,
		      struct vfio_iommufd_bound *bound)
{
	int ret;

	lockdep_assert_held(&device->dev_set->lock);

	ret = device->iommufd_ops->bind(device, bind);
	if (ret)
		return ret;

	if (device->ops->open_device) {
		ret = device->ops->open_device(device);
		if (ret) {
			iommufd_refuse(bind->ictx, ret,
				       "its driver, %s, did not open it",
				       dev_driver_string(device->dev));
			*bound = take_bound(device);
		}
	}
	return ret;
}

/**
 * vfio_iommufd_close() - begin to undo vfio_iommufd_open()
 * @device: the device
 *
 * The driver stops the DMA before the IOMMU lets go of the device, and does not
 * keep it awake any more. The IOMMU may have to flush a TLB that is in the device.
 *
 * Context: device->dev_set->lock is held.
 * Return: what the caller gives to vfio_iommufd_unbind(), when it has dropped the
 * lock.
 */
struct vfio_iommufd_bound vfio_iommufd_close(struct vfio_device *device)
{
	struct vfio_iommufd_bound bound;

	lockdep_assert_held(&device->dev_set->lock);

	/* If it sleeps, closing it wakes it up */
	pm_runtime_get_noresume(device->dev);
	if (device->ops->close_device)
		device->ops->close_device(device);
	bound = take_bound(device);
	bound.awake = device->dev;
	return bound;
}

/**
 * vfio_iommufd_unbind() - end what vfio_iommufd_close() began
 * @bound: from there, or from vfio_iommufd_open(), and then maybe empty
 *
 * Undoes any attach, and waits for ioctls that use the device by its ID, which
 * may wait for user memory.
 *
 * Context: no lock is held that others need.
 */
void vfio_iommufd_unbind(struct vfio_iommufd_bound bound)
{
	if (bound.ops)
		bound.ops->unbind(&bound);
	if (bound.awake)
		pm_runtime_put(bound.awake);
}
