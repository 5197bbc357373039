// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select over fds of other kinds, alone and beside channels: readiness, as
 * poll() has it.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "cases.h"

#define DEADLINE KCHAN_SELECT_DEADLINE

/* The events of a case that is ready at once; -1 when it is not. */
static int events_now(int fd, uint32_t events)
{
	int on = chan_make(0, 8, 1);
	struct cases c;
	int at;

	cases_init(&c, 0, 0);
	add_poll(&c, fd, events);
	at = cases_now(on, &c);
	close(on);
	if (at < 0)
		return -1;
	expect_int(c.s.status, 0);
	return (int)c.s.events;
}

static void every_kind(void)
{
	int pipes[2], socks[2], event = eventfd(0, 0), null, pid, timer;
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	uint64_t one = 1;

	must_int(pipe(pipes), 0);
	expect_int(events_now(pipes[0], POLLIN), -1);
	expect_int(events_now(pipes[1], POLLOUT), POLLOUT);
	must_int(write(pipes[1], "x", 1), 1);
	expect_int(events_now(pipes[0], POLLIN), POLLIN);
	expect_int(events_now(pipes[0], POLLIN | POLLOUT), POLLIN);
	expect_int(events_now(pipes[0], 0), -1);
	close(pipes[1]);
	/* Asked for or not. */
	expect_int(events_now(pipes[0], 0), POLLHUP);
	expect_int(events_now(pipes[0], POLLIN), POLLIN | POLLHUP);

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	expect_int(events_now(socks[0], POLLIN), -1);
	expect_int(events_now(socks[0], POLLIN | POLLOUT), POLLOUT);
	close(socks[1]);
	expect_int(events_now(socks[0], POLLRDHUP),
		   POLLRDHUP | POLLHUP);

	expect_int(events_now(event, POLLIN), -1);
	must_int(write(event, &one, 8), 8);
	expect_int(events_now(event, POLLIN), POLLIN);

	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	expect_int(events_now(timer, POLLIN), -1);
	must_int(timerfd_settime(timer, 0, &soon, NULL), 0);
	until(events_now(timer, POLLIN) == POLLIN);

	pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
	must(pid >= 0);
	expect_int(events_now(pid, POLLIN), -1);

	/* What cannot be polled is always ready, as for poll(). */
	null = open("/dev/null", O_RDWR);
	expect_int(events_now(null, POLLIN), POLLIN);
	expect_int(events_now(null, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

/* What is ready commits, whatever the others would need to wait. */
static void ready_beside_bad(void)
{
	int empty = chan_make(0, 8, 1), event = eventfd(1, 0);
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, empty, (void *)8, 8);
	add_poll(&c, event, POLLIN);
	expect_int(cases_run(empty, &c), 0);
	expect_int(c.s.index, 1);
	expect_int(c.s.events, POLLIN);
	/* Now it would wait. */
	c.c[1].events = POLLPRI;
	expect_errno(cases_run(empty, &c), EFAULT);
}

static void refused(void)
{
	int fd = chan_make(0, 8, 1), pipes[2];
	struct cases c;

	must_int(pipe(pipes), 0);
	cases_init(&c, KCHAN_SELECT_NONBLOCK, 0);
	add_poll(&c, pipes[0], POLLIN);
	c.c[0].addr = 1;
	expect_errno(cases_run(fd, &c), EINVAL);
	c.c[0].addr = 0;
	c.c[0].events = EPOLLET | EPOLLIN;
	expect_errno(cases_run(fd, &c), EINVAL);
	c.c[0].events = EPOLLEXCLUSIVE;
	expect_errno(cases_run(fd, &c), EINVAL);
	c.c[0].events = POLLNVAL;
	expect_errno(cases_run(fd, &c), EINVAL);
	c.c[0].events = POLLIN;
	c.c[0].fd = 1000;
	expect_errno(cases_run(fd, &c), EBADF);
	/* A send or a receive is for channels. */
	c.c[0] = (struct kchan_case){ .fd = pipes[0], .op = KCHAN_OP_RECV };
	expect_errno(cases_run(fd, &c), EINVAL);
}

/* Waiting for either: whichever comes, the other is as before. */
static void woken_by_either(void)
{
	int fd = chan_make(0, 8, 0), event = eventfd(0, EFD_NONBLOCK);
	struct cases_call call = { 0 };
	uint64_t v = 0, n = 1;

	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v, 8);
	add_poll(&call.c, event, POLLIN);
	for (uint64_t i = 0; i < 200; i++) {
		cases_start(&call, fd);
		wait_receivers(fd, 1);
		if (i % 2) {
			must_int(write(event, &n, 8), 8);
			expect_int(cases_join(&call), 0);
			expect_int(call.c.s.index, 1);
			expect_int(call.c.s.events, POLLIN);
			must_int(read(event, &n, 8), 8);
		} else {
			send_u64(fd, i);
			expect_int(cases_join(&call), 0);
			expect_int(call.c.s.index, 0);
			expect_int(v, i);
		}
		expect_int(call.c.s.status, 0);
		expect_idle(fd);
	}
}

/* Events that are not asked for wake the task, and it goes on waiting. */
static void other_events(void)
{
	int fd = chan_make(0, 8, 0), socks[2];
	struct cases_call call = { 0 };
	char byte;
	uint64_t v;

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v, 8);
	add_poll(&call.c, socks[0], POLLPRI);
	cases_start(&call, fd);
	wait_receivers(fd, 1);
	for (int i = 0; i < 100; i++) {
		must_int(write(socks[1], "x", 1), 1);
		must_int(read(socks[0], &byte, 1), 1);
	}
	expect_int(chan_info(fd).recv_waiters, 1);
	expect(!atomic_load(&call.done));
	close(socks[1]);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(call.c.s.events, POLLHUP);
}

static void deadlines(void)
{
	int fd = chan_make(0, 8, 0), pipes[2];
	struct cases c;
	uint64_t v;

	must_int(pipe(pipes), 0);
	cases_init(&c, DEADLINE, (uint64_t)tap_now_ns() + 20000000);
	add_poll(&c, pipes[0], POLLIN);
	add_recv(&c, fd, &v, 8);
	expect_errno(cases_run(fd, &c), ETIMEDOUT);
	expect((uint64_t)tap_now_ns() >= c.s.deadline);
	/* What is ready commits, however old the deadline. */
	must_int(write(pipes[1], "x", 1), 1);
	c.s.deadline = 1;
	expect_int(cases_run(fd, &c), 0);
	expect_int(c.s.index, 0);
	expect_idle(fd);
}

/* Another end, as one that is polled: of the same channel too. */
static void another_end(void)
{
	int fd = chan_make(0, 8, 1), on = chan_make(0, 8, 0);
	struct cases_call call = { 0 };
	uint64_t v;

	expect_int(events_now(fd, POLLIN), -1);
	expect_int(events_now(fd, POLLIN | POLLOUT), POLLOUT);
	cases_init(&call.c, 0, 0);
	add_poll(&call.c, fd, POLLIN);
	add_recv(&call.c, on, &v, 8);
	cases_start(&call, on);
	wait_receivers(on, 1);
	send_u64(fd, 4);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 0);
	expect_int(call.c.s.events, POLLIN);
	expect_recv(fd, 4);
	/* Polled and received from, in one. */
	cases_init(&call.c, 0, 0);
	add_poll(&call.c, fd, POLLIN);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, on);
	wait_receivers(fd, 1);
	send_u64(fd, 5);
	expect_int(cases_join(&call), 0);
	if (call.c.s.index == 0)
		expect_recv(fd, 5);
	else
		expect_int(v, 5);
	expect_idle(fd);
	expect_int(chan_len(fd), 0);
}

/* An epoll set that watches the very channels of the select, and itself nests. */
static void epoll_sets(void)
{
	int fd = chan_make(0, 8, 0), inner = epoll_create1(0);
	int outer = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	struct cases_call call = { 0 };
	struct call writer = { 0 };
	uint64_t v = 0, in = 6;

	must_int(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event), 0);
	must_int(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
	expect_int(events_now(outer, POLLIN), -1);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v, 8);
	add_poll(&call.c, outer, POLLIN);
	add_poll(&call.c, inner, POLLIN);
	for (int i = 0; i < 50; i++) {
		cases_start(&call, fd);
		wait_receivers(fd, 1);
		send_u64(fd, 6);
		expect_int(cases_join(&call), 0);
		expect_int(call.c.s.index, 0);
		expect_int(v, 6);
	}
	/* A parked sender makes the sets ready, and the channel. */
	call_write(&writer, fd, &in, 8);
	wait_senders(fd, 1);
	expect_int(cases_run(fd, &call.c), 0);
	if (call.c.s.index)
		expect_recv(fd, 6);
	expect_done(&writer, 8);
	expect_idle(fd);
}

/*
 * The fd and the channel become ready at once: the case that is told has
 * committed, and the other has not.
 */
struct racer {
	int event;
	int fd;
	unsigned long count;
};

static void *writes_event(void *arg)
{
	struct racer *r = arg;
	uint64_t one = 1;

	for (unsigned long i = 0; i < r->count; i++)
		must_int(write(r->event, &one, 8), 8);
	return NULL;
}

static void *writes_channel(void *arg)
{
	struct racer *r = arg;

	for (unsigned long i = 1; i <= r->count; i++)
		send_u64(r->fd, i);
	return NULL;
}

static void race(void)
{
	struct racer r = {
		.event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK),
		.fd = chan_make(0, 8, 0),
		.count = tap_scale(20000),
	};
	unsigned long events = 0, elems = 0;
	pthread_t threads[2];
	struct cases c;
	uint64_t v, one;

	thread_start(&threads[0], writes_event, &r);
	thread_start(&threads[1], writes_channel, &r);
	cases_init(&c, 0, 0);
	add_poll(&c, r.event, POLLIN);
	add_recv(&c, r.fd, &v, 8);
	while (events < r.count || elems < r.count) {
		must_int(cases_run(r.fd, &c), 0);
		if (c.s.index) {
			must_int(v, ++elems);
		} else {
			must_int(read(r.event, &one, 8), 8);
			events++;
		}
	}
	thread_join(threads[0]);
	thread_join(threads[1]);
	expect_int(cases_now(r.fd, &c), -1);
	expect_idle(r.fd);
}

static void interrupted(void)
{
	struct cases_call call = { 0 };
	int pipes[2], fd = chan_make(0, 8, 1);

	must_int(pipe(pipes), 0);
	on_signal(SIGUSR1, 0);
	cases_init(&call.c, 0, 0);
	add_poll(&call.c, pipes[0], POLLIN);
	cases_start(&call, fd);
	until(atomic_load(&call.tid));
	while (!atomic_load(&call.done))
		pthread_kill(call.thread, SIGUSR1);
	expect_errno(cases_join(&call), EINTR);
}

static const struct tap_test tests[] = {
	{ "fds of every kind", every_kind },
	{ "one that is ready, and memory that is none", ready_beside_bad },
	{ "what is refused", refused },
	{ "waiting for a channel and an fd", woken_by_either },
	{ "events that were not asked for", other_events },
	{ "deadlines", deadlines },
	{ "another end as one that is polled", another_end },
	{ "epoll sets over the same channels", epoll_sets },
	{ "a channel and an fd at once: one of them is told", race },
	{ "interrupted", interrupted },
};

TAP_MAIN(tests)
