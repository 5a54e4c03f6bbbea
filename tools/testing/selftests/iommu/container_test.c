// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a VFIO container, which every iommufd answers on its
 * compatibility IOAS.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define PAGES 32
#define LENGTH (PAGES * PAGE_SIZE)
#define RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define NESTING_TYPE 6

static int container_call(int iommufd, unsigned long request, unsigned long arg)
{
	return errno_of(ioctl(iommufd, request, arg));
}

static int extension(int iommufd, unsigned long number)
{
	return container_call(iommufd, VFIO_CHECK_EXTENSION, number);
}

static int set_iommu(int iommufd, unsigned long type)
{
	return container_call(iommufd, VFIO_SET_IOMMU, type);
}

static int map_dma(int iommufd, const void *memory, __u64 iova, __u64 size,
		   __u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};

	return container_call(iommufd, VFIO_IOMMU_MAP_DMA, (unsigned long)&map);
}

/* Return: an errno, or 0 with @unmapped set; that may be NULL */
static int unmap_dma_flags(int iommufd, __u64 iova, __u64 size, __u32 flags,
			   __u64 *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int ret;

	ret = container_call(iommufd, VFIO_IOMMU_UNMAP_DMA,
			     (unsigned long)&unmap);
	if (unmapped)
		*unmapped = unmap.size;
	return ret;
}

static int unmap_dma(int iommufd, __u64 iova, __u64 size, __u64 *unmapped)
{
	return unmap_dma_flags(iommufd, iova, size, 0, unmapped);
}

static int get_info(int iommufd, struct vfio_iommu_type1_info *info)
{
	return container_call(iommufd, VFIO_IOMMU_GET_INFO,
			      (unsigned long)info);
}

TEST(without_ioas_there_is_no_container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	int iommufd = must(iommufd_open());
	__u32 ioas_id;

	EXPECT_EQ(VFIO_API_VERSION,
		  container_call(iommufd, VFIO_GET_API_VERSION, 0));
	EXPECT_EQ(1, extension(iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-ENODEV, extension(iommufd, VFIO_DMA_CC_IOMMU));
	EXPECT_EQ(-ENODEV, set_iommu(iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-ENODEV, get_info(iommufd, &info));
	EXPECT_EQ(-ENODEV, map_dma(iommufd, &info, IOVA, PAGE_SIZE, RW));
	EXPECT_EQ(-ENODEV, unmap_dma(iommufd, IOVA, PAGE_SIZE, NULL));

	/* An IOAS alone does not make one, and takes it along. */
	must(ioas_alloc(iommufd, &ioas_id));
	EXPECT_EQ(-ENODEV, get_info(iommufd, &info));
	must(vfio_ioas_set(iommufd, ioas_id));
	EXPECT_EQ(0, get_info(iommufd, &info));
	must(iommufd_destroy(iommufd, ioas_id));
	EXPECT_EQ(-ENODEV, get_info(iommufd, &info));
	must(errno_of(close(iommufd)));
}

TEST(arguments_are_judged_before_the_ioas)
{
	struct vfio_iommu_type1_info info = { .argsz = 15 };
	int iommufd = must(iommufd_open());

	EXPECT_EQ(-EINVAL, set_iommu(iommufd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(-EINVAL, get_info(iommufd, &info));
	EXPECT_EQ(-EINVAL, map_dma(iommufd, NULL, IOVA, PAGE_SIZE, 1 << 2));
	EXPECT_EQ(-EINVAL,
		  unmap_dma_flags(iommufd, IOVA, PAGE_SIZE, 1 << 0, NULL));
	EXPECT_EQ(-EFAULT, container_call(iommufd, VFIO_IOMMU_MAP_DMA, 0));
	EXPECT_EQ(-EFAULT, container_call(iommufd, VFIO_IOMMU_UNMAP_DMA, 0));
	EXPECT_EQ(-EFAULT, container_call(iommufd, VFIO_IOMMU_GET_INFO, 0));
	must(errno_of(close(iommufd)));
}

TEST(calls_that_do_not_exist_are_unknown)
{
	int iommufd = must(iommufd_open());
	unsigned int number;

	EXPECT_EQ(-ENOTTY, container_call(iommufd, VFIO_IOMMU_DIRTY_PAGES, 0));
	/* above begin the calls of the iommufd itself */
	for (number = VFIO_BASE + 18; number < 0x80; number++)
		EXPECT_EQ(-ENOTTY,
			  container_call(iommufd, _IO(VFIO_TYPE, number), 0));
	must(errno_of(close(iommufd)));
}

/* Mapped while large pages were on, then they are to be switched off */
TEST(version_1_is_refused_where_large_pages_may_be)
{
	char *memory = memory_alloc(LENGTH);
	struct space space;
	struct mock mock;

	need(mock_exists(), "the mock IOMMU");
	space_open(&space);
	must(vfio_ioas_set(space.iommufd, space.ioas_id));
	must(map_dma(space.iommufd, memory, IOVA, LENGTH, RW));
	must(mock_create(space.iommufd, space.ioas_id, &mock));
	EXPECT_EQ(-EINVAL, set_iommu(space.iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-ENOENT, unmap_dma(space.iommufd, IOVA, PAGE_SIZE, NULL));
	must(iommufd_destroy(space.iommufd, mock.id));
	EXPECT_EQ(0, set_iommu(space.iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, unmap_dma(space.iommufd, IOVA, PAGE_SIZE, NULL));
	space_close(&space);
	EXPECT_EQ(0, pages_pinned());
}

/* Version 2 of type 1 never cuts mappings, version 1 may. */
FIXTURE(container)
{
	struct space space;
	struct mock mock;
	char *memory;
	int iommufd;
};

FIXTURE_VARIANT(container)
{
	unsigned long type;
	bool attached;
};

FIXTURE_VARIANT_ADD(container, v1_without_table) {
	.type = VFIO_TYPE1_IOMMU,
	.attached = false,
};

FIXTURE_VARIANT_ADD(container, v1_with_table) {
	.type = VFIO_TYPE1_IOMMU,
	.attached = true,
};

FIXTURE_VARIANT_ADD(container, v2_without_table) {
	.type = VFIO_TYPE1v2_IOMMU,
	.attached = false,
};

FIXTURE_VARIANT_ADD(container, v2_with_table) {
	.type = VFIO_TYPE1v2_IOMMU,
	.attached = true,
};

FIXTURE_SETUP(container)
{
	need(mock_exists(), "the mock IOMMU");
	if (variant->attached)
		space_open_mock(&self->space, &self->mock);
	else
		space_open(&self->space);
	self->iommufd = self->space.iommufd;
	must(vfio_ioas_set(self->iommufd, self->space.ioas_id));
	must(set_iommu(self->iommufd, variant->type));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(container)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static bool translates(FIXTURE_DATA(container) * self, __u64 offset,
		       __u64 length)
{
	return !mock_translates(self->iommufd, self->mock.hwpt_id,
				self->memory + offset, length, IOVA + offset);
}

TEST_F_TIMEOUT(container, extensions_are_those_of_type1, TEST_SECONDS)
{
	EXPECT_EQ(1, extension(self->iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, extension(self->iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, extension(self->iommufd, VFIO_UNMAP_ALL));
	EXPECT_EQ(0, extension(self->iommufd, VFIO_UPDATE_VADDR));
	EXPECT_EQ(0, extension(self->iommufd, NESTING_TYPE));
	EXPECT_EQ(0, extension(self->iommufd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(0, extension(self->iommufd, 1000));
	/* The mock IOMMU does not enforce coherency. */
	EXPECT_EQ(!variant->attached,
		  extension(self->iommufd, VFIO_DMA_CC_IOMMU));
}

TEST_F_TIMEOUT(container, type_may_be_set_again, TEST_SECONDS)
{
	__u64 large_pages;

	must(option_get(self->iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->space.ioas_id, &large_pages));
	EXPECT_EQ(variant->type == VFIO_TYPE1v2_IOMMU, large_pages);
	EXPECT_EQ(0, set_iommu(self->iommufd, variant->type));
	EXPECT_EQ(0, set_iommu(self->iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, set_iommu(self->iommufd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(-EINVAL, set_iommu(self->iommufd, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-EINVAL, set_iommu(self->iommufd, 0));
}

TEST_F_TIMEOUT(container, version_1_comes_before_mappings, TEST_SECONDS)
{
	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	EXPECT_EQ(0, set_iommu(self->iommufd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(variant->type == VFIO_TYPE1v2_IOMMU && variant->attached ?
			  -EINVAL : 0,
		  set_iommu(self->iommufd, VFIO_TYPE1_IOMMU));
}

TEST_F_TIMEOUT(container, maps_and_unmaps, TEST_SECONDS)
{
	__u64 unmapped = 0;

	ASSERT_EQ(0, map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	EXPECT_EQ(variant->attached ? PAGES : 0, pages_pinned());
	if (variant->attached)
		EXPECT_TRUE(translates(self, 0, LENGTH));
	EXPECT_EQ(-EEXIST,
		  map_dma(self->iommufd, self->memory, IOVA, PAGE_SIZE, RW));
	ASSERT_EQ(0, unmap_dma(self->iommufd, IOVA, LENGTH, &unmapped));
	EXPECT_EQ(LENGTH, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(container, shares_its_mappings_with_the_ioas, TEST_SECONDS)
{
	__u64 unmapped = 0;

	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	must(ioas_map_fixed(self->iommufd, self->space.ioas_id, self->memory,
			    PAGE_SIZE, IOVA + LENGTH));
	EXPECT_EQ(0, ioas_unmap(self->iommufd, self->space.ioas_id, IOVA,
				LENGTH, NULL));
	EXPECT_EQ(0, unmap_dma(self->iommufd, 0, MOCK_APERTURE_LAST,
			       &unmapped));
	EXPECT_EQ(PAGE_SIZE, unmapped);
}

TEST_F_TIMEOUT(container, permission_is_not_demanded, TEST_SECONDS)
{
	EXPECT_EQ(0, map_dma(self->iommufd, self->memory, IOVA, PAGE_SIZE, 0));
	EXPECT_EQ(0, map_dma(self->iommufd, self->memory, IOVA + PAGE_SIZE,
			     PAGE_SIZE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, map_dma(self->iommufd, self->memory, IOVA + 2 * PAGE_SIZE,
			     PAGE_SIZE, VFIO_DMA_MAP_FLAG_WRITE));
}

TEST_F_TIMEOUT(container, bad_map_is_refused, TEST_SECONDS)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map) - 1,
		.flags = RW,
		.vaddr = (uintptr_t)self->memory,
		.iova = IOVA,
		.size = PAGE_SIZE,
	};

	EXPECT_EQ(-EINVAL, container_call(self->iommufd, VFIO_IOMMU_MAP_DMA,
					  (unsigned long)&map));
	EXPECT_EQ(-EINVAL, map_dma(self->iommufd, self->memory, IOVA, 0, RW));
	EXPECT_EQ(-EINVAL, map_dma(self->iommufd, self->memory, IOVA, PAGE_SIZE,
				   RW | VFIO_DMA_MAP_FLAG_VADDR));
	EXPECT_EQ(-EOVERFLOW, map_dma(self->iommufd, self->memory, -PAGE_SIZE,
				      2 * PAGE_SIZE, RW));
	EXPECT_EQ(-EOVERFLOW, map_dma(self->iommufd, self->memory, UINT64_MAX,
				      PAGE_SIZE, RW));
	EXPECT_EQ(-EOVERFLOW,
		  map_dma(self->iommufd, self->memory, IOVA, UINT64_MAX, RW));
	if (variant->attached) {
		EXPECT_EQ(-EINVAL,
			  map_dma(self->iommufd, self->memory, 0, PAGE_SIZE,
				  RW));
		EXPECT_EQ(-EFAULT, map_dma(self->iommufd, NULL, IOVA, PAGE_SIZE,
					   RW));
	}
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(container, bad_unmap_leaves_its_argument_as_it_was, TEST_SECONDS)
{
	__u64 size;

	EXPECT_EQ(-EOVERFLOW,
		  unmap_dma(self->iommufd, -PAGE_SIZE, 2 * PAGE_SIZE, &size));
	EXPECT_EQ(2 * PAGE_SIZE, size);
}

TEST_F_TIMEOUT(container, unmap_that_cannot_answer_removes_nothing,
	       TEST_SECONDS)
{
	const struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = LENGTH,
	};
	void *arg = memory_readonly_copy(&unmap, sizeof(unmap));
	__u64 size;

	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	EXPECT_EQ(-EFAULT, container_call(self->iommufd, VFIO_IOMMU_UNMAP_DMA,
					  (unsigned long)arg));
	ASSERT_EQ(0, unmap_dma(self->iommufd, IOVA, LENGTH, &size));
	EXPECT_EQ(LENGTH, size);
}

TEST_F_TIMEOUT(container, bad_unmap_is_refused, TEST_SECONDS)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = offsetof(struct vfio_iommu_type1_dma_unmap, data) - 1,
		.iova = IOVA,
		.size = LENGTH,
	};

	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	EXPECT_EQ(-EINVAL, container_call(self->iommufd, VFIO_IOMMU_UNMAP_DMA,
					  (unsigned long)&unmap));
	EXPECT_EQ(-EINVAL,
		  unmap_dma_flags(self->iommufd, IOVA, LENGTH,
				  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, NULL));
	EXPECT_EQ(-EINVAL, unmap_dma_flags(self->iommufd, IOVA, LENGTH,
					   VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	EXPECT_EQ(-EINVAL, unmap_dma_flags(self->iommufd, IOVA, 0,
					   VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(-EINVAL, unmap_dma_flags(self->iommufd, 0, LENGTH,
					   VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(-EINVAL, unmap_dma(self->iommufd, IOVA, 0, NULL));
	EXPECT_EQ(-EOVERFLOW,
		  unmap_dma(self->iommufd, -PAGE_SIZE, 2 * PAGE_SIZE, NULL));
	EXPECT_EQ(variant->attached ? PAGES : 0, pages_pinned());
}

TEST_F_TIMEOUT(container, unmap_of_nothing_succeeds, TEST_SECONDS)
{
	__u64 unmapped = 1;

	EXPECT_EQ(0, unmap_dma(self->iommufd, IOVA, LENGTH, &unmapped));
	EXPECT_EQ(0, unmapped);
	unmapped = 1;
	EXPECT_EQ(0, unmap_dma_flags(self->iommufd, 0, 0,
				     VFIO_DMA_UNMAP_FLAG_ALL, &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F_TIMEOUT(container, unmap_of_all_sums_up, TEST_SECONDS)
{
	__u64 unmapped = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		must(map_dma(self->iommufd, self->memory,
			     IOVA + 2 * i * LENGTH, LENGTH, RW));
	ASSERT_EQ(0, unmap_dma_flags(self->iommufd, 0, 0,
				     VFIO_DMA_UNMAP_FLAG_ALL, &unmapped));
	EXPECT_EQ(8 * LENGTH, unmapped);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(container, parts_can_be_unmapped_by_version_1, TEST_SECONDS)
{
	const bool cuts = variant->type == VFIO_TYPE1_IOMMU;
	static const struct {
		unsigned int first, count;
	} parts[] = {
		{ 0, 1 }, { PAGES - 1, 1 }, { 7, 2 }, { 1, PAGES - 2 },
		{ 0, PAGES - 1 }, { 1, PAGES - 1 }, { 16, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const __u64 start = parts[i].first * PAGE_SIZE;
		const __u64 length = parts[i].count * PAGE_SIZE;
		__u64 unmapped = 1;

		must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
		EXPECT_EQ(cuts ? 0 : -ENOENT,
			  unmap_dma(self->iommufd, IOVA + start, length,
				    &unmapped));
		EXPECT_EQ(cuts ? length : 0, unmapped);
		if (variant->attached) {
			EXPECT_EQ(cuts ? PAGES - parts[i].count : PAGES,
				  pages_pinned());
			EXPECT_EQ(!cuts, translates(self, start, PAGE_SIZE));
			EXPECT_TRUE(!start || translates(self, 0, start));
			EXPECT_TRUE(start + length == LENGTH ||
				    translates(self, start + length,
					       LENGTH - start - length));
			EXPECT_EQ(0, mock_pinned(self->iommufd,
						 self->memory + start,
						 length, !cuts));
		}
		must(unmap_dma_flags(self->iommufd, 0, 0,
				     VFIO_DMA_UNMAP_FLAG_ALL, &unmapped));
		EXPECT_EQ(cuts ? LENGTH - length : LENGTH, unmapped);
		EXPECT_EQ(0, pages_pinned());
	}
}

TEST_F_TIMEOUT(container, pages_can_be_unmapped_one_by_one, TEST_SECONDS)
{
	const bool cuts = variant->type == VFIO_TYPE1_IOMMU;
	unsigned int i;

	random_start("CONTAINER_SEED");
	/* where it cannot be cut it has to come in pages */
	for (i = 0; i < (cuts ? 1 : PAGES); i++)
		must(map_dma(self->iommufd, self->memory + i * PAGE_SIZE,
			     IOVA + i * PAGE_SIZE, cuts ? LENGTH : PAGE_SIZE,
			     RW));
	for (i = 0; i < 4 * PAGES; i++) {
		__u64 start = random_below(PAGES) * PAGE_SIZE;
		__u64 unmapped;

		ASSERT_EQ(0, unmap_dma(self->iommufd, IOVA + start, PAGE_SIZE,
				       &unmapped));
		if (!unmapped)
			continue;
		ASSERT_EQ(PAGE_SIZE, unmapped);
		if (variant->attached)
			EXPECT_EQ(0, mock_pinned(self->iommufd,
						 self->memory + start,
						 PAGE_SIZE, 0));
		/* now and then it comes back */
		if (random_below(3) == 0)
			must(map_dma(self->iommufd, self->memory + start,
				     IOVA + start, PAGE_SIZE, RW));
	}
	for (i = 0; i < PAGES; i++)
		must(unmap_dma(self->iommufd, IOVA + i * PAGE_SIZE, PAGE_SIZE,
			       NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
}

TEST_F_TIMEOUT(container, cut_in_a_page_is_refused, TEST_SECONDS)
{
	const bool cuts = variant->type == VFIO_TYPE1_IOMMU;
	const __u64 odd[] = { 1, 2048, PAGE_SIZE + 8 };
	size_t i;

	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		EXPECT_EQ(cuts ? -EINVAL : -ENOENT,
			  unmap_dma(self->iommufd, IOVA + odd[i], PAGE_SIZE,
				    NULL));
		EXPECT_EQ(cuts ? -EINVAL : -ENOENT,
			  unmap_dma(self->iommufd, IOVA, odd[i], NULL));
	}
	EXPECT_EQ(variant->attached ? PAGES : 0, pages_pinned());
	EXPECT_EQ(0, unmap_dma(self->iommufd, IOVA, LENGTH, NULL));
}

TEST_F_TIMEOUT(container, cut_of_what_a_driver_pinned_is_refused, TEST_SECONDS)
{
	int access = must(access_create_pinning(self->iommufd,
						self->space.ioas_id));
	const bool cuts = variant->type == VFIO_TYPE1_IOMMU;
	__u32 item;

	must(map_dma(self->iommufd, self->memory, IOVA, LENGTH, RW));
	must(access_pin(self->iommufd, access, IOVA, 1, NULL,
			MOCK_FLAGS_ACCESS_WRITE, &item));
	EXPECT_EQ(cuts ? -EINVAL : -ENOENT,
		  unmap_dma(self->iommufd, IOVA + 8 * PAGE_SIZE, PAGE_SIZE,
			    NULL));
	must(access_unpin(self->iommufd, access, item));
	EXPECT_EQ(cuts ? 0 : -ENOENT,
		  unmap_dma(self->iommufd, IOVA + 8 * PAGE_SIZE, PAGE_SIZE,
			    NULL));
	/* The driver is told when all of it goes. */
	must(access_pin(self->iommufd, access, IOVA, 1, NULL,
			MOCK_FLAGS_ACCESS_WRITE, &item));
	EXPECT_EQ(0, unmap_dma(self->iommufd, IOVA, LENGTH, NULL));
	EXPECT_EQ(-ENOENT, access_unpin(self->iommufd, access, item));
	EXPECT_EQ(0, pages_pinned());
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(container, info_tells_sizes_and_ranges, TEST_SECONDS)
{
	struct {
		struct vfio_iommu_type1_info info;
		__u8 rest[256];
	} reply = { .info.argsz = sizeof(reply) };
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct vfio_iommu_type1_info_dma_avail *avail;
	const __u8 *start = (const __u8 *)&reply;

	ASSERT_EQ(0, get_info(self->iommufd, &reply.info));
	EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		  reply.info.flags);
	EXPECT_NE(0, reply.info.iova_pgsizes & PAGE_SIZE);
	EXPECT_EQ(0, reply.info.iova_pgsizes & (PAGE_SIZE - 1));
	ASSERT_EQ(24, reply.info.cap_offset);
	ASSERT_GE(sizeof(reply), reply.info.argsz);

	avail = (void *)(start + reply.info.cap_offset);
	EXPECT_EQ(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, avail->header.id);
	EXPECT_EQ(1, avail->header.version);
	EXPECT_EQ(UINT32_MAX, avail->avail);
	ASSERT_LT(reply.info.cap_offset, avail->header.next);

	ranges = (void *)(start + avail->header.next);
	EXPECT_EQ(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, ranges->header.id);
	EXPECT_EQ(1, ranges->header.version);
	EXPECT_EQ(0, ranges->header.next);
	ASSERT_EQ(1, ranges->nr_iovas);
	EXPECT_EQ(variant->attached ? MOCK_APERTURE : 0,
		  ranges->iova_ranges[0].start);
	EXPECT_EQ(variant->attached ? MOCK_APERTURE_LAST : UINT64_MAX,
		  ranges->iova_ranges[0].end);
}

TEST_F_TIMEOUT(container, info_never_exceeds_its_buffer, TEST_SECONDS)
{
	const struct vfio_iommu_type1_info whole = {
		.argsz = sizeof(whole),
	};
	char *pages = memory_alloc(2 * PAGE_SIZE);
	__u32 size, needed;

	must(mock_reserve(self->iommufd, self->space.ioas_id, IOVA, PAGE_SIZE));
	memcpy(pages, &whole, sizeof(whole));
	must(get_info(self->iommufd, (void *)pages));
	needed = ((struct vfio_iommu_type1_info *)pages)->argsz;
	memory_free(pages + PAGE_SIZE, PAGE_SIZE);
	for (size = 16; size < needed + 8; size++) {
		struct vfio_iommu_type1_info *info =
			(void *)(pages + PAGE_SIZE - size);
		__u32 argsz;

		/* What is not aligned cannot be looked at as a structure. */
		memset(info, 0, size);
		memcpy(info, &size, sizeof(size));
		ASSERT_EQ(0, get_info(self->iommufd, info));
		memcpy(&argsz, info, sizeof(argsz));
		EXPECT_EQ(needed, argsz);
	}
}

TEST_HARNESS_MAIN
