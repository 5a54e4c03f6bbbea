// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO_DEVICE_ATTACH_IOMMUFD_PT and VFIO_DEVICE_DETACH_IOMMUFD_PT: attach,
 * replace and detach, each judged by what the device then reaches.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
#define PAGES 4
#define LENGTH (PAGES * PAGE_SIZE)
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000

/* One device with two spaces; each maps memory of its own at IOVA. */
FIXTURE(attach)
{
	struct bound_device bound;
	struct edu edu;
	__u32 second_ioas;
	char *memory[2];
};

FIXTURE_SETUP(attach)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	bound_device_open(&self->bound, edu_alone(&list, 0)->bdf);
	must(ioas_alloc(self->bound.iommufd, &self->second_ioas));
	must(edu_start(&self->edu, self->bound.device));
	self->memory[0] = memory_alloc(LENGTH);
	self->memory[1] = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory[0], LENGTH, IOVA));
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas,
			    self->memory[1], LENGTH, IOVA));
}

FIXTURE_TEARDOWN(attach)
{
	edu_stop(&self->edu);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static bool reaches(struct edu *edu, void *memory)
{
	return edu_reaches(edu, IOVA, memory, LENGTH);
}

/* The one way in which a device that reaches nothing differs from a dead one */
static bool reaches_nothing(struct edu *edu, void *memory)
{
	memory_fill(memory, LENGTH, UNTOUCHED);
	return !edu_dma_write(edu, IOVA, 0, EDU_DMA_MAX) &&
	       memory_matches(memory, LENGTH, UNTOUCHED);
}

TEST_F_TIMEOUT(attach, bound_device_reaches_nothing, TEST_SECONDS)
{
	EXPECT_TRUE(reaches_nothing(&self->edu, self->memory[0]));
}

TEST_F_TIMEOUT(attach, attach_to_ioas_makes_a_table, TEST_SECONDS)
{
	__u32 pt_id = self->bound.ioas_id;

	ASSERT_EQ(0, vfio_attach(self->bound.device, &pt_id));
	EXPECT_NE(self->bound.ioas_id, pt_id);
	EXPECT_NE(self->bound.dev_id, pt_id);
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->bound.iommufd, pt_id));
}

TEST_F_TIMEOUT(attach, attach_to_table_uses_that_one, TEST_SECONDS)
{
	__u32 hwpt_id, pt_id;

	must(hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			self->bound.ioas_id, &hwpt_id));
	pt_id = hwpt_id;
	ASSERT_EQ(0, vfio_attach(self->bound.device, &pt_id));
	EXPECT_EQ(hwpt_id, pt_id);
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
}

/* A table made by hand is never chosen by the kernel. */
TEST_F_TIMEOUT(attach, attach_to_ioas_does_not_take_a_made_table, TEST_SECONDS)
{
	__u32 pt_id = self->bound.ioas_id, hwpt_id;

	must(hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			self->bound.ioas_id, &hwpt_id));
	ASSERT_EQ(0, vfio_attach(self->bound.device, &pt_id));
	EXPECT_NE(hwpt_id, pt_id);
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, hwpt_id));
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
}

TEST_F_TIMEOUT(attach, second_attach_to_same_ioas_changes_nothing, TEST_SECONDS)
{
	__u32 first = self->bound.ioas_id, second = self->bound.ioas_id;

	must(vfio_attach(self->bound.device, &first));
	ASSERT_EQ(0, vfio_attach(self->bound.device, &second));
	EXPECT_EQ(first, second);
	second = first;
	ASSERT_EQ(0, vfio_attach(self->bound.device, &second));
	EXPECT_EQ(first, second);
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
}

TEST_F_TIMEOUT(attach, replace_moves_the_device, TEST_SECONDS)
{
	__u32 first = self->bound.ioas_id, second = self->second_ioas;
	unsigned int i;

	must(vfio_attach(self->bound.device, &first));
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
	ASSERT_EQ(0, vfio_attach(self->bound.device, &second));
	EXPECT_NE(first, second);
	memory_fill(self->memory[0], LENGTH, UNTOUCHED);
	EXPECT_TRUE(reaches(&self->edu, self->memory[1]));
	EXPECT_TRUE(memory_matches(self->memory[0], LENGTH, UNTOUCHED));
	/* the table of the first was made by the kernel and is gone */
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->bound.iommufd, first));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, self->bound.ioas_id));
	for (i = 0; i < 20; i++) {
		__u32 made;

		must(hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
				self->second_ioas, &made));
		ASSERT_EQ(0, vfio_attach_to(self->bound.device, made));
		ASSERT_EQ(0, vfio_attach_to(self->bound.device,
					    self->second_ioas));
		ASSERT_EQ(0, iommufd_destroy(self->bound.iommufd, made));
	}
	EXPECT_TRUE(reaches(&self->edu, self->memory[1]));
}

TEST_F_TIMEOUT(attach, detached_device_reaches_nothing, TEST_SECONDS)
{
	__u32 pt_id = self->bound.ioas_id;

	must(vfio_attach(self->bound.device, &pt_id));
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
	ASSERT_EQ(0, vfio_detach(self->bound.device));
	EXPECT_TRUE(reaches_nothing(&self->edu, self->memory[0]));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->bound.iommufd, pt_id));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, vfio_attach_to(self->bound.device, self->second_ioas));
	EXPECT_TRUE(reaches(&self->edu, self->memory[1]));
}

TEST_F_TIMEOUT(attach, detach_of_what_is_not_attached_succeeds, TEST_SECONDS)
{
	EXPECT_EQ(0, vfio_detach(self->bound.device));
	EXPECT_EQ(0, vfio_detach(self->bound.device));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(0, vfio_detach(self->bound.device));
	EXPECT_EQ(0, vfio_detach(self->bound.device));
}

TEST_F_TIMEOUT(attach, attach_to_the_wrong_thing_is_refused, TEST_SECONDS)
{
	static const __u32 unknown[] = { 0, 1000, INT32_MAX, UINT32_MAX };
	unsigned int pass;
	size_t i;

	/* the same answers while not attached and while attached */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < ARRAY_SIZE(unknown); i++)
			EXPECT_EQ(-ENOENT, vfio_attach_to(self->bound.device,
							  unknown[i]));
		EXPECT_EQ(-EINVAL, vfio_attach_to(self->bound.device,
						  self->bound.dev_id));
		if (!pass)
			must(vfio_attach_to(self->bound.device,
					    self->bound.ioas_id));
	}
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
}

static int attach_arg(int device, void *arg)
{
	return errno_of(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, arg));
}

static int detach_arg(int device, void *arg)
{
	return errno_of(ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, arg));
}

TEST_F_TIMEOUT(attach, wrong_arguments_are_refused, TEST_SECONDS)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.pt_id = self->bound.ioas_id,
	};
	struct vfio_device_detach_iommufd_pt detach = { 0 };
	void *hole = memory_hole(PAGE_SIZE);
	unsigned int bit;

	for (attach.argsz = 0; attach.argsz < 12; attach.argsz++)
		EXPECT_EQ(-EINVAL, attach_arg(self->bound.device, &attach));
	for (detach.argsz = 0; detach.argsz < 8; detach.argsz++)
		EXPECT_EQ(-EINVAL, detach_arg(self->bound.device, &detach));
	/* bit 0 means a PASID, which wants a longer argument */
	for (bit = 0; bit < 32; bit++) {
		attach.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, attach_arg(self->bound.device, &attach));
		detach.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, detach_arg(self->bound.device, &detach));
	}
	EXPECT_EQ(-EFAULT, attach_arg(self->bound.device, NULL));
	EXPECT_EQ(-EFAULT, attach_arg(self->bound.device, hole));
	EXPECT_EQ(-EFAULT, detach_arg(self->bound.device, NULL));
	EXPECT_EQ(-EFAULT, detach_arg(self->bound.device, hole));
	EXPECT_EQ(0, pages_pinned());
}

/* Only the fields that the flags call for are read. */
TEST_F_TIMEOUT(attach, longer_argument_is_not_looked_at, TEST_SECONDS)
{
	char *edge = memory_alloc(2 * PAGE_SIZE);
	struct vfio_device_attach_iommufd_pt *attach;
	struct vfio_device_detach_iommufd_pt *detach;

	memory_free(edge + PAGE_SIZE, PAGE_SIZE);
	attach = (void *)(edge + PAGE_SIZE - sizeof(*attach));
	attach->argsz = UINT32_MAX;
	attach->pt_id = self->bound.ioas_id;
	EXPECT_EQ(0, attach_arg(self->bound.device, attach));
	detach = (void *)(edge + PAGE_SIZE - sizeof(*detach));
	detach->argsz = UINT32_MAX;
	detach->flags = 0;
	EXPECT_EQ(0, detach_arg(self->bound.device, detach));
}

TEST_F_TIMEOUT(attach, unwritable_answer_changes_nothing, TEST_SECONDS)
{
	const struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = self->second_ioas,
	};
	void *readonly = memory_readonly_copy(&attach, sizeof(attach));

	EXPECT_EQ(-EFAULT, attach_arg(self->bound.device, readonly));
	EXPECT_EQ(0, pages_pinned());
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(-EFAULT, attach_arg(self->bound.device, readonly));
	EXPECT_TRUE(reaches(&self->edu, self->memory[0]));
}

/*
 * Spaces that no table can be filled from, each tried on a device that is not
 * attached, then on one whose present attachment has to survive.
 */
static void check_refused(struct __test_metadata *_metadata,
			  struct bound_device *bound, struct edu *edu,
			  __u32 bad_ioas, char *memory, int expected)
{
	EXPECT_EQ(expected, vfio_attach_to(bound->device, bad_ioas));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(reaches_nothing(edu, memory));
	must(vfio_attach_to(bound->device, bound->ioas_id));
	EXPECT_EQ(expected, vfio_attach_to(bound->device, bad_ioas));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_TRUE(reaches(edu, memory));
}

TEST_F_TIMEOUT(attach, mapping_in_interrupt_window_is_in_use, TEST_SECONDS)
{
	struct edu_list list;
	__u64 start, last;

	edu_list_read(&list);
	must(pci_interrupt_window(edu_alone(&list, 0), &start, &last));
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas,
			    self->memory[1], PAGE_SIZE, start));
	check_refused(_metadata, &self->bound, &self->edu, self->second_ioas,
		      self->memory[0], -EADDRINUSE);
}

/* Some IOMMUs translate everything. */
static bool has_aperture(struct bound_device *bound)
{
	struct iommu_iova_range ranges[64];
	__u32 count = ARRAY_SIZE(ranges);
	__u64 alignment;

	must(vfio_attach_to(bound->device, bound->ioas_id));
	must(ioas_iova_ranges(bound->iommufd, bound->ioas_id, ranges, &count,
			      &alignment));
	must(vfio_detach(bound->device));
	return ranges[count - 1].last != UINT64_MAX;
}

TEST_F_TIMEOUT(attach, mapping_outside_the_aperture_is_in_use, TEST_SECONDS)
{
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas,
			    self->memory[1], PAGE_SIZE, -PAGE_SIZE));
	if (!has_aperture(&self->bound)) {
		EXPECT_EQ(0, vfio_attach_to(self->bound.device,
					    self->second_ioas));
		return;
	}
	check_refused(_metadata, &self->bound, &self->edu, self->second_ioas,
		      self->memory[0], -EADDRINUSE);
}

TEST_F_TIMEOUT(attach, unaligned_mapping_is_in_use, TEST_SECONDS)
{
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas,
			    self->memory[1], 100, 0));
	check_refused(_metadata, &self->bound, &self->edu, self->second_ioas,
		      self->memory[0], -EADDRINUSE);
}

TEST_F_TIMEOUT(attach, memory_that_is_not_there_faults, TEST_SECONDS)
{
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas,
			    memory_hole(PAGE_SIZE), PAGE_SIZE, 0));
	check_refused(_metadata, &self->bound, &self->edu, self->second_ioas,
		      self->memory[0], -EFAULT);
}

/* Accounting is fixed when a mapping is made, so these are made afterwards. */
TEST_F_TIMEOUT(attach, memory_over_the_limit_is_refused, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);

	limit_locked_pages(PAGES - 1);
	must(ioas_map_fixed(self->bound.iommufd, self->second_ioas, memory,
			    LENGTH, IOVA + LENGTH));
	check_refused(_metadata, &self->bound, &self->edu, self->second_ioas,
		      self->memory[0], -ENOMEM);
}

TEST_F_TIMEOUT(attach, closed_device_needs_no_detach, TEST_SECONDS)
{
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(PAGES, pages_pinned());
	edu_stop(&self->edu);
	must(errno_of(close(self->bound.device)));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(self->bound.iommufd, self->bound.ioas_id));
	self->bound.device = must(errno_of(dup(self->bound.iommufd)));
	self->edu.registers = memory_alloc(EDU_BAR_SIZE);
}

/* Two devices that the IOMMU tells apart */
FIXTURE(attach_two)
{
	struct bound_device bound;
	struct edu edu[2];
	int second;
	char *memory;
};

FIXTURE_SETUP(attach_two)
{
	struct edu_list list;
	__u32 dev_id;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices alone in their groups");
	bound_device_open(&self->bound, edu_alone(&list, 0)->bdf);
	self->second = must(vfio_cdev_open(edu_alone(&list, 1)->bdf));
	must(vfio_bind(self->second, self->bound.iommufd, &dev_id));
	must(edu_start(&self->edu[0], self->bound.device));
	must(edu_start(&self->edu[1], self->second));
	self->memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, LENGTH, IOVA));
}

FIXTURE_TEARDOWN(attach_two)
{
	edu_stop(&self->edu[0]);
	edu_stop(&self->edu[1]);
	close(self->second);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(attach_two, devices_share_a_table_of_an_ioas, TEST_SECONDS)
{
	__u32 first = self->bound.ioas_id, second = self->bound.ioas_id;

	must(vfio_attach(self->bound.device, &first));
	must(vfio_attach(self->second, &second));
	EXPECT_EQ(first, second);
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_TRUE(reaches(&self->edu[0], self->memory));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory));
	must(vfio_detach(self->bound.device));
	EXPECT_TRUE(reaches_nothing(&self->edu[0], self->memory));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->bound.iommufd, second));
	must(vfio_detach(self->second));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->bound.iommufd, second));
}

TEST_F_TIMEOUT(attach_two, devices_of_two_groups_move_alone, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u32 ioas_id;

	must(ioas_alloc(self->bound.iommufd, &ioas_id));
	must(ioas_map_fixed(self->bound.iommufd, ioas_id, memory, LENGTH,
			    IOVA));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	must(vfio_attach_to(self->second, self->bound.ioas_id));
	must(vfio_attach_to(self->second, ioas_id));
	EXPECT_TRUE(reaches(&self->edu[0], self->memory));
	EXPECT_TRUE(reaches(&self->edu[1], memory));
}

/* Two devices that share a requester ID, and so a page table */
FIXTURE(attach_pair)
{
	int iommufd;
	__u32 dev_id[2];
	int device[2];
	struct edu edu[2];
	__u32 ioas_id[2];
	char *memory[2];
};

FIXTURE_SETUP(attach_pair)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	self->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++) {
		const char *bdf = edu_in_pair(&list, i)->bdf;

		self->device[i] = must(vfio_cdev_open(bdf));
		must(vfio_bind(self->device[i], self->iommufd,
			       &self->dev_id[i]));
		must(edu_start(&self->edu[i], self->device[i]));
		must(ioas_alloc(self->iommufd, &self->ioas_id[i]));
		self->memory[i] = memory_alloc(LENGTH);
		must(ioas_map_fixed(self->iommufd, self->ioas_id[i],
				    self->memory[i], LENGTH, IOVA));
	}
}

FIXTURE_TEARDOWN(attach_pair)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		edu_stop(&self->edu[i]);
		close(self->device[i]);
	}
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(attach_pair, group_has_one_table, TEST_SECONDS)
{
	__u32 first = self->ioas_id[0], second = self->ioas_id[0], made;

	must(vfio_attach(self->device[0], &first));
	EXPECT_EQ(-EINVAL, vfio_attach_to(self->device[1], self->ioas_id[1]));
	must(hwpt_alloc(self->iommufd, self->dev_id[1], self->ioas_id[0],
			&made));
	EXPECT_EQ(-EINVAL, vfio_attach_to(self->device[1], made));
	ASSERT_EQ(0, vfio_attach(self->device[1], &second));
	EXPECT_EQ(first, second);
	EXPECT_TRUE(reaches(&self->edu[0], self->memory[0]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[0]));
	EXPECT_EQ(PAGES, pages_pinned());
}

TEST_F_TIMEOUT(attach_pair, replace_moves_the_whole_group, TEST_SECONDS)
{
	must(vfio_attach_to(self->device[0], self->ioas_id[0]));
	must(vfio_attach_to(self->device[1], self->ioas_id[0]));
	EXPECT_TRUE(reaches(&self->edu[0], self->memory[0]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[0]));

	ASSERT_EQ(0, vfio_attach_to(self->device[0], self->ioas_id[1]));
	memory_fill(self->memory[0], LENGTH, UNTOUCHED);
	EXPECT_TRUE(reaches(&self->edu[0], self->memory[1]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[1]));
	EXPECT_TRUE(memory_matches(self->memory[0], LENGTH, UNTOUCHED));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_id[0]));
}

/*
 * The IOMMU sees both devices under the number of their bridge. What it has
 * cached under that number has to go, too, or it goes on translating.
 */
TEST_F_TIMEOUT(attach_pair, last_detach_blocks_the_group, TEST_SECONDS)
{
	must(vfio_attach_to(self->device[0], self->ioas_id[0]));
	must(vfio_attach_to(self->device[1], self->ioas_id[0]));
	EXPECT_TRUE(reaches(&self->edu[0], self->memory[0]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[0]));

	must(vfio_detach(self->device[0]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[0]));
	must(vfio_detach(self->device[1]));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(reaches_nothing(&self->edu[0], self->memory[0]));
	EXPECT_TRUE(reaches_nothing(&self->edu[1], self->memory[0]));

	must(vfio_attach_to(self->device[1], self->ioas_id[1]));
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[1]));
}

TEST_F_TIMEOUT(attach_pair, closing_one_device_leaves_the_other, TEST_SECONDS)
{
	must(vfio_attach_to(self->device[0], self->ioas_id[0]));
	must(vfio_attach_to(self->device[1], self->ioas_id[0]));
	edu_stop(&self->edu[0]);
	close(self->device[0]);
	EXPECT_TRUE(reaches(&self->edu[1], self->memory[0]));
	self->device[0] = must(errno_of(dup(self->iommufd)));
	self->edu[0].registers = memory_alloc(EDU_BAR_SIZE);
}

TEST_HARNESS_MAIN
