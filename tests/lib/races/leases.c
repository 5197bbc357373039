// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: receives, and what ends a lease.
 */
#include <poll.h>

#include "steps.h"

static kc_lease *lease;

static kc_lease *lease_of(kc_chan *chan, int64_t limit)
{
	kc_lease *made;

	sure(!kc_lease_make(&made, chan, limit));
	return made;
}

static void make(size_t cap)
{
	sure(!kc_make(&c, sizeof(elem), cap));
	lease = lease_of(c, 0);
}

static void make_empty(void)
{
	make(0);
}

static void make_buffered(void)
{
	make(4);
}

/* The next send has to wait for a receive. */
static void make_full(void)
{
	make(2);
	send_it();
	send_it();
}

static void make_held(void)
{
	make_buffered();
	send_it();
	sure(kc_lease_recv(lease) == 1);
}

static void make_last(void)
{
	make_held();
	close_it();
}

static void make_armed(void)
{
	make_buffered();
	sure(!kc_lease_arm(lease));
}

static void lease_recv(void)
{
	sure(kc_lease_recv(lease) == 1);
}

static void lease_recv_timed(void)
{
	sure(kc_lease_recv_timeout(lease, LONG) == 1);
}

static void lease_recv_in_ctx(void)
{
	kc_ctx *ctx;

	sure(!kc_with_timeout(&ctx, NULL, LONG));
	sure(kc_lease_recv_ctx(ctx, lease) == 1);
	kc_ctx_unref(ctx);
}

static void lease_try_recv(void)
{
	while (kc_lease_try_recv(lease) != 1)
		kc_gosched();
}

static void lease_poll_recv(void)
{
	struct pollfd p = { .fd = kc_lease_fd(lease), .events = POLLIN };

	sure(poll(&p, 1, -1) == 1);
	sure(kc_lease_try_recv(lease) == 1);
}

static void lease_recv_end(void)
{
	sure(!kc_lease_recv(lease));
}

static void lease_next(void)
{
	sure(kc_lease_next(lease) == 1);
}

static void lease_next_end(void)
{
	sure(!kc_lease_next(lease));
}

static void lease_ack(void)
{
	sure(!kc_lease_ack(lease));
}

static void lease_return(void)
{
	sure(!kc_lease_return(lease, 0, 0));
}

static void lease_return_later(void)
{
	sure(!kc_lease_return(lease, KC_LEASE_TAIL, KC_MILLISECOND));
}

static void lease_free(void)
{
	kc_lease_unref(lease);
}

static const struct edge edges[] = {
	{ "a send before its receive under lease", make_buffered, send_it, lease_recv },
	{ "a send before that, on a rendezvous", make_empty, send_it, lease_recv },
	{ "a send before a lease with a time limit", make_empty, send_it,
	  lease_recv_timed },
	{ "a send before kc_lease_recv_ctx()", make_empty, send_it, lease_recv_in_ctx },
	{ "a send before kc_lease_try_recv()", make_buffered, send_it, lease_try_recv },
	{ "a send to a lease that was armed before", make_armed, send_it,
	  lease_poll_recv },
	{ "a send before kc_lease_next()", make_held, send_it, lease_next },
	{ "a close before a lease at the end of the stream", make_empty, close_it,
	  lease_recv_end },
	{ "a receive under lease before its send returns", make_empty, lease_recv,
	  send_it },
	{ "a receive under lease that makes room", make_full, lease_recv, send_it },
	{ "kc_lease_try_recv() that makes room", make_full, lease_try_recv, send_it },
	{ "the last acknowledgment before the end of the stream", make_last, lease_ack,
	  recv_end },
	{ "kc_lease_next() before the end of the stream", make_last, lease_next_end,
	  recv_end },
	{ "a return before the next receive", make_held, lease_return, recv_it },
	{ "a return with a delay", make_held, lease_return_later, recv_it },
	{ "a freed handle before the next receive", make_held, lease_free, recv_it },
};

const struct edges lease_edges = { edges, ARRAY_SIZE(edges), false };

static void touch_and_let_expire(void *arg)
{
	(void)arg;
	sure(kc_lease_recv(lease) == 1);
	touch();
	come();
}

static void limit_orders_nothing(void)
{
	sure(!kc_make(&c, sizeof(elem), 1));
	lease = lease_of(c, 50 * KC_MILLISECOND);
	send_it();
	go(touch_and_let_expire);
	await(1);
	recv_it();
	touch();
}

__attribute__((noinline)) static int read_elem(void)
{
	return *(volatile int *)kc_lease_elem(lease, NULL);
}

static void read_alone(void *arg)
{
	(void)arg;
	read_elem();
	come();
}

void next_elem(void);

__attribute__((noinline)) void next_elem(void)
{
	sure(kc_lease_next(lease) == 1);
}

static void element_read_while_next_comes(void)
{
	make_held();
	send_it();
	go(read_alone);
	await(1);
	next_elem();
}

static void read_and_free(void *arg)
{
	(void)arg;
	read_elem();
	kc_lease_unref(lease);
	come();
}

/* The two references are dropped in an order that only the count tells. */
static void last_reference_frees(void)
{
	make_held();
	kc_lease_ref(lease);
	go(read_and_free);
	await(1);
	kc_lease_unref(lease);
}

static const struct race_case cases[] = {
	{ "a lease that ended at its limit, and the next receive", limit_orders_nothing,
	  "touch" },
	{ "an element is read while its handle receives the next one",
	  element_read_while_next_comes, "next_elem" },
	{ "an element is read, and then another frees the handle", last_reference_frees,
	  NULL },
};

const struct race_cases lease_cases = { cases, ARRAY_SIZE(cases) };
