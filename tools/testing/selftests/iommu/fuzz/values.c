// SPDX-License-Identifier: GPL-2.0
#include "../lib/mock.h"
#include "values.h"

#define PAGES(n) ((n) * PAGE_SIZE)
/* Of the IOMMU, and of most processors */
#define SMALL_PAGES(n) ((n) * 4096ULL)

/* Ends of address spaces, of windows in them, and of what numbers can be */
static const __u64 edges[] = {
	0, SMALL_PAGES(1), MOCK_APERTURE_START, MOCK_APERTURE_LAST + 1ULL, 1ULL << 28, 0xfee00000,
	0xfef00000, 1ULL << 31, 1ULL << 32, 1ULL << 39, 1ULL << 47, 1ULL << 48, 1ULL << 57,
	1ULL << 63, -SMALL_PAGES(1), -SMALL_PAGES(16),
};

bool chance(unsigned int n)
{
	return random_below(n) == 0;
}

static __u64 edge(void)
{
	__u64 number = edges[random_below(ARRAY_SIZE(edges))];

	if (chance(2))
		number += random_below(3) - 1;
	else if (chance(2))
		number += PAGES(random_below(9)) - PAGES(4);
	return number;
}

static __u64 any_number(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(16);
	case 1:
		return 1ULL << random_below(64);
	case 2:
		return edge();
	default:
		return random_below(~0ULL);
	}
}

static void slot_fill(struct slots *slots, enum base base, unsigned int index)
{
	slots->filled[base] |= 1 << index;
}

void slots_read(struct slots *slots, const struct program *program, unsigned int nr_steps)
{
	unsigned int i, j;

	*slots = (struct slots){ .filled[BASE_MEMFD] = 1 };
	for (i = 0; i < nr_steps; i++) {
		const struct step *step = &program->steps[i];
		const struct field *fields = step->call->fields;

		if (step->call->result)
			slot_fill(slots, step->call->result, step->result);
		for (j = 0; fields[j].name; j++)
			if (fields[j].out)
				slot_fill(slots, fields[j].out, step->outs[j]);
	}
}

struct value value_slot(const struct slots *slots, enum base base)
{
	struct value value = { .base = base };

	do
		value.index = random_below(SLOTS_MAX);
	while (slots->filled[base] && !(slots->filled[base] & 1 << value.index) && !chance(16));
	return value;
}

/* An ID may name anything that has one. */
static struct value value_id(const struct slots *slots, enum base base)
{
	struct value value = { 0 };

	if (chance(40)) {
		value.number = random_below(12);
		return value;
	}
	if (!base_is_file(base) && chance(12))
		base = BASE_IOAS + random_below(BASE_MOCK - BASE_IOAS + 1);
	/* A table and what it is made from mostly fit the same places. */
	else if ((base == BASE_IOAS || base == BASE_HWPT) && chance(6))
		base = base == BASE_IOAS ? BASE_HWPT : BASE_IOAS;
	return value_slot(slots, base);
}

static struct value value_file(const struct slots *slots)
{
	return value_slot(slots, BASE_FIRST_FILE + random_below(BASES - BASE_FIRST_FILE));
}

static struct value value_iova(const struct slots *slots)
{
	struct value value = { 0 };

	if (slots->filled[BASE_IOVA] && !chance(3)) {
		value = value_slot(slots, BASE_IOVA);
		if (chance(3))
			value.number = PAGES(random_below(9)) - PAGES(4);
		return value;
	}
	if (chance(5))
		value.number = edge();
	else
		value.number = MOCK_APERTURE_START + PAGES(random_below(64));
	if (chance(16))
		value.number += random_below(PAGE_SIZE);
	return value;
}

static __u64 length(void)
{
	if (chance(12))
		return edge();
	if (chance(16))
		return random_below(PAGES(2));
	if (chance(8))
		return PAGES(random_below(512));
	return PAGES(random_below(16) + 1);
}

static struct value value_memory(void)
{
	struct value value = { 0 };

	value.base = BASE_PRIVATE + (chance(3) ? random_below(BASE_KERNEL - BASE_PRIVATE + 1) :
						 random_below(2));
	value.number = chance(2) ? 0 : PAGES(random_below(16));
	if (chance(16))
		value.number += random_below(PAGE_SIZE);
	return value;
}

static __u64 flags(__u64 mask)
{
	__u64 number = any_number() & mask;

	if (chance(2))
		number = mask;
	else
		number |= random_below(mask + 1) & mask;
	if (chance(30))
		number ^= 1ULL << random_below(32);
	return number;
}

/* What is of one kind only, but not always */
static struct value value_usual(enum base base, __u64 usual, unsigned int odd)
{
	struct value value = { .base = base, .number = usual };

	if (chance(odd)) {
		value.base = BASE_NUMBER;
		value.number = chance(2) ? any_number() : usual + random_below(17) - 8;
	}
	return value;
}

struct value value_of_field(const struct slots *slots, const struct field *field)
{
	switch (field->kind) {
	case KIND_FIXED:
		return value_usual(BASE_NUMBER, field->number, 200);
	case KIND_SIZE:
		return value_usual(BASE_NUMBER, field->number, 60);
	case KIND_ZERO:
		return value_usual(BASE_NUMBER, 0, 60);
	case KIND_ARG:
		return chance(30) ? value_memory() : value_usual(BASE_ARG, field->number, 60);
	case KIND_FLAGS:
		return (struct value){ .number = flags(field->number) };
	case KIND_BELOW:
		return (struct value){ .number = chance(40) ? any_number() :
							      random_below(field->number) };
	case KIND_NUMBER:
		return (struct value){ .number = any_number() };
	case KIND_SLOT:
		return value_id(slots, field->base);
	case KIND_FILE:
		return value_file(slots);
	case KIND_IOVA:
		return value_iova(slots);
	case KIND_LENGTH:
		return (struct value){ .number = length() };
	case KIND_MEMORY:
		return value_memory();
	default:
		return (struct value){ 0 };
	}
}
