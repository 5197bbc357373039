// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: reads, writes and polls of channels, by the system calls
 * themselves.
 */
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "chan.h"

#define ENTRIES 64

struct ring {
	int fd;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

static void ring_open(struct ring *r)
{
	size_t sq_bytes, cq_bytes;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &r->p);
	if (r->fd < 0)
		tap_skip("no io_uring here");
	sq_bytes = r->p.sq_off.array + r->p.sq_entries * sizeof(uint32_t);
	cq_bytes = r->p.cq_off.cqes +
		   r->p.cq_entries * sizeof(struct io_uring_cqe);
	r->sq = mmap(NULL, sq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		     r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL, cq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		     r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * sizeof(*r->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	must(r->sq != MAP_FAILED && r->cq != MAP_FAILED);
	must((void *)r->sqes != MAP_FAILED);
}

/* Submits one operation; @data tells it when it is completed. */
static void submit(struct ring *r, uint8_t op, int fd, void *buf, uint32_t len,
		   uint64_t data)
{
	uint32_t *tail = (void *)(r->sq + r->p.sq_off.tail);
	uint32_t mask = *(uint32_t *)(r->sq + r->p.sq_off.ring_mask);
	uint32_t *array = (void *)(r->sq + r->p.sq_off.array);
	uint32_t at = *tail & mask;
	struct io_uring_sqe *sqe = &r->sqes[at];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->user_data = data;
	if (op == IORING_OP_POLL_ADD) {
		sqe->poll32_events = len;
	} else {
		sqe->addr = (uintptr_t)buf;
		sqe->len = len;
		sqe->off = -1;
	}
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must_int(syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0), 1);
}

/* The next completion there is; false when there is none. */
static bool completed(struct ring *r, uint64_t *data, int *result)
{
	uint32_t *head = (void *)(r->cq + r->p.cq_off.head);
	uint32_t *tail = (void *)(r->cq + r->p.cq_off.tail);
	uint32_t mask = *(uint32_t *)(r->cq + r->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->cq + r->p.cq_off.cqes);

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*data = cqes[*head & mask].user_data;
	*result = cqes[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Completions are posted by this task, when it enters the kernel. */
static bool complete(struct ring *r, uint64_t *data, int *result)
{
	syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL,
		0);
	return completed(r, data, result);
}

static void expect_completed(struct ring *r, uint64_t want, int result)
{
	uint64_t data = 0;
	int got = 0;

	until(complete(r, &data, &got));
	expect_int(data, want);
	expect_int(got, result);
}

static void at_once(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t in = 11, out = 0;
	struct ring r;

	ring_open(&r);
	submit(&r, IORING_OP_WRITE, fd, &in, 8, 1);
	expect_completed(&r, 1, 8);
	expect_int(chan_len(fd), 1);
	submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	expect_completed(&r, 2, 8);
	expect_int(out, 11);
	submit(&r, IORING_OP_WRITE, fd, &in, 7, 3);
	expect_completed(&r, 3, -EINVAL);
}

static void read_waits(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t out = 0, data;
	struct ring r;
	int result;

	ring_open(&r);
	submit(&r, IORING_OP_READ, fd, &out, 8, 1);
	expect(!complete(&r, &data, &result));
	/* It waits by polling, and takes no place in the queue. */
	expect_int(chan_info(fd).recv_waiters, 0);
	send_u64(fd, 22);
	expect_completed(&r, 1, 8);
	expect_int(out, 22);

	submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	expect(!complete(&r, &data, &result));
	chan_close(fd);
	expect_completed(&r, 2, 0);
}

static void write_waits(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t in = 2, data;
	struct ring r;
	int result;

	ring_open(&r);
	send_u64(fd, 1);
	submit(&r, IORING_OP_WRITE, fd, &in, 8, 1);
	expect(!complete(&r, &data, &result));
	expect_recv(fd, 1);
	expect_completed(&r, 1, 8);
	submit(&r, IORING_OP_WRITE, fd, &in, 8, 2);
	expect(!complete(&r, &data, &result));
	chan_close(fd);
	expect_completed(&r, 2, -EPIPE);
	expect_recv(fd, 2);
	expect_end(fd);
}

static void polls(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t data;
	struct ring r;
	int result;

	ring_open(&r);
	submit(&r, IORING_OP_POLL_ADD, fd, NULL, POLLIN, 1);
	expect(!complete(&r, &data, &result));
	send_u64(fd, 1);
	expect_completed(&r, 1, POLLIN);
}

static void many_reads(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t out[16] = { 0 }, data, sum = 0;
	struct ring r;
	int result, i;

	ring_open(&r);
	for (i = 0; i < 16; i++)
		submit(&r, IORING_OP_READ, fd, &out[i], 8, i);
	expect(!complete(&r, &data, &result));
	for (i = 0; i < 16; i++) {
		send_u64(fd, i + 1);
		until(complete(&r, &data, &result));
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
	submit(&r, IORING_OP_READ, fd, &out, 8, 1);
	expect(!complete(&r, &data, &result));
	call_write(&c, fd, &in, 8);
	expect_completed(&r, 1, 8);
	expect_done(&c, 8);
	expect_int(out, 5);

	/* Two of them never meet. */
	submit(&r, IORING_OP_READ, fd, &out, 8, 2);
	submit(&r, IORING_OP_WRITE, fd, &in, 8, 3);
	expect(!complete(&r, &data, &result));
	expect_int(chan_info(fd).recv_waiters, 0);
	expect_int(chan_info(fd).send_waiters, 0);
	chan_close(fd);
	until(complete(&r, &data, &result));
	expect_int(result, data == 2 ? 0 : -EPIPE);
	until(complete(&r, &data, &result));
	expect_int(result, data == 2 ? 0 : -EPIPE);
}

static const struct tap_test tests[] = {
	{ "what can be done at once is", at_once },
	{ "a read waits, and sees close", read_waits },
	{ "a write waits, and sees close", write_waits },
	{ "poll", polls },
	{ "many reads wait, each gets one", many_reads },
	{ "on a rendezvous", rendezvous },
};

TAP_MAIN(tests)
