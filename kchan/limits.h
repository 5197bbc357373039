/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_LIMITS_H
#define _KCHAN_LIMITS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct kchan_user;

/**
 * struct kchan_charge - who is charged for a piece of memory, and how much
 * @user: the user; holds a reference. NULL if nobody is.
 * @bytes: how much
 */
struct kchan_charge {
	struct kchan_user *user;
	size_t bytes;
};

size_t kchan_mem_size(size_t size);
void *kchan_mem_alloc(size_t size);
void kchan_charged(struct kchan_charge *charge, struct kchan_user *user,
		   size_t bytes);
int kchan_charge_to(struct kchan_charge *charge, struct kchan_user *user,
		    size_t bytes);
int kchan_charge(struct kchan_charge *charge, size_t bytes);
void kchan_uncharge(struct kchan_charge *charge);
void *kchan_alloc_charged(size_t size, struct kchan_charge *charge);
void kchan_free_charged(void *mem, struct kchan_charge *charge);

struct kchan_user *kchan_user_get(void);
void kchan_user_put(struct kchan_user *user);
kuid_t kchan_user_uid(const struct kchan_user *user);
int kchan_user_add_channel(struct kchan_user *user);
void kchan_user_del_channel(struct kchan_user *user);
int kchan_user_charge(struct kchan_user *user, size_t bytes);
bool kchan_user_may_charge(struct kchan_user *user, size_t bytes);
void kchan_user_uncharge(struct kchan_user *user, size_t bytes);
bool kchan_may_hold(u64 bytes);
void kchan_default_geometry(u32 *elem_size, u32 *capacity);

#endif /* _KCHAN_LIMITS_H */
