/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What KCHANDEBUG in a program's environment can ask for: a registry of words.
 *
 * Each file that can be asked for something joins with KC_DEBUG_WORD(), in a
 * constructor. A static program has the words of those files that are linked.
 */
#ifndef LIBKCHAN_BASE_KCHANDEBUG_H
#define LIBKCHAN_BASE_KCHANDEBUG_H

#include "base/fork.h"
#include "base/hook.h"

struct kc_debug_word {
	const char *word;
	int (*start)(void);		/* 0 or a negative errno */
	struct kc_debug_word *next;
};

/* Before main() only. */
KC_REGISTRY void kc_debug_join(struct kc_debug_word *word);

#define KC_DEBUG_WORD(word_, start_)					\
	static struct kc_debug_word kc_debug_word = {			\
		.word = (word_), .start = (start_),			\
	};								\
	KC_EARLY static void kc_join_debug(void)			\
	{								\
		kc_debug_join(&kc_debug_word);				\
	}

/* Once in a process: start what is asked for. */
void kc_debug_setup(void);

#endif /* LIBKCHAN_BASE_KCHANDEBUG_H */
