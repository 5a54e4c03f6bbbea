// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that come with a file descriptor.
 *
 * The file is made before the reply to the call, because that may fail, and gets
 * its object after it, which cannot. A file that is given up in between is freed
 * when the task returns to user space. By then the object that it was made for is
 * gone, but it never knew that.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>

#include "context.h"
#include "object.h"
#include "object_file.h"

/**
 * object_file_create() - Make a file, and keep a descriptor for it
 * @new: set to both
 * @name: what /proc calls the file, in brackets
 * @fops: release is object_file_release()
 *
 * It is closed on exec, read only, and has no position.
 *
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM.
 */
int object_file_create(struct object_file *new, const char *name,
		       const struct file_operations *fops)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, NULL, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	stream_open(file_inode(file), file);
	new->file = file;
	new->fd = fd;
	return 0;
}

/* The user can name the object, and has the file. Cannot fail. */
void object_file_publish(struct object_file *new, struct iommufd_object *object)
{
	iommufd_object_hold(object);
	iommufd_ctx_get(object->ictx);
	new->file->private_data = object;
	/* The number first: whoever has the file may use it. */
	iommufd_object_publish(object);
	fd_install(new->fd, new->file);
}

/* Undo object_file_create(). */
void object_file_discard(struct object_file *new)
{
	put_unused_fd(new->fd);
	fput(new->file);
}

/* Of all files that are made here */
int object_file_release(struct inode *inode, struct file *file)
{
	struct iommufd_object *object = file->private_data;
	struct iommufd_ctx *ictx;

	/* It was given up. */
	if (!object)
		return 0;
	ictx = object->ictx;
	iommufd_object_put(object);
	iommufd_ctx_put(ictx);
	return 0;
}
