// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: what each call leaves in them, and that they stay silent when off.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"
#include "lib/trace.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define PAGES 8
#define LENGTH (PAGES * PAGE_SIZE)
#define COOKIE 0xc00c1e0000000001ULL
#define RET(errno) ((__u64)-(__s64)(errno))

/* The one event of this name, or the first of several; there has to be one. */
static const char *first(const struct trace *trace, const char *event)
{
	const char *line = trace_find(trace, event, 0);

	if (!line)
		printf("# no %s in:\n%s\n", event, trace->text);
	must(line ? 0 : -ENOENT);
	return line;
}

FIXTURE(trace)
{
	struct trace trace;
	struct space space;
	struct mock mock;
	char *memory;
};

FIXTURE_SETUP(trace)
{
	need(mock_exists(), "CONFIG_IOMMUFD_TEST");
	need(trace_exists(), "tracefs with the events of iommufd");
	space_open_mock(&self->space, &self->mock);
	self->memory = memory_alloc(LENGTH);
	must(trace_open(&self->trace));
}

FIXTURE_TEARDOWN(trace)
{
	trace_close(&self->trace);
	memory_free(self->memory, LENGTH);
	space_close(&self->space);
}

static int map(struct space *space, const void *memory)
{
	return ioas_map_fixed(space->iommufd, space->ioas_id, memory, LENGTH,
			      IOVA);
}

TEST_F_TIMEOUT(trace, map_and_pin, TEST_SECONDS)
{
	const char *line;

	ASSERT_EQ(0, map(&self->space, self->memory));
	ASSERT_EQ(0, trace_take(&self->trace));
	line = first(&self->trace, "iommufd_map");
	EXPECT_EQ(self->space.ioas_id, trace_field(line, "ioas"));
	EXPECT_EQ(IOVA, trace_field(line, "iova"));
	EXPECT_EQ(LENGTH, trace_field(line, "length"));
	EXPECT_LE(1, trace_field(line, "runs"));
	EXPECT_GE(PAGES, trace_field(line, "runs"));
	EXPECT_NE(0, trace_field(line, "took_ns"));
	EXPECT_EQ(0, trace_field(line, "ret"));
	line = first(&self->trace, "iommufd_pin");
	EXPECT_EQ((uintptr_t)self->memory, trace_field(line, "address"));
	EXPECT_EQ(LENGTH, trace_field(line, "length"));
	EXPECT_EQ(0, trace_field(line, "ret"));
	EXPECT_EQ(1, trace_count(&self->trace, "iommufd_map"));
	EXPECT_EQ(1, trace_count(&self->trace, "iommufd_pin"));
}

TEST_F_TIMEOUT(trace, scattered_memory_has_a_run_for_each_page, TEST_SECONDS)
{
	int file = must(file_scattered(LENGTH));
	__u64 iova = IOVA;

	ASSERT_EQ(0, ioas_map_file_fixed(self->space.iommufd,
					 self->space.ioas_id, file, 0, LENGTH,
					 iova));
	ASSERT_EQ(0, trace_take(&self->trace));
	EXPECT_EQ(PAGES,
		  trace_field(first(&self->trace, "iommufd_map"), "runs"));
	close(file);
}

TEST_F_TIMEOUT(trace, unmap_and_unpin, TEST_SECONDS)
{
	const char *line;

	ASSERT_EQ(0, map(&self->space, self->memory));
	ASSERT_EQ(0, ioas_unmap(self->space.iommufd, self->space.ioas_id, IOVA,
				2 * LENGTH, NULL));
	ASSERT_EQ(0, trace_take(&self->trace));
	line = first(&self->trace, "iommufd_unmap");
	EXPECT_EQ(self->space.ioas_id, trace_field(line, "ioas"));
	EXPECT_EQ(IOVA, trace_field(line, "iova"));
	EXPECT_EQ(IOVA + 2 * LENGTH - 1, trace_field(line, "last"));
	EXPECT_EQ(LENGTH, trace_field(line, "removed"));
	EXPECT_NE(0, trace_field(line, "took_ns"));
	line = first(&self->trace, "iommufd_unpin");
	EXPECT_EQ((uintptr_t)self->memory, trace_field(line, "address"));
	EXPECT_EQ(LENGTH, trace_field(line, "length"));
}

/* Nothing is pinned before a device needs it, and then for all tables. */
TEST_F_TIMEOUT(trace, memory_without_a_table_is_not_pinned, TEST_SECONDS)
{
	struct space space;

	space_open(&space);
	ASSERT_EQ(0, map(&space, self->memory));
	ASSERT_EQ(0, trace_take(&self->trace));
	EXPECT_EQ(0, trace_field(first(&self->trace, "iommufd_map"), "runs"));
	EXPECT_EQ(0, trace_count(&self->trace, "iommufd_pin"));
	space_close(&space);
}

TEST_F_TIMEOUT(trace, copy_is_a_map, TEST_SECONDS)
{
	__u32 copy_id;
	__u64 iova;

	ASSERT_EQ(0, map(&self->space, self->memory));
	must(ioas_alloc(self->space.iommufd, &copy_id));
	ASSERT_EQ(0, ioas_copy(self->space.iommufd, copy_id, &iova,
			       self->space.ioas_id, IOVA, LENGTH));
	ASSERT_EQ(0, trace_take(&self->trace));
	ASSERT_EQ(2, trace_count(&self->trace, "iommufd_map"));
	EXPECT_EQ(copy_id,
		  trace_field(trace_find(&self->trace, "iommufd_map", 1), "ioas"));
	EXPECT_EQ(iova,
		  trace_field(trace_find(&self->trace, "iommufd_map", 1), "iova"));
	EXPECT_EQ(LENGTH,
		  trace_field(trace_find(&self->trace, "iommufd_map", 1), "length"));
}

TEST_F_TIMEOUT(trace, map_that_fails_has_its_errno, TEST_SECONDS)
{
	const char *line;

	ASSERT_EQ(-EFAULT, map(&self->space, memory_hole(LENGTH)));
	ASSERT_EQ(0, trace_take(&self->trace));
	EXPECT_EQ(RET(EFAULT),
		  trace_field(first(&self->trace, "iommufd_pin"), "ret"));
	EXPECT_EQ(RET(EFAULT),
		  trace_field(first(&self->trace, "iommufd_map"), "ret"));
	line = first(&self->trace, "iommufd_refuse");
	EXPECT_EQ(IOMMU_IOAS_MAP, trace_field(line, "ioctl"));
	EXPECT_EQ(RET(EFAULT), trace_field(line, "ret"));
}

static void call_name(const struct trace *trace, unsigned int n, char *name,
		      size_t size)
{
	const char *line = trace_find(trace, "iommufd_refuse", n);

	name[0] = '\0';
	if (line)
		trace_field_text(line, "call", name, size);
}

TEST_F_TIMEOUT(trace, refused_calls_have_names, TEST_SECONDS)
{
	struct vfio_iommu_type1_dma_map dma = { .argsz = sizeof(dma) };
	int iommufd = self->space.iommufd;
	char name[32];

	EXPECT_EQ(-ENOENT, iommufd_destroy(iommufd, 1000));
	EXPECT_EQ(-ENOENT, ioas_unmap_all(iommufd, 1000, NULL));
	EXPECT_GT(0, errno_of(ioctl(iommufd, VFIO_IOMMU_MAP_DMA, &dma)));
	EXPECT_EQ(-ENOTTY, errno_of(ioctl(iommufd, _IO(IOMMUFD_TYPE, 0x7f))));
	ASSERT_EQ(0, trace_take(&self->trace));
	ASSERT_EQ(4, trace_count(&self->trace, "iommufd_refuse"));
	call_name(&self->trace, 0, name, sizeof(name));
	EXPECT_STREQ("DESTROY", name);
	call_name(&self->trace, 1, name, sizeof(name));
	EXPECT_STREQ("IOAS_UNMAP", name);
	call_name(&self->trace, 2, name, sizeof(name));
	EXPECT_STREQ("MAP_DMA", name);
	call_name(&self->trace, 3, name, sizeof(name));
	EXPECT_STREQ("0x3b7f", name);
}

TEST_F_TIMEOUT(trace, calls_that_succeed_are_not_refused, TEST_SECONDS)
{
	ASSERT_EQ(0, map(&self->space, self->memory));
	ASSERT_EQ(0, ioas_unmap_all(self->space.iommufd, self->space.ioas_id,
				    NULL));
	ASSERT_EQ(0, trace_take(&self->trace));
	EXPECT_EQ(0, trace_count(&self->trace, "iommufd_refuse"));
}

TEST_F_TIMEOUT(trace, contexts_have_numbers_of_their_own, TEST_SECONDS)
{
	struct space other;
	__u64 own, others;

	space_open(&other);
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->space.iommufd, 1000));
	EXPECT_EQ(-ENOENT, iommufd_destroy(other.iommufd, 1000));
	ASSERT_EQ(0, map(&self->space, self->memory));
	ASSERT_EQ(0, trace_take(&self->trace));
	ASSERT_EQ(2, trace_count(&self->trace, "iommufd_refuse"));
	own = trace_field(trace_find(&self->trace, "iommufd_refuse", 0), "ctx");
	others = trace_field(trace_find(&self->trace, "iommufd_refuse", 1), "ctx");
	EXPECT_NE(0, own);
	EXPECT_NE(own, others);
	EXPECT_EQ(own, trace_field(first(&self->trace, "iommufd_map"), "ctx"));
	EXPECT_EQ(own, trace_field(first(&self->trace, "iommufd_pin"), "ctx"));
	space_close(&other);
}

TEST_F_TIMEOUT(trace, life_of_a_device, TEST_SECONDS)
{
	int iommufd = self->space.iommufd;
	struct mock mock;
	const char *line;
	__u32 other_id, table_id;

	must(ioas_alloc(iommufd, &other_id));
	ASSERT_EQ(0, mock_create(iommufd, self->space.ioas_id, &mock));
	table_id = mock.hwpt_id;
	ASSERT_EQ(0, mock_replace(iommufd, &mock, other_id));
	ASSERT_EQ(0, iommufd_destroy(iommufd, mock.id));
	ASSERT_EQ(0, trace_take(&self->trace));

	line = first(&self->trace, "iommufd_bind");
	EXPECT_EQ(mock.dev_id, trace_field(line, "id"));
	EXPECT_EQ(0, trace_field(line, "has_cookie"));
	EXPECT_EQ(0, trace_field(line, "ret"));
	line = first(&self->trace, "iommufd_attach");
	EXPECT_EQ(mock.dev_id, trace_field(line, "id"));
	EXPECT_EQ(self->space.ioas_id, trace_field(line, "pt_id"));
	EXPECT_EQ(table_id, trace_field(line, "table"));
	EXPECT_EQ(0, trace_field(line, "former"));
	EXPECT_EQ(0, trace_field(line, "ret"));
	line = first(&self->trace, "iommufd_replace");
	EXPECT_EQ(other_id, trace_field(line, "pt_id"));
	EXPECT_EQ(table_id, trace_field(line, "former"));
	EXPECT_EQ(mock.hwpt_id, trace_field(line, "table"));
	EXPECT_NE(0, trace_field(line, "took_ns"));
	line = first(&self->trace, "iommufd_detach");
	EXPECT_EQ(mock.dev_id, trace_field(line, "id"));
	EXPECT_EQ(0, trace_field(line, "table"));
	EXPECT_EQ(mock.hwpt_id, trace_field(line, "former"));
	line = first(&self->trace, "iommufd_unbind");
	EXPECT_EQ(mock.dev_id, trace_field(line, "id"));
}

TEST_F_TIMEOUT(trace, attach_that_fails_has_its_errno, TEST_SECONDS)
{
	const char *line;

	EXPECT_EQ(-EINVAL, mock_replace(self->space.iommufd, &self->mock,
					self->mock.dev_id));
	ASSERT_EQ(0, trace_take(&self->trace));
	line = first(&self->trace, "iommufd_replace");
	EXPECT_EQ(RET(EINVAL), trace_field(line, "ret"));
	EXPECT_EQ(self->mock.hwpt_id, trace_field(line, "table"));
	EXPECT_EQ(self->mock.hwpt_id, trace_field(line, "former"));
}

TEST_F_TIMEOUT(trace, life_of_an_access, TEST_SECONDS)
{
	const char *line;
	int access;

	access = must(access_create_pinning(self->space.iommufd,
					    self->space.ioas_id));
	close(access);
	ASSERT_EQ(0, trace_take(&self->trace));
	line = first(&self->trace, "iommufd_bind");
	EXPECT_EQ(0, trace_field(line, "ret"));
	line = first(&self->trace, "iommufd_attach");
	EXPECT_EQ(self->space.ioas_id, trace_field(line, "table"));
	line = first(&self->trace, "iommufd_detach");
	EXPECT_EQ(self->space.ioas_id, trace_field(line, "former"));
	first(&self->trace, "iommufd_unbind");
}

TEST_F_TIMEOUT(trace, each_dma_fault_is_one, TEST_SECONDS)
{
	const char *line;

	ASSERT_EQ(0, mock_dma_fault(self->space.iommufd, &self->mock, IOVA, 2,
				    MOCK_DMA_FAULT_WRITE, 0, NULL));
	ASSERT_EQ(0, mock_dma_fault(self->space.iommufd, &self->mock, 0, 1,
				    MOCK_DMA_FAULT_PASID, 5, NULL));
	ASSERT_EQ(0, trace_take(&self->trace));
	ASSERT_EQ(3, trace_count(&self->trace, "iommufd_dma_fault"));
	line = trace_find(&self->trace, "iommufd_dma_fault", 1);
	EXPECT_EQ(self->mock.dev_id, trace_field(line, "id"));
	EXPECT_EQ(IOVA + PAGE_SIZE, trace_field(line, "iova"));
	EXPECT_EQ(1, trace_field(line, "write"));
	EXPECT_EQ(0, trace_field(line, "has_pasid"));
	EXPECT_EQ(0, trace_field(line, "has_cookie"));
	line = trace_find(&self->trace, "iommufd_dma_fault", 2);
	EXPECT_EQ(0, trace_field(line, "write"));
	EXPECT_EQ(5, trace_field(line, "pasid"));
	EXPECT_EQ(1, trace_field(line, "has_pasid"));
}

TEST_F_TIMEOUT(trace, off_is_silent, TEST_SECONDS)
{
	ASSERT_EQ(0, trace_set(&self->trace, false));
	ASSERT_EQ(0, map(&self->space, self->memory));
	EXPECT_EQ(-ENOENT, iommufd_destroy(self->space.iommufd, 1000));
	ASSERT_EQ(0, trace_take(&self->trace));
	EXPECT_EQ(NULL, strstr(self->trace.text, "iommufd_"));
}

FIXTURE(trace_device)
{
	struct trace trace;
	struct bound_device bound;
	struct pci_device pci;
};

FIXTURE_SETUP(trace_device)
{
	struct edu_list list;

	need(trace_exists(), "tracefs with the events of iommufd");
	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	bound_device_open(&self->bound, self->pci.bdf);
	must(trace_open(&self->trace));
}

FIXTURE_TEARDOWN(trace_device)
{
	trace_close(&self->trace);
	bound_device_close(&self->bound);
	EXPECT_EQ(0, pages_pinned());
}

static void bind_again(struct bound_device *bound, const char *bdf)
{
	must(errno_of(close(bound->device)));
	bound->device = must(vfio_cdev_open(bdf));
	must(vfio_bind_cookie(bound->device, bound->iommufd, COOKIE,
			      &bound->dev_id));
}

TEST_F_TIMEOUT(trace_device, name_and_cookie_are_in_all_of_them, TEST_SECONDS)
{
	static const char *const events[] = { "iommufd_bind", "iommufd_attach",
					      "iommufd_detach" };
	char name[32];
	size_t i;

	bind_again(&self->bound, self->pci.bdf);
	ASSERT_EQ(0, vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, vfio_detach(self->bound.device));
	ASSERT_EQ(0, trace_take(&self->trace));
	for (i = 0; i != ARRAY_SIZE(events); i++) {
		const char *line = first(&self->trace, events[i]);

		EXPECT_EQ(self->bound.dev_id, trace_field(line, "id"));
		EXPECT_EQ(1, trace_field(line, "has_cookie"));
		EXPECT_EQ(COOKIE, trace_field(line, "cookie"));
		ASSERT_EQ(0, trace_field_text(line, "name", name, sizeof(name)));
		EXPECT_STREQ(self->pci.bdf, name);
	}
	trace_print(&self->trace);
}

TEST_F_TIMEOUT(trace_device, close_unbinds, TEST_SECONDS)
{
	const char *line;

	bind_again(&self->bound, self->pci.bdf);
	ASSERT_EQ(0, vfio_attach_to(self->bound.device, self->bound.ioas_id));
	ASSERT_EQ(0, trace_take(&self->trace));
	must(errno_of(close(self->bound.device)));
	self->bound.device = must(vfio_cdev_open(self->pci.bdf));
	ASSERT_EQ(0, trace_take(&self->trace));
	line = first(&self->trace, "iommufd_detach");
	EXPECT_EQ(COOKIE, trace_field(line, "cookie"));
	line = first(&self->trace, "iommufd_unbind");
	EXPECT_EQ(self->bound.dev_id, trace_field(line, "id"));
	EXPECT_EQ(COOKIE, trace_field(line, "cookie"));
}

TEST_HARNESS_MAIN
