/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a process, by its address there.
 */
#ifndef __IOMMUFD_PROCESS_MEMORY_H
#define __IOMMUFD_PROCESS_MEMORY_H

#include <linux/types.h>

struct ledger;
struct user_memory;

struct user_memory *process_memory_create(unsigned long address, bool writable,
					  struct ledger *ledger);

#endif
