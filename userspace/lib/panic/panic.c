// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Panics, from the raising to the end.
 *
 * While a panic runs deferred calls, no stack frame is given up. When all deferred
 * calls down to its kc_protect have run, it is known whether one of them has recovered
 * the panic. Then the stack is cut back to that kc_protect by longjmp. All panics and
 * calls of kc_goexit() whose frames are cut off end with it, because this panic
 * happened in their deferred calls, which do not return. A kc_goexit() that was cut off
 * is not forgotten: it is called again where the panic ended.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/logger.h"
#include "panic/crash.h"
#include "panic/panicking.h"
#include "panic/report.h"
#include "race/race.h"
#include "sched/pool.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

static void enter(struct kc_g *g, struct kc_protect *protect, bool base)
{
	protect->up = g->protect;
	protect->mark = g->nr_deferred;
	protect->base = base;
	protect->panic = g->panic;
	protect->running = g->running;
	protect->what = NULL;
	protect->goexit = false;
	g->protect = protect;
}

static bool ends_program(const struct kc_g *g, const struct kc_panic *p)
{
	if (p->recovered)
		return false;
	if (!p->protect)
		return true;
	return p->protect->base && !(g->flags & KC_GO_SAFE);
}

/*
 * Sets g->crashing. Called whenever the chain, or the outcome of one of its panics, has
 * changed. exit() reads it: see crash.c.
 */
static void note_crash(struct kc_g *g)
{
	const struct kc_panic *p;
	bool crashing = false;

	for (p = g->panic; p; p = p->below)
		crashing |= p->what && ends_program(g, p);
	__atomic_store_n(&g->crashing, crashing, __ATOMIC_RELAXED);
}

/*
 * Begins a panic, or kc_goexit() if @what is NULL. It ends in the innermost kc_protect.
 */
static void begin(struct kc_g *g, struct kc_panic *p, struct kc_panicked *what)
{
	p->below = g->panic;
	p->what = what;
	p->protect = g->protect;
	p->recovered = false;
	g->panic = p;
	note_crash(g);
}

/*
 * Runs deferred calls without a panic. Such a call cannot recover a panic, even if the
 * whole function runs inside of a deferred call that could: so "running" is NULL
 * meanwhile.
 */
void kc_g_run_deferred(struct kc_g *g, size_t mark)
{
	struct kc_panic *running = g->running;
	struct kc_deferred deferred;

	while (g->nr_deferred > mark) {
		deferred = g->deferred[--g->nr_deferred];
		g->running = NULL;
		deferred.fn(deferred.arg);
	}
	g->running = running;
}

/*
 * Runs deferred calls for @p, down to @p->protect. kc_goexit() calls it for each
 * protect.
 */
static void run_deferred(struct kc_g *g, struct kc_panic *p)
{
	const size_t mark = p->protect ? p->protect->mark : 0;
	struct kc_deferred deferred;

	while (g->nr_deferred > mark) {
		deferred = g->deferred[--g->nr_deferred];
		g->running = p;
		deferred.fn(deferred.arg);
	}
}

/*
 * Leaves the stack of @p, which is the newest panic, for @p->protect. Dropping a
 * panic's value may call a function of the program, which may panic in turn. So each
 * panic is taken off the chain before its value is dropped. Such a panic then lands
 * here, and drops the rest.
 */
KC_NORETURN static void land(struct kc_g *g, struct kc_panic *p)
{
	struct kc_protect *protect = p->protect;
	struct kc_panicked *last = p->recovered ? NULL : p->what;
	struct kc_panicked *what;

	g->running = protect->running;
	while (g->panic != protect->panic) {
		what = g->panic == p ? NULL : g->panic->what;
		if (!g->panic->what)
			protect->goexit = true;
		else if (g->panic == p && p->recovered)
			what = p->what;
		g->panic = g->panic->below;
		note_crash(g);
		if (what)
			kc_panicked_unref(what);
	}
	protect->what = last;
	g->protect = protect->up;
	_longjmp(protect->env, 1);
}

bool kc_panic_is_fatal(const struct kc_g *g)
{
	const struct kc_panic *p = g->running;

	return p && p->what && ends_program(g, p);
}

void kc_raise(struct kc_g *g, struct kc_panicked *what)
{
	struct kc_panic p;

	/*
	 * A thread that the library has not started may get here before any kc_start().
	 */
	(void)kc_crash_setup();
	begin(g, &p, what);
	run_deferred(g, &p);
	if (ends_program(g, &p))
		kc_report_fatal(&p);
	land(g, &p);
}

void kc_panic(const char *fmt, ...)
{
	const struct kc_trace trace = kc_trace_take(CALLER);
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	kc_raise(kc_g_self(), kc_panicked_make(text, NULL, NULL, &trace));
}

void kc_panic_value(void *value, void (*destroy)(void *value), const char *text)
{
	const struct kc_trace trace = kc_trace_take(CALLER);
	char *copy;

	if (text)
		copy = strdup(text);
	else if (asprintf(&copy, "%p", value) < 0)
		copy = NULL;
	kc_raise(kc_g_self(), kc_panicked_make(copy, value, destroy, &trace));
}

void kc_panic_again(const kc_panic_info *info)
{
	if (!info->panic)
		kc_panic("kc_panic_again() of no panic");
	kc_raise(kc_g_self(), kc_panicked_ref(info->panic));
}

/* The rest of kc_protect(), after a panic or kc_goexit() has landed there. */
static int caught(struct kc_protect *here, kc_panic_info *out)
{
	if (here->goexit) {
		if (here->what)
			kc_panicked_unref(here->what);
		kc_goexit();
	}
	if (!here->what)
		return 0;
	kc_panicked_tell(here->what, out);
	return 1;
}

static void leave(struct kc_g *g, const struct kc_protect *here)
{
	kc_g_run_deferred(g, here->mark);
	g->protect = here->up;
}

int kc_protect(void (*fn)(void *arg), void *arg, kc_panic_info *out)
{
	struct kc_protect here;

	enter(kc_g_self(), &here, false);
	if (_setjmp(here.env))
		return caught(&here, out);
	fn(arg);
	leave(kc_g_self(), &here);
	return 0;
}

int kc_recover(kc_panic_info *out)
{
	struct kc_g *g = kc_g_self();
	struct kc_panic *p = g->running;

	if (!p || !p->what || p->recovered)
		return 0;
	/*
	 * If there is a kc_protect() inside of the deferred call, this is not its
	 * panic. Without a protect there is no place to continue.
	 */
	if (p->protect != g->protect || !p->protect)
		return 0;
	p->recovered = true;
	note_crash(g);
	kc_panicked_tell(kc_panicked_ref(p->what), out);
	return 1;
}

/* Ends main, or a thread that is not the library's. */
KC_NORETURN static void exit_thread(struct kc_g *g)
{
	struct kc_panic *p = g->panic;

	g->panic = NULL;
	note_crash(g);
	for (; p; p = p->below)
		if (p->what)
			kc_panicked_unref(p->what);
	pthread_exit(NULL);
}

void kc_goexit(void)
{
	struct kc_g *g = kc_g_self();
	struct kc_panic p;

	begin(g, &p, NULL);
	for (;;) {
		run_deferred(g, &p);
		if (!p.protect)
			exit_thread(g);
		if (p.protect->base)
			land(g, &p);
		/* kc_goexit() does not end in kc_protect(). So it leaves this one. */
		p.protect = p.protect->up;
		g->protect = p.protect;
	}
}

static void drop(void *what)
{
	kc_panicked_unref(what);
}

static void log_text(void *text)
{
	kc_log(text ? text : "recovered from panic: out of memory to tell it");
}

/*
 * Calls a function of the program after the goroutine's own function. It may call
 * kc_goexit(), which ends here. If it panics, the program ends.
 */
static void call_after(struct kc_g *g, void (*fn)(void *arg), void *arg)
{
	struct kc_protect base;

	enter(g, &base, true);
	if (!_setjmp(base.env)) {
		fn(arg);
		leave(g, &base);
	}
	if (base.what) {
		const struct kc_panic p = { .what = base.what };

		kc_report_fatal(&p);
	}
}

/*
 * Logs the panic that has ended a safe goroutine, and then drops its value. Both call
 * functions of the program. If the first does not return normally, the second is called
 * all the same.
 */
static void report_safe(struct kc_g *g, struct kc_panicked *what)
{
	char *const text = kc_report_text("recovered from panic: ", what);

	call_after(g, log_text, text);
	free(text);
	call_after(g, drop, what);
}

__attribute__((noinline)) void kc_g_run(struct kc_g *g)
{
	struct kc_protect base;

	enter(g, &base, true);
	if (!_setjmp(base.env)) {
		kc_jitter_here();
		g->fn(g->arg);
		leave(g, &base);
	}
	if (base.what)
		report_safe(g, base.what);
	if (kc_clock_is_fake())
		kc_race_release(&kc_clock_faked);
	kc_g_free_deferred(g);
}
