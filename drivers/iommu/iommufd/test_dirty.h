/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_TEST_DIRTY_H
#define __IOMMUFD_TEST_DIRTY_H

struct hwpt;
struct iommu_test_cmd;

int test_dirty_mark(struct hwpt *hwpt, struct iommu_test_cmd *arg);

#endif
