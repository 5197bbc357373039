// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends: which directions a channel's open files have, and what happens when the
 * last one of a direction goes.
 *
 * An end that sends and receives counts for both. Directions are those of the
 * file's mode, which the VFS checks before a read or a write.
 */
#include "chan.h"

/**
 * kchan_end_get() - count an end
 * @ch: the channel
 * @mode: FMODE_READ, FMODE_WRITE or both
 *
 * Only whoever has an end of a direction can make another one of it, but for the
 * first, so a direction that has gone does not come back.
 */
void kchan_end_get(struct kchan *ch, fmode_t mode)
{
	spin_lock(&ch->lock);
	if (mode & FMODE_WRITE)
		ch->send_ends++;
	if (mode & FMODE_READ)
		ch->recv_ends++;
	spin_unlock(&ch->lock);
}

/**
 * kchan_end_put() - count an end no more
 * @ch: the channel
 * @mode: as it was counted
 *
 * With the last end that could send the channel closes. With the last that could
 * receive, senders have nobody left to send to.
 */
void kchan_end_put(struct kchan *ch, fmode_t mode)
{
	struct kchan_deferred d;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	if ((mode & FMODE_READ) && !--ch->recv_ends)
		kchan_refuse(ch, &d);
	if ((mode & FMODE_WRITE) && !--ch->send_ends && !ch->closed)
		kchan_shut(ch, &d);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
}
