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
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "armed.h"
#include "select.h"
#include "trace.h"

/* The sizes of the structures' first published forms. */
#define KCHAN_ARM_SIZE_V0	24
#define KCHAN_COMMIT_SIZE_V0	16
static_assert(sizeof(struct kchan_arm) == KCHAN_ARM_SIZE_V0);
static_assert(sizeof(struct kchan_commit) == KCHAN_COMMIT_SIZE_V0);

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
	kchan_call_init(&cases->call, branches, (struct kchan **)(branches + nr));
	return cases;
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
 * Return: whether there is one, and no thread is reading it.
 */
bool kchan_armed_readable(struct kchan_armed *armed)
{
	/*
	 * Load reading first. A thread that has read the outcome first ends the
	 * party, then clears reading, with a release in kchan_armed_end_read().
	 */
	return !smp_load_acquire(&armed->reading) && kchan_armed_committed(armed);
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
 * Arms the cases. The lock is held, and nothing is armed. A case may commit before
 * this returns.
 */
static void kchan_armed_park(struct kchan_armed *armed,
			     struct kchan_armed_cases *cases)
{
	struct kchan_party *party = &armed->polled.party;

	kchan_armed_hold(&cases->call);
	armed->collected = false;
	WRITE_ONCE(armed->cases, cases);
	kchan_party_init(party, NULL);
	if (kchan_call_park(&cases->call, cases->slots, party, 0))
		return;
	armed->collected = true;
	kchan_trace(select, &cases->call, 0);
	atomic_set_release(&party->state, KCHAN_DONE);
	/* A file that was armed before may have pollers. */
	kchan_armed_wake(armed, EPOLLIN | EPOLLRDNORM);
}

/**
 * kchan_armed_arm() - arm a select
 * @armed: the armed select
 * @cases: the cases, each with the file of an end: on success they belong to @armed,
 *	and the files are put
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when it is armed, or when a case has committed and its outcome
 * was not read; -EFAULT, -ENOMEM, -EDQUOT, -ERESTARTSYS.
 */
int kchan_armed_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases)
{
	int ret;

	/* Copy user memory first, because this may take long. */
	ret = kchan_call_stage(&cases->call, cases->slots, false);
	if (ret)
		goto unstage;
	if (mutex_lock_interruptible(&armed->lock)) {
		ret = -ERESTARTSYS;
		goto unstage;
	}
	if (armed->cases)
		ret = -EBUSY;
	else
		kchan_armed_park(armed, cases);
	mutex_unlock(&armed->lock);
	if (!ret)
		return 0;
unstage:
	kchan_call_unstage(&cases->call, cases->slots);
	return ret;
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

/**
 * kchan_armed_disarm() - take the cases back
 * @armed: the armed select
 *
 * Context: may sleep.
 * Return: 0 when no case had committed, and none will; -EALREADY when one had: its
 * outcome is still to be read; -ERESTARTSYS.
 */
int kchan_armed_disarm(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = NULL;
	int ret = 0;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
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

/* The case that committed. */
static struct kchan_branch *kchan_armed_won(struct kchan_armed_cases *cases)
{
	return &cases->call.branches[cases->call.chosen];
}

/* The element that a committed case has received, or NULL. */
static struct kchan_elem *kchan_armed_elem(struct kchan_armed_cases *cases)
{
	const struct kchan_branch *b = kchan_armed_won(cases);

	if (b->op != KCHAN_OP_RECV || cases->call.status)
		return NULL;
	return b->elem;
}

/* Copies the outcome: all of it, or nothing. */
static ssize_t kchan_armed_copy(struct kchan_armed *armed, struct iov_iter *to)
{
	const struct kchan_call *call = &armed->cases->call;
	const struct kchan_elem *elem = kchan_armed_elem(armed->cases);
	const size_t head = armed->cases->commit_size;
	const size_t len = elem ? elem->len : 0;
	struct kchan_commit commit = {
		.size = head,
		.index = call->chosen,
		.status = call->status,
	};
	size_t n, known = min(head, sizeof(commit));

	if (iov_iter_count(to) < head + len)
		return -EMSGSIZE;
	if (!call->status)
		commit.len = elem ? len : kchan_armed_won(armed->cases)->len;
	n = copy_to_iter(&commit, known, to);
	/* A newer caller's fields that we do not know are zero. */
	if (n == known && head > known)
		n += iov_iter_zero(head - known, to);
	/*
	 * Unchecked, as in kchan_copy_out() in chan.c: the length was compared
	 * before.
	 */
	if (n == head && len)
		n += _copy_to_iter(elem->data, len, to);
	if (n == head + len)
		return n;
	iov_iter_revert(to, n);
	return -EFAULT;
}

/*
 * Begins a read: sets kchan_armed.reading. Returns -EAGAIN when there is nothing to
 * read, -EINVAL when nothing is armed.
 */
static int kchan_armed_begin_read(struct kchan_armed *armed)
{
	int ret = 0;

	if (mutex_lock_interruptible(&armed->lock))
		return -ERESTARTSYS;
	if (!armed->cases) {
		ret = -EINVAL;
	} else if (!kchan_armed_readable(armed)) {
		ret = -EAGAIN;
	} else {
		kchan_armed_collect(armed);
		WRITE_ONCE(armed->reading, true);
	}
	mutex_unlock(&armed->lock);
	return ret;
}

/* Ends a read. If it has taken the outcome, nothing is armed any more. */
static void kchan_armed_end_read(struct kchan_armed *armed, bool taken)
{
	struct kchan_armed_cases *cases = NULL;

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
	if (kchan_armed_elem(cases))
		kchan_settle(kchan_armed_won(cases)->ch);
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
 * Return: the bytes; -EAGAIN, -EINVAL, -EMSGSIZE, -EFAULT, -ERESTARTSYS.
 */
ssize_t kchan_armed_read(struct kchan_armed *armed, struct iov_iter *to,
			 bool nonblock)
{
	ssize_t ret;

	for (;;) {
		ret = kchan_armed_begin_read(armed);
		if (ret != -EAGAIN || nonblock)
			break;
		ret = wait_event_interruptible(armed->polled.wait,
					       kchan_armed_look(armed));
		if (ret)
			break;
	}
	if (ret)
		return ret;
	ret = kchan_armed_copy(armed, to);
	kchan_armed_end_read(armed, ret > 0);
	return ret;
}

/**
 * kchan_armed_close() - end an armed select whose file has gone
 * @armed: the armed select; the file's reference is dropped
 *
 * An element that was received and not read goes back.
 *
 * Context: may sleep.
 */
void kchan_armed_close(struct kchan_armed *armed)
{
	struct kchan_armed_cases *cases = armed->cases;
	struct kchan_charge charge = armed->charge;

	if (cases) {
		if (!kchan_armed_give_up(armed) && kchan_armed_elem(cases))
			kchan_branch_return(kchan_armed_won(cases),
					    &cases->slots[cases->call.chosen].small);
		kchan_armed_drop(kchan_armed_take_off(armed));
	}
	mutex_destroy(&armed->lock);
	kchan_polled_put(&armed->polled);
	kchan_uncharge(&charge);
}

static int kchan_read_arm(struct kchan_arm *arm, void __user *uarg,
			  size_t usize, u32 flags)
{
	int ret;

	if (usize < KCHAN_ARM_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(arm, sizeof(*arm), uarg, usize);
	if (ret)
		return ret;
	if ((arm->flags & ~flags) || arm->commit_size < KCHAN_COMMIT_SIZE_V0)
		return -EINVAL;
	if (arm->commit_size > KCHAN_MAX_STRUCT_SIZE)
		return -E2BIG;
	return kchan_check_cases(arm->nr_cases, arm->case_size);
}

static int kchan_do_arm(struct kchan_armed *armed, const struct kchan_arm *arm)
{
	struct kchan_armed_cases *cases;
	int ret;

	cases = kchan_armed_cases_alloc(arm->nr_cases, arm->commit_size);
	if (IS_ERR(cases))
		return PTR_ERR(cases);
	ret = kchan_read_cases(&cases->call, u64_to_user_ptr(arm->cases),
			       arm->nr_cases, arm->case_size, true);
	if (ret)
		goto free;
	ret = kchan_verify_all(&cases->call);
	if (!ret)
		ret = kchan_armed_arm(armed, cases);
	if (ret)
		goto put;
	return 0;

put:
	kchan_put_files(&cases->call);
free:
	kchan_armed_cases_free(cases);
	return ret;
}

static ssize_t kchan_armed_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (unlikely(!iov_iter_count(to)))
		return 0;
	return kchan_armed_read(iocb->ki_filp->private_data, to,
				(iocb->ki_filp->f_flags & O_NONBLOCK) ||
				(iocb->ki_flags & IOCB_NOWAIT));
}

static __poll_t kchan_armed_poll(struct file *file, poll_table *pt)
{
	struct kchan_armed *armed = file->private_data;

	/* Enter the queue first, then look: see kchan_wake_told(). */
	poll_wait(file, &armed->polled.wait, pt);
	return kchan_armed_readable(armed) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int kchan_armed_release(struct inode *inode, struct file *file)
{
	kchan_armed_close(file->private_data);
	return 0;
}

static long kchan_armed_rearm(struct kchan_armed *armed, void __user *uarg,
			      size_t usize)
{
	struct kchan_arm arm;
	int ret;

	ret = kchan_read_arm(&arm, uarg, usize, 0);
	if (ret)
		return ret;
	return kchan_do_arm(armed, &arm);
}

static long kchan_armed_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	size_t usize = _IOC_SIZE(cmd);

	if (cmd == KCHAN_IOC_DISARM)
		return kchan_armed_disarm(file->private_data);

	switch (KCHAN_IOC_KIND(cmd)) {
	case KCHAN_IOC_KIND(KCHAN_IOC_ARM):
		return kchan_armed_rearm(file->private_data, uarg, usize);
	case KCHAN_IOC_KIND(KCHAN_IOC_SELECT):
		return kchan_ioctl_select(uarg, usize);
	default:
		return -ENOTTY;
	}
}

static const char *kchan_armed_state(struct kchan_armed *armed)
{
	if (!armed->cases)
		return "idle";
	return kchan_armed_committed(armed) ? "committed" : "armed";
}

/* The lock is never held for long, so this does not wait for long either. */
static void kchan_armed_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct kchan_armed *armed = file->private_data;
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
	mutex_unlock(&armed->lock);
}

static const struct file_operations kchan_armed_fops = {
	.owner		= THIS_MODULE,
	.read_iter	= kchan_armed_read_iter,
	.poll		= kchan_armed_poll,
	.unlocked_ioctl	= kchan_armed_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= kchan_armed_release,
	.show_fdinfo	= kchan_armed_show_fdinfo,
};

static struct file *kchan_armed_file(int flags)
{
	struct kchan_armed *armed;
	struct file *file;

	armed = kchan_armed_alloc();
	if (IS_ERR(armed))
		return ERR_CAST(armed);
	file = anon_inode_getfile("[kchan-select]", &kchan_armed_fops, armed,
				  O_RDONLY | flags);
	if (IS_ERR(file)) {
		kchan_armed_close(armed);
		return file;
	}
	file->f_mode |= FMODE_NOWAIT;
	stream_open(file_inode(file), file);
	return file;
}

/**
 * kchan_ioctl_arm() - %KCHAN_IOC_ARM on an end
 * @uarg: the caller's &struct kchan_arm
 * @usize: the size of it
 *
 * Return: a new fd; or an error, see &struct kchan_arm.
 */
long kchan_ioctl_arm(void __user *uarg, size_t usize)
{
	struct kchan_arm arm;
	struct file *file;
	int fd, ret;

	ret = kchan_read_arm(&arm, uarg, usize,
			     KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(arm.flags & KCHAN_ARM_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	file = kchan_armed_file(arm.flags & KCHAN_ARM_NONBLOCK ? O_NONBLOCK : 0);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto put_fd;
	}
	/* This is last, because a case may have committed by the time it returns. */
	ret = kchan_do_arm(file->private_data, &arm);
	if (ret)
		goto put_file;
	fd_install(fd, file);
	return fd;

put_file:
	fput(file);
put_fd:
	put_unused_fd(fd);
	return ret;
}
