// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Where the next character goes */
struct cursor {
	char *at;
	char *end;
};

static void put(struct cursor *cursor, const char *format, ...)
{
	size_t room = cursor->end - cursor->at;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(cursor->at, room, format, arguments);
	va_end(arguments);
	cursor->at += (size_t)length < room ? (size_t)length : room - 1;
}

static void put_value(struct cursor *cursor, const struct value *value)
{
	const char *name = base_names[value->base];

	if (value->base == BASE_NUMBER)
		put(cursor, "0x%llx", (unsigned long long)value->number);
	else if (base_is_slot(value->base))
		put(cursor, "%s%u", name, value->index);
	else
		put(cursor, "%s", name);
	if (value->base != BASE_NUMBER && value->number)
		put(cursor, "+0x%llx", (unsigned long long)value->number);
}

/* What a field is when nothing is said of it */
static struct value field_default(const struct field *field)
{
	struct value value = { 0 };

	switch (field->kind) {
	case KIND_ARG:
		value.base = BASE_ARG;
		value.number = field->number;
		break;
	case KIND_FIXED:
	case KIND_SIZE:
		value.number = field->number;
		break;
	case KIND_SLOT:
		value.base = field->base;
		break;
	default:
		break;
	}
	return value;
}

static bool values_equal(const struct value *a, const struct value *b)
{
	return a->base == b->base && a->index == b->index && a->number == b->number;
}

static void put_field(struct cursor *cursor, const struct field *field,
		      const struct value *value, unsigned int out)
{
	struct value usual = field_default(field);
	bool told = !values_equal(value, &usual);

	if (!told && !field->out)
		return;
	put(cursor, " %s", field->name);
	if (told) {
		put(cursor, "=");
		put_value(cursor, value);
	}
	if (field->out)
		put(cursor, ">%s%u", base_names[field->out], out);
}

static void put_step(struct cursor *cursor, const struct step *step)
{
	const struct call *call = step->call;
	unsigned int i;

	if (step->lane)
		put(cursor, "%u| ", step->lane);
	put(cursor, "%s", call->name);
	if (call->target) {
		put(cursor, " ");
		put_value(cursor, &step->target);
	}
	for (i = 0; call->fields[i].name; i++)
		put_field(cursor, &call->fields[i], &step->values[i], step->outs[i]);
	if (call->result)
		put(cursor, " >%s%u", base_names[call->result], step->result);
	if (step->times > 1)
		put(cursor, " times=%u", step->times);
	if (step->fail)
		put(cursor, " fail=%u", step->fail);
	put(cursor, "\n");
}

void text_write(const struct program *program, char *text)
{
	struct cursor cursor = { text, text + TEXT_MAX };
	unsigned int i;

	*text = '\0';
	for (i = 0; i < program->nr_steps; i++)
		put_step(&cursor, &program->steps[i]);
}

void text_print(const struct program *program, char mark)
{
	static char text[TEXT_MAX];
	char *line, *rest = text;

	text_write(program, text);
	while ((line = strsep(&rest, "\n")) && *line)
		printf("%c %s\n", mark, line);
	printf("%c\n", mark);
	fflush(stdout);
}

void text_default(struct step *step, const struct call *call)
{
	unsigned int i;

	memset(step, 0, sizeof(*step));
	step->call = call;
	step->times = 1;
	step->target.base = call->target;
	for (i = 0; call->fields[i].name; i++)
		step->values[i] = field_default(&call->fields[i]);
}

/* The base that a word begins with, and how long its name is: the longest that fits */
static enum base base_of(const char *word, size_t *length)
{
	enum base base, found = BASE_NUMBER;

	*length = 0;
	for (base = 1; base < BASES; base++) {
		size_t size = strlen(base_names[base]);

		if (size <= *length || strncmp(word, base_names[base], size))
			continue;
		found = base;
		*length = size;
	}
	return found;
}

static struct value parse_value(const char *word)
{
	struct value value = { 0 };
	size_t length;
	char *end;

	value.base = base_of(word, &length);
	word += length;
	if (base_is_slot(value.base)) {
		value.index = strtoul(word, &end, 10) % SLOTS_MAX;
		word = end;
	}
	value.number = strtoull(*word == '+' ? word + 1 : word, NULL, 0);
	return value;
}

/* The field of that name, or one past the last */
static unsigned int field_find(const struct call *call, const char *name)
{
	unsigned int i;

	for (i = 0; call->fields[i].name; i++)
		if (!strcmp(call->fields[i].name, name))
			break;
	return i;
}

/* Of the step, not of a field */
static bool parse_setting(struct step *step, const char *name, const char *value)
{
	if (!strcmp(name, "times")) {
		step->times = strtoul(value, NULL, 0) % (TIMES_MAX + 1) ?: 1;
		return true;
	}
	if (!strcmp(name, "fail")) {
		step->fail = strtoul(value, NULL, 0);
		return true;
	}
	return false;
}

/* NAME, NAME=VALUE, NAME>SLOT, NAME=VALUE>SLOT or >SLOT */
static bool parse_word(struct step *step, char *word)
{
	char *out = strchr(word, '>'), *value = strchr(word, '=');
	unsigned int i, index = 0;

	if (out) {
		*out = '\0';
		index = parse_value(out + 1).index;
	}
	if (value)
		*value++ = '\0';
	if (!*word) {
		step->result = index;
		return true;
	}
	if (value && parse_setting(step, word, value))
		return true;
	i = field_find(step->call, word);
	if (!step->call->fields[i].name)
		return false;
	if (value)
		step->values[i] = parse_value(value);
	step->outs[i] = index;
	return true;
}

static bool parse_step(struct step *step, char *line)
{
	const struct call *call;
	unsigned int lane = 0;
	char *word;

	if (line[0] && line[1] == '|') {
		lane = (line[0] - '0') % LANES_MAX;
		line += 2;
	}
	word = strtok(line, " ");
	call = word ? call_find(word) : NULL;
	if (!call)
		return false;
	text_default(step, call);
	step->lane = lane;
	if (call->target) {
		word = strtok(NULL, " ");
		if (!word)
			return false;
		step->target = parse_value(word);
	}
	while ((word = strtok(NULL, " ")))
		if (!parse_word(step, word))
			return false;
	return true;
}

unsigned int text_mistakes;

/* Return: false for a line that is no step, or one too many */
static bool read_step(struct program *program, char *line)
{
	return program->nr_steps < STEPS_MAX &&
	       parse_step(&program->steps[program->nr_steps], line);
}

bool text_read(struct program *program, FILE *file)
{
	char line[2048], copy[2048];

	program->nr_steps = 0;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "#\r\n")] = '\0';
		if (!*line) {
			if (program->nr_steps)
				return true;
			continue;
		}
		strcpy(copy, line);
		if (read_step(program, line)) {
			program->nr_steps++;
		} else {
			printf("# not a step: %s\n", copy);
			text_mistakes++;
		}
	}
	return program->nr_steps;
}
