// SPDX-License-Identifier: GPL-2.0-only
/*
 * Structures of other sizes, reserved fields, unknown flags, bad addresses.
 */
#include <sys/mman.h>

#include "chan.h"

struct big_setup {
	struct kchan_setup s;
	uint32_t more[6];
};

struct big_resize {
	struct kchan_resize r;
	uint32_t more[6];
};

struct big_info {
	struct kchan_info i;
	uint32_t more[6];
};

struct big_select {
	struct kchan_select s;
	uint32_t more[6];
};

struct big_case {
	struct kchan_case c;
	uint32_t more[6];
};

static void setup_sizes(void)
{
	struct big_setup big = { .s = { .elem_size = 8, .capacity = 2 } };
	int fd = chan_open();
	uint32_t size;

	for (size = 0; size < sizeof(big.s); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_SETUP, size), &big),
			     EINVAL);
	}
	tap_about("larger");
	expect_int(ioctl(fd, IOC_SIZED(KCHAN_IOC_SETUP, sizeof(big)), &big), 0);
	expect_int(chan_info(fd).elem_size, 8);
	big.s.elem_size = 16;
	big.more[5] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_SETUP, sizeof(big)), &big),
		     E2BIG);
	expect_int(chan_info(fd).elem_size, 8);
	/* A byte more, and that byte. */
	expect_int(ioctl(fd, IOC_SIZED(KCHAN_IOC_SETUP, sizeof(big.s) + 1),
			 &big), 0);
	expect_int(chan_info(fd).elem_size, 16);
	((char *)big.more)[0] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_SETUP, sizeof(big.s) + 1),
			   &big), E2BIG);
}

static void setup_reserved(void)
{
	struct kchan_setup setup = { .elem_size = 8, .reserved = 1 };
	int fd = chan_open();

	expect_errno(ioctl(fd, KCHAN_IOC_SETUP, &setup), EINVAL);
	setup.reserved = 0x80000000;
	expect_errno(ioctl(fd, KCHAN_IOC_SETUP, &setup), EINVAL);
	expect_int(chan_info(fd).elem_size, 4096);
}

static void resize_sizes(void)
{
	struct big_resize big = { .r = { .capacity = 5 } };
	int fd = chan_make(0, 8, 2);
	uint32_t size;

	for (size = 0; size < sizeof(big.r); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_RESIZE, size), &big),
			     EINVAL);
	}
	tap_about("larger");
	expect_int(ioctl(fd, IOC_SIZED(KCHAN_IOC_RESIZE, sizeof(big)), &big),
		   0);
	expect_int(chan_info(fd).capacity, 5);
	big.r.capacity = 6;
	big.more[0] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_RESIZE, sizeof(big)), &big),
		     E2BIG);
	big.more[0] = 0;
	big.r.flags = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_RESIZE, &big), EINVAL);
	expect_int(chan_info(fd).capacity, 5);
}

static void info_sizes(void)
{
	int fd = chan_make(0, 8, 2);
	struct big_info big;
	uint32_t size;
	size_t i;

	for (size = 0; size < sizeof(big.i); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_INFO, size), &big),
			     EINVAL);
	}
	tap_about("larger");
	memset(&big, POISON, sizeof(big));
	expect_int(ioctl(fd, IOC_SIZED(KCHAN_IOC_INFO, sizeof(big)), &big), 0);
	expect_int(big.i.elem_size, 8);
	expect_int(big.i.capacity, 2);
	for (i = 0; i < ARRAY_SIZE(big.more); i++)
		expect_int(big.more[i], 0);

	tap_about("exact");
	memset(&big, POISON, sizeof(big));
	expect_int(ioctl(fd, KCHAN_IOC_INFO, &big), 0);
	for (i = 0; i < ARRAY_SIZE(big.more); i++)
		expect_int(big.more[i], 0xa5a5a5a5);
}

static int select_sized(int fd, struct big_select *big, uint32_t size)
{
	return ioctl(fd, IOC_SIZED(KCHAN_IOC_SELECT, size), big);
}

static void select_sizes(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t v = 1;
	struct kchan_case c = { .fd = fd, .op = KCHAN_OP_SEND, .len = 8 };
	struct big_select big = {
		.s = {
			.nr_cases = 1,
			.case_size = sizeof(c),
			.flags = KCHAN_SELECT_NONBLOCK,
		},
	};
	uint32_t size;

	c.addr = (uintptr_t)&v;
	big.s.cases = (uintptr_t)&c;
	for (size = 0; size < sizeof(big.s); size++) {
		tap_about("%u bytes", size);
		expect_errno(select_sized(fd, &big, size), EINVAL);
	}
	tap_about("larger");
	expect_int(select_sized(fd, &big, sizeof(big)), 0);
	expect_int(big.more[0], 0);
	big.more[5] = 1;
	expect_errno(select_sized(fd, &big, sizeof(big)), E2BIG);
	expect_int(chan_len(fd), 1);
}

static void case_sizes(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t v = 1;
	struct big_case big = {
		.c = { .fd = fd, .op = KCHAN_OP_SEND, .len = 8 },
	};
	struct kchan_select s = {
		.nr_cases = 1,
		.flags = KCHAN_SELECT_NONBLOCK,
	};

	big.c.addr = (uintptr_t)&v;
	s.cases = (uintptr_t)&big;
	for (s.case_size = 0; s.case_size < sizeof(big.c); s.case_size++) {
		tap_about("%u bytes", s.case_size);
		expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), EINVAL);
	}
	tap_about("larger");
	s.case_size = sizeof(big);
	expect_int(ioctl(fd, KCHAN_IOC_SELECT, &s), 0);
	expect_int(chan_len(fd), 1);
	big.more[0] = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	big.more[0] = 0;
	big.c.flags = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), EINVAL);
	tap_about("too large");
	big.c.flags = 0;
	s.case_size = KCHAN_MAX_STRUCT_SIZE + 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	s.case_size = UINT32_MAX;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	s.nr_cases = 0;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	expect_int(chan_len(fd), 1);
}

/* The largest case there may be, and two of them. */
static void largest_cases(void)
{
	int fd = chan_make(0, 8, 4);
	uint64_t v = 1;
	char *cases = map_pages(2 * KCHAN_MAX_STRUCT_SIZE);
	struct kchan_case c = { .fd = fd, .op = KCHAN_OP_SEND, .len = 8 };
	struct kchan_select s = {
		.nr_cases = 2,
		.case_size = KCHAN_MAX_STRUCT_SIZE,
		.flags = KCHAN_SELECT_NONBLOCK,
	};

	c.addr = (uintptr_t)&v;
	s.cases = (uintptr_t)cases;
	memcpy(cases, &c, sizeof(c));
	memcpy(cases + KCHAN_MAX_STRUCT_SIZE, &c, sizeof(c));
	expect_int(ioctl(fd, KCHAN_IOC_SELECT, &s), 0);
	expect_int(chan_len(fd), 1);
	cases[2 * KCHAN_MAX_STRUCT_SIZE - 1] = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	cases[2 * KCHAN_MAX_STRUCT_SIZE - 1] = 0;
	cases[KCHAN_MAX_STRUCT_SIZE - 1] = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_SELECT, &s), E2BIG);
	expect_int(chan_len(fd), 1);
}

struct big_arm {
	struct kchan_arm a;
	uint32_t more[6];
};

static void arm_sizes(void)
{
	int fd = chan_make(0, 8, 4), armed;
	struct kchan_case c = { .fd = fd, .op = KCHAN_OP_RECV, .len = 8 };
	struct big_arm big = {
		.a = {
			.nr_cases = 1,
			.case_size = sizeof(c),
			.commit_size = sizeof(struct kchan_commit),
		},
	};
	uint32_t size;

	big.a.cases = (uintptr_t)&c;
	for (size = 0; size < sizeof(big.a); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, size), &big),
			     EINVAL);
	}
	tap_about("larger");
	armed = ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, sizeof(big)), &big);
	must(armed >= 0);
	close(armed);
	big.more[5] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, sizeof(big)), &big),
		     E2BIG);
	big.more[5] = 0;
	tap_about("cases");
	for (big.a.case_size = 0; big.a.case_size < sizeof(c); big.a.case_size++)
		expect_errno(ioctl(fd, KCHAN_IOC_ARM, &big), EINVAL);
	big.a.case_size = KCHAN_MAX_STRUCT_SIZE + 1;
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &big), E2BIG);
	big.a.case_size = UINT32_MAX;
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &big), E2BIG);
	big.a.case_size = sizeof(c);
	tap_about("commits");
	for (size = 0; size < sizeof(struct kchan_commit); size++) {
		big.a.commit_size = size;
		expect_errno(ioctl(fd, KCHAN_IOC_ARM, &big), EINVAL);
	}
	big.a.commit_size = KCHAN_MAX_STRUCT_SIZE + 1;
	expect_int(ioctl(fd, KCHAN_IOC_ARM, &big), -1);
	expect(errno == E2BIG || errno == EINVAL);
	big.a.commit_size = UINT32_MAX;
	expect_int(ioctl(fd, KCHAN_IOC_ARM, &big), -1);
	expect(errno == E2BIG || errno == EINVAL);
	expect_int(chan_info(fd).recv_waiters, 0);
	expect_int(chan_info(fd).recv_ends, 1);
}

struct big_end {
	struct kchan_end e;
	uint32_t more[6];
};

static void end_sizes(void)
{
	struct big_end big = { .e = { .flags = KCHAN_END_RECV } };
	int fd = chan_make(0, 8, 4), end;
	uint32_t size;

	for (size = 0; size < sizeof(big.e); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_END, size), &big),
			     EINVAL);
	}
	tap_about("larger");
	end = ioctl(fd, IOC_SIZED(KCHAN_IOC_END, sizeof(big)), &big);
	must(end >= 0);
	close(end);
	big.more[5] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_END, sizeof(big)), &big),
		     E2BIG);
	expect_int(chan_info(fd).recv_ends, 1);
}

/* All of it is written, and nothing behind it. */
static void info_whole(void)
{
	int fd = chan_make(0, 8, 2);
	struct kchan_info info;

	memset(&info, POISON, sizeof(info));
	must_int(ioctl(fd, KCHAN_IOC_INFO, &info), 0);
	expect_int(info.flags, KCHAN_INFO_SEND | KCHAN_INFO_RECV);
	expect_int(info.elem_size, 8);
	expect_int(info.capacity, 2);
	expect_int(info.len, 0);
	expect_int(info.send_ends, 1);
	expect_int(info.recv_ends, 1);
	expect_int(info.send_waiters, 0);
	expect_int(info.recv_waiters, 0);
	expect(info.id != 0xa5a5a5a5a5a5a5a5);
	expect_int(info.in_flight, 0);
	expect_int(info.map_pid, 0);
}

/* What programs of any age and width agree on. */
static void layout(void)
{
	expect_int(sizeof(struct kchan_setup), 16);
	expect_int(sizeof(struct kchan_resize), 8);
	expect_int(sizeof(struct kchan_info), 96);
	expect_int(offsetof(struct kchan_info, id), 32);
	expect_int(offsetof(struct kchan_info, in_flight), 40);
	expect_int(offsetof(struct kchan_info, map_pid), 44);
	expect_int(offsetof(struct kchan_info, leased), 48);
	expect_int(offsetof(struct kchan_info, instance), 56);
	expect_int(offsetof(struct kchan_info, dropped), 80);
	expect_int(offsetof(struct kchan_info, returns), 88);
	expect_int(sizeof(struct kchan_end), 8);
	expect_int(sizeof(struct kchan_case), 24);
	expect_int(offsetof(struct kchan_case, len), 16);
	expect_int(offsetof(struct kchan_case, events), 16);
	expect_int(sizeof(struct kchan_select), 40);
	expect_int(offsetof(struct kchan_select, deadline), 16);
	expect_int(offsetof(struct kchan_select, len), 36);
	expect_int(offsetof(struct kchan_select, events), 36);
	expect_int(sizeof(struct kchan_arm), 32);
	expect_int(offsetof(struct kchan_arm, commit_size), 20);
	expect_int(sizeof(struct kchan_commit), 40);
	expect_int(offsetof(struct kchan_commit, index), 4);
	expect_int(offsetof(struct kchan_commit, len), 12);
	expect_int(offsetof(struct kchan_commit, number), 16);
	expect_int(offsetof(struct kchan_commit, returns), 32);
	expect_int(sizeof(struct kchan_ack), 16);
	expect_int(offsetof(struct kchan_ack, addr), 8);
	expect_int(sizeof(struct kchan_return), 16);
	expect_int(offsetof(struct kchan_return, delay), 8);
	expect_int(sizeof(struct kchan_extend), 16);
	expect_int(offsetof(struct kchan_extend, limit), 8);
	expect_int(sizeof(struct kchan_peek), 24);
	expect_int(offsetof(struct kchan_peek, nr), 20);
	expect_int(sizeof(struct kchan_peeked), 24);
	expect_int(offsetof(struct kchan_peeked, returns), 16);
}

static void bad_addresses(void)
{
	static const unsigned long cmds[] = {
		KCHAN_IOC_SETUP, KCHAN_IOC_RESIZE, KCHAN_IOC_INFO,
		KCHAN_IOC_SELECT, KCHAN_IOC_END, KCHAN_IOC_ARM,
	};
	/* Beyond a hole; none; of the kernel; half of it there. */
	char *bad[] = {
		map_before_hole(1) + 1, NULL, (char *)0xffff800000000000,
		map_before_hole(4),
	};
	int fd = chan_open();
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		for (k = 0; k < ARRAY_SIZE(bad); k++) {
			tap_about("ioctl %zu, address %zu", i, k);
			expect_errno(ioctl(fd, cmds[i], bad[k]), EFAULT);
		}
	}
	expect_int(chan_info(fd).flags & KCHAN_INFO_FIXED, 0);
}

static void unaligned(void)
{
	char *raw = map_pages(page_size());
	struct kchan_setup setup = { .elem_size = 8, .capacity = 3 };
	struct kchan_info info;
	struct one_case one;
	uint64_t v = 9;
	int fd = chan_open();

	memcpy(raw + 1, &setup, sizeof(setup));
	expect_int(ioctl(fd, KCHAN_IOC_SETUP, raw + 1), 0);
	memset(raw, POISON, page_size());
	expect_int(ioctl(fd, KCHAN_IOC_INFO, raw + 3), 0);
	memcpy(&info, raw + 3, sizeof(info));
	expect_int(info.elem_size, 8);
	expect_int(info.capacity, 3);
	expect_int((unsigned char)raw[2], POISON);
	expect_int((unsigned char)raw[3 + sizeof(info)], POISON);

	/* The select, its case and its element, each at an odd address. */
	one_case(&one, fd, KCHAN_OP_SEND, raw + 1001, 8,
		 KCHAN_SELECT_NONBLOCK, 0);
	one.s.cases = (uintptr_t)raw + 501;
	memcpy(raw + 1001, &v, 8);
	memcpy(raw + 501, &one.c, sizeof(one.c));
	memcpy(raw + 1, &one.s, sizeof(one.s));
	expect_int(ioctl(fd, KCHAN_IOC_SELECT, raw + 1), 0);
	expect_recv(fd, 9);
}

static void read_only_info(void)
{
	void *p = map_pages(page_size());
	int fd = chan_open();

	must_int(mprotect(p, page_size(), PROT_READ), 0);
	expect_errno(ioctl(fd, KCHAN_IOC_INFO, p), EFAULT);
}

static const struct tap_test tests[] = {
	{ "setup: smaller and larger structures", setup_sizes },
	{ "setup: reserved is zero", setup_reserved },
	{ "resize: smaller and larger structures, flags", resize_sizes },
	{ "info: smaller and larger structures", info_sizes },
	{ "info: all of the structure is written", info_whole },
	{ "select: smaller and larger structures", select_sizes },
	{ "select: smaller and larger cases, flags", case_sizes },
	{ "select: cases of the largest size", largest_cases },
	{ "arm: smaller and larger structures, cases and commits", arm_sizes },
	{ "end: smaller and larger structures", end_sizes },
	{ "the layout of the structures", layout },
	{ "structures at bad addresses are EFAULT", bad_addresses },
	{ "structures at odd addresses work", unaligned },
	{ "info into read-only memory is EFAULT", read_only_info },
};

TAP_MAIN(tests)
