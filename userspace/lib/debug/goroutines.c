// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What goroutines do, for programs to read: dump.c writes it for people.
 */
#include "debug/walk.h"

/* gdb/libkchan-gdb.py reads it, too. */
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

struct visit {
	int (*each)(void *arg, const kc_goroutine *g);
	void *arg;
};

static int see(void *data, struct kc_sight *sight)
{
	const struct visit *visit = data;

	return visit->each(visit->arg, &sight->info);
}

int kc_goroutines(int (*each)(void *arg, const kc_goroutine *g), void *arg)
{
	struct visit visit = { each, arg };
	struct kc_looker looker;

	kc_looker_take(&looker, (uintptr_t)__builtin_return_address(0));
	return kc_look(&looker, see, NULL, &visit);
}
