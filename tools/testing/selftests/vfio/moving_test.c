// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that come to tables and leave them, while others go on: whose table
 * has much in it does not keep the others waiting, and what is mapped and
 * unmapped meanwhile is there and gone afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define IOVA 0x100000ULL
/* A pattern that no transfer of edu_reaches() carries */
#define UNTOUCHED 1000000
/* The same memory, again and again */
#define CHUNK (256 * PAGE_SIZE)
/* 8192 pages; the engine's addresses end at 256 MiB */
#define FRAGMENTS_LENGTH (32ULL << 20)
/* Of the other, while a slow IOMMU works; hundreds, where it need not wait. */
#define ROUNDS_MIN 16

/* Another user, who has a device of its own */
struct neighbour {
	struct bound_device bound;
	char *memory;
	unsigned int rounds;
	bool stop;
	int ret;
};

static void *map_and_unmap(void *data)
{
	struct neighbour *neighbour = data;
	struct bound_device *bound = &neighbour->bound;

	while (!__atomic_load_n(&neighbour->stop, __ATOMIC_ACQUIRE) &&
	       !neighbour->ret) {
		neighbour->ret = ioas_map_fixed(bound->iommufd, bound->ioas_id,
						neighbour->memory, PAGE_SIZE,
						IOVA);
		if (!neighbour->ret)
			neighbour->ret = ioas_unmap(bound->iommufd,
						    bound->ioas_id, IOVA,
						    PAGE_SIZE, NULL);
		__atomic_add_fetch(&neighbour->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static unsigned int rounds(struct neighbour *neighbour)
{
	return __atomic_load_n(&neighbour->rounds, __ATOMIC_ACQUIRE);
}

FIXTURE(fragments)
{
	struct neighbour neighbour;
	struct bound_device bound;
	struct edu edu;
	pthread_t thread;
	char *memory;
	__u32 hwpt_id;
	/* Does the device's IOMMU take a request for each mapping? */
	bool is_slow;
};

/* A table with a mapping for each page, which no device is attached to yet */
FIXTURE_SETUP(fragments)
{
	struct neighbour *neighbour = &self->neighbour;
	struct bound_device *bound = &self->bound;
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices alone in their groups");
	self->is_slow = pci_iommu_is_virtio(edu_alone(&list, 0)->bdf);
	bound_device_open(bound, edu_alone(&list, 0)->bdf);
	bound_device_open(&neighbour->bound, edu_alone(&list, 1)->bdf);
	must(edu_start(&self->edu, bound->device));
	self->memory = memory_repeated(file_scattered(CHUNK), CHUNK,
				       FRAGMENTS_LENGTH);
	/* Also where pages move together before they are pinned */
	must(option_set(bound->iommufd, IOMMU_OPTION_HUGE_PAGES,
			bound->ioas_id, 0));
	must(ioas_map_fixed(bound->iommufd, bound->ioas_id, self->memory,
			    FRAGMENTS_LENGTH, IOVA));
	must(hwpt_alloc(bound->iommufd, bound->dev_id, bound->ioas_id,
			&self->hwpt_id));

	neighbour->memory = memory_alloc(PAGE_SIZE);
	must(vfio_attach_to(neighbour->bound.device, neighbour->bound.ioas_id));
	must(-pthread_create(&self->thread, NULL, map_and_unmap, neighbour));
}

FIXTURE_TEARDOWN(fragments)
{
	struct neighbour *neighbour = &self->neighbour;

	__atomic_store_n(&neighbour->stop, true, __ATOMIC_RELEASE);
	must(-pthread_join(self->thread, NULL));
	EXPECT_EQ(0, neighbour->ret);
	bound_device_close(&neighbour->bound);
	edu_stop(&self->edu);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static bool fragments_are_reached(struct edu *edu, char *memory)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		const size_t offset = i * (FRAGMENTS_LENGTH / 8) + i * PAGE_SIZE;

		if (!edu_reaches(edu, IOVA + offset, memory + offset,
				 PAGE_SIZE))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(fragments, attach_does_not_keep_others_waiting,
	       TEST_SECONDS)
{
	unsigned int before, i;

	for (i = 0; i < 2; i++) {
		before = rounds(&self->neighbour);
		EXPECT_EQ(0, vfio_attach_to(self->bound.device, self->hwpt_id));
		if (self->is_slow)
			EXPECT_LT(ROUNDS_MIN,
				  rounds(&self->neighbour) - before);
		EXPECT_TRUE(fragments_are_reached(&self->edu, self->memory));
		EXPECT_EQ(0, vfio_detach(self->bound.device));
	}
}

TEST_F_TIMEOUT(fragments, unmap_does_not_keep_others_waiting, TEST_SECONDS)
{
	struct bound_device *bound = &self->bound;
	unsigned int before;

	must(vfio_attach_to(bound->device, self->hwpt_id));
	before = rounds(&self->neighbour);
	EXPECT_EQ(0, ioas_unmap(bound->iommufd, bound->ioas_id, IOVA,
				FRAGMENTS_LENGTH, NULL));
	if (self->is_slow)
		EXPECT_LT(ROUNDS_MIN, rounds(&self->neighbour) - before);
	memory_fill(self->memory, CHUNK, UNTOUCHED);
	EXPECT_EQ(0, edu_dma_write(&self->edu, IOVA, 0, EDU_DMA_MAX));
	EXPECT_TRUE(memory_matches(self->memory, CHUNK, UNTOUCHED));
}

#define SLOTS 8
#define MOVES 60

/* Two devices, a table that both use now and then, and one for each */
struct race {
	struct bound_device bound;
	struct mover {
		struct race *race;
		struct edu edu;
		__u32 own_id;
		int device;
		int ret;
	} movers[2];
	char *memory;
	bool mapped[SLOTS];
	unsigned int nr_moving;
	__u64 seed;
	int ret;
};

FIXTURE(moving)
{
	struct race race;
};

FIXTURE_SETUP(moving)
{
	struct race *race = &self->race;
	struct edu_list list;
	unsigned int i;
	__u32 dev_id;

	edu_list_read(&list);
	need(edu_alone(&list, 1), "two edu devices alone in their groups");
	bound_device_open(&race->bound, edu_alone(&list, 0)->bdf);
	race->movers[0].device = race->bound.device;
	race->movers[1].device = must(vfio_cdev_open(edu_alone(&list, 1)->bdf));
	must(vfio_bind(race->movers[1].device, race->bound.iommufd, &dev_id));
	race->memory = memory_alloc(SLOTS * PAGE_SIZE);
	race->seed = random_start("MOVING_SEED");
	for (i = 0; i < 2; i++) {
		struct mover *mover = &race->movers[i];

		mover->race = race;
		must(edu_start(&mover->edu, mover->device));
		must(ioas_alloc(race->bound.iommufd, &mover->own_id));
	}
}

FIXTURE_TEARDOWN(moving)
{
	struct race *race = &self->race;

	edu_stop(&race->movers[0].edu);
	edu_stop(&race->movers[1].edu);
	close(race->movers[1].device);
	bound_device_close(&race->bound);
	EXPECT_EQ(0, pages_pinned());
}

static int move(struct mover *mover)
{
	switch (random_below(3)) {
	case 0:
		return vfio_detach(mover->device);
	case 1:
		return vfio_attach_to(mover->device, mover->own_id);
	default:
		return vfio_attach_to(mover->device,
				      mover->race->bound.ioas_id);
	}
}

static void *keep_moving(void *data)
{
	struct mover *mover = data;
	unsigned int i;

	random_seed(mover->race->seed + mover->device);
	for (i = 0; i < MOVES && !mover->ret; i++)
		mover->ret = move(mover);
	__atomic_sub_fetch(&mover->race->nr_moving, 1, __ATOMIC_RELEASE);
	return NULL;
}

static __u64 slot_iova(unsigned int slot)
{
	return IOVA + slot * PAGE_SIZE;
}

static void change_slot(struct race *race, unsigned int slot)
{
	struct bound_device *bound = &race->bound;

	if (race->mapped[slot])
		race->ret = ioas_unmap(bound->iommufd, bound->ioas_id,
				       slot_iova(slot), PAGE_SIZE, NULL);
	else
		race->ret = ioas_map_fixed(bound->iommufd, bound->ioas_id,
					   race->memory + slot * PAGE_SIZE,
					   PAGE_SIZE, slot_iova(slot));
	if (!race->ret)
		race->mapped[slot] = !race->mapped[slot];
}

/* A slot is reached exactly if it is mapped. */
static bool slot_agrees(struct race *race, struct edu *edu, unsigned int slot)
{
	char *memory = race->memory + slot * PAGE_SIZE;

	if (race->mapped[slot])
		return edu_reaches(edu, slot_iova(slot), memory, PAGE_SIZE);
	memory_fill(memory, PAGE_SIZE, UNTOUCHED);
	return !edu_dma_write(edu, slot_iova(slot), 0, EDU_DMA_MAX) &&
	       memory_matches(memory, PAGE_SIZE, UNTOUCHED);
}

TEST_F_TIMEOUT(moving, table_has_what_is_mapped_and_nothing_else,
	       TEST_SECONDS)
{
	struct race *race = &self->race;
	unsigned int i, slot;
	pthread_t threads[2];

	race->nr_moving = 2;
	for (i = 0; i < 2; i++)
		must(-pthread_create(&threads[i], NULL, keep_moving,
				     &race->movers[i]));
	while (__atomic_load_n(&race->nr_moving, __ATOMIC_ACQUIRE) &&
	       !race->ret)
		change_slot(race, random_below(SLOTS));
	for (i = 0; i < 2; i++)
		must(-pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race->ret);

	for (i = 0; i < 2; i++) {
		struct mover *mover = &race->movers[i];

		EXPECT_EQ(0, mover->ret);
		must(vfio_attach_to(mover->device, race->bound.ioas_id));
		for (slot = 0; slot < SLOTS; slot++)
			EXPECT_TRUE(slot_agrees(race, &mover->edu, slot));
	}
}

TEST_HARNESS_MAIN
