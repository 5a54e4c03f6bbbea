/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users of /dev/iommu do: an event for each call, at its end. None is for a
 * page. Documentation/userspace-api/iommufd.rst describes the fields.
 *
 * ctx is the number of the context, as in fdinfo. took_ns is 0 when the event was not
 * enabled yet as the call began.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd

#if !defined(_TRACE_IOMMUFD_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_IOMMUFD_H

#include <linux/tracepoint.h>
#include <linux/types.h>
#include <uapi/linux/iommufd.h>

DECLARE_EVENT_CLASS(iommufd_binding,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie, int ret),

	TP_ARGS(ctx, id, name, cookie, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, id)
		__string(name, name)
		__field(u64, cookie)
		__field(bool, has_cookie)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->id = id;
		__assign_str(name, name);
		__entry->cookie = cookie ? *cookie : 0;
		__entry->has_cookie = cookie;
		__entry->ret = ret;
	),

	TP_printk("ctx=%u id=%u name=%s cookie=0x%llx has_cookie=%d ret=%d",
		  __entry->ctx, __entry->id, __get_str(name), __entry->cookie,
		  __entry->has_cookie, __entry->ret)
);

/* id is 0 when it failed. */
DEFINE_EVENT(iommufd_binding, iommufd_bind,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie, int ret),
	TP_ARGS(ctx, id, name, cookie, ret)
);

DEFINE_EVENT(iommufd_binding, iommufd_unbind,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie, int ret),
	TP_ARGS(ctx, id, name, cookie, ret)
);

/*
 * pt_id is what the caller named, table what the device is attached to afterwards,
 * former what it was attached to before; 0 is nothing.
 */
DECLARE_EVENT_CLASS(iommufd_attaching,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie,
		 u32 pt_id, u32 table, u32 former, u64 took_ns, int ret),

	TP_ARGS(ctx, id, name, cookie, pt_id, table, former, took_ns, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, id)
		__string(name, name)
		__field(u64, cookie)
		__field(bool, has_cookie)
		__field(u32, pt_id)
		__field(u32, table)
		__field(u32, former)
		__field(u64, took_ns)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->id = id;
		__assign_str(name, name);
		__entry->cookie = cookie ? *cookie : 0;
		__entry->has_cookie = cookie;
		__entry->pt_id = pt_id;
		__entry->table = table;
		__entry->former = former;
		__entry->took_ns = took_ns;
		__entry->ret = ret;
	),

	TP_printk("ctx=%u id=%u name=%s cookie=0x%llx has_cookie=%d pt_id=%u table=%u former=%u took_ns=%llu ret=%d",
		  __entry->ctx, __entry->id, __get_str(name), __entry->cookie,
		  __entry->has_cookie, __entry->pt_id, __entry->table,
		  __entry->former, __entry->took_ns, __entry->ret)
);

DEFINE_EVENT(iommufd_attaching, iommufd_attach,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie,
		 u32 pt_id, u32 table, u32 former, u64 took_ns, int ret),
	TP_ARGS(ctx, id, name, cookie, pt_id, table, former, took_ns, ret)
);

/* An attach of what was attached already */
DEFINE_EVENT(iommufd_attaching, iommufd_replace,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie,
		 u32 pt_id, u32 table, u32 former, u64 took_ns, int ret),
	TP_ARGS(ctx, id, name, cookie, pt_id, table, former, took_ns, ret)
);

DEFINE_EVENT(iommufd_attaching, iommufd_detach,
	TP_PROTO(u32 ctx, u32 id, const char *name, const u64 *cookie,
		 u32 pt_id, u32 table, u32 former, u64 took_ns, int ret),
	TP_ARGS(ctx, id, name, cookie, pt_id, table, former, took_ns, ret)
);

/* runs: physically contiguous pieces; 0 as long as no table needs the pages */
TRACE_EVENT(iommufd_map,
	TP_PROTO(u32 ctx, u32 ioas, u64 iova, u64 length, unsigned long runs,
		 u64 took_ns, int ret),

	TP_ARGS(ctx, ioas, iova, length, runs, took_ns, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, ioas)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, runs)
		__field(u64, took_ns)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->ioas = ioas;
		__entry->iova = iova;
		__entry->length = length;
		__entry->runs = runs;
		__entry->took_ns = took_ns;
		__entry->ret = ret;
	),

	TP_printk("ctx=%u ioas=%u iova=0x%llx length=0x%llx runs=%llu took_ns=%llu ret=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->length,
		  __entry->runs, __entry->took_ns, __entry->ret)
);

/* iova and last are what was asked for, removed is how many bytes went */
TRACE_EVENT(iommufd_unmap,
	TP_PROTO(u32 ctx, u32 ioas, u64 iova, u64 last, u64 removed, u64 took_ns,
		 int ret),

	TP_ARGS(ctx, ioas, iova, last, removed, took_ns, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, ioas)
		__field(u64, iova)
		__field(u64, last)
		__field(u64, removed)
		__field(u64, took_ns)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->ioas = ioas;
		__entry->iova = iova;
		__entry->last = last;
		__entry->removed = removed;
		__entry->took_ns = took_ns;
		__entry->ret = ret;
	),

	TP_printk("ctx=%u ioas=%u iova=0x%llx last=0x%llx removed=0x%llx took_ns=%llu ret=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->last,
		  __entry->removed, __entry->took_ns, __entry->ret)
);

/*
 * address is that of the first page, in its process or file. Pages that are pinned
 * already count in length and take no time.
 */
TRACE_EVENT(iommufd_pin,
	TP_PROTO(u32 ctx, u64 address, u64 length, u64 took_ns, int ret),

	TP_ARGS(ctx, address, length, took_ns, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u64, address)
		__field(u64, length)
		__field(u64, took_ns)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->address = address;
		__entry->length = length;
		__entry->took_ns = took_ns;
		__entry->ret = ret;
	),

	TP_printk("ctx=%u address=0x%llx length=0x%llx took_ns=%llu ret=%d",
		  __entry->ctx, __entry->address, __entry->length,
		  __entry->took_ns, __entry->ret)
);

TRACE_EVENT(iommufd_unpin,
	TP_PROTO(u32 ctx, u64 address, u64 length, u64 took_ns),

	TP_ARGS(ctx, address, length, took_ns),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u64, address)
		__field(u64, length)
		__field(u64, took_ns)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->address = address;
		__entry->length = length;
		__entry->took_ns = took_ns;
	),

	TP_printk("ctx=%u address=0x%llx length=0x%llx took_ns=%llu",
		  __entry->ctx, __entry->address, __entry->length,
		  __entry->took_ns)
);

/*
 * DMA of a device that was stopped, read or not. of_group: the device is one of
 * several whose requests look alike. In whatever context the IOMMU driver reports it
 */
TRACE_EVENT(iommufd_dma_fault,
	TP_PROTO(u32 ctx, const struct iommu_dma_fault *fault),

	TP_ARGS(ctx, fault),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, id)
		__field(u64, cookie)
		__field(bool, has_cookie)
		__field(u64, iova)
		__field(bool, read)
		__field(bool, write)
		__field(bool, of_group)
		__field(u32, pasid)
		__field(bool, has_pasid)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->id = fault->dev_id;
		__entry->cookie = fault->cookie;
		__entry->has_cookie = fault->flags & IOMMU_DMA_FAULT_COOKIE;
		__entry->iova = fault->iova;
		__entry->read = fault->flags & IOMMU_DMA_FAULT_READ;
		__entry->write = fault->flags & IOMMU_DMA_FAULT_WRITE;
		__entry->of_group = fault->flags & IOMMU_DMA_FAULT_GROUP;
		__entry->pasid = fault->pasid;
		__entry->has_pasid = fault->flags & IOMMU_DMA_FAULT_PASID;
	),

	TP_printk("ctx=%u id=%u cookie=0x%llx has_cookie=%d iova=0x%llx read=%d write=%d of_group=%d pasid=%u has_pasid=%d",
		  __entry->ctx, __entry->id, __entry->cookie,
		  __entry->has_cookie, __entry->iova, __entry->read,
		  __entry->write, __entry->of_group, __entry->pasid, __entry->has_pasid)
);

/* A call of /dev/iommu that failed */
TRACE_EVENT(iommufd_refuse,
	TP_PROTO(u32 ctx, unsigned int ioctl, const char *call, int ret),

	TP_ARGS(ctx, ioctl, call, ret),

	TP_STRUCT__entry(
		__field(u32, ctx)
		__field(u32, ioctl)
		__string(call, call)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->ioctl = ioctl;
		__assign_str(call, call);
		__entry->ret = ret;
	),

	TP_printk("ctx=%u ioctl=0x%x call=%s ret=%d",
		  __entry->ctx, __entry->ioctl, __get_str(call), __entry->ret)
);

#endif /* _TRACE_IOMMUFD_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
