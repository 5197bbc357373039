// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether anybody can still wake anybody.
 *
 * Nobody can, if each thread of the process is a goroutine that waits for another one,
 * without a limit and not for descriptors of others, is a parked thread of the pool,
 * or the library's own with nothing to do (while somebody waits for all to wait, the
 * one that watches the fake clock has something); and if nobody else, in this process
 * or another, can use the channels that are waited for. For that the ends of each must
 * be those that this process has, and each of these must have no reference but one by
 * its descriptor and one for each call that is blocked on it.
 *
 * To look at all of that takes time, in which things happen. So all is looked at
 * twice. A goroutine that was seen to wait, its thread asleep, both times, and has not
 * begun to wait again in between, has run nothing of the program's from the first to
 * the second: those times have an instant in common, between the two rounds. One that
 * has been woken but has not run yet is not asleep, as the kernel tells.
 *
 * What an instance of io_uring may still do is not told. So where there is one, it is
 * not said that nobody can wake anybody.
 *
 * A round goes through those goroutines only that were there when it began. One that
 * starts another and ends may be missed, and so may the one that it started: each
 * ends before the round comes to it, and the next one is too young for the round. So
 * nothing counts if a goroutine was born from the beginning of the first round to the
 * end of the second.
 *
 * Who makes time leap has to know more: that it is so still when both rounds are
 * done. It is. Whatever a goroutine does that may wake another one it does before it
 * is seen the first time, since from then on it stays in the same wait. In a wait it
 * may run, being woken for nothing or for what another one was quicker to take, and
 * wait again; but there it wakes nobody: what is to be done besides is done before
 * it parks, or after it goes on. So from the end of the first round on nobody is
 * woken any more, and who sleeps in the second goes on doing so. The keeper is one
 * of those looked at: it does nothing if it has not begun another turn, and waits
 * for no more than what there is.
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

/* Somebody waits for all others to wait. */
static bool is_awaited(void)
{
	return kc_fake_clock && kc_fake_clock->is_awaited();
}

/* Of one round. */
struct round {
	uint64_t mark;		/* of who waits, for which time */
	unsigned int nr_seen;
	struct kc_holders uses;
	/* For who makes time leap; else NULL. */
	struct kc_blocked *blocked;
	uint64_t root;
};

/*
 * A write or a read holds the file once; a select does for each case, and once more
 * for the channel that it was called on, which is that of the last case.
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

/* What the kernel tells of a thread; "" if nothing. */
static void read_task(pid_t tid, const char *file, char *text, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, file);
	if (sys_read_text(path, text, size) < 0)
		text[0] = '\0';
}

/* As the kernel has it: one that is about to run is not. */
static bool is_asleep(pid_t tid)
{
	char stat[256];
	const char *end;

	read_task(tid, "stat", stat, sizeof(stat));
	/* 12 (name) S ...; the name may have such signs in it. */
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

/*
 * And it is off its CPU: one that was preempted when it was about to sleep, and may
 * find that it need not, looks asleep. Where the kernel does not tell this it is not
 * known.
 */
static bool is_still(pid_t tid)
{
	char call[16];

	if (!is_asleep(tid))
		return false;
	read_task(tid, "syscall", call, sizeof(call));
	return call[0] != 'r';		/* running */
}

/* It has not gone on meanwhile, to be held up by who looks at it. */
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
	/* The numbers of goroutines are never used again, nor are times less. */
	round->mark = (round->mark + s->info.id) * 0x9e3779b97f4a7c15 +
		s->parked->times;
	return 0;
}

/*
 * How many threads are known: of others, and those that come or go, there is the
 * number of all only.
 */
static long count_known(void)
{
	return (long)kc_g_count() + kc_thread_count_own();
}

/*
 * Who is seen to wait for the keeper or the clock has let it know before: so in the
 * second round, which asks first, it has work, or who waited has been woken.
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

/* Where there is none any more there is no deadlock: the process is about to end. */
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
