// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans of a memory, in a tree: which pages are taken, by how many, and where
 * their page frames are. A cut or a joint of spans leaves the record as it is.
 */
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "ledger.h"
#include "page_runs.h"
#include "pinned_span.h"
#include "user_memory.h"

#define span_of(node) rb_entry_safe(node, struct pinned_span, rb)

/* The lowest span that ends at @index or above. */
struct pinned_span *pinned_span_find(struct user_memory *memory,
				     unsigned long index)
{
	struct rb_node *node = memory->spans.rb_node;
	struct pinned_span *found = NULL;

	lockdep_assert_held(&memory->lock);
	while (node) {
		struct pinned_span *span = span_of(node);

		if (span->range.last < index) {
			node = node->rb_right;
		} else {
			found = span;
			node = node->rb_left;
		}
	}
	return found;
}

static bool span_less(struct rb_node *left, const struct rb_node *right)
{
	return span_of(left)->range.first <
	       rb_entry(right, const struct pinned_span, rb)->range.first;
}

static void span_insert(struct user_memory *memory, struct pinned_span *span)
{
	lockdep_assert_held(&memory->lock);
	rb_add(&span->rb, &memory->spans, span_less);
}

/* For a pin of @range, which has all of the span. */
void pinned_span_hold(struct pinned_span *span, struct page_range range)
{
	span->nr_holders++;
	span->nr_first += span->range.first == range.first;
	span->nr_last += span->range.last == range.last;
}

/* Make two spans of one; @index is where the upper one begins. */
int pinned_span_cut(struct user_memory *memory, struct pinned_span *span,
		    unsigned long index)
{
	struct pinned_span *upper;

	lockdep_assert_held(&memory->lock);
	upper = kzalloc(sizeof(*upper), GFP_KERNEL_ACCOUNT);
	if (!upper)
		return -ENOMEM;
	upper->range.first = index;
	upper->range.last = span->range.last;
	upper->nr_holders = span->nr_holders;
	upper->nr_last = span->nr_last;
	upper->record = span->record;
	upper->offset = span->offset + (index - span->range.first);
	upper->record->nr_spans++;
	span->range.last = index - 1;
	span->nr_last = 0;
	span_insert(memory, upper);
	return 0;
}

/*
 * Undo pinned_span_cut() at @index when no pin begins or ends there any more,
 * so that short pins within long ones leave nothing behind.
 */
void pinned_spans_join(struct user_memory *memory, unsigned long index)
{
	struct pinned_span *upper, *lower;

	lockdep_assert_held(&memory->lock);
	upper = pinned_span_find(memory, index);
	if (!upper || upper->range.first != index || upper->nr_first)
		return;
	lower = span_of(rb_prev(&upper->rb));
	if (!lower || lower->range.last != index - 1 || lower->nr_last ||
	    lower->record != upper->record)
		return;
	lower->range.last = upper->range.last;
	lower->nr_last = upper->nr_last;
	pinned_span_free(memory, upper);
}

/* A record to be made, of pages that are not pinned. */
struct pinned_record *pinned_record_create(struct user_memory *memory,
					   struct page_range gap)
{
	struct pinned_record *record;

	lockdep_assert_held(&memory->lock);
	record = kzalloc(sizeof(*record), GFP_KERNEL_ACCOUNT);
	if (!record)
		return NULL;
	ledger_add(memory->charge.ledger, LEDGER_RECORDS, 1);
	page_runs_init(&record->runs);
	record->state = RECORD_MAKING;
	record->nr_spans = 1;
	record->span.range = gap;
	record->span.record = record;
	span_insert(memory, &record->span);
	return record;
}

/* Take a span out of the tree, and its record with the last one. */
void pinned_span_free(struct user_memory *memory, struct pinned_span *span)
{
	struct pinned_record *record = span->record;

	lockdep_assert_held(&memory->lock);
	rb_erase(&span->rb, &memory->spans);
	if (span != &record->span)
		kfree(span);
	if (!--record->nr_spans) {
		ledger_add(memory->charge.ledger, LEDGER_RECORDS, -1);
		page_runs_destroy(&record->runs);
		kfree(record);
	}
}
