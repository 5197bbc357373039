// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order: of elements, and of those who wait.
 */
#include "chan.h"

#define MANY 5

static void elements_fifo(void)
{
	int fd = chan_make(0, 8, 5);
	uint64_t in = 0, out = 0, seed = 1;
	int step;

	/* Round the buffer many times, at all fill levels. */
	for (step = 0; step < 1000; step++) {
		uint32_t len = chan_len(fd);

		expect_int(len, in - out);
		if (len < 5 && (len == 0 || rnd(&seed) % 2))
			send_u64(fd, in++);
		else
			expect_recv(fd, out++);
	}
}

static void receivers_fifo(uint32_t capacity)
{
	int fd = chan_make(0, 8, capacity);
	struct call calls[MANY];
	uint64_t got[MANY] = { 0 };
	uint64_t i;

	for (i = 0; i < MANY; i++) {
		call_read(&calls[i], fd, &got[i], 8);
		wait_receivers(fd, i + 1);
	}
	for (i = 0; i < MANY; i++) {
		send_u64(fd, 100 + i);
		expect_done(&calls[i], 8);
		expect_int(got[i], 100 + i);
		expect_int(chan_info(fd).recv_waiters, MANY - 1 - i);
	}
	close(fd);
}

static void receivers_first_come(void)
{
	receivers_fifo(0);
	receivers_fifo(1);
	receivers_fifo(8);
}

static void senders_fifo(uint32_t capacity)
{
	int fd = chan_make(0, 8, capacity);
	struct call calls[MANY];
	uint64_t put[MANY];
	uint64_t i;

	for (i = 0; i < capacity; i++)
		send_u64(fd, i);
	for (i = 0; i < MANY; i++) {
		put[i] = capacity + i;
		call_write(&calls[i], fd, &put[i], 8);
		wait_senders(fd, i + 1);
	}
	for (i = 0; i < MANY; i++) {
		expect_recv(fd, i);
		/* Each receive lets the longest waiting one go. */
		expect_done(&calls[i], 8);
		expect_int(chan_info(fd).send_waiters, MANY - 1 - i);
		expect_int(chan_len(fd), capacity);
	}
	for (; i < MANY + capacity; i++)
		expect_recv(fd, i);
	expect_int(chan_len(fd), 0);
	close(fd);
}

static void senders_first_come(void)
{
	senders_fifo(0);
	senders_fifo(1);
	senders_fifo(3);
}

static void selects_and_plain_mix(void)
{
	int fd = chan_make(0, 8, 0);
	struct one_case one;
	struct call a, b, c;
	uint64_t got[3] = { 0 };

	call_read(&a, fd, &got[0], 8);
	wait_receivers(fd, 1);
	one_case(&one, fd, KCHAN_OP_RECV, &got[1], 8, 0, 0);
	call_select(&b, fd, &one);
	wait_receivers(fd, 2);
	call_read(&c, fd, &got[2], 8);
	wait_receivers(fd, 3);
	send_u64(fd, 1);
	send_u64(fd, 2);
	send_u64(fd, 3);
	expect_done(&a, 8);
	expect_done(&b, 0);
	expect_int(one.s.status, 0);
	expect_int(one.s.len, 8);
	expect_done(&c, 8);
	expect_int(got[0], 1);
	expect_int(got[1], 2);
	expect_int(got[2], 3);
}

static void no_overtaking_sender(void)
{
	int fd = chan_make(0, 8, 1);
	struct call c;
	uint64_t put = 1, late = 2;

	send_u64(fd, 0);
	call_write(&c, fd, &put, 8);
	wait_senders(fd, 1);
	chan_nonblock(fd, true);
	expect_recv(fd, 0);
	/* The room went to the one who waited, whether it runs yet or not. */
	expect_errno(write(fd, &late, 8), EAGAIN);
	expect_int(chan_len(fd), 1);
	expect_recv(fd, 1);
	expect_done(&c, 8);
}

static void no_overtaking_receiver(void)
{
	int fd = chan_make(0, 8, 4);
	struct call c;
	uint64_t got = 0, late;

	call_read(&c, fd, &got, 8);
	wait_receivers(fd, 1);
	chan_nonblock(fd, true);
	send_u64(fd, 1);
	/* It went to the one who waited. */
	expect_errno(read(fd, &late, 8), EAGAIN);
	expect_int(chan_len(fd), 0);
	expect_done(&c, 8);
	expect_int(got, 1);
}

static void later_receiver_waits_its_turn(void)
{
	int fd = chan_make(0, 8, 0);
	struct call a, b;
	uint64_t got[2] = { 0 };

	/*
	 * "Only element of the queue" taken for "already taken out": one that
	 * waits alone is served, and one that comes after it too.
	 */
	call_read(&a, fd, &got[0], 8);
	wait_receivers(fd, 1);
	send_u64(fd, 1);
	expect_done(&a, 8);
	call_read(&b, fd, &got[1], 8);
	wait_receivers(fd, 1);
	expect_int(chan_info(fd).recv_waiters, 1);
	send_u64(fd, 2);
	expect_done(&b, 8);
	expect_int(got[0], 1);
	expect_int(got[1], 2);
	expect_int(chan_info(fd).recv_waiters, 0);
}

struct ping {
	int there, back;
	unsigned long rounds;
};

static void *pong(void *arg)
{
	struct ping *p = arg;
	unsigned long i;

	for (i = 0; i < p->rounds; i++)
		send_u64(p->back, recv_u64(p->there) + 1);
	return NULL;
}

/*
 * "The waker touching a waiter on another task's stack after that task may
 * run": each call here returns as soon as it can (KASAN sees the rest).
 */
static void ping_pong(void)
{
	uint32_t capacity;

	for (capacity = 0; capacity < 3; capacity++) {
		struct ping p = {
			.there = chan_make(0, 8, capacity),
			.back = chan_make(0, 8, capacity),
			.rounds = tap_scale(2000),
		};
		pthread_t thread;
		uint64_t i;

		thread_start(&thread, pong, &p);
		for (i = 0; i < p.rounds; i++) {
			send_u64(p.there, 2 * i);
			expect_recv(p.back, 2 * i + 1);
		}
		thread_join(thread);
	}
}

/*
 * The k-th receive happens before the (k+C)-th send completes, and a send before its
 * receive. So plain memory may be handed on with an element.
 */
#define SLOTS 3

struct window {
	int fd;
	unsigned long rounds;
	uint64_t slot[SLOTS + 1];
};

static void *window_reader(void *arg)
{
	struct window *w = arg;
	uint64_t i;

	for (i = 0; i < w->rounds; i++) {
		uint64_t at = recv_u64(w->fd);

		expect_int(at, i);
		expect_int(w->slot[at % (SLOTS + 1)], i * 3);
	}
	return NULL;
}

static void memory_model(void)
{
	struct window w = {
		.fd = chan_make(0, 8, SLOTS - 1),
		.rounds = tap_scale(20000),
	};
	pthread_t thread;
	uint64_t i;

	thread_start(&thread, window_reader, &w);
	for (i = 0; i < w.rounds; i++) {
		/*
		 * C + 1 sends may be ahead of the receives, and the reader may
		 * still look at the slot of its last: C + 2 slots in use.
		 */
		w.slot[i % (SLOTS + 1)] = i * 3;
		send_u64(w.fd, i);
	}
	thread_join(thread);
}

static const struct tap_test tests[] = {
	{ "elements come in the order of their sends", elements_fifo },
	{ "receivers are served first come, first served",
	  receivers_first_come },
	{ "senders are served first come, first served", senders_first_come },
	{ "reads and selects wait in one order", selects_and_plain_mix },
	{ "a new send does not overtake one that waits",
	  no_overtaking_sender },
	{ "a new receive does not overtake one that waits",
	  no_overtaking_receiver },
	{ "one that waits alone, then another",
	  later_receiver_waits_its_turn },
	{ "ping-pong between two threads", ping_pong },
	{ "plain memory is handed on with an element", memory_model },
};

TAP_MAIN(tests)
