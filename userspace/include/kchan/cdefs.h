/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Macros that the other headers use.
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

/* The result tells whether the call succeeded. Ignoring it is a mistake. */
#define KC_MUST_CHECK	__attribute__((warn_unused_result))

/* A generated function, which the program need not call. */
#define KC_MAYBE_UNUSED	__attribute__((unused))

/* The function does not return. */
#define KC_NORETURN	__attribute__((noreturn))

/* Checked like printf(): argument @fmt is the format, and @first its first value. */
#define KC_PRINTF(fmt, first)	__attribute__((format(printf, fmt, first)))

/* A name that is different in each line of a file. */
#define KC_LINE_NAME_(name, line)	name##line
#define KC_LINE_NAME(name, line)	KC_LINE_NAME_(name, line)

#endif /* KCHAN_CDEFS_H */
