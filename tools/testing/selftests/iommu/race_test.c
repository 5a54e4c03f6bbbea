// SPDX-License-Identifier: GPL-2.0
/*
 * Every call against every other on the same address spaces, in threads that
 * take no care of each other, for a bounded number of rounds.
 *
 * A call succeeds or gives one of the errnos that it has for what others do.
 * Afterwards tables and mappings agree, nothing is pinned, and all goes on.
 *
 * RACE_SEED repeats the choices, though not how they meet; RACE_ROUNDS makes a
 * run longer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define ROUNDS 250
#define IOASES 4
#define SLOTS 16
/* Of a slot; its memory is always the same, wherever it is mapped */
#define SLOT_LENGTH (2 * PAGE_SIZE)
#define MEMORY_LENGTH (SLOTS * SLOT_LENGTH)
#define IOVA (MOCK_APERTURE + 0x100000)

struct race {
	int iommufd;
	char *memory;
	__u64 seed;
	unsigned long rounds;
	/* How many have not done their rounds yet */
	unsigned int nr_racing;
	/* Changed by one thread and read by others, who take what they find */
	__u32 ioas_ids[IOASES];
	int passing;
};

struct racer {
	const char *name;
	void (*round)(struct racer *racer);
	/* the errnos that are nothing special, ends with 0 */
	int usual[8];
	unsigned int slot;
	unsigned int number;
	struct race *race;
	struct mock mock;
	__u32 object;
	int access;
	bool exists;
	unsigned int nr_succeeded;
	int surprise;
};

static void note(struct racer *racer, int ret)
{
	const int *usual = racer->usual;

	if (ret >= 0) {
		racer->nr_succeeded++;
		return;
	}
	while (*usual && *usual != -ret)
		usual++;
	if (!*usual)
		racer->surprise = ret;
}

static __u32 some_ioas(const struct race *race)
{
	return __atomic_load_n(&race->ioas_ids[random_below(IOASES)],
			       __ATOMIC_RELAXED);
}

static __u64 slot_iova(unsigned int slot)
{
	return IOVA + slot * SLOT_LENGTH;
}

static void round_map(struct racer *racer)
{
	struct race *race = racer->race;
	const unsigned int slot = random_below(SLOTS);

	note(racer, ioas_map_fixed(race->iommufd, some_ioas(race),
				   race->memory + slot * SLOT_LENGTH,
				   SLOT_LENGTH, slot_iova(slot)));
}

static void round_unmap(struct racer *racer)
{
	struct race *race = racer->race;
	const unsigned int slot = random_below(SLOTS);

	if (random_below(64))
		note(racer, ioas_unmap(race->iommufd, some_ioas(race),
				       slot_iova(slot),
				       (1 + random_below(3)) * SLOT_LENGTH,
				       NULL));
	else
		note(racer,
		     ioas_unmap_all(race->iommufd, some_ioas(race), NULL));
}

/* Slots keep their place, so that it stays known what they have. */
static void round_copy(struct racer *racer)
{
	struct race *race = racer->race;
	const __u64 iova = slot_iova(random_below(SLOTS - 2));

	note(racer, ioas_copy_fixed(race->iommufd, some_ioas(race), iova,
				    some_ioas(race), iova,
				    (1 + random_below(2)) * SLOT_LENGTH));
}

static void round_attach(struct racer *racer)
{
	struct race *race = racer->race;
	int ret;

	if (!racer->exists) {
		ret = mock_create(race->iommufd, some_ioas(race), &racer->mock);
		racer->exists = !ret;
	} else if (random_below(4)) {
		ret = mock_replace(race->iommufd, &racer->mock,
				   some_ioas(race));
	} else {
		ret = iommufd_destroy(race->iommufd, racer->mock.id);
		racer->exists = ret;
	}
	note(racer, ret);
}

/* A device of its own, to have a table that nobody is attached to */
static void round_hwpt(struct racer *racer)
{
	struct race *race = racer->race;
	int ret;

	if (!racer->exists) {
		ret = mock_create(race->iommufd, some_ioas(race), &racer->mock);
		racer->exists = !ret;
	} else if (!racer->object) {
		ret = hwpt_alloc(race->iommufd, racer->mock.dev_id,
				 some_ioas(race), &racer->object);
	} else if (random_below(2)) {
		ret = mock_replace(race->iommufd, &racer->mock, racer->object);
	} else {
		ret = iommufd_destroy(race->iommufd, racer->object);
		if (!ret)
			racer->object = 0;
		else if (ret == -EBUSY)
			ret = mock_replace(race->iommufd, &racer->mock,
					   some_ioas(race));
	}
	note(racer, ret);
}

/* The same with a table that tracks, and with its record */
static void round_dirty(struct racer *racer)
{
	struct race *race = racer->race;
	__u8 bits[MEMORY_LENGTH / PAGE_SIZE / 8];
	int ret;

	if (!racer->exists) {
		ret = mock_create(race->iommufd, some_ioas(race), &racer->mock);
		racer->exists = !ret;
	} else if (!racer->object) {
		ret = hwpt_alloc_flags(race->iommufd,
				       IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				       racer->mock.dev_id, some_ioas(race),
				       &racer->object);
		if (!ret)
			ret = hwpt_track(race->iommufd, racer->object, true);
	} else if (random_below(4)) {
		memset(bits, 0xff, sizeof(bits));
		ret = mock_write(race->iommufd, racer->object, IOVA,
				 MEMORY_LENGTH, PAGE_SIZE, bits);
		note(racer, ret);
		ret = hwpt_dirty(race->iommufd, racer->object, 0, IOVA,
				 MEMORY_LENGTH, PAGE_SIZE, bits);
	} else {
		ret = iommufd_destroy(race->iommufd, racer->object);
		if (!ret)
			racer->object = 0;
	}
	note(racer, ret);
}

static void round_access(struct racer *racer)
{
	struct race *race = racer->race;
	const __u64 iova = slot_iova(random_below(SLOTS - 1));
	char data[16];
	int ret;

	if (!racer->exists) {
		ret = access_create_pinning(race->iommufd, some_ioas(race));
		racer->exists = ret >= 0;
		if (racer->exists)
			racer->access = ret;
		note(racer, ret);
		return;
	}
	switch (random_below(8)) {
	case 0:
		ret = errno_of(close(racer->access));
		racer->exists = false;
		racer->access = 0;
		break;
	case 1:
		ret = access_move(race->iommufd, racer->access,
				  some_ioas(race));
		break;
	case 2:
		ret = access_read(race->iommufd, racer->access, iova, data,
				  sizeof(data));
		break;
	case 3:
		ret = access_unpin(race->iommufd, racer->access,
				   random_below(64));
		break;
	default:
		ret = access_pin(race->iommufd, racer->access, iova,
				 1 + random_below(2 * SLOT_LENGTH), NULL,
				 MOCK_FLAGS_ACCESS_WRITE, NULL);
		break;
	}
	note(racer, ret);
}

/* A queue that comes and goes while a device of its own, and others, have faults */
static void round_faults(struct racer *racer)
{
	struct race *race = racer->race;
	struct iommu_dma_fault records[4];
	int ret;

	if (!racer->exists) {
		ret = mock_create(race->iommufd, some_ioas(race), &racer->mock);
		racer->exists = !ret;
	} else if (!racer->object) {
		ret = dma_fault_queue(race->iommufd, ARRAY_SIZE(records),
				      &racer->object);
		if (ret >= 0)
			racer->access = ret;
	} else if (!racer->access) {
		ret = iommufd_destroy(race->iommufd, racer->object);
		if (!ret)
			racer->object = 0;
	} else if (random_below(4)) {
		must(mock_dma_fault(race->iommufd, &racer->mock, IOVA, 6, 0, 0,
				    NULL));
		ret = dma_fault_read(racer->access, records, 4);
	} else {
		ret = errno_of(close(racer->access));
		racer->access = 0;
	}
	note(racer, ret);
}

/* Mapped and pinned, for as long as the unmap of another lets it be */
static void round_map_and_pin(struct racer *racer)
{
	struct race *race = racer->race;
	const __u64 iova = slot_iova(racer->slot);

	if (!racer->access)
		racer->access = must(access_create_pinning(race->iommufd,
							   race->ioas_ids[0]));
	note(racer, ioas_map_fixed(race->iommufd, race->ioas_ids[0],
				   race->memory, SLOT_LENGTH, iova));
	note(racer, access_pin(race->iommufd, racer->access, iova, SLOT_LENGTH,
			       NULL, MOCK_FLAGS_ACCESS_WRITE, NULL));
}

static void round_unmap_all(struct racer *racer)
{
	struct race *race = racer->race;

	note(racer, ioas_unmap_all(race->iommufd, race->ioas_ids[0], NULL));
}

static void round_options(struct racer *racer)
{
	struct race *race = racer->race;
	struct iommu_iova_range ranges[8];
	__u32 count = ARRAY_SIZE(ranges);
	__u64 alignment;

	switch (random_below(3)) {
	case 0:
		note(racer, option_set(race->iommufd, IOMMU_OPTION_HUGE_PAGES,
				       some_ioas(race), random_below(2)));
		break;
	case 1:
		note(racer, ioas_iova_ranges(race->iommufd, some_ioas(race),
					     ranges, &count, &alignment));
		break;
	default:
		ranges[0].start = IOVA;
		ranges[0].last = IOVA + MEMORY_LENGTH;
		note(racer, ioas_allow_iovas(race->iommufd, some_ioas(race),
					     ranges, random_below(2)));
		break;
	}
}

static void round_ioas(struct racer *racer)
{
	struct race *race = racer->race;
	__u32 *place = &race->ioas_ids[random_below(IOASES)];
	__u32 ioas_id;
	int ret;

	ret = iommufd_destroy(race->iommufd, *place);
	note(racer, ret);
	if (ret)
		return;
	must(ioas_alloc(race->iommufd, &ioas_id));
	__atomic_store_n(place, ioas_id, __ATOMIC_RELAXED);
}

/* A context ends while another thread is in the middle of something. */
static void round_close(struct racer *racer)
{
	struct race *race = racer->race;
	int iommufd = must(iommufd_open());
	struct mock mock;
	__u32 ioas_id;
	__u64 iova;

	must(ioas_alloc(iommufd, &ioas_id));
	/* Something may be mapped: the other has seen this number before. */
	note(racer, mock_create(iommufd, ioas_id, &mock));
	__atomic_store_n(&race->passing, iommufd, __ATOMIC_RELEASE);
	note(racer, ioas_map(iommufd, ioas_id, race->memory, MEMORY_LENGTH,
			     &iova));
	__atomic_store_n(&race->passing, -1, __ATOMIC_RELEASE);
	must(errno_of(close(iommufd)));
}

/*
 * Into the context that comes and goes: IDs begin at 1 in each. The number may
 * be closed by now, or already be another file.
 */
static void round_passing(struct racer *racer)
{
	struct race *race = racer->race;
	int iommufd = __atomic_load_n(&race->passing, __ATOMIC_ACQUIRE);
	__u64 iova;

	if (iommufd < 0) {
		usleep(100);
		return;
	}
	if (random_below(2))
		note(racer, ioas_map(iommufd, 1, race->memory,
				     4 * SLOT_LENGTH, &iova));
	else
		note(racer, ioas_unmap_all(iommufd, 1, NULL));
}

/*
 * The ID of an IOAS that is destroyed may name anything else a moment later:
 * hence EINVAL and EOPNOTSUPP.
 */
static struct racer racers[] = {
	{ "map", round_map, { EEXIST, ENOENT, EINVAL } },
	{ "map", round_map, { EEXIST, ENOENT, EINVAL } },
	{ "unmap", round_unmap, { ENOENT, EBUSY } },
	{ "copy", round_copy, { EEXIST, ENOENT, EINVAL } },
	{ "attach", round_attach, { ENOENT, EBUSY, EINVAL } },
	{ "hwpt", round_hwpt, { ENOENT, EBUSY, EINVAL, EOPNOTSUPP } },
	{ "dirty", round_dirty, { ENOENT, EBUSY, EINVAL, EOPNOTSUPP } },
	{ "access", round_access, { ENOENT, EINVAL } },
	{ "faults", round_faults, { ENOENT, EINVAL, EEXIST, EBUSY } },
	{ "faults", round_faults, { ENOENT, EINVAL, EEXIST, EBUSY } },
	{ "options", round_options, { ENOENT, EINVAL, EADDRINUSE } },
	{ "ioas", round_ioas, { EBUSY } },
	{ "close", round_close, { EADDRINUSE } },
	{ "passing", round_passing, { EBADF, ENOTTY, ENOENT, EBUSY } },
};

/* Who is through goes on until all are, so that nobody runs alone. */
static void *run(void *data)
{
	struct racer *racer = data;
	struct race *race = racer->race;
	unsigned long i;

	random_seed(race->seed * 31 + racer->number);
	for (i = 0; i < race->rounds; i++)
		racer->round(racer);
	__atomic_sub_fetch(&race->nr_racing, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&race->nr_racing, __ATOMIC_RELAXED))
		racer->round(racer);
	return NULL;
}

/* Does the table have a slot exactly when a driver can read it? */
static bool slot_agrees(const struct race *race, int access,
			const struct mock *mock, unsigned int slot)
{
	char byte;
	int read, translated;

	read = access_read(race->iommufd, access, slot_iova(slot), &byte, 1);
	translated = mock_translates(race->iommufd, mock->hwpt_id,
				     race->memory + slot * SLOT_LENGTH,
				     SLOT_LENGTH, slot_iova(slot));
	return !read ? !translated : read == -ENOENT && translated == -EINVAL;
}

/*
 * Go to each IOAS and look. Automatic tables are shared, so this is the one
 * that was there during the race if there is any.
 */
static bool race_agrees(const struct race *race, struct mock *mock)
{
	unsigned int i, slot;
	bool agrees = true;

	for (i = 0; i < IOASES; i++) {
		int access = must(access_create(race->iommufd,
						race->ioas_ids[i]));

		must(mock_replace(race->iommufd, mock, race->ioas_ids[i]));
		for (slot = 0; slot < SLOTS; slot++)
			agrees = agrees &&
				 slot_agrees(race, access, mock, slot);
		must(errno_of(close(access)));
	}
	return agrees;
}

static void race_open(struct race *race)
{
	const char *more = getenv("RACE_ROUNDS");
	unsigned int i;

	race->seed = random_start("RACE_SEED");
	race->rounds = more ? strtoul(more, NULL, 0) : ROUNDS;
	race->iommufd = must(iommufd_open());
	race->memory = memory_alloc(MEMORY_LENGTH);
	race->passing = -1;
	for (i = 0; i < IOASES; i++)
		must(ioas_alloc(race->iommufd, &race->ioas_ids[i]));
}

#define RACERS_MAX 16

static void race_run(struct race *race, struct racer *racers, unsigned int nr)
{
	pthread_t threads[RACERS_MAX];
	unsigned int i;

	race->nr_racing = nr;
	for (i = 0; i < nr; i++) {
		racers[i].race = race;
		racers[i].number = i;
		must(-pthread_create(&threads[i], NULL, run, &racers[i]));
	}
	for (i = 0; i < nr; i++)
		must(-pthread_join(threads[i], NULL));
	for (i = 0; i < nr; i++)
		if (racers[i].access)
			must(errno_of(close(racers[i].access)));
}

/* Nobody was surprised, and nobody did in vain. */
static bool race_was_fair(const struct racer *racers, unsigned int nr)
{
	bool fair = true;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!racers[i].surprise && racers[i].nr_succeeded)
			continue;
		printf("# %s: %d, %u calls succeeded\n", racers[i].name,
		       racers[i].surprise, racers[i].nr_succeeded);
		fair = false;
	}
	fflush(stdout);
	return fair;
}

FIXTURE(race)
{
	struct race race;
};

FIXTURE_SETUP(race)
{
	need(mock_exists(), "the mock IOMMU");
	race_open(&self->race);
}

FIXTURE_TEARDOWN(race)
{
	EXPECT_EQ(0, close(self->race.iommufd));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(race, nothing_is_lost_or_left, TEST_SECONDS)
{
	struct race *race = &self->race;
	struct mock mock;
	unsigned int i;

	race_run(race, racers, ARRAY_SIZE(racers));
	EXPECT_TRUE(race_was_fair(racers, ARRAY_SIZE(racers)));
	must(mock_create(race->iommufd, race->ioas_ids[0], &mock));
	EXPECT_TRUE(race_agrees(race, &mock));
	for (i = 0; i < IOASES; i++)
		EXPECT_EQ(0, ioas_unmap_all(race->iommufd, race->ioas_ids[i],
					    NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, mock_pinned(race->iommufd, race->memory, MEMORY_LENGTH,
				 0));
	EXPECT_EQ(0, ioas_map_fixed(race->iommufd, race->ioas_ids[0],
				    race->memory, MEMORY_LENGTH, IOVA));
}

static struct racer pinning_racers[] = {
	{ "low", round_map_and_pin, { EEXIST, ENOENT, EINVAL }, 0 },
	{ "middle", round_map_and_pin, { EEXIST, ENOENT, EINVAL }, 4 },
	{ "high", round_map_and_pin, { EEXIST, ENOENT, EINVAL }, 8 },
	{ "unmap", round_unmap_all, { EBUSY } },
};

/*
 * A mapping that waits for its users to let go was lost when another one with
 * users appeared below it meanwhile.
 */
TEST_F_TIMEOUT(race, unmap_of_all_forgets_nothing, TEST_SECONDS)
{
	struct race *race = &self->race;

	race->rounds *= 4;
	race_run(race, pinning_racers, ARRAY_SIZE(pinning_racers));
	EXPECT_TRUE(race_was_fair(pinning_racers, ARRAY_SIZE(pinning_racers)));
	EXPECT_EQ(0, ioas_unmap_all(race->iommufd, race->ioas_ids[0], NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(race->iommufd, race->ioas_ids[0]));
}

#define SLOT_PAGES (SLOT_LENGTH / PAGE_SIZE)

/* One memory: what is mapped in the first IOAS, and copied to the others */
static void round_copy_part(struct racer *racer)
{
	struct race *race = racer->race;
	const unsigned int slot = random_below(SLOTS);
	const __u64 iova = slot_iova(slot);

	note(racer,
	     ioas_copy_fixed(race->iommufd,
			     race->ioas_ids[1 + random_below(IOASES - 1)], iova,
			     race->ioas_ids[0], iova,
			     (1 + random_below(SLOTS - slot)) * SLOT_LENGTH));
	/* Each page is pinned and charged once, whoever pins it. */
	if (pages_pinned() > SLOTS * SLOT_PAGES)
		note(racer, -EOVERFLOW);
}

static void round_clear(struct racer *racer)
{
	struct race *race = racer->race;

	note(racer, ioas_unmap_all(race->iommufd,
				   race->ioas_ids[1 + random_below(IOASES - 1)],
				   NULL));
}

static void round_pin_part(struct racer *racer)
{
	struct race *race = racer->race;
	const __u64 offset = random_below(MEMORY_LENGTH);
	int ret;

	if (!racer->access)
		racer->access = must(access_create_pinning(race->iommufd,
							   race->ioas_ids[0]));
	if (racer->exists)
		ret = access_unpin(race->iommufd, racer->access, racer->object);
	else
		ret = access_pin(race->iommufd, racer->access, IOVA + offset,
				 1 + random_below(MEMORY_LENGTH - offset),
				 race->memory + offset, MOCK_FLAGS_ACCESS_WRITE,
				 &racer->object);
	if (!ret)
		racer->exists = !racer->exists;
	note(racer, ret);
}

/* All of it is pinned as long as the first IOAS has a table. */
static void round_attach_first(struct racer *racer)
{
	struct race *race = racer->race;
	int ret;

	if (racer->exists)
		ret = iommufd_destroy(race->iommufd, racer->mock.id);
	else
		ret = mock_create(race->iommufd, race->ioas_ids[0],
				  &racer->mock);
	if (!ret)
		racer->exists = !racer->exists;
	note(racer, ret);
}

static struct racer overlapping_racers[] = {
	{ "copy", round_copy_part, { EEXIST } },
	{ "copy", round_copy_part, { EEXIST } },
	{ "clear", round_clear, { EBUSY } },
	{ "pin", round_pin_part, { } },
	{ "pin", round_pin_part, { } },
	{ "attach", round_attach_first, { } },
};

/* The limit is what all of it takes, so nothing is charged twice, ever. */
TEST_F_TIMEOUT(race, overlapping_pins_charge_each_page_once, TEST_SECONDS)
{
	struct race *race = &self->race;
	struct mock mocks[IOASES];
	unsigned int i;

	for (i = 1; i < IOASES; i++)
		must(mock_create(race->iommufd, race->ioas_ids[i], &mocks[i]));
	become_limited_user(SLOTS * SLOT_PAGES);
	must(ioas_map_fixed(race->iommufd, race->ioas_ids[0], race->memory,
			    MEMORY_LENGTH, IOVA));
	race_run(race, overlapping_racers, ARRAY_SIZE(overlapping_racers));
	EXPECT_TRUE(race_was_fair(overlapping_racers,
				  ARRAY_SIZE(overlapping_racers)));
	EXPECT_TRUE(race_agrees(race, &mocks[1]));
	for (i = 0; i < IOASES; i++)
		EXPECT_EQ(0, ioas_unmap_all(race->iommufd, race->ioas_ids[i],
					    NULL));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, mock_pinned(race->iommufd, race->memory, MEMORY_LENGTH,
				 0));
}

TEST_HARNESS_MAIN
