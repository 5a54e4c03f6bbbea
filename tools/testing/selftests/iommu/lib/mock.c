// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"

static int test_call(int iommufd, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return iommufd_call(iommufd, IOMMU_TEST_CMD, cmd);
}

bool mock_exists(void)
{
	struct iommu_test_cmd cmd = { 0 };
	int iommufd = must(iommufd_open());
	int ret = test_call(iommufd, &cmd);

	must(errno_of(close(iommufd)));
	return ret == -EOPNOTSUPP;
}

int mock_create_flags(int iommufd, __u32 pt_id, __u32 flags, struct mock *mock)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
		.id = pt_id,
		.mock_domain_flags.dev_flags = flags,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	if (!ret) {
		mock->id = cmd.mock_domain_flags.out_stdev_id;
		mock->hwpt_id = cmd.mock_domain_flags.out_hwpt_id;
		mock->dev_id = cmd.mock_domain_flags.out_idev_id;
	}
	return ret;
}

int mock_create(int iommufd, __u32 pt_id, struct mock *mock)
{
	return mock_create_flags(iommufd, pt_id, 0, mock);
}

int mock_replace(int iommufd, struct mock *mock, __u32 pt_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = mock->id,
		.mock_domain_replace.pt_id = pt_id,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	if (!ret)
		mock->hwpt_id = cmd.mock_domain_replace.pt_id;
	return ret;
}

static struct iommu_test_cmd look(int iommufd, const struct mock *mock,
				  __u32 hwpt_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_LOOK,
		.id = hwpt_id,
		.look.stdev_id = mock->id,
	};

	must(test_call(iommufd, &cmd));
	return cmd;
}

bool mock_is_in(int iommufd, const struct mock *mock, __u32 hwpt_id)
{
	return look(iommufd, mock, hwpt_id).look.out_is_there;
}

__u32 mock_gaps(int iommufd, const struct mock *mock)
{
	return look(iommufd, mock, mock->hwpt_id).look.out_nr_gaps;
}

int mock_dma_fault(int iommufd, const struct mock *mock, __u64 iova, __u32 nr,
		   __u32 flags, __u32 pasid, __u64 *faults)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DMA_FAULT,
		.id = mock->id,
		.dma_fault.iova = iova,
		.dma_fault.nr = nr,
		.dma_fault.flags = flags,
		.dma_fault.pasid = pasid,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	if (!ret && faults)
		*faults = cmd.dma_fault.out_nr_faults;
	return ret;
}

int mock_bind_again(int iommufd, const struct mock *mock)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_BIND_AGAIN,
		.id = mock->id,
	};

	return test_call(iommufd, &cmd);
}

void space_open_mock(struct space *space, struct mock *mock)
{
	space_open(space);
	must(mock_create(space->iommufd, space->ioas_id, mock));
}

int mock_reserve(int iommufd, __u32 ioas_id, __u64 start, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ADD_RESERVED,
		.id = ioas_id,
		.add_reserved.start = start,
		.add_reserved.length = length,
	};

	return test_call(iommufd, &cmd);
}

int mock_refuse(int iommufd, __u32 hwpt_id, __u64 map_iova, __u64 unmap_iova)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_REFUSE,
		.id = hwpt_id,
		.refuse.map_iova = map_iova,
		.refuse.unmap_iova = unmap_iova,
	};

	return test_call(iommufd, &cmd);
}

long mock_write(int iommufd, __u32 hwpt_id, __u64 iova, __u64 length,
		__u64 page_size, const void *bitmap)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DIRTY,
		.id = hwpt_id,
		.dirty.iova = iova,
		.dirty.length = length,
		.dirty.page_size = page_size,
		.dirty.uptr = (uintptr_t)bitmap,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	return ret ? ret : (long)cmd.dirty.out_nr_dirty;
}

int table_watch_unmap(int iommufd, __u32 hwpt_id, __u64 iova, __u64 length,
		      struct watched_unmap *watched)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_WATCH_UNMAP,
		.id = hwpt_id,
		.watch_unmap.iova = iova,
		.watch_unmap.length = length,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	if (ret)
		return ret;
	watched->flushes = cmd.watch_unmap.out_flushes;
	watched->longest = cmd.watch_unmap.out_longest;
	memcpy(watched->tables, cmd.watch_unmap.out_tables,
	       sizeof(watched->tables));
	return 0;
}

int mock_translates(int iommufd, __u32 hwpt_id, const void *memory,
		    __u64 length, __u64 iova)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_MAP,
		.id = hwpt_id,
		.check_map.iova = iova,
		.check_map.length = length,
		.check_map.uptr = (uintptr_t)memory,
	};

	return test_call(iommufd, &cmd);
}

int mock_pinned(int iommufd, const void *memory, __u64 length, __u32 pins)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs.length = length,
		.check_refs.uptr = (uintptr_t)memory,
		.check_refs.refs = pins,
	};

	return test_call(iommufd, &cmd);
}

static int create_access(int iommufd, __u32 ioas_id, __u32 flags)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = ioas_id,
		.create_access.flags = flags,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	return ret ? ret : (int)cmd.create_access.out_access_fd;
}

int access_create(int iommufd, __u32 ioas_id)
{
	return create_access(iommufd, ioas_id, 0);
}

int access_create_pinning(int iommufd, __u32 ioas_id)
{
	return create_access(iommufd, ioas_id,
			     MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
}

int access_move(int iommufd, int access, __u32 ioas_id)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		.id = access,
		.access_replace_ioas.ioas_id = ioas_id,
	};

	return test_call(iommufd, &cmd);
}

int access_create_again(int iommufd, int access)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_AGAIN,
		.id = access,
	};

	return test_call(iommufd, &cmd);
}

int access_pin(int iommufd, int access, __u64 iova, __u64 length,
	       const void *memory, __u32 flags, __u32 *item)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = access,
		.access_pages.flags = flags,
		.access_pages.iova = iova,
		.access_pages.length = length,
		.access_pages.uptr = (uintptr_t)memory,
	};
	int ret;

	ret = test_call(iommufd, &cmd);
	if (!ret && item)
		*item = cmd.access_pages.out_access_pages_id;
	return ret;
}

int access_unpin(int iommufd, int access, __u32 item)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
		.id = access,
		.destroy_access_pages.access_pages_id = item,
	};

	return test_call(iommufd, &cmd);
}

static int copy_bytes(int iommufd, int access, __u64 iova, uintptr_t data,
		      __u64 length, __u32 flags)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = access,
		.access_rw.iova = iova,
		.access_rw.length = length,
		.access_rw.uptr = data,
		.access_rw.flags = flags,
	};

	return test_call(iommufd, &cmd);
}

int access_read(int iommufd, int access, __u64 iova, void *data, __u64 length)
{
	return copy_bytes(iommufd, access, iova, (uintptr_t)data, length, 0);
}

int access_write(int iommufd, int access, __u64 iova, const void *data,
		 __u64 length)
{
	return copy_bytes(iommufd, access, iova, (uintptr_t)data, length,
			  MOCK_ACCESS_RW_WRITE);
}
