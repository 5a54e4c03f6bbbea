/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA that an IOMMU stopped, told to whoever owns the device.
 *
 * An IOMMU driver reports a fault by what the hardware says: the requester ID. A
 * listener has all IDs that requests of its device can bear. So no driver looks
 * for a device in an interrupt.
 */
#ifndef __LINUX_IOMMU_DMA_FAULT_H
#define __LINUX_IOMMU_DMA_FAULT_H

#include <linux/types.h>

struct device;
struct iommu_device;
struct iommu_fault_id;

/**
 * struct iommu_fault_report - one transfer that was stopped, for good
 * @iova: its address, or that of its page
 * @pasid: with @has_pasid: of which address space of the device
 * @has_pasid: the request had one
 * @read: from memory
 * @write: to memory; neither where the IOMMU does not say which
 * @of_group: not for the driver to set: another device of the group has requests
 *            with this ID, too
 */
struct iommu_fault_report {
	u64 iova;
	u32 pasid;
	bool has_pasid;
	bool read;
	bool write;
	bool of_group;
};

/**
 * struct iommu_fault_listener - who is told of the faults of a device
 * @report: one of them. Called in an interrupt or not, with a raw spinlock held;
 *          not any more once iommu_fault_listener_stop() has returned
 * @iommu: private: behind which the device is
 * @nr_ids: private: how many IDs
 * @ids: private: that the device's requests can bear
 */
struct iommu_fault_listener {
	void (*report)(struct iommu_fault_listener *listener,
		       const struct iommu_fault_report *report);
	struct iommu_device *iommu;
	unsigned int nr_ids;
	struct iommu_fault_id *ids;
};

#ifdef CONFIG_IOMMU_DMA_FAULT

int iommu_fault_listener_init(struct iommu_fault_listener *listener,
			      struct device *dev);
void iommu_fault_listener_free(struct iommu_fault_listener *listener);
void iommu_fault_listener_start(struct iommu_fault_listener *listener);
void iommu_fault_listener_stop(struct iommu_fault_listener *listener);

bool iommu_dma_fault_wanted(void);
void iommu_report_dma_fault(struct iommu_device *iommu, u32 requester,
			    const struct iommu_fault_report *report);

#else

static inline bool iommu_dma_fault_wanted(void)
{
	return false;
}

static inline void
iommu_report_dma_fault(struct iommu_device *iommu, u32 requester,
		       const struct iommu_fault_report *report)
{
}

#endif
#endif
