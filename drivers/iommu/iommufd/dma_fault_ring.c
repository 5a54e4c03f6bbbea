// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of DMA faults as data: no object, no lock.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "dma_fault_ring.h"

int dma_fault_ring_init(struct dma_fault_ring *ring, u32 depth)
{
	ring->records = kvcalloc(depth, sizeof(*ring->records),
				 GFP_KERNEL_ACCOUNT);
	if (!ring->records)
		return -ENOMEM;
	ring->depth = depth;
	return 0;
}

void dma_fault_ring_free(struct dma_fault_ring *ring)
{
	kvfree(ring->records);
}

static struct iommu_dma_fault *ring_at(struct dma_fault_ring *ring, u32 index)
{
	return &ring->records[(ring->first + index) % ring->depth];
}

/* Return: false when it was only counted. */
bool dma_fault_ring_add(struct dma_fault_ring *ring,
			const struct iommu_dma_fault *record)
{
	if (ring->nr_records == ring->depth) {
		ring_at(ring, ring->nr_records - 1)->lost++;
		return false;
	}
	*ring_at(ring, ring->nr_records++) = *record;
	return true;
}

/* The oldest one goes to @record. Return: false when there is none. */
bool dma_fault_ring_take(struct dma_fault_ring *ring,
			 struct iommu_dma_fault *record)
{
	if (!ring->nr_records)
		return false;
	*record = *ring_at(ring, 0);
	ring->first = (ring->first + 1) % ring->depth;
	ring->nr_records--;
	return true;
}
