// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll, level- and edge-triggered: the events, and that none is lost.
 * (wakeups.c counts who is woken.)
 */
#include <sys/epoll.h>
#include <sys/mman.h>

#include "chan.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP)

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	must(ep >= 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	return ep;
}

/* The events there are now; 0 for none. */
static uint32_t events_now(int ep)
{
	struct epoll_event event;
	int n;

	memset(&event, POISON, sizeof(event));
	n = epoll_wait(ep, &event, 1, 0);
	must(n >= 0);
	return n ? event.events : 0;
}

static void level(void)
{
	int fd = chan_make(0, 8, 2), ep = watch(fd, ALL), i;

	for (i = 0; i < 2; i++)
		expect_int(events_now(ep), EPOLLOUT);
	send_u64(fd, 1);
	for (i = 0; i < 2; i++)
		expect_int(events_now(ep), EPOLLIN | EPOLLOUT);
	send_u64(fd, 2);
	for (i = 0; i < 2; i++)
		expect_int(events_now(ep), EPOLLIN);
	chan_close(fd);
	for (i = 0; i < 2; i++)
		expect_int(events_now(ep), EPOLLIN | EPOLLRDHUP | EPOLLOUT);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	for (i = 0; i < 2; i++)
		expect_int(events_now(ep), EPOLLIN | EPOLLRDHUP | EPOLLOUT |
			   EPOLLHUP);
}

static void edge_in(void)
{
	int fd = chan_make(0, 8, 8), ep = watch(fd, EPOLLIN | EPOLLET), i;

	expect_int(events_now(ep), 0);
	/* Each element that queues, though it is no edge, is a new event. */
	for (i = 0; i < 5; i++) {
		send_u64(fd, i);
		expect_int(events_now(ep), EPOLLIN);
		expect_int(events_now(ep), 0);
	}
	/* Taking some is none. */
	expect_recv(fd, 0);
	expect_int(events_now(ep), 0);
	send_u64(fd, 5);
	expect_int(events_now(ep), EPOLLIN);
	chan_close(fd);
	expect_int(events_now(ep), EPOLLIN);
	expect_int(events_now(ep), 0);
}

static void edge_out(void)
{
	int fd = chan_make(0, 8, 4), ep, i;

	for (i = 0; i < 4; i++)
		send_u64(fd, i);
	ep = watch(fd, EPOLLOUT | EPOLLET);
	expect_int(events_now(ep), 0);
	for (i = 0; i < 4; i++) {
		expect_recv(fd, i);
		expect_int(events_now(ep), EPOLLOUT);
		expect_int(events_now(ep), 0);
	}
	send_u64(fd, 9);
	expect_int(events_now(ep), 0);
	chan_close(fd);
	expect_int(events_now(ep), EPOLLOUT);
}

static void edge_messages(void)
{
	int fd = chan_open(), ep = watch(fd, EPOLLIN | EPOLLET), i;
	char buf[4096];

	for (i = 0; i < 5; i++) {
		expect_int(write(fd, buf, i + 1), i + 1);
		expect_int(events_now(ep), EPOLLIN);
	}
	expect_int(events_now(ep), 0);
}

static void edge_select_moves(void)
{
	int fd = chan_make(0, 0, 4), ep = watch(fd, EPOLLIN | EPOLLET);
	int out = watch(fd, EPOLLOUT | EPOLLET), i;

	expect_int(events_now(out), EPOLLOUT);
	for (i = 0; i < 4; i++) {
		expect_int(try_send(fd, NULL, 0), 0);
		expect_int(events_now(ep), EPOLLIN);
		expect_int(events_now(ep), 0);
	}
	for (i = 0; i < 4; i++) {
		expect_int(try_recv(fd, NULL, 0), 0);
		expect_int(events_now(out), EPOLLOUT);
		expect_int(events_now(out), 0);
	}
}

static void edge_rendezvous(void)
{
	int fd = chan_make(0, 8, 0);
	int in = watch(fd, EPOLLIN | EPOLLET);
	int out = watch(fd, EPOLLOUT | EPOLLET);
	struct call a, b;
	uint64_t va = 1, vb = 2;

	expect_int(events_now(in), 0);
	call_write(&a, fd, &va, 8);
	wait_senders(fd, 1);
	expect_int(events_now(in), EPOLLIN);
	expect_int(events_now(in), 0);
	call_write(&b, fd, &vb, 8);
	wait_senders(fd, 2);
	expect_int(events_now(in), EPOLLIN);
	expect_int(events_now(out), 0);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	expect_done(&a, 8);
	expect_done(&b, 8);

	call_read(&a, fd, &va, 8);
	wait_receivers(fd, 1);
	expect_int(events_now(out), EPOLLOUT);
	expect_int(events_now(out), 0);
	expect_int(events_now(in), 0);
	send_u64(fd, 3);
	expect_done(&a, 8);
}

static void edge_parked_sender(void)
{
	int fd = chan_make(0, 8, 1);
	int in = watch(fd, EPOLLIN | EPOLLET), out;
	struct call c;
	uint64_t v = 2;

	send_u64(fd, 1);
	expect_int(events_now(in), EPOLLIN);
	out = watch(fd, EPOLLOUT | EPOLLET);
	expect_int(events_now(out), 0);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	expect_int(events_now(in), 0);
	/* The parked sender's element enters the ring: a send, no room. */
	expect_recv(fd, 1);
	expect_int(events_now(in), EPOLLIN);
	expect_int(events_now(out), 0);
	expect_done(&c, 8);
	expect_recv(fd, 2);
	expect_int(events_now(out), EPOLLOUT);
	expect_int(events_now(in), 0);
}

static void edge_resize(void)
{
	int fd = chan_make(0, 8, 1), out, in;
	struct call c;
	uint64_t v = 2;

	send_u64(fd, 1);
	out = watch(fd, EPOLLOUT | EPOLLET);
	expect_int(events_now(out), 0);
	chan_resize(fd, 2);
	expect_int(events_now(out), EPOLLOUT);
	send_u64(fd, 2);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	in = watch(fd, EPOLLIN | EPOLLET);
	expect_int(events_now(in), EPOLLIN);
	/* The parked one enters: that is a send that queues. */
	chan_resize(fd, 3);
	expect_done(&c, 8);
	expect_int(events_now(in), EPOLLIN);
}

static void edge_put_back(void)
{
	int fd = chan_make(0, 8, 4), ep;
	char *buf = map_pages(8);
	struct call c;

	call_read(&c, fd, buf, 8);
	wait_receivers(fd, 1);
	ep = watch(fd, EPOLLIN | EPOLLET);
	expect_int(events_now(ep), 0);
	must_int(munmap(buf, 8), 0);
	send_u64(fd, 1);
	expect_done_errno(&c, EFAULT);
	expect_int(events_now(ep), EPOLLIN);
	expect_int(events_now(ep), 0);
	expect_recv(fd, 1);
}

static void edge_hand_off(void)
{
	int fd = chan_make(0, 8, 4), ep;
	struct call c;
	uint64_t v;

	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	ep = watch(fd, EPOLLIN | EPOLLET);
	send_u64(fd, 1);
	expect_done(&c, 8);
	expect_int(events_now(ep), 0);
}

static void oneshot(void)
{
	int fd = chan_make(0, 8, 4), ep = watch(fd, EPOLLIN | EPOLLONESHOT);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };

	send_u64(fd, 1);
	expect_int(events_now(ep), EPOLLIN);
	send_u64(fd, 2);
	expect_int(events_now(ep), 0);
	must_int(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), 0);
	expect_int(events_now(ep), EPOLLIN);
}

/* The channel notes what has been asked for. */
static void asks_for_more(void)
{
	int fd = chan_make(0, 8, 1), neither = watch(fd, EPOLLRDHUP);
	int in = watch(fd, EPOLLIN), out = watch(fd, EPOLLRDHUP);
	struct epoll_event event = { .events = EPOLLOUT };

	send_u64(fd, 1);
	expect_int(events_now(in), EPOLLIN);
	must_int(epoll_ctl(out, EPOLL_CTL_MOD, fd, &event), 0);
	expect_int(events_now(out), 0);
	expect_recv(fd, 1);
	expect_int(events_now(out), EPOLLOUT);

	/* The one that began with output asks for input now. */
	must_int(events_now(in), 0);
	event.events = EPOLLIN;
	must_int(epoll_ctl(out, EPOLL_CTL_MOD, fd, &event), 0);
	expect_int(events_now(out), 0);
	send_u64(fd, 2);
	expect_int(events_now(out), EPOLLIN);

	expect_int(events_now(neither), 0);
	chan_close(fd);
	expect_int(events_now(neither), EPOLLRDHUP);
}

static void watch_then_close_fd(void)
{
	int fd = chan_make(0, 8, 4), ep = watch(fd, EPOLLIN), round;

	/* Closing a watched channel takes it out of the set, no more. */
	close(fd);
	expect_int(events_now(ep), 0);
	for (round = 0; round < 50; round++) {
		struct epoll_event event = { .events = EPOLLIN };

		fd = chan_make(0, 8, 1);
		must_int(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
		if (round % 2)
			send_u64(fd, 1);
		expect_int(events_now(ep), round % 2 ? EPOLLIN : 0);
		close(fd);
	}
	expect_int(events_now(ep), 0);
}

static void nested(void)
{
	int fd = chan_make(0, 8, 2), inner = watch(fd, EPOLLIN);
	int outer = watch(inner, EPOLLIN);

	expect_int(events_now(outer), 0);
	send_u64(fd, 1);
	expect_int(events_now(outer), EPOLLIN);
	expect_recv(fd, 1);
	expect_int(events_now(outer), 0);
}

/*
 * No lost wake-up: receivers that each have a set, edge-triggered, and drain
 * until EAGAIN; senders likewise (or blocking). Were one event lost, the
 * elements would stay and nobody come: the watchdog.
 */
#define LOOPERS 4

struct flow {
	int fd;
	unsigned long each;
	uint32_t in_flags;
	bool senders_poll;
	atomic_ulong received, sum;
};

static void *flow_receiver(void *arg)
{
	struct flow *f = arg;
	int ep = watch(f->fd, EPOLLIN | f->in_flags);
	struct epoll_event event;
	uint64_t v[3];
	ssize_t got;

	for (;;) {
		must_int(epoll_wait(ep, &event, 1, -1), 1);
		while ((got = read(f->fd, v, sizeof(v))) > 0) {
			ssize_t i;

			for (i = 0; i < got / 8; i++) {
				atomic_fetch_add(&f->received, 1);
				atomic_fetch_add(&f->sum, v[i]);
			}
		}
		if (got == 0)
			break;
		must(errno == EAGAIN);
	}
	close(ep);
	return NULL;
}

static void *flow_sender(void *arg)
{
	struct flow *f = arg;
	int ep = f->senders_poll ? watch(f->fd, EPOLLOUT | f->in_flags) : -1;
	struct epoll_event event;
	unsigned long i = 0;

	while (i < f->each) {
		uint64_t v = i + 1;

		if (!f->senders_poll) {
			/* Waits, though the file is O_NONBLOCK. */
			must_int(select_one(f->fd, KCHAN_OP_SEND, &v, 8, 0, 0,
					    NULL), 0);
			i++;
		} else if (write(f->fd, &v, 8) == 8) {
			i++;
		} else {
			must(errno == EAGAIN);
			must_int(epoll_wait(ep, &event, 1, -1), 1);
		}
	}
	if (ep >= 0)
		close(ep);
	return NULL;
}

static void flow(uint32_t capacity, uint32_t flags, bool senders_poll)
{
	struct flow f = {
		.fd = chan_make(0, 8, capacity),
		.each = tap_scale(1000),
		.in_flags = flags,
		.senders_poll = senders_poll,
	};
	pthread_t in[LOOPERS], out[LOOPERS];
	int i;

	tap_about("capacity %u, %s, senders %s", capacity,
		  flags & EPOLLET ? "edge" : "level",
		  senders_poll ? "poll" : "block");
	chan_nonblock(f.fd, true);
	for (i = 0; i < LOOPERS; i++) {
		thread_start(&in[i], flow_receiver, &f);
		thread_start(&out[i], flow_sender, &f);
	}
	for (i = 0; i < LOOPERS; i++)
		thread_join(out[i]);
	chan_close(f.fd);
	for (i = 0; i < LOOPERS; i++)
		thread_join(in[i]);
	expect_int(atomic_load(&f.received), LOOPERS * f.each);
	expect_int(atomic_load(&f.sum),
		   LOOPERS * (f.each * (f.each + 1) / 2));
	close(f.fd);
}

static void flow_edge(void)
{
	flow(1, EPOLLET, false);
	flow(1, EPOLLET, true);
	flow(64, EPOLLET, true);
}

static void flow_level(void)
{
	flow(1, 0, true);
	flow(64, 0, false);
}

static void flow_exclusive(void)
{
	flow(1, EPOLLEXCLUSIVE, true);
	flow(1, EPOLLEXCLUSIVE | EPOLLET, true);
	flow(64, EPOLLEXCLUSIVE | EPOLLET, false);
}

static void flow_rendezvous(void)
{
	/* Polling receivers, blocking senders: the way that is documented. */
	flow(0, EPOLLET, false);
	flow(0, 0, false);
	flow(0, EPOLLEXCLUSIVE, false);
}

static const struct tap_test tests[] = {
	{ "level-triggered: events of each state", level },
	{ "edge-triggered: each element that queues is an event", edge_in },
	{ "edge-triggered: each receive that frees is one", edge_out },
	{ "edge-triggered: messages", edge_messages },
	{ "edge-triggered: moved by select", edge_select_moves },
	{ "edge-triggered: parties on a rendezvous", edge_rendezvous },
	{ "edge-triggered: a parked sender enters, IN and not OUT",
	  edge_parked_sender },
	{ "edge-triggered: resize", edge_resize },
	{ "edge-triggered: put-back", edge_put_back },
	{ "edge-triggered: a hand-off is no event", edge_hand_off },
	{ "one-shot", oneshot },
	{ "an epoll asks for more", asks_for_more },
	{ "a watched channel is closed", watch_then_close_fd },
	{ "a set within a set", nested },
	{ "no event is lost, edge-triggered", flow_edge },
	{ "no event is lost, level-triggered", flow_level },
	{ "no event is lost, exclusive", flow_exclusive },
	{ "no event is lost on a rendezvous", flow_rendezvous },
};

TAP_MAIN(tests)
