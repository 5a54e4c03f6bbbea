// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"

#define EDU_ID 0x00
#define EDU_ID_VALUE 0x010000edU
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_DMA_START 0x1
#define EDU_DMA_TO_MEMORY 0x2
#define EDU_DMA_IRQ 0x4
#define EDU_BUFFER 0x40000

#define POLL_USEC 1000
#define POLL_MAX 60000

static __u32 edu_read(struct edu *edu, unsigned int where)
{
	return __atomic_load_n((__u32 *)((char *)edu->registers + where),
			       __ATOMIC_ACQUIRE);
}

static void edu_write(struct edu *edu, unsigned int where, __u32 value)
{
	__atomic_store_n((__u32 *)((char *)edu->registers + where), value,
			 __ATOMIC_RELEASE);
}

/* All of an address at once: each store of 32 bits would be the whole one. */
static void edu_write_address(struct edu *edu, unsigned int where,
			      __u64 address)
{
	if (address >> 32)
		__atomic_store_n((__u64 *)((char *)edu->registers + where),
				 address, __ATOMIC_RELEASE);
	else
		edu_write(edu, where, address);
}

int edu_start(struct edu *edu, int device)
{
	int ret;

	ret = vfio_map_registers(device, EDU_BAR_SIZE, &edu->registers);
	if (ret)
		return ret;
	edu->device = device;
	return edu_read(edu, EDU_ID) == EDU_ID_VALUE ? 0 : -ENODEV;
}

void edu_stop(struct edu *edu)
{
	munmap(edu->registers, EDU_BAR_SIZE);
}

bool edu_open_attached(struct edu *edu, struct bound_device *bound)
{
	const struct pci_device *pci;
	struct edu_list list;

	edu_list_read(&list);
	pci = edu_alone(&list, 0);
	if (!pci)
		return false;
	bound_device_open(bound, pci->bdf);
	must(vfio_attach_to(bound->device, bound->ioas_id));
	must(edu_start(edu, bound->device));
	return true;
}

void edu_close(struct edu *edu, struct bound_device *bound)
{
	edu_stop(edu);
	bound_device_close(bound);
}

static int edu_dma(struct edu *edu, __u64 src, __u64 dst, __u32 length,
		   __u32 command)
{
	unsigned int i;

	edu_write_address(edu, EDU_DMA_SRC, src);
	edu_write_address(edu, EDU_DMA_DST, dst);
	edu_write(edu, EDU_DMA_COUNT, length);
	edu_write(edu, EDU_DMA_CMD, EDU_DMA_START | command);
	for (i = 0; i < POLL_MAX; i++) {
		if (!(edu_read(edu, EDU_DMA_CMD) & EDU_DMA_START))
			return 0;
		usleep(POLL_USEC);
	}
	return -ETIMEDOUT;
}

int edu_dma_read(struct edu *edu, __u64 iova, __u32 offset, __u32 length)
{
	return edu_dma(edu, iova, EDU_BUFFER + offset, length, 0);
}

int edu_dma_write(struct edu *edu, __u64 iova, __u32 offset, __u32 length)
{
	return edu_dma(edu, EDU_BUFFER + offset, iova, length,
		       EDU_DMA_TO_MEMORY);
}

int edu_dma_write_interrupt(struct edu *edu, __u64 iova, __u32 offset,
			    __u32 length)
{
	return edu_dma(edu, EDU_BUFFER + offset, iova, length,
		       EDU_DMA_TO_MEMORY | EDU_DMA_IRQ);
}

void edu_interrupt_raise(struct edu *edu)
{
	edu_write(edu, EDU_IRQ_RAISE, 1);
}

__u32 edu_interrupt_ack(struct edu *edu)
{
	__u32 status = edu_read(edu, EDU_IRQ_STATUS);

	edu_write(edu, EDU_IRQ_ACK, status);
	return status;
}

/*
 * Pattern out, memory overwritten, pattern back: both directions have to hit
 * this memory for the pattern to be there again.
 */
static bool chunk_reached(struct edu *edu, __u64 iova, void *memory,
			  size_t length, unsigned int seed)
{
	memory_fill(memory, length, seed);
	if (edu_dma_read(edu, iova, 0, length))
		return false;
	memset(memory, 0xa5, length);
	if (edu_dma_write(edu, iova, 0, length))
		return false;
	return memory_matches(memory, length, seed);
}

bool edu_reaches(struct edu *edu, __u64 iova, void *memory, size_t length)
{
	size_t chunk = length < EDU_DMA_MAX ? length : EDU_DMA_MAX;
	static unsigned int seed;

	return chunk_reached(edu, iova, memory, chunk, ++seed) &&
	       chunk_reached(edu, iova + length - chunk,
			     (char *)memory + length - chunk, chunk, ++seed);
}
