/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_SELECT_H
#define LIBKCHAN_SELECT_H

#include "base/internal.h"

/*
 * Select, in its general form. Cases that wait for a time count from @now; negative:
 * from the call. If @ctx is cancelled it returns how.
 */
int kc_select_cases(kc_case *cases, size_t n, struct kc_limit limit, int64_t now,
		    kc_ctx *ctx);

#endif /* LIBKCHAN_SELECT_H */
