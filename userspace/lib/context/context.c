// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making contexts and asking them. cancel.c cancels them.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fork.h"
#include "context/node.h"
#include "race/race.h"
#include "sched/dice.h"

static kc_ctx root = { .kind = KC_CTX_ROOT };

kc_ctx *kc_background(void)
{
	return &root;
}

kc_ctx *kc_todo(void)
{
	return &root;
}

kc_ctx *kc_ctx_ref(kc_ctx *ctx)
{
	if (ctx && ctx->kind != KC_CTX_ROOT)
		atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
	return ctx;
}

static void drop_parent(void *data)
{
	kc_ctx **parent = data;

	kc_ctx_unref(*parent);
}

/*
 * @destroy is the program's, and may panic. Then the deferred call drops the parents.
 */
static void free_value(struct kc_value_ctx *v)
{
	void (*destroy)(void *value) = v->destroy;
	kc_ctx *parent = v->ctx.parent;
	void *value = v->value;

	free(v);
	if (destroy) {
		KC_DEFER_SCOPE;

		kc_defer(drop_parent, &parent);
		destroy(value);
		/* Otherwise the caller drops the parent, in its loop. */
		parent = NULL;
	}
}

static void free_ctx(kc_ctx *ctx)
{
	switch (ctx->kind) {
	case KC_CTX_NODE:
		kc_node_free(kc_container(ctx, struct kc_node, ctx));
		break;
	case KC_CTX_VALUE:
		free_value(kc_container(ctx, struct kc_value_ctx, ctx));
		break;
	default:
		free(ctx);
	}
}

void kc_ctx_unref(kc_ctx *ctx)
{
	kc_ctx *parent;

	/* This is a loop, not a recursion: a chain of parents may be long. */
	for (; ctx && ctx->kind != KC_CTX_ROOT; ctx = parent) {
		if (!kc_race_put(&ctx->refs))
			return;
		parent = ctx->parent;
		free_ctx(ctx);
	}
}

static void init(kc_ctx *ctx, enum kc_ctx_kind kind, kc_ctx *parent)
{
	atomic_init(&ctx->refs, 1);
	ctx->kind = kind;
	ctx->parent = kc_ctx_ref(parent);
	ctx->node = kc_ctx_node(parent);
}

struct kc_node *kc_node_make(kc_ctx *parent)
{
	struct kc_node *n;

	/* From now on, the lock may be held at a fork(). */
	if (kc_fork_setup())
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	init(&n->ctx, KC_CTX_NODE, parent);
	n->up = n->ctx.node;
	n->ctx.node = n;
	n->deadline = n->up ? n->up->deadline : KC_NEVER;
	kc_list_init(&n->children);
	kc_list_init(&n->waits);
	return n;
}

int kc_with_cancel(kc_ctx **out, kc_ctx *parent)
{
	struct kc_node *n = kc_node_make(parent);

	if (!n)
		return -ENOMEM;
	kc_node_link(n);
	*out = &n->ctx;
	return 0;
}

int kc_with_deadline_cause(kc_ctx **out, kc_ctx *parent, int64_t deadline,
			   kc_error *cause)
{
	struct kc_node *n = kc_node_make(parent);

	if (!n)
		return -ENOMEM;
	if (deadline < n->deadline) {
		n->deadline = deadline;
		n->own = true;
		n->late = kc_error_ref(cause);
	}
	kc_node_link(n);
	*out = &n->ctx;
	return 0;
}

int kc_with_deadline(kc_ctx **out, kc_ctx *parent, int64_t deadline)
{
	return kc_with_deadline_cause(out, parent, deadline, NULL);
}

int kc_with_timeout_cause(kc_ctx **out, kc_ctx *parent, int64_t timeout,
			  kc_error *cause)
{
	return kc_with_deadline_cause(out, parent, kc_later(kc_now(), timeout),
				      cause);
}

int kc_with_timeout(kc_ctx **out, kc_ctx *parent, int64_t timeout)
{
	return kc_with_timeout_cause(out, parent, timeout, NULL);
}

int kc_with_value(kc_ctx **out, kc_ctx *parent, const void *key, void *value,
		  void (*destroy)(void *value))
{
	struct kc_value_ctx *v;

	if (!key)
		kc_panic("nil key");
	v = malloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	init(&v->ctx, KC_CTX_VALUE, parent);
	v->key = key;
	v->value = value;
	v->destroy = destroy;
	*out = &v->ctx;
	return 0;
}

int kc_without_cancel(kc_ctx **out, kc_ctx *parent)
{
	kc_ctx *ctx = malloc(sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	init(ctx, KC_CTX_WITHOUT, parent);
	ctx->node = NULL;
	*out = ctx;
	return 0;
}

static int cancel(kc_ctx *ctx, kc_error *cause)
{
	struct kc_node *n = kc_ctx_node(ctx);

	if (!n || &n->ctx != ctx)
		return -EINVAL;
	kc_jitter_here();
	kc_node_cancel(n, -ECANCELED, cause ? cause : &kc_canceled);
	if (n->signals)
		n->signals->stop(n->signals);
	return 0;
}

int kc_cancel_cause(kc_ctx *ctx, kc_error *cause)
{
	const int ret = cancel(ctx, cause);

	kc_error_unref(cause);
	return ret;
}

int kc_cancel(kc_ctx *ctx)
{
	return cancel(ctx, NULL);
}

void kc_cancel_unref(void *ctx)
{
	kc_cancel(ctx);
	kc_ctx_unref(ctx);
}

int kc_ctx_err(kc_ctx *ctx)
{
	struct kc_node *n = kc_ctx_node(ctx);

	return n ? kc_node_err(n) : 0;
}

kc_error *kc_ctx_cause(kc_ctx *ctx)
{
	return kc_ctx_err(ctx) ? ctx->node->cause : NULL;
}

int kc_ctx_deadline(kc_ctx *ctx, int64_t *deadline)
{
	const struct kc_node *n = kc_ctx_node(ctx);

	if (!n || n->deadline == KC_NEVER)
		return 0;
	if (deadline)
		*deadline = n->deadline;
	return 1;
}

void *kc_ctx_value(kc_ctx *ctx, const void *key)
{
	const struct kc_value_ctx *v;

	for (; ctx; ctx = ctx->parent) {
		if (ctx->kind != KC_CTX_VALUE)
			continue;
		v = kc_container(ctx, struct kc_value_ctx, ctx);
		if (v->key == key)
			return v->value;
	}
	return NULL;
}
