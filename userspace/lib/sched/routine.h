/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A goroutine: what the library keeps of one.
 *
 * Every goroutine has a struct kc_g: those that the library starts have it in the
 * struct kc_worker of their thread (pool.h), from one goroutine to the next; main
 * and the threads of others in a thread-local variable, from their first call of
 * the library on. All of them are on one list. The lock of that list is also the
 * pool's, so that to start a goroutine, and to end one, takes it once.
 */
#ifndef LIBKCHAN_SCHED_ROUTINE_H
#define LIBKCHAN_SCHED_ROUTINE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/futex.h"
#include "base/hook.h"
#include "base/list.h"
#include "base/shared.h"
#include "sched/dice.h"
#include "sched/regs.h"

#define KC_NAME_SIZE	32	/* of a goroutine */
#define KC_COMM_SIZE	16	/* what the kernel has room for */
#define KC_DEFERS	8	/* that need no memory of their own */

struct kc_panic;
struct kc_protect;

struct kc_deferred {
	void (*fn)(void *arg);
	void *arg;
};

/* struct kc_g.flags, besides KC_GO_*: its thread is the library's. */
#define KC_G_POOL	((uint32_t)1 << 31)

/* Where a goroutine waits: see park.h. */
struct kc_parked {
	uint32_t hold;			/* enum kc_hold, a futex */
	uint32_t state;			/* kc_state */
	uint32_t flags;			/* KC_GOROUTINE_TIMED, KC_GOROUTINE_FOREIGN */
	uint32_t nr;			/* of cases, in a select */
	const void *on;			/* kc_chan, kc_mutex, struct kchan_case[] ... */
	int64_t since;
	uint64_t times;			/* that it has waited so far */
	struct kc_regs regs;
};

struct kc_g {
	/*
	 * For others to see: changed under kc_sched.lock only, and read by other
	 * threads under it.
	 */
	struct kc_list all;		/* in kc_sched.all */
	bool live;			/* else its thread is parked */
	uint32_t flags;
	uint64_t id;
	uint64_t parent;		/* who started it; 0: not known */
	uintptr_t started_at;		/* the call of kc_go() that did */
	void (*run)(struct kc_g *g);	/* calls the function; NULL: not ours */
	void (*fn)(void *arg);
	void *arg;
	pid_t tid;
	char name[KC_NAME_SIZE];

	/* Changed by its own thread only, atomically: see crash.c. */
	bool crashing;			/* by a panic that nobody has recovered yet */

	/* For its own thread. */
	struct kc_deferred *deferred;	/* a stack */
	size_t nr_deferred;
	size_t max_deferred;
	struct kc_deferred few[KC_DEFERS];
	struct kc_protect *protect;	/* the innermost one */
	struct kc_panic *panic;		/* the innermost one */
	struct kc_panic *running;	/* that runs a deferred call now */
	uintptr_t stack_low;		/* of a thread of ours: the guard's start */
	uintptr_t stack_high;
	struct kc_dice dice;

	/* For its own thread while it runs, for who looks while it waits. */
	struct kc_parked parked;
};

struct kc_sched {
	uint32_t lock;
	uint64_t last_id;
	struct kc_list all;
	char comm[KC_COMM_SIZE];	/* what the kernel calls the process */
	int error;			/* of what is set up once */
};

extern struct kc_sched kc_sched;

KC_SHARED extern _Thread_local struct kc_g *kc_g_current
	__attribute__((tls_model("initial-exec")));

/* Makes a thread that is not the library's known. */
KC_SHARED struct kc_g *kc_g_adopt(void);

/* This thread's. */
static inline struct kc_g *kc_g_self(void)
{
	struct kc_g *g = kc_g_current;

	return __builtin_expect(!g, 0) ? kc_g_adopt() : g;
}

/*
 * For a call that takes a lock, or links or holds something, and then needs to know whose
 * it is: to be called before. The first call of a process that does so may call the
 * program's logger (see kc_g_adopt()), which may be left by a panic.
 */
static inline void kc_g_ready(void)
{
	(void)kc_g_self();
}

/* What is set up once in a process: 0, or why goroutines cannot be had. */
int kc_g_setup(void);

/* With the lock held. */
static inline uint64_t kc_g_next_id(void)
{
	return ++kc_sched.last_id;
}

/* How many are on the list, with the parked threads of the pool. */
unsigned int kc_g_count(void);

/* The number that was given last: none has been born as long as it is the same. */
uint64_t kc_g_newest(void);

void kc_g_set_name(struct kc_g *g, const char *name);

/*
 * The first thread of the process ends, which is this one, but not the process. The
 * hook is NULL in a program that can start no thread of the library's: then libc does
 * all that is to be done. See main_end.c.
 */
KC_HOOK extern void (*kc_main_hook)(void);
void kc_g_main_ends(void);

/*
 * Give the goroutine's deferred calls other memory, and free that which they had. It
 * takes the lock, for a fork(): its child frees what it finds there.
 */
void kc_g_set_deferred(struct kc_g *g, struct kc_deferred *deferred, size_t max);

/* Drop what they took. */
void kc_g_free_deferred(struct kc_g *g);

#endif /* LIBKCHAN_SCHED_ROUTINE_H */
