/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of the fuzzer. A program is a list of steps, a step is a call with a value for each
 * field of its argument. What a step finds out, the ID of an object or a file descriptor, goes
 * to a slot, and values name slots: so any step can be taken away from a program and what is
 * left still is one.
 *
 * Steps run one after the other. Those of a lane other than 0 that follow each other run at
 * the same time: lanes 1 and 2 are threads of the program, lane 3 is a process that is forked
 * for them.
 */
#ifndef __IOMMU_FUZZ_PROGRAM_H
#define __IOMMU_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define STEPS_MAX 40
#define FIELDS_MAX 16
#define SLOTS_MAX 4
#define LANES_MAX 4
#define LANE_PROCESS 3
#define TIMES_MAX 8
/* Fail the allocation or copy of that number at most */
#define FAIL_MAX 60
/* A program as text */
#define TEXT_MAX 24576

/* What the number of a value is added to */
enum base {
	BASE_NUMBER,

	/* The argument of the call itself, then areas of memory */
	BASE_ARG,
	BASE_PRIVATE,
	BASE_SHARED,
	BASE_READONLY,
	BASE_FILE_MEMORY,
	BASE_HUGE,
	BASE_REGISTERS,
	BASE_HOLE,
	BASE_KERNEL,

	/* Slots with numbers that a call has told */
	BASE_IOAS,
	BASE_HWPT,
	BASE_DEVICE,
	BASE_MOCK,
	BASE_QUEUE_ID,
	BASE_ITEM,
	BASE_IOVA,

	/* Slots with file descriptors, which each process has for itself */
	BASE_IOMMU,
	BASE_CDEV,
	BASE_GROUP,
	BASE_CONTAINER,
	BASE_ACCESS,
	BASE_QUEUE,
	BASE_MEMFD,
	BASE_EVENT,

	BASES
};

#define BASE_FIRST_MEMORY BASE_PRIVATE
#define BASE_FIRST_SLOT BASE_IOAS
#define BASE_FIRST_FILE BASE_IOMMU

extern const char *const base_names[BASES];

static inline bool base_is_slot(enum base base)
{
	return base >= BASE_FIRST_SLOT;
}

static inline bool base_is_file(enum base base)
{
	return base >= BASE_FIRST_FILE;
}

struct value {
	__u64 number;
	/* enum base */
	__u8 base;
	/* of the slot */
	__u8 index;
};

/* From what the values of a field are taken */
enum field_kind {
	/* always the number of the field */
	KIND_FIXED,
	/* the size of the argument */
	KIND_SIZE,
	/* has to be 0 */
	KIND_ZERO,
	/* bits of a mask */
	KIND_FLAGS,
	/* below the number of the field */
	KIND_BELOW,
	/* any number */
	KIND_NUMBER,
	/* a slot of the base of the field */
	KIND_SLOT,
	/* a file of any kind */
	KIND_FILE,
	KIND_IOVA,
	KIND_LENGTH,
	/* an address of memory */
	KIND_MEMORY,
	/* where in the argument the data lies that the call wants a pointer to */
	KIND_ARG,
	/* only written by the call */
	KIND_OUT,
};

struct field {
	const char *name;
	/* in the argument, in bytes */
	__u16 offset;
	__u8 size;
	enum field_kind kind;
	/* KIND_SLOT: of what */
	enum base base;
	/* the kind of slot that gets its value after the call, or 0 */
	enum base out;
	__u64 number;
};

struct step;

struct call {
	const char *name;
	/* of the file it is made on; BASE_NUMBER for one that is not made on a file */
	enum base target;
	/* of the ioctl, or 0 */
	unsigned long request;
	/* in place of an ioctl: with the target first, then the fields */
	long (*run)(const struct step *step, const __u64 *values);
	/* the kind of slot that gets what it returns, or 0 */
	enum base result;
	/* ends with one that has no name */
	const struct field *fields;
};

struct step {
	const struct call *call;
	__u8 lane;
	/* how often it is done in a row */
	__u8 times;
	/* which of its allocations and copies fails, from 1; 0 for none */
	__u16 fail;
	/* the slot that gets what it returns */
	__u8 result;
	struct value target;
	struct value values[FIELDS_MAX];
	/* the slots that get what the fields have after the call */
	__u8 outs[FIELDS_MAX];
};

struct program {
	unsigned int nr_steps;
	struct step steps[STEPS_MAX];
};

/* Every call: tables that end with a call without a name */
extern const struct call iommu_calls[], mock_calls[], device_calls[], group_calls[],
	container_calls[], process_calls[];

unsigned int calls_count(void);
const struct call *call_at(unsigned int n);
const struct call *call_find(const char *name);

/* Make room for a step at @at; NULL when there is none. Take one away. */
struct step *program_insert(struct program *program, unsigned int at);
void program_remove(struct program *program, unsigned int at);

#endif
