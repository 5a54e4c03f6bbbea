// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault_injection.h"

#define DEBUGFS "/sys/kernel/debug"
/* No call has more sites; one that never ends must not pass. */
#define SITES_MAX 2000

static void write_setting(const char *directory, const char *name,
			  const char *value)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", directory, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	must(errno_of(write(fd, value, strlen(value))));
	must(errno_of(close(fd)));
}

/* Every fail* directory: quiet, and also where the kernel may wait. */
static void prepare_injection(void)
{
	DIR *debugfs = opendir(DEBUGFS);
	struct dirent *entry;

	must(debugfs ? 0 : -errno);
	while ((entry = readdir(debugfs))) {
		if (strncmp(entry->d_name, "fail", 4))
			continue;
		write_setting(entry->d_name, "verbose", "0");
		write_setting(entry->d_name, "ignore-gfp-wait", "N");
		write_setting(entry->d_name, "ignore-gfp-highmem", "N");
		write_setting(entry->d_name, "min-order", "0");
	}
	closedir(debugfs);
}

bool faults_exist(void)
{
	return !access(DEBUGFS "/failslab", F_OK) &&
	       !access("/proc/self/fail-nth", F_OK);
}

int faults_open_thread(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth",
		 syscall(SYS_gettid));
	return errno_of(open(path, O_RDWR | O_CLOEXEC));
}

int faults_open(void)
{
	prepare_injection();
	return faults_open_thread();
}

void faults_arm(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	/* What is armed still may strike here. */
	while (pwrite(fd, text, length, 0) != length)
		must(errno == EFAULT || errno == ENOMEM ? 0 : -errno);
}

bool faults_disarm(int fd)
{
	char text[16] = { 0 };
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	/* Not by the call but by this one: the copy of what it reads failed. */
	if (length < 0)
		return false;
	faults_arm(fd, 0);
	return !strcmp(text, "0\n");
}

/* One site. Return: 1 when it was reached, 0 when not; an errno */
static int fail_site(struct scene *scene, int fd, const struct fault_step *step,
		     unsigned int n)
{
	unsigned long pinned, locked;
	bool failed;
	int ret;

	if (step->prepare)
		step->prepare(scene);
	pinned = pages_pinned();
	locked = pages_locked();
	faults_arm(fd, n);
	ret = step->run(scene);
	failed = faults_disarm(fd);
	if (ret < 0) {
		if (!failed)
			return ret;
		if (!step->reply_is_last &&
		    (pages_pinned() != pinned || pages_locked() != locked))
			return -ENOTRECOVERABLE;
		ret = step->run(scene);
		if (ret < 0 && ret != step->repeated)
			return ret;
	}
	if (step->undo)
		step->undo(scene);
	return failed;
}

int faults_sweep(int faults, struct scene *scene, const struct fault_step *step)
{
	unsigned int n;

	for (n = 1; n < SITES_MAX; n++) {
		int ret = fail_site(scene, faults, step, n);

		if (ret <= 0)
			return ret ? ret : (int)n - 1;
	}
	return -ELOOP;
}

/* Is this thread one whose calls fail? */
static void make_it_fail(const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/make-it-fail",
		 syscall(SYS_gettid));
	must(file_write(path, value));
}

void faults_short_of_memory(bool is_short)
{
	if (is_short) {
		write_setting("failslab", "verbose", "0");
		write_setting("failslab", "ignore-gfp-wait", "Y");
		write_setting("failslab", "task-filter", "Y");
		write_setting("failslab", "times", "-1");
		write_setting("failslab", "probability", "100");
		make_it_fail("1");
	} else {
		make_it_fail("0");
		write_setting("failslab", "probability", "0");
		write_setting("failslab", "task-filter", "N");
	}
}

#define REFUSAL "fail_virtio_iommu"

bool faults_refusal_exists(void)
{
	return !access(DEBUGFS "/" REFUSAL, F_OK);
}

void faults_refuse(unsigned int n)
{
	char text[16];

	/* Each request takes one from what is still left. */
	snprintf(text, sizeof(text), "%u", n + 1);
	write_setting(REFUSAL, "verbose", "0");
	write_setting(REFUSAL, "task-filter", "Y");
	write_setting(REFUSAL, "space", text);
	write_setting(REFUSAL, "times", "1");
	write_setting(REFUSAL, "probability", "100");
	make_it_fail("1");
}

bool faults_refused(void)
{
	char times[16];

	make_it_fail("0");
	write_setting(REFUSAL, "probability", "0");
	must(file_read(DEBUGFS "/" REFUSAL "/times", times, sizeof(times)));
	return atoi(times) == 0;
}
