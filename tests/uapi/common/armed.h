/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Armed selects, for the tests of them.
 */
#ifndef ARMED_H
#define ARMED_H

#include "cases.h"

/* The cases as they are in @c; its select is not used. The fd, or -1. */
int try_arm(int on, const struct cases *c, uint32_t flags);
/* The same on an fd that was armed before: 0, or -1. */
int try_rearm(int armed, const struct cases *c);
/* As event loops do: the fd is O_NONBLOCK. */
int arm(int on, const struct cases *c);
/* One case on the channel that it is armed on. */
int arm_recv(int fd, uint32_t len);
int arm_send(int fd, const void *addr, uint32_t len);

/* What is read from one: the commit, and an element of 8 bytes or less. */
struct committed {
	struct kchan_commit commit;
	uint64_t value;
};

/* The bytes that read() returned, or -1; poisoned first. */
ssize_t try_collect(int armed, struct committed *out);
/* That a case with this index committed, and its status. */
#define expect_commit(armed, out, want_index, want_status)		\
	do {								\
		must(try_collect(armed, out) >=				\
		     (ssize_t)sizeof((out)->commit));			\
		expect_int((out)->commit.index, want_index);		\
		expect_int((out)->commit.status, want_status);		\
		expect_int((out)->commit.size, sizeof((out)->commit));	\
	} while (0)

int disarm(int armed);

#endif /* ARMED_H */
