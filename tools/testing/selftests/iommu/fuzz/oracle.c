// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/test_env.h"
#include "oracle.h"

/* Files are closed a little after the process is gone. */
#define PINS_WAIT_MS 3000

/* As console_filter.sh of the harness has them; that one sees what comes later, too. */
static const char *const complaints[] = {
	"WARNING: ", "BUG: ", "BUG ", "Oops", "KASAN", "UBSAN: ", "ODEBUG: ", "refcount_t: ",
	"possible recursive locking", "possible circular locking", "inconsistent lock state",
	"bad unlock balance", "held lock freed", "lock held when returning", "suspicious RCU",
	"invalid wait context", "DEBUG_LOCKS_WARN_ON", "INFO: trying to register",
	"sleeping function called", "scheduling while atomic", "blocked for more than",
	"general protection fault", "corruption", "Bad page", "Bad rss-counter",
};

/* A mistake of 6.1 itself, see console_filter.sh */
#define KNOWN "hugetlb_split"

static int messages = -1;
static unsigned long pins;
static char wrong[512];

void oracle_prepare(void)
{
	messages = must(errno_of(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
	must(errno_of(lseek(messages, 0, SEEK_END)));
	pins = machine_pins();
}

static bool complains(const char *message)
{
	unsigned int i;

	if (strstr(message, KNOWN))
		return false;
	for (i = 0; i < ARRAY_SIZE(complaints); i++)
		if (strstr(message, complaints[i]))
			return true;
	return false;
}

/* The first complaint, with the others read over */
static bool kernel_complained(void)
{
	char record[2048], *text;
	bool found = false;
	ssize_t length;

	while ((length = read(messages, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (length < 0)
			continue;
		record[length] = '\0';
		text = strchr(record, ';');
		if (!text || found || !complains(text))
			continue;
		text[strcspn(text, "\n")] = '\0';
		snprintf(wrong, sizeof(wrong), "%s", text + 1);
		found = true;
	}
	return found;
}

static bool pages_stay_pinned(void)
{
	unsigned int ms;

	for (ms = 0; ms < PINS_WAIT_MS; ms++) {
		if (machine_pins() == pins)
			return false;
		usleep(1000);
	}
	snprintf(wrong, sizeof(wrong), "%ld pages are still pinned",
		 (long)(machine_pins() - pins));
	pins = machine_pins();
	return true;
}

const char *oracle_ask(void)
{
	return kernel_complained() || pages_stay_pinned() ? wrong : NULL;
}

void oracle_rearm(void)
{
	file_write("/sys/kernel/debug/clear_warn_once", "1");
}
