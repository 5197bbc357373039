// SPDX-License-Identifier: GPL-2.0-only
/*
 * Condition variables. Needs no channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

#define CROWD	6

static void test_size(void)
{
	kc_cond cond, init = KC_COND_INIT;

	/* Part of the ABI. */
	expect_int(sizeof(kc_cond), 48);
	memset(&cond, 0, sizeof(cond));
	expect(!memcmp(&cond, &init, sizeof(cond)));
	/* There is no waiter. */
	kc_cond_signal(&cond);
	kc_cond_broadcast(&cond);
	/* As if it had not been used, except that it must not be moved. */
	expect(cond.self == &cond);
	cond.self = NULL;
	expect(!memcmp(&cond, &init, sizeof(cond)));
}

struct place {
	kc_cond cond;
	kc_mutex m;
	kc_waitgroup wg;
	/* Protected by the mutex. */
	int waiting;
	int woken[CROWD];
	int nr_woken;
};

struct waiter {
	struct place *place;
	int number;
	atomic_int tid;
};

static void wait_once(void *arg)
{
	struct waiter *w = arg;
	struct place *place = w->place;

	atomic_store(&w->tid, gettid());
	kc_mutex_lock(&place->m);
	place->waiting++;
	kc_cond_wait(&place->cond, &place->m);
	/* The waiter holds the mutex here. */
	expect_int(kc_mutex_try_lock(&place->m), -EAGAIN);
	place->woken[place->nr_woken++] = w->number;
	kc_mutex_unlock(&place->m);
}

static int locked_get(struct place *place, const int *value)
{
	int seen;

	kc_mutex_lock(&place->m);
	seen = *value;
	kc_mutex_unlock(&place->m);
	return seen;
}

/* The waiters wait in the order of their numbers. */
static void begin(struct place *place, struct waiter *waiters)
{
	int i;

	memset(place, 0, sizeof(*place));
	for (i = 0; i < CROWD; i++) {
		waiters[i] = (struct waiter){ .place = place, .number = i };
		must_int(kc_waitgroup_go(&place->wg, wait_once, &waiters[i]), 0);
		until(locked_get(place, &place->waiting) == i + 1);
		until(is_asleep(atomic_load(&waiters[i].tid)));
	}
}

static void test_signal(void)
{
	struct waiter waiters[CROWD];
	struct place place;
	int i;

	begin(&place, waiters);
	for (i = 0; i < CROWD; i++) {
		sleep_ms(5);
		expect_int(locked_get(&place, &place.nr_woken), i);
		kc_cond_signal(&place.cond);
		until(locked_get(&place, &place.nr_woken) == i + 1);
		expect_int(place.woken[i], i);
	}
	kc_waitgroup_wait(&place.wg);
}

static void test_broadcast(void)
{
	struct waiter waiters[CROWD];
	struct place place;

	begin(&place, waiters);
	kc_cond_broadcast(&place.cond);
	kc_waitgroup_wait(&place.wg);
	expect_int(place.nr_woken, CROWD);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A wait returns only for a signal of the kc_cond. */
static void test_not_for_nothing(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct waiter waiters[CROWD];
	struct place place;
	int i, j;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	begin(&place, waiters);
	for (i = 0; i < 5; i++) {
		for (j = 0; j < CROWD; j++)
			tgkill(getpid(), atomic_load(&waiters[j].tid), SIGUSR1);
		sleep_ms(2);
	}
	expect_int(locked_get(&place, &place.nr_woken), 0);
	kc_cond_broadcast(&place.cond);
	kc_waitgroup_wait(&place.wg);
}

/* A queue of bounded size: nothing is lost, and nobody sleeps for ever. */
struct queue {
	kc_mutex m;
	kc_cond not_empty, not_full;
	kc_waitgroup wg;
	unsigned long items[4];
	unsigned int head, count;
	unsigned long each;
	unsigned long sum, received;
};

static void put(void *arg)
{
	struct queue *q = arg;
	unsigned long i;

	for (i = 1; i <= q->each; i++) {
		kc_mutex_lock(&q->m);
		while (q->count == ARRAY_SIZE(q->items))
			kc_cond_wait(&q->not_full, &q->m);
		q->items[(q->head + q->count++) % ARRAY_SIZE(q->items)] = i;
		kc_cond_signal(&q->not_empty);
		kc_mutex_unlock(&q->m);
	}
}

static void take(void *arg)
{
	struct queue *q = arg;
	unsigned long i;

	for (i = 0; i < q->each; i++) {
		kc_mutex_lock(&q->m);
		while (!q->count)
			kc_cond_wait(&q->not_empty, &q->m);
		q->sum += q->items[q->head];
		q->head = (q->head + 1) % ARRAY_SIZE(q->items);
		q->count--;
		q->received++;
		kc_mutex_unlock(&q->m);
		/* The mutex need not be held here. */
		kc_cond_signal(&q->not_full);
	}
}

static void test_queue(void)
{
	struct queue q = { .each = tap_scale(3000) };
	int i;

	for (i = 0; i < 6; i++)
		must_int(kc_waitgroup_go(&q.wg, i % 2 ? put : take, &q), 0);
	kc_waitgroup_wait(&q.wg);
	expect_int(q.received, 3 * q.each);
	expect_int(q.sum, 3 * (q.each * (q.each + 1) / 2));
}

struct owned {
	kc_mutex m;
	kc_cond cond;
	bool ready;
};

static void free_when_ready(void *arg)
{
	struct owned *owned = arg;

	kc_mutex_lock(&owned->m);
	while (!owned->ready)
		kc_cond_wait(&owned->cond, &owned->m);
	kc_mutex_unlock(&owned->m);
	memset(owned, 0xff, sizeof(*owned));
	free(owned);
}

static void test_freed(void)
{
	const unsigned long rounds = tap_scale(1000);
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct owned *owned;
	unsigned long i;

	for (i = 0; i < rounds; i++) {
		owned = calloc(1, sizeof(*owned));
		must(owned);
		must_int(kc_waitgroup_go(&wg, free_when_ready, owned), 0);
		if (i % 2)
			kc_gosched();
		kc_mutex_lock(&owned->m);
		owned->ready = true;
		kc_cond_broadcast(&owned->cond);
		kc_mutex_unlock(&owned->m);
		kc_waitgroup_wait(&wg);
	}
}

static void wait_unlocked(void *arg)
{
	kc_mutex m = KC_MUTEX_INIT;

	kc_cond_wait(arg, &m);
}

static void test_misuse(void)
{
	kc_cond cond = KC_COND_INIT, init = KC_COND_INIT;
	kc_panic_info info;

	must_int(kc_protect(wait_unlocked, &cond, &info), 1);
	expect(!strcmp(info.text, "wait with an unlocked mutex"));
	kc_panic_info_clear(&info);
	cond.self = NULL;
	expect(!memcmp(&cond, &init, sizeof(cond)));
}

static void signal_it(void *arg)
{
	kc_cond_signal(arg);
}

static void broadcast_it(void *arg)
{
	kc_cond_broadcast(arg);
}

static void wait_for_it(void *arg)
{
	kc_mutex m = KC_MUTEX_INIT;

	kc_mutex_lock(&m);
	kc_cond_wait(arg, &m);
}

static void test_copied(void)
{
	void (*const uses[])(void *arg) = { signal_it, broadcast_it, wait_for_it };
	kc_cond cond = KC_COND_INIT, copy = cond;
	kc_panic_info info;

	/* Before its first use it may be copied. */
	kc_cond_signal(&cond);
	kc_cond_signal(&copy);
	copy = cond;
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		must_int(kc_protect(uses[i], &copy, &info), 1);
		expect(!strcmp(info.text, "kc_cond is copied"));
		kc_panic_info_clear(&info);
	}
	kc_cond_signal(&cond);
}

static const struct tap_test tests[] = {
	{ "its size is fixed, and zero is valid", test_size },
	{ "a signal lets one go on, in their order", test_signal },
	{ "a broadcast lets all go on", test_broadcast },
	{ "nobody goes on for nothing", test_not_for_nothing },
	{ "a queue with many on both sides", test_queue },
	{ "its memory can be freed by one who was woken", test_freed },
	{ "to wait with an unlocked mutex is a panic", test_misuse },
	{ "to use a copy is a panic", test_copied },
};

TAP_MAIN(tests)
