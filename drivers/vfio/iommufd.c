// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VFIO device to iommufd: the parts of bind, open, close and unbind
 * that the character device and the group share, and the group's own iommufd.
 *
 * vfio_device.iommufd_device is the whole state. It is set from the driver's
 * bind_iommufd until vfio_iommufd_close(), under dev_set->lock, and as long as
 * it is set the context, the ownership of the DMA and the attachment exist.
 */
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "vfio.h"

/**
 * vfio_iommufd_physical_bind() - bind_iommufd for a device that does DMA
 * @vdev: the device
 * @bind: what to bind it to; @bind->devid is filled in
 *
 * For use as &vfio_device_ops.bind_iommufd, or as its last step.
 *
 * Context: vdev->dev_set->lock is held.
 * Return: 0, and @vdev->iommufd_device is set. %-EINVAL if there is a token,
 * which only a driver that knows tokens can take off @bind; otherwise
 * the errors of iommufd_bind_device().
 */
int vfio_iommufd_physical_bind(struct vfio_device *vdev,
			       struct vfio_iommufd_bind *bind)
{
	struct iommufd_device *idev;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (bind->token)
		return -EINVAL;

	idev = iommufd_bind_device(bind->ictx, vdev->dev, bind->cookie,
				   &bind->devid);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	vdev->iommufd_device = idev;
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_bind);

static void iommufd_unbind(struct vfio_device *device)
{
	iommufd_detach_device(device->iommufd_device);
	iommufd_unbind_device(device->iommufd_device);
	device->iommufd_device = NULL;
}

/**
 * vfio_iommufd_open() - bind a device to an iommufd and open it
 * @device: the device, not open
 * @bind: what to bind it to
 *
 * Binding comes first: the DMA must be ours before the driver touches or
 * resets the hardware.
 *
 * Context: device->dev_set->lock is held, device->open_count is 1 already, as
 * open_device() expects.
 * Return: 0, or an error with the device neither bound nor open.
 */
int vfio_iommufd_open(struct vfio_device *device,
		      struct vfio_iommufd_bind *bind)
{
	int ret;

	lockdep_assert_held(&device->dev_set->lock);

	if (!device->ops->bind_iommufd)
		return -EOPNOTSUPP;

	ret = device->ops->bind_iommufd(device, bind);
	if (ret)
		return ret;

	if (device->ops->open_device) {
		ret = device->ops->open_device(device);
		if (ret)
			iommufd_unbind(device);
	}
	return ret;
}

/**
 * vfio_iommufd_close() - undo vfio_iommufd_open(), and any attach
 * @device: the device
 *
 * The driver stops the DMA before the IOMMU lets go of the device.
 *
 * Context: device->dev_set->lock is held.
 */
void vfio_iommufd_close(struct vfio_device *device)
{
	lockdep_assert_held(&device->dev_set->lock);

	if (device->ops->close_device)
		device->ops->close_device(device);
	iommufd_unbind(device);
}

/**
 * vfio_iommufd_group_open() - open a device on the iommufd of its group
 * @device: the device, not open
 *
 * Binds, opens, and attaches to the compatibility IOAS of this moment: what
 * GROUP_GET_DEVICE_FD promises, and container users know no other.
 *
 * Context: device->dev_set->lock and the group_lock are held.
 * Return: 0, or an error with the device as it was. %-ENODEV if there is no
 * compatibility IOAS.
 */
int vfio_iommufd_group_open(struct vfio_device *device)
{
	struct vfio_iommufd_bind bind = {
		.ictx = device->group->iommufd,
		.from_group = true,
	};
	u32 pt_id;
	int ret;

	lockdep_assert_held(&device->group->group_lock);

	ret = iommufd_compat_ioas_id(bind.ictx, &pt_id);
	if (ret)
		return ret;

	ret = vfio_iommufd_open(device, &bind);
	if (ret)
		return ret;

	ret = iommufd_attach_device(device->iommufd_device, &pt_id);
	if (ret)
		vfio_iommufd_close(device);
	return ret;
}

/**
 * vfio_group_set_iommufd() - use an iommufd in place of a container
 * @group: the group, with neither container nor iommufd
 * @file: the file given to GROUP_SET_CONTAINER
 *
 * The DMA stays with whoever owns it until a device of the group is opened.
 *
 * Context: group->group_lock is held.
 * Return: 0, %-EBADFD if @file is no iommufd, %-EINVAL for a group without an
 * IOMMU, or the error of making the compatibility IOAS.
 */
int vfio_group_set_iommufd(struct vfio_group *group, struct file *file)
{
	struct iommufd_ctx *ictx;
	int ret;

	lockdep_assert_held(&group->group_lock);

	ictx = iommufd_ctx_from_file(file);
	if (IS_ERR(ictx))
		return PTR_ERR(ictx);

	ret = -EINVAL;
	if (group->type == VFIO_NO_IOMMU)
		goto err_put;

	ret = iommufd_compat_ioas_create(ictx);
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
	iommufd_ctx_put(group->iommufd);
	group->iommufd = NULL;
}
