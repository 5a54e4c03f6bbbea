// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a call ends, and the call that ends an object.
 */
#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "object.h"

/**
 * iommufd_command_reply() - Copy the argument back to the caller
 * @command: the call
 *
 * Never more than the caller's structure has.
 *
 * Return: 0; -EFAULT.
 */
int iommufd_command_reply(const struct iommufd_command *command)
{
	if (copy_to_user(command->user, command->argument,
			 min(command->user_size, command->size)))
		return -EFAULT;
	return 0;
}

static void command_publish(struct iommufd_command *command)
{
	if (command->created_file.file)
		object_file_publish(&command->created_file, command->created);
	else
		iommufd_object_publish(command->created);
}

static void command_discard(struct iommufd_command *command)
{
	if (command->created_file.file)
		object_file_discard(&command->created_file);
	iommufd_object_discard(command->created);
}

/**
 * iommufd_command_finish() - Reply to a call that made an object
 * @command: the call, with what it created
 *
 * An object that the caller never learns about does not stay behind, nor does its
 * file.
 *
 * Return: 0, the object can be named; -EFAULT, it is gone.
 */
int iommufd_command_finish(struct iommufd_command *command)
{
	int ret = iommufd_command_reply(command);

	if (ret)
		command_discard(command);
	else
		command_publish(command);
	return ret;
}

/* IOMMU_DESTROY */
int iommufd_destroy(struct iommufd_command *command)
{
	struct iommu_destroy *arg = command->argument;

	return iommufd_object_destroy(command->ictx, arg->id);
}
