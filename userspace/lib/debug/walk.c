// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Visiting all goroutines.
 *
 * The visiting thread has a place on the list of all goroutines: a struct kc_g that is
 * not live. It moves this place past one goroutine after another. It holds the list's
 * lock only for that. A visited goroutine that waits is held in its wait, so it cannot
 * end. For one that runs, all data is copied under the lock, and its thread is sent the
 * question there. New threads are added at the head of the list, and the walk goes from
 * the tail to the head. So it ignores goroutines with a number above the highest one at
 * the begin. Otherwise it might never end.
 */
#include <string.h>

#include "base/fork.h"
#include "chan/handle.h"
#include "debug/probe.h"
#include "debug/walk.h"
#include "sched/park.h"

/* Taken by the visiting thread before all other locks. */
static uint32_t looking;

/* In the child: a thread of the parent may hold it. */
static void forked(void)
{
	looking = KC_UNLOCKED;
	kc_probe_forked();
}

KC_AT_FORK(.order = KC_FORK_WALK, .forked = forked)

void kc_looker_take(struct kc_looker *looker, uintptr_t from)
{
	looker->self = kc_g_self();
	looker->traces = true;
	looker->trace = kc_trace_take(from);
}

struct walk {
	const struct kc_looker *looker;
	struct kc_g place;
	uint64_t last_id;
	struct kc_patience patience;
	struct kc_g *held;
	bool asked;
	struct kc_sight sight;
};

/* Called with the lock held. */
static void copy(struct kc_sight *s, const struct kc_g *g)
{
	memcpy(s->name, g->name, sizeof(s->name));
	s->info = (kc_goroutine){
		.size = sizeof(s->info),
		.id = g->id,
		.name = s->name,
		.state = KC_STATE_RUNNING,
		.tid = g->tid,
		.fd = -1,
		.parent = g->parent,
		.started_at = g->started_at,
		.fn = g->fn,
		.arg = g->arg,
		.pcs = s->trace.pcs,
	};
	if (!(g->flags & KC_G_POOL))
		s->info.flags = KC_GOROUTINE_THREAD;
	s->parked = NULL;
	s->trace.nr = 0;
}

/*
 * Moves to the next goroutine. False at the end of the list. Called with the lock held.
 */
static bool advance(struct walk *walk)
{
	struct kc_list *link = walk->place.all.prev;
	struct kc_sight *s = &walk->sight;
	struct kc_g *g;

	walk->held = NULL;
	walk->asked = false;
	for (; link != &kc_sched.all; link = link->prev) {
		g = kc_container(link, struct kc_g, all);
		if (!g->live || g->id > walk->last_id)
			continue;
		kc_list_del(&walk->place.all);
		kc_list_add(link->prev, &walk->place.all);
		copy(s, g);
		if (g == walk->looker->self)
			s->info.flags |= KC_GOROUTINE_SELF;
		else if (kc_hold(&g->parked))
			walk->held = g;
		else if (walk->looker->traces && g->tid && walk->patience.left)
			walk->asked = kc_probe(g->tid);
		return true;
	}
	return false;
}

static bool is_channel(kc_state state)
{
	return state == KC_STATE_SEND || state == KC_STATE_RECV;
}

static void see_parked(struct walk *walk)
{
	const struct kc_parked *p = &walk->held->parked;
	struct kc_sight *s = &walk->sight;
	struct kchan_info info;

	s->parked = p;
	s->info.state = p->state;
	s->info.flags |= p->flags;
	s->info.since = p->since.tv_sec * KC_SECOND + p->since.tv_nsec;
	if (p->state != KC_STATE_SELECT)
		s->info.on = p->on;
	if (is_channel(p->state))
		s->info.fd = ((const kc_chan *)p->on)->fd;
	if (!walk->looker->traces)
		return;
	if (s->info.fd >= 0 && !sys_ioctl(s->info.fd, KCHAN_IOC_INFO, &info))
		s->info.channel = info.id;
	s->trace = kc_trace_of(walk->held);
}

/* Called without the list's lock. */
static void look_at(struct walk *walk)
{
	struct kc_sight *s = &walk->sight;

	if (s->info.flags & KC_GOROUTINE_SELF) {
		if (walk->looker->traces)
			s->trace = walk->looker->trace;
	} else if (walk->held) {
		see_parked(walk);
	} else if (walk->asked) {
		if (!kc_probe_await(&s->trace, &walk->patience))
			s->trace.nr = 0;
	}
	s->info.nr_pcs = s->trace.nr;
}

int kc_look(const struct kc_looker *looker,
	    int (*see)(void *arg, struct kc_sight *sight), int (*then)(void *arg),
	    void *arg)
{
	struct walk walk = { .looker = looker, .patience = KC_PATIENCE };
	int ret = 0;

	kc_lock(&looking);
	kc_lock(&kc_sched.lock);
	walk.last_id = kc_sched.last_id;
	kc_list_add(kc_sched.all.prev, &walk.place.all);
	while (!ret && advance(&walk)) {
		kc_unlock(&kc_sched.lock);
		look_at(&walk);
		ret = see(arg, &walk.sight);
		if (walk.held)
			kc_let_go(&walk.held->parked);
		if (!ret && then)
			ret = then(arg);
		kc_lock(&kc_sched.lock);
	}
	kc_list_del(&walk.place.all);
	kc_unlock(&kc_sched.lock);
	kc_unlock(&looking);
	return ret;
}

int kc_look_self(const struct kc_looker *looker,
		 int (*see)(void *arg, struct kc_sight *sight), void *arg)
{
	struct kc_sight sight;

	kc_lock(&kc_sched.lock);
	copy(&sight, looker->self);
	kc_unlock(&kc_sched.lock);
	sight.info.flags |= KC_GOROUTINE_SELF;
	sight.trace = looker->trace;
	sight.info.nr_pcs = sight.trace.nr;
	return see(arg, &sight);
}
