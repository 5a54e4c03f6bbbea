/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doorbells of message signalled interrupts, for iommu_groups whose owner moves
 * them between page tables.
 *
 * The owner adds the group before a device of it can have an interrupt. An
 * attach, a detach and a replace are each a move, which begins before the
 * hardware is switched and ends after that. All functions do nothing where
 * interrupts are not translated.
 */
#ifndef __LINUX_IOMMU_DOORBELL_H
#define __LINUX_IOMMU_DOORBELL_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct iommu_domain;
struct iommu_group;
struct msi_desc;

#ifdef CONFIG_IOMMU_DOORBELL

/**
 * struct iommu_doorbell_table - a page table that doorbells are mapped in
 * @domain: private: the page table
 * @window: private: first IOVA of the groups' window
 * @nr_groups: private: groups that are in it
 * @mapped: private: a bit for each slot
 */
struct iommu_doorbell_table {
	struct iommu_domain *domain;
	dma_addr_t window;
	unsigned int nr_groups;
	unsigned long mapped;
};

/**
 * struct iommu_doorbell_group - an iommu_group that moves
 * @link: private: in the list of all
 * @iommu_group: private: which; its owner has a reference
 * @window: private: first IOVA for doorbells
 * @nr_slots: private: pages of the window; 0 if interrupts are not translated
 * @lock: private: held for the time of a move
 * @used: private: a bit for each slot; under @lock
 * @table: private: where it is, or NULL; under @lock
 */
struct iommu_doorbell_group {
	struct list_head link;
	struct iommu_group *iommu_group;
	dma_addr_t window;
	unsigned int nr_slots;
	struct mutex lock;
	unsigned long used;
	struct iommu_doorbell_table *table;
};

/* Once, @table zeroed. */
static inline void iommu_doorbell_init(struct iommu_doorbell_table *table,
				       struct iommu_domain *domain)
{
	table->domain = domain;
}

int iommu_doorbell_add(struct iommu_doorbell_group *group,
		       struct iommu_group *iommu_group);
void iommu_doorbell_remove(struct iommu_doorbell_group *group);
int iommu_doorbell_begin_move(struct iommu_doorbell_group *group,
			      struct iommu_doorbell_table *table);
void iommu_doorbell_end_move(struct iommu_doorbell_group *group,
			     struct iommu_doorbell_table *table, bool moved);
bool iommu_doorbell_prepare(struct msi_desc *desc, phys_addr_t address,
			    int *ret);

#else /* CONFIG_IOMMU_DOORBELL */

struct iommu_doorbell_table {
};

struct iommu_doorbell_group {
};

static inline void iommu_doorbell_init(struct iommu_doorbell_table *table,
				       struct iommu_domain *domain)
{
}

static inline int iommu_doorbell_add(struct iommu_doorbell_group *group,
				     struct iommu_group *iommu_group)
{
	return 0;
}

static inline void iommu_doorbell_remove(struct iommu_doorbell_group *group)
{
}

static inline int
iommu_doorbell_begin_move(struct iommu_doorbell_group *group,
			  struct iommu_doorbell_table *table)
{
	return 0;
}

static inline void
iommu_doorbell_end_move(struct iommu_doorbell_group *group,
			struct iommu_doorbell_table *table, bool moved)
{
}

static inline bool iommu_doorbell_prepare(struct msi_desc *desc,
					  phys_addr_t address, int *ret)
{
	return false;
}

#endif /* CONFIG_IOMMU_DOORBELL */

#endif
