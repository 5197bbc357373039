// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines that are left.
 *
 * They are counted at one instant, under the lock. Visiting them takes time: some may
 * end before their visit, after they started others, which are too new for this walk.
 * So the count is the result. A chain of goroutines in which each starts the next one
 * is never "none".
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/kchandebug.h"
#include "base/logger.h"
#include "debug/asleep.h"
#include "debug/dump.h"
#include "sched/thread.h"

/* The pause between two checks. It doubles each time. */
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
	struct kc_print list;
};

/*
 * Waits until no goroutine is left, or further waiting is of no use. True if some are
 * left.
 */
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
	kc_print_text(&check->list, "\n\n");
	kc_dump_one(&check->list, s, kc_real_now(), note);
	if (check->list.failed)
		return -ENOMEM;
	/* Whoever prints the text adds the last newline. */
	check->list.len--;
	return 0;
}

/* Prints the number of goroutines that were counted and not visited. */
static void put_missed(struct check *check)
{
	if (check->nr_listed >= check->nr) {
		check->nr = check->nr_listed;
		return;
	}
	kc_print_text(&check->list, "\n\n");
	kc_print_number(&check->list, check->nr - check->nr_listed);
	kc_print_text(&check->list, " of them ended or began while this was written");
}

static void put_all(void *data)
{
	struct check *check = data;

	kc_look(check->looker, put, NULL, check);
	put_missed(check);
}

/* Logs the text, and frees it also if the logger panics. */
static int report(char *text)
{
	KC_DEFER_SCOPE;

	if (!text)
		return -ENOMEM;
	kc_defer(free, text);
	kc_log(text);
	return 0;
}

/* Takes over the list. */
static int report_list(struct check *check)
{
	struct kc_print out = KC_PRINT_MEMORY;

	kc_print_number(&out, check->nr);
	kc_print_text(&out, check->nr == 1 ? " goroutine is left:" :
					   " goroutines are left:");
	kc_print_bytes(&out, check->list.text, check->list.len);
	out.failed |= check->list.failed;
	free(check->list.text);
	return report(kc_print_string(&out));
}

int kc_leak_check(int64_t timeout)
{
	struct kc_looker looker;
	struct check check = { &looker, false, 0, 0, KC_PRINT_MEMORY };
	int ret;

	kc_looker_take(&looker, 0);
	if (!await_end(&check, timeout))
		return 0;
	/* Looking up names needs more stack than a goroutine may have. */
	kc_thread_roomy(put_all, &check);
	ret = report_list(&check);
	return ret ? ret : (int)check.nr;
}

/* A person who sets KCHANDEBUG waits for the answer. */
static void check(void)
{
	kc_leak_check(KC_SECOND);
}

static int check_at_exit(void)
{
	return atexit(check) ? -ENOMEM : 0;
}

KC_DEBUG_WORD("leaks", check_at_exit)
