// SPDX-License-Identifier: GPL-2.0-only
/*
 * 8 senders and 8 receivers: every element is received exactly once, whole,
 * and each receiver sees each sender's in order. With threads and processes.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "chan.h"

#define SIDE 8

/* How the elements are moved: each has its own way of not being moved yet. */
enum way { PLAIN, SELECT, TIMED, SIGNALLED };

struct crowd {
	int fd;
	uint32_t flags, size, capacity;
	unsigned long each;
	enum way way;
	atomic_uint next_sender;
	atomic_bool ended;
	atomic_ulong received;
	atomic_uchar seen[];
};

/* An element starts with its number; one of few bytes is only counted. */
static bool numbered(struct crowd *c)
{
	return c->size >= 8;
}

/* In message mode lengths differ, and the number tells how. */
static size_t length_of(struct crowd *c, uint64_t number)
{
	if (c->flags & KCHAN_SETUP_MESSAGE)
		return 8 + number * 7919 % (c->size - 7);
	return c->size;
}

/* A wait so short that the deadline often meets the other side. */
static int timed(struct crowd *c, uint32_t op, char *buf, size_t len,
		 struct kchan_select *s)
{
	int ret;

	do {
		ret = select_one(c->fd, op, buf, len, KCHAN_SELECT_DEADLINE,
				 tap_now_ns() + 200000, s);
	} while (ret && errno == ETIMEDOUT);
	return ret;
}

static void send_one(struct crowd *c, char *buf, size_t len)
{
	struct kchan_select s;
	ssize_t ret;

	switch (c->way) {
	case SELECT:
		must_int(select_one(c->fd, KCHAN_OP_SEND, buf, len, 0, 0, &s),
			 0);
		must_int(s.status, 0);
		break;
	case TIMED:
		must_int(timed(c, KCHAN_OP_SEND, buf, len, &s), 0);
		must_int(s.status, 0);
		break;
	default:
		do {
			ret = write(c->fd, buf, len);
		} while (ret < 0 && errno == EINTR && c->way == SIGNALLED);
		must_int(ret, len);
	}
}

static ssize_t receive_one(struct crowd *c, char *buf)
{
	struct kchan_select s;
	ssize_t ret;

	switch (c->way) {
	case SELECT:
		must_int(select_one(c->fd, KCHAN_OP_RECV, buf, c->size, 0, 0,
				    &s), 0);
		return s.status ? 0 : (ssize_t)s.len;
	case TIMED:
		must_int(timed(c, KCHAN_OP_RECV, buf, c->size, &s), 0);
		return s.status ? 0 : (ssize_t)s.len;
	default:
		do {
			ret = read(c->fd, buf, c->size);
		} while (ret < 0 && errno == EINTR && c->way == SIGNALLED);
		return ret;
	}
}

static void *send_all(void *arg)
{
	struct crowd *c = arg;
	uint64_t me = atomic_fetch_add(&c->next_sender, 1), i;
	char *buf = calloc(1, c->size);

	for (i = 0; i < c->each; i++) {
		uint64_t number = me * c->each + i;
		size_t len = length_of(c, number);

		if (numbered(c)) {
			memcpy(buf, &number, 8);
			fill(buf + 8, len - 8, number);
		}
		send_one(c, buf, len);
	}
	free(buf);
	return NULL;
}

static void *receive_all(void *arg)
{
	struct crowd *c = arg;
	char *buf = calloc(1, c->size);
	uint64_t last[SIDE];
	ssize_t got;

	memset(last, 0xff, sizeof(last));
	while ((got = receive_one(c, buf)) > 0) {
		uint64_t number, from;

		atomic_fetch_add(&c->received, 1);
		if (!numbered(c)) {
			expect_int(got, c->size);
			continue;
		}
		memcpy(&number, buf, 8);
		from = number / c->each;
		must(from < SIDE);
		expect_int(got, length_of(c, number));
		expect(filled(buf + 8, got - 8, number));
		expect(last[from] == UINT64_MAX || last[from] < number);
		last[from] = number;
		expect_int(atomic_fetch_add(&c->seen[number], 1), 0);
	}
	expect_int(got, 0);
	free(buf);
	return NULL;
}

static void send_process(void *arg)
{
	send_all(arg);
}

static void receive_process(void *arg)
{
	receive_all(arg);
}

/* The test's watchdog ends it, when it does not come. */
static void until_received(struct crowd *c)
{
	while (atomic_load(&c->received) < SIDE * c->each) {
		struct tap_wait nap = { 0 };

		tap_wait_more(&nap);
	}
}

struct storm {
	struct crowd *c;
	pthread_t *who;
};

/* Signals to one after the other, until all is done. */
static void *signal_storm(void *arg)
{
	struct storm *s = arg;
	int i = 0;

	while (!atomic_load(&s->c->ended)) {
		pthread_kill(s->who[i++ % (2 * SIDE)], SIGUSR1);
		if (i % 8 == 0)
			sched_yield();
	}
	return NULL;
}

static void run_threads(struct crowd *c)
{
	pthread_t workers[2 * SIDE], storm;
	struct storm s = { .c = c, .who = workers };
	int i;

	on_signal(SIGUSR1, 0);
	for (i = 0; i < SIDE; i++) {
		thread_start(&workers[i], send_all, c);
		thread_start(&workers[SIDE + i], receive_all, c);
	}
	if (c->way == SIGNALLED)
		thread_start(&storm, signal_storm, &s);
	/* Not joined before the storm is over: it names the threads. */
	until_received(c);
	atomic_store(&c->ended, true);
	if (c->way == SIGNALLED)
		thread_join(storm);
	for (i = 0; i < SIDE; i++)
		thread_join(workers[i]);
	chan_close(c->fd);
	for (i = 0; i < SIDE; i++)
		thread_join(workers[SIDE + i]);
}

static void run_processes(struct crowd *c)
{
	pid_t senders[SIDE], receivers[SIDE];
	int i;

	for (i = 0; i < SIDE; i++) {
		senders[i] = spawn(send_process, c);
		receivers[i] = spawn(receive_process, c);
	}
	for (i = 0; i < SIDE; i++)
		expect_exit(senders[i]);
	chan_close(c->fd);
	for (i = 0; i < SIDE; i++)
		expect_exit(receivers[i]);
}

static void crowd(uint32_t flags, uint32_t size, uint32_t capacity,
		  bool processes,
		  enum way way)
{
	/* About as long for each size. */
	unsigned long each = tap_scale(size > 60000 ? 15 :
				       size > 4000 ? 60 : 150);
	size_t bytes = sizeof(struct crowd) + SIDE * each;
	struct crowd *c = shared_pages(bytes);
	unsigned long i;

	tap_about("size %u, capacity %u%s", size, capacity,
		  flags ? ", messages" : "");
	c->fd = chan_make(flags, size, capacity);
	c->flags = flags;
	c->size = size;
	c->capacity = capacity;
	c->each = each;
	c->way = way;
	if (processes)
		run_processes(c);
	else
		run_threads(c);
	expect_int(atomic_load(&c->received), SIDE * each);
	for (i = 0; numbered(c) && i < SIDE * each; i++)
		expect_int(atomic_load(&c->seen[i]), 1);
	expect_int(chan_len(c->fd), 0);
	expect_int(chan_info(c->fd).send_waiters, 0);
	expect_int(chan_info(c->fd).recv_waiters, 0);
	close(c->fd);
	munmap(c, bytes);
}

static const uint32_t sizes[] = { 1, 8, 64, 128, 129, 4096, 4097, 65536 };

static void all_sizes(uint32_t capacity, bool processes)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		crowd(0, sizes[i], capacity, processes, PLAIN);
}

/* By other ways than write() and read(): inline, by pointer, of more than a page. */
static void some_sizes(enum way way)
{
	static const uint32_t some[] = { 8, 129, 4097 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		crowd(0, some[i], 0, false, way);
		crowd(0, some[i], 2, false, way);
	}
}

static void threads_rendezvous(void)
{
	all_sizes(0, false);
}

static void threads_small(void)
{
	all_sizes(1, false);
}

static void threads_large(void)
{
	all_sizes(64, false);
}

static void processes_rendezvous(void)
{
	all_sizes(0, true);
}

static void processes_buffered(void)
{
	all_sizes(3, true);
}

static void selects(void)
{
	some_sizes(SELECT);
}

static void timeouts(void)
{
	some_sizes(TIMED);
}

static void signals(void)
{
	some_sizes(SIGNALLED);
}

static void messages(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] < 64)
			continue;
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 0, false, PLAIN);
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 5, false, PLAIN);
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 5, true, PLAIN);
	}
}

static const struct tap_test tests[] = {
	{ "threads, rendezvous", threads_rendezvous },
	{ "threads, capacity 1", threads_small },
	{ "threads, capacity 64", threads_large },
	{ "processes, rendezvous", processes_rendezvous },
	{ "processes, capacity 3", processes_buffered },
	{ "threads, by select", selects },
	{ "threads, by select with short deadlines", timeouts },
	{ "threads, interrupted by signals all the time", signals },
	{ "messages, threads and processes", messages },
};

TAP_MAIN(tests)
