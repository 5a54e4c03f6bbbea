// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iommufd_calls.h"

int iommufd_open(void)
{
	const char *node = getenv("IOMMUFD_NODE") ?: "/dev/iommu";

	return errno_of(open(node, O_RDWR | O_CLOEXEC));
}

int iommufd_call(int iommufd, unsigned long request, void *arg)
{
	return errno_of(ioctl(iommufd, request, arg));
}

int iommufd_destroy(int iommufd, __u32 id)
{
	struct iommu_destroy destroy = {
		.size = sizeof(destroy),
		.id = id,
	};

	return iommufd_call(iommufd, IOMMU_DESTROY, &destroy);
}

int ioas_alloc(int iommufd, __u32 *ioas_id)
{
	struct iommu_ioas_alloc alloc = {
		.size = sizeof(alloc),
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_ALLOC, &alloc);
	if (!ret)
		*ioas_id = alloc.out_ioas_id;
	return ret;
}

int ioas_iova_ranges(int iommufd, __u32 ioas_id,
		     struct iommu_iova_range *ranges, __u32 *count,
		     __u64 *alignment)
{
	struct iommu_ioas_iova_ranges query = {
		.size = sizeof(query),
		.ioas_id = ioas_id,
		.num_iovas = *count,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_IOVA_RANGES, &query);
	*count = query.num_iovas;
	*alignment = query.out_iova_alignment;
	return ret;
}

int ioas_map_address(int iommufd, __u32 ioas_id, __u32 flags, __u64 address,
		     __u64 length, __u64 *iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = flags,
		.ioas_id = ioas_id,
		.user_va = address,
		.length = length,
		.iova = *iova,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_MAP, &map);
	*iova = map.iova;
	return ret;
}

int ioas_map_flags(int iommufd, __u32 ioas_id, __u32 flags, const void *memory,
		   __u64 length, __u64 *iova)
{
	return ioas_map_address(iommufd, ioas_id, flags, (uintptr_t)memory,
				length, iova);
}

int ioas_map(int iommufd, __u32 ioas_id, const void *memory, __u64 length,
	     __u64 *iova)
{
	*iova = 0;
	return ioas_map_flags(iommufd, ioas_id, MAP_RW, memory, length, iova);
}

int ioas_map_fixed(int iommufd, __u32 ioas_id, const void *memory, __u64 length,
		   __u64 iova)
{
	return ioas_map_flags(iommufd, ioas_id,
			      MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, memory,
			      length, &iova);
}

int ioas_unmap(int iommufd, __u32 ioas_id, __u64 iova, __u64 length,
	       __u64 *unmapped)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas_id,
		.iova = iova,
		.length = length,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_UNMAP, &unmap);
	if (unmapped)
		*unmapped = unmap.length;
	return ret;
}

int ioas_unmap_all(int iommufd, __u32 ioas_id, __u64 *unmapped)
{
	return ioas_unmap(iommufd, ioas_id, 0, UINT64_MAX, unmapped);
}

int ioas_copy_flags(int iommufd, __u32 flags, __u32 dst_ioas_id,
		    __u64 *dst_iova, __u32 src_ioas_id, __u64 src_iova,
		    __u64 length)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = flags,
		.dst_ioas_id = dst_ioas_id,
		.src_ioas_id = src_ioas_id,
		.length = length,
		.dst_iova = *dst_iova,
		.src_iova = src_iova,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_COPY, &copy);
	*dst_iova = copy.dst_iova;
	return ret;
}

int ioas_copy(int iommufd, __u32 dst_ioas_id, __u64 *dst_iova,
	      __u32 src_ioas_id, __u64 src_iova, __u64 length)
{
	*dst_iova = 0;
	return ioas_copy_flags(iommufd, MAP_RW, dst_ioas_id, dst_iova,
			       src_ioas_id, src_iova, length);
}

int ioas_copy_fixed(int iommufd, __u32 dst_ioas_id, __u64 dst_iova,
		    __u32 src_ioas_id, __u64 src_iova, __u64 length)
{
	return ioas_copy_flags(iommufd, MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
			       dst_ioas_id, &dst_iova, src_ioas_id, src_iova,
			       length);
}

int ioas_map_file_flags(int iommufd, __u32 ioas_id, __u32 flags, int fd,
			__u64 start, __u64 length, __u64 *iova)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = flags,
		.ioas_id = ioas_id,
		.fd = fd,
		.start = start,
		.length = length,
		.iova = *iova,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_IOAS_MAP_FILE, &map);
	*iova = map.iova;
	return ret;
}

int ioas_map_file(int iommufd, __u32 ioas_id, int fd, __u64 start, __u64 length,
		  __u64 *iova)
{
	*iova = 0;
	return ioas_map_file_flags(iommufd, ioas_id, MAP_RW, fd, start, length,
				   iova);
}

int ioas_map_file_fixed(int iommufd, __u32 ioas_id, int fd, __u64 start,
			__u64 length, __u64 iova)
{
	return ioas_map_file_flags(iommufd, ioas_id,
				   MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, fd,
				   start, length, &iova);
}

int ioas_allow_iovas(int iommufd, __u32 ioas_id,
		     const struct iommu_iova_range *ranges, __u32 count)
{
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = ioas_id,
		.num_iovas = count,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return iommufd_call(iommufd, IOMMU_IOAS_ALLOW_IOVAS, &allow);
}

int ioas_change_process(int iommufd)
{
	struct iommu_ioas_change_process change = {
		.size = sizeof(change),
	};

	return iommufd_call(iommufd, IOMMU_IOAS_CHANGE_PROCESS, &change);
}

static int option(int iommufd, __u16 op, __u32 option_id, __u32 object_id,
		  __u64 *value)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = option_id,
		.op = op,
		.object_id = object_id,
		.val64 = *value,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_OPTION, &arg);
	*value = arg.val64;
	return ret;
}

int option_get(int iommufd, __u32 option_id, __u32 object_id, __u64 *value)
{
	*value = 0;
	return option(iommufd, IOMMU_OPTION_OP_GET, option_id, object_id,
		      value);
}

int option_set(int iommufd, __u32 option_id, __u32 object_id, __u64 value)
{
	return option(iommufd, IOMMU_OPTION_OP_SET, option_id, object_id,
		      &value);
}

static int vfio_ioas(int iommufd, __u16 op, __u32 *ioas_id)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = *ioas_id,
		.op = op,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_VFIO_IOAS, &arg);
	*ioas_id = arg.ioas_id;
	return ret;
}

int vfio_ioas_get(int iommufd, __u32 *ioas_id)
{
	*ioas_id = 0;
	return vfio_ioas(iommufd, IOMMU_VFIO_IOAS_GET, ioas_id);
}

int vfio_ioas_set(int iommufd, __u32 ioas_id)
{
	return vfio_ioas(iommufd, IOMMU_VFIO_IOAS_SET, &ioas_id);
}

int vfio_ioas_clear(int iommufd)
{
	__u32 none = 0;

	return vfio_ioas(iommufd, IOMMU_VFIO_IOAS_CLEAR, &none);
}

int hwpt_alloc_flags(int iommufd, __u32 flags, __u32 dev_id, __u32 pt_id,
		     __u32 *hwpt_id)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_HWPT_ALLOC, &alloc);
	if (!ret)
		*hwpt_id = alloc.out_hwpt_id;
	return ret;
}

int hwpt_alloc(int iommufd, __u32 dev_id, __u32 pt_id, __u32 *hwpt_id)
{
	return hwpt_alloc_flags(iommufd, 0, dev_id, pt_id, hwpt_id);
}

int hwpt_track(int iommufd, __u32 hwpt_id, bool enable)
{
	struct iommu_hwpt_set_dirty_tracking track = {
		.size = sizeof(track),
		.flags = enable ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = hwpt_id,
	};

	return iommufd_call(iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING, &track);
}

int hwpt_dirty(int iommufd, __u32 hwpt_id, __u32 flags, __u64 iova,
	       __u64 length, __u64 page_size, void *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.hwpt_id = hwpt_id,
		.flags = flags,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return iommufd_call(iommufd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get);
}

int device_hw_info(int iommufd, __u32 dev_id, void *data, __u32 *length,
		   __u32 *type)
{
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = dev_id,
		.data_len = *length,
		.data_uptr = (uintptr_t)data,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_GET_HW_INFO, &info);
	*length = info.data_len;
	*type = info.out_data_type;
	return ret;
}

int device_find(int iommufd, __u64 cookie, __u32 *dev_id)
{
	struct iommu_device_find find = {
		.size = sizeof(find),
		.dev_cookie = cookie,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_DEVICE_FIND, &find);
	if (!ret)
		*dev_id = find.out_dev_id;
	return ret;
}

int dma_fault_queue(int iommufd, __u32 depth, __u32 *queue_id)
{
	struct iommu_dma_fault_queue arg = {
		.size = sizeof(arg),
		.depth = depth,
	};
	int ret;

	ret = iommufd_call(iommufd, IOMMU_DMA_FAULT_QUEUE, &arg);
	if (ret)
		return ret;
	if (queue_id)
		*queue_id = arg.out_queue_id;
	return arg.out_queue_fd;
}

int dma_fault_read(int queue, struct iommu_dma_fault *records, __u32 nr)
{
	ssize_t ret = read(queue, records, nr * sizeof(*records));

	return ret < 0 ? -errno : ret / (ssize_t)sizeof(*records);
}
