// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program of the second-level guest. It waits for a device, drives it once
 * and reports, and then keeps it busy until it is taken away, or the guest is reset or
 * killed. After a removal it waits for the next.
 *
 * The report goes to ttyS1, in lines:
 *
 *	ok WHAT
 *	not ok WHAT
 *	done		everything was tried
 *	gone		the device was taken away
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <termios.h>
#include <unistd.h>

#include "inner.h"

#define POLL_USEC 10000

static const struct inner_driver *const drivers[] = { &inner_edu, &inner_nvme };
static int report;

void result(bool good, const char *what)
{
	dprintf(report, "%s %s\n", good ? "ok" : "not ok", what);
}

static void open_report(void)
{
	struct termios raw;

	report = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	tcgetattr(report, &raw);
	cfmakeraw(&raw);
	tcsetattr(report, TCSANOW, &raw);
}

static const struct inner_driver *wait_for_device(void)
{
	for (;;) {
		for (int i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
			if (drivers[i]->present())
				return drivers[i];
		usleep(POLL_USEC);
	}
}

int main(void)
{
	const struct inner_driver *driver;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	open_report();
	for (;;) {
		driver = wait_for_device();
		driver->try();
		dprintf(report, "done\n");
		driver->busy();
		while (driver->present())
			usleep(POLL_USEC);
		dprintf(report, "gone\n");
	}
}
