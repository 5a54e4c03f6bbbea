/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. One that is off costs an instruction that does nothing; what only
 * an event needs, a time or a count, is asked for when it is on.
 */
#ifndef __IOMMUFD_TRACE_H
#define __IOMMUFD_TRACE_H

#include <linux/ktime.h>
#include <trace/events/iommufd.h>

/* When a call begins, for the event at its end */
#define trace_begin(event) \
	(trace_##event##_enabled() ? ktime_get_ns() : 0)

/* Nanoseconds since then; 0 if the event was not on. For trace_end() */
static inline u64 trace_took(u64 begun)
{
	return begun ? ktime_get_ns() - begun : 0;
}

/* The event; what goes into it is looked up only when it is on. */
#define trace_end(event, ...)						\
	do {								\
		if (trace_##event##_enabled())				\
			trace_##event(__VA_ARGS__);			\
	} while (0)

#endif
