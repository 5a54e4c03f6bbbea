// SPDX-License-Identifier: GPL-2.0
#include "reduce.h"

/* Half of the steps at once, then fewer, down to one */
static void reduce_steps(struct program *program, bool (*still)(const struct program *program))
{
	static struct program less;
	unsigned int count, at, i;

	for (count = program->nr_steps / 2; count; count /= 2) {
		for (at = program->nr_steps; at >= count; at -= count) {
			if (at > program->nr_steps)
				continue;
			less = *program;
			for (i = 0; i < count; i++)
				program_remove(&less, at - count);
			if (less.nr_steps && still(&less))
				*program = less;
		}
	}
}

/* What is there only for the sake of chance */
static void reduce_step(struct program *program, unsigned int at,
			bool (*still)(const struct program *program))
{
	static struct program less;
	struct step *step = &less.steps[at];

	less = *program;
	step->lane = 0;
	step->times = 1;
	step->fail = 0;
	if ((program->steps[at].lane || program->steps[at].times > 1 ||
	     program->steps[at].fail) && still(&less))
		*program = less;
}

void reduce(struct program *program, bool (*still)(const struct program *program))
{
	unsigned int i;

	reduce_steps(program, still);
	for (i = 0; i < program->nr_steps; i++)
		reduce_step(program, i, still);
}
