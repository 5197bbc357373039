/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_GROUP_START_H
#define LIBKCHAN_GROUP_START_H

#include "base/base.h"

/* As kc_group_try_go(). @at is the return address of the program's call. */
int kc_group_try_start(kc_group *g, kc_error *(*fn)(void *arg), void *arg,
		       uintptr_t at);

#endif /* LIBKCHAN_GROUP_START_H */
