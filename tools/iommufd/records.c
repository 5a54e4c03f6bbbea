// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was read, in memory. Without memory the program ends.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"

/* Room for one entry more, which is zeroed. */
void *grow(void *array, size_t nr, size_t size)
{
	char *larger = reallocarray(array, nr + 1, size);

	if (!larger)
		err(1, "memory");
	memset(larger + nr * size, 0, size);
	return larger;
}

char *copy(const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		err(1, "memory");
	return copied;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes what could be mistaken for its own text as \ooo. */
void unescape(char *text)
{
	char *to = text;

	for (; *text; to++) {
		if (*text == '\\' && is_octal(text[1]) && is_octal(text[2]) &&
		    is_octal(text[3])) {
			*to = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
			      (text[3] - '0');
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

void pairs_add(struct pairs *pairs, const char *name, const char *value)
{
	struct pair *pair;

	pairs->at = grow(pairs->at, pairs->nr, sizeof(*pairs->at));
	pair = &pairs->at[pairs->nr++];
	pair->name = copy(name);
	pair->value = copy(value);
	unescape(pair->value);
}

/* NULL when there is none */
const char *pairs_get(const struct pairs *pairs, const char *name)
{
	size_t i;

	for (i = 0; i != pairs->nr; i++)
		if (!strcmp(pairs->at[i].name, name))
			return pairs->at[i].value;
	return NULL;
}

/* 0 when there is none */
unsigned long long pairs_number(const struct pairs *pairs, const char *name)
{
	const char *value = pairs_get(pairs, name);

	return value ? strtoull(value, NULL, 0) : 0;
}

static void pairs_free(struct pairs *pairs)
{
	size_t i;

	for (i = 0; i != pairs->nr; i++) {
		free(pairs->at[i].name);
		free(pairs->at[i].value);
	}
	free(pairs->at);
}

/* The context of that number, a new one if need be; good until the next call. */
struct context *records_context(struct records *records, unsigned long number)
{
	struct context *context;
	size_t i;

	for (i = 0; i != records->nr_contexts; i++)
		if (records->contexts[i].number == number)
			return &records->contexts[i];
	records->contexts = grow(records->contexts, records->nr_contexts,
				 sizeof(*records->contexts));
	context = &records->contexts[records->nr_contexts++];
	context->number = number;
	return context;
}

static int compare_contexts(const void *left, const void *right)
{
	const struct context *a = left, *b = right;

	return (a->number > b->number) - (a->number < b->number);
}

static int compare_devices(const void *left, const void *right)
{
	const struct device *a = left, *b = right;

	return strverscmp(a->name, b->name);
}

void records_sort(struct records *records)
{
	if (records->nr_contexts)
		qsort(records->contexts, records->nr_contexts,
		      sizeof(*records->contexts), compare_contexts);
	if (records->nr_devices)
		qsort(records->devices, records->nr_devices,
		      sizeof(*records->devices), compare_devices);
}

static void context_free(struct context *context)
{
	size_t i;

	for (i = 0; i != context->nr_holders; i++)
		free(context->holders[i].command);
	for (i = 0; i != context->nr_objects; i++) {
		free(context->objects[i].type);
		pairs_free(&context->objects[i].pairs);
	}
	free(context->holders);
	free(context->objects);
	pairs_free(&context->pairs);
}

void records_free(struct records *records)
{
	size_t i;

	for (i = 0; i != records->nr_contexts; i++)
		context_free(&records->contexts[i]);
	for (i = 0; i != records->nr_files; i++) {
		free(records->files[i].holder.command);
		pairs_free(&records->files[i].pairs);
	}
	for (i = 0; i != records->nr_devices; i++) {
		free(records->devices[i].name);
		free(records->devices[i].parent);
		free(records->devices[i].availability);
	}
	free(records->contexts);
	free(records->files);
	free(records->devices);
	memset(records, 0, sizeof(*records));
}
