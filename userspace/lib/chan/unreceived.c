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

#include "base/internal.h"
#include "base/task.h"

static bool is_last(const kc_chan *c)
{
	struct kchan_info info;

	return c->drop_pid == sys_getpid() &&
	       !sys_ioctl(c->fd, KCHAN_IOC_INFO, &info) &&
	       (info.flags & KCHAN_INFO_RECV) && info.recv_ends == 1;
}

static void receive_all(kc_chan *c)
{
	alignas(max_align_t) char elem[KC_DROP_SIZE];
	void (*drop)(void *elem) = c->drop;

	if (!is_last(c))
		return;
	/* The calls take references, and must not come back here. */
	c->unreceived = NULL;
	atomic_store_explicit(&c->refs, 1, memory_order_relaxed);
	while (kc_try_recv(c, elem) == 1)
		drop(elem);
}

void kc_set_drop(kc_chan *c, void (*drop)(void *elem))
{
	c->drop = drop;
	c->unreceived = receive_all;
	c->drop_pid = sys_getpid();
}
