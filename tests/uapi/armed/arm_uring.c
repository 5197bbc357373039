// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects in loops of io_uring: a read of one waits until a case commits, and
 * has what committed, with no thread that blocks; what becomes of the element when
 * the select, its file or the ring goes first.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>

#include "armed.h"
#include "ring.h"

#define READ_U64 ((int)(sizeof(struct kchan_commit) + 8))
#define READ_NOTHING ((int)sizeof(struct kchan_commit))

/* More often than io_uring has patience with what it does again. */
#define TIMES 300

static void submit_read(struct ring *r, int armed, struct committed *out,
			uint64_t data)
{
	memset(out, POISON, sizeof(*out));
	ring_submit(r, IORING_OP_READ, armed, out, sizeof(*out), data);
}

/* One that does not complete yet. */
static void submit_waiting(struct ring *r, int armed, struct committed *out,
			   uint64_t data)
{
	submit_read(r, armed, out, data);
	expect_none_completed(r);
}

/* A ring needs no O_NONBLOCK. */
static int armed_recv(int fd, uint32_t len)
{
	int armed = arm_recv(fd, len);

	chan_nonblock(armed, false);
	return armed;
}

static void rearm_recv(int armed, int fd)
{
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	must_int(try_rearm(armed, &c), 0);
}

/* What the ring had read. */
#define expect_read(out, want_index, want_status, want_len)		\
	do {								\
		expect_int((out)->commit.index, want_index);		\
		expect_int((out)->commit.status, want_status);		\
		expect_int((out)->commit.len, want_len);		\
		expect_int((out)->commit.size, sizeof((out)->commit));	\
	} while (0)

static void read_waits(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	struct ring r;

	ring_open(&r);
	for (uint64_t i = 0; i < TIMES; i++) {
		if (i)
			rearm_recv(armed, fd);
		submit_waiting(&r, armed, &out, i);
		/* The place in the queue is the armed case's, and its alone. */
		expect_int(chan_info(fd).recv_waiters, 1);
		send_u64(fd, i + 100);
		ring_expect(&r, i, READ_U64);
		expect_read(&out, 0, 0, 8);
		must_int(out.value, i + 100);
		/* It was read: there is nothing more. */
		must_int(poll_now(armed), 0);
	}
	expect_int(ring_workers(), 0);
	expect_idle(fd);
}

static void send_waits(void)
{
	int fd = chan_make(0, 8, 0), armed;
	uint64_t v = 41;
	struct committed out;
	struct ring r;

	ring_open(&r);
	armed = arm_send(fd, &v, 8);
	chan_nonblock(armed, false);
	v = 0;
	submit_waiting(&r, armed, &out, 1);
	expect_recv(fd, 41);
	ring_expect(&r, 1, READ_NOTHING);
	expect_read(&out, 0, 0, 8);
	expect_int(ring_workers(), 0);
}

static void one_of_many_cases(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0), armed;
	uint64_t v = 5;
	struct committed out;
	struct cases c;
	struct ring r;

	ring_open(&r);
	cases_init(&c, 0, 0);
	add_recv(&c, -1, NULL, 8);
	add_recv(&c, a, NULL, 8);
	add_send(&c, b, &v, 8);
	add_recv(&c, b, NULL, 8);
	armed = try_arm(a, &c, 0);
	must(armed >= 0);
	submit_waiting(&r, armed, &out, 1);
	send_u64(b, 6);
	ring_expect(&r, 1, READ_U64);
	expect_read(&out, 3, 0, 8);
	expect_int(out.value, 6);
	/* Of the others nothing is left. */
	expect_idle(a);
	expect_idle(b);

	must_int(try_rearm(armed, &c), 0);
	submit_waiting(&r, armed, &out, 2);
	chan_close(a);
	ring_expect(&r, 2, READ_NOTHING);
	expect_read(&out, 1, EPIPE, 0);
	expect_int(ring_workers(), 0);
}

/* The kernel is entered once, to submit it. */
static void committed_already(void)
{
	int fd = chan_make(0, 8, 1), armed;
	struct committed out;
	uint64_t data = 0;
	struct ring r;
	int result = 0;

	ring_open(&r);
	armed = armed_recv(fd, 8);
	send_u64(fd, 7);
	submit_read(&r, armed, &out, 1);
	must(ring_completed(&r, &data, &result));
	expect_int(data, 1);
	expect_int(result, READ_U64);
	expect_read(&out, 0, 0, 8);
	expect_int(out.value, 7);

	/* It commits while it is armed. */
	send_u64(fd, 8);
	rearm_recv(armed, fd);
	submit_read(&r, armed, &out, 2);
	must(ring_completed(&r, &data, &result));
	expect_int(data, 2);
	expect_int(result, READ_U64);
	expect_int(out.value, 8);
	expect_int(ring_workers(), 0);
}

static void polls(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	uint64_t data = 0;
	struct ring r;
	int result = 0;

	ring_open(&r);
	ring_submit(&r, IORING_OP_POLL_ADD, armed, NULL, POLLIN, 1);
	expect_none_completed(&r);
	send_u64(fd, 9);
	ring_expect(&r, 1, POLLIN);
	ring_submit(&r, IORING_OP_POLL_ADD, armed, NULL, POLLIN, 2);
	must(ring_completed(&r, &data, &result));
	expect_int(data, 2);
	expect_int(result, POLLIN);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 9);

	/* Also one that polls while nothing is armed. */
	ring_submit(&r, IORING_OP_POLL_ADD, armed, NULL, POLLIN, 3);
	expect_none_completed(&r);
	rearm_recv(armed, fd);
	expect_none_completed(&r);
	send_u64(fd, 10);
	ring_expect(&r, 3, POLLIN);
	expect_commit(armed, &out, 0, 0);
	expect_int(ring_workers(), 0);
}

static void of_size(uint32_t size)
{
	const size_t bytes = sizeof(struct kchan_commit) + size;
	int fd = chan_make(0, size, 0), armed;
	struct kchan_commit *got = map_pages(bytes);
	char *elem = map_pages(size);
	struct call call = { 0 };
	struct ring r;

	tap_about("elements of %u bytes", size);
	ring_open(&r);
	fill(elem, size, size);
	armed = armed_recv(fd, size);
	ring_submit(&r, IORING_OP_READ, armed, got, bytes, size);
	expect_none_completed(&r);
	call_write(&call, fd, elem, size);
	ring_expect(&r, size, (int)bytes);
	expect_done(&call, size);
	expect_int(got->len, size);
	expect(filled(got + 1, size, size));
	expect_int(ring_workers(), 0);
}

static void sizes(void)
{
	static const uint32_t sizes[] = { 1, 128, 129, 4096, 4097, 100000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		of_size(sizes[i]);
}

/* What cannot be read stays, for who can. */
static void no_room(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	char *hole = map_before_hole(64);
	struct committed out;
	struct ring r;

	ring_open(&r);
	ring_submit(&r, IORING_OP_READ, armed, &out, READ_NOTHING, 1);
	expect_none_completed(&r);
	send_u64(fd, 12);
	ring_expect(&r, 1, -EMSGSIZE);
	ring_submit(&r, IORING_OP_READ, armed, hole + 64 - READ_NOTHING,
		    READ_U64, 2);
	ring_expect(&r, 2, -EFAULT);
	ring_submit(&r, IORING_OP_READ, armed, &out, READ_NOTHING - 1, 3);
	ring_expect(&r, 3, -EMSGSIZE);
	submit_read(&r, armed, &out, 4);
	ring_expect(&r, 4, READ_U64);
	expect_read(&out, 0, 0, 8);
	expect_int(out.value, 12);
	expect_int(chan_len(fd), 0);
}

/* A file that is not to block io_uring polls all the same, if it can be. */
static void nonblocking(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	struct iovec to = { &out, sizeof(out) };
	struct ring r;

	ring_open(&r);
	chan_nonblock(armed, true);
	submit_waiting(&r, armed, &out, 1);
	send_u64(fd, 3);
	ring_expect(&r, 1, READ_U64);
	expect_int(out.value, 3);
	expect_int(ring_workers(), 0);

	/* What a ring asks of the file first, asked by a call. */
	rearm_recv(armed, fd);
	expect_errno(preadv2(armed, &to, 1, -1, RWF_NOWAIT), EAGAIN);
	send_u64(fd, 4);
	expect_int(preadv2(armed, &to, 1, -1, RWF_NOWAIT), READ_U64);
	expect_int(out.value, 4);
}

/* The read waits for a select that is armed, whichever. */
static void disarmed(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	uint64_t v = 1;
	struct ring r;

	ring_open(&r);
	submit_waiting(&r, armed, &out, 1);
	expect_int(disarm(armed), 0);
	expect_idle(fd);
	expect_int(try_send(fd, &v, 8), -1);
	expect_none_completed(&r);
	rearm_recv(armed, fd);
	expect_none_completed(&r);
	send_u64(fd, 2);
	ring_expect(&r, 1, READ_U64);
	expect_int(out.value, 2);
	expect_int(disarm(armed), 0);
	expect_int(ring_workers(), 0);
}

/* The ring holds the file, so the case stays armed, and is an end. */
static void closed_fd(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	uint64_t v = 1;
	struct ring r;

	ring_open(&r);
	submit_waiting(&r, armed, &out, 1);
	close(armed);
	expect_int(chan_info(fd).recv_ends, 2);
	send_u64(fd, 14);
	ring_expect(&r, 1, READ_U64);
	expect_int(out.value, 14);
	/* With the read the file has gone. */
	until(chan_info(fd).recv_ends == 1);
	expect_idle(fd);
	expect_int(try_send(fd, &v, 8), -1);
	expect_int(chan_len(fd), 0);
}

/* Without the ring and the fd nothing is armed any more. */
static void closed_ring(void)
{
	int fd = chan_make(0, 8, 0), armed = armed_recv(fd, 8);
	struct committed out;
	uint64_t v = 1;
	struct ring r;

	ring_open(&r);
	submit_waiting(&r, armed, &out, 1);
	ring_close(&r);
	/* The fd is still there: the select outlives the ring. */
	send_u64(fd, 15);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 15);

	rearm_recv(armed, fd);
	ring_open(&r);
	submit_waiting(&r, armed, &out, 1);
	close(armed);
	ring_close(&r);
	until(chan_info(fd).recv_ends == 1);
	expect_idle(fd);
	expect_int(try_send(fd, &v, 8), -1);
}

static void killed_run(void *arg)
{
	int fd = *(int *)arg, armed = armed_recv(fd, 8);
	struct committed out;
	struct ring r;

	ring_open(&r);
	submit_read(&r, armed, &out, 1);
	for (;;)
		pause();
}

static void killed(void)
{
	int fd = chan_make(0, 8, 0);
	pid_t pid = spawn(killed_run, &fd);
	uint64_t v = 1;

	wait_receivers(fd, 1);
	kill(pid, SIGKILL);
	reap(pid);
	until(chan_info(fd).recv_ends == 1);
	expect_idle(fd);
	expect_int(try_send(fd, &v, 8), -1);
}

/*
 * One that sends, without a wait, while a ring that reads is closed, and the fd
 * before it: the element has been read, or is in the channel.
 */
struct sender {
	int fd;
	uint64_t count;
	atomic_ulong go, done;
};

static void *sends_when_told(void *arg)
{
	struct sender *s = arg;

	for (uint64_t i = 1; i <= s->count; i++) {
		until(atomic_load(&s->go) >= i);
		send_u64(s->fd, i);
		atomic_store(&s->done, i);
	}
	return NULL;
}

static void closed_while_committing(void)
{
	struct sender s = { .fd = chan_make(0, 8, 1), .count = tap_scale(200) };
	unsigned long read_by_ring = 0;
	uint64_t seed = 1;
	pthread_t thread;

	thread_start(&thread, sends_when_told, &s);
	for (uint64_t i = 1; i <= s.count; i++) {
		int armed = armed_recv(s.fd, 8);
		struct committed out;
		struct timespec nap = { 0 };
		struct ring r;

		ring_open(&r);
		submit_read(&r, armed, &out, i);
		close(armed);
		if (rnd(&seed) % 4 == 0)
			atomic_store(&s.go, i);
		/* The most of it goes in the background, soon. */
		ring_close(&r);
		nap.tv_nsec = rnd(&seed) % 4000000;
		nanosleep(&nap, NULL);
		atomic_store(&s.go, i);
		until(chan_info(s.fd).recv_ends == 1);
		until(atomic_load(&s.done) == i);
		if (out.commit.len == 8) {
			must_int(out.value, i);
			must_int(chan_len(s.fd), 0);
			read_by_ring++;
		} else {
			must_int(chan_len(s.fd), 1);
			expect_recv(s.fd, i);
		}
	}
	thread_join(thread);
	tap_note("%lu of %llu read by a ring", read_by_ring,
		 (unsigned long long)s.count);
	expect(s.count < 200 || (read_by_ring && read_by_ring < s.count));
	expect_idle(s.fd);
}

static void *sends_blocking(void *arg)
{
	struct sender *s = arg;

	for (uint64_t i = 1; i <= s->count; i++)
		must_int(write(s->fd, &i, 8), 8);
	return NULL;
}

/* A read waits all the time, while what it waits for is disarmed and armed again. */
static void disarmed_while_committing(void)
{
	struct sender s = { .fd = chan_make(0, 8, 0), .count = tap_scale(3000) };
	int armed = armed_recv(s.fd, 8);
	unsigned long taken_back = 0;
	uint64_t next = 1, seed = 1;
	struct committed out;
	pthread_t thread;
	struct ring r;

	ring_open(&r);
	submit_read(&r, armed, &out, 0);
	thread_start(&thread, sends_blocking, &s);
	for (;;) {
		uint64_t data;
		int result;
		bool idle;

		for (uint32_t n = rnd(&seed) % 4; n; n--)
			sched_yield();
		idle = !disarm(armed);
		if (!idle)
			must_int(errno, EALREADY);
		/* Nothing is armed when that was read, or has been taken back. */
		if (idle && !ring_complete(&r, &data, &result)) {
			taken_back++;
			rearm_recv(armed, s.fd);
			continue;
		}
		if (!idle)
			until(ring_complete(&r, &data, &result));
		must_int(result, READ_U64);
		must_int(out.value, next);
		if (next++ == s.count)
			break;
		rearm_recv(armed, s.fd);
		submit_read(&r, armed, &out, 0);
	}
	thread_join(thread);
	tap_note("%lu taken back", taken_back);
	expect(taken_back > 0 || s.count < 1000);
	expect_int(disarm(armed), 0);
	expect_idle(s.fd);
	expect_int(chan_len(s.fd), 0);
}

/* Two loops that meet on a rendezvous, and block nowhere but at their rings. */
struct loop {
	int in, out;
	uint64_t rounds;
	unsigned long waited;
};

static void loop_round(struct loop *l, struct ring *r, int armed, uint64_t v,
		       struct committed got[2])
{
	uint64_t data;
	bool sent = false, received = false;
	int result;

	/* Both at once, in one select, twice: the second has the one that is left. */
	while (!sent || !received) {
		struct cases c;

		cases_init(&c, 0, 0);
		add_send(&c, sent ? -1 : l->out, &v, 8);
		add_recv(&c, received ? -1 : l->in, NULL, 8);
		must_int(try_rearm(armed, &c), 0);
		submit_read(r, armed, &got[0], v);
		if (!ring_complete(r, &data, &result)) {
			l->waited++;
			ring_wait(r);
			until(ring_complete(r, &data, &result));
		}
		must_int(data, v);
		must_int(got[0].commit.status, 0);
		if (got[0].commit.index == 0) {
			must(!sent);
			must_int(result, READ_NOTHING);
			sent = true;
		} else {
			must(!received);
			must_int(result, READ_U64);
			received = true;
			got[1] = got[0];
		}
	}
}

static void *run_loop(void *arg)
{
	struct loop *l = arg;
	struct committed got[2];
	struct cases none;
	struct ring r;
	int armed;

	cases_init(&none, 0, 0);
	armed = try_arm(l->in, &none, 0);
	must(armed >= 0);
	must_int(disarm(armed), 0);
	ring_open(&r);
	for (uint64_t i = 0; i < l->rounds; i++) {
		loop_round(l, &r, armed, i, got);
		must_int(got[1].value, i);
	}
	close(armed);
	ring_close(&r);
	return NULL;
}

static void two_loops(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	struct loop one = { a, b, tap_scale(1500), 0 };
	struct loop two = { b, a, tap_scale(1500), 0 };
	pthread_t threads[2];

	thread_start(&threads[0], run_loop, &one);
	thread_start(&threads[1], run_loop, &two);
	thread_join(threads[0]);
	thread_join(threads[1]);
	expect_int(ring_workers(), 0);
	/* Of two that meet one had to wait. */
	expect(one.waited + two.waited > 0);
	expect_idle(a);
	expect_idle(b);
	expect_int(chan_len(a), 0);
	expect_int(chan_len(b), 0);
}

static const struct tap_test tests[] = {
	{ "a read waits, with no worker, and has the element", read_waits },
	{ "a read waits for an armed send", send_waits },
	{ "of many cases one commits", one_of_many_cases },
	{ "what has committed is read at once", committed_already },
	{ "poll", polls },
	{ "elements of many sizes", sizes },
	{ "what cannot be read stays", no_room },
	{ "O_NONBLOCK", nonblocking },
	{ "disarmed while a read waits", disarmed },
	{ "closed while a read waits", closed_fd },
	{ "the ring closed while a read waits", closed_ring },
	{ "killed while a read waits", killed },
	{ "closed while a case commits: nothing is lost",
	  closed_while_committing },
	{ "disarmed while a case commits: nothing is lost",
	  disarmed_while_committing },
	{ "two loops meet, with no worker", two_loops },
};

TAP_MAIN(tests)
