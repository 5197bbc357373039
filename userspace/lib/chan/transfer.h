/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the calls for one element and those for several share: see transfer.c.
 */
#ifndef LIBKCHAN_CHAN_TRANSFER_H
#define LIBKCHAN_CHAN_TRANSFER_H

#include "base/base.h"
#include "base/clock.h"
#include "chan/handle.h"
#include "sched/routine.h"

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

/* A call that does not wait may be made by a signal handler, so it skips this. */
static inline void kc_transfer_ready(struct kc_limit limit)
{
	if (!(limit.flags & KCHAN_SELECT_NONBLOCK))
		kc_g_ready();
}

#endif /* LIBKCHAN_CHAN_TRANSFER_H */
