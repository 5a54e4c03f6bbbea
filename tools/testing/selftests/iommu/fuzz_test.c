// SPDX-License-Identifier: GPL-2.0
/*
 * Programs made by chance, of all calls of the interface: first those of the corpus, then new
 * ones. With KCOV in the kernel what reaches new code is kept, and changed again and again.
 *
 * The environment says what to do:
 *	FUZZ_CORPUS	file of programs, fuzz_corpus.txt beside this program
 *	FUZZ_SECONDS	how long new programs are made, 60
 *	FUZZ_SEED	of the random numbers
 *	FUZZ_REPLAY	file of programs to run, with what each call answers, and nothing else
 *
 * A program is printed before it is run: of one that ends the machine, it is the last.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/corpus.h"
#include "fuzz/coverage.h"
#include "fuzz/execute.h"
#include "fuzz/generate.h"
#include "fuzz/oracle.h"
#include "fuzz/reduce.h"
#include "fuzz/text.h"
#include "fuzz/world.h"
#include "lib/mock.h"

/* A report is reduced for so long at most. */
#define REDUCE_SECONDS 300

static struct fresh fresh;
/* How much of it a program must reach to be as good */
static unsigned int fresh_wanted;
static unsigned int programs_run;
static time_t reduce_end;
/* What the last program found, or NULL */
static const char *found;

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void run(const struct program *program)
{
	text_print(program, '>');
	programs_run++;
	found = execute(program) ? oracle_ask() : "it did not end";
}

static bool still_wrong(const struct program *program)
{
	if (now() > reduce_end)
		return false;
	oracle_rearm();
	run(program);
	return found;
}

static bool still_fresh(const struct program *program)
{
	static struct fresh again;

	run(program);
	coverage_read(&again);
	return !found && again.count >= fresh_wanted;
}

/* Nothing but the report itself is lost when the same does not come again. */
static void report(const struct program *program)
{
	static struct program less;

	printf("# found: %s\n", found);
	text_print(program, '!');
	less = *program;
	reduce_end = now() + REDUCE_SECONDS;
	if (!still_wrong(&less)) {
		printf("# it does not come again\n");
		return;
	}
	reduce(&less, still_wrong);
	printf("# reduced:\n");
	text_print(&less, '!');
}

static void keep(const struct program *program, bool shorten)
{
	static struct program less;

	less = *program;
	fresh_wanted = fresh.count;
	if (shorten)
		reduce(&less, still_fresh);
	coverage_take(&fresh);
	corpus_add(&less);
	printf("# kept %u: %u places of %u after %u programs\n", corpus_count(), fresh.count,
	       coverage_total(), programs_run);
	text_print(&less, '+');
}

/* Return: is all well? */
static bool try(const struct program *program, bool is_new)
{
	run(program);
	if (found) {
		report(program);
		return false;
	}
	coverage_read(&fresh);
	if (fresh.count)
		keep(program, is_new);
	return true;
}

static FILE *open_corpus(void)
{
	char path[PATH_MAX] = "", file[PATH_MAX + 32];
	const char *name = getenv("FUZZ_CORPUS");

	if (name)
		return fopen(name, "r");
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return NULL;
	snprintf(file, sizeof(file), "%s/fuzz_corpus.txt", dirname(path));
	return fopen(file, "r");
}

/* Without KCOV all are kept: each did reach something once. */
static bool run_corpus(bool counts)
{
	static struct program program;
	FILE *file = open_corpus();
	bool well = true;

	while (well && file && text_read(&program, file)) {
		well = try(&program, false);
		if (!counts)
			corpus_add(&program);
	}
	if (file)
		fclose(file);
	return well && !text_mistakes;
}

static bool run_new(unsigned int seconds)
{
	static struct program program, other;
	time_t end = now() + seconds;
	bool well = true;

	while (well && now() < end) {
		if (random_below(6) && corpus_pick(&program) && corpus_pick(&other))
			generate_mutation(&program, &other);
		else
			generate_program(&program);
		if (program.nr_steps)
			well = try(&program, true);
	}
	return well;
}

static bool replay(const char *name)
{
	static struct program program;
	FILE *file = fopen(name, "r");
	bool well = true;
	unsigned int i;

	while (file && text_read(&program, file)) {
		time_t start = now();

		run(&program);
		printf("# %ld s\n", (long)(now() - start));
		for (i = 0; i < program.nr_steps; i++)
			printf("# %-24s = %ld\n", program.steps[i].call->name, world_noted(i));
		if (found)
			report(&program);
		well = well && !found;
	}
	if (file)
		fclose(file);
	return well && programs_run && !text_mistakes;
}

static bool tell(unsigned int number, bool well, const char *name)
{
	printf("%sok %u %s\n", well ? "" : "not ", number, name);
	fflush(stdout);
	return well;
}

int main(void)
{
	const char *seconds = getenv("FUZZ_SECONDS"), *name = getenv("FUZZ_REPLAY");
	bool counts, well;

	if (!mock_exists()) {
		printf("1..0 # SKIP missing: the mock IOMMU\n");
		return env_is_complete();
	}
	printf("1..%u\n", name ? 1 : 2);
	random_start("FUZZ_SEED");
	world_prepare();
	oracle_prepare();
	execute_prepare();
	counts = coverage_open();
	if (name)
		return !tell(1, replay(name), "replay");
	well = tell(1, run_corpus(counts), "corpus_leaves_nothing");
	if (well)
		well = tell(2, run_new(seconds ? atoi(seconds) : 60), "new_programs_leave_nothing");
	printf("# %u programs, %u kept, %u places\n", programs_run, corpus_count(),
	       coverage_total());
	return !well;
}
