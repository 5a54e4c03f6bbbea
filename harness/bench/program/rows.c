// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows. Each does its work twice and reports the second time: the first one fills
 * caches of the allocators and marks pages dirty. The table is at the end.
 */
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PASSES 2
#define MIB (1ul << 20)

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static struct space open_space(const struct bench *bench)
{
	struct space space = { .interface = bench->interface };

	space.interface->open(&space, &bench->devices[0]);
	return space;
}

static void close_space(struct space *space)
{
	space->interface->close(space);
}

static void map_all(struct space *space, const struct memory *memory, size_t call)
{
	for (size_t offset = 0; offset < memory->length; offset += call)
		space->interface->map(space, memory->start + offset,
				      min_size(call, memory->length - offset), FIRST_IOVA + offset);
}

static void unmap_all(struct space *space, size_t length, size_t call)
{
	for (size_t offset = 0; offset < length; offset += call)
		space->interface->unmap(space, FIRST_IOVA + offset,
					min_size(call, length - offset));
}

/* Results: map, unmap; per page */
static void run_map(const struct bench *bench, const struct work *work,
		    struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	double nr_pages = (double)work->length / PAGE;
	struct space space = open_space(bench);

	for (int pass = 0; pass < PASSES; pass++) {
		stopwatch_start();
		map_all(&space, &memory, work->map_call);
		stopwatch_stop(&results[0], nr_pages);
		stopwatch_start();
		unmap_all(&space, work->length, work->unmap_call);
		stopwatch_stop(&results[1], nr_pages);
	}
	close_space(&space);
	memory_destroy(&memory);
}

/* Result: unmap, after maps that another row measures */
static void run_unmap(const struct bench *bench, const struct work *work,
		      struct result *results)
{
	struct result both[MAX_RESULTS];

	run_map(bench, work, both);
	results[0] = both[1];
}

/* Results: map, unmap; per page */
static void run_map_file(const struct bench *bench, const struct work *work,
			 struct result *results)
{
	struct memory memory = memory_create(MEMORY_FILE, work->length);
	double nr_pages = (double)work->length / PAGE;
	struct space space = open_space(bench);

	for (int pass = 0; pass < PASSES; pass++) {
		stopwatch_start();
		if (!iommufd_map_file(&space, memory.file, work->length, FIRST_IOVA))
			break;
		stopwatch_stop(&results[0], nr_pages);
		stopwatch_start();
		unmap_all(&space, work->length, work->length);
		stopwatch_stop(&results[1], nr_pages);
	}
	close_space(&space);
	memory_destroy(&memory);
}

/* Result: copy to a space that another device is attached to; per page */
static void run_copy(const struct bench *bench, const struct work *work,
		     struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	double nr_pages = (double)work->length / PAGE;
	struct space space = open_space(bench);
	int second = iommufd_bind(space.context, &bench->devices[1]);
	uint32_t ioas = iommufd_ioas(space.context);

	iommufd_attach(second, ioas);
	map_all(&space, &memory, work->length);
	for (int pass = 0; pass < PASSES; pass++) {
		stopwatch_start();
		iommufd_copy(&space, ioas, work->length, FIRST_IOVA);
		stopwatch_stop(&results[0], nr_pages);
		iommufd_unmap(space.context, ioas, FIRST_IOVA, work->length);
	}
	close(second);
	close_space(&space);
	memory_destroy(&memory);
}

/*
 * Results: attach to a space that has mappings, detach the first time, detach; per
 * page. Whoever detaches first finds pages that no device had: they become dirty.
 */
static void run_attach_filled(const struct bench *bench, const struct work *work,
			      struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	double nr_pages = (double)work->length / PAGE;
	struct space space = open_space(bench);

	iommufd_detach(space.device);
	map_all(&space, &memory, work->length);
	for (int pass = 0; pass < PASSES; pass++) {
		stopwatch_start();
		iommufd_attach(space.device, space.ioas);
		stopwatch_stop(&results[0], nr_pages);
		stopwatch_start();
		iommufd_detach(space.device);
		stopwatch_stop(&results[2], nr_pages);
		if (!pass)
			results[1] = results[2];
	}
	close_space(&space);
	memory_destroy(&memory);
}

/* Results: attach, detach; per call, with nothing mapped */
static void run_attach_empty(const struct bench *bench, const struct work *work,
			     struct result *results)
{
	struct space space = open_space(bench);

	(void)work;
	iommufd_detach(space.device);
	for (int pass = 0; pass < PASSES; pass++) {
		stopwatch_start();
		iommufd_attach(space.device, space.ioas);
		stopwatch_stop(&results[0], 1);
		stopwatch_start();
		iommufd_detach(space.device);
		stopwatch_stop(&results[1], 1);
	}
	close_space(&space);
}

/* Results: open everything and attach, close everything */
static void run_open(const struct bench *bench, const struct work *work,
		     struct result *results)
{
	(void)work;
	for (int pass = 0; pass < PASSES; pass++) {
		struct space space;

		stopwatch_start();
		space = open_space(bench);
		stopwatch_stop(&results[0], 1);
		stopwatch_start();
		close_space(&space);
		stopwatch_stop(&results[1], 1);
	}
}

/* Result: what closing a space with mappings costs more than an empty one; per page */
static void run_close_filled(const struct bench *bench, const struct work *work,
			     struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	double nr_pages = (double)work->length / PAGE;
	struct result empty[MAX_RESULTS];

	run_open(bench, work, empty);
	for (int pass = 0; pass < PASSES; pass++) {
		struct space space = open_space(bench);

		map_all(&space, &memory, work->map_call);
		stopwatch_start();
		close_space(&space);
		stopwatch_stop(&results[0], nr_pages);
		results[0].value -= empty[1].value / nr_pages;
	}
	memory_destroy(&memory);
}

/* The counters of each processor are added to those that are shown when this is read */
static void refresh_counters(void)
{
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "r");

	if (!file)
		err(1, "/proc/sys/vm/stat_refresh");
	while (fgetc(file) != EOF)
		;
	fclose(file);
}

/* Give back what the allocator keeps of objects that were freed: it would be used again */
static void shrink_caches(void)
{
	glob_t caches;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		errx(1, "/sys/kernel/slab/*/shrink");
	for (size_t i = 0; i < caches.gl_pathc; i++) {
		int file = open(caches.gl_pathv[i], O_WRONLY);

		if (file < 0 || write(file, "1", 1) != 1)
			err(1, "%s", caches.gl_pathv[i]);
		close(file);
	}
	globfree(&caches);
}

/* Memory of the kernel's allocator for small objects that it cannot reclaim, in bytes */
static double slab_in_use(void)
{
	unsigned long kilobytes = 0;
	char line[128];
	FILE *file;

	refresh_counters();
	file = fopen("/proc/meminfo", "r");
	if (!file)
		err(1, "/proc/meminfo");
	while (fgets(line, sizeof(line), file) && sscanf(line, "SUnreclaim: %lu", &kilobytes) != 1)
		;
	fclose(file);
	return kilobytes * 1024.0;
}

/* Result: bytes that the kernel needs for a mapping, page tables aside */
static void run_memory(const struct bench *bench, const struct work *work,
		       struct result *results)
{
	struct memory memory = memory_create(work->memory, work->length);
	struct space space = open_space(bench);

	for (int pass = 0; pass < PASSES; pass++) {
		double before;

		shrink_caches();
		before = slab_in_use();
		map_all(&space, &memory, work->map_call);
		results[0].value = (slab_in_use() - before) * work->map_call / work->length;
		unmap_all(&space, work->length, work->length);
	}
	close_space(&space);
	memory_destroy(&memory);
}

#define SMALL	(64 * MIB)
#define LARGE	(256 * MIB)

/* Map and unmap, both by as many calls */
#define MAP_WORK(_name, _text, _memory, _length, _call)			\
	{								\
		.name = _name,						\
		.text = _text,						\
		.results = { "map", "unmap" },				\
		.unit = "page",						\
		.run = run_map,						\
		.memory = _memory,					\
		.length = _length,					\
		.map_call = _call,					\
		.unmap_call = _call,					\
	}

const struct work works[] = {
	MAP_WORK("scattered", "4 KiB pages, no two adjacent, one call",
		 MEMORY_SCATTERED, SMALL, SMALL),
	MAP_WORK("scattered_2m", "4 KiB pages, no two adjacent, 2 MiB calls",
		 MEMORY_SCATTERED, SMALL, HUGE_PAGE),
	MAP_WORK("contiguous", "4 KiB entries over contiguous memory, one call",
		 MEMORY_CONTIGUOUS, LARGE, LARGE),
	MAP_WORK("contiguous_2m", "4 KiB entries over contiguous memory, 2 MiB calls",
		 MEMORY_CONTIGUOUS, LARGE, HUGE_PAGE),
	MAP_WORK("thp", "2 MiB THP, one call",
		 MEMORY_THP, LARGE, LARGE),
	MAP_WORK("thp_2m", "2 MiB THP, 2 MiB calls",
		 MEMORY_THP, LARGE, HUGE_PAGE),
	MAP_WORK("hugetlb", "2 MiB hugetlb, one call",
		 MEMORY_HUGETLB, LARGE, LARGE),
	MAP_WORK("hugetlb_2m", "2 MiB hugetlb, 2 MiB calls",
		 MEMORY_HUGETLB, LARGE, HUGE_PAGE),
	MAP_WORK("memfd", "memfd of 4 KiB pages by address, one call",
		 MEMORY_FILE, SMALL, SMALL),
	{
		.name = "file",
		.text = "memfd of 4 KiB pages by file, one call",
		.results = { "map", "unmap" },
		.unit = "page",
		.run = run_map_file,
		.length = SMALL,
		.iommufd_only = true,
	},
	MAP_WORK("calls", "16,384 calls of 4 KiB",
		 MEMORY_SCATTERED, SMALL, PAGE),
	{
		.name = "calls_unmap_all",
		.text = "unmap 16,384 mappings of 4 KiB in one call",
		.results = { "" },
		.unit = "page",
		.run = run_unmap,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.map_call = PAGE,
		.unmap_call = SMALL,
	},
	{
		.name = "copy",
		.text = "copy to a second attached IOAS, 4 KiB pages",
		.results = { "" },
		.unit = "page",
		.run = run_copy,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.iommufd_only = true,
	},
	{
		.name = "copy_hugetlb",
		.text = "copy to a second attached IOAS, hugetlb",
		.results = { "" },
		.unit = "page",
		.run = run_copy,
		.memory = MEMORY_HUGETLB,
		.length = LARGE,
		.iommufd_only = true,
	},
	{
		.name = "filled",
		.text = "an IOAS of 4 KiB pages",
		.results = { "attach", "detach_first", "detach" },
		.unit = "page",
		.run = run_attach_filled,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.iommufd_only = true,
	},
	{
		.name = "filled_hugetlb",
		.text = "an IOAS of hugetlb",
		.results = { "attach", "detach_first", "detach" },
		.unit = "page",
		.run = run_attach_filled,
		.memory = MEMORY_HUGETLB,
		.length = LARGE,
		.iommufd_only = true,
	},
	{
		.name = "empty",
		.text = "an empty IOAS",
		.results = { "attach", "detach" },
		.unit = "call",
		.run = run_attach_empty,
		.iommufd_only = true,
	},
	{
		.name = "device",
		.text = "a device with its address space, reset included",
		.results = { "open", "close" },
		.unit = "device",
		.run = run_open,
	},
	{
		.name = "close_filled",
		.text = "close with 4 KiB pages mapped, more than without",
		.results = { "" },
		.unit = "page",
		.run = run_close_filled,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.map_call = SMALL,
	},
	{
		.name = "memory",
		.text = "kernel memory for a mapping of 4 KiB",
		.results = { "" },
		.unit = "bytes",
		.run = run_memory,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.map_call = PAGE,
	},
	{
		.name = "memory_2m",
		.text = "kernel memory for a mapping of 2 MiB, scattered",
		.results = { "" },
		.unit = "bytes",
		.run = run_memory,
		.memory = MEMORY_SCATTERED,
		.length = LARGE,
		.map_call = HUGE_PAGE,
	},
	{
		.name = "threads",
		.text = "two threads of 4 KiB calls in place of one, speed-up in real time",
		.results = { "" },
		.unit = "times",
		.run = run_threads,
		.memory = MEMORY_SCATTERED,
		.length = SMALL,
		.map_call = PAGE,
		.real_time = true,
	},
};

const size_t nr_works = sizeof(works) / sizeof(works[0]);
