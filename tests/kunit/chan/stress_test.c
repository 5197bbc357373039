// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crowds: senders and receivers of all kinds at once, with deadlines, signals,
 * resizes, put-backs, and a close in the middle. Every element whose send succeeded
 * is received exactly once, and no other element is received.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "harness.h"
#include "mapped.h"
#include "ring.h"

#define STRESS_SENDERS		4
#define STRESS_RECEIVERS	4
#define STRESS_TASKS		(STRESS_SENDERS + STRESS_RECEIVERS)
#define STRESS_BATCH		4

/* The first part of an element. Each byte of the rest is @seq. */
struct stress_elem {
	u32 sender;
	u32 seq;
};

struct stress_task {
	struct stress *s;
	unsigned int id;
	struct task_struct *task;
	struct completion done;
	/* For a sender: elements sent. For a receiver: elements received. */
	unsigned int moved;
	/* For a receiver: the lowest number that may come next from each sender. */
	u32 next[STRESS_SENDERS];
	/* The first error that was found. */
	const char *wrong;
	long detail;
};

struct stress {
	struct kunit *test;
	struct kchan *ch;
	/* If not NULL, some of the elements go through this ring. */
	struct mapped *m;
	unsigned int count;
	bool put_back;
	unsigned long *received[STRESS_SENDERS];
	struct stress_task tasks[STRESS_TASKS];
};

static void stress_wrong(struct stress_task *t, const char *what, long detail)
{
	if (!t->wrong) {
		t->detail = detail;
		t->wrong = what;
	}
}

/*
 * Chooses to wait without end, not at all, or for a moment, which may be over
 * already.
 */
static void stress_wait(struct kchan_wait *wait, ktime_t *deadline)
{
	wait->nonblock = false;
	wait->deadline = NULL;
	switch (get_random_u32_below(4)) {
	case 0:
		wait->nonblock = true;
		break;
	case 1:
		*deadline = ktime_add_ns(ktime_get(),
					 get_random_u32_below(200000));
		wait->deadline = deadline;
		break;
	}
}

/* Whether a call that moved nothing is to be tried again. */
static bool stress_again(struct stress_task *t, ssize_t ret)
{
	switch (ret) {
	case -EAGAIN:
		usleep_range(1, 20);
		return true;
	case -ETIMEDOUT:
		return true;
	case -ERESTARTSYS:
		flush_signals(current);
		return true;
	case -EPIPE:
		return false;
	}
	stress_wrong(t, "a call fails", ret);
	return false;
}

/* One element through the mapped ring. Returns 0 if it has to go by the kernel. */
static ssize_t stress_ring(struct stress_task *t, bool send, void *buf)
{
	struct mapped *m = t->s->m;
	enum kc_moved ret;

	if (!m || !get_random_u32_below(4))
		return 0;
	ret = send ? kc_ring_send(&m->ring, buf) : kc_ring_recv(&m->ring, buf);
	if (ret == KC_MOVED_KICK)
		kchan_kick(m->ch);
	return ret == KC_MOVED_NOT ? 0 : m->ring.elem_size;
}

static void stress_send(struct stress_task *t, void *buf)
{
	struct kchan *ch = t->s->ch;
	const u32 size = ch->elem_size;
	struct kchan_wait wait;
	ktime_t deadline;

	while (t->moved < t->s->count) {
		unsigned int nr = 1 + get_random_u32_below(STRESS_BATCH);
		unsigned int i;
		struct iov_iter iter;
		struct kvec vec;
		ssize_t ret;

		nr = min(nr, t->s->count - t->moved);
		for (i = 0; i < nr; i++) {
			struct stress_elem *elem = buf + i * size;

			memset(elem, t->moved + i, size);
			elem->sender = t->id;
			elem->seq = t->moved + i;
		}
		vec.iov_base = buf;
		vec.iov_len = nr * size;
		iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, vec.iov_len);
		stress_wait(&wait, &deadline);
		ret = stress_ring(t, true, buf) ?: kchan_send(ch, &iter, &wait);
		if (ret > 0)
			t->moved += ret / size;
		else if (!stress_again(t, ret))
			break;
	}
}

/* Notes an element as received, once. */
static void stress_received(struct stress_task *t, const void *data)
{
	const struct stress_elem *elem = data;
	struct stress *s = t->s;

	if (elem->sender >= STRESS_SENDERS || elem->seq >= s->count) {
		stress_wrong(t, "no such element", elem->seq);
		return;
	}
	if (memchr_inv(elem + 1, elem->seq, s->ch->elem_size - sizeof(*elem)))
		stress_wrong(t, "a torn element", elem->seq);
	if (test_and_set_bit(elem->seq, s->received[elem->sender]))
		stress_wrong(t, "an element comes twice", elem->seq);
	/* An element that was put back may come after one that was sent later. */
	if (elem->seq < t->next[elem->sender] && !s->put_back)
		stress_wrong(t, "out of order", elem->seq);
	t->next[elem->sender] = elem->seq + 1;
	t->moved++;
}

/* Takes an element out, and puts it back after a moment. */
static ssize_t stress_take_and_put_back(struct kchan *ch)
{
	struct kchan_elem *elem;
	int ret;

	ret = kt_try_detach(ch, &elem);
	if (ret)
		return ret;
	if (get_random_u32_below(2))
		cond_resched();
	else
		usleep_range(1, 20);
	kchan_put_back(ch, elem);
	return -ETIMEDOUT;
}

static void stress_recv(struct stress_task *t, void *buf)
{
	struct kchan *ch = t->s->ch;
	const u32 size = ch->elem_size;
	struct kchan_wait wait;
	ktime_t deadline;

	for (;;) {
		unsigned int nr = 1 + get_random_u32_below(STRESS_BATCH);
		struct kvec vec = { .iov_base = buf, .iov_len = nr * size };
		struct iov_iter iter;
		ssize_t ret, i;

		if (t->s->put_back && !get_random_u32_below(3)) {
			ret = stress_take_and_put_back(ch);
		} else {
			iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
			stress_wait(&wait, &deadline);
			ret = stress_ring(t, false, buf) ?:
			      kchan_recv(ch, &iter, &wait);
		}
		for (i = 0; i < ret; i += size)
			stress_received(t, buf + i);
		if (ret <= 0 && !stress_again(t, ret))
			break;
	}
}

static int stress_fn(void *arg)
{
	struct stress_task *t = arg;
	void *buf = kvzalloc(STRESS_BATCH * t->s->ch->elem_size, GFP_KERNEL);

	allow_signal(SIGTERM);
	if (!buf)
		stress_wrong(t, "no memory", 0);
	else if (t->id < STRESS_SENDERS)
		stress_send(t, buf);
	else
		stress_recv(t, buf);
	kvfree(buf);
	kthread_complete_and_exit(&t->done, 0);
}

static bool stress_join(struct stress *s)
{
	unsigned long end = jiffies + KT_PATIENCE;
	unsigned int i;

	for (i = 0; i < STRESS_TASKS; i++) {
		struct stress_task *t = &s->tasks[i];
		long left = max_t(long, end - jiffies, 1);

		if (!t->task)
			continue;
		if (!wait_for_completion_timeout(&t->done, left))
			return false;
		put_task_struct(t->task);
		t->task = NULL;
	}
	return true;
}

static void stress_free(void *arg)
{
	struct stress *s = arg;
	unsigned int i;

	kchan_close(s->ch);
	if (!stress_join(s)) {
		/* The tasks may still use their memory, so do not free it. */
		kunit_err(s->test, "tasks do not end\n");
		kref_get(&s->ch->ref);
		return;
	}
	for (i = 0; i < STRESS_SENDERS; i++)
		bitmap_free(s->received[i]);
	kfree(s);
}

static struct stress *stress_start(struct kunit *test, struct kchan *ch,
				   struct mapped *m, unsigned int count,
				   bool put_back)
{
	struct stress *s = kzalloc(sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	s->ch = ch;
	s->m = m;
	s->count = count;
	s->put_back = put_back;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, stress_free, s));
	for (i = 0; i < STRESS_SENDERS; i++) {
		s->received[i] = bitmap_zalloc(count, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->received[i]);
	}
	for (i = 0; i < STRESS_TASKS; i++) {
		struct stress_task *t = &s->tasks[i];
		struct task_struct *task;

		t->s = s;
		t->id = i;
		init_completion(&t->done);
		task = kthread_create(stress_fn, t, "kt_stress/%u", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		t->task = get_task_struct(task);
		wake_up_process(task);
	}
	return s;
}

/*
 * Disturbs the crowd, and closes the channel: when all has been sent; or when about
 * half has been sent, so that the close finds senders in their calls.
 */
static void stress_disturb(struct kunit *test, struct stress *s, bool resize,
			   bool half)
{
	const unsigned int all = STRESS_SENDERS * s->count;
	unsigned long end = jiffies + KT_PATIENCE;
	unsigned int sent, i;

	for (;;) {
		for (i = 0, sent = 0; i < STRESS_SENDERS; i++)
			sent += READ_ONCE(s->tasks[i].moved);
		if (sent >= (half ? all / 2 : all))
			break;
		if (time_after(jiffies, end)) {
			KUNIT_FAIL(test, "%u of %u sent", sent, all);
			break;
		}
		if (resize) {
			int ret = kchan_resize(s->ch, get_random_u32_below(20));

			if (ret && ret != -EBUSY)
				KUNIT_FAIL(test, "resize: %d", ret);
		}
		i = get_random_u32_below(STRESS_TASKS);
		send_sig(SIGTERM, s->tasks[i].task, 1);
		usleep_range(100, 500);
	}
	KUNIT_EXPECT_EQ(test, kchan_close(s->ch), 0);
}

static void stress_check(struct kunit *test, struct stress *s)
{
	struct stress_task *drain = &s->tasks[STRESS_SENDERS];
	unsigned int sent = 0, received = 0, i;

	KUNIT_ASSERT_TRUE(test, stress_join(s));
	/*
	 * A receiver that was told of the end may have missed what was put back
	 * later.
	 */
	if (s->put_back) {
		void *buf = kunit_kzalloc(test,
					  STRESS_BATCH * s->ch->elem_size,
					  GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, buf);
		while (kt_try_recv(s->ch, buf, s->ch->elem_size) > 0)
			stress_received(drain, buf);
	}
	for (i = 0; i < STRESS_TASKS; i++) {
		struct stress_task *t = &s->tasks[i];

		if (t->wrong)
			KUNIT_FAIL(test, "task %u: %s: %ld", i, t->wrong,
				   t->detail);
		if (i < STRESS_SENDERS) {
			sent += t->moved;
			/*
			 * Of each sender, the elements from the first one on were
			 * received, as many as it sent, and no more.
			 */
			KUNIT_EXPECT_EQ(test, t->moved,
					find_first_zero_bit(s->received[i],
							    s->count));
			KUNIT_EXPECT_EQ(test, t->moved,
					bitmap_weight(s->received[i],
						      s->count));
		} else {
			received += t->moved;
		}
	}
	KUNIT_EXPECT_EQ(test, sent, received);
	KUNIT_EXPECT_EQ(test, kt_len(s->ch), 0);
	kt_check(test, s->ch);
}

struct stress_param {
	u32 size;
	u32 capacity;
};

static const struct stress_param stress_params[] = {
	{ 8, 0 }, { 8, 1 }, { 8, 16 },
	{ 128, 0 }, { 128, 1 }, { 128, 16 },
	{ 200, 0 }, { 200, 1 }, { 200, 16 },
	{ PAGE_SIZE + 8, 0 }, { PAGE_SIZE + 8, 1 }, { PAGE_SIZE + 8, 16 },
};

static void stress_desc(const struct stress_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes, capacity %u",
		 param->size, param->capacity);
}

KUNIT_ARRAY_PARAM(stress, stress_params, stress_desc);

static void stress_run(struct kunit *test, bool map, bool put_back, bool resize,
		       bool half)
{
	const struct stress_param *param = test->param_value;
	struct kchan *ch = kt_chan(test, param->size, param->capacity);
	struct mapped *m = map ? kt_map(test, ch) : NULL;
	struct stress *s;
	unsigned int count = 600;

	/* In an instrumented kernel most of the time goes to allocations. */
	if (param->size > KCHAN_STACK_ELEM)
		count = 160;
	s = stress_start(test, ch, m, kt_scale(count), put_back);
	stress_disturb(test, s, resize, half);
	stress_check(test, s);
}

static void stress_crowd(struct kunit *test)
{
	stress_run(test, false, false, false, false);
}

static void stress_close(struct kunit *test)
{
	stress_run(test, false, false, false, true);
}

static void stress_resize(struct kunit *test)
{
	stress_run(test, false, false, true, true);
}

static void stress_put_back(struct kunit *test)
{
	stress_run(test, false, true, true, true);
}

static const struct stress_param mapped_params[] = {
	{ 8, 1 }, { 8, 3 }, { 200, 1 }, { 200, 16 },
};

KUNIT_ARRAY_PARAM(mapped, mapped_params, stress_desc);

static void stress_mapped(struct kunit *test)
{
	stress_run(test, true, false, false, false);
}

static void stress_mapped_close(struct kunit *test)
{
	stress_run(test, true, false, false, true);
}

static void stress_mapped_put_back(struct kunit *test)
{
	stress_run(test, true, true, false, true);
}

static void stress_mapped_resize(struct kunit *test)
{
	stress_run(test, true, true, true, true);
}

static struct kunit_case stress_cases[] = {
	KUNIT_CASE_PARAM(stress_crowd, stress_gen_params),
	KUNIT_CASE_PARAM(stress_close, stress_gen_params),
	KUNIT_CASE_PARAM(stress_resize, stress_gen_params),
	KUNIT_CASE_PARAM(stress_put_back, stress_gen_params),
	KUNIT_CASE_PARAM(stress_mapped, mapped_gen_params),
	KUNIT_CASE_PARAM(stress_mapped_close, mapped_gen_params),
	KUNIT_CASE_PARAM(stress_mapped_put_back, mapped_gen_params),
	KUNIT_CASE_PARAM(stress_mapped_resize, mapped_gen_params),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "kchan_stress",
	.test_cases = stress_cases,
};

kunit_test_suite(stress_suite);
