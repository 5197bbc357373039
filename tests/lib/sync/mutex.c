// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mutexes. Needs no channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

#define CROWD	8

static void test_size(void)
{
	/* Part of the ABI. */
	expect_int(sizeof(kc_mutex), 16);
}

static void test_zero(void)
{
	kc_mutex m, init = KC_MUTEX_INIT;

	memset(&m, 0, sizeof(m));
	expect(!memcmp(&m, &init, sizeof(m)));
	kc_mutex_lock(&m);
	kc_mutex_unlock(&m);
	kc_mutex_lock(&m);
	kc_mutex_unlock(&m);
	/* As if it had not been used. */
	expect(!memcmp(&m, &init, sizeof(m)));
}

static void test_try(void)
{
	kc_mutex m = KC_MUTEX_INIT;

	expect_int(kc_mutex_try_lock(&m), 0);
	expect_int(kc_mutex_try_lock(&m), -EAGAIN);
	kc_mutex_unlock(&m);
	expect_int(kc_mutex_try_lock(&m), 0);
	kc_mutex_unlock(&m);
}

struct crowd {
	kc_mutex m;
	kc_waitgroup wg;
	unsigned long rounds;
	unsigned long count;	/* protected by the mutex */
	bool inside;
};

static void count_up(void *arg)
{
	struct crowd *crowd = arg;
	unsigned long i;

	for (i = 0; i < crowd->rounds; i++) {
		if (i % 3 || kc_mutex_try_lock(&crowd->m))
			kc_mutex_lock(&crowd->m);
		expect(!crowd->inside);
		crowd->inside = true;
		crowd->count++;
		/* So that other goroutines have to wait. */
		if (i % 64 == 0)
			kc_gosched();
		crowd->inside = false;
		kc_mutex_unlock(&crowd->m);
	}
}

static void test_excludes(void)
{
	struct crowd crowd = { .rounds = tap_scale(20000) };
	int i;

	for (i = 0; i < CROWD; i++)
		must_int(kc_waitgroup_go(&crowd.wg, count_up, &crowd), 0);
	kc_waitgroup_wait(&crowd.wg);
	expect_int(crowd.count, CROWD * crowd.rounds);
	expect_int(kc_mutex_try_lock(&crowd.m), 0);
}

struct waiter {
	kc_mutex *m;
	kc_waitgroup wg;
	atomic_int tid;
	atomic_bool has;
};

static void lock_it(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->tid, gettid());
	kc_mutex_lock(w->m);
	atomic_store(&w->has, true);
	kc_mutex_unlock(w->m);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A waiter sleeps, also when signals come, and continues when the mutex is unlocked. */
static void test_waits(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	kc_mutex m = KC_MUTEX_INIT;
	struct waiter w = { .m = &m };
	int i;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	kc_mutex_lock(&m);
	must_int(kc_waitgroup_go(&w.wg, lock_it, &w), 0);
	until(atomic_load(&w.tid) && is_asleep(atomic_load(&w.tid)));
	for (i = 0; i < 5; i++) {
		must_int(tgkill(getpid(), atomic_load(&w.tid), SIGUSR1), 0);
		sleep_ms(2);
	}
	expect(is_idle_for(100));
	expect(!atomic_load(&w.has));
	kc_mutex_unlock(&m);
	kc_waitgroup_wait(&w.wg);
	expect(atomic_load(&w.has));
}

static void unlock(void *arg)
{
	kc_mutex_unlock(arg);
}

/* One goroutine locks it, another one unlocks it. */
static void test_no_owner(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_mutex m = KC_MUTEX_INIT;

	kc_mutex_lock(&m);
	must_int(kc_waitgroup_go(&wg, unlock, &m), 0);
	kc_mutex_lock(&m);
	kc_waitgroup_wait(&wg);
	kc_mutex_unlock(&m);
}

static void test_misuse(void)
{
	kc_mutex m = KC_MUTEX_INIT;
	kc_panic_info info;

	must_int(kc_protect(unlock, &m, &info), 1);
	expect(!strcmp(info.text, "unlock of unlocked mutex"));
	kc_panic_info_clear(&info);
	/* It can still be used as before. */
	kc_mutex_lock(&m);
	expect_int(kc_mutex_try_lock(&m), -EAGAIN);
	kc_mutex_unlock(&m);
	expect_int(kc_protect(unlock, &m, NULL), 1);
}

struct owned {
	kc_mutex m;
	int refs;
};

static void drop(void *arg)
{
	struct owned *owned = arg;
	bool last;

	kc_mutex_lock(&owned->m);
	last = !--owned->refs;
	kc_mutex_unlock(&owned->m);
	if (last) {
		memset(owned, 0xff, sizeof(*owned));
		free(owned);
	}
}

/*
 * The last one to unlock it frees it, while others may still be inside of their unlock.
 */
static void test_freed(void)
{
	const unsigned long rounds = tap_scale(2000);
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct owned *owned;
	unsigned long i;
	int j;

	for (i = 0; i < rounds; i++) {
		owned = calloc(1, sizeof(*owned));
		must(owned);
		owned->refs = 3;
		for (j = 0; j < 3; j++)
			must_int(kc_waitgroup_go(&wg, drop, owned), 0);
		kc_waitgroup_wait(&wg);
	}
}

static const struct tap_test tests[] = {
	{ "its size is fixed", test_size },
	{ "zero is valid", test_zero },
	{ "try does not wait", test_try },
	{ "one at a time has it", test_excludes },
	{ "waits sleep, through signals", test_waits },
	{ "another goroutine may unlock it", test_no_owner },
	{ "to unlock what is not locked is a panic", test_misuse },
	{ "its memory can be freed after the last unlock", test_freed },
};

TAP_MAIN(tests)
