// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped channels. The test plays the process: it uses the ring through the same code as
 * the library does. What the process does between two steps of a transfer, such as to
 * claim a slot and to publish it, the test does step by step.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "arms.h"
#include "harness.h"
#include "mapped.h"
#include "ring.h"

#define MAPPED_FROZEN	KCHAN_SHARED_FROZEN
#define EXPECT_READY(test, ch, mode, events)	\
	KT_EXPECT_POLL(test, kchan_readiness(ch, mode), events)

/* A claim of a slot that is under way. */
struct claim {
	struct mapped *m;
	unsigned long long pos;
};

static struct claim claim_send(struct kunit *test, struct mapped *m)
{
	struct claim claim = { .m = m };

	KUNIT_ASSERT_TRUE(test, kc_ring_claim(&m->ring, &m->ring.mem->tail, 0, NULL,
					      &claim.pos));
	return claim;
}

/* Publishes a slot that was claimed. The answer is whether a kick has to follow. */
static bool publish(const struct claim *claim, u64 n)
{
	const struct kc_ring *ring = &claim->m->ring;

	memcpy(kc_ring_slot(ring, claim->pos) + 1, &n, sizeof(n));
	return kc_ring_stamp(kc_ring_slot(ring, claim->pos), claim->pos + 1,
			     &ring->mem->told_of_send) == KC_MOVED_KICK;
}

static struct claim claim_recv(struct kunit *test, struct mapped *m, u64 *n)
{
	struct claim claim = { .m = m };

	KUNIT_ASSERT_TRUE(test, kc_ring_claim(&m->ring, &m->ring.mem->head, 1, n,
					      &claim.pos));
	return claim;
}

/* Releases a slot that was claimed. */
static bool release(const struct claim *claim)
{
	const struct kc_ring *ring = &claim->m->ring;

	return kc_ring_stamp(kc_ring_slot(ring, claim->pos), kc_ring_lap(claim->pos),
			     &ring->mem->told_of_recv) == KC_MOVED_KICK;
}

static enum kc_moved ring_send(struct mapped *m, u64 n)
{
	return kc_ring_send(&m->ring, &n);
}

/* Returns the number, or -1 if the ring says to go by the kernel. */
static s64 ring_recv(struct mapped *m)
{
	u64 n;

	return kc_ring_recv(&m->ring, &n) == KC_MOVED_NOT ? -1 : n;
}

static bool head_frozen(struct mapped *m)
{
	return m->ring.mem->head & MAPPED_FROZEN;
}

static bool tail_frozen(struct mapped *m)
{
	return m->ring.mem->tail & MAPPED_FROZEN;
}

static void mapped_moves(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 3);
	struct mapped *m = kt_map(test, ch);
	struct kchan_info info;
	u64 n;

	/* The capacity is no power of two, so the laps are seen to work. */
	for (n = 0; n < 10; n++) {
		KUNIT_EXPECT_EQ(test, ring_send(m, n), KC_MOVED);
		KUNIT_EXPECT_EQ(test, ring_recv(m), n);
	}
	KUNIT_EXPECT_EQ(test, ring_recv(m), -1);
	for (n = 0; n < 3; n++)
		KUNIT_EXPECT_EQ(test, ring_send(m, n), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_send(m, 3), KC_MOVED_NOT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.len, 3);
	KUNIT_EXPECT_EQ(test, info.flags, KCHAN_INFO_FIXED | KCHAN_INFO_MAPPED);
	KUNIT_EXPECT_EQ(test, info.map_pid, task_tgid_vnr(current));

	/* The kernel and the process use the same ring. */
	for (n = 0; n < 10; n++) {
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n);
		KUNIT_EXPECT_EQ(test, ring_send(m, n + 3), KC_MOVED);
	}
	for (; n < 20; n++) {
		KUNIT_EXPECT_EQ(test, ring_recv(m), n);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n + 3), 0);
	}
	kt_check(test, ch);
}

/* The laps wrap. */
static void mapped_wraps(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct mapped *m = kt_map(test, ch);
	u64 n;

	kt_map_wind(m, (1ULL << 31) - 3);
	for (n = 0; n < 20; n += 4) {
		KUNIT_EXPECT_EQ(test, ring_send(m, n), KC_MOVED);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n + 1), 0);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n + 2), -EAGAIN);
		KUNIT_EXPECT_EQ(test, ring_recv(m), n);
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n + 2), 0);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n + 1);
		KUNIT_EXPECT_EQ(test, ring_send(m, n + 3), KC_MOVED);
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), n + 2);
		KUNIT_EXPECT_EQ(test, ring_recv(m), n + 3);
	}
	KUNIT_EXPECT_LT(test, kc_ring_lap(m->ring.mem->tail), 16 * KCHAN_SHARED_LAP);
	KUNIT_EXPECT_FALSE(test, ch->broken);
	kt_check(test, ch);
}

/* What was stored before the mapping leaves first. Until then the ring is frozen. */
static void mapped_later(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m;

	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	m = kt_map(test, ch);
	KUNIT_EXPECT_EQ(test, ring_send(m, 3), KC_MOVED_NOT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, ring_recv(m), -1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 4), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 5), 0);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, ring_send(m, 6), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 3);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 6);
	kt_check(test, ch);
}

static void mapped_refused(struct kunit *test)
{
	const size_t size = kchan_mapping_bytes(8, 2);
	struct kchan *ch = kt_chan(test, 8, 2);

	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(kt_chan(test, 8, 0), size)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(kt_chan(test, 0, 2), size)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(kt_chan(test, 4097, 2), size)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(kt_message_chan(test, 8, 2), size)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(ch, size + PAGE_SIZE)), -EBUSY);
	kt_map(test, ch);
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(ch, size)), -EBUSY);
}

/*
 * A call that parks while a claim is under way is told when the claim ends. Those who
 * come meanwhile wait behind it.
 */
static void mapped_recv_parks(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim claim = claim_send(test, m);
	struct kt_call *call = kt_park_recv_n(test, ch);

	KUNIT_EXPECT_TRUE(test, head_frozen(m));
	KUNIT_EXPECT_FALSE(test, tail_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED_NOT);
	/* This element queues: the one that is claimed comes first. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, kt_returned(call));

	KUNIT_EXPECT_TRUE(test, publish(&claim, 1));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	KUNIT_EXPECT_FALSE(test, head_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_recv(m), 2);
	kt_check(test, ch);
}

/* Before a receive that has just begun, those that are parked are served. */
static void mapped_recv_order(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim claim = claim_send(test, m);
	struct kt_call *call = kt_park_recv_n(test, ch);

	KUNIT_EXPECT_TRUE(test, publish(&claim, 1));
	/* The kick has not come yet. */
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	kchan_kick(ch);
	kt_check(test, ch);

	claim = claim_send(test, m);
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_TRUE(test, publish(&claim, 2));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

static void mapped_send_parks(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct mapped *m = kt_map(test, ch);
	struct kt_call *call;
	struct claim claim;
	u64 n;

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED);
	claim = claim_recv(test, m, &n);
	KUNIT_EXPECT_EQ(test, n, 1);
	/* There is room by the positions, but the slot is not free yet. */
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), -EAGAIN);
	call = kt_park_send_n(test, ch, 3);
	KUNIT_EXPECT_TRUE(test, tail_frozen(m));
	KUNIT_EXPECT_FALSE(test, head_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_recv(m), -1);

	KUNIT_EXPECT_TRUE(test, release(&claim));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 3);
	KUNIT_EXPECT_FALSE(test, tail_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_recv(m), 2);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 3);
	kt_check(test, ch);
}

/* What was put back is received before what the ring holds. */
static void mapped_put_back(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kchan_elem *elem;

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 1);
	elem = kt_detach(test, ch);
	KUNIT_EXPECT_EQ(test, elem->seq, 1);
	KUNIT_EXPECT_EQ(test, ring_send(m, 3), KC_MOVED);
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_TRUE(test, head_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_recv(m), -1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 3);
	kt_check(test, ch);
}

/* What the two looks of a select see, with something between them. */
struct looks {
	struct kunit *test;
	struct mapped *m;
	struct kc_ring_seen seen[2];
};

/* A first look at both directions. @send, @recv: whether each would wait. */
static struct looks first_looks(struct kunit *test, struct mapped *m, bool send, bool recv)
{
	struct looks l = { test, m };

	KUNIT_EXPECT_EQ(test, kc_ring_waits(&m->ring, true, &l.seen[true]), send);
	KUNIT_EXPECT_EQ(test, kc_ring_waits(&m->ring, false, &l.seen[false]), recv);
	return l;
}

static bool still_waits(const struct looks *l, bool send)
{
	return kc_ring_still_waits(&l->m->ring, send, &l->seen[send]);
}

/* A select sees that nothing can be moved, as long as nothing could be. */
static void mapped_waits(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct mapped *m = kt_map(test, ch);
	struct looks l = first_looks(test, m, false, true);
	struct claim claim;
	u64 n;

	KUNIT_EXPECT_TRUE(test, still_waits(&l, false));
	/* A claim alone makes nothing ready. */
	claim = claim_send(test, m);
	KUNIT_EXPECT_TRUE(test, still_waits(&l, false));
	publish(&claim, 1);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));
	l = first_looks(test, m, true, false);
	KUNIT_EXPECT_TRUE(test, still_waits(&l, true));
	claim = claim_recv(test, m, &n);
	KUNIT_EXPECT_TRUE(test, still_waits(&l, true));
	/* It was there between the two looks of the first one, and is gone. */
	release(&claim);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, true));

	l = first_looks(test, m, false, true);
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED);
	KUNIT_EXPECT_EQ(test, ring_recv(m), 2);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));

	l = first_looks(test, m, false, true);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));
	kt_check(test, ch);
}

/* What the kernel alone had ready, for a while: the ring is as it was. */
static void mapped_waits_not(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 1);
	struct mapped *m = kt_map(test, ch);
	struct kchan_elem *elem;
	struct kt_call *call;
	struct claim claim;
	struct looks l;
	u64 n;

	/* An element was put back and received. */
	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	elem = kt_detach(test, ch);
	l = first_looks(test, m, false, true);
	KUNIT_EXPECT_TRUE(test, still_waits(&l, false));
	kchan_put_back(ch, elem);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));

	/* A sender waited, for a slot that was claimed, and gave up. */
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED);
	claim = claim_recv(test, m, &n);
	l = first_looks(test, m, true, true);
	call = kt_park_send_n(test, ch, 3);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));
	release(&claim);
	kt_signal(call, SIGTERM);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));

	/* While the kernel says to be told, or the channel is closed, it is asked. */
	l = first_looks(test, m, false, true);
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_FALSE(test, still_waits(&l, false));
	first_looks(test, m, false, false);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -EPIPE);
	first_looks(test, m, false, false);
	kt_check(test, ch);
}

/* A claim that was made before the close still counts. None can be made after it. */
static void mapped_close(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim claim = claim_send(test, m);
	struct kt_call *first = kt_park_recv_n(test, ch);
	struct kt_call *second = kt_park_recv_n(test, ch);

	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	KUNIT_EXPECT_TRUE(test, head_frozen(m));
	KUNIT_EXPECT_TRUE(test, tail_frozen(m));
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED_NOT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), -EPIPE);
	KUNIT_EXPECT_FALSE(test, kt_returned(first));
	KUNIT_EXPECT_FALSE(test, kt_returned(second));
	EXPECT_READY(test, ch, FMODE_READ, EPOLLRDHUP);

	KUNIT_EXPECT_TRUE(test, publish(&claim, 1));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(first), 1);
	KUNIT_EXPECT_EQ(test, kt_join_n(second), -EPIPE);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EPIPE);
	kt_check(test, ch);
}

/* A process that dies with claims has sent nothing by them. */
static void mapped_dies(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 8);
	struct mapped *m = kt_map(test, ch);
	struct claim claims[6];
	struct kt_call *call;
	unsigned int i;
	u64 n;

	KUNIT_EXPECT_EQ(test, ring_send(m, 100), KC_MOVED);
	claim_recv(test, m, &n);
	for (i = 0; i < 6; i++)
		claims[i] = claim_send(test, m);
	publish(&claims[1], 1);
	publish(&claims[4], 4);
	call = kt_park_recv_n(test, ch);
	kt_unmap(m);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 1);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 6), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 4);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 6);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	/* All of the room is there again, that of the claimed receive too. */
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, i), i < 8 ? 0 : -EAGAIN);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, kt_recv_n(ch), i);
	kt_check(test, ch);
}

/*
 * The slots that a dead process has claimed keep their numbers. So what was sent after them
 * keeps its place, before an element that was returned to the tail, and has the number that
 * it had.
 */
static void mapped_dies_numbers(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kchan_armed *armed;
	struct kchan_commit commit;
	struct claim claim;

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	armed = kt_lease(test, ch, 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 1);
	claim_send(test, m);
	claim_send(test, m);
	claim = claim_send(test, m);
	KUNIT_EXPECT_FALSE(test, publish(&claim, 2));
	KUNIT_EXPECT_EQ(test, kchan_armed_return(armed, KCHAN_RETURN_TAIL, 0), 0);
	kt_unmap(m);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_arm_lease(test, armed, ch, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_lease_read(armed, &commit), 2);
	KUNIT_EXPECT_EQ(test, commit.number, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	KUNIT_EXPECT_EQ(test, kchan_armed_ack(armed, false), 0);
	kchan_armed_close(armed);
	kt_check(test, ch);
}

/* A claim of a process that died was all that the end of the stream waited for. */
static void mapped_dies_at_end(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 256);
	struct mapped *m = kt_map(test, ch);
	struct kt_call *call;
	struct kt_poller *p;
	unsigned int i;

	/* More than one step skips. */
	for (i = 0; i < 200; i++)
		claim_send(test, m);
	call = kt_park_recv_n(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	p = kt_poller(test, ch, false);
	EXPECT_READY(test, ch, FMODE_READ, EPOLLRDHUP);
	kt_unmap(m);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -EPIPE);
	KUNIT_EXPECT_GE(test, p->all_rd, 1);
	EXPECT_READY(test, ch, FMODE_READ, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP);
	kt_check(test, ch);
}

/*
 * A process dies and leaves claims unfinished. The kernel tells a parked sender and a poller
 * of the room, though nobody receives. It tells a poller for input of an element that stands
 * behind a slot that was never published.
 */
static void mapped_dies_told(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct mapped *m = kt_map(test, ch);
	struct kchan_info info;
	struct kt_call *call;
	struct kt_poller *p;
	struct claim claim;

	/* All of the buffer is claimed. */
	claim_send(test, m);
	claim_send(test, m);
	call = kt_park_send_n(test, ch, 3);
	kt_unmap(m);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.send_waiters, 0);
	kchan_close(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);

	/* The same with pollers, each of whom may be the one to use it. */
	ch = kt_chan(test, 8, 2);
	m = kt_map(test, ch);
	claim_send(test, m);
	claim_send(test, m);
	p = kt_poller(test, ch, true);
	EXPECT_READY(test, ch, FMODE_WRITE, 0);
	kt_unmap(m);
	KUNIT_EXPECT_GE(test, p->all_wr + p->out, 1);
	EXPECT_READY(test, ch, FMODE_WRITE, EPOLLOUT | EPOLLWRNORM);

	ch = kt_chan(test, 8, 2);
	m = kt_map(test, ch);
	claim_send(test, m);
	claim = claim_send(test, m);
	p = kt_poller(test, ch, true);
	EXPECT_READY(test, ch, FMODE_READ, 0);
	KUNIT_EXPECT_TRUE(test, publish(&claim, 5));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, p->all_rd + p->in, 0);
	kt_unmap(m);
	KUNIT_EXPECT_GE(test, p->all_rd + p->in, 1);
	EXPECT_READY(test, ch, FMODE_READ, EPOLLIN | EPOLLRDNORM);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 5);
	kt_check(test, ch);
}

/* The empty slots behind an element are room as soon as it is received. */
static void mapped_dies_behind(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 3);
	struct mapped *m = kt_map(test, ch);
	struct kt_call *calls[2];
	struct kchan_info info;

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	claim_send(test, m);
	claim_send(test, m);
	kt_unmap(m);
	/* A slot that will never be published counts until it is the oldest. */
	KUNIT_EXPECT_EQ(test, kt_len(ch), 3);
	calls[0] = kt_park_send_n(test, ch, 2);
	calls[1] = kt_park_send_n(test, ch, 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.send_waiters, 0);
	KUNIT_EXPECT_EQ(test, info.len, 2);
	kchan_close(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(calls[0]), 2);
	KUNIT_EXPECT_EQ(test, kt_join_n(calls[1]), 3);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

/* After a resize the old ring is drained, a claim under way too. */
static void mapped_resize(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim claim;

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	claim = claim_send(test, m);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 6), 0);
	KUNIT_EXPECT_TRUE(test, head_frozen(m));
	KUNIT_EXPECT_TRUE(test, tail_frozen(m));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	/* 2 is on its way, and 3 has to wait for it. */
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, kchan_readiness(ch, FMODE_READ) & EPOLLIN);
	KUNIT_EXPECT_TRUE(test, publish(&claim, 2));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_NULL(test, ch->mapped);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	/* The channel stays plain, and the ring frozen. */
	KUNIT_EXPECT_EQ(test, ring_send(m, 4), KC_MOVED_NOT);
	KUNIT_EXPECT_TRUE(test, head_frozen(m));
	KUNIT_EXPECT_EQ(test, PTR_ERR(kchan_map(ch, kchan_mapping_bytes(8, 6))), -EBUSY);
	kt_check(test, ch);
}

static void mapped_no_receiver(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);

	KUNIT_EXPECT_EQ(test, ring_send(m, 1), KC_MOVED);
	kchan_end_put(ch, FMODE_READ);
	KUNIT_EXPECT_EQ(test, ring_send(m, 2), KC_MOVED_NOT);
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 2), -EPIPE);
	KUNIT_EXPECT_NULL(test, ch->mapped);
	kt_unmap(m);
	/* For the end of the test. */
	kchan_end_get(ch, FMODE_READ);
}

/* A kick tells pollers of what becomes readable. Each element wakes one exclusive poller. */
static void mapped_poll(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim first = claim_send(test, m);
	struct claim second = claim_send(test, m);
	struct kt_poller *p[3];
	unsigned int i, woken;
	u64 n;

	for (i = 0; i < 3; i++)
		p[i] = kt_poller(test, ch, true);
	EXPECT_READY(test, ch, FMODE_READ, 0);
	/* Nothing can be received yet: the first slot is not published. */
	KUNIT_EXPECT_TRUE(test, publish(&second, 2));
	kchan_kick(ch);
	for (i = 0, woken = 0; i < 3; i++)
		woken += p[i]->in;
	KUNIT_EXPECT_EQ(test, woken, 0);
	KUNIT_EXPECT_TRUE(test, publish(&first, 1));
	kchan_kick(ch);
	for (i = 0, woken = 0; i < 3; i++)
		woken += p[i]->in;
	KUNIT_EXPECT_EQ(test, woken, 2);
	EXPECT_READY(test, ch, FMODE_READ, EPOLLIN | EPOLLRDNORM);

	/* While somebody polls, a transfer goes by the kernel. */
	KUNIT_EXPECT_EQ(test, ring_send(m, 3), KC_MOVED_NOT);
	KUNIT_EXPECT_EQ(test, ring_recv(m), -1);
	for (i = 0; i < 3; i++)
		kunit_release_action(test, kt_poller_end, p[i]);
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, ring_send(m, 3), KC_MOVED);
	for (n = 1; n < 4; n++)
		KUNIT_EXPECT_EQ(test, ring_recv(m), n);
	kt_check(test, ch);
}

/*
 * Pollers are told of room as often as there is new room. The kernel's receives tell of
 * theirs themselves, so a kick does not tell of it again.
 */
static void mapped_poll_room(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kt_poller *p[4];
	unsigned int i, woken;
	struct claim claim;
	u64 n;

	for (n = 0; n < 4; n++)
		KUNIT_EXPECT_EQ(test, ring_send(m, n), KC_MOVED);
	claim = claim_recv(test, m, &n);
	for (i = 0; i < 4; i++)
		p[i] = kt_poller(test, ch, true);
	EXPECT_READY(test, ch, FMODE_WRITE, 0);
	KUNIT_EXPECT_TRUE(test, release(&claim));
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	for (i = 0, woken = 0; i < 4; i++)
		woken += p[i]->out;
	KUNIT_EXPECT_EQ(test, woken, 3);
	/* There is room, so a kick wakes one. */
	kchan_kick(ch);
	for (i = 0, woken = 0; i < 4; i++)
		woken += p[i]->out;
	KUNIT_EXPECT_EQ(test, woken, 4);
	/* What is free in a ring that was left is no room. */
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 1), 0);
	for (i = 0, woken = 0; i < 4; i++)
		woken += p[i]->out;
	kchan_kick(ch);
	for (i = 0; i < 4; i++)
		woken -= p[i]->out;
	KUNIT_EXPECT_EQ(test, woken, 0);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

/* Breaks the ring by @scribble, and sees that this is found and told to all. */
static void break_ring(struct kunit *test, void (*scribble)(struct kchan_shared *mem,
							    struct kchan_shared_slot *slot))
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kt_call *call = kt_park_recv_n(test, ch);
	struct kchan_info info;

	/* The ring is empty, so both positions are at the first slot. */
	scribble(m->ring.mem, kc_ring_slot(&m->ring, 0));
	KUNIT_EXPECT_EQ(test, kt_send_n(ch, 1), -EIO);
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -EIO);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EIO);
	KUNIT_EXPECT_FALSE(test, ~kchan_readiness(ch, FMODE_READ | FMODE_WRITE) &
			   (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP));
	kt_info(ch, &info);
	KUNIT_EXPECT_TRUE(test, info.flags & KCHAN_INFO_BROKEN);
	/* Who has broken it can still be seen. */
	KUNIT_EXPECT_EQ(test, info.map_pid, task_tgid_vnr(current));
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 7), -EIO);
	KUNIT_EXPECT_EQ(test, kchan_close(ch), 0);
	kt_check(test, ch);
}

static void scribble_head(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->head = KCHAN_SHARED_FROZEN | 1;
}

static void scribble_thawed(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->head &= ~KCHAN_SHARED_FROZEN;
}

static void scribble_tail(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->tail = 5 * KCHAN_SHARED_LAP;
}

static void scribble_index(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->tail = 4;
}

static void scribble_frozen(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->tail |= KCHAN_SHARED_FROZEN;
}

static void scribble_back(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->tail = ~KCHAN_SHARED_FROZEN;
}

static void scribble_free(struct kchan_shared *mem, struct kchan_shared_slot *slot)
{
	mem->tail = 1;
	slot->stamp = 77;
}

static pid_t map_pid(struct kchan *ch, struct pid_namespace *ns)
{
	struct kchan_info info;

	memset(&info, 0xa5, sizeof(info));
	kchan_get_info(ch, &info, ns);
	return info.map_pid;
}

/* Who has mapped it, as long as it is mapped. */
static void mapped_by(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 2);
	struct mapped *m;

	KUNIT_EXPECT_EQ(test, map_pid(ch, &init_pid_ns), 0);
	m = kt_map(test, ch);
	KUNIT_EXPECT_EQ(test, map_pid(ch, &init_pid_ns), current->tgid);
	kt_unmap(m);
	KUNIT_EXPECT_EQ(test, map_pid(ch, &init_pid_ns), 0);

	/* After a resize the process goes by the kernel. */
	ch = kt_chan(test, 8, 2);
	kt_map(test, ch);
	KUNIT_EXPECT_EQ(test, kchan_resize(ch, 3), 0);
	KUNIT_EXPECT_EQ(test, map_pid(ch, &init_pid_ns), 0);
}

static void mapped_broken(struct kunit *test)
{
	break_ring(test, scribble_head);
	break_ring(test, scribble_thawed);
	break_ring(test, scribble_tail);
	break_ring(test, scribble_index);
	break_ring(test, scribble_frozen);
	break_ring(test, scribble_back);
	break_ring(test, scribble_free);
}

/* Who only looks finds that the ring is broken, and those who wait are told. */
static void mapped_broken_looked(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct kt_call *call = kt_park_recv_n(test, ch);
	struct kchan_info info;

	scribble_tail(m->ring.mem, NULL);
	kt_info(ch, &info);
	KUNIT_EXPECT_TRUE(test, info.flags & KCHAN_INFO_BROKEN);
	kt_info(ch, &info);
	KUNIT_EXPECT_EQ(test, info.recv_waiters, 0);
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -EIO);
	kt_check(test, ch);
}

/*
 * An element that was published when the ring was found broken goes to nobody: those who
 * wait are all told the same.
 */
static void mapped_broken_served(struct kunit *test)
{
	struct kchan *ch = kt_chan(test, 8, 4);
	struct mapped *m = kt_map(test, ch);
	struct claim claim = claim_send(test, m);
	struct kt_call *call = kt_park_recv_n(test, ch);

	KUNIT_EXPECT_TRUE(test, publish(&claim, 1));
	m->ring.mem->tail = ~0ULL;
	kchan_kick(ch);
	KUNIT_EXPECT_EQ(test, kt_join_n(call), -EIO);
	kt_check(test, ch);
}

static struct kunit_case mapped_cases[] = {
	KUNIT_CASE(mapped_moves),
	KUNIT_CASE(mapped_wraps),
	KUNIT_CASE(mapped_later),
	KUNIT_CASE(mapped_refused),
	KUNIT_CASE(mapped_recv_parks),
	KUNIT_CASE(mapped_recv_order),
	KUNIT_CASE(mapped_send_parks),
	KUNIT_CASE(mapped_put_back),
	KUNIT_CASE(mapped_waits),
	KUNIT_CASE(mapped_waits_not),
	KUNIT_CASE(mapped_close),
	KUNIT_CASE(mapped_dies),
	KUNIT_CASE(mapped_dies_numbers),
	KUNIT_CASE(mapped_dies_at_end),
	KUNIT_CASE(mapped_dies_told),
	KUNIT_CASE(mapped_dies_behind),
	KUNIT_CASE(mapped_resize),
	KUNIT_CASE(mapped_no_receiver),
	KUNIT_CASE(mapped_poll),
	KUNIT_CASE(mapped_by),
	KUNIT_CASE(mapped_poll_room),
	KUNIT_CASE(mapped_broken),
	KUNIT_CASE(mapped_broken_looked),
	KUNIT_CASE(mapped_broken_served),
	{}
};

static struct kunit_suite mapped_suite = {
	.name = "kchan_mapped",
	.test_cases = mapped_cases,
};

kunit_test_suite(mapped_suite);
