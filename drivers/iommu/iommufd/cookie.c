// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names that a user chose for what is bound to a context: devices, and accesses
 * that stand for emulated devices.
 */
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "cookie.h"

static struct iommufd_cookie *cookie_find(struct iommufd_ctx *ictx, u64 value)
{
	struct iommufd_cookie *cookie;

	lockdep_assert_held(&ictx->device_lock);
	list_for_each_entry(cookie, &ictx->cookies, link)
		if (cookie->value == value)
			return cookie;
	return NULL;
}

/* Does something in the context bear this name? NULL is no name. */
bool iommufd_cookie_taken(struct iommufd_ctx *ictx, const u64 *value)
{
	struct iommufd_cookie *cookie;

	lockdep_assert_held(&ictx->device_lock);
	if (!value)
		return false;
	cookie = cookie_find(ictx, *value);
	if (cookie)
		reason_refuse(&ictx->reason, -EEXIST,
			      "the cookie 0x%016llx is that of object %u",
			      *value, cookie->id);
	return cookie;
}

/**
 * iommufd_cookie_add() - Give an object its name
 * @ictx: the context
 * @cookie: zeroed memory that lives as long as the object
 * @value: the name, which is not taken; NULL for none
 * @id: the number of the object
 */
void iommufd_cookie_add(struct iommufd_ctx *ictx, struct iommufd_cookie *cookie,
			const u64 *value, u32 id)
{
	lockdep_assert_held(&ictx->device_lock);
	if (!value)
		return;
	cookie->value = *value;
	cookie->id = id;
	list_add_tail(&cookie->link, &ictx->cookies);
}

/* Undo iommufd_cookie_add(), also without a name. */
void iommufd_cookie_remove(struct iommufd_ctx *ictx,
			   struct iommufd_cookie *cookie)
{
	lockdep_assert_held(&ictx->device_lock);
	if (cookie->link.next)
		list_del(&cookie->link);
}

/* Is there a name? @value is set to it then. Of an object that is published. */
bool iommufd_cookie_value(const struct iommufd_cookie *cookie, u64 *value)
{
	*value = cookie->value;
	return cookie->id;
}

void iommufd_cookie_show(const struct iommufd_cookie *cookie,
			 struct seq_file *m)
{
	u64 value;

	if (iommufd_cookie_value(cookie, &value))
		seq_printf(m, " cookie=0x%016llx", value);
}

/* IOMMU_DEVICE_FIND */
int iommufd_cookie_find(struct iommufd_command *command)
{
	struct iommu_device_find *arg = command->argument;
	struct iommufd_ctx *ictx = command->ictx;
	struct iommufd_cookie *cookie;

	mutex_lock(&ictx->device_lock);
	cookie = cookie_find(ictx, arg->dev_cookie);
	if (cookie)
		arg->out_dev_id = cookie->id;
	mutex_unlock(&ictx->device_lock);
	if (!cookie)
		return reason_refuse(&ictx->reason, -ENOENT,
				     "no object has the cookie 0x%016llx",
				     arg->dev_cookie);
	return iommufd_command_reply(command);
}
