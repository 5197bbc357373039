// SPDX-License-Identifier: GPL-2.0-only
/*
 * A look at the oldest elements, without taking them.
 */
#include <stdlib.h>

#include "leases.h"

#define HEAD sizeof(struct kchan_peeked)

static int peek(int fd, void *buf, uint32_t len, uint32_t *nr)
{
	struct kchan_peek p = {
		.len = len,
		.addr = (uintptr_t)buf,
		.peeked_size = HEAD,
		.nr = 77,
	};
	int ret = ioctl(fd, KCHAN_IOC_PEEK, &p);

	*nr = p.nr;
	return ret;
}

/* That the next record is this one. Returns where the one after it begins. */
static const char *expect_peeked(const char *at, const void *data, uint32_t len,
				 uint64_t number, uint32_t returns)
{
	struct kchan_peeked p;

	memcpy(&p, at, sizeof(p));
	expect_int(p.size, HEAD + (len + 7) / 8 * 8);
	expect_int(p.len, len);
	expect_int(p.number, number);
	expect_int(p.returns, returns);
	expect(!memcmp(at + HEAD, data, len));
	for (uint32_t i = HEAD + len; i < p.size; i++)
		expect_int(at[i], 0);
	return at + p.size;
}

static void order(void)
{
	int fd = chan_make(0, 8, 8), lease;
	const char *at;
	char buf[1000];
	uint32_t nr;

	expect_int(peek(fd, buf, sizeof(buf), &nr), 0);
	expect_int(nr, 0);
	for (uint64_t i = 0; i < 4; i++)
		send_u64(fd, i);
	lease = lease_arm(fd, 8, 0);
	expect_lease(lease, 0, 0, 0);
	must_int(lease_return(lease, KCHAN_RETURN_TAIL, 0), 0);
	must_int(try_lease_again(lease, fd, 8, 0), 0);
	expect_lease(lease, 1, 1, 0);
	close(lease);
	send_u64(fd, 4);
	memset(buf, POISON, sizeof(buf));
	expect_int(peek(fd, buf, sizeof(buf), &nr), 5 * (HEAD + 8));
	must_int(nr, 5);
	at = expect_peeked(buf, &(uint64_t){ 1 }, 8, 1, 1);
	at = expect_peeked(at, &(uint64_t){ 2 }, 8, 2, 0);
	at = expect_peeked(at, &(uint64_t){ 3 }, 8, 3, 0);
	at = expect_peeked(at, &(uint64_t){ 0 }, 8, 0, 1);
	expect_peeked(at, &(uint64_t){ 4 }, 8, 4, 0);
	for (uint64_t i = 0; i < 5; i++)
		expect_recv(fd, (i + 1) % 4 ? (i < 3 ? i + 1 : 4) : 0);
}

static void sizes(void)
{
	static const uint32_t all[] = { 1, 7, 200, 4096, 100000 };
	static char data[100000], buf[100000 + 100];
	uint32_t nr;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const uint32_t len = all[i], size = HEAD + (len + 7) / 8 * 8;
		int fd = chan_make(KCHAN_SETUP_MESSAGE, 100000, 4);

		tap_about("%u bytes", len);
		fill(data, len, i);
		must_int(write(fd, data, len), len);
		expect_errno(peek(fd, buf, size - 1, &nr), EMSGSIZE);
		memset(buf, POISON, sizeof(buf));
		expect_int(peek(fd, buf, size, &nr), size);
		expect_int(nr, 1);
		expect_peeked(buf, data, len, 0, 0);
		expect_int((unsigned char)buf[size], POISON);
		expect_int(chan_len(fd), 1);
		close(fd);
	}
}

static void most(void)
{
	int fd = chan_make(0, 8, 200), big = chan_make(0, 4096, 40);
	static char buf[40 * 5000];
	uint32_t nr;

	for (uint64_t i = 0; i < 200; i++)
		send_u64(fd, i);
	expect_int(peek(fd, buf, sizeof(buf), &nr), 64 * (HEAD + 8));
	expect_int(nr, 64);
	for (int i = 0; i < 40; i++)
		must_int(write(big, buf, 4096), 4096);
	expect_int(peek(big, buf, sizeof(buf), &nr), 16 * (HEAD + 4096));
	expect_int(nr, 16);
}

/* A channel that nobody has used keeps its geometry open. */
static void unused(void)
{
	int fd = chan_open();
	uint32_t nr;
	char buf[100];

	expect_int(peek(fd, buf, sizeof(buf), &nr), 0);
	expect_int(nr, 0);
	expect_int(try_setup(fd, 0, 8, 4), 0);
}

static void refused(void)
{
	int fd = chan_make(0, 8, 4), end;
	struct kchan_peek p = { .peeked_size = HEAD };
	uint32_t nr;
	char buf[100];

	send_u64(fd, 1);
	end = end_make(fd, KCHAN_END_SEND);
	expect_errno(peek(end, buf, sizeof(buf), &nr), EBADF);
	end = end_make(fd, KCHAN_END_RECV);
	expect_int(peek(end, buf, sizeof(buf), &nr), HEAD + 8);
	expect_errno(peek(end, (void *)8, sizeof(buf), &nr), EFAULT);
	expect_errno(ioctl(fd, KCHAN_IOC_PEEK, 8), EFAULT);
	p.flags = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_PEEK, &p), EINVAL);
	p.flags = 0;
	p.peeked_size = HEAD - 8;
	expect_errno(ioctl(fd, KCHAN_IOC_PEEK, &p), EINVAL);
	p.peeked_size = HEAD + 4;
	expect_errno(ioctl(fd, KCHAN_IOC_PEEK, &p), EINVAL);
	p.peeked_size = KCHAN_MAX_STRUCT_SIZE + 8;
	expect_errno(ioctl(fd, KCHAN_IOC_PEEK, &p), EINVAL);
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_PEEK, 16), &p), EINVAL);
	expect_recv(fd, 1);
}

static const struct tap_test tests[] = {
	{ "elements come in the order of receiving, with their numbers", order },
	{ "elements of any size, and too little room", sizes },
	{ "64 elements, and 64 KiB", most },
	{ "a look does not fix the geometry", unused },
	{ "the wrong end, and bad arguments", refused },
};

TAP_MAIN(tests)
