// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of the process waits for a crash in progress.
 *
 * A panic that nobody recovers runs what is deferred first. That may let main() go on,
 * and return: the process would end with main's status, and nobody would be told of the
 * panic. So exit() looks whether some other goroutine is about to crash, as Go's
 * runtime does when main returns. As long as it may still recover, or may wait for what
 * nobody does any more, it is given a little time. Once it is about to be told, the
 * process ends by that and by nothing else.
 *
 * Whoever crashes says so (kc_g.crashing) before it runs what is deferred; what lets
 * main() go on comes after. So exit() cannot miss it.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "panic/crash.h"
#include "panic/report.h"
#include "sched/routine.h"

/* For what is deferred. */
#define PATIENCE	KC_SECOND
#define REST		(200 * KC_MICROSECOND)

/* What this goroutine's own deferred calls do, as to call exit(), is up to them. */
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
