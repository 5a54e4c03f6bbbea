/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MAPPING_FILL_H
#define __IOMMUFD_MAPPING_FILL_H

#include <linux/types.h>

struct list_head;
struct mapped_space;
struct mapped_table;
struct mapping;

int mapping_fill_table(struct mapped_space *space, struct mapped_table *table,
		       struct mapping *mapping, u64 *mapped);
int mappings_fill(struct mapped_space *space, struct list_head *mappings);
int mappings_clear(struct mapped_space *space, struct list_head *mappings);
void mappings_release(struct mapped_space *space, struct list_head *mappings);

#endif
