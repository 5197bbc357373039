// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for contexts and times only. This needs no channel: here, no descriptor can
 * be made. Together with descriptors it needs one more descriptor, and no channel
 * either.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bubble.h"
#include "contexts.h"
#include "seen.h"

/* From now on, each call that makes a descriptor fails. */
static void have_no_descriptors(void)
{
	const struct rlimit none = { 0, 0 };
	kc_chan *c;

	must_int(setrlimit(RLIMIT_NOFILE, &none), 0);
	must(kc_make(&c, 8, 0) < 0);
}

static void *cancel_soon(void *ctx)
{
	sleep_ms(20);
	expect_int(kc_cancel(ctx), 0);
	return NULL;
}

static void *cancel_now(void *ctx)
{
	expect_int(kc_cancel(ctx), 0);
	return NULL;
}

static void test_sleep(void)
{
	kc_ctx *ctx = cancellable(NULL), *timed = with_timeout(NULL, SOON);
	long long begin = tap_now_ns();
	pthread_t thread;

	have_no_descriptors();
	expect_int(kc_sleep_ctx(ctx, SOON), 0);
	expect(tap_now_ns() - begin >= SOON);
	expect_int(kc_sleep_ctx(ctx, 0), 0);
	expect_int(kc_sleep_ctx(ctx, -1), 0);
	thread = start(cancel_soon, ctx);
	expect_int(kc_sleep_ctx(ctx, LATE), -ECANCELED);
	join(thread);
	expect_int(kc_sleep_ctx(ctx, LATE), -ECANCELED);
	expect_int(kc_sleep_ctx(ctx, 0), -ECANCELED);
	expect_int(kc_sleep_ctx(timed, LATE), -ETIMEDOUT);
	expect(tap_now_ns() - begin < LATE);
	kc_ctx_unref(ctx);
	kc_ctx_unref(timed);
}

static void test_select(void)
{
	kc_ctx *ctx[] = { cancellable(NULL), cancellable(NULL), cancellable(NULL) };
	kc_case cases[] = {
		kc_case_done(ctx[0]), kc_case_done(NULL), kc_case_done(ctx[1]),
		kc_case_after(LATE), kc_case_recv(NULL, NULL), kc_case_fd(-1, 0),
	};
	pthread_t thread;

	have_no_descriptors();
	expect_int(kc_try_select(cases, 3), -EAGAIN);
	expect_int(kc_select_timeout(cases, 6, SOON), -ETIMEDOUT);
	expect_int(kc_select_deadline(cases, 6, kc_now() + SOON), -ETIMEDOUT);
	thread = start(cancel_soon, ctx[1]);
	expect_int(kc_select(cases, 6), 2);
	expect_int(cases[2].status, -ECANCELED);
	join(thread);
	expect_int(kc_try_select(cases, 3), 2);
	/* The duration comes first. */
	cases[2] = kc_case_done(ctx[2]);
	cases[3] = kc_case_after(SOON);
	expect_int(kc_select(cases, 6), 3);
	/* The context of the call is not among the cases. */
	thread = start(cancel_soon, ctx[2]);
	cases[2] = kc_case_done(ctx[0]);
	cases[3] = kc_case_after(LATE);
	expect_int(kc_select_ctx(ctx[2], cases, 6), -ECANCELED);
	join(thread);
	for (int i = 0; i < 3; i++)
		kc_ctx_unref(ctx[i]);
}

static void test_deadlines(void)
{
	const long long begin = tap_now_ns();
	kc_ctx *late = with_timeout(NULL, LATE), *soon = with_timeout(NULL, SOON);
	kc_case cases[] = {
		kc_case_done(late), kc_case_done(soon), kc_case_after(LATE),
	};

	have_no_descriptors();
	expect_int(kc_select(cases, 3), 1);
	expect_int(cases[1].status, -ETIMEDOUT);
	expect(tap_now_ns() - begin >= SOON - KC_MILLISECOND);
	expect(tap_now_ns() - begin < LATE);
	kc_ctx_unref(late);
	kc_ctx_unref(soon);
}

/* Each of the ready cases is equally likely. */
static void test_choice(void)
{
	kc_ctx *open = cancellable(NULL), *over = cancellable(NULL);
	kc_case cases[] = {
		kc_case_done(open), kc_case_done(over), kc_case_done(over),
		kc_case_done(open), kc_case_done(over),
	};
	int count[5] = { 0 }, i;

	have_no_descriptors();
	kc_cancel(over);
	for (i = 0; i < 3000; i++)
		count[kc_select(cases, 5)]++;
	expect(!count[0] && !count[3]);
	for (i = 1; i < 5; i++)
		expect(i == 3 || (count[i] > 800 && count[i] < 1200));
	kc_ctx_unref(open);
	kc_ctx_unref(over);
}

static void test_limit(void)
{
	kc_ctx *open = cancellable(NULL), *over = cancellable(NULL);
	kc_case cases[65];
	int i;

	have_no_descriptors();
	kc_cancel(over);
	for (i = 0; i < 65; i++)
		cases[i] = kc_case_done(open);
	expect_int(kc_select_timeout(cases, 65, SOON), -E2BIG);
	cases[63] = kc_case_done(over);
	expect_int(kc_select(cases, 64), 63);
	kc_ctx_unref(open);
	kc_ctx_unref(over);
}

static kc_ctx *awaited;

static void wait_for_it(void *arg)
{
	(void)arg;
	expect_int(kc_sleep_ctx(awaited, LATE), -ECANCELED);
}

static void test_seen(void)
{
	awaited = cancellable(NULL);
	go_named("sleeper", wait_for_it);
	until(is_in("sleeper", KC_STATE_SELECT));
	expect_int(look_for("sleeper").g.flags, KC_GOROUTINE_TIMED);
	kc_cancel(awaited);
	must_int(kc_shutdown(), 0);
	kc_ctx_unref(awaited);
}

static void sleep_inside(void *arg)
{
	kc_ctx *ctx = with_timeout(NULL, HOUR);
	const int64_t begin = kc_now();

	(void)arg;
	expect_int(kc_sleep_ctx(ctx, HOUR / 2), 0);
	expect_int(kc_now() - begin, HOUR / 2);
	expect_int(kc_sleep_ctx(ctx, HOUR), -ETIMEDOUT);
	expect_int(kc_now() - begin, HOUR);
	kc_ctx_unref(ctx);
}

static void test_clock(void)
{
	run_inside(sleep_inside, NULL);
}

/*
 * All are asked at the same time. The second one fails, so the third one is cancelled.
 */
struct asked {
	kc_ctx *ctx;
	int64_t takes;
	bool no;
	int ret;
};

static kc_error *ask(void *arg)
{
	struct asked *a = arg;

	a->ret = kc_sleep_ctx(a->ctx, a->takes);
	if (a->ret)
		return kc_error_new(a->ret, NULL);
	return a->no ? kc_errorf(-ENOENT, "no") : NULL;
}

static void test_group(void)
{
	struct asked asked[] = {
		{ .takes = 0 }, { .takes = SOON, .no = true }, { .takes = LATE },
	};
	kc_group g = KC_GROUP_INIT;
	kc_error *err;
	kc_ctx *ctx;

	have_no_descriptors();
	must_int(kc_group_with_context(&g, &ctx, NULL), 0);
	for (int i = 0; i < 3; i++) {
		asked[i].ctx = ctx;
		must_int(kc_group_go(&g, ask, &asked[i]), 0);
	}
	err = kc_group_wait(&g);
	expect_int(kc_error_code(err), -ENOENT);
	expect_int(asked[0].ret, 0);
	expect_int(asked[1].ret, 0);
	expect_int(asked[2].ret, -ECANCELED);
	kc_error_unref(err);
	kc_ctx_unref(ctx);
}

/*
 * Contexts that are cancelled, or whose deadline passes, just when others begin to
 * wait.
 */
struct crowd {
	kc_ctx *ctx;
	kc_ctx *never;
	kc_waitgroup wg;
};

static void wait_in_crowd(void *arg)
{
	struct crowd *crowd = arg;
	kc_case cases[] = {
		kc_case_done(crowd->never), kc_case_done(crowd->ctx),
	};
	int ret = kc_select(cases, 2);

	expect_int(ret, 1);
	expect_int(cases[1].status, kc_ctx_err(crowd->ctx));
}

static void test_crowd(void)
{
	const unsigned long rounds = tap_scale(500);
	struct crowd crowd = { .never = cancellable(NULL) };
	unsigned long i;
	int k;

	have_no_descriptors();
	for (i = 0; i < rounds; i++) {
		crowd.ctx = with_timeout(NULL, i % 100 * 2 * KC_MICROSECOND);
		for (k = 0; k < 4; k++)
			must_int(kc_waitgroup_go(&crowd.wg, wait_in_crowd, &crowd),
				 0);
		if (i % 2)
			kc_cancel(crowd.ctx);
		kc_waitgroup_wait(&crowd.wg);
		kc_ctx_unref(crowd.ctx);
	}
	kc_ctx_unref(crowd.never);
}

/* The lowest free descriptor: it is the same as before if none is left open. */
static int free_fd(void)
{
	const int fd = dup(STDOUT_FILENO);

	must(fd >= 0);
	close(fd);
	return fd;
}

static void *write_soon(void *arg)
{
	sleep_ms(20);
	must_int(write(*(int *)arg, "x", 1), 1);
	return NULL;
}

static void test_descriptors(void)
{
	kc_ctx *ctx = cancellable(NULL), *soon = with_timeout(NULL, SOON);
	int ends[2], free, count[2] = { 0 }, i;
	pthread_t thread;
	kc_case cases[3];

	must_int(pipe(ends), 0);
	free = free_fd();
	cases[0] = kc_case_fd(ends[0], POLLIN);
	cases[1] = kc_case_done(ctx);
	cases[2] = kc_case_after(LATE);
	expect_int(kc_try_select(cases, 2), -EAGAIN);
	expect_int(kc_select_timeout(cases, 3, SOON), -ETIMEDOUT);
	thread = start(write_soon, &ends[1]);
	expect_int(kc_select(cases, 3), 0);
	expect_int(cases[0].revents, POLLIN);
	join(thread);
	expect_int(kc_select_ctx(ctx, cases, 1), 0);
	/* A context's deadline. The context of the call is not among the cases. */
	cases[0] = kc_case_fd(ends[1], POLLIN);
	expect_int(kc_select_ctx(soon, cases, 3), -ETIMEDOUT);
	kc_ctx_unref(soon);
	soon = with_timeout(NULL, SOON);
	cases[2] = kc_case_done(soon);
	expect_int(kc_select(cases, 3), 2);
	expect_int(cases[2].status, -ETIMEDOUT);
	cases[2] = kc_case_after(LATE);
	thread = start(cancel_soon, ctx);
	expect_int(kc_select(cases, 3), 1);
	expect_int(cases[1].status, -ECANCELED);
	expect_int(cases[1].revents, 0);
	join(thread);
	/* Both are ready. */
	cases[0] = kc_case_fd(ends[0], POLLIN);
	for (i = 0; i < 1000; i++)
		count[kc_select(cases, 2)]++;
	expect(count[0] > 350 && count[1] > 350);
	expect_int(free_fd(), free);
	have_no_descriptors();
	expect_int(kc_try_select(cases, 2), -EMFILE);
	expect_int(cases[1].status, -EMFILE);
	kc_ctx_unref(ctx);
	kc_ctx_unref(soon);
}

/* The context is cancelled just when the call ends for another reason. */
static void test_descriptors_crowd(void)
{
	const unsigned long rounds = tap_scale(500);
	unsigned long i;
	pthread_t thread;
	kc_case cases[2];
	int ends[2], ret;
	kc_ctx *ctx;

	must_int(pipe(ends), 0);
	for (i = 0; i < rounds; i++) {
		ctx = cancellable(NULL);
		thread = start(cancel_now, ctx);
		cases[0] = kc_case_fd(ends[0], POLLIN);
		cases[1] = kc_case_done(ctx);
		ret = kc_select_timeout(cases, 2, i % 50 * 2 * KC_MICROSECOND);
		expect(ret == 1 || ret == -ETIMEDOUT);
		join(thread);
		expect_int(kc_select(cases, 2), 1);
		kc_ctx_unref(ctx);
	}
}

/* Waits in which a signal handler forks. */
static struct forking {
	kc_ctx *ctx;
	pthread_t waiter;
	_Atomic pid_t child;		/* 0: this process; -1: not forked yet */
} forking;

static int wait_for_time(kc_ctx *ctx)
{
	return kc_sleep_ctx(ctx, LATE);
}

static int wait_for_tokens(kc_ctx *ctx)
{
	kc_sem sem = KC_SEM_INIT(1);

	must_int(kc_sem_try_acquire(&sem, 1), 0);
	return kc_sem_acquire_ctx(ctx, &sem, 1);
}

static int wait_for_descriptor(kc_ctx *ctx)
{
	kc_case one;
	int ends[2], ret;

	must_int(pipe(ends), 0);
	one = kc_case_fd(ends[0], POLLIN);
	ret = kc_select_ctx(ctx, &one, 1);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static void fork_in_wait(int signal)
{
	const pid_t child = fork();

	(void)signal;
	if (!child)
		start(cancel_soon, forking.ctx);
	atomic_store(&forking.child, child);
}

/*
 * In the parent. It cancels after the child has cancelled its own, which must not end
 * this wait.
 */
static void *interrupt(void *arg)
{
	int status;

	until(look_for("forks").g.state != KC_STATE_RUNNING);
	must_int(pthread_kill(forking.waiter, SIGUSR1), 0);
	until(atomic_load(&forking.child) > 0);
	must_int(waitpid(atomic_load(&forking.child), &status, 0),
		 atomic_load(&forking.child));
	expect_int(status, 0);
	sleep_ms(20);
	expect(look_for("forks").g.state != KC_STATE_RUNNING);
	expect_int(kc_cancel(forking.ctx), 0);
	return arg;
}

static void wait_and_fork(const char *about, int (*wait)(kc_ctx *ctx))
{
	pthread_t thread;
	int ret;

	tap_about("%s", about);
	forking.ctx = cancellable(NULL);
	atomic_store(&forking.child, -1);
	thread = start(interrupt, NULL);
	ret = wait(forking.ctx);
	if (!atomic_load(&forking.child))
		_exit(!(ret == -ECANCELED && kc_ctx_err(forking.ctx) == ret));
	expect_int(ret, -ECANCELED);
	join(thread);
	kc_ctx_unref(forking.ctx);
}

/* The thread that forked waits in both processes, each for its own context. */
static void test_fork_in_wait(void)
{
	struct sigaction forks = { .sa_handler = fork_in_wait };

	must_int(sigaction(SIGUSR1, &forks, NULL), 0);
	kc_set_goname("forks");
	forking.waiter = pthread_self();
	wait_and_fork("a time", wait_for_time);
	wait_and_fork("tokens", wait_for_tokens);
	wait_and_fork("a descriptor", wait_for_descriptor);
}

static const struct tap_test tests[] = {
	{ "sleep", test_sleep },
	{ "select", test_select },
	{ "deadlines", test_deadlines },
	{ "any of those that are ready", test_choice },
	{ "no more than 64", test_limit },
	{ "who waits is seen", test_seen },
	{ "by the clock that leaps", test_clock },
	{ "an errgroup", test_group },
	{ "many, just in time", test_crowd },
	{ "together with descriptors", test_descriptors },
	{ "together with descriptors, just in time", test_descriptors_crowd },
	{ "a signal handler forks in the middle of it", test_fork_in_wait },
};

TAP_MAIN(tests)
