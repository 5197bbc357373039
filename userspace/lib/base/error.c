// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Errors.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error_struct.h"
#include "race/race.h"

/* The error that is returned when there is no memory for an error. */
static kc_error no_memory = KC_ERROR_ALWAYS(-ENOMEM, "out of memory");

/* The highest errno of the kernel. */
#define MAX_ERRNO	4095

static int to_code(int code)
{
	if (!code)
		return -EINVAL;
	return code > 0 ? -code : code;
}

/* Makes an error with room for a text of @len bytes. The caller fills in the text. */
static kc_error *make(int code, kc_error *cause, size_t len)
{
	kc_error *err = malloc(sizeof(*err) + len + 1);

	if (!err)
		return NULL;
	atomic_init(&err->refs, 1);
	err->always = false;
	err->code = to_code(code);
	err->cause = kc_error_ref(cause);
	err->text = (char *)(err + 1);
	return err;
}

/* The text of the cause, if there is one, follows the formatted text. */
static kc_error *format(int code, kc_error *cause, const char *fmt, va_list args)
{
	const size_t tail = cause ? 2 + strlen(cause->text) : 0;
	kc_error *err;
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	err = len < 0 ? NULL : make(code, cause, len + tail);
	if (!err)
		return &no_memory;
	/*
	 * This formats the same text again. The length limits it: another thread may
	 * have changed a string of the arguments since.
	 */
	vsnprintf(err->text, len + 1, fmt, args);
	if (cause) {
		strcat(err->text, ": ");
		strcat(err->text, cause->text);
	}
	return err;
}

/* Returns NULL if the code is unknown. */
static const char *describe(int code)
{
	switch (code) {
	/* libc's texts are about connections and about devices in general. */
	case -ETIMEDOUT:
		return "deadline exceeded";
	case -ENODEV:
		return "no such device (is the kernel module kchan loaded, and /dev/kchan its device?)";
	}
	return code >= -MAX_ERRNO ? strerrordesc_np(-code) : NULL;
}

const char *kc_strerror(int code)
{
	const char *text = describe(code > 0 ? -code : code);

	return text ? text : "unknown error";
}

kc_error *kc_error_new(int code, const char *text)
{
	code = to_code(code);
	if (!text)
		text = describe(code);
	if (!text)
		return kc_errorf(code, "error %d", code);
	return kc_errorf(code, "%s", text);
}

kc_error *kc_errorf(int code, const char *fmt, ...)
{
	kc_error *err;
	va_list args;

	va_start(args, fmt);
	err = format(code, NULL, fmt, args);
	va_end(args);
	return err;
}

kc_error *kc_error_wrap(kc_error *cause, const char *fmt, ...)
{
	kc_error *err;
	va_list args;

	if (!cause)
		return NULL;
	va_start(args, fmt);
	err = format(cause->code, cause, fmt, args);
	va_end(args);
	return err;
}

kc_error *kc_error_wrap_code(kc_error *cause, int code, const char *fmt, ...)
{
	kc_error *err;
	va_list args;

	if (!cause)
		return NULL;
	va_start(args, fmt);
	err = format(code, cause, fmt, args);
	va_end(args);
	return err;
}

int kc_error_code(const kc_error *err)
{
	return err ? err->code : 0;
}

const char *kc_error_text(const kc_error *err)
{
	return err ? err->text : "no error";
}

kc_error *kc_error_cause(const kc_error *err)
{
	return err ? err->cause : NULL;
}

int kc_error_is(const kc_error *err, const kc_error *target)
{
	if (!err)
		return !target;
	for (; err; err = err->cause)
		if (err == target)
			return 1;
	return 0;
}

int kc_error_is_code(const kc_error *err, int code)
{
	if (!err || !code)
		return !err && !code;
	code = to_code(code);
	for (; err; err = err->cause)
		if (err->code == code)
			return 1;
	return 0;
}

kc_error *kc_error_ref(kc_error *err)
{
	if (err && !err->always)
		atomic_fetch_add_explicit(&err->refs, 1, memory_order_relaxed);
	return err;
}

void kc_error_unref(kc_error *err)
{
	kc_error *cause;

	/* This is a loop, not a recursion: a chain of causes may be long. */
	for (; err; err = cause) {
		if (err->always || !kc_race_put(&err->refs))
			return;
		cause = err->cause;
		free(err);
	}
}
