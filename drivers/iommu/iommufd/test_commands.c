// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_TEST_CMD: what a test needs to see and do beyond the interface.
 *
 * A "stdev" stands in for a driver that bound and attached a mock device; an
 * access file for a driver that pins and copies. Both live on the driver API of
 * include/linux/iommufd.h, as real drivers do.
 */
#include <linux/anon_inodes.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/iommu-dma-fault.h>
#include <linux/iommufd.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "command.h"
#include "context.h"
#include "device.h"
#include "hwpt.h"
#include "ioas.h"
#include "iommufd_test.h"
#include "mapping_removal.h"
#include "mock_iommu.h"
#include "test_commands.h"
#include "test_dirty.h"

#define ACCESS_LENGTH_MAX (16 * 1024 * 1024)

/**
 * struct test_device - a driver of a mock device
 * @object: its base
 * @dev: the mock device
 * @idev: @dev, bound and attached
 */
struct test_device {
	struct iommufd_object object;
	struct device *dev;
	struct iommufd_device *idev;
};

static void test_device_destroy(struct iommufd_object *object)
{
	struct test_device *test = container_of(object, struct test_device,
						object);

	iommufd_detach_device(test->idev);
	iommufd_device_remove(test->idev);
	mock_device_destroy(test->dev);
}

static const struct iommufd_object_ops test_device_ops = {
	.name = "driver of a mock device",
	.destroy = test_device_destroy,
};

/* A range that an access pinned. */
struct access_item {
	struct list_head link;
	u32 id;
	u64 iova;
	u64 length;
	struct page *pages[];
};

/**
 * struct test_access - a driver that reaches memory with the CPU
 * @access: its access
 * @pins: it may pin
 * @lock: protects @items and @next_id; taken in the unmap callback
 * @items: struct access_item.link
 * @next_id: of an item
 */
struct test_access {
	struct iommufd_access *access;
	bool pins;
	struct mutex lock;
	struct list_head items;
	u32 next_id;
};

static void item_drop(struct test_access *test, struct access_item *item)
{
	lockdep_assert_held(&test->lock);
	list_del(&item->link);
	iommufd_access_unpin(test->access, item->iova, item->length);
	kvfree(item);
}

static void test_access_unmap(void *data, u64 iova, u64 length)
{
	struct test_access *test = data;
	u64 last = iova + length - 1 < iova ? U64_MAX : iova + length - 1;
	struct access_item *item, *next;

	mutex_lock(&test->lock);
	list_for_each_entry_safe(item, next, &test->items, link)
		if (item->iova <= last && item->iova + item->length - 1 >= iova)
			item_drop(test, item);
	mutex_unlock(&test->lock);
}

static const struct iommufd_access_ops pinning_ops = {
	.pins = true,
	.unmap = test_access_unmap,
};

static const struct iommufd_access_ops copying_ops = {
	.unmap = test_access_unmap,
};

static int test_access_release(struct inode *inode, struct file *file)
{
	struct test_access *test = file->private_data;

	iommufd_access_destroy(test->access);
	WARN_ON(!list_empty(&test->items));
	kfree(test);
	return 0;
}

static const struct file_operations test_access_fops = {
	.owner = THIS_MODULE,
	.release = test_access_release,
};

/* The file behind a descriptor of CREATE_ACCESS, for fput(). */
static struct file *access_file_get(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADFD);
	if (file->f_op != &test_access_fops) {
		fput(file);
		return ERR_PTR(-EBADFD);
	}
	return file;
}

static int test_add_reserved(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	u64 start = arg->add_reserved.start;
	struct iommufd_ioas *ioas;
	u64 last;
	int ret;

	ioas = iommufd_ioas_get(command->ictx, arg->id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (!arg->add_reserved.length)
		ret = -EINVAL;
	else if (check_add_overflow(start, arg->add_reserved.length - 1, &last))
		ret = -EOVERFLOW;
	else
		/* Owned by the IOAS: stays until that goes. */
		ret = mapped_space_reserve(&ioas->space, start, last, ioas);
	iommufd_object_put(&ioas->object);
	return ret;
}

static int test_mock_domain(struct iommufd_command *command, u32 flags)
{
	struct iommu_test_cmd *arg = command->argument;
	struct test_device *test;
	u32 pt_id = arg->id;
	int ret;

	if (flags & ~(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_HUGE_IOVA |
		      MOCK_FLAGS_DEVICE_PASID | MOCK_FLAGS_DEVICE_INCOHERENT |
		      MOCK_FLAGS_DEVICE_FREE_INTERRUPTS |
		      MOCK_FLAGS_DEVICE_LARGE_PAGES |
		      MOCK_FLAGS_DEVICE_ONE_TABLE |
		      MOCK_FLAGS_DEVICE_SHARE_GROUP |
		      MOCK_FLAGS_DEVICE_NO_SWITCH |
		      MOCK_FLAGS_DEVICE_PLAIN_DRIVER |
		      MOCK_FLAGS_DEVICE_SHARE_ID))
		return -EINVAL;
	test = iommufd_object_create(command->ictx, struct test_device,
				     &test_device_ops);
	if (IS_ERR(test))
		return PTR_ERR(test);
	test->dev = mock_device_create(flags);
	if (IS_ERR(test->dev)) {
		ret = PTR_ERR(test->dev);
		goto err_abort;
	}
	/* Without a reference on the context: its end is the device's. */
	test->idev = iommufd_device_create(command->ictx, test->dev, NULL);
	if (IS_ERR(test->idev)) {
		ret = PTR_ERR(test->idev);
		goto err_destroy_device;
	}
	ret = iommufd_attach_device(test->idev, &pt_id, NULL, NULL);
	if (ret)
		goto err_remove;

	arg->mock_domain.out_stdev_id = test->object.id;
	arg->mock_domain.out_hwpt_id = pt_id;
	arg->mock_domain.out_idev_id = test->idev->object.id;
	command->created = &test->object;
	return 0;

err_remove:
	iommufd_device_remove(test->idev);
err_destroy_device:
	mock_device_destroy(test->dev);
err_abort:
	iommufd_object_abort(&test->object);
	return ret;
}

static int test_mock_domain_replace(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct iommufd_object *object;
	struct test_device *test;
	int ret;

	object = iommufd_object_get(command->ictx, arg->id, &test_device_ops);
	if (IS_ERR(object))
		return PTR_ERR(object);
	test = container_of(object, struct test_device, object);
	ret = iommufd_attach_device(test->idev,
				    &arg->mock_domain_replace.pt_id, NULL,
				    NULL);
	iommufd_object_put(object);
	return ret ?: iommufd_command_reply(command);
}

/* The physical address behind a user address, or -EFAULT. */
static int user_phys(u64 address, phys_addr_t *phys)
{
	struct page *page;

	if (get_user_pages_fast(address & PAGE_MASK, 1, 0, &page) != 1)
		return -EFAULT;
	*phys = page_to_phys(page) + offset_in_page(address);
	put_page(page);
	return 0;
}

static int check_map(struct hwpt *hwpt, u64 iova, u64 length,
		     u64 address)
{
	struct iommu_domain *domain = hwpt->domain;
	u64 granule = 1UL << __ffs(domain->pgsize_bitmap);
	u64 end;

	if (!mock_domain_is(domain) || (iova | length | address) % granule ||
	    check_add_overflow(address, length, &end))
		return -EINVAL;
	for (; address != end; address += granule, iova += granule) {
		phys_addr_t phys;

		if (user_phys(address, &phys) ||
		    iommu_iova_to_phys(domain, iova) != phys)
			return -EINVAL;
		cond_resched();
	}
	return 0;
}

/* With a reference on its object */
static struct hwpt *test_hwpt_get(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct iommufd_object *object;

	object = iommufd_object_get(command->ictx, arg->id, &iommufd_hwpt_ops);
	if (IS_ERR(object))
		return ERR_CAST(object);
	return container_of(object, struct hwpt, object);
}

static int test_check_map(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct hwpt *hwpt = test_hwpt_get(command);
	int ret;

	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	ret = check_map(hwpt, arg->check_map.iova, arg->check_map.length,
			arg->check_map.uptr);
	iommufd_object_put(&hwpt->object);
	return ret;
}

/* Each page that is not part of a larger one has @refs pins. */
static int test_check_refs(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	u64 address = arg->check_refs.uptr;
	u64 end;

	if ((address | arg->check_refs.length) & ~PAGE_MASK ||
	    check_add_overflow(address, arg->check_refs.length, &end))
		return -EINVAL;
	for (; address != end; address += PAGE_SIZE) {
		struct page *page;
		bool wrong;

		if (get_user_pages_fast(address, 1, 0, &page) != 1)
			return -EFAULT;
		wrong = !PageCompound(page) &&
			page_ref_count(page) / GUP_PIN_COUNTING_BIAS !=
				arg->check_refs.refs;
		put_page(page);
		if (wrong)
			return -EIO;
		cond_resched();
	}
	return 0;
}

static int test_create_access(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	u32 flags = arg->create_access.flags;
	struct test_access *test;
	struct file *file;
	int fd, ret;
	u32 id;

	if (flags & ~MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES)
		return -EOPNOTSUPP;
	test = kzalloc(sizeof(*test), GFP_KERNEL_ACCOUNT);
	if (!test)
		return -ENOMEM;
	test->pins = flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES;
	mutex_init(&test->lock);
	INIT_LIST_HEAD(&test->items);
	ret = iommufd_access_create(command->ictx, test->pins ?
				    &pinning_ops : &copying_ops,
				    test, NULL, &test->access, &id);
	if (ret)
		goto err_free;
	ret = iommufd_access_attach(test->access, arg->id);
	if (ret)
		goto err_destroy;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto err_destroy;
	}
	file = anon_inode_getfile("[iommufd_test_staccess]", &test_access_fops,
				  test, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_put_fd;
	}

	/* From here on the file owns everything. */
	arg->create_access.out_access_fd = fd;
	ret = iommufd_command_reply(command);
	if (ret) {
		fput(file);
		put_unused_fd(fd);
		return ret;
	}
	fd_install(fd, file);
	return 0;

err_put_fd:
	put_unused_fd(fd);
err_destroy:
	iommufd_access_destroy(test->access);
err_free:
	kfree(test);
	return ret;
}

static int test_access_replace(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct file *file = access_file_get(arg->id);
	struct test_access *test;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	test = file->private_data;
	ret = iommufd_access_attach(test->access,
				    arg->access_replace_ioas.ioas_id);
	fput(file);
	return ret;
}

/* The pages are those behind the caller's memory. */
static int check_pages(u64 address, struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i != nr; i++) {
		phys_addr_t phys;

		if (user_phys(address + i * PAGE_SIZE, &phys) ||
		    phys != page_to_phys(pages[i]))
			return -EBADE;
	}
	return 0;
}

static int access_pin_item(struct test_access *test,
			   struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	u64 iova = arg->access_pages.iova;
	u64 length = arg->access_pages.length;
	u64 address = arg->access_pages.uptr;
	struct access_item *item;
	unsigned long nr;
	int ret;

	nr = (offset_in_page(iova) + length + PAGE_SIZE - 1) >> PAGE_SHIFT;
	item = kvzalloc(struct_size(item, pages, nr), GFP_KERNEL_ACCOUNT);
	if (!item)
		return -ENOMEM;
	item->iova = iova;
	item->length = length;

	/* An unmap callback that comes now waits, and then finds the item. */
	mutex_lock(&test->lock);
	ret = iommufd_access_pin(test->access, iova, length, item->pages,
				 arg->access_pages.flags &
				 MOCK_FLAGS_ACCESS_WRITE ?
				 IOMMUFD_ACCESS_WRITE : 0);
	if (ret)
		goto err_free;
	if (address)
		ret = check_pages(address - offset_in_page(iova), item->pages,
				  nr);
	if (ret)
		goto err_unpin;
	item->id = test->next_id++;
	arg->access_pages.out_access_pages_id = item->id;
	ret = iommufd_command_reply(command);
	if (ret)
		goto err_unpin;
	list_add_tail(&item->link, &test->items);
	mutex_unlock(&test->lock);
	return 0;

err_unpin:
	iommufd_access_unpin(test->access, iova, length);
err_free:
	mutex_unlock(&test->lock);
	kvfree(item);
	return ret;
}

static int test_access_pages(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct test_access *test;
	struct file *file;
	int ret;

	if (arg->access_pages.length > ACCESS_LENGTH_MAX)
		return -ENOMEM;
	if (arg->access_pages.flags & ~(MOCK_FLAGS_ACCESS_WRITE |
					MOCK_FLAGS_ACCESS_SYZ))
		return -EOPNOTSUPP;
	file = access_file_get(arg->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	test = file->private_data;
	ret = test->pins ? access_pin_item(test, command) : -EOPNOTSUPP;
	fput(file);
	return ret;
}

static int test_destroy_access_pages(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct file *file = access_file_get(arg->id);
	struct test_access *test;
	struct access_item *item;
	int ret = -ENOENT;

	if (IS_ERR(file))
		return PTR_ERR(file);
	test = file->private_data;
	mutex_lock(&test->lock);
	list_for_each_entry(item, &test->items, link) {
		if (item->id == arg->destroy_access_pages.access_pages_id) {
			item_drop(test, item);
			ret = 0;
			break;
		}
	}
	mutex_unlock(&test->lock);
	fput(file);
	return ret;
}

static int access_copy(struct test_access *test, u64 iova, void __user *user,
		       size_t length, bool write)
{
	void *buffer = kvzalloc(length ?: 1, GFP_KERNEL_ACCOUNT);
	int ret = 0;

	if (!buffer)
		return -ENOMEM;
	if (write && copy_from_user(buffer, user, length))
		ret = -EFAULT;
	if (!ret)
		ret = iommufd_access_copy(test->access, iova, buffer, length,
					  write ? IOMMUFD_ACCESS_WRITE : 0);
	if (!ret && !write && copy_to_user(user, buffer, length))
		ret = -EFAULT;
	kvfree(buffer);
	return ret;
}

/* There is one way to copy, so SLOW_PATH asks for nothing. */
static int test_access_rw(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct file *file;
	int ret;

	if (arg->access_rw.length > ACCESS_LENGTH_MAX)
		return -ENOMEM;
	if (arg->access_rw.flags & ~(MOCK_ACCESS_RW_WRITE |
				     MOCK_ACCESS_RW_SLOW_PATH |
				     MOCK_FLAGS_ACCESS_SYZ))
		return -EOPNOTSUPP;
	file = access_file_get(arg->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = access_copy(file->private_data, arg->access_rw.iova,
			  u64_to_user_ptr(arg->access_rw.uptr),
			  arg->access_rw.length,
			  arg->access_rw.flags & MOCK_ACCESS_RW_WRITE);
	fput(file);
	return ret;
}

static int test_check_cache(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct iommufd_device *idev;
	int ret;

	idev = iommufd_device_get(command->ictx, arg->id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	ret = mock_device_check_cache(idev->dev, arg->check_dev_cache.id,
				      arg->check_dev_cache.cache) ?
		      0 : -EINVAL;
	iommufd_object_put(&idev->object);
	return ret;
}

/* A second bind to the context that a stdev is bound to */
static int test_bind_again(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct iommufd_object *object;
	struct iommufd_device *again;
	struct test_device *test;
	int ret = 0;

	object = iommufd_object_get(command->ictx, arg->id, &test_device_ops);
	if (IS_ERR(object))
		return PTR_ERR(object);
	test = container_of(object, struct test_device, object);
	again = iommufd_device_create(command->ictx, test->dev, NULL);
	if (IS_ERR(again))
		ret = PTR_ERR(again);
	else
		iommufd_device_remove(again);
	iommufd_object_put(object);
	return ret;
}

/* A second access, in any context, of who has the first one */
static int test_access_again(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct file *file = access_file_get(arg->id);
	struct iommufd_access *first;
	struct test_access *test;
	int ret;
	u32 id;

	if (IS_ERR(file))
		return PTR_ERR(file);
	test = file->private_data;
	first = test->access;
	ret = iommufd_access_create(command->ictx, &copying_ops, test, NULL,
				    &test->access, &id);
	if (!ret) {
		iommufd_access_destroy(test->access);
		test->access = first;
	}
	fput(file);
	return ret;
}

/* An IOMMU that does not do as it is told */
static int test_refuse(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct hwpt *hwpt = test_hwpt_get(command);
	struct iommu_domain *domain;
	int ret = 0;

	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	domain = hwpt->domain;
	if (mock_domain_is(domain))
		mock_domain_refuse(domain, arg->refuse.map_iova,
				   arg->refuse.unmap_iova);
	else
		ret = -EINVAL;
	iommufd_object_put(&hwpt->object);
	return ret;
}

/* What watched_sync() sees. One watcher at a time. */
static DEFINE_MUTEX(watch_lock);
static const struct iommu_domain_ops *watched_former;
static struct iommu_test_cmd *watch_result;

/* The tables on the list are freed after this flush. */
static void watched_sync(struct iommu_domain *domain,
			 struct iommu_iotlb_gather *gather)
{
	u32 nr = watch_result->watch_unmap.out_flushes++;
	u64 length = gather->end - gather->start + 1;
	struct list_head *table;

	if (nr < TEST_FLUSHES_MAX)
		list_for_each(table, &gather->freelist)
			watch_result->watch_unmap.out_tables[nr]++;
	watch_result->watch_unmap.out_longest =
		max(watch_result->watch_unmap.out_longest, length);
	watched_former->iotlb_sync(domain, gather);
}

/* Nobody else uses the domain: an IOAS that only this test knows. */
static int watch_unmap(struct hwpt *hwpt, struct iommu_test_cmd *arg)
{
	u64 iova = arg->watch_unmap.iova, removed;
	struct iommu_domain *domain = hwpt->domain;
	struct iommu_domain_ops ops = *domain->ops;
	u64 last;
	int ret;

	lockdep_assert_held(&watch_lock);
	if (!ops.iotlb_sync)
		return -EOPNOTSUPP;
	if (!arg->watch_unmap.length ||
	    check_add_overflow(iova, arg->watch_unmap.length - 1, &last))
		return -EINVAL;
	arg->watch_unmap.out_flushes = 0;
	arg->watch_unmap.out_longest = 0;
	memset(arg->watch_unmap.out_tables, 0,
	       sizeof(arg->watch_unmap.out_tables));
	ops.iotlb_sync = watched_sync;
	watched_former = domain->ops;
	watch_result = arg;
	domain->ops = &ops;
	ret = mapping_remove_range(hwpt->space, iova, last, &removed);
	domain->ops = watched_former;
	return ret;
}

static int test_watch_unmap(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct hwpt *hwpt = test_hwpt_get(command);
	int ret;

	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	mutex_lock(&watch_lock);
	ret = watch_unmap(hwpt, arg);
	mutex_unlock(&watch_lock);
	iommufd_object_put(&hwpt->object);
	return ret ?: iommufd_command_reply(command);
}

static int test_look(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct hwpt *hwpt = test_hwpt_get(command);
	struct iommufd_object *object;
	struct test_device *test;

	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	object = iommufd_object_get(command->ictx, arg->look.stdev_id,
				    &test_device_ops);
	if (!IS_ERR(object)) {
		test = container_of(object, struct test_device, object);
		arg->look.out_is_there =
			mock_device_look(test->dev, hwpt->domain,
					 &arg->look.out_nr_gaps);
		iommufd_object_put(object);
	}
	iommufd_object_put(&hwpt->object);
	return PTR_ERR_OR_ZERO(object) ?: iommufd_command_reply(command);
}

static void report_faults(struct test_device *test, struct iommu_test_cmd *arg)
{
	struct iommu_fault_report report = {
		.iova = arg->dma_fault.iova,
		.pasid = arg->dma_fault.pasid,
		.has_pasid = arg->dma_fault.flags & MOCK_DMA_FAULT_PASID,
		.read = !(arg->dma_fault.flags & MOCK_DMA_FAULT_WRITE),
		.write = arg->dma_fault.flags & MOCK_DMA_FAULT_WRITE,
	};
	u32 i;

	for (i = 0; i < arg->dma_fault.nr; i++) {
		mock_device_fault(test->dev, &report);
		report.iova += PAGE_SIZE;
		cond_resched();
	}
	arg->dma_fault.out_nr_faults =
		atomic64_read(&test->idev->faults.nr_faults);
}

static int test_dma_fault(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;
	struct iommufd_object *object;

	object = iommufd_object_get(command->ictx, arg->id, &test_device_ops);
	if (IS_ERR(object))
		return PTR_ERR(object);
	report_faults(container_of(object, struct test_device, object), arg);
	iommufd_object_put(object);
	return iommufd_command_reply(command);
}

static int test_dirty(struct iommufd_command *command)
{
	struct hwpt *hwpt = test_hwpt_get(command);
	int ret;

	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	ret = test_dirty_mark(hwpt, command->argument);
	iommufd_object_put(&hwpt->object);
	return ret ?: iommufd_command_reply(command);
}

/* IOMMU_TEST_CMD */
int iommufd_test_command(struct iommufd_command *command)
{
	struct iommu_test_cmd *arg = command->argument;

	switch (arg->op) {
	case IOMMU_TEST_OP_ADD_RESERVED:
		return test_add_reserved(command);
	case IOMMU_TEST_OP_MOCK_DOMAIN:
		return test_mock_domain(command, 0);
	case IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS:
		return test_mock_domain(command,
					arg->mock_domain_flags.dev_flags);
	case IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE:
		return test_mock_domain_replace(command);
	case IOMMU_TEST_OP_MD_CHECK_MAP:
		return test_check_map(command);
	case IOMMU_TEST_OP_MD_CHECK_REFS:
		return test_check_refs(command);
	case IOMMU_TEST_OP_CREATE_ACCESS:
		return test_create_access(command);
	case IOMMU_TEST_OP_ACCESS_REPLACE_IOAS:
		return test_access_replace(command);
	case IOMMU_TEST_OP_ACCESS_PAGES:
		return test_access_pages(command);
	case IOMMU_TEST_OP_DESTROY_ACCESS_PAGES:
		return test_destroy_access_pages(command);
	case IOMMU_TEST_OP_ACCESS_RW:
		return test_access_rw(command);
	case IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT:
		/* Batches have fixed sizes here. */
		return arg->memory_limit.limit < 12 ? -EINVAL : 0;
	case IOMMU_TEST_OP_DIRTY:
		return test_dirty(command);
	case IOMMU_TEST_OP_DEV_CHECK_CACHE:
		return test_check_cache(command);
	case IOMMU_TEST_OP_BIND_AGAIN:
		return test_bind_again(command);
	case IOMMU_TEST_OP_ACCESS_AGAIN:
		return test_access_again(command);
	case IOMMU_TEST_OP_MD_REFUSE:
		return test_refuse(command);
	case IOMMU_TEST_OP_WATCH_UNMAP:
		return test_watch_unmap(command);
	case IOMMU_TEST_OP_MD_LOOK:
		return test_look(command);
	case IOMMU_TEST_OP_DMA_FAULT:
		return test_dma_fault(command);
	default:
		return -EOPNOTSUPP;
	}
}

int __init iommufd_test_init(void)
{
	return mock_iommu_init();
}

void iommufd_test_exit(void)
{
	mock_iommu_exit();
}
