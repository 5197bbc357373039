// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may hold how much.
 *
 * Memory is charged to the cgroup of whoever allocates it. The limits here are
 * for users, as those of pipes are: so many channels, and so many bytes in their
 * buffers and in elements over a page, wherever these are. A channel counts for
 * the user who opened it, whoever resizes it or sends to it. Users are told apart
 * by their uid outside of all user namespaces, so that a namespace is no way
 * around a limit.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include <uapi/linux/kchan.h>

#include "limits.h"

/**
 * struct kchan_user - what a user's channels hold
 * @node: in kchan_users
 * @uid: the user, as seen in the initial namespace
 * @channels: how many there are; each is a reference
 * @bytes: what all of them hold
 */
struct kchan_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned long channels;
	atomic_long_t bytes;
};

static DEFINE_HASHTABLE(kchan_users, 6);
/* Guards kchan_users and kchan_user.channels; taken to open and to free. */
static DEFINE_SPINLOCK(kchan_users_lock);

static unsigned int default_elem_size = 4096;
static unsigned int default_capacity = 16;
static unsigned long max_channel_bytes = 16UL << 20;
static unsigned long user_max_channels = 65536;
static unsigned long user_max_bytes = 64UL << 20;

static int kchan_set_elem_size(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, KCHAN_MAX_ELEM_SIZE);
}

static const struct kernel_param_ops kchan_elem_size_ops = {
	.set = kchan_set_elem_size,
	.get = param_get_uint,
};

static int kchan_set_capacity(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, KCHAN_MAX_CAPACITY);
}

static const struct kernel_param_ops kchan_capacity_ops = {
	.set = kchan_set_capacity,
	.get = param_get_uint,
};

module_param_cb(default_elem_size, &kchan_elem_size_ops, &default_elem_size,
		0644);
MODULE_PARM_DESC(default_elem_size,
		 "Longest message, in bytes, of a channel without setup");
module_param_cb(default_capacity, &kchan_capacity_ops, &default_capacity, 0644);
MODULE_PARM_DESC(default_capacity, "Capacity of a channel without setup");
module_param(max_channel_bytes, ulong, 0644);
MODULE_PARM_DESC(max_channel_bytes,
		 "Most bytes that a buffer of a setup or resize may hold (0: no limit)");
module_param(user_max_channels, ulong, 0644);
MODULE_PARM_DESC(user_max_channels,
		 "Most channels that a user may have open (0: no limit)");
module_param(user_max_bytes, ulong, 0644);
MODULE_PARM_DESC(user_max_bytes,
		 "Most bytes that a user's channels may hold (0: no limit)");

/* A limit of 0 is none; CAP_SYS_RESOURCE is asked only when it matters. */
static bool kchan_within(u64 n, unsigned long limit)
{
	return !limit || n <= limit || capable(CAP_SYS_RESOURCE);
}

/*
 * The helpers that do this walk are not exported. Each level's ucounts is pinned
 * by the namespace below it, and the first by our credentials.
 */
static kuid_t kchan_global_uid(void)
{
	struct ucounts *ucounts = current_cred()->ucounts;

	while (ucounts->ns->ucounts)
		ucounts = ucounts->ns->ucounts;
	return ucounts->uid;
}

static struct kchan_user *kchan_user_find(kuid_t uid)
{
	struct kchan_user *user;

	hash_for_each_possible(kchan_users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/**
 * kchan_user_get() - count one more channel for the current user
 *
 * Return: the user, for kchan_user_put() when the channel is gone; -EDQUOT as an
 * error pointer when the user has too many channels, or -ENOMEM.
 */
struct kchan_user *kchan_user_get(void)
{
	struct kchan_user *user, *new;
	kuid_t uid = kchan_global_uid();
	unsigned long channels;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return ERR_PTR(-ENOMEM);
	new->uid = uid;

	spin_lock(&kchan_users_lock);
	user = kchan_user_find(uid);
	if (!user) {
		user = new;
		new = NULL;
		hash_add(kchan_users, &user->node, __kuid_val(uid));
	}
	channels = ++user->channels;
	spin_unlock(&kchan_users_lock);
	kfree(new);

	/* Outside the lock, for capable() may sleep in a security module. */
	if (!kchan_within(channels, READ_ONCE(user_max_channels))) {
		kchan_user_put(user);
		return ERR_PTR(-EDQUOT);
	}
	return user;
}

/**
 * kchan_user_put() - count one channel less
 * @user: the user
 */
void kchan_user_put(struct kchan_user *user)
{
	bool last;

	spin_lock(&kchan_users_lock);
	last = !--user->channels;
	if (last)
		hash_del(&user->node);
	spin_unlock(&kchan_users_lock);
	if (last)
		kfree(user);
}

/**
 * kchan_user_uid() - who a user is
 * @user: the user
 *
 * Return: the uid, as seen in the initial namespace.
 */
kuid_t kchan_user_uid(const struct kchan_user *user)
{
	return user->uid;
}

/**
 * kchan_user_charge() - count bytes of a buffer
 * @user: the user
 * @bytes: how many
 *
 * Return: 0, or -EDQUOT.
 */
int kchan_user_charge(struct kchan_user *user, size_t bytes)
{
	unsigned long sum = atomic_long_add_return(bytes, &user->bytes);

	if (kchan_within(sum, READ_ONCE(user_max_bytes)))
		return 0;
	kchan_user_uncharge(user, bytes);
	return -EDQUOT;
}

/**
 * kchan_user_uncharge() - count bytes no more
 * @user: the user
 * @bytes: how many
 */
void kchan_user_uncharge(struct kchan_user *user, size_t bytes)
{
	atomic_long_sub(bytes, &user->bytes);
}

/**
 * kchan_may_hold() - whether one channel's buffer may be so large
 * @bytes: how large
 *
 * Return: whether it may.
 */
bool kchan_may_hold(u64 bytes)
{
	return kchan_within(bytes, READ_ONCE(max_channel_bytes));
}

/**
 * kchan_default_geometry() - the geometry of a channel without setup
 * @elem_size: out: the longest message, in bytes
 * @capacity: out: how many the buffer holds
 */
void kchan_default_geometry(u32 *elem_size, u32 *capacity)
{
	*elem_size = READ_ONCE(default_elem_size);
	*capacity = READ_ONCE(default_capacity);
}
