// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "test_env.h"

long must_succeed(long ret, const char *call, const char *file, int line)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "# %s:%d: %s: %s\n", file, line, call, strerror(-ret));
	abort();
}

long errno_of(long ret)
{
	return ret < 0 ? -errno : ret;
}

__u64 page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

bool env_is_complete(void)
{
	const char *value = getenv("IOMMUFD_TEST_ALL");

	return value && strcmp(value, "0");
}

static void *map_private(size_t length, int protection)
{
	void *memory = mmap(NULL, length, protection,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory == MAP_FAILED ? -errno : 0);
	return memory;
}

void *memory_alloc(size_t length)
{
	return map_private(length, PROT_READ | PROT_WRITE);
}

void memory_free(void *memory, size_t length)
{
	must(errno_of(munmap(memory, length)));
}

void *memory_hole(size_t length)
{
	void *memory = map_private(length, PROT_NONE);

	memory_free(memory, length);
	return memory;
}

/* Taken from the machine in another order than the file's. */
int file_scattered(size_t size)
{
	int file = must(errno_of(memfd_create("memory", MFD_CLOEXEC)));
	size_t pages = size / PAGE_SIZE, i;

	must(errno_of(ftruncate(file, size)));
	for (i = 0; i < pages; i++)
		must(errno_of(pwrite(file, &i, sizeof(i),
				     i * 1021 % pages * PAGE_SIZE)));
	return file;
}

void *memory_repeated(int file, size_t size, size_t length)
{
	uintptr_t start = (uintptr_t)map_private(length + size, PROT_NONE);
	char *memory = (char *)((start + size - 1) & -size);
	size_t done;

	for (done = 0; done < length; done += size)
		if (mmap(memory + done, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
			must(-errno);
	return memory;
}

void *memory_readonly_copy(const void *data, size_t length)
{
	void *memory = memory_alloc(length);

	memcpy(memory, data, length);
	must(errno_of(mprotect(memory, length, PROT_READ)));
	return memory;
}

int file_read(const char *path, char *text, size_t size)
{
	int fd = errno_of(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t length;

	if (fd < 0)
		return fd;
	length = errno_of(read(fd, text, size - 1));
	close(fd);
	if (length < 0)
		return length;
	text[length] = '\0';
	return 0;
}

int file_write(const char *path, const char *text)
{
	int fd = errno_of(open(path, O_WRONLY | O_CLOEXEC));
	ssize_t length;

	if (fd < 0)
		return fd;
	length = errno_of(write(fd, text, strlen(text)));
	close(fd);
	return length < 0 ? length : 0;
}

static __u8 pattern(size_t i, unsigned int seed)
{
	return (i + seed) * 2654435761u >> 24;
}

void memory_fill(void *memory, size_t length, unsigned int seed)
{
	__u8 *bytes = memory;
	size_t i;

	for (i = 0; i < length; i++)
		bytes[i] = pattern(i, seed);
}

bool memory_matches(const void *memory, size_t length, unsigned int seed)
{
	const __u8 *bytes = memory;
	size_t i;

	for (i = 0; i < length; i++)
		if (bytes[i] != pattern(i, seed))
			return false;
	return true;
}

static unsigned long status_pages(const char *format)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kilobytes = 0;
	bool found = false;
	char line[128];

	must(status ? 0 : -errno);
	while (!found && fgets(line, sizeof(line), status))
		found = sscanf(line, format, &kilobytes) == 1;
	fclose(status);
	must(found ? 0 : -ENODATA);
	return kilobytes * 1024 / PAGE_SIZE;
}

unsigned long pages_pinned(void)
{
	return status_pages("VmPin: %lu kB");
}

unsigned long pages_locked(void)
{
	return status_pages("VmLck: %lu kB");
}

/* Of ZONE_MOVABLE, of which every node may have a part */
struct movable {
	unsigned long start, pages;
};

#define NODES_MAX 8

static unsigned int movable_zones(struct movable *zones)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	char line[128], zone[16] = "";
	unsigned int count = 0;

	must(file ? 0 : -errno);
	while (count < NODES_MAX && fgets(line, sizeof(line), file)) {
		struct movable *part = &zones[count];

		if (sscanf(line, "Node %*d, zone %15s", zone) == 1 ||
		    strcmp(zone, "Movable") ||
		    sscanf(line, " spanned %lu", &part->pages) == 1)
			continue;
		if (sscanf(line, " start_pfn: %lu", &part->start) == 1 &&
		    part->pages)
			count++;
	}
	fclose(file);
	return count;
}

bool movable_zone_exists(void)
{
	struct movable zones[NODES_MAX];

	return movable_zones(zones) > 0;
}

unsigned long page_frame(const void *memory)
{
	int pagemap = must(errno_of(open("/proc/self/pagemap", O_RDONLY)));
	__u64 entry;

	must(errno_of(pread(pagemap, &entry, sizeof(entry),
			    (uintptr_t)memory / PAGE_SIZE * sizeof(entry))));
	must(errno_of(close(pagemap)));
	return entry & ((1ULL << 55) - 1);
}

unsigned long pages_in_movable_zone(const void *memory, size_t length)
{
	struct movable zones[NODES_MAX];
	unsigned int count = movable_zones(zones), i;
	unsigned long pages = 0;
	size_t offset;

	for (offset = 0; offset < length; offset += PAGE_SIZE) {
		unsigned long frame = page_frame((char *)memory + offset);

		for (i = 0; i < count; i++)
			pages += frame - zones[i].start < zones[i].pages;
	}
	return pages;
}

/* Each processor counts on its own until it is told to add up. */
static unsigned long machine_count(const char *format)
{
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "r");
	unsigned long value = 0;
	bool found = false;
	char line[128];

	must(file ? 0 : -errno);
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	file = fopen("/proc/vmstat", "r");
	must(file ? 0 : -errno);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, format, &value) == 1;
	fclose(file);
	must(found ? 0 : -ENODATA);
	return value;
}

unsigned long machine_pins_ever(void)
{
	return machine_count("nr_foll_pin_acquired %lu");
}

unsigned long machine_pins(void)
{
	unsigned long released = machine_count("nr_foll_pin_released %lu");

	return machine_pins_ever() - released;
}

void drop_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	must(errno_of(syscall(SYS_capget, &header, data)));
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	must(errno_of(syscall(SYS_capset, &header, data)));
}

void limit_locked_pages(unsigned long pages)
{
	struct rlimit limit;

	drop_capability(CAP_IPC_LOCK);
	must(errno_of(getrlimit(RLIMIT_MEMLOCK, &limit)));
	limit.rlim_cur = pages * PAGE_SIZE;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	must(errno_of(setrlimit(RLIMIT_MEMLOCK, &limit)));
}

void become_limited(uid_t user, unsigned long pages)
{
	limit_locked_pages(pages);
	must(errno_of(setresuid(user, user, user)));
	/* Otherwise /proc/self belongs to root from now on. */
	must(errno_of(prctl(PR_SET_DUMPABLE, 1)));
}

/* The number of a process is as good as any, and no other test has it now. */
void become_limited_user(unsigned long pages)
{
	become_limited(100000 + getpid(), pages);
}

static __thread __u64 random_state;

void random_seed(__u64 seed)
{
	random_state = seed ? seed : 1;
}

__u64 random_start(const char *name)
{
	const char *value = getenv(name);
	__u64 seed;

	seed = value ? strtoull(value, NULL, 0) :
		       time(NULL) * 1000003ULL + getpid();
	random_seed(seed);
	printf("# %s=%llu\n", name, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* xorshift64*, Vigna 2016 */
__u64 random_below(__u64 limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717ULL % limit;
}

#define PREEMPTION "/sys/kernel/debug/sched/preempt"

/* "none voluntary (full)": the one in use */
int preemption_get(char *mode, size_t size)
{
	char text[64], *start, *end;
	int ret;

	ret = file_read(PREEMPTION, text, sizeof(text));
	if (ret)
		return ret;
	start = strchr(text, '(');
	end = strchr(text, ')');
	if (!start || !end)
		return -EINVAL;
	*end = '\0';
	snprintf(mode, size, "%s", start + 1);
	return 0;
}

bool preemption_is_everywhere(void)
{
	char text[8];

	return !file_read("/sys/kernel/realtime", text, sizeof(text)) &&
	       text[0] == '1';
}

int preemption_set(const char *mode)
{
	return file_write(PREEMPTION, mode);
}

bool interrupts_name(const char *what)
{
	FILE *file = fopen("/proc/interrupts", "r");
	bool found = false;
	char line[512];

	must(file ? 0 : -errno);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, what);
	fclose(file);
	return found;
}
