// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leases are charged, to whom, and for how long. A call that ends or moves a lease
 * never needs quota: an element must not be lost because its user has none left.
 */
#include <poll.h>
#include <signal.h>

#include "leases.h"
#include "params.h"

#define MS 1000000ULL
#define HOUR (3600000 * MS)
#define LIMIT (1 << 20)
#define ELEM 4096
#define LARGE 16384
#define NR 4

/* How many more bytes this user may hold. It is exact to a page. */
static uint32_t quota_left(void)
{
	uint32_t low = 0, high = LIMIT / 64;

	while (high - low > 1) {
		const uint32_t middle = (low + high) / 2;
		int fd = chan_open();

		if (try_setup(fd, 0, 64, middle)) {
			must_int(errno, EDQUOT);
			high = middle;
		} else {
			low = middle;
		}
		close(fd);
	}
	return 64 * low;
}

/* No cases are charged any more, but the elements still are. */
#define expect_elements_charged(with_cases)				\
	do {								\
		uint32_t left_ = quota_left();				\
									\
		expect(left_ >= (with_cases));				\
		expect(left_ <= (with_cases) + page_size());		\
	} while (0)

struct held {
	int fd;
	int lease[NR];
	uint32_t none;		/* left without the armed objects */
	uint32_t idle;		/* with them, when nothing is armed */
	uint32_t armed;		/* and when all are armed */
};

/* Arms all of them once more, and hands each an element. */
static void lease_all(struct held *h, uint64_t limit)
{
	static char elem[LARGE];

	for (int i = 0; i < NR; i++)
		must_int(try_lease_again(h->lease[i], h->fd, ELEM, limit), 0);
	expect_int(quota_left(), h->armed);
	for (int i = 0; i < NR; i++)
		must_int(write(h->fd, elem, ELEM), ELEM);
	expect_int(chan_info(h->fd).leased, NR);
	/* It is the memory that was charged when they were armed. */
	expect_int(quota_left(), h->armed);
	for (int i = 0; i < NR; i++)
		must(read(h->lease[i], elem, sizeof(elem)) > ELEM);
}

static void hold_some(struct held *h)
{
	h->fd = chan_make(0, ELEM, NR);
	chan_nonblock(h->fd, true);
	poll_now(h->fd);
	h->none = quota_left();
	for (int i = 0; i < NR; i++)
		h->lease[i] = lease_arm(h->fd, ELEM, 0);
	h->armed = quota_left();
	expect(h->none - h->armed >= NR * ELEM);
	for (int i = 0; i < NR; i++)
		expect_int(disarm(h->lease[i]), 0);
	h->idle = quota_left();
	expect(h->idle - h->armed >= NR * ELEM);
}

static void receive_all(struct held *h)
{
	char elem[ELEM];

	for (int i = 0; i < NR; i++)
		must_int(read(h->fd, elem, ELEM), ELEM);
}

static void nobody_ends_leases(void)
{
	struct held h;

	hold_some(&h);
	tap_about("acknowledged");
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++)
		must_int(lease_ack(h.lease[i]), 0);
	expect_int(quota_left(), h.idle);

	tap_about("returned");
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++)
		must_int(lease_return(h.lease[i], 0, 0), 0);
	expect_elements_charged(h.armed);
	receive_all(&h);
	expect_int(quota_left(), h.idle);

	tap_about("returned with a delay");
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++)
		must_int(lease_return(h.lease[i], 0, 100 * MS), 0);
	expect_elements_charged(h.armed);
	until(chan_len(h.fd) == NR);
	expect_elements_charged(h.armed);
	receive_all(&h);
	expect_int(quota_left(), h.idle);

	tap_about("at their limit");
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++)
		must_int(lease_extend(h.lease[i], 1), 0);
	until(chan_len(h.fd) == NR);
	/* The cases stay until they are disarmed. */
	expect_int(quota_left(), h.armed);
	for (int i = 0; i < NR; i++)
		expect_int(disarm(h.lease[i]), 0);
	expect_elements_charged(h.armed);
	receive_all(&h);
	expect_int(quota_left(), h.idle);

	tap_about("closed");
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++)
		close(h.lease[i]);
	expect_elements_charged(h.armed);
	receive_all(&h);
	expect_int(quota_left(), h.none);
}

static void ended(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_ends_leases);
	params_restore();
}

/* Nobody has a descriptor of an element that is delayed, and it is charged all the same. */
static void nobody_delays(void)
{
	uint32_t before = quota_left();
	struct held h;

	hold_some(&h);
	lease_all(&h, 0);
	for (int i = 0; i < NR; i++) {
		must_int(lease_return(h.lease[i], 0, HOUR), 0);
		close(h.lease[i]);
	}
	expect_elements_charged(h.none - NR * ELEM - page_size());
	close(h.fd);
	expect_int(quota_left(), before);
}

static void delayed(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_delays);
	params_restore();
}

/* The armed object is charged as long as its fd is open, and each case while it is armed. */
static void nobody_arms_small(void)
{
	enum { MOST = 200 };
	uint32_t before, idle, armed;
	int fd = chan_make(0, 8, 0), lease[MOST];

	poll_now(fd);
	before = quota_left();
	for (int i = 0; i < MOST; i++)
		lease[i] = lease_arm(fd, 8, 0);
	armed = quota_left();
	for (int i = 0; i < MOST; i++)
		send_u64(fd, (uint64_t)i);
	expect_int(quota_left(), armed);
	for (int i = 0; i < MOST; i++) {
		expect_lease(lease[i], i, i, 0);
		must_int(lease_ack(lease[i]), 0);
	}
	idle = quota_left();
	expect(before - idle >= MOST * 128);
	expect(idle - armed >= MOST * sizeof(struct kchan_case));
	for (int i = 0; i < MOST; i++)
		close(lease[i]);
	expect_int(quota_left(), before);
}

static void armed_object(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_arms_small);
	params_restore();
}

/* NOBODY may hold nothing more, or LIMIT bytes. */
static void quota(bool some)
{
	act_as(0);
	param_set("user_max_bytes", some ? LIMIT : 1);
	act_as(NOBODY);
}

static int peek(int fd, char *to, uint32_t len)
{
	struct kchan_peek p = {
		.len = len,
		.addr = (uintptr_t)to,
		.peeked_size = sizeof(struct kchan_peeked),
	};

	return ioctl(fd, KCHAN_IOC_PEEK, &p);
}

/* It has a copy of each fd. */
static void hold_until_killed(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void no_quota(void)
{
	static char elem[ELEM];
	int fd, lease[6];
	struct kchan_info info;
	pid_t pid;

	params_begin();
	quota(true);
	fd = chan_make(0, ELEM, 8);
	chan_nonblock(fd, true);
	for (int i = 0; i < 6; i++) {
		fill(elem, ELEM, (uint64_t)i);
		must_int(write(fd, elem, ELEM), ELEM);
		lease[i] = lease_arm(fd, ELEM, 0);
	}
	quota(false);
	for (int i = 0; i < 6; i++) {
		static struct {
			struct kchan_commit commit;
			char elem[ELEM];
		} out;

		expect_int(read(lease[i], &out, sizeof(out)), (long long)sizeof(out));
		expect(filled(out.elem, ELEM, (uint64_t)i));
	}
	expect_errno(try_lease(fd, ELEM, 0), EDQUOT);
	expect_errno(peek(fd, elem, sizeof(elem)), EDQUOT);
	must_int(lease_ack(lease[0]), 0);
	expect_errno(try_lease_again(lease[0], fd, ELEM, 0), EDQUOT);
	expect_int(lease_ack_again(lease[1], NULL, 0), 0);
	must_int(lease_extend(lease[2], HOUR), 0);
	must_int(lease_extend(lease[2], 1), 0);
	/* The one that was armed again gets it. */
	until(chan_info(fd).leased == 4 && !chan_info(fd).recv_waiters);
	expect_errno(lease_ack(lease[2]), ETIME);
	expect_int(disarm(lease[2]), 0);
	expect_int(lease_return(lease[3], KCHAN_RETURN_TAIL, 0), 0);
	expect_int(lease_return(lease[4], 0, MS), 0);
	until(chan_len(fd) == 2);
	pid = spawn(hold_until_killed, NULL);
	close(lease[5]);
	kill(pid, SIGKILL);
	reap(pid);
	expect_int(chan_len(fd), 3);
	expect_int(lease_return(lease[1], 0, 0), 0);
	expect_int(chan_len(fd), 4);
	/* In order: 4 and 5 have their places, 3 is behind them. */
	for (int i = 0; i < 4; i++) {
		static const uint64_t order[] = { 2, 4, 5, 3 };

		must_int(read(fd, elem, ELEM), ELEM);
		expect(filled(elem, ELEM, order[i]));
	}
	info = chan_info(fd);
	expect_int(info.settled, 6);
	expect_int(info.dropped, 0);
	quota(true);
	must_int(try_lease_again(lease[0], fd, ELEM, 0), 0);
	act_as(0);
	params_restore();
}

/* There is no room: EAGAIN without waiting, as poll() says. A wait needs quota: EDQUOT. */
static void expect_no_room(int fd, const char *elem)
{
	expect_errno(write(fd, elem, LARGE), EAGAIN);
	chan_nonblock(fd, false);
	expect_errno(write(fd, elem, LARGE), EDQUOT);
	chan_nonblock(fd, true);
}

/* A large element keeps its place in the charge of the buffer while it is leased. */
static void large(void)
{
	static char elem[2 * LARGE];
	int fd, lease[2];
	uint32_t before;

	params_begin();
	quota(true);
	fd = chan_make(0, LARGE, 2);
	chan_nonblock(fd, true);
	poll_now(fd);
	before = quota_left();
	for (int i = 0; i < 2; i++)
		lease[i] = lease_arm(fd, LARGE, 0);
	expect(before - quota_left() < LARGE);
	for (int i = 0; i < 2; i++) {
		must_int(write(fd, elem, LARGE), LARGE);
		must_int(read(lease[i], elem, sizeof(elem)),
			 (long long)sizeof(struct kchan_commit) + LARGE);
	}
	expect(before - quota_left() < LARGE);
	expect_int(poll_now(fd), POLLOUT);
	/* With quota there is room for more, and without it there is none. */
	quota(false);
	expect_int(poll_now(fd), 0);
	expect_no_room(fd, elem);
	must_int(lease_ack(lease[0]), 0);
	expect_int(poll_now(fd), POLLOUT);
	must_int(write(fd, elem, LARGE), LARGE);
	must_int(lease_return(lease[1], 0, 0), 0);
	expect_int(poll_now(fd), POLLIN);
	expect_no_room(fd, elem);
	must_int(read(fd, elem, LARGE), LARGE);
	must_int(write(fd, elem, LARGE), LARGE);
	close(lease[0]);
	close(lease[1]);
	close(fd);
	quota(true);
	expect(quota_left() >= before);
	act_as(0);
	params_restore();
}

/* Who arms is charged for what is leased, and not who opened the channel. */
static void armer_pays(void)
{
	static char elem[ELEM];
	uint32_t owner, armer;
	int fd, lease[NR];

	params_begin();
	param_set("user_max_bytes", LIMIT);
	act_as(OTHER);
	fd = chan_make(0, ELEM, NR);
	poll_now(fd);
	owner = quota_left();
	act_as(NOBODY);
	armer = quota_left();
	for (int i = 0; i < NR; i++)
		lease[i] = lease_arm(fd, ELEM, 0);
	act_as(OTHER);
	for (int i = 0; i < NR; i++)
		must_int(write(fd, elem, ELEM), ELEM);
	expect_int(quota_left(), owner);
	/* Whoever closes them, and until it was received. */
	for (int i = 0; i < NR; i++)
		close(lease[i]);
	expect_int(chan_len(fd), NR);
	expect_int(quota_left(), owner);
	act_as(NOBODY);
	expect(armer - quota_left() >= NR * ELEM);
	for (int i = 0; i < NR; i++)
		must_int(read(fd, elem, ELEM), ELEM);
	expect_int(quota_left(), armer);
	act_as(0);
	params_restore();
}

static const struct tap_test tests[] = {
	{ "a leased element, however its lease ends", ended },
	{ "a delayed element, which no descriptor holds", delayed },
	{ "the armed object and its cases", armed_object },
	{ "what ends or moves a lease needs no quota", no_quota },
	{ "a large element keeps its place in the buffer's charge", large },
	{ "who arms pays", armer_pays },
};

PARAMS_MAIN(tests)
