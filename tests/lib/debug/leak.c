// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines that are left, as kc_leak_check() reports them.
 */
#include <ctype.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/synctest.h>

#include "common.h"

/* The last message. */
static char *logged;
static unsigned int nr_logged;

static void take(void *arg, const char *text)
{
	(void)arg;
	free(logged);
	logged = strdup(text);
	nr_logged++;
}

/*
 * Returns the check's result. @logged is the message. New memory is full of bytes that are
 * no characters, so that a message without an end is seen.
 */
static int check(int64_t timeout)
{
	mallopt(M_PERTURB, 1);
	kc_set_logger(take, NULL);
	return kc_leak_check(timeout);
}

static bool says(const char *what)
{
	if (logged && strstr(logged, what))
		return true;
	tap_fail(__FILE__, __LINE__, "does not say: %s", what);
	tap_note("says:\n%s", logged ? logged : "nothing");
	return false;
}

static bool says_nothing_of(const char *what)
{
	if (logged && !strstr(logged, what))
		return true;
	tap_fail(__FILE__, __LINE__, "says: %s", what);
	tap_note("says:\n%s", logged ? logged : "nothing");
	return false;
}

#define FOR_EVER	"nobody can wake it"

/* Some results need that there is no unknown thread. */
static void skip_if_unknown(void)
{
	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
}

static void receiver(void *arg)
{
	uint64_t v;

	expect_int(kc_recv(arg, &v), 0);
}

static void nil_receiver(void *arg)
{
	(void)arg;
	expect_int(kc_recv(NULL, NULL), 0);
}

static void sleeper(void *arg)
{
	const int64_t *ns = arg;

	kc_sleep(*ns);
	expect(*ns < 100 * KC_SECOND);
}

static void test_none(void)
{
	int64_t ns = 1;

	expect_int(check(0), 0);
	must_int(kc_go(sleeper, &ns), 0);
	expect_int(check(10 * KC_SECOND), 0);
	expect_int(nr_logged, 0);
}

/*
 * A goroutine that is about to end has the time, and the check waits no longer than
 * needed.
 */
static void test_ending(void)
{
	int64_t ns = 200 * KC_MILLISECOND;
	const long long begin = tap_now_ns();

	must_int(kc_go(sleeper, &ns), 0);
	expect_int(check(100 * KC_SECOND), 0);
	expect(tap_now_ns() - begin >= ns);
	expect(tap_now_ns() - begin < 50 * KC_SECOND);
	expect_int(nr_logged, 0);
}

static void test_limit(void)
{
	int64_t ns = 100 * KC_SECOND;
	const long long begin = tap_now_ns();

	must_int(kc_go(sleeper, &ns), 0);
	expect_int(check(100 * KC_MILLISECOND), 1);
	expect(tap_now_ns() - begin >= 100 * KC_MILLISECOND);
	expect_int(nr_logged, 1);
	says("1 goroutine is left:\n\ngoroutine ");
	says(" [sleep, ");
	says("]:\nkc_sleep\n\t");
	says("\nsleeper\n\t");
	says("\ncreated by test_limit in goroutine 1\n\t");
	says_nothing_of(FOR_EVER);
	/* The message is one text. It ends with a character, and not with a newline. */
	expect(isgraph((unsigned char)logged[strlen(logged) - 1]));
}

/* They wait on a channel that nobody else has: this is seen at once. */
static void test_leaked(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	kc_chan *c = make(8, 0), *d = make(0, 0);
	const long long begin = tap_now_ns();

	skip_if_unknown();
	options.name = "leaky";
	must_int(kc_go_opts(receiver, c, &options), 0);
	must_int(kc_go(receiver, d), 0);
	wait_receivers(c, 1);
	wait_receivers(d, 1);
	expect_int(check(100 * KC_SECOND), 2);
	expect(tap_now_ns() - begin < 50 * KC_SECOND);
	says("2 goroutines are left:\n\ngoroutine ");
	says(" \"leaky\" [chan receive on channel ");
	says(" s, " FOR_EVER "]:\nkc_recv\n\t");
	says("\nreceiver\n\t");
	/* The goroutine still exists, and this one can wake it. */
	must_int(kc_close(c), 0);
	must_int(kc_close(d), 0);
	expect_int(check(100 * KC_SECOND), 0);
	expect_int(nr_logged, 1);
}

static void in_select(void *arg)
{
	kc_chan **c = arg;
	uint64_t v;
	kc_case cases[] = {
		kc_case_recv(c[0], &v), kc_case_recv(c[1], &v),
		kc_case_recv(c[0], &v), kc_case_recv(NULL, &v),
	};

	expect(kc_select(cases, ARRAY_SIZE(cases)) >= 0);
}

static void in_mutex(void *arg)
{
	kc_mutex_lock(arg);
	kc_mutex_unlock(arg);
}

/* Selects, locks, and ends of one direction. */
static void test_all_kinds(void)
{
	kc_chan *c[] = { make(8, 0), make(8, 1) }, *recv, *send;
	kc_mutex m = KC_MUTEX_INIT;

	skip_if_unknown();
	kc_mutex_lock(&m);
	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	must_int(kc_go(in_select, c), 0);
	must_int(kc_go(in_mutex, &m), 0);
	must_int(kc_go(receiver, recv), 0);
	wait_receivers(c[0], 2);
	wait_receivers(recv, 1);
	expect_int(check(100 * KC_SECOND), 3);
	says("[mutex lock, ");
	says("[select on channels ");
	expect(strstr(strstr(strstr(logged, FOR_EVER) + 1, FOR_EVER) + 1, FOR_EVER));
	kc_close(c[0]);
	kc_close(send);
	kc_mutex_unlock(&m);
	expect_int(check(100 * KC_SECOND), 0);
}

/* Somebody may still act: a goroutine that sleeps, */
static void test_others(void)
{
	int64_t ns = 100 * KC_SECOND;
	kc_chan *c = make(8, 0);
	char *state;

	must_int(kc_go(sleeper, &ns), 0);
	must_int(kc_go(receiver, c), 0);
	must_int(kc_go(nil_receiver, NULL), 0);
	wait_receivers(c, 1);
	expect_int(check(200 * KC_MILLISECOND), 3);
	says("3 goroutines are left:");
	/* but nobody can wake a wait on a NULL channel. */
	says("[chan receive (nil chan), ");
	says(FOR_EVER);
	expect(!strstr(strstr(logged, FOR_EVER) + 1, FOR_EVER));
	state = strndup(strstr(logged, "on channel "),
			strcspn(strstr(logged, "on channel "), "]"));
	expect(state && !strstr(state, FOR_EVER));
	free(state);
}

/* or a timer, or another process. */
static void test_timer(void)
{
	kc_chan *c = make(8, 0), *timer;

	must_int(kc_after(&timer, 100 * KC_SECOND), 0);
	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_int(check(200 * KC_MILLISECOND), 1);
	says_nothing_of(FOR_EVER);
	kc_unref(timer);
	skip_if_unknown();
	expect_int(check(100 * KC_SECOND), 1);
	says(FOR_EVER);
}

static void test_process(void)
{
	kc_chan *c = make(8, 0);
	int status;
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		sleep(100);
		_exit(0);
	}
	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_int(check(200 * KC_MILLISECOND), 1);
	says_nothing_of(FOR_EVER);
	kill(pid, SIGKILL);
	must_int(waitpid(pid, &status, 0), pid);
	skip_if_unknown();
	expect_int(check(100 * KC_SECOND), 1);
	says(FOR_EVER);
}

/* The caller does not count, also in a goroutine. Nor do the program's threads. */
static void *thread(void *arg)
{
	uint64_t v;

	expect_int(kc_recv(arg, &v), 0);
	return NULL;
}

static void check_in_goroutine(void *arg)
{
	*(int *)arg = check(100 * KC_MILLISECOND);
}

/* It continues when all others wait, and then wakes one of them. */
static void wake_after_check(void *c)
{
	int ret = 0;

	must_int(kc_go(receiver, c), 0);
	must_int(kc_go(check_in_goroutine, &ret), 0);
	kc_synctest_wait();
	expect_int(ret, 1);
	says_nothing_of(FOR_EVER);
	kc_close(c);
}

static void test_clock(void)
{
	must_int(kc_synctest(wake_after_check, make(8, 0)), 0);
}

static void test_who_asks(void)
{
	kc_chan *c = make(8, 0);
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	pthread_t other;
	int ret = -1;

	other = start(thread, c);
	wait_receivers(c, 1);
	must_int(kc_waitgroup_go(&wg, check_in_goroutine, &ret), 0);
	kc_waitgroup_wait(&wg);
	expect_int(ret, 0);
	kc_close(c);
	join(other);
}

static const struct tap_test tests[] = {
	{ "none", test_none },
	{ "those that are about to end", test_ending },
	{ "a limit", test_limit },
	{ "leaked ones", test_leaked },
	{ "selects, mutexes, ends of one direction", test_all_kinds },
	{ "somebody else may do something", test_others },
	{ "a timer may", test_timer },
	{ "another process may", test_process },
	{ "who waits for a clock that leaps may", test_clock },
	{ "who asks, and threads of others", test_who_asks },
};

TAP_MAIN(tests)
