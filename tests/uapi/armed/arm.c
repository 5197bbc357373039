// SPDX-License-Identifier: GPL-2.0-only
/*
 * Armed selects: what commits, what is read, what stays.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "armed.h"

#define READ_U64 ((ssize_t)(sizeof(struct kchan_commit) + 8))
#define READ_NOTHING ((ssize_t)sizeof(struct kchan_commit))

static void receives_later(void)
{
	int fd = chan_make(0, 8, 0);
	int armed = arm_recv(fd, 8);
	struct committed out;

	expect_int(chan_info(fd).recv_waiters, 1);
	expect_int(poll_now(armed), 0);
	expect_errno(try_collect(armed, &out), EAGAIN);
	/* It stands for a receiver that waits. */
	expect_int(poll_now(fd), POLLOUT);
	send_u64(fd, 42);
	expect_int(poll_now(armed), POLLIN);
	expect_int(try_collect(armed, &out), READ_U64);
	expect_int(out.commit.size, sizeof(out.commit));
	expect_int(out.commit.index, 0);
	expect_int(out.commit.status, 0);
	expect_int(out.commit.len, 8);
	expect_int(out.value, 42);
	expect_int(poll_now(armed), 0);
	/* Nothing is armed any more. */
	expect_errno(try_collect(armed, &out), EINVAL);
	expect_idle(fd);
}

static void sends_later(void)
{
	uint64_t v = 7;
	int fd = chan_make(0, 8, 0);
	int armed = arm_send(fd, &v, 8);
	struct committed out;

	/* Copied when it was armed. */
	v = 8;
	expect_int(chan_info(fd).send_waiters, 1);
	expect_int(poll_now(fd), POLLIN);
	expect_int(poll_now(armed), 0);
	expect_recv(fd, 7);
	expect_int(poll_now(armed), POLLIN);
	expect_int(try_collect(armed, &out), READ_NOTHING);
	expect_int(out.commit.status, 0);
	expect_int(out.commit.len, 8);
	expect_idle(fd);
}

static void commits_at_once(void)
{
	uint64_t v = 3;
	int fd = chan_make(0, 8, 1), armed;
	struct committed out;

	armed = arm_send(fd, &v, 8);
	expect_int(chan_len(fd), 1);
	expect_int(poll_now(armed), POLLIN);
	expect_commit(armed, &out, 0, 0);
	close(armed);

	armed = arm_recv(fd, 8);
	expect_int(chan_len(fd), 0);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 3);
}

static void sender_that_waits(void)
{
	uint64_t v = 9;
	int fd = chan_make(0, 8, 0), armed;
	struct committed out;
	struct call call = { 0 };

	call_write(&call, fd, &v, 8);
	wait_senders(fd, 1);
	armed = arm_recv(fd, 8);
	expect_done(&call, 8);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 9);
}

static void arms_again(void)
{
	int fd = chan_make(0, 8, 0);
	int armed = arm_recv(fd, 8);
	struct cases c;
	struct committed out;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	expect_errno(try_rearm(armed, &c), EBUSY);
	send_u64(fd, 1);
	expect_errno(try_rearm(armed, &c), EBUSY);
	expect_commit(armed, &out, 0, 0);
	expect_errno(try_arm(armed, &c, KCHAN_ARM_CLOEXEC), EINVAL);
	expect_errno(try_arm(armed, &c, KCHAN_ARM_NONBLOCK), EINVAL);
	for (uint64_t i = 0; i < tap_scale(500); i++) {
		must_int(try_rearm(armed, &c), 0);
		send_u64(fd, i);
		expect_commit(armed, &out, 0, 0);
		expect_int(out.value, i);
	}
	/* With other cases than before. */
	cases_init(&c, 0, 0);
	add_recv(&c, -1, NULL, 8);
	add_send(&c, fd, &out.value, 8);
	must_int(try_rearm(armed, &c), 0);
	expect_int(disarm(armed), 0);
	must_int(try_rearm(armed, &c), 0);
	recv_u64(fd);
	expect_commit(armed, &out, 1, 0);
	expect_idle(fd);
}

static void disarms(void)
{
	uint64_t v = 5;
	int fd = chan_make(0, 8, 0);
	int armed = arm_send(fd, &v, 8);
	struct committed out;

	expect_int(disarm(armed), 0);
	expect_idle(fd);
	expect_int(poll_now(fd), 0);
	expect_errno(try_collect(armed, &out), EINVAL);
	/* Of nothing there is nothing to take back. */
	expect_int(disarm(armed), 0);
	expect_errno(disarm(fd), ENOTTY);

	close(armed);
	armed = arm_recv(fd, 8);
	send_u64(fd, 6);
	expect_errno(disarm(armed), EALREADY);
	expect_errno(disarm(armed), EALREADY);
	expect_int(poll_now(armed), POLLIN);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 6);
	expect_int(disarm(armed), 0);
}

static void goes_back(void)
{
	int fd = chan_make(0, 8, 2), armed;

	armed = arm_recv(fd, 8);
	send_u64(fd, 1);
	send_u64(fd, 2);
	expect_int(chan_len(fd), 1);
	close(armed);
	/* Ahead of what was sent after it. */
	expect_int(chan_len(fd), 2);
	expect_recv(fd, 1);
	expect_recv(fd, 2);
}

static void goes_to_who_waits(void)
{
	uint64_t v = 0;
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct call call = { 0 };

	send_u64(fd, 77);
	call_read(&call, fd, &v, 8);
	wait_receivers(fd, 1);
	close(armed);
	expect_done(&call, 8);
	expect_int(v, 77);
}

static void close_takes_back(void)
{
	uint64_t v = 1;
	int fd = chan_make(0, 8, 0), armed = arm_send(fd, &v, 8);

	close(armed);
	expect_idle(fd);
	expect_int(try_recv(fd, &v, 8), -1);
}

static void too_little_room(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	char *hole = map_before_hole(64), buf[64];
	struct committed out;

	/* No case has committed yet. */
	expect_errno(read(armed, buf, sizeof(struct kchan_commit) - 1), EAGAIN);
	expect_int(read(armed, buf, 0), 0);
	send_u64(fd, 11);
	expect_int(read(armed, buf, 0), 0);
	expect_errno(read(armed, buf, sizeof(struct kchan_commit) - 1),
		     EMSGSIZE);
	expect_errno(read(armed, buf, sizeof(struct kchan_commit)), EMSGSIZE);
	expect_errno(read(armed, buf, READ_U64 - 1), EMSGSIZE);
	/* The end of either is not there. */
	expect_errno(read(armed, hole + 64 - 8, READ_U64), EFAULT);
	expect_errno(read(armed, hole + 64 - READ_U64 + 1, READ_U64), EFAULT);
	expect_errno(write(armed, buf, 8), EBADF);
	expect_int(poll_now(armed), POLLIN);
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 11);
}

/* Over three channels, one commits, and the others are as they were. */
static void one_of_three(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0), on = chan_make(0, 8, 1);
	uint64_t v = 21;
	struct committed out;
	struct cases c;
	int armed;

	for (int round = 0; round < 30; round++) {
		cases_init(&c, 0, 0);
		add_recv(&c, a, NULL, 8);
		add_send(&c, b, &v, 8);
		add_recv(&c, -1, NULL, 8);
		add_recv(&c, b, NULL, 8);
		armed = arm(on, &c);
		expect_int(chan_info(a).recv_waiters, 1);
		expect_int(chan_info(b).send_waiters, 1);
		expect_int(chan_info(b).recv_waiters, 1);
		switch (round % 3) {
		case 0:
			send_u64(a, 1);
			expect_commit(armed, &out, 0, 0);
			break;
		case 1:
			expect_recv(b, 21);
			expect_commit(armed, &out, 1, 0);
			break;
		default:
			send_u64(b, 2);
			expect_commit(armed, &out, 3, 0);
			break;
		}
		expect_idle(a);
		expect_idle(b);
		expect_int(poll_now(a), 0);
		expect_int(poll_now(b), 0);
		close(armed);
	}
}

static void claimed_is_no_receiver(void)
{
	int a = chan_make(0, 8, 0), b = chan_make(0, 8, 0);
	struct cases c;
	uint64_t v = 1;
	int armed;

	cases_init(&c, 0, 0);
	add_recv(&c, a, NULL, 8);
	add_recv(&c, b, NULL, 8);
	armed = arm(a, &c);
	send_u64(a, 1);
	/* It has committed, though nobody has read it: not twice. */
	expect_int(try_send(b, &v, 8), -1);
	expect_int(try_send(a, &v, 8), -1);
	expect_int(poll_now(b), 0);
	close(armed);
}

static void armed_meets_armed(void)
{
	int fd = chan_make(0, 8, 0), recv, send;
	struct committed out;
	uint64_t v = 13;

	for (int round = 0; round < 2; round++) {
		if (round) {
			send = arm_send(fd, &v, 8);
			recv = arm_recv(fd, 8);
		} else {
			recv = arm_recv(fd, 8);
			send = arm_send(fd, &v, 8);
		}
		expect_int(poll_now(recv), POLLIN);
		expect_int(poll_now(send), POLLIN);
		expect_commit(send, &out, 0, 0);
		expect_commit(recv, &out, 0, 0);
		expect_int(out.value, 13);
		close(send);
		close(recv);
	}
}

static void meets_not_itself(void)
{
	int fd = chan_make(0, 8, 0), armed;
	struct committed out;
	uint64_t v = 17;
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, fd, &v, 8);
	add_recv(&c, fd, NULL, 8);
	armed = arm(fd, &c);
	expect_errno(try_collect(armed, &out), EAGAIN);
	expect_recv(fd, 17);
	expect_commit(armed, &out, 0, 0);
}

static void meets_blocked_select(void)
{
	int fd = chan_make(0, 8, 0), armed;
	struct cases_call call = { 0 };
	struct committed out;
	uint64_t v = 0;

	cases_init(&call.c, 0, 0);
	add_recv(&call.c, fd, &v, 8);
	add_recv(&call.c, -1, NULL, 8);
	cases_start(&call, fd);
	wait_receivers(fd, 1);
	armed = arm_send(fd, &(uint64_t){ 19 }, 8);
	expect_int(cases_join(&call), 0);
	expect_int(v, 19);
	expect_commit(armed, &out, 0, 0);
}

static void other_process(void *arg)
{
	int *fds = arg, armed = arm_send(fds[0], &(uint64_t){ 23 }, 8);
	struct committed out;

	until(poll_now(armed) == POLLIN);
	expect_commit(armed, &out, 0, 0);
}

static void across_processes(void)
{
	int fd = chan_make(0, 8, 0), armed = arm_recv(fd, 8);
	struct committed out;

	expect_exit(spawn(other_process, &fd));
	expect_commit(armed, &out, 0, 0);
	expect_int(out.value, 23);
}

static void nothing_armed(void)
{
	int fd = chan_make(0, 8, 1), armed;
	struct committed out;
	struct cases c;

	cases_init(&c, 0, 0);
	armed = arm(fd, &c);
	expect_errno(try_collect(armed, &out), EAGAIN);
	expect_errno(try_rearm(armed, &c), EBUSY);
	expect_int(disarm(armed), 0);
	expect_int(poll_now(armed), 0);
	expect_errno(try_collect(armed, &out), EINVAL);
	expect_int(read(armed, &out, 0), 0);
}

static void refused(void)
{
	int fd = chan_make(0, 8, 1), message = chan_make(KCHAN_SETUP_MESSAGE, 8, 1);
	int event = eventfd(0, 0), armed;
	struct kchan_arm a = {
		.case_size = sizeof(struct kchan_case),
		.commit_size = sizeof(struct kchan_commit),
	};
	struct { struct kchan_arm a; uint64_t more; } large;
	struct cases c;

	cases_init(&c, 0, 0);
	add_poll(&c, event, POLLIN);
	expect_errno(try_arm(fd, &c, 0), EOPNOTSUPP);
	c.c[0].fd = -1;
	expect_errno(try_arm(fd, &c, 0), EOPNOTSUPP);
	c.c[0] = (struct kchan_case){ .fd = event, .op = KCHAN_OP_RECV };
	expect_errno(try_arm(fd, &c, 0), EINVAL);
	c.c[0].fd = 1000;
	expect_errno(try_arm(fd, &c, 0), EBADF);
	c.c[0].fd = fd;
	c.c[0].len = 7;
	expect_errno(try_arm(fd, &c, 0), EINVAL);
	c.c[0].len = 8;
	c.c[0].flags = 1;
	expect_errno(try_arm(fd, &c, 0), EINVAL);
	c.c[0].flags = 0;
	c.c[0].op = KCHAN_OP_SEND;
	c.c[0].addr = 8;
	expect_errno(try_arm(fd, &c, 0), EFAULT);
	c.c[0] = (struct kchan_case){ .fd = message, .len = 9,
				      .addr = (uintptr_t)&c };
	expect_errno(try_arm(fd, &c, 0), EMSGSIZE);
	c.c[0].len = 0;
	expect_errno(try_arm(fd, &c, 0), EINVAL);

	expect_errno(try_arm(fd, &c, 4), EINVAL);
	expect_errno(try_arm(fd, &c, 1U << 31), EINVAL);
	a.case_size = sizeof(struct kchan_case) - 1;
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &a), EINVAL);
	a.case_size = sizeof(struct kchan_case);
	a.nr_cases = 1;
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, &a), EFAULT);
	expect_errno(ioctl(fd, KCHAN_IOC_ARM, NULL), EFAULT);
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, sizeof(a) - 1), &a), EINVAL);
	large.a = a;
	large.a.nr_cases = 0;
	large.more = 0;
	armed = ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, sizeof(large)), &large);
	expect(armed >= 0);
	large.more = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_ARM, sizeof(large)), &large),
		     E2BIG);
	expect_errno(ioctl(armed, KCHAN_IOC_CLOSE), ENOTTY);
	expect_errno(ioctl(armed, KCHAN_IOC_INFO, &large), ENOTTY);
	/* An armed select is no end. */
	cases_init(&c, 0, 0);
	add_recv(&c, armed, NULL, 8);
	expect_errno(try_arm(fd, &c, 0), EINVAL);

	cases_init(&c, 0, 0);
	for (unsigned int i = 0; i <= KCHAN_MAX_CASES; i++)
		add_recv(&c, fd, NULL, 8);
	expect_errno(try_arm(fd, &c, 0), E2BIG);
	/* Of all of that nothing is left. */
	expect_idle(fd);
	expect_int(chan_info(fd).recv_ends, 1);
	c.nr--;
	armed = arm(fd, &c);
	expect_int(chan_info(fd).recv_waiters, KCHAN_MAX_CASES);
	expect_int(chan_info(fd).recv_ends, KCHAN_MAX_CASES + 1);
	close(armed);
	expect_idle(fd);
	expect_int(chan_info(fd).recv_ends, 1);
}

/* A bad one among good ones: nothing is armed, nothing has moved. */
static void all_or_none(void)
{
	int a = chan_make(0, 8, 1), b = chan_make(0, 8, 1);
	uint64_t v = 1;
	struct cases c;

	cases_init(&c, 0, 0);
	add_send(&c, a, &v, 8);
	add_send(&c, b, (void *)8, 8);
	expect_errno(try_arm(a, &c, 0), EFAULT);
	expect_int(chan_len(a), 0);
	expect_idle(a);
	expect_int(chan_info(a).send_ends, 1);
	expect_int(chan_info(b).send_ends, 1);
}

static const struct tap_test tests[] = {
	{ "an armed receive takes what is sent later", receives_later },
	{ "an armed send gives what was copied", sends_later },
	{ "what is ready commits at once", commits_at_once },
	{ "arming meets a sender that waits", sender_that_waits },
	{ "once read it can be armed again", arms_again },
	{ "disarming says whether a case had committed", disarms },
	{ "an element not read goes back in its place", goes_back },
	{ "an element not read goes to who waits", goes_to_who_waits },
	{ "closing takes the cases back", close_takes_back },
	{ "what cannot be read stays", too_little_room },
	{ "of three cases one commits", one_of_three },
	{ "what has committed commits no more", claimed_is_no_receiver },
	{ "two armed selects meet", armed_meets_armed },
	{ "a select does not meet itself", meets_not_itself },
	{ "an armed select meets a blocked one", meets_blocked_select },
	{ "armed selects of two processes meet", across_processes },
	{ "no cases at all", nothing_armed },
	{ "what is refused", refused },
	{ "a bad case leaves nothing of the good ones", all_or_none },
};

TAP_MAIN(tests)
