// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: what begins and ends one, where the element goes, and what it counts as.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "arms.h"
#include "memory.h"
#include "parties.h"

/* Nanoseconds: soon enough to wait for, and late enough not to come meanwhile. */
#define LEASE_SOON	(2 * NSEC_PER_MSEC)
#define LEASE_LATE	(3600ULL * NSEC_PER_SEC)

static void lease_send(struct kunit *test, struct kchan *ch, u64 from, u64 to)
{
	for (; from <= to; from++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, from), 0);
}

static void lease_expect_info(struct kunit *test, struct kchan *ch, u32 leased,
			      u32 delayed)
{
	struct kchan_info info;

	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.leased, leased);
	KUNIT_EXPECT_EQ(test, info.delayed, delayed);
	KUNIT_EXPECT_GE(test, info.in_flight, leased + delayed);
}

/* Each size, each way in which a lease is handed its element. It can be read twice. */
static void lease_life(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, how, again;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const u32 size = sizes[i / 2], len = KT_COMMIT + size;
		struct kchan *ch = kt_chan(test, size, 2);
		struct kt_call *buf = kt_call(test, ch, true, len);
		struct kchan_commit *commit = buf->buf;
		struct kchan_armed *armed = NULL;

		how = i % 2;
		if (how)
			armed = kt_lease(test, ch, 0);
		kt_fill(buf->buf, size, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
		if (!how)
			armed = kt_lease(test, ch, 0);
		lease_expect_info(test, ch, 1, 0);
		KT_EXPECT_POLL(test, kchan_armed_readiness(armed), EPOLLIN | EPOLLRDNORM);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len - 1), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -EAGAIN);
		for (again = 0; again < 2; again++) {
			memset(buf->buf, 0x5a, len);
			KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), len);
			KUNIT_EXPECT_EQ(test, commit->len, size);
			KUNIT_EXPECT_EQ(test, commit->number, 0);
			KUNIT_EXPECT_EQ(test, commit->returns, 0);
			KUNIT_EXPECT_EQ(test, commit->limit, 0);
			KUNIT_EXPECT_TRUE(test, kt_filled(commit + 1, size, i));
			KT_EXPECT_POLL(test, kchan_armed_readiness(armed), 0);
		}
		KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), -EBUSY);
		KUNIT_EXPECT_EQ(test, kchan_armed_disarm(armed), -EALREADY);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), 0);
		lease_expect_info(test, ch, 0, 0);
		KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -EINVAL);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), -EINVAL);
		kchan_armed_close(armed);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
		kt_check(test, ch);
	}
}

/* Without an element there is no lease, and nothing to acknowledge or to return. */
static void lease_none(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct kchan_armed *armed = kt_armed(test);
	struct kchan_commit commit;

	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_armed_extend(armed, 1), -EAGAIN);
	kchan_close(ch);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), -EINVAL);
	kchan_armed_close(armed);
	/* What is received without a lease is none. */
	ch = kt_chan(test, 8, 1);
	armed = kt_armed_recv(test, ch);
	lease_send(test, ch, 1, 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_armed_read_n(armed), 1);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * The last copy of the fd goes. The element is in its place, and the return counts if
 * somebody has read the element.
 */
static void lease_closed(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_commit commit;
	struct kchan_armed *armed, *other;

	lease_send(test, ch, 1, 4);
	armed = kt_lease(test, ch, LEASE_LATE);
	other = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(other, &commit), 2);
	kchan_armed_close(other);
	kchan_armed_close(armed);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 4);
	armed = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, commit.number, 0);
	KUNIT_EXPECT_EQ(test, commit.returns, 0);
	other = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(other, &commit), 2);
	KUNIT_EXPECT_EQ(test, commit.number, 1);
	KUNIT_EXPECT_EQ(test, commit.returns, 1);
	kchan_armed_close(other);
	kchan_armed_close(armed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	kt_check(test, ch);
}

/* Returned to the longest-waiting receiver, to its place, and to the tail. */
static void lease_returned(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_armed *armed = kt_lease(test, ch, 0);
	struct kchan_commit commit;
	struct kt_call *call;

	lease_send(test, ch, 1, 1);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);

	lease_send(test, ch, 2, 4);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	KUNIT_EXPECT_EQ(test, commit.returns, 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, KCHAN_RETURN_UNCOUNTED, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	KUNIT_EXPECT_EQ(test, commit.returns, 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, KCHAN_RETURN_TAIL, 0), 0);
	lease_send(test, ch, 5, 6);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	KUNIT_EXPECT_EQ(test, commit.returns, 2);
	KUNIT_EXPECT_EQ(test, commit.number, 1);
	kchan_armed_close(armed);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 6);
	kt_check(test, ch);
}

/* Several at the tail keep their order, also when one of them comes back once more. */
static void lease_tail_order(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 8);
	struct kchan_armed *armed[3], *again[2];
	unsigned int i;
	u64 n[4];

	lease_send(test, ch, 1, 6);
	for (i = 0; i < 3; i++)
		armed[i] = kt_lease(test, ch, 0);
	for (i = 3; i-- > 0; )
		KUNIT_EXPECT_EQ(test, kchan_armed_return(armed[i], KCHAN_RETURN_TAIL, 0),
				0);
	lease_send(test, ch, 7, 8);
	/* A batch takes what was stored, and stops before them. */
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, n, sizeof(n)), sizeof(n));
	KUNIT_EXPECT_EQ(test, n[0], 4);
	KUNIT_EXPECT_EQ(test, n[1], 5);
	KUNIT_EXPECT_EQ(test, n[2], 6);
	KUNIT_EXPECT_EQ(test, n[3], 3);
	/* Those that are handed out again keep their new places. */
	again[0] = kt_lease(test, ch, 0);
	again[1] = kt_lease(test, ch, 0);
	kchan_armed_close(again[1]);
	kchan_armed_close(again[0]);
	KUNIT_EXPECT_EQ(test, kchan_next_len(ch), 8);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 7);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 8);
	for (i = 0; i < 3; i++)
		kchan_armed_close(armed[i]);
	kt_check(test, ch);
}

/* Acknowledged and armed again. Its memory is used again. */
static void lease_rearmed(struct kunit *test)
{
	static const u32 sizes[] = { 8, 200, PAGE_SIZE + 8 };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const u32 len = KT_COMMIT + sizes[i];
		struct kchan *ch = kt_chan(test, sizes[i], 4);
		struct kt_call *buf = kt_call(test, ch, true, len);
		struct kchan_commit *commit = buf->buf;
		struct kchan_armed *armed = kt_lease(test, ch, 0);

		for (n = 0; n < 6; n++) {
			/* In turn what is queued already, and what comes later. */
			if (!(n & 1)) {
				kt_fill(buf->buf, sizes[i], n);
				kt_try_send(ch, buf->buf, sizes[i]);
				kt_fill(buf->buf, sizes[i], n + 1);
				kt_try_send(ch, buf->buf, sizes[i]);
			}
			KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), len);
			KUNIT_EXPECT_EQ(test, commit->number, n);
			KUNIT_EXPECT_TRUE(test, kt_filled(commit + 1, sizes[i], n));
			KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), 0);
		}
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), -EAGAIN);
		KUNIT_EXPECT_EQ(test, ch->receivers.len, 1);
		kchan_close(ch);
		KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf->buf, len), KT_COMMIT);
		KUNIT_EXPECT_EQ(test, commit->status, EPIPE);
		kchan_armed_close(armed);
		kt_check(test, ch);
	}
}

/* The elements of other cases, to be sent, are still there when it is armed again. */
static void lease_rearmed_sends(struct kunit *test)
{
	struct kchan *jobs = kt_chan(test, 8, 2), *out = kt_chan(test, 8, 1);
	struct kchan_armed_cases *cases = kt_arm_begin(test, 2, KT_COMMIT);
	struct kchan_armed *armed = kt_armed(test);
	unsigned long addr = kt_user_pages(test, 1);
	struct kchan_commit commit;
	u64 n = 99;

	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)addr, &n, sizeof(n)));
	lease_send(test, out, 1, 1);
	kt_arm_add(cases, jobs, false, 0);
	kt_arm_add(cases, out, true, addr);
	kchan_armed_lease_cases(armed, cases, 0);
	KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
	lease_send(test, jobs, 5, 5);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 5);
	KUNIT_EXPECT_EQ(test, kt_recv_n(out), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(out), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(out), 99);
	/* The outcome of a send is no lease, and ends the select. */
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, &commit, sizeof(commit)), KT_COMMIT);
	KUNIT_EXPECT_EQ(test, commit.index, 1);
	KUNIT_EXPECT_EQ(test, commit.len, 8);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, &commit, sizeof(commit)), -EINVAL);
	kchan_armed_close(armed);
	kt_check(test, jobs);
	kt_check(test, out);
}

/* A lease is the last end that receives. It keeps what is queued. */
static void lease_last_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_armed *armed;
	struct kchan_commit commit;
	struct kchan_info info;

	lease_send(test, ch, 1, 3);
	armed = kt_lease(test, ch, 0);
	kchan_end_put(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 2);
	lease_send(test, ch, 4, 4);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	/* What is delayed goes with the last end. So does the element itself. */
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, LEASE_LATE), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), -EPIPE);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.len, 0);
	KUNIT_EXPECT_EQ(test, info.delayed, 0);
	KUNIT_EXPECT_EQ(test, info.dropped, 3);
	KUNIT_EXPECT_EQ(test, info.taken, 2);
	KUNIT_EXPECT_EQ(test, info.settled, 2);
	kchan_armed_close(armed);
	kt_check(test, ch);
	kchan_end_get(ch, FMODE_READ);
}

/* A leased element may come back. So no receive returns end-of-stream before that. */
static void lease_end_of_stream(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct kchan_armed *armed;
	struct kchan_commit commit;
	struct kt_call *call;

	lease_send(test, ch, 1, 1);
	armed = kt_lease(test, ch, 0);
	kchan_close(ch);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ), EPOLLRDHUP);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, 0, LEASE_SOON), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	lease_expect_info(test, ch, 0, 1);
	/* The delay ends, and a receiver that waits gets it. */
	call = kt_call(test, ch, false, 8);
	kt_start(call);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);

	ch = kt_chan(test, 8, 2);
	lease_send(test, ch, 1, 1);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	kchan_close(ch);
	call = kt_call(test, ch, false, 8);
	kt_park(call);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	/* Armed again, the select receives end-of-stream, as all other receivers do. */
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), 0);
	KUNIT_EXPECT_EQ(test, kt_join(call), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), -EPIPE);
	KT_EXPECT_POLL(test, kchan_readiness(ch, FMODE_READ),
		       EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

static void lease_expect_settled(struct kunit *test, struct kchan *ch, u64 taken,
				 u64 settled)
{
	struct kchan_info info;

	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.taken, taken);
	KUNIT_EXPECT_EQ(test, info.settled, settled);
}

/* INFO tells the number below which all is settled. */
static void lease_settled(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 8);
	struct kchan_armed *armed[3];
	struct kchan_commit commit;
	struct kchan_elem *elem;
	unsigned int i;

	lease_send(test, ch, 1, 6);
	lease_expect_settled(test, ch, 0, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	lease_expect_settled(test, ch, 1, 1);
	for (i = 0; i < 3; i++) {
		armed[i] = kt_lease(test, ch, 0);
		kt_lease_read(armed[i], &commit);
		KUNIT_EXPECT_EQ(test, commit.number, i + 1);
		lease_expect_settled(test, ch, i + 2, 1);
	}
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed[1], false), 0);
	lease_expect_settled(test, ch, 4, 1);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed[0], false), 0);
	lease_expect_settled(test, ch, 4, 3);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed[2], KCHAN_RETURN_TAIL, 0), 0);
	lease_expect_settled(test, ch, 4, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	lease_expect_settled(test, ch, 5, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 6);
	/* It is detached by one who has no lease, and flies. */
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, elem->seq, 3);
	lease_expect_settled(test, ch, 6, 3);
	kchan_put_back(ch, elem);
	lease_expect_settled(test, ch, 6, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	lease_expect_settled(test, ch, 6, 6);
	for (i = 0; i < 3; i++)
		kchan_armed_close(armed[i]);
	kt_check(test, ch);
}

/*
 * Something flies whenever one looks. What is settled advances nevertheless, and never
 * falls.
 */
static void lease_settled_busy(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct kchan_elem *elem, *next;
	struct kchan_armed *armed;
	struct kchan_info info;
	u64 settled = 0, i;

	lease_send(test, ch, 0, 0);
	elem = kt_detach(test, ch);
	for (i = 1; i < 100; i++) {
		lease_send(test, ch, i, i);
		next = kt_detach(test, ch);
		kt_settle(ch, elem);
		elem = next;
		kt_info(ch, &info);
		KUNIT_EXPECT_GE(test, info.settled, settled);
		KUNIT_EXPECT_LE(test, info.settled, i);
		KUNIT_EXPECT_GE(test, info.settled + 3, i);
		settled = info.settled;
	}
	/* One that comes back and flies again holds it at its number. */
	kchan_put_back(ch, elem);
	elem = kt_detach(test, ch);
	lease_send(test, ch, 100, 100);
	next = kt_detach(test, ch);
	kt_settle(ch, next);
	for (i = 0; i < 4; i++) {
		kt_info(ch, &info);
		KUNIT_EXPECT_GE(test, info.settled, settled);
		KUNIT_EXPECT_LE(test, info.settled, elem->seq);
	}
	kt_settle(ch, elem);
	lease_expect_settled(test, ch, 101, 101);

	/* So does one that was returned to the tail, and flies behind a later one. */
	lease_send(test, ch, 101, 102);
	armed = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, KCHAN_RETURN_TAIL, 0), 0);
	next = kt_detach(test, ch);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, next->seq, 102);
	KUNIT_EXPECT_EQ(test, elem->seq, 101);
	lease_expect_settled(test, ch, 103, 101);
	kt_settle(ch, next);
	lease_expect_settled(test, ch, 103, 101);
	kt_settle(ch, elem);
	lease_expect_settled(test, ch, 103, 103);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/*
 * A message is longer than the room of a lease. The lease fails with EMSGSIZE, and the
 * message stays in the channel.
 */
static void lease_message(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 64, 2);
	struct kchan_armed_cases *cases = kt_arm_begin(test, 1, KT_COMMIT);
	struct kchan_armed *armed = kt_armed(test);
	struct kchan_commit commit;
	u8 buf[64] = {};

	kt_arm_add(cases, ch, false, 0);
	cases->call.branches[0].len = 8;
	kchan_armed_lease_cases(armed, cases, 0);
	KUNIT_EXPECT_EQ(test, kt_arm(armed, cases), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 9), 9);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_armed_read(armed, buf, sizeof(buf)), KT_COMMIT + 9);
	KUNIT_EXPECT_EQ(test, ((struct kchan_commit *)buf)->len, 9);
	/* Armed again, it has the room that it had, not that of the message before. */
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, true), 0);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 64), 64);
	lease_expect_info(test, ch, 1, 0);
	kchan_armed_close(armed);
	KUNIT_EXPECT_EQ(test, kchan_next_len(ch), 64);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, 64), 64);
	kt_check(test, ch);
}

static struct kunit_case lease_cases[] = {
	KUNIT_CASE(lease_life),
	KUNIT_CASE(lease_none),
	KUNIT_CASE(lease_closed),
	KUNIT_CASE(lease_returned),
	KUNIT_CASE(lease_tail_order),
	KUNIT_CASE(lease_rearmed),
	KUNIT_CASE(lease_rearmed_sends),
	KUNIT_CASE(lease_last_end),
	KUNIT_CASE(lease_end_of_stream),
	KUNIT_CASE(lease_settled),
	KUNIT_CASE(lease_settled_busy),
	KUNIT_CASE(lease_message),
	{}
};

static struct kunit_suite lease_suite = {
	.name = "kchan_lease",
	.test_cases = lease_cases,
};

kunit_test_suite(lease_suite);
