// SPDX-License-Identifier: GPL-2.0-only
/*
 * For programs: one object of JSON on a line. Names are those of the kernel, and each
 * that it has is there. Decimal numbers are numbers, all else is text.
 */
#include <ctype.h>
#include <string.h>

#include "records.h"
#include "show.h"

static void put_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

/* What every reader of JSON takes for the same number */
static bool is_number(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length && length <= 15 && !text[length] &&
	       (length == 1 || text[0] != '0');
}

static void put_name(FILE *out, const char *name)
{
	put_string(out, name);
	putc(':', out);
}

static void put_value(FILE *out, const char *value)
{
	if (!value)
		fputs("null", out);
	else if (is_number(value))
		fputs(value, out);
	else
		put_string(out, value);
}

static void put_pairs(FILE *out, const struct pairs *pairs, bool first)
{
	size_t i;

	for (i = 0; i != pairs->nr; i++) {
		if (!first)
			putc(',', out);
		first = false;
		put_name(out, pairs->at[i].name);
		put_value(out, pairs->at[i].value);
	}
}

static void put_holder(FILE *out, const struct holder *holder)
{
	fprintf(out, "{\"pid\":%d,\"fd\":%d,\"command\":", holder->pid,
		holder->fd);
	put_string(out, holder->command);
	putc('}', out);
}

static void put_object(FILE *out, const struct object *object)
{
	fputs("{\"type\":", out);
	put_string(out, object->type);
	put_pairs(out, &object->pairs, false);
	putc('}', out);
}

static void put_context(FILE *out, const struct context *context)
{
	size_t i;

	fprintf(out, "{\"number\":%lu,\"holders\":[", context->number);
	for (i = 0; i != context->nr_holders; i++) {
		if (i)
			putc(',', out);
		put_holder(out, &context->holders[i]);
	}
	fputs("],\"objects\":[", out);
	for (i = 0; i != context->nr_objects; i++) {
		if (i)
			putc(',', out);
		put_object(out, &context->objects[i]);
	}
	putc(']', out);
	put_pairs(out, &context->pairs, false);
	putc('}', out);
}

static void put_file(FILE *out, const struct device_file *file)
{
	fputs("{\"holder\":", out);
	put_holder(out, &file->holder);
	put_pairs(out, &file->pairs, false);
	putc('}', out);
}

static void put_device(FILE *out, const struct device *device)
{
	fputs("{\"name\":", out);
	put_string(out, device->name);
	fputs(",\"device\":", out);
	put_string(out, device->parent);
	fputs(",\"availability\":", out);
	put_value(out, device->availability);
	putc('}', out);
}

void show_json(FILE *out, const struct records *records)
{
	size_t i;

	fputs("{\"contexts\":[", out);
	for (i = 0; i != records->nr_contexts; i++) {
		if (i)
			putc(',', out);
		put_context(out, &records->contexts[i]);
	}
	fputs("],\"files\":[", out);
	for (i = 0; i != records->nr_files; i++) {
		if (i)
			putc(',', out);
		put_file(out, &records->files[i]);
	}
	fputs("],\"devices\":[", out);
	for (i = 0; i != records->nr_devices; i++) {
		if (i)
			putc(',', out);
		put_device(out, &records->devices[i]);
	}
	fprintf(out, "],\"unreadable\":%zu}\n", records->nr_closed);
}
