/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the race detector is told of channels: see races.c.
 *
 * Most functions come in pairs. A pair encloses what it is about: a system call, or a
 * transfer through the ring of a mapped channel.
 */
#ifndef LIBKCHAN_CHAN_RACES_H
#define LIBKCHAN_CHAN_RACES_H

#include "base/base.h"
#include "base/clock.h"
#include "chan/handle.h"
#include "race/race.h"

void kc_race_begin_cases(kc_chan *const *chans, const struct kchan_case *cases,
			 unsigned int nr, struct kc_limit limit);
void kc_race_end_cases(kc_chan *const *chans, const struct kchan_case *cases,
		       unsigned int nr, struct kc_limit limit, int ret,
		       const struct kchan_select *sel);
void kc_race_begin_send(const kc_chan *c, const void *elems, size_t len, size_t nr,
			struct kc_limit limit);
void kc_race_end_send(const kc_chan *c, size_t nr, size_t sent, struct kc_limit limit,
		      int ret);
void kc_race_begin_recv(const kc_chan *c, struct kc_limit limit);
void kc_race_end_recv(const kc_chan *c, const void *buf, size_t moved,
		      struct kc_limit limit, int ret);
void kc_race_do_arm(const kc_chan *c);
void kc_race_do_lease(const kc_chan *c, const void *elem, size_t len, int ret, void *at);
void kc_race_do_ack(const kc_chan *c);
void kc_race_do_return(const kc_chan *c);
void kc_race_begin_close(void);
void kc_race_end_close(const kc_chan *c, int ret);
void kc_race_drop_end(const kc_chan *c);
void kc_race_pass_on(const kc_chan *c);
void kc_race_tick(const kc_chan *c);
void kc_race_read_elem(const void *elem, size_t len, void *at);

/* Called for each new handle. */
void kc_race_new_handle(kc_chan *c);

static inline bool kc_race_knows(const kc_chan *c)
{
	return __builtin_expect(!!c->race, 0);
}

/* Around a select. A case without a channel is one of a descriptor. */
static inline void kc_race_select(kc_chan *const *chans,
				  const struct kchan_case *cases, unsigned int nr,
				  struct kc_limit limit)
{
	if (kc_race_on())
		kc_race_begin_cases(chans, cases, nr, limit);
}

/* The call returned @ret. If that is 0, @sel tells which case has committed. */
static inline void kc_race_selected(kc_chan *const *chans,
				    const struct kchan_case *cases,
				    unsigned int nr, struct kc_limit limit, int ret,
				    const struct kchan_select *sel)
{
	if (kc_race_on())
		kc_race_end_cases(chans, cases, nr, limit, ret, sel);
}

/* @nr elements, of @len bytes together. */
static inline void kc_race_send(const kc_chan *c, const void *elems, size_t len,
				size_t nr, struct kc_limit limit)
{
	if (kc_race_knows(c))
		kc_race_begin_send(c, elems, len, nr, limit);
}

/* Of these @sent were sent. If that is none, @ret tells why: a negative errno. */
static inline void kc_race_sent(const kc_chan *c, size_t nr, size_t sent,
				struct kc_limit limit, int ret)
{
	if (kc_race_knows(c))
		kc_race_end_send(c, nr, sent, limit, ret);
}

static inline void kc_race_recv(const kc_chan *c, struct kc_limit limit)
{
	if (kc_race_knows(c))
		kc_race_begin_recv(c, limit);
}

/* @ret is over 0 if @moved bytes were received, and 0 at end-of-stream. */
static inline void kc_race_received(const kc_chan *c, const void *buf,
				    size_t moved, struct kc_limit limit, int ret)
{
	if (kc_race_knows(c))
		kc_race_end_recv(c, buf, moved, limit, ret);
}

/*
 * Leases. The channel is NULL for a lease that was passed on: nothing is known of its
 * channel. The first is called before the lease is armed.
 */
static inline void kc_race_arm(const kc_chan *c)
{
	if (c && kc_race_knows(c))
		kc_race_do_arm(c);
}

/* The call in the line @at has got an element, if @ret is over 0, or the end of the stream. */
static inline void kc_race_leased(const kc_chan *c, const void *elem, size_t len, int ret,
				  void *at)
{
	if (c && kc_race_knows(c))
		kc_race_do_lease(c, elem, len, ret, at);
}

/* The element is about to be acknowledged, or to go back. */
static inline void kc_race_ack(const kc_chan *c)
{
	if (c && kc_race_knows(c))
		kc_race_do_ack(c);
}

static inline void kc_race_return(const kc_chan *c)
{
	if (c && kc_race_knows(c))
		kc_race_do_return(c);
}

static inline void kc_race_close(const kc_chan *c)
{
	if (kc_race_knows(c))
		kc_race_begin_close();
}

static inline void kc_race_closed(const kc_chan *c, int ret)
{
	if (kc_race_knows(c))
		kc_race_end_close(c, ret);
}

/* The handle's descriptor is about to be closed. */
static inline void kc_race_drop(const kc_chan *c)
{
	if (kc_race_knows(c))
		kc_race_drop_end(c);
}

/*
 * From now on there may be sends which the detector does not see, or another capacity.
 */
static inline void kc_race_share(const kc_chan *c)
{
	if (kc_race_knows(c))
		kc_race_pass_on(c);
}

/* A select in the line @at has this element to send, and may commit another case. */
static inline void kc_race_read(const kc_chan *c, const void *elem, size_t len, void *at)
{
	if (kc_race_knows(c))
		kc_race_read_elem(elem, len, at);
}

/* The keeper is going to send to it, for the calling goroutine. */
static inline void kc_race_set_tick(const kc_chan *c)
{
	if (kc_race_knows(c))
		kc_race_tick(c);
}

#endif /* LIBKCHAN_CHAN_RACES_H */
