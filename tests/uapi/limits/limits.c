// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits: module parameters, what each user may hold, and memory cgroups.
 * What is charged is what the memory takes: a buffer over 8 KiB whole pages, a
 * smaller one the size of its slab. (charge.c has what waits.)
 */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "armed.h"
#include "cgroup.h"
#include "params.h"

static const char * const names[] = {
	"default_elem_size", "default_capacity", "max_channel_bytes",
	"user_max_channels", "user_max_bytes",
};

static void parameters(void)
{
	size_t i;

	params_begin();
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];
		struct stat st;
		long long now;

		tap_about("%s", names[i]);
		snprintf(path, sizeof(path), "/sys/module/kchan/parameters/%s",
			 names[i]);
		memset(&st, POISON, sizeof(st));
		if (!expect_int(stat(path, &st), 0))
			continue;
		expect_int(st.st_mode & 07777, 0644);
		expect_int(st.st_uid, 0);
		now = param_get(names[i]);
		expect(now > 0);
		expect(param_put(names[i], now));
		expect_int(param_get(names[i]), now);
	}
	tap_about("%s", "");
	expect_int(param_get("default_elem_size"), 4096);
	expect_int(param_get("default_capacity"), 16);
}

static void default_geometry(void)
{
	char buf[256];
	int fd, i;

	params_begin();
	param_set("default_elem_size", 100);
	param_set("default_capacity", 3);
	fd = chan_open();
	expect_int(chan_info(fd).elem_size, 100);
	expect_int(chan_info(fd).capacity, 3);
	expect(chan_info(fd).flags & KCHAN_INFO_MESSAGE);
	chan_nonblock(fd, true);
	for (i = 0; i < 3; i++)
		expect_int(write(fd, buf, 100 - i), 100 - i);
	expect_errno(write(fd, buf, 1), EAGAIN);
	expect_errno(write(fd, buf, 101), EMSGSIZE);
	/* It is what it was when the channel came to be used. */
	param_set("default_elem_size", 200);
	param_set("default_capacity", 1);
	expect_int(chan_info(fd).elem_size, 100);
	expect_int(chan_info(fd).capacity, 3);
	expect_errno(write(fd, buf, 101), EMSGSIZE);
	fd = chan_open();
	expect_int(chan_info(fd).elem_size, 200);
	params_restore();
}

static void hostile_defaults(void)
{
	/* Whatever is taken there, a channel of it works or says no. */
	static const long long values[] = { 0, -1, 1, KCHAN_MAX_ELEM_SIZE,
		KCHAN_MAX_ELEM_SIZE + 1LL, UINT32_MAX, 1LL << 40 };
	char buf[16] = { 0 };
	size_t i;

	params_begin();
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		int fd;

		tap_about("%lld", values[i]);
		param_put("default_elem_size", values[i]);
		param_put("default_capacity", values[i]);
		fd = open("/dev/kchan", O_RDWR | O_NONBLOCK);
		if (fd < 0)
			continue;
		poll_now(fd);
		if (write(fd, buf, 1) == 1)
			expect_int(read(fd, buf, sizeof(buf)), 1);
		expect(chan_info(fd).elem_size <= KCHAN_MAX_ELEM_SIZE);
		expect(chan_info(fd).capacity <= KCHAN_MAX_CAPACITY);
		close(fd);
		params_restore();
	}
}

static void nobody_max_channel(void)
{
	int fd = chan_open();

	expect_int(try_setup(fd, 0, 4096, 1), 0);
	expect_errno(try_setup(fd, 0, 4096, 1000), EINVAL);
	expect_errno(try_setup(fd, KCHAN_SETUP_MESSAGE, 4096, 1000), EINVAL);
	expect_int(chan_info(fd).capacity, 1);
	expect_int(try_resize(fd, 2), 0);
	expect_errno(try_resize(fd, 1000), EINVAL);
	expect_int(chan_info(fd).capacity, 2);
	expect_int(write(fd, (char[4096]){ 0 }, 4096), 4096);
	expect_errno(try_resize(fd, 1000), EINVAL);
	expect_int(chan_info(fd).capacity, 2);
}

static void max_channel_bytes(void)
{
	params_begin();
	param_set("max_channel_bytes", 100000);
	run_as(NOBODY, nobody_max_channel);
	/* With CAP_SYS_RESOURCE it may be passed. */
	{
		int fd = chan_make(0, 4096, 1000);

		chan_resize(fd, 2000);
	}
	params_restore();
}

/* A buffer that still has elements counts, beside the one in use. */
static void nobody_old_buffers(void)
{
	int fd = chan_make(0, 4096, 10);
	char *elem = map_pages(4096);
	uint32_t sent = 0, got = 0;

	for (int round = 0; round < 3; round++) {
		tap_about("round %d", round);
		fill(elem, 4096, sent++);
		must_int(write(fd, elem, 4096), 4096);
		/* Two of them are too many, each of them is not. */
		expect_errno(try_resize(fd, 9), EBUSY);
		expect_errno(try_resize(fd, 11), EBUSY);
		expect_int(chan_info(fd).capacity, 10);
		expect_int(chan_len(fd), 1);
		/* A small one does, and another. */
		expect_int(try_resize(fd, 2), 0);
		fill(elem, 4096, sent++);
		must_int(write(fd, elem, 4096), 4096);
		expect_int(try_resize(fd, 3), 0);
		expect_errno(try_resize(fd, 10), EBUSY);
		expect_int(chan_info(fd).capacity, 3);
		/* Too many by itself is as ever. */
		expect_errno(try_resize(fd, 100), EINVAL);
		while (got < sent) {
			must_int(read(fd, elem, 4096), 4096);
			expect(filled(elem, 4096, got++));
		}
		expect_int(try_resize(fd, 10), 0);
	}
}

static void old_buffers(void)
{
	params_begin();
	param_set("max_channel_bytes", 70000);
	run_as(NOBODY, nobody_old_buffers);
	params_restore();
}

static void nobody_max_channels(void)
{
	int fd[6], i, more;

	for (i = 0; i < 5; i++) {
		fd[i] = open("/dev/kchan", O_RDWR | O_CLOEXEC);
		expect(fd[i] >= 0);
	}
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	/* dup makes no channel; closing one of two descriptors frees none. */
	more = dup(fd[0]);
	expect(more >= 0);
	close(more);
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	close(fd[2]);
	fd[2] = open("/dev/kchan", O_RDWR);
	expect(fd[2] >= 0);
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	/* Closed for all is not gone. */
	chan_close(fd[1]);
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
}

static void max_channels(void)
{
	int i;

	params_begin();
	param_set("user_max_channels", 5);
	/* Twice: the end of a process gives all back. */
	run_as(NOBODY, nobody_max_channels);
	run_as(NOBODY, nobody_max_channels);
	for (i = 0; i < 10; i++)
		chan_open();
	params_restore();
}

static void nobody_max_bytes(void)
{
	int a = chan_open(), b = chan_open();
	char buf[4096] = { 0 };

	/*
	 * 128 KiB may be held. A buffer of 20 elements takes 80 KiB and the rest of a
	 * page or two.
	 */
	expect_int(try_setup(a, 0, 4096, 20), 0);
	expect_errno(try_setup(b, 0, 4096, 20), EDQUOT);
	expect_errno(try_setup(b, KCHAN_SETUP_MESSAGE, 4096, 20), EDQUOT);
	expect_int(try_setup(b, 0, 4096, 2), 0);
	/* Setup again gives back what was held. */
	expect_int(try_setup(a, 0, 4096, 2), 0);
	expect_int(try_setup(b, 0, 4096, 20), 0);
	expect_errno(try_resize(a, 20), EDQUOT);
	expect_int(chan_info(a).capacity, 2);
	/* So does shrinking. */
	expect_errno(try_resize(a, 20), EDQUOT);
	expect_int(try_resize(b, 1), 0);
	expect_int(try_resize(a, 20), 0);
	expect_int(try_resize(a, 2), 0);
	expect_int(try_resize(b, 20), 0);
	/* At the latest when what was queued before is taken. */
	expect_int(write(b, buf, 4096), 4096);
	expect_int(try_resize(b, 1), 0);
	expect_errno(try_resize(a, 20), EDQUOT);
	expect_int(read(b, buf, 4096), 4096);
	expect_int(try_resize(a, 20), 0);
	expect_errno(try_resize(b, 20), EDQUOT);
	/* And closing the descriptor. */
	close(a);
	expect_int(try_resize(b, 20), 0);
	a = chan_open();
	expect_errno(try_setup(a, 0, 4096, 20), EDQUOT);
	/* A rendezvous has no buffer. */
	expect_int(try_setup(a, 0, 4096, 0), 0);
	expect_errno(try_resize(a, 20), EDQUOT);
	close(b);
	expect_int(try_resize(a, 20), 0);
}

static void max_bytes(void)
{
	params_begin();
	param_set("user_max_bytes", 128 << 10);
	run_as(NOBODY, nobody_max_bytes);
	run_as(NOBODY, nobody_max_bytes);
	expect_int(try_setup(chan_open(), 0, 4096, 100), 0);
	params_restore();
}

/* Large elements are charged with the buffer, and then all that fit can be sent. */
static void nobody_large(void)
{
	static char buf[40960];
	long long held = 0;
	int i, k;

	for (i = 0; i < 20; i++) {
		int fd = chan_open();

		if (try_setup(fd, 0, sizeof(buf), 10)) {
			expect_int(errno, EDQUOT);
			continue;
		}
		chan_nonblock(fd, true);
		for (k = 0; k < 10; k++) {
			must_int(write(fd, buf, sizeof(buf)), sizeof(buf));
			held += sizeof(buf);
		}
	}
	tap_note("%lld bytes held", held);
	/* Two such channels, of 400 KiB each. */
	expect_int(held, 20 * sizeof(buf));
}

static void large_elements(void)
{
	params_begin();
	param_set("user_max_bytes", 1 << 20);
	run_as(NOBODY, nobody_large);
	run_as(NOBODY, nobody_large);
	params_restore();
}

/* What an armed select has to send is held until it is sent or taken back. */
static void nobody_armed(void)
{
	enum { SIZE = 100000, MOST = 64 };
	int fd = chan_make(0, SIZE, 0), armed[MOST], nr = 0;
	char *elem = map_pages(SIZE);
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, fd, elem, SIZE);
	while (nr < MOST && (armed[nr] = try_arm(fd, &c, 0)) >= 0)
		nr++;
	expect_errno(try_arm(fd, &c, 0), EDQUOT);
	/* No more than may be held, and not much less. */
	expect(nr > 5 && nr <= 10);
	must(nr > 2);
	expect_int(chan_info(fd).send_waiters, nr);
	expect_int(disarm(armed[1]), 0);
	expect_int(try_rearm(armed[1], &c), 0);
	expect_errno(try_arm(fd, &c, 0), EDQUOT);
	/* Received, it is charged no more, read or not. */
	expect_int(read(fd, elem, SIZE), SIZE);
	close(armed[2]);
	expect_int(try_arm(fd, &c, 0) >= 0, 1);
}

static void armed_selects(void)
{
	params_begin();
	param_set("user_max_bytes", 1 << 20);
	run_as(NOBODY, nobody_armed);
	params_restore();
}

static void nobody_first_use(void)
{
	int a = chan_make(0, 4096, 10), b = chan_open();
	char buf[4096];

	/* Without setup the first use asks for the memory. */
	chan_nonblock(b, true);
	expect_errno(write(b, "x", 1), EDQUOT);
	expect_errno(write(b, "x", 1), EDQUOT);
	expect_errno(read(b, buf, sizeof(buf)), EDQUOT);
	expect_errno(try_end(b, KCHAN_END_RECV), EDQUOT);
	expect_errno(try_send(b, buf, 1), EDQUOT);
	close(a);
	expect_int(write(b, "x", 1), 1);
	expect_int(read(b, buf, sizeof(buf)), 1);
	close(b);

	/* A poll is a use. */
	b = chan_open();
	expect_int(poll_now(b), POLLOUT);
	a = chan_open();
	expect_errno(try_setup(a, 0, 4096, 10), EDQUOT);
	close(b);
	expect_int(try_setup(a, 0, 4096, 10), 0);
	expect_int(chan_info(a).flags & KCHAN_INFO_FIXED, 0);
	/* One that got no memory is no reason not to have it later. */
	b = chan_open();
	poll_now(b);
	close(a);
	expect_int(poll_now(b), POLLOUT);
	expect_int(write(b, "x", 1), 1);
}

static void first_use(void)
{
	params_begin();
	param_set("user_max_bytes", 80000);
	run_as(NOBODY, nobody_first_use);
	params_restore();
}

static void opener_is_charged(void)
{
	int mine, other, i;
	pid_t pid;

	params_begin();
	param_set("user_max_bytes", 65536);
	param_set("user_max_channels", 3);
	pid = fork();
	must(pid >= 0);
	if (pid) {
		expect_exit(pid);
		params_restore();
		return;
	}
	act_as(NOBODY);
	mine = chan_make(0, 4096, 10);
	other = chan_open();
	/* Another user works on it: it counts as its opener's. */
	act_as(OTHER);
	expect_errno(try_setup(other, 0, 4096, 10), EDQUOT);
	close(mine);
	expect_int(try_setup(other, 0, 4096, 10), 0);
	mine = chan_make(0, 4096, 10);
	for (i = 0; i < 2; i++)
		chan_open();
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	act_as(NOBODY);
	expect_errno(try_resize(mine, 20), EDQUOT);
	expect(open("/dev/kchan", O_RDWR) >= 0);
}

static void nobody_namespace(void)
{
	int i;

	for (i = 0; i < 3; i++)
		chan_open();
	if (unshare(CLONE_NEWUSER))
		tap_skip("no user namespaces here");
	/* All capabilities there are none here, and the user is the same. */
	expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
	if (unshare(CLONE_NEWUSER) == 0)
		expect_errno(open("/dev/kchan", O_RDWR), EDQUOT);
}

static void user_namespaces(void)
{
	params_begin();
	param_set("user_max_channels", 3);
	run_as(NOBODY, nobody_namespace);
	params_restore();
}

static void nobody_namespace_bytes(void)
{
	int fd;

	if (unshare(CLONE_NEWUSER))
		tap_skip("no user namespaces here");
	fd = chan_open();
	expect_errno(try_setup(fd, 0, 4096, 100), EDQUOT);
	expect_int(try_setup(fd, 0, 4096, 2), 0);
	expect_errno(try_resize(fd, 100), EDQUOT);
}

static void user_namespace_bytes(void)
{
	params_begin();
	param_set("user_max_bytes", 65536);
	run_as(NOBODY, nobody_namespace_bytes);
	params_restore();
}

static void nobody_churn(void)
{
	unsigned long i, rounds = tap_scale(300);

	/* Were a byte of a charge kept, this would come to its end. */
	for (i = 0; i < rounds; i++) {
		int fd = chan_make(0, 4096, 10);
		char buf[4096];

		expect_int(try_resize(fd, 3), 0);
		expect_int(write(fd, buf, 4096), 4096);
		expect_int(try_resize(fd, 10), 0);
		if (i % 2)
			expect_int(read(fd, buf, 4096), 4096);
		expect_int(try_resize(fd, 1), 0);
		expect_errno(try_resize(fd, 100), EDQUOT);
		close(fd);
	}
}

static void churn(void)
{
	params_begin();
	/* A resize may hold the old buffer and two new ones. */
	param_set("user_max_bytes", 128 << 10);
	param_set("user_max_channels", 1);
	run_as(NOBODY, nobody_churn);
	params_restore();
}

static void fill_channels(void)
{
	long long before, after;
	char buf[65536] = { 1 };
	int fd, i;

	before = read_number(cgroup_file("memory.current"));
	must(before >= 0);
	for (i = 0; i < 8; i++) {
		int k;

		fd = chan_make(0, sizeof(buf), 16);
		for (k = 0; k < 16; k++)
			expect_int(write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	after = read_number(cgroup_file("memory.current"));
	/* 8 MiB are held; the count may lag by what each CPU has in hand. */
	expect(after - before > 7 << 20);
}

/* What a member's channels hold counts as the group's. */
static void memory_cgroup(void)
{
	params_begin();
	run_in_cgroup(fill_channels);
}

static const struct tap_test tests[] = {
	{ "parameters: there, 0644, sane", parameters },
	{ "the default geometry is a parameter", default_geometry },
	{ "any default is safe", hostile_defaults },
	{ "max_channel_bytes: EINVAL, the capability passes it",
	  max_channel_bytes },
	{ "max_channel_bytes: EBUSY with older buffers", old_buffers },
	{ "user_max_channels: EDQUOT at open, given back", max_channels },
	{ "user_max_bytes: EDQUOT at setup and resize, given back",
	  max_bytes },
	{ "user_max_bytes: large elements", large_elements },
	{ "user_max_bytes: what armed selects have to send", armed_selects },
	{ "user_max_bytes: EDQUOT at the first use", first_use },
	{ "the opener is charged, whoever uses it", opener_is_charged },
	{ "user namespaces do not evade user_max_channels",
	  user_namespaces },
	{ "user namespaces do not evade user_max_bytes",
	  user_namespace_bytes },
	{ "charges are given back", churn },
	{ "memory is charged to the cgroup", memory_cgroup },
};

PARAMS_MAIN(tests)
