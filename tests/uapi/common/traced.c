// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "traced.h"

#define TRACING	"/sys/kernel/tracing"

static void put_file(const struct trace *t, const char *name, const char *text)
{
	char path[160];
	ssize_t len = (ssize_t)strlen(text);
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	must(fd >= 0);
	must(write(fd, text, (size_t)len) == len);
	close(fd);
}

void trace_start(struct trace *t)
{
	memset(t, 0, sizeof(*t));
	if (geteuid())
		tap_skip("needs root");
	if (access(TRACING "/events", F_OK))
		tap_skip("no tracefs");
	snprintf(t->dir, sizeof(t->dir), TRACING "/instances/kchan-%d", getpid());
	if (mkdir(t->dir, 0700)) {
		expect_int(errno, ENOENT);
		tap_skip("no trace instances");
	}
	/* Room for all that a test does, and an order that all CPUs agree on. */
	put_file(t, "buffer_size_kb", "512");
	put_file(t, "trace_clock", "counter");
	/*
	 * Not the names of tasks: for them the scheduler's own code is patched, at
	 * which an emulator may run what was there a moment ago.
	 */
	put_file(t, "trace_options", "norecord-cmd");
	put_file(t, "events/kchan/enable", "1");
}

/* "    comm-123   [000] .....  12.345: kchan_send: chan=1 ..." */
static bool parse(struct event *e, char *line)
{
	char *name = strstr(line, ": kchan_"), *args, *dash;

	if (line[0] == '#' || !name)
		return false;
	*name = '\0';
	name += 2;
	args = strstr(name, ": ");
	must(args);
	*args = '\0';
	args += 2;
	/* The name of the task may hold anything but what comes before its id. */
	dash = strstr(line, " [");
	must(dash);
	*dash = '\0';
	dash = strrchr(line, '-');
	must(dash);
	e->by = atoi(dash + 1);
	must(strlen(name) < sizeof(e->name) && strlen(args) < sizeof(e->args));
	strcpy(e->name, name);
	strcpy(e->args, args);
	return true;
}

void trace_stop(struct trace *t, const char *only)
{
	char path[160], *line = NULL;
	struct event e;
	size_t room = 0;
	FILE *f;

	put_file(t, "events/kchan/enable", "0");
	snprintf(path, sizeof(path), "%s/trace", t->dir);
	f = fopen(path, "re");
	must(f);
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		must(!strstr(line, "LOST"));
		if (!parse(&e, line) || (only && !strstr(e.args, only)))
			continue;
		t->events = realloc(t->events,
				    (t->count + 1) * sizeof(*t->events));
		must(t->events);
		t->events[t->count++] = e;
	}
	free(line);
	fclose(f);
	must_int(rmdir(t->dir), 0);
}

void trace_stop_chan(struct trace *t, int fd)
{
	char only[40];

	snprintf(only, sizeof(only), "chan=%llu ",
		 (unsigned long long)chan_info(fd).id);
	trace_stop(t, only);
}

void trace_expect(const char *file, int line, struct trace *t, int by,
		  const char *name, const char *fmt, ...)
{
	const struct event *e = &t->events[t->at];
	char args[160];
	va_list list;

	va_start(list, fmt);
	vsnprintf(args, sizeof(args), fmt, list);
	va_end(list);
	if (t->at == t->count) {
		tap_fail(file, line, "no %s: %s", name, args);
		return;
	}
	t->at++;
	if (strcmp(e->name, name) || strcmp(e->args, args) || e->by != by)
		tap_fail(file, line, "by %d %s: %s, not by %d %s: %s",
			 e->by, e->name, e->args, by, name, args);
}

void trace_expect_end(struct trace *t)
{
	if (!expect_int(t->count - t->at, 0))
		tap_note("%s: %s", t->events[t->at].name,
			 t->events[t->at].args);
	free(t->events);
}
