/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that a user chose for what is bound to a context.
 */
#ifndef __IOMMUFD_COOKIE_H
#define __IOMMUFD_COOKIE_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

struct iommufd_command;
struct iommufd_ctx;
struct seq_file;

/**
 * struct iommufd_cookie - a chosen name; under iommufd_ctx.device_lock
 * @link: in struct iommufd_ctx.cookies; NULL pointers without a name
 * @value: the name, unique in the context; immutable once the object is published
 * @id: number of the object that bears it, 0 without a name; likewise
 */
struct iommufd_cookie {
	struct list_head link;
	u64 value;
	u32 id;
};

/* The chosen name; NULL without one. Settled once the object is published. */
static inline const u64 *
iommufd_cookie_chosen(const struct iommufd_cookie *cookie)
{
	return READ_ONCE(cookie->link.next) ? &cookie->value : NULL;
}

bool iommufd_cookie_taken(struct iommufd_ctx *ictx, const u64 *value);
void iommufd_cookie_add(struct iommufd_ctx *ictx, struct iommufd_cookie *cookie,
			const u64 *value, u32 id);
void iommufd_cookie_remove(struct iommufd_ctx *ictx,
			   struct iommufd_cookie *cookie);
bool iommufd_cookie_value(const struct iommufd_cookie *cookie, u64 *value);
void iommufd_cookie_show(const struct iommufd_cookie *cookie,
			 struct seq_file *m);

int iommufd_cookie_find(struct iommufd_command *command);

#endif
