/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers with a printable seed, checks, allocations that can fail. */
#ifndef IOMMUFD_TEST_H
#define IOMMUFD_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t seed, state;
/* The allocation that fails next, counted down; 0 for none. */
static unsigned int fail_in;

static inline void test_seed(void)
{
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 0) : 0x1009fd;
	state = seed;
}

/* xorshift64*, Vigna 2016 */
static inline uint64_t test_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t random_below(uint64_t limit)
{
	return test_random() % limit;
}

void *test_alloc(size_t size)
{
	if (fail_in && !--fail_in)
		return NULL;
	return malloc(size);
}

#define CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "%s:%d: %s is wrong, SEED=%#llx\n", \
				__FILE__, __LINE__, #condition,		\
				(unsigned long long)seed);		\
			abort();					\
		}							\
	} while (0)

#endif
