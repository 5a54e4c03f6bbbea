// SPDX-License-Identifier: GPL-2.0
/*
 * DMA of real devices that the IOMMU stopped, as the owner reads of it: which of
 * several it was, and where it wanted to go.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/mock.h"

#define IOVA 0x100000ULL
/* Where nothing is mapped */
#define NOWHERE 0x4000000ULL
#define COOKIE 0xc001e000000000ULL
#define DEVICES 2
#define DEPTH 256
#define DIRECTIONS (IOMMU_DMA_FAULT_READ | IOMMU_DMA_FAULT_WRITE)
/* Until an interrupt of the IOMMU has been handled */
#define REPORT_MSEC 10000
#define ROUNDS 5

FIXTURE(dma_fault)
{
	int iommufd;
	int queue;
	__u32 ioas_id;
	char *memory;
	int devices[DEVICES];
	__u32 dev_ids[DEVICES];
	struct edu edus[DEVICES];
	const char *bdfs[DEVICES];
	struct edu_list list;
};

FIXTURE_VARIANT(dma_fault)
{
	bool is_group;
};

FIXTURE_VARIANT_ADD(dma_fault, of_two_groups)
{
	.is_group = false,
};

/* On x86 behind a bridge for which all have one ID */
FIXTURE_VARIANT_ADD(dma_fault, of_one_group)
{
	.is_group = true,
};

static const struct pci_device *find_device(const struct edu_list *list,
					    bool is_group, unsigned int i)
{
	return is_group ? edu_in_pair(list, i) : edu_alone(list, i);
}

static void add_device(FIXTURE_DATA(dma_fault) * self, unsigned int i,
		       const char *bdf)
{
	self->bdfs[i] = bdf;
	self->devices[i] = must(vfio_cdev_open(bdf));
	must(vfio_bind_cookie(self->devices[i], self->iommufd, COOKIE + i,
			      &self->dev_ids[i]));
	must(vfio_attach_to(self->devices[i], self->ioas_id));
	must(edu_start(&self->edus[i], self->devices[i]));
}

/* An IOMMU whose name begins so */
static bool is_behind(const char *bdf, const char *name_start)
{
	char name[64];

	return !pci_link(bdf, "iommu", name, sizeof(name)) &&
	       !strncmp(name, name_start, strlen(name_start));
}

FIXTURE_SETUP(dma_fault)
{
	unsigned int i;

	edu_list_read(&self->list);
	need(find_device(&self->list, variant->is_group, DEVICES - 1),
	     "two edu devices, each alone in its group, and two in one group");
	skip_if(is_behind(find_device(&self->list, variant->is_group, 0)->bdf,
			  "ivhd"),
		"the driver of the AMD IOMMU tells of no DMA fault");
	self->iommufd = must(iommufd_open());
	self->queue = must(dma_fault_queue(self->iommufd, DEPTH, NULL));
	must(errno_of(fcntl(self->queue, F_SETFL, O_NONBLOCK)));
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	self->memory = memory_alloc(PAGE_SIZE);
	must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
			    PAGE_SIZE, IOVA));
	for (i = 0; i < DEVICES; i++)
		add_device(self, i,
			   find_device(&self->list, variant->is_group,
				       i)->bdf);
}

static void close_device(FIXTURE_DATA(dma_fault) * self, unsigned int i)
{
	if (self->devices[i] < 0)
		return;
	edu_stop(&self->edus[i]);
	must(errno_of(close(self->devices[i])));
	self->devices[i] = -1;
}

FIXTURE_TEARDOWN(dma_fault)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		close_device(self, i);
	EXPECT_EQ(0, close(self->queue));
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static bool is_behind_vtd(const char *bdf)
{
	return is_behind(bdf, "dmar");
}

/* The emulated virtio-iommu says nothing where nothing is mapped. */
static __u32 direction(const char *bdf, __u32 flag)
{
	char name[64];

	must(pci_link(bdf, "iommu", name, sizeof(name)));
	/* It is named after its PCI device. */
	return strchr(name, ':') ? 0 : flag;
}

/* The first record that comes, without those of the same transfer */
static bool next_fault(int queue, struct iommu_dma_fault *record)
{
	struct pollfd polled = { .fd = queue, .events = POLLIN };
	struct iommu_dma_fault same[DEPTH];

	if (poll(&polled, 1, REPORT_MSEC) != 1 ||
	    dma_fault_read(queue, record, 1) != 1)
		return false;
	usleep(10000);
	dma_fault_read(queue, same, DEPTH);
	return true;
}

static bool is_of_page(const struct iommu_dma_fault *record, __u64 iova)
{
	return record->iova / PAGE_SIZE == iova / PAGE_SIZE;
}

/* The device, or where nobody can know which of the group one of them */
static bool is_of_device(FIXTURE_DATA(dma_fault) * self,
			 const struct iommu_dma_fault *record, unsigned int i)
{
	if (record->flags & IOMMU_DMA_FAULT_GROUP)
		i = record->cookie - COOKIE;
	return i < DEVICES && record->flags & IOMMU_DMA_FAULT_COOKIE &&
	       record->cookie == COOKIE + i &&
	       record->dev_id == self->dev_ids[i];
}

TEST_F_TIMEOUT(dma_fault, write_to_nowhere_is_told, TEST_SECONDS)
{
	struct iommu_dma_fault record;
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		const __u64 iova = NOWHERE + i * 16 * PAGE_SIZE + 64;

		must(edu_dma_write(&self->edus[i], iova, 0, 16));
		ASSERT_TRUE(next_fault(self->queue, &record));
		EXPECT_TRUE(is_of_page(&record, iova));
		EXPECT_TRUE(is_of_device(self, &record, i));
		EXPECT_EQ(direction(self->bdfs[i], IOMMU_DMA_FAULT_WRITE),
			  record.flags & DIRECTIONS);
		EXPECT_FALSE(record.flags & IOMMU_DMA_FAULT_PASID);
		EXPECT_EQ(variant->is_group && is_behind_vtd(self->bdfs[i]),
			  !!(record.flags & IOMMU_DMA_FAULT_GROUP));
	}
}

TEST_F_TIMEOUT(dma_fault, read_from_nowhere_is_told, TEST_SECONDS)
{
	struct iommu_dma_fault record;
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		must(edu_dma_read(&self->edus[i], NOWHERE, 0, 16));
		ASSERT_TRUE(next_fault(self->queue, &record));
		EXPECT_TRUE(is_of_page(&record, NOWHERE));
		EXPECT_TRUE(is_of_device(self, &record, i));
		EXPECT_EQ(direction(self->bdfs[i], IOMMU_DMA_FAULT_READ),
			  record.flags & DIRECTIONS);
	}
}

TEST_F_TIMEOUT(dma_fault, what_works_is_not_told, TEST_SECONDS)
{
	struct iommu_dma_fault record;
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		EXPECT_TRUE(edu_reaches(&self->edus[i], IOVA, self->memory,
					256));
	usleep(10000);
	EXPECT_EQ(-EAGAIN, dma_fault_read(self->queue, &record, 1));
}

TEST_F_TIMEOUT(dma_fault, wrong_direction_is_told, TEST_SECONDS)
{
	__u64 iova = IOVA + PAGE_SIZE;
	struct iommu_dma_fault record;

	must(ioas_map_flags(self->iommufd, self->ioas_id,
			    IOMMU_IOAS_MAP_FIXED_IOVA |
			    IOMMU_IOAS_MAP_READABLE,
			    memory_alloc(PAGE_SIZE), PAGE_SIZE, &iova));
	must(edu_dma_write(&self->edus[0], iova, 0, 16));
	ASSERT_TRUE(next_fault(self->queue, &record));
	EXPECT_TRUE(is_of_page(&record, iova));
	EXPECT_TRUE(is_of_device(self, &record, 0));
	EXPECT_EQ(IOMMU_DMA_FAULT_WRITE, record.flags & DIRECTIONS);
}

TEST_F_TIMEOUT(dma_fault, unmapped_memory_is_told, TEST_SECONDS)
{
	struct iommu_dma_fault record;

	EXPECT_TRUE(edu_reaches(&self->edus[0], IOVA, self->memory, 256));
	must(ioas_unmap_all(self->iommufd, self->ioas_id, NULL));
	must(edu_dma_write(&self->edus[0], IOVA, 0, 16));
	ASSERT_TRUE(next_fault(self->queue, &record));
	EXPECT_TRUE(is_of_page(&record, IOVA));
	EXPECT_TRUE(is_of_device(self, &record, 0));
}

/* A device without a table is its owner's, too. */
TEST_F_TIMEOUT(dma_fault, detached_device_is_told, TEST_SECONDS)
{
	struct iommu_dma_fault record;
	unsigned int i;

	if (!is_behind_vtd(self->bdfs[0]))
		SKIP(return, "this IOMMU does not tell of a device without a table");
	for (i = 0; i < DEVICES; i++)
		must(vfio_detach(self->devices[i]));
	must(edu_dma_write(&self->edus[0], IOVA, 0, 16));
	ASSERT_TRUE(next_fault(self->queue, &record));
	EXPECT_TRUE(is_of_page(&record, IOVA));
	EXPECT_TRUE(is_of_device(self, &record, 0));
}

static void *read_one(void *data)
{
	static struct iommu_dma_fault record;
	int queue = *(int *)data;

	return dma_fault_read(queue, &record, 1) == 1 ? &record : NULL;
}

TEST_F_TIMEOUT(dma_fault, unbind_waits_for_no_reader, TEST_SECONDS)
{
	struct iommu_dma_fault *record;
	pthread_t reader;
	void *result;

	must(errno_of(fcntl(self->queue, F_SETFL, 0)));
	must(-pthread_create(&reader, NULL, read_one, &self->queue));
	usleep(50000);
	close_device(self, 0);
	must(edu_dma_write(&self->edus[1], NOWHERE, 0, 16));
	must(-pthread_join(reader, &result));
	record = result;
	ASSERT_NE(NULL, record);
	EXPECT_TRUE(is_of_device(self, record, 1));
	EXPECT_EQ(COOKIE + 1, record->cookie);
	must(errno_of(fcntl(self->queue, F_SETFL, O_NONBLOCK)));
}

/* Faults of a device that nobody could stop, as fast as a processor goes */
struct storm {
	struct space space;
	struct mock mock;
	pthread_t thread;
	__u64 faults;
	bool ends;
};

static void *run_storm(void *data)
{
	struct storm *storm = data;

	while (!__atomic_load_n(&storm->ends, __ATOMIC_ACQUIRE))
		must(mock_dma_fault(storm->space.iommufd, &storm->mock, NOWHERE,
				    1000, 0, 0, &storm->faults));
	return NULL;
}

static double copy_seconds(struct edu *edu, char *memory)
{
	struct timespec start, end;
	unsigned int i;

	must(errno_of(clock_gettime(CLOCK_MONOTONIC, &start)));
	for (i = 0; i < ROUNDS; i++)
		must(edu_reaches(edu, IOVA, memory, PAGE_SIZE) ? 0 : -EIO);
	must(errno_of(clock_gettime(CLOCK_MONOTONIC, &end)));
	return end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
}

TEST_F_TIMEOUT(dma_fault, storm_of_another_device_slows_nobody, TEST_SECONDS)
{
	struct storm storm = { .ends = false };
	double alone, beside;
	int queue;

	need(mock_exists(), "CONFIG_IOMMUFD_TEST");
	space_open_mock(&storm.space, &storm.mock);
	queue = must(dma_fault_queue(storm.space.iommufd, DEPTH, NULL));
	alone = copy_seconds(&self->edus[0], self->memory);
	must(-pthread_create(&storm.thread, NULL, run_storm, &storm));
	beside = copy_seconds(&self->edus[0], self->memory);
	__atomic_store_n(&storm.ends, true, __ATOMIC_RELEASE);
	must(-pthread_join(storm.thread, NULL));
	TH_LOG("%.2f s, and %.2f s beside %llu faults", alone, beside,
	       storm.faults);
	EXPECT_LT(beside, 3 * alone);
	EXPECT_LT(1000, storm.faults);
	EXPECT_EQ(0, close(queue));
	must(errno_of(close(storm.space.iommufd)));
}

TEST_HARNESS_MAIN
