// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "memory_file.h"

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

static int shmem_open(void)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC,
				   0600);
}

int file_open(enum file_kind kind)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	switch (kind) {
	case FILE_MEMFD:
		return must(errno_of(memfd_create("memory", flags)));
	case FILE_HUGETLB:
		return must(errno_of(memfd_create("memory",
						  flags | MFD_HUGETLB)));
	case FILE_SHMEM:
		return errno_of(shmem_open());
	}
	return -EINVAL;
}

int file_reopen(int file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return errno_of(open(path, flags | O_CLOEXEC));
}

unsigned long huge_pages_exist(void)
{
	char pages[16];

	must(file_read(HUGE_PAGES, pages, sizeof(pages)));
	return strtoul(pages, NULL, 10);
}

/* Others may use some: make sure that there are four more. */
bool huge_pages_reserve(void)
{
	return !file_write(HUGE_PAGES, "8") && huge_pages_exist() >= 4;
}

int tmpfs_file(char *directory, const char *options)
{
	char path[64];
	int ret;

	must(mkdtemp(directory) ? 0 : -errno);
	ret = errno_of(mount("map_file_test", directory, "tmpfs", 0, options));
	if (ret) {
		must(errno_of(rmdir(directory)));
		return ret;
	}
	snprintf(path, sizeof(path), "%s/file", directory);
	return errno_of(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

void tmpfs_end(const char *directory)
{
	must(errno_of(umount(directory)));
	must(errno_of(rmdir(directory)));
}

const char *file_env_open(struct file_env *env, enum file_kind kind)
{
	if (!mock_exists())
		return "the mock IOMMU";
	env->length = 64 * PAGE_SIZE;
	if (kind == FILE_HUGETLB) {
		if (!huge_pages_reserve())
			return "huge pages";
		env->length = 2 * HUGE_PAGE;
	}
	env->file = file_open(kind);
	if (env->file < 0)
		return "a file system in memory";
	must(errno_of(ftruncate(env->file, env->length)));
	space_open_mock(&env->space, &env->mock);
	env->access =
		must(access_create(env->space.iommufd, env->space.ioas_id));
	return NULL;
}

void file_env_close(struct file_env *env)
{
	must(errno_of(close(env->access)));
	space_close(&env->space);
}

int file_env_map(const struct file_env *env, __u64 start, __u64 length)
{
	return ioas_map_file_fixed(env->space.iommufd, env->space.ioas_id,
				   env->file, start, length, FILE_ENV_IOVA);
}

int file_env_unmap(const struct file_env *env, __u64 length)
{
	return ioas_unmap(env->space.iommufd, env->space.ioas_id, FILE_ENV_IOVA,
			  length, NULL);
}
