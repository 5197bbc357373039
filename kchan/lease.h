/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_LEASE_H
#define _KCHAN_LEASE_H

#include "flight.h"

/**
 * struct kchan_lease_seen - an element under lease, as its reader sees it
 * @ch: the channel; holds a reference
 * @elem: the element; holds a reference. Its bytes, length and number do not change.
 * @returns: how often it had come back
 * @due: when the lease ends by itself; 0 for never
 */
struct kchan_lease_seen {
	struct kchan *ch;
	struct kchan_elem *elem;
	u32 returns;
	ktime_t due;
};

bool kchan_lease_expired(struct kchan *ch, struct kchan_lease *lease);
int kchan_lease_look(struct kchan *ch, struct kchan_lease *lease,
		     struct kchan_lease_seen *seen);
void kchan_lease_looked(struct kchan_lease *lease, struct kchan_lease_seen *seen,
			bool whole);
int kchan_lease_ack(struct kchan *ch, struct kchan_lease *lease, bool rearm,
		    struct kchan_elem **elem);
int kchan_lease_return(struct kchan *ch, struct kchan_lease *lease, u32 flags, u64 delay,
		       struct kchan_elem **elem);
int kchan_lease_extend(struct kchan *ch, struct kchan_lease *lease, u64 limit);
void kchan_lease_drop(struct kchan *ch, struct kchan_lease *lease);
void kchan_lease_show(struct seq_file *m, struct kchan *ch, struct kchan_lease *lease);

#endif /* _KCHAN_LEASE_H */
