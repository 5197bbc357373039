// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2) and select(2): what they say in each state, and what wakes them.
 * (epoll.c and wakeups.c have epoll.)
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>

#include "chan.h"

#define CLOSED (POLLIN | POLLRDHUP | POLLOUT)
#define DRAINED (CLOSED | POLLHUP)

static void states_buffered(void)
{
	int fd = chan_make(0, 8, 2);

	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 1);
	expect_int(poll_now(fd), POLLIN | POLLOUT);
	send_u64(fd, 2);
	expect_int(poll_now(fd), POLLIN);
	expect_recv(fd, 1);
	expect_int(poll_now(fd), POLLIN | POLLOUT);
	chan_close(fd);
	expect_int(poll_now(fd), CLOSED);
	expect_recv(fd, 2);
	expect_int(poll_now(fd), DRAINED);
	expect_end(fd);
	expect_int(poll_now(fd), DRAINED);
}

static void states_message(void)
{
	int fd = chan_open(), i;
	char byte = 0;

	expect_int(poll_now(fd), POLLOUT);
	for (i = 0; i < 16; i++) {
		expect_int(poll_now(fd), i ? POLLIN | POLLOUT : POLLOUT);
		expect_int(write(fd, &byte, 1), 1);
	}
	expect_int(poll_now(fd), POLLIN);
}

static void states_closed_empty(void)
{
	int fd = chan_make(0, 8, 2);

	chan_close(fd);
	expect_int(poll_now(fd), DRAINED);
	fd = chan_make(0, 8, 0);
	chan_close(fd);
	expect_int(poll_now(fd), DRAINED);
	/* Closed before the geometry was fixed. */
	fd = chan_open();
	chan_close(fd);
	expect_int(poll_now(fd), DRAINED);
}

/* ERR hides no data: it is told only to who can do nothing but send. */
static void states_of_ends(void)
{
	for (int way = 0; way < 2; way++) {
		int first = chan_make(0, 8, 4), both, send, recv;

		tap_about("%s", way ? "CLOSE" : "the last sender goes");
		both = end_make(first, KCHAN_END_SEND | KCHAN_END_RECV);
		send = end_make(first, KCHAN_END_SEND);
		recv = end_make(first, KCHAN_END_RECV);
		expect_int(poll_now(both), POLLOUT);
		expect_int(poll_now(send), POLLOUT);
		expect_int(poll_now(recv), 0);
		send_u64(send, 1);
		send_u64(send, 2);
		if (way) {
			chan_close(first);
			for (int i = 1; i <= 2; i++) {
				expect_int(poll_now(both), CLOSED);
				expect_int(poll_now(send), POLLOUT | POLLERR);
				expect_int(poll_now(recv), POLLIN | POLLRDHUP);
				expect_recv(both, i);
			}
			expect_int(poll_now(both), DRAINED);
			expect_int(poll_now(send), POLLOUT | POLLERR);
		} else {
			close(first);
			close(both);
			close(send);
			expect_int(poll_now(recv), POLLIN | POLLRDHUP);
			expect_recv(recv, 1);
			expect_int(poll_now(recv), POLLIN | POLLRDHUP);
			expect_recv(recv, 2);
		}
		expect_int(poll_now(recv), POLLIN | POLLRDHUP | POLLHUP);
	}
}

/* And when nobody is left to receive. */
static void states_no_receiver(void)
{
	int first = chan_make(0, 8, 2), send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);

	send_u64(send, 1);
	send_u64(send, 2);
	expect_int(poll_now(send), 0);
	close(first);
	expect_int(poll_now(send), 0);
	close(recv);
	expect_int(poll_now(send), POLLOUT | POLLERR);
}

static void states_rendezvous(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t v = 1, got;
	struct call c;

	expect_int(poll_now(fd), 0);
	/* One side must block: then the other would not. */
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	expect_int(poll_now(fd), POLLIN);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_int(poll_now(fd), 0);

	call_read(&c, fd, &got, 8);
	wait_receivers(fd, 1);
	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 2);
	expect_done(&c, 8);
	expect_int(poll_now(fd), 0);

	/* And one that left makes nothing ready. */
	on_signal(SIGUSR1, 0);
	call_read(&c, fd, &got, 8);
	wait_receivers(fd, 1);
	call_wait_asleep(&c);
	call_signal(&c, SIGUSR1);
	expect_done_errno(&c, EINTR);
	expect_int(poll_now(fd), 0);
}

static void states_parked(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v = 2, got;
	struct call c;

	/* A full buffer with a sender behind it: no room after one receive. */
	send_u64(fd, 1);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	expect_int(poll_now(fd), POLLIN);
	expect_recv(fd, 1);
	expect_int(poll_now(fd), POLLIN);
	expect_recv(fd, 2);
	expect_done(&c, 8);
	expect_int(poll_now(fd), POLLOUT);

	call_read(&c, fd, &got, 8);
	wait_receivers(fd, 1);
	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 3);
	expect_done(&c, 8);
	expect_int(poll_now(fd), POLLOUT);
}

static void only_what_is_asked(void)
{
	int fd = chan_make(0, 8, 2);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	send_u64(fd, 1);
	expect_int(poll(&p, 1, 0), 1);
	expect_int(p.revents, POLLOUT);
	p.events = 0;
	expect_int(poll(&p, 1, 0), 0);
	chan_close(fd);
	expect_int(poll(&p, 1, 0), 0);
	expect_recv(fd, 1);
	/* HUP comes unasked, as anywhere. */
	expect_int(poll(&p, 1, 0), 1);
	expect_int(p.revents, POLLHUP);
	/* So does ERR. */
	p.fd = end_make(chan_make(0, 8, 2), KCHAN_END_SEND);
	expect_int(poll(&p, 1, 0), 0);
	chan_close(p.fd);
	expect_int(poll(&p, 1, 0), 1);
	expect_int(p.revents, POLLERR);
}

/* Who is in the sets: 1 to read, 2 to write, 4 in error. */
static int select2_now(int fd, int *count)
{
	struct timeval zero = { 0 };
	fd_set in, out, err;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&err);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	FD_SET(fd, &err);
	*count = select(fd + 1, &in, &out, &err, &zero);
	return !!FD_ISSET(fd, &in) + 2 * !!FD_ISSET(fd, &out) +
	       4 * !!FD_ISSET(fd, &err);
}

static void select2(void)
{
	int fd = chan_make(0, 8, 1), count;

	expect_int(select2_now(fd, &count), 2);
	expect_int(count, 1);
	send_u64(fd, 1);
	expect_int(select2_now(fd, &count), 1);
	expect_int(count, 1);
	chan_close(fd);
	expect_int(select2_now(fd, &count), 3);
	expect_int(count, 2);
	expect_recv(fd, 1);
	expect_int(select2_now(fd, &count), 3);
	expect_end(fd);
}

static void ppoll_mask(void)
{
	struct timespec soon = { .tv_nsec = 20 * 1000 * 1000 };
	struct pollfd p = { .fd = chan_make(0, 8, 1), .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	expect_int(ppoll(&p, 1, &soon, &none), 0);
	send_u64(p.fd, 1);
	expect_int(ppoll(&p, 1, NULL, &none), 1);
	expect_int(p.revents, POLLIN);
}

/* What wakes a poll that sleeps, each on a channel of its own. */
static void expect_woken(struct call *c, int fd, short want)
{
	expect_done(c, 1);
	expect_int(c->events, want);
	expect_int(poll_now(fd) & want, want);
}

static void wakes_on_send(void)
{
	int fd = chan_make(0, 8, 2);
	struct call c;

	call_poll(&c, fd, POLLIN);
	call_wait_asleep(&c);
	send_u64(fd, 1);
	expect_woken(&c, fd, POLLIN);
}

static void wakes_on_receive(void)
{
	int fd = chan_make(0, 8, 1);
	struct call c;

	send_u64(fd, 1);
	call_poll(&c, fd, POLLOUT);
	call_wait_asleep(&c);
	expect_recv(fd, 1);
	expect_woken(&c, fd, POLLOUT);
}

static void wakes_on_parking(void)
{
	int fd = chan_make(0, 8, 0);
	struct call poller, party;
	uint64_t v = 8;

	call_poll(&poller, fd, POLLIN);
	call_wait_asleep(&poller);
	call_write(&party, fd, &v, 8);
	expect_woken(&poller, fd, POLLIN);
	expect_recv(fd, 8);
	expect_done(&party, 8);

	call_poll(&poller, fd, POLLOUT);
	call_wait_asleep(&poller);
	call_read(&party, fd, &v, 8);
	expect_woken(&poller, fd, POLLOUT);
	send_u64(fd, 9);
	expect_done(&party, 8);
	expect_int(v, 9);
}

static void wakes_on_select_parking(void)
{
	int fd = chan_make(0, 8, 0);
	struct call poller, party;
	struct one_case one;
	uint64_t v = 8;

	call_poll(&poller, fd, POLLIN);
	call_wait_asleep(&poller);
	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, 0, 0);
	call_select(&party, fd, &one);
	expect_woken(&poller, fd, POLLIN);
	expect_recv(fd, 8);
	expect_done(&party, 0);
}

static void wakes_on_resize(void)
{
	int fd = chan_make(0, 8, 1);
	struct call c;

	send_u64(fd, 1);
	call_poll(&c, fd, POLLOUT);
	call_wait_asleep(&c);
	chan_resize(fd, 2);
	expect_woken(&c, fd, POLLOUT);
	expect_recv(fd, 1);

	/* From a rendezvous to a buffer, with nobody there. */
	fd = chan_make(0, 8, 0);
	call_poll(&c, fd, POLLOUT);
	call_wait_asleep(&c);
	chan_resize(fd, 1);
	expect_woken(&c, fd, POLLOUT);
}

static void wakes_on_close(void)
{
	int fd = chan_make(0, 8, 1);
	struct call in, out, none;

	call_poll(&in, fd, POLLIN);
	call_wait_asleep(&in);
	chan_close(fd);
	expect_woken(&in, fd, POLLIN | POLLHUP);

	fd = chan_make(0, 8, 1);
	send_u64(fd, 1);
	call_poll(&out, fd, POLLOUT);
	call_poll(&none, fd, 0);
	call_wait_asleep(&out);
	call_wait_asleep(&none);
	chan_close(fd);
	expect_woken(&out, fd, POLLOUT);
	call_wait_asleep(&none);
	expect_recv(fd, 1);
	expect_woken(&none, fd, POLLHUP);

	/* RDHUP alone. */
	fd = chan_make(0, 8, 0);
	call_poll(&in, fd, POLLRDHUP);
	call_wait_asleep(&in);
	chan_close(fd);
	expect_woken(&in, fd, POLLRDHUP | POLLHUP);
}

static void wakes_on_drained(void)
{
	int fd = chan_make(0, 8, 2);
	struct kchan_info info;

	/* HUP comes with the last element taken. */
	send_u64(fd, 1);
	send_u64(fd, 2);
	chan_close(fd);
	expect_int(poll_now(fd), CLOSED);
	expect_recv(fd, 1);
	expect_int(poll_now(fd), CLOSED);
	expect_recv(fd, 2);
	expect_int(poll_now(fd), DRAINED);
	info = chan_info(fd);
	expect_int(info.len, 0);
}

static void wakes_on_put_back(void)
{
	static const uint32_t sizes[] = { 8, 200, 10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i], cap;

		for (cap = 0; cap < 2; cap++) {
			char *buf = map_pages(size), *in = map_pages(size);
			int fd = chan_make(0, size, cap);
			struct call reader, poller;

			tap_about("size %u, capacity %u", size, cap);
			call_read(&reader, fd, buf, size);
			wait_receivers(fd, 1);
			call_poll(&poller, fd, POLLIN);
			call_wait_asleep(&poller);
			must_int(munmap(buf, size), 0);
			expect_int(write(fd, in, size), size);
			expect_done_errno(&reader, EFAULT);
			expect_woken(&poller, fd, POLLIN);
			expect_int(chan_len(fd), 1);
			expect_int(read(fd, in, size), size);
			close(fd);
		}
	}
}

static void not_woken(void)
{
	int fd = chan_make(0, 8, 4);
	unsigned long before;
	struct call poller, reader;
	uint64_t got;
	int i;

	/* An element handed to a blocked receiver wakes only that call. */
	call_poll(&poller, fd, POLLIN);
	call_wait_asleep(&poller);
	before = call_sleeps(&poller);
	for (i = 0; i < 10; i++) {
		call_read(&reader, fd, &got, 8);
		wait_receivers(fd, 1);
		send_u64(fd, i);
		expect_done(&reader, 8);
		expect_int(got, i);
		expect(call_asleep(&poller));
	}
	expect_int(call_sleeps(&poller), before);
	send_u64(fd, 1);
	expect_woken(&poller, fd, POLLIN);
}

static void two_pollers_never_meet(void)
{
	int fd = chan_make(0, 8, 0);
	struct call in, out;
	unsigned long in_before, out_before;
	uint64_t v = 1;

	/* Documented: on a rendezvous one side must block. */
	call_poll(&in, fd, POLLIN);
	call_wait_asleep(&in);
	in_before = call_sleeps(&in);
	call_poll(&out, fd, POLLOUT);
	call_wait_asleep(&out);
	out_before = call_sleeps(&out);
	chan_nonblock(fd, true);
	expect_errno(write(fd, &v, 8), EAGAIN);
	expect_errno(read(fd, &v, 8), EAGAIN);
	expect(call_asleep(&in));
	expect(call_asleep(&out));
	expect_int(call_sleeps(&in), in_before);
	expect_int(call_sleeps(&out), out_before);
	chan_close(fd);
	expect_done(&in, 1);
	expect_done(&out, 1);
}

static const struct tap_test tests[] = {
	{ "states of a buffered channel", states_buffered },
	{ "states of a channel without setup", states_message },
	{ "states of a channel closed empty", states_closed_empty },
	{ "states of ends of each direction, closed", states_of_ends },
	{ "states of an end without receivers", states_no_receiver },
	{ "states of a rendezvous", states_rendezvous },
	{ "states with parties that wait", states_parked },
	{ "only what is asked, and ERR and HUP", only_what_is_asked },
	{ "select(2)", select2 },
	{ "ppoll(2)", ppoll_mask },
	{ "a send that queues wakes", wakes_on_send },
	{ "a receive that frees wakes", wakes_on_receive },
	{ "a party that parks on a rendezvous wakes", wakes_on_parking },
	{ "so does a select that parks", wakes_on_select_parking },
	{ "resize wakes", wakes_on_resize },
	{ "close wakes", wakes_on_close },
	{ "HUP once drained", wakes_on_drained },
	{ "a put-back wakes", wakes_on_put_back },
	{ "a hand-off wakes no poller", not_woken },
	{ "two pollers of a rendezvous never meet", two_pollers_never_meet },
};

TAP_MAIN(tests)
