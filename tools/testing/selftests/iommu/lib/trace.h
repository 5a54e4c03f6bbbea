/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of iommufd, as a test reads them: of this process only, in a buffer
 * of its own. Functions return 0 or a negative errno; must(call) is the asserting form.
 */
#ifndef __IOMMU_TRACE_H
#define __IOMMU_TRACE_H

#include "test_env.h"

#define TRACE_TEXT_MAX 16384

/**
 * struct trace - a buffer of events
 * @path: its folder in tracefs
 * @text: what trace_take() read last
 */
struct trace {
	char path[128];
	char text[TRACE_TEXT_MAX];
};

/* Does the kernel have the events? For need() */
bool trace_exists(void);
/* A buffer with all events of iommufd on, or none */
int trace_open(struct trace *trace);
int trace_set(struct trace *trace, bool on);
void trace_close(struct trace *trace);

/* Read what came since the last time, and forget it. */
int trace_take(struct trace *trace);
/* How many of these there were */
unsigned int trace_count(const struct trace *trace, const char *event);
/* The first or @n-th of these, from the name on; NULL when there are fewer */
const char *trace_find(const struct trace *trace, const char *event,
		       unsigned int n);
/* The text of a field of a line, -ENOENT without it */
int trace_field_text(const char *line, const char *field, char *text,
		     size_t size);
/* Its number; ~0 for a field that is not there */
__u64 trace_field(const char *line, const char *field);

/* As comments of the test: the guide has lines of a run */
void trace_print(const struct trace *trace);

#endif
