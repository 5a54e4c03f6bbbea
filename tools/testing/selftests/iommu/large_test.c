// SPDX-License-Identifier: GPL-2.0
/*
 * 16 GiB in one call: pinned, filled into a table, unmapped and let go without
 * keeping a processor to itself. A kernel with preemption would take it away
 * anyhow, so these turn that off. The soft lockup detector is the judge.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/space.h"

#define DETECTOR "/proc/sys/kernel/soft_watchdog"
/* Above the window of interrupts */
#define IOVA 0x100000000ULL
#define LENGTH (16ULL << 30)
#define PAGES (LENGTH / PAGE_SIZE)
#define SIZE (64UL << 20)
#define HUGE_PAGE (2UL << 20)
#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

static bool detector_is_on(void)
{
	char text[8];

	return !file_read(DETECTOR, text, sizeof(text)) && text[0] == '1';
}

FIXTURE(large)
{
	struct bound_device bound;
	struct edu_list list;
	char *memory;
	int file;
	char preemption[16];
};

FIXTURE_SETUP(large)
{
	char text[16];

	edu_list_read(&self->list);
	need(edu_alone(&self->list, 0), "an edu device alone in its group");
	need(detector_is_on(), "the soft lockup detector");
	skip_if(preemption_is_everywhere(),
		"PREEMPT_RT takes the processor from any loop");
	need(!preemption_get(self->preemption, sizeof(self->preemption)),
	     "a kernel with PREEMPT_DYNAMIC");
	snprintf(text, sizeof(text), "%lu", SIZE / HUGE_PAGE);
	need(!file_write(HUGE_PAGES, text), "huge pages");
	self->file = must(errno_of(memfd_create("large_test", MFD_CLOEXEC |
						MFD_HUGETLB)));
	must(errno_of(ftruncate(self->file, SIZE)));
	self->memory = memory_repeated(self->file, SIZE, LENGTH);
	bound_device_open(&self->bound, edu_alone(&self->list, 0)->bdf);
	must(preemption_set("none"));
}

FIXTURE_TEARDOWN(large)
{
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
	EXPECT_EQ(0, preemption_set(self->preemption));
	EXPECT_EQ(0, file_write(HUGE_PAGES, "0"));
}

static int map(FIXTURE_DATA(large) * self)
{
	return ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			      self->memory, LENGTH, IOVA);
}

static int unmap(FIXTURE_DATA(large) * self)
{
	return ioas_unmap(self->bound.iommufd, self->bound.ioas_id, IOVA,
			  LENGTH, NULL);
}

TEST_F_TIMEOUT(large, map_and_unmap, 2 * TEST_SECONDS)
{
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, unmap(self));
	EXPECT_EQ(0, pages_pinned());
}

/* Four million calls of the driver, which do not look at the clock either */
TEST_F_TIMEOUT(large, map_and_unmap_page_by_page, 2 * TEST_SECONDS)
{
	must(option_set(self->bound.iommufd, IOMMU_OPTION_HUGE_PAGES,
			self->bound.ioas_id, 0));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, map(self));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, unmap(self));
	EXPECT_EQ(0, pages_pinned());
}

TEST_F_TIMEOUT(large, attach_and_detach, 2 * TEST_SECONDS)
{
	must(map(self));
	EXPECT_EQ(0, pages_pinned());
	ASSERT_EQ(0, vfio_attach_to(self->bound.device, self->bound.ioas_id));
	EXPECT_EQ(PAGES, pages_pinned());
	EXPECT_EQ(0, vfio_detach(self->bound.device));
	EXPECT_EQ(0, pages_pinned());
}

TEST_HARNESS_MAIN
