/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A panic, in three parts.
 *
 * struct kc_panicked is what it is about: text, value, where it happened. Many may
 * hold it: it outlives the panic, and can be raised again, also in several
 * goroutines at a time. struct kc_panic is one that goes on, on the stack where it
 * happened; a deferred call that it runs may panic in turn, so they form a chain,
 * the newest first. struct kc_protect is where one ends: in a kc_protect(), or
 * where the goroutine's function was called.
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
	struct kc_panic *below;		/* it ran the call that this happened in */
	struct kc_panicked *what;	/* NULL: this is kc_goexit() */
	struct kc_protect *protect;	/* where it is to end */
	bool recovered;
};

struct kc_protect {
	jmp_buf env;
	struct kc_protect *up;
	size_t mark;			/* what was deferred before stays */
	bool base;			/* of a goroutine */
	struct kc_panic *panic;		/* as they were outside of it */
	struct kc_panic *running;
	/* After a panic. */
	struct kc_panicked *what;	/* NULL if it was recovered */
	bool goexit;			/* which the panic was in the middle of */
};

/*
 * Call the goroutine's function. Returns when that has returned, was left by a
 * panic that does not end the program, or by kc_goexit().
 */
void kc_g_run(struct kc_g *g);

/* Run what is deferred, down to this many. */
void kc_g_run_deferred(struct kc_g *g, size_t mark);

/*
 * For a deferred call that nothing in its goroutine was deferred before: it is run by
 * a panic, and the program is going to end of that.
 */
bool kc_panic_is_fatal(const struct kc_g *g);

/* Raises it; the reference goes with it. */
KC_NORETURN void kc_raise(struct kc_g *g, struct kc_panicked *what);

/*
 * Of this goroutine. Takes over @text, NULL if there was no memory for it, and
 * @value. It does not fail.
 */
struct kc_panicked *kc_panicked_make(char *text, void *value,
				     void (*destroy)(void *value),
				     const struct kc_trace *trace);
struct kc_panicked *kc_panicked_ref(struct kc_panicked *what);
void kc_panicked_unref(struct kc_panicked *what);

/* Takes the reference. */
void kc_panicked_tell(struct kc_panicked *what, kc_panic_info *info);

#endif /* LIBKCHAN_PANIC_PANICKING_H */
