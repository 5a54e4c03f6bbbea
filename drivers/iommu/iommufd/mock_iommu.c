// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU driver.
 *
 * A page table is an xarray with an entry for each mock page, which is smaller
 * than the CPU's so that tests see what a driver with small pages sees. It
 * complains where real drivers do harm: about an unmap that does not cover
 * whole maps, and about a use of a table that meets an attach or a detach of it.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/iommu-dirty.h>
#include <linux/iommu.h>
#include <linux/iommu-dma-fault.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "iommufd_test.h"
#include "mock_dirty.h"
#include "mock_iommu.h"

/* The requester ID of devices that have MOCK_FLAGS_DEVICE_SHARE_ID */
#define MOCK_SHARED_ID 0x10000

/* An entry: the page's address in units of mock pages, and where a map began. */
#define ENTRY_FIRST BIT_ULL(60)
#define ENTRY_LAST BIT_ULL(61)
#define ENTRY_PAGE(entry) ((entry) & (ENTRY_HUGE - 1))

struct mock_domain {
	struct iommu_domain domain;
	struct xarray pages;
	/* the IOVA of pages that are not mapped, and not unmapped */
	u64 refuse_map;
	u64 refuse_unmap;
	/* it marks entries dirty */
	bool is_tracking;
	/* shared by maps and unmaps. Nobody waits for it: see mock_use() */
	struct rw_semaphore users;
};

struct mock_device {
	struct device dev;
	/* what it is attached to; NULL for none, or for what the core has */
	struct mock_domain *domain;
	/* the first one, to compare with; it may be gone */
	struct iommu_domain *first;
	/* how often its table was taken away */
	unsigned int nr_gaps;
	u32 flags;
	int id;
	u32 cache[MOCK_DEV_CACHE_NUM];
};

/* The second one is for a driver that does not make domains for a device. */
static struct iommu_device mock_iommu, mock_plain_iommu;
static struct platform_device *mock_iommu_platform;
static DEFINE_IDA(mock_device_ids);
static const struct iommu_ops mock_ops, mock_plain_ops;
static const struct iommu_domain_ops mock_domain_ops;
static const struct iommu_tracking_ops mock_tracking_ops;

static struct bus_type mock_bus = {
	.name = "iommufd_mock",
};

static struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

static struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

bool mock_domain_is(struct iommu_domain *domain)
{
	return domain->ops == &mock_domain_ops;
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	u32 flags = to_mock_device(dev)->flags;

	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
		return !(flags & MOCK_FLAGS_DEVICE_INCOHERENT);
	case IOMMU_CAP_INTR_REMAP:
		return !(flags & MOCK_FLAGS_DEVICE_FREE_INTERRUPTS);
	case IOMMU_CAP_TRACK_DIRTY:
		return !(flags & (MOCK_FLAGS_DEVICE_NO_DIRTY |
				  MOCK_FLAGS_DEVICE_PLAIN_DRIVER));
	default:
		return false;
	}
}

/* Without a domain for the DMA API a device's DMA is blocked by default. */
static struct iommu_domain *mock_domain_alloc(unsigned int type)
{
	struct mock_domain *mock;

	if (type != IOMMU_DOMAIN_UNMANAGED && type != IOMMU_DOMAIN_BLOCKED)
		return NULL;
	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return NULL;
	xa_init(&mock->pages);
	mock->refuse_map = U64_MAX;
	mock->refuse_unmap = U64_MAX;
	init_rwsem(&mock->users);
	mock->domain.geometry.aperture_start = MOCK_APERTURE_START;
	mock->domain.geometry.aperture_end = MOCK_APERTURE_LAST;
	mock->domain.geometry.force_aperture = true;
	return &mock->domain;
}

static struct iommu_domain *mock_domain_alloc_for(struct device *dev,
						  u32 domain_flags)
{
	u32 flags = to_mock_device(dev)->flags;
	struct iommu_domain *domain;

	if (domain_flags & ~IOMMU_DOMAIN_FLAG_TRACK_DIRTY)
		return ERR_PTR(-EOPNOTSUPP);
	domain = mock_domain_alloc(IOMMU_DOMAIN_UNMANAGED);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	if (domain_flags & IOMMU_DOMAIN_FLAG_TRACK_DIRTY)
		domain->tracking_ops = &mock_tracking_ops;
	domain->pgsize_bitmap = MOCK_PAGE_SIZE;
	if (flags & MOCK_FLAGS_DEVICE_HUGE_IOVA)
		domain->pgsize_bitmap |= MOCK_HUGE_PAGE_SIZE;
	if (flags & MOCK_FLAGS_DEVICE_LARGE_PAGES)
		domain->pgsize_bitmap = MOCK_HUGE_PAGE_SIZE;
	return domain;
}

static void mock_domain_free(struct iommu_domain *domain)
{
	struct mock_domain *mock = to_mock_domain(domain);

	/*
	 * iommufd removes what it mapped before, or frees the table with
	 * everything in it: both are fine for a table that nobody uses.
	 */
	xa_destroy(&mock->pages);
	kfree(mock);
}

/*
 * Whoever owns a table keeps maps and unmaps apart from attach and detach:
 * real drivers change then what those read. Here the time is long enough to be
 * met in.
 */
static void mock_switch(struct mock_domain *mock)
{
	if (!mock || WARN_ON(!down_write_trylock(&mock->users)))
		return;
	usleep_range(50, 100);
	up_write(&mock->users);
}

static bool mock_use(struct mock_domain *mock)
{
	return !WARN_ON(!down_read_trylock(&mock->users));
}

static void mock_unuse(struct mock_domain *mock)
{
	up_read(&mock->users);
}

static bool mock_accepts(struct mock_device *mock, struct iommu_domain *domain)
{
	if (!(mock->flags & MOCK_FLAGS_DEVICE_ONE_TABLE))
		return true;
	if (!mock->first)
		mock->first = domain;
	return mock->first == domain;
}

static void mock_detach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	if (!mock->domain)
		return;
	mock_switch(mock->domain);
	mock->domain = NULL;
	mock->nr_gaps++;
}

/* As real drivers do: the device is attached to nothing before, and after a failure. */
static int mock_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	mock_detach_dev(NULL, dev);
	if (domain->type == IOMMU_DOMAIN_BLOCKED)
		return 0;
	if (!mock_accepts(mock, domain))
		return -EIO;
	mock_switch(to_mock_domain(domain));
	mock->domain = to_mock_domain(domain);
	return 0;
}

static int mock_switch_dev(struct iommu_domain *domain, struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	if (!mock->domain || mock->flags & MOCK_FLAGS_DEVICE_NO_SWITCH)
		return -EOPNOTSUPP;
	if (!mock_accepts(mock, domain))
		return -EIO;
	mock_switch(mock->domain);
	if (mock->domain != to_mock_domain(domain))
		mock_switch(to_mock_domain(domain));
	mock->domain = to_mock_domain(domain);
	return 0;
}

static void mock_erase(struct mock_domain *mock, unsigned long index,
		       unsigned long nr)
{
	while (nr--)
		xa_erase(&mock->pages, index++);
}

static int mock_store(struct mock_domain *mock, unsigned long first,
		      unsigned long nr, u64 pages, gfp_t gfp)
{
	unsigned long i;

	for (i = 0; i != nr; i++) {
		u64 entry = pages + i;
		void *old;

		if (i == 0)
			entry |= ENTRY_FIRST;
		if (i == nr - 1)
			entry |= ENTRY_LAST;
		old = xa_store(&mock->pages, first + i, xa_mk_value(entry),
			       gfp);
		if (xa_is_err(old)) {
			mock_erase(mock, first, i);
			return xa_err(old);
		}
		WARN_ON(old);
	}
	return 0;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *mock = to_mock_domain(domain);
	u64 refused = READ_ONCE(mock->refuse_map);
	size_t length = pgsize * pgcount;
	u64 pages = paddr / MOCK_PAGE_SIZE;
	int ret;

	if (pgsize == MOCK_HUGE_PAGE_SIZE)
		pages |= ENTRY_HUGE;
	if (WARN_ON(!(prot & IOMMU_CACHE)) ||
	    WARN_ON(iova % MOCK_PAGE_SIZE || paddr % MOCK_PAGE_SIZE))
		return -EINVAL;
	if (refused >= iova && refused - iova < length)
		return -ENOSPC;
	if (!mock_use(mock))
		return -EBUSY;
	ret = mock_store(mock, iova / MOCK_PAGE_SIZE, length / MOCK_PAGE_SIZE,
			 pages, gfp);
	mock_unuse(mock);
	if (!ret)
		*mapped = length;
	return ret;
}

/* Return: how many are gone. */
static unsigned long mock_remove(struct mock_domain *mock, unsigned long first,
				 unsigned long nr)
{
	u64 refused = READ_ONCE(mock->refuse_unmap) / MOCK_PAGE_SIZE;
	unsigned long i;

	for (i = 0; i != nr; i++) {
		void *old;

		if (first + i == refused)
			return i;
		old = xa_erase(&mock->pages, first + i);
		/* A hole: real drivers remove the neighbours here. */
		if (WARN_ON(!old))
			return i;
		WARN_ON(i == 0 && !(xa_to_value(old) & ENTRY_FIRST));
		WARN_ON(i == nr - 1 && !(xa_to_value(old) & ENTRY_LAST));
	}
	return nr;
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mock = to_mock_domain(domain);
	unsigned long gone;

	if (!mock_use(mock))
		return 0;
	gone = mock_remove(mock, iova / MOCK_PAGE_SIZE,
			   pgsize * pgcount / MOCK_PAGE_SIZE);
	mock_unuse(mock);
	return gone * MOCK_PAGE_SIZE;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	struct mock_domain *mock = to_mock_domain(domain);
	void *entry = xa_load(&mock->pages, iova / MOCK_PAGE_SIZE);

	if (!entry)
		return 0;
	return ENTRY_PAGE(xa_to_value(entry)) * MOCK_PAGE_SIZE +
	       iova % MOCK_PAGE_SIZE;
}

static int mock_set_tracking(struct iommu_domain *domain, bool enable)
{
	WRITE_ONCE(to_mock_domain(domain)->is_tracking, enable);
	return 0;
}

static void mock_read(struct iommu_domain *domain, unsigned long iova,
		      size_t size, struct iommu_dirty_reader *reader)
{
	struct mock_domain *mock = to_mock_domain(domain);

	if (!mock_use(mock))
		return;
	mock_dirty_read(&mock->pages, iova, size, reader);
	mock_unuse(mock);
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);
	u32 id = mock->flags & MOCK_FLAGS_DEVICE_SHARE_ID ? MOCK_SHARED_ID :
							    mock->id;
	int ret = iommu_fwspec_init(dev, NULL, &mock_ops);

	if (!ret)
		ret = iommu_fwspec_add_ids(dev, &id, 1);
	if (ret)
		return ERR_PTR(ret);
	if (mock->flags & MOCK_FLAGS_DEVICE_PLAIN_DRIVER)
		return &mock_plain_iommu;
	return &mock_iommu;
}

static void mock_release_device(struct device *dev)
{
}

static int mock_shares_group(struct device *dev, const void *data)
{
	return dev->iommu_group &&
	       to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_SHARE_GROUP;
}

static struct iommu_group *mock_device_group(struct device *dev)
{
	struct iommu_group *group;
	struct device *other;

	if (!(to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_SHARE_GROUP))
		return generic_device_group(dev);
	other = bus_find_device(&mock_bus, NULL, NULL, mock_shares_group);
	if (!other)
		return generic_device_group(dev);
	group = iommu_group_get(other);
	put_device(other);
	return group;
}

static void mock_hw_info(struct device *dev, struct iommu_hw_description *hw)
{
	struct iommu_test_hw_info *info = (void *)hw->data;

	hw->type = IOMMU_HW_INFO_TYPE_SELFTEST;
	hw->length = sizeof(*info);
	info->test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL;
	if (to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_PASID)
		hw->max_pasid_log2 = MOCK_PASID_WIDTH;
}

static const struct iommu_domain_ops mock_domain_ops = {
	.attach_dev = mock_attach_dev,
	.switch_dev = mock_switch_dev,
	.detach_dev = mock_detach_dev,
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_domain_free,
};

static const struct iommu_tracking_ops mock_tracking_ops = {
	.set_tracking = mock_set_tracking,
	.read = mock_read,
};

#define MOCK_OPS						\
	.owner = THIS_MODULE,					\
	.capable = mock_capable,				\
	.domain_alloc = mock_domain_alloc,			\
	.probe_device = mock_probe_device,			\
	.release_device = mock_release_device,			\
	.device_group = mock_device_group,			\
	.hw_info = mock_hw_info,				\
	.default_domain_ops = &mock_domain_ops,			\
	.pgsize_bitmap = MOCK_PAGE_SIZE

static const struct iommu_ops mock_ops = {
	MOCK_OPS,
	.domain_alloc_for = mock_domain_alloc_for,
};

static const struct iommu_ops mock_plain_ops = { MOCK_OPS };

static void mock_device_free(struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	ida_free(&mock_device_ids, mock->id);
	kfree(mock);
}

/**
 * mock_device_create() - Plug a device in
 * @flags: MOCK_FLAGS_DEVICE_*
 *
 * Return: the device; an errno.
 */
struct device *mock_device_create(u32 flags)
{
	struct mock_device *mock;
	unsigned int i;
	int ret;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->id = ida_alloc(&mock_device_ids, GFP_KERNEL);
	if (mock->id < 0) {
		ret = mock->id;
		kfree(mock);
		return ERR_PTR(ret);
	}
	mock->flags = flags;
	for (i = 0; i != MOCK_DEV_CACHE_NUM; i++)
		mock->cache[i] = IOMMU_TEST_DEV_CACHE_DEFAULT;
	mock->dev.bus = &mock_bus;
	mock->dev.release = mock_device_free;
	device_initialize(&mock->dev);

	ret = dev_set_name(&mock->dev, "iommufd_mock%d", mock->id);
	if (ret)
		goto err_put;
	ret = device_add(&mock->dev);
	if (ret)
		goto err_put;
	ret = iommu_probe_device(&mock->dev);
	if (ret)
		goto err_del;
	return &mock->dev;

err_del:
	device_del(&mock->dev);
err_put:
	put_device(&mock->dev);
	return ERR_PTR(ret);
}

/* Pull the device out. */
void mock_device_destroy(struct device *dev)
{
	iommu_release_device(dev);
	device_unregister(dev);
}

/* A map and an unmap come no further than these; U64_MAX for no such page. */
void mock_domain_refuse(struct iommu_domain *domain, u64 map_iova,
			u64 unmap_iova)
{
	struct mock_domain *mock = to_mock_domain(domain);

	WRITE_ONCE(mock->refuse_map, map_iova);
	WRITE_ONCE(mock->refuse_unmap, unmap_iova);
}

/* Its pages of the table, if those that are written to become dirty. */
struct xarray *mock_domain_tracked(struct iommu_domain *domain)
{
	struct mock_domain *mock = to_mock_domain(domain);

	return READ_ONCE(mock->is_tracking) ? &mock->pages : NULL;
}

/* Is it in the table of @domain, and how often was its table taken away? */
bool mock_device_look(struct device *dev, struct iommu_domain *domain,
		      unsigned int *nr_gaps)
{
	struct mock_device *mock = to_mock_device(dev);

	*nr_gaps = mock->nr_gaps;
	return mock->domain && &mock->domain->domain == domain;
}

/* As from an interrupt of the IOMMU */
void mock_device_fault(struct device *dev,
		       const struct iommu_fault_report *report)
{
	unsigned long flags;

	local_irq_save(flags);
	iommu_report_dma_fault(dev->iommu->iommu_dev,
			       dev_iommu_fwspec_get(dev)->ids[0], report);
	local_irq_restore(flags);
}

bool mock_device_check_cache(struct device *dev, u32 index, u32 value)
{
	return dev->bus == &mock_bus && index < MOCK_DEV_CACHE_NUM &&
	       to_mock_device(dev)->cache[index] == value;
}

static int __init mock_iommu_add(struct iommu_device *iommu,
				 const struct iommu_ops *ops, const char *name)
{
	/* Not iommu_device_register(): that takes over every real bus. */
	iommu->ops = ops;
	return iommu_device_sysfs_add(iommu, &mock_iommu_platform->dev, NULL,
				      "%s", name);
}

int __init mock_iommu_init(void)
{
	int ret;

	mock_iommu_platform =
		platform_device_register_simple("iommufd_selftest_iommu",
						PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(mock_iommu_platform))
		return PTR_ERR(mock_iommu_platform);
	ret = mock_iommu_add(&mock_iommu, &mock_ops,
			     dev_name(&mock_iommu_platform->dev));
	if (ret)
		goto err_platform;
	ret = mock_iommu_add(&mock_plain_iommu, &mock_plain_ops,
			     "iommufd_selftest_plain_iommu");
	if (ret)
		goto err_sysfs;
	mock_bus.iommu_ops = &mock_ops;
	ret = bus_register(&mock_bus);
	if (ret)
		goto err_plain_sysfs;
	return 0;

err_plain_sysfs:
	iommu_device_sysfs_remove(&mock_plain_iommu);
err_sysfs:
	iommu_device_sysfs_remove(&mock_iommu);
err_platform:
	platform_device_unregister(mock_iommu_platform);
	return ret;
}

void mock_iommu_exit(void)
{
	WARN_ON(!ida_is_empty(&mock_device_ids));
	bus_unregister(&mock_bus);
	iommu_device_sysfs_remove(&mock_plain_iommu);
	iommu_device_sysfs_remove(&mock_iommu);
	platform_device_unregister(mock_iommu_platform);
}
