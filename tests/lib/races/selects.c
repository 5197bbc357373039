// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects.
 */
#include "steps.h"

static void make_two(size_t cap)
{
	sure(!kc_make(&c, sizeof(elem), cap));
	sure(!kc_make(&other, sizeof(elem), cap));
}

static void make_empty(void)
{
	make_two(0);
}

static void make_buffered(void)
{
	make_two(1);
}

/* The second case is never ready. */
static void select_send(void)
{
	int got;
	kc_case cases[] = { kc_case_send(c, &elem), kc_case_recv(other, &got) };

	sure(!kc_select(cases, 2) && !cases[0].status);
}

static void select_recv(void)
{
	int got, nothing;
	kc_case cases[] = { kc_case_recv(c, &got), kc_case_recv(other, &nothing) };

	sure(!kc_select(cases, 2) && !cases[0].status);
}

static void try_select_send(void)
{
	kc_case one = kc_case_send(c, &elem);

	while (kc_try_select(&one, 1))
		kc_gosched();
}

static void try_select_recv(void)
{
	int got;
	kc_case one = kc_case_recv(c, &got);

	while (kc_try_select(&one, 1))
		kc_gosched();
}

static void select_recv_timed(void)
{
	int got;
	kc_case cases[] = { kc_case_recv(c, &got), kc_case_after(LONG) };

	sure(!kc_select(cases, 2));
}

static void select_end(void)
{
	int got;
	kc_case cases[] = { kc_case_recv(c, &got), kc_case_after(LONG) };

	sure(!kc_select(cases, 2) && !cases[0].status && !cases[0].ok);
}

static const struct edge edges[] = {
	{ "a case that sends", make_empty, select_send, recv_it },
	{ "a case that sends to a buffer", make_buffered, select_send, recv_it },
	{ "a case that receives", make_empty, send_it, select_recv },
	{ "a case that receives from a buffer", make_buffered, send_it, select_recv },
	{ "two selects that meet", make_empty, select_send, select_recv },
	{ "two selects that meet, the receive first", make_empty,
	  select_recv, select_send },
	{ "kc_try_select() that sends", make_buffered, try_select_send,
	  select_recv },
	{ "kc_try_select() that receives", make_empty, send_it, try_select_recv },
	{ "a select with a time limit", make_empty, send_it, select_recv_timed },
	{ "a close before a select sees it", make_empty, close_it, select_end },
};

const struct edges select_edges = { edges, ARRAY_SIZE(edges), false };

/* Only the second case has room. */
static void case_not_taken(void)
{
	make_buffered();
	send_it();
	go(touch_and_choose);
	await(1);
	recv_it();
	touch();
}

static void case_taken(void)
{
	int got;

	make_buffered();
	send_it();
	go(touch_and_choose);
	await(1);
	sure(kc_recv(other, &got) == 1);
	touch();
}

static void default_taken(void)
{
	make_buffered();
	send_it();
	go(touch_and_leave);
	await(1);
	recv_it();
	touch();
}

static const struct race_case cases[] = {
	{ "a case that is not taken, and its receive", case_not_taken, "touch" },
	{ "the one that is", case_taken, NULL },
	{ "a select that takes the default, and a receive", default_taken,
	  "touch" },
};

const struct race_cases select_cases = { cases, ARRAY_SIZE(cases) };
