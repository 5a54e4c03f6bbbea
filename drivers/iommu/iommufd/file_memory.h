/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a file, by its offset there.
 */
#ifndef __IOMMUFD_FILE_MEMORY_H
#define __IOMMUFD_FILE_MEMORY_H

#include <linux/types.h>

struct file;
struct ledger;
struct user_memory;

struct user_memory *file_memory_create(struct file *file, u64 offset,
				       bool writable, struct ledger *ledger);

#endif
