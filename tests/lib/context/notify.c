// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals as elements of channels, and signals that cancel a context.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static const int usr1[] = { SIGUSR1 };
static const int both[] = { SIGUSR1, SIGUSR2 };

/* The next signal, or 0 if there is none. */
static int next(kc_chan *c)
{
	int signum = 0;

	must_int(kc_recv_timeout(c, &signum, LATE), 1);
	return signum;
}

static void test_told(void)
{
	kc_chan *c = make(sizeof(int), 4);

	must_int(kc_notify(c, both, 2), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(c), SIGUSR1);
	must_int(raise(SIGUSR2), 0);
	expect_int(next(c), SIGUSR2);
	must_int(kill(getpid(), SIGUSR1), 0);
	expect_int(next(c), SIGUSR1);
	expect_int(kc_len(c), 0);
	kc_notify_stop(c);
	kc_unref(c);
}

static void test_several(void)
{
	kc_chan *a = make(sizeof(int), 4), *b = make(sizeof(int), 4);
	const int more[] = { SIGHUP, SIGUSR1 };

	must_int(kc_notify(a, usr1, 1), 0);
	must_int(kc_notify(b, both, 2), 0);
	/* The second call adds signals. */
	must_int(kc_notify(a, more, 2), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(a), SIGUSR1);
	expect_int(next(b), SIGUSR1);
	must_int(raise(SIGUSR2), 0);
	expect_int(next(b), SIGUSR2);
	must_int(raise(SIGHUP), 0);
	expect_int(next(a), SIGHUP);
	expect_int(kc_len(a) + kc_len(b), 0);

	kc_notify_stop(a);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(b), SIGUSR1);
	expect_int(kc_len(a), 0);
	kc_notify_stop(b);
	kc_notify_stop(b);
	kc_notify_stop(NULL);
	kc_unref(a);
	kc_unref(b);
}

/*
 * The library does not wait for a channel that is full or closed, or has no receiver.
 */
static void test_dropped(void)
{
	kc_chan *c = make(sizeof(int), 1), *rendezvous = make(sizeof(int), 0);
	kc_chan *last = make(sizeof(int), 8);
	struct call call;
	int i;

	must_int(kc_notify(c, usr1, 1), 0);
	must_int(kc_notify(rendezvous, usr1, 1), 0);
	must_int(kc_notify(last, usr1, 1), 0);
	for (i = 0; i < 3; i++) {
		must_int(raise(SIGUSR1), 0);
		expect_int(next(last), SIGUSR1);
	}
	expect_int(kc_len(c), 1);
	expect_int(next(c), SIGUSR1);
	/* A waiting receiver gets it. */
	call_recv(&call, rendezvous);
	must_int(raise(SIGUSR1), 0);
	expect_int(call_end(&call), 1);
	memcpy(&i, &call.value, sizeof(i));
	expect_int(i, SIGUSR1);
	expect_int(next(last), SIGUSR1);
	expect_int(kc_close(c), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(last), SIGUSR1);
	/* The channels are held until they are stopped. */
	kc_unref(c);
	kc_unref(rendezvous);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(last), SIGUSR1);
	kc_notify_stop(last);
	kc_unref(last);
}

static volatile sig_atomic_t handled;

static void handle(int signum)
{
	(void)signum;
	handled++;
}

static void test_before(void)
{
	struct sigaction action = { .sa_handler = handle }, seen;
	kc_chan *c = make(sizeof(int), 4), *d = make(sizeof(int), 4);
	pid_t pid;
	int status;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	must_int(kc_notify(c, both, 2), 0);
	must_int(kc_notify(d, both, 2), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(c), SIGUSR1);
	expect_int(handled, 0);
	/*
	 * When no channel receives the signal any more, its previous action is
	 * restored.
	 */
	kc_notify_stop(c);
	must_int(raise(SIGUSR1), 0);
	expect_int(handled, 0);
	kc_notify_stop(d);
	expect_int(kc_len(d), 2);
	must_int(raise(SIGUSR1), 0);
	expect_int(handled, 1);
	must_int(sigaction(SIGUSR2, NULL, &seen), 0);
	expect(seen.sa_handler == SIG_DFL);
	pid = fork();
	if (!pid) {
		raise(SIGUSR2);
		_exit(1);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
	kc_unref(c);
	kc_unref(d);
}

static void test_invalid(void)
{
	static const int invalid[] = {
		0, -1, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
		SIGTRAP, SIGSYS, 32, 33, 65, 1000, -1000,
	};
	kc_chan *c = make(sizeof(int), 1), *wide = make(8, 1), *in, *out;
	kc_chan *messages = make_messages(sizeof(int), 1);
	int two[2] = { SIGUSR1, 0 };
	struct sigaction seen;
	kc_ctx *ctx;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		tap_about("signal %d", invalid[i]);
		two[1] = invalid[i];
		expect_int(kc_notify(c, two, 2), -EINVAL);
		expect_int(kc_notify_context(&ctx, NULL, two, 2), -EINVAL);
	}
	tap_about("others");
	expect_int(kc_notify(NULL, usr1, 1), -EINVAL);
	expect_int(kc_notify(wide, usr1, 1), -EINVAL);
	expect_int(kc_notify(messages, usr1, 1), -EINVAL);
	must_int(kc_make_pair(&in, &out, sizeof(int), 1), 0);
	expect_int(kc_notify(in, usr1, 1), -EBADF);
	/* Nothing has changed. */
	must_int(sigaction(SIGUSR1, NULL, &seen), 0);
	expect(seen.sa_handler == SIG_DFL);
	two[0] = SIGRTMIN;
	two[1] = SIGRTMAX;
	expect_int(kc_notify(out, two, 2), 0);
	must_int(raise(SIGRTMAX), 0);
	expect_int(next(in), SIGRTMAX);
	kc_notify_stop(out);
	kc_unref(c);
	kc_unref(wide);
	kc_unref(messages);
	kc_unref(in);
	kc_unref(out);
}

/* Interrupted calls continue, and errno does not change. */
static void test_interrupts(void)
{
	kc_chan *c = make(sizeof(int), 4), *d = make(8, 0);
	struct call call;
	int fds[2];
	char byte;

	must_int(pipe(fds), 0);
	must_int(kc_notify(c, usr1, 1), 0);
	call_recv(&call, d);
	must_int(pthread_kill(call.thread, SIGUSR1), 0);
	expect_int(next(c), SIGUSR1);
	sleep_ms(10);
	wait_receivers(d, 1);
	send_now(d, 5);
	expect_int(call_end(&call), 1);
	errno = 77;
	must_int(raise(SIGUSR1), 0);
	expect_int(errno, 77);
	expect_int(next(c), SIGUSR1);
	/* A system call of the program is restarted. */
	if (!fork()) {
		sleep_ms(30);
		kill(getppid(), SIGUSR1);
		sleep_ms(30);
		_exit(write(fds[1], "x", 1) != 1);
	}
	expect_int(read(fds[0], &byte, 1), 1);
	expect_int(next(c), SIGUSR1);
	kc_notify_stop(c);
	kc_unref(c);
	kc_unref(d);
}

/* The child has the action from before kc_notify(). */
static void test_fork(void)
{
	kc_chan *c = make(sizeof(int), 4), *own;
	struct sigaction action = { .sa_handler = handle }, seen;
	kc_ctx *ctx;
	pid_t pid;
	int status;

	if (THREAD_SANITIZED)
		tap_skip("the sanitizer calls no handlers in a child of threads");
	must_int(sigaction(SIGUSR2, &action, NULL), 0);
	must_int(kc_notify(c, both, 2), 0);
	must_int(kc_notify_context(&ctx, NULL, usr1, 1), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must_int(sigaction(SIGUSR1, NULL, &seen), 0);
		expect(seen.sa_handler == SIG_DFL);
		must_int(raise(SIGUSR2), 0);
		expect_int(handled, 1);
		own = make(sizeof(int), 1);
		must_int(kc_notify(own, usr1, 1), 0);
		must_int(raise(SIGUSR1), 0);
		expect_int(next(own), SIGUSR1);
		expect_int(kc_ctx_err(ctx), 0);
		kc_cancel_unref(ctx);
		kc_notify_stop(c);
		kc_unref(c);
		kc_unref(own);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect_int(kc_len(c), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(c), SIGUSR1);
	until(kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	kc_notify_stop(c);
	kc_unref(c);
}

static void test_context(void)
{
	struct sigaction seen;
	kc_ctx *ctx, *below, *parent;

	must_int(kc_notify_context(&ctx, NULL, both, 2), 0);
	must_int(kc_with_cancel(&below, ctx), 0);
	expect_int(kc_ctx_err(ctx), 0);
	must_int(raise(SIGUSR2), 0);
	expect_int(kc_recv_ctx(below, NULL, NULL), -ECANCELED);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(kc_error_code(kc_ctx_cause(below)), -ECANCELED);
	expect(!strcmp(kc_error_text(kc_ctx_cause(below)),
		       "signal: User defined signal 2"));
	/* The signals are caught until the context is cancelled. */
	must_int(raise(SIGUSR2), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(kc_cancel(ctx), 0);
	must_int(sigaction(SIGUSR2, NULL, &seen), 0);
	expect(seen.sa_handler == SIG_DFL);
	kc_ctx_unref(ctx);
	kc_ctx_unref(below);

	/* Or until it is freed. A cancelled parent does not end this. */
	must_int(kc_with_cancel(&parent, NULL), 0);
	must_int(kc_notify_context(&ctx, parent, usr1, 1), 0);
	expect_int(kc_cancel(parent), 0);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	must_int(raise(SIGUSR1), 0);
	kc_ctx_unref(ctx);
	must_int(sigaction(SIGUSR1, NULL, &seen), 0);
	expect(seen.sa_handler == SIG_DFL);
	kc_ctx_unref(parent);
}

static atomic_bool over;

static void *raise_often(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		kill(getpid(), SIGUSR1);
		kc_sleep(20 * KC_MICROSECOND);
	}
	return NULL;
}

/* Starts and stops while signals arrive: after a stop nothing is sent. */
static void test_storm(void)
{
	const unsigned long rounds = tap_scale(300);
	kc_chan *always = make(sizeof(int), 1);
	pthread_t thread;
	unsigned long i;
	kc_ctx *ctx;
	kc_chan *c;
	int len;

	must_int(kc_notify(always, usr1, 1), 0);
	thread = start(raise_often, NULL);
	for (i = 0; i < rounds; i++) {
		c = make(sizeof(int), 64);
		must_int(kc_notify(c, both, 2), 0);
		must_int(kc_notify_context(&ctx, NULL, both, 2), 0);
		if (i % 2)
			expect_int(next(c), SIGUSR1);
		kc_notify_stop(c);
		len = kc_len(c);
		if (i % 3)
			kc_ctx_unref(ctx);
		else
			kc_cancel_unref(ctx);
		kc_sleep(50 * KC_MICROSECOND);
		must_int(kc_len(c), len);
		kc_unref(c);
	}
	atomic_store(&over, true);
	join(thread);
	expect_int(next(always), SIGUSR1);
	kc_notify_stop(always);
	kc_unref(always);
}

static bool is_default(int signum)
{
	struct sigaction seen;

	must_int(sigaction(signum, NULL, &seen), 0);
	return seen.sa_handler == SIG_DFL;
}

/* An empty list means all signals except the one that the library uses. */
static void test_all(void)
{
	const int some[] = { SIGHUP, SIGCHLD, SIGUSR1, SIGWINCH, SIGTSTP, SIGPIPE };
	kc_chan *c = make(sizeof(int), 16);
	kc_ctx *ctx = NULL;
	size_t i;

	signal(SIGUSR1, SIG_DFL);
	must_int(kc_notify(c, NULL, 0), 0);
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		must_int(raise(some[i]), 0);
		expect_int(next(c), some[i]);
	}
	must_int(raise(SIGRTMAX), 0);
	expect_int(next(c), SIGRTMAX);
	expect(is_default(SIGURG) && is_default(SIGKILL) && is_default(SIGSYS));
	must_int(raise(SIGURG), 0);
	must_int(raise(SIGHUP), 0);
	expect_int(next(c), SIGHUP);
	expect_int(kc_len(c), 0);
	kc_notify_stop(c);
	for (i = 0; i < ARRAY_SIZE(some); i++)
		expect(is_default(some[i]));

	must_int(kc_notify_context(&ctx, NULL, NULL, 0), 0);
	must_int(raise(SIGWINCH), 0);
	until(kc_ctx_err(ctx));
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	kc_ctx_unref(ctx);
	expect(is_default(SIGWINCH));
	kc_unref(c);
}

static void test_reset(void)
{
	struct sigaction action = { .sa_handler = handle };
	kc_chan *a = make(sizeof(int), 4), *b = make(sizeof(int), 4);
	const int invalid[] = { SIGUSR1, SIGKILL };
	const int from = handled, fd = kc_fd(b);
	kc_ctx *ctx = NULL;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	must_int(kc_notify(a, both, 2), 0);
	must_int(kc_notify(b, usr1, 1), 0);
	must_int(kc_notify_context(&ctx, NULL, both, 2), 0);
	expect_int(kc_signal_reset(invalid, 2), -EINVAL);
	kc_cancel_unref(ctx);
	must_int(kc_notify_context(&ctx, NULL, usr1, 1), 0);

	/* A signal that came before is still sent. */
	must_int(raise(SIGUSR1), 0);
	expect_int(kc_signal_reset(usr1, 1), 0);
	expect_int(handled, from);
	expect_int(kc_len(a), 1);
	expect_int(kc_len(b), 1);
	expect_int(kc_ctx_err(ctx), -ECANCELED);
	expect_int(next(a), SIGUSR1);

	/* A signal that comes later is not, and has its previous action. */
	must_int(raise(SIGUSR1), 0);
	expect_int(handled, from + 1);
	must_int(raise(SIGUSR2), 0);
	expect_int(next(a), SIGUSR2);
	expect_int(kc_len(b), 1);
	/* A channel without signals is not held any more. */
	kc_unref(b);
	expect_int(fcntl(fd, F_GETFD), -1);
	kc_notify_stop(b);

	expect_int(kc_signal_reset(NULL, 0), 0);
	expect(is_default(SIGUSR2));
	/* And once more. */
	must_int(kc_notify(a, both, 2), 0);
	must_int(raise(SIGUSR1), 0);
	expect_int(next(a), SIGUSR1);
	expect_int(handled, from + 1);
	kc_notify_stop(a);
	must_int(raise(SIGUSR1), 0);
	expect_int(handled, from + 2);
	expect_int(kc_signal_reset(NULL, 0), 0);
	kc_ctx_unref(ctx);
	kc_unref(a);
	signal(SIGUSR1, SIG_DFL);
}

static void test_ignored(void)
{
	kc_chan *c = make(sizeof(int), 4);

	expect_int(kc_signal_ignored(SIGUSR1), 0);
	expect_int(kc_signal_ignored(SIGCHLD), 0);
	expect_int(kc_signal_ignored(SIGKILL), 0);
	signal(SIGUSR1, SIG_IGN);
	expect_int(kc_signal_ignored(SIGUSR1), 1);
	must_int(kc_notify(c, usr1, 1), 0);
	expect_int(kc_signal_ignored(SIGUSR1), 0);
	kc_notify_stop(c);
	expect_int(kc_signal_ignored(SIGUSR1), 1);
	signal(SIGUSR1, SIG_DFL);
	expect_int(kc_signal_ignored(0), -EINVAL);
	expect_int(kc_signal_ignored(-1), -EINVAL);
	expect_int(kc_signal_ignored(NSIG), -EINVAL);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "told of signals", test_told },
	{ "several channels", test_several },
	{ "what there is no room for is dropped", test_dropped },
	{ "as before", test_before },
	{ "invalid", test_invalid },
	{ "what was interrupted goes on", test_interrupts },
	{ "fork", test_fork },
	{ "contexts", test_context },
	{ "no signals are all", test_all },
	{ "reset", test_reset },
	{ "ignored", test_ignored },
	{ "while signals arrive", test_storm },
};

TAP_MAIN(tests)
