/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the calls for one element and those for several share: see transfer.c.
 */
#ifndef LIBKCHAN_CHAN_TRANSFER_H
#define LIBKCHAN_CHAN_TRANSFER_H

#include "base/base.h"
#include "base/clock.h"
#include "chan/handle.h"
#include "chan/mapped.h"
#include "sched/alarm.h"
#include "sched/dice.h"
#include "sched/park.h"

/* The elements of a caller, or the room for them. */
struct kc_transfer {
	kc_chan *chan;
	char *elems;
	size_t nr;
	size_t size;		/* of each, in bytes; of a message that came, its length */
	size_t moved;		/* how many have moved so far */
};

/*
 * Sends or receives one element by a select of one case. An alarm is a second case.
 * Returns 0 if the element moved, with its length in *@moved, or a negative errno. A
 * receive at end-of-stream returns -EPIPE here.
 */
int kc_select_one(const kc_chan *c, uint32_t op, const void *buf, uint32_t len,
		  struct kc_limit limit, uint32_t *moved);

/*
 * Receives and discards an element. Returns 1, and its length in *@moved; or 0 at
 * end-of-stream; or a negative errno. It calls the channel's drop function, which may
 * panic.
 */
int kc_recv_nowhere(kc_chan *c, struct kc_limit limit, uint32_t *moved);

static inline char *kc_transfer_next(const struct kc_transfer *t)
{
	return t->elems + t->moved * t->size;
}

static inline bool kc_may_wait(struct kc_limit limit)
{
	return !(limit.flags & KCHAN_SELECT_NONBLOCK);
}

/* A call that does not wait may be made by a signal handler, so it skips this. */
static inline void kc_transfer_ready(struct kc_limit limit)
{
	if (kc_may_wait(limit))
		kc_g_ready();
}

/*
 * Moves what the ring cannot move. Returns 0, or why the next element was not sent, or the
 * first one was not received: a negative errno.
 */
typedef int kc_by_kernel(struct kc_transfer *t, struct kc_limit limit);

/*
 * Sends all elements, or receives those that are there and at least one. Returns 0, or why
 * it has not: a negative errno. t->moved tells how many have moved.
 *
 * All transfers come here, but what kc_mapped_call() and select do without it. It is
 * inlined, so that the function that is recorded is the one that waits, and so that a
 * call which may wait for ever spends nothing on a limit.
 */
static inline __attribute__((always_inline)) int
kc_transfer(struct kc_transfer *t, kc_state state, struct kc_limit limit,
	    kc_by_kernel *by_kernel)
{
	const bool send = state == KC_STATE_SEND;
	struct kc_parked *parked;
	struct kc_alarm alarm;
	struct kc_call call;
	int ret;

	/*
	 * A signal handler may call a try form wherever it has interrupted the thread,
	 * also inside of kc_g_adopt(), which holds a lock. Jitter would call
	 * kc_g_adopt() again. So a try form of a thread that is not known yet skips
	 * jitter.
	 */
	if (kc_may_wait(limit) || kc_g_current)
		kc_jitter_here();
	kc_transfer_ready(limit);
	ret = kc_alarm_begin(&alarm, &limit);
	if (ret)
		return ret;
	call = kc_call_begin(t->chan);
	if (kc_mapped_mem(kc_mapped_of(t->chan, send))) {
		t->moved = kc_mapped_move_n(t->chan, send, t->elems, t->nr,
					    kc_may_wait(limit), limit.at);
		if (send ? t->moved == t->nr : t->moved)
			goto out;
		if (!kc_may_wait(limit) && kc_mapped_waits(t->chan, send)) {
			ret = -EAGAIN;
			goto out;
		}
	} else if (kc_may_wait(limit)) {
		kc_mapped_warm(t->chan, send);
	}
	parked = kc_park_within(state, t->chan, limit);
	ret = by_kernel(t, limit);
	kc_unpark(parked);
out:
	kc_alarm_end(&alarm);
	kc_call_end(&call);
	return ret;
}

#endif /* LIBKCHAN_CHAN_TRANSFER_H */
