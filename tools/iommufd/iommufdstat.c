// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdstat: who has which devices and how much memory through /dev/iommu.
 *
 * All of it is in /proc/PID/fdinfo/FD and in the attribute availability of
 * /sys/class/vfio-dev/vfioX, Documentation/userspace-api/iommufd.rst has the meaning.
 */
#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "records.h"
#include "scan.h"
#include "show.h"

/**
 * struct options - the command line
 * @proc: a folder like /proc
 * @class: a folder like /sys/class/vfio-dev
 * @seconds: between two screens; 0 for one only
 * @count: screens; 0 for no end
 * @json: for programs
 * @brief: no objects
 */
struct options {
	const char *proc;
	const char *class;
	double seconds;
	unsigned long count;
	bool json;
	bool brief;
};

static const char usage[] =
	"Usage: iommufdstat [OPTION...]\n"
	"Show the contexts of /dev/iommu: which process has one, its address spaces,\n"
	"page tables and devices, pinned memory, faults and the last refusal; and what\n"
	"keeps each VFIO device from being bound.\n"
	"\n"
	"  -b, --brief          a line for each context\n"
	"  -j, --json           JSON, an object on a line\n"
	"  -w, --watch[=SEC]    again each SEC seconds (2), one screen\n"
	"  -n, --count=NR       no more than NR times, with --watch\n"
	"      --proc=DIR       in place of /proc\n"
	"      --class=DIR      in place of /sys/class/vfio-dev\n"
	"  -h, --help           this text\n"
	"\n"
	"PINNED is memory that is kept in place for devices, CHARGED what of it counts\n"
	"against the limit of locked memory, LARGE how much of it lies in large pages.\n"
	"Other users' processes are shown to root only.\n";

static double parse_seconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 86400))
		errx(2, "%s: from 0.1 to 86400 seconds", text);
	return seconds;
}

static unsigned long parse_count(const char *text)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (end == text || *end || !count)
		errx(2, "%s: how many times?", text);
	return count;
}

/* "-w 5", too: getopt_long() takes an argument that may be left out only without space. */
static const char *optional_argument_of(int argc, char **argv)
{
	if (optarg)
		return optarg;
	if (optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
		return argv[optind++];
	return "2";
}

/* One without an argument */
static void parse_flag(struct options *options, int option)
{
	switch (option) {
	case 'b':
		options->brief = true;
		break;
	case 'j':
		options->json = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("See iommufdstat --help\n", stderr);
		exit(2);
	}
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "brief", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'n' },
		{ "proc", required_argument, NULL, 'P' },
		{ "class", required_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int option;

	while ((option = getopt_long(argc, argv, "bjw::n:h", known, NULL)) != -1) {
		switch (option) {
		case 'w':
			options->seconds = parse_seconds(optional_argument_of(argc, argv));
			break;
		case 'n':
			options->count = parse_count(optarg);
			break;
		case 'P':
			options->proc = optarg;
			break;
		case 'C':
			options->class = optarg;
			break;
		default:
			parse_flag(options, option);
		}
	}
	if (optind != argc)
		errx(2, "%s: see iommufdstat --help", argv[optind]);
}

static char *show(const struct options *options)
{
	struct records records = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		err(1, "memory");
	scan_processes(&records, options->proc);
	scan_devices(&records, options->class);
	records_sort(&records);
	if (options->json)
		show_json(out, &records);
	else
		show_text(out, &records, options->brief);
	if (fclose(out))
		err(1, "memory");
	records_free(&records);
	return text;
}

static int count_lines(const char *text)
{
	int lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* What fits on the terminal. The cursor gets the last line, or how much does not fit. */
static void print_screen(const char *text, const struct winsize *screen)
{
	int left = count_lines(text);
	int row;

	fputs("\033[H\033[J", stdout);
	for (row = 1; left && row < screen->ws_row; row++, left--) {
		int length = strcspn(text, "\n");

		printf("%.*s\n", length < screen->ws_col ? length :
			screen->ws_col, text);
		text += length + 1;
	}
	if (left)
		printf("... %d more lines", left);
}

static void print(const struct options *options, const char *text)
{
	struct winsize screen;

	if (options->seconds && !options->json && isatty(1) &&
	    !ioctl(1, TIOCGWINSZ, &screen) && screen.ws_row && screen.ws_col)
		print_screen(text, &screen);
	else
		fputs(text, stdout);
	if (fflush(stdout))
		err(1, "output");
}

static void pause_for(double seconds)
{
	struct timespec time = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (time_t)seconds) * 1000000000,
	};

	nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
	struct options options = {
		.proc = "/proc",
		.class = "/sys/class/vfio-dev",
	};
	unsigned long round;

	parse_options(&options, argc, argv);
	for (round = 1;; round++) {
		char *text = show(&options);

		print(&options, text);
		free(text);
		if (!options.seconds || round == options.count)
			return 0;
		pause_for(options.seconds);
	}
}
