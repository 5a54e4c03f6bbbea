/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects of a context, known to the user by a number.
 *
 * Life:
 *	create		memory and a number, which nobody can look up yet
 *	publish		the number works; cannot fail
 *	discard		instead: nobody ever knew the number
 *	get		somebody uses it, or refers to it: found by its number
 *	hold		the same for one more, by who has it already
 *	put		the reference goes
 *	destroy		by the user, when nobody does; or by the kernel, which
 *			takes the number away, revokes the object and waits until
 *			nobody does
 *	revoke		before that wait: what comes in from outside ends, and so
 *			does what user space could hold for as long as it likes
 *
 * The count of users is all there is: 1 for the number, and one for each
 * reference, whether it lasts for one ioctl or for the life of another object.
 * Only under the xarray's lock does it go from 1 to 0 while the number exists,
 * so a look-up either finds the object alive or not at all.
 *
 * What the kernel makes on its own is transient: the number is no user of it,
 * and it ends with the last reference, whoever had that.
 */
#ifndef __IOMMUFD_OBJECT_H
#define __IOMMUFD_OBJECT_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct iommufd_ctx;
struct iommufd_object;
struct seq_file;

/**
 * struct iommufd_object_ops - what kind of object
 * @name: for who reads it
 * @revoke: the object is about to end: nothing from outside of the context gets to
 *          it any more, and whoever sleeps for it, or has a reference for as long
 *          as user space likes, is sent away. Runs once, when the number is gone,
 *          beside the users that are left. May sleep, but not for those. NULL for
 *          nothing
 * @destroy: give up what the object holds, not its memory. Runs once, when no
 *           user is left and the number is gone
 * @unlink: of a transient object, under its end_lock: nobody finds it any more
 *          but by its number, which does not give it out either
 * @show: its line in fdinfo; NULL for none. Also of an object whose last user is
 *        gone; what it has is there, as @destroy waits. Takes no lock that is
 *        held when a reference is put, and none for longer than a moment
 *
 * The address of this struct is the type: look-ups compare it.
 */
struct iommufd_object_ops {
	const char *name;
	void (*revoke)(struct iommufd_object *object);
	void (*destroy)(struct iommufd_object *object);
	void (*unlink)(struct iommufd_object *object);
	void (*show)(struct iommufd_object *object, struct seq_file *m);
};

/**
 * struct iommufd_object - first member of every object
 * @ops: the type; immutable
 * @ictx: the context; immutable
 * @id: the number; immutable
 * @users: see above
 * @end_lock: of a transient object, else NULL: held when the last reference
 *            goes, so that whoever has it needs none. Immutable once published
 */
struct iommufd_object {
	const struct iommufd_object_ops *ops;
	struct iommufd_ctx *ictx;
	u32 id;
	refcount_t users;
	struct mutex *end_lock;
};

struct iommufd_object *__iommufd_object_create(struct iommufd_ctx *ictx,
					       size_t size,
					       const struct iommufd_object_ops *ops);

/* A zeroed struct @type whose first member is "object". */
#define iommufd_object_create(ictx, type, ops)				\
	((type *)__iommufd_object_create(ictx, sizeof(type) +		\
		BUILD_BUG_ON_ZERO(offsetof(type, object)), ops))

void iommufd_object_publish(struct iommufd_object *object);
void iommufd_object_publish_held(struct iommufd_object *object);
void iommufd_object_publish_transient(struct iommufd_object *object,
				      struct mutex *end_lock);
void iommufd_object_abort(struct iommufd_object *object);
void iommufd_object_discard(struct iommufd_object *object);

struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  const struct iommufd_object_ops *ops);
bool iommufd_object_get_unless_gone(struct iommufd_object *object);
void iommufd_object_hold(struct iommufd_object *object);
void iommufd_object_put(struct iommufd_object *object);

int iommufd_object_destroy(struct iommufd_ctx *ictx, u32 id);
void iommufd_object_remove(struct iommufd_object *object);
void iommufd_object_destroy_all(struct iommufd_ctx *ictx);
void iommufd_object_show_all(struct iommufd_ctx *ictx, struct seq_file *m);

#endif
