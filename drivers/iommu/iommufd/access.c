// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel drivers that reach mapped memory with the CPU.
 *
 * An access is attached to an IOAS as a device is to a page table. Its owner is
 * asked to let go of pinned pages when their mapping is to be removed, and when
 * the access leaves the IOAS.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>

#include "access.h"
#include "context.h"
#include "ioas.h"
#include "lock_order.h"
#include "trace.h"

static void access_destroy(struct iommufd_object *object)
{
	struct iommufd_access *access = container_of(object,
						     struct iommufd_access,
						     object);

	mutex_destroy(&access->lock);
	/* From here on the owner may have another one. */
	smp_store_release(access->owner, NULL);
}

/* Of the device that an access is for; NULL if the owner does not say */
static const char *owner_name(const struct iommufd_access_ops *ops, void *data)
{
	return ops->name ? ops->name(data) : NULL;
}

static void access_show(struct iommufd_object *object, struct seq_file *m)
{
	struct iommufd_access *access = container_of(object,
						     struct iommufd_access,
						     object);
	const char *name = owner_name(access->ops, access->data);
	u32 ioas_id = READ_ONCE(access->ioas_id);

	seq_printf(m, "iommufd-access:\tid=%u", object->id);
	if (name) {
		seq_puts(m, " name=");
		seq_escape(m, name, " \t\n\\");
	}
	iommufd_cookie_show(&access->cookie, m);
	if (ioas_id)
		seq_printf(m, " ioas=%u", ioas_id);
	seq_putc(m, '\n');
}

static const struct iommufd_object_ops access_ops = {
	.name = "access",
	.destroy = access_destroy,
	.show = access_show,
};

static void access_unmap(struct mapped_client *client, u64 iova, u64 length)
{
	struct iommufd_access *access = container_of(client,
						     struct iommufd_access,
						     client);

	access->ops->unmap(access->data, iova, length);
}

static struct iommufd_access *
access_create(struct iommufd_ctx *ictx, const struct iommufd_access_ops *ops,
	      void *data, const u64 *cookie, struct iommufd_access **owner)
{
	struct iommufd_access *access;

	lockdep_assert_held(&ictx->device_lock);
	if (iommufd_cookie_taken(ictx, cookie))
		return ERR_PTR(-EEXIST);
	access = iommufd_object_create(ictx, struct iommufd_access, &access_ops);
	if (IS_ERR(access))
		return access;
	/* One owner has one access, also in all other contexts. */
	if (cmpxchg(owner, NULL, access)) {
		iommufd_object_abort(&access->object);
		reason_refuse(&ictx->reason, -EBUSY,
			      "the device is open, or about to be closed");
		return ERR_PTR(-EBUSY);
	}
	access->owner = owner;
	access->ops = ops;
	access->data = data;
	access->client.pins = ops->pins;
	access->client.unmap = access_unmap;
	INIT_LIST_HEAD(&access->client.pinned);
	lock_order_mutex_init(&access->lock, PLACE_ACCESS);
	lock_order_rwsem_init(&access->ioas_lock, PLACE_ACCESS_IOAS);
	iommufd_cookie_add(ictx, &access->cookie, cookie, access->object.id);

	iommufd_object_publish_held(&access->object);
	return access;
}

/**
 * iommufd_access_create() - Be able to reach the memory of a context
 * @ictx: the context; the access keeps it alive until it is destroyed
 * @ops: what the owner supplies, for as long as the access exists
 * @data: for @ops
 * @cookie: 64-bit name that the user chose for the device, unique in @ictx;
 *          NULL for none
 * @owner: the pointer in which the owner has its access; set to it, and to NULL
 *         when it has been destroyed
 * @id: set to the number by which the user can name the access
 *
 * Success is exclusive, as that of iommufd_bind_device(): @owner has no other
 * access, in @ictx or elsewhere, until this one is destroyed.
 *
 * Context: may sleep; does not touch user memory, nor wait for who does.
 * Return: 0, and *@owner is to be given back with iommufd_access_destroy();
 * -EBUSY when *@owner is an access already; -EEXIST when something else in @ictx
 * bears @cookie; -ENOMEM; -ENOSPC without free numbers.
 */
int iommufd_access_create(struct iommufd_ctx *ictx,
			  const struct iommufd_access_ops *ops, void *data,
			  const u64 *cookie, struct iommufd_access **owner,
			  u32 *id)
{
	struct iommufd_access *access;

	if (WARN_ON(ops->pins && !ops->unmap))
		return -EINVAL;

	mutex_lock(&ictx->device_lock);
	access = access_create(ictx, ops, data, cookie, owner);
	mutex_unlock(&ictx->device_lock);
	trace_end(iommufd_bind, ictx->number,
		  IS_ERR(access) ? 0 : access->object.id,
		  owner_name(ops, data), cookie, PTR_ERR_OR_ZERO(access));
	if (IS_ERR(access))
		return PTR_ERR(access);
	iommufd_ctx_get(ictx);
	*id = access->object.id;
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_access_create);

static void access_set_ioas(struct iommufd_access *access,
			    struct iommufd_ioas *ioas)
{
	lockdep_assert_held(&access->lock);
	down_write(&access->ioas_lock);
	access->ioas = ioas;
	WRITE_ONCE(access->ioas_id, ioas ? ioas->object.id : 0);
	access->leaving = false;
	up_write(&access->ioas_lock);
}

/*
 * Let nothing more be pinned or copied. Waits for pins and copies in progress,
 * and so for user memory.
 */
static int access_begin_leaving(struct iommufd_access *access, bool killable)
{
	lockdep_assert_held(&access->lock);
	if (!killable)
		down_write(&access->ioas_lock);
	else if (down_write_killable(&access->ioas_lock))
		return -EINTR;
	access->leaving = access->ioas;
	up_write(&access->ioas_lock);
	return 0;
}

/* Now that nothing more is pinned, the owner lets go of what is. */
static void access_leave(struct iommufd_access *access)
{
	struct iommufd_ioas *ioas = access->ioas;

	lockdep_assert_held(&access->lock);
	if (!ioas)
		return;
	mapped_client_remove(&ioas->space, &access->client);
	access_set_ioas(access, NULL);
	iommufd_object_put(&ioas->object);
}

/* The caller's reference on @ioas moves to @access, but not after a failure. */
static int access_enter(struct iommufd_access *access,
			struct iommufd_ioas *ioas)
{
	int ret;

	lockdep_assert_held(&access->lock);
	/* What can fail, before the former one is left. */
	ret = mapped_client_add(&ioas->space, &access->client);
	if (ret)
		return ret;
	ret = access_begin_leaving(access, true);
	if (ret) {
		mapped_client_withdraw(&ioas->space, &access->client);
		return ret;
	}
	access_leave(access);
	access_set_ioas(access, ioas);
	return 0;
}

/* Attached to @ioas_id now, or to @former still. */
static void access_trace_attach(struct iommufd_access *access, u32 ioas_id,
				u32 former, int ret)
{
	const u64 *cookie = iommufd_cookie_chosen(&access->cookie);
	u32 ctx = access->object.ictx->number;
	u32 now = ret ? former : ioas_id;

	if (former)
		trace_end(iommufd_replace, ctx, access->object.id,
			  owner_name(access->ops, access->data), cookie,
			  ioas_id, now, former, 0, ret);
	else
		trace_end(iommufd_attach, ctx, access->object.id,
			  owner_name(access->ops, access->data), cookie,
			  ioas_id, now, former, 0, ret);
}

static void access_detach(struct iommufd_access *access)
{
	u32 former;

	lockdep_assert_held(&access->lock);
	if (!access->ioas)
		return;
	former = access->ioas->object.id;
	access_leave(access);
	trace_end(iommufd_detach, access->object.ictx->number,
		  access->object.id, owner_name(access->ops, access->data),
		  iommufd_cookie_chosen(&access->cookie), 0, 0, former, 0, 0);
}

/**
 * iommufd_access_attach() - Choose the IOAS whose memory can be reached
 * @access: when it is attached already, it changes over, which begins as
 *          iommufd_access_detach_killable() does
 * @ioas_id: number of the IOAS
 *
 * Context: may sleep, for as long as user memory takes, but killably; calls back
 * as iommufd_access_destroy().
 * Return: 0; -ENOENT when @ioas_id names no IOAS; -EADDRINUSE when the owner
 * pins and a mapping is not page aligned; -EINTR. Then the former IOAS stays.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	struct iommufd_ioas *ioas;
	u32 former;
	int ret = 0;

	lock_order_await_pages();
	ioas = iommufd_ioas_get(access->object.ictx, ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	if (mutex_lock_killable(&access->lock)) {
		ret = -EINTR;
		goto out_put;
	}
	former = access->ioas ? access->ioas->object.id : 0;
	if (ioas != access->ioas) {
		ret = access_enter(access, ioas);
		if (!ret)
			/* It keeps the reference. */
			ioas = NULL;
	}
	mutex_unlock(&access->lock);
	access_trace_attach(access, ioas_id, former, ret);
out_put:
	if (ioas)
		iommufd_object_put(&ioas->object);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_access_attach);

/**
 * iommufd_access_detach_killable() - Undo iommufd_access_attach()
 * @access: nothing happens when it is not attached
 *
 * The owner is asked to let go of each range that it has pinned. It may still
 * be pinning and copying: what began before is finished first, what comes later
 * finds @access not attached.
 *
 * Context: as iommufd_access_attach().
 * Return: 0; -EINTR, and nothing has changed.
 */
int iommufd_access_detach_killable(struct iommufd_access *access)
{
	int ret;

	lock_order_await_pages();
	if (mutex_lock_killable(&access->lock))
		return -EINTR;
	ret = access_begin_leaving(access, true);
	if (!ret)
		access_detach(access);
	mutex_unlock(&access->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_access_detach_killable);

/**
 * iommufd_access_destroy() - Undo iommufd_access_create()
 * @access: detached first if need be, see iommufd_access_detach_killable()
 *
 * The caller does not use it meanwhile, but for what it does when it is called
 * back.
 *
 * Context: may sleep; calls back and waits for callbacks in progress, so the
 * caller holds no lock that they take; and waits for as long as user memory
 * takes, so it holds none that others need.
 */
void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ictx = access->object.ictx;

	lock_order_await_pages();
	mutex_lock(&access->lock);
	access_begin_leaving(access, false);
	access_detach(access);
	mutex_unlock(&access->lock);

	trace_end(iommufd_unbind, ictx->number, access->object.id,
		  owner_name(access->ops, access->data),
		  iommufd_cookie_chosen(&access->cookie), 0);
	mutex_lock(&ictx->device_lock);
	iommufd_cookie_remove(ictx, &access->cookie);
	mutex_unlock(&ictx->device_lock);
	iommufd_object_remove(&access->object);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_access_destroy);

/**
 * iommufd_access_describe() - What can be told of an access
 * @access: the access
 * @binding: filled in
 *
 * Context: as iommufd_device_describe().
 */
void iommufd_access_describe(const struct iommufd_access *access,
			     struct iommufd_binding *binding)
{
	binding->ictx = access->object.ictx;
	binding->ictx_number = access->object.ictx->number;
	binding->id = access->object.id;
	binding->pt_id = READ_ONCE(access->ioas_id);
	binding->has_cookie = iommufd_cookie_value(&access->cookie,
						   &binding->cookie);
	binding->nr_faults = 0;
}
EXPORT_SYMBOL_GPL(iommufd_access_describe);

static int access_prot(unsigned int flags)
{
	return flags & IOMMUFD_ACCESS_WRITE ? IOMMU_WRITE : IOMMU_READ;
}

/*
 * Begin a request. Return: where its range is, until access_end(); or what is
 * wrong with it, with nothing to end.
 */
static struct mapped_space *access_begin(struct iommufd_access *access,
					 u64 iova, u64 length, bool unpin)
{
	u64 last;

	if (!length)
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(iova, length - 1, &last))
		return ERR_PTR(-EOVERFLOW);
	down_read(&access->ioas_lock);
	if (access->ioas && (unpin || !access->leaving))
		return &access->ioas->space;
	up_read(&access->ioas_lock);
	return ERR_PTR(-ENOENT);
}

static void access_end(struct iommufd_access *access)
{
	up_read(&access->ioas_lock);
}

/**
 * iommufd_access_pin() - Keep pages
 * @access: its ops say that it pins
 * @iova: first byte
 * @length: bytes
 * @pages: set to the pages that the range touches
 * @flags: IOMMUFD_ACCESS_WRITE, or 0 to read
 *
 * Each page is pinned and charged once, however many devices and accesses use
 * it.
 *
 * Context: may sleep; may be called from the unmap callback.
 * Return: 0; -EINVAL for an empty range, pages of IOVA that are not pages of
 * memory, or a mapping that is going away; -EOVERFLOW when the range wraps;
 * -ENOENT when it is not wholly mapped, or @access not attached; -EPERM when
 * the mapping or its memory does not allow it; -EFAULT, -ENOMEM, -EINTR from
 * pinning.
 */
int iommufd_access_pin(struct iommufd_access *access, u64 iova, u64 length,
		       struct page **pages, unsigned int flags)
{
	struct mapped_space *space;
	int ret;

	if (WARN_ON(!access->client.pins))
		return -EINVAL;
	space = access_begin(access, iova, length, false);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = mapped_client_pin(space, &access->client, iova, length,
				access_prot(flags), pages);
	access_end(access);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_access_pin);

/**
 * iommufd_access_unpin() - Undo one iommufd_access_pin()
 * @access: the same
 * @iova: the same
 * @length: the same
 *
 * Nothing happens for a range that @access has not pinned.
 *
 * Context: may sleep; may be called from the unmap callback.
 */
void iommufd_access_unpin(struct iommufd_access *access, u64 iova, u64 length)
{
	struct mapped_space *space = access_begin(access, iova, length, true);

	if (IS_ERR(space))
		return;
	mapped_client_unpin(space, &access->client, iova, length);
	access_end(access);
}
EXPORT_SYMBOL_GPL(iommufd_access_unpin);

/**
 * iommufd_access_copy() - Read or write mapped memory
 * @access: attached
 * @iova: first byte, any alignment
 * @buffer: kernel memory
 * @length: bytes
 * @flags: IOMMUFD_ACCESS_WRITE to write @buffer to the memory, 0 to read
 *
 * Context: may sleep; may be called from the unmap callback.
 * Return: 0; an errno as iommufd_access_pin(), then a part may have been copied.
 */
int iommufd_access_copy(struct iommufd_access *access, u64 iova, void *buffer,
			size_t length, unsigned int flags)
{
	struct mapped_space *space = access_begin(access, iova, length, false);
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = mapped_space_copy(space, iova, buffer, length,
				flags & IOMMUFD_ACCESS_WRITE);
	access_end(access);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_access_copy);
