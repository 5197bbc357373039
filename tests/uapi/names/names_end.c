// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name counts as an end: what is sent outlives those who use the channel. And what
 * happens when the name goes, by unlink, by a rename over it, or with its mount.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "armed.h"
#include "names.h"

#define JOBS NAMES "/jobs"
#define SECOND NAMES "/other"

#define expect_ends(fd, send, recv)					\
	do {								\
		struct kchan_info info_ = chan_info(fd);		\
		expect_int(info_.send_ends, send);			\
		expect_int(info_.recv_ends, recv);			\
	} while (0)

#define NAME_FLAGS	(KCHAN_INFO_NAMED | KCHAN_INFO_SEND_HOLD)

static void send_and_die(void *arg)
{
	(void)arg;
	send_u64(name_open(JOBS, O_WRONLY), 1);
	send_u64(name_open(JOBS, O_RDWR), 2);
	raise(SIGKILL);
}

static void outlives_its_users(void)
{
	uint64_t v;
	int fd;

	names_begin();
	close(name_set_up(JOBS, 4, 0));
	reap(spawn(send_and_die, NULL));
	fd = name_open(JOBS, O_RDONLY);
	expect_ends(fd, 1, 2);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	/* No end of the stream: somebody may come. */
	chan_nonblock(fd, true);
	expect_errno(read(fd, &v, 8), EAGAIN);
	expect_int(poll_now(fd), 0);
	close(fd);
	fd = name_open(JOBS, O_WRONLY);
	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 3);
	expect_recv(name_open(JOBS, O_RDONLY), 3);
}

/* A sender waits although nobody has opened the other side: somebody may come. */
static void sender_waits(void)
{
	struct call c = { 0 };
	uint64_t v = 9;
	int fd;

	names_begin();
	close(name_set_up(JOBS, 0, 0));
	fd = name_open(JOBS, O_WRONLY);
	call_write(&c, fd, &v, 8);
	wait_senders(fd, 1);
	expect_recv(name_open(JOBS, O_RDONLY), 9);
	expect_done(&c, 8);
}

/* How the name of a channel goes. */
static void by_unlink(void)
{
	must_int(unlink(JOBS), 0);
}

static void by_rename(void)
{
	name_make(SECOND, 0600);
	must_int(rename(SECOND, JOBS), 0);
}

static void by_lazy_unmount(void)
{
	must_int(umount2(NAMES, MNT_DETACH), 0);
}

static void (* const ways[])(void) = { by_unlink, by_rename };

/* Before each way: the name is free. */
static void begin_way(size_t i)
{
	tap_about("way %zu", i);
	if (i)
		unlink(JOBS);
	else
		names_begin();
}

static void gone_with_both_ends(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int send, recv, fd;

		begin_way(i);
		fd = name_set_up(JOBS, 4, 0);
		send = name_open(JOBS, O_WRONLY);
		recv = name_open(JOBS, O_RDONLY);
		close(fd);
		send_u64(send, 1);
		expect_ends(recv, 2, 2);
		ways[i]();
		/* It lives on for who has ends, as one without a name. */
		expect_ends(recv, 1, 1);
		expect_int(chan_info(recv).flags & NAME_FLAGS, 0);
		send_u64(send, 2);
		close(send);
		expect_recv(recv, 1);
		expect_recv(recv, 2);
		expect_end(recv);
	}
}

static void gone_without_receivers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct call c = { 0 };
		uint64_t v = 2;
		int fd, send;

		begin_way(i);
		fd = name_set_up(JOBS, 1, 0);
		send = name_open(JOBS, O_WRONLY);
		close(fd);
		send_u64(send, 1);
		call_write(&c, send, &v, 8);
		wait_senders(send, 1);
		ways[i]();
		/* What nobody can receive is freed, and who waits to send is told. */
		expect_done_errno(&c, EPIPE);
		expect_int(chan_len(send), 0);
		expect_errno(write(send, &v, 8), EPIPE);
		expect_ends(send, 1, 0);
		close(send);
	}
}

static void gone_without_senders(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct call c = { 0 };
		uint64_t v;
		int fd, recv;

		begin_way(i);
		fd = name_set_up(JOBS, 1, 0);
		recv = name_open(JOBS, O_RDONLY);
		close(fd);
		call_read(&c, recv, &v, 8);
		wait_receivers(recv, 1);
		ways[i]();
		expect_done(&c, 0);
		expect(chan_info(recv).flags & KCHAN_INFO_CLOSED);
		expect_end(recv);
		close(recv);
	}
}

/* Through /proc, a name that has gone gives no direction that has gone. */
static void gone_and_reopened(void)
{
	char path[64];
	int recv;

	names_begin();
	close(name_set_up(JOBS, 1, 0));
	recv = name_open(JOBS, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", recv);
	must_int(unlink(JOBS), 0);
	expect_errno(open(path, O_WRONLY), ENXIO);
	expect_errno(open(path, O_RDWR), ENXIO);
	close(name_open(path, O_RDONLY));
}

/* An armed select outlives the name as an end does. */
static void gone_while_armed(void)
{
	struct cases c;
	uint64_t v = 5;
	int fd, arm, send;

	names_begin();
	fd = name_set_up(JOBS, 1, 0);
	send = name_open(JOBS, O_WRONLY);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, &v, 8);
	arm = try_arm(fd, &c, 0);
	must(arm >= 0);
	close(fd);
	must_int(unlink(JOBS), 0);
	expect_ends(send, 1, 1);
	send_u64(send, 6);
	expect_int(poll_now(arm), POLLIN);
	close(arm);
	expect_errno(write(send, &v, 8), EPIPE);
}

/* An armed select is no end that keeps the mount. What it waits for goes with the name. */
static void unmounted_while_armed(void)
{
	struct committed out;
	struct cases c;
	uint64_t v = 5, got;
	int fd, send, recv;

	names_begin();
	fd = name_set_up(JOBS, 1, 0);
	send_u64(fd, 1);
	cases_init(&c, 0, 0);
	add_send(&c, fd, &v, 8);
	send = arm(fd, &c);
	name_make(SECOND, 0600);
	close(fd);
	fd = name_open(SECOND, O_RDWR);
	must_int(try_setup(fd, 0, 8, 1), 0);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, &got, 8);
	recv = arm(fd, &c);
	close(fd);
	expect_int(poll_now(send), 0);
	expect_int(poll_now(recv), 0);
	must_int(umount2(NAMES, 0), 0);
	expect_commit(send, &out, 0, EPIPE);
	expect_commit(recv, &out, 0, EPIPE);
}

static void unmount_is_busy(void)
{
	int fd, made;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	expect_errno(umount2(NAMES, 0), EBUSY);
	made = end_make(fd, KCHAN_END_RECV);
	close(fd);
	/* An end that was made from one is an end still. */
	expect_errno(umount2(NAMES, 0), EBUSY);
	fd = end_make(made, KCHAN_END_RECV);
	close(made);
	expect_errno(umount2(NAMES, 0), EBUSY);
	close(fd);
	/* What is queued does not hold the mount. */
	fd = name_open(JOBS, O_WRONLY);
	send_u64(fd, 1);
	close(fd);
	must_int(umount2(NAMES, 0), 0);
	names_mount(NAMES, NULL);
	expect_errno(open(JOBS, O_RDONLY), ENOENT);
}

static void lazy_unmount(void)
{
	int fd, recv;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	name_make(SECOND, 0600);
	recv = end_make(fd, KCHAN_END_RECV);
	by_lazy_unmount();
	/* The filesystem lives on, with its names, until the last end goes. */
	expect_ends(fd, 2, 3);
	send_u64(fd, 4);
	close(fd);
	expect_recv(recv, 4);
	expect_ends(recv, 1, 2);
	close(recv);
	names_mount(NAMES, NULL);
}

/* The module stays for as long as there is a mount. */
static void pins_the_module(void)
{
	names_begin();
	expect_errno(syscall(SYS_delete_module, "kchan", O_NONBLOCK), EWOULDBLOCK);
}

static void closed_by_its_owner(void)
{
	uint64_t v = 1;
	int fd, recv;

	names_begin();
	fd = name_set_up(JOBS, 4, 0);
	recv = name_open(JOBS, O_RDONLY);
	send_u64(fd, 1);
	chan_close(fd);
	expect_errno(write(fd, &v, 8), EPIPE);
	/* The name still leads to it, and a send says what has happened. */
	expect_errno(write(name_open(JOBS, O_WRONLY), &v, 8), EPIPE);
	expect_recv(recv, 1);
	expect_end(recv);
	expect_end(name_open(JOBS, O_RDONLY));
	expect_errno(ioctl(fd, KCHAN_IOC_CLOSE), EALREADY);
}

/*
 * Without the send hold.
 */
static void no_hold_waits_for_a_sender(void)
{
	struct call c = { 0 };
	uint64_t v;
	int recv, send;

	names_begin();
	close(name_set_up(JOBS, 4, KCHAN_SETUP_NO_SEND_HOLD));
	recv = name_open(JOBS, O_RDONLY);
	expect_int(chan_info(recv).flags & NAME_FLAGS, NAME_FLAGS);
	/* Who set it up has gone; no sender has come yet. */
	call_read(&c, recv, &v, 8);
	wait_receivers(recv, 1);
	send = name_open(JOBS, O_WRONLY);
	expect_int(chan_info(recv).flags & NAME_FLAGS, KCHAN_INFO_NAMED);
	expect_ends(recv, 1, 2);
	send_u64(send, 1);
	expect_done(&c, 8);
	send_u64(send, 2);
	close(send);
	expect_recv(recv, 2);
	expect_end(recv);
	expect_errno(open(JOBS, O_WRONLY), ENXIO);
	expect_end(name_open(JOBS, O_RDONLY));
}

static void no_hold_and_nothing_sent(void)
{
	int recv;

	names_begin();
	close(name_set_up(JOBS, 4, KCHAN_SETUP_NO_SEND_HOLD));
	close(name_open(JOBS, O_WRONLY));
	recv = name_open(JOBS, O_RDONLY);
	expect_end(recv);
}

static void no_hold_and_one_who_does_all(void)
{
	int fd, recv;

	names_begin();
	fd = name_set_up(JOBS, 4, KCHAN_SETUP_NO_SEND_HOLD);
	recv = name_open(JOBS, O_RDONLY);
	send_u64(fd, 1);
	send_u64(fd, 2);
	close(fd);
	expect(chan_info(recv).flags & KCHAN_INFO_CLOSED);
	expect_recv(recv, 1);
	expect_recv(recv, 2);
	expect_end(recv);
}

static void no_hold_and_an_end_made(void)
{
	int fd, recv, send;

	names_begin();
	fd = name_set_up(JOBS, 4, KCHAN_SETUP_NO_SEND_HOLD);
	recv = name_open(JOBS, O_RDONLY);
	send = end_make(fd, KCHAN_END_SEND);
	close(fd);
	expect_ends(recv, 1, 2);
	close(send);
	expect_end(recv);
}

static void no_hold_taken_back(void)
{
	uint64_t v;
	int fd, recv;

	names_begin();
	fd = name_set_up(JOBS, 4, KCHAN_SETUP_NO_SEND_HOLD);
	close(name_open(JOBS, O_WRONLY));
	expect_int(chan_info(fd).flags & NAME_FLAGS, KCHAN_INFO_NAMED);
	must_int(try_setup(fd, 0, 8, 4), 0);
	expect_int(chan_info(fd).flags & NAME_FLAGS, NAME_FLAGS);
	expect_ends(fd, 2, 2);
	send_u64(fd, 1);
	recv = name_open(JOBS, O_RDONLY);
	close(fd);
	close(name_open(JOBS, O_WRONLY));
	expect_recv(recv, 1);
	chan_nonblock(recv, true);
	expect_errno(read(recv, &v, 8), EAGAIN);
}

static void no_hold_without_a_name(void)
{
	int fd;

	names_begin();
	expect_errno(try_setup(chan_open(), KCHAN_SETUP_NO_SEND_HOLD, 8, 4), EINVAL);
	fd = name_set_up(JOBS, 4, 0);
	must_int(unlink(JOBS), 0);
	expect_errno(try_setup(fd, KCHAN_SETUP_NO_SEND_HOLD, 8, 4), EINVAL);
	/* What was set up before is still so. */
	expect_int(chan_info(fd).capacity, 4);
	must_int(try_setup(fd, 0, 8, 3), 0);
	expect_errno(try_setup(fd, 1U << 2, 8, 4), EINVAL);
}

/*
 * Names come and go while others open, send and receive: nobody hangs, and what is
 * opened is a channel that works or one that says that it is gone.
 */
static void *churn_names(void *arg)
{
	for (unsigned long i = *(unsigned long *)arg; i; i--) {
		must_int(mkfifo(JOBS, 0600), 0);
		must_int(mkfifo(SECOND, 0600), 0);
		if (i & 1)
			must_int(rename(SECOND, JOBS), 0);
		else
			must_int(unlink(SECOND), 0);
		must_int(unlink(JOBS), 0);
	}
	return NULL;
}

static atomic_bool churned;

static void *churn_use(void *arg)
{
	const int flags = *(int *)arg;
	uint64_t v = 1;

	while (!atomic_load(&churned)) {
		int fd = open(JOBS, flags | O_NONBLOCK | O_CLOEXEC);
		ssize_t n;

		if (fd < 0) {
			expect(errno == ENOENT || errno == ENXIO);
			continue;
		}
		n = flags == O_RDONLY ? read(fd, &v, 8) : write(fd, &v, 8);
		/* By default, a message of 8 bytes fits well. */
		expect(n == 8 || n == 0 ||
		       (n < 0 && (errno == EAGAIN || errno == EPIPE)));
		close(fd);
	}
	return NULL;
}

static void churn(void)
{
	unsigned long count = tap_scale(2000);
	int recv = O_RDONLY, send = O_WRONLY;
	pthread_t makers, users[4];

	names_begin();
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 4; i++)
		thread_start(&users[i], churn_use, i & 1 ? &send : &recv);
	thread_start(&makers, churn_names, &count);
	thread_join(makers);
	atomic_store(&churned, true);
	for (int i = 0; i < 4; i++)
		thread_join(users[i]);
	must_int(umount2(NAMES, 0), 0);
}

static const struct tap_test tests[] = {
	{ "what is sent outlives who sent it, and who might receive it",
	  outlives_its_users },
	{ "a sender waits for one to come", sender_waits },
	{ "a name that goes: those with ends go on", gone_with_both_ends },
	{ "a name that goes: without receivers", gone_without_receivers },
	{ "a name that goes: without senders", gone_without_senders },
	{ "a name that has gone, through /proc", gone_and_reopened },
	{ "a name that goes from an armed select", gone_while_armed },
	{ "names that go with their mount, from armed selects", unmounted_while_armed },
	{ "unmount is EBUSY while an end is open", unmount_is_busy },
	{ "lazy unmount", lazy_unmount },
	{ "a mount pins the module", pins_the_module },
	{ "closed by its owner", closed_by_its_owner },
	{ "no send hold: it waits for the first sender", no_hold_waits_for_a_sender },
	{ "no send hold: a sender that sent nothing", no_hold_and_nothing_sent },
	{ "no send hold: one that sets up and sends", no_hold_and_one_who_does_all },
	{ "no send hold: an end that is made", no_hold_and_an_end_made },
	{ "no send hold, taken back", no_hold_taken_back },
	{ "no send hold needs a name", no_hold_without_a_name },
	{ "names that come and go under their users", churn },
};

PARAMS_MAIN(tests)
