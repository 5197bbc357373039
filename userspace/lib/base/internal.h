/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's files share.
 */
#ifndef LIBKCHAN_INTERNAL_H
#define LIBKCHAN_INTERNAL_H

#include <errno.h>
#include <features.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/kchan.h>
#include <kchan/uapi.h>

#include "base/list.h"
#include "base/shared.h"

#ifndef __GLIBC__
#error "libkchan needs the GNU C library (glibc): it does not work with musl"
#endif

/*
 * The geometry cannot change any more, but for the capacity, which only the
 * kernel knows.
 */
struct kc_chan {
	/* References, and KC_CALL for each call that is in progress on the handle. */
	_Atomic uint64_t uses;
	struct kc_list all;
	int fd;
	uint32_t elem_size;
	bool message;
	void (*on_free)(void *owner);	/* NULL: nobody is told */
	void *owner;
	/* Of a channel of elements that own something: see kc_set_drop(). */
	void (*unreceived)(kc_chan *c);	/* before the last reference goes */
	void (*drop)(void *elem);
	pid_t drop_pid;
	/* With a race detector: what it knows of the channel, and KCHAN_INFO_*. */
	struct kc_race_chan *race;
	uint32_t ends;
};

/*
 * A handle of @fd, which then belongs to it. NULL when there is no memory.
 */
kc_chan *kc_new_handle(int fd, uint32_t elem_size, bool message);

/*
 * A call holds the handle for as long as it lasts, so that another thread may drop the
 * last reference meanwhile. It does so by this, and not by a reference: in the child of a
 * fork() the parent's calls are not there any more, and what they held is not held.
 */
#define KC_CALL	((uint64_t)1 << 32)

struct kc_call {
	kc_chan *chan;		/* NULL: nothing is held */
	uint32_t generation;
};

struct kc_call kc_call_begin(kc_chan *c);
void kc_call_end(const struct kc_call *call);

/* kc_unref() in a child of a fork(), with all locks held: it is done a little later. */
void kc_unref_forked(kc_chan *c);

/*
 * What is still in the channel when the last handle of this process that could
 * receive it goes is given to @drop. It is for channels whose elements point to
 * memory of this process: a copy in a forked child has nothing to say. It is for
 * handles that can also send, or whose senders have gone by then. Elements are of
 * at most KC_DROP_SIZE bytes.
 */
#define KC_DROP_SIZE	128
void kc_set_drop(kc_chan *c, void (*drop)(void *elem));

/* The caller has received @elem and does not want it. */
void kc_drop_unwanted(const kc_chan *c, void *elem);

/*
 * Copy a caller's options to *@to, in the form that we know. A program that was compiled
 * with an older header gives fewer bytes: what is missing is zero. One that was compiled
 * with a newer header gives more: they must be zero. A size of 0 is that of the form which
 * was published first, and which ends with the field @last.
 *
 * 0, -EINVAL (the size cannot be one) or -E2BIG.
 */
#define kc_take_options(to, from, last)					\
	kc_take_options_of((to), sizeof(*(to)), (from), (from)->size,	\
			   offsetof(__typeof__(*(to)), last) +		\
			   sizeof((to)->last))
KC_SHARED int kc_take_options_of(void *to, size_t known, const void *from, uint32_t size,
		       size_t first);

/* What a message to send must be, before the kernel sees it. */
static inline int kc_check_send_msg(const kc_chan *c, size_t len)
{
	if (!c->message || !len)
		return -EINVAL;
	return len > c->elem_size ? -EMSGSIZE : 0;
}

/*
 * How long a call may wait: the fields of struct kchan_select. Zero is for ever.
 *
 * A deadline is taken once, when the call begins: what is done again after a
 * signal handler has run does not wait any longer for it.
 */
struct kc_limit {
	uint32_t flags;
	int64_t deadline;
	int alarm;		/* 0, or a descriptor that tells of it, plus 1: clock.h */
	void *at;		/* where the call returns to, if that is known */
};

/* For the functions that programs call. */
#define KC_CALLER	__builtin_return_address(0)
#define KC_FOR_EVER	((struct kc_limit){ 0, 0, 0, KC_CALLER })
#define KC_NOT_AT_ALL	((struct kc_limit){ KCHAN_SELECT_NONBLOCK, 0, 0, KC_CALLER })

#define kc_until(deadline)	kc_until_at(deadline, KC_CALLER)
#define kc_within(timeout)	kc_within_at(timeout, KC_CALLER)

struct kc_limit kc_until_at(int64_t deadline, void *at);
struct kc_limit kc_within_at(int64_t timeout, void *at);

/* CLOCK_MONOTONIC, also while kc_now() is a fake: for what tests do not see. */
KC_SHARED int64_t kc_real_now(void);

/* @ns after a time, which is never before it and does not wrap. */
KC_SHARED int64_t kc_later(int64_t from, int64_t ns);

/* Sleep by the real clock, and without leaving word: for the library's own affairs. */
KC_SHARED void kc_rest(int64_t ns);

/* A call that nothing can end but its limit: -EAGAIN or -ETIMEDOUT. */
int kc_wait_for_nothing(kc_state state, struct kc_limit limit);

/* kc_group_try_go(), called from @at. */
int kc_group_try_start(kc_group *g, kc_error *(*fn)(void *arg), void *arg,
		       uintptr_t at);

/* Start a goroutine that is counted; what it runs takes it off again. */
struct kc_start;
KC_SHARED int kc_waitgroup_start(kc_waitgroup *wg, const struct kc_start *start);

/* The counter, as it is for a moment. */
int kc_waitgroup_count(const kc_waitgroup *wg);

#endif /* LIBKCHAN_INTERNAL_H */
