// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's edu in the second-level guest. VFIO without an IOMMU gives this program its
 * registers and its interrupt; its bus addresses are the guest's physical ones.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommu/lib/edu.h"
#include "inner.h"

#define PATIENCE_MS 60000
#define DMA_BYTES (4UL << 20)
#define SEED 4711
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_FRAME ((1ULL << 55) - 1)
#define EDU_IRQ_DMA 0x100

struct opened_edu {
	int container;
	int group;
	int device;
	struct edu edu;
};

static bool open_device(struct opened_edu *opened)
{
	struct edu_list list;
	char path[64];

	*opened = (struct opened_edu){ .container = -1, .group = -1, .device = -1 };
	if (edu_list_read(&list) < 1)
		return false;
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", list.devices[0].group);
	opened->container = vfio_container_open();
	opened->group = open(path, O_RDWR | O_CLOEXEC);
	if (vfio_group_set_container(opened->group, opened->container) ||
	    ioctl(opened->container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU))
		return false;
	opened->device = vfio_group_device(opened->group, list.devices[0].bdf);
	return opened->device >= 0;
}

static void close_device(struct opened_edu *opened)
{
	close(opened->device);
	close(opened->group);
	close(opened->container);
}

/* sysfs names the driver of a device before the driver is done with it. */
static bool edu_present(void)
{
	struct opened_edu opened;
	bool usable = open_device(&opened);

	close_device(&opened);
	return usable;
}

/* 0 for an address that has no memory */
static __u64 bus_address(const void *memory)
{
	__u64 entry = 0;
	int pagemap;

	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	pread(pagemap, &entry, sizeof(entry), (uintptr_t)memory / PAGE_SIZE * sizeof(entry));
	close(pagemap);
	return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME) * PAGE_SIZE : 0;
}

static bool reaches(struct edu *edu, void *page)
{
	__u64 address = bus_address(page);

	return address && edu_reaches(edu, address, page, PAGE_SIZE);
}

/* A write by the device that ends with an interrupt, which has to arrive */
static bool interrupts(struct edu *edu, void *page)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct pollfd wait = { .fd = event, .events = POLLIN };
	bool good;

	good = !vfio_irq_to_eventfd(edu->device, VFIO_PCI_MSI_IRQ_INDEX, event) &&
	       !edu_dma_write_interrupt(edu, bus_address(page), 0, EDU_DMA_MAX) &&
	       poll(&wait, 1, PATIENCE_MS) == 1 && edu_interrupt_ack(edu) == EDU_IRQ_DMA;
	close(event);
	return good;
}

static void edu_try(void)
{
	struct opened_edu opened;
	char *memory;

	memory = memory_alloc(DMA_BYTES);
	memory_fill(memory, DMA_BYTES, SEED);
	if (open_device(&opened) && !edu_start(&opened.edu, opened.device)) {
		result(true, "identity");
		result(reaches(&opened.edu, memory) &&
		       reaches(&opened.edu, memory + DMA_BYTES - PAGE_SIZE), "DMA both ways");
		result(interrupts(&opened.edu, memory), "MSI");
		edu_stop(&opened.edu);
	} else {
		result(false, "identity");
	}
	close_device(&opened);
	memory_free(memory, DMA_BYTES);
}

/* Transfers, until the kernel asks for the device */
static void edu_busy(void)
{
	struct pollfd request = { .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN };
	struct opened_edu opened;
	void *page = memory_alloc(PAGE_SIZE);

	memory_fill(page, PAGE_SIZE, SEED);
	if (open_device(&opened) && !edu_start(&opened.edu, opened.device)) {
		vfio_irq_to_eventfd(opened.device, VFIO_PCI_REQ_IRQ_INDEX, request.fd);
		while (!poll(&request, 1, 0) && reaches(&opened.edu, page))
			;
		edu_stop(&opened.edu);
	}
	close_device(&opened);
	close(request.fd);
	memory_free(page, PAGE_SIZE);
}

const struct inner_driver inner_edu = {
	.present = edu_present,
	.try = edu_try,
	.busy = edu_busy,
};
