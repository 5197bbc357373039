// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups, shared calls, patterns, pools, and what the last drop of a reference does.
 */
#include <stdlib.h>
#include <string.h>

#include "case.h"

static kc_waitgroup wg;
static kc_group group;
static kc_flight flight;
static kc_mutex mutex;

static void touch_only(void *arg)
{
	(void)arg;
	touch();
}

static void waitgroup_go(void)
{
	touch();
	sure(!kc_waitgroup_go(&wg, touch_only, NULL));
	kc_waitgroup_wait(&wg);
	touch();
}

static void two_of_a_waitgroup(void)
{
	sure(!kc_waitgroup_go(&wg, touch_only, NULL));
	sure(!kc_waitgroup_go(&wg, touch_only, NULL));
	kc_waitgroup_wait(&wg);
}

static kc_error *member(void *arg)
{
	(void)arg;
	touch();
	return NULL;
}

static kc_error *failing_member(void *arg)
{
	touch();
	return kc_errorf(-EIO, "member %d has failed", *(int *)arg);
}

static void group_and_wait(void)
{
	static int number = 3;
	kc_error *err;
	kc_ctx *ctx;

	sure(!kc_group_with_context(&group, &ctx, NULL));
	touch();
	sure(!kc_group_go(&group, failing_member, &number));
	err = kc_group_wait(&group);
	touch();
	sure(!strcmp(kc_error_text(err), "member 3 has failed"));
	sure(kc_ctx_err(ctx) == -ECANCELED);
	kc_error_unref(err);
	kc_ctx_unref(ctx);
}

static void two_members(void)
{
	sure(!kc_group_go(&group, member, NULL));
	sure(!kc_group_go(&group, member, NULL));
	sure(!kc_group_wait(&group));
}

static void limited_group(void)
{
	int i;

	kc_group_set_limit(&group, 1);
	for (i = 0; i < 10; i++)
		sure(!kc_group_go(&group, member, NULL));
	while (kc_group_try_go(&group, member, NULL))
		kc_gosched();
	sure(!kc_group_wait(&group));
}

static void failing_group(void)
{
	static int numbers[] = { 0, 1, 2, 3 };
	kc_error *err;
	kc_ctx *ctx;
	size_t i;

	kc_group_set_limit(&group, 1);
	sure(!kc_group_with_context(&group, &ctx, NULL));
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		sure(!kc_group_go(&group, failing_member, &numbers[i]));
	err = kc_group_wait(&group);
	sure(kc_error_code(kc_ctx_cause(ctx)) == -EIO);
	kc_error_unref(err);
	kc_ctx_unref(ctx);
}

/* Main most probably joins it meanwhile. Else this is run again. */
static kc_error *fetch(void *arg, void **value, void (**destroy)(void *value))
{
	(void)arg;
	come();
	touch();
	kc_sleep(100 * KC_MILLISECOND);
	*value = strdup("fetched");
	*destroy = free;
	return NULL;
}

static char key[] = "key", other_key[] = "other";

static void ask(void *arg)
{
	kc_flight_result result;

	sure(!kc_flight_do(&flight, arg, fetch, NULL, &result));
	sure(((char *)result.value)[0] == 'f');
	kc_flight_result_clear(&result);
	come();
}

static void shared_call(void)
{
	sure(!kc_go(ask, key));
	await(1);
	ask(key);
	touch();
	await(3);
}

static void two_calls(void)
{
	sure(!kc_go(ask, key));
	sure(!kc_go(ask, other_key));
	await(4);
}

static void call_with_channel(void)
{
	kc_flight_result result;
	kc_chan *first, *second;

	touch();
	sure(!kc_flight_do_chan(&flight, key, fetch, NULL, &first));
	sure(!kc_flight_do_chan(&flight, key, fetch, NULL, &second));
	sure(kc_recv(first, &result) == 1);
	touch();
	sure(((char *)result.value)[0] == 'f');
	kc_flight_result_clear(&result);
	/* Nobody receives the element in this channel. */
	kc_unref(first);
	kc_unref(second);
}

static kc_error *generate(void *arg, kc_sink *out)
{
	int i;

	(void)arg;
	for (i = 0; i < 10; i++) {
		int *number = malloc(sizeof(*number));

		*number = i;
		if (kc_yield(out, &number))
			free(number);
	}
	return NULL;
}

static kc_error *pass_on(void *arg, void *elem, size_t len, kc_sink *out)
{
	int **number = elem;

	(void)arg;
	(void)len;
	++**number;
	return kc_yield(out, number) ? kc_error_new(-EIO, NULL) : NULL;
}

static kc_error *touch_and_pass_on(void *arg, void *elem, size_t len, kc_sink *out)
{
	if (arg)
		kc_mutex_lock(arg);
	touch();
	if (arg)
		kc_mutex_unlock(arg);
	return pass_on(NULL, elem, len, out);
}

static void run_pipeline(void *lock)
{
	const kc_stage stages[] = {
		{ .fn = pass_on, .elem_size = sizeof(int *), .workers = 2 },
		{ .fn = touch_and_pass_on, .arg = lock, .elem_size = sizeof(int *),
		  .workers = 2, .cap = 2 },
	};
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *start, *end;
	int *number, sum = 0;

	opts.elem_size = sizeof(int *);
	sure(!kc_generate(&start, &group, NULL, &opts, generate, NULL));
	sure(!kc_pipeline(&end, &group, NULL, start, stages, 2));
	kc_unref(start);
	while (kc_recv(end, &number) == 1) {
		sum += *number;
		free(number);
	}
	kc_unref(end);
	sure(!kc_group_wait(&group));
	sure(sum == 65);
}

static void pipeline(void)
{
	run_pipeline(&mutex);
}

static void pipeline_with_a_race(void)
{
	run_pipeline(NULL);
}

static void fan(void)
{
	const kc_stage stage = { .fn = pass_on, .elem_size = sizeof(int *) };
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *start, *outs[3], *end;
	int *number, sum = 0, i;

	opts.elem_size = sizeof(int *);
	sure(!kc_generate(&start, &group, NULL, &opts, generate, NULL));
	sure(!kc_fan_out(outs, 3, &group, NULL, start, &stage));
	sure(!kc_fan_in(&end, &group, NULL, outs, 3, 0));
	kc_unref(start);
	for (i = 0; i < 3; i++)
		kc_unref(outs[i]);
	while (kc_recv(end, &number) == 1) {
		sum += *number;
		free(number);
	}
	kc_unref(end);
	sure(!kc_group_wait(&group));
	sure(sum == 55);
}

static void drop_number(void *arg, void *elem)
{
	(void)arg;
	free(*(int **)elem);
}

static void pool(void)
{
	kc_pool_options options = KC_POOL_OPTIONS_INIT;
	int *number, sum = 0, i;
	kc_pool *workers;

	options.workers = 2;
	options.fn = touch_and_pass_on;
	options.arg = &mutex;
	options.job_size = sizeof(int *);
	options.queue = 10;
	options.result_size = sizeof(int *);
	options.results = 10;
	options.drop_job = drop_number;
	options.drop_result = drop_number;
	touch();
	sure(!kc_pool_make(&workers, NULL, &options));
	for (i = 0; i < 10; i++) {
		number = malloc(sizeof(*number));
		*number = i;
		sure(!kc_pool_submit(workers, &number));
	}
	kc_pool_stop(workers);
	/* Not all results: the others are dropped. */
	for (i = 0; i < 5; i++) {
		sure(kc_recv(kc_pool_results(workers), &number) == 1);
		sum += *number;
		free(number);
	}
	sure(!kc_pool_wait(workers));
	touch();
	kc_pool_unref(workers);
}

/* The last drop of a reference comes after all uses, whoever drops it. */
static void touch_value(void *value)
{
	touch();
	free(value);
}

static void drop_ctx(void *arg)
{
	touch();
	kc_ctx_unref(arg);
	come();
}

static void destructor_of_ctx(void)
{
	kc_ctx *ctx;

	sure(!kc_with_value(&ctx, NULL, key, malloc(1), touch_value));
	sure(!kc_go(drop_ctx, kc_ctx_ref(ctx)));
	await(1);
	kc_ctx_unref(ctx);
}

static void *make_value(void *arg)
{
	(void)arg;
	return malloc(1);
}

static void drop_once(void *arg)
{
	*(char *)kc_once_value_get(arg) = 'a';
	touch();
	kc_once_value_unref(arg);
	come();
}

static void destructor_of_once(void)
{
	kc_once_value *value;

	sure(!kc_once_value_make(&value, make_value, NULL, touch_value));
	sure(!kc_go(drop_once, kc_once_value_ref(value)));
	await(1);
	kc_once_value_unref(value);
}

static void drop_error(void *arg)
{
	sure(kc_error_text(arg)[0] == 'a');
	kc_error_unref(arg);
	come();
}

static void last_of_an_error(void)
{
	kc_error *err = kc_errorf(-EIO, "an error"), *wrapped;

	wrapped = kc_error_wrap(err, "again");
	kc_error_unref(err);
	sure(!kc_go(drop_error, kc_error_ref(wrapped)));
	await(1);
	kc_error_unref(wrapped);
}

static void drop_channel(void *arg)
{
	kc_unref(arg);
	come();
}

static void last_of_a_channel(void)
{
	kc_chan *c;

	sure(!kc_make(&c, 4, 4));
	sure(!kc_go(drop_channel, kc_ref(c)));
	await(1);
	kc_unref(c);
}

static void panic(void *arg)
{
	kc_panic_value(malloc(1), touch_value, "a value");
	(void)arg;
}

static kc_error *panicking_member(void *arg)
{
	touch();
	panic(arg);
	return NULL;
}

static void wait_for_panic(void *arg)
{
	(void)arg;
	kc_group_wait(&group);
}

static void panic_in_a_group(void)
{
	kc_panic_info info;

	sure(!kc_group_set_flags(&group, KC_GROUP_PROPAGATE));
	sure(!kc_group_go(&group, panicking_member, NULL));
	sure(kc_protect(wait_for_panic, NULL, &info));
	touch();
	sure(!strcmp(info.text, "a value"));
	kc_panic_info_clear(&info);
}

static const struct race_case cases[] = {
	{ "kc_waitgroup_go(), and the wait", waitgroup_go, NULL },
	{ "two of a wait group", two_of_a_waitgroup, "touch" },
	{ "a member of a group, its error, and the wait", group_and_wait, NULL },
	{ "two members of a group", two_members, "touch" },
	{ "a group of one at a time", limited_group, NULL },
	{ "a group that fails several times", failing_group, NULL },
	{ "a panic that the wait raises again", panic_in_a_group, NULL },
	{ "a shared call, and who joined it", shared_call, NULL },
	{ "calls of two keys", two_calls, "touch" },
	{ "a shared call, and who waits on a channel", call_with_channel, NULL },
	{ "a pipeline", pipeline, NULL },
	{ "what the workers of a stage share", pipeline_with_a_race, "touch" },
	{ "a fan-out and a fan-in", fan, NULL },
	{ "a pool, its jobs and results", pool, NULL },
	{ "the destructor of a context's value", destructor_of_ctx, NULL },
	{ "the destructor of a once value", destructor_of_once, NULL },
	{ "the last reference to an error", last_of_an_error, NULL },
	{ "the last reference to a channel", last_of_a_channel, NULL },
};

const struct race_cases group_cases = { cases, ARRAY_SIZE(cases) };
