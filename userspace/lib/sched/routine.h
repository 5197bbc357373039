/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library stores about a goroutine.
 *
 * Every goroutine has a struct kc_g. A goroutine that the library starts has it in the
 * struct kc_worker of its thread (pool.h), which the thread reuses for its next
 * goroutine. Main and threads of the program have it in a thread-local variable, from
 * their first call on that asks for it. All are on one list. The lock of that list is
 * also the pool's lock. So starting a goroutine takes one lock once, and so does ending
 * one.
 */
#ifndef LIBKCHAN_SCHED_ROUTINE_H
#define LIBKCHAN_SCHED_ROUTINE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/base.h"
#include "base/futex.h"
#include "base/hook.h"
#include "base/list.h"
#include "base/shared.h"
#include "sched/dice.h"
#include "sched/regs.h"

#define KC_NAME_SIZE	32	/* of a goroutine's name */
#define KC_COMM_SIZE	16	/* of a thread's name in the kernel */
#define KC_DEFERS	8	/* the number of deferred calls that need no memory */

struct kc_panic;
struct kc_protect;

struct kc_deferred {
	void (*fn)(void *arg);
	void *arg;
};

/* A bit of struct kc_g.flags besides KC_GO_*: the thread belongs to the library. */
#define KC_G_POOL	((uint32_t)1 << 31)

/* Where a goroutine waits: see park.h. */
struct kc_parked {
	uint32_t hold;			/* enum kc_hold, a futex */
	uint32_t state;			/* kc_state */
	uint32_t flags;			/* KC_GOROUTINE_TIMED, KC_GOROUTINE_FOREIGN */
	uint32_t nr;			/* the number of cases of a select */
	const void *on;			/* kc_chan, kc_mutex, struct kchan_case[] ... */
	struct timespec since;		/* on CLOCK_MONOTONIC */
	uint64_t times;			/* how many waits it has begun so far */
	struct kc_regs regs;
};

struct kc_g {
	/*
	 * Written only under kc_sched.lock. Other threads also read them under that
	 * lock.
	 */
	struct kc_list all;		/* the link in kc_sched.all */
	bool live;			/* false: the thread is parked in the pool */
	uint32_t flags;
	uint64_t id;
	uint64_t parent;		/* the goroutine that started it; 0: not known */
	uintptr_t started_at;		/* the return address of the call that started it */
	void (*run)(struct kc_g *g);	/* calls the function; NULL: not the library's thread */
	void (*fn)(void *arg);
	void *arg;
	pid_t tid;
	char name[KC_NAME_SIZE];

	/* Written only by its own thread, atomically: see panic/crash.c. */
	bool crashing;			/* in a panic that is not recovered yet */

	/* Used only by its own thread. */
	struct kc_deferred *deferred;	/* a stack */
	size_t nr_deferred;
	size_t max_deferred;
	struct kc_deferred few[KC_DEFERS];
	struct kc_protect *protect;	/* the innermost one */
	struct kc_panic *panic;		/* the innermost one */
	struct kc_panic *running;	/* the panic that runs a deferred call now */
	uintptr_t stack_low;		/* in threads of the library: the lowest address of the
					 * guard */
	uintptr_t stack_high;
	struct kc_dice dice;

	/*
	 * Its own thread uses it while running; the looking thread uses it while it
	 * holds it.
	 */
	struct kc_parked parked;
};

struct kc_sched {
	uint32_t lock;
	uint64_t last_id;
	struct kc_list all;
	char comm[KC_COMM_SIZE];	/* the process's name in the kernel */
	int error;			/* of the setup, which is done once */
};

extern struct kc_sched kc_sched;

KC_SHARED extern _Thread_local struct kc_g *kc_g_current
	__attribute__((tls_model("initial-exec")));

/* Makes a thread that is not the library's known. */
KC_SHARED struct kc_g *kc_g_adopt(void);

/* The calling thread's goroutine. */
static inline struct kc_g *kc_g_self(void)
{
	struct kc_g *g = kc_g_current;

	return __builtin_expect(!g, 0) ? kc_g_adopt() : g;
}

/*
 * A function that takes a lock, links something or takes a reference, and later needs
 * to know its goroutine, calls this first. The first such call of a process may call
 * the program's logger (see kc_g_adopt()), and the logger may panic.
 */
static inline void kc_g_ready(void)
{
	(void)kc_g_self();
}

/* The setup of a process, done once. Returns 0 or a negative errno. */
int kc_g_setup(void);

/* Called with kc_sched.lock held. */
static inline uint64_t kc_g_next_id(void)
{
	return ++kc_sched.last_id;
}

/* The number of goroutines on the list, with the parked threads of the pool. */
unsigned int kc_g_count(void);

/* The number given last. While it stays the same, no goroutine has been started. */
uint64_t kc_g_newest(void);

void kc_g_set_name(struct kc_g *g, const char *name);

/*
 * Called when the first thread of the process, which is the caller, ends, and the
 * process goes on. The hook is NULL in a program that cannot start a thread of the
 * library. Then libc alone ends the process. See main_end.c.
 */
KC_HOOK extern void (*kc_main_hook)(void);
void kc_g_main_ends(void);

/*
 * Gives the goroutine another array for its deferred calls, and frees the old array. It
 * changes the pointer under kc_sched.lock: the child of a fork() frees the array that
 * it finds there.
 */
void kc_g_set_deferred(struct kc_g *g, struct kc_deferred *deferred, size_t max);

/* Frees the array of the deferred calls. */
void kc_g_free_deferred(struct kc_g *g);

#endif /* LIBKCHAN_SCHED_ROUTINE_H */
