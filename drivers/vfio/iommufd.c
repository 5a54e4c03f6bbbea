// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VFIO device to iommufd: the parts of bind, open, close and unbind
 * that the character device and the group share, and the group's own iommufd.
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
#include <linux/capability.h>
#include <linux/iommu.h>
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
		if (ret)
			*bound = take_bound(device);
	}
	return ret;
}

/**
 * vfio_iommufd_close() - begin to undo vfio_iommufd_open() or
 *	vfio_iommufd_group_open()
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

/**
 * vfio_iommufd_group_open() - open a device on the iommufd of its group
 * @device: the device, not open
 * @bound: as for vfio_iommufd_open()
 * @pt_id: set to the compatibility IOAS of this moment, to which the caller
 *         attaches the device when it has dropped the locks: that is what
 *         GROUP_GET_DEVICE_FD promises, and container users know no other. 0
 *         for a device without an IOMMU, which is just opened
 *
 * Context: device->dev_set->lock and the group_lock are held.
 * Return: 0, or an error with the device not open. %-ENODEV if there is no
 * compatibility IOAS.
 */
int vfio_iommufd_group_open(struct vfio_device *device,
			    struct vfio_iommufd_bound *bound, u32 *pt_id)
{
	struct vfio_iommufd_bind bind = {
		.ictx = device->group->iommufd,
	};
	int ret;

	lockdep_assert_held(&device->group->group_lock);
	lockdep_assert_held(&device->dev_set->lock);

	*pt_id = 0;
	if (device->iommufd_ops->attach) {
		ret = iommufd_compat_ioas_id(bind.ictx, pt_id);
		if (ret)
			return ret;
	}
	return vfio_iommufd_open(device, &bind, bound);
}

static int group_join(struct vfio_group *group, struct iommufd_ctx *ictx)
{
	struct iommufd_compat_group *compat;

	lockdep_assert_held(&group->group_lock);

	compat = iommufd_compat_join(ictx, group->iommu_group);
	if (IS_ERR(compat))
		/* A container answers EINVAL to a group that does not fit */
		return PTR_ERR(compat) == -EADDRINUSE ? -EINVAL :
							PTR_ERR(compat);
	group->iommufd_compat = compat;
	return 0;
}

/**
 * vfio_group_set_iommufd() - use an iommufd in place of a container
 * @group: the group, with neither container nor iommufd
 * @file: the file given to GROUP_SET_CONTAINER
 *
 * The DMA stays with whoever owns it until a device of the group is opened. What
 * the group cannot use is reserved from now on, as in a container: programs ask
 * for the ranges, and map, before they open a device.
 *
 * Context: group->group_lock is held.
 * Return: 0; %-EBADFD if @file is no iommufd; %-EINVAL if it is used with
 * memory and @group has no IOMMU, or the other way about, or if something is
 * mapped where @group cannot have it; %-EPERM for a group without an IOMMU and
 * a caller without CAP_SYS_RAWIO; or another error of iommufd_compat_join().
 */
int vfio_group_set_iommufd(struct vfio_group *group, struct file *file)
{
	struct iommufd_ctx *ictx;
	int ret;

	lockdep_assert_held(&group->group_lock);

	ictx = iommufd_ctx_from_file(file);
	if (IS_ERR(ictx))
		return PTR_ERR(ictx);

	if (group->type != VFIO_NO_IOMMU)
		ret = group_join(group, ictx);
	else if (!capable(CAP_SYS_RAWIO))
		ret = -EPERM;
	else
		ret = iommufd_compat_set_no_iommu(ictx);
	if (ret)
		goto err_put;

	group->iommufd = ictx;
	return 0;

err_put:
	iommufd_ctx_put(ictx);
	return ret;
}

/**
 * vfio_group_unset_iommufd() - drop the iommufd of a group, if it has one
 * @group: the group
 *
 * Devices that were opened through it keep the context on their own account.
 *
 * Context: group->group_lock is held.
 */
void vfio_group_unset_iommufd(struct vfio_group *group)
{
	lockdep_assert_held(&group->group_lock);

	if (!group->iommufd)
		return;
	if (group->iommufd_compat)
		iommufd_compat_leave(group->iommufd, group->iommufd_compat);
	group->iommufd_compat = NULL;
	iommufd_ctx_put(group->iommufd);
	group->iommufd = NULL;
}

/**
 * vfio_group_iommufd_coherent() - vfio_iommufd_coherent() of all its devices
 * @group: the group
 *
 * Return: true if it holds for each of them.
 */
bool vfio_group_iommufd_coherent(struct vfio_group *group)
{
	struct vfio_device *device;
	bool ret = true;

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next)
		ret &= vfio_iommufd_coherent(device);
	mutex_unlock(&group->device_lock);
	return ret;
}
