// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_OPTION: settings of a context, and where those of an object are.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "ioas.h"
#include "option.h"

/* A mode can only be chosen before there is anything that it would change. */
static int option_set_charge_class(struct iommufd_ctx *ictx, u64 mode)
{
	int ret = 0;

	if (!capable(CAP_SYS_RESOURCE))
		return reason_refuse(&ictx->reason, -EPERM,
				     "CAP_SYS_RESOURCE is needed");
	xa_lock(&ictx->objects);
	if (!xa_empty(&ictx->objects))
		ret = reason_refuse(&ictx->reason, -EBUSY,
				    "this file has objects already, and what they pinned was charged the other way");
	else if (mode > 1)
		ret = reason_refuse(&ictx->reason, -EINVAL,
				    "the value has to be 0 or 1");
	else
		ictx->ledger.limited = mode ? MEMORY_CHARGE_MM :
					      MEMORY_CHARGE_USER;
	xa_unlock(&ictx->objects);
	return ret;
}

/* IOMMU_OPTION with IOMMU_OPTION_RLIMIT_MODE */
static int option_rlimit_mode(struct iommufd_command *command)
{
	struct iommu_option *arg = command->argument;

	if (arg->object_id)
		return reason_refuse(&command->ictx->reason, -EOPNOTSUPP,
				     "the option is that of the file, not of object %u",
				     arg->object_id);
	switch (arg->op) {
	case IOMMU_OPTION_OP_GET:
		arg->val64 = command->ictx->ledger.limited == MEMORY_CHARGE_MM;
		return iommufd_command_reply(command);
	case IOMMU_OPTION_OP_SET:
		/* The argument as it came, before anything changes. */
		return iommufd_command_reply(command) ?:
		       option_set_charge_class(command->ictx, arg->val64);
	default:
		return reason_refuse(&command->ictx->reason, -EOPNOTSUPP,
				     "an option has no operation %u", arg->op);
	}
}

/* IOMMU_OPTION */
int iommufd_option(struct iommufd_command *command)
{
	struct iommu_option *arg = command->argument;

	switch (arg->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		return option_rlimit_mode(command);
	case IOMMU_OPTION_HUGE_PAGES:
		return iommufd_ioas_option(command);
	default:
		return reason_refuse(&command->ictx->reason, -EOPNOTSUPP,
				     "this kernel has no option %u",
				     arg->option_id);
	}
}
