// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space that is a VFIO container with version 2 of type 1. On a kernel
 * whose /dev/vfio/vfio is an iommufd the same calls act on an IOAS.
 */
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

static void type1_find(struct device *device)
{
	char link[64], target[256];
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", device->address);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		err(1, "%s", link);
	target[length] = 0;
	snprintf(device->path, sizeof(device->path), "/dev/vfio/%s", basename(target));
}

static void type1_open(struct space *space, const struct device *device)
{
	space->context = open("/dev/vfio/vfio", O_RDWR);
	if (space->context < 0)
		err(1, "/dev/vfio/vfio");
	space->group = open(device->path, O_RDWR);
	if (space->group < 0)
		err(1, "%s", device->path);
	if (ioctl(space->group, VFIO_GROUP_SET_CONTAINER, &space->context))
		err(1, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(space->context, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "VFIO_SET_IOMMU");
	space->device = ioctl(space->group, VFIO_GROUP_GET_DEVICE_FD, device->address);
	if (space->device < 0)
		err(1, "VFIO_GROUP_GET_DEVICE_FD");
}

static void type1_close(struct space *space)
{
	close(space->device);
	close(space->group);
	close(space->context);
}

static void type1_map(struct space *space, void *memory, size_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = length,
	};

	if (ioctl(space->context, VFIO_IOMMU_MAP_DMA, &map))
		err(1, "VFIO_IOMMU_MAP_DMA");
}

static void type1_unmap(struct space *space, uint64_t iova, size_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	if (ioctl(space->context, VFIO_IOMMU_UNMAP_DMA, &unmap))
		err(1, "VFIO_IOMMU_UNMAP_DMA");
	if (unmap.size != length)
		errx(1, "VFIO_IOMMU_UNMAP_DMA: %llu bytes of %zu",
		     (unsigned long long)unmap.size, length);
}

const struct interface type1_interface = {
	.name = "type1",
	.find = type1_find,
	.open = type1_open,
	.close = type1_close,
	.map = type1_map,
	.unmap = type1_unmap,
};
