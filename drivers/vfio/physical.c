// SPDX-License-Identifier: GPL-2.0-only
/*
 * Physical devices, which do DMA through an IOMMU: how they are bound to an
 * iommufd.
 *
 * vfio_device.iommufd_device is the whole state. It is set from the driver's
 * bind_iommufd on, and as long as it is set the context and the ownership of the
 * DMA exist. Changed under dev_set->lock.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/**
 * vfio_iommufd_physical_bind() - bind_iommufd for a device that does DMA
 * @vdev: the device
 * @bind: what to bind it to; @bind->devid is filled in
 *
 * For use as &vfio_device_ops.bind_iommufd, or as its last step.
 *
 * Context: vdev->dev_set->lock is held.
 * Return: 0, and @vdev->iommufd_device is set; or the errors of
 * iommufd_bind_device().
 */
int vfio_iommufd_physical_bind(struct vfio_device *vdev,
			       struct vfio_iommufd_bind *bind)
{
	struct iommufd_device *idev;

	lockdep_assert_held(&vdev->dev_set->lock);

	idev = iommufd_bind_device(bind->ictx, vdev->dev, bind->cookie,
				   &bind->devid);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	vdev->iommufd_device = idev;
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_bind);

/**
 * vfio_iommufd_devid() - name a device to the user of another one
 * @device: the device
 * @user: a device of the same set, bound to an iommufd
 *
 * As long as dev_set->lock is held, a device that has an ID keeps it, and nobody
 * can open one that has none. A device that is being closed has none any more.
 *
 * Context: device->dev_set->lock is held.
 * Return: the ID of @device if it is bound to the iommufd of @user;
 * %VFIO_PCI_DEVID_OWNED if it is not bound, but its DMA belongs to that
 * iommufd; %VFIO_PCI_DEVID_NOT_OWNED otherwise.
 */
int vfio_iommufd_devid(struct vfio_device *device, struct vfio_device *user)
{
	struct iommufd_ctx *ictx = iommufd_device_ctx(user->iommufd_device);

	lockdep_assert_held(&device->dev_set->lock);

	if (!device->iommufd_device)
		return iommufd_ctx_owns_dma(ictx, device->dev) ?
			       VFIO_PCI_DEVID_OWNED :
			       VFIO_PCI_DEVID_NOT_OWNED;
	if (iommufd_device_ctx(device->iommufd_device) != ictx)
		return VFIO_PCI_DEVID_NOT_OWNED;
	return iommufd_device_id(device->iommufd_device);
}
EXPORT_SYMBOL_GPL(vfio_iommufd_devid);

static enum iommufd_bind_obstacle
physical_obstacle(struct vfio_device *device, struct iommu_dma_report *report)
{
	return iommufd_bind_obstacle(device->dev, report);
}

static bool physical_is_open(struct vfio_device *device)
{
	return device->iommufd_device;
}

static void physical_release(struct vfio_device *device,
			     struct vfio_iommufd_bound *bound)
{
	lockdep_assert_held(&device->dev_set->lock);

	bound->device = device->iommufd_device;
	device->iommufd_device = NULL;
}

static void physical_unbind(struct vfio_iommufd_bound *bound)
{
	iommufd_detach_device(bound->device);
	iommufd_unbind_device(bound->device);
}

static int physical_attach(struct vfio_device *device, u32 pt_id,
			   int (*answer)(void *data, u32 pt_id), void *data)
{
	return iommufd_attach_device(device->iommufd_device, &pt_id, answer,
				     data);
}

static int physical_detach(struct vfio_device *device)
{
	return iommufd_detach_device_killable(device->iommufd_device);
}

static void physical_describe(struct vfio_device *device,
			      struct iommufd_binding *binding)
{
	iommufd_device_describe(device->iommufd_device, binding);
}

/* What an IOMMU can enforce, iommufd makes it enforce for every attachment */
static bool physical_coherent(struct vfio_device *device)
{
	return device_iommu_capable(device->dev,
				    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

const struct vfio_iommufd_ops vfio_iommufd_physical_ops = {
	.bind		= vfio_iommufd_driver_bind,
	.obstacle	= physical_obstacle,
	.is_open	= physical_is_open,
	.release	= physical_release,
	.unbind		= physical_unbind,
	.attach		= physical_attach,
	.detach		= physical_detach,
	.describe	= physical_describe,
	.coherent	= physical_coherent,
};
