// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects: a party in which no task waits, and the file by which it is polled.
 *
 * Its waiters are queued until the outcome is read, the select is disarmed, or its
 * file is closed. A task that completes a case claims this party like any other.
 * Where it would wake a task, it wakes those who poll the file.
 *
 * Each case holds a reference on its channel and is counted as an end of it. It does
 * not hold the file that it was named by: a file that holds files would make cycles
 * that nobody collects. The call that reads, disarms or closes drops the reference
 * and the end. The commit of a case does not: it happens in a call of another task,
 * which need not know the other cases, nor take the locks of their channels.
 *
 * Everything that may wait for user memory is done without kchan_armed.lock. While a
 * thread copies the outcome out, kchan_armed.reading is set. Other threads then see
 * the select as if no case had committed. If the copy fails, the outcome can be read
 * again, and pollers are woken again. So -EAGAIN means that there is nothing to read,
 * and a thread that has got it is woken when there is.
 *
 * A lease is read without being taken, so several threads may read it at once. It ends
 * under the lock of its channel (lease.c): so its limit may come at any time. What ends it
 * on purpose also has kchan_armed.lock, because the cases go with it, or are armed again.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "armed.h"
#include "lease.h"
#include "ring.h"
#include "select.h"
#include "trace.h"

/**
 * kchan_armed_alloc() - make an armed select, with nothing armed yet
 *
 * Context: may sleep.
 * Return: the armed select, for kchan_armed_close(); -EDQUOT or -ENOMEM as an error
 * pointer.
 */
struct kchan_armed *kchan_armed_alloc(void)
{
	struct kchan_armed *armed;
	int ret;

	armed = kzalloc(sizeof(*armed), GFP_KERNEL_ACCOUNT);
	if (!armed)
		return ERR_PTR(-ENOMEM);
	ret = kchan_charge(&armed->charge, kchan_mem_size(sizeof(*armed)));
	if (ret) {
		kfree(armed);
		return ERR_PTR(ret);
	}
	/* kchan_polled_put() frees the whole object by the address of polled. */
	BUILD_BUG_ON(offsetof(struct kchan_armed, polled));
	kchan_party_init(&armed->polled.party, NULL);
	atomic_set(&armed->polled.party.state, KCHAN_CLAIMED);
	armed->lease.polled = &armed->polled;
	refcount_set(&armed->polled.ref, 1);
	init_waitqueue_head(&armed->polled.wait);
	mutex_init(&armed->lock);
	return armed;
}

/**
 * kchan_armed_cases_alloc() - make room for the cases of an armed select
 * @nr: how many there will be
 * @commit_size: bytes in the &struct kchan_commit that a read returns
 *
 * Context: may sleep.
 * Return: an empty call with room for them; -EDQUOT or -ENOMEM as an error pointer.
 */
struct kchan_armed_cases *kchan_armed_cases_alloc(unsigned int nr, u32 commit_size)
{
	struct kchan_armed_cases *cases;
	struct kchan_branch *branches;
	struct kchan_charge charge;

	cases = kchan_alloc_charged(struct_size(cases, slots, nr) +
				    nr * (sizeof(struct kchan_branch) +
					  sizeof(struct kchan *)), &charge);
	if (IS_ERR(cases))
		return cases;
	branches = (struct kchan_branch *)&cases->slots[nr];
	cases->charge = charge;
	cases->commit_size = commit_size;
	cases->limit = 0;
	kchan_call_init(&cases->call, branches, (struct kchan **)(branches + nr));
	return cases;
}

/**
 * kchan_armed_lease_cases() - let what is received stay under lease
 * @armed: the armed select that the cases are for
 * @cases: the cases, complete, with nothing staged
 * @limit: see &struct kchan_lease
 */
void kchan_armed_lease_cases(struct kchan_armed *armed, struct kchan_armed_cases *cases,
			     u64 limit)
{
	unsigned int i;

	cases->limit = limit;
	for (i = 0; i < cases->call.nr; i++) {
		struct kchan_branch *b = &cases->call.branches[i];

		if (b->op != KCHAN_OP_RECV)
			continue;
		b->leased = true;
		b->lease = &armed->lease;
	}
}

/**
 * kchan_armed_cases_free() - free the cases of a select that is not armed
 * @cases: the cases, with nothing staged
 */
void kchan_armed_cases_free(struct kchan_armed_cases *cases)
{
	kchan_free_charged(cases, &cases->charge);
}

/* Whether a case has committed, even if a thread is reading the outcome. */
static bool kchan_armed_committed(struct kchan_armed *armed)
{
	return kchan_party_done(&armed->polled.party);
}

/**
 * kchan_armed_readable() - whether there is an outcome to read
 * @armed: the armed select
 *
 * Return: whether there is one, and no thread is taking it.
 */
bool kchan_armed_readable(struct kchan_armed *armed)
{
	/*
	 * Load reading first. A thread that has read the outcome first ends the
	 * party, then clears reading, with a release in kchan_armed_end_read().
	 */
	return !smp_load_acquire(&armed->reading) && kchan_armed_committed(armed);
}

/**
 * kchan_armed_readiness() - what poll tells
 * @armed: the armed select
 *
 * No lock is taken. Whoever has entered the wait queue before is woken after each change
 * that adds events: see kchan_wake_told() and kchan_armed_wake().
 *
 * Return: the events.
 */
__poll_t kchan_armed_readiness(struct kchan_armed *armed)
{
	if (!kchan_armed_readable(armed))
		return 0;
	if (READ_ONCE(armed->lease.expired))
		return EPOLLIN | EPOLLRDNORM | EPOLLERR;
	return READ_ONCE(armed->lease.read) ? 0 : EPOLLIN | EPOLLRDNORM;
}

/*
 * Wakes those who wait in a read, and those who poll for these events. No poller is
 * missed: it enters the queue, then looks. So it sees the change, or is seen here.
 * The mutex and the lock of the queue order this.
 */
static void kchan_armed_wake(struct kchan_armed *armed, __poll_t events)
{
	__wake_up(&armed->polled.wait, TASK_NORMAL, 0, poll_to_key(events));
}

/*
 * Nothing is armed any more. This wakes those who wait in a read, and not those who
 * poll for input.
 */
#define KCHAN_ARMED_ENDED	EPOLLOUT

static fmode_t kchan_branch_mode(const struct kchan_branch *b)
{
	return b->op == KCHAN_OP_SEND ? FMODE_WRITE : FMODE_READ;
}

/* Makes each case an end of its channel, and puts the file that it was named by. */
static void kchan_armed_hold(struct kchan_call *call)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++) {
		struct kchan_branch *b = &call->branches[i];

		if (!b->ch)
			continue;
		kref_get(&b->ch->ref);
		kchan_end_get(b->ch, kchan_branch_mode(b));
		fdput(b->fd);
		b->fd = (struct fd){};
	}
}

static void kchan_armed_let_go(struct kchan_call *call)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++) {
		struct kchan_branch *b = &call->branches[i];

		if (!b->ch)
			continue;
		kchan_end_put(b->ch, kchan_branch_mode(b));
		kchan_put(b->ch);
	}
}

/*
 * Arms armed->cases, which are staged and in no queue. The lock is held. A case may commit
 * before this returns.
 */
static void kchan_armed_park(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;
	struct kchan_party *party = &armed->polled.party;

	armed->collected = false;
	armed->lease.limit = cases->limit;
	/* Polling looks at them without a lock. It looks at the state of the party first. */
	WRITE_ONCE(armed->lease.read, false);
	WRITE_ONCE(armed->lease.expired, false);
	kchan_party_init(party, NULL);
	if (kchan_call_park(&cases->call, cases->slots, party, 0))
		return;
	armed->collected = true;
	kchan_trace(select, &cases->call, 0);
	atomic_set_release(&party->state, KCHAN_DONE);
	/* A file that was armed before may have pollers. */
	kchan_armed_wake(armed, EPOLLIN | EPOLLRDNORM);
}

/*
 * Detaches the cases from @armed. None of their waiters is queued any more. The lock
 * is held, or nobody else has @armed. The caller passes the cases to
 * kchan_armed_drop().
 */
static struct kchan_armed_cases *kchan_armed_take_off(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;

	atomic_set(&armed->polled.party.state, KCHAN_CLAIMED);
	WRITE_ONCE(armed->cases, NULL);
	return cases;
}

/*
 * Frees cases that were armed. Nothing else drops what kchan_armed_hold() has taken.
 *
 * What was staged goes first, and then the references on the channels that it was made
 * for. A staged element that is passed by pointer gives its place back to a ring of its
 * channel, under the lock of the channel. The reference of its case may be the last one,
 * so in the other order the channel would be gone.
 *
 * This may drop the last end of a channel, and free all that the channel holds. So the
 * lock of the armed select is not held.
 */
static void kchan_armed_drop(struct kchan_armed_cases *cases)
{
	if (!cases)
		return;
	kchan_call_unstage(&cases->call, cases->slots);
	kchan_armed_let_go(&cases->call);
	kchan_armed_cases_free(cases);
}

/* Takes the waiters of a committed select out, once, and notes which case it was. */
static void kchan_armed_collect(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;

	if (armed->collected)
		return;
	kchan_call_unpark(&cases->call, cases->slots);
	kchan_call_won(&cases->call, cases->slots, &armed->polled.party);
	kchan_trace(select, &cases->call, 0);
	armed->collected = true;
}

/*
 * Takes the waiters out if no case has committed. If this returns false, a case has
 * committed by then. The lock is held, or nobody else has @armed.
 */
static bool kchan_armed_give_up(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;

	if (armed->collected)
		return false;
	if (kchan_party_give_up(&armed->polled.party)) {
		kchan_call_unpark(&cases->call, cases->slots);
		return true;
	}
	/* The party is DONE once we have held all its locks. */
	kchan_armed_collect(armed);
	return false;
}

/* The case that committed. */
static struct kchan_branch *kchan_armed_won(const struct kchan_armed_cases *cases)
{
	return &cases->call.branches[cases->call.chosen];
}

/* Whether a case has committed that makes a lease, even if the lease has expired. */
static bool kchan_armed_leased(const struct kchan_armed_cases *cases)
{
	return kchan_armed_won(cases)->leased && !cases->call.status;
}

/*
 * If the limit of a lease has come, nothing is armed any more, although the cases are
 * still there. Returns the cases then, taken off, or NULL. The lock is held.
 */
static struct kchan_armed_cases *kchan_armed_take_expired(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;

	if (!cases || !kchan_armed_committed(armed))
		return NULL;
	kchan_armed_collect(armed);
	if (!kchan_armed_leased(cases) ||
	    !kchan_lease_expired(kchan_armed_won(cases)->ch, &armed->lease))
		return NULL;
	return kchan_armed_take_off(armed);
}

/**
 * kchan_armed_arm() - arm a select
 * @armed: the armed select
 * @cases: the cases, each with the file of an end: on success they belong to @armed,
 *	and the files are put
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when it is armed, or when a case has committed and its outcome
 * was not taken; -EFAULT, -ENOMEM, -EDQUOT, -ERESTARTSYS.
 */
int kchan_armed_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases)
{
	struct kchan_armed_cases *expired;
	int ret;

	/* Copy user memory first, because this may take long. */
	ret = kchan_call_stage(&cases->call, cases->slots, false);
	if (ret)
		goto unstage;
	if (mutex_lock_interruptible(&armed->lock)) {
		ret = -ERESTARTSYS;
		goto unstage;
	}
	expired = kchan_armed_take_expired(armed);
	if (armed->cases) {
		ret = -EBUSY;
	} else {
		kchan_armed_hold(&cases->call);
		WRITE_ONCE(armed->cases, cases);
		kchan_armed_park(armed);
	}
	mutex_unlock(&armed->lock);
	kchan_armed_drop(expired);
	if (!ret)
		return 0;
unstage:
	kchan_call_unstage(&cases->call, cases->slots);
	return ret;
}

/**
 * kchan_armed_disarm() - take the cases back
 * @armed: the armed select
 *
 * Context: may sleep.
 * Return: 0 when no case had committed, and none will, or the limit of a lease has come;
 * -EALREADY when one had: its outcome is still to be taken; -ERESTARTSYS.
 */
int kchan_armed_disarm(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases;
	int ret = 0;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
	cases = kchan_armed_take_expired(armed);
	if (armed->cases) {
		if (kchan_armed_give_up(armed))
			cases = kchan_armed_take_off(armed);
		else
			ret = -EALREADY;
	}
	mutex_unlock(&armed->lock);
	if (cases) {
		kchan_armed_wake(armed, KCHAN_ARMED_ENDED);
		kchan_armed_drop(cases);
	}
	return ret;
}

/* The element that a committed case has received, and no lease has; or NULL. */
static struct kchan_elem *kchan_armed_elem(struct kchan_armed_cases *cases)
{
	const struct kchan_branch *b = kchan_armed_won(cases);

	if (b->op != KCHAN_OP_RECV || cases->call.status)
		return NULL;
	return b->elem;
}

/**
 * struct kchan_outcome - what a read returns
 * @commit: the structure. Its size is that of the caller's.
 * @data: the element that follows it
 * @seen: the lease, if @leased
 * @leased: it is a lease, and stays one
 */
struct kchan_outcome {
	struct kchan_commit commit;
	const u8 *data;
	struct kchan_lease_seen seen;
	bool leased;
};

/* Fills in the outcome. The lock is held. Returns 0; -ETIME for a lease that has expired. */
static int kchan_armed_fill(struct kchan_armed *armed, struct kchan_outcome *out)
{
	struct kchan_armed_cases *cases = armed->cases;
	const struct kchan_branch *b = kchan_armed_won(cases);
	const struct kchan_elem *elem = kchan_armed_elem(cases);
	int ret;

	memset(&out->commit, 0, sizeof(out->commit));
	out->commit.size = cases->commit_size;
	out->commit.index = cases->call.chosen;
	out->commit.status = cases->call.status;
	out->leased = kchan_armed_leased(cases);
	if (out->leased) {
		ret = kchan_lease_look(b->ch, &armed->lease, &out->seen);
		if (ret)
			return ret;
		elem = out->seen.elem;
		out->commit.limit = kchan_to_caller_time(out->seen.due);
	}
	if (elem) {
		out->commit.len = elem->len;
		out->commit.number = elem->seq;
		out->commit.returns = out->leased ? out->seen.returns : elem->returns;
	} else if (!cases->call.status) {
		out->commit.len = b->len;
	}
	out->data = elem ? elem->data : NULL;
	return 0;
}

/* Copies the outcome: all of it, or nothing. */
static ssize_t kchan_armed_copy(const struct kchan_outcome *out, struct iov_iter *to)
{
	const size_t head = out->commit.size;
	const size_t len = out->data ? out->commit.len : 0;
	size_t n, known = min(head, sizeof(out->commit));

	if (iov_iter_count(to) < head + len)
		return -EMSGSIZE;
	n = copy_to_iter(&out->commit, known, to);
	/* A newer caller's fields that we do not know are zero. */
	if (n == known && head > known)
		n += iov_iter_zero(head - known, to);
	/*
	 * Unchecked, as in kchan_copy_out() in chan.c: the length was compared
	 * before.
	 */
	if (n == head && len)
		n += _copy_to_iter(out->data, len, to);
	if (n == head + len)
		return n;
	iov_iter_revert(to, n);
	return -EFAULT;
}

/*
 * Begins a read. If the outcome is no lease, it sets kchan_armed.reading. Returns -EAGAIN
 * when there is nothing to read, -EINVAL when nothing is armed, -ETIME for a lease whose
 * limit has come.
 */
static int kchan_armed_begin_read(struct kchan_armed *armed, struct kchan_outcome *out)
{
	int ret;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
	if (!armed->cases) {
		ret = -EINVAL;
	} else if (!kchan_armed_readable(armed)) {
		ret = -EAGAIN;
	} else {
		kchan_armed_collect(armed);
		ret = kchan_armed_fill(armed, out);
		if (!ret && !out->leased)
			WRITE_ONCE(armed->reading, true);
	}
	mutex_unlock(&armed->lock);
	return ret;
}

/* Ends a read. If it has taken the outcome, nothing is armed any more. */
static void kchan_armed_end_read(struct kchan_armed *armed, bool taken)
{
	struct kchan_armed_cases *cases = NULL;
	struct kchan_elem *elem;

	mutex_lock(&armed->lock);
	if (taken)
		cases = kchan_armed_take_off(armed);
	/* Pairs with the load-acquire in kchan_armed_readable(). */
	smp_store_release(&armed->reading, false);
	mutex_unlock(&armed->lock);
	/* If it was not taken, it can be read again. */
	kchan_armed_wake(armed, taken ? KCHAN_ARMED_ENDED : EPOLLIN | EPOLLRDNORM);
	if (!cases)
		return;
	elem = kchan_armed_elem(cases);
	if (elem)
		kchan_settle(kchan_armed_won(cases)->ch, elem);
	kchan_armed_drop(cases);
}

/*
 * Whether a task that waits in a read has to stop: there is an outcome, or nothing is
 * armed any more.
 */
static bool kchan_armed_look(struct kchan_armed *armed)
{
	return !READ_ONCE(armed->cases) || kchan_armed_readable(armed);
}

/**
 * kchan_armed_read() - read the outcome
 * @armed: the armed select
 * @to: where to
 * @nonblock: do not wait for it
 *
 * Context: may sleep.
 * Return: the bytes; -EAGAIN, -EINVAL, -EMSGSIZE, -EFAULT, -ETIME, -ERESTARTSYS.
 */
ssize_t kchan_armed_read(struct kchan_armed *armed, struct iov_iter *to,
			 bool nonblock)
{
	struct kchan_outcome out __uninitialized;
	ssize_t ret;

	for (;;) {
		ret = kchan_armed_begin_read(armed, &out);
		if (ret != -EAGAIN || nonblock)
			break;
		ret = wait_event_interruptible(armed->polled.wait,
					       kchan_armed_look(armed));
		if (ret)
			break;
	}
	if (ret)
		return ret;
	ret = kchan_armed_copy(&out, to);
	if (out.leased)
		kchan_lease_looked(&armed->lease, &out.seen, ret > 0);
	else
		kchan_armed_end_read(armed, ret > 0);
	return ret;
}

/*
 * Finds the channel of a lease. The lock is held. Returns -EINVAL when nothing is armed or
 * the outcome is no lease, -EAGAIN when no case has committed.
 */
static int kchan_armed_find_lease(struct kchan_armed *armed, struct kchan **ch)
{
	if (!armed->cases)
		return -EINVAL;
	if (!kchan_armed_committed(armed))
		return -EAGAIN;
	kchan_armed_collect(armed);
	if (!kchan_armed_leased(armed->cases))
		return -EINVAL;
	*ch = kchan_armed_won(armed->cases)->ch;
	return 0;
}

/* Takes the lock for it. With an error, the lock is not held. */
static int kchan_armed_lock_lease(struct kchan_armed *armed, struct kchan **ch)
{
	int ret;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
	ret = kchan_armed_find_lease(armed, ch);
	if (ret)
		mutex_unlock(&armed->lock);
	return ret;
}

/*
 * Arms the same cases again, after their lease was acknowledged. What they stage is still
 * there, but for the case that had committed. It gets the element that was acknowledged
 * as its staging. So nothing is allocated, and this does not fail. The lock is held.
 */
static void kchan_armed_again(struct kchan_armed *armed, struct kchan_elem *elem)
{
	struct kchan_branch *b = kchan_armed_won(armed->cases);

	if (kchan_by_pointer(b->ch))
		kchan_elem_free(b->ch, elem);
	else
		b->elem = elem;
	kchan_armed_park(armed);
}

/**
 * kchan_armed_ack() - acknowledge an element under lease
 * @armed: the armed select
 * @rearm: arm the same cases again
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN when no case has committed, or nobody has read the element; -EINVAL
 * when there is no lease; -ETIME when its limit has come; -EBUSY when it is to be armed
 * again, and a thread reads the element; -ERESTARTSYS.
 */
int kchan_armed_ack(struct kchan_armed *armed, bool rearm)
{
	struct kchan_armed_cases *cases = NULL;
	struct kchan_elem *elem;
	struct kchan *ch;
	int ret;

	ret = kchan_armed_lock_lease(armed, &ch);
	if (ret)
		return ret;
	ret = kchan_lease_ack(ch, &armed->lease, rearm, &elem);
	if (!ret && rearm)
		kchan_armed_again(armed, elem);
	else if (!ret)
		cases = kchan_armed_take_off(armed);
	mutex_unlock(&armed->lock);
	if (cases) {
		kchan_armed_wake(armed, KCHAN_ARMED_ENDED);
		kchan_elem_free(ch, elem);
		kchan_armed_drop(cases);
	}
	return ret;
}

/**
 * kchan_armed_return() - give an element under lease back to its channel
 * @armed: the armed select
 * @flags: ``KCHAN_RETURN_*``
 * @delay: for how many nanoseconds nobody can receive it
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN when no case has committed; -EINVAL when there is no lease; -ETIME
 * when its limit has come; -ERESTARTSYS.
 */
int kchan_armed_return(struct kchan_armed *armed, u32 flags, u64 delay)
{
	struct kchan_armed_cases *cases = NULL;
	struct kchan_elem *elem;
	struct kchan *ch;
	int ret;

	ret = kchan_armed_lock_lease(armed, &ch);
	if (ret)
		return ret;
	ret = kchan_lease_return(ch, &armed->lease, flags, delay, &elem);
	if (!ret)
		cases = kchan_armed_take_off(armed);
	mutex_unlock(&armed->lock);
	if (ret)
		return ret;
	kchan_armed_wake(armed, KCHAN_ARMED_ENDED);
	if (elem)
		kchan_put_back(ch, elem);
	/* Only now: as long as the cases count as ends, the element is not dropped. */
	kchan_armed_drop(cases);
	return 0;
}

/**
 * kchan_armed_extend() - move the limit of a lease
 * @armed: the armed select
 * @limit: in how many nanoseconds it comes; 0 for never
 *
 * Return: as kchan_armed_return().
 */
int kchan_armed_extend(struct kchan_armed *armed, u64 limit)
{
	struct kchan *ch;
	int ret;

	ret = kchan_armed_lock_lease(armed, &ch);
	if (ret)
		return ret;
	ret = kchan_lease_extend(ch, &armed->lease, limit);
	mutex_unlock(&armed->lock);
	return ret;
}

/* Gives back what a committed case has received. */
static void kchan_armed_give_back(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;
	struct kchan_branch *b = kchan_armed_won(cases);

	if (kchan_armed_leased(cases))
		kchan_lease_drop(b->ch, &armed->lease);
	else if (kchan_armed_elem(cases))
		kchan_branch_return(b, &cases->slots[cases->call.chosen].small);
}

/**
 * kchan_armed_close() - end an armed select whose file has gone
 * @armed: the armed select; the file's reference is dropped
 *
 * An element that was received and not taken goes back.
 *
 * Context: may sleep.
 */
void kchan_armed_close(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;
	struct kchan_charge charge = armed->charge;

	if (cases) {
		if (!kchan_armed_give_up(armed))
			kchan_armed_give_back(armed);
		kchan_armed_drop(kchan_armed_take_off(armed));
	}
	mutex_destroy(&armed->lock);
	kchan_polled_put(&armed->polled);
	kchan_uncharge(&charge);
}

static const char *kchan_armed_state(struct kchan_armed *armed)
{
	if (!armed->cases)
		return "idle";
	if (!kchan_armed_committed(armed))
		return "armed";
	kchan_armed_collect(armed);
	if (!kchan_armed_leased(armed->cases))
		return "committed";
	return READ_ONCE(armed->lease.expired) ? "expired" : "leased";
}

/**
 * kchan_armed_show() - show it in fdinfo
 * @m: where to
 * @armed: the armed select
 *
 * The lock is never held for long, so this does not wait for long.
 */
void kchan_armed_show(struct seq_file *m, struct kchan_armed *armed)
{
	struct kchan *ch;
	unsigned int i;

	mutex_lock(&armed->lock);
	seq_printf(m, "kchan-select:\t%s\n", kchan_armed_state(armed));
	for (i = 0; armed->cases && i < armed->cases->call.nr; i++) {
		const struct kchan_branch *b = &armed->cases->call.branches[i];

		if (b->ch)
			seq_printf(m, "kchan-case:\t%u %s %llu\n", i,
				   b->op == KCHAN_OP_SEND ? "send" : "recv",
				   b->ch->id);
		else
			seq_printf(m, "kchan-case:\t%u never\n", i);
	}
	if (!kchan_armed_find_lease(armed, &ch))
		kchan_lease_show(m, ch, &armed->lease);
	mutex_unlock(&armed->lock);
}
