/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Make a program smaller for as long as it does what it is there for.
 */
#ifndef __IOMMU_FUZZ_REDUCE_H
#define __IOMMU_FUZZ_REDUCE_H

#include "program.h"

/* @still runs the program and tells whether it does. */
void reduce(struct program *program, bool (*still)(const struct program *program));

#endif
