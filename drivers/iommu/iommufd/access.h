/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access: a kernel driver that reaches the memory of an IOAS with the CPU, for a
 * device that does no DMA of its own.
 */
#ifndef __IOMMUFD_ACCESS_H
#define __IOMMUFD_ACCESS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>

#include "cookie.h"
#include "mapped_client.h"
#include "object.h"

struct iommufd_access_ops;
struct iommufd_ioas;

/**
 * struct iommufd_access - the object
 * @object: its base; one user more than its number, which is the driver
 * @ops: what the driver wants to hear; immutable
 * @data: for @ops; immutable
 * @owner: where the driver has its only access, which is this one; immutable
 * @cookie: the name that the user chose; under iommufd_ctx.device_lock
 * @lock: attach and detach, against each other
 * @ioas_lock: shared while the driver pins, unpins or copies, which it may do
 *             at any time; so not held while the driver is called
 * @ioas: what it is attached to, with a reference; NULL for nothing; changed
 *        under @lock and @ioas_lock
 * @ioas_id: its number, for who looks without a lock; 0 for nothing
 * @leaving: @ioas is good for unpinning only; changed as @ioas
 * @client: the driver as one that can be asked to let go
 */
struct iommufd_access {
	struct iommufd_object object;
	const struct iommufd_access_ops *ops;
	void *data;
	struct iommufd_access **owner;
	struct iommufd_cookie cookie;
	struct mutex lock;
	struct rw_semaphore ioas_lock;
	struct iommufd_ioas *ioas;
	u32 ioas_id;
	bool leaving;
	struct mapped_client client;
};

#endif
