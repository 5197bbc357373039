// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Timers and tickers.
 *
 * A timer is armed from the time it is set until it fires or is stopped. Its lock is
 * held over each of these steps, and the keeper takes the lock to fire it. So a caller
 * that stops or resets the timer, and then takes an old tick out of the channel, gets
 * no later tick of the old setting. The keeper may already be waiting for the lock
 * then. When it has the lock, it sees that the timer is not armed, or is queued again,
 * and does nothing. The caller asks the kernel for an old tick only if one was sent since
 * the last time that it asked.
 *
 * The channel has two ends. The first one, which can send and receive, belongs to the
 * timer, which sends its ticks by it. The other one can only receive, and is what the
 * program gets.
 *
 * The keeper holds no reference. A timer with a function holds a reference to itself
 * while it is armed. The goroutine that runs the function takes it over.
 */
#include <stdlib.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fork.h"
#include "chan/handle.h"
#include "chan/races.h"
#include "panic/start.h"
#include "sched/keeper.h"

#define CALLER	((uintptr_t)__builtin_return_address(0))

/* If no thread can be created for a function, it is tried again after this time. */
#define AGAIN	(10 * KC_MILLISECOND)

struct kc_timer {
	atomic_uint refs;
	uint32_t lock;
	uint32_t generation;	/* the kc_generation of the process that the timer works in */
	bool armed;
	int64_t period;		/* of a ticker, else 0 */
	struct kc_timed timed;

	kc_chan *recv;		/* NULL: the caller of kc_after() owns it, or there is none */
	kc_chan *send;		/* NULL: the timer has a function */
	bool sent;		/* a tick was sent, and may be in the channel still */

	void (*fn)(void *arg);
	void *arg;
	uintptr_t at;		/* the call that made the timer */
	struct kc_starter starter;
};

struct kc_ticker {
	struct kc_timer timer;
};

/* In the child of a fork(), a timer of the parent's does nothing. */
static bool is_dead(const struct kc_timer *t)
{
	return t->generation != kc_generation;
}

/* The time of the next tick that is not in the past. */
static int64_t next_tick(const struct kc_timer *t, int64_t now)
{
	const int64_t when = t->timed.node.key, missed = (now - when) / t->period;
	int64_t after;

	if (__builtin_mul_overflow(missed, t->period, &after))
		return INT64_MAX;
	return kc_later(kc_later(when, after), t->period);
}

static void tick(struct kc_timer *t)
{
	const int64_t now = kc_now();

	/* If the channel is full, this tick is lost, as in Go. */
	if (!kc_try_send(t->send, &now))
		t->sent = true;
	t->armed = t->period;
	if (t->period)
		kc_timed_set(&t->timed, next_tick(t, now));
}

/* Receives a tick that nobody has received. True if there was one. */
static bool take_back(struct kc_timer *t)
{
	int64_t then;

	if (!t->sent || !t->recv)
		return false;
	t->sent = false;
	return kc_try_recv(t->recv, &then) == 1;
}

static void run(void *arg)
{
	struct kc_timer *t = arg;
	void (*fn)(void *arg) = t->fn;
	void *fn_arg = t->arg;

	kc_race_acquire(&t->timed);
	kc_clock_acquire();
	/* This comes before the call, because the function may call kc_goexit(). */
	kc_timer_unref(t);
	fn(fn_arg);
}

static void start(struct kc_timer *t)
{
	const struct kc_start start = {
		.fn = run,
		.arg = t,
		.at = t->at,
		.starter = &t->starter,
	};

	if (kc_start(&start))
		kc_timed_set(&t->timed, kc_later(kc_now(), AGAIN));
	else
		t->armed = false;
}

static void fire(struct kc_timed *timed)
{
	struct kc_timer *t = kc_container(timed, struct kc_timer, timed);

	kc_lock(&t->lock);
	if (t->armed && !timed->queued) {
		if (t->fn)
			start(t);
		else
			tick(t);
	}
	kc_unlock(&t->lock);
}

static void forked(struct kc_timed *timed)
{
	kc_timer_unref(kc_container(timed, struct kc_timer, timed));
}

/*
 * glibc's calloc() does not reuse the memory that was freed last. malloc() does. Compilers
 * make calloc() of a malloc() and a memset().
 */
static struct kc_timer *allocate(void)
{
	struct kc_timer *t = malloc(sizeof(*t));

	if (t)
		*t = (struct kc_timer){ 0 };
	return t;
}

static void init(struct kc_timer *t, unsigned int refs)
{
	atomic_init(&t->refs, refs);
	t->generation = kc_generation;
	t->timed.fire = fire;
	if (t->fn)
		t->timed.forked = forked;
}

/*
 * Makes a timer with a channel. Returns 0 or a negative errno. The channel is never mapped:
 * who receives a tick has nearly always waited for it.
 */
static int make_ticking(struct kc_timer **out)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	struct kc_timer *t;
	int ret;

	ret = kc_keeper_start();
	if (ret)
		return ret;
	t = allocate();
	if (!t)
		return -ENOMEM;
	opts.flags = KC_CHAN_NOMAP;
	opts.elem_size = sizeof(int64_t);
	opts.cap = 1;
	ret = kc_make_opts(&t->send, &opts);
	if (ret)
		goto free_timer;
	ret = kc_recv_only(&t->recv, t->send);
	if (ret)
		goto drop_channel;
	init(t, 1);
	*out = t;
	return 0;

drop_channel:
	kc_unref(t->send);
free_timer:
	free(t);
	return ret;
}

/* Called with the lock held. */
static void arm(struct kc_timer *t, int64_t ns)
{
	t->armed = true;
	kc_race_release(&t->timed);
	if (t->send)
		kc_race_set_tick(t->send);
	kc_timed_set(&t->timed, kc_later(kc_now(), ns));
}

/*
 * Called with the lock held. True if the timer was armed, or a tick was not received
 * yet. The caller then takes it off the keeper's queue, or sets it anew.
 */
static bool disarm(struct kc_timer *t)
{
	const bool was = t->armed;

	t->armed = false;
	return take_back(t) || was;
}

static int stop(struct kc_timer *t)
{
	bool was;

	if (is_dead(t))
		return 0;
	kc_lock(&t->lock);
	was = disarm(t);
	kc_timed_del(&t->timed);
	kc_unlock(&t->lock);
	if (was && t->fn)
		kc_timer_unref(t);
	return was;
}

static int reset(struct kc_timer *t, int64_t ns, int64_t period)
{
	bool was;

	if (is_dead(t))
		return 0;
	kc_lock(&t->lock);
	was = disarm(t);
	if (!was && t->fn)
		kc_timer_ref(t);
	t->period = period;
	arm(t, ns);
	kc_unlock(&t->lock);
	return was;
}

static void start_ticking(struct kc_timer *t, int64_t ns, int64_t period)
{
	(void)reset(t, ns, period);
}

static void drop(void *timer)
{
	kc_timer_unref(timer);
}

int kc_after(kc_chan **out, int64_t ns)
{
	struct kc_timer *t;
	int ret;

	ret = make_ticking(&t);
	if (ret)
		return ret;
	/* The channel holds the timer. So the timer must not hold the channel. */
	*out = t->recv;
	t->recv = NULL;
	(*out)->on_free = drop;
	(*out)->owner = t;
	start_ticking(t, ns, 0);
	return 0;
}

int kc_timer_make(kc_timer **out, int64_t ns)
{
	int ret = make_ticking(out);

	if (!ret)
		start_ticking(*out, ns, 0);
	return ret;
}

int kc_timer_func(kc_timer **out, int64_t ns, void (*fn)(void *arg), void *arg)
{
	struct kc_timer *t;
	int ret;

	KC_NEED_FN(fn);
	ret = kc_keeper_start();
	if (ret)
		return ret;
	t = allocate();
	if (!t)
		return -ENOMEM;
	t->fn = fn;
	t->arg = arg;
	t->at = CALLER;
	kc_starter_take(&t->starter);
	init(t, 1);
	if (out)
		*out = kc_timer_ref(t);
	kc_lock(&t->lock);
	arm(t, ns);
	kc_unlock(&t->lock);
	return 0;
}

kc_chan *kc_timer_chan(kc_timer *t)
{
	return t->recv;
}

int kc_timer_stop(kc_timer *t)
{
	return stop(t);
}

int kc_timer_reset(kc_timer *t, int64_t ns)
{
	return reset(t, ns, 0);
}

kc_timer *kc_timer_ref(kc_timer *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void kc_timer_unref(kc_timer *t)
{
	if (!t || !kc_race_put(&t->refs))
		return;
	if (!is_dead(t))
		kc_keeper_forget(&t->timed);
	/* In this order both directions end with the first end, in one step. */
	kc_unref(t->recv);
	kc_unref(t->send);
	free(t);
}

int kc_ticker_make(kc_ticker **out, int64_t period)
{
	struct kc_timer *t;
	int ret;

	if (period <= 0)
		return -EINVAL;
	ret = make_ticking(&t);
	if (ret)
		return ret;
	start_ticking(t, period, period);
	*out = kc_container(t, struct kc_ticker, timer);
	return 0;
}

kc_chan *kc_ticker_chan(kc_ticker *t)
{
	return t->timer.recv;
}

int kc_ticker_reset(kc_ticker *t, int64_t period)
{
	if (period <= 0)
		return -EINVAL;
	(void)reset(&t->timer, period, period);
	return 0;
}

void kc_ticker_stop(kc_ticker *t)
{
	(void)stop(&t->timer);
}

kc_ticker *kc_ticker_ref(kc_ticker *t)
{
	if (t)
		kc_timer_ref(&t->timer);
	return t;
}

void kc_ticker_unref(kc_ticker *t)
{
	if (t)
		kc_timer_unref(&t->timer);
}
