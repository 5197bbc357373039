// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Taking a backtrace: addresses alone, by the compiler's unwinder, so that it is
 * cheap, needs little stack, and goes through signal frames. It can be that of
 * another thread, which is held where it waits.
 */
#include <unwind.h>

#include "sched/routine.h"
#include "sched/trace.h"

void kc_trace_pass_lock(void)
{
	/* It has to be looked for, which is all that is wanted of it. */
	_Unwind_FindEnclosingFunction((void *)kc_trace_pass_lock);
}

struct walk {
	struct kc_trace *trace;
	uintptr_t from;
	uintptr_t end;			/* the function that calls the goroutine's */
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
	/* What calls goroutines is of no interest. */
	if (walk->end && _Unwind_GetRegionStart(context) == walk->end)
		return _URC_END_OF_STACK;
	if (exact)
		pc++;
	walk->begun |= pc == walk->from;
	if (walk->begun)
		trace->pcs[trace->nr++] = pc;
	return _URC_NO_REASON;
}

/* 0: there is none, in a thread that is not the library's. */
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
 * More than the unwinder takes of a stack. If it is not there, it shall be found out
 * here: there the unwinder may have its lock, which who tells of the overflow needs.
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
