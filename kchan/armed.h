/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_ARMED_H
#define _KCHAN_ARMED_H

#include <linux/mutex.h>

#include "call.h"
#include "flight.h"

/**
 * struct kchan_armed_cases - what an armed select waits for
 * @charge: who is charged for this
 * @call: the call
 * @commit_size: bytes in the &struct kchan_commit that a read returns
 * @limit: kchan_lease.limit, if a case makes a lease
 * @slots: one for each case; the branches and the locks follow them in memory
 */
struct kchan_armed_cases {
	struct kchan_charge charge;
	struct kchan_call call;
	u32 commit_size;
	u64 limit;
	struct kchan_slot slots[];
};

/**
 * struct kchan_armed - an armed select
 * @polled: the party. OPEN while its cases are queued; DONE once a case has
 *	committed; CLAIMED when it is given up, and while nothing is armed.
 * @charge: who is charged for this
 * @lock: serialises arm, disarm, read, and what ends a lease. Nests outside the locks of
 *	channels. No user memory is touched under it, so nobody waits long for it.
 * @cases: NULL when nothing is armed; changes under @lock
 * @collected: a case has committed, and the waiters are out of their queues; under
 *	@lock
 * @reading: a thread copies the outcome to its user, and will have taken it; changes
 *	under @lock. Never set for a lease.
 * @lease: the lease, once a case that makes one has committed
 */
struct kchan_armed {
	struct kchan_polled polled;
	struct kchan_charge charge;
	struct mutex lock; /* serialises arm, disarm, read, and what ends a lease */
	struct kchan_armed_cases *cases;
	bool collected;
	bool reading;
	struct kchan_lease lease;
};

struct kchan_armed *kchan_armed_alloc(void);
void kchan_armed_close(struct kchan_armed *armed);
struct kchan_armed_cases *kchan_armed_cases_alloc(unsigned int nr, u32 commit_size);
void kchan_armed_lease_cases(struct kchan_armed *armed, struct kchan_armed_cases *cases,
			     u64 limit);
void kchan_armed_cases_free(struct kchan_armed_cases *cases);
int kchan_armed_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases);
int kchan_armed_disarm(struct kchan_armed *armed);
ssize_t kchan_armed_read(struct kchan_armed *armed, struct iov_iter *to,
			 bool nonblock);
bool kchan_armed_readable(struct kchan_armed *armed);
__poll_t kchan_armed_readiness(struct kchan_armed *armed);
int kchan_armed_ack(struct kchan_armed *armed, bool rearm);
int kchan_armed_return(struct kchan_armed *armed, u32 flags, u64 delay);
int kchan_armed_extend(struct kchan_armed *armed, u64 limit);
void kchan_armed_show(struct seq_file *m, struct kchan_armed *armed);

/* armed_file.c */
long kchan_ioctl_arm(void __user *uarg, size_t usize);

#endif /* _KCHAN_ARMED_H */
