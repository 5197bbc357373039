// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects: those that do not wait, and those that do, in a thread of their own. Their
 * cases are in user memory, as for the ioctl.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "memory.h"
#include "selects.h"

static void kt_free_select(void *arg)
{
	struct kt_select *s = arg;
	unsigned int i;

	if (s->task && !try_wait_for_completion(&s->done)) {
		/* The test has failed. Let its threads end. */
		send_sig(SIGTERM, s->task, 1);
		if (!wait_for_completion_timeout(&s->done, KT_PATIENCE)) {
			/*
			 * The thread may still use the memory of the select, so do
			 * not free it.
			 */
			kunit_err(s->test, "a select never returned\n");
			for (i = 0; i < s->nr_channels; i++)
				kref_get(&s->channels[i]->ref);
			return;
		}
	}
	if (s->task)
		put_task_struct(s->task);
	if (s->mm)
		mmput(s->mm);
	kfree(s);
}

/**
 * kt_select() - prepare a select
 * @test: the test
 *
 * Make its channels before it. It ends with the test, and the channels end after it.
 *
 * Return: the select, without cases.
 */
struct kt_select *kt_select(struct kunit *test)
{
	struct kt_select *s = kzalloc(sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	kchan_call_init(&s->call, s->branches, s->locks);
	init_completion(&s->done);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_select, s));
	s->mem = kt_user_pages(test, 1);
	s->mm = current->mm;
	mmget(s->mm);
	return s;
}

/*
 * Notes a channel, for the test. The call sorts its channels itself, when it takes
 * their locks the first time.
 */
static void kt_add_channel(struct kt_select *s, struct kchan *ch)
{
	unsigned int i;

	for (i = 0; i < s->nr_channels; i++)
		if (s->channels[i] == ch)
			return;
	s->channels[s->nr_channels++] = ch;
}

/**
 * kt_add() - add a case
 * @s: the select
 * @ch: the channel, in use; NULL for one that is never ready
 * @send: it sends
 * @addr: user memory of the element
 * @len: bytes to send, or room
 *
 * Return: its index.
 */
unsigned int kt_add(struct kt_select *s, struct kchan *ch, bool send,
		    unsigned long addr, u32 len)
{
	struct kchan_branch *b = &s->branches[s->call.nr];

	b->ch = ch;
	b->op = send ? KCHAN_OP_SEND : KCHAN_OP_RECV;
	b->addr = (void __user *)addr;
	if (ch) {
		b->len = min(len, ch->elem_size);
		kt_add_channel(s, ch);
	}
	return s->call.nr++;
}

/**
 * kt_file() - make a file that selects can poll
 * @test: the test
 * @fops: what the file does
 * @arg: its private_data
 *
 * Return: the file, for fput().
 */
struct file *kt_file(struct kunit *test, const struct file_operations *fops,
		     void *arg)
{
	struct file *file = anon_inode_getfile("[kt]", fops, arg, O_RDONLY);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/**
 * kt_add_file() - add a case that polls a file for input
 * @s: the select
 * @file: the file, which stays the caller's
 *
 * Return: its index.
 */
unsigned int kt_add_file(struct kt_select *s, struct file *file)
{
	unsigned int i = kt_add(s, NULL, false, 0, 0);
	struct kchan_branch *b = &s->branches[i];

	b->op = KCHAN_OP_POLL;
	b->len = (__force u32)EPOLLIN;
	b->fd = BORROWED_FD(file);
	s->call.files |= BIT_ULL(i);
	return i;
}

static unsigned long kt_cell(struct kt_select *s, unsigned int i)
{
	return s->mem + i * sizeof(u64);
}

static void kt_set_cell(struct kt_select *s, unsigned int i, u64 n)
{
	KUNIT_EXPECT_EQ(s->test, 0,
			copy_to_user((void __user *)kt_cell(s, i), &n,
				     sizeof(n)));
}

/**
 * kt_add_send_n() - add a case that sends a number
 * @s: the select
 * @ch: the channel, of elements of 8 bytes
 * @n: the number
 *
 * Return: its index.
 */
unsigned int kt_add_send_n(struct kt_select *s, struct kchan *ch, u64 n)
{
	kt_set_cell(s, s->call.nr, n);
	return kt_add(s, ch, true, kt_cell(s, s->call.nr), sizeof(n));
}

/**
 * kt_add_recv_n() - add a case that receives a number
 * @s: the select
 * @ch: the channel, of elements of 8 bytes
 *
 * Return: its index.
 */
unsigned int kt_add_recv_n(struct kt_select *s, struct kchan *ch)
{
	return kt_add(s, ch, false, kt_cell(s, s->call.nr), sizeof(u64));
}

/**
 * kt_add_nil() - add a case that is never ready
 * @s: the select
 * @send: it would send
 *
 * Return: its index.
 */
unsigned int kt_add_nil(struct kt_select *s, bool send)
{
	return kt_add(s, NULL, send, 0, 0);
}

/**
 * kt_case_n() - the number of a case
 * @s: the select
 * @i: the case
 *
 * Return: what was received there, or was to be sent.
 */
s64 kt_case_n(struct kt_select *s, unsigned int i)
{
	s64 n = 0;

	KUNIT_EXPECT_EQ(s->test, 0,
			copy_from_user(&n, (void __user *)kt_cell(s, i),
				       sizeof(n)));
	return n;
}

/**
 * kt_select_empty() - take out all cases
 * @s: the select
 */
void kt_select_empty(struct kt_select *s)
{
	kchan_call_init(&s->call, s->branches, s->locks);
	s->nr_channels = 0;
}

/* Looks without a lock, as when the cases are read. */
static bool kt_case_may(const struct kchan_branch *b)
{
	struct kchan *ch = b->ch;

	if (b->op == KCHAN_OP_SEND)
		/* The call looks again with the lock. */
		return data_race(ch->stored < ch->capacity || ch->closed ||
				 !ch->recv_ends) ||
		       !list_empty(&ch->receivers.list);
	/* As above. */
	return data_race(ch->stored || ch->nr_put_back || ch->closed) ||
	       !list_empty(&ch->senders.list);
}

/**
 * kt_select_run() - select, in the current task
 * @s: the select, which may have been done before
 * @wait: whether to wait, and how long
 *
 * Return: the case that committed, or the error.
 */
int kt_select_run(struct kt_select *s, const struct kchan_wait *wait)
{
	unsigned int i;
	int ret;

	for (i = 0; i < s->call.nr; i++) {
		struct kchan_branch *b = &s->branches[i];

		b->elem = NULL;
		b->got = 0;
		b->rises = 0;
		b->faults = 0;
		b->detach = b->ch && b->op == KCHAN_OP_RECV &&
			    kchan_by_pointer(b->ch);
	}
	s->call.nr_locks = 0;
	s->call.likely = 0;
	for (i = 0; i < s->call.nr; i++)
		if (s->branches[i].ch && kt_case_may(&s->branches[i]))
			s->call.likely |= BIT_ULL(i);
	s->call.chosen = ~0U;
	s->call.status = -EUCLEAN;
	ret = kchan_select(&s->call, wait);
	/* The call owns nothing any more. */
	for (i = 0; i < s->call.nr; i++)
		if (s->branches[i].elem)
			ret = -EUCLEAN;
	s->ret = ret ? ret : s->call.chosen;
	return s->ret;
}

/**
 * kt_select_now() - select, in the current task, with a default
 * @s: the select
 *
 * Return: the case that committed, or the error.
 */
int kt_select_now(struct kt_select *s)
{
	const struct kchan_wait wait = { .nonblock = true };

	return kt_select_run(s, &wait);
}

static int kt_select_fn(void *arg)
{
	struct kt_select *s = arg;

	allow_signal(SIGTERM);
	allow_signal(SIGKILL);
	if (s->fifo)
		sched_set_fifo(current);
	kthread_use_mm(s->mm);
	kt_fail_nth(s->fail_nth);
	kt_select_run(s, &s->wait);
	s->fail_nth = kt_fail_nth(0);
	kthread_unuse_mm(s->mm);
	kthread_complete_and_exit(&s->done, 0);
}

/**
 * kt_select_start() - start a select in a thread of its own
 * @s: the select, which may have been done before
 */
void kt_select_start(struct kt_select *s)
{
	struct task_struct *task;

	if (s->task) {
		put_task_struct(s->task);
		s->task = NULL;
	}
	reinit_completion(&s->done);
	s->wait.deadline = s->deadline ? &s->deadline : NULL;
	task = kthread_create(kt_select_fn, s, "kt_select");
	KUNIT_ASSERT_FALSE(s->test, IS_ERR(task));
	s->task = get_task_struct(task);
	wake_up_process(task);
}

/**
 * kt_select_park() - start a select, and wait until all its cases have parked
 * @s: the select
 */
void kt_select_park(struct kt_select *s)
{
	unsigned int senders[KCHAN_MAX_CASES], receivers[KCHAN_MAX_CASES];
	struct kchan_info info;
	unsigned int i, k;

	for (i = 0; i < s->nr_channels; i++) {
		kt_info(s->channels[i], &info);
		senders[i] = info.send_waiters;
		receivers[i] = info.recv_waiters;
		for (k = 0; k < s->call.nr; k++) {
			if (s->branches[k].ch != s->channels[i])
				continue;
			if (s->branches[k].op == KCHAN_OP_SEND)
				senders[i]++;
			else
				receivers[i]++;
		}
	}
	kt_select_start(s);
	for (i = 0; i < s->nr_channels; i++)
		kt_wait_parked(s->test, s->channels[i], senders[i],
			       receivers[i]);
}

/**
 * kt_select_signal() - send the thread of a select a signal
 * @s: the select
 * @sig: SIGTERM, or SIGKILL, which is fatal
 */
void kt_select_signal(struct kt_select *s, int sig)
{
	send_sig(sig, s->task, 1);
}

/**
 * kt_select_returned() - whether a select has returned
 * @s: the select
 *
 * Return: whether it has.
 */
bool kt_select_returned(struct kt_select *s)
{
	return completion_done(&s->done);
}

/**
 * kt_select_join() - wait until a select has returned
 * @s: the select
 *
 * Return: the case that committed, or the error.
 */
int kt_select_join(struct kt_select *s)
{
	if (!wait_for_completion_timeout(&s->done, KT_PATIENCE))
		KUNIT_FAIL_AND_ABORT(s->test, "a select does not return");
	/* It stays done, so that the test can ask again. */
	complete_all(&s->done);
	return s->ret;
}

/**
 * kt_expect_chosen() - wait until a select has returned, and expect its outcome
 * @s: the select
 * @index: the case that committed
 * @status: its status: 0, EPIPE or EMSGSIZE
 */
void kt_expect_chosen(struct kt_select *s, int index, int status)
{
	KUNIT_EXPECT_EQ(s->test, kt_select_join(s), index);
	KUNIT_EXPECT_EQ(s->test, s->call.status, status);
}

/**
 * kt_park_two() - park a select of two cases
 * @test: the test
 * @a: the channel of case 0, of elements of 8 bytes
 * @send_a: case 0 sends 100
 * @b: the channel of case 1, of elements of 8 bytes
 * @send_b: case 1 sends 101
 *
 * Return: the select.
 */
struct kt_select *kt_park_two(struct kunit *test, struct kchan *a, bool send_a,
			      struct kchan *b, bool send_b)
{
	struct kt_select *s = kt_select(test);

	if (send_a)
		kt_add_send_n(s, a, 100);
	else
		kt_add_recv_n(s, a);
	if (send_b)
		kt_add_send_n(s, b, 101);
	else
		kt_add_recv_n(s, b);
	kt_select_park(s);
	return s;
}

static unsigned int kt_pages(u32 len)
{
	return DIV_ROUND_UP(len, PAGE_SIZE) ?: 1;
}

/**
 * kt_user_filled() - user memory with bytes that tell where they belong
 * @test: the test
 * @len: how many
 * @seed: as for kt_fill()
 *
 * Return: its address.
 */
unsigned long kt_user_filled(struct kunit *test, u32 len, unsigned int seed)
{
	unsigned long addr = kt_user_pages(test, kt_pages(len));
	void *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	kt_fill(buf, len, seed);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)addr, buf, len));
	return addr;
}

/**
 * kt_user_is_filled() - whether user memory has the bytes that belong there
 * @test: the test
 * @addr: where
 * @len: how many
 * @seed: as for kt_filled()
 *
 * Return: whether it has.
 */
bool kt_user_is_filled(struct kunit *test, unsigned long addr, u32 len,
		       unsigned int seed)
{
	void *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return !copy_from_user(buf, (void __user *)addr, len) &&
	       kt_filled(buf, len, seed);
}
