// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the race detector is told of channels.
 *
 * A channel has four objects to release and acquire, one for each edge. All handles of the
 * channel share them, and find them by the channel's number:
 *
 *	sent		released by a send, and when an element under lease is returned;
 *			acquired by a receive
 *	received	released by a receive, acquired by a send: the k-th receive is
 *			before the end of the (k+C)-th send, and on a rendezvous before
 *			the end of its own send
 *	closed		released by a close, by dropping an end that sends, and when an
 *			element under lease is acknowledged; acquired by a receive at
 *			end-of-stream
 *	deaf		released by a close, or by dropping an end that receives;
 *			acquired by a send that fails with -EPIPE
 *
 * Only the addresses of the first four fields matter: their memory is not accessed.
 *
 * A release must be reported before another goroutine can see its effect. And it must not
 * be reported if the call has no effect: a failed kc_try_send() orders nothing. So a call
 * that does not wait, and a close, hold one lock while they act, and report after they have
 * succeeded. A receiver takes this lock for a moment before it acquires. A call that
 * may wait cannot hold a lock, so it reports before. If it fails in the end, it has
 * reported too much: a send that times out, or the cases of a select that did not commit.
 * A select first tries without waiting, so this happens only if no case was ready.
 *
 * A transfer through the ring of a mapped channel is a call that does not wait. So each
 * edge is the same whether the ring or the kernel has moved the element. The kernel is told
 * of such a transfer (KCHAN_IOC_KICK) without the lock, after the report.
 *
 * A lease is a receive that may wait from the moment at which it is armed, also where it is
 * only tried. An acknowledgment happens before the end of the stream, because no receive
 * returns the end while the element may come back. A return happens before the next receive
 * of the element, as a send does. An element whose limit has come goes back without an order.
 *
 * A send is ordered after a receive only if it needed one, that is if more than C sends
 * have begun. To know this, one must see all sends. So a channel with sends that may be
 * unseen counts as full. Such a channel came from a descriptor, or its descriptor was asked
 * for, or it was passed to another process, or it existed at a fork, or it was resized.
 *
 * Two things are not exact. It is not known which send a receive got, nor which receive
 * made room for a send. So a receive is ordered after all sends so far. And a send that
 * needs room is ordered after all receives so far. Also, two channels whose numbers differ
 * by a multiple of NR_CHANS share their objects.
 *
 * An element is read by the caller of a send, before the send, and written by the caller of
 * a receive, after it. A call for several elements reads all of them, and reports once for
 * those that moved, because all of them have the same edges.
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
	uint64_t id;		/* the number of the first channel that uses it, plus 1 */
	uint64_t begun;		/* sends that have moved an element, or may still */
	uint32_t capacity;
	uint32_t forks;		/* the value of forks when it was set up */
	bool shared;		/* there may be unseen sends */
};

/*
 * An array of NR_CHANS, made with the first handle. NULL also if there was no memory.
 */
static struct kc_race_chan *race_chans;

static uint32_t lock;		/* held over a call that does not wait */
static uint32_t forks;

/* Around a fork(), no other thread is inside of a call that does not wait. */
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

/* Waits until calls that hold the lock have reported. */
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

/* The system call has returned, and its effects are not reported yet. */
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
	/*
	 * Not by malloc(): the detector would report its own allocations as the
	 * program's.
	 */
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

/* True if a send so far may have needed a receive to make room. */
static bool needs_room(const struct kc_race_chan *r)
{
	return __atomic_load_n(&forks, __ATOMIC_RELAXED) != r->forks ||
	       __atomic_load_n(&r->shared, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->begun, __ATOMIC_RELAXED) > r->capacity;
}

static void read_elems(const void *elems, size_t len)
{
	if (len && __tsan_read_range)
		__tsan_read_range((void *)elems, len);
}

static void begin_send(struct kc_race_chan *r, const void *elems, size_t len, size_t nr,
		       struct kc_limit limit)
{
	read_elems(elems, len);
	__atomic_fetch_add(&r->begun, nr, __ATOMIC_RELAXED);
	if (waits(limit))
		kc_race_release(&r->sent);
}

/* Of @nr elements @sent moved. If that is none, @ret tells why. */
static void end_send(struct kc_race_chan *r, size_t nr, size_t sent,
		     struct kc_limit limit, int ret)
{
	if (sent < nr)
		__atomic_fetch_sub(&r->begun, nr - sent, __ATOMIC_RELAXED);
	if (sent && !waits(limit))
		kc_race_release(&r->sent);
	if (!sent && ret == -EPIPE)
		kc_race_acquire(&r->deaf);
	if (sent && needs_room(r))
		kc_race_acquire(&r->received);
}

static void begin_recv(struct kc_race_chan *r, struct kc_limit limit)
{
	if (waits(limit))
		kc_race_release(&r->received);
}

/* @ret is 0 if elements moved, of @moved bytes together. */
static void end_recv(struct kc_race_chan *r, const void *buf, size_t moved,
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

void kc_race_begin_send(const kc_chan *c, const void *elems, size_t len, size_t nr,
			struct kc_limit limit)
{
	begin(limit);
	begin_send(c->race, elems, len, nr, limit);
}

void kc_race_end_send(const kc_chan *c, size_t nr, size_t sent, struct kc_limit limit,
		      int ret)
{
	call_ends(limit);
	end_send(c->race, nr, sent, limit, ret);
	end(limit);
}

void kc_race_begin_recv(const kc_chan *c, struct kc_limit limit)
{
	begin(limit);
	begin_recv(c->race, limit);
}

void kc_race_end_recv(const kc_chan *c, const void *buf, size_t moved,
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
				   cases[i].len, 1, limit);
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
			end_send(chans[i]->race, 1, !status, limit, status);
		else
			end_recv(chans[i]->race, (void *)(uintptr_t)cases[i].addr,
				 sel->len, limit, status);
	}
	end(limit);
}

void kc_race_read_elem(const void *elem, size_t len, void *at)
{
	kc_race_enter((uintptr_t)at);
	read_elems(elem, len);
	kc_race_leave();
}

void kc_race_do_arm(const kc_chan *c)
{
	begin_recv(c->race, (struct kc_limit){ 0 });
}

void kc_race_do_lease(const kc_chan *c, const void *elem, size_t len, int ret, void *at)
{
	const struct kc_limit limit = { .at = at };

	await_told();
	kc_race_enter((uintptr_t)at);
	end_recv(c->race, elem, len, limit, ret > 0 ? 0 : -EPIPE);
	kc_race_leave();
}

void kc_race_do_ack(const kc_chan *c)
{
	kc_race_release(&c->race->closed);
}

void kc_race_do_return(const kc_chan *c)
{
	kc_race_release(&c->race->sent);
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
