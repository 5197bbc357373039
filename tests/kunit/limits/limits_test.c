// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: who is charged, for what, and who may pass them. For the levels of
 * namespaces see levels_test.c, for elements that are paid in advance
 * ring/prepaid_test.c.
 */
#include <kunit/test.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "arms.h"
#include "frees.h"
#include "limits.h"
#include "parties.h"
#include "ring.h"
#include "users.h"

static void limits_channels(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kt_user *other = kt_user(test, NULL, 60002);
	struct kchan *ch[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		ch[i] = kt_user_alloc(u);
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(ch[i]));
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ch[3]), -EDQUOT);
	/* The limit is this user's alone, and the privileged have none. */
	ch[3] = kt_user_alloc(other);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch[3]));
	KUNIT_EXPECT_PTR_NE(test, ch[3]->user, ch[0]->user);
	kt_user_put(ch[3]);
	cap_raise(u->cred->cap_effective, CAP_SYS_RESOURCE);
	ch[3] = kt_user_alloc(u);
	cap_lower(u->cred->cap_effective, CAP_SYS_RESOURCE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch[3]));
	kt_user_put(ch[3]);

	/* When a channel goes, there is room for another one. */
	kt_user_put(ch[0]);
	ch[0] = kt_user_alloc(u);
	KUNIT_EXPECT_FALSE(test, IS_ERR(ch[0]));
	/* A limit of 0 means no limit. */
	KUNIT_EXPECT_EQ(test, kt_set_param("user_max_channels", "0"), 0);
	ch[3] = kt_user_alloc(u);
	KUNIT_EXPECT_FALSE(test, IS_ERR(ch[3]));
	for (i = 0; i < 4; i++)
		kt_user_put(ch[i]);
}

static void limits_bytes(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *a = kt_user_alloc(u), *b = kt_user_alloc(u);
	struct kchan_info info;

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	kt_expect_charged(u, 0);
	/* 100 bytes take 104. */
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, a, 100, 500), 0);
	kt_expect_charged(u, kt_ring_charge(52000));
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, b, 8, 5000), 0);
	kt_expect_charged(u, kt_ring_charge(52000) + kt_ring_charge(40000));
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, b, 7000), -EDQUOT);
	kt_info(b, &info);
	KUNIT_EXPECT_EQ(test, info.capacity, 5000);
	kt_expect_charged(u, kt_ring_charge(52000) + kt_ring_charge(40000));
	/* A rendezvous channel has no buffer. */
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, b, 0), 0);
	kt_expect_charged(u, kt_ring_charge(52000));
	/* The user who opened it is charged, whoever resizes it. */
	KUNIT_EXPECT_EQ(test, kchan_resize(b, 10), 0);
	kt_expect_charged(u, kt_ring_charge(52000) + kt_ring_charge(80));
	kt_user_put(b);
	kt_expect_charged(u, kt_ring_charge(52000));
	kt_user_put(a);
	kt_expect_charged(u, 0);
}

/* The privileged may exceed the limit, and are charged even so. */
static void limits_bytes_privileged(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *a = kt_user_alloc(u), *b = kt_user_alloc(u);

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, kchan_setup(a, 8, 20000, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_charged(u), SIZE_MAX);
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, b, 8, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, kt_charged(u), SIZE_MAX);
	kt_user_put(a);
	kt_expect_charged(u, 0);
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, b, 8, 1), 0);
	kt_expect_charged(u, kt_ring_charge(8));
	kt_user_put(b);
	kt_expect_charged(u, 0);
}

/*
 * Rings that are kept beside each other after resizes are all charged, until they are
 * freed.
 */
static void limits_many_rings(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, 8, 10);
	const size_t a = kt_ring_charge(80), b = kt_ring_charge(160);
	const size_t c = kt_ring_charge(240);
	u64 n;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 20), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 30), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	kt_expect_charged(u, a + b + c);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 2), -EBUSY);
	kt_expect_charged(u, a + b + c);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
	kt_expect_charged(u, b + c);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_expect_charged(u, c);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	kt_expect_charged(u, c);
	for (n = 0; n < 5; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/*
 * The older rings of a channel count for its limit as long as they hold elements. At
 * most 64 rings may hold elements.
 */
static void limits_older_rings(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, 8, 6000);
	u64 n;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 5000), -EBUSY);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 4000), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
	/* Without elements the older ring is gone, and no longer counts. */
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 8000), 0);
	kt_user_put(ch);

	ch = kt_user_chan(u, 8, 1);
	for (n = 1; n <= 64; n++) {
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
		KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, n + 1),
				n < 64 ? 0 : -EBUSY);
	}
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 70), 0);
	for (n = 2; n <= 64; n++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

static void limits_channel_bytes(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_alloc(u);

	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, ch, 8, 10001), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			kt_user_setup(u, ch, KCHAN_MAX_ELEM_SIZE,
				      KCHAN_MAX_CAPACITY), -EINVAL);
	/* A rendezvous channel counts with one element. */
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, ch, 90000, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, ch, 60000, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_user_setup(u, ch, 8, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 10001), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_user_resize(u, ch, 10000), 0);
	kt_expect_charged(u, kt_ring_charge(80000));
	/* The privileged may exceed the limit, up to the maxima. */
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 10001, 0), 0);
	KUNIT_EXPECT_EQ(test,
			kchan_setup(ch, 8, KCHAN_MAX_CAPACITY + 1, 0),
			-EINVAL);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/* The first use allocates, so it may fail. A later one may succeed. */
static void limits_first_use(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *a = kt_user_alloc(u), *b;

	/* A task that may exceed the limit uses it up for the user. */
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, kchan_setup(a, 8, 12600, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_elem_size", "8"), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "1"), 0);
	b = kt_user_alloc(u);
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, kt_user_use(u, b), -EDQUOT);
	KUNIT_EXPECT_FALSE(test, b->ready);
	KUNIT_EXPECT_EQ(test, kt_charged(u), SIZE_MAX);
	kt_user_put(a);
	KUNIT_EXPECT_EQ(test, kt_user_use(u, b), 0);
	kt_expect_charged(u, kt_ring_charge(8));
	kt_user_put(b);
	kt_expect_charged(u, 0);
}

/*
 * What a call that waits stages is charged to the caller, from before it waits until
 * it has returned. Up to 128 bytes are on its stack, and are not charged.
 */
static void limits_staging(struct kunit *test)
{
	static const u32 sizes[] = { 128, 129, 4096 };
	unsigned int i, send;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2];
		struct kt_user *u = kt_user(test, NULL, 60001);
		struct kchan *ch = kt_chan(test, size, 0);
		struct kt_party *p = kt_party(test);

		send = i % 2;
		kt_become(u);
		kt_party_add(p, ch, send, size, 1);
		kt_return(u);
		kt_party_park(p);
		kt_expect_charged(u, size > 128 ? kt_elem_charge(size) : 0);
		KUNIT_EXPECT_TRUE(test, kt_party_give_up(p));
		kt_party_end(p);
		kt_expect_charged(u, 0);
	}
}

/* Uses up the quota of a user. */
static struct kchan *limits_full(struct kt_user *u)
{
	struct kchan *full = kt_user_alloc(u);

	KUNIT_ASSERT_FALSE(u->test, IS_ERR(full));
	/* We pass the limit, and the user is charged. */
	KUNIT_ASSERT_EQ(u->test, kchan_setup(full, 8, 12600, 0), 0);
	return full;
}

/* What a small element takes that comes back. */
#define LIMITS_KEPT	256

/*
 * A small element that comes back is paid for before the receive waits, by the user who
 * opened the channel. The copy takes over that charge.
 */
static void limits_keep(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, 8, 0), *full;
	struct kchan_stack_elem small = {};
	struct kchan_elem *elem;

	small.elem.len = 8;
	small.elem.seq = 5;
	small.elem.data = small.room;
	*(u64 *)small.room = 77;
	KUNIT_EXPECT_EQ(test, kchan_elem_pay_kept(ch, &small.elem), 0);
	kt_expect_charged(u, LIMITS_KEPT);
	elem = kchan_elem_keep(ch, &small.elem);
	kt_expect_charged(u, LIMITS_KEPT);
	KUNIT_EXPECT_LE(test, ksize(elem), LIMITS_KEPT);
	KUNIT_EXPECT_EQ(test, kt_elem_n(elem), 77);
	KUNIT_EXPECT_EQ(test, elem->len, 8);
	KUNIT_EXPECT_EQ(test, elem->seq, 5);
	kchan_elem_free(ch, elem);
	kt_expect_charged(u, 0);

	KUNIT_EXPECT_EQ(test, kchan_elem_pay_kept(ch, &small.elem), 0);
	kchan_elem_unpay_kept(ch, &small.elem);
	kt_expect_charged(u, 0);

	small.elem.charge.bytes = 0;
	full = limits_full(u);
	kt_become(u);
	KUNIT_EXPECT_EQ(test, kchan_elem_pay_kept(ch, &small.elem), -EDQUOT);
	kt_return(u);
	KUNIT_EXPECT_EQ(test, small.elem.charge.bytes, 0);
	kt_user_put(full);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

/*
 * So elements that come back never pass the limit, however many channels they come back
 * on: a receive that would have to wait past it is refused. What is there is received.
 */
static void limits_keep_refused(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	struct kchan *ch = kt_user_chan(u, 8, 0), *full;
	struct kvec vec = {};
	struct kchan_wait wait = {};
	ktime_t deadline = 1;
	struct kt_call *call;
	struct kchan_step step;
	struct iov_iter iter;
	u64 n;

	call = kt_park_recv_n(test, ch);
	kt_expect_charged(u, LIMITS_KEPT);
	KUNIT_EXPECT_EQ(test, kt_give(ch, 7, &step), 0);
	/* It has been handed the element, and is killed before it copies that out. */
	kt_signal(call, SIGKILL);
	kchan_finish(ch, &step);
	KUNIT_EXPECT_EQ(test, kt_join(call), -EINTR);
	call->ch = NULL;
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, 1);
	kt_expect_charged(u, LIMITS_KEPT);

	full = limits_full(u);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 7);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	vec.iov_base = &n;
	vec.iov_len = sizeof(n);
	wait.deadline = &deadline;
	kt_become(u);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(n));
	KUNIT_EXPECT_EQ(test, kchan_recv(ch, &iter, &wait), -EDQUOT);
	kt_return(u);
	kt_user_put(full);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(n));
	KUNIT_EXPECT_EQ(test, kchan_recv(ch, &iter, &wait), -ETIMEDOUT);
	kt_expect_charged(u, 0);
	kt_user_put(ch);
}

static void limits_defaults(struct kunit *test)
{
	struct kchan_info info;
	u32 elem_size, capacity;

	KUNIT_EXPECT_EQ(test, kt_set_param("default_elem_size", "100"), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "0"), 0);
	kt_info(kt_raw_chan(test), &info);
	KUNIT_EXPECT_EQ(test, info.elem_size, 100);
	KUNIT_EXPECT_EQ(test, info.capacity, 0);
	KUNIT_EXPECT_EQ(test, info.flags, KCHAN_INFO_MESSAGE);

	/* A value that setup does not accept is no valid default. */
	KUNIT_EXPECT_NE(test, kt_set_param("default_elem_size", "0"), 0);
	KUNIT_EXPECT_NE(test, kt_set_param("default_elem_size", "16777217"), 0);
	KUNIT_EXPECT_NE(test, kt_set_param("default_capacity", "1048577"), 0);
	KUNIT_EXPECT_NE(test, kt_set_param("default_capacity", "-1"), 0);
	kchan_default_geometry(&elem_size, &capacity);
	KUNIT_EXPECT_EQ(test, elem_size, 100);
	KUNIT_EXPECT_EQ(test, capacity, 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_elem_size", "16777216"), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "1048576"), 0);
}

/* The charge for a piece of memory is the size that it takes. */
static void limits_mem_size(struct kunit *test)
{
	static const size_t sizes[] = {
		1, 8, 9, 100, 4095, 4096, 4097, 8192, 8193, 12288, 12289, 16384,
		20000, 32768, 32769, 65536, 100000, 1 << 20,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t size = kchan_mem_size(sizes[i]);
		void *mem = kchan_mem_alloc(sizes[i]);
		size_t taken;

		KUNIT_ASSERT_NOT_NULL(test, mem);
		taken = is_vmalloc_addr(mem) ? PAGE_ALIGN(sizes[i]) : ksize(mem);
		KUNIT_EXPECT_GE(test, size, sizes[i]);
		KUNIT_EXPECT_EQ_MSG(test, size, taken, "for %zu bytes", sizes[i]);
		memset(mem, 0, sizes[i]);
		kvfree(mem);
	}
}

static size_t limits_charged(void *arg)
{
	return kt_charged(arg);
}

/*
 * Memory is freed before its charge ends, whatever it is. So a task that stands between
 * the two holds nothing that nobody pays for.
 */
static void limits_freed_first(struct kunit *test)
{
	struct kt_user *u = kt_user(test, NULL, 60001);
	/* It stays, so that the user does. */
	struct kchan *ch = kt_user_chan(u, 64, 1), *other;
	const size_t before = kt_charged(u);
	struct kt_frees *f = kt_frees(test, limits_charged, u);
	struct kchan_armed *armed;
	struct kchan_charge charge;
	struct kchan_elem *elem;
	void *mem;

	kt_become(u);
	mem = kchan_alloc_charged(200, &charge);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mem));
	kt_return(u);
	kt_frees_watch(f, mem);
	kchan_free_charged(mem, &charge);
	kt_frees_expect(f, before + kchan_mem_size(200));

	other = kt_user_chan(u, 64, 2);
	kt_frees_watch(f, kchan_newest(other)->slots);
	kt_user_put(other);
	kt_frees_expect(f, before + kt_ring_charge(128));
	other = kt_user_chan(u, 64, 2);
	kt_frees_watch(f, kchan_newest(other));
	kt_user_put(other);
	kt_frees_expect(f, before + kt_ring_charge(128));

	kt_become(u);
	elem = kchan_elem_alloc(ch, 200);
	KUNIT_ASSERT_FALSE(test, IS_ERR(elem));
	kt_return(u);
	kt_frees_watch(f, elem);
	kchan_elem_free(ch, elem);
	kt_frees_expect(f, before + kt_elem_charge(200));

	kt_become(u);
	armed = kt_armed(test);
	kt_return(u);
	kt_frees_watch(f, armed);
	kchan_armed_close(armed);
	kt_frees_expect(f, before + kchan_mem_size(sizeof(*armed)));

	kt_expect_charged(u, before);
	kt_user_put(ch);
	kt_expect_charged(u, 0);
}

static struct kunit_case limits_cases[] = {
	KUNIT_CASE(limits_channels),
	KUNIT_CASE(limits_bytes),
	KUNIT_CASE(limits_bytes_privileged),
	KUNIT_CASE(limits_many_rings),
	KUNIT_CASE(limits_older_rings),
	KUNIT_CASE(limits_channel_bytes),
	KUNIT_CASE(limits_first_use),
	KUNIT_CASE(limits_staging),
	KUNIT_CASE(limits_keep),
	KUNIT_CASE(limits_keep_refused),
	KUNIT_CASE(limits_defaults),
	KUNIT_CASE(limits_mem_size),
	KUNIT_CASE(limits_freed_first),
	{}
};

static struct kunit_suite limits_suite = {
	.name = "kchan_limits",
	.init = kt_limits_init,
	.exit = kt_limits_exit,
	.test_cases = limits_cases,
};

kunit_test_suite(limits_suite);
