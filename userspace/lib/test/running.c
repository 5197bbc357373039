// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a test's goroutines may call: failing the test, logging, cleanups, more goroutines.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/futex.h"
#include "panic/start.h"
#include "race/race.h"
#include "sync/count.h"
#include "test/running.h"

const char *kc_t_name(const kc_t *t)
{
	return t->name;
}

void *kc_t_arg(const kc_t *t)
{
	return t->options.arg;
}

kc_ctx *kc_t_ctx(const kc_t *t)
{
	return t->ctx;
}

int kc_t_deadline(const kc_t *t, int64_t *deadline)
{
	if (t->deadline == KC_TEST_NO_LIMIT)
		return 0;
	if (deadline)
		*deadline = t->deadline;
	return 1;
}

/* Logs a text, with a newline if it has none. With @failed, the test has failed. */
static void note(kc_t *t, const char *text, bool failed)
{
	const size_t len = strlen(text);

	kc_lock(&t->lock);
	kc_race_acquire(&t->lock);
	kc_print_bytes(&t->log, text, len);
	if (len && text[len - 1] != '\n')
		kc_print_text(&t->log, "\n");
	if (failed)
		__atomic_store_n(&t->failed, true, __ATOMIC_RELAXED);
	kc_race_release(&t->lock);
	kc_unlock(&t->lock);
}

static void note_format(kc_t *t, bool failed, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	note(t, text ? text : "(no memory for what there was to say)", failed);
	free(text);
}

void kc_t_log(kc_t *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note_format(t, false, fmt, args);
	va_end(args);
}

void kc_t_error(kc_t *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note_format(t, true, fmt, args);
	va_end(args);
}

void kc_t_fatal(kc_t *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note_format(t, true, fmt, args);
	va_end(args);
	kc_goexit();
}

void kc_t_fail(kc_t *t)
{
	__atomic_store_n(&t->failed, true, __ATOMIC_RELAXED);
}

void kc_t_fail_now(kc_t *t)
{
	kc_t_fail(t);
	kc_goexit();
}

void kc_t_skip(kc_t *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note_format(t, false, fmt, args);
	va_end(args);
	__atomic_store_n(&t->skipped, true, __ATOMIC_RELAXED);
	kc_goexit();
}

int kc_t_failed(const kc_t *t)
{
	return __atomic_load_n(&t->failed, __ATOMIC_RELAXED);
}

int kc_t_skipped(const kc_t *t)
{
	return __atomic_load_n(&t->skipped, __ATOMIC_RELAXED);
}

int kc_t_check(kc_t *t, int good, const char *file, int line, const char *text)
{
	if (!good)
		kc_t_error(t, "%s:%d: expected: %s", file, line, text);
	return good;
}

void kc_t_cleanup(kc_t *t, void (*fn)(void *arg), void *arg)
{
	struct kc_cleanup *cleanup = malloc(sizeof(*cleanup));

	if (!cleanup) {
		fn(arg);
		kc_t_fatal(t, "out of memory for a cleanup");
	}
	cleanup->fn = fn;
	cleanup->arg = arg;
	kc_lock(&t->lock);
	cleanup->next = t->cleanups;
	t->cleanups = cleanup;
	kc_race_release(&t->lock);
	kc_unlock(&t->lock);
}

struct kc_cleanup *kc_t_take_cleanup(kc_t *t)
{
	struct kc_cleanup *cleanup;

	kc_lock(&t->lock);
	kc_race_acquire(&t->lock);
	cleanup = t->cleanups;
	if (cleanup)
		t->cleanups = cleanup->next;
	kc_unlock(&t->lock);
	return cleanup;
}

void kc_t_protect(kc_t *t, void (*fn)(void *arg), void *arg)
{
	kc_panic_info info;
	char *report;

	if (!kc_protect(fn, arg, &info))
		return;
	report = kc_panic_report(&info);
	note(t, report ? report : info.text, true);
	free(report);
	kc_panic_info_clear(&info);
}

struct member {
	kc_t *t;
	void (*fn)(void *arg);
	void *arg;
};

static void leave(void *data)
{
	const struct member *member = data;

	kc_waitgroup_done(&member->t->members);
}

static void run_member(void *data)
{
	const struct member *member = data;

	kc_defer(leave, data);
	kc_t_protect(member->t, member->fn, member->arg);
}

int kc_t_go(kc_t *t, void (*fn)(void *arg), void *arg)
{
	struct member member = { t, fn, arg };
	const struct kc_start start = {
		.fn = run_member,
		.arg = &member,
		.copied = true,
		.copy_size = sizeof(member),
		.at = (uintptr_t)__builtin_return_address(0),
	};

	KC_NEED_FN(fn);
	return kc_waitgroup_start(&t->members, &start);
}
