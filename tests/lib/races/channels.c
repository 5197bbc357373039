// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: sends, receives and closes, in all forms.
 */
#include <string.h>
#include <unistd.h>

#include "steps.h"

static kc_chan *make(size_t elem_size, size_t cap)
{
	kc_chan *made;

	sure(!kc_make(&made, elem_size, cap));
	return made;
}

static void make_empty(void)
{
	c = make(sizeof(elem), 0);
}

static void make_buffered(void)
{
	c = make(sizeof(elem), 4);
}

/* The next send has to wait for a receive. */
static void make_full(void)
{
	c = make(sizeof(elem), 2);
	send_it();
	send_it();
}

static void try_send(void)
{
	while (kc_try_send(c, &elem))
		kc_gosched();
}

static void try_recv(void)
{
	int got;

	while (kc_try_recv(c, &got) != 1)
		kc_gosched();
}

static void recv_in_ctx(void)
{
	kc_ctx *ctx;
	int got;

	sure(!kc_with_timeout(&ctx, NULL, LONG));
	sure(kc_recv_ctx(ctx, c, &got) == 1);
	kc_ctx_unref(ctx);
}

static void try_recv_end(void)
{
	int got;

	while (kc_try_recv(c, &got))
		kc_gosched();
}

/* Two ends, and a handle of the sending one. */
static void make_ends(void)
{
	make_buffered();
	sure(!kc_send_only(&in, c));
	sure(!kc_recv_only(&out, c));
}

static void make_pair(void)
{
	sure(!kc_make_pair(&out, &in, sizeof(elem), 0));
}

static void drop_in(void)
{
	kc_unref(in);
}

static void drop_out(void)
{
	kc_unref(out);
}

static void recv_last(void)
{
	int got;

	sure(!kc_recv(out, &got));
}

static void send_to_none(void)
{
	sure(kc_send(in, &elem) == -EPIPE);
}

static void make_from_fd(void)
{
	make_buffered();
	sure(!kc_from_fd(&out, dup(kc_fd(c))));
}

static void make_messages(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = 100;
	opts.cap = 1;
	sure(!kc_make_opts(&c, &opts));
}

static void send_message(void)
{
	sure(!kc_send_msg(c, "hello", 5));
}

static void recv_message(void)
{
	char got[100];

	sure(kc_recv_msg(c, got, sizeof(got)) == 5);
}

static void make_signals(void)
{
	c = make(0, 1);
}

static void send_signal(void)
{
	sure(!kc_send(c, NULL));
}

static void recv_signal(void)
{
	sure(kc_recv(c, NULL) == 1);
}

static int several[3];

static void send_several(void)
{
	sure(kc_send_n(c, several, 3) == 3);
}

static void recv_several(void)
{
	int got[3], nr = 0;

	while (nr < 3) {
		int ret = kc_recv_n(c, got, 3 - nr);

		sure(ret > 0);
		nr += ret;
	}
}

static void send_several_timed(void)
{
	sure(kc_send_n_timeout(c, several, 3, LONG) == 3);
}

static void recv_several_timed(void)
{
	int got[3];

	sure(kc_recv_n_timeout(c, got, 3, LONG) > 0);
}

static void try_send_several(void)
{
	while (kc_try_send_n(c, several, 3) <= 0)
		kc_gosched();
}

static void try_recv_several(void)
{
	int got[3];

	while (kc_try_recv_n(c, got, 3) <= 0)
		kc_gosched();
}

static void try_recv_several_end(void)
{
	int got[3];

	while (kc_try_recv_n(c, got, 3))
		kc_gosched();
}

static void send_several_in_vain(void)
{
	sure(kc_send_n(c, several, 3) == -EPIPE);
}

static const struct edge edges[] = {
	{ "a send before its receive", make_buffered, send_it, recv_it },
	{ "a send before its receive, on a rendezvous", make_empty, send_it, recv_it },
	{ "a receive before its send returns, on a rendezvous", make_empty,
	  recv_it, send_it },
	{ "a receive before the send that it made room for", make_full,
	  recv_it, send_it },
	{ "a send before a receive with a time limit", make_empty,
	  send_it, recv_timed },
	{ "a send with a time limit", make_empty, send_timed, recv_it },
	{ "a receive with a time limit that makes room", make_full,
	  recv_timed, send_timed },
	{ "kc_try_send()", make_buffered, try_send, recv_it },
	{ "kc_try_send(), to who waits", make_empty, try_send, recv_it },
	{ "kc_try_recv()", make_buffered, send_it, try_recv },
	{ "kc_try_recv(), from who waits", make_empty, send_it, try_recv },
	{ "kc_try_recv() before its send returns", make_empty, try_recv, send_it },
	{ "kc_try_recv() that makes room", make_full, try_recv, try_send },
	{ "kc_send_ctx() and kc_recv_ctx()", make_empty, send_in_ctx, recv_in_ctx },
	{ "kc_recv_ctx() before its send returns", make_empty, recv_in_ctx, send_it },
	{ "a close before the end of the stream", make_buffered,
	  close_it, recv_end },
	{ "a close before kc_try_recv() sees it", make_buffered,
	  close_it, try_recv_end },
	{ "a close before who waits to send is told", make_empty,
	  close_it, send_in_vain },
	{ "a send, from one end to another", make_ends, send_to_end,
	  recv_from_end },
	{ "a send, to a handle of the same descriptor", make_from_fd, send_it,
	  recv_from_end },
	{ "the last sender gone, before the end of the stream", make_pair,
	  drop_in, recv_last },
	{ "the last receiver gone, before a send is told", make_pair,
	  drop_out, send_to_none },
	{ "a message before its receive", make_messages,
	  send_message, recv_message },
	{ "an element of no bytes", make_signals, send_signal, recv_signal },
	{ "several before their receive", make_buffered, send_several, recv_several },
	{ "several, one at a time", make_empty, send_several, recv_several },
	{ "a receive of several before their send returns", make_empty,
	  recv_several, send_several },
	{ "receives that make room for several", make_full, recv_several,
	  send_several_timed },
	{ "several with a time limit", make_empty, send_it, recv_several_timed },
	{ "kc_try_send_n()", make_buffered, try_send_several, recv_it },
	{ "kc_try_send_n(), to who waits", make_empty, try_send_several, recv_it },
	{ "kc_try_recv_n()", make_buffered, send_it, try_recv_several },
	{ "kc_try_recv_n() that makes room", make_full, try_recv_several,
	  try_send_several },
	{ "a close before kc_try_recv_n() sees it", make_buffered,
	  close_it, try_recv_several_end },
	{ "a close before who waits to send several is told", make_empty,
	  close_it, send_several_in_vain },
};

const struct edges channel_edges = { edges, ARRAY_SIZE(edges), false };

/* An example of Go's memory model: it would be right if c had no buffer. */
static void touch_and_recv(void *arg)
{
	(void)arg;
	touch();
	recv_it();
	come();
}

static void receive_orders_no_send_with_room(void)
{
	c = make(sizeof(elem), 1);
	go(touch_and_recv);
	/* It most probably waits in the receive by then. */
	kc_sleep(20 * KC_MILLISECOND);
	send_it();
	await(1);
	touch();
}

static void failed_send_orders_nothing(void)
{
	make_full();
	go(touch_and_try_send);
	await(1);
	recv_it();
	touch();
}

static void recv_alone(void *arg)
{
	(void)arg;
	recv_it();
}

static void failed_receive_orders_nothing(void)
{
	make_empty();
	go(touch_and_try_recv);
	await(1);
	go(recv_alone);
	send_it();
	touch();
}

static void touch_and_close(void *arg)
{
	(void)arg;
	touch();
	sure(kc_close(c) == -EALREADY);
	come();
}

static void second_close_orders_nothing(void)
{
	make_empty();
	close_it();
	go(touch_and_close);
	await(1);
	recv_end();
	touch();
}

/* A channel as a lock that several goroutines may hold. */
static void one_may_be_inside(void)
{
	c = make(sizeof(elem), 1);
	go(count_inside);
	go(count_inside);
	await(2);
}

static void two_may_be_inside(void)
{
	c = make(sizeof(elem), 2);
	send_it();
	go(touch_and_recv);
	send_it();
	await(1);
	touch();
}

void send_elem(void);

__attribute__((noinline)) void send_elem(void)
{
	send_it();
}

static void element_written_while_sent(void)
{
	make_buffered();
	go(write_alone);
	await(1);
	send_elem();
}

void recv_into_elem(void);

__attribute__((noinline)) void recv_into_elem(void)
{
	sure(kc_recv(c, &elem) == 1);
}

static void element_written_while_received(void)
{
	make_buffered();
	send_it();
	go(write_alone);
	await(1);
	recv_into_elem();
}

/* After a send has returned, the sender may reuse the element's memory. */
static void recv_all(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 100; i++)
		recv_it();
	come();
}

static void element_written_after_the_send(void)
{
	int i;

	make_buffered();
	go(recv_all);
	for (i = 0; i < 100; i++) {
		write_elem();
		send_it();
	}
	await(1);
}

static void touch_and_recv_several(void *arg)
{
	(void)arg;
	touch();
	recv_several();
	come();
}

static void several_with_room_come_after_no_receive(void)
{
	c = make(sizeof(elem), 3);
	go(touch_and_recv_several);
	/* It waits in the receive by then, most likely. */
	kc_sleep(20 * KC_MILLISECOND);
	send_several();
	await(1);
	touch();
}

__attribute__((noinline)) static void write_last(void)
{
	several[2] = 1;
}

static void write_last_alone(void *arg)
{
	(void)arg;
	write_last();
	come();
}

void send_last(void);

__attribute__((noinline)) void send_last(void)
{
	send_several();
}

static void last_written_while_sent(void)
{
	make_buffered();
	go(write_last_alone);
	await(1);
	send_last();
}

void recv_into_several(void);

__attribute__((noinline)) void recv_into_several(void)
{
	sure(kc_recv_n(c, several, 3) == 3);
}

static void last_written_while_received(void)
{
	make_buffered();
	send_several();
	go(write_last_alone);
	await(1);
	recv_into_several();
}

static void last_written_where_nothing_came(void)
{
	make_buffered();
	send_it();
	send_it();
	go(write_last_alone);
	await(1);
	sure(kc_recv_n(c, several, 3) == 2);
}

static const struct race_case cases[] = {
	{ "a receive, and a send that had room anyway",
	  receive_orders_no_send_with_room, "touch" },
	{ "a kc_try_send() that failed, and a receive", failed_send_orders_nothing,
	  "touch" },
	{ "a kc_try_recv() that failed, and a send", failed_receive_orders_nothing,
	  "touch" },
	{ "a second close, and the end of the stream", second_close_orders_nothing,
	  "touch" },
	{ "a channel of capacity 1 as a lock", one_may_be_inside, NULL },
	{ "a channel of capacity 2 as a lock", two_may_be_inside, "touch" },
	{ "an element that is written while it is sent",
	  element_written_while_sent, "send_elem" },
	{ "what is received goes to where another writes",
	  element_written_while_received, "recv_into_elem" },
	{ "an element written once it is sent", element_written_after_the_send,
	  NULL },
	{ "a receive of several, and a send that had room anyway",
	  several_with_room_come_after_no_receive, "touch" },
	{ "the last of several is written while they are sent",
	  last_written_while_sent, "send_last" },
	{ "the last of several goes to where another writes",
	  last_written_while_received, "recv_into_several" },
	{ "room for several that nothing was received into",
	  last_written_where_nothing_came, NULL },
};

const struct race_cases channel_cases = { cases, ARRAY_SIZE(cases) };
