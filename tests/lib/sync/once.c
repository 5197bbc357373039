// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a function once. Needs no channel.
 */
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

#define CROWD	6

static void test_size(void)
{
	kc_once once, init = KC_ONCE_INIT;

	/* Part of the ABI. */
	expect_int(sizeof(kc_once), 16);
	expect_int(sizeof(struct kc_once_static), 40);
	memset(&once, 0, sizeof(once));
	expect(!memcmp(&once, &init, sizeof(once)));
}

struct job {
	kc_once once;
	kc_waitgroup wg;
	atomic_int runs;
	atomic_bool begun, go_on;
	atomic_int tid;
	int result;
	atomic_int seen;
};

static void do_job(void *arg)
{
	struct job *job = arg;

	atomic_fetch_add(&job->runs, 1);
	atomic_store(&job->begun, true);
	until(atomic_load(&job->go_on));
	job->result = 42;
}

static void call_once(void *arg)
{
	struct job *job = arg;

	atomic_store(&job->tid, gettid());
	kc_once_do(&job->once, do_job, job);
	if (job->result == 42)
		atomic_fetch_add(&job->seen, 1);
}

/* A caller waits while the function runs. */
static void test_once(void)
{
	struct job job = { .runs = 0 };
	int i;

	must_int(kc_waitgroup_go(&job.wg, call_once, &job), 0);
	until(atomic_load(&job.begun));
	for (i = 0; i < CROWD; i++) {
		atomic_store(&job.tid, 0);
		must_int(kc_waitgroup_go(&job.wg, call_once, &job), 0);
		until(atomic_load(&job.tid) && is_asleep(atomic_load(&job.tid)));
	}
	expect_int(atomic_load(&job.seen), 0);
	atomic_store(&job.go_on, true);
	kc_waitgroup_wait(&job.wg);
	expect_int(atomic_load(&job.seen), CROWD + 1);
	expect_int(atomic_load(&job.runs), 1);
	call_once(&job);
	expect_int(atomic_load(&job.runs), 1);
}

static void test_race(void)
{
	const unsigned long rounds = tap_scale(500);
	unsigned long i;
	int j;

	for (i = 0; i < rounds; i++) {
		struct job job = { .go_on = true };

		for (j = 0; j < 3; j++)
			must_int(kc_waitgroup_go(&job.wg, call_once, &job), 0);
		kc_waitgroup_wait(&job.wg);
		must_int(atomic_load(&job.runs), 1);
		must_int(atomic_load(&job.seen), 3);
	}
}

static void panic_once(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_panic("once");
}

struct panics {
	kc_once once;
	atomic_int runs;
};

static void do_panic(void *arg)
{
	struct panics *panics = arg;

	kc_once_do(&panics->once, panic_once, &panics->runs);
}

static void leave(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_goexit();
}

static void do_leave(void *arg)
{
	struct panics *panics = arg;

	kc_once_do(&panics->once, leave, &panics->runs);
}

/* A function that panics or calls kc_goexit() counts as run. */
static void test_panic(void)
{
	struct panics panics = { .runs = 0 }, leaves = { .runs = 0 };
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	expect_int(kc_protect(do_panic, &panics, NULL), 1);
	expect_int(kc_protect(do_panic, &panics, NULL), 0);
	expect_int(atomic_load(&panics.runs), 1);

	must_int(kc_waitgroup_go(&wg, do_leave, &leaves), 0);
	kc_waitgroup_wait(&wg);
	do_leave(&leaves);
	expect_int(atomic_load(&leaves.runs), 1);
}

static atomic_int runs;

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&runs, 1);
}

static void fail(void *arg)
{
	(void)arg;
	atomic_fetch_add(&runs, 1);
	kc_panic("it failed");
}

static void call_func(void *arg)
{
	kc_once_func_call(arg);
}

static void test_func(void)
{
	kc_once_func *once;
	kc_panic_info info;
	int i;

	must_int(kc_once_func_make(&once, count, NULL), 0);
	kc_once_func_call(once);
	kc_once_func_call(kc_once_func_ref(once));
	kc_once_func_unref(once);
	kc_once_func_unref(once);
	kc_once_func_unref(NULL);
	expect_int(atomic_load(&runs), 1);

	atomic_store(&runs, 0);
	must_int(kc_once_func_make(&once, fail, NULL), 0);
	for (i = 0; i < 3; i++) {
		must_int(kc_protect(call_func, once, &info), 1);
		expect(!strcmp(info.text, "it failed"));
		kc_panic_info_clear(&info);
	}
	kc_once_func_unref(once);
	expect_int(atomic_load(&runs), 1);
}

static void quit(void *arg)
{
	(void)arg;
	atomic_fetch_add(&runs, 1);
	kc_goexit();
}

static void test_func_goexit(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_once_func *once;
	kc_panic_info info;

	must_int(kc_once_func_make(&once, quit, NULL), 0);
	must_int(kc_waitgroup_go(&wg, call_func, once), 0);
	kc_waitgroup_wait(&wg);
	must_int(kc_protect(call_func, once, &info), 1);
	expect(strstr(info.text, "kc_goexit"));
	kc_panic_info_clear(&info);
	kc_once_func_unref(once);
	expect_int(atomic_load(&runs), 1);
}

struct unreffed {
	kc_once_func *once;
	atomic_bool begun, go_on;
};

static void wait_inside(void *arg)
{
	struct unreffed *x = arg;

	atomic_store(&x->begun, true);
	until(atomic_load(&x->go_on));
}

static void call_unreffed(void *arg)
{
	kc_once_func_call(((struct unreffed *)arg)->once);
}

/* A call in progress holds a reference. */
static void test_func_held(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct unreffed x = { .begun = false };

	must_int(kc_once_func_make(&x.once, wait_inside, &x), 0);
	must_int(kc_waitgroup_go(&wg, call_unreffed, &x), 0);
	until(atomic_load(&x.begun));
	kc_once_func_unref(x.once);
	atomic_store(&x.go_on, true);
	kc_waitgroup_wait(&wg);
}

static void *make_value(void *arg)
{
	atomic_fetch_add(&runs, 1);
	return strdup(arg);
}

static atomic_int destroyed;

static void destroy_value(void *value)
{
	atomic_fetch_add(&destroyed, 1);
	free(value);
}

static void *no_value(void *arg)
{
	kc_panic("no %s", (char *)arg);
}

static void get_value(void *arg)
{
	kc_once_value_get(arg);
}

static void test_value(void)
{
	kc_once_value *once, *other;
	kc_panic_info info;
	char *value;

	must_int(kc_once_value_make(&once, make_value, (char *)"seven",
				    destroy_value), 0);
	other = kc_once_value_ref(once);
	value = kc_once_value_get(once);
	must(value);
	expect(!strcmp(value, "seven"));
	expect(kc_once_value_get(other) == value);
	expect_int(atomic_load(&runs), 1);
	kc_once_value_unref(once);
	expect_int(atomic_load(&destroyed), 0);
	kc_once_value_unref(other);
	expect_int(atomic_load(&destroyed), 1);
	kc_once_value_unref(NULL);

	must_int(kc_once_value_make(&once, no_value, (char *)"value",
				    destroy_value), 0);
	must_int(kc_protect(get_value, once, &info), 1);
	/* The description of the panic stays valid after its origin is freed. */
	expect_int(kc_protect(get_value, once, NULL), 1);
	kc_once_value_unref(once);
	expect(!strcmp(info.text, "no value"));
	kc_panic_info_clear(&info);
	expect_int(atomic_load(&destroyed), 1);

	/* A value that nobody has asked for. */
	must_int(kc_once_value_make(&once, no_value, NULL, destroy_value), 0);
	kc_once_value_unref(once);
}

static int static_runs;

static void set_up(void)
{
	static_runs++;
}

static double compute(void)
{
	static_runs++;
	return 2.5;
}

static void set_up_badly(void)
{
	static_runs++;
	kc_panic("badly");
}

KC_ONCE_FUNC(ensure_set_up, set_up);
KC_ONCE_VALUE(computed, double, compute);
KC_ONCE_FUNC(ensure_badly, set_up_badly);

static void call_ensure_badly(void *arg)
{
	(void)arg;
	ensure_badly();
}

static void test_macros(void)
{
	ensure_set_up();
	ensure_set_up();
	expect_int(static_runs, 1);
	expect(computed() == 2.5 && computed() == 2.5);
	expect_int(static_runs, 2);
	expect_int(kc_protect(call_ensure_badly, NULL, NULL), 1);
	expect_int(kc_protect(call_ensure_badly, NULL, NULL), 1);
	expect_int(static_runs, 3);
}

static const struct tap_test tests[] = {
	{ "its size is fixed, and zero is valid", test_size },
	{ "it is done once, and waited for", test_once },
	{ "when all come at the same time", test_race },
	{ "a panic counts as done, and kc_goexit()", test_panic },
	{ "a function: its panic is every call's", test_func },
	{ "a function that calls kc_goexit()", test_func_goexit },
	{ "a function's handle is held while it runs", test_func_held },
	{ "a value, and its destructor", test_value },
	{ "functions and values at file level", test_macros },
};

TAP_MAIN(tests)
