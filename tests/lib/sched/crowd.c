// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many goroutines on one channel: every element arrives exactly once.
 */
#include <stdlib.h>

#include "common.h"

#define SENDERS		8
#define RECEIVERS	8

struct crowd {
	kc_chan *c;
	kc_waitgroup senders, receivers;
	uint64_t each;
	atomic_uint next;
	unsigned char *seen;
};

static void sender(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t first = atomic_fetch_add(&crowd->next, 1) * crowd->each;
	uint64_t i, value;

	for (i = 0; i < crowd->each; i++) {
		value = first + i;
		expect_int(kc_send(crowd->c, &value), 0);
	}
	kc_waitgroup_done(&crowd->senders);
}

static void receiver(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t value;

	kc_for_each(crowd->c, &value) {
		if (!expect(value < SENDERS * crowd->each))
			continue;
		__atomic_fetch_add(&crowd->seen[value], 1, __ATOMIC_RELAXED);
	}
	kc_waitgroup_done(&crowd->receivers);
}

static void run(size_t cap)
{
	struct crowd crowd = { .each = tap_scale(1000) };
	uint64_t i, missing = 0, doubled = 0;

	crowd.c = make(8, cap);
	crowd.seen = calloc(SENDERS, crowd.each);
	must(crowd.seen);
	kc_waitgroup_add(&crowd.senders, SENDERS);
	kc_waitgroup_add(&crowd.receivers, RECEIVERS);
	for (i = 0; i < RECEIVERS; i++)
		must_int(kc_go(receiver, &crowd), 0);
	for (i = 0; i < SENDERS; i++)
		must_int(kc_go(sender, &crowd), 0);
	kc_waitgroup_wait(&crowd.senders);
	expect_int(kc_close(crowd.c), 0);
	kc_waitgroup_wait(&crowd.receivers);

	for (i = 0; i < SENDERS * crowd.each; i++) {
		missing += !crowd.seen[i];
		doubled += crowd.seen[i] > 1;
	}
	expect_int(missing, 0);
	expect_int(doubled, 0);
	free(crowd.seen);
	kc_unref(crowd.c);
}

static void test_rendezvous(void)
{
	run(0);
}

static void test_one(void)
{
	run(1);
}

static void test_buffered(void)
{
	run(64);
}

/* A chain of goroutines. Each adds 1. */
#define STAGES 20

struct stage {
	kc_chan *in, *out;
};

static void stage(void *arg)
{
	struct stage *s = arg;
	uint64_t value;

	kc_for_each(s->in, &value) {
		value++;
		expect_int(kc_send(s->out, &value), 0);
	}
	expect_int(kc_close(s->out), 0);
}

static void feed(void *arg)
{
	kc_chan *c = arg;
	uint64_t i;

	for (i = 0; i < 100; i++)
		expect_int(kc_send(c, &i), 0);
	expect_int(kc_close(c), 0);
}

static void test_chain(void)
{
	kc_chan *channels[STAGES + 1];
	struct stage stages[STAGES];
	uint64_t value, expected = STAGES;
	int i;

	for (i = 0; i <= STAGES; i++)
		channels[i] = make(8, 0);
	for (i = 0; i < STAGES; i++) {
		stages[i] = (struct stage){ channels[i], channels[i + 1] };
		must_int(kc_go(stage, &stages[i]), 0);
	}
	must_int(kc_go(feed, channels[0]), 0);
	kc_for_each(channels[STAGES], &value)
		must_int(value, expected++);
	expect_int(expected, STAGES + 100);
	for (i = 0; i <= STAGES; i++)
		kc_unref(channels[i]);
}

static const struct tap_test tests[] = {
	{ "8 senders, 8 receivers, rendezvous", test_rendezvous },
	{ "8 senders, 8 receivers, capacity 1", test_one },
	{ "8 senders, 8 receivers, capacity 64", test_buffered },
	{ "a chain of 20 goroutines", test_chain },
};

TAP_MAIN(tests)
