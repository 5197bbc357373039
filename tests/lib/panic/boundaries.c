// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the program that the library calls in the middle of an operation, and
 * that panic or call kc_goexit(): nothing stays locked, linked or held. Needs no
 * channel.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "output.h"
#include "seen.h"

static kc_sem gate = KC_SEM_INIT(1);

static void wait_at_gate(void *arg)
{
	(void)arg;
	kc_sem_acquire(&gate, 1);
	kc_sem_release(&gate, 1);
}

/* Starts goroutines that wait, to be looked at. */
static void gather(void)
{
	int i;

	kc_sem_acquire(&gate, 1);
	for (i = 0; i < 3; i++)
		go_named("waits", wait_at_gate);
	until(look_for("waits").seen == 3);
	sleep_ms(20);
}

static void dismiss(void)
{
	kc_sem_release(&gate, 1);
	must_int(kc_shutdown(), 0);
}

static int panic_at_second(void *arg, const kc_goroutine *g)
{
	if (++*(int *)arg == 2)
		kc_panic("at goroutine %llu", (unsigned long long)g->id);
	return 0;
}

static int exit_at_second(void *arg, const kc_goroutine *g)
{
	(void)g;
	if (__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELEASE) == 2)
		kc_goexit();
	return 0;
}

static void walk_and_panic(void *arg)
{
	expect_int(kc_goroutines(panic_at_second, arg), 0);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void walk_and_exit(void *arg)
{
	expect_int(kc_goroutines(exit_at_second, arg), 0);
	tap_fail(__FILE__, __LINE__, "came back");
}

/* Overwrites what is left on the stack, which is used again. */
static __attribute__((noinline)) void smash(void)
{
	volatile char room[8192];

	memset((void *)room, 0x41, sizeof(room));
}

static void expect_all_seen(void)
{
	smash();
	expect_int(look_for("waits").seen, 3);
}

static void test_walk(void)
{
	int seen = 0;

	gather();
	expect_int(kc_protect(walk_and_panic, &seen, NULL), 1);
	expect_int(seen, 2);
	expect_all_seen();
	seen = 0;
	must_int(kc_go(walk_and_exit, &seen), 0);
	until(__atomic_load_n(&seen, __ATOMIC_ACQUIRE) == 2);
	expect_all_seen();
	dismiss();
}

static int wake_and_await(void *arg, const kc_goroutine *g)
{
	int *seen = arg;

	/* A walk inside of a walk. */
	++*seen;
	expect(look_for("waits").seen <= 3);
	if (g->state != KC_STATE_SEM || *seen < 0)
		return 0;
	*seen = -100;
	kc_sem_release(&gate, 1);
	until(!look_for("waits").seen);
	return 0;
}

/* The callback may wait for a goroutine that it was told about: none is held. */
static void test_walk_and_wait(void)
{
	int seen = 0;

	gather();
	expect_int(kc_goroutines(wake_and_await, &seen), 0);
	expect(seen < 0);
	must_int(kc_shutdown(), 0);
}

static void panics(void *arg)
{
	kc_panic("destroying %s", (char *)arg);
}

static atomic_int destroyed;

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&destroyed, 1);
}

static void drop_context(void *arg)
{
	kc_ctx_unref(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

/* The contexts above the value are dropped, too. */
static void test_value(void)
{
	static const char keys[3];
	kc_ctx *top, *middle, *low;

	must_int(kc_with_value(&top, NULL, &keys[0], (void *)"top", count), 0);
	must_int(kc_with_value(&middle, top, &keys[1], (void *)"middle", panics), 0);
	must_int(kc_with_value(&low, middle, &keys[2], (void *)"low", count), 0);
	kc_ctx_unref(top);
	kc_ctx_unref(middle);
	expect_int(kc_protect(drop_context, low, NULL), 1);
	expect_int(atomic_load(&destroyed), 2);
}

static void recovers(void *arg)
{
	(void)arg;
	expect_int(kc_recover(NULL), 1);
}

static void panic_twice(void *arg)
{
	kc_defer(recovers, NULL);
	kc_panic_value(arg, panics, "a value");
}

/* A panic's value is dropped where the panic ends. This may begin another panic. */
static void test_panic_value(void)
{
	kc_panic_info info;
	int i;

	for (i = 0; i < 3; i++) {
		must_int(kc_protect(panic_twice, (void *)"a value", &info), 1);
		expect(!strcmp(info.text, "destroying a value"));
		kc_panic_info_clear(&info);
	}
}

static void *give(void *arg)
{
	return arg;
}

static void drop_once(void *arg)
{
	kc_once_value_unref(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void test_once_value(void)
{
	kc_once_value *once;

	must_int(kc_once_value_make(&once, give, (void *)"once", panics), 0);
	expect(kc_once_value_get(once));
	expect_int(kc_protect(drop_once, once, NULL), 1);
}

static kc_error *give_value(void *arg, void **value, void (**destroy)(void *value))
{
	*value = arg;
	*destroy = panics;
	return NULL;
}

static void drop_result(void *arg)
{
	kc_flight_result_clear(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void test_flight(void)
{
	kc_flight flight = KC_FLIGHT_INIT;
	kc_flight_result result;

	must_int(kc_flight_do(&flight, "key", give_value, (void *)"flight", &result), 0);
	expect_int(kc_protect(drop_result, &result, NULL), 1);
	must_int(kc_flight_do(&flight, "key", give_value, (void *)"flight", &result), 0);
	expect_int(kc_protect(drop_result, &result, NULL), 1);
}

static void count_panics(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	panics((void *)"a context's value");
}

static kc_error *panic_with_value(void *arg)
{
	kc_panic_value(arg, count, "a member");
}

static kc_error *fail_at_once(void *arg)
{
	(void)arg;
	return kc_error_new(-ENOENT, NULL);
}

static void wait_for_group(void *arg)
{
	(void)kc_group_wait(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

/* The group holds the last reference to its context, whose value panics. */
static void run_group(kc_error *(*fn)(void *arg), const char *text)
{
	static const char key;
	kc_group group = KC_GROUP_INIT;
	atomic_int dropped = 0;
	kc_ctx *top, *ctx;
	kc_panic_info info;

	must_int(kc_with_value(&top, NULL, &key, &dropped, count_panics), 0);
	must_int(kc_group_with_context(&group, &ctx, top), 0);
	kc_ctx_unref(top);
	kc_ctx_unref(ctx);
	must_int(kc_group_set_flags(&group, KC_GROUP_PROPAGATE), 0);
	must_int(kc_group_go(&group, fn, NULL), 0);
	must_int(kc_protect(wait_for_group, &group, &info), 1);
	expect(!strcmp(info.text, text));
	kc_panic_info_clear(&info);
	expect_int(atomic_load(&dropped), 1);
	must_int(kc_shutdown(), 0);
}

static void test_group(void)
{
	run_group(fail_at_once, "destroying a context's value");
	run_group(panic_with_value, "destroying a context's value");
	/* The panic that was to be raised is dropped, too. */
	expect_int(atomic_load(&destroyed), 1);
}

static void panic_at_log(void *arg, const char *text)
{
	if (arg)
		atomic_fetch_add((atomic_int *)arg, 1);
	kc_panic("logging: %.20s", text);
}

static void check_leaks(void *arg)
{
	(void)arg;
	kc_leak_check(0);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void test_leak_check(void)
{
	gather();
	kc_set_logger(panic_at_log, NULL);
	expect_int(kc_protect(check_leaks, NULL, NULL), 1);
	expect_int(kc_protect(check_leaks, NULL, NULL), 1);
	expect_all_seen();
	dismiss();
}

static void exit_at_log(void *arg, const char *text)
{
	(void)text;
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_goexit();
}

static void fails(void *arg)
{
	kc_panic("no good: %s", (char *)arg);
}

/* A safe goroutine, which may panic. */
static void test_safe(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	atomic_int logged = 0;
	int i;

	options.flags = KC_GO_SAFE;
	kc_set_logger(exit_at_log, &logged);
	for (i = 1; i <= 3; i++) {
		must_int(kc_go_opts(fails, (void *)"safe", &options), 0);
		until(atomic_load(&logged) == i);
	}
	must_int(kc_shutdown(), 0);
}

static void exit_at_drop(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	kc_goexit();
}

static void fails_with_value(void *arg)
{
	kc_panic_value(arg, exit_at_drop, "no good");
}

static void count_log(void *arg, const char *text)
{
	expect(!strncmp(text, "recovered from panic: no good", 29));
	atomic_fetch_add((atomic_int *)arg, 1);
}

/*
 * A panic is logged before its value is dropped. The value is dropped even if the
 * logger panics.
 */
static void test_safe_value(void)
{
	void (*const loggers[])(void *arg, const char *text) = {
		count_log, exit_at_log,
	};
	kc_go_options options = KC_GO_OPTIONS_INIT;
	atomic_int logged = 0, dropped = 0;
	int i;

	options.flags = KC_GO_SAFE;
	for (i = 0; i < 2; i++) {
		kc_set_logger(loggers[i], &logged);
		must_int(kc_go_opts(fails_with_value, &dropped, &options), 0);
		must_int(kc_shutdown(), 0);
		expect_int(atomic_load(&logged), i + 1);
		expect_int(atomic_load(&dropped), i + 1);
	}
}

static void use_library(void *arg)
{
	/* The first call that needs to know its goroutine. */
	expect_int(kc_goid(), 1);
	(void)arg;
	tap_fail(__FILE__, __LINE__, "came back");
}

static int use_first(void)
{
	atomic_int logged = 0;

	setenv("KCHANDEBUG", "nonsense", 1);
	kc_set_logger(panic_at_log, &logged);
	(void)kc_protect(use_library, NULL, NULL);
	return 1;
}

static int use_first_in_thread(void)
{
	atomic_int logged = 0;

	setenv("KCHANDEBUG", "nonsense", 1);
	kc_set_logger(exit_at_log, &logged);
	join(start((void *(*)(void *))(void *)kc_goid, NULL));
	/* The environment is read only once. */
	expect_int(atomic_load(&logged), 1);
	go_named("waits", wait_at_gate);
	expect_int(kc_shutdown(), 0);
	expect_int(atomic_load(&logged), 1);
	return 7;
}

/*
 * The logger is called when the library is set up: the first call of the program is
 * left.
 */
static void test_environment(void)
{
	static struct output seen;

	run_apart(&seen, use_first);
	expect_int(seen.status, -1);
	expect_says(seen.err, "panic: logging: KCHANDEBUG");
	run_apart(&seen, use_first_in_thread);
	expect_int(seen.status, 7);
}

/*
 * Calls that wait, as the first call of a process. The environment makes the library
 * log, and the logger calls kc_goexit(). The call must not be linked anywhere by then.
 */
static kc_sem taken = KC_SEM_INIT(1);
static kc_mutex mutex = KC_MUTEX_INIT;
static kc_cond cond = KC_COND_INIT;
static kc_once once = KC_ONCE_INIT;
static kc_ctx *ctx;

static void *acquire(void *arg)
{
	kc_sem_acquire(&taken, 1);
	return arg;
}

static void check_sem(void)
{
	kc_sem_release(&taken, 1);
	expect_int(kc_sem_try_acquire(&taken, 1), 0);
}

static void *wait_for_signal(void *arg)
{
	kc_mutex_lock(&mutex);
	kc_cond_wait(&cond, &mutex);
	return arg;
}

static void check_cond(void)
{
	kc_cond_broadcast(&cond);
}

static void *do_once(void *arg)
{
	kc_once_do(&once, count, NULL);
	return arg;
}

static void check_once(void)
{
	(void)do_once(NULL);
	expect_int(atomic_load(&destroyed), 1);
}

static void *sleep_long(void *arg)
{
	(void)!kc_sleep_ctx(ctx, 3600 * KC_SECOND);
	return arg;
}

static void check_ctx(void)
{
	kc_cancel_unref(ctx);
}

static const struct first {
	const char *text;
	void *(*call)(void *arg);
	void (*check)(void);
} firsts[] = {
	{ "kc_sem_acquire()", acquire, check_sem },
	{ "kc_cond_wait()", wait_for_signal, check_cond },
	{ "kc_once_do()", do_once, check_once },
	{ "kc_sleep_ctx()", sleep_long, check_ctx },
};

static const struct first *first;

/* Runs the call in a thread whose stack is unmapped after it. */
static int call_first(void)
{
	const size_t size = 1 << 20;
	void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	atomic_int logged = 0;
	pthread_attr_t attr;
	pthread_t thread;

	must(stack != MAP_FAILED);
	must_int(kc_sem_try_acquire(&taken, 1), 0);
	must_int(kc_with_cancel(&ctx, NULL), 0);
	must_int(pthread_attr_init(&attr), 0);
	must_int(pthread_attr_setstack(&attr, stack, size), 0);
	setenv("KCHANDEBUG", "nonsense", 1);
	kc_set_logger(exit_at_log, &logged);
	must_int(pthread_create(&thread, &attr, first->call, NULL), 0);
	join(thread);
	pthread_attr_destroy(&attr);
	must_int(munmap(stack, size), 0);
	expect_int(atomic_load(&logged), 1);
	first->check();
	return 7;
}

static void test_first_call(void)
{
	static struct output seen;

	for (first = firsts; first < firsts + ARRAY_SIZE(firsts); first++) {
		tap_about("%s", first->text);
		run_apart(&seen, call_first);
		expect_int(seen.status, 7);
	}
}

static const struct tap_test tests[] = {
	{ "a walk over all goroutines", test_walk },
	{ "a walk that waits for those it sees", test_walk_and_wait },
	{ "a context's value", test_value },
	{ "a panic's value", test_panic_value },
	{ "a once function's value", test_once_value },
	{ "a flight's value", test_flight },
	{ "a group's context", test_group },
	{ "the logger, in a look for leaks", test_leak_check },
	{ "the logger, told of a safe goroutine's panic", test_safe },
	{ "the value of a safe goroutine's panic", test_safe_value },
	{ "the logger, told of the environment", test_environment },
	{ "the logger, at a first call that waits", test_first_call },
};

TAP_MAIN(tests)
