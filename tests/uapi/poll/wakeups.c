// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts who is woken. Several epoll sets watch one channel, and a thread sleeps on
 * each. An element that queues wakes one exclusive set and every plain one. So k elements
 * do that k times. No wake-up has both IN and OUT.
 *
 * A set that was not woken has its thread asleep, and that thread has not
 * been switched to since: so a wake-up for nothing is seen, too. The wake-ups
 * are done within the call that causes them, so there is nothing to wait for.
 */
#include <sys/epoll.h>
#include <sys/mman.h>

#include "chan.h"

#define SETS 4

struct sleepers {
	int ep[SETS];
	struct call call[SETS];
	unsigned long sleeps[SETS];
	uint32_t events;
};

static void sleep_on(struct sleepers *s, int fd, uint32_t events)
{
	int i;

	s->events = events;
	for (i = 0; i < SETS; i++) {
		struct epoll_event event = { .events = events };

		s->ep[i] = epoll_create1(EPOLL_CLOEXEC);
		must(s->ep[i] >= 0);
		must_int(epoll_ctl(s->ep[i], EPOLL_CTL_ADD, fd, &event), 0);
		/* Take the event of having been added. */
		epoll_wait(s->ep[i], &event, 1, 0);
	}
	for (i = 0; i < SETS; i++)
		call_epoll(&s->call[i], s->ep[i]);
	for (i = 0; i < SETS; i++) {
		call_wait_asleep(&s->call[i]);
		s->sleeps[i] = call_sleeps(&s->call[i]);
	}
}

/* Not woken: asleep since. */
static bool sleeps_still(struct sleepers *s, int i)
{
	return call_asleep(&s->call[i]) &&
	       call_sleeps(&s->call[i]) == s->sleeps[i];
}

/* So many are woken, and all the others sleep undisturbed. */
static void expect_woken(struct sleepers *s, int want)
{
	int i, woken = 0, asleep = 0;

	for (i = 0; i < SETS; i++) {
		if (sleeps_still(s, i)) {
			asleep++;
			continue;
		}
		/* Woken, then it has an event: this ends the test if not. */
		expect_int(call_join(&s->call[i]), 1);
		woken++;
	}
	expect_int(woken, want);
	expect_int(asleep, SETS - want);
}

static void expect_none(struct sleepers *s)
{
	expect_woken(s, 0);
}

static void plain_all(void)
{
	static const uint32_t modes[] = { 0, EPOLLET };
	struct sleepers s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		int fd = chan_make(0, 8, 8);

		sleep_on(&s, fd, EPOLLIN | modes[i]);
		send_u64(fd, 1);
		expect_woken(&s, SETS);
	}
}

static void exclusive(uint32_t mode)
{
	uint64_t in[SETS] = { 0 };
	int k;

	for (k = 1; k <= SETS; k++) {
		struct sleepers s;
		int fd = chan_make(0, 8, 8);

		/* k elements in one call. */
		tap_about("%d in one call", k);
		sleep_on(&s, fd, EPOLLIN | EPOLLEXCLUSIVE | mode);
		expect_int(write(fd, in, k * 8), k * 8);
		expect_woken(&s, k);
	}
	for (k = 1; k <= SETS; k++) {
		struct sleepers s;
		int fd = chan_make(0, 8, 8), i;

		tap_about("%d one by one", k);
		sleep_on(&s, fd, EPOLLIN | EPOLLEXCLUSIVE | mode);
		for (i = 0; i < k; i++)
			send_u64(fd, i);
		expect_woken(&s, k);
	}
}

static void exclusive_level(void)
{
	exclusive(0);
}

static void exclusive_edge(void)
{
	exclusive(EPOLLET);
}

static void exclusive_messages(void)
{
	struct sleepers s;
	int fd = chan_open();

	sleep_on(&s, fd, EPOLLIN | EPOLLEXCLUSIVE);
	expect_int(write(fd, "one", 3), 3);
	expect_int(write(fd, "two", 3), 3);
	expect_woken(&s, 2);
}

static void exclusive_out(void)
{
	struct sleepers s;
	int fd = chan_make(0, 8, 2);

	send_u64(fd, 1);
	send_u64(fd, 2);
	sleep_on(&s, fd, EPOLLOUT | EPOLLEXCLUSIVE);
	expect_recv(fd, 1);
	expect_woken(&s, 1);
}

static void exclusive_and_plain(void)
{
	struct sleepers plain, excl;
	int fd = chan_make(0, 8, 8);

	sleep_on(&plain, fd, EPOLLIN);
	sleep_on(&excl, fd, EPOLLIN | EPOLLEXCLUSIVE);
	send_u64(fd, 1);
	expect_woken(&plain, SETS);
	expect_woken(&excl, 1);
}

static void hand_off_none(void)
{
	static const uint32_t modes[] = { 0, EPOLLET, EPOLLEXCLUSIVE };
	size_t m;

	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		struct sleepers s;
		struct call c;
		uint64_t v = 0;
		int fd = chan_make(0, 8, 8), i;

		tap_about("mode %zu", m);
		sleep_on(&s, fd, EPOLLIN | modes[m]);
		for (i = 0; i < 5; i++) {
			call_read(&c, fd, &v, 8);
			wait_receivers(fd, 1);
			send_u64(fd, i);
			expect_done(&c, 8);
			expect_int(v, i);
		}
		expect_none(&s);
	}
}

static void in_not_out_rendezvous(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 0);
	struct call c;
	uint64_t v = 1;

	sleep_on(&in, fd, EPOLLIN | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLEXCLUSIVE);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	/* The pollers are woken by the time it sleeps. */
	call_wait_asleep(&c);
	expect_none(&out);
	expect_woken(&in, 1);
	expect_none(&out);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_none(&out);
}

static void out_not_in_rendezvous(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 0);
	struct call c;
	uint64_t v = 1;

	sleep_on(&in, fd, EPOLLIN | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLEXCLUSIVE);
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	call_wait_asleep(&c);
	expect_none(&in);
	expect_woken(&out, 1);
	send_u64(fd, 7);
	expect_done(&c, 8);
	expect_none(&in);
}

static void out_not_in_buffered(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 1);

	send_u64(fd, 1);
	sleep_on(&in, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE);
	expect_recv(fd, 1);
	expect_none(&in);
	expect_woken(&out, 1);
}

static void in_not_out_buffered(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 4);

	/* Edge-triggered: both are ready already, and sleep. */
	send_u64(fd, 1);
	sleep_on(&in, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE);
	send_u64(fd, 2);
	expect_none(&out);
	expect_woken(&in, 1);
}

static void parked_sender_enters(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 1);
	struct call c;
	uint64_t v = 2;

	/* Its element entering the ring is a send that queues; no room. */
	send_u64(fd, 1);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	sleep_on(&in, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_none(&out);
	expect_woken(&in, 1);
}

static void parking_on_buffer_none(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 1);
	struct call c;
	uint64_t v = 2;

	/* To park where there is a buffer makes nothing ready. */
	send_u64(fd, 1);
	sleep_on(&in, fd, EPOLLIN | EPOLLET);
	sleep_on(&out, fd, EPOLLOUT | EPOLLET);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	call_wait_asleep(&c);
	expect_none(&out);
	chan_close(fd);
	expect_done_errno(&c, EPIPE);
}

static void put_back_one(void)
{
	static const uint32_t sizes[] = { 8, 200, 10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];
		char *buf = map_pages(size), *in = map_pages(size);
		struct sleepers s, out;
		int fd = chan_make(0, size, 2);
		struct call c;

		tap_about("size %u", size);
		call_read(&c, fd, buf, size);
		wait_receivers(fd, 1);
		sleep_on(&s, fd, EPOLLIN | EPOLLEXCLUSIVE);
		sleep_on(&out, fd, EPOLLOUT | EPOLLET);
		must_int(munmap(buf, size), 0);
		expect_int(write(fd, in, size), size);
		expect_done_errno(&c, EFAULT);
		expect_woken(&s, 1);
		expect_none(&out);
	}
}

static void resize_out(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 1);

	send_u64(fd, 1);
	sleep_on(&in, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT);
	chan_resize(fd, 3);
	expect_woken(&out, SETS);
	expect_none(&in);
}

static void resize_lets_in(void)
{
	struct sleepers in;
	int fd = chan_make(0, 8, 1), i;
	struct call c[3];
	uint64_t v[3] = { 2, 3, 4 };

	send_u64(fd, 1);
	for (i = 0; i < 3; i++) {
		call_write(&c[i], fd, &v[i], 8);
		wait_senders(fd, i + 1);
	}
	sleep_on(&in, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	chan_resize(fd, 3);
	expect_done(&c[0], 8);
	expect_done(&c[1], 8);
	expect_woken(&in, 2);
	chan_close(fd);
	expect_done_errno(&c[2], EPIPE);
}

static void close_wakes_all(void)
{
	struct sleepers in, out;
	int fd = chan_make(0, 8, 1);

	sleep_on(&in, fd, EPOLLIN | EPOLLEXCLUSIVE);
	chan_close(fd);
	expect_woken(&in, SETS);

	fd = chan_make(0, 8, 0);
	sleep_on(&in, fd, EPOLLIN | EPOLLEXCLUSIVE);
	sleep_on(&out, fd, EPOLLOUT | EPOLLEXCLUSIVE);
	chan_close(fd);
	expect_woken(&in, SETS);
	expect_woken(&out, SETS);

	fd = chan_make(0, 8, 1);
	sleep_on(&in, fd, EPOLLIN);
	chan_close(fd);
	expect_woken(&in, SETS);
}

static void drained_wakes(void)
{
	struct sleepers s;
	int fd = chan_make(0, 8, 2);

	/* HUP is a change of readiness that edge-triggered users wait for. */
	send_u64(fd, 1);
	chan_close(fd);
	sleep_on(&s, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	expect_recv(fd, 1);
	expect_woken(&s, SETS);
}

static const struct tap_test tests[] = {
	{ "an element wakes every plain set", plain_all },
	{ "k elements wake k exclusive sets", exclusive_level },
	{ "so they do edge-triggered", exclusive_edge },
	{ "so do messages", exclusive_messages },
	{ "a receive that frees wakes one exclusive set", exclusive_out },
	{ "plain and exclusive sets together", exclusive_and_plain },
	{ "a hand-off wakes no set", hand_off_none },
	{ "a parking sender wakes IN and not OUT", in_not_out_rendezvous },
	{ "a parking receiver wakes OUT and not IN", out_not_in_rendezvous },
	{ "a receive wakes OUT and not IN", out_not_in_buffered },
	{ "a send wakes IN and not OUT", in_not_out_buffered },
	{ "a parked sender enters: IN and not OUT", parked_sender_enters },
	{ "parking on a full buffer wakes nobody", parking_on_buffer_none },
	{ "a put-back wakes one exclusive set", put_back_one },
	{ "resize wakes OUT", resize_out },
	{ "resize that lets senders in wakes IN for each", resize_lets_in },
	{ "close wakes every set, exclusive or not", close_wakes_all },
	{ "the last element of a closed channel: HUP wakes", drained_wakes },
};

TAP_MAIN(tests)
