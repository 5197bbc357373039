// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines in time namespaces: they are times of the caller's CLOCK_MONOTONIC.
 */
#include <poll.h>
#include <sched.h>
#include <stdio.h>

#include "cases.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define DEADLINE KCHAN_SELECT_DEADLINE
#define MS 1000000LL

/* In a process whose clock is so many seconds ahead. */
static void run_ahead(long long seconds, void (*run)(void *))
{
	char text[64];
	int fd, len;

	if (geteuid())
		tap_skip("needs root");
	if (unshare(CLONE_NEWTIME))
		tap_skip("no time namespaces");
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	must(fd >= 0);
	len = snprintf(text, sizeof(text), "monotonic %lld 0\n", seconds);
	must_int(write(fd, text, len), len);
	close(fd);
	tap_about("%lld s ahead", seconds);
	/* Children are in the namespace. */
	expect_exit(spawn(run, NULL));
}

/* A call with this deadline times out; the milliseconds that it took. */
static long long times_out(struct cases *c, int on, uint64_t deadline)
{
	static struct cases_call call;
	long long begin = tap_now_ns();

	call.c = *c;
	call.c.s.flags = DEADLINE;
	call.c.s.deadline = deadline;
	cases_start(&call, on);
	expect_errno(cases_join(&call), ETIMEDOUT);
	return (tap_now_ns() - begin) / MS;
}

static void deadlines(void *unused)
{
	int fd = chan_make(0, 8, 0), pipes[2];
	uint64_t v = 0;
	struct cases recv, both, none;

	(void)unused;
	must_int(pipe(pipes), 0);
	cases_init(&recv, 0, 0);
	add_recv(&recv, fd, &v, 8);
	both = recv;
	add_send(&both, fd, &v, 8);
	add_poll(&both, pipes[0], POLLIN);
	cases_init(&none, 0, 0);

	/* Neither at once nor never. */
	expect(times_out(&recv, fd, tap_now_ns() + 200 * MS) >= 200);
	expect(times_out(&both, fd, tap_now_ns() + 200 * MS) >= 200);
	expect(times_out(&none, fd, tap_now_ns() + 200 * MS) >= 200);
	expect_idle(fd);
	/* At once. */
	times_out(&recv, fd, tap_now_ns());
	times_out(&recv, fd, tap_now_ns() - 1000 * MS);
	times_out(&recv, fd, 1);
	times_out(&recv, fd, 0);
	expect_idle(fd);
}

/* Far away: they wait, and are served. */
static void far(void *unused)
{
	static const uint64_t deadlines[] = {
		INT64_MAX, UINT64_MAX, INT64_MAX - 1000 * MS, 1ULL << 63,
	};
	int fd = chan_make(0, 8, 0);

	(void)unused;
	for (size_t i = 0; i <= ARRAY_SIZE(deadlines); i++) {
		struct one_case one;
		struct call call;
		uint64_t v = 0;

		one_case(&one, fd, KCHAN_OP_RECV, &v, 8, DEADLINE,
			 i < ARRAY_SIZE(deadlines) ? deadlines[i] :
			 tap_now_ns() + 3600 * 1000 * (uint64_t)MS);
		call_select(&call, fd, &one);
		wait_receivers(fd, 1);
		call_wait_asleep(&call);
		send_u64(fd, i + 1);
		expect_done(&call, 0);
		expect_int(v, i + 1);
	}
}

/* A clock may not be before zero, so not far behind. */
static long long behind(void)
{
	return -(tap_now_ns() / 1000000000LL / 2);
}

static void clock_ahead(void)
{
	run_ahead(1000000, deadlines);
}

static void clock_behind(void)
{
	run_ahead(behind(), deadlines);
}

static void far_ahead(void)
{
	run_ahead(1000000, far);
}

static void far_behind(void)
{
	run_ahead(behind(), far);
}

/* The one who waits is asked for its clock, not who made the channel. */
static void one_channel(void *arg)
{
	int fd = *(int *)arg;
	struct cases c;
	uint64_t v;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, &v, 8);
	expect(times_out(&c, fd, tap_now_ns() + 200 * MS) >= 200);
}

static int shared_fd;

static void on_shared(void *unused)
{
	(void)unused;
	one_channel(&shared_fd);
}

static void two_clocks(void)
{
	shared_fd = chan_make(0, 8, 0);
	run_ahead(1000000, on_shared);
	/* This process kept its own. */
	tap_about("not ahead");
	on_shared(NULL);
}

static const struct tap_test tests[] = {
	{ "a clock that is ahead", clock_ahead },
	{ "a clock that is behind", clock_behind },
	{ "far deadlines, of a clock that is ahead", far_ahead },
	{ "far deadlines, of a clock that is behind", far_behind },
	{ "two clocks at one channel", two_clocks },
};

TAP_MAIN(tests)
