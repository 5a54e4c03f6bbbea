// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOAS of a context stands in for the container of a VFIO group.
 */
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/module.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "compat_ioas.h"
#include "context.h"
#include "ioas.h"

/* With a reference; -ENODEV when there is none. */
struct iommufd_ioas *iommufd_compat_ioas_get(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->compat_ioas;
	if (!ioas || !iommufd_object_get_unless_gone(&ioas->object))
		ioas = ERR_PTR(-ENODEV);
	xa_unlock(&ictx->objects);
	return ioas;
}

static void compat_ioas_set(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	xa_lock(&ictx->objects);
	ictx->compat_ioas = ioas;
	xa_unlock(&ictx->objects);
}

/* @ioas is being destroyed. */
void iommufd_compat_ioas_forget(struct iommufd_ioas *ioas)
{
	struct iommufd_ctx *ictx = ioas->object.ictx;

	xa_lock(&ictx->objects);
	if (ictx->compat_ioas == ioas)
		ictx->compat_ioas = NULL;
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

/**
 * iommufd_compat_ioas_create() - Make sure that there is a compatibility IOAS
 * @ictx: the context
 *
 * The user finds it with IOMMU_VFIO_IOAS and owns it: it stays when the group
 * goes.
 *
 * Return: 0, also when there was one; -EINVAL if @ictx serves groups without an
 * IOMMU; -ENOMEM.
 */
int iommufd_compat_ioas_create(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas = iommufd_ioas_create(ictx);
	bool needed, no_iommu;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	/* Before another thread can set one, or destroy ours. */
	xa_lock(&ictx->objects);
	no_iommu = ictx->no_iommu;
	needed = !no_iommu && !ictx->compat_ioas;
	if (needed)
		ictx->compat_ioas = ioas;
	xa_unlock(&ictx->objects);

	if (needed) {
		iommufd_object_publish(&ioas->object);
	} else {
		iommufd_ioas_ops.destroy(&ioas->object);
		iommufd_object_abort(&ioas->object);
	}
	return no_iommu ? -EINVAL : 0;
}
EXPORT_SYMBOL_GPL(iommufd_compat_ioas_create);

/**
 * iommufd_compat_set_no_iommu() - Let a context serve groups without an IOMMU
 * @ictx: the context
 *
 * From then on it serves no others: a program that took such a group for one
 * with an IOMMU would let the device loose on all memory.
 *
 * Return: 0, also when it does already; -EINVAL when there is a compatibility
 * IOAS.
 */
int iommufd_compat_set_no_iommu(struct iommufd_ctx *ictx)
{
	int ret = 0;

	xa_lock(&ictx->objects);
	if (ictx->compat_ioas)
		ret = -EINVAL;
	else
		ictx->no_iommu = true;
	xa_unlock(&ictx->objects);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_compat_set_no_iommu);

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
		compat_ioas_set(ictx, ioas);
		iommufd_object_put(&ioas->object);
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		compat_ioas_set(ictx, NULL);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
