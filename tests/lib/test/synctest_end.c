// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock that leaps when all wait: its begin and end. Needs no channel.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/synctest.h>
#include <kchan/testing.h>

#include "bubble.h"
#include "output.h"

static struct output seen;

static kc_sem none = KC_SEM_INIT(0);

/* The call is not the last statement, so that the function is in backtraces. */
static void wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		kc_sem_acquire(&none, 1);
}

static void all_wait(void *arg)
{
	must_int(kc_go(wait_for_ever, NULL), 0);
	kc_sleep(HOUR);
	wait_for_ever(arg);
	tap_fail(__FILE__, __LINE__, "came back");
}

static void leave_one(void *arg)
{
	must_int(kc_go(wait_for_ever, arg), 0);
}

static void sleep_long(void *arg)
{
	(void)arg;
	for (;;)
		kc_sleep(HOUR);
}

static void leave_sleeper(void *arg)
{
	must_int(kc_go(sleep_long, arg), 0);
}

static void (*to_run)(void *arg);

static int run_to_run(void)
{
	return kc_synctest(to_run, NULL) ? 78 : 77;
}

static void run_in_test(kc_t *t)
{
	kc_t_log(t, "it begins");
	KC_REQUIRE(t, !kc_synctest(to_run, NULL));
}

static int run_to_run_in_test(void)
{
	return kc_test("run_in_test", run_in_test, NULL);
}

static void test_deadlock(void)
{
	to_run = all_wait;
	run_apart(&seen, run_to_run);
	expect_int(seen.status, -1);
	expect_says(seen.err, "fatal error: deadlock: all goroutines in bubble are "
		    "blocked\n\n", "goroutine ", "[semaphore acquire", "wait_for_ever\n",
		    "[semaphore acquire", "wait_for_ever\n");
	to_run = leave_one;
	run_apart(&seen, run_to_run);
	expect_int(seen.status, -1);
	expect_says(seen.err, "fatal error: deadlock: main bubble goroutine has exited "
		    "but blocked goroutines remain\n", "wait_for_ever\n");
	/* The clock does not leap then. */
	to_run = leave_sleeper;
	run_apart(&seen, run_to_run);
	expect_int(seen.status, -1);
	expect_says(seen.err, "main bubble goroutine has exited", "[sleep",
		    "sleep_long\n");
	to_run = all_wait;
	run_apart(&seen, run_to_run_in_test);
	expect_int(seen.status, EXIT_FAILURE);
	expect_says(seen.out, "--- FAIL: run_in_test (", "    it begins\n"
		    "    deadlock: all goroutines in bubble are blocked: see standard "
		    "error\n");
	expect_says(seen.err, "fatal error: deadlock", "wait_for_ever\n");
}

static void work_a_while(void *arg)
{
	bool *over = arg;

	sleep_ms(50);
	kc_gosched();
	__atomic_store_n(over, true, __ATOMIC_RELAXED);
}

static void leave_worker(void *arg)
{
	must_int(kc_go(work_a_while, arg), 0);
}

static void test_ends_last(void)
{
	bool over = false;

	run_inside(leave_worker, &over);
	expect(over);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void twice(void *arg)
{
	(void)arg;
	expect_int(kc_synctest(nothing, NULL), -EBUSY);
}

static void *sleep_apart(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED))
		sleep_ms(1);
	return NULL;
}

static void acquire(void *arg)
{
	kc_sem_acquire(arg, 1);
}

static void *wait_apart(void *arg)
{
	acquire(arg);
	return NULL;
}

static void test_busy(void)
{
	kc_sem sem = KC_SEM_INIT(1);
	bool stop = false;
	pthread_t thread;

	run_inside(twice, NULL);
	/* Another goroutine, even if it waits. */
	kc_sem_acquire(&sem, 1);
	must_int(kc_go(acquire, &sem), 0);
	expect_int(kc_synctest(nothing, NULL), -EBUSY);
	kc_sem_release(&sem, 1);
	run_inside(nothing, NULL);
	/* An unknown thread. */
	thread = start(sleep_apart, &stop);
	expect_int(kc_synctest(nothing, NULL), THREAD_SANITIZED ? 0 : -EBUSY);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	join(thread);
	/* A thread that waits in the library is allowed. */
	thread = start(wait_apart, &sem);
	until(sem.first);
	run_inside(sleep_an_hour, NULL);
	kc_sem_release(&sem, 1);
	join(thread);
}

static void panic_inside(void *arg)
{
	kc_sleep(HOUR);
	kc_panic("%s", (const char *)arg);
}

static void run_panic(void *arg)
{
	if (kc_synctest(panic_inside, arg))
		kc_panic("refused");
}

static void wait_outside(void *arg)
{
	(void)arg;
	kc_synctest_wait();
}

static void wait_twice(void *arg)
{
	kc_panic_info *info = arg;

	/* The second one. */
	if (kc_protect(wait_outside, NULL, info))
		return;
}

static void wait_for_each_other(void *arg)
{
	kc_panic_info *infos = arg;

	must_int(kc_go(wait_twice, &infos[0]), 0);
	sleep_ms(50);
	expect_int(kc_protect(wait_outside, NULL, &infos[1]), 1);
}

static void test_panic(void)
{
	kc_panic_info info, infos[2] = { KC_PANIC_INFO_INIT, KC_PANIC_INFO_INIT };

	must_int(kc_protect(run_panic, (void *)"inside", &info), 1);
	expect(!strcmp(info.text, "inside"));
	kc_panic_info_clear(&info);
	expect(kc_now() <= real_now());
	must_int(kc_protect(wait_outside, NULL, &info), 1);
	expect(!strcmp(info.text, "kc_synctest_wait() outside of kc_synctest()"));
	kc_panic_info_clear(&info);
	run_inside(wait_for_each_other, infos);
	expect(!infos[0].panic);
	expect(!strcmp(infos[1].text,
		       "kc_synctest_wait() in two goroutines at a time"));
	kc_panic_info_clear(&infos[1]);
	run_inside(sleep_an_hour, NULL);
}

/* In the child the clock is real, and the child can run kc_synctest() itself. */
static void fork_inside(void *arg)
{
	int64_t *begin = arg;
	int status;
	pid_t pid;

	kc_sleep(HOUR);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		expect(kc_now() - *begin < HOUR);
		kc_sleep(KC_MILLISECOND);
		run_inside(sleep_an_hour, NULL);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect(kc_now() - *begin >= HOUR);
	kc_sleep(HOUR);
}

static void test_fork(void)
{
	int64_t begin = real_now();

	run_inside(fork_inside, &begin);
}

static const struct tap_test tests[] = {
	{ "a deadlock", test_deadlock },
	{ "it waits for all that was started inside", test_ends_last },
	{ "it refuses when it is not alone", test_busy },
	{ "panics", test_panic },
	{ "a fork inside", test_fork },
};

TAP_MAIN(tests)
