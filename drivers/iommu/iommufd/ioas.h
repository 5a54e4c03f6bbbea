/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOAS: an I/O address space that the user maps memory into. Devices attach to
 * it through hardware page tables, struct hwpt.
 */
#ifndef __IOMMUFD_IOAS_H
#define __IOMMUFD_IOAS_H

#include "mapped_space.h"
#include "object.h"

struct iommufd_command;

/**
 * struct iommufd_ioas - the object
 * @object: its base
 * @space: mappings and tables
 * @attach_lock: finding or making a table for a device that attaches to the
 *               IOAS, and retiring such a table; protects @automatic
 * @automatic: struct paging_hwpt.link of the tables made that way
 */
struct iommufd_ioas {
	struct iommufd_object object;
	struct mapped_space space;
	struct mutex attach_lock;
	struct list_head automatic;
};

extern const struct iommufd_object_ops iommufd_ioas_ops;

struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ictx, u32 id);
struct iommufd_ioas *iommufd_ioas_create(struct iommufd_ctx *ictx);
int iommufd_ioas_remove(struct iommufd_ioas *ioas, u64 start, u64 last,
			u64 *removed);
int iommufd_ioas_map_fixed(struct iommufd_ioas *ioas, u64 address, u64 length,
			   u64 iova, int prot);

int iommufd_ioas_alloc(struct iommufd_command *command);
int iommufd_ioas_allow_iovas(struct iommufd_command *command);
int iommufd_ioas_copy(struct iommufd_command *command);
int iommufd_ioas_iova_ranges(struct iommufd_command *command);
int iommufd_ioas_map(struct iommufd_command *command);
int iommufd_ioas_map_file(struct iommufd_command *command);
int iommufd_ioas_option(struct iommufd_command *command);
int iommufd_ioas_unmap(struct iommufd_command *command);

#endif
