// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock, and what it counts.
 *
 * Under QEMU's "-icount shift=0" the virtual clock moves by one nanosecond with
 * each instruction that the guest runs, in the kernel too. The guest's
 * CLOCK_MONOTONIC follows that clock, so a difference of two of its readings is
 * a number of instructions. That is not taken on trust: two loops of a known
 * number of instructions, quick ones and slow ones, have to agree with it.
 */
#include "bench.h"
#include "mark.h"

#include <math.h>
#include <time.h>

#define TURNS	1000000UL

uint64_t now(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_MONOTONIC, &time))
		die("clock_gettime");
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t clock_start(void)
{
	mark(MARK_BEGIN);
	return now();
}

uint64_t clock_stop(uint64_t started)
{
	uint64_t stopped = now();

	mark(MARK_END);
	return stopped - started;
}

void clock_forget(void)
{
	mark(MARK_FORGET);
}

#ifdef __x86_64__

/* Two instructions a turn. */
static double quick_loop(void)
{
	unsigned long turns = TURNS;
	uint64_t start = now();

	__asm__ volatile("1:	dec %0\n"
			 "	jnz 1b\n"
			 : "+r" (turns) : : "cc");
	return (double)(now() - start) / (2.0 * TURNS);
}

/* Four instructions a turn; the division takes any real machine far longer. */
static double slow_loop(void)
{
	unsigned long turns = TURNS / 4, low = 1, high = 0;
	uint64_t start = now();

	__asm__ volatile("1:	xor %k2, %k2\n"
			 "	div %3\n"
			 "	dec %0\n"
			 "	jnz 1b\n"
			 : "+r" (turns), "+a" (low), "+d" (high)
			 : "r" (3UL) : "cc");
	return (double)(now() - start) / (4.0 * (TURNS / 4));
}

/* The least of a few: without what else ran meanwhile. */
static double least(double (*loop)(void))
{
	double min = loop();

	for (int i = 0; i < 4; i++)
		min = fmin(min, loop());
	return min;
}

void timebase_find(struct timebase *base)
{
	base->quick = least(quick_loop);
	base->slow = least(slow_loop);
	/* What is over is the timer's interrupts. */
	base->counts = fabs(base->quick - 1) < 0.01 && fabs(base->slow - 1) < 0.01;
}

#else

void timebase_find(struct timebase *base)
{
	*base = (struct timebase){ .counts = false };
}

#endif
