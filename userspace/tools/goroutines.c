// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl goroutines: the waiting threads of a process, by channel.
 *
 * A channel belongs to this process alone if all its ends do, and if nobody else has a
 * reference on their files: neither another process, nor a descriptor in the queue of a
 * socket. Then nobody else can wake the threads that wait for it. A thread that waits
 * to receive can be woken by those who can send. While an element is in flight, those
 * who can receive can also wake it, since the element may be put back. A thread that
 * waits to send can be woken by those who can receive, and by those who can send, since
 * they may close the channel. An armed select cannot wake a thread that waits already:
 * they would have been matched before.
 *
 * Another process that has mapped the channel can send and receive without an end.
 */
#include <errno.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"
#include "listing.h"
#include "process.h"

static int by_channel(const void *a, const void *b)
{
	const struct end *one = a, *other = b;

	if (one->channel.id != other->channel.id)
		return one->channel.id < other->channel.id ? -1 : 1;
	return (one->fd > other->fd) - (one->fd < other->fd);
}

/* The longest wait comes first. */
static int by_time(const void *a, const void *b)
{
	const struct wait *one = a, *other = b;

	if (one->channel != other->channel)
		return one->channel < other->channel ? -1 : 1;
	if (one->ms != other->ms)
		return one->ms > other->ms ? -1 : 1;
	return (one->tid > other->tid) - (one->tid < other->tid);
}

enum whose { OURS, OTHERS, UNKNOWN };

static enum whose whose_end(const struct end *end)
{
	if (!end->refs)
		return UNKNOWN;
	return end->refs > end->nr_fds + end->nr_calls ? OTHERS : OURS;
}

static bool is_mapped_by_others(const struct process *process,
				const struct kchan_info *info)
{
	return (info->flags & KCHAN_INFO_MAPPED) &&
	       info->map_pid != (uint32_t)process->pid;
}

/* Who has the ends of this mode. The numbers may be from different times. */
static enum whose whose(const struct process *process, uint64_t channel,
			uint32_t mode)
{
	const struct end *end = process->ends;
	enum whose ret = OURS;
	uint32_t nr = 0, all = 0, here;

	for (; end != process->ends + process->nr_ends; end++) {
		if (end->channel.id != channel)
			continue;
		if (is_mapped_by_others(process, &end->channel))
			return OTHERS;
		here = mode == KCHAN_INFO_SEND ? end->channel.send_ends :
						 end->channel.recv_ends;
		if (here > all)
			all = here;
		/* Anybody may open the name. */
		if (end->channel.flags & KCHAN_INFO_NAMED)
			return OTHERS;
		if (!end->first || !(end->mode & mode))
			continue;
		nr++;
		if (ret == OURS)
			ret = whose_end(end);
	}
	return nr < all ? OTHERS : ret;
}

static bool is_in_flight(const struct process *process, uint64_t channel)
{
	const struct end *end = process->ends;

	for (; end != process->ends + process->nr_ends; end++)
		if (end->channel.id == channel && end->channel.in_flight)
			return true;
	return false;
}

static void find_wakers(const struct process *process)
{
	enum whose by;
	size_t i;

	for (i = 0; i < process->nr_waits; i++) {
		struct wait *wait = &process->waits[i];

		if (!wait->thread)
			continue;
		by = whose(process, wait->channel, KCHAN_INFO_SEND);
		if (by == OURS &&
		    (wait->send || is_in_flight(process, wait->channel)))
			by = whose(process, wait->channel, KCHAN_INFO_RECV);
		if (by == OTHERS)
			wait->thread->foreign = true;
		if (by == UNKNOWN)
			wait->thread->unsure = true;
	}
}

/* True if no thread is left that could wake another one. */
static bool all_wait(const struct process *process)
{
	const struct thread *t = process->threads;

	for (; t != process->threads + process->nr_threads; t++)
		if (!t->waits || t->timed || t->foreign || t->unsure)
			return false;
	return true;
}

static const char *waker(const struct thread *thread, bool nobody)
{
	if (thread->timed)
		return "timer";
	if (thread->foreign)
		return "others";
	if (thread->unsure)
		return "?";
	return nobody ? "nobody" : "process";
}

static void put_name(const char *name)
{
	for (; *name; name++)
		putchar(isprint((unsigned char)*name) ? *name : '?');
	putchar('\n');
}

#define HEAD	"  %7s  %-11s  %9s  %-7s  %s\n"
#define ROW	"  %7s  %-11s  %9s  %-7s  "

static const char *operation(const struct wait *wait)
{
	return wait->send ? "send" : "recv";
}

static void put_wait(const struct wait *wait, bool nobody)
{
	char time[32] = "-", what[16], tid[16];

	if (!wait->thread) {
		snprintf(what, sizeof(what), "armed %s", operation(wait));
		printf(ROW "fd %d\n", "-", what, "-", "-", wait->fd);
		return;
	}

	if (wait->ms >= 0)
		snprintf(time, sizeof(time), "%lld.%llds",
			 (long long)wait->ms / 1000,
			 (long long)wait->ms % 1000 / 100);
	snprintf(what, sizeof(what), "%s%s", wait->select ? "select " : "",
		 operation(wait));
	snprintf(tid, sizeof(tid), "%d", wait->tid);
	printf(ROW, tid, what, time, waker(wait->thread, nobody));
	put_name(wait->thread->comm);
}

static const char *direction(const struct end *end)
{
	if (end->mode == KCHAN_INFO_SEND)
		return "send";
	return end->mode == KCHAN_INFO_RECV ? "recv" : "send,recv";
}

/* Prints a channel. @end is its first end, and @last the one after its last end. */
static void put_channel(const struct process *process, const struct end *end,
			const struct end *last)
{
	const struct kchan_info *info = &end->channel;

	printf("channel %llu: %s, %u bytes, %u of %u queued",
	       (unsigned long long)info->id,
	       info->flags & KCHAN_INFO_MESSAGE ? "message" : "fixed",
	       info->elem_size, info->len, info->capacity);
	if (info->in_flight)
		printf(", %u in flight", info->in_flight);
	if (info->flags & KCHAN_INFO_CLOSED)
		printf(", closed");
	if (is_mapped_by_others(process, info))
		printf(", mapped by %u", info->map_pid);
	else if (info->flags & KCHAN_INFO_MAPPED)
		printf(", mapped");
	printf("%s\n", info->flags & KCHAN_INFO_BROKEN ? ", broken" : "");
	printf("  ends: %u send, %u recv; waiting: %u send, %u recv; fds:",
	       info->send_ends, info->recv_ends, info->send_waiters,
	       info->recv_waiters);
	for (; end != last; end++)
		printf(" %d (%s)", end->fd, direction(end));
	putchar('\n');
}

static const struct wait *put_waits(const struct wait *wait,
				    const struct wait *last, bool nobody)
{
	const uint64_t channel = wait->channel;

	printf(HEAD, "TID", "WAITS", "FOR", "WAKER", "NAME");
	for (; wait != last && wait->channel == channel; wait++)
		put_wait(wait, nobody);
	return wait;
}

/* An armed select may hold a channel that has no descriptor any more. */
static void put_all(const struct process *process)
{
	const struct end *end = process->ends, *next;
	const struct end *last = end + process->nr_ends;
	const struct wait *wait = process->waits;
	const struct wait *last_wait = wait + process->nr_waits;
	const bool nobody = all_wait(process);
	uint64_t channel;

	while (end != last || wait != last_wait) {
		if (end == last ||
		    (wait != last_wait && wait->channel < end->channel.id)) {
			channel = wait->channel;
			printf("channel %llu: no descriptor\n",
			       (unsigned long long)channel);
		} else {
			channel = end->channel.id;
			for (next = end; next != last; next++)
				if (next->channel.id != channel)
					break;
			put_channel(process, end, next);
			end = next;
		}
		if (wait != last_wait && wait->channel == channel)
			wait = put_waits(wait, last_wait, nobody);
	}
}

/* Fills in how long a thread has waited. */
static bool fill_in(const struct listed_waiter *waiter, void *arg)
{
	struct process *process = arg;
	size_t i;

	for (i = 0; i < process->nr_waits && waiter->pid == process->pid; i++) {
		struct wait *wait = &process->waits[i];

		if (wait->channel == waiter->channel && wait->tid == waiter->tid &&
		    wait->send == waiter->send)
			wait->ms = waiter->ms;
	}
	return true;
}

static void release(struct process *process)
{
	free(process->threads);
	free(process->ends);
	free(process->waits);
}

static int look_at(pid_t pid)
{
	struct process process = { .pid = pid };
	int error = process_look(&process);

	if (error) {
		release(&process);
		return fail("process %d: %s", process.pid, strerror(error));
	}
	listing_read(NULL, fill_in, &process);
	if (process.nr_ends) {
		qsort(process.ends, process.nr_ends, sizeof(process.ends[0]),
		      by_channel);
		find_wakers(&process);
	}
	if (process.nr_waits)
		qsort(process.waits, process.nr_waits, sizeof(process.waits[0]),
		      by_time);
	put_all(&process);
	release(&process);
	if (flush("goroutines"))
		return STATUS_FAILED;
	if (process.hidden)
		return fail("process %d: what its threads do: %s", process.pid,
			    strerror(process.hidden));
	return STATUS_OK;
}

static const struct option options[] = { OPTIONS_END };

static int goroutines_run(int argc, char **argv)
{
	next_option(&goroutines_command, argc, argv, options);
	if (optind + 1 != argc)
		usage("of which process? Say goroutines PID");
	return look_at(number_of(argv[optind], "process", 1, INT_MAX));
}

const struct command goroutines_command = {
	.name = "goroutines",
	.brief = "tell which threads of a process wait for channels",
	.help =
"Usage: kchanctl goroutines PID\n"
"Tell of a process which channels it has open, and which of its threads wait there:\n"
"to do what, for how long (which root alone can know), and who can wake them:\n"
"\"process\", none but the process itself; \"nobody\", for all of it waits;\n"
"\"others\"; \"timer\"; \"?\", that cannot be known.\n"
"\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl goroutines $(pidof server)\n",
	.run = goroutines_run,
};
