// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sentences for calls that were refused, and how they are shown.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "lock_order.h"
#include "reason.h"

/**
 * struct errno_text - an errno that calls return
 * @errno: positive
 * @name: as in a program
 * @meaning: for whoever finds nothing better
 */
struct errno_text {
	int errno;
	const char *name;
	const char *meaning;
};

#define ERRNO(name, meaning) { name, #name, meaning }

static const struct errno_text errnos[] = {
	ERRNO(EPERM, "not permitted"),
	ERRNO(ENOENT, "a number names nothing of that kind, or nothing is mapped there"),
	ERRNO(EINTR, "the task was killed while it waited"),
	ERRNO(EIO, "the device or its IOMMU failed"),
	ERRNO(E2BIG, "the argument has more than this kernel knows"),
	ERRNO(EBADF, "a number in the argument is no open file"),
	ERRNO(EAGAIN, "not now; try again"),
	ERRNO(ENOMEM, "the kernel had no memory, or the control group may have no more"),
	ERRNO(EACCES, "no permission"),
	ERRNO(EFAULT, "the argument, or its memory, cannot be read or written"),
	ERRNO(EBUSY, "in use"),
	ERRNO(EEXIST, "exists already"),
	ERRNO(ENODEV, "no such device, or it is going away"),
	ERRNO(EINVAL, "a value is wrong, or does not go with the others"),
	ERRNO(ENFILE, "the machine has too many open files"),
	ERRNO(EMFILE, "the process has too many open files"),
	ERRNO(ENOTTY, "this kernel has no such call on this file"),
	ERRNO(ENOSPC, "no room"),
	ERRNO(EDEADLK, "a kernel driver does not let go of the memory"),
	ERRNO(EMSGSIZE, "the answer is longer than the room for it"),
	ERRNO(EOVERFLOW, "an address and a length reach beyond the end of the addresses"),
	ERRNO(EOPNOTSUPP, "this kernel, or the hardware, does not do what is asked for"),
	ERRNO(EADDRINUSE, "something is mapped, or was allowed, where that cannot be"),
	ERRNO(EBADFD, "a number in the argument is a file of another kind"),
};

/* NULL for one that is not in the table. */
static const struct errno_text *errno_find(int errno)
{
	size_t i;

	for (i = 0; i != ARRAY_SIZE(errnos); i++)
		if (errnos[i].errno == errno)
			return &errnos[i];
	return NULL;
}

/**
 * iommufd_write_refusal() - Put together what is shown
 * @line: of %IOMMUFD_REFUSAL_MAX bytes
 * @call: that was refused
 * @ret: a negative errno
 * @sentence: why; NULL for what the errno means
 */
void iommufd_write_refusal(char *line, const char *call, int ret,
			   const char *sentence)
{
	const struct errno_text *text = errno_find(-ret);

	if (!sentence)
		sentence = text ? text->meaning : "for a reason of its own";
	if (text)
		scnprintf(line, IOMMUFD_REFUSAL_MAX, "%s %s: %s", call,
			  text->name, sentence);
	else
		scnprintf(line, IOMMUFD_REFUSAL_MAX, "%s %d: %s", call, -ret,
			  sentence);
}
EXPORT_SYMBOL_GPL(iommufd_write_refusal);

void reason_init(struct reason *reason)
{
	lock_order_spin_init(&reason->lock, PLACE_REASON);
}

/**
 * reason_refuse() - Say why the call that is under way fails
 * @reason: of the file that it is made on
 * @ret: what it fails with; another sentence with the same errno takes the place
 *       of this one
 * @format: what would have to change; no address of the kernel, and nothing that
 *          the caller must not know
 *
 * Context: any that can take a spinlock.
 * Return: @ret.
 */
int reason_refuse(struct reason *reason, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reason_vrefuse(reason, ret, format, args);
	va_end(args);
	return ret;
}

/* reason_refuse() with the arguments of another function */
int reason_vrefuse(struct reason *reason, int ret, const char *format,
		   va_list args)
{
	spin_lock(&reason->lock);
	reason->author = current;
	reason->errno = ret;
	vscnprintf(reason->sentence, sizeof(reason->sentence), format, args);
	spin_unlock(&reason->lock);
	return ret;
}

/* What was said counts for nothing: the call goes on, and does something else. */
void reason_forget(struct reason *reason)
{
	spin_lock(&reason->lock);
	if (reason->author == current)
		reason->author = NULL;
	spin_unlock(&reason->lock);
}

/**
 * reason_finish() - A call was refused
 * @reason: of the file that it was made on
 * @call: its name
 * @ret: the negative errno that it returns
 * @line: set to what is shown, of %IOMMUFD_REFUSAL_MAX bytes; or NULL
 */
void reason_finish(struct reason *reason, const char *call, int ret,
		   char *line)
{
	bool is_ours;

	spin_lock(&reason->lock);
	is_ours = reason->author == current && reason->errno == ret;
	iommufd_write_refusal(reason->line, call, ret,
			      is_ours ? reason->sentence : NULL);
	if (reason->author == current)
		reason->author = NULL;
	reason->nr_refusals++;
	if (line)
		memcpy(line, reason->line, sizeof(reason->line));
	spin_unlock(&reason->lock);
}

/**
 * iommufd_show_refusal() - Show the last call that was refused
 * @m: where
 * @nr_refusals: how many were
 * @line: from iommufd_write_refusal(); empty for none
 *
 * Names of processes are in it, which users choose: what could begin a line, or
 * do something to a terminal, is escaped, and so is what escapes.
 */
void iommufd_show_refusal(struct seq_file *m, unsigned long nr_refusals,
			  const char *line)
{
	seq_printf(m, "refusals:\t%lu\n", nr_refusals);
	if (!line[0])
		return;
	seq_puts(m, "last-error:\t");
	seq_escape_mem(m, line, strlen(line),
		       ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND, "\\");
	seq_putc(m, '\n');
}
EXPORT_SYMBOL_GPL(iommufd_show_refusal);

void reason_show(struct reason *reason, struct seq_file *m)
{
	char line[IOMMUFD_REFUSAL_MAX];
	unsigned long nr_refusals;

	spin_lock(&reason->lock);
	nr_refusals = reason->nr_refusals;
	memcpy(line, reason->line, sizeof(line));
	spin_unlock(&reason->lock);
	iommufd_show_refusal(m, nr_refusals, line);
}
