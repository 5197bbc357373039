// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests have in common: channels, elements, first steps, pollers. For calls
 * see call.c, for memory see memory.c.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "harness.h"
#include "ring.h"

/* Ends a channel, as when its files are gone. */
static void kt_free_chan(void *arg)
{
	struct kchan *ch = arg;

	kchan_unhold(ch);
	while (ch->recv_ends)
		kchan_end_put(ch, FMODE_READ);
	while (ch->send_ends)
		kchan_end_put(ch, FMODE_WRITE);
	kchan_put(ch);
}

/**
 * kt_raw_chan() - a channel with one end that sends and receives, without setup
 * @test: the test
 *
 * Return: the channel, freed with the test.
 */
struct kchan *kt_raw_chan(struct kunit *test)
{
	struct kchan *ch = kchan_alloc(NULL);

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

	KUNIT_ASSERT_EQ(test, 0, kchan_setup(ch, elem_size, capacity,
					     message ? KCHAN_SETUP_MESSAGE : 0));
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
	kchan_get_info(ch, info, task_active_pid_ns(current));
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

/* Put-backs are in their order, each once. */
static unsigned int kt_count_put_back(struct kunit *test, struct kchan *ch)
{
	struct rb_node *node = rb_first_cached(&ch->put_back);
	unsigned int nr = 0, wrong = 0;
	u64 last = 0;

	for (; node; node = rb_next(node)) {
		u64 order = rb_entry(node, struct kchan_elem, node)->order;

		wrong += nr++ && order <= last;
		last = order;
	}
	KUNIT_EXPECT_EQ_MSG(test, wrong, 0, "put-backs are out of order");
	return nr;
}

/**
 * kt_check() - expect that the counts of a quiet channel match what it holds
 * @test: the test
 * @ch: the channel, which nobody waits in, with nothing in flight
 */
void kt_check(struct kunit *test, struct kchan *ch)
{
	struct kchan_ring *ring;
	unsigned int stored = 0;

	kchan_lock(ch);
	list_for_each_entry(ring, &ch->rings, node)
		stored += ring->len;
	kchan_unlock(ch);
	KUNIT_EXPECT_EQ(test, ch->stored, stored);
	KUNIT_EXPECT_LE(test, ch->stored, ch->capacity);
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, kt_count_put_back(test, ch));
	KUNIT_EXPECT_EQ(test, kchan_in_flight(ch), 0);
	KUNIT_EXPECT_EQ(test, ch->senders.len, 0);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->senders.list));
	KUNIT_EXPECT_TRUE(test, list_empty(&ch->receivers.list));
}

#define KT_BLOCK	256

/*
 * Instrumented kernels make this loop slow, so blocks differ only in their first
 * byte.
 */
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
 * @seed: the number that tells one element from another
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
 * kt_give() - send a number, and stop where the lock has been dropped
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 * @step: out: the work that is left for kchan_finish()
 *
 * Return: 0; or as kchan_give().
 */
int kt_give(struct kchan *ch, u64 n, struct kchan_step *step)
{
	struct kvec vec = { .iov_base = &n, .iov_len = sizeof(n) };
	struct iov_iter from;
	struct kchan_src src = { .from = &from, .len = sizeof(n), .nr = 1 };
	int ret;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, sizeof(n));
	kchan_step_begin(step);
	kchan_lock(ch);
	ret = kchan_give(ch, &src, step);
	kchan_unlock(ch);
	return min(ret, 0);
}

/**
 * kt_take() - receive a number, and stop where the lock has been dropped
 * @ch: the channel, of elements of 8 bytes
 * @step: out: the work that is left for kchan_finish()
 *
 * Return: the number; or as kchan_take().
 */
s64 kt_take(struct kchan *ch, struct kchan_step *step)
{
	s64 n = 0;
	struct kvec vec = { .iov_base = &n, .iov_len = sizeof(n) };
	struct iov_iter to;
	struct kchan_dst dst = { .to = &to, .room = sizeof(n), .nr = 1 };
	int ret;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, sizeof(n));
	kchan_step_begin(step);
	kchan_lock(ch);
	ret = kchan_take(ch, &dst, step);
	kchan_unlock(ch);
	return ret < 0 ? ret : n;
}

/**
 * kt_try_detach() - take the next element out, as a receive does that cannot copy it
 * out at once
 * @ch: the channel
 * @elem: out: the element, in flight
 *
 * Return: 0, or the error.
 */
int kt_try_detach(struct kchan *ch, struct kchan_elem **elem)
{
	struct kchan_dst dst = { .detach = true, .room = ch->elem_size, .nr = 1 };
	struct kchan_step step;
	int ret;

	if (!kchan_by_pointer(ch)) {
		dst.elem = kchan_elem_alloc(ch, ch->elem_size);
		if (IS_ERR(dst.elem))
			return PTR_ERR(dst.elem);
	}
	do {
		kchan_step_begin(&step);
		kchan_lock(ch);
		ret = kchan_take(ch, &dst, &step);
		kchan_unlock(ch);
		kchan_finish(ch, &step);
	} while (ret == KCHAN_MORE);
	if (ret < 0 && !kchan_by_pointer(ch))
		kchan_elem_free(ch, dst.elem);
	if (ret > 0 && dst.len != dst.elem->len)
		ret = -EUCLEAN;
	*elem = dst.elem;
	return min(ret, 0);
}

/**
 * kt_detach() - kt_try_detach() of an element that is there
 * @test: the test
 * @ch: the channel, with an element ready
 *
 * Return: the element, for kchan_put_back() or kt_settle().
 */
struct kchan_elem *kt_detach(struct kunit *test, struct kchan *ch)
{
	struct kchan_elem *elem;

	KUNIT_ASSERT_EQ(test, kt_try_detach(ch, &elem), 0);
	return elem;
}

/**
 * kt_settle() - receive an element that kt_detach() took out
 * @ch: the channel
 * @elem: the element
 */
void kt_settle(struct kchan *ch, struct kchan_elem *elem)
{
	kchan_settle(ch, elem);
	kchan_elem_free(ch, elem);
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

static int kt_woken_rd(wait_queue_entry_t *wqe, unsigned int mode, int flags,
		       void *key)
{
	struct kt_poller *p = container_of(wqe, struct kt_poller, rd);
	__poll_t events = key_to_poll(key);

	if (!key)
		p->all_rd++;
	else if (events == (EPOLLIN | EPOLLRDNORM))
		p->in++;
	else
		p->wrong++;
	return 1;
}

static int kt_woken_wr(wait_queue_entry_t *wqe, unsigned int mode, int flags,
		       void *key)
{
	struct kt_poller *p = container_of(wqe, struct kt_poller, wr);
	__poll_t events = key_to_poll(key);

	if (!key)
		p->all_wr++;
	else if (events == (EPOLLOUT | EPOLLWRNORM))
		p->out++;
	else
		p->wrong++;
	return 1;
}

/**
 * kt_poller_end() - stop polling before the test ends: kunit_release_action()
 * @arg: the poller
 */
void kt_poller_end(void *arg)
{
	struct kt_poller *p = arg;

	remove_wait_queue(&p->ch->rd_wait, &p->rd);
	remove_wait_queue(&p->ch->wr_wait, &p->wr);
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
	init_waitqueue_func_entry(&p->rd, kt_woken_rd);
	init_waitqueue_func_entry(&p->wr, kt_woken_wr);
	/* As a poll does. */
	ch->asked_in = true;
	ch->asked_out = true;
	if (exclusive) {
		add_wait_queue_exclusive(&ch->rd_wait, &p->rd);
		add_wait_queue_exclusive(&ch->wr_wait, &p->wr);
	} else {
		add_wait_queue(&ch->rd_wait, &p->rd);
		add_wait_queue(&ch->wr_wait, &p->wr);
	}
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_poller_end, p));
	return p;
}

/**
 * kt_expect_woken() - expect how often a poller was woken since the last such call
 * @p: the poller
 * @in: for input
 * @out: for output
 * @all: for all events, in each direction
 *
 * This waits until so many wake-ups came, because a call in a thread parks before it
 * wakes pollers.
 */
void kt_expect_woken(struct kt_poller *p, unsigned int in, unsigned int out,
		     unsigned int all)
{
	unsigned long end = jiffies + KT_PATIENCE;
	struct kt_poller seen;

	while ((READ_ONCE(p->in) < in || READ_ONCE(p->out) < out ||
		READ_ONCE(p->all_rd) < all || READ_ONCE(p->all_wr) < all) &&
	       time_before(jiffies, end))
		usleep_range(20, 100);

	seen = *p;
	p->in = 0;
	p->out = 0;
	p->wrong = 0;
	p->all_rd = 0;
	p->all_wr = 0;
	KUNIT_EXPECT_EQ_MSG(p->test, seen.in, in, "woken for input");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.out, out, "woken for output");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.all_rd, all, "receivers woken for all");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.all_wr, all, "senders woken for all");
	KUNIT_EXPECT_EQ_MSG(p->test, seen.wrong, 0, "woken for the other way");
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

/* The suites run after that. */
static int __init kt_init(void)
{
	return kchan_cache_init();
}
module_init(kt_init);

static void __exit kt_exit(void)
{
	kchan_cache_exit();
}
module_exit(kt_exit);

MODULE_DESCRIPTION("KUnit tests of kchan's state machine");
MODULE_LICENSE("GPL");

unsigned int kt_levels(const struct rb_node *node)
{
	if (!node)
		return 0;
	return max(kt_levels(node->rb_left), kt_levels(node->rb_right)) + 1;
}
