// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: made, put into every page table, and removed.
 *
 * The life of a mapping is its area's state:
 *
 *	building  mapping_create() took the range; only the creator knows it
 *	live      mapping_fill() pinned the memory and filled all tables
 *	going     a remover owns it
 *
 * Removal works in batches: mark some mappings as going, unmap each run of
 * neighbours with one call for each table, so that they are flushed together,
 * then unpin, then give the ranges back. The translation is always gone and
 * flushed before the first page is released.
 */
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "mapping.h"
#include "user_memory.h"

/* How many mappings are removed together. Bounds the time others see EBUSY. */
#define REMOVAL_BATCH 256

/* Scatterlist entries for one call of the IOMMU driver. */
#define FILL_BATCH (PAGE_SIZE / sizeof(struct scatterlist))
/* Memory of few runs does without allocating the batch. */
#define FILL_BATCH_SMALL 4

static struct mapping *mapping_of(struct iova_area *area)
{
	return container_of(area, struct mapping, area);
}

void mapped_space_init(struct mapped_space *space)
{
	iova_space_init(&space->iova);
	mutex_init(&space->lock);
	init_rwsem(&space->tables_lock);
	INIT_LIST_HEAD(&space->tables);
}

/* Everything mapped and every table is gone already. */
void mapped_space_destroy(struct mapped_space *space)
{
	WARN_ON(!list_empty(&space->tables));
	iova_space_destroy(&space->iova);
	mutex_destroy(&space->lock);
}

/**
 * mapping_create() - Take a range of IOVA for user memory
 * @space: where
 * @request: what
 *
 * Return: the mapping in state building, for mapping_fill() or
 * mapping_destroy(); an errno of iova_space_add_fixed() or
 * iova_space_add_anywhere(); -ENOMEM.
 */
struct mapping *mapping_create(struct mapped_space *space,
			       const struct mapping_request *request)
{
	struct mapping *mapping;
	int ret;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->memory = user_memory_create(request->address, request->length,
					     request->prot & IOMMU_WRITE);
	if (IS_ERR(mapping->memory)) {
		ret = PTR_ERR(mapping->memory);
		goto err_free;
	}
	mapping->offset = offset_in_page(request->address);
	mapping->area.page_offset = offset_in_page(request->address);
	mapping->prot = request->prot | IOMMU_CACHE;

	mutex_lock(&space->lock);
	if (request->fixed)
		ret = iova_space_add_fixed(&space->iova, &mapping->area,
					   request->iova, request->length);
	else
		ret = iova_space_add_anywhere(&space->iova, &mapping->area,
					      request->address,
					      request->length);
	mutex_unlock(&space->lock);
	if (ret)
		goto err_put_memory;
	return mapping;

err_put_memory:
	user_memory_put(mapping->memory);
err_free:
	kfree(mapping);
	return ERR_PTR(ret);
}

/* Give back the range of a mapping that no table knows. */
void mapping_destroy(struct mapped_space *space, struct mapping *mapping)
{
	mutex_lock(&space->lock);
	iova_space_remove(&space->iova, &mapping->area);
	mutex_unlock(&space->lock);
	user_memory_put(mapping->memory);
	kfree(mapping);
}

static void table_unmap(struct mapped_table *table, u64 start, u64 length)
{
	size_t unmapped = iommu_unmap(table->domain, start, length);

	WARN_ONCE(unmapped != length, "iommufd: IOMMU driver unmapped %zu of %llu bytes\n",
		  unmapped, length);
}

/*
 * Fill @table with the pages of @mapping, out of the record. The first and
 * last page may be used in part, when the IOMMU has smaller pages than the CPU.
 */
static int table_map_runs(struct mapped_table *table, struct mapping *mapping,
			  struct scatterlist *batch, unsigned int max_batch)
{
	u64 left = iova_area_length(&mapping->area);
	u64 offset = offset_in_page(mapping->offset);
	u64 iova = mapping->area.start;
	struct page_runs_iter iter;
	unsigned int nr = 0;
	bool more;

	for_each_page_run(&iter, &mapping->memory->runs,
			  mapping->offset >> PAGE_SHIFT,
			  (offset + left + PAGE_SIZE - 1) >> PAGE_SHIFT, more) {
		u64 length = min((iter.run.nr_pages << PAGE_SHIFT) - offset,
				 left);
		ssize_t mapped;

		sg_set_page(&batch[nr++], pfn_to_page(iter.run.pfn), length,
			    offset);
		offset = 0;
		left -= length;
		if (nr != max_batch && left)
			continue;

		mapped = iommu_map_sg(table->domain, iova, batch, nr,
				      mapping->prot);
		if (mapped < 0) {
			if (iova != mapping->area.start)
				table_unmap(table, mapping->area.start,
					    iova - mapping->area.start);
			return mapped;
		}
		iova += mapped;
		nr = 0;
		cond_resched();
	}
	return 0;
}

/* All or nothing. The memory is pinned. */
static int table_map(struct mapped_table *table, struct mapping *mapping)
{
	struct scatterlist small[FILL_BATCH_SMALL];
	struct scatterlist *batch;
	int ret;

	if (mapping->memory->nr_pages <= FILL_BATCH_SMALL ||
	    page_runs_single(&mapping->memory->runs)) {
		sg_init_table(small, FILL_BATCH_SMALL);
		return table_map_runs(table, mapping, small, FILL_BATCH_SMALL);
	}

	batch = (struct scatterlist *)get_zeroed_page(GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	sg_init_table(batch, FILL_BATCH);
	ret = table_map_runs(table, mapping, batch, FILL_BATCH);
	free_page((unsigned long)batch);
	return ret;
}

/**
 * mapping_fill() - Make a new mapping reachable for devices
 * @space: where
 * @mapping: in state building, live afterwards
 *
 * Return: 0; an errno of user_memory_pin() or of the IOMMU driver, then no
 * table has any of it and nothing is pinned.
 */
int mapping_fill(struct mapped_space *space, struct mapping *mapping)
{
	struct mapped_table *table;
	int ret = 0;

	down_read(&space->tables_lock);
	if (!list_empty(&space->tables)) {
		ret = user_memory_pin(mapping->memory);
		if (ret)
			goto out_unlock;
	}
	list_for_each_entry(table, &space->tables, link) {
		ret = table_map(table, mapping);
		if (ret)
			goto err_unmap;
	}

	mutex_lock(&space->lock);
	mapping->area.state = IOVA_AREA_LIVE;
	mutex_unlock(&space->lock);
out_unlock:
	up_read(&space->tables_lock);
	return ret;

err_unmap:
	list_for_each_entry_continue_reverse(table, &space->tables, link)
		table_unmap(table, mapping->area.start,
			    iova_area_length(&mapping->area));
	user_memory_unpin(mapping->memory);
	up_read(&space->tables_lock);
	return ret;
}

/*
 * Mark the next mappings inside @start to @last as going and put them into
 * @batch. Return: 0, with an empty batch when there are no more; -ENOENT for
 * one that is only partly inside; -EBUSY for one that somebody else works on.
 * With an errno the batch holds the mappings below.
 */
static int removal_collect(struct mapped_space *space, u64 start, u64 last,
			   struct list_head *batch)
{
	struct iova_area *area;
	unsigned int nr = 0;
	int ret = 0;

	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, start, last) {
		if (area->start < start || area->last > last) {
			ret = -ENOENT;
			break;
		}
		if (area->state != IOVA_AREA_LIVE) {
			ret = -EBUSY;
			break;
		}
		area->state = IOVA_AREA_GOING;
		list_add_tail(&mapping_of(area)->removal, batch);
		if (++nr == REMOVAL_BATCH)
			break;
	}
	mutex_unlock(&space->lock);
	return ret;
}

/* Take the batch out of all tables, neighbours together. */
static void removal_unmap(struct mapped_space *space, struct list_head *batch)
{
	struct mapping *mapping, *next;
	struct mapped_table *table;
	u64 start = 0;

	list_for_each_entry(mapping, batch, removal) {
		if (list_is_first(&mapping->removal, batch))
			start = mapping->area.start;
		next = list_next_entry(mapping, removal);
		if (!list_entry_is_head(next, batch, removal)) {
			if (next->area.start == mapping->area.last + 1)
				continue;
		}
		list_for_each_entry(table, &space->tables, link)
			table_unmap(table, start,
				    mapping->area.last - start + 1);
		if (!list_entry_is_head(next, batch, removal))
			start = next->area.start;
		cond_resched();
	}
}

/* Return: bytes removed. */
static u64 removal_finish(struct mapped_space *space, struct list_head *batch)
{
	struct mapping *mapping, *next;
	u64 removed = 0;

	if (!list_empty(&space->tables))
		list_for_each_entry(mapping, batch, removal)
			user_memory_unpin(mapping->memory);

	mutex_lock(&space->lock);
	list_for_each_entry(mapping, batch, removal) {
		removed += iova_area_length(&mapping->area);
		iova_space_remove(&space->iova, &mapping->area);
	}
	mutex_unlock(&space->lock);

	list_for_each_entry_safe(mapping, next, batch, removal) {
		user_memory_put(mapping->memory);
		kfree(mapping);
	}
	return removed;
}

/**
 * mapping_remove_range() - Remove every mapping inside a range
 * @space: where
 * @start: first IOVA
 * @last: last IOVA
 * @removed: set to the bytes removed, also when the call fails
 *
 * Works upwards and stops at the first mapping that it cannot remove: those
 * below are gone then.
 *
 * Return: 0, also when nothing was there; -ENOENT for a mapping partly inside;
 * -EBUSY for one that another thread is making or removing.
 */
int mapping_remove_range(struct mapped_space *space, u64 start, u64 last,
			 u64 *removed)
{
	bool more;
	int ret;

	*removed = 0;
	do {
		LIST_HEAD(batch);

		down_read(&space->tables_lock);
		ret = removal_collect(space, start, last, &batch);
		more = !list_empty(&batch);
		if (more) {
			struct mapping *highest = list_last_entry(&batch,
								  struct mapping,
								  removal);
			u64 done = highest->area.last;

			removal_unmap(space, &batch);
			*removed += removal_finish(space, &batch);
			/* What appears below meanwhile is not ours to remove. */
			more = done < last;
			start = done + 1;
		}
		up_read(&space->tables_lock);
	} while (!ret && more);
	return ret;
}

/* Remove all mappings. Return: 0 or -EBUSY, as mapping_remove_range(). */
int mapping_remove_all(struct mapped_space *space, u64 *removed)
{
	return mapping_remove_range(space, 0, U64_MAX, removed);
}

/* Largest alignment that a table needs; 1 without tables. */
static u32 tables_alignment(struct mapped_space *space)
{
	struct mapped_table *table;
	u32 alignment = 1;

	list_for_each_entry(table, &space->tables, link)
		alignment = max_t(u32, alignment,
				  1UL << __ffs(table->domain->pgsize_bitmap));
	return alignment;
}

/* Claim for @table what it cannot translate, and the alignment it needs. */
static int table_reserve(struct mapped_space *space, struct mapped_table *table)
{
	struct iommu_domain_geometry *geometry = &table->domain->geometry;
	u32 alignment = max_t(u32, tables_alignment(space),
			      1UL << __ffs(table->domain->pgsize_bitmap));
	int ret;

	mutex_lock(&space->lock);
	ret = iova_space_set_alignment(&space->iova, alignment);
	if (!ret && geometry->aperture_start)
		ret = iova_space_reserve(&space->iova, 0,
					 geometry->aperture_start - 1, table);
	if (!ret && geometry->aperture_end != U64_MAX)
		ret = iova_space_reserve(&space->iova,
					 geometry->aperture_end + 1, U64_MAX,
					 table);
	mutex_unlock(&space->lock);
	return ret;
}

static void table_unreserve(struct mapped_space *space,
			    struct mapped_table *table)
{
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, table);
	/* A smaller alignment always fits. */
	iova_space_set_alignment(&space->iova, tables_alignment(space));
	mutex_unlock(&space->lock);
}

/*
 * The tree of areas may change while it is walked: creators add and destroy
 * areas in state building under the leaf lock alone. Live ones stay.
 */
static struct mapping *live_next(struct mapped_space *space, u64 from)
{
	struct iova_area *area;

	mutex_lock(&space->lock);
	for_each_iova_area(area, &space->iova, from, U64_MAX)
		if (area->state == IOVA_AREA_LIVE)
			break;
	mutex_unlock(&space->lock);
	return area ? mapping_of(area) : NULL;
}

/* The caller has tables_lock exclusively. */
#define for_each_live_mapping(mapping, space) \
	for (mapping = live_next(space, 0); mapping; \
	     mapping = mapping->area.last == U64_MAX ? NULL : \
		       live_next(space, mapping->area.last + 1))

/* Unpin the live mappings below @end, or all of them when it is NULL. */
static void unpin_live(struct mapped_space *space, struct mapping *end)
{
	struct mapping *mapping;

	for_each_live_mapping(mapping, space) {
		if (mapping == end)
			break;
		user_memory_unpin(mapping->memory);
		cond_resched();
	}
}

/* Everything live into @table, pinned when it is the first one. */
static int table_fill(struct mapped_space *space, struct mapped_table *table)
{
	bool pin = list_empty(&space->tables);
	struct mapping *mapping;
	int ret;

	for_each_live_mapping(mapping, space) {
		if (pin) {
			ret = user_memory_pin(mapping->memory);
			if (ret)
				goto err_unpin;
		}
		ret = table_map(table, mapping);
		if (ret) {
			if (pin)
				user_memory_unpin(mapping->memory);
			goto err_unpin;
		}
		cond_resched();
	}
	return 0;

err_unpin:
	if (pin)
		unpin_live(space, mapping);
	return ret;
}

/**
 * mapped_space_add_table() - Make a new table translate all that is mapped
 * @space: where
 * @table: no device uses it yet
 *
 * Narrows the usable IOVA to what the table can translate. When it fails the
 * table may hold some translations: its owner frees it.
 *
 * Return: 0; -EADDRINUSE when a mapping does not fit the table; -EINVAL when
 * the table's smallest page is larger than the CPU's; an errno of
 * user_memory_pin() or of the IOMMU driver.
 */
int mapped_space_add_table(struct mapped_space *space,
			   struct mapped_table *table)
{
	int ret;

	if (__ffs(table->domain->pgsize_bitmap) > PAGE_SHIFT)
		return -EINVAL;

	down_write(&space->tables_lock);
	ret = table_reserve(space, table);
	if (!ret)
		ret = table_fill(space, table);
	if (ret)
		table_unreserve(space, table);
	else
		list_add_tail(&table->link, &space->tables);
	up_write(&space->tables_lock);
	return ret;
}

/**
 * mapped_space_remove_table() - Forget a table
 * @space: where it was added
 * @table: no device can reach it any more, and its owner frees it next
 *
 * Nothing is unmapped one by one: freeing the table does that.
 */
void mapped_space_remove_table(struct mapped_space *space,
			       struct mapped_table *table)
{
	down_write(&space->tables_lock);
	list_del(&table->link);
	if (list_empty(&space->tables))
		unpin_live(space, NULL);
	table_unreserve(space, table);
	up_write(&space->tables_lock);
}

/* iova_space_reserve() with the locks. */
int mapped_space_reserve(struct mapped_space *space, u64 start, u64 last,
			 void *owner)
{
	int ret;

	down_write(&space->tables_lock);
	mutex_lock(&space->lock);
	ret = iova_space_reserve(&space->iova, start, last, owner);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
	return ret;
}

void mapped_space_unreserve(struct mapped_space *space, void *owner)
{
	down_write(&space->tables_lock);
	mutex_lock(&space->lock);
	iova_space_unreserve(&space->iova, owner);
	mutex_unlock(&space->lock);
	up_write(&space->tables_lock);
}
