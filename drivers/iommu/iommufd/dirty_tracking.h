/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DIRTY_TRACKING_H
#define __IOMMUFD_DIRTY_TRACKING_H

struct iommufd_command;

int iommufd_dirty_set_tracking(struct iommufd_command *command);
int iommufd_dirty_get_bitmap(struct iommufd_command *command);

#endif
