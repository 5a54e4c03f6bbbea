/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program is run in a process of its own, which takes all that it leaves open with it.
 */
#ifndef __IOMMU_FUZZ_EXECUTE_H
#define __IOMMU_FUZZ_EXECUTE_H

#include "program.h"

/* Once, before the first program */
void execute_prepare(void);
/* Return: false when it had to be ended */
bool execute(const struct program *program);

#endif
