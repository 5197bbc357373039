/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_BASE_OPTIONS_H
#define LIBKCHAN_BASE_OPTIONS_H

#include "base/base.h"
#include "base/shared.h"

/*
 * Copy a caller's options to *@to, in the form that we know. A program that was compiled
 * with an older header gives fewer bytes: what is missing is zero. One that was compiled
 * with a newer header gives more: they must be zero. A size of 0 is that of the form which
 * was published first, and which ends with the field @last.
 *
 * 0, -EINVAL (the size cannot be one) or -E2BIG.
 */
#define kc_take_options(to, from, last)					\
	kc_take_options_of((to), sizeof(*(to)), (from), (from)->size,	\
			   offsetof(__typeof__(*(to)), last) +		\
			   sizeof((to)->last))
KC_SHARED int kc_take_options_of(void *to, size_t known, const void *from, uint32_t size,
		       size_t first);

#endif /* LIBKCHAN_BASE_OPTIONS_H */
