// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Panics: from where one happens to where it ends.
 *
 * While a panic runs deferred calls nothing of the stack is given up. Once all have
 * run down to where it ends, it is known how: whether one of them recovered it; and
 * all panics and kc_goexit() that were going on further up the stack end with it,
 * since it is from their deferred calls that this one does not return. kc_goexit()
 * does not end with it, though: whoever stopped the panic goes on with that.
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

/* Whenever the chain has changed, or what is to come of it. For exit(): see crash.c. */
static void note_crash(struct kc_g *g)
{
	const struct kc_panic *p;
	bool crashing = false;

	for (p = g->panic; p; p = p->below)
		crashing |= p->what && ends_program(g, p);
	__atomic_store_n(&g->crashing, crashing, __ATOMIC_RELAXED);
}

/* A panic, or kc_goexit(), that is to end in the innermost kc_protect(). */
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
 * A call that is no panic's to run cannot recover one, be it that all this happens
 * in a call which is.
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

/* By the panic @p, down to where it ends; or part of the way, for kc_goexit(). */
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
 * Leave the stack of the panic @p, which is the newest, for where it ends. What is
 * dropped may call the program's functions, which may panic in turn: so each is off the
 * chain by then, and such a panic lands here instead, with those that are left.
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

	/* Of threads that the library has not started, it may be the first. */
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

/* After a panic has landed here. */
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
	/* In a kc_protect() inside of the deferred call; or nowhere to go on. */
	if (p->protect != g->protect || !p->protect)
		return 0;
	p->recovered = true;
	note_crash(g);
	kc_panicked_tell(kc_panicked_ref(p->what), out);
	return 1;
}

/* Main, or a thread of somebody else's. */
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
		/* Those outside are not this one's to end: leave it. */
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
 * Call one of the program's functions after the goroutine's own. It may call kc_goexit(),
 * which lands here. If it panics there is no other way to tell it.
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
 * Log the panic that has ended a safe goroutine, and then drop its value. The logger is
 * the program's, and so is what drops the value: none keeps the other from being called.
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
