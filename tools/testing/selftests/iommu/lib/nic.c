// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nic.h"

#define NIC_BAR_SIZE 0x20000UL

#define NIC_CONTROL 0x0000
#define NIC_CONTROL_RESET 0x4000000
#define NIC_STATUS 0x0008
#define NIC_CAUSES 0x00c0
#define NIC_CAUSES_ON 0x00d0
#define NIC_CAUSES_OFF 0x00d8
#define NIC_SEND 0x0400
#define NIC_SEND_ON 0x2
#define NIC_RING_LOW 0x3800
#define NIC_RING_HIGH 0x3804
#define NIC_RING_LENGTH 0x3808
#define NIC_RING_HEAD 0x3810
#define NIC_RING_TAIL 0x3818

/* A descriptor was written back. */
#define NIC_CAUSE_SENT 0x1

#define NIC_SEND_LAST 0x1
#define NIC_SEND_REPORT 0x8
#define NIC_SENT_DONE 0x1

#define DESCRIPTORS 8
/* Behind the ring, in the same page */
#define PACKET 2048
#define PACKET_LENGTH 64

#define POLL_USEC 1000
#define POLL_MAX 60000

struct nic_descriptor {
	__u64 address;
	__u16 length;
	__u8 checksum;
	__u8 command;
	__u8 status;
	__u8 checksum_start;
	__u16 special;
};

static __u32 nic_read(struct nic *nic, unsigned int where)
{
	return __atomic_load_n((__u32 *)((char *)nic->registers + where),
			       __ATOMIC_ACQUIRE);
}

static void nic_write(struct nic *nic, unsigned int where, __u32 value)
{
	__atomic_store_n((__u32 *)((char *)nic->registers + where), value,
			 __ATOMIC_RELEASE);
}

int nic_start(struct nic *nic, int device)
{
	nic->device = device;
	return vfio_map_registers(device, NIC_BAR_SIZE, &nic->registers);
}

void nic_stop(struct nic *nic)
{
	munmap(nic->registers, NIC_BAR_SIZE);
}

static void ring_set(struct nic *nic, __u64 iova)
{
	nic_write(nic, NIC_SEND, 0);
	nic_write(nic, NIC_RING_LOW, iova);
	nic_write(nic, NIC_RING_HIGH, iova >> 32);
	nic_write(nic, NIC_RING_LENGTH,
		  DESCRIPTORS * sizeof(struct nic_descriptor));
	nic_write(nic, NIC_RING_HEAD, 0);
	nic_write(nic, NIC_RING_TAIL, 0);
	nic_write(nic, NIC_SEND, NIC_SEND_ON);
}

/* One packet that nobody receives */
bool nic_reaches(struct nic *nic, __u64 iova, void *memory)
{
	struct nic_descriptor *descriptor = memory;
	unsigned int i;

	memset(memory, 0, NIC_MEMORY);
	descriptor->address = htole64(iova + PACKET);
	descriptor->length = htole16(PACKET_LENGTH);
	descriptor->command = NIC_SEND_LAST | NIC_SEND_REPORT;
	ring_set(nic, iova);
	nic_write(nic, NIC_RING_TAIL, 1);
	/* It takes the descriptor also when the IOMMU gives it none. */
	for (i = 0; i < POLL_MAX && nic_read(nic, NIC_RING_HEAD) != 1; i++)
		usleep(POLL_USEC);
	return __atomic_load_n(&descriptor->status, __ATOMIC_ACQUIRE) &
	       NIC_SENT_DONE;
}

/*
 * Nothing is pending afterwards. The reset also stops the timer that spaces
 * interrupts: QEMU 7.2 aborts if that ends after a native driver enabled MSI-X.
 */
void nic_interrupt(struct nic *nic, bool on)
{
	nic_write(nic, NIC_CAUSES_OFF, ~0U);
	nic_write(nic, NIC_CAUSES, nic_read(nic, NIC_CAUSES));
	nic_write(nic, NIC_CONTROL, NIC_CONTROL_RESET);
	if (on)
		nic_write(nic, NIC_CAUSES_ON, NIC_CAUSE_SENT);
}

__u32 nic_status(struct nic *nic)
{
	return nic_read(nic, NIC_STATUS);
}
