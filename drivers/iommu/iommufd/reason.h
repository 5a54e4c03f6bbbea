/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the last call on a file was refused.
 *
 * An errno has many causes, and who got one is to be told what would have to
 * change. Whoever finds the cause says it with reason_refuse() and returns; the
 * call ends with reason_finish(), which names it. Until then the sentence waits
 * under the name of the task, as other calls on the file may be refused
 * meanwhile: of two the later one has the place, and the earlier one ends with
 * what its errno means.
 *
 * A call that succeeds comes here only where it tried something else first. The
 * place is a part of the file's own memory, so that nothing is allocated.
 */
#ifndef __IOMMUFD_REASON_H
#define __IOMMUFD_REASON_H

#include <linux/spinlock.h>

struct seq_file;
struct task_struct;

/* With its end; what is longer is cut off. Part of the interface */
#define REASON_MAX 192
/* A sentence with the call and its errno */
#define REASON_LINE_MAX (REASON_MAX + 48)

/**
 * struct reason - of one file
 * @lock: a leaf
 * @author: who left @sentence, for the call it is in; only to be compared;
 *          NULL when it is used up
 * @errno: that of @sentence
 * @sentence: what would have to change
 * @nr_refusals: how many calls were refused
 * @line: the last of them
 */
struct reason {
	spinlock_t lock;
	const struct task_struct *author;
	int errno;
	char sentence[REASON_MAX];
	unsigned long nr_refusals;
	char line[REASON_LINE_MAX];
};

void reason_init(struct reason *reason);
__printf(3, 4)
int reason_refuse(struct reason *reason, int ret, const char *format, ...);
void reason_forget(struct reason *reason);
void reason_finish(struct reason *reason, const char *call, int ret);
void reason_copy(struct reason *reason, char *line, size_t size);
void reason_show(struct reason *reason, struct seq_file *m);

/* For files that have a place of their own */
void reason_write(char *line, size_t size, const char *call, int ret,
		  const char *sentence);
void reason_show_line(struct seq_file *m, unsigned long nr_refusals,
		      const char *line);

#endif
