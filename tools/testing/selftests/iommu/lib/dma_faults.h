/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mock device, and the queue of the DMA faults of its context.
 */
#ifndef __IOMMU_DMA_FAULTS_H
#define __IOMMU_DMA_FAULTS_H

#include "mock.h"

#define DMA_FAULT_SIZE sizeof(struct iommu_dma_fault)

struct dma_faults {
	struct space space;
	struct mock mock;
	/* space.iommufd, for short */
	int iommufd;
	/* -1 when it is closed */
	int queue;
	__u32 queue_id;
};

void dma_faults_open(struct dma_faults *faults, __u32 depth);
void dma_faults_close(struct dma_faults *faults);
/* The file alone, and the number */
void dma_faults_close_queue(struct dma_faults *faults);
int dma_faults_destroy_queue(struct dma_faults *faults);
/* Reads of the device from @iova on are stopped, a page apart. */
void dma_faults_make(struct dma_faults *faults, __u64 iova, __u32 nr);

/* Reads of the queue do not wait. */
void dma_fault_queue_nonblocking(int queue);
bool dma_fault_queue_is_readable(int queue);

#endif
