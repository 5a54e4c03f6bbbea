/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of DMA faults that a context may have, and that a program reads.
 */
#ifndef __IOMMUFD_DMA_FAULT_QUEUE_H
#define __IOMMUFD_DMA_FAULT_QUEUE_H

struct iommu_dma_fault;
struct iommufd_command;
struct iommufd_ctx;

void dma_fault_queue_add(struct iommufd_ctx *ictx,
			 const struct iommu_dma_fault *record);

int iommufd_dma_fault_queue(struct iommufd_command *command);

#endif
