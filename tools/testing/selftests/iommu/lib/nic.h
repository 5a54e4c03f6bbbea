/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's e1000e network card through VFIO, as far as it takes to see DMA: it
 * reads a descriptor from memory and writes back that it is done. Unlike edu it
 * has power states.
 */
#ifndef __IOMMU_NIC_H
#define __IOMMU_NIC_H

#include "vfio_device.h"

/* What nic_reaches() needs of memory */
#define NIC_MEMORY 4096UL

struct nic {
	int device;
	void *registers;
};

/* Map the registers of an open device and let it master the bus. */
int nic_start(struct nic *nic, int device);
void nic_stop(struct nic *nic);

/* Does the device read @memory at @iova, and write there? */
bool nic_reaches(struct nic *nic, __u64 iova, void *memory);
/* Let it interrupt whenever it is done, or no more. */
void nic_interrupt(struct nic *nic, bool on);
/* A register that any access by the CPU reads */
__u32 nic_status(struct nic *nic);

#endif
