// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOAS of a context stands in for the container of a VFIO group.
 *
 * It changes under iommufd_ctx.compat_lock, and with it where the ranges are
 * reserved that the groups of the context cannot use. The xa_lock makes the
 * pointer safe to follow.
 */
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "compat_group.h"
#include "compat_ioas.h"
#include "context.h"
#include "ioas.h"

/* With a reference; -ENODEV when there is none. */
struct iommufd_ioas *iommufd_compat_ioas_get(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->compat_ioas;
	if (!ioas || !iommufd_object_get_unless_gone(&ioas->object)) {
		reason_refuse(&ictx->reason, -ENODEV,
			      "there is no compatibility IOAS: no group was given this file, and VFIO_IOAS has set none");
		ioas = ERR_PTR(-ENODEV);
	}
	xa_unlock(&ictx->objects);
	return ioas;
}

static void compat_ioas_set(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	lockdep_assert_held(&ictx->compat_lock);
	xa_lock(&ictx->objects);
	ictx->compat_ioas = ioas;
	xa_unlock(&ictx->objects);
}

/**
 * iommufd_compat_ioas_id() - Where to attach a device that a group opened
 * @ictx: the context that the group uses
 * @ioas_id: set to the number of the compatibility IOAS
 *
 * Return: 0; -ENODEV when there is none.
 */
int iommufd_compat_ioas_id(struct iommufd_ctx *ictx, u32 *ioas_id)
{
	struct iommufd_ioas *ioas = iommufd_compat_ioas_get(ictx);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	*ioas_id = ioas->object.id;
	iommufd_object_put(&ioas->object);
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_compat_ioas_id);

/* Let @ioas be the one, with what @group and those that came before cannot use. */
static int compat_ioas_begin(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			     struct iommufd_compat_group *group)
{
	int ret;

	lockdep_assert_held(&ictx->compat_lock);
	ret = compat_groups_reserve(ictx, &ioas->space);
	if (!ret)
		ret = compat_group_reserve(group, &ioas->space);
	if (ret)
		return ret;

	/* Published last, or the user could destroy it before it is set. */
	compat_ioas_set(ictx, ioas);
	iommufd_object_publish(&ioas->object);
	return 0;
}

/* Where @group is served: in the IOAS that is there, or else in *@spare. */
static int compat_ioas_join(struct iommufd_ctx *ictx,
			    struct iommufd_compat_group *group,
			    struct iommufd_ioas **spare)
{
	struct iommufd_ioas *ioas;
	int ret;

	lockdep_assert_held(&ictx->compat_lock);
	if (ictx->no_iommu)
		return reason_refuse(&ictx->reason, -EINVAL,
				     "this file serves groups without an IOMMU, and no others");
	ioas = iommufd_compat_ioas_get(ictx);
	if (IS_ERR(ioas)) {
		ret = compat_ioas_begin(ictx, *spare, group);
		if (!ret)
			*spare = NULL;
	} else {
		ret = compat_group_reserve(group, &ioas->space);
		iommufd_object_put(&ioas->object);
	}
	if (!ret)
		compat_groups_add(ictx, group);
	return ret;
}

/**
 * iommufd_compat_join() - Let a context serve a VFIO group
 * @ictx: the context
 * @iommu_group: of the VFIO group, which has a device
 *
 * Makes sure that there is a compatibility IOAS, and reserves there what the
 * devices of @iommu_group and their IOMMU cannot use, as an attach would. The
 * user finds it with IOMMU_VFIO_IOAS and owns it: it stays when the group goes.
 * When the user sets another one, the ranges are reserved there.
 *
 * Context: may sleep. Does not wait for memory of the user.
 * Return: what to give to iommufd_compat_leave(); -EINVAL if @ictx serves groups
 * without an IOMMU; -EADDRINUSE when something is mapped, or was allowed, where
 * the group cannot have it; -ENOMEM; an errno of the IOMMU driver.
 */
struct iommufd_compat_group *iommufd_compat_join(struct iommufd_ctx *ictx,
						 struct iommu_group *iommu_group)
{
	struct iommufd_compat_group *group = compat_group_create(iommu_group);
	struct iommufd_ioas *spare;
	int ret;

	if (IS_ERR(group))
		return group;
	spare = iommufd_ioas_create(ictx);
	if (IS_ERR(spare)) {
		ret = PTR_ERR(spare);
		goto err_destroy_group;
	}

	mutex_lock(&ictx->compat_lock);
	ret = compat_ioas_join(ictx, group, &spare);
	mutex_unlock(&ictx->compat_lock);

	if (spare)
		iommufd_object_discard(&spare->object);
	if (ret)
		goto err_destroy_group;
	return group;

err_destroy_group:
	compat_group_destroy(group);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(iommufd_compat_join);

/**
 * iommufd_compat_leave() - Undo iommufd_compat_join()
 * @ictx: the context
 * @group: freed
 *
 * Devices that are attached keep what they have reserved on their own account.
 *
 * Context: may sleep. Does not wait for memory of the user.
 */
void iommufd_compat_leave(struct iommufd_ctx *ictx,
			  struct iommufd_compat_group *group)
{
	struct iommufd_ioas *ioas;

	mutex_lock(&ictx->compat_lock);
	compat_groups_remove(ictx, group);
	ioas = iommufd_compat_ioas_get(ictx);
	if (!IS_ERR(ioas)) {
		compat_group_unreserve(group, &ioas->space);
		iommufd_object_put(&ioas->object);
	}
	mutex_unlock(&ictx->compat_lock);
	compat_group_destroy(group);
}
EXPORT_SYMBOL_GPL(iommufd_compat_leave);

/**
 * iommufd_compat_set_no_iommu() - Let a context serve groups without an IOMMU
 * @ictx: the context
 *
 * From then on it serves no others: a program that took such a group for one
 * with an IOMMU would let the device loose on all memory.
 *
 * Return: 0, also when it does already; -EINVAL when there is a compatibility
 * IOAS, or a group with an IOMMU.
 */
int iommufd_compat_set_no_iommu(struct iommufd_ctx *ictx)
{
	int ret = 0;

	mutex_lock(&ictx->compat_lock);
	xa_lock(&ictx->objects);
	if (ictx->compat_ioas || !list_empty(&ictx->compat_groups))
		ret = reason_refuse(&ictx->reason, -EINVAL,
				    "this file serves groups with an IOMMU, and no others");
	else
		WRITE_ONCE(ictx->no_iommu, true);
	xa_unlock(&ictx->objects);
	mutex_unlock(&ictx->compat_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_compat_set_no_iommu);

/* From one, or none, to another one. The ranges of the groups go along. */
static int compat_ioas_move(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	struct iommufd_ioas *old;
	int ret = 0;

	lockdep_assert_held(&ictx->compat_lock);
	old = iommufd_compat_ioas_get(ictx);
	if (old == ioas)
		goto out_put;
	if (ioas)
		ret = compat_groups_reserve(ictx, &ioas->space);
	if (ret)
		goto out_put;
	if (!IS_ERR(old))
		compat_groups_unreserve(ictx, &old->space);
	compat_ioas_set(ictx, ioas);
out_put:
	if (!IS_ERR(old))
		iommufd_object_put(&old->object);
	return ret;
}

/* @ioas may be NULL for none. */
static int compat_ioas_change(struct iommufd_ctx *ictx,
			      struct iommufd_ioas *ioas)
{
	int ret;

	mutex_lock(&ictx->compat_lock);
	ret = compat_ioas_move(ictx, ioas);
	mutex_unlock(&ictx->compat_lock);
	return ret;
}

/* IOMMU_VFIO_IOAS */
int iommufd_compat_ioas(struct iommufd_command *command)
{
	struct iommu_vfio_ioas *arg = command->argument;
	struct iommufd_ctx *ictx = command->ictx;
	struct iommufd_ioas *ioas;
	int ret;

	switch (arg->op) {
	case IOMMU_VFIO_IOAS_GET:
		ret = iommufd_compat_ioas_id(ictx, &arg->ioas_id);
		return ret ?: iommufd_command_reply(command);
	case IOMMU_VFIO_IOAS_SET:
		ioas = iommufd_ioas_get(ictx, arg->ioas_id);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		ret = compat_ioas_change(ictx, ioas);
		iommufd_object_put(&ioas->object);
		return ret;
	case IOMMU_VFIO_IOAS_CLEAR:
		return compat_ioas_change(ictx, NULL);
	default:
		return reason_refuse(&ictx->reason, -EOPNOTSUPP,
				     "there is no operation %u", arg->op);
	}
}
