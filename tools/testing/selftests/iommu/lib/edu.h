/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's edu device through VFIO: a 4 KiB buffer, and an engine that copies
 * between it and the bus. Bus addresses have 28 bits, unless the emulator was
 * told otherwise.
 */
#ifndef __IOMMU_EDU_H
#define __IOMMU_EDU_H

#include "vfio_device.h"

/* The packaged emulator aborts on a transfer that fills the buffer. */
#define EDU_DMA_MAX 2048UL
#define EDU_BUFFER_SIZE 4096UL
#define EDU_BAR_SIZE 0x100000UL

struct edu {
	int device;
	void *registers;
};

/* Map the registers of an open device and let it master the bus. */
int edu_start(struct edu *edu, int device);
void edu_stop(struct edu *edu);
/*
 * The same for a device that has its group to itself, bound and attached to its
 * own IOAS. For need(): false if there is none
 */
bool edu_open_attached(struct edu *edu, struct bound_device *bound);
void edu_close(struct edu *edu, struct bound_device *bound);

/*
 * Copy @length bytes from @iova into the buffer at @offset, or back, and wait
 * until the device says that it is done, which it also says when the IOMMU
 * stopped the transfer. -ETIMEDOUT if it never does.
 */
int edu_dma_read(struct edu *edu, __u64 iova, __u32 offset, __u32 length);
int edu_dma_write(struct edu *edu, __u64 iova, __u32 offset, __u32 length);
/* edu_dma_write() with an interrupt at the end */
int edu_dma_write_interrupt(struct edu *edu, __u64 iova, __u32 offset,
			    __u32 length);
/* Raise an interrupt, without DMA. */
void edu_interrupt_raise(struct edu *edu);
/* Read and clear the interrupt status. */
__u32 edu_interrupt_ack(struct edu *edu);

/*
 * Does the device reach @memory at @iova? Both directions are tried, with the
 * first and last bytes of @length compared.
 */
bool edu_reaches(struct edu *edu, __u64 iova, void *memory, size_t length);

#endif
