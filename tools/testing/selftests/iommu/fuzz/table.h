/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the tables of calls are written: a field is a member of the argument, or data behind it
 * to which the argument can point.
 */
#ifndef __IOMMU_FUZZ_TABLE_H
#define __IOMMU_FUZZ_TABLE_H

#include "program.h"

#define FIELD(type, member, ...)                                                              \
	{                                                                                     \
		.name = #member, .offset = offsetof(struct type, member),                     \
		.size = sizeof(((struct type *)0)->member), .kind = __VA_ARGS__               \
	}

/* Data of @width bytes, @where bytes behind the argument */
#define DATA(type, label, where, width, ...)                                                  \
	{                                                                                     \
		.name = #label, .offset = sizeof(struct type) + (where), .size = (width),     \
		.kind = __VA_ARGS__                                                           \
	}

/* A pointer to that data */
#define POINTER(type, member) FIELD(type, member, KIND_ARG, .number = sizeof(struct type))

/* What a call that is no ioctl is told, the @n-th of it */
#define PARAMETER(label, n, ...)                                                              \
	{                                                                                     \
		.name = #label, .offset = (n) * sizeof(__u64), .size = sizeof(__u64),         \
		.kind = __VA_ARGS__                                                           \
	}

#define FIELDS(...) ((const struct field[]){ __VA_ARGS__, { } })

#endif
