/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mock IOMMU: devices that exist in memory only, drivers that reach what is
 * mapped with the CPU, and looks behind the interface. All of it is one call
 * that only a kernel with CONFIG_IOMMUFD_TEST has.
 */
#ifndef __IOMMU_MOCK_H
#define __IOMMU_MOCK_H

#include "../../../../../drivers/iommu/iommufd/iommufd_test.h"
#include "iommufd_calls.h"
#include "space.h"

#define MOCK_APERTURE ((__u64)MOCK_APERTURE_START)

/* A device that is bound and attached: @id destroys it */
struct mock {
	__u32 id;
	__u32 hwpt_id;
	__u32 dev_id;
};

/* Does the kernel have the call? For need() */
bool mock_exists(void);

/* Attached to an IOAS or a page table */
int mock_create(int iommufd, __u32 pt_id, struct mock *mock);
int mock_create_flags(int iommufd, __u32 pt_id, __u32 flags, struct mock *mock);
int mock_replace(int iommufd, struct mock *mock, __u32 pt_id);
/* Is the device in this page table, and how often was its table taken away? */
bool mock_is_in(int iommufd, const struct mock *mock, __u32 hwpt_id);
__u32 mock_gaps(int iommufd, const struct mock *mock);
/*
 * The IOMMU stops @nr transfers of the device, the first one at @iova and each a
 * page behind the one before. @flags are MOCK_DMA_FAULT_*. faults may be NULL: how
 * many it had since it was bound
 */
int mock_dma_fault(int iommufd, const struct mock *mock, __u64 iova, __u32 nr,
		   __u32 flags, __u32 pasid, __u64 *faults);
/* What was bound is bound to the same context once more. */
int mock_bind_again(int iommufd, const struct mock *mock);
/* An IOAS with a mock device attached; space_close() is enough in the end. */
void space_open_mock(struct space *space, struct mock *mock);

/* Keep mappings out of a range of an IOAS, for as long as that exists. */
int mock_reserve(int iommufd, __u32 ioas_id, __u64 start, __u64 length);
/* 0 when the page table translates the IOVA to this memory */
int mock_translates(int iommufd, __u32 hwpt_id, const void *memory,
		    __u64 length, __u64 iova);
/* Let a page table map no page at the one IOVA and unmap none at the other. */
#define MOCK_NOWHERE (~0ULL)
int mock_refuse(int iommufd, __u32 hwpt_id, __u64 map_iova, __u64 unmap_iova);
/*
 * The device writes through a page table: bit n of @bitmap for page n from @iova on.
 * How many of those pages are mapped, or a negative errno
 */
long mock_write(int iommufd, __u32 hwpt_id, __u64 iova, __u64 length,
		__u64 page_size, const void *bitmap);

/*
 * Unmap a range of an IOAS and look at the flushes of one of its page tables:
 * how many there are, the bytes of the largest, and how many tables are freed
 * with each of the first. 0 or a negative errno
 */
struct watched_unmap {
	__u32 flushes;
	__u64 longest;
	__u32 tables[TEST_FLUSHES_MAX];
};

int table_watch_unmap(int iommufd, __u32 hwpt_id, __u64 iova, __u64 length,
		      struct watched_unmap *watched);
/* 0 when each page is pinned that often; pages of larger ones do not count */
int mock_pinned(int iommufd, const void *memory, __u64 length, __u32 pins);

/* A driver that reaches memory; closing the descriptor that is returned ends it */
int access_create(int iommufd, __u32 ioas_id);
int access_create_pinning(int iommufd, __u32 ioas_id);
int access_move(int iommufd, int access, __u32 ioas_id);
/* The driver behind it makes a second access, in the context @iommufd. */
int access_create_again(int iommufd, int access);
/* The pages have to be those of @memory, unless it is NULL. item may be NULL. */
int access_pin(int iommufd, int access, __u64 iova, __u64 length,
	       const void *memory, __u32 flags, __u32 *item);
int access_unpin(int iommufd, int access, __u32 item);
int access_read(int iommufd, int access, __u64 iova, void *data, __u64 length);
int access_write(int iommufd, int access, __u64 iova, const void *data,
		 __u64 length);

#endif
