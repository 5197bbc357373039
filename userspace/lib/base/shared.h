/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_BASE_SHARED_H
#define LIBKCHAN_BASE_SHARED_H

/*
 * KC_SHARED marks what libkchan-test, a separate library, uses of libkchan. libkchan
 * exports these symbols under a private version, which only libkchan-test of the same
 * release uses.
 */
#ifdef KC_LIBKCHAN_TEST
#define KC_SHARED	__attribute__((visibility("default")))
#else
/* libkchan itself calls them directly, not through the PLT. */
#define KC_SHARED	__attribute__((visibility("protected")))
#endif

#endif /* LIBKCHAN_BASE_SHARED_H */
