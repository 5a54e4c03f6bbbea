/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bound device as the source of DMA faults.
 */
#ifndef __IOMMUFD_DMA_FAULT_SOURCE_H
#define __IOMMUFD_DMA_FAULT_SOURCE_H

#include <linux/atomic.h>
#include <linux/iommu-dma-fault.h>
#include <linux/types.h>

struct device;
struct iommufd_ctx;

/**
 * struct dma_fault_source - the part of a device that an interrupt may find
 * @listener: is told of its faults
 * @ictx: the context; this and the following are immutable while it is told
 * @dev_id: number of the device
 * @has_cookie: the user chose a name for it
 * @cookie: which
 * @nr_faults: how many there were, whether or not anybody reads them
 */
struct dma_fault_source {
	struct iommu_fault_listener listener;
	struct iommufd_ctx *ictx;
	u32 dev_id;
	bool has_cookie;
	u64 cookie;
	atomic64_t nr_faults;
};

int dma_fault_source_init(struct dma_fault_source *source, struct device *dev);
void dma_fault_source_free(struct dma_fault_source *source);
void dma_fault_source_start(struct dma_fault_source *source,
			    struct iommufd_ctx *ictx, u32 dev_id,
			    const u64 *cookie);
void dma_fault_source_stop(struct dma_fault_source *source);

#endif
