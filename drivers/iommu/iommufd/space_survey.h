/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a space has mapped, pinned and charged. Nobody counts while memory is
 * mapped: it is counted when somebody asks.
 */
#ifndef __IOMMUFD_SPACE_SURVEY_H
#define __IOMMUFD_SPACE_SURVEY_H

#include <linux/types.h>

#include "memory_charge.h"

struct mapped_space;

/**
 * struct space_survey - what there is
 * @nr_mappings: how many
 * @mapped: bytes that they cover
 * @pinned: pages that are kept in place; one that two mappings have counts twice
 * @charged: how many of them count against a limit
 * @large: bytes of those pinned that lie so that every table can have large pages
 *         for them
 * @large_size: the smallest of these pages; 0 for none
 * @has_tables: something translates what is mapped
 * @payer: who is charged
 */
struct space_survey {
	u64 nr_mappings;
	u64 mapped;
	u64 pinned;
	u64 charged;
	u64 large;
	u64 large_size;
	bool has_tables;
	struct memory_payer payer;
};

void space_survey_make(struct mapped_space *space, struct space_survey *survey);
void space_survey_end(struct space_survey *survey);

#endif
