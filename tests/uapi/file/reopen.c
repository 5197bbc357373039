// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends that are opened through /proc: further ones, of no more direction.
 */
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "chan.h"

static int reopen(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static void gives_another_end(void)
{
	int first = chan_make(0, 8, 1);
	int recv = end_make(first, KCHAN_END_RECV);
	int send = end_make(first, KCHAN_END_SEND);
	int both = end_make(first, KCHAN_END_SEND | KCHAN_END_RECV);
	int fd;

	fd = reopen(recv, O_RDONLY);
	must(fd >= 0);
	expect_int(chan_info(fd).id, chan_info(first).id);
	expect_int(chan_info(first).recv_ends, 4);
	expect_int(file_refs(fd), 1);
	expect_int(fcntl(fd, F_GETFD), 0);
	close(fd);
	expect_int(chan_info(first).recv_ends, 3);

	fd = reopen(send, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	must(fd >= 0);
	expect_int(fcntl(fd, F_GETFD), FD_CLOEXEC);
	expect_int(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	expect_int(fcntl(send, F_GETFL) & O_NONBLOCK, 0);
	send_u64(fd, 3);
	expect_errno(write(fd, &(uint64_t){ 1 }, 8), EAGAIN);
	expect_recv(recv, 3);
	close(fd);

	fd = reopen(both, O_RDWR);
	must(fd >= 0);
	send_u64(fd, 4);
	expect_recv(fd, 4);
	close(fd);
	fd = reopen(both, O_RDONLY);
	must(fd >= 0);
	expect_errno(write(fd, &(uint64_t){ 1 }, 8), EBADF);
	/* What it leads to is what it is itself, not where it came from. */
	close(both);
	expect_int(chan_info(first).send_ends, 2);
	close(fd);
}

static void never_more(void)
{
	int first = chan_make(0, 8, 1);
	int recv = end_make(first, KCHAN_END_RECV);
	int send = end_make(first, KCHAN_END_SEND);
	int again = reopen(recv, O_RDONLY);

	must(again >= 0);
	expect_errno(reopen(recv, O_RDWR), EACCES);
	expect_errno(reopen(recv, O_WRONLY), EACCES);
	expect_errno(reopen(send, O_RDWR), EACCES);
	expect_errno(reopen(send, O_RDONLY), EACCES);
	expect_errno(reopen(again, O_RDWR), EACCES);
	/* The mode is its owner's to change; the direction is not. */
	must_int(fchmod(recv, 0666), 0);
	expect_errno(reopen(recv, O_RDWR), EACCES);
	expect_errno(reopen(recv, O_WRONLY), EACCES);
	/* An fd for ioctls alone, as it is called, would be no end. */
	expect_errno(reopen(end_make(first, KCHAN_END_SEND | KCHAN_END_RECV),
			    3), EINVAL);
	expect_int(chan_info(first).send_ends, 3);
	expect_int(chan_info(first).recv_ends, 4);
}

/* Another user may use an end that it is given, but not open it. */
static void stranger(void *arg)
{
	const int *fds = arg;

	must_int(setgroups(0, NULL), 0);
	must_int(setresgid(65534, 65534, 65534), 0);
	must_int(setresuid(65534, 65534, 65534), 0);
	send_u64(fds[1], 9);
	expect_recv(fds[0], 9);
	expect_errno(reopen(fds[0], O_RDONLY), EACCES);
	expect_errno(reopen(fds[1], O_WRONLY), EACCES);
}

static void another_user(void)
{
	int first = chan_make(0, 8, 1), fds[2];

	if (geteuid())
		tap_skip("becoming another takes root");
	fds[0] = end_make(first, KCHAN_END_RECV);
	fds[1] = end_make(first, KCHAN_END_SEND);
	expect_exit(spawn(stranger, fds));
}

/* O_PATH names the inode, and neither sends nor receives. */
static void no_end_left(void)
{
	int first = chan_make(0, 8, 1), recv, send, path;

	recv = end_make(first, KCHAN_END_RECV);
	send = end_make(first, KCHAN_END_SEND);
	path = reopen(recv, O_PATH);
	must(path >= 0);
	expect_int(chan_info(first).recv_ends, 2);
	close(first);
	close(recv);
	expect_int(chan_info(send).recv_ends, 0);
	expect_errno(write(send, &(uint64_t){ 1 }, 8), EPIPE);
	/* Senders have been told; it does not come back. */
	expect_errno(reopen(path, O_RDONLY), ENXIO);
	close(send);
	/* With all ends gone the name is left, and the channel with it. */
	expect_errno(reopen(path, O_RDONLY), ENXIO);
	close(path);
}

static void the_first_end_is_not_it(void)
{
	int first = chan_make(0, 8, 1), other = reopen(first, O_RDWR);

	must(other >= 0);
	/* As with /dev/ptmx: the device, opened again. */
	expect(chan_info(other).id != chan_info(first).id);
	expect_errno(reopen(first, O_RDONLY), EINVAL);
}

static void its_name(void)
{
	int first = chan_make(0, 8, 1), recv = end_make(first, KCHAN_END_RECV);
	char path[40], name[64] = { 0 }, want[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", recv);
	snprintf(want, sizeof(want), "kchan:[%llu]",
		 (unsigned long long)chan_info(first).id);
	must(readlink(path, name, sizeof(name) - 1) > 0);
	expect(!strcmp(name, want));
}

struct storm {
	int fd;
	int flags;
	unsigned long count;
};

static void *storm_open(void *arg)
{
	struct storm *s = arg;

	for (unsigned long i = 0; i < s->count; i++) {
		int fd = reopen(s->fd, s->flags);

		must(fd >= 0);
		close(fd);
	}
	return NULL;
}

static void all_at_once(void)
{
	int first = chan_make(0, 8, 1);
	struct storm s[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		s[i].fd = end_make(first, i % 2 ? KCHAN_END_RECV :
						  KCHAN_END_SEND);
		s[i].flags = i % 2 ? O_RDONLY : O_WRONLY;
		s[i].count = tap_scale(2000);
		thread_start(&threads[i], storm_open, &s[i]);
	}
	for (int i = 0; i < 4; i++)
		thread_join(threads[i]);
	expect_int(chan_info(first).send_ends, 3);
	expect_int(chan_info(first).recv_ends, 3);
}

static const struct tap_test tests[] = {
	{ "opening an end gives another one", gives_another_end },
	{ "of no more direction, also for root and after fchmod", never_more },
	{ "another user may not open it", another_user },
	{ "not when no end of the direction is left", no_end_left },
	{ "the device's own file gives a new channel", the_first_end_is_not_it },
	{ "its name is the channel's", its_name },
	{ "many at once, each counted", all_at_once },
};

TAP_MAIN(tests)
