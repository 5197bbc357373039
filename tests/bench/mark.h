/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks in a program, for tests/bench/profile: what is measured lies between them.
 *
 * A mark is an instruction that does nothing, with a number that nothing else has.
 */
#ifndef MARK_H
#define MARK_H

#define MARK_FORGET	0x6b636830	/* all before; from now on only marked regions */
#define MARK_BEGIN	0x6b636831
#define MARK_END	0x6b636832

#ifdef __x86_64__
#define mark(number) \
	__asm__ volatile("nopl %c0(%%rax)" : : "i" (number) : "memory")
#else
#define mark(number) do { } while (0)
#endif

#endif
