// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated devices: without DMA of their own, as the driver does what the device
 * would do. How it reaches the user's memory.
 *
 * What the user mapped is in an IOAS or in a container. An open device is on
 * one of them, and which one does not change before it is closed. On an
 * iommufd it has an access, vfio_device.iommufd_access.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/* NULL on a container. Constant in a kernel that has nothing else */
static struct iommufd_access *emulated_access(struct vfio_device *device)
{
	return IS_ENABLED(CONFIG_VFIO_IOMMUFD) ? device->iommufd_access : NULL;
}

static bool emulated_assert_usable(struct vfio_device *device)
{
	/* An access outlasts close_device: dma_unmap unpins until it is gone */
	return emulated_access(device) || vfio_assert_device_open(device);
}

static void emulated_access_unpin(struct iommufd_access *access,
				  dma_addr_t iova, int npage)
{
	int i;

	iova = round_down(iova, PAGE_SIZE);
	for (i = 0; i < npage; i++)
		iommufd_access_unpin(access, iova + i * PAGE_SIZE, PAGE_SIZE);
}

/*
 * Each page is pinned on its own: drivers unpin in other portions than they
 * pinned.
 */
static int emulated_access_pin(struct iommufd_access *access, dma_addr_t iova,
			       int npage, int prot, struct page **pages)
{
	unsigned int flags = prot & IOMMU_WRITE ? IOMMUFD_ACCESS_WRITE : 0;
	int i, ret;

	iova = round_down(iova, PAGE_SIZE);
	for (i = 0; i < npage; i++) {
		ret = iommufd_access_pin(access, iova + i * PAGE_SIZE,
					 PAGE_SIZE, &pages[i], flags);
		if (ret) {
			emulated_access_unpin(access, iova, i);
			return ret;
		}
	}
	return npage;
}

/**
 * vfio_pin_pages() - pin what is mapped, page by page
 * @device: an open device, registered with vfio_register_emulated_iommu_dev()
 * @iova: in the first page
 * @npage: how many, at most %VFIO_PIN_PAGES_MAX_ENTRIES
 * @prot: %IOMMU_READ, %IOMMU_WRITE
 * @pages: set to the pages
 *
 * Return: @npage, or an error with none of the pages pinned.
 */
int vfio_pin_pages(struct vfio_device *device, dma_addr_t iova, int npage,
		   int prot, struct page **pages)
{
	struct iommufd_access *access = emulated_access(device);

	if (!pages || !npage || !emulated_assert_usable(device))
		return -EINVAL;

	if (npage > VFIO_PIN_PAGES_MAX_ENTRIES)
		return -E2BIG;

	if (!access)
		return vfio_container_pin_pages(device, iova, npage, prot,
						pages);
	/* Nobody could be asked to let go of the pages */
	if (!device->ops->dma_unmap)
		return -EINVAL;
	return emulated_access_pin(access, iova, npage, prot, pages);
}
EXPORT_SYMBOL(vfio_pin_pages);

/**
 * vfio_unpin_pages() - undo vfio_pin_pages()
 * @device: an open device
 * @iova: in the first page
 * @npage: how many, 1 to %VFIO_PIN_PAGES_MAX_ENTRIES; on an iommufd those that
 *         @device has not pinned are passed over
 */
void vfio_unpin_pages(struct vfio_device *device, dma_addr_t iova, int npage)
{
	struct iommufd_access *access = emulated_access(device);

	if (WARN_ON(npage <= 0 || npage > VFIO_PIN_PAGES_MAX_ENTRIES))
		return;

	if (WARN_ON(!emulated_assert_usable(device)))
		return;

	if (access)
		emulated_access_unpin(access, iova, npage);
	else
		vfio_container_unpin_pages(device, iova, npage);
}
EXPORT_SYMBOL(vfio_unpin_pages);

/**
 * vfio_dma_rw() - copy from or to what is mapped
 * @device: an open device
 * @iova: first byte
 * @data: kernel memory
 * @len: bytes
 * @write: from @data to the mapped memory
 *
 * Nothing needs to be pinned for this.
 *
 * Return: 0, or an error after which a part may have been copied.
 */
int vfio_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data,
		size_t len, bool write)
{
	struct iommufd_access *access = emulated_access(device);

	if (!data || !len || !emulated_assert_usable(device))
		return -EINVAL;

	if (access)
		return iommufd_access_copy(access, iova, data, len,
					   write ? IOMMUFD_ACCESS_WRITE : 0);
	return vfio_container_dma_rw(device, iova, data, len, write);
}
EXPORT_SYMBOL(vfio_dma_rw);

#if IS_ENABLED(CONFIG_VFIO_IOMMUFD)
static void emulated_unmap(void *data, u64 iova, u64 length)
{
	struct vfio_device *vdev = data;

	vdev->ops->dma_unmap(vdev, iova, length);
}

static const char *emulated_name(void *data)
{
	struct vfio_device *vdev = data;

	return dev_name(vdev->dev);
}

static const struct iommufd_access_ops emulated_pinning_ops = {
	.pins = true,
	.name = emulated_name,
	.unmap = emulated_unmap,
};

static const struct iommufd_access_ops emulated_copying_ops = {
	.name = emulated_name,
};

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

static bool emulated_is_open(struct vfio_device *device)
{
	return device->iommufd_access;
}

/*
 * The access stays where the driver finds it when it is called back, for a
 * mapping that goes away meanwhile. Its end clears the pointer.
 */
static void emulated_release(struct vfio_device *device,
			     struct vfio_iommufd_bound *bound)
{
	lockdep_assert_held(&device->dev_set->lock);

	bound->access = device->iommufd_access;
}

static void emulated_unbind(struct vfio_iommufd_bound *bound)
{
	iommufd_access_destroy(bound->access);
}

/* There is no page table whose ID could be told */
static int emulated_attach(struct vfio_device *device, u32 pt_id,
			   int (*answer)(void *data, u32 pt_id), void *data)
{
	return iommufd_access_attach(device->iommufd_access, pt_id);
}

static int emulated_detach(struct vfio_device *device)
{
	return iommufd_access_detach_killable(device->iommufd_access);
}

static void emulated_describe(struct vfio_device *device,
			      struct iommufd_binding *binding)
{
	iommufd_access_describe(device->iommufd_access, binding);
}

/* No DMA: what the device does is done by the CPU, through its caches */
static bool emulated_coherent(struct vfio_device *device)
{
	return true;
}

const struct vfio_iommufd_ops vfio_iommufd_emulated_ops = {
	.bind		= vfio_iommufd_driver_bind,
	.is_open	= emulated_is_open,
	.release	= emulated_release,
	.unbind		= emulated_unbind,
	.attach		= emulated_attach,
	.detach		= emulated_detach,
	.describe	= emulated_describe,
	.coherent	= emulated_coherent,
};
#endif
