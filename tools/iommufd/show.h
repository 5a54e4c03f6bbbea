/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFDSTAT_SHOW_H
#define __IOMMUFDSTAT_SHOW_H

#include <stdbool.h>
#include <stdio.h>

struct records;

void show_text(FILE *out, const struct records *records, bool brief);
void show_json(FILE *out, const struct records *records);

#endif
