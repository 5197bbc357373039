/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The address range of the library's own code. It tells the library's frames from the
 * program's.
 *
 * The build puts all of the library's code into sections whose names begin with
 * ".text.sorted.kchan". GNU ld puts these sections side by side into ".text", sorted by
 * name. With a linker that does not sort them, nothing lies between the two marks; then
 * backtraces also show frames of the library. A program may have libkchan in one object
 * and libkchan-test in another, so each of the two joins with KC_CODE().
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

/* All address ranges. gdb/libkchan-gdb.py reads this list, too. */
extern struct kc_code *kc_code;

/* Adds a range. Only before main(). */
KC_SHARED KC_REGISTRY void kc_code_join(struct kc_code *code);

/* True if @pc, the return address of a call, is in the library's code. */
bool kc_code_has(uintptr_t pc);

/*
 * Each library uses this once. It puts one mark before all of the library's code, and
 * one mark after. The marks and the code between them are in one output section.
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
