// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits is charged to the user who made it wait, before it waits: blocked
 * calls, armed selects, and what comes back from these. (limits.c has the buffers.)
 *
 * What is charged is what the memory takes. So the elements' bytes are a bound. At
 * least a third of the limit is expected to be of use.
 */
#include <signal.h>

#include "armed.h"
#include "params.h"

#define ELEM 4096
#define LIMIT (8 << 20)

/* How many channels with a buffer of about 64 KiB can be made. */
static unsigned int quota_left(void)
{
	int fds[2 * LIMIT / (64 << 10)];
	unsigned int nr = 0;

	while (nr < ARRAY_SIZE(fds)) {
		fds[nr] = chan_open();
		if (try_setup(fds[nr], 0, ELEM, 15)) {
			must_int(errno, EDQUOT);
			close(fds[nr]);
			break;
		}
		nr++;
	}
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
	return nr;
}

static void receives_of_one(struct cases *c, int fd, uint32_t len)
{
	cases_init(c, 0, 0);
	for (unsigned int i = 0; i < KCHAN_MAX_CASES; i++)
		add_recv(c, fd, NULL, len);
}

/* Until the quota is used up, or the array. */
static unsigned int arm_all(int fd, const struct cases *c, int *armed,
			    unsigned int most)
{
	unsigned int nr = 0;

	while (nr < most) {
		armed[nr] = try_arm(fd, c, KCHAN_ARM_NONBLOCK);
		if (armed[nr] < 0) {
			must_int(errno, EDQUOT);
			break;
		}
		nr++;
	}
	return nr;
}

/* What is left then is too little for anything. */
static unsigned int use_up(int on, int *armed, unsigned int most)
{
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, -1, NULL, 0);
	return arm_all(on, &c, armed, most);
}

static void close_all(const int *fds, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
}

static void nobody_arms_receives(void)
{
	const unsigned int most = LIMIT / (KCHAN_MAX_CASES * ELEM);
	unsigned int before = quota_left(), first = 0, nr;
	int fd = chan_make(0, ELEM, 0), armed[200];
	struct cases c;

	must(before > 0 && before <= LIMIT / (15 * ELEM));
	receives_of_one(&c, fd, ELEM);
	for (int round = 0; round < 3; round++) {
		tap_about("round %d", round);
		nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
		if (!round)
			first = nr;
		expect(nr <= most);
		expect(nr >= most / 3);
		expect_int(nr, first);
		/* The one that failed has left nothing. */
		expect_int(chan_info(fd).recv_waiters, nr * KCHAN_MAX_CASES);
		expect_int(chan_info(fd).recv_ends, 1 + nr * KCHAN_MAX_CASES);
		close_all(armed, nr);
		expect_idle(fd);
		expect_int(quota_left(), before);
	}
}

static void armed_receives(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_arms_receives);
	/* The end of a process gives all back, too. */
	run_as(NOBODY, nobody_arms_receives);
	params_restore();
}

/* Selects of small elements are charged for their cases. */
static void nobody_arms_small(void)
{
	unsigned int first = 0, nr;
	int fd = chan_make(0, 8, 0), armed[900];
	struct cases c;

	for (unsigned int cases = 1; cases <= KCHAN_MAX_CASES; cases *= 8) {
		cases_init(&c, 0, 0);
		for (unsigned int i = 0; i < cases; i++)
			add_recv(&c, fd, NULL, 8);
		for (int round = 0; round < 3; round++) {
			tap_about("%u cases, round %d", cases, round);
			nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
			if (!round)
				first = nr;
			expect(nr > 0);
			expect(nr <= 65536 / (cases * sizeof(c.c[0])));
			expect(nr < ARRAY_SIZE(armed));
			expect_int(nr, first);
			close_all(armed, nr);
		}
	}
}

static void armed_small(void)
{
	params_begin();
	param_set("user_max_bytes", 65536);
	run_as(NOBODY, nobody_arms_small);
	params_restore();
}

/* Disarmed, an fd is charged no more, and armed again it is. */
static void nobody_disarms(void)
{
	int fd = chan_make(0, ELEM, 0), armed[200];
	struct cases c;
	unsigned int nr;

	receives_of_one(&c, fd, ELEM);
	nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
	must(nr > 1 && nr < ARRAY_SIZE(armed));
	for (int round = 0; round < 3; round++) {
		int more;

		expect_errno(try_arm(fd, &c, 0), EDQUOT);
		expect_int(disarm(armed[0]), 0);
		more = try_arm(fd, &c, 0);
		expect(more >= 0);
		expect_errno(try_rearm(armed[0], &c), EDQUOT);
		close(more);
		expect_int(try_rearm(armed[0], &c), 0);
	}
}

static void disarmed(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_disarms);
	params_restore();
}

/*
 * Calls that block, one more each time, until one is told that it may not. What it
 * had of the channel then is as before.
 */
enum way { READ, WRITE, SELECT_RECV, SELECT_SEND, WAYS };

static const char * const ways[] = {
	"read", "write", "select, receive", "select, send",
};

#define MOST_CALLS 60

struct blocked {
	struct call call;
	struct one_case one;
	char *buf;
};

static unsigned int waiters(int fd)
{
	struct kchan_info info = chan_info(fd);

	return info.send_waiters + info.recv_waiters;
}

static void block(struct blocked *b, int fd, enum way way, uint32_t size)
{
	switch (way) {
	case READ:
		call_read(&b->call, fd, b->buf, size);
		break;
	case WRITE:
		call_write(&b->call, fd, b->buf, size);
		break;
	default:
		one_case(&b->one, fd, way == SELECT_RECV ? KCHAN_OP_RECV :
			 KCHAN_OP_SEND, b->buf, size, 0, 0);
		call_select(&b->call, fd, &b->one);
		break;
	}
}

/* How many wait then; the one after them had EDQUOT, if there was one. */
static unsigned int block_all(struct blocked *b, int fd, enum way way,
			      uint32_t size)
{
	unsigned int nr;

	for (nr = 0; nr < MOST_CALLS; nr++) {
		block(&b[nr], fd, way, size);
		until(atomic_load(&b[nr].call.done) || waiters(fd) == nr + 1);
		if (atomic_load(&b[nr].call.done)) {
			expect_done_errno(&b[nr].call, EDQUOT);
			expect_int(waiters(fd), nr);
			break;
		}
	}
	return nr;
}

static void release(struct blocked *b, int fd, enum way way, unsigned int nr)
{
	chan_close(fd);
	for (unsigned int i = 0; i < nr; i++) {
		switch (way) {
		case READ:
			expect_done(&b[i].call, 0);
			break;
		case WRITE:
			expect_done_errno(&b[i].call, EPIPE);
			break;
		default:
			expect_done(&b[i].call, 0);
			expect_int(b[i].one.s.status, EPIPE);
			break;
		}
	}
	close(fd);
}

static struct blocked *blocked_calls(uint32_t size)
{
	struct blocked *b = map_pages(MOST_CALLS * sizeof(*b));

	for (unsigned int i = 0; i < MOST_CALLS; i++)
		b[i].buf = map_pages(size);
	return b;
}

#define CALL_LIMIT (64 << 10)

static void nobody_blocks(void)
{
	struct blocked *b = blocked_calls(ELEM);

	for (int way = READ; way < WAYS; way++) {
		unsigned int first = 0, nr;

		for (int round = 0; round < 3; round++) {
			int fd = chan_make(0, ELEM, 0);

			tap_about("%s, round %d", ways[way], round);
			nr = block_all(b, fd, way, ELEM);
			if (!round)
				first = nr;
			expect(nr <= CALL_LIMIT / ELEM);
			expect(nr >= CALL_LIMIT / ELEM / 3);
			expect_int(nr, first);
			release(b, fd, way, nr);
		}
	}
}

static void blocked_calls_charged(void)
{
	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	run_as(NOBODY, nobody_blocks);
	params_restore();
}

/* What a small element takes that comes back. */
#define KEPT 256
#define SMALL_LIMIT 4096

/*
 * Elements of 128 bytes or less cost a blocked write nothing. A blocked read is charged
 * for one that comes back.
 */
static void nobody_blocks_small(void)
{
	struct blocked *b = blocked_calls(128);

	for (int way = READ; way < WRITE + 1; way++) {
		const unsigned int most = way == READ ? SMALL_LIMIT / KEPT : MOST_CALLS;
		int fd = chan_make(0, 128, 0);

		tap_about("%s", ways[way]);
		expect_int(block_all(b, fd, way, 128), most);
		release(b, fd, way, most);
	}
}

static void small_calls(void)
{
	params_begin();
	/* Less than their elements. */
	param_set("user_max_bytes", SMALL_LIMIT);
	run_as(NOBODY, nobody_blocks_small);
	params_restore();
}

/* A blocked select is charged for its cases. */
static void nobody_blocks_selects(void)
{
	static struct cases_call calls[MOST_CALLS];
	const unsigned int most = CALL_LIMIT / KCHAN_MAX_CASES /
				  sizeof(struct kchan_case);
	unsigned int first = 0;

	for (int round = 0; round < 3; round++) {
		int fd = chan_make(0, 8, 0);
		static uint64_t v;
		unsigned int nr;

		tap_about("round %d", round);
		for (nr = 0; nr < MOST_CALLS; nr++) {
			cases_init(&calls[nr].c, 0, 0);
			for (int i = 0; i < KCHAN_MAX_CASES; i++)
				add_recv(&calls[nr].c, fd, &v, 8);
			cases_start(&calls[nr], fd);
			until(atomic_load(&calls[nr].done) ||
			      waiters(fd) == (nr + 1) * KCHAN_MAX_CASES);
			if (!atomic_load(&calls[nr].done))
				continue;
			expect_errno(cases_join(&calls[nr]), EDQUOT);
			expect_int(waiters(fd), nr * KCHAN_MAX_CASES);
			break;
		}
		if (!round)
			first = nr;
		expect(nr > 0);
		expect(nr <= most);
		expect_int(nr, first);
		chan_close(fd);
		for (unsigned int i = 0; i < nr; i++)
			expect_int(cases_join(&calls[i]), 0);
		close(fd);
	}
}

static void blocked_selects(void)
{
	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	run_as(NOBODY, nobody_blocks_selects);
	params_restore();
}

/* However a call ends, its charge ends with it. */
static void nobody_gives_up(void)
{
	struct blocked *b = blocked_calls(ELEM);
	const unsigned int rounds = 2 * CALL_LIMIT / ELEM;
	int fd = chan_make(0, ELEM, 0);
	char *other = map_pages(ELEM);

	on_signal(SIGUSR1, 0);
	for (unsigned int i = 0; i < rounds; i++) {
		for (int way = READ; way < WAYS; way++) {
			tap_about("%s, round %u", ways[way], i);
			block(&b[0], fd, way, ELEM);
			until(waiters(fd) == 1);
			if (i % 2) {
				call_wait_asleep(&b[0].call);
				call_signal(&b[0].call, SIGUSR1);
				expect_done_errno(&b[0].call, EINTR);
			} else if (way == READ || way == SELECT_RECV) {
				must_int(write(fd, other, ELEM), ELEM);
				must(call_join(&b[0].call) >= 0);
			} else {
				must_int(read(fd, other, ELEM), ELEM);
				must(call_join(&b[0].call) >= 0);
			}
		}
		expect_errno(select_one(fd, KCHAN_OP_RECV, other, ELEM,
					KCHAN_SELECT_DEADLINE, 1, NULL),
			     ETIMEDOUT);
		expect_errno(select_one(fd, KCHAN_OP_SEND, other, ELEM,
					KCHAN_SELECT_DEADLINE, 1, NULL),
			     ETIMEDOUT);
	}
}

static void gives_up(void)
{
	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	run_as(NOBODY, nobody_gives_up);
	params_restore();
}

/* What need not wait needs no quota. */
static void nobody_is_ready(void)
{
	int buffered = chan_make(0, ELEM, 2), fd = chan_make(0, ELEM, 0);
	char *elem = map_pages(ELEM);
	int armed[60], rest[200];
	unsigned int nr;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, ELEM);
	nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
	must(nr > 0 && nr < ARRAY_SIZE(armed));
	must(use_up(fd, rest, ARRAY_SIZE(rest)) < ARRAY_SIZE(rest));
	for (int i = 0; i < 3; i++) {
		fill(elem, ELEM, i);
		expect_int(write(buffered, elem, ELEM), ELEM);
		expect_int(try_send(buffered, elem, ELEM), 0);
		memset(elem, POISON, ELEM);
		expect_int(read(buffered, elem, ELEM), ELEM);
		expect(filled(elem, ELEM, i));
		expect_int(try_recv(buffered, elem, ELEM), 0);
		expect(filled(elem, ELEM, i));
	}
	/* To an armed receiver. */
	expect_int(write(fd, elem, ELEM), ELEM);
}

static void ready_is_free(void)
{
	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	run_as(NOBODY, nobody_is_ready);
	params_restore();
}

/*
 * An element that was put back stays charged to who armed for it, until it is
 * received. A large one, which is passed by pointer, stays charged to its sender or to
 * the buffer: see chan/large.c.
 */
static void put_backs_of(uint32_t size)
{
	enum { MOST = 16 };
	const long long limit = (long long)MOST * size;
	unsigned int first = 0, nr, more;
	char *elem = map_pages(size);
	int fd, other, armed[MOST + 1];
	struct cases c, d;

	param_set("user_max_bytes", limit);
	act_as(NOBODY);
	fd = chan_make(0, size, 0);
	other = chan_make(0, size, 0);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, size);
	cases_init(&d, 0, 0);
	add_recv(&d, other, NULL, size);
	for (int round = 0; round < 3; round++) {
		tap_about("size %u, round %d", size, round);
		nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
		if (!round)
			first = nr;
		expect_int(nr, first);
		expect(nr <= MOST);
		expect(nr >= MOST / 3);
		/* Root's calls do not matter to the quota. */
		act_as(0);
		for (unsigned int i = 0; i < nr; i++) {
			fill(elem, size, i);
			must_int(write(fd, elem, size), size);
		}
		act_as(NOBODY);
		expect_int(chan_info(fd).in_flight, nr);
		close_all(armed, nr);
		must_int(chan_len(fd), nr);
		more = arm_all(other, &d, armed, ARRAY_SIZE(armed));
		expect(more <= (limit - nr * size) / size);
		close_all(armed, more);
		for (unsigned int i = 0; i < nr; i++) {
			if (i == nr / 2) {
				unsigned int now = arm_all(other, &d, armed,
							   ARRAY_SIZE(armed));

				expect(now > more && now < nr);
				close_all(armed, now);
			}
			must_int(read(fd, elem, size), size);
			expect(filled(elem, size, i));
		}
	}
	act_as(0);
	close(fd);
	close(other);
}

static void put_backs(void)
{
	params_begin();
	put_backs_of(1024);
	put_backs_of(ELEM);
	params_restore();
}

/* The channel goes, and what came back to it. */
static void nobody_leaves_put_backs(void)
{
	unsigned int first = 0;

	for (int round = 0; round < 3; round++) {
		int fd = chan_make(0, ELEM, 0), armed[60];
		int send = end_make(fd, KCHAN_END_SEND);
		char *elem = map_pages(ELEM);
		struct cases c;
		unsigned int nr;

		tap_about("round %d", round);
		cases_init(&c, 0, 0);
		add_recv(&c, fd, NULL, ELEM);
		nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
		if (!round)
			first = nr;
		must(nr > 0 && nr < ARRAY_SIZE(armed));
		expect_int(nr, first);
		/* Not to the last bytes: that is not what this is about. */
		close(armed[--nr]);
		for (unsigned int i = 0; i < nr; i++)
			must_int(write(send, elem, ELEM), ELEM);
		close_all(armed, nr);
		expect_int(chan_len(send), nr);
		/* With the last receiver what is queued goes. */
		close(fd);
		expect_int(chan_len(send), 0);
		fd = chan_make(0, ELEM, 0);
		c.c[0].fd = fd;
		nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
		/* The other channel is still there. */
		expect(nr == first || nr == first - 1);
		close_all(armed, nr);
		close(fd);
		close(send);
	}
}

static void channel_goes(void)
{
	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	run_as(NOBODY, nobody_leaves_put_backs);
	params_restore();
}

/* What waits is its caller's, on whose channel ever. */
static void caller_is_charged(void)
{
	struct blocked *b = blocked_calls(ELEM);
	int fd, armed[60], rest[400];
	unsigned int nr, mine, more;
	struct cases c;

	params_begin();
	param_set("user_max_bytes", CALL_LIMIT);
	act_as(OTHER);
	fd = chan_make(0, ELEM, 0);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, ELEM);
	act_as(NOBODY);
	nr = arm_all(fd, &c, armed, ARRAY_SIZE(armed));
	must(nr > 0 && nr < ARRAY_SIZE(armed));
	more = use_up(fd, rest, 200);
	expect_errno(read(fd, b[0].buf, ELEM), EDQUOT);
	act_as(OTHER);
	mine = arm_all(fd, &c, armed + nr, ARRAY_SIZE(armed) - nr);
	/* The channel is this one's. */
	expect(mine == nr || mine == nr - 1);
	use_up(fd, rest + more, 200);
	/* Who closes it does not matter. */
	close_all(armed, nr);
	expect_errno(read(fd, b[0].buf, ELEM), EDQUOT);
	act_as(NOBODY);
	close_all(armed + nr, mine);
	expect_int(arm_all(fd, &c, armed, ARRAY_SIZE(armed)), nr);
	act_as(0);
	params_restore();
}

static const struct tap_test tests[] = {
	{ "armed receives", armed_receives },
	{ "armed selects of small elements: their cases", armed_small },
	{ "disarmed and armed again", disarmed },
	{ "blocked calls", blocked_calls_charged },
	{ "blocked calls of small elements", small_calls },
	{ "blocked selects: their cases", blocked_selects },
	{ "a call that ends is charged no more", gives_up },
	{ "a call that need not wait is free", ready_is_free },
	{ "put-backs, until they are received", put_backs },
	{ "put-backs, until their channel has no receivers", channel_goes },
	{ "the caller is charged, not who opened the channel", caller_is_charged },
};

PARAMS_MAIN(tests)
