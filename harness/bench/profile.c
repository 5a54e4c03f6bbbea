// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU that counts the instructions executed between two functions of a
 * program in the guest, by their addresses.
 *
 * -plugin profile.so,start=ADDRESS,stop=ADDRESS,out=PREFIX
 *
 * Reaching stop writes PREFIX.NUMBER, a line "ADDRESS COUNT" for each address that was
 * executed since start was reached. It is for one processor: nothing is locked.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * QEMU 7.2 is packaged without its header. This is what is used of it here, version 1
 * of the interface, in the types that it has.
 */
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* What inline code may do */
enum { INLINE_ADD_U64 };
/* Which registers a callback uses */
enum { NO_REGISTERS };

typedef void (*translated_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*executed_t)(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated_t translated);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction,
						int operation, void *where, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
					    executed_t executed, int registers, void *data);

int qemu_plugin_version = 1;

#define NR_BUCKETS (1u << 16)

/* An address that was translated; stays where it is, as translated code adds to it */
struct counter {
	/* The next one of the same bucket */
	struct counter *next;
	/* The instruction */
	uint64_t address;
	/* How often it was executed since the start */
	uint64_t count;
};

static struct counter *buckets[NR_BUCKETS];
static uint64_t start_address;
static uint64_t stop_address;
static const char *prefix;
static unsigned int nr_windows;

static struct counter *find_counter(uint64_t address)
{
	struct counter **bucket = &buckets[address % NR_BUCKETS], *counter;

	for (counter = *bucket; counter; counter = counter->next)
		if (counter->address == address)
			return counter;
	counter = calloc(1, sizeof(*counter));
	if (!counter)
		abort();
	counter->address = address;
	counter->next = *bucket;
	*bucket = counter;
	return counter;
}

static void start(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		for (struct counter *counter = buckets[i]; counter; counter = counter->next)
			counter->count = 0;
}

static void stop(unsigned int cpu, void *data)
{
	char path[4096];
	FILE *file;

	(void)cpu;
	(void)data;
	snprintf(path, sizeof(path), "%s.%u", prefix, nr_windows++);
	file = fopen(path, "w");
	if (!file)
		abort();
	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		for (struct counter *counter = buckets[i]; counter; counter = counter->next)
			if (counter->count)
				fprintf(file, "%" PRIx64 " %" PRIu64 "\n",
					counter->address, counter->count);
	fclose(file);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		uint64_t address = qemu_plugin_insn_vaddr(instruction);

		if (address == start_address)
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, start,
							       NO_REGISTERS, NULL);
		if (address == stop_address)
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, stop,
							       NO_REGISTERS, NULL);
		qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD_U64,
							   &find_counter(address)->count, 1);
	}
}

/* The value of "NAME=value" among the arguments */
static const char *find_argument(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return argv[i] + length + 1;
	fprintf(stderr, "profile: no argument %s=\n", name);
	exit(1);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	start_address = strtoull(find_argument(argc, argv, "start"), NULL, 16);
	stop_address = strtoull(find_argument(argc, argv, "stop"), NULL, 16);
	prefix = strdup(find_argument(argc, argv, "out"));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
