/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_BASE_SHARED_H
#define LIBKCHAN_BASE_SHARED_H

/*
 * What libkchan-test, a library of its own, uses of libkchan: exported for it, under a
 * version that is this very one, and for nobody else.
 */
#ifdef KC_LIBKCHAN_TEST
#define KC_SHARED	__attribute__((visibility("default")))
#else
/* The library itself goes no way around. */
#define KC_SHARED	__attribute__((visibility("protected")))
#endif

#endif /* LIBKCHAN_BASE_SHARED_H */
