// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without memory: what begins, reads, moves and ends a lease fails with an error that is
 * documented, and then nothing has changed: see common/faults.h. No element is lost.
 */
#include "faults.h"
#include "leases.h"

#define HOUR 3600000000000ULL

/* In the caller's stack, in a slab of its own, and passed by pointer. */
static const uint32_t sizes[] = { 8, 200, 8192 };

struct out {
	struct kchan_commit commit;
	char elem[8192];
};

static int fd, lease;
static uint32_t size;
/* Elements that were sent, and numbers that were acknowledged. */
static uint64_t sent, acked;
static struct out out;

static void send_next(void)
{
	static char elem[8192];

	fill(elem, size, sent++);
	must_int(write(fd, elem, size), size);
}

/* The lease has the oldest element that is not acknowledged. */
static void expect_held(void)
{
	expect_int(chan_info(fd).leased, 1);
	memset(&out, POISON, sizeof(out));
	expect_int(read(lease, &out, sizeof(out)),
		   (long long)(sizeof(out.commit) + size));
	expect_int(out.commit.number, acked);
	expect(filled(out.elem, size, acked));
}

static void hold(void)
{
	must_int(try_lease_again(lease, fd, size, 0), 0);
	expect_held();
}

/* One element is there, and nobody has it. */
static void expect_queued(void)
{
	struct kchan_info info = chan_info(fd);

	expect_int(info.len, 1);
	expect_int(info.in_flight, 0);
	expect_int(info.recv_ends, 1);
}

static int run_arm(void)
{
	return try_lease(fd, size, HOUR);
}

static void undo_arm(int armed)
{
	expect_int(chan_info(fd).leased, 1);
	close(armed);
	expect_queued();
}

static int run_arm_again(void)
{
	return try_lease_again(lease, fd, size, HOUR);
}

static void undo_arm_again(int ret)
{
	(void)ret;
	expect_held();
	must_int(lease_return(lease, KCHAN_RETURN_UNCOUNTED, 0), 0);
	expect_queued();
}

static int run_read(void)
{
	return (int)read(lease, &out, sizeof(out));
}

static void undo_read(int ret)
{
	(void)ret;
	expect_held();
}

static int run_extend(void)
{
	return lease_extend(lease, HOUR);
}

static int run_return(void)
{
	return lease_return(lease, KCHAN_RETURN_TAIL, 1);
}

static void undo_return(int ret)
{
	(void)ret;
	until(chan_len(fd) == 1);
	hold();
}

static int run_ack(void)
{
	return lease_ack(lease);
}

static void undo_ack(int ret)
{
	(void)ret;
	acked++;
	send_next();
	hold();
}

/* The next outcome is not given if it cannot be copied, and the call succeeds. */
static int run_ack_again(void)
{
	return lease_ack_again(lease, &out, sizeof(out));
}

static void undo_ack_again(int ret)
{
	acked++;
	if (ret) {
		expect_int(ret, (long long)(sizeof(out.commit) + size));
		expect_int(out.commit.number, acked);
	}
	expect_held();
	send_next();
}

static int run_peek(void)
{
	struct kchan_peek p = {
		.len = sizeof(out),
		.addr = (uintptr_t)&out,
		.peeked_size = sizeof(struct kchan_peeked),
	};

	return ioctl(fd, KCHAN_IOC_PEEK, &p);
}

static void undo_peek(int ret)
{
	expect_int(ret, (long long)(sizeof(struct kchan_peeked) + size));
	expect(filled((char *)&out + sizeof(struct kchan_peeked), size, acked));
	expect_queued();
}

static void each_size(void (*run)(void))
{
	faults_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan_info info;
		int other;

		size = sizes[i];
		tap_note("elements of %u bytes", size);
		sent = 0;
		acked = 0;
		fd = chan_make(0, size, 4);
		chan_nonblock(fd, true);
		other = end_make(fd, KCHAN_END_SEND);
		lease = lease_arm(fd, size, 0);
		must_int(disarm(lease), 0);
		send_next();
		run();
		close(lease);
		while (read(fd, out.elem, size) > 0)
			expect(filled(out.elem, size, acked++));
		info = chan_info(other);
		expect_int(acked, sent);
		expect_int(info.settled, sent);
		expect_int(info.dropped, 0);
		expect_int(info.in_flight, 0);
		close(fd);
		close(other);
	}
	faults_end();
}

static void arms(void)
{
	each_fails(run_arm, undo_arm, expect_queued);
	each_fails(run_arm_again, undo_arm_again, expect_queued);
}

static void holds(void)
{
	hold();
	each_fails(run_read, undo_read, expect_held);
	each_fails(run_extend, undo_read, expect_held);
}

static void returns(void)
{
	hold();
	each_fails(run_return, undo_return, expect_held);
}

static void acks(void)
{
	hold();
	each_fails(run_ack, undo_ack, expect_held);
	send_next();
	each_fails(run_ack_again, undo_ack_again, expect_held);
}

static void peeks(void)
{
	each_fails(run_peek, undo_peek, expect_queued);
}

static void arm_fails(void)
{
	each_size(arms);
}

static void hold_fails(void)
{
	each_size(holds);
}

static void return_fails(void)
{
	each_size(returns);
}

static void ack_fails(void)
{
	each_size(acks);
}

static void peek_fails(void)
{
	each_size(peeks);
}

static const struct tap_test tests[] = {
	{ "a lease is armed", arm_fails },
	{ "it is read, and its limit is moved", hold_fails },
	{ "it is returned with a delay", return_fails },
	{ "it is acknowledged, and armed again", ack_fails },
	{ "a look at what is queued", peek_fails },
};

TAP_MAIN(tests)
