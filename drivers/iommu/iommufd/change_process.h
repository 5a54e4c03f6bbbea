/* SPDX-License-Identifier: GPL-2.0-only */
/* A context moves to another process. */
#ifndef __IOMMUFD_CHANGE_PROCESS_H
#define __IOMMUFD_CHANGE_PROCESS_H

struct iommufd_command;

int iommufd_change_process(struct iommufd_command *command);

#endif
