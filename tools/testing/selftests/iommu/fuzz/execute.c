// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fault_injection.h"
#include "coverage.h"
#include "execute.h"
#include "world.h"

/* No program takes that long in an emulated machine, unless it hangs. */
#define PROGRAM_SECONDS 200
/* The structure and what lies behind it; programs tell longer sizes, too. */
#define ARGUMENT_SIZE 1024

/* Steps of a program that are run by one thread: those of a lane between two others */
struct lane {
	const struct program *program;
	unsigned int first;
	unsigned int end;
	unsigned int number;
	/* /proc/thread-self/fail-nth, -1 while no step wants it */
	int faults;
};

/* How many lanes have come to the start of their steps, in all processes of the program */
static unsigned int *lanes_ready;
static bool can_fail;

void execute_prepare(void)
{
	void *memory = mmap(NULL, sizeof(*lanes_ready), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(errno_of(memory == MAP_FAILED ? -1 : 0));
	lanes_ready = memory;
	can_fail = faults_exist();
	if (can_fail)
		close(must(faults_open()));
}

static void field_write(void *argument, const struct field *field, __u64 number)
{
	memcpy((char *)argument + field->offset, &number, field->size);
}

static __u64 field_read(const void *argument, const struct field *field)
{
	__u64 number = 0;

	memcpy(&number, (const char *)argument + field->offset, field->size);
	return number;
}

static void note_outs(const struct step *step, const void *argument)
{
	const struct field *fields = step->call->fields;
	unsigned int i;

	for (i = 0; fields[i].name; i++)
		if (fields[i].out)
			world_set(fields[i].out, step->outs[i],
				  field_read(argument, &fields[i]));
}

static long call_ioctl(const struct step *step, void *argument)
{
	return errno_of(ioctl(world_resolve(&step->target, NULL), step->call->request,
			      argument));
}

static long call_function(const struct step *step, const void *argument)
{
	__u64 values[FIELDS_MAX + 1];

	values[0] = world_resolve(&step->target, NULL);
	memcpy(&values[1], argument, FIELDS_MAX * sizeof(__u64));
	return step->call->run(step, values);
}

static long call_once(struct lane *lane, const struct step *step)
{
	const struct field *fields = step->call->fields;
	__u64 argument[ARGUMENT_SIZE / sizeof(__u64)] = { 0 };
	unsigned int i;
	long answer;

	for (i = 0; fields[i].name; i++)
		field_write(argument, &fields[i],
			    world_resolve(&step->values[i], argument));
	if (step->fail && lane->faults >= 0)
		faults_arm(lane->faults, step->fail);
	answer = step->call->run ? call_function(step, argument) : call_ioctl(step, argument);
	if (step->fail && lane->faults >= 0)
		faults_disarm(lane->faults);
	if (answer < 0)
		return answer;
	note_outs(step, argument);
	if (step->call->result)
		world_set(step->call->result, step->result, answer);
	return answer;
}

static void lane_run(struct lane *lane)
{
	const struct step *steps = lane->program->steps;
	unsigned int i, times;

	for (i = lane->first; i < lane->end; i++) {
		if (steps[i].lane != lane->number)
			continue;
		if (steps[i].fail && can_fail && lane->faults < 0)
			lane->faults = faults_open_thread();
		for (times = steps[i].times; times; times--)
			world_note(i, call_once(lane, &steps[i]));
	}
	if (lane->faults >= 0)
		close(lane->faults);
	lane->faults = -1;
}

/* All begin together; one that did not come is not waited for long. */
static void wait_for_others(unsigned int count)
{
	unsigned int tries = 1000;

	__atomic_add_fetch(lanes_ready, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(lanes_ready, __ATOMIC_RELAXED) < count && tries--)
		sched_yield();
}

static void *lane_thread(void *arg)
{
	struct lane *lane = arg;

	coverage_begin(lane->number);
	wait_for_others(LANES_MAX - 1);
	lane_run(lane);
	coverage_end(lane->number);
	return NULL;
}

static pid_t lane_fork(struct lane *lane)
{
	pid_t pid = must(errno_of(fork()));

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	coverage_begin(lane->number);
	wait_for_others(LANES_MAX - 1);
	lane_run(lane);
	world_close();
	coverage_end(lane->number);
	_exit(0);
}

static bool lane_is_empty(const struct lane *lane)
{
	unsigned int i;

	for (i = lane->first; i < lane->end; i++)
		if (lane->program->steps[i].lane == lane->number)
			return false;
	return true;
}

/* Steps of lanes other than 0: at the same time */
static void run_together(const struct program *program, unsigned int first, unsigned int end)
{
	struct lane lanes[LANES_MAX];
	pthread_t threads[LANES_MAX];
	unsigned int i;
	pid_t pid = 0;

	for (i = 1; i < LANES_MAX; i++)
		lanes[i] = (struct lane){ program, first, end, i, -1 };
	*lanes_ready = 0;
	/* Before there are threads that a fork would not take along */
	if (!lane_is_empty(&lanes[LANE_PROCESS]))
		pid = lane_fork(&lanes[LANE_PROCESS]);
	else
		*lanes_ready = 1;
	for (i = 1; i < LANE_PROCESS; i++)
		must(-pthread_create(&threads[i], NULL, lane_thread, &lanes[i]));
	for (i = 1; i < LANE_PROCESS; i++)
		pthread_join(threads[i], NULL);
	if (pid)
		waitpid(pid, NULL, 0);
}

static void run_steps(const struct program *program)
{
	struct lane lane = { .program = program, .faults = -1 };

	while (lane.first < program->nr_steps) {
		bool together = program->steps[lane.first].lane;

		for (lane.end = lane.first; lane.end < program->nr_steps; lane.end++)
			if (together != !!program->steps[lane.end].lane)
				break;
		if (together)
			run_together(program, lane.first, lane.end);
		else
			lane_run(&lane);
		lane.first = lane.end;
	}
}

static void process_main(const struct program *program)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world_open();
	coverage_begin(0);
	run_steps(program);
	world_close();
	coverage_end(0);
	_exit(0);
}

bool execute(const struct program *program)
{
	struct pollfd ended = { .events = POLLIN };
	bool in_time;
	pid_t pid;

	coverage_reset();
	pid = must(errno_of(fork()));
	if (!pid)
		process_main(program);
	ended.fd = must(errno_of(syscall(SYS_pidfd_open, pid, 0)));
	in_time = poll(&ended, 1, PROGRAM_SECONDS * 1000) == 1;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ended.fd);
	return in_time;
}
