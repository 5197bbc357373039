// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions in processes of their own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "task.h"

/* Memory that both processes share. */
static atomic_int *shared;

static void share(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
}

static kc_process_options function(int (*fn)(void *arg), void *arg)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;

	options.fn = fn;
	options.arg = arg;
	return options;
}

static int run(const kc_process_options *options)
{
	int status = -1;
	kc_process *p;

	must_int(kc_process_start(&p, options), 0);
	must_int(kc_process_wait(p, &status), 0);
	kc_process_unref(p);
	return status;
}

static int run_fn(int (*fn)(void *arg), void *arg)
{
	const kc_process_options options = function(fn, arg);

	return run(&options);
}

static void expect_exited(int status, int code)
{
	if (!expect(WIFEXITED(status) && WEXITSTATUS(status) == code))
		tap_note("status %#x", status);
}

static int return_it(void *arg)
{
	return *(int *)arg;
}

static void test_status(void)
{
	int code = 7;

	expect_exited(run_fn(return_it, &code), 7);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static kc_chan *inherit(const char *name)
{
	kc_chan *c = NULL;

	must_int(kc_inherit(&c, name), 0);
	return c;
}

static int double_it(void *arg)
{
	kc_chan *in = inherit("in"), *out = inherit("out");
	uint64_t value;

	expect(!arg);
	kc_for_each(in, &value) {
		value *= 2;
		must_int(kc_send(out, &value), 0);
	}
	return 0;
}

static void test_worker(void)
{
	kc_process_options options = function(double_it, NULL);
	kc_chan *jobs, *results, *in, *out;
	uint64_t value = 21;
	kc_process *p;
	int status;

	must_int(kc_make_pair(&in, &jobs, 8, 0), 0);
	must_int(kc_make_pair(&results, &out, 8, 0), 0);
	options.ends = (kc_process_end[]){ KC_PROCESS_END("out", out),
				       KC_PROCESS_END("in", in) };
	options.nr_ends = 2;
	must_int(kc_process_start(&p, &options), 0);
	kc_unref(in);
	kc_unref(out);
	must_int(kc_send(jobs, &value), 0);
	must_int(kc_recv(results, &value), 1);
	expect_int(value, 42);
	kc_unref(jobs);
	expect_int(kc_recv(results, &value), 0);
	expect_int(kc_process_wait(p, &status), 0);
	expect_exited(status, 0);
	kc_process_unref(p);
	kc_unref(results);
}

static int count_open(void *arg)
{
	expect(!getenv("KCHAN_FDS") == !arg);
	return (int)count_fds();
}

static void test_descriptors(void)
{
	kc_process_options options = function(count_open, &options);
	kc_chan *c = make(8, 0);
	kc_process_end ends[20];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++)
		ends[i] = (kc_process_end)KC_PROCESS_END(NULL, c);
	options.ends = ends;
	options.nr_ends = ARRAY_SIZE(ends);
	expect_exited(run(&options), 3 + 20);
	expect_exited(run_fn(count_open, NULL), 3);
	options.stdio = (int[]){ -1, 1, 2 };
	options.nr_ends = 1;
	expect_exited(run(&options), 3 + 1);
}

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(shared, 1);
}

static void count_hundred(void *arg)
{
	(void)arg;
	atomic_fetch_add(shared, 100);
}

static int use_goroutines(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	KC_DEFER_SCOPE;
	int i;

	kc_defer(count_hundred, NULL);
	for (i = 0; i < 10; i++)
		must_int(kc_waitgroup_go(&wg, count, NULL), 0);
	kc_waitgroup_wait(&wg);
	expect_int(kc_recover(NULL), 0);
	(void)arg;
	return 3;
}

/* The deferred calls of the parent do not run in the child. */
static void fork_in_scope(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(arg, NULL);
	expect_exited(run_fn(use_goroutines, NULL), 3);
}

static void hold(void *arg)
{
	kc_waitgroup_wait(arg);
}

static void fork_in_goroutine(void *arg)
{
	kc_waitgroup_done(arg);
	fork_in_scope(count);
}

static void test_goroutines(void)
{
	kc_waitgroup go_on = KC_WAITGROUP_INIT, ended = KC_WAITGROUP_INIT;
	int i;

	if (THREAD_SANITIZED)
		tap_skip("the sanitizer has no threads in a child of threads");
	share();
	kc_waitgroup_add(&go_on, 1);
	for (i = 0; i < 5; i++)
		must_int(kc_waitgroup_go(&ended, hold, &go_on), 0);
	fork_in_scope(count);
	expect_int(atomic_load(shared), 111);
	must_int(kc_waitgroup_go(&ended, fork_in_goroutine, &go_on), 0);
	kc_waitgroup_wait(&ended);
	expect_int(atomic_load(shared), 222);
}

static int panics(void *arg)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	if (arg)
		dup2(STDOUT_FILENO, STDERR_FILENO);
	kc_panic("in a child");
}

static void fork_and_panic(void *arg)
{
	kc_process_options options = function(panics, NULL);
	int status;

	(void)arg;
	status = run(&options);
	must(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	abort();
}

static void protect(void *arg)
{
	kc_defer(count, NULL);
	expect_int(kc_protect(fork_and_panic, arg, NULL), 0);
}

static void go_and_protect(void *arg)
{
	must_int(kc_go(protect, arg), 0);
	for (;;)
		pause();
}

/*
 * A kc_protect() around the call does not exist in the child, so the panic ends the
 * child.
 */
static void test_panic(void)
{
	const char *const said[] = {
		"panic: in a child\n", "[running]:\npanics", NULL,
	};

	share();
	expect_abort(protect, NULL, said);
	expect_abort(go_and_protect, NULL, said);
	expect_int(atomic_load(shared), 0);
}

static kc_waitgroup let_go;

static void done(void *arg)
{
	(void)arg;
	kc_waitgroup_done(&let_go);
}

static void linger(void *arg)
{
	(void)arg;
	sleep_ms(100);
}

static void panics_late(void *arg)
{
	kc_defer(linger, NULL);
	kc_defer(done, NULL);
	panics(arg);
}

static int end_beside_panic(void *arg)
{
	kc_waitgroup_add(&let_go, 1);
	must_int(kc_go(panics_late, arg), 0);
	kc_waitgroup_wait(&let_go);
	return 0;
}

/* A goroutine of the child panics. Its deferred call lets the function return. */
static void test_panic_beside(void)
{
	int status;

	if (THREAD_SANITIZED)
		tap_skip("the sanitizer has no threads in a child of threads");
	status = run_fn(end_beside_panic, NULL);
	if (!expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT))
		tap_note("status %#x", status);
}

/* The child makes channels, which get the numbers of the parent's descriptors. */
static int use_contexts(void *arg)
{
	kc_chan *mine[8], *done;
	kc_ctx *ctx;
	kc_case one;
	int i;

	(void)arg;
	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	for (i = 0; i < 8; i++) {
		mine[i] = make(0, 4);
		must_int(kc_send(mine[i], NULL), 0);
	}
	for (i = 0; i < 8; i++) {
		one = kc_case_done(ctx);
		expect_int(kc_select(&one, 1), 0);
		expect_int(one.status, -ECANCELED);
		expect_int(kc_recv_ctx(ctx, mine[i], NULL), -ECANCELED);
	}
	must_int(kc_ctx_done(&done, ctx), 0);
	expect_int(kc_recv_timeout(done, NULL, KC_SECOND), 0);
	/* Nothing was received from these. */
	for (i = 0; i < 8; i++)
		expect_int(kc_len(mine[i]), 1);
	return 0;
}

static void test_contexts(void)
{
	kc_chan *done;
	kc_ctx *ctx;

	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	must_int(kc_ctx_done(&done, ctx), 0);
	expect_int(kc_recv(done, NULL), 0);
	expect_exited(run_fn(use_contexts, NULL), 0);
	kc_ctx_unref(ctx);
}

static int goes_exit(void *arg)
{
	kc_defer(count, arg);
	kc_goexit();
}

static void recover(void *arg)
{
	(void)arg;
	expect_int(kc_recover(NULL), 1);
}

static int recovers(void *arg)
{
	kc_defer(recover, arg);
	kc_panic("never mind");
}

static void test_goexit(void)
{
	share();
	expect_exited(run_fn(goes_exit, NULL), 0);
	expect_int(atomic_load(shared), 1);
	expect_exited(run_fn(recovers, NULL), 0);
}

static int print(void *arg)
{
	printf("%s", (char *)arg);
	return 0;
}

/* The parent writes what it has buffered itself. */
static void test_output(void)
{
	kc_process_options options = function(print, (void *)"theirs ");
	char text[100];
	ssize_t len;
	int ends[2];

	must_int(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOFBF, 4096);
	printf("ours ");
	expect_exited(run(&options), 0);
	fflush(stdout);
	len = read(ends[0], text, sizeof(text) - 1);
	must(len > 0);
	text[len] = '\0';
	if (!expect(!strcmp(text, "theirs ours ")))
		fprintf(stderr, "# %s\n", text);
}

static void on_signal(int signal)
{
	(void)signal;
	count(NULL);
}

static int look_at_signals(void *arg)
{
	struct sigaction caught, ignored;
	sigset_t mask;

	sigaction(SIGUSR1, NULL, &caught);
	sigaction(SIGUSR2, NULL, &ignored);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	expect(!arg);
	return (caught.sa_handler == SIG_DFL) | (ignored.sa_handler == SIG_IGN) << 1 |
		sigismember(&mask, SIGWINCH) << 2 |
		sigismember(&mask, SIGTERM) << 3;
}

static void test_signals(void)
{
	sigset_t mask;

	share();
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	expect_exited(run_fn(look_at_signals, NULL), 7);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	expect(!sigismember(&mask, SIGTERM));
}

static int overflow(void *arg)
{
	volatile char room[4096];

	/* This never happens, but the compiler does not know that. */
	if (arg == shared)
		return 0;
	room[0] = 1;
	return overflow((void *)room) + room[0];
}

static void go_and_overflow(void *arg)
{
	int status = run_fn(overflow, arg);

	must(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	abort();
}

static void overflow_in_goroutine(void *arg)
{
	must_int(kc_go(go_and_overflow, arg), 0);
	for (;;)
		pause();
}

/* A fault is still reported. */
static void test_overflow(void)
{
	const char *const said[] = { "stack overflow", NULL };

	if (SANITIZED)
		tap_skip("the sanitizer handles them");
	expect_abort(overflow_in_goroutine, (void *)said, said);
}

/* There is no status, and no other process is mistaken for it. */
static void test_nobody_knows(void)
{
	const kc_process_options options = function(return_it, &(int){ 3 });
	const unsigned int rounds = tap_scale(50);
	unsigned int i;
	kc_process *p;

	signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < rounds; i++) {
		must_int(kc_process_start(&p, &options), 0);
		expect_int(kc_process_wait(p, NULL), -ECHILD);
		kc_process_unref(p);
	}
}

static void test_errors(void)
{
	kc_process_options options = function(return_it, &(int){ 0 });
	const struct rlimit few = { 8, 8 };
	kc_chan *c = make(8, 0);
	kc_process_end ends[6];
	kc_process *p = NULL;
	size_t i;

	options.dir = "/nowhere";
	expect_int(kc_process_start(&p, &options), -ENOENT);
	options.dir = NULL;
	options.stdio = (int[]){ 0, 99, 2 };
	expect_int(kc_process_start(&p, &options), -EBADF);
	options.stdio = NULL;
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		ends[i] = (kc_process_end)KC_PROCESS_END(NULL, c);
	options.ends = ends;
	options.nr_ends = ARRAY_SIZE(ends);
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_int(kc_process_start(&p, &options), -EMFILE);
	expect(!p);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
	kc_unref(c);
}

/* Forks while other threads use locks of libc and of the library. */
struct busy {
	atomic_bool stop;
};

static void *be_busy(void *arg)
{
	struct busy *busy = arg;
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	while (!atomic_load(&busy->stop)) {
		free(malloc(100));
		must_int(kc_waitgroup_go(&wg, count, NULL), 0);
		kc_waitgroup_wait(&wg);
	}
	return NULL;
}

static int use_all(void *arg)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	int i;

	for (i = 0; i < 5; i++) {
		free(malloc(100));
		must_int(kc_waitgroup_go(&wg, count, arg), 0);
	}
	kc_waitgroup_wait(&wg);
	return 0;
}

static void test_locks(void)
{
	const unsigned int rounds = tap_scale(50);
	struct busy busy = { false };
	pthread_t threads[2];
	unsigned int i;

	if (SANITIZED)
		tap_skip("the sanitizer's allocator stays locked in a child");
	share();
	threads[0] = start(be_busy, &busy);
	threads[1] = start(be_busy, &busy);
	for (i = 0; i < rounds; i++)
		expect_exited(run_fn(use_all, NULL), 0);
	atomic_store(&busy.stop, true);
	join(threads[0]);
	join(threads[1]);
}

static const struct tap_test tests[] = {
	{ "what it returns is its status", test_status },
	{ "a worker ends with its channels", test_worker },
	{ "it has the listed ends, and no other descriptors", test_descriptors },
	{ "goroutines and deferred calls, but its own only", test_goroutines },
	{ "a panic ends it, and it alone", test_panic },
	{ "a panic of one of its goroutines, while it returns", test_panic_beside },
	{ "contexts of its own, after the parent's", test_contexts },
	{ "goexit, and a panic that it recovers", test_goexit },
	{ "what each prints is printed once", test_output },
	{ "signals", test_signals },
	{ "a stack overflow is told", test_overflow },
	{ "nobody knows how it has ended", test_nobody_knows },
	{ "what goes wrong", test_errors },
	{ "forked while others hold locks", test_locks },
};

TAP_MAIN(tests)
