/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One open of /dev/iommu: the objects a user made, and the devices bound to it.
 */
#ifndef __IOMMUFD_CONTEXT_H
#define __IOMMUFD_CONTEXT_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "ledger.h"
#include "reason.h"

struct dma_fault_queue;
struct iommufd_ioas;
struct iommufd_object;

/**
 * struct iommufd_ctx - a context
 * @file: the open file. Its reference count is the context's: whoever needs
 *        the context holds the file, so that closing the fd first only
 *        postpones the end until the last bound device is gone
 * @number: unique since boot: by it a context is told from others; immutable
 * @objects: ID to object; an ID whose object is not published yet is reserved.
 *           Its xa_lock protects the life of objects, see object.h
 * @show_lock: reading fdinfo, one at a time; outside of what an object's show
 *             takes
 * @shown: the object that is being shown, which is not freed meanwhile; set under
 *         xa_lock by who has @show_lock
 * @compat_ioas: what an old VFIO user maps into, no reference; under xa_lock. Set
 *               under @compat_lock
 * @no_iommu: serves groups without an IOMMU, and no others; set under
 *            @compat_lock
 * @compat_lock: groups of VFIO come and go, and which IOAS they use
 * @compat_groups: struct iommufd_compat_group.link; under @compat_lock
 * @compat_mask: bits that may not be set in what a program of such a group maps;
 *               written under @compat_lock
 * @ledger: who pays; its class is changed under xa_lock
 * @process_lock: moving accounts to another process, one at a time
 * @device_lock: bind and unbind; protects @cookies, @groups and the claims of
 *               DMA ownership
 * @cookies: struct iommufd_cookie.link
 * @groups: struct iommufd_group.link
 * @dma_fault_lock: a record of a fault is filed or taken out. Also in interrupts
 * @dma_fault_queue: where to; NULL for none. Under @dma_fault_lock, no reference
 * @reason: why the last call that was refused was
 */
struct iommufd_ctx {
	struct file *file;
	u32 number;
	struct xarray objects;
	struct mutex show_lock;
	struct iommufd_object *shown;
	struct iommufd_ioas *compat_ioas;
	bool no_iommu;
	struct mutex compat_lock;
	struct list_head compat_groups;
	u32 compat_mask;
	struct ledger ledger;
	struct mutex process_lock;
	struct mutex device_lock;
	struct list_head cookies;
	struct list_head groups;
	raw_spinlock_t dma_fault_lock;
	struct dma_fault_queue *dma_fault_queue;
	struct reason reason;
};

int iommufd_ctx_open(struct file *file, enum memory_charge_class limited);
int iommufd_ctx_release(struct inode *inode, struct file *file);

/* To be given back with iommufd_ctx_put(). */
static inline void iommufd_ctx_get(struct iommufd_ctx *ictx)
{
	get_file(ictx->file);
}

#endif
