/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The code that a signal handler has interrupted: where it was, and how to make it
 * continue elsewhere.
 */
#ifndef LIBKCHAN_BASE_INTERRUPTED_H
#define LIBKCHAN_BASE_INTERRUPTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#if defined(__x86_64__)

#define KC_HAVE_INTERRUPTED	1

static inline uintptr_t kc_interrupted_pc(const ucontext_t *context)
{
	return context->uc_mcontext.gregs[REG_RIP];
}

/* The lowest address of the stack that may be in use: code may use 128 bytes below. */
static inline uintptr_t kc_interrupted_stack(const ucontext_t *context)
{
	return context->uc_mcontext.gregs[REG_RSP] - 128;
}

/* The return address is 0, where stack walks end. */
static inline void kc_interrupted_set(ucontext_t *context, uintptr_t fn, uintptr_t arg)
{
	greg_t *regs = context->uc_mcontext.gregs;
	const uintptr_t sp = arg - sizeof(uintptr_t);

	*(uintptr_t *)sp = 0;
	regs[REG_RDI] = arg;
	regs[REG_RSP] = sp;
	regs[REG_RIP] = fn;
}

#elif defined(__aarch64__)

#define KC_HAVE_INTERRUPTED	1

static inline uintptr_t kc_interrupted_pc(const ucontext_t *context)
{
	return context->uc_mcontext.pc;
}

static inline uintptr_t kc_interrupted_stack(const ucontext_t *context)
{
	return context->uc_mcontext.sp;
}

/*
 * The return address and the frame pointer are 0, where stack walks end. The bits of
 * pstate that are cleared tell how the interrupted code was jumped to.
 */
static inline void kc_interrupted_set(ucontext_t *context, uintptr_t fn, uintptr_t arg)
{
	mcontext_t *regs = &context->uc_mcontext;

	regs->regs[0] = arg;
	regs->regs[29] = 0;
	regs->regs[30] = 0;
	regs->sp = arg;
	regs->pc = fn;
	regs->pstate &= ~(3ULL << 10);
}

#else

#define KC_HAVE_INTERRUPTED	0

static inline uintptr_t kc_interrupted_pc(const ucontext_t *context)
{
	(void)context;
	return 0;
}

static inline uintptr_t kc_interrupted_stack(const ucontext_t *context)
{
	(void)context;
	return 0;
}

static inline void kc_interrupted_set(ucontext_t *context, uintptr_t fn, uintptr_t arg)
{
	(void)context;
	(void)fn;
	(void)arg;
}

#endif

/*
 * Makes the interrupted code continue in @fn, with a copy of the @size bytes at @data,
 * when the handler returns. It looks as if that code had called @fn, which must not
 * return. Only where KC_HAVE_INTERRUPTED is not 0.
 */
static inline void kc_interrupted_go_on(ucontext_t *context, void (*fn)(const void *data),
					const void *data, size_t size)
{
	/* The stack has to be aligned to 16 bytes. */
	const uintptr_t copy = (kc_interrupted_stack(context) - size) & ~(uintptr_t)15;

	memcpy((void *)copy, data, size);
	kc_interrupted_set(context, (uintptr_t)fn, copy);
}

#endif /* LIBKCHAN_BASE_INTERRUPTED_H */
