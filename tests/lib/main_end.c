// SPDX-License-Identifier: GPL-2.0-only
/*
 * main() leaves, and the others go on: how the process ends when they have. Needs no
 * channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "output.h"

#define DEADLOCK	"all goroutines are asleep - deadlock!"

/* None of these needs the library. */
static void say(const char *what)
{
	must_int(write(STDOUT_FILENO, what, strlen(what)), strlen(what));
}

static void says(void *arg)
{
	say(arg);
}

static void *thread_says(void *arg)
{
	sleep_ms(100);
	say(arg);
	return NULL;
}

static void nothing(void *arg)
{
	(void)arg;
}

static kc_waitgroup leaves = KC_WAITGROUP_INIT;

static void says_that_it_leaves(void *arg)
{
	say(arg);
	kc_waitgroup_done(&leaves);
}

/* Others may start after main() has left. */
static void says_later(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	kc_waitgroup_wait(&leaves);
	kc_sleep(50 * KC_MILLISECOND);
	must_int(kc_waitgroup_go(&wg, says, arg), 0);
	kc_waitgroup_wait(&wg);
	kc_sleep(50 * KC_MILLISECOND);
	say("l");
}

/* Threads of the pool, parked then, do not keep it. */
static void park_some(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	for (int i = 0; i < 3; i++)
		must_int(kc_waitgroup_go(&wg, nothing, NULL), 0);
	kc_waitgroup_wait(&wg);
}

/* Nor do any of the library's own. */
static void use_timers(void)
{
	must_int(kc_timer_func(NULL, KC_MILLISECOND, nothing, NULL), 0);
}

static void use_all(void)
{
	use_timers();
	must_int(kc_detect_deadlock(KC_MILLISECOND), 0);
	must_int(kc_dump_on_signal(SIGUSR1, 0), 0);
}

static int leave(void)
{
	KC_DEFER_SCOPE;

	park_some();
	kc_waitgroup_add(&leaves, 1);
	kc_defer(says_that_it_leaves, (void *)"m");
	must_int(kc_go(says_later, (void *)"o"), 0);
	kc_goexit();
}

static int leave_timers(void)
{
	use_timers();
	return leave();
}

static int leave_all(void)
{
	use_all();
	return leave();
}

static void expect_end(int (*fn)(void), const char *said)
{
	static struct output seen;

	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	run_apart(&seen, fn);
	expect_int(seen.status, 0);
	if (!expect(!strcmp(seen.out, said)))
		tap_note("said: %s", seen.out);
	if (!expect(!seen.err[0]))
		tap_note("on standard error: %s", seen.err);
}

static void test_goexit(void)
{
	expect_end(leave, "mol");
}

static void test_own_threads(void)
{
	expect_end(leave_timers, "mol");
	expect_end(leave_all, "mol");
}

static void starts_own(void *arg)
{
	kc_sleep(20 * KC_MILLISECOND);
	use_all();
	park_some();
	say(arg);
}

static int leave_before(void)
{
	must_int(kc_go(starts_own, (void *)"s"), 0);
	kc_goexit();
}

static void test_own_threads_later(void)
{
	expect_end(leave_before, "s");
}

static int leave_nobody(void)
{
	use_all();
	kc_goexit();
}

static void test_nobody(void)
{
	expect_end(leave_nobody, "");
}

static int leave_thread(void)
{
	use_all();
	start(thread_says, (void *)"t");
	kc_goexit();
}

static void *thread_starts(void *arg)
{
	thread_says(arg);
	park_some();
	must_int(kc_go(says_later, (void *)"o"), 0);
	return NULL;
}

static int leave_starter(void)
{
	use_timers();
	start(thread_starts, (void *)"t");
	kc_goexit();
}

/* Whether it uses the library or not. */
static void test_other_thread(void)
{
	expect_end(leave_thread, "t");
	expect_end(leave_starter, "tol");
}

static int leave_by_libc(void)
{
	use_all();
	park_some();
	must_int(kc_go(says_later, (void *)"o"), 0);
	pthread_exit(NULL);
}

static void test_pthread_exit(void)
{
	expect_end(leave_by_libc, "ol");
}

static pthread_key_t before, after;

/* It wants a second round. */
static void destroy(void *data)
{
	int *left = data;

	say("d");
	if (--*left)
		must_int(pthread_setspecific(after, left), 0);
}

static void destroy_before(void *arg)
{
	say(arg);
	/* And the library once more. */
	park_some();
}

static int leave_data(void)
{
	static int left = 2;

	must_int(pthread_key_create(&before, destroy_before), 0);
	use_all();
	must_int(pthread_key_create(&after, destroy), 0);
	must_int(pthread_setspecific(before, "b"), 0);
	must_int(pthread_setspecific(after, &left), 0);
	kc_goexit();
}

/* What main() has of its own is taken down, before and after ours. */
static void test_data(void)
{
	expect_end(leave_data, "bdd");
}

static void in_child(void *arg)
{
	const pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (!pid) {
		use_all();
		park_some();
		must_int(kc_go(says_later, arg), 0);
		/* It is the first thread there, and ends. */
		return;
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	say("p");
}

static int fork_goroutine(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	use_all();
	must_int(kc_waitgroup_go(&wg, in_child, (void *)"o"), 0);
	kc_waitgroup_wait(&wg);
	return 0;
}

static void test_forked(void)
{
	if (SANITIZED)
		tap_skip("the sanitizer takes the parent's threads for the child's");
	expect_end(fork_goroutine, "olp");
}

static void at_exit(void)
{
	say("x");
	park_some();
}

static int leave_at_exit(void)
{
	must_int(atexit(at_exit), 0);
	use_all();
	must_int(kc_go(says_later, (void *)"o"), 0);
	kc_goexit();
}

static void test_at_exit(void)
{
	expect_end(leave_at_exit, "olx");
}

static void waits(void *arg)
{
	(void)arg;
	expect_int(kc_select(NULL, 0), 0);
}

static void leave_asleep(void *arg)
{
	(void)arg;
	use_all();
	must_int(kc_go(waits, NULL), 0);
	kc_goexit();
}

/* Those who are left are asleep: that is told as if main() slept too. */
static void test_deadlock(void)
{
	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	expect_abort(leave_asleep, NULL, (const char *const[]){
		DEADLOCK, "[select (no cases)", "leave_asleep", NULL });
}

static const struct tap_test tests[] = {
	{ "it ends with the last goroutine", test_goexit },
	{ "threads of the library's own do not count", test_own_threads },
	{ "nor those that come after", test_own_threads_later },
	{ "nobody else is there", test_nobody },
	{ "another thread is", test_other_thread },
	{ "main() leaves by pthread_exit()", test_pthread_exit },
	{ "its thread's data are destroyed", test_data },
	{ "a goroutine that has forked", test_forked },
	{ "what is called at exit", test_at_exit },
	{ "a deadlock of those who are left", test_deadlock },
};

TAP_MAIN(tests)
