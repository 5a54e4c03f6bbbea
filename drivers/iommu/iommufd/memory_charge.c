// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked-memory accounting.
 *
 * Pages are charged when they are pinned, many with one operation: what turns
 * out to be no memory is never charged, and takes nothing of the limit away
 * from others that share it.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/seq_file.h>
#include <linux/uidgid.h>

#include "memory_charge.h"
#include "reason.h"

/*
 * The account of the current task, of the class that @ledger says unless it may
 * lock without limit. Undone by memory_charge_destroy().
 */
void memory_charge_init(struct memory_charge *charge, struct ledger *ledger)
{
	charge->mm = current->mm;
	mmgrab(charge->mm);
	charge->user = get_uid(current_user());
	charge->group_leader = current->group_leader;
	get_task_struct(charge->group_leader);
	charge->ledger = ledger;
	charge->class = capable(CAP_IPC_LOCK) ? MEMORY_CHARGE_NONE :
						ledger->limited;
}

void memory_charge_destroy(struct memory_charge *charge)
{
	put_task_struct(charge->group_leader);
	free_uid(charge->user);
	mmdrop(charge->mm);
}

static int charge_user(struct memory_charge *charge, unsigned long nr_pages)
{
	unsigned long limit = task_rlimit(charge->group_leader,
					  RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	atomic_long_t *locked = &charge->user->locked_vm;
	unsigned long now = atomic_long_read(locked);

	do {
		if (now > limit || nr_pages > limit - now)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(locked, (long *)&now,
					  now + nr_pages));
	return 0;
}

/* They count as pinned, limit or not. A negative @nr_pages gives back. */
static void count_pages(struct memory_charge *charge, long nr_pages)
{
	atomic64_add(nr_pages, &charge->mm->pinned_vm);
	ledger_add(charge->ledger, LEDGER_PAGES_CHARGED, nr_pages);
}

static int charge_mm(struct memory_charge *charge, unsigned long nr_pages)
{
	int ret;

	if (mmap_write_lock_killable(charge->mm))
		return -EINTR;
	ret = __account_locked_vm(charge->mm, nr_pages, true,
				  charge->group_leader, false);
	mmap_write_unlock(charge->mm);
	return ret;
}

/* What cannot fail: beyond the limit, or giving back. */
static void charge_mm_anyway(struct memory_charge *charge,
			     unsigned long nr_pages, bool add)
{
	mmap_write_lock(charge->mm);
	__account_locked_vm(charge->mm, nr_pages, add, charge->group_leader,
			    true);
	mmap_write_unlock(charge->mm);
}

/**
 * memory_charge_add() - Charge pages that have been pinned
 * @charge: the account
 * @nr_pages: how many
 *
 * Context: takes mmap_lock of the mapper.
 * Return: 0; -ENOMEM when that is over the limit, -EINTR: then nothing is
 * charged.
 */
int memory_charge_add(struct memory_charge *charge, unsigned long nr_pages)
{
	int ret = 0;

	if (charge->class == MEMORY_CHARGE_USER)
		ret = charge_user(charge, nr_pages);
	else if (charge->class == MEMORY_CHARGE_MM)
		ret = charge_mm(charge, nr_pages);
	if (!ret)
		count_pages(charge, nr_pages);
	return ret;
}

/* memory_charge_add() beyond any limit, to restore what there was. */
void memory_charge_add_forced(struct memory_charge *charge,
			      unsigned long nr_pages)
{
	if (charge->class == MEMORY_CHARGE_USER)
		atomic_long_add(nr_pages, &charge->user->locked_vm);
	else if (charge->class == MEMORY_CHARGE_MM)
		charge_mm_anyway(charge, nr_pages, true);
	count_pages(charge, nr_pages);
}

/* Give back what memory_charge_add() took. */
void memory_charge_sub(struct memory_charge *charge, unsigned long nr_pages)
{
	if (charge->class == MEMORY_CHARGE_USER)
		atomic_long_sub(nr_pages, &charge->user->locked_vm);
	else if (charge->class == MEMORY_CHARGE_MM)
		charge_mm_anyway(charge, nr_pages, false);
	count_pages(charge, -nr_pages);
}

/* How much counts against the limit of @charge by now, in pages */
static unsigned long charged_now(const struct memory_charge *charge)
{
	if (charge->class == MEMORY_CHARGE_USER)
		return atomic_long_read(&charge->user->locked_vm);
	return READ_ONCE(charge->mm->locked_vm);
}

/*
 * Who that is, as the current process sees it: a user who does not exist in its
 * namespace is the overflow user, a process that does not is 0.
 */
static void charge_refuse(const struct memory_charge *charge,
			  unsigned long already, unsigned long nr_pages)
{
	bool is_user = charge->class == MEMORY_CHARGE_USER;
	struct task_struct *task = charge->group_leader;

	reason_refuse(charge->ledger->reason, -ENOMEM,
		      "%lu of %lu KiB of RLIMIT_MEMLOCK are charged to %s %u, %lu KiB more were asked for",
		      (charged_now(charge) - already) << (PAGE_SHIFT - 10),
		      task_rlimit(task, RLIMIT_MEMLOCK) >> 10,
		      is_user ? "user" : "process",
		      is_user ? from_kuid_munged(current_user_ns(),
						 charge->user->uid) :
				(u32)task_tgid_vnr(task),
		      nr_pages << (PAGE_SHIFT - 10));
}

/**
 * memory_charge_exceeded() - Tell who is over the limit
 * @charge: the account, which refused to take pages
 * @already: pages of the request that it took, and which are given back
 * @nr_pages: all that the request wanted pinned
 *
 * ENOMEM has many reasons. The caller finds it in fdinfo, and the kernel log has
 * it for others: one line, and not for every request of a program that tries
 * again and again.
 */
void memory_charge_exceeded(const struct memory_charge *charge,
			    unsigned long already, unsigned long nr_pages)
{
	struct task_struct *task = charge->group_leader;
	char comm[TASK_COMM_LEN];

	charge_refuse(charge, already, nr_pages);
	pr_warn_ratelimited("iommufd: %s[%d] exceeds RLIMIT_MEMLOCK of %lu bytes: wants %llu bytes pinned\n",
			    get_task_comm(comm, task), task_pid_nr(task),
			    task_rlimit(task, RLIMIT_MEMLOCK),
			    (u64)nr_pages << PAGE_SHIFT);
}

/**
 * memory_payer_add() - Who pays for one more
 * @payer: zeroed at first; memory_payer_forget() comes last
 * @charge: its account
 *
 * Return: whether anybody does.
 */
bool memory_payer_add(struct memory_payer *payer,
		      const struct memory_charge *charge)
{
	if (charge->class == MEMORY_CHARGE_NONE)
		return false;
	if (payer->class == MEMORY_CHARGE_NONE) {
		payer->class = charge->class;
		payer->user = get_uid(charge->user);
		payer->group_leader = get_task_struct(charge->group_leader);
	} else if (payer->class != charge->class ||
		   (charge->class == MEMORY_CHARGE_USER ?
		    payer->user != charge->user :
		    payer->group_leader != charge->group_leader)) {
		payer->several = true;
	}
	return true;
}

void memory_payer_forget(struct memory_payer *payer)
{
	if (payer->class == MEMORY_CHARGE_NONE)
		return;
	put_task_struct(payer->group_leader);
	free_uid(payer->user);
}

/* As the reader sees it: a process that is gone, or not for him to see, is 0. */
void memory_payer_show(const struct memory_payer *payer, struct seq_file *m)
{
	if (payer->several)
		seq_puts(m, " payer=several");
	else if (payer->class == MEMORY_CHARGE_MM)
		seq_printf(m, " payer=process:%d",
			   task_tgid_vnr(payer->group_leader));
	else
		seq_printf(m, " payer=user:%u",
			   from_kuid_munged(seq_user_ns(m), payer->user->uid));
}
