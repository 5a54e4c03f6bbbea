/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An IOAS to map into, with or without a page table behind it. The two differ
 * in what a mapping does at once: without a table it is only written down,
 * with one the memory is pinned.
 */
#ifndef __IOMMU_SPACE_H
#define __IOMMU_SPACE_H

#include "vfio_device.h"

struct space {
	int iommufd;
	__u32 ioas_id;
	/* -1 without a table */
	int device;
};

/* Without a table */
void space_open(struct space *space);
/* With the table of a device that is attached */
void space_open_attached(struct space *space, const char *bdf);
/* The last one that is closed sees to it that no page is pinned any more. */
void space_close(struct space *space);

/*
 * Does RLIMIT_MEMLOCK still leave room for exactly @pages pages? Where
 * something was charged and not given back, it does not.
 */
bool space_locks_exactly(struct space *space, unsigned long pages);

#endif
