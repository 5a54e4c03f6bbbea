// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving what a context has pinned to the account of another process.
 *
 * A program that replaces itself, for an update, hands its open files to the
 * new one: the memory is the same, but from now on the new process pays. Only
 * memory of files can change hands so, as it belongs to no process.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "change_process.h"
#include "command.h"
#include "context.h"
#include "ioas.h"
#include "mapping.h"

/**
 * struct account_move - one memory
 * @link: in the list of all that are to be moved
 * @memory: with a reference
 * @former: who paid, once it is moved
 * @moved: it is
 */
struct account_move {
	struct list_head link;
	struct user_memory *memory;
	struct memory_charge former;
	bool moved;
};

static int move_refuse(const struct mapping *mapping, int ret,
		       const char *why)
{
	return reason_refuse(mapping->memory->charge.ledger->reason, ret,
			     "the mapping 0x%llx..0x%llx %s",
			     mapping->area.start, mapping->area.last, why);
}

static int move_add(struct mapping *mapping, void *data)
{
	struct list_head *moves = data;
	struct account_move *move;

	switch (mapping->area.state) {
	case IOVA_AREA_BUILDING:
	case IOVA_AREA_READY:
		return move_refuse(mapping, -EBUSY,
				   "is being made by another thread");
	default:
		break;
	}
	if (!mapping->memory->source->any_process_pays)
		return move_refuse(mapping, -EINVAL,
				   "is of memory of a process, not of a file: nobody else can pay for it");
	move = kzalloc(sizeof(*move), GFP_KERNEL_ACCOUNT);
	if (!move)
		return -ENOMEM;
	user_memory_get(mapping->memory);
	move->memory = mapping->memory;
	list_add_tail(&move->link, moves);
	return 0;
}

static int moves_collect(struct list_head *moves, struct iommufd_ctx *ictx)
{
	struct iommufd_object *object;
	unsigned long id;
	int ret = 0;

	lockdep_assert_held(&ictx->process_lock);
	xa_for_each(&ictx->objects, id, object) {
		struct iommufd_ioas *ioas = iommufd_ioas_get(ictx, id);

		/* Gone meanwhile, or something else. */
		if (IS_ERR(ioas))
			continue;
		ret = mappings_visit(&ioas->space, move_add, moves);
		iommufd_object_put(&ioas->object);
		if (ret)
			break;
	}
	return ret;
}

static int moves_apply(struct list_head *moves, struct iommufd_ctx *ictx)
{
	struct account_move *move;
	int ret;

	lockdep_assert_held(&ictx->process_lock);
	list_for_each_entry(move, moves, link) {
		struct memory_charge charge;

		memory_charge_init(&charge, &ictx->ledger);
		ret = user_memory_swap_charge(move->memory, &charge, false);
		if (ret) {
			memory_charge_destroy(&charge);
			return ret;
		}
		move->former = charge;
		move->moved = true;
		cond_resched();
	}
	return 0;
}

/* Back to who paid before, whose limit does not count: it was within it. */
static void moves_undo(struct list_head *moves)
{
	struct account_move *move;

	list_for_each_entry_reverse(move, moves, link) {
		if (move->moved)
			user_memory_swap_charge(move->memory, &move->former,
						true);
		cond_resched();
	}
}

static void moves_free(struct list_head *moves)
{
	struct account_move *move, *next;

	list_for_each_entry_safe(move, next, moves, link) {
		if (move->moved)
			memory_charge_destroy(&move->former);
		user_memory_put(move->memory);
		kfree(move);
		cond_resched();
	}
}

/* IOMMU_IOAS_CHANGE_PROCESS */
int iommufd_change_process(struct iommufd_command *command)
{
	struct iommufd_ctx *ictx = command->ictx;
	LIST_HEAD(moves);
	int ret;

	mutex_lock(&ictx->process_lock);
	ret = moves_collect(&moves, ictx);
	if (!ret)
		ret = moves_apply(&moves, ictx);
	if (ret)
		moves_undo(&moves);
	mutex_unlock(&ictx->process_lock);
	moves_free(&moves);
	/* Not every object was an IOAS. */
	if (!ret)
		reason_forget(&ictx->reason);
	return ret;
}
