// SPDX-License-Identifier: GPL-2.0-only
/*
 * For people: a line for each context, what it has below it, then the devices.
 */
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "show.h"

/* A process chooses its name: nothing in it may reach the terminal as a command. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++)
		putc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

static void put_padded(FILE *out, const char *text, int width)
{
	int length = strlen(text);

	put_text(out, text);
	fprintf(out, "%*s", length < width ? width - length : 0, "");
}

/* With a unit, three digits or more of it */
static const char *size_text(unsigned long long kib)
{
	static const char units[] = "KMGTPE";
	static char texts[4][32];
	static int turn;
	char *text = texts[turn++ % 4];
	double value = kib;
	int unit = 0;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	snprintf(text, sizeof(texts[0]), unit ? "%.1f%c" : "%.0f%c", value,
		 units[unit]);
	return text;
}

/**
 * struct totals - over the objects of a context
 * @pinned: KiB
 * @charged: KiB
 * @large: KiB of @pinned in large pages
 * @devices: devices and accesses
 * @faults: of all devices
 */
struct totals {
	unsigned long long pinned;
	unsigned long long charged;
	unsigned long long large;
	unsigned long long devices;
	unsigned long long faults;
};

static void totals_add(struct totals *totals, const struct object *object)
{
	const struct pairs *pairs = &object->pairs;
	unsigned long long pinned = pairs_number(pairs, "pinned-kib");

	totals->pinned += pinned;
	totals->charged += pairs_number(pairs, "charged-kib");
	totals->large += pinned / 100 * pairs_number(pairs, "large-percent") +
			 pinned % 100 * pairs_number(pairs, "large-percent") / 100;
	totals->devices += !strcmp(object->type, "device") ||
			   !strcmp(object->type, "access");
	totals->faults += pairs_number(pairs, "faults");
}

static const char *percent_text(const struct totals *totals)
{
	static char text[32];

	if (!totals->pinned)
		return "-";
	snprintf(text, sizeof(text), "%.0f%%",
		 100.0 * totals->large / totals->pinned);
	return text;
}

static void show_summary(FILE *out, const struct context *context)
{
	const struct holder *holder = context->holders;
	const char *refusals = pairs_get(&context->pairs, "refusals");
	struct totals totals = {};
	size_t i;

	for (i = 0; i != context->nr_objects; i++)
		totals_add(&totals, &context->objects[i]);
	fprintf(out, "%7lu ", context->number);
	if (!context->nr_holders)
		fprintf(out, "%7s %-16s", "-", "-");
	else
		fprintf(out, "%7d ", holder->pid);
	if (context->nr_holders)
		put_padded(out, holder->command, 16);
	fprintf(out, " %8s %8s %5s %7llu %6llu %7s\n",
		size_text(totals.pinned), size_text(totals.charged),
		percent_text(&totals), totals.devices, totals.faults,
		refusals ? refusals : "-");
}

/* Sizes with a unit, all else as it came */
static void show_pair(FILE *out, const struct pair *pair)
{
	static const char suffix[] = "-kib";
	size_t length = strlen(pair->name);
	size_t cut = length - (sizeof(suffix) - 1);

	if (length >= sizeof(suffix) && !strcmp(pair->name + cut, suffix)) {
		fprintf(out, "%.*s %s", (int)cut, pair->name,
			size_text(strtoull(pair->value, NULL, 10)));
	} else {
		put_text(out, pair->name);
		putc(' ', out);
		put_text(out, pair->value);
	}
}

static void show_object(FILE *out, const struct object *object)
{
	const char *separator = ": ";
	size_t i;

	fprintf(out, "        ");
	put_text(out, object->type);
	putc(' ', out);
	put_text(out, pairs_get(&object->pairs, "id") ?: "?");
	for (i = 0; i != object->pairs.nr; i++) {
		if (!strcmp(object->pairs.at[i].name, "id"))
			continue;
		fputs(separator, out);
		show_pair(out, &object->pairs.at[i]);
		separator = ", ";
	}
	putc('\n', out);
}

static void show_error(FILE *out, const struct pairs *pairs)
{
	const char *error = pairs_get(pairs, "last-error");

	if (!error)
		return;
	fprintf(out, "        last error: ");
	put_text(out, error);
	putc('\n', out);
}

static void show_holders(FILE *out, const struct context *context)
{
	size_t i;

	for (i = 1; i < context->nr_holders; i++) {
		fprintf(out, "        also held by %d ",
			context->holders[i].pid);
		put_text(out, context->holders[i].command);
		putc('\n', out);
	}
}

static void show_file(FILE *out, const struct device_file *file)
{
	const char *path = pairs_get(&file->pairs, "vfio-device-syspath");
	const char *name = strrchr(path, '/');

	fprintf(out, "        file of ");
	put_text(out, name ? name + 1 : path);
	fprintf(out, ": ");
	put_text(out, pairs_get(&file->pairs, "state") ?: "?");
	fprintf(out, ", held by %d ", file->holder.pid);
	put_text(out, file->holder.command);
	putc('\n', out);
	show_error(out, &file->pairs);
}

/* Those of a context, or with @context NULL those of none */
static void show_files(FILE *out, const struct records *records,
		       const struct context *context)
{
	size_t i;

	for (i = 0; i != records->nr_files; i++) {
		const struct device_file *file = &records->files[i];
		unsigned long long number = pairs_number(&file->pairs,
							 "iommufd-ctx");

		if (number == (context ? context->number : 0))
			show_file(out, file);
	}
}

static void show_context(FILE *out, const struct records *records,
			 const struct context *context, bool brief)
{
	size_t i;

	show_summary(out, context);
	if (brief)
		return;
	show_holders(out, context);
	for (i = 0; i != context->nr_objects; i++)
		show_object(out, &context->objects[i]);
	show_error(out, &context->pairs);
	show_files(out, records, context);
}

static void show_devices(FILE *out, const struct records *records)
{
	size_t i;

	if (!records->nr_devices)
		return;
	fprintf(out, "\n%-8s %-16s %s\n", "VFIO", "DEVICE", "AVAILABILITY");
	for (i = 0; i != records->nr_devices; i++) {
		const struct device *device = &records->devices[i];

		put_padded(out, device->name, 9);
		put_padded(out, device->parent, 17);
		put_text(out, device->availability ?: "?");
		putc('\n', out);
	}
}

/* @brief: without objects */
void show_text(FILE *out, const struct records *records, bool brief)
{
	size_t i;

	fprintf(out, "%7s %7s %-16s %8s %8s %5s %7s %6s %7s\n", "CONTEXT",
		"PID", "COMMAND", "PINNED", "CHARGED", "LARGE", "DEVICES",
		"FAULTS", "REFUSED");
	for (i = 0; i != records->nr_contexts; i++)
		show_context(out, records, &records->contexts[i], brief);
	if (!brief)
		show_files(out, records, NULL);
	show_devices(out, records);
	if (records->nr_closed)
		fprintf(out, "\nNot looked into, for lack of rights: %zu processes\n",
			records->nr_closed);
}
