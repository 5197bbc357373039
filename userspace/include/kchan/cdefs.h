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

/* It does not come back. */
#define KC_NORETURN	__attribute__((noreturn))

/* Checked as printf() is: the format is argument @fmt, its first value @first. */
#define KC_PRINTF(fmt, first)	__attribute__((format(printf, fmt, first)))

/* A name that no other line of the file makes. */
#define KC_LINE_NAME_(name, line)	name##line
#define KC_LINE_NAME(name, line)	KC_LINE_NAME_(name, line)

#endif /* KCHAN_CDEFS_H */
