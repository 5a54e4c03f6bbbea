/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests add to the product: one call, and the mock IOMMU behind it. Nothing
 * remains of it without IOMMUFD_TEST.
 */
#ifndef __IOMMUFD_TEST_COMMANDS_H
#define __IOMMUFD_TEST_COMMANDS_H

#include <linux/errno.h>

struct iommufd_command;

#ifdef CONFIG_IOMMUFD_TEST
#include "iommufd_test.h"

int iommufd_test_command(struct iommufd_command *command);
int iommufd_test_init(void);
void iommufd_test_exit(void);
#else
static inline int iommufd_test_init(void)
{
	return 0;
}

static inline void iommufd_test_exit(void)
{
}
#endif

#endif
