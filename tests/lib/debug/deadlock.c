// SPDX-License-Identifier: GPL-2.0-only
/*
 * The deadlock report: it appears for each deadlock, and for nothing else.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/synctest.h>

#include "child.h"
#include "common.h"
#include "death.h"

#define EVERY	(5 * KC_MILLISECOND)

/* How long a program without a deadlock is watched. */
#define LONG_MS	500

static void recv_forever(void *arg)
{
	uint64_t v;

	expect_int(kc_recv(arg, &v), 0);
}

static void *recv_thread(void *arg)
{
	recv_forever(arg);
	return NULL;
}

static void watch(void)
{
	must_int(kc_detect_deadlock(EVERY), 0);
}

/* Deadlocks. */
static void alone(void *arg)
{
	(void)arg;
	watch();
	recv_forever(make(8, 0));
}

static void send_full(void *arg)
{
	kc_chan *c = make(8, 1);
	uint64_t v = 1;

	(void)arg;
	watch();
	send_now(c, 1);
	expect_int(kc_send(c, &v), 0);
}

static void send_several(void *arg)
{
	const uint64_t elems[] = { 1, 2, 3 };

	(void)arg;
	watch();
	expect_int(kc_send_n(make(8, 1), elems, 3), 3);
}

static void recv_several(void *arg)
{
	uint64_t elems[2];

	(void)arg;
	watch();
	expect_int(kc_recv_n(make(8, 1), elems, 2), 2);
}

static void discard_several(void *arg)
{
	(void)arg;
	watch();
	expect_int(kc_recv_n(make(8, 1), NULL, 2), 2);
}

static void no_element(void *arg)
{
	(void)arg;
	watch();
	expect_int(kc_recv(make(0, 0), NULL), 0);
}

static void message(void *arg)
{
	char buf[8];

	(void)arg;
	watch();
	expect_int(kc_recv_msg(make_messages(8, 0), buf, sizeof(buf)), 0);
}

static void nil(void *arg)
{
	(void)arg;
	watch();
	expect_int(kc_recv(NULL, NULL), 0);
}

static void nothing(void *arg)
{
	kc_waitgroup_done(arg);
}

/* Threads of the pool are parked, and main waits for goroutines that wait. */
static void waitgroup(void *arg)
{
	kc_chan *c = make(8, 0), *recv, *send;
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	(void)arg;
	watch();
	kc_waitgroup_add(&wg, 2);
	must_int(kc_go(nothing, &wg), 0);
	must_int(kc_go(nothing, &wg), 0);
	kc_waitgroup_wait(&wg);
	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	must_int(kc_waitgroup_go(&wg, recv_forever, c), 0);
	must_int(kc_waitgroup_go(&wg, recv_forever, recv), 0);
	kc_waitgroup_wait(&wg);
}

static void mutex(void *arg)
{
	kc_mutex m = KC_MUTEX_INIT;

	(void)arg;
	watch();
	kc_mutex_lock(&m);
	kc_mutex_lock(&m);
}

static kc_rwmutex written = KC_RWMUTEX_INIT;

static void write_too(void *arg)
{
	(void)arg;
	kc_rwmutex_lock(&written);
	kc_rwmutex_unlock(&written);
}

/* One writer waits behind another one, which waits for it. */
static void rwmutex(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	(void)arg;
	watch();
	kc_rwmutex_lock(&written);
	must_int(kc_waitgroup_go(&wg, write_too, NULL), 0);
	kc_waitgroup_wait(&wg);
}

static void selects(void *arg)
{
	kc_chan *c = make(8, 0), *d = make(8, 0);
	uint64_t v;
	kc_case cases[] = {
		kc_case_recv(c, &v), kc_case_recv(d, &v), kc_case_recv(c, &v),
	};

	(void)arg;
	watch();
	must_int(kc_go(recv_forever, c), 0);
	expect_int(kc_select(cases, ARRAY_SIZE(cases)), 0);
}

static void threads(void *arg)
{
	kc_chan *c = make(8, 0);

	(void)arg;
	watch();
	start(recv_thread, c);
	recv_forever(c);
}

/* It is a deadlock only after the timer has been stopped. */
static void timer_stopped(void *arg)
{
	kc_chan *after;
	uint64_t v;

	(void)arg;
	watch();
	must_int(kc_after(&after, 50 * KC_MILLISECOND), 0);
	must_int(kc_recv(after, &v), 1);
	kc_unref(after);
	recv_forever(make(8, 0));
}

/* No deadlocks. */
static void timed(void *arg)
{
	uint64_t v;

	(void)arg;
	watch();
	expect_int(kc_recv_timeout(make(8, 0), &v, 100 * KC_SECOND), 0);
}

static void sleeps(void *arg)
{
	(void)arg;
	watch();
	kc_sleep(100 * KC_SECOND);
}

static void timer(void *arg)
{
	kc_chan *after;

	(void)arg;
	watch();
	must_int(kc_after(&after, 100 * KC_SECOND), 0);
	recv_forever(make(8, 0));
}

static void context(void *arg)
{
	kc_ctx *ctx;
	uint64_t v;

	(void)arg;
	watch();
	must_int(kc_with_timeout(&ctx, kc_background(), 100 * KC_SECOND), 0);
	expect_int(kc_recv_ctx(ctx, make(8, 0), &v), 0);
}

static void descriptor(void *arg)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	kc_case cases[] = { kc_case_fd(fd, POLLIN) };

	(void)arg;
	watch();
	expect_int(kc_select(cases, 1), 0);
}

static void signals(void *arg)
{
	static const int signums[] = { SIGUSR1 };
	kc_chan *c = make(sizeof(int), 1);
	int signum;

	(void)arg;
	watch();
	must_int(kc_notify(c, signums, 1), 0);
	expect_int(kc_recv(c, &signum), 0);
}

static void *in_poll(void *arg)
{
	poll(NULL, 0, -1);
	return arg;
}

static void other_thread(void *arg)
{
	(void)arg;
	watch();
	start(in_poll, NULL);
	recv_forever(make(8, 0));
}

/* A thread that the library knows, and that waits outside of the library. */
static void *known_in_poll(void *arg)
{
	kc_goid();
	return in_poll(arg);
}

static void known_thread(void *arg)
{
	(void)arg;
	watch();
	start(known_in_poll, NULL);
	recv_forever(make(8, 0));
}

static void process(void *arg)
{
	kc_chan *c = make(8, 0);
	pid_t pid = fork();

	(void)arg;
	must(pid >= 0);
	if (!pid) {
		sleep(2);
		_exit(0);
	}
	watch();
	recv_forever(c);
}

/* Another process has the other end of the channel. */
static void process_sends(void *arg)
{
	kc_chan *recv, *send;
	pid_t pid;

	(void)arg;
	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		kc_unref(recv);
		sleep(2);
		_exit(0);
	}
	watch();
	recv_forever(recv);
}

/* Another process can send without an end. */
static void process_has_mapped(void *arg)
{
	pid_t pid;
	kc_chan *c = mapped_by_child(&pid);

	(void)arg;
	watch();
	recv_forever(c);
}

/* This process has mapped the channel. */
static void mapped(void *arg)
{
	kc_chan *c = make(8, 2);
	uint64_t i, got;

	(void)arg;
	for (i = 0; i < 200; i++) {
		must_int(kc_send(c, &i), 0);
		must_int(kc_recv(c, &got), 1);
	}
	watch();
	recv_forever(c);
}

/* The end is in a socket's queue, and can only receive here. */
static void in_socket(void *arg)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char x = 'x';
	struct iovec byte = { &x, 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	kc_chan *recv, *send;
	int ends[2];

	(void)arg;
	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	must_int(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(&control.header) = kc_fd(send);
	must_int(sendmsg(ends[0], &msg, 0), 1);
	kc_unref(send);
	watch();
	recv_forever(recv);
}

static void duplicate(void *arg)
{
	kc_chan *c = make(8, 0);

	(void)arg;
	must(dup(kc_fd(c)) >= 0);
	watch();
	recv_forever(c);
}

/* It is not known what io_uring is going to do. */
static int open_uring(struct io_uring_params *params)
{
	const int fd = syscall(SYS_io_uring_setup, 4, params);

	if (fd < 0)
		tap_note("no io_uring");
	return fd;
}

static void wait_beside_uring(void)
{
	kc_sem none = KC_SEM_INIT(0);

	watch();
	kc_sem_acquire(&none, 1);
}

static void uring(void *arg)
{
	struct io_uring_params params = { 0 };

	if (open_uring(&params) < 0)
		in_socket(arg);
	wait_beside_uring();
}

/* It exists as long as its memory is mapped, even without a descriptor. */
static void uring_mapped(void *arg)
{
	struct io_uring_params params = { 0 };
	const int fd = open_uring(&params);

	if (fd < 0)
		in_socket(arg);
	must(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  IORING_OFF_SQ_RING) != MAP_FAILED);
	must_int(close(fd), 0);
	wait_beside_uring();
}

/* The references of the channel cannot be read. Only root can do this. */
static void hidden(void *arg)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/proc/self/fdinfo", "tmpfs", MS_RDONLY, NULL))
		in_poll(arg);
	watch();
	recv_forever(make(8, 0));
}

static const struct {
	const char *what;
	void (*fn)(void *arg);
	const char *state;
} deadlocks[] = {
	{ "a receive", alone, "[chan receive on channel " },
	{ "a receive of a mapped channel", mapped, "[chan receive on channel " },
	{ "a send", send_full, "[chan send on channel " },
	{ "several to send", send_several, "[chan send on channel " },
	{ "several to receive", recv_several, "[chan receive on channel " },
	{ "several to discard", discard_several, "[chan receive on channel " },
	{ "no element", no_element, "[chan receive on channel " },
	{ "a message", message, "[chan receive on channel " },
	{ "no channel", nil, "[chan receive (nil chan), " },
	{ "a wait group", waitgroup, "[waitgroup wait, " },
	{ "a mutex", mutex, "[mutex lock, " },
	{ "a writer behind another", rwmutex, "[rwmutex lock, " },
	{ "a select", selects, "[select on channels " },
	{ "a thread of others", threads, "[chan receive on channel " },
	{ "after a timer", timer_stopped, "[chan receive on channel " },
}, others[] = {
	{ "a limit", timed, NULL },
	{ "a sleep", sleeps, NULL },
	{ "a timer", timer, NULL },
	{ "a context with a deadline", context, NULL },
	{ "a descriptor", descriptor, NULL },
	{ "signals", signals, NULL },
	{ "another thread", other_thread, NULL },
	{ "another thread that is known", known_thread, NULL },
	{ "another process", process, NULL },
	{ "another process that sends", process_sends, NULL },
	{ "another process that has mapped the channel", process_has_mapped, NULL },
	{ "an end in a socket", in_socket, NULL },
	{ "a second descriptor", duplicate, NULL },
	{ "an instance of io_uring", uring, NULL },
	{ "one that is mapped only", uring_mapped, NULL },
	{ "no fdinfo", hidden, NULL },
};

static void test_deadlocks(void)
{
	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	for (unsigned int i = 0; i < ARRAY_SIZE(deadlocks); i++) {
		tap_about("%s", deadlocks[i].what);
		expect_abort(deadlocks[i].fn, NULL, (const char *[]){
			"fatal error: all goroutines are asleep - deadlock!\n\n"
			"goroutine ", deadlocks[i].state, "]:\nkc_", "\n\t",
			"deadlock.c:", NULL });
	}
}

/*
 * Nothing is reported for a while. On a busy machine a report may come so late that it is
 * cut off, so its first bytes count.
 */
static void test_none(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		int status, said[2];
		char byte;
		pid_t pid;

		tap_about("%s", others[i].what);
		must_int(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			dup2(said[1], STDERR_FILENO);
			others[i].fn(NULL);
			_exit(1);
		}
		sleep_ms(LONG_MS);
		kill(pid, SIGKILL);
		must_int(waitpid(pid, &status, 0), pid);
		expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		expect_int(read(said[0], &byte, 1), -1);
		close(said[0]);
		close(said[1]);
	}
}

/* A busy program, with moments at which nearly all goroutines sleep. */
static void echo(void *arg)
{
	kc_chan **c = arg;
	uint64_t v;

	kc_for_each(c[0], &v)
		must_int(kc_send(c[1], &v), 0);
	kc_close(c[1]);
}

static void test_busy(void)
{
	kc_chan *c[] = { make(8, 0), make(8, 0) };
	const unsigned long rounds = tap_scale(20000);
	uint64_t v;

	must_int(kc_detect_deadlock(1), 0);
	must_int(kc_go(echo, c), 0);
	for (uint64_t i = 0; i < rounds; i++) {
		must_int(kc_send(c[0], &i), 0);
		must_int(kc_recv(c[1], &v), 1);
		must_int(v, i);
	}
	kc_close(c[0]);
	must_int(kc_recv(c[1], &v), 0);
}

static void wait_for_others(void *arg)
{
	const unsigned long rounds = tap_scale(20000);

	(void)arg;
	for (unsigned long i = 0; i < rounds; i++)
		kc_synctest_wait();
}

/* The fake clock wakes its waiter again and again. */
static void test_clock(void)
{
	must_int(kc_detect_deadlock(1), 0);
	must_int(kc_synctest(wait_for_others, NULL), 0);
}

/* A forked child is not watched unless it calls kc_detect_deadlock(). */
static void ask_in_child(void *arg)
{
	pid_t pid;
	int status;

	/* Nor by its environment, which may be set for all tests. */
	must_int(unsetenv("KCHANDEBUG"), 0);
	watch();
	pid = fork();
	if (!pid) {
		expect_int(kc_recv_timeout(make(8, 0), &(uint64_t){ 0 }, 1),
			   -ETIMEDOUT);
		recv_forever(make(8, 0));
	}
	sleep_ms(LONG_MS);
	kill(pid, SIGKILL);
	must_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	pid = fork();
	if (!pid)
		alone(arg);
	must_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	_exit(0);
}

static void test_fork(void)
{
	static struct death death;

	die_in(&death, ask_in_child, NULL);
	expect_int(death.status, 0);
	expect(strstr(death.said, "all goroutines are asleep"));
}

static void test_errors(void)
{
	expect_int(kc_detect_deadlock(-1), -EINVAL);
	expect_int(kc_detect_deadlock(0), 0);
	expect_int(kc_detect_deadlock(100 * KC_SECOND), 0);
}

static const struct tap_test tests[] = {
	{ "deadlocks are told", test_deadlocks },
	{ "what is none is not", test_none },
	{ "nor a program that is busy", test_busy },
	{ "nor one with a clock that leaps", test_clock },
	{ "a forked child asks for itself", test_fork },
	{ "errors", test_errors },
};

TAP_MAIN(tests)
