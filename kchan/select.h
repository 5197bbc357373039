/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_SELECT_H
#define _KCHAN_SELECT_H

#include "call.h"

int kchan_check_cases(unsigned int nr, size_t size);
int kchan_read_cases(struct kchan_call *call, void __user *from,
		     unsigned int nr, size_t size, bool arm);
int kchan_verify_all(struct kchan_call *call);
void kchan_put_files(struct kchan_call *call);
int kchan_select(struct kchan_call *call, const struct kchan_wait *wait);
u64 kchan_to_caller_time(ktime_t at);
long kchan_ioctl_select(struct kchan_select __user *uarg, size_t usize);

#endif /* _KCHAN_SELECT_H */
