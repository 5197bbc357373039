/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_CASES_H
#define _KCHAN_CASES_H

#include "select.h"

int kchan_check_cases(unsigned int nr, size_t size);
int kchan_read_cases(struct kchan_selection *sel, void __user *from,
		     unsigned int nr, size_t size);
void kchan_put_files(struct kchan_selection *sel);

long kchan_ioctl_select(struct kchan_select __user *uarg, size_t usize);

#endif /* _KCHAN_CASES_H */
