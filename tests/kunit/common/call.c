// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends and receives: those that do not wait, and those that do, in a thread of
 * their own.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "harness.h"
#include "memory.h"

static ssize_t kt_transfer(struct kchan *ch, bool send, void *buf, size_t len,
			   const struct kchan_wait *wait)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_kvec(&iter, send ? ITER_SOURCE : ITER_DEST, &vec, 1, len);
	if (send)
		ret = kchan_send(ch, &iter, wait);
	else
		ret = kchan_recv(ch, &iter, wait);
	/* The iterator has advanced by as much as the result says. */
	if (iov_iter_count(&iter) != len - max_t(ssize_t, ret, 0))
		return -EUCLEAN;
	return ret;
}

/**
 * kt_try_send() - send elements without waiting
 * @ch: the channel
 * @buf: the elements
 * @len: bytes in them
 *
 * Return: as kchan_send().
 */
ssize_t kt_try_send(struct kchan *ch, const void *buf, size_t len)
{
	const struct kchan_wait wait = { .nonblock = true };

	return kt_transfer(ch, true, (void *)buf, len, &wait);
}

/**
 * kt_try_recv() - receive elements without waiting
 * @ch: the channel
 * @buf: where to
 * @len: bytes of room
 *
 * Return: as kchan_recv().
 */
ssize_t kt_try_recv(struct kchan *ch, void *buf, size_t len)
{
	const struct kchan_wait wait = { .nonblock = true };

	return kt_transfer(ch, false, buf, len, &wait);
}

/**
 * kt_send_n() - send a number, without waiting
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 *
 * Return: 0, or the error.
 */
int kt_send_n(struct kchan *ch, u64 n)
{
	ssize_t ret = kt_try_send(ch, &n, sizeof(n));

	return ret == sizeof(n) ? 0 : ret;
}

/**
 * kt_recv_n() - receive a number, without waiting
 * @ch: the channel, of elements of 8 bytes
 *
 * Return: the number, or the error.
 */
s64 kt_recv_n(struct kchan *ch)
{
	s64 n;
	ssize_t ret = kt_try_recv(ch, &n, sizeof(n));

	return ret == sizeof(n) ? n : ret;
}

static ssize_t kt_transfer_user(struct kt_call *call)
{
	struct iov_iter iter;
	ssize_t ret;

	kthread_use_mm(call->mm);
	iov_iter_ubuf(&iter, call->send ? ITER_SOURCE : ITER_DEST,
		      (void __user *)call->ubuf, call->len);
	if (call->send)
		ret = kchan_send(call->ch, &iter, &call->wait);
	else
		ret = kchan_recv(call->ch, &iter, &call->wait);
	kthread_unuse_mm(call->mm);
	if (iov_iter_count(&iter) != call->len - max_t(ssize_t, ret, 0))
		return -EUCLEAN;
	return ret;
}

static int kt_call_fn(void *arg)
{
	struct kt_call *call = arg;

	allow_signal(SIGTERM);
	allow_signal(SIGKILL);
	if (call->pending)
		send_sig(call->pending, current, 1);
	kt_fail_nth(call->fail_nth);
	if (call->ubuf)
		call->ret = kt_transfer_user(call);
	else
		call->ret = kt_transfer(call->ch, call->send, call->buf,
					call->len, &call->wait);
	call->fail_nth = kt_fail_nth(0);
	kthread_complete_and_exit(&call->done, 0);
}

static void kt_free_call(void *arg)
{
	struct kt_call *call = arg;

	if (call->task && !try_wait_for_completion(&call->done)) {
		/* The test has failed. Let its threads end. */
		kchan_close(call->ch);
		send_sig(SIGTERM, call->task, 1);
		if (!wait_for_completion_timeout(&call->done, KT_PATIENCE)) {
			/*
			 * The thread may still use the memory of the call, so do not
			 * free it.
			 */
			kunit_err(call->test, "a call never returned\n");
			kref_get(&call->ch->ref);
			return;
		}
	}
	if (call->task)
		put_task_struct(call->task);
	if (call->mm)
		mmput(call->mm);
	kvfree(call->buf);
	kfree(call);
}

/**
 * kt_call() - prepare a call in a thread of its own
 * @test: the test
 * @ch: the channel
 * @send: it sends
 * @len: bytes that it sends, or has room for
 *
 * Return: the call, to be filled in and started; it ends with the test.
 */
struct kt_call *kt_call(struct kunit *test, struct kchan *ch, bool send,
			size_t len)
{
	struct kt_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, call);
	call->test = test;
	call->ch = ch;
	call->send = send;
	call->len = len;
	init_completion(&call->done);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_call, call));
	call->buf = kvzalloc(max_t(size_t, len, 1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call->buf);
	return call;
}

/**
 * kt_start() - start a call
 * @call: the call
 */
void kt_start(struct kt_call *call)
{
	struct task_struct *task;

	if (call->deadline)
		call->wait.deadline = &call->deadline;
	if (call->ubuf) {
		call->mm = current->mm;
		mmget(call->mm);
	}
	task = kthread_create(kt_call_fn, call, "kt_%s",
			      call->send ? "send" : "recv");
	KUNIT_ASSERT_FALSE(call->test, IS_ERR(task));
	call->task = get_task_struct(task);
	wake_up_process(task);
}

/**
 * kt_wait_parked() - wait until so many calls have parked
 * @test: the test
 * @ch: the channel
 * @senders: waiters to send
 * @receivers: waiters to receive
 */
void kt_wait_parked(struct kunit *test, struct kchan *ch,
		    unsigned int senders, unsigned int receivers)
{
	unsigned long end = jiffies + KT_PATIENCE;
	struct kchan_info info;

	for (;;) {
		kt_info(ch, &info);
		if (info.send_waiters == senders &&
		    info.recv_waiters == receivers)
			return;
		if (time_after(jiffies, end))
			break;
		usleep_range(20, 100);
	}
	KUNIT_FAIL_AND_ABORT(test, "%u senders and %u receivers wait, not %u and %u",
			     info.send_waiters, info.recv_waiters, senders,
			     receivers);
}

/**
 * kt_park() - start a call, and wait until it has parked
 * @call: the call
 */
void kt_park(struct kt_call *call)
{
	struct kchan_info info;

	kt_info(call->ch, &info);
	kt_start(call);
	kt_wait_parked(call->test, call->ch, info.send_waiters + call->send,
		       info.recv_waiters + !call->send);
}

/**
 * kt_signal() - send the thread of a call a signal
 * @call: the call
 * @sig: SIGTERM, or SIGKILL, which is fatal
 */
void kt_signal(struct kt_call *call, int sig)
{
	send_sig(sig, call->task, 1);
}

/**
 * kt_returned() - whether a call has returned
 * @call: the call
 *
 * Return: whether it has.
 */
bool kt_returned(struct kt_call *call)
{
	return completion_done(&call->done);
}

/**
 * kt_join() - wait until a call has returned
 * @call: the call
 *
 * Return: what it returned.
 */
ssize_t kt_join(struct kt_call *call)
{
	if (!wait_for_completion_timeout(&call->done, KT_PATIENCE))
		KUNIT_FAIL_AND_ABORT(call->test, "a %s does not return",
				     call->send ? "send" : "receive");
	/* It stays done, so that the test can ask again. */
	complete_all(&call->done);
	return call->ret;
}

/**
 * kt_join_n() - wait until the receive of a number has returned
 * @call: the call
 *
 * Return: the number, or the error.
 */
s64 kt_join_n(struct kt_call *call)
{
	ssize_t ret = kt_join(call);

	return ret == sizeof(s64) ? *(s64 *)call->buf : ret;
}

/**
 * kt_park_send_batch() - park a send of consecutive numbers
 * @test: the test
 * @ch: the channel, of elements of 8 bytes
 * @first: the first number
 * @nr: how many
 *
 * Return: the call.
 */
struct kt_call *kt_park_send_batch(struct kunit *test, struct kchan *ch,
				   u64 first, unsigned int nr)
{
	struct kt_call *call = kt_call(test, ch, true, nr * sizeof(u64));
	unsigned int i;

	for (i = 0; i < nr; i++)
		((u64 *)call->buf)[i] = first + i;
	kt_park(call);
	return call;
}

/**
 * kt_park_send_n() - park the send of a number
 * @test: the test
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 *
 * Return: the call.
 */
struct kt_call *kt_park_send_n(struct kunit *test, struct kchan *ch, u64 n)
{
	return kt_park_send_batch(test, ch, n, 1);
}

/**
 * kt_park_recv() - park a receive
 * @test: the test
 * @ch: the channel
 * @room: bytes of room
 *
 * Return: the call.
 */
struct kt_call *kt_park_recv(struct kunit *test, struct kchan *ch, size_t room)
{
	struct kt_call *call = kt_call(test, ch, false, room);

	kt_park(call);
	return call;
}

/**
 * kt_park_recv_n() - park the receive of a number
 * @test: the test
 * @ch: the channel, of elements of 8 bytes
 *
 * Return: the call.
 */
struct kt_call *kt_park_recv_n(struct kunit *test, struct kchan *ch)
{
	return kt_park_recv(test, ch, sizeof(u64));
}
