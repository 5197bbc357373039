// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines that each start the next one and end. One of them always exists. But a
 * walk over all goroutines may miss it each time, and must not conclude anything from
 * that. Needs no channel.
 *
 * The crowd makes a walk take long. The walk visits the crowd first, and the chain
 * last. By then, each goroutine of the chain that existed at the begin of the walk has
 * ended.
 */
#include <stdlib.h>

#include <kchan/synctest.h>

#include "bubble.h"

#define CROWD	64
#define LINKS	6000

static kc_sem crowd_sem = KC_SEM_INIT(CROWD);
static kc_waitgroup crowd_wg;

static struct {
	atomic_int run;		/* how many of the chain have run */
	atomic_int moved;	/* how many have seen another time than the first one */
	int64_t begin;
	atomic_bool go_on;	/* the chain has no end */
	kc_sem end;		/* released by the last one */
} chain;

static void wait_in_crowd(void *arg)
{
	(void)arg;
	kc_sem_acquire(&crowd_sem, 1);
	kc_sem_release(&crowd_sem, 1);
	kc_waitgroup_done(&crowd_wg);
}

static void gather_crowd(void)
{
	int i;

	kc_sem_acquire(&crowd_sem, CROWD);
	kc_waitgroup_add(&crowd_wg, CROWD);
	for (i = 0; i < CROWD; i++)
		must_int(kc_go(wait_in_crowd, NULL), 0);
	sleep_ms(20);
}

static void dismiss_crowd(void)
{
	kc_sem_release(&crowd_sem, CROWD);
	kc_waitgroup_wait(&crowd_wg);
}

static void start_next(void *arg)
{
	const int left = *(const int *)arg - 1;

	if (kc_now() != chain.begin)
		atomic_fetch_add(&chain.moved, 1);
	atomic_fetch_add(&chain.run, 1);
	if (left > 0 || atomic_load(&chain.go_on))
		must_int(kc_go_copy(start_next, &left, sizeof(left)), 0);
	else
		kc_sem_release(&chain.end, 1);
}

static void begin_chain(void)
{
	const int links = LINKS;

	chain.begin = kc_now();
	atomic_store(&chain.run, 0);
	atomic_store(&chain.moved, 0);
	chain.end = (kc_sem)KC_SEM_INIT(1);
	kc_sem_acquire(&chain.end, 1);
	must_int(kc_go_copy(start_next, &links, sizeof(links)), 0);
}

/* In case that a wait has returned too early. */
static void end_chain(void)
{
	while (atomic_load(&chain.run) < LINKS)
		sleep_ms(1);
}

static void await_chain(void *arg)
{
	(void)arg;
	gather_crowd();
	begin_chain();
	kc_synctest_wait();
	expect_int(atomic_load(&chain.run), LINKS);
	end_chain();
	dismiss_crowd();
}

static void test_wait(void)
{
	must_int(kc_synctest(await_chain, NULL), 0);
}

static void sleep_beside_chain(void *arg)
{
	(void)arg;
	gather_crowd();
	begin_chain();
	kc_sleep(KC_SECOND);
	expect_int(atomic_load(&chain.run), LINKS);
	expect_int(atomic_load(&chain.moved), 0);
	end_chain();
	dismiss_crowd();
}

static void test_time(void)
{
	must_int(kc_synctest(sleep_beside_chain, NULL), 0);
}

/* A false report would end the program. */
static void depend_on_chain(void *arg)
{
	(void)arg;
	gather_crowd();
	begin_chain();
	kc_sem_acquire(&chain.end, 1);
	expect_int(atomic_load(&chain.run), LINKS);
	dismiss_crowd();
}

static void test_bubble(void)
{
	must_int(kc_synctest(depend_on_chain, NULL), 0);
}

static void test_deadlock(void)
{
	must_int(kc_detect_deadlock(KC_MILLISECOND), 0);
	depend_on_chain(NULL);
}

static char *logged;

static void take(void *arg, const char *text)
{
	(void)arg;
	free(logged);
	logged = strdup(text);
}

static void test_leak(void)
{
	const unsigned long rounds = tap_scale(20);
	unsigned long i, missed = 0;

	kc_set_logger(take, NULL);
	gather_crowd();
	atomic_store(&chain.go_on, true);
	begin_chain();
	for (i = 0; i < rounds; i++) {
		if (!expect(kc_leak_check(0) > CROWD))
			break;
		if (strstr(logged, " of them ended or began while"))
			missed++;
	}
	tap_note("%lu of %lu looks missed some", missed, rounds);
	atomic_store(&chain.go_on, false);
	dismiss_crowd();
	must_int(kc_shutdown(), 0);
}

static const struct tap_test tests[] = {
	{ "they do not all wait", test_wait },
	{ "no time goes by", test_time },
	{ "they are not blocked", test_bubble },
	{ "they are not asleep", test_deadlock },
	{ "one is left, always", test_leak },
};

TAP_MAIN(tests)
