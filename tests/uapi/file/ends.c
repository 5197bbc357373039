// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends: made with less direction, counted, passed on, and gone. (reopen.c has
 * those that are opened through /proc.)
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "chan.h"

#define BOTH	(KCHAN_END_SEND | KCHAN_END_RECV)

static void directions(void)
{
	static const uint32_t modes[] = {
		KCHAN_END_SEND, KCHAN_END_RECV, BOTH
	};
	int first = chan_make(0, 8, 4);
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		int from = end_make(first, modes[i]);

		for (k = 0; k < ARRAY_SIZE(modes); k++) {
			tap_about("%x from %x", modes[k], modes[i]);
			if (modes[k] & ~modes[i]) {
				expect_errno(try_end(from, modes[k]), EBADF);
				continue;
			}
			close(end_make(from, modes[k]));
		}
		close(from);
	}
	expect_ends(first, 1, 1);
}

static void what_an_end_is(void)
{
	int first = chan_make(0, 8, 4);
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);
	struct kchan_info a = chan_info(first), b = chan_info(send);
	struct stat st;

	expect_int(b.id, a.id);
	expect_int(b.flags & (KCHAN_INFO_SEND | KCHAN_INFO_RECV),
		   KCHAN_INFO_SEND);
	expect_int(chan_info(recv).flags & (KCHAN_INFO_SEND | KCHAN_INFO_RECV),
		   KCHAN_INFO_RECV);
	expect_int(fcntl(send, F_GETFL) & O_ACCMODE, O_WRONLY);
	expect_int(fcntl(recv, F_GETFL) & O_ACCMODE, O_RDONLY);
	must_int(fstat(first, &st), 0);
	expect(S_ISCHR(st.st_mode));
	must_int(fstat(recv, &st), 0);
	expect(S_ISFIFO(st.st_mode));
	expect_int(st.st_mode & 0777, 0400);
	must_int(fstat(send, &st), 0);
	expect(S_ISFIFO(st.st_mode));
	expect_int(st.st_mode & 0777, 0200);
	expect_int(st.st_uid, geteuid());
	send_u64(send, 7);
	expect_recv(recv, 7);
	expect_errno(lseek(send, 0, SEEK_SET), ESPIPE);
}

static void flags_as_asked(void)
{
	int first = chan_make(0, 8, 4), fd;

	fd = end_make(first, BOTH);
	expect_int(fcntl(fd, F_GETFD), 0);
	expect_int(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	fd = end_make(first, BOTH | KCHAN_END_CLOEXEC);
	expect_int(fcntl(fd, F_GETFD), FD_CLOEXEC);
	expect_int(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	fd = end_make(first, BOTH | KCHAN_END_NONBLOCK);
	expect_int(fcntl(fd, F_GETFD), 0);
	expect_int(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	/* It is the end's alone. */
	expect_int(fcntl(first, F_GETFL) & O_NONBLOCK, 0);
	expect_errno(read(fd, &(uint64_t){ 0 }, 8), EAGAIN);
	close(fd);
}

static void refused(void)
{
	struct kchan_end end = { .flags = BOTH, .reserved = 1 };
	struct {
		struct kchan_end known;
		uint64_t more;
	} big = { .known = { .flags = BOTH } };
	int first = chan_make(0, 8, 4), fd;

	expect_errno(try_end(first, 0), EINVAL);
	expect_errno(try_end(first, KCHAN_END_CLOEXEC), EINVAL);
	expect_errno(try_end(first, BOTH | 1U << 4), EINVAL);
	expect_errno(try_end(first, BOTH | 1U << 31), EINVAL);
	expect_errno(ioctl(first, KCHAN_IOC_END, &end), EINVAL);
	expect_errno(ioctl(first, KCHAN_IOC_END, NULL), EFAULT);
	expect_errno(ioctl(first, IOC_SIZED(KCHAN_IOC_END, 4), &end), EINVAL);
	fd = ioctl(first, IOC_SIZED(KCHAN_IOC_END, sizeof(big)), &big);
	must(fd >= 0);
	close(fd);
	big.more = 1;
	expect_errno(ioctl(first, IOC_SIZED(KCHAN_IOC_END, sizeof(big)), &big),
		     E2BIG);
	expect_ends(first, 1, 1);
}

static void out_of_fds(void)
{
	int first = chan_make(0, 8, 4);
	struct rlimit old, none;

	must_int(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	must_int(setrlimit(RLIMIT_NOFILE, &none), 0);
	expect_errno(try_end(first, BOTH), EMFILE);
	must_int(setrlimit(RLIMIT_NOFILE, &old), 0);
	expect_ends(first, 1, 1);
}

static void wrong_way(void)
{
	struct kchan_setup setup = { .elem_size = 8 };
	int first = chan_make(0, 8, 4);
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);
	struct one_case one;
	uint64_t v = 1;

	send_u64(first, 5);
	expect_errno(read(send, &v, 8), EBADF);
	expect_errno(write(recv, &v, 8), EBADF);
	expect_errno(try_recv(send, &v, 8), EBADF);
	expect_errno(try_send(recv, &v, 8), EBADF);
	expect_errno(try_resize(send, 9), EBADF);
	expect_errno(try_resize(recv, 9), EBADF);
	expect_errno(ioctl(send, KCHAN_IOC_SETUP, &setup), EBADF);
	expect_errno(ioctl(recv, KCHAN_IOC_SETUP, &setup), EBADF);
	expect_errno(ioctl(recv, KCHAN_IOC_CLOSE), EBADF);
	/* The fd that a select is called on may be of any direction. */
	one_case(&one, recv, KCHAN_OP_RECV, &v, 8, KCHAN_SELECT_NONBLOCK, 0);
	expect_int(run_case(send, &one), 0);
	expect_int(v, 5);
	expect_int(chan_len(first), 0);
	expect_int(ioctl(send, KCHAN_IOC_CLOSE), 0);
	expect_end(recv);
}

static void own_readiness(void)
{
	int first = chan_make(0, 8, 1);
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);

	expect_int(poll_now(send), POLLOUT);
	expect_int(poll_now(recv), 0);
	send_u64(send, 1);
	expect_int(poll_now(send), 0);
	expect_int(poll_now(recv), POLLIN);
	chan_close(first);
	expect_int(poll_now(send), POLLOUT | POLLERR);
	expect_int(poll_now(recv), POLLIN | POLLRDHUP);
	expect_recv(recv, 1);
	expect_int(poll_now(recv), POLLIN | POLLRDHUP | POLLHUP);
}

static void fixes_geometry(void)
{
	int fd = chan_open(), end = end_make(fd, KCHAN_END_RECV);

	expect(chan_info(fd).flags & KCHAN_INFO_FIXED);
	expect_errno(try_setup(fd, 0, 8, 4), EBUSY);
	expect_int(try_resize(fd, 3), 0);
	expect_int(chan_info(end).capacity, 3);
}

/* When the last end that can send has gone, receivers drain what is left. */
static void last_sender_gone(void)
{
	int first = chan_make(0, 8, 4);
	int recv = end_make(first, KCHAN_END_RECV);
	int send = end_make(first, KCHAN_END_SEND);

	close(first);
	expect_ends(recv, 1, 1);
	send_u64(send, 1);
	send_u64(send, 2);
	expect(!(chan_info(recv).flags & KCHAN_INFO_CLOSED));
	close(send);
	expect_ends(recv, 0, 1);
	expect(chan_info(recv).flags & KCHAN_INFO_CLOSED);
	expect_recv(recv, 1);
	expect_recv(recv, 2);
	expect_end(recv);
	expect_int(poll_now(recv), POLLIN | POLLRDHUP | POLLHUP);
}

static void last_sender_gone_blocked(void)
{
	int first = chan_make(0, 8, 0);
	int recv = end_make(first, KCHAN_END_RECV);
	struct call reader = { 0 }, poller = { 0 }, selecter = { 0 };
	struct one_case one;
	uint64_t v, w;

	call_read(&reader, recv, &v, 8);
	one_case(&one, recv, KCHAN_OP_RECV, &w, 8, 0, 0);
	call_select(&selecter, recv, &one);
	wait_receivers(recv, 2);
	call_poll(&poller, recv, POLLIN);
	call_wait_asleep(&poller);
	close(first);
	expect_done(&reader, 0);
	expect_done(&selecter, 0);
	expect_int(one.s.status, EPIPE);
	expect_done(&poller, 1);
}

static void last_receiver_gone(void)
{
	int first = chan_make(0, 8, 1);
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);
	struct call writer = { 0 };
	struct one_case one;
	uint64_t v = 3;

	signal(SIGPIPE, SIG_DFL);
	close(first);
	send_u64(send, 1);
	call_write(&writer, send, &v, 8);
	wait_senders(send, 1);
	/* The fd and the call that waits. */
	expect_int(file_refs(send), 2);
	close(recv);
	expect_done_errno(&writer, EPIPE);
	/* What was queued is freed. */
	expect_int(chan_len(send), 0);
	expect_ends(send, 1, 0);
	expect(!(chan_info(send).flags & KCHAN_INFO_CLOSED));
	expect_errno(write(send, &v, 8), EPIPE);
	one_case(&one, send, KCHAN_OP_SEND, &v, 8, KCHAN_SELECT_NONBLOCK, 0);
	expect_int(run_case(send, &one), 0);
	expect_int(one.s.status, EPIPE);
	expect_int(poll_now(send), POLLOUT | POLLERR);
	expect_errno(try_end(send, KCHAN_END_RECV), EBADF);
}

static void both_ways_counts_twice(void)
{
	int first = chan_make(0, 8, 1);
	int both = end_make(first, BOTH);
	int recv = end_make(first, KCHAN_END_RECV);

	expect_ends(recv, 2, 3);
	close(first);
	expect_ends(recv, 1, 2);
	send_u64(both, 4);
	expect_recv(recv, 4);
	close(both);
	expect_ends(recv, 0, 1);
	expect_end(recv);
}

/* A copy of the fd is the same end. */
static void copies(void)
{
	int first = chan_make(0, 8, 1);
	int recv = end_make(first, KCHAN_END_RECV);
	int send = end_make(first, KCHAN_END_SEND), copy;

	close(first);
	expect_int(file_refs(send), 1);
	copy = dup(send);
	expect_ends(recv, 1, 1);
	expect_int(file_refs(send), 2);
	expect_errno(read(copy, &(uint64_t){ 0 }, 8), EBADF);
	close(send);
	expect(!(chan_info(recv).flags & KCHAN_INFO_CLOSED));
	send_u64(copy, 8);
	close(copy);
	expect_recv(recv, 8);
	expect_end(recv);
}

struct family {
	int keep;
	int drop;
};

static void child_holds(void *arg)
{
	struct family *f = arg;
	uint64_t v;

	close(f->drop);
	/* The directions are the end's, whoever holds it. */
	expect_errno(write(f->keep, &v, 8), EBADF);
	expect_errno(try_end(f->keep, KCHAN_END_SEND), EBADF);
	/* Until the parent says so: by closing. */
	expect_int(read(f->keep, &v, 8), 0);
}

static void across_fork(void)
{
	int gate = chan_make(0, 8, 0), first = chan_make(0, 8, 1);
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);
	struct family f = { .keep = end_make(gate, KCHAN_END_RECV),
			    .drop = gate };
	pid_t pid;

	close(first);
	pid = spawn(child_holds, &f);
	wait_receivers(gate, 1);
	expect_int(file_refs(send), 2);
	close(send);
	/* The child's is the same end. */
	expect_ends(recv, 1, 1);
	expect(!(chan_info(recv).flags & KCHAN_INFO_CLOSED));
	chan_close(gate);
	expect_exit(pid);
	expect_end(recv);
}

static void killed_process(void)
{
	int gate = chan_make(0, 8, 0), first = chan_make(0, 8, 1);
	int recv = end_make(first, KCHAN_END_RECV);
	int send = end_make(first, KCHAN_END_SEND);
	struct family f = { .keep = end_make(gate, KCHAN_END_RECV),
			    .drop = gate };
	pid_t pid;

	close(first);
	pid = spawn(child_holds, &f);
	wait_receivers(gate, 1);
	close(send);
	expect_ends(recv, 1, 1);
	must_int(kill(pid, SIGKILL), 0);
	reap(pid);
	expect_end(recv);
}

static void send_fd(int sock, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	must_int(sendmsg(sock, &msg, 0), 1);
}

static int recv_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	must_int(recvmsg(sock, &msg, 0), 1);
	must(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void through_socket(void)
{
	int first = chan_make(0, 8, 1), socks[2], got;
	int send = end_make(first, KCHAN_END_SEND);
	int recv = end_make(first, KCHAN_END_RECV);

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	close(first);
	send_fd(socks[0], send);
	expect_int(file_refs(send), 2);
	close(send);
	/* Under way, it is an end still. */
	expect_ends(recv, 1, 1);
	got = recv_fd(socks[1]);
	expect_errno(read(got, &(uint64_t){ 0 }, 8), EBADF);
	expect_errno(try_end(got, KCHAN_END_RECV), EBADF);
	send_u64(got, 6);
	expect_recv(recv, 6);
	/* One that nobody takes out goes with the socket. */
	send_fd(socks[0], got);
	close(got);
	expect(!(chan_info(recv).flags & KCHAN_INFO_CLOSED));
	close(socks[0]);
	close(socks[1]);
	until(chan_info(recv).flags & KCHAN_INFO_CLOSED);
	expect_end(recv);
}

/* The module stays for as long as an end of any kind is open. */
static void pins_the_module(void)
{
	int first = chan_make(0, 8, 1), recv;

	recv = end_make(first, KCHAN_END_RECV);
	close(first);
	if (geteuid())
		tap_skip("unloading takes root");
	expect_errno(syscall(SYS_delete_module, "kchan", O_NONBLOCK),
		     EWOULDBLOCK);
	expect_end(recv);
}

/*
 * Ends come and go while others send and receive. The channel closes when the
 * last sender has gone, and not before.
 */
struct churn {
	int fd;
	uint64_t first;
	unsigned long count;
	uint64_t sum;
};

static void *churn_send(void *arg)
{
	struct churn *c = arg;

	for (unsigned long i = 0; i < c->count; i++) {
		int next = end_make(c->fd, KCHAN_END_SEND);

		close(c->fd);
		c->fd = next;
		send_u64(next, c->first + i);
	}
	close(c->fd);
	return NULL;
}

static void *churn_recv(void *arg)
{
	struct churn *c = arg;
	uint64_t v;
	ssize_t n;

	for (;;) {
		int next = end_make(c->fd, KCHAN_END_RECV);

		close(c->fd);
		c->fd = next;
		n = read(next, &v, 8);
		if (n != 8)
			break;
		c->sum += v;
		c->count++;
	}
	expect_int(n, 0);
	return NULL;
}

static void churn(uint32_t capacity)
{
	const unsigned long count = tap_scale(3000);
	int first = chan_make(0, 8, capacity);
	struct churn c[6] = { 0 };
	pthread_t threads[6];
	uint64_t got = 0, sum = 0;
	unsigned long received = 0;

	for (int i = 0; i < 6; i++) {
		c[i].fd = end_make(first, i < 3 ? KCHAN_END_SEND :
						  KCHAN_END_RECV);
		c[i].first = (uint64_t)i * count + 1;
		c[i].count = i < 3 ? count : 0;
	}
	close(first);
	for (int i = 0; i < 6; i++)
		thread_start(&threads[i], i < 3 ? churn_send : churn_recv,
			     &c[i]);
	for (int i = 0; i < 6; i++)
		thread_join(threads[i]);
	for (uint64_t v = 1; v <= 3 * count; v++)
		sum += v;
	for (int i = 3; i < 6; i++) {
		got += c[i].sum;
		received += c[i].count;
		expect_ends(c[i].fd, 0, 3);
	}
	expect_int(received, 3 * count);
	expect_int(got, sum);
}

static void churn_rendezvous(void)
{
	churn(0);
}

static void churn_buffered(void)
{
	churn(4);
}

static const struct tap_test tests[] = {
	{ "an end has the directions asked for, or less, never more", directions },
	{ "what an end is, to those who look", what_an_end_is },
	{ "close-on-exec and non-blocking as asked", flags_as_asked },
	{ "wrong flags and sizes are refused", refused },
	{ "without fds left: EMFILE, and no end", out_of_fds },
	{ "the wrong way is EBADF", wrong_way },
	{ "an end polls its own direction alone", own_readiness },
	{ "a new end fixes the geometry", fixes_geometry },
	{ "the last sender gone: receivers drain", last_sender_gone },
	{ "the last sender gone: blocked receivers see it", last_sender_gone_blocked },
	{ "the last receiver gone: EPIPE, at once", last_receiver_gone },
	{ "an end of both directions counts as both", both_ways_counts_twice },
	{ "a copy is the same end", copies },
	{ "across fork", across_fork },
	{ "a killed process closes what it held", killed_process },
	{ "through a socket, and in it", through_socket },
	{ "an end pins the module", pins_the_module },
	{ "ends that come and go: rendezvous", churn_rendezvous },
	{ "ends that come and go: buffered", churn_buffered },
};

TAP_MAIN(tests)
