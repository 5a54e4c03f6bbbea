// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of pinned_span.c: spans are cut and joined, and their records are
 * not.
 */
#include <kunit/test.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>

#include "ledger.h"
#include "pinned_span.h"
#include "user_memory.h"

/**
 * struct spans - a memory without a source
 * @memory: only its spans are used
 * @ledger: of no context
 */
struct spans {
	struct user_memory memory;
	struct ledger ledger;
};

static int spans_init(struct kunit *test)
{
	struct spans *spans = kunit_kzalloc(test, sizeof(*spans), GFP_KERNEL);

	if (!spans)
		return -ENOMEM;
	mutex_init(&spans->memory.lock);
	spans->memory.charge.ledger = &spans->ledger;
	spans->memory.spans = RB_ROOT;
	test->priv = &spans->memory;
	return 0;
}

static void spans_exit(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *span;

	if (!memory)
		return;
	mutex_lock(&memory->lock);
	while ((span = pinned_span_find(memory, 0)))
		pinned_span_free(memory, span);
	mutex_unlock(&memory->lock);
	mutex_destroy(&memory->lock);
}

/* A span with a record of its own, and a pin of all of it */
static struct pinned_span *add(struct kunit *test, unsigned long first,
			       unsigned long last)
{
	struct page_range range = { .first = first, .last = last };
	struct pinned_record *record = pinned_record_create(test->priv, range);

	KUNIT_ASSERT_NOT_NULL(test, record);
	pinned_span_hold(&record->span, range);
	return &record->span;
}

static void cut(struct kunit *test, unsigned long index)
{
	struct pinned_span *span = pinned_span_find(test->priv, index);

	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_ASSERT_EQ(test, 0, pinned_span_cut(test->priv, span, index));
}

/* Is there a span from @first to @last, and from that page of its record on? */
static bool has(struct kunit *test, unsigned long first, unsigned long last,
		unsigned long offset)
{
	struct pinned_span *span = pinned_span_find(test->priv, first);

	return span && span->range.first == first && span->range.last == last &&
	       span->offset == offset;
}

static void lowest_span_that_reaches_a_page_is_found(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *lower, *upper;

	mutex_lock(&memory->lock);
	KUNIT_EXPECT_NULL(test, pinned_span_find(memory, 0));
	upper = add(test, 30, 39);
	lower = add(test, 10, 19);
	KUNIT_EXPECT_PTR_EQ(test, lower, pinned_span_find(memory, 0));
	KUNIT_EXPECT_PTR_EQ(test, lower, pinned_span_find(memory, 19));
	KUNIT_EXPECT_PTR_EQ(test, upper, pinned_span_find(memory, 20));
	KUNIT_EXPECT_NULL(test, pinned_span_find(memory, 40));
	KUNIT_EXPECT_PTR_EQ(test, upper, pinned_span_next(lower));
	KUNIT_EXPECT_NULL(test, pinned_span_next(upper));
	mutex_unlock(&memory->lock);
}

static void cut_keeps_record_and_holders(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *lower, *upper;

	mutex_lock(&memory->lock);
	lower = add(test, 10, 19);
	KUNIT_EXPECT_FALSE(test, pinned_span_is_made(lower));
	cut(test, 14);
	KUNIT_EXPECT_TRUE(test, has(test, 10, 13, 0));
	KUNIT_EXPECT_TRUE(test, has(test, 14, 19, 4));
	upper = pinned_span_next(lower);
	KUNIT_EXPECT_PTR_EQ(test, lower->record, upper->record);
	KUNIT_EXPECT_EQ(test, 2, upper->record->nr_spans);
	KUNIT_EXPECT_EQ(test, 1, lower->nr_first);
	KUNIT_EXPECT_EQ(test, 0, lower->nr_last);
	KUNIT_EXPECT_EQ(test, 1, upper->nr_holders);
	KUNIT_EXPECT_EQ(test, 0, upper->nr_first);
	KUNIT_EXPECT_EQ(test, 1, upper->nr_last);
	mutex_unlock(&memory->lock);
}

static void join_undoes_a_cut(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *span;

	mutex_lock(&memory->lock);
	span = add(test, 10, 19);
	cut(test, 14);
	pinned_spans_join(memory, 14);
	KUNIT_EXPECT_TRUE(test, has(test, 10, 19, 0));
	KUNIT_EXPECT_EQ(test, 1, span->record->nr_spans);
	KUNIT_EXPECT_EQ(test, 1, span->nr_last);
	mutex_unlock(&memory->lock);
}

static void join_spares_where_a_pin_begins_or_ends(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *lower;

	mutex_lock(&memory->lock);
	lower = add(test, 10, 19);
	cut(test, 14);
	lower->nr_last = 1;
	pinned_spans_join(memory, 14);
	KUNIT_EXPECT_TRUE(test, has(test, 14, 19, 4));
	lower->nr_last = 0;
	pinned_span_next(lower)->nr_first = 1;
	pinned_spans_join(memory, 14);
	KUNIT_EXPECT_TRUE(test, has(test, 14, 19, 4));
	mutex_unlock(&memory->lock);
}

static void join_spares_records_and_holes(struct kunit *test)
{
	struct user_memory *memory = test->priv;

	mutex_lock(&memory->lock);
	add(test, 10, 19)->nr_last = 0;
	add(test, 20, 29)->nr_first = 0;
	pinned_spans_join(memory, 20);
	KUNIT_EXPECT_TRUE(test, has(test, 20, 29, 0));
	cut(test, 14);
	cut(test, 16);
	pinned_span_free(memory, pinned_span_find(memory, 14));
	pinned_spans_join(memory, 16);
	KUNIT_EXPECT_TRUE(test, has(test, 10, 13, 0));
	KUNIT_EXPECT_TRUE(test, has(test, 16, 19, 6));
	mutex_unlock(&memory->lock);
}

/* The first span is a part of the record, and may be the first to go. */
static void record_ends_with_its_last_span(struct kunit *test)
{
	struct user_memory *memory = test->priv;
	struct pinned_span *span;

	mutex_lock(&memory->lock);
	span = add(test, 10, 19);
	cut(test, 14);
	pinned_span_free(memory, span);
	span = pinned_span_find(memory, 0);
	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_EQ(test, 1, span->record->nr_spans);
	pinned_span_free(memory, span);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&memory->spans));
	mutex_unlock(&memory->lock);
}

static struct kunit_case pinned_span_cases[] = {
	KUNIT_CASE(lowest_span_that_reaches_a_page_is_found),
	KUNIT_CASE(cut_keeps_record_and_holders),
	KUNIT_CASE(join_undoes_a_cut),
	KUNIT_CASE(join_spares_where_a_pin_begins_or_ends),
	KUNIT_CASE(join_spares_records_and_holes),
	KUNIT_CASE(record_ends_with_its_last_span),
	{}
};

static struct kunit_suite pinned_span_suite = {
	.name = "iommufd_pinned_span",
	.init = spans_init,
	.exit = spans_exit,
	.test_cases = pinned_span_cases,
};

kunit_test_suite(pinned_span_suite);
