// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users with limits, and with namespaces of their own.
 */
#include <kunit/test.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ring.h"
#include "users.h"

static void kt_free_user(void *arg)
{
	struct kt_user *u = arg;

	/*
	 * All that was counted in the namespace is gone, and has dropped its
	 * references.
	 */
	if (memcmp(&u->ns.ns, &u->as_made, sizeof(u->as_made)))
		KUNIT_FAIL(u->test, "a namespace is still held");
	u->cred->ucounts = u->ours;
	put_cred(u->cred);
	kfree(u);
}

/**
 * kt_user() - make a user who has made a namespace
 * @test: the test
 * @maker: the user in whose namespace the new user is; NULL for the first namespace
 * @uid: the uid of the new user
 *
 * Return: the user.
 */
struct kt_user *kt_user(struct kunit *test, struct kt_user *maker, uid_t uid)
{
	struct kt_user *u = kzalloc(sizeof(*u), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, u);
	u->test = test;
	u->cred = prepare_creds();
	if (!u->cred)
		kfree(u);
	KUNIT_ASSERT_NOT_NULL(test, u->cred);
	cap_lower(u->cred->cap_effective, CAP_SYS_RESOURCE);
	u->counts.ns = maker ? &maker->ns : &init_user_ns;
	u->counts.uid = KUIDT_INIT(uid);
	u->ns.ucounts = &u->counts;
	/* It has as many references as the first namespace, so it is never freed. */
	u->ns.ns = init_user_ns.ns;
	u->as_made = u->ns.ns;
	u->ours = u->cred->ucounts;
	u->cred->ucounts = &u->counts;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_user, u));
	return u;
}

/**
 * kt_become() - become a user
 * @u: the user
 *
 * Nothing may fail the test before kt_return(). So the two calls are only few lines
 * apart.
 */
void kt_become(struct kt_user *u)
{
	u->old = override_creds(u->cred);
}

/**
 * kt_return() - become again who we were
 * @u: the user
 */
void kt_return(struct kt_user *u)
{
	revert_creds(u->old);
}

/**
 * kt_charged() - what a user is charged, or a user above him, if that is more
 * @u: the user, with a limit of KT_USER_BYTES at each level
 *
 * Return: bytes; SIZE_MAX for more than the limit.
 */
size_t kt_charged(struct kt_user *u)
{
	size_t fits = 0, over = KT_USER_BYTES + 1;
	struct kchan_user *user;

	kt_become(u);
	user = kchan_user_get();
	kt_return(u);
	if (IS_ERR(user) || !kchan_user_may_charge(user, 0))
		fits = over;
	while (over - fits > 1 && fits < over) {
		size_t n = (fits + over) / 2;

		if (kchan_user_may_charge(user, n))
			fits = n;
		else
			over = n;
	}
	if (!IS_ERR(user))
		kchan_user_put(user);
	return fits > KT_USER_BYTES ? SIZE_MAX : KT_USER_BYTES - fits;
}

/**
 * kt_expect_charged() - expect that a user is charged so many bytes
 * @u: the user, as for kt_charged()
 * @bytes: how many
 */
void kt_expect_charged(struct kt_user *u, size_t bytes)
{
	KUNIT_EXPECT_EQ(u->test, kt_charged(u), bytes);
}

/**
 * kt_user_alloc() - make a user's channel, without setup
 * @u: the user
 *
 * Return: the channel, with one end that sends and receives, for kt_user_put(); or
 * an error pointer.
 */
struct kchan *kt_user_alloc(struct kt_user *u)
{
	struct kchan *ch;

	kt_become(u);
	ch = kchan_alloc(NULL);
	kt_return(u);
	if (!IS_ERR(ch))
		kchan_end_get(ch, FMODE_READ | FMODE_WRITE);
	return ch;
}

/**
 * kt_user_chan() - make a user's channel of elements of fixed size, in use
 * @u: the user
 * @elem_size: bytes in an element
 * @capacity: elements in the buffer
 *
 * Return: the channel, for kt_user_put().
 */
struct kchan *kt_user_chan(struct kt_user *u, u32 elem_size, u32 capacity)
{
	struct kchan *ch = kt_user_alloc(u);

	KUNIT_ASSERT_FALSE(u->test, IS_ERR(ch));
	KUNIT_ASSERT_EQ(u->test, kt_user_setup(u, ch, elem_size, capacity), 0);
	KUNIT_ASSERT_EQ(u->test, kt_user_use(u, ch), 0);
	return ch;
}

/**
 * kt_user_put() - end a channel with its one end
 * @ch: the channel
 */
void kt_user_put(struct kchan *ch)
{
	kchan_end_put(ch, FMODE_READ | FMODE_WRITE);
	kchan_put(ch);
}

/**
 * kt_user_setup() - kchan_setup() as a user
 * @u: the user
 * @ch: the channel
 * @elem_size: bytes in an element
 * @capacity: elements in the buffer
 *
 * Return: as kchan_setup().
 */
int kt_user_setup(struct kt_user *u, struct kchan *ch, u32 elem_size, u32 capacity)
{
	int ret;

	kt_become(u);
	ret = kchan_setup(ch, elem_size, capacity, 0);
	kt_return(u);
	return ret;
}

/**
 * kt_user_resize() - kchan_resize() as a user
 * @u: the user
 * @ch: the channel
 * @capacity: elements in the buffer
 *
 * Return: as kchan_resize().
 */
int kt_user_resize(struct kt_user *u, struct kchan *ch, u32 capacity)
{
	int ret;

	kt_become(u);
	ret = kchan_resize(ch, capacity);
	kt_return(u);
	return ret;
}

/**
 * kt_user_use() - kchan_use() as a user
 * @u: the user
 * @ch: the channel
 *
 * Return: as kchan_use().
 */
int kt_user_use(struct kt_user *u, struct kchan *ch)
{
	int ret;

	kt_become(u);
	ret = kchan_use(ch);
	kt_return(u);
	return ret;
}

/**
 * kt_user_send() - send as a user, without waiting
 * @u: the user
 * @call: the call, not started
 *
 * Return: as kchan_send().
 */
ssize_t kt_user_send(struct kt_user *u, struct kt_call *call)
{
	ssize_t ret;

	kt_become(u);
	ret = kt_try_send(call->ch, call->buf, call->len);
	kt_return(u);
	return ret;
}

/**
 * kt_ring_charge() - the charge of a ring that pays for no elements
 * @slots: bytes in its slots
 *
 * Return: bytes.
 */
size_t kt_ring_charge(size_t slots)
{
	return kchan_mem_size(sizeof(struct kchan_ring)) +
	       (slots ? kchan_mem_size(slots) : 0);
}

/**
 * kt_elem_charge() - the charge of an element
 * @len: its bytes
 *
 * Return: bytes.
 */
size_t kt_elem_charge(u32 len)
{
	if (len > KCHAN_STACK_ELEM)
		return kchan_mem_size(sizeof(struct kchan_elem)) +
		       kchan_mem_size(len);
	return kchan_mem_size(sizeof(struct kchan_elem) + len);
}

/**
 * kt_limits_init() - set the limits that the tests know
 * @test: the test
 *
 * Return: 0, or the error.
 */
int kt_limits_init(struct kunit *test)
{
	return kt_set_param("user_max_bytes", __stringify(KT_USER_BYTES)) ?:
	       kt_set_param("user_max_channels", __stringify(KT_USER_CHANNELS)) ?:
	       kt_set_param("max_channel_bytes", __stringify(KT_CHANNEL_BYTES));
}

/**
 * kt_limits_exit() - set the limits as they are in kchan/limits.c
 * @test: the test
 */
void kt_limits_exit(struct kunit *test)
{
	kt_set_param("user_max_bytes", "67108864");
	kt_set_param("user_max_channels", "65536");
	kt_set_param("max_channel_bytes", "16777216");
	kt_set_param("default_elem_size", "4096");
	kt_set_param("default_capacity", "16");
}
