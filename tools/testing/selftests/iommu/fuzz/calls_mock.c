// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of IOMMU_TEST_CMD: the mock IOMMU, its devices, and drivers that reach what
 * is mapped with the CPU.
 */
#include "../lib/mock.h"
#include "table.h"

#define OPERATION(_name, _op, ...)                                                            \
	{                                                                                     \
		.name = _name, .target = BASE_IOMMU, .request = IOMMU_TEST_CMD,               \
		.fields = FIELDS(FIELD(iommu_test_cmd, size, KIND_SIZE,                       \
				       .number = sizeof(struct iommu_test_cmd)),              \
				 FIELD(iommu_test_cmd, op, KIND_FIXED, .number = _op),        \
				 __VA_ARGS__)                                                 \
	}

#define SLOT(member, _base) FIELD(iommu_test_cmd, member, KIND_SLOT, .base = _base)
#define OUT(member, _base) FIELD(iommu_test_cmd, member, KIND_OUT, .out = _base)
#define IOVA(member) FIELD(iommu_test_cmd, member, KIND_IOVA)
#define LENGTH(member) FIELD(iommu_test_cmd, member, KIND_LENGTH)
#define MEMORY(member) FIELD(iommu_test_cmd, member, KIND_MEMORY)
#define FLAGS(member, mask) FIELD(iommu_test_cmd, member, KIND_FLAGS, .number = mask)

/* Those of a device, as far as it is to be bound at times */
#define DEVICE_FLAGS                                                                          \
	(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_HUGE_IOVA |                           \
	 MOCK_FLAGS_DEVICE_LARGE_PAGES | MOCK_FLAGS_DEVICE_ONE_TABLE |                        \
	 MOCK_FLAGS_DEVICE_SHARE_GROUP | MOCK_FLAGS_DEVICE_NO_SWITCH |                        \
	 MOCK_FLAGS_DEVICE_PLAIN_DRIVER | MOCK_FLAGS_DEVICE_SHARE_ID)

#define ACCESS_FLAGS (MOCK_FLAGS_ACCESS_WRITE | MOCK_FLAGS_ACCESS_SYZ)
#define RW_FLAGS (MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH)

const struct call mock_calls[] = {
	OPERATION("mock_reserve", IOMMU_TEST_OP_ADD_RESERVED, SLOT(id, BASE_IOAS),
		  IOVA(add_reserved.start), LENGTH(add_reserved.length)),
	OPERATION("mock_create", IOMMU_TEST_OP_MOCK_DOMAIN, SLOT(id, BASE_IOAS),
		  OUT(mock_domain.out_stdev_id, BASE_MOCK),
		  OUT(mock_domain.out_hwpt_id, BASE_HWPT),
		  OUT(mock_domain.out_idev_id, BASE_DEVICE)),
	OPERATION("mock_create_flags", IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, SLOT(id, BASE_IOAS),
		  OUT(mock_domain_flags.out_stdev_id, BASE_MOCK),
		  OUT(mock_domain_flags.out_hwpt_id, BASE_HWPT),
		  OUT(mock_domain_flags.out_idev_id, BASE_DEVICE),
		  FLAGS(mock_domain_flags.dev_flags, DEVICE_FLAGS)),
	OPERATION("mock_replace_ioas", IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, SLOT(id, BASE_MOCK),
		  FIELD(iommu_test_cmd, mock_domain_replace.pt_id, KIND_SLOT,
			.base = BASE_IOAS, .out = BASE_HWPT)),
	OPERATION("mock_replace_hwpt", IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, SLOT(id, BASE_MOCK),
		  SLOT(mock_domain_replace.pt_id, BASE_HWPT)),
	OPERATION("mock_check_map", IOMMU_TEST_OP_MD_CHECK_MAP, SLOT(id, BASE_HWPT),
		  IOVA(check_map.iova), LENGTH(check_map.length), MEMORY(check_map.uptr)),
	OPERATION("mock_check_refs", IOMMU_TEST_OP_MD_CHECK_REFS,
		  LENGTH(check_refs.length), MEMORY(check_refs.uptr),
		  FIELD(iommu_test_cmd, check_refs.refs, KIND_BELOW, .number = 3)),
	OPERATION("mock_refuse", IOMMU_TEST_OP_MD_REFUSE, SLOT(id, BASE_HWPT),
		  IOVA(refuse.map_iova),
		  /* One that refuses to unmap leaves what it had, and says so. */
		  FIELD(iommu_test_cmd, refuse.unmap_iova, KIND_FIXED, .number = ~0ULL)),
	OPERATION("mock_watch_unmap", IOMMU_TEST_OP_WATCH_UNMAP, SLOT(id, BASE_HWPT),
		  IOVA(watch_unmap.iova), LENGTH(watch_unmap.length)),
	OPERATION("mock_look", IOMMU_TEST_OP_MD_LOOK, SLOT(id, BASE_HWPT),
		  SLOT(look.stdev_id, BASE_MOCK)),
	OPERATION("mock_bind_again", IOMMU_TEST_OP_BIND_AGAIN, SLOT(id, BASE_MOCK)),
	OPERATION("mock_dirty", IOMMU_TEST_OP_DIRTY, SLOT(id, BASE_HWPT),
		  FIELD(iommu_test_cmd, dirty.flags, KIND_BELOW, .number = 4),
		  IOVA(dirty.iova), LENGTH(dirty.length), LENGTH(dirty.page_size),
		  MEMORY(dirty.uptr)),
	OPERATION("mock_check_iotlb", IOMMU_TEST_OP_MD_CHECK_IOTLB, SLOT(id, BASE_HWPT),
		  FIELD(iommu_test_cmd, check_iotlb.id, KIND_BELOW,
			.number = MOCK_NESTED_DOMAIN_IOTLB_NUM),
		  FIELD(iommu_test_cmd, check_iotlb.iotlb, KIND_NUMBER)),
	OPERATION("mock_check_cache", IOMMU_TEST_OP_DEV_CHECK_CACHE, SLOT(id, BASE_DEVICE),
		  FIELD(iommu_test_cmd, check_dev_cache.id, KIND_BELOW,
			.number = MOCK_DEV_CACHE_NUM),
		  FIELD(iommu_test_cmd, check_dev_cache.cache, KIND_NUMBER)),
	OPERATION("mock_page_request", IOMMU_TEST_OP_TRIGGER_IOPF,
		  SLOT(trigger_iopf.dev_id, BASE_DEVICE),
		  FIELD(iommu_test_cmd, trigger_iopf.pasid, KIND_NUMBER),
		  FIELD(iommu_test_cmd, trigger_iopf.grpid, KIND_BELOW, .number = 4),
		  FLAGS(trigger_iopf.perm, 0xf), IOVA(trigger_iopf.addr)),
	OPERATION("memory_limit", IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		  FIELD(iommu_test_cmd, memory_limit.limit, KIND_BELOW, .number = 65536)),
	OPERATION("access_create", IOMMU_TEST_OP_CREATE_ACCESS, SLOT(id, BASE_IOAS),
		  OUT(create_access.out_access_fd, BASE_ACCESS),
		  FLAGS(create_access.flags, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES)),
	OPERATION("access_move", IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, SLOT(id, BASE_ACCESS),
		  SLOT(access_replace_ioas.ioas_id, BASE_IOAS)),
	OPERATION("access_pin", IOMMU_TEST_OP_ACCESS_PAGES, SLOT(id, BASE_ACCESS),
		  FLAGS(access_pages.flags, ACCESS_FLAGS),
		  OUT(access_pages.out_access_pages_id, BASE_ITEM),
		  IOVA(access_pages.iova), LENGTH(access_pages.length),
		  MEMORY(access_pages.uptr)),
	OPERATION("access_unpin", IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, SLOT(id, BASE_ACCESS),
		  SLOT(destroy_access_pages.access_pages_id, BASE_ITEM)),
	OPERATION("access_copy", IOMMU_TEST_OP_ACCESS_RW, SLOT(id, BASE_ACCESS),
		  IOVA(access_rw.iova), LENGTH(access_rw.length), MEMORY(access_rw.uptr),
		  FLAGS(access_rw.flags, RW_FLAGS)),
	OPERATION("access_again", IOMMU_TEST_OP_ACCESS_AGAIN, SLOT(id, BASE_ACCESS)),
	OPERATION("mock_dma_fault", IOMMU_TEST_OP_DMA_FAULT, SLOT(id, BASE_MOCK),
		  IOVA(dma_fault.iova),
		  FLAGS(dma_fault.flags, MOCK_DMA_FAULT_WRITE | MOCK_DMA_FAULT_PASID),
		  FIELD(iommu_test_cmd, dma_fault.pasid, KIND_NUMBER),
		  FIELD(iommu_test_cmd, dma_fault.nr, KIND_BELOW, .number = 20)),
	OPERATION("mock_unknown", 0x7777, SLOT(id, BASE_MOCK)),
	{ }
};
