/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MAPPING_REMOVAL_H
#define __IOMMUFD_MAPPING_REMOVAL_H

#include <linux/types.h>

struct list_head;
struct mapped_space;
struct mapped_table;
struct mapping;

int mapping_remove_range(struct mapped_space *space, u64 start, u64 last,
			 u64 *removed);

/* For who fills tables */
void mapping_unmap(struct mapped_space *space, struct mapped_table *table,
		   struct mapping *mapping, u64 length);
bool mappings_set_stuck_aside(struct mapped_space *space,
			      struct list_head *mappings);
void mappings_claim_stuck(struct mapped_space *space,
			  struct list_head *mappings);

#endif
