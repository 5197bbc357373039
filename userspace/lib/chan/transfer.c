// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sending and receiving one element. Several: batch.c.
 *
 * A call that may wait for ever is a plain write or read, which is cheapest. All other
 * calls are a select of one case: those that do not wait, those with a deadline, those
 * with elements of size 0, and those on descriptors that are O_NONBLOCK.
 *
 * Most calls may wait for ever, and do not wait. They have functions of their own,
 * send_for_ever() and recv_for_ever(), which spend nothing on a limit or on the race
 * detector.
 */
#include <stdlib.h>

#include "base/memcheck.h"
#include "base/sys.h"
#include "chan/races.h"
#include "chan/transfer.h"
#include "sched/sleep.h"

int kc_select_one(const kc_chan *c, uint32_t op, const void *buf, uint32_t len,
		  struct kc_limit limit, uint32_t *moved)
{
	struct kchan_case cases[] = { {
		.fd = c->fd,
		.op = op,
		.addr = (uintptr_t)buf,
		.len = len,
	}, {
		.fd = limit.alarm - 1,
		.op = KCHAN_OP_POLL,
		.events = EPOLLIN,
	} };
	struct kchan_select sel = {
		.cases = (uintptr_t)cases,
		.nr_cases = limit.alarm ? 2 : 1,
		.case_size = sizeof(cases[0]),
		.deadline = limit.alarm ? 0 : limit.deadline,
		.flags = limit.alarm ? 0 : limit.flags,
	};
	int ret;

	if (op == KCHAN_OP_SEND)
		kc_memcheck_read(buf, len);
	do {
		ret = sys_ioctl(c->fd, KCHAN_IOC_SELECT, &sel);
	} while (ret == -EINTR);
	if (ret < 0)
		return ret;
	if (sel.index)
		return -ETIMEDOUT;
	if (op == KCHAN_OP_RECV && !sel.status)
		kc_memcheck_written(buf, sel.len);
	*moved = sel.len;
	return -(int)sel.status;
}

static int write_elem(const kc_chan *c, const void *elem, uint32_t len,
		      struct kc_limit limit)
{
	uint32_t moved;
	long ret;

	if (limit.flags || !len)
		return kc_select_one(c, KCHAN_OP_SEND, elem, len, limit, &moved);
	do {
		ret = sys_write(c->fd, elem, len);
	} while (ret == -EINTR);
	if (ret == -EAGAIN)
		return kc_select_one(c, KCHAN_OP_SEND, elem, len, limit, &moved);
	return ret < 0 ? ret : 0;
}

/*
 * Returns 1 if an element came, with its length in *@moved, 0 at end-of-stream, or a
 * negative errno.
 */
static int read_elem(const kc_chan *c, void *buf, uint32_t len,
		     struct kc_limit limit, uint32_t *moved)
{
	long ret = -EAGAIN;

	if (!limit.flags && len) {
		do {
			ret = sys_read(c->fd, buf, len);
		} while (ret == -EINTR);
	}
	if (ret != -EAGAIN) {
		*moved = ret;
		return ret > 0 ? 1 : ret;
	}
	ret = kc_select_one(c, KCHAN_OP_RECV, buf, len, limit, moved);
	if (ret == -EPIPE)
		return 0;
	return ret < 0 ? ret : 1;
}

static int do_send(struct kc_transfer *t, struct kc_limit limit)
{
	int ret;

	kc_race_send(t->chan, t->elems, t->size, 1, limit);
	ret = write_elem(t->chan, t->elems, t->size, limit);
	kc_race_sent(t->chan, 1, !ret, limit, ret);
	t->moved = !ret;
	return ret;
}

static int do_recv(struct kc_transfer *t, struct kc_limit limit)
{
	uint32_t len = 0;
	int ret;

	kc_race_recv(t->chan, limit);
	ret = read_elem(t->chan, t->elems, t->size, limit, &len);
	kc_race_received(t->chan, t->elems, len, limit, ret);
	if (ret <= 0)
		return ret;
	t->size = len;
	t->moved = 1;
	return 0;
}

static int send_bytes(kc_chan *c, const void *buf, uint32_t len, struct kc_limit limit)
{
	/* A send only reads the element. */
	struct kc_transfer t = { c, (char *)buf, 1, len, 0 };

	return kc_transfer(&t, KC_STATE_SEND, limit, do_send);
}

/*
 * Returns 1 if an element came, with its length in *@moved, 0 at end-of-stream, or a
 * negative errno.
 */
static int recv_bytes(kc_chan *c, void *buf, uint32_t len, struct kc_limit limit,
		      uint32_t *moved)
{
	struct kc_transfer t = { c, buf, 1, len, 0 };
	const int ret = kc_transfer(&t, KC_STATE_RECV, limit, do_recv);

	*moved = t.size;
	return ret ? ret : (int)t.moved;
}

/* Receives and discards an element. The kernel needs memory to write it to. */
int kc_recv_nowhere(kc_chan *c, struct kc_limit limit, uint32_t *moved)
{
	void (*drop)(void *elem) = kc_drop_of(c);
	void *room;
	int ret;

	kc_transfer_ready(limit);
	room = malloc(c->elem_size);
	if (!room)
		return -ENOMEM;
	ret = recv_bytes(c, room, c->elem_size, limit, moved);
	if (ret > 0)
		kc_drop_unwanted(drop, room, *moved);
	else
		free(room);
	return ret;
}

static int send_elem(kc_chan *c, const void *elem, struct kc_limit limit)
{
	if (!c)
		return kc_wait_for_nothing(KC_STATE_SEND_NIL, limit);
	if (c->message)
		return -EINVAL;
	return send_bytes(c, elem, c->elem_size, limit);
}

static int recv_elem(kc_chan *c, void *elem, struct kc_limit limit)
{
	uint32_t moved;

	if (!c)
		return kc_wait_for_nothing(KC_STATE_RECV_NIL, limit);
	if (c->message)
		return -EINVAL;
	if (!elem && c->elem_size)
		return kc_recv_nowhere(c, limit, &moved);
	return recv_bytes(c, elem, c->elem_size, limit, &moved);
}

static int send_msg(kc_chan *c, const void *msg, size_t len, struct kc_limit limit)
{
	int ret;

	if (!c)
		return kc_wait_for_nothing(KC_STATE_SEND_NIL, limit);
	ret = kc_check_send_msg(c, len);
	return ret ? ret : send_bytes(c, msg, len, limit);
}

static ssize_t recv_msg(kc_chan *c, void *buf, size_t size, struct kc_limit limit)
{
	uint32_t moved;
	int ret;

	if (!c)
		return kc_wait_for_nothing(KC_STATE_RECV_NIL, limit);
	if (!c->message)
		return -EINVAL;
	/* No message is longer than the element size, which fits in 32 bits. */
	if (size > c->elem_size)
		size = c->elem_size;
	ret = buf ? recv_bytes(c, buf, size, limit, &moved) :
		    kc_recv_nowhere(c, limit, &moved);
	return ret > 0 ? (ssize_t)moved : ret;
}

/* The slow paths: a signal handler has run, or the descriptor is O_NONBLOCK. */
static __attribute__((noinline)) int
send_again(const kc_chan *c, const void *elem, uint32_t len)
{
	return write_elem(c, elem, len, (struct kc_limit){ 0 });
}

static __attribute__((noinline)) long recv_again(const kc_chan *c, void *elem, uint32_t len)
{
	const int ret = read_elem(c, elem, len, (struct kc_limit){ 0 }, &len);

	return ret > 0 ? (long)len : ret;
}

/*
 * What do_send() and do_recv() do, for a call that may wait for ever, at least a byte, and
 * no race detector.
 */
static inline __attribute__((always_inline)) int
do_send_plain(struct kc_transfer *t, struct kc_limit limit)
{
	const long ret = sys_write(t->chan->fd, t->elems, t->size);

	(void)limit;
	if (__builtin_expect(ret == -EINTR || ret == -EAGAIN, 0))
		return send_again(t->chan, t->elems, t->size);
	return ret < 0 ? ret : 0;
}

static inline __attribute__((always_inline)) int
do_recv_plain(struct kc_transfer *t, struct kc_limit limit)
{
	long ret = sys_read(t->chan->fd, t->elems, t->size);

	(void)limit;
	if (__builtin_expect(ret == -EINTR || ret == -EAGAIN, 0))
		ret = recv_again(t->chan, t->elems, t->size);
	t->moved = ret > 0;
	return ret < 0 ? ret : 0;
}

/* A call that may wait for ever, and returns to @at. */
static __attribute__((noinline)) int
send_for_ever(kc_chan *c, const void *elem, void *at)
{
	struct kc_transfer t;

	if (__builtin_expect(!c || !c->plain, 0))
		return send_elem(c, elem, (struct kc_limit){ .at = at });
	t = (struct kc_transfer){ c, (char *)elem, 1, c->elem_size, 0 };
	return kc_transfer(&t, KC_STATE_SEND, (struct kc_limit){ 0 }, do_send_plain);
}

/* The hold ends first: kc_g_self(), in what follows, may panic. */
static __attribute__((noinline)) int send_after(kc_chan *c, const void *elem,
						uint64_t before, void *at)
{
	kc_call_end(&(struct kc_call){ c, before });
	return send_for_ever(c, elem, at);
}

int kc_send(kc_chan *c, const void *elem)
{
	struct kc_call call;

	if (!c)
		return send_for_ever(c, elem, KC_CALLER);
	switch (kc_mapped_call(c, true, (void *)elem, &call)) {
	case KC_CALLED:
		return 0;
	case KC_CALLED_HELD:
		return send_after(c, elem, call.before, KC_CALLER);
	default:
		return send_for_ever(c, elem, KC_CALLER);
	}
}

int kc_try_send(kc_chan *c, const void *elem)
{
	return send_elem(c, elem, KC_NOT_AT_ALL);
}

int kc_send_timeout(kc_chan *c, const void *elem, int64_t timeout)
{
	return send_elem(c, elem, kc_within(timeout));
}

static __attribute__((noinline)) int
recv_for_ever(kc_chan *c, void *elem, void *at)
{
	struct kc_transfer t;
	int ret;

	if (__builtin_expect(!c || !c->plain || !elem, 0))
		return recv_elem(c, elem, (struct kc_limit){ .at = at });
	t = (struct kc_transfer){ c, elem, 1, c->elem_size, 0 };
	ret = kc_transfer(&t, KC_STATE_RECV, (struct kc_limit){ 0 }, do_recv_plain);
	return ret ? ret : (int)t.moved;
}

static __attribute__((noinline)) int recv_after(kc_chan *c, void *elem, uint64_t before,
						void *at)
{
	kc_call_end(&(struct kc_call){ c, before });
	return recv_for_ever(c, elem, at);
}

int kc_recv(kc_chan *c, void *elem)
{
	struct kc_call call;

	if (!c || !elem)
		return recv_for_ever(c, elem, KC_CALLER);
	switch (kc_mapped_call(c, false, elem, &call)) {
	case KC_CALLED:
		return 1;
	case KC_CALLED_HELD:
		return recv_after(c, elem, call.before, KC_CALLER);
	default:
		return recv_for_ever(c, elem, KC_CALLER);
	}
}

int kc_try_recv(kc_chan *c, void *elem)
{
	return recv_elem(c, elem, KC_NOT_AT_ALL);
}

int kc_recv_timeout(kc_chan *c, void *elem, int64_t timeout)
{
	return recv_elem(c, elem, kc_within(timeout));
}

int kc_send_msg(kc_chan *c, const void *msg, size_t len)
{
	return send_msg(c, msg, len, KC_FOR_EVER);
}

int kc_try_send_msg(kc_chan *c, const void *msg, size_t len)
{
	return send_msg(c, msg, len, KC_NOT_AT_ALL);
}

int kc_send_msg_timeout(kc_chan *c, const void *msg, size_t len,
			int64_t timeout)
{
	return send_msg(c, msg, len, kc_within(timeout));
}

ssize_t kc_recv_msg(kc_chan *c, void *buf, size_t size)
{
	return recv_msg(c, buf, size, KC_FOR_EVER);
}

ssize_t kc_try_recv_msg(kc_chan *c, void *buf, size_t size)
{
	return recv_msg(c, buf, size, KC_NOT_AT_ALL);
}

ssize_t kc_recv_msg_timeout(kc_chan *c, void *buf, size_t size,
			    int64_t timeout)
{
	return recv_msg(c, buf, size, kc_within(timeout));
}
