// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that know containers put a group into one, ask which IOVA they may
 * use, map, and open a device last. What they are told before the device has to
 * be what the device can do: on an iommufd in place of a container, and on
 * /dev/vfio/vfio, whoever serves it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
#define LENGTH (4 * PAGE_SIZE)
#define RANGES_MAX 64

/* What a container says of itself */
struct answer {
	__u64 page_sizes;
	unsigned int count;
	struct {
		__u64 start;
		__u64 last;
	} ranges[RANGES_MAX];
	int coherent;
};

static int container_info(int container, void *reply, size_t size)
{
	struct vfio_iommu_type1_info *info = reply;

	memset(reply, 0, size);
	info->argsz = size;
	return errno_of(ioctl(container, VFIO_IOMMU_GET_INFO, info));
}

/* The capability @id of a reply to GET_INFO; NULL if there is none */
static const void *info_find(const void *reply, __u16 id)
{
	const struct vfio_iommu_type1_info *info = reply;
	__u32 offset = info->cap_offset;

	while (offset) {
		const struct vfio_info_cap_header *header = reply + offset;

		if (header->id == id)
			return header;
		offset = header->next;
	}
	return NULL;
}

static int container_ask(int container, struct answer *answer)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	const struct vfio_iommu_type1_info *info;
	__aligned_u64 reply[256];
	unsigned int i;
	int ret;

	memset(answer, 0, sizeof(*answer));
	ret = container_info(container, reply, sizeof(reply));
	if (ret)
		return ret;
	info = (const void *)reply;
	answer->page_sizes = info->iova_pgsizes;
	cap = info_find(reply, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	if (!cap || cap->nr_iovas > RANGES_MAX)
		return -ENODATA;
	answer->count = cap->nr_iovas;
	for (i = 0; i < cap->nr_iovas; i++) {
		answer->ranges[i].start = cap->iova_ranges[i].start;
		answer->ranges[i].last = cap->iova_ranges[i].end;
	}
	answer->coherent = errno_of(ioctl(container, VFIO_CHECK_EXTENSION,
					  VFIO_DMA_CC_IOMMU));
	return 0;
}

static bool answer_has(const struct answer *answer, __u64 iova)
{
	unsigned int i;

	for (i = 0; i < answer->count; i++)
		if (iova >= answer->ranges[i].start &&
		    iova <= answer->ranges[i].last)
			return true;
	return false;
}

/* The last IOVA of all, and how many there are, as a program counts them */
static __u64 answer_last(const struct answer *answer)
{
	return answer->count ? answer->ranges[answer->count - 1].last : 0;
}

/* What the device writes here are interrupts. */
static __u64 interrupts_of(const struct pci_device *pci)
{
	__u64 start, last;

	must(pci_interrupt_window(pci, &start, &last));
	return start;
}

static int container_map(int container, const void *memory, __u64 iova)
{
	return vfio_container_map(container, memory, LENGTH, iova);
}

static int container_unmap(int container, __u64 iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = LENGTH,
	};

	return errno_of(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

/* A program that knows containers, on whatever it was given for one */
FIXTURE(client)
{
	struct pci_device pci;
	int container;
	int group;
	char *memory;
};

FIXTURE_VARIANT(client)
{
	bool iommufd;
	unsigned long type;
};

FIXTURE_VARIANT_ADD(client, iommufd_v1) {
	.iommufd = true,
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(client, iommufd_v2) {
	.iommufd = true,
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(client, container_v1) {
	.iommufd = false,
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(client, container_v2) {
	.iommufd = false,
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_SETUP(client)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->container =
		variant->iommufd ? iommufd_open() : vfio_container_open();
	need(self->container >= 0, "/dev/iommu or /dev/vfio/vfio");
	self->group = must(vfio_group_open(self->pci.group));
	must(vfio_group_set_container(self->group, self->container));
	must(errno_of(ioctl(self->container, VFIO_SET_IOMMU, variant->type)));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(client)
{
	close(self->group);
	close(self->container);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(client, answers_before_the_device_hold_with_it, TEST_SECONDS)
{
	struct answer before, after;
	unsigned int i;
	int device;

	ASSERT_EQ(0, container_ask(self->container, &before));
	ASSERT_NE(0, before.count);
	for (i = 0; i < before.count; i++)
		EXPECT_NE(0, before.ranges[i].last - before.ranges[i].start +
				     1);
	EXPECT_TRUE(answer_has(&before, IOVA));
	EXPECT_FALSE(answer_has(&before, interrupts_of(&self->pci)));

	device = must(vfio_group_device(self->group, self->pci.bdf));
	ASSERT_EQ(0, container_ask(self->container, &after));
	EXPECT_EQ(before.page_sizes, after.page_sizes);
	EXPECT_EQ(before.coherent, after.coherent);
	ASSERT_EQ(before.count, after.count);
	for (i = 0; i < before.count; i++) {
		EXPECT_EQ(before.ranges[i].start, after.ranges[i].start);
		EXPECT_EQ(before.ranges[i].last, after.ranges[i].last);
	}
	close(device);
}

TEST_F_TIMEOUT(client, map_over_the_interrupts_fails_and_not_the_device,
	       TEST_SECONDS)
{
	const __u64 interrupts = interrupts_of(&self->pci);

	EXPECT_EQ(-EINVAL,
		  container_map(self->container, self->memory, interrupts));
	EXPECT_EQ(-EINVAL, container_map(self->container, self->memory,
					 interrupts - PAGE_SIZE));
	close(must(vfio_group_device(self->group, self->pci.bdf)));
	EXPECT_EQ(-EINVAL,
		  container_map(self->container, self->memory, interrupts));
}

TEST_F_TIMEOUT(client, map_beyond_the_last_iova_fails_and_not_the_device,
	       TEST_SECONDS)
{
	struct answer answer;
	__u64 last;

	ASSERT_EQ(0, container_ask(self->container, &answer));
	last = answer_last(&answer);
	/* An IOMMU may translate all that a program can name. */
	if (last < UINT64_MAX - LENGTH)
		EXPECT_EQ(-EINVAL, container_map(self->container, self->memory,
						 last + 1));
	EXPECT_GT(0, container_map(self->container, self->memory,
				   last - PAGE_SIZE + 1));
	close(must(vfio_group_device(self->group, self->pci.bdf)));
}

TEST_F_TIMEOUT(client, map_of_half_a_page_fails_and_not_the_device,
	       TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL,
		  container_map(self->container, self->memory, IOVA + 512));
	EXPECT_EQ(-EINVAL,
		  container_map(self->container, self->memory + 512, IOVA));
	close(must(vfio_group_device(self->group, self->pci.bdf)));
}

TEST_F_TIMEOUT(client, ends_of_each_range_can_be_mapped, TEST_SECONDS)
{
	struct answer answer;
	unsigned int i;

	ASSERT_EQ(0, container_ask(self->container, &answer));
	for (i = 0; i < answer.count; i++) {
		__u64 start = answer.ranges[i].start;
		__u64 end = answer.ranges[i].last + 1 - LENGTH;

		/* Not where start + size wraps, which no map may */
		if (answer.ranges[i].last == UINT64_MAX)
			end -= LENGTH;
		must(container_map(self->container, self->memory, start));
		must(container_map(self->container, self->memory, end));
	}
	close(must(vfio_group_device(self->group, self->pci.bdf)));
	for (i = 0; i < answer.count; i++)
		must(container_unmap(self->container, answer.ranges[i].start));
}

TEST_F_TIMEOUT(client, device_reaches_what_was_mapped_before_it, TEST_SECONDS)
{
	struct edu edu;
	int device;

	must(container_map(self->container, self->memory, IOVA));
	device = must(vfio_group_device(self->group, self->pci.bdf));
	ASSERT_EQ(0, edu_start(&edu, device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->memory, LENGTH));
	edu_stop(&edu);
	close(device);
	must(container_unmap(self->container, IOVA));
}

/* Two groups and one iommufd, which can be looked at from the other side */
FIXTURE(groups)
{
	struct pci_device pci[2];
	int iommufd;
	int group[2];
	char *memory;
};

FIXTURE_SETUP(groups)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices, each alone in its group");
	self->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++) {
		self->pci[i] = *edu_alone(&list, i);
		self->group[i] = must(vfio_group_open(self->pci[i].group));
	}
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(groups)
{
	close(self->group[0]);
	close(self->group[1]);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* Is nothing reserved in the IOAS? */
static bool all_usable(int iommufd, __u32 ioas_id)
{
	struct iommu_iova_range ranges[RANGES_MAX];
	__u32 count = RANGES_MAX;
	__u64 alignment;

	must(ioas_iova_ranges(iommufd, ioas_id, ranges, &count, &alignment));
	return count == 1 && !ranges[0].start && ranges[0].last == UINT64_MAX;
}

static __u32 compat_ioas(int iommufd)
{
	__u32 ioas_id = 0;

	must(vfio_ioas_get(iommufd, &ioas_id));
	return ioas_id;
}

TEST_F_TIMEOUT(groups, ranges_are_reserved_while_a_group_is_there,
	       TEST_SECONDS)
{
	__u32 ioas_id;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		must(vfio_group_set_container(self->group[0], self->iommufd));
		ioas_id = compat_ioas(self->iommufd);
		EXPECT_FALSE(all_usable(self->iommufd, ioas_id));
		must(vfio_group_unset_container(self->group[0]));
		EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
	}
}

TEST_F_TIMEOUT(groups, close_of_a_group_is_its_leaving, TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	ioas_id = compat_ioas(self->iommufd);
	must(errno_of(close(self->group[0])));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
	self->group[0] = must(vfio_group_open(self->pci[0].group));
}

TEST_F_TIMEOUT(groups, ranges_stay_until_the_last_group_leaves, TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	must(vfio_group_set_container(self->group[1], self->iommufd));
	ioas_id = compat_ioas(self->iommufd);
	must(vfio_group_unset_container(self->group[0]));
	EXPECT_FALSE(all_usable(self->iommufd, ioas_id));
	EXPECT_EQ(-EINVAL, ioas_map_fixed(self->iommufd, ioas_id, self->memory,
					  LENGTH, interrupts_of(&self->pci[0])));
	must(vfio_group_unset_container(self->group[1]));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(groups, open_device_keeps_its_ranges, TEST_SECONDS)
{
	__u32 ioas_id;
	int device;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	ioas_id = compat_ioas(self->iommufd);
	device = must(vfio_group_device(self->group[0], self->pci[0].bdf));
	must(vfio_group_unset_container(self->group[0]));
	EXPECT_FALSE(all_usable(self->iommufd, ioas_id));
	must(errno_of(close(device)));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(groups, ranges_follow_the_compatibility_ioas, TEST_SECONDS)
{
	__u32 first, second;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	must(vfio_group_set_container(self->group[1], self->iommufd));
	first = compat_ioas(self->iommufd);
	must(ioas_alloc(self->iommufd, &second));
	EXPECT_TRUE(all_usable(self->iommufd, second));
	must(vfio_ioas_set(self->iommufd, second));
	EXPECT_TRUE(all_usable(self->iommufd, first));
	EXPECT_FALSE(all_usable(self->iommufd, second));
	/* To itself */
	must(vfio_ioas_set(self->iommufd, second));
	EXPECT_FALSE(all_usable(self->iommufd, second));
	must(vfio_ioas_clear(self->iommufd));
	EXPECT_TRUE(all_usable(self->iommufd, second));
	must(vfio_ioas_set(self->iommufd, first));
	EXPECT_FALSE(all_usable(self->iommufd, first));
}

TEST_F_TIMEOUT(groups, next_group_brings_an_ioas_with_the_ranges_of_all,
	       TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	must(iommufd_destroy(self->iommufd, compat_ioas(self->iommufd)));
	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &ioas_id));
	must(vfio_group_set_container(self->group[1], self->iommufd));
	ioas_id = compat_ioas(self->iommufd);
	must(vfio_group_unset_container(self->group[1]));
	EXPECT_FALSE(all_usable(self->iommufd, ioas_id));
	must(vfio_group_unset_container(self->group[0]));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(groups, group_leaves_after_its_ioas, TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	must(iommufd_destroy(self->iommufd, compat_ioas(self->iommufd)));
	must(vfio_group_unset_container(self->group[0]));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(groups, ioas_that_does_not_fit_is_not_set, TEST_SECONDS)
{
	__u32 first, second;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	first = compat_ioas(self->iommufd);
	must(ioas_alloc(self->iommufd, &second));
	must(ioas_map_fixed(self->iommufd, second, self->memory, LENGTH,
			    interrupts_of(&self->pci[0])));
	EXPECT_EQ(-EADDRINUSE, vfio_ioas_set(self->iommufd, second));
	EXPECT_EQ(first, compat_ioas(self->iommufd));
	EXPECT_FALSE(all_usable(self->iommufd, first));
	EXPECT_TRUE(all_usable(self->iommufd, second));
	must(ioas_unmap_all(self->iommufd, second, NULL));
	EXPECT_EQ(0, vfio_ioas_set(self->iommufd, second));
}

TEST_F_TIMEOUT(groups, group_that_does_not_fit_is_refused, TEST_SECONDS)
{
	__u32 flags, ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    interrupts_of(&self->pci[0])));
	/* As a container says when one more group does not fit */
	EXPECT_EQ(-EINVAL,
		  vfio_group_set_container(self->group[0], self->iommufd));
	must(vfio_group_status(self->group[0], &flags));
	EXPECT_EQ(0, flags & VFIO_GROUP_FLAGS_CONTAINER_SET);
	EXPECT_EQ(-EINVAL, vfio_group_unset_container(self->group[0]));
	EXPECT_TRUE(all_usable(self->iommufd, ioas_id));
	must(ioas_unmap_all(self->iommufd, ioas_id, NULL));
	EXPECT_EQ(0, vfio_group_set_container(self->group[0], self->iommufd));
}

TEST_F_TIMEOUT(groups, group_does_not_fit_what_was_allowed, TEST_SECONDS)
{
	const __u64 interrupts = interrupts_of(&self->pci[0]);
	const struct iommu_iova_range low = {
		.start = IOVA,
		.last = interrupts - 1,
	};
	const struct iommu_iova_range wide = {
		.start = IOVA,
		.last = interrupts + LENGTH - 1,
	};
	__u32 ioas_id;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	must(ioas_allow_iovas(self->iommufd, ioas_id, &wide, 1));
	EXPECT_EQ(-EINVAL,
		  vfio_group_set_container(self->group[0], self->iommufd));
	must(ioas_allow_iovas(self->iommufd, ioas_id, &low, 1));
	EXPECT_EQ(0, vfio_group_set_container(self->group[0], self->iommufd));
	EXPECT_EQ(-EADDRINUSE,
		  ioas_allow_iovas(self->iommufd, ioas_id, &wide, 1));
}

/* What is mapped must be aligned, for containers' calls, while a group is there */
TEST_F_TIMEOUT(groups, half_a_page_can_be_mapped_without_a_group, TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group[0], self->iommufd));
	ioas_id = compat_ioas(self->iommufd);
	EXPECT_EQ(-EINVAL,
		  container_map(self->iommufd, self->memory, IOVA + 512));
	must(vfio_group_unset_container(self->group[0]));
	EXPECT_EQ(0, container_map(self->iommufd, self->memory, IOVA + 512));
	must(ioas_unmap_all(self->iommufd, ioas_id, NULL));
}

TEST_HARNESS_MAIN
