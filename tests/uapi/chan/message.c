// SPDX-License-Identifier: GPL-2.0-only
/*
 * Message mode: elements of 1 to element-size bytes, one a call.
 */
#include <sys/uio.h>

#include "chan.h"

#define MSG KCHAN_SETUP_MESSAGE

static void boundaries(void)
{
	char in[300], out[900];
	int fd = chan_make(MSG, 300, 300);
	int i;

	for (i = 1; i <= 300; i++) {
		fill(in, i, i);
		expect_int(write(fd, in, i), i);
	}
	expect_int(chan_len(fd), 300);
	for (i = 1; i <= 300; i++) {
		memset(out, POISON, sizeof(out));
		/* Room for several: still one a call. */
		expect_int(read(fd, out, sizeof(out)), i);
		expect(filled(out, i, i));
		expect_int((unsigned char)out[i], POISON);
	}
}

static void sizes(void)
{
	static const uint32_t sizes[] = {
		1, 128, 129, 4096, 4097, 10000, 65536, 100 * 1024,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *buf = map_pages(size + 1);
		int fd = chan_make(MSG, size, 4);

		tap_about("size %u", size);
		fill(buf, size, i);
		expect_int(write(fd, buf, size), size);
		expect_int(write(fd, buf, 1), 1);
		expect_int(write(fd, buf, (size + 1) / 2), (size + 1) / 2);
		expect_errno(write(fd, buf, size + 1), EMSGSIZE);
		memset(buf, POISON, size + 1);
		expect_int(read(fd, buf, size + 1), size);
		expect(filled(buf, size, i));
		expect_int((unsigned char)buf[size], POISON);
		expect_int(read(fd, buf, size), 1);
		memset(buf, POISON, size + 1);
		expect_int(read(fd, buf, size), (size + 1) / 2);
		expect(filled(buf, (size + 1) / 2, i));
		close(fd);
	}
}

static void write_errors(void)
{
	/* Not on the stack, which may end with user space: that is an EFAULT. */
	static char buf[64] = { 1 };
	struct iovec io[] = { { buf, 10 }, { buf + 10, 7 } };
	int fd = chan_make(MSG, 16, 4);

	expect_errno(write(fd, buf, 0), EINVAL);
	expect_errno(write(fd, buf, 17), EMSGSIZE);
	expect_errno(write(fd, buf, opaque(1UL << 30)), EMSGSIZE);
	expect_errno(writev(fd, io, 2), EMSGSIZE);
	expect_int(chan_len(fd), 0);
	io[1].iov_len = 6;
	expect_int(writev(fd, io, 2), 16);
	expect_int(chan_len(fd), 1);
}

static void read_too_small(void)
{
	char buf[64];
	int fd = chan_make(MSG, 64, 4);
	size_t len;

	fill(buf, 40, 1);
	expect_int(write(fd, buf, 40), 40);
	expect_int(write(fd, buf, 3), 3);
	for (len = 1; len < 40; len += 13) {
		tap_about("%zu bytes", len);
		memset(buf, POISON, sizeof(buf));
		expect_errno(read(fd, buf, len), EMSGSIZE);
		expect_int((unsigned char)buf[0], POISON);
	}
	expect_int(chan_len(fd), 2);
	/* Exactly enough is enough. */
	expect_int(read(fd, buf, 40), 40);
	expect(filled(buf, 40, 1));
	expect_int(read(fd, buf, 3), 3);
}

static void read_too_small_parked_sender(void)
{
	char buf[64];
	int fd = chan_make(MSG, 64, 0);
	struct call c;

	fill(buf, 40, 1);
	call_write(&c, fd, buf, 40);
	wait_senders(fd, 1);
	expect_errno(read(fd, buf, 39), EMSGSIZE);
	expect_int(chan_info(fd).send_waiters, 1);
	expect(!atomic_load(&c.done));
	memset(buf, POISON, sizeof(buf));
	expect_int(read(fd, buf, 64), 40);
	expect(filled(buf, 40, 1));
	expect_done(&c, 40);
}

/* The receivers too small for the message are told; the next that fits gets it. */
static void parked_too_small(uint32_t capacity)
{
	char small_a[10], small_b[3], good[64], last[64], in[64];
	int fd = chan_make(MSG, 64, capacity);
	struct call a, b, c, d;

	memset(small_a, POISON, sizeof(small_a));
	memset(small_b, POISON, sizeof(small_b));
	call_read(&a, fd, small_a, sizeof(small_a));
	wait_receivers(fd, 1);
	call_read(&b, fd, small_b, sizeof(small_b));
	wait_receivers(fd, 2);
	call_read(&c, fd, good, sizeof(good));
	wait_receivers(fd, 3);
	call_read(&d, fd, last, sizeof(last));
	wait_receivers(fd, 4);

	fill(in, 11, 4);
	expect_int(write(fd, in, 11), 11);
	expect_done_errno(&a, EMSGSIZE);
	expect_done_errno(&b, EMSGSIZE);
	expect_done(&c, 11);
	expect(filled(good, 11, 4));
	expect_int((unsigned char)small_a[0], POISON);
	expect_int((unsigned char)small_b[0], POISON);
	expect_int(chan_info(fd).recv_waiters, 1);
	expect_int(chan_len(fd), 0);
	expect_int(write(fd, in, 2), 2);
	expect_done(&d, 2);
	close(fd);
}

static void parked_receiver_too_small(void)
{
	parked_too_small(0);
	parked_too_small(1);
	parked_too_small(8);
}

static void none_fits(void)
{
	char small[4], in[16], out[16];
	int fd = chan_make(MSG, 16, 2);
	struct call a, c;

	/* Nobody is left: it queues, or with no buffer it waits. */
	call_read(&a, fd, small, sizeof(small));
	wait_receivers(fd, 1);
	fill(in, 16, 1);
	expect_int(write(fd, in, 16), 16);
	expect_done_errno(&a, EMSGSIZE);
	expect_int(chan_len(fd), 1);
	expect_int(read(fd, out, 16), 16);
	expect(filled(out, 16, 1));

	fd = chan_make(MSG, 16, 0);
	call_read(&a, fd, small, sizeof(small));
	wait_receivers(fd, 1);
	call_write(&c, fd, in, 16);
	wait_senders(fd, 1);
	/* The message is not sent yet, so it has turned nobody away. */
	expect_int(chan_info(fd).recv_waiters, 1);
	memset(out, POISON, sizeof(out));
	expect_int(read(fd, out, 16), 16);
	expect(filled(out, 16, 1));
	expect_done(&c, 16);
	expect_done_errno(&a, EMSGSIZE);

	/* A write that does not wait fails, and the receiver waits on. */
	call_read(&a, fd, small, sizeof(small));
	wait_receivers(fd, 1);
	chan_nonblock(fd, true);
	expect_errno(write(fd, in, 16), EAGAIN);
	expect_int(chan_info(fd).recv_waiters, 1);
	expect_int(write(fd, in, 4), 4);
	expect_done(&a, 4);
}

static void small_fits_small(void)
{
	char small[4], in[4] = "abc";
	int fd = chan_make(MSG, 4096, 2);
	struct call a;

	/* Its buffer is below the element size, and yet large enough. */
	call_read(&a, fd, small, 3);
	wait_receivers(fd, 1);
	expect_int(write(fd, in, 3), 3);
	expect_done(&a, 3);
	expect_int(memcmp(small, "abc", 3), 0);
}

static void buffer_beyond_size(void)
{
	/* Only the element size is needed of a larger buffer. */
	char *some = map_before_hole(32), in[32];
	int fd = chan_make(MSG, 32, 2);
	struct call a;

	fill(in, 32, 3);
	expect_int(write(fd, in, 32), 32);
	expect_int(read(fd, some, 128 * 1024), 32);
	expect(filled(some, 32, 3));
	memset(some, POISON, 32);
	call_read(&a, fd, some, 128 * 1024);
	wait_receivers(fd, 1);
	expect_int(write(fd, in, 32), 32);
	expect_done(&a, 32);
	expect(filled(some, 32, 3));
}

static void rendezvous_lengths(void)
{
	char in[256], out[256];
	int fd = chan_make(MSG, 256, 0), len;
	struct call c;

	for (len = 1; len <= 256; len += 51) {
		tap_about("%d bytes", len);
		fill(in, len, len);
		call_write(&c, fd, in, len);
		wait_senders(fd, 1);
		expect_int(read(fd, out, sizeof(out)), len);
		expect(filled(out, len, len));
		expect_done(&c, len);
		memset(out, POISON, sizeof(out));
		call_read(&c, fd, out, sizeof(out));
		wait_receivers(fd, 1);
		expect_int(write(fd, in, len), len);
		expect_done(&c, len);
		expect(filled(out, len, len));
		expect(len == 256 || (unsigned char)out[len] == POISON);
	}
}

static void drained_small(void)
{
	char in[8] = "message", out[8];
	int fd = chan_make(MSG, 8, 2);

	expect_int(write(fd, in, 8), 8);
	chan_close(fd);
	/* Closed does not change what a small buffer means. */
	expect_errno(read(fd, out, 7), EMSGSIZE);
	expect_int(read(fd, out, 8), 8);
	expect_int(read(fd, out, 8), 0);
	expect_int(read(fd, out, 1), 0);
}

static const struct tap_test tests[] = {
	{ "boundaries are kept, one message a call", boundaries },
	{ "messages of all sizes", sizes },
	{ "0 bytes are EINVAL, too many EMSGSIZE", write_errors },
	{ "a read too small is EMSGSIZE, the message stays", read_too_small },
	{ "so with a sender that waits", read_too_small_parked_sender },
	{ "a parked receiver too small: the next one gets it",
	  parked_receiver_too_small },
	{ "and when none fits", none_fits },
	{ "a small buffer takes a small message", small_fits_small },
	{ "a buffer needs no more than the element size", buffer_beyond_size },
	{ "lengths across a rendezvous", rendezvous_lengths },
	{ "closed, with a small buffer", drained_small },
};

TAP_MAIN(tests)
