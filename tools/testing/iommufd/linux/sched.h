/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEST_LINUX_SCHED_H
#define TEST_LINUX_SCHED_H

#define cond_resched() do { } while (0)

#endif
