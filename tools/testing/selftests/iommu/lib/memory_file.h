/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files whose contents are memory: which kinds there are, and where their pages
 * come from. Functions return an fd or a count, or a negative errno.
 */
#ifndef __IOMMU_MEMORY_FILE_H
#define __IOMMU_MEMORY_FILE_H

#include "mock.h"
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

/* Where a file is mapped for a mock device and a driver */
struct file_env {
	struct space space;
	struct mock mock;
	int access;
	int file;
	__u64 length;
};

#define FILE_ENV_IOVA (MOCK_APERTURE + 0x1000000)

/* Some pages of memory. Return: NULL, or what the machine lacks. */
const char *file_env_open(struct file_env *env, enum file_kind kind);
void file_env_close(struct file_env *env);
/* The file from @start on, at FILE_ENV_IOVA */
int file_env_map(const struct file_env *env, __u64 start, __u64 length);
int file_env_unmap(const struct file_env *env, __u64 length);

#endif
