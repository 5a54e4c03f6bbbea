/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kinds of device that the second-level guest drives.
 */
#ifndef __VMM_INNER_H
#define __VMM_INNER_H

#include <stdbool.h>

struct inner_driver {
	/* Is such a device there? */
	bool (*present)(void);
	/* Drive it once; say with result() how each part went. */
	void (*try)(void);
	/* Drive it until it is to go or no longer works. */
	void (*busy)(void);
};

extern const struct inner_driver inner_edu;
extern const struct inner_driver inner_nvme;

void result(bool good, const char *what);

#endif
