// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers, references and the end of objects.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "context.h"
#include "object.h"

static void object_release(struct iommufd_object *object)
{
	ledger_add(&object->ictx->ledger, LEDGER_OBJECTS, -1);
	kfree(object);
}

/* Use __iommufd_object_create() through iommufd_object_create(). */
struct iommufd_object *
__iommufd_object_create(struct iommufd_ctx *ictx, size_t size,
			const struct iommufd_object_ops *ops)
{
	struct iommufd_object *object;
	int ret;

	object = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!object)
		return ERR_PTR(-ENOMEM);
	object->ops = ops;
	object->ictx = ictx;
	refcount_set(&object->users, 1);
	ledger_add(&ictx->ledger, LEDGER_OBJECTS, 1);

	/*
	 * A reserved entry reads as empty. Publishing it later needs no memory.
	 * The lowest free number is used, and 0 never.
	 */
	ret = xa_alloc(&ictx->objects, &object->id, XA_ZERO_ENTRY,
		       XA_LIMIT(1, INT_MAX), GFP_KERNEL_ACCOUNT);
	if (ret) {
		object_release(object);
		return ERR_PTR(ret == -EBUSY ? -ENOSPC : ret);
	}
	return object;
}

/* From now on the user can name the object. */
void iommufd_object_publish(struct iommufd_object *object)
{
	void *old = xa_store(&object->ictx->objects, object->id, object,
			     GFP_KERNEL_ACCOUNT);

	/* xa_alloc() left a slot for it. */
	WARN_ON(old);
}

/*
 * The same for an object that a driver holds: its reference, which goes with
 * iommufd_object_remove(), makes the user's DESTROY answer EBUSY.
 */
void iommufd_object_publish_held(struct iommufd_object *object)
{
	iommufd_object_hold(object);
	iommufd_object_publish(object);
}

/*
 * The same for an object that ends with its last reference, of which there is
 * one. The creator's goes. @end_lock outlives the object's memory.
 */
void iommufd_object_publish_transient(struct iommufd_object *object,
				      struct mutex *end_lock)
{
	lockdep_assert_held(end_lock);
	object->end_lock = end_lock;
	WARN_ON(refcount_dec_and_test(&object->users));
	iommufd_object_publish(object);
}

/*
 * The end of an object that was never finished: its destroy function would find
 * nothing to undo.
 */
void iommufd_object_abort(struct iommufd_object *object)
{
	xa_erase(&object->ictx->objects, object->id);
	object_release(object);
}

static void object_revoke(struct iommufd_object *object)
{
	if (object->ops->revoke)
		object->ops->revoke(object);
}

/* The end of an object that was finished, and never published. */
void iommufd_object_discard(struct iommufd_object *object)
{
	object_revoke(object);
	object->ops->destroy(object);
	iommufd_object_abort(object);
}

/* Take a reference under the lock that protects the pointer to @object. */
bool iommufd_object_get_unless_gone(struct iommufd_object *object)
{
	return refcount_inc_not_zero(&object->users);
}

/* One more reference; the caller has one. */
void iommufd_object_hold(struct iommufd_object *object)
{
	refcount_inc(&object->users);
}

static struct iommufd_object *object_find(struct iommufd_ctx *ictx, u32 id,
					  const struct iommufd_object_ops *ops)
{
	struct iommufd_object *object = xa_load(&ictx->objects, id);

	lockdep_assert_held(&ictx->objects.xa_lock);
	if (object && ops && object->ops != ops) {
		reason_refuse(&ictx->reason, -ENOENT,
			      "object %u is one of kind %s, not %s", id,
			      object->ops->name, ops->name);
		return NULL;
	}
	if (object && iommufd_object_get_unless_gone(object))
		return object;
	reason_refuse(&ictx->reason, -ENOENT, "no object has the number %u", id);
	return NULL;
}

/**
 * iommufd_object_get() - Look up an object by its number
 * @ictx: the context
 * @id: the number
 * @ops: the type it has to have; NULL for any
 *
 * Return: the object with a reference; -ENOENT, also for another type.
 */
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  const struct iommufd_object_ops *ops)
{
	struct iommufd_object *object;

	xa_lock(&ictx->objects);
	object = object_find(ictx, id, ops);
	xa_unlock(&ictx->objects);
	return object ?: ERR_PTR(-ENOENT);
}

/*
 * The number is gone. Who shows the object is no user of it, or a look into /proc
 * would make the user's DESTROY answer EBUSY; so the end waits, which is not long.
 */
static void object_free(struct iommufd_object *object)
{
	struct iommufd_ctx *ictx = object->ictx;

	wait_var_event(&ictx->shown,
		       smp_load_acquire(&ictx->shown) != object);
	object->ops->destroy(object);
	object_release(object);
}

static void put_transient(struct iommufd_object *object)
{
	struct mutex *end_lock = object->end_lock;

	if (!refcount_dec_and_mutex_lock(&object->users, end_lock))
		return;
	object->ops->unlink(object);
	mutex_unlock(end_lock);
	xa_erase(&object->ictx->objects, object->id);
	object_revoke(object);
	object_free(object);
}

/**
 * iommufd_object_put() - Give a reference back
 * @object: the object
 *
 * The last user wakes whoever waits to free the object. wake_up_var() uses
 * the address only as a key, so it does not matter that the object may be gone.
 *
 * Context: a transient object may end here: not under its end_lock, unless the
 * caller knows of another reference, nor under what its end takes.
 */
void iommufd_object_put(struct iommufd_object *object)
{
	if (object->end_lock) {
		put_transient(object);
	} else if (refcount_dec_and_test(&object->users)) {
		/* It looks for waiters, who look at the count. */
		smp_mb__after_atomic();
		wake_up_var(&object->users);
	}
}

/* Take the number of an object away if nothing but the number refers to it. */
static bool object_retire(struct iommufd_object *object)
{
	lockdep_assert_held(&object->ictx->objects.xa_lock);

	/* The one reference would be somebody's. */
	if (object->end_lock || !refcount_dec_if_one(&object->users))
		return false;
	__xa_erase(&object->ictx->objects, object->id);
	return true;
}

static int object_refuse_busy(struct iommufd_object *object)
{
	struct reason *reason = &object->ictx->reason;

	if (object->end_lock)
		return reason_refuse(reason, -EBUSY,
				     "object %u (%s) ends by itself, with the last device in it",
				     object->id, object->ops->name);
	return reason_refuse(reason, -EBUSY,
			     "object %u (%s) is used by %u others: an open file, another object or a call",
			     object->id, object->ops->name,
			     refcount_read(&object->users) - 1);
}

/**
 * iommufd_object_destroy() - Destroy what the user names
 * @ictx: the context
 * @id: the number
 *
 * Return: 0; -ENOENT; -EBUSY when something refers to the object, as it does to
 * each that is transient, or another ioctl is using it.
 */
int iommufd_object_destroy(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *object;
	int ret = 0;

	xa_lock(&ictx->objects);
	object = xa_load(&ictx->objects, id);
	if (!object)
		ret = reason_refuse(&ictx->reason, -ENOENT,
				    "no object has the number %u", id);
	else if (!object_retire(object))
		ret = object_refuse_busy(object);
	xa_unlock(&ictx->objects);
	if (ret)
		return ret;
	object_revoke(object);
	object_free(object);
	return 0;
}

/**
 * iommufd_object_remove() - Destroy an object that a driver holds
 * @object: the caller's reference is consumed
 *
 * Waits for ioctls that are using the object; new ones do not find it. Nothing
 * else may refer to it once it is revoked.
 */
void iommufd_object_remove(struct iommufd_object *object)
{
	xa_erase(&object->ictx->objects, object->id);
	object_revoke(object);

	/* The number's reference and the caller's. */
	if (!refcount_sub_and_test(2, &object->users))
		wait_var_event(&object->users,
			       !refcount_read(&object->users));
	/* Pairs with the release in refcount_dec_and_test(). */
	smp_acquire__after_ctrl_dep();
	object_free(object);
}

/**
 * iommufd_object_destroy_all() - The context ends
 * @ictx: nobody else can reach it
 *
 * Objects refer to each other without cycles, so each round can destroy those
 * that nothing refers to any more.
 */
void iommufd_object_destroy_all(struct iommufd_ctx *ictx)
{
	struct iommufd_object *object;
	unsigned long id;
	bool progress;

	do {
		progress = false;
		xa_for_each(&ictx->objects, id, object) {
			if (!iommufd_object_destroy(ictx, id))
				progress = true;
			cond_resched();
		}
	} while (progress);
	WARN_ON(!xa_empty(&ictx->objects));
}

/* The next object with the number *@id or above, which is not freed until later. */
static struct iommufd_object *object_begin_show(struct iommufd_ctx *ictx,
						unsigned long *id)
{
	struct iommufd_object *object;

	lockdep_assert_held(&ictx->show_lock);
	xa_lock(&ictx->objects);
	object = xa_find(&ictx->objects, id, ULONG_MAX, XA_PRESENT);
	WRITE_ONCE(ictx->shown, object);
	xa_unlock(&ictx->objects);
	return object;
}

static void object_end_show(struct iommufd_ctx *ictx)
{
	/* What was read is read: the object may be gone from here on. */
	smp_store_release(&ictx->shown, NULL);
	/* It looks for waiters, who look at the pointer. */
	smp_mb();
	wake_up_var(&ictx->shown);
}

/**
 * iommufd_object_show_all() - Show each object that can be
 * @ictx: the context
 * @m: where; the walk ends when that is full, as it is done again then
 *
 * Objects come and go meanwhile: each is shown as it is at some moment.
 */
void iommufd_object_show_all(struct iommufd_ctx *ictx, struct seq_file *m)
{
	struct iommufd_object *object;
	unsigned long id = 0;

	if (mutex_lock_killable(&ictx->show_lock))
		return;
	for (;;) {
		if (seq_has_overflowed(m) || fatal_signal_pending(current))
			break;
		object = object_begin_show(ictx, &id);
		if (!object)
			break;
		if (object->ops->show)
			object->ops->show(object, m);
		object_end_show(ictx);
		id++;
		cond_resched();
	}
	mutex_unlock(&ictx->show_lock);
}
