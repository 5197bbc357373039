/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a function is, so that another thread can walk its stack from there while it
 * waits: the registers that a call keeps, and where the call returns to.
 */
#ifndef LIBKCHAN_SCHED_REGS_H
#define LIBKCHAN_SCHED_REGS_H

#include <stdint.h>

#include "base/shared.h"

#ifdef __x86_64__

#define KC_HAVE_REGS	1

/* regs.c knows where each is. */
struct kc_regs {
	uintptr_t rbx;
	uintptr_t rbp;
	uintptr_t r12;
	uintptr_t r13;
	uintptr_t r14;
	uintptr_t r15;
	uintptr_t sp;		/* as it is after the call */
	uintptr_t pc;		/* where that returns to */
};

/*
 * Record those of the function that calls this. They hold for as long as that has not
 * returned, since what it has pushed, and the way back from this address, stay.
 */
KC_SHARED void kc_regs_save(struct kc_regs *regs);

/*
 * Call @fn(@arg), so that to who walks the stack from there it seems to have been
 * called from where @regs were saved.
 */
void kc_regs_call(const struct kc_regs *regs, void (*fn)(void *arg), void *arg);

#else

#define KC_HAVE_REGS	0

struct kc_regs {
	uintptr_t pc;
};

static inline void kc_regs_save(struct kc_regs *regs)
{
	regs->pc = 0;
}

#endif

#endif /* LIBKCHAN_SCHED_REGS_H */
