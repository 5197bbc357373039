// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sending and receiving several elements in one call.
 *
 * The ring of a mapped channel moves what it can, one by one. What it cannot move is left
 * to the kernel.
 *
 * For the kernel a write of several elements is as many sends, in order, and a read takes
 * the elements that are there. So a call that may wait for ever is a write or a read. A
 * call that does not wait is a write or a read with RWF_NOWAIT. A call that waits until a
 * time does the same, and where nothing moves it waits in a select of one case, for one
 * element.
 *
 * A call with RWF_NOWAIT also fails with -EAGAIN while the channel has no buffer yet. A
 * select makes the buffer. So a call that does not wait tries a select before it says that
 * nothing moved.
 *
 * Elements of size 0 can be neither written nor read. Each takes a select.
 *
 * Elements that are discarded are received one by one, because the channel's drop function
 * may panic. What was not received by then is still in the channel.
 */
#include "base/clock.h"
#include "base/sys.h"
#include "chan/handle.h"
#include "chan/mapped.h"
#include "chan/races.h"
#include "chan/transfer.h"
#include "sched/alarm.h"
#include "sched/park.h"
#include "sched/sleep.h"

/* The elements of a caller, or the room for them. */
struct batch {
	kc_chan *chan;
	char *elems;
	size_t nr;
	size_t size;		/* of each, in bytes */
	size_t moved;		/* how many have moved so far */
};

static char *next(const struct batch *b)
{
	return b->elems + b->moved * b->size;
}

static size_t bytes_left(const struct batch *b)
{
	return (b->nr - b->moved) * b->size;
}

/* Sends what one system call sends. Returns how many elements, or a negative errno. */
static long write_some(const struct batch *b, bool may_wait)
{
	long ret;

	if (!b->size)
		return -EAGAIN;
	do {
		ret = may_wait ? sys_write(b->chan->fd, next(b), bytes_left(b)) :
				 sys_write_now(b->chan->fd, next(b), bytes_left(b));
	} while (ret == -EINTR);
	return ret < 0 ? ret : ret / (long)b->size;
}

/* The same for a receive. Returns 0 at end-of-stream. */
static long read_some(const struct batch *b, bool may_wait)
{
	long ret;

	if (!b->size)
		return -EAGAIN;
	do {
		ret = may_wait ? sys_read(b->chan->fd, next(b), bytes_left(b)) :
				 sys_read_now(b->chan->fd, next(b), bytes_left(b));
	} while (ret == -EINTR);
	return ret < 0 ? ret : ret / (long)b->size;
}

/* Moves the next element by a select. Returns 1 or a negative errno. */
static long select_next(const struct batch *b, uint32_t op, struct kc_limit limit)
{
	uint32_t moved;
	int ret;

	ret = kc_select_one(b->chan, op, next(b), b->size, limit, &moved);
	return ret ? ret : 1;
}

static bool may_wait(struct kc_limit limit)
{
	return !(limit.flags & KCHAN_SELECT_NONBLOCK);
}

/* Sends until all are sent. Returns 0, or why the next element was not sent. */
static int send_all(struct batch *b, struct kc_limit limit)
{
	long ret;

	while (b->moved < b->nr) {
		ret = write_some(b, !limit.flags);
		if (ret == -EAGAIN && (may_wait(limit) || !b->moved || !b->size))
			ret = select_next(b, KCHAN_OP_SEND, limit);
		if (ret < 0)
			return ret;
		b->moved += ret;
	}
	return 0;
}

/*
 * Receives the first element, and all that are there then. Returns 0, or why the first
 * element was not received.
 */
static int recv_some(struct batch *b, struct kc_limit limit)
{
	const struct kc_limit now = { KCHAN_SELECT_NONBLOCK, 0, 0, limit.at };
	long ret;

	ret = read_some(b, !limit.flags);
	if (ret != -EAGAIN) {
		if (ret > 0)
			b->moved = ret;
		return ret < 0 ? ret : 0;
	}
	ret = select_next(b, KCHAN_OP_RECV, limit);
	if (ret < 0)
		return ret == -EPIPE ? 0 : ret;
	do {
		b->moved += ret;
		if (b->moved == b->nr)
			break;
		ret = b->size ? read_some(b, false) :
				select_next(b, KCHAN_OP_RECV, now);
	} while (ret > 0);
	return 0;
}

/* The ring may have moved some, of which the race detector has been told. */
static void do_send(struct batch *b, struct kc_limit limit, int *ret)
{
	const size_t before = b->moved;

	kc_race_send(b->chan, next(b), bytes_left(b), b->nr - before, limit);
	*ret = send_all(b, limit);
	kc_race_sent(b->chan, b->nr - before, b->moved - before, limit, *ret);
}

static void do_recv(struct batch *b, struct kc_limit limit, int *ret)
{
	kc_race_recv(b->chan, limit);
	*ret = recv_some(b, limit);
	kc_race_received(b->chan, b->elems, b->moved * b->size, limit,
			 b->moved ? 1 : *ret);
}

/*
 * Moves what the ring of a mapped channel alone can move. True if the call is done: a send
 * has sent all, a receive has received what was there.
 */
static bool move_by_ring(struct batch *b, bool send, void *at)
{
	while (b->moved < b->nr && kc_mapped_move(b->chan, send, next(b), at))
		b->moved++;
	return send ? b->moved == b->nr : b->moved;
}

/*
 * Does what send_bytes() and recv_bytes() do for one element. It is inlined, so that the
 * function that is recorded is the one that waits.
 */
static inline __attribute__((always_inline)) ssize_t
move(struct batch *b, kc_state state, struct kc_limit limit,
     void (*fn)(struct batch *b, struct kc_limit limit, int *ret))
{
	struct kc_parked *parked;
	struct kc_alarm alarm;
	struct kc_call call;
	int ret;

	/* For a signal handler that does not wait: see send_bytes(). */
	if (may_wait(limit) || kc_g_current)
		kc_jitter_here();
	kc_transfer_ready(limit);
	ret = kc_alarm_begin(&alarm, &limit);
	if (ret)
		return ret;
	call = kc_call_begin(b->chan);
	if (!move_by_ring(b, state == KC_STATE_SEND, limit.at)) {
		if (may_wait(limit))
			kc_mapped_warm(b->chan, state == KC_STATE_SEND);
		parked = kc_park_within(state, b->chan, limit);
		fn(b, limit, &ret);
		kc_unpark(parked);
	}
	kc_alarm_end(&alarm);
	kc_call_end(&call);
	return b->moved ? (ssize_t)b->moved : ret;
}

struct discard {
	kc_chan *chan;
	size_t nr;
	struct kc_limit limit;
	ssize_t ret;
};

static void discard_each(void *data)
{
	struct discard *d = data;
	struct kc_limit limit = d->limit;
	uint32_t len;
	int ret;

	do {
		ret = kc_recv_nowhere(d->chan, limit, &len);
		if (ret > 0)
			d->ret++;
		else if (!d->ret)
			d->ret = ret;
		/* With one element, do not wait for another one. */
		limit.flags = KCHAN_SELECT_NONBLOCK;
		limit.deadline = 0;
	} while (ret > 0 && (size_t)d->ret < d->nr);
}

/* The drop function may drop the caller's reference between two elements. */
static ssize_t discard(kc_chan *c, size_t nr, struct kc_limit limit)
{
	struct discard d = { c, nr, limit, 0 };

	kc_while_held(c, discard_each, &d);
	return d.ret;
}

/* The elements fit in an object, and their number can be returned. */
static int check(const kc_chan *c, size_t nr)
{
	const size_t size = c->elem_size ? c->elem_size : 1;

	return c->message || nr > SSIZE_MAX / size ? -EINVAL : 0;
}

static ssize_t send_n(kc_chan *c, const void *elems, size_t nr, struct kc_limit limit)
{
	struct batch b;
	int ret;

	ret = c ? check(c, nr) : 0;
	if (ret || !nr)
		return ret;
	if (!c)
		return kc_wait_for_nothing(KC_STATE_SEND_NIL, limit);
	/* A send only reads the elements. */
	b = (struct batch){ c, (char *)elems, nr, c->elem_size, 0 };
	return move(&b, KC_STATE_SEND, limit, do_send);
}

static ssize_t recv_n(kc_chan *c, void *elems, size_t nr, struct kc_limit limit)
{
	struct batch b;
	int ret;

	ret = c ? check(c, nr) : 0;
	if (ret)
		return ret;
	/* A result of 0 would mean end-of-stream. */
	if (!nr)
		return -EINVAL;
	if (!c)
		return kc_wait_for_nothing(KC_STATE_RECV_NIL, limit);
	if (!elems && c->elem_size)
		return discard(c, nr, limit);
	b = (struct batch){ c, elems, nr, c->elem_size, 0 };
	return move(&b, KC_STATE_RECV, limit, do_recv);
}

ssize_t kc_send_n(kc_chan *c, const void *elems, size_t n)
{
	return send_n(c, elems, n, KC_FOR_EVER);
}

ssize_t kc_try_send_n(kc_chan *c, const void *elems, size_t n)
{
	return send_n(c, elems, n, KC_NOT_AT_ALL);
}

ssize_t kc_send_n_timeout(kc_chan *c, const void *elems, size_t n, int64_t timeout)
{
	return send_n(c, elems, n, kc_within(timeout));
}

ssize_t kc_recv_n(kc_chan *c, void *elems, size_t n)
{
	return recv_n(c, elems, n, KC_FOR_EVER);
}

ssize_t kc_try_recv_n(kc_chan *c, void *elems, size_t n)
{
	return recv_n(c, elems, n, KC_NOT_AT_ALL);
}

ssize_t kc_recv_n_timeout(kc_chan *c, void *elems, size_t n, int64_t timeout)
{
	return recv_n(c, elems, n, kc_within(timeout));
}
