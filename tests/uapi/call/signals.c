// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that meet a blocked call, with and without SA_RESTART. (chan/batch.c has
 * those in the middle of a batch, kill.c the fatal ones.)
 */
#include <signal.h>

#include "chan.h"

enum kind { READ, WRITE, SELECT_RECV, SELECT_SEND };

static const char * const kinds[] = { "read", "write", "select, receive",
	"select, send" };

struct blocked {
	struct call call;
	struct one_case one;
	uint64_t value;
	int fd;
	enum kind kind;
};

static void wait_blocked(struct blocked *b)
{
	if (b->kind == READ || b->kind == SELECT_RECV)
		wait_receivers(b->fd, 1);
	else
		wait_senders(b->fd, 1);
	call_wait_asleep(&b->call);
}

static void block_with(struct blocked *b, enum kind kind, uint32_t capacity,
		       uint32_t flags, uint64_t deadline)
{
	bool sends = kind == WRITE || kind == SELECT_SEND;
	uint32_t i;

	b->kind = kind;
	b->value = 1000;
	b->fd = chan_make(0, 8, capacity);
	for (i = 0; sends && i < capacity; i++)
		send_u64(b->fd, i);
	switch (kind) {
	case READ:
		call_read(&b->call, b->fd, &b->value, 8);
		break;
	case WRITE:
		call_write(&b->call, b->fd, &b->value, 8);
		break;
	default:
		one_case(&b->one, b->fd, sends ? KCHAN_OP_SEND : KCHAN_OP_RECV,
			 &b->value, 8, flags, deadline);
		call_select(&b->call, b->fd, &b->one);
		break;
	}
	wait_blocked(b);
}

static void block(struct blocked *b, enum kind kind, uint32_t capacity)
{
	block_with(b, kind, capacity, 0, 0);
}

static void expect_untouched(struct blocked *b, uint32_t capacity)
{
	struct kchan_info info = chan_info(b->fd);
	bool sends = b->kind == WRITE || b->kind == SELECT_SEND;
	uint64_t i, none;

	expect_int(info.send_waiters, 0);
	expect_int(info.recv_waiters, 0);
	expect_int(info.len, sends ? capacity : 0);
	/* A signal before the hand-off leaves the element with its sender. */
	chan_nonblock(b->fd, true);
	for (i = 0; sends && i < capacity; i++)
		expect_recv(b->fd, i);
	expect_errno(read(b->fd, &none, 8), EAGAIN);
	expect_int(b->value, 1000);
}

static void interrupted(void)
{
	struct blocked b;
	int kind;
	uint32_t capacity;

	on_signal(SIGUSR1, 0);
	for (kind = READ; kind <= SELECT_SEND; kind++) {
		for (capacity = 0; capacity < 3; capacity += 2) {
			tap_about("%s, capacity %u", kinds[kind], capacity);
			block(&b, kind, capacity);
			call_signal(&b.call, SIGUSR1);
			expect_done_errno(&b.call, EINTR);
			expect_untouched(&b, capacity);
			close(b.fd);
		}
	}
}

static void expect_goes_on(struct blocked *b, uint32_t capacity)
{
	uint64_t i;

	if (b->kind == READ || b->kind == SELECT_RECV) {
		send_u64(b->fd, 55);
		expect_done(&b->call, b->kind == READ ? 8 : 0);
		expect_int(b->value, 55);
	} else {
		for (i = 0; i < capacity; i++)
			expect_recv(b->fd, i);
		expect_recv(b->fd, 1000);
		expect_done(&b->call, b->kind == WRITE ? 8 : 0);
	}
	if (b->kind == SELECT_RECV || b->kind == SELECT_SEND) {
		expect_int(b->one.s.status, 0);
		expect_int(b->one.s.len, 8);
	}
}

static void restarted(void)
{
	struct blocked b;
	int kind, times;
	uint32_t capacity;

	on_signal(SIGUSR1, SA_RESTART);
	for (kind = READ; kind <= SELECT_SEND; kind++) {
		for (capacity = 0; capacity < 3; capacity += 2) {
			tap_about("%s, capacity %u", kinds[kind], capacity);
			block(&b, kind, capacity);
			for (times = 1; times <= 3; times++) {
				atomic_store(&signals_seen, 0);
				call_signal(&b.call, SIGUSR1);
				until(atomic_load(&signals_seen) == 1);
				wait_blocked(&b);
			}
			expect(!atomic_load(&b.call.done));
			expect_goes_on(&b, capacity);
			close(b.fd);
		}
	}
}

/* A call that restarts is the last in the queue. */
static void restart_loses_its_place(void)
{
	int fd = chan_make(0, 8, 0);
	uint64_t v[2] = { 0 };
	struct call c[2];

	on_signal(SIGUSR1, SA_RESTART);
	for (int i = 0; i < 2; i++) {
		call_read(&c[i], fd, &v[i], 8);
		wait_receivers(fd, i + 1);
	}
	call_wait_asleep(&c[0]);
	call_signal(&c[0], SIGUSR1);
	/* The handler runs when the call is out of the queue. */
	until(atomic_load(&signals_seen) == 1);
	wait_receivers(fd, 2);
	send_u64(fd, 1);
	expect_done(&c[1], 8);
	expect_int(v[1], 1);
	expect(!atomic_load(&c[0].done));
	send_u64(fd, 2);
	expect_done(&c[0], 8);
	expect_int(v[0], 2);
}

static void ignored(void)
{
	struct blocked b;
	int kind;

	/* An ignored signal is none; one with the default to ignore neither. */
	must(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	for (kind = READ; kind <= SELECT_SEND; kind++) {
		tap_about("%s", kinds[kind]);
		block(&b, kind, 1);
		call_signal(&b.call, SIGUSR1);
		call_signal(&b.call, SIGCHLD);
		expect_goes_on(&b, 1);
		close(b.fd);
	}
}

/* What came before the call is no reason not to do what can be done. */
static void ready_with_pending(void)
{
	int fd = chan_make(0, 8, 2);
	sigset_t set;
	uint64_t v = 4;

	on_signal(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must_int(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	must_int(raise(SIGUSR1), 0);
	/* Blocked, so it is pending and does not interrupt. */
	send_u64(fd, 3);
	expect_int(write(fd, &v, 8), 8);
	expect_recv(fd, 3);
	expect_recv(fd, 4);
	expect_int(atomic_load(&signals_seen), 0);
	must_int(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	expect_int(atomic_load(&signals_seen), 1);
}

static void restart_keeps_deadline(void)
{
	struct blocked b;
	/* Late enough for the call to block before it. */
	uint64_t deadline = tap_now_ns() + tap_patience() * 100000000LL;

	on_signal(SIGUSR1, SA_RESTART);
	block_with(&b, SELECT_RECV, 1, KCHAN_SELECT_DEADLINE, deadline);
	/* Were the wait begun anew each time, this would not end. */
	while (!atomic_load(&b.call.done)) {
		unsigned int seen = atomic_load(&signals_seen);

		call_signal(&b.call, SIGUSR1);
		until(atomic_load(&b.call.done) ||
		      atomic_load(&signals_seen) != seen);
	}
	expect_done_errno(&b.call, ETIMEDOUT);
	expect((uint64_t)tap_now_ns() >= b.one.s.deadline);
	expect(atomic_load(&signals_seen) > 0);
	expect_untouched(&b, 1);
}

/*
 * A signal (or timeout) that comes after the claim: the claim wins. Both are
 * let loose at once, many times; whatever the order, an element is either
 * received by the call, or left.
 */
static void signal_against_send(void)
{
	unsigned long round, rounds = tap_scale(200), got = 0, left = 0;
	int fd = chan_make(0, 8, 1);

	on_signal(SIGUSR1, 0);
	for (round = 0; round < rounds; round++) {
		struct call c;
		uint64_t v = 0, in = round + 1;

		call_read(&c, fd, &v, 8);
		wait_receivers(fd, 1);
		if (round % 2) {
			call_signal(&c, SIGUSR1);
			send_u64(fd, in);
		} else {
			send_u64(fd, in);
			if (!atomic_load(&c.done))
				call_signal(&c, SIGUSR1);
		}
		if (call_join(&c) == 8) {
			got++;
			expect_int(v, in);
			expect_int(chan_len(fd), 0);
		} else {
			expect_int(errno, EINTR);
			left++;
			expect_int(chan_len(fd), 1);
			expect_recv(fd, in);
			/* Sent first, it was received: no EINTR. */
			expect(round % 2);
		}
	}
	tap_note("%lu received, %lu interrupted", got, left);
	expect_int(got + left, rounds);
}

static void signal_against_receive(void)
{
	unsigned long round, rounds = tap_scale(200), sent = 0;
	int fd = chan_make(0, 8, 0);

	on_signal(SIGUSR1, 0);
	chan_nonblock(fd, false);
	for (round = 0; round < rounds; round++) {
		struct call c;
		uint64_t in = round, out = 0;
		int status;

		call_write(&c, fd, &in, 8);
		wait_senders(fd, 1);
		if (round % 2)
			call_signal(&c, SIGUSR1);
		status = try_recv(fd, &out, 8);
		if (round % 2 == 0 && !atomic_load(&c.done))
			call_signal(&c, SIGUSR1);
		if (call_join(&c) == 8) {
			/* Sent, so received. */
			sent++;
			expect_int(status, 0);
			expect_int(out, round);
		} else {
			expect_int(errno, EINTR);
			expect_int(status, -1);
			expect(round % 2);
		}
	}
	tap_note("%lu of %lu sent", sent, rounds);
	expect(sent >= rounds / 2);
}

static void timeout_against_send(void)
{
	unsigned long round, rounds = tap_scale(200), got = 0;
	int fd = chan_make(0, 8, 1);

	for (round = 0; round < rounds; round++) {
		struct one_case one;
		struct call c;
		uint64_t v = 0;

		one_case(&one, fd, KCHAN_OP_RECV, &v, 8, KCHAN_SELECT_DEADLINE,
			 tap_now_ns() + (round * 7919) % 2000000);
		call_select(&c, fd, &one);
		until(atomic_load(&c.done) || chan_info(fd).recv_waiters);
		send_u64(fd, round);
		if (call_join(&c) == 0) {
			got++;
			expect_int(one.s.status, 0);
			expect_int(v, round);
			expect_int(chan_len(fd), 0);
		} else {
			expect_int(errno, ETIMEDOUT);
			expect_recv(fd, round);
		}
	}
	tap_note("%lu of %lu received", got, rounds);
}

static const struct tap_test tests[] = {
	{ "a blocked call is interrupted: EINTR", interrupted },
	{ "with SA_RESTART it goes on", restarted },
	{ "and is the last in the queue", restart_loses_its_place },
	{ "an ignored signal does nothing", ignored },
	{ "a blocked signal does nothing", ready_with_pending },
	{ "a restart keeps the deadline", restart_keeps_deadline },
	{ "signal against send: the claim wins", signal_against_send },
	{ "signal against receive: the claim wins", signal_against_receive },
	{ "timeout against send: the claim wins", timeout_against_send },
};

TAP_MAIN(tests)
