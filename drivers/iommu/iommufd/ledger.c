// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a context that ended has left behind.
 */
#include <linux/bug.h>

#include "ledger.h"

static const char *const item_names[LEDGER_ITEMS] = {
	[LEDGER_OBJECTS] = "objects",
	[LEDGER_MAPPINGS] = "mappings",
	[LEDGER_MEMORIES] = "memories",
	[LEDGER_RECORDS] = "records of pinned pages",
	[LEDGER_PINS] = "pins of kernel users",
	[LEDGER_PAGES_PINNED] = "pinned pages",
	[LEDGER_PAGES_CHARGED] = "charged pages",
};

/**
 * ledger_check_empty() - Report what is left
 * @ledger: of a context whose objects are all destroyed
 */
void ledger_check_empty(struct ledger *ledger)
{
	enum ledger_item item;

	for (item = 0; item != LEDGER_ITEMS; item++) {
		long left = atomic_long_read(&ledger->count[item]);

		WARN(left, "iommufd: a context left %ld %s behind\n", left,
		     item_names[item]);
	}
}
