// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tests: running one, and printing its result.
 *
 * Before it calls the function, the test's goroutine defers all that follows. So it
 * does not matter how the function ends. A cleanup runs in a deferred call, which has
 * deferred the next cleanup. So it does not matter how a cleanup ends either. The last
 * deferred call sets "over". After that, only the waiting thread uses struct kc_t.
 */
#include <stdio.h>
#include <stdlib.h>

#include <kchan/jitter.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/options.h"
#include "panic/start.h"
#include "race/race.h"
#include "sched/park.h"
#include "test/running.h"

#define TIMEOUT		(60 * KC_SECOND)
#define LEAK_TIMEOUT	KC_SECOND
#define STACK_SIZE	((size_t)256 * 1024)
#define PRINT_SIZE	4096

static void finish(void *data)
{
	kc_t *t = data;

	kc_race_release(t);
	__atomic_store_n(&t->over, true, __ATOMIC_RELEASE);
	sys_futex_wake_all(&t->over);
}

static void clean_up(void *data)
{
	kc_t *t = data;
	struct kc_cleanup *taken = kc_t_take_cleanup(t), cleanup;

	if (!taken)
		return;
	cleanup = *taken;
	free(taken);
	kc_defer(clean_up, t);
	kc_t_protect(t, cleanup.fn, cleanup.arg);
}

static void await_members(void *data)
{
	kc_t *t = data;

	kc_cancel(t->ctx);
	kc_waitgroup_wait(&t->members);
}

static void call(void *data)
{
	kc_t *t = data;

	t->fn(t);
}

static void run(void *data)
{
	kc_t *t = data;

	/*
	 * The seed is set here, so that a test has the same jitter alone and among
	 * others.
	 */
	if (t->jitter)
		kc_jitter(t->jitter);
	kc_defer(finish, t);
	kc_defer(clean_up, t);
	kc_defer(await_members, t);
	kc_t_protect(t, call, t);
}

/*
 * Flushes stdio's standard output before the result is written. Skips this if a
 * goroutine holds the lock of stdout.
 */
static void flush_stdout(void)
{
	if (ftrylockfile(stdout))
		return;
	fflush_unlocked(stdout);
	funlockfile(stdout);
}

static void put_log(struct kc_print *out, const kc_t *t, const char *start)
{
	const char *at = t->log.text, *end = at + t->log.len;
	bool begins = true;

	for (; at < end; at++) {
		if (begins)
			kc_print_text(out, start);
		begins = *at == '\n';
		kc_print_bytes(out, at, 1);
	}
	if (t->failed && t->jitter) {
		kc_print_text(out, start);
		kc_print_text(out, "KCHAN_JITTER=");
		kc_print_number(out, t->jitter);
		kc_print_text(out, "\n");
	}
}

/* Prints the first line of the log, which is the reason of a skipped test. */
static void put_first_line(struct kc_print *out, const kc_t *t)
{
	size_t len = 0;

	while (len < t->log.len && t->log.text[len] != '\n')
		len++;
	kc_print_bytes(out, t->log.text, len);
}

static void put_duration(struct kc_print *out, int64_t ns)
{
	const int64_t hundredths = ns / (KC_SECOND / 100);

	kc_print_text(out, " (");
	kc_print_number(out, hundredths / 100);
	kc_print_text(out, hundredths % 100 < 10 ? ".0" : ".");
	kc_print_number(out, hundredths % 100);
	kc_print_text(out, " s)\n");
}

static void put_tap(struct kc_print *out, const kc_t *t, bool log)
{
	if (log)
		put_log(out, t, "# ");
	kc_print_text(out, t->failed ? "not ok - " : "ok - ");
	kc_print_text(out, t->name);
	if (t->skipped && !t->failed) {
		kc_print_text(out, " # SKIP ");
		put_first_line(out, t);
	}
	kc_print_text(out, "\n");
}

static void put_plain(struct kc_print *out, const kc_t *t)
{
	kc_print_text(out, t->failed ? "--- FAIL: " :
			 t->skipped ? "--- SKIP: " : "--- PASS: ");
	kc_print_text(out, t->name);
	put_duration(out, kc_real_now() - t->begun);
	put_log(out, t, "    ");
}

/*
 * Prints the result. Either no other thread uses @t, or the lock is held and never
 * released.
 */
static void tell(const kc_t *t)
{
	const bool verbose = t->failed || (t->options.flags & KC_TEST_VERBOSE);
	char buf[PRINT_SIZE];
	struct kc_print out = KC_PRINT_FD(STDOUT_FILENO, buf);

	flush_stdout();
	if (t->options.flags & KC_TEST_TAP)
		put_tap(&out, t, verbose);
	else if (verbose || t->skipped)
		put_plain(&out, t);
	kc_print_flush(&out);
}

/* The running test, or NULL. */
static kc_t *current;

bool kc_t_fail_current(const char *text)
{
	kc_t *t = __atomic_exchange_n(&current, NULL, __ATOMIC_ACQ_REL);

	if (!t)
		return false;
	kc_t_error(t, "%s: see standard error", text);
	kc_lock(&t->lock);
	tell(t);
	return true;
}

/* Ends the process, because the function cannot be ended. */
KC_NORETURN static void expire(void)
{
	/* Another thread may be about to end the process, for another reason. */
	if (!kc_t_fail_current("not over within its time limit"))
		for (;;)
			sys_pause();
	kc_dump(STDERR_FILENO);
	_exit(EXIT_FAILURE);
}

/* Returns false if the time limit passes first. */
static bool await_end(const kc_t *t)
{
	struct kc_parked *parked = kc_park(KC_STATE_TEST, NULL, 0);
	bool over;

	while (!(over = __atomic_load_n(&t->over, __ATOMIC_ACQUIRE))) {
		if (t->deadline == KC_TEST_NO_LIMIT)
			sys_futex_wait(&t->over, false);
		else if (sys_futex_wait_until(&t->over, false, t->deadline) ==
			 -ETIMEDOUT)
			break;
	}
	kc_unpark(parked);
	return over || __atomic_load_n(&t->over, __ATOMIC_ACQUIRE);
}

static void check_leaks(kc_t *t)
{
	int left;

	if (t->options.flags & KC_TEST_LEAKY)
		return;
	left = kc_leak_check(t->options.leak_timeout);
	if (left > 0)
		kc_t_error(t, "%d %s left behind", left,
			   left == 1 ? "goroutine is" : "goroutines are");
	else if (left < 0)
		kc_t_error(t, "out of memory to look for goroutines left behind");
}

static int set_options(kc_t *t, const kc_test_options *options)
{
	const kc_test_options none = KC_TEST_OPTIONS_INIT;
	int ret;

	if (!options)
		options = &none;
	ret = kc_take_options(&t->options, options, jitter);
	if (ret)
		return ret;
	if (t->options.flags & ~(KC_TEST_TAP | KC_TEST_VERBOSE | KC_TEST_LEAKY))
		return -EINVAL;
	if (!t->options.timeout)
		t->options.timeout = TIMEOUT;
	if (!t->options.leak_timeout)
		t->options.leak_timeout = LEAK_TIMEOUT;
	if (!t->options.stack_size)
		t->options.stack_size = STACK_SIZE;
	return 0;
}

static int start(kc_t *t, uintptr_t at)
{
	const struct kc_start start = {
		.fn = run,
		.arg = t,
		.name = t->name,
		.stack_size = t->options.stack_size,
		.at = at,
	};

	t->begun = kc_real_now();
	t->deadline = t->options.timeout < 0 ? KC_TEST_NO_LIMIT :
		      kc_later(t->begun, t->options.timeout);
	return kc_start(&start);
}

static int run_test(kc_t *t, uintptr_t at)
{
	kc_t *this = t;
	int ret;

	ret = kc_with_cancel(&t->ctx, NULL);
	if (ret)
		return ret;
	__atomic_store_n(&current, t, __ATOMIC_RELEASE);
	ret = start(t, at);
	if (ret) {
		__atomic_store_n(&current, NULL, __ATOMIC_RELAXED);
		return ret;
	}
	if (!await_end(t) ||
	    !__atomic_compare_exchange_n(&current, &this, NULL, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		expire();
	kc_race_acquire(t);
	check_leaks(t);
	tell(t);
	if (t->failed)
		return KC_TEST_FAILED;
	return t->skipped ? KC_TEST_SKIPPED : KC_TEST_PASSED;
}

int kc_test(const char *name, void (*fn)(kc_t *t), const kc_test_options *options)
{
	const uintptr_t at = (uintptr_t)__builtin_return_address(0);
	uint64_t was;
	kc_t *t;
	int ret;

	KC_NEED_FN(fn);
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->name = name;
	t->fn = fn;
	t->log = (struct kc_print)KC_PRINT_MEMORY;
	ret = set_options(t, options);
	was = kc_jitter_seed();
	t->jitter = t->options.jitter ? t->options.jitter : was;
	if (!ret)
		ret = run_test(t, at);
	if (t->jitter != was)
		kc_jitter_set(was);
	kc_ctx_unref(t->ctx);
	free(t->log.text);
	free(t);
	return ret;
}
