// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: exactly one case of several commits, at one instant.
 *
 * A commit takes only the lock of the case's channel. That is one instant, whatever
 * happens on the other channels. A select that waits commits a case or parks them all
 * under the locks of all its channels (call.c). A select that does not wait may take
 * the default only if there was an instant at which no case was ready. It looks at
 * each channel under its own lock, and then once more. If no case was ready both
 * times, and nothing in between can have made one ready, then none was ready between
 * the two rounds. After two tries it takes the locks of all channels.
 *
 * Files are polled without any lock, because polling may sleep; their readiness is a
 * hint anyway. A file that becomes ready only wakes the task. The task looks at its
 * files, and then gives up its own party.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "select.h"
#include "trace.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_CASE_SIZE_V0	24
#define KCHAN_SELECT_SIZE_V0	40
static_assert(sizeof(struct kchan_case) == KCHAN_CASE_SIZE_V0);
static_assert(sizeof(struct kchan_select) == KCHAN_SELECT_SIZE_V0);

/* Up to this many cases need no memory of their own. Few selects have more. */
#define KCHAN_CASES_INLINE	8

/* How often a select that does not wait looks before it takes all locks. */
#define KCHAN_SELECT_LOOKS	2

/**
 * struct kchan_waiting - a select that waits
 * @charge: who is charged for this
 * @party: the party of the caller
 * @pwq: the caller's entries in the wait queues of the files
 * @slots: one for each case
 */
struct kchan_waiting {
	struct kchan_charge charge;
	struct kchan_party party;
	struct poll_wqueues pwq;
	struct kchan_slot slots[];
};

/**
 * struct kchan_cases - the cases of one call
 * @call: the call
 * @charge: who is charged for the branches and locks, if there are many cases
 * @branches: the branches, if there are few cases
 * @locks: the locks, if there are few cases
 */
struct kchan_cases {
	struct kchan_call call;
	struct kchan_charge charge;
	struct kchan_branch branches[KCHAN_CASES_INLINE];
	struct kchan *locks[KCHAN_CASES_INLINE];
};

/*
 * Returns which files are ready. With @pt, whose function may be NULL, it also enters
 * their wait queues.
 */
static u64 kchan_poll_files(struct kchan_call *call, poll_table *pt)
{
	u64 left = call->files, ready = 0;

	while (left) {
		const unsigned int i = __ffs64(left);
		struct kchan_branch *b = &call->branches[i];
		const __poll_t events = (__force __poll_t)b->len |
					EPOLLERR | EPOLLHUP;
		__poll_t seen;

		left &= left - 1;
		if (pt)
			pt->_key = events;
		seen = vfs_poll(fd_file(b->fd), pt) & events;
		b->got = (__force u32)seen;
		if (seen)
			ready |= BIT_ULL(i);
	}
	return ready;
}

/* Looks at one case under the lock of its channel, and notes its count of rises. */
static bool kchan_look_at(struct kchan_branch *b)
{
	struct kchan *ch = b->ch;
	struct kchan_step step __uninitialized;
	bool ready, again;

	do {
		kchan_step_begin(&step);
		kchan_lock(ch);
		ready = kchan_branch_ready(b, &step);
		b->rises = b->op == KCHAN_OP_SEND ? ch->send_rises :
						    ch->recv_rises;
		again = step.more;
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	} while (again);
	return ready;
}

/*
 * Looks at one case after another. Returns those that are ready. @risen: out: whether
 * a case may have been ready since the last look at it.
 */
static u64 kchan_look(struct kchan_call *call, bool *risen)
{
	u64 ready = 0;
	unsigned int i;

	*risen = false;
	for (i = 0; i < call->nr; i++) {
		struct kchan_branch *b = &call->branches[i];
		const u32 before = b->rises;

		if (!b->ch)
			continue;
		if (kchan_look_at(b))
			ready |= BIT_ULL(i);
		if (b->rises != before)
			*risen = true;
	}
	return ready;
}

/*
 * Whether a case passes the checks that a read or a write on its file would pass,
 * those of a security module among them. It is checked before it is tried or waits.
 * To check all cases before the first look would cost 139 instructions for each case
 * of a select, whichever commits.
 */
static int kchan_verify(struct kchan_call *call, unsigned int i)
{
	const struct kchan_branch *b = &call->branches[i];

	if (!b->ch || !fd_file(b->fd) || (call->verified & BIT_ULL(i)))
		return 0;
	call->verified |= BIT_ULL(i);
	return rw_verify_area(b->op == KCHAN_OP_SEND ? WRITE : READ, fd_file(b->fd),
			      NULL, b->len);
}

/**
 * kchan_verify_all() - check that each case of a call may be tried
 * @call: the call
 *
 * Context: may sleep.
 * Return: 0, or what rw_verify_area() returns, such as the error of a security module.
 */
int kchan_verify_all(struct kchan_call *call)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < call->nr && !ret; i++)
		ret = kchan_verify(call, i);
	return ret;
}

/* Commits a case of a set, if one is ready. */
static int kchan_try_some(struct kchan_call *call, u64 set)
{
	struct kchan_branch *b;
	int ret;

	for (; set; set &= ~BIT_ULL(call->chosen)) {
		call->chosen = kchan_pick(set);
		b = &call->branches[call->chosen];
		ret = kchan_verify(call, call->chosen);
		if (!ret && b->ch)
			ret = kchan_branch_try(b);
		if (ret != -EAGAIN)
			return kchan_committed(call, ret);
	}
	return -EAGAIN;
}

/*
 * Commits a case if one is ready, under the locks of all channels.
 *
 * While the locks are held, another task may settle an element, or give up its parked
 * party. It takes one of these locks before its call returns. So nobody can have seen
 * that a case was ready before we look at the other cases.
 */
static int kchan_try_all(struct kchan_call *call)
{
	struct kchan_stack_elem small __uninitialized;
	struct kchan_branch *b;
	int ret;

	ret = kchan_verify_all(call);
	if (ret)
		return ret;
	for (;;) {
		ret = kchan_call_park(call, NULL, NULL, 0);
		b = &call->branches[call->chosen];
		if (ret != -EFAULT)
			break;
		/*
		 * Try this case first now. Otherwise the other cases would be more
		 * likely to commit.
		 */
		ret = kchan_branch_try(b);
		if (ret != -EAGAIN)
			return kchan_committed(call, ret);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (ret)
		return ret;
	if (!call->status)
		ret = kchan_branch_deliver(b, &small);
	kchan_branch_unstage(b, &small);
	return ret;
}

/*
 * Commits a case if one is ready. With @exact, -EAGAIN means that at one instant none
 * was.
 */
static int kchan_try(struct kchan_call *call, bool exact)
{
	u64 ready = call->likely;
	unsigned int looks;
	bool risen;
	int ret;

	if (call->files)
		ready |= kchan_poll_files(call, NULL);
	/* With a single case, one try is one instant. */
	if (call->nr == 1 && call->branches[0].ch)
		ready = 1;
	for (looks = 0; ; looks++) {
		ret = kchan_try_some(call, ready);
		if (ret != -EAGAIN || !exact || call->nr <= 1)
			return ret;
		if (looks == KCHAN_SELECT_LOOKS)
			return kchan_try_all(call);
		/*
		 * The first look only notes the counts of rises. Its @risen has no
		 * meaning.
		 */
		ready = kchan_look(call, &risen);
		if (!ready)
			ready = kchan_look(call, &risen);
		if (!ready && !risen)
			return -EAGAIN;
	}
}

static bool kchan_expired(const ktime_t *deadline)
{
	return deadline && ktime_compare(ktime_get(), *deadline) >= 0;
}

/* Sleeps until a case has committed. This may be the case of a file. */
static int kchan_sleep(struct kchan_call *call, struct kchan_waiting *wg,
		       ktime_t *deadline)
{
	u64 ready = 0;
	int ret;

	do {
		ret = kchan_party_wait(&wg->party, deadline,
				       call->files ? &wg->pwq.triggered : NULL);
		if (ret != -EAGAIN)
			break;
		ready = kchan_poll_files(call, &wg->pwq.pt);
		/* A file may wake us again and again, and never be ready. */
		if (!ready && signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!ready && kchan_expired(deadline))
			ret = -ETIMEDOUT;
		cond_resched();
	} while (!ready && ret == -EAGAIN);

	ret = kchan_call_leave(call, wg->slots, &wg->party, ret);
	if (ret != -EAGAIN)
		return ret;
	call->chosen = kchan_pick(ready);
	return kchan_committed(call, 0);
}

static int kchan_wait_files(struct kchan_call *call, struct kchan_waiting *wg,
			    ktime_t *deadline)
{
	u64 files = 0;
	int ret = 0;

	if (call->files) {
		poll_initwait(&wg->pwq);
		files = kchan_poll_files(call, &wg->pwq.pt);
		/* From now on the files are only asked, and no queue is entered. */
		wg->pwq.pt._qproc = NULL;
		ret = wg->pwq.error;
	}
	if (!ret) {
		kchan_party_init(&wg->party, current);
		ret = kchan_call_park(call, wg->slots, &wg->party, files);
		if (ret == -EAGAIN)
			ret = kchan_sleep(call, wg, deadline);
	}
	if (call->files)
		poll_freewait(&wg->pwq);
	return ret;
}

static int kchan_select_wait(struct kchan_call *call, ktime_t *deadline)
{
	struct kchan_charge charge;
	struct kchan_waiting *wg;
	struct kchan_branch *b;
	int ret;

	wg = kchan_alloc_charged(struct_size(wg, slots, call->nr), &charge);
	if (IS_ERR(wg))
		return PTR_ERR(wg);
	wg->charge = charge;
	ret = kchan_call_stage(call, wg->slots, true);
	if (!ret)
		ret = kchan_wait_files(call, wg, deadline);
	if (!ret) {
		b = &call->branches[call->chosen];
		if (b->ch && !call->status)
			ret = kchan_branch_deliver(b, &wg->slots[call->chosen].small);
	}
	kchan_call_unstage(call, wg->slots);
	kchan_free_charged(wg, &wg->charge);
	return ret;
}

/**
 * kchan_select() - commit one case
 * @call: the call
 * @wait: whether to wait for one, and how long
 *
 * Context: may sleep.
 * Return: 0 when a case committed: @call tells which; -EAGAIN, -EFAULT, -ENOMEM,
 * -EDQUOT, -ETIMEDOUT, -EINTR, -ERESTARTSYS, and nothing has moved.
 */
int kchan_select(struct kchan_call *call, const struct kchan_wait *wait)
{
	int ret = kchan_try(call, wait->nonblock);

	if (ret == -EAGAIN && !wait->nonblock)
		ret = kchan_verify_all(call) ?: -EAGAIN;
	if (ret == -EAGAIN && !wait->nonblock) {
		if (call->nr == 1 && call->branches[0].ch) {
			ret = kchan_branch_wait(&call->branches[0], wait);
			ret = kchan_committed(call, ret);
		} else {
			ret = kchan_select_wait(call, wait->deadline);
		}
	}
	kchan_trace(select, call, ret);
	return ret;
}

/**
 * kchan_check_cases() - check how many cases there are, and how large
 * @nr: how many
 * @size: the size of the caller's &struct kchan_case
 *
 * Return: 0, -EINVAL, -E2BIG.
 */
int kchan_check_cases(unsigned int nr, size_t size)
{
	if (size < KCHAN_CASE_SIZE_V0)
		return -EINVAL;
	if (nr > KCHAN_MAX_CASES || size > KCHAN_MAX_STRUCT_SIZE)
		return -E2BIG;
	return 0;
}

static int kchan_check_message(const struct kchan *ch,
			       const struct kchan_case *c)
{
	if (c->op == KCHAN_OP_RECV)
		return 0;
	if (!c->len)
		return -EINVAL;
	return c->len <= ch->elem_size ? 0 : -EMSGSIZE;
}

/* The events that poll() can be asked for. */
#define KCHAN_POLL_EVENTS						\
	((__force u32)(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | \
		       EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM |	\
		       EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))

static int kchan_resolve_file(struct kchan_branch *b, const struct kchan_case *c)
{
	if (c->addr || (c->events & ~KCHAN_POLL_EVENTS))
		return -EINVAL;
	b->len = c->events;
	return 0;
}

static int kchan_resolve_end(struct kchan_branch *b, const struct kchan_case *c,
			     struct file *file)
{
	const bool send = c->op == KCHAN_OP_SEND;
	u32 len = c->len;
	struct kchan *ch;
	int ret;

	if (unlikely(!kchan_is_end(file)))
		return -EINVAL;
	ch = file->private_data;
	if (!(file->f_mode & (send ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = kchan_use(ch);
	if (unlikely(ret))
		return ret;
	if (unlikely(ch->message)) {
		ret = kchan_check_message(ch, c);
		if (ret)
			return ret;
		len = min(len, ch->elem_size);
	} else if (unlikely(len != ch->elem_size)) {
		return -EINVAL;
	}
	b->len = len;
	b->addr = u64_to_user_ptr(c->addr);
	/* Only where it begins. Copying sees whether all of it is the user's. */
	if (unlikely(!access_ok(b->addr, 1)) && len)
		return -EFAULT;
	b->detach = !send && kchan_by_pointer(ch);
	b->ch = ch;
	return 0;
}

/* Resolves a case. @bit is its bit in the sets of @call. */
static int kchan_resolve(struct kchan_call *call, struct kchan_branch *b, u64 bit,
			 const struct kchan_case *c)
{
	struct fd fd;
	int ret;

	if (unlikely(c->flags || c->op > KCHAN_OP_POLL))
		return -EINVAL;
	b->ch = NULL;
	b->iter = NULL;
	b->elem = NULL;
	b->op = c->op;
	b->faults = 0;
	b->detach = false;
	b->leased = false;

	/* A negative fd is Go's nil channel. */
	if (unlikely(c->fd < 0)) {
		b->fd = (struct fd){};
		return 0;
	}
	fd = fdget(c->fd);
	if (unlikely(!fd_file(fd)))
		return -EBADF;
	b->fd = fd;
	if (unlikely(c->op == KCHAN_OP_POLL)) {
		ret = kchan_resolve_file(b, c);
		call->files |= bit;
	} else {
		ret = kchan_resolve_end(b, c, fd_file(fd));
	}
	if (unlikely(ret))
		fdput(fd);
	else if (b->ch && kchan_branch_may(b))
		call->likely |= bit;
	return ret;
}

/*
 * Prepares a case for an armed select. Such a select holds no files. The read says
 * where a received element goes, so the address of a receive is ignored.
 */
static int kchan_arm_case(struct kchan_case *c)
{
	if (c->op == KCHAN_OP_POLL)
		return -EOPNOTSUPP;
	if (c->op == KCHAN_OP_RECV)
		c->addr = 0;
	return 0;
}

/*
 * Copies field by field, if the caller's structure has our size. The general copy
 * costs 79 instructions more for each case: 632 of the 3494 of a select of eight. It
 * copies to a structure of its own, so that @c can stand in registers.
 */
static int kchan_copy_case(struct kchan_case *c, struct kchan_case __user *from,
			   size_t size)
{
	struct kchan_case other __uninitialized;
	int ret;

	if (unlikely(size != sizeof(*c))) {
		ret = copy_struct_from_user(&other, sizeof(other), from, size);
		*c = other;
		return ret;
	}
	if (!user_read_access_begin(from, sizeof(*from)))
		return -EFAULT;
	unsafe_get_user(c->fd, &from->fd, fault);
	unsafe_get_user(c->op, &from->op, fault);
	unsafe_get_user(c->addr, &from->addr, fault);
	unsafe_get_user(c->len, &from->len, fault);
	unsafe_get_user(c->flags, &from->flags, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/**
 * kchan_read_cases() - read the cases of a call
 * @call: the call, empty, with room for them
 * @from: where they are
 * @nr: how many
 * @size: the size of the caller's &struct kchan_case
 * @arm: the call is to be armed
 *
 * Context: may sleep.
 * Return: 0, and then the caller has to put their files; -EFAULT, -EINVAL, -EBADF,
 * -E2BIG, -EMSGSIZE, -EOPNOTSUPP, -ENOMEM, -EDQUOT.
 */
int kchan_read_cases(struct kchan_call *call, void __user *from,
		     unsigned int nr, size_t size, bool arm)
{
	struct kchan_branch *b = call->branches;
	struct kchan_case c __uninitialized;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr; i++, b++, from += size) {
		ret = kchan_copy_case(&c, from, size);
		if (unlikely(arm) && !ret)
			ret = kchan_arm_case(&c);
		if (likely(!ret))
			ret = kchan_resolve(call, b, BIT_ULL(i), &c);
		if (unlikely(ret))
			break;
	}
	call->nr = i;
	if (unlikely(ret))
		kchan_put_files(call);
	return ret;
}

/**
 * kchan_put_files() - put the files of cases
 * @call: the cases
 */
void kchan_put_files(struct kchan_call *call)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++)
		fdput(call->branches[i].fd);
}

/* Gets room for the cases: the branches, and the locks behind them. */
static int kchan_cases_init(struct kchan_cases *cases, unsigned int nr)
{
	struct kchan_branch *branches = cases->branches;
	struct kchan **locks = cases->locks;

	cases->charge.user = NULL;
	if (unlikely(nr > KCHAN_CASES_INLINE)) {
		branches = kchan_alloc_charged(nr * (sizeof(*branches) +
						     sizeof(*locks)),
					       &cases->charge);
		if (IS_ERR(branches))
			return PTR_ERR(branches);
		locks = (struct kchan **)(branches + nr);
	}
	kchan_call_init(&cases->call, branches, locks);
	return 0;
}

static void kchan_cases_free(struct kchan_cases *cases)
{
	if (unlikely(cases->call.branches != cases->branches))
		kchan_free_charged(cases->call.branches, &cases->charge);
}

/*
 * Converts a deadline of the caller's time namespace to the host's clock. The kernel
 * has a helper for this, but not every kernel exports it.
 */
static ktime_t kchan_deadline(u64 deadline)
{
	const s64 at = min_t(u64, deadline, KTIME_MAX);
	struct timespec64 ts = {};
	s64 offset;

	timens_add_monotonic(&ts);
	offset = timespec64_to_ns(&ts);
	if (at < offset)
		return 0;
	if (offset < 0 && at > KTIME_MAX + offset)
		return KTIME_MAX;
	return at - offset;
}

/**
 * kchan_to_caller_time() - convert a time to one that the caller's clock tells
 * @at: the time on the host's CLOCK_MONOTONIC; 0 for never
 *
 * Return: the time in the caller's time namespace; 0 for never.
 */
u64 kchan_to_caller_time(ktime_t at)
{
	struct timespec64 ts = {};

	if (!at)
		return 0;
	timens_add_monotonic(&ts);
	return ktime_add_safe(at, timespec64_to_ns(&ts));
}

/* As kchan_copy_case(). */
static int kchan_copy_select(struct kchan_select *sel,
			     struct kchan_select __user *from, size_t size)
{
	if (unlikely(size != sizeof(*sel))) {
		if (size < KCHAN_SELECT_SIZE_V0)
			return -EINVAL;
		return copy_struct_from_user(sel, sizeof(*sel), from, size);
	}
	if (!user_read_access_begin(from, sizeof(*from)))
		return -EFAULT;
	unsafe_get_user(sel->cases, &from->cases, fault);
	unsafe_get_user(sel->nr_cases, &from->nr_cases, fault);
	unsafe_get_user(sel->case_size, &from->case_size, fault);
	unsafe_get_user(sel->deadline, &from->deadline, fault);
	unsafe_get_user(sel->flags, &from->flags, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int kchan_check_select(const struct kchan_select *sel)
{
	const u32 known = KCHAN_SELECT_NONBLOCK | KCHAN_SELECT_DEADLINE;

	if ((sel->flags & ~known) || sel->flags == known)
		return -EINVAL;
	if (sel->deadline && !(sel->flags & KCHAN_SELECT_DEADLINE))
		return -EINVAL;
	return kchan_check_cases(sel->nr_cases, sel->case_size);
}

/* Tells those who watch the file (fsnotify), as a read or a write does. */
static void kchan_notify(const struct kchan_branch *b)
{
	if (b->op == KCHAN_OP_SEND)
		fsnotify_modify(fd_file(b->fd));
	else if (b->op == KCHAN_OP_RECV)
		fsnotify_access(fd_file(b->fd));
}

/* Writes what committed. */
static int kchan_outcome(const struct kchan_call *call,
			 struct kchan_select __user *uarg)
{
	const struct kchan_branch *b = &call->branches[call->chosen];
	u32 len = b->op == KCHAN_OP_SEND ? b->len : b->got;

	if (!call->status)
		kchan_notify(b);
	if (!user_write_access_begin(uarg, sizeof(*uarg)))
		return -EFAULT;
	unsafe_put_user(call->chosen, &uarg->index, fault);
	unsafe_put_user(call->status, &uarg->status, fault);
	unsafe_put_user(call->status ? 0 : len, &uarg->len, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * kchan_ioctl_select() - %KCHAN_IOC_SELECT
 * @uarg: the caller's &struct kchan_select
 * @usize: the size of it
 *
 * Return: 0 when a case committed, with the outputs written; or an error, see
 * &struct kchan_select.
 */
long kchan_ioctl_select(struct kchan_select __user *uarg, size_t usize)
{
	struct kchan_cases cases __uninitialized;
	struct kchan_select sel __uninitialized;
	struct kchan_wait wait = {};
	ktime_t deadline;
	int ret;

	ret = kchan_copy_select(&sel, uarg, usize);
	if (likely(!ret))
		ret = kchan_check_select(&sel);
	if (unlikely(ret))
		return ret;
	wait.nonblock = sel.flags & KCHAN_SELECT_NONBLOCK;
	if (sel.flags & KCHAN_SELECT_DEADLINE) {
		deadline = kchan_deadline(sel.deadline);
		wait.deadline = &deadline;
	}
	ret = kchan_cases_init(&cases, sel.nr_cases);
	if (unlikely(ret))
		return ret;
	ret = kchan_read_cases(&cases.call, u64_to_user_ptr(sel.cases),
			       sel.nr_cases, sel.case_size, false);
	if (unlikely(ret))
		goto free;
	ret = kchan_select(&cases.call, &wait);
	if (!ret)
		ret = kchan_outcome(&cases.call, uarg);
	kchan_put_files(&cases.call);
free:
	kchan_cases_free(&cases);
	return ret;
}
