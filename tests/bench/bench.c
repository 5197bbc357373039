// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure each subject of each work, and print a line of figures for each.
 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench [-a] [-l] [-n COUNT] [-g GROUP]... [-w WORK] [-s SUBJECT]\n"
	"             [-x VALUE]\n"
	"\n"
	"  -a   on all CPUs; else on one\n"
	"  -l   measure nothing, tell what there is: group, work, unit, peer, what\n"
	"       varies, what a figure is the cost of, with tabs between\n"
	"  -n   how many operations (2048), and then twice as many, to know the set-up\n"
	"       from them; some works have a number of their own\n"
	"  -g, -w, -s, -x\n"
	"       only these groups, this work, this subject, this value of what varies\n"
	"\n"
	"The figures are comma-separated: group, work, value of what varies, subject, cost\n"
	"of an operation, how many operations that was found from.\n";

static const struct group *const groups[] = {
	&transfer_group, &batch_group, &size_group, &parked_group, &many_group,
	&pollers_group, &select_group, &lease_group, &idle_group, &go_group,
};

static bool chosen[NR(groups)];
static const char *only_work, *only_subject, *only_at;

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

#define STACK_SIZE	(32 << 10)

pthread_t thread_start(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	errno = pthread_create(&thread, &attr, run, arg);
	if (errno)
		die("pthread_create");
	pthread_attr_destroy(&attr);
	return thread;
}

void thread_join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	if (errno)
		die("pthread_join");
}

void raise_limits(unsigned long nr)
{
	const char *const threads = "/proc/sys/kernel/threads-max";
	struct rlimit limit;
	unsigned long most;
	FILE *file;

	/* A few more: standard streams, epolls. */
	nr += 100;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit");
	if (limit.rlim_cur < nr) {
		limit.rlim_cur = nr;
		if (limit.rlim_max < nr)
			limit.rlim_max = nr;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			die("RLIMIT_NOFILE");
	}
	/* Who may not do this makes fewer queues, and mq_open() tells. */
	(void)setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	file = fopen(threads, "r");
	if (!file || fscanf(file, "%lu", &most) != 1)
		die(threads);
	fclose(file);
	if (most >= 2 * nr)
		return;
	file = fopen(threads, "w");
	if (!file || fprintf(file, "%lu\n", 2 * nr) < 0 || fclose(file))
		die(threads);
}

void *touched_memory(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		die("malloc");
	/* Else the compiler makes one calloc() of the two, which touches nothing. */
	__asm__ volatile("" : "+r" (memory));
	return memset(memory, 0, size);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* An element of 4096 bytes is as much work as two small ones. */
#define LARGE		4096
#define LEAST_COUNT	16

static unsigned long operations(const struct work *work, unsigned int at,
				unsigned long count)
{
	if (work->count)
		count = work->count;
	if (work->by_size)
		count /= 1 + at / LARGE;
	return count < LEAST_COUNT ? LEAST_COUNT : count;
}

/* What the child writes to the parent. */
struct figure {
	double cost;
	unsigned long operations;
};

static struct figure measure(const struct work *work, const struct subject *subject,
			     unsigned int at, unsigned long count)
{
	uint64_t once, sum;

	count = operations(work, at, count);
	if (work->kind == BYTES)
		return (struct figure){
			(double)work->run(work, subject->how, at, count) / (double)count,
			count,
		};
	/*
	 * A second thread, for all subjects. In a process of one thread the kernel
	 * takes no reference on a file that it looks up, and whoever moves elements
	 * has more threads.
	 */
	thread_start(sleep_for_ever, NULL);
	/* The first time, pages and caches are missing. */
	(void)work->run(work, subject->how, at, count);
	clock_forget();
	if (work->kind == NET) {
		sum = work->run(work, subject->how, at, count);
		return (struct figure){ (double)sum / (double)count, count };
	}
	once = work->run(work, subject->how, at, count);
	clock_forget();
	sum = work->run(work, subject->how, at, 2 * count);
	return (struct figure){
		((double)sum - (double)once) / (double)count, 2 * count,
	};
}

/*
 * In a process of its own: no subject finds what another one has left, and one that
 * fails ends nobody else. False if it fails; then it has said why.
 */
static bool measured(const struct work *work, const struct subject *subject,
		     unsigned int at, unsigned long count, struct figure *figure)
{
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		*figure = measure(work, subject, at, count);
		_exit(write(fds[1], figure, sizeof(*figure)) != sizeof(*figure));
	}
	close(fds[1]);
	got = read(fds[0], figure, sizeof(*figure));
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return got == sizeof(*figure) && !status;
}

static bool wanted(const char *only, const char *name)
{
	return !only || !strcmp(only, name);
}

/* False if something failed. */
static bool run_work(const struct group *group, const struct work *work,
		     unsigned long count)
{
	bool all = true;

	for (size_t i = 0; i < (work->axis ? work->nr_at : 1); i++) {
		unsigned int at = work->axis ? work->at[i] : 0;
		char value[16] = "";

		if (work->axis)
			snprintf(value, sizeof(value), "%u", at);
		if (!wanted(only_at, value))
			continue;
		for (size_t s = 0; s < work->nr_subjects; s++) {
			const struct subject *subject = &work->subjects[s];
			struct figure figure;

			if (!wanted(only_subject, subject->name))
				continue;
			if (!measured(work, subject, at, count, &figure)) {
				fprintf(stderr, "bench: %s %s of %s failed\n",
					work->name, value, subject->name);
				all = false;
				continue;
			}
			printf("%s,%s,%s,%s,%.1f,%lu\n", group->name, work->name,
			       value, subject->name, figure.cost, figure.operations);
		}
	}
	return all;
}

static void list(void)
{
	for (size_t g = 0; g < NR(groups); g++) {
		for (size_t w = 0; w < groups[g]->nr; w++) {
			const struct work *work = &groups[g]->works[w];

			printf("%s\t%s\t%s\t%s\t%s\t%s\n", groups[g]->name, work->name,
			       work->kind == BYTES ? "bytes" : "time", work->peer,
			       work->axis ? work->axis : "", work->what);
		}
	}
}

/* Mitigations are instructions: the first words of what the kernel says. */
static void machine(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/vulnerabilities/spectre_v2", "r");
	struct timebase base;
	char spectre[80];
	struct utsname uts;

	if (uname(&uts))
		die("uname");
	if (!file || !fgets(spectre, sizeof(spectre), file))
		snprintf(spectre, sizeof(spectre), "unknown");
	if (file)
		fclose(file);
	spectre[strcspn(spectre, ";\n")] = '\0';
	timebase_find(&base);
	printf("# Linux %s %s, Spectre v2: %s\n"
	       "# unit: %s\n", uts.release, uts.machine, spectre,
	       base.counts ? "instructions" : "nanoseconds");
	if (base.counts)
		printf("# loops of a known number of instructions took %.3f and %.3f ns "
		       "an instruction\n", base.quick, base.slow);
}

static _Noreturn void wrong_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void choose(const char *name)
{
	for (size_t g = 0; g < NR(groups); g++) {
		if (!strcmp(groups[g]->name, name)) {
			chosen[g] = true;
			return;
		}
	}
	wrong_usage();
}

int main(int argc, char **argv)
{
	/* A multiple of what a pipe holds: a stream's turns come out even. */
	unsigned long count = 2048;
	bool everywhere = false, some = false, all = true;
	int option;

	while ((option = getopt(argc, argv, "aln:g:w:s:x:")) != -1) {
		switch (option) {
		case 'a':
			everywhere = true;
			break;
		case 'l':
			list();
			return 0;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'g':
			choose(optarg);
			some = true;
			break;
		case 'w':
			only_work = optarg;
			break;
		case 's':
			only_subject = optarg;
			break;
		case 'x':
			only_at = optarg;
			break;
		default:
			count = 0;
		}
	}
	if (!count || optind < argc)
		wrong_usage();
	if (!everywhere)
		pin();
	machine();
	for (size_t g = 0; g < NR(groups); g++) {
		for (size_t w = 0; w < groups[g]->nr && (chosen[g] || !some); w++) {
			const struct work *work = &groups[g]->works[w];

			if (wanted(only_work, work->name))
				all = run_work(groups[g], work, count) && all;
		}
	}
	return !all;
}
