/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs as text, a step a line:
 *
 *	open_iommu >iommu0
 *	ioas_alloc iommu0 out_ioas_id>ioas1
 *	1| ioas_map iommu0 flags=0x7 ioas_id=ioas1 user_va=private+0x1000 iova=0x0>iova0 fail=3
 *
 * First the lane, unless it is 0, then the call, the file it is made on, and the fields that
 * are not as they mostly are. An empty line ends a program, and what follows a # is not read.
 */
#ifndef __IOMMU_FUZZ_TEXT_H
#define __IOMMU_FUZZ_TEXT_H

#include <stdio.h>

#include "program.h"

/* Into @text of TEXT_MAX bytes */
void text_write(const struct program *program, char *text);
/* One that has the values a field mostly has */
void text_default(struct step *step, const struct call *call);
/* Return: false at the end of the file; a line that is no step is told, counted and left out. */
bool text_read(struct program *program, FILE *file);
extern unsigned int text_mistakes;

/*
 * On standard output, each line after @mark. > is before a program is run, + before one that
 * is kept, ! before one that found something: the host looks for these.
 */
void text_print(const struct program *program, char mark);

#endif
