// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting what is mapped, pinned and charged, for fdinfo.
 *
 * There may be a million mappings, and devices work meanwhile. So a lock is held
 * for one mapping, or for a part of its memory, and what comes or goes between two
 * of them is counted or not.
 */
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "mapping.h"
#include "space_survey.h"
#include "user_memory.h"

/* Pages to look at with the memory locked: who pins waits as long. */
#define SURVEY_PAGES (1UL << 16)

/**
 * struct space_survey - what there is
 * @nr_mappings: how many
 * @mapped: bytes that they cover
 * @pinned: pages that are kept in place; one that two mappings have counts twice
 * @charged: how many of them count against a limit
 * @large: bytes of those pinned that lie so that every table can have large pages
 *         for them
 * @large_size: the smallest of these pages; 0 for none
 * @has_tables: something translates what is mapped
 * @payer: who is charged
 */
struct space_survey {
	u64 nr_mappings;
	u64 mapped;
	u64 pinned;
	u64 charged;
	u64 large;
	u64 large_size;
	bool has_tables;
	struct memory_payer payer;
};

/**
 * struct survey_step - one mapping
 * @survey: what it is added to
 * @from: the next one begins there or above
 * @memory: its memory, with a reference
 * @range: its pages
 * @iova: of the next run
 * @offset: of the first byte in its page; 0 after the first run
 * @left: bytes to come
 */
struct survey_step {
	struct space_survey *survey;
	u64 from;
	struct user_memory *memory;
	struct page_range range;
	u64 iova;
	u64 offset;
	u64 left;
};

/* Its creator or remover does not touch it. */
static bool is_settled(const struct mapping *mapping)
{
	return mapping_is_filled(mapping) ||
	       mapping->area.state == IOVA_AREA_STUCK;
}

/* Find the next mapping. Return: whether there is one. */
static bool survey_step_find(struct mapped_space *space,
			     struct survey_step *step)
{
	struct mapping *mapping;
	struct iova_area *area;

	lockdep_assert_held(&space->lock);
	for_each_iova_area(area, &space->iova, step->from, U64_MAX) {
		mapping = mapping_of(area);
		if (!is_settled(mapping)) {
			cond_resched();
			continue;
		}
		step->from = area->last;
		step->memory = mapping->memory;
		step->range = mapping_pages(mapping);
		step->iova = area->start;
		step->offset = offset_in_page(mapping->offset);
		step->left = iova_area_length(area);
		user_memory_get(step->memory);
		return true;
	}
	return false;
}

/* How much of a run lies in whole aligned pages of @size, here and there? */
static u64 large_part(u64 iova, u64 phys, u64 length, u64 size)
{
	u64 skip = -iova & (size - 1);

	if (!size || (iova ^ phys) & (size - 1) || length < skip)
		return 0;
	return (length - skip) & ~(size - 1);
}

static int survey_run(const struct page_run *run, void *data)
{
	struct survey_step *step = data;
	u64 length = min(((u64)run->nr_pages << PAGE_SHIFT) - step->offset,
			 step->left);

	step->survey->pinned += run->nr_pages;
	step->survey->large += large_part(step->iova, PFN_PHYS(run->pfn) +
					  step->offset, length,
					  step->survey->large_size);
	step->iova += length;
	step->left -= length;
	step->offset = 0;
	return 0;
}

/* What of the memory is pinned, by whomever, and who pays */
static void survey_memory(struct survey_step *step)
{
	struct page_range part = step->range;
	struct space_survey *survey = step->survey;
	u64 before;

	while (part.first <= step->range.last) {
		part.last = min(step->range.last,
				part.first + SURVEY_PAGES - 1);
		before = survey->pinned;
		if (user_memory_survey(step->memory, part, survey_run, step,
				       &survey->payer))
			survey->charged += survey->pinned - before;
		part.first = part.last + 1;
		if (!part.first || fatal_signal_pending(current))
			break;
		cond_resched();
	}
}

/* The smallest page larger than the CPU's that every table has. */
static u64 large_page_size(struct mapped_space *space)
{
	u64 sizes = mapped_space_page_sizes(space) & ~(u64)PAGE_SIZE;

	if (!READ_ONCE(space->large_pages))
		return 0;
	return sizes & -sizes;
}

/* Count. A fatal signal ends it. */
static void survey_make(struct mapped_space *space, struct space_survey *survey)
{
	struct survey_step step = { .survey = survey };
	bool found;

	survey->has_tables = READ_ONCE(space->nr_tables);
	if (survey->has_tables)
		survey->large_size = large_page_size(space);
	while (!fatal_signal_pending(current)) {
		mutex_lock(&space->lock);
		found = survey_step_find(space, &step);
		mutex_unlock(&space->lock);
		if (!found)
			break;
		survey->nr_mappings++;
		survey->mapped += step.left;
		survey_memory(&step);
		user_memory_put(step.memory);
		if (step.from == U64_MAX)
			break;
		step.from++;
		cond_resched();
	}
}

static u64 kib_of_pages(u64 nr_pages)
{
	return nr_pages << (PAGE_SHIFT - 10);
}

static void survey_print(const struct space_survey *survey,
			 struct seq_file *m)
{
	seq_printf(m, " mappings=%llu mapped-kib=%llu pinned-kib=%llu",
		   survey->nr_mappings, DIV_ROUND_UP_ULL(survey->mapped, 1024),
		   kib_of_pages(survey->pinned));
	if (survey->charged) {
		seq_printf(m, " charged-kib=%llu",
			   kib_of_pages(survey->charged));
		memory_payer_show(&survey->payer, m);
	}
	if (survey->has_tables && survey->pinned)
		seq_printf(m, " large-percent=%llu",
			   div64_u64((survey->large >> PAGE_SHIFT) * 100,
				     survey->pinned));
}

/**
 * space_survey_show() - Count, and print it
 * @space: what
 * @m: where, in the middle of a line
 *
 * Context: takes tables_lock shared.
 */
void space_survey_show(struct mapped_space *space, struct seq_file *m)
{
	struct space_survey survey = {};

	survey_make(space, &survey);
	survey_print(&survey, m);
	memory_payer_forget(&survey.payer);
}
