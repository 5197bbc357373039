// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Locks for one writer or many readers, by Go's algorithm.
 *
 * "readers" counts those who read or wait to; a writer, once it is the only one,
 * takes MAX_READERS from it, so that it is negative for as long as a writer waits or
 * writes: by that readers know to wait. What was left when it did so is how many
 * have to leave before it may write; those who leave from then on count "leaving"
 * down, which may be below 0 for a moment, as they may be quicker than the writer
 * is in adding their number. The last one gives the writer its turn. A writer that
 * ends adds MAX_READERS again, finds how many wait, and gives each a turn; only
 * then may the next writer try: so they get in first.
 *
 * A turn is a count that one sleeps on while it is 0.
 *
 * The race detector is told of what readers let go of as of "leaving", and of what
 * writers do as of "readers".
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

/* After the first line the memory may be gone, if that was the last turn. */
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

/* For writing: it is known by now who has read, and who has written. */
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
		/* As it was, for whoever recovers. */
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
