// SPDX-License-Identifier: GPL-2.0-only
/*
 * FIONREAD: the bytes of the element that the next receive would return.
 */
#include <sys/mman.h>

#include "armed.h"

#define MSG KCHAN_SETUP_MESSAGE

static int bytes_of(int fd)
{
	int bytes = 0;

	memset(&bytes, POISON, sizeof(bytes));
	must_int(ioctl(fd, FIONREAD, &bytes), 0);
	return bytes;
}

static void fixed_size(void)
{
	static const uint32_t sizes[] = { 1, 8, 128, 129, 4096, 4097, 100000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i];
		char *elem = map_pages(size);
		int fd = chan_make(0, size, 3);

		tap_about("size %u", size);
		expect_int(bytes_of(fd), 0);
		for (int k = 0; k < 3; k++) {
			must_int(write(fd, elem, size), size);
			/* Of one, however many there are. */
			expect_int(bytes_of(fd), size);
		}
		/* To ask takes nothing. */
		expect_int(chan_len(fd), 3);
		for (int k = 0; k < 3; k++) {
			expect_int(bytes_of(fd), size);
			must_int(read(fd, elem, size), size);
		}
		expect_int(bytes_of(fd), 0);
		close(fd);
	}
}

static void messages(void)
{
	static const uint32_t lengths[] = { 5, 1, 64, 3 };
	char buf[64] = { 0 };
	int fd = chan_make(MSG, 64, 4);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		must_int(write(fd, buf, lengths[i]), lengths[i]);
		expect_int(bytes_of(fd), lengths[0]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		expect_int(bytes_of(fd), lengths[i]);
		/* That much room is enough. */
		must_int(read(fd, buf, bytes_of(fd)), lengths[i]);
	}
	expect_int(bytes_of(fd), 0);
}

static void parked_sender(void)
{
	char buf[64] = { 0 };
	int fd = chan_make(MSG, 64, 0);
	struct one_case one;
	struct call a, b;
	int armed;

	expect_int(bytes_of(fd), 0);
	call_write(&a, fd, buf, 7);
	wait_senders(fd, 1);
	one_case(&one, fd, KCHAN_OP_SEND, buf, 9, 0, 0);
	call_select(&b, fd, &one);
	wait_senders(fd, 2);
	armed = arm_send(fd, buf, 11);
	expect_int(bytes_of(fd), 7);
	must_int(read(fd, buf, 64), 7);
	expect_done(&a, 7);
	expect_int(bytes_of(fd), 9);
	must_int(read(fd, buf, 64), 9);
	expect_done(&b, 0);
	expect_int(bytes_of(fd), 11);
	/* Taken back, there is none. */
	expect_int(disarm(armed), 0);
	expect_int(bytes_of(fd), 0);
}

/* What the next one is: put back, in the buffer, with a sender that waits. */
static void in_order(void)
{
	char buf[64] = { 0 };
	int fd = chan_make(MSG, 64, 1), armed[2];
	struct call c;

	for (int i = 0; i < 2; i++)
		armed[i] = arm_recv(fd, 64);
	must_int(write(fd, buf, 1), 1);
	must_int(write(fd, buf, 2), 2);
	/* In flight they are nobody else's. */
	expect_int(bytes_of(fd), 0);
	must_int(write(fd, buf, 3), 3);
	call_write(&c, fd, buf, 4);
	wait_senders(fd, 1);
	expect_int(bytes_of(fd), 3);
	close(armed[1]);
	expect_int(bytes_of(fd), 2);
	close(armed[0]);
	for (int i = 1; i <= 4; i++) {
		expect_int(bytes_of(fd), i);
		must_int(read(fd, buf, 64), i);
	}
	expect_done(&c, 4);
	expect_int(bytes_of(fd), 0);
}

/* A parked receiver is no element, and an element handed to it is none. */
static void parked_receiver(void)
{
	int fd = chan_make(0, 8, 2);
	struct call c;
	uint64_t v;

	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	expect_int(bytes_of(fd), 0);
	send_u64(fd, 1);
	expect_int(bytes_of(fd), 0);
	expect_done(&c, 8);
	expect_int(bytes_of(fd), 0);
}

static void closed(void)
{
	int fd = chan_make(0, 8, 2);

	send_u64(fd, 1);
	chan_close(fd);
	expect_int(bytes_of(fd), 8);
	expect_recv(fd, 1);
	expect_int(bytes_of(fd), 0);
}

static void across_resizes(void)
{
	char buf[64] = { 0 };
	int fd = chan_make(MSG, 64, 1);

	for (int i = 1; i < 6; i++) {
		chan_resize(fd, i);
		must_int(write(fd, buf, i), i);
		expect_int(bytes_of(fd), 1);
	}
	for (int i = 1; i < 6; i++) {
		expect_int(bytes_of(fd), i);
		must_int(read(fd, buf, 64), i);
	}
}

static void of_each_end(void)
{
	int fd = chan_make(0, 8, 2), bytes = 0;
	int send = end_make(fd, KCHAN_END_SEND), recv = end_make(fd, KCHAN_END_RECV);

	send_u64(send, 1);
	expect_int(bytes_of(fd), 8);
	expect_int(bytes_of(recv), 8);
	expect_errno(ioctl(send, FIONREAD, &bytes), EBADF);
	expect_int(bytes, 0);
	expect_errno(ioctl(recv, FIONREAD, NULL), EFAULT);
	expect_errno(ioctl(recv, FIONREAD, map_before_hole(3)), EFAULT);
	/* An int, and no more. */
	{
		int three[3];

		memset(three, POISON, sizeof(three));
		must_int(ioctl(recv, FIONREAD, &three[1]), 0);
		expect_int((unsigned int)three[0], 0xa5a5a5a5);
		expect_int(three[1], 8);
		expect_int((unsigned int)three[2], 0xa5a5a5a5);
	}
}

static void no_bytes(void)
{
	int fd = chan_make(0, 0, 2);

	expect_int(bytes_of(fd), 0);
	expect_int(try_send(fd, NULL, 0), 0);
	expect_int(bytes_of(fd), 0);
}

static void not_used_yet(void)
{
	int fd = chan_open();

	expect_int(bytes_of(fd), 0);
	must_int(write(fd, "abc", 3), 3);
	expect_int(bytes_of(fd), 3);
}

static const struct tap_test tests[] = {
	{ "elements of fixed size", fixed_size },
	{ "messages", messages },
	{ "of a sender that waits", parked_sender },
	{ "the next one, wherever it is", in_order },
	{ "none with a receiver that waits", parked_receiver },
	{ "a closed channel", closed },
	{ "across resizes", across_resizes },
	{ "EBADF of an end that cannot receive, EFAULT", of_each_end },
	{ "elements of no bytes", no_bytes },
	{ "a channel not used yet", not_used_yet },
};

TAP_MAIN(tests)
