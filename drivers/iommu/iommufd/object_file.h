/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that come with a file descriptor.
 *
 * The file has a reference on its object and one on the context: while it is open,
 * IOMMU_DESTROY of the object is EBUSY, and neither ends. So a read or a poll need
 * not ask whether the object is there. Once the file is closed the object is like
 * any other.
 *
 * A program may keep a file open for as long as it likes. So an object of this
 * kind has no reference on what a driver removes: or it gives it up when that is
 * revoked.
 */
#ifndef __IOMMUFD_OBJECT_FILE_H
#define __IOMMUFD_OBJECT_FILE_H

#include <linux/fs.h>

struct iommufd_object;

/**
 * struct object_file - a file that nobody has seen yet
 * @file: NULL for none
 * @fd: the descriptor that is kept for it
 */
struct object_file {
	struct file *file;
	int fd;
};

int object_file_create(struct object_file *new, const char *name,
		       const struct file_operations *fops);
void object_file_publish(struct object_file *new,
			 struct iommufd_object *object);
void object_file_discard(struct object_file *new);
int object_file_release(struct inode *inode, struct file *file);

#endif
