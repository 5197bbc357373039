/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's files share.
 */
#ifndef LIBKCHAN_INTERNAL_H
#define LIBKCHAN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <kchan/kchan.h>
#include <kchan/uapi.h>

/*
 * The geometry cannot change any more, but for the capacity, which only the
 * kernel knows.
 */
struct kc_chan {
	atomic_uint refs;
	int fd;
	uint32_t elem_size;
	bool message;
};

/* Says why on standard error, in one line, and aborts. */
void kc_fatal(const char *why) __attribute__((noreturn, cold));

#endif /* LIBKCHAN_INTERNAL_H */
