// SPDX-License-Identifier: GPL-2.0-only
/*
 * User memory, and who holds which of its pages.
 *
 * Spans are the answer to both questions that a pin and an unpin ask: which
 * pages are not pinned yet, and which does nobody need any more. The pages
 * themselves are the business of user_pages.c, and of the source.
 *
 * A page may take as long as another process likes, so no lock is held while a
 * record is made. Its span is there before its pages are: pins of other pages go
 * on side by side, and one that needs a page of the record waits for the end of
 * it. Thus a page is pinned and charged once also then.
 */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "lock_order.h"
#include "page_runs.h"
#include "pinned_span.h"
#include "trace.h"
#include "user_memory.h"
#include "user_pages.h"

/**
 * user_memory_create() - Name memory
 * @source: where its pages come from
 * @address: as the source has it, any alignment
 * @writable: devices may write to it
 * @ledger: of the context, which outlives the memory
 *
 * The current process pays.
 *
 * Return: the memory, to be given back with user_memory_put(); -ENOMEM.
 */
struct user_memory *user_memory_create(const struct memory_source *source,
				       u64 address, bool writable,
				       struct ledger *ledger)
{
	struct user_memory *memory;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return ERR_PTR(-ENOMEM);
	kref_init(&memory->refs);
	lock_order_mutex_init(&memory->lock, PLACE_MEMORY);
	memory_charge_init(&memory->charge, ledger);
	ledger_add(ledger, LEDGER_MEMORIES, 1);
	memory->source = source;
	memory->address = round_down(address, PAGE_SIZE);
	memory->writable = writable;
	memory->spans = RB_ROOT;
	return memory;
}

void user_memory_get(struct user_memory *memory)
{
	kref_get(&memory->refs);
}

static void memory_release(struct kref *refs)
{
	struct user_memory *memory = container_of(refs, struct user_memory,
						  refs);

	WARN_ON(!RB_EMPTY_ROOT(&memory->spans));
	ledger_add(memory->charge.ledger, LEDGER_MEMORIES, -1);
	memory_charge_destroy(&memory->charge);
	if (memory->source->release)
		memory->source->release(memory);
	mutex_destroy(&memory->lock);
	kfree(memory);
}

void user_memory_put(struct user_memory *memory)
{
	kref_put(&memory->refs, memory_release);
}

static void span_release(struct user_memory *memory, struct pinned_span *span)
{
	unsigned long nr_pages = span->range.last - span->range.first + 1;

	lockdep_assert_held(&memory->lock);
	user_pages_unpin(memory, &span->record->runs, span->offset, nr_pages);
	pinned_span_free(memory, span);
}

/* After a failure, or when holders went: release what nobody holds. */
static void spans_drop(struct user_memory *memory, struct page_range range)
{
	struct pinned_span *span, *next;

	lockdep_assert_held(&memory->lock);
	for_each_pinned_span_safe(span, next, memory, range)
		if (!span->nr_holders)
			span_release(memory, span);
	pinned_spans_join(memory, range.first);
	pinned_spans_join(memory, range.last + 1);
}

/*
 * Hold the part of @span that is in @range. @next is the first page that the
 * pin of @range does not hold yet.
 */
static int span_share(struct user_memory *memory, struct pinned_span *span,
		      struct page_range range, unsigned long *next)
{
	int ret;

	lockdep_assert_held(&memory->lock);
	if (span->range.first < *next) {
		ret = pinned_span_cut(memory, span, *next);
		if (ret)
			return ret;
		span = pinned_span_next(span);
	}
	if (span->range.last > range.last) {
		ret = pinned_span_cut(memory, span, range.last + 1);
		if (ret)
			return ret;
	}
	pinned_span_hold(span, range);
	*next = span->range.last + 1;
	return 0;
}

/*
 * Until the record of @span is made, or that failed. @span may be gone then.
 * Drops the lock.
 */
static int span_await(struct user_memory *memory, struct pinned_span *span)
{
	unsigned int nr_ended = memory->nr_ended;
	int ret;

	lockdep_assert_held(&memory->lock);
	span->record->state = RECORD_AWAITED;
	mutex_unlock(&memory->lock);
	ret = wait_var_event_killable(&memory->nr_ended,
				      READ_ONCE(memory->nr_ended) != nr_ended);
	mutex_lock(&memory->lock);
	return ret ? -EINTR : 0;
}

/* It is made, or that failed. */
static void record_end(struct user_memory *memory, struct pinned_record *record)
{
	bool awaited = record->state == RECORD_AWAITED;

	lockdep_assert_held(&memory->lock);
	record->state = RECORD_MADE;
	if (!awaited)
		return;
	WRITE_ONCE(memory->nr_ended, memory->nr_ended + 1);
	/* Who comes to wait sees the number, or is seen by the wake-up. */
	smp_mb();
	wake_up_var(&memory->nr_ended);
}

/* Pin and hold what is not pinned of @range from @next on. Drops the lock. */
static int gap_pin(struct user_memory *memory, struct pinned_span *above,
		   struct page_range range, unsigned long *next)
{
	struct page_range gap = { .first = *next, .last = range.last };
	struct pinned_record *record;
	int ret;

	lockdep_assert_held(&memory->lock);
	if (above && above->range.first <= range.last)
		gap.last = above->range.first - 1;
	record = pinned_record_create(memory, gap);
	if (!record)
		return -ENOMEM;
	pinned_span_hold(&record->span, range);
	mutex_unlock(&memory->lock);
	ret = user_pages_pin(memory, &record->runs, gap);
	mutex_lock(&memory->lock);
	record_end(memory, record);
	if (ret)
		pinned_span_free(memory, &record->span);
	else
		*next = gap.last + 1;
	return ret;
}

/* After a failure: let go of the part of @range below @end, which is held. */
static void spans_let_go(struct user_memory *memory, struct page_range range,
			 unsigned long end)
{
	struct page_range part = { .first = range.first, .last = end - 1 };
	struct pinned_span *span, *next;

	lockdep_assert_held(&memory->lock);
	if (end != range.first) {
		for_each_pinned_span_safe(span, next, memory, part) {
			span->nr_holders--;
			span->nr_first -= span->range.first == range.first;
		}
		spans_drop(memory, part);
	}
	/* What was cut in vain. */
	pinned_spans_join(memory, range.first);
	pinned_spans_join(memory, range.last + 1);
}

/*
 * Hold @range from its first page on. Who waits, for a page or for a record,
 * has no record that is not made, so there is no circle of them.
 */
static int spans_pin(struct user_memory *memory, struct page_range range)
{
	unsigned long next = range.first;
	int ret = 0;

	lockdep_assert_held(&memory->lock);
	while (!ret && next <= range.last) {
		struct pinned_span *span = pinned_span_find(memory, next);

		if (!span || span->range.first > next)
			ret = gap_pin(memory, span, range, &next);
		else if (pinned_span_is_made(span))
			ret = span_share(memory, span, range, &next);
		else
			ret = span_await(memory, span);
		if (!ret && next <= range.last)
			cond_resched();
	}
	if (ret)
		spans_let_go(memory, range, next);
	return ret;
}

static u64 range_address(const struct user_memory *memory,
			 struct page_range range)
{
	return memory->address + ((u64)range.first << PAGE_SHIFT);
}

static u64 range_length(struct page_range range)
{
	return (u64)(range.last - range.first + 1) << PAGE_SHIFT;
}

/**
 * user_memory_pin() - Hold pages in place for DMA
 * @memory: the memory
 * @range: which pages
 *
 * Context: may sleep, takes mmap_lock of the mapper, and may wait for pages
 * that another process brings, or for another pin of the same pages. A fatal
 * signal ends either.
 * Return: 0; -EFAULT when a page is not mapped, not writable as asked, device
 * memory, or the process is gone; -ENOMEM, also when over the limit; -EINTR.
 */
int user_memory_pin(struct user_memory *memory, struct page_range range)
{
	u64 begun = trace_begin(iommufd_pin);
	int ret;

	lock_order_await_pages();
	if (mutex_lock_killable(&memory->lock))
		return -EINTR;
	ret = spans_pin(memory, range);
	mutex_unlock(&memory->lock);
	trace_end(iommufd_pin, memory->charge.ledger->context,
		  range_address(memory, range), range_length(range),
		  trace_took(begun), ret);
	return ret;
}

/**
 * user_memory_unpin() - Undo one user_memory_pin()
 * @memory: the memory
 * @range: the same as then
 *
 * No device can reach the pages through this pin any more: its translations
 * are gone and flushed.
 *
 * Context: does not wait for who pins other pages of @memory.
 */
void user_memory_unpin(struct user_memory *memory, struct page_range range)
{
	u64 begun = trace_begin(iommufd_unpin);
	struct pinned_span *span, *next;

	mutex_lock(&memory->lock);
	for_each_pinned_span_safe(span, next, memory, range) {
		span->nr_holders--;
		span->nr_first -= span->range.first == range.first;
		span->nr_last -= span->range.last == range.last;
	}
	spans_drop(memory, range);
	mutex_unlock(&memory->lock);
	trace_end(iommufd_unpin, memory->charge.ledger->context,
		  range_address(memory, range), range_length(range),
		  trace_took(begun));
}

/**
 * user_memory_split_pin() - Make two pins of one
 * @memory: the memory
 * @index: the first page of the upper one; inside the range that was pinned
 *
 * Return: 0; -ENOMEM, then it is one pin still.
 */
int user_memory_split_pin(struct user_memory *memory, unsigned long index)
{
	struct pinned_span *span;
	int ret = 0;

	mutex_lock(&memory->lock);
	span = pinned_span_find(memory, index - 1);
	if (span->range.last >= index)
		ret = pinned_span_cut(memory, span, index);
	if (!ret) {
		span->nr_last++;
		pinned_span_next(span)->nr_first++;
	}
	mutex_unlock(&memory->lock);
	return ret;
}

/**
 * user_memory_swap_charge() - Let another account pay
 * @memory: of a file
 * @charge: the new account, which takes over the class of the former one; set
 *          to the former account
 * @force: beyond its limit
 *
 * Of a pin that is under way moves what it has charged by now; it charges the
 * rest to the new account.
 *
 * Context: takes mmap_lock of both mappers, waits for no pin.
 * Return: 0; -ENOMEM when it is over its limit, -EINTR after a fatal signal:
 * then nothing changed.
 */
int user_memory_swap_charge(struct user_memory *memory,
			    struct memory_charge *charge, bool force)
{
	unsigned long nr_pages;
	int ret = 0;

	/* To restore what there was must not fail. */
	if (force)
		mutex_lock(&memory->lock);
	else if (mutex_lock_killable(&memory->lock))
		return -EINTR;
	/* Several mappings share the memory: the first of them moved it. */
	if (memory_charge_same(&memory->charge, charge))
		goto out_unlock;
	nr_pages = memory->nr_charged;
	charge->class = memory->charge.class;
	if (force)
		memory_charge_add_forced(charge, nr_pages);
	else
		ret = memory_charge_add(charge, nr_pages);
	if (!ret) {
		memory_charge_sub(&memory->charge, nr_pages);
		swap(memory->charge, *charge);
	} else if (ret == -ENOMEM) {
		memory_charge_exceeded(charge, 0, nr_pages);
	}
out_unlock:
	mutex_unlock(&memory->lock);
	return ret;
}

/* Visit pages @first to @last, which are of @span. */
static int span_visit(struct pinned_span *span, unsigned long first,
		      unsigned long last,
		      int (*visit)(const struct page_run *run, void *data),
		      void *data)
{
	unsigned long offset = span->offset + (first - span->range.first);
	struct page_runs_iter iter;
	bool more;
	int ret;

	for_each_page_run(&iter, &span->record->runs, offset, last - first + 1,
			  more) {
		ret = visit(&iter.run, data);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * user_memory_walk() - Visit pinned pages in order
 * @memory: the memory
 * @range: which pages; the caller has a pin on them
 * @visit: called for each physically contiguous run, cut to @range
 * @data: for @visit
 *
 * Context: @visit runs with the memory locked.
 * Return: 0, or what @visit returned when that was not 0, which ends the walk.
 */
int user_memory_walk(struct user_memory *memory, struct page_range range,
		     int (*visit)(const struct page_run *run, void *data),
		     void *data)
{
	struct pinned_span *span, *next;
	int ret = 0;

	mutex_lock(&memory->lock);
	for_each_pinned_span_safe(span, next, memory, range) {
		ret = span_visit(span, max(range.first, span->range.first),
				 min(range.last, span->range.last), visit,
				 data);
		if (ret)
			break;
	}
	mutex_unlock(&memory->lock);
	return ret;
}

/**
 * user_memory_survey() - Visit pages that are pinned, by whomever
 * @memory: the memory
 * @range: which pages; those that are not pinned are passed over
 * @visit: as user_memory_walk(), but for what it returns
 * @data: for @visit
 * @payer: who pays for them is added
 *
 * Context: @visit runs with the memory locked.
 * Return: whether anybody pays.
 */
bool user_memory_survey(struct user_memory *memory, struct page_range range,
			int (*visit)(const struct page_run *run, void *data),
			void *data, struct memory_payer *payer)
{
	struct pinned_span *span, *next;
	bool any = false, paid;

	mutex_lock(&memory->lock);
	for_each_pinned_span_safe(span, next, memory, range) {
		if (!pinned_span_is_made(span))
			continue;
		span_visit(span, max(range.first, span->range.first),
			   min(range.last, span->range.last), visit, data);
		any = true;
	}
	paid = any && memory_payer_add(payer, &memory->charge);
	mutex_unlock(&memory->lock);
	return paid;
}

/* Pages that nobody has pinned: they are for as long as the visit takes. */
static int gap_visit(struct user_memory *memory, struct page_range range,
		     int (*visit)(const struct page_run *run, void *data),
		     void *data)
{
	struct pinned_record record = {};
	int ret;

	page_runs_init(&record.runs);
	record.span.range = range;
	record.span.record = &record;
	ret = user_pages_borrow(memory, &record.runs, range);
	if (!ret) {
		ret = span_visit(&record.span, range.first, range.last, visit,
				 data);
		user_pages_return(memory, &record.runs, 0,
				  record.runs.nr_pages);
	}
	page_runs_destroy(&record.runs);
	return ret;
}

/* Where pages end that are as @first is: in @span, or not yet. */
static unsigned long look_end(const struct pinned_span *span,
			      unsigned long first, unsigned long last)
{
	if (!span || span->range.first > last)
		return last;
	if (span->range.first > first)
		return span->range.first - 1;
	return min(last, span->range.last);
}

/**
 * user_memory_look() - Visit pages in order, pinned or not
 * @memory: the memory
 * @range: which pages
 * @visit: as user_memory_walk()
 * @data: for @visit
 *
 * Nothing is charged: what was not pinned before is not pinned afterwards.
 *
 * Context: as user_memory_pin(). @visit may run with the memory locked.
 * Return: 0; what @visit returned when that was not 0; -EFAULT, -ENOMEM and
 * -EINTR as user_memory_pin(). The pages in front may have been visited then.
 */
int user_memory_look(struct user_memory *memory, struct page_range range,
		     int (*visit)(const struct page_run *run, void *data),
		     void *data)
{
	struct page_range part = { .first = range.first };
	int ret = 0;

	lock_order_await_pages();
	while (!ret && part.first <= range.last) {
		struct pinned_span *span;

		if (mutex_lock_killable(&memory->lock))
			return -EINTR;
		span = pinned_span_find(memory, part.first);
		part.last = look_end(span, part.first, range.last);
		if (span && span->range.first <= part.first &&
		    pinned_span_is_made(span)) {
			ret = span_visit(span, part.first, part.last, visit,
					 data);
			mutex_unlock(&memory->lock);
		} else {
			mutex_unlock(&memory->lock);
			ret = gap_visit(memory, part, visit, data);
		}
		part.first = part.last + 1;
	}
	return ret;
}
