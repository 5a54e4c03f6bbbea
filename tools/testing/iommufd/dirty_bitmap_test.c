// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty_bitmap.c against a model: pages of an IOMMU of any size are written to, before and
 * while they are noted as dirty_tracking.c does, step by step. In the end each page that
 * was written to is reported or dirty.
 */
#include <stdbool.h>
#include <string.h>

#include "test.h"
#include <linux/highmem.h>
#include "../../../drivers/iommu/iommufd/dirty_bitmap.c"

/* The table: so many of the smallest pages, a larger one is up to 1 << 9 of them */
#define ENTRIES 2048
#define ENTRY_SHIFT 11
#define ENTRY_SIZE (1ULL << ENTRY_SHIFT)

/* Of the page that begins at an entry: how many entries it has, 0 for none */
static unsigned int page_entries[ENTRIES];
/* Before it began, at some time, and now */
static bool was_dirty[ENTRIES], was_written[ENTRIES], is_dirty[ENTRIES];

/* The user's memory */
#define MEMORY 0x10000000UL
#define MEMORY_PAGES 160
static u8 *memory[MEMORY_PAGES];

static struct page *test_page(unsigned long address)
{
	CHECK(address >= MEMORY && address < MEMORY + MEMORY_PAGES * PAGE_SIZE);
	return (struct page *)memory[(address - MEMORY) / PAGE_SIZE];
}

static u8 read_byte(unsigned long address)
{
	return ((u8 *)test_page(address))[offset_in_page(address)];
}

static void memory_clear(void)
{
	unsigned int i;

	for (i = 0; i < MEMORY_PAGES; i++) {
		free(memory[i]);
		memory[i] = calloc(1, PAGE_SIZE);
	}
}

#define for_each_page(entry) \
	for (entry = 0; entry < ENTRIES; entry += page_entries[entry])

/* What is asked for, in entries: @first to @end */
struct request {
	u64 iova;
	unsigned int shift;
	unsigned int first;
	unsigned int end;
	unsigned long bitmap;
	u64 nr_bits;
};

static void make_table(void)
{
	unsigned int entry, nr;

	memset(page_entries, 0, sizeof(page_entries));
	for (entry = 0; entry < ENTRIES; entry += nr) {
		nr = 1 << (random_below(2) ? 0 : random_below(10));
		while (entry % nr || entry + nr > ENTRIES)
			nr /= 2;
		page_entries[entry] = nr;
		was_dirty[entry] = !random_below(3);
		was_written[entry] = is_dirty[entry] = was_dirty[entry];
	}
}

/* With bits for less than a byte a page of the IOMMU is many pages of the bitmap. */
static void make_request(struct request *request)
{
	unsigned int shift = random_below(ENTRY_SHIFT + 8);
	unsigned int unit = shift > ENTRY_SHIFT ? 1 << (shift - ENTRY_SHIFT) : 1;
	unsigned int nr = ENTRIES / unit;

	request->iova = random_below(2) ? 0x1000000 : -(ENTRIES * ENTRY_SIZE);
	request->shift = shift;
	request->first = random_below(nr) * unit;
	request->end = request->first +
		       (1 + random_below(nr - request->first / unit)) * unit;
	request->nr_bits = (request->end - request->first) * ENTRY_SIZE >> shift;
	request->bitmap = MEMORY + random_below(PAGE_SIZE);
	memory_clear();
}

/* A device that writes, now and then, to a large page or a small one */
static void write_meanwhile(void)
{
	unsigned int entry;

	for_each_page(entry)
		if (!random_below(64))
			was_written[entry] = is_dirty[entry] = true;
}

/* As a driver does: every dirty page that has a byte in the range */
static void read_step(struct request *request, struct dirty_bitmap *bitmap,
		      u64 start, u64 last)
{
	unsigned int entry;

	for_each_page(entry) {
		u64 first = request->iova + entry * ENTRY_SIZE;
		u64 size = page_entries[entry] * ENTRY_SIZE;

		if (!is_dirty[entry] || first + size - 1 < start || first > last)
			continue;
		if (dirty_bitmap_note(bitmap, first, first + size - 1))
			is_dirty[entry] = false;
	}
}

static void read_all(struct request *request)
{
	u64 start = request->iova + request->first * ENTRY_SIZE;
	u64 last = request->iova + request->end * ENTRY_SIZE - 1;
	u64 step = ENTRY_SIZE << random_below(10);
	struct dirty_bitmap bitmap;

	CHECK(!dirty_bitmap_init(&bitmap, start, last, request->shift,
				 request->bitmap));
	for (;;) {
		u64 step_last = start + min(last - start, step - 1);

		CHECK(!dirty_bitmap_open(&bitmap, start));
		CHECK(start >= bitmap.page_first && start <= bitmap.page_last);
		CHECK(nr_pinned == 1);
		step_last = min(step_last, bitmap.page_last);
		read_step(request, &bitmap, start, step_last);
		write_meanwhile();
		if (step_last == last)
			break;
		start = step_last + 1;
	}
	dirty_bitmap_close(&bitmap);
	CHECK(!nr_pinned);
}

static bool bit_is_set(const struct request *request, u64 bit)
{
	return read_byte(request->bitmap + bit / 8) >> bit % 8 & 1;
}

/* Are the bits of all that lies in the range set? */
static bool is_reported(const struct request *request, unsigned int first,
			unsigned int end)
{
	u64 bit = (max(first, request->first) - request->first) * ENTRY_SIZE >>
		  request->shift;
	u64 last = ((min(end, request->end) - request->first) * ENTRY_SIZE - 1) >>
		   request->shift;

	for (; bit <= last; bit++)
		if (!bit_is_set(request, bit))
			return false;
	return true;
}

/* One that is clean is in the bitmap, and not one that is in the range in part only. */
static void check_table(const struct request *request)
{
	unsigned int entry;

	for_each_page(entry) {
		unsigned int end = entry + page_entries[entry];
		bool is_outside = end <= request->first || entry >= request->end;

		if (was_dirty[entry] && !is_outside)
			CHECK(is_reported(request, entry, end));
		if (!was_written[entry] || is_dirty[entry])
			continue;
		CHECK(entry >= request->first && end <= request->end);
		CHECK(is_reported(request, entry, end));
	}
}

static bool is_written(u64 first, u64 last)
{
	unsigned int entry;

	for_each_page(entry)
		if (was_written[entry] && entry * ENTRY_SIZE <= last &&
		    (entry + page_entries[entry]) * ENTRY_SIZE > first)
			return true;
	return false;
}

/* No bit says what is not so, and none is set outside. */
static void check_bitmap(const struct request *request)
{
	unsigned int nr = 0, i;
	u64 bit;

	for (bit = 0; bit < request->nr_bits; bit++) {
		u64 first = request->first * ENTRY_SIZE + (bit << request->shift);

		if (!bit_is_set(request, bit))
			continue;
		nr++;
		/* Bits of one entry are alike. */
		if (first % ENTRY_SIZE && random_below(64))
			continue;
		CHECK(is_written(first, first + (1ULL << request->shift) - 1));
	}
	for (i = 0; i < MEMORY_PAGES * PAGE_SIZE; i++)
		nr -= __builtin_popcount(read_byte(MEMORY + i));
	CHECK(!nr);
}

int main(void)
{
	struct request request;
	unsigned int i;

	test_seed();
	printf("dirty_bitmap: seed %#llx\n", (unsigned long long)seed);
	for (i = 0; i < 300; i++) {
		make_table();
		make_request(&request);
		read_all(&request);
		check_table(&request);
		check_bitmap(&request);
	}
	printf("dirty_bitmap: ok\n");
	return 0;
}
