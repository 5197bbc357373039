// SPDX-License-Identifier: GPL-2.0-only
/*
 * read and write on channels of fixed element size: lengths, vectors,
 * addresses. (batch.c has the waiting in the middle of a write.)
 */
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "chan.h"

static const uint32_t sizes[] = {
	1, 2, 3, 7, 8, 24, 64, 127, 128, 129, 1000, 4095, 4096, 4097, 10000,
	65536, 100 * 1024,
};

static void element_sizes(void)
{
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		int fd = chan_make(0, size, 3);
		char *buf = map_pages(3 * size);

		tap_about("size %u", size);
		for (k = 0; k < 3; k++) {
			fill(buf, size, k);
			expect_int(write(fd, buf, size), size);
		}
		for (k = 0; k < 3; k++) {
			memset(buf, POISON, size);
			expect_int(read(fd, buf, size), size);
			expect(filled(buf, size, k));
		}
		/* All three in one call each way. */
		for (k = 0; k < 3; k++)
			fill(buf + k * size, size, k + 10);
		expect_int(write(fd, buf, 3 * size), 3 * size);
		expect_int(chan_len(fd), 3);
		memset(buf, POISON, 3 * size);
		expect_int(read(fd, buf, 3 * size), 3 * size);
		for (k = 0; k < 3; k++)
			expect(filled(buf + k * size, size, k + 10));
		close(fd);
	}
}

static void element_sizes_handed(void)
{
	size_t i;
	int way;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (way = 0; way < 2; way++) {
			uint32_t size = sizes[i];
			int fd = chan_make(0, size, 0);
			char *in = map_pages(size), *out = map_pages(size);
			struct call c;

			tap_about("size %u, %s first", size,
				  way ? "receiver" : "sender");
			fill(in, size, i);
			if (way) {
				call_read(&c, fd, out, size);
				wait_receivers(fd, 1);
				expect_int(write(fd, in, size), size);
			} else {
				call_write(&c, fd, in, size);
				wait_senders(fd, 1);
				/* The element left its sender when it parked. */
				memset(in, POISON, size);
				expect_int(read(fd, out, size), size);
			}
			expect_done(&c, size);
			expect(filled(out, size, i));
			close(fd);
		}
	}
}

static void write_multiples(void)
{
	char buf[64];
	size_t len;
	int fd = chan_make(0, 8, 16);

	fill(buf, sizeof(buf), 1);
	for (len = 1; len < sizeof(buf); len++) {
		if (len % 8 == 0)
			continue;
		tap_about("%zu bytes", len);
		expect_errno(write(fd, buf, len), EINVAL);
	}
	expect_int(chan_len(fd), 0);
	/* Even when a receiver waits for the first of them. */
	{
		struct call c;
		uint64_t got = 0;

		call_read(&c, fd, &got, 8);
		wait_receivers(fd, 1);
		expect_errno(write(fd, buf, 12), EINVAL);
		expect_int(chan_info(fd).recv_waiters, 1);
		send_u64(fd, 4);
		expect_done(&c, 8);
		expect_int(got, 4);
	}
	/* Nothing is no element. */
	expect_int(write(fd, buf, 0), 0);
	expect_int(chan_len(fd), 0);
}

/* Calls of 0 bytes do nothing, and wait for nothing. */
static void no_bytes(void)
{
	static const uint32_t capacities[] = { 0, 2 };
	struct iovec none[2] = { { NULL, 0 }, { NULL, 0 } };
	char buf[8];
	size_t i;
	int both;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		int fd = chan_make(0, 8, capacities[i]);
		uint32_t k;

		tap_about("capacity %u", capacities[i]);
		expect_int(read(fd, buf, 0), 0);
		expect_int(write(fd, buf, 0), 0);
		expect_int(readv(fd, none, 2), 0);
		expect_int(writev(fd, none, 2), 0);
		for (k = 0; k < capacities[i]; k++)
			send_u64(fd, k);
		/* Full, and with elements. */
		expect_int(read(fd, buf, 0), 0);
		expect_int(write(fd, buf, 0), 0);
		expect_int(chan_len(fd), capacities[i]);
		chan_close(fd);
		expect_int(read(fd, buf, 0), 0);
		expect_int(write(fd, buf, 0), 0);
		expect_int(chan_len(fd), capacities[i]);
		for (k = 0; k < capacities[i]; k++)
			expect_recv(fd, k);
		expect_int(read(fd, buf, 0), 0);
		expect_int(write(fd, buf, 0), 0);
		close(fd);
	}
	/* In the wrong direction they are as wrong as any. */
	both = chan_make(0, 8, 2);
	expect_errno(read(end_make(both, KCHAN_END_SEND), buf, 0), EBADF);
	expect_errno(write(end_make(both, KCHAN_END_RECV), buf, 0), EBADF);
}

static void read_lengths(void)
{
	char buf[64];
	int fd = chan_make(0, 8, 16);
	size_t len;

	chan_nonblock(fd, true);
	for (len = 1; len < 8; len++) {
		tap_about("%zu bytes", len);
		expect_errno(read(fd, buf, len), EINVAL);
	}
	tap_about("%s", "");
	fill(buf, 48, 1);
	expect_int(write(fd, buf, 48), 48);
	for (len = 1; len < 8; len++)
		expect_errno(read(fd, buf, len), EINVAL);
	expect_int(chan_len(fd), 6);
	/* The whole elements that fit, and not a byte more. */
	memset(buf, POISON, sizeof(buf));
	expect_int(read(fd, buf, 15), 8);
	expect_int((unsigned char)buf[8], POISON);
	expect_int(read(fd, buf + 8, 23), 16);
	expect_int((unsigned char)buf[24], POISON);
	/* At least one, at most what is there. */
	expect_int(read(fd, buf + 24, 40), 24);
	expect_int((unsigned char)buf[48], POISON);
	expect(filled(buf, 48, 1));
	expect_errno(read(fd, buf, 64), EAGAIN);
}

static void vectors(void)
{
	char in[48], out[48];
	/* Pieces that lie across the bounds of elements of 8 bytes. */
	struct iovec w[] = {
		{ in, 3 }, { in + 3, 0 }, { in + 3, 10 }, { in + 13, 1 },
		{ in + 14, 34 },
	};
	struct iovec r[] = {
		{ out, 1 }, { out + 1, 22 }, { out + 23, 2 }, { out + 25, 23 },
	};
	int fd = chan_make(0, 8, 16);

	fill(in, sizeof(in), 9);
	memset(out, POISON, sizeof(out));
	expect_int(writev(fd, w, ARRAY_SIZE(w)), 48);
	expect_int(chan_len(fd), 6);
	expect_int(readv(fd, r, ARRAY_SIZE(r)), 48);
	expect(filled(out, 48, 9));
	/* What counts is the sum. */
	expect_errno(writev(fd, w, 3), EINVAL);
	expect_errno(readv(fd, r, 1), EINVAL);
	expect_int(writev(fd, w + 2, 1), -1);
	w[2].iov_len = 13;
	expect_int(writev(fd, w, 3), 16);
	memset(out, POISON, sizeof(out));
	/* 23 bytes of room: two elements. */
	expect_int(readv(fd, r, 2), 16);
	expect_int((unsigned char)out[16], POISON);
}

static void vectors_parked(void)
{
	char in[200], out[200];
	struct iovec r[] = { { out, 50 }, { out + 50, 150 } };
	struct iovec w[] = { { in, 190 }, { in + 190, 10 } };
	int fd = chan_make(0, 200, 0);
	struct call c;

	fill(in, sizeof(in), 5);
	call_write(&c, fd, in, 200);
	wait_senders(fd, 1);
	expect_int(readv(fd, r, 2), 200);
	expect(filled(out, 200, 5));
	expect_done(&c, 200);

	memset(out, POISON, sizeof(out));
	call_read(&c, fd, out, 200);
	wait_receivers(fd, 1);
	expect_int(writev(fd, w, 2), 200);
	expect_done(&c, 200);
	expect(filled(out, 200, 5));
}

static void odd_addresses(void)
{
	char *raw = map_pages(8 * page_size());
	size_t i, shift;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] < 2 * page_size(); i++) {
		uint32_t size = sizes[i];
		int fd = chan_make(0, size, 2);

		for (shift = 1; shift < 9; shift += 2) {
			tap_about("size %u, shift %zu", size, shift);
			fill(raw + shift, size, i);
			expect_int(write(fd, raw + shift, size), size);
			memset(raw, POISON, 4 * page_size());
			expect_int(read(fd, raw + shift + 2, size), size);
			expect(filled(raw + shift + 2, size, i));
			expect_int((unsigned char)raw[shift + 1], POISON);
			expect_int((unsigned char)raw[shift + 2 + size],
				   POISON);
		}
		close(fd);
	}
}

static void page_crossing(void)
{
	char *raw = map_pages(4 * page_size());
	char *mid = raw + page_size() - 5;
	int fd = chan_make(0, 11, 2);

	fill(mid, 11, 3);
	expect_int(write(fd, mid, 11), 11);
	memset(mid, POISON, 11);
	expect_int(read(fd, mid, 11), 11);
	expect(filled(mid, 11, 3));
}

static void huge_lengths(void)
{
	char *some = map_before_hole(64);
	int fd = chan_make(0, 8, 4);

	chan_nonblock(fd, true);
	/* The range leaves user space. */
	expect_errno(write(fd, (void *)-16L, SSIZE_MAX), EFAULT);
	expect_errno(write(fd, (void *)0xffff800000000000, 64), EFAULT);
	expect_errno(write(fd, some, SSIZE_MAX), EFAULT);
	/* Which of the two the VFS says is its own affair. */
	expect_int(write(fd, some, opaque(1UL << 63)), -1);
	expect(errno == EINVAL || errno == EFAULT);
	expect_int(chan_len(fd), 0);
	expect_int(read(fd, some, opaque(1UL << 63)), -1);
	expect(errno == EINVAL || errno == EFAULT);
	expect_errno(read(fd, (void *)0xffff800000000000, SSIZE_MAX), EFAULT);
	/* A long read takes what is there, into the memory that is there. */
	send_u64(fd, 1);
	send_u64(fd, 2);
	expect_int(read(fd, some, opaque(1UL << 30)), 16);
	expect_int(((uint64_t *)some)[1], 2);
}

/*
 * The VFS cuts writes at MAX_RW_COUNT, which is no multiple of 24: such a
 * write is rounded down, not refused.
 */
static void clamped_write(void)
{
	size_t len = 24UL * (1UL << 27);
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char out[100];
	int fd = chan_make(0, 24, 4);

	if (p == MAP_FAILED)
		tap_skip("no address space");
	fill(p, 96, 1);
	chan_nonblock(fd, true);
	expect_int(write(fd, p, len), 96);
	expect_int(chan_len(fd), 4);
	expect_int(read(fd, out, sizeof(out)), 96);
	expect(filled(out, 96, 1));
}

static void fresh_memory(void)
{
	size_t i;

	/* Pages that nobody has touched are faulted in, in both directions. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		int fd = chan_make(0, size, 2);
		char *in = map_pages(size), *out = map_pages(size);
		size_t k;

		tap_about("size %u", size);
		expect_int(write(fd, in, size), size);
		fill(in, size, 7);
		expect_int(write(fd, in, size), size);
		expect_int(read(fd, out, size), size);
		for (k = 0; k < size && !out[k]; k++)
			;
		expect_int(k, size);
		must_int(madvise(out, size, MADV_DONTNEED), 0);
		expect_int(read(fd, out, size), size);
		expect(filled(out, size, 7));
		close(fd);
	}
}

static void write_fresh(void *arg)
{
	struct { int fd; char *buf; size_t size; } *a = arg;

	/* Shared with the parent until the element is written to it. */
	expect_int(read(a->fd, a->buf, a->size), a->size);
	expect(filled(a->buf, a->size, 2));
}

static void copy_on_write(void)
{
	static const uint32_t cow_sizes[] = { 8, 128, 4096, 10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cow_sizes); i++) {
		struct { int fd; char *buf; size_t size; } a;

		a.size = cow_sizes[i];
		tap_about("size %zu", a.size);
		a.fd = chan_make(0, a.size, 2);
		a.buf = map_pages(a.size);
		fill(a.buf, a.size, 2);
		expect_int(write(a.fd, a.buf, a.size), a.size);
		fill(a.buf, a.size, 1);
		expect_exit(spawn(write_fresh, &a));
		expect(filled(a.buf, a.size, 1));
	}
}

static const struct tap_test tests[] = {
	{ "elements of all sizes, one and several a call", element_sizes },
	{ "elements of all sizes, handed over", element_sizes_handed },
	{ "a write of no multiple is EINVAL, nothing moves", write_multiples },
	{ "calls of 0 bytes do nothing", no_bytes },
	{ "a read takes the whole elements that fit", read_lengths },
	{ "readv and writev over the bounds of elements", vectors },
	{ "readv and writev with a party that waits", vectors_parked },
	{ "odd addresses", odd_addresses },
	{ "an element across two pages", page_crossing },
	{ "huge lengths and addresses beyond user space", huge_lengths },
	{ "a write cut at MAX_RW_COUNT is rounded down", clamped_write },
	{ "memory never touched before", fresh_memory },
	{ "memory shared copy-on-write", copy_on_write },
};

TAP_MAIN(tests)
