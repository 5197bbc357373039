// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run every work over every subject, side by side, twice, and report the second.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench [-C] [-n COUNT] [-c WORK=CAPACITY]... [-m MACHINE] [-s SUBJECT]\n"
	"             [-v] [-w WORK]\n"
	"\n"
	"  -C   after the table, the same as comma-separated values\n"
	"  -n   how many operations (8192), then twice as many, to know the set-up\n"
	"       from them; with few, threads' starts are all that one sees\n"
	"  -c   kchan's capacity in a work: pair (16), ping-pong (1), rendezvous (0),\n"
	"       stream (64), select-2 and select-8 (256)\n"
	"  -m   what the table says of the machine\n"
	"  -s   only this subject\n"
	"  -v   both runs, on standard error, and how often threads were switched\n"
	"  -w   only this work\n";

static const char *only_subject, *only_work;

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(2);
}

/*
 * All threads on one CPU: it is the cost in instructions that we are after, and
 * where two CPUs share the work it depends on when they meet.
 */
static void pin(void)
{
	cpu_set_t allowed, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/*
 * A second thread, for all subjects. In a process of one thread the kernel takes no
 * reference on a file that it looks up, and whoever moves elements has more threads.
 */
static void add_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, sleep_for_ever, NULL);
	if (errno)
		die("pthread_create");
}

static _Noreturn void wrong_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void capacity_option(char *option)
{
	char *value = strchr(option, '='), *end;
	unsigned long capacity;

	if (value) {
		*value++ = '\0';
		capacity = strtoul(value, &end, 10);
		for (unsigned int w = 0; end > value && !*end && w < NR_WORKS; w++) {
			if (strcmp(option, works[w].name))
				continue;
			works[w].capacity = (unsigned int)capacity;
			return;
		}
	}
	wrong_usage();
}

static long switches(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		die("getrusage");
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

/* One timed run over lanes of its own; false when the subject is not there. */
static bool run(const struct subject *subject, enum work_id id,
		unsigned long count, uint64_t *time, struct cell *cell)
{
	const struct work *work = &works[id];
	struct lane lanes[MAX_LANES];
	unsigned int opened = 0;

	for (; opened < work->lanes; opened++) {
		struct lane *lane = &lanes[opened];
		int error;

		*lane = (struct lane){ -1, -1 };
		error = subject->open(lane, id, work->capacity, &cell->why);
		if (error) {
			cell->error = -error;
			break;
		}
	}
	if (opened == work->lanes)
		*time = work->run(subject, lanes, count);
	while (opened)
		lane_close(&lanes[--opened]);
	return !cell->why;
}

static void measure(const struct subject *subject, enum work_id id,
		    unsigned long count, struct cell *cell)
{
	uint64_t once, twice;
	long before;

	*cell = (struct cell){ .there = false };
	if (!(subject->works & 1U << id) ||
	    (only_work && strcmp(only_work, works[id].name)) ||
	    (only_subject && strcmp(only_subject, subject->name)))
		return;
	if (!run(subject, id, count, &once, cell))
		return;
	clock_forget();
	before = switches();
	if (!run(subject, id, 2 * count, &twice, cell))
		return;
	cell->there = true;
	cell->switches = (double)(switches() - before) / (2.0 * (double)count);
	cell->cost = ((double)twice - (double)once) / (double)count;
}

static void measure_all(struct cell *cells, unsigned long count, bool verbose)
{
	for (unsigned int w = 0; w < NR_WORKS; w++) {
		for (unsigned int s = 0; s < nr_subjects; s++) {
			struct cell *cell = &cells[s * NR_WORKS + w];

			measure(&subjects[s], w, count, cell);
			if (verbose && cell->there)
				fprintf(stderr, "bench: %s %s %.1f, %.2f switches\n",
					works[w].name, subjects[s].name,
					cell->cost, cell->switches);
		}
	}
}

int main(int argc, char **argv)
{
	/* A multiple of what a pipe holds: a stream's turns come out even. */
	unsigned long count = 8 * 1024;
	const char *machine = "this machine";
	bool csv = false, verbose = false;
	struct timebase base;
	struct cell *cells;
	int option;

	while ((option = getopt(argc, argv, "Cn:c:m:s:vw:")) != -1) {
		switch (option) {
		case 'C':
			csv = true;
			break;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			capacity_option(optarg);
			break;
		case 'm':
			machine = optarg;
			break;
		case 's':
			only_subject = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'w':
			only_work = optarg;
			break;
		default:
			count = 0;
		}
	}
	if (!count || optind < argc)
		wrong_usage();
	cells = calloc((size_t)nr_subjects * NR_WORKS, sizeof(*cells));
	if (!cells)
		die("calloc");
	pin();
	add_thread();
	/* The first run also waits for a machine that has just booted to settle. */
	measure_all(cells, count, verbose);
	timebase_find(&base);
	measure_all(cells, count, verbose);

	report_table(cells, &base, machine, count);
	if (csv)
		report_csv(cells, &base);
	fflush(stdout);
	return report_missing(cells);
}
