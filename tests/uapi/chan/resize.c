// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capacity changed on a live channel: nothing is dropped, parked senders
 * enter in order, ahead of any new send.
 */
#include "chan.h"

static void values(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t v = 1;

	expect_errno(try_resize(fd, KCHAN_MAX_CAPACITY + 1), EINVAL);
	expect_errno(try_resize(fd, UINT32_MAX), EINVAL);
	expect_int(chan_info(fd).capacity, 4);
	send_u64(fd, v);
	expect_errno(try_resize(fd, KCHAN_MAX_CAPACITY + 1), EINVAL);
	expect_int(try_resize(fd, 4), 0);
	expect_int(try_resize(fd, KCHAN_MAX_CAPACITY), 0);
	expect_int(chan_info(fd).capacity, KCHAN_MAX_CAPACITY);
	expect_int(try_resize(fd, 1), 0);
	expect_recv(fd, 1);
}

static void grow_and_shrink(void)
{
	int fd = chan_make(0, 8, 2);
	uint64_t i, v = 0;

	chan_nonblock(fd, true);
	send_u64(fd, 0);
	send_u64(fd, 1);
	expect_errno(write(fd, &v, 8), EAGAIN);
	chan_resize(fd, 5);
	expect_int(chan_info(fd).capacity, 5);
	expect_int(chan_len(fd), 2);
	for (i = 2; i < 5; i++)
		send_u64(fd, i);
	expect_errno(write(fd, &v, 8), EAGAIN);
	/* Does not fit: EBUSY, and nothing is changed. */
	expect_errno(try_resize(fd, 4), EBUSY);
	expect_errno(try_resize(fd, 0), EBUSY);
	expect_int(chan_info(fd).capacity, 5);
	expect_int(chan_len(fd), 5);
	expect_recv(fd, 0);
	expect_recv(fd, 1);
	expect_errno(try_resize(fd, 2), EBUSY);
	/* Exactly full is no reason. */
	chan_resize(fd, 3);
	expect_errno(write(fd, &v, 8), EAGAIN);
	for (i = 2; i < 5; i++)
		expect_recv(fd, i);
	expect_errno(read(fd, &v, 8), EAGAIN);
	chan_resize(fd, 0);
	expect_errno(write(fd, &v, 8), EAGAIN);
	expect_int(chan_info(fd).capacity, 0);
}

static void order_across(void)
{
	int fd = chan_make(0, 8, 3), step;
	uint64_t in = 0, out = 0, seed = 5;

	/* Elements lie in several rings, and come in one order. */
	for (step = 0; step < 2000; step++) {
		struct kchan_info info = chan_info(fd);
		uint32_t what = rnd(&seed) % 4;

		expect_int(info.len, in - out);
		if (what == 0) {
			uint32_t want = rnd(&seed) % 10;

			if (want < info.len)
				expect_errno(try_resize(fd, want), EBUSY);
			else
				chan_resize(fd, want);
		} else if (what < 3 && info.len < info.capacity) {
			send_u64(fd, in++);
		} else if (info.len) {
			expect_recv(fd, out++);
		}
	}
}

static void messages_across(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 300, 2), i;
	char in[300], out[300];

	for (i = 1; i <= 20; i++) {
		chan_resize(fd, i);
		fill(in, i * 10, i);
		expect_int(write(fd, in, i * 10), i * 10);
	}
	for (i = 1; i <= 20; i++) {
		expect_int(read(fd, out, 300), i * 10);
		expect(filled(out, i * 10, i));
		chan_resize(fd, 20 - i);
	}
}

static void park(struct call *c, uint64_t *v, int fd, unsigned int count,
		 uint64_t first)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		v[i] = first + i;
		call_write(&c[i], fd, &v[i], 8);
		wait_senders(fd, i + 1);
	}
}

static void grow_with_parked(void)
{
	uint32_t from;

	for (from = 0; from < 3; from++) {
		int fd = chan_make(0, 8, from);
		struct call c[5];
		uint64_t v[5], i;

		tap_about("from %u", from);
		for (i = 0; i < from; i++)
			send_u64(fd, i);
		park(c, v, fd, 5, from);
		/* Three of five enter, the longest-waiting. */
		chan_resize(fd, from + 3);
		for (i = 0; i < 3; i++)
			expect_done(&c[i], 8);
		expect_int(chan_len(fd), from + 3);
		expect_int(chan_info(fd).send_waiters, 2);
		chan_nonblock(fd, true);
		expect_errno(write(fd, &i, 8), EAGAIN);
		chan_resize(fd, from + 10);
		for (i = 3; i < 5; i++)
			expect_done(&c[i], 8);
		expect_int(chan_info(fd).send_waiters, 0);
		for (i = 0; i < from + 5; i++)
			expect_recv(fd, i);
		expect_int(chan_len(fd), 0);
		close(fd);
	}
}

static void select_lets_in(void)
{
	int fd = chan_make(0, 8, 0);
	struct one_case one;
	struct call c;
	uint64_t v = 3;

	one_case(&one, fd, KCHAN_OP_SEND, &v, 8, 0, 0);
	call_select(&c, fd, &one);
	wait_senders(fd, 1);
	chan_resize(fd, 1);
	expect_done(&c, 0);
	expect_int(one.s.status, 0);
	expect_recv(fd, 3);
}

static void batch_lets_in(void)
{
	uint64_t in[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, i;
	int fd = chan_make(0, 8, 2);
	struct call c;

	call_write(&c, fd, in, sizeof(in));
	wait_senders(fd, 1);
	chan_resize(fd, 4);
	until(chan_len(fd) == 4 && chan_info(fd).send_waiters == 1);
	chan_resize(fd, 8);
	expect_done(&c, sizeof(in));
	for (i = 0; i < 8; i++)
		expect_recv(fd, i);
}

static void with_parked_receivers(void)
{
	int fd = chan_make(0, 8, 0), i;
	struct call c[3];
	uint64_t got[3] = { 0 };

	for (i = 0; i < 3; i++) {
		call_read(&c[i], fd, &got[i], 8);
		wait_receivers(fd, i + 1);
	}
	/* They go on waiting, whatever the capacity. */
	for (i = 0; i < 3; i++) {
		chan_resize(fd, 3 - i);
		expect_int(chan_info(fd).recv_waiters, 3 - i);
		send_u64(fd, i);
		expect_done(&c[i], 8);
		expect_int(got[i], i);
	}
	chan_resize(fd, 0);
	expect_int(chan_len(fd), 0);
}

static void of_closed(void)
{
	int fd = chan_make(0, 8, 4);

	send_u64(fd, 1);
	send_u64(fd, 2);
	chan_close(fd);
	expect_errno(try_resize(fd, 1), EBUSY);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	expect_end(fd);
}

static void big_elements(void)
{
	static const uint32_t sizes[] = { 129, 4096, 10000 };
	size_t i;
	uint64_t n;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *buf = map_pages(size);
		int fd = chan_make(0, size, 1);

		tap_about("size %u", size);
		for (n = 0; n < 6; n++) {
			chan_resize(fd, n + 1);
			fill(buf, size, n);
			expect_int(write(fd, buf, size), size);
		}
		for (n = 0; n < 6; n++) {
			memset(buf, POISON, size);
			expect_int(read(fd, buf, size), size);
			expect(filled(buf, size, n));
		}
		close(fd);
	}
}

/* Under load: all elements are accounted for, in each sender's order. */
#define SENDERS 3
#define READERS 3

struct load {
	int fd;
	unsigned long each;
	uint32_t largest;
	atomic_bool stop;
	atomic_uint next;
	atomic_uchar *seen;
};

static void *load_send(void *arg)
{
	struct load *l = arg;
	uint64_t me = atomic_fetch_add(&l->next, 1), i;

	for (i = 0; i < l->each; i++)
		send_u64(l->fd, me * l->each + i);
	return NULL;
}

static void *load_read(void *arg)
{
	struct load *l = arg;
	uint64_t last[SENDERS], v[4];
	ssize_t got, i;

	memset(last, 0xff, sizeof(last));
	while ((got = read(l->fd, v, sizeof(v))) > 0) {
		for (i = 0; i < got / 8; i++) {
			uint64_t from = v[i] / l->each;

			must(from < SENDERS);
			expect(last[from] == UINT64_MAX || last[from] < v[i]);
			last[from] = v[i];
			expect_int(atomic_fetch_add(&l->seen[v[i]], 1), 0);
		}
	}
	expect_int(got, 0);
	return NULL;
}

static void *load_resize(void *arg)
{
	struct load *l = arg;
	unsigned long done = 0, busy = 0;
	uint64_t seed = 77;

	while (!atomic_load(&l->stop)) {
		if (try_resize(l->fd, rnd(&seed) % (l->largest + 1)) == 0)
			done++;
		else if (expect_int(errno, EBUSY))
			busy++;
	}
	tap_note("resized %lu times, busy %lu times", done, busy);
	return NULL;
}

static void load(uint32_t largest)
{
	struct load l = {
		.fd = chan_make(0, 8, 1),
		.each = tap_scale(1500),
		.largest = largest,
	};
	pthread_t senders[SENDERS], readers[READERS], resizer;
	unsigned long i;

	tap_about("up to %u", largest);
	l.seen = shared_pages(SENDERS * l.each);
	thread_start(&resizer, load_resize, &l);
	for (i = 0; i < READERS; i++)
		thread_start(&readers[i], load_read, &l);
	for (i = 0; i < SENDERS; i++)
		thread_start(&senders[i], load_send, &l);
	for (i = 0; i < SENDERS; i++)
		thread_join(senders[i]);
	atomic_store(&l.stop, true);
	thread_join(resizer);
	chan_close(l.fd);
	for (i = 0; i < READERS; i++)
		thread_join(readers[i]);
	for (i = 0; i < SENDERS * l.each; i++)
		expect_int(atomic_load(&l.seen[i]), 1);
	close(l.fd);
}

static void under_load(void)
{
	load(1);
	load(3);
	load(200);
}

static const struct tap_test tests[] = {
	{ "values", values },
	{ "grow, shrink, EBUSY when it does not fit", grow_and_shrink },
	{ "order across many resizes", order_across },
	{ "messages across resizes", messages_across },
	{ "parked senders enter in order, from 0 too", grow_with_parked },
	{ "a parked select enters", select_lets_in },
	{ "a batch enters bit by bit", batch_lets_in },
	{ "parked receivers go on waiting", with_parked_receivers },
	{ "of a closed channel", of_closed },
	{ "large elements across resizes", big_elements },
	{ "under load", under_load },
};

TAP_MAIN(tests)
