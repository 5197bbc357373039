// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts in several processes: after a fork(), and by a descriptor.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "child.h"
#include "contexts.h"
#include "task.h"

/* Two processes in step: one signals, and the other one waits. */
static void signal_step(int step)
{
	const uint64_t one = 1;

	must_int(write(step, &one, 8), 8);
}

static void await_step(int step)
{
	uint64_t value;

	must_int(read(step, &value, 8), 8);
}

/*
 * Returns the number of descriptors. Expects that none of them can keep open a channel
 * that another process has to close.
 */
static unsigned int look_at_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	struct kchan_info info;
	unsigned int count = 0;

	must(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (ioctl(atoi(entry->d_name), KCHAN_IOC_INFO, &info))
			continue;
		expect(!(info.flags & KCHAN_INFO_SEND) ||
		       info.flags & KCHAN_INFO_RECV);
	}
	closedir(dir);
	return count - 1;
}

static void add(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

/* All ways to learn that a context is cancelled. */
enum { ERR, RECV, CASE, CASE_ONLY, DONE, FUNC, SEM, SLEEP, BELOW, WAYS };

static void learn(kc_ctx *ctx, int way)
{
	kc_sem sem = KC_SEM_INIT(1);
	kc_chan *c = make(8, 0);
	atomic_int ran = 0;
	struct pollfd fd;
	uint64_t value;
	kc_case cases[2];
	kc_ctx *below;

	switch (way) {
	case ERR:
		until(kc_ctx_err(ctx));
		break;
	case RECV:
		expect_int(kc_recv_ctx(ctx, c, &value), -ECANCELED);
		break;
	case CASE:
		cases[0] = kc_case_recv(c, &value);
		cases[1] = kc_case_done(ctx);
		expect_int(kc_select(cases, 2), 1);
		expect_int(cases[1].status, -ECANCELED);
		break;
	case CASE_ONLY:
		cases[0] = kc_case_done(ctx);
		expect_int(kc_select_timeout(cases, 1, LATE), 0);
		expect_int(cases[0].status, -ECANCELED);
		break;
	case DONE:
		fd = (struct pollfd){ kc_fd(done(ctx)), POLLIN, 0 };
		expect_int(poll(&fd, 1, tap_patience() * 1000), 1);
		break;
	case FUNC:
		must_int(kc_after_func(NULL, ctx, add, &ran), 0);
		until(atomic_load(&ran));
		break;
	case SEM:
		kc_sem_acquire(&sem, 1);
		expect_int(kc_sem_acquire_ctx(ctx, &sem, 1), -ECANCELED);
		break;
	case SLEEP:
		expect_int(kc_sleep_ctx(ctx, LATE), -ECANCELED);
		break;
	case BELOW:
		below = with_timeout(ctx, LATE);
		expect_int(kc_recv_ctx(below, c, &value), -ECANCELED);
		expect(kc_ctx_cause(below) == kc_ctx_cause(ctx));
		kc_ctx_unref(below);
		break;
	}
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_error_code(kc_ctx_cause(ctx)), -ECANCELED);
	kc_unref(c);
}

/* A cancel in the parent cancels the context in the child. */
static void test_downward(void)
{
	int ready = eventfd(0, 0), way;
	kc_ctx *top, *ctx;
	pid_t pid;

	for (way = 0; way < WAYS; way++) {
		tap_about("way %d", way);
		top = cancellable(NULL);
		ctx = cancellable(top);
		done(ctx);
		if (in_child(&pid)) {
			expect_int(kc_ctx_err(ctx), 0);
			signal_step(ready);
			learn(ctx, way);
			kc_ctx_unref(ctx);
			kc_ctx_unref(top);
			_exit(0);
		}
		await_step(ready);
		sleep_ms(10);
		expect_int(kc_cancel(top), 0);
		expect_good(pid);
		kc_ctx_unref(ctx);
		kc_ctx_unref(top);
	}
}

/* A cancel in the child only affects the child. */
static void test_not_upward(void)
{
	kc_ctx *top = cancellable(NULL), *ctx = cancellable(top);
	kc_chan *c = done(ctx), *old = done(top);
	pid_t pid;

	if (in_child(&pid)) {
		kc_ctx *low = cancellable(ctx);

		look_at_fds();
		/* The child has a channel of its own. */
		expect(done(ctx) != c);
		expect_int(kc_cancel(ctx), 0);
		expect_int(kc_ctx_err(ctx), -ECANCELED);
		expect_int(kc_ctx_err(low), -ECANCELED);
		expect_int(kc_ctx_err(top), 0);
		expect_int(kc_try_recv(done(ctx), NULL), 0);
		/* The parent's channel is open. */
		expect_int(kc_try_recv(c, NULL), -EAGAIN);
		expect_int(kc_cancel(top), 0);
		expect_int(kc_try_recv(old, NULL), -EAGAIN);
		kc_ctx_unref(low);
		kc_ctx_unref(ctx);
		kc_ctx_unref(top);
		_exit(0);
	}
	expect_good(pid);
	expect_int(kc_ctx_err(top), 0);
	expect_int(kc_ctx_err(ctx), 0);
	expect_int(kc_try_recv(c, NULL), -EAGAIN);
	expect_int(kc_cancel(top), 0);
	expect_int(kc_try_recv(c, NULL), 0);
	kc_ctx_unref(ctx);
	kc_ctx_unref(top);
}

/* The child has no descriptor that could keep a channel of the parent open. */
static void test_death(void)
{
	int ready = eventfd(0, 0), way, status;
	kc_ctx *ctx;
	pid_t middle, pid;
	kc_chan *told;
	uint64_t one = 1;

	for (way = 0; way < WAYS; way++) {
		tap_about("way %d", way);
		told = make(8, 1);
		if (in_child(&middle)) {
			ctx = cancellable(NULL);
			done(ctx);
			if (!in_child(&pid)) {
				for (;;)
					pause();
			}
			look_at_fds();
			signal_step(ready);
			learn(ctx, way);
			kc_ctx_unref(ctx);
			must_int(kc_send(told, &one), 0);
			_exit(0);
		}
		await_step(ready);
		sleep_ms(10);
		must_int(kill(middle, SIGKILL), 0);
		must_int(waitpid(middle, &status, 0), middle);
		expect_int(kc_recv_timeout(told, &one, LATE), 1);
		kc_unref(told);
	}
}

/* From a child to its child, through a process that does nothing. */
static void test_generations(void)
{
	int ready = eventfd(0, 0), who;
	kc_ctx *top, *ctx, *low;
	pid_t pid, again;

	for (who = 0; who < 3; who++) {
		tap_about("cancelled by %d", who);
		top = cancellable(NULL);
		ctx = with_timeout(top, LATE);
		done(top);
		done(ctx);
		if (in_child(&pid)) {
			low = cancellable(ctx);
			done(ctx);
			done(low);
			if (in_child(&again)) {
				signal_step(ready);
				if (who == 2)
					expect_int(kc_cancel(ctx), 0);
				learn(low, who == 0 ? RECV : DONE);
				kc_ctx_unref(low);
				kc_ctx_unref(ctx);
				kc_ctx_unref(top);
				_exit(0);
			}
			if (who == 1) {
				await_step(ready);
				expect_int(kc_cancel(ctx), 0);
			}
			expect_good(again);
			expect_int(kc_ctx_err(ctx), who == 2 ? 0 : -ECANCELED);
			kc_ctx_unref(low);
			kc_ctx_unref(ctx);
			kc_ctx_unref(top);
			_exit(0);
		}
		if (who != 1)
			await_step(ready);
		if (who == 0)
			expect_int(kc_cancel(top), 0);
		expect_good(pid);
		expect_int(kc_ctx_err(ctx), who ? 0 : -ECANCELED);
		kc_ctx_unref(ctx);
		kc_ctx_unref(top);
	}
}

/* If one way shows that it is cancelled, all ways do. */
static void test_causality(void)
{
	const unsigned long rounds = tap_scale(100);
	kc_chan *c = make(8, 0);
	unsigned long i;
	uint64_t one = 1;
	kc_ctx *ctx;
	pid_t pid;

	for (i = 0; i < rounds; i++) {
		ctx = cancellable(NULL);
		done(ctx);
		if (in_child(&pid)) {
			must_int(kc_recv(c, &one), 1);
			must_int(kc_ctx_err(ctx), -ECANCELED);
			_exit(0);
		}
		must_int(kc_cancel(ctx), 0);
		must_int(kc_send(c, &one), 0);
		expect_good(pid);
		kc_ctx_unref(ctx);
	}
	kc_unref(c);
}

/* Deadlines hold in both processes. Contexts without a channel are independent. */
static void test_deadlines(void)
{
	kc_ctx *top = with_timeout(NULL, 3 * SOON), *ctx = cancellable(top);
	kc_ctx *other = cancellable(NULL);
	int ready = eventfd(0, 0);
	kc_chan *c;
	pid_t pid;

	/* It was armed in the parent, which does not help the child. */
	c = done(ctx);
	if (in_child(&pid)) {
		struct pollfd fd = { kc_fd(done(ctx)), POLLIN, 0 };

		expect_int(poll(&fd, 1, tap_patience() * 1000), 1);
		/* Or the parent's channel shows it, which is closed then, too. */
		expect(kc_ctx_err(ctx) < 0);
		expect_int(kc_sleep_ctx(top, LATE), -ETIMEDOUT);
		expect_int(kc_ctx_err(top), -ETIMEDOUT);
		await_step(ready);
		expect_int(kc_ctx_err(other), 0);
		_exit(0);
	}
	expect_int(kc_recv_timeout(c, NULL, LATE), 0);
	expect_int(kc_ctx_err(ctx), -ETIMEDOUT);
	expect_int(kc_cancel(other), 0);
	signal_step(ready);
	expect_good(pid);
	kc_ctx_unref(ctx);
	kc_ctx_unref(top);
	kc_ctx_unref(other);
}

static void send_fd(int to, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	must_int(sendmsg(to, &message, 0), 1);
}

static int recv_fd(int from)
{
	char byte, room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	int fd;

	must_int(recvmsg(from, &message, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* The ways in which the context in the other process ends. */
enum { CANCEL, DEADLINE, FREE, EXIT, KILL, ENDS };

static void own(int socket, int end)
{
	kc_ctx *ctx;

	ctx = end == DEADLINE ? with_timeout(NULL, 3 * SOON) :
				cancellable(NULL);
	send_fd(socket, kc_fd(done(ctx)));
	if (end == DEADLINE) {
		expect_int(kc_sleep_ctx(ctx, LATE), -ETIMEDOUT);
		sleep_ms(1000 * tap_patience());
	}
	sleep_ms(20);
	switch (end) {
	case CANCEL:
		expect_int(kc_cancel(ctx), 0);
		break;
	case FREE:
		kc_ctx_unref(ctx);
		break;
	case EXIT:
		_exit(0);
	case KILL:
		kill(getpid(), SIGKILL);
	}
	pause();
}

static void test_from_fd(void)
{
	int pair[2], way, end;
	kc_ctx *ctx;
	pid_t pid;

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (end = 0; end < ENDS; end++) {
		for (way = 0; way < WAYS; way++) {
			tap_about("end %d, way %d", end, way);
			if (in_child(&pid)) {
				own(pair[1], end);
				_exit(1);
			}
			must_int(kc_ctx_from_fd(&ctx, NULL, recv_fd(pair[0])),
				 0);
			learn(ctx, way);
			kc_ctx_unref(ctx);
			kill(pid, SIGKILL);
			must_int(waitpid(pid, NULL, 0), pid);
		}
	}
}

/* It is a context like others. */
static void test_from_fd_here(void)
{
	kc_ctx *origin = cancellable(NULL), *parent = with_timeout(NULL, LATE);
	unsigned int fds = look_at_fds();
	int64_t deadline;
	int key = 0, fd;
	kc_ctx *value, *ctx;
	kc_chan *c;

	must_int(kc_with_value(&value, parent, &key, &key, NULL), 0);
	fd = dup(kc_fd(done(origin)));
	must_int(kc_ctx_from_fd(&ctx, value, fd), 0);
	expect(kc_ctx_value(ctx, &key) == &key);
	expect_int(kc_ctx_deadline(ctx, &deadline), 1);
	expect_int(kc_ctx_err(ctx), 0);
	/* It is cancelled by itself, which the origin does not see. */
	c = done(ctx);
	expect_int(kc_cancel(ctx), 0);
	expect_int(kc_try_recv(c, NULL), 0);
	expect_int(kc_ctx_err(origin), 0);
	kc_ctx_unref(ctx);

	/* Its parent cancels it. */
	must_int(kc_ctx_from_fd(&ctx, value, dup(kc_fd(done(origin)))), 0);
	expect_int(kc_cancel(parent), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	kc_ctx_unref(ctx);
	kc_ctx_unref(value);
	kc_ctx_unref(parent);

	/* The origin is cancelled already. */
	fd = dup(kc_fd(done(origin)));
	expect_int(kc_cancel(origin), 0);
	must_int(kc_ctx_from_fd(&ctx, NULL, fd), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	parent = cancellable(ctx);
	expect_int(kc_ctx_err(parent), -ECANCELED);
	kc_ctx_unref(parent);
	kc_ctx_unref(ctx);
	kc_ctx_unref(origin);
	/* The descriptors of the keeper are left, and one that is closed later. */
	expect(look_at_fds() <= fds + 3);
}

static void test_from_fd_invalid(void)
{
	kc_ctx *ctx = NULL;
	kc_chan *both = make(0, 0), *in, *out;
	int fds[2], fd;

	must_int(pipe(fds), 0);
	must_int(kc_make_pair(&in, &out, 8, 1), 0);
	expect_int(kc_ctx_from_fd(&ctx, NULL, -1), -EBADF);
	expect_int(kc_ctx_from_fd(&ctx, NULL, 1000), -EBADF);
	expect_int(kc_ctx_from_fd(&ctx, NULL, fds[0]), -ENOTTY);
	expect_int(kc_ctx_from_fd(&ctx, NULL, kc_fd(both)), -EINVAL);
	expect_int(kc_ctx_from_fd(&ctx, NULL, kc_fd(out)), -EBADF);
	expect(!ctx);
	/* A received element also cancels it. */
	fd = dup(kc_fd(in));
	must_int(kc_ctx_from_fd(&ctx, NULL, fd), 0);
	expect_int(kc_ctx_err(ctx), 0);
	send_now(out, 5);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_len(in), 1);
	kc_ctx_unref(ctx);
	expect_errno(close(fd), EBADF);
	kc_unref(both);
	kc_unref(in);
	kc_unref(out);
}

/*
 * Forks while other threads make channels and cancel. The child has none of the
 * parent's sending ends, and all locks are free.
 */
static atomic_bool over;

static void *make_often(void *arg)
{
	kc_ctx *top = arg, *ctx;
	unsigned int seed = (uintptr_t)&seed;

	while (!atomic_load(&over)) {
		ctx = rand_r(&seed) % 2 ? cancellable(top) :
					  with_timeout(top, SOON);
		if (rand_r(&seed) % 4)
			done(ctx);
		if (rand_r(&seed) % 2)
			kc_cancel(ctx);
		kc_ctx_unref(ctx);
	}
	return NULL;
}

static void test_storm(void)
{
	const unsigned long rounds = tap_scale(60);
	kc_ctx *top = cancellable(NULL), *ctx;
	pthread_t threads[2];
	unsigned long i;
	size_t t;
	pid_t pid;

	done(top);
	for (t = 0; t < ARRAY_SIZE(threads); t++)
		threads[t] = start(make_often, top);
	for (i = 0; i < rounds; i++) {
		if (in_child(&pid)) {
			look_at_fds();
			ctx = with_timeout(top, LATE);
			done(ctx);
			expect_int(kc_cancel(top), 0);
			expect_int(kc_try_recv(done(ctx), NULL), 0);
			kc_ctx_unref(ctx);
			kc_ctx_unref(top);
			_exit(0);
		}
		expect_good(pid);
	}
	atomic_store(&over, true);
	for (t = 0; t < ARRAY_SIZE(threads); t++)
		join(threads[t]);
	expect_int(kc_ctx_err(top), 0);
	kc_ctx_unref(top);
}

static const struct tap_test tests[] = {
	{ "fork: what the parent cancels", test_downward },
	{ "fork: what the child cancels", test_not_upward },
	{ "fork: the parent's death", test_death },
	{ "fork: several generations", test_generations },
	{ "fork: told by two ways", test_causality },
	{ "fork: deadlines", test_deadlines },
	{ "fork: while others are busy", test_storm },
	{ "a descriptor from another process", test_from_fd },
	{ "a descriptor from here", test_from_fd_here },
	{ "a descriptor that will not do", test_from_fd_invalid },
};

TAP_MAIN(tests)
