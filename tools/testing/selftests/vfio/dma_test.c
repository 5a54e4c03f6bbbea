// SPDX-License-Identifier: GPL-2.0
/*
 * What a device reads and writes in this program's memory, byte by byte, and
 * what it no longer reaches.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
#define PAGES 16
#define LENGTH (PAGES * PAGE_SIZE)
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000
#define FIXED_READ (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE)

FIXTURE(dma)
{
	struct bound_device bound;
	struct edu edu;
	char *memory;
};

FIXTURE_SETUP(dma)
{
	need(edu_open_attached(&self->edu, &self->bound),
	     "an edu device alone in its group");
	self->memory = memory_alloc(LENGTH);
}

FIXTURE_TEARDOWN(dma)
{
	edu_close(&self->edu, &self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static int map(struct bound_device *bound, const void *memory, __u64 length,
	       __u64 iova)
{
	return ioas_map_fixed(bound->iommufd, bound->ioas_id, memory, length,
			      iova);
}

static int map_read(struct bound_device *bound, const void *memory,
		    __u64 length, __u64 iova)
{
	return ioas_map_flags(bound->iommufd, bound->ioas_id, FIXED_READ,
			      memory, length, &iova);
}

static int unmap(struct bound_device *bound, __u64 iova, __u64 length)
{
	return ioas_unmap(bound->iommufd, bound->ioas_id, iova, length, NULL);
}

/* A write of the device to @iova leaves @memory as it is. */
static bool write_is_stopped(struct edu *edu, __u64 iova, void *memory,
			     size_t length)
{
	memory_fill(memory, length, UNTOUCHED);
	return !edu_dma_write(edu, iova, 0, EDU_DMA_MAX) &&
	       memory_matches(memory, length, UNTOUCHED);
}

/* A read of the device from @iova brings nothing of @memory to it. */
static bool read_is_stopped(struct edu *edu, __u64 good_iova, char *good,
			    __u64 iova, void *memory)
{
	memory_fill(memory, EDU_DMA_MAX, UNTOUCHED);
	memset(good, 0, EDU_DMA_MAX);
	return !edu_dma_read(edu, good_iova, 0, EDU_DMA_MAX) &&
	       !edu_dma_read(edu, iova, 0, EDU_DMA_MAX) &&
	       !edu_dma_write(edu, good_iova, 0, EDU_DMA_MAX) &&
	       !memory_matches(good, EDU_DMA_MAX, UNTOUCHED);
}

TEST_F_TIMEOUT(dma, every_page_is_reached_both_ways, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	unsigned int i;

	must(map(&self->bound, self->memory, LENGTH, IOVA));
	for (i = 0; i < PAGES; i++)
		EXPECT_TRUE(edu_reaches(edu, IOVA + i * PAGE_SIZE,
					self->memory + i * PAGE_SIZE,
					PAGE_SIZE));
}

TEST_F_TIMEOUT(dma, bytes_beside_a_transfer_stay, TEST_SECONDS)
{
	const size_t at = PAGE_SIZE + 100, length = 1024;
	char *expected = memory_alloc(LENGTH);

	must(map(&self->bound, self->memory, LENGTH, IOVA));
	memory_fill(self->memory, length, 1);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, length));
	memory_fill(self->memory, LENGTH, UNTOUCHED);
	memory_fill(expected, LENGTH, UNTOUCHED);
	memory_fill(expected + at, length, 1);
	ASSERT_EQ(0, edu_dma_write(&self->edu, IOVA + at, 0, length));
	EXPECT_EQ(0, memcmp(expected, self->memory, LENGTH));
}

TEST_F_TIMEOUT(dma, transfer_may_cross_pages_and_mappings, TEST_SECONDS)
{
	struct edu *edu = &self->edu;

	must(map(&self->bound, self->memory, PAGE_SIZE, IOVA));
	must(map(&self->bound, self->memory + PAGE_SIZE, 3 * PAGE_SIZE,
		 IOVA + PAGE_SIZE));
	EXPECT_TRUE(edu_reaches(edu, IOVA + PAGE_SIZE - 1024,
				self->memory + PAGE_SIZE - 1024, 2048));
	EXPECT_TRUE(edu_reaches(edu, IOVA + 2 * PAGE_SIZE - 1024,
				self->memory + 2 * PAGE_SIZE - 1024, 2048));
}

/* Each page elsewhere than its neighbour: nothing may be taken as contiguous */
TEST_F_TIMEOUT(dma, scattered_memory_is_found, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	unsigned int order[PAGES], i;

	for (i = 0; i < PAGES; i++)
		order[i] = i * 7 % PAGES;
	/* Faulted in out of order, so that neighbours are apart in memory */
	for (i = 0; i < PAGES; i++)
		self->memory[order[i] * PAGE_SIZE] = 1;
	must(map(&self->bound, self->memory, LENGTH, IOVA));
	for (i = 0; i < PAGES; i++) {
		const __u64 offset = order[i] * PAGE_SIZE;

		EXPECT_TRUE(edu_reaches(edu, IOVA + offset,
					self->memory + offset, PAGE_SIZE));
	}
}

TEST_F_TIMEOUT(dma, one_memory_at_two_iovas_is_one, TEST_SECONDS)
{
	must(map(&self->bound, self->memory, LENGTH, IOVA));
	must(map(&self->bound, self->memory, LENGTH, IOVA + LENGTH));
	memory_fill(self->memory, EDU_DMA_MAX, 5);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(0, edu_dma_write(&self->edu, IOVA + LENGTH + PAGE_SIZE, 0,
				   EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->memory + PAGE_SIZE, EDU_DMA_MAX, 5));
	EXPECT_EQ(2 * PAGES, pages_pinned());
}

TEST_F_TIMEOUT(dma, chosen_iova_is_the_one_that_works, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	__u64 iova;

	must(ioas_map(self->bound.iommufd, self->bound.ioas_id, self->memory,
		      LENGTH, &iova));
	EXPECT_TRUE(edu_reaches(edu, iova, self->memory, LENGTH));
}

TEST_F_TIMEOUT(dma, large_buffer_is_reached_at_its_ends, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	const size_t length = 64UL << 20;
	char *memory = memory_alloc(length);
	unsigned int i;

	madvise(memory, length, MADV_HUGEPAGE);
	must(map(&self->bound, memory, length, IOVA));
	EXPECT_EQ(length / PAGE_SIZE, pages_pinned());
	for (i = 0; i < 8; i++) {
		const size_t offset = i * (length / 8);

		EXPECT_TRUE(edu_reaches(edu, IOVA + offset, memory + offset,
					length / 8));
	}
	must(unmap(&self->bound, IOVA, length));
	EXPECT_EQ(0, pages_pinned());
	memory_free(memory, length);
}

TEST_F_TIMEOUT(dma, unmapped_memory_is_out_of_reach, TEST_SECONDS)
{
	struct edu *edu = &self->edu;

	must(map(&self->bound, self->memory, LENGTH, IOVA));
	must(map(&self->bound, self->memory, LENGTH, IOVA + LENGTH));
	EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, LENGTH));
	must(unmap(&self->bound, IOVA, LENGTH));
	EXPECT_TRUE(write_is_stopped(edu, IOVA, self->memory, LENGTH));
	EXPECT_TRUE(write_is_stopped(edu, IOVA + LENGTH - EDU_DMA_MAX,
				     self->memory, LENGTH));
	EXPECT_TRUE(edu_reaches(edu, IOVA + LENGTH, self->memory, LENGTH));
}

TEST_F_TIMEOUT(dma, unmapped_memory_cannot_be_read, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	char *good = memory_alloc(PAGE_SIZE);

	must(map(&self->bound, self->memory, LENGTH, IOVA));
	must(map(&self->bound, good, PAGE_SIZE, IOVA + LENGTH));
	EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, LENGTH));
	must(unmap(&self->bound, IOVA, LENGTH));
	EXPECT_TRUE(read_is_stopped(edu, IOVA + LENGTH, good, IOVA,
				    self->memory));
}

TEST_F_TIMEOUT(dma, neighbours_of_unmapped_memory_stay, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	unsigned int i;

	for (i = 0; i < 4; i++)
		must(map(&self->bound, self->memory + i * PAGE_SIZE, PAGE_SIZE,
			 IOVA + i * PAGE_SIZE));
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(edu_reaches(edu, IOVA + i * PAGE_SIZE,
					self->memory + i * PAGE_SIZE,
					PAGE_SIZE));
	must(unmap(&self->bound, IOVA + PAGE_SIZE, PAGE_SIZE));
	EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, PAGE_SIZE));
	EXPECT_TRUE(write_is_stopped(edu, IOVA + PAGE_SIZE,
				     self->memory + PAGE_SIZE, PAGE_SIZE));
	EXPECT_TRUE(edu_reaches(edu, IOVA + 2 * PAGE_SIZE,
				self->memory + 2 * PAGE_SIZE, 2 * PAGE_SIZE));
}

TEST_F_TIMEOUT(dma, iova_that_is_mapped_again_is_the_new_memory, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	char *other = memory_alloc(LENGTH);
	unsigned int i;

	for (i = 0; i < 5; i++) {
		must(map(&self->bound, self->memory, LENGTH, IOVA));
		EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, LENGTH));
		must(unmap(&self->bound, IOVA, LENGTH));
		must(map(&self->bound, other, LENGTH, IOVA));
		memory_fill(self->memory, LENGTH, UNTOUCHED);
		EXPECT_TRUE(edu_reaches(edu, IOVA, other, LENGTH));
		EXPECT_TRUE(memory_matches(self->memory, LENGTH, UNTOUCHED));
		must(unmap(&self->bound, IOVA, LENGTH));
	}
}

TEST_F_TIMEOUT(dma, readable_memory_is_not_written, TEST_SECONDS)
{
	char *page = self->memory + PAGE_SIZE;

	must(map_read(&self->bound, self->memory, PAGE_SIZE, IOVA));
	must(map(&self->bound, page, PAGE_SIZE, IOVA + PAGE_SIZE));
	memory_fill(self->memory, EDU_DMA_MAX, 11);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(0,
		  edu_dma_write(&self->edu, IOVA + PAGE_SIZE, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(page, EDU_DMA_MAX, 11));
	EXPECT_TRUE(write_is_stopped(&self->edu, IOVA, self->memory,
				     PAGE_SIZE));
}

/* As a container maps it. IOMMUs refuse it, or let the device do nothing. */
TEST_F_TIMEOUT(dma, memory_without_permission_is_out_of_reach, TEST_SECONDS)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.vaddr = (uintptr_t)self->memory,
		.iova = IOVA,
		.size = LENGTH - PAGE_SIZE,
	};
	char *good = self->memory + LENGTH - PAGE_SIZE;
	const __u64 good_iova = IOVA + LENGTH - PAGE_SIZE;
	int ret;

	must(vfio_ioas_set(self->bound.iommufd, self->bound.ioas_id));
	ret = errno_of(ioctl(self->bound.iommufd, VFIO_IOMMU_MAP_DMA, &arg));
	EXPECT_TRUE(!ret || ret == -EINVAL);
	must(map(&self->bound, good, PAGE_SIZE, good_iova));
	EXPECT_TRUE(write_is_stopped(&self->edu, IOVA, self->memory,
				     PAGE_SIZE));
	EXPECT_TRUE(read_is_stopped(&self->edu, good_iova, good, IOVA,
				    self->memory));
}

/*
 * A private mapping of a file shares the file's page until it is written. Then
 * the process would have gone on with a copy, and the device with the file.
 */
TEST_F_TIMEOUT(dma, private_file_page_stays_the_one_the_process_sees,
	       TEST_SECONDS)
{
	int fd = must(errno_of(memfd_create("dma_test", MFD_CLOEXEC)));
	char *target = self->memory;
	char *file;

	must(errno_of(ftruncate(fd, PAGE_SIZE)));
	file = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		    0);
	ASSERT_NE(MAP_FAILED, file);
	EXPECT_EQ(0, file[0]);
	must(map_read(&self->bound, file, PAGE_SIZE, IOVA));
	must(map(&self->bound, target, PAGE_SIZE, IOVA + PAGE_SIZE));
	memory_fill(file, EDU_DMA_MAX, 13);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(0,
		  edu_dma_write(&self->edu, IOVA + PAGE_SIZE, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(target, EDU_DMA_MAX, 13));
}

/* The same for memory that was never written: one zero page for everybody */
TEST_F_TIMEOUT(dma, untouched_page_stays_the_one_the_process_sees, TEST_SECONDS)
{
	char *fresh = memory_alloc(PAGE_SIZE);
	char *target = self->memory;

	EXPECT_EQ(0, *fresh);
	must(map_read(&self->bound, fresh, PAGE_SIZE, IOVA));
	must(map(&self->bound, target, PAGE_SIZE, IOVA + PAGE_SIZE));
	memory_fill(fresh, EDU_DMA_MAX, 17);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(0,
		  edu_dma_write(&self->edu, IOVA + PAGE_SIZE, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(target, EDU_DMA_MAX, 17));
}

TEST_F_TIMEOUT(dma, shared_file_is_written, TEST_SECONDS)
{
	int fd = must(errno_of(memfd_create("dma_test", MFD_CLOEXEC)));
	char contents[EDU_DMA_MAX];
	char *file;

	must(errno_of(ftruncate(fd, PAGE_SIZE)));
	file = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, file);
	must(map(&self->bound, file, PAGE_SIZE, IOVA));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, file, PAGE_SIZE));
	memory_fill(file, EDU_DMA_MAX, 19);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	memset(file, 0, EDU_DMA_MAX);
	ASSERT_EQ(0, edu_dma_write(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(sizeof(contents), pread(fd, contents, sizeof(contents), 0));
	EXPECT_TRUE(memory_matches(contents, sizeof(contents), 19));
}

/* The pages are the ones that were pinned, whatever became of the address. */
TEST_F_TIMEOUT(dma, memory_given_back_is_still_there_for_the_device,
	       TEST_SECONDS)
{
	char *memory = memory_alloc(PAGE_SIZE);

	must(map(&self->bound, memory, PAGE_SIZE, IOVA));
	must(map(&self->bound, self->memory, PAGE_SIZE, IOVA + PAGE_SIZE));
	memory_fill(memory, EDU_DMA_MAX, 23);
	memory_free(memory, PAGE_SIZE);
	ASSERT_EQ(0, edu_dma_read(&self->edu, IOVA, 0, EDU_DMA_MAX));
	ASSERT_EQ(0,
		  edu_dma_write(&self->edu, IOVA + PAGE_SIZE, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->memory, EDU_DMA_MAX, 23));
}

TEST_F_TIMEOUT(dma, closed_iommufd_leaves_dma_working, TEST_SECONDS)
{
	must(map(&self->bound, self->memory, LENGTH, IOVA));
	must(errno_of(close(self->bound.iommufd)));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, self->memory, LENGTH));
	EXPECT_EQ(PAGES, pages_pinned());
	self->bound.iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(dma, fork_does_not_take_memory_from_the_device, TEST_SECONDS)
{
	struct edu *edu = &self->edu;
	int status;
	pid_t pid;

	memory_fill(self->memory, LENGTH, 29);
	must(map(&self->bound, self->memory, LENGTH, IOVA));
	pid = must(errno_of(fork()));
	if (!pid) {
		/* would be the one to write first, and to keep the page */
		memset(self->memory, 0, LENGTH);
		_exit(0);
	}
	EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, LENGTH));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(edu_reaches(edu, IOVA, self->memory, LENGTH));
}

/*
 * Not every IOMMU moves a device from table to table without a gap, so what is
 * on its way then may be lost. It must not end up anywhere else, though, and
 * everything has to work afterwards.
 */
struct replacer {
	int device;
	__u32 spaces[2];
	bool stop;
	int ret;
	unsigned int count;
};

static void *replace_again_and_again(void *data)
{
	struct replacer *replacer = data;
	__u32 space;

	while (!__atomic_load_n(&replacer->stop, __ATOMIC_ACQUIRE) &&
	       !replacer->ret) {
		space = replacer->spaces[++replacer->count % 2];
		replacer->ret = vfio_attach_to(replacer->device, space);
	}
	return NULL;
}

/* Threads may come late: are there too few to say anything? */
static bool replaces_are_few(const struct replacer *replacer)
{
	return __atomic_load_n(&replacer->count, __ATOMIC_ACQUIRE) < 2 &&
	       !__atomic_load_n(&replacer->ret, __ATOMIC_ACQUIRE);
}

TEST_F_TIMEOUT(dma, replace_under_dma_harms_nothing, TEST_SECONDS)
{
	struct replacer replacer = {
		.device = self->bound.device,
		.spaces = { self->bound.ioas_id },
	};
	char *target = self->memory, *rest = target + PAGE_SIZE;
	struct edu *edu = &self->edu;
	pthread_t thread;
	unsigned int i;

	must(ioas_alloc(self->bound.iommufd, &replacer.spaces[1]));
	must(map(&self->bound, target, LENGTH, IOVA));
	must(ioas_map_fixed(self->bound.iommufd, replacer.spaces[1], target,
			    LENGTH, IOVA));
	memory_fill(rest, LENGTH - PAGE_SIZE, UNTOUCHED);
	must(-pthread_create(&thread, NULL, replace_again_and_again,
			     &replacer));
	for (i = 0; i < 20 || replaces_are_few(&replacer); i++)
		ASSERT_EQ(0, edu_dma_write(edu, IOVA, 0, EDU_DMA_MAX));
	__atomic_store_n(&replacer.stop, true, __ATOMIC_RELEASE);
	must(-pthread_join(thread, NULL));
	EXPECT_EQ(0, replacer.ret);
	EXPECT_TRUE(memory_matches(rest, LENGTH - PAGE_SIZE, UNTOUCHED));
	EXPECT_TRUE(edu_reaches(edu, IOVA, target, LENGTH));
}

/*
 * A table that a device comes to or leaves while it changes: what is mapped
 * then is there, and what is unmapped is gone.
 */
TEST_F_TIMEOUT(dma, mapping_under_replace_loses_nothing, TEST_SECONDS)
{
	struct replacer replacer = { .device = self->bound.device };
	char *memory = self->memory;
	pthread_t thread;
	unsigned int i;

	must(hwpt_alloc(self->bound.iommufd, self->bound.dev_id,
			self->bound.ioas_id, &replacer.spaces[0]));
	must(ioas_alloc(self->bound.iommufd, &replacer.spaces[1]));
	/* An attach takes longer, where the table is not shared memory. */
	for (i = 1; i <= 32; i++)
		must(map(&self->bound, memory, PAGE_SIZE, IOVA + i * LENGTH));
	must(-pthread_create(&thread, NULL, replace_again_and_again,
			     &replacer));
	for (i = 0; i < 100 || replaces_are_few(&replacer); i++) {
		ASSERT_EQ(0, map(&self->bound, memory, LENGTH, IOVA));
		ASSERT_EQ(0, unmap(&self->bound, IOVA, LENGTH));
	}
	must(map(&self->bound, memory, LENGTH, IOVA));
	__atomic_store_n(&replacer.stop, true, __ATOMIC_RELEASE);
	must(-pthread_join(thread, NULL));
	EXPECT_EQ(0, replacer.ret);

	must(vfio_attach_to(self->bound.device, replacer.spaces[0]));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, memory, LENGTH));
	must(unmap(&self->bound, IOVA, LENGTH));
	EXPECT_TRUE(write_is_stopped(&self->edu, IOVA, memory, LENGTH));
}

TEST_F_TIMEOUT(dma, interrupt_reaches_an_eventfd, TEST_SECONDS)
{
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));
	struct pollfd pollfd = { .fd = event, .events = POLLIN };
	unsigned int i;
	__u64 count;

	must(map(&self->bound, self->memory, LENGTH, IOVA));
	must(vfio_irq_to_eventfd(self->bound.device, VFIO_PCI_MSI_IRQ_INDEX,
				 event));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, edu_dma_write_interrupt(&self->edu, IOVA, 0, 64));
		ASSERT_EQ(1, poll(&pollfd, 1, 60000));
		ASSERT_EQ(sizeof(count), read(event, &count, sizeof(count)));
		EXPECT_EQ(1, count);
		EXPECT_EQ(0x100, edu_interrupt_ack(&self->edu));
	}
}

TEST_HARNESS_MAIN
