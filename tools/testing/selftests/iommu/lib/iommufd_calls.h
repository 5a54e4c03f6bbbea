/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every call of /dev/iommu in the form tests use: arguments spelled out, 0 or
 * a negative errno returned. must(call) is the asserting form.
 */
#ifndef __IOMMUFD_CALLS_H
#define __IOMMUFD_CALLS_H

#include <linux/iommufd.h>

#include "test_env.h"

#define MAP_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

/* /dev/iommu, or the node that the variable IOMMUFD_NODE names */
int iommufd_open(void);
/* Any call; the argument begins with its own size, already filled in. */
int iommufd_call(int iommufd, unsigned long request, void *arg);

int iommufd_destroy(int iommufd, __u32 id);
int ioas_alloc(int iommufd, __u32 *ioas_id);

/* In *count the room in ranges, out the number that exist */
int ioas_iova_ranges(int iommufd, __u32 ioas_id,
		     struct iommu_iova_range *ranges, __u32 *count,
		     __u64 *alignment);

/* The general form, and the common ones: readable and writeable */
int ioas_map_flags(int iommufd, __u32 ioas_id, __u32 flags, const void *memory,
		   __u64 length, __u64 *iova);
/* For addresses that no pointer can have, in a 32-bit program */
int ioas_map_address(int iommufd, __u32 ioas_id, __u32 flags, __u64 address,
		     __u64 length, __u64 *iova);
int ioas_map(int iommufd, __u32 ioas_id, const void *memory, __u64 length,
	     __u64 *iova);
int ioas_map_fixed(int iommufd, __u32 ioas_id, const void *memory, __u64 length,
		   __u64 iova);
/* unmapped may be NULL */
int ioas_unmap(int iommufd, __u32 ioas_id, __u64 iova, __u64 length,
	       __u64 *unmapped);
int ioas_unmap_all(int iommufd, __u32 ioas_id, __u64 *unmapped);

/* As the three forms of map */
int ioas_copy_flags(int iommufd, __u32 flags, __u32 dst_ioas_id, __u64 *dst_iova,
		    __u32 src_ioas_id, __u64 src_iova, __u64 length);
int ioas_copy(int iommufd, __u32 dst_ioas_id, __u64 *dst_iova,
	      __u32 src_ioas_id, __u64 src_iova, __u64 length);
int ioas_copy_fixed(int iommufd, __u32 dst_ioas_id, __u64 dst_iova,
		    __u32 src_ioas_id, __u64 src_iova, __u64 length);
int ioas_map_file_flags(int iommufd, __u32 ioas_id, __u32 flags, int fd,
			__u64 start, __u64 length, __u64 *iova);
int ioas_map_file(int iommufd, __u32 ioas_id, int fd, __u64 start, __u64 length,
		  __u64 *iova);
int ioas_map_file_fixed(int iommufd, __u32 ioas_id, int fd, __u64 start,
			__u64 length, __u64 iova);
int ioas_allow_iovas(int iommufd, __u32 ioas_id,
		     const struct iommu_iova_range *ranges, __u32 count);
int ioas_change_process(int iommufd);

/* Of the IOAS @object_id, or of the iommufd when that is 0 */
int option_get(int iommufd, __u32 option_id, __u32 object_id, __u64 *value);
int option_set(int iommufd, __u32 option_id, __u32 object_id, __u64 value);

int vfio_ioas_get(int iommufd, __u32 *ioas_id);
int vfio_ioas_set(int iommufd, __u32 ioas_id);
int vfio_ioas_clear(int iommufd);

int hwpt_alloc(int iommufd, __u32 dev_id, __u32 pt_id, __u32 *hwpt_id);
int hwpt_alloc_flags(int iommufd, __u32 flags, __u32 dev_id, __u32 pt_id,
		     __u32 *hwpt_id);
int hwpt_track(int iommufd, __u32 hwpt_id, bool enable);
/* A bit in @bitmap for each page of @page_size bytes; page 0 is at @iova */
int hwpt_dirty(int iommufd, __u32 hwpt_id, __u32 flags, __u64 iova,
	       __u64 length, __u64 page_size, void *bitmap);
/* In *length the room in data, out the length the kernel has */
int device_hw_info(int iommufd, __u32 dev_id, void *data, __u32 *length,
		   __u32 *type);
int device_find(int iommufd, __u64 cookie, __u32 *dev_id);

/* Return: the file; queue_id may be NULL */
int dma_fault_queue(int iommufd, __u32 depth, __u32 *queue_id);
/* Return: how many records of the @nr that fit were read */
int dma_fault_read(int queue, struct iommu_dma_fault *records, __u32 nr);

#endif
