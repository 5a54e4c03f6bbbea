// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kselftest harness stops a test by alarm() after 30 s, or what the test asks
 * for. An emulated machine with KASAN and lockdep wants more: linked with
 * --wrap=alarm, a program gets ten times as long.
 */
#define SCALE 10

unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	return __real_alarm(seconds * SCALE) / SCALE;
}
