// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread, then two, that map and unmap single pages in one address space, each with
 * memory and IOVAs of its own. Locks show only where threads run at the same time, hence
 * not in a run that counts instructions.
 */
#include <err.h>
#include <pthread.h>
#include <time.h>

#include "bench.h"

#define MAX_THREADS	2
#define TRIES		5
#define NR_PAIRS	4096

/* What one thread does */
struct worker {
	/* Who runs it */
	pthread_t thread;
	/* The address space, the same for all */
	struct space *space;
	/* Its own page */
	unsigned char *page;
	/* Its own IOVA */
	uint64_t iova;
};

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	const struct interface *interface = worker->space->interface;

	for (int i = 0; i < NR_PAIRS; i++) {
		interface->map(worker->space, worker->page, PAGE, worker->iova);
		interface->unmap(worker->space, worker->iova, PAGE);
	}
	return NULL;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static double run_workers(struct worker *workers, int nr_workers)
{
	double start = seconds();

	for (int i = 0; i < nr_workers; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			errx(1, "pthread_create");
	for (int i = 0; i < nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	return seconds() - start;
}

/* The shortest of several: whatever else this machine does makes it longer only */
static double best_time(struct worker *workers, int nr_workers)
{
	double best = run_workers(workers, nr_workers);

	for (int try = 1; try < TRIES; try++) {
		double time = run_workers(workers, nr_workers);

		if (time < best)
			best = time;
	}
	return best;
}

/* Result: how much more two threads get done than one in the same time */
void run_threads(const struct bench *bench, const struct work *work,
		 struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	struct space space = { .interface = bench->interface };
	struct worker workers[MAX_THREADS];

	space.interface->open(&space, &bench->devices[0]);
	for (int i = 0; i < MAX_THREADS; i++) {
		size_t offset = i * HUGE_PAGE;

		workers[i].space = &space;
		workers[i].page = memory.start + offset;
		workers[i].iova = FIRST_IOVA + offset;
	}
	results[0].value = MAX_THREADS * best_time(workers, 1) / best_time(workers, MAX_THREADS);
	space.interface->close(&space);
	memory_destroy(&memory);
}
