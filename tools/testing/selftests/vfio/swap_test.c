// SPDX-License-Identifier: GPL-2.0
/*
 * The moment in which a file becomes the file of an open device, under fire.
 *
 * Threads use a file in every way there is while another thread binds it. A
 * call that ended before the bind began must have been refused, a call that
 * began after the bind ended must have worked, and once a thread has seen a
 * call of its own work, no later one may be refused.
 *
 * SWAP_SEED repeats a run, as far as threads can be repeated; SWAP_ROUNDS says
 * how long it is.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/vfio_device.h"

/* A register of every PCI device that may be written without effect */
#define INTERRUPT_LINE 0x3c
#define EDU_VENDOR 0x1234

static unsigned int setting(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

static unsigned int rounds(unsigned int otherwise)
{
	return setting("SWAP_ROUNDS", otherwise);
}

FIXTURE(swap)
{
	struct pci_device pci;
	int iommufd;
	off_t config;
	unsigned int seed;
};

static off_t config_offset(const char *bdf, int iommufd)
{
	int device = must(vfio_cdev_open(bdf));
	struct vfio_region_info info;
	__u32 dev_id;

	must(vfio_bind(device, iommufd, &dev_id));
	must(vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &info));
	close(device);
	return info.offset;
}

FIXTURE_SETUP(swap)
{
	struct edu_list list;

	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	self->iommufd = must(iommufd_open());
	self->config = config_offset(self->pci.bdf, self->iommufd);
	self->seed = setting("SWAP_SEED", time(NULL));
	TH_LOG("SWAP_SEED=%u", self->seed);
}

FIXTURE_TEARDOWN(swap)
{
	close(self->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* Where the binding thread is */
enum phase { BEFORE, DURING, AFTER, STOP };

struct fire {
	int device;
	off_t config;
	enum phase phase;
};

struct shooter {
	const char *name;
	/* One use of the file: 0 if it worked, or a negative errno */
	int (*shoot)(struct shooter *shooter);
	struct fire *fire;
	pthread_t thread;
	/* private to some */
	struct ring *ring;
	/* the result */
	unsigned long refused, worked;
	const char *surprise;
	int surprise_result;
};

/*
 * read(), write() and mmap() go to BAR 0; what is there does not matter. Two
 * threads that are the first to use a BAR may find it in use by each other
 * (the kernel does not lock there), which only those do that have got through
 * to the device.
 */
static int shot_at_bar(int ret)
{
	return ret == sizeof(__u32) || ret == -EBUSY ? 0 : ret;
}

static int shoot_read(struct shooter *shooter)
{
	__u32 value;
	int ret;

	ret = errno_of(read(shooter->fire->device, &value, sizeof(value)));
	return shot_at_bar(ret);
}

static int shoot_write(struct shooter *shooter)
{
	__u32 value = 0;
	int ret;

	ret = errno_of(write(shooter->fire->device, &value, sizeof(value)));
	return shot_at_bar(ret);
}

static int shoot_pread(struct shooter *shooter)
{
	__u16 vendor = 0;
	int ret;

	ret = errno_of(pread(shooter->fire->device, &vendor, sizeof(vendor),
			     shooter->fire->config));
	if (ret != sizeof(vendor))
		return ret;
	return vendor == EDU_VENDOR ? 0 : -EILSEQ;
}

static int shoot_pwrite(struct shooter *shooter)
{
	__u8 line = 0;
	int ret;

	ret = errno_of(pwrite(shooter->fire->device, &line, sizeof(line),
			      shooter->fire->config + INTERRUPT_LINE));
	return ret == sizeof(line) ? 0 : ret;
}

static int shoot_mmap(struct shooter *shooter)
{
	void *bar;

	bar = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
		   shooter->fire->device, 0);
	if (bar == MAP_FAILED)
		return shot_at_bar(-errno);
	return errno_of(munmap(bar, PAGE_SIZE));
}

static int shoot_ioctl(struct shooter *shooter)
{
	struct vfio_device_info info;
	int ret;

	ret = vfio_device_info(shooter->fire->device, &info);
	if (ret)
		return ret;
	return info.flags & VFIO_DEVICE_FLAGS_PCI ? 0 : -EILSEQ;
}

/* io_uring by its system calls: one entry at a time */
struct ring {
	int fd;
	void *submission, *completion;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static void *ring_map(int fd, size_t length, __u64 offset)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, offset);

	must(memory == MAP_FAILED ? -errno : 0);
	return memory;
}

static void ring_open(struct ring *ring)
{
	struct io_uring_params *params = &ring->params;

	memset(ring, 0, sizeof(*ring));
	ring->fd = must(errno_of(syscall(SYS_io_uring_setup, 1, params)));
	ring->submission = ring_map(ring->fd,
				    params->sq_off.array + sizeof(__u32),
				    IORING_OFF_SQ_RING);
	ring->completion = ring_map(ring->fd,
				    params->cq_off.cqes +
					    params->cq_entries *
						    sizeof(struct io_uring_cqe),
				    IORING_OFF_CQ_RING);
	ring->entries = ring_map(ring->fd, sizeof(struct io_uring_sqe),
				 IORING_OFF_SQES);
}

static __u32 *ring_word(void *base, __u32 offset)
{
	return (__u32 *)((char *)base + offset);
}

static int ring_read(struct ring *ring, int fd, void *buffer, __u32 length,
		     off_t offset)
{
	struct io_uring_params *params = &ring->params;
	struct io_uring_cqe *completions;
	__u32 tail, head, mask;
	int ret;

	ring->entries[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.fd = fd,
		.off = offset,
		.addr = (uintptr_t)buffer,
		.len = length,
	};
	tail = *ring_word(ring->submission, params->sq_off.tail);
	*ring_word(ring->submission, params->sq_off.array) = 0;
	__atomic_store_n(ring_word(ring->submission, params->sq_off.tail),
			 tail + 1, __ATOMIC_RELEASE);
	must(errno_of(syscall(SYS_io_uring_enter, ring->fd, 1, 1,
			      IORING_ENTER_GETEVENTS, NULL, 0)));

	head = *ring_word(ring->completion, params->cq_off.head);
	mask = *ring_word(ring->completion, params->cq_off.ring_mask);
	tail = __atomic_load_n(ring_word(ring->completion, params->cq_off.tail),
			       __ATOMIC_ACQUIRE);
	must(head == tail ? -ENODATA : 0);
	completions = (void *)((char *)ring->completion + params->cq_off.cqes);
	ret = completions[head & mask].res;
	__atomic_store_n(ring_word(ring->completion, params->cq_off.head),
			 head + 1, __ATOMIC_RELEASE);
	return ret;
}

static int shoot_io_uring(struct shooter *shooter)
{
	__u16 vendor = 0;
	int ret;

	ret = ring_read(shooter->ring, shooter->fire->device, &vendor,
			sizeof(vendor), shooter->fire->config);
	if (ret != sizeof(vendor))
		return ret;
	return vendor == EDU_VENDOR ? 0 : -EILSEQ;
}

static enum phase phase_now(struct fire *fire)
{
	return __atomic_load_n(&fire->phase, __ATOMIC_SEQ_CST);
}

static void phase_set(struct fire *fire, enum phase phase)
{
	__atomic_store_n(&fire->phase, phase, __ATOMIC_SEQ_CST);
}

static void surprise(struct shooter *shooter, const char *what, int result)
{
	if (shooter->surprise)
		return;
	shooter->surprise = what;
	shooter->surprise_result = result;
}

static void judge(struct shooter *shooter, enum phase began, enum phase ended,
		  int result)
{
	if (result && result != -EINVAL)
		surprise(shooter, "failed in a way of its own", result);
	else if (!result && ended == BEFORE)
		surprise(shooter, "worked before bind", result);
	else if (result && began >= AFTER)
		surprise(shooter, "refused after bind", result);
	else if (result && shooter->worked)
		surprise(shooter, "refused after it had worked", result);
	if (result)
		shooter->refused++;
	else
		shooter->worked++;
}

/* Some shots after the bind for each, so that a slow thread has its say too. */
#define SHOTS_AFTER 5

static void *shoot(void *data)
{
	struct shooter *shooter = data;
	unsigned int after = 0;

	while (after < SHOTS_AFTER) {
		enum phase began = phase_now(shooter->fire);
		int result = shooter->shoot(shooter);

		judge(shooter, began, phase_now(shooter->fire), result);
		after += began >= AFTER;
		if (began == STOP)
			break;
	}
	return NULL;
}

static void wait_a_little(unsigned int *seed)
{
	int spins = rand_r(seed) % 20;

	while (spins--)
		sched_yield();
}

/*
 * io_uring tells that a read is done before it lets go of the file, so the
 * last close may be its own and come later. A free device has a free group.
 */
static void wait_until_closed(int group)
{
	int fd = -EBUSY;
	unsigned int i;

	for (i = 0; i < 20000 && fd == -EBUSY; i++) {
		fd = vfio_group_open(group);
		if (fd == -EBUSY)
			usleep(1000);
	}
	close(must(fd));
}

static void fire_round(struct __test_metadata *_metadata,
		       const struct pci_device *pci, int iommufd, off_t config,
		       unsigned int *seed)
{
	struct ring ring;
	struct fire fire = {
		.device = must(vfio_cdev_open(pci->bdf)),
		.config = config,
		.phase = BEFORE,
	};
	struct shooter shooters[] = {
		{ .name = "read", .shoot = shoot_read },
		{ .name = "write", .shoot = shoot_write },
		{ .name = "pread", .shoot = shoot_pread },
		{ .name = "pwrite", .shoot = shoot_pwrite },
		{ .name = "mmap", .shoot = shoot_mmap },
		{ .name = "ioctl", .shoot = shoot_ioctl },
		{ .name = "io_uring", .shoot = shoot_io_uring, .ring = &ring },
	};
	__u32 dev_id;
	size_t i;
	int ret;

	ring_open(&ring);
	for (i = 0; i < ARRAY_SIZE(shooters); i++) {
		shooters[i].fire = &fire;
		must(-pthread_create(&shooters[i].thread, NULL, shoot,
				     &shooters[i]));
	}
	wait_a_little(seed);
	phase_set(&fire, DURING);
	ret = vfio_bind(fire.device, iommufd, &dev_id);
	phase_set(&fire, ret ? STOP : AFTER);
	for (i = 0; i < ARRAY_SIZE(shooters); i++) {
		must(-pthread_join(shooters[i].thread, NULL));
		EXPECT_EQ(NULL, shooters[i].surprise)
		{
			TH_LOG("%s %s: %d", shooters[i].name,
			       shooters[i].surprise,
			       shooters[i].surprise_result);
		}
	}
	close(ring.fd);
	close(fire.device);
	wait_until_closed(pci->group);
	EXPECT_EQ(0, ret);
}

TEST_F_TIMEOUT(swap, file_in_use_turns_at_once_and_for_good, TEST_SECONDS)
{
	unsigned int round;

	for (round = 0; round < rounds(12) && _metadata->passed; round++)
		fire_round(_metadata, &self->pci, self->iommufd, self->config,
			   &self->seed);
}

/* Threads that all bind one device, through files of their own or shared ones */
struct binder {
	pthread_t thread;
	pthread_barrier_t *start;
	int device;
	int iommufd;
	int ret;
};

static void *bind_once(void *data)
{
	struct binder *binder = data;
	__u32 dev_id;

	pthread_barrier_wait(binder->start);
	binder->ret = vfio_bind(binder->device, binder->iommufd, &dev_id);
	return NULL;
}

#define BINDERS 8
#define FILES 4

static void bind_round(struct __test_metadata *_metadata, const char *bdf,
		       int iommufd, int other_iommufd)
{
	struct binder binders[BINDERS];
	pthread_barrier_t start;
	unsigned int i, won = 0;
	int files[FILES], winner = -1;

	for (i = 0; i < FILES; i++)
		files[i] = must(vfio_cdev_open(bdf));
	must(-pthread_barrier_init(&start, NULL, BINDERS));
	for (i = 0; i < BINDERS; i++) {
		binders[i] = (struct binder){
			.start = &start,
			.device = files[i % FILES],
			.iommufd = i / FILES ? other_iommufd : iommufd,
		};
		must(-pthread_create(&binders[i].thread, NULL, bind_once,
				     &binders[i]));
	}
	for (i = 0; i < BINDERS; i++) {
		must(-pthread_join(binders[i].thread, NULL));
		if (!binders[i].ret) {
			winner = binders[i].device;
			won++;
		} else {
			EXPECT_EQ(-EINVAL, binders[i].ret);
		}
	}
	EXPECT_EQ(1, won);
	for (i = 0; i < FILES; i++) {
		struct vfio_device_info info;

		EXPECT_EQ(files[i] == winner ? 0 : -EINVAL,
			  vfio_device_info(files[i], &info));
		close(files[i]);
	}
	pthread_barrier_destroy(&start);
}

TEST_F_TIMEOUT(swap, one_of_many_binders_wins, TEST_SECONDS)
{
	int other = must(iommufd_open());
	unsigned int round;

	for (round = 0; round < rounds(20) && _metadata->passed; round++)
		bind_round(_metadata, self->pci.bdf, self->iommufd, other);
	close(other);
}

/* Bind against open of the group: one of the two, never both */
struct grouper {
	pthread_t thread;
	pthread_barrier_t *start;
	int number;
	int ret;
};

static void *open_group(void *data)
{
	struct grouper *grouper = data;

	pthread_barrier_wait(grouper->start);
	grouper->ret = vfio_group_open(grouper->number);
	return NULL;
}

TEST_F_TIMEOUT(swap, group_and_device_are_never_both_open, TEST_SECONDS)
{
	unsigned int round;

	for (round = 0; round < rounds(30); round++) {
		pthread_barrier_t start;
		struct grouper grouper = {
			.start = &start,
			.number = self->pci.group,
		};
		struct binder binder = {
			.start = &start,
			.device = must(vfio_cdev_open(self->pci.bdf)),
			.iommufd = self->iommufd,
		};

		must(-pthread_barrier_init(&start, NULL, 2));
		must(-pthread_create(&grouper.thread, NULL, open_group,
				     &grouper));
		must(-pthread_create(&binder.thread, NULL, bind_once, &binder));
		must(-pthread_join(grouper.thread, NULL));
		must(-pthread_join(binder.thread, NULL));
		if (grouper.ret >= 0) {
			EXPECT_EQ(-EBUSY, binder.ret);
			close(grouper.ret);
		} else {
			EXPECT_EQ(-EBUSY, grouper.ret);
			EXPECT_EQ(0, binder.ret);
		}
		close(binder.device);
		pthread_barrier_destroy(&start);
	}
}

/* The last close of the iommufd against the bind that takes it over */
static void *close_iommufd(void *data)
{
	struct binder *binder = data;

	pthread_barrier_wait(binder->start);
	close(binder->iommufd);
	return NULL;
}

TEST_F_TIMEOUT(swap, bind_races_with_close_of_the_iommufd, TEST_SECONDS)
{
	unsigned int round;

	for (round = 0; round < rounds(30); round++) {
		struct vfio_device_info info;
		pthread_barrier_t start;
		pthread_t closer;
		struct binder binder = {
			.start = &start,
			.device = must(vfio_cdev_open(self->pci.bdf)),
			.iommufd = must(iommufd_open()),
		};

		must(-pthread_barrier_init(&start, NULL, 2));
		must(-pthread_create(&closer, NULL, close_iommufd, &binder));
		must(-pthread_create(&binder.thread, NULL, bind_once, &binder));
		must(-pthread_join(closer, NULL));
		must(-pthread_join(binder.thread, NULL));
		if (binder.ret)
			EXPECT_EQ(-EBADF, binder.ret);
		EXPECT_EQ(binder.ret ? -EINVAL : 0,
			  vfio_device_info(binder.device, &info));
		close(binder.device);
		pthread_barrier_destroy(&start);
	}
}

/* Attach and detach of one device by many threads: each call is whole. */
#define ATTACHES 30

struct attacher {
	pthread_t thread;
	pthread_barrier_t *start;
	int device;
	__u32 ioas_id;
	int ret;
};

static void *attach_and_detach(void *data)
{
	struct attacher *attacher = data;
	unsigned int i;

	pthread_barrier_wait(attacher->start);
	for (i = 0; i < ATTACHES && !attacher->ret; i++) {
		attacher->ret =
			vfio_attach_to(attacher->device, attacher->ioas_id);
		if (!attacher->ret && i % 3 == 0)
			attacher->ret = vfio_detach(attacher->device);
	}
	return NULL;
}

TEST_F_TIMEOUT(swap, attach_and_detach_race_without_harm, TEST_SECONDS)
{
	int device = must(vfio_cdev_open(self->pci.bdf));
	void *memory = memory_alloc(16 * PAGE_SIZE);
	struct attacher attachers[4];
	pthread_barrier_t start;
	__u32 ioas_id[2], dev_id;
	unsigned int i;

	must(vfio_bind(device, self->iommufd, &dev_id));
	for (i = 0; i < 2; i++) {
		must(ioas_alloc(self->iommufd, &ioas_id[i]));
		must(ioas_map_fixed(self->iommufd, ioas_id[i], memory,
				    16 * PAGE_SIZE, 0x100000));
	}
	must(-pthread_barrier_init(&start, NULL, ARRAY_SIZE(attachers)));
	for (i = 0; i < ARRAY_SIZE(attachers); i++) {
		attachers[i] = (struct attacher){
			.start = &start,
			.device = device,
			.ioas_id = ioas_id[i % 2],
		};
		must(-pthread_create(&attachers[i].thread, NULL,
				     attach_and_detach, &attachers[i]));
	}
	for (i = 0; i < ARRAY_SIZE(attachers); i++) {
		must(-pthread_join(attachers[i].thread, NULL));
		EXPECT_EQ(0, attachers[i].ret);
	}
	EXPECT_EQ(0, vfio_detach(device));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, ioas_id[0]));
	EXPECT_EQ(0, iommufd_destroy(self->iommufd, ioas_id[1]));
	close(device);
}

TEST_HARNESS_MAIN
