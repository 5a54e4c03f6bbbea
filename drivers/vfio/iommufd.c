// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a VFIO device to iommufd: the parts of bind, open, close and unbind
 * that the character device and the group share, and the group's own iommufd.
 *
 * vfio_device.iommufd_device is the whole state, or vfio_device.iommufd_access
 * of a device without DMA of its own. One of them is set from the driver's
 * bind_iommufd on, and as long as it is set the context and the ownership of the
 * DMA exist. Changed under dev_set->lock, but for the end of an access.
 *
 * dev_set->lock is taken by users of other devices, and must not be held while
 * anything waits for user memory: so not in attach and detach, which iommufd
 * serialises, and not in unbind, which waits for ioctls that use the device. Hence
 * closing has two steps. In the first, under the lock, the driver closes the
 * device, and it ceases to be one that is open. In the second, without it,
 * iommufd lets go of it. In between nobody else can have it: iommufd refuses to
 * bind a device again before it has let go.
 *
 * A device without an IOMMU has nothing to bind. vfio_device.iommufd_bare says
 * that its group was on an iommufd when it was opened.
 */
#include <linux/capability.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/pm_runtime.h>
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

static void emulated_unmap(void *data, u64 iova, u64 length)
{
	struct vfio_device *vdev = data;

	vdev->ops->dma_unmap(vdev, iova, length);
}

static const struct iommufd_access_ops emulated_pinning_ops = {
	.pins = true,
	.unmap = emulated_unmap,
};

static const struct iommufd_access_ops emulated_copying_ops = {};

/**
 * vfio_iommufd_emulated_bind() - bind_iommufd for a device without DMA
 * @vdev: the device, whose driver uses vfio_pin_pages() and vfio_dma_rw()
 * @bind: what to bind it to; @bind->devid is filled in
 *
 * For use as &vfio_device_ops.bind_iommufd, or as its last step. The device
 * attaches to an IOAS, not to a page table. A driver with dma_unmap may pin;
 * it is called for each page that it has pinned.
 *
 * Context: vdev->dev_set->lock is held.
 * Return: 0, and @vdev->iommufd_access is set; or the errors of
 * iommufd_access_create().
 */
int vfio_iommufd_emulated_bind(struct vfio_device *vdev,
			       struct vfio_iommufd_bind *bind)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return iommufd_access_create(bind->ictx,
				     vdev->ops->dma_unmap ?
				     &emulated_pinning_ops :
				     &emulated_copying_ops,
				     vdev, bind->cookie, &vdev->iommufd_access,
				     &bind->devid);
}
EXPORT_SYMBOL_GPL(vfio_iommufd_emulated_bind);

/**
 * vfio_iommufd_pin_pages() - vfio_pin_pages() on an iommufd
 * @device: an open device with an access
 * @iova: in the first page
 * @npage: how many, at least 1
 * @prot: %IOMMU_READ, %IOMMU_WRITE
 * @pages: set to the pages
 *
 * Each page is pinned on its own: drivers unpin in other portions than they
 * pinned.
 *
 * Return: @npage, or an error with none of the pages pinned.
 */
int vfio_iommufd_pin_pages(struct vfio_device *device, dma_addr_t iova,
			   int npage, int prot, struct page **pages)
{
	unsigned int flags = prot & IOMMU_WRITE ? IOMMUFD_ACCESS_WRITE : 0;
	int i, ret;

	if (!device->ops->dma_unmap)
		return -EINVAL;

	iova = round_down(iova, PAGE_SIZE);
	for (i = 0; i < npage; i++) {
		ret = iommufd_access_pin(device->iommufd_access,
					 iova + i * PAGE_SIZE, PAGE_SIZE,
					 &pages[i], flags);
		if (ret) {
			vfio_iommufd_unpin_pages(device, iova, i);
			return ret;
		}
	}
	return npage;
}

/**
 * vfio_iommufd_unpin_pages() - vfio_unpin_pages() on an iommufd
 * @device: an open device with an access
 * @iova: in the first page
 * @npage: how many; those that @device has not pinned are passed over
 */
void vfio_iommufd_unpin_pages(struct vfio_device *device, dma_addr_t iova,
			      int npage)
{
	int i;

	iova = round_down(iova, PAGE_SIZE);
	for (i = 0; i < npage; i++)
		iommufd_access_unpin(device->iommufd_access,
				     iova + i * PAGE_SIZE, PAGE_SIZE);
}

/**
 * vfio_iommufd_dma_rw() - vfio_dma_rw() on an iommufd
 * @device: an open device with an access
 * @iova: first byte
 * @data: kernel memory
 * @len: bytes
 * @write: from @data to the mapped memory
 *
 * Return: 0, or an error after which a part may have been copied.
 */
int vfio_iommufd_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data,
			size_t len, bool write)
{
	return iommufd_access_copy(device->iommufd_access, iova, data, len,
				   write ? IOMMUFD_ACCESS_WRITE : 0);
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
	if (device->iommufd_access)
		return iommufd_access_attach(device->iommufd_access, pt_id);
	return iommufd_attach_device(device->iommufd_device, &pt_id, answer,
				     data);
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
	if (device->iommufd_access)
		return iommufd_access_detach_killable(device->iommufd_access);
	return iommufd_detach_device_killable(device->iommufd_device);
}

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

/*
 * The first half of an unbind. An access stays where the driver finds it when it
 * is called back, for a mapping that goes away meanwhile.
 */
static struct vfio_iommufd_bound take_bound(struct vfio_device *device)
{
	struct vfio_iommufd_bound bound = {
		.device = device->iommufd_device,
		.access = device->iommufd_access,
	};

	lockdep_assert_held(&device->dev_set->lock);

	device->iommufd_device = NULL;
	device->iommufd_bare = false;
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

	if (!device->ops->bind_iommufd)
		return -EOPNOTSUPP;

	ret = device->ops->bind_iommufd(device, bind);
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
	if (bound.access)
		iommufd_access_destroy(bound.access);
	if (bound.device) {
		iommufd_detach_device(bound.device);
		iommufd_unbind_device(bound.device);
	}
	if (bound.awake)
		pm_runtime_put(bound.awake);
}

static int open_bare(struct vfio_device *device)
{
	int ret = 0;

	if (device->ops->open_device)
		ret = device->ops->open_device(device);
	device->iommufd_bare = !ret;
	return ret;
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

	*pt_id = 0;
	if (device->group->type == VFIO_NO_IOMMU)
		return open_bare(device);

	ret = iommufd_compat_ioas_id(bind.ictx, pt_id);
	if (ret)
		return ret;
	return vfio_iommufd_open(device, &bind, bound);
}

static int group_join(struct vfio_group *group, struct iommufd_ctx *ictx)
{
	struct iommufd_compat_group *compat;

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
