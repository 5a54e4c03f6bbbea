/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values for a field, by chance.
 */
#ifndef __IOMMU_FUZZ_VALUES_H
#define __IOMMU_FUZZ_VALUES_H

#include "program.h"

/* Once in @n times */
bool chance(unsigned int n);

/* Slots of each base that the first @nr_steps steps of a program fill: a bit for each */
struct slots {
	__u8 filled[BASES];
};

void slots_read(struct slots *slots, const struct program *program, unsigned int nr_steps);

/* A slot of that base, mostly one that is filled */
struct value value_slot(const struct slots *slots, enum base base);
struct value value_of_field(const struct slots *slots, const struct field *field);

#endif
