// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers of emulated devices that pin, read and write what a program mapped:
 * the same calls behind a character device, a group on an iommufd, and a group
 * in a container. The devices are those of CONFIG_VFIO_TEST.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/vfio_device.h"
#include "../../../../drivers/vfio/vfio_test.h"

#define IOVA 0x1000000ULL
#define PAGES 16
#define LENGTH (PAGES * PAGE_SIZE)
#define VALUE 0x1122334455667788ULL

enum behind {
	CDEV,
	GROUP_ON_IOMMUFD,
	GROUP_IN_CONTAINER,
};

/* Something to map into, and the device behind it */
struct pin_device {
	enum behind behind;
	/* of the container or of the iommufd; group is -1 for a cdev */
	int file;
	int group;
	int device;
	__u32 ioas_id;
};

static bool module_load(void)
{
	return !system("modprobe vfio_test") &&
	       !access("/sys/bus/platform/drivers/vfio_test", F_OK);
}

static void device_path(char *path, size_t size, unsigned int number)
{
	snprintf(path, size, "/sys/bus/platform/devices/vfio_test.%u", number);
}

static int group_open(unsigned int number)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	device_path(path, sizeof(path) - sizeof("/iommu_group"), number);
	strcat(path, "/iommu_group");
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	return vfio_group_open(atoi(basename(target)));
}

static void open_cdev(struct pin_device *pin, unsigned int number)
{
	char path[PATH_MAX];
	__u32 dev_id;

	device_path(path, sizeof(path), number);
	pin->file = must(iommufd_open());
	must(ioas_alloc(pin->file, &pin->ioas_id));
	pin->group = -1;
	pin->device = must(vfio_cdev_open_sysfs(path));
	must(vfio_bind(pin->device, pin->file, &dev_id));
	must(vfio_attach_to(pin->device, pin->ioas_id));
}

static void open_group(struct pin_device *pin, unsigned int number)
{
	char name[32];

	pin->group = must(group_open(number));
	if (pin->behind == GROUP_ON_IOMMUFD) {
		pin->file = must(iommufd_open());
		must(ioas_alloc(pin->file, &pin->ioas_id));
		must(vfio_ioas_set(pin->file, pin->ioas_id));
		must(vfio_group_set_container(pin->group, pin->file));
	} else {
		pin->file = must(vfio_container_open());
		must(vfio_group_set_container(pin->group, pin->file));
		must(errno_of(ioctl(pin->file, VFIO_SET_IOMMU,
				    VFIO_TYPE1v2_IOMMU)));
	}
	snprintf(name, sizeof(name), "vfio_test.%u", number);
	pin->device = must(vfio_group_device(pin->group, name));
}

static void pin_device_open(struct pin_device *pin, enum behind behind,
			    unsigned int number)
{
	pin->behind = behind;
	if (behind == CDEV)
		open_cdev(pin, number);
	else
		open_group(pin, number);
}

static void pin_device_close(struct pin_device *pin)
{
	must(errno_of(close(pin->device)));
	if (pin->group >= 0)
		must(errno_of(close(pin->group)));
	must(errno_of(close(pin->file)));
}

static int map(struct pin_device *pin, const void *memory, __u64 length,
	       __u64 iova, bool writable)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ |
			 (writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = length,
	};

	if (pin->behind == GROUP_IN_CONTAINER)
		return errno_of(ioctl(pin->file, VFIO_IOMMU_MAP_DMA, &arg));
	return ioas_map_flags(pin->file, pin->ioas_id,
			      IOMMU_IOAS_MAP_FIXED_IOVA |
			      IOMMU_IOAS_MAP_READABLE |
			      (writable ? IOMMU_IOAS_MAP_WRITEABLE : 0),
			      memory, length, &iova);
}

static int unmap(struct pin_device *pin, __u64 iova, __u64 length)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = iova,
		.size = length,
	};

	if (pin->behind == GROUP_IN_CONTAINER)
		return errno_of(ioctl(pin->file, VFIO_IOMMU_UNMAP_DMA, &arg));
	return ioas_unmap(pin->file, pin->ioas_id, iova, length, NULL);
}

static int call(struct pin_device *pin, enum vfio_test_op op, __u64 iova,
		__u32 nr_pages, __u64 *value)
{
	struct vfio_test_call arg = {
		.op = op,
		.nr_pages = nr_pages,
		.iova = iova,
		.value = value ? *value : 0,
	};
	int ret;

	ret = errno_of(ioctl(pin->device, VFIO_TEST_CALL, &arg));
	if (value)
		*value = arg.value;
	return ret;
}

static int pin_pages(struct pin_device *pin, __u64 iova, __u32 nr_pages,
		     __u64 value)
{
	return call(pin, VFIO_TEST_PIN, iova, nr_pages, &value);
}

static int unpin_pages(struct pin_device *pin, __u64 iova, __u32 nr_pages)
{
	return call(pin, VFIO_TEST_UNPIN, iova, nr_pages, NULL);
}

static __u64 notices(struct pin_device *pin)
{
	__u64 value = 0;

	must(call(pin, VFIO_TEST_NOTICES, 0, 0, &value));
	return value;
}

FIXTURE(pin)
{
	struct pin_device pin;
	char *memory;
	unsigned long before;
};

FIXTURE_VARIANT(pin)
{
	enum behind behind;
};

FIXTURE_VARIANT_ADD(pin, cdev)
{
	.behind = CDEV,
};

FIXTURE_VARIANT_ADD(pin, group_on_iommufd)
{
	.behind = GROUP_ON_IOMMUFD,
};

FIXTURE_VARIANT_ADD(pin, group_in_container)
{
	.behind = GROUP_IN_CONTAINER,
};

FIXTURE_SETUP(pin)
{
	need(module_load(), "CONFIG_VFIO_TEST");
	self->before = machine_pins();
	self->memory = memory_alloc(LENGTH);
	pin_device_open(&self->pin, variant->behind, 0);
	must(map(&self->pin, self->memory, LENGTH, IOVA, true));
}

FIXTURE_TEARDOWN(pin)
{
	pin_device_close(&self->pin);
	EXPECT_EQ(self->before, machine_pins());
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, errno_of(syscall(SYS_delete_module, "vfio_test",
				      O_NONBLOCK)));
}

static unsigned long pinned(FIXTURE_DATA(pin) * self)
{
	return machine_pins() - self->before;
}

TEST_F_TIMEOUT(pin, pages_are_those_of_the_mapping, TEST_SECONDS)
{
	unsigned int i;

	ASSERT_EQ(4, pin_pages(&self->pin, IOVA + PAGE_SIZE, 4, VALUE));
	EXPECT_EQ(4, pinned(self));
	for (i = 0; i < 4; i++) {
		__u64 value;

		memcpy(&value, self->memory + (i + 1) * PAGE_SIZE,
		       sizeof(value));
		EXPECT_EQ(VALUE + i, value);
	}
	/* in other portions */
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA + 2 * PAGE_SIZE, 1));
	EXPECT_EQ(3, pinned(self));
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA, PAGES));
	EXPECT_EQ(0, pinned(self));
}

/* For KVM: nothing that the device does bypasses the caches of the CPU. */
TEST_F_TIMEOUT(pin, memory_is_coherent, TEST_SECONDS)
{
	__u64 file = variant->behind == CDEV ? self->pin.device :
					       self->pin.group;

	EXPECT_EQ(1, call(&self->pin, VFIO_TEST_COHERENT, 0, 0, &file));
	file = UINT32_MAX;
	EXPECT_EQ(-EBADF, call(&self->pin, VFIO_TEST_COHERENT, 0, 0, &file));
}

TEST_F_TIMEOUT(pin, all_pages_or_none, TEST_SECONDS)
{
	EXPECT_GT(0, pin_pages(&self->pin, IOVA + LENGTH, 1, 0));
	EXPECT_GT(0, pin_pages(&self->pin, IOVA + LENGTH - 3 * PAGE_SIZE, 4,
			       0));
	EXPECT_EQ(-EINVAL, pin_pages(&self->pin, IOVA, 0, 0));
	EXPECT_EQ(0, pinned(self));
	EXPECT_EQ(3, pin_pages(&self->pin, IOVA + LENGTH - 3 * PAGE_SIZE, 3,
			       0));
	/* a process that took its memory away */
	must(map(&self->pin, memory_hole(PAGE_SIZE), PAGE_SIZE,
		 IOVA + LENGTH, true));
	EXPECT_EQ(-EFAULT, pin_pages(&self->pin, IOVA + LENGTH, 1, 0));
	EXPECT_EQ(3, pinned(self));
}

TEST_F_TIMEOUT(pin, page_is_pinned_as_often_as_asked_for, TEST_SECONDS)
{
	ASSERT_EQ(1, pin_pages(&self->pin, IOVA, 1, 0));
	ASSERT_EQ(2, pin_pages(&self->pin, IOVA, 2, 0));
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA + PAGE_SIZE, 1));
	EXPECT_LE(1, pinned(self));
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA, 1));
	EXPECT_EQ(0, pinned(self));
}

TEST_F_TIMEOUT(pin, mapping_for_reading_is_not_written, TEST_SECONDS)
{
	const __u64 iova = IOVA + LENGTH;
	__u64 value = VALUE;

	memcpy(self->memory, &value, sizeof(value));
	must(map(&self->pin, self->memory, PAGE_SIZE, iova, false));
	EXPECT_EQ(-EPERM, pin_pages(&self->pin, iova, 1, 0));
	EXPECT_EQ(1, call(&self->pin, VFIO_TEST_PIN_READ, iova, 1, NULL));
	EXPECT_GT(0, call(&self->pin, VFIO_TEST_WRITE, iova, 0, &value));
	value = 0;
	EXPECT_EQ(0, call(&self->pin, VFIO_TEST_READ, iova, 0, &value));
	EXPECT_EQ(VALUE, value);
}

TEST_F_TIMEOUT(pin, bytes_are_copied_wherever_they_are, TEST_SECONDS)
{
	const unsigned int offsets[] = {
		0, 5001, PAGE_SIZE - 3, 2 * PAGE_SIZE - 8, LENGTH - 8,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		__u64 value = VALUE + i;
		char *at = self->memory + offsets[i];

		EXPECT_EQ(0, call(&self->pin, VFIO_TEST_WRITE,
				  IOVA + offsets[i], 0, &value));
		EXPECT_EQ(0, memcmp(at, &value, sizeof(value)));
		memcpy(at, "8 bytes", 8);
		EXPECT_EQ(0, call(&self->pin, VFIO_TEST_READ,
				  IOVA + offsets[i], 0, &value));
		EXPECT_EQ(0, memcmp("8 bytes", &value, sizeof(value)));
	}
	EXPECT_EQ(0, pinned(self));
	/* half of it is nowhere */
	EXPECT_GT(0, call(&self->pin, VFIO_TEST_READ, IOVA + LENGTH - 4, 0,
			  NULL));
	EXPECT_GT(0, call(&self->pin, VFIO_TEST_WRITE, IOVA + LENGTH - 4, 0,
			  NULL));
}

TEST_F_TIMEOUT(pin, unmap_of_what_is_not_pinned_is_not_told, TEST_SECONDS)
{
	must(map(&self->pin, self->memory, LENGTH, IOVA + LENGTH, true));
	ASSERT_EQ(1, pin_pages(&self->pin, IOVA + LENGTH, 1, 0));
	EXPECT_EQ(0, unmap(&self->pin, IOVA, LENGTH));
	EXPECT_EQ(0, notices(&self->pin));
	EXPECT_EQ(1, pinned(self));
}

TEST_F_TIMEOUT(pin, closed_with_pins, TEST_SECONDS)
{
	EXPECT_EQ(PAGES, pin_pages(&self->pin, IOVA, PAGES, 0));
	EXPECT_EQ(PAGES, pinned(self));
}

TEST_F_TIMEOUT(pin, driver_that_is_not_told_cannot_pin, TEST_SECONDS)
{
	struct pin_device copying;
	__u64 value = VALUE;

	pin_device_open(&copying, variant->behind, VFIO_TEST_DEVICES - 1);
	must(map(&copying, self->memory, LENGTH, IOVA, true));
	if (variant->behind != GROUP_IN_CONTAINER)
		EXPECT_EQ(-EINVAL, pin_pages(&copying, IOVA, 1, 0));
	EXPECT_EQ(0, pinned(self));
	EXPECT_EQ(0, call(&copying, VFIO_TEST_WRITE, IOVA + 4093, 0, &value));
	EXPECT_EQ(0, memcmp(self->memory + 4093, &value, sizeof(value)));
	pin_device_close(&copying);
}

/*
 * A driver lets go when it is told to. Not in a container: that tells it under
 * the lock that unpinning takes inside of it, to the displeasure of lockdep.
 */
FIXTURE(notice)
{
	struct pin_device pin;
	char *memory;
	unsigned long before;
};

FIXTURE_VARIANT(notice)
{
	enum behind behind;
};

FIXTURE_VARIANT_ADD(notice, cdev)
{
	.behind = CDEV,
};

FIXTURE_VARIANT_ADD(notice, group_on_iommufd)
{
	.behind = GROUP_ON_IOMMUFD,
};

FIXTURE_SETUP(notice)
{
	need(module_load(), "CONFIG_VFIO_TEST");
	self->before = machine_pins();
	self->memory = memory_alloc(LENGTH);
	pin_device_open(&self->pin, variant->behind, 0);
	must(map(&self->pin, self->memory, LENGTH, IOVA, true));
}

FIXTURE_TEARDOWN(notice)
{
	pin_device_close(&self->pin);
	EXPECT_EQ(self->before, machine_pins());
	EXPECT_EQ(0, errno_of(syscall(SYS_delete_module, "vfio_test",
				      O_NONBLOCK)));
}

TEST_F_TIMEOUT(notice, unmap_is_noticed, TEST_SECONDS)
{
	must(map(&self->pin, self->memory, LENGTH, IOVA + LENGTH, true));
	ASSERT_EQ(4, pin_pages(&self->pin, IOVA + PAGE_SIZE, 4, 0));
	ASSERT_EQ(2, pin_pages(&self->pin, IOVA + LENGTH, 2, 0));
	EXPECT_EQ(0, notices(&self->pin));
	EXPECT_EQ(0, unmap(&self->pin, IOVA, LENGTH));
	EXPECT_LT(0, notices(&self->pin));
	/* what was not unmapped stays */
	EXPECT_EQ(self->before + 2, machine_pins());
	EXPECT_GT(0, pin_pages(&self->pin, IOVA, 1, 0));
	EXPECT_EQ(0, unmap(&self->pin, IOVA + LENGTH, LENGTH));
	EXPECT_EQ(self->before, machine_pins());
}

struct pinner {
	struct pin_device *pin;
	atomic_bool stop;
	unsigned long done;
};

static void *pin_and_unpin(void *data)
{
	struct pinner *pinner = data;
	unsigned int i;

	for (i = 0; !atomic_load(&pinner->stop); i++) {
		const __u64 iova = IOVA + i * 5 % (PAGES - 1) * PAGE_SIZE;

		pinner->done += pin_pages(pinner->pin, iova, 2, i) == 2;
		call(pinner->pin, VFIO_TEST_READ, iova + 4, 0, NULL);
		unpin_pages(pinner->pin, iova, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(notice, unmap_races_with_a_driver_that_pins, TEST_SECONDS)
{
	struct pinner pinner = { .pin = &self->pin };
	unsigned int i;
	pthread_t thread;

	must(-pthread_create(&thread, NULL, pin_and_unpin, &pinner));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, unmap(&self->pin, IOVA, LENGTH));
		must(map(&self->pin, self->memory, LENGTH, IOVA, true));
		usleep(1000);
	}
	atomic_store(&pinner.stop, true);
	must(-pthread_join(thread, NULL));
	EXPECT_LT(0, pinner.done);
}

/* On the character device the memory that a device reaches can change. */
FIXTURE(two)
{
	struct pin_device pin;
	char *memory;
	__u32 second_ioas;
	unsigned long before;
};

FIXTURE_SETUP(two)
{
	need(module_load(), "CONFIG_VFIO_TEST");
	self->before = machine_pins();
	self->memory = memory_alloc(LENGTH);
	pin_device_open(&self->pin, CDEV, 0);
	must(map(&self->pin, self->memory, LENGTH, IOVA, true));
	must(ioas_alloc(self->pin.file, &self->second_ioas));
	must(ioas_map_fixed(self->pin.file, self->second_ioas, self->memory,
			    LENGTH, IOVA));
}

FIXTURE_TEARDOWN(two)
{
	pin_device_close(&self->pin);
	EXPECT_EQ(self->before, machine_pins());
	EXPECT_EQ(0, errno_of(syscall(SYS_delete_module, "vfio_test",
				      O_NONBLOCK)));
}

TEST_F_TIMEOUT(two, detach_is_noticed, TEST_SECONDS)
{
	ASSERT_EQ(4, pin_pages(&self->pin, IOVA, 4, 0));
	EXPECT_EQ(0, vfio_detach(self->pin.device));
	EXPECT_LT(0, notices(&self->pin));
	EXPECT_EQ(self->before, machine_pins());
	EXPECT_EQ(-ENOENT, pin_pages(&self->pin, IOVA, 1, 0));
	EXPECT_EQ(-ENOENT, call(&self->pin, VFIO_TEST_READ, IOVA, 0, NULL));
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA, 4));
}

TEST_F_TIMEOUT(two, change_of_address_space_is_noticed, TEST_SECONDS)
{
	ASSERT_EQ(8, pin_pages(&self->pin, IOVA, 8, 0));
	EXPECT_EQ(0, vfio_attach_to(self->pin.device, self->second_ioas));
	EXPECT_LT(0, notices(&self->pin));
	EXPECT_EQ(self->before, machine_pins());
	EXPECT_EQ(0, iommufd_destroy(self->pin.file, self->pin.ioas_id));
	EXPECT_EQ(8, pin_pages(&self->pin, IOVA, 8, 0));
}

/* The pages of IOVA and of memory have to be the same. */
/* Only the page counts; a container would remember where in it. */
TEST_F_TIMEOUT(two, address_in_the_page_does_not_matter, TEST_SECONDS)
{
	ASSERT_EQ(2, pin_pages(&self->pin, IOVA + PAGE_SIZE + 100, 2, VALUE));
	EXPECT_EQ(self->before + 2, machine_pins());
	EXPECT_EQ(VALUE + 1, *(__u64 *)(self->memory + 2 * PAGE_SIZE));
	EXPECT_EQ(0, unpin_pages(&self->pin, IOVA + PAGE_SIZE, 2));
	EXPECT_EQ(self->before, machine_pins());
}

TEST_F_TIMEOUT(two, unaligned_mapping_is_refused, TEST_SECONDS)
{
	__u32 third;

	must(ioas_alloc(self->pin.file, &third));
	must(ioas_map_fixed(self->pin.file, third, self->memory, 100, 7));
	EXPECT_EQ(-EADDRINUSE, vfio_attach_to(self->pin.device, third));
	EXPECT_EQ(1, pin_pages(&self->pin, IOVA, 1, 0));
	EXPECT_EQ(-EINVAL, map(&self->pin, self->memory, 100, 7, true));
}

FIXTURE(leaving)
{
	struct pin_device pin;
	char *memory;
	int container;
};

FIXTURE_SETUP(leaving)
{
	need(module_load(), "CONFIG_VFIO_TEST");
	self->container = vfio_container_open();
	need(self->container >= 0, "/dev/vfio/vfio");
	self->memory = memory_alloc(LENGTH);
	pin_device_open(&self->pin, GROUP_ON_IOMMUFD, 0);
	must(map(&self->pin, self->memory, LENGTH, IOVA, true));
}

FIXTURE_TEARDOWN(leaving)
{
	pin_device_close(&self->pin);
	close(self->container);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, errno_of(syscall(SYS_delete_module, "vfio_test",
				      O_NONBLOCK)));
}

/* What the group has changes, what its open device is on does not. */
TEST_F_TIMEOUT(leaving, open_is_shared_on_the_same_terms, TEST_SECONDS)
{
	int again = must(vfio_group_device(self->pin.group, "vfio_test.0"));

	must(vfio_group_unset_container(self->pin.group));
	must(vfio_group_set_container(self->pin.group, self->container));
	must(errno_of(ioctl(self->container, VFIO_SET_IOMMU,
			    VFIO_TYPE1v2_IOMMU)));
	close(again);
	again = vfio_group_device(self->pin.group, "vfio_test.0");
	EXPECT_EQ(vfio_container_is_iommufd(self->container) ? 0 : -EINVAL,
		  again < 0 ? again : 0);
	close(again);
	EXPECT_EQ(1, pin_pages(&self->pin, IOVA, 1, VALUE));
	must(vfio_group_unset_container(self->pin.group));
}

TEST_HARNESS_MAIN
