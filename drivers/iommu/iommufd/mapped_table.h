/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MAPPED_TABLE_H
#define __IOMMUFD_MAPPED_TABLE_H

struct mapped_space;
struct mapped_table;

int mapped_table_add(struct mapped_space *space, struct mapped_table *table);
void mapped_table_remove(struct mapped_space *space,
			 struct mapped_table *table);

#endif
