// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel drivers that reach mapped memory with the CPU.
 *
 * An access is attached to an IOAS as a device is to a page table, and told
 * when a mapping it may have pinned goes away.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/module.h>
#include <linux/overflow.h>

#include "context.h"
#include "ioas.h"
#include "access.h"

static void access_destroy(struct iommufd_object *object)
{
	struct iommufd_access *access = container_of(object,
						     struct iommufd_access,
						     object);

	mutex_destroy(&access->lock);
}

static const struct iommufd_object_ops access_ops = {
	.destroy = access_destroy,
};

static void access_unmap(struct mapped_client *client, u64 iova, u64 length)
{
	struct iommufd_access *access = container_of(client,
						     struct iommufd_access,
						     client);

	if (access->ops->unmap)
		access->ops->unmap(access->data, iova, length);
}

/**
 * iommufd_access_create() - Be able to reach the memory of a context
 * @ictx: the context; the access keeps it alive until it is destroyed
 * @ops: what the owner supplies, for as long as the access exists
 * @data: for @ops
 * @id: set to the number by which the user can name the access
 *
 * Context: may sleep.
 * Return: the access, to be given back with iommufd_access_destroy(); -ENOMEM;
 * -ENOSPC without free numbers.
 */
struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data, u32 *id)
{
	struct iommufd_access *access;

	access = iommufd_object_create(ictx, struct iommufd_access, &access_ops);
	if (IS_ERR(access))
		return access;
	access->ops = ops;
	access->data = data;
	access->client.pins = ops->pins;
	access->client.unmap = access_unmap;
	mutex_init(&access->lock);

	/* The driver's reference makes the user's DESTROY answer EBUSY. */
	refcount_inc(&access->object.users);
	iommufd_ctx_get(ictx);
	*id = access->object.id;
	iommufd_object_publish(&access->object);
	return access;
}
EXPORT_SYMBOL_GPL(iommufd_access_create);

/**
 * iommufd_access_destroy() - Undo iommufd_access_create()
 * @access: has nothing pinned
 *
 * Context: may sleep; waits for unmap callbacks in progress, so the caller
 * holds no lock that they take.
 */
void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ictx = access->object.ictx;

	iommufd_access_detach(access);
	iommufd_object_remove(&access->object);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_access_destroy);

/* Everything is pinned no more once the owner was told. */
static void access_leave(struct iommufd_access *access)
{
	struct iommufd_ioas *ioas = access->ioas;

	lockdep_assert_held(&access->lock);
	if (!ioas)
		return;
	if (access->ops->unmap)
		access->ops->unmap(access->data, 0, U64_MAX);
	mapped_space_remove_client(&ioas->space, &access->client);
	access->ioas = NULL;
	iommufd_object_put(&ioas->object);
}

/**
 * iommufd_access_attach() - Choose the IOAS whose memory can be reached
 * @access: when it is attached already, it changes over: the owner is told to
 *          let go of everything first
 * @ioas_id: number of the IOAS
 *
 * The caller does not pin or copy meanwhile.
 *
 * Context: may sleep; calls back as iommufd_access_destroy().
 * Return: 0; -ENOENT when @ioas_id names no IOAS; -EADDRINUSE when the owner
 * pins and a mapping is not page aligned. Then the former IOAS stays.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	struct iommufd_ioas *ioas;
	int ret = 0;

	ioas = iommufd_ioas_get(access->object.ictx, ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	mutex_lock(&access->lock);
	if (ioas == access->ioas) {
		iommufd_object_put(&ioas->object);
		goto out_unlock;
	}
	/* What can fail, before the former one is left. */
	if (access->client.pins)
		ret = mapped_space_count_pinning(&ioas->space, 1);
	if (ret) {
		iommufd_object_put(&ioas->object);
		goto out_unlock;
	}
	access_leave(access);
	mapped_space_add_client(&ioas->space, &access->client);
	access->ioas = ioas;
out_unlock:
	mutex_unlock(&access->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(iommufd_access_attach);

/**
 * iommufd_access_detach() - Undo iommufd_access_attach()
 * @access: nothing happens when it is not attached
 *
 * The owner is told to let go of everything.
 *
 * Context: as iommufd_access_destroy().
 */
void iommufd_access_detach(struct iommufd_access *access)
{
	mutex_lock(&access->lock);
	access_leave(access);
	mutex_unlock(&access->lock);
}
EXPORT_SYMBOL_GPL(iommufd_access_detach);

static int access_prot(unsigned int flags)
{
	return flags & IOMMUFD_ACCESS_WRITE ? IOMMU_WRITE : IOMMU_READ;
}

/* The IOAS of a request; the owner does not detach while it is in progress. */
static struct mapped_space *access_space(struct iommufd_access *access,
					 u64 iova, u64 length)
{
	struct iommufd_ioas *ioas = READ_ONCE(access->ioas);
	u64 last;

	if (!length)
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(iova, length - 1, &last))
		return ERR_PTR(-EOVERFLOW);
	return ioas ? &ioas->space : ERR_PTR(-ENOENT);
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
	struct mapped_space *space = access_space(access, iova, length);

	if (WARN_ON(!access->client.pins))
		return -EINVAL;
	if (IS_ERR(space))
		return PTR_ERR(space);
	return mapped_space_pin(space, iova, length, access_prot(flags), pages);
}
EXPORT_SYMBOL_GPL(iommufd_access_pin);

/**
 * iommufd_access_unpin() - Undo one iommufd_access_pin()
 * @access: the same
 * @iova: the same
 * @length: the same
 *
 * Nothing happens for a range that is not pinned.
 *
 * Context: may sleep; may be called from the unmap callback.
 */
void iommufd_access_unpin(struct iommufd_access *access, u64 iova, u64 length)
{
	struct mapped_space *space = access_space(access, iova, length);

	if (!IS_ERR(space))
		mapped_space_unpin(space, iova, length);
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
	struct mapped_space *space = access_space(access, iova, length);

	if (IS_ERR(space))
		return PTR_ERR(space);
	return mapped_space_copy(space, iova, buffer, length,
				 flags & IOMMUFD_ACCESS_WRITE);
}
EXPORT_SYMBOL_GPL(iommufd_access_copy);
