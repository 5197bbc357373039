// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: how much a user may hold.
 *
 * Memory is charged to the cgroup of whoever allocates it. The limits here are for
 * users, as those of pipes are: how many channels a user may have, and how many
 * bytes these may hold. The uapi header lists what is charged, and to whom.
 *
 * A user is counted at each level of user namespaces, as with ucounts: in its own
 * namespace as itself, in the parent namespace as the user who made its namespace,
 * and so on. The limits apply to each of these separately. So nobody escapes a limit
 * by making a namespace, and a container with many users cannot starve another one.
 * The initial root has no limit at its level: so containers that root made do not
 * share a limit.
 *
 * What a user makes the kernel hold is at most what the user is charged, and a constant
 * for each descriptor and each thread. For this, memory is charged before it is
 * allocated, and is freed before the charge ends. In the other order, a thread that is
 * preempted between the two would hold memory that nobody pays for. That may be a whole
 * buffer, and a user can have thousands of threads. A place of a ring is a charge in this
 * sense, too: see ring.c. These are the exceptions:
 *
 * - A channel, its inode and its open file are not charged. They are the constant for
 *   each descriptor. A channel with a name needs no descriptor, so its name is charged.
 * - The inode of a name is allocated a little before the charge, and freed a little after
 *   it. So a thread holds one at most. That is less than its stack.
 * - A thread that has served armed selects holds a reference on each of them, until it
 *   has woken their pollers. Meanwhile their owners may close them, and pay no longer. A
 *   thread holds at most KCHAN_STEP_PARTIES of them, without their cases. That is less
 *   than its stack.
 *
 * The cgroup is another matter. An element is charged to the cgroup of the task that
 * sends it, until it is freed. The user who pays is the one who opened the channel. The
 * receivers decide how long an element stays. If the ring keeps it as a spare one, it
 * stays as long as the ring. Both together are at most as many as the ring pays for. So a
 * cgroup whose tasks send holds at most max_channel_bytes more for each ring, as it does
 * when nobody receives.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>

#include <uapi/linux/kchan.h>

#include "limits.h"

/**
 * struct kchan_user - what a user's channels hold
 * @node: in kchan_users
 * @ns: the user namespace; holds a reference
 * @uid: the user in it
 * @parent: the user who made that namespace; holds a reference. NULL in the first
 *	one.
 * @refs: references, under kchan_users_lock
 * @channels: how many there are
 * @bytes: what all of them hold
 */
struct kchan_user {
	struct hlist_node node;
	struct user_namespace *ns;
	kuid_t uid;
	struct kchan_user *parent;
	unsigned long refs;
	atomic_long_t channels;
	atomic_long_t bytes;
};

static DEFINE_HASHTABLE(kchan_users, 6);
/* Guards kchan_users and kchan_user.refs. Nothing nests inside it. */
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

static unsigned long kchan_user_key(const struct user_namespace *ns, kuid_t uid)
{
	return hash_ptr(ns, 32) ^ __kuid_val(uid);
}

static struct kchan_user *kchan_user_find(const struct ucounts *level)
{
	struct kchan_user *user;

	hash_for_each_possible(kchan_users, user, node,
			       kchan_user_key(level->ns, level->uid))
		if (user->ns == level->ns && uid_eq(user->uid, level->uid))
			return user;
	return NULL;
}

/* How many levels have no entry yet, from this one up. The lock is held. */
static unsigned int kchan_users_missing(const struct ucounts *level)
{
	unsigned int nr = 0;

	for (; level && !kchan_user_find(level); level = level->ns->ucounts)
		nr++;
	return nr;
}

/*
 * Takes a reference on the user of a level. Users that have no entry yet are taken
 * from @spare, a list linked by @parent. The lock is held, so nobody sees a user
 * without its parent.
 */
static struct kchan_user *kchan_users_link(const struct ucounts *level,
					   struct kchan_user **spare)
{
	struct kchan_user *first = NULL, **link = &first;
	struct kchan_user *user;

	for (; level; level = level->ns->ucounts) {
		user = kchan_user_find(level);
		if (user) {
			user->refs++;
			*link = user;
			break;
		}
		user = *spare;
		*spare = user->parent;
		user->ns = get_user_ns(level->ns);
		user->uid = level->uid;
		user->parent = NULL;
		user->refs = 1;
		hash_add(kchan_users, &user->node,
			 kchan_user_key(user->ns, user->uid));
		*link = user;
		link = &user->parent;
	}
	return first;
}

/**
 * kchan_user_get() - the current user
 *
 * The helpers that walk ucounts are not exported, so we keep counters of our own.
 * Each level's ucounts is pinned by the namespace below it, and the first by our
 * credentials.
 *
 * Context: may sleep.
 * Return: the user, with a reference for kchan_user_put(); -ENOMEM as an error
 * pointer.
 */
struct kchan_user *kchan_user_get(void)
{
	const struct ucounts *level = current_cred()->ucounts;
	struct kchan_user *user = NULL, *spare = NULL, *new;
	unsigned int missing, nr_spare = 0;

	for (;;) {
		spin_lock(&kchan_users_lock);
		missing = kchan_users_missing(level);
		if (missing <= nr_spare)
			user = kchan_users_link(level, &spare);
		spin_unlock(&kchan_users_lock);
		if (user)
			break;
		for (; nr_spare < missing; nr_spare++) {
			new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
			if (!new) {
				user = ERR_PTR(-ENOMEM);
				goto free;
			}
			new->parent = spare;
			spare = new;
		}
	}
free:
	while (spare) {
		new = spare;
		spare = new->parent;
		kfree(new);
	}
	return user;
}

/**
 * kchan_user_put() - drop a reference
 * @user: the user
 */
void kchan_user_put(struct kchan_user *user)
{
	struct kchan_user *parent;
	bool last;

	for (; user; user = parent) {
		spin_lock(&kchan_users_lock);
		last = !--user->refs;
		if (last)
			hash_del(&user->node);
		spin_unlock(&kchan_users_lock);
		if (!last)
			break;
		parent = user->parent;
		put_user_ns(user->ns);
		kfree(user);
	}
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

static bool kchan_user_unlimited(const struct kchan_user *user)
{
	return user->ns == &init_user_ns && uid_eq(user->uid, GLOBAL_ROOT_UID);
}

/* A limit of 0 means no limit. CAP_SYS_RESOURCE is checked only when it matters. */
static bool kchan_within(u64 n, unsigned long limit)
{
	return !limit || n <= limit || capable(CAP_SYS_RESOURCE);
}

static bool kchan_user_within(const struct kchan_user *user, unsigned long n,
			      unsigned long limit)
{
	return kchan_user_unlimited(user) || kchan_within(n, limit);
}

/**
 * kchan_user_add_channel() - count one more channel
 * @user: the user
 *
 * Context: may sleep: a security module may sleep when it checks a capability.
 * Return: 0, or -EDQUOT.
 */
int kchan_user_add_channel(struct kchan_user *user)
{
	const unsigned long limit = READ_ONCE(user_max_channels);
	struct kchan_user *level;
	bool within = true;

	for (level = user; level; level = level->parent)
		within &= kchan_user_within(level,
					    atomic_long_inc_return(&level->channels),
					    limit);
	if (within)
		return 0;
	kchan_user_del_channel(user);
	return -EDQUOT;
}

/**
 * kchan_user_del_channel() - count one channel fewer
 * @user: the user
 */
void kchan_user_del_channel(struct kchan_user *user)
{
	for (; user; user = user->parent)
		atomic_long_dec(&user->channels);
}

/**
 * kchan_user_charge() - count bytes
 * @user: the user
 * @bytes: how many
 *
 * Context: may sleep, as kchan_user_add_channel().
 * Return: 0, or -EDQUOT.
 */
int kchan_user_charge(struct kchan_user *user, size_t bytes)
{
	const unsigned long limit = READ_ONCE(user_max_bytes);
	struct kchan_user *level;
	bool within = true;

	for (level = user; level; level = level->parent)
		within &= kchan_user_within(level,
					    atomic_long_add_return(bytes,
								   &level->bytes),
					    limit);
	if (within)
		return 0;
	kchan_user_uncharge(user, bytes);
	return -EDQUOT;
}

/**
 * kchan_user_may_charge() - whether bytes would be within the limits now
 * @user: the user
 * @bytes: how many
 *
 * This does not check for a capability. It is a hint for poll.
 *
 * Return: whether they would.
 */
bool kchan_user_may_charge(struct kchan_user *user, size_t bytes)
{
	const unsigned long limit = READ_ONCE(user_max_bytes);

	for (; limit && user; user = user->parent)
		if (!kchan_user_unlimited(user) &&
		    atomic_long_read(&user->bytes) + bytes > limit)
			return false;
	return true;
}

/**
 * kchan_user_uncharge() - stop counting bytes
 * @user: the user
 * @bytes: how many
 */
void kchan_user_uncharge(struct kchan_user *user, size_t bytes)
{
	for (; user; user = user->parent)
		atomic_long_sub(bytes, &user->bytes);
}

/*
 * Whether the slab allocator wastes no memory that is not charged. This is so up to
 * its largest cache, and for powers of two of a few pages. All other sizes are
 * allocated as pages.
 */
static bool kchan_fits_slab(size_t size)
{
	return size <= KMALLOC_MAX_CACHE_SIZE ||
	       (size <= PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER &&
		size == PAGE_SIZE << get_order(size));
}

/**
 * kchan_mem_size() - the bytes that a piece of memory takes
 * @size: bytes asked for, at least 1
 *
 * Return: what kchan_mem_alloc() takes for them, which is to be charged.
 */
size_t kchan_mem_size(size_t size)
{
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_size_roundup(size);
	return PAGE_ALIGN(size);
}

/**
 * kchan_mem_alloc() - allocate a piece of memory
 * @size: bytes, at least 1
 *
 * Context: may sleep.
 * Return: the memory, not cleared, for kvfree(); or NULL.
 */
void *kchan_mem_alloc(size_t size)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	return kchan_fits_slab(size) ? kmalloc(size, gfp) : __vmalloc(size, gfp);
}

/**
 * kchan_charged() - note a charge
 * @charge: out: the charge, for kchan_uncharge()
 * @user: the user, whom somebody holds
 * @bytes: how many bytes the user was charged
 */
void kchan_charged(struct kchan_charge *charge, struct kchan_user *user,
		   size_t bytes)
{
	spin_lock(&kchan_users_lock);
	user->refs++;
	spin_unlock(&kchan_users_lock);
	charge->user = user;
	charge->bytes = bytes;
}

/**
 * kchan_charge_to() - charge a user
 * @charge: out: the charge, for kchan_uncharge()
 * @user: the user
 * @bytes: how many
 *
 * Context: may sleep.
 * Return: 0; -EDQUOT, and then nobody is charged.
 */
int kchan_charge_to(struct kchan_charge *charge, struct kchan_user *user,
		    size_t bytes)
{
	int ret = kchan_user_charge(user, bytes);

	charge->user = NULL;
	if (!ret)
		kchan_charged(charge, user, bytes);
	return ret;
}

/**
 * kchan_charge() - charge the current user
 * @charge: out: the charge, for kchan_uncharge()
 * @bytes: how many
 *
 * Context: may sleep.
 * Return: 0; -EDQUOT, -ENOMEM, and then nobody is charged.
 */
int kchan_charge(struct kchan_charge *charge, size_t bytes)
{
	struct kchan_user *user = kchan_user_get();
	int ret;

	charge->user = NULL;
	if (IS_ERR(user))
		return PTR_ERR(user);
	ret = kchan_charge_to(charge, user, bytes);
	kchan_user_put(user);
	return ret;
}

/**
 * kchan_uncharge() - end a charge
 * @charge: the charge
 */
void kchan_uncharge(struct kchan_charge *charge)
{
	if (!charge->user)
		return;
	kchan_user_uncharge(charge->user, charge->bytes);
	kchan_user_put(charge->user);
}

/**
 * kchan_alloc_charged() - allocate memory that the current user is charged for
 * @size: bytes, at least 1
 * @charge: out: the charge
 *
 * Context: may sleep.
 * Return: the memory, not cleared, for kchan_free_charged(); -EDQUOT or -ENOMEM as an
 * error pointer.
 */
void *kchan_alloc_charged(size_t size, struct kchan_charge *charge)
{
	void *mem;
	int ret;

	ret = kchan_charge(charge, kchan_mem_size(size));
	if (ret)
		return ERR_PTR(ret);
	mem = kchan_mem_alloc(size);
	if (!mem) {
		kchan_uncharge(charge);
		return ERR_PTR(-ENOMEM);
	}
	return mem;
}

/**
 * kchan_free_charged() - free memory that somebody is charged for
 * @mem: the memory
 * @charge: the charge, which may be in that memory
 */
void kchan_free_charged(void *mem, struct kchan_charge *charge)
{
	struct kchan_charge own = *charge;

	kvfree(mem);
	kchan_uncharge(&own);
}

/**
 * kchan_may_hold() - whether the buffers of one channel may be so large
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
