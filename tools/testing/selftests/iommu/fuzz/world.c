// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/vfio_device.h"
#include "world.h"

/* Names nothing, as an ID and as a descriptor */
#define SLOT_EMPTY 0x7ffff000

/* What the processes of a program share */
struct shared_world {
	__u64 numbers[BASE_FIRST_FILE][SLOTS_MAX];
	long answers[STEPS_MAX];
};

static struct shared_world *shared;
static int files[BASES][SLOTS_MAX];
static void *areas[BASES];
static int sockets[2];
/* What is opened for a program has numbers from here on. */
static int first_file;

struct world_devices world_devices;

static void *map(size_t length, int protection, int flags, int file)
{
	void *memory = mmap(NULL, length, protection, flags, file, 0);

	must(memory == MAP_FAILED ? -errno : 0);
	return memory;
}

static void devices_find(void)
{
	struct edu_list list;
	unsigned int i;

	if (edu_list_read(&list) <= 0)
		return;
	for (i = 0; i < list.count && world_devices.count < DEVICES_MAX; i++) {
		struct real_device *device = &world_devices.list[world_devices.count];
		char name[32];

		if (vfio_cdev_name(list.devices[i].bdf, name, sizeof(name)))
			continue;
		strcpy(device->bdf, list.devices[i].bdf);
		snprintf(device->node, sizeof(device->node), "/dev/vfio/devices/%s", name);
		device->group = list.devices[i].group;
		world_devices.count++;
	}
}

void world_prepare(void)
{
	shared = map(sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	devices_find();
}

static void slots_clear(void)
{
	unsigned int base, index;

	for (base = 0; base < BASES; base++)
		for (index = 0; index < SLOTS_MAX; index++)
			files[base][index] = SLOT_EMPTY;
	for (base = 0; base < BASE_FIRST_FILE; base++)
		for (index = 0; index < SLOTS_MAX; index++)
			shared->numbers[base][index] = SLOT_EMPTY;
	memset(shared->answers, 0, sizeof(shared->answers));
}

/* Aligned, so that it may become a huge page */
static void *huge_area(void)
{
	uintptr_t start = (uintptr_t)map(2 * HUGE_SIZE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	void *area = (void *)((start + HUGE_SIZE - 1) & -HUGE_SIZE);

	madvise(area, HUGE_SIZE, MADV_HUGEPAGE);
	return area;
}

static void areas_map(int file)
{
	const int rw = PROT_READ | PROT_WRITE;

	areas[BASE_PRIVATE] = map(AREA_SIZE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	areas[BASE_SHARED] = map(AREA_SIZE, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
	areas[BASE_READONLY] = map(AREA_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	areas[BASE_FILE_MEMORY] = map(AREA_SIZE, rw, MAP_SHARED, file);
	areas[BASE_HUGE] = huge_area();
	areas[BASE_REGISTERS] = map(REGISTERS_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	areas[BASE_HOLE] = memory_hole(AREA_SIZE);
	areas[BASE_KERNEL] = (void *)0xffff888000000000;
}

void world_open(void)
{
	int file;

	slots_clear();
	must(errno_of(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sockets)));
	first_file = sockets[0];
	file = must(errno_of(memfd_create("fuzz", MFD_ALLOW_SEALING)));
	must(errno_of(ftruncate(file, AREA_SIZE)));
	world_set(BASE_MEMFD, 0, file);
	areas_map(file);
}

void world_close(void)
{
	munmap(areas[BASE_REGISTERS], REGISTERS_SIZE);
	must(errno_of(syscall(SYS_close_range, first_file, ~0U, 0)));
}

int world_socket(bool reading)
{
	return sockets[reading];
}

void *world_area(enum base base)
{
	return areas[base];
}

size_t world_area_size(enum base base)
{
	switch (base) {
	case BASE_HUGE:
		return HUGE_SIZE;
	case BASE_REGISTERS:
		return REGISTERS_SIZE;
	default:
		return AREA_SIZE;
	}
}

/* Threads share the slots without a lock: either of two numbers is a good one. */
__u64 world_get(enum base base, unsigned int index)
{
	index %= SLOTS_MAX;
	if (base_is_file(base))
		return __atomic_load_n(&files[base][index], __ATOMIC_RELAXED);
	return __atomic_load_n(&shared->numbers[base][index], __ATOMIC_RELAXED);
}

void world_set(enum base base, unsigned int index, __u64 number)
{
	index %= SLOTS_MAX;
	if (base_is_file(base))
		__atomic_store_n(&files[base][index], number, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&shared->numbers[base][index], number, __ATOMIC_RELAXED);
}

__u64 world_resolve(const struct value *value, const void *argument)
{
	if (base_is_slot(value->base))
		return world_get(value->base, value->index) + value->number;
	if (value->base == BASE_ARG)
		return (uintptr_t)argument + value->number;
	return (uintptr_t)areas[value->base] + value->number;
}

void world_note(unsigned int step, long answer)
{
	shared->answers[step] = answer;
}

long world_noted(unsigned int step)
{
	return shared->answers[step];
}
