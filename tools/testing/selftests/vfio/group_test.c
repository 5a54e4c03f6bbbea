// SPDX-License-Identifier: GPL-2.0
/*
 * The old way to a device, through the file of its group: on an iommufd in
 * place of a container, and on the type1 container as ever.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
#define PAGES 4
#define LENGTH (PAGES * PAGE_SIZE)
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000
#define READY (VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)

FIXTURE(group)
{
	struct pci_device pci;
	int iommufd;
	int group;
	char *memory;
};

FIXTURE_SETUP(group)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->iommufd = must(iommufd_open());
	self->group = must(vfio_group_open(self->pci.group));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(group)
{
	close(self->group);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(group, iommufd_takes_the_place_of_a_container, TEST_SECONDS)
{
	__u32 flags, ioas_id = 0;

	ASSERT_EQ(0, vfio_group_status(self->group, &flags));
	EXPECT_EQ(0, flags & VFIO_GROUP_FLAGS_CONTAINER_SET);
	EXPECT_EQ(-ENODEV, vfio_ioas_get(self->iommufd, &ioas_id));
	ASSERT_EQ(0, vfio_group_set_container(self->group, self->iommufd));
	ASSERT_EQ(0, vfio_group_status(self->group, &flags));
	EXPECT_EQ(READY, flags & READY);
	ASSERT_EQ(0, vfio_ioas_get(self->iommufd, &ioas_id));
	EXPECT_NE(0, ioas_id);
}

TEST_F_TIMEOUT(group, compatibility_ioas_that_is_there_stays, TEST_SECONDS)
{
	__u32 ioas_id, again;

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	must(vfio_group_set_container(self->group, self->iommufd));
	ASSERT_EQ(0, vfio_ioas_get(self->iommufd, &again));
	EXPECT_EQ(ioas_id, again);
}

TEST_F_TIMEOUT(group, container_must_be_one, TEST_SECONDS)
{
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));
	int other = must(iommufd_open());

	EXPECT_EQ(-EBADF, vfio_group_set_container(self->group, 1000));
	EXPECT_EQ(-EBADFD, vfio_group_set_container(self->group, event));
	EXPECT_EQ(-EBADFD, vfio_group_set_container(self->group, self->group));
	must(vfio_group_set_container(self->group, self->iommufd));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(self->group, other));
	EXPECT_EQ(-EINVAL,
		  vfio_group_set_container(self->group, self->iommufd));
	close(other);
}

TEST_F_TIMEOUT(group, container_and_iommufd_exclude_each_other, TEST_SECONDS)
{
	int container = vfio_container_open();

	need(container >= 0, "/dev/vfio/vfio");
	must(vfio_group_set_container(self->group, self->iommufd));
	EXPECT_EQ(-EINVAL, vfio_group_set_container(self->group, container));
	must(vfio_group_unset_container(self->group));
	must(vfio_group_set_container(self->group, container));
	EXPECT_EQ(-EINVAL,
		  vfio_group_set_container(self->group, self->iommufd));
	close(container);
}

TEST_F_TIMEOUT(group, unset_drops_the_iommufd, TEST_SECONDS)
{
	__u32 flags;

	EXPECT_EQ(-EINVAL, vfio_group_unset_container(self->group));
	must(vfio_group_set_container(self->group, self->iommufd));
	EXPECT_EQ(0, vfio_group_unset_container(self->group));
	EXPECT_EQ(-EINVAL, vfio_group_unset_container(self->group));
	ASSERT_EQ(0, vfio_group_status(self->group, &flags));
	EXPECT_EQ(0, flags & VFIO_GROUP_FLAGS_CONTAINER_SET);
	EXPECT_EQ(0, vfio_group_set_container(self->group, self->iommufd));
}

TEST_F_TIMEOUT(group, device_needs_a_container_or_iommufd, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, vfio_group_device(self->group, self->pci.bdf));
	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_group_unset_container(self->group));
	EXPECT_EQ(-EINVAL, vfio_group_device(self->group, self->pci.bdf));
}

TEST_F_TIMEOUT(group, device_needs_the_compatibility_ioas, TEST_SECONDS)
{
	__u32 ioas_id;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_clear(self->iommufd));
	EXPECT_EQ(-ENODEV, vfio_group_device(self->group, self->pci.bdf));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_ioas_set(self->iommufd, ioas_id));
	close(must(vfio_group_device(self->group, self->pci.bdf)));
}

TEST_F_TIMEOUT(group, unknown_device_is_not_there, TEST_SECONDS)
{
	must(vfio_group_set_container(self->group, self->iommufd));
	EXPECT_EQ(-ENODEV, vfio_group_device(self->group, "ffff:ff:1f.7"));
}

TEST_F_TIMEOUT(group, device_does_dma_through_the_compatibility_ioas,
	       TEST_SECONDS)
{
	struct edu edu;
	__u32 ioas_id;
	int device;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    IOVA));
	device = vfio_group_device(self->group, self->pci.bdf);
	ASSERT_LE(0, device);
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, ioas_id));
	ASSERT_EQ(0, edu_start(&edu, device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->memory, LENGTH));
	edu_stop(&edu);
	close(device);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(group, second_fd_shares_the_open, TEST_SECONDS)
{
	struct vfio_device_info info;
	__u32 ioas_id;
	int first, second;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	first = must(vfio_group_device(self->group, self->pci.bdf));
	second = vfio_group_device(self->group, self->pci.bdf);
	ASSERT_LE(0, second);
	close(first);
	EXPECT_EQ(0, vfio_device_info(second, &info));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, ioas_id));
	close(second);
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, ioas_id));
}

TEST_F_TIMEOUT(group, device_lives_on_without_group_and_iommufd_fd,
	       TEST_SECONDS)
{
	struct edu edu;
	__u32 ioas_id;
	int device;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, self->memory, LENGTH,
			    IOVA));
	device = must(vfio_group_device(self->group, self->pci.bdf));
	must(vfio_group_unset_container(self->group));
	close(self->iommufd);
	close(self->group);
	ASSERT_EQ(0, edu_start(&edu, device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->memory, LENGTH));
	/* the open device still keeps everybody else out */
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
	edu_stop(&edu);
	close(device);
	EXPECT_EQ(0, pages_pinned());
	self->iommufd = must(iommufd_open());
	self->group = must(vfio_group_open(self->pci.group));
}

TEST_F_TIMEOUT(group, file_of_a_group_takes_no_cdev_calls, TEST_SECONDS)
{
	struct vfio_device_info info;
	__u32 dev_id, ioas_id;
	int device;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	device = must(vfio_group_device(self->group, self->pci.bdf));
	EXPECT_EQ(-EINVAL, vfio_bind(device, self->iommufd, &dev_id));
	EXPECT_EQ(-ENOTTY, vfio_attach_to(device, ioas_id));
	EXPECT_EQ(-ENOTTY, vfio_detach(device));
	EXPECT_EQ(0, vfio_device_info(device, &info));
	close(device);
}

TEST_F_TIMEOUT(group, attachment_takes_no_part_in_a_change_of_ioas,
	       TEST_SECONDS)
{
	struct edu edu;
	__u32 first, second;
	int device;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &first));
	must(ioas_map_fixed(self->iommufd, first, self->memory, LENGTH, IOVA));
	device = must(vfio_group_device(self->group, self->pci.bdf));
	must(ioas_alloc(self->iommufd, &second));
	must(vfio_ioas_set(self->iommufd, second));
	ASSERT_EQ(0, edu_start(&edu, device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->memory, LENGTH));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->iommufd, first));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, second));
	edu_stop(&edu);
	close(device);
}

TEST_F_TIMEOUT(group, device_whose_memory_is_missing_is_not_opened,
	       TEST_SECONDS)
{
	__u32 ioas_id;
	unsigned int i;

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory_hole(PAGE_SIZE),
			    PAGE_SIZE, IOVA));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(-EFAULT,
			  vfio_group_device(self->group, self->pci.bdf));
	must(ioas_unmap_all(self->iommufd, ioas_id, NULL));
	close(must(vfio_group_device(self->group, self->pci.bdf)));
}

TEST_F_TIMEOUT(group, group_is_opened_once, TEST_SECONDS)
{
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
}

/* Nothing of this may have changed for programs that know no iommufd. */
static int type1_unmap(int container)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = LENGTH,
	};

	return errno_of(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

TEST_F_TIMEOUT(group, type1_container_works_as_ever, TEST_SECONDS)
{
	int container = vfio_container_open();
	struct edu edu;
	int device;

	need(container >= 0, "/dev/vfio/vfio");
	ASSERT_EQ(VFIO_API_VERSION, ioctl(container, VFIO_GET_API_VERSION));
	ASSERT_EQ(0, vfio_group_set_container(self->group, container));
	ASSERT_EQ(0, vfio_container_set_iommu(container));
	limit_locked_pages(PAGES);
	ASSERT_EQ(0, vfio_container_map(container, self->memory, LENGTH, IOVA));
	device = vfio_group_device(self->group, self->pci.bdf);
	ASSERT_LE(0, device);
	ASSERT_EQ(0, edu_start(&edu, device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->memory, LENGTH));
	if (!vfio_container_is_iommufd(container))
		EXPECT_EQ(-EBUSY, vfio_group_unset_container(self->group));
	EXPECT_EQ(-ENOTTY, vfio_attach_to(device, 1));

	/*
	 * Memory counts for the process that maps it, whoever serves. That of a
	 * process without a limit counts for VFIO's container only.
	 */
	EXPECT_EQ(PAGES, pages_locked());
	ASSERT_EQ(0, type1_unmap(container));
	EXPECT_EQ(0, pages_locked());
	memory_fill(self->memory, LENGTH, UNTOUCHED);
	EXPECT_EQ(0, edu_dma_write(&edu, IOVA, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->memory, LENGTH, UNTOUCHED));
	edu_stop(&edu);
	close(device);
	EXPECT_EQ(0, vfio_group_unset_container(self->group));
	close(container);
}

TEST_F_TIMEOUT(group, container_and_iommufd_may_take_turns, TEST_SECONDS)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		int container = vfio_container_open();
		int device;

		need(container >= 0, "/dev/vfio/vfio");
		must(vfio_group_set_container(self->group, container));
		must(vfio_container_set_iommu(container));
		device = must(vfio_group_device(self->group, self->pci.bdf));
		close(device);
		must(vfio_group_unset_container(self->group));
		close(container);
		must(vfio_group_set_container(self->group, self->iommufd));
		device = must(vfio_group_device(self->group, self->pci.bdf));
		close(device);
		must(vfio_group_unset_container(self->group));
	}
}

/* Those that modprobe(8) has for @alias, each with a space behind it */
static int modules_of(const char *alias, char *modules, size_t size)
{
	char path[256], line[256], name[2][64];
	struct utsname kernel;
	size_t length = 0;
	FILE *aliases;

	modules[0] = '\0';
	must(errno_of(uname(&kernel)));
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.alias",
		 kernel.release);
	aliases = fopen(path, "r");
	if (!aliases)
		return -errno;
	while (fgets(line, sizeof(line), aliases))
		if (sscanf(line, "alias %63s %63s", name[0], name[1]) == 2 &&
		    !strcmp(name[0], alias) && length < size)
			length += snprintf(modules + length, size - length,
					   "%s ", name[1]);
	fclose(aliases);
	return 0;
}

TEST(container_is_the_alias_of_whoever_serves_it)
{
	static const char *const aliases[] = {
		"devname:vfio/vfio",
		"char-major-10-196",
	};
	int container = vfio_container_open();
	char modules[256];
	size_t i;

	need(container >= 0, "/dev/vfio/vfio");
	for (i = 0; i < ARRAY_SIZE(aliases); i++) {
		need(!modules_of(aliases[i], modules, sizeof(modules)),
		     "modules.alias");
		EXPECT_STREQ(vfio_container_is_iommufd(container) ?
				     "iommufd " : "vfio ", modules);
	}
	close(container);
}

/* Two devices behind one group file */
FIXTURE(group_pair)
{
	struct pci_device pci[2];
	int iommufd;
	int group;
};

FIXTURE_SETUP(group_pair)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	for (i = 0; i < 2; i++)
		self->pci[i] = *edu_in_pair(&list, i);
	self->iommufd = must(iommufd_open());
	self->group = must(vfio_group_open(self->pci[0].group));
}

FIXTURE_TEARDOWN(group_pair)
{
	close(self->group);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(group_pair, both_devices_do_dma, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	struct edu edu[2];
	unsigned int i;
	__u32 ioas_id;
	int device[2];

	must(vfio_group_set_container(self->group, self->iommufd));
	must(vfio_ioas_get(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH, IOVA));
	for (i = 0; i < 2; i++) {
		device[i] =
			must(vfio_group_device(self->group, self->pci[i].bdf));
		must(edu_start(&edu[i], device[i]));
		EXPECT_TRUE(edu_reaches(&edu[i], IOVA, memory, LENGTH));
	}
	EXPECT_EQ(PAGES, pages_pinned());
	edu_stop(&edu[0]);
	close(device[0]);
	EXPECT_TRUE(edu_reaches(&edu[1], IOVA, memory, LENGTH));
	edu_stop(&edu[1]);
	close(device[1]);
	EXPECT_EQ(0, pages_pinned());
}

/* A group on another context while one of its devices is bound there */
TEST_F_TIMEOUT(group_pair, device_of_a_first_context_keeps_the_second_out,
	       TEST_SECONDS)
{
	int other = must(iommufd_open());
	int device;

	must(vfio_group_set_container(self->group, self->iommufd));
	device = must(vfio_group_device(self->group, self->pci[0].bdf));
	must(vfio_group_unset_container(self->group));
	must(vfio_group_set_container(self->group, other));
	EXPECT_EQ(-EPERM, vfio_group_device(self->group, self->pci[1].bdf));
	close(device);
	close(must(vfio_group_device(self->group, self->pci[1].bdf)));
	close(other);
}

TEST_HARNESS_MAIN
