/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The registers of a waiting function, from which another thread can walk its stack:
 * the registers that a call preserves, and the return address.
 */
#ifndef LIBKCHAN_SCHED_REGS_H
#define LIBKCHAN_SCHED_REGS_H

#include <stdint.h>

#include "base/shared.h"

#ifdef __x86_64__

#define KC_HAVE_REGS	1

/* kc_regs_save() and regs.c depend on the offsets. */
struct kc_regs {
	uintptr_t rbx;
	uintptr_t rbp;
	uintptr_t r12;
	uintptr_t r13;
	uintptr_t r14;
	uintptr_t r15;
	uintptr_t sp;
	uintptr_t pc;		/* as the return address of a call */
};

/*
 * Records the registers of the function that this is inlined into. They are valid until
 * that function returns, since its frame does not move, and the unwind information at this
 * address holds.
 */
static inline __attribute__((always_inline)) void kc_regs_save(struct kc_regs *regs)
{
	__asm__ volatile("movq	%%rbx, 0(%0)\n\t"
			 "movq	%%rbp, 8(%0)\n\t"
			 "movq	%%r12, 16(%0)\n\t"
			 "movq	%%r13, 24(%0)\n\t"
			 "movq	%%r14, 32(%0)\n\t"
			 "movq	%%r15, 40(%0)\n\t"
			 "movq	%%rsp, 48(%0)\n\t"
			 "leaq	0f(%%rip), %%rax\n\t"
			 "movq	%%rax, 56(%0)\n"
			 "0:" : : "r" (regs) : "rax", "memory");
}

/*
 * Calls @fn(@arg). To a stack walk that begins in @fn, it seems to be called from where
 * @regs were saved.
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
