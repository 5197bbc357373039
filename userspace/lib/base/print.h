/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building a text piece by piece. It does not use stdio. So it works in a signal
 * handler and on a small stack.
 */
#ifndef LIBKCHAN_BASE_PRINT_H
#define LIBKCHAN_BASE_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"

struct kc_print {
	char *text;
	size_t len;
	size_t size;
	int fd;			/* the text is written to it when @text is full; -1: @text grows
				 * instead */
	bool failed;		/* there was no memory: the text is incomplete */
};

#define KC_PRINT_FD(fd, buf)	{ (buf), 0, sizeof(buf), (fd), false }
#define KC_PRINT_MEMORY		{ NULL, 0, 0, -1, false }

KC_SHARED void kc_print_bytes(struct kc_print *out, const char *bytes, size_t len);
KC_SHARED void kc_print_text(struct kc_print *out, const char *text);
KC_SHARED void kc_print_number(struct kc_print *out, uint64_t number);
void kc_print_hex(struct kc_print *out, uint64_t number);

/* Writes the bytes that are not written yet. */
KC_SHARED void kc_print_flush(struct kc_print *out);

#endif /* LIBKCHAN_BASE_PRINT_H */
