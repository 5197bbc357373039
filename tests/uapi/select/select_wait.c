// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select over many cases, of which none is ready: what ends the wait, that it ends
 * once, and what is left of the other cases.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cases.h"

#define DEADLINE KCHAN_SELECT_DEADLINE

static uint64_t soon(unsigned int ms)
{
	return (uint64_t)tap_now_ns() + ms * 1000000ULL;
}

/* Two selects meet, also over one channel in both directions. */
static void each_other(void)
{
	int fd = chan_make(0, 8, 0);
	struct cases_call a = { 0 }, b = { 0 };
	uint64_t in[2] = { 1, 2 }, out[2] = { 0 };

	cases_init(&a.c, 0, 0);
	add_send(&a.c, fd, &in[0], 8);
	add_recv(&a.c, fd, &out[0], 8);
	cases_init(&b.c, 0, 0);
	add_send(&b.c, fd, &in[1], 8);
	add_recv(&b.c, fd, &out[1], 8);
	for (unsigned int i = 0; i < 200; i++) {
		memset(out, 0, sizeof(out));
		cases_start(&a, fd);
		cases_start(&b, fd);
		expect_int(cases_join(&a), 0);
		expect_int(cases_join(&b), 0);
		must_int(a.c.s.index + b.c.s.index, 1);
		expect_int(out[a.c.s.index ? 0 : 1], a.c.s.index ? 2 : 1);
		expect_idle(fd);
	}
}

/* The same channel twice, in one direction: either of them, once. */
static void twice(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v[2] = { 0 };
	struct cases_call call = { 0 };

	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v[0], 8);
	add_recv(&call.c, fd, &v[1], 8);
	for (uint64_t i = 1; i < 20; i++) {
		send_u64(fd, i);
		expect_int(cases_now(fd, &call.c) >= 0, 1);
		expect_int(v[call.c.s.index], i);
		expect_int(chan_len(fd), 0);
		call.c.s.flags = 0;
		cases_start(&call, fd);
		wait_receivers(fd, 2);
		send_u64(fd, 100 + i);
		expect_int(cases_join(&call), 0);
		expect_int(v[call.c.s.index], 100 + i);
		expect_idle(fd);
	}
}

/* Each way in which something becomes ready ends the wait. */
static void woken(void)
{
	int rv = chan_make(0, 8, 0), full = chan_make(0, 8, 1);
	int empty = chan_make(0, 8, 1), closing = chan_make(0, 8, 1);
	uint64_t in = 1, out = 0, v;
	struct cases_call call = { 0 };
	struct cases c;

	send_u64(full, 1);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, rv, &out, 8);
	add_send(&call.c, full, &in, 8);
	add_recv(&call.c, empty, &out, 8);
	add_recv(&call.c, closing, &out, 8);
#define wakes(act, want, state)						\
	do {								\
		tap_about("%s", #act);					\
		cases_start(&call, rv);					\
		wait_receivers(rv, 1);					\
		wait_receivers(closing, 1);				\
		act;							\
		expect_int(cases_join(&call), 0);			\
		expect_int(call.c.s.index, want);			\
		expect_int(call.c.s.status, state);			\
		expect_idle(rv);					\
		expect_idle(full);					\
		expect_idle(empty);					\
	} while (0)
	wakes(send_u64(rv, 5), 0, 0);
	expect_int(out, 5);
	wakes(send_u64(empty, 6), 2, 0);
	expect_int(out, 6);
	wakes(expect_recv(full, 1), 1, 0);
	expect_int(chan_len(full), 1);
	wakes(chan_resize(full, 2), 1, 0);
	expect_int(chan_len(full), 2);
	cases_init(&c, 0, 0);
	v = 11;
	add_send(&c, rv, &v, 8);
	wakes(expect_int(cases_now(rv, &c), 0), 0, 0);
	expect_int(out, 11);
	wakes(chan_close(closing), 3, EPIPE);
#undef wakes
	close(closing);
}

static void interrupted(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	struct cases_call call = { 0 };
	uint64_t v;

	on_signal(SIGUSR1, 0);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, &v, 8);
	add_send(&call.c, b, &v, 8);
	cases_start(&call, a);
	wait_receivers(a, 1);
	must_int(pthread_kill(call.thread, SIGUSR1), 0);
	expect_errno(cases_join(&call), EINTR);
	expect_idle(a);
	expect_idle(b);

	/* With SA_RESTART it goes on waiting, to the same deadline. */
	on_signal(SIGUSR1, SA_RESTART);
	call.c.s.flags = DEADLINE;
	call.c.s.deadline = soon(300);
	cases_start(&call, a);
	until(atomic_load(&call.tid));
	while (!atomic_load(&call.done))
		pthread_kill(call.thread, SIGUSR1);
	expect_errno(cases_join(&call), ETIMEDOUT);
	expect((uint64_t)tap_now_ns() >= call.c.s.deadline);
	expect_idle(a);
	expect_idle(b);
}

static void victim(void *arg)
{
	const int *fds = arg;
	uint64_t v;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fds[0], &v, 8);
	add_recv(&c, fds[1], &v, 8);
	cases_run(fds[0], &c);
}

static void killed(void)
{
	int fds[2] = { chan_make(0, 8, 1), chan_make(0, 8, 1) };

	for (int i = 0; i < 20; i++) {
		pid_t pid = spawn(victim, fds);

		wait_receivers(fds[1], 1);
		must_int(kill(pid, SIGKILL), 0);
		/* If it is handed the element nevertheless, it comes back. */
		send_u64(fds[i % 2], 7);
		reap(pid);
		expect_idle(fds[0]);
		expect_idle(fds[1]);
		expect_int(chan_len(fds[i % 2]), 1);
		expect_recv(fds[i % 2], 7);
	}
}

/* A place in one queue is like any other's: first come, first served. */
static void in_turn(void)
{
	int fd = chan_make(0, 8, 0), other = chan_make(0, 8, 0);
	struct call first = { 0 }, third = { 0 };
	struct cases_call second = { 0 };
	uint64_t v[3] = { 0 };

	call_read(&first, fd, &v[0], 8);
	wait_receivers(fd, 1);
	cases_init(&second.c, 0, 0);
	add_recv(&second.c, other, &v[1], 8);
	add_recv(&second.c, fd, &v[1], 8);
	cases_start(&second, fd);
	wait_receivers(fd, 2);
	call_read(&third, fd, &v[2], 8);
	wait_receivers(fd, 3);
	for (uint64_t i = 1; i <= 3; i++)
		send_u64(fd, i);
	expect_done(&first, 8);
	expect_int(cases_join(&second), 0);
	expect_done(&third, 8);
	for (uint64_t i = 0; i < 3; i++)
		expect_int(v[i], i + 1);
}

/* A receiver whose memory goes while it waits: the element is put back. */
static void put_back(void)
{
	int a = chan_make(0, 8, 1), b = chan_make(0, 8, 1);
	struct cases_call call = { 0 };
	char *gone = map_pages(8);

	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, gone, 8);
	add_recv(&call.c, b, gone, 8);
	cases_start(&call, a);
	wait_receivers(b, 1);
	must_int(mprotect(gone, 8, PROT_NONE), 0);
	send_u64(b, 5);
	expect_errno(cases_join(&call), EFAULT);
	expect_idle(a);
	expect_recv(b, 5);
}

static int new_end(int fd, uint32_t flags)
{
	struct kchan_end end = { .flags = flags };

	return ioctl(fd, KCHAN_IOC_END, &end);
}

/* What the last end of a direction tells, and which case it tells. */
static void ends_go(void)
{
	struct cases_call call = { 0 };
	uint64_t v = 5, w = 6;

	for (int way = 0; way < 4; way++) {
		int to = chan_make(0, 8, 0), from = chan_make(0, 8, 0);
		int to_send, from_recv;

		tap_about("way %d", way);
		to_send = new_end(to, KCHAN_END_SEND);
		from_recv = new_end(from, KCHAN_END_RECV);
		must(to_send >= 0 && from_recv >= 0);
		cases_init(&call.c, 0, 0);
		add_recv(&call.c, from_recv, &w, 8);
		add_send(&call.c, to_send, &v, 8);
		cases_start(&call, to_send);
		wait_senders(to, 1);
		wait_receivers(from, 1);
		switch (way) {
		case 0:
			close(from);
			break;
		case 1:
			close(to);
			break;
		case 2:
			chan_close(from);
			break;
		case 3:
			chan_close(to);
			break;
		}
		expect_int(cases_join(&call), 0);
		expect_int(call.c.s.index, way % 2);
		expect_int(call.c.s.status, EPIPE);
		expect_int(call.c.s.len, 0);
		expect_idle(to_send);
		expect_idle(from_recv);
		/* It is ready from now on. */
		expect_int(cases_now(to_send, &call.c), way % 2);
		expect_int(call.c.s.status, EPIPE);
		if (way != 0)
			close(from);
		if (way != 1)
			close(to);
		close(to_send);
		close(from_recv);
	}
}

/* The wrong way is EBADF, of the call, and nothing has moved. */
static void wrong_way(void)
{
	int fd = chan_make(0, 8, 4), other = chan_make(0, 8, 4);
	int send = new_end(fd, KCHAN_END_SEND), recv = new_end(fd, KCHAN_END_RECV);
	uint64_t v = 1;
	struct cases c;

	send_u64(other, 1);
	for (int way = 0; way < 2; way++) {
		cases_init(&c, 0, 0);
		add_recv(&c, other, &v, 8);
		if (way)
			add_send(&c, recv, &v, 8);
		else
			add_recv(&c, send, &v, 8);
		expect_errno(cases_run(fd, &c), EBADF);
		expect_int(chan_len(other), 1);
		expect_int(chan_len(fd), 0);
	}
}

/* Elements of no bytes: Go's done channels, closed to tell all who wait. */
static void no_bytes(void)
{
	int done = chan_make(0, 0, 0), ticks = chan_make(0, 0, 1);
	int work = chan_make(0, 8, 0);
	struct cases_call calls[4] = { 0 };
	struct cases c;
	uint64_t v;

	cases_init(&c, 0, 0);
	add_recv(&c, done, NULL, 0);
	add_recv(&c, work, &v, 8);
	add_recv(&c, ticks, (void *)1, 0);
	expect_int(cases_now(done, &c), -1);
	expect_int(try_send(ticks, NULL, 0), 0);
	expect_int(cases_now(done, &c), 2);
	expect_int(c.s.status, 0);
	expect_int(c.s.len, 0);
	c.s.flags = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].c = c;
		cases_start(&calls[i], done);
	}
	wait_receivers(ticks, 4);
	expect_int(try_send(ticks, NULL, 0), 0);
	until(chan_info(done).recv_waiters == 3);
	expect_int(chan_len(ticks), 0);
	chan_close(done);
	for (unsigned int i = 0, ticked = 0; i < ARRAY_SIZE(calls); i++) {
		expect_int(cases_join(&calls[i]), 0);
		ticked += calls[i].c.s.index == 2;
		expect_int(calls[i].c.s.status,
			   calls[i].c.s.index == 2 ? 0 : EPIPE);
		if (i == ARRAY_SIZE(calls) - 1)
			expect_int(ticked, 1);
	}
	expect_idle(work);
	expect_idle(ticks);
}

/* O_NONBLOCK of the files does not matter, neither way. */
static void nonblock_files(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	struct cases_call call = { 0 };
	uint64_t v = 0;

	chan_nonblock(a, true);
	chan_nonblock(b, true);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, &v, 8);
	add_recv(&call.c, b, &v, 8);
	cases_start(&call, a);
	wait_receivers(b, 1);
	send_u64(b, 3);
	expect_int(cases_join(&call), 0);
	expect_int(v, 3);
}

/*
 * What a send brings with it to wait is charged, and given back when it loses, or
 * gives up: a user who may hold a few of these can do so for ever.
 */
static void charges(void)
{
	enum { SIZE = 1 << 20 };
	int a = chan_make(0, SIZE, 0), b = chan_make(0, SIZE, 0);
	char *in = map_pages(SIZE), *out = map_pages(SIZE);
	unsigned long rounds = 200;
	struct cases c;

	must_int(setgid(1000), 0);
	must_int(setuid(1000), 0);
	for (unsigned long i = 0; i < rounds; i++) {
		struct call reader;

		/* The first that it finds, and it has the other with it. */
		call_read(&reader, i % 2 ? b : a, out, SIZE);
		cases_init(&c, 0, 0);
		add_send(&c, a, in, SIZE);
		add_send(&c, b, in, SIZE);
		must_int(cases_run(a, &c), 0);
		must_int(c.s.index, i % 2);
		expect_done(&reader, SIZE);
		if (i % 4)
			continue;
		c.s.flags = DEADLINE;
		c.s.deadline = 1;
		expect_errno(cases_run(a, &c), ETIMEDOUT);
	}
}

/* Both sides selects, in two processes, over two channels in opposite directions. */
struct pair {
	int fd[2];
	unsigned long rounds;
	unsigned char met[2][4000];
};

static void meets(struct pair *p, unsigned int me)
{
	for (uint64_t i = 0; i < p->rounds; i++) {
		uint64_t in = 2 * i + me, out = 0;
		struct cases c;

		cases_init(&c, 0, 0);
		if (me == 0) {
			add_send(&c, p->fd[0], &in, 8);
			add_recv(&c, p->fd[1], &out, 8);
		} else {
			add_recv(&c, p->fd[0], &out, 8);
			add_send(&c, p->fd[1], &in, 8);
		}
		must_int(cases_run(p->fd[me], &c), 0);
		must_int(c.s.status, 0);
		p->met[me][i] = (unsigned char)c.s.index;
		if (c.s.index != me)
			must_int(out, 2 * i + !me);
	}
}

static void meets_first(void *arg)
{
	meets(arg, 0);
}

static void meets_second(void *arg)
{
	meets(arg, 1);
}

static void two_processes(void)
{
	struct pair *p = shared_pages(sizeof(*p));
	pid_t pids[2];

	p->fd[0] = chan_make(0, 8, 0);
	p->fd[1] = chan_make(0, 8, 0);
	p->rounds = tap_scale(sizeof(p->met[0]));
	pids[0] = spawn(meets_first, p);
	pids[1] = spawn(meets_second, p);
	expect_exit(pids[0]);
	expect_exit(pids[1]);
	/* What one says has happened is what the other says. */
	expect(memcmp(p->met[0], p->met[1], p->rounds) == 0);
	expect_idle(p->fd[0]);
	expect_idle(p->fd[1]);
}

/*
 * Each of a ring of selects sends to the next and receives from the one before:
 * whoever meets whom, each element that was sent is received.
 */
enum { RING = 5 };

struct ring_member {
	int from;
	int to;
	unsigned long rounds;
	uint64_t sent;
	uint64_t received;
};

static void *ring_turns(void *arg)
{
	struct ring_member *m = arg;

	for (uint64_t i = 1; i <= m->rounds; i++) {
		uint64_t out = 0;
		struct cases c;

		cases_init(&c, DEADLINE, (uint64_t)tap_now_ns() + 3000000);
		add_recv(&c, m->from, &out, 8);
		add_send(&c, m->to, &i, 8);
		if (cases_run(m->from, &c)) {
			must_int(errno, ETIMEDOUT);
			continue;
		}
		must_int(c.s.status, 0);
		if (c.s.index)
			m->sent += i;
		else
			m->received += out;
	}
	return NULL;
}

static void ring(void)
{
	struct ring_member members[RING] = { 0 };
	pthread_t threads[RING];
	int fd[RING];

	for (int i = 0; i < RING; i++)
		fd[i] = chan_make(0, 8, 0);
	for (int i = 0; i < RING; i++) {
		members[i].from = fd[i];
		members[i].to = fd[(i + 1) % RING];
		members[i].rounds = tap_scale(2000);
		thread_start(&threads[i], ring_turns, &members[i]);
	}
	for (int i = 0; i < RING; i++)
		thread_join(threads[i]);
	for (int i = 0; i < RING; i++) {
		expect_int(members[i].sent, members[(i + 1) % RING].received);
		expect(members[i].sent > 0);
		expect_idle(fd[i]);
	}
}

static const struct tap_test tests[] = {
	{ "two selects meet", each_other },
	{ "two selects meet, in two processes", two_processes },
	{ "a ring of selects", ring },
	{ "one channel in two cases", twice },
	{ "all that wakes it", woken },
	{ "the last end of a direction goes, or a close", ends_go },
	{ "the wrong way is EBADF", wrong_way },
	{ "elements of no bytes", no_bytes },
	{ "O_NONBLOCK of the files does not matter", nonblock_files },
	{ "interrupted, and restarted", interrupted },
	{ "killed", killed },
	{ "first come, first served", in_turn },
	{ "an element is put back", put_back },
	{ "what the cases that lose were charged comes back", charges },
};

TAP_MAIN(tests)
