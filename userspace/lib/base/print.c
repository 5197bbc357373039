// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Building a text piece by piece: see print.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/sys.h"

#define FIRST_SIZE	1024

void kc_print_flush(struct kc_print *out)
{
	size_t done = 0;
	long ret;

	while (done < out->len) {
		ret = sys_write(out->fd, out->text + done, out->len - done);
		if (ret == -EINTR)
			continue;
		if (ret <= 0)
			break;
		done += ret;
	}
	out->len = 0;
}

static bool grow(struct kc_print *out)
{
	const size_t size = out->size ? 2 * out->size : FIRST_SIZE;
	char *text = realloc(out->text, size + 1);

	if (!text) {
		out->failed = true;
		return false;
	}
	out->text = text;
	out->size = size;
	return true;
}

void kc_print_bytes(struct kc_print *out, const char *bytes, size_t len)
{
	size_t part;

	while (len) {
		if (out->len == out->size) {
			if (out->fd >= 0)
				kc_print_flush(out);
			else if (out->fd == KC_PRINT_ENDS || !grow(out))
				return;
		}
		part = out->size - out->len;
		if (part > len)
			part = len;
		memcpy(out->text + out->len, bytes, part);
		out->len += part;
		bytes += part;
		len -= part;
	}
}

char *kc_print_string(struct kc_print *out)
{
	if (!out->text)
		grow(out);
	if (out->failed) {
		free(out->text);
		return NULL;
	}
	if (out->len && out->text[out->len - 1] == '\n')
		out->len--;
	out->text[out->len] = '\0';
	return out->text;
}

void kc_print_text(struct kc_print *out, const char *text)
{
	kc_print_bytes(out, text, strlen(text));
}

static void put(struct kc_print *out, uint64_t number, unsigned int base)
{
	char digits[20], *at = digits + sizeof(digits);

	do {
		*--at = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	kc_print_bytes(out, at, digits + sizeof(digits) - at);
}

void kc_print_number(struct kc_print *out, uint64_t number)
{
	put(out, number, 10);
}

void kc_print_hex(struct kc_print *out, uint64_t number)
{
	kc_print_text(out, "0x");
	put(out, number, 16);
}
