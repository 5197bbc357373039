// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped channels: what moves through the ring has the edges that the kernel's transfers
 * have. So in each edge here, neither side waits.
 */
#include <stdlib.h>
#include <string.h>

#include "mappings.h"
#include "steps.h"

#define CAP	3

/* So many transfers of one direction are enough for a channel to be mapped. */
#define HOT	80

/* A channel of each kind of elements: the library copies a long one by memcpy(). */
static kc_chan *wide;
static int several[CAP];

struct wide {
	int first;
	char rest[196];
};

static struct wide wide_elem;

static kc_chan *make(size_t elem_size, size_t cap)
{
	const int before = mappings();
	struct wide any = { 0 };
	kc_chan *made;
	int i;

	sure(!kc_make(&made, elem_size, cap));
	for (i = 0; i < HOT; i++) {
		sure(!kc_send(made, &any));
		sure(kc_recv(made, &any) == 1);
	}
	sure(before >= 0 && mappings() == before + 1);
	return made;
}

static void fill(kc_chan *full)
{
	struct wide any = { 0 };
	int i;

	for (i = 0; i < CAP; i++)
		sure(!kc_try_send(full, &any));
}

static void make_empty(void)
{
	c = make(sizeof(elem), CAP);
	other = make(sizeof(elem), CAP);
}

static void make_full(void)
{
	make_empty();
	fill(c);
}

static void make_wide(void)
{
	wide = make(sizeof(wide_elem), CAP);
}

static void make_wide_full(void)
{
	make_wide();
	fill(wide);
}

static void make_ends(void)
{
	c = make(sizeof(elem), CAP);
	sure(!kc_send_only(&in, c));
	sure(!kc_recv_only(&out, c));
}

static void recv_nothing(void)
{
	sure(kc_recv(c, NULL) == 1);
}

static void try_send(void)
{
	sure(!kc_try_send(c, &elem));
}

static void try_recv(void)
{
	int got;

	sure(kc_try_recv(c, &got) == 1);
}

static void recv_in_ctx(void)
{
	int got;

	sure(kc_recv_ctx(kc_background(), c, &got) == 1);
}

static void send_wide(void)
{
	sure(!kc_send(wide, &wide_elem));
}

static void recv_wide(void)
{
	struct wide got;

	sure(kc_recv(wide, &got) == 1);
}

static void send_several(void)
{
	sure(kc_send_n(c, several, CAP) == CAP);
}

static void recv_several(void)
{
	int got[CAP];

	sure(kc_recv_n(c, got, CAP) == CAP);
}

static void try_send_several(void)
{
	sure(kc_try_send_n(c, several, CAP) == CAP);
}

static void try_recv_several(void)
{
	int got[CAP];

	sure(kc_try_recv_n(c, got, CAP) == CAP);
}

static void send_several_timed(void)
{
	sure(kc_send_n_timeout(c, several, CAP, LONG) == CAP);
}

static void recv_several_timed(void)
{
	int got[CAP];

	sure(kc_recv_n_timeout(c, got, CAP, LONG) == CAP);
}

static void select_send(void)
{
	int got;
	kc_case cases[] = { kc_case_recv(other, &got), kc_case_send(c, &elem) };

	sure(kc_select(cases, 2) == 1);
}

static void select_recv(void)
{
	int got, nothing;
	kc_case cases[] = { kc_case_recv(other, &nothing), kc_case_recv(c, &got) };

	sure(kc_select(cases, 2) == 1 && cases[1].ok);
}

static void try_select_send(void)
{
	kc_case one = kc_case_send(c, &elem);

	sure(!kc_try_select(&one, 1));
}

static void try_select_recv(void)
{
	kc_case one = kc_case_recv(c, NULL);

	sure(!kc_try_select(&one, 1) && one.ok);
}

static void select_send_timed(void)
{
	kc_case one = kc_case_send(c, &elem);

	sure(!kc_select_timeout(&one, 1, LONG));
}

static void select_recv_timed(void)
{
	int got;
	kc_case cases[] = { kc_case_recv(c, &got), kc_case_after(LONG) };

	sure(!kc_select(cases, 2) && cases[0].ok);
}

static const struct edge edges[] = {
	{ "kc_send() before kc_recv(), mapped", make_empty, send_it, recv_it },
	{ "kc_send() before a receive that discards, mapped", make_empty,
	  send_it, recv_nothing },
	{ "kc_try_send() before kc_try_recv(), mapped", make_empty, try_send, try_recv },
	{ "kc_send_timeout() before kc_recv_timeout(), mapped", make_empty,
	  send_timed, recv_timed },
	{ "kc_send_ctx() before kc_recv_ctx(), mapped", make_empty,
	  send_in_ctx, recv_in_ctx },
	{ "a send of a long element before its receive, mapped", make_wide,
	  send_wide, recv_wide },
	{ "kc_send_n() before kc_recv_n(), mapped", make_empty,
	  send_several, recv_several },
	{ "kc_try_send_n() before kc_try_recv_n(), mapped", make_empty,
	  try_send_several, try_recv_several },
	{ "kc_send_n_timeout() before kc_recv_n_timeout(), mapped", make_empty,
	  send_several_timed, recv_several_timed },
	{ "kc_send_n() before kc_recv(), mapped", make_empty, send_several, recv_it },
	{ "a case that sends before one that receives, mapped", make_empty,
	  select_send, select_recv },
	{ "kc_try_select(), mapped", make_empty, try_select_send, try_select_recv },
	{ "selects with a time limit, mapped", make_empty,
	  select_send_timed, select_recv_timed },
	{ "a send, from one end to another, mapped", make_ends,
	  send_to_end, recv_from_end },
	{ "kc_recv() makes room for kc_send(), mapped", make_full, recv_it, send_it },
	{ "a receive that discards makes room, mapped", make_full, recv_nothing, send_it },
	{ "kc_try_recv() makes room for kc_try_send(), mapped", make_full,
	  try_recv, try_send },
	{ "kc_recv_timeout() makes room for kc_send_timeout(), mapped", make_full,
	  recv_timed, send_timed },
	{ "kc_recv_ctx() makes room for kc_send_ctx(), mapped", make_full,
	  recv_in_ctx, send_in_ctx },
	{ "a receive makes room for a long element, mapped", make_wide_full,
	  recv_wide, send_wide },
	{ "kc_recv_n() makes room for kc_send_n(), mapped", make_full,
	  recv_several, send_several },
	{ "kc_try_recv_n() makes room for kc_try_send_n(), mapped", make_full,
	  try_recv_several, try_send_several },
	{ "kc_recv_n_timeout() makes room for kc_send_n_timeout(), mapped", make_full,
	  recv_several_timed, send_several_timed },
	{ "a case that receives makes room for one that sends, mapped", make_full,
	  select_recv, select_send },
	{ "kc_try_select() makes room, mapped", make_full,
	  try_select_recv, try_select_send },
	{ "a select with a time limit makes room, mapped", make_full,
	  select_recv_timed, select_send_timed },
	{ "a close before the end of the stream, mapped", make_empty,
	  close_it, recv_end },
	{ "a close before a send is told, mapped", make_full, close_it, send_in_vain },
};

const struct edges mapped_edges = { edges, ARRAY_SIZE(edges), true };

static void failed_send_orders_nothing(void)
{
	make_full();
	go(touch_and_try_send);
	await(1);
	recv_it();
	touch();
}

static void failed_receive_orders_nothing(void)
{
	make_empty();
	go(touch_and_try_recv);
	await(1);
	send_it();
	touch();
}

static void default_orders_nothing(void)
{
	make_full();
	go(touch_and_leave);
	await(1);
	recv_it();
	touch();
}

/* Only the second case has room. */
static void case_not_taken(void)
{
	make_full();
	go(touch_and_choose);
	await(1);
	recv_it();
	touch();
}

void send_mapped(void);

__attribute__((noinline)) void send_mapped(void)
{
	sure(!kc_send(c, &elem));
}

static void element_written_while_sent(void)
{
	make_empty();
	go(write_alone);
	await(1);
	send_mapped();
}

void recv_mapped(void);

__attribute__((noinline)) void recv_mapped(void)
{
	sure(kc_recv(c, &elem) == 1);
}

static void element_written_while_received(void)
{
	make_full();
	go(write_alone);
	await(1);
	recv_mapped();
}

void choose_mapped(void);

__attribute__((noinline)) void choose_mapped(void)
{
	int value = 0;
	kc_case cases[] = { kc_case_send(c, &elem), kc_case_send(other, &value) };

	sure(kc_select(cases, 2) == 1);
}

static void element_not_taken_written(void)
{
	make_full();
	go(write_alone);
	await(1);
	choose_mapped();
}

static void write_last_alone(void *arg)
{
	(void)arg;
	several[CAP - 1] = 1;
	come();
}

void send_several_mapped(void);

__attribute__((noinline)) void send_several_mapped(void)
{
	sure(kc_send_n(c, several, CAP) == CAP);
}

static void last_written_while_sent(void)
{
	make_empty();
	go(write_last_alone);
	await(1);
	send_several_mapped();
}

static void last_written_where_nothing_came(void)
{
	make_empty();
	send_it();
	send_it();
	go(write_last_alone);
	await(1);
	sure(kc_recv_n(c, several, CAP) == CAP - 1);
}

static void one_may_be_inside(void)
{
	c = make(sizeof(elem), 1);
	go(count_inside);
	go(count_inside);
	await(2);
}

enum { LOTS = 300, SIDE = 3 };

/* What a goroutine writes before it sends, its receiver may read and write. */
static void send_lots(void *arg)
{
	struct wide own = { 0 };
	int *each = calloc(LOTS, sizeof(*each));
	int i;

	(void)arg;
	sure(each);
	for (i = 0; i < LOTS; i++) {
		each[i] = i;
		memcpy(own.rest, &(int *){ &each[i] }, sizeof(int *));
		own.first = i;
		sure(!(i % 3 ? kc_send(wide, &own) : kc_send_timeout(wide, &own, LONG)));
	}
	come();
}

static void recv_lots(void *arg)
{
	struct wide got;
	kc_case one = kc_case_recv(wide, &got);
	int *each;
	int i;

	(void)arg;
	for (i = 0; i < LOTS; i++) {
		if (i % 4 == 0)
			sure(!kc_select(&one, 1) && one.ok);
		else if (i % 4 == 1)
			sure(kc_recv_timeout(wide, &got, LONG) == 1);
		else if (i % 4 == 2)
			sure(kc_recv_n(wide, &got, 1) == 1);
		else
			sure(kc_recv(wide, &got) == 1);
		memcpy(&each, got.rest, sizeof(each));
		sure((*each)++ == got.first);
	}
	come();
}

/*
 * Where several receive, some copy from the ring what is being overwritten. They drop that
 * copy, so it is no race.
 */
static void lots(void)
{
	int i;

	make_wide();
	for (i = 0; i < SIDE; i++) {
		go(send_lots);
		go(recv_lots);
	}
	await(2 * SIDE);
}

static const struct race_case cases[] = {
	{ "a kc_try_send() that failed, and a receive, mapped",
	  failed_send_orders_nothing, "touch" },
	{ "a kc_try_recv() that failed, and a send, mapped",
	  failed_receive_orders_nothing, "touch" },
	{ "a select that takes the default, and a receive, mapped",
	  default_orders_nothing, "touch" },
	{ "a case that is not taken, and its receive, mapped", case_not_taken, "touch" },
	{ "an element that is written while it is sent, mapped",
	  element_written_while_sent, "send_mapped" },
	{ "what is received goes to where another writes, mapped",
	  element_written_while_received, "recv_mapped" },
	{ "an element of a case that is not taken is written, mapped",
	  element_not_taken_written, "choose_mapped" },
	{ "the last of several is written while they are sent, mapped",
	  last_written_while_sent, "send_several_mapped" },
	{ "room for several that nothing was received into, mapped",
	  last_written_where_nothing_came, NULL },
	{ "a channel of capacity 1 as a lock, mapped", one_may_be_inside, NULL },
	{ "many goroutines through a mapped channel", lots, NULL },
};

const struct race_cases mapped_cases = { cases, ARRAY_SIZE(cases) };
