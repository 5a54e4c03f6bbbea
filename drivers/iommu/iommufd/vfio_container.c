// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's type1 interface on an iommufd.
 *
 * An open /dev/iommu answers the calls of a container, on its compatibility
 * IOAS. Everything here is made of what the IOAS offers to anybody; type1 only
 * differs in its structures and in that version 1 may cut mappings.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/vfio.h>

#include "compat_group.h"
#include "compat_ioas.h"
#include "context.h"
#include "ioas.h"
#include "mapping_cut.h"
#include "mapping_removal.h"
#include "vfio_container.h"

/* Of the tables that are there and of those that devices will get. */
static int container_is_coherent(struct iommufd_ctx *ictx)
{
	struct compat_limits limits;
	struct iommufd_ioas *ioas;
	int ret;

	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	compat_groups_limits(ictx, &limits);
	ret = limits.coherent && mapped_space_is_coherent(&ioas->space);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int container_check_extension(struct iommufd_ctx *ictx,
				     unsigned long extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return !READ_ONCE(ictx->no_iommu);
	case VFIO_NOIOMMU_IOMMU:
		return IS_ENABLED(CONFIG_VFIO_NOIOMMU);
	case VFIO_DMA_CC_IOMMU:
		return container_is_coherent(ictx);
	default:
		return 0;
	}
}

static int container_set_iommu(struct iommufd_ctx *ictx, unsigned long type)
{
	struct iommufd_ioas *ioas;
	int ret = 0;

	if (type == VFIO_NOIOMMU_IOMMU && READ_ONCE(ictx->no_iommu))
		return capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return reason_refuse(&ictx->reason, -EINVAL,
				     "type %lu is not served: an iommufd is a container of type 1 or 3",
				     type);
	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	/* Only what is not in large pages can be cut. */
	if (type == VFIO_TYPE1_IOMMU)
		ret = mapped_space_set_large_pages(&ioas->space, false);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int container_map(struct iommufd_ctx *ictx, void __user *user)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map map;
	struct iommufd_ioas *ioas;
	int prot = 0;
	int ret;

	if (copy_from_user(&map, user, minsz))
		return -EFAULT;
	if (map.argsz < minsz ||
	    map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
		return -EINVAL;
	/* No device could be attached to that. */
	if ((map.vaddr | map.iova | map.size) & READ_ONCE(ictx->compat_mask))
		return reason_refuse(&ictx->reason, -EINVAL,
				     "addresses and size have to be multiples of %u",
				     READ_ONCE(ictx->compat_mask) + 1);
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ret = iommufd_ioas_map_fixed(ioas, map.vaddr, map.size, map.iova, prot);
	iommufd_object_put(&ioas->object);
	return ret;
}

/* Version 1 programs may unmap any part of what they mapped. */
static int unmap_cut(struct iommufd_ioas *ioas, u64 start, u64 last)
{
	int ret;

	if (READ_ONCE(ioas->space.large_pages))
		return 0;
	ret = mapping_cut(&ioas->space, start);
	if (!ret && last != U64_MAX)
		ret = mapping_cut(&ioas->space, last + 1);
	return ret;
}

static int unmap_range(struct iommufd_ioas *ioas, u64 iova, u64 size,
		       u64 *removed)
{
	u64 last;
	int ret;

	if (!size)
		return -EINVAL;
	if (check_add_overflow(iova, size - 1, &last))
		return -EOVERFLOW;
	ret = unmap_cut(ioas, iova, last);
	return ret ?: iommufd_ioas_remove(ioas, iova, last, removed);
}

static int container_unmap(struct iommufd_ctx *ictx, void __user *user)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap,
					 size);
	struct vfio_iommu_type1_dma_unmap unmap;
	struct iommufd_ioas *ioas;
	u64 removed;
	int ret;

	if (copy_from_user(&unmap, user, minsz))
		return -EFAULT;
	if (unmap.argsz < minsz || unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL && (unmap.iova || unmap.size))
		return -EINVAL;
	/* What is unmapped cannot be taken back: see that the reply will do. */
	if (copy_to_user(user, &unmap, minsz))
		return -EFAULT;
	removed = unmap.size;
	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL)
		ret = iommufd_ioas_remove(ioas, 0, U64_MAX, &removed);
	else
		ret = unmap_range(ioas, unmap.iova, unmap.size, &removed);
	iommufd_object_put(&ioas->object);

	unmap.size = removed;
	if (copy_to_user(user, &unmap, minsz))
		return -EFAULT;
	return ret;
}

/* The reply to GET_INFO: the structure, then a chain of capabilities. */
struct info_reply {
	struct vfio_iommu_type1_info info;
	struct vfio_iommu_type1_info_dma_avail avail;
	u32 pad;
	struct vfio_iommu_type1_info_cap_iova_range ranges;
};

/* Called twice: to count with @capacity 0, and to fill in. */
static u32 info_ranges(struct iommufd_ioas *ioas, struct info_reply *reply,
		       u32 capacity)
{
	struct usable_range usable = {};
	u32 nr = 0;

	while (mapped_space_next_usable(&ioas->space, &usable)) {
		if (nr < capacity) {
			reply->ranges.iova_ranges[nr].start = usable.start;
			reply->ranges.iova_ranges[nr].end = usable.last;
		}
		nr++;
	}
	return nr;
}

/* Of the tables that are there and of those that devices will get. */
static u64 info_page_sizes(struct iommufd_ioas *ioas)
{
	struct compat_limits limits;

	compat_groups_limits(ioas->object.ictx, &limits);
	limits.page_sizes &= mapped_space_page_sizes(&ioas->space);
	/* Smaller pages make up one of the CPU's. */
	return limits.page_sizes | PAGE_SIZE;
}

static void info_fill(struct iommufd_ioas *ioas, struct info_reply *reply,
		      u32 capacity)
{
	reply->info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	reply->info.iova_pgsizes = info_page_sizes(ioas);
	reply->info.cap_offset = offsetof(struct info_reply, avail);
	reply->avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	reply->avail.header.version = 1;
	reply->avail.header.next = offsetof(struct info_reply, ranges);
	reply->avail.avail = U32_MAX;
	reply->ranges.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	reply->ranges.header.version = 1;
	/* A range may have gone since they were counted: no more than are. */
	reply->ranges.nr_iovas = min(info_ranges(ioas, reply, capacity),
				     capacity);
}

static int info_copy(struct iommufd_ioas *ioas, void __user *user, u32 argsz)
{
	struct info_reply *reply;
	size_t size, copied;
	u32 nr;
	int ret = 0;

	BUILD_BUG_ON(offsetof(struct info_reply, avail) !=
		     sizeof(struct vfio_iommu_type1_info));

	nr = info_ranges(ioas, NULL, 0);
	size = struct_size(reply, ranges.iova_ranges, nr);
	reply = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!reply)
		return -ENOMEM;
	info_fill(ioas, reply, nr);
	reply->info.argsz = size;
	copied = size;
	if (argsz < size) {
		/* No chain rather than one that leads out of the buffer. */
		reply->info.cap_offset = 0;
		copied = min_t(size_t, argsz, sizeof(reply->info));
	}
	if (copy_to_user(user, reply, copied))
		ret = -EFAULT;
	kvfree(reply);
	return ret;
}

static int container_get_info(struct iommufd_ctx *ictx, void __user *user)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_info,
					 iova_pgsizes);
	struct vfio_iommu_type1_info info;
	struct iommufd_ioas *ioas;
	int ret;

	if (copy_from_user(&info, user, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ret = info_copy(ioas, user, info.argsz);
	iommufd_object_put(&ioas->object);
	return ret;
}

/* NULL for a call that a container does not answer */
const char *iommufd_vfio_container_call_name(unsigned int cmd)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return "GET_API_VERSION";
	case VFIO_CHECK_EXTENSION:
		return "CHECK_EXTENSION";
	case VFIO_SET_IOMMU:
		return "SET_IOMMU";
	case VFIO_IOMMU_GET_INFO:
		return "GET_INFO";
	case VFIO_IOMMU_MAP_DMA:
		return "MAP_DMA";
	case VFIO_IOMMU_UNMAP_DMA:
		return "UNMAP_DMA";
	default:
		return NULL;
	}
}

/**
 * iommufd_vfio_container_ioctl() - Answer a call that a container answers
 * @ictx: the context
 * @cmd: its number
 * @arg: its argument
 *
 * Return: what the call returns; -ENOTTY for one that is unknown.
 */
int iommufd_vfio_container_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
				 unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return container_check_extension(ictx, arg);
	case VFIO_SET_IOMMU:
		return container_set_iommu(ictx, arg);
	case VFIO_IOMMU_GET_INFO:
		return container_get_info(ictx, user);
	case VFIO_IOMMU_MAP_DMA:
		return container_map(ictx, user);
	case VFIO_IOMMU_UNMAP_DMA:
		return container_unmap(ictx, user);
	default:
		return -ENOTTY;
	}
}
