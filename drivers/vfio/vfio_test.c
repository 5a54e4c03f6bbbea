// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated devices that reach memory when a test tells them to.
 *
 * What vfio_pin_pages(), vfio_unpin_pages() and vfio_dma_rw() do depends on
 * whether the device is behind a container or an iommufd. These devices have
 * nothing but one call for each of them, and let go of pages when dma_unmap
 * tells them to, as drivers have to.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "vfio_test.h"

#define NAME "vfio_test"

/**
 * struct test_pin - one page that a device has pinned
 * @link: in test_device.pins
 * @iova: of the page
 */
struct test_pin {
	struct list_head link;
	u64 iova;
};

/**
 * struct test_device - a device
 * @vdev: its base
 * @lock: protects the rest. A leaf: dma_unmap takes it, under locks that pin and
 *        unpin need
 * @pins: struct test_pin.link
 * @nr_notices: calls of dma_unmap
 */
struct test_device {
	struct vfio_device vdev;
	struct mutex lock;
	struct list_head pins;
	u64 nr_notices;
};

static struct platform_device *test_platform[VFIO_TEST_DEVICES];

static struct test_device *to_test(struct vfio_device *vdev)
{
	return container_of(vdev, struct test_device, vdev);
}

/* All that the range touches */
static void pins_drop(struct test_device *test, u64 first, u64 last)
{
	struct test_pin *pin, *next;
	LIST_HEAD(dropped);

	mutex_lock(&test->lock);
	list_for_each_entry_safe(pin, next, &test->pins, link)
		if (pin->iova <= last && pin->iova + PAGE_SIZE - 1 >= first)
			list_move_tail(&pin->link, &dropped);
	mutex_unlock(&test->lock);
	list_for_each_entry_safe(pin, next, &dropped, link) {
		vfio_unpin_pages(&test->vdev, pin->iova, 1);
		kfree(pin);
	}
}

static void pins_free(struct list_head *pins)
{
	struct test_pin *pin, *next;

	list_for_each_entry_safe(pin, next, pins, link)
		kfree(pin);
}

static int pins_alloc(struct list_head *pins, u64 iova, unsigned int nr_pages)
{
	for (; nr_pages; nr_pages--, iova += PAGE_SIZE) {
		struct test_pin *pin = kzalloc(sizeof(*pin),
					       GFP_KERNEL_ACCOUNT);

		if (!pin) {
			pins_free(pins);
			return -ENOMEM;
		}
		pin->iova = iova;
		list_add_tail(&pin->link, pins);
	}
	return 0;
}

static void mark_pages(struct page **pages, int nr_pages, u64 value)
{
	int i;

	for (i = 0; i != nr_pages; i++, value++)
		memcpy_to_page(pages[i], 0, (char *)&value, sizeof(value));
}

static int test_pin(struct test_device *test, const struct vfio_test_call *call,
		    int prot)
{
	struct page *pages[VFIO_TEST_PAGES_MAX];
	LIST_HEAD(pins);
	int ret;

	if (call->nr_pages > VFIO_TEST_PAGES_MAX)
		return -E2BIG;
	ret = pins_alloc(&pins, round_down(call->iova, PAGE_SIZE),
			 call->nr_pages);
	if (ret)
		return ret;
	ret = vfio_pin_pages(&test->vdev, call->iova, call->nr_pages, prot,
			     pages);
	if (ret < 0) {
		pins_free(&pins);
		return ret;
	}
	/* All of them, or none. They stay until the device knows them. */
	if (prot & IOMMU_WRITE)
		mark_pages(pages, ret, call->value);
	mutex_lock(&test->lock);
	list_splice_tail(&pins, &test->pins);
	mutex_unlock(&test->lock);
	return ret;
}

static int test_unpin(struct test_device *test,
		      const struct vfio_test_call *call)
{
	u64 first = round_down(call->iova, PAGE_SIZE);

	if (!call->nr_pages || call->nr_pages > VFIO_TEST_PAGES_MAX)
		return -EINVAL;
	pins_drop(test, first, first + call->nr_pages * PAGE_SIZE - 1);
	return 0;
}

static u64 test_notices(struct test_device *test)
{
	u64 nr_notices;

	mutex_lock(&test->lock);
	nr_notices = test->nr_notices;
	test->nr_notices = 0;
	mutex_unlock(&test->lock);
	return nr_notices;
}

static int test_coherent(const struct vfio_test_call *call)
{
	struct file *file = fget(call->value);
	int ret;

	if (!file)
		return -EBADF;
	ret = vfio_file_enforced_coherent(file);
	fput(file);
	return ret;
}

static int test_call(struct test_device *test, struct vfio_test_call *call)
{
	switch (call->op) {
	case VFIO_TEST_PIN:
		return test_pin(test, call, IOMMU_READ | IOMMU_WRITE);
	case VFIO_TEST_PIN_READ:
		return test_pin(test, call, IOMMU_READ);
	case VFIO_TEST_UNPIN:
		return test_unpin(test, call);
	case VFIO_TEST_READ:
		return vfio_dma_rw(&test->vdev, call->iova, &call->value,
				   sizeof(call->value), false);
	case VFIO_TEST_WRITE:
		return vfio_dma_rw(&test->vdev, call->iova, &call->value,
				   sizeof(call->value), true);
	case VFIO_TEST_NOTICES:
		call->value = test_notices(test);
		return 0;
	case VFIO_TEST_COHERENT:
		return test_coherent(call);
	default:
		return -EINVAL;
	}
}

static long test_device_ioctl(struct vfio_device *vdev, unsigned int cmd,
			      unsigned long arg)
{
	struct test_device *test = to_test(vdev);
	struct vfio_test_call call;
	int ret;

	if (cmd != VFIO_TEST_CALL)
		return -ENOTTY;
	if (copy_from_user(&call, (void __user *)arg, sizeof(call)))
		return -EFAULT;
	ret = test_call(test, &call);
	if (copy_to_user((void __user *)arg, &call, sizeof(call)))
		return -EFAULT;
	return ret;
}

static void test_device_dma_unmap(struct vfio_device *vdev, u64 iova,
				  u64 length)
{
	struct test_device *test = to_test(vdev);

	mutex_lock(&test->lock);
	test->nr_notices++;
	mutex_unlock(&test->lock);
	pins_drop(test, iova, iova + length - 1);
}

static void test_device_close(struct vfio_device *vdev)
{
	struct test_device *test = to_test(vdev);

	pins_drop(test, 0, U64_MAX);
	test_notices(test);
}

static int test_device_init(struct vfio_device *vdev)
{
	struct test_device *test = to_test(vdev);

	mutex_init(&test->lock);
	INIT_LIST_HEAD(&test->pins);
	return 0;
}

static void test_device_release(struct vfio_device *vdev)
{
	mutex_destroy(&to_test(vdev)->lock);
	vfio_free_device(vdev);
}

static const struct vfio_device_ops pinning_ops = {
	.name = NAME,
	.init = test_device_init,
	.release = test_device_release,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.close_device = test_device_close,
	.ioctl = test_device_ioctl,
	.dma_unmap = test_device_dma_unmap,
};

static const struct vfio_device_ops copying_ops = {
	.name = NAME,
	.init = test_device_init,
	.release = test_device_release,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.close_device = test_device_close,
	.ioctl = test_device_ioctl,
};

static int test_probe(struct platform_device *platform)
{
	bool pins = platform->id != VFIO_TEST_DEVICES - 1;
	struct test_device *test;
	int ret;

	test = vfio_alloc_device(test_device, vdev, &platform->dev,
				 pins ? &pinning_ops : &copying_ops);
	if (IS_ERR(test))
		return PTR_ERR(test);
	ret = vfio_register_emulated_iommu_dev(&test->vdev);
	if (ret) {
		vfio_put_device(&test->vdev);
		return ret;
	}
	platform_set_drvdata(platform, test);
	return 0;
}

static int test_remove(struct platform_device *platform)
{
	struct test_device *test = platform_get_drvdata(platform);

	vfio_unregister_group_dev(&test->vdev);
	vfio_put_device(&test->vdev);
	return 0;
}

static struct platform_driver test_driver = {
	.probe = test_probe,
	.remove = test_remove,
	.driver = { .name = NAME },
};

static void platform_remove(unsigned int nr)
{
	while (nr--)
		platform_device_unregister(test_platform[nr]);
}

static int __init vfio_test_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i != VFIO_TEST_DEVICES; i++) {
		test_platform[i] = platform_device_register_simple(NAME, i,
								   NULL, 0);
		if (IS_ERR(test_platform[i])) {
			ret = PTR_ERR(test_platform[i]);
			goto err_remove;
		}
	}
	ret = platform_driver_register(&test_driver);
	if (ret)
		goto err_remove;
	return 0;

err_remove:
	platform_remove(i);
	return ret;
}

static void __exit vfio_test_exit(void)
{
	platform_driver_unregister(&test_driver);
	platform_remove(VFIO_TEST_DEVICES);
}

module_init(vfio_test_init);
module_exit(vfio_test_exit);

MODULE_DESCRIPTION("Emulated VFIO devices for tests");
MODULE_LICENSE("GPL");
