/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New programs, by chance: mostly ones whose values name what an earlier step made, lie near
 * what is mapped, and are permitted.
 */
#ifndef __IOMMU_FUZZ_GENERATE_H
#define __IOMMU_FUZZ_GENERATE_H

#include "program.h"

void generate_program(struct program *program);
/* Change it a little; @other is one that it may take steps from. */
void generate_mutation(struct program *program, const struct program *other);

#endif
