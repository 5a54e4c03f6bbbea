/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold when a program has ended, whatever it was: the kernel had nothing to
 * complain about, and no page is pinned. The kernel itself complains of a context that ends
 * with an object or a charge left, where it is built for tests, and of a free page that was
 * written to, where those are poisoned.
 */
#ifndef __IOMMU_FUZZ_ORACLE_H
#define __IOMMU_FUZZ_ORACLE_H

/* Once, before the first program */
void oracle_prepare(void);
/* After each. Return: what is wrong, or NULL */
const char *oracle_ask(void);
/* Let the kernel say again what it said already, if it comes again. */
void oracle_rearm(void);

#endif
