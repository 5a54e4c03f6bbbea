// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an I/O address space, and what it says about its IOVAs.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/vfio_device.h"

#define RANGES_MAX 64

FIXTURE(ioas)
{
	int iommufd;
	__u32 ioas_id;
};

FIXTURE_SETUP(ioas)
{
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
}

FIXTURE_TEARDOWN(ioas)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(ioas, id_is_never_zero_and_the_lowest_free, TEST_SECONDS)
{
	__u32 second, third, again;

	ASSERT_EQ(1, self->ioas_id);
	ASSERT_EQ(0, ioas_alloc(self->iommufd, &second));
	ASSERT_EQ(0, ioas_alloc(self->iommufd, &third));
	EXPECT_EQ(2, second);
	EXPECT_EQ(3, third);
	ASSERT_EQ(0, iommufd_destroy(self->iommufd, second));
	ASSERT_EQ(0, ioas_alloc(self->iommufd, &again));
	EXPECT_EQ(second, again);
}

TEST_F_TIMEOUT(ioas, alloc_with_a_flag_is_not_supported, TEST_SECONDS)
{
	unsigned int bit;
	__u32 id;

	for (bit = 0; bit < 32; bit++) {
		struct iommu_ioas_alloc alloc = {
			.size = sizeof(alloc),
			.flags = 1U << bit,
		};

		EXPECT_EQ(-EOPNOTSUPP, iommufd_call(self->iommufd,
						    IOMMU_IOAS_ALLOC, &alloc));
	}
	ASSERT_EQ(0, ioas_alloc(self->iommufd, &id));
	EXPECT_EQ(self->ioas_id + 1, id);
}

TEST_F_TIMEOUT(ioas, alloc_that_cannot_answer_leaves_nothing, TEST_SECONDS)
{
	const struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	void *arg = memory_readonly_copy(&alloc, sizeof(alloc));
	__u32 id;

	EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd, IOMMU_IOAS_ALLOC, arg));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, self->ioas_id + 1));
	ASSERT_EQ(0, ioas_alloc(self->iommufd, &id));
	EXPECT_EQ(self->ioas_id + 1, id);
}

TEST_F_TIMEOUT(ioas, destroy_of_what_does_not_exist_finds_nothing, TEST_SECONDS)
{
	static const __u32 ids[] = {
		0, 2, 1000, INT32_MAX, 1U << 31, UINT32_MAX
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, ids[i]));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, self->ioas_id));
}

TEST_F_TIMEOUT(ioas, destroy_takes_the_mappings_along, TEST_SECONDS)
{
	void *memory = memory_alloc(16 * PAGE_SIZE);
	__u64 iova;
	unsigned int i;

	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, ioas_map(self->iommufd, self->ioas_id, memory,
				      (i + 1) * PAGE_SIZE, &iova));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
	EXPECT_EQ(-ENOENT, ioas_unmap_all(self->iommufd, self->ioas_id, NULL));
}

TEST_F_TIMEOUT(ioas, contexts_do_not_see_each_other, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 id;

	EXPECT_EQ(-ENOENT, iommufd_destroy(other, self->ioas_id));
	ASSERT_EQ(0, ioas_alloc(other, &id));
	EXPECT_EQ(self->ioas_id, id);
	EXPECT_EQ(0, iommufd_destroy(other, id));
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
}

TEST_F_TIMEOUT(ioas, close_with_many_objects_frees_them, TEST_SECONDS)
{
	void *memory = memory_alloc(PAGE_SIZE);
	int other = must(iommufd_open());
	unsigned int i;

	for (i = 1; i <= 500; i++) {
		__u64 iova;
		__u32 id;

		ASSERT_EQ(0, ioas_alloc(other, &id));
		ASSERT_EQ(i, id);
		ASSERT_EQ(0, ioas_map(other, id, memory, PAGE_SIZE, &iova));
	}
	EXPECT_EQ(0, close(other));
}

TEST_F_TIMEOUT(ioas, objects_survive_their_creator, TEST_SECONDS)
{
	__u32 ids[2] = { 0 };
	int status, pipes[2];
	pid_t pid;

	must(errno_of(pipe(pipes)));
	pid = must(errno_of(fork()));
	if (!pid) {
		__u32 id = 0;

		ioas_alloc(self->iommufd, &id);
		_exit(write(pipes[1], &id, sizeof(id)) != sizeof(id));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(sizeof(ids[0]), read(pipes[0], &ids[0], sizeof(ids[0])));
	ASSERT_NE(0, ids[0]);
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, ids[0]));
}

TEST_F_TIMEOUT(ioas, fresh_space_reaches_to_the_top, TEST_SECONDS)
{
	struct iommu_iova_range range;
	__u64 alignment = 0;
	__u32 count = 1;

	ASSERT_EQ(0, ioas_iova_ranges(self->iommufd, self->ioas_id, &range,
				      &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0, range.start);
	EXPECT_EQ(UINT64_MAX, range.last);
	EXPECT_EQ(1, alignment);
}

TEST_F_TIMEOUT(ioas, number_of_ranges_is_told_without_an_array, TEST_SECONDS)
{
	__u64 alignment = 0;
	__u32 count = 0;

	EXPECT_EQ(-EMSGSIZE, ioas_iova_ranges(self->iommufd, self->ioas_id,
					      NULL, &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(1, alignment);
}

TEST_F_TIMEOUT(ioas, array_is_not_written_beyond_the_ranges, TEST_SECONDS)
{
	struct iommu_iova_range ranges[3];
	__u64 alignment;
	__u32 count = 3;

	memset(ranges, 0x5a, sizeof(ranges));
	ASSERT_EQ(0, ioas_iova_ranges(self->iommufd, self->ioas_id, ranges,
				      &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, ranges[1].start);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, ranges[2].last);
}

TEST_F_TIMEOUT(ioas, mappings_do_not_change_the_ranges, TEST_SECONDS)
{
	struct iommu_iova_range range;
	void *memory = memory_alloc(PAGE_SIZE);
	__u64 alignment;
	__u32 count = 1;

	must(ioas_map_fixed(self->iommufd, self->ioas_id, memory, PAGE_SIZE,
			    0x10000));
	ASSERT_EQ(0, ioas_iova_ranges(self->iommufd, self->ioas_id, &range,
				      &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0, range.start);
	EXPECT_EQ(UINT64_MAX, range.last);
}

TEST_F_TIMEOUT(ioas, ranges_with_wrong_arguments_are_refused, TEST_SECONDS)
{
	struct iommu_iova_range range;
	struct iommu_ioas_iova_ranges query = {
		.size = sizeof(query),
		.ioas_id = self->ioas_id,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&range,
	};

	query.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->iommufd, IOMMU_IOAS_IOVA_RANGES, &query));
	query.__reserved = 0;
	query.ioas_id = 0;
	EXPECT_EQ(-ENOENT,
		  iommufd_call(self->iommufd, IOMMU_IOAS_IOVA_RANGES, &query));
	query.ioas_id = self->ioas_id + 1;
	EXPECT_EQ(-ENOENT,
		  iommufd_call(self->iommufd, IOMMU_IOAS_IOVA_RANGES, &query));
	query.ioas_id = self->ioas_id;
	query.allowed_iovas = (uintptr_t)memory_hole(PAGE_SIZE);
	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->iommufd, IOMMU_IOAS_IOVA_RANGES, &query));
	query.allowed_iovas = 0;
	EXPECT_EQ(-EFAULT,
		  iommufd_call(self->iommufd, IOMMU_IOAS_IOVA_RANGES, &query));
}

TEST_F_TIMEOUT(ioas, compatibility_ioas_is_set_read_and_cleared, TEST_SECONDS)
{
	__u32 id = 0;

	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &id));
	EXPECT_EQ(0, vfio_ioas_clear(self->iommufd));
	EXPECT_EQ(-ENOENT, vfio_ioas_set(self->iommufd, 0));
	EXPECT_EQ(-ENOENT, vfio_ioas_set(self->iommufd, self->ioas_id + 1));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &id));
	EXPECT_EQ(0, vfio_ioas_set(self->iommufd, self->ioas_id));
	EXPECT_EQ(0, vfio_ioas_get(self->iommufd, &id));
	EXPECT_EQ(self->ioas_id, id);
	EXPECT_EQ(0, vfio_ioas_clear(self->iommufd));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &id));
}

TEST_F_TIMEOUT(ioas, compatibility_ioas_may_be_replaced, TEST_SECONDS)
{
	__u32 second, id;

	must(ioas_alloc(self->iommufd, &second));
	ASSERT_EQ(0, vfio_ioas_set(self->iommufd, self->ioas_id));
	ASSERT_EQ(0, vfio_ioas_set(self->iommufd, second));
	ASSERT_EQ(0, vfio_ioas_get(self->iommufd, &id));
	EXPECT_EQ(second, id);
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
}

TEST_F_TIMEOUT(ioas, compatibility_ioas_may_be_destroyed, TEST_SECONDS)
{
	__u32 id;

	must(vfio_ioas_set(self->iommufd, self->ioas_id));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &id));
}

TEST_F_TIMEOUT(ioas, compatibility_call_refuses_what_it_lacks, TEST_SECONDS)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.op = IOMMU_VFIO_IOAS_CLEAR,
		.__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->iommufd, IOMMU_VFIO_IOAS, &arg));
	arg.__reserved = 0;
	arg.op = 3;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->iommufd, IOMMU_VFIO_IOAS, &arg));
	arg.op = UINT16_MAX;
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_call(self->iommufd, IOMMU_VFIO_IOAS, &arg));
}

FIXTURE(ioas_of_device)
{
	struct pci_device pci;
	struct bound_device bound;
};

FIXTURE_SETUP(ioas_of_device)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	bound_device_open(&self->bound, self->pci.bdf);
}

FIXTURE_TEARDOWN(ioas_of_device)
{
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static bool overlaps(const struct iommu_iova_range *range, __u64 start,
		     __u64 last)
{
	return range->start <= last && start <= range->last;
}

TEST_F_TIMEOUT(ioas_of_device, attach_narrows_and_detach_widens, TEST_SECONDS)
{
	struct iommu_iova_range ranges[RANGES_MAX];
	struct bound_device *bound = &self->bound;
	__u64 alignment, interrupts, last;
	__u32 i, count = RANGES_MAX;

	must(pci_interrupt_window(&self->pci, &interrupts, &last));
	must(vfio_attach_to(bound->device, bound->ioas_id));
	ASSERT_EQ(0, ioas_iova_ranges(bound->iommufd, bound->ioas_id, ranges,
				      &count, &alignment));
	EXPECT_EQ(PAGE_SIZE, alignment);
	ASSERT_LE(2, count);
	ASSERT_GE(RANGES_MAX, count);
	for (i = 0; i < count; i++) {
		EXPECT_LE(ranges[i].start, ranges[i].last);
		EXPECT_FALSE(overlaps(&ranges[i], interrupts, last));
		if (i)
			EXPECT_GT(ranges[i].start, ranges[i - 1].last);
	}
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_GT(UINT64_MAX, ranges[count - 1].last);

	must(vfio_detach(bound->device));
	count = RANGES_MAX;
	ASSERT_EQ(0, ioas_iova_ranges(bound->iommufd, bound->ioas_id, ranges,
				      &count, &alignment));
	EXPECT_EQ(1, count);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(UINT64_MAX, ranges[0].last);
	EXPECT_EQ(1, alignment);
}

TEST_F_TIMEOUT(ioas_of_device, short_array_gets_the_first_ranges, TEST_SECONDS)
{
	struct iommu_iova_range ranges[RANGES_MAX], first[2];
	struct bound_device *bound = &self->bound;
	__u32 count = RANGES_MAX, told = 1;
	__u64 alignment;

	must(vfio_attach_to(bound->device, bound->ioas_id));
	must(ioas_iova_ranges(bound->iommufd, bound->ioas_id, ranges, &count,
			      &alignment));
	ASSERT_LE(2, count);
	memset(first, 0x5a, sizeof(first));
	EXPECT_EQ(-EMSGSIZE, ioas_iova_ranges(bound->iommufd, bound->ioas_id,
					      first, &told, &alignment));
	EXPECT_EQ(count, told);
	EXPECT_EQ(PAGE_SIZE, alignment);
	EXPECT_EQ(ranges[0].start, first[0].start);
	EXPECT_EQ(ranges[0].last, first[0].last);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, first[1].start);
}

TEST_F_TIMEOUT(ioas_of_device, destroy_is_busy_while_attached, TEST_SECONDS)
{
	struct bound_device *bound = &self->bound;

	must(vfio_attach_to(bound->device, bound->ioas_id));
	EXPECT_EQ(-EBUSY, iommufd_destroy(bound->iommufd, bound->ioas_id));
	must(vfio_detach(bound->device));
	EXPECT_EQ(0, iommufd_destroy(bound->iommufd, bound->ioas_id));
}

TEST_F_TIMEOUT(ioas_of_device, device_id_names_no_ioas, TEST_SECONDS)
{
	struct bound_device *bound = &self->bound;
	void *memory = memory_alloc(PAGE_SIZE);
	__u64 value = 0;
	__u32 count = 0;

	EXPECT_EQ(-ENOENT, ioas_map(bound->iommufd, bound->dev_id, memory,
				    PAGE_SIZE, &value));
	EXPECT_EQ(-ENOENT, ioas_unmap_all(bound->iommufd, bound->dev_id, NULL));
	EXPECT_EQ(-ENOENT, ioas_iova_ranges(bound->iommufd, bound->dev_id, NULL,
					    &count, &value));
	EXPECT_EQ(-ENOENT, vfio_ioas_set(bound->iommufd, bound->dev_id));
}

TEST_HARNESS_MAIN
