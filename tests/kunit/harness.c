// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests have in common: channels, elements, claims by hand, pollers, user
 * memory. For calls see call.c.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
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
 * kt_user_pages() - user memory, followed by a page of none
 * @test: the test
 * @nr: pages
 *
 * Return: its address, in the current task's memory; the test is skipped where
 * there is none to be had.
 */
unsigned long kt_user_pages(struct kunit *test, unsigned int nr)
{
	bool attached = current->mm;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, (nr + 1) * PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	/*
	 * KUnit attaches the memory by kthread_use_mm(), and leaves the rest to
	 * the end of the thread: which drops its use of it, but not the
	 * reference that kthread_unuse_mm() would have.
	 */
	if (!attached && current->mm)
		mmdrop(current->mm);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no user memory");
	/* Not a hole, for that the next of these would fill. */
	KUNIT_ASSERT_EQ(test, addr + nr * PAGE_SIZE,
			vm_mmap(NULL, addr + nr * PAGE_SIZE, PAGE_SIZE,
				PROT_NONE,
				MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0));
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
