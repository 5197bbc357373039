// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users at each level of namespaces: as themselves in their own namespace, and as
 * those who made a namespace in the parent one. The limits apply to each level
 * separately.
 */
#include <kunit/test.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "users.h"

static struct kchan_user *levels_get(struct kt_user *u)
{
	struct kchan_user *user;

	kt_become(u);
	user = kchan_user_get();
	kt_return(u);
	KUNIT_ASSERT_FALSE(u->test, IS_ERR(user));
	return user;
}

static int levels_charge(struct kt_user *u, struct kchan_user *user, size_t bytes)
{
	int ret;

	kt_become(u);
	ret = kchan_user_charge(user, bytes);
	kt_return(u);
	return ret;
}

static int levels_add_channel(struct kt_user *u, struct kchan_user *user)
{
	int ret;

	kt_become(u);
	ret = kchan_user_add_channel(user);
	kt_return(u);
	return ret;
}

/*
 * A user is the same object as long as somebody holds it. Its namespace and uid
 * identify it.
 */
static void levels_identity(struct kunit *test)
{
	struct kt_user *a = kt_user(test, NULL, 60001);
	struct kt_user *b = kt_user(test, NULL, 60002);
	struct kt_user *in_a = kt_user(test, a, 60001);
	struct kt_user *in_b = kt_user(test, b, 60001);
	struct kt_user *also_in_a = kt_user(test, a, 60002);
	struct kchan_user *users[6];
	unsigned int i, k;

	users[0] = levels_get(a);
	users[1] = levels_get(b);
	users[2] = levels_get(in_a);
	users[3] = levels_get(in_b);
	users[4] = levels_get(also_in_a);
	for (i = 0; i < 5; i++)
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_PTR_NE(test, users[i], users[k]);
	users[5] = levels_get(in_a);
	KUNIT_EXPECT_PTR_EQ(test, users[5], users[2]);
	KUNIT_EXPECT_TRUE(test, uid_eq(kchan_user_uid(users[4]), KUIDT_INIT(60002)));
	for (i = 0; i < 6; i++)
		kchan_user_put(users[i]);
}

/* What is charged to a user is charged at each level above, and at no other level. */
static void levels_charged(struct kunit *test)
{
	struct kt_user *outer = kt_user(test, NULL, 60001);
	struct kt_user *middle = kt_user(test, outer, 60002);
	struct kt_user *inner = kt_user(test, middle, 60003);
	struct kt_user *beside = kt_user(test, outer, 60004);
	struct kt_user *far = kt_user(test, NULL, 60002);
	struct kchan_user *user = levels_get(inner), *other = levels_get(beside);

	KUNIT_EXPECT_EQ(test, levels_charge(inner, user, 1000), 0);
	kt_expect_charged(inner, 1000);
	kt_expect_charged(middle, 1000);
	kt_expect_charged(outer, 1000);
	kt_expect_charged(far, 0);
	KUNIT_EXPECT_EQ(test, levels_charge(beside, other, 500), 0);
	kt_expect_charged(outer, 1500);
	/* The user who is charged most sets the limit, and that is the outer one. */
	kt_expect_charged(inner, 1500);
	kchan_user_uncharge(user, 1000);
	kt_expect_charged(outer, 500);
	kchan_user_uncharge(other, 500);
	kt_expect_charged(outer, 0);
	kt_expect_charged(inner, 0);
	kchan_user_put(user);
	kchan_user_put(other);
}

/* Nobody escapes a limit by making a namespace, nor by having many users in it. */
static void levels_limit_above(struct kunit *test)
{
	struct kt_user *outer = kt_user(test, NULL, 60001);
	struct kt_user *in[3];
	struct kchan_user *users[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		in[i] = kt_user(test, outer, 60010 + i);
		users[i] = levels_get(in[i]);
	}
	KUNIT_EXPECT_EQ(test, levels_charge(in[0], users[0], KT_USER_BYTES / 2), 0);
	KUNIT_EXPECT_EQ(test, levels_charge(in[1], users[1], KT_USER_BYTES / 2), 0);
	/* The third user has nothing, and nothing is left for him. */
	KUNIT_EXPECT_TRUE(test, kchan_user_may_charge(users[2], 0));
	KUNIT_EXPECT_FALSE(test, kchan_user_may_charge(users[2], 1));
	KUNIT_EXPECT_EQ(test, levels_charge(in[2], users[2], 1), -EDQUOT);
	/* What is refused is charged to nobody, at no level. */
	kt_expect_charged(outer, KT_USER_BYTES);
	kchan_user_uncharge(users[0], KT_USER_BYTES / 2);
	kt_expect_charged(outer, KT_USER_BYTES / 2);
	KUNIT_EXPECT_EQ(test, levels_charge(in[2], users[2], KT_USER_BYTES / 2), 0);
	KUNIT_EXPECT_EQ(test, levels_charge(in[0], users[0], 1), -EDQUOT);
	kchan_user_uncharge(users[1], KT_USER_BYTES / 2);
	kchan_user_uncharge(users[2], KT_USER_BYTES / 2);
	kt_expect_charged(outer, 0);

	/* Channels are counted in the same way. */
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, levels_add_channel(in[i], users[i]), 0);
	KUNIT_EXPECT_EQ(test, levels_add_channel(in[0], users[0]), -EDQUOT);
	kchan_user_del_channel(users[2]);
	KUNIT_EXPECT_EQ(test, levels_add_channel(in[0], users[0]), 0);
	KUNIT_EXPECT_EQ(test, levels_add_channel(in[1], users[1]), -EDQUOT);
	kchan_user_del_channel(users[0]);
	kchan_user_del_channel(users[0]);
	kchan_user_del_channel(users[1]);
	for (i = 0; i < 3; i++)
		kchan_user_put(users[i]);
}

/*
 * One user in a namespace does not starve the next one, if the outer user has no
 * limit.
 */
static void levels_limit_below(struct kunit *test)
{
	struct kt_user *root = kt_user(test, NULL, 0);
	struct kt_user *in[2];
	struct kchan_user *users[2];
	struct kt_user *nested;
	struct kchan_user *user;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		in[i] = kt_user(test, root, 60010 + i);
		users[i] = levels_get(in[i]);
		KUNIT_EXPECT_EQ(test, levels_charge(in[i], users[i], KT_USER_BYTES),
				0);
		KUNIT_EXPECT_EQ(test, levels_charge(in[i], users[i], 1), -EDQUOT);
		KUNIT_EXPECT_FALSE(test, kchan_user_may_charge(users[i], 1));
	}
	/* Root itself, without the capability, has no limit at all. */
	user = levels_get(root);
	KUNIT_EXPECT_TRUE(test, kchan_user_may_charge(user, KT_USER_BYTES + 1));
	KUNIT_EXPECT_EQ(test, levels_charge(root, user, KT_USER_BYTES + 1), 0);
	for (i = 0; i < KT_USER_CHANNELS + 2; i++)
		KUNIT_EXPECT_EQ(test, levels_add_channel(root, user), 0);
	for (i = 0; i < KT_USER_CHANNELS + 2; i++)
		kchan_user_del_channel(user);
	kchan_user_uncharge(user, KT_USER_BYTES + 1);
	kchan_user_put(user);
	for (i = 0; i < 2; i++) {
		kchan_user_uncharge(users[i], KT_USER_BYTES);
		kchan_user_put(users[i]);
	}

	/* But root of another namespace is a user like any other. */
	nested = kt_user(test, in[0], 0);
	user = levels_get(nested);
	KUNIT_EXPECT_EQ(test, levels_charge(nested, user, KT_USER_BYTES + 1), -EDQUOT);
	kchan_user_put(user);
}

/* Only the capability in the first namespace counts. */
static void levels_privileged(struct kunit *test)
{
	struct kt_user *outer = kt_user(test, NULL, 60001);
	struct kt_user *inner = kt_user(test, outer, 60002);
	struct kchan_user *user = levels_get(inner);

	KUNIT_EXPECT_EQ(test, levels_charge(inner, user, KT_USER_BYTES + 1), -EDQUOT);
	cap_raise(inner->cred->cap_effective, CAP_SYS_RESOURCE);
	KUNIT_EXPECT_EQ(test, levels_charge(inner, user, KT_USER_BYTES + 1), 0);
	cap_lower(inner->cred->cap_effective, CAP_SYS_RESOURCE);
	/* They are charged even so, at each level. */
	KUNIT_EXPECT_EQ(test, kt_charged(outer), SIZE_MAX);
	KUNIT_EXPECT_EQ(test, levels_charge(inner, user, 1), -EDQUOT);
	kchan_user_uncharge(user, KT_USER_BYTES + 1);
	/* A limit of 0 means no limit, at any level. */
	KUNIT_EXPECT_EQ(test, kt_set_param("user_max_bytes", "0"), 0);
	KUNIT_EXPECT_TRUE(test, kchan_user_may_charge(user, KT_USER_BYTES + 1));
	KUNIT_EXPECT_EQ(test, levels_charge(inner, user, KT_USER_BYTES + 1), 0);
	kchan_user_uncharge(user, KT_USER_BYTES + 1);
	kchan_user_put(user);
}

/*
 * A channel of a user inside a namespace counts for the users outside, until it is
 * gone.
 */
static void levels_channel(struct kunit *test)
{
	struct kt_user *outer = kt_user(test, NULL, 60001);
	struct kt_user *inner = kt_user(test, outer, 60002);
	struct kchan *ch = kt_user_chan(inner, 8, 100), *more[2];
	unsigned int i;

	kt_expect_charged(inner, kt_ring_charge(800));
	kt_expect_charged(outer, kt_ring_charge(800));
	for (i = 0; i < 2; i++) {
		more[i] = kt_user_alloc(i ? outer : inner);
		KUNIT_ASSERT_FALSE(test, IS_ERR(more[i]));
	}
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kt_user_alloc(inner)), -EDQUOT);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(kt_user_alloc(outer)), -EDQUOT);
	for (i = 0; i < 2; i++)
		kt_user_put(more[i]);
	kt_user_put(ch);
	kt_expect_charged(outer, 0);
}

/* Threads that get and put the same users, and charge them. */
struct levels_thread {
	struct kt_user *u[3];
	struct task_struct *task;
	struct completion done;
	unsigned int loops;
	int wrong;
};

static int levels_fn(void *arg)
{
	struct levels_thread *t = arg;
	unsigned int i;

	for (i = 0; i < t->loops; i++) {
		struct kt_user *u = t->u[get_random_u32_below(3)];
		const struct cred *old = override_creds(u->cred);
		struct kchan_user *user = kchan_user_get();

		revert_creds(old);
		if (IS_ERR(user)) {
			t->wrong = PTR_ERR(user);
			break;
		}
		/* None holds more than a tenth of it. */
		if (kchan_user_charge(user, KT_USER_BYTES / 10))
			t->wrong = -EDQUOT;
		cond_resched();
		kchan_user_uncharge(user, KT_USER_BYTES / 10);
		kchan_user_put(user);
	}
	kthread_complete_and_exit(&t->done, 0);
}

static void levels_race(struct kunit *test)
{
	struct kt_user *outer = kt_user(test, NULL, 60001);
	struct kt_user *inner = kt_user(test, outer, 60002);
	struct kt_user *beside = kt_user(test, outer, 60003);
	struct levels_thread *t;
	unsigned int i;

	t = kunit_kcalloc(test, 4, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	for (i = 0; i < 4; i++) {
		t[i].u[0] = outer;
		t[i].u[1] = inner;
		t[i].u[2] = beside;
		t[i].loops = kt_scale(2000);
		init_completion(&t[i].done);
		t[i].task = kthread_run(levels_fn, &t[i], "kt_levels");
		KUNIT_ASSERT_FALSE(test, IS_ERR(t[i].task));
	}
	for (i = 0; i < 4; i++) {
		wait_for_completion(&t[i].done);
		KUNIT_EXPECT_EQ(test, t[i].wrong, 0);
	}
	kt_expect_charged(outer, 0);
	kt_expect_charged(inner, 0);
}

static struct kunit_case levels_cases[] = {
	KUNIT_CASE(levels_identity),
	KUNIT_CASE(levels_charged),
	KUNIT_CASE(levels_limit_above),
	KUNIT_CASE(levels_limit_below),
	KUNIT_CASE(levels_privileged),
	KUNIT_CASE(levels_channel),
	KUNIT_CASE(levels_race),
	{}
};

static struct kunit_suite levels_suite = {
	.name = "kchan_levels",
	.init = kt_limits_init,
	.exit = kt_limits_exit,
	.test_cases = levels_cases,
};

kunit_test_suite(levels_suite);
