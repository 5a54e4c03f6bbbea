/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_OPTION_H
#define __IOMMUFD_OPTION_H

struct iommufd_command;

int iommufd_option(struct iommufd_command *command);

#endif
