// SPDX-License-Identifier: GPL-2.0-only
/*
 * End-of-stream is final: no receiver is told of it while an element is in flight,
 * which may come back. Meanwhile a receive waits, and poll() says EPOLLRDHUP alone.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "armed.h"
#include "listed.h"
#include "slow.h"

#define END (POLLIN | POLLRDHUP | POLLHUP)

/* A channel of two ends, each of one direction. */
static void pair(int *recv, int *send, uint32_t elem_size, uint32_t capacity)
{
	int first = chan_make(0, elem_size, capacity);

	*recv = end_make(first, KCHAN_END_RECV);
	*send = end_make(first, KCHAN_END_SEND);
	close(first);
}

static ssize_t read_now(int fd, void *buf, size_t len)
{
	ssize_t ret;
	int error;

	chan_nonblock(fd, true);
	ret = read(fd, buf, len);
	error = errno;
	chan_nonblock(fd, false);
	errno = error;
	return ret;
}

/* Closed and not at its end, with so many in flight. */
static void expect_in_flight(int fd, unsigned int count)
{
	struct kchan_info info = chan_info(fd);
	struct kchan_select out;
	uint64_t v;

	expect_int(info.in_flight, count);
	expect_int(info.len, 0);
	expect(info.flags & KCHAN_INFO_CLOSED);
	expect_int(poll_now(fd), POLLRDHUP);
	expect_errno(read_now(fd, &v, 8), EAGAIN);
	expect_errno(try_recv(fd, &v, 8), EAGAIN);
	expect_errno(select_one(fd, KCHAN_OP_RECV, &v, 8, KCHAN_SELECT_DEADLINE,
				1, &out), ETIMEDOUT);
	expect_int(fdinfo_number(fd, "in-flight"), count);
}

static void expect_at_end(int fd)
{
	uint64_t v;

	expect_int(chan_info(fd).in_flight, 0);
	expect_int(chan_len(fd), 0);
	expect_int(poll_now(fd), END);
	expect_int(read_now(fd, &v, 8), 0);
	expect_int(read(fd, &v, 8), 0);
	expect_int(try_recv(fd, &v, 8), EPIPE);
}

static void closed(int recv, int send, int way)
{
	(void)recv;
	if (way)
		chan_close(send);
	/* Or with its last end that can send. */
	close(send);
}

/* It comes back, and then is received like any other. */
static void comes_back(void)
{
	for (int way = 0; way < 2; way++) {
		int recv, send, armed;

		tap_about("%s", way ? "CLOSE" : "the last sender goes");
		pair(&recv, &send, 8, 1);
		send_u64(send, 42);
		armed = arm_recv(recv, 8);
		expect_int(chan_info(recv).in_flight, 1);
		closed(recv, send, way);
		expect_in_flight(recv, 1);
		close(armed);
		expect_int(chan_info(recv).in_flight, 0);
		expect_int(chan_len(recv), 1);
		expect_int(poll_now(recv), POLLIN | POLLRDHUP);
		expect_recv(recv, 42);
		expect_at_end(recv);
		close(recv);
	}
}

/* It is received: now is the end. */
static void is_taken(void)
{
	for (int way = 0; way < 2; way++) {
		struct committed out;
		int recv, send, armed;

		tap_about("%s", way ? "CLOSE" : "the last sender goes");
		pair(&recv, &send, 8, 0);
		armed = arm_recv(recv, 8);
		send_u64(send, 42);
		closed(recv, send, way);
		expect_in_flight(recv, 1);
		/* It had committed, and stays in flight. */
		expect_errno(disarm(armed), EALREADY);
		expect_in_flight(recv, 1);
		expect_commit(armed, &out, 0, 0);
		expect_int(out.value, 42);
		expect_at_end(recv);
		close(armed);
		close(recv);
	}
}

/* All kinds of receivers wait, and pollers of all kinds. */
struct waiting {
	int recv, fresh;
	struct call reader, selecter, poller, epoller;
	struct one_case one;
	struct epoll_event event;
	int edge, armed;
	uint64_t values[2];
};

static int edge_now(struct waiting *w)
{
	memset(&w->event, POISON, sizeof(w->event));
	return epoll_wait(w->edge, &w->event, 1, 0);
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event e = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

static void all_wait(struct waiting *w, int recv)
{
	unsigned int before = chan_info(recv).recv_waiters;

	w->recv = recv;
	call_read(&w->reader, recv, &w->values[0], 8);
	wait_receivers(recv, before + 1);
	one_case(&w->one, recv, KCHAN_OP_RECV, &w->values[1], 8, 0, 0);
	call_select(&w->selecter, recv, &w->one);
	wait_receivers(recv, before + 2);
	w->armed = arm_recv(recv, 8);
	wait_receivers(recv, before + 3);
	call_poll(&w->poller, recv, POLLIN);
	call_wait_asleep(&w->poller);
	call_epoll(&w->epoller, watch(recv, EPOLLIN));
	call_wait_asleep(&w->epoller);
	w->edge = watch(recv, EPOLLIN | EPOLLRDHUP | EPOLLET);
	expect_int(edge_now(w), 1);
	expect_int(w->event.events, EPOLLRDHUP);
	expect_int(edge_now(w), 0);
	expect_int(poll_now(w->armed), 0);
}

static void end_told_to_all(void)
{
	struct waiting w = { 0 };
	struct committed out;
	int recv, send, armed;

	pair(&recv, &send, 8, 0);
	armed = arm_recv(recv, 8);
	send_u64(send, 5);
	close(send);
	all_wait(&w, recv);
	expect(call_asleep(&w.reader));
	expect(call_asleep(&w.selecter));
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 5);
	expect_done(&w.reader, 0);
	expect_done(&w.selecter, 0);
	expect_int(w.one.s.status, EPIPE);
	expect_int(w.one.s.len, 0);
	expect_commit(w.armed, &out, 0, EPIPE);
	expect_int(out.commit.len, 0);
	expect_done(&w.poller, 1);
	expect_int(w.poller.events, POLLIN | POLLHUP);
	expect_done(&w.epoller, 1);
	expect_int(w.epoller.revents, EPOLLIN | EPOLLHUP);
	expect_int(edge_now(&w), 1);
	expect_int(w.event.events, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	expect_at_end(recv);
}

/* The first that waits has it, and the others go on until that one has taken it. */
static void goes_to_the_first(void)
{
	struct waiting w = { 0 };
	struct committed out;
	int recv, send, armed;

	pair(&recv, &send, 8, 0);
	armed = arm_recv(recv, 8);
	send_u64(send, 6);
	close(send);
	all_wait(&w, recv);
	close(armed);
	expect_done(&w.reader, 8);
	expect_int(w.values[0], 6);
	/* Taken: now is the end for the others. */
	expect_done(&w.selecter, 0);
	expect_int(w.one.s.status, EPIPE);
	expect_commit(w.armed, &out, 0, EPIPE);
	expect_done(&w.poller, 1);
	expect_done(&w.epoller, 1);
	expect_at_end(recv);
}

/* From one armed select to the next. */
static void goes_through_many(void)
{
	enum { NR = 5 };
	int recv, send, armed[NR];
	struct committed out;

	pair(&recv, &send, 8, 0);
	for (int i = 0; i < NR; i++)
		armed[i] = arm_recv(recv, 8);
	send_u64(send, 7);
	close(send);
	for (int i = 0; i < NR - 1; i++) {
		expect_in_flight(recv, 1);
		for (int k = 0; k < NR; k++)
			if (k >= i)
				expect_int(poll_now(armed[k]),
					   k == i ? POLLIN : 0);
		close(armed[i]);
	}
	expect_in_flight(recv, 1);
	expect_commit(armed[NR - 1], &out, 0, 0);
	expect_int(out.value, 7);
	expect_at_end(recv);
}

static void several(void)
{
	enum { NR = 6 };
	int recv, send, armed[NR];
	struct committed out;

	pair(&recv, &send, 8, 2);
	for (int i = 0; i < NR; i++)
		armed[i] = arm_recv(recv, 8);
	for (int i = 0; i < NR; i++) {
		expect_int(chan_info(recv).in_flight, i);
		send_u64(send, i);
	}
	close(send);
	expect_in_flight(recv, NR);
	/* Read, come back, in any order. */
	expect_commit(armed[3], &out, 0, 0);
	expect_int(out.value, 3);
	expect_in_flight(recv, NR - 1);
	close(armed[5]);
	close(armed[1]);
	expect_int(chan_info(recv).in_flight, NR - 3);
	expect_int(chan_len(recv), 2);
	expect_int(poll_now(recv), POLLIN | POLLRDHUP);
	expect_recv(recv, 1);
	expect_recv(recv, 5);
	expect_in_flight(recv, NR - 3);
	expect_commit(armed[0], &out, 0, 0);
	expect_commit(armed[4], &out, 0, 0);
	expect_in_flight(recv, 1);
	close(armed[2]);
	expect_recv(recv, 2);
	expect_at_end(recv);
}

/* Of large elements, and of messages that are too large for who waits. */
static void other_elements(void)
{
	static char elem[10000];
	struct { struct kchan_commit commit; char elem[10000]; } got;
	int recv, send, armed;
	char small[4];
	struct call call;

	pair(&recv, &send, sizeof(elem), 0);
	armed = arm_recv(recv, sizeof(elem));
	fill(elem, sizeof(elem), 1);
	must_int(write(send, elem, sizeof(elem)), sizeof(elem));
	close(send);
	expect_int(chan_info(recv).in_flight, 1);
	expect_int(poll_now(recv), POLLRDHUP);
	expect_errno(read_now(recv, elem, sizeof(elem)), EAGAIN);
	expect_int(read(armed, &got, sizeof(got)), sizeof(got));
	expect(filled(got.elem, sizeof(elem), 1));
	expect_int(read_now(recv, elem, sizeof(elem)), 0);

	send = chan_make(KCHAN_SETUP_MESSAGE, 64, 0);
	armed = arm_recv(send, 64);
	must_int(write(send, elem, 10), 10);
	chan_close(send);
	call_read(&call, send, small, sizeof(small));
	wait_receivers(send, 1);
	close(armed);
	/* It is there, and this one has no room for it. */
	expect_done_errno(&call, EMSGSIZE);
	expect_int(chan_len(send), 1);
	expect_int(read(send, elem, 64), 10);
	expect_int(read(send, elem, 64), 0);
}

static void of_no_bytes(void)
{
	int fd = chan_make(0, 0, 0), armed = arm_recv(fd, 0);
	struct committed out;

	expect_int(try_send(fd, NULL, 0), 0);
	chan_close(fd);
	expect_errno(try_recv(fd, NULL, 0), EAGAIN);
	expect_int(chan_info(fd).in_flight, 1);
	expect_commit(armed, &out, 0, 0);
	expect_int(try_recv(fd, NULL, 0), EPIPE);
}

/* On the way to a blocked call, which stalls as it copies it to its caller. */
static void on_its_way(bool fails, bool by_select)
{
	struct slow_page page;
	struct one_case one;
	struct call call;
	int recv, send;

	tap_about("%s that %s", by_select ? "select" : "read",
		  fails ? "fails" : "succeeds");
	slow_page_make(&page);
	pair(&recv, &send, 8, 0);
	one_case(&one, recv, KCHAN_OP_RECV, page.mem, 8, 0, 0);
	if (by_select)
		call_select(&call, recv, &one);
	else
		call_read(&call, recv, page.mem, 8);
	/* Its memory is looked at before it waits. */
	slow_page_wait(&page);
	slow_page_fill(&page);
	wait_receivers(recv, 1);
	call_wait_asleep(&call);
	slow_page_again(&page);
	send_u64(send, 9);
	slow_page_wait(&page);
	expect_int(chan_info(recv).recv_waiters, 0);
	close(send);
	expect_in_flight(recv, 1);
	if (fails) {
		slow_page_fail(&page);
		expect_done_errno(&call, EFAULT);
		expect_recv(recv, 9);
	} else {
		slow_page_fill(&page);
		expect_done(&call, by_select ? 0 : 8);
		expect_int(*(uint64_t *)page.mem, 9);
	}
	expect_at_end(recv);
}

static void to_a_blocked_call(void)
{
	on_its_way(false, false);
	on_its_way(true, false);
	on_its_way(false, true);
	on_its_way(true, true);
}

/* A call that was handed an element and did not run yet. */
static void killed_run(void *arg)
{
	uint64_t v;

	must(read(*(int *)arg, &v, 8) < 0);
}

static void to_a_killed_one(void)
{
	int recv, send;
	pid_t pid;

	one_cpu();
	run_first(10);
	pair(&recv, &send, 8, 0);
	pid = spawn(killed_run, &recv);
	wait_receivers(recv, 1);
	send_u64(send, 11);
	close(send);
	must_int(kill(pid, SIGKILL), 0);
	expect_int(chan_info(recv).in_flight, 1);
	reap(pid);
	/* The child had a copy of the sending end, too. */
	until(chan_info(recv).flags & KCHAN_INFO_CLOSED);
	expect_int(chan_info(recv).in_flight, 0);
	expect_recv(recv, 11);
	expect_at_end(recv);
}

/* Whoever waits for itself reads first what it has. */
static void waits_for_itself(void)
{
	int recv, send, armed;
	struct committed out;
	struct call call;
	uint64_t v;

	pair(&recv, &send, 8, 0);
	armed = arm_recv(recv, 8);
	send_u64(send, 12);
	close(send);
	on_signal(SIGUSR1, 0);
	call_read(&call, recv, &v, 8);
	wait_receivers(recv, 1);
	call_wait_asleep(&call);
	/* A signal gets it out of there. */
	call_signal(&call, SIGUSR1);
	expect_done_errno(&call, EINTR);
	expect_in_flight(recv, 1);
	expect_commit(armed, &out, 0, 0);
	expect_at_end(recv);
}

/* A channel that is not closed has elements in flight as well. */
static void while_open(void)
{
	int fd = chan_make(0, 8, 2), armed = arm_recv(fd, 8);
	struct committed out;
	struct listing l;

	expect_int(chan_info(fd).in_flight, 0);
	send_u64(fd, 1);
	expect_int(chan_info(fd).in_flight, 1);
	expect_int(chan_len(fd), 0);
	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 2);
	expect_int(chan_info(fd).in_flight, 1);
	expect_int(chan_len(fd), 1);
	if (!geteuid() && !access(LISTING, R_OK)) {
		listing_read(&l);
		expect_int(listing_must_find(&l, fd)->info.in_flight, 1);
		listing_free(&l);
	}
	expect_commit(armed, &out, 0, 0);
	expect_int(chan_info(fd).in_flight, 0);
	expect_int(chan_len(fd), 1);
	/* Told of no element there is none in flight. */
	close(armed);
	expect_recv(fd, 2);
	armed = arm_recv(fd, 8);
	chan_close(fd);
	expect_int(chan_info(fd).in_flight, 0);
	expect_at_end(end_make(fd, KCHAN_END_RECV));
	expect_commit(armed, &out, 0, EPIPE);
}

static const struct tap_test tests[] = {
	{ "in flight, and comes back", comes_back },
	{ "in flight, and is read", is_taken },
	{ "the end is told to all who wait and poll", end_told_to_all },
	{ "one that comes back goes to the first that waits", goes_to_the_first },
	{ "one that goes from select to select", goes_through_many },
	{ "several in flight", several },
	{ "large elements, and messages", other_elements },
	{ "elements of no bytes", of_no_bytes },
	{ "in flight to a blocked call", to_a_blocked_call },
	{ "in flight to a call that is killed", to_a_killed_one },
	{ "a receiver that waits for itself", waits_for_itself },
	{ "in flight of an open channel", while_open },
};

TAP_MAIN(tests)
