// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"
#include "test_env.h"

int kernel_log_open(void)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	int log = must(errno_of(open("/dev/kmsg", flags)));

	must(errno_of(lseek(log, 0, SEEK_END)));
	return log;
}

bool kernel_log_has(int log, unsigned int priority, const char *bdf,
		    const char *text)
{
	bool found = false;
	unsigned int number;
	char record[8192];
	ssize_t length;

	do {
		length = errno_of(read(log, record, sizeof(record) - 1));
		if (length < 0)
			continue;
		record[length] = '\0';
		found |= sscanf(record, "%u,", &number) == 1 &&
			 number <= priority && strstr(record, bdf) &&
			 strstr(record, text);
	} while (length >= 0 || length == -EPIPE);
	must(length == -EAGAIN ? 0 : length);
	return found;
}
