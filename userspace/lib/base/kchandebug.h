/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words that the environment variable KCHANDEBUG may contain: a registry.
 *
 * A file that offers a word joins with KC_DEBUG_WORD(), in a constructor. A static
 * program knows only the words of the files that it links.
 */
#ifndef LIBKCHAN_BASE_KCHANDEBUG_H
#define LIBKCHAN_BASE_KCHANDEBUG_H

#include "base/fork.h"
#include "base/hook.h"

struct kc_debug_word {
	const char *word;
	int (*start)(void);		/* starts it: 0 or a negative errno */
	struct kc_debug_word *next;
};

/* Adds a word. Only before main(). */
KC_REGISTRY void kc_debug_join(struct kc_debug_word *word);

#define KC_DEBUG_WORD(word_, start_)					\
	static struct kc_debug_word kc_debug_word = {			\
		.word = (word_), .start = (start_),			\
	};								\
	KC_EARLY static void kc_join_debug(void)			\
	{								\
		kc_debug_join(&kc_debug_word);				\
	}

/* Starts what KCHANDEBUG asks for. Called once in a process. */
void kc_debug_setup(void);

#endif /* LIBKCHAN_BASE_KCHANDEBUG_H */
