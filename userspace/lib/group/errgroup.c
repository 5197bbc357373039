// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Groups of goroutines with one error.
 *
 * A wait group counts the members. A semaphore holds them to the limit. The group's
 * lock protects the rest: the first error, the first panic and the context. The lock is
 * never held over a call of another file. The error, the panic and the context stay
 * until the last caller of kc_group_wait() takes them.
 */
#include <string.h>

#include "base/futex.h"
#include "group/start.h"
#include "panic/panicking.h"
#include "panic/start.h"
#include "sync/count.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

struct member {
	kc_group *group;
	kc_error *(*fn)(void *arg);
	void *arg;
	bool limited;
};

/* A member that is to be started. */
struct joining {
	kc_group *group;
	kc_error *(*fn)(void *arg);
	void *arg;
	bool copied;		/* the member gets a copy of @arg */
	size_t size;		/* its size in bytes */
	uintptr_t at;		/* the return address of the call that starts it */
};

int kc_group_with_context(kc_group *g, kc_ctx **out, kc_ctx *parent)
{
	kc_ctx *ctx;
	int ret;

	ret = kc_with_cancel(&ctx, parent);
	if (ret)
		return ret;
	kc_lock(&g->lock);
	g->ctx = kc_ctx_ref(ctx);
	kc_unlock(&g->lock);
	*out = ctx;
	return 0;
}

int kc_group_set_flags(kc_group *g, uint32_t flags)
{
	if (flags & ~KC_GROUP_PROPAGATE)
		return -EINVAL;
	kc_lock(&g->lock);
	g->flags = flags;
	kc_unlock(&g->lock);
	return 0;
}

void kc_group_set_limit(kc_group *g, int n)
{
	const int running = kc_waitgroup_count(&g->members);

	if (running)
		kc_panic("the limit of a group set while %d of its members run",
			 running);
	g->limited = n >= 0;
	g->room = (kc_sem)KC_SEM_INIT(n >= 0 ? n : 0);
}

/*
 * Cancels the group's context, and takes over the reference of @cause. The group holds
 * its context until all members have ended.
 */
static void cancel(kc_group *g, kc_error *cause)
{
	if (g->ctx)
		kc_cancel_cause(g->ctx, cause);
	else
		kc_error_unref(cause);
}

/* Notes an error. Takes over the reference. */
static void fail(kc_group *g, kc_error *err)
{
	bool first;

	kc_lock(&g->lock);
	first = !g->error;
	if (first)
		g->error = err;
	kc_unlock(&g->lock);
	/* The group keeps its first error at least until this member has ended. */
	if (first)
		cancel(g, kc_error_ref(err));
	else
		kc_error_unref(err);
}

/* Notes a panic. Takes it over. */
static void propagate(kc_group *g, kc_panic_info *info)
{
	kc_error *err = kc_errorf(-ECANCELED, "panic: %s", info->text);

	kc_lock(&g->lock);
	if (!g->panic)
		g->panic = kc_panicked_ref(info->panic);
	kc_unlock(&g->lock);
	cancel(g, err);
	/* This comes last: dropping the panic's value may panic. */
	kc_panic_info_clear(info);
}

/* If a panic is going to end the program, waiters must not go on before that. */
static void leave(void *data)
{
	const struct member *member = data;

	if (kc_panic_is_fatal(kc_g_self()))
		return;
	if (member->limited)
		kc_sem_release(&member->group->room, 1);
	kc_waitgroup_done(&member->group->members);
}

static void call(void *data)
{
	const struct member *member = data;
	kc_error *err = member->fn(member->arg);

	if (err)
		fail(member->group, err);
}

static void run_member(void *data)
{
	const struct member *member = data;
	kc_panic_info info;

	kc_defer(leave, data);
	if (!(member->group->flags & KC_GROUP_PROPAGATE))
		call(data);
	else if (kc_protect(call, data, &info))
		propagate(member->group, &info);
}

/* Starts a member. With a limit, the caller has acquired a place in the semaphore. */
static int start_member(const struct joining *j, bool limited)
{
	struct member member = { j->group, j->fn, j->arg, limited };
	const struct kc_start start = {
		.fn = run_member,
		.arg = &member,
		.copied = true,
		.copy_size = sizeof(member),
		.tail = j->arg,
		.tail_size = j->size,
		.tail_at = j->copied ? offsetof(struct member, arg) : 0,
		.at = j->at,
	};
	int ret;

	kc_waitgroup_add(&j->group->members, 1);
	ret = kc_start(&start);
	if (!ret)
		return 0;
	if (limited)
		kc_sem_release(&j->group->room, 1);
	kc_waitgroup_done(&j->group->members);
	return ret;
}

static int go(const struct joining *j)
{
	const bool limited = j->group->limited;

	KC_NEED_FN(j->fn);
	if (limited)
		kc_sem_acquire(&j->group->room, 1);
	return start_member(j, limited);
}

static int try_go(const struct joining *j)
{
	const bool limited = j->group->limited;

	KC_NEED_FN(j->fn);
	if (limited && kc_sem_try_acquire(&j->group->room, 1))
		return -EBUSY;
	return start_member(j, limited);
}

int kc_group_go(kc_group *g, kc_error *(*fn)(void *arg), void *arg)
{
	return go(&(struct joining){ g, fn, arg, false, 0, CALLER });
}

int kc_group_go_copy(kc_group *g, kc_error *(*fn)(void *arg), const void *arg,
		     size_t size)
{
	return go(&(struct joining){ g, fn, (void *)arg, true, size, CALLER });
}

int kc_group_try_start(kc_group *g, kc_error *(*fn)(void *arg), void *arg,
		       uintptr_t at)
{
	return try_go(&(struct joining){ g, fn, arg, false, 0, at });
}

int kc_group_try_go(kc_group *g, kc_error *(*fn)(void *arg), void *arg)
{
	return try_go(&(struct joining){ g, fn, arg, false, 0, CALLER });
}

int kc_group_try_go_copy(kc_group *g, kc_error *(*fn)(void *arg), const void *arg,
			 size_t size)
{
	return try_go(&(struct joining){ g, fn, (void *)arg, true, size, CALLER });
}

/* What the last caller of kc_group_wait() takes out of the group. */
struct spoils {
	kc_ctx *ctx;
	kc_error *error;
	struct kc_panicked *panic;
};

static void drop_ctx(void *ctx)
{
	kc_ctx_unref(ctx);
}

/*
 * The values of the context and of the panic are the program's. Dropping them may
 * panic.
 */
static void drop(void *data)
{
	const struct spoils *spoils = data;
	KC_DEFER_SCOPE;

	kc_defer(drop_ctx, spoils->ctx);
	kc_error_unref(spoils->error);
	if (spoils->panic)
		kc_panicked_unref(spoils->panic);
}

static void drop_error(void *data)
{
	kc_error_unref(*(kc_error **)data);
}

/* Drops @spoils. Then raises @panic, or returns @err if @panic is NULL. */
static kc_error *finish(struct spoils *spoils, kc_error *err,
			struct kc_panicked *panic)
{
	kc_error *held = err;
	KC_DEFER_SCOPE;

	kc_defer(drop_error, &held);
	if (panic) {
		kc_defer(drop, spoils);
		kc_raise(kc_g_self(), panic);
	}
	drop(spoils);
	held = NULL;
	return err;
}

kc_error *kc_group_wait(kc_group *g)
{
	struct spoils spoils = { NULL, NULL, NULL };
	struct kc_panicked *panic;
	kc_error *err;

	kc_lock(&g->lock);
	g->waiting++;
	kc_unlock(&g->lock);
	kc_waitgroup_wait(&g->members);
	cancel(g, kc_error_ref(g->error));

	kc_lock(&g->lock);
	err = kc_error_ref(g->error);
	panic = g->panic ? kc_panicked_ref(g->panic) : NULL;
	if (!--g->waiting) {
		spoils = (struct spoils){ g->ctx, g->error, g->panic };
		g->ctx = NULL;
		g->error = NULL;
		g->panic = NULL;
	}
	kc_unlock(&g->lock);
	return finish(&spoils, err, panic);
}
