// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that need not wait: which cases are ready, which one commits, and that
 * nothing else has moved. For selects that wait see select_wait_test.c.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory.h"
#include "selects.h"

static const u32 select_sizes[] = KT_SIZES;

static void select_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(select_size, select_sizes, select_size_desc);

/* Nothing is ready. Then one case after the other is the only ready one. */
static void select_the_ready_one(struct kunit *test)
{
	struct kchan *full = kt_chan(test, 8, 1), *ch[5];
	struct kt_select *s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ch); i++)
		ch[i] = kt_chan(test, 8, 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(full, 50), 0);
	s = kt_select(test);
	/* The cases are not in the order of the channels. */
	kt_add_recv_n(s, ch[3]);
	kt_add_recv_n(s, ch[0]);
	kt_add_send_n(s, full, 51);
	kt_add_recv_n(s, ch[4]);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch[4], 1), 0);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 3);
	KUNIT_EXPECT_EQ(test, s->call.status, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 3), 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch[0], 2), 0);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(full), 50);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 2);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(full), 51);
	/* The same with a parked counterpart. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch[3], 0), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(full, 0), 0);
	kt_park_send_n(test, ch[3], 3);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 0), 3);
	for (i = 0; i < ARRAY_SIZE(ch); i++)
		kt_check(test, ch[i]);
	kt_check(test, full);
}

/* Four cases that are ready, each in a different way. */
struct select_four {
	u32 size;
	unsigned long from;
	unsigned long to;
	struct kchan *ch[4];
	struct kt_call *send;
	struct kt_call *recv;
	struct kt_select *s;
};

static void select_park_sender(struct kunit *test, struct select_four *f)
{
	f->send = kt_call(test, f->ch[2], true, f->size);
	kt_fill(f->send->buf, f->size, 8);
	kt_park(f->send);
}

static void select_park_receiver(struct kunit *test, struct select_four *f)
{
	f->recv = kt_call(test, f->ch[3], false, f->size);
	kt_park(f->recv);
}

static void select_make_four(struct kunit *test, struct select_four *f)
{
	unsigned int i;

	f->from = kt_user_filled(test, f->size, 7);
	f->to = kt_user_pages(test, 2);
	for (i = 0; i < 4; i++)
		f->ch[i] = kt_chan(test, f->size, i < 2 ? 2 : 0);
	f->s = kt_select(test);
	/* A stored element, room, a sender that waits and a receiver that waits. */
	kt_add(f->s, f->ch[0], false, f->to, f->size);
	kt_add(f->s, f->ch[1], true, f->from, f->size);
	kt_add(f->s, f->ch[2], false, f->to, f->size);
	kt_add(f->s, f->ch[3], true, f->from, f->size);
	select_park_sender(test, f);
	select_park_receiver(test, f);
	KUNIT_EXPECT_EQ(test, kt_try_send(f->ch[0], f->send->buf, f->size),
			f->size);
}

/*
 * Case @at has committed, and no other one. Check this, and make the case ready
 * again.
 */
static void select_one_of_four(struct kunit *test, struct select_four *f, int at)
{
	void *buf = f->recv->buf;

	KUNIT_EXPECT_EQ(test, kt_len(f->ch[0]), at != 0);
	KUNIT_EXPECT_EQ(test, kt_len(f->ch[1]), at == 1);
	KUNIT_EXPECT_EQ(test, f->ch[2]->senders.len, at != 2);
	KUNIT_EXPECT_EQ(test, f->ch[3]->receivers.len, at != 3);
	if (at % 2 == 0)
		KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, f->to, f->size,
							  8));
	KUNIT_EXPECT_EQ(test, clear_user((void __user *)f->to, f->size), 0);

	switch (at) {
	case 0:
		KUNIT_EXPECT_EQ(test,
				kt_try_send(f->ch[0], f->send->buf, f->size),
				f->size);
		break;
	case 1:
		KUNIT_EXPECT_EQ(test, kt_try_recv(f->ch[1], buf, f->size),
				f->size);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf, f->size, 7));
		break;
	case 2:
		KUNIT_EXPECT_EQ(test, kt_join(f->send), f->size);
		select_park_sender(test, f);
		break;
	case 3:
		KUNIT_EXPECT_EQ(test, kt_join(f->recv), f->size);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf, f->size, 7));
		select_park_receiver(test, f);
		break;
	}
}

/*
 * All cases are ready, each in another way: one moves its element, and the others do
 * not.
 */
static void select_exactly_one(struct kunit *test)
{
	struct select_four f = { .size = *(const u32 *)test->param_value };
	unsigned int met = 0, rounds;

	select_make_four(test, &f);
	/*
	 * Repeat until each case was chosen once. It is very unlikely that one never
	 * is.
	 */
	for (rounds = 0; met != 0xf && rounds < 1000; rounds++) {
		int at = kt_select_now(f.s);

		KUNIT_ASSERT_GE(test, at, 0);
		KUNIT_ASSERT_EQ(test, f.s->call.status, 0);
		met |= 1 << at;
		select_one_of_four(test, &f, at);
	}
	KUNIT_EXPECT_EQ(test, met, 0xf);
}

/* Trap: one channel in several cases. It is locked once, and one case moves. */
static void select_one_channel_twice(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kt_select *s = kt_select(test);
	u64 n;
	int at;

	kt_add_recv_n(s, ch);
	kt_add_recv_n(s, ch);
	kt_add_recv_n(s, ch);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	for (n = 0; n < 3; n++) {
		at = kt_select_now(s);
		KUNIT_ASSERT_GE(test, at, 0);
		KUNIT_EXPECT_EQ(test, kt_case_n(s, at), n);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 2 - n);
	}
	/*
	 * One channel in both directions: either case may commit, and neither undoes
	 * the other.
	 */
	kt_add_send_n(s, ch, 9);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 3);
	at = kt_select_now(s);
	KUNIT_ASSERT_GE(test, at, 0);
	KUNIT_EXPECT_EQ(test, kt_len(ch), at == 3 ? 2 : 0);
	kt_check(test, ch);
}

/* Trap: a select meets itself, on one rendezvous channel. */
static void select_not_itself(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 0);
	struct kt_select *s = kt_select(test);

	kt_add_send_n(s, ch, 1);
	kt_add_recv_n(s, ch);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
}

/*
 * A case that is never ready does not disturb the others. If all cases are like this,
 * none is ready.
 */
static void select_nil(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kt_select *s = kt_select(test);

	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_add_nil(s, true);
	kt_add_nil(s, false);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	kt_add_recv_n(s, ch);
	kt_add_nil(s, false);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), 0);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 2);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 2), 4);
	kt_check(test, ch);
}

/*
 * A closed channel is ready: a receive drains it first, then is told; a send is told
 * at once.
 */
static void select_closed(struct kunit *test)
{
	struct kchan *open = kt_chan(test, 8, 1), *ch = kt_chan(test, 8, 1);
	struct kchan *deaf = kt_chan(test, 8, 4);
	struct kt_select *s = kt_select(test);
	struct kt_select *send = kt_select(test);
	struct kt_select *unheard = kt_select(test);

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kt_add_recv_n(s, open);
	kt_add_recv_n(s, ch);
	/* Trap: "closed" is looked at after "empty". */
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, s->call.status, 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, 1), 3);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, s->call.status, EPIPE);

	kt_add_recv_n(send, open);
	kt_add_send_n(send, ch, 5);
	KUNIT_EXPECT_EQ(test, kt_select_now(send), 1);
	KUNIT_EXPECT_EQ(test, send->call.status, EPIPE);

	/* For a send, a channel without receive ends is as good as closed. */
	kchan_end_put(deaf, FMODE_READ);
	kt_add_recv_n(unheard, open);
	kt_add_send_n(unheard, deaf, 5);
	KUNIT_EXPECT_EQ(test, kt_select_now(unheard), 1);
	KUNIT_EXPECT_EQ(test, unheard->call.status, EPIPE);
	KUNIT_EXPECT_EQ(test, kt_len(deaf), 0);
	kt_check(test, open);
	kt_check(test, ch);
	kt_check(test, deaf);
	kchan_end_get(deaf, FMODE_READ);
}

/* A message that is too long commits the case that has no room for it. */
static void select_too_long(struct kunit *test)
{
	static const u32 sizes[] = { 100, 200, PAGE_SIZE + 8 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i];
		struct kchan *ch = kt_message_chan(test, size, i % 2);
		struct kchan *other = kt_message_chan(test, size, 1);
		unsigned long to = kt_user_pages(test, 2);
		struct kt_call *send = kt_call(test, ch, true, 60);
		struct kt_select *s = kt_select(test);

		kt_fill(send->buf, 60, i);
		kt_start(send);
		if (i % 2)
			KUNIT_EXPECT_EQ(test, kt_join(send), 60);
		else
			kt_wait_parked(test, ch, 1, 0);
		kt_add(s, other, false, to, 59);
		kt_add(s, ch, false, to, 59);
		KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
		KUNIT_EXPECT_EQ(test, s->call.status, EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
		KUNIT_EXPECT_EQ(test, s->call.status, EMSGSIZE);
		s->branches[1].len = 60;
		KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
		KUNIT_EXPECT_EQ(test, s->call.status, 0);
		KUNIT_EXPECT_EQ(test, s->branches[1].got, 60);
		KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, to, 60, i));
		KUNIT_EXPECT_EQ(test, kt_join(send), 60);
		kt_check(test, ch);
	}
}

/* Memory that was never touched is made present, if its case commits. */
static void select_first_touch(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	struct kchan *a = kt_chan(test, size, 1), *b = kt_chan(test, size, 1);
	unsigned long to = kt_user_pages(test, 2);
	unsigned long from = kt_user_pages(test, 2);
	struct kt_call *buf = kt_call(test, a, true, size);
	struct kt_select *s = kt_select(test);

	kt_fill(buf->buf, size, 3);
	KUNIT_EXPECT_EQ(test, kt_try_send(a, buf->buf, size), size);
	kt_add(s, b, false, to, size);
	kt_add(s, a, false, to, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, to, size, 3));

	s = kt_select(test);
	kt_add(s, a, false, to, size);
	kt_add(s, b, true, from, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, kt_try_recv(b, buf->buf, size), size);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf->buf, 0, size));
	kt_check(test, a);
	kt_check(test, b);
}

/*
 * Bad memory fails the call if its case is chosen, and nothing has moved. The memory
 * of the other cases is not accessed.
 */
static void select_bad_memory(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *a = kt_chan(test, size, 1), *b = kt_chan(test, size, 1);
	unsigned long good = kt_user_filled(test, size, 4);
	struct kt_call *buf = kt_call(test, a, true, size);
	struct kt_select *s = kt_select(test);

	kt_fill(buf->buf, size, 5);
	KUNIT_EXPECT_EQ(test, kt_try_send(b, buf->buf, size), size);
	kt_add(s, a, false, good, size);
	kt_add(s, b, false, end - 4, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EFAULT);
	KUNIT_EXPECT_EQ(test, kt_len(b), 1);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EFAULT);
	KUNIT_EXPECT_EQ(test, kt_try_recv(b, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 5));
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_try_send(a, buf->buf, size), size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 0);

	s = kt_select(test);
	kt_add(s, a, false, good, size);
	kt_add(s, b, true, end - 4, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EFAULT);
	KUNIT_EXPECT_EQ(test, kt_len(b), 0);
	kt_check(test, a);
	kt_check(test, b);
}

/*
 * A receive from a sender that waits: the sender goes on waiting. But a sender of an
 * element over a page was claimed. It has sent the element, and the element is put
 * back.
 */
static void select_bad_memory_from_sender(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	unsigned long good = kt_user_pages(test, 2);
	struct kchan *a = kt_chan(test, size, 0), *b = kt_chan(test, size, 0);
	struct kt_call *send = kt_call(test, b, true, size);
	struct kt_select *s = kt_select(test);

	kt_fill(send->buf, size, 8);
	kt_park(send);
	kt_add(s, a, false, good, size);
	kt_add(s, b, false, end - 4, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EFAULT);
	if (size > PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, kt_join(send), size);
	else
		KUNIT_EXPECT_FALSE(test, kt_returned(send));
	KUNIT_EXPECT_EQ(test, kt_len(b), size > PAGE_SIZE);
	s->branches[1].addr = (void __user *)good;
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, s->call.status, 0);
	KUNIT_EXPECT_TRUE(test, kt_user_is_filled(test, good, size, 8));
	KUNIT_EXPECT_EQ(test, kt_join(send), size);
	kt_check(test, b);
}

/* A send to a receiver that waits: the receiver goes on waiting. */
static void select_bad_memory_to_receiver(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *a = kt_chan(test, size, 0), *b = kt_chan(test, size, 0);
	struct kt_call *recv = kt_park_recv(test, b, size);
	struct kt_select *s = kt_select(test);

	kt_add(s, a, false, end - 4, size);
	kt_add(s, b, true, end - 4, size);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EFAULT);
	KUNIT_EXPECT_FALSE(test, kt_returned(recv));
	KUNIT_EXPECT_EQ(test, b->receivers.len, 1);
	s->branches[1].addr = (void __user *)kt_user_filled(test, size, 2);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), 1);
	KUNIT_EXPECT_EQ(test, kt_join(recv), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(recv->buf, size, 2));
	kt_check(test, b);
}

/* 64 different channels in one select, in any order of ids. */
static void select_sixty_four(struct kunit *test)
{
	struct kchan *ch[KCHAN_MAX_CASES];
	struct kt_select *s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ch); i++)
		ch[i] = kt_chan(test, 8, i % 3);
	s = kt_select(test);
	for (i = 0; i < ARRAY_SIZE(ch); i++)
		kt_add_recv_n(s, ch[i * 37 % ARRAY_SIZE(ch)]);
	KUNIT_EXPECT_EQ(test, kt_select_now(s), -EAGAIN);
	for (i = 0; i < ARRAY_SIZE(ch); i += 7) {
		struct kchan *at = ch[i * 37 % ARRAY_SIZE(ch)];

		if (at->capacity)
			KUNIT_EXPECT_EQ(test, kt_send_n(at, i), 0);
		else
			kt_park_send_n(test, at, i);
		KUNIT_EXPECT_EQ(test, kt_select_now(s), i);
		KUNIT_EXPECT_EQ(test, kt_case_n(s, i), i);
	}
	/* To wait, it takes all locks, in the order of ids. */
	kt_select_park(s);
	KUNIT_EXPECT_EQ(test, s->call.nr_locks, ARRAY_SIZE(ch));
	for (i = 1; i < ARRAY_SIZE(ch); i++)
		KUNIT_EXPECT_LT(test, s->locks[i - 1]->id, s->locks[i]->id);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch[5], 55), 0);
	KUNIT_EXPECT_EQ(test, kt_case_n(s, kt_select_join(s)), 55);
	for (i = 0; i < ARRAY_SIZE(ch); i++)
		kt_check(test, ch[i]);
}

static struct kunit_case select_cases[] = {
	KUNIT_CASE(select_the_ready_one),
	KUNIT_CASE_PARAM(select_exactly_one, select_size_gen_params),
	KUNIT_CASE(select_one_channel_twice),
	KUNIT_CASE(select_not_itself),
	KUNIT_CASE(select_nil),
	KUNIT_CASE(select_closed),
	KUNIT_CASE(select_too_long),
	KUNIT_CASE_PARAM(select_first_touch, select_size_gen_params),
	KUNIT_CASE_PARAM(select_bad_memory, select_size_gen_params),
	KUNIT_CASE_PARAM(select_bad_memory_from_sender, select_size_gen_params),
	KUNIT_CASE_PARAM(select_bad_memory_to_receiver, select_size_gen_params),
	KUNIT_CASE(select_sixty_four),
	{}
};

static struct kunit_suite select_suite = {
	.name = "kchan_select",
	.test_cases = select_cases,
};

kunit_test_suite(select_suite);
