// SPDX-License-Identifier: GPL-2.0
/*
 * What a user must not get at: a device before it is bound, and the memory of
 * another context. Each test becomes a user without any privilege, has the
 * files that such a user may have been given, and tries.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define PAGES 4
#define LENGTH (PAGES * PAGE_SIZE)
#define IOVA 0x100000ULL
#define COOKIE 0x5ec2e7ULL
#define SECRET 77
/* More than the other context has objects */
#define IDS_MAX 40
/* vfio-pci puts each region at a multiple of this */
#define REGION_SIZE (1ULL << 40)
#define REGIONS 12
#define ALLOWED_PAGES 64
#define NOBODYS_GROUP 65534

/* Nobody, in no group */
static void become_nobody(void)
{
	must(errno_of(setgroups(0, NULL)));
	must(errno_of(setresgid(NOBODYS_GROUP, NOBODYS_GROUP, NOBODYS_GROUP)));
	become_limited_user(ALLOWED_PAGES);
}

/* The victim has a device that reaches its memory. */
FIXTURE(user)
{
	struct pci_device victim_pci, pci;
	struct bound_device victim;
	__u32 hwpt_id;
	char *secret;
	int device;
	int iommufd;
};

FIXTURE_SETUP(user)
{
	struct edu_list list;
	__u32 id;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices alone in their groups");
	self->victim_pci = *edu_alone(&list, 0);
	self->pci = *edu_alone(&list, 1);
	self->secret = memory_alloc(LENGTH);
	memory_fill(self->secret, LENGTH, SECRET);

	self->victim.iommufd = must(iommufd_open());
	self->victim.device = must(vfio_cdev_open(self->victim_pci.bdf));
	must(vfio_bind_cookie(self->victim.device, self->victim.iommufd, COOKIE,
			      &id));
	must(ioas_alloc(self->victim.iommufd, &self->victim.ioas_id));
	must(ioas_map_fixed(self->victim.iommufd, self->victim.ioas_id,
			    self->secret, LENGTH, IOVA));
	self->hwpt_id = self->victim.ioas_id;
	must(vfio_attach(self->victim.device, &self->hwpt_id));

	/* What the user is given */
	self->device = must(vfio_cdev_open(self->pci.bdf));
	self->iommufd = must(iommufd_open());
	become_nobody();
}

FIXTURE_TEARDOWN(user)
{
	struct edu edu;

	/* The victim did not notice */
	EXPECT_TRUE(memory_matches(self->secret, LENGTH, SECRET));
	EXPECT_EQ(0, edu_start(&edu, self->victim.device));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, self->secret, LENGTH));
	edu_stop(&edu);
	bound_device_close(&self->victim);
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(user, nodes_are_closed, TEST_SECONDS)
{
	EXPECT_EQ(-EACCES, vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(-EACCES, vfio_cdev_open(self->victim_pci.bdf));
	EXPECT_EQ(-EACCES, vfio_group_open(self->pci.group));
	EXPECT_EQ(-EACCES, iommufd_open());
}

/* A file that was given away cannot be multiplied, either. */
TEST_F_TIMEOUT(user, files_are_not_reopened, TEST_SECONDS)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->device);
	EXPECT_EQ(-EACCES, errno_of(open(path, O_RDWR | O_CLOEXEC)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->iommufd);
	EXPECT_EQ(-EACCES, errno_of(open(path, O_RDWR | O_CLOEXEC)));
}

/* An argument that would do for every call: long, and as long as it says */
static int any_call(int fd, unsigned int type, unsigned int number)
{
	__u32 arg[64] = { sizeof(arg) };

	return errno_of(ioctl(fd, _IO(type, number), arg));
}

TEST_F_TIMEOUT(user, unbound_file_answers_no_call, TEST_SECONDS)
{
	const unsigned int bind = _IOC_NR(VFIO_DEVICE_BIND_IOMMUFD);
	struct vfio_device_info info;
	struct vfio_region_info region;
	unsigned int number;

	for (number = 0; number < 256; number++) {
		if (number == bind)
			continue;
		EXPECT_EQ(-EINVAL, any_call(self->device, VFIO_TYPE, number))
		{
			TH_LOG("call %u", number);
		}
	}
	EXPECT_EQ(-EINVAL, any_call(self->device, 'v', bind));
	EXPECT_EQ(-EINVAL, vfio_device_info(self->device, &info));
	for (number = 0; number < REGIONS; number++)
		EXPECT_EQ(-EINVAL, vfio_region(self->device, number, &region));
}

TEST_F_TIMEOUT(user, unbound_file_has_no_features, TEST_SECONDS)
{
	static const __u32 actions[] = {
		VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET,
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET,
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET,
	};
	union {
		struct vfio_device_feature feature;
		__u8 bytes[256];
	} arg = {};
	__u32 feature, i;

	for (feature = 0; feature < 32; feature++)
		for (i = 0; i < ARRAY_SIZE(actions); i++) {
			arg.feature.argsz = sizeof(arg);
			arg.feature.flags = feature | actions[i];
			EXPECT_EQ(-EINVAL,
				  errno_of(ioctl(self->device,
						 VFIO_DEVICE_FEATURE, &arg)));
		}
}

TEST_F_TIMEOUT(user, unbound_file_has_no_contents, TEST_SECONDS)
{
	static const __u64 inside[] = { 0, 4, 64, 0x40000, 0xffff8 };
	struct iovec vector;
	__u64 bytes = 0;
	size_t i;
	int index;

	vector.iov_base = &bytes;
	vector.iov_len = sizeof(bytes);
	EXPECT_EQ(-EINVAL, errno_of(read(self->device, &bytes, 4)));
	EXPECT_EQ(-EINVAL, errno_of(write(self->device, &bytes, 4)));
	for (index = 0; index < REGIONS; index++)
		for (i = 0; i < ARRAY_SIZE(inside); i++) {
			off_t where = index * REGION_SIZE + inside[i];

			EXPECT_EQ(-EINVAL, errno_of(pread(self->device, &bytes,
							  4, where)));
			EXPECT_EQ(-EINVAL, errno_of(pwrite(self->device, &bytes,
							   4, where)));
			EXPECT_EQ(-EINVAL, errno_of(preadv(self->device,
							   &vector, 1, where)));
			EXPECT_EQ(-EINVAL,
				  errno_of(pwritev(self->device, &vector, 1,
						   where)));
		}
	EXPECT_EQ(0, bytes);
}

TEST_F_TIMEOUT(user, unbound_file_maps_nothing, TEST_SECONDS)
{
	static const int protections[] = {
		PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE,
	};
	size_t i;
	int index;

	for (index = 0; index < REGIONS; index++)
		for (i = 0; i < ARRAY_SIZE(protections); i++) {
			void *memory = mmap(NULL, PAGE_SIZE, protections[i],
					    MAP_SHARED, self->device,
					    index * REGION_SIZE);

			EXPECT_EQ(MAP_FAILED, memory);
			EXPECT_EQ(EINVAL, errno);
			memory = mmap(NULL, PAGE_SIZE, protections[i],
				      MAP_PRIVATE, self->device,
				      index * REGION_SIZE);
			EXPECT_EQ(MAP_FAILED, memory);
		}
}

/* The victim's device, through files of it that were opened before */
TEST_F_TIMEOUT(user, device_of_another_is_not_bound, TEST_SECONDS)
{
	__u32 id;

	EXPECT_EQ(-EINVAL,
		  vfio_bind(self->victim.device, self->iommufd, &id));
}

TEST_F_TIMEOUT(user, objects_of_another_context_are_not_there, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u64 iova, cookie;
	__u32 id, out, length, type;
	__u8 data[64];

	for (id = 0; id < IDS_MAX; id++) {
		iova = IOVA;
		EXPECT_EQ(-ENOENT, ioas_map(self->iommufd, id, memory, LENGTH,
					    &iova));
		EXPECT_EQ(-ENOENT, ioas_map_fixed(self->iommufd, id, memory,
						  LENGTH, IOVA));
		EXPECT_EQ(-ENOENT, ioas_unmap(self->iommufd, id, IOVA, LENGTH,
					      NULL));
		EXPECT_EQ(-ENOENT, ioas_unmap_all(self->iommufd, id, NULL));
		EXPECT_EQ(-ENOENT, ioas_allow_iovas(self->iommufd, id, NULL, 0));
		EXPECT_EQ(-ENOENT, vfio_ioas_set(self->iommufd, id));
		length = sizeof(data);
		EXPECT_EQ(-ENOENT, device_hw_info(self->iommufd, id, data,
						  &length, &type));
		EXPECT_EQ(-ENOENT, hwpt_alloc(self->iommufd, id, id, &out));
		EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, id));
	}
	for (cookie = COOKIE - 1; cookie <= COOKIE + 1; cookie++)
		EXPECT_EQ(-ENOENT, device_find(self->iommufd, cookie, &out));
	memory_free(memory, LENGTH);
}

TEST_F_TIMEOUT(user, nothing_is_copied_out_of_another_context, TEST_SECONDS)
{
	__u32 ioas_id, id;
	__u64 iova;

	must(ioas_alloc(self->iommufd, &ioas_id));
	for (id = 0; id < IDS_MAX; id++) {
		EXPECT_EQ(-ENOENT, ioas_copy(self->iommufd, ioas_id, &iova, id,
					     IOVA, LENGTH));
		EXPECT_EQ(-ENOENT, ioas_copy_fixed(self->iommufd, ioas_id, IOVA,
						   id, IOVA, PAGE_SIZE));
	}
}

TEST_F_TIMEOUT(user, device_is_not_attached_to_another_context, TEST_SECONDS)
{
	__u32 dev_id, id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	for (id = 0; id < IDS_MAX; id++)
		EXPECT_EQ(id == dev_id ? -EINVAL : -ENOENT,
			  vfio_attach_to(self->device, id));
}

/* All that the user has: a device and an address space of its own */
TEST_F_TIMEOUT(user, dma_ends_in_the_own_memory, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	__u32 dev_id, ioas_id;
	struct edu edu;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(edu_start(&edu, self->device));
	/* to the address at which the other has its memory, not attached */
	must(edu_dma_write(&edu, IOVA, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->secret, LENGTH, SECRET));

	must(ioas_alloc(self->iommufd, &ioas_id));
	must(ioas_map_fixed(self->iommufd, ioas_id, memory, LENGTH,
			    IOVA + LENGTH));
	must(vfio_attach_to(self->device, ioas_id));
	must(edu_dma_write(&edu, IOVA, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->secret, LENGTH, SECRET));
	/* and back: what the device holds is not the other's */
	must(edu_dma_read(&edu, IOVA, 0, EDU_DMA_MAX));
	must(edu_dma_write(&edu, IOVA + LENGTH, 0, EDU_DMA_MAX));
	EXPECT_FALSE(memory_matches(memory, EDU_DMA_MAX, SECRET));
	EXPECT_TRUE(edu_reaches(&edu, IOVA + LENGTH, memory, LENGTH));
	edu_stop(&edu);
	close(self->device);
	memory_free(memory, LENGTH);
}

/* The container's calls work on the own address space or on none. */
TEST_F_TIMEOUT(user, container_reaches_nothing_without_a_group, TEST_SECONDS)
{
	char *memory = memory_alloc(LENGTH);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)memory,
		.iova = IOVA,
		.size = LENGTH,
	};
	int container = vfio_container_open();

	need(container >= 0, "/dev/vfio/vfio");
	EXPECT_GT(0, errno_of(ioctl(container, VFIO_SET_IOMMU,
				    VFIO_TYPE1v2_IOMMU)));
	EXPECT_GT(0, errno_of(ioctl(container, VFIO_IOMMU_MAP_DMA, &map)));
	EXPECT_EQ(-ENODEV,
		  errno_of(ioctl(self->iommufd, VFIO_IOMMU_MAP_DMA, &map)));
	EXPECT_EQ(0, pages_locked());
	close(container);
	memory_free(memory, LENGTH);
}

/* Memory that the user may read only is not written by its device. */
TEST_F_TIMEOUT(user, device_does_not_write_what_the_user_may_not, TEST_SECONDS)
{
	int file = must(errno_of(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
	void *text = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, file, 0);
	__u32 dev_id, ioas_id;
	__u64 iova;

	ASSERT_NE(MAP_FAILED, text);
	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_attach_to(self->device, ioas_id));
	EXPECT_EQ(-EFAULT,
		  ioas_map(self->iommufd, ioas_id, text, PAGE_SIZE, &iova));
	close(self->device);
	munmap(text, PAGE_SIZE);
	close(file);
}

TEST_F_TIMEOUT(user, memory_of_a_device_is_not_mapped, TEST_SECONDS)
{
	__u32 dev_id, ioas_id;
	struct edu edu;
	__u64 iova;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	must(vfio_attach_to(self->device, ioas_id));
	must(edu_start(&edu, self->device));
	EXPECT_EQ(-EFAULT, ioas_map(self->iommufd, ioas_id, edu.registers,
				    PAGE_SIZE, &iova));
	edu_stop(&edu);
	close(self->device);
}

/* A device of the same group would share the victim's table. */
FIXTURE(neighbour)
{
	struct pci_device pci[2];
	struct bound_device victim;
	int device;
	int iommufd;
};

FIXTURE_SETUP(neighbour)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	self->pci[0] = *edu_in_pair(&list, 0);
	self->pci[1] = *edu_in_pair(&list, 1);
	bound_device_open(&self->victim, self->pci[0].bdf);
	must(vfio_attach_to(self->victim.device, self->victim.ioas_id));
	self->device = must(vfio_cdev_open(self->pci[1].bdf));
	self->iommufd = must(iommufd_open());
	become_nobody();
}

FIXTURE_TEARDOWN(neighbour)
{
	bound_device_close(&self->victim);
	close(self->device);
	close(self->iommufd);
}

TEST_F_TIMEOUT(neighbour, device_of_the_group_is_not_bound, TEST_SECONDS)
{
	struct vfio_device_info info;
	__u32 dev_id;

	EXPECT_EQ(-EPERM, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_device_info(self->device, &info));
}

TEST_HARNESS_MAIN
