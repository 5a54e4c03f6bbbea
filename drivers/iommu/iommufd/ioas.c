// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAS object and its calls. Ranges, pages and tables are the business of
 * mapping.c; here are the rules of the user interface.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "compat_ioas.h"
#include "context.h"
#include "ioas.h"

static void ioas_destroy(struct iommufd_object *object)
{
	struct iommufd_ioas *ioas = container_of(object, struct iommufd_ioas,
						 object);
	u64 removed;

	iommufd_compat_ioas_forget(ioas);
	/* Nobody else is left who could be making or removing one. */
	WARN_ON(mapping_remove_all(&ioas->space, &removed));
	mapped_space_destroy(&ioas->space);
	mutex_destroy(&ioas->attach_lock);
}

const struct iommufd_object_ops iommufd_ioas_ops = {
	.destroy = ioas_destroy,
};

struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *object = iommufd_object_get(ictx, id,
							   &iommufd_ioas_ops);

	if (IS_ERR(object))
		return ERR_CAST(object);
	return container_of(object, struct iommufd_ioas, object);
}

/* Not published yet. */
struct iommufd_ioas *iommufd_ioas_create(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	ioas = iommufd_object_create(ictx, struct iommufd_ioas,
				     &iommufd_ioas_ops);
	if (IS_ERR(ioas))
		return ioas;
	mapped_space_init(&ioas->space);
	mutex_init(&ioas->attach_lock);
	INIT_LIST_HEAD(&ioas->automatic);
	return ioas;
}

/* IOMMU_IOAS_ALLOC */
int iommufd_ioas_alloc(struct iommufd_command *command)
{
	struct iommu_ioas_alloc *arg = command->argument;
	struct iommufd_ioas *ioas = iommufd_ioas_create(command->ictx);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	arg->out_ioas_id = ioas->object.id;
	command->created = &ioas->object;
	return 0;
}

/*
 * Write the usable ranges to the user's array as far as it goes, and count
 * them all. The leaf lock is not held over the copy, which may fault: each
 * round looks up where it stopped.
 */
static int ioas_copy_ranges(struct mapped_space *space,
			    struct iommu_iova_range __user *array, u32 capacity,
			    u32 *count)
{
	u64 from = 0;

	*count = 0;
	for (;;) {
		struct iommu_iova_range range;
		bool found;

		mutex_lock(&space->lock);
		found = iova_space_next_usable(&space->iova, from, &range.start,
					       &range.last);
		mutex_unlock(&space->lock);
		if (!found)
			return 0;
		if (*count < capacity &&
		    copy_to_user(&array[*count], &range, sizeof(range)))
			return -EFAULT;
		++*count;
		if (range.last == U64_MAX)
			return 0;
		from = range.last + 1;
	}
}

/* IOMMU_IOAS_IOVA_RANGES */
int iommufd_ioas_iova_ranges(struct iommufd_command *command)
{
	struct iommu_ioas_iova_ranges *arg = command->argument;
	u32 capacity = arg->num_iovas;
	struct iommufd_ioas *ioas;
	int ret;

	ioas = iommufd_ioas_get(command->ictx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	/* Attach and detach change the ranges: hold them off for a whole list. */
	down_read(&ioas->space.tables_lock);
	ret = ioas_copy_ranges(&ioas->space, u64_to_user_ptr(arg->allowed_iovas),
			       capacity, &arg->num_iovas);
	arg->out_iova_alignment = ioas->space.iova.alignment;
	up_read(&ioas->space.tables_lock);

	if (!ret)
		ret = iommufd_command_reply(command);
	if (!ret && arg->num_iovas > capacity)
		ret = -EMSGSIZE;
	iommufd_object_put(&ioas->object);
	return ret;
}

static int map_check(const struct iommu_ioas_map *arg)
{
	if (arg->iova == U64_MAX || arg->length == U64_MAX)
		return -EOVERFLOW;
	if (!(arg->flags & (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)))
		return -EINVAL;
	return 0;
}

/* The memory has to be addressable, and its page count computable. */
static int map_check_memory(u64 address, u64 length)
{
	u64 end;

	if (check_add_overflow(address, length, &end) || end > ULONG_MAX)
		return -EOVERFLOW;
	if (!length || length > U64_MAX - PAGE_SIZE)
		return -EINVAL;
	/* The page of the last byte must have an end, too. */
	if (end > ULONG_MAX - PAGE_SIZE)
		return -EFAULT;
	return 0;
}

static int map_prot(u32 flags)
{
	return (flags & IOMMU_IOAS_MAP_READABLE ? IOMMU_READ : 0) |
	       (flags & IOMMU_IOAS_MAP_WRITEABLE ? IOMMU_WRITE : 0);
}

static int ioas_map(struct iommufd_command *command, struct iommufd_ioas *ioas)
{
	struct iommu_ioas_map *arg = command->argument;
	const struct mapping_request request = {
		.address = arg->user_va,
		.length = arg->length,
		.iova = arg->iova,
		.fixed = arg->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.prot = map_prot(arg->flags),
	};
	struct mapping *mapping;
	int ret;

	ret = map_check_memory(arg->user_va, arg->length);
	if (ret)
		return ret;
	mapping = mapping_create(&ioas->space, &request);
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);

	/*
	 * Reply while the mapping is still ours alone: once it is live another
	 * thread may unmap it, and then it could not be taken back.
	 */
	arg->iova = mapping->area.start;
	ret = iommufd_command_reply(command);
	if (!ret)
		ret = mapping_fill(&ioas->space, mapping);
	if (ret)
		mapping_destroy(&ioas->space, mapping);
	return ret;
}

/* IOMMU_IOAS_MAP */
int iommufd_ioas_map(struct iommufd_command *command)
{
	struct iommu_ioas_map *arg = command->argument;
	struct iommufd_ioas *ioas;
	int ret;

	ret = map_check(arg);
	if (ret)
		return ret;
	ioas = iommufd_ioas_get(command->ictx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ret = ioas_map(command, ioas);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int ioas_unmap(struct iommufd_ioas *ioas, u64 iova, u64 length,
		      u64 *removed)
{
	u64 last;
	int ret;

	if (iova == 0 && length == U64_MAX)
		return mapping_remove_all(&ioas->space, removed);
	if (iova == U64_MAX || length == U64_MAX)
		return -EOVERFLOW;
	if (!length)
		return -EINVAL;
	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	ret = mapping_remove_range(&ioas->space, iova, last, removed);
	if (!ret && !*removed)
		ret = -ENOENT;
	return ret;
}

/* IOMMU_IOAS_UNMAP */
int iommufd_ioas_unmap(struct iommufd_command *command)
{
	struct iommu_ioas_unmap *arg = command->argument;
	struct iommufd_ioas *ioas;
	int ret;

	ioas = iommufd_ioas_get(command->ictx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	/* What is unmapped cannot be taken back: see that the reply will do. */
	ret = iommufd_command_reply(command);
	if (!ret)
		ret = ioas_unmap(ioas, arg->iova, arg->length, &arg->length);
	if (!ret)
		ret = iommufd_command_reply(command);
	iommufd_object_put(&ioas->object);
	return ret;
}
