// SPDX-License-Identifier: GPL-2.0
/*
 * What a program does to itself between the calls of the interface: files are opened, closed,
 * duplicated and sent, memory changes, limits are set, a device does DMA.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/edu.h"
#include "../lib/memory_file.h"
#include "table.h"
#include "world.h"

static long run_open_iommu(const struct step *step, const __u64 *values)
{
	return iommufd_open();
}

static long run_open_container(const struct step *step, const __u64 *values)
{
	return vfio_container_open();
}

static long run_open_cdev(const struct step *step, const __u64 *values)
{
	if (values[1] >= world_devices.count)
		return -ENODEV;
	return errno_of(open(world_devices.list[values[1]].node, O_RDWR | O_CLOEXEC));
}

static long run_open_group(const struct step *step, const __u64 *values)
{
	if (values[1] >= world_devices.count)
		return -ENODEV;
	return vfio_group_open(world_devices.list[values[1]].group);
}

static long run_open_memfd(const struct step *step, const __u64 *values)
{
	int file = errno_of(memfd_create("fuzz", MFD_ALLOW_SEALING | values[1]));

	if (file >= 0 && ftruncate(file, values[2]))
		return -errno;
	return file;
}

static long run_open_event(const struct step *step, const __u64 *values)
{
	return errno_of(eventfd(0, 0));
}

/* Neither what is no program's nor standard output is closed. */
static bool file_is_ours(__u64 file)
{
	return file > (__u64)world_socket(true) && file < 0x10000;
}

static long run_close(const struct step *step, const __u64 *values)
{
	return file_is_ours(values[1]) ? errno_of(close(values[1])) : -EBADF;
}

/* Into the slot beside it */
static long run_duplicate(const struct step *step, const __u64 *values)
{
	const struct value *file = &step->values[0];
	int copy;

	if (!base_is_file(file->base) || !file_is_ours(values[1]))
		return -EBADF;
	copy = errno_of(dup(values[1]));
	if (copy >= 0)
		world_set(file->base, file->index ^ 1, copy);
	return copy;
}

/* A message with one file in it, or room for one */
struct file_message {
	struct msghdr header;
	struct iovec data;
	char byte;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
};

static void message_prepare(struct file_message *message)
{
	memset(message, 0, sizeof(*message));
	message->data.iov_base = &message->byte;
	message->data.iov_len = 1;
	message->header.msg_iov = &message->data;
	message->header.msg_iovlen = 1;
	message->header.msg_control = message->control.room;
	message->header.msg_controllen = sizeof(message->control.room);
}

static long run_send(const struct step *step, const __u64 *values)
{
	struct file_message message;
	struct cmsghdr *part;

	message_prepare(&message);
	part = CMSG_FIRSTHDR(&message.header);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &(int){ values[1] }, sizeof(int));
	return errno_of(sendmsg(world_socket(false), &message.header, MSG_DONTWAIT));
}

/* Whatever it is, it goes where the value says. */
static long run_receive(const struct step *step, const __u64 *values)
{
	const struct value *slot = &step->values[0];
	struct file_message message;
	struct cmsghdr *part;
	int file;

	if (!base_is_file(slot->base))
		return -EBADF;
	message_prepare(&message);
	if (recvmsg(world_socket(true), &message.header, MSG_DONTWAIT) < 0)
		return -errno;
	part = CMSG_FIRSTHDR(&message.header);
	if (!part || part->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&file, CMSG_DATA(part), sizeof(file));
	world_set(slot->base, slot->index, file);
	return file;
}

/* Pages of an area of memory: what the values name, as far as it is inside one */
struct pages {
	char *start;
	size_t length;
};

static struct pages pages_of(const struct value *value, __u64 length)
{
	struct pages pages = { 0 };
	size_t size, offset;

	if (value->base < BASE_FIRST_MEMORY || value->base >= BASE_REGISTERS)
		return pages;
	size = world_area_size(value->base);
	offset = value->number % size & -PAGE_SIZE;
	pages.start = (char *)world_area(value->base) + offset;
	pages.length = (length % (size - offset) & -PAGE_SIZE) ?: PAGE_SIZE;
	return pages;
}

static long run_unmap_memory(const struct step *step, const __u64 *values)
{
	struct pages pages = pages_of(&step->values[0], values[2]);

	return pages.start ? errno_of(munmap(pages.start, pages.length)) : -EFAULT;
}

static long run_map_memory(const struct step *step, const __u64 *values)
{
	struct pages pages = pages_of(&step->values[0], values[2]);
	void *memory;

	if (!pages.start)
		return -EFAULT;
	memory = mmap(pages.start, pages.length, values[3] & 3,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return memory == MAP_FAILED ? -errno : 0;
}

static long run_protect_memory(const struct step *step, const __u64 *values)
{
	struct pages pages = pages_of(&step->values[0], values[2]);

	return pages.start ? errno_of(mprotect(pages.start, pages.length, values[3] & 3)) :
			     -EFAULT;
}

static long run_discard_memory(const struct step *step, const __u64 *values)
{
	struct pages pages = pages_of(&step->values[0], values[2]);

	return pages.start ? errno_of(madvise(pages.start, pages.length, MADV_DONTNEED)) :
			     -EFAULT;
}

static long run_truncate(const struct step *step, const __u64 *values)
{
	return errno_of(ftruncate(values[0], values[1] % (4 * AREA_SIZE)));
}

static long run_punch(const struct step *step, const __u64 *values)
{
	return errno_of(fallocate(values[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  values[1] % AREA_SIZE, PAGE_SIZE));
}

static long run_seal(const struct step *step, const __u64 *values)
{
	return errno_of(fcntl(values[0], F_ADD_SEALS, values[1]));
}

static long run_limit_pages(const struct step *step, const __u64 *values)
{
	limit_locked_pages(values[1]);
	return 0;
}

static long run_map_registers(const struct step *step, const __u64 *values)
{
	struct vfio_region_info bar;
	void *memory;
	int ret;

	ret = vfio_region(values[0], VFIO_PCI_BAR0_REGION_INDEX, &bar);
	if (!ret)
		ret = vfio_bus_master(values[0]);
	if (ret)
		return ret;
	memory = mmap(world_area(BASE_REGISTERS), REGISTERS_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, values[0], bar.offset);
	return memory == MAP_FAILED ? -errno : 0;
}

/*
 * The registers may be anybody's or nobody's by now, and to touch them then is a signal: so
 * they are mapped anew. What the device may not reach the IOMMU stops; what it may not and
 * does anyway is found when the page is used again.
 */
static long run_dma(const struct step *step, const __u64 *values)
{
	struct edu edu;
	int ret;

	ret = edu_start(&edu, values[0]);
	if (ret)
		return ret;
	ret = values[2] & 1 ? edu_dma_write(&edu, values[1], 0, 64) :
			      edu_dma_read(&edu, values[1], 0, 64);
	edu_stop(&edu);
	return ret;
}

/* Of a file that has nothing to read one would wait for ever. */
static long run_read(const struct step *step, const __u64 *values)
{
	char data[1024];

	if (fcntl(values[0], F_SETFL, O_NONBLOCK))
		return -errno;
	return errno_of(read(values[0], data, values[1] % sizeof(data)));
}

static long run_poll(const struct step *step, const __u64 *values)
{
	struct pollfd polled = { .fd = values[0], .events = POLLIN };

	return errno_of(poll(&polled, 1, 0));
}

static long run_yield(const struct step *step, const __u64 *values)
{
	return errno_of(sched_yield());
}

#define OPEN(_name, _run, _result, ...)                                                       \
	{ .name = _name, .run = _run, .result = _result, .fields = FIELDS(__VA_ARGS__) }
#define DO(_name, _run, ...) { .name = _name, .run = _run, .fields = FIELDS(__VA_ARGS__) }
#define ON(_target, _name, _run, ...)                                                         \
	{ .name = _name, .target = _target, .run = _run, .fields = FIELDS(__VA_ARGS__) }

#define MEMORY(_name, _run)                                                                   \
	DO(_name, _run, PARAMETER(memory, 0, KIND_MEMORY), PARAMETER(length, 1, KIND_LENGTH), \
	   PARAMETER(protection, 2, KIND_BELOW, .number = 4))

const struct call process_calls[] = {
	OPEN("open_iommu", run_open_iommu, BASE_IOMMU, { }),
	OPEN("open_cdev", run_open_cdev, BASE_CDEV,
	     PARAMETER(device, 0, KIND_BELOW, .number = DEVICES_MAX)),
	OPEN("open_group", run_open_group, BASE_GROUP,
	     PARAMETER(device, 0, KIND_BELOW, .number = DEVICES_MAX)),
	OPEN("open_container", run_open_container, BASE_CONTAINER, { }),
	OPEN("open_memfd", run_open_memfd, BASE_MEMFD, PARAMETER(flags, 0, KIND_ZERO),
	     PARAMETER(size, 1, KIND_FIXED, .number = AREA_SIZE)),
	OPEN("open_event", run_open_event, BASE_EVENT, { }),
	DO("close", run_close, PARAMETER(file, 0, KIND_FILE)),
	DO("duplicate", run_duplicate, PARAMETER(file, 0, KIND_FILE)),
	DO("send", run_send, PARAMETER(file, 0, KIND_FILE)),
	DO("receive", run_receive, PARAMETER(slot, 0, KIND_FILE)),
	MEMORY("unmap_memory", run_unmap_memory),
	MEMORY("map_memory", run_map_memory),
	MEMORY("protect_memory", run_protect_memory),
	MEMORY("discard_memory", run_discard_memory),
	ON(BASE_MEMFD, "truncate", run_truncate, PARAMETER(size, 0, KIND_LENGTH)),
	ON(BASE_MEMFD, "punch", run_punch, PARAMETER(start, 0, KIND_LENGTH)),
	ON(BASE_MEMFD, "seal", run_seal, PARAMETER(seals, 0, KIND_FLAGS, .number = 0x1f)),
	DO("limit_pages", run_limit_pages, PARAMETER(pages, 0, KIND_BELOW, .number = 40)),
	ON(BASE_CDEV, "map_registers", run_map_registers, { }),
	ON(BASE_CDEV, "dma", run_dma, PARAMETER(iova, 0, KIND_IOVA),
	   PARAMETER(write, 1, KIND_BELOW, .number = 2)),
	ON(BASE_QUEUE, "read", run_read, PARAMETER(length, 0, KIND_BELOW, .number = 256)),
	ON(BASE_QUEUE, "poll", run_poll, { }),
	DO("yield", run_yield, { }),
	{ }
};
