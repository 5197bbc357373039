// SPDX-License-Identifier: GPL-2.0-only
/*
 * What plain channels, mapped ones and selects are tested with.
 */
#include "steps.h"

kc_chan *c, *other, *in, *out;
int elem;

void send_it(void)
{
	sure(!kc_send(c, &elem));
}

void recv_it(void)
{
	int got;

	sure(kc_recv(c, &got) == 1);
}

void send_timed(void)
{
	sure(!kc_send_timeout(c, &elem, LONG));
}

void recv_timed(void)
{
	int got;

	sure(kc_recv_timeout(c, &got, LONG) == 1);
}

void send_in_ctx(void)
{
	sure(!kc_send_ctx(kc_background(), c, &elem));
}

void close_it(void)
{
	sure(!kc_close(c));
}

void recv_end(void)
{
	int got;

	sure(!kc_recv(c, &got));
}

void send_in_vain(void)
{
	sure(kc_send(c, &elem) == -EPIPE);
}

void send_to_end(void)
{
	sure(!kc_send(in, &elem));
}

void recv_from_end(void)
{
	int got;

	sure(kc_recv(out, &got) == 1);
}

void touch_and_try_send(void *arg)
{
	(void)arg;
	touch();
	sure(kc_try_send(c, &elem) == -EAGAIN);
	come();
}

void touch_and_try_recv(void *arg)
{
	int got;

	(void)arg;
	touch();
	sure(kc_try_recv(c, &got) == -EAGAIN);
	come();
}

__attribute__((noinline)) void write_elem(void)
{
	elem = 1;
}

void write_alone(void *arg)
{
	(void)arg;
	write_elem();
	come();
}

void count_inside(void *arg)
{
	int i, got;

	(void)arg;
	for (i = 0; i < 100; i++) {
		send_it();
		touch();
		sure(kc_recv(c, &got) == 1);
	}
	come();
}

void touch_and_choose(void *arg)
{
	kc_case cases[] = { kc_case_send(c, &elem), kc_case_send(other, &elem) };

	(void)arg;
	touch();
	sure(kc_select(cases, 2) == 1);
	come();
}

void touch_and_leave(void *arg)
{
	int got;
	kc_case cases[] = { kc_case_send(c, &elem), kc_case_recv(other, &got) };

	(void)arg;
	touch();
	sure(kc_try_select(cases, 2) == -EAGAIN);
	come();
}
