// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kselftest harness stops a test by alarm() after 30 s, or what the test asks
 * for. An emulated machine with KASAN and lockdep wants more: linked with
 * --wrap=alarm, a program waits for at least five minutes.
 */
#define SECONDS_AT_LEAST 300

unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	if (seconds && seconds < SECONDS_AT_LEAST)
		seconds = SECONDS_AT_LEAST;
	return __real_alarm(seconds);
}
