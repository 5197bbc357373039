/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_ARMS_H
#define _KCHAN_TEST_ARMS_H

#include "armed.h"
#include "harness.h"

/* Bytes in an outcome without an element. */
#define KT_COMMIT	sizeof(struct kchan_commit)

/**
 * struct kt_armed_call - a call on an armed select in a thread of its own
 * @armed: the armed select
 * @buf: where to read to
 * @ubuf: when not 0, an address in @mm to use in place of @buf
 * @mm: whose memory @ubuf is in
 * @len: bytes at @buf or @ubuf
 * @nonblock: do not wait
 * @ret: what the call returned, once @done
 * @task: the thread; it takes SIGTERM
 * @done: the call has returned
 */
struct kt_armed_call {
	struct kchan_armed *armed;
	u8 buf[64];
	unsigned long ubuf;
	struct mm_struct *mm;
	size_t len;
	bool nonblock;
	ssize_t ret;
	struct task_struct *task;
	struct completion done;
};

struct kchan_armed *kt_armed(struct kunit *test);
struct kchan_armed_cases *kt_arm_begin(struct kunit *test, unsigned int nr,
				       u32 commit_size);
void kt_arm_add(struct kchan_armed_cases *cases, struct kchan *ch, bool send,
		unsigned long addr);
int kt_arm(struct kchan_armed *armed, struct kchan_armed_cases *cases);
int kt_arm_recv(struct kunit *test, struct kchan_armed *armed, struct kchan *ch);
int kt_arm_send_n(struct kunit *test, struct kchan_armed *armed, struct kchan *ch,
		  u64 n);
struct kchan_armed *kt_armed_recv(struct kunit *test, struct kchan *ch);

int kt_arm_lease(struct kunit *test, struct kchan_armed *armed, struct kchan *ch,
		 u64 limit);
struct kchan_armed *kt_lease(struct kunit *test, struct kchan *ch, u64 limit);
s64 kt_lease_read(struct kchan_armed *armed, struct kchan_commit *commit);
void kt_lease_wait_expired(struct kunit *test, struct kchan_armed *armed);

ssize_t kt_armed_read(struct kchan_armed *armed, void *buf, size_t len);
s64 kt_armed_read_n(struct kchan_armed *armed);
void kt_armed_start(struct kunit *test, struct kt_armed_call *call);
void kt_armed_wait_asleep(struct kunit *test, struct kt_armed_call *call);
ssize_t kt_armed_join(struct kunit *test, struct kt_armed_call *call);

#endif /* _KCHAN_TEST_ARMS_H */
