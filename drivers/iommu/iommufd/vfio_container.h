/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls of a VFIO container, for programs that know nothing else. */
#ifndef __IOMMUFD_VFIO_CONTAINER_H
#define __IOMMUFD_VFIO_CONTAINER_H

struct iommufd_ctx;

int iommufd_vfio_container_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
				 unsigned long arg);
const char *iommufd_vfio_container_call_name(unsigned int cmd);

#endif
