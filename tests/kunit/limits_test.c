// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: who is charged, for what, and who may pass them.
 */
#include <kunit/test.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "harness.h"
#include "limits.h"
#include "ring.h"

/*
 * Somebody whose channels are none of the machine's: credentials like ours, but
 * for the user that they count for, and without CAP_SYS_RESOURCE. That user, of
 * the initial namespace, has made a namespace, and is inside it.
 */
struct limits_user {
	struct user_namespace ns;
	struct ucounts outer;
	struct ucounts inner;
	struct ucounts *ours;
	struct cred *cred;
	const struct cred *old;
};

static void limits_free_user(void *arg)
{
	struct limits_user *u = arg;

	u->cred->ucounts = u->ours;
	put_cred(u->cred);
	kfree(u);
}

static struct limits_user *limits_user(struct kunit *test, uid_t uid)
{
	struct limits_user *u = kzalloc(sizeof(*u), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, u);
	u->cred = prepare_creds();
	if (!u->cred)
		kfree(u);
	KUNIT_ASSERT_NOT_NULL(test, u->cred);
	cap_lower(u->cred->cap_effective, CAP_SYS_RESOURCE);
	u->outer.ns = &init_user_ns;
	u->outer.uid = KUIDT_INIT(uid);
	u->ns.ucounts = &u->outer;
	u->inner.ns = &u->ns;
	u->inner.uid = KUIDT_INIT(0);
	u->ours = u->cred->ucounts;
	u->cred->ucounts = &u->outer;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, limits_free_user, u));
	return u;
}

/* Nothing may fail the test between these two: they are few lines apart. */
static void limits_become(struct limits_user *u)
{
	u->old = override_creds(u->cred);
}

static void limits_return(struct limits_user *u)
{
	revert_creds(u->old);
}

static struct kchan *limits_alloc(struct limits_user *u)
{
	struct kchan *ch;

	limits_become(u);
	ch = kchan_alloc();
	limits_return(u);
	return ch;
}

static int limits_setup(struct limits_user *u, struct kchan *ch, u32 elem_size,
			u32 capacity)
{
	int ret;

	limits_become(u);
	ret = kchan_setup(ch, elem_size, capacity, false);
	limits_return(u);
	return ret;
}

static int limits_resize(struct limits_user *u, struct kchan *ch, u32 capacity)
{
	int ret;

	limits_become(u);
	ret = kchan_resize(ch, capacity);
	limits_return(u);
	return ret;
}

static int limits_use(struct limits_user *u, struct kchan *ch)
{
	int ret;

	limits_become(u);
	ret = kchan_use(ch);
	limits_return(u);
	return ret;
}

/* Expects that a user with a limit of so many bytes is charged so many. */
static void limits_expect_charged(struct kunit *test, struct limits_user *u,
				  struct kchan *ch, size_t limit, size_t bytes)
{
	int fits, over;

	limits_become(u);
	fits = kchan_user_charge(ch->user, limit - bytes);
	over = kchan_user_charge(ch->user, 1);
	if (!fits)
		kchan_user_uncharge(ch->user, limit - bytes);
	if (!over)
		kchan_user_uncharge(ch->user, 1);
	limits_return(u);
	KUNIT_EXPECT_EQ_MSG(test, fits, 0, "more is charged than %zu", bytes);
	KUNIT_EXPECT_EQ_MSG(test, over, -EDQUOT, "less is charged than %zu",
			    bytes);
}

static int limits_init(struct kunit *test)
{
	return kt_set_param("user_max_bytes", "10000") ?:
	       kt_set_param("user_max_channels", "3") ?:
	       kt_set_param("max_channel_bytes", "8000");
}

/* As in limits.c. */
static void limits_exit(struct kunit *test)
{
	kt_set_param("user_max_bytes", "67108864");
	kt_set_param("user_max_channels", "65536");
	kt_set_param("max_channel_bytes", "16777216");
	kt_set_param("default_elem_size", "4096");
	kt_set_param("default_capacity", "16");
}

static void limits_channels(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct limits_user *other = limits_user(test, 60002);
	struct kchan *ch[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		ch[i] = limits_alloc(u);
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(ch[i]));
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ch[3]), -EDQUOT);
	/* It is this user's limit, and the privileged have none. */
	ch[3] = limits_alloc(other);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch[3]));
	KUNIT_EXPECT_PTR_NE(test, ch[3]->user, ch[0]->user);
	kchan_put(ch[3]);
	cap_raise(u->cred->cap_effective, CAP_SYS_RESOURCE);
	ch[3] = limits_alloc(u);
	cap_lower(u->cred->cap_effective, CAP_SYS_RESOURCE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch[3]));
	kchan_put(ch[3]);

	/* One that goes makes room. */
	kchan_put(ch[0]);
	ch[0] = limits_alloc(u);
	KUNIT_EXPECT_FALSE(test, IS_ERR(ch[0]));
	/* And a limit of 0 is none. */
	KUNIT_EXPECT_EQ(test, kt_set_param("user_max_channels", "0"), 0);
	ch[3] = limits_alloc(u);
	KUNIT_EXPECT_FALSE(test, IS_ERR(ch[3]));
	for (i = 0; i < 4; i++)
		kchan_put(ch[i]);
}

/* A namespace is no way around: who made it is charged for what is inside. */
static void limits_namespace(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *outside = limits_alloc(u);
	struct kchan *inside;

	u->cred->ucounts = &u->inner;
	inside = limits_alloc(u);
	KUNIT_ASSERT_FALSE(test, IS_ERR(outside));
	KUNIT_ASSERT_FALSE(test, IS_ERR(inside));
	KUNIT_EXPECT_PTR_EQ(test, inside->user, outside->user);
	kchan_put(inside);
	kchan_put(outside);
}

static void limits_bytes(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *a = limits_alloc(u);
	struct kchan *b = limits_alloc(u);
	struct kchan_info info;

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	limits_expect_charged(test, u, a, 10000, 0);
	KUNIT_EXPECT_EQ(test, limits_setup(u, a, 100, 50), 0);
	/* 100 bytes take 104. */
	limits_expect_charged(test, u, a, 10000, 5200);
	KUNIT_EXPECT_EQ(test, limits_setup(u, b, 8, 600), 0);
	limits_expect_charged(test, u, a, 10000, 10000);
	KUNIT_EXPECT_EQ(test, limits_resize(u, b, 601), -EDQUOT);
	kt_info(b, &info);
	KUNIT_EXPECT_EQ(test, info.capacity, 600);
	limits_expect_charged(test, u, a, 10000, 10000);
	/* A rendezvous channel has no buffer. */
	KUNIT_EXPECT_EQ(test, limits_resize(u, b, 0), 0);
	limits_expect_charged(test, u, a, 10000, 5200);
	/* The user who opened it is charged, whoever resizes it. */
	KUNIT_EXPECT_EQ(test, kchan_resize(b, 10), 0);
	limits_expect_charged(test, u, a, 10000, 5280);
	kchan_put(b);
	limits_expect_charged(test, u, a, 10000, 5200);
	kchan_put(a);
}

/* The privileged pass the limit, and are charged all the same. */
static void limits_bytes_privileged(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *a = limits_alloc(u);
	struct kchan *b = limits_alloc(u);

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, kchan_setup(a, 8, 2000, false), 0);
	KUNIT_EXPECT_EQ(test, limits_setup(u, b, 8, 1), -EDQUOT);
	kchan_put(a);
	KUNIT_EXPECT_EQ(test, limits_setup(u, b, 8, 1), 0);
	limits_expect_charged(test, u, b, 10000, 8);
	kchan_put(b);
}

/* Rings that live side by side after resizes are all charged, until freed. */
static void limits_many_rings(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *keep = limits_alloc(u);
	struct kchan *ch = limits_alloc(u);
	u64 n;

	KUNIT_ASSERT_FALSE(test, IS_ERR(keep));
	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
	kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, limits_setup(u, ch, 8, 10), 0);
	KUNIT_EXPECT_EQ(test, limits_use(u, ch), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 0), 0);
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 20), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 30), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	limits_expect_charged(test, u, keep, 10000, 480);
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 2), -EBUSY);
	limits_expect_charged(test, u, keep, 10000, 480);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 0);
	limits_expect_charged(test, u, keep, 10000, 400);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	limits_expect_charged(test, u, keep, 10000, 240);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	limits_expect_charged(test, u, keep, 10000, 240);
	for (n = 0; n < 5; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	kchan_put(ch);
	limits_expect_charged(test, u, keep, 10000, 0);
	kchan_put(keep);
}

static ssize_t limits_send(struct limits_user *u, struct kt_call *call)
{
	ssize_t ret;

	limits_become(u);
	ret = kt_try_send(call->ch, call->buf, call->len);
	limits_return(u);
	return ret;
}

/*
 * Elements over a page are charged one by one, from when they are in kernel
 * memory until they are received; and what they may come to is held against the
 * limit of a channel.
 */
static void limits_by_pointer(struct kunit *test)
{
	const u32 size = PAGE_SIZE + 8;
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *ch = limits_alloc(u);
	struct kchan *filler = limits_alloc(u);
	struct kt_call *call;
	struct kchan_elem *elem;

	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
	KUNIT_ASSERT_FALSE(test, IS_ERR(filler));
	kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, limits_setup(u, filler, 8, 600), 0);
	KUNIT_EXPECT_EQ(test, limits_setup(u, ch, size, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, limits_setup(u, ch, size, 1), 0);
	KUNIT_EXPECT_EQ(test, limits_use(u, ch), 0);
	limits_expect_charged(test, u, ch, 10000, 4808);

	call = kt_call(test, ch, true, size);
	KUNIT_EXPECT_EQ(test, limits_send(u, call), size);
	limits_expect_charged(test, u, ch, 10000, 4808 + size);
	/* Not even to find out that there is no room for it. */
	KUNIT_EXPECT_EQ(test, limits_send(u, call), -EDQUOT);
	limits_expect_charged(test, u, ch, 10000, 4808 + size);
	elem = kt_detach(test, ch);
	limits_expect_charged(test, u, ch, 10000, 4808 + size);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, call->buf, size), size);
	limits_expect_charged(test, u, ch, 10000, 4808);
	/* One that finds no room is charged no longer than it looks. */
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, limits_send(u, call), -EAGAIN);
	limits_expect_charged(test, u, ch, 10000, 4800);
	/* Nor one that goes down with its channel. */
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 1), 0);
	KUNIT_EXPECT_EQ(test, limits_send(u, call), size);
	kchan_put(ch);
	limits_expect_charged(test, u, filler, 10000, 4800);
	kchan_put(filler);
}

static void limits_channel_bytes(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *ch = limits_alloc(u);

	KUNIT_ASSERT_FALSE(test, IS_ERR(ch));
	KUNIT_EXPECT_EQ(test, limits_setup(u, ch, 8, 1001), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			limits_setup(u, ch, KCHAN_MAX_ELEM_SIZE,
				     KCHAN_MAX_CAPACITY), -EINVAL);
	KUNIT_EXPECT_EQ(test, limits_setup(u, ch, 8, 1), 0);
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 1001), -EINVAL);
	KUNIT_EXPECT_EQ(test, limits_resize(u, ch, 1000), 0);
	limits_expect_charged(test, u, ch, 10000, 8000);
	/* The privileged may have more, up to the maxima. */
	KUNIT_EXPECT_EQ(test, kchan_setup(ch, 8, 1001, false), 0);
	KUNIT_EXPECT_EQ(test,
			kchan_setup(ch, 8, KCHAN_MAX_CAPACITY + 1, false),
			-EINVAL);
	kchan_put(ch);
}

/* First use allocates, so it may fail; and a later one may not. */
static void limits_first_use(struct kunit *test)
{
	struct limits_user *u = limits_user(test, 60001);
	struct kchan *a = limits_alloc(u);
	struct kchan *b;

	/* Whoever may pass the limit fills it for the user. */
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, kchan_setup(a, 8, 1250, false), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_elem_size", "8"), 0);
	KUNIT_EXPECT_EQ(test, kt_set_param("default_capacity", "1"), 0);
	b = limits_alloc(u);
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_EQ(test, limits_use(u, b), -EDQUOT);
	KUNIT_EXPECT_FALSE(test, b->ready);
	limits_expect_charged(test, u, a, 10000, 10000);
	kchan_put(a);
	KUNIT_EXPECT_EQ(test, limits_use(u, b), 0);
	limits_expect_charged(test, u, b, 10000, 16);
	kchan_put(b);
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

	/* What no setup could ask for is no default. */
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

static struct kunit_case limits_cases[] = {
	KUNIT_CASE(limits_channels),
	KUNIT_CASE(limits_namespace),
	KUNIT_CASE(limits_bytes),
	KUNIT_CASE(limits_bytes_privileged),
	KUNIT_CASE(limits_many_rings),
	KUNIT_CASE(limits_by_pointer),
	KUNIT_CASE(limits_channel_bytes),
	KUNIT_CASE(limits_first_use),
	KUNIT_CASE(limits_defaults),
	{}
};

static struct kunit_suite limits_suite = {
	.name = "kchan_limits",
	.init = limits_init,
	.exit = limits_exit,
	.test_cases = limits_cases,
};

kunit_test_suite(limits_suite);
