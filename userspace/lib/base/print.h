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

/*
 * The text is not a string: it has no zero byte after it. Who wants a string calls
 * kc_print_string().
 */
struct kc_print {
	char *text;
	size_t len;
	size_t size;		/* without the room for the zero byte */
	int fd;			/* written to when @text is full; or one of the values below */
	bool failed;		/* there was no memory: the text is incomplete */
};

#define KC_PRINT_GROWS	(-1)	/* @text grows instead */
#define KC_PRINT_ENDS	(-2)	/* what does not fit is left out */

#define KC_PRINT_FD(fd, buf)	{ (buf), 0, sizeof(buf), (fd), false }
#define KC_PRINT_BUF(buf)	{ (buf), 0, sizeof(buf) - 1, KC_PRINT_ENDS, false }
#define KC_PRINT_MEMORY		{ NULL, 0, 0, KC_PRINT_GROWS, false }

KC_SHARED void kc_print_bytes(struct kc_print *out, const char *bytes, size_t len);
KC_SHARED void kc_print_text(struct kc_print *out, const char *text);
KC_SHARED void kc_print_number(struct kc_print *out, uint64_t number);
void kc_print_hex(struct kc_print *out, uint64_t number);

/*
 * Makes the text of a KC_PRINT_BUF or a KC_PRINT_MEMORY a string, and returns it. The
 * string has no newline at its end: whoever prints it adds that. The caller frees the
 * string of a KC_PRINT_MEMORY. Returns NULL if there was not enough memory; then nothing
 * is to be freed.
 */
char *kc_print_string(struct kc_print *out);

/* Writes the bytes that are not written yet. */
KC_SHARED void kc_print_flush(struct kc_print *out);

#endif /* LIBKCHAN_BASE_PRINT_H */
