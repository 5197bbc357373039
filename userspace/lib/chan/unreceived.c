// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Elements that nobody receives, or that are received and discarded.
 *
 * The kernel frees what is queued when the last receiving end is closed. If the
 * elements own memory of this process, the library receives them before. It does so if
 * this is the last receiving end. No new one can appear meanwhile, since a receiving
 * end is made only from an existing one.
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

/* Calls @fn, then @after. @after is called also if @fn panics or calls kc_goexit(). */
static void call_finally(void (*fn)(void *arg), void *arg,
			 void (*after)(void *data), void *data)
{
	KC_DEFER_SCOPE;

	kc_defer(after, data);
	fn(arg);
}

struct rest {
	kc_chan *c;		/* NULL: nothing is left to do */
};

static void receive_rest(void *data);

/*
 * Receives and drops all elements. @drop may be a function of the program, and may
 * panic. Then the deferred call receives the rest.
 */
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

/*
 * After a panic: receives the rest, and frees the handle, because the caller of
 * receive_each() does not continue.
 */
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
	/*
	 * Each receive holds the handle by a call. The reference is there so that the
	 * end of such a call does not drop the handle again.
	 */
	c->unreceived = NULL;
	atomic_store_explicit(&c->uses, kc_first_uses(1), memory_order_relaxed);
	receive_each(c);
}

void kc_set_drop(kc_chan *c, void (*drop)(void *elem))
{
	c->drop = drop;
	c->unreceived = receive_all;
	c->finally = call_finally;
	c->drop_pid = sys_getpid();
}
