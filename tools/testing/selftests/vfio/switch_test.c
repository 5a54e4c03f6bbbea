// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables that devices come to and leave while others map into them, unmap
 * and flush. An IOMMU driver of 6.1 stands only one of both at a time.
 *
 * SWITCH_SEED repeats the choices, though not how they meet; SWITCH_ROUNDS makes
 * a run longer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define ROUNDS 300
#define IOVA 0x100000ULL
#define SLOTS 8
#define SLOT_LENGTH (4 * PAGE_SIZE)
#define LENGTH (SLOTS * SLOT_LENGTH)
#define DEVICES 2
/* Two that map, two that unmap, and one for each device */
#define THREADS (4 + DEVICES)

struct party {
	char *memory;
	int iommufd;
	/* One that the devices leave, and one that they come from */
	__u32 ioas_ids[2];
	__u32 hwpt_ids[2];
	int devices[DEVICES];
	__u32 dev_ids[DEVICES];
	unsigned int nr_busy;
	unsigned long rounds;
	__u64 seed;
};

struct member {
	struct party *party;
	unsigned int number;
	void (*round)(struct member *member);
	unsigned int nr_succeeded;
	int surprise;
};

static void note(struct member *member, int ret, int usual, int usual_too)
{
	if (!ret)
		member->nr_succeeded++;
	else if (ret != usual && ret != usual_too)
		member->surprise = ret;
}

static void round_map(struct member *member)
{
	struct party *party = member->party;
	__u64 offset = random_below(SLOTS) * SLOT_LENGTH;

	note(member, ioas_map_fixed(party->iommufd,
				    party->ioas_ids[random_below(2)],
				    party->memory + offset, SLOT_LENGTH,
				    IOVA + offset), -EEXIST, 0);
}

static void round_unmap(struct member *member)
{
	struct party *party = member->party;
	__u64 offset = random_below(SLOTS) * SLOT_LENGTH;

	note(member, ioas_unmap(party->iommufd,
				party->ioas_ids[random_below(2)],
				IOVA + offset, LENGTH - offset, NULL),
	     -ENOENT, -EBUSY);
}

/* To a table of its own, or to one that lasts, or away */
static void round_switch(struct member *member)
{
	struct party *party = member->party;
	unsigned int number = member->number % DEVICES;
	int device = party->devices[number];

	switch (random_below(4)) {
	case 0:
		note(member, vfio_detach(device), 0, 0);
		break;
	case 1:
		/* Not where a new table has to be attached to become final */
		note(member,
		     vfio_attach_to(device, party->ioas_ids[random_below(2)]),
		     -EOPNOTSUPP, 0);
		break;
	default:
		note(member,
		     vfio_attach_to(device, party->hwpt_ids[random_below(2)]),
		     0, 0);
		break;
	}
}

static void *run(void *data)
{
	struct member *member = data;
	struct party *party = member->party;
	unsigned long i;

	random_seed(party->seed * 31 + member->number);
	for (i = 0; i < party->rounds; i++)
		member->round(member);
	__atomic_sub_fetch(&party->nr_busy, 1, __ATOMIC_RELAXED);
	/* Nobody ends alone. */
	while (__atomic_load_n(&party->nr_busy, __ATOMIC_RELAXED))
		member->round(member);
	return NULL;
}

FIXTURE(table)
{
	struct party party;
};

FIXTURE_SETUP(table)
{
	struct party *party = &self->party;
	const char *more = getenv("SWITCH_ROUNDS");
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_alone(&list, DEVICES - 1), "two edu devices in two groups");
	party->seed = random_start("SWITCH_SEED");
	party->rounds = more ? strtoul(more, NULL, 0) : ROUNDS;
	party->memory = memory_alloc(LENGTH);
	party->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++)
		must(ioas_alloc(party->iommufd, &party->ioas_ids[i]));
	for (i = 0; i < DEVICES; i++) {
		party->devices[i] =
			must(vfio_cdev_open(edu_alone(&list, i)->bdf));
		must(vfio_bind(party->devices[i], party->iommufd,
			       &party->dev_ids[i]));
	}
	for (i = 0; i < 2; i++)
		must(hwpt_alloc(party->iommufd, party->dev_ids[0],
				party->ioas_ids[i], &party->hwpt_ids[i]));
}

FIXTURE_TEARDOWN(table)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		close(self->party.devices[i]);
	close(self->party.iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* Whatever was mapped before is gone for the device, what is mapped now is not. */
static bool table_is_right(struct party *party, unsigned int number)
{
	struct edu edu;
	bool right;

	must(vfio_attach_to(party->devices[0], party->hwpt_ids[number]));
	must(edu_start(&edu, party->devices[0]));
	ioas_unmap_all(party->iommufd, party->ioas_ids[number], NULL);
	right = !edu_reaches(&edu, IOVA, party->memory, LENGTH);
	must(ioas_map_fixed(party->iommufd, party->ioas_ids[number],
			    party->memory, LENGTH, IOVA));
	right = right && edu_reaches(&edu, IOVA, party->memory, LENGTH);
	edu_stop(&edu);
	return right;
}

TEST_F_TIMEOUT(table, is_switched_while_others_map_and_unmap, TEST_SECONDS)
{
	static void (*const rounds[THREADS])(struct member *member) = {
		round_switch, round_switch, round_map,
		round_map,    round_unmap,  round_unmap,
	};
	struct party *party = &self->party;
	struct member members[THREADS] = { 0 };
	pthread_t threads[THREADS];
	unsigned int i;

	party->nr_busy = THREADS;
	for (i = 0; i < THREADS; i++) {
		members[i].party = party;
		members[i].number = i;
		members[i].round = rounds[i];
		must(-pthread_create(&threads[i], NULL, run, &members[i]));
	}
	for (i = 0; i < THREADS; i++)
		must(-pthread_join(threads[i], NULL));
	for (i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, members[i].surprise)
		{
			TH_LOG("thread %u", i);
		}
		EXPECT_LT(0, members[i].nr_succeeded);
	}
	EXPECT_TRUE(table_is_right(party, 0));
	EXPECT_TRUE(table_is_right(party, 1));
}

TEST_HARNESS_MAIN
