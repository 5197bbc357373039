// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing, by call or by the last end of a direction going.
 *
 * An end that sends and receives counts for both. Directions are those of the
 * file's mode, which the VFS checks before a read or a write.
 */
#include "chan.h"
#include "trace.h"

static void kchan_turn_away(struct kchan_waitq *q, struct kchan_deferred *d)
{
	struct kchan_waiter *w;

	while ((w = kchan_first(q)))
		if (kchan_claim(w))
			kchan_complete(q, w, -EPIPE, d);
}

/* Nobody is left to receive: senders are told so. */
static void kchan_refuse(struct kchan *ch, struct kchan_deferred *d)
{
	kchan_turn_away(&ch->senders, d);
	d->all = true;
}

/*
 * Parked senders keep their elements and are told so. Receivers wait only while
 * nothing is queued, so those who do are at the end of the stream.
 */
static void kchan_shut(struct kchan *ch, struct kchan_deferred *d)
{
	kchan_trace(close, ch);
	ch->closed = true;
	kchan_turn_away(&ch->senders, d);
	kchan_turn_away(&ch->receivers, d);
	d->all = true;
}

/**
 * kchan_close() - close a channel for all
 * @ch: the channel
 *
 * Return: 0, or -EALREADY.
 */
int kchan_close(struct kchan *ch)
{
	struct kchan_deferred d;
	int ret = 0;

	kchan_deferred_init(&d);
	spin_lock(&ch->lock);
	if (ch->closed)
		ret = -EALREADY;
	else
		kchan_shut(ch, &d);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
	return ret;
}

static void kchan_count_end(struct kchan *ch, fmode_t mode)
{
	if (mode & FMODE_WRITE)
		ch->send_ends++;
	if (mode & FMODE_READ)
		ch->recv_ends++;
}

/**
 * kchan_end_get() - count an end
 * @ch: the channel
 * @mode: FMODE_READ, FMODE_WRITE or both
 *
 * The channel is new, or the caller has an end of each direction.
 */
void kchan_end_get(struct kchan *ch, fmode_t mode)
{
	spin_lock(&ch->lock);
	kchan_count_end(ch, mode);
	spin_unlock(&ch->lock);
}

/**
 * kchan_end_get_live() - count an end, if it is not the first of its direction
 * @ch: the channel
 * @mode: FMODE_READ, FMODE_WRITE or both
 *
 * A direction that has gone does not come back: others have been told.
 *
 * Return: 0; -ENXIO when a direction has no end left.
 */
int kchan_end_get_live(struct kchan *ch, fmode_t mode)
{
	int ret = 0;

	spin_lock(&ch->lock);
	if (((mode & FMODE_WRITE) && !ch->send_ends) ||
	    ((mode & FMODE_READ) && !ch->recv_ends))
		ret = -ENXIO;
	else
		kchan_count_end(ch, mode);
	spin_unlock(&ch->lock);
	return ret;
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
