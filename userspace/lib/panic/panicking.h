/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A panic has three structures.
 *
 * struct kc_panicked is what a panic is about: text, value, place. It is
 * reference-counted, since it outlives the panic. It can be raised again, also in
 * several goroutines at once.
 *
 * struct kc_panic is a panic in progress, on the stack where it happened. A deferred
 * call that it runs may panic too, so they form a chain, with the newest first.
 *
 * struct kc_protect is where a panic ends: in a kc_protect(), or at the call of the
 * goroutine's function.
 */
#ifndef LIBKCHAN_PANIC_PANICKING_H
#define LIBKCHAN_PANIC_PANICKING_H

#include "sched/routine.h"
#include "sched/trace.h"

struct kc_panicked {
	atomic_uint refs;
	char *text;
	void *value;
	void (*destroy)(void *value);
	uint64_t goid;
	uint64_t parent;
	uintptr_t started_at;
	char name[KC_NAME_SIZE];
	struct kc_trace trace;
};

struct kc_panic {
	struct kc_panic *below;		/* the panic whose deferred call this one happened in */
	struct kc_panicked *what;	/* NULL: this is kc_goexit() */
	struct kc_protect *protect;	/* where it is to end; NULL: nowhere */
	bool recovered;
};

struct kc_protect {
	jmp_buf env;
	struct kc_protect *up;
	size_t mark;			/* how many deferred calls there were before */
	bool base;			/* true: at the call of the goroutine's function */
	struct kc_panic *panic;		/* this and @running: the values outside of it */
	struct kc_panic *running;
	/* Set when a panic ends here. */
	struct kc_panicked *what;	/* NULL if the panic was recovered */
	bool goexit;			/* the panic happened in a deferred call of kc_goexit() */
};

/*
 * Calls the goroutine's function. Returns when the function returns, calls kc_goexit(),
 * or is left by a panic that does not end the program.
 */
void kc_g_run(struct kc_g *g);

/* Runs deferred calls until @mark are left. */
void kc_g_run_deferred(struct kc_g *g, size_t mark);

/*
 * True if a panic runs the current deferred call, and that panic is going to end the
 * program. Only for the deferred call that was deferred first in its goroutine.
 */
bool kc_panic_is_fatal(const struct kc_g *g);

/* Raises the panic. Takes over the caller's reference. */
KC_NORETURN void kc_raise(struct kc_g *g, struct kc_panicked *what);

/*
 * Makes the description of a panic of the calling goroutine. Takes over @text and
 * @value. @text is NULL if there was no memory for it. Never fails.
 */
struct kc_panicked *kc_panicked_make(char *text, void *value,
				     void (*destroy)(void *value),
				     const struct kc_trace *trace);
struct kc_panicked *kc_panicked_ref(struct kc_panicked *what);
void kc_panicked_unref(struct kc_panicked *what);

/* Fills in @info, which takes over the reference. */
void kc_panicked_tell(struct kc_panicked *what, kc_panic_info *info);

#endif /* LIBKCHAN_PANIC_PANICKING_H */
