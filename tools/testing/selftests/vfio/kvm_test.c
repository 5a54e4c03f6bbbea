// SPDX-License-Identifier: GPL-2.0
/*
 * Device files given to a VM through KVM's VFIO pseudo device.
 *
 * That a device holds its VM shows in debugfs, where a VM has a folder as long
 * as anybody refers to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/vfio_device.h"

#define WAIT_MS 60000

static int kvm_open(void)
{
	return errno_of(open("/dev/kvm", O_RDWR | O_CLOEXEC));
}

static int kvm_create_vm(int kvm)
{
	return errno_of(ioctl(kvm, KVM_CREATE_VM, 0));
}

static int vm_create_vfio(int vm)
{
	struct kvm_create_device arg = { .type = KVM_DEV_TYPE_VFIO };
	int ret;

	ret = errno_of(ioctl(vm, KVM_CREATE_DEVICE, &arg));
	return ret ?: (int)arg.fd;
}

static int vfio_attr(int vfio, unsigned long request, __u32 group, __u64 attr,
		     const __s32 *fd)
{
	struct kvm_device_attr arg = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)fd,
	};

	return errno_of(ioctl(vfio, request, &arg));
}

static int file_add(int vfio, __s32 fd)
{
	return vfio_attr(vfio, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_FILE,
			 KVM_DEV_VFIO_FILE_ADD, &fd);
}

static int file_del(int vfio, __s32 fd)
{
	return vfio_attr(vfio, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_FILE,
			 KVM_DEV_VFIO_FILE_DEL, &fd);
}

/* A VM with its pseudo device, and its folder */
struct vm {
	int fd;
	int vfio;
	char folder[64];
};

static void vm_create(struct vm *vm, int kvm)
{
	vm->fd = must(kvm_create_vm(kvm));
	vm->vfio = must(vm_create_vfio(vm->fd));
	snprintf(vm->folder, sizeof(vm->folder), "/sys/kernel/debug/kvm/%d-%d",
		 getpid(), vm->fd);
}

static bool vm_exists(const struct vm *vm)
{
	return !access(vm->folder, F_OK);
}

/* A VM ends a little after its last file was closed. */
static bool vm_ends(const struct vm *vm)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && vm_exists(vm); ms++)
		usleep(1000);
	return !vm_exists(vm);
}

static void vm_close(struct vm *vm)
{
	close(vm->vfio);
	close(vm->fd);
}

FIXTURE(kvm)
{
	struct pci_device pci;
	struct vm vm;
	int kvm;
	int iommufd;
	int device;
	__u32 id;
};

FIXTURE_SETUP(kvm)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->kvm = kvm_open();
	skip_if(self->kvm < 0 && preemption_is_everywhere(),
		"PREEMPT_RT lets KVM run on a constant TSC only");
	need(self->kvm >= 0, "/dev/kvm");
	vm_create(&self->vm, self->kvm);
	need(vm_exists(&self->vm), "the folder of KVM in debugfs");
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

FIXTURE_TEARDOWN(kvm)
{
	vm_close(&self->vm);
	close(self->device);
	close(self->iommufd);
	close(self->kvm);
	EXPECT_TRUE(vm_ends(&self->vm));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(kvm, attributes_are_announced, TEST_SECONDS)
{
	EXPECT_EQ(0, vfio_attr(self->vm.vfio, KVM_HAS_DEVICE_ATTR,
			       KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, NULL));
	EXPECT_EQ(0, vfio_attr(self->vm.vfio, KVM_HAS_DEVICE_ATTR,
			       KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_DEL, NULL));
	EXPECT_EQ(-ENXIO, vfio_attr(self->vm.vfio, KVM_HAS_DEVICE_ATTR,
				    KVM_DEV_VFIO_FILE, 77, NULL));
	EXPECT_EQ(-ENXIO, vfio_attr(self->vm.vfio, KVM_HAS_DEVICE_ATTR, 77,
				    KVM_DEV_VFIO_FILE_ADD, NULL));
	EXPECT_EQ(KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_FILE);
	EXPECT_EQ(KVM_DEV_VFIO_GROUP_ADD, KVM_DEV_VFIO_FILE_ADD);
	EXPECT_EQ(KVM_DEV_VFIO_GROUP_DEL, KVM_DEV_VFIO_FILE_DEL);
}

TEST_F_TIMEOUT(kvm, file_is_added_once, TEST_SECONDS)
{
	EXPECT_EQ(-ENOENT, file_del(self->vm.vfio, self->device));
	EXPECT_EQ(0, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(-EEXIST, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(0, file_del(self->vm.vfio, self->device));
	EXPECT_EQ(-ENOENT, file_del(self->vm.vfio, self->device));
	EXPECT_EQ(0, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
	EXPECT_EQ(-EEXIST, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(0, file_del(self->vm.vfio, self->device));
}

TEST_F_TIMEOUT(kvm, bound_file_is_taken, TEST_SECONDS)
{
	must(vfio_bind(self->device, self->iommufd, &self->id));
	EXPECT_EQ(0, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(-EEXIST, file_add(self->vm.vfio, self->device));
	EXPECT_EQ(0, file_del(self->vm.vfio, self->device));
}

TEST_F_TIMEOUT(kvm, file_must_be_of_vfio, TEST_SECONDS)
{
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));
	int null = must(errno_of(open("/dev/null", O_RDWR | O_CLOEXEC)));
	int container = vfio_container_open();

	need(container >= 0, "/dev/vfio/vfio");
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, event));
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, null));
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, container));
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, self->iommufd));
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, self->vm.fd));
	EXPECT_EQ(-EBADF, file_add(self->vm.vfio, 1000));
	EXPECT_EQ(-EBADF, file_add(self->vm.vfio, -1));
	EXPECT_EQ(-EBADF, file_del(self->vm.vfio, 1000));
	EXPECT_EQ(-ENOENT, file_del(self->vm.vfio, event));
	EXPECT_EQ(-EFAULT,
		  vfio_attr(self->vm.vfio, KVM_SET_DEVICE_ATTR,
			    KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, NULL));
	close(container);
	close(null);
	close(event);
}

/* As ever: the group stands for its devices. */
TEST_F_TIMEOUT(kvm, group_is_taken_but_no_device_file_of_it, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	int device;

	EXPECT_EQ(0, file_add(self->vm.vfio, group));
	EXPECT_EQ(-EEXIST, file_add(self->vm.vfio, group));
	must(vfio_group_set_container(group, self->iommufd));
	device = must(vfio_group_device(group, self->pci.bdf));
	EXPECT_EQ(-EINVAL, file_add(self->vm.vfio, device));
	EXPECT_EQ(0, file_del(self->vm.vfio, group));
	close(device);
	close(group);
}

TEST_F_TIMEOUT(kvm, vm_given_before_bind_lives_as_long_as_the_device,
	       TEST_SECONDS)
{
	must(file_add(self->vm.vfio, self->device));
	must(vfio_bind(self->device, self->iommufd, &self->id));
	EXPECT_EQ(0, file_del(self->vm.vfio, self->device));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_exists(&self->vm));
	close(self->device);
	EXPECT_TRUE(vm_ends(&self->vm));
}

TEST_F_TIMEOUT(kvm, vm_given_after_bind_is_not_held, TEST_SECONDS)
{
	must(vfio_bind(self->device, self->iommufd, &self->id));
	must(file_add(self->vm.vfio, self->device));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
}

TEST_F_TIMEOUT(kvm, vm_that_took_the_file_back_is_not_held, TEST_SECONDS)
{
	must(file_add(self->vm.vfio, self->device));
	must(file_del(self->vm.vfio, self->device));
	must(vfio_bind(self->device, self->iommufd, &self->id));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
}

TEST_F_TIMEOUT(kvm, vm_that_is_gone_is_forgotten, TEST_SECONDS)
{
	must(file_add(self->vm.vfio, self->device));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
}

TEST_F_TIMEOUT(kvm, refused_bind_does_not_hold_the_vm, TEST_SECONDS)
{
	const struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = self->iommufd,
	};
	struct vfio_device_bind_iommufd *readonly =
		memory_readonly_copy(&arg, sizeof(arg));
	int other = must(vfio_cdev_open(self->pci.bdf));
	__u32 id;

	must(file_add(self->vm.vfio, self->device));
	/* after open_device */
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, readonly));
	/* before it */
	must(vfio_bind(other, self->iommufd, &id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd, &self->id));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
	close(other);
	memory_free(readonly, sizeof(arg));
}

TEST_F_TIMEOUT(kvm, vm_is_for_the_file_it_was_given, TEST_SECONDS)
{
	int other = must(vfio_cdev_open(self->pci.bdf));
	__u32 id;

	must(file_add(self->vm.vfio, self->device));
	must(vfio_bind(other, self->iommufd, &id));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
	close(other);
}

TEST_F_TIMEOUT(kvm, last_of_two_vms_gets_the_device, TEST_SECONDS)
{
	int other = must(vfio_cdev_open(self->pci.bdf));
	struct vm second;

	vm_create(&second, self->kvm);
	must(file_add(self->vm.vfio, self->device));
	must(file_add(second.vfio, other));
	/* what the first VM does now is nothing to the second */
	must(file_del(self->vm.vfio, self->device));
	must(vfio_bind(other, self->iommufd, &self->id));
	vm_close(&self->vm);
	vm_close(&second);
	EXPECT_TRUE(vm_ends(&self->vm));
	EXPECT_TRUE(vm_exists(&second));
	close(other);
	EXPECT_TRUE(vm_ends(&second));
}

TEST_F_TIMEOUT(kvm, two_vms_may_have_one_file, TEST_SECONDS)
{
	struct vm second;

	vm_create(&second, self->kvm);
	must(file_add(self->vm.vfio, self->device));
	must(file_add(second.vfio, self->device));
	vm_close(&self->vm);
	EXPECT_TRUE(vm_ends(&self->vm));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
	vm_close(&second);
	close(self->device);
	EXPECT_TRUE(vm_ends(&second));
}

/* Every order in which a VMM may close its files */
TEST_F_TIMEOUT(kvm, files_may_be_closed_in_any_order, TEST_SECONDS)
{
	unsigned int order;

	for (order = 0; order < 24; order++) {
		unsigned int left = 4, code = order;
		struct vm vm;
		int files[4];
		__u32 id;

		vm_create(&vm, self->kvm);
		files[0] = vm.fd;
		files[1] = vm.vfio;
		files[2] = must(vfio_cdev_open(self->pci.bdf));
		files[3] = must(iommufd_open());
		must(file_add(vm.vfio, files[2]));
		ASSERT_EQ(0, vfio_bind(files[2], files[3], &id))
		{
			TH_LOG("order %u", order);
		}
		while (left) {
			unsigned int i = code % left;

			code /= left;
			close(files[i]);
			files[i] = files[--left];
		}
		EXPECT_TRUE(vm_ends(&vm))
		{
			TH_LOG("order %u", order);
		}
	}
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
}

TEST_F_TIMEOUT(kvm, killed_vmm_leaves_nothing, TEST_SECONDS)
{
	int ready[2], status;
	struct vm vm;
	pid_t pid;
	char byte;

	close(self->device);
	must(errno_of(pipe(ready)));
	pid = must(errno_of(fork()));
	if (!pid) {
		int device = must(vfio_cdev_open(self->pci.bdf));
		int iommufd = must(iommufd_open());

		vm_create(&vm, self->kvm);
		must(file_add(vm.vfio, device));
		must(vfio_bind(device, iommufd, &self->id));
		must(errno_of(write(ready[1], &vm, sizeof(vm))));
		pause();
		_exit(0);
	}
	close(ready[1]);
	ASSERT_EQ(sizeof(vm), read(ready[0], &vm, sizeof(vm)));
	EXPECT_TRUE(vm_exists(&vm));
	must(errno_of(kill(pid, SIGKILL)));
	must(errno_of(waitpid(pid, &status, 0)));
	EXPECT_EQ(0, read(ready[0], &byte, 1));
	EXPECT_TRUE(vm_ends(&vm));
	close(ready[0]);
	self->device = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
}

/* Files are given and taken back while devices are bound and closed. */
#define RACE_ROUNDS 30

struct kvm_race {
	const char *bdf;
	int vfio;
	atomic_int device;
	atomic_bool stop;
	unsigned int added, surprises;
};

static void *give_and_take(void *data)
{
	struct kvm_race *race = data;

	while (!atomic_load(&race->stop)) {
		/* The same file for both calls, whoever closes it meanwhile */
		int device = dup(atomic_load(&race->device));
		struct stat stat;

		if (device < 0)
			continue;
		/* The number may be that of a file of sysfs by now. */
		if (fstat(device, &stat) || !S_ISCHR(stat.st_mode)) {
			close(device);
			continue;
		}
		if (file_add(race->vfio, device) ||
		    file_del(race->vfio, device))
			race->surprises++;
		race->added++;
		close(device);
	}
	return NULL;
}

TEST_F_TIMEOUT(kvm, giving_races_with_bind_and_close, TEST_SECONDS)
{
	struct kvm_race race = {
		.bdf = self->pci.bdf,
		.vfio = self->vm.vfio,
	};
	unsigned int i;
	pthread_t thread;

	atomic_store(&race.device, self->device);
	must(-pthread_create(&thread, NULL, give_and_take, &race));
	for (i = 0; i < RACE_ROUNDS; i++) {
		/*
		 * An earlier file is bound until the other thread lets go,
		 * and the device is iommufd's for a moment longer.
		 */
		int ret = vfio_bind(self->device, self->iommufd, &self->id);

		EXPECT_TRUE(!ret || ret == -EINVAL || ret == -EBUSY);
		close(self->device);
		self->device = must(vfio_cdev_open(self->pci.bdf));
		atomic_store(&race.device, self->device);
	}
	atomic_store(&race.stop, true);
	must(-pthread_join(thread, NULL));
	TH_LOG("given %u times", race.added);
	EXPECT_LT(0, race.added);
	EXPECT_EQ(0, race.surprises);
	vm_close(&self->vm);
	close(self->device);
	EXPECT_TRUE(vm_ends(&self->vm));
	self->device = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(0, vfio_bind(self->device, self->iommufd, &self->id));
}

TEST_HARNESS_MAIN
