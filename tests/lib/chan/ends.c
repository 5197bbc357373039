// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles of one direction.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "common.h"

KC_CHAN_DEFINE(int_chan, int);

static void test_direction(void)
{
	kc_chan *c = make(8, 2), *recv = NULL, *send = NULL, *more = NULL;
	uint64_t value = 4;

	must_int(kc_recv_only(&recv, c), 0);
	must_int(kc_send_only(&send, c), 0);
	expect_int(kc_fd(recv) != kc_fd(c), 1);
	expect_int(fcntl(kc_fd(recv), F_GETFD), FD_CLOEXEC);
	expect_int(fcntl(kc_fd(send), F_GETFD), FD_CLOEXEC);

	expect_int(kc_send(send, &value), 0);
	expect_int(kc_recv(send, &value), -EBADF);
	expect_int(kc_try_recv(send, &value), -EBADF);
	expect_int(kc_recv_timeout(send, &value, KC_SECOND), -EBADF);
	expect_int(kc_send(recv, &value), -EBADF);
	expect_int(kc_try_send(recv, &value), -EBADF);
	expect_int(kc_send_timeout(recv, &value, KC_SECOND), -EBADF);
	value = 0;
	expect_int(kc_recv(recv, &value), 1);
	expect_int(value, 4);

	expect_int(kc_recv_only(&more, send), -EBADF);
	expect_int(kc_send_only(&more, recv), -EBADF);
	expect(!more);
	expect_int(kc_resize(recv, 1), -EBADF);
	expect_int(kc_resize(send, 1), -EBADF);
	expect_int(kc_elem_size(recv), 8);
	expect_int(kc_cap(send), 2);
	expect_int(kc_close(recv), -EBADF);
	expect_int(kc_close(send), 0);
	expect_int(kc_recv(recv, &value), 0);
	kc_unref(recv);
	kc_unref(send);
	kc_unref(c);
}

/* A handle is made from one that has the same direction already. */
static void test_again(void)
{
	kc_chan *recv = NULL, *send = NULL, *recv2 = NULL, *send2 = NULL;
	uint64_t value;

	must_int(kc_make_pair(&recv, &send, 8, 1), 0);
	must_int(kc_recv_only(&recv2, recv), 0);
	must_int(kc_send_only(&send2, send), 0);
	kc_unref(recv);
	kc_unref(send);
	send_now(send2, 3);
	expect_int(recv_now(recv2), 3);
	kc_unref(send2);
	expect_int(kc_try_recv(recv2, &value), 0);
	kc_unref(recv2);
}

static void test_closes_by_itself(void)
{
	kc_chan *recv = NULL, *send = NULL;
	uint64_t value = 1;

	must_int(kc_make_pair(&recv, &send, 8, 2), 0);
	send_now(send, 1);
	kc_unref(send);
	expect_int(kc_recv(recv, &value), 1);
	expect_int(kc_recv(recv, &value), 0);
	kc_unref(recv);

	must_int(kc_make_pair(&recv, &send, 8, 2), 0);
	kc_unref(recv);
	expect_int(kc_send(send, &value), -EPIPE);
	kc_unref(send);
}

/* Calls that wait when the other side is dropped. */
static void test_wakes(void)
{
	kc_chan *recv = NULL, *send = NULL;
	struct call call;

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	call_recv(&call, recv);
	kc_unref(send);
	expect_int(call_end(&call), 0);
	kc_unref(recv);

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	call_send(&call, send, 1);
	kc_unref(recv);
	expect_int(call_end(&call), -EPIPE);
	kc_unref(send);
}

/* Each process keeps only the end that it uses. So the loop ends by itself. */
static void test_fork(void)
{
	kc_chan *recv = NULL, *send = NULL;
	uint64_t value, sum = 0;
	int status = -1;
	pid_t pid;

	must_int(kc_make_pair(&recv, &send, 8, 0), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		kc_unref(recv);
		for (value = 1; value <= 100; value++)
			if (kc_send(send, &value))
				_exit(1);
		_exit(0);
	}
	kc_unref(send);
	kc_for_each(recv, &value)
		sum += value;
	expect_int(sum, 5050);
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	kc_unref(recv);
}

static void test_messages(void)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *recv = NULL, *send = NULL;
	char buf[10];

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = 10;
	opts.cap = 1;
	must_int(kc_make_pair_opts(&recv, &send, &opts), 0);
	expect_int(kc_is_message(recv), 1);
	expect_int(kc_is_message(send), 1);
	expect_int(kc_send_msg(send, "abc", 3), 0);
	expect_int(kc_recv_msg(recv, buf, sizeof(buf)), 3);
	kc_unref(recv);
	kc_unref(send);
	opts.flags = 1U << 31;
	expect_int(kc_make_pair_opts(&recv, &send, &opts), -EINVAL);
}

static void test_nil(void)
{
	kc_chan *c = make(8, 1), *out = c;

	expect_int(kc_recv_only(&out, NULL), 0);
	expect(!out);
	out = c;
	expect_int(kc_send_only(&out, NULL), 0);
	expect(!out);
	kc_unref(c);
}

static void test_typed(void)
{
	int_chan *recv = NULL, *send = NULL, *recv2 = NULL, *send2 = NULL;
	int value = 0;

	must_int(int_chan_make_pair(&recv, &send, 1), 0);
	must_int(int_chan_recv_only(&recv2, recv), 0);
	must_int(int_chan_send_only(&send2, send), 0);
	expect_int(int_chan_send(send2, 11), 0);
	expect_int(int_chan_recv(recv2, &value), 1);
	expect_int(value, 11);
	expect_int(int_chan_send(recv, 1), -EBADF);
	expect_int(int_chan_recv_only(&recv2, send), -EBADF);
	int_chan_unref(recv);
	int_chan_unref(send);
	int_chan_unref(recv2);
	int_chan_unref(send2);
}

static int count_open(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Whatever step fails, nothing is left open. */
static void test_no_descriptors(void)
{
	kc_chan *recv = NULL, *send = NULL, *c = make(8, 1);
	int fd = dup(0), before, more;
	struct rlimit limit;

	/* The lowest free descriptor, and none above it is in use. */
	close(fd);
	before = count_open();
	must_int(before, fd);
	must_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (more = 0; more < 3; more++) {
		tap_about("%d descriptors", more);
		limit.rlim_cur = fd + more;
		must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
		expect_int(kc_make_pair(&recv, &send, 8, 1), -EMFILE);
		expect(!recv && !send);
		if (!more)
			expect_int(kc_recv_only(&recv, c), -EMFILE);
		expect_int(count_open(), before);
	}
	limit.rlim_cur = limit.rlim_max;
	must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	tap_about("enough");
	expect_int(kc_make_pair(&recv, &send, 8, 1), 0);
	expect_int(count_open(), before + 2);
	kc_unref(recv);
	kc_unref(send);
	expect_int(count_open(), before);
	kc_unref(c);
}

/* Calls of the parent, one of each kind, that are blocked when it forks. */
struct blocked {
	kc_chan *recv, *send;
	int fds[2];
};

static void *in_recv(void *arg)
{
	uint64_t value;

	expect_int(kc_recv(((struct blocked *)arg)->recv, &value), 0);
	return NULL;
}

static void *in_recv_timeout(void *arg)
{
	uint64_t value;

	expect_int(kc_recv_timeout(((struct blocked *)arg)->recv, &value,
				   1000 * KC_SECOND), 0);
	return NULL;
}

static void *in_select(void *arg)
{
	kc_chan *recv = ((struct blocked *)arg)->recv;
	uint64_t value;
	kc_case cases[] = {
		kc_case_recv(recv, &value), kc_case_recv(recv, &value),
		kc_case_after(1000 * KC_SECOND),
	};

	expect(kc_select(cases, 3) < 2);
	return NULL;
}

static void *in_send(void *arg)
{
	uint64_t value = 1;

	/* There is no receiver any more. */
	expect_int(kc_send(((struct blocked *)arg)->send, &value), -EPIPE);
	return NULL;
}

static void make_blocked(struct blocked *b)
{
	must_int(kc_make_pair(&b->recv, &b->send, 8, 0), 0);
	b->fds[0] = kc_fd(b->recv);
	b->fds[1] = kc_fd(b->send);
}

/*
 * The parent's calls hold nothing in the child: there, kc_unref() drops the last
 * reference.
 */
static void test_fork_blocked(void)
{
	void *(*const calls[])(void *arg) = {
		in_recv, in_recv_timeout, in_select, in_send, in_recv,
	};
	struct blocked b[ARRAY_SIZE(calls)];
	pthread_t threads[ARRAY_SIZE(calls)];
	unsigned int i, last = ARRAY_SIZE(calls) - 1;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		make_blocked(&b[i]);
		threads[i] = start(calls[i], &b[i]);
		if (calls[i] == in_send)
			wait_senders(b[i].send, 1);
		else
			wait_receivers(b[i].send, calls[i] == in_select ? 2 : 1);
	}
	/* Only the call holds the last one. */
	kc_unref(b[last].recv);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		expect_errno(fcntl(b[last].fds[0], F_GETFD), EBADF);
		for (i = 0; i < ARRAY_SIZE(calls); i++) {
			tap_about("call %u", i);
			if (i != last)
				kc_unref(b[i].recv);
			kc_unref(b[i].send);
			expect_errno(fcntl(b[i].fds[0], F_GETFD), EBADF);
			expect_errno(fcntl(b[i].fds[1], F_GETFD), EBADF);
		}
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	/* In the parent the calls continue, and hold the channels. */
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		kc_unref(calls[i] == in_send ? b[i].recv : b[i].send);
		join(threads[i]);
	}
}

/* What a thread makes, where its caller has it. */
struct made {
	kc_chan *recv, *send;
	atomic_bool over;
};

/* Room for so many takes a while. The device is open by then, and there is no handle. */
static void *make_large(void *arg)
{
	struct made *made = arg;

	expect_int(kc_make_pair(&made->recv, &made->send, 8, KCHAN_MAX_CAPACITY), 0);
	atomic_store(&made->over, true);
	return NULL;
}

/* Another thread is about to make a pair: the child has it, or nothing of it. */
static void test_fork_making(void)
{
	const int low = dup(0);
	int fd, i, open_before = 0, status;
	struct made made;
	pthread_t thread;
	pid_t pid;

	/* The lowest that is free. */
	close(low);
	for (i = 0; i < 20; i++) {
		made = (struct made){ 0 };
		thread = start(make_large, &made);
		while (fcntl(low, F_GETFD) < 0 && !atomic_load(&made.over))
			;
		open_before += !atomic_load(&made.over);
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			kc_unref(made.recv);
			kc_unref(made.send);
			for (fd = low; fd < low + 3; fd++)
				expect_errno(fcntl(fd, F_GETFD), EBADF);
			_exit(0);
		}
		must_int(waitpid(pid, &status, 0), pid);
		expect_int(status, 0);
		join(thread);
		kc_unref(made.recv);
		kc_unref(made.send);
	}
	tap_note("%d forks while one was made", open_before);
	expect(open_before);
}

#ifdef __x86_64__
#define TRAP_FLAG	((greg_t)0x100)

static bool is_child;
static unsigned int nr_forks, nr_bad;

/*
 * Runs after each instruction, and forks at one of them. The child continues without
 * it.
 */
static void fork_here(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	const int saved = errno;
	int status = 1;
	pid_t pid;

	(void)signal;
	(void)info;
	pid = fork();
	if (!pid) {
		is_child = true;
		at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	} else {
		waitpid(pid, &status, 0);
		nr_forks++;
		nr_bad += status != 0;
	}
	errno = saved;
}

static void step(bool on)
{
	unsigned long flags = __builtin_ia32_readeflags_u64();

	flags = on ? flags | TRAP_FLAG : flags & ~TRAP_FLAG;
	__builtin_ia32_writeeflags_u64(flags);
}

/*
 * A signal handler forks inside of a call, at each of its instructions. In the child
 * the call continues. Then the child drops the last reference, which closes the
 * descriptor.
 */
static void test_fork_in_call(void)
{
	const struct sigaction action = {
		.sa_sigaction = fork_here,
		.sa_flags = SA_SIGINFO,
	};
	kc_chan *c = make(8, 1);
	const int fd = kc_fd(c);

	if (SANITIZED)
		tap_skip("the sanitizer has handlers of its own");
	expect_int(kc_len(c), 0);
	must_int(sigaction(SIGTRAP, &action, NULL), 0);
	step(true);
	(void)kc_len(c);
	step(false);
	if (is_child) {
		kc_unref(c);
		_exit(fcntl(fd, F_GETFD) != -1);
	}
	tap_note("%u forks", nr_forks);
	expect(nr_forks > 20);
	expect_int(nr_bad, 0);
	kc_unref(c);
	expect_int(fcntl(fd, F_GETFD), -1);
}
#else
static void test_fork_in_call(void)
{
	tap_skip("how to step is known for x86-64");
}
#endif

static const struct tap_test tests[] = {
	{ "a handle goes one way only", test_direction },
	{ "a handle made of one of the same direction", test_again },
	{ "a pair closes by itself", test_closes_by_itself },
	{ "who waits is told when the other side goes", test_wakes },
	{ "a pair between two processes", test_fork },
	{ "calls that are blocked at a fork", test_fork_blocked },
	{ "a pair that is made while another thread forks", test_fork_making },
	{ "a call in which a handler forks", test_fork_in_call },
	{ "a pair of message mode", test_messages },
	{ "of the NULL channel", test_nil },
	{ "typed handles", test_typed },
	{ "no descriptors left", test_no_descriptors },
};

TAP_MAIN(tests)
