/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the library's own code is in memory, to tell its frames from the program's.
 *
 * The build gives all of it a section of its own, "kc_text". A program may hold
 * libkchan in one object and libkchan-test in another: each joins with KC_CODE().
 */
#ifndef LIBKCHAN_CODE_H
#define LIBKCHAN_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fork.h"
#include "base/hook.h"
#include "base/shared.h"

struct kc_code {
	const char *start;
	const char *end;
	struct kc_code *next;
};

/* All of them. gdb/libkchan-gdb.py reads it, too. */
extern struct kc_code *kc_code;

/* Before main() only. */
KC_SHARED KC_REGISTRY void kc_code_join(struct kc_code *code);

/* True of the address that a call from there returns to. */
bool kc_code_has(uintptr_t pc);

/* The linker makes these of the section's name, for each object that is linked. */
extern const char __start_kc_text[] __attribute__((visibility("hidden")));
extern const char __stop_kc_text[] __attribute__((visibility("hidden")));

/* To be said once in each library. */
#define KC_CODE()							\
	static struct kc_code own_code = {				\
		.start = __start_kc_text, .end = __stop_kc_text,	\
	};								\
	KC_EARLY static void join_code(void)				\
	{								\
		kc_code_join(&own_code);				\
	}

#endif /* LIBKCHAN_CODE_H */
