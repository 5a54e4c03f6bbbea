// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bound device as the source of DMA faults.
 *
 * It is one from its bind on, not only while it is attached: what a device does
 * that has no table is stopped as well, and its owner wants to know. So an attach
 * and a replace have nothing to do here, and no fault is lost while one of them
 * goes on.
 */
#include <linux/ktime.h>
#include <uapi/linux/iommufd.h>

#include "context.h"
#include "dma_fault_queue.h"
#include "dma_fault_source.h"
#include "trace.h"

static u32 record_flags(const struct dma_fault_source *source,
			const struct iommu_fault_report *report)
{
	u32 flags = 0;

	if (report->read)
		flags |= IOMMU_DMA_FAULT_READ;
	if (report->write)
		flags |= IOMMU_DMA_FAULT_WRITE;
	if (report->has_pasid)
		flags |= IOMMU_DMA_FAULT_PASID;
	if (report->of_group)
		flags |= IOMMU_DMA_FAULT_GROUP;
	if (source->has_cookie)
		flags |= IOMMU_DMA_FAULT_COOKIE;
	return flags;
}

/* Any context, also an interrupt */
static void source_report(struct iommu_fault_listener *listener,
			  const struct iommu_fault_report *report)
{
	struct dma_fault_source *source =
		container_of(listener, struct dma_fault_source, listener);
	struct iommu_dma_fault record = {
		.flags = record_flags(source, report),
		.dev_id = source->dev_id,
		.cookie = source->cookie,
		.iova = report->iova,
		.time = ktime_get_ns(),
		.pasid = report->has_pasid ? report->pasid : 0,
	};

	atomic64_inc(&source->nr_faults);
	trace_end(iommufd_dma_fault, source->ictx->number, &record);
	dma_fault_queue_add(source->ictx, &record);
}

/**
 * dma_fault_source_init() - Prepare what a bound device needs
 * @source: zeroed
 * @dev: the device, in a group
 *
 * Return: 0, to be undone with dma_fault_source_free(); -ENOMEM.
 */
int dma_fault_source_init(struct dma_fault_source *source, struct device *dev)
{
	source->listener.report = source_report;
	return iommu_fault_listener_init(&source->listener, dev);
}

void dma_fault_source_free(struct dma_fault_source *source)
{
	iommu_fault_listener_free(&source->listener);
}

/* Faults come from now on, with these names of the device. Cannot fail. */
void dma_fault_source_start(struct dma_fault_source *source,
			    struct iommufd_ctx *ictx, u32 dev_id,
			    const u64 *cookie)
{
	source->ictx = ictx;
	source->dev_id = dev_id;
	source->has_cookie = cookie;
	source->cookie = cookie ? *cookie : 0;
	iommu_fault_listener_start(&source->listener);
}

/* None comes any more, and none is just being filed. */
void dma_fault_source_stop(struct dma_fault_source *source)
{
	iommu_fault_listener_stop(&source->listener);
}
