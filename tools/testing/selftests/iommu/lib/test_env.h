/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every iommufd test needs of its surroundings: a verdict on calls that
 * have to work, memory to map, limits, and a look at what is pinned.
 */
#ifndef __IOMMU_TEST_ENV_H
#define __IOMMU_TEST_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

/* Some processors have a choice, of which the kernel has made one. */
#define PAGE_SIZE page_size()
__u64 page_size(void);

/*
 * How long a test may take, in seconds. Only a hang takes that long, in an emulated
 * machine with every checker of the kernel too. kselftest_harness.h, which comes
 * first in a program, has another limit for a TEST(), which cannot ask for one.
 */
#define TEST_SECONDS 300
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT TEST_SECONDS

/*
 * Calls of this library return 0 or more on success and a negative errno on
 * failure. must() is the asserting form of each of them: it passes the result
 * on, or ends the test saying which call failed and where.
 */
#define must(call) must_succeed((call), #call, __FILE__, __LINE__)
long must_succeed(long ret, const char *call, const char *file, int line);

/* -errno instead of -1, for system calls */
long errno_of(long ret);

/* Set where everything a test can need is known to be there. */
bool env_is_complete(void);

/*
 * Leave the test when something is missing, as a failure where it may not be
 * missing. kselftest_harness.h would run the test after SKIP(return) in a
 * fixture's setup, hence the exit.
 */
#define need(condition, what)                                  \
	do {                                                   \
		if (!(condition)) {                            \
			ASSERT_FALSE(env_is_complete())        \
			{                                      \
				TH_LOG("missing: %s", what);   \
			}                                      \
			SKIP(_exit(255), "missing: %s", what); \
		}                                              \
	} while (0)

/* The same for what such a kernel cannot have, and is not missing */
#define skip_if(condition, why)                    \
	do {                                       \
		if (condition)                     \
			SKIP(_exit(255), "%s", why); \
	} while (0)

/* Anonymous private memory, zeroed */
void *memory_alloc(size_t length);
void memory_free(void *memory, size_t length);
/* An address at which @length bytes are certainly not mapped */
void *memory_hole(size_t length);
/* A file in memory whose pages are no neighbours of each other there */
int file_scattered(size_t size);
/*
 * Much memory made of little: @length bytes of addresses, again and again over
 * the same @size bytes of @file, a power of two.
 */
void *memory_repeated(int file, size_t size, size_t length);
/* A call argument that the kernel can read but not write */
void *memory_readonly_copy(const void *data, size_t length);

/* The text of a short file, as those of sysfs are, and a new one for it */
int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);

/* Contents that differ for each seed, and how much of them is still there */
void memory_fill(void *memory, size_t length, unsigned int seed);
bool memory_matches(const void *memory, size_t length, unsigned int seed);

/* Pages that are pinned, and locked, for this process: /proc/self/status */
unsigned long pages_pinned(void);
unsigned long pages_locked(void);

/* Where in the machine's memory the page is that is mapped here */
unsigned long page_frame(const void *memory);

/* Memory that the kernel keeps for pages which it may move at any time */
bool movable_zone_exists(void);
/* How many pages of what is mapped here lie in it? */
unsigned long pages_in_movable_zone(const void *memory, size_t length);

/* Pins of the whole machine: how many there are, and have ever been */
unsigned long machine_pins(void);
unsigned long machine_pins_ever(void);

/* Make RLIMIT_MEMLOCK count, which it does not for CAP_IPC_LOCK. */
void limit_locked_pages(unsigned long pages);
/*
 * Become a user that nobody else is, so that nobody else's locked memory
 * counts, with limit_locked_pages(). Good for one time: there is no way back.
 */
void become_limited_user(unsigned long pages);
/* The same as a given user */
void become_limited(uid_t user, unsigned long pages);
/* Do without one of CAP_* */
void drop_capability(unsigned int capability);

/*
 * When the kernel takes a processor away from a call: "none", "voluntary" or
 * "full". A kernel with PREEMPT_DYNAMIC can change that.
 */
int preemption_get(char *mode, size_t size);
int preemption_set(const char *mode);
/* PREEMPT_RT: no call has a processor to itself, and there is no choice */
bool preemption_is_everywhere(void);

/* Is one of the machine's interrupts said to be delivered by @what? */
bool interrupts_name(const char *what);

/*
 * Random numbers from a seed that is printed and can be set with the variable
 * @name, so that a failure can be repeated. Each thread has a sequence of its
 * own, which begins with random_seed().
 */
__u64 random_start(const char *name);
void random_seed(__u64 seed);
/* 0 to limit - 1 */
__u64 random_below(__u64 limit);

#endif
