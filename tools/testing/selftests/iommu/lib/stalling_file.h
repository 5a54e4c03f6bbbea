/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file whose pages do not come until the test lets them: one file in a FUSE
 * of the test's own. Whoever touches a mapping of it sleeps as long, which is
 * what a user may do to the kernel with the memory of any call.
 */
#ifndef __IOMMU_STALLING_FILE_H
#define __IOMMU_STALLING_FILE_H

#include <pthread.h>

#include "test_env.h"

#define STALLING_FILE_LENGTH (16 * PAGE_SIZE)
#define STALLING_READS_MAX 32

/* For need() */
bool stalling_files_exist(void);

/* A read that the server has and has not answered */
struct stalling_read {
	__u64 unique;
	__u32 size;
};

struct stalling_file {
	char folder[32];
	/* the connection, and the file itself */
	int fuse;
	int fd;
	pthread_t server;
	pthread_mutex_t lock;
	/* under lock */
	struct stalling_read reads[STALLING_READS_MAX];
	unsigned int nr_reads;
	bool answers;
};

/*
 * Served by a thread of this process, which must not touch the pages itself
 * before they come. @file stays where it is.
 */
void stalling_file_open(struct stalling_file *file);
/* Whoever still waits for a page gets an error. */
void stalling_file_close(struct stalling_file *file);
/* First thing in a process that is forked: its copy would keep the FUSE. */
void stalling_file_forked(struct stalling_file *file);
/* Pages of the file, to read */
void *stalling_file_map(const struct stalling_file *file);
/* Does somebody come to wait for a page? */
bool stalling_file_is_awaited(struct stalling_file *file);
/* From now on pages come, full of zeros. */
void stalling_file_answer(struct stalling_file *file);

#endif
