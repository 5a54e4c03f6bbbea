// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd: user space manages the I/O page tables of its devices.
 *
 * A program opens /dev/iommu, makes objects there and maps memory; a driver
 * such as vfio-pci binds a device to the open file. This file has the nodes, the
 * table of calls, and what the table says of each before its handler runs.
 *
 * From a call to its handler: commands[] below. The locks and the test of each,
 * and who owns pinned pages: Documentation/driver-api/iommufd.rst. From a handler
 * down:
 *
 *	fdinfo.c		what /proc tells
 *	option.c		settings
 *	vfio_container.c	type1 calls on an IOAS
 *	compat_ioas.c		where VFIO groups attach
 *	compat_group.c		and what they cannot use there
 *	change_process.c	another process pays
 *	attach_device.c		which table a device is attached to
 *	attachment.c		what a group is attached to
 *	access.c		kernel drivers that reach memory with the CPU
 *	hwpt_alloc.c		IOMMU_HWPT_ALLOC
 *	dirty_tracking.c	which pages devices wrote to
 *	paging_hwpt.c		tables of an IOAS
 *	hwpt.c			what all tables have in common
 *	device.c		bind, and what is asked about a device
 *	cookie.c		names that the user chose for devices
 *	dma_fault_source.c	faults of a device
 *	dma_fault_queue.c	those that wait to be read
 *	dma_fault_ring.c	the records of these as data
 *	ioas.c			the IOAS and its calls
 *	process_memory.c	memory by its address in a process
 *	file_memory.c		memory by its offset in a file
 *	mapped_table.c		tables come and go
 *	mapping_cut.c		two mappings of one
 *	mapping_fill.c		into all tables
 *	mapping_removal.c	out of them, and away
 *	space_survey.c		how much is mapped, pinned and charged
 *	space_pinning.c		pins for the first table, and no more after the last
 *	mapped_client.c		kernel users of what is mapped
 *	mapping.c		mappings: described, placed and pinned
 *	mapped_space.c		the space, and what its tables have in common
 *	iova_space.c		ranges of IOVA as data
 *	user_memory.c		who holds which pages
 *	pinned_span.c		pages with the same holders
 *	user_pages.c		from their source into the record, and back
 *	page_runs.c		the record of pinned pages
 *	dirty_bitmap.c		pages that were written to, as the user sees them
 *	memory_charge.c		who pays
 *	command.c		the reply to a call
 *	object_file.c		objects that come with a file descriptor
 *	context.c		the open file
 *	object.c		numbers, references, destruction
 *	reason.c		why a call was refused
 *	ledger.c		what a test must not find left
 *	lock_order.c		which lock is taken inside of which
 *	trace.c			events for who watches
 *
 * Calls go down that list. `make check` sees to that.
 *
 * The order of the locks: lock_order.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "change_process.h"
#include "command.h"
#include "compat_ioas.h"
#include "context.h"
#include "cookie.h"
#include "device.h"
#include "dirty_tracking.h"
#include "dma_fault_queue.h"
#include "fdinfo.h"
#include "hwpt_alloc.h"
#include "ioas.h"
#include "lock_order.h"
#include "option.h"
#include "test_commands.h"
#include "trace.h"
#include "vfio_container.h"

/**
 * struct iommufd_command_info - one row of the table of calls
 * @ioctl: the full number
 * @name: without IOMMU_
 * @execute: the handler
 * @size: of the argument
 * @min_size: of its first version: what the caller has to supply
 * @flags_at: offset of the flags, 0 for a call that checks them itself
 * @flags: those that this kernel knows
 * @reserved_at: offset of a field that has to be zero
 * @reserved_size: its size, 0 for none
 */
struct iommufd_command_info {
	unsigned int ioctl;
	const char *name;
	int (*execute)(struct iommufd_command *command);
	u8 size;
	u8 min_size;
	u8 flags_at;
	u8 reserved_at;
	u8 reserved_size;
	u32 flags;
};

/* Room for the largest argument. */
union command_argument {
	struct iommu_destroy destroy;
	struct iommu_device_find device_find;
	struct iommu_dma_fault_queue dma_fault_queue;
	struct iommu_hw_info hw_info;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hwpt_get_dirty_bitmap get_dirty_bitmap;
	struct iommu_hwpt_set_dirty_tracking set_dirty_tracking;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas allow_iovas;
	struct iommu_ioas_change_process change_process;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_iova_ranges iova_ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_vfio_ioas vfio_ioas;
#ifdef CONFIG_IOMMUFD_TEST
	struct iommu_test_cmd test;
#endif
};

#define FLAGS(type, known) \
	.flags_at = offsetof(struct type, flags), .flags = known

#define RESERVED(type, field) \
	.reserved_at = offsetof(struct type, field), \
	.reserved_size = sizeof_field(struct type, field)

#define COMMAND(number, handler, type, last_of_first_version, ...)	\
	[_IOC_NR(number) - IOMMUFD_CMD_BASE] = {			\
		.ioctl = number,					\
		.name = &#number[sizeof("IOMMU_") - 1],		\
		.execute = handler,					\
		.size = sizeof(struct type) +				\
			BUILD_BUG_ON_ZERO(sizeof(struct type) >		\
					  sizeof(union command_argument)), \
		.min_size = offsetofend(struct type, last_of_first_version), \
		__VA_ARGS__						\
	}

static const struct iommufd_command_info commands[] = {
	COMMAND(IOMMU_DESTROY, iommufd_destroy, iommu_destroy, id),
	COMMAND(IOMMU_DEVICE_FIND, iommufd_cookie_find, iommu_device_find,
		dev_cookie),
	COMMAND(IOMMU_DMA_FAULT_QUEUE, iommufd_dma_fault_queue,
		iommu_dma_fault_queue, out_queue_fd,
		FLAGS(iommu_dma_fault_queue, 0),
		RESERVED(iommu_dma_fault_queue, __reserved)),
	COMMAND(IOMMU_GET_HW_INFO, iommufd_device_hw_info, iommu_hw_info,
		__reserved, FLAGS(iommu_hw_info, IOMMU_HW_INFO_FLAG_INPUT_TYPE),
		RESERVED(iommu_hw_info, __reserved)),
	COMMAND(IOMMU_HWPT_ALLOC, iommufd_hwpt_alloc, iommu_hwpt_alloc,
		__reserved, RESERVED(iommu_hwpt_alloc, __reserved)),
	COMMAND(IOMMU_HWPT_GET_DIRTY_BITMAP, iommufd_dirty_get_bitmap,
		iommu_hwpt_get_dirty_bitmap, data,
		FLAGS(iommu_hwpt_get_dirty_bitmap,
		      IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR),
		RESERVED(iommu_hwpt_get_dirty_bitmap, __reserved)),
	COMMAND(IOMMU_HWPT_SET_DIRTY_TRACKING, iommufd_dirty_set_tracking,
		iommu_hwpt_set_dirty_tracking, __reserved,
		FLAGS(iommu_hwpt_set_dirty_tracking,
		      IOMMU_HWPT_DIRTY_TRACKING_ENABLE)),
	COMMAND(IOMMU_IOAS_ALLOC, iommufd_ioas_alloc, iommu_ioas_alloc,
		out_ioas_id, FLAGS(iommu_ioas_alloc, 0)),
	COMMAND(IOMMU_IOAS_ALLOW_IOVAS, iommufd_ioas_allow_iovas,
		iommu_ioas_allow_iovas, allowed_iovas,
		RESERVED(iommu_ioas_allow_iovas, __reserved)),
	COMMAND(IOMMU_IOAS_CHANGE_PROCESS, iommufd_change_process,
		iommu_ioas_change_process, __reserved,
		RESERVED(iommu_ioas_change_process, __reserved)),
	COMMAND(IOMMU_IOAS_COPY, iommufd_ioas_copy, iommu_ioas_copy, src_iova,
		FLAGS(iommu_ioas_copy, IOMMU_IOAS_MAP_FIXED_IOVA |
		      IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)),
	COMMAND(IOMMU_IOAS_IOVA_RANGES, iommufd_ioas_iova_ranges,
		iommu_ioas_iova_ranges, out_iova_alignment,
		RESERVED(iommu_ioas_iova_ranges, __reserved)),
	COMMAND(IOMMU_IOAS_MAP, iommufd_ioas_map, iommu_ioas_map, iova,
		FLAGS(iommu_ioas_map, IOMMU_IOAS_MAP_FIXED_IOVA |
		      IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE),
		RESERVED(iommu_ioas_map, __reserved)),
	COMMAND(IOMMU_IOAS_MAP_FILE, iommufd_ioas_map_file,
		iommu_ioas_map_file, iova,
		FLAGS(iommu_ioas_map_file, IOMMU_IOAS_MAP_FIXED_IOVA |
		      IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)),
	COMMAND(IOMMU_IOAS_UNMAP, iommufd_ioas_unmap, iommu_ioas_unmap, length),
	COMMAND(IOMMU_OPTION, iommufd_option, iommu_option, val64,
		RESERVED(iommu_option, __reserved)),
	COMMAND(IOMMU_VFIO_IOAS, iommufd_compat_ioas, iommu_vfio_ioas,
		__reserved, RESERVED(iommu_vfio_ioas, __reserved)),
#ifdef CONFIG_IOMMUFD_TEST
	COMMAND(IOMMU_TEST_CMD, iommufd_test_command, iommu_test_cmd, last),
#endif
};

/*
 * A field that this kernel does not know: the caller relies on something that
 * would not happen.
 */
static int check_argument(const struct iommufd_command_info *info,
			  const struct iommufd_command *command)
{
	const void *argument = command->argument;
	struct reason *reason = &command->ictx->reason;

	if (info->flags_at) {
		u32 flags = *(const u32 *)(argument + info->flags_at);

		if (flags & ~info->flags)
			return reason_refuse(reason, -EOPNOTSUPP,
					     "this kernel does not know the flags 0x%x",
					     flags & ~info->flags);
	}
	if (memchr_inv(argument + info->reserved_at, 0, info->reserved_size))
		return reason_refuse(reason, -EOPNOTSUPP,
				     "a reserved field is not 0");
	return 0;
}

/* Each argument begins with its size. */
static int copy_argument(const struct iommufd_command_info *info,
			 struct iommufd_command *command)
{
	struct reason *reason = &command->ictx->reason;
	int ret;

	if (command->user_size < info->min_size)
		return reason_refuse(reason, -EINVAL,
				     "its structure is said to have %u bytes, it has at least %u",
				     command->user_size, info->min_size);
	command->size = info->size;
	ret = copy_struct_from_user(command->argument, info->size,
				    command->user, command->user_size);
	if (ret == -E2BIG)
		reason_refuse(reason, ret,
			      "this kernel knows %u bytes of its structure, and those above are not 0",
			      info->size);
	return ret ?: check_argument(info, command);
}

static long command_execute(struct iommufd_command *command, unsigned int cmd,
			    unsigned int index)
{
	const struct iommufd_command_info *info;
	int ret;

	info = &commands[array_index_nospec(index, ARRAY_SIZE(commands))];
	if (get_user(command->user_size, (u32 __user *)command->user))
		return -EFAULT;
	if (!info->execute || info->ioctl != cmd)
		return -ENOTTY;
	ret = copy_argument(info, command);
	if (ret)
		return ret;
	ret = info->execute(command);
	if (!ret && command->created)
		ret = iommufd_command_finish(command);
	return ret;
}

/* NULL for a call that has none */
static const char *command_name(unsigned int cmd)
{
	unsigned int index = _IOC_NR(cmd) - IOMMUFD_CMD_BASE;

	if (index >= ARRAY_SIZE(commands))
		return iommufd_vfio_container_call_name(cmd);
	index = array_index_nospec(index, ARRAY_SIZE(commands));
	return commands[index].ioctl == cmd ? commands[index].name : NULL;
}

/* It was refused: say so to who watches, and in fdinfo. */
static noinline void command_refused(struct iommufd_ctx *ictx, unsigned int cmd,
				     int ret)
{
	const char *name = command_name(cmd);
	char number[16];

	if (!name) {
		scnprintf(number, sizeof(number), "0x%x", cmd);
		name = number;
	}
	trace_iommufd_refuse(ictx->number, cmd, name, ret);
	/* Not what makes the call begin anew. */
	if (ret > -ERESTARTSYS)
		reason_finish(&ictx->reason, name, ret, NULL);
}

static long iommufd_ioctl(struct file *file, unsigned int cmd,
			  unsigned long address)
{
	unsigned int index = _IOC_NR(cmd) - IOMMUFD_CMD_BASE;
	union command_argument argument;
	struct iommufd_command command = {
		.ictx = file->private_data,
		.user = (void __user *)address,
		.argument = &argument,
	};
	long ret;

	if (index < ARRAY_SIZE(commands))
		ret = command_execute(&command, cmd, index);
	else
		ret = iommufd_vfio_container_ioctl(command.ictx, cmd, address);
	if (unlikely(ret < 0))
		command_refused(command.ictx, cmd, ret);
	return ret;
}

static bool is_vfio_container(struct file *file);

static int iommufd_open(struct inode *inode, struct file *file)
{
	enum memory_charge_class limited = MEMORY_CHARGE_USER;

	if (is_vfio_container(file)) {
		/* As the container of VFIO does */
		limited = MEMORY_CHARGE_MM;
		pr_info_once("iommufd serves /dev/vfio/vfio\n");
	}
	return iommufd_ctx_open(file, limited);
}

static const struct file_operations iommufd_fops = {
	.owner = THIS_MODULE,
	.open = iommufd_open,
	.release = iommufd_ctx_release,
	.unlocked_ioctl = iommufd_ioctl,
	/* Every structure has the same layout for 32-bit programs. */
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = iommufd_fdinfo_show,
	.llseek = noop_llseek,
};

static struct miscdevice iommufd_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.nodename = "iommu",
	.fops = &iommufd_fops,
	.mode = 0660,
};

/* In place of VFIO's container */
static struct miscdevice vfio_container_misc = {
	.minor = VFIO_MINOR,
	.name = "vfio",
	.nodename = "vfio/vfio",
	.fops = &iommufd_fops,
	.mode = 0666,
};

/* An open miscdevice is told which one it is. */
static bool is_vfio_container(struct file *file)
{
	return file->private_data == &vfio_container_misc;
}

static int __init iommufd_init(void)
{
	int ret = iommufd_test_init();

	if (ret)
		return ret;
	lock_order_teach();
	ret = misc_register(&iommufd_misc);
	if (ret)
		goto err_test;
	if (IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER)) {
		ret = misc_register(&vfio_container_misc);
		if (ret)
			goto err_misc;
	}
	return 0;

err_misc:
	misc_deregister(&iommufd_misc);
err_test:
	iommufd_test_exit();
	return ret;
}

static void __exit iommufd_exit(void)
{
	if (IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER))
		misc_deregister(&vfio_container_misc);
	misc_deregister(&iommufd_misc);
	iommufd_test_exit();
}

module_init(iommufd_init);
module_exit(iommufd_exit);

#ifdef CONFIG_IOMMUFD_VFIO_CONTAINER
MODULE_ALIAS_MISCDEV(VFIO_MINOR);
MODULE_ALIAS("devname:vfio/vfio");
#endif
MODULE_DESCRIPTION("I/O address space management for user space");
MODULE_LICENSE("GPL");
