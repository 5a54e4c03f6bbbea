/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for the kernel sources under test; test.h can make it fail. */
#ifndef TEST_LINUX_SLAB_H
#define TEST_LINUX_SLAB_H

#include <stddef.h>
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/overflow.h>

#define GFP_KERNEL_ACCOUNT 0

void *test_alloc(size_t size);

#define kmalloc(size, gfp) test_alloc(size)
#define kzalloc(size, gfp) memset_zero(test_alloc(size), size)
#define kvmalloc_array(n, size, gfp) test_alloc((size_t)(n) * (size))
#define kfree(pointer) free(pointer)
#define kvfree(pointer) free(pointer)

static inline void *memset_zero(void *memory, size_t size)
{
	return memory ? memset(memory, 0, size) : NULL;
}

#endif
