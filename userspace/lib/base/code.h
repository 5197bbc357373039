/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the library's own code is in memory, to tell its frames from the program's.
 *
 * The build gives all of it sections whose names begin with ".text.sorted.kchan". GNU ld
 * puts those into ".text", one beside the other, in the order of their names. (A linker
 * that does not leaves nothing between the marks: then backtraces begin further inside.)
 * A program may hold libkchan in one object and libkchan-test in another: each joins
 * with KC_CODE().
 */
#ifndef LIBKCHAN_BASE_CODE_H
#define LIBKCHAN_BASE_CODE_H

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

/*
 * To be said once in each library: with two marks, before all of its code and after.
 * Both are of the section that they are in, and so is the code in between.
 */
#define KC_CODE()							\
	__asm__(							\
	"	.pushsection .text.sorted.kchan.0, \"ax\", %progbits\n"	\
	"kc_code_start:\n"						\
	"	.byte	0\n"						\
	"	.popsection\n"						\
	"	.pushsection .text.sorted.kchan.2, \"ax\", %progbits\n"	\
	"	.byte	0\n"						\
	"kc_code_end:\n"						\
	"	.popsection\n"						\
	);								\
	extern const char kc_code_start[]				\
		__attribute__((visibility("hidden")));			\
	extern const char kc_code_end[]					\
		__attribute__((visibility("hidden")));			\
	static struct kc_code own_code = {				\
		.start = kc_code_start, .end = kc_code_end,		\
	};								\
	KC_EARLY static void join_code(void)				\
	{								\
		kc_code_join(&own_code);				\
	}

#endif /* LIBKCHAN_BASE_CODE_H */
