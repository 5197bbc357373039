// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commits of other sizes: a program that knows a larger one gets zeros for what the
 * kernel does not know, and finds the element where it looks for it.
 */
#include <poll.h>

#include "armed.h"

#define KNOWN ((uint32_t)sizeof(struct kchan_commit))

static int try_arm_sized(int on, const struct cases *c, uint32_t commit_size)
{
	struct kchan_arm a = {
		.cases = (uintptr_t)c->c,
		.nr_cases = c->nr,
		.case_size = sizeof(c->c[0]),
		.commit_size = commit_size,
	};

	return ioctl(on, KCHAN_IOC_ARM, &a);
}

static const uint32_t sizes[] = {
	KNOWN, KNOWN + 1, KNOWN + 4, KNOWN + 40, 1000, KCHAN_MAX_STRUCT_SIZE - 1,
	KCHAN_MAX_STRUCT_SIZE,
};

/* What is at the start of @buf, and zeros up to its size. */
static void expect_whole(const char *buf, uint32_t size, uint32_t index,
			 uint32_t status, uint32_t len)
{
	struct kchan_commit commit;

	memcpy(&commit, buf, sizeof(commit));
	expect_int(commit.size, size);
	expect_int(commit.index, index);
	expect_int(commit.status, status);
	expect_int(commit.len, len);
	for (uint32_t i = KNOWN; i < size; i++)
		if (!expect_int(buf[i], 0))
			break;
}

static void receives(void)
{
	static char buf[KCHAN_MAX_STRUCT_SIZE + 100];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i];
		int fd = chan_make(0, 20, 0), armed;
		struct cases c;
		char elem[20];

		tap_about("%u bytes", size);
		cases_init(&c, 0, 0);
		add_recv(&c, -1, NULL, 20);
		add_recv(&c, fd, NULL, 20);
		armed = try_arm_sized(fd, &c, size);
		must(armed >= 0);
		fill(elem, sizeof(elem), i);
		must_int(write(fd, elem, sizeof(elem)), sizeof(elem));
		/* All or nothing. */
		expect_errno(read(armed, buf, KNOWN - 1), EMSGSIZE);
		expect_errno(read(armed, buf, size - 1), EMSGSIZE);
		expect_errno(read(armed, buf, size), EMSGSIZE);
		expect_errno(read(armed, buf, size + 19), EMSGSIZE);
		expect_int(poll_now(armed), POLLIN);
		memset(buf, POISON, sizeof(buf));
		expect_int(read(armed, buf, sizeof(buf)), size + 20);
		expect_whole(buf, size, 1, 0, 20);
		expect(filled(buf + size, 20, i));
		expect_int((unsigned char)buf[size + 20], POISON);
		close(armed);
		close(fd);
	}
}

static void sends_and_closes(void)
{
	static char buf[KCHAN_MAX_STRUCT_SIZE + 100];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i];
		int fd = chan_make(0, 8, 0), armed;
		struct cases c;
		uint64_t v = 4;

		tap_about("%u bytes", size);
		cases_init(&c, 0, 0);
		add_send(&c, fd, &v, 8);
		armed = try_arm_sized(fd, &c, size);
		must(armed >= 0);
		expect_recv(fd, 4);
		expect_errno(read(armed, buf, size - 1), EMSGSIZE);
		memset(buf, POISON, sizeof(buf));
		expect_int(read(armed, buf, size), size);
		expect_whole(buf, size, 0, 0, 8);
		expect_int((unsigned char)buf[size], POISON);
		/* With another size when it is armed again. */
		must_int(try_arm_sized(armed, &c, KNOWN + 8), 0);
		chan_close(fd);
		memset(buf, POISON, sizeof(buf));
		expect_int(read(armed, buf, sizeof(buf)), KNOWN + 8);
		expect_whole(buf, KNOWN + 8, 0, EPIPE, 0);
		expect_int((unsigned char)buf[KNOWN + 8], POISON);
		close(armed);
		close(fd);
	}
}

static void large_elements(void)
{
	enum { SIZE = 10000 };
	static char buf[KCHAN_MAX_STRUCT_SIZE + SIZE], elem[SIZE];
	int fd = chan_make(0, SIZE, 0), armed = -1;
	char *hole;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		tap_about("%u bytes", sizes[i]);
		if (armed < 0)
			armed = try_arm_sized(fd, &c, sizes[i]);
		else
			must_int(try_arm_sized(armed, &c, sizes[i]), 0);
		must(armed >= 0);
		fill(elem, SIZE, i);
		must_int(write(fd, elem, SIZE), SIZE);
		/* The last byte is not there. */
		hole = map_before_hole(sizes[i] + SIZE - 1);
		expect_errno(read(armed, hole, sizes[i] + SIZE), EFAULT);
		expect_errno(read(armed, hole + SIZE, sizes[i] + SIZE), EFAULT);
		memset(buf, POISON, sizeof(buf));
		expect_int(read(armed, buf, sizeof(buf)), sizes[i] + SIZE);
		expect_whole(buf, sizes[i], 0, 0, SIZE);
		expect(filled(buf + sizes[i], SIZE, i));
	}
}

static void too_small_to_arm(void)
{
	int fd = chan_make(0, 8, 1), armed;
	struct committed out;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	armed = try_arm_sized(fd, &c, KNOWN);
	must(armed >= 0);
	expect_int(disarm(armed), 0);
	for (uint32_t size = 0; size < KNOWN; size++) {
		tap_about("%u bytes", size);
		expect_errno(try_arm_sized(fd, &c, size), EINVAL);
		expect_errno(try_arm_sized(armed, &c, size), EINVAL);
	}
	expect_idle(fd);
	/* It is as it was. */
	expect_errno(try_collect(armed, &out), EINVAL);
	must_int(try_arm_sized(armed, &c, KNOWN), 0);
	send_u64(fd, 3);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 3);
}

static const struct tap_test tests[] = {
	{ "received elements follow a commit of any size", receives },
	{ "sends and closes have commits of any size", sends_and_closes },
	{ "large elements, and memory that is not there", large_elements },
	{ "less than the first published form is EINVAL", too_small_to_arm },
};

TAP_MAIN(tests)
