// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KCHANDEBUG: the environment asks for debugging, so that nobody has to rebuild the
 * program. See <kchan/goroutine.h>.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/kchandebug.h"
#include "base/logger.h"
#include "base/print.h"

static struct kc_debug_word *words;

void kc_debug_join(struct kc_debug_word *word)
{
	word->next = words;
	words = word;
}

/* Returns false if the word is unknown, or its function fails. */
static bool ask_for(const char *word, size_t len)
{
	const struct kc_debug_word *known;

	for (known = words; known; known = known->next)
		if (strlen(known->word) == len && !memcmp(known->word, word, len))
			return !known->start();
	return !len;
}

/* A message shows at most this many bytes of a word. */
#define TOLD	64

/* The message is on the stack: a logger that panics would leak allocated memory. */
static void refuse(const char *word, size_t len)
{
	char buf[TOLD + 64];
	struct kc_print out = KC_PRINT_BUF(buf);

	kc_print_text(&out, "KCHANDEBUG: not known, or not to be had: ");
	kc_print_bytes(&out, word, len < TOLD ? len : TOLD);
	kc_log(kc_print_string(&out));
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
