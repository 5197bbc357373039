// SPDX-License-Identifier: GPL-2.0-only
/*
 * Panics that nobody recovers, and their reports. Needs no channel.
 */
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "few.h"
#include "output.h"

#define noinline __attribute__((noinline))

#define SAID(...)	((const char *const []){ __VA_ARGS__, NULL })

static void say(void *arg)
{
	const size_t len = strlen(arg);

	must_int(write(STDERR_FILENO, arg, len), len);
}

static noinline void fails(void *arg)
{
	kc_panic("no good: %s", (char *)arg);
}

static noinline void calls_fails(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(say, (void *)"deferred\n");
	fails(arg);
}

/*
 * First the deferred calls, then the text, the goroutine and the backtrace with names.
 */
static void test_main(void)
{
	expect_abort(calls_fails, (void *)"main",
		     SAID("deferred\npanic: no good: main\n\n"
			  "goroutine 1 [running]:\nfails\n\t", "fatal.c:",
			  "\ncalls_fails\n\t", "fatal.c:"));
}

static void start_it(void *arg)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;

	options.name = "the worker";
	must_int(kc_go_opts(calls_fails, arg, &options), 0);
	for (;;)
		pause();
}

static void test_goroutine(void)
{
	expect_abort(start_it, (void *)"goroutine",
		     SAID("deferred\npanic: no good: goroutine\n\ngoroutine ",
			  " \"the worker\" [running]:\nfails\n\t", "fatal.c:",
			  "\ncalls_fails\n\t", "fatal.c:",
			  "\ncreated by start_it in goroutine 1\n\t", "fatal.c:"));
}

static void *thread(void *arg)
{
	calls_fails(arg);
	return NULL;
}

static void start_thread(void *arg)
{
	join(start(thread, arg));
}

static void test_thread(void)
{
	expect_abort(start_thread, (void *)"thread",
		     SAID("panic: no good: thread\n\ngoroutine ",
			  " [running]:\nfails\n\t", "fatal.c:"));
}

static void panics_value(void *arg)
{
	(void)arg;
	kc_panic_value(NULL, NULL, "a value");
}

static void second(void *arg)
{
	kc_panic("second%s", (char *)arg);
}

static void recovers_and_fails(void *arg)
{
	(void)arg;
	kc_recover(NULL);
	kc_panic("third");
}

static void nested(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(recovers_and_fails, arg);
	kc_defer(second, (void *)"");
	panics_value(NULL);
}

static void recovers_and_repeats(void *arg)
{
	kc_panic_info info;

	(void)arg;
	expect_int(kc_recover(&info), 1);
	kc_panic_again(&info);
}

static void repeated(void *arg)
{
	kc_defer(recovers_and_repeats, NULL);
	fails(arg);
}

static void protect_repeated(void *arg)
{
	kc_panic_info info;

	must_int(kc_protect(fails, arg, &info), 1);
	kc_panic_again(&info);
}

static void in_goroutine(void (*fn)(void *arg), void *arg)
{
	must_int(kc_go(fn, arg), 0);
	for (;;)
		pause();
}

static void start_nested(void *arg)
{
	in_goroutine(nested, arg);
}

static void start_repeated(void *arg)
{
	in_goroutine(repeated, arg);
}

static void leaves_failing(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(fails, arg);
	kc_goexit();
}

static void start_leaves_failing(void *arg)
{
	in_goroutine(leaves_failing, arg);
}

static void *failing_threads(void *arg)
{
	fails(arg);
	return NULL;
}

static void many(void *arg)
{
	int i;

	for (i = 0; i < 8; i++)
		start(failing_threads, arg);
	for (;;)
		pause();
}

/* One of them is reported, and nothing of the others. */
static void test_many(void)
{
	struct death *death = malloc(sizeof(*death));

	must(death);
	die_in(death, many, (void *)"many");
	expect(WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGABRT);
	expect(!strncmp(death->said, "panic: no good: many\n\n", 22));
	if (!expect(!strstr(death->said + 1, "panic:")))
		tap_note("%s", death->said);
	free(death);
}

static void no_threads(void *arg)
{
	have_few_threads(0);
	fails(arg);
}

/* No thread can be created to look up the names. */
static void test_no_thread(void)
{
	expect_abort(no_threads, (void *)"alone",
		     SAID("panic: no good: alone\n\n"
			  "goroutine 1 [running]:\nfails\n\t", "fatal.c:"));
}

static atomic_int logged;
static char log_text[8000];

static void logger(void *arg, const char *text)
{
	expect(!strcmp(arg, "argument"));
	snprintf(log_text, sizeof(log_text), "%s", text);
	atomic_fetch_add(&logged, 1);
}

static void go_safe(void (*fn)(void *arg), void *arg)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;

	options.flags = KC_GO_SAFE;
	options.name = "safe one";
	must_int(kc_go_opts(fn, arg, &options), 0);
}

static void ends_quietly(void *arg)
{
	*(bool *)arg = true;
}

/* The goroutine ends alone, and its panic is logged. */
static void test_safe(void)
{
	bool ended = false;
	int i;

	kc_set_logger(logger, (void *)"argument");
	for (i = 1; i <= 5; i++) {
		go_safe(fails, (void *)"safe");
		until(atomic_load(&logged) == i);
	}
	go_safe(ends_quietly, &ended);
	must_int(kc_shutdown(), 0);
	expect(ended);
	expect_int(atomic_load(&logged), 5);
	if (!expect(!strncmp(log_text, "recovered from panic: no good: safe\n\n"
			     "goroutine ", 47)) ||
	    !expect(strstr(log_text, " \"safe one\" [running]:\nfails\n\t")) ||
	    !expect(strstr(log_text, "\ncreated by go_safe in goroutine 1\n\t")) ||
	    !expect(log_text[strlen(log_text) - 1] != '\n'))
		tap_note("%s", log_text);
}

static void safe_and_exit(void *arg)
{
	kc_set_logger(logger, NULL);
	kc_set_logger(NULL, NULL);
	go_safe(fails, arg);
	must_int(kc_shutdown(), 0);
	_exit(0);
}

static void test_default_logger(void)
{
	struct death *death = malloc(sizeof(*death));

	must(death);
	die_in(death, safe_and_exit, (void *)"said");
	expect_int(death->status, 0);
	if (!expect(!strncmp(death->said, "recovered from panic: no good: said\n"
			     "\n", 37)) ||
	    !expect(death->said[strlen(death->said) - 1] == '\n'))
		tap_note("%s", death->said);
	free(death);
}

/* In Go's form: each panic in a line, with its outcome. */
static void test_nested(void)
{
	expect_abort(start_nested, NULL,
		     SAID("panic: a value\n\tpanic: second [recovered]\n"
			  "\tpanic: third\n\n"));
	expect_abort(start_repeated, (void *)"twice",
		     SAID("panic: no good: twice [recovered, repanicked]\n\n",
			  "[running]:\nfails\n"));
	expect_abort(protect_repeated, (void *)"again",
		     SAID("panic: no good: again\n\n", "[running]:\nfails\n"));
	expect_abort(start_leaves_failing, (void *)"leaving",
		     SAID("panic: no good: leaving\n\n"));
	/* In main it cannot be recovered: there is no place to continue. */
	expect_abort(nested, NULL,
		     SAID("panic: a value\n\tpanic: second\n\tpanic: third\n\n",
			  "[running]:\nrecovers_and_fails\n"));
}

static void wait_for_failing(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	must_int(kc_waitgroup_go(&wg, calls_fails, arg), 0);
	kc_waitgroup_wait(&wg);
	/* A waiter must not end the program before the panic does. */
	_exit(0);
}

static void test_waitgroup(void)
{
	int i;

	for (i = 0; i < 10; i++)
		if (!expect_abort(wait_for_failing, (void *)"member",
				  SAID("panic: no good: member\n\n")))
			break;
}

/* The end of the calling thread's stack. */
static uintptr_t stack_end(void)
{
	pthread_attr_t attr;
	void *end;
	size_t size;

	must_int(pthread_getattr_np(pthread_self(), &attr), 0);
	must_int(pthread_attr_getstack(&attr, &end, &size), 0);
	pthread_attr_destroy(&attr);
	return (uintptr_t)end;
}

static noinline void descend(uintptr_t to)
{
	volatile char room[16];

	room[0] = 0;
	if ((uintptr_t)room - 128 > to)
		descend(to);
	else
		kc_protect(fails, (void *)"on the last of the stack", NULL);
	room[0] = 1;
}

static void panic_above(void *arg)
{
	descend(stack_end() + *(size_t *)arg);
	_exit(0);
}

static void start_panic_above(void *left)
{
	must_int(kc_go(panic_above, left), 0);
	for (;;)
		pause();
}

/*
 * A panic with little stack left may overflow the stack. The report works for each step
 * at which the overflow may happen, since the unwinder's lock is free.
 */
static void test_little_stack(void)
{
	static struct death death;
	unsigned int told = 0, done = 0;
	size_t left;

	if (SANITIZED)
		tap_skip("the sanitizer handles overflows");
	for (left = 2048; left <= 8192; left += 192) {
		die_in(&death, start_panic_above, &left);
		if (WIFEXITED(death.status))
			done++;
		else if (expect_says(death.said, "fatal error: stack overflow"))
			told++;
	}
	expect(told && done);
}

/* What lets main() return while a panic is in progress. */
static kc_waitgroup let_go;

static void done(void *arg)
{
	(void)arg;
	kc_waitgroup_done(&let_go);
}

static void linger(void *arg)
{
	sleep_ms(*(const unsigned int *)arg);
}

static void recovers(void *arg)
{
	(void)arg;
	expect_int(kc_recover(NULL), 1);
}

/* The deferred calls, in reverse order, and how long they take. */
static unsigned int lingers;

static void crashes(void *arg)
{
	kc_defer(linger, &lingers);
	kc_defer(done, NULL);
	fails(arg);
}

static void crash_recovered(void *arg)
{
	kc_defer(linger, &lingers);
	kc_defer(done, NULL);
	kc_defer(recovers, NULL);
	fails(arg);
}

/* Returns, as main() would. */
static int end_beside(void (*fn)(void *arg), uint32_t flags)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;

	options.flags = flags;
	kc_waitgroup_add(&let_go, 1);
	must_int(kc_go_opts(fn, (void *)"beside", &options), 0);
	kc_waitgroup_wait(&let_go);
	return 7;
}

static struct output beside;

static int end_beside_crash(void)
{
	lingers = 100;
	return end_beside(crashes, 0);
}

/* Its own deferred call lets main() return, long before the report. */
static void test_main_returns(void)
{
	run_apart(&beside, end_beside_crash);
	expect_int(beside.status, -1);
	expect_says(beside.err, "panic: no good: beside\n\ngoroutine ", "\nfails\n");
}

static int end_beside_hang(void)
{
	lingers = 1000 * 1000;
	return end_beside(crashes, 0);
}

static int end_beside_recovered(void)
{
	lingers = 1000 * 1000;
	return end_beside(crash_recovered, 0);
}

static int end_beside_safe(void)
{
	lingers = 1000 * 1000;
	return end_beside(crashes, KC_GO_SAFE);
}

static void exits(void *arg)
{
	exit(*(const int *)arg);
}

/* A deferred call may end the program. */
static int exit_in_crash(void)
{
	static int status = 8;

	kc_defer(exits, &status);
	fails((void *)"exits");
	return 0;
}

/*
 * A process that waits takes at least a second. On a busy machine others may take that,
 * too.
 */
static bool ends_at_once(int (*fn)(void), int status)
{
	const long long begin = tap_now_ns();

	run_apart(&beside, fn);
	expect_int(beside.status, status);
	return tap_now_ns() - begin < KC_SECOND;
}

static void test_main_does_not_wait(void)
{
	long long begin;

	until(ends_at_once(end_beside_recovered, 7));
	until(ends_at_once(end_beside_safe, 7));
	until(ends_at_once(exit_in_crash, 8));

	/*
	 * It waits for a limited time for a goroutine that may still end the program.
	 */
	begin = tap_now_ns();
	run_apart(&beside, end_beside_hang);
	expect_int(beside.status, 7);
	expect(tap_now_ns() - begin < 60 * KC_SECOND);
}

static const struct tap_test tests[] = {
	{ "in main", test_main },
	{ "in a goroutine", test_goroutine },
	{ "in another thread", test_thread },
	{ "nested ones", test_nested },
	{ "several at a time", test_many },
	{ "where no more threads can be had", test_no_thread },
	{ "a safe goroutine ends alone, and is logged", test_safe },
	{ "on standard error, if there is no logger", test_default_logger },
	{ "a wait group's member", test_waitgroup },
	{ "main() returns meanwhile", test_main_returns },
	{ "main() does not wait for what is no crash", test_main_does_not_wait },
	{ "with little left of the stack", test_little_stack },
};

TAP_MAIN(tests)
