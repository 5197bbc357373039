// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: which case commits, and the outputs. (select_wait.c tests selects that wait,
 * and select_crowd.c many at once.)
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

KC_CHAN_DEFINE(int_chan, int);

/* The maximum of cases on channels and descriptors. */
#define MOST	64

/* Sets outputs that a call must overwrite. Call it first. */
static void poison(kc_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		cases[i].status = 12345;
		cases[i].revents = 12345;
		cases[i].ok = true;
		cases[i].len = 12345;
	}
}

/*
 * Expects these outputs. Without @want_ok nothing came. A send and an error have ok
 * false, too.
 */
#define expect_outputs(c, want_status, want_ok, want_len, want_revents)	\
	do {								\
		expect_int((c)->status, want_status);			\
		expect_int((c)->ok, want_ok);				\
		expect_int((c)->len, want_len);				\
		expect_int((c)->revents, want_revents);			\
	} while (0)

/* Each of the six in turn is the only one that can commit. */
static void test_the_ready_one(void)
{
	uint64_t in = 7, out[6] = { 0 };
	kc_chan *c[6], *full = make(8, 1);
	kc_case cases[7];
	size_t i, k;

	send_now(full, 1);
	for (i = 0; i < 6; i++) {
		c[i] = make(8, 1);
		cases[i] = kc_case_recv(c[i], &out[i]);
	}
	cases[6] = kc_case_send(full, &in);

	for (i = 0; i < 6; i++) {
		tap_about("case %zu", i);
		expect_int(kc_try_select(cases, 7), -EAGAIN);
		send_now(c[i], 70 + i);
		poison(cases, 7);
		expect_int(kc_select(cases, 7), i);
		for (k = 0; k < 7; k++)
			expect_outputs(&cases[k], 0, k == i, k == i ? 8 : 0, 0);
		expect_int(out[i], 70 + i);
		expect_int(kc_len(c[i]), 0);
	}
	tap_about("the send");
	expect_int(recv_now(full), 1);
	poison(cases, 7);
	expect_int(kc_select(cases, 7), 6);
	expect_outputs(&cases[6], 0, false, 8, 0);
	expect_int(recv_now(full), 7);
	for (i = 0; i < 6; i++)
		kc_unref(c[i]);
	kc_unref(full);
}

/* Several are ready, and exactly one commits. */
static void test_exactly_one(void)
{
	uint64_t out = 0, in = 9;
	kc_chan *a = make(8, 4), *b = make(8, 4), *room = make(8, 4);
	kc_case cases[] = {
		kc_case_recv(a, &out),
		kc_case_recv(b, &out),
		kc_case_send(room, &in),
	};
	int round, at;

	for (round = 0; round < 50; round++) {
		send_now(a, 1);
		send_now(b, 2);
		at = kc_select(cases, 3);
		must(at >= 0 && at < 3);
		expect_int(kc_len(a), at != 0);
		expect_int(kc_len(b), at != 1);
		expect_int(kc_len(room), at == 2);
		if (at == 0)
			expect_int(out, 1);
		else
			expect_int(recv_now(a), 1);
		if (at == 1)
			expect_int(out, 2);
		else
			expect_int(recv_now(b), 2);
		if (at == 2)
			expect_int(recv_now(room), 9);
	}
	kc_unref(a);
	kc_unref(b);
	kc_unref(room);
}

/* Cases that are never ready do not change the index of the others. */
static void test_nil(void)
{
	uint64_t value = 0;
	kc_chan *c = make(8, 1);
	kc_case cases[] = {
		KC_CASE_INIT,
		kc_case_recv(NULL, &value),
		kc_case_send(NULL, &value),
		kc_case_recv(c, &value),
		kc_case_recv_msg(NULL, &value, 8),
		kc_case_send_msg(NULL, &value, 8),
		kc_case_fd(-1, EPOLLIN),
	};

	poison(cases, 7);
	expect_int(kc_try_select(cases, 7), -EAGAIN);
	expect_outputs(&cases[1], 0, false, 0, 0);
	send_now(c, 5);
	expect_int(kc_select(cases, 7), 3);
	expect_int(value, 5);
	expect_int(kc_try_select(cases, 3), -EAGAIN);
	expect_int(kc_try_select(NULL, 0), -EAGAIN);
	kc_unref(c);
}

static void test_closed(void)
{
	uint64_t value = 6;
	kc_chan *c = make(8, 2);
	kc_case recv = kc_case_recv(c, &value);
	kc_case send = kc_case_send(c, &value);

	send_now(c, 5);
	must_int(kc_close(c), 0);
	expect_int(kc_select(&recv, 1), 0);
	expect_outputs(&recv, 0, true, 8, 0);
	expect_int(value, 5);
	poison(&recv, 1);
	expect_int(kc_select(&recv, 1), 0);
	expect_outputs(&recv, 0, false, 0, 0);
	expect_int(value, 5);
	poison(&send, 1);
	expect_int(kc_try_select(&send, 1), 0);
	expect_outputs(&send, -EPIPE, false, 0, 0);
	kc_unref(c);
}

/* How a loop over several channels ends: one channel after the other. */
static void test_drain(void)
{
	unsigned int i, ended = 0, sum = 0;
	uint64_t value;
	kc_case cases[3];
	kc_chan *c;
	int at;

	for (i = 0; i < 3; i++) {
		c = make(8, 4);
		send_now(c, 1);
		send_now(c, 10);
		must_int(kc_close(c), 0);
		cases[i] = kc_case_recv(c, &value);
	}
	while (ended < 3) {
		at = kc_select(cases, 3);
		must(at >= 0);
		must_int(cases[at].status, 0);
		if (cases[at].ok) {
			sum += value;
			continue;
		}
		kc_unref(cases[at].chan);
		cases[at].chan = NULL;
		ended++;
	}
	expect_int(sum, 33);
	expect_int(kc_try_select(cases, 3), -EAGAIN);
}

static void test_messages(void)
{
	kc_chan *c = make_messages(100, 2);
	char buf[200] = "";
	kc_case send = kc_case_send_msg(c, "hello", 5);
	kc_case small = kc_case_recv_msg(c, buf, 4);
	kc_case large = kc_case_recv_msg(c, buf, sizeof(buf));

	expect_int(kc_select(&send, 1), 0);
	expect_outputs(&send, 0, false, 5, 0);
	poison(&small, 1);
	expect_int(kc_select(&small, 1), 0);
	expect_outputs(&small, -EMSGSIZE, false, 0, 0);
	expect_int(kc_len(c), 1);
	expect_int(kc_select(&large, 1), 0);
	expect_outputs(&large, 0, true, 5, 0);
	expect(!memcmp(buf, "hello", 5));
	expect_int(large.size, sizeof(buf));
	kc_unref(c);
}

static void test_size_0(void)
{
	kc_chan *c = make(0, 1);
	kc_case cases[] = { kc_case_recv(c, NULL), kc_case_send(c, NULL) };

	poison(cases, 2);
	expect_int(kc_select(cases, 2), 1);
	expect_outputs(&cases[1], 0, false, 0, 0);
	expect_int(kc_select(cases, 2), 0);
	expect_outputs(&cases[0], 0, true, 0, 0);
	must_int(kc_close(c), 0);
	expect_int(kc_select(cases, 1), 0);
	expect_outputs(&cases[0], 0, false, 0, 0);
	kc_unref(c);
}

static void test_not_itself(void)
{
	uint64_t in = 1, out = 0;
	kc_chan *c = make(8, 0);
	kc_case cases[] = { kc_case_recv(c, &out), kc_case_send(c, &in) };

	expect_int(kc_try_select(cases, 2), -EAGAIN);
	expect_int(kc_select_timeout(cases, 2, 20 * KC_MILLISECOND),
		   -ETIMEDOUT);
	expect_int(out, 0);
	kc_unref(c);
}

static void test_typed(void)
{
	int sent = 5, seen = 0;
	int_chan *c = NULL;
	kc_case cases[2];

	must_int(int_chan_make(&c, 1), 0);
	cases[0] = int_chan_case_recv(c, &seen);
	cases[1] = int_chan_case_send(c, &sent);
	expect_int(kc_select(cases, 2), 1);
	expect_int(kc_select(cases, 2), 0);
	expect_int(seen, 5);
	int_chan_unref(c);
}

/* Expects that a call with this case fails, marks the case, and moves nothing. */
static void wrong(const char *about, kc_case c, int error)
{
	uint64_t value = 1;
	kc_chan *ready = make(8, 1);
	kc_case cases[] = {
		kc_case_send(ready, &value),
		c,
		kc_case_after(0),
	};
	int status = error == -EFAULT ? 0 : error;

	tap_about("%s", about);
	poison(cases, 3);
	expect_int(kc_select(cases, 3), error);
	expect_outputs(&cases[0], 0, false, 0, 0);
	expect_outputs(&cases[1], status, false, 0, 0);
	expect_outputs(&cases[2], 0, false, 0, 0);
	expect_int(kc_len(ready), 0);
	/* If it is a descriptor, this takes the path without a channel. */
	expect_int(kc_try_select(cases + 1, 2), error);
	expect_int(cases[1].status, status);
	kc_unref(ready);
}

static void test_wrong(void)
{
	kc_chan *fixed = make(8, 1), *messages = make_messages(8, 1);
	kc_chan *recv = NULL, *send = NULL, *full = make(8, 1);
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	uint64_t value = 0;
	int closed = fcntl(0, F_DUPFD, 200);
	kc_case c = KC_CASE_INIT;
	unsigned int i;

	must_int(kc_make_pair(&recv, &send, 8, 1), 0);
	send_now(full, 1);
	close(closed);
	wrong("element, messages", kc_case_send(messages, &value), -EINVAL);
	wrong("element, messages", kc_case_recv(messages, &value), -EINVAL);
	wrong("message, elements", kc_case_send_msg(fixed, &value, 8), -EINVAL);
	wrong("message, elements", kc_case_recv_msg(fixed, &value, 8), -EINVAL);
	wrong("no message", kc_case_send_msg(messages, &value, 0), -EINVAL);
	wrong("too long", kc_case_send_msg(messages, "123456789", 9),
	      -EMSGSIZE);
	wrong("too long", kc_case_send_msg(messages, &value, SIZE_MAX),
	      -EMSGSIZE);
	wrong("to receive only", kc_case_send(recv, &value), -EBADF);
	wrong("to send only", kc_case_recv(send, &value), -EBADF);
	wrong("not open", kc_case_fd(closed, EPOLLIN), -EBADF);
	wrong("not an event", kc_case_fd(0, EPOLLIN | EPOLLET), -EINVAL);
	wrong("not an event", kc_case_fd(-1, 0x20), -EINVAL);
	c.op = KC_OP_DONE + 1;
	wrong("not an operation", c, -EINVAL);
	for (i = 0; i < 4; i++) {
		c = kc_case_after(0);
		c.reserved[i] = (uint64_t)1 << 63;
		wrong("reserved", c, -EINVAL);
	}
	/* Also for a case that is not ready: a select that waits checks all cases. */
	send_now(fixed, 1);
	c = kc_case_recv(fixed, bad);
	expect_int(kc_select(&c, 1), -EFAULT);
	expect_int(recv_now(fixed), 1);
	expect_int(kc_select_timeout(&c, 1, KC_SECOND), -EFAULT);
	c = kc_case_send(full, bad);
	expect_int(kc_select_timeout(&c, 1, KC_SECOND), -EFAULT);
	kc_unref(fixed);
	kc_unref(messages);
	kc_unref(full);
	kc_unref(recv);
	kc_unref(send);
}

static void test_64(void)
{
	enum { N = 3 * MOST };
	static kc_case cases[N];
	kc_chan *c[MOST];
	uint64_t value = 0;
	size_t i, k;

	/* Cases that are never ready, and durations, do not count. */
	for (i = k = 0; i < N; i++) {
		if (i % 3 == 0) {
			c[k] = make(8, 1);
			cases[i] = kc_case_recv(c[k++], &value);
		} else {
			cases[i] = i % 3 == 1 ? kc_case_recv(NULL, &value) :
						kc_case_after(KC_SECOND);
		}
	}
	for (i = 0; i < MOST; i++) {
		tap_about("%zu", i);
		expect_int(kc_try_select(cases, N), -EAGAIN);
		send_now(c[i], i);
		expect_int(kc_select(cases, N), 3 * i);
		expect_int(value, i);
	}
	tap_about("one more");
	send_now(c[0], 1);
	cases[1] = kc_case_fd(0, EPOLLIN);
	poison(cases, N);
	expect_int(kc_select(cases, N), -E2BIG);
	for (i = 0; i < N; i++)
		expect_outputs(&cases[i], 0, false, 0, 0);
	cases[1] = kc_case_recv(c[0], &value);
	expect_int(kc_try_select(cases, N), -E2BIG);
	expect_int(kc_len(c[0]), 1);
	cases[1] = kc_case_fd(-1, EPOLLIN);
	expect_int(kc_select(cases, N), 0);
	expect_int(kc_try_select(cases, (size_t)INT_MAX + 1), -E2BIG);

	/* Failed calls drop their references, too. */
	tap_about("references");
	for (i = 0; i < MOST; i++) {
		int fd = kc_fd(c[i]);

		kc_unref(c[i]);
		expect_int(fcntl(fd, F_GETFD), -1);
	}
}

/* For the path without a channel. */
static void test_64_fds(void)
{
	static kc_case cases[MOST + 1];
	int ends[2];
	size_t i;

	must_int(pipe(ends), 0);
	for (i = 0; i < MOST; i++)
		cases[i] = kc_case_fd(ends[0], EPOLLIN);
	expect_int(kc_try_select(cases, MOST), -EAGAIN);
	cases[MOST - 1] = kc_case_fd(ends[1], EPOLLOUT);
	expect_int(kc_select(cases, MOST), MOST - 1);
	cases[MOST] = kc_case_fd(ends[1], EPOLLOUT);
	expect_int(kc_select(cases, MOST + 1), -E2BIG);
}

static const struct tap_test tests[] = {
	{ "the case that is ready", test_the_ready_one },
	{ "of several that are ready, exactly one", test_exactly_one },
	{ "nil cases are never ready", test_nil },
	{ "a closed channel is ready, and says so", test_closed },
	{ "channels that end one after the other", test_drain },
	{ "messages", test_messages },
	{ "elements of size 0", test_size_0 },
	{ "a select does not meet itself", test_not_itself },
	{ "typed cases", test_typed },
	{ "a wrong case fails the call, and is told", test_wrong },
	{ "64 channels among others, and not one more", test_64 },
	{ "64 descriptors, and not one more", test_64_fds },
};

TAP_MAIN(tests)
