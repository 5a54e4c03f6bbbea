/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call while, one after the other, each allocation and each copy from or to
 * the user that it makes fails. A call that fails leaves nothing pinned and
 * nothing charged, and succeeds when it is made again.
 *
 * Needs CONFIG_FAULT_INJECTION with failslab and the others, and
 * /proc/self/task/TID/fail-nth.
 */
#ifndef __IOMMU_FAULT_INJECTION_H
#define __IOMMU_FAULT_INJECTION_H

#include "test_env.h"

/* What the calls are made on: each program has its own. */
struct scene;

struct fault_step {
	const char *name;
	/* the call; once more after it failed */
	int (*run)(struct scene *scene);
	/* may be NULL */
	void (*prepare)(struct scene *scene);
	void (*undo)(struct scene *scene);
	/* The reply comes last: a call whose reply fails has done its work. */
	bool reply_is_last;
	/* then the next one says this */
	int repeated;
};

/* For need() */
bool faults_exist(void);
/* A descriptor for this thread */
int faults_open(void);
/*
 * Return: how many sites failed; an errno when the call did not recover from
 * one of them, -ENOTRECOVERABLE when it left something behind
 */
int faults_sweep(int faults, struct scene *scene,
		 const struct fault_step *step);

#endif
