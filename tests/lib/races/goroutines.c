// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines: their begin and end, and what the library does for them.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/synctest.h>

#include "case.h"

static kc_mutex mutex;
static kc_waitgroup wg;

static void touch_and_come(void *arg)
{
	(void)arg;
	touch();
	come();
}

static void before_the_start(void)
{
	touch();
	go(touch_and_come);
	await(1);
}

static void after_the_start(void)
{
	go(touch_and_come);
	await(1);
	touch();
}

/* The first one has ended, as far as this can be seen. */
static void one_after_another(void)
{
	go(touch_and_come);
	await(1);
	kc_sleep(20 * KC_MILLISECOND);
	go(touch_and_come);
	await(2);
}

static void guarded_touch(void *arg)
{
	(void)arg;
	kc_mutex_lock(&mutex);
	touch();
	kc_mutex_unlock(&mutex);
	come();
}

static void one_after_another_guarded(void)
{
	go(guarded_touch);
	await(1);
	kc_sleep(20 * KC_MILLISECOND);
	go(guarded_touch);
	await(2);
}

#define ROUNDS	100

static void count_up(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		if (arg)
			guarded_touch(NULL);
		else
			touch_and_come(NULL);
}

static void racy_counter(void)
{
	go(count_up);
	go(count_up);
	await(2 * ROUNDS);
}

static void guarded_counter(void)
{
	sure(!kc_go(count_up, &mutex));
	sure(!kc_go(count_up, &mutex));
	await(2 * ROUNDS);
}

/* The start of a goroutine does not order it after goroutines that ended before. */
static void start_another(void *arg)
{
	(void)arg;
	await(1);
	kc_sleep(20 * KC_MILLISECOND);
	go(touch_and_come);
}

static void starting_is_no_join(void)
{
	go(start_another);
	go(touch_and_come);
	await(2);
}

static void use_copy(void *arg)
{
	char *text = arg;

	await(1);
	text[0]++;
	come();
}

static void copied_argument(void)
{
	char text[200] = "some text";

	sure(!kc_go_copy(use_copy, text, 20));
	sure(!kc_go_copy(use_copy, text, sizeof(text)));
	text[0] = 'z';
	come();
	await(3);
}

void change(int *value);

__attribute__((noinline)) void change(int *value)
{
	++*value;
}

static void change_later(void *arg)
{
	await(1);
	change(arg);
	come();
}

static void borrowed_variable(void)
{
	int mine = 0;

	sure(!kc_go(change_later, &mine));
	change(&mine);
	come();
	await(2);
}

static _Thread_local int own;

/* Each uses the same place on its stack, and the same thread-local variables. */
static void use_own_things(void *arg)
{
	int variable = 0;
	char text[100];

	(void)arg;
	errno = 0;
	own++;
	change(&variable);
	memset(text, 'a', sizeof(text));
	errno += text[3] - 'a';
	come();
}

static void own_things(void)
{
	unsigned int i;

	for (i = 1; i <= 10; i++) {
		go(use_own_things);
		await(i);
		kc_sleep(2 * KC_MILLISECOND);
	}
}

static void touch_only(void *arg)
{
	(void)arg;
	touch();
}

static void after_shutdown(void)
{
	go(touch_only);
	sure(!kc_shutdown());
	touch();
}

/* Deferred calls run in the goroutine that deferred them. */
static void leave_it(void *arg)
{
	(void)arg;
	touch();
	kc_waitgroup_done(&wg);
}

static void by_return(void *arg)
{
	(void)arg;
	kc_defer(leave_it, NULL);
	touch();
}

static void by_goexit(void *arg)
{
	(void)arg;
	kc_defer(leave_it, NULL);
	touch();
	kc_goexit();
}

static void by_exit(void *arg)
{
	(void)arg;
	touch();
	kc_waitgroup_done(&wg);
	pthread_exit(NULL);
}

static void by_panic(void *arg)
{
	(void)arg;
	kc_defer(leave_it, NULL);
	touch();
	kc_panic("a panic");
}

static void forget(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void ways_to_end(void)
{
	static void (*const ways[])(void *arg) = {
		by_return, by_goexit, by_exit, by_panic,
	};
	kc_go_options options = KC_GO_OPTIONS_INIT;
	size_t i;

	kc_set_logger(forget, NULL);
	options.flags = KC_GO_SAFE;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		touch();
		kc_waitgroup_add(&wg, 1);
		sure(!kc_go_opts(ways[i], NULL, &options));
		kc_waitgroup_wait(&wg);
	}
	touch();
}

static void fork_inside(void *arg)
{
	int status;
	pid_t pid;

	(void)arg;
	pid = fork();
	if (!pid) {
		/* In a process with other threads, the detector gives up. */
		kc_mutex_lock(&mutex);
		kc_mutex_unlock(&mutex);
		_exit(7);
	}
	sure(waitpid(pid, &status, 0) == pid);
	sure(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	come();
}

static void forked(void)
{
	go(fork_inside);
	await(1);
	guarded_counter();
}

static void touch_in_time(void *arg)
{
	touch_and_come(arg);
}

static void timer_function(void)
{
	touch();
	sure(!kc_timer_func(NULL, KC_MILLISECOND, touch_in_time, NULL));
	await(1);
}

static void after_the_timer_was_set(void)
{
	sure(!kc_timer_func(NULL, KC_MILLISECOND, touch_in_time, NULL));
	await(1);
	touch();
}

/* The keeper starts both. */
static void two_timers(void)
{
	sure(!kc_timer_func(NULL, KC_MILLISECOND, touch_in_time, NULL));
	await(1);
	sure(!kc_timer_func(NULL, KC_MILLISECOND, touch_in_time, NULL));
	await(2);
}

static kc_ctx *ctx;

static void register_it(void *arg)
{
	(void)arg;
	touch();
	sure(!kc_after_func(NULL, ctx, touch_in_time, NULL));
	come();
}

static void registered_function(void)
{
	sure(!kc_with_cancel(&ctx, NULL));
	go(register_it);
	await(1);
	kc_cancel(ctx);
	await(2);
}

static void cancelled_function(void)
{
	sure(!kc_with_cancel(&ctx, NULL));
	sure(!kc_after_func(NULL, ctx, touch_in_time, NULL));
	touch();
	kc_cancel(ctx);
	await(1);
}

static void after_the_cancel(void)
{
	sure(!kc_with_cancel(&ctx, NULL));
	sure(!kc_after_func(NULL, ctx, touch_in_time, NULL));
	kc_cancel(ctx);
	await(1);
	touch();
}

/* A deadline is not an action of a goroutine: seeing it orders nothing. */
static void touch_and_ask(void *arg)
{
	(void)arg;
	touch();
	while (!kc_ctx_err(ctx))
		kc_gosched();
	come();
}

static void deadline(void)
{
	sure(!kc_with_timeout(&ctx, NULL, KC_MILLISECOND));
	go(touch_and_ask);
	await(1);
	sure(kc_ctx_err(ctx) == -ETIMEDOUT);
	touch();
}

static void touch_later(void *arg)
{
	(void)arg;
	touch();
}

/* With the fake clock, a timer's function runs after all others have waited. */
static void set_and_touch(void *arg)
{
	(void)arg;
	sure(!kc_timer_func(NULL, KC_SECOND, touch_later, NULL));
	touch();
	kc_sleep(2 * KC_SECOND);
	kc_synctest_wait();
	touch();
}

static void function_of_its_time(void)
{
	sure(!kc_synctest(set_and_touch, NULL));
}

static void sleep_and_touch(void *arg)
{
	(void)arg;
	sure(!kc_timer_func(NULL, KC_SECOND, touch_later, NULL));
	kc_sleep(2 * KC_SECOND);
	touch();
}

static void sleep_is_no_wait(void)
{
	sure(!kc_synctest(sleep_and_touch, NULL));
}

static const struct race_case cases[] = {
	{ "what was done before a goroutine was started", before_the_start, NULL },
	{ "what was done after it was", after_the_start, "touch" },
	{ "two that have only the pool in common, one after the other",
	  one_after_another, "touch" },
	{ "the same, and a mutex", one_after_another_guarded, NULL },
	{ "the racy counter", racy_counter, "touch" },
	{ "the guarded counter", guarded_counter, NULL },
	{ "one started where another had ended", starting_is_no_join, "touch" },
	{ "an argument that is copied", copied_argument, NULL },
	{ "a variable that is not", borrowed_variable, "change" },
	{ "what each has of its own", own_things, NULL },
	{ "kc_shutdown()", after_shutdown, NULL },
	{ "each way to end", ways_to_end, NULL },
	{ "a fork", forked, NULL },
	{ "a timer set, and its function", timer_function, NULL },
	{ "a timer's function, and who set it, later", after_the_timer_was_set,
	  "touch" },
	{ "the functions of two timers", two_timers, "touch" },
	{ "a function registered before a cancel", registered_function, NULL },
	{ "a cancel, and the function that it starts", cancelled_function, NULL },
	{ "the same, later", after_the_cancel, "touch" },
	{ "who have seen the same deadline", deadline, "touch" },
	{ "who waits, and what is due then, with a clock that leaps",
	  function_of_its_time, NULL },
	{ "what was due, and who has slept for longer, with such a clock",
	  sleep_is_no_wait, "touch" },
};

const struct race_cases goroutine_cases = { cases, ARRAY_SIZE(cases) };
