// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What goroutines do, for programs. dump.c prints it for people.
 */
#include <stdlib.h>
#include <string.h>

#include "debug/walk.h"

/* gdb/libkchan-gdb.py reads this array, too. */
static const char *const kc_state_names[] = {
	[KC_STATE_RUNNING] = "running",
	[KC_STATE_RECV] = "chan receive",
	[KC_STATE_SEND] = "chan send",
	[KC_STATE_RECV_NIL] = "chan receive (nil chan)",
	[KC_STATE_SEND_NIL] = "chan send (nil chan)",
	[KC_STATE_SELECT] = "select",
	[KC_STATE_SELECT_NIL] = "select (no cases)",
	[KC_STATE_SLEEP] = "sleep",
	[KC_STATE_MUTEX] = "mutex lock",
	[KC_STATE_RWMUTEX_READ] = "rwmutex rlock",
	[KC_STATE_RWMUTEX_WRITE] = "rwmutex lock",
	[KC_STATE_COND] = "cond wait",
	[KC_STATE_WAITGROUP] = "waitgroup wait",
	[KC_STATE_SEM] = "semaphore acquire",
	[KC_STATE_ONCE] = "once do",
	[KC_STATE_SHUTDOWN] = "shutdown",
	[KC_STATE_TEST] = "test",
};

const char *kc_state_name(kc_state state)
{
	const size_t nr = sizeof(kc_state_names) / sizeof(kc_state_names[0]);

	return state < nr ? kc_state_names[state] : "?";
}

/* A goroutine that was visited. */
struct seen {
	kc_goroutine info;
	char name[KC_NAME_SIZE];
	struct kc_trace trace;
};

struct crowd {
	struct seen *all;
	size_t nr;
	size_t max;
};

static bool make_room(struct crowd *crowd)
{
	const size_t max = crowd->max ? 2 * crowd->max : 16;
	struct seen *all = reallocarray(crowd->all, max, sizeof(*all));

	if (!all)
		return false;
	crowd->all = all;
	crowd->max = max;
	return true;
}

static int note(void *data, struct kc_sight *sight)
{
	struct crowd *crowd = data;
	struct seen *seen;

	if (crowd->nr == crowd->max && !make_room(crowd))
		return -ENOMEM;
	seen = &crowd->all[crowd->nr++];
	seen->info = sight->info;
	memcpy(seen->name, sight->name, sizeof(seen->name));
	seen->trace.nr = sight->trace.nr;
	memcpy(seen->trace.pcs, sight->trace.pcs,
	       sight->trace.nr * sizeof(sight->trace.pcs[0]));
	return 0;
}

/*
 * Calls @each for all. No goroutine and no lock is held any more. So @each may do
 * anything, and may panic or call kc_goexit().
 */
static int tell(const struct crowd *crowd,
		int (*each)(void *arg, const kc_goroutine *g), void *arg)
{
	KC_DEFER_SCOPE;
	struct seen *seen;
	int ret = 0;

	kc_defer(free, crowd->all);
	for (size_t i = 0; i < crowd->nr && !ret; i++) {
		seen = &crowd->all[i];
		seen->info.name = seen->name;
		seen->info.pcs = seen->trace.pcs;
		ret = each(arg, &seen->info);
	}
	return ret;
}

int kc_goroutines(int (*each)(void *arg, const kc_goroutine *g), void *arg)
{
	struct crowd crowd = { NULL, 0, 0 };
	struct kc_looker looker;
	int ret;

	kc_looker_take(&looker, (uintptr_t)__builtin_return_address(0));
	ret = kc_look(&looker, note, NULL, &crowd);
	if (!ret)
		return tell(&crowd, each, arg);
	free(crowd.all);
	return ret;
}
