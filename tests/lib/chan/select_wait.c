// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that wait: for a counterpart, for a time, for another descriptor.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "interrupt.h"

/* A select in a thread of its own. */
struct selecting {
	kc_case cases[4];
	size_t n;
	int64_t timeout;	/* 0: for ever */
	int ret;
	pthread_t thread;
};

static void *select_thread(void *arg)
{
	struct selecting *s = arg;

	s->ret = s->timeout ? kc_select_timeout(s->cases, s->n, s->timeout) :
			      kc_select(s->cases, s->n);
	return NULL;
}

static int ended(struct selecting *s)
{
	join(s->thread);
	return s->ret;
}

static void test_met(void)
{
	kc_chan *a = make(8, 0), *b = make(8, 0), *m = make_messages(8, 0);
	uint64_t in = 3, out = 0;
	char text[8] = "";
	int which, got;

	for (which = 0; which < 4; which++) {
		struct selecting s = { .n = 4 };

		tap_about("case %d", which);
		s.cases[0] = kc_case_recv(a, &out);
		s.cases[1] = kc_case_send(b, &in);
		s.cases[2] = kc_case_recv_msg(m, text, 8);
		s.cases[3] = kc_case_recv(a, &out);
		s.thread = start(select_thread, &s);
		wait_receivers(a, 2);
		wait_senders(b, 1);
		wait_receivers(m, 1);
		switch (which) {
		case 0:
			send_now(a, 4);
			/* Either of the two cases on the same channel. */
			got = ended(&s);
			expect(got == 0 || got == 3);
			expect_int(out, 4);
			break;
		case 1:
			expect_int(recv_now(b), 3);
			expect_int(ended(&s), 1);
			break;
		case 2:
			must_int(kc_try_send_msg(m, "four", 4), 0);
			expect_int(ended(&s), 2);
			expect(!memcmp(text, "four", 4));
			expect_int(s.cases[2].len, 4);
			break;
		case 3:
			must_int(kc_close(a), 0);
			got = ended(&s);
			must(got == 0 || got == 3);
			expect_int(s.cases[got].status, 0);
			expect(!s.cases[got].ok);
			break;
		}
		wait_receivers(a, 0);
		wait_receivers(m, 0);
		wait_senders(b, 0);
	}
	kc_unref(a);
	kc_unref(b);
	kc_unref(m);
}

static void test_expires(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value = 0;
	kc_case recv = kc_case_recv(c, &value);
	int64_t now = tap_now_ns();

	expect_within(kc_select_timeout(&recv, 1, SOON), -ETIMEDOUT, SOON,
		      LATE);
	expect_within(kc_select_deadline(&recv, 1, tap_now_ns() + SOON),
		      -ETIMEDOUT, SOON - KC_MILLISECOND, LATE);
	expect_within(kc_select_deadline(&recv, 1, now), -ETIMEDOUT, 0, LATE);
	expect_within(kc_select_deadline(&recv, 1, 0), -ETIMEDOUT, 0, LATE);
	expect_within(kc_select_deadline(&recv, 1, INT64_MIN), -ETIMEDOUT, 0,
		      LATE);
	expect_within(kc_select_timeout(&recv, 1, 0), -ETIMEDOUT, 0, LATE);
	expect_within(kc_select_timeout(&recv, 1, INT64_MIN), -ETIMEDOUT, 0,
		      LATE);
	/* A case that is ready commits anyway. */
	send_now(c, 1);
	expect_int(kc_select_deadline(&recv, 1, -1), 0);
	send_now(c, 1);
	expect_int(kc_select_timeout(&recv, 1, -1), 0);
	expect_int(kc_len(c), 0);
	kc_unref(c);
}

static void test_all_time(void)
{
	kc_chan *c = make(8, 0);
	uint64_t value = 0;
	struct selecting s = { .n = 2, .timeout = INT64_MAX };

	s.cases[0] = kc_case_recv(c, &value);
	s.cases[1] = kc_case_after(INT64_MAX);
	s.thread = start(select_thread, &s);
	wait_receivers(c, 1);
	sleep_ms(20);
	wait_receivers(c, 1);
	send_now(c, 9);
	expect_int(ended(&s), 0);
	expect_int(value, 9);
	kc_unref(c);
}

/* The same rules with a channel, with a descriptor, and with neither. */
static void times(kc_case other)
{
	kc_case cases[] = {
		other,
		kc_case_after(10 * LATE),
		kc_case_after(SOON),
		kc_case_after(KC_SECOND + SOON),
	};
	unsigned int seen = 0;
	int i;

	expect_within(kc_select(cases, 4), 2, SOON, LATE);
	expect_int(cases[2].status, 0);
	expect_int(kc_try_select(cases, 4), -EAGAIN);
	expect_within(kc_select_timeout(cases, 4, SOON / 2), -ETIMEDOUT,
		      SOON / 2, LATE);
	expect_within(kc_select_timeout(cases, 4, 2 * SOON), 2, SOON, LATE);
	/* If both times are equal, the case commits. */
	expect_within(kc_select_timeout(cases, 4, SOON), 2, SOON, LATE);
	expect_within(kc_select_deadline(cases, 4, tap_now_ns() + LATE), 2,
		      SOON, LATE);
	expect_int(kc_select_deadline(cases, 4, 0), -ETIMEDOUT);

	/* A duration of 0 is a default clause. */
	cases[1].duration = 0;
	expect_within(kc_select(cases, 4), 1, 0, LATE);
	expect_int(kc_try_select(cases, 4), 1);
	expect_int(kc_select_timeout(cases, 4, 0), 1);
	expect_int(kc_select_deadline(cases, 4, 0), 1);

	/* All times in the past are equal. */
	cases[2].duration = INT64_MIN;
	cases[3].duration = -5;
	for (i = 0; i < 200; i++)
		seen |= 1U << kc_try_select(cases, 4);
	expect_int(seen, 1 << 1 | 1 << 2 | 1 << 3);
	cases[2].duration = cases[3].duration = SOON;
	cases[1].duration = INT64_MAX;
	for (seen = i = 0; i < 100 && seen != (1 << 2 | 1 << 3); i++)
		seen |= 1U << kc_select(cases, 4);
	expect_int(seen, 1 << 2 | 1 << 3);
}

static void test_after(void)
{
	kc_chan *c = make(8, 0);
	uint64_t value;
	int ends[2];

	must_int(pipe(ends), 0);
	tap_about("a channel");
	times(kc_case_recv(c, &value));
	tap_about("a descriptor");
	times(kc_case_fd(ends[0], EPOLLIN));
	tap_about("nothing else");
	times(kc_case_recv(NULL, &value));
	kc_unref(c);
}

/* If a duration has passed, a ready case still comes first. */
static void test_after_goes_last(void)
{
	kc_chan *c = make(8, 1);
	uint64_t value = 0;
	kc_case cases[] = { kc_case_after(0), kc_case_recv(c, &value) };
	int fd = eventfd(0, 0), i;

	for (i = 0; i < 100; i++) {
		send_now(c, 1);
		expect_int(kc_select(cases, 2), 1);
		expect_int(kc_select(cases, 2), 0);
	}
	cases[1] = kc_case_fd(fd, EPOLLIN | EPOLLOUT);
	for (i = 0; i < 100; i++)
		expect_int(kc_select(cases, 2), 1);
	expect_int(cases[1].revents, EPOLLOUT);
	kc_unref(c);
}

/* Descriptors, with a channel among the cases and without. */
static void descriptors(kc_case other)
{
	uint64_t one = 1;
	int fd = eventfd(0, EFD_NONBLOCK), pair[2];
	struct selecting s = { .n = 4 };

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s.cases[0] = other;
	s.cases[1] = kc_case_fd(fd, EPOLLIN);
	s.cases[2] = kc_case_fd(pair[0], EPOLLIN | EPOLLRDHUP);
	s.cases[3] = kc_case_fd(-1, EPOLLIN);

	expect_int(kc_try_select(s.cases, 4), -EAGAIN);
	expect_within(kc_select_timeout(s.cases, 4, SOON), -ETIMEDOUT, SOON,
		      LATE);
	must_int(write(fd, &one, 8), 8);
	expect_int(kc_select(s.cases, 4), 1);
	expect_int(s.cases[1].status, 0);
	expect_int(s.cases[1].revents, EPOLLIN);
	expect_int(s.cases[1].len, 0);
	/* The select has read nothing. */
	expect_int(kc_try_select(s.cases, 4), 1);
	must_int(read(fd, &one, 8), 8);
	expect_int(kc_try_select(s.cases, 4), -EAGAIN);
	expect_int(s.cases[1].revents, 0);

	s.thread = start(select_thread, &s);
	sleep_ms(20);
	must_int(write(pair[1], "x", 1), 1);
	expect_int(ended(&s), 2);
	expect_int(s.cases[2].revents, EPOLLIN);
	must_int(read(pair[0], &one, 1), 1);

	s.thread = start(select_thread, &s);
	sleep_ms(20);
	must_int(shutdown(pair[1], SHUT_WR), 0);
	expect_int(ended(&s), 2);
	expect_int(s.cases[2].revents, EPOLLIN | EPOLLRDHUP);
	/* These events are reported without being asked for. */
	close(pair[1]);
	s.cases[2].events = 0;
	expect_int(kc_select(s.cases, 4), 2);
	expect_int(s.cases[2].revents, EPOLLHUP);
	close(pair[0]);
	close(fd);
}

static void test_descriptors(void)
{
	kc_chan *c = make(8, 0), *full = make(8, 1);
	uint64_t value = 0;

	tap_about("with a channel");
	descriptors(kc_case_recv(c, &value));
	tap_about("without");
	descriptors(kc_case_send(NULL, &value));
	/* A channel's own descriptor, used as any descriptor. */
	tap_about("a channel's");
	send_now(full, 1);
	value = 0;
	{
		kc_case cases[] = {
			kc_case_fd(kc_fd(c), EPOLLIN | EPOLLOUT),
			kc_case_fd(kc_fd(full), EPOLLIN | EPOLLOUT),
		};

		expect_int(kc_select(cases, 2), 1);
		expect_int(cases[1].revents, EPOLLIN);
	}
	expect_int(kc_len(full), 1);
	kc_unref(c);
	kc_unref(full);
}

static void goes_on(int flags)
{
	kc_chan *c = make(8, 0);
	uint64_t value = 0, one = 1;
	int fd = eventfd(0, 0);
	struct selecting s = { .n = 2 };

	catch_signal(flags);
	tap_about("a channel");
	s.cases[0] = kc_case_recv(c, &value);
	s.cases[1] = kc_case_fd(fd, EPOLLIN);
	s.thread = start(select_thread, &s);
	wait_receivers(c, 1);
	interrupt(s.thread, 5);
	wait_receivers(c, 1);
	send_now(c, 8);
	expect_int(ended(&s), 0);
	expect_int(value, 8);

	catch_signal(flags);
	tap_about("a descriptor");
	s.cases[0].chan = NULL;
	s.thread = start(select_thread, &s);
	sleep_ms(20);
	interrupt(s.thread, 5);
	must_int(write(fd, &one, 8), 8);
	expect_int(ended(&s), 1);
	kc_unref(c);
}

static void test_interrupted(void)
{
	goes_on(0);
}

static void test_sa_restart(void)
{
	goes_on(SA_RESTART);
}

/* A call that restarted its timeout at each signal would not end. */
static void keeps_deadline(kc_case other, bool after, int flags)
{
	const int64_t time = 300 * KC_MILLISECOND;
	struct selecting s = { .n = 2, .timeout = after ? 0 : time };
	long long from;

	catch_signal(flags);
	s.cases[0] = other;
	s.cases[1] = kc_case_after(after ? time : LATE);
	from = tap_now_ns();
	s.thread = start(select_thread, &s);
	while (pthread_tryjoin_np(s.thread, NULL)) {
		pthread_kill(s.thread, SIGUSR1);
		sleep_ms(10);
		must(tap_now_ns() - from < LATE);
	}
	expect_int(s.ret, after ? 1 : -ETIMEDOUT);
	expect(tap_now_ns() - from >= time);
	if (!THREAD_SANITIZED)
		expect(atomic_load(&handled) > 0);
}

static void test_deadline(void)
{
	kc_chan *c = make(8, 0);
	uint64_t value;
	int fd = eventfd(0, 0), after;

	for (after = 0; after < 2; after++) {
		tap_about("a channel, after %d", after);
		keeps_deadline(kc_case_recv(c, &value), after, 0);
		keeps_deadline(kc_case_recv(c, &value), after, SA_RESTART);
		tap_about("a descriptor, after %d", after);
		keeps_deadline(kc_case_fd(fd, EPOLLIN), after, 0);
		tap_about("nothing, after %d", after);
		keeps_deadline(kc_case_fd(-1, EPOLLIN), after, 0);
	}
	kc_unref(c);
}

static atomic_int returned;

static void *select_nothing(void *arg)
{
	kc_case cases[] = { KC_CASE_INIT, kc_case_recv(NULL, arg) };

	atomic_fetch_add(&returned, kc_select(cases, arg ? 2 : 0) != 0);
	return NULL;
}

static void test_for_ever(void)
{
	static uint64_t value;
	pthread_t threads[2];
	int i;

	catch_signal(0);
	threads[0] = start(select_nothing, NULL);
	threads[1] = start(select_nothing, &value);
	sleep_ms(50);
	for (i = 0; i < 2; i++)
		pthread_kill(threads[i], SIGUSR1);
	until(atomic_load(&handled) == 2);
	expect(is_idle_for(200));
	expect_int(atomic_load(&returned), 0);
}

static void *select_to_cancel(void *arg)
{
	select_thread(arg);
	pthread_testcancel();
	return NULL;
}

static void test_cancel(void)
{
	kc_chan *c = make(8, 0);
	uint64_t value = 0, one = 1;
	int fd = eventfd(0, 0), round;

	for (round = 0; round < 2; round++) {
		struct selecting s = { .n = 2, .ret = -1 };
		void *result = NULL;

		s.cases[0] = kc_case_fd(fd, EPOLLIN);
		s.cases[1] = kc_case_recv(round ? NULL : c, &value);
		s.thread = start(select_to_cancel, &s);
		sleep_ms(20);
		must_int(pthread_cancel(s.thread), 0);
		sleep_ms(20);
		must_int(write(fd, &one, 8), 8);
		must_int(pthread_join(s.thread, &result), 0);
		expect(result == PTHREAD_CANCELED);
		expect_int(s.ret, 0);
		must_int(read(fd, &one, 8), 8);
	}
	kc_unref(c);
}

/* The call holds its channels: the last other reference may be dropped. */
static void test_freed_meanwhile(void)
{
	kc_chan *a = make(8, 0), *b = make(8, 0), *recv = NULL, *send = NULL;
	uint64_t value = 0;
	struct selecting s = { .n = 3 };
	int got;

	must_int(kc_send_only(&send, b), 0);
	must_int(kc_recv_only(&recv, b), 0);
	s.cases[0] = kc_case_recv(a, &value);
	s.cases[1] = kc_case_recv(recv, &value);
	s.cases[2] = kc_case_recv(b, &value);
	s.thread = start(select_thread, &s);
	wait_receivers(b, 2);
	kc_unref(a);
	kc_unref(recv);
	kc_unref(b);
	/* Also when the system call restarts. */
	catch_signal(0);
	interrupt(s.thread, 5);
	wait_receivers(send, 2);
	send_now(send, 6);
	got = ended(&s);
	expect(got == 1 || got == 2);
	expect_int(value, 6);
	/* The channels are freed now. */
	expect_int(kc_send(send, &value), -EPIPE);
	kc_unref(send);
}

static const struct tap_test tests[] = {
	{ "whichever case is met", test_met },
	{ "timeouts and deadlines", test_expires },
	{ "all the time there is", test_all_time },
	{ "cases that wait for a time", test_after },
	{ "a time that has come goes last", test_after_goes_last },
	{ "descriptors of other kinds", test_descriptors },
	{ "goes on after a handler", test_interrupted },
	{ "goes on after a handler with SA_RESTART", test_sa_restart },
	{ "keeps its deadline whatever signals come", test_deadline },
	{ "nothing to wait for is for ever, asleep", test_for_ever },
	{ "is no cancellation point", test_cancel },
	{ "handles freed meanwhile", test_freed_meanwhile },
};

TAP_MAIN(tests)
