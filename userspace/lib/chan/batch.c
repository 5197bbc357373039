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
#include "base/sys.h"
#include "chan/races.h"
#include "chan/transfer.h"
#include "sched/sleep.h"

static size_t bytes_left(const struct kc_transfer *t)
{
	return (t->nr - t->moved) * t->size;
}

/* Sends what one system call sends. Returns how many elements, or a negative errno. */
static long write_some(const struct kc_transfer *t, bool may_wait)
{
	long ret;

	if (!t->size)
		return -EAGAIN;
	do {
		ret = may_wait ? sys_write(t->chan->fd, kc_transfer_next(t), bytes_left(t)) :
				 sys_write_now(t->chan->fd, kc_transfer_next(t), bytes_left(t));
	} while (ret == -EINTR);
	return ret < 0 ? ret : ret / (long)t->size;
}

/* The same for a receive. Returns 0 at end-of-stream. */
static long read_some(const struct kc_transfer *t, bool may_wait)
{
	long ret;

	if (!t->size)
		return -EAGAIN;
	do {
		ret = may_wait ? sys_read(t->chan->fd, kc_transfer_next(t), bytes_left(t)) :
				 sys_read_now(t->chan->fd, kc_transfer_next(t), bytes_left(t));
	} while (ret == -EINTR);
	return ret < 0 ? ret : ret / (long)t->size;
}

/* Moves the next element by a select. Returns 1 or a negative errno. */
static long select_next(const struct kc_transfer *t, uint32_t op, struct kc_limit limit)
{
	uint32_t moved;
	int ret;

	ret = kc_select_one(t->chan, op, kc_transfer_next(t), t->size, limit, &moved);
	return ret ? ret : 1;
}

/* Sends until all are sent. Returns 0, or why the next element was not sent. */
static int send_all(struct kc_transfer *t, struct kc_limit limit)
{
	long ret;

	while (t->moved < t->nr) {
		ret = write_some(t, !limit.flags);
		if (ret == -EAGAIN && (kc_may_wait(limit) || !t->moved || !t->size))
			ret = select_next(t, KCHAN_OP_SEND, limit);
		if (ret < 0)
			return ret;
		t->moved += ret;
	}
	return 0;
}

/*
 * Receives the first element, and all that are there then. Returns 0, or why the first
 * element was not received.
 */
static int recv_some(struct kc_transfer *t, struct kc_limit limit)
{
	const struct kc_limit now = { KCHAN_SELECT_NONBLOCK, 0, 0, limit.at };
	long ret;

	ret = read_some(t, !limit.flags);
	if (ret != -EAGAIN) {
		if (ret > 0)
			t->moved = ret;
		return ret < 0 ? ret : 0;
	}
	ret = select_next(t, KCHAN_OP_RECV, limit);
	if (ret < 0)
		return ret == -EPIPE ? 0 : ret;
	do {
		t->moved += ret;
		if (t->moved == t->nr)
			break;
		ret = t->size ? read_some(t, false) :
				select_next(t, KCHAN_OP_RECV, now);
	} while (ret > 0);
	return 0;
}

/* The ring may have moved some, of which the race detector has been told. */
static int do_send(struct kc_transfer *t, struct kc_limit limit)
{
	const size_t before = t->moved, nr = t->nr - before;
	int ret;

	kc_race_send(t->chan, kc_transfer_next(t), bytes_left(t), nr, limit);
	ret = send_all(t, limit);
	kc_race_sent(t->chan, nr, t->moved - before, limit, ret);
	return ret;
}

static int do_recv(struct kc_transfer *t, struct kc_limit limit)
{
	int ret;

	kc_race_recv(t->chan, limit);
	ret = recv_some(t, limit);
	kc_race_received(t->chan, t->elems, t->moved * t->size, limit, t->moved ? 1 : ret);
	return ret;
}

static ssize_t result(const struct kc_transfer *t, int ret)
{
	return t->moved ? (ssize_t)t->moved : ret;
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
	struct kc_transfer t;
	int ret;

	ret = c ? check(c, nr) : 0;
	if (ret || !nr)
		return ret;
	if (!c)
		return kc_wait_for_nothing(KC_STATE_SEND_NIL, limit);
	/* A send only reads the elements. */
	t = (struct kc_transfer){ c, (char *)elems, nr, c->elem_size, 0 };
	ret = kc_transfer(&t, KC_STATE_SEND, limit, do_send);
	return result(&t, ret);
}

static ssize_t recv_n(kc_chan *c, void *elems, size_t nr, struct kc_limit limit)
{
	struct kc_transfer t;
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
	t = (struct kc_transfer){ c, elems, nr, c->elem_size, 0 };
	ret = kc_transfer(&t, KC_STATE_RECV, limit, do_recv);
	return result(&t, ret);
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
