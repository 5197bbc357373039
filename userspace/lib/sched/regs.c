// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Recording the registers of a function, and walking the stack from there.
 *
 * An unwinder finds a function's caller by the function's unwind information, which
 * tells where the caller's registers were saved. The information of kc_regs_call() says
 * that they are in the struct kc_regs that %rbx points to. So the compiler's own
 * unwinder, started in @fn, continues with the stack of another thread.
 *
 * In that information, 0x0f is DW_CFA_def_cfa_expression, and 0x10 is
 * DW_CFA_expression: for one register, by its DWARF number, the address at which it was
 * saved. 0x73 pushes the value of %rbx plus the byte that follows, and 0x06 loads from
 * that address.
 */
#include "sched/regs.h"

#ifdef __x86_64__

#include <stddef.h>

#define AT(member, offset) \
	_Static_assert(offsetof(struct kc_regs, member) == (offset), "see below")
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

#else

typedef int kc_no_regs;

#endif
