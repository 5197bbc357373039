// SPDX-License-Identifier: GPL-2.0-only
/*
 * KCHAN_IOC_SELECT in its form of one case: all of its outputs and errors.
 * (chan/size0.c has the elements of no bytes, call/signals.c the interruptions.)
 */
#include <sys/mman.h>

#include "chan.h"

#define NONBLOCK KCHAN_SELECT_NONBLOCK
#define DEADLINE KCHAN_SELECT_DEADLINE

static void moves(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t in = 7, out = 0;
	struct kchan_select s;

	expect_int(select_one(fd, KCHAN_OP_SEND, &in, 8, 0, 0, &s), 0);
	expect_int(s.index, 0);
	expect_int(s.status, 0);
	expect_int(s.len, 8);
	expect_int(select_one(fd, KCHAN_OP_RECV, &out, 8, 0, 0, &s), 0);
	expect_int(s.index, 0);
	expect_int(s.status, 0);
	expect_int(s.len, 8);
	expect_int(out, 7);
}

static void moves_messages(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 64, 2);
	char in[64], out[100];
	struct kchan_select s;

	fill(in, 64, 1);
	expect_int(select_one(fd, KCHAN_OP_SEND, in, 13, 0, 0, &s), 0);
	expect_int(s.status, 0);
	expect_int(s.len, 13);
	memset(out, POISON, sizeof(out));
	expect_int(select_one(fd, KCHAN_OP_RECV, out, 100, 0, 0, &s), 0);
	expect_int(s.status, 0);
	expect_int(s.len, 13);
	expect(filled(out, 13, 1));
	expect_int((unsigned char)out[13], POISON);

	expect_int(try_send(fd, in, 64), 0);
	expect_int(select_one(fd, KCHAN_OP_RECV, out, 63, 0, 0, &s), 0);
	expect_int(s.status, EMSGSIZE);
	expect_int(s.len, 0);
	expect_int(chan_len(fd), 1);
	expect_int(try_recv(fd, NULL, 0), EMSGSIZE);
	expect_int(try_recv(fd, out, 64), 0);
	expect_int(chan_len(fd), 0);
}

static void comma_ok(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t v = 0, out = 1;
	struct kchan_select s;

	send_u64(fd, 0);
	chan_close(fd);
	expect_int(select_one(fd, KCHAN_OP_RECV, &out, 8, 0, 0, &s), 0);
	expect_int(s.status, 0);
	expect_int(s.len, 8);
	expect_int(out, 0);
	expect_int(select_one(fd, KCHAN_OP_RECV, &out, 8, 0, 0, &s), 0);
	expect_int(s.status, EPIPE);
	expect_int(s.len, 0);
	expect_int(select_one(fd, KCHAN_OP_SEND, &v, 8, 0, 0, &s), 0);
	expect_int(s.status, EPIPE);
	expect_int(s.len, 0);
	/* Closed is ready: so it is with a default or a deadline. */
	expect_int(try_recv(fd, &out, 8), EPIPE);
	expect_int(try_send(fd, &out, 8), EPIPE);
	expect_int(select_one(fd, KCHAN_OP_RECV, &out, 8, DEADLINE, 1, &s), 0);
	expect_int(s.status, EPIPE);
}

static void parked_outputs(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 64, 0);
	char in[64], out[64];
	struct one_case one;
	struct call c, d;

	fill(in, 64, 2);
	one_case(&one, fd, KCHAN_OP_RECV, out, 64, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	expect_int(write(fd, in, 5), 5);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);
	expect_int(one.s.len, 5);
	expect(filled(out, 5, 2));

	one_case(&one, fd, KCHAN_OP_RECV, out, 4, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	call_read(&d, fd, out, 64);
	wait_receivers(fd, 2);
	expect_int(write(fd, in, 5), 5);
	expect_done(&c, 0);
	expect_int(one.s.status, EMSGSIZE);
	expect_int(one.s.len, 0);
	expect_done(&d, 5);

	one_case(&one, fd, KCHAN_OP_SEND, in, 9, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	expect_int(read(fd, out, 64), 9);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);
	expect_int(one.s.len, 9);

	one_case(&one, fd, KCHAN_OP_SEND, in, 9, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	chan_close(fd);
	expect_done(&c, 0);
	expect_int(one.s.status, EPIPE);
	expect_int(one.s.len, 0);
}

static void parked_receive_closed(void)
{
	int fd = chan_make(0, 8, 3);
	struct one_case one;
	struct call c;
	uint64_t v;

	one_case(&one, fd, KCHAN_OP_RECV, &v, 8, DEADLINE, INT64_MAX);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	chan_close(fd);
	expect_done(&c, 0);
	expect_int(one.s.status, EPIPE);
	expect_int(one.s.len, 0);
}

static void two_selects_meet(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t in = 44, out = 0;
	struct one_case one;
	struct call c;

	one_case(&one, fd, KCHAN_OP_SEND, &in, 8, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	expect_int(try_recv(fd, &out, 8), 0);
	expect_done(&c, 0);
	expect_int(out, 44);

	out = 0;
	one_case(&one, fd, KCHAN_OP_RECV, &out, 8, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	expect_int(try_send(fd, &in, 8), 0);
	expect_done(&c, 0);
	expect_int(out, 44);
}

static void nonblock(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v = 3;

	expect_errno(try_recv(fd, &v, 8), EAGAIN);
	expect_int(try_send(fd, &v, 8), 0);
	expect_errno(try_send(fd, &v, 8), EAGAIN);
	expect_int(v, 3);
	/* The file's O_NONBLOCK does not matter, neither way. */
	chan_nonblock(fd, true);
	expect_errno(select_one(fd, KCHAN_OP_SEND, &v, 8, DEADLINE,
				tap_now_ns() + 20 * 1000000, NULL), ETIMEDOUT);
}

static void nonblock_file_waits(void)
{
	int fd = chan_make(0, 8, 1);
	struct one_case one;
	struct call c;
	uint64_t v = 0;

	chan_nonblock(fd, true);
	one_case(&one, fd, KCHAN_OP_RECV, &v, 8, 0, 0);
	call_select(&c, fd, &one);
	wait_receivers(fd, 1);
	send_u64(fd, 6);
	expect_done(&c, 0);
	expect_int(v, 6);
}

static void deadlines(void)
{
	int fd = chan_make(0, 8, 1);
	uint64_t v = 3, deadline;

	/* Long past, and of the year 0. */
	expect_errno(select_one(fd, KCHAN_OP_RECV, &v, 8, DEADLINE, 0, NULL),
		     ETIMEDOUT);
	expect_errno(select_one(fd, KCHAN_OP_RECV, &v, 8, DEADLINE, 1, NULL),
		     ETIMEDOUT);
	/* What is ready commits, however old the deadline. */
	expect_int(select_one(fd, KCHAN_OP_SEND, &v, 8, DEADLINE, 0, NULL), 0);
	expect_errno(select_one(fd, KCHAN_OP_SEND, &v, 8, DEADLINE, 1, NULL),
		     ETIMEDOUT);
	expect_int(select_one(fd, KCHAN_OP_RECV, &v, 8, DEADLINE, 1, NULL), 0);
	expect_int(v, 3);

	deadline = tap_now_ns() + 50 * 1000000;
	expect_errno(select_one(fd, KCHAN_OP_RECV, &v, 8, DEADLINE, deadline,
				NULL), ETIMEDOUT);
	/* Not before its time. */
	expect((uint64_t)tap_now_ns() >= deadline);
	expect_int(chan_info(fd).recv_waiters, 0);
	expect_int(v, 3);

	send_u64(fd, 1);
	deadline = tap_now_ns() + 50 * 1000000;
	expect_errno(select_one(fd, KCHAN_OP_SEND, &v, 8, DEADLINE, deadline,
				NULL), ETIMEDOUT);
	expect((uint64_t)tap_now_ns() >= deadline);
	expect_int(chan_info(fd).send_waiters, 0);
	/* The element stayed with its sender. */
	expect_recv(fd, 1);
	expect_int(chan_len(fd), 0);
}

static void far_deadlines(void)
{
	static const uint64_t far[] = {
		INT64_MAX, INT64_MAX - 1, UINT64_MAX, 1ULL << 63,
		INT64_MAX / 1000 * 1000,
	};
	int fd = chan_make(0, 8, 1);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(far); i++) {
		struct one_case one;
		struct call c;
		uint64_t v = 0;

		tap_about("deadline %#llx", (unsigned long long)far[i]);
		one_case(&one, fd, KCHAN_OP_RECV, &v, 8, DEADLINE, far[i]);
		call_select(&c, fd, &one);
		wait_receivers(fd, 1);
		call_wait_asleep(&c);
		send_u64(fd, i + 1);
		expect_done(&c, 0);
		expect_int(v, i + 1);
	}
}

static void other_fd(void)
{
	int fd = chan_make(0, 8, 1), on = chan_make(0, 16, 1);
	struct one_case one;
	struct call c;
	uint64_t v = 5;

	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, NONBLOCK, 0);
	expect_int(run_case(on, &one), 0);
	expect_int(one.s.status, 0);
	expect_int(chan_len(fd), 1);
	/* Its own channel takes no part: not used, and not counted. */
	expect_int(chan_info(on).flags & KCHAN_INFO_FIXED, 0);
	expect_int(chan_len(on), 0);
	expect_int(try_setup(on, 0, 8, 3), 0);

	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, 0, 0);
	call_select(&c, on, &one);
	wait_senders(fd, 1);
	expect_int(chan_info(on).send_waiters, 0);
	expect_recv(fd, 5);
	expect_done(&c, 0);

	/* That it is closed does not matter. */
	chan_close(on);
	one_case(&one, fd, KCHAN_OP_RECV, &v, 8, NONBLOCK, 0);
	expect_int(run_case(on, &one), 0);
	expect_int(one.s.status, 0);
}

static void refused(void)
{
	static uint64_t v = 1;
	int fd = chan_make(0, 8, 4), pipes[2], null;
	struct one_case o;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	must_int(pipe2(pipes, O_CLOEXEC), 0);
#define fresh() one_case(&o, fd, KCHAN_OP_SEND, &v, 8, NONBLOCK, 0)
#define refuse(error)							\
	do {								\
		expect_errno(run_case(fd, &o), error);			\
		fresh();						\
	} while (0)
	fresh();
	tap_about("fd");
	o.c.fd = 1000;
	refuse(EBADF);
	o.c.fd = INT32_MAX;
	refuse(EBADF);
	/* Go's nil channel: never ready, and nothing else of it counts. */
	o.c.fd = -1;
	refuse(EAGAIN);
	o.c.fd = INT32_MIN;
	o.c.len = 99;
	refuse(EAGAIN);
	o.c.fd = null;
	refuse(EINVAL);
	o.c.fd = pipes[1];
	refuse(EINVAL);
	tap_about("op");
	o.c.op = 77;
	refuse(EINVAL);
	o.c.op = UINT32_MAX;
	refuse(EINVAL);
	tap_about("case flags");
	o.c.flags = 1;
	refuse(EINVAL);
	o.c.flags = 0x80000000;
	refuse(EINVAL);
	tap_about("length");
	o.c.len = 7;
	refuse(EINVAL);
	o.c.len = 9;
	refuse(EINVAL);
	o.c.len = 16;
	refuse(EINVAL);
	o.c.len = 0;
	refuse(EINVAL);
	o.c.len = UINT32_MAX;
	refuse(EINVAL);
	o.c.op = KCHAN_OP_RECV;
	o.c.len = 16;
	refuse(EINVAL);
	o.c.op = KCHAN_OP_RECV;
	o.c.len = 0;
	refuse(EINVAL);
	tap_about("cases");
	o.s.nr_cases = 0;
	refuse(EAGAIN);
	o.s.nr_cases = KCHAN_MAX_CASES + 1;
	refuse(E2BIG);
	o.s.nr_cases = UINT32_MAX;
	refuse(E2BIG);
	o.s.nr_cases = 1U << 31;
	refuse(E2BIG);
	o.s.cases = 0;
	refuse(EFAULT);
	o.s.cases = 0xffff800000000000;
	refuse(EFAULT);
	tap_about("flags");
	o.s.flags = 4;
	refuse(EINVAL);
	o.s.flags = 0x80000000 | NONBLOCK;
	refuse(EINVAL);
	o.s.flags = NONBLOCK | DEADLINE;
	refuse(EINVAL);
	o.s.flags = 0;
	o.s.deadline = 1;
	refuse(EINVAL);
	o.s.deadline = 1;
	refuse(EINVAL);
	tap_about("address");
	o.c.addr = 0;
	refuse(EFAULT);
	o.c.addr = 0xffff800000000000;
	refuse(EFAULT);
	o.c.addr = (uintptr_t)map_before_hole(7);
	refuse(EFAULT);
#undef refuse
#undef fresh
	tap_about("%s", "");
	expect_int(chan_len(fd), 0);
	expect_int(chan_info(fd).send_waiters, 0);
	expect_int(try_send(fd, &v, 8), 0);
}

/* Memory that ends less than 4 GiB below the end of the address space. */
static void *map_high(size_t bytes)
{
	uintptr_t at = UINTPTR_MAX / 2 + 1;
	void *p;

	/* From the top down: what is too high is refused, what is taken is. */
	do {
		at /= 2;
		p = mmap((void *)(at - 16 * page_size()), bytes,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);
	} while (p == MAP_FAILED && at > UINT32_MAX);
	must(p != MAP_FAILED);
	return p;
}

static void refused_messages(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 16, 4);
	char buf[32] = { 0 }, *high;

	expect_errno(try_send(fd, buf, 0), EINVAL);
	expect_errno(try_send(fd, NULL, 0), EINVAL);
	expect_errno(try_send(fd, buf, 17), EMSGSIZE);
	expect_errno(try_send(fd, buf, UINT32_MAX), EMSGSIZE);
	expect_int(chan_len(fd), 0);
	expect_int(try_send(fd, buf, 16), 0);
	/* Room for far more than one message may have is no harm. */
	expect_int(try_recv(fd, buf, UINT32_MAX), 0);
	/* Nor that no address space has so much: it is not used. */
	high = map_high(sizeof(buf));
	expect_int(try_send(fd, buf, 16), 0);
	expect_int(try_recv(fd, high, UINT32_MAX), 0);
	munmap(high, sizeof(buf));
}

static void bad_receive_address(void)
{
	static const uint32_t sizes[] = { 8, 128, 200, 4096, 10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *in = map_pages(size), *bad = map_before_hole(size - 1);
		char *read_only = map_pages(size);
		int fd = chan_make(0, size, 2);

		tap_about("size %u", size);
		must_int(mprotect(read_only, size, PROT_READ), 0);
		/* Before anything waits. */
		expect_errno(select_one(fd, KCHAN_OP_RECV, bad, size, 0, 0,
					NULL), EFAULT);
		expect_errno(select_one(fd, KCHAN_OP_RECV, read_only, size, 0,
					0, NULL), EFAULT);
		expect_int(chan_info(fd).recv_waiters, 0);
		fill(in, size, 1);
		expect_int(try_send(fd, in, size), 0);
		expect_errno(try_recv(fd, bad, size), EFAULT);
		expect_errno(try_recv(fd, NULL, size), EFAULT);
		expect_errno(try_recv(fd, read_only, size), EFAULT);
		expect_int(chan_len(fd), 1);
		memset(in, POISON, size);
		expect_int(try_recv(fd, in, size), 0);
		expect(filled(in, size, 1));
	}
}

static void bad_outputs(void)
{
	struct kchan_select *s = map_pages(page_size());
	uint64_t v = 9, out = 0;
	struct one_case o;
	int fd = chan_make(0, 8, 2);

	/* EFAULT on the outputs alone: the case has committed all the same. */
	one_case(&o, fd, KCHAN_OP_SEND, &v, 8, NONBLOCK, 0);
	*s = o.s;
	must_int(mprotect(s, page_size(), PROT_READ), 0);
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, s), EFAULT);
	expect_int(chan_len(fd), 1);
	o.c.op = KCHAN_OP_RECV;
	o.c.addr = (uintptr_t)&out;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, s), EFAULT);
	expect_int(chan_len(fd), 0);
	expect_int(out, 9);
	/* With nothing to write, it does not matter. */
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, s), EAGAIN);
}

static const struct tap_test tests[] = {
	{ "a send and a receive", moves },
	{ "messages, and one too long", moves_messages },
	{ "comma-ok: an element of zeros, and end-of-stream", comma_ok },
	{ "outputs of calls that waited", parked_outputs },
	{ "a receive that waits sees close", parked_receive_closed },
	{ "two selects meet", two_selects_meet },
	{ "with a default: EAGAIN", nonblock },
	{ "O_NONBLOCK of the file does not matter", nonblock_file_waits },
	{ "deadlines: ETIMEDOUT, never early, ready wins", deadlines },
	{ "deadlines that are far away", far_deadlines },
	{ "issued on another channel's fd", other_fd },
	{ "what is refused, and nothing moves", refused },
	{ "messages that are refused", refused_messages },
	{ "bad receive addresses", bad_receive_address },
	{ "bad outputs: committed all the same", bad_outputs },
};

TAP_MAIN(tests)
