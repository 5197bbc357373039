// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: reads, writes and polls of channels, by the system calls
 * themselves.
 *
 * What it cannot do at once it does again when poll says so. Only what it cannot
 * do that way it gives to a thread that blocks, of which there are to be none
 * while a channel has one reader and one writer.
 */
#include <poll.h>

#include "cases.h"
#include "ring.h"

static void at_once(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t in = 11, out = 0;
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 1);
	ring_expect(&r, 1, 8);
	expect_int(chan_len(fd), 1);
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	ring_expect(&r, 2, 8);
	expect_int(out, 11);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 7, 3);
	ring_expect(&r, 3, -EINVAL);
}

static void read_waits(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t out = 0;
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 1);
	expect_none_completed(&r);
	/* It waits by polling, and takes no place in the queue. */
	expect_int(chan_info(fd).recv_waiters, 0);
	send_u64(fd, 22);
	ring_expect(&r, 1, 8);
	expect_int(out, 22);

	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	expect_none_completed(&r);
	chan_close(fd);
	ring_expect(&r, 2, 0);
}

static void write_waits(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t in = 2;
	struct ring r;

	ring_open(&r);
	send_u64(fd, 1);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 1);
	expect_none_completed(&r);
	expect_recv(fd, 1);
	ring_expect(&r, 1, 8);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 2);
	expect_none_completed(&r);
	chan_close(fd);
	ring_expect(&r, 2, -EPIPE);
	expect_recv(fd, 2);
	expect_end(fd);
}

static void polls(void)
{
	int fd = chan_make(0, 8, 1);
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_POLL_ADD, fd, NULL, POLLIN, 1);
	expect_none_completed(&r);
	send_u64(fd, 1);
	ring_expect(&r, 1, POLLIN);
}

static void many_reads(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t out[16] = { 0 }, data, sum = 0;
	struct ring r;
	int result, i;

	ring_open(&r);
	for (i = 0; i < 16; i++)
		ring_submit(&r, IORING_OP_READ, fd, &out[i], 8, i);
	expect_none_completed(&r);
	for (i = 0; i < 16; i++) {
		send_u64(fd, i + 1);
		until(ring_complete(&r, &data, &result));
		expect_int(result, 8);
	}
	for (i = 0; i < 16; i++)
		sum += out[i];
	expect_int(sum, 16 * 17 / 2);
	expect_int(chan_len(fd), 0);
}

/* On a rendezvous one side must block: then the ring's side meets it. */
static void rendezvous(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t in = 5, out = 0, data;
	struct call c;
	struct ring r;
	int result;

	ring_open(&r);
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 1);
	expect_none_completed(&r);
	call_write(&c, fd, &in, 8);
	ring_expect(&r, 1, 8);
	expect_done(&c, 8);
	expect_int(out, 5);

	/* Two of them never meet. */
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 3);
	expect_none_completed(&r);
	expect_int(chan_info(fd).recv_waiters, 0);
	expect_int(chan_info(fd).send_waiters, 0);
	chan_close(fd);
	until(ring_complete(&r, &data, &result));
	expect_int(result, data == 2 ? 0 : -EPIPE);
	until(ring_complete(&r, &data, &result));
	expect_int(result, data == 2 ? 0 : -EPIPE);
}

/* A ring is an fd like others: a select waits for what completes on it. */
static void polled_by_select(void)
{
	int fd = chan_make(0, 8, 1), on = chan_make(0, 8, 0);
	struct cases_call call = { 0 };
	uint64_t v = 0, out = 0;
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_POLL_ADD, fd, NULL, POLLIN, 1);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, on, &v, 8);
	add_poll(&call.c, r.fd, POLLIN);
	expect_int(cases_now(on, &call.c), -1);
	call.c.s.flags = 0;
	cases_start(&call, on);
	wait_receivers(on, 1);
	send_u64(fd, 7);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 1);
	expect_int(call.c.s.events, POLLIN);
	ring_expect(&r, 1, POLLIN);
	expect_recv(fd, 7);
	expect_idle(on);

	/* Also when that receives from a channel which is another case. */
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	add_recv(&call.c, fd, &v, 8);
	cases_start(&call, on);
	wait_receivers(fd, 1);
	send_u64(fd, 8);
	expect_int(cases_join(&call), 0);
	expect_int(call.c.s.index, 2);
	expect_int(v, 8);
	cases_start(&call, on);
	wait_receivers(fd, 1);
	chan_close(fd);
	expect_int(cases_join(&call), 0);
	expect(call.c.s.index == 1 || call.c.s.index == 2);
	ring_expect(&r, 2, 0);
}

/* They are seen, when there is one: what the tests below rely on. */
static void a_worker(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t out = 0;
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_READ, fd, &out, 8, 1);
	expect_int(ring_workers(), 0);
	ring_submit_with(&r, IORING_OP_READ, fd, &out, 8, 2, IOSQE_ASYNC);
	until(ring_workers() == 1);
}

/* More often than io_uring would lose patience, see below. */
#define TIMES 300

/* What can be done at once is; on a file that would block, and one that would not. */
static void no_worker_at_once(void)
{
	static const uint32_t sizes[] = { 8, 200, 4096, 10000 };
	struct ring r;

	ring_open(&r);
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		char *in = map_pages(sizes[s]), *out = map_pages(sizes[s]);
		int fd = chan_make(0, sizes[s], 2);

		for (unsigned int i = 0; i < TIMES; i++) {
			fill(in, sizes[s], i);
			ring_submit(&r, IORING_OP_WRITE, fd, in, sizes[s], 2 * i);
			ring_expect(&r, 2 * i, (int)sizes[s]);
			ring_submit(&r, IORING_OP_READ, fd, out, sizes[s],
				    2 * i + 1);
			ring_expect(&r, 2 * i + 1, (int)sizes[s]);
			must(filled(out, sizes[s], i));
		}
		expect_int(ring_workers(), 0);
		close(fd);
	}
}

/* What has to wait is polled for, each time anew. */
static void no_worker_when_waiting(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t in = 0, out = 0, data;
	struct ring r;
	int result;

	ring_open(&r);
	for (uint64_t i = 0; i < TIMES; i++) {
		ring_submit(&r, IORING_OP_READ, fd, &out, 8, i);
		must(!ring_complete(&r, &data, &result));
		send_u64(fd, i);
		ring_expect(&r, i, 8);
		must_int(out, i);
	}
	expect_int(ring_workers(), 0);
	for (uint64_t i = 0; i < TIMES; i++) {
		send_u64(fd, 1);
		in = i;
		ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, i);
		must(!ring_complete(&r, &data, &result));
		expect_recv(fd, 1);
		ring_expect(&r, i, 8);
		expect_recv(fd, i);
	}
	expect_int(ring_workers(), 0);
	/* One that waits long, while the channel is used in its other direction. */
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 1);
	ring_expect(&r, 1, 8);
	ring_submit(&r, IORING_OP_WRITE, fd, &in, 8, 2);
	for (int i = 0; i < TIMES; i++) {
		expect_errno(try_send(fd, &in, 8), EAGAIN);
		must(!ring_complete(&r, &data, &result));
	}
	expect_int(ring_workers(), 0);
}

/* One task that reads through a ring, and one that writes through another. */
struct side {
	int fd;
	bool send;
	uint32_t size;
	unsigned long count;
	unsigned long waited;
};

static void *run_side(void *arg)
{
	struct side *side = arg;
	char *buf = map_pages(side->size);
	struct ring r;

	ring_open(&r);
	for (unsigned long i = 0; i < side->count; i++) {
		uint64_t data;
		int result;

		if (side->send)
			fill(buf, side->size, i);
		ring_submit(&r, side->send ? IORING_OP_WRITE : IORING_OP_READ,
			    side->fd, buf, side->size, i);
		if (!ring_complete(&r, &data, &result)) {
			side->waited++;
			ring_wait(&r);
			until(ring_complete(&r, &data, &result));
		}
		must_int(data, i);
		must_int(result, side->size);
		if (!side->send)
			must(filled(buf, side->size, i));
	}
	close(r.fd);
	return NULL;
}

static void no_worker_between_two(void)
{
	static const uint32_t sizes[] = { 8, 200, 4096, 10000 };
	static const uint32_t capacities[] = { 1, 4, 64 };
	unsigned long waited = 0;

	for (size_t s = 0; s < ARRAY_SIZE(sizes) * 3; s++) {
		struct side sides[2] = { 0 };
		pthread_t threads[2];
		int fd;

		tap_about("size %u, capacity %u", sizes[s / 3],
			  capacities[s % 3]);
		fd = chan_make(0, sizes[s / 3], capacities[s % 3]);
		for (int i = 0; i < 2; i++) {
			sides[i] = (struct side){
				.fd = fd, .send = i, .size = sizes[s / 3],
				.count = tap_scale(1500),
			};
			thread_start(&threads[i], run_side, &sides[i]);
		}
		for (int i = 0; i < 2; i++)
			thread_join(threads[i]);
		expect_int(ring_workers(), 0);
		waited += sides[0].waited + sides[1].waited;
		expect_int(chan_len(fd), 0);
		close(fd);
	}
	tap_about("%s", "");
	/* Somebody had to wait, or this has shown nothing. */
	expect(waited > 0);
}

static void *writes_blocking(void *arg)
{
	const struct side *side = arg;

	for (unsigned long i = 0; i < side->count; i++)
		send_u64(side->fd, i);
	return NULL;
}

/* On a rendezvous, with the other side in calls that block. */
static void no_worker_on_rendezvous(void)
{
	struct side side = { .fd = chan_make(0, 8, 0), .count = TIMES };
	pthread_t writer;
	uint64_t out;
	struct ring r;

	ring_open(&r);
	thread_start(&writer, writes_blocking, &side);
	for (uint64_t i = 0; i < side.count; i++) {
		ring_submit(&r, IORING_OP_READ, side.fd, &out, 8, i);
		ring_expect(&r, i, 8);
		must_int(out, i);
	}
	thread_join(writer);
	expect_int(ring_workers(), 0);
}

/*
 * Several reads that wait: each element wakes them all, and all but one find
 * nothing. After 128 such times io_uring gives a read to a worker, which blocks in
 * it like anybody, or does not, and says so: nothing is lost either way.
 */
static void many_reads_on(int fd, bool nonblock)
{
	enum { READS = 4 };
	const uint64_t count = READS * TIMES;
	uint64_t out[READS], data, next = 0, seen = 0, sum = 0, given_up = 0;
	struct ring r;
	int result;

	chan_nonblock(fd, nonblock);
	ring_open(&r);
	for (uint64_t i = 0; i < READS; i++)
		ring_submit(&r, IORING_OP_READ, fd, &out[i], 8, i);
	while (seen < count) {
		if (next == seen)
			send_u64(fd, ++next);
		until(ring_complete(&r, &data, &result));
		must(data < READS);
		if (nonblock && result == -EAGAIN) {
			given_up++;
		} else {
			must_int(result, 8);
			sum += out[data];
			seen++;
		}
		ring_submit(&r, IORING_OP_READ, fd, &out[data], 8, data);
	}
	expect_int(sum, count * (count + 1) / 2);
	expect_int(chan_len(fd), 0);
	tap_note("%d workers, %llu reads given up", ring_workers(),
		 (unsigned long long)given_up);
	chan_close(fd);
	for (int i = 0; i < READS; i++) {
		until(ring_complete(&r, &data, &result));
		expect(result == 0 || (nonblock && result == -EAGAIN));
	}
	expect_int(chan_info(fd).recv_waiters, 0);
	close(r.fd);
}

static void many_readers(void)
{
	many_reads_on(chan_make(0, 8, 4), false);
}

static void many_nonblocking_readers(void)
{
	many_reads_on(chan_make(0, 8, 4), true);
}

static const struct tap_test tests[] = {
	{ "what can be done at once is", at_once },
	{ "a read waits, and sees close", read_waits },
	{ "a write waits, and sees close", write_waits },
	{ "poll", polls },
	{ "many reads wait, each gets one", many_reads },
	{ "on a rendezvous", rendezvous },
	{ "a ring that a select waits for", polled_by_select },
	{ "a worker is seen when there is one", a_worker },
	{ "no worker for what can be done at once", no_worker_at_once },
	{ "no worker for what has to wait", no_worker_when_waiting },
	{ "no worker between one reader and one writer", no_worker_between_two },
	{ "no worker on a rendezvous", no_worker_on_rendezvous },
	{ "many readers: nothing is lost", many_readers },
	{ "many readers, O_NONBLOCK: nothing is lost",
	  many_nonblocking_readers },
};

TAP_MAIN(tests)
