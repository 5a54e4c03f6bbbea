// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO group on an iommufd, which it has in place of a container: from
 * GROUP_SET_CONTAINER to UNSET_CONTAINER, and its devices meanwhile.
 *
 * The group knows a context, not an address space: a device is attached to the one
 * that stands in for a container when it is opened.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

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
	iommufd_refused(ictx, "GROUP_SET_CONTAINER", ret, NULL);
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
 * vfio_group_iommufd_open() - open a device on the iommufd of its group
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
int vfio_group_iommufd_open(struct vfio_device *device,
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
