// SPDX-License-Identifier: GPL-2.0
/*
 * As many mappings and allowed ranges as the user likes: whoever walks over all
 * of them in one call lets others run. A kernel with preemption would do that
 * anyhow, so these turn it off. A thread of the same processor that goes before
 * all others is the judge: it wakes up again and again, and counts.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd_calls.h"
#include "lib/test_env.h"

#define IOVA 0x100000000ULL
/* Twice as many each time, until the judge could run often enough. */
#define MANY_FIRST 0x4000U
#define MANY_LAST 0x80000U
/* One at either end of the call may be in the time of the program itself. */
#define RUNS_ENOUGH 4
#define PERIOD_NS 100000

FIXTURE(many)
{
	int iommufd;
	__u32 ioas_id;
	char *memory;
	char preemption[16];
	pthread_t judge;
	/* shared with the judge */
	unsigned int runs;
	bool stop;
};

static void *judge_run(void *data)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct timespec period = { .tv_nsec = PERIOD_NS };
	FIXTURE_DATA(many) * self = data;

	must(-pthread_setschedparam(pthread_self(), SCHED_FIFO, &first));
	while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&self->runs, 1, __ATOMIC_RELAXED);
		nanosleep(&period, NULL);
	}
	return NULL;
}

FIXTURE_SETUP(many)
{
	cpu_set_t one;

	skip_if(preemption_is_everywhere(),
		"PREEMPT_RT takes the processor from any loop");
	need(!preemption_get(self->preemption, sizeof(self->preemption)),
	     "a kernel with PREEMPT_DYNAMIC");
	self->iommufd = must(iommufd_open());
	must(ioas_alloc(self->iommufd, &self->ioas_id));
	self->memory = memory_alloc(PAGE_SIZE);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(errno_of(sched_setaffinity(0, sizeof(one), &one)));
	must(preemption_set("none"));
	self->stop = false;
	must(-pthread_create(&self->judge, NULL, judge_run, self));
}

FIXTURE_TEARDOWN(many)
{
	__atomic_store_n(&self->stop, true, __ATOMIC_RELEASE);
	EXPECT_EQ(0, pthread_join(self->judge, NULL));
	EXPECT_EQ(0, preemption_set(self->preemption));
	EXPECT_EQ(0, close(self->iommufd));
}

static unsigned int runs(FIXTURE_DATA(many) * self)
{
	return __atomic_load_n(&self->runs, __ATOMIC_RELAXED);
}

/* @nr areas of a page, one beside the other: copies of copies */
static void map_many(FIXTURE_DATA(many) * self, unsigned int nr)
{
	unsigned int done;

	must(ioas_map_fixed(self->iommufd, self->ioas_id, self->memory,
			    PAGE_SIZE, IOVA));
	for (done = 1; done < nr; done *= 2)
		must(ioas_copy_fixed(self->iommufd, self->ioas_id,
				     IOVA + done * PAGE_SIZE, self->ioas_id,
				     IOVA, done * PAGE_SIZE));
}

static void unmap_many(FIXTURE_DATA(many) * self)
{
	must(ioas_unmap_all(self->iommufd, self->ioas_id, NULL));
}

/* @nr ranges of a page, with a page between them */
static void allow_many(FIXTURE_DATA(many) * self, unsigned int nr)
{
	struct iommu_iova_range *ranges = calloc(nr, sizeof(*ranges));
	unsigned int i;

	must(ranges ? 0 : -ENOMEM);
	for (i = 0; i < nr; i++) {
		ranges[i].start = IOVA + 2 * i * PAGE_SIZE;
		ranges[i].last = ranges[i].start + PAGE_SIZE - 1;
	}
	must(ioas_allow_iovas(self->iommufd, self->ioas_id, ranges, nr));
	free(ranges);
}

static void allow_all(FIXTURE_DATA(many) * self)
{
	must(ioas_allow_iovas(self->iommufd, self->ioas_id, NULL, 0));
}

static void nothing(FIXTURE_DATA(many) * self)
{
}

static void look_for_room(FIXTURE_DATA(many) * self)
{
	__u64 iova;

	must(ioas_map(self->iommufd, self->ioas_id, self->memory,
		      2 * PAGE_SIZE, &iova) == -ENOSPC ? 0 : -EEXIST);
}

/* All areas have to be looked at whether they are aligned. */
static void want_alignment(FIXTURE_DATA(many) * self)
{
	must(option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id,
			0));
	must(option_set(self->iommufd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id,
			1));
}

static bool lets_run(FIXTURE_DATA(many) * self,
		     void (*fill)(FIXTURE_DATA(many) * self, unsigned int nr),
		     void (*call)(FIXTURE_DATA(many) * self),
		     void (*clear)(FIXTURE_DATA(many) * self))
{
	unsigned int nr;

	for (nr = MANY_FIRST; nr <= MANY_LAST; nr *= 2) {
		unsigned int before;

		fill(self, nr);
		before = runs(self);
		call(self);
		if (runs(self) - before >= RUNS_ENOUGH)
			return true;
		clear(self);
	}
	return false;
}

TEST_F_TIMEOUT(many, mappings_are_looked_at, TEST_SECONDS)
{
	EXPECT_TRUE(lets_run(self, map_many, want_alignment, unmap_many));
}

TEST_F_TIMEOUT(many, allowed_ranges_are_searched, TEST_SECONDS)
{
	EXPECT_TRUE(lets_run(self, allow_many, look_for_room, allow_all));
}

TEST_F_TIMEOUT(many, allowed_ranges_are_freed, TEST_SECONDS)
{
	EXPECT_TRUE(lets_run(self, allow_many, allow_all, nothing));
}

TEST_HARNESS_MAIN
