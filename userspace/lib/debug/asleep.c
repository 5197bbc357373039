// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether all goroutines wait for each other, so that none can be woken.
 *
 * This is so if each thread of the process is one of the following:
 *
 * - a goroutine that waits for another one, without a limit, and not for a foreign
 *   descriptor;
 * - a parked thread of the pool;
 * - the library's own thread, with nothing to do. (While a goroutine waits for all
 *   others to wait, the thread of the fake clock has something to do.)
 *
 * And no other process may use the channels that are waited for. So each channel must
 * have only ends of this process, and each end's file must have only one reference for
 * its descriptor, and one for each call that is blocked on it.
 *
 * These checks take time, and things change meanwhile. So there are two rounds. Assume
 * that a goroutine is seen in the same wait in both rounds, with its thread asleep.
 * Then it has run no code of the program between the two. So there is an instant
 * between the rounds at which all goroutines waited. A goroutine that has been woken
 * and has not run yet does not count as asleep: the kernel shows it as runnable.
 *
 * The library cannot know what an io_uring instance will do. So if there is one, the
 * answer is no.
 *
 * A round visits only goroutines that existed when it began. A goroutine that starts
 * another one and ends may be missed, and the new one is not visited. So the answer is
 * no if a goroutine was started between the begin of the first round and the end of the
 * second.
 *
 * The fake clock also needs that this is still true when both rounds are finished. It
 * is: a goroutine wakes others only before it parks, or after it unparks. So what it
 * does to wake others is done before its first visit, since from then on it stays in
 * the same wait. Within the wait it may run, after a wake-up in vain, but it wakes
 * nobody there. So after the first round nobody is woken, and a thread that is asleep
 * in the second round stays asleep. The keeper is checked in the same way: if it has
 * not begun another turn, it has done nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "chan/handle.h"
#include "context/notify.h"
#include "debug/asleep.h"
#include "debug/holders.h"
#include "debug/uring.h"
#include "race/race.h"
#include "sched/keeper.h"
#include "sched/park.h"
#include "sched/thread.h"

/* True if a goroutine waits for all others to wait. */
static bool is_awaited(void)
{
	return kc_fake_clock && kc_fake_clock->is_awaited();
}

/* The data of one round. */
struct round {
	uint64_t mark;		/* a hash of who waits, and of how often each has waited */
	unsigned int nr_seen;
	struct kc_holders uses;
	/* For the fake clock, else NULL. */
	struct kc_blocked *blocked;
	uint64_t root;
};

/*
 * A write or a read holds the file once. A select holds it once for each case. It also
 * holds the file that it was called on, which is that of the last case.
 */
static bool add_uses(struct round *round, const struct kc_parked *p)
{
	const struct kchan_case *cases = p->on;
	const kc_chan *c = p->on;
	unsigned int i;

	switch (p->state) {
	case KC_STATE_RECV:
	case KC_STATE_SEND:
		return kc_holders_add(&round->uses, c->fd, c->elem_size ? 1 : 2);
	case KC_STATE_SELECT:
		for (i = 0; i < p->nr; i++)
			if (!kc_holders_add(&round->uses, cases[i].fd,
					     i == p->nr - 1 ? 2 : 1))
				return false;
	}
	return true;
}

/* Reads a file of the thread in /proc. The text is "" on failure. */
static void read_task(pid_t tid, const char *file, char *text, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, file);
	if (sys_read_text(path, text, size) < 0)
		text[0] = '\0';
}

/* True if the kernel shows the thread as sleeping. A runnable thread is not. */
static bool is_asleep(pid_t tid)
{
	char stat[256];
	const char *end;

	read_task(tid, "stat", stat, sizeof(stat));
	/* The line is: 12 (name) S ... The name may contain any character. */
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

/*
 * True if the thread also is off its CPU. A thread that was preempted just before it
 * sleeps looks asleep, but may find that it need not sleep. On kernels without the file
 * "syscall", this is not checked.
 */
static bool is_still(pid_t tid)
{
	char call[16];

	if (!is_asleep(tid))
		return false;
	read_task(tid, "syscall", call, sizeof(call));
	return call[0] != 'r';		/* "running" */
}

/* True if the goroutine has not tried to unpark. Then it waits until it is let go. */
static bool is_waiting(const struct kc_parked *p)
{
	return __atomic_load_n(&p->hold, __ATOMIC_ACQUIRE) == KC_HOLD_HELD;
}

static bool may_wait(struct round *round, const struct kc_sight *s)
{
	struct kc_blocked *blocked = round->blocked;

	if (s->info.flags & KC_GOROUTINE_FOREIGN)
		return false;
	if (!blocked)
		return !(s->info.flags & KC_GOROUTINE_TIMED) &&
		       add_uses(round, s->parked);
	if (s->info.flags & KC_GOROUTINE_TIMED)
		blocked->timed = true;
	if (!(s->info.flags & KC_GOROUTINE_THREAD) && s->info.id != round->root)
		blocked->others++;
	return true;
}

static int see(void *data, struct kc_sight *s)
{
	struct round *round = data;

	round->nr_seen++;
	if (s->info.flags & KC_GOROUTINE_SELF)
		return 0;
	if (!s->parked || !may_wait(round, s) || !is_still(s->info.tid) ||
	    !is_waiting(s->parked))
		return -EBUSY;
	/* Numbers of goroutines are never reused, and @times never decreases. */
	round->mark = (round->mark + s->info.id) * 0x9e3779b97f4a7c15 +
		s->parked->times;
	return 0;
}

/* The number of known threads. */
static long count_known(void)
{
	return (long)kc_g_count() + kc_thread_count_own();
}

/*
 * A goroutine that waits for the keeper or the fake clock told them before it parked.
 * The second round asks them before it visits goroutines: so either they have work
 * then, or the goroutine has been woken.
 */
static bool look_once(const struct kc_looker *looker, struct round *round)
{
	const long threads = kc_thread_count();

	if (kc_keeper_has_work() || kc_notify_is_wanted() || is_awaited() ||
	    kc_look(looker, see, NULL, round))
		return false;
	return kc_thread_are_all(threads, count_known()) &&
	       kc_holders_are_all(&round->uses);
}

/* If there is no goroutine, there is no deadlock: the process is about to end. */
bool kc_all_asleep(const struct kc_looker *looker)
{
	const uint64_t newest = kc_g_newest();
	struct round first = { 0 }, second = { 0 };
	bool asleep;

	asleep = look_once(looker, &first) && look_once(looker, &second) &&
		first.nr_seen && first.nr_seen == second.nr_seen &&
		first.mark == second.mark && kc_g_newest() == newest &&
		!kc_uring_may_be();
	kc_holders_free(&first.uses);
	kc_holders_free(&second.uses);
	return asleep;
}

static bool look_for_blocked(const struct kc_looker *looker, struct round *round,
			     struct kc_keeper_turn *turn)
{
	const long threads = kc_thread_count();
	long known;

	if (threads < 0 || !kc_keeper_is_idle(turn) ||
	    (turn->tid && !is_still(turn->tid)) || kc_look(looker, see, NULL, round))
		return false;
	known = count_known();
	round->blocked->strangers = threads > known ? threads - known : 0;
	return true;
}

bool kc_all_blocked(const struct kc_looker *looker, uint64_t root,
		    struct kc_blocked *blocked)
{
	const uint64_t newest = kc_g_newest();
	struct kc_blocked before = { 0 };
	struct round first = { .blocked = &before, .root = root };
	struct round second = { .blocked = blocked, .root = root };
	struct kc_keeper_turn turn, now;

	memset(blocked, 0, sizeof(*blocked));
	if (!look_for_blocked(looker, &first, &turn) ||
	    !look_for_blocked(looker, &second, &now))
		return false;
	blocked->next = now.next;
	if (blocked->strangers < before.strangers)
		blocked->strangers = before.strangers;
	return first.nr_seen == second.nr_seen && first.mark == second.mark &&
	       turn.number == now.number && kc_g_newest() == newest;
}
