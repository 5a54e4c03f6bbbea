/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of the devices of vfio_test.c, for tests only. User space
 * includes this file too.
 */
#ifndef __VFIO_TEST_H
#define __VFIO_TEST_H

#include <linux/types.h>
#include <linux/vfio.h>

/* Devices vfio_test.0 to vfio_test.2; the last one has no dma_unmap. */
#define VFIO_TEST_DEVICES 3
/* For one call */
#define VFIO_TEST_PAGES_MAX 16

enum vfio_test_op {
	/*
	 * vfio_pin_pages() to write, and write @value, one more for each page,
	 * to where each of them begins
	 */
	VFIO_TEST_PIN,
	/* The same to read, without writing */
	VFIO_TEST_PIN_READ,
	/* vfio_unpin_pages() */
	VFIO_TEST_UNPIN,
	/* vfio_dma_rw() of @value */
	VFIO_TEST_READ,
	VFIO_TEST_WRITE,
	/* How often dma_unmap was called since the last time, in @value */
	VFIO_TEST_NOTICES,
	/*
	 * vfio_file_enforced_coherent() of the file with the descriptor @value,
	 * 1 or 0
	 */
	VFIO_TEST_COHERENT,
};

/* Returns what the function that it names did. */
struct vfio_test_call {
	__u32 op;
	__u32 nr_pages;
	__aligned_u64 iova;
	__aligned_u64 value;
};

#define VFIO_TEST_CALL _IO(VFIO_TYPE, VFIO_BASE + 200)

#endif
