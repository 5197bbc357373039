/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the other headers are wrapped in, and are spelled with.
 */
#ifndef KCHAN_CDEFS_H
#define KCHAN_CDEFS_H

#ifdef __cplusplus
#define KC_DECLS_BEGIN	_Pragma("GCC visibility push(default)") extern "C" {
#define KC_DECLS_END	} _Pragma("GCC visibility pop")
#else
#define KC_DECLS_BEGIN	_Pragma("GCC visibility push(default)")
#define KC_DECLS_END	_Pragma("GCC visibility pop")
#endif

/* The result says whether anything happened: not looking at it is a mistake. */
#define KC_MUST_CHECK	__attribute__((warn_unused_result))

/* A generated function that this program may not happen to call. */
#define KC_MAYBE_UNUSED	__attribute__((unused))

#endif /* KCHAN_CDEFS_H */
