// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects that several threads use at once: while one reads the outcome, the
 * others are told that there is none, and wait for nobody. Should the first one
 * fail, the fd becomes readable once more, and edge-triggered pollers are told so.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "armed.h"
#include "slow.h"

#define READ_U64 ((ssize_t)(sizeof(struct kchan_commit) + 8))

static int edges_of(int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

static int edge_now(int ep)
{
	struct epoll_event e;

	return epoll_wait(ep, &e, 1, 0);
}

/* Without waiting, whatever O_NONBLOCK of the fd says. */
static ssize_t collect_now(int armed, struct committed *out)
{
	struct iovec to;

	memset(out, POISON, sizeof(*out));
	to = (struct iovec){ out, sizeof(*out) };
	return preadv2(armed, &to, 1, -1, RWF_NOWAIT);
}

/*
 * A loop as the header shows it, with an edge-triggered set and O_NONBLOCK, while
 * others look at the fd's fdinfo and try to arm it. Each round brings one element.
 * An EAGAIN sends the loop back to the set: it ends the test if no edge comes.
 */
struct loop {
	int fd, armed;
	struct cases c;
	atomic_bool stop;
	atomic_ulong looked, armed_again, busy;
};

static void *looks(void *arg)
{
	struct loop *l = arg;
	struct fdinfo f;

	while (!atomic_load(&l->stop)) {
		must(fdinfo_try(&f, getpid(), l->armed));
		must(strstr(f.text, "kchan-select:"));
		atomic_fetch_add(&l->looked, 1);
	}
	return NULL;
}

static void *arms(void *arg)
{
	struct loop *l = arg;

	while (!atomic_load(&l->stop)) {
		if (!try_rearm(l->armed, &l->c)) {
			atomic_fetch_add(&l->armed_again, 1);
			continue;
		}
		if (!expect_int(errno, EBUSY))
			break;
		atomic_fetch_add(&l->busy, 1);
	}
	return NULL;
}

static void no_edge_is_lost(void)
{
	const unsigned long rounds = tap_scale(4000);
	unsigned long none = 0, got = 0;
	pthread_t lookers[2], armer;
	struct epoll_event e;
	struct committed out;
	struct loop l = { 0 };
	int ep;

	l.fd = chan_make(0, 8, 1);
	/* Many cases: to look at them, and to arm them, takes a while. */
	cases_init(&l.c, 0, 0);
	for (int i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(&l.c, l.fd, NULL, 8);
	l.armed = arm(l.fd, &l.c);
	ep = edges_of(l.armed);
	for (int i = 0; i < 2; i++)
		thread_start(&lookers[i], looks, &l);
	thread_start(&armer, arms, &l);
	send_u64(l.fd, 0);
	while (got < rounds) {
		if (epoll_wait(ep, &e, 1, (int)tap_patience() * 1000) != 1) {
			tap_fail(__FILE__, __LINE__,
				 "no edge in round %lu, and poll() says %d", got,
				 poll_now(l.armed));
			tap_end();
		}
		if (try_collect(l.armed, &out) < 0) {
			/* EINVAL: it is not armed again yet. */
			must(errno == EAGAIN || errno == EINVAL);
			none++;
			continue;
		}
		must_int(out.commit.status, 0);
		must_int(out.value, got);
		if (++got < rounds)
			must_int(write(l.fd, &got, 8), 8);
	}
	atomic_store(&l.stop, true);
	for (int i = 0; i < 2; i++)
		thread_join(lookers[i]);
	thread_join(armer);
	tap_note("%lu rounds, %lu times nothing, armed %lu times, busy %lu times, looked %lu times",
		 got, none, atomic_load(&l.armed_again), atomic_load(&l.busy),
		 atomic_load(&l.looked));
	expect(atomic_load(&l.looked) > 0);
}

/* A reader that stalls while it copies the outcome. */
struct stalled {
	struct slow_page page;
	struct call reader;
	struct cases c;
	int fd, armed, ep;
};

static void stall(struct stalled *s, uint64_t value)
{
	slow_page_make(&s->page);
	s->fd = chan_make(0, 8, 0);
	cases_init(&s->c, 0, 0);
	add_recv(&s->c, s->fd, NULL, 8);
	s->armed = try_arm(s->fd, &s->c, 0);
	must(s->armed >= 0);
	s->ep = edges_of(s->armed);
	expect_int(edge_now(s->ep), 0);
	send_u64(s->fd, value);
	expect_int(edge_now(s->ep), 1);
	call_read(&s->reader, s->armed, s->page.mem, READ_U64);
	slow_page_wait(&s->page);
}

static void *look_once(void *arg)
{
	struct call *c = arg;
	struct fdinfo f;

	c->ret = fdinfo_try(&f, getpid(), c->fd);
	atomic_store(&c->done, true);
	return NULL;
}

/* To all others it is as if no case had committed. */
static void expect_taken(struct stalled *s)
{
	struct call look = { .fd = s->armed };
	struct committed out;

	thread_start(&look.thread, look_once, &look);
	until(atomic_load(&look.done));
	thread_join(look.thread);
	expect_int(look.ret, true);
	expect_int(poll_now(s->armed), 0);
	expect_int(edge_now(s->ep), 0);
	expect_errno(collect_now(s->armed, &out), EAGAIN);
	expect_errno(try_rearm(s->armed, &s->c), EBUSY);
	expect_errno(disarm(s->armed), EALREADY);
	expect_int(chan_info(s->fd).in_flight, 1);
	expect(!atomic_load(&s->reader.done));
}

static void reader_that_fails(void)
{
	struct stalled s;
	struct committed out;

	stall(&s, 31);
	expect_taken(&s);
	slow_page_fail(&s.page);
	expect_done_errno(&s.reader, EFAULT);
	expect_int(edge_now(s.ep), 1);
	expect_int(poll_now(s.armed), POLLIN);
	expect_errno(try_rearm(s.armed, &s.c), EBUSY);
	expect_errno(disarm(s.armed), EALREADY);
	expect_int(collect_now(s.armed, &out), READ_U64);
	expect_int(out.value, 31);
	expect_int(edge_now(s.ep), 0);
	expect_int(disarm(s.armed), 0);
	expect_idle(s.fd);
}

static void reader_that_succeeds(void)
{
	struct stalled s;
	struct committed out;

	stall(&s, 32);
	expect_taken(&s);
	slow_page_fill(&s.page);
	expect_done(&s.reader, READ_U64);
	memcpy(&out, s.page.mem, sizeof(out));
	expect_int(out.commit.index, 0);
	expect_int(out.commit.status, 0);
	expect_int(out.value, 32);
	expect_int(edge_now(s.ep), 0);
	expect_int(poll_now(s.armed), 0);
	expect_errno(collect_now(s.armed, &out), EINVAL);
	expect_int(chan_info(s.fd).in_flight, 0);
	/* And it can be armed again. */
	must_int(try_rearm(s.armed, &s.c), 0);
	send_u64(s.fd, 33);
	expect_int(edge_now(s.ep), 1);
	expect_int(collect_now(s.armed, &out), READ_U64);
	expect_int(out.value, 33);
}

/* Another reader that waits has the outcome when the first one fails. */
static void next_reader(void)
{
	struct committed out = { 0 };
	struct call next;
	struct stalled s;

	stall(&s, 34);
	call_read(&next, s.armed, &out, sizeof(out));
	call_wait_asleep(&next);
	slow_page_fail(&s.page);
	expect_done_errno(&s.reader, EFAULT);
	expect_done(&next, READ_U64);
	expect_int(out.value, 34);
	expect_idle(s.fd);
}

/* And finds nothing armed when the first one does not fail. */
static void next_reader_too_late(void)
{
	struct committed out = { 0 };
	struct call next;
	struct stalled s;

	stall(&s, 35);
	call_read(&next, s.armed, &out, sizeof(out));
	call_wait_asleep(&next);
	slow_page_fill(&s.page);
	expect_done(&s.reader, READ_U64);
	expect_done_errno(&next, EINVAL);
	expect_idle(s.fd);
}

/* Closed meanwhile: the read holds the file, and the element comes back. */
static void closed_meanwhile(void)
{
	struct stalled s;

	stall(&s, 36);
	close(s.ep);
	close(s.armed);
	expect_int(chan_info(s.fd).recv_ends, 2);
	expect_int(chan_len(s.fd), 0);
	slow_page_fail(&s.page);
	expect_done_errno(&s.reader, EFAULT);
	until(chan_info(s.fd).recv_ends == 1);
	expect_int(chan_info(s.fd).in_flight, 0);
	expect_recv(s.fd, 36);
}

static const struct tap_test tests[] = {
	{ "a stalled reader that fails: readable once more", reader_that_fails },
	{ "a stalled reader that succeeds", reader_that_succeeds },
	{ "a reader that waits behind one that fails", next_reader },
	{ "a reader that waits behind one that succeeds", next_reader_too_late },
	{ "closed while a reader stalls", closed_meanwhile },
	{ "no edge is lost to those who look and those who arm",
	  no_edge_is_lost },
};

TAP_MAIN(tests)
