/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HWPT_ALLOC_H
#define __IOMMUFD_HWPT_ALLOC_H

struct iommufd_command;

int iommufd_hwpt_alloc(struct iommufd_command *command);

#endif
