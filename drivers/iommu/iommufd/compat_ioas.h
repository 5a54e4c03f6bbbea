/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The compatibility IOAS: where devices that a VFIO group opens are attached.
 * Naming it does not keep it alive.
 */
#ifndef __IOMMUFD_COMPAT_IOAS_H
#define __IOMMUFD_COMPAT_IOAS_H

struct iommufd_command;
struct iommufd_ctx;
struct iommufd_ioas;

struct iommufd_ioas *iommufd_compat_ioas_get(struct iommufd_ctx *ictx);
int iommufd_compat_ioas(struct iommufd_command *command);

#endif
