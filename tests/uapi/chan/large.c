// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large elements, which are allocated as they are sent: the room for them is
 * charged with the buffer, so a channel that says POLLOUT takes one.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>

#include "armed.h"
#include "params.h"

#define LIMIT (1 << 20)

/* Where it is writable a write goes through, until it is not writable. */
static uint32_t fill_up(int fd, const char *elem, uint32_t size)
{
	uint32_t nr = 0;

	while (poll_now(fd) & POLLOUT) {
		if (nr % 2)
			must_int(try_send(fd, (char *)(uintptr_t)elem, size), 0);
		else
			must_int(write(fd, elem, size), size);
		nr++;
	}
	expect_errno(write(fd, elem, size), EAGAIN);
	expect_errno(try_send(fd, (char *)(uintptr_t)elem, size), EAGAIN);
	expect_int(chan_len(fd), nr);
	return nr;
}

static void nobody_polls(void)
{
	static const uint32_t sizes[] = { 4097, 10000, 65536 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i], capacity = LIMIT / size / 3;
		char *elem = map_pages(size);
		unsigned int made = 0;
		int fds[20];

		for (unsigned int k = 0; k < ARRAY_SIZE(fds); k++) {
			tap_about("size %u, channel %u", size, k);
			fds[k] = chan_open();
			chan_nonblock(fds[k], true);
			if (try_setup(fds[k], 0, size, capacity)) {
				expect_int(errno, EDQUOT);
				continue;
			}
			made++;
			expect_int(fill_up(fds[k], elem, size), capacity);
		}
		expect(made > 0 && made <= 3);
		for (unsigned int k = 0; k < ARRAY_SIZE(fds); k++)
			close(fds[k]);
	}
}

static void writable_is_allowed(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_polls);
	params_restore();
}

/* Filled and drained again and again, as its user's quota is used up elsewhere. */
static void nobody_refills(void)
{
	const uint32_t size = 65536;
	char *elem = map_pages(size);
	int fd = chan_make(0, size, 4), other;

	chan_nonblock(fd, true);
	for (int round = 0; round < 3; round++) {
		tap_about("round %d", round);
		expect_int(fill_up(fd, elem, size), 4);
		/* Whatever can be had. */
		for (;;) {
			other = chan_open();
			if (try_setup(other, 0, 4096, 1))
				break;
		}
		expect_int(errno, EDQUOT);
		for (int i = 0; i < 4; i++)
			must_int(read(fd, elem, size), size);
	}
}

static void refilled(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_refills);
	params_restore();
}

/* A rendezvous channel counts with one of them. */
static void nobody_rendezvous(void)
{
	const uint32_t size = 65536;
	unsigned int nr;
	int fd;

	for (nr = 0; nr < 2 * LIMIT / size; nr++) {
		fd = chan_open();
		if (try_setup(fd, 0, size, 0))
			break;
	}
	expect_int(errno, EDQUOT);
	expect(nr <= LIMIT / size);
	expect(nr >= LIMIT / size / 3);
	/* One of inline elements counts with none. */
	expect_int(try_setup(fd, 0, KCHAN_INLINE_ELEM_SIZE, 0), 0);
}

static void rendezvous(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_rendezvous);
	params_restore();
}

/* Messages that might be large count as large, however small they are. */
static void nobody_messages(void)
{
	int fd = chan_open(), other = chan_open();

	expect_errno(try_setup(fd, KCHAN_SETUP_MESSAGE, 65536, 17), EDQUOT);
	expect_int(try_setup(fd, KCHAN_SETUP_MESSAGE, 65536, 6), 0);
	expect_errno(try_setup(other, KCHAN_SETUP_MESSAGE, 65536, 10), EDQUOT);
	for (int i = 0; i < 6; i++)
		must_int(write(fd, "x", 1), 1);
	chan_nonblock(fd, true);
	expect_errno(write(fd, "x", 1), EAGAIN);
}

static void messages(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	run_as(NOBODY, nobody_messages);
	params_restore();
}

/* For max_channel_bytes, too. */
static void nobody_max_channel(void)
{
	int fd = chan_open();

	expect_errno(try_setup(fd, 0, 65536, 17), EINVAL);
	expect_int(try_setup(fd, 0, 65536, 6), 0);
	expect_errno(try_resize(fd, 17), EINVAL);
	expect_int(try_resize(fd, 12), 0);
	expect_errno(try_setup(fd, 0, 2 * LIMIT, 0), EINVAL);
	expect_int(try_setup(fd, 0, LIMIT / 2, 0), 0);
}

static void max_channel(void)
{
	params_begin();
	param_set("max_channel_bytes", LIMIT);
	run_as(NOBODY, nobody_max_channel);
	params_restore();
}

/* With the last end that can receive, what is queued is freed. */
static long long available(void)
{
	long long kb = -1;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	must(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lld kB", &kb) == 1)
			break;
	fclose(f);
	must(kb >= 0);
	return kb << 10;
}

static void freed_with_receivers(void)
{
	enum { SIZE = 1 << 20, NR = 32 };
	int fd = chan_make(0, SIZE, NR), send = end_make(fd, KCHAN_END_SEND);
	char *elem = map_pages(SIZE);
	long long full;

	fill(elem, SIZE, 1);
	for (int i = 0; i < NR; i++)
		must_int(write(send, elem, SIZE), SIZE);
	full = available();
	expect_int(chan_len(send), NR);
	close(fd);
	expect_int(chan_len(send), 0);
	until(available() > full + NR / 2 * SIZE);
	expect_errno(write(send, elem, SIZE), EPIPE);
}

/* One bad page among many is found before the call waits, wherever it is. */
static void bad_page(void)
{
	static const size_t at[] = { 0, 15, 16, 17, 100, 255 };
	const size_t size = 1 << 20, page = 4096;

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		int fd = chan_make(0, size, i % 2);
		char *buf = map_pages(size);

		tap_about("page %zu", at[i]);
		memset(buf, 1, size);
		must_int(mprotect(buf + at[i] * page, page, PROT_READ), 0);
		expect_errno(read(fd, buf, size), EFAULT);
		expect_errno(select_one(fd, KCHAN_OP_RECV, buf, size, 0, 0, NULL),
			     EFAULT);
		expect_int(chan_info(fd).recv_waiters, 0);
		/* So does one that is not there at all. */
		must_int(mprotect(buf + at[i] * page, page, PROT_NONE), 0);
		expect_errno(read(fd, buf, size), EFAULT);
		munmap(buf, size);
		close(fd);
	}
}

/*
 * The memory of an element that was received serves the next one. It never shows what
 * was there before.
 */
static void used_again(void)
{
	enum { SIZE = 100000, NR = 3 };
	char *in = map_pages(SIZE), *out = map_before_hole(SIZE);
	int fd = chan_make(0, SIZE, NR);

	for (int round = 0; round < 20; round++) {
		int nr = 1 + round % NR;

		for (int i = 0; i < nr; i++) {
			fill(in, SIZE, round + i);
			expect_int(write(fd, in, SIZE), SIZE);
		}
		/* A send that fails half way leaves nothing behind. */
		if (nr < NR)
			expect_errno(write(fd, out + SIZE / 2, SIZE), EFAULT);
		for (int i = 0; i < nr; i++) {
			memset(out, POISON, SIZE);
			expect_int(read(fd, out, SIZE), SIZE);
			expect(filled(out, SIZE, round + i));
		}
		expect_int(chan_len(fd), 0);
	}
}

static const struct tap_test tests[] = {
	{ "POLLOUT: a write is not EDQUOT", writable_is_allowed },
	{ "nor when the quota is used up meanwhile", refilled },
	{ "a rendezvous channel is charged for one", rendezvous },
	{ "messages are charged for their largest size", messages },
	{ "max_channel_bytes counts them", max_channel },
	{ "they are freed with the last end that can receive",
	  freed_with_receivers },
	{ "a bad page in a buffer to receive to, before the call waits", bad_page },
	{ "memory that is used again", used_again },
};

PARAMS_MAIN(tests)
