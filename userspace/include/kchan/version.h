/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KCHAN_VERSION_H
#define KCHAN_VERSION_H

#include <kchan/cdefs.h>

/* The version of the headers. */
#define KC_VERSION_MAJOR	0
#define KC_VERSION_MINOR	1
#define KC_VERSION_PATCH	0
#define KC_VERSION		"0.1.0"

KC_DECLS_BEGIN

/*
 * The version of the library that the program runs with, which may differ from that of
 * the header.
 *
 * Returns the text, which is constant: "1.2.3".
 */
const char *kc_version(void);

KC_DECLS_END

#endif /* KCHAN_VERSION_H */
