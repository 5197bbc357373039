// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was found, for people and for programs.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct cell *cell_of(const struct cell *cells, unsigned int subject,
				  unsigned int work)
{
	return &cells[subject * NR_WORKS + work];
}

/* What the pipe takes for a work; none when it was not measured. */
static double pipe_cost(const struct cell *cells, unsigned int work)
{
	for (unsigned int s = 0; s < nr_subjects; s++)
		if (!strcmp(subjects[s].name, "pipe"))
			return cell_of(cells, s, work)->cost;
	return 0;
}

/* Mitigations are instructions: the first words of what the kernel says. */
static void mitigations(char *text, int size)
{
	FILE *file = fopen("/sys/devices/system/cpu/vulnerabilities/spectre_v2", "r");

	if (!file || !fgets(text, size, file))
		snprintf(text, (size_t)size, "unknown");
	text[strcspn(text, ";\n")] = '\0';
	if (file)
		fclose(file);
}

static void table_header(const struct timebase *base, const char *machine,
			 unsigned long count)
{
	char spectre[80];
	struct utsname uts;

	if (uname(&uts))
		die("uname");
	mitigations(spectre, sizeof(spectre));
	printf("Linux %s %s, %s, Spectre v2: %s.\n"
	       "Elements of %d bytes, one a call on both sides; all threads on one CPU; figures are\n"
	       "%s.\n\n", uts.release, uts.machine, machine, spectre, ELEM_SIZE,
	       base->counts ? "instructions" : "nanoseconds");
	if (base->counts)
		printf("The clock counts instructions: 1 ns of CLOCK_MONOTONIC is one instruction, of\n"
		       "the kernel or of user space; loops of a known number of instructions took %.3f\n"
		       "and %.3f ns an instruction.\n", base->quick, base->slow);
	else
		printf("The clock is a real one: the figures differ from run to run.\n");
	printf("A figure is (time of 2N - time of N) / N, N = %lu, of the second run of two.\n\n",
	       count);
	for (unsigned int w = 0; w < NR_WORKS; w++)
		if (works[w].lanes)
			printf("- `%s`: %s; kchan with capacity %u\n",
			       works[w].name, works[w].figure, works[w].capacity);
		else
			printf("- `%s`: %s\n", works[w].name, works[w].figure);
	printf("\nmqueue has kchan's capacity, at least 1 (10 where the user's limit forbids\n"
	       "more); pipe and seqpacket have the buffers they come with; eventfd moves a count\n"
	       "of 8 bytes and no element, in `stream` as a semaphore without bound; floor is a\n"
	       "write to /dev/null and a read of /dev/zero. A rendezvous, where a sender does\n"
	       "not go on before its element is received, is kchan's alone: the pipe beside it\n"
	       "does what it does in `ping-pong`. In `select` works kchan uses one ioctl, pipe\n"
	       "epoll_wait and read; `read` is a plain read of a channel; filling is not counted.\n"
	       "For `go` pthread creates and joins a thread of default attributes.\n"
	       "In brackets: the ratio to the pipe.\n\n");
}

void report_table(const struct cell *cells, const struct timebase *base,
		  const char *machine, unsigned long count)
{
	table_header(base, machine, count);
	printf("| subject |");
	for (unsigned int w = 0; w < NR_WORKS; w++)
		printf(" %s |", works[w].name);
	printf("\n| --- |");
	for (unsigned int w = 0; w < NR_WORKS; w++)
		printf(" ---: |");
	printf("\n");
	for (unsigned int s = 0; s < nr_subjects; s++) {
		printf("| %s |", subjects[s].name);
		for (unsigned int w = 0; w < NR_WORKS; w++) {
			const struct cell *cell = cell_of(cells, s, w);
			double pipe = pipe_cost(cells, w);

			if (cell->there && pipe > 0)
				printf(" %.0f (%.2f) |", cell->cost, cell->cost / pipe);
			else if (cell->there)
				printf(" %.0f |", cell->cost);
			else
				printf(" %s |", cell->why ? "not available" : "");
		}
		printf("\n");
	}
	printf("\n");
}

void report_csv(const struct cell *cells, const struct timebase *base)
{
	printf("work,subject,%s,ratio_to_pipe\n",
	       base->counts ? "instructions" : "nanoseconds");
	for (unsigned int w = 0; w < NR_WORKS; w++) {
		double pipe = pipe_cost(cells, w);

		for (unsigned int s = 0; s < nr_subjects; s++) {
			const struct cell *cell = cell_of(cells, s, w);

			if (!cell->there)
				continue;
			printf("%s,%s,%.0f,", works[w].name, subjects[s].name,
			       cell->cost);
			if (pipe > 0)
				printf("%.3f", cell->cost / pipe);
			printf("\n");
		}
	}
}

bool report_missing(const struct cell *cells)
{
	bool missing = false;

	for (unsigned int s = 0; s < nr_subjects; s++) {
		for (unsigned int w = 0; w < NR_WORKS; w++) {
			const struct cell *cell = cell_of(cells, s, w);

			if (!cell->why)
				continue;
			fprintf(stderr, "bench: %s, %s: not available: %s: %s\n",
				subjects[s].name, works[w].name, cell->why,
				strerror(cell->error));
			missing = true;
		}
	}
	return missing;
}
