// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding a device to a context.
 *
 * A bind makes the context the owner of the DMA of the device's whole
 * isolation group. The IOMMU core grants that to one owner at a time, and not
 * while a kernel driver uses the DMA API of a member. Within the context the
 * group knows its devices, and takes each of them once. So a bind that succeeded
 * is exclusive until the unbind has ended, and nobody needs another lock or flag
 * to know it.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/irqdomain.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "device.h"
#include "lock_order.h"
#include "trace.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices although the platform cannot keep them from raising the interrupts of others. A user could attack the host.");

static struct iommufd_group *group_find(struct iommufd_ctx *ictx,
					struct iommu_group *iommu_group)
{
	struct iommufd_group *group;

	lockdep_assert_held(&ictx->device_lock);
	list_for_each_entry(group, &ictx->groups, link)
		if (group->iommu_group == iommu_group)
			return group;
	return NULL;
}

/* Why the group of @dev cannot be owned */
static void group_refuse_owner(struct iommufd_ctx *ictx, struct device *dev,
			       struct iommu_group *iommu_group, int ret)
{
	struct iommu_dma_report report;

	if (ret != -EPERM && ret != -EBUSY)
		return;
	iommu_group_report_dma(iommu_group, &report);
	if (report.use == IOMMU_DMA_KERNEL)
		reason_refuse(&ictx->reason, ret,
			      "%s of the same group is driven by %s",
			      report.device, report.driver);
	else
		reason_refuse(&ictx->reason, ret,
			      "the DMA of group %d, which %s is in, belongs to a VFIO container, another iommufd or another part of the kernel",
			      iommu_group_id(iommu_group), dev_name(dev));
}

/* Own the DMA of @iommu_group. Takes over the reference when it succeeds. */
static struct iommufd_group *group_create(struct iommufd_ctx *ictx,
					  struct device *dev,
					  struct iommu_group *iommu_group)
{
	struct iommufd_group *group;
	int ret;

	lockdep_assert_held(&ictx->device_lock);
	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return ERR_PTR(-ENOMEM);
	ret = iommu_group_claim_dma_owner(iommu_group, group);
	if (ret) {
		group_refuse_owner(ictx, dev, iommu_group, ret);
		goto err_free;
	}
	ret = iommu_doorbell_add(&group->doorbells, iommu_group);
	if (ret)
		goto err_release;
	iommu_group_number_dma_owner(iommu_group, ictx->number);
	group->iommu_group = iommu_group;
	INIT_LIST_HEAD(&group->devices);
	lock_order_mutex_init(&group->lock, PLACE_GROUP);
	list_add_tail(&group->link, &ictx->groups);
	return group;

err_release:
	iommu_group_release_dma_owner(iommu_group);
err_free:
	kfree(group);
	return ERR_PTR(ret);
}

static void group_destroy(struct iommufd_ctx *ictx, struct iommufd_group *group)
{
	lockdep_assert_held(&ictx->device_lock);
	WARN_ON(group->attachment);
	list_del(&group->link);
	iommu_doorbell_remove(&group->doorbells);
	iommu_group_release_dma_owner(group->iommu_group);
	iommu_group_put(group->iommu_group);
	mutex_destroy(&group->lock);
	kfree(group);
}

static bool group_has_device(struct iommufd_ctx *ictx,
			     struct iommufd_group *group, struct device *dev)
{
	struct iommufd_device *idev;

	lockdep_assert_held(&ictx->device_lock);
	list_for_each_entry(idev, &group->devices, group_link)
		if (idev->dev == dev)
			return true;
	return false;
}

/* The group that @dev can join. It has one while its driver is bound. */
static struct iommufd_group *group_for(struct iommufd_ctx *ictx,
				       struct device *dev)
{
	struct iommu_group *iommu_group = iommu_group_get(dev);
	struct iommufd_group *group;

	lockdep_assert_held(&ictx->device_lock);
	group = group_find(ictx, iommu_group);
	if (!group) {
		group = group_create(ictx, dev, iommu_group);
		if (!IS_ERR(group))
			/* It keeps the reference. */
			iommu_group = NULL;
	} else if (group_has_device(ictx, group, dev)) {
		group = ERR_PTR(reason_refuse(&ictx->reason, -EBUSY,
					      "%s is bound to this iommufd, or is being unbound from it",
					      dev_name(dev)));
	}
	iommu_group_put(iommu_group);
	return group;
}

static struct iommufd_device *idev_of(struct iommufd_object *object)
{
	return container_of(object, struct iommufd_device, object);
}

/* An interrupt of the IOMMU finds the device no more. */
static void idev_revoke(struct iommufd_object *object)
{
	dma_fault_source_stop(&idev_of(object)->faults);
}

/* Nobody uses the device any more: from here on it can be bound again. */
static void idev_destroy(struct iommufd_object *object)
{
	struct iommufd_device *idev = idev_of(object);
	struct iommufd_group *group = idev->group;

	mutex_lock(&object->ictx->device_lock);
	list_del(&idev->group_link);
	if (list_empty(&group->devices))
		group_destroy(object->ictx, group);
	mutex_unlock(&object->ictx->device_lock);
	dma_fault_source_free(&idev->faults);
	put_device(idev->dev);
}

static void idev_show(struct iommufd_object *object, struct seq_file *m)
{
	struct iommufd_device *idev = container_of(object,
						   struct iommufd_device,
						   object);
	u32 hwpt_id = READ_ONCE(idev->hwpt_id);

	seq_printf(m, "iommufd-device:\tid=%u name=", object->id);
	seq_escape(m, dev_name(idev->dev), " \t\n\\");
	iommufd_cookie_show(&idev->cookie, m);
	if (hwpt_id)
		seq_printf(m, " hwpt=%u", hwpt_id);
	seq_printf(m, " faults=%lld\n",
		   (s64)atomic64_read(&idev->faults.nr_faults));
}

const struct iommufd_object_ops iommufd_device_ops = {
	.name = "device",
	.revoke = idev_revoke,
	.destroy = idev_destroy,
	.show = idev_show,
};

struct iommufd_device *iommufd_device_get(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *object = iommufd_object_get(ictx, id,
							   &iommufd_device_ops);

	if (IS_ERR(object))
		return ERR_CAST(object);
	return idev_of(object);
}

/*
 * A device that may write to any interrupt address can send any interrupt of
 * the host. Either the interrupt controller or the IOMMU has to prevent that.
 */
static bool interrupts_isolated(struct device *dev)
{
	return irq_domain_check_msi_remap() ||
	       device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

/* What keeps @dev from each context, whoever has its group. */
static enum iommufd_bind_obstacle device_obstacle(struct device *dev)
{
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY))
		return IOMMUFD_BIND_NOT_COHERENT;
	if (!dev->iommu_group)
		return IOMMUFD_BIND_NO_GROUP;
	if (!interrupts_isolated(dev) && !READ_ONCE(allow_unsafe_interrupts))
		return IOMMUFD_BIND_INTERRUPTS;
	return IOMMUFD_BIND_POSSIBLE;
}

static int check_device(struct iommufd_ctx *ictx, struct device *dev)
{
	switch (device_obstacle(dev)) {
	case IOMMUFD_BIND_POSSIBLE:
		break;
	case IOMMUFD_BIND_INTERRUPTS:
		dev_warn(dev, "Interrupts are not isolated on this platform, refused. See the module parameter allow_unsafe_interrupts.\n");
		return reason_refuse(&ictx->reason, -EPERM,
				     "interrupts are not isolated on this platform: the parameter allow_unsafe_interrupts of the module iommufd permits that");
	case IOMMUFD_BIND_NO_GROUP:
		return reason_refuse(&ictx->reason, -ENODEV,
				     "%s is in no IOMMU group", dev_name(dev));
	default:
		return reason_refuse(&ictx->reason, -EINVAL,
				     "the IOMMU of %s does not keep caches coherent, or there is none",
				     dev_name(dev));
	}
	if (!interrupts_isolated(dev))
		dev_warn(dev, "Interrupts are not isolated on this platform, bound because allow_unsafe_interrupts is set.\n");
	return 0;
}

/* May the device be bound, by what it is and by what there is already? */
static int idev_check(struct iommufd_ctx *ictx, struct device *dev,
		      const u64 *cookie)
{
	int ret;

	lockdep_assert_held(&ictx->device_lock);
	ret = check_device(ictx, dev);
	if (ret)
		return ret;
	return iommufd_cookie_taken(ictx, cookie) ? -EEXIST : 0;
}

static struct iommufd_device *idev_create(struct iommufd_ctx *ictx,
					  struct device *dev,
					  const u64 *cookie)
{
	struct iommufd_device *idev;
	int ret = idev_check(ictx, dev, cookie);

	if (ret)
		return ERR_PTR(ret);
	idev = iommufd_object_create(ictx, struct iommufd_device,
				     &iommufd_device_ops);
	if (IS_ERR(idev))
		return idev;
	ret = dma_fault_source_init(&idev->faults, dev);
	if (ret)
		goto err_abort;
	idev->group = group_for(ictx, dev);
	if (IS_ERR(idev->group)) {
		ret = PTR_ERR(idev->group);
		goto err_free_faults;
	}

	idev->dev = get_device(dev);
	list_add_tail(&idev->group_link, &idev->group->devices);
	iommufd_cookie_add(ictx, &idev->cookie, cookie, idev->object.id);
	dma_fault_source_start(&idev->faults, ictx, idev->object.id, cookie);
	iommufd_object_publish_held(&idev->object);
	return idev;

err_free_faults:
	dma_fault_source_free(&idev->faults);
err_abort:
	iommufd_object_abort(&idev->object);
	return ERR_PTR(ret);
}

/* iommufd_bind_device() without keeping the context alive. */
struct iommufd_device *iommufd_device_create(struct iommufd_ctx *ictx,
					     struct device *dev,
					     const u64 *cookie)
{
	struct iommufd_device *idev;

	mutex_lock(&ictx->device_lock);
	idev = idev_create(ictx, dev, cookie);
	mutex_unlock(&ictx->device_lock);
	trace_iommufd_bind(ictx->number, IS_ERR(idev) ? 0 : idev->object.id,
			   dev_name(dev), cookie, PTR_ERR_OR_ZERO(idev));
	return idev;
}

/* Undo iommufd_device_create(). */
void iommufd_device_remove(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->object.ictx;

	WARN_ON(idev->attached);
	trace_iommufd_unbind(ictx->number, idev->object.id,
			     dev_name(idev->dev),
			     iommufd_cookie_chosen(&idev->cookie), 0);
	mutex_lock(&ictx->device_lock);
	iommufd_cookie_remove(ictx, &idev->cookie);
	mutex_unlock(&ictx->device_lock);

	/* An ioctl may need the group until nobody uses the device any more. */
	iommufd_object_remove(&idev->object);
}

/**
 * iommufd_bind_device() - Make a context the owner of a device's DMA
 * @ictx: the context; the device keeps it alive until it is unbound
 * @dev: a device whose driver sets driver_managed_dma
 * @cookie: 64-bit name that the user chose for the device, unique in @ictx;
 *          NULL for none
 * @id: set to the number by which the user can name the device from now on
 *
 * No DMA of the device's iommu_group reaches memory until a device of it is
 * attached. Success is exclusive: no other context, container or kernel driver
 * owns the group, and none can until the last device of the group is unbound;
 * and @dev is not bound again, here or elsewhere, until it is unbound.
 *
 * Context: may sleep; does not touch user memory, nor wait for who does.
 * Return: the device, to be given back with iommufd_unbind_device();
 * -EINVAL when the IOMMU cannot keep caches coherent; -ENODEV without an
 * iommu_group; -EPERM when interrupts are not isolated, or the group has
 * another owner; -EBUSY when @dev is bound to @ictx, or being unbound from it,
 * or the group is attached elsewhere; -EEXIST when something else in @ictx bears
 * @cookie; -ENOMEM; -ENOSPC without free numbers.
 */
struct iommufd_device *iommufd_bind_device(struct iommufd_ctx *ictx,
					   struct device *dev,
					   const u64 *cookie, u32 *id)
{
	struct iommufd_device *idev = iommufd_device_create(ictx, dev, cookie);

	if (IS_ERR(idev))
		return idev;
	iommufd_ctx_get(ictx);
	*id = idev->object.id;
	return idev;
}
EXPORT_SYMBOL_GPL(iommufd_bind_device);

/**
 * iommufd_bind_obstacle() - What iommufd_bind_device() would meet
 * @dev: a device whose driver sets driver_managed_dma; that driver stays bound
 *       meanwhile
 * @report: set to who has the DMA of the group
 *
 * It may be otherwise when the caller has the answer.
 *
 * Context: may sleep; does not wait for user memory.
 * Return: the first thing for which the bind to any context would fail.
 */
enum iommufd_bind_obstacle
iommufd_bind_obstacle(struct device *dev, struct iommu_dma_report *report)
{
	static const enum iommufd_bind_obstacle obstacles[] = {
		[IOMMU_DMA_FREE] = IOMMUFD_BIND_POSSIBLE,
		[IOMMU_DMA_OWNED] = IOMMUFD_BIND_OWNED,
		[IOMMU_DMA_KERNEL] = IOMMUFD_BIND_DRIVEN,
		[IOMMU_DMA_ATTACHED] = IOMMUFD_BIND_ATTACHED,
	};
	enum iommufd_bind_obstacle obstacle = device_obstacle(dev);

	memset(report, 0, sizeof(*report));
	if (obstacle == IOMMUFD_BIND_POSSIBLE) {
		iommu_group_report_dma(dev->iommu_group, report);
		obstacle = obstacles[report->use];
	}
	return obstacle;
}
EXPORT_SYMBOL_GPL(iommufd_bind_obstacle);

/**
 * iommufd_unbind_device() - Undo iommufd_bind_device()
 * @idev: not attached
 *
 * Waits for ioctls that are using @idev. With the last device of its
 * iommu_group the group goes back to the kernel's DMA API.
 *
 * Context: may sleep, for as long as the user's memory takes that one of these
 * ioctls touches: no lock that others need is held.
 */
void iommufd_unbind_device(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->object.ictx;

	lock_order_await_pages();
	iommufd_device_remove(idev);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_unbind_device);

/**
 * iommufd_device_ctx() - The context that a device is bound to
 * @idev: the device
 *
 * Return: the context, without a reference.
 */
struct iommufd_ctx *iommufd_device_ctx(const struct iommufd_device *idev)
{
	return idev->object.ictx;
}
EXPORT_SYMBOL_GPL(iommufd_device_ctx);

/**
 * iommufd_device_id() - The number of a bound device
 * @idev: the device
 *
 * Return: what iommufd_bind_device() gave.
 */
u32 iommufd_device_id(const struct iommufd_device *idev)
{
	return idev->object.id;
}
EXPORT_SYMBOL_GPL(iommufd_device_id);

/**
 * iommufd_ctx_owns_dma() - Does the DMA of a device belong to a context?
 * @ictx: the context
 * @dev: any device, bound or not; the caller keeps it in its iommu_group
 *
 * Context: may sleep.
 * Return: true if a device of the iommu_group of @dev is bound to @ictx. It
 * stays so until the last of them is unbound.
 */
bool iommufd_ctx_owns_dma(struct iommufd_ctx *ictx, struct device *dev)
{
	bool owns;

	mutex_lock(&ictx->device_lock);
	owns = dev->iommu_group && group_find(ictx, dev->iommu_group);
	mutex_unlock(&ictx->device_lock);
	return owns;
}
EXPORT_SYMBOL_GPL(iommufd_ctx_owns_dma);

/**
 * iommufd_device_describe() - What can be told of a bound device
 * @idev: the device
 * @binding: filled in
 *
 * Context: takes no lock: it may be attached, or not any more, right after.
 */
void iommufd_device_describe(const struct iommufd_device *idev,
			     struct iommufd_binding *binding)
{
	binding->ictx = idev->object.ictx;
	binding->ictx_number = idev->object.ictx->number;
	binding->id = idev->object.id;
	binding->pt_id = READ_ONCE(idev->hwpt_id);
	binding->has_cookie = iommufd_cookie_value(&idev->cookie,
						   &binding->cookie);
	binding->nr_faults = atomic64_read(&idev->faults.nr_faults);
}
EXPORT_SYMBOL_GPL(iommufd_device_describe);

/* What the IOMMU driver tells, and zeroes up to the caller's capacity. */
static int hw_info_copy(struct iommu_hw_info *arg,
			const struct iommu_hw_description *hw)
{
	void __user *user = u64_to_user_ptr(arg->data_uptr);
	u32 copied = min(arg->data_len, hw->length);

	if (copied && copy_to_user(user, hw->data, copied))
		return -EFAULT;
	if (arg->data_len > copied &&
	    clear_user(user + copied, arg->data_len - copied))
		return -EFAULT;
	arg->data_len = hw->length;
	arg->out_data_type = hw->type;
	arg->out_capabilities = hw->capabilities;
	arg->out_max_pasid_log2 = hw->max_pasid_log2;
	return 0;
}

/* IOMMU_GET_HW_INFO */
int iommufd_device_hw_info(struct iommufd_command *command)
{
	struct iommu_hw_info *arg = command->argument;
	struct iommu_hw_description hw = {};
	const struct iommu_ops *ops;
	struct iommufd_device *idev;
	int ret;

	idev = iommufd_device_get(command->ictx, arg->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	ops = dev_iommu_ops(idev->dev);
	if (ops->hw_info)
		ops->hw_info(idev->dev, &hw);
	if (device_iommu_capable(idev->dev, IOMMU_CAP_TRACK_DIRTY))
		hw.capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	/*
	 * Not while user memory is touched, which may take as long as another
	 * process likes: a close waits for it, with locks that others need.
	 */
	iommufd_object_put(&idev->object);

	if (arg->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE &&
	    arg->in_data_type != IOMMU_HW_INFO_TYPE_DEFAULT &&
	    arg->in_data_type != hw.type)
		return reason_refuse(&command->ictx->reason, -EOPNOTSUPP,
				     "the IOMMU of the device gives data of type %u, not %u",
				     hw.type, arg->in_data_type);
	ret = hw_info_copy(arg, &hw);
	return ret ?: iommufd_command_reply(command);
}
