/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The registers of a waiting function, from which another thread can walk its stack:
 * the registers that a call preserves, and the return address.
 */
#ifndef LIBKCHAN_SCHED_REGS_H
#define LIBKCHAN_SCHED_REGS_H

#include <stdint.h>

#include "base/shared.h"

#if defined(__x86_64__)

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

#elif defined(__aarch64__)

#define KC_HAVE_REGS	1

/* kc_regs_save() and regs.c depend on the offsets. */
struct kc_regs {
	uintptr_t x[11];	/* x19 to x29 */
	uintptr_t sp;
	uintptr_t pc;		/* as the return address of a call */
};

/*
 * As above. x30 is not recorded: it is named as changed here, so the function has saved
 * its return address in its frame before.
 */
static inline __attribute__((always_inline)) void kc_regs_save(struct kc_regs *regs)
{
	__asm__ volatile("stp	x19, x20, [%0, #0]\n\t"
			 "stp	x21, x22, [%0, #16]\n\t"
			 "stp	x23, x24, [%0, #32]\n\t"
			 "stp	x25, x26, [%0, #48]\n\t"
			 "stp	x27, x28, [%0, #64]\n\t"
			 "mov	x9, sp\n\t"
			 "stp	x29, x9, [%0, #80]\n\t"
			 "adr	x9, 0f\n\t"
			 "str	x9, [%0, #96]\n"
			 "0:" : : "r" (regs) : "x9", "x30", "memory");
}

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
