// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers that programs are compiled with: each constant, structure size
 * and field position, written out here so that a change of the headers cannot
 * change them too. Asserted by the compiler, then once more by the program.
 */
#include <stddef.h>

#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "lib/test_env.h"

/* 0, or an error of the compiler */
#define ZERO_UNLESS(broken) ((int)sizeof(char[(broken) ? -1 : 1]) - 1)

struct fact {
	const char *what;
	long long seen;
	long long expected;
};

#define FACT(value, number)                                                  \
	{                                                                    \
#value, (value), (number) + ZERO_UNLESS((value) != (number)) \
	}

struct field {
	const char *structure;
	const char *field;
	unsigned int offset;
	unsigned int size;
	unsigned int expected_offset;
	unsigned int expected_size;
};

#define FIELD(structure, field, where, bytes)                                  \
	{                                                                      \
#structure, #field, offsetof(struct structure, field),         \
			sizeof(((struct structure *)NULL)->field),             \
			(where) + ZERO_UNLESS(offsetof(struct structure,       \
						       field) != (where)),     \
			(bytes) + ZERO_UNLESS(                                 \
					  sizeof(((struct structure *)NULL)    \
							 ->field) != (bytes)), \
	}

static const struct fact constants[] = {
	FACT(IOMMUFD_TYPE, ';'),
	FACT(IOMMU_DESTROY, 0x3b80),
	FACT(IOMMU_IOAS_ALLOC, 0x3b81),
	FACT(IOMMU_IOAS_IOVA_RANGES, 0x3b84),
	FACT(IOMMU_IOAS_ALLOW_IOVAS, 0x3b82),
	FACT(IOMMU_IOAS_MAP, 0x3b85),
	FACT(IOMMU_IOAS_MAP_FILE, 0x3b8f),
	FACT(IOMMU_IOAS_COPY, 0x3b83),
	FACT(IOMMU_IOAS_UNMAP, 0x3b86),
	FACT(IOMMU_OPTION, 0x3b87),
	FACT(IOMMU_VFIO_IOAS, 0x3b88),
	FACT(IOMMU_HWPT_ALLOC, 0x3b89),
	FACT(IOMMU_GET_HW_INFO, 0x3b8a),
	FACT(IOMMU_HWPT_SET_DIRTY_TRACKING, 0x3b8b),
	FACT(IOMMU_HWPT_GET_DIRTY_BITMAP, 0x3b8c),
	FACT(IOMMU_HWPT_INVALIDATE, 0x3b8d),
	FACT(IOMMU_FAULT_QUEUE_ALLOC, 0x3b8e),
	FACT(IOMMU_IOAS_CHANGE_PROCESS, 0x3b92),
	FACT(IOMMUFD_CMD_BASE, 0x80),
	FACT(IOMMUFD_CMD_DESTROY, 0x80),
	FACT(IOMMUFD_CMD_IOAS_ALLOC, 0x81),
	FACT(IOMMUFD_CMD_IOAS_ALLOW_IOVAS, 0x82),
	FACT(IOMMUFD_CMD_IOAS_COPY, 0x83),
	FACT(IOMMUFD_CMD_IOAS_IOVA_RANGES, 0x84),
	FACT(IOMMUFD_CMD_IOAS_MAP, 0x85),
	FACT(IOMMUFD_CMD_IOAS_UNMAP, 0x86),
	FACT(IOMMUFD_CMD_OPTION, 0x87),
	FACT(IOMMUFD_CMD_VFIO_IOAS, 0x88),
	FACT(IOMMUFD_CMD_HWPT_ALLOC, 0x89),
	FACT(IOMMUFD_CMD_GET_HW_INFO, 0x8a),
	FACT(IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING, 0x8b),
	FACT(IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP, 0x8c),
	FACT(IOMMUFD_CMD_HWPT_INVALIDATE, 0x8d),
	FACT(IOMMUFD_CMD_FAULT_QUEUE_ALLOC, 0x8e),
	FACT(IOMMUFD_CMD_IOAS_MAP_FILE, 0x8f),
	FACT(IOMMUFD_CMD_IOAS_CHANGE_PROCESS, 0x92),
	FACT(IOMMU_IOAS_MAP_FIXED_IOVA, 1),
	FACT(IOMMU_IOAS_MAP_WRITEABLE, 2),
	FACT(IOMMU_IOAS_MAP_READABLE, 4),
	FACT(IOMMU_OPTION_RLIMIT_MODE, 0),
	FACT(IOMMU_OPTION_HUGE_PAGES, 1),
	FACT(IOMMU_OPTION_OP_SET, 0),
	FACT(IOMMU_OPTION_OP_GET, 1),
	FACT(IOMMU_VFIO_IOAS_GET, 0),
	FACT(IOMMU_VFIO_IOAS_SET, 1),
	FACT(IOMMU_VFIO_IOAS_CLEAR, 2),
	FACT(IOMMU_HWPT_ALLOC_NEST_PARENT, 1),
	FACT(IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 2),
	FACT(IOMMU_HWPT_FAULT_ID_VALID, 4),
	FACT(IOMMU_VTD_S1_SRE, 1),
	FACT(IOMMU_VTD_S1_EAFE, 2),
	FACT(IOMMU_VTD_S1_WPE, 4),
	FACT(IOMMU_HWPT_DATA_NONE, 0),
	FACT(IOMMU_HWPT_DATA_VTD_S1, 1),
	FACT(IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17, 1),
	FACT(IOMMU_HW_INFO_TYPE_NONE, 0),
	FACT(IOMMU_HW_INFO_TYPE_DEFAULT, 0),
	FACT(IOMMU_HW_INFO_TYPE_INTEL_VTD, 1),
	FACT(IOMMU_HW_CAP_DIRTY_TRACKING, 1),
	FACT(IOMMU_HW_INFO_FLAG_INPUT_TYPE, 1),
	FACT(IOMMU_HWPT_DIRTY_TRACKING_ENABLE, 1),
	FACT(IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, 1),
	FACT(IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, 0),
	FACT(IOMMU_VTD_INV_FLAGS_LEAF, 1),
	FACT(IOMMU_PGFAULT_FLAGS_PASID_VALID, 1),
	FACT(IOMMU_PGFAULT_FLAGS_LAST_PAGE, 2),
	FACT(IOMMU_PGFAULT_PERM_READ, 1),
	FACT(IOMMU_PGFAULT_PERM_WRITE, 2),
	FACT(IOMMU_PGFAULT_PERM_EXEC, 4),
	FACT(IOMMU_PGFAULT_PERM_PRIV, 8),
	FACT(IOMMUFD_PAGE_RESP_SUCCESS, 0),
	FACT(IOMMUFD_PAGE_RESP_INVALID, 1),
	FACT(VFIO_DEVICE_BIND_IOMMUFD, 0x3b76),
	FACT(VFIO_DEVICE_BIND_FLAG_TOKEN, 1),
	FACT(VFIO_DEVICE_BIND_FLAG_COOKIE, 0x80000000),
	FACT(VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0x3b77),
	FACT(VFIO_DEVICE_DETACH_IOMMUFD_PT, 0x3b78),
	FACT(VFIO_PCI_HOT_RESET_FLAG_DEV_ID, 1),
	FACT(VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED, 2),
	FACT(VFIO_PCI_DEVID_OWNED, 0),
	FACT(VFIO_PCI_DEVID_NOT_OWNED, -1),
	FACT(IOMMU_DEVICE_FIND, 0x3bc0),
	FACT(IOMMU_DMA_FAULT_QUEUE, 0x3bc1),
	FACT(IOMMU_DMA_FAULT_DEPTH_MAX, 65536),
	FACT(IOMMU_DMA_FAULT_WRITE, 1),
	FACT(IOMMU_DMA_FAULT_READ, 16),
	FACT(IOMMU_DMA_FAULT_COOKIE, 2),
	FACT(IOMMU_DMA_FAULT_PASID, 4),
	FACT(IOMMU_DMA_FAULT_GROUP, 8),
};

#define SIZE(structure, bytes) FACT(sizeof(struct structure), bytes)

static const struct fact sizes[] = {
	SIZE(iommu_destroy, 8),
	SIZE(iommu_ioas_alloc, 12),
	SIZE(iommu_iova_range, 16),
	SIZE(iommu_ioas_iova_ranges, 32),
	SIZE(iommu_ioas_allow_iovas, 24),
	SIZE(iommu_ioas_map, 40),
	SIZE(iommu_ioas_map_file, 40),
	SIZE(iommu_ioas_copy, 40),
	SIZE(iommu_ioas_unmap, 24),
	SIZE(iommu_option, 24),
	SIZE(iommu_vfio_ioas, 12),
	SIZE(iommu_hwpt_vtd_s1, 24),
	SIZE(iommu_hwpt_alloc, 48),
	SIZE(iommu_hw_info_vtd, 24),
	SIZE(iommu_hw_info, 40),
	SIZE(iommu_hwpt_set_dirty_tracking, 16),
	SIZE(iommu_hwpt_get_dirty_bitmap, 48),
	SIZE(iommu_hwpt_vtd_s1_invalidate, 24),
	SIZE(iommu_hwpt_invalidate, 32),
	SIZE(iommu_hwpt_pgfault, 40),
	SIZE(iommu_hwpt_page_response, 8),
	SIZE(iommu_fault_alloc, 16),
	SIZE(iommu_ioas_change_process, 8),
	SIZE(vfio_device_bind_iommufd, 32),
	SIZE(vfio_device_attach_iommufd_pt, 12),
	SIZE(vfio_device_detach_iommufd_pt, 8),
	SIZE(vfio_pci_dependent_device, 8),
	SIZE(vfio_pci_hot_reset_info, 12),
	SIZE(iommu_device_find, 16),
	SIZE(iommu_dma_fault_queue, 24),
	SIZE(iommu_dma_fault, 48),
};

static const struct field fields[] = {
	FIELD(iommu_destroy, size, 0, 4),
	FIELD(iommu_destroy, id, 4, 4),
	FIELD(iommu_ioas_alloc, size, 0, 4),
	FIELD(iommu_ioas_alloc, flags, 4, 4),
	FIELD(iommu_ioas_alloc, out_ioas_id, 8, 4),
	FIELD(iommu_iova_range, start, 0, 8),
	FIELD(iommu_iova_range, last, 8, 8),
	FIELD(iommu_ioas_iova_ranges, size, 0, 4),
	FIELD(iommu_ioas_iova_ranges, ioas_id, 4, 4),
	FIELD(iommu_ioas_iova_ranges, num_iovas, 8, 4),
	FIELD(iommu_ioas_iova_ranges, __reserved, 12, 4),
	FIELD(iommu_ioas_iova_ranges, allowed_iovas, 16, 8),
	FIELD(iommu_ioas_iova_ranges, out_iova_alignment, 24, 8),
	FIELD(iommu_ioas_allow_iovas, size, 0, 4),
	FIELD(iommu_ioas_allow_iovas, ioas_id, 4, 4),
	FIELD(iommu_ioas_allow_iovas, num_iovas, 8, 4),
	FIELD(iommu_ioas_allow_iovas, __reserved, 12, 4),
	FIELD(iommu_ioas_allow_iovas, allowed_iovas, 16, 8),
	FIELD(iommu_ioas_map, size, 0, 4),
	FIELD(iommu_ioas_map, flags, 4, 4),
	FIELD(iommu_ioas_map, ioas_id, 8, 4),
	FIELD(iommu_ioas_map, __reserved, 12, 4),
	FIELD(iommu_ioas_map, user_va, 16, 8),
	FIELD(iommu_ioas_map, length, 24, 8),
	FIELD(iommu_ioas_map, iova, 32, 8),
	FIELD(iommu_ioas_map_file, size, 0, 4),
	FIELD(iommu_ioas_map_file, flags, 4, 4),
	FIELD(iommu_ioas_map_file, ioas_id, 8, 4),
	FIELD(iommu_ioas_map_file, fd, 12, 4),
	FIELD(iommu_ioas_map_file, start, 16, 8),
	FIELD(iommu_ioas_map_file, length, 24, 8),
	FIELD(iommu_ioas_map_file, iova, 32, 8),
	FIELD(iommu_ioas_copy, size, 0, 4),
	FIELD(iommu_ioas_copy, flags, 4, 4),
	FIELD(iommu_ioas_copy, dst_ioas_id, 8, 4),
	FIELD(iommu_ioas_copy, src_ioas_id, 12, 4),
	FIELD(iommu_ioas_copy, length, 16, 8),
	FIELD(iommu_ioas_copy, dst_iova, 24, 8),
	FIELD(iommu_ioas_copy, src_iova, 32, 8),
	FIELD(iommu_ioas_unmap, size, 0, 4),
	FIELD(iommu_ioas_unmap, ioas_id, 4, 4),
	FIELD(iommu_ioas_unmap, iova, 8, 8),
	FIELD(iommu_ioas_unmap, length, 16, 8),
	FIELD(iommu_option, size, 0, 4),
	FIELD(iommu_option, option_id, 4, 4),
	FIELD(iommu_option, op, 8, 2),
	FIELD(iommu_option, __reserved, 10, 2),
	FIELD(iommu_option, object_id, 12, 4),
	FIELD(iommu_option, val64, 16, 8),
	FIELD(iommu_vfio_ioas, size, 0, 4),
	FIELD(iommu_vfio_ioas, ioas_id, 4, 4),
	FIELD(iommu_vfio_ioas, op, 8, 2),
	FIELD(iommu_vfio_ioas, __reserved, 10, 2),
	FIELD(iommu_hwpt_vtd_s1, flags, 0, 8),
	FIELD(iommu_hwpt_vtd_s1, pgtbl_addr, 8, 8),
	FIELD(iommu_hwpt_vtd_s1, addr_width, 16, 4),
	FIELD(iommu_hwpt_vtd_s1, __reserved, 20, 4),
	FIELD(iommu_hwpt_alloc, size, 0, 4),
	FIELD(iommu_hwpt_alloc, flags, 4, 4),
	FIELD(iommu_hwpt_alloc, dev_id, 8, 4),
	FIELD(iommu_hwpt_alloc, pt_id, 12, 4),
	FIELD(iommu_hwpt_alloc, out_hwpt_id, 16, 4),
	FIELD(iommu_hwpt_alloc, __reserved, 20, 4),
	FIELD(iommu_hwpt_alloc, data_type, 24, 4),
	FIELD(iommu_hwpt_alloc, data_len, 28, 4),
	FIELD(iommu_hwpt_alloc, data_uptr, 32, 8),
	FIELD(iommu_hwpt_alloc, fault_id, 40, 4),
	FIELD(iommu_hwpt_alloc, __reserved2, 44, 4),
	FIELD(iommu_hw_info_vtd, flags, 0, 4),
	FIELD(iommu_hw_info_vtd, __reserved, 4, 4),
	FIELD(iommu_hw_info_vtd, cap_reg, 8, 8),
	FIELD(iommu_hw_info_vtd, ecap_reg, 16, 8),
	FIELD(iommu_hw_info, size, 0, 4),
	FIELD(iommu_hw_info, flags, 4, 4),
	FIELD(iommu_hw_info, dev_id, 8, 4),
	FIELD(iommu_hw_info, data_len, 12, 4),
	FIELD(iommu_hw_info, data_uptr, 16, 8),
	FIELD(iommu_hw_info, in_data_type, 24, 4),
	FIELD(iommu_hw_info, out_data_type, 24, 4),
	FIELD(iommu_hw_info, out_max_pasid_log2, 28, 1),
	FIELD(iommu_hw_info, __reserved, 29, 3),
	FIELD(iommu_hw_info, out_capabilities, 32, 8),
	FIELD(iommu_hwpt_set_dirty_tracking, size, 0, 4),
	FIELD(iommu_hwpt_set_dirty_tracking, flags, 4, 4),
	FIELD(iommu_hwpt_set_dirty_tracking, hwpt_id, 8, 4),
	FIELD(iommu_hwpt_set_dirty_tracking, __reserved, 12, 4),
	FIELD(iommu_hwpt_get_dirty_bitmap, size, 0, 4),
	FIELD(iommu_hwpt_get_dirty_bitmap, hwpt_id, 4, 4),
	FIELD(iommu_hwpt_get_dirty_bitmap, flags, 8, 4),
	FIELD(iommu_hwpt_get_dirty_bitmap, __reserved, 12, 4),
	FIELD(iommu_hwpt_get_dirty_bitmap, iova, 16, 8),
	FIELD(iommu_hwpt_get_dirty_bitmap, length, 24, 8),
	FIELD(iommu_hwpt_get_dirty_bitmap, page_size, 32, 8),
	FIELD(iommu_hwpt_get_dirty_bitmap, data, 40, 8),
	FIELD(iommu_hwpt_vtd_s1_invalidate, addr, 0, 8),
	FIELD(iommu_hwpt_vtd_s1_invalidate, npages, 8, 8),
	FIELD(iommu_hwpt_vtd_s1_invalidate, flags, 16, 4),
	FIELD(iommu_hwpt_vtd_s1_invalidate, __reserved, 20, 4),
	FIELD(iommu_hwpt_invalidate, size, 0, 4),
	FIELD(iommu_hwpt_invalidate, hwpt_id, 4, 4),
	FIELD(iommu_hwpt_invalidate, data_uptr, 8, 8),
	FIELD(iommu_hwpt_invalidate, data_type, 16, 4),
	FIELD(iommu_hwpt_invalidate, entry_len, 20, 4),
	FIELD(iommu_hwpt_invalidate, entry_num, 24, 4),
	FIELD(iommu_hwpt_invalidate, __reserved, 28, 4),
	FIELD(iommu_hwpt_pgfault, flags, 0, 4),
	FIELD(iommu_hwpt_pgfault, dev_id, 4, 4),
	FIELD(iommu_hwpt_pgfault, pasid, 8, 4),
	FIELD(iommu_hwpt_pgfault, grpid, 12, 4),
	FIELD(iommu_hwpt_pgfault, perm, 16, 4),
	FIELD(iommu_hwpt_pgfault, __reserved, 20, 4),
	FIELD(iommu_hwpt_pgfault, addr, 24, 8),
	FIELD(iommu_hwpt_pgfault, length, 32, 4),
	FIELD(iommu_hwpt_pgfault, cookie, 36, 4),
	FIELD(iommu_hwpt_page_response, cookie, 0, 4),
	FIELD(iommu_hwpt_page_response, code, 4, 4),
	FIELD(iommu_fault_alloc, size, 0, 4),
	FIELD(iommu_fault_alloc, flags, 4, 4),
	FIELD(iommu_fault_alloc, out_fault_id, 8, 4),
	FIELD(iommu_fault_alloc, out_fault_fd, 12, 4),
	FIELD(iommu_ioas_change_process, size, 0, 4),
	FIELD(iommu_ioas_change_process, __reserved, 4, 4),
	FIELD(vfio_device_bind_iommufd, argsz, 0, 4),
	FIELD(vfio_device_bind_iommufd, flags, 4, 4),
	FIELD(vfio_device_bind_iommufd, iommufd, 8, 4),
	FIELD(vfio_device_bind_iommufd, out_devid, 12, 4),
	FIELD(vfio_device_bind_iommufd, token_uuid_ptr, 16, 8),
	FIELD(vfio_device_bind_iommufd, dev_cookie, 24, 8),
	FIELD(vfio_device_attach_iommufd_pt, argsz, 0, 4),
	FIELD(vfio_device_attach_iommufd_pt, flags, 4, 4),
	FIELD(vfio_device_attach_iommufd_pt, pt_id, 8, 4),
	FIELD(vfio_device_detach_iommufd_pt, argsz, 0, 4),
	FIELD(vfio_device_detach_iommufd_pt, flags, 4, 4),
	FIELD(vfio_pci_dependent_device, group_id, 0, 4),
	FIELD(vfio_pci_dependent_device, devid, 0, 4),
	FIELD(vfio_pci_dependent_device, segment, 4, 2),
	FIELD(vfio_pci_dependent_device, bus, 6, 1),
	FIELD(vfio_pci_dependent_device, devfn, 7, 1),
	FIELD(vfio_pci_hot_reset_info, argsz, 0, 4),
	FIELD(vfio_pci_hot_reset_info, flags, 4, 4),
	FIELD(vfio_pci_hot_reset_info, count, 8, 4),
	FIELD(iommu_device_find, size, 0, 4),
	FIELD(iommu_device_find, out_dev_id, 4, 4),
	FIELD(iommu_device_find, dev_cookie, 8, 8),
	FIELD(iommu_dma_fault_queue, size, 0, 4),
	FIELD(iommu_dma_fault_queue, flags, 4, 4),
	FIELD(iommu_dma_fault_queue, depth, 8, 4),
	FIELD(iommu_dma_fault_queue, __reserved, 12, 4),
	FIELD(iommu_dma_fault_queue, out_queue_id, 16, 4),
	FIELD(iommu_dma_fault_queue, out_queue_fd, 20, 4),
	FIELD(iommu_dma_fault, flags, 0, 4),
	FIELD(iommu_dma_fault, dev_id, 4, 4),
	FIELD(iommu_dma_fault, cookie, 8, 8),
	FIELD(iommu_dma_fault, iova, 16, 8),
	FIELD(iommu_dma_fault, time, 24, 8),
	FIELD(iommu_dma_fault, lost, 32, 8),
	FIELD(iommu_dma_fault, pasid, 40, 4),
	FIELD(iommu_dma_fault, __reserved, 44, 4),
};

static void check(struct __test_metadata *_metadata, const struct fact *facts,
		  size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		EXPECT_EQ(facts[i].expected, facts[i].seen)
		{
			TH_LOG("%s", facts[i].what);
		}
	}
}

TEST(constants_have_their_published_values)
{
	check(_metadata, constants, ARRAY_SIZE(constants));
}

TEST(structures_have_their_published_sizes)
{
	check(_metadata, sizes, ARRAY_SIZE(sizes));
}

TEST(fields_lie_where_published)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		EXPECT_EQ(fields[i].expected_offset, fields[i].offset)
		{
			TH_LOG("offset of %s.%s", fields[i].structure,
			       fields[i].field);
		}
		EXPECT_EQ(fields[i].expected_size, fields[i].size)
		{
			TH_LOG("size of %s.%s", fields[i].structure,
			       fields[i].field);
		}
	}
}

/* No padding: there is nothing that a caller could forget to clear. */
TEST(structures_have_no_holes)
{
	const struct field *last = NULL;
	unsigned int end = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (!last || strcmp(last->structure, field->structure))
			end = 0;
		else if (field->offset == last->offset)
			end = last->offset;
		EXPECT_EQ(end, field->offset)
		{
			TH_LOG("hole before %s.%s", field->structure,
			       field->field);
		}
		end = field->offset + field->size;
		last = field;
	}
}

TEST_HARNESS_MAIN
