// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait groups. Needs no channel.
 */
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
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

/* The waiters continue, even if the counter is not 0 any more. */
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
		/* Probably asleep now. If not, it must work, too. */
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
		/* On the stack: its memory is reused at once. */
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

static void add_twice(void *arg)
{
	const int *deltas = arg;
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	kc_waitgroup_add(&wg, deltas[0]);
	kc_waitgroup_add(&wg, deltas[1]);
}

static void expect_panic(int first, int second, const char *why)
{
	int deltas[] = { first, second };
	kc_panic_info info;

	if (!expect_int(kc_protect(add_twice, deltas, &info), 1))
		return;
	if (!expect(!strcmp(info.text, why)))
		tap_note("text: %s", info.text);
	kc_panic_info_clear(&info);
}

static void test_panic(void)
{
	expect_panic(0, -1, "negative WaitGroup counter");
	expect_panic(2, -3, "negative WaitGroup counter");
	expect_panic(INT32_MAX, 1, "WaitGroup counter out of range");
}

struct member {
	kc_waitgroup wg;
	atomic_int deferred;
	atomic_bool go_on;
};

static void count(void *arg)
{
	atomic_fetch_add(&((struct member *)arg)->deferred, 1);
}

static void recover(void *arg)
{
	expect_int(kc_recover(NULL), 1);
	count(arg);
}

static void return_late(void *arg)
{
	struct member *member = arg;

	kc_defer(count, member);
	until(atomic_load(&member->go_on));
}

static void leave(void *arg)
{
	kc_defer(count, arg);
	kc_goexit();
}

static void panic_recovered(void *arg)
{
	kc_defer(recover, arg);
	kc_panic("recovered");
}

/* A member is done when it ends, however it ends. Its deferred calls have run. */
static void test_go(void)
{
	struct member member = { .deferred = 0 };
	int i;

	for (i = 0; i < 10; i++)
		must_int(kc_waitgroup_go(&member.wg, return_late, &member), 0);
	sleep_ms(10);
	expect_int(atomic_load(&member.deferred), 0);
	atomic_store(&member.go_on, true);
	kc_waitgroup_wait(&member.wg);
	expect_int(atomic_load(&member.deferred), 10);
	must_int(kc_waitgroup_go(&member.wg, leave, &member), 0);
	kc_waitgroup_wait(&member.wg);
	expect_int(atomic_load(&member.deferred), 11);
	must_int(kc_waitgroup_go(&member.wg, panic_recovered, &member), 0);
	kc_waitgroup_wait(&member.wg);
	expect_int(atomic_load(&member.deferred), 12);
}

static atomic_int copied;

struct piece {
	atomic_int *sum;
	int n;
	char text[100];
};

static void add_piece(void *arg)
{
	struct piece *piece = arg;

	if (strspn(piece->text, "x") == sizeof(piece->text) - 1)
		atomic_fetch_add(piece->sum, piece->n);
	/* The copy belongs to the goroutine. */
	memset(piece, 0, sizeof(*piece));
}

static void add_int(void *arg)
{
	atomic_fetch_add(&copied, *(int *)arg);
}

static const char untouched;

static void see_address(void *arg)
{
	expect(arg && arg != &untouched);
	expect((uintptr_t)arg % alignof(max_align_t) == 0);
}

/* Each goroutine has its own copy, small or large. */
static void test_go_copy(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct piece piece = { .sum = &copied };
	int i;

	memset(piece.text, 'x', sizeof(piece.text) - 1);
	for (i = 1; i <= 10; i++) {
		piece.n = 100 * i;
		must_int(kc_waitgroup_go_copy(&wg, add_int, &i, sizeof(i)), 0);
		must_int(kc_waitgroup_go_copy(&wg, add_piece, &piece,
					      sizeof(piece)), 0);
	}
	must_int(kc_waitgroup_go_copy(&wg, see_address, &untouched, 0), 0);
	must_int(kc_waitgroup_go_copy(&wg, see_address, &untouched, 1), 0);
	kc_waitgroup_wait(&wg);
	expect_int(atomic_load(&copied), 55 + 5500);
	/* If it is not started, it is not counted. */
	expect_int(kc_waitgroup_go_copy(&wg, add_int, &i, SIZE_MAX), -ENOMEM);
	expect_int(kc_waitgroup_go_copy(&wg, add_int, &i, SIZE_MAX / 2), -ENOMEM);
	kc_waitgroup_wait(&wg);
}

static const struct tap_test tests[] = {
	{ "its size is fixed", test_size },
	{ "zero is valid, and nothing to wait for", test_zero },
	{ "waits sleep until the counter is 0", test_waits },
	{ "it can be used again at once", test_used_again },
	{ "its memory can be used again at once", test_order_of_memory },
	{ "a signal handler does not end a wait", test_signal },
	{ "a counter below 0 is a panic", test_panic },
	{ "goroutines in it", test_go },
	{ "goroutines in it with a copy of their argument", test_go_copy },
};

TAP_MAIN(tests)
