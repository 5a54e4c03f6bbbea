// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that sleep while they are bound and attached: by VFIO's low power
 * features, by the power state in their config space, and because nobody has
 * them open. What was mapped, attached and armed before, or meanwhile, is what
 * the device meets when it wakes up.
 *
 * The network card has power states. An edu has none, so that it just counts as
 * suspended, with everything that VFIO does about it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "../kselftest_harness.h"
#include "../iommu/lib/edu.h"
#include "../iommu/lib/nic.h"

#define DRIVER "vfio-pci"
#define IOVA 0x100000ULL
#define IOVA_OTHER 0x200000ULL
#define LENGTH NIC_MEMORY
#define WAIT_MS 60000
#define ENTRY VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
#define ENTRY_WAKEUP VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP

static int low_power_entry_wakeup(int device, int event)
{
	struct {
		struct vfio_device_feature header;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} arg = {
		.header = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_SET | ENTRY_WAKEUP,
		},
		.entry.wakeup_eventfd = event,
	};

	return errno_of(ioctl(device, VFIO_DEVICE_FEATURE, &arg));
}

static bool sleeps(const char *bdf)
{
	return pci_power_comes_to(bdf, "suspended");
}

static bool is_awake(const char *bdf)
{
	return pci_power_comes_to(bdf, "active");
}

static int event_new(void)
{
	return must(errno_of(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

/* Take the signal that came, or comes within @ms */
static bool event_comes(int event, int ms)
{
	struct pollfd pollfd = { .fd = event, .events = POLLIN };
	__u64 count;

	return poll(&pollfd, 1, ms) == 1 &&
	       read(event, &count, sizeof(count)) == sizeof(count);
}

static sigjmp_buf touched;

static void touch_failed(int sig)
{
	siglongjmp(touched, sig);
}

/* Does an access to the registers of a device raise SIGBUS? */
static bool touch_is_refused(const __u32 *registers)
{
	struct sigaction action = { .sa_handler = touch_failed }, former;

	must(errno_of(sigaction(SIGBUS, &action, &former)));
	if (sigsetjmp(touched, 1)) {
		must(errno_of(sigaction(SIGBUS, &former, NULL)));
		return true;
	}
	__atomic_load_n(registers, __ATOMIC_ACQUIRE);
	must(errno_of(sigaction(SIGBUS, &former, NULL)));
	return false;
}

/* Either device, as something that does DMA and interrupts */
struct engine {
	bool is_nic;
	struct edu edu;
	struct nic nic;
};

static int engine_start(struct engine *engine, bool is_nic, int device)
{
	engine->is_nic = is_nic;
	return is_nic ? nic_start(&engine->nic, device) :
			edu_start(&engine->edu, device);
}

static void engine_stop(struct engine *engine)
{
	if (engine->is_nic)
		nic_stop(&engine->nic);
	else
		edu_stop(&engine->edu);
}

static const __u32 *engine_registers(const struct engine *engine)
{
	return engine->is_nic ? engine->nic.registers : engine->edu.registers;
}

static bool engine_reaches(struct engine *engine, __u64 iova, void *memory)
{
	return engine->is_nic ? nic_reaches(&engine->nic, iova, memory) :
				edu_reaches(&engine->edu, iova, memory, LENGTH);
}

/* DMA at whose end the device interrupts, and takes that back */
static bool engine_interrupts(struct engine *engine, __u64 iova, void *memory,
			      int event)
{
	bool came;

	if (engine->is_nic) {
		nic_interrupt(&engine->nic, true);
		came = nic_reaches(&engine->nic, iova, memory);
	} else {
		came = !edu_dma_write_interrupt(&engine->edu, iova, 0,
						EDU_DMA_MAX);
	}
	came = came && event_comes(event, WAIT_MS);
	if (engine->is_nic)
		nic_interrupt(&engine->nic, false);
	else
		edu_interrupt_ack(&engine->edu);
	return came;
}

/* A device that is bound, attached and has reached its memory once */
FIXTURE(power)
{
	const char *bdf;
	struct bound_device bound;
	struct engine engine;
	char *memory;
	int device;
};

FIXTURE_VARIANT(power)
{
	const char *name;
	bool is_nic;
};

FIXTURE_VARIANT_ADD(power, edu) {
	.name = "EDU",
	.is_nic = false,
};

FIXTURE_VARIANT_ADD(power, nic) {
	.name = "E1000E",
	.is_nic = true,
};

FIXTURE_SETUP(power)
{
	self->bdf = getenv(variant->name);
	need(self->bdf && pci_driver_is(self->bdf, DRIVER),
	     "EDU and E1000E on vfio-pci");
	need(pci_power_is_managed(self->bdf), "CONFIG_PM");
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	self->memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	must(engine_start(&self->engine, variant->is_nic, self->device));
	ASSERT_TRUE(engine_reaches(&self->engine, IOVA, self->memory));
}

FIXTURE_TEARDOWN(power)
{
	engine_stop(&self->engine);
	bound_device_close(&self->bound);
	EXPECT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, pages_pinned());
}

static bool reaches(FIXTURE_DATA(power) * self)
{
	return engine_reaches(&self->engine, IOVA, self->memory);
}

static void open_again(FIXTURE_DATA(power) * self, bool is_nic)
{
	engine_stop(&self->engine);
	close(self->device);
	self->device = must(vfio_cdev_open(self->bdf));
	self->bound.device = self->device;
	must(vfio_bind(self->device, self->bound.iommufd, &self->bound.dev_id));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	must(engine_start(&self->engine, is_nic, self->device));
}

TEST_F_TIMEOUT(power, device_sleeps_from_entry_to_exit, TEST_SECONDS)
{
	EXPECT_TRUE(is_awake(self->bdf));
	ASSERT_EQ(0, vfio_low_power_entry(self->device));
	EXPECT_TRUE(sleeps(self->bdf));
	ASSERT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, bad_calls_put_nothing_to_sleep, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, vfio_feature(self->device,
					VFIO_DEVICE_FEATURE_GET | ENTRY));
	EXPECT_EQ(-EINVAL, vfio_feature(self->device, VFIO_DEVICE_FEATURE_SET |
							      ENTRY_WAKEUP));
	EXPECT_EQ(-EINVAL, low_power_entry_wakeup(self->device, -1));
	EXPECT_EQ(-EBADF, low_power_entry_wakeup(self->device, 1000));
	EXPECT_EQ(-EINVAL,
		  low_power_entry_wakeup(self->device, self->bound.iommufd));
	EXPECT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_FALSE(touch_is_refused(engine_registers(&self->engine)));
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, second_entry_is_refused, TEST_SECONDS)
{
	int event = event_new();

	must(vfio_low_power_entry(self->device));
	EXPECT_EQ(-EINVAL, vfio_low_power_entry(self->device));
	EXPECT_EQ(-EINVAL, low_power_entry_wakeup(self->device, event));
	EXPECT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_EQ(0, vfio_low_power_entry(self->device));
	EXPECT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_TRUE(reaches(self));
	EXPECT_FALSE(event_comes(event, 0));
	close(event);
}

TEST_F_TIMEOUT(power, registers_of_a_sleeper_cannot_be_touched, TEST_SECONDS)
{
	const __u32 *registers = engine_registers(&self->engine);
	struct vfio_region_info bar;
	void *mapped;

	must(vfio_region(self->device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	must(vfio_low_power_entry(self->device));
	EXPECT_TRUE(touch_is_refused(registers));
	EXPECT_TRUE(sleeps(self->bdf));
	EXPECT_TRUE(touch_is_refused(registers));
	/* nor when they are mapped only now */
	mapped = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, self->device,
		      bar.offset);
	ASSERT_NE(MAP_FAILED, mapped);
	EXPECT_TRUE(touch_is_refused(mapped));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_FALSE(touch_is_refused(registers));
	EXPECT_FALSE(touch_is_refused(mapped));
	must(errno_of(munmap(mapped, PAGE_SIZE)));
}

TEST_F_TIMEOUT(power, files_work_and_the_device_sleeps_on, TEST_SECONDS)
{
	struct vfio_region_info config;
	struct vfio_device_info info;
	__u32 before, during;

	must(vfio_region(self->device, VFIO_PCI_CONFIG_REGION_INDEX, &config));
	must(errno_of(pread(self->device, &before, sizeof(before),
			    config.offset)));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_device_info(self->device, &info));
	EXPECT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(sizeof(during), pread(self->device, &during, sizeof(during),
					config.offset));
	EXPECT_EQ(before, during);
	EXPECT_TRUE(sleeps(self->bdf));
	EXPECT_TRUE(touch_is_refused(engine_registers(&self->engine)));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, memory_changes_under_a_sleeper, TEST_SECONDS)
{
	char *other = memory_alloc(LENGTH);
	const __u32 ioas_id = self->bound.ioas_id;
	const int iommufd = self->bound.iommufd;

	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, ioas_map_fixed(iommufd, ioas_id, other, LENGTH,
				    IOVA_OTHER));
	EXPECT_EQ(0, ioas_unmap(iommufd, ioas_id, IOVA, LENGTH, NULL));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(engine_reaches(&self->engine, IOVA_OTHER, other));
	EXPECT_FALSE(reaches(self));
}

TEST_F_TIMEOUT(power, sleeper_is_attached_elsewhere, TEST_SECONDS)
{
	char *other = memory_alloc(LENGTH);
	__u32 ioas_id;

	must(ioas_alloc(self->bound.iommufd, &ioas_id));
	must(ioas_map_fixed(self->bound.iommufd, ioas_id, other, LENGTH,
			    IOVA_OTHER));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_attach_to(self->device, ioas_id));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(engine_reaches(&self->engine, IOVA_OTHER, other));
	EXPECT_FALSE(reaches(self));
}

TEST_F_TIMEOUT(power, sleeper_is_detached_and_attached, TEST_SECONDS)
{
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_detach(self->device));
	EXPECT_EQ(0, pages_pinned());
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_FALSE(reaches(self));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_attach_to(self->device, self->bound.ioas_id));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, interrupt_armed_before_comes_after, TEST_SECONDS)
{
	int event = event_new();

	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_MSI_IRQ_INDEX, event));
	ASSERT_TRUE(engine_interrupts(&self->engine, IOVA, self->memory,
				      event));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(engine_interrupts(&self->engine, IOVA, self->memory,
				      event));
	close(event);
}

TEST_F_TIMEOUT(power, interrupt_armed_in_sleep_comes_after, TEST_SECONDS)
{
	int event = event_new();

	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_MSI_IRQ_INDEX, event));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(engine_interrupts(&self->engine, IOVA, self->memory,
				      event));
	close(event);
}

/* Until this is called, after each interrupt */
static void level_interrupt_unmask(int device)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	must(errno_of(ioctl(device, VFIO_DEVICE_SET_IRQS, &set)));
}

TEST_F_TIMEOUT(power, level_interrupt_armed_before_comes_after, TEST_SECONDS)
{
	int event = event_new();

	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_INTX_IRQ_INDEX, event));
	ASSERT_TRUE(engine_interrupts(&self->engine, IOVA, self->memory,
				      event));
	level_interrupt_unmask(self->device);
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	EXPECT_TRUE(engine_interrupts(&self->engine, IOVA, self->memory,
				      event));
	close(event);
}

TEST_F_TIMEOUT(power, waking_up_is_told_once_and_lasts, TEST_SECONDS)
{
	struct vfio_device_info info;
	int event = event_new();

	must(low_power_entry_wakeup(self->device, event));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_FALSE(event_comes(event, 0));
	EXPECT_EQ(0, vfio_device_info(self->device, &info));
	EXPECT_TRUE(event_comes(event, WAIT_MS));
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(reaches(self));
	EXPECT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_FALSE(event_comes(event, 0));
	close(event);
}

TEST_F_TIMEOUT(power, attach_wakes_up_who_asked_for_it, TEST_SECONDS)
{
	int event = event_new();

	must(vfio_detach(self->device));
	must(low_power_entry_wakeup(self->device, event));
	ASSERT_TRUE(sleeps(self->bdf));
	EXPECT_EQ(0, vfio_attach_to(self->device, self->bound.ioas_id));
	EXPECT_TRUE(event_comes(event, WAIT_MS));
	EXPECT_TRUE(reaches(self));
	close(event);
}

TEST_F_TIMEOUT(power, reset_in_sleep_leaves_the_mappings, TEST_SECONDS)
{
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	/* An edu has nothing that resets it alone. */
	EXPECT_EQ(variant->is_nic ? 0 : -EINVAL,
		  errno_of(ioctl(self->device, VFIO_DEVICE_RESET)));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	must(vfio_bus_master(self->device));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, closed_in_sleep_and_opened_awake, TEST_SECONDS)
{
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	open_again(self, variant->is_nic);
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, closed_in_sleep_with_interrupt_and_wakeup, TEST_SECONDS)
{
	int interrupt = event_new(), wakeup = event_new();

	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_MSI_IRQ_INDEX,
				 interrupt));
	must(low_power_entry_wakeup(self->device, wakeup));
	ASSERT_TRUE(sleeps(self->bdf));
	open_again(self, variant->is_nic);
	EXPECT_TRUE(reaches(self));
	EXPECT_FALSE(event_comes(interrupt, 0));
	/* Whoever closes it knows. */
	EXPECT_FALSE(event_comes(wakeup, 0));
	close(interrupt);
	close(wakeup);
}

TEST_F_TIMEOUT(power, process_ends_with_its_device_asleep, TEST_SECONDS)
{
	int status;
	pid_t pid;

	engine_stop(&self->engine);
	bound_device_close(&self->bound);
	pid = must(errno_of(fork()));
	if (!pid) {
		bound_device_open(&self->bound, self->bdf);
		must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
				    self->memory, LENGTH, IOVA));
		must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
		must(vfio_low_power_entry(self->bound.device));
		raise(SIGKILL);
	}
	must(errno_of(waitpid(pid, &status, 0)));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(sleeps(self->bdf));
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	must(engine_start(&self->engine, variant->is_nic, self->device));
	EXPECT_TRUE(reaches(self));
}

TEST_F_TIMEOUT(power, device_that_nobody_bound_sleeps, TEST_SECONDS)
{
	engine_stop(&self->engine);
	bound_device_close(&self->bound);
	EXPECT_TRUE(sleeps(self->bdf));
	self->device = must(vfio_cdev_open(self->bdf));
	EXPECT_EQ(-EINVAL, vfio_low_power_entry(self->device));
	EXPECT_EQ(-EINVAL, vfio_low_power_exit(self->device));
	EXPECT_TRUE(sleeps(self->bdf));
	close(self->device);
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	EXPECT_TRUE(is_awake(self->bdf));
	must(engine_start(&self->engine, variant->is_nic, self->device));
}

TEST_F_TIMEOUT(power, driver_goes_while_the_device_sleeps, TEST_SECONDS)
{
	int event = event_new(), status;
	pid_t pid;

	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_REQ_IRQ_INDEX, event));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
	pid = pci_driver_unbind_apart(DRIVER, self->bdf);
	ASSERT_TRUE(event_comes(event, WAIT_MS));
	engine_stop(&self->engine);
	bound_device_close(&self->bound);
	must(errno_of(waitpid(pid, &status, 0)));
	EXPECT_EQ(0, status);
	EXPECT_FALSE(pci_driver_is(self->bdf, DRIVER));
	must(pci_driver_write(DRIVER, "bind", self->bdf));
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	must(engine_start(&self->engine, variant->is_nic, self->device));
	close(event);
}

/* Everything at once: whoever wins, the device works when it is awake. */
struct storm {
	struct bound_device *bound;
	void *memory;
	unsigned int rounds;
};

static void *storm_power(void *data)
{
	struct storm *storm = data;
	unsigned int i;

	for (i = 0; i < storm->rounds; i++) {
		vfio_low_power_entry(storm->bound->device);
		if (i % 4 == 3)
			usleep(1000);
		vfio_low_power_exit(storm->bound->device);
	}
	return NULL;
}

static void *storm_attach(void *data)
{
	struct storm *storm = data;
	unsigned int i;

	for (i = 0; i < storm->rounds; i++) {
		vfio_detach(storm->bound->device);
		vfio_attach_to(storm->bound->device, storm->bound->ioas_id);
	}
	return NULL;
}

static void *storm_map(void *data)
{
	struct storm *storm = data;
	const __u32 ioas_id = storm->bound->ioas_id;
	const int iommufd = storm->bound->iommufd;
	unsigned int i;

	for (i = 0; i < storm->rounds; i++) {
		ioas_map_fixed(iommufd, ioas_id, storm->memory, LENGTH,
			       IOVA_OTHER);
		ioas_unmap(iommufd, ioas_id, IOVA_OTHER, LENGTH, NULL);
	}
	return NULL;
}

static void *storm_interrupt(void *data)
{
	struct storm *storm = data;
	struct vfio_irq_set off = {
		.argsz = sizeof(off),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSI_IRQ_INDEX,
	};
	int event = event_new();
	unsigned int i;

	for (i = 0; i < storm->rounds; i++) {
		vfio_irq_to_eventfd(storm->bound->device,
				    VFIO_PCI_MSI_IRQ_INDEX, event);
		ioctl(storm->bound->device, VFIO_DEVICE_SET_IRQS, &off);
	}
	close(event);
	return NULL;
}

TEST_F_TIMEOUT(power, sleep_races_with_everything, TEST_SECONDS)
{
	static void *(*const threads[])(void *) = {
		storm_power, storm_power, storm_attach, storm_map,
		storm_interrupt,
	};
	struct storm storm = {
		.bound = &self->bound,
		.memory = memory_alloc(LENGTH),
		.rounds = 100,
	};
	pthread_t thread[ARRAY_SIZE(threads)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		must(-pthread_create(&thread[i], NULL, threads[i], &storm));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		must(-pthread_join(thread[i], NULL));
	must(vfio_low_power_exit(self->device));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	EXPECT_TRUE(reaches(self));
}

/* The power state that a device's config space has, for those that have one */
static off_t power_register(int device)
{
	struct vfio_region_info config;
	__u8 where = 0, capability[2];

	must(vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &config));
	must(errno_of(pread(device, &where, 1,
			    config.offset + PCI_CAPABILITY_LIST)));
	while (where) {
		must(errno_of(pread(device, capability, 2,
				    config.offset + where)));
		if (capability[0] == PCI_CAP_ID_PM)
			return config.offset + where + PCI_PM_CTRL;
		where = capability[1];
	}
	return -1;
}

static unsigned int power_state(int device)
{
	__u16 control;

	must(errno_of(pread(device, &control, sizeof(control),
			    must(power_register(device)))));
	return control & PCI_PM_CTRL_STATE_MASK;
}

static void power_state_set(int device, unsigned int state)
{
	__u16 control = state;

	must(errno_of(pwrite(device, &control, sizeof(control),
			     must(power_register(device)))));
}

#define D0 0
#define D3 3

TEST_F_TIMEOUT(power, power_state_is_that_of_the_device, TEST_SECONDS)
{
	if (!variant->is_nic) {
		EXPECT_GT(0, power_register(self->device));
		return;
	}
	EXPECT_EQ(D0, power_state(self->device));
	power_state_set(self->device, D3);
	EXPECT_EQ(D3, power_state(self->device));
	EXPECT_TRUE(touch_is_refused(engine_registers(&self->engine)));
	power_state_set(self->device, D0);
	EXPECT_EQ(D0, power_state(self->device));
	EXPECT_FALSE(touch_is_refused(engine_registers(&self->engine)));
	EXPECT_TRUE(reaches(self));
}

/* In D3 by its config space, unlike low power, it sleeps until it is written. */
FIXTURE(d3)
{
	const char *bdf;
	struct bound_device bound;
	struct nic nic;
	char *memory;
	int device;
	int event;
};

FIXTURE_SETUP(d3)
{
	self->bdf = getenv("E1000E");
	need(self->bdf && pci_driver_is(self->bdf, DRIVER),
	     "E1000E on vfio-pci");
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	self->memory = memory_alloc(LENGTH);
	self->event = event_new();
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	must(nic_start(&self->nic, self->device));
	must(vfio_irq_to_eventfd(self->device, VFIO_PCI_MSI_IRQ_INDEX,
				 self->event));
	power_state_set(self->device, D3);
}

FIXTURE_TEARDOWN(d3)
{
	nic_stop(&self->nic);
	close(self->event);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(d3, registers_cannot_be_read_by_the_file, TEST_SECONDS)
{
	struct vfio_region_info bar;
	__u32 value;

	must(vfio_region(self->device, VFIO_PCI_BAR0_REGION_INDEX, &bar));
	EXPECT_EQ(-EIO, errno_of(pread(self->device, &value, sizeof(value),
				       bar.offset)));
	power_state_set(self->device, D0);
	EXPECT_EQ(sizeof(value),
		  pread(self->device, &value, sizeof(value), bar.offset));
}

TEST_F_TIMEOUT(d3, memory_and_attachment_change_meanwhile, TEST_SECONDS)
{
	char *other = memory_alloc(LENGTH);
	__u32 ioas_id;

	must(ioas_alloc(self->bound.iommufd, &ioas_id));
	EXPECT_EQ(0, vfio_attach_to(self->device, ioas_id));
	EXPECT_EQ(0, ioas_map_fixed(self->bound.iommufd, ioas_id, other, LENGTH,
				    IOVA_OTHER));
	EXPECT_EQ(0, vfio_detach(self->device));
	EXPECT_EQ(0, vfio_attach_to(self->device, ioas_id));
	EXPECT_EQ(D3, power_state(self->device));
	power_state_set(self->device, D0);
	EXPECT_TRUE(nic_reaches(&self->nic, IOVA_OTHER, other));
	EXPECT_FALSE(nic_reaches(&self->nic, IOVA, self->memory));
}

TEST_F_TIMEOUT(d3, interrupt_comes_after, TEST_SECONDS)
{
	power_state_set(self->device, D0);
	nic_interrupt(&self->nic, true);
	EXPECT_TRUE(nic_reaches(&self->nic, IOVA, self->memory));
	EXPECT_TRUE(event_comes(self->event, WAIT_MS));
	nic_interrupt(&self->nic, false);
}

TEST_F_TIMEOUT(d3, low_power_ends_in_d0, TEST_SECONDS)
{
	must(vfio_low_power_entry(self->device));
	EXPECT_TRUE(sleeps(self->bdf));
	must(vfio_low_power_exit(self->device));
	power_state_set(self->device, D0);
	EXPECT_TRUE(nic_reaches(&self->nic, IOVA, self->memory));
}

TEST_F_TIMEOUT(d3, reset_is_possible, TEST_SECONDS)
{
	EXPECT_EQ(0, errno_of(ioctl(self->device, VFIO_DEVICE_RESET)));
	power_state_set(self->device, D0);
	must(vfio_bus_master(self->device));
	EXPECT_TRUE(nic_reaches(&self->nic, IOVA, self->memory));
}

TEST_F_TIMEOUT(d3, close_brings_it_back, TEST_SECONDS)
{
	nic_stop(&self->nic);
	bound_device_close(&self->bound);
	bound_device_open(&self->bound, self->bdf);
	self->device = self->bound.device;
	EXPECT_EQ(D0, power_state(self->device));
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, LENGTH, IOVA));
	must(vfio_attach_to(self->device, self->bound.ioas_id));
	must(nic_start(&self->nic, self->device));
	EXPECT_TRUE(nic_reaches(&self->nic, IOVA, self->memory));
}

/* The old way to the device, by its group, whatever stands in for a container */
FIXTURE(group)
{
	const char *bdf;
	int container;
	int group;
	int device;
	struct edu edu;
	char *memory;
};

FIXTURE_VARIANT(group)
{
	int (*container_open)(void);
};

FIXTURE_VARIANT_ADD(group, iommufd) {
	.container_open = iommufd_open,
};

FIXTURE_VARIANT_ADD(group, container) {
	.container_open = vfio_container_open,
};

FIXTURE_SETUP(group)
{
	char name[32];

	self->bdf = getenv("EDU");
	need(self->bdf && pci_driver_is(self->bdf, DRIVER), "EDU on vfio-pci");
	need(pci_power_is_managed(self->bdf), "CONFIG_PM");
	self->container = variant->container_open();
	need(self->container >= 0, "/dev/iommu and /dev/vfio/vfio");
	must(pci_link(self->bdf, "iommu_group", name, sizeof(name)));
	self->group = must(vfio_group_open(atoi(name)));
	self->memory = memory_alloc(LENGTH);
	must(vfio_group_set_container(self->group, self->container));
	must(vfio_container_set_iommu(self->container));
	must(vfio_container_map(self->container, self->memory, LENGTH, IOVA));
	self->device = must(vfio_group_device(self->group, self->bdf));
	must(edu_start(&self->edu, self->device));
	ASSERT_TRUE(edu_reaches(&self->edu, IOVA, self->memory, LENGTH));
	must(vfio_low_power_entry(self->device));
	ASSERT_TRUE(sleeps(self->bdf));
}

FIXTURE_TEARDOWN(group)
{
	edu_stop(&self->edu);
	close(self->device);
	EXPECT_TRUE(sleeps(self->bdf));
	close(self->group);
	close(self->container);
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(group, device_sleeps_until_it_is_woken, TEST_SECONDS)
{
	EXPECT_TRUE(touch_is_refused(self->edu.registers));
	EXPECT_EQ(-EINVAL, vfio_low_power_entry(self->device));
	EXPECT_TRUE(sleeps(self->bdf));
	ASSERT_EQ(0, vfio_low_power_exit(self->device));
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, self->memory, LENGTH));
}

TEST_F_TIMEOUT(group, files_come_and_go_while_it_sleeps, TEST_SECONDS)
{
	int second = vfio_group_device(self->group, self->bdf);

	ASSERT_LE(0, second);
	EXPECT_TRUE(sleeps(self->bdf));
	close(second);
	EXPECT_TRUE(sleeps(self->bdf));
	second = must(vfio_group_device(self->group, self->bdf));
	EXPECT_EQ(0, vfio_low_power_exit(second));
	close(second);
	EXPECT_TRUE(is_awake(self->bdf));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, self->memory, LENGTH));
}

TEST_F_TIMEOUT(group, device_closed_in_sleep_is_opened_awake, TEST_SECONDS)
{
	edu_stop(&self->edu);
	close(self->device);
	self->device = must(vfio_group_device(self->group, self->bdf));
	EXPECT_TRUE(is_awake(self->bdf));
	must(edu_start(&self->edu, self->device));
	EXPECT_TRUE(edu_reaches(&self->edu, IOVA, self->memory, LENGTH));
}

TEST_HARNESS_MAIN
