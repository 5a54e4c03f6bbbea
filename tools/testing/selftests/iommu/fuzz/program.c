// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "../lib/test_env.h"
#include "program.h"

const char *const base_names[BASES] = {
	[BASE_NUMBER] = "",
	[BASE_ARG] = "arg",
	[BASE_PRIVATE] = "private",
	[BASE_SHARED] = "shared",
	[BASE_READONLY] = "readonly",
	[BASE_FILE_MEMORY] = "file_memory",
	[BASE_HUGE] = "huge",
	[BASE_REGISTERS] = "registers",
	[BASE_HOLE] = "hole",
	[BASE_KERNEL] = "kernel",
	[BASE_IOAS] = "ioas",
	[BASE_HWPT] = "hwpt",
	[BASE_DEVICE] = "device",
	[BASE_MOCK] = "mock",
	[BASE_QUEUE_ID] = "queue_id",
	[BASE_ITEM] = "item",
	[BASE_IOVA] = "iova",
	[BASE_IOMMU] = "iommu",
	[BASE_CDEV] = "cdev",
	[BASE_GROUP] = "group",
	[BASE_CONTAINER] = "container",
	[BASE_ACCESS] = "access",
	[BASE_QUEUE] = "queue",
	[BASE_MEMFD] = "memfd",
	[BASE_EVENT] = "event",
};

static const struct call *const tables[] = {
	iommu_calls, mock_calls, device_calls, group_calls, container_calls, process_calls,
};

const struct call *call_at(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct call *call;

		for (call = tables[i]; call->name; call++)
			if (n-- == 0)
				return call;
	}
	return NULL;
}

unsigned int calls_count(void)
{
	unsigned int count = 0;

	while (call_at(count))
		count++;
	return count;
}

const struct call *call_find(const char *name)
{
	const struct call *call;
	unsigned int n;

	for (n = 0; (call = call_at(n)); n++)
		if (!strcmp(call->name, name))
			return call;
	return NULL;
}

struct step *program_insert(struct program *program, unsigned int at)
{
	struct step *step = &program->steps[at];

	if (program->nr_steps == STEPS_MAX)
		return NULL;
	memmove(step + 1, step, (program->nr_steps - at) * sizeof(*step));
	program->nr_steps++;
	memset(step, 0, sizeof(*step));
	step->times = 1;
	return step;
}

void program_remove(struct program *program, unsigned int at)
{
	struct step *step = &program->steps[at];

	program->nr_steps--;
	memmove(step, step + 1, (program->nr_steps - at) * sizeof(*step));
}
