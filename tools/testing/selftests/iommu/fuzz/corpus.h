/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs that are kept, since each reached what no other before it did.
 */
#ifndef __IOMMU_FUZZ_CORPUS_H
#define __IOMMU_FUZZ_CORPUS_H

#include "program.h"

/* As many as there is room for; it tells those that do not fit. */
void corpus_add(const struct program *program);
/* By chance, into @program. Return: false when there is none */
bool corpus_pick(struct program *program);
unsigned int corpus_count(void);

#endif
