// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"

#define TRACEFS "/sys/kernel/tracing"

bool trace_exists(void)
{
	if (access(TRACEFS "/instances", F_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	return !access(TRACEFS "/events/iommufd", F_OK);
}

static int write_to(const struct trace *trace, const char *file,
		    const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", trace->path, file);
	return file_write(path, text);
}

int trace_open(struct trace *trace)
{
	char text[32];
	int ret;

	snprintf(trace->path, sizeof(trace->path), TRACEFS "/instances/iommufd_%d",
		 getpid());
	trace->text[0] = '\0';
	ret = errno_of(mkdir(trace->path, 0700));
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "common_pid==%d", getpid());
	ret = write_to(trace, "events/iommufd/filter", text);
	return ret ?: trace_set(trace, true);
}

int trace_set(struct trace *trace, bool on)
{
	return write_to(trace, "events/iommufd/enable", on ? "1" : "0");
}

void trace_close(struct trace *trace)
{
	must(trace_set(trace, false));
	must(errno_of(rmdir(trace->path)));
}

/* It is longer than one read gives. */
static int read_all(const char *path, char *text, size_t size)
{
	int fd = errno_of(open(path, O_RDONLY | O_CLOEXEC));
	size_t done = 0;
	ssize_t length;

	if (fd < 0)
		return fd;
	do {
		length = errno_of(read(fd, text + done, size - 1 - done));
		if (length > 0)
			done += length;
	} while (length > 0);
	close(fd);
	text[done] = '\0';
	return length;
}

int trace_take(struct trace *trace)
{
	char path[192];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/trace", trace->path);
	ret = read_all(path, trace->text, sizeof(trace->text));
	if (ret < 0)
		return ret;
	/* To open it so is to clear the buffer. */
	fd = errno_of(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

const char *trace_find(const struct trace *trace, const char *event,
		       unsigned int n)
{
	const char *line = trace->text;
	char name[64];

	snprintf(name, sizeof(name), " %s: ", event);
	while ((line = strstr(line, name)) && n--)
		line++;
	return line ? line + 1 : NULL;
}

unsigned int trace_count(const struct trace *trace, const char *event)
{
	unsigned int count = 0;

	while (trace_find(trace, event, count))
		count++;
	return count;
}

int trace_field_text(const char *line, const char *field, char *text,
		     size_t size)
{
	size_t length;
	char name[64];

	snprintf(name, sizeof(name), " %s=", field);
	length = strcspn(line, "\n");
	line = memmem(line, length, name, strlen(name));
	if (!line)
		return -ENOENT;
	line += strlen(name);
	snprintf(text, size, "%.*s", (int)strcspn(line, " \n"), line);
	return 0;
}

__u64 trace_field(const char *line, const char *field)
{
	char text[64];

	if (trace_field_text(line, field, text, sizeof(text)))
		return ~0ULL;
	/* A result may be below 0. */
	return text[0] == '-' ? (__u64)strtoll(text, NULL, 10) :
				strtoull(text, NULL, 0);
}

void trace_print(const struct trace *trace)
{
	const char *line = trace->text;

	while (*line) {
		int length = strcspn(line, "\n");

		if (*line != '#')
			printf("#: %.*s\n", length, line);
		line += length + (line[length] == '\n');
	}
}
