// SPDX-License-Identifier: GPL-2.0
/*
 * Let a PCI device read and write this program's memory.
 *
 * Usage: dma_to_user PCI-ADDRESS		for example 0000:00:03.0
 *
 * The device is QEMU's "edu" (1234:11e8), bound to vfio-pci. It can copy
 * between its own 4 KiB buffer and any bus address below 256 MiB, and raise an
 * interrupt afterwards. The program goes through everything that a driver in
 * user space does, in order: main() at the end is the table of contents.
 *
 * Each line of output is something that was checked. The first surprise ends
 * the program with an explanation and exit status 1.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#define EDU_ID 0x00
#define EDU_ID_VALUE 0x010000edU
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_DMA_START 0x1
#define EDU_DMA_TO_MEMORY 0x2
#define EDU_DMA_IRQ 0x4
#define EDU_BUFFER 0x40000
#define EDU_BAR_SIZE 0x100000

#define COOKIE 0xed0c00c1eULL
#define IOVA 0x1000000ULL
#define LENGTH 2048
#define WAIT_MS 10000
#define FAULT_MS 2000

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define say(what, fmt, ...) printf("ok  %-10s " fmt "\n", what, ##__VA_ARGS__)

/* Why the last call on a file was refused, where the kernel tells that. */
static void print_reason(int fd)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "last-error:", 11))
			fputs(line, stderr);
	fclose(file);
}

/* A call on @fd that has to work did not. */
static void __attribute__((__noreturn__)) refused(int fd, const char *call)
{
	int error = errno;

	print_reason(fd);
	errno = error;
	err(1, "%s", call);
}

/* The name below vfio-dev is also the name of the character device. */
static int open_device(const char *bdf, char *path, size_t size)
{
	unsigned int major_nr, minor_nr;
	char sysfs[256], line[32] = "";
	struct dirent *entry;
	struct stat st;
	FILE *file;
	DIR *dir;
	int fd;

	snprintf(sysfs, sizeof(sysfs), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(sysfs);
	if (!dir)
		errx(1, "%s: %s; is %s bound to vfio-pci?", sysfs,
		     strerror(errno), bdf);
	do {
		entry = readdir(dir);
		if (!entry)
			errx(1, "%s is empty", sysfs);
	} while (strncmp(entry->d_name, "vfio", 4));
	snprintf(path, size, "/dev/vfio/devices/%.32s", entry->d_name);
	snprintf(sysfs + strlen(sysfs), sizeof(sysfs) - strlen(sysfs),
		 "/%.32s/dev", entry->d_name);
	closedir(dir);

	file = fopen(sysfs, "r");
	if (!file || !fgets(line, sizeof(line), file) ||
	    sscanf(line, "%u:%u", &major_nr, &minor_nr) != 2)
		errx(1, "%s does not hold a device number", sysfs);
	fclose(file);

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "open %s", path);
	if (fstat(fd, &st) || st.st_rdev != makedev(major_nr, minor_nr))
		errx(1, "%s is not device %u:%u", path, major_nr, minor_nr);
	return fd;
}

static int open_iommufd(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "open /dev/iommu");
	return fd;
}

static void expect_einval(const char *what, int failed)
{
	if (!failed)
		errx(1, "%s worked on a device that is not bound", what);
	if (errno != EINVAL)
		errx(1, "%s before bind: %s instead of EINVAL", what,
		     strerror(errno));
}

static void refuse_before_bind(int device)
{
	static const struct {
		unsigned long request;
		const char *name;
	} calls[] = {
		{ VFIO_DEVICE_GET_INFO, "VFIO_DEVICE_GET_INFO" },
		{ VFIO_DEVICE_GET_REGION_INFO, "VFIO_DEVICE_GET_REGION_INFO" },
		{ VFIO_DEVICE_GET_IRQ_INFO, "VFIO_DEVICE_GET_IRQ_INFO" },
		{ VFIO_DEVICE_SET_IRQS, "VFIO_DEVICE_SET_IRQS" },
		{ VFIO_DEVICE_RESET, "VFIO_DEVICE_RESET" },
		{ VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		  "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO" },
		{ VFIO_DEVICE_PCI_HOT_RESET, "VFIO_DEVICE_PCI_HOT_RESET" },
		{ VFIO_DEVICE_IOEVENTFD, "VFIO_DEVICE_IOEVENTFD" },
		{ VFIO_DEVICE_FEATURE, "VFIO_DEVICE_FEATURE" },
		{ VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		  "VFIO_DEVICE_ATTACH_IOMMUFD_PT" },
		{ VFIO_DEVICE_DETACH_IOMMUFD_PT,
		  "VFIO_DEVICE_DETACH_IOMMUFD_PT" },
	};
	const unsigned int count = ARRAY_SIZE(calls);
	__u32 arg[64] = { sizeof(arg) };
	unsigned int i;

	expect_einval("read", read(device, arg, 4) < 0);
	expect_einval("write", write(device, arg, 4) < 0);
	expect_einval("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, device,
				   0) == MAP_FAILED);
	for (i = 0; i < count; i++)
		expect_einval(calls[i].name,
			      ioctl(device, calls[i].request, arg) < 0);
	say("refused", "read, write, mmap and %u ioctls: EINVAL before bind",
	    count);
}

static __u32 bind_device(int device, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_DEVICE_BIND_FLAG_COOKIE,
		.iommufd = iommufd,
		.dev_cookie = COOKIE,
	};

	if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		refused(device, "VFIO_DEVICE_BIND_IOMMUFD");
	return bind.out_devid;
}

static void find_by_cookie(int iommufd, __u32 device_id)
{
	struct iommu_device_find find = {
		.size = sizeof(find),
		.dev_cookie = COOKIE,
	};

	if (ioctl(iommufd, IOMMU_DEVICE_FIND, &find))
		refused(iommufd, "IOMMU_DEVICE_FIND");
	if (find.out_dev_id != device_id)
		errx(1, "cookie %#llx found device %u instead of %u", COOKIE,
		     find.out_dev_id, device_id);
	say("find", "cookie %#llx is device %u", COOKIE, find.out_dev_id);
}

static void show_iommu(int iommufd, __u32 device_id)
{
	struct iommu_hw_info_vtd vtd = { 0 };
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = device_id,
		.data_len = sizeof(vtd),
		.data_uptr = (uintptr_t)&vtd,
	};

	if (ioctl(iommufd, IOMMU_GET_HW_INFO, &info))
		refused(iommufd, "IOMMU_GET_HW_INFO");
	if (info.out_data_type == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		say("iommu", "Intel VT-d, cap %#llx, ecap %#llx",
		    (unsigned long long)vtd.cap_reg,
		    (unsigned long long)vtd.ecap_reg);
	else
		say("iommu", "data type %u with %u bytes", info.out_data_type,
		    info.data_len);
}

static __u32 alloc_ioas(int iommufd)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		refused(iommufd, "IOMMU_IOAS_ALLOC");
	say("ioas", "I/O address space %u", alloc.out_ioas_id);
	return alloc.out_ioas_id;
}

static void attach(int device, __u32 ioas_id)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = ioas_id,
	};

	if (ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		refused(device, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	say("attach", "device uses I/O address space %u through page table %u",
	    ioas_id, attach.pt_id);
}

static void detach(int device)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
	};

	if (ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach))
		refused(device, "VFIO_DEVICE_DETACH_IOMMUFD_PT");
	say("detach", "device reaches nothing");
}

static void map(int iommufd, __u32 ioas_id, void *memory, size_t length)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas_id,
		.user_va = (uintptr_t)memory,
		.length = length,
		.iova = IOVA,
	};

	if (ioctl(iommufd, IOMMU_IOAS_MAP, &map))
		refused(iommufd, "IOMMU_IOAS_MAP");
	say("map", "memory %p is I/O address %#llx, %zu bytes", memory,
	    (unsigned long long)map.iova, length);
}

static void unmap(int iommufd, __u32 ioas_id, size_t length)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas_id,
		.iova = IOVA,
		.length = length,
	};

	if (ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap))
		refused(iommufd, "IOMMU_IOAS_UNMAP");
	if (unmap.length != length)
		errx(1, "unmapped %llu bytes instead of %zu",
		     (unsigned long long)unmap.length, length);
	say("unmap", "I/O address %#llx, %zu bytes", IOVA, length);
}

static struct vfio_region_info region(int device, unsigned int index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO(%u)", index);
	return info;
}

/* A device that may not master the bus cannot start a DMA transfer. */
static void enable_dma(int device)
{
	off_t where = region(device, CONFIG).offset + PCI_COMMAND;
	__u16 command;

	if (pread(device, &command, sizeof(command), where) != sizeof(command))
		err(1, "read of the command register");
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(device, &command, sizeof(command), where) != sizeof(command))
		err(1, "write of the command register");
	say("enable", "command register %#06x: memory and bus master", command);
}

static __u32 edu_read(void *edu, unsigned int reg)
{
	return __atomic_load_n((__u32 *)(edu + reg), __ATOMIC_ACQUIRE);
}

static void edu_write(void *edu, unsigned int reg, __u32 value)
{
	__atomic_store_n((__u32 *)(edu + reg), value, __ATOMIC_RELEASE);
}

static void *map_registers(int device)
{
	struct vfio_region_info bar = region(device, BAR0);
	void *edu;

	if (bar.size != EDU_BAR_SIZE)
		errx(1, "BAR 0 has %llu bytes, this is no edu device",
		     (unsigned long long)bar.size);
	edu = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		   bar.offset);
	if (edu == MAP_FAILED)
		err(1, "mmap of BAR 0");
	if (edu_read(edu, EDU_ID) != EDU_ID_VALUE)
		errx(1, "identification %#x instead of %#x",
		     edu_read(edu, EDU_ID), EDU_ID_VALUE);
	say("registers", "BAR 0, %llu KiB, identification %#x",
	    (unsigned long long)bar.size / 1024, edu_read(edu, EDU_ID));
	return edu;
}

static int enable_interrupt(int device)
{
	union {
		struct vfio_irq_set set;
		__u8 bytes[sizeof(struct vfio_irq_set) + sizeof(__s32)];
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
	};
	__s32 event = eventfd(0, EFD_CLOEXEC);

	if (event < 0)
		err(1, "eventfd");
	memcpy(arg.set.data, &event, sizeof(event));
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, &arg))
		refused(device, "VFIO_DEVICE_SET_IRQS");
	say("msi", "the interrupt signals eventfd %d", event);
	return event;
}

static void wait_for_interrupt(void *edu, int event)
{
	struct pollfd pollfd = { .fd = event, .events = POLLIN };
	__u32 status;
	__u64 count;

	if (poll(&pollfd, 1, WAIT_MS) != 1)
		errx(1, "no interrupt within %d s", WAIT_MS / 1000);
	if (read(event, &count, sizeof(count)) != sizeof(count))
		err(1, "read of the eventfd");
	status = edu_read(edu, EDU_IRQ_STATUS);
	edu_write(edu, EDU_IRQ_ACK, status);
	say("interrupt", "eventfd counts %llu, interrupt status %#x",
	    (unsigned long long)count, status);
}

static void start_dma(void *edu, __u32 src, __u32 dst, __u32 command)
{
	edu_write(edu, EDU_DMA_SRC, src);
	edu_write(edu, EDU_DMA_DST, dst);
	edu_write(edu, EDU_DMA_COUNT, LENGTH);
	edu_write(edu, EDU_DMA_CMD, EDU_DMA_START | command);
}

static void wait_for_dma(void *edu)
{
	int ms;

	for (ms = 0; edu_read(edu, EDU_DMA_CMD) & EDU_DMA_START; ms++) {
		if (ms == WAIT_MS)
			errx(1, "the transfer is not over after %d s",
			     WAIT_MS / 1000);
		usleep(1000);
	}
}

static void dma_out_and_back(void *edu, __u8 *memory, int event)
{
	unsigned int i;

	for (i = 0; i < LENGTH; i++)
		memory[i] = i * 7 + i / 256;
	start_dma(edu, IOVA, EDU_BUFFER, 0);
	wait_for_dma(edu);
	say("dma out", "device read %u bytes of our memory", LENGTH);

	start_dma(edu, EDU_BUFFER, IOVA + LENGTH,
		  EDU_DMA_TO_MEMORY | EDU_DMA_IRQ);
	wait_for_interrupt(edu, event);
	wait_for_dma(edu);
	if (memcmp(memory, memory + LENGTH, LENGTH))
		errx(1, "what came back differs from what went out");
	say("dma back", "device wrote %u bytes beside them: identical", LENGTH);
}

static void dma_is_stopped(void *edu, __u8 *memory)
{
	unsigned int i;

	memset(memory, 0x5a, LENGTH);
	start_dma(edu, EDU_BUFFER, IOVA, EDU_DMA_TO_MEMORY);
	wait_for_dma(edu);
	for (i = 0; i < LENGTH; i++)
		if (memory[i] != 0x5a)
			errx(1, "byte %u of the unmapped memory changed", i);
	say("stopped",
	    "device wrote to the unmapped address: memory unchanged");
}

/* From now on the kernel writes down what the IOMMU stops. */
static int watch_faults(int iommufd)
{
	struct iommu_dma_fault_queue queue = {
		.size = sizeof(queue),
		.depth = 64,
	};

	if (ioctl(iommufd, IOMMU_DMA_FAULT_QUEUE, &queue))
		refused(iommufd, "IOMMU_DMA_FAULT_QUEUE");
	say("watch", "queue %u of DMA faults", queue.out_queue_id);
	return queue.out_queue_fd;
}

static void show_fault(int faults)
{
	struct pollfd pollfd = { .fd = faults, .events = POLLIN };
	struct iommu_dma_fault fault;

	/* An IOMMU that tells does so at once; the driver of AMD-Vi does not. */
	if (poll(&pollfd, 1, FAULT_MS) != 1) {
		say("fault", "none is told by this IOMMU");
		return;
	}
	if (read(faults, &fault, sizeof(fault)) != sizeof(fault))
		err(1, "read of the queue of DMA faults");
	if (!(fault.flags & IOMMU_DMA_FAULT_COOKIE) || fault.cookie != COOKIE)
		errx(1, "the fault is of device %u", fault.dev_id);
	say("fault", "cookie %#llx: %s at I/O address %#llx, %llu more lost",
	    (unsigned long long)fault.cookie,
	    fault.flags & IOMMU_DMA_FAULT_WRITE ? "write" :
	    fault.flags & IOMMU_DMA_FAULT_READ ? "read" : "transfer",
	    (unsigned long long)fault.iova, (unsigned long long)fault.lost);
}

static void bind_in_second_process(const char *bdf)
{
	char path[64];
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		int device = open_device(bdf, path, sizeof(path));
		__u32 id = bind_device(device, open_iommufd());

		say("next", "process %d bound %s as device %u", getpid(), path,
		    id);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "a second process could not bind");
}

int main(int argc, char **argv)
{
	const size_t length = 2 * LENGTH;
	void *edu;
	int device, iommufd, faults, event;
	__u32 device_id, ioas_id;
	__u8 *memory;
	char path[64];

	setlinebuf(stdout);
	if (argc != 2) {
		fprintf(stderr, "usage: %s PCI-ADDRESS\n", argv[0]);
		return 2;
	}

	device = open_device(argv[1], path, sizeof(path));
	say("open", "%s is %s", argv[1], path);
	refuse_before_bind(device);

	iommufd = open_iommufd();
	device_id = bind_device(device, iommufd);
	say("bind", "device %u of /dev/iommu, cookie %#llx", device_id, COOKIE);
	find_by_cookie(iommufd, device_id);
	show_iommu(iommufd, device_id);
	faults = watch_faults(iommufd);

	ioas_id = alloc_ioas(iommufd);
	attach(device, ioas_id);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	map(iommufd, ioas_id, memory, length);

	edu = map_registers(device);
	enable_dma(device);
	event = enable_interrupt(device);
	dma_out_and_back(edu, memory, event);

	unmap(iommufd, ioas_id, length);
	dma_is_stopped(edu, memory);
	show_fault(faults);

	detach(device);
	munmap(edu, EDU_BAR_SIZE);
	close(event);
	close(faults);
	close(device);
	close(iommufd);
	say("close", "device and /dev/iommu");
	bind_in_second_process(argv[1]);
	printf("done\n");
	return 0;
}
