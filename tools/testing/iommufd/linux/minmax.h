/* SPDX-License-Identifier: GPL-2.0-only */
/* In linux/kernel.h here. */
#include <linux/kernel.h>
