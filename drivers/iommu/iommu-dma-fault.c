// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA that an IOMMU stopped, told to whoever owns the device.
 *
 * Some drivers learn of a fault in an interrupt, where neither a device nor its
 * domain can be looked up: both may go meanwhile. So the owner of a device says
 * beforehand which requester IDs are its, and takes that back before the device is
 * anybody else's. A report finds a listener or none under one raw spinlock. It is
 * held while the listener is told, which is how its owner waits for that.
 *
 * What an ID is, the IOMMU driver and the firmware agree on (struct iommu_fwspec),
 * or it is the one of PCI, with all that a bridge or a quirk replaces it by.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hashtable.h>
#include <linux/iommu.h>
#include <linux/iommu-dma-fault.h>
#include <linux/lockdep.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/**
 * struct iommu_fault_id - an ID that requests of a device can bear
 * @link: in fault_ids, between start and stop
 * @listener: whose device it is
 * @requester: the ID, one of the listener's IOMMU
 * @of_group: another device of the group has it, too, bound or not
 */
struct iommu_fault_id {
	struct hlist_node link;
	struct iommu_fault_listener *listener;
	u32 requester;
	bool of_group;
};

/* Protects the two below; held during a report. */
static DEFINE_RAW_SPINLOCK(fault_ids_lock);
static DEFINE_HASHTABLE(fault_ids, 6);
static unsigned int nr_listeners;

/* Called for each ID of a device until it returns other than 0. */
struct requester_visitor {
	int (*visit)(struct requester_visitor *visitor, u32 requester);
};

static int visit_pci_alias(struct pci_dev *pdev, u16 alias, void *visitor)
{
	return ((struct requester_visitor *)visitor)->visit(visitor, alias);
}

static int visit_requesters(struct device *dev,
			    struct requester_visitor *visitor)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	unsigned int i;
	int ret = 0;

	if (fwspec)
		for (i = 0; !ret && i < fwspec->num_ids; i++)
			ret = visitor->visit(visitor, fwspec->ids[i]);
	else if (dev_is_pci(dev))
		ret = pci_for_each_dma_alias(to_pci_dev(dev), visit_pci_alias,
					     visitor);
	return ret;
}

/**
 * struct id_search - is an ID that of another device, too?
 * @visitor: of the IDs of that other one
 * @dev: the device that is not meant
 * @requester: the ID
 */
struct id_search {
	struct requester_visitor visitor;
	struct device *dev;
	u32 requester;
};

static int search_one(struct requester_visitor *visitor, u32 requester)
{
	return container_of(visitor, struct id_search,
			    visitor)->requester == requester;
}

static int search_device(struct device *dev, void *data)
{
	struct id_search *search = data;

	return dev != search->dev && visit_requesters(dev, &search->visitor);
}

static bool id_is_of_group(struct device *dev, u32 requester)
{
	struct id_search search = {
		.visitor.visit = search_one,
		.dev = dev,
		.requester = requester,
	};

	return iommu_group_for_each_dev(dev->iommu_group, &search,
					search_device);
}

/**
 * struct id_collection - the IDs of a listener are counted, then written down
 * @visitor: of its device
 * @listener: whose
 * @nr_ids: so far
 */
struct id_collection {
	struct requester_visitor visitor;
	struct iommu_fault_listener *listener;
	unsigned int nr_ids;
};

static int collect_id(struct requester_visitor *visitor, u32 requester)
{
	struct id_collection *collection =
		container_of(visitor, struct id_collection, visitor);
	struct iommu_fault_listener *listener = collection->listener;
	unsigned int i = collection->nr_ids++;

	if (i < listener->nr_ids) {
		listener->ids[i].listener = listener;
		listener->ids[i].requester = requester;
	}
	return 0;
}

static unsigned int collect_ids(struct iommu_fault_listener *listener,
				struct device *dev)
{
	struct id_collection collection = {
		.visitor.visit = collect_id,
		.listener = listener,
	};

	visit_requesters(dev, &collection.visitor);
	return collection.nr_ids;
}

/**
 * iommu_fault_listener_init() - Find the IDs that requests of a device can bear
 * @listener: zeroed, but for its function
 * @dev: behind an IOMMU, and in a group; the caller sees to it that it stays there
 *
 * Nothing is reported yet. With an IOMMU whose IDs are not known here nothing will
 * be.
 *
 * Context: may sleep.
 * Return: 0, to be undone with iommu_fault_listener_free(); -ENOMEM.
 */
int iommu_fault_listener_init(struct iommu_fault_listener *listener,
			      struct device *dev)
{
	unsigned int nr_ids = collect_ids(listener, dev);
	unsigned int i;

	listener->ids = kcalloc(nr_ids, sizeof(*listener->ids),
				GFP_KERNEL_ACCOUNT);
	if (!listener->ids)
		return -ENOMEM;
	listener->nr_ids = nr_ids;
	listener->iommu = dev->iommu->iommu_dev;
	collect_ids(listener, dev);
	for (i = 0; i < nr_ids; i++)
		listener->ids[i].of_group =
			id_is_of_group(dev, listener->ids[i].requester);
	return 0;
}
EXPORT_SYMBOL_GPL(iommu_fault_listener_init);

/**
 * iommu_fault_listener_free() - Undo iommu_fault_listener_init()
 * @listener: which
 *
 * Context: any.
 */
void iommu_fault_listener_free(struct iommu_fault_listener *listener)
{
	kfree(listener->ids);
}
EXPORT_SYMBOL_GPL(iommu_fault_listener_free);

/**
 * iommu_fault_listener_start() - Be told of faults from now on
 * @listener: which
 *
 * Context: any but NMI.
 */
void iommu_fault_listener_start(struct iommu_fault_listener *listener)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&fault_ids_lock, flags);
	for (i = 0; i < listener->nr_ids; i++)
		hash_add(fault_ids, &listener->ids[i].link,
			 listener->ids[i].requester);
	nr_listeners++;
	raw_spin_unlock_irqrestore(&fault_ids_lock, flags);
}
EXPORT_SYMBOL_GPL(iommu_fault_listener_start);

/**
 * iommu_fault_listener_stop() - Undo iommu_fault_listener_start()
 * @listener: which
 *
 * Waits for a report that is being made.
 *
 * Context: any but NMI and a report.
 */
void iommu_fault_listener_stop(struct iommu_fault_listener *listener)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&fault_ids_lock, flags);
	for (i = 0; i < listener->nr_ids; i++)
		hash_del(&listener->ids[i].link);
	nr_listeners--;
	raw_spin_unlock_irqrestore(&fault_ids_lock, flags);
}
EXPORT_SYMBOL_GPL(iommu_fault_listener_stop);

/* Of several that share an ID the one that began first */
static struct iommu_fault_id *fault_id_find(struct iommu_device *iommu,
					    u32 requester, bool *of_group)
{
	struct iommu_fault_id *id, *found = NULL;

	lockdep_assert_held(&fault_ids_lock);
	*of_group = false;
	hash_for_each_possible(fault_ids, id, link, requester) {
		if (id->requester != requester || id->listener->iommu != iommu)
			continue;
		/* The other device may have come to the group later. */
		*of_group |= found || id->of_group;
		found = id;
	}
	return found;
}

/**
 * iommu_dma_fault_wanted() - Is it worth to find out what a fault is about?
 *
 * Context: any. For a driver that does not look at each of many.
 * Return: true if anybody listens, to whatever device.
 */
bool iommu_dma_fault_wanted(void)
{
	return READ_ONCE(nr_listeners);
}
EXPORT_SYMBOL_GPL(iommu_dma_fault_wanted);

/**
 * iommu_report_dma_fault() - Tell the owner of a device that its DMA was stopped
 * @iommu: the IOMMU
 * @requester: ID that the request had, in the terms of struct iommu_fwspec or PCI
 * @report: what is known of it
 *
 * For what nobody can repair or repeat. What the driver logs stays its own
 * business.
 *
 * Context: any but NMI.
 */
void iommu_report_dma_fault(struct iommu_device *iommu, u32 requester,
			    const struct iommu_fault_report *report)
{
	struct iommu_fault_report of_id = *report;
	struct iommu_fault_id *id;
	unsigned long flags;

	raw_spin_lock_irqsave(&fault_ids_lock, flags);
	id = fault_id_find(iommu, requester, &of_id.of_group);
	if (id)
		id->listener->report(id->listener, &of_id);
	raw_spin_unlock_irqrestore(&fault_ids_lock, flags);
}
EXPORT_SYMBOL_GPL(iommu_report_dma_fault);
