// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables that are replaced while a device uses them: what both map is reached
 * at any time, and what only the former one maps is not reached any more once the
 * call has returned.
 *
 * The engine of an edu works on a transfer for 100 ms and copies at once in the end,
 * so a table that is taken away for a part of the time loses that part of the
 * transfers.
 *
 * REPLACE_ROUNDS makes a run longer.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define REPLACE_SECONDS (3 * TEST_SECONDS)
#define ROUNDS 40
#define IOVA 0x100000ULL
#define DEVICES 2
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000
/* Each device has two words of the page that both tables map: from there, to there */
#define WORDS_LENGTH 64

struct words {
	__u32 from;
	__u32 to;
};

/* A device that copies a word from memory to memory, over and over */
struct copier {
	struct edu edu;
	pthread_t thread;
	struct words *words;
	__u64 iova;
	unsigned int rounds;
	unsigned int lost;
	int ret;
	bool done;
};

FIXTURE(replace)
{
	struct copier copiers[DEVICES];
	int devices[DEVICES];
	__u32 dev_ids[DEVICES];
	unsigned int nr_devices;
	int iommufd;
	/* Two tables, of which each maps one page */
	__u32 ioas_ids[2];
	__u32 hwpt_ids[2];
	/* Those of both, and of each */
	char *shared;
	char *pages[2];
	unsigned int rounds;
	/* The IOMMU is told the mappings when it has no other table any more. */
	bool has_gaps;
};

FIXTURE_VARIANT(replace)
{
	unsigned int nr_devices;
};

FIXTURE_VARIANT_ADD(replace, of_one_device)
{
	.nr_devices = 1,
};

/* Also where both have one requester ID, and where each has one */
FIXTURE_VARIANT_ADD(replace, of_a_group)
{
	.nr_devices = 2,
};

static void add_device(FIXTURE_DATA(replace) * self, const char *bdf)
{
	unsigned int i = self->nr_devices++;
	struct copier *copier = &self->copiers[i];

	self->devices[i] = must(vfio_cdev_open(bdf));
	must(vfio_bind(self->devices[i], self->iommufd, &self->dev_ids[i]));
	must(edu_start(&copier->edu, self->devices[i]));
	copier->words = (void *)(self->shared + i * WORDS_LENGTH);
	copier->iova = IOVA + i * WORDS_LENGTH;
	copier->rounds = self->rounds;
	self->has_gaps |= pci_iommu_is_virtio(bdf);
}

static void add_table(FIXTURE_DATA(replace) * self, unsigned int i)
{
	self->pages[i] = memory_alloc(PAGE_SIZE);
	must(ioas_alloc(self->iommufd, &self->ioas_ids[i]));
	must(ioas_map_fixed(self->iommufd, self->ioas_ids[i], self->shared,
			    PAGE_SIZE, IOVA));
	must(ioas_map_fixed(self->iommufd, self->ioas_ids[i], self->pages[i],
			    PAGE_SIZE, IOVA + PAGE_SIZE));
	must(hwpt_alloc(self->iommufd, self->dev_ids[0], self->ioas_ids[i],
			&self->hwpt_ids[i]));
}

FIXTURE_SETUP(replace)
{
	const char *more = getenv("REPLACE_ROUNDS");
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	self->rounds = more ? strtoul(more, NULL, 0) : ROUNDS;
	self->iommufd = must(iommufd_open());
	self->shared = memory_alloc(PAGE_SIZE);
	if (variant->nr_devices == 1) {
		need(edu_alone(&list, 0), "an edu device in its own group");
		add_device(self, edu_alone(&list, 0)->bdf);
	} else {
		need(edu_in_pair(&list, 1), "two edu devices in one group");
		for (i = 0; i < 2; i++)
			add_device(self, edu_in_pair(&list, i)->bdf);
	}
	for (i = 0; i < 2; i++)
		add_table(self, i);
	for (i = 0; i < self->nr_devices; i++)
		must(vfio_attach_to(self->devices[i], self->hwpt_ids[0]));
}

FIXTURE_TEARDOWN(replace)
{
	unsigned int i;

	for (i = 0; i < self->nr_devices; i++) {
		edu_stop(&self->copiers[i].edu);
		close(self->devices[i]);
	}
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* One word there and back: either transfer may be lost. */
static int copy(struct copier *copier, __u32 value)
{
	struct words *words = copier->words;
	int ret;

	__atomic_store_n(&words->from, value, __ATOMIC_SEQ_CST);
	ret = edu_dma_read(&copier->edu,
			   copier->iova + offsetof(struct words, from), 0,
			   sizeof(words->from));
	if (!ret)
		ret = edu_dma_write(&copier->edu,
				    copier->iova + offsetof(struct words, to),
				    0, sizeof(words->to));
	if (!ret && __atomic_load_n(&words->to, __ATOMIC_SEQ_CST) != value)
		copier->lost++;
	return ret;
}

static void *run(void *data)
{
	struct copier *copier = data;
	unsigned int i;

	for (i = 1; i <= copier->rounds && !copier->ret; i++)
		copier->ret = copy(copier, i);
	__atomic_store_n(&copier->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool all_done(FIXTURE_DATA(replace) * self)
{
	unsigned int i;

	for (i = 0; i < self->nr_devices; i++)
		if (!__atomic_load_n(&self->copiers[i].done, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

TEST_F_TIMEOUT(replace, loses_no_transfer, REPLACE_SECONDS)
{
	unsigned int nr_replaced = 0, i;

	for (i = 0; i < self->nr_devices; i++)
		must(-pthread_create(&self->copiers[i].thread, NULL, run,
				     &self->copiers[i]));
	while (!all_done(self))
		must(vfio_attach_to(self->devices[0],
				    self->hwpt_ids[++nr_replaced % 2]));
	for (i = 0; i < self->nr_devices; i++) {
		struct copier *copier = &self->copiers[i];

		must(-pthread_join(copier->thread, NULL));
		EXPECT_EQ(0, copier->ret);
		TH_LOG("device %u: lost %u of %u in %u replaces", i,
		       copier->lost, copier->rounds, nr_replaced);
		if (!self->has_gaps)
			EXPECT_EQ(0, copier->lost);
	}
	EXPECT_LT(self->rounds, nr_replaced);
}

/* What an IOMMU remembers of the former table it has to forget in time. */
static bool reaches_only(FIXTURE_DATA(replace) * self, struct edu *edu,
			 unsigned int number)
{
	memory_fill(self->pages[!number], PAGE_SIZE, UNTOUCHED);
	return edu_reaches(edu, IOVA + PAGE_SIZE, self->pages[number],
			   EDU_DMA_MAX) &&
	       memory_matches(self->pages[!number], PAGE_SIZE, UNTOUCHED);
}

TEST_F_TIMEOUT(replace, leaves_the_former_table, REPLACE_SECONDS)
{
	unsigned int i, j;

	for (i = 1; i <= self->rounds / 4; i++) {
		must(vfio_attach_to(self->devices[0], self->hwpt_ids[i % 2]));
		for (j = 0; j < self->nr_devices; j++)
			ASSERT_TRUE(reaches_only(self, &self->copiers[j].edu,
						 i % 2));
	}
	/* Nothing holds the other one any more. */
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->hwpt_ids[i % 2]));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, self->ioas_ids[i % 2]));
}

/* A detach comes after any number of replaces, and what it blocks it blocks. */
TEST_F_TIMEOUT(replace, is_followed_by_a_detach, REPLACE_SECONDS)
{
	struct copier *copier = &self->copiers[0];
	unsigned int i;

	for (i = 0; i < self->rounds; i++)
		must(vfio_attach_to(self->devices[0], self->hwpt_ids[i % 2]));
	EXPECT_EQ(0, copy(copier, 1));
	EXPECT_EQ(0, copier->lost);
	for (i = 0; i < self->nr_devices; i++)
		must(vfio_detach(self->devices[i]));
	EXPECT_EQ(0, copy(copier, 2));
	EXPECT_EQ(1, copier->lost);
}

TEST_HARNESS_MAIN
