// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Select.
 *
 * The kernel gets the cases that can be ready, through the descriptor of any of their
 * channels. If there is no channel, nothing has to be atomic: descriptors alone are
 * polled, and if there are no descriptors either, the call only waits.
 *
 * Cases with a duration become a deadline of the whole call. A case of a context
 * becomes up to three things: a case on its done channel, cases on the channels of
 * other processes that can cancel it, and a deadline. If there are only contexts, and
 * none that only the kernel can wait for, the call waits in the process, and no channel
 * is made for them.
 *
 * kc_select_ctx() adds one case of a context that is not among the caller's. Its index
 * is n.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/memcheck.h"
#include "base/sys.h"
#include "chan/cases.h"
#include "chan/handle.h"
#include "chan/mapped.h"
#include "chan/races.h"
#include "sched/alarm.h"
#include "sched/park.h"
#include "sched/sleep.h"

/* The kernel's numbers are EPOLL*; poll() takes POLL*. Here they are equal. */
_Static_assert(EPOLLWRNORM == POLLWRNORM && EPOLLWRBAND == POLLWRBAND &&
	       EPOLLMSG == POLLMSG && EPOLLRDHUP == POLLRDHUP,
	       "poll() and epoll have the same events");

const struct kc_ctx_cases *kc_ctx_cases;

/* The events that a case of a descriptor may ask for. */
#define EVENTS	(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP |	\
		 EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | \
		 EPOLLMSG | EPOLLRDHUP)

/*
 * The index of the alarm of a limit. It follows the live cases, and is no case of the
 * caller.
 */
#define ALARM	UINT32_MAX

static void put_alarm(struct kc_live *live)
{
	live->index[live->nr] = ALARM;
	live->chan[live->nr] = NULL;
	live->cases[live->nr] = (struct kchan_case){
		.fd = live->limit.alarm - 1,
		.op = KCHAN_OP_POLL,
		.events = EPOLLIN,
	};
}

/* The number of live cases, with the alarm. */
static unsigned int count(const struct kc_live *live)
{
	return live->nr + (live->limit.alarm ? 1 : 0);
}

/* What happens when the limit of the call is reached. */
enum due {
	DUE_NOTHING,
	DUE_TIME,		/* a case with a duration commits */
	DUE_CONTEXT,		/* a context's deadline has passed */
};

static bool is_send(const kc_case *c)
{
	return c->op == KC_OP_SEND || c->op == KC_OP_SEND_MSG;
}

static bool is_recv(const kc_case *c)
{
	return c->op == KC_OP_RECV || c->op == KC_OP_RECV_MSG;
}

/* The length that the kernel expects, or a negative errno. */
static int64_t length(const kc_case *c)
{
	const kc_chan *chan = c->chan;
	int ret;

	switch (c->op) {
	case KC_OP_SEND_MSG:
		ret = kc_check_send_msg(chan, c->size);
		return ret ? ret : (int64_t)c->size;
	case KC_OP_RECV_MSG:
		if (!chan->message)
			return -EINVAL;
		return c->addr && c->size < chan->elem_size ? c->size :
							      chan->elem_size;
	default:
		return chan->message ? -EINVAL : (int64_t)chan->elem_size;
	}
}

static int add_channel(struct kc_live *live, const kc_case *c, size_t index)
{
	const bool sends = is_send(c);
	int64_t len;

	if (!c->chan)
		return 0;
	len = length(c);
	if (len < 0)
		return len;
	if (live->nr == KCHAN_MAX_CASES)
		return -E2BIG;
	if (sends)
		kc_memcheck_read(c->addr, len);
	else if (!c->addr && (size_t)len > live->unwanted)
		live->unwanted = len;
	live->any = c->chan;
	*kc_live_add(live, index, c->chan) = (struct kchan_case){
		.fd = c->chan->fd,
		.op = sends ? KCHAN_OP_SEND : KCHAN_OP_RECV,
		.addr = (uintptr_t)c->addr,
		.len = len,
	};
	return 0;
}

static int add_fd(struct kc_live *live, const kc_case *c, size_t index)
{
	if (c->events & ~(uint32_t)EVENTS)
		return -EINVAL;
	if (c->fd < 0)
		return 0;
	if (live->nr == KCHAN_MAX_CASES)
		return -E2BIG;
	live->foreign = true;
	*kc_live_add(live, index, NULL) = (struct kchan_case){
		.fd = c->fd,
		.op = KCHAN_OP_POLL,
		.events = c->events,
	};
	return 0;
}

/* A negative duration counts as 0. */
static int64_t duration(const kc_case *c)
{
	return c->duration > 0 ? c->duration : 0;
}

/* Adds a case. Contexts are added later. */
static inline int add_one(struct kc_live *live, const kc_case *c, size_t index)
{
	if (c->reserved[0] | c->reserved[1] | c->reserved[2] | c->reserved[3])
		return -EINVAL;
	switch (c->op) {
	case KC_OP_NONE:
		return 0;
	case KC_OP_SEND:
	case KC_OP_RECV:
	case KC_OP_SEND_MSG:
	case KC_OP_RECV_MSG:
		return add_channel(live, c, index);
	case KC_OP_FD:
		return add_fd(live, c, index);
	case KC_OP_AFTER:
		if (!live->timed || duration(c) < live->after)
			live->after = duration(c);
		live->timed = true;
		return 0;
	case KC_OP_DONE:
		live->contexts |= c->addr != NULL;
		return 0;
	}
	return -EINVAL;
}

static void release(struct kc_live *live)
{
	struct kc_calls calls = { live->calls, live->nr };

	if (live->events)
		kc_ctx_cases->release(live);
	free(live->room);
	/* This comes last: it may call functions of the program. */
	kc_calls_end(&calls);
}

/*
 * Makes memory for elements to discard, since the kernel needs an address. Only one
 * case commits, and nobody reads the element, so all such cases share the memory.
 */
static int make_room(struct kc_live *live)
{
	unsigned int i;

	if (!live->unwanted)
		return 0;
	live->room = malloc(live->unwanted);
	if (!live->room)
		return -ENOMEM;
	for (i = 0; i < live->nr; i++)
		if (live->cases[i].op == KCHAN_OP_RECV &&
		    live->cases[i].len && !live->cases[i].addr)
			live->cases[i].addr = (uintptr_t)live->room;
	return 0;
}

static bool has_source(kc_ctx *ctx)
{
	return ctx && kc_ctx_cases->has_source(ctx);
}

static int add_context(struct kc_live *live, kc_ctx *ctx, size_t index)
{
	return ctx ? kc_ctx_cases->add(live, ctx, index) : 0;
}

/*
 * Adds the contexts. How they are waited for depends on the other cases: where there is a
 * channel, or a descriptor that can cancel a context, only the kernel can wait for all.
 */
static int add_contexts(struct kc_live *live, kc_case *cases, size_t n, kc_ctx *ctx)
{
	bool channels;
	size_t i;
	int ret;

	if (!kc_ctx_cases)
		return -EINVAL;
	channels = live->any || has_source(ctx);
	for (i = 0; i < n && !channels; i++)
		channels = cases[i].op == KC_OP_DONE && has_source(cases[i].addr);
	live->alone = !channels && !live->nr;
	live->polled = !channels && live->nr;
	for (i = 0; i < n; i++) {
		if (cases[i].op != KC_OP_DONE)
			continue;
		ret = add_context(live, cases[i].addr, i);
		if (ret && ret != -E2BIG)
			cases[i].status = ret;
		if (ret)
			return ret;
	}
	return add_context(live, ctx, n);
}

static inline void clear(kc_case *c)
{
	c->status = 0;
	c->revents = 0;
	c->ok = false;
	c->len = 0;
}

/* Holds the channels if it succeeds. */
static int gather(struct kc_live *live, kc_case *cases, size_t n, kc_ctx *ctx)
{
	size_t i;
	int ret = 0;

	live->nr = 0;
	live->any = NULL;
	live->foreign = false;
	live->contexts = ctx;
	live->timed = false;
	live->after = 0;
	live->deadline = INT64_MAX;
	live->polled = false;
	live->events = NULL;
	live->alone = false;
	live->nr_nodes = 0;
	live->unwanted = 0;
	live->room = NULL;
	for (i = 0; i < n && !ret; i++) {
		clear(&cases[i]);
		ret = add_one(live, &cases[i], i);
		if (ret && ret != -E2BIG)
			cases[i].status = ret;
	}
	for (; i < n; i++)
		clear(&cases[i]);
	if (!ret && live->contexts)
		ret = add_contexts(live, cases, n, ctx);
	if (!ret)
		ret = make_room(live);
	if (ret)
		release(live);
	return ret;
}

/* A random number below @n, evenly distributed. */
static size_t choose(size_t n)
{
	return n > 1 ? (uint64_t)kc_random() * n >> 32 : 0;
}

/* The case with the shortest duration. If there are several, a random one of them. */
static int choose_timed(const struct kc_live *live, const kc_case *cases, size_t n)
{
	size_t i, skip, same = 0;

	for (i = 0; i < n; i++)
		if (cases[i].op == KC_OP_AFTER &&
		    duration(&cases[i]) == live->after)
			same++;
	skip = choose(same);
	for (i = 0; i < n; i++)
		if (cases[i].op == KC_OP_AFTER &&
		    duration(&cases[i]) == live->after && !skip--)
			break;
	return i;
}

/* True if the descriptor is not open, or is an end of the wrong direction. */
static bool is_wrong(const struct kc_live *live, unsigned int i)
{
	const uint32_t needs = live->cases[i].op == KCHAN_OP_SEND ?
		KCHAN_INFO_SEND : KCHAN_INFO_RECV;
	struct kchan_info info;
	long ret;

	if (!live->chan[i])
		return sys_fd_flags(live->cases[i].fd) == -EBADF;
	ret = sys_ioctl(live->chan[i]->fd, KCHAN_IOC_INFO, &info);
	return ret == -EBADF || (!ret && !(info.flags & needs));
}

/*
 * Finds the cases that caused -EBADF, which the kernel does not tell. Another thread
 * may have changed the descriptors by now.
 */
static void blame(const struct kc_live *live, kc_case *cases, size_t n)
{
	unsigned int i;

	for (i = 0; i < live->nr; i++)
		if (live->index[i] != n && is_wrong(live, i))
			cases[live->index[i]].status = -EBADF;
}

/*
 * Sets the outputs of the case that committed. A receive at end-of-stream is not an
 * error. The error of a context is set later.
 */
static void tell(const struct kc_live *live, kc_case *c, const struct kchan_select *sel)
{
	if (c->op == KC_OP_DONE)
		return;
	if (c->op == KC_OP_FD) {
		c->status = -(int)sel->status;
		c->revents = sel->events;
		return;
	}
	c->len = sel->len;
	if (is_recv(c) && sel->status == EPIPE)
		return;
	c->status = -(int)sel->status;
	c->ok = is_recv(c) && !sel->status;
	if (c->ok)
		kc_memcheck_written(c->addr ? c->addr : live->room, sel->len);
}

/* Gives the kernel @nr live cases from @first on. */
static int ask_kernel(const struct kc_live *live, unsigned int first, unsigned int nr,
		      kc_case *cases, size_t n, const struct kc_limit *limit)
{
	struct kchan_select sel = {
		.cases = (uintptr_t)&live->cases[first],
		.nr_cases = nr,
		.case_size = sizeof(live->cases[0]),
		.deadline = limit->alarm ? 0 : limit->deadline,
		.flags = limit->alarm ? 0 : limit->flags,
	};
	size_t index;
	int ret;

	kc_race_select(&live->chan[first], &live->cases[first], nr, *limit);
	do {
		ret = sys_ioctl(live->any->fd, KCHAN_IOC_SELECT, &sel);
	} while (ret == -EINTR);
	kc_race_selected(&live->chan[first], &live->cases[first], nr, *limit,
			 ret, &sel);
	if (ret)
		return ret;
	index = live->index[first + sel.index];
	if (index == n)
		return n;
	if (index == ALARM)
		return -ETIMEDOUT;
	tell(live, &cases[index], &sel);
	return index;
}

/*
 * The kernel chooses at random among the ready cases. With jitter, the goroutine's own
 * generator must choose. So the cases are tried one by one in a random order, in which
 * each permutation is equally likely. (A rotation from a random begin is not enough:
 * the case after one that is never ready would be chosen twice as often.) A case that
 * commits was ready at that moment, so it is a valid choice. If none commits, or one is
 * wrong, the caller asks the kernel with all cases: a wrong case must be reported in
 * any order.
 */
static int ask_in_turn(const struct kc_live *live, kc_case *cases, size_t n,
		       const struct kc_limit *now)
{
	unsigned char order[KCHAN_MAX_CASES];
	unsigned int i, k;
	int ret = -EAGAIN;

	for (i = 0; i < live->nr; i++) {
		if (is_wrong(live, i))
			return -EAGAIN;
		k = choose(i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	for (i = 0; i < live->nr && ret == -EAGAIN; i++)
		ret = ask_kernel(live, order[i], 1, cases, n, now);
	return ret;
}

static int ask_for_channels(const struct kc_live *live, kc_case *cases, size_t n)
{
	const struct kc_limit *limit = &live->limit;
	const struct kc_limit now = { KCHAN_SELECT_NONBLOCK, 0, 0, limit->at };
	int ret = -EAGAIN;

	if (kc_jitter_is_on() && live->nr > 1)
		ret = ask_in_turn(live, cases, n, &now);
	/*
	 * So that a select reports too much to the race detector only if it waits:
	 * chan/races.c.
	 */
	else if (kc_race_on() && !(limit->flags & KCHAN_SELECT_NONBLOCK))
		ret = ask_kernel(live, 0, live->nr, cases, n, &now);
	if (ret == -EAGAIN)
		ret = ask_kernel(live, 0, count(live), cases, n, limit);
	return ret;
}

/* The time that is left to wait, as sys_poll() takes it. */
static int64_t left(const struct kc_limit *limit)
{
	int64_t now;

	if (limit->flags & KCHAN_SELECT_NONBLOCK)
		return 0;
	if (!(limit->flags & KCHAN_SELECT_DEADLINE) || limit->alarm)
		return -1;
	now = kc_now();
	return now < limit->deadline ? limit->deadline - now : 0;
}

/*
 * Polls descriptors. A context has an eventfd here. Its index may be n, for
 * kc_select_ctx().
 */
static int poll_fds(const struct kc_live *live, kc_case *cases, size_t n)
{
	const struct kc_limit *limit = &live->limit;
	const unsigned int nr = count(live);
	struct pollfd fds[KCHAN_MAX_CASES];
	unsigned int i;
	size_t skip;
	int ret;

	for (i = 0; i < nr; i++) {
		fds[i].fd = live->cases[i].fd;
		fds[i].events = live->cases[i].events;
	}
	do {
		ret = sys_poll(fds, nr, left(limit));
	} while (ret == -EINTR);
	if (ret < 0)
		return ret;
	if (!ret)
		return limit->flags & KCHAN_SELECT_NONBLOCK ? -EAGAIN :
							      -ETIMEDOUT;

	for (i = 0; i < nr; i++)
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	skip = choose(ret);
	for (i = 0; !fds[i].revents || skip--; i++)
		;
	if (live->index[i] == ALARM)
		return -ETIMEDOUT;
	if (live->index[i] < n && cases[live->index[i]].op == KC_OP_FD)
		cases[live->index[i]].revents = (uint16_t)fds[i].revents;
	return live->index[i];
}

/* As kc_park_within(). It must be inlined, too. */
static inline __attribute__((always_inline)) struct kc_parked *
park(const struct kc_live *live)
{
	uint32_t flags = live->foreign ? KC_GOROUTINE_FOREIGN : 0;

	if (live->limit.flags & KCHAN_SELECT_NONBLOCK)
		return NULL;
	if (live->limit.flags & KCHAN_SELECT_DEADLINE)
		flags |= KC_GOROUTINE_TIMED;
	return kc_park_many(KC_STATE_SELECT, live->cases, live->nr, flags);
}

/* Returns the index of a case that has committed, or a negative errno. */
static int commit(struct kc_live *live, kc_case *cases, size_t n)
{
	struct kc_parked *parked;
	struct kc_alarm alarm;
	int ret;

	if (live->nr_nodes) {
		ret = kc_ctx_cases->await(live, live->limit);
		return ret < 0 ? ret : (int)live->index[ret];
	}
	if (!live->nr)
		return kc_wait_for_nothing(live->limit.flags & KCHAN_SELECT_DEADLINE ?
					   KC_STATE_SELECT :
					   KC_STATE_SELECT_NIL, live->limit);
	if (kc_clock_has(live->limit) && live->nr == KCHAN_MAX_CASES)
		return -E2BIG;
	ret = kc_alarm_begin(&alarm, &live->limit);
	if (ret)
		return ret;
	if (live->limit.alarm)
		put_alarm(live);
	parked = park(live);
	if (live->any)
		ret = ask_for_channels(live, cases, n);
	else
		ret = poll_fds(live, cases, n);
	kc_unpark(parked);
	kc_alarm_end(&alarm);
	if (ret == -EBADF)
		blame(live, cases, n);
	return ret;
}

/*
 * Makes the earliest time of the cases the limit, if it is earlier. Returns what that
 * time means. A negative @now has not been read yet.
 */
static enum due narrow(struct kc_live *live, int64_t now)
{
	struct kc_limit *limit = &live->limit;
	void *const caller = limit->at;
	enum due due = DUE_CONTEXT;
	int64_t at = live->deadline, after;

	if (live->timed) {
		if (!live->after) {
			*limit = KC_NOT_AT_ALL;
			limit->at = caller;
			return DUE_TIME;
		}
		after = kc_later(now < 0 ? kc_now() : now, live->after);
		if (after <= at) {
			due = DUE_TIME;
			at = after;
		}
	}
	/* INT64_MAX is no deadline. */
	if ((due == DUE_CONTEXT && at == INT64_MAX) ||
	    (limit->flags & KCHAN_SELECT_NONBLOCK) ||
	    ((limit->flags & KCHAN_SELECT_DEADLINE) && limit->deadline < at))
		return DUE_NOTHING;
	*limit = kc_until_at(at, caller);
	return due;
}

/* What a case can do without the kernel. */
enum look {
	LOOK_KERNEL,		/* only the kernel knows */
	LOOK_COLD,		/* the same, but the channel can be mapped */
	LOOK_WAITS,
	LOOK_READY,
};

static bool is_idle(kc_ctx *ctx)
{
	return !ctx || (kc_ctx_cases && kc_ctx_cases->is_idle(ctx));
}

static inline __attribute__((always_inline)) enum look
look_at_channel(kc_chan *c, bool send)
{
	struct kc_mapped *mapped;

	if (!c)
		return LOOK_WAITS;
	mapped = kc_mapped_of(c, send);
	if (!kc_mapped_mem(mapped))
		return atomic_load_explicit(&mapped->cold, memory_order_relaxed) ?
			LOOK_COLD : LOOK_KERNEL;
	switch (kc_ring_look(&mapped->ring, send)) {
	case KC_RING_READY:
		return LOOK_READY;
	case KC_RING_WAITS:
		return LOOK_WAITS;
	default:
		return LOOK_KERNEL;
	}
}

/* A case with a duration commits only if no case of another kind is ready. */
static inline __attribute__((always_inline)) enum look look_at(const kc_case *c)
{
	if (__builtin_expect(c->reserved[0] | c->reserved[1] | c->reserved[2] |
			     c->reserved[3], 0))
		return LOOK_KERNEL;
	if (c->op == KC_OP_RECV)
		return look_at_channel(c->chan, false);
	if (c->op == KC_OP_SEND)
		return look_at_channel(c->chan, true);
	if (c->op == KC_OP_NONE || c->op == KC_OP_AFTER ||
	    (c->op == KC_OP_DONE && is_idle(c->addr)))
		return LOOK_WAITS;
	return LOOK_KERNEL;
}

/* A select that may wait uses channels once more that are not mapped yet. */
static __attribute__((noinline)) void warm(kc_case *cases, size_t n)
{
	struct kc_call call;
	size_t i;

	for (i = 0; i < n; i++) {
		if (look_at(&cases[i]) != LOOK_COLD)
			continue;
		call = kc_call_begin(cases[i].chan);
		kc_mapped_warm(cases[i].chan, cases[i].op == KC_OP_SEND);
		kc_call_end(&call);
	}
}

/* Receives an element that is discarded. */
static __attribute__((noinline)) bool discard(kc_chan *c, void *at)
{
	const struct kc_call call = kc_call_begin(c);
	void (*drop)(void *elem) = kc_drop_of(c);
	const uint32_t len = c->elem_size;
	void *room = malloc(len);
	const bool moved = room && kc_mapped_move(c, false, room, at);

	kc_call_end(&call);
	/* @drop may panic or call kc_goexit(). Nothing is held any more. */
	kc_drop_unwanted(moved ? drop : NULL, room, len);
	return moved;
}

/* What kc_mapped_call() has not done. */
static __attribute__((noinline)) bool move_held(kc_chan *c, bool send, void *elem,
						void *at)
{
	const struct kc_call call = kc_call_begin(c);
	const bool moved = kc_mapped_move(c, send, elem, at);

	kc_call_end(&call);
	return moved;
}

static inline __attribute__((always_inline)) bool
move_elem(kc_chan *c, bool send, void *elem, void *at)
{
	struct kc_call call;

	switch (kc_mapped_call(c, send, elem, &call)) {
	case KC_CALLED:
		return true;
	case KC_CALLED_HELD:
		kc_call_end(&call);
		return false;
	default:
		return move_held(c, send, elem, at);
	}
}

/* Moves the element of a case that was ready. False if others were faster. */
static inline __attribute__((always_inline)) bool move_case(kc_case *c, void *at)
{
	/* This may be the last reference, and another thread may drop it. */
	const uint32_t len = c->chan->elem_size;
	bool moved;

	if (c->op == KC_OP_SEND)
		moved = move_elem(c->chan, true, c->addr, at);
	else if (c->addr)
		moved = move_elem(c->chan, false, c->addr, at);
	else
		moved = discard(c->chan, at);
	if (!moved)
		return false;
	c->ok = c->op == KC_OP_RECV;
	c->len = len;
	return true;
}

/* A select reads the elements of all its sends, as Go does. It moves one of them. */
static __attribute__((noinline)) void tell_of_reads(const kc_case *cases, size_t n, void *at)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (cases[i].op == KC_OP_SEND && cases[i].chan)
			kc_race_read(cases[i].chan, cases[i].addr,
				     cases[i].chan->elem_size, at);
}

/* Whether this is a case of a ring, if it is one that the kernel need not be asked of. */
static bool has_ring(const kc_case *c)
{
	return c->chan && (c->op == KC_OP_RECV || c->op == KC_OP_SEND);
}

static const struct kc_ring *ring_of(const kc_case *c, bool send)
{
	return &kc_mapped_of(c->chan, send)->ring;
}

/*
 * Whether at one instant none of the cases was ready: see kc_ring_still_waits(). All were
 * looked at before, and none of them is of the kernel. A context that is cancelled stays
 * so, and is looked at last. What is due at a time is left to ask().
 */
static __attribute__((noinline)) bool none_is_ready(const kc_case *cases, size_t n)
{
	struct kc_ring_seen seen[KCHAN_MAX_CASES];
	size_t i;

	for (i = 0; i < n; i++) {
		const bool send = cases[i].op == KC_OP_SEND;

		if (cases[i].op == KC_OP_AFTER ||
		    (has_ring(&cases[i]) &&
		     !kc_ring_waits(ring_of(&cases[i], send), send, &seen[i])))
			return false;
	}
	for (i = 0; i < n; i++) {
		const bool send = cases[i].op == KC_OP_SEND;

		if (has_ring(&cases[i]) ?
		    !kc_ring_still_waits(ring_of(&cases[i], send), send, &seen[i]) :
		    look_at(&cases[i]) != LOOK_WAITS)
			return false;
	}
	return true;
}

/* Only the kernel knows more. No errno has this value. */
#define UNKNOWN	INT_MIN

/*
 * Commits a case without the kernel. Returns its index; -EAGAIN if each was not ready when
 * it was looked at; or UNKNOWN. That is so too if the kernel alone knows whether one of the
 * cases is ready, because of all that are ready each has to be as likely.
 *
 * All cases are looked at first, and the channels are not held meanwhile: nobody can know
 * yet that this call has begun. Only the one that is chosen is held. When that has moved
 * its element, the others are not touched any more.
 */
static int move_ready(kc_case *cases, size_t n, bool may_wait, kc_ctx *ctx, void *at)
{
	unsigned char ready[KCHAN_MAX_CASES];
	unsigned int nr = 0, k;
	bool cold = false;
	size_t i;

	if (n > KCHAN_MAX_CASES || kc_jitter_is_on())
		return UNKNOWN;
	for (i = 0; i < n; i++) {
		clear(&cases[i]);
		switch (look_at(&cases[i])) {
		case LOOK_WAITS:
			break;
		case LOOK_READY:
			ready[nr++] = i;
			break;
		case LOOK_COLD:
			cold = true;
			break;
		case LOOK_KERNEL:
			return UNKNOWN;
		}
	}
	if (ctx && !is_idle(ctx))
		return UNKNOWN;
	if (__builtin_expect(cold, 0)) {
		if (may_wait)
			warm(cases, n);
		return UNKNOWN;
	}
	if (kc_race_on() && nr)
		tell_of_reads(cases, n, at);
	while (nr) {
		k = choose(nr);
		if (move_case(&cases[ready[k]], at))
			return ready[k];
		ready[k] = ready[--nr];
	}
	return -EAGAIN;
}

/* What could not be done without the kernel. */
static __attribute__((noinline)) int ask(kc_case *cases, size_t n, struct kc_limit limit,
					 int64_t now, kc_ctx *ctx)
{
	void (*drop)(void *elem) = NULL;
	struct kc_live live;
	enum due due;
	void *room;
	int ret;

	if (n >= INT_MAX)
		return -E2BIG;
	kc_jitter_here();
	if (!(limit.flags & KCHAN_SELECT_NONBLOCK))
		kc_g_ready();
	ret = gather(&live, cases, n, ctx);
	if (ret)
		return ret;
	live.limit = limit;
	due = narrow(&live, now);
	ret = commit(&live, cases, n);
	if (ret >= 0 && (size_t)ret < n && cases[ret].ok && !cases[ret].addr)
		drop = kc_drop_of(cases[ret].chan);
	room = live.room;
	live.room = NULL;
	release(&live);
	/* @drop may panic or call kc_goexit(). Nothing is held any more. */
	kc_drop_unwanted(drop, room, drop ? cases[ret].len : 0);
	if (ret == -EAGAIN || ret == -ETIMEDOUT) {
		if (due == DUE_TIME)
			ret = choose_timed(&live, cases, n);
		else if (due == DUE_CONTEXT)
			ret = live.late;
	}
	if (ret < 0)
		return ret;
	if ((size_t)ret == n)
		return kc_ctx_cases->status(ctx);
	if (cases[ret].op == KC_OP_DONE)
		cases[ret].status = kc_ctx_cases->status(cases[ret].addr);
	return ret;
}

int kc_select_cases(kc_case *cases, size_t n, struct kc_limit limit, int64_t now,
		    kc_ctx *ctx)
{
	const bool may_wait = !(limit.flags & KCHAN_SELECT_NONBLOCK);
	const int ret = move_ready(cases, n, may_wait, ctx, limit.at);

	if (ret >= 0)
		return ret;
	/* The race detector sees only what is asked of the kernel. */
	if (ret == -EAGAIN && !may_wait && !ctx && !kc_race_on() && none_is_ready(cases, n))
		return ret;
	return ask(cases, n, limit, now, ctx);
}

int kc_select(kc_case *cases, size_t n)
{
	return kc_select_cases(cases, n, KC_FOR_EVER, -1, NULL);
}

int kc_try_select(kc_case *cases, size_t n)
{
	return kc_select_cases(cases, n, KC_NOT_AT_ALL, -1, NULL);
}

int kc_select_timeout(kc_case *cases, size_t n, int64_t timeout)
{
	/* The durations of cases and the timeout count from the same time. */
	const int64_t now = kc_now();

	return kc_select_cases(cases, n, kc_until(kc_later(now, timeout)), now,
			       NULL);
}

int kc_select_deadline(kc_case *cases, size_t n, int64_t deadline)
{
	return kc_select_cases(cases, n, kc_until(deadline), -1, NULL);
}
