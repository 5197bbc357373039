/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases, for the tests of them.
 */
#ifndef LEASES_H
#define LEASES_H

#include "armed.h"

/* Arms one receive under lease. The fd is O_NONBLOCK. The first returns -1 on failure. */
int try_lease(int fd, uint32_t len, uint64_t limit);
int lease_arm(int fd, uint32_t len, uint64_t limit);
/* Arms it again, after its lease has ended: 0, or -1. */
int try_lease_again(int lease, int fd, uint32_t len, uint64_t limit);

/* 0, or the bytes of the next outcome, or -1. */
int lease_ack(int lease);
int lease_ack_again(int lease, void *next, uint32_t len);
int lease_return(int lease, uint32_t flags, uint64_t delay);
int lease_extend(int lease, uint64_t limit);

/* That an element of 8 bytes is leased: its number, and how often it came back. */
#define expect_lease(lease, want_value, want_number, want_returns)	\
	do {								\
		struct committed out_;					\
									\
		expect_commit(lease, &out_, 0, 0);			\
		expect_int(out_.value, want_value);			\
		expect_int(out_.commit.number, want_number);		\
		expect_int(out_.commit.returns, want_returns);		\
	} while (0)

#endif /* LEASES_H */
