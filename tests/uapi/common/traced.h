/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tracepoints write, as it comes out of a trace instance of tracefs.
 */
#ifndef TRACED_H
#define TRACED_H

#include "chan.h"

struct event {
	char name[24];
	int by;			/* the task that was running */
	char args[160];
};

struct trace {
	char dir[80];
	struct event *events;
	size_t count;
	size_t at;
};

/* From here on; ends the test as skipped where it cannot be done. */
void trace_start(struct trace *t);

/* Stops, and takes out what was written, with this in it if it is not NULL. */
void trace_stop(struct trace *t, const char *only);

/* What is told of one channel alone. */
void trace_stop_chan(struct trace *t, int fd);

/* The next event is this. */
#define next_is(t, by, name, ...) \
	trace_expect(__FILE__, __LINE__, t, by, name, __VA_ARGS__)

void trace_expect(const char *file, int line, struct trace *t, int by,
		  const char *name, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* There is no other one. */
void trace_expect_end(struct trace *t);

#endif /* TRACED_H */
