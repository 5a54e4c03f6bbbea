/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of DMA faults in the order in which they came, as many as there is room
 * for. What finds no room is counted in the newest of them.
 *
 * With room for 3, where each letter is a fault:
 *
 *	A B C		A: lost 0, B: lost 0, C: lost 0
 *	A B C (D E)	A: lost 0, B: lost 0, C: lost 2
 *	B C F		after A was taken out, and F came: C still says 2
 *
 * A fault is lost only when there are records, so there is always one to count in,
 * and whoever has read them all knows of all.
 */
#ifndef __IOMMUFD_DMA_FAULT_RING_H
#define __IOMMUFD_DMA_FAULT_RING_H

#include <linux/types.h>

struct iommu_dma_fault;

/**
 * struct dma_fault_ring - the records; whoever has it keeps calls apart
 * @records: room for @depth of them
 * @depth: 1 or more
 * @first: index of the oldest
 * @nr_records: how many there are
 */
struct dma_fault_ring {
	struct iommu_dma_fault *records;
	u32 depth;
	u32 first;
	u32 nr_records;
};

int dma_fault_ring_init(struct dma_fault_ring *ring, u32 depth);
void dma_fault_ring_free(struct dma_fault_ring *ring);
bool dma_fault_ring_add(struct dma_fault_ring *ring,
			const struct iommu_dma_fault *record);
bool dma_fault_ring_take(struct dma_fault_ring *ring,
			 struct iommu_dma_fault *record);

#endif
