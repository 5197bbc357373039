// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends and receives by which memcheck cannot know what the kernel has written, unless
 * it is told: see memcheck.sh. With an argument it sends what nobody has written.
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

static int received(kc_chan *c, const uint64_t *value)
{
	uint64_t got;
	kc_case one = kc_case_recv(c, &got);

	if (kc_try_send(c, value) || kc_try_recv(c, &got) != 1 || got != *value)
		return 0;
	if (kc_send(c, value) || kc_select(&one, 1) || got != *value)
		return 0;
	return 1;
}

static int received_message(kc_chan *c)
{
	char got[sizeof(uint64_t)];

	return !kc_send_msg(c, "abc", 3) &&
	       kc_try_recv_msg(c, got, sizeof(got)) == 3 && got[2] == 'c';
}

int main(int argc, char **argv)
{
	uint64_t *value = malloc(sizeof(*value));
	int good;

	(void)argv;
	if (!value)
		abort();
	if (argc > 1)
		return kc_try_send(make(0), value) != 0;
	*value = 7;
	good = received(make(0), value) && received_message(make(KC_CHAN_MESSAGE));
	free(value);
	return !good;
}
