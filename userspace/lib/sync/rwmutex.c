// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Locks for one writer or many readers, by Go's algorithm.
 *
 * "readers" counts the readers that hold the lock or wait for it. A writer first takes
 * the mutex "writers". Then it subtracts MAX_READERS from "readers". So "readers" is
 * negative while a writer waits or writes, and new readers wait. The rest is the number
 * of readers that hold the lock. The writer adds this number to "leaving". Each reader
 * that unlocks from then on subtracts 1 from "leaving". "leaving" may be negative for a
 * moment, if readers are faster than the writer's addition. Whoever makes it 0 gives
 * the writer its turn. A writer that unlocks adds MAX_READERS again, learns how many
 * readers wait, and gives each of them a turn. Only after that it unlocks "writers", so
 * these readers come before the next writer.
 *
 * A turn is a counter. A waiter sleeps while it is 0, and else takes 1 from it.
 *
 * For the race detector, readers release "leaving", and writers release "readers".
 */
#include "race/race.h"
#include "sched/park.h"

#define MAX_READERS	(1 << 30)

static void wait_turn(kc_state state, const kc_rwmutex *rw, uint32_t *turn)
{
	struct kc_parked *parked = kc_park(state, rw, 0);
	uint32_t turns = __atomic_load_n(turn, __ATOMIC_RELAXED);

	for (;;) {
		if (!turns) {
			sys_futex_wait(turn, 0);
			turns = __atomic_load_n(turn, __ATOMIC_RELAXED);
		} else if (__atomic_compare_exchange_n(turn, &turns, turns - 1,
						       true, __ATOMIC_ACQUIRE,
						       __ATOMIC_RELAXED)) {
			break;
		}
	}
	kc_unpark(parked);
}

/*
 * After the addition, the memory may be freed if that was the last turn. The wake uses
 * only the address.
 */
static void give_turns(uint32_t *turn, uint32_t turns)
{
	__atomic_fetch_add(turn, turns, __ATOMIC_RELEASE);
	if (turns == 1)
		sys_futex_wake_one(turn);
	else
		sys_futex_wake_all(turn);
}

static int32_t add_readers(kc_rwmutex *rw, int32_t delta)
{
	return __atomic_add_fetch(&rw->readers, delta, __ATOMIC_ACQ_REL);
}

/* A writer is ordered after all readers and writers before it. */
static void acquire_all(kc_rwmutex *rw)
{
	kc_race_acquire(&rw->readers);
	kc_race_acquire(&rw->leaving);
}

static int32_t add_leaving(kc_rwmutex *rw, int32_t delta)
{
	return __atomic_add_fetch(&rw->leaving, delta, __ATOMIC_ACQ_REL);
}

void kc_rwmutex_rlock(kc_rwmutex *rw)
{
	kc_jitter_here();
	if (add_readers(rw, 1) < 0)
		wait_turn(KC_STATE_RWMUTEX_READ, rw, &rw->reader_turn);
	kc_race_acquire(&rw->readers);
}

int kc_rwmutex_try_rlock(kc_rwmutex *rw)
{
	uint32_t readers;

	kc_jitter_here();
	readers = __atomic_load_n(&rw->readers, __ATOMIC_RELAXED);
	do {
		if ((int32_t)readers < 0)
			return -EAGAIN;
	} while (!__atomic_compare_exchange_n(&rw->readers, &readers,
					      readers + 1, true,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	kc_race_acquire(&rw->readers);
	return 0;
}

void kc_rwmutex_runlock(kc_rwmutex *rw)
{
	int32_t left;

	kc_jitter_here();
	kc_race_release(&rw->leaving);
	left = add_readers(rw, -1);
	if (left >= 0)
		return;
	if (left == -1 || left == -MAX_READERS - 1) {
		/* Restores the counter, in case the panic is recovered. */
		add_readers(rw, 1);
		kc_panic("runlock of unlocked rwmutex");
	}
	if (!add_leaving(rw, -1))
		give_turns(&rw->writer_turn, 1);
}

void kc_rwmutex_lock(kc_rwmutex *rw)
{
	int32_t inside;

	kc_jitter_here();
	kc_lock_or_park(&rw->writers.state, KC_STATE_RWMUTEX_WRITE, rw);
	inside = add_readers(rw, -MAX_READERS) + MAX_READERS;
	if (inside && add_leaving(rw, inside))
		wait_turn(KC_STATE_RWMUTEX_WRITE, rw, &rw->writer_turn);
	acquire_all(rw);
}

int kc_rwmutex_try_lock(kc_rwmutex *rw)
{
	uint32_t none = 0;

	kc_jitter_here();
	if (!kc_lock_try(&rw->writers.state))
		return -EAGAIN;
	if (!__atomic_compare_exchange_n(&rw->readers, &none, -MAX_READERS, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		kc_unlock(&rw->writers.state);
		return -EAGAIN;
	}
	acquire_all(rw);
	return 0;
}

void kc_rwmutex_unlock(kc_rwmutex *rw)
{
	int32_t waiting;

	kc_jitter_here();
	kc_race_release(&rw->readers);
	waiting = add_readers(rw, MAX_READERS);
	if (waiting >= MAX_READERS) {
		add_readers(rw, -MAX_READERS);
		kc_panic("unlock of unlocked rwmutex");
	}
	if (waiting)
		give_turns(&rw->reader_turn, waiting);
	kc_unlock(&rw->writers.state);
}
