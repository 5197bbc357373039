// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The keeper.
 *
 * It sleeps on the futex "wakes" until the earliest time of its heap. Each thread that
 * gives it new work changes that word. While it watches descriptors, it waits in epoll
 * instead, and an eventfd wakes it. Programs that use no context of another process
 * have neither epoll nor eventfd.
 *
 * Its lock is held for a few instructions, never during a call of @fire or @ready. No
 * other lock is taken under it. It records the object that it is calling in "busy", so
 * that kc_keeper_forget() can wait for the end of that call.
 */
#include "base/base.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/task.h"
#include "race/race.h"
#include "sched/keeper.h"
#include "sched/pool.h"
#include "sched/thread.h"

#define NEVER	INT64_MAX
#define AT_ONCE	INT64_MIN

/* epoll's data for the eventfd. The numbers of watches begin after it. */
#define WAKE_ID	0

static struct kc_keeper {
	uint32_t lock;
	uint32_t wakes;			/* a futex */
	bool runs;
	pid_t tid;
	uint64_t turns;			/* how often it has looked for work */
	uint32_t turn_wakes;		/* the value of @wakes before the last turn */
	int64_t until;			/* it looks again by then, even if nobody wakes it */
	struct kc_heap times;
	struct kc_list watches;
	uint64_t last_id;		/* the highest number of a watch */
	int epoll;			/* valid if @event is */
	int event;			/* negative: no eventfd has been made */
	const void *busy;		/* the object that it is calling */
	uint32_t calls;			/* how many calls it has made: a futex */
	unsigned int nr_waiting;	/* how many threads wait for a call to end */
	struct kc_heap_node *left;	/* calls that were queued in the parent of a fork() */
} keeper = {
	.until = AT_ONCE,
	.watches = KC_LIST_INIT(keeper.watches),
	.epoll = -1,
	.event = -1,
};

static void lock_keeper(void)
{
	kc_lock(&keeper.lock);
}

static void unlock_keeper(void)
{
	kc_unlock(&keeper.lock);
}

void (*kc_keeper_signals)(void);

void kc_keeper_wake(void)
{
	const uint64_t one = 1;
	int event;

	__atomic_fetch_add(&keeper.wakes, 1, __ATOMIC_SEQ_CST);
	sys_futex_wake_one(&keeper.wakes);
	event = __atomic_load_n(&keeper.event, __ATOMIC_SEQ_CST);
	if (event >= 0)
		sys_write(event, &one, sizeof(one));
}

bool kc_keeper_is_idle(struct kc_keeper_turn *turn)
{
	bool idle;

	kc_lock(&keeper.lock);
	*turn = (struct kc_keeper_turn){
		.tid = keeper.tid,
		.number = keeper.turns,
		.next = keeper.times.first ? keeper.times.first->key : NEVER,
	};
	idle = !keeper.busy && keeper.turns &&
		keeper.turn_wakes == __atomic_load_n(&keeper.wakes, __ATOMIC_SEQ_CST);
	kc_unlock(&keeper.lock);
	return idle;
}

bool kc_keeper_has_work(void)
{
	bool work;

	kc_lock(&keeper.lock);
	work = keeper.times.first || !kc_list_empty(&keeper.watches) || keeper.busy;
	kc_unlock(&keeper.lock);
	return work;
}

/* Called with the lock held. It drops the lock, and end_call() takes it again. */
static void begin_call(const void *busy)
{
	keeper.busy = busy;
	kc_unlock(&keeper.lock);
}

static void end_call(void)
{
	kc_lock(&keeper.lock);
	keeper.busy = NULL;
	__atomic_fetch_add(&keeper.calls, 1, __ATOMIC_RELAXED);
	if (keeper.nr_waiting)
		sys_futex_wake_all(&keeper.calls);
}

/* Called with the lock held. */
static void await_call(const void *busy)
{
	uint32_t calls;

	while (keeper.busy == busy) {
		calls = keeper.calls;
		keeper.nr_waiting++;
		kc_unlock(&keeper.lock);
		sys_futex_wait(&keeper.calls, calls);
		kc_lock(&keeper.lock);
		keeper.nr_waiting--;
	}
}

static struct kc_timed *timed_of(struct kc_heap_node *node)
{
	return kc_container(node, struct kc_timed, node);
}

/*
 * Called with the lock held, and so is unlink_watch(). Returns true if it was queued.
 */
static bool take_out(struct kc_timed *t)
{
	if (!t->queued)
		return false;
	kc_heap_del(&keeper.times, &t->node);
	t->queued = false;
	return true;
}

static bool unlink_watch(struct kc_watch *w)
{
	if (!w->queued)
		return false;
	kc_list_del(&w->link);
	w->queued = false;
	sys_epoll_ctl(keeper.epoll, EPOLL_CTL_DEL, w->fd, NULL);
	return true;
}

/*
 * Wakes the keeper only for a time that is sooner than the one that it waits for. If that
 * one is not set any more, the keeper wakes then for nothing, and waits for the next time.
 */
void kc_timed_set(struct kc_timed *t, int64_t when)
{
	bool sooner;

	kc_lock(&keeper.lock);
	take_out(t);
	t->node.key = when;
	t->queued = true;
	kc_heap_add(&keeper.times, &t->node);
	sooner = when < keeper.until;
	kc_unlock(&keeper.lock);
	if (sooner)
		kc_keeper_wake();
}

bool kc_timed_del(struct kc_timed *t)
{
	bool was;

	kc_lock(&keeper.lock);
	was = take_out(t);
	kc_unlock(&keeper.lock);
	return was;
}

void kc_keeper_forget(struct kc_timed *t)
{
	kc_lock(&keeper.lock);
	do {
		take_out(t);
		await_call(t);
	} while (t->queued);
	kc_unlock(&keeper.lock);
}

/* Makes the epoll and the eventfd. Returns 0 or a negative errno. */
static int make_epoll(void)
{
	struct epoll_event wake = { .events = EPOLLIN, .data.u64 = WAKE_ID };
	int epoll, event, ret;

	epoll = sys_epoll_create();
	if (epoll < 0)
		return epoll;
	event = sys_eventfd();
	ret = event < 0 ? event :
			  sys_epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wake);
	if (ret) {
		if (event >= 0)
			sys_close(event);
		sys_close(epoll);
		return ret;
	}
	keeper.epoll = epoll;
	__atomic_store_n(&keeper.event, event, __ATOMIC_SEQ_CST);
	return 0;
}

int kc_watch_set(struct kc_watch *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT };
	int ret = 0;

	kc_lock(&keeper.lock);
	unlink_watch(w);
	if (keeper.event < 0)
		ret = make_epoll();
	if (!ret) {
		w->id = ++keeper.last_id;
		event.data.u64 = w->id;
		ret = sys_epoll_ctl(keeper.epoll, EPOLL_CTL_ADD, fd, &event);
	}
	if (!ret) {
		w->fd = fd;
		w->queued = true;
		kc_list_add(&keeper.watches, &w->link);
	}
	kc_unlock(&keeper.lock);
	/* The keeper may sleep on the futex. */
	if (!ret)
		kc_keeper_wake();
	return ret;
}

bool kc_watch_del(struct kc_watch *w)
{
	bool was;

	kc_lock(&keeper.lock);
	was = unlink_watch(w);
	kc_unlock(&keeper.lock);
	return was;
}

void kc_keeper_forget_watch(struct kc_watch *w)
{
	kc_lock(&keeper.lock);
	do {
		unlink_watch(w);
		await_call(w);
	} while (w->queued);
	kc_unlock(&keeper.lock);
}

/*
 * Makes all calls whose time has come. Called with the lock held. Returns the time of
 * the next one.
 */
static int64_t fire_due(void)
{
	struct kc_timed *t;

	/* What is set while it makes a call is seen by the loop, without a wake-up. */
	keeper.until = AT_ONCE;
	while (keeper.times.first) {
		t = timed_of(keeper.times.first);
		if (t->node.key > kc_now())
			return t->node.key;
		take_out(t);
		begin_call(t);
		t->fire(t);
		end_call();
	}
	return NEVER;
}

/* Calls @ready of the watch with that number, unless it has been unlinked meanwhile. */
static void tell_ready(uint64_t id)
{
	struct kc_list *link;
	struct kc_watch *w;

	kc_lock(&keeper.lock);
	for (link = keeper.watches.next; link != &keeper.watches;
	     link = link->next) {
		w = kc_container(link, struct kc_watch, link);
		if (w->id != id)
			continue;
		unlink_watch(w);
		begin_call(w);
		w->ready(w);
		end_call();
		break;
	}
	kc_unlock(&keeper.lock);
}

static void wait_in_epoll(int64_t until)
{
	const int64_t now = kc_now();
	struct epoll_event told[8];
	uint64_t count;
	long i, nr;

	nr = sys_epoll_wait(keeper.epoll, told, 8, until == NEVER ? -1 :
			    until > now ? until - now : 0);
	for (i = 0; i < nr; i++) {
		if (told[i].data.u64 == WAKE_ID)
			sys_read(keeper.event, &count, sizeof(count));
		else
			tell_ready(told[i].data.u64);
	}
}

/* Waits. A change of "wakes" since @seen was read ends the wait, or prevents it. */
static void wait_for_more(uint32_t seen, bool watches, int64_t until)
{
	/*
	 * The kernel does not know the fake clock. A thread that advances the fake
	 * clock wakes the keeper.
	 */
	if (kc_clock_is_fake())
		until = NEVER;
	if (watches)
		wait_in_epoll(until);
	else if (until == NEVER)
		sys_futex_wait(&keeper.wakes, seen);
	else
		sys_futex_wait_until(&keeper.wakes, seen, until);
}

static void keep(void)
{
	uint32_t seen;
	int64_t until;
	bool watches;

	sys_set_comm("kchan-keeper");
	keeper.tid = sys_gettid();
	kc_race_serve();
	for (;;) {
		seen = __atomic_load_n(&keeper.wakes, __ATOMIC_SEQ_CST);
		if (kc_keeper_signals)
			kc_keeper_signals();
		kc_lock(&keeper.lock);
		until = fire_due();
		keeper.until = until;
		watches = !kc_list_empty(&keeper.watches);
		keeper.turns++;
		keeper.turn_wakes = seen;
		kc_unlock(&keeper.lock);
		wait_for_more(seen, watches, until);
	}
}

int kc_keeper_start(void)
{
	int ret;

	if (__atomic_load_n(&keeper.runs, __ATOMIC_ACQUIRE))
		return 0;
	ret = kc_fork_setup();
	if (ret)
		return ret;
	kc_lock(&keeper.lock);
	if (!keeper.runs)
		ret = kc_thread_own(keep, KC_STACK_MIN);
	if (!ret)
		__atomic_store_n(&keeper.runs, true, __ATOMIC_RELEASE);
	kc_unlock(&keeper.lock);
	return ret;
}

/*
 * Called in the child with the lock held. Nothing is queued in the child. A function
 * that the keeper was calling in the parent held no lock of the library: before() would
 * have waited for it.
 */
static void forked(void)
{
	struct kc_timed *t;
	struct kc_watch *w;

	while (keeper.times.first) {
		t = timed_of(keeper.times.first);
		take_out(t);
		if (!t->forked)
			continue;
		t->node.next = keeper.left;
		keeper.left = &t->node;
	}
	while (!kc_list_empty(&keeper.watches)) {
		w = kc_container(keeper.watches.next, struct kc_watch, link);
		kc_list_del(&w->link);
		w->queued = false;
	}
	if (keeper.event >= 0) {
		sys_close(keeper.event);
		sys_close(keeper.epoll);
		keeper.event = -1;
	}
	keeper.runs = false;
	keeper.until = AT_ONCE;
	keeper.turns = 0;
	keeper.busy = NULL;
	keeper.nr_waiting = 0;
}

/* Called in the child when all locks are free. */
static void tell_forked(void)
{
	struct kc_heap_node *node;
	struct kc_timed *t;

	while ((node = keeper.left)) {
		keeper.left = node->next;
		t = timed_of(node);
		t->forked(t);
	}
}

KC_AT_FORK(.order = KC_FORK_KEEPER, .lock = lock_keeper, .unlock = unlock_keeper,
	   .forked = forked, .drop = tell_forked)
