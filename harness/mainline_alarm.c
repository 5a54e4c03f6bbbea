// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mainline's programs, which are built as they are, let kselftest_harness.h stop a
 * test by alarm() after 30 s. An emulated machine with KASAN and lockdep wants more:
 * linked with --wrap=alarm, they wait for as long as our own tests do by TEST_SECONDS.
 */
#include "iommu/lib/test_env.h"

unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	if (seconds && seconds < TEST_SECONDS)
		seconds = TEST_SECONDS;
	return __real_alarm(seconds);
}
