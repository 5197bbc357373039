// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects in event loops, and where calls race: with arming, disarming,
 * closing and each other.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "armed.h"

static int epoll_with(int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

static int ready_now(int ep)
{
	struct epoll_event e;

	return epoll_wait(ep, &e, 1, 0);
}

static void level_triggered(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	int ep = epoll_with(armed, EPOLLIN);
	struct committed out;

	expect_int(ready_now(ep), 0);
	send_u64(fd, 1);
	expect_int(ready_now(ep), 1);
	expect_int(ready_now(ep), 1);
	expect_commit(armed, &out, 0, 0);
	expect_int(ready_now(ep), 0);
}

static void edge_triggered(void)
{
	int fd = chan_make(0, 8, 1), armed = arm_recv(fd, 8);
	int ep = epoll_with(armed, EPOLLIN | EPOLLET);
	struct committed out;
	struct cases c;

	send_u64(fd, 1);
	expect_int(ready_now(ep), 1);
	expect_int(ready_now(ep), 0);
	expect_commit(armed, &out, 0, 0);
	/* Armed again with something ready there is an edge again. */
	send_u64(fd, 2);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	must_int(try_rearm(armed, &c), 0);
	expect_int(ready_now(ep), 1);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 2);
}

static void blocked_pollers(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct call poller = { 0 }, epoller = { 0 };

	call_poll(&poller, armed, POLLIN);
	call_epoll(&epoller, epoll_with(armed, EPOLLIN));
	call_wait_asleep(&poller);
	call_wait_asleep(&epoller);
	send_u64(fd, 1);
	expect_done(&poller, 1);
	expect_done(&epoller, 1);
	expect_int(epoller.revents, EPOLLIN);
}

/* As a foreign fd of a select, also of one that is on the same channel. */
static void within_a_select(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct cases_call call = { 0 };
	uint64_t v = 0;

	cases_init(&call.c, 0, 0);
	add_poll(&call.c, armed, POLLIN);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, fd);
	wait_receivers(fd, 2);
	/* The armed one is the first in the queue. */
	send_u64(fd, 1);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 0);
	expect_int(call.c.s.events, POLLIN);
}

/* And at the bottom of an epoll set that is one. */
static void within_a_set(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct cases_call call = { 0 };
	struct committed out;
	uint64_t v = 0;

	cases_init(&call.c, 0, 0);
	add_poll(&call.c, epoll_with(epoll_with(armed, EPOLLIN), EPOLLIN),
		 POLLIN);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, fd);
	wait_receivers(fd, 2);
	send_u64(fd, 1);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 0);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 1);
	expect_idle(fd);
}

/*
 * Two loops count up together over two rendezvous channels, a number each in turn,
 * and block nowhere but in epoll_wait().
 */
struct loop {
	int in, out, other, armed, ep;
	uint64_t rounds;
};

static void loop_step(struct loop *l, const struct cases *c,
		      struct committed *got)
{
	struct epoll_event e = { .events = EPOLLIN };

	if (l->armed < 0) {
		l->armed = arm(l->in, c);
		must_int(epoll_ctl(l->ep, EPOLL_CTL_ADD, l->armed, &e), 0);
	} else {
		must_int(try_rearm(l->armed, c), 0);
	}
	must_int(epoll_wait(l->ep, &e, 1, (int)tap_patience() * 1000), 1);
	expect_commit(l->armed, got, 0, 0);
}

static void loop_send(struct loop *l, uint64_t v)
{
	struct committed got;
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, l->out, &v, 8);
	loop_step(l, &c, &got);
}

static void loop_recv(struct loop *l, uint64_t want)
{
	struct committed got;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, l->in, NULL, 8);
	loop_step(l, &c, &got);
	expect_int(got.value, want);
}

static void loop_init(struct loop *l, int in, int out)
{
	*l = (struct loop){ in, out, eventfd(0, 0), -1, -1, tap_scale(2000) };
	/* Something else to wait for, as loops have. */
	l->ep = epoll_with(l->other, EPOLLIN);
}

static void *loop_odd(void *arg)
{
	struct loop *l = arg;

	for (uint64_t i = 0; i < l->rounds; i++) {
		loop_recv(l, 2 * i);
		loop_send(l, 2 * i + 1);
	}
	return NULL;
}

static void two_loops(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	struct loop even, odd;
	pthread_t thread;

	loop_init(&even, a, b);
	loop_init(&odd, b, a);
	thread_start(&thread, loop_odd, &odd);
	for (uint64_t i = 0; i < even.rounds; i++) {
		loop_send(&even, 2 * i);
		loop_recv(&even, 2 * i + 1);
	}
	thread_join(thread);
}

/*
 * The loop that the header shows: one fd for what is armed, one for something else,
 * which now and then changes what the loop wants.
 */
struct mixed {
	int fd, event;
	uint64_t count;
};

static void *mixed_send(void *arg)
{
	struct mixed *m = arg;

	for (uint64_t i = 1; i <= m->count; i++)
		must_int(write(m->fd, &i, 8), 8);
	return NULL;
}

static void *mixed_tell(void *arg)
{
	struct mixed *m = arg;

	for (uint64_t i = 0; i < m->count; i++)
		must_int(write(m->event, &(uint64_t){ 1 }, 8), 8);
	return NULL;
}

static void mixed_loop(void)
{
	struct mixed m = {
		.fd = chan_make(0, 8, 0),
		.event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK),
		.count = tap_scale(3000),
	};
	uint64_t got = 0, told = 0, taken_back = 0, one;
	int armed = arm_recv(m.fd, 8), ep = epoll_with(armed, EPOLLIN);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = m.event };
	struct committed out;
	pthread_t threads[2];
	struct cases c;

	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, m.event, &e), 0);
	thread_start(&threads[0], mixed_send, &m);
	thread_start(&threads[1], mixed_tell, &m);
	cases_init(&c, 0, 0);
	add_recv(&c, m.fd, NULL, 8);
	while (got < m.count || told < m.count) {
		must_int(epoll_wait(ep, &e, 1, (int)tap_patience() * 1000), 1);
		if (e.data.fd == m.event) {
			must_int(read(m.event, &one, 8), 8);
			told++;
			if (!disarm(armed)) {
				expect_int(poll_now(armed), 0);
				taken_back++;
			} else {
				must_int(errno, EALREADY);
			}
		}
		if (poll_now(armed)) {
			expect_commit(armed, &out, 0, 0);
			must_int(out.value, ++got);
		}
		if (try_rearm(armed, &c))
			must_int(errno, EBUSY);
	}
	thread_join(threads[0]);
	thread_join(threads[1]);
	tap_note("%llu taken back", (unsigned long long)taken_back);
	expect(taken_back > 0);
	expect_int(disarm(armed), 0);
	expect_idle(m.fd);
}

/*
 * Senders by write(), a taker by armed selects that are disarmed, closed or read
 * as chance has it: each element arrives once.
 */
struct race {
	int fd;
	uint64_t count;
	atomic_ulong got, sum;
	atomic_bool over;
};

static void *race_send(void *arg)
{
	struct race *r = arg;

	for (uint64_t i = 1; i <= r->count; i++)
		if (!expect_int(write(r->fd, &i, 8), 8))
			break;
	return NULL;
}

static void race_take(struct race *r, const struct committed *out)
{
	atomic_fetch_add(&r->got, 1);
	atomic_fetch_add(&r->sum, out->value);
}

static void *race_armed(void *arg)
{
	struct race *r = arg;
	uint64_t seed = (uintptr_t)&seed;
	struct committed out;
	struct cases c;
	int armed = -1;

	cases_init(&c, 0, 0);
	add_recv(&c, r->fd, NULL, 8);
	add_recv(&c, -1, NULL, 0);
	while (!atomic_load(&r->over)) {
		if (armed < 0) {
			armed = arm(r->fd, &c);
		} else if (try_rearm(armed, &c)) {
			must_int(errno, EBUSY);
			expect_errno(disarm(armed), EALREADY);
		}
		if (!(rnd(&seed) % 4))
			sched_yield();
		switch (rnd(&seed) % 3) {
		case 0:
			/* Atomically: either nothing has moved, or it is there. */
			if (!disarm(armed)) {
				expect_errno(try_collect(armed, &out), EINVAL);
				break;
			}
			expect_int(errno, EALREADY);
			must(try_collect(armed, &out) > 0);
			race_take(r, &out);
			break;
		case 1:
			close(armed);
			armed = -1;
			break;
		default:
			if (try_collect(armed, &out) > 0)
				race_take(r, &out);
			else
				disarm(armed);
			break;
		}
		if (armed >= 0 && poll_now(armed)) {
			must(try_collect(armed, &out) > 0);
			race_take(r, &out);
		}
	}
	if (armed >= 0)
		close(armed);
	return NULL;
}

static void *race_recv(void *arg)
{
	struct race *r = arg;
	struct committed out;

	while (read(r->fd, &out.value, 8) == 8)
		race_take(r, &out);
	return NULL;
}

static void every_element_once(uint32_t capacity)
{
	const uint64_t count = tap_scale(4000), senders = 2;
	struct race r = { .fd = chan_make(0, 8, capacity), .count = count };
	pthread_t send[2], take[3], recv;

	for (int i = 0; i < 2; i++)
		thread_start(&send[i], race_send, &r);
	for (int i = 0; i < 3; i++)
		thread_start(&take[i], race_armed, &r);
	thread_start(&recv, race_recv, &r);
	for (int i = 0; i < 2; i++)
		thread_join(send[i]);
	atomic_store(&r.over, true);
	for (int i = 0; i < 3; i++)
		thread_join(take[i]);
	/* What is left was put back; then there is an end of it. */
	chan_close(r.fd);
	thread_join(recv);
	race_recv(&r);
	expect_int(atomic_load(&r.got), senders * count);
	expect_int(atomic_load(&r.sum), senders * count * (count + 1) / 2);
	expect_idle(r.fd);
	expect_int(chan_info(r.fd).recv_ends, 1);
}

static void race_rendezvous(void)
{
	every_element_once(0);
}

static void race_buffered(void)
{
	every_element_once(3);
}

/* Several threads on one fd: one of them reads a commit, one arms. */
struct shared {
	int fd, armed;
	atomic_ulong sum, arms;
	atomic_bool over;
};

static void *shared_run(void *arg)
{
	struct shared *s = arg;
	struct committed out;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, s->fd, NULL, 8);
	while (!atomic_load(&s->over)) {
		if (try_collect(s->armed, &out) > 0)
			atomic_fetch_add(&s->sum, out.value);
		if (!try_rearm(s->armed, &c))
			atomic_fetch_add(&s->arms, 1);
		if (!poll_now(s->armed))
			disarm(s->armed);
	}
	return NULL;
}

static void shared_fd(void)
{
	struct shared s = { .fd = chan_make(0, 8, 0) };
	const uint64_t count = tap_scale(2000);
	struct committed out;
	pthread_t threads[3];
	struct cases c;

	cases_init(&c, 0, 0);
	s.armed = arm(s.fd, &c);
	for (int i = 0; i < 3; i++)
		thread_start(&threads[i], shared_run, &s);
	for (uint64_t i = 1; i <= count; i++)
		must_int(write(s.fd, &i, 8), 8);
	atomic_store(&s.over, true);
	for (int i = 0; i < 3; i++)
		thread_join(threads[i]);
	if (try_collect(s.armed, &out) > 0)
		atomic_fetch_add(&s.sum, out.value);
	disarm(s.armed);
	expect_int(atomic_load(&s.sum), count * (count + 1) / 2);
	expect_idle(s.fd);
}

/* Armed selects whose cases are on the same two channels, in both orders. */
static void *crossed_run(void *arg)
{
	int *fds = arg;
	struct committed out;
	uint64_t v = 1;
	struct cases c;

	for (unsigned long i = 0; i < tap_scale(1500); i++) {
		int armed;

		cases_init(&c, 0, 0);
		add_recv(&c, fds[0], NULL, 8);
		add_send(&c, fds[1], &v, 8);
		armed = arm(fds[0], &c);
		if (disarm(armed)) {
			expect_int(errno, EALREADY);
			must(try_collect(armed, &out) > 0);
		}
		close(armed);
	}
	return NULL;
}

static void crossed(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	int one[2] = { a, b }, two[2] = { b, a };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		thread_start(&threads[i], crossed_run, i % 2 ? two : one);
	for (int i = 0; i < 4; i++)
		thread_join(threads[i]);
	expect_idle(a);
	expect_idle(b);
	expect_int(chan_len(a), 0);
	expect_int(chan_len(b), 0);
}

/* A process that is killed with committed and open selects. */
static void killed_run(void *arg)
{
	int fd = *(int *)arg, open_one;

	arm_recv(fd, 8);
	open_one = arm_recv(fd, 8);
	must(open_one >= 0);
	for (;;)
		pause();
}

static void killed(void)
{
	int fd = chan_make(0, 8, 0);
	pid_t pid = spawn(killed_run, &fd);

	wait_receivers(fd, 2);
	send_u64(fd, 31);
	kill(pid, SIGKILL);
	reap(pid);
	until(chan_len(fd) == 1);
	expect_recv(fd, 31);
	expect_idle(fd);
	expect_int(chan_info(fd).recv_ends, 1);
}

static void out_of_fds(void)
{
	struct rlimit limit = { 0 };
	int fd = chan_make(0, 8, 1);
	uint64_t v = 1;
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, fd, &v, 8);
	must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_errno(try_arm(fd, &c, 0), EMFILE);
	/* Nothing was sent. */
	expect_int(chan_len(fd), 0);
	expect_int(chan_info(fd).send_ends, 1);
}

static const struct tap_test tests[] = {
	{ "epoll, level-triggered", level_triggered },
	{ "epoll, edge-triggered, and armed again", edge_triggered },
	{ "who polls for it is woken", blocked_pollers },
	{ "an armed select as a case of a select", within_a_select },
	{ "and within an epoll set that is one", within_a_set },
	{ "two loops pass a token", two_loops },
	{ "a loop that waits for something else as well", mixed_loop },
	{ "each element once, rendezvous", race_rendezvous },
	{ "each element once, buffered", race_buffered },
	{ "several threads share one", shared_fd },
	{ "crossed selects", crossed },
	{ "a killed process loses nothing", killed },
	{ "out of descriptors", out_of_fds },
};

TAP_MAIN(tests)
