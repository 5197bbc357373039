/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases, for calls with a context.
 */
#ifndef LIBKCHAN_CHAN_LEASE_H
#define LIBKCHAN_CHAN_LEASE_H

#include <kchan/lease.h>

/*
 * As kc_lease_try_recv() in the line @at, but the handle stays armed: its descriptor can be
 * waited for.
 */
int kc_lease_recv_armed(kc_lease *lease, void *at);

#endif /* LIBKCHAN_CHAN_LEASE_H */
