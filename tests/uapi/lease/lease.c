// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: what is received stays the channel's until it is acknowledged.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "leases.h"

#define MS 1000000ULL
#define HOUR (3600000 * MS)

static void life(void)
{
	int fd = chan_make(0, 8, 4), lease;
	struct committed out;

	for (uint64_t i = 0; i < 3; i++)
		send_u64(fd, 10 + i);
	lease = lease_arm(fd, 8, 0);
	expect_int(poll_now(lease), POLLIN);
	expect_errno(lease_ack(lease), EAGAIN);
	expect_lease(lease, 10, 0, 0);
	expect_int(poll_now(lease), 0);
	expect_lease(lease, 10, 0, 0);
	expect_int(chan_info(fd).leased, 1);
	expect_int(chan_info(fd).in_flight, 1);
	expect_int(chan_len(fd), 2);
	expect_errno(try_lease_again(lease, fd, 8, 0), EBUSY);
	expect_errno(disarm(lease), EALREADY);
	must_int(lease_ack(lease), 0);
	expect_int(chan_info(fd).leased, 0);
	expect_errno(lease_ack(lease), EINVAL);
	expect_errno(try_collect(lease, &out), EINVAL);
	must_int(try_lease_again(lease, fd, 8, 0), 0);
	expect_lease(lease, 11, 1, 0);
	/* Without a lease it is read once. */
	close(lease);
	lease = arm_recv(fd, 8);
	expect_lease(lease, 11, 1, 1);
	expect_errno(try_collect(lease, &out), EINVAL);
	close(lease);
	expect_recv(fd, 12);
}

static void steady(void)
{
	int fd = chan_make(0, 8, 4), lease = lease_arm(fd, 8, HOUR);
	const int whole = (int)sizeof(struct kchan_commit) + 8;
	struct committed out;

	for (uint64_t i = 0; i < 4; i++)
		send_u64(fd, i);
	expect_lease(lease, 0, 0, 0);
	for (uint64_t i = 1; i < 4; i++) {
		expect_int(lease_ack_again(lease, &out, sizeof(out)), whole);
		expect_int(out.value, i);
		expect_int(out.commit.number, i);
		expect(out.commit.limit > 0);
	}
	/* Nothing is there: it is armed, and read gives the next one. */
	expect_int(lease_ack_again(lease, &out, sizeof(out)), 0);
	expect_errno(try_collect(lease, &out), EAGAIN);
	send_u64(fd, 4);
	expect_lease(lease, 4, 4, 0);
	send_u64(fd, 5);
	send_u64(fd, 6);
	/* Too little room, and bad memory: acknowledged all the same. */
	expect_int(lease_ack_again(lease, &out, whole - 1), 0);
	expect_errno(lease_ack(lease), EAGAIN);
	expect_lease(lease, 5, 5, 0);
	expect_int(lease_ack_again(lease, (void *)8, whole), 0);
	expect_lease(lease, 6, 6, 0);
	chan_close(fd);
	expect_int(lease_ack_again(lease, &out, sizeof(out)),
		   (long long)sizeof(out.commit));
	expect_int(out.commit.status, EPIPE);
	expect_errno(try_collect(lease, &out), EINVAL);
	expect_int(chan_info(fd).settled, 7);
}

static void returned(void)
{
	int fd = chan_make(0, 8, 4), lease;

	for (uint64_t i = 0; i < 3; i++)
		send_u64(fd, i);
	lease = lease_arm(fd, 8, 0);
	must_int(lease_return(lease, 0, 0), 0);
	must_int(try_lease_again(lease, fd, 8, 0), 0);
	expect_lease(lease, 0, 0, 1);
	expect_int(chan_info(fd).returns, 1);
	must_int(lease_return(lease, KCHAN_RETURN_UNCOUNTED, 0), 0);
	expect_int(chan_info(fd).returns, 1);
	must_int(try_lease_again(lease, fd, 8, 0), 0);
	expect_lease(lease, 0, 0, 1);
	must_int(lease_return(lease, KCHAN_RETURN_TAIL, 0), 0);
	send_u64(fd, 3);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
	must_int(try_lease_again(lease, fd, 8, 0), 0);
	expect_lease(lease, 0, 0, 2);
	expect_int(chan_info(fd).returns, 2);
	close(lease);
	expect_int(chan_info(fd).returns, 3);
	expect_recv(fd, 0);
	expect_recv(fd, 3);
}

static void delayed(void)
{
	int fd = chan_make(0, 8, 4), lease;
	long long before;
	struct call c;
	uint64_t value;

	send_u64(fd, 1);
	send_u64(fd, 2);
	lease = lease_arm(fd, 8, 0);
	expect_lease(lease, 1, 0, 0);
	before = tap_now_ns();
	must_int(lease_return(lease, 0, 100 * MS), 0);
	expect_int(chan_info(fd).delayed, 1);
	expect_int(chan_info(fd).in_flight, 1);
	expect_recv(fd, 2);
	chan_close(fd);
	/* It may come back, so this is not the end. */
	expect_int(poll_now(fd), POLLRDHUP | POLLOUT);
	call_read(&c, fd, &value, sizeof(value));
	expect_done(&c, 8);
	expect_int(value, 1);
	expect(tap_now_ns() - before >= 100 * (long long)MS);
	expect_end(fd);
}

static void limits(void)
{
	int fd = chan_make(0, 8, 4), lease;
	struct committed out;
	struct pollfd p;
	struct timespec ts;

	send_u64(fd, 7);
	lease = lease_arm(fd, 8, 50 * MS);
	expect_commit(lease, &out, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	expect(out.commit.limit <= ts.tv_sec * 1000000000ULL + ts.tv_nsec + 50 * MS);
	p = (struct pollfd){ .fd = lease, .events = POLLIN };
	must_int(poll(&p, 1, 10000), 1);
	expect_int(p.revents, POLLIN | POLLERR);
	expect_errno(try_collect(lease, &out), ETIME);
	expect_errno(lease_ack(lease), ETIME);
	expect_errno(lease_ack_again(lease, &out, sizeof(out)), ETIME);
	expect_errno(lease_return(lease, 0, 0), ETIME);
	expect_errno(lease_extend(lease, 1), ETIME);
	expect_int(chan_len(fd), 1);
	must_int(try_lease_again(lease, fd, 8, 50 * MS), 0);
	expect_lease(lease, 7, 0, 1);
	must_int(lease_extend(lease, HOUR), 0);
	usleep(100000);
	expect_lease(lease, 7, 0, 1);
	must_int(lease_extend(lease, 1), 0);
	must_int(poll(&p, 1, 10000), 1);
	expect_int(disarm(lease), 0);
	expect_errno(try_collect(lease, &out), EINVAL);
	expect_int(chan_info(fd).returns, 2);
	expect_recv(fd, 7);
}

struct shared {
	int fd;
	int lease;
};

/* Holds a lease until it is killed. */
static void hold(void *arg)
{
	struct shared *s = arg;
	struct committed out;

	s->lease = lease_arm(s->fd, 8, 0);
	must(try_collect(s->lease, &out) > 0);
	send_u64(s->fd, 99);
	for (;;)
		pause();
}

static void holder_killed(void)
{
	struct shared s = { .fd = chan_make(0, 8, 4) };
	pid_t pid;

	send_u64(s.fd, 1);
	send_u64(s.fd, 2);
	pid = spawn(hold, &s);
	while (chan_info(s.fd).leased != 1 || chan_len(s.fd) != 2)
		usleep(1000);
	kill(pid, SIGKILL);
	reap(pid);
	s.lease = lease_arm(s.fd, 8, 0);
	expect_lease(s.lease, 1, 0, 1);
	must_int(lease_ack(s.lease), 0);
	expect_int(chan_info(s.fd).returns, 1);
	expect_recv(s.fd, 2);
	expect_recv(s.fd, 99);
}

/* The child has the lease with its copy of the fd, and acknowledges. */
static void child_acks(void *arg)
{
	struct shared *s = arg;

	expect_lease(s->lease, 5, 0, 0);
	must_int(lease_ack(s->lease), 0);
}

static void child_waits(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void passed_on(void)
{
	struct shared s = { .fd = chan_make(0, 8, 4) };
	pid_t pid;

	send_u64(s.fd, 5);
	s.lease = lease_arm(s.fd, 8, 0);
	pid = spawn(child_acks, &s);
	expect_exit(pid);
	expect_int(chan_info(s.fd).leased, 0);
	expect_errno(lease_ack(s.lease), EINVAL);
	/* It lasts as long as the last copy. */
	send_u64(s.fd, 6);
	must_int(try_lease_again(s.lease, s.fd, 8, 0), 0);
	pid = spawn(child_waits, &s);
	close(s.lease);
	usleep(50000);
	expect_int(chan_info(s.fd).leased, 1);
	kill(pid, SIGKILL);
	reap(pid);
	expect_int(chan_info(s.fd).leased, 0);
	expect_recv(s.fd, 6);
}

static void last_end(void)
{
	int fd = chan_make(0, 8, 4), send = end_make(fd, KCHAN_END_SEND), lease;
	struct kchan_info info;

	for (uint64_t i = 0; i < 3; i++)
		send_u64(fd, i);
	lease = lease_arm(fd, 8, 0);
	close(fd);
	send_u64(send, 3);
	expect_lease(lease, 0, 0, 0);
	must_int(lease_ack(lease), 0);
	/* Nobody can receive any more. */
	expect_errno(write(send, &info, 8), EPIPE);
	info = chan_info(send);
	expect_int(info.len, 0);
	expect_int(info.taken, 1);
	expect_int(info.settled, 1);
	expect_int(info.dropped, 3);
	expect(info.instance);
}

static void none(void)
{
	int fd = chan_make(0, 8, 1), armed = arm_recv(fd, 8);
	struct committed out;

	expect_errno(lease_ack(fd), ENOTTY);
	expect_errno(lease_ack(armed), EAGAIN);
	expect_errno(lease_return(armed, 0, 0), EAGAIN);
	expect_errno(lease_extend(armed, 0), EAGAIN);
	send_u64(fd, 1);
	expect_errno(lease_ack(armed), EINVAL);
	expect_errno(lease_return(armed, 0, 0), EINVAL);
	expect_errno(lease_extend(armed, 0), EINVAL);
	expect_commit(armed, &out, 0, 0);
	expect_errno(lease_ack(armed), EINVAL);
}

static int try_ack(int fd, struct kchan_ack a)
{
	return ioctl(fd, KCHAN_IOC_ACK, &a);
}

static void hostile(void)
{
	int fd = chan_make(0, 8, 2), lease;
	struct kchan_case c = { .fd = fd, .op = KCHAN_OP_RECV, .len = 8 };
	struct kchan_arm a = {
		.cases = (uintptr_t)&c,
		.nr_cases = 1,
		.case_size = sizeof(c),
		.commit_size = sizeof(struct kchan_commit),
		.limit = 1,
	};
	struct kchan_extend e = { .reserved = 1 };
	struct kchan_return r = { .reserved = 1 };

	/* A limit without a lease; an unknown flag. */
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &a), EINVAL);
	a.flags = KCHAN_ARM_LEASE << 1;
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &a), EINVAL);
	send_u64(fd, 1);
	lease = lease_arm(fd, 8, 0);
	expect_lease(lease, 1, 0, 0);
	expect_errno(try_ack(lease, (struct kchan_ack){ .flags = 2 }), EINVAL);
	expect_errno(try_ack(lease, (struct kchan_ack){ .len = 8, .addr = 8 }), EINVAL);
	expect_errno(try_ack(lease, (struct kchan_ack){ .flags = 1, .addr = 8 }), EINVAL);
	expect_errno(ioctl(lease, KCHAN_IOC_ACK, 8), EFAULT);
	expect_errno(ioctl(lease, IOC_SIZED(KCHAN_IOC_ACK, 15), &r), EINVAL);
	expect_errno(ioctl(lease, KCHAN_IOC_RETURN, &r), EINVAL);
	expect_errno(lease_return(lease, 4, 0), EINVAL);
	expect_errno(ioctl(lease, KCHAN_IOC_RETURN, 8), EFAULT);
	expect_errno(ioctl(lease, IOC_SIZED(KCHAN_IOC_RETURN, 15), &r), EINVAL);
	expect_errno(ioctl(lease, KCHAN_IOC_EXTEND, &e), EINVAL);
	expect_errno(ioctl(lease, KCHAN_IOC_EXTEND, 8), EFAULT);
	expect_errno(ioctl(lease, IOC_SIZED(KCHAN_IOC_EXTEND, 15), &e), EINVAL);
	/* It is still there after all this. */
	expect_lease(lease, 1, 0, 0);
	must_int(lease_extend(lease, UINT64_MAX), 0);
	/* A delay that never ends: it goes with the channel. */
	must_int(lease_return(lease, KCHAN_RETURN_TAIL, UINT64_MAX), 0);
	expect_int(chan_info(fd).delayed, 1);
	close(lease);
	close(fd);
}

static void shown(void)
{
	int fd = chan_make(0, 8, 2), lease;
	struct fdinfo f;
	char value[64];

	lease = lease_arm(fd, 8, 0);
	must(fdinfo_try(&f, 0, lease));
	must(fdinfo_value(&f, "select", value, sizeof(value)));
	expect(!strcmp(value, "armed"));
	send_u64(fd, 1);
	must(fdinfo_try(&f, 0, lease));
	must(fdinfo_value(&f, "select", value, sizeof(value)));
	expect(!strcmp(value, "leased"));
	must(fdinfo_value(&f, "lease-left-ns", value, sizeof(value)));
	expect(!strcmp(value, "-"));
	expect_int(fdinfo_number(lease, "lease-number"), 0);
	expect_int(fdinfo_number(lease, "lease-read"), 0);
	expect_lease(lease, 1, 0, 0);
	expect_int(fdinfo_number(lease, "lease-read"), 1);
	expect_int(fdinfo_number(fd, "leased"), 1);
	expect_int(fdinfo_number(fd, "taken"), 1);
	expect_int(fdinfo_number(fd, "settled"), 0);
	must_int(lease_extend(lease, HOUR), 0);
	expect(fdinfo_number(lease, "lease-left-ns") > 0);
	must_int(lease_extend(lease, 1), 0);
	while (chan_len(fd) != 1)
		usleep(1000);
	must(fdinfo_try(&f, 0, lease));
	must(fdinfo_value(&f, "select", value, sizeof(value)));
	expect(!strcmp(value, "expired"));
}

static const struct tap_test tests[] = {
	{ "a lease is read as often as one likes, and acknowledged once", life },
	{ "acknowledge, arm again and get the next one in one call", steady },
	{ "an element is returned to its place, and to the tail", returned },
	{ "an element is returned with a delay", delayed },
	{ "a limit comes, is moved, and ends a lease", limits },
	{ "a holder is killed: its element comes back, and that counts", holder_killed },
	{ "a child has the lease with the fd", passed_on },
	{ "a lease is an end that receives", last_end },
	{ "what is no lease", none },
	{ "hostile arguments change nothing", hostile },
	{ "fdinfo shows leases", shown },
};

TAP_MAIN(tests)
