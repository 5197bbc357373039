// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many at once: what the kernel does in pieces is as if it were done in one step.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "armed.h"

static void more_fds(unsigned long count)
{
	struct rlimit limit = { .rlim_cur = count, .rlim_max = count };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		tap_skip("needs more descriptors");
}

/* A channel that closes tells all cases of all of them, and each select once. */
static void close_tells_all(void)
{
	enum { ARMED = 300 };
	int fd = chan_make(0, 8, 0), armed[2 * ARMED], i;
	uint64_t v = 1;
	struct cases recv, send;
	struct committed out;

	more_fds(2 * ARMED + 100);
	cases_init(&recv, 0, 0);
	cases_init(&send, 0, 0);
	for (i = 0; i < KCHAN_MAX_CASES; i++) {
		add_recv(&recv, fd, NULL, 8);
		add_send(&send, fd, &v, 8);
	}
	for (i = 0; i < ARMED; i++)
		armed[i] = arm(fd, &recv);
	expect_int(chan_info(fd).recv_waiters, ARMED * KCHAN_MAX_CASES);
	chan_close(fd);
	expect_idle(fd);
	for (i = 0; i < ARMED; i++) {
		expect_int(poll_now(armed[i]), POLLIN);
		must(try_collect(armed[i], &out) > 0);
		expect_int(out.commit.status, EPIPE);
		expect(out.commit.index < KCHAN_MAX_CASES);
		expect_errno(try_collect(armed[i], &out), EINVAL);
		close(armed[i]);
	}
	close(fd);

	/* Those that send. */
	fd = chan_make(0, 8, 0);
	for (i = 0; i < KCHAN_MAX_CASES; i++)
		send.c[i].fd = fd;
	for (i = 0; i < ARMED; i++)
		armed[i] = arm(fd, &send);
	expect_int(chan_info(fd).send_waiters, ARMED * KCHAN_MAX_CASES);
	chan_close(fd);
	expect_idle(fd);
	for (i = 0; i < ARMED; i++) {
		must(try_collect(armed[i], &out) > 0);
		expect_int(out.commit.status, EPIPE);
		close(armed[i]);
	}
	expect_int(chan_info(fd).send_ends, 1);
	close(fd);
}

/* Also when its last end of a direction goes. */
static void last_end_tells_all(void)
{
	enum { ARMED = 100 };
	int first = chan_make(0, 8, 0), armed[ARMED], i;
	int recv = end_make(first, KCHAN_END_RECV);
	struct committed out;
	struct cases c;

	cases_init(&c, 0, 0);
	for (i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(&c, recv, NULL, 8);
	for (i = 0; i < ARMED; i++)
		armed[i] = arm(recv, &c);
	close(first);
	expect_idle(recv);
	for (i = 0; i < ARMED; i++) {
		must(try_collect(armed[i], &out) > 0);
		expect_int(out.commit.status, EPIPE);
	}
}

/* Selects that have committed elsewhere hide nobody who waits behind them. */
static void behind_committed(bool blocks)
{
	enum { ARMED = 300 };
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0), armed[ARMED + 1], i;
	uint64_t v = 0, got = 0;
	struct committed out;
	struct call reader;
	struct cases c;

	tap_about("%s", blocks ? "a reader behind them" : "an armed one behind them");
	cases_init(&c, 0, 0);
	add_recv(&c, a, NULL, 8);
	for (i = 1; i < KCHAN_MAX_CASES; i++)
		add_recv(&c, b, NULL, 8);
	for (i = 0; i < ARMED; i++)
		armed[i] = arm(a, &c);
	if (blocks)
		call_read(&reader, b, &got, 8);
	else
		armed[ARMED] = arm_recv(b, 8);
	wait_receivers(b, ARMED * (KCHAN_MAX_CASES - 1) + 1);
	for (i = 0; i < ARMED; i++) {
		v = i;
		must_int(write(a, &v, 8), 8);
	}
	/* They are not read: all of them are still there. */
	expect_int(poll_now(a), 0);
	expect_int(poll_now(b), POLLOUT);
	chan_nonblock(a, true);
	chan_nonblock(b, true);
	expect_errno(write(a, &v, 8), EAGAIN);
	v = 77;
	expect_int(write(b, &v, 8), 8);
	if (blocks) {
		expect_done(&reader, 8);
		expect_int(got, 77);
	} else {
		expect_commit(armed[ARMED], &out, 0, 0);
		expect_int(out.value, 77);
		close(armed[ARMED]);
	}
	expect_int(poll_now(b), 0);
	expect_errno(write(b, &v, 8), EAGAIN);
	/* Each had one element of the first channel, in order. */
	for (i = 0; i < ARMED; i++) {
		expect_commit(armed[i], &out, 0, 0);
		expect_int(out.value, i);
		close(armed[i]);
	}
	expect_idle(a);
	expect_idle(b);
	close(a);
	close(b);
}

static void one_behind_many(void)
{
	more_fds(500);
	behind_committed(false);
	behind_committed(true);
}

/* The same for who sends. */
static void one_sender_behind_many(void)
{
	enum { ARMED = 300 };
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0), armed[ARMED + 1], i;
	uint64_t v = 5, w = 77;
	struct committed out;
	struct cases c;

	more_fds(ARMED + 100);
	cases_init(&c, 0, 0);
	add_send(&c, a, &v, 8);
	for (i = 1; i < KCHAN_MAX_CASES; i++)
		add_send(&c, b, &v, 8);
	for (i = 0; i < ARMED; i++)
		armed[i] = arm(a, &c);
	armed[ARMED] = arm_send(b, &w, 8);
	for (i = 0; i < ARMED; i++)
		expect_recv(a, 5);
	expect_int(poll_now(b), POLLIN);
	chan_nonblock(b, true);
	expect_recv(b, 77);
	expect_errno(read(b, &v, 8), EAGAIN);
	expect_int(poll_now(b), 0);
	for (i = 0; i <= ARMED; i++) {
		expect_commit(armed[i], &out, 0, 0);
		close(armed[i]);
	}
	expect_idle(a);
	expect_idle(b);
}

/* One write serves all of them, in the order in which they came. */
static void batch_serves_all(void)
{
	enum { ARMED = 200 };
	int fd = chan_make(0, 8, 4), armed[ARMED], i;
	uint64_t v[ARMED + 3];
	struct committed out;

	more_fds(ARMED + 100);
	for (i = 0; i < ARMED; i++)
		armed[i] = arm_recv(fd, 8);
	for (i = 0; i < ARMED + 3; i++)
		v[i] = 1000 + i;
	expect_int(write(fd, v, sizeof(v)), sizeof(v));
	expect_int(chan_info(fd).in_flight, ARMED);
	expect_int(chan_len(fd), 3);
	for (i = 0; i < ARMED; i++) {
		expect_commit(armed[i], &out, 0, 0);
		expect_int(out.value, 1000 + i);
		close(armed[i]);
	}
	for (i = 0; i < 3; i++)
		expect_recv(fd, 1000 + ARMED + i);
}

/* And one read takes from all of them. */
static void batch_takes_all(void)
{
	enum { ARMED = 200 };
	int fd = chan_make(0, 8, 0), armed[ARMED], i;
	uint64_t v[ARMED + 10];
	struct committed out;

	more_fds(ARMED + 100);
	for (i = 0; i < ARMED; i++) {
		v[0] = i;
		armed[i] = arm_send(fd, v, 8);
	}
	memset(v, POISON, sizeof(v));
	expect_int(read(fd, v, sizeof(v)), ARMED * 8);
	for (i = 0; i < ARMED; i++) {
		expect_int(v[i], i);
		expect_commit(armed[i], &out, 0, 0);
		close(armed[i]);
	}
	expect_idle(fd);
}

/*
 * A capacity that grows lets senders in, in their order, and before any new send: one
 * tries to get in between all the time.
 */
struct intruder {
	int fd;
	uint64_t value;
	atomic_bool trying, stop;
	bool done;
};

static void *intrude(void *arg)
{
	struct intruder *in = arg;

	while (!in->done && !atomic_load(&in->stop)) {
		in->done = !try_send(in->fd, &in->value, 8);
		atomic_store(&in->trying, true);
	}
	return NULL;
}

static void resize_admits_all(void)
{
	enum { SENDERS = 250 };
	int fd = chan_make(0, 8, 1), i;
	struct call *calls = calloc(SENDERS, sizeof(*calls));
	uint64_t v[SENDERS];
	struct intruder in = { .fd = fd, .value = 9999 };
	pthread_t thread;

	must(calls);
	send_u64(fd, 0);
	for (i = 0; i < SENDERS; i++) {
		v[i] = i + 1;
		call_write(&calls[i], fd, &v[i], 8);
		wait_senders(fd, i + 1);
	}
	thread_start(&thread, intrude, &in);
	until(atomic_load(&in.trying));
	chan_resize(fd, 300);
	for (i = 0; i < SENDERS; i++)
		expect_done(&calls[i], 8);
	atomic_store(&in.stop, true);
	thread_join(thread);
	expect_int(chan_info(fd).send_waiters, 0);
	expect_int(chan_len(fd), SENDERS + 1 + in.done);
	for (i = 0; i < SENDERS + 1; i++)
		must_int(recv_u64(fd), i);
	if (in.done)
		expect_recv(fd, 9999);
	expect_int(chan_len(fd), 0);
	free(calls);
}

/* The same with armed selects, of which some are told elsewhere first. */
static void resize_admits_armed(void)
{
	enum { ARMED = 250 };
	int fd = chan_make(0, 8, 0), other = chan_make(0, 8, 0), i;
	int armed[ARMED];
	struct committed out;
	struct cases c;
	uint64_t v;

	more_fds(ARMED + 100);
	for (i = 0; i < ARMED; i++) {
		v = i;
		cases_init(&c, 0, 0);
		add_send(&c, fd, &v, 8);
		if (i % 3 == 0)
			add_recv(&c, other, NULL, 8);
		armed[i] = arm(fd, &c);
	}
	for (i = 0; i < ARMED; i += 3)
		send_u64(other, i);
	chan_resize(fd, 300);
	expect_int(chan_info(fd).send_waiters, 0);
	for (i = 0; i < ARMED; i++) {
		expect_commit(armed[i], &out, i % 3 ? 0 : 1, 0);
		if (i % 3)
			must_int(recv_u64(fd), i);
		else
			expect_int(out.value, i);
		close(armed[i]);
	}
	expect_int(chan_len(fd), 0);
}

/* Elements come back in any order, and go out in the one in which they were sent. */
static void put_backs_in_order(uint32_t capacity)
{
	enum { ARMED = 500 };
	int fd = chan_make(0, 8, capacity), armed[ARMED], order[ARMED], i;
	uint64_t seed = 7, v;

	tap_about("capacity %u", capacity);
	for (i = 0; i < ARMED; i++) {
		armed[i] = arm_recv(fd, 8);
		order[i] = i;
	}
	for (i = 0; i < ARMED; i++) {
		v = i;
		must_int(write(fd, &v, 8), 8);
	}
	/* One more that was queued all along. */
	if (capacity)
		send_u64(fd, ARMED);
	expect_int(chan_info(fd).in_flight, ARMED);
	for (i = ARMED - 1; i > 0; i--) {
		int k = rnd(&seed) % (i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
	for (i = 0; i < ARMED; i++)
		close(armed[order[i]]);
	expect_int(chan_info(fd).in_flight, 0);
	expect_int(chan_len(fd), ARMED + !!capacity);
	for (i = 0; i < ARMED + !!capacity; i++)
		must_int(recv_u64(fd), i);
	expect_int(chan_len(fd), 0);
	close(fd);
}

static void put_backs(void)
{
	more_fds(700);
	put_backs_in_order(0);
	put_backs_in_order(2);
}

/* Some of them are received between, and some read. */
static void put_backs_mixed(void)
{
	enum { ARMED = 300 };
	int fd = chan_make(0, 8, 0), armed[ARMED], i;
	struct committed out;
	uint64_t v, last;

	more_fds(ARMED + 100);
	for (int round = 0; round < 3; round++) {
		for (i = 0; i < ARMED; i++)
			armed[i] = arm_recv(fd, 8);
		for (i = 0; i < ARMED; i++) {
			v = i;
			must_int(write(fd, &v, 8), 8);
		}
		/* From the newest to the oldest, each third is read. */
		for (i = ARMED - 1; i >= ARMED / 2; i--) {
			if (i % 3 == 0) {
				expect_commit(armed[i], &out, 0, 0);
				expect_int(out.value, i);
			}
			close(armed[i]);
		}
		expect_recv(fd, ARMED / 2 + (ARMED / 2 % 3 == 0));
		for (i = 0; i < ARMED / 2; i++)
			close(armed[i]);
		last = 0;
		for (i = chan_len(fd); i > 0; i--) {
			v = recv_u64(fd);
			must(v >= last);
			last = v;
		}
		expect_int(last, ARMED - 1);
	}
}

static const struct tap_test tests[] = {
	{ "close tells 300 selects of 64 cases", close_tells_all },
	{ "so does the last end that goes", last_end_tells_all },
	{ "300 that have committed hide nobody behind them", one_behind_many },
	{ "nor do they hide a sender", one_sender_behind_many },
	{ "a batch serves 200 in their order", batch_serves_all },
	{ "a batch takes from 200 in their order", batch_takes_all },
	{ "a resize lets 250 in, before any new send", resize_admits_all },
	{ "a resize lets 250 armed ones in", resize_admits_armed },
	{ "500 elements come back to their places", put_backs },
	{ "some come back, some are read, some are received", put_backs_mixed },
};

TAP_MAIN(tests)
