// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without an IOMMU, whose group is on an iommufd.
 *
 * There is nothing to bind, as nothing can be kept from such a device, nor
 * anything to attach. vfio_device.iommufd_bare only says that the group was on an
 * iommufd when the device was opened: the group may leave it before the device
 * is closed.
 */
#include <linux/vfio.h>

#include "iommufd.h"

static int bare_bind(struct vfio_device *device, struct vfio_iommufd_bind *bind)
{
	lockdep_assert_held(&device->dev_set->lock);

	device->iommufd_bare = true;
	return 0;
}

static bool bare_is_open(struct vfio_device *device)
{
	return device->iommufd_bare;
}

static void bare_release(struct vfio_device *device,
			 struct vfio_iommufd_bound *bound)
{
	lockdep_assert_held(&device->dev_set->lock);

	device->iommufd_bare = false;
}

static void bare_unbind(struct vfio_iommufd_bound *bound)
{
}

/* There is no IOMMU that could enforce it */
static bool bare_coherent(struct vfio_device *device)
{
	return false;
}

const struct vfio_iommufd_ops vfio_iommufd_bare_ops = {
	.bind		= bare_bind,
	.is_open	= bare_is_open,
	.release	= bare_release,
	.unbind		= bare_unbind,
	.coherent	= bare_coherent,
};
