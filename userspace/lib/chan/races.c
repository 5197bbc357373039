// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the race detector is told of channels.
 *
 * A channel has four things to release and acquire, one for each side of each of its
 * edges. They are those of all of its handles, which are found by its number:
 *
 *	sent		by who sends, to who receives
 *	received	by who receives, to who sends: the k-th receive is before the
 *			(k+C)-th send, and on a rendezvous before its own send
 *	closed		by who closes it or drops an end that sends, to who receives
 *			the end of the stream
 *	deaf		by who closes it or drops an end that receives, to whose send
 *			is told that it cannot be
 *
 * They are numbers only, in memory that is never touched but for those that count.
 *
 * What a release tells must be told before anybody can see what it is about, and
 * must not be told if nothing comes of it: a failed kc_try_send() orders nothing. So
 * a call that does not wait, and a close, is told of after it has succeeded, all of
 * it under one lock; and who has received takes the lock for a moment before it
 * acquires. A call that may wait cannot hold a lock, and is told of before. If in
 * the end it fails it has told too much: a send that times out, the cases of a
 * select that did not commit. A select first does without waiting what it can, so
 * that is only so if nothing was ready.
 *
 * A sender comes after a receive only if there need have been one: not if no more
 * than C sends have begun. As to know that takes to see them all, a channel that
 * others may send to unseen is taken to be full: one that came from a descriptor,
 * whose descriptor was asked for, that another process was given, that was there at
 * a fork, or that was resized.
 *
 * What is not exact: which send a receive got is not known, nor which receive made
 * room. So who receives comes after all who had sent by then, and a sender, once it
 * needs room, after all who had received. Two channels whose numbers are a multiple
 * of NR_CHANS apart are one in this.
 *
 * An element is read by who calls a send, before that, and written by who calls a
 * receive, once that has got it.
 */
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/futex.h"
#include "chan/handle.h"
#include "chan/races.h"

#define NR_CHANS	16384

extern void __tsan_read_range(void *addr, long size)
	__attribute__((weak));
extern void __tsan_write_range(void *addr, long size)
	__attribute__((weak));

struct kc_race_chan {
	uint64_t sent;
	uint64_t received;
	uint64_t closed;
	uint64_t deaf;
	uint64_t id;		/* of the first one, plus 1 */
	uint64_t begun;		/* sends that have moved something, or may yet */
	uint32_t capacity;
	uint32_t forks;		/* when it was made */
	bool shared;		/* others may send to it */
};

/* NR_CHANS of them, made when the first handle is; NULL also if there is no memory. */
static struct kc_race_chan *race_chans;

static uint32_t lock;		/* while something is done that does not wait */
static uint32_t forks;

/* Around a fork(): nobody else is in the middle of something that does not wait. */
static void lock_for_fork(void)
{
	kc_lock(&lock);
	__atomic_store_n(&forks, forks + 1, __ATOMIC_RELAXED);
}

static void unlock_for_fork(void)
{
	kc_unlock(&lock);
}

KC_AT_FORK(.order = KC_FORK_RACE, .lock = lock_for_fork, .unlock = unlock_for_fork)

/* Whoever was in the middle of it has told of it. */
static void await_told(void)
{
	kc_lock(&lock);
	kc_unlock(&lock);
}

static void begin(struct kc_limit limit)
{
	if (limit.flags & KCHAN_SELECT_NONBLOCK)
		kc_lock(&lock);
	kc_race_enter((uintptr_t)limit.at);
}

static bool waits(struct kc_limit limit)
{
	return !(limit.flags & KCHAN_SELECT_NONBLOCK);
}

/* It is over, but for what is to be told of it. */
static void call_ends(struct kc_limit limit)
{
	if (waits(limit))
		await_told();
}

static void end(struct kc_limit limit)
{
	kc_race_leave();
	if (!waits(limit))
		kc_unlock(&lock);
}

static void set_up(struct kc_race_chan *r, const struct kchan_info *info)
{
	kc_lock(&lock);
	if (!r->id) {
		r->id = info->id + 1;
		r->capacity = info->capacity;
		r->forks = forks;
	} else if (r->id != info->id + 1) {
		r->shared = true;
	}
	kc_unlock(&lock);
}

static struct kc_race_chan *get_chans(void)
{
	struct kc_race_chan *made = __atomic_load_n(&race_chans, __ATOMIC_ACQUIRE);
	struct kc_race_chan *other = NULL;
	const size_t size = NR_CHANS * sizeof(*made);

	if (made)
		return made;
	/* Not from malloc(): what the detector takes for one allocation is ours alone. */
	made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (made == MAP_FAILED)
		return NULL;
	if (__atomic_compare_exchange_n(&race_chans, &other, made, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	munmap(made, size);
	return other;
}

void kc_race_new_handle(kc_chan *c)
{
	struct kc_race_chan *chans;
	struct kchan_info info;

	c->race = NULL;
	if (!kc_race_on() || sys_ioctl(c->fd, KCHAN_IOC_INFO, &info))
		return;
	chans = get_chans();
	if (!chans)
		return;
	c->ends = info.flags;
	c->race = &chans[info.id % NR_CHANS];
	set_up(c->race, &info);
}

void kc_race_pass_on(const kc_chan *c)
{
	__atomic_store_n(&c->race->shared, true, __ATOMIC_RELAXED);
}

/* Not all sends so far have found room for themselves. */
static bool needs_room(const struct kc_race_chan *r)
{
	return __atomic_load_n(&forks, __ATOMIC_RELAXED) != r->forks ||
	       __atomic_load_n(&r->shared, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->begun, __ATOMIC_RELAXED) > r->capacity;
}

static void begin_send(struct kc_race_chan *r, const void *elem, uint32_t len,
		       struct kc_limit limit)
{
	if (len && __tsan_read_range)
		__tsan_read_range((void *)elem, len);
	__atomic_fetch_add(&r->begun, 1, __ATOMIC_RELAXED);
	if (waits(limit))
		kc_race_release(&r->sent);
}

/* 0: it moved. */
static void end_send(struct kc_race_chan *r, struct kc_limit limit, int ret)
{
	if (ret)
		__atomic_fetch_sub(&r->begun, 1, __ATOMIC_RELAXED);
	else if (!waits(limit))
		kc_race_release(&r->sent);
	if (ret == -EPIPE)
		kc_race_acquire(&r->deaf);
	if (!ret && needs_room(r))
		kc_race_acquire(&r->received);
}

static void begin_recv(struct kc_race_chan *r, struct kc_limit limit)
{
	if (waits(limit))
		kc_race_release(&r->received);
}

/* 0: it moved. */
static void end_recv(struct kc_race_chan *r, const void *buf, uint32_t moved,
		     struct kc_limit limit, int ret)
{
	if (ret == -EPIPE)
		kc_race_acquire(&r->closed);
	if (ret)
		return;
	if (!waits(limit))
		kc_race_release(&r->received);
	kc_race_acquire(&r->sent);
	if (moved && __tsan_write_range)
		__tsan_write_range((void *)buf, moved);
}

void kc_race_begin_send(const kc_chan *c, const void *elem, uint32_t len,
			struct kc_limit limit)
{
	begin(limit);
	begin_send(c->race, elem, len, limit);
}

void kc_race_end_send(const kc_chan *c, struct kc_limit limit, int ret)
{
	call_ends(limit);
	end_send(c->race, limit, ret);
	end(limit);
}

void kc_race_begin_recv(const kc_chan *c, struct kc_limit limit)
{
	begin(limit);
	begin_recv(c->race, limit);
}

void kc_race_end_recv(const kc_chan *c, const void *buf, uint32_t moved,
		      struct kc_limit limit, int ret)
{
	call_ends(limit);
	end_recv(c->race, buf, moved, limit, ret > 0 ? 0 : ret ? ret : -EPIPE);
	end(limit);
}

void kc_race_begin_cases(kc_chan *const *chans, const struct kchan_case *cases,
			 unsigned int nr, struct kc_limit limit)
{
	unsigned int i;

	begin(limit);
	for (i = 0; i < nr; i++) {
		if (!chans[i] || !chans[i]->race)
			continue;
		if (cases[i].op == KCHAN_OP_SEND)
			begin_send(chans[i]->race, (void *)(uintptr_t)cases[i].addr,
				   cases[i].len, limit);
		else
			begin_recv(chans[i]->race, limit);
	}
}

void kc_race_end_cases(kc_chan *const *chans, const struct kchan_case *cases,
		       unsigned int nr, struct kc_limit limit, int ret,
		       const struct kchan_select *sel)
{
	unsigned int i;
	int status;

	call_ends(limit);
	for (i = 0; i < nr; i++) {
		if (!chans[i] || !chans[i]->race)
			continue;
		status = !ret && sel->index == i ? -(int)sel->status : -EAGAIN;
		if (cases[i].op == KCHAN_OP_SEND)
			end_send(chans[i]->race, limit, status);
		else
			end_recv(chans[i]->race, (void *)(uintptr_t)cases[i].addr,
				 sel->len, limit, status);
	}
	end(limit);
}

void kc_race_begin_close(void)
{
	kc_lock(&lock);
}

void kc_race_end_close(const kc_chan *c, int ret)
{
	if (!ret) {
		kc_race_release(&c->race->closed);
		kc_race_release(&c->race->deaf);
	}
	kc_unlock(&lock);
}

void kc_race_drop_end(const kc_chan *c)
{
	if (c->ends & KCHAN_INFO_SEND)
		kc_race_release(&c->race->closed);
	if (c->ends & KCHAN_INFO_RECV)
		kc_race_release(&c->race->deaf);
}

void kc_race_tick(const kc_chan *c)
{
	kc_race_release(&c->race->sent);
}
