// SPDX-License-Identifier: GPL-2.0
/*
 * One user makes the kernel wait for a page that does not come, in each call
 * that waits for memory, and for what waits for such a call. Nobody who has
 * another device of the same reset may notice; and who waits can be killed.
 *
 * What is expected to wait is looked at once it sleeps. Nothing depends on how
 * long anything takes: only a hang lasts as long as the limits here.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/stalling_file.h"
#include "../../../../drivers/vfio/vfio_test.h"

#define DRIVER "vfio-pci"
#define IOVA 0x100000ULL
#define LENGTH (4 * PAGE_SIZE)
#define WAIT_MS 30000
#define HUNG (-ETIMEDOUT)

/* How a process ended: what it returned, or HUNG if it does not end */
static int result_of(pid_t pid)
{
	unsigned int ms;
	int status;

	for (ms = 0; ms < WAIT_MS; ms++) {
		if (must(errno_of(waitpid(pid, &status, WNOHANG))))
			return WIFEXITED(status) ? -WEXITSTATUS(status) :
						   -EINTR;
		usleep(1000);
	}
	return HUNG;
}

/* SIGKILL, and does that end it? */
static int result_of_kill(pid_t pid)
{
	must(errno_of(kill(pid, SIGKILL)));
	return result_of(pid);
}

static bool is_running(pid_t pid)
{
	return !must(errno_of(waitpid(pid, NULL, WNOHANG)));
}

static char state_of(pid_t pid)
{
	char path[64], text[256], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, text, sizeof(text)))
		return 0;
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}

/* Does the process come to wait for something that no signal but SIGKILL ends? */
static bool comes_to_wait(pid_t pid)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS; ms++) {
		if (state_of(pid) == 'D')
			return true;
		usleep(1000);
	}
	return false;
}

/* What the processes of one user have in common */
struct stage {
	const char *edu_bdf, *nic_bdf;
	struct stalling_file file;
	int iommufd;
	int device;
	int group;
	/* tells the test how far a process is */
	int progress;
	/* tells a process that the test is so far */
	int go;
	__u32 dev_id;
	__u32 ioas_id;
};

typedef int (*stage_work)(const struct stage *stage);

/* Two devices in groups of their own, which one reset hits */
FIXTURE(stall)
{
	struct stage stage;
};

FIXTURE_SETUP(stall)
{
	struct stage *stage = &self->stage;

	stage->edu_bdf = getenv("EDU_RESET");
	stage->nic_bdf = getenv("NIC_RESET");
	need(stage->edu_bdf && pci_driver_is(stage->edu_bdf, DRIVER),
	     "EDU_RESET on vfio-pci");
	need(stage->nic_bdf && pci_driver_is(stage->nic_bdf, DRIVER),
	     "NIC_RESET on vfio-pci");
	need(stalling_files_exist(), "FUSE");
	stalling_file_open(&stage->file);
	stage->iommufd = must(iommufd_open());
	stage->device = must(vfio_cdev_open(stage->edu_bdf));
	stage->group = -1;
	must(vfio_bind(stage->device, stage->iommufd, &stage->dev_id));
	must(ioas_alloc(stage->iommufd, &stage->ioas_id));
}

FIXTURE_TEARDOWN(stall)
{
	struct stage *stage = &self->stage;

	stalling_file_close(&stage->file);
	close(stage->device);
	close(stage->group);
	close(stage->iommufd);
	EXPECT_EQ(0, pages_pinned());
}

/* In a process of its own, of the user of the edu */
static pid_t start(struct stage *stage, stage_work work)
{
	pid_t pid = must(errno_of(fork()));

	if (pid)
		return pid;
	stalling_file_forked(&stage->file);
	_exit(-work(stage));
}

/* The same, and it has come to wait for a page */
static pid_t start_stall(struct stage *stage, stage_work work)
{
	pid_t pid = start(stage, work);

	must(stalling_file_is_awaited(&stage->file) ? 0 : -ETIMEDOUT);
	return pid;
}

/* What these wait for does not come, and SIGKILL ends them all the same. */
static void expect_killable(struct __test_metadata *_metadata,
			    struct stage *stage, const stage_work *waits,
			    unsigned int nr_waits)
{
	unsigned int i;

	for (i = 0; i < nr_waits; i++) {
		pid_t waiting = start(stage, waits[i]);

		EXPECT_TRUE(comes_to_wait(waiting));
		EXPECT_EQ(-EINTR, result_of_kill(waiting))
		{
			TH_LOG("wait %u", i);
		}
	}
}

static void map_stalling(const struct stage *stage)
{
	must(ioas_map_flags(stage->iommufd, stage->ioas_id,
			    IOMMU_IOAS_MAP_READABLE |
				    IOMMU_IOAS_MAP_FIXED_IOVA,
			    stalling_file_map(&stage->file), PAGE_SIZE,
			    &(__u64){ IOVA }));
}

/* What stalls. Where a close is to wait for it, it is not the last to close. */

static int stall_in_attach(const struct stage *stage)
{
	map_stalling(stage);
	return vfio_attach_to(stage->device, stage->ioas_id);
}

static int stall_in_hwpt_alloc(const struct stage *stage)
{
	__u32 hwpt_id;

	close(stage->device);
	map_stalling(stage);
	return hwpt_alloc(stage->iommufd, stage->dev_id, stage->ioas_id, &hwpt_id);
}

static int stall_in_map(const struct stage *stage)
{
	close(stage->device);
	map_stalling(stage);
	return 0;
}

static int stall_in_group_device(const struct stage *stage)
{
	map_stalling(stage);
	return vfio_group_device(stage->group, stage->edu_bdf) < 0 ? -EIO : 0;
}

/* What waits for it */

static int wait_in_attach(const struct stage *stage)
{
	return vfio_attach_to(stage->device, stage->ioas_id);
}

static int wait_in_detach(const struct stage *stage)
{
	return vfio_detach(stage->device);
}

static int wait_in_hwpt_alloc(const struct stage *stage)
{
	__u32 hwpt_id;

	return hwpt_alloc(stage->iommufd, stage->dev_id, stage->ioas_id, &hwpt_id);
}

static int wait_in_close(const struct stage *stage)
{
	char byte;

	must(errno_of(read(stage->go, &byte, 1)));
	close(stage->device);
	return 0;
}

static int wait_in_group_device(const struct stage *stage)
{
	return vfio_group_device(stage->group, stage->edu_bdf);
}

/* A process that lets go of the edu after everybody else */
static pid_t start_last_close(struct stage *stage)
{
	int pipes[2];
	pid_t pid;

	must(errno_of(pipe(pipes)));
	stage->go = pipes[0];
	pid = start(stage, wait_in_close);
	close(stage->device);
	stage->device = -1;
	must(errno_of(write(pipes[1], "", 1)));
	close(pipes[0]);
	close(pipes[1]);
	return pid;
}

/* What must not wait: the user of the other device does all there is. */
static int use_nic(const struct stage *stage)
{
	void *memory = memory_alloc(LENGTH);
	struct bound_device nic;

	close(stage->device);
	bound_device_open(&nic, stage->nic_bdf);
	must(ioas_map_fixed(nic.iommufd, nic.ioas_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(nic.device, nic.ioas_id));
	must(vfio_detach(nic.device));
	bound_device_close(&nic);
	return 0;
}

static int take_nic_away(const struct stage *stage)
{
	int ret;

	close(stage->device);
	ret = pci_driver_write(DRIVER, "unbind", stage->nic_bdf);
	return ret ?: pci_driver_write(DRIVER, "bind", stage->nic_bdf);
}

static int ask_group_status(const struct stage *stage)
{
	__u32 flags;

	return vfio_group_status(stage->group, &flags);
}

static int bind_again(const char *bdf, int iommufd)
{
	int device = must(vfio_cdev_open(bdf));
	__u32 dev_id;

	return vfio_bind(device, iommufd, &dev_id);
}

static int bind_edu_again(const struct stage *stage)
{
	return bind_again(stage->edu_bdf, stage->iommufd);
}

static int bind_edu_elsewhere(const struct stage *stage)
{
	return bind_again(stage->edu_bdf, must(iommufd_open()));
}

/* Nobody else is stopped, as long as @stalled is. */
static void check_neighbours(struct __test_metadata *_metadata,
			     struct stage *stage, pid_t stalled)
{
	EXPECT_EQ(0, result_of(start(stage, use_nic)));
	EXPECT_EQ(0, result_of(start(stage, take_nic_away)));
	EXPECT_TRUE(is_running(stalled));
}

TEST_F_TIMEOUT(stall, attach_stops_nobody_else, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	pid_t stalled = start_stall(stage, stall_in_attach);

	check_neighbours(_metadata, stage, stalled);
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
}

/* @closing lets go of the edu last, and has to wait for that. */
static void check_close(struct __test_metadata *_metadata,
			struct stage *stage)
{
	pid_t stalled, closing;

	stalled = start_stall(stage, stall_in_hwpt_alloc);
	closing = start_last_close(stage);
	ASSERT_TRUE(comes_to_wait(closing));
	check_neighbours(_metadata, stage, stalled);
	EXPECT_TRUE(is_running(closing));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, result_of(closing));
	stage->device = must(vfio_cdev_open(stage->edu_bdf));
	EXPECT_EQ(0, vfio_bind(stage->device, stage->iommufd, &stage->dev_id));
}

/* @closing lets go of the edu last, while @stalled is. */
static void check_close_at_once(struct __test_metadata *_metadata,
				struct stage *stage)
{
	pid_t stalled, closing;

	stalled = start_stall(stage, stall_in_map);
	closing = start_last_close(stage);
	EXPECT_EQ(0, result_of(closing));
	check_neighbours(_metadata, stage, stalled);
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
}

TEST_F_TIMEOUT(stall, close_waits_for_no_map, TEST_SECONDS)
{
	struct stage *stage = &self->stage;

	must(vfio_attach_to(stage->device, stage->ioas_id));
	check_close_at_once(_metadata, stage);
	stage->device = must(vfio_cdev_open(stage->edu_bdf));
	EXPECT_EQ(0, vfio_bind(stage->device, stage->iommufd, &stage->dev_id));
}

TEST_F_TIMEOUT(stall, close_that_waits_for_a_new_table_stops_nobody_else,
	       TEST_SECONDS)
{
	check_close(_metadata, &self->stage);
}

/* That it is bound says iommufd alone: the device itself is closed. */
TEST_F_TIMEOUT(stall, device_that_is_being_closed_is_bound_still, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	pid_t stalled, closing;

	stalled = start_stall(stage, stall_in_hwpt_alloc);
	closing = start_last_close(stage);
	ASSERT_TRUE(comes_to_wait(closing));
	EXPECT_EQ(-EBUSY, result_of(start(stage, bind_edu_again)));
	EXPECT_EQ(-EPERM, result_of(start(stage, bind_edu_elsewhere)));
	EXPECT_TRUE(is_running(closing));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, result_of(closing));
	EXPECT_EQ(0, result_of(start(stage, bind_edu_elsewhere)));
	stage->device = must(vfio_cdev_open(stage->edu_bdf));
}

/* It may hold translations, which the IOMMU takes back when it lets go. */
TEST_F_TIMEOUT(stall, device_that_is_being_closed_is_awake, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	struct bound_device nic;
	pid_t stalled, closing;

	need(pci_power_is_managed(stage->edu_bdf), "CONFIG_PM");
	stalled = start_stall(stage, stall_in_hwpt_alloc);
	closing = start_last_close(stage);
	ASSERT_TRUE(comes_to_wait(closing));
	/* By now it would sleep, too */
	bound_device_open(&nic, stage->nic_bdf);
	must(vfio_low_power_entry(nic.device));
	ASSERT_TRUE(pci_power_comes_to(stage->nic_bdf, "suspended"));
	EXPECT_TRUE(pci_power_is(stage->edu_bdf, "active"));
	EXPECT_TRUE(is_running(closing));
	bound_device_close(&nic);
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, result_of(closing));
	EXPECT_TRUE(pci_power_comes_to(stage->edu_bdf, "suspended"));
	stage->device = must(vfio_cdev_open(stage->edu_bdf));
}

TEST_F_TIMEOUT(stall, what_waits_for_an_attach_can_be_killed, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	static const stage_work waits[] = {
		wait_in_attach,
		wait_in_hwpt_alloc,
	};
	pid_t stalled = start_stall(stage, stall_in_attach);

	expect_killable(_metadata, stage, waits, ARRAY_SIZE(waits));
	EXPECT_EQ(0, vfio_detach(stage->device));
	EXPECT_TRUE(is_running(stalled));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, vfio_detach(stage->device));
}

TEST_F_TIMEOUT(stall, killed_attach_leaves_nothing_behind, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	pid_t stalled = start_stall(stage, stall_in_attach);

	must(errno_of(kill(stalled, SIGKILL)));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(-EINTR, result_of(stalled));
	EXPECT_EQ(0, ioas_unmap_all(stage->iommufd, stage->ioas_id, NULL));
	EXPECT_EQ(0, vfio_attach_to(stage->device, stage->ioas_id));
	EXPECT_EQ(0, result_of(start(stage, use_nic)));
}

/* From here on the edu is used through its group. */
static void open_group(struct stage *stage)
{
	char name[32];

	close(stage->device);
	stage->device = -1;
	must(pci_link(stage->edu_bdf, "iommu_group", name, sizeof(name)));
	stage->group = must(vfio_group_open(atoi(name)));
}

static void go_through_group(struct stage *stage)
{
	open_group(stage);
	must(vfio_ioas_set(stage->iommufd, stage->ioas_id));
	must(vfio_group_set_container(stage->group, stage->iommufd));
}

TEST_F_TIMEOUT(stall, device_from_a_group_stops_nobody_else, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	pid_t stalled, waiting;

	go_through_group(stage);
	stalled = start_stall(stage, stall_in_group_device);
	check_neighbours(_metadata, stage, stalled);
	EXPECT_EQ(0, result_of(start(stage, ask_group_status)));
	waiting = start(stage, wait_in_group_device);
	EXPECT_TRUE(comes_to_wait(waiting));
	EXPECT_EQ(-EINTR, result_of_kill(waiting));
	EXPECT_TRUE(is_running(stalled));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
}

TEST_F_TIMEOUT(stall, close_by_a_group_waits_for_no_map, TEST_SECONDS)
{
	struct stage *stage = &self->stage;

	go_through_group(stage);
	stage->device = must(vfio_group_device(stage->group, stage->edu_bdf));
	check_close_at_once(_metadata, stage);
	/* The process whose memory it was is gone. */
	EXPECT_EQ(0, ioas_unmap_all(stage->iommufd, stage->ioas_id, NULL));
	stage->device = must(vfio_group_device(stage->group, stage->edu_bdf));
}

#define EMULATED "/sys/bus/platform/devices/vfio_test.0"
#define EMULATED_DRIVER "vfio_test"

static bool emulated_load(void)
{
	return !system("modprobe " EMULATED_DRIVER) && !access(EMULATED, F_OK);
}

static int emulated_unload(void)
{
	return errno_of(syscall(SYS_delete_module, EMULATED_DRIVER,
				O_NONBLOCK));
}

static int emulated_group_open(void)
{
	char target[PATH_MAX];
	ssize_t length;

	length = must(errno_of(readlink(EMULATED "/iommu_group", target,
					sizeof(target) - 1)));
	target[length] = '\0';
	return vfio_group_open(atoi(basename(target)));
}

/*
 * Nothing is pinned for an emulated device that does not ask. A device with DMA
 * that joins it needs all that is mapped.
 */
static int stall_in_container(const struct stage *stage)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)stalling_file_map(&stage->file),
		.iova = IOVA,
		.size = PAGE_SIZE,
	};
	int container = must(vfio_container_open());
	int emulated = must(emulated_group_open());

	must(vfio_group_set_container(emulated, container));
	must(errno_of(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	must(errno_of(ioctl(container, VFIO_IOMMU_MAP_DMA, &map)));
	return vfio_group_set_container(stage->group, container);
}

TEST_F_TIMEOUT(stall, container_stops_nobody_else, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	int container = vfio_container_open();
	pid_t stalled, waiting;

	need(container >= 0 && !vfio_container_is_iommufd(container),
	     "the container of VFIO");
	need(emulated_load(), "CONFIG_VFIO_TEST");
	open_group(stage);
	stalled = start_stall(stage, stall_in_container);
	waiting = start(stage, wait_in_group_device);
	EXPECT_TRUE(comes_to_wait(waiting));
	check_neighbours(_metadata, stage, stalled);
	EXPECT_EQ(-EINTR, result_of_kill(waiting));
	EXPECT_TRUE(is_running(stalled));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, vfio_group_unset_container(stage->group));
	EXPECT_EQ(0, emulated_unload());
	close(container);
}

/*
 * An attach by another process than the one whose memory it waits for, so that
 * its own memory can change meanwhile: the answer cannot be written any more
 * when there is one.
 */
struct attach_call {
	int device;
	struct vfio_device_attach_iommufd_pt *arg;
	atomic_int thread;
	int ret;
};

static void *attach_call(void *data)
{
	struct attach_call *call = data;

	atomic_store(&call->thread, gettid());
	call->ret = errno_of(ioctl(call->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				   call->arg));
	return NULL;
}

static int map_and_stay(const struct stage *stage)
{
	map_stalling(stage);
	must(errno_of(write(stage->progress, "", 1)));
	pause();
	return 0;
}

static int lose_answer(const struct stage *stage)
{
	struct attach_call call = { .device = stage->device };
	pthread_t thread;

	call.arg = memory_alloc(PAGE_SIZE);
	call.arg->argsz = sizeof(*call.arg);
	call.arg->pt_id = stage->ioas_id;
	must(-pthread_create(&thread, NULL, attach_call, &call));
	while (!atomic_load(&call.thread))
		usleep(1000);
	must(comes_to_wait(call.thread) ? 0 : -ETIMEDOUT);
	must(errno_of(mprotect(call.arg, PAGE_SIZE, PROT_READ)));
	must(errno_of(write(stage->progress, "", 1)));
	must(-pthread_join(thread, NULL));
	return call.arg->pt_id == stage->ioas_id ? call.ret : -EPROTO;
}

TEST_F_TIMEOUT(stall, attach_whose_answer_is_lost_changes_nothing, TEST_SECONDS)
{
	struct stage *stage = &self->stage;
	char *memory = memory_alloc(LENGTH);
	pid_t mapper, attacher;
	__u32 former_id;
	struct edu edu;
	int pipes[2];
	char byte;

	must(ioas_alloc(stage->iommufd, &former_id));
	must(ioas_map_fixed(stage->iommufd, former_id, memory, LENGTH, IOVA));
	must(vfio_attach_to(stage->device, former_id));
	must(edu_start(&edu, stage->device));
	must(errno_of(pipe(pipes)));
	stage->progress = pipes[1];
	mapper = start(stage, map_and_stay);
	must(errno_of(read(pipes[0], &byte, 1)));
	attacher = start_stall(stage, lose_answer);
	must(errno_of(read(pipes[0], &byte, 1)));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(-EFAULT, result_of(attacher));
	EXPECT_TRUE(edu_reaches(&edu, IOVA, memory, LENGTH));
	edu_stop(&edu);
	EXPECT_EQ(-EINTR, result_of_kill(mapper));
	EXPECT_EQ(0, ioas_unmap_all(stage->iommufd, stage->ioas_id, NULL));
	close(pipes[0]);
	close(pipes[1]);
}

/* An emulated device, whose driver pins */
FIXTURE(stall_emulated)
{
	struct stage stage;
};

FIXTURE_SETUP(stall_emulated)
{
	struct stage *stage = &self->stage;

	need(emulated_load(), "CONFIG_VFIO_TEST");
	need(stalling_files_exist(), "FUSE");
	stalling_file_open(&stage->file);
	stage->iommufd = must(iommufd_open());
	stage->device = must(vfio_cdev_open_sysfs(EMULATED));
	must(vfio_bind(stage->device, stage->iommufd, &stage->dev_id));
	must(ioas_alloc(stage->iommufd, &stage->ioas_id));
	must(vfio_attach_to(stage->device, stage->ioas_id));
}

FIXTURE_TEARDOWN(stall_emulated)
{
	struct stage *stage = &self->stage;

	stalling_file_close(&stage->file);
	close(stage->device);
	close(stage->iommufd);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, emulated_unload());
}

static int stall_in_pin(const struct stage *stage)
{
	struct vfio_test_call call = {
		.op = VFIO_TEST_PIN_READ,
		.nr_pages = 1,
		.iova = IOVA,
	};

	map_stalling(stage);
	return errno_of(ioctl(stage->device, VFIO_TEST_CALL, &call)) < 0;
}

static int wait_in_move(const struct stage *stage)
{
	__u32 ioas_id;

	must(ioas_alloc(stage->iommufd, &ioas_id));
	return vfio_attach_to(stage->device, ioas_id);
}

TEST_F_TIMEOUT(stall_emulated, what_waits_for_a_pin_can_be_killed, TEST_SECONDS)
{
	static const stage_work waits[] = { wait_in_detach, wait_in_move };
	struct stage *stage = &self->stage;
	pid_t stalled = start_stall(stage, stall_in_pin);

	expect_killable(_metadata, stage, waits, ARRAY_SIZE(waits));
	EXPECT_TRUE(is_running(stalled));
	stalling_file_answer(&stage->file);
	EXPECT_EQ(0, result_of(stalled));
	EXPECT_EQ(0, vfio_detach(stage->device));
}

TEST_HARNESS_MAIN
