// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/test_env.h"
#include "corpus.h"

#define CORPUS_MAX 4096

/* Each as large as its steps want */
static struct program *programs[CORPUS_MAX];
static unsigned int count;

static size_t size_of(const struct program *program)
{
	return offsetof(struct program, steps) + program->nr_steps * sizeof(struct step);
}

void corpus_add(const struct program *program)
{
	if (count == CORPUS_MAX) {
		printf("# the corpus is full\n");
		return;
	}
	programs[count] = malloc(size_of(program));
	must(programs[count] ? 0 : -ENOMEM);
	memcpy(programs[count], program, size_of(program));
	count++;
}

bool corpus_pick(struct program *program)
{
	const struct program *picked;

	if (!count)
		return false;
	picked = programs[random_below(count)];
	memcpy(program, picked, size_of(picked));
	return true;
}

unsigned int corpus_count(void)
{
	return count;
}
