// SPDX-License-Identifier: GPL-2.0
/*
 * What holds for every call of /dev/iommu before the call itself is looked at:
 * how it is found, and how structures of other lengths are taken.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/iommufd_calls.h"

#define LONGEST 128

/* first: size of the structure when the call was introduced */
static const struct command {
	const char *name;
	unsigned long request;
	__u32 first;
	__u32 size;
} commands[] = {
	{ "DESTROY", IOMMU_DESTROY, 8, 8 },
	{ "IOAS_ALLOC", IOMMU_IOAS_ALLOC, 12, 12 },
	{ "IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, 24, 24 },
	{ "IOAS_COPY", IOMMU_IOAS_COPY, 40, 40 },
	{ "IOAS_MAP_FILE", IOMMU_IOAS_MAP_FILE, 40, 40 },
	{ "IOAS_CHANGE_PROCESS", IOMMU_IOAS_CHANGE_PROCESS, 8, 8 },
	{ "IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, 32, 32 },
	{ "IOAS_MAP", IOMMU_IOAS_MAP, 40, 40 },
	{ "IOAS_UNMAP", IOMMU_IOAS_UNMAP, 24, 24 },
	{ "OPTION", IOMMU_OPTION, 24, 24 },
	{ "VFIO_IOAS", IOMMU_VFIO_IOAS, 12, 12 },
	{ "HWPT_ALLOC", IOMMU_HWPT_ALLOC, 24, 48 },
	{ "HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING, 16, 16 },
	{ "HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP, 48, 48 },
	{ "GET_HW_INFO", IOMMU_GET_HW_INFO, 32, 40 },
	{ "DEVICE_FIND", IOMMU_DEVICE_FIND, 16, 16 },
	{ "DMA_FAULT_QUEUE", IOMMU_DMA_FAULT_QUEUE, 24, 24 },
};

union argument {
	__u32 size;
	__u8 bytes[LONGEST];
};

FIXTURE(command)
{
	int iommufd;
};

FIXTURE_SETUP(command)
{
	self->iommufd = must(iommufd_open());
}

FIXTURE_TEARDOWN(command)
{
	EXPECT_EQ(0, close(self->iommufd));
	EXPECT_EQ(0, pages_pinned());
}

static int call_sized(int iommufd, const struct command *command, __u32 size,
		      union argument *arg)
{
	arg->size = size;
	return iommufd_call(iommufd, command->request, arg);
}

TEST_F_TIMEOUT(command, structure_below_first_version_is_invalid, TEST_SECONDS)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		__u32 size;

		for (size = 0; size < commands[i].first; size++) {
			union argument arg = { 0 };

			EXPECT_EQ(-EINVAL, call_sized(self->iommufd,
						      &commands[i], size, &arg))
			{
				TH_LOG("%s of %u bytes", commands[i].name,
				       size);
			}
		}
	}
}

TEST_F_TIMEOUT(command, structure_with_unknown_content_is_too_big, TEST_SECONDS)
{
	size_t i, tail;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		for (tail = commands[i].size; tail < LONGEST; tail++) {
			union argument arg = { 0 };

			arg.bytes[tail] = 0xff;
			EXPECT_EQ(-E2BIG,
				  call_sized(self->iommufd, &commands[i],
					     LONGEST, &arg))
			{
				TH_LOG("%s with byte %zu set", commands[i].name,
				       tail);
			}
		}
	}
}

/* Whatever a call answers to zeros, a longer or shorter form answers too. */
TEST_F_TIMEOUT(command, zeros_may_be_added_and_left_out, TEST_SECONDS)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		union argument exact = { 0 };
		__u32 size;
		int ret;

		ret = call_sized(self->iommufd, &commands[i], commands[i].size,
				 &exact);
		EXPECT_NE(-E2BIG, ret);
		for (size = commands[i].first; size <= LONGEST; size++) {
			union argument arg = { 0 };

			EXPECT_EQ(ret, call_sized(self->iommufd, &commands[i],
						  size, &arg))
			{
				TH_LOG("%s of %u bytes", commands[i].name,
				       size);
			}
		}
	}
}

TEST_F_TIMEOUT(command, nothing_is_written_beyond_the_structure, TEST_SECONDS)
{
	union argument arg = { 0 };
	size_t i;

	memset(arg.bytes, 0x77, sizeof(arg.bytes));
	memset(arg.bytes, 0, sizeof(struct iommu_ioas_alloc));
	ASSERT_EQ(0, call_sized(self->iommufd, &commands[1],
				sizeof(struct iommu_ioas_alloc), &arg));
	for (i = sizeof(struct iommu_ioas_alloc); i < LONGEST; i++)
		EXPECT_EQ(0x77, arg.bytes[i]);
}

TEST_F_TIMEOUT(command, unreadable_argument_is_a_fault, TEST_SECONDS)
{
	void *hole = memory_hole(PAGE_SIZE);
	void *edge = memory_alloc(2 * PAGE_SIZE);
	size_t i;

	memory_free((char *)edge + PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		__u32 *size = (__u32 *)((char *)edge + PAGE_SIZE - 4);

		EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd,
						commands[i].request, NULL));
		EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd,
						commands[i].request, hole));
		*size = commands[i].size;
		EXPECT_EQ(-EFAULT, iommufd_call(self->iommufd,
						commands[i].request, size))
		{
			TH_LOG("%s with only its size readable",
			       commands[i].name);
		}
	}
	memory_free(edge, PAGE_SIZE);
}

TEST_F_TIMEOUT(command, unknown_calls_are_not_there, TEST_SECONDS)
{
	static const unsigned int numbers[] = {
		0x00, 0x01, 0x63, 0x7f, 0x8d, 0x8e, 0x90, 0x91, 0x93,
		0x95, 0x96, 0xbf, 0xc2, 0xfe, 0xff,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		union argument arg = { .size = LONGEST };

		EXPECT_EQ(-ENOTTY,
			  iommufd_call(self->iommufd,
				       _IO(IOMMUFD_TYPE, numbers[i]), &arg))
		{
			TH_LOG("call %#x", numbers[i]);
		}
	}
}

/* All 32 bits of the request count, not its number alone. */
TEST_F_TIMEOUT(command, request_with_other_bits_is_another_call, TEST_SECONDS)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const unsigned int number = _IOC_NR(commands[i].request);
		const unsigned long requests[] = {
			_IO('<', number),
			_IO(0, number),
			_IOR(IOMMUFD_TYPE, number, char[4]),
			_IOW(IOMMUFD_TYPE, number, char[8]),
			_IOWR(IOMMUFD_TYPE, number, struct iommu_ioas_map),
		};
		size_t j;

		for (j = 0; j < ARRAY_SIZE(requests); j++) {
			union argument arg = { .size = commands[i].size };

			EXPECT_EQ(-ENOTTY, iommufd_call(self->iommufd,
							requests[j], &arg))
			{
				TH_LOG("%s as %#lx", commands[i].name,
				       requests[j]);
			}
		}
	}
}

/* Lengths are judged before contents: the object does not matter yet. */
TEST_F_TIMEOUT(command, length_is_checked_before_the_object, TEST_SECONDS)
{
	union argument arg = { 0 };
	struct iommu_destroy *destroy = (struct iommu_destroy *)&arg;

	destroy->id = UINT32_MAX;
	arg.bytes[sizeof(*destroy)] = 1;
	EXPECT_EQ(-E2BIG, call_sized(self->iommufd, &commands[0],
				     sizeof(*destroy) + 1, &arg));
	EXPECT_EQ(-EINVAL, call_sized(self->iommufd, &commands[0],
				      sizeof(*destroy) - 1, &arg));
	EXPECT_EQ(-ENOENT, call_sized(self->iommufd, &commands[0],
				      sizeof(*destroy), &arg));
}

TEST_F_TIMEOUT(command, reading_and_writing_the_file_is_refused, TEST_SECONDS)
{
	char byte = 0;

	EXPECT_EQ(-EINVAL, errno_of(read(self->iommufd, &byte, 1)));
	EXPECT_EQ(-EINVAL, errno_of(write(self->iommufd, &byte, 1)));
}

TEST_HARNESS_MAIN
