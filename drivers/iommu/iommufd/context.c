// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context begins with the open of a file and ends with that file.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "context.h"
#include "lock_order.h"
#include "object.h"

/* Unique until it wraps */
static atomic_t last_number = ATOMIC_INIT(0);

/**
 * iommufd_ctx_open() - Begin a context
 * @file: that is being opened
 * @limited: which account pays where there is a limit
 *
 * Return: 0; -ENOMEM.
 */
int iommufd_ctx_open(struct file *file, enum memory_charge_class limited)
{
	struct iommufd_ctx *ictx;

	ictx = kzalloc(sizeof(*ictx), GFP_KERNEL_ACCOUNT);
	if (!ictx)
		return -ENOMEM;
	ictx->file = file;
	ictx->number = atomic_inc_return(&last_number);
	xa_init_flags(&ictx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	lock_order_set(&ictx->objects.xa_lock, PLACE_OBJECTS);
	lock_order_mutex_init(&ictx->show_lock, PLACE_SHOW);
	reason_init(&ictx->reason);
	ictx->ledger.context = ictx->number;
	ictx->ledger.limited = limited;
	ictx->ledger.reason = &ictx->reason;
	lock_order_mutex_init(&ictx->process_lock, PLACE_PROCESS);
	lock_order_mutex_init(&ictx->compat_lock, PLACE_COMPAT);
	INIT_LIST_HEAD(&ictx->compat_groups);
	lock_order_mutex_init(&ictx->device_lock, PLACE_DEVICES);
	INIT_LIST_HEAD(&ictx->cookies);
	INIT_LIST_HEAD(&ictx->groups);
	lock_order_raw_spin_init(&ictx->dma_fault_lock, PLACE_FAULTS);
	file->private_data = ictx;
	return 0;
}

/* Bound devices hold the file, so that there are none any more. */
int iommufd_ctx_release(struct inode *inode, struct file *file)
{
	struct iommufd_ctx *ictx = file->private_data;

	iommufd_object_destroy_all(ictx);
	WARN_ON(!list_empty(&ictx->compat_groups));
	WARN_ON(!list_empty(&ictx->groups));
	WARN_ON(!list_empty(&ictx->cookies));
	WARN_ON(ictx->dma_fault_queue);
	ledger_check_empty(&ictx->ledger);
	xa_destroy(&ictx->objects);
	mutex_destroy(&ictx->device_lock);
	mutex_destroy(&ictx->compat_lock);
	mutex_destroy(&ictx->process_lock);
	mutex_destroy(&ictx->show_lock);
	kfree(ictx);
	return 0;
}

/**
 * iommufd_ctx_put() - Give a reference back
 * @ictx: the context
 *
 * Context: any. The last reference ends the context, in the caller's task work.
 */
void iommufd_ctx_put(struct iommufd_ctx *ictx)
{
	fput(ictx->file);
}
EXPORT_SYMBOL_GPL(iommufd_ctx_put);

/**
 * iommufd_ctx_from_file() - The context behind an open file
 * @file: any file, the caller has a reference
 *
 * Return: the context with a reference; -EBADFD when the file is no iommufd.
 */
struct iommufd_ctx *iommufd_ctx_from_file(struct file *file)
{
	if (file->f_op->release != iommufd_ctx_release)
		return ERR_PTR(-EBADFD);
	get_file(file);
	return file->private_data;
}
EXPORT_SYMBOL_GPL(iommufd_ctx_from_file);

/**
 * iommufd_ctx_from_fd() - The context behind a file descriptor
 * @fd: of the current process
 *
 * Return: the context with a reference; -EBADF when @fd is not open; -EBADFD
 * when it is no iommufd.
 */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	struct file *file = fget(fd);
	struct iommufd_ctx *ictx;

	if (!file)
		return ERR_PTR(-EBADF);
	ictx = iommufd_ctx_from_file(file);
	fput(file);
	return ictx;
}
EXPORT_SYMBOL_GPL(iommufd_ctx_from_fd);

/**
 * iommufd_refuse() - Say why a call that uses a context fails
 * @ictx: the context
 * @ret: what it fails with
 * @format: what would have to change; the user reads it
 *
 * iommufd_refused() comes next, by the same task. Functions of iommufd that fail
 * have said it already.
 *
 * Context: any that can take a spinlock.
 * Return: @ret.
 */
int iommufd_refuse(struct iommufd_ctx *ictx, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reason_vrefuse(&ictx->reason, ret, format, args);
	va_end(args);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_refuse);

/**
 * iommufd_refused() - A call on another file, which uses a context, failed
 * @ictx: the context, whose fdinfo shows it
 * @call: its name
 * @ret: the negative errno that it returns
 * @line: set to the same, for that file; of %IOMMUFD_REFUSAL_MAX bytes; or NULL
 */
void iommufd_refused(struct iommufd_ctx *ictx, const char *call, int ret,
		     char *line)
{
	reason_finish(&ictx->reason, call, ret, line);
}
EXPORT_SYMBOL_GPL(iommufd_refused);
