/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * iommufd: I/O address spaces for devices driven from user space.
 *
 * Terms:
 *
 * context
 *	One open of /dev/iommu. It owns objects; each has an ID of 1 or more
 *	that is unique in its context. 0 never names anything.
 * IOVA
 *	The address a device puts on the bus.
 * IOAS
 *	I/O address space: says which user memory stands behind which IOVA.
 * HWPT
 *	Hardware page table: the form of an IOAS that an IOMMU walks. Attaching
 *	a device to an IOAS makes one as needed, IOMMU_HWPT_ALLOC makes one by
 *	hand.
 * device
 *	A device that a driver, such as VFIO, has bound to the context.
 */
#ifndef _UAPI_IOMMUFD_H
#define _UAPI_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_TYPE (';')

/**
 * DOC: Rules of every ioctl on /dev/iommu
 *
 * The argument is a structure whose first field, size, the caller sets to the
 * sizeof() it was compiled with. Structures only grow, so both directions of
 * version difference work: fields beyond the caller's size read as zero in the
 * kernel, and a caller may pass a longer structure than the kernel knows as
 * long as the excess is zero. The kernel never writes beyond the caller's
 * size.
 *
 * Fields named out_* are written by the kernel, and only on success unless the
 * field says otherwise. A call that fails changes nothing unless it says
 * otherwise.
 *
 * These errors are common to all calls and not repeated for each:
 *
 * ================= ========================================================
 * ENOTTY            The kernel does not have this call. The way to probe.
 * E2BIG             Bytes behind the structure known to the kernel are set.
 * EOPNOTSUPP        A flag, an operation, a type or a reserved field asks
 *                   for what this kernel does not do.
 * EINVAL            The size is below the first version of the structure,
 *                   or a value is wrong.
 * ENOENT            An ID names nothing, or an object of another type.
 * EFAULT            The argument, or memory it points to, is not accessible.
 * ENOMEM            No memory.
 * ================= ========================================================
 */
enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE,
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOMMUFD_CMD_IOAS_COPY = 0x83,
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
	IOMMUFD_CMD_IOAS_MAP = 0x85,
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
	IOMMUFD_CMD_OPTION = 0x87,
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOMMUFD_CMD_DEVICE_FIND = 0xc0,
	IOMMUFD_CMD_DMA_FAULT_QUEUE = 0xc1
};

/**
 * struct iommu_destroy - ioctl(IOMMU_DESTROY)
 * @size: sizeof(struct iommu_destroy)
 * @id: Object to remove, of whatever type
 *
 * The object and everything it holds are gone when the call returns: the
 * mappings of an IOAS are removed and their memory is unpinned.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   ENOENT            No such object.
 *   EBUSY             Something still needs it: an IOAS while an HWPT is made
 *                     from it or an emulated device is attached to it, an
 *                     HWPT while a device is attached to it, a device always
 *                     (its driver removes it when the device file is closed), a
 *                     queue of DMA faults while its file is open, any object
 *                     while another call on it is in progress.
 *   ================= ========================================================
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};
#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)

/**
 * struct iommu_ioas_alloc - ioctl(IOMMU_IOAS_ALLOC)
 * @size: sizeof(struct iommu_ioas_alloc)
 * @flags: Must be 0
 * @out_ioas_id: ID of the new IOAS
 *
 * Create an empty IOAS. Every IOVA from 0 to 2^64 - 1 is usable until devices
 * or HWPTs narrow it.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        A flag is set.
 *   ================= ========================================================
 */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};
#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)

/**
 * struct iommu_iova_range - One interval of IOVA, both ends included
 * @start: First IOVA
 * @last: Last IOVA, so that an interval can reach the top of 64 bits
 */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct iommu_ioas_iova_ranges - ioctl(IOMMU_IOAS_IOVA_RANGES)
 * @size: sizeof(struct iommu_ioas_iova_ranges)
 * @ioas_id: IOAS to ask about
 * @num_iovas: In: how many elements fit in @allowed_iovas. Out, also with
 *	       EMSGSIZE: how many intervals there are
 * @__reserved: Must be 0
 * @allowed_iovas: Pointer to an array of struct iommu_iova_range, may be null
 *		   if @num_iovas is 0
 * @out_iova_alignment: Every IOVA, length and offset in a page of a mapping
 *			must be a multiple of this; a power of two, at most
 *			the page size. Written also with EMSGSIZE
 *
 * Report which IOVAs may be mapped, in ascending order. Mappings, and what
 * IOMMU_IOAS_ALLOW_IOVAS asked for, do not change the report. Attaching a
 * device or making a HWPT can shrink it, detaching can widen it again.
 *
 * A first call with @num_iovas 0 tells the number of intervals. With a short
 * array as many intervals as fit are written, in order.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        @__reserved is set.
 *   ENOENT            No such IOAS.
 *   EMSGSIZE          There are more intervals than fit in the array.
 *   EFAULT            The array is not writable.
 *   ================= ========================================================
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};
#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)

/**
 * struct iommu_ioas_allow_iovas - ioctl(IOMMU_IOAS_ALLOW_IOVAS)
 * @size: sizeof(struct iommu_ioas_allow_iovas)
 * @ioas_id: IOAS to change
 * @num_iovas: Number of elements of @allowed_iovas, 0 to lift all restrictions
 * @__reserved: Must be 0
 * @allowed_iovas: Pointer to an array of struct iommu_iova_range, in any order
 *
 * State which IOVAs the program relies on. From then on a device or HWPT that
 * would take one of them away is refused, and IOVAs chosen by the kernel lie
 * inside the list, also across elements that touch. A mapping at an IOVA of the
 * caller's choice may still lie outside. The list replaces the former one as a
 * whole.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        @__reserved is set.
 *   ENOENT            No such IOAS.
 *   EFAULT            The array is not readable.
 *   EINVAL            An element has start >= last, or two elements overlap.
 *   EADDRINUSE        An element touches IOVAs that are not usable now.
 *   ================= ========================================================
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};
#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)

/**
 * enum iommufd_ioas_map_flags - Flags of IOMMU_IOAS_MAP, IOMMU_IOAS_MAP_FILE
 * and IOMMU_IOAS_COPY
 * @IOMMU_IOAS_MAP_FIXED_IOVA: Map at the IOVA given. Without it the kernel
 *			       chooses a free one and reports it
 * @IOMMU_IOAS_MAP_WRITEABLE: The device may write the memory
 * @IOMMU_IOAS_MAP_READABLE: The device may read the memory
 */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
	IOMMU_IOAS_MAP_READABLE = 1 << 2
};

/**
 * struct iommu_ioas_map - ioctl(IOMMU_IOAS_MAP)
 * @size: sizeof(struct iommu_ioas_map)
 * @flags: Combination of enum iommufd_ioas_map_flags, with at least one of
 *	   READABLE and WRITEABLE
 * @ioas_id: IOAS to map into
 * @__reserved: Must be 0
 * @user_va: Start of the memory in the caller's address space
 * @length: Bytes to map
 * @iova: In: where to map, if FIXED_IOVA is set. Out: where the mapping starts;
 *	  may be written also when the call fails
 *
 * Give devices access to the caller's memory. While the IOAS has an HWPT the
 * pages are pinned and translated before the call returns, and they stay the
 * same pages whatever the process does to its address space afterwards. An
 * IOAS without HWPT only records the request: the memory is looked at when
 * the first HWPT appears, and a bad address makes that attach fail.
 *
 * Pinned memory counts against RLIMIT_MEMLOCK unless the caller has
 * CAP_IPC_LOCK.
 *
 * An IOVA chosen by the kernel is never in the first page, lies inside the
 * list of IOMMU_IOAS_ALLOW_IOVAS if there is one, and is aligned so that large
 * IOMMU pages can be used where the memory permits.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown flag, or @__reserved is set.
 *   EOVERFLOW         @iova or @length is 2^64 - 1, @user_va + @length or
 *                     @iova + @length wraps, or the kernel is to choose an
 *                     IOVA for 2^63 - 1 bytes or more.
 *   EINVAL            Neither READABLE nor WRITEABLE; @length is 0 or within a
 *                     page of 2^64; @length, @iova or the memory's offset in
 *                     its page is not a multiple of the alignment reported by
 *                     IOMMU_IOAS_IOVA_RANGES; @iova is not usable.
 *   ENOENT            No such IOAS.
 *   EEXIST            The IOVA is mapped already, in part or in whole.
 *   ENOSPC            No free IOVA of that length.
 *   EFAULT            The memory is not mapped, does not permit the access
 *                     asked for, or is device memory.
 *   ENOMEM            The memory-lock limit would be exceeded.
 *   EIO               The map failed, and the IOMMU driver did not undo what it
 *                     had done of it. Memory and IOVA stay taken, as with EIO
 *                     of IOMMU_IOAS_UNMAP.
 *   ================= ========================================================
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)

/**
 * struct iommu_ioas_map_file - ioctl(IOMMU_IOAS_MAP_FILE)
 * @size: sizeof(struct iommu_ioas_map_file)
 * @flags: Combination of enum iommufd_ioas_map_flags, with at least one of
 *	   READABLE and WRITEABLE
 * @ioas_id: IOAS to map into
 * @fd: A memfd, or another file of tmpfs or hugetlbfs
 * @start: Offset in the file of the first byte to map
 * @length: Bytes to map
 * @iova: In: where to map, if FIXED_IOVA is set. Out: where the mapping starts;
 *	  may be written also when the call fails
 *
 * Give devices access to the memory of a file, as IOMMU_IOAS_MAP does to that
 * of a process. The mapping belongs to no address space: no process needs the
 * file mapped, and the memory can be pinned for a later HWPT after the caller
 * is gone. The mapping keeps the file open.
 *
 * Pinning allocates pages that the file lacks. Pinned pages stay with the
 * mapping when the file is truncated or a hole is punched.
 *
 * What mmap() does not let a process do with the file, devices may not do: @fd
 * has to be open for reading, and for WRITEABLE for writing, too, and the file
 * must not be sealed against writing. F_SEAL_WRITE cannot be added (EBUSY)
 * while there is a mapping that was made WRITEABLE, or a copy of it, nor while
 * any page of the file is pinned, be it for reading. F_SEAL_FUTURE_WRITE can,
 * and leaves the mappings that there are.
 *
 * Return: 0, or -1 with errno; besides these, as IOMMU_IOAS_MAP
 *
 *   ================= ========================================================
 *   EBADF             @fd is not open.
 *   EACCES            @fd is not open for reading, or for WRITEABLE not for
 *                     writing; or the file may only be appended to.
 *   EPERM             WRITEABLE, and the file is sealed against writing.
 *   EOVERFLOW         @start + @length is more than 2^64.
 *   EINVAL            The offset of @start in its page is not a multiple of
 *                     the alignment. When pages are pinned: the file is of
 *                     another kind, or ends before the range does.
 *   ENOMEM            Also: no room in the file system, or no huge page left.
 *   EBUSY             A page is where pinned ones must not stay, and cannot be
 *                     moved.
 *   EIO               A page cannot be read.
 *   ================= ========================================================
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)

/**
 * struct iommu_ioas_copy - ioctl(IOMMU_IOAS_COPY)
 * @size: sizeof(struct iommu_ioas_copy)
 * @flags: Combination of enum iommufd_ioas_map_flags, as for IOMMU_IOAS_MAP.
 *	   It holds for the copy and is independent of the source's, except
 *	   that WRITEABLE needs a source that is WRITEABLE
 * @dst_ioas_id: IOAS to map into
 * @src_ioas_id: IOAS to take from; may be the same one
 * @length: Bytes to copy
 * @dst_iova: In: where to map, if FIXED_IOVA is set. Out: where it starts; may
 *	      be written also when the call fails
 * @src_iova: Start of the source range
 *
 * Map memory that an IOAS maps already. The source range may begin and end
 * inside mappings and span several that lie side by side. Both sides share the
 * memory: it is pinned and charged once and lives until the last user goes, so
 * the source may be unmapped while the copy stays.
 *
 * Return: 0, or -1 with errno; besides these, as IOMMU_IOAS_MAP
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown flag.
 *   EOVERFLOW         @length or an IOVA is 2^64 - 1, or a range wraps.
 *   EINVAL            No permission asked for, @length is 0, or a part of the
 *                     copy would not have the alignment the destination needs.
 *   ENOENT            No such IOAS, or a part of the source is not mapped.
 *   EPERM             WRITEABLE asked for on memory mapped without it.
 *   ================= ========================================================
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};
#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)

/**
 * struct iommu_ioas_unmap - ioctl(IOMMU_IOAS_UNMAP)
 * @size: sizeof(struct iommu_ioas_unmap)
 * @ioas_id: IOAS to change
 * @iova: Start of the range
 * @length: In: bytes in the range. Out: bytes of mappings removed
 *
 * Remove every mapping that lies in the range. The range may be larger than
 * the mappings and contain holes, but mappings are never cut: each one must
 * lie inside as a whole. @iova 0 with @length 2^64 - 1 removes everything and
 * succeeds even when there is nothing.
 *
 * When the call returns, devices no longer reach the memory through this IOAS
 * and the memory is unpinned.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOVERFLOW         @iova or @length is 2^64 - 1 other than to remove
 *                     everything, or the range wraps.
 *   EINVAL            @length is 0.
 *   ENOENT            No such IOAS; nothing is mapped in the range; or a
 *                     mapping lies only partly in it. In the last case the
 *                     mappings below that one are gone already.
 *   EBUSY             Another thread is mapping or unmapping in the range.
 *   EDEADLK           A driver in the kernel does not let go of the memory.
 *   EIO               The IOMMU driver did not unmap a mapping in the range,
 *                     now or earlier. That one stays, and so may its neighbours
 *                     above; others are gone. No call removes it: it ends with
 *                     the last HWPT of the IOAS.
 *   ================= ========================================================
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};
#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)

/**
 * struct iommu_ioas_change_process - ioctl(IOMMU_IOAS_CHANGE_PROCESS)
 * @size: sizeof(struct iommu_ioas_change_process)
 * @__reserved: Must be 0
 *
 * Charge the caller, in place of whoever mapped it, for all memory that the
 * IOASes of the context map. With this a program can hand its devices to a
 * successor, to which it has sent the file descriptors. How memory is charged,
 * see IOMMU_OPTION_RLIMIT_MODE, stays as it was for each mapping.
 *
 * Only memory of files can move, since other memory is part of the process
 * that mapped it. Everything moves, or nothing does.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        @__reserved is set.
 *   EINVAL            A mapping was not made by IOMMU_IOAS_MAP_FILE, or copied
 *                     from one that was.
 *   EBUSY             Another thread is mapping.
 *   ENOMEM            The caller's memory-lock limit would be exceeded.
 *   ================= ========================================================
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};
#define IOMMU_IOAS_CHANGE_PROCESS \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)

/**
 * enum iommufd_option - What IOMMU_OPTION reads and sets
 * @IOMMU_OPTION_RLIMIT_MODE: Whom pinned memory is charged to: 0 the user that
 *			      mapped it (default), 1 the process that mapped
 *			      it. Setting needs CAP_SYS_RESOURCE and a context
 *			      without objects. The object ID must be 0
 * @IOMMU_OPTION_HUGE_PAGES: 1 to use large IOMMU pages (default), 0 to map
 *			     page by page. The object ID names an IOAS
 */
enum iommufd_option {
	IOMMU_OPTION_RLIMIT_MODE = 0,
	IOMMU_OPTION_HUGE_PAGES = 1
};

/**
 * enum iommufd_option_ops - What to do with an option
 * @IOMMU_OPTION_OP_SET: Set it to val64
 * @IOMMU_OPTION_OP_GET: Store it in val64
 */
enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1
};

/**
 * struct iommu_option - ioctl(IOMMU_OPTION)
 * @size: sizeof(struct iommu_option)
 * @option_id: One of enum iommufd_option
 * @op: One of enum iommufd_option_ops
 * @__reserved: Must be 0
 * @object_id: Object the option belongs to
 * @val64: Value to set, or the value read
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown option or operation, @__reserved is set, or
 *                     RLIMIT_MODE with an object ID.
 *   ENOENT            HUGE_PAGES with an ID that is no IOAS.
 *   EINVAL            The value is neither 0 nor 1; HUGE_PAGES cleared while
 *                     the IOAS has both mappings and an HWPT.
 *   EPERM             RLIMIT_MODE set without CAP_SYS_RESOURCE.
 *   EBUSY             RLIMIT_MODE set while the context has an object.
 *   EADDRINUSE        HUGE_PAGES cleared while a mapping is not aligned to
 *                     pages.
 *   ================= ========================================================
 */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};
#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)

/**
 * enum iommufd_vfio_ioas_op - Operations of IOMMU_VFIO_IOAS
 * @IOMMU_VFIO_IOAS_GET: Report the compatibility IOAS
 * @IOMMU_VFIO_IOAS_SET: Make an IOAS the compatibility IOAS, in place of a
 *			 former one
 * @IOMMU_VFIO_IOAS_CLEAR: Have no compatibility IOAS
 */
enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2
};

/**
 * struct iommu_vfio_ioas - ioctl(IOMMU_VFIO_IOAS)
 * @size: sizeof(struct iommu_vfio_ioas)
 * @ioas_id: SET: the IOAS to use. GET: where its ID is stored
 * @op: One of enum iommufd_vfio_ioas_op
 * @__reserved: Must be 0
 *
 * The compatibility IOAS is the one that devices opened through a VFIO group
 * on this context are attached to. VFIO_GROUP_SET_CONTAINER makes one if there
 * is none. A change affects devices opened later. Being the compatibility IOAS
 * does not keep an IOAS from being destroyed.
 *
 * What the groups on this context cannot use is reserved in the compatibility
 * IOAS, also before a device of them is opened.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown operation, or @__reserved is set.
 *   ENODEV            GET: there is no compatibility IOAS.
 *   ENOENT            SET: no such IOAS.
 *   EADDRINUSE        SET: a mapping, or an allowed range, is where a group on
 *                     this context cannot have one.
 *   ENOMEM            SET: no memory.
 *   ================= ========================================================
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};
#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)

/**
 * enum iommufd_hwpt_alloc_flags - Flags of IOMMU_HWPT_ALLOC
 * @IOMMU_HWPT_ALLOC_NEST_PARENT: The table can be the parent of nested ones
 * @IOMMU_HWPT_ALLOC_DIRTY_TRACKING: The table can tell which pages devices
 *				     wrote to; devices whose IOMMU cannot do
 *				     that are not attached to it
 * @IOMMU_HWPT_FAULT_ID_VALID: Page requests of devices attached to the table
 *			       go to the fault queue fault_id
 *
 * This kernel does DIRTY_TRACKING alone, for devices that have
 * IOMMU_HW_CAP_DIRTY_TRACKING, and answers EOPNOTSUPP to the others.
 */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2
};

/**
 * enum iommu_hwpt_vtd_s1_flags - Flags of struct iommu_hwpt_vtd_s1
 * @IOMMU_VTD_S1_SRE: Permit supervisor requests
 * @IOMMU_VTD_S1_EAFE: Let the IOMMU set the extended-accessed bit of entries
 * @IOMMU_VTD_S1_WPE: Write protection holds for supervisor requests too
 */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,
	IOMMU_VTD_S1_EAFE = 1 << 1,
	IOMMU_VTD_S1_WPE = 1 << 2
};

/**
 * struct iommu_hwpt_vtd_s1 - A first-stage table of Intel VT-d, kept by a guest
 * @flags: Combination of enum iommu_hwpt_vtd_s1_flags
 * @pgtbl_addr: Address of its root, in the address space of the parent HWPT
 * @addr_width: Bits of the addresses it translates
 * @__reserved: Must be 0
 */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/**
 * enum iommu_hwpt_data_type - What data_uptr of IOMMU_HWPT_ALLOC points to
 * @IOMMU_HWPT_DATA_NONE: Nothing
 * @IOMMU_HWPT_DATA_VTD_S1: struct iommu_hwpt_vtd_s1, for a nested table. This
 *			    kernel does not make such tables yet and answers
 *			    EOPNOTSUPP
 */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,
	IOMMU_HWPT_DATA_VTD_S1 = 1
};

/**
 * struct iommu_hwpt_alloc - ioctl(IOMMU_HWPT_ALLOC)
 * @size: sizeof(struct iommu_hwpt_alloc)
 * @flags: Combination of enum iommufd_hwpt_alloc_flags
 * @dev_id: Device whose IOMMU is to walk the table; bound, not necessarily
 *	    attached
 * @pt_id: IOAS the table is made from
 * @out_hwpt_id: ID of the new HWPT
 * @__reserved: Must be 0
 * @data_type: One of enum iommu_hwpt_data_type
 * @data_len: Bytes at @data_uptr, 0 if and only if @data_type is NONE
 * @data_uptr: Pointer to what @data_type describes
 * @fault_id: Fault queue, only looked at with IOMMU_HWPT_FAULT_ID_VALID
 * @__reserved2: Not looked at
 *
 * Make a page table that holds all mappings of the IOAS, present and future.
 * The mapped memory is pinned by this call, and the limits of the device's
 * IOMMU narrow the usable IOVAs of the IOAS. Devices are attached to it by
 * its ID; attaching to the ID of the IOAS never picks it.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        A flag, @data_type or reserved field asks for what the
 *                     kernel or the device's IOMMU does not do, see
 *                     IOMMU_HW_CAP_DIRTY_TRACKING; or the IOMMU
 *                     driver cannot prepare a table while the device's group
 *                     is attached to another one.
 *   EINVAL            @data_type and @data_len disagree, @pt_id names nothing
 *                     a table can be made from, or the smallest page of the
 *                     IOMMU is larger than the CPU's.
 *   ENOENT            @dev_id names no device.
 *   EADDRINUSE        A mapping, or the list of IOMMU_IOAS_ALLOW_IOVAS, uses
 *                     IOVAs that the device's IOMMU cannot translate.
 *   EFAULT            Memory that the IOAS maps cannot be pinned.
 *   ENOMEM            The memory-lock limit would be exceeded.
 *   ================= ========================================================
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};
#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)

/**
 * enum iommu_hw_info_vtd_flags - Errata of Intel VT-d that matter to programs
 * @IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17: A table that is the parent of nested
 *					   ones must not have read-only mappings
 */
enum iommu_hw_info_vtd_flags {
	IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0
};

/**
 * struct iommu_hw_info_vtd - What Intel VT-d reports through GET_HW_INFO
 * @flags: Combination of enum iommu_hw_info_vtd_flags
 * @__reserved: 0
 * @cap_reg: Capability register
 * @ecap_reg: Extended capability register
 *
 * The registers are explained in the Intel VT-d specification. They describe
 * the hardware; what the kernel uses of it is told by the other calls.
 */
struct iommu_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

/**
 * enum iommu_hw_info_type - What data_uptr of IOMMU_GET_HW_INFO receives
 * @IOMMU_HW_INFO_TYPE_NONE: Out: nothing, the IOMMU driver reports no data
 * @IOMMU_HW_INFO_TYPE_DEFAULT: In: whatever type the IOMMU driver has
 * @IOMMU_HW_INFO_TYPE_INTEL_VTD: struct iommu_hw_info_vtd
 */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1
};

/**
 * enum iommufd_hw_capabilities - What the kernel can do with a device's IOMMU
 * @IOMMU_HW_CAP_DIRTY_TRACKING: Make HWPTs with
 *				 IOMMU_HWPT_ALLOC_DIRTY_TRACKING
 */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0
};

/**
 * enum iommufd_hw_info_flags - Flags of IOMMU_GET_HW_INFO
 * @IOMMU_HW_INFO_FLAG_INPUT_TYPE: in_data_type says which type of data the
 *				   caller wants. Without the flag it is not
 *				   looked at
 */
enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0
};

/**
 * struct iommu_hw_info - ioctl(IOMMU_GET_HW_INFO)
 * @size: sizeof(struct iommu_hw_info)
 * @flags: Combination of enum iommufd_hw_info_flags
 * @dev_id: Device whose IOMMU is described
 * @data_len: In: bytes available at @data_uptr. Out: bytes the kernel has
 * @data_uptr: Where the data goes, may be null if @data_len is 0. Data that
 *	       does not fit is cut off; space that is left over is zeroed
 * @in_data_type: In: type wanted, one of enum iommu_hw_info_type
 * @out_data_type: Out: type of the data, one of enum iommu_hw_info_type
 * @out_max_pasid_log2: log2 of the number of PASIDs the device can use, 0 if
 *			it cannot use PASIDs
 * @__reserved: Must be 0
 * @out_capabilities: Combination of enum iommufd_hw_capabilities
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown flag, @__reserved is set, or the IOMMU driver
 *                     does not have the type wanted.
 *   ENOENT            No such device.
 *   EFAULT            @data_uptr is not writable for @data_len bytes.
 *   ================= ========================================================
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};
#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)

/**
 * enum iommufd_hwpt_set_dirty_tracking_flags - Flags of
 * IOMMU_HWPT_SET_DIRTY_TRACKING
 * @IOMMU_HWPT_DIRTY_TRACKING_ENABLE: Start tracking. Without it: stop
 */
enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1 << 0
};

/**
 * struct iommu_hwpt_set_dirty_tracking - ioctl(IOMMU_HWPT_SET_DIRTY_TRACKING)
 * @size: sizeof(struct iommu_hwpt_set_dirty_tracking)
 * @flags: Combination of enum iommufd_hwpt_set_dirty_tracking_flags
 * @hwpt_id: HWPT made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING
 * @__reserved: Not looked at
 *
 * Start or stop recording which pages devices write to through the HWPT. A
 * start, also of what has started, forgets what was recorded before. To do what
 * is done already is no error.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown flag; or the HWPT was made without
 *                     IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 *   ENOENT            No such HWPT.
 *   EINTR             The program is being killed.
 *   ================= ========================================================
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};
#define IOMMU_HWPT_SET_DIRTY_TRACKING \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)

/**
 * enum iommufd_hwpt_get_dirty_bitmap_flags - Flags of
 * IOMMU_HWPT_GET_DIRTY_BITMAP
 * @IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: Keep the record. Without it, what was
 *					  read counts as clean from then on
 */
enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1 << 0
};

/**
 * struct iommu_hwpt_get_dirty_bitmap - ioctl(IOMMU_HWPT_GET_DIRTY_BITMAP)
 * @size: sizeof(struct iommu_hwpt_get_dirty_bitmap)
 * @hwpt_id: HWPT to ask
 * @flags: Combination of enum iommufd_hwpt_get_dirty_bitmap_flags
 * @__reserved: Must be 0
 * @iova: Start of the range to ask about
 * @length: Bytes in the range
 * @page_size: Bytes that one bit stands for, a power of two
 * @data: Pointer to a bitmap of 64-bit words, bit n stands for
 *	  @iova + n * @page_size. Bits are only set: clear it before
 *
 * Report which parts of a range devices wrote to since the start of the record,
 * or since they were last reported without NO_CLEAR. What is not mapped counts
 * as clean, and so does everything while nothing is recorded.
 *
 * The IOMMU records its own pages, which may be larger or smaller than
 * @page_size: a bit is set for each part of the range that shares a byte with a
 * page that was written to. A page that is in the range in part only is
 * reported, but stays in the record: the rest of it was not reported. Ask for
 * whole mappings.
 *
 * Look at the data after the call has returned, not when a bit shows up: until
 * then a device may write more to a page that is reported.
 *
 * A call that fails may have set bits, and what they stand for may count as
 * clean. Call again with the same bitmap, and nothing is missing. @data need
 * not be aligned, and several calls at the same time may use one bitmap.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        Unknown flag; @__reserved is set; or the HWPT was made
 *                     without IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 *   ENOENT            No such HWPT.
 *   EOVERFLOW         @iova + @length is more than 2^64.
 *   EINVAL            @length is 0; @page_size is not a power of two; @iova or
 *                     @length is not a multiple of @page_size, or of the
 *                     alignment reported by IOMMU_IOAS_IOVA_RANGES.
 *   EFAULT            The bitmap is not writable where it stands for something
 *                     that is mapped.
 *   EINTR             The program is being killed.
 *   ================= ========================================================
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};
#define IOMMU_HWPT_GET_DIRTY_BITMAP \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)

/**
 * enum iommu_hwpt_invalidate_data_type - What data_uptr of
 * IOMMU_HWPT_INVALIDATE points to
 * @IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: struct iommu_hwpt_vtd_s1_invalidate
 */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0
};

/**
 * enum iommu_hwpt_vtd_s1_invalidate_flags - Flags of struct
 * iommu_hwpt_vtd_s1_invalidate
 * @IOMMU_VTD_INV_FLAGS_LEAF: Only the lowest level of the table has changed
 */
enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0
};

/**
 * struct iommu_hwpt_vtd_s1_invalidate - A change of a first-stage VT-d table
 * @addr: First address whose translation changed, a multiple of 4096
 * @npages: Number of pages of 4096 bytes; 2^64 - 1 with @addr 0 for all
 * @flags: Combination of enum iommu_hwpt_vtd_s1_invalidate_flags
 * @__reserved: Must be 0
 */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/**
 * struct iommu_hwpt_invalidate - ioctl(IOMMU_HWPT_INVALIDATE)
 * @size: sizeof(struct iommu_hwpt_invalidate)
 * @hwpt_id: Nested HWPT whose table was changed
 * @data_uptr: Pointer to an array of requests
 * @data_type: One of enum iommu_hwpt_invalidate_data_type
 * @entry_len: Bytes of one request
 * @entry_num: In: number of requests. Out, also when the call fails: how many
 *	       were carried out
 * @__reserved: Must be 0
 *
 * Make the IOMMU forget what it cached of a table that a guest has changed.
 * This kernel does not have the call yet: it answers ENOTTY.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};
#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)

/**
 * enum iommu_hwpt_pgfault_flags - Flags of struct iommu_hwpt_pgfault
 * @IOMMU_PGFAULT_FLAGS_PASID_VALID: The field pasid has a meaning
 * @IOMMU_PGFAULT_FLAGS_LAST_PAGE: The last request of its group
 */
enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0,
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1
};

/**
 * enum iommu_hwpt_pgfault_perm - What the device wanted to do with the page
 * @IOMMU_PGFAULT_PERM_READ: Read
 * @IOMMU_PGFAULT_PERM_WRITE: Write
 * @IOMMU_PGFAULT_PERM_EXEC: Execute
 * @IOMMU_PGFAULT_PERM_PRIV: Any of these, with supervisor privilege
 */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2,
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3
};

/**
 * struct iommu_hwpt_pgfault - A page request of a device, read from a fault
 * queue
 * @flags: Combination of enum iommu_hwpt_pgfault_flags
 * @dev_id: Device that asks
 * @pasid: Address space it asks for, see IOMMU_PGFAULT_FLAGS_PASID_VALID
 * @grpid: The device's number for the group
 * @perm: Combination of enum iommu_hwpt_pgfault_perm
 * @__reserved: 0
 * @addr: Address it wants to access
 * @length: 0
 * @cookie: The queue's number for the group, to be put in the answer
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/**
 * enum iommufd_page_response_code - Answers to a group of page requests
 * @IOMMUFD_PAGE_RESP_SUCCESS: The pages are there, the device may try again
 * @IOMMUFD_PAGE_RESP_INVALID: They are not; the access fails
 */
enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0,
	IOMMUFD_PAGE_RESP_INVALID = 1
};

/**
 * struct iommu_hwpt_page_response - An answer, written to a fault queue
 * @cookie: Group that is answered
 * @code: One of enum iommufd_page_response_code
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/**
 * struct iommu_fault_alloc - ioctl(IOMMU_FAULT_QUEUE_ALLOC)
 * @size: sizeof(struct iommu_fault_alloc)
 * @flags: Must be 0
 * @out_fault_id: ID of the new fault queue
 * @out_fault_fd: File descriptor of the queue: read() takes
 *		  struct iommu_hwpt_pgfault from it, write() gives
 *		  struct iommu_hwpt_page_response to it
 *
 * Make a queue for the page requests of devices; see
 * IOMMU_HWPT_FAULT_ID_VALID. This kernel does not have the call yet: it
 * answers ENOTTY.
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};
#define IOMMU_FAULT_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)

/**
 * struct iommu_device_find - ioctl(IOMMU_DEVICE_FIND)
 * @size: sizeof(struct iommu_device_find)
 * @out_dev_id: ID of the device
 * @dev_cookie: The number the device was bound with
 *
 * Whoever binds a device may give it a cookie, a number of the binder's choice
 * that no other device of the context bears (VFIO_DEVICE_BIND_FLAG_COOKIE).
 * With this call a program that knows only the cookie can use every call that
 * takes a device ID.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   ENOENT            No device of this context bears the cookie.
 *   ================= ========================================================
 */
struct iommu_device_find {
	__u32 size;
	__u32 out_dev_id;
	__aligned_u64 dev_cookie;
};
#define IOMMU_DEVICE_FIND _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DEVICE_FIND)

/**
 * struct iommu_dma_fault_queue - ioctl(IOMMU_DMA_FAULT_QUEUE)
 * @size: sizeof(struct iommu_dma_fault_queue)
 * @flags: Must be 0
 * @depth: How many records may wait, from 1 to IOMMU_DMA_FAULT_DEPTH_MAX
 * @__reserved: Must be 0
 * @out_queue_id: ID of the queue
 * @out_queue_fd: Its file descriptor, which is closed on exec
 *
 * Make a queue for what the IOMMU stops: DMA of a device of this context, bound
 * now or later, that nothing is mapped for, or for the other direction only. Each
 * transfer is one struct iommu_dma_fault. A context has one queue.
 *
 * The queue is read by its file, which has no position. A read() gives as many
 * records as wait and fit, whole ones, the oldest first, and takes them out. When
 * none waits it sleeps until one does, or with O_NONBLOCK is EAGAIN. It is EINVAL
 * for less than one record, and EFAULT where it cannot write; what was not
 * written comes with the next read. poll() tells POLLIN while a record waits.
 *
 * The file keeps the context: what is bound and mapped stays until it is closed,
 * too. IOMMU_DESTROY of @out_queue_id is EBUSY until then.
 *
 * Return: 0, or -1 with errno
 *
 *   ================= ========================================================
 *   EOPNOTSUPP        A flag or @__reserved is set.
 *   EINVAL            @depth is 0 or too large.
 *   EEXIST            The context has a queue, or one that another call makes.
 *   EMFILE, ENFILE    No more files.
 *   ================= ========================================================
 */
struct iommu_dma_fault_queue {
	__u32 size;
	__u32 flags;
	__u32 depth;
	__u32 __reserved;
	__u32 out_queue_id;
	__u32 out_queue_fd;
};
#define IOMMU_DMA_FAULT_QUEUE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DMA_FAULT_QUEUE)

#define IOMMU_DMA_FAULT_DEPTH_MAX 65536

/**
 * enum iommu_dma_fault_flags - flags of struct iommu_dma_fault
 * @IOMMU_DMA_FAULT_WRITE: The device wanted to write to memory
 * @IOMMU_DMA_FAULT_COOKIE: The device has a cookie
 * @IOMMU_DMA_FAULT_PASID: The transfer had a PASID
 * @IOMMU_DMA_FAULT_GROUP: Other devices of the iommu_group look the same to the
 *			   IOMMU, as behind a conventional PCI bridge. The record
 *			   has one of them that is bound
 * @IOMMU_DMA_FAULT_READ: The device wanted to read. Some IOMMUs do not say which
 */
enum iommu_dma_fault_flags {
	IOMMU_DMA_FAULT_WRITE = 1 << 0,
	IOMMU_DMA_FAULT_COOKIE = 1 << 1,
	IOMMU_DMA_FAULT_PASID = 1 << 2,
	IOMMU_DMA_FAULT_GROUP = 1 << 3,
	IOMMU_DMA_FAULT_READ = 1 << 4
};

/**
 * struct iommu_dma_fault - What a queue of IOMMU_DMA_FAULT_QUEUE is read in
 * @flags: enum iommu_dma_fault_flags. There may be others one day
 * @dev_id: ID of the device. It may be unbound by now
 * @cookie: That it was bound with, or 0
 * @iova: Address of the transfer. Some IOMMUs, VT-d is one, tell its page only
 * @time: When the kernel was told, in nanoseconds of CLOCK_MONOTONIC
 * @lost: How many faults came after this one, and before the next record, when no
 *	  room was left. What the IOMMU or its driver loses nobody counts
 * @pasid: Of the transfer, or 0
 * @__reserved: 0
 */
struct iommu_dma_fault {
	__u32 flags;
	__u32 dev_id;
	__aligned_u64 cookie;
	__aligned_u64 iova;
	__aligned_u64 time;
	__aligned_u64 lost;
	__u32 pasid;
	__u32 __reserved;
};

#endif
