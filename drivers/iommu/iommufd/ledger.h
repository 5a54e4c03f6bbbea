/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger of a context: who pays for its memory, and in a kernel that is
 * built for tests what it has. A context that ended has nothing; what is left in
 * its ledger has leaked, and is reported at once.
 */
#ifndef __IOMMUFD_LEDGER_H
#define __IOMMUFD_LEDGER_H

#include <linux/atomic.h>
#include <linux/types.h>

struct reason;

enum memory_charge_class {
	/* the mapper may lock without limit */
	MEMORY_CHARGE_NONE,
	/* the locked memory of the mapper's user */
	MEMORY_CHARGE_USER,
	/* that of the mapper's mm, which mlock() and VFIO containers use */
	MEMORY_CHARGE_MM,
};

enum ledger_item {
	LEDGER_OBJECTS,
	LEDGER_MAPPINGS,
	LEDGER_MEMORIES,
	LEDGER_RECORDS,
	LEDGER_PINS,
	LEDGER_PAGES_PINNED,
	LEDGER_PAGES_CHARGED,
	LEDGER_ITEMS
};

/**
 * struct ledger - of one context
 * @context: number of the context, for traces; immutable
 * @limited: which account pays when there is a limit for the mapper; changed
 *           while there are no objects
 * @reason: where it is said what there was no memory for, or none to pin;
 *          immutable
 * @count: of each item, for tests
 */
struct ledger {
	u32 context;
	enum memory_charge_class limited;
	struct reason *reason;
#ifdef CONFIG_IOMMUFD_TEST
	atomic_long_t count[LEDGER_ITEMS];
#endif
};

#ifdef CONFIG_IOMMUFD_TEST
static inline void ledger_add(struct ledger *ledger, enum ledger_item item,
			      long nr)
{
	atomic_long_add(nr, &ledger->count[item]);
}

void ledger_check_empty(struct ledger *ledger);
#else
static inline void ledger_add(struct ledger *ledger, enum ledger_item item,
			      long nr)
{
}

static inline void ledger_check_empty(struct ledger *ledger)
{
}
#endif

#endif
