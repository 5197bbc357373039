/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An error: see <kchan/error.h>.
 */
#ifndef LIBKCHAN_BASE_ERROR_STRUCT_H
#define LIBKCHAN_BASE_ERROR_STRUCT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <kchan/error.h>

struct kc_error {
	atomic_uint refs;
	bool always;		/* it is no memory of ours: references do not count */
	int code;
	kc_error *cause;	/* held */
	char *text;		/* behind the structure */
};

/* One that is always there: to be a static variable's value. */
#define KC_ERROR_ALWAYS(code_, text_)					\
	{ .always = true, .code = (code_), .text = (char *)(text_) }

#endif /* LIBKCHAN_BASE_ERROR_STRUCT_H */
