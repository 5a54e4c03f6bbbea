// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdinfo.h"
#include "test_env.h"

#define FDINFO_MAX (1 << 20)

char *fdinfo_read(pid_t pid, int fd)
{
	char path[64], *text = malloc(FDINFO_MAX);
	size_t done = 0;
	ssize_t ret;
	int file;

	must(text ? 0 : -ENOMEM);
	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	else
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = must(errno_of(open(path, O_RDONLY | O_CLOEXEC)));
	do {
		ret = must(errno_of(read(file, text + done,
					 FDINFO_MAX - 1 - done)));
		done += ret;
	} while (ret);
	text[done] = '\0';
	close(file);
	return text;
}

/* The first line at @text or later with a key; sets @value, without the end */
static const char *find_line(const char *text, const char *key,
			     char value[FDINFO_LINE_MAX])
{
	size_t length = strlen(key);

	while (text && *text) {
		const char *end = strchr(text, '\n');

		must(end ? 0 : -EIO);
		if (!strncmp(text, key, length) && text[length] == ':') {
			text += length + 2;
			must(end - text < FDINFO_LINE_MAX ? 0 : -E2BIG);
			snprintf(value, FDINFO_LINE_MAX, "%.*s",
				 (int)(end - text), text);
			return end + 1;
		}
		text = end + 1;
	}
	return NULL;
}

int fdinfo_value(int fd, const char *key, char value[FDINFO_LINE_MAX])
{
	char *text = fdinfo_read(0, fd);
	bool found = find_line(text, key, value);

	free(text);
	return found ? 0 : -ENOENT;
}

unsigned int fdinfo_count(int fd, const char *key)
{
	char *text = fdinfo_read(0, fd);
	char value[FDINFO_LINE_MAX];
	const char *next = text;
	unsigned int count = 0;

	while ((next = find_line(next, key, value)))
		count++;
	free(text);
	return count;
}

int fdinfo_object(int fd, const char *key, __u32 id,
		  char value[FDINFO_LINE_MAX])
{
	char *text = fdinfo_read(0, fd);
	const char *next = text;
	char start[32];

	snprintf(start, sizeof(start), "id=%u ", id);
	do {
		next = find_line(next, key, value);
	} while (next && strncmp(value, start, strlen(start)));
	free(text);
	return next ? 0 : -ENOENT;
}

/* Behind "@name=" in a list; NULL if that is not there */
static const char *find_field(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list) {
		if (!strncmp(list, name, length) && list[length] == '=')
			return list + length + 1;
		list = strchr(list, ' ');
		if (list)
			list++;
	}
	return NULL;
}

bool fdinfo_says(int fd, const char *key, __u32 id, const char *name,
		 const char *text)
{
	char value[FDINFO_LINE_MAX];
	const char *field;
	size_t length;

	if (fdinfo_object(fd, key, id, value))
		return false;
	field = find_field(value, name);
	if (!field)
		return false;
	length = strcspn(field, " ");
	return length == strlen(text) && !strncmp(field, text, length);
}

long long fdinfo_number(int fd, const char *key, __u32 id, const char *name)
{
	char value[FDINFO_LINE_MAX];
	const char *field;

	if (fdinfo_object(fd, key, id, value))
		return -1;
	field = find_field(value, name);
	return field ? strtoll(field, NULL, 0) : -1;
}

bool refused(int fd, const char *what, const char *part)
{
	char value[FDINFO_LINE_MAX];
	size_t length = strlen(what);

	if (fdinfo_value(fd, "last-error", value))
		strcpy(value, "(none)");
	if (!strncmp(value, what, length) && !strncmp(value + length, ": ", 2) &&
	    strstr(value + length, part))
		return true;
	printf("# last-error is: %s\n# and not: %s: ... %s ...\n", value, what,
	       part);
	return false;
}
