// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fan-out and fan-in.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "common.h"
#include "flow.h"

struct range {
	uint64_t first, last;
};

static kc_error *count(void *arg, kc_sink *out)
{
	const struct range *range = arg;
	uint64_t i;

	for (i = range->first; i <= range->last; i++)
		if (kc_yield(out, &i))
			break;
	return NULL;
}

static kc_chan *generate(kc_group *g, kc_ctx *ctx, struct range *range)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c = NULL;

	opts.elem_size = 8;
	must_int(kc_generate(&c, g, ctx, &opts, count, range), 0);
	return c;
}

static kc_error *pass_on(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	(void)!kc_yield(out, elem);
	return NULL;
}

static const kc_stage passing = { .fn = pass_on, .elem_size = 8 };

static void unref_all(kc_chan **chans, size_t n)
{
	while (n--)
		kc_unref(chans[n]);
}

static void fan_out(kc_chan **outs, size_t n, kc_group *g, kc_ctx *ctx,
		    struct range *range)
{
	kc_chan *c = generate(g, ctx, range);

	must_int(kc_fan_out(outs, n, g, ctx, c, &passing), 0);
	kc_unref(c);
}

static kc_chan *fan_in(kc_chan **ins, size_t n, kc_group *g, kc_ctx *ctx)
{
	kc_chan *c = NULL;

	must_int(kc_fan_in(&c, g, ctx, ins, n, 1), 0);
	unref_all(ins, n);
	return c;
}

/* One to many, and many to one: all elements arrive, each once. */
static void test_there_and_back(void)
{
	struct range range = { 0, tap_scale(500) - 1 };
	unsigned char *seen = calloc(1, range.last + 1);
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	uint64_t value, received = 0;
	kc_chan *chans[5], *c;

	must(seen);
	fan_out(chans, 5, &g, NULL, &range);
	c = fan_in(chans, 5, &g, NULL);
	kc_for_each(c, &value) {
		must(value <= range.last);
		expect_int(seen[value]++, 0);
		received++;
	}
	expect_int(received, range.last + 1);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	free(seen);
	expect_nothing_left(left);
}

/*
 * Each element goes to one worker. A receiver that does not receive blocks only its
 * worker.
 */
static void test_each_its_own(void)
{
	struct range range = { 1, 3 };
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	uint64_t value, sum = 0;
	kc_chan *chans[3];
	int i;

	fan_out(chans, 3, &g, NULL, &range);
	/* A worker holds one element until it is received, so all three hold one. */
	for (i = 0; i < 3; i++)
		wait_senders(chans[i], 1);
	for (i = 2; i >= 0; i--) {
		must_int(kc_recv(chans[i], &value), 1);
		sum += value;
	}
	expect_int(sum, 6);
	for (i = 0; i < 3; i++)
		expect_int(kc_recv(chans[i], &value), 0);
	unref_all(chans, 3);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static void test_consumer_goes(void)
{
	struct range forever = { 0, UINT64_MAX };
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *chans[4], *c;
	uint64_t value;

	fan_out(chans, 4, &g, NULL, &forever);
	c = fan_in(chans, 4, &g, NULL);
	must_int(kc_recv(c, &value), 1);
	kc_unref(c);
	expect(!kc_group_wait(&g));

	/* One of several is dropped: the others continue. */
	fan_out(chans, 2, &g, NULL, &forever);
	kc_unref(chans[0]);
	must_int(kc_recv(chans[1], &value), 1);
	must_int(kc_recv(chans[1], &value), 1);
	kc_unref(chans[1]);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static void test_cancelled(void)
{
	struct range forever = { 0, UINT64_MAX };
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *chans[4], *c;
	kc_error *err;
	uint64_t value;
	kc_ctx *ctx;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	fan_out(chans, 4, &g, ctx, &forever);
	c = fan_in(chans, 4, &g, ctx);
	must_int(kc_recv(c, &value), 1);
	kc_cancel(ctx);
	err = kc_group_wait(&g);
	expect_int(kc_error_code(err), -ECANCELED);
	kc_error_unref(err);
	kc_unref(c);
	kc_ctx_unref(ctx);
	expect_nothing_left(left);
}

/* More than one goroutine merges. Each channel keeps its order. */
static void test_many(void)
{
	enum { CHANNELS = 70, EACH = 5 };
	struct range ranges[CHANNELS];
	unsigned int next[CHANNELS] = { 0 };
	struct left left = what_is_there();
	kc_chan *chans[CHANNELS], *c;
	kc_group g = KC_GROUP_INIT;
	uint64_t value, received = 0;
	size_t i;

	for (i = 0; i < CHANNELS; i++) {
		ranges[i] = (struct range){ i * EACH, i * EACH + EACH - 1 };
		chans[i] = generate(&g, NULL, &ranges[i]);
	}
	c = fan_in(chans, CHANNELS, &g, NULL);
	kc_for_each(c, &value) {
		must(value < CHANNELS * EACH);
		expect_int(value % EACH, next[value / EACH]++);
		received++;
	}
	expect_int(received, CHANNELS * EACH);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static void test_messages(void)
{
	kc_group g = KC_GROUP_INIT;
	kc_chan *ins[2] = { make_messages(20, 2), make_messages(20, 2) }, *c;
	char text[20];

	must_int(kc_fan_in(&c, &g, NULL, ins, 2, 0), 0);
	must_int(kc_send_msg(ins[0], "hello", 5), 0);
	expect_int(kc_recv_msg(c, text, sizeof(text)), 5);
	must_int(kc_send_msg(ins[1], "you", 3), 0);
	expect_int(kc_recv_msg(c, text, sizeof(text)), 3);
	expect(!memcmp(text, "you", 3));
	unref_all(ins, 2);
	expect_int(kc_recv_msg(c, text, sizeof(text)), 0);
	kc_unref(c);
	expect(!kc_group_wait(&g));
}

/* Elements of size 0: signals of several channels on one. */
static void test_size0(void)
{
	kc_group g = KC_GROUP_INIT;
	kc_chan *ins[2] = { make(0, 0), make(0, 0) }, *c;

	must_int(kc_fan_in(&c, &g, NULL, ins, 2, 0), 0);
	must_int(kc_send(ins[0], NULL), 0);
	expect_int(kc_recv(c, NULL), 1);
	must_int(kc_send(ins[1], NULL), 0);
	expect_int(kc_recv(c, NULL), 1);
	unref_all(ins, 2);
	expect_int(kc_recv(c, NULL), 0);
	kc_unref(c);
	expect(!kc_group_wait(&g));
}

static void test_errors(void)
{
	const kc_stage none = { .elem_size = 8 };
	struct left left = what_is_there();
	kc_chan *in = make(8, 1), *other = make(4, 1), *send, *c = NULL;
	kc_chan *outs[3] = { NULL, NULL, NULL };
	kc_group g = KC_GROUP_INIT;

	must_int(kc_send_only(&send, in), 0);
	send_now(in, 7);
	expect_int(kc_fan_out(outs, 3, &g, NULL, NULL, &passing), -EINVAL);
	expect_int(kc_fan_out(outs, 3, &g, NULL, in, &none), -EINVAL);
	expect_int(kc_fan_out(outs, 3, &g, NULL, send, &passing), -EBADF);
	expect_int(kc_fan_in(&c, &g, NULL, &in, 0, 0), -EINVAL);
	expect_int(kc_fan_in(&c, &g, NULL, (kc_chan *[]){ in, NULL }, 2, 0),
		   -EINVAL);
	expect_int(kc_fan_in(&c, &g, NULL, (kc_chan *[]){ in, other }, 2, 0),
		   -EINVAL);
	expect_int(kc_fan_in(&c, &g, NULL, (kc_chan *[]){ in, send }, 2, 0),
		   -EBADF);
	kc_group_set_limit(&g, 2);
	expect_int(kc_fan_out(outs, 3, &g, NULL, in, &passing), -EBUSY);
	expect(!kc_group_wait(&g));
	expect_int(recv_now(in), 7);
	expect(!c);
	kc_unref(send);
	kc_unref(other);
	kc_unref(in);
	expect_nothing_left(left);
}

/* It fails at each step of the making, and then works. */
static void test_few_descriptors(void)
{
	struct range range = { 1, 20 };
	struct left left = what_is_there();
	kc_group g = KC_GROUP_INIT;
	kc_chan *chans[6], *numbers, *c = NULL;
	struct rlimit limit;
	uint64_t value, received = 0;
	int ret;

	numbers = generate(&g, NULL, &range);
	must_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (limit.rlim_cur = count_fds() - 3;; limit.rlim_cur++) {
		must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ret = kc_fan_out(chans, 6, &g, NULL, numbers, &passing);
		if (!ret) {
			ret = kc_fan_in(&c, &g, NULL, chans, 6, 0);
			if (!ret)
				break;
			expect_int(ret, -EMFILE);
			/*
			 * The goroutines may have received something, so begin again.
			 */
			unref_all(chans, 6);
			kc_unref(numbers);
			expect(!kc_group_wait(&g));
			numbers = generate(&g, NULL, &range);
		}
		must_int(ret, -EMFILE);
	}
	kc_unref(numbers);
	unref_all(chans, 6);
	kc_for_each(c, &value)
		received++;
	expect_int(received, 20);
	kc_unref(c);
	expect(!kc_group_wait(&g));
	expect_nothing_left(left);
}

static const struct tap_test tests[] = {
	{ "one to many and back: all are there", test_there_and_back },
	{ "each element goes to one", test_each_its_own },
	{ "they end with their consumer", test_consumer_goes },
	{ "they end with their context", test_cancelled },
	{ "many channels to one, each in its order", test_many },
	{ "messages", test_messages },
	{ "elements of size 0", test_size0 },
	{ "what cannot be started", test_errors },
	{ "too few descriptors", test_few_descriptors },
};

TAP_MAIN(tests)
