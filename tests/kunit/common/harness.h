/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_HARNESS_H
#define _KCHAN_TEST_HARNESS_H

/**
 * DOC: How these tests are made
 *
 * The tests call the state machine as kchan/file.c and kchan/select.c do, on channels
 * that no file belongs to, mostly with kernel buffers. A call that blocks is made in a
 * kthread of its own (&struct kt_call). The test knows from the channel's count of
 * waiters that the call has parked, and never from the time that has passed. Every
 * wait has a bound, and the test fails there.
 *
 * Some tests want many waiters, or want to do themselves what the owners of waiters
 * do. Such waiters are parties without a thread (parties.h).
 *
 * A test that looks between the telling and the wake-up, or between two steps, makes
 * the first step itself and delays kchan_finish().
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/log2.h>
#include <linux/rbtree.h>

#include "flight.h"
#include "kchan.h"
#include "party.h"

/* Far above what anything here takes, for emulators on a loaded machine. */
#define KT_PATIENCE	(10 * HZ)

/* What poll tells: sparse takes a __poll_t for no number. */
#define KT_EXPECT_POLL(test, left, right)	\
	KUNIT_EXPECT_EQ(test, (__force u32)(left), (__force u32)(right))

/**
 * struct kt_call - a send or a receive in a thread of its own
 * @test: the test
 * @ch: the channel
 * @buf: the elements, or where they go
 * @ubuf: when not 0, an address in @mm to use in place of @buf
 * @mm: whose memory @ubuf is in
 * @len: bytes at @buf or @ubuf
 * @wait: as for kchan_send(); it waits without end unless told otherwise
 * @deadline: for @wait to point to, when not 0
 * @pending: a signal that is pending when it begins, when not 0
 * @fail_nth: which of its allocations fails, counted from 1, when not 0; then out: 0
 *	if that allocation was reached
 * @ret: what the call returned, once @done
 * @task: the thread, once started; it takes SIGTERM and SIGKILL
 * @done: the call has returned
 * @send: it sends
 */
struct kt_call {
	struct kunit *test;
	struct kchan *ch;
	void *buf;
	unsigned long ubuf;
	struct mm_struct *mm;
	size_t len;
	struct kchan_wait wait;
	ktime_t deadline;
	int pending;
	unsigned int fail_nth;
	ssize_t ret;
	struct task_struct *task;
	struct completion done;
	bool send;
};

/**
 * struct kt_poller - a poller of an end of both directions, which counts its wake-ups
 * @rd: in kchan.rd_wait
 * @wr: in kchan.wr_wait
 * @test: the test
 * @in: wake-ups for input
 * @out: wake-ups for output
 * @wrong: wake-ups in one queue with events of the other one, or with events of both
 * @all_rd: wake-ups of those who receive, without events
 * @all_wr: wake-ups of those who send, without events
 * @ch: the channel
 */
struct kt_poller {
	wait_queue_entry_t rd;
	wait_queue_entry_t wr;
	struct kunit *test;
	unsigned int in;
	unsigned int out;
	unsigned int wrong;
	unsigned int all_rd;
	unsigned int all_wr;
	struct kchan *ch;
};

struct kchan *kt_raw_chan(struct kunit *test);
struct kchan *kt_chan(struct kunit *test, u32 elem_size, u32 capacity);
struct kchan *kt_message_chan(struct kunit *test, u32 elem_size, u32 capacity);
void kt_info(struct kchan *ch, struct kchan_info *info);
u32 kt_len(struct kchan *ch);
void kt_check(struct kunit *test, struct kchan *ch);
void kt_fill(void *buf, size_t len, unsigned int seed);
bool kt_filled(const void *buf, size_t len, unsigned int seed);

ssize_t kt_try_send(struct kchan *ch, const void *buf, size_t len);
ssize_t kt_try_recv(struct kchan *ch, void *buf, size_t len);
int kt_send_n(struct kchan *ch, u64 n);
s64 kt_recv_n(struct kchan *ch);

struct kt_call *kt_call(struct kunit *test, struct kchan *ch, bool send,
			size_t len);
void kt_start(struct kt_call *call);
void kt_park(struct kt_call *call);
void kt_wait_parked(struct kunit *test, struct kchan *ch,
		    unsigned int senders, unsigned int receivers);
void kt_signal(struct kt_call *call, int sig);
bool kt_returned(struct kt_call *call);
ssize_t kt_join(struct kt_call *call);
s64 kt_join_n(struct kt_call *call);
struct kt_call *kt_park_send_n(struct kunit *test, struct kchan *ch, u64 n);
struct kt_call *kt_park_send_batch(struct kunit *test, struct kchan *ch,
				   u64 first, unsigned int nr);
struct kt_call *kt_park_recv(struct kunit *test, struct kchan *ch, size_t room);
struct kt_call *kt_park_recv_n(struct kunit *test, struct kchan *ch);

int kt_give(struct kchan *ch, u64 n, struct kchan_step *step);
s64 kt_take(struct kchan *ch, struct kchan_step *step);
int kt_try_detach(struct kchan *ch, struct kchan_elem **elem);
struct kchan_elem *kt_detach(struct kunit *test, struct kchan *ch);
void kt_settle(struct kchan *ch, struct kchan_elem *elem);
u64 kt_elem_n(const struct kchan_elem *elem);

struct kt_poller *kt_poller(struct kunit *test, struct kchan *ch,
			    bool exclusive);
void kt_poller_end(void *arg);
void kt_expect_woken(struct kt_poller *p, unsigned int in, unsigned int out,
		     unsigned int all);

int kt_set_param(const char *name, const char *val);

/* Far fewer loops where there are several CPUs, because these may be emulated. */
static inline unsigned int kt_scale(unsigned int loops)
{
	return num_online_cpus() > 1 ? loops / 8 : loops;
}

/* How many levels a tree has. A way down meets at most this many nodes. */
unsigned int kt_levels(const struct rb_node *node);

/* A red-black tree of @nr nodes may have this many levels. */
#define KT_LEVELS(nr)	(2 * (ilog2(nr) + 1))

#endif /* _KCHAN_TEST_HARNESS_H */
