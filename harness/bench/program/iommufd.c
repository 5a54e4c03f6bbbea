// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space that is an IOAS of /dev/iommu, with the device opened by its own
 * file. Headers of a kernel without iommufd build a program that knows containers only.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>

#define ANY_ACCESS (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE | \
		    IOMMU_IOAS_MAP_FIXED_IOVA)

/* What every kernel knows of a structure that has grown since */
#define SIZE_UP_TO(argument, field) \
	(offsetof(typeof(argument), field) + sizeof((argument).field))

uint32_t iommufd_ioas(int iommufd)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		err(1, "IOMMU_IOAS_ALLOC");
	return alloc.out_ioas_id;
}

static void space_find(struct device *device)
{
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/vfio-dev/vfio*",
		 device->address);
	if (glob(pattern, 0, NULL, &found) || found.gl_pathc != 1)
		errx(1, "%s is not there", pattern);
	snprintf(device->path, sizeof(device->path), "/dev/vfio/devices/%s",
		 basename(found.gl_pathv[0]));
	globfree(&found);
}

int iommufd_bind(int iommufd, const struct device *device)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = SIZE_UP_TO(bind, out_devid),
		.iommufd = iommufd,
	};
	int file = open(device->path, O_RDWR);

	if (file < 0)
		err(1, "%s", device->path);
	if (ioctl(file, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		err(1, "VFIO_DEVICE_BIND_IOMMUFD");
	return file;
}

void iommufd_attach(int device, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = SIZE_UP_TO(attach, pt_id),
		.pt_id = ioas,
	};

	if (ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		err(1, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

void iommufd_detach(int device)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = SIZE_UP_TO(detach, flags),
	};

	if (ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach))
		err(1, "VFIO_DEVICE_DETACH_IOMMUFD_PT");
}

void iommufd_unmap(int iommufd, uint32_t ioas, uint64_t iova, size_t length)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = iova,
		.length = length,
	};

	if (ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap))
		err(1, "IOMMU_IOAS_UNMAP");
	if (unmap.length != length)
		errx(1, "IOMMU_IOAS_UNMAP: %llu bytes of %zu",
		     (unsigned long long)unmap.length, length);
}

void iommufd_copy(struct space *space, uint32_t to, size_t length, uint64_t iova)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = ANY_ACCESS,
		.dst_ioas_id = to,
		.src_ioas_id = space->ioas,
		.length = length,
		.dst_iova = iova,
		.src_iova = iova,
	};

	if (ioctl(space->context, IOMMU_IOAS_COPY, &copy))
		err(1, "IOMMU_IOAS_COPY");
}

bool iommufd_map_file(struct space *space, int file, size_t length, uint64_t iova)
{
#ifdef IOMMU_IOAS_MAP_FILE
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = ANY_ACCESS,
		.ioas_id = space->ioas,
		.fd = file,
		.length = length,
		.iova = iova,
	};

	if (!ioctl(space->context, IOMMU_IOAS_MAP_FILE, &map))
		return true;
	if (errno != ENOTTY)
		err(1, "IOMMU_IOAS_MAP_FILE");
#endif
	return false;
}

static void space_open(struct space *space, const struct device *device)
{
	space->context = open("/dev/iommu", O_RDWR);
	if (space->context < 0)
		err(1, "/dev/iommu");
	space->device = iommufd_bind(space->context, device);
	space->ioas = iommufd_ioas(space->context);
	iommufd_attach(space->device, space->ioas);
}

static void space_close(struct space *space)
{
	close(space->device);
	close(space->context);
}

static void space_map(struct space *space, void *memory, size_t length, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = ANY_ACCESS,
		.ioas_id = space->ioas,
		.user_va = (uintptr_t)memory,
		.length = length,
		.iova = iova,
	};

	if (ioctl(space->context, IOMMU_IOAS_MAP, &map))
		err(1, "IOMMU_IOAS_MAP");
}

static void space_unmap(struct space *space, uint64_t iova, size_t length)
{
	iommufd_unmap(space->context, space->ioas, iova, length);
}

#else

#define NOT_BUILT() errx(1, "built with headers that have no linux/iommufd.h")

uint32_t iommufd_ioas(int iommufd) { NOT_BUILT(); }
int iommufd_bind(int iommufd, const struct device *device) { NOT_BUILT(); }
void iommufd_attach(int device, uint32_t ioas) { NOT_BUILT(); }
void iommufd_detach(int device) { NOT_BUILT(); }
void iommufd_unmap(int iommufd, uint32_t ioas, uint64_t iova, size_t length)
{ NOT_BUILT(); }
void iommufd_copy(struct space *space, uint32_t to, size_t length, uint64_t iova)
{ NOT_BUILT(); }
bool iommufd_map_file(struct space *space, int file, size_t length, uint64_t iova)
{ NOT_BUILT(); }
static void space_open(struct space *space, const struct device *device) { NOT_BUILT(); }
static void space_find(struct device *device) { NOT_BUILT(); }
static void space_close(struct space *space) { NOT_BUILT(); }
static void space_map(struct space *space, void *memory, size_t length, uint64_t iova)
{ NOT_BUILT(); }
static void space_unmap(struct space *space, uint64_t iova, size_t length) { NOT_BUILT(); }

#endif

const struct interface iommufd_interface = {
	.name = "iommufd",
	.find = space_find,
	.open = space_open,
	.close = space_close,
	.map = space_map,
	.unmap = space_unmap,
};
