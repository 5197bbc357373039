// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests have in common: channels, calls that block, pollers.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "harness.h"
#include "ring.h"

static void kt_free_chan(void *arg)
{
	kchan_put(arg);
}

/**
 * kt_raw_chan() - a channel with one end that sends and receives, without setup
 * @test: the test
 *
 * Return: the channel, freed with the test.
 */
struct kchan *kt_raw_chan(struct kunit *test)
{
	struct kchan *ch = kchan_alloc();

	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_chan, ch));
	kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
	return ch;
}

static struct kchan *kt_make_chan(struct kunit *test, u32 elem_size,
				  u32 capacity, bool message)
{
	struct kchan *ch = kt_raw_chan(test);

	KUNIT_ASSERT_EQ(test, 0, kchan_setup(ch, elem_size, capacity, message));
	KUNIT_ASSERT_EQ(test, 0, kchan_use(ch));
	return ch;
}

/**
 * kt_chan() - a channel of elements of fixed size, in use
 * @test: the test
 * @elem_size: bytes in an element
 * @capacity: elements in the buffer
 *
 * Return: the channel, freed with the test.
 */
struct kchan *kt_chan(struct kunit *test, u32 elem_size, u32 capacity)
{
	return kt_make_chan(test, elem_size, capacity, false);
}

/**
 * kt_message_chan() - a channel in message mode, in use
 * @test: the test
 * @elem_size: most bytes in a message
 * @capacity: messages in the buffer
 *
 * Return: the channel, freed with the test.
 */
struct kchan *kt_message_chan(struct kunit *test, u32 elem_size, u32 capacity)
{
	return kt_make_chan(test, elem_size, capacity, true);
}

/**
 * kt_info() - kchan_get_info(), into memory that nothing has cleared
 * @ch: the channel
 * @info: where to
 */
void kt_info(struct kchan *ch, struct kchan_info *info)
{
	memset(info, 0xa5, sizeof(*info));
	kchan_get_info(ch, info);
}

/**
 * kt_len() - elements that are queued
 * @ch: the channel
 *
 * Return: how many.
 */
u32 kt_len(struct kchan *ch)
{
	struct kchan_info info;

	kt_info(ch, &info);
	return info.len;
}

/**
 * kt_check() - expect that a quiet channel's counts tell what there is
 * @test: the test
 * @ch: the channel, which nobody waits in
 */
void kt_check(struct kunit *test, struct kchan *ch)
{
	struct kchan_ring *ring;
	unsigned int stored = 0;

	spin_lock(&ch->lock);
	list_for_each_entry(ring, &ch->rings, node)
		stored += ring->len;
	spin_unlock(&ch->lock);
	KUNIT_EXPECT_EQ(test, ch->stored, stored);
	KUNIT_EXPECT_LE(test, ch->stored, ch->capacity);
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, list_count_nodes(&ch->put_back));
	KUNIT_EXPECT_EQ(test, ch->senders.len, 0);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->senders.list));
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->receivers.list));
}

#define KT_BLOCK	256

/* Instruments make this loop slow, so blocks differ in their first byte only. */
static void kt_block(u8 *block, unsigned int seed)
{
	size_t i;

	for (i = 0; i < KT_BLOCK; i++)
		block[i] = seed * 31 + i;
}

/**
 * kt_fill() - write bytes that tell where they belong
 * @buf: where to
 * @len: how many
 * @seed: what tells one element from another
 */
void kt_fill(void *buf, size_t len, unsigned int seed)
{
	u8 block[KT_BLOCK];
	size_t at;

	kt_block(block, seed);
	for (at = 0; at < len; at += KT_BLOCK) {
		block[0] = seed * 31 + at / KT_BLOCK;
		memcpy(buf + at, block, min_t(size_t, len - at, KT_BLOCK));
	}
}

/**
 * kt_filled() - whether bytes are as kt_fill() wrote them
 * @buf: where
 * @len: how many
 * @seed: as then
 *
 * Return: whether they are.
 */
bool kt_filled(const void *buf, size_t len, unsigned int seed)
{
	u8 block[KT_BLOCK];
	size_t at;

	kt_block(block, seed);
	for (at = 0; at < len; at += KT_BLOCK) {
		block[0] = seed * 31 + at / KT_BLOCK;
		if (memcmp(buf + at, block, min_t(size_t, len - at, KT_BLOCK)))
			return false;
	}
	return true;
}

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
	/* The iterator tells the same as the result. */
	if (iov_iter_count(&iter) != len - max_t(ssize_t, ret, 0))
		return -EUCLEAN;
	return ret;
}

/**
 * kt_try_send() - send what goes without waiting
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
 * kt_try_recv() - receive what is there
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
		/* The test has failed; get its threads out of the way. */
		kchan_close(call->ch);
		send_sig(SIGTERM, call->task, 1);
		if (!wait_for_completion_timeout(&call->done, KT_PATIENCE)) {
			/* It may still use what it has: let it have it. */
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
 * kt_wait_committed() - wait until a parked call has given up, and found that it
 * may not: its party is claimed, so it waits for DONE whatever comes
 * @call: the call, with a signal sent or its deadline not far
 *
 * Returns, too, when the call has returned: to be found out with kt_returned().
 */
void kt_wait_committed(struct kt_call *call)
{
	unsigned long end = jiffies + KT_PATIENCE;

	while (!kt_returned(call) &&
	       READ_ONCE(call->task->__state) != TASK_UNINTERRUPTIBLE) {
		if (time_after(jiffies, end))
			KUNIT_FAIL_AND_ABORT(call->test,
					     "the call has not given up");
		usleep_range(20, 100);
	}
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
	/* It stays done for whoever asks again. */
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

/**
 * kt_claim() - claim the longest-waiting party by hand
 * @test: the test
 * @ch: the channel
 * @send: of the senders
 *
 * Return: its waiter, for kt_finish().
 */
struct kchan_waiter *kt_claim(struct kunit *test, struct kchan *ch, bool send)
{
	struct kchan_waiter *w;
	bool claimed;

	spin_lock(&ch->lock);
	w = kchan_first(send ? &ch->senders : &ch->receivers);
	claimed = w && kchan_claim(w);
	spin_unlock(&ch->lock);
	KUNIT_ASSERT_TRUE(test, claimed);
	return w;
}

/**
 * kt_finish() - end the wait of a party that was claimed by hand
 * @ch: the channel
 * @w: the waiter, which may have been taken out of the queue meanwhile
 * @send: it waits to send
 * @status: the outcome
 */
void kt_finish(struct kchan *ch, struct kchan_waiter *w, bool send, int status)
{
	LIST_HEAD(done);

	spin_lock(&ch->lock);
	kchan_dequeue(send ? &ch->senders : &ch->receivers, w);
	w->status = status;
	list_add(&w->node, &done);
	spin_unlock(&ch->lock);
	kchan_wake_done(&done);
}

/**
 * kt_hand() - hand the longest-waiting receiver a number by hand
 * @test: the test
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 *
 * Return: the waiter, claimed, and served but for the telling: for kt_finish().
 */
struct kchan_waiter *kt_hand(struct kunit *test, struct kchan *ch, u64 n)
{
	struct kchan_waiter *w = kt_claim(test, ch, false);

	spin_lock(&ch->lock);
	*(u64 *)w->elem->data = n;
	w->elem->len = sizeof(n);
	w->elem->seq = ch->seq++;
	spin_unlock(&ch->lock);
	return w;
}

/**
 * kt_give() - send a number, and stop where the lock has been dropped
 * @test: the test
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 * @d: initialised; what is then to be done, with kchan_run_deferred()
 */
void kt_give(struct kunit *test, struct kchan *ch, u64 n,
	     struct kchan_deferred *d)
{
	struct kvec vec = { .iov_base = &n, .iov_len = sizeof(n) };
	struct iov_iter from;
	struct kchan_src src = { .from = &from, .len = sizeof(n) };
	int ret;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, sizeof(n));
	spin_lock(&ch->lock);
	ret = kchan_give(ch, &src, d);
	spin_unlock(&ch->lock);
	KUNIT_EXPECT_EQ(test, ret, 0);
}

/**
 * kt_detach() - take the next element out, as a receive does that cannot copy it
 * to where it goes at once
 * @test: the test
 * @ch: the channel, with an element ready
 *
 * Return: the element, for kchan_put_back() or kchan_elem_free().
 */
struct kchan_elem *kt_detach(struct kunit *test, struct kchan *ch)
{
	struct kchan_dst dst = { .detach = true, .room = ch->elem_size };
	struct kchan_deferred d;
	int ret;

	kchan_deferred_init(&d);
	if (!kchan_by_pointer(ch)) {
		dst.elem = kchan_elem_alloc(ch, ch->elem_size);
		KUNIT_ASSERT_FALSE(test, IS_ERR(dst.elem));
	}
	spin_lock(&ch->lock);
	ret = kchan_take(ch, &dst, &d);
	spin_unlock(&ch->lock);
	kchan_run_deferred(ch, &d);
	if (ret && !kchan_by_pointer(ch))
		kchan_elem_free(ch, dst.elem);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, dst.len, dst.elem->len);
	return dst.elem;
}

/**
 * kt_elem_n() - the number in an element
 * @elem: the element
 *
 * Return: the number.
 */
u64 kt_elem_n(const struct kchan_elem *elem)
{
	return *(const u64 *)elem->data;
}

static int kt_woken(wait_queue_entry_t *wqe, unsigned int mode, int flags,
		    void *key)
{
	struct kt_poller *p = container_of(wqe, struct kt_poller, wqe);
	__poll_t events = key_to_poll(key);

	if (!key)
		p->all++;
	else if ((events & EPOLLIN) && (events & EPOLLOUT))
		p->both++;
	else if (events & EPOLLIN)
		p->in++;
	else if (events & EPOLLOUT)
		p->out++;
	return 1;
}

static void kt_free_poller(void *arg)
{
	struct kt_poller *p = arg;

	remove_wait_queue(&p->ch->pollers, &p->wqe);
	kfree(p);
}

/**
 * kt_poller() - begin to poll
 * @test: the test
 * @ch: the channel
 * @exclusive: as with EPOLLEXCLUSIVE
 *
 * Return: the poller, who counts from now on.
 */
struct kt_poller *kt_poller(struct kunit *test, struct kchan *ch,
			    bool exclusive)
{
	struct kt_poller *p = kzalloc(sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->test = test;
	p->ch = ch;
	init_waitqueue_func_entry(&p->wqe, kt_woken);
	if (exclusive)
		add_wait_queue_exclusive(&ch->pollers, &p->wqe);
	else
		add_wait_queue(&ch->pollers, &p->wqe);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_poller, p));
	return p;
}

/**
 * kt_expect_woken() - expect that a poller was woken so often since last asked
 * @p: the poller
 * @in: for input
 * @out: for output
 * @all: for whatever
 *
 * Waits for as many, for a call in a thread parks before it wakes pollers.
 */
void kt_expect_woken(struct kt_poller *p, unsigned int in, unsigned int out,
		     unsigned int all)
{
	unsigned long end = jiffies + KT_PATIENCE;
	struct kt_poller seen;

	while ((READ_ONCE(p->in) < in || READ_ONCE(p->out) < out ||
		READ_ONCE(p->all) < all) && time_before(jiffies, end))
		usleep_range(20, 100);

	spin_lock_irq(&p->ch->pollers.lock);
	seen = *p;
	p->in = 0;
	p->out = 0;
	p->all = 0;
	spin_unlock_irq(&p->ch->pollers.lock);
	KUNIT_EXPECT_EQ_MSG(p->test, seen.in, in, "woken for input");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.out, out, "woken for output");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.all, all, "woken for all");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.both, 0, "input and output at once");
}

/**
 * kt_user_pages() - user memory, followed by none
 * @test: the test
 * @nr: pages
 *
 * Return: its address, in the current task's memory; the test is skipped where
 * there is none to be had.
 */
unsigned long kt_user_pages(struct kunit *test, unsigned int nr)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, (nr + 1) * PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no user memory");
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr + nr * PAGE_SIZE, PAGE_SIZE));
	return addr;
}

/**
 * kt_fail_nth() - make an allocation of the current task fail
 * @nth: which one, counted from 1; 0 for none
 *
 * Return: what is left of the count of the one before.
 */
unsigned int kt_fail_nth(unsigned int nth)
{
	unsigned int left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = current->fail_nth;
	WRITE_ONCE(current->fail_nth, nth);
#endif
	return left;
}

/**
 * kt_set_param() - set a parameter of the module
 * @name: its name
 * @val: the value, as on the command line
 *
 * Return: 0; -ENOENT; or what the parameter says of the value.
 */
int kt_set_param(const char *name, const char *val)
{
	const struct kernel_param *kp = THIS_MODULE->kp;
	unsigned int i;

	for (i = 0; i < THIS_MODULE->num_kp; i++)
		if (!strcmp(kp[i].name, name))
			return kp[i].ops->set(val, &kp[i]);
	return -ENOENT;
}

MODULE_DESCRIPTION("KUnit tests of kchan's state machine");
MODULE_LICENSE("GPL");
