// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait groups. Needs no channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static void test_size(void)
{
	/* Part of the ABI. */
	expect_int(sizeof(kc_waitgroup), 32);
}

static void test_zero(void)
{
	kc_waitgroup wg;

	memset(&wg, 0, sizeof(wg));
	kc_waitgroup_wait(&wg);
	kc_waitgroup_add(&wg, 2);
	kc_waitgroup_add(&wg, -1);
	kc_waitgroup_done(&wg);
	kc_waitgroup_wait(&wg);
}

struct waiter {
	kc_waitgroup *wg;
	atomic_int *here, *gone;
};

static void *waiter_thread(void *arg)
{
	struct waiter *w = arg;

	atomic_fetch_add(w->here, 1);
	kc_waitgroup_wait(w->wg);
	atomic_fetch_add(w->gone, 1);
	return NULL;
}

static void test_waits(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	atomic_int here = 0, gone = 0;
	struct waiter w = { &wg, &here, &gone };
	pthread_t threads[4];
	long long cpu;
	size_t i;

	kc_waitgroup_add(&wg, 3);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(waiter_thread, &w);
	until(atomic_load(&here) == 4);
	kc_waitgroup_done(&wg);
	kc_waitgroup_done(&wg);
	cpu = cpu_ns();
	sleep_ms(100);
	expect_int(atomic_load(&gone), 0);
	expect(cpu_ns() - cpu < 50 * KC_MILLISECOND);
	kc_waitgroup_done(&wg);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	expect_int(atomic_load(&gone), 4);
}

/* Those who waited go on though the counter is not 0 any more. */
static void test_used_again(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	atomic_int here, gone;
	struct waiter w = { &wg, &here, &gone };
	unsigned int round, rounds = tap_scale(200);
	pthread_t threads[2];

	for (round = 0; round < rounds; round++) {
		atomic_store(&here, 0);
		atomic_store(&gone, 0);
		kc_waitgroup_add(&wg, 1);
		threads[0] = start(waiter_thread, &w);
		threads[1] = start(waiter_thread, &w);
		until(atomic_load(&here) == 2);
		/* Likely asleep now; if not, they must cope all the same. */
		if (round % 2)
			sched_yield();
		else
			sleep_ms(1);
		kc_waitgroup_done(&wg);
		if (round % 2) {
			join(threads[0]);
			join(threads[1]);
			continue;
		}
		kc_waitgroup_add(&wg, 1);
		kc_waitgroup_done(&wg);
		join(threads[0]);
		join(threads[1]);
	}
}

static void test_order_of_memory(void)
{
	const unsigned int rounds = tap_scale(500);
	unsigned int round;

	for (round = 0; round < rounds; round++) {
		/* On the stack: its memory is used again at once. */
		kc_waitgroup wg = KC_WAITGROUP_INIT;
		atomic_int here = 0, gone = 0;
		struct waiter w = { &wg, &here, &gone };
		pthread_t thread;

		kc_waitgroup_add(&wg, 1);
		thread = start(waiter_thread, &w);
		kc_waitgroup_done(&wg);
		kc_waitgroup_wait(&wg);
		join(thread);
		must_int(atomic_load(&gone), 1);
		memset(&wg, 0xff, sizeof(wg));
	}
}

static void on_signal(int signal)
{
	(void)signal;
}

static void test_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	atomic_int here = 0, gone = 0;
	struct waiter w = { &wg, &here, &gone };
	pthread_t thread;
	int i;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	kc_waitgroup_add(&wg, 1);
	thread = start(waiter_thread, &w);
	until(atomic_load(&here) == 1);
	for (i = 0; i < 10; i++) {
		pthread_kill(thread, SIGUSR1);
		sleep_ms(2);
	}
	expect_int(atomic_load(&gone), 0);
	kc_waitgroup_done(&wg);
	join(thread);
}

/* What a child that is to be aborted says. */
static void expect_panic(int first, int second, const char *why)
{
	char said[200] = "";
	int ends[2], status;
	ssize_t len;
	pid_t pid;

	must_int(pipe(ends), 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		kc_waitgroup wg = KC_WAITGROUP_INIT;

		setrlimit(RLIMIT_CORE, &no_core);
		dup2(ends[1], STDERR_FILENO);
		kc_waitgroup_add(&wg, first);
		kc_waitgroup_add(&wg, second);
		_exit(0);
	}
	close(ends[1]);
	len = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	must_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	must(len > 0);
	if (!expect(!strcmp(said, why)))
		tap_note("said: %s", said);
}

static void test_panic(void)
{
	expect_panic(0, -1, "libkchan: panic: negative WaitGroup counter\n");
	expect_panic(2, -3, "libkchan: panic: negative WaitGroup counter\n");
	expect_panic(INT32_MAX, 1,
		     "libkchan: panic: WaitGroup counter out of range\n");
}

static const struct tap_test tests[] = {
	{ "its size is fixed", test_size },
	{ "zero is valid, and nothing to wait for", test_zero },
	{ "waits sleep until the counter is 0", test_waits },
	{ "it can be used again at once", test_used_again },
	{ "its memory can be used again at once", test_order_of_memory },
	{ "a signal handler does not end a wait", test_signal },
	{ "a counter below 0 is a panic", test_panic },
};

TAP_MAIN(tests)
