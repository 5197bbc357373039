/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_BASE_OPTIONS_H
#define LIBKCHAN_BASE_OPTIONS_H

#include "base/base.h"
#include "base/shared.h"

/*
 * Copies a caller's options to *@to, in the form that this library knows. A program
 * that was compiled with an older header passes fewer bytes: the missing fields become
 * zero. A program that was compiled with a newer header passes more bytes: the
 * additional bytes must be zero. A size of 0 means the form that was published first,
 * which ends with the field @last.
 *
 * Returns 0, -EINVAL if the size is no multiple of 4, or -E2BIG if the size is over
 * 4096 or an unknown byte is not zero.
 */
#define kc_take_options(to, from, last)					\
	kc_take_options_of((to), sizeof(*(to)), (from), (from)->size,	\
			   offsetof(__typeof__(*(to)), last) +		\
			   sizeof((to)->last))
KC_SHARED int kc_take_options_of(void *to, size_t known, const void *from, uint32_t size,
		       size_t first);

#endif /* LIBKCHAN_BASE_OPTIONS_H */
