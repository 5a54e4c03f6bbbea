/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who pays for pinned pages, and how many are too many.
 *
 * pinned   every pinned page counts in the mapper's mm (VmPin), limit or not
 * locked   pages that count against RLIMIT_MEMLOCK, in the account of the
 *          mapper's user or of its mm (VmLck); nothing when the mapper has
 *          CAP_IPC_LOCK
 */
#ifndef __IOMMUFD_MEMORY_CHARGE_H
#define __IOMMUFD_MEMORY_CHARGE_H

#include <linux/types.h>

#include "ledger.h"

struct mm_struct;
struct seq_file;
struct task_struct;
struct user_struct;

/**
 * struct memory_charge - the account of one memory object
 * @mm: the mapper's; held by mmgrab(), so the pages may be gone
 * @user: the mapper's
 * @group_leader: thread group leader of the mapper, for its limit
 * @ledger: of the context
 * @class: sampled when the memory was named, and never changed
 */
struct memory_charge {
	struct mm_struct *mm;
	struct user_struct *user;
	struct task_struct *group_leader;
	struct ledger *ledger;
	enum memory_charge_class class;
};

/**
 * struct memory_payer - who pays for several memory objects
 * @class: of the account; none when nobody does yet
 * @user: with a reference, once somebody does
 * @group_leader: likewise
 * @several: there are others
 */
struct memory_payer {
	enum memory_charge_class class;
	struct user_struct *user;
	struct task_struct *group_leader;
	bool several;
};

bool memory_payer_add(struct memory_payer *payer,
		      const struct memory_charge *charge);
void memory_payer_forget(struct memory_payer *payer);
void memory_payer_show(const struct memory_payer *payer, struct seq_file *m);

void memory_charge_init(struct memory_charge *charge, struct ledger *ledger);
void memory_charge_destroy(struct memory_charge *charge);
/* Is it the same process that pays? */
static inline bool memory_charge_same(const struct memory_charge *a,
				      const struct memory_charge *b)
{
	return a->mm == b->mm && a->user == b->user &&
	       a->group_leader == b->group_leader;
}

int memory_charge_add(struct memory_charge *charge, unsigned long nr_pages);
void memory_charge_add_forced(struct memory_charge *charge,
			      unsigned long nr_pages);
void memory_charge_sub(struct memory_charge *charge, unsigned long nr_pages);
void memory_charge_exceeded(const struct memory_charge *charge,
			    unsigned long already, unsigned long nr_pages);

#endif
