// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the environment asks for, so that a program need not be built anew to be
 * looked into: see goroutine.h.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "debug.h"
#include "internal.h"
#include "log.h"
#include "out.h"

/* Who asks in this way waits for the answer. */
#define DEADLOCK_EVERY	(100 * KC_MILLISECOND)
#define LEAK_TIMEOUT	KC_SECOND

static void check_leaks(void)
{
	kc_leak_check(LEAK_TIMEOUT);
}

static int detect_deadlock(void)
{
	return kc_detect_deadlock(DEADLOCK_EVERY);
}

static int dump_on_quit(void)
{
	return kc_dump_on_signal(SIGQUIT, KC_DUMP_EXIT);
}

static int check_leaks_at_exit(void)
{
	return atexit(check_leaks) ? -ENOMEM : 0;
}

static const struct {
	const char *word;
	int (*fn)(void);
} known[] = {
	{ "deadlock", detect_deadlock },
	{ "dump", dump_on_quit },
	{ "leaks", check_leaks_at_exit },
};

/* False if there is no such thing, or it cannot be had. */
static bool ask_for(const char *word, size_t len)
{
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].word) == len &&
		    !memcmp(known[i].word, word, len))
			return !known[i].fn();
	return !len;
}

static void refuse(const char *word, size_t len)
{
	struct kc_out out = KC_OUT_MEMORY;

	kc_out_text(&out, "KCHANDEBUG: not known, or not to be had: ");
	kc_out_bytes(&out, word, len);
	kc_out_bytes(&out, "", 1);
	if (!out.failed)
		kc_log(out.text);
	free(out.text);
}

void kc_debug_setup(void)
{
	const char *word = secure_getenv("KCHANDEBUG");
	size_t len;

	for (; word && *word; word += len + (word[len] == ',')) {
		len = strcspn(word, ",");
		if (!ask_for(word, len))
			refuse(word, len);
	}
}
