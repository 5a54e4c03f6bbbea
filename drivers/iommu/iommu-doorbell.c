// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells of message signalled interrupts, for iommu_groups whose owner moves
 * them between page tables.
 *
 * Some IOMMUs translate interrupts like any other write of a device. There the
 * register of the interrupt controller that a device writes to, its doorbell,
 * has to be in the page table, and the IOMMU driver names a window of IOVA for
 * it, IOMMU_RESV_SW_MSI, that nothing else is mapped in. A device learns the
 * address when its vectors are allocated, and in PCI's case keeps it in
 * registers that cannot be written at any time.
 *
 * iommu_dma_prepare_msi() maps a doorbell in the table that the device has at
 * that moment. That is right for a device that has one table for as long as it
 * has vectors. Others would lose their interrupts: a vector that is allocated
 * while there is no table gets the physical address, and the next table lacks
 * the mapping. And the owner could free the table while it is looked at.
 *
 * Here the address of a doorbell depends on no table. Each doorbell has a page
 * of the window, its slot, which is the same in every table:
 *
 *	slot	IOVA		doorbell
 *	0	0x8000000	0x8090000, used by groups A and B
 *	1	0x8001000	0xc090000, used by group C
 *
 * So what a device was told stays right. The doorbells that a group uses are
 * mapped in the table that it is in, whichever comes first, the table or the
 * vector. A table lets go of its doorbells when the last group leaves it,
 * because its window is free for other mappings from there on.
 *
 * virtio-iommu wants nobody to map into a table while its first group is
 * attached or its last one detached. Hence a vector that is allocated in the
 * middle of a move waits for its end, and so does everybody who allocates one:
 * that is done by one at a time anyway. No move waits for user memory.
 *
 * Lock order:
 *
 *	irq_domain_mutex		allocating a vector
 *	  groups_lock			which groups there are
 *	    iommu_doorbell_group.lock	where a group is, what it uses
 *	      slots_lock		slots, what tables have of them
 *	        locks of the IOMMU driver, to map and unmap
 *	      locks of the IOMMU core and driver, to switch
 *
 * So no IOMMU driver may allocate a vector while it switches; those of 6.1 that
 * have such a window allocate theirs when they are probed.
 */
#include <linux/iommu.h>
#include <linux/iommu-doorbell.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#define NR_SLOTS BITS_PER_LONG

/**
 * struct doorbell - what is in a slot
 * @page: its physical address
 * @nr_users: groups that use it and tables that it is mapped in; 0 if the slot
 *            is free
 */
struct doorbell {
	phys_addr_t page;
	unsigned int nr_users;
};

static DEFINE_MUTEX(groups_lock);
static LIST_HEAD(doorbell_groups);
static DEFINE_MUTEX(slots_lock);
static struct doorbell doorbells[NR_SLOTS];

/* The slot of @page, with one user more, or -ENOSPC. */
static int doorbell_get(phys_addr_t page, int nr_slots)
{
	int found = -ENOSPC, slot;

	lockdep_assert_held(&slots_lock);
	for (slot = nr_slots - 1; slot >= 0; slot--) {
		if (!doorbells[slot].nr_users) {
			found = slot;
		} else if (doorbells[slot].page == page) {
			found = slot;
			break;
		}
	}
	if (found < 0)
		return found;
	doorbells[found].page = page;
	doorbells[found].nr_users++;
	return found;
}

static void doorbell_put(unsigned int slot)
{
	lockdep_assert_held(&slots_lock);
	doorbells[slot].nr_users--;
}

static dma_addr_t slot_iova(dma_addr_t window, unsigned int slot)
{
	return window + (dma_addr_t)slot * PAGE_SIZE;
}

static int table_map(struct iommu_doorbell_table *table, unsigned int slot)
{
	int ret;

	lockdep_assert_held(&slots_lock);
	if (test_bit(slot, &table->mapped))
		return 0;
	ret = iommu_map(table->domain, slot_iova(table->window, slot),
			doorbells[slot].page, PAGE_SIZE,
			IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO);
	if (ret)
		return ret;
	doorbells[slot].nr_users++;
	__set_bit(slot, &table->mapped);
	return 0;
}

static void table_unmap_all(struct iommu_doorbell_table *table)
{
	unsigned int slot;

	lockdep_assert_held(&slots_lock);
	for_each_set_bit(slot, &table->mapped, NR_SLOTS) {
		/* What the driver did not unmap is still there for the next. */
		if (WARN_ON(iommu_unmap(table->domain,
					slot_iova(table->window, slot),
					PAGE_SIZE) != PAGE_SIZE))
			continue;
		doorbell_put(slot);
		__clear_bit(slot, &table->mapped);
	}
}

static void table_drop_group(struct iommu_doorbell_table *table)
{
	lockdep_assert_held(&slots_lock);
	if (!--table->nr_groups)
		table_unmap_all(table);
}

/* One group more, for which the slots @used are mapped, or an errno. */
static int table_add_group(struct iommu_doorbell_table *table,
			   dma_addr_t window, unsigned long used)
{
	unsigned int slot;

	lockdep_assert_held(&slots_lock);
	/* The groups of one IOMMU have the same window. */
	if (WARN_ON((table->nr_groups || table->mapped) &&
		    table->window != window))
		return -EINVAL;
	table->window = window;
	table->nr_groups++;
	for_each_set_bit(slot, &used, NR_SLOTS) {
		int ret = table_map(table, slot);

		if (ret) {
			table_drop_group(table);
			return ret;
		}
	}
	return 0;
}

/* The slot of @page, mapped where the group is, or an errno. */
static int group_use(struct iommu_doorbell_group *group, phys_addr_t page)
{
	int ret = 0, slot;

	lockdep_assert_held(&group->lock);
	lockdep_assert_held(&slots_lock);
	slot = doorbell_get(page, group->nr_slots);
	if (slot < 0)
		return slot;
	if (test_bit(slot, &group->used)) {
		doorbell_put(slot);
		return slot;
	}
	if (group->table)
		ret = table_map(group->table, slot);
	if (ret) {
		doorbell_put(slot);
		return ret;
	}
	__set_bit(slot, &group->used);
	return slot;
}

static int group_prepare(struct iommu_doorbell_group *group,
			 struct msi_desc *desc, phys_addr_t address)
{
	int slot;

	lockdep_assert_held(&groups_lock);
	if (!group->nr_slots) {
		msi_desc_set_iommu_msi_iova(desc, 0, 0);
		return 0;
	}
	mutex_lock(&group->lock);
	mutex_lock(&slots_lock);
	slot = group_use(group, address & ~(phys_addr_t)(PAGE_SIZE - 1));
	mutex_unlock(&slots_lock);
	mutex_unlock(&group->lock);
	if (slot < 0)
		return slot;
	msi_desc_set_iommu_msi_iova(desc, slot_iova(group->window, slot),
				    PAGE_SHIFT);
	return 0;
}

static struct iommu_doorbell_group *group_of(struct device *dev)
{
	struct iommu_doorbell_group *group;

	lockdep_assert_held(&groups_lock);
	list_for_each_entry(group, &doorbell_groups, link)
		if (group->iommu_group == dev->iommu_group)
			return group;
	return NULL;
}

/**
 * iommu_doorbell_prepare() - Tell an interrupt where its doorbell is
 * @desc: the interrupt
 * @address: physical address of its doorbell
 * @ret: set to 0; -ENOSPC when the window is full; an errno of iommu_map()
 *
 * Context: may sleep; waits for the end of a move of the group.
 * Return: false when the device is of a group that was not added, and nothing
 * was done.
 */
bool iommu_doorbell_prepare(struct msi_desc *desc, phys_addr_t address,
			    int *ret)
{
	struct iommu_doorbell_group *group;

	mutex_lock(&groups_lock);
	group = group_of(msi_desc_to_dev(desc));
	if (group)
		*ret = group_prepare(group, desc, address);
	mutex_unlock(&groups_lock);
	return group;
}

/* A region of interrupts that are not translated overrides the other kind. */
static int group_find_window(struct iommu_doorbell_group *group)
{
	struct iommu_resv_region *region, *next;
	bool translated = true;
	LIST_HEAD(regions);
	int ret;

	/* Some may be there also after a failure. */
	ret = iommu_get_group_resv_regions(group->iommu_group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (region->type == IOMMU_RESV_MSI)
			translated = false;
		if (region->type == IOMMU_RESV_SW_MSI) {
			group->window = region->start;
			group->nr_slots = min_t(size_t, NR_SLOTS,
						region->length >> PAGE_SHIFT);
		}
		kfree(region);
	}
	if (!translated)
		group->nr_slots = 0;
	return ret;
}

/**
 * iommu_doorbell_add() - Keep the doorbells of a group where they are
 * @group: zeroed
 * @iommu_group: the caller owns its DMA and keeps a reference; none of its
 *               devices that the owner lets have interrupts has one yet
 *
 * Context: may sleep.
 * Return: 0, or an errno of iommu_get_group_resv_regions().
 */
int iommu_doorbell_add(struct iommu_doorbell_group *group,
		       struct iommu_group *iommu_group)
{
	int ret;

	group->iommu_group = iommu_group;
	ret = group_find_window(group);
	if (ret)
		return ret;
	mutex_init(&group->lock);
	mutex_lock(&groups_lock);
	list_add_tail(&group->link, &doorbell_groups);
	mutex_unlock(&groups_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(iommu_doorbell_add);

/**
 * iommu_doorbell_remove() - Undo iommu_doorbell_add()
 * @group: is in no table, and its owner's devices have no interrupts any more
 *
 * Context: may sleep.
 */
void iommu_doorbell_remove(struct iommu_doorbell_group *group)
{
	unsigned int slot;

	mutex_lock(&groups_lock);
	list_del(&group->link);
	mutex_unlock(&groups_lock);

	WARN_ON(group->table);
	mutex_lock(&slots_lock);
	for_each_set_bit(slot, &group->used, NR_SLOTS)
		doorbell_put(slot);
	mutex_unlock(&slots_lock);
	mutex_destroy(&group->lock);
}
EXPORT_SYMBOL_GPL(iommu_doorbell_remove);

/**
 * iommu_doorbell_begin_move() - Before a group is attached to a page table
 * @group: not in the middle of a move
 * @table: where it will be attached, not where it is; nothing but doorbells is
 *         mapped in its window, for as long as the group is there. NULL for
 *         nowhere
 *
 * The doorbells of the group are in both tables from here on: an interrupt gets
 * through whenever other DMA does. Nobody else may map in @table or attach to
 * it.
 *
 * Context: may sleep; takes a lock until iommu_doorbell_end_move().
 * Return: 0, or an errno of iommu_map(): the group does not move.
 */
int iommu_doorbell_begin_move(struct iommu_doorbell_group *group,
			      struct iommu_doorbell_table *table)
{
	int ret = 0;

	mutex_lock(&group->lock);
	if (!table || !group->nr_slots)
		return 0;
	mutex_lock(&slots_lock);
	ret = table_add_group(table, group->window, group->used);
	mutex_unlock(&slots_lock);
	if (ret)
		mutex_unlock(&group->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(iommu_doorbell_begin_move);

/**
 * iommu_doorbell_end_move() - After the hardware was switched, or was not
 * @group: iommu_doorbell_begin_move() succeeded
 * @table: what that was given
 * @moved: the group is there now, else where it was before
 *
 * Where it is not any more its doorbells are not needed.
 *
 * Context: may sleep.
 */
void iommu_doorbell_end_move(struct iommu_doorbell_group *group,
			     struct iommu_doorbell_table *table, bool moved)
{
	struct iommu_doorbell_table *left = moved ? group->table : table;

	lockdep_assert_held(&group->lock);
	if (group->nr_slots) {
		if (moved)
			group->table = table;
		mutex_lock(&slots_lock);
		if (left)
			table_drop_group(left);
		mutex_unlock(&slots_lock);
	}
	mutex_unlock(&group->lock);
}
EXPORT_SYMBOL_GPL(iommu_doorbell_end_move);
