// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's listing of all channels, in debugfs: it shows how long each thread has
 * waited.
 *
 * It has the thread numbers of the initial PID namespace. In another namespace the
 * numbers differ, and do not match a thread on the same channel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

#define LISTING	"/sys/kernel/debug/kchan/channels"

static void fill_in(struct process *process, uint64_t channel, bool send,
		    pid_t tid, int64_t ms)
{
	size_t i;

	for (i = 0; i < process->nr_waits; i++) {
		struct wait *wait = &process->waits[i];

		if (wait->channel == channel && wait->tid == tid &&
		    wait->send == send)
			wait->ms = ms;
	}
}

void listing_look(struct process *process)
{
	unsigned long long id = 0;
	FILE *file = fopen(LISTING, "re");
	size_t size = 0;
	char *line = NULL, op[8];
	long long ms;
	int tid, pid;

	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		if (sscanf(line, "channel id=%llu", &id) == 1)
			continue;
		if (sscanf(line, " waiter op=%7s tid=%d pid=%d ms=%lld", op, &tid,
			   &pid, &ms) == 4 && pid == process->pid)
			fill_in(process, id, !strcmp(op, "send"), tid, ms);
	}
	free(line);
	fclose(file);
}
