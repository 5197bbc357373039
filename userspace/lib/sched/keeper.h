/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keeper: one thread of the library's own, which waits for times, for signals
 * and for descriptors on behalf of the others. It is made when it is first needed,
 * sleeps when there is nothing to wait for, blocks all signals, and is no
 * goroutine.
 *
 * What it calls runs no code of the program's, waits for nothing but the library's
 * locks, and drops no reference that may be the last one: what has to do such
 * things starts a goroutine.
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
 * See that there is one: 0, or -EAGAIN. To be called before the first of the calls
 * below, by whoever can still say that it failed.
 */
KC_SHARED int kc_keeper_start(void);

/* It looks afresh at what there is to do. For signal handlers, too. */
KC_SHARED void kc_keeper_wake(void);

/*
 * What is to be done at a time: @fire is called then, once. It is zero, but for
 * @fire, before it is first used, and embedded in what it is about.
 */
struct kc_timed {
	struct kc_heap_node node;
	bool queued;
	void (*fire)(struct kc_timed *t);
	/*
	 * In the child of a fork() in which it was queued, and is no more. What it is
	 * in holds itself until then: others may be freed by what is called before.
	 */
	void (*forked)(struct kc_timed *t);
};

/* At @when, whatever was set before. */
KC_SHARED void kc_timed_set(struct kc_timed *t, int64_t when);

/* True if it was set, and has not begun to fire. */
bool kc_timed_del(struct kc_timed *t);

/*
 * A descriptor to be watched: @ready is called, once, when it can be read from or
 * is hung up. Used as struct kc_timed.
 */
struct kc_watch {
	struct kc_list link;
	bool queued;
	int fd;
	uint64_t id;		/* the keeper's own */
	void (*ready)(struct kc_watch *w);
};

/* 0, or -ENOMEM, -EMFILE, -ENFILE, -ENOSPC. */
int kc_watch_set(struct kc_watch *w, int fd);
bool kc_watch_del(struct kc_watch *w);

/*
 * Both of the above are in something that is about to be freed: when this returns
 * neither is set, nor being called.
 */
KC_SHARED void kc_keeper_forget(struct kc_timed *t);
void kc_keeper_forget_watch(struct kc_watch *w);

/*
 * True if it has nothing to do until somebody wakes it, or, at @turn->next, until its
 * clock says so. If its number is the same another time it has done nothing in between.
 */
struct kc_keeper_turn {
	pid_t tid;
	uint64_t number;
	int64_t next;		/* INT64_MAX: there is none */
};

bool kc_keeper_is_idle(struct kc_keeper_turn *turn);

/*
 * What the keeper does in each turn besides: it tells of signals. NULL: nobody is to be
 * told of any. Set before main(), by notify.c.
 */
KC_HOOK extern void (*kc_keeper_signals)(void);

/* True if there is something that it waits for, or calls. */
bool kc_keeper_has_work(void);

#endif /* LIBKCHAN_SCHED_KEEPER_H */
