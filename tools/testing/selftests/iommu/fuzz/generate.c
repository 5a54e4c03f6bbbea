// SPDX-License-Identifier: GPL-2.0
#include "../lib/test_env.h"
#include "generate.h"
#include "values.h"

/* A new program has so many steps at least, and up to twice that many. */
#define STEPS_NEW 8

/* A call, mostly one that is made on a file that is there */
static const struct call *pick_call(const struct slots *slots)
{
	const struct call *call;
	unsigned int tries = 0;

	do
		call = call_at(random_below(calls_count()));
	while (call->target && !slots->filled[call->target] && tries++ < 20);
	return call;
}

static void fill_step(struct step *step, const struct slots *slots)
{
	const struct field *fields = step->call->fields;
	unsigned int i;

	if (step->call->target)
		step->target = value_slot(slots, step->call->target);
	step->result = random_below(SLOTS_MAX);
	for (i = 0; fields[i].name; i++) {
		step->values[i] = value_of_field(slots, &fields[i]);
		step->outs[i] = random_below(SLOTS_MAX);
	}
	if (chance(20))
		step->fail = random_below(FAIL_MAX) + 1;
}

static void add_step(struct program *program, unsigned int at, const struct call *call)
{
	struct step *step = program_insert(program, at);
	struct slots slots;

	if (!step)
		return;
	slots_read(&slots, program, at);
	step->call = call ?: pick_call(&slots);
	fill_step(step, &slots);
}

/* What nearly every program needs first */
static void begin_program(struct program *program)
{
	static const char *const starts[][4] = {
		{ "open_iommu", "ioas_alloc", "mock_create", "ioas_map" },
		{ "open_iommu", "ioas_alloc", "mock_create_flags", "ioas_copy" },
		{ "open_iommu", "ioas_alloc", "access_create", "ioas_map_file" },
		{ "open_iommu", "ioas_alloc", "ioas_map", "mock_create" },
		{ "open_iommu", "ioas_alloc", "open_cdev", "bind" },
		{ "open_iommu", "vfio_ioas", "open_group", "group_set_iommu" },
		{ "open_container", "open_group", "group_set_container", "group_device" },
	};
	const char *const *start = starts[random_below(ARRAY_SIZE(starts))];
	unsigned int i;

	for (i = 0; i < 4; i++)
		add_step(program, i, call_find(start[i]));
}

/* Let some steps that follow each other run at the same time. */
static void spread_lanes(struct program *program)
{
	unsigned int at = random_below(program->nr_steps);
	unsigned int lanes = random_below(LANES_MAX - 2) + 2;
	unsigned int count = random_below(8) + 2;

	while (at < program->nr_steps && count--) {
		program->steps[at].lane = random_below(lanes) + 1;
		if (chance(3))
			program->steps[at].times = random_below(TIMES_MAX) + 1;
		at++;
	}
}

void generate_program(struct program *program)
{
	unsigned int steps = STEPS_NEW + random_below(STEPS_NEW);

	program->nr_steps = 0;
	begin_program(program);
	while (program->nr_steps < steps)
		add_step(program, program->nr_steps, NULL);
	if (chance(3))
		spread_lanes(program);
}

static void change_value(struct program *program)
{
	unsigned int at = random_below(program->nr_steps), i, count = 0;
	struct step *step = &program->steps[at];
	const struct field *fields = step->call->fields;
	struct slots slots;

	while (fields[count].name)
		count++;
	if (!count)
		return;
	i = random_below(count);
	slots_read(&slots, program, at);
	step->values[i] = value_of_field(&slots, &fields[i]);
	if (chance(4))
		step->outs[i] = random_below(SLOTS_MAX);
}

static void change_target(struct program *program)
{
	unsigned int at = random_below(program->nr_steps);
	struct step *step = &program->steps[at];
	struct slots slots;

	slots_read(&slots, program, at);
	if (step->call->target)
		step->target = value_slot(&slots, step->call->target);
}

static void copy_step(struct program *program, const struct step *from)
{
	struct step *step = program_insert(program, random_below(program->nr_steps + 1));

	if (step)
		*step = *from;
}

/* The end of the other one, behind a part of this one */
static void splice(struct program *program, const struct program *other)
{
	unsigned int from = random_below(other->nr_steps);

	program->nr_steps = random_below(program->nr_steps) + 1;
	while (from < other->nr_steps && program->nr_steps < STEPS_MAX)
		program->steps[program->nr_steps++] = other->steps[from++];
}

static void swap_steps(struct program *program)
{
	struct step *a = &program->steps[random_below(program->nr_steps)];
	struct step *b = &program->steps[random_below(program->nr_steps)];
	struct step step = *a;

	*a = *b;
	*b = step;
}

static void mutate(struct program *program, const struct program *other)
{
	struct step *step = &program->steps[random_below(program->nr_steps)];
	struct step copy = *step;

	switch (random_below(12)) {
	case 0 ... 2:
		add_step(program, random_below(program->nr_steps + 1), NULL);
		break;
	case 3 ... 5:
		change_value(program);
		break;
	case 6:
		change_target(program);
		break;
	case 7:
		program_remove(program, step - program->steps);
		break;
	case 8:
		copy_step(program, chance(2) ? &copy :
					       &other->steps[random_below(other->nr_steps)]);
		break;
	case 9:
		if (chance(2))
			splice(program, other);
		else
			swap_steps(program);
		break;
	case 10:
		step->fail = chance(4) ? 0 : random_below(FAIL_MAX) + 1;
		break;
	default:
		spread_lanes(program);
	}
}

void generate_mutation(struct program *program, const struct program *other)
{
	unsigned int count = random_below(4) + 1;

	while (count--) {
		if (!program->nr_steps)
			begin_program(program);
		mutate(program, other);
	}
}
