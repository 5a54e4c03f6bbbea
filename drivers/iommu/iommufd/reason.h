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
 * Files that have a place of their own, as those of VFIO devices, use what this one
 * exports.
 *
 * A call that succeeds comes here only where it tried something else first. The
 * place is a part of the file's own memory, so that nothing is allocated.
 */
#ifndef __IOMMUFD_REASON_H
#define __IOMMUFD_REASON_H

#include <linux/iommufd.h>
#include <linux/spinlock.h>
#include <linux/stdarg.h>

struct seq_file;
struct task_struct;

/* A sentence, with its end; what is longer is cut off */
#define REASON_MAX (IOMMUFD_REFUSAL_MAX - 48)

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
	char line[IOMMUFD_REFUSAL_MAX];
};

void reason_init(struct reason *reason);
__printf(3, 4)
int reason_refuse(struct reason *reason, int ret, const char *format, ...);
void reason_forget(struct reason *reason);
__printf(3, 0)
int reason_vrefuse(struct reason *reason, int ret, const char *format,
		   va_list args);
void reason_finish(struct reason *reason, const char *call, int ret,
		   char *line);
void reason_show(struct reason *reason, struct seq_file *m);

#endif
