// SPDX-License-Identifier: GPL-2.0-only
/*
 * An NVMe disk in the second-level guest, driven by the kernel.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iommu/lib/test_env.h"
#include "inner.h"

#define DISK "/dev/nvme0n1"
#define SERIAL "/sys/block/nvme0n1/device/serial"
/* As the machine of the first-level guest has it */
#define SERIAL_VALUE "harness"
#define CHUNK (256UL << 10)
#define CHUNKS 8
/* What the first-level guest looks for afterwards, at the start of the disk */
#define GREETING "written by the second-level guest\n"

/* The node is there before its driver is ready, and a while after it has gone. */
static bool nvme_present(void)
{
	int disk = open(DISK, O_RDONLY | O_CLOEXEC);
	char byte;
	bool readable = read(disk, &byte, 1) == 1;

	close(disk);
	return readable;
}

static bool serial_matches(void)
{
	char serial[64] = "";
	FILE *file = fopen(SERIAL, "re");

	if (!file)
		return false;
	if (!fgets(serial, sizeof(serial), file))
		serial[0] = 0;
	fclose(file);
	return !strncmp(serial, SERIAL_VALUE, strlen(SERIAL_VALUE));
}

/* How often the message interrupts of the disk's I/O queues went off */
static unsigned long count_interrupts(void)
{
	unsigned long count, sum = 0;
	FILE *file = fopen("/proc/interrupts", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "PCI-MSI") && strstr(line, "nvme0q") &&
		    !strstr(line, "nvme0q0") && sscanf(line, " %*[^:]: %lu", &count) == 1)
			sum += count;
	if (file)
		fclose(file);
	return sum;
}

static void fill(char *chunk, unsigned int seed)
{
	memory_fill(chunk, CHUNK, seed);
	if (!(seed % CHUNKS))
		memcpy(chunk, GREETING, strlen(GREETING));
}

/* All is written before anything is read, past the page cache both ways. */
static bool blocks_come_back(unsigned int seed)
{
	char *chunk = memory_alloc(CHUNK), *expected = memory_alloc(CHUNK);
	int disk = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	bool good = disk >= 0;
	unsigned int i;

	for (i = 0; good && i < CHUNKS; i++) {
		fill(chunk, seed * CHUNKS + i);
		good = pwrite(disk, chunk, CHUNK, i * CHUNK) == CHUNK;
	}
	good = good && !fsync(disk);
	for (i = 0; good && i < CHUNKS; i++) {
		fill(expected, seed * CHUNKS + i);
		memset(chunk, 0xa5, CHUNK);
		good = pread(disk, chunk, CHUNK, i * CHUNK) == CHUNK &&
		       !memcmp(chunk, expected, CHUNK);
	}
	close(disk);
	memory_free(chunk, CHUNK);
	memory_free(expected, CHUNK);
	return good;
}

static void nvme_try(void)
{
	unsigned long before = count_interrupts();

	result(serial_matches(), "identity");
	/* A second time, so that what is on the disk is not what was there */
	result(blocks_come_back(1) && blocks_come_back(2), "blocks written and read");
	result(count_interrupts() >= before + 4 * CHUNKS, "MSI-X");
}

static void nvme_busy(void)
{
	unsigned int seed = 3;

	while (nvme_present() && blocks_come_back(seed))
		seed++;
}

const struct inner_driver inner_nvme = {
	.present = nvme_present,
	.try = nvme_try,
	.busy = nvme_busy,
};
