// SPDX-License-Identifier: GPL-2.0
#include "stalling_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_NAME "pages"
#define FILE_NODE 2
#define WAIT_MS 60000
#define REQUEST_MAX (64 * 1024)

bool stalling_files_exist(void)
{
	return !access("/dev/fuse", F_OK);
}

/* The asker may be gone, which is no concern of the server. */
static void reply(const struct stalling_file *file, __u64 unique, int error,
		  const void *data, size_t size)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + size,
		.error = error,
		.unique = unique,
	};
	struct iovec parts[] = {
		{ &header, sizeof(header) },
		{ (void *)data, size },
	};

	if (writev(file->fuse, parts, 2) < 0 && errno != ENOENT)
		perror("fuse");
}

static void reply_pages(const struct stalling_file *file,
			const struct stalling_read *read)
{
	char *zeros = memory_alloc(STALLING_FILE_LENGTH);

	reply(file, read->unique, 0, zeros, read->size);
	memory_free(zeros, STALLING_FILE_LENGTH);
}

static struct fuse_attr node_attr(__u64 node)
{
	bool is_file = node == FILE_NODE;

	return (struct fuse_attr){
		.ino = node,
		.size = STALLING_FILE_LENGTH,
		.nlink = 1,
		.mode = is_file ? S_IFREG | 0600 : S_IFDIR | 0700,
		.blksize = PAGE_SIZE,
	};
}

/* Read by the page, and not by whoever waits: so that it can be killed */
static void serve_init(const struct stalling_file *file,
		       const struct fuse_in_header *request)
{
	const struct fuse_init_in *in = (const void *)(request + 1);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ?
				 in->minor :
				 FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = PAGE_SIZE,
		.flags = FUSE_ASYNC_READ,
		.max_write = PAGE_SIZE,
	};

	reply(file, request->unique, 0, &out, sizeof(out));
}

static void serve_lookup(const struct stalling_file *file,
			 const struct fuse_in_header *request)
{
	struct fuse_entry_out out = {
		.nodeid = FILE_NODE,
		.attr_valid = 1000,
		.entry_valid = 1000,
		.attr = node_attr(FILE_NODE),
	};

	reply(file, request->unique, 0, &out, sizeof(out));
}

static void serve_getattr(const struct stalling_file *file,
			  const struct fuse_in_header *request)
{
	struct fuse_attr_out out = {
		.attr_valid = 1000,
		.attr = node_attr(request->nodeid),
	};

	reply(file, request->unique, 0, &out, sizeof(out));
}

static void serve_open(const struct stalling_file *file,
		       const struct fuse_in_header *request)
{
	/* A test that fails closes it when there is nobody to answer a flush. */
	struct fuse_open_out out = { .fh = 1, .open_flags = FOPEN_NOFLUSH };

	reply(file, request->unique, 0, &out, sizeof(out));
}

static void serve_read(struct stalling_file *file,
		       const struct fuse_in_header *request)
{
	const struct fuse_read_in *in = (const void *)(request + 1);
	struct stalling_read read = { request->unique, in->size };

	pthread_mutex_lock(&file->lock);
	if (file->answers)
		reply_pages(file, &read);
	else if (file->nr_reads == STALLING_READS_MAX)
		reply(file, request->unique, -EIO, NULL, 0);
	else
		file->reads[file->nr_reads++] = read;
	pthread_mutex_unlock(&file->lock);
}

static void serve_request(struct stalling_file *file,
			  const struct fuse_in_header *request)
{
	switch (request->opcode) {
	case FUSE_INIT:
		serve_init(file, request);
		break;
	case FUSE_LOOKUP:
		serve_lookup(file, request);
		break;
	case FUSE_GETATTR:
		serve_getattr(file, request);
		break;
	case FUSE_OPEN:
		serve_open(file, request);
		break;
	case FUSE_READ:
		serve_read(file, request);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		/* want no answer */
		break;
	default:
		reply(file, request->unique, -EOPNOTSUPP, NULL, 0);
	}
}

/* Ends when the FUSE is unmounted. */
static void *serve(void *data)
{
	static __thread union {
		struct fuse_in_header header;
		char bytes[REQUEST_MAX];
	} request;
	struct stalling_file *file = data;

	for (;;) {
		ssize_t length = read(file->fuse, &request, sizeof(request));

		if (length >= 0)
			serve_request(file, &request.header);
		else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
			return NULL;
	}
}

void stalling_file_open(struct stalling_file *file)
{
	char options[96], path[64];

	memset(file, 0, sizeof(*file));
	pthread_mutex_init(&file->lock, NULL);
	strcpy(file->folder, "/tmp/stalling.XXXXXX");
	must(mkdtemp(file->folder) ? 0 : -errno);
	file->fuse = must(errno_of(open("/dev/fuse", O_RDWR | O_CLOEXEC)));
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%d,group_id=%d", file->fuse,
		 getuid(), getgid());
	must(errno_of(mount("stalling_file", file->folder, "fuse",
			    MS_NOSUID | MS_NODEV, options)));
	must(-pthread_create(&file->server, NULL, serve, file));
	snprintf(path, sizeof(path), "%s/" FILE_NAME, file->folder);
	file->fd = must(errno_of(open(path, O_RDONLY | O_CLOEXEC)));
}

void stalling_file_close(struct stalling_file *file)
{
	close(file->fd);
	/* Forced, as somebody may have the file still */
	must(errno_of(umount2(file->folder, MNT_FORCE | MNT_DETACH)));
	must(-pthread_join(file->server, NULL));
	close(file->fuse);
	rmdir(file->folder);
	pthread_mutex_destroy(&file->lock);
}

void stalling_file_forked(struct stalling_file *file)
{
	close(file->fuse);
}

void *stalling_file_map(const struct stalling_file *file)
{
	void *pages = mmap(NULL, STALLING_FILE_LENGTH, PROT_READ, MAP_SHARED,
			   file->fd, 0);

	must(pages == MAP_FAILED ? -errno : 0);
	return pages;
}

static unsigned int nr_reads(struct stalling_file *file)
{
	unsigned int nr;

	pthread_mutex_lock(&file->lock);
	nr = file->nr_reads;
	pthread_mutex_unlock(&file->lock);
	return nr;
}

bool stalling_file_is_awaited(struct stalling_file *file)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && !nr_reads(file); ms++)
		usleep(1000);
	return nr_reads(file);
}

void stalling_file_answer(struct stalling_file *file)
{
	unsigned int i;

	pthread_mutex_lock(&file->lock);
	file->answers = true;
	for (i = 0; i < file->nr_reads; i++)
		reply_pages(file, &file->reads[i]);
	file->nr_reads = 0;
	pthread_mutex_unlock(&file->lock);
}
