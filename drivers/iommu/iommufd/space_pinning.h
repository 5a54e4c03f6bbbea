/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_SPACE_PINNING_H
#define __IOMMUFD_SPACE_PINNING_H

#include <linux/types.h>

struct mapped_space;

int mapped_space_pin(struct mapped_space *space);
void mapped_space_unpin(struct mapped_space *space);
bool mapped_space_is_pinned(struct mapped_space *space);

#endif
