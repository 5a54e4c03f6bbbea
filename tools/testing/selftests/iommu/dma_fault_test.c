// SPDX-License-Identifier: GPL-2.0
/*
 * DMA that the IOMMU stopped: the queue of a context, and what its records say.
 * The mock IOMMU stops what it is told to.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/dma_faults.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define DEPTH 4
#define STORM 20000

FIXTURE(dma_fault)
{
	struct dma_faults faults;
	struct iommu_dma_fault records[2 * DEPTH];
};

FIXTURE_SETUP(dma_fault)
{
	need(mock_exists(), "CONFIG_IOMMUFD_TEST");
	dma_faults_open(&self->faults, DEPTH);
}

FIXTURE_TEARDOWN(dma_fault)
{
	dma_faults_close(&self->faults);
}

static __u64 now(void)
{
	struct timespec time;

	must(errno_of(clock_gettime(CLOCK_MONOTONIC, &time)));
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

TEST_F_TIMEOUT(dma_fault, record_says_who_wanted_to_go_where, TEST_SECONDS)
{
	struct iommu_dma_fault *record = &self->records[0];
	__u64 before = now();

	must(mock_dma_fault(self->faults.iommufd, &self->faults.mock,
			    IOVA + 0x123, 1, MOCK_DMA_FAULT_WRITE, 77, NULL));
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, record, 1));
	EXPECT_EQ(IOMMU_DMA_FAULT_WRITE, record->flags);
	EXPECT_EQ(self->faults.mock.dev_id, record->dev_id);
	EXPECT_EQ(IOVA + 0x123, record->iova);
	EXPECT_LE(before, record->time);
	EXPECT_GE(now(), record->time);
	EXPECT_EQ(0, record->cookie);
	EXPECT_EQ(0, record->pasid);
	EXPECT_EQ(0, record->lost);
	EXPECT_EQ(0, record->__reserved);
}

TEST_F_TIMEOUT(dma_fault, pasid_is_told_where_there_is_one, TEST_SECONDS)
{
	must(mock_dma_fault(self->faults.iommufd, &self->faults.mock, IOVA, 1,
			    MOCK_DMA_FAULT_PASID, 77, NULL));
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, self->records, 1));
	EXPECT_EQ(IOMMU_DMA_FAULT_PASID | IOMMU_DMA_FAULT_READ,
		  self->records[0].flags);
	EXPECT_EQ(77, self->records[0].pasid);
}

TEST_F_TIMEOUT(dma_fault, address_may_be_any, TEST_SECONDS)
{
	dma_faults_make(&self->faults, ~0ULL, 1);
	dma_faults_make(&self->faults, 0, 1);
	ASSERT_EQ(2, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(~0ULL, self->records[0].iova);
	EXPECT_EQ(0, self->records[1].iova);
}

TEST_F_TIMEOUT(dma_fault, depth_has_limits, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	int queue;

	EXPECT_EQ(-EINVAL, dma_fault_queue(iommufd, 0, NULL));
	EXPECT_EQ(-EINVAL,
		  dma_fault_queue(iommufd, IOMMU_DMA_FAULT_DEPTH_MAX + 1,
				  NULL));
	EXPECT_EQ(-EINVAL, dma_fault_queue(iommufd, ~0U, NULL));
	queue = dma_fault_queue(iommufd, IOMMU_DMA_FAULT_DEPTH_MAX, NULL);
	EXPECT_LE(0, queue);
	EXPECT_EQ(0, close(queue));
	EXPECT_EQ(0, close(iommufd));
}

TEST_F_TIMEOUT(dma_fault, flags_and_reserved_are_refused, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	struct iommu_dma_fault_queue arg = {
		.size = sizeof(arg),
		.depth = DEPTH,
	};
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		arg.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP,
			  iommufd_call(iommufd, IOMMU_DMA_FAULT_QUEUE, &arg));
		arg.flags = 0;
		arg.__reserved = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP,
			  iommufd_call(iommufd, IOMMU_DMA_FAULT_QUEUE, &arg));
		arg.__reserved = 0;
	}
	EXPECT_EQ(0, close(iommufd));
}

TEST_F_TIMEOUT(dma_fault, context_has_one_queue, TEST_SECONDS)
{
	EXPECT_EQ(-EEXIST, dma_fault_queue(self->faults.iommufd, DEPTH, NULL));
	/* The first one still works. */
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));

	/* It is there as long as its number is. */
	dma_faults_close_queue(&self->faults);
	EXPECT_EQ(-EEXIST, dma_fault_queue(self->faults.iommufd, DEPTH, NULL));
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
	self->faults.queue = dma_fault_queue(self->faults.iommufd, DEPTH, NULL);
	EXPECT_LE(0, self->faults.queue);
}

TEST_F_TIMEOUT(dma_fault, contexts_do_not_see_each_other, TEST_SECONDS)
{
	struct space other;
	struct mock mock;
	int queue;

	space_open_mock(&other, &mock);
	queue = must(dma_fault_queue(other.iommufd, DEPTH, NULL));
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_FALSE(dma_fault_queue_is_readable(queue));
	EXPECT_TRUE(dma_fault_queue_is_readable(self->faults.queue));
	must(errno_of(close(queue)));
	space_close(&other);
}

TEST_F_TIMEOUT(dma_fault, device_may_come_after_the_queue, TEST_SECONDS)
{
	struct mock later;

	must(mock_create(self->faults.iommufd, self->faults.space.ioas_id,
			 &later));
	must(mock_dma_fault(self->faults.iommufd, &later, IOVA, 1, 0, 0, NULL));
	dma_faults_make(&self->faults, IOVA, 1);
	ASSERT_EQ(2, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(later.dev_id, self->records[0].dev_id);
	EXPECT_EQ(self->faults.mock.dev_id, self->records[1].dev_id);
}

TEST_F_TIMEOUT(dma_fault, device_may_be_gone_before_its_record_is_read,
	       TEST_SECONDS)
{
	dma_faults_make(&self->faults, IOVA, 1);
	must(iommufd_destroy(self->faults.iommufd, self->faults.mock.id));
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(self->faults.mock.dev_id, self->records[0].dev_id);
}

TEST_F_TIMEOUT(dma_fault, faults_are_counted_without_a_queue, TEST_SECONDS)
{
	__u64 faults;

	dma_faults_close_queue(&self->faults);
	must(dma_faults_destroy_queue(&self->faults));
	must(mock_dma_fault(self->faults.iommufd, &self->faults.mock, IOVA, 3,
			    0, 0, &faults));
	EXPECT_EQ(3, faults);
}

/* Two devices that look the same, as behind a conventional bridge */
TEST_F_TIMEOUT(dma_fault, record_of_a_shared_id_is_of_the_group, TEST_SECONDS)
{
	const __u32 flags = MOCK_FLAGS_DEVICE_SHARE_GROUP |
			    MOCK_FLAGS_DEVICE_SHARE_ID;
	struct mock first, second;

	must(mock_create_flags(self->faults.iommufd, self->faults.space.ioas_id,
			       flags, &first));
	must(mock_dma_fault(self->faults.iommufd, &first, IOVA, 1, 0, 0, NULL));
	must(mock_create_flags(self->faults.iommufd, self->faults.space.ioas_id,
			       flags, &second));
	must(mock_dma_fault(self->faults.iommufd, &second, IOVA, 1, 0, 0,
			    NULL));
	must(iommufd_destroy(self->faults.iommufd, first.id));
	must(mock_dma_fault(self->faults.iommufd, &second, IOVA, 1, 0, 0,
			    NULL));
	ASSERT_EQ(3, dma_fault_read(self->faults.queue, self->records, DEPTH));
	/* Nobody else was there yet. */
	EXPECT_EQ(IOMMU_DMA_FAULT_READ, self->records[0].flags);
	EXPECT_EQ(first.dev_id, self->records[0].dev_id);
	/* The one that was bound first stands for both. */
	EXPECT_EQ(IOMMU_DMA_FAULT_GROUP | IOMMU_DMA_FAULT_READ,
		  self->records[1].flags);
	EXPECT_EQ(first.dev_id, self->records[1].dev_id);
	/* There was another one when it was bound. */
	EXPECT_EQ(IOMMU_DMA_FAULT_GROUP | IOMMU_DMA_FAULT_READ,
		  self->records[2].flags);
	EXPECT_EQ(second.dev_id, self->records[2].dev_id);
}

TEST_F_TIMEOUT(dma_fault, ids_of_a_group_may_differ, TEST_SECONDS)
{
	struct mock mocks[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		must(mock_create_flags(self->faults.iommufd,
				       self->faults.space.ioas_id,
				       MOCK_FLAGS_DEVICE_SHARE_GROUP,
				       &mocks[i]));
	for (i = 0; i < 2; i++)
		must(mock_dma_fault(self->faults.iommufd, &mocks[i], IOVA, 1, 0,
				    0, NULL));
	ASSERT_EQ(2, dma_fault_read(self->faults.queue, self->records, DEPTH));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(IOMMU_DMA_FAULT_READ, self->records[i].flags);
		EXPECT_EQ(mocks[i].dev_id, self->records[i].dev_id);
	}
}

TEST_F_TIMEOUT(dma_fault, what_finds_no_room_is_counted, TEST_SECONDS)
{
	unsigned int i;

	dma_faults_make(&self->faults, IOVA, DEPTH + 3);
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, self->records, 1));
	EXPECT_EQ(0, self->records[0].lost);
	/* Room for one, behind those that were lost */
	dma_faults_make(&self->faults, IOVA + 0x1000000, 2);
	ASSERT_EQ(DEPTH,
		  dma_fault_read(self->faults.queue, self->records, 2 * DEPTH));
	for (i = 0; i < DEPTH - 1; i++) {
		EXPECT_EQ(IOVA + (i + 1) * PAGE_SIZE, self->records[i].iova);
		EXPECT_EQ(i == DEPTH - 2 ? 3 : 0, self->records[i].lost);
	}
	EXPECT_EQ(IOVA + 0x1000000, self->records[DEPTH - 1].iova);
	EXPECT_EQ(1, self->records[DEPTH - 1].lost);
}

TEST_F_TIMEOUT(dma_fault, queue_of_one_counts, TEST_SECONDS)
{
	dma_faults_close_queue(&self->faults);
	must(dma_faults_destroy_queue(&self->faults));
	self->faults.queue = must(dma_fault_queue(self->faults.iommufd, 1,
						  &self->faults.queue_id));
	dma_faults_make(&self->faults, IOVA, 5);
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(4, self->records[0].lost);
	dma_faults_make(&self->faults, IOVA, 1);
	ASSERT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(0, self->records[0].lost);
}

/* The lowest number that is free */
static int next_descriptor(void)
{
	int file = must(errno_of(dup(0)));

	must(errno_of(close(file)));
	return file;
}

TEST_F_TIMEOUT(dma_fault, failed_reply_leaves_nothing, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	struct iommu_dma_fault_queue arg = {
		.size = sizeof(arg),
		.depth = DEPTH,
	};
	void *unwritable = memory_readonly_copy(&arg, sizeof(arg));
	int descriptor = next_descriptor();
	__u32 id, first;

	must(ioas_alloc(iommufd, &first));
	EXPECT_EQ(-EFAULT,
		  iommufd_call(iommufd, IOMMU_DMA_FAULT_QUEUE, unwritable));
	/* No descriptor, no number, no queue in the way of another one */
	EXPECT_EQ(descriptor, next_descriptor());
	must(ioas_alloc(iommufd, &id));
	EXPECT_EQ(first + 1, id);
	EXPECT_EQ(descriptor, dma_fault_queue(iommufd, DEPTH, NULL));
	EXPECT_EQ(0, close(descriptor));
	EXPECT_EQ(0, close(iommufd));
}

TEST_F_TIMEOUT(dma_fault, without_a_descriptor_there_is_nothing, TEST_SECONDS)
{
	int iommufd = must(iommufd_open());
	struct rlimit limit, none;
	__u32 id, first;
	int queue;

	must(ioas_alloc(iommufd, &first));
	must(errno_of(getrlimit(RLIMIT_NOFILE, &limit)));
	none = (struct rlimit){ next_descriptor(), limit.rlim_max };
	must(errno_of(setrlimit(RLIMIT_NOFILE, &none)));
	EXPECT_EQ(-EMFILE, dma_fault_queue(iommufd, DEPTH, NULL));
	must(errno_of(setrlimit(RLIMIT_NOFILE, &limit)));
	must(ioas_alloc(iommufd, &id));
	EXPECT_EQ(first + 1, id);
	queue = dma_fault_queue(iommufd, DEPTH, NULL);
	EXPECT_LE(0, queue);
	EXPECT_EQ(0, close(queue));
	EXPECT_EQ(0, close(iommufd));
}

/* Nobody is woken any more, and what waits goes with the queue. */
TEST_F_TIMEOUT(dma_fault, queue_may_end_in_a_storm, TEST_SECONDS)
{
	unsigned int i;
	pid_t storm = must(errno_of(fork()));
	int status;

	if (!storm) {
		dma_faults_close_queue(&self->faults);
		dma_faults_make(&self->faults, IOVA, STORM);
		_exit(0);
	}
	for (i = 0; i < 200; i++) {
		dma_faults_close_queue(&self->faults);
		usleep(100);
		while (dma_faults_destroy_queue(&self->faults))
			usleep(100);
		self->faults.queue = must(dma_fault_queue(self->faults.iommufd,
							  DEPTH,
							  &self->faults.queue_id));
	}
	must(errno_of(waitpid(storm, &status, 0)));
	EXPECT_EQ(0, status);
}

/* Each fault is a record, or counted in one. */
TEST_F_TIMEOUT(dma_fault, storm_is_accounted_for, TEST_SECONDS)
{
	__u64 seen = 0, ever;
	int ret, status;
	pid_t storm = must(errno_of(fork()));

	if (!storm) {
		dma_faults_make(&self->faults, IOVA, STORM);
		_exit(0);
	}
	dma_fault_queue_nonblocking(self->faults.queue);
	while (waitpid(storm, &status, WNOHANG) == 0 ||
	       dma_fault_queue_is_readable(self->faults.queue)) {
		ret = dma_fault_read(self->faults.queue, self->records,
				     2 * DEPTH);
		while (ret > 0)
			seen += 1 + self->records[--ret].lost;
	}
	must(mock_dma_fault(self->faults.iommufd, &self->faults.mock, IOVA, 0,
			    0, 0, &ever));
	EXPECT_EQ(STORM, ever);
	EXPECT_EQ(STORM, seen);
}

TEST_HARNESS_MAIN
