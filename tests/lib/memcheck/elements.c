// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receives whose written memory memcheck can only know from the library: see
 * memcheck.sh. With an argument, the program sends or reads memory that was never
 * written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <kchan/kchan.h>

static kc_chan *make(uint32_t flags)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c;

	opts.elem_size = sizeof(uint64_t);
	opts.cap = 1;
	opts.flags = flags;
	if (kc_make_opts(&c, &opts))
		abort();
	return c;
}

/* A branch depends on the value. */
__attribute__((noipa)) static void look_at(uint64_t *got)
{
	if (*got != 7)
		abort();
}

/* Hides from the compiler that the value was never written. */
__attribute__((noipa)) static uint64_t *unwritten(uint64_t *value)
{
	return value;
}

static void receive(kc_chan *c)
{
	const uint64_t value = 7;
	uint64_t first, second;
	kc_case one = kc_case_recv(c, unwritten(&second));

	if (kc_try_send(c, &value) || kc_try_recv(c, unwritten(&first)) != 1)
		abort();
	look_at(&first);
	if (kc_send(c, &value) || kc_select(&one, 1))
		abort();
	look_at(&second);
}

static void receive_message(kc_chan *c)
{
	const uint64_t value = 7;
	uint64_t got;

	if (kc_send_msg(c, &value, sizeof(value)) ||
	    kc_try_recv_msg(c, unwritten(&got), sizeof(got)) != sizeof(got))
		abort();
	look_at(&got);
}

int main(int argc, char **argv)
{
	uint64_t value;

	if (argc > 1 && !strcmp(argv[1], "send"))
		return kc_try_send(make(0), unwritten(&value));
	if (argc > 1)
		look_at(unwritten(&value));
	receive(make(0));
	receive_message(make(KC_CHAN_MESSAGE));
	return 0;
}
