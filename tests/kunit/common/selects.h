/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_SELECTS_H
#define _KCHAN_TEST_SELECTS_H

#include "call.h"
#include "harness.h"
#include "select.h"

/* A size for each way in which elements are stored and staged. */
#define KT_SIZES	{ 8, 200, PAGE_SIZE + 8 }

/**
 * struct kt_select - a select, in the current task or a thread of its own
 * @test: the test
 * @call: the call
 * @branches: its cases
 * @locks: their channels, for the call to sort
 * @channels: their channels, each once
 * @nr_channels: how many these are
 * @mem: user memory with a number for each case, where it has no other
 * @mm: whose memory that is
 * @wait: as for kchan_select(); it waits without end unless told otherwise
 * @deadline: for @wait to point to, when not 0
 * @fail_nth: which of its allocations fails, counted from 1, when not 0; then out: 0
 *	if that allocation was reached
 * @fifo: the thread goes before all others
 * @ret: the case that committed, or the error, once @done
 * @task: the thread, once started; it takes SIGTERM and SIGKILL
 * @done: the call has returned
 */
struct kt_select {
	struct kunit *test;
	struct kchan_call call;
	struct kchan_branch branches[KCHAN_MAX_CASES];
	struct kchan *locks[KCHAN_MAX_CASES];
	struct kchan *channels[KCHAN_MAX_CASES];
	unsigned int nr_channels;
	unsigned long mem;
	struct mm_struct *mm;
	struct kchan_wait wait;
	ktime_t deadline;
	unsigned int fail_nth;
	bool fifo;
	int ret;
	struct task_struct *task;
	struct completion done;
};

struct kt_select *kt_select(struct kunit *test);
unsigned int kt_add(struct kt_select *s, struct kchan *ch, bool send,
		    unsigned long addr, u32 len);
struct file *kt_file(struct kunit *test, const struct file_operations *fops,
		     void *arg);
unsigned int kt_add_file(struct kt_select *s, struct file *file);
unsigned int kt_add_send_n(struct kt_select *s, struct kchan *ch, u64 n);
unsigned int kt_add_recv_n(struct kt_select *s, struct kchan *ch);
unsigned int kt_add_nil(struct kt_select *s, bool send);
s64 kt_case_n(struct kt_select *s, unsigned int i);

void kt_select_empty(struct kt_select *s);
int kt_select_run(struct kt_select *s, const struct kchan_wait *wait);
int kt_select_now(struct kt_select *s);
void kt_select_start(struct kt_select *s);
void kt_select_park(struct kt_select *s);
void kt_select_signal(struct kt_select *s, int sig);
bool kt_select_returned(struct kt_select *s);
int kt_select_join(struct kt_select *s);
void kt_expect_chosen(struct kt_select *s, int index, int status);

struct kt_select *kt_park_two(struct kunit *test, struct kchan *a, bool send_a,
			      struct kchan *b, bool send_b);
unsigned long kt_user_filled(struct kunit *test, u32 len, unsigned int seed);
bool kt_user_is_filled(struct kunit *test, unsigned long addr, u32 len,
		       unsigned int seed);

#endif /* _KCHAN_TEST_SELECTS_H */
