/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which places of the kernel a program reached, as KCOV tells. Only those of the interface's
 * own files are instrumented, see the Makefile of the harness. Without KCOV nothing is new.
 */
#ifndef __IOMMU_FUZZ_COVERAGE_H
#define __IOMMU_FUZZ_COVERAGE_H

#include <stdbool.h>

/* Places that no program before reached, as numbers */
#define FRESH_MAX 8192

struct fresh {
	unsigned int count;
	unsigned int places[FRESH_MAX];
};

/* Once, before the first program. Return: is there KCOV? */
bool coverage_open(void);
void coverage_reset(void);
/* What this thread does from here on counts, for one thread of each lane at a time. */
void coverage_begin(unsigned int lane);
void coverage_end(unsigned int lane);

/* What the last program reached beyond the others; coverage_take() makes it one of them. */
void coverage_read(struct fresh *fresh);
void coverage_take(const struct fresh *fresh);
/* Places that were taken */
unsigned int coverage_total(void);

#endif
