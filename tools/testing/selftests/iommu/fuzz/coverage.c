// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kcov.h>

#include "coverage.h"
#include "program.h"
#include "../lib/test_env.h"

#define WORDS (64UL * 1024)
#define PLACES_BITS 20

/* Of each lane: the file, and the number of places with the places behind it */
static int files[LANES_MAX];
static __u64 *buffers[LANES_MAX];

static bool taken[1 << PLACES_BITS];
/* In which call of coverage_read() a place was seen last, so that it counts once */
static unsigned int seen[1 << PLACES_BITS];
static unsigned int reads, total;

static bool lane_open(unsigned int lane)
{
	void *buffer;

	files[lane] = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (files[lane] < 0)
		return false;
	must(errno_of(ioctl(files[lane], KCOV_INIT_TRACE, WORDS)));
	buffer = mmap(NULL, WORDS * sizeof(__u64), PROT_READ | PROT_WRITE, MAP_SHARED,
		      files[lane], 0);
	must(errno_of(buffer == MAP_FAILED ? -1 : 0));
	buffers[lane] = buffer;
	return true;
}

bool coverage_open(void)
{
	unsigned int lane;

	for (lane = 0; lane < LANES_MAX; lane++)
		if (!lane_open(lane))
			return false;
	return true;
}

void coverage_reset(void)
{
	unsigned int lane;

	for (lane = 0; lane < LANES_MAX; lane++)
		if (buffers[lane])
			__atomic_store_n(&buffers[lane][0], 0, __ATOMIC_RELAXED);
}

void coverage_begin(unsigned int lane)
{
	if (buffers[lane])
		ioctl(files[lane], KCOV_ENABLE, KCOV_TRACE_PC);
}

void coverage_end(unsigned int lane)
{
	if (buffers[lane])
		ioctl(files[lane], KCOV_DISABLE, 0);
}

static unsigned int place_of(__u64 address)
{
	return address * 0x9e3779b97f4a7c15ULL >> (64 - PLACES_BITS);
}

static void lane_read(struct fresh *fresh, const __u64 *buffer)
{
	__u64 i, count = __atomic_load_n(&buffer[0], __ATOMIC_RELAXED);

	for (i = 1; i <= count && i < WORDS; i++) {
		unsigned int place = place_of(buffer[i]);

		if (taken[place] || seen[place] == reads || fresh->count == FRESH_MAX)
			continue;
		seen[place] = reads;
		fresh->places[fresh->count++] = place;
	}
}

void coverage_read(struct fresh *fresh)
{
	unsigned int lane;

	fresh->count = 0;
	reads++;
	for (lane = 0; lane < LANES_MAX; lane++)
		if (buffers[lane])
			lane_read(fresh, buffers[lane]);
}

void coverage_take(const struct fresh *fresh)
{
	unsigned int i;

	for (i = 0; i < fresh->count; i++) {
		total += !taken[fresh->places[i]];
		taken[fresh->places[i]] = true;
	}
}

unsigned int coverage_total(void)
{
	return total;
}
