/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring by its system calls, for the tests of what it does with channels.
 */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>

#include "chan.h"

struct ring {
	int fd;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

/* Skips the test where there is no io_uring. */
void ring_open(struct ring *r);
void ring_close(struct ring *r);
/*
 * Submits one operation; @data tells it when it is completed. Of a poll @len is
 * the events.
 */
void ring_submit(struct ring *r, uint8_t op, int fd, void *buf, uint32_t len,
		 uint64_t data);
void ring_submit_with(struct ring *r, uint8_t op, int fd, void *buf,
		      uint32_t len, uint64_t data, uint8_t flags);
/* The next completion there is; false when there is none. */
bool ring_complete(struct ring *r, uint64_t *data, int *result);
/* The same, of those that the kernel need not be entered for. */
bool ring_completed(struct ring *r, uint64_t *data, int *result);
/* Sleeps until there is one. */
void ring_wait(struct ring *r);
/* The next completion, once it comes. */
void ring_expect(struct ring *r, uint64_t want, int result);
/* That what was submitted waits. */
#define expect_none_completed(r)					\
	do {								\
		uint64_t data_ = 0;					\
		int result_ = 0;					\
		expect(!ring_complete(r, &data_, &result_));		\
	} while (0)

/* Threads that io_uring has made in this process; they stay for some seconds. */
int ring_workers(void);

#endif /* RING_H */
