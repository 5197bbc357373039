/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_LIMITS_H
#define _KCHAN_LIMITS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct kchan_user;

struct kchan_user *kchan_user_get(void);
void kchan_user_put(struct kchan_user *user);
kuid_t kchan_user_uid(const struct kchan_user *user);
int kchan_user_charge(struct kchan_user *user, size_t bytes);
void kchan_user_uncharge(struct kchan_user *user, size_t bytes);
bool kchan_may_hold(u64 bytes);
void kchan_default_geometry(u32 *elem_size, u32 *capacity);

#endif /* _KCHAN_LIMITS_H */
