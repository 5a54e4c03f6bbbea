// SPDX-License-Identifier: GPL-2.0
/*
 * What other calls see of one that has come halfway. It stops where it writes
 * its reply, as the page of its argument can be read but not written, until
 * that is allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define FAR (MOCK_APERTURE + 0x4000000)
#define PAGES 8
#define LENGTH (PAGES * PAGE_SIZE)

struct call {
	int iommufd;
	unsigned long request;
	void *arg;
	int ret;
	int fault;
	pthread_t thread;
};

static void *call_run(void *data)
{
	struct call *call = data;

	call->ret = iommufd_call(call->iommufd, call->request, call->arg);
	return NULL;
}

static void call_protect(struct call *call, __u64 mode)
{
	struct uffdio_writeprotect protect = {
		.range.start = (uintptr_t)call->arg,
		.range.len = PAGE_SIZE,
		.mode = mode,
	};

	must(errno_of(ioctl(call->fault, UFFDIO_WRITEPROTECT, &protect)));
}

static void call_catch(struct call *call)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register region = {
		.range.start = (uintptr_t)call->arg,
		.range.len = PAGE_SIZE,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	call->fault = must(errno_of(syscall(SYS_userfaultfd, O_CLOEXEC)));
	must(errno_of(ioctl(call->fault, UFFDIO_API, &api)));
	must(errno_of(ioctl(call->fault, UFFDIO_REGISTER, &region)));
	call_protect(call, UFFDIO_WRITEPROTECT_MODE_WP);
}

/* Returns when the call has stopped. */
static void call_begin(struct call *call, int iommufd, unsigned long request,
		       const void *arg, size_t size)
{
	struct uffd_msg message;

	call->iommufd = iommufd;
	call->request = request;
	call->arg = memory_alloc(PAGE_SIZE);
	memcpy(call->arg, arg, size);
	call_catch(call);
	must(-pthread_create(&call->thread, NULL, call_run, call));
	must(errno_of(read(call->fault, &message, sizeof(message))));
}

/* Let it go on. Return: what it returns */
static int call_end(struct call *call)
{
	call_protect(call, 0);
	must(-pthread_join(call->thread, NULL));
	must(errno_of(close(call->fault)));
	memory_free(call->arg, PAGE_SIZE);
	return call->ret;
}

FIXTURE(halfway)
{
	struct space space;
	struct mock mock;
	/* without a table */
	__u32 bare;
	char *memory;
	struct call call;
};

FIXTURE_SETUP(halfway)
{
	int fd = errno_of(syscall(SYS_userfaultfd, O_CLOEXEC));

	need(mock_exists(), "the mock IOMMU");
	need(fd >= 0, "userfaultfd");
	must(errno_of(close(fd)));
	space_open_mock(&self->space, &self->mock);
	must(ioas_alloc(self->space.iommufd, &self->bare));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(halfway)
{
	space_close(&self->space);
	EXPECT_EQ(0, pages_pinned());
}

static void map_begin(FIXTURE_DATA(halfway) * self, __u32 ioas_id)
{
	const struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas_id,
		.user_va = (uintptr_t)self->memory,
		.length = LENGTH,
		.iova = IOVA,
	};

	call_begin(&self->call, self->space.iommufd, IOMMU_IOAS_MAP, &map,
		   sizeof(map));
}

TEST_F_TIMEOUT(halfway, mapping_is_not_there_but_in_the_way, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	const __u32 ioas_id = self->space.ioas_id;
	int access = must(access_create_pinning(iommufd, ioas_id));
	char byte;

	map_begin(self, ioas_id);
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(-EBUSY, ioas_unmap(iommufd, ioas_id, IOVA, LENGTH, NULL));
	EXPECT_EQ(-EBUSY, ioas_unmap_all(iommufd, ioas_id, NULL));
	EXPECT_EQ(-EEXIST, ioas_map_fixed(iommufd, ioas_id, self->memory,
					  PAGE_SIZE, IOVA + PAGE_SIZE));
	EXPECT_EQ(-ENOENT, ioas_copy_fixed(iommufd, ioas_id, FAR, ioas_id, IOVA,
					   PAGE_SIZE));
	EXPECT_EQ(-ENOENT, access_pin(iommufd, access, IOVA, PAGE_SIZE, NULL, 0,
				      NULL));
	EXPECT_EQ(-ENOENT, access_read(iommufd, access, IOVA, &byte, 1));
	EXPECT_EQ(-EBUSY, ioas_change_process(iommufd));
	EXPECT_EQ(-EBUSY, iommufd_destroy(iommufd, ioas_id));

	EXPECT_EQ(0, call_end(&self->call));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, mock_translates(iommufd, self->mock.hwpt_id, self->memory,
				     LENGTH, IOVA));
	EXPECT_EQ(0, access_read(iommufd, access, IOVA, &byte, 1));
	EXPECT_EQ(0, ioas_unmap(iommufd, ioas_id, IOVA, LENGTH, NULL));
	must(errno_of(close(access)));
}

TEST_F_TIMEOUT(halfway, mapping_is_not_cut, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = IOVA,
		.size = PAGE_SIZE,
	};

	must(vfio_ioas_set(iommufd, self->bare));
	must(errno_of(ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)));
	map_begin(self, self->bare);
	EXPECT_EQ(-EBUSY,
		  errno_of(ioctl(iommufd, VFIO_IOMMU_UNMAP_DMA, &unmap)));
	EXPECT_EQ(0, call_end(&self->call));
	unmap.size = PAGE_SIZE;
	EXPECT_EQ(0, errno_of(ioctl(iommufd, VFIO_IOMMU_UNMAP_DMA, &unmap)));
	EXPECT_EQ(PAGE_SIZE, unmap.size);
}

TEST_F_TIMEOUT(halfway, mapping_gets_into_a_table_that_comes, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	struct mock mock;

	map_begin(self, self->bare);
	ASSERT_EQ(0, mock_create(iommufd, self->bare, &mock));
	EXPECT_EQ(0, mock_translates(iommufd, mock.hwpt_id, self->memory,
				     LENGTH, IOVA));
	EXPECT_EQ(0, call_end(&self->call));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, mock_translates(iommufd, mock.hwpt_id, self->memory,
				     LENGTH, IOVA));
}

TEST_F_TIMEOUT(halfway, mapping_outlives_a_table_that_goes, TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;

	map_begin(self, self->space.ioas_id);
	ASSERT_EQ(0, iommufd_destroy(iommufd, self->mock.id));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, call_end(&self->call));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, mock_create(iommufd, self->space.ioas_id, &self->mock));
	EXPECT_EQ(PAGES, pages_pinned());
}

/* The page of the argument goes while the call waits for it. */
TEST_F_TIMEOUT(halfway, mapping_that_is_not_told_of_leaves_every_table,
	       TEST_SECONDS)
{
	const int iommufd = self->space.iommufd;
	struct mock mock;
	__u32 hwpt_id;

	map_begin(self, self->space.ioas_id);
	ASSERT_EQ(0, hwpt_alloc(iommufd, self->mock.dev_id,
				self->space.ioas_id, &hwpt_id));
	must(errno_of(mprotect(self->call.arg, PAGE_SIZE, PROT_READ)));
	EXPECT_EQ(-EFAULT, call_end(&self->call));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, ioas_map_fixed(iommufd, self->space.ioas_id,
				    self->memory + PAGE_SIZE, PAGE_SIZE, IOVA));
	EXPECT_EQ(0, mock_translates(iommufd, hwpt_id,
				     self->memory + PAGE_SIZE, PAGE_SIZE,
				     IOVA));
	ASSERT_EQ(0, mock_create(iommufd, hwpt_id, &mock));
	EXPECT_EQ(1, pages_pinned());
}

/* Whoever closes a device has locks that others need. */
TEST_F_TIMEOUT(halfway, device_goes_while_it_is_described, TEST_SECONDS)
{
	const struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = self->mock.dev_id,
	};
	__u32 length = 0, type;

	call_begin(&self->call, self->space.iommufd, IOMMU_GET_HW_INFO, &info,
		   sizeof(info));
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd, self->mock.id));
	EXPECT_EQ(-ENOENT, device_hw_info(self->space.iommufd,
					  self->mock.dev_id, NULL, &length,
					  &type));
	EXPECT_EQ(0, call_end(&self->call));
	EXPECT_EQ(0, iommufd_destroy(self->space.iommufd, self->space.ioas_id));
}

TEST_HARNESS_MAIN
