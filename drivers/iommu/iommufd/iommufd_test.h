/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of IOMMU_TEST_CMD, for tests only: it exists in a kernel that is
 * built with IOMMUFD_TEST, and may change with it.
 *
 * User space includes this file too. Each member of the union belongs to the
 * operations that are named beside it.
 */
#ifndef __IOMMUFD_TEST_H
#define __IOMMUFD_TEST_H

#include <linux/iommufd.h>
#include <linux/types.h>

enum iommu_test_op {
	IOMMU_TEST_OP_ADD_RESERVED = 1,
	IOMMU_TEST_OP_MOCK_DOMAIN = 2,
	IOMMU_TEST_OP_MD_CHECK_MAP = 3,
	IOMMU_TEST_OP_MD_CHECK_REFS = 4,
	IOMMU_TEST_OP_CREATE_ACCESS = 5,
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES = 6,
	IOMMU_TEST_OP_ACCESS_PAGES = 7,
	IOMMU_TEST_OP_ACCESS_RW = 8,
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT = 9,
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE = 10,
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS = 11,
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS = 12,
	IOMMU_TEST_OP_DIRTY = 13,
	IOMMU_TEST_OP_MD_CHECK_IOTLB = 14,
	IOMMU_TEST_OP_TRIGGER_IOPF = 15,
	IOMMU_TEST_OP_DEV_CHECK_CACHE = 16,
	/* Ours: what has an owner is bound once more, which has to fail */
	IOMMU_TEST_OP_BIND_AGAIN = 0x10000,
	IOMMU_TEST_OP_ACCESS_AGAIN = 0x10001,
	/* Ours: a page table that does not do as it is told */
	IOMMU_TEST_OP_MD_REFUSE = 0x10002,
	/* Ours: unmap a range, and look at the flushes of a page table */
	IOMMU_TEST_OP_WATCH_UNMAP = 0x10003,
	/* Ours: whether a device is in a page table, and was in none */
	IOMMU_TEST_OP_MD_LOOK = 0x10004,
	/* Ours: the IOMMU stops DMA of a device */
	IOMMU_TEST_OP_DMA_FAULT = 0x10005
};

/* WATCH_UNMAP tells that many flushes apart. */
#define TEST_FLUSHES_MAX 4

/* The mock IOMMU: what it translates, and in which units */
enum {
	MOCK_APERTURE_START = 1UL << 24,
	MOCK_APERTURE_LAST = (1UL << 31) - 1,
	MOCK_PAGE_SIZE = 2048,
	MOCK_HUGE_PAGE_SIZE = 512 * MOCK_PAGE_SIZE
};

enum {
	MOCK_FLAGS_ACCESS_WRITE = 1 << 0,
	MOCK_FLAGS_ACCESS_SYZ = 1 << 16
};

enum {
	MOCK_ACCESS_RW_WRITE = 1 << 0,
	MOCK_ACCESS_RW_SLOW_PATH = 1 << 2
};

enum {
	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES = 1 << 0
};

enum {
	MOCK_FLAGS_DEVICE_NO_DIRTY = 1 << 0,
	MOCK_FLAGS_DEVICE_HUGE_IOVA = 1 << 1,
	MOCK_FLAGS_DEVICE_PASID = 1 << 2,
	/* Not to be bound: no coherent caches, no isolated interrupts */
	MOCK_FLAGS_DEVICE_INCOHERENT = 1 << 16,
	MOCK_FLAGS_DEVICE_FREE_INTERRUPTS = 1 << 17,
	/* Tables have no pages as small as the CPU's */
	MOCK_FLAGS_DEVICE_LARGE_PAGES = 1 << 18,
	/* No table but the first can be attached */
	MOCK_FLAGS_DEVICE_ONE_TABLE = 1 << 19,
	/* In one group with all others that have this flag */
	MOCK_FLAGS_DEVICE_SHARE_GROUP = 1 << 20,
	/* It has no table while it goes from one to another */
	MOCK_FLAGS_DEVICE_NO_SWITCH = 1 << 21,
	/* Behind an IOMMU of its own, whose driver makes no domains for a device */
	MOCK_FLAGS_DEVICE_PLAIN_DRIVER = 1 << 22,
	/* Its requests look like those of all others that have this flag */
	MOCK_FLAGS_DEVICE_SHARE_ID = 1 << 23
};

#define MOCK_PASID_WIDTH 20

enum {
	MOCK_DMA_FAULT_WRITE = 1 << 0,
	MOCK_DMA_FAULT_PASID = 1 << 1
};

enum {
	MOCK_NESTED_DOMAIN_IOTLB_ID_MAX = 3,
	MOCK_NESTED_DOMAIN_IOTLB_NUM = 4
};

enum {
	MOCK_DEV_CACHE_ID_MAX = 3,
	MOCK_DEV_CACHE_NUM = 4
};

#define IOMMU_TEST_DEV_CACHE_DEFAULT 0xbaddad

struct iommu_test_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		/* ADD_RESERVED */
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		/* MOCK_DOMAIN */
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
		} mock_domain;
		/* MOCK_DOMAIN_FLAGS */
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} mock_domain_flags;
		/* MOCK_DOMAIN_REPLACE */
		struct {
			__u32 pt_id;
		} mock_domain_replace;
		/* MD_CHECK_MAP */
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		/* MD_CHECK_REFS */
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		/* CREATE_ACCESS */
		struct {
			__u32 out_access_fd;
			__u32 flags;
		} create_access;
		/* DESTROY_ACCESS_PAGES */
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		/* ACCESS_PAGES */
		struct {
			__u32 flags;
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		/* ACCESS_RW */
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		/* SET_TEMP_MEMORY_LIMIT */
		struct {
			__u32 limit;
		} memory_limit;
		/* ACCESS_REPLACE_IOAS */
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		/* DIRTY */
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		/* MD_CHECK_IOTLB */
		struct {
			__u32 id;
			__u32 iotlb;
		} check_iotlb;
		/* TRIGGER_IOPF */
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__u64 addr;
		} trigger_iopf;
		/* DEV_CHECK_CACHE */
		struct {
			__u32 id;
			__u32 cache;
		} check_dev_cache;
		/* MD_REFUSE: all ones for no page */
		struct {
			__aligned_u64 map_iova;
			__aligned_u64 unmap_iova;
		} refuse;
		/* WATCH_UNMAP */
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 out_longest;
			__u32 out_flushes;
			__u32 out_tables[TEST_FLUSHES_MAX];
		} watch_unmap;
		/* MD_LOOK: is that device there, how often was its table taken away? */
		struct {
			__u32 stdev_id;
			__u32 out_is_there;
			__u32 out_nr_gaps;
		} look;
		/* DMA_FAULT: that many, a page apart; how many the device ever had */
		struct {
			__aligned_u64 iova;
			__u32 flags;
			__u32 pasid;
			__u32 nr;
			__u32 __reserved;
			__aligned_u64 out_nr_faults;
		} dma_fault;
	};
	/* Ends the smallest structure that is accepted */
	__u32 last;
};

#define IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, 0xa0)

/* GET_HW_INFO of a mock device */
enum {
	IOMMU_HW_INFO_TYPE_SELFTEST = 0xfeedbeef,
	IOMMU_HW_INFO_SELFTEST_REGVAL = 0xdeadbeef
};

struct iommu_test_hw_info {
	__u32 flags;
	__u32 test_reg;
};

/* Page tables of a mock device that are made with data, and nested ones */
enum {
	IOMMU_HWPT_DATA_SELFTEST = 0xdead,
	IOMMU_TEST_IOTLB_DEFAULT = 0xbadbeef,
	IOMMU_HWPT_INVALIDATE_DATA_SELFTEST = 0xdeadbeef,
	IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID = 0xdadbeef
};

/* What a mock table that is made with data looks like */
enum {
	MOCK_IOMMUPT_DEFAULT = 0,
	MOCK_IOMMUPT_HUGE = 1
};

struct iommu_hwpt_selftest {
	__u32 iotlb;
	/* One of MOCK_IOMMUPT_*, for a table that is not nested */
	__u32 pagetable_type;
};

enum {
	IOMMU_TEST_INVALIDATE_FLAG_ALL = 1 << 0
};

struct iommu_hwpt_invalidate_selftest {
	__u32 flags;
	__u32 iotlb_id;
};

#endif
