// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Taking a backtrace, as addresses only, with the compiler's unwinder. It is cheap,
 * needs little stack, and passes signal frames. It also takes the trace of another
 * thread that is held where it waits.
 */
#include <unwind.h>

#include "sched/routine.h"
#include "sched/trace.h"

void kc_trace_pass_lock(void)
{
	/* The lookup takes the lock. Its result is not used. */
	_Unwind_FindEnclosingFunction((void *)kc_trace_pass_lock);
}

struct walk {
	struct kc_trace *trace;
	uintptr_t from;
	uintptr_t end;			/* where to stop: the function that calls the
					 * goroutine's function */
	bool begun;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	struct kc_trace *trace = walk->trace;
	int exact = 0;
	uintptr_t pc = _Unwind_GetIPInfo(context, &exact);

	if (!pc || trace->nr == KC_TRACE_MAX)
		return _URC_END_OF_STACK;
	/* Frames outside of the goroutine's function are left out. */
	if (walk->end && _Unwind_GetRegionStart(context) == walk->end)
		return _URC_END_OF_STACK;
	if (exact)
		pc++;
	walk->begun |= pc == walk->from;
	if (walk->begun)
		trace->pcs[trace->nr++] = pc;
	return _URC_NO_REASON;
}

/* Returns 0 for a thread that is not the library's. */
static uintptr_t end_of(const struct kc_g *g)
{
	return g ? (uintptr_t)g->run : 0;
}

struct kc_trace kc_trace_take_in_handler(uintptr_t from)
{
	struct kc_trace trace = { .nr = 0 };
	struct walk walk = { &trace, from, end_of(kc_g_current), false };

	_Unwind_Backtrace(step, &walk);
	if (!walk.begun) {
		walk.begun = true;
		_Unwind_Backtrace(step, &walk);
	}
	return trace;
}

/*
 * More stack than the unwinder needs. touch_room() makes a stack overflow happen here
 * and not inside of the unwinder: there it may hold its lock, which the report of the
 * overflow needs.
 */
#define ROOM	4096

static void __attribute__((noinline)) touch_room(void)
{
	volatile char room[ROOM];

	room[0] = 0;
	(void)room[0];
}

struct kc_trace kc_trace_take(uintptr_t from)
{
	touch_room();
	return kc_trace_take_in_handler(from);
}

#if KC_HAVE_REGS

static void walk_on(void *data)
{
	_Unwind_Backtrace(step, data);
}

struct kc_trace kc_trace_of(const struct kc_g *g)
{
	const struct kc_regs *regs = &g->parked.regs;
	struct kc_trace trace = { .nr = 0 };
	struct walk walk = { &trace, regs->pc, end_of(g), false };

	kc_regs_call(regs, walk_on, &walk);
	return trace;
}

#else

struct kc_trace kc_trace_of(const struct kc_g *g)
{
	(void)g;
	return (struct kc_trace){ .nr = 0 };
}

#endif
