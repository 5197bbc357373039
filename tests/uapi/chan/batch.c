// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes and reads of several elements: each is a send of its own; what ends
 * a write after some of them, and what comes with the next call.
 */
#include <signal.h>
#include <sys/uio.h>

#include "chan.h"

static void batch_in_order(void)
{
	uint64_t in[6] = { 1, 2, 3, 4, 5, 6 }, out[8] = { 0 };
	int fd = chan_make(0, 8, 2), i;
	struct call c;
	ssize_t got;

	call_write(&c, fd, in, sizeof(in));
	for (i = 0; i < 6; i++)
		expect_recv(fd, i + 1);
	expect_done(&c, 48);
	expect_int(chan_len(fd), 0);

	/*
	 * As many as are there, those of parked senders included: three, and
	 * more if the writer brings them while the read goes on.
	 */
	call_write(&c, fd, in, sizeof(in));
	wait_senders(fd, 1);
	expect_int(chan_len(fd), 2);
	got = read(fd, out, sizeof(out));
	expect(got >= 24 && got % 8 == 0);
	for (i = 0; i < got / 8; i++)
		expect_int(out[i], i + 1);
	for (; i < 6; i++)
		expect_recv(fd, i + 1);
	expect_done(&c, 48);
}

static void read_takes_parked(void)
{
	uint64_t v[3] = { 10, 20, 30 }, out[8] = { 0 };
	int capacity;

	for (capacity = 0; capacity < 3; capacity++) {
		int fd = chan_make(0, 8, capacity), i;
		struct call c[3];

		tap_about("capacity %d", capacity);
		for (i = 0; i < capacity; i++)
			send_u64(fd, i);
		for (i = 0; i < 3; i++) {
			call_write(&c[i], fd, &v[i], 8);
			wait_senders(fd, i + 1);
		}
		/* Two and a bit of room, then all the rest. */
		expect_int(read(fd, out, 17), 16);
		expect_int(read(fd, out + 2, 48), (capacity + 1) * 8);
		for (i = 0; i < capacity; i++)
			expect_int(out[i], i);
		for (i = 0; i < 3; i++) {
			expect_int(out[capacity + i], v[i]);
			expect_done(&c[i], 8);
		}
		expect_int(chan_len(fd), 0);
		expect_int(chan_info(fd).send_waiters, 0);
		close(fd);
	}
}

static void batch_to_parked(void)
{
	uint64_t in[5] = { 1, 2, 3, 4, 5 }, got[3] = { 0 };
	int fd = chan_make(0, 8, 2), i;
	struct call c[3];

	for (i = 0; i < 3; i++) {
		call_read(&c[i], fd, &got[i], 8);
		wait_receivers(fd, i + 1);
	}
	/* One each to those who wait, in order, the rest is queued. */
	expect_int(write(fd, in, sizeof(in)), 40);
	for (i = 0; i < 3; i++) {
		expect_done(&c[i], 8);
		expect_int(got[i], i + 1);
	}
	expect_int(chan_len(fd), 2);
	expect_recv(fd, 4);
	expect_recv(fd, 5);
}

static void batch_rendezvous(void)
{
	uint64_t in[4] = { 1, 2, 3, 4 };
	int fd = chan_make(0, 8, 0), i;
	struct call c;

	call_write(&c, fd, in, sizeof(in));
	for (i = 0; i < 4; i++) {
		wait_senders(fd, 1);
		expect(!atomic_load(&c.done));
		expect_recv(fd, i + 1);
	}
	expect_done(&c, 32);
}

static void batch_nonblock(void)
{
	uint64_t in[5] = { 1, 2, 3, 4, 5 }, out[8];
	int fd = chan_make(0, 8, 3), i;

	chan_nonblock(fd, true);
	/* What goes, goes; the rest is the next call's. */
	expect_int(write(fd, in, sizeof(in)), 24);
	expect_errno(write(fd, in + 3, 16), EAGAIN);
	expect_recv(fd, 1);
	expect_int(write(fd, in + 3, 16), 8);
	expect_int(read(fd, out, sizeof(out)), 24);
	for (i = 0; i < 3; i++)
		expect_int(out[i], i + 2);
}

static void batch_nonblock_rendezvous(void)
{
	uint64_t in[3] = { 1, 2, 3 }, got[2] = { 0 };
	int fd = chan_make(0, 8, 0), i;
	struct call c[2];

	for (i = 0; i < 2; i++) {
		call_read(&c[i], fd, &got[i], 8);
		wait_receivers(fd, i + 1);
	}
	chan_nonblock(fd, true);
	expect_int(write(fd, in, sizeof(in)), 16);
	expect_errno(write(fd, in, sizeof(in)), EAGAIN);
	for (i = 0; i < 2; i++) {
		expect_done(&c[i], 8);
		expect_int(got[i], i + 1);
	}
}

static void batch_queues_at_tail(void)
{
	uint64_t in[3] = { 1, 2, 3 }, b = 20, d = 30;
	int fd = chan_make(0, 8, 0);
	struct call first, second, third;

	call_write(&first, fd, in, sizeof(in));
	wait_senders(fd, 1);
	call_write(&second, fd, &b, 8);
	wait_senders(fd, 2);
	call_write(&third, fd, &d, 8);
	wait_senders(fd, 3);
	expect_recv(fd, 1);
	/* Its next element waits behind those who came meanwhile. */
	wait_senders(fd, 3);
	expect_recv(fd, 20);
	expect_done(&second, 8);
	expect_recv(fd, 30);
	expect_done(&third, 8);
	expect_recv(fd, 2);
	expect_recv(fd, 3);
	expect_done(&first, 24);
}

static void batch_signal(int flags, uint32_t capacity)
{
	uint64_t in[5] = { 1, 2, 3, 4, 5 }, i;
	int fd = chan_make(0, 8, capacity);
	struct call c;

	on_signal(SIGUSR1, flags);
	call_write(&c, fd, in, sizeof(in));
	if (capacity == 0) {
		expect_recv(fd, 1);
		expect_recv(fd, 2);
	}
	wait_senders(fd, 1);
	until(capacity == 0 || chan_len(fd) == capacity);
	call_wait_asleep(&c);
	call_signal(&c, SIGUSR1);
	/* So many were sent; the one that waited stayed with its sender. */
	expect_done(&c, (capacity ? capacity : 2) * 8);
	expect_int(chan_info(fd).send_waiters, 0);
	expect_int(chan_len(fd), capacity);
	for (i = 0; i < capacity; i++)
		expect_recv(fd, i + 1);
	chan_nonblock(fd, true);
	expect_errno(read(fd, &i, 8), EAGAIN);
	close(fd);
}

static void batch_interrupted(void)
{
	batch_signal(0, 2);
	batch_signal(SA_RESTART, 2);
	batch_signal(0, 0);
	batch_signal(SA_RESTART, 0);
}

static void batch_closed(void)
{
	uint64_t in[5] = { 1, 2, 3, 4, 5 };
	int fd = chan_make(0, 8, 2);
	struct call c;

	call_write(&c, fd, in, sizeof(in));
	wait_senders(fd, 1);
	expect_int(chan_len(fd), 2);
	chan_close(fd);
	expect_done(&c, 16);
	expect_errno(write(fd, in + 2, 24), EPIPE);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	expect_end(fd);

	fd = chan_make(0, 8, 0);
	call_write(&c, fd, in, sizeof(in));
	wait_senders(fd, 1);
	expect_recv(fd, 1);
	wait_senders(fd, 1);
	chan_close(fd);
	expect_done(&c, 8);
	expect_end(fd);
}

static void batch_fault(void)
{
	static const uint32_t sizes[] = { 8, 24, 128, 200, 4096, 10000 };
	size_t i, whole;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (whole = 1; whole < 4; whole++) {
			uint32_t size = sizes[i];
			/* The last element has but one byte, or none. */
			size_t bytes = whole * size + (whole == 2);
			char *in = map_before_hole(bytes);
			char *out = map_pages(5 * size);
			int fd = chan_make(0, size, 8);

			tap_about("size %u, %zu of 5", size, whole);
			fill(in, bytes, whole);
			expect_int(write(fd, in, 5 * size), whole * size);
			expect_int(chan_len(fd), whole);
			expect_errno(write(fd, in + whole * size,
					   (5 - whole) * size), EFAULT);
			expect_int(chan_len(fd), whole);
			expect_int(read(fd, out, 5 * size), whole * size);
			expect(filled(out, whole * size, whole));
			close(fd);
		}
	}
}

static void batch_fault_full(void)
{
	/* The bad one would have to wait: it is told at once all the same. */
	char *in = map_before_hole(16);
	int fd = chan_make(0, 8, 2);

	fill(in, 16, 1);
	expect_int(write(fd, in, 24), 16);
	expect_errno(write(fd, in + 16, 8), EFAULT);
	expect_int(chan_info(fd).send_waiters, 0);
	expect_int(chan_len(fd), 2);
}

static void read_batch_fault(void)
{
	static const uint32_t sizes[] = { 8, 24, 128, 200, 4096, 10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *in = map_pages(4 * size), *out = map_before_hole(2 * size);
		int fd = chan_make(0, size, 4);

		tap_about("size %u", size);
		fill(in, 4 * size, 1);
		expect_int(write(fd, in, 4 * size), 4 * size);
		/* Two elements fit before the hole, the others stay. */
		expect_int(read(fd, out, 4 * size), 2 * size);
		expect(filled(out, 2 * size, 1));
		expect_int(chan_len(fd), 2);
		expect_errno(read(fd, out + 2 * size, size), EFAULT);
		expect_errno(read(fd, out + 2 * size - 1, size), EFAULT);
		expect_int(chan_len(fd), 2);
		memset(in, POISON, 4 * size);
		expect_int(read(fd, in + 2 * size, 2 * size), 2 * size);
		fill(out, 2 * size, 1);
		memcpy(in, out, 2 * size);
		expect(filled(in, 4 * size, 1));
		close(fd);
	}
}

/*
 * Batches of all lengths go around the end of the buffer, elements of all sizes, from
 * one buffer and from several.
 */
static void batch_around(void)
{
	static const uint32_t sizes[] = { 1, 3, 8, 12, 64, 1000 };
	enum { CAPACITY = 5 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i];
		char *in = map_pages(CAPACITY * size);
		char *out = map_pages(CAPACITY * size);
		int fd = chan_make(0, size, CAPACITY), round;

		for (round = 0; round < 4 * CAPACITY * CAPACITY; round++) {
			const uint32_t bytes = (1 + round % CAPACITY) * size;
			/* Cut in two anywhere, and not only between elements. */
			const uint32_t cut = (round * 7919U) % bytes;
			struct iovec from[2] = {
				{ in, cut }, { in + cut, bytes - cut }
			};
			struct iovec to[2] = {
				{ out, bytes - cut }, { out + bytes - cut, cut }
			};

			tap_about("size %u, round %d", size, round);
			fill(in, bytes, round);
			memset(out, POISON, bytes);
			if (round % 3)
				expect_int(write(fd, in, bytes), bytes);
			else
				expect_int(writev(fd, from, 2), bytes);
			if (round % 2)
				expect_int(read(fd, out, bytes), bytes);
			else
				expect_int(readv(fd, to, 2), bytes);
			expect(filled(out, bytes, round));
			expect_int(chan_len(fd), 0);
		}
		close(fd);
	}
}

static void two_batches(void)
{
	uint64_t a[50], b[50], i, seen_a = 0, seen_b = 0;
	int fd = chan_make(0, 8, 3);
	struct call ca, cb;

	for (i = 0; i < 50; i++) {
		a[i] = i;
		b[i] = 1000 + i;
	}
	call_write(&ca, fd, a, sizeof(a));
	call_write(&cb, fd, b, sizeof(b));
	/* Each in its order, the one among the other. */
	for (i = 0; i < 100; i++) {
		uint64_t v = recv_u64(fd);

		if (v < 1000)
			expect_int(v, seen_a++);
		else
			expect_int(v, 1000 + seen_b++);
	}
	expect_done(&ca, sizeof(a));
	expect_done(&cb, sizeof(b));
	expect_int(seen_a, 50);
	expect_int(seen_b, 50);
}

static const struct tap_test tests[] = {
	{ "a batch goes in order, and waits for room", batch_in_order },
	{ "a read takes those of parked senders too", read_takes_parked },
	{ "a batch to several parked receivers", batch_to_parked },
	{ "a batch on a rendezvous", batch_rendezvous },
	{ "a batch that does not wait", batch_nonblock },
	{ "so on a rendezvous", batch_nonblock_rendezvous },
	{ "a batch queues again at the tail", batch_queues_at_tail },
	{ "a batch cut short by a signal", batch_interrupted },
	{ "a batch cut short by close, then EPIPE", batch_closed },
	{ "a batch cut short by a fault, then EFAULT", batch_fault },
	{ "a fault is told before anything waits", batch_fault_full },
	{ "a read cut short by a fault, then EFAULT", read_batch_fault },
	{ "batches around the end of the buffer", batch_around },
	{ "two batches at once", two_batches },
};

TAP_MAIN(tests)
