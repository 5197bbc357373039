// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of receivers, before they wait and after a hand-off: then the
 * element is put back, to the longest-waiting receiver or to a list that is
 * drained before the buffer. (chan/batch.c has the faults within a batch.)
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "chan.h"

/* Staged on the stack, on the heap, and passed by pointer. */
static const uint32_t sizes[] = { 8, 128, 129, 4096, 4097, 10000, 100 * 1024 };
static const uint32_t capacities[] = { 0, 1, 4 };

#define each_shape(size, capacity, i, k)				\
	for (i = 0; i < ARRAY_SIZE(sizes); i++)				\
		for (k = 0; k < ARRAY_SIZE(capacities) &&		\
		     (size = sizes[i], capacity = capacities[k],	\
		      tap_about("size %u, capacity %u", size, capacity), \
		      true); k++)

static void bad_before_waiting(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *hole = map_before_hole(size) + size;
		char *part = map_before_hole(size - 1);
		char *ro = map_pages(size), *in = map_pages(size);
		int fd = chan_make(0, size, capacity);

		must_int(mprotect(ro, size, PROT_READ), 0);
		/* Nothing is there: a fault all the same, not a wait. */
		expect_errno(read(fd, hole, size), EFAULT);
		expect_errno(read(fd, part, size), EFAULT);
		/* All but its last byte is present now, and that cannot be. */
		fill(part, size - 1, 9);
		expect_errno(read(fd, part, size), EFAULT);
		expect_errno(read(fd, ro, size), EFAULT);
		expect_errno(read(fd, NULL, size), EFAULT);
		/* Looking into the memory has not changed it. */
		expect(filled(part, size - 1, 9));
		expect_int(chan_info(fd).recv_waiters, 0);
		expect_errno(write(fd, hole, size), EFAULT);
		expect_errno(write(fd, part, size), EFAULT);
		expect_errno(write(fd, NULL, size), EFAULT);
		expect_int(chan_info(fd).send_waiters, 0);
		expect_int(chan_len(fd), 0);
		/* Memory that can be read only is enough to send. */
		chan_nonblock(fd, true);
		expect_int(write(fd, ro, size), capacity ? (int)size : -1);
		(void)in;
		close(fd);
		munmap(in, size);
		munmap(ro, size);
	}
}

static void bad_with_data(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *part = map_before_hole(size - 1);
		char *ro = map_pages(size), *in = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct call c = { 0 };

		must_int(mprotect(ro, size, PROT_READ), 0);
		fill(in, size, 3);
		if (capacity) {
			expect_int(write(fd, in, size), size);
		} else {
			call_write(&c, fd, in, size);
			wait_senders(fd, 1);
		}
		expect_errno(read(fd, part, size), EFAULT);
		expect_errno(read(fd, ro, size), EFAULT);
		expect_errno(read(fd, NULL, size), EFAULT);
		/* It stays, or with its sender, or put back: one of them. */
		expect_int(chan_len(fd) + chan_info(fd).send_waiters, 1);
		memset(in, POISON, size);
		expect_int(read(fd, in, size), size);
		expect(filled(in, size, 3));
		expect_int(chan_len(fd), 0);
		if (!capacity)
			expect_done(&c, size);
		chan_nonblock(fd, true);
		expect_errno(read(fd, in, size), EAGAIN);
		close(fd);
		munmap(in, size);
		munmap(ro, size);
	}
}

/* A receiver that waits, and whose memory then goes. */
struct victim {
	struct call call;
	char *buf;
	uint32_t size;
};

static void victim_start(struct victim *v, int fd, uint32_t size)
{
	uint32_t waiting = chan_info(fd).recv_waiters;

	v->size = size;
	v->buf = map_pages(size);
	call_read(&v->call, fd, v->buf, size);
	wait_receivers(fd, waiting + 1);
	call_wait_asleep(&v->call);
}

static void victim_spoil(struct victim *v, bool unmap)
{
	if (unmap)
		must_int(munmap(v->buf, v->size), 0);
	else
		must_int(mprotect(v->buf, v->size, PROT_READ), 0);
}

static void spoiled(bool unmap)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size), *out = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct victim v;

		victim_start(&v, fd, size);
		victim_spoil(&v, unmap);
		fill(in, size, 5);
		/* Its send is done: it was handed over. */
		expect_int(write(fd, in, size), size);
		expect_done_errno(&v.call, EFAULT);
		/* Also a rendezvous holds it now. */
		expect_int(chan_len(fd), 1);
		expect_int(chan_info(fd).capacity, capacity);
		expect_int(read(fd, out, size), size);
		expect(filled(out, size, 5));
		expect_int(chan_len(fd), 0);
		chan_nonblock(fd, true);
		expect_errno(read(fd, out, size), EAGAIN);
		close(fd);
		munmap(in, size);
		munmap(out, size);
	}
}

static void spoiled_unmapped(void)
{
	spoiled(true);
}

static void spoiled_read_only(void)
{
	spoiled(false);
}

static void next_gets_it(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(2 * size), *out = map_pages(2 * size);
		int fd = chan_make(0, size, capacity);
		struct victim v;
		struct call a, b;

		victim_start(&v, fd, size);
		call_read(&a, fd, out, size);
		wait_receivers(fd, 2);
		call_read(&b, fd, out + size, size);
		wait_receivers(fd, 3);
		victim_spoil(&v, true);
		fill(in, size, 1);
		expect_int(write(fd, in, size), size);
		expect_done_errno(&v.call, EFAULT);
		/* It goes to the one that waits longest, at once. */
		expect_done(&a, size);
		expect(filled(out, size, 1));
		expect_int(chan_len(fd), 0);
		expect_int(chan_info(fd).recv_waiters, 1);
		fill(in, size, 2);
		expect_int(write(fd, in, size), size);
		expect_done(&b, size);
		expect(filled(out + size, size, 2));
		close(fd);
		munmap(in, 2 * size);
		munmap(out, 2 * size);
	}
}

static void chain_of_victims(void)
{
	uint32_t size, capacity;
	size_t i, k, n;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size), *out = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct victim v[4];
		struct call last;

		for (n = 0; n < 4; n++)
			victim_start(&v[n], fd, size);
		call_read(&last, fd, out, size);
		wait_receivers(fd, 5);
		for (n = 0; n < 4; n++)
			victim_spoil(&v[n], n % 2);
		fill(in, size, 9);
		expect_int(write(fd, in, size), size);
		for (n = 0; n < 4; n++)
			expect_done_errno(&v[n].call, EFAULT);
		expect_done(&last, size);
		expect(filled(out, size, 9));
		expect_int(chan_len(fd), 0);
		close(fd);
		munmap(in, size);
		munmap(out, size);
	}
}

static void several_in_order(void)
{
	uint32_t size, capacity;
	size_t i, k, n, sent;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(3 * size);
		int fd = chan_make(0, size, capacity);
		struct victim v[3];
		ssize_t got;

		for (n = 0; n < 3; n++)
			victim_start(&v[n], fd, size);
		for (n = 0; n < 3; n++) {
			victim_spoil(&v[n], true);
			fill(in + n * size, size, n);
		}
		/*
		 * Three are handed out, and put back by as many threads; less
		 * when a put-back meets the next victim before the writer.
		 */
		chan_nonblock(fd, true);
		got = write(fd, in, 3 * size);
		must(got >= (ssize_t)size);
		sent = got / size;
		for (;; sent++) {
			fill(in, size, sent);
			if (write(fd, in, size) != (ssize_t)size)
				break;
		}
		expect_int(errno, EAGAIN);
		for (n = 0; n < 3; n++)
			expect_done_errno(&v[n].call, EFAULT);
		/* They come in the order of send, and before what follows. */
		expect(sent >= capacity + 1 && sent <= capacity + 3);
		expect_int(chan_len(fd), sent);
		for (n = 0; n < sent; n++) {
			memset(in, POISON, size);
			expect_int(read(fd, in, size), size);
			expect(filled(in, size, n));
		}
		expect_errno(read(fd, in, size), EAGAIN);
		close(fd);
		munmap(in, 3 * size);
	}
}

static void before_parked_sender(void)
{
	uint32_t size, capacity;
	size_t i, k, n;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size), *out = map_pages(size * 8);
		char *late = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct victim v;
		struct call c;

		victim_start(&v, fd, size);
		victim_spoil(&v, true);
		for (n = 0; n < 1 + capacity; n++) {
			fill(in, size, n);
			expect_int(write(fd, in, size), size);
			if (n == 0)
				expect_done_errno(&v.call, EFAULT);
		}
		fill(late, size, n);
		call_write(&c, fd, late, size);
		wait_senders(fd, 1);
		/* One read takes those put back, the ring, the parked one. */
		expect_int(read(fd, out, 8 * size), (2 + capacity) * size);
		for (n = 0; n < 2 + capacity; n++)
			expect(filled(out + n * size, size, n));
		expect_done(&c, size);
		close(fd);
		munmap(in, size);
		munmap(out, 8 * size);
		munmap(late, size);
	}
}

static void drained_after_close(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct victim v;

		victim_start(&v, fd, size);
		victim_spoil(&v, true);
		fill(in, size, 6);
		expect_int(write(fd, in, size), size);
		expect_done_errno(&v.call, EFAULT);
		chan_close(fd);
		expect_int(chan_len(fd), 1);
		memset(in, POISON, size);
		expect_int(read(fd, in, size), size);
		expect(filled(in, size, 6));
		expect_int(read(fd, in, size), 0);
		close(fd);
		munmap(in, size);
	}
}

static void outside_capacity(void)
{
	int fd = chan_make(0, 8, 2);
	struct victim v;
	uint64_t x = 3;

	victim_start(&v, fd, 8);
	victim_spoil(&v, true);
	send_u64(fd, 1);
	expect_done_errno(&v.call, EFAULT);
	/* It takes no room from the others. */
	send_u64(fd, 2);
	send_u64(fd, 3);
	expect_int(chan_len(fd), 3);
	chan_nonblock(fd, true);
	expect_errno(write(fd, &x, 8), EAGAIN);
	/* Nor does it stand in the way of a smaller capacity. */
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	expect_int(chan_len(fd), 1);
	chan_resize(fd, 1);
	expect_recv(fd, 3);
}

static void resize_with_put_back(void)
{
	int fd = chan_make(0, 8, 1);
	struct victim v;

	victim_start(&v, fd, 8);
	victim_spoil(&v, true);
	send_u64(fd, 1);
	expect_done_errno(&v.call, EFAULT);
	/* Put-backs are outside the capacity, so also when it is none. */
	chan_resize(fd, 0);
	expect_int(chan_len(fd), 1);
	expect_int(chan_info(fd).capacity, 0);
	expect_recv(fd, 1);
	expect_int(chan_len(fd), 0);
}

static void message_put_back(void)
{
	char in[200], out[200], *buf = map_pages(4096);
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 200, 0);
	struct call gone, small, good;

	call_read(&gone, fd, buf, 200);
	wait_receivers(fd, 1);
	call_read(&small, fd, out, 10);
	wait_receivers(fd, 2);
	call_read(&good, fd, out, 200);
	wait_receivers(fd, 3);
	must_int(munmap(buf, 4096), 0);
	fill(in, 150, 4);
	expect_int(write(fd, in, 150), 150);
	expect_done_errno(&gone, EFAULT);
	/* A put-back that meets a buffer too small goes on to the next. */
	expect_done_errno(&small, EMSGSIZE);
	expect_done(&good, 150);
	expect(filled(out, 150, 4));
	expect_int(chan_len(fd), 0);
}

static void select_put_back(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size), *buf = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct one_case one;
		struct call c;

		one_case(&one, fd, KCHAN_OP_RECV, buf, size, 0, 0);
		call_select(&c, fd, &one);
		wait_receivers(fd, 1);
		must_int(munmap(buf, size), 0);
		fill(in, size, 8);
		expect_int(try_send(fd, in, size), 0);
		expect_done_errno(&c, EFAULT);
		expect_int(chan_len(fd), 1);
		memset(in, POISON, size);
		expect_int(read(fd, in, size), size);
		expect(filled(in, size, 8));
		close(fd);
		munmap(in, size);
	}
}

/* Pages that went away and come back as new ones: no fault at all. */
static void memory_comes_back(void)
{
	uint32_t size, capacity;
	size_t i, k;

	each_shape(size, capacity, i, k) {
		char *in = map_pages(size);
		int fd = chan_make(0, size, capacity);
		struct victim v;

		victim_start(&v, fd, size);
		must_int(madvise(v.buf, size, MADV_DONTNEED), 0);
		fill(in, size, 2);
		expect_int(write(fd, in, size), size);
		expect_done(&v.call, size);
		expect(filled(v.buf, size, 2));
		close(fd);
		munmap(in, size);
		munmap(v.buf, size);
	}
}

/*
 * Memory that comes and goes all the time, in both directions: each element
 * is received once, or the call says EFAULT.
 */
struct flicker {
	int fd;
	char *buf;
	uint32_t size;
	atomic_bool stop;
};

static void *flicker_run(void *arg)
{
	struct flicker *f = arg;
	int prot = 0;

	while (!atomic_load(&f->stop)) {
		prot = prot ? 0 : PROT_READ | PROT_WRITE;
		must_int(mprotect(f->buf, f->size, prot), 0);
		if (prot)
			madvise(f->buf, f->size, MADV_DONTNEED);
	}
	must_int(mprotect(f->buf, f->size, PROT_READ | PROT_WRITE), 0);
	return NULL;
}

static void *flicker_read(void *arg)
{
	struct flicker *f = arg;
	unsigned long got = 0;

	for (;;) {
		ssize_t ret = read(f->fd, f->buf, f->size);

		if (ret == 0)
			return (void *)got;
		if (ret == (ssize_t)f->size)
			got++;
		else if (!expect_int(ret, -1) || !expect_int(errno, EFAULT))
			return (void *)got;
	}
}

static void *steady_read(void *arg)
{
	struct flicker *f = arg;
	char *buf = malloc(f->size);
	unsigned long got = 0;
	ssize_t ret;

	while ((ret = read(f->fd, buf, f->size)) == (ssize_t)f->size) {
		expect(filled(buf, f->size, 1));
		got++;
	}
	expect_int(ret, 0);
	free(buf);
	return (void *)got;
}

static void flicker_one(uint32_t size, uint32_t capacity)
{
	struct flicker f = { .fd = chan_make(0, size, capacity), .size = size };
	unsigned long n, count = tap_scale(300);
	pthread_t flicker, bad, good;
	void *got_bad, *got_good;
	char *in = map_pages(size);

	tap_about("size %u, capacity %u", size, capacity);
	f.buf = map_pages(size);
	fill(in, size, 1);
	thread_start(&flicker, flicker_run, &f);
	thread_start(&bad, flicker_read, &f);
	thread_start(&good, steady_read, &f);
	for (n = 0; n < count; n++)
		expect_int(write(f.fd, in, size), size);
	/* What a reader has in hand may come back, also after the close. */
	chan_close(f.fd);
	atomic_store(&f.stop, true);
	thread_join(flicker);
	must_int(pthread_join(bad, &got_bad), 0);
	must_int(pthread_join(good, &got_good), 0);
	expect_int((unsigned long)got_bad + (unsigned long)got_good, count);
	close(f.fd);
}

static void flickering(void)
{
	flicker_one(8, 0);
	flicker_one(8, 4);
	flicker_one(200, 1);
	flicker_one(10000, 0);
	flicker_one(10000, 4);
}

static const struct tap_test tests[] = {
	{ "bad memory is EFAULT before anything waits", bad_before_waiting },
	{ "bad memory leaves the element for another", bad_with_data },
	{ "unmapped after the hand-off: put back", spoiled_unmapped },
	{ "read-only after the hand-off: put back", spoiled_read_only },
	{ "a put-back goes to the next that waits", next_gets_it },
	{ "a chain of put-backs", chain_of_victims },
	{ "several are put back in order of send", several_in_order },
	{ "put-backs come before the buffer and parked senders",
	  before_parked_sender },
	{ "put-backs are drained from a closed channel",
	  drained_after_close },
	{ "put-backs are outside the capacity", outside_capacity },
	{ "resize to nothing with a put-back", resize_with_put_back },
	{ "messages are put back", message_put_back },
	{ "selects put back", select_put_back },
	{ "pages that come back are no fault", memory_comes_back },
	{ "memory that comes and goes: nothing lost or doubled", flickering },
};

TAP_MAIN(tests)
