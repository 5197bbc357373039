/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines that work on parts of one task: Go's golang.org/x/sync/errgroup.
 *
 *	kc_group g = KC_GROUP_INIT;
 *	kc_error *err;
 *	kc_ctx *ctx;
 *
 *	if (kc_group_with_context(&g, &ctx, parent))
 *		...
 *	for (i = 0; i < n; i++)
 *		if (kc_group_go(&g, fetch, &parts[i]))
 *			...
 *	err = kc_group_wait(&g);
 *	kc_ctx_unref(ctx);
 *
 * The wait returns the first error that a member returned. That error also cancels the
 * context, so that the others can stop, and is its cause (kc_ctx_cause()). Further errors
 * are dropped.
 *
 * A panic that a member does not recover ends the program at once, as in any goroutine,
 * and no wait returns before that. With KC_GROUP_PROPAGATE, kc_group_wait() raises the
 * panic instead. A member that ends by kc_goexit() has ended without an error.
 *
 * A group is valid when zero, and has no context then. After a wait it is as new, and
 * needs no clean-up. So wait for each group that has members or a context. It is for
 * the threads of one process.
 */
#ifndef KCHAN_ERRGROUP_H
#define KCHAN_ERRGROUP_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/context.h>
#include <kchan/error.h>
#include <kchan/sem.h>
#include <kchan/waitgroup.h>

KC_DECLS_BEGIN

/* The members are the library's own. */
typedef struct kc_group {
	kc_waitgroup members;
	kc_sem room;
	kc_ctx *ctx;
	kc_error *error;
	struct kc_panicked *panic;
	uint32_t lock;
	uint32_t flags;
	uint32_t limited;
	uint32_t waiting;
	uint64_t reserved[4];
} kc_group;

#define KC_GROUP_INIT							\
	{ KC_WAITGROUP_INIT, KC_SEM_INIT(0), NULL, NULL, NULL, 0, 0, 0,	\
	  0, { 0, 0, 0, 0 } }

/*
 * Give the group a context, made from @parent. It is cancelled by the first error of
 * a member, or when the wait returns. *@ctx is one reference to it, for the caller.
 *
 * 0, or what kc_with_cancel() returns.
 */
int kc_group_with_context(kc_group *g, kc_ctx **ctx, kc_ctx *parent)
	KC_MUST_CHECK;

/*
 * kc_group_set_flags(): a panic in a member does not end the program there. It cancels
 * the context. When all members have ended, kc_group_wait() raises the panic again,
 * with its first backtrace. If several members panic, it raises the first of these
 * panics.
 */
#define KC_GROUP_PROPAGATE	((uint32_t)1 << 0)

/*
 * Set the flags of a group. Set them before the first kc_group_go().
 *
 * 0, or
 * -EINVAL	an unknown flag
 */
int kc_group_set_flags(kc_group *g, uint32_t flags);

/*
 * Let at most @n members run at a time. With 0, none can be started. A negative @n
 * means no limit. It is a panic to call this while members run.
 */
void kc_group_set_limit(kc_group *g, int n);

/*
 * Run @fn(@arg) in a goroutine of its own, as a member of the group. @fn returns its
 * error, with the reference, or NULL. With a limit this waits until fewer members are
 * running. The try form does not wait for that.
 *
 * 0, or what kc_go() returns, or
 * -EBUSY	in the try form: as many members as the limit allows are running
 *
 * After an error the member was not started.
 */
int kc_group_go(kc_group *g, kc_error *(*fn)(void *arg), void *arg) KC_MUST_CHECK;
int kc_group_try_go(kc_group *g, kc_error *(*fn)(void *arg), void *arg)
	KC_MUST_CHECK;

/*
 * As kc_group_go() and kc_group_try_go(), but @fn is given the address of a copy of
 * the @size bytes at @arg, as by kc_go_copy(). So each member of a loop gets its own
 * argument.
 *
 * What kc_group_go() and kc_group_try_go() return.
 */
int kc_group_go_copy(kc_group *g, kc_error *(*fn)(void *arg), const void *arg,
		     size_t size) KC_MUST_CHECK;
int kc_group_try_go_copy(kc_group *g, kc_error *(*fn)(void *arg), const void *arg,
			 size_t size) KC_MUST_CHECK;

/*
 * Wait until all members have ended. Then the group's context is cancelled, with the
 * first error as its cause.
 *
 * Several goroutines may wait at a time, and all get the same error. When the last one
 * has returned, the group is as new, except for its limit and flags.
 *
 * Returns the first error, with a reference for the caller; or NULL if there was
 * none.
 */
kc_error *kc_group_wait(kc_group *g);

KC_DECLS_END

#endif /* KCHAN_ERRGROUP_H */
