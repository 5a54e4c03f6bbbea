// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAS object and its calls: the rules of the user interface. Ranges, pages
 * and tables are below mapped_space.h.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "file_memory.h"
#include "ioas.h"
#include "lock_order.h"
#include "mapping.h"
#include "mapping_fill.h"
#include "mapping_removal.h"
#include "process_memory.h"
#include "space_survey.h"
#include "trace.h"
#include "user_memory.h"

/* It serves VFIO groups no more. */
static void ioas_leave_groups(struct iommufd_ioas *ioas)
{
	struct iommufd_ctx *ictx = ioas->object.ictx;

	xa_lock(&ictx->objects);
	if (ictx->compat_ioas == ioas)
		ictx->compat_ioas = NULL;
	xa_unlock(&ictx->objects);
}

/**
 * iommufd_ioas_remove() - Remove every mapping inside a range
 * @ioas: where
 * @start: first IOVA
 * @last: last IOVA
 * @removed: set to the bytes removed, also when the call fails
 *
 * Return: as mapping_remove_range().
 */
int iommufd_ioas_remove(struct iommufd_ioas *ioas, u64 start, u64 last,
			u64 *removed)
{
	u64 begun = trace_begin(iommufd_unmap);
	int ret = mapping_remove_range(&ioas->space, start, last, removed);

	trace_end(iommufd_unmap, ioas->object.ictx->number, ioas->object.id,
		  start, last, *removed, trace_took(begun), ret);
	return ret;
}

static void ioas_destroy(struct iommufd_object *object)
{
	struct iommufd_ioas *ioas = container_of(object, struct iommufd_ioas,
						 object);
	u64 removed;

	ioas_leave_groups(ioas);
	/* Nobody else is left who could be making or removing one. */
	WARN_ON(iommufd_ioas_remove(ioas, 0, U64_MAX, &removed));
	mapped_space_destroy(&ioas->space);
	mutex_destroy(&ioas->attach_lock);
}

static void ioas_show(struct iommufd_object *object, struct seq_file *m)
{
	struct iommufd_ioas *ioas = container_of(object, struct iommufd_ioas,
						 object);

	seq_printf(m, "iommufd-ioas:\tid=%u", object->id);
	space_survey_show(&ioas->space, m);
	seq_printf(m, " alignment=%u large-pages=%d\n",
		   READ_ONCE(ioas->space.iova.alignment),
		   READ_ONCE(ioas->space.large_pages));
}

const struct iommufd_object_ops iommufd_ioas_ops = {
	.name = "IOAS",
	.destroy = ioas_destroy,
	.show = ioas_show,
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
	mapped_space_init(&ioas->space, &ictx->reason);
	lock_order_mutex_init(&ioas->attach_lock, PLACE_ATTACH);
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
 * them all. No lock is held over the copy, which may fault and then take as long
 * as another process likes: each round looks up where it stopped. Who attaches
 * a device meanwhile sees ranges of before and after.
 */
static int ioas_copy_ranges(struct mapped_space *space,
			    struct iommu_iova_range __user *array, u32 capacity,
			    u32 *count)
{
	struct usable_range usable = {};

	*count = 0;
	while (mapped_space_next_usable(space, &usable)) {
		struct iommu_iova_range range = {
			.start = usable.start,
			.last = usable.last,
		};

		if (*count < capacity &&
		    copy_to_user(&array[*count], &range, sizeof(range)))
			return -EFAULT;
		++*count;
	}
	return 0;
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

	ret = ioas_copy_ranges(&ioas->space, u64_to_user_ptr(arg->allowed_iovas),
			       capacity, &arg->num_iovas);
	arg->out_iova_alignment = READ_ONCE(ioas->space.iova.alignment);
	if (!ret)
		ret = iommufd_command_reply(command);
	if (!ret && arg->num_iovas > capacity)
		ret = reason_refuse(&command->ictx->reason, -EMSGSIZE,
				    "there are %u ranges, and room for %u",
				    arg->num_iovas, capacity);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int map_prot(u32 flags)
{
	return (flags & IOMMU_IOAS_MAP_READABLE ? IOMMU_READ : 0) |
	       (flags & IOMMU_IOAS_MAP_WRITEABLE ? IOMMU_WRITE : 0);
}

static int check_prot(struct iommufd_ctx *ictx, u32 flags)
{
	if (map_prot(flags))
		return 0;
	return reason_refuse(&ictx->reason, -EINVAL,
			     "devices are neither to read nor to write: one of the two flags is needed");
}

static int refuse_empty(struct iommufd_ctx *ictx)
{
	return reason_refuse(&ictx->reason, -EINVAL, "the length is 0");
}

/* What IOMMU_IOAS_MAP and IOMMU_IOAS_MAP_FILE begin with. */
static struct iommufd_ioas *map_begin(struct iommufd_ctx *ictx, u32 ioas_id,
				      u32 flags, u64 length, u64 iova)
{
	int ret;

	if (iova == U64_MAX || length == U64_MAX)
		return ERR_PTR(-EOVERFLOW);
	ret = check_prot(ictx, flags);
	return ret ? ERR_PTR(ret) : iommufd_ioas_get(ictx, ioas_id);
}

/* The memory has to be addressable, and its page count computable. */
static int check_memory(struct reason *reason, u64 address, u64 length)
{
	u64 end;

	if (check_add_overflow(address, length, &end) || end > ULONG_MAX)
		return -EOVERFLOW;
	if (!length || length > U64_MAX - PAGE_SIZE)
		return reason_refuse(reason, -EINVAL,
				     "the length is 0, or that of all addresses");
	/* The page of the last byte must have an end, too. */
	if (end > ULONG_MAX - PAGE_SIZE)
		return reason_refuse(reason, -EFAULT,
				     "no memory ends at address 0x%llx", end);
	return 0;
}

/**
 * struct map_request - one call that maps
 * @ioas: where
 * @address: of the first byte, in the process or in the file; not of a copy
 * @length: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE: what devices may do; not of a copy
 * @fixed: at @iova
 * @iova: set to where the mappings are
 * @command: whose argument @iova is in, for the reply; NULL for none
 * @runs: physically contiguous pieces; set when an event wants it
 */
struct map_request {
	struct iommufd_ioas *ioas;
	u64 address;
	u64 length;
	int prot;
	bool fixed;
	u64 *iova;
	const struct iommufd_command *command;
	unsigned long runs;
};

/*
 * Place and fill @mappings, which are freed when that fails. The reply is sent
 * when nothing else can fail, while the mappings are still ours alone. Once
 * they are live another thread may unmap them, and then they could not be taken
 * back.
 */
static int ioas_try_add(struct map_request *request,
			struct list_head *mappings)
{
	struct mapped_space *space = &request->ioas->space;
	struct mapping_place place = {
		.fixed = request->fixed,
		.iova = *request->iova,
	};
	int ret;

	ret = mappings_place(space, mappings, &place);
	if (ret)
		goto err_free;
	ret = mappings_fill(space, mappings);
	if (ret)
		goto err_displace;
	*request->iova = place.iova;
	if (trace_iommufd_map_enabled())
		request->runs = mappings_count_runs(mappings);
	if (request->command)
		ret = iommufd_command_reply(request->command);
	if (ret)
		goto err_clear;
	mappings_release(space, mappings);
	return 0;

err_clear:
	ret = mappings_clear(space, mappings) ?: ret;
err_displace:
	mappings_displace(space, mappings);
err_free:
	mappings_free(mappings);
	return ret;
}

static int ioas_add(struct map_request *request, struct list_head *mappings)
{
	u64 begun = trace_begin(iommufd_map);
	const struct iommufd_object *ioas = &request->ioas->object;
	int ret = ioas_try_add(request, mappings);

	trace_end(iommufd_map, ioas->ictx->number, ioas->id, *request->iova,
		  request->length, request->runs, trace_took(begun), ret);
	return ret;
}

/* @memory begins with the page of the request's address. */
static int ioas_add_memory(struct map_request *request,
			   struct user_memory *memory)
{
	LIST_HEAD(mappings);
	int ret;

	ret = mapping_create(&mappings, memory,
			     offset_in_page(request->address), request->length,
			     request->prot);
	return ret ?: ioas_add(request, &mappings);
}

/* Memory of the current process. */
static int ioas_add_user(struct map_request *request)
{
	struct user_memory *memory;
	int ret;

	ret = check_memory(&request->ioas->object.ictx->reason,
			   request->address, request->length);
	if (ret)
		return ret;
	memory = process_memory_create(request->address,
				       request->prot & IOMMU_WRITE,
				       &request->ioas->object.ictx->ledger);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	ret = ioas_add_memory(request, memory);
	user_memory_put(memory);
	return ret;
}

/**
 * iommufd_ioas_map_fixed() - Map memory of the current process
 * @ioas: where
 * @address: user address
 * @length: bytes
 * @iova: first IOVA
 * @prot: IOMMU_READ, IOMMU_WRITE: what a device may do
 *
 * Return: 0; an errno as of IOMMU_IOAS_MAP.
 */
int iommufd_ioas_map_fixed(struct iommufd_ioas *ioas, u64 address, u64 length,
			   u64 iova, int prot)
{
	struct map_request request = {
		.ioas = ioas,
		.address = address,
		.length = length,
		.prot = prot,
		.fixed = true,
		.iova = &iova,
	};

	if (iova == U64_MAX || length == U64_MAX)
		return -EOVERFLOW;
	return ioas_add_user(&request);
}

/* IOMMU_IOAS_MAP */
int iommufd_ioas_map(struct iommufd_command *command)
{
	struct iommu_ioas_map *arg = command->argument;
	struct map_request request = {
		.address = arg->user_va,
		.length = arg->length,
		.prot = map_prot(arg->flags),
		.fixed = arg->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.iova = &arg->iova,
		.command = command,
	};
	int ret;

	request.ioas = map_begin(command->ictx, arg->ioas_id, arg->flags,
				 arg->length, arg->iova);
	if (IS_ERR(request.ioas))
		return PTR_ERR(request.ioas);
	ret = ioas_add_user(&request);
	iommufd_object_put(&request.ioas->object);
	return ret;
}

static int ioas_add_file(struct map_request *request, int fd)
{
	struct user_memory *memory;
	struct file *file;
	u64 last;
	int ret;

	if (!request->length)
		return refuse_empty(request->ioas->object.ictx);
	if (check_add_overflow(request->address, request->length - 1, &last))
		return -EOVERFLOW;
	file = fget(fd);
	if (!file)
		return -EBADF;
	memory = file_memory_create(file, request->address,
				    request->prot & IOMMU_WRITE,
				    &request->ioas->object.ictx->ledger);
	fput(file);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	ret = ioas_add_memory(request, memory);
	user_memory_put(memory);
	return ret;
}

/* IOMMU_IOAS_MAP_FILE */
int iommufd_ioas_map_file(struct iommufd_command *command)
{
	struct iommu_ioas_map_file *arg = command->argument;
	struct map_request request = {
		.address = arg->start,
		.length = arg->length,
		.prot = map_prot(arg->flags),
		.fixed = arg->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.iova = &arg->iova,
		.command = command,
	};
	int ret;

	request.ioas = map_begin(command->ictx, arg->ioas_id, arg->flags,
				 arg->length, arg->iova);
	if (IS_ERR(request.ioas))
		return PTR_ERR(request.ioas);
	ret = ioas_add_file(&request, arg->fd);
	iommufd_object_put(&request.ioas->object);
	return ret;
}

/* Describe what is copied: references on its memory outlive the source. */
static int copy_source(struct iommufd_command *command,
		       struct list_head *mappings)
{
	struct iommu_ioas_copy *arg = command->argument;
	struct iommufd_ioas *source;
	u64 last;
	int ret;

	source = iommufd_ioas_get(command->ictx, arg->src_ioas_id);
	if (IS_ERR(source))
		return PTR_ERR(source);
	if (!arg->length)
		ret = refuse_empty(command->ictx);
	else if (check_add_overflow(arg->src_iova, arg->length - 1, &last))
		ret = -EOVERFLOW;
	else
		ret = mapping_create_copies(mappings, &source->space,
					    arg->src_iova, last,
					    map_prot(arg->flags));
	iommufd_object_put(&source->object);
	return ret;
}

/* IOMMU_IOAS_COPY */
int iommufd_ioas_copy(struct iommufd_command *command)
{
	struct iommu_ioas_copy *arg = command->argument;
	struct map_request request = {
		.length = arg->length,
		.fixed = arg->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
		.iova = &arg->dst_iova,
		.command = command,
	};
	LIST_HEAD(mappings);
	int ret;

	if (arg->length == U64_MAX || arg->src_iova == U64_MAX ||
	    arg->dst_iova == U64_MAX)
		return -EOVERFLOW;
	ret = check_prot(command->ictx, arg->flags);
	if (!ret)
		ret = copy_source(command, &mappings);
	if (ret)
		return ret;
	request.ioas = iommufd_ioas_get(command->ictx, arg->dst_ioas_id);
	if (IS_ERR(request.ioas)) {
		mappings_free(&mappings);
		return PTR_ERR(request.ioas);
	}
	ret = ioas_add(&request, &mappings);
	iommufd_object_put(&request.ioas->object);
	return ret;
}

static int ioas_unmap(struct iommufd_ioas *ioas, u64 iova, u64 length,
		      u64 *removed)
{
	u64 last;
	int ret;

	if (iova == 0 && length == U64_MAX)
		return iommufd_ioas_remove(ioas, 0, U64_MAX, removed);
	if (iova == U64_MAX || length == U64_MAX)
		return -EOVERFLOW;
	if (!length)
		return refuse_empty(ioas->object.ictx);
	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	ret = iommufd_ioas_remove(ioas, iova, last, removed);
	if (!ret && !*removed)
		ret = reason_refuse(&ioas->object.ictx->reason, -ENOENT,
				    "nothing is mapped in 0x%llx..0x%llx",
				    iova, last);
	return ret;
}

static int copy_intervals(struct iommufd_ctx *ictx,
			  struct rb_root_cached *intervals,
			  const struct iommu_iova_range __user *array, u32 nr)
{
	u32 i;

	for (i = 0; i != nr; i++) {
		struct iommu_iova_range range;
		int ret;

		if (copy_from_user(&range, &array[i], sizeof(range)))
			return -EFAULT;
		ret = iova_intervals_add(intervals, range.start, range.last);
		if (ret == -EINVAL)
			reason_refuse(&ictx->reason, ret,
				      "0x%llx..0x%llx has less than two bytes, or overlaps another range of the list",
				      range.start, range.last);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* IOMMU_IOAS_ALLOW_IOVAS */
int iommufd_ioas_allow_iovas(struct iommufd_command *command)
{
	struct iommu_ioas_allow_iovas *arg = command->argument;
	struct rb_root_cached intervals = RB_ROOT_CACHED;
	struct iommufd_ioas *ioas;
	int ret;

	ioas = iommufd_ioas_get(command->ictx, arg->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ret = copy_intervals(command->ictx, &intervals,
			     u64_to_user_ptr(arg->allowed_iovas),
			     arg->num_iovas);
	if (!ret)
		ret = mapped_space_swap_allowed(&ioas->space, &intervals);
	iova_intervals_free(&intervals);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int option_large_pages(struct iommufd_command *command,
			      struct iommufd_ioas *ioas)
{
	struct iommu_option *arg = command->argument;
	int ret;

	switch (arg->op) {
	case IOMMU_OPTION_OP_GET:
		arg->val64 = READ_ONCE(ioas->space.large_pages);
		return iommufd_command_reply(command);
	case IOMMU_OPTION_OP_SET:
		if (arg->val64 > 1)
			return reason_refuse(&command->ictx->reason, -EINVAL,
					     "the value has to be 0 or 1");
		/* It is the argument as it came: a failure changes nothing. */
		ret = iommufd_command_reply(command);
		if (ret)
			return ret;
		return mapped_space_set_large_pages(&ioas->space, arg->val64);
	default:
		return reason_refuse(&command->ictx->reason, -EOPNOTSUPP,
				     "an option has no operation %u", arg->op);
	}
}

/* IOMMU_OPTION with IOMMU_OPTION_HUGE_PAGES */
int iommufd_ioas_option(struct iommufd_command *command)
{
	struct iommu_option *arg = command->argument;
	struct iommufd_ioas *ioas;
	int ret;

	ioas = iommufd_ioas_get(command->ictx, arg->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ret = option_large_pages(command, ioas);
	iommufd_object_put(&ioas->object);
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
	/*
	 * What is unmapped cannot be taken back: see that the reply will do,
	 * with the argument as it came.
	 */
	ret = iommufd_command_reply(command);
	if (!ret)
		ret = ioas_unmap(ioas, arg->iova, arg->length, &arg->length);
	if (!ret)
		ret = iommufd_command_reply(command);
	iommufd_object_put(&ioas->object);
	return ret;
}
