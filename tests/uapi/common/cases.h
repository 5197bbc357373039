/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selects of many cases, for the tests of them.
 */
#ifndef CASES_H
#define CASES_H

#include "chan.h"

struct cases {
	struct kchan_case c[KCHAN_MAX_CASES + 1];
	struct kchan_select s;
	unsigned int nr;
};

/* Without flags it waits for ever. */
void cases_init(struct cases *c, uint32_t flags, uint64_t deadline);
/* Each returns the case's index. */
unsigned int add_send(struct cases *c, int fd, const void *addr, uint32_t len);
unsigned int add_recv(struct cases *c, int fd, void *addr, uint32_t len);
unsigned int add_poll(struct cases *c, int fd, uint32_t events);

/*
 * -1 and errno, or 0 and the outputs. Checks that the kernel wrote those and
 * nothing else, or nothing at all.
 */
int cases_run(int on, struct cases *c);
/* The same without waiting: the index of the case that committed, or -1. */
int cases_now(int on, struct cases *c);

/* In a thread of its own. */
struct cases_call {
	struct cases c;
	int on;
	int ret;
	int error;
	atomic_int tid;
	atomic_bool done;
	pthread_t thread;
};

void cases_start(struct cases_call *call, int on);
/* The result, with errno. Ends the test when it does not return. */
int cases_join(struct cases_call *call);

/* That nobody waits at a channel any more. */
#define expect_idle(fd)							\
	do {								\
		struct kchan_info info_ = chan_info(fd);		\
		expect_int(info_.send_waiters, 0);			\
		expect_int(info_.recv_waiters, 0);			\
	} while (0)

#endif /* CASES_H */
