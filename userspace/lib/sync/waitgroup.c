// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Wait groups.
 *
 * The whole state is one word of three parts:
 *
 *	63         32 31                 1   0
 *	+------------+-----------------+-------+
 *	|  counter   |   generation    | sleep |
 *	+------------+-----------------+-------+
 *
 * A waiter sets the sleep bit, and sleeps on the lower half until the generation changes.
 * The step that makes the counter 0 also clears the sleep bit and increments the
 * generation, if the bit was set; then it wakes the waiters. So a waiter goes on even if
 * the counter is not 0 any more when it runs. After that step nobody accesses the memory,
 * which a waiter may free at once. The wake uses only the address. It may wake another
 * futex at that address, which does no harm: every futex user must expect it.
 */
#include "panic/panicking.h"
#include "panic/start.h"
#include "race/race.h"
#include "sched/park.h"
#include "sync/count.h"

#define SLEEP		((uint64_t)1)
#define GENERATION	((uint64_t)2)
#define COUNT_SHIFT	32

#define CALLER	((uintptr_t)__builtin_return_address(0))

static int32_t count_of(uint64_t state)
{
	return (int32_t)(state >> COUNT_SHIFT);
}

static uint32_t *sleep_word(kc_waitgroup *wg)
{
	uint32_t *half = (uint32_t *)&wg->state;

	return half + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

void kc_waitgroup_add(kc_waitgroup *wg, int delta)
{
	uint64_t old, new;
	uint32_t lower;
	int32_t count;
	bool wake;

	kc_jitter_here();
	if (delta < 0)
		kc_race_release(wg);
	old = __atomic_load_n(&wg->state, __ATOMIC_RELAXED);
	do {
		if (__builtin_add_overflow(count_of(old), delta, &count))
			kc_panic("WaitGroup counter out of range");
		if (count < 0)
			kc_panic("negative WaitGroup counter");
		lower = (uint32_t)old;
		wake = !count && (lower & SLEEP);
		if (wake)
			lower = (lower & ~SLEEP) + GENERATION;
		new = (uint64_t)(uint32_t)count << COUNT_SHIFT | lower;
	} while (!__atomic_compare_exchange_n(&wg->state, &old, new, true,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	if (wake)
		sys_futex_wake_all(sleep_word(wg));
}

int kc_waitgroup_count(const kc_waitgroup *wg)
{
	return count_of(__atomic_load_n(&wg->state, __ATOMIC_RELAXED));
}

void kc_waitgroup_done(kc_waitgroup *wg)
{
	kc_waitgroup_add(wg, -1);
}

static void wait_for(kc_waitgroup *wg)
{
	struct kc_parked *parked;
	uint32_t asleep;
	uint64_t state;

	kc_jitter_here();
	state = __atomic_load_n(&wg->state, __ATOMIC_ACQUIRE);
	do {
		if (!count_of(state))
			return;
	} while (!(state & SLEEP) &&
		 !__atomic_compare_exchange_n(&wg->state, &state, state | SLEEP,
					      true, __ATOMIC_ACQUIRE,
					      __ATOMIC_ACQUIRE));
	asleep = (uint32_t)(state | SLEEP);
	parked = kc_park(KC_STATE_WAITGROUP, wg, 0);

	/*
	 * Only the generation tells the end: a later waiter may have set the bit again.
	 */
	do {
		sys_futex_wait(sleep_word(wg), asleep);
		state = __atomic_load_n(&wg->state, __ATOMIC_ACQUIRE);
	} while ((uint32_t)state / GENERATION == asleep / GENERATION);
	kc_unpark(parked);
}

void kc_waitgroup_wait(kc_waitgroup *wg)
{
	wait_for(wg);
	kc_race_acquire(wg);
}

struct member {
	kc_waitgroup *wg;
	void (*fn)(void *arg);
	void *arg;
};

/* If a panic is going to end the program, waiters must not go on before that. */
static void leave(void *data)
{
	const struct member *member = data;

	if (!kc_panic_is_fatal(kc_g_self()))
		kc_waitgroup_done(member->wg);
}

static void run_member(void *data)
{
	const struct member *member = data;

	kc_defer(leave, data);
	member->fn(member->arg);
}

int kc_waitgroup_start(kc_waitgroup *wg, const struct kc_start *start)
{
	int ret;

	kc_waitgroup_add(wg, 1);
	ret = kc_start(start);
	if (ret)
		kc_waitgroup_done(wg);
	return ret;
}

int kc_waitgroup_go(kc_waitgroup *wg, void (*fn)(void *arg), void *arg)
{
	struct member member = { wg, fn, arg };
	const struct kc_start start = {
		.fn = run_member,
		.arg = &member,
		.copied = true,
		.copy_size = sizeof(member),
		.at = CALLER,
	};

	KC_NEED_FN(fn);
	return kc_waitgroup_start(wg, &start);
}

int kc_waitgroup_go_copy(kc_waitgroup *wg, void (*fn)(void *arg), const void *arg,
			 size_t size)
{
	struct member member = { wg, fn, NULL };
	const struct kc_start start = {
		.fn = run_member,
		.arg = &member,
		.copied = true,
		.copy_size = sizeof(member),
		.tail = arg,
		.tail_size = size,
		.tail_at = offsetof(struct member, arg),
		.at = CALLER,
	};

	KC_NEED_FN(fn);
	return kc_waitgroup_start(wg, &start);
}
