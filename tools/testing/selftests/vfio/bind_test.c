// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a VFIO device by its character device, and VFIO_DEVICE_BIND_IOMMUFD:
 * what works before, what is refused, and who keeps whom out.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"

#define COOKIE 0xc0ffee00c0ffeeULL

/* Sizes of the argument, by version */
#define BIND_FIRST 16
#define BIND_TOKEN 24
#define BIND_COOKIE 32

FIXTURE(bind)
{
	struct edu_list list;
	struct pci_device pci;
	int iommufd;
	int device;
};

FIXTURE_SETUP(bind)
{
	edu_list_read(&self->list);
	need(edu_alone(&self->list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&self->list, 0);
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

FIXTURE_TEARDOWN(bind)
{
	close(self->device);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* Everything that a bound device does and an unbound one must not */
static bool is_unbound(int device)
{
	struct vfio_device_info info;
	char byte = 0;
	void *bar;

	bar = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, device, 0);
	if (bar != MAP_FAILED) {
		munmap(bar, PAGE_SIZE);
		return false;
	}
	return errno == EINVAL && errno_of(read(device, &byte, 1)) == -EINVAL &&
	       errno_of(write(device, &byte, 1)) == -EINVAL &&
	       vfio_device_info(device, &info) == -EINVAL;
}

static bool is_bound(int device)
{
	struct vfio_region_info config;
	struct vfio_device_info info;
	__u16 vendor;

	return !vfio_device_info(device, &info) &&
	       info.flags & VFIO_DEVICE_FLAGS_PCI &&
	       !vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &config) &&
	       pread(device, &vendor, 2, config.offset) == 2 &&
	       vendor == 0x1234;
}

/* After a refusal nothing is left behind that would hinder the next bind. */
static bool is_bindable(int device, int iommufd)
{
	__u32 dev_id;

	return is_unbound(device) && !vfio_bind(device, iommufd, &dev_id) &&
	       is_bound(device);
}

TEST_F_TIMEOUT(bind, unbound_file_accepts_nothing_but_bind, TEST_SECONDS)
{
	__u32 arg[64] = { sizeof(arg) };
	unsigned int number;

	EXPECT_EQ(-EINVAL, errno_of(read(self->device, arg, 4)));
	EXPECT_EQ(-EINVAL, errno_of(write(self->device, arg, 4)));
	EXPECT_EQ(-EINVAL, errno_of(pread(self->device, arg, 4, 0)));
	EXPECT_EQ(-EINVAL, errno_of(pwrite(self->device, arg, 4, 0)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
				   self->device, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE,
				   self->device, 0));
	EXPECT_EQ(EINVAL, errno);
	for (number = 0; number < 256; number++) {
		const unsigned int request = _IO(VFIO_TYPE, number);

		if (request == VFIO_DEVICE_BIND_IOMMUFD)
			continue;
		EXPECT_EQ(-EINVAL, errno_of(ioctl(self->device, request, arg)))
		{
			TH_LOG("ioctl %#x", request);
		}
	}
	EXPECT_EQ(-EINVAL, errno_of(ioctl(self->device, _IO('x', 1), arg)));
}

TEST_F_TIMEOUT(bind, bound_device_works_before_attach, TEST_SECONDS)
{
	__u32 dev_id = 0;

	ASSERT_EQ(0, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_LT(0, dev_id);
	EXPECT_GT(1U << 31, dev_id);
	EXPECT_TRUE(is_bound(self->device));
}

TEST_F_TIMEOUT(bind, each_version_of_the_argument_works, TEST_SECONDS)
{
	static const __u32 sizes[] = { BIND_FIRST, 20, BIND_TOKEN, 28,
				       BIND_COOKIE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* Fields beyond argsz must not be read, nor written. */
		struct vfio_device_bind_iommufd arg = {
			.argsz = sizes[i],
			.iommufd = self->iommufd,
			.token_uuid_ptr = sizes[i] < BIND_TOKEN ? UINT64_MAX :
								  0,
			.dev_cookie = COOKIE,
		};
		__u32 found;

		ASSERT_EQ(0, vfio_bind_arg(self->device, &arg))
		{
			TH_LOG("argsz %u", sizes[i]);
		}
		EXPECT_EQ(1, arg.out_devid);
		EXPECT_EQ(COOKIE, arg.dev_cookie);
		EXPECT_TRUE(is_bound(self->device));
		/* without the flag the cookie is not one */
		EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &found));
		close(self->device);
		self->device = must(vfio_cdev_open(self->pci.bdf));
	}
}

/* A longer argument of a program from the future, one version of it empty */
struct bind_future {
	struct vfio_device_bind_iommufd now;
	__u8 tail[32];
};

TEST_F_TIMEOUT(bind, longer_argument_needs_an_empty_tail, TEST_SECONDS)
{
	const struct bind_future good = {
		.now.argsz = sizeof(good),
		.now.iommufd = self->iommufd,
	};
	struct bind_future arg;
	size_t i;

	for (i = 0; i < sizeof(arg.tail); i++) {
		arg = good;
		arg.tail[i] = 1;
		EXPECT_EQ(-E2BIG, vfio_bind_arg(self->device, &arg.now));
		/* judged before the fields */
		arg.now.flags = 1U << 5;
		arg.now.iommufd = -1;
		EXPECT_EQ(-E2BIG, vfio_bind_arg(self->device, &arg.now));
	}
	arg = good;
	EXPECT_EQ(0, vfio_bind_arg(self->device, &arg.now));
	EXPECT_TRUE(is_bound(self->device));
}

TEST_F_TIMEOUT(bind, short_argument_is_invalid, TEST_SECONDS)
{
	__u32 argsz;

	for (argsz = 0; argsz < BIND_FIRST; argsz++) {
		struct vfio_device_bind_iommufd arg = {
			.argsz = argsz,
			.iommufd = self->iommufd,
		};

		EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	}
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, unreadable_argument_faults, TEST_SECONDS)
{
	char *edge = memory_alloc(2 * PAGE_SIZE);
	struct vfio_device_bind_iommufd *arg;

	memory_free(edge + PAGE_SIZE, PAGE_SIZE);
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, NULL));
	EXPECT_EQ(-EFAULT,
		  vfio_bind_arg(self->device, (void *)(edge + PAGE_SIZE)));
	arg = (void *)(edge + PAGE_SIZE - BIND_FIRST);
	arg->argsz = BIND_COOKIE;
	arg->iommufd = self->iommufd;
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, arg));
	arg->argsz = BIND_FIRST;
	EXPECT_EQ(0, vfio_bind_arg(self->device, arg));
}

TEST_F_TIMEOUT(bind, unknown_flag_is_invalid, TEST_SECONDS)
{
	unsigned int bit;

	for (bit = 1; bit < 31; bit++) {
		struct vfio_device_bind_iommufd arg = {
			.argsz = sizeof(arg),
			.flags = 1U << bit,
			.iommufd = self->iommufd,
		};

		EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	}
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, flag_needs_its_field, TEST_SECONDS)
{
	struct vfio_device_bind_iommufd arg = {
		.iommufd = self->iommufd,
		.dev_cookie = COOKIE,
	};
	__u32 found;

	arg.flags = VFIO_DEVICE_BIND_FLAG_COOKIE;
	for (arg.argsz = BIND_FIRST; arg.argsz < BIND_COOKIE; arg.argsz++)
		EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	arg.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	for (arg.argsz = BIND_FIRST; arg.argsz < BIND_TOKEN; arg.argsz++)
		EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &found));
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, token_for_an_ordinary_device_is_invalid, TEST_SECONDS)
{
	__u8 token[16] = { 1 };
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = self->iommufd,
		.token_uuid_ptr = (uintptr_t)token,
	};

	EXPECT_EQ(-EINVAL, vfio_bind_arg(self->device, &arg));
	arg.token_uuid_ptr = 0;
	EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, &arg));
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, fd_must_be_an_iommufd, TEST_SECONDS)
{
	static const int not_open[] = { 1000, INT32_MAX };
	static const int negative[] = { -1, -100, INT32_MIN };
	int event = must(errno_of(eventfd(0, EFD_CLOEXEC)));
	int container = vfio_container_open();
	__u32 dev_id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(negative); i++)
		EXPECT_EQ(-EINVAL,
			  vfio_bind(self->device, negative[i], &dev_id));
	for (i = 0; i < ARRAY_SIZE(not_open); i++)
		EXPECT_EQ(-EBADF,
			  vfio_bind(self->device, not_open[i], &dev_id));
	EXPECT_EQ(-EBADFD, vfio_bind(self->device, event, &dev_id));
	EXPECT_EQ(-EBADFD, vfio_bind(self->device, self->device, &dev_id));
	if (container >= 0)
		EXPECT_EQ(-EBADFD, vfio_bind(self->device, container, &dev_id));
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, second_bind_of_a_file_is_invalid, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, other, &dev_id));
	/* judged before the fd */
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, 1000, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->device, &dev_id));
	EXPECT_TRUE(is_bound(self->device));
	close(other);
}

TEST_F_TIMEOUT(bind, device_may_be_opened_often_but_bound_once, TEST_SECONDS)
{
	int other = must(vfio_cdev_open(self->pci.bdf));
	int iommufd = must(iommufd_open());
	__u32 dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_TRUE(is_unbound(other));
	EXPECT_EQ(-EINVAL, vfio_bind(other, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(other, iommufd, &dev_id));
	/* the fd is judged first here */
	EXPECT_EQ(-EBADF, vfio_bind(other, 1000, &dev_id));
	EXPECT_EQ(-EBADFD, vfio_bind(other, other, &dev_id));
	EXPECT_TRUE(is_unbound(other));
	close(other);
	other = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_TRUE(is_unbound(other));
	close(self->device);
	self->device = other;
	EXPECT_TRUE(is_bindable(other, iommufd));
	close(iommufd);
}

/* A way to a second file of the device that does not go through the node */
TEST_F_TIMEOUT(bind, file_reopened_through_proc_is_unbound, TEST_SECONDS)
{
	__u32 dev_id;
	char path[64];
	int again;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->device);
	again = must(errno_of(open(path, O_RDWR | O_CLOEXEC)));
	EXPECT_TRUE(is_unbound(again));
	EXPECT_TRUE(is_bound(self->device));
	close(again);
}

TEST_F_TIMEOUT(bind, unwritable_answer_leaves_the_device_bindable, TEST_SECONDS)
{
	const struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_COOKIE,
		.iommufd = self->iommufd,
		.dev_cookie = COOKIE,
	};
	void *readonly = memory_readonly_copy(&arg, sizeof(arg));
	int other = must(vfio_cdev_open(self->pci.bdf));
	struct vfio_device_bind_iommufd again = arg;
	unsigned int i;
	__u32 found;
	int group;

	for (i = 0; i < 10; i++) {
		EXPECT_EQ(-EFAULT, vfio_bind_arg(self->device, readonly));
		EXPECT_TRUE(is_unbound(self->device));
		EXPECT_EQ(-ENOENT, device_find(self->iommufd, COOKIE, &found));
		EXPECT_EQ(-ENOENT, iommufd_destroy(self->iommufd, 1));
	}
	/* the group is not kept out either */
	group = vfio_group_open(self->pci.group);
	EXPECT_LE(0, group);
	close(group);
	/* nor another file */
	ASSERT_EQ(0, vfio_bind_arg(other, &again));
	EXPECT_EQ(1, again.out_devid);
	close(other);
	ASSERT_EQ(0, vfio_bind_arg(self->device, &again));
	EXPECT_EQ(1, again.out_devid);
	EXPECT_TRUE(is_bound(self->device));
}

TEST_F_TIMEOUT(bind, cookie_is_unique_in_a_context, TEST_SECONDS)
{
	const struct pci_device *pci = edu_alone(&self->list, 1);
	__u32 first, second, found;
	int other, iommufd;

	need(pci, "a second edu device alone in its group");
	other = must(vfio_cdev_open(pci->bdf));
	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &first));
	EXPECT_EQ(-EEXIST,
		  vfio_bind_cookie(other, self->iommufd, COOKIE, &second));
	EXPECT_TRUE(is_unbound(other));
	ASSERT_EQ(0, device_find(self->iommufd, COOKIE, &found));
	EXPECT_EQ(first, found);

	ASSERT_EQ(0,
		  vfio_bind_cookie(other, self->iommufd, COOKIE + 1, &second));
	ASSERT_EQ(0, device_find(self->iommufd, COOKIE + 1, &found));
	EXPECT_EQ(second, found);
	EXPECT_NE(first, second);
	close(other);

	/* another context may use the same one */
	iommufd = must(iommufd_open());
	other = must(vfio_cdev_open(pci->bdf));
	EXPECT_EQ(0, vfio_bind_cookie(other, iommufd, COOKIE, &second));
	close(other);
	close(iommufd);

	/* and it is free again once its device is closed */
	close(self->device);
	self->device = must(vfio_cdev_open(pci->bdf));
	EXPECT_EQ(0, vfio_bind_cookie(self->device, self->iommufd, COOKIE,
				      &second));
}

TEST_F_TIMEOUT(bind, refused_cookie_leaves_the_group_alone, TEST_SECONDS)
{
	const struct pci_device *pci = edu_alone(&self->list, 1);
	int other, group;
	__u32 dev_id;

	need(pci, "a second edu device alone in its group");
	other = must(vfio_cdev_open(pci->bdf));
	must(vfio_bind_cookie(self->device, self->iommufd, COOKIE, &dev_id));
	EXPECT_EQ(-EEXIST,
		  vfio_bind_cookie(other, self->iommufd, COOKIE, &dev_id));
	group = vfio_group_open(pci->group);
	EXPECT_LE(0, group);
	close(group);
	EXPECT_TRUE(is_bindable(other, self->iommufd));
	close(other);
}

TEST_F_TIMEOUT(bind, open_group_keeps_the_bind_out, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci.group));
	__u32 dev_id;

	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	/* judged before the fd, after the flags */
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, 1000, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, -1, &dev_id));
	close(group);
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, bound_device_keeps_the_group_out, TEST_SECONDS)
{
	__u32 dev_id;
	int group;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
	/* which file holds the device does not matter, but that one does */
	close(must(vfio_cdev_open(self->pci.bdf)));
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
	close(self->device);
	group = vfio_group_open(self->pci.group);
	EXPECT_LE(0, group);
	close(group);
	self->device = must(vfio_cdev_open(self->pci.bdf));
}

/* An unbound file is no use of the device. */
TEST_F_TIMEOUT(bind, unbound_file_does_not_keep_the_group_out, TEST_SECONDS)
{
	int group = vfio_group_open(self->pci.group);

	EXPECT_LE(0, group);
	close(group);
}

TEST_F_TIMEOUT(bind, container_keeps_the_bind_out, TEST_SECONDS)
{
	int container = vfio_container_open();
	int group, device;
	__u32 dev_id;

	need(container >= 0, "/dev/vfio/vfio");
	group = must(vfio_group_open(self->pci.group));
	must(vfio_group_set_container(group, container));
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	must(errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	device = must(vfio_group_device(group, self->pci.bdf));
	EXPECT_EQ(-EBUSY, vfio_bind(self->device, self->iommufd, &dev_id));
	EXPECT_EQ(-EINVAL, vfio_bind(device, self->iommufd, &dev_id));
	EXPECT_TRUE(is_bound(device));
	close(device);
	close(group);
	close(container);
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

static void *close_fd(void *data)
{
	close((int)(intptr_t)data);
	return NULL;
}

TEST_F_TIMEOUT(bind, files_may_be_closed_in_any_order, TEST_SECONDS)
{
	unsigned int i;

	close(self->device);
	close(self->iommufd);
	for (i = 0; i < 30; i++) {
		int iommufd = must(iommufd_open());
		int device = must(vfio_cdev_open(self->pci.bdf));
		__u32 dev_id, ioas_id;
		pthread_t thread;

		ASSERT_EQ(0, vfio_bind(device, iommufd, &dev_id));
		must(ioas_alloc(iommufd, &ioas_id));
		if (i & 1)
			must(vfio_attach_to(device, ioas_id));
		switch (i % 3) {
		case 0:
			close(iommufd);
			EXPECT_TRUE(is_bound(device));
			close(device);
			break;
		case 1:
			close(device);
			EXPECT_EQ(-ENOENT, iommufd_destroy(iommufd, dev_id));
			close(iommufd);
			break;
		case 2:
			must(-pthread_create(&thread, NULL, close_fd,
					     (void *)(intptr_t)iommufd));
			close(device);
			must(-pthread_join(thread, NULL));
			break;
		}
	}
	self->iommufd = must(iommufd_open());
	self->device = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_TRUE(is_bindable(self->device, self->iommufd));
}

TEST_F_TIMEOUT(bind, device_outlives_the_iommufd_fd, TEST_SECONDS)
{
	__u32 ioas_id, dev_id;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(ioas_alloc(self->iommufd, &ioas_id));
	close(self->iommufd);
	EXPECT_TRUE(is_bound(self->device));
	EXPECT_EQ(0, vfio_attach_to(self->device, ioas_id));
	EXPECT_EQ(0, vfio_detach(self->device));
	self->iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(bind, bind_through_a_duplicate_binds_the_file, TEST_SECONDS)
{
	int duplicate = must(errno_of(dup(self->device)));
	__u32 dev_id;

	must(vfio_bind(duplicate, self->iommufd, &dev_id));
	EXPECT_TRUE(is_bound(self->device));
	close(duplicate);
	EXPECT_TRUE(is_bound(self->device));
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
}

static int wait_for(pid_t pid)
{
	int status;

	must(errno_of(waitpid(pid, &status, 0)));
	return status;
}

TEST_F_TIMEOUT(bind, child_binds_for_the_parent, TEST_SECONDS)
{
	pid_t pid = must(errno_of(fork()));
	__u32 dev_id;

	if (!pid)
		_exit(vfio_bind(self->device, self->iommufd, &dev_id) != 0);
	ASSERT_EQ(0, wait_for(pid));
	EXPECT_TRUE(is_bound(self->device));
	EXPECT_EQ(-EINVAL, vfio_bind(self->device, self->iommufd, &dev_id));
}

/* The child keeps the file open: closing it here is not the last close. */
TEST_F_TIMEOUT(bind, device_stays_bound_while_a_child_has_it, TEST_SECONDS)
{
	int pipes[2], other;
	__u32 dev_id;
	char byte;
	pid_t pid;

	must(vfio_bind(self->device, self->iommufd, &dev_id));
	must(errno_of(pipe(pipes)));
	pid = must(errno_of(fork()));
	if (!pid) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) != 0 || !is_bound(self->device));
	}
	close(pipes[0]);
	close(self->device);
	other = must(vfio_cdev_open(self->pci.bdf));
	EXPECT_EQ(-EINVAL, vfio_bind(other, self->iommufd, &dev_id));
	close(pipes[1]);
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_TRUE(is_bindable(other, self->iommufd));
	self->device = other;
}

static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	must(errno_of(sendmsg(socket, &message, 0)));
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	must(errno_of(recvmsg(socket, &message, 0)));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

TEST_F_TIMEOUT(bind, bound_file_may_be_sent_to_another_process, TEST_SECONDS)
{
	int sockets[2], device;
	__u32 dev_id;
	pid_t pid;

	must(errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	close(self->device);
	close(self->iommufd);
	pid = must(errno_of(fork()));
	if (!pid) {
		int iommufd = must(iommufd_open());

		device = must(vfio_cdev_open(self->pci.bdf));
		must(vfio_bind(device, iommufd, &dev_id));
		send_fd(sockets[1], device);
		_exit(0);
	}
	device = receive_fd(sockets[0]);
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_TRUE(is_bound(device));
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci.group));
	self->device = device;
	self->iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(bind, unbound_file_may_be_sent_and_bound_there, TEST_SECONDS)
{
	int sockets[2], iommufd;
	__u32 dev_id;
	pid_t pid;

	must(errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	close(self->iommufd);
	pid = must(errno_of(fork()));
	if (!pid) {
		int device = receive_fd(sockets[1]);

		iommufd = must(iommufd_open());
		must(vfio_bind(device, iommufd, &dev_id));
		_exit(0);
	}
	send_fd(sockets[0], self->device);
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_TRUE(is_bound(self->device));
	self->iommufd = must(iommufd_open());
}

TEST_F_TIMEOUT(bind, node_is_announced_under_its_folder, TEST_SECONDS)
{
	char name[64], path[256], line[128];
	bool announced = false;
	FILE *file;

	must(vfio_cdev_name(self->pci.bdf, name, sizeof(name)));
	snprintf(path, sizeof(path), "/sys/class/vfio-dev/%s/uevent", name);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "DEVNAME=vfio/devices/", 21))
			announced = !strcmp(line + 21, name);
	}
	fclose(file);
	EXPECT_TRUE(announced);
}

TEST_F_TIMEOUT(bind, node_without_a_device_is_not_opened, TEST_SECONDS)
{
	char path[] = "/tmp/vfio-node-XXXXXX";
	struct stat st;

	must(errno_of(fstat(self->device, &st)));
	must(errno_of(close(must(errno_of(mkstemp(path))))));
	must(errno_of(unlink(path)));
	must(errno_of(mknod(path, S_IFCHR | 0600,
			    makedev(major(st.st_rdev), 0xfffff))));
	EXPECT_EQ(-ENODEV, errno_of(open(path, O_RDWR | O_CLOEXEC)));
	must(errno_of(unlink(path)));
}

/* Two devices that the IOMMU cannot tell apart */
FIXTURE(bind_pair)
{
	struct pci_device pci[2];
	int iommufd;
	int device[2];
};

FIXTURE_SETUP(bind_pair)
{
	struct edu_list list;
	unsigned int i;

	edu_list_read(&list);
	need(edu_in_pair(&list, 1), "two edu devices in one group");
	self->iommufd = must(iommufd_open());
	for (i = 0; i < 2; i++) {
		self->pci[i] = *edu_in_pair(&list, i);
		self->device[i] = must(vfio_cdev_open(self->pci[i].bdf));
	}
}

FIXTURE_TEARDOWN(bind_pair)
{
	close(self->device[0]);
	close(self->device[1]);
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(bind_pair, devices_of_a_group_share_a_context, TEST_SECONDS)
{
	__u32 first, second;

	ASSERT_EQ(0, vfio_bind(self->device[0], self->iommufd, &first));
	ASSERT_EQ(0, vfio_bind(self->device[1], self->iommufd, &second));
	EXPECT_NE(first, second);
	EXPECT_TRUE(is_bound(self->device[0]));
	EXPECT_TRUE(is_bound(self->device[1]));
}

TEST_F_TIMEOUT(bind_pair, second_context_is_not_permitted, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 dev_id;

	must(vfio_bind(self->device[0], self->iommufd, &dev_id));
	EXPECT_EQ(-EPERM, vfio_bind(self->device[1], other, &dev_id));
	EXPECT_TRUE(is_unbound(self->device[1]));
	EXPECT_EQ(-ENOENT, iommufd_destroy(other, 1));
	close(self->device[0]);
	EXPECT_TRUE(is_bindable(self->device[1], other));
	self->device[0] = must(vfio_cdev_open(self->pci[0].bdf));
	EXPECT_EQ(-EPERM, vfio_bind(self->device[0], self->iommufd, &dev_id));
	close(other);
}

TEST_F_TIMEOUT(bind_pair, ownership_ends_with_the_last_device, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 dev_id;

	must(vfio_bind(self->device[0], self->iommufd, &dev_id));
	must(vfio_bind(self->device[1], self->iommufd, &dev_id));
	close(self->device[0]);
	self->device[0] = must(vfio_cdev_open(self->pci[0].bdf));
	EXPECT_EQ(-EPERM, vfio_bind(self->device[0], other, &dev_id));
	close(self->device[1]);
	EXPECT_TRUE(is_bindable(self->device[0], other));
	self->device[1] = must(vfio_cdev_open(self->pci[1].bdf));
	close(other);
}

/* The context that lost its fd still owns the group through its device. */
TEST_F_TIMEOUT(bind_pair, closed_context_keeps_the_group, TEST_SECONDS)
{
	int other = must(iommufd_open());
	__u32 dev_id;

	must(vfio_bind(self->device[0], self->iommufd, &dev_id));
	close(self->iommufd);
	EXPECT_EQ(-EPERM, vfio_bind(self->device[1], other, &dev_id));
	close(self->device[0]);
	EXPECT_TRUE(is_bindable(self->device[1], other));
	self->iommufd = other;
	self->device[0] = must(vfio_cdev_open(self->pci[0].bdf));
}

TEST_F_TIMEOUT(bind_pair, either_device_keeps_the_group_out, TEST_SECONDS)
{
	__u32 dev_id;
	int group;

	must(vfio_bind(self->device[0], self->iommufd, &dev_id));
	must(vfio_bind(self->device[1], self->iommufd, &dev_id));
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci[0].group));
	close(self->device[0]);
	EXPECT_EQ(-EBUSY, vfio_group_open(self->pci[0].group));
	close(self->device[1]);
	group = vfio_group_open(self->pci[0].group);
	EXPECT_LE(0, group);
	close(group);
	self->device[0] = must(vfio_cdev_open(self->pci[0].bdf));
	self->device[1] = must(vfio_cdev_open(self->pci[1].bdf));
}

TEST_F_TIMEOUT(bind_pair, group_keeps_both_devices_out, TEST_SECONDS)
{
	int group = must(vfio_group_open(self->pci[0].group));
	__u32 dev_id;
	int device;

	EXPECT_EQ(-EBUSY, vfio_bind(self->device[0], self->iommufd, &dev_id));
	EXPECT_EQ(-EBUSY, vfio_bind(self->device[1], self->iommufd, &dev_id));
	must(vfio_group_set_container(group, self->iommufd));
	device = must(vfio_group_device(group, self->pci[0].bdf));
	EXPECT_EQ(-EBUSY, vfio_bind(self->device[1], self->iommufd, &dev_id));
	close(group);
	/* the device file holds the group open */
	EXPECT_EQ(-EBUSY, vfio_bind(self->device[1], self->iommufd, &dev_id));
	close(device);
	EXPECT_TRUE(is_bindable(self->device[1], self->iommufd));
}

TEST_HARNESS_MAIN
