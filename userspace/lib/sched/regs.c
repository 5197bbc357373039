// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Recording the registers of a function, and walking the stack from there.
 *
 * An unwinder finds a function's caller by the function's unwind information, which
 * tells where the caller's registers were saved. The information of kc_regs_call() says
 * that they are in a struct kc_regs, to which a register points that calls preserve: %rbx
 * or x19. So the compiler's own unwinder, started in @fn, continues with the stack of
 * another thread.
 *
 * In that information, 0x0f is DW_CFA_def_cfa_expression, and 0x10 is
 * DW_CFA_expression: for one register, by its DWARF number, the address at which it was
 * saved. 0x73 pushes the value of %rbx plus the number that follows, 0x83 the same with
 * x19, and 0x06 loads from that address. A number of 64 or more takes two bytes: its low
 * seven bits with the bit 0x80, and the others.
 */
#include "sched/regs.h"

#include <stddef.h>

#define AT(member, offset) \
	_Static_assert(offsetof(struct kc_regs, member) == (offset), "see below")

#if defined(__x86_64__)

AT(rbx, 0);
AT(rbp, 8);
AT(r12, 16);
AT(r13, 24);
AT(r14, 32);
AT(r15, 40);
AT(sp, 48);
AT(pc, 56);

__asm__(
"	.text\n"
"	.p2align 4\n"
"	.globl	kc_regs_call\n"
"	.hidden	kc_regs_call\n"
"	.type	kc_regs_call, @function\n"
"kc_regs_call:\n"
"	.cfi_startproc\n"
"	endbr64\n"
"	pushq	%rbx\n"
"	.cfi_def_cfa_offset 16\n"
"	.cfi_offset %rbx, -16\n"
"	movq	%rdi, %rbx\n"
"	movq	%rdx, %rdi\n"
"	.cfi_remember_state\n"
"	.cfi_escape 0x0f, 3, 0x73, 48, 0x06\n"	/* the stack pointer */
"	.cfi_escape 0x10, 3, 2, 0x73, 0\n"	/* %rbx */
"	.cfi_escape 0x10, 6, 2, 0x73, 8\n"	/* %rbp */
"	.cfi_escape 0x10, 12, 2, 0x73, 16\n"
"	.cfi_escape 0x10, 13, 2, 0x73, 24\n"
"	.cfi_escape 0x10, 14, 2, 0x73, 32\n"
"	.cfi_escape 0x10, 15, 2, 0x73, 40\n"
"	.cfi_escape 0x10, 16, 2, 0x73, 56\n"	/* the return address */
"	callq	*%rsi\n"
"	.cfi_restore_state\n"
"	popq	%rbx\n"
"	.cfi_def_cfa_offset 8\n"
"	.cfi_restore %rbx\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size	kc_regs_call, . - kc_regs_call\n"
);

#elif defined(__aarch64__)

AT(x, 0);
AT(sp, 88);
AT(pc, 96);

/* Its return address is x30, and so has the number of that. */
__asm__(
"	.text\n"
"	.p2align 4\n"
"	.globl	kc_regs_call\n"
"	.hidden	kc_regs_call\n"
"	.type	kc_regs_call, %function\n"
"kc_regs_call:\n"
"	.cfi_startproc\n"
"	hint	#34\n"				/* bti c */
"	stp	x29, x30, [sp, #-32]!\n"
"	.cfi_def_cfa_offset 32\n"
"	.cfi_offset 29, -32\n"
"	.cfi_offset 30, -24\n"
"	str	x19, [sp, #16]\n"
"	.cfi_offset 19, -16\n"
"	mov	x29, sp\n"
"	mov	x19, x0\n"
"	mov	x0, x2\n"
"	.cfi_remember_state\n"
"	.cfi_escape 0x0f, 4, 0x83, 0xd8, 0, 0x06\n"	/* the stack pointer */
"	.cfi_escape 0x10, 19, 2, 0x83, 0\n"
"	.cfi_escape 0x10, 20, 2, 0x83, 8\n"
"	.cfi_escape 0x10, 21, 2, 0x83, 16\n"
"	.cfi_escape 0x10, 22, 2, 0x83, 24\n"
"	.cfi_escape 0x10, 23, 2, 0x83, 32\n"
"	.cfi_escape 0x10, 24, 2, 0x83, 40\n"
"	.cfi_escape 0x10, 25, 2, 0x83, 48\n"
"	.cfi_escape 0x10, 26, 2, 0x83, 56\n"
"	.cfi_escape 0x10, 27, 3, 0x83, 0xc0, 0\n"
"	.cfi_escape 0x10, 28, 3, 0x83, 0xc8, 0\n"
"	.cfi_escape 0x10, 29, 3, 0x83, 0xd0, 0\n"
"	.cfi_escape 0x10, 30, 3, 0x83, 0xe0, 0\n"	/* the return address */
"	blr	x1\n"
"	.cfi_restore_state\n"
"	ldr	x19, [sp, #16]\n"
"	.cfi_restore 19\n"
"	ldp	x29, x30, [sp], #32\n"
"	.cfi_restore 29\n"
"	.cfi_restore 30\n"
"	.cfi_def_cfa_offset 0\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size	kc_regs_call, . - kc_regs_call\n"
);

#endif
