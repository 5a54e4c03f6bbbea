/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_ATTACHMENT_H
#define __IOMMUFD_ATTACHMENT_H

#include <linux/types.h>

struct iommufd_device;
struct hwpt;

/**
 * struct attach_answer - how the caller of an attach is told the number
 * @tell: called with that of the table before anything changes; what it returns
 *        other than 0 is a failure. May touch user memory. NULL for none
 * @data: for @tell
 */
struct attach_answer {
	int (*tell)(void *data, u32 pt_id);
	void *data;
};

struct hwpt *iommufd_attachment_hwpt(struct iommufd_device *idev);
int iommufd_attachment_refuse_group(struct iommufd_device *idev);
int iommufd_attachment_enter(struct iommufd_device *idev,
			     struct hwpt *hwpt,
			     const struct attach_answer *answer);
void iommufd_attachment_leave(struct iommufd_device *idev);

#endif
