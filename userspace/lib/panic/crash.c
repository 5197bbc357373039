// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of the process waits for a panic in progress.
 *
 * A panic that nobody recovers first runs the deferred calls. One of them may let
 * main() return. Without this file, the process would then end with main's status, and
 * nobody would see the panic. So exit() looks whether another goroutine is in such a
 * panic, as Go's runtime does when main returns. The deferred calls may still recover
 * the panic, or may wait for ever, so exit() waits for them at most PATIENCE. Once the
 * report of a panic has begun, only that panic ends the process.
 *
 * A goroutine sets kc_g.crashing before it runs deferred calls. What lets main() go on
 * comes after that in the same goroutine, so exit() sees the flag.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "panic/crash.h"
#include "panic/report.h"
#include "sched/routine.h"

/* How long exit() waits for deferred calls. */
#define PATIENCE	KC_SECOND
#define REST		(200 * KC_MICROSECOND)

/*
 * A deferred call of this goroutine may call exit(). So this goroutine does not count.
 */
static bool is_another_crashing(void)
{
	struct kc_list *link;
	bool crashing = false;
	struct kc_g *g;

	kc_lock(&kc_sched.lock);
	for (link = kc_sched.all.next; link != &kc_sched.all; link = link->next) {
		g = kc_container(link, struct kc_g, all);
		if (g->live && g != kc_g_current)
			crashing |= __atomic_load_n(&g->crashing,
						    __ATOMIC_RELAXED);
	}
	kc_unlock(&kc_sched.lock);
	return crashing;
}

void kc_crash_await(void)
{
	const int64_t deadline = kc_later(kc_real_now(), PATIENCE);

	do {
		kc_report_await();
		if (!is_another_crashing())
			return;
		kc_rest(REST);
	} while (kc_real_now() < deadline);
}

static int error;

static void setup(void)
{
	error = atexit(kc_crash_await) ? -ENOMEM : 0;
}

int kc_crash_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup);
	return error;
}
