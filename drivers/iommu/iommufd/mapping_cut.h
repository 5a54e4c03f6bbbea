/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MAPPING_CUT_H
#define __IOMMUFD_MAPPING_CUT_H

#include <linux/types.h>

struct mapped_space;

int mapping_cut(struct mapped_space *space, u64 iova);

#endif
