// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines that are left.
 *
 * How many there are is counted at one instant, under the lock. What each of them does
 * is looked at one after another, and takes time: some may have ended when it is their
 * turn, after they started others, which are too young to be looked at. The count is
 * what holds: a goroutine that always leaves one behind is never "none".
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/kchandebug.h"
#include "base/logger.h"
#include "debug/asleep.h"
#include "debug/dump.h"
#include "sched/thread.h"

/* From one look to the next: more and more. */
#define FIRST_REST	(100 * KC_MICROSECOND)
#define LAST_REST	(20 * KC_MILLISECOND)

static unsigned int count_left(const struct kc_g *self)
{
	struct kc_list *link;
	unsigned int nr = 0;
	struct kc_g *g;

	kc_lock(&kc_sched.lock);
	for (link = kc_sched.all.next; link != &kc_sched.all; link = link->next) {
		g = kc_container(link, struct kc_g, all);
		nr += g != self && g->live && (g->flags & KC_G_POOL);
	}
	kc_unlock(&kc_sched.lock);
	return nr;
}

struct check {
	const struct kc_looker *looker;
	bool asleep;
	unsigned int nr;		/* at one instant */
	unsigned int nr_listed;
	struct kc_out list;
};

/* True while some are left; waits until none is, or it is of no more use. */
static bool await_end(struct check *check, int64_t timeout)
{
	const int64_t deadline = kc_later(kc_real_now(), timeout);
	int64_t ns = FIRST_REST;

	while ((check->nr = count_left(check->looker->self))) {
		check->asleep = kc_all_asleep(check->looker);
		/* The last ones may have ended since they were counted. */
		if (check->asleep) {
			check->nr = count_left(check->looker->self);
			return check->nr;
		}
		if (kc_real_now() >= deadline)
			return true;
		kc_rest(ns);
		ns = ns < LAST_REST ? 2 * ns : LAST_REST;
	}
	return false;
}

static bool is_for_ever(const kc_goroutine *g)
{
	return !(g->flags & KC_GOROUTINE_TIMED) &&
	       (g->state == KC_STATE_RECV_NIL || g->state == KC_STATE_SEND_NIL ||
		g->state == KC_STATE_SELECT_NIL);
}

static int put(void *data, struct kc_sight *s)
{
	struct check *check = data;
	const char *note = NULL;

	if (s->info.flags & (KC_GOROUTINE_SELF | KC_GOROUTINE_THREAD))
		return 0;
	if (s->parked && (check->asleep || is_for_ever(&s->info)))
		note = "nobody can wake it";
	check->nr_listed++;
	kc_out_text(&check->list, "\n\n");
	kc_dump_one(&check->list, s, kc_real_now(), note);
	if (check->list.failed)
		return -ENOMEM;
	/* The last newline is for the reader to give. */
	check->list.len--;
	return 0;
}

/* Those that were counted, and came and went while the others were looked at. */
static void put_missed(struct check *check)
{
	if (check->nr_listed >= check->nr) {
		check->nr = check->nr_listed;
		return;
	}
	kc_out_text(&check->list, "\n\n");
	kc_out_number(&check->list, check->nr - check->nr_listed);
	kc_out_text(&check->list, " of them ended or began while this was written");
}

static void put_all(void *data)
{
	struct check *check = data;

	kc_look(check->looker, put, NULL, check);
	put_missed(check);
}

/* Also when the logger is left by a panic. */
static int report(const char *text, bool failed)
{
	KC_DEFER_SCOPE;

	kc_defer(free, (void *)text);
	if (!failed)
		kc_log(text);
	return failed ? -ENOMEM : 0;
}

/* Takes over what is listed. */
static int report_list(struct check *check)
{
	struct kc_out out = KC_OUT_MEMORY;

	kc_out_number(&out, check->nr);
	kc_out_text(&out, check->nr == 1 ? " goroutine is left:" :
					   " goroutines are left:");
	kc_out_bytes(&out, check->list.text, check->list.len);
	free(check->list.text);
	return report(out.text, out.failed || check->list.failed);
}

int kc_leak_check(int64_t timeout)
{
	struct kc_looker looker;
	struct check check = { &looker, false, 0, 0, KC_OUT_MEMORY };
	int ret;

	kc_looker_take(&looker, 0);
	if (!await_end(&check, timeout))
		return 0;
	/* To find names takes more of a stack than there may be. */
	kc_thread_roomy(put_all, &check);
	ret = report_list(&check);
	return ret ? ret : (int)check.nr;
}

/* Who asks in this way waits for the answer. */
static void check(void)
{
	kc_leak_check(KC_SECOND);
}

static int check_at_exit(void)
{
	return atexit(check) ? -ENOMEM : 0;
}

KC_DEBUG_WORD("leaks", check_at_exit)
