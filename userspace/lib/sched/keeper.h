/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keeper: a thread of the library which waits for times, signals and descriptors on
 * behalf of goroutines. It is started when it is first needed. It sleeps while there is
 * nothing to do. It blocks all signals, and it is no goroutine.
 *
 * The functions that it calls never run code of the program, never wait for anything
 * except the library's locks, and never drop a reference that may be the last one. Work
 * that does one of these is done in a goroutine, which the keeper starts.
 */
#ifndef LIBKCHAN_SCHED_KEEPER_H
#define LIBKCHAN_SCHED_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/heap.h"
#include "base/hook.h"
#include "base/list.h"
#include "base/shared.h"

/*
 * Starts the keeper if it does not run. Returns 0, -EAGAIN, or the error of the fork
 * setup. Call it before the functions below, where the failure can still be returned.
 */
KC_SHARED int kc_keeper_start(void);

/* Makes the keeper look again for work. Async-signal-safe. */
KC_SHARED void kc_keeper_wake(void);

/*
 * A timed call: the keeper calls @fire once at a given time. It is embedded in the
 * object that it is about. Before the first use all is zero, except @fire and @forked.
 */
struct kc_timed {
	struct kc_heap_node node;
	bool queued;
	void (*fire)(struct kc_timed *t);
	/*
	 * Called in the child of a fork() if the call was queued in the parent. It is
	 * not queued in the child. The object must hold a reference on itself until
	 * then: the calls for other objects, which come before, may drop theirs. May be
	 * NULL.
	 */
	void (*forked)(struct kc_timed *t);
};

/* Queues the call for @when. An earlier time is replaced. */
KC_SHARED void kc_timed_set(struct kc_timed *t, int64_t when);

/* True if the call was queued, and @fire has not begun. Then it will not be called. */
bool kc_timed_del(struct kc_timed *t);

/*
 * A watched descriptor. The keeper calls @ready once, when the descriptor is readable
 * or hung up. It is used as struct kc_timed is.
 */
struct kc_watch {
	struct kc_list link;
	bool queued;
	int fd;
	uint64_t id;		/* the keeper's number for it */
	void (*ready)(struct kc_watch *w);
};

/* Returns 0, -ENOMEM, -EMFILE, -ENFILE or -ENOSPC. */
int kc_watch_set(struct kc_watch *w, int fd);
bool kc_watch_del(struct kc_watch *w);

/*
 * To be called before the object with @t or @w in it is freed. When it returns, the
 * call is neither queued nor running.
 */
KC_SHARED void kc_keeper_forget(struct kc_timed *t);
void kc_keeper_forget_watch(struct kc_watch *w);

/*
 * True if the keeper has nothing to do until another thread wakes it, or until its
 * clock shows @turn->next. If @number is the same at two looks, the keeper has done
 * nothing in between.
 */
struct kc_keeper_turn {
	pid_t tid;
	uint64_t number;
	int64_t next;		/* INT64_MAX: there is no time */
};

bool kc_keeper_is_idle(struct kc_keeper_turn *turn);

/*
 * The keeper also calls this in each turn, to deliver signals. Set before main() by
 * context/notify.c. NULL if the program does not link that.
 */
KC_HOOK extern void (*kc_keeper_signals)(void);

/* True if the keeper has a queued call or a watch, or runs one of their functions. */
bool kc_keeper_has_work(void);

#endif /* LIBKCHAN_SCHED_KEEPER_H */
