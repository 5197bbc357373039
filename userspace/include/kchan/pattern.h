/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goroutines connected by channels, in the well-known ways: a generator, stages of
 * a pipeline, fan-out and fan-in. A pool of workers is in workpool.h.
 *
 *	kc_group g = KC_GROUP_INIT;
 *	kc_chan_opts ints = KC_CHAN_OPTS_INIT;
 *	kc_stage stages[] = {
 *		{ .fn = square, .elem_size = sizeof(int), .workers = 4 },
 *		{ .fn = only_odd, .elem_size = sizeof(int) },
 *	};
 *
 *	ints.elem_size = sizeof(int);
 *	kc_group_with_context(&g, &ctx, parent);
 *	kc_generate(&numbers, &g, ctx, &ints, count, NULL);
 *	kc_pipeline(&results, &g, ctx, numbers, stages, 2);
 *	kc_unref(numbers);
 *	kc_for_each(results, &n)
 *		...
 *	kc_unref(results);
 *	err = kc_group_wait(&g);
 *
 * All goroutines end by themselves. Each goroutine holds only the ends of channels that
 * it uses, and drops them when it returns. So
 *
 * - when a function has nothing more to send, the goroutines after it receive what is
 *   left, and then end-of-stream;
 * - when the receiver drops its channel (by kc_unref()), kc_yield() of the goroutines
 *   before it returns -EPIPE, and they return. That is no error;
 * - when the context is cancelled, all of them return. Elements on their way are
 *   dropped, and kc_ctx_cause() is the error;
 * - when a function returns an error, this is the group's error. The first error of a
 *   group cancels its context.
 *
 * So drop each channel once it has been passed on: as long as you hold it, its sender
 * cannot notice that nobody receives. And wait for the group. Without a group (NULL)
 * you cannot wait for the goroutines, and an error is logged (log.h).
 *
 * The calls take no reference from you. When one fails it has started nothing, and
 * received nothing.
 *
 * Elements are moved as bytes. If an element owns something, as a pointer may, that is
 * leaked when the channel loses its last receiver, or when the context is cancelled.
 * Use elements that own nothing, or a pool (workpool.h).
 */
#ifndef KCHAN_PATTERN_H
#define KCHAN_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/context.h>
#include <kchan/errgroup.h>
#include <kchan/error.h>

KC_DECLS_BEGIN

/* The output of a generator or a stage. It is valid until the function returns. */
typedef struct kc_sink kc_sink;

/*
 * Send an element, or a message of @len bytes if the channel is in message mode.
 *
 * 0, or
 * -EPIPE	nobody receives any more
 * -EIO	as for kc_send()
 * -ECANCELED, -ETIMEDOUT
 *	the context was cancelled: see kc_ctx_err()
 *
 * After an error the function should return. What it returns then does not matter: this
 * error counts.
 */
int kc_yield(kc_sink *sink, const void *elem) KC_MUST_CHECK;
int kc_yield_msg(kc_sink *sink, const void *msg, size_t len) KC_MUST_CHECK;

/*
 * The context, for functions that wait or take long.
 *
 * Returns the context, which belongs to the sink; NULL if there is none.
 */
kc_ctx *kc_sink_ctx(const kc_sink *sink);

/* Sends any number of elements. Returns an error, or NULL. */
typedef kc_error *(*kc_generate_fn)(void *arg, kc_sink *out);

/*
 * Gets an element of @len bytes, and sends any number of others. It may write to @elem.
 * Returns an error, which ends all, or NULL to continue.
 */
typedef kc_error *(*kc_stage_fn)(void *arg, void *elem, size_t len, kc_sink *out);

/*
 * Run @fn(@arg, sink) in a goroutine, which sends to a channel of @opts. *@out is
 * that channel, for receiving only. When @fn returns the channel is closed.
 *
 * 0, or what kc_make() and kc_go() return, or
 * -EINVAL	a channel is NULL, or an option invalid
 * -EBADF	a channel to receive from is for sending only
 * -EBUSY	the limit of the group is too low for so many members
 *
 * After an error nothing was started, and nothing was received.
 */
int kc_generate(kc_chan **out, kc_group *g, kc_ctx *ctx, const kc_chan_opts *opts,
		kc_generate_fn fn, void *arg) KC_MUST_CHECK;

/* A function, and the channel that it sends to. All members except fn may be zero. */
typedef struct kc_stage {
	kc_stage_fn fn;
	void *arg;
	size_t elem_size;	/* in bytes, of the channel that it sends to */
	size_t cap;		/* in elements */
	uint32_t flags;		/* KC_CHAN_MESSAGE */
	uint32_t workers;	/* goroutines that run it; 0: one */
	uint64_t reserved[4];
} kc_stage;

/*
 * Run the @n functions at @stages. The first one gets the elements from @in, and each
 * other one gets what the function before it sends. *@out is the channel that the last
 * function sends to, for receiving only. If @out is NULL, there is no such channel, and
 * the last function must not send. With several workers, elements may overtake each
 * other.
 *
 * 0, or what kc_make() and kc_go() return, or
 * -EINVAL	a channel is NULL, or an option invalid
 * -EBADF	a channel to receive from is for sending only
 * -EBUSY	the limit of the group is too low for so many members
 *
 * After an error nothing was started, and nothing was received.
 */
int kc_pipeline(kc_chan **out, kc_group *g, kc_ctx *ctx, kc_chan *in,
		const kc_stage *stages, size_t n) KC_MUST_CHECK;

/*
 * Fan-out: @n workers receive from @in. Each element goes to one of them. Each worker
 * sends to a channel of its own, which is in @outs. @stage->workers is not used.
 *
 * 0, or what kc_make() and kc_go() return, or
 * -EINVAL	a channel is NULL, or an option invalid
 * -EBADF	a channel to receive from is for sending only
 * -EBUSY	the limit of the group is too low for so many members
 *
 * After an error nothing was started, and nothing was received.
 */
int kc_fan_out(kc_chan **outs, size_t n, kc_group *g, kc_ctx *ctx, kc_chan *in,
	       const kc_stage *stage) KC_MUST_CHECK;

/*
 * Fan-in: move all elements of the @n channels at @ins to one channel. This is *@out,
 * of capacity @cap, for receiving only. All channels have the same element size and
 * mode. *@out is closed when all of @ins are closed and drained. Elements of the same
 * channel keep their order. @n is at least 1.
 *
 * 0, or what kc_make() and kc_go() return, or
 * -EINVAL	a channel is NULL, or an option invalid
 * -EBADF	a channel to receive from is for sending only
 * -EBUSY	the limit of the group is too low for so many members
 *
 * After an error nothing was started, and nothing was received.
 */
int kc_fan_in(kc_chan **out, kc_group *g, kc_ctx *ctx, kc_chan *const *ins,
	      size_t n, size_t cap) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PATTERN_H */
