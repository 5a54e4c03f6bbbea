// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of known physical layout. The allocator hands out neighbouring pages one
 * after the other, so memory that is written to from its begin to its end is nearly
 * contiguous, how nearly depends on what ran before. Rows shall be repeatable and say
 * what they measure: pages are touched in an order that has neighbours far apart, or
 * come from huge pages, and the page map is asked whether it worked.
 */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define PFN_MASK ((1ull << 55) - 1)
/* So often is it tried to get other pages. */
#define SCATTERINGS 16

/* The bits of a page's number reversed: neighbours come at least N/4 pages apart */
static size_t reversed(size_t index, size_t nr_pages)
{
	size_t result = 0;

	for (; nr_pages > 1; nr_pages /= 2, index /= 2)
		result = result * 2 + index % 2;
	return result;
}

static void touch_scattered(const struct memory *memory)
{
	size_t nr_pages = memory->length / PAGE;

	for (size_t i = 0; i < nr_pages; i++)
		memory->start[reversed(i, nr_pages) * PAGE] = 1;
}

static void touch(const struct memory *memory)
{
	for (size_t offset = 0; offset < memory->length; offset += PAGE)
		memory->start[offset] = 1;
}

static unsigned char *map_or_fail(void *where, size_t length, int flags, int file)
{
	void *start = mmap(where, length, PROT_READ | PROT_WRITE, flags, file, 0);

	if (start == MAP_FAILED)
		err(1, "mmap of %zu bytes", length);
	return start;
}

/* Address space that begins where a huge page may; the rest stays reserved */
static unsigned char *reserve_aligned(size_t length)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uintptr_t start = (uintptr_t)map_or_fail(NULL, length + HUGE_PAGE, flags, -1);

	return (unsigned char *)((start + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
}

static void advise(const struct memory *memory, int advice)
{
	if (madvise(memory->start, memory->length, advice))
		err(1, "madvise(%d)", advice);
}

static void create_anonymous(struct memory *memory, int advice)
{
	map_or_fail(memory->start, memory->length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	advise(memory, advice);
}

/*
 * An entry for 2 MiB is split when a part of it gets another protection, and stays
 * so. What collapses entries must not undo it.
 */
static void split_huge_entries(const struct memory *memory)
{
	unsigned char *end = memory->start + memory->length;

	for (unsigned char *at = memory->start; at < end; at += HUGE_PAGE) {
		if (mprotect(at, PAGE, PROT_READ) || mprotect(at, PAGE, PROT_READ | PROT_WRITE))
			err(1, "mprotect");
	}
	advise(memory, MADV_NOHUGEPAGE);
}

static void create_file(struct memory *memory)
{
	memory->file = memfd_create("bench", 0);
	if (memory->file < 0 || ftruncate(memory->file, memory->length))
		err(1, "memfd of %zu bytes", memory->length);
	map_or_fail(memory->start, memory->length, MAP_SHARED | MAP_FIXED, memory->file);
}

static void create_kind(struct memory *memory, enum memory_kind kind)
{
	switch (kind) {
	case MEMORY_SCATTERED:
		create_anonymous(memory, MADV_NOHUGEPAGE);
		touch_scattered(memory);
		break;
	case MEMORY_CONTIGUOUS:
		create_anonymous(memory, MADV_HUGEPAGE);
		touch(memory);
		split_huge_entries(memory);
		break;
	case MEMORY_THP:
		create_anonymous(memory, MADV_HUGEPAGE);
		touch(memory);
		break;
	case MEMORY_HUGETLB:
		map_or_fail(memory->start, memory->length,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1);
		touch(memory);
		break;
	case MEMORY_FILE:
		create_file(memory);
		touch_scattered(memory);
		break;
	}
}

/* The page map of @memory, to be freed */
static uint64_t *read_frames(const struct memory *memory)
{
	size_t nr_pages = memory->length / PAGE;
	off_t first = (uintptr_t)memory->start / PAGE;
	uint64_t *frames = malloc(nr_pages * sizeof(*frames));
	ssize_t size = nr_pages * sizeof(*frames);
	int file = open("/proc/self/pagemap", O_RDONLY);

	if (!frames || pread(file, frames, size, first * sizeof(*frames)) != size)
		err(1, "/proc/self/pagemap");
	close(file);
	return frames;
}

/* Is page @i the physically next one of that before it? */
static bool is_adjacent(const uint64_t *frames, size_t i)
{
	return (frames[i] & PFN_MASK) == (frames[i - 1] & PFN_MASK) + 1;
}

static size_t count_adjacent(const struct memory *memory)
{
	uint64_t *frames = read_frames(memory);
	size_t adjacent = 0;

	for (size_t i = 1; i < memory->length / PAGE; i++)
		adjacent += is_adjacent(frames, i);
	free(frames);
	return adjacent;
}

/*
 * The allocator's lists have what was free before in an order of their own. What came
 * out adjacent is given back, all of it first, and fetched again in another order.
 */
static void scatter_again(const struct memory *memory)
{
	int advice = memory->file < 0 ? MADV_DONTNEED : MADV_REMOVE;
	uint64_t *frames = read_frames(memory);
	size_t nr_pages = memory->length / PAGE;

	for (size_t i = 1; i < nr_pages; i++) {
		if (is_adjacent(frames, i) && madvise(memory->start + i * PAGE, PAGE, advice))
			err(1, "madvise(%d) of a page", advice);
	}
	for (size_t i = 1; i < nr_pages; i++) {
		if (is_adjacent(frames, i))
			memory->start[i * PAGE] = 1;
	}
	free(frames);
}

static void arrange(const struct memory *memory, enum memory_kind kind)
{
	size_t nr_pages = memory->length / PAGE, adjacent = count_adjacent(memory);
	bool scattered = kind == MEMORY_SCATTERED || kind == MEMORY_FILE;

	for (int i = 0; scattered && adjacent > nr_pages / 100 && i < SCATTERINGS; i++) {
		scatter_again(memory);
		adjacent = count_adjacent(memory);
	}
	/* One of a hundred does no harm. */
	if (scattered ? adjacent > nr_pages / 100 :
			adjacent < nr_pages - memory->length / HUGE_PAGE)
		errx(1, "memory of kind %d: %zu of %zu pages are adjacent",
		     kind, adjacent, nr_pages);
}

struct memory memory_create(enum memory_kind kind, size_t length)
{
	struct memory memory = {
		.start = reserve_aligned(length),
		.length = length,
		.file = -1,
	};

	create_kind(&memory, kind);
	arrange(&memory, kind);
	return memory;
}

void memory_destroy(struct memory *memory)
{
	munmap(memory->start, memory->length);
	if (memory->file >= 0)
		close(memory->file);
}
