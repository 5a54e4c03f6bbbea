// SPDX-License-Identifier: GPL-2.0
/*
 * Devices as /dev/iommu sees them once VFIO has bound them: found by cookie,
 * asked about their IOMMU, given page tables.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA 0x100000ULL
#define COOKIE 0x123456789abcdef0ULL
#define PAGES 16
#define LENGTH (PAGES * PAGE_SIZE)
#define UNSAFE "/sys/module/iommufd/parameters/allow_unsafe_interrupts"

FIXTURE(device)
{
	struct bound_device bound;
	struct pci_device pci;
	char *memory;
};

FIXTURE_SETUP(device)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	bound_device_open(&self->bound, self->pci.bdf);
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(device)
{
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static int map(struct bound_device *bound, const void *memory, __u64 iova)
{
	return ioas_map_fixed(bound->iommufd, bound->ioas_id, memory, LENGTH,
			      iova);
}

static __u32 alloc_table(struct bound_device *bound)
{
	__u32 hwpt_id = 0;

	must(hwpt_alloc(bound->iommufd, bound->dev_id, bound->ioas_id,
			&hwpt_id));
	return hwpt_id;
}

TEST_F_TIMEOUT(device, bound_device_cannot_be_destroyed, TEST_SECONDS)
{
	EXPECT_EQ(-EBUSY,
		  iommufd_destroy(self->bound.iommufd, self->bound.dev_id));
	EXPECT_EQ(0, vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(-EBUSY,
		  iommufd_destroy(self->bound.iommufd, self->bound.dev_id));
}

TEST_F_TIMEOUT(device, id_is_gone_after_close, TEST_SECONDS)
{
	__u32 length = 0, type;

	must(errno_of(close(self->bound.device)));
	EXPECT_EQ(-ENOENT,
		  iommufd_destroy(self->bound.iommufd, self->bound.dev_id));
	EXPECT_EQ(-ENOENT,
		  device_hw_info(self->bound.iommufd, self->bound.dev_id, NULL,
				 &length, &type));
	self->bound.device = must(vfio_cdev_open(self->pci.bdf));
}

TEST_F_TIMEOUT(device, cookie_finds_the_device, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	__u32 dev_id = 0, found = 0;
	int device;

	EXPECT_EQ(-ENOENT, device_find(iommufd, COOKIE, &found));
	must(errno_of(close(self->bound.device)));
	device = must(vfio_cdev_open(self->pci.bdf));
	must(vfio_bind_cookie(device, iommufd, COOKIE, &dev_id));
	EXPECT_EQ(0, device_find(iommufd, COOKIE, &found));
	EXPECT_EQ(dev_id, found);
	EXPECT_EQ(-ENOENT, device_find(iommufd, COOKIE + 1, &found));
	EXPECT_EQ(-ENOENT, device_find(iommufd, 0, &found));
	EXPECT_EQ(-ENOENT, device_find(self->bound.iommufd, COOKIE, &found));
	must(errno_of(close(device)));
	EXPECT_EQ(-ENOENT, device_find(iommufd, COOKIE, &found));
	must(errno_of(close(iommufd)));
	self->bound.device = must(vfio_cdev_open(self->pci.bdf));
}

TEST_F_TIMEOUT(device, device_without_cookie_is_not_found, TEST_SECONDS)
{
	__u32 found;

	EXPECT_EQ(-ENOENT, device_find(self->bound.iommufd, 0, &found));
	EXPECT_EQ(-ENOENT,
		  device_find(self->bound.iommufd, self->bound.dev_id, &found));
}

/* Every value is a cookie, the ends of the range included. */
TEST_F_TIMEOUT(device, any_number_is_a_cookie, TEST_SECONDS)
{
	static const __u64 cookies[] = { 0, 1, UINT32_MAX, 1ULL << 32,
					 UINT64_MAX };
	size_t i;

	must(errno_of(close(self->bound.device)));
	for (i = 0; i < ARRAY_SIZE(cookies); i++) {
		int device = must(vfio_cdev_open(self->pci.bdf));
		__u32 dev_id = 0, found = 0;

		ASSERT_EQ(0, vfio_bind_cookie(device, self->bound.iommufd,
					      cookies[i], &dev_id));
		EXPECT_EQ(0,
			  device_find(self->bound.iommufd, cookies[i], &found));
		EXPECT_EQ(dev_id, found);
		EXPECT_EQ(-ENOENT, device_find(self->bound.iommufd, ~cookies[i],
					       &found));
		must(errno_of(close(device)));
	}
	self->bound.device = must(vfio_cdev_open(self->pci.bdf));
}

TEST_F_TIMEOUT(device, hw_info_names_the_iommu, TEST_SECONDS)
{
	struct iommu_hw_info_vtd vtd = { 0 };
	__u32 length = sizeof(vtd), type = 0;

	ASSERT_EQ(0, device_hw_info(self->bound.iommufd, self->bound.dev_id,
				    &vtd, &length, &type));
	need(type == IOMMU_HW_INFO_TYPE_INTEL_VTD, "an Intel IOMMU");
	EXPECT_EQ(sizeof(vtd), length);
	EXPECT_NE(0, vtd.cap_reg);
	EXPECT_NE(0, vtd.ecap_reg);
	EXPECT_EQ(0, vtd.flags);
	EXPECT_EQ(0, vtd.__reserved);
}

TEST_F_TIMEOUT(device, hw_info_tells_its_length_without_a_buffer, TEST_SECONDS)
{
	struct iommu_hw_info_vtd vtd = { 0 };
	__u32 length = 0, full = sizeof(vtd), type = 0;

	ASSERT_EQ(0, device_hw_info(self->bound.iommufd, self->bound.dev_id,
				    &vtd, &full, &type));
	ASSERT_EQ(0, device_hw_info(self->bound.iommufd, self->bound.dev_id,
				    NULL, &length, &type));
	EXPECT_EQ(full, length);
}

TEST_F_TIMEOUT(device, hw_info_fits_any_buffer, TEST_SECONDS)
{
	__u8 full[64], cut[64];
	__u32 room, known = sizeof(full), type, i;

	memset(full, 0x5a, sizeof(full));
	ASSERT_EQ(0, device_hw_info(self->bound.iommufd, self->bound.dev_id,
				    full, &known, &type));
	for (i = known; i < sizeof(full); i++)
		EXPECT_EQ(0, full[i]);
	for (room = 0; room <= known; room++) {
		__u32 length = room;

		memset(cut, 0x5a, sizeof(cut));
		ASSERT_EQ(0, device_hw_info(self->bound.iommufd,
					    self->bound.dev_id, cut, &length,
					    &type));
		EXPECT_EQ(known, length);
		EXPECT_EQ(0, memcmp(cut, full, room));
		for (i = room; i < sizeof(cut); i++)
			EXPECT_EQ(0x5a, cut[i]);
	}
}

TEST_F_TIMEOUT(device, hw_info_gives_the_type_asked_for, TEST_SECONDS)
{
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.dev_id = self->bound.dev_id,
		.in_data_type = IOMMU_HW_INFO_TYPE_DEFAULT,
	};
	__u32 type;

	ASSERT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	type = info.out_data_type;
	info.data_len = 0;
	info.out_capabilities = 0;
	info.in_data_type = type;
	EXPECT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(type, info.out_data_type);
	info.data_len = 0;
	info.in_data_type = 1000;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	/* without the flag the field is output only */
	info.flags = 0;
	EXPECT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(type, info.out_data_type);
}

TEST_F_TIMEOUT(device, hw_info_refuses_what_it_lacks, TEST_SECONDS)
{
	const struct iommu_hw_info good = {
		.size = sizeof(good),
		.dev_id = self->bound.dev_id,
	};
	struct iommu_hw_info info = good;
	unsigned int i;

	for (i = 1; i < 32; i++) {
		info = good;
		info.flags = 1U << i;
		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->bound.iommufd,
						    IOMMU_GET_HW_INFO, &info));
	}
	for (i = 0; i < ARRAY_SIZE(info.__reserved); i++) {
		info = good;
		info.__reserved[i] = 1;
		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->bound.iommufd,
						    IOMMU_GET_HW_INFO, &info));
	}
	info = good;
	info.dev_id = 0;
	EXPECT_EQ(-ENOENT,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	info.dev_id = self->bound.ioas_id;
	EXPECT_EQ(-ENOENT,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	info = good;
	info.data_len = sizeof(struct iommu_hw_info_vtd);
	info.data_uptr = (uintptr_t)memory_hole(PAGE_SIZE);
	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
}

/*
 * Neither these devices, nor their IOMMU, do dirty tracking or PASIDs: nothing may be
 * claimed that does not work.
 */
TEST_F_TIMEOUT(device, capabilities_do_not_promise_what_is_missing,
	       TEST_SECONDS)
{
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = self->bound.dev_id,
	};

	ASSERT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(0, info.out_capabilities & 7);
	EXPECT_EQ(0, info.out_max_pasid_log2);
}

/* The first version of the structure ends before the capabilities. */
TEST_F_TIMEOUT(device, hw_info_of_the_first_version_works, TEST_SECONDS)
{
	struct iommu_hw_info info = {
		.size = 32,
		.dev_id = self->bound.dev_id,
		.out_capabilities = 0x5a5a5a5a5a5a5a5aULL,
	};

	EXPECT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_GET_HW_INFO, &info));
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, info.out_capabilities);
}

TEST_F_TIMEOUT(device, table_holds_the_mappings_of_its_ioas, TEST_SECONDS)
{
	__u32 hwpt_id;

	must(map(&self->bound, self->memory, IOVA));
	EXPECT_EQ(0, pages_pinned());
	hwpt_id = alloc_table(&self->bound);
	EXPECT_NE(0, hwpt_id);
	EXPECT_EQ(PAGES, pages_pinned());
	must(map(&self->bound, self->memory, IOVA + LENGTH));
	EXPECT_EQ(2 * PAGES, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, hwpt_id));
	EXPECT_EQ(0, pages_pinned());
}

/* However many tables there are, a page is pinned once. */
TEST_F_TIMEOUT(device, second_table_does_not_pin_again, TEST_SECONDS)
{
	__u32 first, second;

	must(map(&self->bound, self->memory, IOVA));
	first = alloc_table(&self->bound);
	second = alloc_table(&self->bound);
	EXPECT_NE(first, second);
	EXPECT_EQ(PAGES, pages_pinned());
	must(iommufd_destroy(self->bound.iommufd, first));
	EXPECT_EQ(PAGES, pages_pinned());
	must(iommufd_destroy(self->bound.iommufd, second));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(device, table_keeps_its_ioas_busy, TEST_SECONDS)
{
	__u32 hwpt_id = alloc_table(&self->bound);

	EXPECT_EQ(-EBUSY,
		  iommufd_destroy(self->bound.iommufd, self->bound.ioas_id));
	must(iommufd_destroy(self->bound.iommufd, hwpt_id));
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, self->bound.ioas_id));
}

TEST_F_TIMEOUT(device, attached_table_is_busy, TEST_SECONDS)
{
	__u32 hwpt_id = alloc_table(&self->bound), pt_id = hwpt_id;

	ASSERT_EQ(0, vfio_attach(self->bound.device, &pt_id));
	EXPECT_EQ(hwpt_id, pt_id);
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->bound.iommufd, hwpt_id));
	must(vfio_detach(self->bound.device));
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, hwpt_id));
}

TEST_F_TIMEOUT(device, table_narrows_the_ioas_while_it_exists, TEST_SECONDS)
{
	struct iommu_iova_range ranges[8];
	__u32 hwpt_id = alloc_table(&self->bound);
	__u32 count = ARRAY_SIZE(ranges);
	__u64 alignment = 0;

	ASSERT_EQ(0, ioas_iova_ranges(self->bound.iommufd, self->bound.ioas_id,
				      ranges, &count, &alignment));
	EXPECT_EQ(PAGE_SIZE, alignment);
	EXPECT_GT(UINT64_MAX, ranges[count - 1].last);
	must(iommufd_destroy(self->bound.iommufd, hwpt_id));
	count = ARRAY_SIZE(ranges);
	ASSERT_EQ(0, ioas_iova_ranges(self->bound.iommufd, self->bound.ioas_id,
				      ranges, &count, &alignment));
	EXPECT_EQ(1, alignment);
	EXPECT_EQ(1, count);
	EXPECT_EQ(UINT64_MAX, ranges[0].last);
}

TEST_F_TIMEOUT(device, table_is_not_made_from_the_wrong_thing, TEST_SECONDS)
{
	struct bound_device *bound = &self->bound;
	__u32 id;

	EXPECT_EQ(-ENOENT, hwpt_alloc(bound->iommufd, 0, bound->ioas_id, &id));
	EXPECT_EQ(-ENOENT,
		  hwpt_alloc(bound->iommufd, 1000, bound->ioas_id, &id));
	EXPECT_EQ(-ENOENT, hwpt_alloc(bound->iommufd, bound->ioas_id,
				      bound->ioas_id, &id));
	EXPECT_EQ(-EINVAL, hwpt_alloc(bound->iommufd, bound->dev_id, 0, &id));
	EXPECT_EQ(-EINVAL,
		  hwpt_alloc(bound->iommufd, bound->dev_id, 1000, &id));
	EXPECT_EQ(-EINVAL, hwpt_alloc(bound->iommufd, bound->dev_id,
				      bound->dev_id, &id));
}

TEST_F_TIMEOUT(device, table_with_flags_or_data_is_refused, TEST_SECONDS)
{
	const struct iommu_hwpt_alloc good = {
		.size = sizeof(good),
		.dev_id = self->bound.dev_id,
		.pt_id = self->bound.ioas_id,
	};
	struct iommu_hwpt_alloc alloc = good;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		alloc = good;
		alloc.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->bound.iommufd,
						    IOMMU_HWPT_ALLOC, &alloc));
	}
	alloc = good;
	alloc.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, &alloc));
	alloc = good;
	alloc.data_len = 8;
	EXPECT_EQ(-EINVAL,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, &alloc));
	alloc = good;
	alloc.data_type = 1;
	EXPECT_EQ(-EINVAL,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, &alloc));
	alloc.data_len = 24;
	alloc.data_uptr = (uintptr_t)self->memory;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, &alloc));
}

TEST_F_TIMEOUT(device, table_of_the_first_version_works, TEST_SECONDS)
{
	struct iommu_hwpt_alloc alloc = {
		.size = 24,
		.dev_id = self->bound.dev_id,
		.pt_id = self->bound.ioas_id,
		.__reserved2 = 1,
	};

	EXPECT_EQ(0,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, &alloc));
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, alloc.out_hwpt_id));
}

TEST_F_TIMEOUT(device, table_for_bad_memory_faults, TEST_SECONDS)
{
	__u32 id;

	must(map(&self->bound, self->memory, IOVA));
	must(map(&self->bound, memory_hole(LENGTH), IOVA + LENGTH));
	EXPECT_EQ(-EFAULT, hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
				      self->bound.ioas_id, &id));
	EXPECT_EQ(0, pages_pinned());
	must(ioas_unmap(self->bound.iommufd, self->bound.ioas_id, IOVA + LENGTH,
			LENGTH, NULL));
	EXPECT_EQ(0, hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
				self->bound.ioas_id, &id));
}

TEST_F_TIMEOUT(device, table_for_untranslatable_iova_is_refused, TEST_SECONDS)
{
	__u32 id;

	must(map(&self->bound, self->memory, 1ULL << 60));
	EXPECT_EQ(-EADDRINUSE,
		  hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			     self->bound.ioas_id, &id));
	EXPECT_EQ(0, pages_pinned());
}

/* Recording 2^63 bytes is allowed; no table can hold them. */
TEST_F_TIMEOUT(device, table_for_half_the_space_is_refused, TEST_SECONDS)
{
	__u32 id;

	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id, NULL,
			    1ULL << 63, 0));
	EXPECT_EQ(-EADDRINUSE,
		  hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			     self->bound.ioas_id, &id));
	EXPECT_EQ(-EADDRINUSE,
		  vfio_attach_to(self->bound.device, self->bound.ioas_id));
}

TEST_F_TIMEOUT(device, table_for_unaligned_mapping_is_refused, TEST_SECONDS)
{
	__u32 id;

	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, 2048, IOVA));
	EXPECT_EQ(-EADDRINUSE,
		  hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			     self->bound.ioas_id, &id));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(device, table_over_the_memory_limit_is_refused, TEST_SECONDS)
{
	__u32 id;

	limit_locked_pages(PAGES);
	must(map(&self->bound, self->memory, IOVA));
	must(map(&self->bound, self->memory, IOVA + LENGTH));
	EXPECT_EQ(-ENOMEM, hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
				      self->bound.ioas_id, &id));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(-ENOMEM,
		  vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(0, pages_pinned());
	must(ioas_unmap(self->bound.iommufd, self->bound.ioas_id, IOVA, LENGTH,
			NULL));
	EXPECT_EQ(0, hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
				self->bound.ioas_id, &id));
}

TEST_F_TIMEOUT(device, table_that_cannot_be_reported_is_not_made, TEST_SECONDS)
{
	const struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = self->bound.dev_id,
		.pt_id = self->bound.ioas_id,
	};
	void *arg = memory_readonly_copy(&alloc, sizeof(alloc));

	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->bound.iommufd, IOMMU_HWPT_ALLOC, arg));
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, self->bound.ioas_id));
}

/* Devices of which something is missing, and a space with a usual one */
FIXTURE(odd_device)
{
	struct space space;
	struct mock usual;
	struct mock odd;
	char *memory;
};

FIXTURE_SETUP(odd_device)
{
	need(mock_exists(), "the mock IOMMU");
	space_open_mock(&self->space, &self->usual);
	self->memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, LENGTH, 2 * MOCK_APERTURE));
}

FIXTURE_TEARDOWN(odd_device)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static int create_odd(FIXTURE_DATA(odd_device) * self, __u32 flags)
{
	return mock_create_flags(self->space.iommufd, self->space.ioas_id,
				 flags, &self->odd);
}

TEST_F_TIMEOUT(odd_device, without_coherent_caches_is_not_bound, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, create_odd(self, MOCK_FLAGS_DEVICE_INCOHERENT));
}

TEST_F_TIMEOUT(odd_device, without_isolated_interrupts_needs_permission,
	       TEST_SECONDS)
{
	const __u32 flags = MOCK_FLAGS_DEVICE_FREE_INTERRUPTS;
	char former[8];

	need(!interrupts_name(" ITS-"), "interrupts that an IOMMU isolates");
	must(file_read(UNSAFE, former, sizeof(former)));
	must(file_write(UNSAFE, "N"));
	EXPECT_EQ(-EPERM, create_odd(self, flags));
	must(file_write(UNSAFE, "Y"));
	EXPECT_EQ(0, create_odd(self, flags));
	must(file_write(UNSAFE, "N"));
	EXPECT_EQ(-EPERM, create_odd(self, flags));
	must(file_write(UNSAFE, former));
}

TEST_F_TIMEOUT(odd_device, with_large_pages_only_is_not_attached, TEST_SECONDS)
{
	__u32 ioas_id;

	must(ioas_alloc(self->space.iommufd, &ioas_id));
	EXPECT_EQ(-EINVAL, mock_create_flags(self->space.iommufd, ioas_id,
					     MOCK_FLAGS_DEVICE_LARGE_PAGES,
					     &self->odd));
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd, ioas_id));
}

/* The hardware refuses the new table: it gets the former one again. */
TEST_F_TIMEOUT(odd_device, keeps_its_table_when_another_is_refused,
	       TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	__u32 ioas_id, hwpt_id;

	must(create_odd(self, MOCK_FLAGS_DEVICE_ONE_TABLE));
	EXPECT_EQ(self->usual.hwpt_id, self->odd.hwpt_id);
	must(ioas_alloc(iommufd, &ioas_id));
	must(ioas_map_fixed(iommufd, ioas_id, self->memory, LENGTH,
			    3 * MOCK_APERTURE));
	EXPECT_EQ(-EIO, mock_replace(iommufd, &self->odd, ioas_id));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(iommufd, ioas_id));

	must(hwpt_alloc(iommufd, self->odd.dev_id, self->space.ioas_id,
			&hwpt_id));
	EXPECT_EQ(-EIO, mock_replace(iommufd, &self->odd, hwpt_id));
	EXPECT_EQ(0, iommufd_destroy(iommufd, hwpt_id));

	EXPECT_EQ(0, mock_translates(iommufd, self->odd.hwpt_id, self->memory,
				     LENGTH, 2 * MOCK_APERTURE));
	EXPECT_EQ(0, mock_replace(iommufd, &self->odd, self->space.ioas_id));
	EXPECT_EQ(self->usual.hwpt_id, self->odd.hwpt_id);
	EXPECT_EQ(0, iommufd_destroy(iommufd, self->odd.id));
}

/* Its table is replaced by another one of the same IOAS. Returns the former one. */
static __u32 replace_odd(FIXTURE_DATA(odd_device) * self)
{
	__u32 former = self->odd.hwpt_id, hwpt_id;

	must(hwpt_alloc(self->space.iommufd, self->odd.dev_id,
			self->space.ioas_id, &hwpt_id));
	must(mock_replace(self->space.iommufd, &self->odd, hwpt_id));
	return former;
}

TEST_F_TIMEOUT(odd_device, always_has_a_table_while_it_is_replaced, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	__u32 former;

	must(create_odd(self, 0));
	former = replace_odd(self);
	EXPECT_FALSE(mock_is_in(iommufd, &self->odd, former));
	EXPECT_TRUE(mock_is_in(iommufd, &self->odd, self->odd.hwpt_id));
	EXPECT_EQ(0, mock_gaps(iommufd, &self->odd));
	EXPECT_EQ(0, mock_translates(iommufd, self->odd.hwpt_id, self->memory,
				     LENGTH, 2 * MOCK_APERTURE));
}

TEST_F_TIMEOUT(odd_device, that_cannot_switch_is_attached_anew, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;

	must(create_odd(self, MOCK_FLAGS_DEVICE_NO_SWITCH));
	replace_odd(self);
	EXPECT_TRUE(mock_is_in(iommufd, &self->odd, self->odd.hwpt_id));
	EXPECT_EQ(1, mock_gaps(iommufd, &self->odd));
}

/* There a table is attached to become final, and the group has another one. */
TEST_F_TIMEOUT(odd_device, of_a_plain_driver_gets_a_table_while_detached,
	       TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	__u32 hwpt_id, ioas_id;

	must(create_odd(self, MOCK_FLAGS_DEVICE_PLAIN_DRIVER));
	EXPECT_NE(self->usual.hwpt_id, self->odd.hwpt_id);
	EXPECT_TRUE(mock_is_in(iommufd, &self->odd, self->odd.hwpt_id));
	EXPECT_EQ(0, mock_translates(iommufd, self->odd.hwpt_id, self->memory,
				     LENGTH, 2 * MOCK_APERTURE));

	must(ioas_alloc(iommufd, &ioas_id));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(iommufd, self->odd.dev_id, ioas_id,
					  &hwpt_id));
	EXPECT_EQ(-EOPNOTSUPP, mock_replace(iommufd, &self->odd, ioas_id));
	EXPECT_TRUE(mock_is_in(iommufd, &self->odd, self->odd.hwpt_id));
	EXPECT_EQ(0, iommufd_destroy(iommufd, ioas_id));
}

/*
 * Two devices of one group. The first one has moved when the second one refuses
 * the table: it comes back. How often was the table of each taken away?
 */
struct group_gaps {
	__u32 first;
	__u32 second;
};

static struct group_gaps refuse_for_second(FIXTURE_DATA(odd_device) * self,
					   __u32 flags)
{
	const int iommufd = self->space.iommufd;
	struct group_gaps gaps = { ~0U, ~0U };
	struct mock second;
	__u32 hwpt_id;

	must(create_odd(self, MOCK_FLAGS_DEVICE_SHARE_GROUP));
	must(mock_create_flags(iommufd, self->space.ioas_id,
			       MOCK_FLAGS_DEVICE_SHARE_GROUP |
			       MOCK_FLAGS_DEVICE_ONE_TABLE | flags, &second));
	must(hwpt_alloc(iommufd, self->odd.dev_id, self->space.ioas_id,
			&hwpt_id));
	if (mock_replace(iommufd, &self->odd, hwpt_id) == -EIO &&
	    mock_is_in(iommufd, &self->odd, self->odd.hwpt_id) &&
	    mock_is_in(iommufd, &second, self->odd.hwpt_id)) {
		gaps.first = mock_gaps(iommufd, &self->odd);
		gaps.second = mock_gaps(iommufd, &second);
	}
	must(iommufd_destroy(iommufd, hwpt_id));
	must(iommufd_destroy(iommufd, second.id));
	must(iommufd_destroy(iommufd, self->odd.id));
	return gaps;
}

TEST_F_TIMEOUT(odd_device, comes_back_when_another_of_its_group_is_refused,
	       TEST_SECONDS)
{
	struct group_gaps gaps = refuse_for_second(self, 0);

	EXPECT_EQ(0, gaps.first);
	EXPECT_EQ(0, gaps.second);
}

TEST_F_TIMEOUT(odd_device, comes_back_when_another_of_its_group_was_detached,
	       TEST_SECONDS)
{
	struct group_gaps gaps =
		refuse_for_second(self, MOCK_FLAGS_DEVICE_NO_SWITCH);

	EXPECT_EQ(0, gaps.first);
	EXPECT_EQ(1, gaps.second);
}

/* What VFIO never asks for, as it knows which device is open */
TEST_F_TIMEOUT(odd_device, that_is_bound_is_not_bound_again, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;

	EXPECT_EQ(-EBUSY, mock_bind_again(iommufd, &self->usual));
	EXPECT_EQ(0, mock_translates(iommufd, self->usual.hwpt_id,
				     self->memory, LENGTH, 2 * MOCK_APERTURE));
	must(create_odd(self, 0));
	EXPECT_EQ(-EBUSY, mock_bind_again(iommufd, &self->odd));
	EXPECT_EQ(-EBUSY, mock_bind_again(iommufd, &self->usual));
	EXPECT_EQ(0, iommufd_destroy(iommufd, self->odd.id));
	EXPECT_EQ(0, iommufd_destroy(iommufd, self->usual.id));
}

TEST_F_TIMEOUT(odd_device, with_an_unknown_oddity_is_not_made, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, create_odd(self, 1U << 31));
}

TEST_HARNESS_MAIN
