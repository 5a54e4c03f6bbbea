/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a program finds when it begins: areas of memory of every kind, the devices of the
 * machine, and empty slots.
 */
#ifndef __IOMMU_FUZZ_WORLD_H
#define __IOMMU_FUZZ_WORLD_H

#include "program.h"

#define AREA_SIZE (16 * 4096UL)
#define HUGE_SIZE 0x200000UL
#define REGISTERS_SIZE 0x100000UL
#define DEVICES_MAX 8

/* A device that vfio-pci drives */
struct real_device {
	char bdf[16];
	/* its character device */
	char node[64];
	int group;
};

struct world_devices {
	struct real_device list[DEVICES_MAX];
	unsigned int count;
};

extern struct world_devices world_devices;

/* Once, before the first program: what processes share, and which devices there are */
void world_prepare(void);
/* In the process of a program, before its first step */
void world_open(void);
/* After its last one: all that it has open or mapped */
void world_close(void);

__u64 world_resolve(const struct value *value, const void *argument);
/* Slots; an empty one has a number that names nothing. */
__u64 world_get(enum base base, unsigned int index);
void world_set(enum base base, unsigned int index, __u64 number);

/* An area of memory, and its size */
void *world_area(enum base base);
size_t world_area_size(enum base base);

/* The sockets by which files are sent, one to write and one to read */
int world_socket(bool reading);

/* What each step answered, in whichever process it ran: 0 or more, or a negative errno */
void world_note(unsigned int step, long answer);
long world_noted(unsigned int step);

#endif
