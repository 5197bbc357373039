/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_ARMED_H
#define _KCHAN_ARMED_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "party.h"
#include "select.h"

/**
 * DOC: Armed selects
 *
 * An armed select is a party that nobody waits in: its waiters are queued from
 * when it is armed until what became of it is read, or it is disarmed, or its file
 * closed. Who completes a case claims the party as any other, and where a task
 * would be woken wakes those who poll the file.
 *
 * Its cases hold a reference on their channels and are counted as ends of them,
 * not the files that they were named by: a file that held files would make cycles
 * that nobody collects. They give up both in the call that reads, disarms or
 * closes, and not when a case commits: that is in somebody else's call, who need
 * not know what else was armed, nor take those channels' locks.
 */

/**
 * struct kchan_armed_cases - what an armed select waits for
 * @sel: the select
 * @slots: one for each case
 */
struct kchan_armed_cases {
	struct kchan_selection sel;
	struct kchan_slot slots[];
};

/**
 * struct kchan_armed - an armed select
 * @party: the party, which has no task. OPEN while its cases are queued; DONE once
 *	a case has committed; CLAIMED in between, and while nothing is armed.
 * @ref: the file, and each waker who is about to tell
 * @lock: serialises arm, disarm and read. Nests outside the locks of channels, and
 *	is held while an element is copied to user memory.
 * @cases: NULL when nothing is armed; under @lock
 * @collected: a case has committed, and the waiters are out of their queues; under
 *	@lock
 * @wait: wait queue of poll, and of whoever has to wait for DONE
 */
struct kchan_armed {
	struct kchan_party party;
	struct kref ref;
	struct mutex lock; /* serialises arm, disarm and read */
	struct kchan_armed_cases *cases;
	bool collected;
	wait_queue_head_t wait;
};

/**
 * kchan_armed_ready() - whether a case has committed
 * @armed: the armed select
 *
 * Return: whether there is something to read.
 */
static inline bool kchan_armed_ready(struct kchan_armed *armed)
{
	/* Pairs with the store-release in kchan_tell_done(). */
	return atomic_read_acquire(&armed->party.state) == KCHAN_DONE;
}

struct kchan_armed *kchan_armed_alloc(void);
void kchan_armed_put(struct kchan_armed *armed);
void kchan_armed_close(struct kchan_armed *armed);

struct kchan_armed_cases *kchan_armed_cases_alloc(unsigned int nr);
void kchan_armed_cases_free(struct kchan_armed_cases *cases);

int kchan_armed_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases);
int kchan_armed_disarm(struct kchan_armed *armed);
int kchan_armed_collect(struct kchan_armed *armed, struct kchan_commit *commit,
			struct kchan_elem **elem);
void kchan_armed_retire(struct kchan_armed *armed);

#endif /* _KCHAN_ARMED_H */
