// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects as ends of their channels, and on channels of every kind: closed
 * ones, messages, large elements, elements of size 0.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>

#include "armed.h"

/* A channel of two ends, each of one direction. */
static void pair(int ends[2], uint32_t elem_size, uint32_t capacity)
{
	int first = chan_make(0, elem_size, capacity);

	ends[0] = end_make(first, KCHAN_END_RECV);
	ends[1] = end_make(first, KCHAN_END_SEND);
	close(first);
}

static void counts_in_its_direction(void)
{
	int fd = chan_make(0, 8, 0), recv, send;
	uint64_t v = 1;
	struct committed out;

	recv = arm_recv(fd, 8);
	expect_ends(fd, 1, 2);
	expect_int(disarm(recv), 0);
	expect_ends(fd, 1, 1);
	send = arm_send(fd, &v, 8);
	expect_ends(fd, 2, 1);
	close(send);
	expect_ends(fd, 1, 1);

	close(recv);
	recv = arm_recv(fd, 8);
	send_u64(fd, 2);
	/* Until it is read: its element may yet have to go back. */
	expect_ends(fd, 1, 2);
	expect_commit(recv, &out, 0, 0);
	expect_ends(fd, 1, 1);
}

static void needs_the_direction(void)
{
	int ends[2];
	struct cases c;
	uint64_t v = 1;

	pair(ends, 8, 0);
	cases_init(&c, 0, 0);
	add_send(&c, ends[0], &v, 8);
	expect_errno(try_arm(ends[0], &c, 0), EBADF);
	cases_init(&c, 0, 0);
	add_recv(&c, ends[1], NULL, 8);
	expect_errno(try_arm(ends[0], &c, 0), EBADF);
	expect_ends(ends[0], 1, 1);
}

/* The last receiver is an armed one: senders still have somebody to send to. */
static void keeps_receiving(void)
{
	struct committed out;
	uint64_t v = 4;
	int ends[2], armed;

	pair(ends, 8, 0);
	armed = arm_recv(ends[0], 8);
	close(ends[0]);
	expect_ends(ends[1], 1, 1);
	send_u64(ends[1], 3);
	expect_errno(ioctl(armed, KCHAN_IOC_DISARM), EALREADY);
	expect_int(try_send(ends[1], &v, 8), -1);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 3);
	/* Now there is none. */
	expect_int(try_send(ends[1], &v, 8), EPIPE);
	expect_errno(write(ends[1], &v, 8), EPIPE);
}

/* The last sender is an armed one: the channel closes with it. */
static void keeps_open(void)
{
	int ends[2], armed;
	uint64_t v = 6;

	pair(ends, 8, 0);
	armed = arm_send(ends[1], &v, 8);
	close(ends[1]);
	expect(!(chan_info(ends[0]).flags & KCHAN_INFO_CLOSED));
	expect_recv(ends[0], 6);
	expect(!(chan_info(ends[0]).flags & KCHAN_INFO_CLOSED));
	close(armed);
	expect_end(ends[0]);
}

/* With nobody but itself left its element is dropped. */
static void goes_back_to_nobody(void)
{
	int ends[2], armed;
	uint64_t v = 1;

	pair(ends, 8, 0);
	armed = arm_recv(ends[0], 8);
	send_u64(ends[1], 1);
	close(ends[0]);
	close(armed);
	expect_int(try_send(ends[1], &v, 8), EPIPE);
}

static void told_of_close(void)
{
	struct committed out;
	uint64_t v = 1;
	int fd, recv, send;

	fd = chan_make(0, 8, 0);
	recv = arm_recv(fd, 8);
	chan_close(fd);
	expect_int(poll_now(recv), POLLIN);
	expect_commit(recv, &out, 0, EPIPE);
	expect_int(out.commit.len, 0);
	close(recv);
	/* And of one that is closed already. */
	recv = arm_recv(fd, 8);
	expect_commit(recv, &out, 0, EPIPE);

	fd = chan_make(0, 8, 0);
	send = arm_send(fd, &v, 8);
	chan_close(fd);
	expect_commit(send, &out, 0, EPIPE);
	expect_int(out.commit.len, 0);
	expect_idle(fd);
}

/* What went back to a closed channel is drained as usual. */
static void goes_back_to_closed(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);

	send_u64(fd, 8);
	chan_close(fd);
	close(armed);
	expect_recv(fd, 8);
	expect_end(fd);
}

static void told_of_no_receivers(void)
{
	struct committed out;
	uint64_t v = 1;
	int ends[2], armed;

	pair(ends, 8, 0);
	armed = arm_send(ends[1], &v, 8);
	close(ends[0]);
	expect_commit(armed, &out, 0, EPIPE);
}

static void messages(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 64, 0), small, large;
	char text[] = "a message";
	struct committed out;

	small = arm_recv(fd, 4);
	large = arm_recv(fd, 1000);
	/* The first has too little room, and the next gets it. */
	must_int(write(fd, text, 8), 8);
	expect_commit(small, &out, 0, EMSGSIZE);
	expect_int(out.commit.len, 0);
	expect_commit(large, &out, 0, 0);
	expect_int(out.commit.len, 8);
	expect(!memcmp(&out.value, text, 8));

	close(small);
	small = arm_send(fd, text, sizeof(text));
	expect_int(read(fd, &out, sizeof(out)), sizeof(text));
	expect_commit(small, &out, 0, 0);
	expect_int(out.commit.len, sizeof(text));
}

/* With too little room at once: the message stays. */
static void message_stays(void)
{
	int fd = chan_make(KCHAN_SETUP_MESSAGE, 64, 1), armed;
	struct committed out;

	must_int(write(fd, "too long", 8), 8);
	armed = arm_recv(fd, 4);
	expect_commit(armed, &out, 0, EMSGSIZE);
	expect_int(chan_len(fd), 1);
}

static void of_size(uint32_t size)
{
	const size_t bytes = sizeof(struct kchan_commit) + size;
	int fd = chan_make(0, size, 0), send, recv;
	struct kchan_commit *got = map_pages(bytes);
	char *elem = map_pages(size);

	tap_about("elements of %u bytes", size);
	fill(elem, size, size);
	for (int round = 0; round < 2; round++) {
		recv = arm_recv(fd, size);
		send = arm_send(fd, elem, size);
		memset(got, POISON, bytes);
		expect_int(read(send, got, sizeof(*got)), sizeof(*got));
		if (round) {
			/* It was not read: it goes back, and is not torn. */
			close(recv);
			expect_int(read(fd, got + 1, size), size);
		} else {
			expect_errno(read(recv, got, bytes - 1), EMSGSIZE);
			expect_int(read(recv, got, bytes), bytes);
			expect_int(got->len, size);
			close(recv);
		}
		expect(filled(got + 1, size, size));
		close(send);
	}
	expect_int(chan_len(fd), 0);
	expect_idle(fd);
	close(fd);
}

static void sizes(void)
{
	static const uint32_t sizes[] = {
		1, 8, 127, 128, 129, 4095, 4096, 4097, 100000, 1 << 20
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		of_size(sizes[i]);
}

static void size_0(void)
{
	int fd = chan_make(0, 0, 0), recv, send;
	struct committed out;

	recv = arm_recv(fd, 0);
	send = arm_send(fd, NULL, 0);
	expect_commit(recv, &out, 0, 0);
	expect_int(out.commit.len, 0);
	expect_commit(send, &out, 0, 0);
	close(recv);
	recv = arm_recv(fd, 0);
	expect_int(try_case(fd, KCHAN_OP_SEND, NULL, 0), 0);
	close(recv);
	expect_int(chan_len(fd), 1);
	expect_int(try_case(fd, KCHAN_OP_RECV, NULL, 0), 0);
}

static void fixes_what_takes_part(void)
{
	int on = chan_open(), fd = chan_open(), armed;

	armed = arm_recv(fd, 64);
	must(armed >= 0);
	expect_errno(try_setup(fd, 0, 8, 1), EBUSY);
	/* The channel that it is called on takes no part. */
	close(armed);
	armed = arm_recv(fd, 64);
	close(armed);
	expect_int(try_setup(on, 0, 8, 1), 0);
}

static void a_fork_shares_it(void *arg)
{
	struct committed out;
	int *armed = arg;

	expect_commit(*armed, &out, 0, 0);
	expect_int(out.value, 5);
}

static void forked(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct committed out;

	send_u64(fd, 5);
	expect_exit(spawn(a_fork_shares_it, &armed));
	expect_errno(try_collect(armed, &out), EINVAL);
}

static void flags_as_asked(void)
{
	int fd = chan_make(0, 8, 0);
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	for (uint32_t flags = 0; flags < 4; flags++) {
		int armed = try_arm(fd, &c, flags);

		tap_about("flags %u", flags);
		must(armed >= 0);
		expect_int(fcntl(armed, F_GETFD),
			   flags & KCHAN_ARM_CLOEXEC ? FD_CLOEXEC : 0);
		expect_int(fcntl(armed, F_GETFL) & O_NONBLOCK,
			   flags & KCHAN_ARM_NONBLOCK ? O_NONBLOCK : 0);
	}
}

static bool fdinfo_has(int fd, const char *line)
{
	struct fdinfo f;

	must(fdinfo_try(&f, getpid(), fd));
	if (!strstr(f.text, line))
		tap_note("fdinfo: %s", f.text);
	return strstr(f.text, line);
}

static void told_in_fdinfo(void)
{
	int fd = chan_make(0, 8, 0), armed;
	struct committed out;
	uint64_t v = 1;
	struct cases c;
	char line[64];

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	add_send(&c, fd, &v, 8);
	add_recv(&c, -1, NULL, 0);
	armed = arm(fd, &c);
	expect(fdinfo_has(armed, "kchan-select:\tarmed\n"));
	snprintf(line, sizeof(line), "kchan-case:\t0 recv %llu\n",
		 (unsigned long long)chan_info(fd).id);
	expect(fdinfo_has(armed, line));
	snprintf(line, sizeof(line), "kchan-case:\t1 send %llu\n",
		 (unsigned long long)chan_info(fd).id);
	expect(fdinfo_has(armed, line));
	expect(fdinfo_has(armed, "kchan-case:\t2 never\n"));
	send_u64(fd, 1);
	expect(fdinfo_has(armed, "kchan-select:\tcommitted\n"));
	expect_commit(armed, &out, 0, 0);
	expect(fdinfo_has(armed, "kchan-select:\tidle\n"));
}

static const struct tap_test tests[] = {
	{ "a case counts as an end in its direction", counts_in_its_direction },
	{ "a case needs an end of its direction", needs_the_direction },
	{ "the last receiver may be an armed one", keeps_receiving },
	{ "the last sender may be an armed one", keeps_open },
	{ "an element that goes back to nobody", goes_back_to_nobody },
	{ "close commits its cases", told_of_close },
	{ "an element that goes back to a closed channel", goes_back_to_closed },
	{ "an armed send learns that nobody is left", told_of_no_receivers },
	{ "messages, and too little room for them", messages },
	{ "a message for which there is no room stays", message_stays },
	{ "elements of many sizes", sizes },
	{ "elements of size 0", size_0 },
	{ "geometry is fixed of what takes part", fixes_what_takes_part },
	{ "a forked child shares it", forked },
	{ "close-on-exec and O_NONBLOCK as asked", flags_as_asked },
	{ "what fdinfo tells", told_in_fdinfo },
};

TAP_MAIN(tests)
