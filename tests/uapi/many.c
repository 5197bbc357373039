// SPDX-License-Identifier: GPL-2.0-only
/*
 * 8 senders and 8 receivers: every element is received exactly once, whole,
 * and each receiver sees each sender's in order. With threads and processes.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "chan.h"

#define SIDE 8

struct crowd {
	int fd;
	uint32_t flags, size, capacity;
	unsigned long each;
	bool select;
	atomic_uint next_sender;
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
		if (c->select)
			must_int(select_one(c->fd, KCHAN_OP_SEND, buf, len, 0,
					    0, NULL), 0);
		else
			must_int(write(c->fd, buf, len), len);
	}
	free(buf);
	return NULL;
}

static ssize_t receive_one(struct crowd *c, char *buf)
{
	struct kchan_select s;

	if (!c->select)
		return read(c->fd, buf, c->size);
	must_int(select_one(c->fd, KCHAN_OP_RECV, buf, c->size, 0, 0, &s), 0);
	return s.status ? 0 : (ssize_t)s.len;
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

static void run_threads(struct crowd *c)
{
	pthread_t senders[SIDE], receivers[SIDE];
	int i;

	for (i = 0; i < SIDE; i++) {
		thread_start(&senders[i], send_all, c);
		thread_start(&receivers[i], receive_all, c);
	}
	for (i = 0; i < SIDE; i++)
		thread_join(senders[i]);
	chan_close(c->fd);
	for (i = 0; i < SIDE; i++)
		thread_join(receivers[i]);
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
		  bool processes, bool select)
{
	/* About as long for each size. */
	unsigned long each = tap_scale(size > 60000 ? 20 :
				       size > 4000 ? 100 : 250);
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
	c->select = select;
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

static void all_sizes(uint32_t capacity, bool processes, bool select)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		crowd(0, sizes[i], capacity, processes, select);
}

static void threads_rendezvous(void)
{
	all_sizes(0, false, false);
}

static void threads_small(void)
{
	all_sizes(1, false, false);
}

static void threads_large(void)
{
	all_sizes(64, false, false);
}

static void processes_rendezvous(void)
{
	all_sizes(0, true, false);
}

static void processes_buffered(void)
{
	all_sizes(3, true, false);
}

static void selects(void)
{
	all_sizes(0, false, true);
	all_sizes(2, false, true);
}

static void messages(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] < 64)
			continue;
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 0, false, false);
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 5, false, false);
		crowd(KCHAN_SETUP_MESSAGE, sizes[i], 5, true, false);
	}
}

static const struct tap_test tests[] = {
	{ "threads, rendezvous", threads_rendezvous },
	{ "threads, capacity 1", threads_small },
	{ "threads, capacity 64", threads_large },
	{ "processes, rendezvous", processes_rendezvous },
	{ "processes, capacity 3", processes_buffered },
	{ "threads, by select", selects },
	{ "messages, threads and processes", messages },
};

TAP_MAIN(tests)
