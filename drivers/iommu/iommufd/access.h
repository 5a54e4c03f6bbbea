/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access: a kernel driver that reaches the memory of an IOAS with the CPU, for a
 * device that does no DMA of its own.
 */
#ifndef __IOMMUFD_ACCESS_H
#define __IOMMUFD_ACCESS_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "object.h"

struct iommufd_access_ops;
struct iommufd_ioas;

/**
 * struct iommufd_access - the object
 * @object: its base; one user more than its number, which is the driver
 * @ops: what the driver wants to hear; immutable
 * @data: for @ops; immutable
 * @lock: attach and detach, against each other. Not taken to pin or read, which
 *        the driver calls while it handles an unmap notice: the driver does
 *        not detach while it pins
 * @ioas: what it is attached to, with a reference; NULL for nothing; under
 *        @lock
 * @client: among those that are told of an unmap, while it is attached
 */
struct iommufd_access {
	struct iommufd_object object;
	const struct iommufd_access_ops *ops;
	void *data;
	struct mutex lock;
	struct iommufd_ioas *ioas;
	struct mapped_client client;
};

#endif
