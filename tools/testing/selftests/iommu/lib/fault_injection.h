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
/* The same, where faults_open() was called before, by whatever thread */
int faults_open_thread(void);
/* The @n-th site of this thread, from 1, fails. */
void faults_arm(int faults, unsigned int n);
/* Did it? None fails any more. */
bool faults_disarm(int faults);
/*
 * Return: how many sites failed; an errno when the call did not recover from
 * one of them, -ENOTRECOVERABLE when it left something behind
 */
int faults_sweep(int faults, struct scene *scene,
		 const struct fault_step *step);

/*
 * From now on, or no longer: of this thread every allocation fails that must
 * not wait for memory. Those that may wait do not, as on a machine that is
 * short of memory for a moment.
 */
void faults_short_of_memory(bool is_short);

/*
 * A virtio-iommu refuses the @n-th request, from 0, that this thread makes from
 * now on. It needs CONFIG_VIRTIO_IOMMU_FAULT_INJECTION.
 */
bool faults_refusal_exists(void);
void faults_refuse(unsigned int n);
/* Was it made? No longer. */
bool faults_refused(void);

#endif
