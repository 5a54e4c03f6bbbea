// SPDX-License-Identifier: GPL-2.0
/*
 * The last line of fdinfo: why a call on an iommufd was refused. For each errno
 * that has several causes, each cause has its sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "lib/fdinfo.h"
#include "lib/mock.h"

#define IOVA (MOCK_APERTURE + 0x200000)
#define PAGES 8
#define LENGTH (PAGES * PAGE_SIZE)
#define FAR (IOVA + 0x1000000)
#define ROUNDS 500
#define NOBODY 1000

FIXTURE(reason)
{
	int iommufd;
	/* without a table */
	__u32 bare;
	/* with the table of a mock device */
	__u32 attached;
	struct mock mock;
	char *memory;
};

FIXTURE_SETUP(reason)
{
	need(mock_exists(), "the mock IOMMU");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->bare));
	must(ioas_alloc(self->iommufd, &self->attached));
	must(mock_create(self->iommufd, self->attached, &self->mock));
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(reason)
{
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* The call has failed with that errno, for that reason. */
#define EXPECT_REFUSED(error, call, what, part)				\
	do {								\
		EXPECT_EQ(-(error), call);				\
		EXPECT_TRUE(refused(self->iommufd, what " " #error, part)); \
	} while (0)

static int map(FIXTURE_DATA(reason) * self, __u32 ioas_id, const void *memory,
	       __u64 length, __u64 iova)
{
	return ioas_map_fixed(self->iommufd, ioas_id, memory, length, iova);
}

TEST_F_TIMEOUT(reason, nothing_is_said_before_something_is_refused,
	       TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	char value[FDINFO_LINE_MAX];

	EXPECT_EQ(-ENOENT, fdinfo_value(iommufd, "last-error", value));
	must(fdinfo_value(iommufd, "refusals", value));
	EXPECT_STREQ("0", value);
	EXPECT_EQ(-ENOENT, iommufd_destroy(iommufd, NOBODY));
	must(fdinfo_value(iommufd, "refusals", value));
	EXPECT_STREQ("1", value);
	EXPECT_EQ(0, fdinfo_value(iommufd, "last-error", value));
	close(iommufd);
}

/* What succeeds leaves the last refusal there. */
TEST_F_TIMEOUT(reason, last_refusal_stays, TEST_SECONDS)
{
	__u32 id;

	EXPECT_REFUSED(ENOENT, iommufd_destroy(self->iommufd, NOBODY),
		       "DESTROY", "no object has the number 1000");
	must(ioas_alloc(self->iommufd, &id));
	EXPECT_TRUE(refused(self->iommufd, "DESTROY ENOENT", "1000"));
	EXPECT_REFUSED(ENOENT, iommufd_destroy(self->iommufd, NOBODY + 1),
		       "DESTROY", "number 1001");
}

TEST_F_TIMEOUT(reason, argument, TEST_SECONDS)
{
	struct {
		struct iommu_ioas_alloc alloc;
		__u64 more;
	} arg = {};
	void *hole = memory_hole(PAGE_SIZE);

	EXPECT_REFUSED(EFAULT,
		       iommufd_call(self->iommufd, IOMMU_IOAS_ALLOC, hole),
		       "IOAS_ALLOC", "cannot be read");
	arg.alloc.size = 4;
	EXPECT_REFUSED(EINVAL,
		       iommufd_call(self->iommufd, IOMMU_IOAS_ALLOC, &arg),
		       "IOAS_ALLOC", "said to have 4 bytes, it has at least 12");
	arg.alloc.size = sizeof(arg);
	arg.more = 1;
	EXPECT_REFUSED(E2BIG,
		       iommufd_call(self->iommufd, IOMMU_IOAS_ALLOC, &arg),
		       "IOAS_ALLOC", "knows 12 bytes");
	arg.alloc.size = sizeof(arg.alloc);
	arg.alloc.flags = 6;
	EXPECT_REFUSED(EOPNOTSUPP,
		       iommufd_call(self->iommufd, IOMMU_IOAS_ALLOC, &arg),
		       "IOAS_ALLOC", "flags 0x6");
	EXPECT_EQ(-ENOTTY, iommufd_call(self->iommufd, 0x3bfe, &arg));
	EXPECT_TRUE(refused(self->iommufd, "0x3bfe ENOTTY", "no such call"));
}

TEST_F_TIMEOUT(reason, reserved_field, TEST_SECONDS)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.op = IOMMU_VFIO_IOAS_GET,
		.__reserved = 1,
	};

	EXPECT_REFUSED(EOPNOTSUPP,
		       iommufd_call(self->iommufd, IOMMU_VFIO_IOAS, &arg),
		       "VFIO_IOAS", "reserved field");
	EXPECT_REFUSED(ENODEV, vfio_ioas_get(self->iommufd, &arg.ioas_id),
		       "VFIO_IOAS", "no compatibility IOAS");
}

TEST_F_TIMEOUT(reason, objects, TEST_SECONDS)
{
	__u32 count = 0;
	__u64 alignment;

	EXPECT_REFUSED(EBUSY, iommufd_destroy(self->iommufd, self->attached),
		       "DESTROY", "(IOAS) is used by 1 others");
	EXPECT_REFUSED(EBUSY, iommufd_destroy(self->iommufd, self->mock.dev_id),
		       "DESTROY", "(device) is used by");
	EXPECT_REFUSED(EBUSY,
		       iommufd_destroy(self->iommufd, self->mock.hwpt_id),
		       "DESTROY", "ends by itself");
	EXPECT_REFUSED(ENOENT, map(self, self->mock.hwpt_id, self->memory,
				   LENGTH, IOVA),
		       "IOAS_MAP", "is one of kind page table, not IOAS");
	EXPECT_REFUSED(EMSGSIZE,
		       ioas_iova_ranges(self->iommufd, self->attached, NULL,
					&count, &alignment),
		       "IOAS_IOVA_RANGES", "there are 1 ranges, and room for 0");
	EXPECT_REFUSED(ENOENT, device_find(self->iommufd, 0x2a, &count),
		       "DEVICE_FIND", "no object has the cookie 0x000000000000002a");
}

TEST_F_TIMEOUT(reason, place_of_a_mapping, TEST_SECONDS)
{
	const struct iommu_iova_range small = {
		.start = FAR,
		.last = FAR + PAGE_SIZE - 1,
	};
	__u64 iova = 0;

	must(map(self, self->attached, self->memory, LENGTH, IOVA));
	EXPECT_REFUSED(EEXIST, map(self, self->attached, self->memory, LENGTH,
				   IOVA + PAGE_SIZE),
		       "IOAS_MAP",
		       "0x1201000..0x1208fff is mapped already: 0x1200000..0x1207fff");
	EXPECT_REFUSED(EINVAL, map(self, self->attached, self->memory, LENGTH,
				   PAGE_SIZE),
		       "IOAS_MAP", "lies in 0x0..0xffffff");
	EXPECT_REFUSED(EINVAL, map(self, self->attached, self->memory, LENGTH,
				   FAR + 1),
		       "IOAS_MAP", "have to be multiples of 2048");
	EXPECT_REFUSED(EINVAL, map(self, self->attached, self->memory + 1,
				   LENGTH, FAR),
		       "IOAS_MAP", "have to be multiples of 2048");
	EXPECT_REFUSED(EINVAL, map(self, self->attached, self->memory, 0, FAR),
		       "IOAS_MAP", "the length is 0");
	EXPECT_REFUSED(EOVERFLOW, map(self, self->attached, self->memory,
				      LENGTH, ~0ULL),
		       "IOAS_MAP", "beyond the end of the addresses");
	EXPECT_REFUSED(EINVAL,
		       ioas_map_flags(self->iommufd, self->attached,
				      IOMMU_IOAS_MAP_FIXED_IOVA, self->memory,
				      LENGTH, &iova),
		       "IOAS_MAP", "neither to read nor to write");
	must(ioas_allow_iovas(self->iommufd, self->attached, &small, 1));
	EXPECT_REFUSED(ENOSPC,
		       ioas_map_flags(self->iommufd, self->attached,
				      IOMMU_IOAS_MAP_READABLE, self->memory,
				      LENGTH, &iova),
		       "IOAS_MAP", "no 0x8000 bytes in one piece");
	EXPECT_REFUSED(EINVAL,
		       ioas_map_flags(self->iommufd, self->attached,
				      IOMMU_IOAS_MAP_READABLE, self->memory,
				      LENGTH + 1, &iova),
		       "IOAS_MAP", "have to be multiples of 2048");
}

TEST_F_TIMEOUT(reason, memory_of_a_mapping, TEST_SECONDS)
{
	char address[64], *hole = memory_hole(LENGTH);
	int status;
	pid_t pid;

	snprintf(address, sizeof(address), "the memory at 0x%lx is not mapped",
		 (unsigned long)hole);
	EXPECT_REFUSED(EFAULT, map(self, self->attached, hole, LENGTH, IOVA),
		       "IOAS_MAP", address);
	must(errno_of(mprotect(self->memory + PAGE_SIZE, PAGE_SIZE,
			       PROT_READ)));
	snprintf(address, sizeof(address), "the memory at 0x%lx",
		 (unsigned long)self->memory + (unsigned long)PAGE_SIZE);
	EXPECT_REFUSED(EFAULT,
		       map(self, self->attached, self->memory, LENGTH, IOVA),
		       "IOAS_MAP", address);
	EXPECT_TRUE(refused(self->iommufd, "IOAS_MAP EFAULT",
			    "may not be written"));
	pid = must(errno_of(fork()));
	if (!pid)
		_exit(map(self, self->bare, self->memory, LENGTH, IOVA));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(-EFAULT, mock_create(self->iommufd, self->bare, &self->mock));
	EXPECT_TRUE(refused(self->iommufd, "TEST_CMD EFAULT", "is gone"));
}

TEST_F_TIMEOUT(reason, limit_of_the_user, TEST_SECONDS)
{
	char expected[128];

	become_limited_user(PAGES);
	snprintf(expected, sizeof(expected),
		 "0 of 32 KiB of RLIMIT_MEMLOCK are charged to user %u, 32 KiB more",
		 getuid());
	must(map(self, self->attached, self->memory, LENGTH / 2, IOVA));
	snprintf(expected, sizeof(expected),
		 "16 of 32 KiB of RLIMIT_MEMLOCK are charged to user %u, 32 KiB more were asked for",
		 getuid());
	EXPECT_REFUSED(ENOMEM, map(self, self->attached, self->memory, LENGTH,
				   FAR),
		       "IOAS_MAP", expected);
}

TEST_F_TIMEOUT(reason, limit_of_the_process, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	char expected[128];
	struct mock mock;
	__u32 ioas_id;

	must(option_set(iommufd, IOMMU_OPTION_RLIMIT_MODE, 0, 1));
	must(ioas_alloc(iommufd, &ioas_id));
	must(mock_create(iommufd, ioas_id, &mock));
	limit_locked_pages(PAGES / 2);
	snprintf(expected, sizeof(expected),
		 "0 of 16 KiB of RLIMIT_MEMLOCK are charged to process %d, 32 KiB more were asked for",
		 getpid());
	EXPECT_EQ(-ENOMEM, ioas_map_fixed(iommufd, ioas_id, self->memory,
					  LENGTH, IOVA));
	EXPECT_TRUE(refused(iommufd, "IOAS_MAP ENOMEM", expected));
	close(iommufd);
}

TEST_F_TIMEOUT(reason, memory_of_a_file, TEST_SECONDS)
{
	int file = must(errno_of(memfd_create("reason_test", MFD_CLOEXEC |
						 MFD_ALLOW_SEALING)));
	int null = must(errno_of(open("/dev/null", O_RDWR | O_CLOEXEC)));

	must(errno_of(ftruncate(file, LENGTH)));
	EXPECT_REFUSED(EBADF,
		       ioas_map_file_fixed(self->iommufd, self->attached,
					   NOBODY, 0, LENGTH, IOVA),
		       "IOAS_MAP_FILE", "no open file");
	EXPECT_REFUSED(EINVAL,
		       ioas_map_file_fixed(self->iommufd, self->attached, null,
					   0, LENGTH, IOVA),
		       "IOAS_MAP_FILE", "not of a kind whose pages can be pinned");
	EXPECT_REFUSED(EINVAL,
		       ioas_map_file_fixed(self->iommufd, self->attached, file,
					   LENGTH, PAGE_SIZE, IOVA),
		       "IOAS_MAP_FILE", "the file ends before page 8");
	EXPECT_REFUSED(EINVAL,
		       ioas_map_file_fixed(self->iommufd, self->attached, file,
					   0, 0, IOVA),
		       "IOAS_MAP_FILE", "the length is 0");
	must(errno_of(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)));
	EXPECT_REFUSED(EPERM,
		       ioas_map_file_fixed(self->iommufd, self->attached, file,
					   0, LENGTH, IOVA),
		       "IOAS_MAP_FILE", "sealed");
	close(null);
	close(file);
}

TEST_F_TIMEOUT(reason, copy, TEST_SECONDS)
{
	__u64 iova = 0;

	must(map(self, self->bare, self->memory, LENGTH, IOVA));
	EXPECT_REFUSED(ENOENT,
		       ioas_copy_fixed(self->iommufd, self->attached, IOVA,
				       self->bare, IOVA, 2 * LENGTH),
		       "IOAS_COPY", "nothing is mapped at 0x1208000");
	EXPECT_REFUSED(EINVAL,
		       ioas_copy_fixed(self->iommufd, self->attached, IOVA,
				       self->bare, IOVA, 0),
		       "IOAS_COPY", "the length is 0");
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
	iova = IOVA;
	must(ioas_map_flags(self->iommufd, self->bare,
			    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			    self->memory, LENGTH, &iova));
	EXPECT_REFUSED(EPERM,
		       ioas_copy_fixed(self->iommufd, self->attached, IOVA,
				       self->bare, IOVA, LENGTH),
		       "IOAS_COPY", "mapped for reading");
}

TEST_F_TIMEOUT(reason, unmap, TEST_SECONDS)
{
	must(map(self, self->attached, self->memory, LENGTH, IOVA));
	EXPECT_REFUSED(ENOENT,
		       ioas_unmap(self->iommufd, self->attached, FAR, LENGTH,
				  NULL),
		       "IOAS_UNMAP", "nothing is mapped in 0x2200000..0x2207fff");
	EXPECT_REFUSED(ENOENT,
		       ioas_unmap(self->iommufd, self->attached, IOVA,
				  PAGE_SIZE, NULL),
		       "IOAS_UNMAP",
		       "the mapping 0x1200000..0x1207fff is only in part");
	EXPECT_REFUSED(EINVAL,
		       ioas_unmap(self->iommufd, self->attached, IOVA, 0, NULL),
		       "IOAS_UNMAP", "the length is 0");
	must(mock_refuse(self->iommufd, self->mock.hwpt_id, MOCK_NOWHERE,
			 IOVA));
	EXPECT_REFUSED(EIO,
		       ioas_unmap(self->iommufd, self->attached, IOVA, LENGTH,
				  NULL),
		       "IOAS_UNMAP", "the IOMMU did not let go");
	EXPECT_REFUSED(EIO,
		       ioas_unmap(self->iommufd, self->attached, IOVA, LENGTH,
				  NULL),
		       "IOAS_UNMAP", "was not let go of by the IOMMU");
}

TEST_F_TIMEOUT(reason, ranges_that_are_allowed, TEST_SECONDS)
{
	struct iommu_iova_range ranges[2] = {
		{ .start = IOVA, .last = IOVA },
		{ .start = IOVA, .last = IOVA + LENGTH - 1 },
	};

	EXPECT_REFUSED(EINVAL, ioas_allow_iovas(self->iommufd, self->attached,
						ranges, 1),
		       "IOAS_ALLOW_IOVAS", "has less than two bytes");
	ranges[0].last = IOVA + 1;
	EXPECT_REFUSED(EINVAL, ioas_allow_iovas(self->iommufd, self->attached,
						ranges, 2),
		       "IOAS_ALLOW_IOVAS", "or overlaps another");
	ranges[0].start = 0;
	EXPECT_REFUSED(EADDRINUSE,
		       ioas_allow_iovas(self->iommufd, self->attached, ranges,
					1),
		       "IOAS_ALLOW_IOVAS", "IOAS_IOVA_RANGES tells");
}

TEST_F_TIMEOUT(reason, options, TEST_SECONDS)
{
	must(map(self, self->attached, self->memory, LENGTH, IOVA));
	EXPECT_REFUSED(EBUSY,
		       option_set(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, 0,
				  1),
		       "OPTION", "has objects already");
	EXPECT_REFUSED(EINVAL,
		       option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES,
				  self->bare, 2),
		       "OPTION", "0 or 1");
	EXPECT_REFUSED(EINVAL,
		       option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES,
				  self->attached, 0),
		       "OPTION", "has to be unmapped before");
	must(map(self, self->bare, self->memory + 1, 1, 1));
	EXPECT_REFUSED(EADDRINUSE,
		       option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES,
				  self->bare, 0),
		       "OPTION", "no multiple of 4096");
	EXPECT_REFUSED(EOPNOTSUPP,
		       option_set(self->iommufd, IOMMU_OPTION_RLIMIT_MODE,
				  self->bare, 1),
		       "OPTION", "that of the file");
	EXPECT_REFUSED(EOPNOTSUPP, option_set(self->iommufd, 77, 0, 1),
		       "OPTION", "no option 77");
	drop_capability(CAP_SYS_RESOURCE);
	EXPECT_REFUSED(EPERM,
		       option_set(self->iommufd, IOMMU_OPTION_RLIMIT_MODE, 0,
				  1),
		       "OPTION", "CAP_SYS_RESOURCE");
}

TEST_F_TIMEOUT(reason, tables, TEST_SECONDS)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->mock.dev_id,
		.pt_id = self->bare,
		.data_len = 8,
	};
	__u32 id;

	EXPECT_REFUSED(ENOENT,
		       hwpt_alloc(self->iommufd, self->bare, self->bare, &id),
		       "HWPT_ALLOC", "is one of kind IOAS, not device");
	EXPECT_REFUSED(EINVAL,
		       hwpt_alloc(self->iommufd, self->mock.dev_id, NOBODY,
				  &id),
		       "HWPT_ALLOC", "no object has the number 1000, of pt_id");
	EXPECT_REFUSED(EINVAL,
		       hwpt_alloc(self->iommufd, self->mock.dev_id,
				  self->mock.dev_id, &id),
		       "HWPT_ALLOC", "a page table is made of an IOAS");
	EXPECT_REFUSED(EINVAL,
		       iommufd_call(self->iommufd, IOMMU_HWPT_ALLOC, &arg),
		       "HWPT_ALLOC", "data_len and data_type");
	must(map(self, self->bare, self->memory, LENGTH, PAGE_SIZE));
	EXPECT_REFUSED(EADDRINUSE,
		       hwpt_alloc(self->iommufd, self->mock.dev_id, self->bare,
				  &id),
		       "HWPT_ALLOC",
		       "0x1000..0x8fff is mapped or allowed, and the page table translates 0x1000000..");
	must(ioas_unmap_all(self->iommufd, self->bare, NULL));
	must(map(self, self->bare, self->memory, 1, IOVA));
	EXPECT_REFUSED(EADDRINUSE,
		       hwpt_alloc(self->iommufd, self->mock.dev_id, self->bare,
				  &id),
		       "HWPT_ALLOC", "no multiple of 2048");
	EXPECT_EQ(-EINVAL,
		  mock_replace(self->iommufd, &self->mock, self->mock.dev_id));
	EXPECT_TRUE(refused(self->iommufd, "TEST_CMD EINVAL",
			    "devices attach to an IOAS or a page table"));
}

TEST_F_TIMEOUT(reason, change_of_process, TEST_SECONDS)
{
	must(map(self, self->bare, self->memory, LENGTH, IOVA));
	EXPECT_REFUSED(EINVAL, ioas_change_process(self->iommufd),
		       "IOAS_CHANGE_PROCESS",
		       "0x1200000..0x1207fff is of memory of a process");
}

TEST_F_TIMEOUT(reason, calls_of_a_container, TEST_SECONDS)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)self->memory,
		.iova = IOVA,
		.size = LENGTH,
	};

	EXPECT_REFUSED(ENODEV,
		       iommufd_call(self->iommufd, VFIO_IOMMU_MAP_DMA, &arg),
		       "MAP_DMA", "no compatibility IOAS");
	must(vfio_ioas_set(self->iommufd, self->attached));
	must(iommufd_call(self->iommufd, VFIO_IOMMU_MAP_DMA, &arg));
	EXPECT_REFUSED(EEXIST,
		       iommufd_call(self->iommufd, VFIO_IOMMU_MAP_DMA, &arg),
		       "MAP_DMA", "is mapped already");
	EXPECT_REFUSED(EINVAL,
		       iommufd_call(self->iommufd, VFIO_SET_IOMMU,
				    (void *)(uintptr_t)77),
		       "SET_IOMMU", "type 77");
}

/* Sentences of two threads: none is a mixture. */
struct refuser {
	int iommufd;
	__u32 id;
	atomic_bool *done;
};

static void *refuse_thread(void *data)
{
	struct refuser *refuser = data;

	while (!*refuser->done)
		iommufd_destroy(refuser->iommufd, refuser->id);
	return NULL;
}

TEST_F_TIMEOUT(reason, threads_do_not_mix_theirs, TEST_SECONDS)
{
	atomic_bool done = false;
	struct refuser refusers[2] = {
		{ .iommufd = self->iommufd, .id = NOBODY, .done = &done },
		{ .iommufd = self->iommufd, .id = self->mock.dev_id,
		  .done = &done },
	};
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		must(-pthread_create(&threads[i], NULL, refuse_thread,
				     &refusers[i]));
	for (i = 0; i < ROUNDS; i++) {
		char value[FDINFO_LINE_MAX];

		if (fdinfo_value(self->iommufd, "last-error", value))
			continue;
		EXPECT_TRUE(!strncmp(value, "DESTROY ENOENT: ", 16) ||
			    !strncmp(value, "DESTROY EBUSY: ", 15));
		EXPECT_TRUE(!strstr(value, "no object has the number") ||
			    !strncmp(value, "DESTROY ENOENT", 14));
		EXPECT_TRUE(!strstr(value, "is used by") ||
			    !strncmp(value, "DESTROY EBUSY", 13));
	}
	done = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

TEST_HARNESS_MAIN
