// SPDX-License-Identifier: GPL-2.0-only
/*
 * A send that fails touches nobody: receivers that have no room for its message
 * wait on. A message that is sent turns away those before the one that takes it.
 */
#include <poll.h>
#include <stdlib.h>

#include "armed.h"

#define MSG KCHAN_SETUP_MESSAGE
#define LARGE 100

/* Receivers of one channel, each with a room of its own. */
#define MOST 50

struct parked {
	unsigned int nr;
	struct call calls[MOST];
	struct one_case ones[MOST];
	char bufs[MOST][LARGE];
	int armed[MOST];
};

/* Blocked in turn by read and by select, or armed. */
static void park(struct parked *p, int fd, uint32_t room, bool armed)
{
	unsigned int i = p->nr++;

	must(i < MOST);
	p->armed[i] = -1;
	if (armed) {
		p->armed[i] = arm_recv(fd, room);
	} else if (i % 2) {
		one_case(&p->ones[i], fd, KCHAN_OP_RECV, p->bufs[i], room, 0, 0);
		call_select(&p->calls[i], fd, &p->ones[i]);
	} else {
		call_read(&p->calls[i], fd, p->bufs[i], room);
	}
	wait_receivers(fd, p->nr);
}

/* That one has this message. */
static void expect_got(struct parked *p, unsigned int i, uint32_t len,
		       uint64_t seed)
{
	if (p->armed[i] >= 0) {
		struct { struct kchan_commit commit; char text[LARGE]; } got;

		memset(&got, POISON, sizeof(got));
		expect_int(read(p->armed[i], &got, sizeof(got)),
			   sizeof(got.commit) + len);
		expect_int(got.commit.status, 0);
		expect_int(got.commit.len, len);
		expect(filled(got.text, len, seed));
		close(p->armed[i]);
		return;
	}
	if (i % 2) {
		expect_done(&p->calls[i], 0);
		expect_int(p->ones[i].s.status, 0);
		expect_int(p->ones[i].s.len, len);
	} else {
		expect_done(&p->calls[i], len);
	}
	expect(filled(p->bufs[i], len, seed));
}

/* That one has been told that it has too little room. */
static void expect_turned_away(struct parked *p, unsigned int i)
{
	struct committed out;

	if (p->armed[i] >= 0) {
		expect_commit(p->armed[i], &out, 0, EMSGSIZE);
		expect_int(out.commit.len, 0);
		close(p->armed[i]);
	} else if (i % 2) {
		expect_done(&p->calls[i], 0);
		expect_int(p->ones[i].s.status, EMSGSIZE);
		expect_int(p->ones[i].s.len, 0);
	} else {
		expect_done_errno(&p->calls[i], EMSGSIZE);
	}
}

/* Nobody has been woken. */
static void expect_waiting(struct parked *p, int fd)
{
	must_int(chan_info(fd).recv_waiters, p->nr);
	expect_int(chan_info(fd).send_waiters, 0);
	expect_int(chan_len(fd), 0);
	for (unsigned int i = 0; i < p->nr; i++) {
		if (p->armed[i] >= 0)
			expect_int(poll_now(p->armed[i]), 0);
		else
			expect(!atomic_load(&p->calls[i].done));
	}
}

/* Sends of a large message, each of which fails. */
static void fail_to_send(struct parked *p, int fd, bool buffered)
{
	static char large[LARGE];
	char *hole = map_before_hole(LARGE - 1), *none = hole + LARGE - 1;
	struct one_case one;
	struct cases c;
	int other = chan_make(MSG, LARGE, 0);

	fill(large, LARGE, 9);
	chan_nonblock(fd, true);
	if (!buffered) {
		expect_errno(write(fd, large, LARGE), EAGAIN);
		expect_waiting(p, fd);
		expect_errno(try_send(fd, large, LARGE), EAGAIN);
		expect_waiting(p, fd);
		cases_init(&c, 0, 0);
		add_send(&c, fd, large, LARGE);
		add_send(&c, fd, large, LARGE - 1);
		add_send(&c, other, large, 1);
		expect_int(cases_now(fd, &c), -1);
		expect_waiting(p, fd);
	}
	/* Too large for the channel, and empty. */
	expect_errno(write(fd, hole, LARGE + 1), EMSGSIZE);
	expect_errno(write(fd, large, 0), EINVAL);
	expect_errno(try_send(fd, large, LARGE + 1), EMSGSIZE);
	expect_waiting(p, fd);
	/* From memory that is not there; which of two errors comes is all the same. */
	expect_int(write(fd, hole, LARGE), -1);
	expect(errno == EFAULT || (!buffered && errno == EAGAIN));
	expect_errno(write(fd, none, 1), EFAULT);
	expect_int(try_send(fd, hole, LARGE), -1);
	expect(errno == EFAULT || (!buffered && errno == EAGAIN));
	expect_errno(try_send(fd, none, 1), EFAULT);
	expect_waiting(p, fd);
	chan_nonblock(fd, false);
	expect_errno(write(fd, hole, LARGE), EFAULT);
	one_case(&one, fd, KCHAN_OP_SEND, hole, LARGE, KCHAN_SELECT_DEADLINE, 1);
	expect_int(run_case(fd, &one), -1);
	expect(errno == EFAULT || (!buffered && errno == ETIMEDOUT));
	/* Beside a case that is wrong. */
	cases_init(&c, 0, 0);
	add_send(&c, fd, large, 1);
	add_send(&c, other, hole, LARGE);
	c.c[1].flags = 1;
	expect_errno(cases_run(fd, &c), EINVAL);
	/* As an armed select. */
	cases_init(&c, 0, 0);
	add_send(&c, fd, hole, LARGE);
	expect_errno(try_arm(fd, &c, 0), EFAULT);
	expect_waiting(p, fd);
	close(other);
}

static void fails(unsigned int nr, uint32_t capacity, bool armed)
{
	struct parked *p = map_pages(sizeof(*p));
	int fd = chan_make(MSG, LARGE, capacity);
	char small[4];

	tap_about("%u %s, capacity %u", nr, armed ? "armed" : "blocked", capacity);
	for (unsigned int i = 0; i < nr; i++)
		park(p, fd, 4 + i % 8, armed);
	fail_to_send(p, fd, capacity);
	/* One that fits goes to the first, and so on. */
	for (unsigned int i = 0; i < nr; i++) {
		fill(small, 4, i);
		expect_int(write(fd, small, 4), 4);
		expect_got(p, i, 4, i);
		expect_int(chan_info(fd).recv_waiters, nr - 1 - i);
	}
	expect_int(chan_len(fd), 0);
	close(fd);
}

static void few_wait_on(void)
{
	for (uint32_t capacity = 0; capacity < 3; capacity += 2) {
		fails(1, capacity, false);
		fails(3, capacity, false);
		fails(3, capacity, true);
	}
}

static void many_wait_on(void)
{
	fails(40, 0, false);
	fails(40, 0, true);
	fails(40, 4, true);
}

/* The one that takes it is behind some that cannot, and before others. */
static void sent(unsigned int before, uint32_t capacity, bool armed, int way)
{
	struct parked *p = map_pages(sizeof(*p));
	int fd = chan_make(MSG, LARGE, capacity);
	char large[LARGE];
	struct cases c;

	tap_about("%u %s before, capacity %u, way %d", before,
		  armed ? "armed" : "blocked", capacity, way);
	for (unsigned int i = 0; i < before; i++)
		park(p, fd, 4 + i % 8, armed);
	park(p, fd, LARGE, armed);
	for (int i = 0; i < 3; i++)
		park(p, fd, 4, armed);
	fill(large, LARGE, 5);
	switch (way) {
	case 0:
		chan_nonblock(fd, true);
		expect_int(write(fd, large, LARGE), LARGE);
		break;
	case 1:
		expect_int(write(fd, large, LARGE), LARGE);
		break;
	case 2:
		expect_int(try_send(fd, large, LARGE), 0);
		break;
	default:
		cases_init(&c, 0, 0);
		add_send(&c, fd, large, LARGE);
		close(arm(fd, &c));
		break;
	}
	for (unsigned int i = 0; i < before; i++)
		expect_turned_away(p, i);
	expect_got(p, before, LARGE, 5);
	/* Those behind it wait on. */
	expect_int(chan_info(fd).recv_waiters, 3);
	for (unsigned int i = before + 1; i < before + 4; i++) {
		fill(large, 4, i);
		expect_int(write(fd, large, 4), 4);
		expect_got(p, i, 4, i);
	}
	expect_int(chan_len(fd), 0);
	close(fd);
}

static void turns_away(void)
{
	for (int way = 0; way < 4; way++) {
		sent(2, 0, false, way);
		sent(2, 2, false, way);
		sent(2, 0, true, way);
		sent(0, 0, false, way);
	}
}

static void turns_many_away(void)
{
	for (int way = 0; way < 4; way++) {
		sent(40, 0, true, way);
		sent(40, 2, true, way);
	}
	sent(40, 0, false, 0);
	sent(40, 0, false, 2);
}

/* Of two channels the one where it fits, and nothing happens at the other. */
static void chooses_where_it_fits(void)
{
	struct parked *a = map_pages(sizeof(*a)), *b = map_pages(sizeof(*b));
	int fds[2] = { chan_make(MSG, LARGE, 0), chan_make(MSG, LARGE, 0) };
	char large[LARGE];
	struct cases c;

	fill(large, LARGE, 3);
	for (int round = 0; round < 20; round++) {
		a->nr = 0;
		b->nr = 0;
		park(a, fds[0], 4, true);
		park(b, fds[1], LARGE, true);
		cases_init(&c, 0, 0);
		add_send(&c, fds[0], large, LARGE);
		add_send(&c, fds[1], large, LARGE);
		must_int(cases_now(fds[0], &c), 1);
		expect_int(c.s.status, 0);
		expect_got(b, 0, LARGE, 3);
		expect_waiting(a, fds[0]);
		expect_int(write(fds[0], large, 2), 2);
		expect_got(a, 0, 2, 3);
	}
}

static const struct tap_test tests[] = {
	{ "a send that fails: receivers wait on", few_wait_on },
	{ "so do many of them", many_wait_on },
	{ "a message that is sent turns away those without room", turns_away },
	{ "so with many of them", turns_many_away },
	{ "a select sends where there is room", chooses_where_it_fits },
};

TAP_MAIN(tests)
