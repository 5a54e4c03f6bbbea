/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spans of a memory: its pages that are pinned, or just being pinned, cut where
 * their holders change. They refer to records of the page frames.
 *
 * Knows no source of pages, and takes no lock: the caller has the memory's.
 */
#ifndef __IOMMUFD_PINNED_SPAN_H
#define __IOMMUFD_PINNED_SPAN_H

#include <linux/rbtree.h>
#include <linux/sched.h>

#include "page_runs.h"
#include "user_memory.h"

/**
 * struct pinned_span - neighbouring pages with the same holders
 * @rb: in user_memory.spans
 * @range: which pages
 * @nr_holders: pins that cover @range, all of it
 * @nr_first: pins whose own range begins where @range does
 * @nr_last: pins whose own range ends where @range does
 * @record: where their page frames are
 * @offset: of the first page in @record
 */
struct pinned_span {
	struct rb_node rb;
	struct page_range range;
	unsigned int nr_holders;
	unsigned int nr_first;
	unsigned int nr_last;
	struct pinned_record *record;
	unsigned long offset;
};

/**
 * enum record_state - how far a record is
 * @RECORD_MADE: complete
 * @RECORD_MAKING: its maker is pinning the pages. It has one span, which has one
 *                 holder
 * @RECORD_AWAITED: the same, and somebody wants to know when that ends
 */
enum record_state {
	RECORD_MADE,
	RECORD_MAKING,
	RECORD_AWAITED,
};

/**
 * struct pinned_record - pages that were pinned together
 * @runs: the page frames; its maker's until it is made, then immutable, so spans
 *        can be cut and joined without a copy
 * @state: under user_memory.lock
 * @nr_spans: how many refer to it
 * @span: the first of them, embedded because most records are never cut
 */
struct pinned_record {
	struct page_runs runs;
	enum record_state state;
	unsigned int nr_spans;
	struct pinned_span span;
};

static inline bool pinned_span_is_made(const struct pinned_span *span)
{
	return span->record->state == RECORD_MADE;
}

static inline struct pinned_span *pinned_span_next(struct pinned_span *span)
{
	return rb_entry_safe(rb_next(&span->rb), struct pinned_span, rb);
}

/* There may be as many as a driver likes. The lock is one that can sleep. */
static inline struct pinned_span *pinned_span_step(struct pinned_span *next)
{
	if (next)
		cond_resched();
	return next;
}

/* Spans that touch @pages, lowest first. @next is for the loop. */
#define for_each_pinned_span_safe(span, next, memory, pages)		\
	for (span = pinned_span_find(memory, (pages).first);		\
	     span && span->range.first <= (pages).last &&		\
	     (next = pinned_span_next(span), true);			\
	     span = pinned_span_step(next))

struct pinned_span *pinned_span_find(struct user_memory *memory,
				     unsigned long index);
void pinned_span_hold(struct pinned_span *span, struct page_range range);
int pinned_span_cut(struct user_memory *memory, struct pinned_span *span,
		    unsigned long index);
void pinned_spans_join(struct user_memory *memory, unsigned long index);
struct pinned_record *pinned_record_create(struct user_memory *memory,
					   struct page_range range);
void pinned_span_free(struct user_memory *memory, struct pinned_span *span);

#endif
