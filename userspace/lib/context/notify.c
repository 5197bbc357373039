// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Receiving signals.
 *
 * The signal handler (base/catch.c) only notes the signal, and wakes the keeper. The
 * keeper tells the receivers. So no receiver runs in a signal handler.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/catch.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/hook.h"
#include "base/task.h"
#include "chan/handle.h"
#include "context/notify.h"
#include "race/race.h"
#include "sched/keeper.h"

static uint32_t lock;

/* Protected by the lock: */
static struct kc_list all = KC_LIST_INIT(all);
static unsigned int nr_wanted[KC_NR_SIGNALS + 1];
static struct kc_list left = KC_LIST_INIT(left);	/* receivers of the parent of a fork() */

/* Set by the handler: a signal has come. */
static bool any_pending;

static void lock_all(void)
{
	kc_lock(&lock);
}

static void unlock_all(void)
{
	kc_unlock(&lock);
}

/* Called in the signal handler. */
static void wake(void)
{
	__atomic_store_n(&any_pending, true, __ATOMIC_RELEASE);
	kc_keeper_wake();
}

static bool can_be_told(int signum)
{
	switch (signum) {
	case SIGKILL:
	case SIGSTOP:
	/* These signals are about the instruction that the thread is executing. */
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
		return false;
	}
	/* libc reserves the signals between the standard and the real-time ones. */
	return (signum > 0 && signum < KC_LIBC_SIGNAL) ||
	       (signum >= SIGRTMIN && signum <= SIGRTMAX);
}

int kc_notify_check(const int *signums, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!can_be_told(signums[i]))
			return -EINVAL;
	return 0;
}

/* SIGURG is excluded: the library uses it, see debug/probe.c. */
static bool is_one_of_all(int signum)
{
	return can_be_told(signum) && signum != SIGURG;
}

/*
 * Called with the lock held, and so are the next functions. It calls kc_catch() again,
 * because the program may have installed a handler since.
 */
static void want(struct kc_notified *to, int signum)
{
	if (!to->wanted[signum]) {
		to->wanted[signum] = true;
		nr_wanted[signum]++;
	}
	kc_catch(KC_CATCH_NOTIFY, signum);
}

static void tell_of(int signum)
{
	struct kc_notified *to;
	struct kc_list *link;

	if (!kc_catch_take(KC_CATCH_NOTIFY, signum))
		return;
	for (link = all.next; link != &all; link = link->next) {
		to = kc_container(link, struct kc_notified, link);
		if (to->wanted[signum])
			to->tell(to, signum);
	}
}

static void tell_all(void)
{
	int signum;

	if (!__atomic_exchange_n(&any_pending, false, __ATOMIC_ACQUIRE))
		return;
	for (signum = 1; signum <= KC_NR_SIGNALS; signum++)
		tell_of(signum);
}

static void tell(void)
{
	if (!__atomic_load_n(&any_pending, __ATOMIC_ACQUIRE))
		return;
	kc_lock(&lock);
	tell_all();
	kc_unlock(&lock);
}

KC_SET_HOOK(kc_keeper_signals, tell)

KC_EARLY static void wake_keeper(void)
{
	kc_catch_wake_by(KC_CATCH_NOTIFY, wake);
}

/* Called with the lock held. No signals means all signals. */
static void add(struct kc_notified *to, const int *signums, size_t n)
{
	size_t i;
	int signum;

	if (!to->linked) {
		kc_list_add(all.prev, &to->link);
		to->linked = true;
	}
	for (i = 0; i < n; i++)
		want(to, signums[i]);
	if (n)
		return;
	for (signum = 1; signum <= KC_NR_SIGNALS; signum++)
		if (is_one_of_all(signum))
			want(to, signum);
}

/*
 * Called with the lock held. Signals that came before are still told, to this receiver
 * too: the keeper may not have seen them yet.
 */
static void del(struct kc_notified *to)
{
	int signum;

	for (signum = 1; signum <= KC_NR_SIGNALS; signum++) {
		if (!to->wanted[signum])
			continue;
		if (!--nr_wanted[signum])
			kc_catch_end(KC_CATCH_NOTIFY, signum);
		tell_of(signum);
		to->wanted[signum] = false;
	}
	kc_list_del(&to->link);
	to->linked = false;
}

bool kc_notify_is_wanted(void)
{
	bool wanted;

	lock_all();
	wanted = !kc_list_empty(&all);
	unlock_all();
	return wanted;
}

void kc_notify_add(struct kc_notified *to, const int *signums, size_t n)
{
	kc_lock(&lock);
	add(to, signums, n);
	kc_unlock(&lock);
}

void kc_notify_del(struct kc_notified *to)
{
	kc_lock(&lock);
	if (to->linked)
		del(to);
	kc_unlock(&lock);
}

/* A channel that receives signals. */
struct receiver {
	struct kc_notified to;
	kc_chan *c;		/* held by a reference while the receiver is listed, */
	struct kc_call held;	/* and then by this call */
};

static void tell_channel(struct kc_notified *to, int signum)
{
	struct receiver *r = kc_container(to, struct receiver, to);

	/*
	 * The result is ignored: if the channel is full, the signal is lost, as in Go.
	 */
	kc_try_send(r->c, &signum);
}

static void free_receiver(struct receiver *r)
{
	kc_race_hide();
	free(r);
	kc_race_show();
}

/*
 * Called with the lock held, when the receiver is off the list. The reference may be
 * the last one, so it must not be dropped under the lock. But the child of a fork() in
 * between would never drop it. So the channel is held by a call instead: calls do not
 * exist in a child.
 */
static void let_go(struct receiver *r)
{
	r->held = kc_call_begin(r->c);
	kc_unref(r->c);
}

static void end_receiver(struct receiver *r)
{
	const struct kc_call held = r->held;

	free_receiver(r);
	kc_call_end(&held);
}

/* Called in the child. */
static void drop_receiver(struct kc_notified *to)
{
	struct receiver *r = kc_container(to, struct receiver, to);

	kc_unref(r->c);
	free_receiver(r);
}

/* Called with the lock held. */
static struct receiver *find(const kc_chan *c)
{
	struct kc_notified *to;
	struct receiver *r;
	struct kc_list *link;

	for (link = all.next; link != &all; link = link->next) {
		to = kc_container(link, struct kc_notified, link);
		if (to->tell != tell_channel)
			continue;
		r = kc_container(to, struct receiver, to);
		if (r->c == c)
			return r;
	}
	return NULL;
}

static struct receiver *make_receiver(kc_chan *c)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->to.tell = tell_channel;
	r->to.forked = drop_receiver;
	r->c = c;
	return r;
}

static int check_channel(kc_chan *c)
{
	struct kchan_info info;
	int ret;

	if (!c || c->message || c->elem_size != sizeof(int))
		return -EINVAL;
	ret = sys_ioctl(c->fd, KCHAN_IOC_INFO, &info);
	if (ret)
		return ret;
	return info.flags & KCHAN_INFO_SEND ? 0 : -EBADF;
}

int kc_notify(kc_chan *c, const int *signums, size_t n)
{
	struct receiver *made, *r;
	int ret;

	ret = kc_notify_check(signums, n);
	if (!ret)
		ret = check_channel(c);
	if (!ret)
		ret = kc_keeper_start();
	if (ret)
		return ret;
	made = make_receiver(c);
	if (!made)
		return -ENOMEM;
	kc_lock(&lock);
	r = find(c);
	if (!r)
		kc_ref(c);
	add(r ? &r->to : &made->to, signums, n);
	kc_unlock(&lock);
	if (r)
		free_receiver(made);
	return 0;
}

void kc_notify_stop(kc_chan *c)
{
	struct receiver *r;

	kc_lock(&lock);
	r = find(c);
	if (r) {
		del(&r->to);
		let_go(r);
	}
	kc_unlock(&lock);
	if (r)
		end_receiver(r);
}

static bool is_told(const struct kc_notified *to)
{
	int signum;

	for (signum = 1; signum <= KC_NR_SIGNALS; signum++)
		if (to->wanted[signum])
			return true;
	return false;
}

/*
 * Called with the lock held, and so is take_useless(). Signals that came before are
 * still told.
 */
static void end_all(int signum)
{
	struct kc_list *link;

	if (!nr_wanted[signum])
		return;
	nr_wanted[signum] = 0;
	kc_catch_end(KC_CATCH_NOTIFY, signum);
	tell_of(signum);
	for (link = all.next; link != &all; link = link->next)
		kc_container(link, struct kc_notified, link)->wanted[signum] = false;
}

/*
 * Removes channels that receive no signal any more. A context's receiver stays until
 * the context stops it.
 */
static void take_useless(struct kc_list *useless)
{
	struct kc_list *link, *next;
	struct kc_notified *to;

	for (link = all.next; link != &all; link = next) {
		next = link->next;
		to = kc_container(link, struct kc_notified, link);
		if (to->tell != tell_channel || is_told(to))
			continue;
		kc_list_del(&to->link);
		kc_list_add(useless->prev, &to->link);
		let_go(kc_container(to, struct receiver, to));
	}
}

int kc_signal_reset(const int *signums, size_t n)
{
	struct kc_list useless;
	struct kc_notified *to;
	size_t i;
	int signum;

	if (kc_notify_check(signums, n))
		return -EINVAL;
	kc_list_init(&useless);
	kc_lock(&lock);
	for (i = 0; i < n; i++)
		end_all(signums[i]);
	for (signum = 1; !n && signum <= KC_NR_SIGNALS; signum++)
		end_all(signum);
	take_useless(&useless);
	kc_unlock(&lock);
	while (!kc_list_empty(&useless)) {
		to = kc_container(useless.next, struct kc_notified, link);
		kc_list_del(&to->link);
		end_receiver(kc_container(to, struct receiver, to));
	}
	return 0;
}

int kc_signal_ignored(int signum)
{
	struct sigaction action;

	if (sigaction(signum, NULL, &action))
		return -EINVAL;
	return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN;
}

/* Called in the child with the lock held. The child has no receivers. */
static void forked(void)
{
	struct kc_notified *to;

	while (!kc_list_empty(&all)) {
		to = kc_container(all.next, struct kc_notified, link);
		kc_list_del(&to->link);
		to->linked = false;
		memset(to->wanted, 0, sizeof(to->wanted));
		if (to->forked)
			kc_list_add(&left, &to->link);
	}
	memset(nr_wanted, 0, sizeof(nr_wanted));
	any_pending = false;
}

/* Called in the child when all locks are free. */
static void drop_forked(void)
{
	struct kc_notified *to;

	while (!kc_list_empty(&left)) {
		to = kc_container(left.next, struct kc_notified, link);
		kc_list_del(&to->link);
		to->forked(to);
	}
}

KC_AT_FORK(.order = KC_FORK_NOTIFY, .lock = lock_all, .unlock = unlock_all,
	   .forked = forked, .drop = drop_forked)
