/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel has said of a device since a test began to listen.
 */
#ifndef __IOMMU_KERNEL_LOG_H
#define __IOMMU_KERNEL_LOG_H

#include <stdbool.h>

/* As in <syslog.h>, the less the worse */
#define KERNEL_LOG_WARNING 4
#define KERNEL_LOG_INFO 6

/* From here on */
int kernel_log_open(void);

/*
 * Is there a record of @priority or worse that has both texts? What was read is not
 * read again. Others may write to the log, too.
 */
bool kernel_log_has(int log, unsigned int priority, const char *bdf,
		    const char *text);

#endif
