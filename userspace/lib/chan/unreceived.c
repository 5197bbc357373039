// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What becomes of elements that nobody receives, or that are received and discarded.
 *
 * The kernel drops them with the last end that could receive. Those that point to
 * memory of this process are received here before. Only one end can be left then:
 * another one is made only of an end that there is.
 */
#include <stdalign.h>
#include <stddef.h>

#include "base/base.h"
#include "base/task.h"
#include "chan/handle.h"

static bool is_last(const kc_chan *c)
{
	struct kchan_info info;

	return c->drop_pid == sys_getpid() &&
	       !sys_ioctl(c->fd, KCHAN_IOC_INFO, &info) &&
	       (info.flags & KCHAN_INFO_RECV) && info.recv_ends == 1;
}

/* @after also if @fn is left by a panic or by kc_goexit(). */
static void call_finally(void (*fn)(void *arg), void *arg,
			 void (*after)(void *data), void *data)
{
	KC_DEFER_SCOPE;

	kc_defer(after, data);
	fn(arg);
}

struct rest {
	kc_chan *c;		/* NULL: there is none */
};

static void receive_rest(void *data);

/* What an element owns may be the program's, and may panic when it is dropped. */
static void receive_each(kc_chan *c)
{
	alignas(max_align_t) char elem[KC_DROP_SIZE];
	struct rest rest = { c };
	KC_DEFER_SCOPE;

	kc_defer(receive_rest, &rest);
	while (kc_try_recv(c, elem) == 1)
		c->drop(elem);
	rest.c = NULL;
}

/* In a panic: nobody else will, and nobody frees the handle. */
static void receive_rest(void *data)
{
	const struct rest *rest = data;

	if (!rest->c)
		return;
	receive_each(rest->c);
	kc_unref(rest->c);
}

static void receive_all(kc_chan *c)
{
	if (!is_last(c))
		return;
	/* The calls hold the handle, too, and must not come back here. */
	c->unreceived = NULL;
	atomic_store_explicit(&c->uses, 1, memory_order_relaxed);
	receive_each(c);
}

void kc_set_drop(kc_chan *c, void (*drop)(void *elem))
{
	c->drop = drop;
	c->unreceived = receive_all;
	c->finally = call_finally;
	c->drop_pid = sys_getpid();
}
