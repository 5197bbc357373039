/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The structure of an error: see <kchan/error.h>.
 */
#ifndef LIBKCHAN_BASE_ERROR_STRUCT_H
#define LIBKCHAN_BASE_ERROR_STRUCT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <kchan/error.h>

struct kc_error {
	atomic_uint refs;
	bool always;		/* a static variable: references are not counted */
	int code;
	kc_error *cause;	/* a reference, or NULL */
	char *text;		/* stored behind the structure */
};

/* The initial value of a static error, which is never freed. */
#define KC_ERROR_ALWAYS(code_, text_)					\
	{ .always = true, .code = (code_), .text = (char *)(text_) }

#endif /* LIBKCHAN_BASE_ERROR_STRUCT_H */
