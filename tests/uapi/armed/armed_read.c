// SPDX-License-Identifier: GPL-2.0-only
/*
 * A read of an armed select that waits: what ends it. (arm_edge.c has readers that
 * meet, arm.c the reads that do not wait.)
 */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "armed.h"

#define READ_U64 ((ssize_t)(sizeof(struct kchan_commit) + 8))
#define READ_NOTHING ((ssize_t)sizeof(struct kchan_commit))

/* A select that is armed, and a reader that waits for it. */
struct reading {
	struct call call;
	struct committed out;
	struct cases c;
	int fd, armed;
};

static void read_again(struct reading *r)
{
	memset(&r->out, POISON, sizeof(r->out));
	call_read(&r->call, r->armed, &r->out, sizeof(r->out));
	call_wait_asleep(&r->call);
}

static void reading_starts(struct reading *r)
{
	r->fd = chan_make(0, 8, 0);
	cases_init(&r->c, 0, 0);
	add_recv(&r->c, r->fd, NULL, 8);
	r->armed = try_arm(r->fd, &r->c, 0);
	must(r->armed >= 0);
	expect_int(fcntl(r->armed, F_GETFL) & O_NONBLOCK, 0);
	read_again(r);
}

static void by_a_commit(void)
{
	struct reading r;

	reading_starts(&r);
	/* It is one waiter: its armed case. */
	expect_int(chan_info(r.fd).recv_waiters, 1);
	send_u64(r.fd, 9);
	expect_done(&r.call, READ_U64);
	expect_int(r.out.commit.status, 0);
	expect_int(r.out.value, 9);
	/* Again and again. */
	for (uint64_t i = 0; i < 50; i++) {
		must_int(try_rearm(r.armed, &r.c), 0);
		read_again(&r);
		send_u64(r.fd, i);
		expect_done(&r.call, READ_U64);
		expect_int(r.out.value, i);
	}
	expect_idle(r.fd);
}

static void by_a_sent_element(void)
{
	struct reading r;
	uint64_t v = 12;

	r.fd = chan_make(0, 8, 0);
	cases_init(&r.c, 0, 0);
	add_send(&r.c, r.fd, &v, 8);
	r.armed = try_arm(r.fd, &r.c, 0);
	must(r.armed >= 0);
	read_again(&r);
	expect_recv(r.fd, 12);
	expect_done(&r.call, READ_NOTHING);
	expect_int(r.out.commit.status, 0);
	expect_int(r.out.commit.len, 8);
}

static void by_a_close(void)
{
	struct reading r;

	reading_starts(&r);
	chan_close(r.fd);
	expect_done(&r.call, READ_NOTHING);
	expect_int(r.out.commit.status, EPIPE);
}

static void by_a_disarm(void)
{
	struct reading r;

	reading_starts(&r);
	expect_int(disarm(r.armed), 0);
	expect_done_errno(&r.call, EINVAL);
	expect_idle(r.fd);
	/* Nothing is armed: it does not wait. */
	expect_errno(read(r.armed, &r.out, sizeof(r.out)), EINVAL);
	must_int(try_rearm(r.armed, &r.c), 0);
	read_again(&r);
	send_u64(r.fd, 2);
	expect_done(&r.call, READ_U64);
}

static void by_a_signal(void)
{
	struct reading r;

	on_signal(SIGUSR1, 0);
	reading_starts(&r);
	call_signal(&r.call, SIGUSR1);
	expect_done_errno(&r.call, EINTR);
	/* It is armed on. */
	expect_int(chan_info(r.fd).recv_waiters, 1);
	read_again(&r);
	send_u64(r.fd, 4);
	expect_done(&r.call, READ_U64);
	expect_int(r.out.value, 4);
}

static void restarts(void)
{
	struct reading r;

	on_signal(SIGUSR1, SA_RESTART);
	reading_starts(&r);
	for (unsigned int i = 1; i <= 3; i++) {
		call_signal(&r.call, SIGUSR1);
		until(atomic_load(&signals_seen) == i);
		call_wait_asleep(&r.call);
		/* The case has its place all the while. */
		expect_int(chan_info(r.fd).recv_waiters, 1);
	}
	send_u64(r.fd, 5);
	expect_done(&r.call, READ_U64);
	expect_int(r.out.value, 5);
}

/* Of several readers one has the outcome. */
static void several_readers(void)
{
	enum { READERS = 4 };
	struct committed out[READERS] = { 0 };
	struct call calls[READERS];
	struct reading r;
	unsigned int got = 0;

	reading_starts(&r);
	for (int i = 0; i < READERS; i++) {
		call_read(&calls[i], r.armed, &out[i], sizeof(out[i]));
		call_wait_asleep(&calls[i]);
	}
	send_u64(r.fd, 6);
	/* The others find nothing armed. */
	for (int i = 0; i < READERS; i++) {
		if (call_join(&calls[i]) == READ_U64) {
			expect_int(out[i].value, 6);
			got++;
		} else {
			expect_int(errno, EINVAL);
		}
	}
	if (call_join(&r.call) == READ_U64) {
		expect_int(r.out.value, 6);
		got++;
	} else {
		expect_int(errno, EINVAL);
	}
	expect_int(got, 1);
}

/* The read holds the file: closing the fd takes nothing away from it. */
static void fd_closed(void)
{
	struct reading r;

	reading_starts(&r);
	close(r.armed);
	expect_int(chan_info(r.fd).recv_ends, 2);
	expect_int(chan_info(r.fd).recv_waiters, 1);
	send_u64(r.fd, 7);
	expect_done(&r.call, READ_U64);
	expect_int(r.out.value, 7);
	until(chan_info(r.fd).recv_ends == 1);
}

/* O_NONBLOCK is the fd's, and may be changed. */
static void nonblocking(void)
{
	struct reading r;

	r.fd = chan_make(0, 8, 0);
	cases_init(&r.c, 0, 0);
	add_recv(&r.c, r.fd, NULL, 8);
	r.armed = try_arm(r.fd, &r.c, KCHAN_ARM_NONBLOCK);
	must(r.armed >= 0);
	expect_errno(try_collect(r.armed, &r.out), EAGAIN);
	chan_nonblock(r.armed, false);
	read_again(&r);
	/* That of the end does not matter. */
	chan_nonblock(r.fd, true);
	expect(call_asleep(&r.call));
	send_u64(r.fd, 8);
	expect_done(&r.call, READ_U64);
	must_int(try_rearm(r.armed, &r.c), 0);
	chan_nonblock(r.armed, true);
	expect_errno(try_collect(r.armed, &r.out), EAGAIN);
}

static void child_reads(void *arg)
{
	struct committed out;
	int *armed = arg;

	expect_int(read(*armed, &out, sizeof(out)), READ_U64);
	expect_int(out.value, 10);
}

/* In a process that is killed, and in one that goes on. */
static void processes(void)
{
	struct cases c;
	int fd = chan_make(0, 8, 0), armed;
	pid_t pid;

	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	armed = try_arm(fd, &c, 0);
	must(armed >= 0);
	pid = spawn(child_reads, &armed);
	until(process_asleep(pid, SYS_read));
	must_int(kill(pid, SIGKILL), 0);
	reap(pid);
	expect_int(chan_info(fd).recv_waiters, 1);
	pid = spawn(child_reads, &armed);
	send_u64(fd, 10);
	expect_exit(pid);
}

static const struct tap_test tests[] = {
	{ "a commit", by_a_commit },
	{ "a commit of a send", by_a_sent_element },
	{ "a close", by_a_close },
	{ "disarming: EINVAL", by_a_disarm },
	{ "a signal: EINTR", by_a_signal },
	{ "a signal with SA_RESTART does not", restarts },
	{ "of several readers one has the outcome", several_readers },
	{ "closing the fd does not", fd_closed },
	{ "O_NONBLOCK", nonblocking },
	{ "other processes", processes },
};

TAP_MAIN(tests)
