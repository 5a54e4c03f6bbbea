/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ioctl in flight.
 *
 * The dispatcher in main.c has copied the argument and checked what the table
 * says about it: sizes, flags, reserved fields. A handler looks up, acts and
 * replies.
 */
#ifndef __IOMMUFD_COMMAND_H
#define __IOMMUFD_COMMAND_H

#include <linux/types.h>

#include "object_file.h"

struct iommufd_ctx;
struct iommufd_object;

/**
 * struct iommufd_command - the call
 * @ictx: the context it was made on
 * @user: where the argument came from
 * @user_size: bytes the caller's structure has
 * @size: bytes the kernel's structure has
 * @argument: the kernel's copy; bytes that the caller's lacks are zero
 * @created: the object that this call makes. Set when nothing but the reply
 *           can fail any more: the dispatcher replies, and publishes the object
 *           or destroys it
 * @created_file: a file that comes with @created, likewise
 */
struct iommufd_command {
	struct iommufd_ctx *ictx;
	void __user *user;
	u32 user_size;
	u32 size;
	void *argument;
	struct iommufd_object *created;
	struct object_file created_file;
};

int iommufd_command_reply(const struct iommufd_command *command);
int iommufd_command_finish(struct iommufd_command *command);
int iommufd_destroy(struct iommufd_command *command);

#endif
