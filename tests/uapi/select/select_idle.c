// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select that polls a file which wakes it all the time, and is never ready for
 * what was asked: it ends by its deadline or a signal all the same.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "cases.h"

#define DEADLINE KCHAN_SELECT_DEADLINE
#define MS 1000000LL

/* A file, and what is done to it over and over. */
struct noise {
	const char *name;
	int polled, from, to;
	uint32_t events;
	size_t size;
	atomic_bool stop;
	atomic_ulong times;
	pthread_t threads[2];
};

static void *makes_noise(void *arg)
{
	struct noise *n = arg;
	char buf[8] = { 1 };

	while (!atomic_load(&n->stop)) {
		/* Several take turns: one of them may find nothing, or no room. */
		if (write(n->to, buf, n->size) < 0)
			must(errno == EAGAIN);
		if (read(n->from, buf, n->size) < 0)
			must(errno == EAGAIN);
		atomic_fetch_add(&n->times, 1);
	}
	return NULL;
}

static void noise_start(struct noise *n)
{
	chan_nonblock(n->from, true);
	chan_nonblock(n->to, true);
	for (size_t i = 0; i < ARRAY_SIZE(n->threads); i++)
		thread_start(&n->threads[i], makes_noise, n);
	until(atomic_load(&n->times) > 10);
}

static void noise_end(struct noise *n)
{
	atomic_store(&n->stop, true);
	for (size_t i = 0; i < ARRAY_SIZE(n->threads); i++)
		thread_join(n->threads[i]);
}

/* Files of all kinds, polled for what never comes. */
static void noise_of(struct noise *n, int kind)
{
	int fds[2];

	memset(n, 0, sizeof(*n));
	n->size = 8;
	n->events = POLLPRI;
	switch (kind) {
	case 0:
		n->name = "a socket";
		must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		n->polled = fds[0];
		n->from = fds[0];
		n->to = fds[1];
		break;
	case 1:
		n->name = "an eventfd";
		n->polled = eventfd(0, EFD_SEMAPHORE);
		n->from = n->polled;
		n->to = n->polled;
		break;
	case 2:
		n->name = "a pipe";
		must_int(pipe(fds), 0);
		n->polled = fds[0];
		n->from = fds[0];
		n->to = fds[1];
		break;
	default:
		n->name = "a channel";
		n->polled = chan_make(0, 8, 2);
		n->from = end_make(n->polled, KCHAN_END_RECV);
		n->to = end_make(n->polled, KCHAN_END_SEND);
		break;
	}
}

#define KINDS 4

static void times_out(bool beside, unsigned int polls)
{
	for (int kind = 0; kind < KINDS; kind++) {
		int on = chan_make(0, 8, 0);
		struct cases_call call = { 0 };
		struct noise n;
		uint64_t v;

		noise_of(&n, kind);
		tap_about("%s", n.name);
		noise_start(&n);
		cases_init(&call.c, DEADLINE, (uint64_t)tap_now_ns() + 300 * MS);
		for (unsigned int i = 0; i < polls; i++)
			add_poll(&call.c, n.polled, n.events);
		if (beside)
			add_recv(&call.c, on, &v, 8);
		cases_start(&call, on);
		expect_errno(cases_join(&call), ETIMEDOUT);
		expect((uint64_t)tap_now_ns() >= call.c.s.deadline);
		expect_idle(on);
		noise_end(&n);
	}
}

static void alone_times_out(void)
{
	times_out(false, 1);
}

static void beside_times_out(void)
{
	times_out(true, 1);
}

/* Before it has looked at all of them, the first may have woken it again. */
static void many_time_out(void)
{
	times_out(false, KCHAN_MAX_CASES);
	times_out(true, KCHAN_MAX_CASES - 1);
}

static void interrupted(void)
{
	on_signal(SIGUSR1, 0);
	for (int kind = 0; kind < KINDS; kind++) {
		int on = chan_make(0, 8, 0);
		struct cases_call call = { 0 };
		struct noise n;
		uint64_t v;

		noise_of(&n, kind);
		tap_about("%s", n.name);
		noise_start(&n);
		cases_init(&call.c, 0, 0);
		for (unsigned int i = 1; i < KCHAN_MAX_CASES; i++)
			add_poll(&call.c, n.polled, n.events);
		add_recv(&call.c, on, &v, 8);
		cases_start(&call, on);
		wait_receivers(on, 1);
		must_int(pthread_kill(call.thread, SIGUSR1), 0);
		expect_errno(cases_join(&call), EINTR);
		expect_idle(on);
		noise_end(&n);
	}
}

/* And another case of it commits as soon as it can. */
static void other_case_commits(void)
{
	for (int kind = 0; kind < KINDS; kind++) {
		int on = chan_make(0, 8, 0);
		struct cases_call call = { 0 };
		struct noise n;
		uint64_t v = 0;

		noise_of(&n, kind);
		tap_about("%s", n.name);
		noise_start(&n);
		cases_init(&call.c, 0, 0);
		add_poll(&call.c, n.polled, n.events);
		add_recv(&call.c, on, &v, 8);
		for (uint64_t i = 1; i < 20; i++) {
			cases_start(&call, on);
			wait_receivers(on, 1);
			send_u64(on, i);
			expect_int(cases_join(&call), 0);
			expect_int(call.c.s.index, 1);
			expect_int(v, i);
		}
		noise_end(&n);
	}
}

/*
 * What is ready now and then may be seen or not: each time there was an element,
 * another thread may have taken it before.
 */
static void ready_now_and_then(void)
{
	struct noise n;
	int on = chan_make(0, 8, 0);

	noise_of(&n, 3);
	n.events = POLLIN;
	noise_start(&n);
	for (int i = 0; i < 20; i++) {
		struct cases_call call = { 0 };

		cases_init(&call.c, DEADLINE, (uint64_t)tap_now_ns() + 50 * MS);
		add_poll(&call.c, n.polled, n.events);
		cases_start(&call, on);
		if (cases_join(&call))
			expect_int(errno, ETIMEDOUT);
		else
			expect_int(call.c.s.events, POLLIN);
	}
	noise_end(&n);
}

/* The same where it never is: each element goes to a receiver that waits. */
static void never_ready(void)
{
	int fd = chan_make(0, 8, 0), on = chan_make(0, 8, 0);
	int recv = end_make(fd, KCHAN_END_RECV);
	struct cases_call call = { 0 };
	struct noise n = { .polled = recv, .size = 8, .from = recv, .to = fd };

	n.name = "a rendezvous";
	noise_start(&n);
	cases_init(&call.c, DEADLINE, (uint64_t)tap_now_ns() + 300 * MS);
	add_poll(&call.c, recv, POLLIN);
	cases_start(&call, on);
	expect_errno(cases_join(&call), ETIMEDOUT);
	noise_end(&n);
}

static const struct tap_test tests[] = {
	{ "a deadline, of a file alone", alone_times_out },
	{ "a deadline, beside a channel", beside_times_out },
	{ "a deadline, of many cases", many_time_out },
	{ "a signal", interrupted },
	{ "another case commits", other_case_commits },
	{ "a channel that is ready now and then", ready_now_and_then },
	{ "a rendezvous where two do not wait", never_ready },
};

TAP_MAIN(tests)
