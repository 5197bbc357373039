// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects: armed as the ioctl does, and read, in the current task or a thread
 * of its own.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "arms.h"
#include "memory.h"

/**
 * kt_armed() - make one with nothing armed
 * @test: the test
 *
 * Return: it, for kchan_armed_close().
 */
struct kchan_armed *kt_armed(struct kunit *test)
{
	struct kchan_armed *armed = kchan_armed_alloc();

	KUNIT_ASSERT_FALSE(test, IS_ERR(armed));
	return armed;
}

/**
 * kt_arm_begin() - make room for cases
 * @test: the test
 * @nr: how many
 * @commit_size: bytes in the &struct kchan_commit that a read returns
 *
 * Return: the cases, for kt_arm().
 */
struct kchan_armed_cases *kt_arm_begin(struct kunit *test, unsigned int nr,
				       u32 commit_size)
{
	struct kchan_armed_cases *cases = kchan_armed_cases_alloc(nr, commit_size);

	KUNIT_ASSERT_FALSE(test, IS_ERR(cases));
	return cases;
}

/**
 * kt_arm_add() - add a case
 * @cases: the cases
 * @ch: the channel, in use
 * @send: it sends
 * @addr: user memory of the element to send
 */
void kt_arm_add(struct kchan_armed_cases *cases, struct kchan *ch, bool send,
		unsigned long addr)
{
	cases->call.branches[cases->call.nr++] = (struct kchan_branch){
		.ch = ch,
		.op = send ? KCHAN_OP_SEND : KCHAN_OP_RECV,
		.addr = (void __user *)addr,
		.len = ch->elem_size,
		.detach = !send && kchan_by_pointer(ch),
	};
}

/**
 * kt_arm() - arm
 * @armed: the armed select
 * @cases: the cases, which are freed if that fails
 *
 * Return: as kchan_armed_arm().
 */
int kt_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases)
{
	int ret = kchan_armed_arm(armed, cases);

	if (ret)
		kchan_armed_cases_free(cases);
	return ret;
}

/**
 * kt_arm_recv() - arm one case that receives
 * @test: the test
 * @armed: the armed select
 * @ch: the channel
 *
 * Return: as kchan_armed_arm().
 */
int kt_arm_recv(struct kunit *test, struct kchan_armed *armed, struct kchan *ch)
{
	struct kchan_armed_cases *cases = kt_arm_begin(test, 1, KT_COMMIT);

	kt_arm_add(cases, ch, false, 0);
	return kt_arm(armed, cases);
}

/**
 * kt_arm_send_n() - arm one case that sends a number
 * @test: the test
 * @armed: the armed select
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 *
 * Return: as kchan_armed_arm().
 */
int kt_arm_send_n(struct kunit *test, struct kchan_armed *armed, struct kchan *ch,
		  u64 n)
{
	struct kchan_armed_cases *cases = kt_arm_begin(test, 1, KT_COMMIT);
	unsigned long addr = kt_user_pages(test, 1);

	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)addr, &n, sizeof(n)));
	kt_arm_add(cases, ch, true, addr);
	return kt_arm(armed, cases);
}

/**
 * kt_armed_recv() - make one that is armed with one case that receives
 * @test: the test
 * @ch: the channel
 *
 * Return: it, for kchan_armed_close().
 */
struct kchan_armed *kt_armed_recv(struct kunit *test, struct kchan *ch)
{
	struct kchan_armed *armed = kt_armed(test);

	KUNIT_ASSERT_EQ(test, kt_arm_recv(test, armed, ch), 0);
	return armed;
}

/**
 * kt_armed_read() - read the outcome, without waiting
 * @armed: the armed select
 * @buf: where to
 * @len: bytes of room
 *
 * Return: as kchan_armed_read().
 */
ssize_t kt_armed_read(struct kchan_armed *armed, void *buf, size_t len)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter to;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, len);
	return kchan_armed_read(armed, &to, true);
}

/**
 * kt_armed_read_n() - read the outcome of a select with one case that moves a number
 * @armed: the armed select
 *
 * Return: the number, or 0 of a send; the status, negative; or the error.
 */
s64 kt_armed_read_n(struct kchan_armed *armed)
{
	struct kchan_commit commit;

	return kt_lease_read(armed, &commit);
}

/**
 * kt_arm_lease() - arm one case that receives under lease
 * @test: the test
 * @armed: the armed select
 * @ch: the channel
 * @limit: nanoseconds until its limit; 0 for none
 *
 * Return: as kchan_armed_arm().
 */
int kt_arm_lease(struct kunit *test, struct kchan_armed *armed, struct kchan *ch,
		 u64 limit)
{
	struct kchan_armed_cases *cases = kt_arm_begin(test, 1, KT_COMMIT);

	kt_arm_add(cases, ch, false, 0);
	kchan_armed_lease_cases(armed, cases, limit);
	return kt_arm(armed, cases);
}

/**
 * kt_lease() - make one that is armed with one case that receives under lease
 * @test: the test
 * @ch: the channel
 * @limit: nanoseconds until its limit; 0 for none
 *
 * Return: it, for kchan_armed_close().
 */
struct kchan_armed *kt_lease(struct kunit *test, struct kchan *ch, u64 limit)
{
	struct kchan_armed *armed = kt_armed(test);

	KUNIT_ASSERT_EQ(test, kt_arm_lease(test, armed, ch, limit), 0);
	return armed;
}

/**
 * kt_lease_read() - read the outcome of a select with one case, without waiting
 * @armed: the armed select; what it receives may be under lease
 * @commit: out: the commit
 *
 * Return: as kt_armed_read_n().
 */
s64 kt_lease_read(struct kchan_armed *armed, struct kchan_commit *commit)
{
	struct {
		struct kchan_commit commit;
		s64 n;
	} out = {};
	ssize_t ret = kt_armed_read(armed, &out, sizeof(out));

	*commit = out.commit;
	if (ret < 0)
		return ret;
	if (commit->size != KT_COMMIT || commit->index)
		return -EUCLEAN;
	if (commit->status)
		return ret == KT_COMMIT && !commit->len ? -(s64)commit->status : -EUCLEAN;
	if (commit->len != sizeof(s64))
		return -EUCLEAN;
	return out.n;
}

/**
 * kt_lease_wait_expired() - wait until the limit of a lease has come
 * @test: the test
 * @armed: the armed select
 */
void kt_lease_wait_expired(struct kunit *test, struct kchan_armed *armed)
{
	unsigned long end = jiffies + KT_PATIENCE;

	while (!READ_ONCE(armed->lease.expired)) {
		if (time_after(jiffies, end))
			KUNIT_FAIL_AND_ABORT(test, "the limit of a lease does not come");
		usleep_range(20, 100);
	}
}

static int kt_armed_fn(void *arg)
{
	struct kt_armed_call *call = arg;
	struct kvec vec = { .iov_base = call->buf, .iov_len = call->len };
	struct iov_iter to;

	allow_signal(SIGTERM);
	if (call->ubuf) {
		kthread_use_mm(call->mm);
		iov_iter_ubuf(&to, ITER_DEST, (void __user *)call->ubuf, call->len);
	} else {
		iov_iter_kvec(&to, ITER_DEST, &vec, 1, call->len);
	}
	call->ret = kchan_armed_read(call->armed, &to, call->nonblock);
	if (call->ubuf)
		kthread_unuse_mm(call->mm);
	kthread_complete_and_exit(&call->done, 0);
}

/**
 * kt_armed_start() - start a read
 * @test: the test
 * @call: the call, filled in; to be joined
 */
void kt_armed_start(struct kunit *test, struct kt_armed_call *call)
{
	struct task_struct *task;

	call->mm = current->mm;
	init_completion(&call->done);
	task = kthread_create(kt_armed_fn, call, "kt_armed");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	call->task = get_task_struct(task);
	wake_up_process(task);
}

/**
 * kt_armed_wait_asleep() - wait until a read waits for an outcome
 * @test: the test
 * @call: the call
 */
void kt_armed_wait_asleep(struct kunit *test, struct kt_armed_call *call)
{
	unsigned long end = jiffies + KT_PATIENCE;

	/* No barrier is needed: the loop looks again and again. */
	while (!waitqueue_active(&call->armed->polled.wait) ||
	       !(READ_ONCE(call->task->__state) & TASK_INTERRUPTIBLE)) {
		if (completion_done(&call->done) || time_after(jiffies, end))
			KUNIT_FAIL_AND_ABORT(test, "the read does not wait");
		usleep_range(20, 100);
	}
}

/**
 * kt_armed_join() - wait until a read has returned
 * @test: the test
 * @call: the call
 *
 * Return: what it returned.
 */
ssize_t kt_armed_join(struct kunit *test, struct kt_armed_call *call)
{
	if (!wait_for_completion_timeout(&call->done, KT_PATIENCE))
		KUNIT_FAIL_AND_ABORT(test, "a read does not return");
	put_task_struct(call->task);
	return call->ret;
}
