/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files whose contents are memory: which kinds there are, and where their pages
 * come from. Functions return an fd or a count, or a negative errno.
 */
#ifndef __IOMMU_MEMORY_FILE_H
#define __IOMMU_MEMORY_FILE_H

#include "test_env.h"

#define HUGE_PAGE 0x200000ULL

enum file_kind {
	/* A memfd that takes seals */
	FILE_MEMFD,
	FILE_HUGETLB,
	/* Of a file system, and no seals */
	FILE_SHMEM,
};

/* Empty, and open for reading and writing */
int file_open(enum file_kind kind);
/* The same file once more, as open() with @flags does it */
int file_reopen(int file, int flags);

/* See that there are some more huge pages than others use. */
bool huge_pages_reserve(void);
unsigned long huge_pages_exist(void);

/* A file on a tmpfs of its own. @directory is a template of mkdtemp(). */
int tmpfs_file(char *directory, const char *options);
void tmpfs_end(const char *directory);

#endif
