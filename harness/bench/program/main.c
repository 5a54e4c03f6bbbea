// SPDX-License-Identifier: GPL-2.0-only
/*
 * Usage: bench INTERFACE DEVICE DEVICE [real-time] [PREFIX]
 *
 * Measure what mapping memory for a device costs, with type1 or iommufd as INTERFACE
 * and two PCI devices that vfio-pci has, given by their addresses. PREFIX gives only rows
 * whose name begins so, real-time only those that are measured in time.
 *
 * It is meant for a machine whose time-stamp counter counts instructions: QEMU with
 * -icount shift=0. Each row is a line "row NAME UNIT VALUE TEXT", where a value of "-"
 * says that there is no such thing; the last line is "end". The line "# one instruction
 * is 1.000" tells such a machine. "window ROW NUMBER UNITS" is for a profiler: what was
 * executed between the start and the stop of that number is the row's, of so many units.
 */
#include <err.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"

#define LOOPS 100000

static unsigned long long started;
static unsigned int nr_windows;

__attribute__((noinline)) void stopwatch_start(void)
{
	started = __rdtsc();
}

__attribute__((noinline)) void stopwatch_stop(struct result *result, double units)
{
	result->value = (__rdtsc() - started) / units;
	result->units = units;
	result->window = nr_windows++;
}

/* A loop of two instructions, of which the number is known */
static double loop(void)
{
	unsigned long count = LOOPS;
	struct result result;

	stopwatch_start();
	asm volatile("1: dec %0; jnz 1b" : "+r" (count) : : "cc");
	stopwatch_stop(&result, 2.0 * LOOPS);
	return result.value;
}

/* The shortest of several: a timer's interrupt comes in some */
static void show_unit(void)
{
	double shortest = loop();

	for (int try = 1; try < 10; try++) {
		double time = loop();

		if (time < shortest)
			shortest = time;
	}
	printf("# one instruction is %.3f\n", shortest);
}

/* What a row is called: the work, and which of its results where there are several */
static const char *row_name(const struct work *work, const char *result)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%s%s", work->name, *result ? "_" : "", result);
	return name;
}

static bool row_wanted(const struct bench *bench, const struct work *work, const char *result)
{
	return !strncmp(row_name(work, result), bench->prefix, strlen(bench->prefix));
}

static bool work_wanted(const struct bench *bench, const struct work *work)
{
	if (work->real_time != bench->real_time)
		return false;
	for (int i = 0; i < MAX_RESULTS && work->results[i]; i++)
		if (row_wanted(bench, work, work->results[i]))
			return true;
	return false;
}

static void show_result(const struct work *work, const char *name, const struct result *result)
{
	printf("row %s %s ", row_name(work, name), work->unit);
	if (isnan(result->value))
		printf("-");
	else
		printf("%.2f", result->value);
	printf(" %s%s%s\n", work->text, *name ? ": " : "", name);
	if (result->units)
		printf("window %s %u %.0f\n", row_name(work, name), result->window, result->units);
}

/* A serial port that still sends would interrupt what is measured next */
static void wait_for_output(void)
{
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static void run_work(const struct bench *bench, const struct work *work)
{
	struct result results[MAX_RESULTS] = { };

	for (int i = 0; i < MAX_RESULTS; i++)
		results[i].value = NAN;
	if (!work->iommufd_only || bench->interface == &iommufd_interface)
		work->run(bench, work, results);
	for (int i = 0; i < MAX_RESULTS && work->results[i]; i++)
		if (row_wanted(bench, work, work->results[i]))
			show_result(work, work->results[i], &results[i]);
	wait_for_output();
}

static const struct interface *find_interface(const char *name)
{
	static const struct interface *interfaces[] = { &type1_interface, &iommufd_interface };

	for (int i = 0; i < 2; i++)
		if (!strcmp(interfaces[i]->name, name))
			return interfaces[i];
	errx(2, "no interface is called %s", name);
}

static struct bench read_arguments(int argc, char **argv)
{
	bool real_time = argc > 4 && !strcmp(argv[4], "real-time");

	if (argc < 4 || argc > 5 + real_time)
		errx(2, "usage: bench INTERFACE DEVICE DEVICE [real-time] [PREFIX]");
	return (struct bench) {
		.interface = find_interface(argv[1]),
		.devices = { { .address = argv[2] }, { .address = argv[3] } },
		.real_time = real_time,
		.prefix = argc > 4 + real_time ? argv[4 + real_time] : "",
	};
}

int main(int argc, char **argv)
{
	static const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct bench bench = read_arguments(argc, argv);

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		err(1, "RLIMIT_MEMLOCK");
	for (int i = 0; i < 2; i++)
		bench.interface->find(&bench.devices[i]);
	show_unit();
	wait_for_output();
	for (size_t i = 0; i < nr_works; i++)
		if (work_wanted(&bench, &works[i]))
			run_work(&bench, &works[i]);
	printf("end\n");
	return 0;
}
