// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether anybody can still wake anybody.
 *
 * Nobody can, if each thread of the process is a goroutine that waits for another one,
 * without a limit and not for descriptors of others, is a parked thread of the pool,
 * or the library's own with nothing to do; and if nobody else, in this process or
 * another, can use the channels that are waited for. For that the ends of each must
 * be those that this process has, and each of these must have no reference but one by
 * its descriptor and one for each call that is blocked on it.
 *
 * To look at all of that takes time, in which things happen. So all is looked at
 * twice. A goroutine that was seen to wait, its thread asleep, both times, and has not
 * begun to wait again in between, has run nothing of the program's from the first to
 * the second: those times have an instant in common, between the two rounds. One that
 * has been woken but has not run yet is not asleep, as the kernel tells.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "asleep.h"
#include "keeper.h"
#include "notify.h"
#include "park.h"
#include "thread.h"
#include "uses.h"

/* Of one round. */
struct round {
	uint64_t mark;		/* of who waits, for which time */
	unsigned int nr_seen;
	struct kc_uses uses;
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
		return kc_uses_add(&round->uses, c->fd, c->elem_size ? 1 : 2);
	case KC_STATE_SELECT:
		for (i = 0; i < p->nr; i++)
			if (!kc_uses_add(&round->uses, cases[i].fd,
					 i == p->nr - 1 ? 2 : 1))
				return false;
	}
	return true;
}

/* As the kernel has it: one that is about to run is not. */
static bool is_asleep(pid_t tid)
{
	char path[48], stat[256];
	const char *end;
	long fd, len;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = sys_read(fd, stat, sizeof(stat) - 1);
	sys_close(fd);
	if (len <= 0)
		return false;
	stat[len] = '\0';
	/* 12 (name) S ...; the name may have such signs in it. */
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static int see(void *data, struct kc_sight *s)
{
	struct round *round = data;

	round->nr_seen++;
	if (s->info.flags & KC_GOROUTINE_SELF)
		return 0;
	if (!s->parked ||
	    (s->info.flags & (KC_GOROUTINE_TIMED | KC_GOROUTINE_FOREIGN)) ||
	    !is_asleep(s->info.tid) || !add_uses(round, s->parked))
		return -EBUSY;
	/* The numbers of goroutines are never used again, nor are times less. */
	round->mark = (round->mark + s->info.id) * 0x9e3779b97f4a7c15 +
		s->parked->times;
	return 0;
}

/* How many threads this process has: each is a folder in that one. */
static long count_threads(void)
{
	struct stat stat_;

	return stat("/proc/self/task", &stat_) ? -1 : (long)stat_.st_nlink - 2;
}

static bool look_once(const struct kc_looker *looker, struct round *round)
{
	const long threads = count_threads();

	if (kc_keeper_has_work() || kc_notify_is_wanted() ||
	    kc_look(looker, see, NULL, round))
		return false;
	/* Threads of others, and those that come or go, are in one number only. */
	return threads == (long)(kc_g_count() + kc_thread_count_own()) &&
	       kc_uses_are_all(&round->uses);
}

bool kc_all_asleep(const struct kc_looker *looker)
{
	struct round first = { 0 }, second = { 0 };
	bool asleep;

	asleep = look_once(looker, &first) && look_once(looker, &second) &&
		first.nr_seen == second.nr_seen && first.mark == second.mark;
	kc_uses_free(&first.uses);
	kc_uses_free(&second.uses);
	return asleep;
}
