// SPDX-License-Identifier: GPL-2.0-only
/*
 * How drivers of devices without DMA of their own reach the user's memory.
 *
 * What the user mapped is in an IOAS or in a container. An open device is on
 * one of them, and which one does not change before it is closed.
 */
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

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
	if (!pages || !npage || !vfio_assert_device_open(device))
		return -EINVAL;

	if (npage > VFIO_PIN_PAGES_MAX_ENTRIES)
		return -E2BIG;

	if (device->iommufd_access)
		return vfio_iommufd_pin_pages(device, iova, npage, prot, pages);
	return vfio_container_pin_pages(device, iova, npage, prot, pages);
}
EXPORT_SYMBOL(vfio_pin_pages);

/**
 * vfio_unpin_pages() - undo vfio_pin_pages()
 * @device: an open device
 * @iova: in the first page
 * @npage: how many, 1 to %VFIO_PIN_PAGES_MAX_ENTRIES
 */
void vfio_unpin_pages(struct vfio_device *device, dma_addr_t iova, int npage)
{
	if (WARN_ON(npage <= 0 || npage > VFIO_PIN_PAGES_MAX_ENTRIES))
		return;

	if (WARN_ON(!vfio_assert_device_open(device)))
		return;

	if (device->iommufd_access)
		vfio_iommufd_unpin_pages(device, iova, npage);
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
	if (!data || !len || !vfio_assert_device_open(device))
		return -EINVAL;

	if (device->iommufd_access)
		return vfio_iommufd_dma_rw(device, iova, data, len, write);
	return vfio_container_dma_rw(device, iova, data, len, write);
}
EXPORT_SYMBOL(vfio_dma_rw);
